// SPDX-License-Identifier: MIT
/* Each tensor operation that the card lists, against a plain computation. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <aci/aci_tcs.h>

#include "diag.h"
#include "reference.h"

#define RELATIVE	1e-4	/* float32, with room for another order of summation */
#define ABSOLUTE	1e-5
#define OUT_SLOT	REFERENCE_INPUTS

/* --- Operands ----------------------------------------------------------------------------- */

enum values { VALUES_SIGNED, VALUES_POSITIVE, VALUES_WHOLE };

static void set_element(struct reference_operand *operand, uint64_t at, double value)
{
	switch (operand->view.type) {
	case ACCEL_F32:
		((float *)operand->data)[at] = value;
		break;
	case ACCEL_I32:
		((int32_t *)operand->data)[at] = value;
		break;
	case ACCEL_I64:
		((int64_t *)operand->data)[at] = value;
		break;
	case ACCEL_BOOL:
		((uint8_t *)operand->data)[at] = (int64_t)value & 1;
		break;
	case ACCEL_U8:
		((uint8_t *)operand->data)[at] = (uint8_t)(int64_t)value;
		break;
	default:
		((int8_t *)operand->data)[at] = (int8_t)(int64_t)value;
	}
}

/* Repeatable, within [-4, 4] for floats and [-60, 60] for integers, never 0. */
static double value_at(uint64_t at, enum accel_type type, enum values values, uint64_t seed)
{
	double value = (double)((at * 2654435761u + seed * 40503) >> 7 & 0x3ff) / 128 - 4 + 1.0 / 512;

	if (values == VALUES_WHOLE || (type != ACCEL_F32 && values == VALUES_POSITIVE))
		return 1 + (at * 7 + seed) % 100;
	if (type != ACCEL_F32)
		return trunc(value * 15) + (value < 0 ? -1 : 1);
	return values == VALUES_POSITIVE ? fabs(value) + 0.125 : value;
}

static bool make_operand(struct reference_operand *operand, enum accel_type type, uint32_t slot,
			 enum values values, uint32_t rank, const uint64_t *shape)
{
	uint64_t count = 1;

	if (accel_view_init(&operand->view, type, slot, 0, rank, shape))
		return false;
	for (uint32_t i = 0; i < rank; i++)
		count *= shape[i];
	operand->bytes = count * accel_type_bytes(type);
	operand->data = calloc(1, operand->bytes);
	for (uint64_t i = 0; operand->data && i < count; i++)
		set_element(operand, i, value_at(i, type, values, slot));
	return operand->data;
}

/* Seen with the last two dimensions exchanged: strides that are not row-major. */
static void transpose_view(struct accel_view *view)
{
	uint32_t last = view->rank - 1;
	int64_t stride = view->stride[last];
	uint64_t dim = view->shape[last];

	view->shape[last] = view->shape[last - 1];
	view->stride[last] = view->stride[last - 1];
	view->shape[last - 1] = dim;
	view->stride[last - 1] = stride;
}

static void free_operands(struct reference_op *op)
{
	for (int i = 0; i < REFERENCE_INPUTS; i++)
		free(op->in[i].data);
	free(op->out.data);
}

/* --- Running one operation ------------------------------------------------------------------- */

static int encode(struct accel_program *program, const struct reference_op *op)
{
	const struct accel_view *in0 = &op->in[0].view, *in1 = &op->in[1].view, *out = &op->out.view;
	const struct accel_view *bias = op->in[2].bytes ? &op->in[2].view : NULL;

	switch (op->opcode) {
	case ACI_TCS_OP_COPY:
		return accel_program_copy(program, in0, out);
	case ACI_TCS_OP_UNARY:
		return accel_program_unary(program, op->function, op->alpha, op->beta, in0, out);
	case ACI_TCS_OP_BINARY:
		return accel_program_binary(program, op->function, in0, in1, out);
	case ACI_TCS_OP_SOFTMAX:
		return accel_program_softmax(program, op->axis, in0, out);
	case ACI_TCS_OP_MATMUL:
		return accel_program_matmul(program, op->function, in0, in1, bias, out);
	case ACI_TCS_OP_CONV:
		return accel_program_conv(program, op->function, &op->window, in0, in1, bias, out);
	case ACI_TCS_OP_CONV_TRANSPOSE:
		return accel_program_conv_transpose(program, op->function, &op->window, in0, in1, bias, out);
	case ACI_TCS_OP_RESIZE:
		return accel_program_resize(program, &op->resize, in0, out);
	case ACI_TCS_OP_QUANTISE:
		return accel_program_quantise(program, in0, in1, bias, out);
	case ACI_TCS_OP_DEQUANTISE:
		return accel_program_dequantise(program, in0, in1, bias, out);
	case ACI_TCS_OP_NORMALISE:
		return accel_program_normalise(program, op->function, 1u << op->axis, op->epsilon, in0, NULL, NULL,
					       out);
	case ACI_TCS_OP_REDUCE:
		return accel_program_reduce(program, op->function, 1u << op->axis, in0, out);
	case ACI_TCS_OP_GATHER:
		return accel_program_gather(program, 0, 1, in0, in1, out);
	default:
		return accel_program_pool(program, op->opcode, &op->window, in0, out);
	}
}

