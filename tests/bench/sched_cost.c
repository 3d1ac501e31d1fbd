// SPDX-License-Identifier: MIT
/*
 * What the core costs: a number of requests is always pending, with deadlines,
 * priorities, timeouts and batching. Each that ends is followed by a new one.
 * The same loop without the core is measured too and subtracted.
 */
#include "sched_bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define CLIENTS		8u
#define SERVICE_NS	UINT64_C(1000000)

struct load {
	struct isched *sched;		/* NULL: the loop alone */
	struct isched_request *requests;
	struct isched_request **ended;
	uint32_t ended_count, pending;
	struct isched_batch *batches[BENCH_CARDS];
	uint64_t done_ns[BENCH_CARDS];
	uint64_t now_ns, random;
	uint32_t admitted;
	uint32_t oldest;		/* of the loop alone */
};

static void must(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "sched_bench: %s\n", what);
	exit(2);
}

static void load_act(struct load *load)
{
	struct isched_action *action;

	while ((action = isched_next_action(load->sched))) {
		if (action->kind == ISCHED_END) {
			load->ended[load->ended_count++] = action->request;
		} else if (action->kind == ISCHED_START) {
			load->batches[action->card] = action->batch;
			load->done_ns[action->card] =
				load->now_ns + SERVICE_NS + action->batch->count * SERVICE_NS / 2;
		}
	}
}

/* Deadlines that can be kept, spread over twice the time that all pending ones take. */
static void load_submit(struct load *load, struct isched_request *request)
{
	uint64_t random = bench_random(&load->random);
	uint64_t span_ns = load->pending * SERVICE_NS / BENCH_CARDS;

	memset(request, 0, sizeof(*request));
	request->model = random % BENCH_MODELS;
	request->client = random / 16 % CLIENTS;
	request->priority = random / 256 % ISCHED_PRIORITIES;
	request->deadline_ns = random / 4096 % 16 ? load->now_ns + 2 * span_ns +
						    random / 65536 % (2 * span_ns + 1)
						  : ISCHED_NEVER;
	request->timeout_ns = load->now_ns + 16 * span_ns;
	if (!load->sched)
		return;
	load->admitted += !isched_submit(load->sched, request, load->now_ns);
	load_act(load);
}

static void load_done(struct load *load)
{
	uint32_t first = 0;
	struct isched_batch *batch;
	uint64_t exec_ns;

	for (uint32_t i = 1; i < BENCH_CARDS; i++)
		if (load->done_ns[i] < load->done_ns[first])
			first = i;
	batch = load->batches[first];
	exec_ns = SERVICE_NS + (batch ? batch->count : 1) * SERVICE_NS / 2;
	load->now_ns = load->done_ns[first];
	load->done_ns[first] = ISCHED_NEVER;
	if (batch) {
		load->batches[first] = NULL;
		isched_batch_done(load->sched, batch, 0, false, exec_ns, load->now_ns);
		load_act(load);
	} else {
		load->done_ns[first] = load->now_ns + exec_ns;
		load->ended[load->ended_count++] =
			&load->requests[load->oldest++ % load->pending];
	}
}

static void load_create(struct load *load)
{
	struct isched_options options = {
		.cards = BENCH_CARDS, .queue_limit = 1u << 20,
		.ageing_ns = 16 * (load->pending * SERVICE_NS / BENCH_CARDS),
	};
	struct isched_model_options model = {
		.batch_max = BENCH_BATCH_MAX, .preferred = { 4, 8 },
		.first_ns = 3 * SERVICE_NS / 2, .next_ns = SERVICE_NS / 2,
	};

	must(!isched_create(&options, &load->sched), "isched_create");
	for (uint32_t i = 0; i < BENCH_MODELS; i++) {
		must(isched_add_model(load->sched, &model) == (int)i, "isched_add_model");
		for (uint32_t c = 0; c < BENCH_CARDS; c++)
			isched_bind_model(load->sched, i, c, true);
	}
	for (uint32_t i = 0; i < CLIENTS; i++)
		must(isched_add_client(load->sched, 1) == (int)i, "isched_add_client");
}

static void load_fill(struct load *load)
{
	load->random = 1;
	load->requests = calloc(load->pending, sizeof(*load->requests));
	load->ended = calloc(load->pending + 1, sizeof(*load->ended));
	must(load->requests && load->ended, "out of memory");
	for (uint32_t i = 0; i < load->pending; i++)
		load_submit(load, &load->requests[i]);
	must(!load->sched || load->admitted == load->pending, "a request was refused");
}

void cost_run(struct load *load, uint32_t requests)
{
	for (uint32_t done = 0; done < requests;) {
		load_done(load);
		while (load->ended_count) {
			load_submit(load, load->ended[--load->ended_count]);
			done++;
		}
	}
}

static uint64_t cpu_ns(void)
{
	struct timespec time;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
	return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

struct load *cost_prepare(uint32_t pending, bool with_core)
{
	struct load *load = calloc(1, sizeof(*load));

	must(load, "out of memory");
	load->pending = pending;
	if (with_core)
		load_create(load);
	load_fill(load);
	return load;
}

void cost_finish(struct load *load)
{
	isched_destroy(load->sched);
	free(load->requests);
	free(load->ended);
	free(load);
}

static double run_cpu_ns(uint32_t pending, uint32_t requests, bool with_core)
{
	struct load *load = cost_prepare(pending, with_core);
	uint64_t start_ns = cpu_ns();
	double ns;

	cost_run(load, requests);
	ns = (double)(cpu_ns() - start_ns);
	cost_finish(load);
	return ns;
}

double cost_cpu_us(uint32_t pending, uint32_t requests)
{
	return (run_cpu_ns(pending, requests, true) - run_cpu_ns(pending, requests, false)) /
	       requests / 1000;
}
