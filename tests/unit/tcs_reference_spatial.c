// SPDX-License-Identifier: MIT
/* Reference: CONV_TRANSPOSE, RESIZE, QUANTISE and DEQUANTISE. */
#include <math.h>
#include <string.h>

#include "tcs_reference_op.h"

struct product_sum {
	double value, magnitude;
	uint64_t i, terms;
};

/* The kernel places of one dimension: input that output @index gets through @tap. -1: none */
static int64_t transposed_input(const struct aci_tcs_window *w, unsigned int i, uint64_t index,
				uint64_t tap, uint64_t size)
{
	const int64_t at = (int64_t)index + w->pad_begin[i] - (int64_t)(tap * w->dilation[i]);

	if (at < 0 || at % w->stride[i] || at / w->stride[i] >= (int64_t)size)
		return -1;
	return at / w->stride[i];
}

static void add_taps(const struct program *p, const struct aci_tcs_op *op,
		     const struct tensor *in, const uint64_t *index, uint64_t *x, uint64_t *w,
		     struct product_sum *sum)
{
	for (w[2] = 0; w[2] < in[1].shape[2]; w[2]++)
		for (w[3] = 0; w[3] < in[1].shape[3]; w[3]++) {
			const int64_t row = transposed_input(&op->window, 0, index[2], w[2],
							     in[0].shape[2]);
			const int64_t col = transposed_input(&op->window, 1, index[3], w[3],
							     in[0].shape[3]);
			struct value a, b;

			sum->terms++;
			if (row < 0 || col < 0)
				continue;
			x[2] = (uint64_t)row;
			x[3] = (uint64_t)col;
			a = value_before(p, &in[0], x);
			b = value_before(p, &in[1], w);
			sum->value += a.f * b.f;
			sum->magnitude += fabs(a.f * b.f);
			sum->i += (uint64_t)(a.i * b.i);
		}
}

void expect_conv_transpose(const struct program *p, const struct aci_tcs_op *op,
			   const struct tensor *in, const struct tensor *out,
			   const uint64_t *index, struct expect *e)
{
	const uint64_t channels = in[0].shape[1] / op->window.groups;
	const uint64_t group = index[1] / in[1].shape[1];
	const bool relu = op->function == ACI_TCS_UNARY_RELU;
	struct product_sum sum = { 0 };
	uint64_t x[4] = { index[0] }, w[4] = { 0, index[1] % in[1].shape[1] };
	struct value bias = { 0 };

	for (uint64_t c = 0; c < channels; c++) {
		x[1] = w[0] = group * channels + c;
		add_taps(p, op, in, index, x, w, &sum);
	}
	if (op->in[2] != ACI_TCS_NONE)
		bias = value_before(p, &in[2], &index[1]);
	e->v.f = sum.value + bias.f;
	e->v.i = (int32_t)(uint32_t)(sum.i + (uint64_t)bias.i);
	e->bound = (double)(sum.terms + 2) * (ULP / 2) * (sum.magnitude + fabs(bias.f)) + TINY;
	if (relu && e->v.f < 0)
		e->v.f = 0;
	if (relu && e->v.i < 0)
		e->v.i = 0;
}

/* --- RESIZE --- */

struct place {
	int64_t whole;
	long double part;	/* from 0 to below 1 */
};

static struct place find_place(const struct aci_tcs_resize *r, unsigned int i, uint64_t index)
{
	const __int128 at = (__int128)(int64_t)r->step[i] * index + (int64_t)r->offset[i];
	const __int128 divisor = (__int128)r->divisor[i];
	__int128 whole = at / divisor;

	if (whole * divisor > at)
		whole--;
	return (struct place){ (int64_t)whole, (long double)(at - whole * divisor) / divisor };
}

static int64_t round_place(uint32_t rounding, struct place place)
{
	switch (rounding) {
	case ACI_TCS_ROUNDING_HALF_DOWN:
		return place.whole + (place.part > 0.5L);
	case ACI_TCS_ROUNDING_HALF_UP:
		return place.whole + (place.part >= 0.5L);
	case ACI_TCS_ROUNDING_DOWN:
		return place.whole;
	default:
		return place.whole + (place.part > 0);
	}
}

static uint64_t clamp_place(int64_t at, uint64_t size)
{
	return at < 0 ? 0 : at >= (int64_t)size ? size - 1 : (uint64_t)at;
}

