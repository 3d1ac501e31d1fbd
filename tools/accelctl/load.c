// SPDX-License-Identifier: MIT
/* Load: options, cards, the model, memory. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "load.h"

#define REQUESTS_MAX	10000000u
#define OPEN_JOBS	4096u		/* open loop: requests at once; more count as refused */
#define MEMORY_MAX	(UINT64_C(1) << 32)

/* The same for both commands, but that trace has a file. */
#define LOAD_OPTIONS									\
	{ "device", 'd', "DEVICE", "PCI address, serial:NUMBER or node of a card; may be repeated" },	\
	{ "clients", 'c', "N", "closed loop: N requests at once, each followed by the next (default 1)" },	\
	{ "rate", 'r', "N", "open loop: N requests a second on average, whatever comes back" },	\
	{ "arrivals", 0, "poisson|bursts", "open loop: how they come (default poisson)" },	\
	{ "requests", 'n', "N", "how many are measured (default 1000)" },			\
	{ "warmup", 0, "N", "how many go before them (default 20)" },				\
	{ "seed", 0, "N", "of inputs and arrivals (default 1)" },				\
	{ "policy", 0, "deadline|fifo|batching|priority", "who is next (default deadline)" },	\
	{ "depth", 0, "N", "batches on a card at once (default 2)" },				\
	{ "batch-max", 'b', "N", "requests in a batch at most (default 1)" },			\
	{ "delay-us", 0, "N", "how long a request waits for others to join it (default 0)" },	\
	{ "deadline-us", 0, "N", "of each request" },						\
	{ "timeout-us", 0, "N", "of each request" },						\
	{ "retries", 0, "N", "of each request, if a card is lost (default 0)" },		\
	{ "dim", 0, "NAME=N", "size of an open dimension, NAME: its symbol or INPUT:AXIS" }

const struct option_spec load_options_of_bench[] = { LOAD_OPTIONS, { 0 } };
const struct option_spec load_options_of_trace[] = {
	{ "output", 'o', "FILE", "where the trace goes" }, LOAD_OPTIONS, { 0 },
};

/* --- Options ---------------------------------------------------------------------- */

/* Index of the value of @name in @words, which NULL ends; -1: none of them, a message was printed. */
static int choose(const struct arguments *arguments, const char *name, const char *const *words)
{
	const char *value = arguments_get(arguments, name, words[0]);
	char known[128] = "";

	for (int i = 0; words[i]; i++) {
		if (!strcmp(words[i], value))
			return i;
		snprintf(known + strlen(known), sizeof(known) - strlen(known), "%s%s", i ? ", " : "", words[i]);
	}
	usage_error(arguments, "--%s: \"%s\" is none of %s", name, value, known);
	return -1;
}

static bool read_arrivals(const struct arguments *arguments, struct load *load)
{
	static const char *const arrivals[] = { "poisson", "bursts", NULL };
	const char *rate = arguments_get(arguments, "rate", NULL);
	int chosen = choose(arguments, "arrivals", arrivals);
	char *end;

	load->clients = 1;
	if (chosen < 0 || !arguments_get_number(arguments, "clients", 1, 65536, &load->clients))
		return false;
	if (!rate) {
		if (!arguments_has(arguments, "arrivals"))
			return true;
		usage_error(arguments, "--arrivals is for an open loop: give --rate, too");
		return false;
	}
	if (arguments_has(arguments, "clients")) {
		usage_error(arguments, "--clients makes a closed loop, --rate an open one: one of them");
		return false;
	}
	load->arrivals = chosen ? LOAD_BURSTS : LOAD_POISSON;
	load->rate = strtod(rate, &end);
	if (*end || !isfinite(load->rate) || load->rate < 0.001 || load->rate > 1e7) {
		usage_error(arguments, "--rate: \"%s\" is not a number from 0.001 to 10000000", rate);
		return false;
	}
	return true;
}

