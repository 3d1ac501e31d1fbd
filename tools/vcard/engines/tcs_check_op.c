// SPDX-License-Identifier: MIT
/*
 * Checking one operation, in this order: operation code, flags and attributes,
 * operands, types, shapes, overlap. What passes is planned and can run.
 */
#include <endian.h>
#include <string.h>

#include "tcs.h"

#define OWN	0	/* a type that the combination in Identify gives */
#define INDEX	0xff	/* i32 or i64 */
#define BOOL	ACI_TCS_TYPE_BOOL
#define I64	ACI_TCS_TYPE_I64

/* What an operation looks like, before its shapes are compared. */
static const struct form {
	uint16_t opcode;
	uint8_t inputs;		/* required */
	uint8_t optional;	/* more that may be there */
	uint8_t more_outputs;	/* than out[0] */
	uint8_t functions;	/* values of function */
	uint16_t flags;
	bool elementwise;	/* may write over an input */
	uint8_t in[ACI_TCS_OP_INPUTS];		/* types that the operation itself fixes */
	uint8_t out[ACI_TCS_OP_OUTPUTS];
} forms[] = {
	{ .opcode = ACI_TCS_OP_COPY, .inputs = 1, .functions = 1, .elementwise = true },
	{ .opcode = ACI_TCS_OP_UNARY, .inputs = 1, .functions = ACI_TCS_UNARY_SHRINK + 1,
	  .elementwise = true },
	{ .opcode = ACI_TCS_OP_BINARY, .inputs = 2, .functions = ACI_TCS_BINARY_PRELU + 1,
	  .elementwise = true },
	{ .opcode = ACI_TCS_OP_SELECT, .inputs = 3, .functions = 1, .elementwise = true,
	  .in = { BOOL } },
	{ .opcode = ACI_TCS_OP_COMPARE, .inputs = 2, .functions = ACI_TCS_COMPARE_GE + 1,
	  .elementwise = true, .out = { BOOL } },
	{ .opcode = ACI_TCS_OP_FILL, .functions = ACI_TCS_FILL_RANGE + 1 },
	{ .opcode = ACI_TCS_OP_SOFTMAX, .inputs = 1, .functions = ACI_TCS_SOFTMAX_LOG + 1 },
	{ .opcode = ACI_TCS_OP_NORMALISE, .inputs = 1, .optional = 2,
	  .functions = ACI_TCS_NORMALISE_RMS + 1 },
	{ .opcode = ACI_TCS_OP_MATMUL, .inputs = 2, .optional = 1,
	  .functions = ACI_TCS_UNARY_RELU + 1 },
	{ .opcode = ACI_TCS_OP_CONV, .inputs = 2, .optional = 1,
	  .functions = ACI_TCS_UNARY_RELU + 1 },
	{ .opcode = ACI_TCS_OP_CONV_TRANSPOSE, .inputs = 2, .optional = 1,
	  .functions = ACI_TCS_UNARY_RELU + 1 },
	{ .opcode = ACI_TCS_OP_RESIZE, .inputs = 1, .functions = ACI_TCS_RESIZE_CUBIC + 1,
	  .flags = ACI_TCS_OP_F_EXCLUDE_OUTSIDE },
	{ .opcode = ACI_TCS_OP_QUANTISE, .inputs = 2, .optional = 1, .functions = 1 },
	{ .opcode = ACI_TCS_OP_DEQUANTISE, .inputs = 2, .optional = 1, .functions = 1 },
	{ .opcode = ACI_TCS_OP_POOL_MAX, .inputs = 1, .functions = 1 },
	{ .opcode = ACI_TCS_OP_POOL_AVG, .inputs = 1, .functions = 1,
	  .flags = ACI_TCS_OP_F_COUNT_PADDING },
	{ .opcode = ACI_TCS_OP_REDUCE, .inputs = 1, .functions = ACI_TCS_REDUCTION_SUM_SQUARE + 1 },
	{ .opcode = ACI_TCS_OP_ARG, .inputs = 1, .functions = ACI_TCS_ARG_MIN + 1,
	  .flags = ACI_TCS_OP_F_LAST, .out = { I64 } },
	{ .opcode = ACI_TCS_OP_GATHER, .inputs = 2, .functions = 1, .in = { OWN, INDEX } },
	{ .opcode = ACI_TCS_OP_SCATTER, .inputs = 2, .functions = ACI_TCS_SCATTER_MAX + 1,
	  .in = { OWN, INDEX } },
	{ .opcode = ACI_TCS_OP_TOP_K, .inputs = 1, .more_outputs = 1, .functions = 1,
	  .flags = ACI_TCS_OP_F_LEAST, .out = { OWN, I64 } },
	{ .opcode = ACI_TCS_OP_CUMULATE, .inputs = 1, .functions = ACI_TCS_CUMULATE_SUM + 1,
	  .flags = ACI_TCS_OP_F_EXCLUSIVE },
};

