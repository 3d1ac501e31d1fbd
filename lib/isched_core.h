/* SPDX-License-Identifier: MIT */
/*
 * The scheduler's core: a state machine on a virtual clock. Events go in by
 * calls that take the time; what is to be done comes out of
 * isched_next_action(). It knows no threads, reads no clock and does no I/O, so
 * that millions of requests can be run through it in a test.
 *
 *     isched_submit()      a request: refused at once, or it ends exactly once
 *     isched_cancel()      at any moment
 *     isched_batch_done()  what ISCHED_START began has ended, well or not
 *     isched_tick()        at or after isched_next_wake_ns()
 *     isched_card_down(), isched_card_up()
 *
 * After each event all actions must be fetched. Actions of one card come in the
 * order in which the card must do them.
 *
 * Files: isched_core.c life of requests and batches; isched_learn.c execution
 * times; isched_memory.c models in card memory; isched_policy_*.c who is next;
 * isched_plan.c, isched_fair.c what our own policy is made of.
 *
 * Locking: none; the owner serialises all calls on one scheduler.
 */
#ifndef LIB_ISCHED_CORE_H
#define LIB_ISCHED_CORE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "isched_tree.h"

#define ISCHED_NEVER		((uint64_t)INT64_MAX / 2)
#define ISCHED_BATCH_MAX		64u
#define ISCHED_CARDS_MAX		64u
#define ISCHED_SIZES_MAX		8u
/* Longest time that is believed of anything: sums of a million stay in 63 bits. */
#define ISCHED_SPAN_MAX_NS	(UINT64_C(1) << 42)

enum isched_priority { ISCHED_LOW, ISCHED_NORMAL, ISCHED_HIGH, ISCHED_PRIORITIES };

enum isched_policy {
	ISCHED_POLICY_DEADLINE,		/* ours */
	ISCHED_POLICY_FIFO,
	ISCHED_POLICY_BATCHING,		/* as Triton's dynamic batcher documents it */
	ISCHED_POLICY_PRIORITY,		/* as HailoRT's model scheduler documents it */
};

/** struct isched_options - zero: the default named */
struct isched_options {
	enum isched_policy policy;
	uint32_t cards;			/* 1 .. ISCHED_CARDS_MAX */
	uint32_t depth;			/* batches started on a card at once; 1 */
	uint32_t queue_limit;		/* requests pending in all; 100000 */
	uint64_t ageing_ns;		/* no admitted request without deadline waits longer; 1 s */
	/*
	 * A request below ISCHED_HIGH is admitted only if it would be done with this part of its
	 * time, in 1/1000, to spare: room for those above it. 0 by default.
	 */
	uint32_t reserve_permille[ISCHED_PRIORITIES];
	bool timeout_delays;		/* BATCHING: what timed out is done last, not ended */
};

/** struct isched_model_options - zero: the default named */
struct isched_model_options {
	uint32_t batch_max;		/* 1 */
	uint32_t preferred[ISCHED_SIZES_MAX];	/* ascending, ended by 0; batch_max alone */
	uint64_t delay_ns;		/* how long a batch may wait for more; 0 */
	uint32_t queue_limit;		/* requests pending, by priority under BATCHING; none */
	uint64_t memory_bytes;		/* of a card while loaded */
	uint64_t load_ns;		/* first guess */
	uint64_t first_ns, next_ns;	/* first guess: a batch of one, and each one more; 1 ms */
	uint32_t threshold;		/* PRIORITY: requests that make it ready; 1 */
	uint64_t threshold_timeout_ns;	/* PRIORITY: one is enough after it; none */
};

enum isched_state { ISCHED_IDLE, ISCHED_PENDING, ISCHED_RUNNING, ISCHED_ENDED };
enum isched_action_kind { ISCHED_UNLOAD, ISCHED_LOAD, ISCHED_START, ISCHED_END };

struct isched_batch;
struct isched_request;

/** struct isched_action - what is to be done; the members that @kind has */
struct isched_action {
	enum isched_action_kind kind;
	uint32_t card, model;		/* UNLOAD, LOAD, START */
	struct isched_batch *batch;	/* START */
	struct isched_request *request;	/* END: its memory is the caller's again */
	TAILQ_ENTRY(isched_action) link;
};
TAILQ_HEAD(isched_actions, isched_action);

/** struct isched_request - the caller's memory; the first part is set by the caller */
struct isched_request {
	uint32_t model, client;
	enum isched_priority priority;
	uint64_t deadline_ns;		/* absolute; ISCHED_NEVER: none, best effort */
	uint64_t timeout_ns;		/* absolute; ends unfinished. ISCHED_NEVER: none */
	uint32_t retries;		/* runs after failures that allow it */

	/* after ISCHED_END: 0, -ECANCELED, -ETIME, -ENODEV or the batch's error */
	int result;

