// SPDX-License-Identifier: MIT
/* Modelled cards: they do one batch at a time, for as long as the trace says. */
#include "sched_bench.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CLIENTS		8u

struct sim_card {
	struct isched_batch *batch;	/* NULL: idle */
	uint64_t done_ns, exec_ns;
};

struct sim_request {
	struct isched_request request;
	struct sim_request *next_free;
	int16_t noise;
};

struct sim {
	const struct bench_workload *workload;
	struct isched *sched;
	struct sim_card cards[BENCH_CARDS];
	struct sim_request *free;
	struct sim_result *result;
	uint64_t now_ns;
	bool promises;			/* the policy refuses what it cannot do */
};

static void must(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "sched_bench: %s\n", what);
	exit(2);
}

static struct sim_request *sim_get(struct sim *sim)
{
	struct sim_request *request = sim->free;

	if (request) {
		sim->free = request->next_free;
		return request;
	}
	request = malloc(sizeof(*request));
	must(request, "out of memory");
	return request;
}

static void sim_put(struct sim *sim, struct sim_request *request)
{
	request->next_free = sim->free;
	sim->free = request;
}

static void sim_start(struct sim *sim, struct isched_batch *batch)
{
	const struct bench_model *model = &sim->workload->models[batch->model];
	const struct sim_request *first =
		(const struct sim_request *)TAILQ_FIRST(&batch->requests);
	struct sim_card *card = &sim->cards[batch->card];
	uint64_t plain_ns = model->first_ns + (batch->count - 1) * model->next_ns;

	must(!card->batch, "a card does two batches at once");
	must(batch->count <= model->batch_max, "a batch is too large");
	card->batch = batch;
	card->exec_ns = plain_ns * (uint64_t)(10000 + first->noise) / 10000;
	card->done_ns = sim->now_ns + card->exec_ns;
}

static void sim_end(struct sim *sim, struct sim_request *request)
{
	const struct isched_request *ended = &request->request;
	struct sim_result *result = sim->result;

	if (ended->deadline_ns == ISCHED_NEVER) {
		result->fair_done += !ended->result;
		if (ended->start_ns - ended->arrival_ns > result->fair_wait_max_ns)
			result->fair_wait_max_ns = ended->start_ns - ended->arrival_ns;
	} else if (!ended->result && ended->end_ns <= ended->deadline_ns) {
		result->good++;
	} else {
		result->missed++;
	}
	sim_put(sim, request);
}

static void sim_act(struct sim *sim)
{
	struct isched_action *action;

	while ((action = isched_next_action(sim->sched))) {
		switch (action->kind) {
		case ISCHED_START:
			sim_start(sim, action->batch);
			break;
		case ISCHED_END:
			sim_end(sim, (struct sim_request *)action->request);
			break;
		default:	/* here models are there as soon as they are asked for */
			break;
		}
	}
}

static void sim_submit(struct sim *sim, const struct trace_request *trace)
{
	struct sim_request *request = sim_get(sim);
	bool fair = trace->deadline_ns == ISCHED_NEVER;
	int ret;

	memset(&request->request, 0, sizeof(request->request));
	request->noise = trace->noise;
	request->request.model = trace->model;
	request->request.client = trace->client;
	request->request.priority = trace->priority;
	request->request.deadline_ns = trace->deadline_ns;
	/* Batching ends what has timed out in its queue: the best that it can do for goodput. */
	request->request.timeout_ns = sim->promises ? ISCHED_NEVER : trace->deadline_ns;
	ret = isched_submit(sim->sched, &request->request, sim->now_ns);
	must(!ret || ret == -EBUSY || ret == -EAGAIN, "a request is refused for a wrong reason");
	sim->result->offered += !fair;
	sim->result->fair_offered += fair;
	if (!fair && ret)
		sim->result->refused++;
	else if (!fair)
		sim->result->admitted++;
	if (ret)
		sim_put(sim, request);
}

static struct sim_card *next_done(struct sim *sim)
{
	struct sim_card *next = NULL;

	for (uint32_t i = 0; i < BENCH_CARDS; i++)
		if (sim->cards[i].batch && (!next || sim->cards[i].done_ns < next->done_ns))
			next = &sim->cards[i];
	return next;
}

static void sim_card_done(struct sim *sim, struct sim_card *card)
{
	struct isched_batch *batch = card->batch;

	card->batch = NULL;
	isched_batch_done(sim->sched, batch, 0, false, card->exec_ns, sim->now_ns);
}

static void sim_loop(struct sim *sim, const struct trace *trace)
{
	size_t next = 0;

	for (;;) {
		struct sim_card *card = next_done(sim);
		uint64_t arrival_ns = next < trace->count ? trace->requests[next].arrival_ns
							  : ISCHED_NEVER;
		uint64_t done_ns = card ? card->done_ns : ISCHED_NEVER;
		uint64_t wake_ns = isched_next_wake_ns(sim->sched);

		if (arrival_ns == ISCHED_NEVER && done_ns == ISCHED_NEVER &&
		    wake_ns == ISCHED_NEVER)
			return;
		if (done_ns <= arrival_ns && done_ns <= wake_ns) {
			sim->now_ns = done_ns;
			sim_card_done(sim, card);
		} else if (arrival_ns <= wake_ns) {
			sim->now_ns = arrival_ns;
			sim_submit(sim, &trace->requests[next++]);
		} else {
			sim->now_ns = wake_ns > sim->now_ns ? wake_ns : sim->now_ns;
			isched_tick(sim->sched, sim->now_ns);
		}
		sim_act(sim);
	}
}

static void sim_models(struct sim *sim)
{
	for (uint32_t i = 0; i < BENCH_MODELS; i++) {
		const struct bench_model *model = &sim->workload->models[i];
		struct isched_model_options options = {
			.batch_max = model->batch_max,
			.first_ns = model->first_ns, .next_ns = model->next_ns,
			.threshold = 1,
		};
		int index;

		if (model->batch_max > 1) {
			options.preferred[0] = model->batch_max / 2;
			options.preferred[1] = model->batch_max;
			options.threshold = model->batch_max / 2;
			options.threshold_timeout_ns = model->first_ns;
		}
		index = isched_add_model(sim->sched, &options);
		must(index == (int)i, "isched_add_model");
		for (uint32_t c = 0; c < BENCH_CARDS; c++)
			isched_bind_model(sim->sched, i, c, true);
	}
	for (uint32_t i = 0; i < CLIENTS; i++)
		must(isched_add_client(sim->sched, 1) == (int)i, "isched_add_client");
}

void sim_run(const struct bench_workload *workload, const struct trace *trace,
	     enum isched_policy policy, struct sim_result *result)
{
	struct isched_options options = {
		.policy = policy, .cards = BENCH_CARDS, .ageing_ns = BENCH_AGEING_NS,
		.queue_limit = 1u << 20,
	};
	struct sim sim = {
		.workload = workload, .result = result,
		.promises = policy != ISCHED_POLICY_BATCHING,
	};
	struct sim_request *request;

	memset(result, 0, sizeof(*result));
	must(!isched_create(&options, &sim.sched), "isched_create");
	sim_models(&sim);
	sim_loop(&sim, trace);
	must(!isched_pending(sim.sched), "requests that never ended");
	must(result->admitted == result->good + result->missed, "ends do not add up");
	result->goodput = (double)result->good / (double)result->offered;
	isched_destroy(sim.sched);
	while ((request = sim.free)) {
		sim.free = request->next_free;
		free(request);
	}
}
