// SPDX-License-Identifier: MIT
/* accelctl run: one model, all rows of its arrays, on one card. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "dimensions.h"
#include "json.h"
#include "run.h"

#define REPEAT_MAX	1000000000u
#define BATCH_MAX	(1u << 30)
#define TIMEOUT_MS_MAX	600000
#define PROGRESS_NS	500000000ull

const struct option_spec run_options[] = {
	{ "input", 'i', "[NAME=]FILE.npy", "array of an input; NAME may be left out if there is one" },
	{ "output", 'o', "[NAME=]FILE.npy", "where to write an output" },
	{ "device", 'd', "DEVICE", "PCI address, serial:NUMBER or node of the card" },
	{ "batch", 'b', "N", "rows of a job, where the model leaves that open (default 1)" },
	{ "dim", 0, "NAME=N", "size of an open dimension, NAME: its symbol or INPUT:AXIS" },
	{ "cache", 0, "FOLDER", "keep compiled models there, and use them" },
	{ "repeat", 'r', "N", "run all rows N times (default 1)" },
	{ "timeout-ms", 0, "N", "stop a job after N ms of engine time" },
	{ 0 },
};

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ull + now.tv_nsec;
}

/* What is left is the file's fault: missing, unreadable, broken, unsupported. */
int status_from_load_error(int error)
{
	switch (error) {
	case -ENOSPC:
	case -ENOMEM:
	case -ENODEV:
	case -ETIMEDOUT:
	case -EFAULT:
	case -ECANCELED:
		return status_from_error(error);
	default:
		return STATUS_FILE;
	}
}

/* What accelctl compile wrote begins like this; an ONNX file does not. */
static bool is_compiled(const char *path)
{
	static const char magic[] = "ACCELMD\x1a";
	char begin[sizeof(magic) - 1] = "";
	FILE *file = fopen(path, "rb");
	bool same = file && fread(begin, 1, sizeof(begin), file) == sizeof(begin) &&
		    !memcmp(begin, magic, sizeof(begin));

	if (file)
		fclose(file);
	return same;
}

static int load_model(struct run *run, uint64_t batch)
{
	const char *folder = arguments_get(run->arguments, "cache", NULL);
	struct accel_onnx_options options = { .batch = batch };
	bool compiled = is_compiled(run->model_path);
	struct dimensions dims;
	int err;

	if (!dimensions_read(run->arguments, &dims))
		return STATUS_USAGE;
	if (compiled && (arguments_has(run->arguments, "batch") || dims.count))
		return usage_error(run->arguments, "the sizes of a compiled model are fixed");
	err = accel_context_create(run->device, &run->context);
	if (err)
		return report_failure(run->arguments, status_from_error(err), "%s", accel_last_error());
	if (compiled)
		err = accel_model_load(run->context, run->model_path, 0, &run->model);
	else if (folder)
		err = accel_model_load_onnx_cached(run->context, run->model_path, &options, dims.list, dims.count, 0,
						   folder, NULL, &run->model);
	else
		err = accel_model_load_onnx_dimensions(run->context, run->model_path, &options, dims.list, dims.count,
						       0, &run->model);
	if (!err)
		err = accel_model_get_stats(run->model, &run->model_stats);
	if (err)
		return report_failure(run->arguments, status_from_load_error(err), "%s",
				      accel_last_error());
	return STATUS_OK;
}

static int describe_model(struct run *run)
{
	int err = 0;

	run->input_count = accel_model_input_count(run->model);
	run->output_count = accel_model_output_count(run->model);
	run->inputs = calloc(run->input_count + 1, sizeof(*run->inputs));
	run->outputs = calloc(run->output_count + 1, sizeof(*run->outputs));
	run->input_slices = calloc(run->input_count + 1, sizeof(*run->input_slices));
	run->output_slices = calloc(run->output_count + 1, sizeof(*run->output_slices));
	if (!run->inputs || !run->outputs || !run->input_slices || !run->output_slices) {
		run->input_count = run->output_count = 0;
		return report_failure(run->arguments, STATUS_FAILED, "no memory");
	}
	for (uint32_t i = 0; i < run->input_count && !err; i++)
		err = accel_model_get_input(run->model, i, &run->inputs[i].info);
	for (uint32_t i = 0; i < run->output_count && !err; i++)
		err = accel_model_get_output(run->model, i, &run->outputs[i].info);
	return err ? report_failure(run->arguments, STATUS_FAILED, "%s", accel_last_error()) : STATUS_OK;
}

static int create_stream(struct run *run, uint64_t timeout_ms)
{
	struct accel_stream_options options = {
		.engine = ACCEL_ENGINE_COMPUTE, .priority = ACCEL_PRIORITY_NORMAL, .timeout_ms = timeout_ms,
	};
	int err;

	err = accel_stream_create(run->context, &options, &run->stream);
	if (!err)
		err = accel_stream_get_stats(run->stream, &run->before);
	return err ? report_failure(run->arguments, status_from_error(err), "%s", accel_last_error()) : STATUS_OK;
}