static bool read_scheduler(const struct arguments *arguments, struct load *load)
{
	static const char *const policies[] = { "deadline", "fifo", "batching", "priority", NULL };
	int policy = choose(arguments, "policy", policies);
	uint64_t depth = 2, batch_max = 1, delay_us = 0, deadline_us = 0, timeout_us = 0, retries = 0;

	if (policy < 0 || !arguments_get_number(arguments, "depth", 1, 8, &depth) ||
	    !arguments_get_number(arguments, "batch-max", 1, ACCEL_BATCH_MAX, &batch_max) ||
	    !arguments_get_number(arguments, "delay-us", 0, 1000000000, &delay_us) ||
	    !arguments_get_number(arguments, "deadline-us", 1, 1000000000, &deadline_us) ||
	    !arguments_get_number(arguments, "timeout-us", 1, 1000000000, &timeout_us) ||
	    !arguments_get_number(arguments, "retries", 0, 1000, &retries))
		return false;
	load->scheduler_options = (struct accel_scheduler_options) {
		.policy = policy, .depth = depth,
	};
	load->service_options = (struct accel_service_options) {
		.path = load->path, .dims = load->dims.list, .dim_count = load->dims.count,
		.batch_max = batch_max, .delay_ns = delay_us * 1000,
	};
	load->request_options = (struct accel_request_options) {
		.priority = ACCEL_PRIORITY_NORMAL, .deadline_ns = deadline_us * 1000,
		.timeout_ns = timeout_us * 1000, .retries = retries,
	};
	return true;
}

static bool read_options(const struct arguments *arguments, struct load *load)
{
	load->requests = 1000;
	load->warmup = 20;
	load->seed = 1;
	return dimensions_read(arguments, &load->dims) && read_arrivals(arguments, load) &&
	       read_scheduler(arguments, load) &&
	       arguments_get_number(arguments, "requests", 1, REQUESTS_MAX, &load->requests) &&
	       arguments_get_number(arguments, "warmup", 0, REQUESTS_MAX, &load->warmup) &&
	       arguments_get_number(arguments, "seed", 1, UINT64_MAX, &load->seed);
}

/* --- Cards and model -------------------------------------------------------------- */

static int open_devices(struct load *load)
{
	size_t at = 0;
	const char *name = arguments_next(load->arguments, "device", &at);

	do {
		int err;

		if (load->card_count == LOAD_CARDS_MAX)
			return usage_error(load->arguments, "more than %d devices", LOAD_CARDS_MAX);
		err = accel_device_open(name, &load->devices[load->card_count]);
		if (!err)
			err = accel_device_get_info(load->devices[load->card_count],
						    &load->infos[load->card_count]);
		if (err)
			return report_failure(load->arguments, STATUS_NO_DEVICE, "%s",
					      accel_last_error());
		load->card_count++;
	} while (name && (name = arguments_next(load->arguments, "device", &at)));
	return STATUS_OK;
}

/* What is not the card's or the machine's fault is the file's. */
static int model_status(int error)
{
	switch (error) {
	case -ENOSPC:
	case -ENOMEM:
	case -ENODEV:
	case -ETIMEDOUT:
	case -EFAULT:
		return status_from_error(error);
	default:
		return STATUS_FILE;
	}
}

static int make_scheduler(struct load *load)
{
	int err = accel_scheduler_create(load->devices, load->card_count, &load->scheduler_options,
					 &load->scheduler);

	if (!err)
		err = accel_client_create(load->scheduler, 1, &load->client);
	if (err)
		return report_failure(load->arguments, status_from_error(err), "%s", accel_last_error());
	err = accel_scheduler_add_model(load->scheduler, &load->service_options, &load->service);
	if (!err)
		err = accel_service_get_info(load->service, &load->service_info);
	if (err)
		return report_failure(load->arguments, model_status(err), "%s", accel_last_error());
	load->request_options.service = load->service;
	return STATUS_OK;
}

/* --- Memory ----------------------------------------------------------------------- */

static uint64_t padded(uint64_t bytes)
{
	return (bytes + 63) & ~UINT64_C(63);
}

static int find_sizes(struct load *load)
{
	struct accel_tensor_info info;
	int err = 0;

	for (uint32_t i = 0; i < load->service_info.input_count && !err; i++) {
		err = accel_service_get_input(load->service, i, &info);
		load->input_bytes += padded(info.bytes);
	}
	for (uint32_t i = 0; i < load->service_info.output_count && !err; i++) {
		err = accel_service_get_output(load->service, i, &info);
		load->output_bytes += padded(info.bytes);
	}
	load->job_count = load->arrivals == LOAD_CLOSED ? load->clients : OPEN_JOBS;
	while (load->arrivals != LOAD_CLOSED && load->job_count > 1 &&
	       load->input_bytes + load->job_count * load->output_bytes > MEMORY_MAX)
		load->job_count /= 2;
	return err ? report_failure(load->arguments, STATUS_FAILED, "%s", accel_last_error()) : STATUS_OK;
}

