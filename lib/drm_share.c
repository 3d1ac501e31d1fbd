// SPDX-License-Identifier: MIT
/*
 * The kernel transport: memory as dma-bufs.
 *
 * A file has one handle for a BO, however often it is imported, and closing it
 * once closes it for all. So the last user here does that.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <xf86drm.h>

#include "error.h"
#include "transport_drm.h"

static void drm_bo_share_locked(struct drm_transport *drm, struct drm_bo *bo)
{
	if (bo->is_shared)
		return;
	bo->is_shared = true;
	LIST_INSERT_HEAD(&drm->shared, bo, link);
}

static bool handle_is_used_locked(const struct drm_transport *drm, uint32_t handle)
{
	const struct drm_bo *bo;

	LIST_FOREACH(bo, &drm->shared, link)
		if (bo->handle == handle)
			return true;
	return false;
}

static void gem_close(struct drm_transport *drm, uint32_t handle)
{
	struct drm_gem_close close = { .handle = handle };

	drm_call(drm, DRM_IOCTL_GEM_CLOSE, &close, "freeing memory");
}

void drm_bo_close_handle(struct drm_bo *bo)
{
	struct drm_transport *drm = to_drm(bo->base.transport);

	if (!bo->is_shared) {
		gem_close(drm, bo->handle);
		return;
	}
	/* Closed under the lock: an import on its way must not be given the old handle. */
	pthread_mutex_lock(&drm->shared_lock);
	LIST_REMOVE(bo, link);
	if (!handle_is_used_locked(drm, bo->handle))
		gem_close(drm, bo->handle);
	pthread_mutex_unlock(&drm->shared_lock);
}

int drm_bo_export(struct transport_bo *base, int *fd)
{
	struct drm_transport *drm = to_drm(base->transport);
	struct drm_bo *bo = (struct drm_bo *)base;
	struct drm_prime_handle prime = { .handle = bo->handle, .flags = DRM_CLOEXEC | DRM_RDWR };
	int ret;

	/* In the list before anyone can import it. */
	pthread_mutex_lock(&drm->shared_lock);
	drm_bo_share_locked(drm, bo);
	pthread_mutex_unlock(&drm->shared_lock);
	ret = drm_call(drm, DRM_IOCTL_PRIME_HANDLE_TO_FD, &prime, "exporting a dma-buf");
	if (!ret)
		*fd = prime.fd;
	return ret;
}

static int drm_explain_import(const struct drm_transport *drm, int error)
{
	if (error == -EOPNOTSUPP)
		return error_set(error,
				 "%s: the dma-buf is of another device; a card takes its own only",
				 drm->node);
	if (error == -EBADF || error == -EINVAL)
		return error_set(error, "%s: the file descriptor is not that of a dma-buf",
				 drm->node);
	return error;
}

static int drm_import_locked(struct drm_transport *drm, int fd, struct drm_bo *bo)
{
	struct drm_prime_handle prime = { .fd = fd };
	int ret = drm_call(drm, DRM_IOCTL_PRIME_FD_TO_HANDLE, &prime, "importing a dma-buf");
	off_t bytes;

	if (ret)
		return drm_explain_import(drm, ret);
	bytes = lseek(fd, 0, SEEK_END);
	if (bytes > 0 && bytes % PAGE_BYTES == 0) {
		bo->handle = prime.handle;
		bo->base.bytes = (uint64_t)bytes;
		drm_bo_share_locked(drm, bo);
		return 0;
	}
	if (!handle_is_used_locked(drm, prime.handle))
		gem_close(drm, prime.handle);
	return error_set(-EINVAL, "%s: the dma-buf does not tell its size", drm->node);
}

int drm_bo_import(struct transport *transport, int fd, struct transport_bo **out)
{
	struct drm_transport *drm = to_drm(transport);
	struct drm_bo *bo = calloc(1, sizeof(*bo));
	int ret;

	if (!bo)
		return error_set(-ENOMEM, "out of memory");
	bo->base.transport = transport;
	pthread_mutex_lock(&drm->shared_lock);
	ret = drm_import_locked(drm, fd, bo);
	pthread_mutex_unlock(&drm->shared_lock);
	if (ret) {
		free(bo);
		return ret;
	}
	*out = &bo->base;
	return 0;
}
