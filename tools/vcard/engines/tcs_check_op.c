// SPDX-License-Identifier: MIT
/*
 * Checking one operation, in this order: operation code, flags and attributes,
 * operands, types, shapes, overlap. What passes is planned and can run.
 */
#include <endian.h>
#include <string.h>

#include "tcs.h"
#include "tcs_window.h"

#define IN_MAX	3

/* What an operation looks like, before its shapes are compared. */
static const struct form {
	uint16_t opcode;
	uint8_t inputs;		/* required */
	uint8_t optional;	/* more that may be there */
	uint8_t functions;	/* values of function */
	uint16_t flags;
	bool elementwise;	/* may write over an input */
} forms[] = {
	{ ACI_TCS_OP_COPY, 1, 0, 1, 0, true },
	{ ACI_TCS_OP_UNARY, 1, 0, ACI_TCS_UNARY_LINEAR + 1, 0, true },
	{ ACI_TCS_OP_BINARY, 2, 0, ACI_TCS_BINARY_POW + 1, 0, true },
	{ ACI_TCS_OP_SOFTMAX, 1, 0, 1, 0, false },
	{ ACI_TCS_OP_MATMUL, 2, 1, ACI_TCS_UNARY_RELU + 1, 0, false },
	{ ACI_TCS_OP_CONV, 2, 1, ACI_TCS_UNARY_RELU + 1, 0, false },
	{ ACI_TCS_OP_POOL_MAX, 1, 0, 1, 0, false },
	{ ACI_TCS_OP_POOL_AVG, 1, 0, 1, ACI_TCS_OP_F_COUNT_PADDING, false },
};

static const struct form *find_form(uint16_t opcode)
{
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++)
		if (forms[i].opcode == opcode)
			return &forms[i];
	return NULL;
}

static bool words_are_zero(const __le32 *words, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++)
		if (words[i])
			return false;
	return true;
}

/* --- attributes --- */

static bool takes_alpha(uint32_t function)
{
	return function >= ACI_TCS_UNARY_LEAKY_RELU;
}

static bool takes_beta(uint32_t function)
{
	return function == ACI_TCS_UNARY_CLIP || function == ACI_TCS_UNARY_LINEAR;
}

static unsigned int check_scalar_attr(const struct tcs_state *st, bool takes, __le32 bits,
				      __le16 slot, float *value)
{
	uint32_t raw = le32toh(bits);
	uint64_t scalar;

	if (!takes && (bits || le16toh(slot) != ACI_TCS_NONE))
		return ACI_STATUS_PROG_FIELD;
	if (le16toh(slot) != ACI_TCS_NONE) {
		unsigned int status = tcs_check_scalar(st, le16toh(slot), &scalar);

		if (status != ACI_STATUS_SUCCESS)
			return status;
		if (bits)
			return ACI_STATUS_PROG_FIELD;
		raw = (uint32_t)scalar;
	}
	memcpy(value, &raw, sizeof(raw));
	return ACI_STATUS_SUCCESS;
}

static unsigned int check_unary_attr(const struct tcs_state *st, const struct aci_tcs_unary *raw,
				     struct tcs_op *op)
{
	unsigned int status;

	if (!words_are_zero(raw->reserved, sizeof(raw->reserved) / 4))
		return ACI_STATUS_PROG_FIELD;
	status = check_scalar_attr(st, takes_alpha(op->function), raw->alpha, raw->alpha_slot,
				   &op->alpha);
	if (status == ACI_STATUS_SUCCESS)
		status = check_scalar_attr(st, takes_beta(op->function), raw->beta, raw->beta_slot,
					   &op->beta);
	return status;
}

static unsigned int check_window_attr(const struct aci_tcs_window *raw, bool conv,
				      struct tcs_op *op)
{
	struct tcs_window_plan *plan = &op->window;
	const unsigned int last = ACI_TCS_SPATIAL_MAX - 1;

