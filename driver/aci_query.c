// SPDX-License-Identifier: GPL-2.0
/*
 * QUERY.
 */

#include <linux/uaccess.h>
#include <drm/drm_file.h>
#include <drm/aci_accel.h>

#include "aci_device.h"
#include "aci_query.h"
#include "aci_queue.h"
#include "aci_vm.h"

static int aci_query_write(struct drm_aci_query *args, const void *from, u32 bytes)
{
	void __user *to = u64_to_user_ptr(args->ptr);
	u32 part = min(args->size, bytes);

	if (args->size) {
		if (copy_to_user(to, from, part) ||
		    clear_user(to + part, args->size - part))
			return -EFAULT;
	}
	args->size = bytes;
	return 0;
}

static int aci_query_device(struct aci_device *adev, struct drm_aci_query *args)
{
	struct drm_aci_query_device out = {
		.flags = aci_is_dead(adev) ? DRM_ACI_DEVICE_WEDGED : 0,
		.aci_version = adev->caps.version,
		.cap = adev->caps.cap,
		.reset_generation = READ_ONCE(adev->reset_generation),
		.card_memory_bytes = adev->vram.bytes,
		.card_memory_free_bytes = aci_vram_available(adev, false),
		.aperture_bytes = adev->vram.aperture_bytes,
		.timestamp_hz = adev->caps.timestamp_hz,
		.va_start = ACI_VM_VA_START,
		.va_end = ACI_VM_VA_END,
		.engine_classes = adev->caps.engine_classes,
		.priorities = adev->caps.priorities,
		.ring_entries_max = 1u << adev->caps.job_shift_max,
		.queues_max = adev->caps.queues,
		.vms_max = adev->caps.vms,
	};

	if (args->index)
		return -EINVAL;
	return aci_query_write(args, &out, sizeof(out));
}

static int aci_query_identify(struct aci_device *adev, struct drm_aci_query *args)
{
	const struct aci_identify *identify = &adev->identify;

	switch (args->type) {
	case DRM_ACI_QUERY_IDENTIFY_CARD:
		if (args->index)
			return -EINVAL;
		return aci_query_write(args, identify->card, sizeof(*identify->card));
	case DRM_ACI_QUERY_IDENTIFY_ENGINE:
		if (args->index >= adev->caps.engine_classes)
			return -ENOENT;
		return aci_query_write(args, identify->engines[args->index],
				       sizeof(**identify->engines));
	default:
		if (args->index >= identify->set_count)
			return -ENOENT;
		return aci_query_write(args, identify->sets[args->index],
				       sizeof(**identify->sets));
	}
}

static int aci_query_queue(struct aci_file *afile, struct drm_aci_query *args)
{
	struct aci_queue *queue = aci_queue_lookup(afile, args->index);
	struct drm_aci_query_queue out = {};

	if (!queue)
		return -ENOENT;
	aci_queue_query(queue, &out);
	aci_queue_put(queue);
	return aci_query_write(args, &out, sizeof(out));
}

static int aci_query_vm(struct aci_file *afile, struct drm_aci_query *args)
{
	struct aci_vm *vm = aci_vm_lookup(afile, args->index);
	struct drm_aci_query_vm out = {};

	if (!vm)
		return -ENOENT;
	aci_vm_query(vm, &out);
	aci_vm_put(vm);
	return aci_query_write(args, &out, sizeof(out));
}

/**
 * aci_query_ioctl() - DRM_IOCTL_ACI_QUERY
 * @drm: device
 * @data: struct drm_aci_query
 * @file: caller
 *
 * Return: 0 or a negative error.
 */
int aci_query_ioctl(struct drm_device *drm, void *data, struct drm_file *file)
{
	struct drm_aci_query *args = data;

	if (args->pad)
		return -EINVAL;
	switch (args->type) {
	case DRM_ACI_QUERY_DEVICE:
		return aci_query_device(to_aci_device(drm), args);
	case DRM_ACI_QUERY_IDENTIFY_CARD:
	case DRM_ACI_QUERY_IDENTIFY_ENGINE:
	case DRM_ACI_QUERY_IDENTIFY_SET:
		return aci_query_identify(to_aci_device(drm), args);
	case DRM_ACI_QUERY_QUEUE:
		return aci_query_queue(file->driver_priv, args);
	case DRM_ACI_QUERY_VM:
		return aci_query_vm(file->driver_priv, args);
	default:
		return -EINVAL;
	}
}
