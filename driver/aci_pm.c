// SPDX-License-Identifier: GPL-2.0
/*
 * Power management.
 */

#include <linux/pm_runtime.h>
#include <linux/suspend.h>
#include <aci/aci_regs.h>

#include "aci_device.h"
#include "aci_export.h"
#include "aci_gem.h"
#include "aci_hw.h"
#include "aci_job.h"
#include "aci_pm.h"
#include "aci_queue.h"
#include "aci_reset.h"
#include "aci_save.h"

/* How long descriptors in progress may delay system sleep; then they are lost. */
#define ACI_PM_DRAIN		(10 * HZ)

#define ACI_PM_AUTOSUSPEND_MS	2000

/* --- Stopping queues --- */

static bool aci_pm_is_between(const struct aci_queue *queue)
{
	const struct aci_queue_record *record = queue->record;

	return le64_to_cpu(READ_ONCE(record->started)) ==
	       le64_to_cpu(READ_ONCE(record->completed));
}

static bool aci_pm_has_reached(const struct aci_queue *queue, u64 index)
{
	const struct aci_queue_record *record = queue->record;

	return le64_to_cpu(READ_ONCE(record->completed)) >= index ||
	       le32_to_cpu(READ_ONCE(record->state)) != ACI_QUEUE_STATE_RUNNING;
}

/* The card stopped inside a descriptor: let it go on to the end of that. */
static int aci_pm_finish_descriptor(struct aci_queue *queue, unsigned long deadline)
{
	struct aci_device *adev = queue->adev;
	u64 index = le64_to_cpu(READ_ONCE(queue->record->started));
	long left = deadline - jiffies;
	int ret;

	if (left <= 0)
		return -ETIMEDOUT;
	ret = aci_queue_command(queue, ACI_ADMIN_RESUME_QUEUE, 0, 0, NULL);
	if (ret)
		return ret;
	WRITE_ONCE(queue->record->notify_at, cpu_to_le64(index));
	/* Store notify_at, then load completed; the card does the reverse. */
	mb();
	if (!wait_event_timeout(adev->save.wait, aci_pm_has_reached(queue, index), left))
		return -ETIMEDOUT;
	return 0;
}

/* Stop a held queue, between two descriptors if its user lets us. */
static int aci_pm_stop_queue(struct aci_queue *queue, unsigned long deadline)
{
	u32 suspend_ms = queue->adev->caps.suspend_ms;
	int ret;

	do {
		ret = aci_queue_command(queue, ACI_ADMIN_SUSPEND_QUEUE, 0, suspend_ms, NULL);
		if (ret || aci_pm_is_between(queue))
			return ret;
	} while (!aci_pm_finish_descriptor(queue, deadline));
	/* What it is in will be ended, as after a reset. */
	return aci_queue_command(queue, ACI_ADMIN_SUSPEND_QUEUE, 0, suspend_ms, NULL);
}

static void aci_pm_stop_queues(struct aci_device *adev)
{
	unsigned long deadline = jiffies + ACI_PM_DRAIN;
	struct aci_queue *queue;

	aci_reset_hold_queues(adev);
	WRITE_ONCE(adev->pm.stopping, true);
	mutex_lock(&adev->object_lock);
	/* A card that does not answer would cost its time limit for each queue. */
	list_for_each_entry(queue, &adev->queues, node)
		if (aci_pm_stop_queue(queue, deadline) == -ETIMEDOUT)
			break;
	mutex_unlock(&adev->object_lock);
	WRITE_ONCE(adev->pm.stopping, false);
}

/* --- System sleep --- */

static int aci_pm_notify(struct notifier_block *notifier, unsigned long event, void *data)
{
	struct aci_device *adev = container_of(notifier, struct aci_device, pm.notifier);
	int ret = 0, idx;

	if (!drm_dev_enter(&adev->drm, &idx))
		return NOTIFY_DONE;
	switch (event) {
	case PM_SUSPEND_PREPARE:
	case PM_HIBERNATION_PREPARE:
	case PM_RESTORE_PREPARE:
		ret = aci_is_dead(adev) ? 0 : aci_save_prepare(adev);
		if (ret)
			drm_warn(&adev->drm, "no memory to save card memory: the system stays awake\n");
		break;
	case PM_POST_SUSPEND:
	case PM_POST_HIBERNATION:
	case PM_POST_RESTORE:
		aci_save_discard(adev);
		break;
	}
	drm_dev_exit(idx);
	return notifier_from_errno(ret);
}

/* Stop all, save all. On an error the card still has everything. */
static int aci_pm_save(struct aci_device *adev)
{
	int ret;

	aci_pm_stop_queues(adev);
	aci_gem_zap_card_maps(adev);
	ret = aci_reset_stop(adev);
	return ret ?: aci_save_copy(adev, true);
}