	if (!words_are_zero(raw->reserved, sizeof(raw->reserved) / 4) || raw->kernel[last] ||
	    raw->stride[last] || raw->dilation[last] || raw->pad_begin[last] || raw->pad_end[last])
		return ACI_STATUS_PROG_FIELD;
	for (unsigned int i = 0; i < 2; i++) {
		struct tcs_axis *axis = &plan->axis[i];

		*axis = (struct tcs_axis){
			.kernel = le32toh(raw->kernel[i]),
			.stride = le32toh(raw->stride[i]),
			.dilation = le32toh(raw->dilation[i]),
			.pad_begin = le32toh(raw->pad_begin[i]),
			.pad_end = le32toh(raw->pad_end[i]),
		};
		if (!axis->stride || !axis->dilation || !axis->kernel != conv)
			return ACI_STATUS_PROG_FIELD;
	}
	plan->groups = le32toh(raw->groups);
	return !plan->groups == conv ? ACI_STATUS_PROG_FIELD : ACI_STATUS_SUCCESS;
}

static unsigned int check_attributes(const struct tcs_state *st, const struct aci_tcs_op *raw,
				     const struct form *form, struct tcs_op *op)
{
	if (op->function >= form->functions || op->flags & ~form->flags || raw->reserved)
		return ACI_STATUS_PROG_FIELD;
	switch (op->opcode) {
	case ACI_TCS_OP_UNARY:
		return check_unary_attr(st, &raw->unary, op);
	case ACI_TCS_OP_SOFTMAX:
		op->axis = le32toh(raw->softmax.axis);
		return words_are_zero(raw->softmax.reserved, sizeof(raw->softmax.reserved) / 4) ?
		       ACI_STATUS_SUCCESS : ACI_STATUS_PROG_FIELD;
	case ACI_TCS_OP_CONV:
		return check_window_attr(&raw->window, true, op);
	case ACI_TCS_OP_POOL_MAX:
	case ACI_TCS_OP_POOL_AVG:
		return check_window_attr(&raw->window, false, op);
	default:
		return words_are_zero(raw->attr, sizeof(raw->attr) / 4) ?
		       ACI_STATUS_SUCCESS : ACI_STATUS_PROG_FIELD;
	}
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
	for (unsigned int i = 0; i < ACI_TCS_OP_INPUTS; i++) {
		unsigned int status;

		if (i >= form->inputs && le16toh(raw->in[i]) == ACI_TCS_NONE)
			continue;
		if (i >= form->inputs + form->optional)
			return ACI_STATUS_PROG_FIELD;
		status = get_operand(st, raw->in[i], &op->in[i], bad_tensor);
		if (status != ACI_STATUS_SUCCESS)
			return status;
	}
	for (unsigned int i = 1; i < ACI_TCS_OP_OUTPUTS; i++)
		if (le16toh(raw->out[i]) != ACI_TCS_NONE)
			return ACI_STATUS_PROG_FIELD;
	return get_operand(st, raw->out[0], &op->out, bad_tensor);
}

/* --- types --- */

static bool all_are(const struct tcs_op *op, uint8_t type)
{
	for (unsigned int i = 0; i < IN_MAX; i++)
		if (op->in[i] && op->in[i]->type != type)
			return false;
	return op->out->type == type;
}

static bool is_i8_i32(const struct tcs_op *op)
{
	return op->in[0]->type == ACI_TCS_TYPE_I8 && op->in[1] &&
	       op->in[1]->type == ACI_TCS_TYPE_I8 && op->out->type == ACI_TCS_TYPE_I32 &&
	       (!op->in[2] || op->in[2]->type == ACI_TCS_TYPE_I32);
}

