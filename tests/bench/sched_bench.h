/* SPDX-License-Identifier: MIT */
/*
 * Bench of the scheduler's core (lib/isched_core.h) on a virtual clock: the same
 * seeded trace through each policy, a bound that no scheduler can pass, and what
 * the core itself costs.
 *
 * sched_trace.c makes traces, sched_sim.c runs them on modelled cards,
 * sched_bound.c computes the bound, sched_cost.c measures the core, sched_bench.c
 * prints. scheduler.c has QEMU count the core's instructions in the guest.
 *
 * Locking: none; one thread.
 */
#ifndef ISCHED_BENCH_H
#define ISCHED_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/isched_core.h"

#define BENCH_CARDS		4u
#define BENCH_MODELS		4u
#define BENCH_BATCH_MAX		8u
#define BENCH_AGEING_NS		UINT64_C(1000000000)

/** struct bench_model - batch of n: first + (n - 1) * next */
struct bench_model {
	uint64_t first_ns, next_ns;
	uint32_t batch_max;
};

/**
 * struct bench_workload - what the cards can do
 * @packed: load 1 is what they do in full batches; else what they do one by one
 * @has_bars: figures are held against the bars
 */
struct bench_workload {
	const char *name;
	bool packed, has_bars;
	struct bench_model models[BENCH_MODELS];
};

struct trace_request {
	uint64_t arrival_ns;
	uint64_t deadline_ns;		/* ISCHED_NEVER: best effort */
	uint16_t model, client;
	uint16_t priority;
	int16_t noise;			/* of its execution time, in 1/10000 */
};

struct trace {
	struct trace_request *requests;
	size_t count;
	size_t with_deadline;
};

struct trace_options {
	const struct bench_workload *workload;
	double load;			/* of capacity */
	bool bursts;
	uint64_t seed;
	size_t count;
};

void trace_make(struct trace *trace, const struct trace_options *options);
void trace_free(struct trace *trace);

uint64_t bench_random(uint64_t *state);

/** bench_work_ns() - least time of a card for one request: its part of a full batch */
double bench_work_ns(const struct bench_model *model);

/** struct sim_result - of one trace under one policy */
struct sim_result {
	uint64_t offered;		/* with deadline */
	uint64_t good;			/* of them, in time */
	uint64_t admitted, missed;	/* of them: promised, and not in time */
	uint64_t refused;		/* of them */
	uint64_t fair_offered, fair_done;
	uint64_t fair_wait_max_ns;
	double goodput;
};

void sim_run(const struct bench_workload *workload, const struct trace *trace,
	     enum isched_policy policy, struct sim_result *result);

/** bound_goodput() - no scheduler, clairvoyant or not, has more of @trace in time */
double bound_goodput(const struct bench_workload *workload, const struct trace *trace);

/** struct load - requests that are always pending */
struct load;

struct load *cost_prepare(uint32_t pending, bool with_core);
/** cost_run() - @requests end and as many new ones come */
void cost_run(struct load *load, uint32_t requests);
void cost_finish(struct load *load);
/** cost_cpu_us() - of the core, per request, with @pending requests waiting */
double cost_cpu_us(uint32_t pending, uint32_t requests);

#endif
