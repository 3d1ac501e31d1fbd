// SPDX-License-Identifier: GPL-2.0
/*
 * Card reset.
 *
 * VMs and queues are rebuilt with the same ids. Jobs that never started are
 * replayed from the ring if card memory survived; jobs that started end with
 * an error. If any step fails the card loses the bus and the device is wedged:
 * fences get an error, nothing blocks, only a new probe helps.
 */

#include <drm/drm_file.h>
#include <aci/aci_status.h>

#include "aci_device.h"
#include "aci_doorbell.h"
#include "aci_export.h"
#include "aci_gem.h"
#include "aci_hw.h"
#include "aci_job.h"
#include "aci_ladder.h"
#include "aci_mmio.h"
#include "aci_queue.h"
#include "aci_recovery.h"
#include "aci_reset.h"
#include "aci_trace.h"
#include "aci_user_queue.h"
#include "aci_vm.h"

/**
 * aci_reset_request() - have the card reset soon
 * @adev: device
 * @why: for the log
 *
 * Any context.
 */
void aci_reset_request(struct aci_device *adev, const char *why)
{
	/* A reset that is in progress, or about to begin, meets what went wrong itself. */
	if (!aci_is_ok(adev) || atomic_xchg(&adev->reset_requested, 1))
		return;
	queue_work(adev->reset_wq, &adev->reset_work);
	drm_warn(&adev->drm, "card reset: %s\n", why);
}

/**
 * aci_reset_and_wait() - make sure that the card is reset, or wedged
 * @adev: device; the caller does not hold reset_sem
 * @generation: reset generation before what went wrong
 * @why: for the log
 *
 * When it returns, the card has forgotten what it knew in that generation, and
 * makes no DMA for it; the reset may go on, see aci_reset_await_end().
 */
void aci_reset_and_wait(struct aci_device *adev, u64 generation, const char *why)
{
	bool over;

	for (;;) {
		down_read(&adev->reset_sem);
		over = adev->reset_generation != generation || !aci_is_ok(adev);
		up_read(&adev->reset_sem);
		if (over)
			return;
		aci_reset_request(adev, why);
		/* Removal and shutdown cancel the work, and stop the card themselves. */
		wait_event(adev->state_wait, !aci_is_ok(adev) ||
			   READ_ONCE(adev->reset_generation) != generation);
	}
}

/**
 * aci_reset_set_state() - change the state
 * @adev: device; the caller holds reset_sem for writing
 * @state: new state
 *
 * Those who wait for a reset to begin, or to end, look again.
 */
void aci_reset_set_state(struct aci_device *adev, enum aci_state state)
{
	WRITE_ONCE(adev->state, state);
	wake_up_all(&adev->state_wait);
}

/**
 * aci_reset_await_end() - wait while somebody resets the card
 * @adev: device; the caller is not inside drm_dev_enter() and holds no lock
 *
 * Return: 0, or -ERESTARTSYS after a signal.
 */
int aci_reset_await_end(struct aci_device *adev)
{
	return wait_event_interruptible(adev->state_wait,
					aci_get_state(adev) != ACI_STATE_RESETTING);
}

/**
 * aci_reset_await_end_killable() - the same, for a page fault
 * @adev: device; the caller is not inside drm_dev_enter() and holds no lock but
 *	mmap_lock
 *
 * Return: 0, or -ERESTARTSYS after a fatal signal.
 */
int aci_reset_await_end_killable(struct aci_device *adev)
{
	return wait_event_killable(adev->state_wait, aci_get_state(adev) != ACI_STATE_RESETTING);
}

static void aci_reset_set_running(struct aci_device *adev, bool running)
{
	if (running) {
		aci_irq_set_running(adev, true);
		aci_events_set_running(adev, true);
		aci_inval_start(adev);
		aci_admin_start(adev);
	} else {
		aci_admin_stop(adev);
		aci_inval_stop(adev);
		aci_irq_set_running(adev, false);
		aci_events_set_running(adev, false);
	}
}

/**
 * aci_reset_start() - enable a disabled card for use
 * @adev: device; the caller is probe or the reset
 *
 * Return: 0 or a negative error.
 */
