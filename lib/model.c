// SPDX-License-Identifier: MIT
/* Models: facts and runs. */
#include <stdlib.h>

#include "error.h"
#include "flow.h"
#include "model.h"
#include "retry_run.h"
#include "stream.h"

static void ports_free(struct model_port *ports, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		free(ports[i].name);
		free(ports[i].dims);
	}
	free(ports);
}

void model_drop_files(struct accel_model *model)
{
	for (uint32_t i = 0; i < model->file_count; i++) {
		accel_buffer_destroy(model->files[i].buffer);
		graph_file_unref(model->files[i].file);
	}
	free(model->files);
	model->files = NULL;
	model->file_count = 0;
}

void accel_model_destroy(struct accel_model *model)
{
	if (!model)
		return;
	if (model->is_listed && !device_is_inherited(model->context->device)) {
		pthread_mutex_lock(&model->context->lock);
		LIST_REMOVE(model, link);
		pthread_mutex_unlock(&model->context->lock);
	}
	for (uint32_t i = 0; i < model->piece_count; i++)
		free(model->pieces[i].data);
	free(model->pieces);
	accel_program_destroy(model->program);
	accel_buffer_destroy(model->workspace);
	if (!model->shares_constants)
		accel_buffer_destroy(model->constants);
	model_drop_files(model);
	free(model->arguments);
	ports_free(model->inputs, model->input_count);
	ports_free(model->outputs, model->output_count);
	vary_free(model->vary);
	free(model);
}

void model_list(struct accel_model *model)
{
	pthread_mutex_lock(&model->context->lock);
	LIST_INSERT_HEAD(&model->context->models, model, link);
	model->is_listed = true;
	pthread_mutex_unlock(&model->context->lock);
}

static int model_reload_piece(struct accel_model *model, const struct model_piece *piece,
			      struct accel_stream *stream)
{
	const struct model_file *file = &model->files[piece->file];

	if (piece->data)
		return accel_stream_upload(stream, model->constants, piece->offset, piece->data,
					   piece->bytes);
	if (file->buffer)
		return accel_stream_copy_buffer(stream, model->constants, piece->offset,
						file->buffer, piece->file_offset, piece->bytes);
	return accel_stream_upload(stream, model->constants, piece->offset,
				   file->file->map + piece->file_offset, piece->bytes);
}

int model_reload(struct accel_model *model, struct accel_stream *stream)
{
	int ret = 0;

	if (model->shares_constants)
		return 0;
	if (model->constants && !model->keeps_weights) {
		model->is_lost = true;
		return 0;
	}
	for (uint32_t i = 0; i < model->piece_count && !ret; i++)
		ret = model_reload_piece(model, &model->pieces[i], stream);
	return ret;
}

void model_set_host_operations(struct accel_model *model, uint32_t count)
{
	model->stats.host_operations = count;
}

uint32_t accel_model_input_count(const struct accel_model *model)
{
	return model ? model->input_count : 0;
}

uint32_t accel_model_output_count(const struct accel_model *model)
{
	return model ? model->output_count : 0;
}

int accel_model_get_input(const struct accel_model *model, uint32_t index,
			  struct accel_tensor_info *info)
{
	if (!model || !info)
		return error_set(-EINVAL, "model and info must not be NULL");
	if (index >= model->input_count)
		return error_set(-EINVAL, "the model has %u inputs, no input %u",
				 model->input_count, index);
	*info = model->inputs[index].info;
	return 0;
}

int accel_model_get_output(const struct accel_model *model, uint32_t index,
			   struct accel_tensor_info *info)
{
	if (!model || !info)
		return error_set(-EINVAL, "model and info must not be NULL");
	if (index >= model->output_count)
		return error_set(-EINVAL, "the model has %u outputs, no output %u",
				 model->output_count, index);
	*info = model->outputs[index].info;
	return 0;
}

static int model_check_size(const struct accel_model *model, uint64_t size)
{
	uint64_t max = model->vary ? model->vary->max : 1;

	if (size >= 1 && size <= max)
		return 0;
	return error_set(-EINVAL, "size %llu; the model was compiled for 1 to %llu",
			 (unsigned long long)size, (unsigned long long)max);
}

static int get_sized(const struct accel_model *model, const struct model_port *port, uint64_t size,
		     struct accel_tensor_info *info)
{
	int ret = model_check_size(model, size);

	if (ret)
		return ret;
	*info = port->info;
	info->bytes = model_port_bytes(model, port, size);
	for (uint32_t i = 0; i < info->rank && port->dims; i++)
		info->shape[i] = (uint64_t)vary_value(model->vary, &port->dims[i], size);
	return 0;
}

int accel_model_get_input_sized(const struct accel_model *model, uint32_t index, uint64_t size,
				struct accel_tensor_info *info)
{
	int ret = accel_model_get_input(model, index, info);

	return ret ? ret : get_sized(model, &model->inputs[index], size, info);
}

int accel_model_get_output_sized(const struct accel_model *model, uint32_t index, uint64_t size,
				 struct accel_tensor_info *info)
{
	int ret = accel_model_get_output(model, index, info);

	return ret ? ret : get_sized(model, &model->outputs[index], size, info);
}

