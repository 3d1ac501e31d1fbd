// SPDX-License-Identifier: MIT
/* Names of a model and what they stand for. */
#include <errno.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "../error.h"
#include "onnx.h"

static const struct {
	const char *name;
	enum accel_type type;	/* 0: no such type on a card */
} types[] = {
	[ONNX__TENSOR_PROTO__DATA_TYPE__UNDEFINED] = { "undefined", 0 },
	[ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT] = { "float32", ACCEL_F32 },
	[ONNX__TENSOR_PROTO__DATA_TYPE__UINT8] = { "uint8", ACCEL_U8 },
	[ONNX__TENSOR_PROTO__DATA_TYPE__INT8] = { "int8", ACCEL_I8 },
	[ONNX__TENSOR_PROTO__DATA_TYPE__UINT16] = { "uint16", 0 },
	[ONNX__TENSOR_PROTO__DATA_TYPE__INT16] = { "int16", 0 },
	[ONNX__TENSOR_PROTO__DATA_TYPE__INT32] = { "int32", ACCEL_I32 },
	[ONNX__TENSOR_PROTO__DATA_TYPE__INT64] = { "int64", ACCEL_I64 },
	[ONNX__TENSOR_PROTO__DATA_TYPE__STRING] = { "string", 0 },
	[ONNX__TENSOR_PROTO__DATA_TYPE__BOOL] = { "bool", ACCEL_BOOL },
	[ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT16] = { "float16", ACCEL_F16 },
	[ONNX__TENSOR_PROTO__DATA_TYPE__DOUBLE] = { "float64", 0 },
	[ONNX__TENSOR_PROTO__DATA_TYPE__UINT32] = { "uint32", 0 },
	[ONNX__TENSOR_PROTO__DATA_TYPE__UINT64] = { "uint64", 0 },
	[ONNX__TENSOR_PROTO__DATA_TYPE__COMPLEX64] = { "complex64", 0 },
	[ONNX__TENSOR_PROTO__DATA_TYPE__COMPLEX128] = { "complex128", 0 },
	[ONNX__TENSOR_PROTO__DATA_TYPE__BFLOAT16] = { "bfloat16", ACCEL_BF16 },
	[ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT8E4M3FN] = { "float8e4m3fn", 0 },
	[ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT8E4M3FNUZ] = { "float8e4m3fnuz", 0 },
	[ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT8E5M2] = { "float8e5m2", 0 },
	[ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT8E5M2FNUZ] = { "float8e5m2fnuz", 0 },
	[ONNX__TENSOR_PROTO__DATA_TYPE__UINT4] = { "uint4", 0 },
	[ONNX__TENSOR_PROTO__DATA_TYPE__INT4] = { "int4", 0 },
};

#define TYPE_COUNT	((int32_t)(sizeof(types) / sizeof(types[0])))

const char *onnx_type_name(int32_t data_type)
{
	if (data_type < 0 || data_type >= TYPE_COUNT)
		return "of an unknown type";
	return types[data_type].name;
}

int onnx_type_from_proto(int32_t data_type, enum accel_type *type)
{
	if (data_type < 0 || data_type >= TYPE_COUNT || !types[data_type].type)
		return -ENOTSUP;
	*type = types[data_type].type;
	return 0;
}

int32_t onnx_type_to_proto(enum accel_type type)
{
	for (int32_t i = 0; i < TYPE_COUNT; i++)
		if (types[i].type == type && type)
			return i;
	return ONNX__TENSOR_PROTO__DATA_TYPE__UNDEFINED;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(((const struct onnx_value *)a)->name, ((const struct onnx_value *)b)->name);
}

struct onnx_value *onnx_value_find(struct onnx_import *import, const char *name)
{
	struct onnx_value key = { .name = name };
	void *found = tfind(&key, &import->values, compare_names);

	return found ? *(struct onnx_value **)found : NULL;
}

/* -EEXIST, without a text: the name is defined already. */
int onnx_value_add(struct onnx_import *import, const char *name, struct onnx_value **result)
{
	struct onnx_value *value = calloc(1, sizeof(*value));
	struct onnx_value **found;

	if (!value)
		return error_set(-ENOMEM, "no memory for the name of a value");
	value->name = name;
	found = tsearch(value, &import->values, compare_names);
	if (!found) {
		free(value);
		return error_set(-ENOMEM, "no memory for the name of a value");
	}
	if (*found != value) {
		free(value);
		return -EEXIST;
	}
	*result = value;
	return 0;
}

void onnx_value_remove(struct onnx_import *import, const char *name)
{
	struct onnx_value *value = onnx_value_find(import, name);

	if (!value)
		return;
	tdelete(value, &import->values, compare_names);
	free(value);
}

/* -ENOENT, without a text: the value is computed on the card. */
int onnx_value_constant(struct onnx_import *import, struct onnx_value *value)
{
	if (value->constant)
		return 0;
	if (!value->initializer)
		return -ENOENT;
	return onnx_constant_decode(import, value->initializer, value->name, &value->constant);
}

static int add_constant(struct accel_graph *graph, const char *name,
			const struct onnx_constant *constant, uint32_t *tensor)
{
	const struct onnx_shape *shape = &constant->shape;

	if (constant->file)
		return accel_graph_add_constant_file(graph, name, shape->type, shape->rank,
						     shape->dim, constant->file->fd,
						     constant->offset, tensor);
	return accel_graph_add_constant(graph, name, shape->type, shape->rank, shape->dim,
					constant->data, tensor);
}

int onnx_value_tensor(struct onnx_import *import, struct onnx_value *value, uint32_t *tensor)
{
	const struct onnx_constant *constant;
	int err;

	if (value->tensor == ACCEL_TENSOR_NONE) {
		err = onnx_value_constant(import, value);
		if (err == -ENOENT)
			return error_set(-EINVAL, "'%s' has no value", value->name);
		if (err)
			return err;
		constant = value->constant;
		if (!constant->count)
			return error_set(-ENOTSUP, "'%s' has no elements", value->name);
		err = add_constant(import->graph, value->name, constant, &value->tensor);
		if (err)
			return err;
	}
	*tensor = value->tensor;
	return 0;
}

void onnx_values_free(struct onnx_import *import)
{
	tdestroy(import->values, free);
	import->values = NULL;
}
