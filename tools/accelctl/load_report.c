// SPDX-License-Identifier: MIT
/* Load: what came out of it. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "load.h"

static const struct {
	const char *name;
	double part;
} percentiles[] = {
	{ "p50", 0.5 }, { "p90", 0.9 }, { "p95", 0.95 }, { "p99", 0.99 }, { "p999", 0.999 },
};

#define PERCENTILES	(sizeof(percentiles) / sizeof(percentiles[0]))

static int compare_doubles(const void *a, const void *b)
{
	double left = *(const double *)a, right = *(const double *)b;

	return (left > right) - (left < right);
}

/* Nearest rank; sorted and not empty. */
static double percentile(const double *samples, uint64_t count, double part)
{
	uint64_t rank = (uint64_t)(part * count + 0.999999);

	return samples[rank > count ? count - 1 : rank ? rank - 1 : 0];
}

static double mean(const double *samples, uint64_t count)
{
	double sum = 0;

	for (uint64_t i = 0; i < count; i++)
		sum += samples[i];
	return sum / count;
}

static void times_json(const char *key, const double *samples, uint64_t count)
{
	if (!count)
		return;
	json_open_object(key);
	json_real("min", samples[0]);
	json_real("mean", mean(samples, count));
	for (size_t i = 0; i < PERCENTILES; i++)
		json_real(percentiles[i].name, percentile(samples, count, percentiles[i].part));
	json_real("max", samples[count - 1]);
	json_close_object();
}

static const char *const policy_names[] = { "deadline", "fifo", "batching", "priority" };
static const char *const arrival_names[] = { "closed", "poisson", "bursts" };

static void load_json(const struct load *load)
{
	json_open_object("load");
	json_string("arrivals", arrival_names[load->arrivals]);
	if (load->arrivals == LOAD_CLOSED)
		json_uint("clients", load->clients);
	else
		json_real("rate", load->rate);
	json_uint("requests", load->requests);
	json_uint("seed", load->seed);
	json_string("policy", policy_names[load->scheduler_options.policy]);
	json_uint("depth", load->scheduler_options.depth);
	json_uint("batch_max", load->service_info.batch_max);
	if (load->request_options.deadline_ns)
		json_uint("deadline_us", load->request_options.deadline_ns / 1000);
	json_close_object();
}

static void counts_json(const struct load *load)
{
	const struct load_counts *counts = &load->counts;

	json_open_object("requests");
	json_uint("offered", counts->offered);
	json_uint("refused_deadline", counts->refused_deadline);
	json_uint("refused_full", counts->refused_full);
	json_uint("in_time", counts->in_time);
	json_uint("late", counts->late);
	json_uint("timed_out", counts->timed_out);
	json_uint("cancelled", counts->cancelled);
	json_uint("failed", counts->failed);
	json_uint("retries", load->after.retries - load->before.retries);
	json_close_object();
}

static void cards_json(const struct load *load)
{
	json_open_array("cards");
	for (uint32_t i = 0; i < load->card_count; i++) {
		const struct accel_scheduler_card_stats *before = &load->cards_before[i];
		const struct accel_scheduler_card_stats *after = &load->cards_after[i];

		json_open_object(NULL);
		device_json("device", &load->infos[i]);
		json_bool("works", after->works);
		json_uint("batches", after->batches - before->batches);
		json_uint("requests", after->requests - before->requests);
		json_real("busy", (after->busy_ns - before->busy_ns) * 1e-9 / load->seconds);
		json_uint("losses", after->losses - before->losses);
		json_close_object();
	}
	json_close_array();
}

static void sort_samples(struct load *load)
{
	qsort(load->latency_ms, load->sample_count, sizeof(*load->latency_ms), compare_doubles);
	qsort(load->wait_ms, load->sample_count, sizeof(*load->wait_ms), compare_doubles);
}

void load_report_json(struct load *load)
{
	sort_samples(load);
	json_string("model", load->path);
	load_json(load);
	counts_json(load);
	json_real("seconds", load->seconds);
	json_real("requests_per_second", load->sample_count / load->seconds);
	json_uint("batches", load->after.batches - load->before.batches);
	times_json("latency_ms", load->latency_ms, load->sample_count);
	times_json("wait_ms", load->wait_ms, load->sample_count);
	cards_json(load);
}

static void times_text(const char *what, const double *samples, uint64_t count)
{
	printf("%-15s", what);
	for (size_t i = 0; i < PERCENTILES; i++)
		printf(" %s %.3f", percentiles[i].name, percentile(samples, count, percentiles[i].part));
	printf(" max %.3f ms\n", samples[count - 1]);
}

void load_report_text(struct load *load)
{
	const struct load_counts *counts = &load->counts;
	uint64_t batches = load->after.batches - load->before.batches;

	sort_samples(load);
	printf("%-15s %" PRIu64 " offered, %" PRIu64 " in time, %" PRIu64 " late, %" PRIu64
	       " timed out, %" PRIu64 " failed\n", "requests", counts->offered, counts->in_time,
	       counts->late, counts->timed_out + counts->cancelled, counts->failed);
	printf("%-15s %" PRIu64 " for their deadline, %" PRIu64 " by a full queue\n", "refused",
	       counts->refused_deadline, counts->refused_full);
	printf("%-15s %.1f requests/s in %.3f s, %" PRIu64 " batches of %.2f on average\n",
	       "throughput", load->sample_count / load->seconds, load->seconds, batches,
	       batches ? (double)load->sample_count / batches : 0.0);
	if (load->sample_count) {
		times_text("latency", load->latency_ms, load->sample_count);
		times_text("wait", load->wait_ms, load->sample_count);
	}
	for (uint32_t i = 0; i < load->card_count; i++) {
		const struct accel_scheduler_card_stats *before = &load->cards_before[i];
		const struct accel_scheduler_card_stats *after = &load->cards_after[i];

		printf("card %-10s %" PRIu64 " requests in %" PRIu64 " batches, busy %.1f %%%s\n",
		       load->infos[i].name, after->requests - before->requests,
		       after->batches - before->batches,
		       (after->busy_ns - before->busy_ns) * 1e-7 / load->seconds,
		       after->works ? "" : ", gone");
	}
}

int load_status(const struct load *load)
{
	if (!load->counts.failed)
		return STATUS_OK;
	fprintf(stderr, "accelctl %s: %" PRIu64 " requests failed, the first one: %s\n",
		load->arguments->command->name, load->counts.failed,
		strerror(-load->counts.error));
	return STATUS_JOB;
}
