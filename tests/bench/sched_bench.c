// SPDX-License-Identifier: MIT
/*
 * usage: sched_bench [--requests N] [--seeds N] [--json FILE]
 *
 * Goodput of each policy on the same traces, the cost of the core, and the bars
 * that the project holds itself to; README.md says what the figures mean. Exit
 * status 1: a bar is missed, 2: something is broken.
 */
#include "sched_bench.h"

#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define MS		UINT64_C(1000000)
#define POLICIES	4
#define LOADS		4
#define COST_PENDING	10000u

static const struct bench_workload workloads[] = {
	{ "single", false, true, {
		{ 2 * MS, 2 * MS, 1 }, { 3 * MS, 3 * MS, 1 },
		{ 4 * MS, 4 * MS, 1 }, { 6 * MS, 6 * MS, 1 } } },
	{ "batching", false, true, {
		{ 2 * MS, 8 * MS / 10, 8 }, { 3 * MS, 12 * MS / 10, 8 },
		{ 4 * MS, 16 * MS / 10, 8 }, { 6 * MS, 24 * MS / 10, 8 } } },
	{ "packed", true, false, {
		{ 2 * MS, 8 * MS / 10, 8 }, { 3 * MS, 12 * MS / 10, 8 },
		{ 4 * MS, 16 * MS / 10, 8 }, { 6 * MS, 24 * MS / 10, 8 } } },
};

#define WORKLOADS	(sizeof(workloads) / sizeof(workloads[0]))

static const char *const policy_names[POLICIES] = {
	[ISCHED_POLICY_DEADLINE] = "deadline", [ISCHED_POLICY_FIFO] = "fifo",
	[ISCHED_POLICY_BATCHING] = "batching", [ISCHED_POLICY_PRIORITY] = "priority",
};
static const double loads[LOADS] = { 0.5, 0.7, 0.9, 1.2 };

/** struct row - one workload, arrival pattern, load and seed */
struct row {
	const struct bench_workload *workload;
	bool bursts;
	double load;
	unsigned int seed;
	double bound;
	struct sim_result results[POLICIES];
};

/** struct bar - the worst of all rows that it applies to */
struct bar {
	const char *name;
	const char *comparison;
	double limit, value;
	bool at_least, measured;
};

enum {
	BAR_OTHERS, BAR_BOUND, BAR_FIFO, BAR_MISSED, BAR_REFUSED, BAR_WAIT, BAR_CPU,
	BARS,
};

static struct bar bars[BARS] = {
	/* Differences in the fifth digit are those between seeds. */
	[BAR_OTHERS] = { "load 0.9: goodput / best other policy, to 4 digits", ">=", 0.9999, 0,
			 true, false },
	[BAR_BOUND] = { "load 0.9: goodput / clairvoyant bound", ">=", 0.9, 0, true, false },
	[BAR_FIFO] = { "load 1.2: goodput / FIFO", ">=", 1.5, 0, true, false },
	[BAR_MISSED] = { "admitted but missed / admitted", "<=", 0.001, 0, false, false },
	[BAR_REFUSED] = { "load 0.5: refused / offered", "<=", 0.01, 0, false, false },
	[BAR_WAIT] = { "longest wait without deadline / ageing bound", "<=", 1, 0, false, false },
	[BAR_CPU] = { "CPU per request at 10,000 pending (us)", "<=", 2, 0, false, false },
};

static void bar_add(unsigned int index, double value)
{
	struct bar *bar = &bars[index];

	if (!bar->measured || (bar->at_least ? value < bar->value : value > bar->value))
		bar->value = value;
	bar->measured = true;
}

static bool bar_held(const struct bar *bar)
{
	return bar->measured && (bar->at_least ? bar->value >= bar->limit
					       : bar->value <= bar->limit);
}

static double ratio(double part, double whole)
{
	return whole > 0 ? part / whole : part > 0 ? INFINITY : 0;
}

static void judge_row(const struct row *row)
{
	const struct sim_result *ours = &row->results[ISCHED_POLICY_DEADLINE];

	if (!row->workload->has_bars)
		return;
	for (int p = 0; row->load == 0.9 && p < POLICIES; p++)
		if (p != ISCHED_POLICY_DEADLINE)
			bar_add(BAR_OTHERS, ratio(ours->goodput, row->results[p].goodput));
	if (row->load == 0.9)
		bar_add(BAR_BOUND, ratio(ours->goodput, row->bound));
	if (row->load == 1.2)
		bar_add(BAR_FIFO, ratio(ours->goodput, row->results[ISCHED_POLICY_FIFO].goodput));
	if (row->load == 0.5)
		bar_add(BAR_REFUSED, ratio((double)ours->refused, (double)ours->offered));
	bar_add(BAR_MISSED, ratio((double)ours->missed, (double)ours->admitted));
	bar_add(BAR_WAIT, (double)ours->fair_wait_max_ns / (double)BENCH_AGEING_NS);
}

static void print_row(const struct row *row)
{
	printf("%-9s %-8s load %.1f seed %u  bound %.4f ", row->workload->name,
	       row->bursts ? "bursts" : "poisson", row->load, row->seed, row->bound);
	for (int p = 0; p < POLICIES; p++)
		printf(" %s %.4f", policy_names[p], row->results[p].goodput);
	printf("  refused %.4f missed %.5f wait %.0f ms\n",
	       ratio((double)row->results[0].refused, (double)row->results[0].offered),
	       ratio((double)row->results[0].missed, (double)row->results[0].admitted),
	       (double)row->results[0].fair_wait_max_ns / 1e6);
	fflush(stdout);
}

