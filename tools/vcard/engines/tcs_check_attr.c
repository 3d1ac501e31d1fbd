// SPDX-License-Identifier: MIT
/* Checking the attributes of an operation: what they say alone, before operands are known. */
#include <endian.h>
#include <string.h>

#include "tcs.h"

static bool words_are_zero(const __le32 *words, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++)
		if (words[i])
			return false;
	return true;
}

#define WORDS_ARE_ZERO(words)	words_are_zero(words, sizeof(words) / 4)

static unsigned int field_unless(bool fine)
{
	return fine ? ACI_STATUS_SUCCESS : ACI_STATUS_PROG_FIELD;
}

static bool takes_alpha(uint32_t function)
{
	switch (function) {
	case ACI_TCS_UNARY_LEAKY_RELU:
	case ACI_TCS_UNARY_ELU:
	case ACI_TCS_UNARY_CLIP:
	case ACI_TCS_UNARY_LINEAR:
	case ACI_TCS_UNARY_HARD_SIGMOID:
	case ACI_TCS_UNARY_SELU:
	case ACI_TCS_UNARY_CELU:
	case ACI_TCS_UNARY_THRESHOLDED_RELU:
	case ACI_TCS_UNARY_SWISH:
	case ACI_TCS_UNARY_SHRINK:
		return true;
	default:
		return false;
	}
}

static bool takes_beta(uint32_t function)
{
	switch (function) {
	case ACI_TCS_UNARY_CLIP:
	case ACI_TCS_UNARY_LINEAR:
	case ACI_TCS_UNARY_HARD_SIGMOID:
	case ACI_TCS_UNARY_SELU:
	case ACI_TCS_UNARY_SHRINK:
		return true;
	default:
		return false;
	}
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

	if (!WORDS_ARE_ZERO(raw->reserved))
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

	if (!WORDS_ARE_ZERO(raw->reserved) || raw->kernel[last] ||
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
	plan->transposed = op->opcode == ACI_TCS_OP_CONV_TRANSPOSE;
	return !plan->groups == conv ? ACI_STATUS_PROG_FIELD : ACI_STATUS_SUCCESS;
}

static unsigned int check_resize_attr(const struct aci_tcs_resize *raw, struct tcs_op *op)
{
	const bool nearest = op->function == ACI_TCS_RESIZE_NEAREST;
	const unsigned int last = ACI_TCS_SPATIAL_MAX - 1;
	struct tcs_resize_plan *plan = &op->resize;
	const uint32_t cubic = le32toh(raw->cubic);

	*plan = (struct tcs_resize_plan){ .rounding = le32toh(raw->rounding) };
	memcpy(&plan->cubic, &cubic, sizeof(cubic));
	for (unsigned int i = 0; i < 2; i++) {
		plan->place[i].step = (int64_t)le64toh(raw->step[i]);
		plan->place[i].offset = (int64_t)le64toh(raw->offset[i]);
		plan->place[i].divisor = (int64_t)le64toh(raw->divisor[i]);
		if (plan->place[i].divisor < 1)
			return ACI_STATUS_PROG_FIELD;
	}
	return field_unless(WORDS_ARE_ZERO(raw->reserved) && !raw->step[last] &&
			    !raw->offset[last] && !raw->divisor[last] &&
			    (op->function == ACI_TCS_RESIZE_CUBIC || !cubic) &&
			    plan->rounding <= (nearest ? ACI_TCS_ROUNDING_UP : 0) &&
			    !(nearest && op->flags & ACI_TCS_OP_F_EXCLUDE_OUTSIDE));
}

/* A 64-bit value, or the scalar argument that gives it. */
static unsigned int check_wide_attr(const struct tcs_state *st, __le64 field, __le16 slot,
				    uint64_t *value)
{
	unsigned int status;

	*value = le64toh(field);
	if (le16toh(slot) == ACI_TCS_NONE)
		return ACI_STATUS_SUCCESS;
	status = tcs_check_scalar(st, le16toh(slot), value);
	if (status != ACI_STATUS_SUCCESS)
		return status;
	return field ? ACI_STATUS_PROG_FIELD : ACI_STATUS_SUCCESS;
}

static unsigned int check_fill_attr(const struct tcs_state *st, const struct aci_tcs_fill *raw,
				    struct tcs_op *op)
{
	unsigned int status;

	if (!WORDS_ARE_ZERO(raw->reserved))
		return ACI_STATUS_PROG_FIELD;
	if (op->function == ACI_TCS_FILL_CONSTANT &&
	    (raw->step || raw->axis || le16toh(raw->step_slot) != ACI_TCS_NONE))
		return ACI_STATUS_PROG_FIELD;
	op->axis = le32toh(raw->axis);
	status = check_wide_attr(st, raw->value, raw->value_slot, &op->value);
	if (status == ACI_STATUS_SUCCESS)
		status = check_wide_attr(st, raw->step, raw->step_slot, &op->step);
	return status;
}

static unsigned int check_normalise_attr(const struct tcs_state *st,
					 const struct aci_tcs_normalise *raw, struct tcs_op *op)
{
	op->axes = le32toh(raw->axes);
	if (raw->reserved0 || !WORDS_ARE_ZERO(raw->reserved))
		return ACI_STATUS_PROG_FIELD;
	return check_scalar_attr(st, true, raw->epsilon, raw->epsilon_slot, &op->alpha);
}

unsigned int tcs_check_attributes(const struct tcs_state *st, const struct aci_tcs_op *raw,
				  struct tcs_op *op)
{
	switch (op->opcode) {
	case ACI_TCS_OP_UNARY:
		return check_unary_attr(st, &raw->unary, op);
	case ACI_TCS_OP_FILL:
		return check_fill_attr(st, &raw->fill, op);
	case ACI_TCS_OP_SOFTMAX:
		op->axis = le32toh(raw->softmax.axis);
		return field_unless(WORDS_ARE_ZERO(raw->softmax.reserved));
	case ACI_TCS_OP_GATHER:
	case ACI_TCS_OP_SCATTER:
		op->axis = le32toh(raw->index.axis);
		op->index_count = le32toh(raw->index.count);
		return field_unless(op->index_count && WORDS_ARE_ZERO(raw->index.reserved));
	case ACI_TCS_OP_ARG:
	case ACI_TCS_OP_CUMULATE:
	case ACI_TCS_OP_TOP_K:
		op->axis = le32toh(raw->along.axis);
		return field_unless(WORDS_ARE_ZERO(raw->along.reserved));
	case ACI_TCS_OP_NORMALISE:
		return check_normalise_attr(st, &raw->normalise, op);
	case ACI_TCS_OP_REDUCE:
		op->axes = le32toh(raw->reduce.axes);
		return field_unless(WORDS_ARE_ZERO(raw->reduce.reserved));
	case ACI_TCS_OP_RESIZE:
		return check_resize_attr(&raw->resize, op);
	case ACI_TCS_OP_CONV:
	case ACI_TCS_OP_CONV_TRANSPOSE:
		return check_window_attr(&raw->window, true, op);
	case ACI_TCS_OP_POOL_MAX:
	case ACI_TCS_OP_POOL_AVG:
		return check_window_attr(&raw->window, false, op);
	default:
		return field_unless(WORDS_ARE_ZERO(raw->attr));
	}
}
