/* SPDX-License-Identifier: MIT */
/*
 * Job queues: what the card knows of each, its control record and user page,
 * and how descriptors enter and leave.
 *
 * Locking: "owner" fields belong to the engine that runs the queue
 * (schedule == QUEUE_BUSY); while no engine does, to the holder of card->lock.
 * All others are under card->lock, but for those marked atomic.
 */
#ifndef VCARD_CORE_QUEUE_H
#define VCARD_CORE_QUEUE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include <aci/aci_queue.h>

#include "engine.h"

struct vcard;
struct engine;
struct vm;

enum queue_schedule {
	QUEUE_IDLE,	/* nothing to do that the card knows of */
	QUEUE_READY,	/* in a ready list */
	QUEUE_BUSY,	/* on an engine */
	QUEUE_WAITING,	/* blocked in a WAIT */
};

/* Why a queue has to leave its engine at once. */
enum queue_stop {
	QUEUE_STOP_NONE,
	QUEUE_STOP_RESET,		/* RESET_ or DELETE_QUEUE goes on with it */
	QUEUE_STOP_CARD,		/* the card is being reset or disabled */
	QUEUE_STOP_PREEMPT_TIMEOUT,
	QUEUE_STOP_WATCHDOG,
};

/* Injected: what the descriptor does instead of its work. */
enum queue_hang {
	QUEUE_HANG_NONE,
	QUEUE_HANG_DESCRIPTOR,	/* until it is stopped */
	QUEUE_HANG_ENGINE,	/* until the card is stopped */
};

/* Position inside a COPY, COPY_STRIDED or FILL. */
struct copy_position {
	uint64_t row;
	uint64_t offset;
};

struct queue {
	struct vcard *card;
	uint16_t id;
	struct vm *vm;
	uint8_t engine_class;
	uint8_t priority;
	uint8_t ring_shift;
	uint8_t flags;
	uint16_t notify_ring;
	uint32_t watchdog_ms;
	uint64_t record;
	uint64_t user_page;
	uint64_t ring_pages[ACI_RING_PAGES_MAX];

	/* owner */
	uint64_t tail;			/* last read */
	bool tail_known;		/* else read it before anything else */
	uint64_t fetched;
	uint64_t started;
	uint64_t completed;
	struct aci_desc desc;		/* private copy of descriptor "completed" */
	bool in_descriptor;		/* desc is valid and started */
	struct copy_position position;
	struct tcs_exec exec;
	uint64_t wait_since_ns;
	_Atomic int hanging;		/* enum queue_hang */
	uint64_t notified;		/* the notify_at value that was served */
	uint64_t notify_posted;		/* entries posted; the host counts those that it took */

	/* atomic: written by the owner, read by the clock */
	_Atomic uint64_t progress;
	_Atomic uint64_t macs;
	_Atomic uint64_t bytes;
	_Atomic uint64_t jobs;
	_Atomic bool in_wait;			/* the descriptor is a WAIT: no active time */
	_Atomic int stop;		/* enum queue_stop */
	_Atomic bool suspend;		/* leave the engine at the next border */

	/* card->lock */
	uint32_t state;			/* ACI_QUEUE_STATE_* */
	uint32_t error;
	bool event_posted;		/* QUEUE_STOPPED, until acknowledged */
	bool claimed;			/* by an admin command in progress */
	uint64_t suspend_since_ns;
	enum queue_schedule schedule;
	bool rescan;			/* the tail moved while BUSY */
	struct engine *engine;
	TAILQ_ENTRY(queue) link;	/* in a ready list or the list of waiting queues */
	uint64_t ready_since_ns;
	uint64_t owed_ns;		/* minimum share not yet given */
	uint64_t slice_start_ns;
	uint64_t slice_completed;	/* completed at slice_start_ns */
	uint64_t active_ns;		/* before slice_start_ns */
	uint64_t shown_active_ns;	/* in the record: never goes back */
	uint64_t seen_progress;		/* by the clock */
	uint64_t stalled_ns;		/* used since progress last changed */

	/* doorbell poller, card->lock */
	bool polled;
	uint64_t polled_tail;
	uint64_t polled_until_ns;
};

TAILQ_HEAD(queue_list, queue);

/* --- by the owner --- */

/** queue_read_tail() - Return: false if the user page cannot be read */
bool queue_read_tail(struct queue *queue);
/** queue_fetch() - copy and check the next descriptor. Return: ACI_STATUS_* */
unsigned int queue_fetch(struct queue *queue);
/** queue_start() - make "started" visible. Return: ACI_STATUS_* */
unsigned int queue_start(struct queue *queue);
/** queue_complete() - make all writes, then "completed" visible, then notify. Return: ACI_STATUS_* */
unsigned int queue_complete(struct queue *queue);
/** queue_drop_descriptor() - forget the descriptor in execution */
void queue_drop_descriptor(struct queue *queue);

/* --- with card->lock, not BUSY or by the owner --- */

void queue_publish_state(struct queue *queue);
/** queue_publish_counts() - fetched, started and completed, here and in the user page */
void queue_publish_counts(struct queue *queue);
/** queue_publish_work() - what was counted; not by others, who might show what was before completed */
void queue_publish_work(struct queue *queue);
/** queue_halt() - the first error: record, user page, notification, events, in this order */
void queue_halt(struct queue *queue, unsigned int status, uint64_t index, uint64_t info);
/** queue_set_position() - forget errors and go on at @index */
void queue_set_position(struct queue *queue, uint64_t index);

/* --- with card->lock --- */

/** queue_publish_activity() - active time, progress */
void queue_publish_activity(struct queue *queue, uint64_t now_ns);
uint64_t queue_active_ns(const struct queue *queue, uint64_t now_ns);

/** desc_check() - opcode, reserved fields, lengths, alignment. Return: ACI_STATUS_* */
unsigned int desc_check(const struct queue *queue, const struct aci_desc *desc);

#endif
