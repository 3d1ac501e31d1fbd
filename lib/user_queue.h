/* SPDX-License-Identifier: MIT */
/*
 * The producer's side of a ring: descriptors, tail, doorbell. Used for user
 * queues of both transports, and by the in-process driver for its kernel queues.
 *
 * Locking: one thread at a time; user_queue_completed() by any.
 */
#ifndef LIB_USER_QUEUE_H
#define LIB_USER_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

#include <aci/aci_queue.h>

#include "barrier.h"

/** struct user_queue - a ring and the pages next to it, as this process sees them */
struct user_queue {
	struct aci_desc *ring;
	struct aci_queue_user_page *page;
	__le32 *doorbell;		/* NULL: out of reach, then @kick does it */
	/** @kick: wake a sleeping card; NULL: the doorbell does */
	void (*kick)(struct user_queue *queue);
	uint32_t entries;		/* power of two */
	uint64_t tail;
	uint64_t seen;			/* completed, as read last */
};

/** user_queue_completed() - descriptors completed, as the card tells this process */
static inline uint64_t user_queue_completed(const struct user_queue *queue)
{
	return shared_read64(&queue->page->completed);
}

/** user_queue_is_stopped() - a hint: the kernel knows better */
static inline bool user_queue_is_stopped(const struct user_queue *queue)
{
	return shared_read32(&queue->page->state) == ACI_QUEUE_STATE_ERROR;
}

/** user_queue_has_room() - for @count more descriptors */
bool user_queue_has_room(struct user_queue *queue, uint32_t count);
/** user_queue_nudge() - before waiting: a card that lied about polling is woken. By any thread */
void user_queue_nudge(struct user_queue *queue);
/** user_queue_push() - after user_queue_has_room(): hand @count descriptors to the card */
void user_queue_push(struct user_queue *queue, const struct aci_desc *descs, uint32_t count);

#endif
