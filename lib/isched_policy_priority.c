// SPDX-License-Identifier: MIT
/*
 * Strict priority with threshold, as HailoRT's model scheduler has it:
 *
 * - a model is ready when as many requests wait as its threshold says, or when
 *   one does and its timeout has passed since it last ran
 * - of the ready ones that of the highest priority runs; models of the same
 *   priority take turns
 * - a device that is idle while none is ready takes the next that has any
 * - there is no ageing: lower priorities may starve
 *
 * Priority is the model's there; here a model has a queue for each priority,
 * as if it were configured once for each.
 */
#include "isched_private.h"

static int priority_add(struct isched *sched, struct isched_request *request, uint64_t now_ns)
{
	(void)now_ns;
	isched_queue_add(sched, request);
	return 0;
}

static void priority_remove(struct isched *sched, struct isched_request *request, uint64_t now_ns)
{
	(void)now_ns;
	isched_queue_remove(sched, request);
}

static bool is_ready(const struct isched_model *model, int priority, bool check_threshold,
		     uint64_t now_ns)
{
	const struct isched_model_options *options = &model->options;

	if (!model->queued[priority])
		return false;
	if (!check_threshold || model->queued[priority] >= options->threshold)
		return true;
	return options->threshold_timeout_ns &&
	       now_ns - model->last_run_ns[priority] >= options->threshold_timeout_ns;
}

static bool choose(struct isched *sched, uint32_t card, bool check_threshold, uint64_t now_ns,
		   uint32_t *model, int *priority)
{
	for (int p = ISCHED_PRIORITIES - 1; p >= 0; p--) {
		for (uint32_t i = 0; i < sched->model_count; i++) {
			uint32_t turn = (sched->next_model[p] + i) % sched->model_count;

			if (!is_ready(sched->models[turn], p, check_threshold, now_ns) ||
			    !isched_queue_can_run(sched, card, turn))
				continue;
			sched->next_model[p] = turn + 1;
			*model = turn;
			*priority = p;
			return true;
		}
	}
	return false;
}

static struct isched_batch *priority_pick(struct isched *sched, uint32_t card, uint64_t now_ns)
{
	struct isched_request *request;
	struct isched_batch *batch;
	struct isched_model *model;
	uint32_t index;
	int priority;

	if (!choose(sched, card, true, now_ns, &index, &priority) &&
	    !choose(sched, card, false, now_ns, &index, &priority))
		return NULL;
	if (!isched_make_resident(sched, card, index))
		return NULL;
	batch = isched_get_batch(sched, card, index);
	if (!batch)
		return NULL;
	model = sched->models[index];
	while (batch->count < model->options.batch_max &&
	       (request = TAILQ_FIRST(&model->queues[priority]))) {
		isched_queue_remove(sched, request);
		isched_batch_add(batch, request);
	}
	model->last_run_ns[priority] = now_ns;
	return batch;
}

const struct isched_policy_ops isched_policy_priority = {
	.add = priority_add,
	.remove = priority_remove,
	.pick = priority_pick,
};