struct execution {
	struct accel_program *program;
	struct accel_buffer *buffers[REFERENCE_INPUTS + 1];
	struct accel_argument arguments[REFERENCE_INPUTS + 1];
};

static int prepare(struct diag *diag, struct reference_op *op, struct execution *run)
{
	int err = accel_program_create(diag->device, &run->program);

	if (!err)
		err = encode(run->program, op);
	if (!err)
		err = accel_program_load(run->program, diag->context, diag->compute);
	for (int i = 0; i <= OUT_SLOT && !err; i++) {
		struct reference_operand *operand = i == OUT_SLOT ? &op->out : &op->in[i];
		uint64_t bytes = operand->bytes ? operand->bytes : 1;	/* no slot stays empty */

		err = accel_buffer_create(diag->context, bytes, ACCEL_MEMORY_CARD, 0, &run->buffers[i]);
		run->arguments[i].buffer = run->buffers[i];
		if (!err && operand->bytes && i != OUT_SLOT)
			err = accel_stream_upload(diag->compute, run->buffers[i], 0, operand->data, operand->bytes);
	}
	return err;
}

static enum diag_result check_output(struct diag *diag, const struct reference_op *op)
{
	uint64_t index[ACCEL_RANK_MAX] = { 0 };
	double worst = 0;

	do {
		double found = reference_element(&op->out, index), expected = reference_compute(op, index);
		double allowed = op->out.view.type == ACCEL_F32 ? ABSOLUTE + RELATIVE * fabs(expected) : 0;

		if (!(fabs(found - expected) <= allowed))
			return diag_detail(diag, DIAG_FAIL, "[%llu, %llu, %llu, %llu] is %.9g, expected %.9g",
					   (unsigned long long)index[0], (unsigned long long)index[1],
					   (unsigned long long)index[2], (unsigned long long)index[3], found,
					   expected);
		worst = fmax(worst, fabs(found - expected));
	} while (reference_next(&op->out.view, index));
	return worst ? diag_detail(diag, DIAG_PASS, "largest difference %.2g", worst) : DIAG_PASS;
}

static enum diag_result execute(struct diag *diag, struct reference_op *op, struct execution *run)
{
	struct accel_stream_stats before, after;
	uint64_t operations, macs;

	if (prepare(diag, op, run))
		return diag_library(diag, "preparation");
	if (accel_stream_synchronize(diag->compute, DIAG_WAIT_NS) ||
	    accel_stream_get_stats(diag->compute, &before) ||
	    accel_stream_exec(diag->compute, run->program, run->arguments, OUT_SLOT + 1) ||
	    accel_stream_download(diag->compute, op->out.data, run->buffers[OUT_SLOT], 0, op->out.bytes) ||
	    accel_stream_synchronize(diag->compute, DIAG_WAIT_NS) ||
	    accel_stream_get_stats(diag->compute, &after) ||
	    accel_program_get_stats(run->program, &operations, &macs))
		return diag_library(diag, "execution");
	if (after.macs - before.macs != macs)
		return diag_detail(diag, DIAG_FAIL, "the card counted %llu multiply-accumulates, expected %llu",
				   (unsigned long long)(after.macs - before.macs), (unsigned long long)macs);
	return check_output(diag, op);
}

