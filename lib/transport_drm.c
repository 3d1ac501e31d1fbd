// SPDX-License-Identifier: MIT
/* The kernel transport: open, facts, address spaces and memory. */
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <xf86drm.h>

#include "error.h"
#include "transport_drm.h"

/* The driver's version from which on it makes user queues. */
#define DRM_ACI_MINOR_USER_QUEUES	2

int drm_error(const struct drm_transport *drm, int error, const char *what)
{
	if (error == ENODEV)
		return error_set(-ENODEV,
				 "%s: the card is gone or wedged: reset it (accelctl reset) and "
				 "open it again",
				 drm->node);
	return error_set(-error, "%s: %s failed: %s", drm->node, what, strerror(error));
}

int drm_call(struct drm_transport *drm, unsigned long request, void *argument, const char *what)
{
	return drmIoctl(drm->fd, request, argument) ? drm_error(drm, errno, what) : 0;
}

static void drm_close(struct transport *transport)
{
	struct drm_transport *drm = to_drm(transport);

	close(drm->fd);
	pthread_mutex_destroy(&drm->shared_lock);
	free(drm);
}

/* --- Facts ------------------------------------------------------------------------ */

static int drm_query(struct drm_transport *drm, uint32_t type, uint32_t index, void *data,
		     uint32_t bytes)
{
	/* The kernel writes what it has and zeroes the rest: older and newer ones both work. */
	struct drm_aci_query query = {
		.type = type, .size = bytes, .index = index, .ptr = (uintptr_t)data,
	};

	return drm_call(drm, DRM_IOCTL_ACI_QUERY, &query, "query");
}

static int drm_query_device(struct transport *transport, struct drm_aci_query_device *facts)
{
	return drm_query(to_drm(transport), DRM_ACI_QUERY_DEVICE, 0, facts, sizeof(*facts));
}

static int drm_identify(struct transport *transport, uint32_t type, uint32_t index, void *page)
{
	return drm_query(to_drm(transport), type, index, page, PAGE_BYTES);
}

/* --- Address spaces --------------------------------------------------------------- */

static int drm_vm_create(struct transport *transport, bool user_queues, uint32_t *vm_id)
{
	struct drm_aci_vm_create create = {
		.mode = user_queues ? DRM_ACI_VM_LONG_RUNNING : DRM_ACI_VM_FENCE,
	};
	int ret = drm_call(to_drm(transport), DRM_IOCTL_ACI_VM_CREATE, &create,
			   "making an address space");

	*vm_id = create.vm_id;
	return ret;
}

static int drm_vm_query(struct transport *transport, uint32_t vm_id,
			struct drm_aci_query_vm *state)
{
	return drm_query(to_drm(transport), DRM_ACI_QUERY_VM, vm_id, state, sizeof(*state));
}

static void drm_vm_destroy(struct transport *transport, uint32_t vm_id)
{
	struct drm_aci_vm_destroy destroy = { .vm_id = vm_id };

	drm_call(to_drm(transport), DRM_IOCTL_ACI_VM_DESTROY, &destroy, "freeing an address space");
}

static int drm_vm_bind(struct transport *transport, uint32_t vm_id, struct drm_aci_bind_op *op)
{
	struct drm_aci_vm_bind bind = {
		.vm_id = vm_id,
		.ops = { .stride = sizeof(*op), .count = 1, .ptr = (uintptr_t)op },
		.syncs = { .stride = sizeof(struct drm_aci_sync) },
	};

	return drm_call(to_drm(transport), DRM_IOCTL_ACI_VM_BIND, &bind,
			"mapping memory for the card");
}

static int drm_vm_map(struct transport *transport, uint32_t vm_id, struct transport_bo *bo,
		      uint64_t va, bool readonly)
{
	struct drm_aci_bind_op op = {
		.op = DRM_ACI_BIND_MAP,
		.flags = readonly ? DRM_ACI_BIND_READONLY : 0,
		.handle = ((struct drm_bo *)bo)->handle,
		.va = va,
		.size = bo->bytes,
	};

	return drm_vm_bind(transport, vm_id, &op);
}

static void drm_vm_unmap(struct transport *transport, uint32_t vm_id, struct transport_bo *bo,
			 uint64_t va)
{
	struct drm_aci_bind_op op = { .op = DRM_ACI_BIND_UNMAP, .va = va, .size = bo->bytes };

	drm_vm_bind(transport, vm_id, &op);
}

/* --- Memory ----------------------------------------------------------------------- */

int drm_bo_create(struct transport *transport, uint64_t bytes, enum accel_placement placement,
		  bool mappable, struct transport_bo **out)
{
	bool card = placement == ACCEL_MEMORY_CARD;
	struct drm_aci_bo_create create = {
		.size = bytes,
		.placement = card ? DRM_ACI_PLACEMENT_CARD : DRM_ACI_PLACEMENT_HOST,
		.cache = card ? DRM_ACI_CACHE_WRITE_COMBINED : DRM_ACI_CACHE_WRITE_BACK,
		.flags = mappable && card ? DRM_ACI_BO_CPU_ACCESS : 0,
	};
	struct drm_bo *bo = calloc(1, sizeof(*bo));
	int ret;

	if (!bo)
		return error_set(-ENOMEM, "out of memory");
	ret = drm_call(to_drm(transport), DRM_IOCTL_ACI_BO_CREATE, &create, "allocating memory");
	if (ret) {
		free(bo);
		return ret;
	}
	bo->base.transport = transport;
	bo->base.bytes = create.size;
	bo->handle = create.handle;
	*out = &bo->base;
	return 0;
}

