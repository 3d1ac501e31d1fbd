// SPDX-License-Identifier: MIT
/*
 * Requests without deadline: clients share by weight what those with deadlines
 * leave. Each client has a virtual clock that advances by cost / weight; the
 * one that is furthest behind is next. Who comes back after a pause starts at
 * the present time: what was not used is not saved up.
 *
 * Ageing needs no code of its own: in the plan such a request has its arrival
 * plus the ageing bound as target, which admission keeps like a deadline.
 */
#include "isched_private.h"

static struct isched_client *client_of(const struct isched *sched,
				      const struct isched_request *request)
{
	return sched->clients[request->client];
}

bool isched_fair_admit(const struct isched *sched, const struct isched_request *request)
{
	const struct isched_client *client = client_of(sched, request);
	uint64_t share_ns = sched->options.ageing_ns / sched->weight_sum * client->weight;

	/* One is never too many. */
	return !client->pending_ns ||
	       client->pending_ns + request->fair_ns <= share_ns * sched->options.cards;
}

static void set_clock(struct isched *sched, struct isched_client *client, uint64_t clock_ns)
{
	client->clock_ns = clock_ns;
	isched_tree_insert(&sched->active, &client->active, (int64_t)clock_ns, 0);
}

void isched_fair_add(struct isched *sched, struct isched_request *request)
{
	struct isched_client *client = client_of(sched, request);

	if (TAILQ_EMPTY(&client->fair))
		set_clock(sched, client, client->clock_ns > sched->clock_ns ? client->clock_ns
									    : sched->clock_ns);
	TAILQ_INSERT_TAIL(&client->fair, request, fair);
	client->pending_ns += request->fair_ns;
}

void isched_fair_remove(struct isched *sched, struct isched_request *request)
{
	struct isched_client *client = client_of(sched, request);

	TAILQ_REMOVE(&client->fair, request, fair);
	client->pending_ns -= request->fair_ns;
	if (TAILQ_EMPTY(&client->fair))
		isched_tree_remove(&sched->active, &client->active);
}

void isched_fair_charge(struct isched *sched, struct isched_request *request, uint64_t cost_ns)
{
	struct isched_client *client = client_of(sched, request);
	const struct isched_node *first = isched_tree_first(&sched->active);

	if ((uint64_t)first->key > sched->clock_ns)
		sched->clock_ns = (uint64_t)first->key;
	isched_tree_remove(&sched->active, &client->active);
	set_clock(sched, client, client->clock_ns + cost_ns / client->weight);
}

struct isched_request *isched_fair_first(const struct isched *sched)
{
	struct isched_node *node = isched_tree_first(&sched->active);

	if (!node)
		return NULL;
	return TAILQ_FIRST(&ISCHED_CONTAINER(node, struct isched_client, active)->fair);
}