static void run_op(struct diag *diag, struct reference_op *op, bool made, const char *name)
{
	struct execution run = { 0 };
	enum diag_result result;

	if (!made)
		result = diag_detail(diag, DIAG_FAIL, "no memory for operands");
	else
		result = execute(diag, op, &run);
	diag_report(diag, result, "operation %s", name);
	/* A stream that failed takes no more work, and must let go of the buffers. */
	if (result == DIAG_FAIL) {
		accel_stream_destroy(diag->compute);
		diag->compute = NULL;
	}
	for (int i = 0; i <= OUT_SLOT; i++)
		accel_buffer_destroy(run.buffers[i]);
	accel_program_destroy(run.program);
	free_operands(op);
	if (!diag->compute && diag_renew(diag))
		diag_report(diag, diag_library(diag, "a new context"), "operation %s, context afterwards", name);
}

static bool listed(struct diag *diag, uint32_t opcode, uint32_t function, enum accel_type in, enum accel_type out)
{
	return diag->compute && accel_program_supports(diag->device, opcode, function, in, out);
}

/* --- The operations ----------------------------------------------------------------------------- */

static const char *type_name(enum accel_type type)
{
	return type == ACCEL_F32 ? "f32" : type == ACCEL_I8 ? "i8" : type == ACCEL_U8 ? "u8" :
	       type == ACCEL_I32 ? "i32" : type == ACCEL_I64 ? "i64" : "bool";
}

static void test_copies(struct diag *diag)
{
	static const enum accel_type types[] = { ACCEL_F32, ACCEL_I8, ACCEL_U8, ACCEL_I32, ACCEL_I64, ACCEL_BOOL };
	static const uint64_t shape[] = { 3, 5, 7 }, transposed[] = { 3, 7, 5 };
	char name[64];

	for (size_t i = 0; i < 6; i++) {
		for (size_t k = 0; k < 6; k++) {
			struct reference_op op = { .opcode = ACI_TCS_OP_COPY };
			bool made;

			if (!listed(diag, ACI_TCS_OP_COPY, 0, types[i], types[k]))
				continue;
			made = make_operand(&op.in[0], types[i], 0, VALUES_WHOLE, 3, shape) &&
			       make_operand(&op.out, types[k], OUT_SLOT, VALUES_WHOLE, 3, transposed);
			if (made)
				transpose_view(&op.in[0].view);
			snprintf(name, sizeof(name), "copy %s to %s, transposed", type_name(types[i]),
				 type_name(types[k]));
			run_op(diag, &op, made, name);
		}
	}
}

static void test_unaries(struct diag *diag)
{
	static const char *const names[] = {
		"identity", "relu", "sigmoid", "tanh", "exp", "log", "sqrt", "abs", "neg", "reciprocal", "floor",
		"ceil", "round", "erf", "gelu", "leaky_relu", "elu", "clip", "linear",
	};
	static const uint64_t shape[] = { 2, 33, 17 };

	for (uint32_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		bool positive = i == ACI_TCS_UNARY_LOG || i == ACI_TCS_UNARY_SQRT;
		enum values values = positive ? VALUES_POSITIVE : VALUES_SIGNED;
		struct reference_op op = { .opcode = ACI_TCS_OP_UNARY, .function = i };
		bool made;

		if (!listed(diag, ACI_TCS_OP_UNARY, i, ACCEL_F32, ACCEL_F32))
			continue;
		if (i >= ACI_TCS_UNARY_LEAKY_RELU)
			op.alpha = i == ACI_TCS_UNARY_CLIP ? -1.5f : 0.75f;
		if (i >= ACI_TCS_UNARY_CLIP)
			op.beta = 2.25f;
		made = make_operand(&op.in[0], ACCEL_F32, 0, values, 3, shape) &&
		       make_operand(&op.out, ACCEL_F32, OUT_SLOT, VALUES_SIGNED, 3, shape);
		run_op(diag, &op, made, names[i]);
	}
}

