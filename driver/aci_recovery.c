// SPDX-License-Identifier: GPL-2.0
/*
 * Recovery of a queue.
 *
 * A queue is held, stopped on the card, judged by its exact counts, reset to
 * behind the guilty job and let go on. If the card does not obey, the card is
 * reset.
 */

#include <aci/aci_status.h>

#include "aci_device.h"
#include "aci_job.h"
#include "aci_queue.h"
#include "aci_recovery.h"
#include "aci_reset.h"

/* So many failed jobs in a row, and the queue takes no more. */
#define ACI_RECOVERY_FAILURES_MAX	8

/**
 * struct aci_verdict - what is wrong with a queue
 */
struct aci_verdict {
	/** @status: ACI_STATUS_*, 0: nothing */
	u32 status;
	/** @error: for the fence of the guilty job */
	int error;
	/** @index: descriptor that failed */
	u64 index;
	/** @info: as the card says */
	u64 info;
	/** @go_on: index after the guilty job */
	u64 go_on;
};

static int aci_recovery_errno(u32 status)
{
	switch (status) {
	case ACI_STATUS_PAGE_FAULT:
		return -EFAULT;
	case ACI_STATUS_DESC_OPCODE:
	case ACI_STATUS_DESC_FIELD:
	case ACI_STATUS_DESC_ENGINE:
	case ACI_STATUS_WAIT_REFUSED:
	case ACI_STATUS_PROG_HEADER ... ACI_STATUS_PROG_OVERLAP:
		return -EINVAL;
	case ACI_STATUS_WAIT_TIMEOUT:
	case ACI_STATUS_PREEMPT_TIMEOUT:
	case ACI_STATUS_WATCHDOG:
		return -ETIMEDOUT;
	default:
		return -EIO;
	}
}

static u32 aci_recovery_card_state(const struct aci_queue *queue)
{
	u32 state = le32_to_cpu(READ_ONCE(queue->record->state));

	/* The card stores the rest of the record before the state. */
	dma_rmb();
	return state;
}

/* Hold a live queue, unless all is well since the work was queued. */
static bool aci_recovery_hold(struct aci_queue *queue)
{
	bool held;

	spin_lock_irq(&queue->lock);
	held = queue->state == ACI_QUEUE_LIVE &&
	       (queue->suspect_seqno || queue->misbehaved ||
		aci_recovery_card_state(queue) != ACI_QUEUE_STATE_RUNNING);
	if (held)
		queue->state = ACI_QUEUE_HELD;
	spin_unlock_irq(&queue->lock);
	return held;
}

/* Stop a held queue on the card. Returns whether its counts are exact now. */
static bool aci_recovery_stop(struct aci_queue *queue)
{
	u32 state = aci_recovery_card_state(queue);

	if (state == ACI_QUEUE_STATE_RUNNING) {
		/* A queue that halts meanwhile refuses this, and has stopped as well. */
		aci_queue_command(queue, ACI_ADMIN_SUSPEND_QUEUE, 0,
				  queue->adev->caps.suspend_ms, NULL);
		state = aci_recovery_card_state(queue);
	}
	return state == ACI_QUEUE_STATE_SUSPENDED || state == ACI_QUEUE_STATE_ERROR;
}

static void aci_recovery_judge(struct aci_queue *queue, struct aci_verdict *verdict)
{
	const struct aci_queue_record *record = queue->record;
	u32 state = aci_recovery_card_state(queue);
	struct aci_job *job;

	memset(verdict, 0, sizeof(*verdict));
	spin_lock_irq(&queue->lock);
	job = list_first_entry_or_null(&queue->pending, struct aci_job, node);
	verdict->go_on = job ? job->end : queue->told_tail;
	verdict->index = queue->completed;
	if (queue->misbehaved) {
		/* Its counts cannot be trusted: no job can be told from another. */
		verdict->status = ACI_STATUS_INTERNAL;
		verdict->go_on = queue->told_tail;
	} else if (state == ACI_QUEUE_STATE_ERROR) {
		verdict->status = (le32_to_cpu(record->error) & 0xffff) ?: ACI_STATUS_INTERNAL;
		verdict->index = le64_to_cpu(record->error_index);
		verdict->info = le64_to_cpu(record->error_info);
	} else if (job && job->fence.seqno == queue->suspect_seqno) {
		verdict->status = ACI_STATUS_WATCHDOG;
	}
	spin_unlock_irq(&queue->lock);
	verdict->error = aci_recovery_errno(verdict->status);
}

/* Note a failure. Returns whether the queue is banned for it. */
static bool aci_recovery_convict(struct aci_queue *queue, const struct aci_verdict *verdict)
{
	bool banned;

	spin_lock_irq(&queue->lock);
	queue->guilty = true;
	queue->error.status = verdict->status;
	queue->error.index = verdict->index;
	queue->error.info = verdict->info;
	queue->error.count++;
	if (++queue->failures >= ACI_RECOVERY_FAILURES_MAX)
		queue->banned = true;
	banned = queue->banned;
	spin_unlock_irq(&queue->lock);
	drm_dbg(&queue->adev->drm, "queue %u: status %#x at %llu, info %#llx%s\n", queue->id,
		verdict->status, verdict->index, verdict->info, banned ? ", banned" : "");
	return banned;
}

