// SPDX-License-Identifier: MIT
/* accel_model_load_onnx(): inputs, nodes in their order, outputs, compilation. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../context.h"
#include "../error.h"
#include "../model.h"
#include "onnx.h"

static int read_opset(struct onnx_import *import)
{
	const Onnx__ModelProto *model = import->model;

	for (size_t i = 0; i < model->n_opset_import; i++) {
		const Onnx__OperatorSetIdProto *set = model->opset_import[i];

		if (set->domain && *set->domain && strcmp(set->domain, "ai.onnx"))
			continue;
		if (import->opset && import->opset != set->version)
			return error_set(-EINVAL, "opset_import names two versions of ONNX's own operators");
		import->opset = set->version;
	}
	if (!import->opset)
		return error_set(-EINVAL, "opset_import does not name a version of ONNX's own operators");
	if (import->opset < ONNX_OPSET_MIN || import->opset > ONNX_OPSET_MAX)
		return error_set(-ENOTSUP, "opset %lld; %d to %d are supported", (long long)import->opset,
				 ONNX_OPSET_MIN, ONNX_OPSET_MAX);
	return 0;
}

int onnx_import_initializers(struct onnx_import *import, const Onnx__GraphProto *graph)
{
	struct onnx_value *value;
	int err;

	if (graph->n_sparse_initializer)
		return error_set(-ENOTSUP, "sparse initializers are not supported");
	for (size_t i = 0; i < graph->n_initializer; i++) {
		const Onnx__TensorProto *tensor = graph->initializer[i];

		if (!tensor->name || !*tensor->name)
			return error_set(-EINVAL, "initializer %zu has no name", i);
		err = onnx_value_add(import, tensor->name, &value);
		if (err == -EEXIST)
			return error_set(-EINVAL, "initializer %zu '%s' has the name of another one", i,
					 tensor->name);
		if (err)
			return err;
		value->initializer = tensor;
	}
	return 0;
}

int onnx_check_dimensions(const struct accel_onnx_dimension *dims, uint32_t count)
{
	if (count && !dims)
		return error_set(-EINVAL, "dims is NULL");
	for (uint32_t i = 0; i < count; i++)
		if (!dims[i].name || !*dims[i].name || !dims[i].size)
			return error_set(-EINVAL, "dimension %u of the call has no name or no size", i);
	return 0;
}

/* The caller's size of a dimension, by its symbol or as INPUT:AXIS. 0: not given. */
static uint64_t given_dimension(const struct onnx_import *import, const char *input, uint32_t index,
				const char *symbol)
{
	for (uint32_t i = 0; i < import->dim_count; i++) {
		const char *name = import->dims[i].name, *colon = strrchr(name, ':');
		char axis[16];

		snprintf(axis, sizeof(axis), ":%u", index);
		if (symbol && !strcmp(name, symbol))
			return import->dims[i].size;
		if (colon && !strcmp(colon, axis) && strlen(input) == (size_t)(colon - name) &&
		    !memcmp(name, input, (size_t)(colon - name)))
			return import->dims[i].size;
	}
	return 0;
}

/* Open dimensions have the size that the caller gave; else the first one is the batch. */
static int input_dimension(struct onnx_import *import, const Onnx__ValueInfoProto *info, uint32_t index,
			   uint64_t *size)
{
	const Onnx__TensorShapeProto__Dimension *dim = info->type->tensor_type->shape->dim[index];
	const char *symbol = NULL;

	if (dim->value_case == ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE) {
		if (dim->dim_value > 0) {
			*size = dim->dim_value;
			return 0;
		}
		if (!dim->dim_value)
			return error_set(-ENOTSUP, "input '%s' has no elements: dimension %u is 0", info->name,
					 index);
		/* Some exporters write -1 for what is not fixed. */
	} else if (dim->value_case == ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_PARAM) {
		symbol = dim->dim_param;
	}
	*size = given_dimension(import, info->name, index, symbol);
	if (!*size && !index)
		*size = import->batch;
	if (!*size)
		return error_set(-ENOTSUP, "input '%s': dimension %u ('%s') is open, and its size was not given",
				 info->name, index, symbol ? symbol : "");
	return 0;
}