static long double tap_weight(const struct aci_tcs_op *op, long double distance)
{
	long double a, d = fabsl(distance);
	float cubic;

	if (op->function == ACI_TCS_RESIZE_LINEAR)
		return 1 - d;
	memcpy(&cubic, &op->resize.cubic, sizeof(cubic));
	a = cubic;
	return d <= 1 ? (a + 2) * d * d * d - (a + 3) * d * d + 1 :
			a * d * d * d - 5 * a * d * d + 8 * a * d - 4 * a;
}

/* Weights of the taps of one dimension, and where they are. Return: how many */
static unsigned int weigh(const struct aci_tcs_op *op, unsigned int i, uint64_t index,
			  uint64_t size, uint64_t *at, long double *weight)
{
	const struct place place = find_place(&op->resize, i, index);
	const int before = op->function == ACI_TCS_RESIZE_CUBIC;
	const unsigned int count = before ? 4 : 2;
	long double sum = 0;

	for (unsigned int k = 0; k < count; k++) {
		const int64_t where = place.whole - before + (int)k;
		const bool outside = where < 0 || where >= (int64_t)size;

		weight[k] = tap_weight(op, place.part + before - k);
		if (outside && op->flags & ACI_TCS_OP_F_EXCLUDE_OUTSIDE)
			weight[k] = 0;
		at[k] = clamp_place(where, size);
		sum += weight[k];
	}
	for (unsigned int k = 0; k < count && op->flags & ACI_TCS_OP_F_EXCLUDE_OUTSIDE; k++)
		weight[k] = sum != 0 ? weight[k] / sum : 0;
	return count;
}

void expect_resize(const struct program *p, const struct aci_tcs_op *op,
		   const struct tensor *in, const uint64_t *index, struct expect *e)
{
	uint64_t x[4] = { index[0], index[1] }, at[2][4];
	long double weight[2][4], value = 0, magnitude = 0;
	unsigned int count = 0;

	if (op->function == ACI_TCS_RESIZE_NEAREST) {
		for (unsigned int i = 0; i < 2; i++)
			x[2 + i] = clamp_place(round_place(op->resize.rounding,
							   find_place(&op->resize, i, index[2 + i])),
					       in->shape[2 + i]);
		e->v = value_before(p, in, x);
		return;
	}
	for (unsigned int i = 0; i < 2; i++)
		count = weigh(op, i, index[2 + i], in->shape[2 + i], at[i], weight[i]);
	for (unsigned int r = 0; r < count; r++)
		for (unsigned int c = 0; c < count; c++) {
			const long double w = weight[0][r] * weight[1][c];

			x[2] = at[0][r];
			x[3] = at[1][c];
			if (fabsl(w) < 1e-15L)
				continue;
			value += w * value_before(p, in, x).f;
			magnitude += fabsl(w * value_before(p, in, x).f);
		}
	e->v.f = (double)value;
	e->bound = 16 * ULP * (double)magnitude + TINY;
}

/* --- QUANTISE, DEQUANTISE --- */

static struct value operand(const struct program *p, const struct aci_tcs_op *op, unsigned int i,
			    const struct tensor *in, const struct tensor *out,
			    const uint64_t *index)
{
	uint64_t at[ACI_TCS_RANK_MAX];

	if (op->in[i] == ACI_TCS_NONE)
		return (struct value){ 0 };
	tensor_broadcast(&in[i], out, index, at);
	return value_before(p, &in[i], at);
}

void expect_quantise(const struct program *p, const struct aci_tcs_op *op,
		     const struct tensor *in, const struct tensor *out,
		     const uint64_t *index, struct expect *e)
{
	const int64_t low = out->type == ACI_TCS_TYPE_U8 ? 0 : INT8_MIN;
	const int64_t high = out->type == ACI_TCS_TYPE_U8 ? UINT8_MAX : INT8_MAX;
	const struct value x = operand(p, op, 0, in, out, index);
	const struct value scale = operand(p, op, 1, in, out, index);
	const struct value zero = operand(p, op, 2, in, out, index);
	double q;

	if (op->opcode == ACI_TCS_OP_DEQUANTISE) {
		e->v.f = (double)(x.i - zero.i) * scale.f;
		e->bound = in[0].type == ACI_TCS_TYPE_I32 ? ULP * fabs(e->v.f) + TINY : 0;
		return;
	}
	q = nearbyint((double)(float)(x.f / scale.f));
	q = isnan(q) ? 0 : fmin(fmax(q, -1e6), 1e6);
	e->v.i = (int64_t)q + zero.i;
	e->v.i = e->v.i < low ? low : e->v.i > high ? high : e->v.i;
}