static int drm_bo_register(struct transport *transport, void *address, uint64_t bytes,
			   bool readonly, struct transport_bo **out)
{
	struct drm_aci_bo_create_userptr create = {
		.addr = (uintptr_t)address,
		.size = bytes,
		.flags = readonly ? DRM_ACI_USERPTR_READONLY : 0,
	};
	struct drm_bo *bo = calloc(1, sizeof(*bo));
	int ret;

	if (!bo)
		return error_set(-ENOMEM, "out of memory");
	ret = drm_call(to_drm(transport), DRM_IOCTL_ACI_BO_CREATE_USERPTR, &create,
		       "registering memory");
	if (ret) {
		free(bo);
		return ret;
	}
	bo->base.transport = transport;
	bo->base.bytes = bytes;
	bo->handle = create.handle;
	*out = &bo->base;
	return 0;
}

int drm_bo_map(struct transport_bo *base, void **pointer)
{
	struct drm_transport *drm = to_drm(base->transport);
	struct drm_bo *bo = (struct drm_bo *)base;
	struct drm_aci_bo_mmap_offset offset = { .handle = bo->handle };
	int ret = drm_call(drm, DRM_IOCTL_ACI_BO_MMAP_OFFSET, &offset, "mapping memory");
	void *map;

	if (ret)
		return ret;
	map = mmap(NULL, base->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, drm->fd,
		   (off_t)offset.offset);
	if (map == MAP_FAILED)
		return error_set(-errno, "%s: mmap failed: %s", drm->node, strerror(errno));
	bo->map = map;
	*pointer = map;
	return 0;
}

void drm_bo_destroy(struct transport_bo *base)
{
	struct drm_bo *bo = (struct drm_bo *)base;

	if (bo->map)
		munmap(bo->map, base->bytes);
	drm_bo_close_handle(bo);
	free(bo);
}

/* --- Open ------------------------------------------------------------------------- */

static const struct transport_ops drm_ops = {
	.kind = ACCEL_TRANSPORT_DRM,
	.close = drm_close,
	.query_device = drm_query_device,
	.identify = drm_identify,
	.vm_create = drm_vm_create,
	.vm_destroy = drm_vm_destroy,
	.vm_query = drm_vm_query,
	.vm_map = drm_vm_map,
	.vm_unmap = drm_vm_unmap,
	.bo_create = drm_bo_create,
	.bo_register = drm_bo_register,
	.bo_map = drm_bo_map,
	.bo_destroy = drm_bo_destroy,
	.bo_export = drm_bo_export,
	.bo_import = drm_bo_import,
	.queue_create = drm_queue_create,
	.user_queue_create = drm_user_queue_create,
};

static int drm_explain_open(const char *node, int error)
{
	struct group *group;
	struct stat stat_;

	if (error == ENOENT || error == ENXIO || error == ENODEV)
		return error_set(-ENODEV, "%s: no such card", node);
	if (error != EACCES && error != EPERM)
		return error_set(-error, "%s: %s", node, strerror(error));
	group = stat(node, &stat_) ? NULL : getgrgid(stat_.st_gid);
	return error_set(-EACCES, "%s: permission denied; add the user to group %s", node,
			 group ? group->gr_name : "render");
}

/* Any driver of major version 0 will do; smaller differences are found out by query sizes. */
static int drm_check_driver(struct drm_transport *drm)
{
	drmVersionPtr version = drmGetVersion(drm->fd);
	int ret = 0;

	if (!version)
		return error_set(-ENOTSUP, "%s is not a DRM device", drm->node);
	if (!version->name || strcmp(version->name, "aci"))
		ret = error_set(-ENOTSUP, "%s is driven by \"%s\", not by aci", drm->node,
				version->name ? version->name : "");
	else if (version->version_major != DRM_ACI_DRIVER_MAJOR)
		ret = error_set(
			-ENOTSUP,
			"%s: aci driver %d.%d is too new for this libaccel: update libaccel",
			drm->node, version->version_major, version->version_minor);
	drm->base.has_user_queues = version->version_minor >= DRM_ACI_MINOR_USER_QUEUES;
	drmFreeVersion(version);
	return ret;
}

static int drm_check_syncobj(struct drm_transport *drm)
{
	uint64_t timeline = 0;

	if (drmGetCap(drm->fd, DRM_CAP_SYNCOBJ_TIMELINE, &timeline) || !timeline)
		return error_set(-ENOTSUP, "%s: the kernel has no timeline syncobjs", drm->node);
	return 0;
}

int transport_drm_open(const char *node, struct transport **out)
{
	struct drm_transport *drm = calloc(1, sizeof(*drm));
	int ret;

	if (!drm)
		return error_set(-ENOMEM, "out of memory");
	drm->base.ops = &drm_ops;
	snprintf(drm->node, sizeof(drm->node), "%s", node);
	drm->fd = open(node, O_RDWR | O_CLOEXEC);
	if (drm->fd < 0) {
		ret = drm_explain_open(node, errno);
		free(drm);
		return ret;
	}
	pthread_mutex_init(&drm->shared_lock, NULL);
	LIST_INIT(&drm->shared);
	ret = drm_check_driver(drm);
	if (!ret)
		ret = drm_check_syncobj(drm);
	if (ret) {
		drm_close(&drm->base);
		return ret;
	}
	*out = &drm->base;
	return 0;
}
