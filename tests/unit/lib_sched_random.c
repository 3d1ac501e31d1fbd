// SPDX-License-Identifier: MIT
/*
 * Random traces through every policy: cards that fail, go and come back, models
 * that share too little memory, clients that cancel. What must hold in any case:
 *
 * - each request is refused, or ends exactly once; never both
 * - a refused one never runs, a cancelled one does not succeed
 * - a card that is down is not given anything
 * - no model runs that is not loaded, and no card's memory is overdrawn
 */
#include "lib_sched.h"

#define CARDS		3
#define MODELS		4
#define SLOTS		64
#define STEPS		20000
#define CARD_MEMORY	100

struct slot {
	struct isched_request request;
	bool taken, cancelled;
};

struct chaos {
	struct world world;		/* first: ended() gets it */
	struct slot slots[SLOTS];
	uint64_t random;
	uint32_t submitted, refused, ended;
	bool down[CARDS];
};

static void note_ended(struct world *world, struct isched_request *request)
{
	struct chaos *chaos = (struct chaos *)world;
	struct slot *slot = (struct slot *)request;

	assert_true(slot->taken);
	assert_true(slot >= chaos->slots && slot < chaos->slots + SLOTS);
	if (slot->cancelled)
		assert_int_not_equal(request->result, 0);
	slot->taken = false;
	chaos->ended++;
}

static uint64_t pick(struct chaos *chaos, uint64_t below)
{
	return test_random(&chaos->random) % below;
}

static void chaos_submit(struct chaos *chaos)
{
	struct slot *slot = &chaos->slots[pick(chaos, SLOTS)];
	uint32_t starts = 0, starts_after = 0;
	int ret;

	if (slot->taken)
		return;
	for (int i = 0; i < CARDS; i++)
		starts += chaos->world.starts[i];
	chaos->world.client = (uint32_t)pick(chaos, WORLD_CLIENTS);
	chaos->world.timeout_ns = pick(chaos, 4) ? 0 : 1 + pick(chaos, 2000);
	/* It may end before the call returns. */
	slot->taken = true;
	slot->cancelled = false;
	ret = world_submit(&chaos->world, &slot->request, (uint32_t)pick(chaos, MODELS),
			   pick(chaos, ISCHED_PRIORITIES),
			   pick(chaos, 3) ? 100 + pick(chaos, 3000) : ISCHED_NEVER);
	chaos->submitted++;
	for (int i = 0; i < CARDS; i++)
		starts_after += chaos->world.starts[i];
	if (!ret)
		return;
	assert_true(ret == -EBUSY || ret == -EAGAIN || ret == -ENODEV);
	assert_true(slot->taken);
	assert_int_equal(starts, starts_after);
	slot->taken = false;
	chaos->refused++;
}

static void chaos_cancel(struct chaos *chaos)
{
	struct slot *slot = &chaos->slots[pick(chaos, SLOTS)];

	if (!slot->taken)
		return;
	assert_true(isched_cancel(chaos->world.sched, &slot->request, -ECANCELED,
				 chaos->world.now_ns));
	slot->cancelled = true;
	world_act(&chaos->world);
}

static void chaos_card(struct chaos *chaos)
{
	uint32_t card = (uint32_t)pick(chaos, CARDS);

	if (chaos->down[card]) {
		bool kept = pick(chaos, 2);

		/* What still runs there ends first, as a transport would tell. */
		if (chaos->world.batches[card])
			return;
		if (!kept)
			memset(chaos->world.loaded[card], 0, sizeof(chaos->world.loaded[card]));
		isched_card_up(chaos->world.sched, card, kept, chaos->world.now_ns);
	} else {
		isched_card_down(chaos->world.sched, card, chaos->world.now_ns);
	}
	chaos->down[card] = !chaos->down[card];
	world_act(&chaos->world);
}

static void check_cards(const struct chaos *chaos, const uint32_t starts_before[CARDS])
{
	for (int i = 0; i < CARDS; i++) {
		uint64_t used = 0;

		for (uint32_t m = 0; m < MODELS; m++)
			used += chaos->world.loaded[i][m] ? chaos->world.models[m].memory_bytes : 0;
		assert_true(used <= CARD_MEMORY);
		if (chaos->down[i])
			assert_int_equal(chaos->world.starts[i], starts_before[i]);
		if (chaos->world.batches[i])
			assert_false(chaos->world.unloadable[i]);
	}
}

