// SPDX-License-Identifier: MIT
/* An independent reference for every operation of the tensor command set. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tcs_reference.h"

#define ULP	0x1p-23		/* of 1.0f */
#define TINY	0x1p-125	/* results below may be flushed */

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

struct value {
	bool is_float;
	double f;
	int64_t i;
};

static struct value decode(uint8_t type, const uint8_t *bytes)
{
	struct value v = { .is_float = type == ACI_TCS_TYPE_F32 };
	int32_t i32;
	float f32;

	switch (type) {
	case ACI_TCS_TYPE_F32:
		memcpy(&f32, bytes, 4);
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

static struct value input(const struct program *p, const struct tensor *t, const uint64_t *index)
{
	return decode(t->type, before[t->slot] + (tensor_va(t, index) - p->args[t->slot].value));
}

static struct value output(const struct tensor *t, const uint64_t *index)
{
	uint8_t bytes[8];

	fake_read(tensor_va(t, index), bytes, type_bytes(t->type));
	return decode(t->type, bytes);
}

/* What is expected, and how far off it may be. */
struct expect {
	struct value v;
	double bound;
};

static int64_t wrap(int64_t x, uint8_t type)
{
	switch (type) {
	case ACI_TCS_TYPE_I8:
		return (int8_t)x;
	case ACI_TCS_TYPE_U8:
		return (uint8_t)x;
	case ACI_TCS_TYPE_I32:
		return (int32_t)x;
	case ACI_TCS_TYPE_BOOL:
		return x != 0;
	default:
		return x;
	}
}

static int64_t saturate(double x, uint8_t type)
{
	static const double low[] = { [ACI_TCS_TYPE_I8] = -128, [ACI_TCS_TYPE_I32] = -0x1p31,
				      [ACI_TCS_TYPE_I64] = -0x1p63, [ACI_TCS_TYPE_U8] = 0 };
	static const double high[] = { [ACI_TCS_TYPE_I8] = 127, [ACI_TCS_TYPE_I32] = 0x1p31 - 1,
				       [ACI_TCS_TYPE_I64] = 0x1p63, [ACI_TCS_TYPE_U8] = 255 };

	if (type == ACI_TCS_TYPE_BOOL)
		return isnan(x) || x != 0;
	if (isnan(x))
		return 0;
	x = trunc(x);
	if (x <= low[type])
		return type == ACI_TCS_TYPE_I64 ? INT64_MIN : (int64_t)low[type];
	if (x >= high[type])
		return type == ACI_TCS_TYPE_I64 ? INT64_MAX : (int64_t)high[type];
	return (int64_t)x;
}

static void expect_copy(const struct tensor *in, const struct tensor *out, struct value x,
			struct expect *e)
{
	if (out->type == ACI_TCS_TYPE_F32)
		e->v.f = in->type == ACI_TCS_TYPE_F32 ? x.f : (double)(float)x.i;
	else if (in->type == ACI_TCS_TYPE_F32)
		e->v.i = saturate(x.f, out->type);
	else
		e->v.i = wrap(x.i, out->type);
}

static double scalar_attr(const struct program *p, uint32_t bits, uint16_t slot)
{
	float f;

	if (slot != ACI_TCS_NONE)
		bits = (uint32_t)p->args[slot].value;
	memcpy(&f, &bits, 4);
	return f;
}

static double maximum(double a, double b)
{
	return isnan(a) || isnan(b) ? NAN : a > b ? a : b;
}

static double minimum(double a, double b)
{
	return isnan(a) || isnan(b) ? NAN : a < b ? a : b;
}

static void expect_unary_f32(const struct program *p, const struct aci_tcs_op *op, double x,
			     struct expect *e)
{
	const double alpha = scalar_attr(p, op->unary.alpha, op->unary.alpha_slot);
	const double beta = scalar_attr(p, op->unary.beta, op->unary.beta_slot);
	double y = x, relative = 0, absolute = 0;

	switch (op->function) {
	case ACI_TCS_UNARY_RELU: y = x < 0 ? 0 : x; break;
	case ACI_TCS_UNARY_SIGMOID:
		y = x < 0 ? exp(x) / (1 + exp(x)) : 1 / (1 + exp(-x));
		relative = (4 + fabs(minimum(x, 0))) * ULP;
		break;
	case ACI_TCS_UNARY_TANH: y = tanh(x); relative = 4 * ULP; break;
	case ACI_TCS_UNARY_EXP: y = exp(x); relative = (4 + fabs(x)) * ULP; break;
	case ACI_TCS_UNARY_LOG: y = log(x); relative = 4 * ULP; break;
	case ACI_TCS_UNARY_SQRT: y = (float)sqrt(x); break;
	case ACI_TCS_UNARY_ABS: y = fabs(x); break;
	case ACI_TCS_UNARY_NEG: y = -x; break;
	case ACI_TCS_UNARY_RECIPROCAL: y = (float)(1 / x); break;
	case ACI_TCS_UNARY_FLOOR: y = floor(x); break;
	case ACI_TCS_UNARY_CEIL: y = ceil(x); break;
	case ACI_TCS_UNARY_ROUND: y = rint(x); break;
	case ACI_TCS_UNARY_ERF: y = erf(x); relative = 4 * ULP; break;
	case ACI_TCS_UNARY_GELU:
		y = isinf(x) ? (x > 0 ? x : 0) : 0.5 * x * erfc(-x / sqrt(2));
		absolute = 0x1p-18 * fmax(1, fabs(y));
		break;
	case ACI_TCS_UNARY_LEAKY_RELU: y = x < 0 ? (float)(alpha * x) : x; break;
	case ACI_TCS_UNARY_ELU: y = x < 0 ? alpha * expm1(x) : x; relative = 4 * ULP; break;
	case ACI_TCS_UNARY_CLIP: y = minimum(maximum(x, alpha), beta); break;
	case ACI_TCS_UNARY_LINEAR:
		y = alpha * x + beta;
		absolute = ULP * (fabs(alpha * x) + fabs(beta));
		break;
	}
	e->v.f = y;
	e->bound = relative || absolute ? relative * fabs(y) + absolute + TINY : 0;
}

static void expect_unary_int(const struct aci_tcs_op *op, uint8_t type, int64_t x, struct expect *e)
{
	switch (op->function) {
	case ACI_TCS_UNARY_RELU: x = x < 0 ? 0 : x; break;
	case ACI_TCS_UNARY_ABS: x = x < 0 ? -x : x; break;
	case ACI_TCS_UNARY_NEG: x = -x; break;
	}
	e->v.i = wrap(x, type);
}

static void expect_binary_f32(uint32_t function, double x, double y, struct expect *e)
{
	double r = 0;

	switch (function) {
	case ACI_TCS_BINARY_ADD: r = (float)(x + y); break;
	case ACI_TCS_BINARY_SUB: r = (float)(x - y); break;
	case ACI_TCS_BINARY_MUL: r = (float)(x * y); break;
	case ACI_TCS_BINARY_DIV: r = (float)(x / y); break;
	case ACI_TCS_BINARY_MIN: r = minimum(x, y); break;
	case ACI_TCS_BINARY_MAX: r = maximum(x, y); break;
	case ACI_TCS_BINARY_POW:
		r = pow(x, y);
		e->bound = 4 * ULP * fabs(r) + TINY;
		break;
	}
	e->v.f = r;
}

static void expect_binary_i32(uint32_t function, int64_t x, int64_t y, struct expect *e)
{
	int64_t r = 0;

	switch (function) {
	case ACI_TCS_BINARY_ADD: r = x + y; break;
	case ACI_TCS_BINARY_SUB: r = x - y; break;
	case ACI_TCS_BINARY_MUL: r = x * y; break;
	case ACI_TCS_BINARY_DIV: r = y ? x / y : 0; break;
	case ACI_TCS_BINARY_MIN: r = x < y ? x : y; break;
	case ACI_TCS_BINARY_MAX: r = x > y ? x : y; break;
	}
	e->v.i = wrap(r, ACI_TCS_TYPE_I32);
}

/* The index in a broadcast operand that belongs to @index in the output. */
static void broadcast_index(const struct tensor *t, const struct tensor *out,
			    const uint64_t *index, uint64_t *result)
{
	for (unsigned int i = 0; i < t->rank; i++)
		result[i] = t->shape[i] == 1 ? 0 : index[out->rank - t->rank + i];
}

/* A sum of products, in both arithmetics. */
struct sum {
	double value, magnitude;
	uint64_t i, terms;
};

static void add_product(struct sum *s, struct value a, struct value b)
{
	s->value += a.f * b.f;
	s->magnitude += fabs(a.f * b.f);
	s->i += (uint64_t)(a.i * b.i);
	s->terms++;
}

static void finish_sum(const struct aci_tcs_op *op, const struct sum *s, const struct value *bias,
		       struct expect *e)
{
	const bool relu = op->function == ACI_TCS_UNARY_RELU;
	const double add = bias ? bias->f : 0;

	e->v.f = s->value + add;
	if (relu && e->v.f < 0)
		e->v.f = 0;
	e->bound = (double)(s->terms + 2) * (ULP / 2) * (s->magnitude + fabs(add)) + TINY;
	e->v.i = (int32_t)(uint32_t)(s->i + (uint64_t)(bias ? bias->i : 0));
	if (relu && e->v.i < 0)
		e->v.i = 0;
}

static void expect_matmul(const struct program *p, const struct aci_tcs_op *op,
			  const struct tensor *in, const struct tensor *out, const uint64_t *index,
			  struct expect *e)
{
	const uint64_t row = index[out->rank - 2], col = index[out->rank - 1];
	uint64_t at[2][ACI_TCS_RANK_MAX], at_bias[2] = { row, col };
	struct sum sum = { 0 };
	struct value bias;

	for (unsigned int i = 0; i < 2; i++)
		for (unsigned int j = 0; j + 2 < in[i].rank; j++)
			at[i][j] = in[i].shape[j] == 1 ? 0 : index[out->rank - in[i].rank + j];
	at[0][in[0].rank - 2] = row;
	at[1][in[1].rank - 1] = col;
	for (uint64_t k = 0; k < in[0].shape[in[0].rank - 1]; k++) {
		at[0][in[0].rank - 1] = k;
		at[1][in[1].rank - 2] = k;
		add_product(&sum, input(p, &in[0], at[0]), input(p, &in[1], at[1]));
	}
	if (op->in[2] != ACI_TCS_NONE)
		bias = input(p, &in[2], at_bias + (2 - in[2].rank));
	finish_sum(op, &sum, op->in[2] != ACI_TCS_NONE ? &bias : NULL, e);
}

/* Input coordinate under tap @tap of output @index in direction @i; false: outside. */
static bool window_index(const struct aci_tcs_window *w, unsigned int i, uint64_t index,
			 uint64_t tap, uint64_t size, uint64_t *result)
{
	const int64_t at = (int64_t)(index * w->stride[i] + tap * w->dilation[i]) -
			   (int64_t)w->pad_begin[i];

	*result = (uint64_t)at;
	return at >= 0 && at < (int64_t)size;
}

static void expect_conv(const struct program *p, const struct aci_tcs_op *op,
			const struct tensor *in, const struct tensor *out, const uint64_t *index,
			struct expect *e)
{
	const uint64_t filters = in[1].shape[0] / op->window.groups;
	const uint64_t group = index[1] / filters;
	struct sum sum = { 0 };
	struct value bias;
	uint64_t x[4], w[4];

	x[0] = index[0];
	w[0] = index[1];
	for (w[1] = 0; w[1] < in[1].shape[1]; w[1]++) {
		x[1] = group * in[1].shape[1] + w[1];
		for (w[2] = 0; w[2] < in[1].shape[2]; w[2]++)
			for (w[3] = 0; w[3] < in[1].shape[3]; w[3]++) {
				if (window_index(&op->window, 0, index[2], w[2], in[0].shape[2],
						 &x[2]) &&
				    window_index(&op->window, 1, index[3], w[3], in[0].shape[3],
						 &x[3]))
					add_product(&sum, input(p, &in[0], x), input(p, &in[1], w));
			}
	}
	if (op->in[2] != ACI_TCS_NONE)
		bias = input(p, &in[2], &index[1]);
	finish_sum(op, &sum, op->in[2] != ACI_TCS_NONE ? &bias : NULL, e);
}

static void expect_pool(const struct program *p, const struct aci_tcs_op *op,
			const struct tensor *in, const uint64_t *index, struct expect *e)
{
	const bool avg = op->opcode == ACI_TCS_OP_POOL_AVG;
	const uint64_t window = (uint64_t)op->window.kernel[0] * op->window.kernel[1];
	double sum = 0, magnitude = 0, max = -INFINITY;
	uint64_t count = 0, x[4] = { index[0], index[1] };
	int64_t max_i = INT8_MIN;

	for (uint64_t i = 0; i < op->window.kernel[0]; i++)
		for (uint64_t j = 0; j < op->window.kernel[1]; j++) {
			struct value v;

			if (!window_index(&op->window, 0, index[2], i, in->shape[2], &x[2]) ||
			    !window_index(&op->window, 1, index[3], j, in->shape[3], &x[3]))
				continue;
			v = input(p, in, x);
			sum += v.f;
			magnitude += fabs(v.f);
			max = maximum(max, v.f);
			max_i = v.i > max_i ? v.i : max_i;
			count++;
		}
	if (op->flags & ACI_TCS_OP_F_COUNT_PADDING)
		count = window;
	e->v.i = max_i;
	e->v.f = max;
	if (avg) {
		e->v.f = count ? sum / (double)count : 0;
		if (count)
			e->bound = (double)(window + 1) * (ULP / 2) * magnitude / (double)count +
				   TINY;
	}
}

static void expect_softmax(const struct program *p, const struct aci_tcs_op *op,
			   const struct tensor *in, const uint64_t *index, struct expect *e)
{
	const double x = input(p, in, index).f;
	uint64_t at[ACI_TCS_RANK_MAX];
	double max = -INFINITY, sum = 0;

	memcpy(at, index, sizeof(at));
	for (uint64_t i = 0; i < in->shape[op->softmax.axis]; i++) {
		at[op->softmax.axis] = i;
		max = maximum(max, input(p, in, at).f);
	}
	for (uint64_t i = 0; i < in->shape[op->softmax.axis]; i++) {
		at[op->softmax.axis] = i;
		sum += exp(input(p, in, at).f - max);
	}
	e->v.f = exp(x - max) / sum;
	e->bound = (8 + 2 * fabs(max - x)) * ULP * e->v.f + TINY;
}

static void expect_element(const struct program *p, const struct aci_tcs_op *op,
			   const struct tensor *in, const struct tensor *out, const uint64_t *index,
			   struct expect *e)
{
	uint64_t at[2][ACI_TCS_RANK_MAX];

	*e = (struct expect){ .v.is_float = out->type == ACI_TCS_TYPE_F32 };
	switch (op->opcode) {
	case ACI_TCS_OP_MATMUL:
		expect_matmul(p, op, in, out, index, e);
		return;
	case ACI_TCS_OP_CONV:
		expect_conv(p, op, in, out, index, e);
		return;
	case ACI_TCS_OP_POOL_MAX:
	case ACI_TCS_OP_POOL_AVG:
		expect_pool(p, op, in, index, e);
		return;
	case ACI_TCS_OP_SOFTMAX:
		expect_softmax(p, op, in, index, e);
		return;
	case ACI_TCS_OP_BINARY:
		broadcast_index(&in[0], out, index, at[0]);
		broadcast_index(&in[1], out, index, at[1]);
		if (e->v.is_float)
			expect_binary_f32(op->function, input(p, &in[0], at[0]).f,
					  input(p, &in[1], at[1]).f, e);
		else
			expect_binary_i32(op->function, input(p, &in[0], at[0]).i,
					  input(p, &in[1], at[1]).i, e);
		return;
	case ACI_TCS_OP_UNARY:
		if (e->v.is_float)
			expect_unary_f32(p, op, input(p, in, index).f, e);
		else
			expect_unary_int(op, out->type, input(p, in, index).i, e);
		return;
	default:
		expect_copy(in, out, input(p, in, index), e);
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

static const char *check_untouched(const struct program *p, const struct tensor *out)
{
	for (unsigned int slot = 0; slot < p->arg_count; slot++) {
		const uint64_t bytes = p->args[slot].bytes;
		uint8_t *now;

		if (!bytes)
			continue;
		now = malloc(bytes);
		fake_read(p->args[slot].value, now, bytes);
		for (uint64_t n = 0; n < out->elements && slot == out->slot; n++) {
			uint64_t index[ACI_TCS_RANK_MAX], at;

			tensor_unravel(out, n, index);
			at = tensor_va(out, index) - p->args[slot].value;
			memcpy(now + at, before[slot] + at, type_bytes(out->type));
		}
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
	struct tensor in[3], out;

	tensor_get(p, op->out[0], &out);
	for (unsigned int i = 0; i < 3; i++)
		if (op->in[i] != ACI_TCS_NONE)
			tensor_get(p, op->in[i], &in[i]);
	for (uint64_t n = fake_below(reference_every); n < out.elements; n += reference_every) {
		uint64_t index[ACI_TCS_RANK_MAX] = { 0 };
		struct expect e;
		struct value got;
		double error;

		tensor_unravel(&out, n, index);
		expect_element(p, op, in, &out, index, &e);
		got = output(&out, index);
		error = judge(&e, &got);
		if (worst && error > *worst)
			*worst = error;
		if (error > 1) {
			snprintf(message, sizeof(message),
				 "op %#x function %u types %u->%u element %llu: "
				 "%.9g (%lld), expected %.9g (%lld), bound %.3g",
				 op->opcode, op->function, in[0].type, out.type,
				 (unsigned long long)n, got.f, (long long)got.i, e.v.f,
				 (long long)e.v.i, e.bound);
			return message;
		}
	}
	return check_untouched(p, &out);
}
