// SPDX-License-Identifier: MIT
/*
 * A bound for every scheduler, also for one that knows the whole trace.
 *
 * Relaxed: the cards are one machine of their joint speed that may interrupt
 * work at any time, each request costs only its part of a full batch at its
 * shortest, best effort does not exist, and a part of a request counts as
 * that part. Then the sets of work that can be done in time are a polymatroid,
 * and the greedy choice is optimal: the cheapest requests first, of each kind
 * as much as still fits. What a set of kinds can have done at most is what
 * earliest-deadline-first does of it if it drops work at its deadline.
 */
#include "sched_bench.h"

#include <stdio.h>
#include <stdlib.h>

struct job {
	double deadline;
	double work;
};

struct heap {
	struct job *jobs;
	size_t count;
};

static void heap_push(struct heap *heap, struct job job)
{
	size_t i = heap->count++;

	while (i && heap->jobs[(i - 1) / 2].deadline > job.deadline) {
		heap->jobs[i] = heap->jobs[(i - 1) / 2];
		i = (i - 1) / 2;
	}
	heap->jobs[i] = job;
}

static void heap_pop(struct heap *heap)
{
	struct job last = heap->jobs[--heap->count];
	size_t i = 0, child;

	while ((child = 2 * i + 1) < heap->count) {
		if (child + 1 < heap->count &&
		    heap->jobs[child + 1].deadline < heap->jobs[child].deadline)
			child++;
		if (heap->jobs[child].deadline >= last.deadline)
			break;
		heap->jobs[i] = heap->jobs[child];
		i = child;
	}
	heap->jobs[i] = last;
}

/* Work done in [now, until), in time of one card. */
static double advance(struct heap *heap, double now, double until)
{
	double done = 0;

	while (heap->count && now < until) {
		struct job *job = &heap->jobs[0];
		double end = job->deadline < until ? job->deadline : until, part;

		if (end <= now) {
			heap_pop(heap);
			continue;
		}
		part = (end - now) * BENCH_CARDS;
		if (part >= job->work) {
			now += job->work / BENCH_CARDS;
			done += job->work;
			heap_pop(heap);
		} else {
			done += part;
			job->work -= part;
			now = end;
		}
	}
	return done;
}

/* A batch may be as short as its luckiest member makes it. */
static double least_work_ns(const struct bench_model *model, const struct trace_request *request)
{
	double noise = model->batch_max > 1 ? -0.1 : request->noise / 10000.0;

	return bench_work_ns(model) * (1 + noise);
}

static double done_with(const struct bench_workload *workload, const struct trace *trace,
			double dearest_ns, struct heap *heap)
{
	double now = 0, done = 0;

	for (size_t i = 0; i < trace->count; i++) {
		const struct trace_request *request = &trace->requests[i];
		const struct bench_model *model = &workload->models[request->model];

		if (request->deadline_ns == ISCHED_NEVER || bench_work_ns(model) > dearest_ns)
			continue;
		done += advance(heap, now, (double)request->arrival_ns);
		now = (double)request->arrival_ns;
		heap_push(heap, (struct job){ (double)request->deadline_ns,
					      least_work_ns(model, request) });
	}
	return done + advance(heap, now, 1e30);
}

/* Mean work of one request of the kind with this cost, so that work counts as requests. */
static double mean_work_ns(const struct bench_workload *workload, const struct trace *trace,
			   double work_ns)
{
	double sum = 0, count = 0;

	for (size_t i = 0; i < trace->count; i++) {
		const struct trace_request *request = &trace->requests[i];
		const struct bench_model *model = &workload->models[request->model];

		if (request->deadline_ns == ISCHED_NEVER || bench_work_ns(model) != work_ns)
			continue;
		sum += least_work_ns(model, request);
		count++;
	}
	return sum / count;
}

double bound_goodput(const struct bench_workload *workload, const struct trace *trace)
{
	struct heap heap = { malloc((trace->count + 1) * sizeof(struct job)), 0 };
	double before = 0, good = 0;

	if (!heap.jobs) {
		perror("bound");
		exit(2);
	}
	/* The models are in the order of their cost. */
	for (uint32_t i = 0; i < BENCH_MODELS; i++) {
		double work_ns = bench_work_ns(&workload->models[i]);
		double done = done_with(workload, trace, work_ns, &heap);

		good += (done - before) / mean_work_ns(workload, trace, work_ns);
		before = done;
	}
	free(heap.jobs);
	return good / (double)trace->with_deadline;
}
