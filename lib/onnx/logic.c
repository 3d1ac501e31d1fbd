// SPDX-License-Identifier: MIT
/* Comparisons, choices, and what is made of them. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include <aci/aci_tcs.h>

#include "handlers.h"

#define DEPTH_MAX	(1u << 26)	/* of OneHot: a few bytes of a file ask for it */

int onnx_build_compare(struct onnx_node *node)
{
	uint32_t left = onnx_input(node, 0), right = onnx_right_operand(node, left);

	return onnx_output(node, 0, onnx_compare(node, node->op->function, left, right));
}

int onnx_build_where(struct onnx_node *node)
{
	uint32_t condition = onnx_input(node, 0), a = onnx_input(node, 1), b = onnx_input(node, 2);

	return onnx_output(node, 0, onnx_select(node, condition, a, b));
}

/* An exclusive or with all bits. */
int onnx_build_not(struct onnx_node *node)
{
	uint32_t in = onnx_input(node, 0);
	struct onnx_shape shape;
	uint32_t ones;

	if (!onnx_shape_of(node, in, &shape))
		return node->error;
	shape.rank = 0;
	ones = onnx_constant_tensor(node, onnx_filled(node, &shape, (struct onnx_number){ .i = -1 }));
	return onnx_output(node, 0, onnx_binary(node, ACI_TCS_BINARY_XOR, in, ones));
}

int onnx_build_is_nan(struct onnx_node *node)
{
	uint32_t in = onnx_input(node, 0);

	return onnx_output(node, 0, onnx_compare(node, ACI_TCS_COMPARE_NE, in, in));
}

int onnx_build_is_inf(struct onnx_node *node)
{
	bool negative = onnx_attr_int(node, "detect_negative", 1);
	bool positive = onnx_attr_int(node, "detect_positive", 1);
	uint32_t in = onnx_input(node, 0);

	if (negative && positive)
		in = onnx_unary(node, ACI_TCS_UNARY_ABS, 0, 0, in);
	else if (negative)
		in = onnx_unary(node, ACI_TCS_UNARY_NEG, 0, 0, in);
	else if (!positive)
		return onnx_output(node, 0, onnx_compare(node, ACI_TCS_COMPARE_LT, in, onnx_scalar(node, -INFINITY)));
	return onnx_output(node, 0, onnx_compare(node, ACI_TCS_COMPARE_EQ, in, onnx_scalar(node, INFINITY)));
}

/* The sign is that of the divisor, or with fmod that of the dividend. */
int onnx_build_mod(struct onnx_node *node)
{
	uint32_t function = onnx_attr_int(node, "fmod", 0) ? ACI_TCS_BINARY_REMAINDER : ACI_TCS_BINARY_MOD;
	uint32_t left = onnx_input(node, 0), right = onnx_input(node, 1);

	return onnx_output(node, 0, onnx_binary(node, function, left, right));
}

int onnx_build_bit_shift(struct onnx_node *node)
{
	bool left = onnx_attr_is(node, "direction", "LEFT", "");
	uint32_t function = left ? ACI_TCS_BINARY_SHIFT_LEFT : ACI_TCS_BINARY_SHIFT_RIGHT;
	uint32_t in = onnx_input(node, 0), bits = onnx_input(node, 1);

	if (!left && !onnx_attr_is(node, "direction", "RIGHT", ""))
		onnx_fail(node, -EINVAL, "attribute 'direction' is neither 'LEFT' nor 'RIGHT'");
	return onnx_output(node, 0, onnx_binary(node, function, in, bits));
}

int onnx_build_arg(struct onnx_node *node)
{
	bool keep = onnx_attr_int(node, "keepdims", 1), last = onnx_attr_int(node, "select_last_index", 0);
	int64_t axis = onnx_attr_int(node, "axis", 0);
	uint32_t in = onnx_input(node, 0), index;
	struct onnx_shape shape;

	if (!onnx_shape_of(node, in, &shape) || !onnx_axis(node, axis, shape.rank, &index))
		return node->error;
	in = onnx_arg(node, node->op->function, index, last, in);
	if (keep)
		return onnx_output(node, 0, in);
	for (uint32_t i = index + 1; i < shape.rank; i++)
		shape.dim[i - 1] = shape.dim[i];
	return onnx_output(node, 0, onnx_reshape(node, in, shape.rank - 1, shape.dim));
}

static uint32_t hardmax(struct onnx_node *node, uint32_t in, uint32_t axis)
{
	struct onnx_shape shape;
	uint32_t greatest;

	if (!onnx_shape_of(node, in, &shape))
		return 0;
	greatest = onnx_arg(node, ACI_TCS_ARG_MAX, axis, false, in);
	in = onnx_compare(node, ACI_TCS_COMPARE_EQ, greatest,
			  onnx_count_up(node, ACCEL_I64, 0, shape.dim[axis], shape.rank, axis));
	return onnx_convert(node, shape.type, in);
}

