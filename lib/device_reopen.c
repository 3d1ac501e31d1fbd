// SPDX-License-Identifier: MIT
/* Cards that went away and came back: a new transport for the same device. */
#include <stdio.h>
#include <string.h>

#include "device.h"
#include "error.h"

struct transport *device_get_transport(struct accel_device *device)
{
	struct transport *transport;

	pthread_mutex_lock(&device->lock);
	transport = device->transport;
	__atomic_fetch_add(&transport->refs, 1, __ATOMIC_RELAXED);
	pthread_mutex_unlock(&device->lock);
	return transport;
}

void device_put_transport(struct transport *transport)
{
	if (transport && !__atomic_sub_fetch(&transport->refs, 1, __ATOMIC_ACQ_REL))
		transport->ops->close(transport);
}

bool device_is_gone(struct transport *transport)
{
	struct drm_aci_query_device facts;
	int ret = transport->ops->query_device(transport, &facts);

	return ret == -ENODEV || (!ret && facts.flags & DRM_ACI_DEVICE_WEDGED);
}

int device_check_like(const struct accel_device *device, const struct accel_device *other)
{
	const struct drm_aci_query_device *a = &device->facts, *b = &other->facts;

	/* Addresses, queues and encoded programs stay as they are. */
	if (a->cap == b->cap && a->va_start == b->va_start && a->va_end == b->va_end &&
	    a->priorities == b->priorities && a->ring_entries_max == b->ring_entries_max &&
	    !a->card_memory_bytes == !b->card_memory_bytes &&
	    device->copy_bytes_max == other->copy_bytes_max &&
	    device->transport->has_user_queues == other->transport->has_user_queues &&
	    !memcmp(device->opcodes, other->opcodes, sizeof(device->opcodes)) &&
	    device->tcs_index == other->tcs_index && device->set_count == other->set_count &&
	    (!device->set_count ||
	     !memcmp(device->sets, other->sets, device->set_count * sizeof(*device->sets))))
		return 0;
	return error_set(-EXDEV, "%s and %s are not cards of the same kind", device->info.name,
			 other->info.name);
}

/* By its serial number: its address, and the number of its node, may be others now. */
static void device_own_name(const struct accel_device *device, char name[256])
{
	const struct accel_device_info *info = &device->info;

	if (device->options)
		snprintf(name, 256, "inproc:%s", device->options);
	else if (info->serial[0] && strcmp(info->name, info->node))
		snprintf(name, 256, "serial:%s", info->serial);
	else
		snprintf(name, 256, "%s", info->name);
}

static int device_open_again(const struct accel_device *device, struct accel_device **out)
{
	char name[256];
	int ret;

	device_own_name(device, name);
	ret = accel_device_open(name, out);
	if (ret)
		return ret;
	ret = device_check_like(device, *out);
	if (!ret && device_is_gone((*out)->transport))
		ret = error_set(-ENODEV, "%s is wedged: reset it (accelctl reset)",
				device->info.name);
	if (ret)
		accel_device_close(*out);
	return ret;
}

int device_reopen(struct accel_device *device)
{
	struct accel_device *again;
	int ret = 0;

	pthread_mutex_lock(&device->lock);
	if (device_is_gone(device->transport)) {
		ret = device_open_again(device, &again);
		if (!ret) {
			struct transport *gone = device->transport;

			device->transport = again->transport;
			again->transport = gone;
			accel_device_close(again);
		}
	}
	pthread_mutex_unlock(&device->lock);
	return ret;
}
