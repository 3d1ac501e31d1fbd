// SPDX-License-Identifier: MIT
/* QuantizeLinear, DequantizeLinear and DynamicQuantizeLinear. */
#include <errno.h>

#include <aci/aci_tcs.h>

#include "handlers.h"

/* A tensor with its parameters, both as they fit each other; blocks have a dimension of their own. */
struct blocked {
	uint32_t in;
	uint32_t scale;
	uint32_t zero;			/* ACCEL_TENSOR_NONE: none */
	struct onnx_shape shape;	/* of the input as it was */
};

/* A scale or zero point: per tensor, per element of an axis, or per block. */
static uint32_t parameter(struct onnx_node *node, size_t index, const struct onnx_shape *in,
			  uint32_t axis, bool blocks)
{
	uint64_t dim[ACCEL_RANK_MAX + 1] = { 1, 1, 1, 1, 1, 1, 1, 1, 1 };
	uint32_t tensor = onnx_input(node, index), rank = 0;
	struct onnx_shape shape;

	if (!onnx_shape_of(node, tensor, &shape))
		return 0;
	if (blocks) {
		for (uint32_t i = 0; i < shape.rank; i++) {
			dim[rank++] = shape.dim[i];
			if (i == axis)
				dim[rank++] = 1;
		}
		return onnx_reshape(node, tensor, rank, dim);
	}
	if (!shape.rank || (shape.rank == 1 && shape.dim[0] == 1))
		return onnx_reshape(node, tensor, 0, dim);
	if (shape.rank != 1)
		return onnx_fail(node, -EINVAL, "a parameter has %u dimensions", shape.rank);
	dim[axis] = shape.dim[0];
	return onnx_reshape(node, tensor, in->rank, dim);
}

static bool read_blocks(struct onnx_node *node, int64_t block, uint32_t axis, struct blocked *b)
{
	const struct onnx_shape *shape = &b->shape;
	uint64_t dim[ACCEL_RANK_MAX];
	uint32_t rank = 0;

	if (shape->rank >= ACCEL_RANK_MAX || block < 0 || shape->dim[axis] % (uint64_t)block) {
		onnx_fail(node, -ENOTSUP, "blocks of %lld in an axis of %llu", (long long)block,
			  (unsigned long long)shape->dim[axis]);
		return false;
	}
	for (uint32_t i = 0; i < shape->rank; i++) {
		dim[rank++] = i == axis ? shape->dim[i] / (uint64_t)block : shape->dim[i];
		if (i == axis)
			dim[rank++] = (uint64_t)block;
	}
	b->in = onnx_reshape(node, b->in, rank, dim);
	return !node->error;
}

/* Input, scale and zero point, which are inputs 0 to 2. */
static bool read_blocked(struct onnx_node *node, struct blocked *b)
{
	int64_t block = onnx_attr_int(node, "block_size", 0), at = onnx_attr_int(node, "axis", 1);
	struct onnx_shape scale;
	uint32_t axis = 0;

	onnx_attr_ignore(node, "saturate");	/* of float8 only */
	b->in = onnx_input(node, 0);
	b->zero = ACCEL_TENSOR_NONE;
	if (!onnx_shape_of(node, b->in, &b->shape) || !onnx_input_shape(node, 1, &scale))
		return false;
	if (onnx_product(&scale, 0, scale.rank) != 1 &&
	    !onnx_axis(node, at, b->shape.rank, &axis))
		return false;
	if (block && !read_blocks(node, block, axis, b))
		return false;
	b->scale = parameter(node, 1, &b->shape, axis, block);
	if (onnx_has_input(node, 2))
		b->zero = parameter(node, 2, &b->shape, axis, block);
	return !node->error;
}

/* The zero point's type, else attribute output_dtype, else u8. */
static enum accel_type quantised_type(struct onnx_node *node)
{
	int64_t dtype = onnx_attr_int(node, "output_dtype", 0);
	enum accel_type type = ACCEL_U8;
	struct onnx_shape shape;

	if (onnx_has_input(node, 2))
		return onnx_input_shape(node, 2, &shape) ? shape.type : type;
	if (dtype && (dtype < 0 || dtype > INT32_MAX || onnx_type_from_proto(dtype, &type)))
		onnx_fail(node, -ENOTSUP, "attribute 'output_dtype' names an unsupported type");
	return type;
}

int onnx_build_quantize(struct onnx_node *node)
{
	enum accel_type type = quantised_type(node);
	struct blocked b;
	uint32_t out;

	if (!read_blocked(node, &b))
		return node->error;
	out = onnx_quantise(node, type, b.in, onnx_convert(node, ACCEL_F32, b.scale), b.zero);
	return onnx_output(node, 0, onnx_reshape(node, out, b.shape.rank, b.shape.dim));
}

/* The result has the scale's type. */
int onnx_build_dequantize(struct onnx_node *node)
{
	struct onnx_shape scale;
	struct blocked b;
	uint32_t out;

	if (!read_blocked(node, &b) || !onnx_shape_of(node, b.scale, &scale))
		return node->error;
	out = onnx_dequantise(node, b.in, onnx_convert(node, ACCEL_F32, b.scale), b.zero);
	out = onnx_convert(node, scale.type, out);
	return onnx_output(node, 0, onnx_reshape(node, out, b.shape.rank, b.shape.dim));
}

/* u8 over the range of the elements and 0, found by the card. */
int onnx_build_dynamic_quantize(struct onnx_node *node)
{
	uint32_t in = onnx_input(node, 0), high, low, scale, zero, none, all;
	struct onnx_shape shape;

	if (!onnx_shape_of(node, in, &shape))
		return node->error;
	all = (1u << shape.rank) - 1;
	none = onnx_scalar(node, 0);
	high = onnx_reshape(node, onnx_reduce(node, ONNX_REDUCE_MAX, all, in), 0, shape.dim);
	low = onnx_reshape(node, onnx_reduce(node, ONNX_REDUCE_MIN, all, in), 0, shape.dim);
	high = onnx_binary(node, ACI_TCS_BINARY_MAX, high, none);
	low = onnx_binary(node, ACI_TCS_BINARY_MIN, low, none);
	scale = onnx_div(node, onnx_sub(node, high, low), onnx_scalar(node, 255));
	zero = onnx_quantise(node, ACCEL_U8, onnx_sub(node, none, low), scale, ACCEL_TENSOR_NONE);
	onnx_output(node, 0, onnx_quantise(node, ACCEL_U8, in, scale, zero));
	onnx_output(node, 1, scale);
	return onnx_output(node, 2, zero);
}