int aci_reset_start(struct aci_device *adev)
{
	int ret = aci_hw_enable(adev);

	if (!ret)
		aci_reset_set_running(adev, true);
	return ret;
}

/**
 * aci_reset_stop() - disable a card that is in use
 * @adev: device; the caller holds reset_sem for writing
 *
 * No handler of the card's interrupts is running when it returns.
 *
 * Return: 0 or a negative error.
 */
int aci_reset_stop(struct aci_device *adev)
{
	aci_reset_set_running(adev, false);
	return aci_hw_disable(adev);
}

/**
 * aci_reset_hold_queues() - let no queue touch its ring
 * @adev: device; the caller holds reset_sem for writing
 */
void aci_reset_hold_queues(struct aci_device *adev)
{
	struct aci_queue *queue;

	mutex_lock(&adev->object_lock);
	list_for_each_entry(queue, &adev->queues, node) {
		spin_lock_irq(&queue->lock);
		if (queue->state == ACI_QUEUE_LIVE)
			queue->state = ACI_QUEUE_HELD;
		spin_unlock_irq(&queue->lock);
	}
	mutex_unlock(&adev->object_lock);
}

/* Everyone's memory: what is in it now may be anyone's. */
static int aci_reset_scrub_bos(struct aci_device *adev)
{
	struct aci_bo *bo;
	int ret = 0;

	mutex_lock(&adev->bo_lock);
	list_for_each_entry(bo, &adev->bos, node) {
		if (!ret && aci_bo_is_card(bo))
			ret = aci_scrub_blocks(adev, &bo->blocks);
	}
	mutex_unlock(&adev->bo_lock);
	return ret;
}

/* End what cannot be replayed. Returns the index from which the queue goes on. */
static u64 aci_reset_end_started(struct aci_queue *queue, bool replay)
{
	u64 started = le64_to_cpu(READ_ONCE(queue->record->started));
	bool guilty, misbehaved, exact, banned = false, lost = false;
	int error = -ECANCELED;
	struct aci_job *job;
	u64 go_on;

	aci_job_settle(queue);
	spin_lock_irq(&queue->lock);
	misbehaved = queue->misbehaved;
	if (!replay || misbehaved ||
	    started - queue->completed > queue->told_tail - queue->completed)
		started = queue->told_tail;
	/* Stopped between two descriptors, perhaps inside a job: nothing is lost. */
	exact = started == queue->completed && !queue->defies;
	go_on = exact ? started : queue->told_tail;
	list_for_each_entry(job, &queue->pending, node) {
		u64 first = job->end - job->desc_count;

		if (exact)
			break;
		if (first >= started) {
			go_on = first;
			break;
		}
		lost = true;
	}
	guilty = queue->defies;
	queue->defies = false;
	if (lost && !guilty)
		queue->innocent = true;
	spin_unlock_irq(&queue->lock);
	if (guilty) {
		banned = aci_recovery_convict(queue, misbehaved ? ACI_STATUS_INTERNAL :
					      ACI_STATUS_WATCHDOG, queue->completed, 0);
		error = misbehaved ? -EIO : -ETIMEDOUT;
	}
	if (!exact)
		aci_job_fail_until(queue, started, error);
	if (!banned)
		return go_on;
	aci_job_cancel_all(queue, -ECANCELED);
	return queue->told_tail;
}

static void aci_reset_clear_record(struct aci_queue *queue)
{
	spin_lock_irq(&queue->lock);
	aci_queue_keep_counters_locked(queue);
	queue->head_active_ns = 0;
	memset(queue->record, 0, sizeof(*queue->record));
	memset(queue->user_page, 0, sizeof(*queue->user_page));
	spin_unlock_irq(&queue->lock);
}

