/* SPDX-License-Identifier: MIT */
/*
 * Scheduler: which queue runs on which engine, and for how long.
 *
 * Ready queues wait in a list for each engine class and priority, round robin
 * inside a level. A ready kernel queue is owed a minimum share of an engine for
 * the time it waits; once it is owed a whole slice it goes before every
 * priority. A queue runs on one engine at a time.
 *
 * Locking: everything here is under card->lock but for what is marked atomic.
 * The clock thread keeps bounds: it publishes activity, wakes blocked WAITs,
 * stops queues past their watchdog or the preemption limit, and ends the
 * interval of interrupts.
 */
#ifndef VCARD_CORE_SCHED_H
#define VCARD_CORE_SCHED_H

#include <time.h>

#include <aci/aci_queue.h>

#include "queue.h"
#include "util.h"

#define ENGINE_CLASSES		2
#define SCHED_SLICE_NS		(2 * NS_PER_MS)
#define PREEMPT_MAX_US		1000u	/* Identify */
#define PREEMPT_LIMIT_US	100000u	/* processor time after which a queue is halted */
#define T_ACTIVE_MS		100u
#define T_WAIT_POLL_MS		10u
#define T_HEARTBEAT_MS		1000u
#define MIN_SHARE_DEFAULT	10u	/* permille */
#define MIN_SHARE_MAX		1000u

struct engine_job {
	struct vcard *card;
	struct engine *engine;
	struct queue *queue;
};

/* What an engine says of itself when it is asked, see SELF_TEST. */
enum engine_health {
	ENGINE_UNTESTED,
	ENGINE_TEST_WANTED,
	ENGINE_GOOD,
	ENGINE_BAD,
};

struct engine {
	struct vcard *card;
	unsigned int class;
	unsigned int index;
	pthread_t thread;
	pthread_cond_t work;		/* a queue became ready, or a stop */
	struct queue *queue;		/* the one it runs */
	clockid_t cpu_clock;		/* of the thread */
	uint64_t cpu_ns;		/* of it, at the last tick */
	uint64_t wall_ns;		/* at the last tick */
	uint64_t deaf_ns;		/* used since it was asked to let go and did not look */
	bool protected;			/* runs a minimum share: priorities do not preempt */
	_Atomic int health;		/* enum engine_health */
	_Atomic bool preempt;
	uint64_t asked_ns;		/* when it was set, and what the thread had used then */
	uint64_t asked_cpu_ns;
	_Atomic uint64_t slice_end_ns;

	uint64_t busy_ns;		/* of ended slices */
	uint64_t preemptions;
	uint64_t preempt_late;		/* those that took longer than Identify says, by the last figure */
	uint64_t preempt_max_ns;	/* the longest from asking to letting go */
	uint64_t preempt_cpu_max_ns;	/* the same in processor time: what the card itself took */
	_Atomic uint64_t descriptors;
	_Atomic uint64_t operations;
	_Atomic uint64_t macs;
	_Atomic uint64_t bytes;
};

struct sched {
	struct queue_list ready[ENGINE_CLASSES][ACI_PRIORITY_MAX + 1];
	_Atomic unsigned int ready_count[ENGINE_CLASSES];
	struct queue_list waiting;
	unsigned int min_share_permille;
	struct engine *engines;
	unsigned int engine_count;
	unsigned int started;		/* threads that exist */
	pthread_cond_t released;	/* an engine let go of a queue */
	bool exiting;

	pthread_t clock;
	bool clock_started;
	struct waker clock_waker;
};

int sched_init(struct vcard *card);
/** sched_start() - engine and clock threads */
int sched_start(struct vcard *card);
void sched_stop(struct vcard *card);
void sched_destroy(struct vcard *card);

/** sched_wake() - the queue may have work (card->lock) */
void sched_wake(struct queue *queue);
/** sched_remove() - out of all lists; must not be BUSY (card->lock) */
void sched_remove(struct queue *queue);
/** sched_wake_waiting() - re-evaluate blocked WAITs of @vm, NULL: all (card->lock) */
void sched_wake_waiting(struct vcard *card, const struct vm *vm);
/** sched_interrupt() - tell the engine of a BUSY queue that stop or suspend changed (card->lock) */
void sched_interrupt(struct queue *queue);

/** sched_pick() - the next queue for @engine, now BUSY, or NULL (card->lock) */
struct queue *sched_pick(struct engine *engine);

/** sched_request_self_test() - let every engine test itself, between two slices (card->lock) */
void sched_request_self_test(struct vcard *card);

enum slice_end {
	SLICE_EMPTY,	/* no descriptor left */
	SLICE_AGAIN,	/* preempted, or its time is over */
	SLICE_BLOCKED,	/* in a WAIT */
	SLICE_HALTED,	/* first error */
	SLICE_STOPPED,	/* queue->stop or suspend */
};

/** sched_release() - the slice of the engine's queue is over (card->lock) */
void sched_release(struct engine *engine, enum slice_end end);

/** engine_run() - an engine's thread (engines/engine.c) */
void *engine_run(void *arg);

#endif
