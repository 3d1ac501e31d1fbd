// SPDX-License-Identifier: GPL-2.0
/*
 * Syncobjs of a job or a bind.
 */

#include <linux/dma-fence-chain.h>
#include <linux/slab.h>
#include <drm/drm_syncobj.h>
#include <drm/aci_accel.h>

#include "aci_ioctl.h"
#include "aci_sync.h"

#define ACI_SYNC_MAX	1024

static int aci_sync_add_dep(struct aci_sync_deps *deps, u64 context, struct drm_file *file,
			    const struct drm_aci_sync *sync)
{
	struct aci_sync_dep *dep = &deps->array[deps->count];
	struct dma_fence *fence;
	int ret;

	ret = drm_syncobj_find_fence(file, sync->handle, sync->point, 0, &fence);
	if (ret)
		return ret;
	/* What has the same timeline runs in order anyhow. */
	if (fence->context == context || dma_fence_is_signaled(fence)) {
		dma_fence_put(fence);
		return 0;
	}
	dep->fence = fence;
	dep->deps = deps;
	INIT_LIST_HEAD(&dep->cb.node);
	deps->count++;
	return 0;
}

static int aci_sync_add_out(struct aci_sync_outs *outs, struct drm_file *file,
			    const struct drm_aci_sync *sync)
{
	struct aci_sync_out *out = &outs->array[outs->count];

	out->chain = NULL;
	out->point = sync->point;
	if (sync->flags & DRM_ACI_SYNC_TIMELINE) {
		out->chain = dma_fence_chain_alloc();
		if (!out->chain)
			return -ENOMEM;
	}
	out->syncobj = drm_syncobj_find(file, sync->handle);
	if (!out->syncobj) {
		dma_fence_chain_free(out->chain);
		return -ENOENT;
	}
	outs->count++;
	return 0;
}

static int aci_sync_check(const struct drm_aci_sync *sync)
{
	if (sync->flags & ~(DRM_ACI_SYNC_SIGNAL | DRM_ACI_SYNC_TIMELINE))
		return -EINVAL;
	if (sync->flags & DRM_ACI_SYNC_TIMELINE)
		return sync->flags & DRM_ACI_SYNC_SIGNAL && !sync->point ? -EINVAL : 0;
	return sync->point ? -EINVAL : 0;
}

static int aci_sync_alloc(struct aci_sync_deps *deps, u32 dep_count, struct aci_sync_outs *outs,
			  u32 out_count)
{
	if (dep_count > 1) {
		struct aci_sync_dep *array;

		array = kmalloc_array(dep_count, sizeof(*array), GFP_KERNEL_ACCOUNT);
		if (!array)
			return -ENOMEM;
		deps->array = array;
	}
	if (out_count > 1) {
		struct aci_sync_out *array;

		array = kvmalloc_array(out_count, sizeof(*array), GFP_KERNEL_ACCOUNT);
		if (!array)
			return -ENOMEM;
		outs->array = array;
	}
	return 0;
}

/* The usual case, without a temporary array. */
static int aci_sync_fill_one(struct aci_sync_deps *deps, struct aci_sync_outs *outs, u64 context,
			     struct drm_file *file, const struct drm_aci_array *array)
{
	struct drm_aci_sync sync;
	int ret;

	ret = aci_ioctl_copy_element(&sync, sizeof(sync), array, 0);
	if (ret)
		return ret;
	ret = aci_sync_check(&sync);
	if (ret)
		return ret;
	if (sync.flags & DRM_ACI_SYNC_SIGNAL)
		return aci_sync_add_out(outs, file, &sync);
	deps->named = true;
	return aci_sync_add_dep(deps, context, file, &sync);
}

static int aci_sync_fill(struct aci_sync_deps *deps, struct aci_sync_outs *outs, u64 context,
			 struct drm_file *file, struct drm_aci_sync *syncs,
			 const struct drm_aci_array *array)
{
	u32 i, out_count = 0;
	int ret;

	for (i = 0; i < array->count; i++) {
		ret = aci_ioctl_copy_element(&syncs[i], sizeof(*syncs), array, i);
		if (ret)
			return ret;
		ret = aci_sync_check(&syncs[i]);
		if (ret)
			return ret;
		if (syncs[i].flags & DRM_ACI_SYNC_SIGNAL)
			out_count++;
	}
	deps->named = out_count < array->count;
	ret = aci_sync_alloc(deps, array->count - out_count, outs, out_count);
	for (i = 0; i < array->count && !ret; i++)
		ret = syncs[i].flags & DRM_ACI_SYNC_SIGNAL ?
		      aci_sync_add_out(outs, file, &syncs[i]) :
		      aci_sync_add_dep(deps, context, file, &syncs[i]);
	return ret;
}