static int aci_reset_rebuild_queue(struct aci_queue *queue, bool replay, bool memory_kept)
{
	struct aci_device *adev = queue->adev;
	u64 go_on = aci_reset_end_started(queue, replay);
	int ret;

	aci_reset_clear_record(queue);
	/* An idle queue has lost as well what its next job reads. */
	if (!memory_kept && queue->vm->lost) {
		spin_lock_irq(&queue->lock);
		queue->innocent = true;
		spin_unlock_irq(&queue->lock);
	}
	ret = aci_queue_create_on_card(queue, 0);
	/* An index other than 0 is set with the queue stopped and the tail in range. */
	if (!ret)
		ret = aci_queue_command(queue, ACI_ADMIN_SUSPEND_QUEUE, 0, adev->caps.suspend_ms,
					NULL);
	if (ret)
		return ret;
	spin_lock_irq(&queue->lock);
	queue->completed = go_on;
	WRITE_ONCE(queue->user_page->tail, cpu_to_le64(queue->told_tail));
	spin_unlock_irq(&queue->lock);
	ret = aci_queue_command(queue, ACI_ADMIN_RESET_QUEUE, go_on, adev->caps.queue_reset_ms,
				NULL);
	if (!ret)
		aci_job_resume(queue);
	return ret;
}

/**
 * aci_reset_caps() - what the card says of a reset
 * @adev: device
 * @level: ACI_RESET_*
 *
 * Return: ACI_RESET_CAP_*.
 */
u32 aci_reset_caps(const struct aci_device *adev, unsigned int level)
{
	return adev->caps.reset_cap >> ACI_RESET_CAP_SHIFT(level) &
	       (ACI_RESET_CAP_SUPPORTED | ACI_RESET_CAP_KEEPS_MEM | ACI_RESET_CAP_KEEPS_PROGRESS);
}

/**
 * aci_reset_keeps() - what a reset preserves
 * @adev: device
 * @level: ACI_RESET_*
 *
 * Return: ACI_KEPT_*.
 */
unsigned int aci_reset_keeps(const struct aci_device *adev, unsigned int level)
{
	u32 caps = aci_reset_caps(adev, level);

	return (caps & ACI_RESET_CAP_KEEPS_MEM ? ACI_KEPT_BOS | ACI_KEPT_FREE : 0) |
	       (caps & ACI_RESET_CAP_KEEPS_PROGRESS ? ACI_KEPT_PROGRESS : 0);
}

static int aci_reset_rebuild(struct aci_device *adev, unsigned int kept)
{
	bool memory_kept = kept & ACI_KEPT_BOS;
	bool replay = memory_kept && (kept & ACI_KEPT_PROGRESS);
	struct aci_queue *queue;
	struct aci_vm *vm;
	int ret = 0;

	if (!memory_kept)
		ret = aci_reset_scrub_bos(adev);
	/* Whoever left the lists before this knows by the generation that it was not rebuilt. */
	mutex_lock(&adev->object_lock);
	WRITE_ONCE(adev->reset_generation, adev->reset_generation + 1);
	aci_vram_after_reset(adev, kept & ACI_KEPT_FREE);
	list_for_each_entry(vm, &adev->vms, node)
		ret = ret ?: aci_vm_rebuild(vm, memory_kept);
	list_for_each_entry(queue, &adev->queues, node)
		ret = ret ?: queue->is_user ? aci_user_queue_rebuild(queue, kept & ACI_KEPT_ORDER) :
					      aci_reset_rebuild_queue(queue, replay, memory_kept);
	mutex_unlock(&adev->object_lock);
	return ret;
}

/**
 * aci_reset_wedged_work() - tell user space that the device is wedged
 * @work: aci_device.wedged_work
 *
 * A work item of its own, because the event is allocated, and fences wait for
 * what a reset does.
 */
void aci_reset_wedged_work(struct work_struct *work)
{
	struct aci_device *adev = container_of(work, struct aci_device, wedged_work);
	char event[16] = "WEDGED=rebind";
	char *env[2] = { event };

	/* drm_dev_wedged_event() looks for the primary node, which we do not have. */
	kobject_uevent_env(&adev->drm.accel->kdev->kobj, KOBJ_CHANGE, env);
}