static uint32_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state >> 32;
}

/* Floats in [-1, 1); integers are zero, which every index and every id can be. */
static void fill_input(const struct accel_tensor_info *info, char *data, uint64_t *random)
{
	float *values = (float *)data;

	if (info->type != ACCEL_F32)
		return;
	for (uint64_t i = 0; i < info->bytes / sizeof(*values); i++)
		values[i] = (float)next_random(random) / 2147483648.0f - 1.0f;
}

static void make_job(struct load *load, struct load_job *job, uint64_t index)
{
	uint32_t inputs = load->service_info.input_count, outputs = load->service_info.output_count;
	uint64_t input = 0, output = load->input_bytes + index * load->output_bytes;
	struct accel_tensor_info info;

	for (uint32_t i = 0; i < inputs + outputs; i++) {
		uint64_t *offset = i < inputs ? &input : &output;

		if (i < inputs)
			accel_service_get_input(load->service, i, &info);
		else
			accel_service_get_output(load->service, i - inputs, &info);
		job->tensors[i] = (struct accel_tensor) {
			.region = load->region, .offset = *offset, .bytes = info.bytes,
			.type = info.type, .rank = info.rank,
		};
		memcpy(job->tensors[i].shape, info.shape, sizeof(info.shape));
		*offset += padded(info.bytes);
	}
	job->load = load;
	job->next = load->free_jobs;
	load->free_jobs = job;
}

static int make_memory(struct load *load)
{
	uint32_t tensors = load->service_info.input_count + load->service_info.output_count;
	uint64_t bytes = load->input_bytes + load->job_count * load->output_bytes, at = 0;
	uint64_t random = load->seed;
	struct accel_tensor *list = calloc(load->job_count * tensors + 1, sizeof(*list));
	struct accel_tensor_info info;

	load->jobs = calloc(load->job_count, sizeof(*load->jobs));
	load->memory = aligned_alloc(4096, (bytes + 4095) & ~UINT64_C(4095));
	load->latency_ms = calloc(load->requests, sizeof(*load->latency_ms));
	load->wait_ms = calloc(load->requests, sizeof(*load->wait_ms));
	if (load->jobs)
		load->jobs[0].tensors = list;
	else
		free(list);
	if (!load->jobs || !load->memory || !load->latency_ms || !load->wait_ms || !list)
		return report_failure(load->arguments, STATUS_FAILED, "no memory for %llu requests at once",
				      (unsigned long long)load->job_count);
	memset(load->memory, 0, bytes);
	for (uint32_t i = 0; i < load->service_info.input_count; i++) {
		accel_service_get_input(load->service, i, &info);
		fill_input(&info, load->memory + at, &random);
		at += padded(info.bytes);
	}
	if (accel_scheduler_register_host(load->scheduler, load->memory, bytes, 0, &load->region))
		return report_failure(load->arguments, STATUS_FAILED, "%s", accel_last_error());
	for (uint64_t i = 0; i < load->job_count; i++) {
		load->jobs[i].tensors = list + i * tensors;
		make_job(load, &load->jobs[i], i);
	}
	return STATUS_OK;
}

int load_open(const struct arguments *arguments, struct load *load)
{
	int status;

	*load = (struct load) { .arguments = arguments, .path = arguments->operands[0] };
	pthread_mutex_init(&load->lock, NULL);
	pthread_cond_init(&load->changed, NULL);
	if (!read_options(arguments, load))
		return STATUS_USAGE;
	status = open_devices(load);
	if (!status)
		status = make_scheduler(load);
	if (!status)
		status = find_sizes(load);
	return status ? status : make_memory(load);
}

void load_close(struct load *load)
{
	accel_scheduler_destroy(load->scheduler);
	for (uint32_t i = 0; i < LOAD_CARDS_MAX; i++)
		accel_device_close(load->devices[i]);
	if (load->jobs)
		free(load->jobs[0].tensors);
	free(load->jobs);
	free(load->memory);
	free(load->latency_ms);
	free(load->wait_ms);
	pthread_mutex_destroy(&load->lock);
	pthread_cond_destroy(&load->changed);
}
