// SPDX-License-Identifier: GPL-2.0
/*
 * Jobs: from the ioctl into the ring, and out of it when they complete.
 */

#include <linux/io.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <drm/drm_syncobj.h>

#include "aci_device.h"
#include "aci_job.h"
#include "aci_trace.h"

/* Jobs that one fence callback or interrupt pushes; the rest is for a worker. */
#define ACI_JOB_PUSH_BUDGET	16

static struct kmem_cache *aci_job_cache;

/**
 * aci_job_cache_init() - module init
 *
 * A fence may be looked at under RCU while it is freed and used again, as
 * dma_fence_get_rcu_safe() expects; so that no grace period is spent per job.
 *
 * Return: 0 or -ENOMEM.
 */
int aci_job_cache_init(void)
{
	aci_job_cache = kmem_cache_create_usercopy("aci_job", sizeof(struct aci_job), 0,
						   SLAB_HWCACHE_ALIGN | SLAB_TYPESAFE_BY_RCU,
						   offsetof(struct aci_job, inline_desc),
						   sizeof_field(struct aci_job, inline_desc),
						   NULL);
	return aci_job_cache ? 0 : -ENOMEM;
}

/**
 * aci_job_cache_exit() - module exit
 */
void aci_job_cache_exit(void)
{
	kmem_cache_destroy(aci_job_cache);
}

static const char *aci_job_get_driver_name(struct dma_fence *fence)
{
	return "aci";
}

static const char *aci_job_get_timeline_name(struct dma_fence *fence)
{
	return container_of(fence, struct aci_job, fence)->ctx->name;
}

/* Any context, also under the lock of a fence. */
static void aci_job_release(struct dma_fence *fence)
{
	struct aci_job *job = container_of(fence, struct aci_job, fence);
	struct aci_fence_ctx *ctx = job->ctx;

	if (likely(atomic_dec_return(&ctx->spare_room) >= 0)) {
		llist_add(&job->spare, &ctx->spares);
	} else {
		atomic_inc(&ctx->spare_room);
		kmem_cache_free(aci_job_cache, job);
	}
	aci_fence_ctx_put(ctx);
}

/* Half the price of an allocation. NULL if there is none, or not at once. */
static struct aci_job *aci_job_take_spare(struct aci_fence_ctx *ctx)
{
	struct llist_node *node;

	/* One at a time, or the first could be taken, used and put back unnoticed. */
	if (llist_empty(&ctx->spares) || test_and_set_bit_lock(0, &ctx->spare_taker))
		return NULL;
	node = llist_del_first(&ctx->spares);
	clear_bit_unlock(0, &ctx->spare_taker);
	if (!node)
		return NULL;
	atomic_inc(&ctx->spare_room);
	return llist_entry(node, struct aci_job, spare);
}

/**
 * aci_job_free_spares() - the timeline goes
 * @ctx: timeline without fences
 */
void aci_job_free_spares(struct aci_fence_ctx *ctx)
{
	struct aci_job *job, *next;

	llist_for_each_entry_safe(job, next, llist_del_all(&ctx->spares), spare)
		kmem_cache_free(aci_job_cache, job);
}

static const struct dma_fence_ops aci_job_fence_ops = {
	ACI_FENCE_OPS_64BIT
	.get_driver_name = aci_job_get_driver_name,
	.get_timeline_name = aci_job_get_timeline_name,
	.release = aci_job_release,
};

/**
 * aci_job_alloc() - make a job
 * @queue: where it will go
 * @desc_count: at least 1
 *
 * Return: the job or NULL.
 */
struct aci_job *aci_job_alloc(struct aci_queue *queue, u32 desc_count)
{
	struct aci_job *job = aci_job_take_spare(queue->fence_ctx);

