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
#include "aci_trace.h"
#include "aci_user_queue.h"

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

/* Stop a held queue on the card. Returns 0 once its counts are exact. */
static int aci_recovery_stop(struct aci_queue *queue)
{
	u32 state = aci_recovery_card_state(queue);
	int ret = 0;

	if (state == ACI_QUEUE_STATE_RUNNING) {
		ret = aci_queue_command(queue, ACI_ADMIN_SUSPEND_QUEUE, 0,
					queue->adev->caps.suspend_ms, NULL);
		state = aci_recovery_card_state(queue);
	}
	/* A queue that halts meanwhile refuses to be suspended, and has stopped as well. */
	if (state == ACI_QUEUE_STATE_SUSPENDED || state == ACI_QUEUE_STATE_ERROR)
		return 0;
	return ret ?: -EIO;
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
	if (state == ACI_QUEUE_STATE_ERROR) {
		verdict->status = (le32_to_cpu(record->error) & 0xffff) ?: ACI_STATUS_INTERNAL;
		verdict->index = le64_to_cpu(record->error_index);
		verdict->info = le64_to_cpu(record->error_info);
	} else if (job && job->fence.seqno == queue->suspect_seqno) {
		verdict->status = ACI_STATUS_WATCHDOG;
	}
	spin_unlock_irq(&queue->lock);
	verdict->error = aci_recovery_errno(verdict->status);
}

/**
 * aci_recovery_convict() - note a failure
 * @queue: held queue; the caller holds reset_sem
 * @status: ACI_STATUS_*
 * @index: descriptor that failed
 * @info: as the card says
 *
 * Return: whether the queue is banned for it.
 */
bool aci_recovery_convict(struct aci_queue *queue, u32 status, u64 index, u64 info)
{
	bool banned;

	spin_lock_irq(&queue->lock);
	queue->guilty = true;
	queue->error.status = status;
	queue->error.index = index;
	queue->error.info = info;
	queue->error.count++;
	if (++queue->failures >= ACI_RECOVERY_FAILURES_MAX)
		queue->banned = true;
	banned = queue->banned;
	spin_unlock_irq(&queue->lock);
	aci_coredump_capture(queue, status, index, info);
	trace_aci_queue_fault(queue, status, index, info);
	drm_dbg(&queue->adev->drm, "queue %u: status %#x at %llu, info %#llx%s\n", queue->id,
		status, index, info, banned ? ", banned" : "");
	return banned;
}

/**
 * aci_recovery_give_up() - a command about a queue failed: leave it to a card reset
 * @queue: held queue of either kind; it stays so until the reset settles it
 * @error: of the command
 * @why: for the log
 */
void aci_recovery_give_up(struct aci_queue *queue, int error, const char *why)
{
	/* A reset came between, or the card is gone: the queue did nothing wrong. */
	if (error == -EAGAIN || error == -ENODEV)
		return;
	spin_lock_irq(&queue->lock);
	queue->defies = true;
	spin_unlock_irq(&queue->lock);
	aci_reset_request(queue->adev, why);
}

static void aci_recovery_run(struct aci_queue *queue)
{
	struct aci_device *adev = queue->adev;
	struct aci_verdict verdict;
	bool banned;
	u64 go_on;
	int ret;

	ret = aci_recovery_stop(queue);
	if (ret) {
		aci_recovery_give_up(queue, ret, "queue does not stop");
		return;
	}
	aci_job_settle(queue);
	/* Set by the interrupt handler or just now: no job can be told from another. */
	if (queue->misbehaved) {
		aci_recovery_give_up(queue, -EIO, "impossible count in a queue's record");
		return;
	}
	aci_recovery_judge(queue, &verdict);
	if (!verdict.status) {
		ret = aci_queue_command(queue, ACI_ADMIN_RESUME_QUEUE, 0, 0, NULL);
		if (ret)
			aci_recovery_give_up(queue, ret, "queue does not resume");
		else
			aci_job_resume(queue);
		return;
	}
	banned = aci_recovery_convict(queue, verdict.status, verdict.index, verdict.info);
	go_on = banned ? queue->told_tail : verdict.go_on;
	ret = aci_queue_command(queue, ACI_ADMIN_RESET_QUEUE, go_on, adev->caps.queue_reset_ms,
				NULL);
	if (ret) {
		aci_recovery_give_up(queue, ret, "queue cannot be reset");
		return;
	}
	/* Its old entries, before it is armed again. */
	aci_irq_drain(adev, queue->vector);
	aci_job_fail_until(queue, verdict.go_on, verdict.error);
	if (banned)
		aci_job_cancel_all(queue, -ECANCELED);
	spin_lock_irq(&queue->lock);
	queue->completed = go_on;
	/* What the failed job used is not on the account of the next one. */
	queue->head_active_ns = le64_to_cpu(READ_ONCE(queue->record->active_ns));
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
 * Engine time that the first pending job may still use, in ms: recovery is
 * queued when it is used up. -1 without such a job, which also disarms the timer.
 */
static s64 aci_recovery_check_time(struct aci_queue *queue)
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
		if (!left) {
			queue->suspect_seqno = job->fence.seqno;
			/* Under the lock, so that it is not queued for a dead queue. */
			queue_work(queue->adev->wq, &queue->recover_work);
		}
	}
	spin_unlock_irq(&queue->lock);
	return left;
}

/**
 * aci_recovery_timeout_work() - look after the first pending job
 * @work: aci_queue.timeout_work
 *
 * Counts engine time, not time in which others had the engine. Finds completions
 * whose interrupt was lost, too, and takes their entries: until then the card posts
 * no others.
 */
void aci_recovery_timeout_work(struct work_struct *work)
{
	struct aci_queue *queue = container_of(to_delayed_work(work), struct aci_queue,
					       timeout_work);
	struct aci_device *adev = queue->adev;
	s64 left;

	aci_irq_drain(adev, queue->vector);
	aci_job_process(queue, false);
	left = aci_recovery_check_time(queue);
	if (left < 0)
		return;
	/*
	 * The event index may have been wrong by which it was not rung. A card
	 * that sleeps uses no engine time: its job would never be late.
	 */
	aci_job_ring(queue);
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
		aci_queue_process(queue, false);
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
		aci_queue_process(queue, false);
	mutex_unlock(&adev->object_lock);
}
