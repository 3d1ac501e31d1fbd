// SPDX-License-Identifier: GPL-2.0
/*
 * SUBMIT: jobs from user space straight to the ring.
 *
 * Jobs are prepared in groups: everything is copied, checked, looked up and
 * allocated first. Then the whole group is queued under the queue's lock, the
 * card is told once, and the fences are published. Between a job's fence being
 * visible and the card knowing the job there is no allocation, no access to
 * user memory and no wait. No reservation object is touched, and nothing here
 * depends on how many BOs the VM maps.
 */

#include <linux/uaccess.h>
#include <drm/drm_file.h>
#include <drm/drm_syncobj.h>
#include <drm/aci_accel.h>

#include "aci_device.h"
#include "aci_ioctl.h"
#include "aci_job.h"
#include "aci_pm.h"
#include "aci_submit.h"
#include "aci_sync.h"

/* Jobs that are told to the card at once; they stand on the stack. */
#define ACI_SUBMIT_GROUP	16

/**
 * struct aci_submit - a call of SUBMIT
 */
struct aci_submit {
	/** @queue: where the jobs go, with a reference */
	struct aci_queue *queue;
	/** @file: caller */
	struct drm_file *file;
	/** @args: arguments; counts the jobs that were accepted */
	struct drm_aci_submit *args;
	/** @last: fence of the last job, with a reference, if the caller waits */
	struct dma_fence *last;
	/** @jobs: the group being submitted */
	struct aci_job *jobs[ACI_SUBMIT_GROUP];
};

/* Only what the kernel's fences depend on; the card checks the rest. */
static int aci_submit_check_descs(const struct aci_queue *queue, const struct aci_job *job)
{
	u32 i;

	for (i = 0; i < job->desc_count; i++) {
		u8 opcode = job->descs[i].opcode;

		if (opcode > ACI_OP_TIMESTAMP || (opcode == ACI_OP_WAIT && queue->no_wait))
			return -EINVAL;
	}
	return 0;
}

/* A constant size spares the common case the checks of hardened usercopy. */
static unsigned long aci_submit_copy_descs(struct aci_job *job, const void __user *from)
{
	if (job->desc_count == 1)
		return copy_from_user(job->descs, from, sizeof(*job->descs));
	return copy_from_user(job->descs, from, (size_t)job->desc_count * sizeof(*job->descs));
}

static int aci_submit_fill(struct aci_job *job, struct drm_file *file,
			   const struct drm_aci_job *args)
{
	int ret;

	if (aci_submit_copy_descs(job, u64_to_user_ptr(args->descs)))
		return -EFAULT;
	ret = aci_submit_check_descs(job->queue, job);
	if (ret)
		return ret;
	if (args->signal) {
		job->signal = drm_syncobj_find(file, args->signal);
		if (!job->signal)
			return -ENOENT;
	}
	if (!args->syncs.count && !args->syncs.ptr)
		return 0;
	ret = aci_sync_parse(&job->deps, &job->outs, job->ctx->context, file, &args->syncs);
	if (ret)
		return ret;
	aci_job_watch_deps(job);
	return 0;
}

/* Returns a prepared job or an error pointer. */
static struct aci_job *aci_submit_prepare(struct aci_submit *submit, u32 index)
{
	struct aci_queue *queue = submit->queue;
	struct drm_aci_job args;
	struct aci_job *job;
	int ret;

	ret = aci_ioctl_copy_element(&args, sizeof(args), &submit->args->jobs, index);
	if (ret)
		return ERR_PTR(ret);
	if (args.flags || args.pad || !args.desc_count || args.desc_count > queue->ring_entries)
		return ERR_PTR(-EINVAL);
	job = aci_job_alloc(queue, args.desc_count);
	if (!job)
		return ERR_PTR(-ENOMEM);
	ret = aci_submit_fill(job, submit->file, &args);
	if (ret) {
		aci_job_free(job);
		return ERR_PTR(ret);
	}
	/* The last job is waited for. */
	job->keep = aci_job_has_outs(job) ||
		    (submit->args->flags & DRM_ACI_SUBMIT_WAIT &&
		     index == submit->args->jobs.count - 1);
	return job;
}

static int aci_submit_admit_locked(const struct aci_queue *queue, const struct aci_job *job)
{
	if (unlikely(queue->state == ACI_QUEUE_DEAD))
		return aci_is_dead(queue->adev) ? -ENODEV : -ENOENT;
	if (unlikely(queue->banned))
		return -ECANCELED;
	if (queue->tail - queue->completed + queue->waiting_descs + job->desc_count >
	    queue->descs_max)
		return -EAGAIN;
	return 0;
}

