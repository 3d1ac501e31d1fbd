// SPDX-License-Identifier: MIT
#include <endian.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <aci/aci_regs.h>
#include <aci/aci_tcs.h>

#include "device.h"
#include "error.h"
#include "sysfs.h"

int accel_device_list(struct accel_device_info **list, size_t *count)
{
	if (!list || !count)
		return error_set(-EINVAL, "list and count must not be NULL");
	return sysfs_list(list, count);
}

void accel_device_list_free(struct accel_device_info *list)
{
	free(list);
}

/* --- Names ------------------------------------------------------------------------ */

static bool device_name_matches(const char *name, const struct accel_device_info *info)
{
	char full[ACCEL_NAME_BYTES];

	if (!strncmp(name, "serial:", 7))
		return name[7] && !strcmp(name + 7, info->serial);
	if (name[0] == '/')
		return !strcmp(name, info->node);
	if (!strcmp(name, info->name))
		return true;
	/* "01:00.0" is short for "0000:01:00.0" */
	snprintf(full, sizeof(full), "0000:%s", name);
	return !strcmp(full, info->name);
}

static int device_find(const char *name, struct accel_device_info *info)
{
	struct accel_device_info *list;
	size_t count, i;
	int ret = sysfs_list(&list, &count);

	if (ret)
		return ret;
	for (i = 0; i < count; i++)
		if (!name || device_name_matches(name, &list[i]))
			break;
	if (i < count)
		*info = list[i];
	free(list);
	if (i < count)
		return 0;
	if (!name && !count)
		return error_set(-ENODEV, "no card found: is the aci driver loaded (modprobe aci)? "
				 "\"inproc\" opens a virtual card");
	return error_set(-ENODEV, "no card is named \"%s\": see \"accelctl list\"",
			 name ? name : "");
}

/* --- Facts ------------------------------------------------------------------------ */

/* Card-written text: bounded, and printable so that it cannot drive a terminal. */
static void device_copy_text(char *to, size_t bytes, const char *from, size_t from_bytes)
{
	size_t i;

	for (i = 0; i < bytes - 1 && i < from_bytes && from[i]; i++)
		to[i] = from[i] >= ' ' && from[i] <= '~' ? from[i] : '?';
	to[i] = '\0';
}

static int device_read_card(struct accel_device *device)
{
	struct aci_identify_card card;
	struct accel_device_info *info = &device->info;
	struct transport *transport = device->transport;
	int ret = transport->ops->identify(transport, DRM_ACI_QUERY_IDENTIFY_CARD, 0, &card);
	uint32_t sets;

	if (ret)
		return ret;
	device_copy_text(info->serial, sizeof(info->serial), card.serial, sizeof(card.serial));
	device_copy_text(info->vendor, sizeof(info->vendor), card.vendor, sizeof(card.vendor));
	device_copy_text(info->model, sizeof(info->model), card.model, sizeof(card.model));
	device_copy_text(info->firmware, sizeof(info->firmware), card.firmware,
			 sizeof(card.firmware));
	device->copy_bytes_max = le64toh(card.copy_bytes_max);
	if (!device->copy_bytes_max)
		device->copy_bytes_max = UINT64_MAX;
	sets = le32toh(card.set_count);
	device->set_count = sets < DEVICE_SETS_MAX ? sets : DEVICE_SETS_MAX;
	return 0;
}

static int device_read_engines(struct accel_device *device)
{
	struct transport *transport = device->transport;
	struct aci_identify_engine engine;

	for (uint32_t i = 0; i < device->facts.engine_classes && i < DEVICE_CLASSES_MAX; i++) {
		int ret = transport->ops->identify(transport, DRM_ACI_QUERY_IDENTIFY_ENGINE, i,
						   &engine);

		if (ret)
			return ret;
		device->opcodes[i] = le32toh(engine.count) ? le64toh(engine.opcodes) : 0;
	}
	return 0;
}

static int device_read_sets(struct accel_device *device)
{
	static const uint8_t tcs_uuid[16] = ACI_TCS_UUID_BYTES;
	struct transport *transport = device->transport;
	int index;

	device->tcs_index = UINT32_MAX;
	if (!device->set_count)
		return 0;
	device->sets = calloc(device->set_count, sizeof(*device->sets));
	if (!device->sets)
		return error_set(-ENOMEM, "out of memory");
	for (uint32_t i = 0; i < device->set_count; i++) {
		struct aci_identify_set *set = &device->sets[i];
		int ret = transport->ops->identify(transport, DRM_ACI_QUERY_IDENTIFY_SET, i, set);

		if (ret)
			return ret;
		if (le32toh(set->op_count) > ACI_IDENTIFY_SET_OPS)
			set->op_count = htole32(ACI_IDENTIFY_SET_OPS);
	}
	index = device_find_set(device, tcs_uuid);
	if (index >= 0 && le32toh(device->sets[index].version) >> 16 == ACI_TCS_VERSION_MAJOR)
		device->tcs_index = (uint32_t)index;
	return 0;
}

