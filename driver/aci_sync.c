// SPDX-License-Identifier: GPL-2.0
/*
 * Syncobjs of a job: what it waits for and what it signals.
 */

#include <linux/dma-fence-chain.h>
#include <linux/slab.h>
#include <drm/drm_syncobj.h>
#include <drm/aci_accel.h>

#include "aci_ioctl.h"
#include "aci_job.h"
#include "aci_sync.h"

#define ACI_SYNC_MAX	1024
#define ACI_SYNC_STACK	4

static int aci_sync_add_dep(struct aci_job *job, struct drm_file *file,
			    const struct drm_aci_sync *sync)
{
	struct aci_job_dep *dep = &job->deps[job->dep_count];
	struct dma_fence *fence;
	int ret;

	ret = drm_syncobj_find_fence(file, sync->handle, sync->point, 0, &fence);
	if (ret)
		return ret;
	/* Jobs of a queue run in order anyhow. */
	if (fence->context == job->ctx->context || dma_fence_is_signaled(fence)) {
		dma_fence_put(fence);
		return 0;
	}
	dep->fence = fence;
	dep->job = job;
	INIT_LIST_HEAD(&dep->cb.node);
	job->dep_count++;
	return 0;
}

static int aci_sync_add_out(struct aci_job *job, struct drm_file *file,
			    const struct drm_aci_sync *sync)
{
	struct aci_job_out *out = &job->outs[job->out_count];

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
	job->out_count++;
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

static int aci_sync_alloc(struct aci_job *job, u32 deps, u32 outs)
{
	if (deps > 1) {
		struct aci_job_dep *array;

		array = kmalloc_array(deps, sizeof(*array), GFP_KERNEL_ACCOUNT);
		if (!array)
			return -ENOMEM;
		job->deps = array;
	}
	if (outs > 1) {
		struct aci_job_out *array;

		array = kvmalloc_array(outs, sizeof(*array), GFP_KERNEL_ACCOUNT);
		if (!array)
			return -ENOMEM;
		job->outs = array;
	}
	return 0;
}

static int aci_sync_fill(struct aci_job *job, struct drm_file *file, struct drm_aci_sync *syncs,
			 const struct drm_aci_array *array)
{
	u32 i, outs = 0;
	int ret;

	for (i = 0; i < array->count; i++) {
		ret = aci_ioctl_copy_element(&syncs[i], sizeof(*syncs), array, i);
		if (ret)
			return ret;
		ret = aci_sync_check(&syncs[i]);
		if (ret)
			return ret;
		if (syncs[i].flags & DRM_ACI_SYNC_SIGNAL)
			outs++;
	}
	job->has_ins = outs < array->count;
	ret = aci_sync_alloc(job, array->count - outs, outs);
	for (i = 0; i < array->count && !ret; i++)
		ret = syncs[i].flags & DRM_ACI_SYNC_SIGNAL ?
		      aci_sync_add_out(job, file, &syncs[i]) :
		      aci_sync_add_dep(job, file, &syncs[i]);
	return ret;
}

/**
 * aci_sync_parse() - look up the syncobjs of a job
 * @job: job that is not queued; the caller frees it after an error
 * @file: caller
 * @array: of struct drm_aci_sync
 *
 * Return: 0; -ENOENT for an unknown handle; -EINVAL for a wrong entry or a
 * syncobj to wait for that has no fence yet; or another negative error.
 */
int aci_sync_parse(struct aci_job *job, struct drm_file *file, const struct drm_aci_array *array)
{
	struct drm_aci_sync stack[ACI_SYNC_STACK];
	struct drm_aci_sync *syncs = stack;
	int ret;

	if (!array->count && !array->ptr)
		return 0;
	ret = aci_ioctl_check_array(array, sizeof(*syncs));
	if (ret)
		return ret;
	if (array->count > ACI_SYNC_MAX)
		return -EINVAL;
	if (array->count > ACI_SYNC_STACK) {
		syncs = kvmalloc_array(array->count, sizeof(*syncs), GFP_KERNEL_ACCOUNT);
		if (!syncs)
			return -ENOMEM;
	}
	ret = aci_sync_fill(job, file, syncs, array);
	if (syncs != stack)
		kvfree(syncs);
	return ret;
}

/**
 * aci_sync_publish_outs() - give the job's fence to its syncobjs
 * @job: queued job with a reference of ours on its fence; drops that
 */
void aci_sync_publish_outs(struct aci_job *job)
{
	u32 i;

	for (i = 0; i < job->out_count; i++) {
		struct aci_job_out *out = &job->outs[i];

		if (out->chain)
			drm_syncobj_add_point(out->syncobj, out->chain, &job->fence, out->point);
		else
			drm_syncobj_replace_fence(out->syncobj, &job->fence);
		/* The syncobj owns it now. */
		out->chain = NULL;
	}
	aci_sync_drop_outs(job);
	dma_fence_put(&job->fence);
}

/**
 * aci_sync_drop_outs() - forget the syncobjs that the job was to signal
 * @job: job
 */
void aci_sync_drop_outs(struct aci_job *job)
{
	u32 i;

	for (i = 0; i < job->out_count; i++) {
		drm_syncobj_put(job->outs[i].syncobj);
		dma_fence_chain_free(job->outs[i].chain);
	}
	job->out_count = 0;
	if (job->outs != &job->inline_out)
		kvfree(job->outs);
	job->outs = &job->inline_out;
}
