/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Telemetry: the card's logs, sampled each second while a file is open. Readers
 * get the last sample with its age; they never ask the card.
 *
 * aci_telemetry.lock protects the sample.
 */
#ifndef ACI_TELEMETRY_H
#define ACI_TELEMETRY_H

#include <linux/atomic.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/workqueue.h>
#include <aci/aci_log.h>

struct aci_device;

/**
 * struct aci_sample - a sample of the logs
 */
struct aci_sample {
	/** @valid: there is one */
	bool valid;
	/** @taken: when, in jiffies */
	u64 taken;
	/** @health: health log; as the card wrote it */
	struct aci_log_health health;
	/** @engines: engine log; as the card wrote it */
	struct aci_log_engines engines;
};

/**
 * struct aci_telemetry - sampling
 */
struct aci_telemetry {
	/** @adev: device */
	struct aci_device *adev;
	/** @users: open files */
	atomic_t users;
	/** @work: takes a sample */
	struct delayed_work work;
	/** @lock: protects all below */
	spinlock_t lock;
	/** @last: last sample */
	struct aci_sample last;
	/** @stale_at: when the next sample is overdue, in jiffies */
	u64 stale_at;
	/** @heartbeat: last value of the register */
	u32 heartbeat;
	/** @heartbeat_seen: when it changed, in jiffies */
	u64 heartbeat_seen;
	/** @heartbeat_lost: it stopped, and no reset has been made for that */
	bool heartbeat_lost;
};

void aci_telemetry_init(struct aci_device *adev);
void aci_telemetry_start(struct aci_device *adev);
void aci_telemetry_stop(struct aci_device *adev);
void aci_telemetry_resume(struct aci_device *adev);
void aci_telemetry_get_user(struct aci_device *adev);
void aci_telemetry_put_user(struct aci_device *adev);
void aci_telemetry_kick(struct aci_device *adev);
bool aci_telemetry_read(struct aci_device *adev, struct aci_sample *sample, u64 *age_ms);
bool aci_telemetry_take_heartbeat_lost(struct aci_device *adev);
bool aci_telemetry_is_stale(struct aci_device *adev);
u64 aci_telemetry_heartbeat_age_ms(struct aci_device *adev);

#endif /* ACI_TELEMETRY_H */
