// SPDX-License-Identifier: MIT
/* What a run tells about itself. */
#include <stdio.h>
#include <stdlib.h>

#include "json.h"
#include "run.h"

static int compare_floats(const void *a, const void *b)
{
	float left = *(const float *)a, right = *(const float *)b;

	return (left > right) - (left < right);
}

/* Nearest rank; @samples is sorted and not empty. */
static double percentile(const float *samples, uint64_t count, unsigned int percent)
{
	uint64_t rank = (count * percent + 99) / 100;

	return samples[rank ? rank - 1 : 0];
}

static void print_outputs_json(const struct run *run)
{
	json_open_array("outputs");
	for (uint32_t i = 0; i < run->output_count; i++) {
		const struct run_tensor *output = &run->outputs[i];
		struct accel_tensor_info info = output->info;

		if (output->batched)
			info.shape[0] = run->rows;
		json_open_object(NULL);
		json_string("name", info.name);
		json_string("type", npy_type_name(info.type));
		json_shape("shape", info.rank, info.shape);
		if (output->file)
			json_string("file", output->file);
		json_close_object();
	}
	json_close_array();
}

static void print_model_json(const struct run *run)
{
	const struct accel_model_stats *stats = &run->model_stats;

	json_open_object("model");
	json_string("path", run->model_path);
	json_uint("card_operations", stats->card_operations);
	json_uint("host_operations", stats->host_operations);
	json_uint("macs", stats->macs);
	json_uint("workspace_bytes", stats->workspace_bytes);
	json_uint("constant_bytes", stats->constant_bytes);
	json_close_object();
}

static void print_card_json(const struct run *run)
{
	json_open_object("card");
	json_uint("jobs", run->after.jobs_completed - run->before.jobs_completed);
	json_uint("macs", run->after.macs - run->before.macs);
	json_uint("bytes", run->after.bytes - run->before.bytes);
	json_uint("active_ns", run->after.active_ns - run->before.active_ns);
	json_close_object();
}

static void print_json(const struct run *run)
{
	json_start("run");
	device_json("device", &run->device_info);
	print_model_json(run);
	print_outputs_json(run);
	json_uint("batch", run->batch);
	if (run->rows)
		json_uint("rows", run->rows);
	json_uint("repeat", run->repeat);
	json_uint("jobs", run->jobs_done);
	json_real("seconds", run->seconds);
	json_real("jobs_per_second", run->jobs_done / run->seconds);
	json_real("job_ms_median", percentile(run->job_ms, run->sample_count, 50));
	json_real("job_ms_p99", percentile(run->job_ms, run->sample_count, 99));
	print_card_json(run);
	json_finish();
}

static void print_text(const struct run *run)
{
	const struct accel_model_stats *stats = &run->model_stats;

	printf("card                   %s %s %s\n", run->device_info.name, run->device_info.vendor,
	       run->device_info.model);
	printf("operations             %u on the card, %u at load on the host\n", stats->card_operations,
	       stats->host_operations);
	printf("jobs                   %llu in %.3f s, %.1f jobs/s\n", (unsigned long long)run->jobs_done,
	       run->seconds, run->jobs_done / run->seconds);
	printf("time per job           %.3f ms median, %.3f ms p99\n",
	       percentile(run->job_ms, run->sample_count, 50), percentile(run->job_ms, run->sample_count, 99));
	printf("card counted           %llu jobs, %llu multiply-accumulates (as the graph needs), %llu bytes\n",
	       (unsigned long long)(run->after.jobs_completed - run->before.jobs_completed),
	       (unsigned long long)(run->after.macs - run->before.macs),
	       (unsigned long long)(run->after.bytes - run->before.bytes));
}

void run_report(struct run *run)
{
	qsort(run->job_ms, run->sample_count, sizeof(*run->job_ms), compare_floats);
	if (arguments_has(run->arguments, "json"))
		print_json(run);
	else
		print_text(run);
}