/**
 * aci_sync_parse() - look up syncobjs
 * @deps: set up; gets the fences to wait for
 * @outs: set up; gets the syncobjs to signal
 * @context: fences of this timeline need no wait
 * @file: caller
 * @array: of struct drm_aci_sync
 *
 * The caller drops both also after an error.
 *
 * Return: 0; -ENOENT for an unknown handle; -EINVAL for a wrong entry or a
 * syncobj to wait for that has no fence yet; or another negative error.
 */
int aci_sync_parse(struct aci_sync_deps *deps, struct aci_sync_outs *outs, u64 context,
		   struct drm_file *file, const struct drm_aci_array *array)
{
	struct drm_aci_sync *syncs;
	int ret;

	if (!array->count && !array->ptr)
		return 0;
	ret = aci_ioctl_check_array(array, sizeof(*syncs));
	if (ret)
		return ret;
	if (array->count > ACI_SYNC_MAX)
		return -EINVAL;
	if (array->count == 1)
		return aci_sync_fill_one(deps, outs, context, file, array);
	syncs = kvmalloc_array(array->count, sizeof(*syncs), GFP_KERNEL_ACCOUNT);
	if (!syncs)
		return -ENOMEM;
	ret = aci_sync_fill(deps, outs, context, file, syncs, array);
	kvfree(syncs);
	return ret;
}

/**
 * aci_sync_watch_deps() - be told when the fences are signalled
 * @deps: fences
 * @func: callback, in any context and under the fence's lock; its dma_fence_cb is
 *	that of a struct aci_sync_dep, whose set it counts down
 */
void aci_sync_watch_deps(struct aci_sync_deps *deps, dma_fence_func_t func)
{
	u32 i;

	for (i = 0; i < deps->count; i++) {
		struct aci_sync_dep *dep = &deps->array[i];

		atomic_inc(&deps->left);
		/* Leaves an empty node behind if the fence is signalled. */
		if (dma_fence_add_callback(dep->fence, &dep->cb, func))
			atomic_dec(&deps->left);
	}
}

/**
 * aci_sync_unwatch_deps() - be told no more
 * @deps: fences
 *
 * Takes the locks of the fences: no callback is running when it returns.
 */
void aci_sync_unwatch_deps(struct aci_sync_deps *deps)
{
	u32 i;

	for (i = 0; i < deps->count; i++)
		dma_fence_remove_callback(deps->array[i].fence, &deps->array[i].cb);
}

/**
 * aci_sync_wait_deps() - sleep until all fences are signalled
 * @deps: fences that are not watched
 *
 * Return: 0 or -ERESTARTSYS.
 */
int aci_sync_wait_deps(struct aci_sync_deps *deps)
{
	long ret = 0;
	u32 i;

	for (i = 0; i < deps->count && !ret; i++)
		ret = dma_fence_wait(deps->array[i].fence, true);
	return ret;
}

/**
 * aci_sync_drop_deps() - forget the fences
 * @deps: fences that are not watched
 *
 * Process context or interrupt.
 */
void aci_sync_drop_deps(struct aci_sync_deps *deps)
{
	u32 i;

	for (i = 0; i < deps->count; i++)
		dma_fence_put(deps->array[i].fence);
	deps->count = 0;
	if (deps->array != &deps->single)
		kfree(deps->array);
	deps->array = &deps->single;
}

static void aci_sync_free_outs(struct aci_sync_outs *outs)
{
	outs->count = 0;
	if (outs->array != &outs->single)
		kvfree(outs->array);
	outs->array = &outs->single;
}

/**
 * aci_sync_publish_outs() - give a fence to the syncobjs
 * @outs: syncobjs; empty afterwards
 * @fence: fence
 */
void aci_sync_publish_outs(struct aci_sync_outs *outs, struct dma_fence *fence)
{
	u32 i;

	for (i = 0; i < outs->count; i++) {
		struct aci_sync_out *out = &outs->array[i];

		if (out->chain)
			drm_syncobj_add_point(out->syncobj, out->chain, fence, out->point);
		else
			drm_syncobj_replace_fence(out->syncobj, fence);
		drm_syncobj_put(out->syncobj);
	}
	aci_sync_free_outs(outs);
}

/**
 * aci_sync_drop_outs() - forget the syncobjs
 * @outs: syncobjs; empty afterwards
 */
void aci_sync_drop_outs(struct aci_sync_outs *outs)
{
	u32 i;

	for (i = 0; i < outs->count; i++) {
		drm_syncobj_put(outs->array[i].syncobj);
		dma_fence_chain_free(outs->array[i].chain);
	}
	aci_sync_free_outs(outs);
}