	if (!job)
		job = kmem_cache_alloc(aci_job_cache, GFP_KERNEL_ACCOUNT);
	if (!job)
		return NULL;
	job->descs = &job->inline_desc;
	job->many_descs = NULL;
	if (desc_count > 1) {
		job->many_descs = kvmalloc(struct_size(job->many_descs, descs, desc_count),
					   GFP_KERNEL_ACCOUNT);
		if (!job->many_descs) {
			kmem_cache_free(aci_job_cache, job);
			return NULL;
		}
		job->descs = job->many_descs->descs;
	}
	job->ctx = queue->fence_ctx;
	job->queue = queue;
	job->desc_count = desc_count;
	aci_sync_init_deps(&job->deps, 1);
	aci_sync_init_outs(&job->outs);
	job->signal = NULL;
	job->keep = false;
	return job;
}

/* All that a job has besides its fence. Process context or interrupt. */
static void aci_job_strip(struct aci_job *job)
{
	aci_sync_drop_deps(&job->deps);
	if (likely(!job->many_descs))
		return;
	/* vfree() may sleep. */
	if (is_vmalloc_addr(job->many_descs))
		kvfree_rcu(job->many_descs, rcu);
	else
		kfree(job->many_descs);
}

/**
 * aci_job_free() - free a job that was not queued
 * @job: job
 */
void aci_job_free(struct aci_job *job)
{
	aci_sync_unwatch_deps(&job->deps);
	aci_sync_drop_outs(&job->outs);
	if (job->signal)
		drm_syncobj_put(job->signal);
	aci_job_strip(job);
	kmem_cache_free(aci_job_cache, job);
}

static void aci_job_dep_signalled(struct dma_fence *fence, struct dma_fence_cb *cb)
{
	struct aci_sync_deps *deps = container_of(cb, struct aci_sync_dep, cb)->deps;
	struct aci_job *job = container_of(deps, struct aci_job, deps);
	struct aci_queue *queue = job->queue;

	/* Without the last count the job may complete, and its queue and device go. */
	rcu_read_lock();
	if (atomic_dec_and_test(&job->deps.left))
		aci_job_push_ready(queue);
	rcu_read_unlock();
}

/**
 * aci_job_watch_deps() - be told when the fences in are signalled
 * @job: job that is not queued yet
 */
void aci_job_watch_deps(struct aci_job *job)
{
	u32 i;

	if (trace_aci_job_wait_enabled())
		for (i = 0; i < job->deps.count; i++)
			trace_aci_job_wait(job, job->deps.array[i].fence);
	aci_sync_watch_deps(&job->deps, aci_job_dep_signalled);
}

static void aci_job_write_ring_locked(struct aci_queue *queue, const struct aci_job *job)
{
	u32 slot = queue->tail & (queue->ring_entries - 1);
	u32 first = min(job->desc_count, queue->ring_entries - slot);

	memcpy(&queue->ring[slot], job->descs, first * sizeof(*job->descs));
	if (unlikely(first < job->desc_count))
		memcpy(queue->ring, job->descs + first,
		       (job->desc_count - first) * sizeof(*job->descs));
}

static bool aci_job_has_room_locked(const struct aci_queue *queue, const struct aci_job *job)
{
	return job->desc_count <= queue->ring_entries - (queue->tail - queue->completed);
}

static void aci_job_push_locked(struct aci_queue *queue, struct aci_job *job)
{
	if (list_empty(&queue->pending))
		queue->head_active_ns = le64_to_cpu(READ_ONCE(queue->record->active_ns));
	aci_job_write_ring_locked(queue, job);
	queue->tail += job->desc_count;
	job->end = queue->tail;
	list_add_tail(&job->node, &queue->pending);
	trace_aci_job_push(job);
}

/**
 * aci_job_queue_locked() - put a job into the ring, or behind it
 * @queue: queue that is not dead
 * @job: job whose fences in are watched
 *
 * Initialises the fence. The caller tells the card.
 */