static const struct form *find_form(uint16_t opcode)
{
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++)
		if (forms[i].opcode == opcode)
			return &forms[i];
	return NULL;
}

/* --- operands --- */

static unsigned int get_operand(struct tcs_state *st, __le16 field, const struct tcs_tensor **out,
				uint32_t *bad_tensor)
{
	const uint32_t index = le16toh(field);
	unsigned int status;

	if (index >= st->tensor_count)
		return ACI_STATUS_PROG_TENSOR;
	status = tcs_check_tensor(st, index);
	if (status != ACI_STATUS_SUCCESS)
		*bad_tensor = index;
	else
		*out = &st->tensors[index];
	return status;
}

static unsigned int check_operands(struct tcs_state *st, const struct aci_tcs_op *raw,
				   const struct form *form, struct tcs_op *op, uint32_t *bad_tensor)
{
	unsigned int status;

	for (unsigned int i = 0; i < ACI_TCS_OP_INPUTS; i++) {
		if (i >= form->inputs && le16toh(raw->in[i]) == ACI_TCS_NONE)
			continue;
		if (i >= form->inputs + form->optional)
			return ACI_STATUS_PROG_FIELD;
		status = get_operand(st, raw->in[i], &op->in[i], bad_tensor);
		if (status != ACI_STATUS_SUCCESS)
			return status;
	}
	status = get_operand(st, raw->out[0], &op->out, bad_tensor);
	if (status != ACI_STATUS_SUCCESS)
		return status;
	if (form->more_outputs)
		return get_operand(st, raw->out[1], &op->out1, bad_tensor);
	return le16toh(raw->out[1]) == ACI_TCS_NONE ? ACI_STATUS_SUCCESS : ACI_STATUS_PROG_FIELD;
}

/* --- types --- */

static bool type_is(uint8_t type, uint8_t fixed)
{
	return fixed == INDEX ? type == ACI_TCS_TYPE_I32 || type == ACI_TCS_TYPE_I64 :
				type == fixed;
}

/*
 * The one type of all operands that are free to have one, 0: they differ.
 * *@fixed: those that are not have the right one.
 */
static uint8_t common_type(const struct tcs_op *op, const struct form *form, bool *fixed)
{
	uint8_t type = OWN;
	bool one = true;

	*fixed = true;
	for (unsigned int i = 0; i < ACI_TCS_OP_INPUTS + 1; i++) {
		const bool output = i == ACI_TCS_OP_INPUTS;
		const struct tcs_tensor *t = output ? op->out : op->in[i];
		const uint8_t wanted = output ? form->out[0] : form->in[i];

		if (!t)
			continue;
		if (wanted != OWN) {
			*fixed &= type_is(t->type, wanted);
			continue;
		}
		one &= type == OWN || type == t->type;
		type = t->type;
	}
	*fixed &= !op->out1 || type_is(op->out1->type, form->out[1]);
	return one ? type : OWN;
}

static bool is_half(const struct tcs_tensor *t)
{
	return t->type == ACI_TCS_TYPE_F16 || t->type == ACI_TCS_TYPE_BF16;
}

static bool is_i8_i32(const struct tcs_op *op)
{
	return op->in[0] && op->in[1] && op->in[0]->type == ACI_TCS_TYPE_I8 &&
	       op->in[1]->type == ACI_TCS_TYPE_I8 && op->out->type == ACI_TCS_TYPE_I32 &&
	       (!op->in[2] || op->in[2]->type == ACI_TCS_TYPE_I32);
}

static uint64_t combo_of_type(uint8_t type)
{
	switch (type) {
	case ACI_TCS_TYPE_F32:
		return ACI_TCS_COMBO_F32;
	case ACI_TCS_TYPE_I8:
		return ACI_TCS_COMBO_I8;
	case ACI_TCS_TYPE_U8:
		return ACI_TCS_COMBO_U8;
	case ACI_TCS_TYPE_I32:
		return ACI_TCS_COMBO_I32;
	case ACI_TCS_TYPE_I64:
		return ACI_TCS_COMBO_I64;
	case ACI_TCS_TYPE_BOOL:
		return ACI_TCS_COMBO_BOOL;
	default:
		return 0;
	}
}

