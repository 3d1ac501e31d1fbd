// SPDX-License-Identifier: MIT
/* Arrays of a run: which file is which input, how rows are cut into jobs. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "run.h"

static void shape_text(char *text, size_t bytes, enum accel_type type, uint32_t rank, const uint64_t *shape)
{
	size_t used = snprintf(text, bytes, "%s [", npy_type_name(type));

	for (uint32_t i = 0; i < rank && used < bytes; i++)
		used += snprintf(text + used, bytes - used, "%s%llu", i ? ", " : "", (unsigned long long)shape[i]);
	if (used < bytes)
		snprintf(text + used, bytes - used, "]");
}

/* "NAME=FILE", where NAME is a tensor of the model, or "FILE" where there is one alone. */
static int assign(struct run *run, const char *what, const char *value, struct run_tensor *tensors,
		  uint32_t count)
{
	const char *equals = strchr(value, '=');
	struct run_tensor *found = NULL;
	const char *file = value;

	for (uint32_t i = 0; i < count && equals; i++) {
		const char *name = tensors[i].info.name;

		if (strlen(name) == (size_t)(equals - value) && !memcmp(name, value, equals - value)) {
			found = &tensors[i];
			file = equals + 1;
		}
	}
	if (!found && count == 1 && (!equals || memchr(value, '/', equals - value)))
		found = tensors;
	if (!found && equals)
		return report_failure(run->arguments, STATUS_USAGE, "the model has no %s '%.*s'", what,
				      (int)(equals - value), value);
	if (!found)
		return report_failure(run->arguments, STATUS_USAGE,
				      "the model has %u %ss: write --%s NAME=%s", count, what, what, value);
	if (found->file)
		return report_failure(run->arguments, STATUS_USAGE, "%s '%s' is given twice", what,
				      found->info.name);
	found->file = file;
	return STATUS_OK;
}

static int assign_all(struct run *run, const char *what, struct run_tensor *tensors, uint32_t count)
{
	const char *value;
	int status = STATUS_OK;
	size_t at = 0;

	while (!status && (value = arguments_next(run->arguments, what, &at)))
		status = assign(run, what, value, tensors, count);
	return status;
}

static int read_input(struct run *run, struct run_tensor *input)
{
	if (!input->file)
		return report_failure(run->arguments, STATUS_USAGE, "input '%s' is missing: write --input %s=FILE.npy",
				      input->info.name, input->info.name);
	if (npy_read(input->file, &input->array))
		return report_failure(run->arguments, STATUS_FILE, "input '%s': %s cannot be used",
				      input->info.name, input->file);
	return STATUS_OK;
}

int run_read_files(struct run *run)
{
	int status;

	status = assign_all(run, "input", run->inputs, run->input_count);
	if (!status)
		status = assign_all(run, "output", run->outputs, run->output_count);
	for (uint32_t i = 0; i < run->input_count && !status; i++)
		status = read_input(run, &run->inputs[i]);
	return status;
}

static int mismatch(struct run *run, const struct run_tensor *input, const char *more)
{
	char expected[200], came[200];

	shape_text(expected, sizeof(expected), input->info.type, input->info.rank, input->info.shape);
	shape_text(came, sizeof(came), input->array.type, input->array.rank, input->array.shape);
	return report_failure(run->arguments, STATUS_FILE, "input '%s': expected %s, but %s has %s%s",
			      input->info.name, expected, input->file, came, more);
}

/* Does the array fit, if its first dimension counts rows? */
static bool fits_rows(const struct run_tensor *input)
{
	const struct accel_tensor_info *info = &input->info;
	const struct npy_array *array = &input->array;

	if (array->type != info->type || array->rank != info->rank)
		return false;
	return !info->rank || !memcmp(array->shape + 1, info->shape + 1, (info->rank - 1) * sizeof(*info->shape));
}

static bool fits_exactly(const struct run_tensor *input)
{
	return fits_rows(input) && (!input->info.rank || input->array.shape[0] == input->info.shape[0]);
}