void aci_job_queue_locked(struct aci_queue *queue, struct aci_job *job)
{
	aci_fence_ctx_get(job->ctx);
	dma_fence_init64(&job->fence, &aci_job_fence_ops, &job->ctx->lock, job->ctx->context,
			 ++queue->seqno);
	if (job->keep)
		dma_fence_get(&job->fence);
	trace_aci_job_submit(job);
	if (atomic_dec_and_test(&job->deps.left) && queue->state == ACI_QUEUE_LIVE &&
	    list_empty(&queue->waiting) && aci_job_has_room_locked(queue, job)) {
		aci_job_push_locked(queue, job);
	} else {
		list_add_tail(&job->node, &queue->waiting);
		queue->waiting_descs += job->desc_count;
	}
}

static void aci_job_arm_timer_locked(struct aci_queue *queue)
{
	/* Whoever kills the queue waits for the timer, and must not find it armed again. */
	if (queue->timer_armed || queue->state != ACI_QUEUE_LIVE)
		return;
	queue->timer_armed = true;
	queue_delayed_work(queue->adev->wq, &queue->timeout_work,
			   msecs_to_jiffies(queue->timeout_ms));
}

/**
 * aci_job_tell_card_locked() - make the card see the jobs in the ring
 * @queue: live queue
 *
 * Return: whether the caller has to call aci_job_ring() without the lock.
 */
bool aci_job_tell_card_locked(struct aci_queue *queue)
{
	u64 old = queue->told_tail, tail = queue->tail;
	struct aci_queue_user_page *user_page = queue->user_page;

	if (tail == old)
		return false;
	if (!queue->armed) {
		/*
		 * Before the tail, so that the card sees it when it completes
		 * the job. Always the first: a waiter may be waiting for it, and
		 * the interrupt finds whatever has completed by then.
		 */
		queue->armed = list_first_entry(&queue->pending, struct aci_job, node)->end;
		WRITE_ONCE(queue->record->notify_at, cpu_to_le64(queue->armed));
	}
	dma_wmb();
	WRITE_ONCE(user_page->tail, cpu_to_le64(tail));
	queue->told_tail = tail;
	aci_job_arm_timer_locked(queue);
	/*
	 * Store tail, then load event_index; the card does the reverse before
	 * it sleeps. One of the two sees the other. Not smp_mb(): the other
	 * side is a device on a uniprocessor kernel, too.
	 */
	mb();
	return aci_queue_need_ring(le64_to_cpu(READ_ONCE(user_page->event_index)), old, tail);
}

/**
 * aci_job_ring() - wake the card
 * @queue: queue whose lock is not held, because the write may take long
 *
 * Only a hint: it does no harm to a queue that was destroyed meanwhile.
 */
void aci_job_ring(struct aci_queue *queue)
{
	int idx;

	if (!drm_dev_enter(&queue->adev->drm, &idx))
		return;
	writel(0, queue->doorbell);
	if (queue->kick)
		writel(0, queue->kick);
	drm_dev_exit(idx);
}

/* Returns whether to ring; *more says whether ready jobs are left. */
static bool aci_job_push_some_locked(struct aci_queue *queue, unsigned int budget, bool *more)
{
	struct aci_job *job, *next;

	*more = false;
	if (queue->state != ACI_QUEUE_LIVE)
		return false;
	list_for_each_entry_safe(job, next, &queue->waiting, node) {
		if (atomic_read(&job->deps.left) || !aci_job_has_room_locked(queue, job))
			break;
		if (!budget--) {
			*more = true;
			break;
		}
		list_del(&job->node);
		queue->waiting_descs -= job->desc_count;
		aci_job_push_locked(queue, job);
	}
	return aci_job_tell_card_locked(queue);
}

/**
 * aci_job_push_ready() - push waiting jobs that can go
 * @queue: queue
 *
 * Any context, also under the lock of a fence. Pushes a bounded number; the
 * worker does the rest.
 */
void aci_job_push_ready(struct aci_queue *queue)
{
	unsigned long flags;
	bool ring, more;

	spin_lock_irqsave(&queue->lock, flags);
	ring = aci_job_push_some_locked(queue, ACI_JOB_PUSH_BUDGET, &more);
	/* Under the lock, so that it is not queued for a dead queue. */
	if (more)
		queue_work(queue->adev->wq, &queue->push_work);
	spin_unlock_irqrestore(&queue->lock, flags);
	if (ring)
		aci_job_ring(queue);
}

