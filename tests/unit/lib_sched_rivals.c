// SPDX-License-Identifier: MIT
/* The rules that the rivals document, one test each: a bench against a straw man proves nothing. */
#include "lib_sched.h"

static const struct isched_model_options plain = { .first_ns = 100, .next_ns = 10, .batch_max = 8 };

/* --- FIFO ------------------------------------------------------------------------- */

static void test_fifo_order(void **state)
{
	struct world world = { .cards = 1 };
	struct isched_request requests[6];

	(void)state;
	world_create(&world, ISCHED_POLICY_FIFO);
	world_model(&world, &plain);
	world_model(&world, &plain);
	for (int i = 0; i < 6; i++)
		assert_int_equal(world_submit(&world, &requests[i], i % 2,
					      i % ISCHED_PRIORITIES, 1000 - i), 0);
	world_run(&world);
	for (int i = 0; i < 6; i++)
		assert_int_equal(requests[i].start_ns, i * 100);
	world_destroy(&world);
}

/* --- Batching --------------------------------------------------------------------- */

/* The card is busy with another model, so that requests gather. */
static void occupy(struct world *world, struct isched_request *request, uint32_t model)
{
	assert_int_equal(world_submit(world, request, model, ISCHED_NORMAL, ISCHED_NEVER), 0);
	assert_int_equal(request->state, ISCHED_RUNNING);
}

static void batching_world(struct world *world, uint64_t delay_ns)
{
	struct isched_model_options options = plain;

	world_create(world, ISCHED_POLICY_BATCHING);
	options.preferred[0] = 2;
	options.preferred[1] = 4;
	options.delay_ns = delay_ns;
	world_model(world, &options);
	world_model(world, &(struct isched_model_options){ .first_ns = 100 });
}

/* The largest preferred size that can be formed, at once. */
static void test_batching_preferred(void **state)
{
	struct world world = { .cards = 1 };
	struct isched_request busy, requests[7];

	(void)state;
	batching_world(&world, 100000);
	occupy(&world, &busy, 1);
	for (int i = 0; i < 7; i++)
		assert_int_equal(world_submit(&world, &requests[i], 0, ISCHED_NORMAL,
					      ISCHED_NEVER), 0);
	world_run(&world);
	assert_int_equal(world.batch_sizes[4], 1);
	assert_int_equal(world.batch_sizes[2], 1);
	/* the seventh had to wait for the delay */
	assert_int_equal(requests[6].start_ns, 100000);
	assert_int_equal(requests[3].start_ns, 100);
	world_destroy(&world);
}

/* No preferred size: delayed, until the delay is over or one more makes it a preferred one. */
static void test_batching_delay(void **state)
{
	struct world world = { .cards = 1 };
	struct isched_request requests[3];

	(void)state;
	batching_world(&world, 1000);
	assert_int_equal(world_submit(&world, &requests[0], 0, ISCHED_NORMAL, ISCHED_NEVER), 0);
	assert_int_equal(requests[0].state, ISCHED_PENDING);
	assert_int_equal(isched_next_wake_ns(world.sched), 1000);
	world_advance(&world, 500);
	assert_int_equal(world_submit(&world, &requests[1], 0, ISCHED_NORMAL, ISCHED_NEVER), 0);
	assert_int_equal(requests[0].start_ns, 500);
	assert_int_equal(requests[1].state, ISCHED_RUNNING);
	world_run(&world);
	assert_int_equal(world_submit(&world, &requests[2], 0, ISCHED_NORMAL, ISCHED_NEVER), 0);
	world_run(&world);
	assert_int_equal(requests[2].start_ns - requests[2].arrival_ns, 1000);
	world_destroy(&world);
}

/* By default: no delay, batches as large as possible. */
static void test_batching_default(void **state)
{
	struct world world = { .cards = 1 };
	struct isched_request requests[12];

	(void)state;
	world_create(&world, ISCHED_POLICY_BATCHING);
	world_model(&world, &plain);
	for (int i = 0; i < 12; i++)
		assert_int_equal(world_submit(&world, &requests[i], 0, ISCHED_NORMAL,
					      ISCHED_NEVER), 0);
	assert_int_equal(requests[0].state, ISCHED_RUNNING);
	world_run(&world);
	assert_int_equal(world.batch_sizes[1], 1);
	assert_int_equal(world.batch_sizes[8], 1);
	assert_int_equal(world.batch_sizes[3], 1);
	world_destroy(&world);
}

