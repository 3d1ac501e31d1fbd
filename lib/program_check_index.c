// SPDX-License-Identifier: MIT
/* Shapes of operations along a dimension, on rows, by indices, and with parameters that repeat. */
#include "error.h"
#include "program.h"

static int check_axis(const struct program_op *op, uint32_t rank)
{
	if (op->axis < rank)
		return 0;
	return error_set(-EINVAL, "%s: there is no axis %u", tcs_op_name(op->opcode), op->axis);
}

/* in1 and in2 are parameters: NORMALISE, QUANTISE, DEQUANTISE. */
static int check_parameters(const struct program_op *op)
{
	const struct accel_view *in = op->in[0], *out = op->out;

	if (op->axes >> in->rank)
		return error_set(-EINVAL, "normalise: axes 0x%x, but rank %u has no such dimension",
				 op->axes, in->rank);
	if (!view_shapes_may_equal(in, out))
		return program_error_shapes(op);
	for (int i = 1; i < PROGRAM_INPUTS; i++)
		if (op->in[i] && !view_repeats_to(op->in[i], out))
			return program_error_shapes(op);
	return 0;
}

/* @picked has the dimensions of @data, but its own ones in place of those that are indexed. */
static bool picked_fits(const struct program_op *op, const struct accel_view *data,
			const struct accel_view *picked)
{
	const struct accel_view *indices = op->in[1];
	uint32_t behind = data->rank - op->axis - op->count;

	if (picked->rank < op->axis + behind || indices->rank != picked->rank + 1 ||
	    !view_may_equal(view_known_dim(indices, picked->rank), op->count))
		return false;
	for (uint32_t i = 0; i < picked->rank; i++) {
		uint64_t size = view_known_dim(indices, i);

		if (size != 1 && !view_may_equal(size, view_known_dim(picked, i)))
			return false;
	}
	for (uint32_t i = 0; i < op->axis; i++)
		if (!view_may_equal(view_known_dim(data, i), view_known_dim(picked, i)))
			return false;
	for (uint32_t i = 1; i <= behind; i++)
		if (!view_may_equal(view_known_dim(data, data->rank - i),
				    view_known_dim(picked, picked->rank - i)))
			return false;
	return true;
}

static int check_indexed(const struct program_op *op, const struct accel_view *data,
			 const struct accel_view *picked)
{
	if (!op->count || op->count > data->rank || op->axis > data->rank - op->count)
		return error_set(-EINVAL, "%s: %u dimensions from %u on are not in rank %u",
				 tcs_op_name(op->opcode), op->count, op->axis, data->rank);
	return picked_fits(op, data, picked) ? 0 : program_error_shapes(op);
}

static int check_top_k(const struct program_op *op)
{
	const struct accel_view *in = op->in[0], *out = op->out;
	int ret = check_axis(op, in->rank);

	if (ret)
		return ret;
	if (in->rank != out->rank || !view_shapes_may_equal(out, op->out1))
		return program_error_shapes(op);
	for (uint32_t i = 0; i < in->rank; i++) {
		uint64_t size = view_known_dim(in, i), kept = view_known_dim(out, i);

		if (i == op->axis ? size && kept > size : !view_may_equal(size, kept))
			return program_error_shapes(op);
	}
	return 0;
}

int program_check_index(const struct program_op *op)
{
	int ret;

	switch (op->opcode) {
	case ACI_TCS_OP_FILL:
		return op->function == ACI_TCS_FILL_RANGE ? check_axis(op, op->out->rank) : 0;
	case ACI_TCS_OP_NORMALISE:
	case ACI_TCS_OP_QUANTISE:
	case ACI_TCS_OP_DEQUANTISE:
		return check_parameters(op);
	case ACI_TCS_OP_CUMULATE:
		ret = check_axis(op, op->in[0]->rank);
		if (ret)
			return ret;
		return view_shapes_may_equal(op->in[0], op->out) ? 0 : program_error_shapes(op);
	case ACI_TCS_OP_GATHER:
		return check_indexed(op, op->in[0], op->out);
	case ACI_TCS_OP_SCATTER:
		return check_indexed(op, op->out, op->in[0]);
	case ACI_TCS_OP_TOP_K:
		return check_top_k(op);
	default:
		return error_set(-ENOTSUP, "unknown operation 0x%x", op->opcode);
	}
}