/**
 * aci_job_push_work() - push what a fence callback left
 * @work: aci_queue.push_work
 */
void aci_job_push_work(struct work_struct *work)
{
	struct aci_queue *queue = container_of(work, struct aci_queue, push_work);
	bool cookie = dma_fence_begin_signalling();
	bool ring, more = true;

	while (more) {
		spin_lock_irq(&queue->lock);
		ring = aci_job_push_some_locked(queue, ACI_JOB_PUSH_BUDGET, &more);
		spin_unlock_irq(&queue->lock);
		if (ring)
			aci_job_ring(queue);
	}
	dma_fence_end_signalling(cookie);
}

/* Move completed jobs to @done. Returns false if the card must be asked what is wrong. */
static bool aci_job_collect_locked(struct aci_queue *queue, struct list_head *done)
{
	struct aci_queue_record *record = queue->record;
	u64 completed = le64_to_cpu(READ_ONCE(record->completed));
	struct aci_job *job;
	LIST_HEAD(ended);

	if (unlikely(completed - queue->completed > queue->told_tail - queue->completed)) {
		queue->misbehaved = true;
		return false;
	}
	/* What the jobs wrote is read after this. */
	dma_rmb();
	if (completed != queue->completed) {
		queue->completed = completed;
		list_for_each_entry(job, &queue->pending, node) {
			if (job->end > completed)
				break;
			queue->jobs_completed++;
		}
		/* All before the one where the search ended, at once. */
		list_cut_before(&ended, &queue->pending, &job->node);
		if (!list_empty(&ended)) {
			list_splice_tail(&ended, done);
			queue->failures = 0;
			queue->head_active_ns = le64_to_cpu(READ_ONCE(record->active_ns));
		}
	}
	return le32_to_cpu(READ_ONCE(record->state)) == ACI_QUEUE_STATE_RUNNING;
}

/*
 * Collect, and have the card tell when the next job completes. Each
 * round but the last has collected the job that the one before armed for.
 */
static bool aci_job_collect_and_arm_locked(struct aci_queue *queue, struct list_head *done)
{
	for (;;) {
		if (!aci_job_collect_locked(queue, done))
			return false;
		if (queue->armed > queue->completed)
			return true;
		if (list_empty(&queue->pending)) {
			queue->armed = 0;
			return true;
		}
		queue->armed = list_first_entry(&queue->pending, struct aci_job, node)->end;
		WRITE_ONCE(queue->record->notify_at, cpu_to_le64(queue->armed));
		/* Store notify_at, then load completed; the card does the reverse. */
		mb();
	}
}

/* Under the lock of the fences, and not under that of the queue. */
static void aci_job_signal_locked(struct list_head *jobs, int error)
{
	ktime_t now = ktime_get();
	struct aci_job *job;

	list_for_each_entry(job, jobs, node) {
		if (error)
			dma_fence_set_error(&job->fence, error);
		trace_aci_job_done(job, error);
		dma_fence_signal_timestamp_locked(&job->fence, now);
	}
}

static void aci_job_retire(struct list_head *jobs)
{
	struct aci_job *job, *next;

	list_for_each_entry_safe(job, next, jobs, node) {
		aci_job_strip(job);
		dma_fence_put(&job->fence);
	}
}

/**
 * aci_job_process() - end completed jobs, push waiting ones
 * @queue: queue
 * @took_entry: an entry of the queue was taken from its notification ring
 *
 * Interrupt handler or process context.
 */