static void test_batching_priority(void **state)
{
	struct world world = { .cards = 1 };
	struct isched_request busy, low[2], high[2];

	(void)state;
	batching_world(&world, 0);
	occupy(&world, &busy, 1);
	for (int i = 0; i < 2; i++)
		assert_int_equal(world_submit(&world, &low[i], 0, ISCHED_LOW, ISCHED_NEVER), 0);
	for (int i = 0; i < 2; i++)
		assert_int_equal(world_submit(&world, &high[i], 0, ISCHED_HIGH, ISCHED_NEVER), 0);
	/* four make a batch: higher priority first in it */
	assert_ptr_equal(high[0].batch, NULL);
	world_run(&world);
	assert_int_equal(high[0].start_ns, low[0].start_ns);
	occupy(&world, &busy, 1);
	for (int i = 0; i < 2; i++)
		assert_int_equal(world_submit(&world, &low[i], 0, ISCHED_LOW, ISCHED_NEVER), 0);
	assert_int_equal(world_submit(&world, &high[0], 0, ISCHED_HIGH, ISCHED_NEVER), 0);
	world_run(&world);
	/* two of three go first: the high one, and the older of the low ones */
	assert_int_equal(high[0].start_ns, low[0].start_ns);
	assert_true(low[1].start_ns > low[0].start_ns);
	world_destroy(&world);
}

/* Limits are by priority. */
static void test_batching_queue_limit(void **state)
{
	struct world world = { .cards = 1 };
	struct isched_model_options options = plain;
	struct isched_request busy, requests[3], high;

	(void)state;
	world_create(&world, ISCHED_POLICY_BATCHING);
	options.queue_limit = 2;
	world_model(&world, &options);
	occupy(&world, &busy, 0);
	for (int i = 0; i < 2; i++)
		assert_int_equal(world_submit(&world, &requests[i], 0, ISCHED_LOW,
					      ISCHED_NEVER), 0);
	assert_int_equal(world_submit(&world, &requests[2], 0, ISCHED_LOW, ISCHED_NEVER), -EAGAIN);
	assert_int_equal(world_submit(&world, &high, 0, ISCHED_HIGH, ISCHED_NEVER), 0);
	world_run(&world);
	world_destroy(&world);
}

static void test_batching_timeout_rejects(void **state)
{
	struct world world = { .cards = 1, .timeout_ns = 50 };
	struct isched_request busy, request;

	(void)state;
	batching_world(&world, 0);
	occupy(&world, &busy, 1);
	assert_int_equal(world_submit(&world, &request, 0, ISCHED_NORMAL, ISCHED_NEVER), 0);
	world_run(&world);
	assert_int_equal(request.result, -ETIME);
	assert_int_equal(busy.result, 0);
	world_destroy(&world);
}

/* DELAY: after all of the same or a higher priority that have not timed out. */
static void test_batching_timeout_delays(void **state)
{
	struct world world = { .cards = 1, .timeout_delays = true };
	struct isched_model_options options = { .first_ns = 100 };
	struct isched_request busy, late, same[2], low;

	(void)state;
	world_create(&world, ISCHED_POLICY_BATCHING);
	world_model(&world, &options);
	occupy(&world, &busy, 0);
	world.timeout_ns = 50;
	assert_int_equal(world_submit(&world, &late, 0, ISCHED_NORMAL, ISCHED_NEVER), 0);
	world.timeout_ns = 0;
	for (int i = 0; i < 2; i++)
		assert_int_equal(world_submit(&world, &same[i], 0, ISCHED_NORMAL, ISCHED_NEVER), 0);
	assert_int_equal(world_submit(&world, &low, 0, ISCHED_LOW, ISCHED_NEVER), 0);
	world_run(&world);
	assert_int_equal(late.result, 0);
	assert_true(late.start_ns > same[0].start_ns);
	assert_true(late.start_ns > same[1].start_ns);
	assert_true(late.start_ns < low.start_ns);
	world_destroy(&world);
}

/* --- Priority --------------------------------------------------------------------- */