static void aci_recovery_give_up(struct aci_queue *queue, const char *why)
{
	spin_lock_irq(&queue->lock);
	queue->defies = true;
	spin_unlock_irq(&queue->lock);
	/* The queue stays held until the reset rebuilds it. */
	aci_reset_request(queue->adev, why);
}

static void aci_recovery_run(struct aci_queue *queue)
{
	struct aci_device *adev = queue->adev;
	struct aci_verdict verdict;
	bool banned;
	u64 go_on;

	if (!aci_recovery_stop(queue)) {
		aci_recovery_give_up(queue, "queue does not stop");
		return;
	}
	aci_job_settle(queue);
	aci_recovery_judge(queue, &verdict);
	if (!verdict.status) {
		if (aci_queue_command(queue, ACI_ADMIN_RESUME_QUEUE, 0, 0, NULL))
			aci_recovery_give_up(queue, "queue does not resume");
		else
			aci_job_resume(queue);
		return;
	}
	banned = aci_recovery_convict(queue, &verdict);
	go_on = banned ? queue->told_tail : verdict.go_on;
	if (aci_queue_command(queue, ACI_ADMIN_RESET_QUEUE, go_on,
			      adev->caps.queue_reset_ms, NULL)) {
		aci_recovery_give_up(queue, "queue cannot be reset");
		return;
	}
	/* Its old entries, before it is armed again. */
	aci_irq_drain(adev, queue->vector);
	aci_job_fail_until(queue, verdict.go_on, verdict.error);
	if (banned)
		aci_job_cancel_all(queue, -ECANCELED);
	spin_lock_irq(&queue->lock);
	queue->completed = go_on;
	spin_unlock_irq(&queue->lock);
	aci_job_resume(queue);
}

/**
 * aci_recovery_work() - make a queue that stopped, or hangs, go on
 * @work: aci_queue.recover_work
 */
void aci_recovery_work(struct work_struct *work)
{
	struct aci_queue *queue = container_of(work, struct aci_queue, recover_work);
	struct aci_device *adev = queue->adev;

	down_read(&adev->reset_sem);
	if (aci_is_ok(adev) && aci_recovery_hold(queue))
		aci_recovery_run(queue);
	up_read(&adev->reset_sem);
}

/*
 * Engine time that the first pending job may still use, in ms; -1 without such
 * a job, which also disarms the timer.
 */
static s64 aci_recovery_time_left(struct aci_queue *queue)
{
	struct aci_job *job;
	s64 used_ns, left;

	spin_lock_irq(&queue->lock);
	job = list_first_entry_or_null(&queue->pending, struct aci_job, node);
	if (!job || queue->state != ACI_QUEUE_LIVE) {
		queue->timer_armed = false;
		left = -1;
	} else {
		used_ns = le64_to_cpu(READ_ONCE(queue->record->active_ns)) - queue->head_active_ns;
		used_ns = max_t(s64, used_ns, 0);
		left = max_t(s64, queue->timeout_ms - div_s64(used_ns, NSEC_PER_MSEC), 0);
		if (!left)
			queue->suspect_seqno = job->fence.seqno;
	}
	spin_unlock_irq(&queue->lock);
	return left;
}

/**
 * aci_recovery_timeout_work() - look after the first pending job
 * @work: aci_queue.timeout_work
 *
 * Counts engine time, not time in which others had the engine. Finds completions
 * whose interrupt was lost, too.
 */
void aci_recovery_timeout_work(struct work_struct *work)
{
	struct aci_queue *queue = container_of(to_delayed_work(work), struct aci_queue,
					       timeout_work);
	struct aci_device *adev = queue->adev;
	s64 left;

	aci_job_process(queue, false);
	left = aci_recovery_time_left(queue);
	if (left < 0)
		return;
	if (!left)
		queue_work(adev->wq, &queue->recover_work);
	queue_delayed_work(adev->wq, &queue->timeout_work,
			   msecs_to_jiffies(left + adev->caps.active_ms));
}

/**
 * aci_recovery_check_id() - an event says that a queue stopped
 * @adev: device
 * @queue_id: as the event says
 */
void aci_recovery_check_id(struct aci_device *adev, u16 queue_id)
{
	struct aci_queue *queue;

	rcu_read_lock();
	queue = queue_id < adev->caps.queues ? rcu_dereference(adev->queue_by_id[queue_id]) : NULL;
	if (queue)
		aci_job_process(queue, false);
	rcu_read_unlock();
}

/**
 * aci_recovery_scan() - look at all queues, for events that were lost
 * @adev: device
 */
void aci_recovery_scan(struct aci_device *adev)
{
	struct aci_queue *queue;

	mutex_lock(&adev->object_lock);
	list_for_each_entry(queue, &adev->queues, node)
		aci_job_process(queue, false);
	mutex_unlock(&adev->object_lock);
}
