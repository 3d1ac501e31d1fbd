// SPDX-License-Identifier: MIT
/*
 * The scheduler's core on a virtual clock: its trees, its own policy, the life
 * of requests. The rivals' rules are in lib_sched_rivals.c, random traces in
 * lib_sched_random.c.
 */
#include "lib_sched.h"

/* --- Trees ------------------------------------------------------------------------ */

#define NODES	300

struct tree_model {
	struct isched_tree tree;
	struct isched_node nodes[NODES];
	bool in[NODES];
	uint64_t order[NODES];		/* of insertion */
};

/* In the order of the tree, by looking for the next one each time. */
static int model_sorted(const struct tree_model *model, int sorted[NODES])
{
	int count = 0;

	for (int i = 0; i < NODES; i++) {
		int at = count;

		if (!model->in[i])
			continue;
		while (at && (model->nodes[sorted[at - 1]].key > model->nodes[i].key ||
			      (model->nodes[sorted[at - 1]].key == model->nodes[i].key &&
			       model->order[sorted[at - 1]] > model->order[i]))) {
			sorted[at] = sorted[at - 1];
			at--;
		}
		sorted[at] = i;
		count++;
	}
	return count;
}

static int64_t least(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static void check_tree(struct tree_model *model, int64_t key)
{
	struct isched_split split = isched_tree_split(&model->tree, key);
	struct isched_node *node = isched_tree_first(&model->tree);
	int64_t sum = 0, before = 0, slack = INT64_MAX, slack_after = INT64_MAX;
	int sorted[NODES], count = model_sorted(model, sorted);

	assert_int_equal(model->tree.count, count);
	for (int i = 0; i < count; i++, node = isched_tree_next(node)) {
		assert_ptr_equal(node, &model->nodes[sorted[i]]);
		assert_int_equal(isched_tree_slack_before(node), slack);
		sum += node->cost;
		slack = least(slack, node->key - sum);
		if (node->key <= key)
			before = sum;
		else
			slack_after = least(slack_after, node->key - sum);
	}
	assert_null(node);
	assert_int_equal(isched_tree_sum(&model->tree), sum);
	assert_int_equal(isched_tree_slack(&model->tree), slack);
	assert_int_equal(split.sum_before, before);
	assert_int_equal(split.slack_after, slack_after);
}

static void test_tree(void **state)
{
	struct tree_model *model = calloc(1, sizeof(*model));
	uint64_t random = 1;

	(void)state;
	assert_non_null(model);
	model->tree = ISCHED_TREE_INIT;
	for (uint64_t i = 0; i < 3000; i++) {
		int n = (int)(test_random(&random) % NODES);
		int64_t cost = (int64_t)(test_random(&random) % 50);

		if (!model->in[n]) {
			isched_tree_insert(&model->tree, &model->nodes[n],
					  (int64_t)(test_random(&random) % 100), cost);
			model->order[n] = i;
		} else if (i % 3) {
			isched_tree_remove(&model->tree, &model->nodes[n]);
		} else {
			isched_tree_set_cost(&model->nodes[n], cost);
			continue;
		}
		model->in[n] = !model->in[n];
		if (i % 10 == 0)
			check_tree(model, (int64_t)(test_random(&random) % 100));
	}
	free(model);
}

/* Depth of a tree into which sorted keys go: no more than a small multiple of log2. */
static void test_tree_balance(void **state)
{
	enum { COUNT = 4096 };
	struct isched_node *nodes = calloc(COUNT, sizeof(*nodes));
	struct isched_tree tree = ISCHED_TREE_INIT;
	int deepest = 0;

	(void)state;
	assert_non_null(nodes);
	for (int i = 0; i < COUNT; i++)
		isched_tree_insert(&tree, &nodes[i], i, 1);
	for (int i = 0; i < COUNT; i++) {
		int depth = 0;

		for (const struct isched_node *node = &nodes[i]; node; node = node->parent)
			depth++;
		deepest = depth > deepest ? depth : deepest;
	}
	assert_in_range(deepest, 12, 48);
	free(nodes);
}

/* --- Admission -------------------------------------------------------------------- */

static void test_run_one(void **state)
{
	struct world world = { .cards = 1 };
	struct isched_request request;

	(void)state;
	world_create(&world, ISCHED_POLICY_DEADLINE);
	world_model(&world, &(struct isched_model_options){ .first_ns = 100 });
	assert_int_equal(world_submit(&world, &request, 0, ISCHED_HIGH, 1000), 0);
	assert_int_equal(request.state, ISCHED_RUNNING);
	world_run(&world);
	assert_int_equal(request.state, ISCHED_ENDED);
	assert_int_equal(request.result, 0);
	assert_int_equal(request.end_ns, 100);
	assert_int_equal(isched_get_stats(world.sched).ended_well, 1);
	world_destroy(&world);
}

/* One runs until 100; two of 100 each fit before 300, a third does not. */
static void test_refuse_deadline(void **state)
{
	struct world world = { .cards = 1 };
	struct isched_request requests[5];

	(void)state;
	world_create(&world, ISCHED_POLICY_DEADLINE);
	world_model(&world, &(struct isched_model_options){ .first_ns = 100 });
	world_settle(&world);
	for (int i = 0; i < 3; i++)
		assert_int_equal(world_submit(&world, &requests[i], 0, ISCHED_HIGH, 320), 0);
	assert_int_equal(world_submit(&world, &requests[3], 0, ISCHED_HIGH, 320), -EBUSY);
	assert_int_equal(requests[3].state, ISCHED_IDLE);
	/* earlier than all others, and the last of them would be late by it */
	assert_int_equal(world_submit(&world, &requests[3], 0, ISCHED_HIGH, 240), -EBUSY);
	/* later than all others */
	assert_int_equal(world_submit(&world, &requests[4], 0, ISCHED_LOW, 600), 0);
	world_run(&world);
	for (int i = 0; i < 5; i++)
		if (i != 3)
			assert_int_equal(requests[i].result, 0);
	assert_int_equal(isched_get_stats(world.sched).refused_deadline, 2);
	assert_int_equal(isched_get_stats(world.sched).ended_well, world.settled + 4);
	world_destroy(&world);
}

/* What comes later and must be done earlier is done earlier. */
static void test_order(void **state)
{
	struct world world = { .cards = 1 };
	struct isched_request first, late, soon;

	(void)state;
	world_create(&world, ISCHED_POLICY_DEADLINE);
	world_model(&world, &(struct isched_model_options){ .first_ns = 100 });
	world_settle(&world);
	assert_int_equal(world_submit(&world, &first, 0, ISCHED_HIGH, 1000), 0);
	assert_int_equal(world_submit(&world, &late, 0, ISCHED_HIGH, 2000), 0);
	assert_int_equal(world_submit(&world, &soon, 0, ISCHED_LOW, 500), 0);
	world_run(&world);
	assert_true(soon.start_ns < late.start_ns);
	world_destroy(&world);
}

/* A lower priority must leave half of its time free; the highest may use it. */
static void test_reserve(void **state)
{
	struct world world = { .cards = 1, .reserve_low = 500 };
	struct isched_request requests[3];

	(void)state;
	world_create(&world, ISCHED_POLICY_DEADLINE);
	world_model(&world, &(struct isched_model_options){ .first_ns = 100 });
	world_settle(&world);
	assert_int_equal(world_submit(&world, &requests[0], 0, ISCHED_HIGH, 1000), 0);
	assert_int_equal(world_submit(&world, &requests[1], 0, ISCHED_LOW, 350), -EBUSY);
	assert_int_equal(world_submit(&world, &requests[1], 0, ISCHED_HIGH, 350), 0);
	assert_int_equal(world_submit(&world, &requests[2], 0, ISCHED_LOW, 1000), 0);
	world_run(&world);
	assert_int_equal(isched_get_stats(world.sched).ended_well, world.settled + 3);
	world_destroy(&world);
}

static void test_bad_requests(void **state)
{
	struct world world = { .cards = 1, .queue_limit = 2 };
	struct isched_request requests[4];

	(void)state;
	world_create(&world, ISCHED_POLICY_FIFO);
	world_model(&world, &(struct isched_model_options){ .first_ns = 100 });
	assert_int_equal(world_submit(&world, &requests[0], 1, ISCHED_HIGH, 1000), -EINVAL);
	assert_int_equal(world_submit(&world, &requests[0], 0, 7, 1000), -EINVAL);
	assert_int_equal(world_submit(&world, &requests[0], 0, ISCHED_HIGH, UINT64_MAX), -EINVAL);
	for (int i = 0; i < 3; i++)	/* one runs, two wait */
		assert_int_equal(world_submit(&world, &requests[i], 0, ISCHED_LOW, 1000), 0);
	assert_int_equal(world_submit(&world, &requests[3], 0, ISCHED_HIGH, 1000), -EAGAIN);
	assert_int_equal(isched_get_stats(world.sched).refused_full, 1);
	world_run(&world);
	assert_int_equal(world_submit(&world, &requests[3], 0, ISCHED_HIGH, ISCHED_NEVER), 0);
	world_run(&world);
	world_destroy(&world);
}

static void test_bad_options(void **state)
{
	struct isched_options options = { .cards = 0 };
	struct isched_model_options model = { .batch_max = ISCHED_BATCH_MAX + 1 };
	struct isched *sched;

	(void)state;
	assert_int_equal(isched_create(&options, &sched), -EINVAL);
	assert_null(sched);
	options.cards = ISCHED_CARDS_MAX + 1;
	assert_int_equal(isched_create(&options, &sched), -EINVAL);
	options.cards = 1;
	options.policy = 9;
	assert_int_equal(isched_create(&options, &sched), -EINVAL);
	options.policy = ISCHED_POLICY_FIFO;
	options.reserve_permille[0] = 1001;
	assert_int_equal(isched_create(&options, &sched), -EINVAL);
	options.reserve_permille[0] = 0;
	assert_int_equal(isched_create(&options, &sched), 0);
	assert_int_equal(isched_add_model(sched, &model), -EINVAL);
	model = (struct isched_model_options){ .batch_max = 4, .preferred = { 4, 2 } };
	assert_int_equal(isched_add_model(sched, &model), -EINVAL);
	model = (struct isched_model_options){ .batch_max = 4, .preferred = { 8 } };
	assert_int_equal(isched_add_model(sched, &model), -EINVAL);
	model = (struct isched_model_options){ .first_ns = UINT64_MAX };
	assert_int_equal(isched_add_model(sched, &model), -EINVAL);
	assert_int_equal(isched_add_client(sched, 0), -EINVAL);
	isched_destroy(sched);
	isched_destroy(NULL);
}

/* --- Batches ---------------------------------------------------------------------- */

static void test_batch(void **state)
{
	struct world world = { .cards = 1 };
	struct isched_request requests[6];

	(void)state;
	world_create(&world, ISCHED_POLICY_DEADLINE);
	world_model(&world, &(struct isched_model_options){ .batch_max = 4, .first_ns = 100,
							   .next_ns = 10 });
	world_settle(&world);
	for (int i = 0; i < 6; i++)
		assert_int_equal(world_submit(&world, &requests[i], 0, ISCHED_HIGH, 2000), 0);
	world_run(&world);
	/* one at once; four that came meanwhile; the last */
	assert_int_equal(world.batch_sizes[4], 1);
	assert_int_equal(requests[1].start_ns, requests[4].start_ns);
	assert_true(requests[5].start_ns > requests[4].start_ns);
	world_destroy(&world);
}

/* An idle card waits for more as long as the delay says, but not past a deadline. */
static void test_batch_delay(void **state)
{
	struct world world = { .cards = 1 };
	struct isched_request requests[3];
	uint64_t start_ns;

	(void)state;
	world_create(&world, ISCHED_POLICY_DEADLINE);
	world_model(&world, &(struct isched_model_options){
			.batch_max = 4, .preferred = { 2, 4 }, .first_ns = 100, .next_ns = 10,
			.delay_ns = 1000 });
	world_settle(&world);
	start_ns = world.now_ns;
	assert_int_equal(world_submit(&world, &requests[0], 0, ISCHED_HIGH, 5000), 0);
	assert_int_equal(requests[0].state, ISCHED_PENDING);
	assert_int_equal(isched_next_wake_ns(world.sched), start_ns + 1000);
	assert_int_equal(world_submit(&world, &requests[1], 0, ISCHED_HIGH, 5000), 0);
	assert_int_equal(requests[0].state, ISCHED_RUNNING);
	world_run(&world);
	start_ns = world.now_ns;
	assert_int_equal(world_submit(&world, &requests[2], 0, ISCHED_HIGH, 400), 0);
	assert_int_equal(requests[2].state, ISCHED_PENDING);
	assert_true(isched_next_wake_ns(world.sched) < start_ns + 400);
	world_run(&world);
	assert_int_equal(requests[2].result, 0);
	assert_true(requests[2].end_ns <= start_ns + 400);
	world_destroy(&world);
}

/* --- Ends ------------------------------------------------------------------------- */

static void test_cancel(void **state)
{
	struct world world = { .cards = 1 };
	struct isched_request running, pending, kept;

	(void)state;
	world_create(&world, ISCHED_POLICY_DEADLINE);
	world_model(&world, &(struct isched_model_options){ .batch_max = 2, .first_ns = 100,
							   .next_ns = 10 });
	assert_int_equal(world_submit(&world, &running, 0, ISCHED_HIGH, ISCHED_NEVER), 0);
	assert_int_equal(world_submit(&world, &pending, 0, ISCHED_HIGH, ISCHED_NEVER), 0);
	assert_int_equal(world_submit(&world, &kept, 0, ISCHED_HIGH, ISCHED_NEVER), 0);
	assert_true(isched_cancel(world.sched, &pending, -ECANCELED, world.now_ns));
	world_act(&world);
	assert_int_equal(pending.state, ISCHED_ENDED);
	assert_int_equal(pending.result, -ECANCELED);
	/* a card uses its memory: it ends with the batch, but not well */
	assert_true(isched_cancel(world.sched, &running, -ECANCELED, world.now_ns));
	world_act(&world);
	assert_int_equal(running.state, ISCHED_RUNNING);
	world_run(&world);
	assert_int_equal(running.result, -ECANCELED);
	assert_int_equal(kept.result, 0);
	assert_false(isched_cancel(world.sched, &kept, -ECANCELED, world.now_ns));
	assert_int_equal(isched_get_stats(world.sched).cancelled, 2);
	world_destroy(&world);
}

static void test_timeout(void **state)
{
	struct world world = { .cards = 1 };
	struct isched_request running, pending;

	(void)state;
	world_create(&world, ISCHED_POLICY_DEADLINE);
	world_model(&world, &(struct isched_model_options){ .first_ns = 100 });
	assert_int_equal(world_submit(&world, &running, 0, ISCHED_HIGH, ISCHED_NEVER), 0);
	world.timeout_ns = 50;
	assert_int_equal(world_submit(&world, &pending, 0, ISCHED_HIGH, ISCHED_NEVER), 0);
	assert_int_equal(isched_next_wake_ns(world.sched), 50);
	world_run(&world);
	assert_int_equal(pending.result, -ETIME);
	assert_int_equal(pending.end_ns, 50);
	assert_int_equal(running.result, 0);
	world_destroy(&world);
}

static void test_retry(void **state)
{
	struct world world = { .cards = 2, .retries = 1 };
	struct isched_request request;

	(void)state;
	world_create(&world, ISCHED_POLICY_DEADLINE);
	world_model(&world, &(struct isched_model_options){ .first_ns = 100 });
	/* once: it is run again */
	world.fail_next = 1;
	world.fail_may_retry = true;
	assert_int_equal(world_submit(&world, &request, 0, ISCHED_HIGH, ISCHED_NEVER), 0);
	world_run(&world);
	assert_int_equal(request.result, 0);
	assert_int_equal(request.attempts, 2);
	/* more often than it may */
	world.fail_next = 2;
	assert_int_equal(world_submit(&world, &request, 0, ISCHED_HIGH, ISCHED_NEVER), 0);
	world_run(&world);
	assert_int_equal(request.result, -EIO);
	/* a failure that may have left something behind */
	world.fail_next = 1;
	world.fail_may_retry = false;
	assert_int_equal(world_submit(&world, &request, 0, ISCHED_HIGH, ISCHED_NEVER), 0);
	world_run(&world);
	assert_int_equal(request.result, -EIO);
	assert_int_equal(request.attempts, 1);
	assert_int_equal(isched_get_stats(world.sched).retries, 2);
	world_destroy(&world);
}

/* --- Cards ------------------------------------------------------------------------ */

static void test_two_cards(void **state)
{
	struct world world = { .cards = 2 };
	struct isched_request requests[4];

	(void)state;
	world_create(&world, ISCHED_POLICY_DEADLINE);
	world_model(&world, &(struct isched_model_options){ .first_ns = 100 });
	for (int i = 0; i < 4; i++)
		assert_int_equal(world_submit(&world, &requests[i], 0, ISCHED_HIGH,
					      ISCHED_NEVER), 0);
	world_run(&world);
	assert_int_equal(world.now_ns, 200);
	assert_int_equal(world.starts[0], 2);
	assert_int_equal(world.starts[1], 2);
	world_destroy(&world);
}

static void test_card_down(void **state)
{
	struct world world = { .cards = 2 };
	struct isched_request requests[8], refused;

	(void)state;
	world_create(&world, ISCHED_POLICY_DEADLINE);
	world_model(&world, &(struct isched_model_options){ .first_ns = 100 });
	world_settle(&world);
	for (int i = 0; i < 8; i++)
		assert_int_equal(world_submit(&world, &requests[i], 0, ISCHED_HIGH, 600), 0);
	isched_card_down(world.sched, 0, world.now_ns);
	world_act(&world);
	world_run(&world);
	/* What the other card could not take was told so. */
	assert_int_equal(isched_get_stats(world.sched).ended_late, 0);
	assert_int_equal(isched_get_stats(world.sched).ended_well +
			 isched_get_stats(world.sched).timed_out, world.settled + 8);
	assert_in_range(isched_get_stats(world.sched).timed_out, 1, 4);
	isched_card_down(world.sched, 1, world.now_ns);
	assert_int_equal(world_submit(&world, &refused, 0, ISCHED_HIGH, ISCHED_NEVER), -ENODEV);
	isched_card_up(world.sched, 0, true, world.now_ns);
	assert_int_equal(world_submit(&world, &refused, 0, ISCHED_HIGH, ISCHED_NEVER), 0);
	world_run(&world);
	assert_int_equal(refused.result, 0);
	world_destroy(&world);
}

/* With every policy: the last card goes, and nobody waits for ever. */
static void test_all_cards_down(void **state)
{
	(void)state;
	for (int policy = 0; policy < 4; policy++) {
		struct world world = { .cards = 1 };
		struct isched_request requests[5];

		world_create(&world, (enum isched_policy)policy);
		world_model(&world, &(struct isched_model_options){ .first_ns = 100 });
		for (int i = 0; i < 5; i++)
			assert_int_equal(world_submit(&world, &requests[i], 0, ISCHED_HIGH,
						      ISCHED_NEVER), 0);
		isched_card_down(world.sched, 0, world.now_ns);
		world_act(&world);
		world_run(&world);
		assert_int_equal(requests[0].result, 0);	/* it ran already */
		for (int i = 1; i < 5; i++)
			assert_int_equal(requests[i].result, -ENODEV);
		world_destroy(&world);
	}
}

/* Tenfold from one batch to the next: soon nothing is promised that cannot be kept. */
static void test_slow_card(void **state)
{
	struct world world = { .cards = 1 };
	struct isched_request request;
	int late = 0;

	(void)state;
	world_create(&world, ISCHED_POLICY_DEADLINE);
	world_model(&world, &(struct isched_model_options){ .first_ns = 100 });
	world_settle(&world);
	world.slowness = 10;
	for (int i = 0; i < 20; i++) {
		int ret = world_submit(&world, &request, 0, ISCHED_HIGH, 500);

		assert_true(!ret || ret == -EBUSY);
		world_run(&world);
		late += !ret && request.end_ns > request.deadline_ns;
	}
	assert_in_range(late, 1, 4);
	assert_int_equal(world_submit(&world, &request, 0, ISCHED_HIGH, 5000), 0);
	world_run(&world);
	assert_int_equal(request.result, 0);
	world_destroy(&world);
}

/* --- Card memory ------------------------------------------------------------------ */

static void test_memory(void **state)
{
	struct world world = { .cards = 1 };
	struct isched_model_options options = { .first_ns = 100, .memory_bytes = 60 };
	struct isched_request requests[3];

	(void)state;
	world_create(&world, ISCHED_POLICY_DEADLINE);
	isched_set_memory(world.sched, 0, 100);
	world_model(&world, &options);
	world_model(&world, &options);
	options.memory_bytes = 101;
	world_model(&world, &options);
	assert_int_equal(world_submit(&world, &requests[0], 0, ISCHED_HIGH, ISCHED_NEVER), 0);
	world_run(&world);
	assert_int_equal(world_submit(&world, &requests[0], 0, ISCHED_HIGH, ISCHED_NEVER), 0);
	world_run(&world);
	assert_int_equal(world.loads, 1);
	assert_int_equal(world.unloads, 0);
	/* the other needs its place */
	assert_int_equal(world_submit(&world, &requests[1], 1, ISCHED_HIGH, ISCHED_NEVER), 0);
	world_run(&world);
	assert_int_equal(world.loads, 2);
	assert_int_equal(world.unloads, 1);
	/* one that fits into no card is refused, not waited for */
	assert_int_equal(world_submit(&world, &requests[2], 2, ISCHED_HIGH, ISCHED_NEVER), -ENODEV);
	world_destroy(&world);
}

/* The time of loading counts for a deadline. */
static void test_load_time(void **state)
{
	struct world world = { .cards = 1 };
	struct isched_model_options options = { .first_ns = 100, .memory_bytes = 60,
					       .load_ns = 1000 };
	struct isched_request request;

	(void)state;
	world_create(&world, ISCHED_POLICY_DEADLINE);
	world_model(&world, &options);
	assert_int_equal(world_submit(&world, &request, 0, ISCHED_HIGH, 900), -EBUSY);
	assert_int_equal(world_submit(&world, &request, 0, ISCHED_HIGH, 1500), 0);
	world_run(&world);
	assert_int_equal(world_submit(&world, &request, 0, ISCHED_HIGH, 900), 0);
	world_run(&world);
	world_destroy(&world);
}

static void test_load_fails(void **state)
{
	struct world world = { .cards = 1 };
	struct isched_model_options options = { .first_ns = 100, .memory_bytes = 60 };
	struct isched_request requests[2];

	(void)state;
	world_create(&world, ISCHED_POLICY_DEADLINE);
	world_model(&world, &options);
	world.load_fails = true;
	assert_int_equal(world_submit(&world, &requests[0], 0, ISCHED_HIGH, ISCHED_NEVER), 0);
	world_run(&world);
	assert_int_equal(requests[0].result, -EIO);
	assert_int_equal(world_submit(&world, &requests[1], 0, ISCHED_HIGH, ISCHED_NEVER), -ENODEV);
	world_destroy(&world);
}

/* --- Best effort ------------------------------------------------------------------ */

/* Two clients that always want more, one with three times the weight. */
static void test_fair_shares(void **state)
{
	struct world world = { .cards = 1, .weight = { 1, 3 }, .ageing_ns = 1000000 };
	struct isched_request requests[400];
	int done[2] = { 0, 0 };

	(void)state;
	world_create(&world, ISCHED_POLICY_DEADLINE);
	world_model(&world, &(struct isched_model_options){ .first_ns = 100 });
	world_settle(&world);
	for (int i = 0; i < 400; i++) {
		world.client = i % 2;
		assert_int_equal(world_submit(&world, &requests[i], 0, ISCHED_LOW,
					      ISCHED_NEVER), 0);
	}
	for (int i = 0; i < 201; i++)
		world_step(&world);
	for (int i = 0; i < 400; i++)
		done[i % 2] += requests[i].state == ISCHED_ENDED;
	assert_in_range(done[0], 48, 53);
	assert_in_range(done[1], 148, 153);
	world_run(&world);
	world_destroy(&world);
}

/* A client cannot fill the queue so that others are refused. */
static void test_fair_queue(void **state)
{
	struct world world = { .cards = 1, .weight = { 1, 1 }, .ageing_ns = 10000 };
	struct isched_request requests[100], other;
	int taken = 0;

	(void)state;
	world_create(&world, ISCHED_POLICY_DEADLINE);
	world_model(&world, &(struct isched_model_options){ .first_ns = 100 });
	world_settle(&world);
	for (int i = 0; i < 100; i++) {
		int ret = world_submit(&world, &requests[taken], 0, ISCHED_LOW, ISCHED_NEVER);

		assert_true(!ret || ret == -EAGAIN);
		taken += !ret;
	}
	assert_in_range(taken, 40, 52);
	world.client = 1;
	assert_int_equal(world_submit(&world, &other, 0, ISCHED_LOW, ISCHED_NEVER), 0);
	world_run(&world);
	world_destroy(&world);
}

/* Under more critical work than the card can do, best effort still starts in time. */
/* Slow times that come again and again: what is said of sizes that are not run does not grow. */
static void test_slow_times_do_not_add_up(void **state)
{
	struct world world = { .cards = 1 };
	struct isched_request requests[8];

	(void)state;
	world_create(&world, ISCHED_POLICY_DEADLINE);
	world_model(&world, &(struct isched_model_options){
		.first_ns = 100, .next_ns = 10, .batch_max = 8, .preferred = { 8 },
		.delay_ns = 1000,
	});
	world_settle(&world);
	for (int i = 0; i < 1000; i++) {
		world.slowness = i % 100 < 5 ? 10 : 1;
		for (int n = 0; n < 8; n++)
			world_submit(&world, &requests[n], 0, ISCHED_NORMAL, ISCHED_NEVER);
		world_run(&world);
	}
	assert_true(isched_predict_ns(world.sched, 0, 0, 8) < 1000);
	assert_true(isched_predict_ns(world.sched, 0, 0, 1) < 1000);
	world_destroy(&world);
}

/* A card was slow for a while, and all is refused since: it must find out that it no longer is. */
static void test_slow_no_more(void **state)
{
	struct world world = { .cards = 1 };
	struct isched_request request;
	uint32_t refused = 0, accepted = 0;

	(void)state;
	world_create(&world, ISCHED_POLICY_DEADLINE);
	world_model(&world, &(struct isched_model_options){ .first_ns = 100 });
	world_settle(&world);
	world.slowness = 10;
	for (int i = 0; i < 20; i++) {
		assert_int_equal(world_submit(&world, &request, 0, ISCHED_NORMAL, ISCHED_NEVER), 0);
		world_run(&world);
	}
	assert_int_equal(world_submit(&world, &request, 0, ISCHED_NORMAL, 500), -EBUSY);
	world.slowness = 1;
	for (int i = 0; i < 2000; i++) {
		world_advance(&world, 500);
		if (world_submit(&world, &request, 0, ISCHED_NORMAL, 500)) {
			refused++;
			continue;
		}
		world_run(&world);
		accepted++;
	}
	assert_true(refused > 10);
	assert_true(accepted > 1000);
	world_destroy(&world);
}

/* A model that takes longer to load than anybody may wait is loaded nevertheless. */
static void test_long_load(void **state)
{
	struct world world = { .cards = 1, .ageing_ns = 1000 };
	struct isched_request requests[4];

	(void)state;
	world_create(&world, ISCHED_POLICY_DEADLINE);
	world_model(&world, &(struct isched_model_options){ .first_ns = 100, .load_ns = 50000 });
	for (int i = 0; i < 4; i++)
		assert_int_equal(world_submit(&world, &requests[i], 0, ISCHED_NORMAL,
					      ISCHED_NEVER), 0);
	world_run(&world);
	for (int i = 0; i < 4; i++)
		assert_int_equal(requests[i].result, 0);
	world_destroy(&world);
}

static void test_ageing(void **state)
{
	struct world world = { .cards = 1, .ageing_ns = 20000 };
	struct isched_request fair, *critical = calloc(2000, sizeof(*critical));
	int refused = 0;

	(void)state;
	assert_non_null(critical);
	world_create(&world, ISCHED_POLICY_DEADLINE);
	world_model(&world, &(struct isched_model_options){ .first_ns = 100 });
	world_settle(&world);
	for (int i = 0; i < 2000; i++) {
		if (i == 100)
			assert_int_equal(world_submit(&world, &fair, 0, ISCHED_LOW,
						      ISCHED_NEVER), 0);
		refused += world_submit(&world, &critical[i], 0, ISCHED_HIGH, 500) == -EBUSY;
		world_advance(&world, 50);
	}
	assert_true(refused > 500);
	assert_int_equal(fair.result, 0);
	assert_int_equal(fair.state, ISCHED_ENDED);
	assert_true(fair.start_ns - fair.arrival_ns <= 20000);
	/* and it did have to wait */
	assert_true(fair.start_ns - fair.arrival_ns > 5000);
	world_run(&world);
	assert_int_equal(isched_get_stats(world.sched).ended_late, 0);
	world_destroy(&world);
	free(critical);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tree),
		cmocka_unit_test(test_tree_balance),
		cmocka_unit_test(test_run_one),
		cmocka_unit_test(test_refuse_deadline),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_reserve),
		cmocka_unit_test(test_bad_requests),
		cmocka_unit_test(test_bad_options),
		cmocka_unit_test(test_batch),
		cmocka_unit_test(test_batch_delay),
		cmocka_unit_test(test_cancel),
		cmocka_unit_test(test_timeout),
		cmocka_unit_test(test_retry),
		cmocka_unit_test(test_two_cards),
		cmocka_unit_test(test_card_down),
		cmocka_unit_test(test_all_cards_down),
		cmocka_unit_test(test_slow_card),
		cmocka_unit_test(test_memory),
		cmocka_unit_test(test_load_time),
		cmocka_unit_test(test_load_fails),
		cmocka_unit_test(test_fair_shares),
		cmocka_unit_test(test_fair_queue),
		cmocka_unit_test(test_ageing),
		cmocka_unit_test(test_long_load),
		cmocka_unit_test(test_slow_no_more),
		cmocka_unit_test(test_slow_times_do_not_add_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
