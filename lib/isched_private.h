/* SPDX-License-Identifier: MIT */
/*
 * What the files of the scheduler's core share; see isched_core.h.
 *
 * Locking: as there.
 */
#ifndef LIB_ISCHED_PRIVATE_H
#define LIB_ISCHED_PRIVATE_H

#include <errno.h>
#include <stddef.h>

#include "isched_core.h"

#define ISCHED_CONTAINER(pointer, type, member) \
	((type *)((char *)(pointer) - offsetof(type, member)))

/** struct isched_time - of batches of one size: learned, first a guess */
struct isched_time {
	uint64_t mean_ns;
	uint64_t deviation_ns;		/* mean absolute one */
	uint32_t samples;
};

/** struct isched_seat - a model on a card */
struct isched_seat {
	bool bound, loaded;
	bool loading;			/* it will be loaded; until that, or a batch, is done */
	bool failed;			/* could not be loaded; until the card comes back */
	uint32_t running;		/* batches: it cannot be unloaded */
	struct isched_batches planned;	/* DEADLINE */
	uint64_t used_ns;		/* last start */
	uint64_t doubted_ns;		/* see isched_learn_doubt() */
	uint64_t guess_first_ns, guess_next_ns;
	uint64_t best_ns;		/* least mean of a batch of one so far */
	uint32_t largest;		/* batch that was run */
	struct isched_batch *open;	/* planned and not full */
	struct isched_time times[ISCHED_BATCH_MAX + 1];	/* by size */
	struct isched_action load, unload;
	bool load_queued, unload_queued;
};

struct isched_model {
	struct isched_model_options options;
	uint32_t pending;
	struct isched_time load;
	/* BATCHING, PRIORITY */
	struct isched_requests queues[ISCHED_PRIORITIES], delayed[ISCHED_PRIORITIES];
	uint32_t queued[ISCHED_PRIORITIES];
	uint64_t last_run_ns[ISCHED_PRIORITIES];
};

struct isched_card {
	bool up;
	uint32_t depth;			/* batches started */
	uint64_t memory_bytes, memory_used;
	uint64_t busy_until_ns;		/* of what was started, predicted */
	struct isched_batches running;
	struct isched_tree plan;		/* DEADLINE */
	struct isched_seat **seats;	/* by model */
	uint32_t slow_streak;		/* batches in a row that took twice their time */
	uint64_t slow_ratio;		/* least one of them, in 1/16 */
};

struct isched_client {
	uint32_t weight;
	struct isched_requests fair;	/* best effort, oldest first */
	uint64_t pending_ns;		/* cost of these */
	uint64_t clock_ns;		/* virtual: cost so far by weight */
	struct isched_node active;	/* by clock, while it has requests */
};

struct isched_policy_ops {
	/* Queue it, or refuse: -EBUSY, -EAGAIN, -ENOMEM, -ENODEV. */
	int (*add)(struct isched *sched, struct isched_request *request, uint64_t now_ns);
	void (*remove)(struct isched *sched, struct isched_request *request, uint64_t now_ns);
	/* What @card is to do next, taken out of the queues. NULL: nothing yet */
	struct isched_batch *(*pick)(struct isched *sched, uint32_t card, uint64_t now_ns);
	/* Optional: when pick() may answer otherwise although nothing happened. */
	uint64_t (*wake_ns)(const struct isched *sched);
	/* Optional: its timeout has passed. true: it stays */
	bool (*keep_expired)(struct isched *sched, struct isched_request *request);
	/* Optional: what was planned for @card holds no more. */
	void (*replan)(struct isched *sched, uint32_t card, uint64_t now_ns);
};

extern const struct isched_policy_ops isched_policy_fifo, isched_policy_batching,
	isched_policy_priority, isched_policy_deadline;

struct isched {
	struct isched_options options;
	const struct isched_policy_ops *policy;
	struct isched_card *cards;
	struct isched_model **models;
	struct isched_client **clients;
	uint32_t model_count, client_count;
	uint64_t weight_sum;
	uint32_t pending;
	uint64_t idle_cards;		/* bit per card that can start something */
	struct isched_tree timeouts;
	struct isched_actions actions;
	struct isched_batches free_batches;
	struct isched_stats stats;
	struct isched_requests fifo;	/* FIFO */
	uint32_t next_model[ISCHED_PRIORITIES];	/* PRIORITY: turn */
	struct isched_tree active;	/* DEADLINE: clients with best effort requests */
	uint64_t clock_ns;		/* least virtual time of the active clients */
	uint64_t hold_until_ns;		/* DEADLINE: earliest end of a wait for more */
};

/* --- isched_core.c ----------------------------------------------------------------- */

/** isched_get_batch() - an empty one. NULL: out of memory */
struct isched_batch *isched_get_batch(struct isched *sched, uint32_t card, uint32_t model);
void isched_put_batch(struct isched *sched, struct isched_batch *batch);
void isched_batch_add(struct isched_batch *batch, struct isched_request *request);
/** isched_end_pending() - of a request that no queue holds any more */
void isched_end_pending(struct isched *sched, struct isched_request *request, int result,
		       uint64_t now_ns);
