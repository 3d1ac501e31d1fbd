// SPDX-License-Identifier: MIT
/* Traces: who comes when, from a seed alone. */
#include "sched_bench.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define CLIENTS			8u
/* In percent of the requests. */
#define CRITICAL		40u
#define BULK			55u
#define CRITICAL_TIMES		5u
#define BULK_TIMES		20u
/* Bursts: a quarter of the time 2.5 times the mean rate, half of it in between. */
#define BURST_MEAN_NS		50e6
#define CALM_MEAN_NS		150e6
#define BURST_RATE		2.5
#define CALM_RATE		0.5
#define NOISE			1000	/* of 10000: execution times are within 10 % */

uint64_t bench_random(uint64_t *state)
{
	uint64_t z = (*state += 0x9e3779b97f4a7c15ull);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
	return z ^ (z >> 31);
}

static double random_exponential(uint64_t *state, double mean)
{
	double u = (double)((bench_random(state) >> 11) + 1) / 9007199254740993.0;

	return -log(u) * mean;
}

double bench_work_ns(const struct bench_model *model)
{
	return (double)(model->first_ns + (model->batch_max - 1) * model->next_ns) /
	       model->batch_max;
}

/* Time between requests at load 1; every model is asked for equally often. */
static double mean_gap_ns(const struct bench_workload *workload)
{
	double work = 0;

	for (uint32_t i = 0; i < BENCH_MODELS; i++)
		work += workload->packed ? bench_work_ns(&workload->models[i])
					 : (double)workload->models[i].first_ns;
	return work / BENCH_MODELS / BENCH_CARDS;
}

static void make_request(struct trace_request *request, const struct bench_workload *workload,
			 uint64_t arrival_ns, uint64_t *state)
{
	uint32_t kind = (uint32_t)(bench_random(state) % 100);
	uint64_t times = kind < CRITICAL ? CRITICAL_TIMES : BULK_TIMES;

	request->arrival_ns = arrival_ns;
	request->model = (uint16_t)(bench_random(state) % BENCH_MODELS);
	request->client = (uint16_t)(bench_random(state) % CLIENTS);
	request->noise = (int16_t)((int64_t)(bench_random(state) % (2 * NOISE + 1)) - NOISE);
	request->priority = kind < CRITICAL ? ISCHED_HIGH
					    : kind < CRITICAL + BULK ? ISCHED_NORMAL : ISCHED_LOW;
	request->deadline_ns = kind < CRITICAL + BULK
				       ? arrival_ns + times *
						 workload->models[request->model].first_ns
				       : ISCHED_NEVER;
}

void trace_make(struct trace *trace, const struct trace_options *options)
{
	uint64_t state = options->seed * 0x2545f4914f6cdd1dull + options->bursts;
	double gap = mean_gap_ns(options->workload) / options->load, now = 0, phase_end = 0;
	double rate = 1;
	bool burst = true;

	trace->requests = malloc(options->count * sizeof(*trace->requests));
	if (!trace->requests) {
		perror("trace");
		exit(2);
	}
	trace->count = options->count;
	trace->with_deadline = 0;
	for (size_t i = 0; i < options->count; i++) {
		while (options->bursts && now >= phase_end) {
			burst = !burst;
			rate = burst ? BURST_RATE : CALM_RATE;
			phase_end += random_exponential(&state,
							burst ? BURST_MEAN_NS : CALM_MEAN_NS);
		}
		now += random_exponential(&state, gap / rate);
		make_request(&trace->requests[i], options->workload, (uint64_t)now, &state);
		trace->with_deadline += trace->requests[i].deadline_ns != ISCHED_NEVER;
	}
}

void trace_free(struct trace *trace)
{
	free(trace->requests);
}
