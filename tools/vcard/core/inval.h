/* SPDX-License-Identifier: MIT */
/*
 * Invalidation queue: a ring and a thread of its own, so that it never waits
 * behind an admin command.
 *
 * Locking: as the admin queue: step_lock for one command, before card->lock.
 */
#ifndef VCARD_CORE_INVAL_H
#define VCARD_CORE_INVAL_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "util.h"

struct vcard;

#define INVAL_SHIFT_MAX	10

struct inval {
	pthread_t thread;
	bool started;
	_Atomic bool exiting;
	struct waker waker;
	_Atomic uint32_t sq_tail;	/* register */

	pthread_mutex_t step_lock;
	bool enabled;
	uint64_t sq_base;
	uint64_t record_base;
	uint32_t shift;
	bool seen;			/* faults of the next command were looked for */
	bool stuck;			/* injected: it never completes */
	uint64_t not_before_ns;		/* injected; 0: at once */
	uint64_t completed;
	uint64_t error;
};

void inval_init(struct vcard *card);
int inval_start(struct vcard *card);
void inval_stop(struct vcard *card);
void inval_destroy(struct vcard *card);
/* With step_lock. */
void inval_enable(struct vcard *card, uint64_t sq_base, uint64_t record_base, uint32_t shift);
void inval_disable(struct vcard *card);

#endif
