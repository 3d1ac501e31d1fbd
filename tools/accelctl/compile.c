// SPDX-License-Identifier: MIT
/* accelctl compile: an ONNX file to a compiled model, which is loaded without compiling. */
#include <stdio.h>
#include <sys/stat.h>

#include "device.h"
#include "dimensions.h"
#include "json.h"
#include "run.h"

#define BATCH_MAX	(1u << 30)

const struct option_spec compile_options[] = {
	{ "output", 'o', "FILE", "where to write the compiled model" },
	{ "device", 'd', "DEVICE", "PCI address, serial:NUMBER or node of a card of the kind that will run it" },
	{ "batch", 'b', "N", "rows of a job, where the model leaves that open (default 1)" },
	{ "dim", 0, "NAME=N", "size of an open dimension, NAME: its symbol or INPUT:AXIS" },
	{ 0 },
};

static int report(const struct arguments *arguments, const char *file, const struct accel_model *model)
{
	struct accel_model_stats stats;
	struct stat written;

	if (accel_model_get_stats(model, &stats) || stat(file, &written))
		return report_failure(arguments, STATUS_FAILED, "%s cannot be read again", file);
	if (!arguments_has(arguments, "json")) {
		printf("%s: %llu bytes, %u operations on the card, %.3f million multiply-accumulates\n", file,
		       (unsigned long long)written.st_size, stats.card_operations, (double)stats.macs * 1e-6);
		return STATUS_OK;
	}
	json_start("compile");
	json_text("file", file);
	json_uint("bytes", (uint64_t)written.st_size);
	json_uint("card_operations", stats.card_operations);
	json_uint("host_operations", stats.host_operations);
	json_uint("macs", stats.macs);
	json_uint("workspace_bytes", stats.workspace_bytes);
	json_uint("constant_bytes", stats.constant_bytes);
	json_finish();
	return STATUS_OK;
}

static int compile(const struct arguments *arguments, struct accel_context *context, uint64_t batch,
		   const char *file)
{
	struct accel_onnx_options options = { .batch = batch };
	struct accel_model *model;
	struct dimensions dims;
	int status, err;

	if (!dimensions_read(arguments, &dims))
		return STATUS_USAGE;
	err = accel_model_load_onnx_dimensions(context, arguments->operands[0], &options, dims.list, dims.count, 0,
					       &model);
	if (err)
		return report_failure(arguments, status_from_load_error(err), "%s", accel_last_error());
	err = accel_model_save(model, file);
	status = err ? report_failure(arguments, status_from_load_error(err), "%s", accel_last_error()) :
		       report(arguments, file, model);
	accel_model_destroy(model);
	return status;
}

int command_compile(const struct arguments *arguments)
{
	const char *file = arguments_get(arguments, "output", NULL);
	struct accel_context *context;
	struct accel_device *device;
	uint64_t batch = 1;
	int status;

	if (!file)
		return usage_error(arguments, "--output FILE is missing");
	if (!arguments_get_number(arguments, "batch", 1, BATCH_MAX, &batch))
		return STATUS_USAGE;
	status = device_open(arguments, &device);
	if (status)
		return status;
	if (accel_context_create(device, &context)) {
		status = report_failure(arguments, STATUS_FAILED, "%s", accel_last_error());
	} else {
		status = compile(arguments, context, batch, file);
		accel_context_destroy(context);
	}
	accel_device_close(device);
	return status;
}
