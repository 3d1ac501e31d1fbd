// SPDX-License-Identifier: MIT
/*
 * Our policy. Every admitted request has a target, its deadline or the end of
 * its ageing, and is in the plan of one card, which keeps all targets. A card
 * does its plan in order; where only best effort is left, the clients take
 * turns as long as no target is lost by it.
 */
#include "isched_private.h"

/* How many planned batches are looked at for the fullest. */
#define LOOK_AHEAD	8

static bool is_best_effort(const struct isched_request *request)
{
	return request->deadline_ns == ISCHED_NEVER;
}

/* --- Queueing --------------------------------------------------------------------- */

/* Before the model could run there, also if somebody else has it loaded at the moment. */
static uint64_t ready_ns(const struct isched *sched, uint32_t card,
			 const struct isched_request *request)
{
	uint64_t now_ns = request->arrival_ns;

	if (isched_seat(sched, card, request->model)->loading)
		return isched_base_ns(&sched->cards[card], now_ns) - now_ns;
	return isched_load_cost_ns(sched, card, request->model);
}

/*
 * Ageing bounds the wait; but what takes longer than that to load or to run by itself is not
 * refused for ever.
 */
static uint64_t ageing_end_ns(const struct isched *sched, const struct isched_request *request,
			      uint64_t margin_ns)
{
	uint64_t best_ns = ISCHED_NEVER;

	for (uint32_t i = 0; i < sched->options.cards; i++) {
		uint64_t ns;

		if (!isched_can_run(sched, i, request->model))
			continue;
		ns = isched_predict_ns(sched, i, request->model, 1) + margin_ns;
		if (ns < sched->options.ageing_ns)
			ns = sched->options.ageing_ns;
		ns += ready_ns(sched, i, request);
		if (ns < best_ns)
			best_ns = ns;
	}
	return best_ns < ISCHED_NEVER ? request->arrival_ns + best_ns : request->arrival_ns;
}

static uint64_t target_ns(const struct isched *sched, const struct isched_request *request)
{
	uint64_t margin_ns = isched_margin_ns(sched, request->model);
	uint64_t end_ns = is_best_effort(request) ? ageing_end_ns(sched, request, margin_ns)
						  : request->deadline_ns;

	return end_ns > margin_ns ? end_ns - margin_ns : 0;
}

/* Least time that it costs a card, by the first that can run it. */
static uint64_t fair_cost_ns(const struct isched *sched, const struct isched_request *request)
{
	for (uint32_t i = 0; i < sched->options.cards; i++)
		if (isched_can_run(sched, i, request->model))
			return isched_predict_ns(sched, i, request->model, 1);
	return 0;
}

static int deadline_add(struct isched *sched, struct isched_request *request, uint64_t now_ns)
{
	bool best_effort = is_best_effort(request);
	int ret;

	request->target_ns = target_ns(sched, request);
	request->fair_ns = best_effort ? fair_cost_ns(sched, request) : 0;
	if (best_effort && !request->admitted && !isched_fair_admit(sched, request))
		return -EAGAIN;
	ret = isched_place(sched, request, now_ns);
	/* Best effort was promised an end, not a time that lost capacity could not keep. */
	if (ret == -EBUSY && best_effort)
		ret = request->admitted ? isched_place_anyway(sched, request, now_ns) : -EAGAIN;
	if (!ret && best_effort)
		isched_fair_add(sched, request);
	return ret;
}

static void deadline_remove(struct isched *sched, struct isched_request *request, uint64_t now_ns)
{
	(void)now_ns;
	if (is_best_effort(request))
		isched_fair_remove(sched, request);
	isched_plan_leave(sched, request);
}

/* --- Choice ----------------------------------------------------------------------- */

/* Would all that @card has planned stay in time if it did @cost_ns first? */
static bool has_time(const struct isched *sched, uint32_t card, uint64_t cost_ns, uint64_t now_ns)
{
	return isched_tree_slack(&sched->cards[card].plan) >=
	       (int64_t)(isched_base_ns(&sched->cards[card], now_ns) + cost_ns);
}

/* The client whose turn it is, if nothing that stands before its batch becomes late. */
static struct isched_batch *choose_fair(struct isched *sched, uint32_t card, uint64_t now_ns)
{
	const struct isched_request *request = isched_fair_first(sched);
	struct isched_batch *batch = request ? request->batch : NULL;
	uint64_t cost_ns;

