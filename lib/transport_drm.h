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

static inline struct drm_transport *to_drm(struct transport *transport)
{
	return (struct drm_transport *)transport;
}

/** drm_error() - the text: @what failed with errno @error. Return: -@error */
int drm_error(const struct drm_transport *drm, int error, const char *what);
/** drm_call() - drmIoctl. Return: 0 or -errno, with the text set: @what failed. */
int drm_call(struct drm_transport *drm, unsigned long request, void *argument, const char *what);

int drm_bo_export(struct transport_bo *base, int *fd);
int drm_bo_import(struct transport *transport, int fd, struct transport_bo **out);
/** drm_bo_close_handle() - unless another BO of this file has the same one */
void drm_bo_close_handle(struct drm_bo *bo);

int drm_bo_create(struct transport *transport, uint64_t bytes, enum accel_placement placement,
		  bool mappable, struct transport_bo **bo);
int drm_bo_map(struct transport_bo *bo, void **pointer);
void drm_bo_destroy(struct transport_bo *bo);

/* drm_queue.c */
int drm_queue_create(struct transport *transport, const struct transport_queue_options *options,
		     struct transport_queue **queue);
int drm_query_queue(struct drm_transport *drm, uint32_t queue_id,
		    struct drm_aci_query_queue *state);
void drm_queue_destroy(struct drm_transport *drm, uint32_t queue_id);
/** drm_explain_queue() - a better text for the @error of making a queue. Return: @error */
int drm_explain_queue(const struct drm_transport *drm, int error);

/* drm_user_queue.c */
int drm_user_queue_create(struct transport *transport,
			  const struct transport_queue_options *options,
			  struct transport_queue **queue);

#endif
