// SPDX-License-Identifier: MIT
/* An independent reference for every operation of the tensor command set. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tcs_reference_op.h"

static uint8_t *before[PROGRAM_ARGS];
static char message[256];

uint64_t reference_every = 1;

void tensor_get(const struct program *p, uint16_t index, struct tensor *t)
{
	const struct aci_tcs_tensor *raw = &p->image.tensors[index];

	memset(t, 0, sizeof(*t));
	t->type = raw->type;
	t->rank = raw->rank;
	t->slot = raw->slot;
	t->va = p->args[raw->slot].value + raw->offset;
	if (raw->offset_slot != ACI_TCS_NONE)
		t->va += p->args[raw->offset_slot].value;
	t->elements = 1;
	for (unsigned int i = 0; i < t->rank; i++) {
		t->shape[i] = raw->shape_from_arg >> i & 1 ? p->args[raw->shape[i]].value :
			      raw->shape[i];
		t->stride[i] = (int64_t)(raw->stride_from_arg >> i & 1 ?
					 p->args[raw->stride[i]].value : raw->stride[i]);
		t->elements *= t->shape[i];
	}
}

void tensor_unravel(const struct tensor *t, uint64_t n, uint64_t *index)
{
	for (unsigned int i = t->rank; i-- > 0; ) {
		index[i] = n % t->shape[i];
		n /= t->shape[i];
	}
}

uint64_t tensor_va(const struct tensor *t, const uint64_t *index)
{
	uint64_t va = t->va;

	for (unsigned int i = 0; i < t->rank; i++)
		va += (uint64_t)((int64_t)index[i] * t->stride[i] * (int64_t)type_bytes(t->type));
	return va;
}

void reference_before(const struct program *p)
{
	for (unsigned int i = 0; i < PROGRAM_ARGS; i++) {
		free(before[i]);
		before[i] = NULL;
	}
	for (unsigned int i = 0; i < p->arg_count; i++) {
		if (!p->args[i].bytes)
			continue;
		before[i] = malloc(p->args[i].bytes);
		fake_read(p->args[i].value, before[i], p->args[i].bytes);
	}
}

struct value value_decode(uint8_t type, const uint8_t *bytes)
{
	struct value v = { .is_float = type_is_float(type) };
	uint32_t wide;
	_Float16 half;
	int32_t i32;
	float f32;

	switch (type) {
	case ACI_TCS_TYPE_F32:
		memcpy(&f32, bytes, 4);
		v.f = f32;
		return v;
	case ACI_TCS_TYPE_F16:
		memcpy(&half, bytes, 2);
		v.f = (double)half;
		return v;
	case ACI_TCS_TYPE_BF16:
		wide = (uint32_t)bytes[1] << 24 | (uint32_t)bytes[0] << 16;
		memcpy(&f32, &wide, 4);
		v.f = f32;
		return v;
	case ACI_TCS_TYPE_I32:
		memcpy(&i32, bytes, 4);
		v.i = i32;
		break;
	case ACI_TCS_TYPE_I64:
		memcpy(&v.i, bytes, 8);
		break;
	case ACI_TCS_TYPE_I8:
		v.i = (int8_t)bytes[0];
		break;
	case ACI_TCS_TYPE_BOOL:
		v.i = bytes[0] != 0;
		break;
	default:
		v.i = bytes[0];
		break;
	}
	v.f = (double)v.i;
	return v;
}

struct value value_before(const struct program *p, const struct tensor *t, const uint64_t *index)
{
	return value_decode(t->type, before[t->slot] + (tensor_va(t, index) - p->args[t->slot].value));
}

static struct value output(const struct tensor *t, const uint64_t *index)
{
	uint8_t bytes[8];

	fake_read(tensor_va(t, index), bytes, type_bytes(t->type));
	return value_decode(t->type, bytes);
}

static void expect_element(const struct program *p, const struct aci_tcs_op *op,
			   const struct tensor *in, const struct tensor *out, const uint64_t *index,
			   struct expect *e)
{
	uint64_t at[2][ACI_TCS_RANK_MAX];

	*e = (struct expect){ .v.is_float = type_is_float(out->type) };
	switch (op->opcode) {
	case ACI_TCS_OP_FILL:
		expect_fill(p, op, out, index, e);
		return;
	case ACI_TCS_OP_SELECT:
		expect_select(p, in, out, index, e);
		return;
	case ACI_TCS_OP_REDUCE:
		expect_reduce(p, op, in, out, index, e);
		return;
	case ACI_TCS_OP_ARG:
		expect_arg(p, op, in, index, e);
		return;
	case ACI_TCS_OP_CUMULATE:
		expect_cumulate(p, op, in, out, index, e);
		return;
	case ACI_TCS_OP_NORMALISE:
		expect_normalise(p, op, in, out, index, e);
		return;
	case ACI_TCS_OP_GATHER:
		expect_gather(p, op, in, out, index, e);
		return;
	case ACI_TCS_OP_SCATTER:
		expect_scatter(p, op, in, out, index, e);
		return;
	case ACI_TCS_OP_TOP_K:
		expect_top_k(p, op, in, index, e, &at[0][0]);
		return;
	case ACI_TCS_OP_COMPARE:
		tensor_broadcast(&in[0], out, index, at[0]);
		tensor_broadcast(&in[1], out, index, at[1]);
		expect_compare(op->function, value_before(p, &in[0], at[0]),
			       value_before(p, &in[1], at[1]), e);
		return;
	case ACI_TCS_OP_MATMUL:
		expect_matmul(p, op, in, out, index, e);
		return;
	case ACI_TCS_OP_CONV:
		expect_conv(p, op, in, out, index, e);
		return;
	case ACI_TCS_OP_CONV_TRANSPOSE:
		expect_conv_transpose(p, op, in, out, index, e);
		return;
	case ACI_TCS_OP_RESIZE:
		expect_resize(p, op, in, index, e);
		return;
	case ACI_TCS_OP_QUANTISE:
	case ACI_TCS_OP_DEQUANTISE:
		expect_quantise(p, op, in, out, index, e);
		return;
	case ACI_TCS_OP_POOL_MAX:
	case ACI_TCS_OP_POOL_AVG:
		expect_pool(p, op, in, index, e);
		return;
	case ACI_TCS_OP_SOFTMAX:
		expect_softmax(p, op, in, index, e);
		return;
	case ACI_TCS_OP_BINARY:
		tensor_broadcast(&in[0], out, index, at[0]);
		tensor_broadcast(&in[1], out, index, at[1]);
		if (e->v.is_float)
			expect_binary_f32(op->function, value_before(p, &in[0], at[0]).f,
					  value_before(p, &in[1], at[1]).f, e);
		else
			expect_binary_int(op->function, out->type, value_before(p, &in[0], at[0]).i,
					  value_before(p, &in[1], at[1]).i, e);
		return;
	case ACI_TCS_OP_UNARY:
		if (e->v.is_float)
			expect_unary_f32(p, op, value_before(p, in, index).f, e);
		else
			expect_unary_int(op, out->type, value_before(p, in, index).i, e);
		return;
	default:
		expect_copy(in, out, value_before(p, in, index), e);
	}
}

/* Error as a part of the bound; above 1 is wrong. */
static double judge(const struct expect *e, const struct value *got)
{
	double error;

	if (!e->v.is_float)
		return e->v.i == got->i ? 0 : INFINITY;
	if (isnan(e->v.f) || isnan(got->f))
		return isnan(e->v.f) && isnan(got->f) ? 0 : INFINITY;
	if ((float)e->v.f == (float)got->f)
		return 0;
	error = fabs(e->v.f - got->f);
	/* rounding to infinity is an error of the size of the largest number */
	if (isinf(got->f) && fabs(e->v.f) >= 0x1.fffffp127)
		error = fabs(e->v.f) * ULP;
	return e->bound ? error / e->bound : INFINITY;
}

