// SPDX-License-Identifier: MIT
/* Which card: where a request is done first; an idle card takes what others would do later. */
#include "isched_private.h"

/* When the card would be done with all that it has, and @cost_ns more. */
static uint64_t finish_ns(const struct isched *sched, uint32_t card, uint64_t cost_ns,
			  uint64_t now_ns)
{
	return isched_base_ns(&sched->cards[card], now_ns) +
	       (uint64_t)isched_tree_sum(&sched->cards[card].plan) + cost_ns;
}

static bool is_candidate(const struct isched *sched, uint32_t card, uint32_t model)
{
	return isched_can_run(sched, card, model) &&
	       isched_load_cost_ns(sched, card, model) != ISCHED_NEVER;
}

/* Return: cards, if there is none. With @open only those with an open batch of the model. */
static uint32_t least_loaded(const struct isched *sched, uint32_t model, bool open, uint64_t now_ns)
{
	uint32_t best = sched->options.cards;
	uint64_t best_ns = UINT64_MAX;

	for (uint32_t i = 0; i < sched->options.cards; i++) {
		struct isched_offer offer;
		uint64_t ns;

		if (!is_candidate(sched, i, model) || (open && !isched_seat(sched, i, model)->open))
			continue;
		offer = isched_plan_offer_alone(sched, i, model);
		ns = finish_ns(sched, i, offer.cost_ns, now_ns);
		if (ns < best_ns) {
			best_ns = ns;
			best = i;
		}
	}
	return best;
}

static bool is_idle(const struct isched *sched, uint32_t card)
{
	return sched->idle_cards & (UINT64_C(1) << card) && !sched->cards[card].plan.root;
}

static bool find_join(struct isched *sched, const struct isched_request *request, uint64_t now_ns,
		      struct isched_offer *offer)
{
	uint32_t cards = sched->options.cards, model = request->model;
	uint32_t first = least_loaded(sched, model, true, now_ns);

	if (first == cards)
		return false;
	if (isched_plan_try_join(sched, request, first, now_ns, offer))
		return true;
	for (uint32_t i = 0; i < cards; i++)
		if (i != first && is_candidate(sched, i, model) &&
		    isched_plan_try_join(sched, request, i, now_ns, offer))
			return true;
	return false;
}

/* Joining a batch saves the cards work, but not the request time if a card is idle. */
static bool find_offer(struct isched *sched, const struct isched_request *request, uint64_t now_ns,
		       struct isched_offer *offer)
{
	uint32_t cards = sched->options.cards, model = request->model;
	uint32_t first = least_loaded(sched, model, false, now_ns);

	if (is_idle(sched, first) && isched_plan_try_alone(sched, request, first, now_ns, offer))
		return true;
	if (find_join(sched, request, now_ns, offer) ||
	    isched_plan_try_alone(sched, request, first, now_ns, offer))
		return true;
	for (uint32_t i = 0; i < cards; i++)
		if (i != first && is_candidate(sched, i, model) &&
		    isched_plan_try_alone(sched, request, i, now_ns, offer))
			return true;
	return false;
}

static bool has_nothing(const struct isched *sched, uint32_t card)
{
	return is_idle(sched, card) && TAILQ_EMPTY(&sched->cards[card].running);
}

int isched_place(struct isched *sched, struct isched_request *request, uint64_t now_ns)
{
	uint32_t first = least_loaded(sched, request->model, false, now_ns);
	struct isched_offer offer;

	if (first == sched->options.cards)
		return -ENODEV;
	if (find_offer(sched, request, now_ns, &offer))
		return isched_plan_take(sched, request, &offer);
	/* For the next one: a promise is given by what is known. */
	if (has_nothing(sched, first))
		isched_learn_doubt(sched, first, request->model, now_ns);
	return -EBUSY;
}

int isched_place_anyway(struct isched *sched, struct isched_request *request, uint64_t now_ns)
{
	uint32_t card = least_loaded(sched, request->model, false, now_ns);
	struct isched_offer offer;

	if (card == sched->options.cards)
		return -ENODEV;
	offer = isched_plan_offer_alone(sched, card, request->model);
	return isched_plan_take(sched, request, &offer);
}

static bool gains(const struct isched *sched, const struct isched_batch *batch, uint32_t card,
		  uint64_t now_ns)
{
	uint64_t here_ns = now_ns + isched_load_cost_ns(sched, card, batch->model) +
			   isched_predict_ns(sched, card, batch->model, batch->count);

	return here_ns < isched_base_ns(&sched->cards[batch->card], now_ns) + batch->cost_ns;
}

struct isched_batch *isched_find_later(struct isched *sched, uint32_t card, uint64_t now_ns)
{
	struct isched_batch *batch, *best = NULL;
	uint64_t best_ns = 0;

	for (uint32_t i = 0; i < sched->options.cards; i++) {
		batch = isched_plan_batch(isched_tree_first(&sched->cards[i].plan));
		if (i == card || !batch || !is_candidate(sched, card, batch->model) ||
		    finish_ns(sched, i, 0, now_ns) <= best_ns ||
		    !gains(sched, batch, card, now_ns))
			continue;
		best_ns = finish_ns(sched, i, 0, now_ns);
		best = batch;
	}
	return best;
}
