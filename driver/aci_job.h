/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Jobs: descriptors that complete together, with one fence.
 *
 * Everything a job needs is allocated before its fence can be seen; from then
 * on it ends without an allocation. Locking: see aci_queue.h. Functions named
 * _locked are called with aci_queue.lock held.
 */
#ifndef ACI_JOB_H
#define ACI_JOB_H

#include <linux/dma-fence.h>
#include <linux/list.h>
#include <linux/workqueue.h>
#include <aci/aci_queue.h>

#include "aci_queue.h"
#include "aci_sync.h"

/**
 * struct aci_job_descs - descriptors of a job with several
 */
struct aci_job_descs {
	/** @rcu: to free vmalloc memory from an interrupt handler */
	struct rcu_head rcu;
	/** @descs: the descriptors */
	struct aci_desc descs[];
};

/**
 * struct aci_job - a job
 *
 * One allocation for the usual job: a descriptor, a fence in, a fence out.
 */
struct aci_job {
	/** @fence: initialised when the job is queued */
	struct dma_fence fence;
	union {
		/** @node: in a list of the queue */
		struct list_head node;
		/** @spare: in aci_fence_ctx.spares */
		struct llist_node spare;
	};
	/** @ctx: timeline, with a reference once the fence is initialised */
	struct aci_fence_ctx *ctx;
	/** @queue: alive while the job is in one of its lists */
	struct aci_queue *queue;
	/** @end: index after the last descriptor; valid while pending */
	u64 end;
	/** @desc_count: number of @descs */
	u32 desc_count;
	/** @signal: binary syncobj that gets the fence, with a reference, or NULL */
	struct drm_syncobj *signal;
	/** @keep: whoever queues the job gets a reference on its fence */
	bool keep;
	/** @descs: private copy of the descriptors */
	struct aci_desc *descs;
	/** @many_descs: where @descs are if there are several */
	struct aci_job_descs *many_descs;
	/** @deps: fences to wait for; one more is left until the job is queued */
	struct aci_sync_deps deps;
	/** @outs: syncobjs to signal */
	struct aci_sync_outs outs;
	/** @inline_desc: @descs of a job with one */
	struct aci_desc inline_desc;
};

int aci_job_cache_init(void);
void aci_job_cache_exit(void);

/* Jobs that a queue keeps to use again: 20 KiB. */
#define ACI_JOB_SPARES_MAX	64

void aci_job_free_spares(struct aci_fence_ctx *ctx);

/* Whether somebody outside gets the fence. */
static inline bool aci_job_has_outs(const struct aci_job *job)
{
	return job->signal || job->outs.count;
}

struct aci_job *aci_job_alloc(struct aci_queue *queue, u32 desc_count);
void aci_job_free(struct aci_job *job);
void aci_job_watch_deps(struct aci_job *job);

void aci_job_queue_locked(struct aci_queue *queue, struct aci_job *job);
bool aci_job_tell_card_locked(struct aci_queue *queue);
void aci_job_ring(struct aci_queue *queue);
void aci_job_push_ready(struct aci_queue *queue);
void aci_job_push_work(struct work_struct *work);

void aci_job_process(struct aci_queue *queue, bool took_entry);
void aci_job_settle(struct aci_queue *queue);
void aci_job_cancel_all(struct aci_queue *queue, int error);
void aci_job_fail_until(struct aci_queue *queue, u64 index, int error);
void aci_job_resume(struct aci_queue *queue);

#endif /* ACI_JOB_H */
