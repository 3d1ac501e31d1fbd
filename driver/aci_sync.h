/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Syncobjs of a job or a bind: the fences that it waits for, and the syncobjs
 * that get its own fence.
 *
 * Process context and no locks held, unless a function says otherwise. An
 * object that is set up and not filled needs no clean-up.
 */
#ifndef ACI_SYNC_H
#define ACI_SYNC_H

#include <linux/atomic.h>
#include <linux/dma-fence.h>

struct aci_sync_deps;
struct dma_fence_chain;
struct drm_aci_array;
struct drm_file;
struct drm_syncobj;

/**
 * struct aci_sync_dep - a fence to wait for
 */
struct aci_sync_dep {
	/** @cb: callback; its node is empty if there is none to remove */
	struct dma_fence_cb cb;
	/** @fence: with a reference */
	struct dma_fence *fence;
	/** @deps: the set */
	struct aci_sync_deps *deps;
};

/**
 * struct aci_sync_deps - fences to wait for
 */
struct aci_sync_deps {
	/** @left: fences not signalled, plus those that the owner adds */
	atomic_t left;
	/** @count: number of @array */
	u32 count;
	/** @named: fences were named, signalled or not */
	bool named;
	/** @array: those that were not signalled */
	struct aci_sync_dep *array;
	/** @single: @array for one */
	struct aci_sync_dep single;
};

/**
 * struct aci_sync_out - a syncobj that gets a fence
 */
struct aci_sync_out {
	/** @syncobj: with a reference */
	struct drm_syncobj *syncobj;
	/** @chain: preallocated for a timeline, else NULL */
	struct dma_fence_chain *chain;
	/** @point: of a timeline */
	u64 point;
};

/**
 * struct aci_sync_outs - syncobjs that get a fence
 */
struct aci_sync_outs {
	/** @count: number of @array */
	u32 count;
	/** @array: the syncobjs */
	struct aci_sync_out *array;
	/** @single: @array for one */
	struct aci_sync_out single;
};

/**
 * aci_sync_init_deps() - set up without fences
 * @deps: fences to wait for
 * @left: what the owner adds to their number
 */
static inline void aci_sync_init_deps(struct aci_sync_deps *deps, int left)
{
	atomic_set(&deps->left, left);
	deps->count = 0;
	deps->named = false;
	deps->array = &deps->single;
}

/**
 * aci_sync_init_outs() - set up without syncobjs
 * @outs: syncobjs to signal
 */
static inline void aci_sync_init_outs(struct aci_sync_outs *outs)
{
	outs->count = 0;
	outs->array = &outs->single;
}

int aci_sync_parse(struct aci_sync_deps *deps, struct aci_sync_outs *outs, u64 context,
		   struct drm_file *file, const struct drm_aci_array *array);

void aci_sync_watch_deps(struct aci_sync_deps *deps, dma_fence_func_t func);
void aci_sync_unwatch_deps(struct aci_sync_deps *deps);
int aci_sync_wait_deps(struct aci_sync_deps *deps);
void aci_sync_drop_deps(struct aci_sync_deps *deps);

void aci_sync_publish_outs(struct aci_sync_outs *outs, struct dma_fence *fence);
void aci_sync_drop_outs(struct aci_sync_outs *outs);

#endif /* ACI_SYNC_H */