static void run_row(struct row *row, size_t requests)
{
	struct trace_options options = {
		.workload = row->workload, .load = row->load, .bursts = row->bursts,
		.seed = row->seed, .count = requests,
	};
	struct trace trace;

	trace_make(&trace, &options);
	row->bound = bound_goodput(row->workload, &trace);
	for (int p = 0; p < POLICIES; p++)
		sim_run(row->workload, &trace, (enum isched_policy)p, &row->results[p]);
	trace_free(&trace);
	print_row(row);
	judge_row(row);
}

static void measure_cost(size_t requests)
{
	uint32_t count = requests < 1000000 ? (uint32_t)requests : 1000000;
	double us = cost_cpu_us(COST_PENDING, count);

	/* Others' work on the machine only ever adds. */
	for (int i = 0; i < 2; i++)
		us = fmin(us, cost_cpu_us(COST_PENDING, count));
	printf("CPU per request with %u pending: %.3f us\n", COST_PENDING, us);
	bar_add(BAR_CPU, us);
}

static void write_row(FILE *file, const struct row *row, bool last)
{
	fprintf(file, "  {\"workload\": \"%s\", \"arrivals\": \"%s\", \"load\": %.1f, "
		"\"seed\": %u, \"bound\": %.6f, \"policies\": {", row->workload->name,
		row->bursts ? "bursts" : "poisson", row->load, row->seed, row->bound);
	for (int p = 0; p < POLICIES; p++) {
		const struct sim_result *result = &row->results[p];

		fprintf(file, "%s\"%s\": {\"goodput\": %.6f, \"offered\": %lu, \"admitted\": %lu, "
			"\"missed\": %lu, \"refused\": %lu, \"best_effort_wait_max_ms\": %.3f}",
			p ? ", " : "", policy_names[p], result->goodput,
			(unsigned long)result->offered, (unsigned long)result->admitted,
			(unsigned long)result->missed, (unsigned long)result->refused,
			(double)result->fair_wait_max_ns / 1e6);
	}
	fprintf(file, "}}%s\n", last ? "" : ",");
}

static void write_json(const char *path, const struct row *rows, size_t count, size_t requests)
{
	FILE *file = fopen(path, "w");

	if (!file) {
		perror(path);
		exit(2);
	}
	fprintf(file, "{\n \"schema\": \"aci-sched-bench\", \"schema_version\": 1,\n"
		" \"requests\": %zu, \"cards\": %u,\n \"rows\": [\n", requests, BENCH_CARDS);
	for (size_t i = 0; i < count; i++)
		write_row(file, &rows[i], i + 1 == count);
	fprintf(file, " ],\n \"bars\": [\n");
	for (int i = 0; i < BARS; i++) {
		fprintf(file, "  {\"name\": \"%s\", \"comparison\": \"%s\", \"limit\": %g, "
			"\"value\": ", bars[i].name, bars[i].comparison, bars[i].limit);
		if (bars[i].measured && isfinite(bars[i].value))
			fprintf(file, "%.6g", bars[i].value);
		else
			fprintf(file, "null");
		fprintf(file, ", \"pass\": %s}%s\n", bar_held(&bars[i]) ? "true" : "false",
			i + 1 < BARS ? "," : "");
	}
	fprintf(file, " ]\n}\n");
	if (fclose(file)) {
		perror(path);
		exit(2);
	}
}

static bool print_bars(void)
{
	bool all = true;

	printf("\nBars (the worst of all rows of the workloads single and batching)\n");
	for (int i = 0; i < BARS; i++) {
		const struct bar *bar = &bars[i];

		printf("%-6s  %s: ", bar_held(bar) ? "held" : "MISSED", bar->name);
		if (bar->measured)
			printf("%.4g", bar->value);
		else
			printf("not measured");
		printf(" %s %g\n", bar->comparison, bar->limit);
		all &= bar_held(bar);
	}
	return all;
}

static size_t run_rows(struct row *rows, unsigned int seeds, size_t requests)
{
	size_t count = WORKLOADS * 2 * LOADS * seeds;

	for (size_t i = 0; i < count; i++) {
		rows[i] = (struct row){
			.workload = &workloads[i / (2 * LOADS * seeds)],
			.bursts = i / (LOADS * seeds) % 2,
			.load = loads[i / seeds % LOADS],
			.seed = (unsigned int)(i % seeds) + 1,
		};
		run_row(&rows[i], requests);
	}
	return count;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "requests", required_argument, NULL, 'r' },
		{ "seeds", required_argument, NULL, 's' },
		{ "json", required_argument, NULL, 'j' },
		{ 0 },
	};
	size_t requests = 1000000, count;
	const char *json = NULL;
	unsigned int seeds = 3;
	struct row *rows;
	bool held;
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'r')
			requests = strtoul(optarg, NULL, 10);
		else if (option == 's')
			seeds = (unsigned int)strtoul(optarg, NULL, 10);
		else if (option == 'j')
			json = optarg;
		else
			return 2;
	}
	if (requests < 1000 || !seeds || seeds > 100) {
		fprintf(stderr, "sched_bench: 1000 requests and 1 to 100 seeds at least\n");
		return 2;
	}
	rows = calloc(WORKLOADS * 2 * LOADS * seeds, sizeof(*rows));
	if (!rows)
		return 2;
	count = run_rows(rows, seeds, requests);
	measure_cost(requests);
	held = print_bars();
	if (json)
		write_json(json, rows, count, requests);
	free(rows);
	return held ? 0 : 1;
}
