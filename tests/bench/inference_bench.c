// SPDX-License-Identifier: MIT
/*
 * usage: inference_bench [--json FILE] [whole|scale|cost ...]
 *
 * Whole inferences through the scheduler on virtual cards in this process, and
 * the bars for them; README.md says what the figures mean. Exit status 1: a bar
 * is missed, 2: something is broken.
 */
#include "inference_bench.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define PENDING		10000u
#define REQUESTS	100000u
#define SCALE_REQUESTS	400u	/* for each card */

/** struct bar - a figure and what it should be */
struct bar {
	const char *topic, *name, *comparison;
	double limit, value;
	bool at_least, measured;
};

static struct bar bars[] = {
	{ "whole", "whole inference of 10 ms: library / direct", "<=", 1.05, 0, false, false },
	{ "whole", "whole inference of 1 ms: library / direct", "<=", 1.20, 0, false, false },
	{ "scale", "modelled time: throughput of 2 cards / (2 * 1 card)", ">=", 0.95, 0, true,
	  false },
	{ "scale", "modelled time: throughput of 8 cards / (8 * 1 card)", ">=", 0.9, 0, true,
	  false },
	{ "cost", "CPU per request through all threads at 10,000 pending (us)", "<=", 2, 0, false,
	  false },
};

#define BARS	(sizeof(bars) / sizeof(bars[0]))

void bench_must(int result, const char *what)
{
	if (!result)
		return;
	fprintf(stderr, "inference_bench: %s: %d: %s\n", what, result, accel_last_error());
	exit(2);
}

static uint64_t read_clock(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint64_t bench_clock_ns(void)
{
	return read_clock(CLOCK_MONOTONIC);
}

/* First figure of schedstat: time on a processor in ns. The card's threads are named "aci-...". */
static uint64_t task_cpu_ns(const char *task)
{
	char path[300], name[32] = "";
	unsigned long long ns = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/task/%s/comm", task);
	file = fopen(path, "re");
	if (!file || !fgets(name, sizeof(name), file))
		name[0] = '\0';
	if (file)
		fclose(file);
	if (!strncmp(name, "aci-", 4))
		return 0;
	snprintf(path, sizeof(path), "/proc/self/task/%s/schedstat", task);
	file = fopen(path, "re");
	if (file && fscanf(file, "%llu", &ns) != 1)
		ns = 0;
	if (file)
		fclose(file);
	return ns;
}

uint64_t bench_cpu_ns(void)
{
	DIR *tasks = opendir("/proc/self/task");
	struct dirent *task;
	uint64_t ns = 0;

	bench_must(tasks ? 0 : -1, "/proc/self/task");
	while ((task = readdir(tasks)))
		if (task->d_name[0] != '.')
			ns += task_cpu_ns(task->d_name);
	closedir(tasks);
	return ns;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

double bench_median(double *values, uint32_t count)
{
	qsort(values, count, sizeof(*values), compare);
	return values[count / 2];
}

static void set_bar(uint32_t index, double value)
{
	bars[index].value = value;
	bars[index].measured = true;
}

static void run_whole(void)
{
	static const double ms[] = { 10, 1 };

	for (uint32_t i = 0; i < 2; i++) {
		struct whole_result result = whole_measure(ms[i]);

		printf("whole inference, %u rows: direct %.3f ms, library %.3f ms, ratio of pairs "
		       "%.3f (medians)\n", result.rows, result.direct_ms, result.library_ms,
		       result.ratio);
		set_bar(i, result.ratio);
	}
}

static void run_scale(void)
{
	double one = scale_measure(1, SCALE_REQUESTS), two, eight;

	two = scale_measure(2, 2 * SCALE_REQUESTS);
	eight = scale_measure(8, 8 * SCALE_REQUESTS);
	printf("modelled time: %.1f requests/s on 1 card, %.1f on 2, %.1f on 8\n", one, two, eight);
	set_bar(2, two / (2 * one));
	set_bar(3, eight / (8 * one));
}

static void run_cost(void)
{
	set_bar(4, cost_measure(PENDING, REQUESTS) * 1e-3);
}

static bool bar_held(const struct bar *bar)
{
	return bar->at_least ? bar->value >= bar->limit : bar->value <= bar->limit;
}

static int print_bars(void)
{
	int missed = 0;

	printf("\nBars\n");
	for (uint32_t i = 0; i < BARS; i++) {
		if (!bars[i].measured)
			continue;
		missed |= !bar_held(&bars[i]);
		printf("%-7s %s: %.4g %s %g\n", bar_held(&bars[i]) ? "held" : "MISSED",
		       bars[i].name, bars[i].value, bars[i].comparison, bars[i].limit);
	}
	return missed;
}

static void write_json(const char *path)
{
	FILE *file = fopen(path, "we");
	bool first = true;

	bench_must(file ? 0 : -1, path);
	fprintf(file, "{\"schema\":\"aci-inference-bench\",\"schema_version\":1,\"bars\":[");
	for (uint32_t i = 0; i < BARS; i++) {
		if (!bars[i].measured)
			continue;
		fprintf(file, "%s\n{\"name\":\"%s\",\"value\":%.6g,\"comparison\":\"%s\","
			"\"limit\":%g,\"pass\":%s}", first ? "" : ",", bars[i].name, bars[i].value,
			bars[i].comparison, bars[i].limit, bar_held(&bars[i]) ? "true" : "false");
		first = false;
	}
	fprintf(file, "\n]}\n");
	bench_must(fclose(file), path);
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*run)(void);
	} topics[] = { { "whole", run_whole }, { "scale", run_scale }, { "cost", run_cost } };
	const char *json = NULL;
	bool all = true;

	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--json") && i + 1 < argc)
			json = argv[++i];
		else
			all = false;
	}
	for (uint32_t t = 0; t < 3; t++) {
		bool wanted = all;

		for (int i = 1; i < argc; i++)
			wanted |= !strcmp(argv[i], topics[t].name);
		if (wanted)
			topics[t].run();
	}
	if (json)
		write_json(json);
	return print_bars();
}
