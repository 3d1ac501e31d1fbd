/* SPDX-License-Identifier: MIT */
/*
 * An open card: its transport and the facts that never change while it is open.
 *
 * A card that went away and came back has a new transport. Contexts keep the one
 * that they were made with, alive by its reference, until they are restored.
 *
 * Locking: device->lock covers the transport; the rest is written at open only,
 * so any thread may read.
 */
#ifndef LIB_DEVICE_H
#define LIB_DEVICE_H

#include <pthread.h>

#include "process.h"
#include "transport.h"

#define DEVICE_SETS_MAX		16
#define DEVICE_CLASSES_MAX	32

struct accel_device {
	pthread_mutex_t lock;
	struct transport *transport;
	char *options;				/* of an in-process card */
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

/** device_get_transport() - as it is now, referenced */
struct transport *device_get_transport(struct accel_device *device);
/** device_put_transport() - the last one closes it. NULL is allowed. */
void device_put_transport(struct transport *transport);
/** device_is_gone() - the transport reaches no card, or one that works no more */
bool device_is_gone(struct transport *transport);
/** device_reopen() - the same card by a new transport, if the present one is gone. -ENODEV */
int device_reopen(struct accel_device *device);
/** device_check_like() - what was made for @device works on @other. -EXDEV with text */
int device_check_like(const struct accel_device *device, const struct accel_device *other);

/** device_takes_user_queues() - card and driver have all that streams need of them */
bool device_takes_user_queues(const struct accel_device *device);

/** device_find_set() - index of the set named by @uuid; -ENOTSUP: the card has none of it */
int device_find_set(const struct accel_device *device, const uint8_t uuid[16]);

#endif
