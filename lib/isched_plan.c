// SPDX-License-Identifier: MIT
/*
 * The plan of a card: batches that were not started, in the order of the
 * earliest target of their members. A request is admitted if the plan with it
 * keeps all targets: two walks down a tree, however long the plan is.
 *
 * Per card and model one batch at most is open, which others of the same model
 * may join. That costs the plan only what one more costs the batch.
 */
#include "isched_private.h"

static int64_t least(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* Until when it must be done for the test; what was promised once is not held to more. */
static int64_t own_limit(const struct isched *sched, const struct isched_request *request,
			 uint64_t now_ns)
{
	uint64_t permille = sched->options.reserve_permille[request->priority], span_ns;

	if (request->admitted || request->target_ns <= now_ns)
		return (int64_t)request->target_ns;
	span_ns = request->target_ns - now_ns;
	return (int64_t)(request->target_ns - span_ns / 1000 * permille -
			 span_ns % 1000 * permille / 1000);
}

/* Another batch of the model in the plan has it loaded before. */
static uint64_t load_cost_ns(const struct isched *sched, uint32_t card, uint32_t model)
{
	return TAILQ_EMPTY(&isched_seat(sched, card, model)->planned)
		       ? isched_load_cost_ns(sched, card, model) : 0;
}

struct isched_offer isched_plan_offer_alone(const struct isched *sched, uint32_t card,
					    uint32_t model)
{
	uint64_t load_ns = load_cost_ns(sched, card, model);

	return (struct isched_offer){
		.card = card, .load_ns = load_ns,
		.cost_ns = load_ns + isched_predict_ns(sched, card, model, 1),
	};
}

/*
 * On a card with a queue a new batch must have time to grow to its smallest preferred size: a card
 * that is full of batches of one does the least.
 */
static int64_t growth_ns(const struct isched *sched, uint32_t card, uint32_t model)
{
	uint32_t size = sched->models[model]->options.preferred[0];
	uint64_t grown_ns = isched_predict_ns(sched, card, model, size);
	uint64_t cost_ns = isched_predict_ns(sched, card, model, 1);

	return grown_ns > cost_ns ? (int64_t)(grown_ns - cost_ns) : 0;
}

bool isched_plan_try_alone(const struct isched *sched, const struct isched_request *request,
			  uint32_t card, uint64_t now_ns, struct isched_offer *offer)
{
	int64_t base_ns = (int64_t)isched_base_ns(&sched->cards[card], now_ns);
	int64_t limit_ns = own_limit(sched, request, now_ns), cost_ns;
	struct isched_split split;

	*offer = isched_plan_offer_alone(sched, card, request->model);
	cost_ns = (int64_t)offer->cost_ns;
	if (sched->cards[card].plan.root && !request->admitted)
		limit_ns -= growth_ns(sched, card, request->model);
	if (base_ns + cost_ns > limit_ns)
		return false;
	split = isched_tree_split(&sched->cards[card].plan, (int64_t)request->target_ns);
	return base_ns + split.sum_before + cost_ns <= limit_ns &&
	       split.slack_after >= base_ns + cost_ns;
}

/* The batch stays where it is and takes longer. */
static bool try_join_behind(const struct isched *sched, const struct isched_batch *batch,
			    int64_t limit_ns, int64_t base_ns, int64_t cost_ns)
{
	int64_t more_ns = cost_ns - batch->plan.cost;
	struct isched_split split = isched_tree_split(&sched->cards[batch->card].plan,
						    batch->plan.key);

	return base_ns + split.sum_before + more_ns <= least(batch->plan.key, limit_ns) &&
	       split.slack_after >= base_ns + more_ns;
}

/* The batch moves forward to the target of the one that joins. */
static bool try_join_ahead(struct isched *sched, struct isched_batch *batch, int64_t target_ns,
			   int64_t limit_ns, int64_t base_ns, int64_t cost_ns)
{
	struct isched_tree *plan = &sched->cards[batch->card].plan;
	int64_t key = batch->plan.key, cost = batch->plan.cost;
	struct isched_split split;

	split = isched_tree_split(plan, target_ns);
	if (base_ns + split.sum_before + cost_ns > limit_ns)
		return false;
	/* Mostly there is room even as if the batch stayed where it is as well. */
	if (split.slack_after >= base_ns + cost_ns)
		return true;
	isched_tree_remove(plan, &batch->plan);
	split = isched_tree_split(plan, target_ns);
	isched_tree_insert(plan, &batch->plan, key, cost);
	return split.slack_after >= base_ns + cost_ns;
}

bool isched_plan_try_join(struct isched *sched, const struct isched_request *request, uint32_t card,
			 uint64_t now_ns, struct isched_offer *offer)
{
	struct isched_batch *batch = isched_seat(sched, card, request->model)->open;
	int64_t base_ns = (int64_t)isched_base_ns(&sched->cards[card], now_ns);
	int64_t limit_ns = own_limit(sched, request, now_ns);
	int64_t target_ns = (int64_t)request->target_ns, cost_ns;

	if (!batch)
		return false;
	*offer = (struct isched_offer){ .card = card, .join = batch, .load_ns = batch->load_ns };
	offer->cost_ns = batch->load_ns +
			 isched_predict_ns(sched, card, request->model, batch->count + 1);
	cost_ns = (int64_t)offer->cost_ns;
	if (base_ns + cost_ns > limit_ns)
		return false;
	if (target_ns >= batch->plan.key)
		return try_join_behind(sched, batch, limit_ns, base_ns, cost_ns);
	return try_join_ahead(sched, batch, target_ns, limit_ns, base_ns, cost_ns);
}

static void note_open(struct isched *sched, struct isched_batch *batch)
{
	struct isched_seat *seat = isched_seat(sched, batch->card, batch->model);
	bool full = batch->count >= sched->models[batch->model]->options.batch_max;

	if (full && seat->open == batch)
		seat->open = NULL;
	else if (!full && !seat->open)
		seat->open = batch;
}

static void take_alone(struct isched *sched, struct isched_batch *batch,
		       struct isched_request *request)
{
	isched_batch_add(batch, request);
	isched_tree_insert(&sched->cards[batch->card].plan, &batch->plan,
			  (int64_t)request->target_ns, (int64_t)batch->cost_ns);
	TAILQ_INSERT_TAIL(&isched_seat(sched, batch->card, batch->model)->planned, batch, link);
	note_open(sched, batch);
}

int isched_plan_take(struct isched *sched, struct isched_request *request,
		    const struct isched_offer *offer)
{
	struct isched_batch *batch = offer->join;
	struct isched_tree *plan = &sched->cards[offer->card].plan;
	int64_t target_ns = (int64_t)request->target_ns;

	if (!batch) {
		batch = isched_get_batch(sched, offer->card, request->model);
		if (!batch)
			return -ENOMEM;
		batch->cost_ns = offer->cost_ns;
		batch->load_ns = offer->load_ns;
		take_alone(sched, batch, request);
		return 0;
	}
	isched_batch_add(batch, request);
	batch->cost_ns = offer->cost_ns;
	if (target_ns < batch->plan.key) {
		isched_tree_remove(plan, &batch->plan);
		isched_tree_insert(plan, &batch->plan, target_ns, (int64_t)batch->cost_ns);
	} else {
		isched_tree_set_cost(&batch->plan, (int64_t)batch->cost_ns);
	}
	note_open(sched, batch);
	return 0;
}

void isched_plan_remove(struct isched *sched, struct isched_batch *batch)
{
	struct isched_seat *seat = isched_seat(sched, batch->card, batch->model);

	isched_tree_remove(&sched->cards[batch->card].plan, &batch->plan);
	TAILQ_REMOVE(&seat->planned, batch, link);
	if (seat->open == batch)
		seat->open = NULL;
}

/* After a member left: what the others need. */
static void batch_recount(struct isched_batch *batch, int64_t *key)
{
	const struct isched_request *request;

	*key = INT64_MAX;
	batch->best_effort = true;
	batch->oldest_ns = UINT64_MAX;
	TAILQ_FOREACH(request, &batch->requests, link) {
		*key = least(*key, (int64_t)request->target_ns);
		if (request->deadline_ns != ISCHED_NEVER)
			batch->best_effort = false;
		if (request->arrival_ns < batch->oldest_ns)
			batch->oldest_ns = request->arrival_ns;
	}
}

void isched_plan_leave(struct isched *sched, struct isched_request *request)
{
	struct isched_batch *batch = request->batch;
	struct isched_tree *plan = &sched->cards[batch->card].plan;
	int64_t key;

	TAILQ_REMOVE(&batch->requests, request, link);
	request->batch = NULL;
	if (!--batch->count) {
		isched_plan_remove(sched, batch);
		isched_put_batch(sched, batch);
		return;
	}
	batch_recount(batch, &key);
	batch->cost_ns = batch->load_ns +
			 isched_predict_ns(sched, batch->card, batch->model, batch->count);
	isched_tree_remove(plan, &batch->plan);
	isched_tree_insert(plan, &batch->plan, key, (int64_t)batch->cost_ns);
	note_open(sched, batch);
}