/* Returns the number of jobs queued; *error says why not all. */
static u32 aci_submit_queue(struct aci_queue *queue, struct aci_job **jobs, u32 count, int *error)
{
	bool keep, ring = false;
	u32 i;

	spin_lock_irq(&queue->lock);
	for (i = 0; i < count; i++) {
		*error = aci_submit_admit_locked(queue, jobs[i]);
		if (*error)
			break;
		keep = jobs[i]->keep;
		aci_job_queue_locked(queue, jobs[i]);
		/* It may end at once. */
		if (!keep)
			jobs[i] = NULL;
	}
	if (likely(queue->state == ACI_QUEUE_LIVE))
		ring = aci_job_tell_card_locked(queue);
	else
		aci_pm_wake(queue->adev);
	spin_unlock_irq(&queue->lock);
	if (ring)
		aci_job_ring(queue);
	return i;
}

static void aci_submit_publish_job(struct aci_job *job)
{
	if (job->signal) {
		drm_syncobj_replace_fence(job->signal, &job->fence);
		drm_syncobj_put(job->signal);
	}
	if (job->outs.count)
		aci_sync_publish_outs(&job->outs, &job->fence);
}

static void aci_submit_publish(struct aci_submit *submit, u32 count)
{
	u32 i;

	for (i = 0; i < count; i++) {
		struct aci_job *job = submit->jobs[i];

		if (!job)
			continue;
		aci_submit_publish_job(job);
		if (submit->args->flags & DRM_ACI_SUBMIT_WAIT &&
		    submit->args->accepted + i == submit->args->jobs.count - 1)
			submit->last = &job->fence;
		else
			dma_fence_put(&job->fence);
	}
}

/* Queue and publish a group of prepared jobs, free the ones that did not fit. */
static int aci_submit_group(struct aci_submit *submit, u32 count)
{
	struct aci_queue *queue = submit->queue;
	bool cookie = dma_fence_begin_signalling();
	int error = 0;
	u32 queued, i;

	queued = aci_submit_queue(queue, submit->jobs, count, &error);
	if (unlikely(error == -EAGAIN)) {
		/* Make room of what the interrupt has not handled yet. */
		aci_job_process(queue, false);
		queued += aci_submit_queue(queue, submit->jobs + queued, count - queued, &error);
	}
	aci_submit_publish(submit, queued);
	dma_fence_end_signalling(cookie);
	for (i = queued; i < count; i++)
		aci_job_free(submit->jobs[i]);
	submit->args->accepted += queued;
	return error;
}

/*
 * Prepare the next jobs, as many as make a group. Returns their number, or the
 * error of the first one. An error of a later one is met again when it is the
 * first.
 */
static int aci_submit_prepare_group(struct aci_submit *submit)
{
	u32 first = submit->args->accepted;
	u32 want = min_t(u32, submit->args->jobs.count - first, ACI_SUBMIT_GROUP);
	bool have_outs = false;
	u32 count;

	for (count = 0; count < want; count++) {
		struct aci_job *job = aci_submit_prepare(submit, first + count);

		if (IS_ERR(job))
			return count ?: PTR_ERR(job);
		/* It may wait for what an earlier job is yet to publish. */
		if (have_outs && job->deps.named) {
			aci_job_free(job);
			break;
		}
		have_outs |= aci_job_has_outs(job);
		submit->jobs[count] = job;
	}
	return count;
}

static int aci_submit_jobs(struct aci_submit *submit)
{
	int count, error;

	while (submit->args->accepted < submit->args->jobs.count) {
		count = aci_submit_prepare_group(submit);
		if (count < 0)
			return count;
		error = aci_submit_group(submit, count);
		if (error)
			return error;
		if (fatal_signal_pending(current))
			return -EINTR;
	}
	return 0;
}

/* The call is not restarted after a signal: it would submit the jobs again. */
static s32 aci_submit_wait(struct dma_fence *last)
{
	return dma_fence_wait(last, true) ? -EINPROGRESS : READ_ONCE(last->error);
}

/**
 * aci_submit_ioctl() - DRM_IOCTL_ACI_SUBMIT
 * @drm: device
 * @data: struct drm_aci_submit
 * @file: caller
 *
 * Needs no drm_dev_enter() but for the doorbell: remove() and reset take the
 * ring away under the queue's lock.
 *
 * Return: 0 or a negative error.
 */
int aci_submit_ioctl(struct drm_device *drm, void *data, struct drm_file *file)
{
	struct aci_submit submit = { .file = file, .args = data };
	struct drm_aci_submit *args = data;
	int ret;

	args->accepted = 0;
	if (args->flags & ~DRM_ACI_SUBMIT_WAIT || args->status)
		return -EINVAL;
	ret = aci_ioctl_check_array(&args->jobs, ACI_BYTES_UNTIL(drm_aci_job, signal));
	if (ret)
		return ret;
	submit.queue = aci_queue_lookup_live(file->driver_priv, args->queue_id);
	if (!submit.queue)
		return -ENOENT;
	ret = submit.queue->is_user ? -EINVAL : aci_submit_jobs(&submit);
	aci_queue_put(submit.queue);
	if (submit.last) {
		args->status = aci_submit_wait(submit.last);
		dma_fence_put(submit.last);
	}
	return ret;
}