static void show_progress(const struct run *run, uint64_t *shown_ns)
{
	uint64_t now = now_ns();

	if (now - *shown_ns < PROGRESS_NS || !isatty(STDERR_FILENO))
		return;
	*shown_ns = now;
	fprintf(stderr, "\r%llu of %llu jobs\033[K", (unsigned long long)run->jobs_done,
		(unsigned long long)(run->slices * run->repeat));
}

static int explain_job(struct run *run, int error)
{
	struct accel_stream_stats stats;
	char text[256], cause[600];

	snprintf(cause, sizeof(cause), "%s", accel_last_error());
	text[0] = 0;
	if (!accel_stream_get_stats(run->stream, &stats) && stats.error)
		snprintf(text, sizeof(text), " (the card says: %s, info 0x%llx)", accel_status_text(stats.error),
			 (unsigned long long)stats.error_info);
	return report_failure(run->arguments, status_from_error(error), "job %llu: %s%s",
			      (unsigned long long)run->jobs_done, cause, text);
}

static int run_job(struct run *run, uint64_t slice)
{
	uint64_t start = now_ns(), end;
	int err;

	err = accel_model_run(run->model, run->stream, run->input_slices, run->output_slices);
	end = now_ns();
	if (err)
		return explain_job(run, err);
	if (run->jobs_done % run->sample_step == 0 && run->sample_count < RUN_SAMPLES_MAX)
		run->job_ms[run->sample_count++] = (end - start) * 1e-6;
	run->jobs_done++;
	return STATUS_OK;
}

static int run_jobs(struct run *run)
{
	uint64_t shown_ns = now_ns(), start = shown_ns, total = run->slices * run->repeat;
	int status = STATUS_OK;

	run->sample_step = total / RUN_SAMPLES_MAX + 1;
	run->job_ms = calloc(total < RUN_SAMPLES_MAX ? total : RUN_SAMPLES_MAX, sizeof(*run->job_ms));
	if (!run->job_ms)
		return report_failure(run->arguments, STATUS_FAILED, "no memory");
	for (uint64_t pass = 0; pass < run->repeat && !status; pass++) {
		for (uint64_t slice = 0; slice < run->slices && !status; slice++) {
			run_load_slice(run, slice);
			status = run_job(run, slice);
			if (!status && pass == 0)
				status = run_store_slice(run, slice);
			show_progress(run, &shown_ns);
		}
	}
	run->seconds = (now_ns() - start) * 1e-9;
	if (isatty(STDERR_FILENO) && shown_ns != start)
		fprintf(stderr, "\r\033[K");
	return status;
}

/* The card's own count must be what the graph needs: a card that skips work is found here. */
static int check_macs(struct run *run)
{
	uint64_t expected, counted;

	if (accel_stream_get_stats(run->stream, &run->after))
		return report_failure(run->arguments, STATUS_FAILED, "%s", accel_last_error());
	counted = run->after.macs - run->before.macs;
	if (__builtin_mul_overflow(run->model_stats.macs, run->jobs_done, &expected) || counted != expected)
		return report_failure(run->arguments, STATUS_FAILED,
				      "the card counted %llu multiply-accumulates, the graph needs %llu in %llu jobs",
				      (unsigned long long)counted,
				      (unsigned long long)(run->model_stats.macs * run->jobs_done),
				      (unsigned long long)run->jobs_done);
	return STATUS_OK;
}

static int execute(struct run *run, uint64_t batch, uint64_t timeout_ms)
{
	int status, closed;

	status = load_model(run, batch);
	if (!status)
		status = describe_model(run);
	if (!status)
		status = run_read_files(run);
	if (!status)
		status = run_match(run);
	if (!status && run->slices > UINT64_MAX / run->repeat)
		status = report_failure(run->arguments, STATUS_USAGE, "too many jobs");
	if (!status)
		status = create_stream(run, timeout_ms);
	if (status)
		return status;
	status = run_open_outputs(run);
	if (!status)
		status = run_jobs(run);
	if (!status)
		status = check_macs(run);
	closed = run_close_outputs(run, !status);
	return status ? status : closed;
}

static void destroy(struct run *run)
{
	accel_stream_destroy(run->stream);
	run_free_data(run);
	accel_model_destroy(run->model);
	accel_context_destroy(run->context);
	accel_device_close(run->device);
}

int command_run(const struct arguments *arguments)
{
	struct run run = { .arguments = arguments, .model_path = arguments->operands[0], .repeat = 1 };
	uint64_t batch = 1, timeout_ms = 0;
	int status;

	if (!arguments_get_number(arguments, "batch", 1, BATCH_MAX, &batch) ||
	    !arguments_get_number(arguments, "repeat", 1, REPEAT_MAX, &run.repeat) ||
	    !arguments_get_number(arguments, "timeout-ms", 1, TIMEOUT_MS_MAX, &timeout_ms))
		return STATUS_USAGE;
	status = device_open(arguments, &run.device);
	if (status)
		return status;
	if (accel_device_get_info(run.device, &run.device_info))
		status = report_failure(arguments, STATUS_NO_DEVICE, "%s", accel_last_error());
	else
		status = execute(&run, batch, timeout_ms);
	if (!status)
		run_report(&run);
	destroy(&run);
	return status;
}
