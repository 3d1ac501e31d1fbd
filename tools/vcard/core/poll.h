/* SPDX-License-Identifier: MIT */
/*
 * Doorbell poller: watches the tails of active queues in host memory.
 *
 * A queue is watched from its last activity for POLL_LINGER_NS. Then the
 * poller writes event_index = tail seen, fences, reads the tail once more, and
 * only then sleeps; from there on the producer rings (kick page). While it
 * watches, event_index lies in the past, so that the producer does not ring.
 *
 * Locking: under card->lock but for poll_kick(), which takes it.
 */
#ifndef VCARD_CORE_POLL_H
#define VCARD_CORE_POLL_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "util.h"

struct vcard;
struct queue;

#define POLL_LINGER_NS	(50 * NS_PER_US)

struct poller {
	pthread_t thread;
	bool started;
	_Atomic bool exiting;
	unsigned int active;		/* queues with "polled" set */
	struct waker waker;
	_Atomic uint64_t kicks;
	_Atomic uint64_t sleeps;
};

int poll_start(struct vcard *card);
void poll_stop(struct vcard *card);

/** poll_watch() - activity on the queue: watch it from now on (card->lock) */
void poll_watch(struct queue *queue);
/** poll_forget() - the queue is being stopped (card->lock) */
void poll_forget(struct queue *queue);

#endif