	/* the scheduler's */
	enum isched_state state;
	int verdict;			/* of a running one that must not succeed any more */
	uint32_t attempts;
	uint64_t arrival_ns, start_ns, end_ns;
	struct isched_batch *batch;
	uint64_t target_ns;		/* that its plan keeps: deadline or age, with a margin */
	uint64_t fair_ns;		/* what its client is charged for it while it waits */
	bool admitted;			/* a promise was given, it is not asked for again */
	bool timed_out;			/* and kept, see timeout_delays */
	struct isched_node timeout;
	TAILQ_ENTRY(isched_request) link;	/* of its queue or batch */
	TAILQ_ENTRY(isched_request) fair;	/* of its client, best effort only */
	struct isched_action action;
};
TAILQ_HEAD(isched_requests, isched_request);

/** struct isched_batch - requests that are run together */
struct isched_batch {
	struct isched_requests requests;
	uint32_t count;
	uint32_t card, model;
	uint64_t cost_ns;		/* predicted, with loading */
	uint64_t load_ns;		/* of it */
	bool best_effort;		/* no member has a deadline */
	struct isched_node plan;		/* by the earliest target of the members */
	uint64_t oldest_ns;		/* earliest arrival of the members */
	struct isched_action action;
	TAILQ_ENTRY(isched_batch) link;	/* planned for a seat, running on a card, or free */
};
TAILQ_HEAD(isched_batches, isched_batch);

/** struct isched_stats - since creation */
struct isched_stats {
	uint64_t submitted;
	uint64_t refused_deadline, refused_full;
	uint64_t ended_well, ended_late;	/* late: well, but after the deadline */
	uint64_t ended_badly, cancelled, timed_out;
	uint64_t batches, retries, loads, moved;
	uint64_t wait_max_ns;			/* of best effort, until it started */
};

struct isched;

int isched_create(const struct isched_options *options, struct isched **sched);
/** isched_destroy() - pending requests are forgotten, not ended */
void isched_destroy(struct isched *sched);
/** isched_add_model() - Return: its index, or -EINVAL, -ENOMEM */
int isched_add_model(struct isched *sched, const struct isched_model_options *options);
/** isched_bind_model() - @card may run @model from now on, or no more */
void isched_bind_model(struct isched *sched, uint32_t model, uint32_t card, bool bound);
/** isched_add_client() - @weight: its share, in relation to others'. Return: index or -errno */
int isched_add_client(struct isched *sched, uint32_t weight);
/** isched_set_weight() - of a client without requests; 0: it is gone, until it gets another one */
void isched_set_weight(struct isched *sched, uint32_t client, uint32_t weight);
/** isched_set_memory() - of a card, for models; UINT64_MAX: enough for all (default) */
void isched_set_memory(struct isched *sched, uint32_t card, uint64_t bytes);

/**
 * isched_submit() - a request
 *
 * Return: 0: it ends by one ISCHED_END. -EBUSY: its deadline cannot be met;
 * -EAGAIN: a queue is full, later there is room; -ENODEV: no card can run it;
 * -EINVAL, -ENOMEM. Refused, it is as if it had never been.
 */
int isched_submit(struct isched *sched, struct isched_request *request, uint64_t now_ns);
/**
 * isched_cancel() - end it with @error (negative)
 *
 * At once if pending; a running one ends when its batch does, since a card uses its memory.
 * Return: false: it has ended already.
 */
bool isched_cancel(struct isched *sched, struct isched_request *request, int error,
		   uint64_t now_ns);
/**
 * isched_batch_done() - @batch is no longer run; it is gone afterwards
 * @result: 0 or -errno
 * @may_retry: it left no trace: run again what has retries left
 * @exec_ns: how long the card worked on it; 0: not known
 */
void isched_batch_done(struct isched *sched, struct isched_batch *batch, int result, bool may_retry,
		      uint64_t exec_ns, uint64_t now_ns);
/** isched_model_loaded() - how long ISCHED_LOAD took; not @ok: the model is not there */
void isched_model_loaded(struct isched *sched, uint32_t card, uint32_t model, bool ok,
			uint64_t load_ns, uint64_t now_ns);
void isched_tick(struct isched *sched, uint64_t now_ns);
/** isched_next_wake_ns() - when isched_tick() has something to do. ISCHED_NEVER: not by itself */
uint64_t isched_next_wake_ns(const struct isched *sched);
/** isched_card_down() - start nothing on it; batches that run must still be reported as done */
void isched_card_down(struct isched *sched, uint32_t card, uint64_t now_ns);
/** isched_card_up() - @memory_kept: models are still loaded */
void isched_card_up(struct isched *sched, uint32_t card, bool memory_kept, uint64_t now_ns);

/** isched_next_action() - NULL: nothing more. Valid until the next event */
struct isched_action *isched_next_action(struct isched *sched);

struct isched_stats isched_get_stats(const struct isched *sched);
uint32_t isched_pending(const struct isched *sched);
/** isched_predict_ns() - how long a batch would take, without loading */
uint64_t isched_predict_ns(const struct isched *sched, uint32_t card, uint32_t model,
			   uint32_t count);

#endif
