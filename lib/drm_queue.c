// SPDX-License-Identifier: MIT
/* The kernel transport: kernel queues. A queue's jobs are the points of its timeline syncobj. */
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include <xf86drm.h>

#include "error.h"
#include "transport_drm.h"

struct drm_queue {
	struct transport_queue base;
	uint32_t queue_id;
	uint32_t timeline;		/* syncobj; point n is job n */
	uint64_t submitted;		/* jobs; only the submitter uses it */
};

static inline struct drm_queue *to_drm_queue(struct transport_queue *base)
{
	return (struct drm_queue *)base;
}

static void drm_timeline_destroy(struct drm_transport *drm, uint32_t handle)
{
	struct drm_syncobj_destroy destroy = { .handle = handle };

	drm_call(drm, DRM_IOCTL_SYNCOBJ_DESTROY, &destroy, "freeing a syncobj");
}

static const struct transport_queue_ops drm_queue_ops;

int drm_queue_create(struct transport *transport, const struct transport_queue_options *options,
		     struct transport_queue **out)
{
	struct drm_aci_queue_create create = {
		.vm_id = options->vm_id,
		.engine_class = options->engine_class,
		.priority = options->priority,
		.ring_entries = options->ring_entries,
		.timeout_ms = options->timeout_ms,
	};
	struct drm_transport *drm = to_drm(transport);
	struct drm_syncobj_create timeline = { 0 };
	struct drm_queue *queue = calloc(1, sizeof(*queue));
	int ret;

	if (!queue)
		return error_set(-ENOMEM, "out of memory");
	ret = drm_call(drm, DRM_IOCTL_SYNCOBJ_CREATE, &timeline, "making a syncobj");
	if (ret)
		goto err_free;
	ret = drm_call(drm, DRM_IOCTL_ACI_QUEUE_CREATE, &create, "making a queue");
	if (ret) {
		ret = drm_explain_queue(drm, ret);
		goto err_timeline;
	}
	queue->base.ops = &drm_queue_ops;
	queue->base.transport = transport;
	queue->queue_id = create.queue_id;
	queue->timeline = timeline.handle;
	*out = &queue->base;
	return 0;

err_timeline:
	drm_timeline_destroy(drm, timeline.handle);
err_free:
	free(queue);
	return ret;
}

static int drm_queue_submit(struct transport_queue *base, const struct aci_desc *descs,
			    uint32_t count, const struct transport_wait *waits,
			    uint32_t wait_count, uint64_t *point)
{
	struct drm_transport *drm = to_drm(base->transport);
	struct drm_queue *queue = to_drm_queue(base);
	struct drm_aci_sync small[8], *syncs = small;
	struct drm_aci_job job = { .desc_count = count, .descs = (uintptr_t)descs };
	struct drm_aci_submit submit = {
		.queue_id = queue->queue_id,
		.jobs = { .stride = sizeof(job), .count = 1, .ptr = (uintptr_t)&job },
	};
	int ret;

	if (wait_count + 1 > sizeof(small) / sizeof(small[0])) {
		syncs = calloc((size_t)wait_count + 1, sizeof(*syncs));
		if (!syncs)
			return error_set(-ENOMEM, "out of memory");
	}
	for (uint32_t i = 0; i < wait_count; i++)
		syncs[i] = (struct drm_aci_sync) {
			.flags = DRM_ACI_SYNC_TIMELINE,
			.handle = to_drm_queue(waits[i].queue)->timeline,
			.point = waits[i].point,
		};
	syncs[wait_count] = (struct drm_aci_sync) {
		.flags = DRM_ACI_SYNC_TIMELINE | DRM_ACI_SYNC_SIGNAL,
		.handle = queue->timeline,
		.point = queue->submitted + 1,
	};
	job.syncs = (struct drm_aci_array) {
		.stride = sizeof(*syncs), .count = wait_count + 1, .ptr = (uintptr_t)syncs,
	};
	/*
	 * Not drmIoctl(): it would spin on EAGAIN, which here means that too many
	 * jobs are pending and that the caller has to wait for one.
	 */
	do
		ret = ioctl(drm->fd, DRM_IOCTL_ACI_SUBMIT, &submit) ? -errno : 0;
	while (ret == -EINTR);
	if (syncs != small)
		free(syncs);
	if (!ret)
		*point = ++queue->submitted;
	else if (ret == -ENODEV)
		error_set(ret, "%s: the card is gone or wedged", drm->node);
	else if (ret != -EAGAIN)
		error_set(ret, "%s: submitting a job failed: %s", drm->node, strerror(-ret));
	return ret;
}

static int drm_queue_wait(struct transport_queue *base, uint64_t point, uint64_t deadline_ns)
{
	struct drm_queue *queue = to_drm_queue(base);
	struct drm_syncobj_timeline_wait wait = {
		.handles = (uintptr_t)&queue->timeline,
		.points = (uintptr_t)&point,
		.timeout_nsec = deadline_ns > INT64_MAX ? INT64_MAX : (int64_t)deadline_ns,
		.count_handles = 1,
	};

	if (!point)
		return TRANSPORT_ENDED;
	return drm_call(to_drm(base->transport), DRM_IOCTL_SYNCOBJ_TIMELINE_WAIT, &wait,
			"waiting for a job");
}

static int drm_queue_notify_fd(struct transport_queue *base, uint64_t point, int fd)
{
	struct drm_syncobj_eventfd notify = {
		.handle = to_drm_queue(base)->timeline, .point = point, .fd = fd,
	};

	return drm_call(to_drm(base->transport), DRM_IOCTL_SYNCOBJ_EVENTFD, &notify,
			"arming an eventfd");
}

static int drm_queue_query(struct transport_queue *base, struct drm_aci_query_queue *state)
{
	return drm_query_queue(to_drm(base->transport), to_drm_queue(base)->queue_id, state);
}

static void drm_queue_cancel(struct transport_queue *base)
{
	drm_queue_destroy(to_drm(base->transport), to_drm_queue(base)->queue_id);
}

static void drm_queue_free(struct transport_queue *base)
{
	struct drm_queue *queue = to_drm_queue(base);

	drm_timeline_destroy(to_drm(base->transport), queue->timeline);
	free(queue);
}

static const struct transport_queue_ops drm_queue_ops = {
	.submit = drm_queue_submit,
	.wait = drm_queue_wait,
	.notify_fd = drm_queue_notify_fd,
	.query = drm_queue_query,
	.cancel = drm_queue_cancel,
	.free = drm_queue_free,
};

/* --- Of kernel and user queues ---------------------------------------------------- */

int drm_query_queue(struct drm_transport *drm, uint32_t queue_id,
		    struct drm_aci_query_queue *state)
{
	struct drm_aci_query query = {
		.type = DRM_ACI_QUERY_QUEUE,
		.size = sizeof(*state),
		.index = queue_id,
		.ptr = (uintptr_t)state,
	};

	return drm_call(drm, DRM_IOCTL_ACI_QUERY, &query, "query of a queue");
}

void drm_queue_destroy(struct drm_transport *drm, uint32_t queue_id)
{
	struct drm_aci_queue_destroy destroy = { .queue_id = queue_id };

	drm_call(drm, DRM_IOCTL_ACI_QUEUE_DESTROY, &destroy, "freeing a queue");
}

int drm_explain_queue(const struct drm_transport *drm, int error)
{
	return error == -EPERM ? error_set(error, "%s: priority high needs CAP_SYS_NICE", drm->node)
			       : error;
}
