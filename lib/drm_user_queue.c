// SPDX-License-Identifier: MIT
/*
 * The kernel transport: user queues. Submission writes mapped memory; the kernel
 * is asked to sleep, and why a queue has stopped.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <xf86drm.h>

#include "error.h"
#include "transport_drm.h"
#include "user_queue.h"

struct drm_user_queue {
	struct transport_queue base;
	struct user_queue ring;
	uint32_t queue_id;
	struct transport_bo *memory;	/* ring and user page */
	__le32 *kick;			/* kick page; NULL: there is none */
};

/* Of the host: doorbells are mapped by it, and the user page starts at a multiple of it. */
static uint64_t host_page_bytes(void)
{
	return (uint64_t)sysconf(_SC_PAGESIZE);
}

static uint64_t ring_bytes(uint32_t entries)
{
	uint64_t page = host_page_bytes();

	return ((uint64_t)entries * ACI_DESC_BYTES + page - 1) & ~(page - 1);
}

static inline struct drm_user_queue *to_user(struct transport_queue *base)
{
	return (struct drm_user_queue *)base;
}

/* --- Calls ------------------------------------------------------------------------ */

static int drm_user_submit(struct transport_queue *base, const struct aci_desc *descs,
			   uint32_t count, const struct transport_wait *waits,
			   uint32_t wait_count, uint64_t *point)
{
	struct user_queue *ring = &to_user(base)->ring;

	(void)waits;
	if (wait_count)
		return error_set(-EINVAL, "a user queue waits by descriptors");
	if (!user_queue_has_room(ring, count))
		return -EAGAIN;
	user_queue_push(ring, descs, count);
	*point = ring->tail;
	return 0;
}

static int drm_user_wait(struct transport_queue *base, uint64_t point, uint64_t deadline_ns)
{
	struct drm_transport *drm = to_drm(base->transport);
	struct drm_aci_queue_wait wait = {
		.queue_id = to_user(base)->queue_id,
		.count = point,
		.timeout_ns = deadline_ns > INT64_MAX ? INT64_MAX : (int64_t)deadline_ns,
	};

	if (user_queue_completed(&to_user(base)->ring) >= point)
		return TRANSPORT_ENDED_WELL;
	user_queue_nudge(&to_user(base)->ring);
	if (!drmIoctl(drm->fd, DRM_IOCTL_ACI_QUEUE_WAIT, &wait))
		return TRANSPORT_ENDED_WELL;
	/* EIO: it stopped; ENOENT: it was destroyed meanwhile. */
	if (errno == EIO || errno == ENOENT)
		return TRANSPORT_ENDED;
	return errno == ETIME ? -ETIME : drm_error(drm, errno, "waiting for a job");
}

static int drm_user_notify_fd(struct transport_queue *base, uint64_t point, int fd)
{
	struct drm_aci_queue_eventfd notify = {
		.queue_id = to_user(base)->queue_id, .fd = fd, .count = point,
	};

	user_queue_nudge(&to_user(base)->ring);
	return drm_call(to_drm(base->transport), DRM_IOCTL_ACI_QUEUE_EVENTFD, &notify,
			"arming an eventfd");
}

static int drm_user_query(struct transport_queue *base, struct drm_aci_query_queue *state)
{
	return drm_query_queue(to_drm(base->transport), to_user(base)->queue_id, state);
}

static void drm_user_cancel(struct transport_queue *base)
{
	drm_queue_destroy(to_drm(base->transport), to_user(base)->queue_id);
}

static void drm_user_free(struct transport_queue *base)
{
	struct drm_user_queue *queue = to_user(base);

	if (queue->ring.doorbell)
		munmap(queue->ring.doorbell, host_page_bytes());
	if (queue->kick)
		munmap(queue->kick, host_page_bytes());
	drm_bo_destroy(queue->memory);
	free(queue);
}

static const struct transport_queue_ops drm_user_ops = {
	.submit = drm_user_submit,
	.wait = drm_user_wait,
	.notify_fd = drm_user_notify_fd,
	.query = drm_user_query,
	.cancel = drm_user_cancel,
	.free = drm_user_free,
};

/* --- Create ----------------------------------------------------------------------- */

static void drm_user_kick(struct user_queue *ring)
{
	struct drm_user_queue *queue =
		(struct drm_user_queue *)((char *)ring - offsetof(struct drm_user_queue, ring));

	shared_write32(queue->kick, 1);
}

static int drm_user_map_page(struct drm_transport *drm, uint64_t offset, __le32 **page)
{
	void *map = mmap(NULL, host_page_bytes(), PROT_READ | PROT_WRITE, MAP_SHARED, drm->fd,
			 (off_t)offset);

	if (map == MAP_FAILED)
		return error_set(-errno, "%s: mapping a doorbell failed: %s", drm->node,
				 strerror(errno));
	*page = map;
	return 0;
}

static int drm_user_map_pages(struct drm_user_queue *queue,
			      const struct drm_aci_queue_create *create)
{
	struct drm_transport *drm = to_drm(queue->base.transport);
	int ret = drm_user_map_page(drm, create->doorbell_offset, &queue->ring.doorbell);

	if (ret || !create->kick_offset)
		return ret;
	queue->ring.kick = drm_user_kick;
	return drm_user_map_page(drm, create->kick_offset, &queue->kick);
}

/* One BO: the ring, and the user page behind it. */
static int drm_user_alloc(struct drm_user_queue *queue, uint32_t entries)
{
	uint64_t bytes = ring_bytes(entries);
	void *map;
	int ret = drm_bo_create(queue->base.transport, bytes + host_page_bytes(),
				ACCEL_MEMORY_HOST, false, &queue->memory);

	if (ret)
		return ret;
	ret = drm_bo_map(queue->memory, &map);
	if (ret) {
		drm_bo_destroy(queue->memory);
		return ret;
	}
	queue->ring.entries = entries;
	queue->ring.ring = map;
	queue->ring.page = (struct aci_queue_user_page *)((char *)map + bytes);
	return 0;
}

static int drm_user_create(struct drm_user_queue *queue,
			   const struct transport_queue_options *options)
{
	struct drm_transport *drm = to_drm(queue->base.transport);
	uint32_t handle = ((struct drm_bo *)queue->memory)->handle;
	struct drm_aci_queue_create create = {
		.vm_id = options->vm_id,
		.engine_class = options->engine_class,
		.priority = options->priority,
		.ring_entries = options->ring_entries,
		.timeout_ms = options->timeout_ms,
		.ring_handle = handle,
		.user_page_handle = handle,
		.user_page_offset = ring_bytes(options->ring_entries),
	};
	int ret = drm_call(drm, DRM_IOCTL_ACI_QUEUE_CREATE, &create, "making a queue");

	if (ret)
		return drm_explain_queue(drm, ret);
	queue->queue_id = create.queue_id;
	ret = drm_user_map_pages(queue, &create);
	if (ret)
		drm_queue_destroy(drm, queue->queue_id);
	return ret;
}

int drm_user_queue_create(struct transport *transport,
			  const struct transport_queue_options *options,
			  struct transport_queue **out)
{
	struct drm_user_queue *queue = calloc(1, sizeof(*queue));
	int ret;

	if (!queue)
		return error_set(-ENOMEM, "out of memory");
	queue->base.ops = &drm_user_ops;
	queue->base.transport = transport;
	ret = drm_user_alloc(queue, options->ring_entries);
	if (ret) {
		free(queue);
		return ret;
	}
	ret = drm_user_create(queue, options);
	if (ret) {
		drm_user_free(&queue->base);
		return ret;
	}
	*out = &queue->base;
	return 0;
}