static unsigned int check_types(struct tcs_op *op)
{
	if (op->opcode == ACI_TCS_OP_COPY)
		op->combo = ACI_TCS_COMBO_CONVERT;
	else if (all_are(op, ACI_TCS_TYPE_F32))
		op->combo = ACI_TCS_COMBO_F32;
	else if (all_are(op, ACI_TCS_TYPE_I32))
		op->combo = ACI_TCS_COMBO_I32;
	else if (all_are(op, ACI_TCS_TYPE_I8))
		op->combo = ACI_TCS_COMBO_I8;
	else if (is_i8_i32(op))
		op->combo = ACI_TCS_COMBO_I8_I32;
	return tcs_supports(op->opcode, op->function, op->combo) ? ACI_STATUS_SUCCESS :
								   ACI_STATUS_PROG_TYPES;
}

/* --- shapes --- */

static bool same_shape(const struct tcs_tensor *a, const struct tcs_tensor *b)
{
	return a->rank == b->rank && !memcmp(a->shape, b->shape, a->rank * sizeof(a->shape[0]));
}

/* Does the shape @a, aligned at its last dimension, repeat to fill @shape? */
static bool broadcasts(unsigned int a_rank, const uint64_t *a, unsigned int rank,
		       const uint64_t *shape)
{
	if (a_rank > rank)
		return false;
	for (unsigned int i = 0; i < a_rank; i++)
		if (a[i] != 1 && a[i] != shape[rank - a_rank + i])
			return false;
	return true;
}

/* Is every dimension of @shape that of one of the two? Both are known to broadcast to it. */
static bool broadcast_is_exact(const struct tcs_tensor *a, const struct tcs_tensor *b,
			       unsigned int rank, const uint64_t *shape, unsigned int skip)
{
	if (rank != (a->rank > b->rank ? a->rank : b->rank))
		return false;
	for (unsigned int i = skip; i < rank; i++) {
		const uint64_t in_a = i < a->rank ? a->shape[a->rank - 1 - i] : 1;
		const uint64_t in_b = i < b->rank ? b->shape[b->rank - 1 - i] : 1;

		if (shape[rank - 1 - i] != tcs_max(in_a, in_b))
			return false;
	}
	return true;
}

static bool binary_fits(const struct tcs_op *op)
{
	const struct tcs_tensor *a = op->in[0], *b = op->in[1], *out = op->out;

	return broadcasts(a->rank, a->shape, out->rank, out->shape) &&
	       broadcasts(b->rank, b->shape, out->rank, out->shape) &&
	       broadcast_is_exact(a, b, out->rank, out->shape, 0);
}

static bool matmul_fits(const struct tcs_op *op)
{
	const struct tcs_tensor *a = op->in[0], *b = op->in[1], *c = op->in[2], *out = op->out;
	uint64_t m, n, k;

	if (a->rank < 2 || b->rank < 2 || out->rank < 2)
		return false;
	m = a->shape[a->rank - 2];
	k = a->shape[a->rank - 1];
	n = b->shape[b->rank - 1];
	if (b->shape[b->rank - 2] != k || out->shape[out->rank - 2] != m ||
	    out->shape[out->rank - 1] != n || k > ACI_TCS_REDUCE_MAX)
		return false;
	if (!broadcasts(a->rank - 2, a->shape, out->rank - 2, out->shape) ||
	    !broadcasts(b->rank - 2, b->shape, out->rank - 2, out->shape) ||
	    !broadcast_is_exact(a, b, out->rank, out->shape, 2))
		return false;
	if (!c)
		return true;
	return (c->rank == 1 && c->shape[0] == n) ||
	       (c->rank == 2 && c->shape[0] == m && c->shape[1] == n);
}