/* Before opset 13: over all dimensions from axis on. */
int onnx_build_hardmax(struct onnx_node *node)
{
	bool flat = node->opset < 13;
	int64_t axis = onnx_attr_int(node, "axis", flat ? 1 : -1);
	uint32_t in = onnx_input(node, 0), index;
	struct onnx_shape shape;

	if (!onnx_shape_of(node, in, &shape) || !onnx_axis(node, axis, shape.rank, &index))
		return node->error;
	if (!flat)
		return onnx_output(node, 0, hardmax(node, in, index));
	in = onnx_reshape(node, in, 2, (uint64_t[]){ onnx_product(&shape, 0, index),
						     onnx_product(&shape, index, shape.rank) });
	return onnx_output(node, 0, onnx_reshape(node, hardmax(node, in, 1), shape.rank, shape.dim));
}

/* The off or the on value, which are a list of two. */
static uint32_t hot_value(struct onnx_node *node, uint32_t values, uint32_t index)
{
	return onnx_reshape(node, onnx_slice_axis(node, values, 0, index, 1), 0, (uint64_t[]){ 1 });
}

/* On where the index, or the index counted from the end, is that of the element. */
int onnx_build_one_hot(struct onnx_node *node)
{
	const struct onnx_constant *depth = onnx_input_constant(node, 1);
	int64_t axis = onnx_attr_int(node, "axis", -1), count;
	uint32_t in = onnx_input(node, 0), values = onnx_input(node, 2), index, hot;
	struct onnx_shape shape, pair;

	if (!depth || !onnx_shape_of(node, in, &shape) || !onnx_shape_of(node, values, &pair))
		return node->error;
	/* Of any type, also a real one. */
	count = depth->count == 1 ? (int64_t)fmin(fmax(onnx_constant_real(depth, 0), 0), DEPTH_MAX + 1.0) : 0;
	if (count < 1 || pair.rank != 1 || pair.dim[0] != 2)
		onnx_fail(node, -EINVAL, "the depth is no number, or the values are not two");
	if (shape.rank >= ACCEL_RANK_MAX)
		onnx_fail(node, -ENOTSUP, "the result has more than %d dimensions", ACCEL_RANK_MAX);
	if (!onnx_axis(node, axis, shape.rank + 1, &index))
		return node->error;
	for (uint32_t i = shape.rank++; i > index; i--)
		shape.dim[i] = shape.dim[i - 1];
	shape.dim[index] = 1;
	in = onnx_reshape(node, in, shape.rank, shape.dim);
	hot = onnx_compare(node, ACI_TCS_COMPARE_EQ, in, onnx_count_up(node, shape.type, 0, (uint64_t)count, shape.rank, index));
	if (shape.type != ACCEL_U8)
		hot = onnx_binary(node, ACI_TCS_BINARY_OR, hot,
				  onnx_compare(node, ACI_TCS_COMPARE_EQ, in,
					       onnx_count_up(node, shape.type, -count, (uint64_t)count, shape.rank, index)));
	return onnx_output(node, 0, onnx_select(node, hot, hot_value(node, values, 1), hot_value(node, values, 0)));
}

/* Zero below or above a diagonal of the last two dimensions. */
int onnx_build_trilu(struct onnx_node *node)
{
	bool upper = onnx_attr_int(node, "upper", 1);
	uint32_t function = upper ? ACI_TCS_COMPARE_GE : ACI_TCS_COMPARE_LE;
	uint32_t in = onnx_input(node, 0), rows, columns, mask, zero;
	struct onnx_shape shape, one = { 0 };
	int64_t diagonal[1] = { 0 };
	size_t count = 1;

	if (onnx_has_input(node, 1) && !onnx_input_ints(node, 1, 1, diagonal, &count))
		return node->error;
	if (!onnx_shape_of(node, in, &shape))
		return node->error;
	if (shape.rank < 2 || !count) {
		onnx_fail(node, -EINVAL, "the input has %u dimensions, at least 2 are needed, or k is empty",
			  shape.rank);
		return node->error;
	}
	rows = onnx_count_up(node, ACCEL_I64, diagonal[0], shape.dim[shape.rank - 2], 2, 0);
	columns = onnx_count_up(node, ACCEL_I64, 0, shape.dim[shape.rank - 1], 2, 1);
	mask = onnx_compare(node, function, columns, rows);
	one.type = shape.type;
	zero = onnx_constant_tensor(node, onnx_filled(node, &one, (struct onnx_number){ 0 }));
	return onnx_output(node, 0, onnx_select(node, mask, in, zero));
}
