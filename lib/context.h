/* SPDX-License-Identifier: MIT */
/*
 * A context (address space) and its buffers.
 *
 * Locking: context->lock covers the address allocator, the count of users and
 * the lists of what a restore has to bring back. A buffer is constant after
 * creation, but for its CPU mapping and for a restore, during which nobody else
 * uses the context.
 */
#ifndef LIB_CONTEXT_H
#define LIB_CONTEXT_H

#include <pthread.h>
#include <sys/queue.h>

#include "device.h"
#include "fence.h"
#include "va.h"

struct accel_context {
	struct accel_device *device;
	struct transport *transport;	/* referenced */
	uint32_t vm_id;
	uint64_t generation;		/* of resets, that it was last made or restored in */
	bool user_queues;		/* of streams; set at creation */
	pthread_mutex_t lock;
	struct va_space va;
	unsigned int users;		/* buffers, streams and events */
	LIST_HEAD(, accel_buffer) buffers;
	LIST_HEAD(, accel_stream) streams;
	LIST_HEAD(, accel_program) programs;	/* loaded to it */
	LIST_HEAD(, accel_model) models;
	bool contents_lost;		/* and not yet brought back */
	struct fence_pool fences;	/* with user queues; has a lock of its own */
};

struct accel_buffer {
	struct accel_context *context;
	LIST_ENTRY(accel_buffer) link;	/* in context->buffers */
	struct transport_bo *bo;
	struct transport_bo *next_bo;	/* during a restore */
	void *next_map;
	uint64_t bytes;			/* as asked for */
	uint64_t address;
	uint64_t lead_bytes;		/* of its first page that are not its own */
	/*
	 * Where uploads write: the same as address, or for READONLY buffers a
	 * second, writable mapping that no program is given. 0: nowhere.
	 */
	uint64_t upload_address;
	bool is_registered;		/* memory of the caller */
	bool is_imported;		/* memory of a dma-buf */
	enum accel_placement placement;
	uint32_t flags;
	pthread_mutex_t map_lock;
	void *map;
};

static inline struct transport *context_transport(const struct accel_context *context)
{
	return context->transport;
}

void context_get(struct accel_context *context);
void context_put(struct accel_context *context);

/** context_memory_is_lost() - since creation or the last restore, with a card that is there */
bool context_memory_is_lost(struct accel_context *context);
/** context_find_loss() - what it has lost until now. The text may be another one then */
enum accel_loss context_find_loss(struct accel_context *context);
/** context_restore() - accel_context_restore(), @device is not NULL */
int context_restore(struct accel_context *context, struct accel_device *device);

/** buffer_new() - to be filled and given memory. -ENOMEM and, in a child, -ECHILD with text */
int buffer_new(struct accel_context *context, struct accel_buffer **buffer);
/** buffer_publish() - map a buffer whose memory is there and hand it out, or free both */
int buffer_publish(struct accel_buffer *buffer, struct accel_buffer **out);

/** buffer_check_range() - [offset, offset + bytes) inside the buffer, else -EINVAL with text */
int buffer_check_range(const struct accel_buffer *buffer, uint64_t offset, uint64_t bytes);

#endif
