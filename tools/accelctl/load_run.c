// SPDX-License-Identifier: MIT
/*
 * Load: requests. In a closed loop each end submits the next one; in an open one
 * they come when they are due, and latency counts from then, also if this
 * process was late.
 */
#include <errno.h>
#include <math.h>
#include <time.h>

#include "load.h"

/* Bursts: in each cycle so long at this multiple of the rate, then at the other. */
#define CYCLE_S		0.4
#define BURST_PART	0.25
#define BURST_FACTOR	2.5
#define QUIET_FACTOR	0.5

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ull + now.tv_nsec;
}

/* --- Ends ------------------------------------------------------------------------- */

/* Locked. */
static void count_end(struct load *load, const struct load_job *job,
		      const struct accel_request_info *info)
{
	struct load_counts *counts = &load->counts;
	uint64_t deadline_ns = load->request_options.deadline_ns;

	switch (info->result) {
	case 0:
		load->latency_ms[load->sample_count] = (info->end_ns - job->due_ns) * 1e-6;
		load->wait_ms[load->sample_count++] = (info->start_ns - job->due_ns) * 1e-6;
		if (deadline_ns && info->end_ns - info->submit_ns > deadline_ns)
			counts->late++;
		else
			counts->in_time++;
		break;
	case -ETIME:
		counts->timed_out++;
		break;
	case -ECANCELED:
		counts->cancelled++;
		break;
	default:
		counts->failed++;
		if (!counts->error)
			counts->error = info->result;
	}
}

static bool submit(struct load *load, struct load_job *job);

/* Locked; it is given up meanwhile. Closed loop: the next one, as long as there are any. */
static void go_on(struct load *load, struct load_job *job)
{
	while (load->left) {
		load->left--;
		pthread_mutex_unlock(&load->lock);
		job->due_ns = now_ns();
		if (submit(load, job)) {
			pthread_mutex_lock(&load->lock);
			return;
		}
		pthread_mutex_lock(&load->lock);
	}
	job->next = load->free_jobs;
	load->free_jobs = job;
	if (!--load->in_flight)
		pthread_cond_signal(&load->changed);
}

static void request_done(void *opaque, struct accel_request *request, int result)
{
	struct load_job *job = opaque;
	struct load *load = job->load;
	struct accel_request_info info;

	(void)result;
	accel_request_get_info(request, &info);
	pthread_mutex_lock(&load->lock);
	if (load->measured)
		count_end(load, job, &info);
	go_on(load, job);
	pthread_mutex_unlock(&load->lock);
}

/* Return: false: it was refused, which is counted. */
static bool submit(struct load *load, struct load_job *job)
{
	struct accel_request_options options = load->request_options;
	int err;

	options.inputs = job->tensors;
	options.outputs = job->tensors + load->service_info.input_count;
	options.done = request_done;
	options.opaque = job;
	if (!load->measured)
		options.deadline_ns = options.timeout_ns = 0;
	err = accel_request_submit(load->client, &options, NULL);
	if (!load->measured)
		return !err;
	pthread_mutex_lock(&load->lock);
	load->counts.offered++;
	if (err == -EBUSY)
		load->counts.refused_deadline++;
	else if (err == -EAGAIN)
		load->counts.refused_full++;
	else if (err)
		load->counts.failed++;
	if (err && err != -EBUSY && err != -EAGAIN && !load->counts.error)
		load->counts.error = err;
	pthread_mutex_unlock(&load->lock);
	return !err;
}

/* Locked. */
static void await_all(struct load *load)
{
	while (load->in_flight)
		pthread_cond_wait(&load->changed, &load->lock);
}

/* --- Loops ------------------------------------------------------------------------ */

static struct load_job *take_job(struct load *load)
{
	struct load_job *job = load->free_jobs;

	if (job) {
		load->free_jobs = job->next;
		load->in_flight++;
	}
	return job;
}

static void run_closed(struct load *load, uint64_t requests, uint64_t at_once)
{
	struct load_job *job;

	pthread_mutex_lock(&load->lock);
	load->left = requests;
	while (load->left && at_once-- && (job = take_job(load)))
		go_on(load, job);
	await_all(load);
	pthread_mutex_unlock(&load->lock);
}

static double next_uniform(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return ((*state >> 11) + 1) * 0x1p-53;
}

/* Seconds from one arrival to the next; @at: when the last one was. */
static double next_gap(const struct load *load, double at, uint64_t *random)
{
	double factor = 1;

	if (load->arrivals == LOAD_BURSTS)
		factor = fmod(at, CYCLE_S) < BURST_PART * CYCLE_S ? BURST_FACTOR : QUIET_FACTOR;
	return -log(next_uniform(random)) / (load->rate * factor);
}

static void sleep_until(uint64_t ns)
{
	struct timespec until = {
		.tv_sec = ns / 1000000000u, .tv_nsec = ns % 1000000000u,
	};

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR)
		;
}

static void give_back(struct load *load, struct load_job *job)
{
	pthread_mutex_lock(&load->lock);
	job->next = load->free_jobs;
	load->free_jobs = job;
	load->in_flight--;
	pthread_mutex_unlock(&load->lock);
}

static void run_open(struct load *load)
{
	uint64_t random = load->seed * 0x9e3779b97f4a7c15ull | 1, start_ns = now_ns();
	double at = 0;

	for (uint64_t i = 0; i < load->requests; i++) {
		struct load_job *job;
		uint64_t due_ns;

		at += next_gap(load, at, &random);
		due_ns = start_ns + (uint64_t)(at * 1e9);
		sleep_until(due_ns);
		pthread_mutex_lock(&load->lock);
		job = take_job(load);
		if (!job) {
			load->counts.offered++;
			load->counts.refused_full++;
		}
		pthread_mutex_unlock(&load->lock);
		if (!job)
			continue;
		job->due_ns = due_ns;
		if (!submit(load, job))
			give_back(load, job);
	}
	pthread_mutex_lock(&load->lock);
	await_all(load);
	pthread_mutex_unlock(&load->lock);
}

static void read_stats(struct load *load, struct accel_scheduler_stats *stats,
		       struct accel_scheduler_card_stats *cards)
{
	accel_scheduler_get_stats(load->scheduler, stats);
	for (uint32_t i = 0; i < load->card_count; i++)
		accel_scheduler_get_card_stats(load->scheduler, i, &cards[i]);
}

int load_run(struct load *load)
{
	uint64_t start_ns;

	/* One by one, so that the time of one is known; then as they come, for batches and all cards. */
	run_closed(load, load->warmup / 2, 1);
	run_closed(load, load->warmup - load->warmup / 2, load->job_count);
	read_stats(load, &load->before, load->cards_before);
	pthread_mutex_lock(&load->lock);
	load->measured = true;
	pthread_mutex_unlock(&load->lock);
	start_ns = now_ns();
	if (load->arrivals == LOAD_CLOSED)
		run_closed(load, load->requests, load->job_count);
	else
		run_open(load);
	load->seconds = (now_ns() - start_ns) * 1e-9;
	read_stats(load, &load->after, load->cards_after);
	return STATUS_OK;
}