int accel_model_get_stats(const struct accel_model *model, struct accel_model_stats *stats)
{
	if (!model || !stats)
		return error_set(-EINVAL, "model and stats must not be NULL");
	*stats = model->stats;
	return 0;
}

int accel_model_get_weights(const struct accel_model *model, struct accel_model_weights *weights)
{
	if (!model || !weights)
		return error_set(-EINVAL, "model and weights must not be NULL");
	*weights = model->weights;
	return 0;
}

static int model_check_pointers(const void *const *pointers, uint32_t count, const char *what)
{
	if (count && !pointers)
		return error_set(-EINVAL, "%ss must not be NULL", what);
	for (uint32_t i = 0; i < count; i++)
		if (!pointers[i])
			return error_set(-EINVAL, "%s %u must not be NULL", what, i);
	return 0;
}

void model_set_size(struct accel_model *model, uint64_t size)
{
	const struct vary *vary = model->vary;

	for (uint32_t i = 0; vary && i < vary->count; i++)
		model->arguments[vary->slot + i].scalar =
			(uint64_t)vary_value(vary, &vary->polys[i], size);
}

uint64_t model_port_bytes(const struct accel_model *model, const struct model_port *port,
			  uint64_t size)
{
	uint64_t bytes = accel_type_bytes(port->info.type);

	if (!port->dims)
		return port->info.bytes;
	for (uint32_t i = 0; i < port->info.rank; i++)
		bytes *= (uint64_t)vary_value(model->vary, &port->dims[i], size);
	return bytes;
}

static int model_enqueue(struct accel_model *model, struct accel_stream *stream, uint64_t size,
			 const void *const *inputs, void *const *outputs)
{
	int ret = 0;

	model_set_size(model, size);
	for (uint32_t i = 0; i < model->input_count && !ret; i++)
		ret = accel_stream_upload(stream, model->workspace, model->inputs[i].offset,
					  inputs[i],
					  model_port_bytes(model, &model->inputs[i], size));
	if (!ret && model->program->op_count)
		ret = accel_stream_exec(stream, model->program, model->arguments,
					model->argument_count);
	for (uint32_t i = 0; i < model->output_count && !ret; i++)
		ret = accel_stream_download(stream, outputs[i], model->workspace,
					    model->outputs[i].offset,
					    model_port_bytes(model, &model->outputs[i], size));
	return ret;
}

/** struct model_run - one inference */
struct model_run {
	struct accel_model *model;
	uint64_t size;			/* the open one, if there is one */
	const void *const *inputs;
	void *const *outputs;
};

/*
 * A failed enqueue may have left downloads into the caller's memory under way: wait in any case.
 */
static int model_run(const struct retry_work *work)
{
	const struct model_run *run = work->data;
	int error, ret;

	if (run->model->is_lost)
		return error_set(-ENOTRECOVERABLE, "the model's weights were lost with the card's "
				 "memory: compile it with ACCEL_MODEL_KEEP_WEIGHTS, or again");
	error = model_enqueue(run->model, work->stream, run->size, run->inputs,
			      run->outputs);
	ret = accel_stream_synchronize(work->stream, ACCEL_WAIT_FOREVER);
	return error ? error : ret;
}

/* Workspace is written before it is read: what counts are the constants and the caller's memory. */
static int model_facts(const struct retry_work *work, struct retry_job *facts)
{
	const struct model_run *run = work->data;
	const struct accel_model *model = run->model;

	*facts = (struct retry_job) {
		.restorable = !model->is_lost && (model->keeps_weights || !model->constants),
	};
	for (uint32_t i = 0; i < model->input_count; i++)
		for (uint32_t o = 0; o < model->output_count; o++)
			facts->accumulates |= flow_overlaps(
				run->inputs[i], model_port_bytes(model, &model->inputs[i], run->size),
				run->outputs[o],
				model_port_bytes(model, &model->outputs[o], run->size));
	return 0;
}

int accel_model_run_sized(struct accel_model *model, struct accel_stream *stream, uint64_t size,
			  const void *const *inputs, void *const *outputs,
			  const struct accel_retry *retry)
{
	struct model_run run = { model, size, inputs, outputs };
	struct retry_work work = {
		.run = model_run, .facts = model_facts, .data = &run, .stream = stream,
	};
	int ret;

	if (!model || !stream)
		return error_set(-EINVAL, "model and stream must not be NULL");
	ret = model_check_size(model, size);
	if (!ret)
		ret = model_check_pointers(inputs, model->input_count, "input");
	if (!ret)
		ret = model_check_pointers((const void *const *)outputs, model->output_count,
					   "output");
	if (!ret)
		ret = retry_check(retry);
	return ret ? ret : retry_run(&work, retry);
}

int accel_model_run_retry(struct accel_model *model, struct accel_stream *stream,
			  const void *const *inputs, void *const *outputs,
			  const struct accel_retry *retry)
{
	uint64_t size = model && model->vary ? model->vary->max : 1;

	return accel_model_run_sized(model, stream, size, inputs, outputs, retry);
}

int accel_model_run(struct accel_model *model, struct accel_stream *stream,
		    const void *const *inputs, void *const *outputs)
{
	return accel_model_run_retry(model, stream, inputs, outputs, NULL);
}