static int input_shape(struct onnx_import *import, const Onnx__ValueInfoProto *info, struct onnx_shape *shape)
{
	const Onnx__TypeProto__Tensor *tensor;
	uint64_t count;
	int err = 0;

	memset(shape, 0, sizeof(*shape));
	if (!info->type || info->type->value_case != ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE)
		return error_set(-ENOTSUP, "input '%s' is not a tensor", info->name);
	tensor = info->type->tensor_type;
	if (onnx_type_from_proto(tensor->elem_type, &shape->type))
		return error_set(-ENOTSUP, "input '%s': element type %s is not supported", info->name,
				 onnx_type_name(tensor->elem_type));
	if (!tensor->shape)
		return error_set(-ENOTSUP, "input '%s' has no shape", info->name);
	if (tensor->shape->n_dim > ACCEL_RANK_MAX)
		return error_set(-ENOTSUP, "input '%s' has %zu dimensions, at most %d are supported", info->name,
				 tensor->shape->n_dim, ACCEL_RANK_MAX);
	shape->rank = tensor->shape->n_dim;
	for (uint32_t i = 0; i < shape->rank && !err; i++)
		err = input_dimension(import, info, i, &shape->dim[i]);
	if (!err && onnx_shape_count(shape, &count))
		return error_set(-EINVAL, "input '%s': the product of its dimensions overflows", info->name);
	return err;
}

/* Before IR version 4 initializers are inputs too: they are constants here. */
int onnx_import_input(struct onnx_import *import, size_t index)
{
	const Onnx__ValueInfoProto *info = import->model->graph->input[index];
	struct onnx_value *value;
	struct onnx_shape shape;
	int err;

	if (!info->name || !*info->name)
		return error_set(-EINVAL, "input %zu has no name", index);
	value = onnx_value_find(import, info->name);
	if (value && value->initializer)
		return 0;
	if (value)
		return error_set(-EINVAL, "input %zu '%s' has the name of another one", index, info->name);
	err = input_shape(import, info, &shape);
	if (!err)
		err = onnx_value_add(import, info->name, &value);
	if (err)
		return err;
	err = accel_graph_add_input(import->graph, info->name, shape.type, shape.rank, shape.dim, &value->tensor);
	return err ? error_prefix(err, "input '%s': ", info->name) : 0;
}

static int add_output(struct onnx_import *import, size_t index)
{
	const Onnx__ValueInfoProto *info = import->model->graph->output[index];
	struct onnx_value *value;
	uint32_t tensor;
	int err;

	if (!info->name || !*info->name)
		return error_set(-EINVAL, "output %zu has no name", index);
	value = onnx_value_find(import, info->name);
	if (!value)
		return error_set(-EINVAL, "output %zu '%s' is defined nowhere", index, info->name);
	err = onnx_value_tensor(import, value, &tensor);
	if (!err)
		err = accel_graph_add_output(import->graph, info->name, tensor);
	return err ? error_prefix(err, "output '%s': ", info->name) : 0;
}

/* Up to the inputs. */
int onnx_import_begin(struct onnx_import *import, struct accel_device *device, const char *path)
{
	int err;

	import->path = path;
	import->folder_length = strrchr(path, '/') ? (int)(strrchr(path, '/') + 1 - path) : 0;
	err = accel_graph_create(device, &import->graph);
	if (!err)
		err = onnx_file_load(import, path);
	if (err)
		return err;
	if (!import->model->graph)
		return error_set(-EINVAL, "the file holds no graph");
	if (!import->model->graph->n_output)
		return error_set(-EINVAL, "the graph has no output");
	err = read_opset(import);
	return err ? err : onnx_import_initializers(import, import->model->graph);
}

void onnx_import_end(struct onnx_import *import)
{
	onnx_values_free(import);
	onnx_constants_free(import);
	onnx_file_free(import);
	onnx_external_free(import);
	accel_graph_destroy(import->graph);
}

static int build_graph(struct onnx_import *import)
{
	const Onnx__GraphProto *graph = import->model->graph;
	int err = 0;

	for (size_t i = 0; i < graph->n_input && !err; i++)
		err = onnx_import_input(import, i);
	for (size_t i = 0; i < graph->n_node && !err; i++)
		err = onnx_node_import(import, graph, i);
	for (size_t i = 0; i < graph->n_output && !err; i++)
		err = add_output(import, i);
	return err;
}

int accel_model_load_onnx(struct accel_context *context, const char *path,
			  const struct accel_onnx_options *options, struct accel_model **model)
{
	return accel_model_load_onnx_flags(context, path, options, 0, model);
}

int accel_model_load_onnx_flags(struct accel_context *context, const char *path,
				const struct accel_onnx_options *options, uint32_t flags,
				struct accel_model **model)
{
	return accel_model_load_onnx_dimensions(context, path, options, NULL, 0, flags, model);
}

