/* SPDX-License-Identifier: MIT */
/*
 * Load on a model by the scheduler: what bench and trace share. load.c sets up
 * cards, model and memory; load_run.c makes requests, closed loop or open;
 * load_report.c tells what came out.
 *
 * Locking: load->lock covers what callbacks change: free jobs, counts, times.
 */
#ifndef ACCELCTL_LOAD_H
#define ACCELCTL_LOAD_H

#include <pthread.h>

#include "device.h"
#include "dimensions.h"

#define LOAD_CARDS_MAX	64

enum load_arrivals { LOAD_CLOSED, LOAD_POISSON, LOAD_BURSTS };

struct load;

/** struct load_job - memory of one request at a time */
struct load_job {
	struct load *load;
	struct load_job *next;		/* free */
	struct accel_tensor *tensors;	/* inputs, then outputs */
	uint64_t due_ns;		/* when it should have been submitted */
};

/** struct load_counts - of the requests that are measured */
struct load_counts {
	uint64_t offered, refused_deadline, refused_full;
	uint64_t in_time, late, cancelled, timed_out, failed;
	int error;			/* of the first that failed */
};

struct load {
	const struct arguments *arguments;
	const char *path;
	struct dimensions dims;
	struct accel_scheduler_options scheduler_options;
	struct accel_service_options service_options;
	struct accel_request_options request_options;
	enum load_arrivals arrivals;
	double rate;			/* requests per second, open loop */
	uint64_t clients;		/* closed loop: requests at once */
	uint64_t requests, warmup;
	uint64_t seed;

	struct accel_device *devices[LOAD_CARDS_MAX];
	struct accel_device_info infos[LOAD_CARDS_MAX];
	uint32_t card_count;
	struct accel_scheduler *scheduler;
	struct accel_service *service;
	struct accel_service_info service_info;
	struct accel_client *client;

	char *memory;			/* inputs, shared by all; then outputs of each job */
	struct accel_region *region;
	uint64_t input_bytes, output_bytes;
	struct load_job *jobs;
	uint64_t job_count;

	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct load_job *free_jobs;
	uint64_t in_flight;
	uint64_t left;			/* closed loop: still to be submitted */
	bool measured;			/* not warming up */
	struct load_counts counts;
	double *latency_ms, *wait_ms;	/* of those that ended well, room for all */
	uint64_t sample_count;
	double seconds;
	struct accel_scheduler_stats before, after;
	struct accel_scheduler_card_stats cards_before[LOAD_CARDS_MAX], cards_after[LOAD_CARDS_MAX];
};

/** load_open() - by the command line. STATUS_*, with a message printed; then load_close() in any case */
int load_open(const struct arguments *arguments, struct load *load);
/** load_run() - warm up, then measure. Return: STATUS_*, with a message printed */
int load_run(struct load *load);
void load_close(struct load *load);

/** load_report() - as text or JSON, without the closing of the document */
void load_report_json(struct load *load);
void load_report_text(struct load *load);
/** load_status() - of what was measured: STATUS_JOB if requests failed, with a message printed */
int load_status(const struct load *load);

#endif
