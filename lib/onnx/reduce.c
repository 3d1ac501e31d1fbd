// SPDX-License-Identifier: MIT
/* Reductions, which the card does as poolings whose window is the whole axis. */
#include <errno.h>

#include <aci/aci_tcs.h>

#include "handlers.h"

/* One run of neighbouring axes: [1, outer, n, inner] pooled with a window of [n, 1]. */
static uint32_t pool_run(struct onnx_node *node, uint32_t opcode, uint32_t begin, uint32_t end, uint32_t in)
{
	struct accel_window window = { .kernel = { 1, 1 }, .stride = { 1, 1 }, .dilation = { 1, 1 } };
	struct onnx_shape shape;
	uint64_t length;

	if (!onnx_shape_of(node, in, &shape))
		return 0;
	length = onnx_product(&shape, begin, end);
	if (length > INT32_MAX)
		return onnx_fail(node, -ENOTSUP, "a reduced axis is too long");
	window.kernel[0] = length;
	in = onnx_reshape(node, in, 4, (uint64_t[]){ 1, onnx_product(&shape, 0, begin), length,
						     onnx_product(&shape, end, shape.rank) });
	for (uint32_t i = begin; i < end; i++)
		shape.dim[i] = 1;
	return onnx_reshape(node, onnx_pool(node, opcode, &window, in), shape.rank, shape.dim);
}

static uint32_t pool_axes(struct onnx_node *node, uint32_t opcode, uint32_t axes, uint32_t in)
{
	for (uint32_t begin = 0; axes >> begin && !node->error; begin++) {
		uint32_t end = begin;

		while (axes >> end & 1)
			end++;
		if (end == begin)
			continue;
		in = pool_run(node, opcode, begin, end, in);
		begin = end - 1;
	}
	return in;
}

uint32_t onnx_reduce(struct onnx_node *node, enum onnx_reduction kind, uint32_t axes, uint32_t in)
{
	struct onnx_shape shape;
	uint64_t count = 1;

	if (!onnx_shape_of(node, in, &shape))
		return 0;
	for (uint32_t i = 0; i < shape.rank; i++)
		if (axes & 1u << i)
			count *= shape.dim[i];
	switch (kind) {
	case ONNX_REDUCE_MAX:
		return pool_axes(node, ACI_TCS_OP_POOL_MAX, axes, in);
	case ONNX_REDUCE_MIN:
		in = pool_axes(node, ACI_TCS_OP_POOL_MAX, axes, onnx_unary(node, ACI_TCS_UNARY_NEG, 0, 0, in));
		return onnx_unary(node, ACI_TCS_UNARY_NEG, 0, 0, in);
	case ONNX_REDUCE_SUM:
		return onnx_linear(node, count, 0, pool_axes(node, ACI_TCS_OP_POOL_AVG, axes, in));
	default:
		return pool_axes(node, ACI_TCS_OP_POOL_AVG, axes, in);
	}
}

static uint32_t log_sum_exp(struct onnx_node *node, uint32_t axes, uint32_t in)
{
	uint32_t top = onnx_reduce(node, ONNX_REDUCE_MAX, axes, in);
	uint32_t sum = onnx_reduce(node, ONNX_REDUCE_SUM, axes,
				   onnx_unary(node, ACI_TCS_UNARY_EXP, 0, 0, onnx_sub(node, in, top)));

	return onnx_add(node, top, onnx_unary(node, ACI_TCS_UNARY_LOG, 0, 0, sum));
}

static uint32_t reduce(struct onnx_node *node, uint32_t axes, uint32_t in)
{
	uint32_t sum = 0;

	switch (node->op->function) {
	case HANDLER_REDUCE_MEAN:
		return onnx_reduce(node, ONNX_REDUCE_MEAN, axes, in);
	case HANDLER_REDUCE_MAX:
		return onnx_reduce(node, ONNX_REDUCE_MAX, axes, in);
	case HANDLER_REDUCE_MIN:
		return onnx_reduce(node, ONNX_REDUCE_MIN, axes, in);
	case HANDLER_REDUCE_L1:
		return onnx_reduce(node, ONNX_REDUCE_SUM, axes, onnx_unary(node, ACI_TCS_UNARY_ABS, 0, 0, in));
	case HANDLER_REDUCE_L2:
	case HANDLER_REDUCE_SUM_SQUARE:
		sum = onnx_reduce(node, ONNX_REDUCE_SUM, axes, onnx_mul(node, in, in));
		return node->op->function == HANDLER_REDUCE_L2 ?
		       onnx_unary(node, ACI_TCS_UNARY_SQRT, 0, 0, sum) : sum;
	case HANDLER_REDUCE_LOG_SUM:
		sum = onnx_reduce(node, ONNX_REDUCE_SUM, axes, in);
		return onnx_unary(node, ACI_TCS_UNARY_LOG, 0, 0, sum);
	case HANDLER_REDUCE_LOG_SUM_EXP:
		return log_sum_exp(node, axes, in);
	default:
		return onnx_reduce(node, ONNX_REDUCE_SUM, axes, in);
	}
}

/* Axes became an input with opset 18, for ReduceSum with 13. False: a failure. */
static bool read_axes(struct onnx_node *node, uint32_t rank, int64_t *axes, size_t *count)
{
	int64_t as_input = node->op->function == HANDLER_REDUCE_SUM ? 13 : 18;

	*count = 0;
	if (node->opset < as_input)
		onnx_attr_ints(node, "axes", ACCEL_RANK_MAX, axes, count);
	else if (onnx_has_input(node, 1))
		onnx_input_ints(node, 1, ACCEL_RANK_MAX, axes, count);
	return !node->error;
}

int onnx_build_reduce(struct onnx_node *node)
{
	bool keep = onnx_attr_int(node, "keepdims", 1), noop = onnx_attr_int(node, "noop_with_empty_axes", 0);
	uint32_t in = onnx_input(node, 0), mask = 0, kept = 0, index;
	int64_t axes[ACCEL_RANK_MAX];
	struct onnx_shape shape;
	size_t count;

	if (!onnx_shape_of(node, in, &shape) || !read_axes(node, shape.rank, axes, &count))
		return node->error;
	for (size_t i = 0; i < count; i++)
		if (onnx_axis(node, axes[i], shape.rank, &index))
			mask |= 1u << index;
	if (!count && !noop)
		mask = (1u << shape.rank) - 1;
	in = reduce(node, mask, in);
	if (keep || !mask)
		return onnx_output(node, 0, in);
	for (uint32_t i = 0; i < shape.rank; i++)
		if (!(mask & 1u << i))
			shape.dim[kept++] = shape.dim[i];
	return onnx_output(node, 0, onnx_reshape(node, in, kept, shape.dim));
}