/* The card is beyond help. */
static void aci_reset_wedge(struct aci_device *adev)
{
	struct aci_queue *queue;
	struct aci_vm *vm;

	drm_err(&adev->drm, "wedged: no more work until the device is bound again\n");
	aci_reset_set_state(adev, ACI_STATE_WEDGED);
	aci_reset_set_running(adev, false);
	aci_hw_stop_dma(adev);
	mutex_lock(&adev->object_lock);
	list_for_each_entry(queue, &adev->queues, node) {
		if (queue->is_user) {
			aci_user_queue_end(queue, -ENODEV);
			continue;
		}
		spin_lock_irq(&queue->lock);
		queue->state = ACI_QUEUE_DEAD;
		spin_unlock_irq(&queue->lock);
		aci_job_cancel_all(queue, -ENODEV);
	}
	list_for_each_entry(vm, &adev->vms, node)
		aci_bind_fifo_fail(vm, -ENODEV);
	mutex_unlock(&adev->object_lock);
	aci_gem_zap_card_maps(adev);
	queue_work(adev->reap_wq, &adev->wedged_work);
}

/**
 * aci_reset_finish() - have the card work again
 * @adev: device; the caller holds reset_sem for writing
 * @error: 0 if the card is disabled, else why not
 * @kept: ACI_KEPT_*
 *
 * If that fails the device is wedged.
 */
void aci_reset_finish(struct aci_device *adev, int error, unsigned int kept)
{
	int ret = error;

	aci_export_revoke_later(adev);
	ret = ret ?: aci_reset_start(adev);
	ret = ret ?: aci_reset_rebuild(adev, kept);
	if (ret) {
		drm_err(&adev->drm, "card reset failed (%d)\n", ret);
		aci_reset_wedge(adev);
	} else {
		aci_reset_set_state(adev, ACI_STATE_OK);
		aci_doorbell_zap_all(adev);
		aci_user_queue_ring_all(adev);
	}
}

/**
 * aci_reset_begin() - somebody else is about to reset the card
 * @adev: device
 *
 * Until aci_reset_finish() nobody touches the card, which makes no DMA, and work
 * is queued.
 *
 * Return: whether the card was in use.
 */
bool aci_reset_begin(struct aci_device *adev)
{
	bool used;

	flush_work(&adev->reset_work);
	down_write(&adev->reset_sem);
	used = aci_is_ok(adev);
	if (used) {
		aci_reset_set_state(adev, ACI_STATE_RESETTING);
		aci_reset_hold_queues(adev);
		aci_reset_set_running(adev, false);
		aci_gem_zap_card_maps(adev);
		/* Whoever sees this state frees what the card was using. */
		aci_hw_stop_dma(adev);
	}
	up_write(&adev->reset_sem);
	return used;
}

/**
 * aci_reset_work() - reset the card and rebuild what lived on it
 * @work: aci_device.reset_work
 */
void aci_reset_work(struct work_struct *work)
{
	struct aci_device *adev = container_of(work, struct aci_device, reset_work);
	unsigned int kept, level = ACI_RESET_CARD;
	int ret;

	/* Whoever waits for the card holds reset_sem: let them go, unless they rebuild it. */
	if (aci_is_ok(adev)) {
		aci_admin_stop(adev);
		aci_inval_stop(adev);
	}
	down_write(&adev->reset_sem);
	if (aci_is_ok(adev)) {
		aci_reset_set_state(adev, ACI_STATE_RESETTING);
		aci_reset_hold_queues(adev);
		aci_reset_set_running(adev, false);
		/* What has been requested since is about what this reset ends. */
		cancel_work(&adev->reset_work);
		atomic_set(&adev->reset_requested, 0);
		aci_doorbell_zap_all(adev);
		ret = aci_ladder_climb(adev, &level, &kept);
		aci_reset_finish(adev, ret, kept);
		trace_aci_reset(adev, level, aci_is_ok(adev) ? 0 : -EIO);
	} else {
		atomic_set(&adev->reset_requested, 0);
	}
	up_write(&adev->reset_sem);
}

/**
 * aci_reset_remove() - stop the card for good
 * @adev: device
 *
 * For remove() and shutdown(): afterwards the card makes no DMA.
 */
void aci_reset_remove(struct aci_device *adev)
{
	cancel_work_sync(&adev->reset_work);
	aci_admin_stop(adev);
	aci_inval_stop(adev);
	down_write(&adev->reset_sem);
	aci_reset_set_state(adev, ACI_STATE_GONE);
	aci_reset_set_running(adev, false);
	aci_hw_stop_dma(adev);
	up_write(&adev->reset_sem);
	/* Nothing wedges the device from here on. */
	cancel_work_sync(&adev->wedged_work);
}
