// SPDX-License-Identifier: MIT
/* Operators whose results are known at load time whatever the inputs hold. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "handlers.h"

#define FILL_BYTES_MAX	(1ull << 30)	/* of ConstantOfShape: a few bytes of a file ask for it */

static int output_list(struct onnx_node *node, enum accel_type type, const void *values, size_t count)
{
	struct onnx_shape shape = { .type = type, .rank = 1, .dim = { count } };
	struct onnx_constant *constant;
	void *data;

	constant = onnx_constant_new(node->import, &shape, &data);
	if (constant && count)
		memcpy(data, values, count * accel_type_bytes(type));
	return onnx_output_constant(node, 0, constant);
}

static int output_scalar(struct onnx_node *node, enum accel_type type, const void *value)
{
	struct onnx_shape shape = { .type = type };
	struct onnx_constant *constant;
	void *data;

	constant = onnx_constant_new(node->import, &shape, &data);
	if (constant)
		memcpy(data, value, accel_type_bytes(type));
	return onnx_output_constant(node, 0, constant);
}

static int decode_attribute(struct onnx_node *node, const Onnx__AttributeProto *attr,
			    struct onnx_constant **constant)
{
	if (!attr->t) {
		onnx_fail(node, -EINVAL, "attribute '%s' holds no tensor", attr->name);
		return node->error;
	}
	return onnx_constant_decode(node->import, attr->t, attr->name, constant);
}

int onnx_build_constant(struct onnx_node *node)
{
	const Onnx__AttributeProto *attr = onnx_attr(node, "value");
	struct onnx_constant *constant;
	int err;

	if (attr) {
		err = decode_attribute(node, attr, &constant);
		return err ? err : onnx_output_constant(node, 0, constant);
	}
	attr = onnx_attr(node, "value_float");
	if (attr)
		return output_scalar(node, ACCEL_F32, &attr->f);
	attr = onnx_attr(node, "value_int");
	if (attr)
		return output_scalar(node, ACCEL_I64, &attr->i);
	attr = onnx_attr(node, "value_floats");
	if (attr)
		return output_list(node, ACCEL_F32, attr->floats, attr->n_floats);
	attr = onnx_attr(node, "value_ints");
	if (attr)
		return output_list(node, ACCEL_I64, attr->ints, attr->n_ints);
	onnx_fail(node, -ENOTSUP, "has no value, or one that is sparse or text");
	return node->error;
}

static bool filled_shape(struct onnx_node *node, enum accel_type type, struct onnx_shape *shape)
{
	int64_t dims[ACCEL_RANK_MAX];
	uint64_t elements;
	size_t rank;

	if (!onnx_input_ints(node, 0, ACCEL_RANK_MAX, dims, &rank))
		return false;
	*shape = (struct onnx_shape){ .type = type, .rank = rank };
	for (size_t i = 0; i < rank; i++) {
		if (dims[i] < 0)
			onnx_fail(node, -EINVAL, "the shape has the dimension %lld", (long long)dims[i]);
		shape->dim[i] = dims[i];
	}
	if (!node->error && (onnx_shape_count(shape, &elements) ||
			     elements > FILL_BYTES_MAX / accel_type_bytes(type)))
		onnx_fail(node, -ENOTSUP, "the result is larger than 1 GiB");
	return !node->error;
}

/* Every element @number. NULL: no memory, or too large; the library's last error tells. */
struct onnx_constant *onnx_filled(struct onnx_node *node, const struct onnx_shape *shape, struct onnx_number number)
{
	struct onnx_constant *constant;
	void *data;

	constant = onnx_constant_new(node->import, shape, &data);
	for (uint64_t i = 0; constant && i < constant->count; i++)
		onnx_data_set(data, shape->type, i, number);
	return constant;
}

int onnx_build_constant_of_shape(struct onnx_node *node)
{
	const Onnx__AttributeProto *attr = onnx_attr(node, "value");
	struct onnx_constant *value = NULL, *constant;
	struct onnx_shape shape;
	uint32_t bytes;
	void *data;
	int err;

	if (attr) {
		err = decode_attribute(node, attr, &value);
		if (err)
			return err;
		if (value->count != 1)
			onnx_fail(node, -EINVAL, "attribute 'value' is not one element");
	}
	if (node->error || !filled_shape(node, value ? value->shape.type : ACCEL_F32, &shape))
		return node->error;
	constant = onnx_constant_new(node->import, &shape, &data);
	if (constant && value) {
		bytes = accel_type_bytes(shape.type);
		for (uint64_t i = 0; i < constant->count; i++)
			memcpy((uint8_t *)data + i * bytes, value->data, bytes);
	}
	return onnx_output_constant(node, 0, constant);
}

/* The whole shape, or since opset 15 dimensions [start, end) with numpy's clamping. */
int onnx_build_shape(struct onnx_node *node)
{
	int64_t start = onnx_attr_int(node, "start", 0), end = onnx_attr_int(node, "end", INT64_MAX);
	int64_t dims[ACCEL_RANK_MAX];
	struct onnx_shape shape;
	size_t count = 0;

	if (!onnx_input_shape(node, 0, &shape))
		return node->error;
	start = start < 0 ? start + shape.rank : start;
	end = end < 0 ? end + shape.rank : end;
	start = start < 0 ? 0 : start;
	end = end > shape.rank ? shape.rank : end;
	for (int64_t i = start; i < end; i++)
		dims[count++] = shape.dim[i];
	node->import->host_operations++;
	return output_list(node, ACCEL_I64, dims, count);
}

int onnx_build_size(struct onnx_node *node)
{
	struct onnx_shape shape;
	int64_t size;

	if (!onnx_input_shape(node, 0, &shape))
		return node->error;
	size = onnx_product(&shape, 0, shape.rank);
	node->import->host_operations++;
	return output_scalar(node, ACCEL_I64, &size);
}
