// SPDX-License-Identifier: MIT
/*
 * Batching only, as the documentation of Triton's dynamic batcher states it:
 *
 * - a batch of a preferred size, the largest that can be formed, is executed
 *   at once; where there is none, requests are delayed until the oldest has
 *   waited for the maximum delay, and then go as they are
 * - per model, requests of a higher priority go before those of a lower one,
 *   within a priority they go in the order of arrival
 * - each priority has a queue of limited length, beyond it requests are refused
 * - a request that times out in the queue is rejected, or (DELAY) goes after all
 *   others of the same or a higher priority that have not timed out
 *
 * Between models, whose instances are independent there, the one whose oldest
 * request came first has the card.
 */
#include "isched_private.h"

static int batching_add(struct isched *sched, struct isched_request *request, uint64_t now_ns)
{
	const struct isched_model *model = sched->models[request->model];

	(void)now_ns;
	if (model->options.queue_limit && !request->admitted &&
	    model->queued[request->priority] >= model->options.queue_limit)
		return -EAGAIN;
	isched_queue_add(sched, request);
	return 0;
}

static void batching_remove(struct isched *sched, struct isched_request *request, uint64_t now_ns)
{
	(void)now_ns;
	isched_queue_remove(sched, request);
}

static uint64_t oldest_ns(const struct isched_model *model)
{
	uint64_t oldest = ISCHED_NEVER;

	for (int p = 0; p < ISCHED_PRIORITIES; p++) {
		const struct isched_request *first = TAILQ_FIRST(&model->queues[p]);

		if (first && first->arrival_ns < oldest)
			oldest = first->arrival_ns;
	}
	return oldest;
}

static uint32_t count_queued(const struct isched_model *model)
{
	uint32_t count = 0;

	for (int p = 0; p < ISCHED_PRIORITIES; p++)
		count += model->queued[p];
	return count;
}

static bool has_delayed(const struct isched_model *model)
{
	for (int p = 0; p < ISCHED_PRIORITIES; p++)
		if (!TAILQ_EMPTY(&model->delayed[p]))
			return true;
	return false;
}

/* How many would go now; 0: wait for more. */
static uint32_t ready_count(const struct isched_model *model, uint64_t now_ns)
{
	const struct isched_model_options *options = &model->options;
	uint32_t queued = count_queued(model), size = 0;

	for (uint32_t i = 0; i < ISCHED_SIZES_MAX && options->preferred[i]; i++)
		if (options->preferred[i] <= queued)
			size = options->preferred[i];
	if (size)
		return size;
	if (queued && oldest_ns(model) + options->delay_ns <= now_ns)
		return queued < options->batch_max ? queued : options->batch_max;
	return !queued && has_delayed(model) ? 1 : 0;
}

/* From the highest priority downwards: its queue, then those of it that have timed out. */
static struct isched_request *take_next(struct isched *sched, const struct isched_model *model)
{
	struct isched_request *request = NULL;

	for (int p = ISCHED_PRIORITIES - 1; p >= 0 && !request; p--) {
		request = TAILQ_FIRST(&model->queues[p]);
		if (!request)
			request = TAILQ_FIRST(&model->delayed[p]);
	}
	if (request)
		isched_queue_remove(sched, request);
	return request;
}

static struct isched_batch *batching_pick(struct isched *sched, uint32_t card, uint64_t now_ns)
{
	uint32_t best = UINT32_MAX, count = 0;
	uint64_t best_ns = UINT64_MAX;
	struct isched_request *request;
	struct isched_batch *batch;

	for (uint32_t i = 0; i < sched->model_count; i++) {
		const struct isched_model *model = sched->models[i];
		uint32_t ready = ready_count(model, now_ns);

		if (!ready || !isched_queue_can_run(sched, card, i) || oldest_ns(model) >= best_ns)
			continue;
		best = i;
		best_ns = oldest_ns(model);
		count = ready;
	}
	if (best == UINT32_MAX || !isched_make_resident(sched, card, best))
		return NULL;
	batch = isched_get_batch(sched, card, best);
	if (!batch)
		return NULL;
	while (batch->count < count && (request = take_next(sched, sched->models[best])))
		isched_batch_add(batch, request);
	return batch;
}

static uint64_t batching_wake_ns(const struct isched *sched)
{
	uint64_t wake_ns = ISCHED_NEVER;

	for (uint32_t i = 0; i < sched->model_count; i++) {
		uint64_t oldest = oldest_ns(sched->models[i]);

		if (oldest != ISCHED_NEVER &&
		    oldest + sched->models[i]->options.delay_ns < wake_ns)
			wake_ns = oldest + sched->models[i]->options.delay_ns;
	}
	return wake_ns;
}

static bool batching_keep_expired(struct isched *sched, struct isched_request *request)
{
	if (!sched->options.timeout_delays)
		return false;
	isched_queue_remove(sched, request);
	TAILQ_INSERT_TAIL(&sched->models[request->model]->delayed[request->priority], request,
			  link);
	return true;
}

const struct isched_policy_ops isched_policy_batching = {
	.add = batching_add,
	.remove = batching_remove,
	.pick = batching_pick,
	.wake_ns = batching_wake_ns,
	.keep_expired = batching_keep_expired,
};