static void test_binaries(struct diag *diag)
{
	static const char *const names[] = { "add", "sub", "mul", "div", "min", "max", "pow" };
	static const enum accel_type types[] = { ACCEL_F32, ACCEL_I32 };
	static const uint64_t shape[] = { 3, 19, 23 }, column[] = { 19, 1 };
	char name[64];

	for (size_t t = 0; t < 2; t++) {
		for (uint32_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
			enum values values = i == ACI_TCS_BINARY_POW ? VALUES_POSITIVE : VALUES_SIGNED;
			struct reference_op op = { .opcode = ACI_TCS_OP_BINARY, .function = i };
			bool made;

			if (!listed(diag, ACI_TCS_OP_BINARY, i, types[t], types[t]))
				continue;
			made = make_operand(&op.in[0], types[t], 0, values, 3, shape) &&
			       make_operand(&op.in[1], types[t], 1, VALUES_SIGNED, 2, column) &&
			       make_operand(&op.out, types[t], OUT_SLOT, VALUES_SIGNED, 3, shape);
			snprintf(name, sizeof(name), "%s %s, broadcast", names[i], type_name(types[t]));
			run_op(diag, &op, made, name);
		}
	}
}

static void test_softmax(struct diag *diag)
{
	static const uint64_t shape[] = { 4, 11, 13 };

	for (uint32_t axis = 1; axis < 3; axis++) {
		struct reference_op op = { .opcode = ACI_TCS_OP_SOFTMAX, .axis = axis };
		bool made;

		if (!listed(diag, ACI_TCS_OP_SOFTMAX, 0, ACCEL_F32, ACCEL_F32))
			continue;
		made = make_operand(&op.in[0], ACCEL_F32, 0, VALUES_SIGNED, 3, shape) &&
		       make_operand(&op.out, ACCEL_F32, OUT_SLOT, VALUES_SIGNED, 3, shape);
		run_op(diag, &op, made, axis == 1 ? "softmax, inner axis" : "softmax, last axis");
	}
}

static void test_matmul(struct diag *diag, enum accel_type in, enum accel_type out)
{
	static const uint64_t a[] = { 2, 17, 33 }, b[] = { 2, 65, 33 }, bias[] = { 65 }, c[] = { 2, 17, 65 };
	char name[64];

	for (uint32_t relu = 0; relu < 2; relu++) {
		struct reference_op op = { .opcode = ACI_TCS_OP_MATMUL, .function = relu };
		bool made;

		if (!listed(diag, ACI_TCS_OP_MATMUL, relu, in, out))
			continue;
		made = make_operand(&op.in[0], in, 0, VALUES_SIGNED, 3, a) &&
		       make_operand(&op.in[1], in, 1, VALUES_SIGNED, 3, b) &&
		       (!relu || make_operand(&op.in[2], out, 2, VALUES_SIGNED, 1, bias)) &&
		       make_operand(&op.out, out, OUT_SLOT, VALUES_SIGNED, 3, c);
		if (made)
			transpose_view(&op.in[1].view);
		snprintf(name, sizeof(name), "matmul %s%s, second side transposed", type_name(in),
			 relu ? ", bias, relu" : "");
		run_op(diag, &op, made, name);
	}
}

static void test_conv(struct diag *diag, enum accel_type in, enum accel_type out)
{
	static const uint64_t input[] = { 2, 6, 13, 11 }, weights[] = { 4, 3, 3, 2 }, bias[] = { 4 };
	static const uint64_t output[] = { 2, 4, 6, 12 };
	char name[64];

	for (uint32_t relu = 0; relu < 2; relu++) {
		struct reference_op op = {
			.opcode = ACI_TCS_OP_CONV, .function = relu,
			.window = { .stride = { 2, 1 }, .dilation = { 1, 2 }, .pad_begin = { 1, 1 },
				    .pad_end = { 0, 2 }, .groups = 2 },
		};
		bool made;

		if (!listed(diag, ACI_TCS_OP_CONV, relu, in, out))
			continue;
		made = make_operand(&op.in[0], in, 0, VALUES_SIGNED, 4, input) &&
		       make_operand(&op.in[1], in, 1, VALUES_SIGNED, 4, weights) &&
		       (!relu || make_operand(&op.in[2], out, 2, VALUES_SIGNED, 1, bias)) &&
		       make_operand(&op.out, out, OUT_SLOT, VALUES_SIGNED, 4, output);
		snprintf(name, sizeof(name), "conv %s%s, groups, stride, dilation, padding", type_name(in),
			 relu ? ", bias, relu" : "");
		run_op(diag, &op, made, name);
	}
}