static void chaos_step(struct chaos *chaos)
{
	uint32_t starts[CARDS];
	uint64_t what = pick(chaos, 100);

	memcpy(starts, chaos->world.starts, sizeof(starts));
	if (what < 50)
		chaos_submit(chaos);
	else if (what < 60)
		chaos_cancel(chaos);
	else if (what < 61)
		chaos_card(chaos);
	else if (what < 63)
		chaos->world.slowness = 1 + (uint32_t)pick(chaos, 12);
	else if (what < 65)
		chaos->world.fail_next = 1;
	else
		world_advance(&chaos->world, pick(chaos, 200));
	chaos->world.fail_may_retry = pick(chaos, 2);
	check_cards(chaos, starts);
}

static void chaos_create(struct chaos *chaos, enum isched_policy policy, uint64_t seed)
{
	chaos->random = seed;
	chaos->world = (struct world){
		.cards = CARDS, .retries = 2, .weight = { 1, 3 }, .ageing_ns = 20000,
		.queue_limit = 40, .timeout_delays = seed % 2, .ended = note_ended,
		.reserve_low = 100,
	};
	world_create(&chaos->world, policy);
	for (uint32_t i = 0; i < MODELS; i++)
		world_model(&chaos->world, &(struct isched_model_options){
				.batch_max = 1 + i * 2, .first_ns = 50 + 50 * i, .next_ns = 20,
				.delay_ns = i % 2 * 300, .memory_bytes = 30 + 10 * i,
				.load_ns = 20, .threshold = 1 + i, .queue_limit = 20 });
	for (uint32_t i = 0; i < CARDS; i++)
		isched_set_memory(chaos->world.sched, i, CARD_MEMORY);
}

static void run_chaos(enum isched_policy policy)
{
	for (uint64_t seed = 1; seed <= 6; seed++) {
		struct chaos *chaos = calloc(1, sizeof(*chaos));

		assert_non_null(chaos);
		chaos_create(chaos, policy, seed);
		for (int i = 0; i < STEPS; i++)
			chaos_step(chaos);
		world_run(&chaos->world);
		for (int i = 0; i < SLOTS; i++)
			assert_false(chaos->slots[i].taken);
		assert_int_equal(chaos->submitted, chaos->refused + chaos->ended);
		assert_true(chaos->ended > STEPS / 20);
		world_destroy(&chaos->world);
		free(chaos);
	}
}

static void test_deadline(void **state)
{
	(void)state;
	run_chaos(ISCHED_POLICY_DEADLINE);
}

static void test_fifo(void **state)
{
	(void)state;
	run_chaos(ISCHED_POLICY_FIFO);
}

static void test_batching(void **state)
{
	(void)state;
	run_chaos(ISCHED_POLICY_BATCHING);
}

static void test_priority(void **state)
{
	(void)state;
	run_chaos(ISCHED_POLICY_PRIORITY);
}

/* Times as predicted: every promise is kept, and nobody waits past the ageing bound. */
static void test_promises(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 4; seed++) {
		struct chaos *chaos = calloc(1, sizeof(*chaos));
		struct isched_stats stats;

		assert_non_null(chaos);
		chaos_create(chaos, ISCHED_POLICY_DEADLINE, seed);
		chaos->world.ended = NULL;
		world_settle(&chaos->world);
		chaos->world.ended = note_ended;
		for (int i = 0; i < STEPS; i++) {
			if (pick(chaos, 2))
				chaos_submit(chaos);
			else
				world_advance(&chaos->world, pick(chaos, 150));
			chaos->world.timeout_ns = 0;
		}
		world_run(&chaos->world);
		stats = isched_get_stats(chaos->world.sched);
		assert_true(stats.refused_deadline > 100);
		assert_int_equal(stats.ended_late, 0);
		assert_true(stats.wait_max_ns <= 20000);
		world_destroy(&chaos->world);
		free(chaos);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_deadline),
		cmocka_unit_test(test_fifo),
		cmocka_unit_test(test_batching),
		cmocka_unit_test(test_priority),
		cmocka_unit_test(test_promises),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