int accel_model_load_onnx_dimensions(struct accel_context *context, const char *path,
				     const struct accel_onnx_options *options,
				     const struct accel_onnx_dimension *dims, uint32_t count,
				     uint32_t flags, struct accel_model **model)
{
	const struct model_options compile = { .flags = flags };

	return model_load_onnx(context, path, options && options->batch ? options->batch : 1, dims,
			       count, &compile, model);
}

int model_load_onnx(struct accel_context *context, const char *path, uint64_t batch,
		    const struct accel_onnx_dimension *dims, uint32_t count,
		    const struct model_options *options, struct accel_model **model)
{
	struct onnx_import import = { .batch = batch, .dims = dims, .dim_count = count };
	int err;

	if (!context || !path || !model)
		return error_set(-EINVAL, "context, path or model is NULL");
	err = onnx_check_dimensions(dims, count);
	if (err)
		return err;
	err = onnx_import_begin(&import, context->device, path);
	if (!err)
		err = build_graph(&import);
	if (err)
		error_prefix(err, "%s: ", path);
	else
		err = model_compile(import.graph, context, options, model);
	if (!err) {
		model_set_host_operations(*model, import.host_operations);
		(*model)->has_external = import.has_external;
	}
	onnx_import_end(&import);
	return err;
}

/* --- An open size ----------------------------------------------------------------- */

/** struct sized - imports of one model for several sizes */
struct sized {
	const char *path;
	const char *open;		/* NULL: the batch */
	uint64_t batch;
	struct accel_onnx_dimension *dims;	/* the last one is the open one */
	uint32_t count;			/* without it */
	struct onnx_import imports[VARY_SAMPLES];
};

static int import_size(struct sized *sized, struct accel_context *context, uint32_t sample,
		       uint64_t size)
{
	struct onnx_import *import = &sized->imports[sample];
	int err;

	*import = (struct onnx_import){ .batch = sized->open ? sized->batch : size,
					.dims = sized->dims,
					.dim_count = sized->count + (sized->open ? 1 : 0) };
	sized->dims[sized->count] = (struct accel_onnx_dimension){ sized->open, size };
	err = onnx_import_begin(import, context->device, sized->path);
	if (!err)
		err = build_graph(import);
	return err ? error_prefix(err, "%s: with size %llu: ", sized->path,
				  (unsigned long long)size) : 0;
}

static int compile_sized(struct sized *sized, struct accel_context *context, uint64_t max,
			 uint32_t flags, struct accel_model **model)
{
	struct vary *vary = calloc(1, sizeof(*vary));
	struct model_options options = { .flags = flags, .vary = vary };
	int err;

	if (!vary)
		return error_set(-ENOMEM, "out of memory");
	vary->max = max;
	for (uint32_t i = 0; i < VARY_SAMPLES; i++)
		vary->graphs[i] = sized->imports[i].graph;
	err = model_compile(vary->graphs[0], context, &options, model);
	if (err) {
		vary_free(vary);
		return error_prefix(err, "%s: ", sized->path);
	}
	memset(vary->graphs, 0, sizeof(vary->graphs));
	model_set_host_operations(*model, sized->imports[0].host_operations);
	return 0;
}

int accel_model_load_onnx_sized(struct accel_context *context, const char *path,
				const struct accel_onnx_options *options,
				const struct accel_onnx_dimension *dims, uint32_t count,
				const char *open, uint64_t max, uint32_t flags,
				struct accel_model **model)
{
	struct sized sized = { .path = path, .open = open, .count = count,
			       .batch = options && options->batch ? options->batch : 1 };
	uint32_t made = 0;
	int err;

	if (!context || !path || !model)
		return error_set(-EINVAL, "context, path or model is NULL");
	if (max <= VARY_SAMPLES || max > VARY_SIZE_MAX)
		return error_set(-EINVAL, "an open size up to %llu; %u to %u are possible",
				 (unsigned long long)max, VARY_SAMPLES + 1, VARY_SIZE_MAX);
	if (open && !*open)
		return error_set(-EINVAL, "the open dimension has no name");
	err = onnx_check_dimensions(dims, count);
	if (err)
		return err;
	sized.dims = calloc(count + 1, sizeof(*sized.dims));
	if (!sized.dims)
		return error_set(-ENOMEM, "out of memory");
	if (count)
		memcpy(sized.dims, dims, count * sizeof(*dims));
	for (; made < VARY_SAMPLES && !err; made++)
		err = import_size(&sized, context, made, max - made);
	if (!err)
		err = compile_sized(&sized, context, max, flags, model);
	while (made--)
		onnx_import_end(&sized.imports[made]);
	free(sized.dims);
	return err;
}