void aci_job_process(struct aci_queue *queue, bool took_entry)
{
	struct aci_fence_ctx *ctx = queue->fence_ctx;
	bool waiting = false;
	unsigned long flags;
	LIST_HEAD(done);

	/* Both locks at once, so that fences are signalled in order. */
	spin_lock_irqsave(&ctx->lock, flags);
	spin_lock(&queue->lock);
	if (took_entry && queue->state != ACI_QUEUE_DEAD)
		aci_queue_take_entry_locked(queue);
	/* A banned queue has no jobs, and nobody cares what the card says of it. */
	if (queue->state == ACI_QUEUE_LIVE && !queue->banned) {
		if (unlikely(!aci_job_collect_and_arm_locked(queue, &done)))
			queue_work(queue->adev->wq, &queue->recover_work);
		waiting = !list_empty(&queue->waiting);
	}
	spin_unlock(&queue->lock);
	aci_job_signal_locked(&done, 0);
	spin_unlock_irqrestore(&ctx->lock, flags);

	aci_job_retire(&done);
	if (waiting)
		aci_job_push_ready(queue);
}

/**
 * aci_job_settle() - end completed jobs of a queue that the card has stopped
 * @queue: held or dead queue with exact counts
 */
void aci_job_settle(struct aci_queue *queue)
{
	LIST_HEAD(done);

	spin_lock_irq(&queue->fence_ctx->lock);
	spin_lock(&queue->lock);
	aci_job_collect_locked(queue, &done);
	spin_unlock(&queue->lock);
	aci_job_signal_locked(&done, 0);
	spin_unlock_irq(&queue->fence_ctx->lock);
	aci_job_retire(&done);
}

static void aci_job_end_all(struct aci_queue *queue, struct list_head *jobs, int error)
{
	spin_lock_irq(&queue->fence_ctx->lock);
	aci_job_signal_locked(jobs, error);
	spin_unlock_irq(&queue->fence_ctx->lock);
	aci_job_retire(jobs);
}

/**
 * aci_job_cancel_all() - end all jobs with an error
 * @queue: held or dead queue; the card starts none of them any more
 * @error: for their fences
 */
void aci_job_cancel_all(struct aci_queue *queue, int error)
{
	struct aci_job *job;
	LIST_HEAD(waiting);
	LIST_HEAD(jobs);

	spin_lock_irq(&queue->lock);
	list_splice_init(&queue->pending, &jobs);
	list_splice_init(&queue->waiting, &waiting);
	queue->waiting_descs = 0;
	queue->completed = queue->tail;
	queue->told_tail = queue->tail;
	queue->armed = 0;
	spin_unlock_irq(&queue->lock);

	/* Takes the locks of other fences. */
	list_for_each_entry(job, &waiting, node)
		aci_sync_unwatch_deps(&job->deps);
	list_splice_tail(&waiting, &jobs);
	aci_job_end_all(queue, &jobs, error);
}

/**
 * aci_job_fail_until() - end pending jobs with an error
 * @queue: held queue
 * @index: jobs with a descriptor below this index
 * @error: for their fences
 */
void aci_job_fail_until(struct aci_queue *queue, u64 index, int error)
{
	struct aci_job *job, *next;
	LIST_HEAD(jobs);

	spin_lock_irq(&queue->lock);
	list_for_each_entry_safe(job, next, &queue->pending, node) {
		if (job->end - job->desc_count >= index)
			break;
		list_move_tail(&job->node, &jobs);
	}
	spin_unlock_irq(&queue->lock);
	aci_job_end_all(queue, &jobs, error);
}

/**
 * aci_job_resume() - let a held queue go on
 * @queue: held queue that the card runs from aci_queue.completed on
 */
void aci_job_resume(struct aci_queue *queue)
{
	spin_lock_irq(&queue->lock);
	if (queue->state == ACI_QUEUE_HELD)
		queue->state = ACI_QUEUE_LIVE;
	queue->suspect_seqno = 0;
	queue->misbehaved = false;
	queue->armed = 0;
	if (!list_empty(&queue->pending))
		aci_job_arm_timer_locked(queue);
	spin_unlock_irq(&queue->lock);
	/* Arms, finds what completed meanwhile, pushes what waits. */
	aci_job_process(queue, false);
}