static void test_pool(struct diag *diag, uint32_t opcode, enum accel_type type, bool count_padding)
{
	static const uint64_t input[] = { 2, 3, 12, 10 }, output[] = { 2, 3, 6, 9 };
	struct reference_op op = {
		.opcode = opcode,
		.window = { .kernel = { 3, 2 }, .stride = { 2, 1 }, .dilation = { 1, 2 }, .pad_begin = { 1, 0 },
			    .pad_end = { 1, 1 }, .count_padding = count_padding },
	};
	char name[64];
	bool made;

	if (!listed(diag, opcode, 0, type, type))
		return;
	made = make_operand(&op.in[0], type, 0, VALUES_SIGNED, 4, input) &&
	       make_operand(&op.out, type, OUT_SLOT, VALUES_SIGNED, 4, output);
	snprintf(name, sizeof(name), "%s %s%s", opcode == ACI_TCS_OP_POOL_MAX ? "max pool" : "average pool",
		 type_name(type), count_padding ? ", padding counted" : "");
	run_op(diag, &op, made, name);
}

static void test_conv_transpose(struct diag *diag, enum accel_type in, enum accel_type out)
{
	static const uint64_t input[] = { 2, 6, 5, 7 }, weights[] = { 6, 2, 3, 2 }, bias[] = { 4 };
	static const uint64_t output[] = { 2, 4, 10, 7 };
	struct reference_op op = {
		.opcode = ACI_TCS_OP_CONV_TRANSPOSE,
		.window = { .stride = { 2, 1 }, .dilation = { 1, 2 }, .pad_begin = { 1, 1 }, .pad_end = { 0, 1 },
			    .groups = 2 },
	};
	char name[64];
	bool made;

	if (!listed(diag, op.opcode, 0, in, out))
		return;
	made = make_operand(&op.in[0], in, 0, VALUES_SIGNED, 4, input) &&
	       make_operand(&op.in[1], in, 1, VALUES_SIGNED, 4, weights) &&
	       make_operand(&op.in[2], out, 2, VALUES_SIGNED, 1, bias) &&
	       make_operand(&op.out, out, OUT_SLOT, VALUES_SIGNED, 4, output);
	snprintf(name, sizeof(name), "transposed conv %s, groups, stride, dilation, padding", type_name(in));
	run_op(diag, &op, made, name);
}

/* Half-pixel centres: up in rows, down in columns. */
static void test_resize(struct diag *diag, uint32_t function, const char *name)
{
	static const uint64_t input[] = { 2, 3, 7, 13 }, output[] = { 2, 3, 15, 5 };
	struct reference_op op = { .opcode = ACI_TCS_OP_RESIZE, .function = function,
				   .resize = { .function = function } };
	bool made;

	if (!listed(diag, op.opcode, function, ACCEL_F32, ACCEL_F32))
		return;
	for (int i = 0; i < 2; i++) {
		op.resize.step[i] = 2 * (int64_t)input[2 + i];
		op.resize.offset[i] = (int64_t)input[2 + i] - (int64_t)output[2 + i];
		op.resize.divisor[i] = 2 * (int64_t)output[2 + i];
	}
	made = make_operand(&op.in[0], ACCEL_F32, 0, VALUES_SIGNED, 4, input) &&
	       make_operand(&op.out, ACCEL_F32, OUT_SLOT, VALUES_SIGNED, 4, output);
	run_op(diag, &op, made, name);
}

/* A scale and a zero point for each row. */
static void test_quantise(struct diag *diag, uint32_t opcode, enum accel_type type)
{
	static const uint64_t shape[] = { 3, 19, 23 }, column[] = { 19, 1 };
	bool quantise = opcode == ACI_TCS_OP_QUANTISE;
	enum accel_type in = quantise ? ACCEL_F32 : type, out = quantise ? type : ACCEL_F32;
	struct reference_op op = { .opcode = opcode };
	char name[64];
	bool made;

	if (!listed(diag, opcode, 0, in, out))
		return;
	made = make_operand(&op.in[0], in, 0, VALUES_SIGNED, 3, shape) &&
	       make_operand(&op.in[1], ACCEL_F32, 1, VALUES_POSITIVE, 2, column) &&
	       make_operand(&op.in[2], type, 2, VALUES_WHOLE, 2, column) &&
	       make_operand(&op.out, out, OUT_SLOT, VALUES_SIGNED, 3, shape);
	snprintf(name, sizeof(name), "%s %s, per row", quantise ? "quantise to" : "dequantise from", type_name(type));
	run_op(diag, &op, made, name);
}