static void priority_world(struct world *world, uint32_t threshold, uint64_t timeout_ns)
{
	struct isched_model_options options = plain;

	world_create(world, ISCHED_POLICY_PRIORITY);
	options.threshold = threshold;
	options.threshold_timeout_ns = timeout_ns;
	world_model(world, &options);
	world_model(world, &options);
	world_model(world, &options);
}

/* While the highest has work, no other runs: there is no ageing. */
static void test_priority_strict(void **state)
{
	struct world world = { .cards = 1 };
	struct isched_request low, high[50];

	(void)state;
	priority_world(&world, 1, 0);
	assert_int_equal(world_submit(&world, &high[0], 0, ISCHED_HIGH, ISCHED_NEVER), 0);
	assert_int_equal(world_submit(&world, &low, 1, ISCHED_LOW, ISCHED_NEVER), 0);
	for (int i = 1; i < 50; i++) {
		assert_int_equal(world_submit(&world, &high[i], 0, ISCHED_HIGH, ISCHED_NEVER), 0);
		world_step(&world);
		assert_int_equal(low.state, ISCHED_PENDING);
	}
	world_run(&world);
	assert_true(low.start_ns > high[49].start_ns);
	world_destroy(&world);
}

static void test_priority_turns(void **state)
{
	struct world world = { .cards = 1 };
	struct isched_request busy, requests[3];

	(void)state;
	priority_world(&world, 1, 0);
	occupy(&world, &busy, 1);
	for (uint32_t i = 0; i < 3; i++)
		assert_int_equal(world_submit(&world, &requests[i], i, ISCHED_NORMAL,
					      ISCHED_NEVER), 0);
	world_run(&world);
	/* model 1 had its turn: 2, 0, 1 */
	assert_true(requests[2].start_ns < requests[0].start_ns);
	assert_true(requests[0].start_ns < requests[1].start_ns);
	world_destroy(&world);
}

/* One that has reached its threshold goes before one of a higher priority that has not. */
static void test_priority_threshold(void **state)
{
	struct world world = { .cards = 1 };
	struct isched_request busy, low[3], high;

	(void)state;
	priority_world(&world, 3, 0);
	occupy(&world, &busy, 2);
	assert_int_equal(world_submit(&world, &high, 0, ISCHED_HIGH, ISCHED_NEVER), 0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(world_submit(&world, &low[i], 1, ISCHED_LOW, ISCHED_NEVER), 0);
	world_run(&world);
	assert_true(low[0].start_ns < high.start_ns);
	assert_int_equal(low[0].start_ns, low[2].start_ns);
	world_destroy(&world);
}

/* Its timeout since the last run makes one request enough. */
static void test_priority_timeout(void **state)
{
	struct world world = { .cards = 1 };
	struct isched_request busy, low[3], high;

	(void)state;
	priority_world(&world, 3, 50);
	occupy(&world, &busy, 2);
	assert_int_equal(world_submit(&world, &high, 0, ISCHED_HIGH, ISCHED_NEVER), 0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(world_submit(&world, &low[i], 1, ISCHED_LOW, ISCHED_NEVER), 0);
	world_run(&world);
	assert_true(high.start_ns < low[0].start_ns);
	world_destroy(&world);
}

/* An idle device takes what there is. */
static void test_priority_idle(void **state)
{
	struct world world = { .cards = 1 };
	struct isched_request request;

	(void)state;
	priority_world(&world, 3, 0);
	occupy(&world, &request, 0);
	world_run(&world);
	assert_int_equal(request.result, 0);
	world_destroy(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fifo_order),
		cmocka_unit_test(test_batching_preferred),
		cmocka_unit_test(test_batching_delay),
		cmocka_unit_test(test_batching_default),
		cmocka_unit_test(test_batching_priority),
		cmocka_unit_test(test_batching_queue_limit),
		cmocka_unit_test(test_batching_timeout_rejects),
		cmocka_unit_test(test_batching_timeout_delays),
		cmocka_unit_test(test_priority_strict),
		cmocka_unit_test(test_priority_turns),
		cmocka_unit_test(test_priority_threshold),
		cmocka_unit_test(test_priority_timeout),
		cmocka_unit_test(test_priority_idle),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