/** isched_base_ns() - when @card would begin with something new */
static inline uint64_t isched_base_ns(const struct isched_card *card, uint64_t now_ns)
{
	return card->busy_until_ns > now_ns ? card->busy_until_ns : now_ns;
}

static inline struct isched_seat *isched_seat(const struct isched *sched, uint32_t card,
					      uint32_t model)
{
	return sched->cards[card].seats[model];
}

/** isched_can_run() - now, but for its memory */
static inline bool isched_can_run(const struct isched *sched, uint32_t card, uint32_t model)
{
	const struct isched_seat *seat = isched_seat(sched, card, model);

	return sched->cards[card].up && seat->bound && !seat->failed;
}

/* --- isched_learn.c ---------------------------------------------------------------- */

void isched_time_guess(struct isched_seat *seat, const struct isched_model_options *options);
void isched_time_learn(struct isched_time *time, uint64_t sample_ns);
/** isched_time_bound_ns() - longer than it usually takes */
uint64_t isched_time_bound_ns(const struct isched_time *time);
/** isched_margin_ns() - how far times of @model are off, where it can run */
uint64_t isched_margin_ns(const struct isched *sched, uint32_t model);
/** isched_learn_exec() - Return: the card has become slower: what was planned is wrong */
bool isched_learn_exec(struct isched *sched, const struct isched_batch *batch, uint64_t exec_ns);

/** isched_learn_doubt() - @card is idle, and is said to take too long: believe it less */
void isched_learn_doubt(struct isched *sched, uint32_t card, uint32_t model, uint64_t now_ns);

/* --- isched_memory.c --------------------------------------------------------------- */

/** isched_load_cost_ns() - before @model could run on @card. ISCHED_NEVER: it never can */
uint64_t isched_load_cost_ns(const struct isched *sched, uint32_t card, uint32_t model);
/** isched_make_resident() - queue what unloads and loads. false: not now, models in use fill it */
bool isched_make_resident(struct isched *sched, uint32_t card, uint32_t model);

/* --- isched_queues.c: BATCHING, PRIORITY -------------------------------------------- */

void isched_queue_add(struct isched *sched, struct isched_request *request);
void isched_queue_remove(struct isched *sched, struct isched_request *request);
/** isched_queue_can_run() - now or once others are unloaded */
bool isched_queue_can_run(const struct isched *sched, uint32_t card, uint32_t model);

/* --- isched_plan.c: DEADLINE, plans of cards --------------------------------------- */

/** struct isched_offer - how a request would enter a card's plan */
struct isched_offer {
	uint32_t card;
	struct isched_batch *join;	/* NULL: a batch of its own */
	uint64_t cost_ns;		/* of the batch then */
	uint64_t load_ns;		/* of it */
};

/** isched_plan_try_alone() - would a batch of its own be in time, and everyone else stay so? */
bool isched_plan_try_alone(const struct isched *sched, const struct isched_request *request,
			  uint32_t card, uint64_t now_ns, struct isched_offer *offer);
/** isched_plan_try_join() - the same as a member of the batch that is open there */
bool isched_plan_try_join(struct isched *sched, const struct isched_request *request, uint32_t card,
			 uint64_t now_ns, struct isched_offer *offer);
/** isched_plan_take() - do what was offered. -ENOMEM */
int isched_plan_take(struct isched *sched, struct isched_request *request,
		    const struct isched_offer *offer);
/** isched_plan_offer_alone() - a batch of its own, whoever becomes late */
struct isched_offer isched_plan_offer_alone(const struct isched *sched, uint32_t card,
					    uint32_t model);
/** isched_plan_leave() - @request is in no batch any more */
void isched_plan_leave(struct isched *sched, struct isched_request *request);
/** isched_plan_remove() - @batch is in no plan any more */
void isched_plan_remove(struct isched *sched, struct isched_batch *batch);
static inline struct isched_batch *isched_plan_batch(struct isched_node *node)
{
	return node ? ISCHED_CONTAINER(node, struct isched_batch, plan) : NULL;
}

/* --- isched_place.c: DEADLINE, which card ------------------------------------------ */

/** isched_place() - -EBUSY: nowhere in time. -ENODEV, -ENOMEM */
int isched_place(struct isched *sched, struct isched_request *request, uint64_t now_ns);
/** isched_place_anyway() - where it is done first, whoever becomes late. -ENODEV, -ENOMEM */
int isched_place_anyway(struct isched *sched, struct isched_request *request, uint64_t now_ns);
/** isched_find_later() - a batch that its card would do later than @card could. NULL: none */
struct isched_batch *isched_find_later(struct isched *sched, uint32_t card, uint64_t now_ns);

/* --- isched_fair.c: DEADLINE, best effort ------------------------------------------ */

/** isched_fair_admit() - within its client's share of what can wait at all? */
bool isched_fair_admit(const struct isched *sched, const struct isched_request *request);
void isched_fair_add(struct isched *sched, struct isched_request *request);
void isched_fair_remove(struct isched *sched, struct isched_request *request);
/** isched_fair_charge() - @request starts for @cost_ns: its client has had a turn */
void isched_fair_charge(struct isched *sched, struct isched_request *request, uint64_t cost_ns);
/** isched_fair_first() - oldest request of the client whose turn it is. NULL: none */
struct isched_request *isched_fair_first(const struct isched *sched);

#endif
