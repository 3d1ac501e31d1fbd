// SPDX-License-Identifier: MIT
/* Programs: operations on rows, by indices, and fillings. */
#include <endian.h>
#include <string.h>

#include "error.h"
#include "program.h"

static int error_null(void)
{
	return error_set(-EINVAL, "program and views must not be NULL");
}

int accel_program_fill(struct accel_program *program, const void *value,
		       const struct accel_view *out)
{
	struct program_op op = { .opcode = ACI_TCS_OP_FILL, .out = out };

	if (!program || !value || !out)
		return error_null();
	/* Its low bytes, as the card has them. */
	memcpy(&op.value, value, accel_type_bytes(out->type));
	op.value = le64toh(op.value);
	return program_add(program, &op);
}

int accel_program_range(struct accel_program *program, uint32_t axis, const void *value,
			const void *step, const struct accel_view *out)
{
	struct program_op op = {
		.opcode = ACI_TCS_OP_FILL, .function = ACI_TCS_FILL_RANGE, .axis = axis, .out = out,
	};

	if (!program || !value || !step || !out)
		return error_null();
	memcpy(&op.value, value, accel_type_bytes(out->type));
	memcpy(&op.step, step, accel_type_bytes(out->type));
	op.value = le64toh(op.value);
	op.step = le64toh(op.step);
	return program_add(program, &op);
}

int accel_program_log_softmax(struct accel_program *program, uint32_t axis,
			      const struct accel_view *in, const struct accel_view *out)
{
	struct program_op op = {
		.opcode = ACI_TCS_OP_SOFTMAX, .function = ACI_TCS_SOFTMAX_LOG, .axis = axis,
		.in = { in }, .out = out,
	};

	return program_add(program, &op);
}

int accel_program_normalise(struct accel_program *program, uint32_t function, uint32_t axes,
			    float epsilon, const struct accel_view *in,
			    const struct accel_view *scale, const struct accel_view *bias,
			    const struct accel_view *out)
{
	struct program_op op = {
		.opcode = ACI_TCS_OP_NORMALISE, .function = function, .axes = axes,
		.epsilon = epsilon, .in = { in, scale, bias }, .out = out,
	};

	return program_add(program, &op);
}

int accel_program_cumulate(struct accel_program *program, uint32_t function, uint32_t axis,
			   bool exclusive, const struct accel_view *in,
			   const struct accel_view *out)
{
	struct program_op op = {
		.opcode = ACI_TCS_OP_CUMULATE, .function = function, .axis = axis,
		.flags = exclusive ? ACI_TCS_OP_F_EXCLUSIVE : 0, .in = { in }, .out = out,
	};

	return program_add(program, &op);
}

int accel_program_gather(struct accel_program *program, uint32_t axis, uint32_t count,
			 const struct accel_view *in, const struct accel_view *indices,
			 const struct accel_view *out)
{
	struct program_op op = {
		.opcode = ACI_TCS_OP_GATHER, .axis = axis, .count = count, .in = { in, indices },
		.out = out,
	};

	if (!indices)
		return error_null();
	return program_add(program, &op);
}

int accel_program_scatter(struct accel_program *program, uint32_t function, uint32_t axis,
			  uint32_t count, const struct accel_view *in,
			  const struct accel_view *indices, const struct accel_view *out)
{
	struct program_op op = {
		.opcode = ACI_TCS_OP_SCATTER, .function = function, .axis = axis, .count = count,
		.in = { in, indices }, .out = out,
	};

	if (!indices)
		return error_null();
	return program_add(program, &op);
}

int accel_program_top_k(struct accel_program *program, uint32_t axis, bool least,
			const struct accel_view *in, const struct accel_view *out,
			const struct accel_view *indices)
{
	struct program_op op = {
		.opcode = ACI_TCS_OP_TOP_K, .axis = axis,
		.flags = least ? ACI_TCS_OP_F_LEAST : 0, .in = { in }, .out = out, .out1 = indices,
	};

	if (!indices)
		return error_null();
	return program_add(program, &op);
}