static int aci_pm_suspend(struct device *dev)
{
	struct aci_device *adev = dev_get_drvdata(dev);
	int ret = 0;

	aci_telemetry_stop(adev);
	flush_work(&adev->reset_work);
	/* Others may go on after us. User space, which could import again, is frozen. */
	aci_export_revoke_all(adev);
	mutex_lock(&adev->save.lock);
	down_write(&adev->reset_sem);
	if (aci_is_ok(adev)) {
		if (!aci_save_is_complete(adev)) {
			ret = -EBUSY;
			goto out;
		}
		aci_reset_set_state(adev, ACI_STATE_RESETTING);
		ret = aci_pm_save(adev);
		if (ret) {
			drm_warn(&adev->drm, "card memory cannot be saved (%d)\n", ret);
			aci_reset_finish(adev, aci_hw_quiesce(adev),
					 aci_reset_keeps(adev, ACI_RESET_CARD));
		} else {
			aci_hw_stop_dma(adev);
		}
	} else if (!aci_is_dead(adev)) {
		/* A reset, ours or another's, is under way: nothing could be saved. */
		ret = -EBUSY;
	}
out:
	up_write(&adev->reset_sem);
	mutex_unlock(&adev->save.lock);
	if (ret)
		aci_telemetry_resume(adev);
	return ret;
}

static int aci_pm_resume(struct device *dev)
{
	struct aci_device *adev = dev_get_drvdata(dev);
	int ret;

	mutex_lock(&adev->save.lock);
	down_write(&adev->reset_sem);
	if (!aci_is_dead(adev)) {
		pci_set_master(adev->pdev);
		ret = aci_hw_quiesce(adev);
		ret = ret ?: aci_save_copy(adev, false);
		aci_reset_finish(adev, ret, ACI_KEPT_BOS | ACI_KEPT_PROGRESS | ACI_KEPT_ORDER);
	}
	up_write(&adev->reset_sem);
	mutex_unlock(&adev->save.lock);
	aci_telemetry_resume(adev);
	return aci_is_ok(adev) ? 0 : -EIO;
}

/* --- Runtime --- */

/* No job anywhere, and none came since the last look. */
static bool aci_pm_is_idle_locked(struct aci_device *adev)
{
	struct aci_queue *queue;
	bool idle = true;
	u64 seqnos = 0;

	list_for_each_entry(queue, &adev->queues, node) {
		spin_lock_irq(&queue->lock);
		seqnos += queue->seqno;
		/* A process may ring at any time, without the kernel. */
		if (queue->is_user)
			idle = false;
		else
			idle &= list_empty(&queue->pending) && list_empty(&queue->waiting);
		spin_unlock_irq(&queue->lock);
	}
	if (seqnos != adev->pm.seqnos)
		idle = false;
	adev->pm.seqnos = seqnos;
	return idle;
}

static bool aci_pm_may_sleep(struct aci_device *adev)
{
	bool idle;

	if (!adev->pm.keeps_memory && READ_ONCE(adev->vram.free_bytes) != adev->vram.bytes)
		return false;
	mutex_lock(&adev->object_lock);
	idle = aci_pm_is_idle_locked(adev);
	mutex_unlock(&adev->object_lock);
	return idle;
}

/* Hold all queues, unless one got a job meanwhile. */
static bool aci_pm_hold_idle_queues(struct aci_device *adev)
{
	struct aci_queue *queue;
	bool idle = true;

	mutex_lock(&adev->object_lock);
	list_for_each_entry(queue, &adev->queues, node) {
		spin_lock_irq(&queue->lock);
		idle &= list_empty(&queue->pending) && list_empty(&queue->waiting);
		if (queue->state == ACI_QUEUE_LIVE)
			queue->state = ACI_QUEUE_HELD;
		spin_unlock_irq(&queue->lock);
	}
	/* One that defies was held before; it goes on after the reset that it has coming. */
	if (!idle)
		list_for_each_entry(queue, &adev->queues, node)
			if (!queue->defies)
				aci_job_resume(queue);
	mutex_unlock(&adev->object_lock);
	return idle;
}

static int aci_pm_fall_asleep(struct aci_device *adev)
{
	int ret;

	if (!aci_is_ok(adev))
		return aci_is_dead(adev) ? 0 : -EBUSY;
	if (!aci_pm_may_sleep(adev))
		return -EBUSY;
	/* Before queues are held: whoever finds one so wakes the card. */
	aci_reset_set_state(adev, ACI_STATE_ASLEEP);
	if (!aci_pm_hold_idle_queues(adev)) {
		aci_reset_set_state(adev, ACI_STATE_OK);
		return -EBUSY;
	}
	aci_gem_zap_card_maps(adev);
	ret = aci_reset_stop(adev);
	if (ret)
		aci_reset_finish(adev, aci_hw_quiesce(adev),
				 aci_reset_keeps(adev, ACI_RESET_CARD));
	return ret ? -EBUSY : 0;
}

static int aci_pm_runtime_suspend(struct device *dev)
{
	struct aci_device *adev = dev_get_drvdata(dev);
	int ret;

	aci_telemetry_stop(adev);
	flush_work(&adev->reset_work);
	down_write(&adev->reset_sem);
	ret = aci_pm_fall_asleep(adev);
	up_write(&adev->reset_sem);
	if (ret) {
		aci_telemetry_kick(adev);
		/* Look again after the autosuspend delay. */
		pm_runtime_mark_last_busy(dev);
	}
	return ret;
}

