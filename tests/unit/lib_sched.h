/* SPDX-License-Identifier: MIT */
/*
 * A small world for the scheduler's core: modelled cards that take exactly the
 * time that their models say, and no clock but the world's.
 *
 * Locking: none; one thread.
 */
#ifndef TESTS_UNIT_LIB_SCHED_H
#define TESTS_UNIT_LIB_SCHED_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/isched_core.h"

#define WORLD_CARDS	8
#define WORLD_MODELS	8
#define WORLD_CLIENTS	2

/** struct world - the first part is set before world_create(), the second at any time */
struct world {
	uint32_t cards, queue_limit, retries;
	uint32_t reserve_low;
	uint32_t weight[WORLD_CLIENTS];	/* 0: 1 */
	uint64_t ageing_ns;
	bool timeout_delays;

	uint32_t client;		/* of the next requests */
	uint64_t timeout_ns;		/* of the next requests, from now; 0: none */
	uint32_t fail_next;		/* batches that fail with -EIO */
	bool fail_may_retry;
	bool load_fails;
	uint32_t slowness;		/* times; 0: 1 */

	struct isched *sched;
	uint64_t now_ns;
	struct isched_model_options models[WORLD_MODELS];
	uint32_t model_count;
	struct isched_batch *batches[WORLD_CARDS];
	bool unloadable[WORLD_CARDS];	/* its batch's model could not be loaded */
	uint64_t started_ns[WORLD_CARDS], done_ns[WORLD_CARDS];
	bool loaded[WORLD_CARDS][WORLD_MODELS];
	uint32_t starts[WORLD_CARDS];
	uint32_t batch_sizes[ISCHED_BATCH_MAX + 1];
	uint32_t loads, unloads, settled;
	void (*ended)(struct world *world, struct isched_request *request);
};

uint64_t test_random(uint64_t *state);

void world_create(struct world *world, enum isched_policy policy);
void world_destroy(struct world *world);
/** world_model() - bound to all cards. Return: its index */
uint32_t world_model(struct world *world, const struct isched_model_options *options);
/** world_settle() - run each size of each model until its time is known well */
void world_settle(struct world *world);
/** world_submit() - @deadline_ns: from now, or ISCHED_NEVER */
int world_submit(struct world *world, struct isched_request *request, uint32_t model,
		 enum isched_priority priority, uint64_t deadline_ns);
/** world_act() - fetch and do what the core wants */
void world_act(struct world *world);
/** world_step() - on to the next end or wake-up. false: there is none */
bool world_step(struct world *world);
/** world_advance() - all that happens in the next @ns */
void world_advance(struct world *world, uint64_t ns);
/** world_run() - until nothing happens any more; nothing is pending then */
void world_run(struct world *world);

#endif
