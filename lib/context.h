/* SPDX-License-Identifier: MIT */
/*
 * A context (address space) and its buffers.
 *
 * Locking: context->lock covers the address allocator and the count of users.
 * A buffer is constant after creation, but for its CPU mapping.
 */
#ifndef LIB_CONTEXT_H
#define LIB_CONTEXT_H

#include <pthread.h>

#include "device.h"
#include "fence.h"
#include "va.h"

struct accel_context {
	struct accel_device *device;
	uint32_t vm_id;
	bool user_queues;		/* of streams; set at creation */
	pthread_mutex_t lock;
	struct va_space va;
	unsigned int users;		/* buffers, streams and events */
	struct fence_pool fences;	/* with user queues; has a lock of its own */
};

struct accel_buffer {
	struct accel_context *context;
	struct transport_bo *bo;
	uint64_t bytes;			/* as asked for */
	uint64_t address;
	uint64_t lead_bytes;		/* of its first page that are not its own */
	/*
	 * Where uploads write: the same as address, or for READONLY buffers a
	 * second, writable mapping that no program is given. 0: nowhere.
	 */
	uint64_t upload_address;
	bool is_registered;		/* memory of the caller */
	enum accel_placement placement;
	uint32_t flags;
	pthread_mutex_t map_lock;
	void *map;
};

static inline struct transport *context_transport(const struct accel_context *context)
{
	return context->device->transport;
}

void context_get(struct accel_context *context);
void context_put(struct accel_context *context);

/** buffer_new() - to be filled and given memory. -ENOMEM and, in a child, -ECHILD with text */
int buffer_new(struct accel_context *context, struct accel_buffer **buffer);
/** buffer_publish() - map a buffer whose memory is there and hand it out, or free both */
int buffer_publish(struct accel_buffer *buffer, struct accel_buffer **out);

/** buffer_check_range() - [offset, offset + bytes) inside the buffer, else -EINVAL with text */
int buffer_check_range(const struct accel_buffer *buffer, uint64_t offset, uint64_t bytes);

#endif