static int device_read_facts(struct accel_device *device)
{
	struct transport *transport = device->transport;
	struct accel_device_info *info = &device->info;
	int ret = transport->ops->query_device(transport, &device->facts);

	if (ret)
		return ret;
	if (device->facts.va_end <= device->facts.va_start)
		return error_set(-EPROTO, "%s: the driver reports no usable card addresses",
				 info->name);
	info->aci_version = device->facts.aci_version;
	info->engine_classes = device->facts.engine_classes;
	info->capabilities = device->facts.cap;
	ret = device_read_card(device);
	if (!ret)
		ret = device_read_engines(device);
	if (!ret)
		ret = device_read_sets(device);
	return ret;
}

/* Streams wait for each other by WAIT and SIGNAL. */
bool device_takes_user_queues(const struct accel_device *device)
{
	const uint64_t needed = 1ull << ACI_OP_WAIT | 1ull << ACI_OP_SIGNAL;
	const uint64_t caps = ACI_CAP_USER_QUEUES | ACI_CAP_WAIT;

	if (!device->transport->has_user_queues || (device->facts.cap & caps) != caps)
		return false;
	for (uint32_t i = 0; i < DEVICE_CLASSES_MAX; i++)
		if (device->opcodes[i] && (device->opcodes[i] & needed) != needed)
			return false;
	return true;
}

int device_find_set(const struct accel_device *device, const uint8_t uuid[16])
{
	for (uint32_t i = 0; i < device->set_count; i++)
		if (!memcmp(device->sets[i].uuid, uuid, 16))
			return (int)i;
	return error_set(-ENOTSUP, "%s does not have this command set", device->info.name);
}

/* --- Open and close --------------------------------------------------------------- */

static int device_open_transport(const char *name, struct accel_device *device)
{
	struct accel_device_info *info = &device->info;
	int ret;

	if (name && !strncmp(name, "inproc", 6) && (!name[6] || name[6] == ':')) {
		info->transport = ACCEL_TRANSPORT_INPROC;
		strcpy(info->name, "inproc");
		device->options = strdup(name[6] ? name + 7 : "");
		if (!device->options)
			return error_set(-ENOMEM, "out of memory");
		return transport_inproc_open(device->options, &device->transport);
	}
	ret = device_find(name, info);
	/*
	 * A node that is not in this sysfs (a container's, a test's) may still be opened by its
	 * path.
	 */
	if (ret == -ENODEV && name && name[0] == '/') {
		memset(info, 0, sizeof(*info));
		snprintf(info->name, sizeof(info->name), "%s", name);
		snprintf(info->node, sizeof(info->node), "%s", name);
		return transport_drm_open(name, &device->transport);
	}
	return ret ? ret : transport_drm_open(info->node, &device->transport);
}

int accel_device_open(const char *name, struct accel_device **out)
{
	struct accel_device *device;
	int ret;

	if (!out)
		return error_set(-EINVAL, "device must not be NULL");
	*out = NULL;
	if (!name)
		name = secure_getenv("ACCEL_DEVICE");
	if (name && !*name)
		name = NULL;
	device = calloc(1, sizeof(*device));
	if (!device)
		return error_set(-ENOMEM, "out of memory");
	device->mark = process_mark();
	if (!device->mark) {
		free(device);
		return error_set(-ENOMEM, "out of memory");
	}
	pthread_mutex_init(&device->lock, NULL);
	ret = device_open_transport(name, device);
	if (!ret) {
		device->transport->refs = 1;
		ret = device_read_facts(device);
	}
	if (ret) {
		accel_device_close(device);
		return ret;
	}
	*out = device;
	return 0;
}

void accel_device_close(struct accel_device *device)
{
	/* In a child all of it is the parent's: its threads, its queues. */
	if (!device || device_is_inherited(device))
		return;
	process_unmark(device->mark);
	device_put_transport(device->transport);
	pthread_mutex_destroy(&device->lock);
	free(device->options);
	free(device->sets);
	free(device);
}

static int device_query(struct accel_device *device, struct drm_aci_query_device *facts)
{
	struct transport *transport = device_get_transport(device);
	int ret = transport->ops->query_device(transport, facts);

	device_put_transport(transport);
	return ret;
}

int accel_device_get_info(struct accel_device *device, struct accel_device_info *info)
{
	struct drm_aci_query_device facts;
	int ret;

	if (!device || !info)
		return error_set(-EINVAL, "device and info must not be NULL");
	ret = device_check_process(device);
	if (ret)
		return ret;
	*info = device->info;
	ret = device_query(device, &facts);
	if (ret == -ENODEV) {
		strcpy(info->state, "wedged");
		return 0;
	}
	if (ret)
		return ret;
	strcpy(info->state, facts.flags & DRM_ACI_DEVICE_WEDGED ? "wedged" : "ok");
	info->reset_generation = facts.reset_generation;
	info->memory_bytes = facts.card_memory_bytes;
	info->memory_free_bytes = facts.card_memory_free_bytes;
	return 0;
}

int accel_memory_get_info(struct accel_device *device, uint64_t *total_bytes, uint64_t *free_bytes)
{
	struct drm_aci_query_device facts;
	int ret;

	if (!device || !total_bytes || !free_bytes)
		return error_set(-EINVAL, "no argument may be NULL");
	ret = device_check_process(device);
	if (ret)
		return ret;
	ret = device_query(device, &facts);
	if (ret)
		return ret;
	*total_bytes = facts.card_memory_bytes;
	*free_bytes = facts.card_memory_free_bytes;
	return 0;
}
