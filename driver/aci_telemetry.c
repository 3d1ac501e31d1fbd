// SPDX-License-Identifier: GPL-2.0
/*
 * Telemetry, and the watch over the card's heartbeat.
 */

#include <linux/jiffies.h>

#include "aci_mmio.h"
#include "aci_recovery.h"
#include "aci_reset.h"

/* A card that nobody uses is looked at, too: for those who watch machines. */
#define ACI_TELEMETRY_PERIOD		HZ
#define ACI_TELEMETRY_PERIOD_UNUSED	(10 * HZ)

/* Samples that may fail to come before the last one is stale. */
#define ACI_TELEMETRY_STALE_PERIODS	3

static unsigned long aci_telemetry_period(const struct aci_telemetry *telemetry)
{
	return atomic_read(&telemetry->users) ? ACI_TELEMETRY_PERIOD : ACI_TELEMETRY_PERIOD_UNUSED;
}

static int aci_telemetry_get_log(struct aci_device *adev, u32 id, void *log, u32 bytes)
{
	struct aci_admin_req req = {
		.cmd.opcode = ACI_ADMIN_GET_LOG,
		.cmd.get_log.log_id = cpu_to_le32(id),
		.out = log,
		.data_bytes = bytes,
	};

	return aci_admin_exec(adev, &req);
}

static void aci_telemetry_sample(struct aci_device *adev)
{
	struct aci_telemetry *telemetry = &adev->telemetry;
	struct aci_sample sample = {};
	int ret;

	down_read(&adev->reset_sem);
	ret = aci_is_ok(adev) ? 0 : -ENODEV;
	ret = ret ?: aci_telemetry_get_log(adev, ACI_LOG_HEALTH, &sample.health,
					   sizeof(sample.health));
	ret = ret ?: aci_telemetry_get_log(adev, ACI_LOG_ENGINES, &sample.engines,
					   sizeof(sample.engines));
	up_read(&adev->reset_sem);
	if (ret)
		return;
	sample.valid = true;
	sample.taken = get_jiffies_64();
	spin_lock(&telemetry->lock);
	telemetry->last = sample;
	telemetry->stale_at = sample.taken +
			      ACI_TELEMETRY_STALE_PERIODS * aci_telemetry_period(telemetry);
	spin_unlock(&telemetry->lock);
}

/* Look at the registers that tell whether the card lives. */
static void aci_telemetry_watch(struct aci_device *adev)
{
	struct aci_telemetry *telemetry = &adev->telemetry;
	unsigned long bound = aci_bound_jiffies(adev->caps.heartbeat_ms);
	u32 heartbeat = aci_read32(adev, ACI_REG_HEARTBEAT);
	u32 status = aci_read32(adev, ACI_REG_STATUS);
	u64 now = get_jiffies_64();
	bool dead = false;

	spin_lock(&telemetry->lock);
	if (heartbeat != telemetry->heartbeat || !telemetry->heartbeat_seen) {
		telemetry->heartbeat = heartbeat;
		telemetry->heartbeat_seen = now;
	} else if (time_after64(now, telemetry->heartbeat_seen + bound)) {
		/* Once, not each second until the reset is over. */
		telemetry->heartbeat_seen = now;
		telemetry->heartbeat_lost = true;
		dead = true;
	}
	spin_unlock(&telemetry->lock);

	if (status == ACI_MMIO_GONE) {
		aci_reset_request(adev, "card is gone");
	} else if (status & ACI_STATUS_REG_FATAL) {
		drm_dbg(&adev->drm, "fatal, code %#x\n", ACI_STATUS_REG_CODE(status));
		aci_reset_request(adev, "card reports a fatal error");
	} else if (dead) {
		aci_reset_request(adev, "no heartbeat");
	} else if (status & ACI_STATUS_REG_EVENT_OVERFLOW) {
		aci_write32(adev, ACI_REG_STATUS, ACI_STATUS_REG_EVENT_OVERFLOW);
		aci_recovery_scan(adev);
	}
}

static void aci_telemetry_work(struct work_struct *work)
{
	struct aci_telemetry *telemetry = container_of(to_delayed_work(work), struct aci_telemetry,
						       work);
	struct aci_device *adev = telemetry->adev;
	enum aci_state state;
	int idx;

	if (!drm_dev_enter(&adev->drm, &idx))
		return;
	/* A card that is being reset or asleep answers nothing, which means nothing. */
	down_read(&adev->reset_sem);
	state = aci_get_state(adev);
	if (state == ACI_STATE_OK)
		aci_telemetry_watch(adev);
	up_read(&adev->reset_sem);
	aci_telemetry_sample(adev);
	if (state < ACI_STATE_ASLEEP)
		queue_delayed_work(adev->wq, &telemetry->work, aci_telemetry_period(telemetry));
	drm_dev_exit(idx);
}