	if (!batch || !isched_can_run(sched, card, batch->model))
		return NULL;
	cost_ns = isched_predict_ns(sched, card, batch->model, batch->count) +
		  isched_load_cost_ns(sched, card, batch->model);
	if (batch->card == card)
		return isched_tree_slack_before(&batch->plan) >= (int64_t)(now_ns + cost_ns)
			       ? batch : NULL;
	return has_time(sched, card, cost_ns, now_ns) ? batch : NULL;
}

/* Worth waiting for more of its kind? If so, wake up when it no longer is. */
static bool is_held(struct isched *sched, const struct isched_batch *batch, uint64_t now_ns)
{
	const struct isched_model_options *options = &sched->models[batch->model]->options;
	uint64_t until_ns = batch->oldest_ns + options->delay_ns;
	int64_t slack_ns = isched_tree_slack(&sched->cards[batch->card].plan);

	if (!options->delay_ns || batch->count >= options->preferred[0])
		return false;
	if (slack_ns < (int64_t)until_ns)
		until_ns = slack_ns > 0 ? (uint64_t)slack_ns : 0;
	if (until_ns <= now_ns)
		return false;
	if (until_ns < sched->hold_until_ns)
		sched->hold_until_ns = until_ns;
	return true;
}

/* How much card time a batch saves against its members one by one, in 1/1024. */
static uint64_t efficiency(const struct isched *sched, const struct isched_batch *batch)
{
	uint64_t cost_ns = isched_predict_ns(sched, batch->card, batch->model, batch->count);

	return batch->count * isched_predict_ns(sched, batch->card, batch->model, 1) * 1024 /
	       (cost_ns + 1);
}

/*
 * In order; but while there is slack, small batches stay and fill up, and the fullest of the next
 * few goes first.
 */
static struct isched_batch *choose_planned(struct isched *sched, uint32_t card, uint64_t now_ns)
{
	struct isched_node *first = isched_tree_first(&sched->cards[card].plan), *node = first;
	struct isched_batch *best = NULL;
	uint64_t best_efficiency = 0;

	for (int i = 0; node && i < LOOK_AHEAD; node = isched_tree_next(node), i++) {
		struct isched_batch *batch = isched_plan_batch(node);
		uint64_t value;

		if (isched_tree_slack_before(node) < (int64_t)now_ns + node->cost)
			break;
		if (is_held(sched, batch, now_ns))
			continue;
		value = efficiency(sched, batch);
		if (!best || value > best_efficiency) {
			best = batch;
			best_efficiency = value;
		}
	}
	/* Held ones whose slack others have used up are not held. */
	return best || !node ? best : isched_plan_batch(first);
}

static struct isched_batch *choose(struct isched *sched, uint32_t card, uint64_t now_ns)
{
	struct isched_batch *batch, *fair;

	if (!sched->cards[card].plan.root)
		return isched_find_later(sched, card, now_ns);
	batch = choose_planned(sched, card, now_ns);
	if (!batch || !batch->best_effort)
		return batch;
	fair = choose_fair(sched, card, now_ns);
	return fair ? fair : batch;
}

/* Those for whom it is too late in any case leave, and let the others be in time. */
static bool drop_late(struct isched *sched, struct isched_batch *batch, uint64_t now_ns)
{
	const struct isched_time *time =
		&isched_seat(sched, batch->card, batch->model)->times[batch->count];
	uint64_t off_ns = isched_time_bound_ns(time) - time->mean_ns;
	uint64_t end_ns = now_ns + (time->mean_ns > off_ns ? time->mean_ns - off_ns : 0);
	struct isched_request *request, *next;
	bool dropped = false;

	for (request = TAILQ_FIRST(&batch->requests); request; request = next) {
		next = TAILQ_NEXT(request, link);
		if (request->deadline_ns >= end_ns)
			continue;
		dropped = true;
		/* The last one takes the batch along. */
		deadline_remove(sched, request, now_ns);
		isched_end_pending(sched, request, -ETIME, now_ns);
	}
	return dropped;
}

