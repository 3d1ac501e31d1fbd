// SPDX-License-Identifier: MIT
#include "lib_sched.h"

uint64_t test_random(uint64_t *state)
{
	uint64_t z = (*state += 0x9e3779b97f4a7c15ull);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
	return z ^ (z >> 31);
}

void world_create(struct world *world, enum isched_policy policy)
{
	struct isched_options options = {
		.policy = policy, .cards = world->cards, .queue_limit = world->queue_limit,
		.ageing_ns = world->ageing_ns, .reserve_permille = { world->reserve_low },
		.timeout_delays = world->timeout_delays,
	};

	assert_int_equal(isched_create(&options, &world->sched), 0);
	for (int i = 0; i < WORLD_CLIENTS; i++)
		assert_int_equal(isched_add_client(world->sched,
						  world->weight[i] ? world->weight[i] : 1), i);
}

void world_destroy(struct world *world)
{
	isched_destroy(world->sched);
}

uint32_t world_model(struct world *world, const struct isched_model_options *options)
{
	uint32_t index = world->model_count++;

	assert_true(index < WORLD_MODELS);
	world->models[index] = *options;
	assert_int_equal(isched_add_model(world->sched, options), index);
	for (uint32_t i = 0; i < world->cards; i++)
		isched_bind_model(world->sched, index, i, true);
	return index;
}

static void world_start(struct world *world, const struct isched_action *action)
{
	const struct isched_model_options *model = &world->models[action->model];
	struct isched_batch *batch = action->batch;
	uint64_t ns = (model->first_ns + (batch->count - 1) * model->next_ns) *
		      (world->slowness ? world->slowness : 1);

	assert_null(world->batches[action->card]);
	assert_in_range(batch->count, 1, model->batch_max ? model->batch_max : 1);
	world->batches[action->card] = batch;
	world->started_ns[action->card] = world->now_ns;
	world->done_ns[action->card] = world->now_ns + ns;
	world->starts[action->card]++;
	world->batch_sizes[batch->count]++;
	world->unloadable[action->card] = !world->loaded[action->card][action->model];
}

void world_act(struct world *world)
{
	uint32_t failed_card = WORLD_CARDS, failed_model = 0;
	struct isched_action *action;

	while ((action = isched_next_action(world->sched))) {
		bool *loaded = &world->loaded[action->card][action->model];

		switch (action->kind) {
		case ISCHED_LOAD:
			assert_false(*loaded);
			*loaded = !world->load_fails;
			world->loads++;
			if (world->load_fails) {
				failed_card = action->card;
				failed_model = action->model;
			}
			break;
		case ISCHED_UNLOAD:
			assert_true(*loaded);
			*loaded = false;
			world->unloads++;
			break;
		case ISCHED_START:
			world_start(world, action);
			break;
		case ISCHED_END:
			assert_int_equal(action->request->state, ISCHED_ENDED);
			if (world->ended)
				world->ended(world, action->request);
			break;
		}
	}
	if (failed_card < WORLD_CARDS) {
		isched_model_loaded(world->sched, failed_card, failed_model, false, 0,
				   world->now_ns);
		world_act(world);
	}
}

int world_submit(struct world *world, struct isched_request *request, uint32_t model,
		 enum isched_priority priority, uint64_t deadline_ns)
{
	int ret;

	memset(request, 0, sizeof(*request));
	request->model = model;
	request->client = world->client;
	request->priority = priority;
	request->deadline_ns = deadline_ns >= ISCHED_NEVER ? deadline_ns
							  : world->now_ns + deadline_ns;
	request->timeout_ns = world->timeout_ns ? world->now_ns + world->timeout_ns : ISCHED_NEVER;
	request->retries = world->retries;
	ret = isched_submit(world->sched, request, world->now_ns);
	world_act(world);
	return ret;
}

static uint32_t next_card(const struct world *world)
{
	uint32_t next = WORLD_CARDS;

	for (uint32_t i = 0; i < world->cards; i++)
		if (world->batches[i] &&
		    (next == WORLD_CARDS || world->done_ns[i] < world->done_ns[next]))
			next = i;
	return next;
}

static uint64_t next_ns(const struct world *world)
{
	uint32_t card = next_card(world);
	uint64_t wake_ns = isched_next_wake_ns(world->sched);

	if (wake_ns < world->now_ns)
		wake_ns = world->now_ns;
	return card < WORLD_CARDS && world->done_ns[card] < wake_ns ? world->done_ns[card]
								    : wake_ns;
}

static void world_done(struct world *world, uint32_t card)
{
	struct isched_batch *batch = world->batches[card];
	bool fails = world->unloadable[card] || world->fail_next;

	if (world->fail_next)
		world->fail_next--;
	world->batches[card] = NULL;
	isched_batch_done(world->sched, batch, fails ? -EIO : 0,
			 fails && world->fail_may_retry && !world->unloadable[card],
			 world->done_ns[card] - world->started_ns[card], world->now_ns);
}

bool world_step(struct world *world)
{
	uint64_t at_ns = next_ns(world);
	uint32_t card = next_card(world);

	if (at_ns >= ISCHED_NEVER)
		return false;
	world->now_ns = at_ns;
	if (card < WORLD_CARDS && world->done_ns[card] <= at_ns)
		world_done(world, card);
	else
		isched_tick(world->sched, at_ns);
	world_act(world);
	return true;
}

void world_advance(struct world *world, uint64_t ns)
{
	uint64_t end_ns = world->now_ns + ns;

	while (next_ns(world) <= end_ns)
		world_step(world);
	world->now_ns = end_ns;
}

void world_run(struct world *world)
{
	while (world_step(world))
		;
	assert_int_equal(isched_pending(world->sched), 0);
}

void world_settle(struct world *world)
{
	struct isched_request request;

	for (uint32_t i = 0; i < world->model_count; i++) {
		for (uint32_t card = 0; card < world->cards; card++) {
			for (uint32_t c = 0; c < world->cards; c++)
				isched_bind_model(world->sched, i, c, c == card);
			for (int n = 0; n < 100; n++) {
				assert_int_equal(world_submit(world, &request, i, ISCHED_HIGH,
							      ISCHED_NEVER), 0);
				world_run(world);
				world->settled++;
			}
		}
		for (uint32_t c = 0; c < world->cards; c++)
			isched_bind_model(world->sched, i, c, true);
	}
}