/**
 * aci_telemetry_init() - set up
 * @adev: device
 */
void aci_telemetry_init(struct aci_device *adev)
{
	struct aci_telemetry *telemetry = &adev->telemetry;

	telemetry->adev = adev;
	spin_lock_init(&telemetry->lock);
	INIT_DELAYED_WORK(&telemetry->work, aci_telemetry_work);
}

/**
 * aci_telemetry_start() - take the first sample
 * @adev: device with a running admin queue
 */
void aci_telemetry_start(struct aci_device *adev)
{
	aci_telemetry_sample(adev);
	queue_delayed_work(adev->wq, &adev->telemetry.work, ACI_TELEMETRY_PERIOD_UNUSED);
}

/**
 * aci_telemetry_stop() - take no more samples
 * @adev: device
 */
void aci_telemetry_stop(struct aci_device *adev)
{
	cancel_delayed_work_sync(&adev->telemetry.work);
}

/**
 * aci_telemetry_kick() - take a sample soon
 * @adev: device
 *
 * Any context.
 */
void aci_telemetry_kick(struct aci_device *adev)
{
	mod_delayed_work(adev->wq, &adev->telemetry.work, 0);
}

/**
 * aci_telemetry_resume() - take samples again
 * @adev: device
 */
void aci_telemetry_resume(struct aci_device *adev)
{
	/* Nobody watched meanwhile: give the heartbeat its full time. */
	spin_lock(&adev->telemetry.lock);
	adev->telemetry.heartbeat_seen = 0;
	spin_unlock(&adev->telemetry.lock);
	aci_telemetry_kick(adev);
}

/**
 * aci_telemetry_get_user() - a file was opened
 * @adev: device
 */
void aci_telemetry_get_user(struct aci_device *adev)
{
	struct aci_telemetry *telemetry = &adev->telemetry;

	if (atomic_inc_return(&telemetry->users) != 1)
		return;
	aci_telemetry_resume(adev);
	spin_lock(&telemetry->lock);
	telemetry->stale_at = min(telemetry->stale_at, get_jiffies_64() +
				  ACI_TELEMETRY_STALE_PERIODS * ACI_TELEMETRY_PERIOD);
	spin_unlock(&telemetry->lock);
}

/**
 * aci_telemetry_put_user() - a file was closed
 * @adev: device
 */
void aci_telemetry_put_user(struct aci_device *adev)
{
	atomic_dec(&adev->telemetry.users);
}

/**
 * aci_telemetry_read() - the last sample
 * @adev: device
 * @sample: gets it
 * @age_ms: gets its age
 *
 * Return: whether there is one.
 */
bool aci_telemetry_read(struct aci_device *adev, struct aci_sample *sample, u64 *age_ms)
{
	struct aci_telemetry *telemetry = &adev->telemetry;

	spin_lock(&telemetry->lock);
	*sample = telemetry->last;
	spin_unlock(&telemetry->lock);
	*age_ms = jiffies64_to_msecs(get_jiffies_64() - sample->taken);
	return sample->valid;
}

/**
 * aci_telemetry_is_stale() - does the last sample tell nothing about now?
 * @adev: device
 *
 * Return: true if samples fail to come, or the card is not at work.
 */
bool aci_telemetry_is_stale(struct aci_device *adev)
{
	struct aci_telemetry *telemetry = &adev->telemetry;
	bool stale;

	spin_lock(&telemetry->lock);
	stale = !telemetry->last.valid || time_after64(get_jiffies_64(), telemetry->stale_at);
	spin_unlock(&telemetry->lock);
	return stale || !aci_is_ok(adev);
}

/**
 * aci_telemetry_take_heartbeat_lost() - is a reset made for want of a heartbeat?
 * @adev: device
 *
 * Return: the answer; false when asked again.
 */
bool aci_telemetry_take_heartbeat_lost(struct aci_device *adev)
{
	bool lost;

	spin_lock(&adev->telemetry.lock);
	lost = adev->telemetry.heartbeat_lost;
	adev->telemetry.heartbeat_lost = false;
	spin_unlock(&adev->telemetry.lock);
	return lost;
}

/**
 * aci_telemetry_heartbeat_age_ms() - time since the heartbeat was seen to change
 * @adev: device
 *
 * Return: milliseconds.
 */
u64 aci_telemetry_heartbeat_age_ms(struct aci_device *adev)
{
	u64 seen;

	spin_lock(&adev->telemetry.lock);
	seen = adev->telemetry.heartbeat_seen;
	spin_unlock(&adev->telemetry.lock);
	return seen ? jiffies64_to_msecs(get_jiffies_64() - seen) : 0;
}