static bool conv_fits(struct tcs_op *op)
{
	const struct tcs_tensor *in = op->in[0], *w = op->in[1], *bias = op->in[2], *out = op->out;
	struct tcs_window_plan *plan = &op->window;

	if (in->rank != 4 || w->rank != 4 || out->rank != 4 || in->shape[0] != out->shape[0] ||
	    w->shape[0] != out->shape[1] || w->shape[0] % plan->groups ||
	    in->shape[1] % plan->groups || in->shape[1] / plan->groups != w->shape[1])
		return false;
	if (bias && (bias->rank != 1 || bias->shape[0] != w->shape[0]))
		return false;
	plan->axis[0].kernel = w->shape[2];
	plan->axis[1].kernel = w->shape[3];
	plan->channels = w->shape[1];
	plan->filters = w->shape[0] / plan->groups;
	return tcs_window_fits(plan, in, out);
}

static bool pool_fits(struct tcs_op *op)
{
	const struct tcs_tensor *in = op->in[0], *out = op->out;
	struct tcs_window_plan *plan = &op->window;

	if (in->rank != 4 || out->rank != 4 || in->shape[0] != out->shape[0] ||
	    in->shape[1] != out->shape[1])
		return false;
	plan->groups = in->shape[1];
	plan->channels = 1;
	plan->filters = 1;
	return tcs_window_fits(plan, in, out);
}

static bool softmax_fits(const struct tcs_op *op)
{
	return same_shape(op->in[0], op->out) && op->axis < op->out->rank &&
	       op->out->shape[op->axis] <= ACI_TCS_REDUCE_MAX;
}

static bool shapes_fit(struct tcs_op *op)
{
	switch (op->opcode) {
	case ACI_TCS_OP_BINARY:
		return binary_fits(op);
	case ACI_TCS_OP_SOFTMAX:
		return softmax_fits(op);
	case ACI_TCS_OP_MATMUL:
		return matmul_fits(op);
	case ACI_TCS_OP_CONV:
		return conv_fits(op);
	case ACI_TCS_OP_POOL_MAX:
	case ACI_TCS_OP_POOL_AVG:
		return pool_fits(op);
	default:
		return same_shape(op->in[0], op->out);
	}
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
	return a->va == b->va && a->type == b->type && same_shape(a, b) &&
	       !memcmp(a->stride, b->stride, a->rank * sizeof(a->stride[0]));
}

static bool overlap_is_fine(const struct tcs_op *op, bool elementwise)
{
	if (!elements_are_distinct(op->out))
		return false;
	for (unsigned int i = 0; i < IN_MAX; i++) {
		const struct tcs_tensor *in = op->in[i];

		if (!in || in->hi <= op->out->lo || op->out->hi <= in->lo)
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

static void plan_op(struct tcs_op *op)
{
	uint64_t reduce = 0;

	switch (op->opcode) {
	case ACI_TCS_OP_SOFTMAX:
		tcs_softmax_plan(op);
		break;
	case ACI_TCS_OP_MATMUL:
		reduce = op->in[0]->shape[op->in[0]->rank - 1];
		tcs_matmul_plan(op);
		break;
	case ACI_TCS_OP_CONV:
		reduce = op->window.patch;
		tcs_conv_plan(op);
		break;
	case ACI_TCS_OP_POOL_MAX:
	case ACI_TCS_OP_POOL_AVG:
		tcs_pool_plan(op);
		break;
	default:
		tcs_elementwise_plan(op);
		break;
	}
	op->macs = saturating_product(op->out->elements, reduce);
	op->bytes = op->out->elements * op->out->element_bytes;
	for (unsigned int i = 0; i < IN_MAX; i++)
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
	status = check_attributes(st, raw, form, op);
	if (status == ACI_STATUS_SUCCESS)
		status = check_operands(st, raw, form, op, bad_tensor);
	if (status == ACI_STATUS_SUCCESS)
		status = check_types(op);
	if (status != ACI_STATUS_SUCCESS)
		return status;
	if (!shapes_fit(op))
		return ACI_STATUS_PROG_SHAPE;
	if (!overlap_is_fine(op, form->elementwise))
		return ACI_STATUS_PROG_OVERLAP;
	plan_op(op);
	return ACI_STATUS_SUCCESS;
}