/* The indices that TOP_K stores beside the values. */
static const char *check_places(const struct program *p, const struct aci_tcs_op *op,
				const struct tensor *in, const struct tensor *places)
{
	for (uint64_t n = 0; n < places->elements; n++) {
		uint64_t index[ACI_TCS_RANK_MAX], place;
		struct expect e;

		tensor_unravel(places, n, index);
		expect_top_k(p, op, in, index, &e, &place);
		if (output(places, index).i == (int64_t)place)
			continue;
		snprintf(message, sizeof(message), "top k: index %llu: %lld, expected %llu",
			 (unsigned long long)n, (long long)output(places, index).i,
			 (unsigned long long)place);
		return message;
	}
	return NULL;
}

/* Make the elements of @out in @now what they were before. */
static void forget_elements(const struct program *p, const struct tensor *out, unsigned int slot,
			    uint8_t *now)
{
	for (uint64_t n = 0; n < out->elements && slot == out->slot; n++) {
		uint64_t index[ACI_TCS_RANK_MAX], at;

		tensor_unravel(out, n, index);
		at = tensor_va(out, index) - p->args[slot].value;
		memcpy(now + at, before[slot] + at, type_bytes(out->type));
	}
}

/* @outs: one or two */
static const char *check_untouched(const struct program *p, const struct tensor *outs,
				   unsigned int count)
{
	for (unsigned int slot = 0; slot < p->arg_count; slot++) {
		const uint64_t bytes = p->args[slot].bytes;
		uint8_t *now;

		if (!bytes)
			continue;
		now = malloc(bytes);
		fake_read(p->args[slot].value, now, bytes);
		for (unsigned int i = 0; i < count; i++)
			forget_elements(p, &outs[i], slot, now);
		if (memcmp(now, before[slot], bytes)) {
			snprintf(message, sizeof(message), "bytes of argument %u changed", slot);
			free(now);
			return message;
		}
		free(now);
	}
	return NULL;
}

const char *reference_check(const struct program *p, unsigned int which, double *worst)
{
	const struct aci_tcs_op *op = &p->image.ops[which];
	const unsigned int outs = op->out[1] == ACI_TCS_NONE ? 1 : 2;
	struct tensor in[3] = { 0 }, out[2];
	const char *wrong = NULL;

	for (unsigned int i = 0; i < outs; i++)
		tensor_get(p, op->out[i], &out[i]);
	for (unsigned int i = 0; i < 3; i++)
		if (op->in[i] != ACI_TCS_NONE)
			tensor_get(p, op->in[i], &in[i]);
	for (uint64_t n = fake_below(reference_every); n < out[0].elements; n += reference_every) {
		uint64_t index[ACI_TCS_RANK_MAX] = { 0 };
		struct expect e;
		struct value got;
		double error;

		tensor_unravel(&out[0], n, index);
		expect_element(p, op, in, &out[0], index, &e);
		got = output(&out[0], index);
		error = judge(&e, &got);
		if (worst && error > *worst)
			*worst = error;
		if (error > 1) {
			snprintf(message, sizeof(message),
				 "op %#x function %u types %u->%u element %llu: "
				 "%.9g (%lld), expected %.9g (%lld), bound %.3g",
				 op->opcode, op->function, in[0].type, out[0].type,
				 (unsigned long long)n, got.f, (long long)got.i, e.v.f,
				 (long long)e.v.i, e.bound);
			return message;
		}
	}
	if (outs > 1)
		wrong = check_places(p, op, &in[0], &out[1]);
	return wrong ? wrong : check_untouched(p, out, outs);
}
