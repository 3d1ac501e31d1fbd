/* SPDX-License-Identifier: MIT */
/*
 * An open card: its transport and the facts that never change while it is open.
 *
 * Locking: written at open only, so any thread may read.
 */
#ifndef LIB_DEVICE_H
#define LIB_DEVICE_H

#include "process.h"
#include "transport.h"

#define DEVICE_SETS_MAX		16
#define DEVICE_CLASSES_MAX	32

struct accel_device {
	struct transport *transport;
	const volatile char *mark;		/* 0 in a child of the process that opened it */
	struct accel_device_info info;		/* as at open */
	struct drm_aci_query_device facts;	/* as at open */
	uint64_t copy_bytes_max;		/* of one descriptor; UINT64_MAX: no limit */
	uint64_t opcodes[DEVICE_CLASSES_MAX];	/* bit n: the engine class takes descriptor n */
	uint32_t set_count;
	uint32_t tcs_index;			/* UINT32_MAX: the card has no tensor command set */
	struct aci_identify_set *sets;
};

/** device_get_tcs() - the tensor set of the card, NULL: none */
static inline const struct aci_identify_set *device_get_tcs(const struct accel_device *device)
{
	return device->tcs_index == UINT32_MAX ? NULL : &device->sets[device->tcs_index];
}

static inline bool device_is_inherited(const struct accel_device *device)
{
	return !*device->mark;
}

/** device_check_process() - -ECHILD with text: it was opened before fork(). Before any lock. */
static inline int device_check_process(const struct accel_device *device)
{
	return device_is_inherited(device) ? process_error() : 0;
}

/** device_takes_user_queues() - card and driver have all that streams need of them */
bool device_takes_user_queues(const struct accel_device *device);

/** device_find_set() - index of the set named by @uuid; -ENOTSUP: the card has none of it */
int device_find_set(const struct accel_device *device, const uint8_t uuid[16]);

#endif
