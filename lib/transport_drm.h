/* SPDX-License-Identifier: MIT */
/*
 * The kernel transport, between its files.
 *
 * Locking: the kernel serialises its ioctls, and what is here is set at creation;
 * but shared_lock covers the list of shared BOs, and the ioctls that make an
 * import's handle or close that of a shared BO.
 */
#ifndef LIB_TRANSPORT_DRM_H
#define LIB_TRANSPORT_DRM_H

#include <pthread.h>
#include <sys/queue.h>

#include "transport.h"

struct drm_transport {
	struct transport base;
	int fd;
	pthread_mutex_t shared_lock;
	LIST_HEAD(, drm_bo) shared;
	char node[ACCEL_NAME_BYTES];
};

struct drm_bo {
	struct transport_bo base;
	uint32_t handle;		/* of a shared BO: may be that of others, too */
	void *map;			/* NULL: not mapped yet */
	bool is_shared;			/* exported or imported, in the list */
	LIST_ENTRY(drm_bo) link;
};

struct drm_queue {
	struct transport_queue base;
	uint32_t queue_id;
	uint32_t timeline;		/* syncobj; point n is job n */
	uint64_t submitted;		/* jobs; only the submitter uses it */
};

static inline struct drm_transport *to_drm(struct transport *transport)
{
	return (struct drm_transport *)transport;
}

/** drm_call() - drmIoctl. Return: 0 or -errno, with the text set: @what failed. */
int drm_call(struct drm_transport *drm, unsigned long request, void *argument, const char *what);

int drm_bo_export(struct transport_bo *base, int *fd);
int drm_bo_import(struct transport *transport, int fd, struct transport_bo **out);
/** drm_bo_close_handle() - unless another BO of this file has the same one */
void drm_bo_close_handle(struct drm_bo *bo);

int drm_queue_create(struct transport *transport, const struct transport_queue_options *options,
		     struct transport_queue **queue);
int drm_queue_submit(struct transport_queue *base, const struct aci_desc *descs, uint32_t count,
		     const struct transport_wait *waits, uint32_t wait_count);
int drm_queue_wait(struct transport_queue *base, uint64_t point, uint64_t deadline_ns);
int drm_queue_notify_fd(struct transport_queue *base, uint64_t point, int fd);
int drm_queue_query(struct transport_queue *base, struct drm_aci_query_queue *state);
void drm_queue_cancel(struct transport_queue *base);
void drm_queue_free(struct transport_queue *base);

#endif
