// SPDX-License-Identifier: MIT
/* Queues by model and priority, of the policies that have them. */
#include "isched_private.h"

void isched_queue_add(struct isched *sched, struct isched_request *request)
{
	struct isched_model *model = sched->models[request->model];

	TAILQ_INSERT_TAIL(&model->queues[request->priority], request, link);
	model->queued[request->priority]++;
}

void isched_queue_remove(struct isched *sched, struct isched_request *request)
{
	struct isched_model *model = sched->models[request->model];

	if (request->timed_out) {
		TAILQ_REMOVE(&model->delayed[request->priority], request, link);
		return;
	}
	TAILQ_REMOVE(&model->queues[request->priority], request, link);
	model->queued[request->priority]--;
}

bool isched_queue_can_run(const struct isched *sched, uint32_t card, uint32_t model)
{
	return isched_can_run(sched, card, model) &&
	       isched_load_cost_ns(sched, card, model) != ISCHED_NEVER;
}
