/* SPDX-License-Identifier: MIT */
/*
 * The kernel transport, between its files.
 *
 * Locking: none of its own. Everything here is set at creation; the kernel
 * serialises its ioctls.
 */
#ifndef LIB_TRANSPORT_DRM_H
#define LIB_TRANSPORT_DRM_H

#include "transport.h"

struct drm_transport {
	struct transport base;
	int fd;
	char node[ACCEL_NAME_BYTES];
};

struct drm_bo {
	struct transport_bo base;
	uint32_t handle;
	void *map;			/* NULL: not mapped yet */
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