static void test_rows(struct diag *diag)
{
	static const uint64_t shape[] = { 5, 7, 33 }, reduced[] = { 5, 1, 33 };
	struct reference_op mean = { .opcode = ACI_TCS_OP_REDUCE, .function = ACI_TCS_REDUCTION_MEAN, .axis = 1 };
	struct reference_op normal = { .opcode = ACI_TCS_OP_NORMALISE, .axis = 2, .epsilon = 1e-3f };
	bool made;

	if (listed(diag, mean.opcode, mean.function, ACCEL_F32, ACCEL_F32)) {
		made = make_operand(&mean.in[0], ACCEL_F32, 0, VALUES_SIGNED, 3, shape) &&
		       make_operand(&mean.out, ACCEL_F32, OUT_SLOT, VALUES_SIGNED, 3, reduced);
		run_op(diag, &mean, made, "reduce to the mean");
	}
	if (listed(diag, normal.opcode, normal.function, ACCEL_F32, ACCEL_F32)) {
		made = make_operand(&normal.in[0], ACCEL_F32, 0, VALUES_SIGNED, 3, shape) &&
		       make_operand(&normal.out, ACCEL_F32, OUT_SLOT, VALUES_SIGNED, 3, shape);
		run_op(diag, &normal, made, "normalise rows");
	}
}

static void test_gather(struct diag *diag, enum accel_type type)
{
	static const uint64_t data[] = { 101, 5 }, places[] = { 9, 1, 1 }, output[] = { 9, 5 };
	struct reference_op op = { .opcode = ACI_TCS_OP_GATHER };
	char name[64];
	bool made;

	if (!listed(diag, op.opcode, 0, type, type))
		return;
	made = make_operand(&op.in[0], type, 0, VALUES_SIGNED, 2, data) &&
	       make_operand(&op.in[1], ACCEL_I64, 1, VALUES_WHOLE, 3, places) &&
	       make_operand(&op.out, type, OUT_SLOT, VALUES_SIGNED, 2, output);
	snprintf(name, sizeof(name), "gather rows of %s", type_name(type));
	run_op(diag, &op, made, name);
}

static void test_newer(struct diag *diag)
{
	test_rows(diag);
	test_gather(diag, ACCEL_F32);
	test_gather(diag, ACCEL_I8);
	test_conv_transpose(diag, ACCEL_F32, ACCEL_F32);
	test_conv_transpose(diag, ACCEL_I8, ACCEL_I32);
	test_resize(diag, ACI_TCS_RESIZE_NEAREST, "resize to the nearest");
	test_resize(diag, ACI_TCS_RESIZE_LINEAR, "resize, linear");
	test_quantise(diag, ACI_TCS_OP_QUANTISE, ACCEL_I8);
	test_quantise(diag, ACI_TCS_OP_QUANTISE, ACCEL_U8);
	test_quantise(diag, ACI_TCS_OP_DEQUANTISE, ACCEL_I8);
	test_quantise(diag, ACI_TCS_OP_DEQUANTISE, ACCEL_I32);
}

void diag_test_ops(struct diag *diag)
{
	unsigned int before = diag->counts[DIAG_PASS] + diag->counts[DIAG_FAIL];

	test_copies(diag);
	test_unaries(diag);
	test_binaries(diag);
	test_softmax(diag);
	test_matmul(diag, ACCEL_F32, ACCEL_F32);
	test_matmul(diag, ACCEL_I8, ACCEL_I32);
	test_conv(diag, ACCEL_F32, ACCEL_F32);
	test_conv(diag, ACCEL_I8, ACCEL_I32);
	test_pool(diag, ACI_TCS_OP_POOL_MAX, ACCEL_F32, false);
	test_pool(diag, ACI_TCS_OP_POOL_MAX, ACCEL_I8, false);
	test_pool(diag, ACI_TCS_OP_POOL_AVG, ACCEL_F32, false);
	test_pool(diag, ACI_TCS_OP_POOL_AVG, ACCEL_F32, true);
	test_newer(diag);
	if (diag->counts[DIAG_PASS] + diag->counts[DIAG_FAIL] == before)
		diag_report(diag, diag_detail(diag, DIAG_SKIP, "the card lists no tensor operation"),
			    "tensor operations");
}
