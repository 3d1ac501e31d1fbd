// SPDX-License-Identifier: GPL-2.0
/*
 * Fence contexts.
 */

#include <linux/module.h>

#include "aci_fence.h"
#include "aci_job.h"
#include "compat.h"

/**
 * aci_fence_ctx_create() - make a timeline
 * @name: shown to whoever looks at one of its fences
 *
 * Return: the context with one reference, or NULL.
 */
struct aci_fence_ctx *aci_fence_ctx_create(const char *name)
{
	struct aci_fence_ctx *ctx = kzalloc_obj(*ctx, GFP_KERNEL_ACCOUNT);

	if (!ctx)
		return NULL;
	/* The caller came in through the module. */
	__module_get(THIS_MODULE);
	spin_lock_init(&ctx->lock);
	refcount_set(&ctx->ref, 1);
	ctx->context = dma_fence_context_alloc(1);
	init_llist_head(&ctx->spares);
	atomic_set(&ctx->spare_room, ACI_JOB_SPARES_MAX);
	strscpy(ctx->name, name, sizeof(ctx->name));
	return ctx;
}

/*
 * Runs after a grace period, and aci_exit() waits for it by rcu_barrier(): so
 * neither this function nor the caller of the last aci_fence_ctx_put() is
 * still in the module's code when that is freed.
 */
static void aci_fence_ctx_free_rcu(struct rcu_head *rcu)
{
	struct aci_fence_ctx *ctx = container_of(rcu, struct aci_fence_ctx, rcu);

	aci_job_free_spares(ctx);
	kfree(ctx);
	module_put(THIS_MODULE);
}

/**
 * aci_fence_ctx_put() - drop a reference
 * @ctx: context
 *
 * Any context.
 */
void aci_fence_ctx_put(struct aci_fence_ctx *ctx)
{
	if (refcount_dec_and_test(&ctx->ref))
		call_rcu(&ctx->rcu, aci_fence_ctx_free_rcu);
}
