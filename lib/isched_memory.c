// SPDX-License-Identifier: MIT
/* Models in card memory: loaded when needed, the one used longest ago goes first. */
#include "isched_private.h"

static uint64_t model_bytes(const struct isched *sched, uint32_t model)
{
	return sched->models[model]->options.memory_bytes;
}

uint64_t isched_load_cost_ns(const struct isched *sched, uint32_t card, uint32_t model)
{
	if (model_bytes(sched, model) > sched->cards[card].memory_bytes)
		return ISCHED_NEVER;
	if (isched_seat(sched, card, model)->loaded)
		return 0;
	return isched_time_bound_ns(&sched->models[model]->load);
}

/* Those that nobody waits for go first, then the one used longest ago. */
static bool goes_before(const struct isched_seat *a, const struct isched_seat *b)
{
	if (TAILQ_EMPTY(&a->planned) != TAILQ_EMPTY(&b->planned))
		return TAILQ_EMPTY(&a->planned);
	return a->used_ns < b->used_ns;
}

static bool find_victim(const struct isched *sched, uint32_t card, uint32_t model, uint32_t *victim)
{
	const struct isched_seat *best = NULL;

	for (uint32_t i = 0; i < sched->model_count; i++) {
		const struct isched_seat *seat = isched_seat(sched, card, i);

		if (i == model || !seat->loaded || seat->running || !model_bytes(sched, i))
			continue;
		if (!best || goes_before(seat, best)) {
			best = seat;
			*victim = i;
		}
	}
	return best;
}

static void queue_action(struct isched *sched, struct isched_action *action, bool *queued,
			 enum isched_action_kind kind, uint32_t card, uint32_t model)
{
	*action = (struct isched_action){ .kind = kind, .card = card, .model = model };
	TAILQ_INSERT_TAIL(&sched->actions, action, link);
	*queued = true;
}

static void unload(struct isched *sched, uint32_t card, uint32_t model)
{
	struct isched_seat *seat = isched_seat(sched, card, model);

	seat->loaded = false;
	sched->cards[card].memory_used -= model_bytes(sched, model);
	queue_action(sched, &seat->unload, &seat->unload_queued, ISCHED_UNLOAD, card, model);
}

bool isched_make_resident(struct isched *sched, uint32_t index, uint32_t model)
{
	struct isched_card *card = &sched->cards[index];
	struct isched_seat *seat = isched_seat(sched, index, model);
	uint64_t bytes = model_bytes(sched, model);
	uint32_t victim = 0;

	if (seat->loaded)
		return true;
	if (bytes > card->memory_bytes)
		return false;
	while (card->memory_used > card->memory_bytes - bytes) {
		if (!find_victim(sched, index, model, &victim))
			return false;
		unload(sched, index, victim);
	}
	card->memory_used += bytes;
	seat->loaded = seat->loading = true;
	sched->stats.loads++;
	queue_action(sched, &seat->load, &seat->load_queued, ISCHED_LOAD, index, model);
	return true;
}
