// SPDX-License-Identifier: MIT
/* Programs: element-wise operations, reductions, products and windows. */
#include "error.h"
#include "program.h"

int accel_program_copy(struct accel_program *program, const struct accel_view *in,
		       const struct accel_view *out)
{
	struct program_op op = { .opcode = ACI_TCS_OP_COPY, .in = { in }, .out = out };

	return program_add(program, &op);
}

int accel_program_unary(struct accel_program *program, uint32_t function, float alpha, float beta,
			const struct accel_view *in, const struct accel_view *out)
{
	struct program_op op = {
		.opcode = ACI_TCS_OP_UNARY, .function = function, .alpha = alpha, .beta = beta,
		.alpha_slot = ACCEL_SLOT_NONE, .beta_slot = ACCEL_SLOT_NONE,
		.in = { in }, .out = out,
	};

	return program_add(program, &op);
}

int accel_program_unary_from_arguments(struct accel_program *program, uint32_t function,
				       uint32_t alpha_slot, uint32_t beta_slot,
				       const struct accel_view *in, const struct accel_view *out)
{
	struct program_op op = {
		.opcode = ACI_TCS_OP_UNARY, .function = function, .alpha_slot = alpha_slot,
		.beta_slot = beta_slot, .in = { in }, .out = out,
	};

	return program_add(program, &op);
}

int accel_program_binary(struct accel_program *program, uint32_t function,
			 const struct accel_view *in0, const struct accel_view *in1,
			 const struct accel_view *out)
{
	struct program_op op = {
		.opcode = ACI_TCS_OP_BINARY, .function = function, .in = { in0, in1 }, .out = out,
	};

	if (!in1)
		return error_set(-EINVAL, "program and views must not be NULL");
	return program_add(program, &op);
}

int accel_program_compare(struct accel_program *program, uint32_t function,
			  const struct accel_view *in0, const struct accel_view *in1,
			  const struct accel_view *out)
{
	struct program_op op = {
		.opcode = ACI_TCS_OP_COMPARE, .function = function, .in = { in0, in1 }, .out = out,
	};

	if (!in1)
		return error_set(-EINVAL, "program and views must not be NULL");
	return program_add(program, &op);
}

int accel_program_select(struct accel_program *program, const struct accel_view *condition,
			 const struct accel_view *in0, const struct accel_view *in1,
			 const struct accel_view *out)
{
	struct program_op op = {
		.opcode = ACI_TCS_OP_SELECT, .in = { condition, in0, in1 }, .out = out,
	};

	if (!in0 || !in1)
		return error_set(-EINVAL, "program and views must not be NULL");
	return program_add(program, &op);
}

int accel_program_reduce(struct accel_program *program, uint32_t function, uint32_t axes,
			 const struct accel_view *in, const struct accel_view *out)
{
	struct program_op op = {
		.opcode = ACI_TCS_OP_REDUCE, .function = function, .axes = axes,
		.in = { in }, .out = out,
	};

	return program_add(program, &op);
}

int accel_program_arg(struct accel_program *program, uint32_t function, uint32_t axis, bool last,
		      const struct accel_view *in, const struct accel_view *out)
{
	struct program_op op = {
		.opcode = ACI_TCS_OP_ARG, .function = function, .axis = axis,
		.flags = last ? ACI_TCS_OP_F_LAST : 0, .in = { in }, .out = out,
	};

	return program_add(program, &op);
}

int accel_program_softmax(struct accel_program *program, uint32_t axis, const struct accel_view *in,
			  const struct accel_view *out)
{
	struct program_op op = {
		.opcode = ACI_TCS_OP_SOFTMAX, .axis = axis, .in = { in }, .out = out
	};

	return program_add(program, &op);
}

int accel_program_matmul(struct accel_program *program, uint32_t activation,
			 const struct accel_view *a, const struct accel_view *b,
			 const struct accel_view *bias, const struct accel_view *out)
{
	struct program_op op = {
		.opcode = ACI_TCS_OP_MATMUL,
		.function = activation,
		.in = { a, b, bias },
		.out = out,
	};

	if (!b)
		return error_set(-EINVAL, "program and views must not be NULL");
	return program_add(program, &op);
}

int accel_program_conv(struct accel_program *program, uint32_t activation,
		       const struct accel_window *window, const struct accel_view *in,
		       const struct accel_view *weights, const struct accel_view *bias,
		       const struct accel_view *out)
{
	struct program_op op = {
		.opcode = ACI_TCS_OP_CONV, .function = activation, .window = window,
		.in = { in, weights, bias }, .out = out,
	};

	if (!weights)
		return error_set(-EINVAL, "program and views must not be NULL");
	return program_add(program, &op);
}

int accel_program_pool(struct accel_program *program, uint32_t opcode,
		       const struct accel_window *window, const struct accel_view *in,
		       const struct accel_view *out)
{
	struct program_op op = { .opcode = opcode, .window = window, .in = { in }, .out = out };

	if (opcode != ACI_TCS_OP_POOL_MAX && opcode != ACI_TCS_OP_POOL_AVG)
		return error_set(-EINVAL, "0x%x is no pooling operation", opcode);
	return program_add(program, &op);
}

int accel_program_conv_transpose(struct accel_program *program, uint32_t activation,
				 const struct accel_window *window, const struct accel_view *in,
				 const struct accel_view *weights, const struct accel_view *bias,
				 const struct accel_view *out)
{
	struct program_op op = {
		.opcode = ACI_TCS_OP_CONV_TRANSPOSE, .function = activation, .window = window,
		.in = { in, weights, bias }, .out = out,
	};

	if (!weights)
		return error_set(-EINVAL, "program and views must not be NULL");
	return program_add(program, &op);
}

int accel_program_resize(struct accel_program *program, const struct accel_resize *resize,
			 const struct accel_view *in, const struct accel_view *out)
{
	struct program_op op = {
		.opcode = ACI_TCS_OP_RESIZE, .resize = resize, .in = { in }, .out = out,
	};

	if (!resize)
		return error_set(-EINVAL, "resize: resize must not be NULL");
	op.function = resize->function;
	return program_add(program, &op);
}

int accel_program_quantise(struct accel_program *program, const struct accel_view *in,
			   const struct accel_view *scale, const struct accel_view *zero,
			   const struct accel_view *out)
{
	struct program_op op = {
		.opcode = ACI_TCS_OP_QUANTISE, .in = { in, scale, zero }, .out = out,
	};

	if (!scale)
		return error_set(-EINVAL, "program and views must not be NULL");
	return program_add(program, &op);
}

int accel_program_dequantise(struct accel_program *program, const struct accel_view *in,
			     const struct accel_view *scale, const struct accel_view *zero,
			     const struct accel_view *out)
{
	struct program_op op = {
		.opcode = ACI_TCS_OP_DEQUANTISE, .in = { in, scale, zero }, .out = out,
	};

	if (!scale)
		return error_set(-EINVAL, "program and views must not be NULL");
	return program_add(program, &op);
}