/* f32 on one side, a quantised type on the other and in the zero point. 0: not so. */
static uint64_t quantise_combo(const struct tcs_op *op)
{
	const bool quantise = op->opcode == ACI_TCS_OP_QUANTISE;
	const struct tcs_tensor *real = quantise ? op->in[0] : op->out;
	const struct tcs_tensor *quantised = quantise ? op->out : op->in[0];

	if (real->type != ACI_TCS_TYPE_F32 || op->in[1]->type != ACI_TCS_TYPE_F32 ||
	    (op->in[2] && op->in[2]->type != quantised->type))
		return 0;
	switch (quantised->type) {
	case ACI_TCS_TYPE_I8:
		return ACI_TCS_COMBO_F32_I8;
	case ACI_TCS_TYPE_U8:
		return ACI_TCS_COMBO_F32_U8;
	case ACI_TCS_TYPE_I32:
		return ACI_TCS_COMBO_F32_I32;
	default:
		return 0;
	}
}

static unsigned int check_types(struct tcs_op *op, const struct form *form)
{
	bool fixed;
	const uint8_t type = common_type(op, form, &fixed);

	if (!fixed)
		return ACI_STATUS_PROG_TYPES;
	if (op->opcode == ACI_TCS_OP_COPY)
		op->combo = is_half(op->in[0]) || is_half(op->out) ? ACI_TCS_COMBO_CONVERT_HALF :
								     ACI_TCS_COMBO_CONVERT;
	else if (op->opcode == ACI_TCS_OP_QUANTISE || op->opcode == ACI_TCS_OP_DEQUANTISE)
		op->combo = quantise_combo(op);
	else if (type != OWN)
		op->combo = combo_of_type(type);
	else if (is_i8_i32(op))
		op->combo = ACI_TCS_COMBO_I8_I32;
	if (type != OWN && tcs_supports(op->opcode, op->function, ACI_TCS_COMBO_ANY))
		op->combo = ACI_TCS_COMBO_ANY;
	return tcs_supports(op->opcode, op->function, op->combo) ? ACI_STATUS_SUCCESS :
								   ACI_STATUS_PROG_TYPES;
}

/* --- overlap --- */

static uint64_t magnitude(int64_t stride)
{
	return stride < 0 ? -(uint64_t)stride : (uint64_t)stride;
}

/*
 * Are all elements of an output at different places? Sufficient: in order of
 * stride, each dimension steps over all that the smaller ones reach.
 */
static bool elements_are_distinct(const struct tcs_tensor *t)
{
	uint64_t reach = t->element_bytes;
	unsigned int done = 0;

	for (unsigned int round = 0; round < t->rank; round++) {
		unsigned int next = ACI_TCS_RANK_MAX;

		for (unsigned int i = 0; i < t->rank; i++)
			if (!(done >> i & 1) &&
			    (next == ACI_TCS_RANK_MAX ||
			     magnitude(t->stride[i]) < magnitude(t->stride[next])))
				next = i;
		done |= 1u << next;
		if (t->shape[next] == 1)
			continue;
		if (magnitude(t->stride[next]) < reach)
			return false;
		reach += magnitude(t->stride[next]) * (t->shape[next] - 1);
	}
	return true;
}

static bool same_place(const struct tcs_tensor *a, const struct tcs_tensor *b)
{
	return a->va == b->va && a->type == b->type && tcs_same_shape(a, b) &&
	       !memcmp(a->stride, b->stride, a->rank * sizeof(a->stride[0]));
}

static bool intervals_meet(const struct tcs_tensor *a, const struct tcs_tensor *b)
{
	return a->hi > b->lo && b->hi > a->lo;
}

/* The second output must meet nothing at all. */
static bool out1_is_fine(const struct tcs_op *op)
{
	if (!elements_are_distinct(op->out1) || intervals_meet(op->out1, op->out))
		return false;
	for (unsigned int i = 0; i < ACI_TCS_OP_INPUTS; i++)
		if (op->in[i] && intervals_meet(op->in[i], op->out1))
			return false;
	return true;
}