static int aci_pm_runtime_resume(struct device *dev)
{
	struct aci_device *adev = dev_get_drvdata(dev);
	unsigned int kept = ACI_KEPT_BOS | ACI_KEPT_PROGRESS;

	down_write(&adev->reset_sem);
	if (adev->pm.keeps_memory)
		kept |= ACI_KEPT_FREE;
	if (adev->pm.memory_lost)
		kept = 0;
	adev->pm.memory_lost = false;
	/* It was disabled; or it was reset by D3hot, and then there were no BOs. */
	if (aci_get_state(adev) == ACI_STATE_ASLEEP)
		aci_reset_finish(adev, aci_hw_disable(adev), kept);
	up_write(&adev->reset_sem);
	aci_telemetry_resume(adev);
	/* A wedged device is told by its state, not by runtime PM, which would give up on it. */
	return 0;
}

static int aci_pm_runtime_idle(struct device *dev)
{
	pm_runtime_mark_last_busy(dev);
	pm_runtime_autosuspend(dev);
	return -EBUSY;
}

/**
 * aci_pm_get() - have the card awake until aci_pm_put()
 * @adev: device; the caller holds none of its locks but mmap_lock
 *
 * Return: 0 or a negative error.
 */
int aci_pm_get(struct aci_device *adev)
{
	return pm_runtime_resume_and_get(adev->drm.dev);
}

/**
 * aci_pm_put() - the card may sleep again
 * @adev: device
 *
 * Any context.
 */
void aci_pm_put(struct aci_device *adev)
{
	pm_runtime_mark_last_busy(adev->drm.dev);
	pm_runtime_put_autosuspend(adev->drm.dev);
}

static void aci_pm_wake_work(struct work_struct *work)
{
	struct aci_device *adev = container_of(work, struct aci_device, pm.wake_work);

	if (!aci_pm_get(adev))
		aci_pm_put(adev);
}

/**
 * aci_pm_wake() - a job waits in a held queue
 * @adev: device
 *
 * Any context. The work runs on a workqueue that makes progress without memory.
 */
void aci_pm_wake(struct aci_device *adev)
{
	if (aci_get_state(adev) == ACI_STATE_ASLEEP)
		queue_work(adev->wq, &adev->pm.wake_work);
}

/* --- Start and end --- */

static bool aci_pm_keeps_memory(struct pci_dev *pdev)
{
	u16 pmcsr;

	if (!pdev->pm_cap ||
	    pci_read_config_word(pdev, pdev->pm_cap + PCI_PM_CTRL, &pmcsr))
		return false;
	return pmcsr & PCI_PM_CTRL_NO_SOFT_RESET;
}

/**
 * aci_pm_init() - set up
 * @adev: new device
 */
void aci_pm_init(struct aci_device *adev)
{
	INIT_WORK(&adev->pm.wake_work, aci_pm_wake_work);
	adev->pm.notifier.notifier_call = aci_pm_notify;
	adev->pm.keeps_memory = aci_pm_keeps_memory(adev->pdev);
}

/**
 * aci_pm_start() - let the card sleep
 * @adev: registered device
 *
 * Runtime PM is off until the administrator writes "auto" to power/control, as
 * for all PCI functions.
 *
 * Return: 0 or a negative error.
 */
int aci_pm_start(struct aci_device *adev)
{
	struct device *dev = adev->drm.dev;
	int ret;

	ret = register_pm_notifier(&adev->pm.notifier);
	if (ret)
		return ret;
	/* Before the system sleeps a sleeping card wakes, and its memory is saved. */
	dev_pm_set_driver_flags(dev, DPM_FLAG_NO_DIRECT_COMPLETE);
	/* What survives D3hot does not survive D3cold, which firmware may have to offer. */
	if (adev->pm.keeps_memory)
		pci_d3cold_disable(adev->pdev);
	pm_runtime_set_autosuspend_delay(dev, ACI_PM_AUTOSUSPEND_MS);
	pm_runtime_use_autosuspend(dev);
	pm_runtime_mark_last_busy(dev);
	/* The PCI core's reference. */
	pm_runtime_put_autosuspend(dev);
	return 0;
}

/**
 * aci_pm_stop() - no sleep from here on
 * @adev: unplugged device, which the PCI core has woken
 */
void aci_pm_stop(struct aci_device *adev)
{
	struct device *dev = adev->drm.dev;

	pm_runtime_get_noresume(dev);
	pm_runtime_dont_use_autosuspend(dev);
	if (adev->pm.keeps_memory)
		pci_d3cold_enable(adev->pdev);
	unregister_pm_notifier(&adev->pm.notifier);
	cancel_work_sync(&adev->pm.wake_work);
	aci_save_discard(adev);
}

const struct dev_pm_ops aci_pm_ops = {
	SYSTEM_SLEEP_PM_OPS(aci_pm_suspend, aci_pm_resume)
	RUNTIME_PM_OPS(aci_pm_runtime_suspend, aci_pm_runtime_resume, aci_pm_runtime_idle)
};
