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

#include <linux/atomic.h>
#include <linux/dma-fence.h>
#include <linux/list.h>
#include <linux/workqueue.h>
#include <aci/aci_queue.h>

#include "aci_queue.h"

struct aci_job;
struct dma_fence_chain;
struct drm_syncobj;

/**
 * struct aci_job_dep - a fence that a job waits for
 */
struct aci_job_dep {
	/** @cb: callback; its node is empty if there is none to remove */
	struct dma_fence_cb cb;
	/** @fence: with a reference */
	struct dma_fence *fence;
	/** @job: the job */
	struct aci_job *job;
};

/**
 * struct aci_job_out - a syncobj that gets the job's fence
 */
struct aci_job_out {
	/** @syncobj: with a reference */
	struct drm_syncobj *syncobj;
	/** @chain: preallocated for a timeline, else NULL */
	struct dma_fence_chain *chain;
	/** @point: of a timeline */
	u64 point;
};

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
	/** @node: in a list of the queue */
	struct list_head node;
	/** @ctx: timeline, with a reference once the fence is initialised */
	struct aci_fence_ctx *ctx;
	/** @queue: alive while the job is in one of its lists */
	struct aci_queue *queue;
	/** @end: index after the last descriptor; valid while pending */
	u64 end;
	/** @desc_count: number of @descs */
	u32 desc_count;
	/** @dep_count: number of @deps */
	u32 dep_count;
	/** @out_count: number of @outs */
	u32 out_count;
	/** @deps_left: fences not signalled, plus one until the job is queued */
	atomic_t deps_left;
	/** @has_ins: fences in were named, signalled or not */
	bool has_ins;
	/** @descs: private copy of the descriptors */
	struct aci_desc *descs;
	/** @many_descs: where @descs are if there are several */
	struct aci_job_descs *many_descs;
	/** @deps: fences to wait for */
	struct aci_job_dep *deps;
	/** @outs: syncobjs to signal */
	struct aci_job_out *outs;
	/** @inline_dep: @deps of a job with one */
	struct aci_job_dep inline_dep;
	/** @inline_out: @outs of a job with one */
	struct aci_job_out inline_out;
	/** @inline_desc: @descs of a job with one */
	struct aci_desc inline_desc;
};

int aci_job_cache_init(void);
void aci_job_cache_exit(void);

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