static bool overlap_is_fine(const struct tcs_op *op, bool elementwise)
{
	if (!elements_are_distinct(op->out) || (op->out1 && !out1_is_fine(op)))
		return false;
	for (unsigned int i = 0; i < ACI_TCS_OP_INPUTS; i++) {
		const struct tcs_tensor *in = op->in[i];

		if (!in || !intervals_meet(in, op->out))
			continue;
		if (!elementwise || !same_place(in, op->out))
			return false;
	}
	return true;
}

/* --- plan --- */

static uint64_t saturating_product(uint64_t a, uint64_t b)
{
	uint64_t product;

	return __builtin_mul_overflow(a, b, &product) ? UINT64_MAX : product;
}

/* Of all elements of the result; 0 for operations that multiply nothing up. */
static uint64_t count_macs(const struct tcs_op *op)
{
	const struct tcs_window_plan *window = &op->window;

	switch (op->opcode) {
	case ACI_TCS_OP_MATMUL:
		return saturating_product(op->out->elements,
					  op->in[0]->shape[op->in[0]->rank - 1]);
	case ACI_TCS_OP_CONV:
		return saturating_product(op->out->elements, window->patch);
	case ACI_TCS_OP_CONV_TRANSPOSE:
		/* Places between the elements of the input cost nothing. */
		return saturating_product(op->in[0]->elements, window->filters *
					  window->axis[0].kernel * window->axis[1].kernel);
	default:
		return 0;
	}
}

static void plan_op(struct tcs_op *op)
{
	switch (op->opcode) {
	case ACI_TCS_OP_FILL:
		tcs_fill_plan(op);
		break;
	case ACI_TCS_OP_SOFTMAX:
		tcs_softmax_plan(op);
		break;
	case ACI_TCS_OP_MATMUL:
		tcs_matmul_plan(op);
		break;
	case ACI_TCS_OP_CONV:
	case ACI_TCS_OP_CONV_TRANSPOSE:
		tcs_conv_plan(op);
		break;
	case ACI_TCS_OP_RESIZE:
		tcs_resize_plan(op);
		break;
	case ACI_TCS_OP_POOL_MAX:
	case ACI_TCS_OP_POOL_AVG:
		tcs_pool_plan(op);
		break;
	case ACI_TCS_OP_GATHER:
	case ACI_TCS_OP_SCATTER:
		tcs_index_plan(op);
		break;
	case ACI_TCS_OP_NORMALISE:
		tcs_normalise_plan(op);
		break;
	case ACI_TCS_OP_TOP_K:
		tcs_topk_plan(op);
		break;
	case ACI_TCS_OP_REDUCE:
	case ACI_TCS_OP_ARG:
	case ACI_TCS_OP_CUMULATE:
		tcs_reduce_plan(op);
		break;
	default:
		tcs_elementwise_plan(op);
		break;
	}
	op->macs = count_macs(op);
	op->bytes = op->out->elements * op->out->element_bytes;
	if (op->out1)
		op->bytes += op->out1->elements * op->out1->element_bytes;
	for (unsigned int i = 0; i < ACI_TCS_OP_INPUTS; i++)
		if (op->in[i])
			op->bytes += op->in[i]->elements * op->in[i]->element_bytes;
}

unsigned int tcs_check_op(struct tcs_state *st, const struct aci_tcs_op *raw, struct tcs_op *op,
			  uint32_t *bad_tensor)
{
	const struct form *form = find_form(le16toh(raw->opcode));
	unsigned int status;

	if (!form || !tcs_opcode_exists(form->opcode))
		return ACI_STATUS_PROG_OPCODE;
	op->opcode = form->opcode;
	op->flags = le16toh(raw->flags);
	op->function = le32toh(raw->function);
	if (op->function >= form->functions || op->flags & ~form->flags || raw->reserved)
		return ACI_STATUS_PROG_FIELD;
	status = tcs_check_attributes(st, raw, op);
	if (status == ACI_STATUS_SUCCESS)
		status = check_operands(st, raw, form, op, bad_tensor);
	if (status == ACI_STATUS_SUCCESS)
		status = check_types(op, form);
	if (status != ACI_STATUS_SUCCESS)
		return status;
	if (!tcs_shapes_fit(op))
		return ACI_STATUS_PROG_SHAPE;
	if (!overlap_is_fine(op, form->elementwise))
		return ACI_STATUS_PROG_OVERLAP;
	plan_op(op);
	return ACI_STATUS_SUCCESS;
}
