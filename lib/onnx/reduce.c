// SPDX-License-Identifier: MIT
/* Reductions. */
#include <errno.h>

#include <aci/aci_tcs.h>

#include "handlers.h"

#define EACH	(1u << ACCEL_RANK_MAX)	/* no axis at all: elements are changed one by one */

static uint32_t reduce_once(struct onnx_node *node, uint32_t function, uint32_t axes, uint32_t in)
{
	uint32_t out = 0;

	if (node->error)
		return 0;
	if (accel_graph_reduce(node->graph, function, axes, in, &out))
		return onnx_fail(node, -ENOTSUP, "%s", accel_last_error());
	return out;
}

/* At once, or axis by axis where an element is made of more than a card takes. */
uint32_t onnx_reduce(struct onnx_node *node, enum onnx_reduction kind, uint32_t axes, uint32_t in)
{
	static const uint32_t functions[] = {
		[ONNX_REDUCE_MEAN] = ACI_TCS_REDUCTION_MEAN, [ONNX_REDUCE_SUM] = ACI_TCS_REDUCTION_SUM,
		[ONNX_REDUCE_MAX] = ACI_TCS_REDUCTION_MAX, [ONNX_REDUCE_MIN] = ACI_TCS_REDUCTION_MIN,
		[ONNX_REDUCE_PROD] = ACI_TCS_REDUCTION_PROD, [ONNX_REDUCE_L1] = ACI_TCS_REDUCTION_L1,
		[ONNX_REDUCE_L2] = ACI_TCS_REDUCTION_L2,
		[ONNX_REDUCE_SUM_SQUARE] = ACI_TCS_REDUCTION_SUM_SQUARE,
	};
	uint32_t function = functions[kind];
	struct onnx_shape shape;
	uint64_t count = 1;

	if (!axes || !onnx_shape_of(node, in, &shape))
		return in;
	axes &= ~EACH;
	for (uint32_t i = 0; i < shape.rank; i++)
		count *= axes >> i & 1 ? shape.dim[i] : 1;
	if (count <= ACI_TCS_REDUCE_MAX)
		return reduce_once(node, function, axes, in);
	for (uint32_t i = 0; i < shape.rank; i++) {
		if (!(axes >> i & 1))
			continue;
		in = reduce_once(node, function, 1u << i, in);
		/* Squares are made once. */
		if (kind == ONNX_REDUCE_SUM_SQUARE)
			function = ACI_TCS_REDUCTION_SUM;
	}
	return in;
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
	case HANDLER_REDUCE_PROD:
		return onnx_reduce(node, ONNX_REDUCE_PROD, axes, in);
	case HANDLER_REDUCE_L1:
		return onnx_reduce(node, ONNX_REDUCE_L1, axes ? axes : EACH, in);
	case HANDLER_REDUCE_L2:
		return onnx_reduce(node, ONNX_REDUCE_L2, axes ? axes : EACH, in);
	case HANDLER_REDUCE_SUM_SQUARE:
		return onnx_reduce(node, ONNX_REDUCE_SUM_SQUARE, axes ? axes : EACH, in);
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