/* All arrays fit exactly: one job. Otherwise all have the same number of rows, and all the same batch. */
int run_match(struct run *run)
{
	bool exact = true;

	for (uint32_t i = 0; i < run->input_count; i++)
		exact &= fits_exactly(&run->inputs[i]);
	run->slices = 1;
	run->batch = 1;
	for (uint32_t i = 0; i < run->input_count; i++) {
		struct run_tensor *input = &run->inputs[i];

		if (exact)
			continue;
		if (!fits_rows(input) || !input->info.rank || !input->array.shape[0])
			return mismatch(run, input, "");
		if (!i) {
			run->batch = input->info.shape[0];
			run->rows = input->array.shape[0];
		}
		if (input->info.shape[0] != run->batch || input->array.shape[0] != run->rows)
			return mismatch(run, input, ", whose rows do not match the other inputs'");
		input->batched = true;
	}
	if (exact)
		return STATUS_OK;
	run->slices = run->rows / run->batch + (run->rows % run->batch != 0);
	for (uint32_t i = 0; i < run->output_count; i++) {
		struct run_tensor *output = &run->outputs[i];

		output->batched = output->info.rank && output->info.shape[0] == run->batch;
		if (output->file && !output->batched)
			return report_failure(run->arguments, STATUS_FILE,
					      "output '%s' has no batch dimension, so %llu rows cannot be run in jobs",
					      output->info.name, (unsigned long long)run->rows);
	}
	return STATUS_OK;
}

int run_open_outputs(struct run *run)
{
	for (uint32_t i = 0; i < run->output_count; i++) {
		struct run_tensor *output = &run->outputs[i];
		uint64_t shape[ACCEL_RANK_MAX];

		output->slice = calloc(1, output->info.bytes ? output->info.bytes : 1);
		if (!output->slice)
			return report_failure(run->arguments, STATUS_FAILED, "no memory for output '%s'",
					      output->info.name);
		run->output_slices[i] = output->slice;
		if (!output->file)
			continue;
		memcpy(shape, output->info.shape, sizeof(shape));
		if (output->batched)
			shape[0] = run->rows;
		if (npy_write_start(&output->writer, output->file, output->info.type, output->info.rank, shape))
			return report_failure(run->arguments, STATUS_FILE, "output '%s' cannot be written",
					      output->info.name);
		output->open = true;
	}
	for (uint32_t i = 0; i < run->input_count; i++) {
		struct run_tensor *input = &run->inputs[i];

		/* Only a partial last job needs memory of its own. */
		input->slice = input->batched ? calloc(1, input->info.bytes) : NULL;
		if (input->batched && !input->slice)
			return report_failure(run->arguments, STATUS_FAILED, "no memory for input '%s'",
					      input->info.name);
	}
	return STATUS_OK;
}

static uint64_t rows_of_slice(const struct run *run, uint64_t slice)
{
	uint64_t left = run->rows - slice * run->batch;

	return left < run->batch ? left : run->batch;
}

/* Point at the rows of a job; the rows that a partial one lacks are zero. */
void run_load_slice(struct run *run, uint64_t slice)
{
	for (uint32_t i = 0; i < run->input_count; i++) {
		struct run_tensor *input = &run->inputs[i];
		uint64_t row_bytes, rows;

		run->input_slices[i] = input->array.data;
		if (!input->batched)
			continue;
		row_bytes = input->info.bytes / run->batch;
		rows = rows_of_slice(run, slice);
		run->input_slices[i] = (const char *)input->array.data + slice * input->info.bytes;
		if (rows == run->batch)
			continue;
		memcpy(input->slice, run->input_slices[i], rows * row_bytes);
		memset((char *)input->slice + rows * row_bytes, 0, input->info.bytes - rows * row_bytes);
		run->input_slices[i] = input->slice;
	}
}

int run_store_slice(struct run *run, uint64_t slice)
{
	for (uint32_t i = 0; i < run->output_count; i++) {
		struct run_tensor *output = &run->outputs[i];
		uint64_t bytes = output->info.bytes;

		if (!output->file)
			continue;
		if (output->batched)
			bytes = bytes / run->batch * rows_of_slice(run, slice);
		if (npy_write_data(&output->writer, output->slice, bytes))
			return report_failure(run->arguments, STATUS_FILE, "output '%s' cannot be written",
					      output->info.name);
	}
	return STATUS_OK;
}

/* After a failure nothing is left that looks like a result. */
int run_close_outputs(struct run *run, bool keep)
{
	int status = STATUS_OK;

	for (uint32_t i = 0; i < run->output_count; i++) {
		struct run_tensor *output = &run->outputs[i];

		if (!output->open)
			continue;
		output->open = false;
		if (npy_write_finish(&output->writer) && keep)
			status = report_failure(run->arguments, STATUS_FILE, "output '%s' cannot be written",
						output->info.name);
		if (!keep)
			unlink(output->file);
	}
	return status;
}

void run_free_data(struct run *run)
{
	for (uint32_t i = 0; i < run->input_count; i++) {
		npy_free(&run->inputs[i].array);
		free(run->inputs[i].slice);
	}
	for (uint32_t i = 0; i < run->output_count; i++)
		free(run->outputs[i].slice);
	free(run->inputs);
	free(run->outputs);
	free(run->input_slices);
	free(run->output_slices);
	free(run->job_ms);
}
