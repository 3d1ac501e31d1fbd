/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Fence contexts: what the fences of one queue share and what may outlive the
 * queue, the device and every open file, because a sync_file elsewhere still
 * holds a fence. A context holds the module, so that a fence never points to
 * code that is gone.
 */
#ifndef ACI_FENCE_H
#define ACI_FENCE_H

#include <linux/atomic.h>
#include <linux/dma-fence.h>
#include <linux/llist.h>
#include <linux/refcount.h>
#include <linux/spinlock.h>

/**
 * struct aci_fence_ctx - timeline of a queue
 */
struct aci_fence_ctx {
	/** @lock: dma_fence lock of all fences of the context */
	spinlock_t lock;
	/** @ref: the queue and every fence hold one */
	refcount_t ref;
	/** @context: dma_fence context number */
	u64 context;
	/** @spares: jobs to use again, see aci_job.c */
	struct llist_head spares;
	/** @spare_room: so many more may be kept */
	atomic_t spare_room;
	/** @spare_taker: bit 0: somebody takes one */
	unsigned long spare_taker;
	/** @name: timeline name */
	char name[32];
	/** @rcu: readers of @name do not hold a reference */
	struct rcu_head rcu;
};

struct aci_fence_ctx *aci_fence_ctx_create(const char *name);
void aci_fence_ctx_put(struct aci_fence_ctx *ctx);

static inline struct aci_fence_ctx *aci_fence_ctx_get(struct aci_fence_ctx *ctx)
{
	refcount_inc(&ctx->ref);
	return ctx;
}

#endif /* ACI_FENCE_H */