/* Take @request over into @batch, which starts now, if that makes nobody late. */
static bool fill_with(struct isched *sched, struct isched_batch *batch,
		      struct isched_request *request, uint64_t now_ns)
{
	uint32_t card = batch->card;
	uint64_t cost_ns = batch->load_ns +
			   isched_predict_ns(sched, card, batch->model, batch->count + 1);
	uint64_t end_ns = isched_base_ns(&sched->cards[card], now_ns) + cost_ns;

	if (end_ns > request->target_ns || (int64_t)end_ns > batch->plan.key ||
	    !has_time(sched, card, cost_ns, now_ns))
		return false;
	isched_plan_leave(sched, request);
	isched_batch_add(batch, request);
	return true;
}

/* From one batch that shrinks, and vanishes with its last member. Return: nothing is left of it */
static bool fill_from(struct isched *sched, struct isched_batch *batch, struct isched_batch *other,
		      uint64_t now_ns)
{
	uint32_t room = sched->models[batch->model]->options.batch_max - batch->count;

	for (uint32_t left = other->count; left && room; left--, room--)
		if (!fill_with(sched, batch, TAILQ_FIRST(&other->requests), now_ns))
			return false;
	return room;
}

/* Those that wait elsewhere for the same model cost less here. @batch has left its plan. */
static void fill(struct isched *sched, struct isched_batch *batch, uint64_t now_ns)
{
	uint32_t batch_max = sched->models[batch->model]->options.batch_max;

	for (uint32_t i = 0; i < sched->options.cards && batch->count < batch_max; i++) {
		uint32_t card = (batch->card + i) % sched->options.cards;
		struct isched_batches *planned = &isched_seat(sched, card, batch->model)->planned;

		while (!TAILQ_EMPTY(planned) &&
		       fill_from(sched, batch, TAILQ_FIRST(planned), now_ns))
			;
	}
}

static void settle_turns(struct isched *sched, struct isched_batch *batch)
{
	uint64_t cost_ns = isched_predict_ns(sched, batch->card, batch->model, batch->count) /
			   batch->count;
	struct isched_request *request;

	TAILQ_FOREACH(request, &batch->requests, link) {
		if (!is_best_effort(request))
			continue;
		isched_fair_charge(sched, request, cost_ns);
		isched_fair_remove(sched, request);
	}
}

static struct isched_batch *deadline_pick(struct isched *sched, uint32_t card, uint64_t now_ns)
{
	struct isched_batch *batch;

	do {
		batch = choose(sched, card, now_ns);
	} while (batch && drop_late(sched, batch, now_ns));
	if (!batch || !isched_make_resident(sched, card, batch->model))
		return NULL;
	isched_plan_remove(sched, batch);
	sched->stats.moved += batch->card != card;
	batch->card = card;
	fill(sched, batch, now_ns);
	settle_turns(sched, batch);
	return batch;
}

/* --- Changes of capacity ---------------------------------------------------------- */

static void dissolve(struct isched *sched, uint32_t card, struct isched_requests *requests)
{
	struct isched_node *node;

	while ((node = isched_tree_first(&sched->cards[card].plan))) {
		struct isched_batch *batch = isched_plan_batch(node);
		struct isched_request *request;

		isched_plan_remove(sched, batch);
		while ((request = TAILQ_FIRST(&batch->requests))) {
			TAILQ_REMOVE(&batch->requests, request, link);
			TAILQ_INSERT_TAIL(requests, request, link);
			if (is_best_effort(request))
				isched_fair_remove(sched, request);
		}
		isched_put_batch(sched, batch);
	}
}

/* In the order of their targets; who finds no place is told now, not when it is too late. */
static void deadline_replan(struct isched *sched, uint32_t card, uint64_t now_ns)
{
	struct isched_requests requests = TAILQ_HEAD_INITIALIZER(requests);
	struct isched_request *request;
	int ret;

	dissolve(sched, card, &requests);
	while ((request = TAILQ_FIRST(&requests))) {
		TAILQ_REMOVE(&requests, request, link);
		ret = deadline_add(sched, request, now_ns);
		if (ret)
			isched_end_pending(sched, request, ret == -EBUSY ? -ETIME : ret, now_ns);
	}
}

const struct isched_policy_ops isched_policy_deadline = {
	.add = deadline_add,
	.remove = deadline_remove,
	.pick = deadline_pick,
	.replan = deadline_replan,
};
