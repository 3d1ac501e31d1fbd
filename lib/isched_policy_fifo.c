// SPDX-License-Identifier: MIT
/*
 * First come, first served, one at a time: what a program without a scheduler
 * has. A card that cannot run the first takes the first that it can.
 */
#include "isched_private.h"

static int fifo_add(struct isched *sched, struct isched_request *request, uint64_t now_ns)
{
	(void)now_ns;
	TAILQ_INSERT_TAIL(&sched->fifo, request, link);
	return 0;
}

static void fifo_remove(struct isched *sched, struct isched_request *request, uint64_t now_ns)
{
	(void)now_ns;
	TAILQ_REMOVE(&sched->fifo, request, link);
}

static struct isched_batch *fifo_pick(struct isched *sched, uint32_t card, uint64_t now_ns)
{
	struct isched_request *request;
	struct isched_batch *batch;

	(void)now_ns;
	TAILQ_FOREACH(request, &sched->fifo, link)
		if (isched_can_run(sched, card, request->model) &&
		    isched_load_cost_ns(sched, card, request->model) != ISCHED_NEVER)
			break;
	if (!request || !isched_make_resident(sched, card, request->model))
		return NULL;
	batch = isched_get_batch(sched, card, request->model);
	if (!batch)
		return NULL;
	TAILQ_REMOVE(&sched->fifo, request, link);
	isched_batch_add(batch, request);
	return batch;
}

const struct isched_policy_ops isched_policy_fifo = {
	.add = fifo_add,
	.remove = fifo_remove,
	.pick = fifo_pick,
};
