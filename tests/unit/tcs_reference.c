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

static bool is_float(uint8_t type)
{
	return type == ACI_TCS_TYPE_F32 || type == ACI_TCS_TYPE_F16 || type == ACI_TCS_TYPE_BF16;
}

static struct value decode(uint8_t type, const uint8_t *bytes)
{
	struct value v = { .is_float = is_float(type) };
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

/* To the nearest number with so many bits behind the first one, ties to even. */
static double round_bits(double x, int bits, int exponent_min, double limit)
{
	int exponent;
	double unit, y;

	if (!isfinite(x) || x == 0)
		return x;
	frexp(x, &exponent);
	unit = ldexp(1, (exponent - 1 < exponent_min ? exponent_min : exponent - 1) - bits);
	y = rint(x / unit) * unit;
	return fabs(y) > limit ? copysign(INFINITY, x) : y;
}

static double narrow(uint8_t type, double x)
{
	if (type == ACI_TCS_TYPE_F16)
		return round_bits(x, 10, -14, 65504);
	return type == ACI_TCS_TYPE_BF16 ? round_bits(x, 7, -126, 0x1.fep127) : x;
}

static void expect_copy(const struct tensor *in, const struct tensor *out, struct value x,
			struct expect *e)
{
	if (is_float(out->type))
		e->v.f = narrow(out->type, is_float(in->type) ? x.f : (double)(float)x.i);
	else if (is_float(in->type))
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
	case ACI_TCS_UNARY_SIN: y = sin(x); relative = 4 * ULP; break;
	case ACI_TCS_UNARY_COS: y = cos(x); relative = 4 * ULP; break;
	case ACI_TCS_UNARY_TAN: y = tan(x); relative = 4 * ULP; break;
	case ACI_TCS_UNARY_ASIN: y = asin(x); relative = 4 * ULP; break;
	case ACI_TCS_UNARY_ACOS: y = acos(x); relative = 4 * ULP; break;
	case ACI_TCS_UNARY_ATAN: y = atan(x); relative = 4 * ULP; break;
	case ACI_TCS_UNARY_SINH: y = sinh(x); relative = (4 + fabs(x)) * ULP; break;
	case ACI_TCS_UNARY_COSH: y = cosh(x); relative = (4 + fabs(x)) * ULP; break;
	case ACI_TCS_UNARY_ASINH: y = asinh(x); relative = 4 * ULP; break;
	case ACI_TCS_UNARY_ACOSH: y = acosh(x); relative = 4 * ULP; break;
	case ACI_TCS_UNARY_ATANH: y = atanh(x); relative = 4 * ULP; break;
	case ACI_TCS_UNARY_SOFTPLUS:
		y = x > 0 ? x + log1p(exp(-x)) : log1p(exp(x));
		relative = (4 + fabs(minimum(x, 0))) * ULP;
		break;
	case ACI_TCS_UNARY_SIGN: y = x > 0 ? 1 : x < 0 ? -1 : x; break;
	case ACI_TCS_UNARY_SOFTSIGN:
		y = isinf(x) ? copysign(1, x) : x / (1 + fabs(x));
		relative = 4 * ULP;
		break;
	case ACI_TCS_UNARY_HARD_SIGMOID:
		y = minimum(maximum(alpha * x + beta, 0), 1);
		absolute = ULP * (fabs(alpha * x) + fabs(beta));
		break;
	case ACI_TCS_UNARY_HARD_SWISH:
		y = x <= -3 ? 0 : x >= 3 ? x : x * (x / 6 + 0.5);
		absolute = 4 * ULP * fabs(x);
		break;
	case ACI_TCS_UNARY_SELU:
		y = beta * (x < 0 ? alpha * expm1(x) : x);
		relative = 4 * ULP;
		break;
	case ACI_TCS_UNARY_CELU:
		y = x < 0 ? alpha * expm1(x / alpha) : x;
		relative = (4 + fabs(x / alpha)) * ULP;
		break;
	case ACI_TCS_UNARY_THRESHOLDED_RELU: y = x > alpha ? x : x <= alpha ? 0 : NAN; break;
	case ACI_TCS_UNARY_MISH:
		y = isinf(x) ? (x > 0 ? x : 0) : x * tanh(log1p(exp(x)));
		if (x > 40)
			y = x;
		relative = (8 + fabs(minimum(x, 0))) * ULP;
		absolute = isinf(x) ? 0 : fabs(x) * TINY;
		break;
	case ACI_TCS_UNARY_SWISH:
		if (isinf(x))
			y = alpha * x < 0 ? 0 : x;
		else
			y = x / (1 + exp(-alpha * x));
		relative = (8 + fabs(alpha * x)) * ULP;
		absolute = isinf(x) ? 0 : fabs(x) * TINY;
		break;
	case ACI_TCS_UNARY_GELU_TANH:
		y = isinf(x) ? (x > 0 ? x : 0) :
		    0.5 * x * (1 + tanh(sqrt(M_2_PI) * (x + 0.044715 * x * x * x)));
		absolute = 0x1p-18 * fmax(1, fabs(y));
		break;
	case ACI_TCS_UNARY_SHRINK:
		y = x < -alpha ? (float)(x + beta) : x > alpha ? (float)(x - beta) :
		    isnan(x) ? x : 0;
		break;
	}
	e->v.f = y;
	e->bound = relative || absolute ? relative * fabs(y) + absolute + TINY : 0;
}

static void expect_unary_int(const struct aci_tcs_op *op, uint8_t type, int64_t x, struct expect *e)
{
	switch (op->function) {
	case ACI_TCS_UNARY_RELU: x = x < 0 ? 0 : x; break;
	case ACI_TCS_UNARY_ABS: x = x < 0 ? (int64_t)-(uint64_t)x : x; break;
	case ACI_TCS_UNARY_NEG: x = (int64_t)-(uint64_t)x; break;
	case ACI_TCS_UNARY_SIGN: x = x > 0 ? 1 : x < 0 ? -1 : 0; break;
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
	case ACI_TCS_BINARY_MOD:
		r = fmod(x, y);
		if (r != 0 && (r < 0) != (y < 0))
			r = (float)(r + y);
		break;
	case ACI_TCS_BINARY_REMAINDER: r = fmod(x, y); break;
	case ACI_TCS_BINARY_PRELU: r = x < 0 ? (float)(x * y) : x; break;
	}
	e->v.f = r;
}

/* In 128 bits nothing wraps before it is wrapped to @type. */
static void expect_binary_int(uint32_t function, uint8_t type, int64_t x, int64_t y,
			      struct expect *e)
{
	const int64_t bits = 8 * (int64_t)type_bytes(type);
	const bool shifts = y >= 0 && y < bits;
	__int128 r = 0;

	switch (function) {
	case ACI_TCS_BINARY_ADD: r = (__int128)x + y; break;
	case ACI_TCS_BINARY_SUB: r = (__int128)x - y; break;
	case ACI_TCS_BINARY_MUL: r = (__int128)x * y; break;
	case ACI_TCS_BINARY_DIV: r = y ? (__int128)x / y : 0; break;
	case ACI_TCS_BINARY_MIN: r = x < y ? x : y; break;
	case ACI_TCS_BINARY_MAX: r = x > y ? x : y; break;
	case ACI_TCS_BINARY_REMAINDER: r = y ? (__int128)x % y : 0; break;
	case ACI_TCS_BINARY_MOD: r = y ? ((__int128)x % y + y) % y : 0; break;
	case ACI_TCS_BINARY_AND: r = x & y; break;
	case ACI_TCS_BINARY_OR: r = x | y; break;
	case ACI_TCS_BINARY_XOR: r = x ^ y; break;
	case ACI_TCS_BINARY_SHIFT_LEFT: r = shifts ? (__int128)x * ((__int128)1 << y) : 0; break;
	case ACI_TCS_BINARY_SHIFT_RIGHT: r = shifts ? x >> y : x < 0 ? -1 : 0; break;
	}
	e->v.i = wrap((int64_t)r, type);
}

static void expect_compare(uint32_t function, struct value x, struct value y, struct expect *e)
{
	const bool less = x.is_float ? x.f < y.f : x.i < y.i;
	const bool equal = x.is_float ? x.f == y.f : x.i == y.i;
	const bool greater = x.is_float ? x.f > y.f : x.i > y.i;

	switch (function) {
	case ACI_TCS_COMPARE_EQ: e->v.i = equal; break;
	case ACI_TCS_COMPARE_NE: e->v.i = !equal; break;
	case ACI_TCS_COMPARE_LT: e->v.i = less; break;
	case ACI_TCS_COMPARE_LE: e->v.i = less || equal; break;
	case ACI_TCS_COMPARE_GT: e->v.i = greater; break;
	default: e->v.i = greater || equal; break;
	}
}

static uint64_t wide_attr(const struct program *p, uint64_t value, uint16_t slot)
{
	return slot == ACI_TCS_NONE ? value : p->args[slot].value;
}

static void expect_fill(const struct program *p, const struct aci_tcs_op *op,
			const struct tensor *out, const uint64_t *index, struct expect *e)
{
	const uint64_t value = wide_attr(p, op->fill.value, op->fill.value_slot);
	const uint64_t step = wide_attr(p, op->fill.step, op->fill.step_slot);
	const uint64_t n = op->function == ACI_TCS_FILL_RANGE ? index[op->fill.axis] : 0;
	const uint64_t sum = value + step * n;
	struct value by;

	/* little-endian: the low bytes come first */
	e->v = decode(out->type, (const uint8_t *)&sum);
	if (out->type != ACI_TCS_TYPE_F32)
		return;
	e->v = decode(out->type, (const uint8_t *)&value);
	by = decode(out->type, (const uint8_t *)&step);
	if (op->function == ACI_TCS_FILL_CONSTANT)
		return;
	e->bound = ULP * (fabs(e->v.f) + fabs(by.f * (double)n)) + TINY;
	e->v.f += by.f * (double)n;
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
	if (op->function != ACI_TCS_SOFTMAX_LOG)
		return;
	e->v.f = x - max - log(sum);
	e->bound = isinf(x) ? 0 : (8 + 2 * fabs(max - x)) * ULP;
}

/* Everything that a reduction may want to know of the elements that it sees. */
struct fold {
	uint64_t n, first_max, last_max, first_min, last_min;
	double sum, magnitude, squares, max, min;
	long double product;
	int64_t max_i, min_i;
	uint64_t sum_i, product_i;
};

static void fold_add(struct fold *f, struct value v)
{
	const double x = v.is_float ? v.f : 0;
	const bool first = !f->n;
	bool greater = v.is_float ? v.f > f->max : v.i > f->max_i;
	bool less = v.is_float ? v.f < f->min : v.i < f->min_i;
	bool as_max = v.is_float ? v.f == f->max : v.i == f->max_i;
	bool as_min = v.is_float ? v.f == f->min : v.i == f->min_i;

	if (v.is_float && isnan(v.f)) {
		greater = less = !isnan(f->max);
		as_max = as_min = isnan(f->max);
	} else if (v.is_float && isnan(f->max)) {
		greater = less = as_max = as_min = false;
	}
	if (first || greater)
		f->first_max = f->n;
	if (first || greater || as_max)
		f->last_max = f->n;
	if (first || less)
		f->first_min = f->n;
	if (first || less || as_min)
		f->last_min = f->n;
	f->max = first ? x : maximum(f->max, x);
	f->min = first ? x : minimum(f->min, x);
	f->max_i = first || v.i > f->max_i ? v.i : f->max_i;
	f->min_i = first || v.i < f->min_i ? v.i : f->min_i;
	f->product = first ? x : f->product * x;
	f->product_i = first ? (uint64_t)v.i : f->product_i * (uint64_t)v.i;
	f->sum += x;
	f->magnitude += fabs(x);
	f->squares += x * x;
	f->sum_i += (uint64_t)v.i;
	f->n++;
}

static void fold_dims(const struct program *p, const struct tensor *in, uint32_t axes,
		      unsigned int dim, uint64_t *at, struct fold *f)
{
	if (dim == in->rank) {
		fold_add(f, input(p, in, at));
		return;
	}
	if (!(axes >> dim & 1)) {
		fold_dims(p, in, axes, dim + 1, at, f);
		return;
	}
	for (at[dim] = 0; at[dim] < in->shape[dim]; at[dim]++)
		fold_dims(p, in, axes, dim + 1, at, f);
}

static void expect_reduce(const struct program *p, const struct aci_tcs_op *op,
			  const struct tensor *in, const struct tensor *out, const uint64_t *index,
			  struct expect *e)
{
	uint64_t at[ACI_TCS_RANK_MAX];
	struct fold f = { 0 };
	double n;

	memcpy(at, index, sizeof(at));
	fold_dims(p, in, op->reduce.axes, 0, at, &f);
	n = (double)f.n;
	e->v.i = (int64_t)f.sum_i;
	switch (op->function) {
	case ACI_TCS_REDUCTION_SUM:
		e->v.f = f.sum;
		e->bound = (n + 1) * (ULP / 2) * f.magnitude + TINY;
		break;
	case ACI_TCS_REDUCTION_MEAN:
		e->v.f = f.sum / n;
		e->bound = (n + 2) * (ULP / 2) * f.magnitude / n + TINY;
		break;
	case ACI_TCS_REDUCTION_MAX:
		e->v.f = f.max;
		e->v.i = f.max_i;
		break;
	case ACI_TCS_REDUCTION_MIN:
		e->v.f = f.min;
		e->v.i = f.min_i;
		break;
	case ACI_TCS_REDUCTION_PROD:
		e->v.f = (double)f.product;
		e->bound = (n + 1) * (ULP / 2) * fabs(e->v.f) + TINY;
		e->v.i = (int64_t)f.product_i;
		break;
	case ACI_TCS_REDUCTION_L1:
		e->v.f = f.magnitude;
		e->bound = (n + 1) * (ULP / 2) * f.magnitude + TINY;
		break;
	case ACI_TCS_REDUCTION_L2:
		e->v.f = sqrt(f.squares);
		e->bound = (n + 4) * (ULP / 2) * e->v.f + TINY;
		break;
	default:
		e->v.f = f.squares;
		e->bound = (n + 2) * (ULP / 2) * f.squares + TINY;
		break;
	}
	e->v.i = wrap(e->v.i, out->type);
}

static void expect_arg(const struct program *p, const struct aci_tcs_op *op,
		       const struct tensor *in, const uint64_t *index, struct expect *e)
{
	const bool last = op->flags & ACI_TCS_OP_F_LAST;
	uint64_t at[ACI_TCS_RANK_MAX];
	struct fold f = { 0 };

	memcpy(at, index, sizeof(at));
	fold_dims(p, in, 1u << op->along.axis, 0, at, &f);
	if (op->function == ACI_TCS_ARG_MAX)
		e->v.i = (int64_t)(last ? f.last_max : f.first_max);
	else
		e->v.i = (int64_t)(last ? f.last_min : f.first_min);
}

static void expect_cumulate(const struct program *p, const struct aci_tcs_op *op,
			    const struct tensor *in, const struct tensor *out,
			    const uint64_t *index, struct expect *e)
{
	const uint32_t axis = op->along.axis;
	const uint64_t end = index[axis] + !(op->flags & ACI_TCS_OP_F_EXCLUSIVE);
	uint64_t at[ACI_TCS_RANK_MAX];
	struct fold f = { 0 };

	memcpy(at, index, sizeof(at));
	for (at[axis] = 0; at[axis] < end; at[axis]++)
		fold_add(&f, input(p, in, at));
	e->v.f = f.sum;
	e->v.i = wrap((int64_t)f.sum_i, out->type);
	e->bound = (double)(f.n + 1) * (ULP / 2) * f.magnitude + TINY;
}

static void expect_select(const struct program *p, const struct tensor *in,
			  const struct tensor *out, const uint64_t *index, struct expect *e)
{
	uint64_t at[3][ACI_TCS_RANK_MAX];

	for (unsigned int i = 0; i < 3; i++)
		broadcast_index(&in[i], out, index, at[i]);
	e->v = input(p, &in[0], at[0]).i ? input(p, &in[1], at[1]) : input(p, &in[2], at[2]);
}

static double normalise_operand(const struct program *p, const struct tensor *t,
				const struct tensor *out, const uint64_t *index, uint16_t tensor,
				double otherwise)
{
	uint64_t at[ACI_TCS_RANK_MAX];

	if (tensor == ACI_TCS_NONE)
		return otherwise;
	broadcast_index(t, out, index, at);
	return input(p, t, at).f;
}

static void sum_differences(const struct program *p, const struct tensor *in, uint32_t axes,
			    unsigned int dim, uint64_t *at, double mean, double *sum)
{
	if (dim == in->rank) {
		const double d = input(p, in, at).f - mean;

		*sum += d * d;
		return;
	}
	if (!(axes >> dim & 1)) {
		sum_differences(p, in, axes, dim + 1, at, mean, sum);
		return;
	}
	for (at[dim] = 0; at[dim] < in->shape[dim]; at[dim]++)
		sum_differences(p, in, axes, dim + 1, at, mean, sum);
}

static void expect_normalise(const struct program *p, const struct aci_tcs_op *op,
			     const struct tensor *in, const struct tensor *out,
			     const uint64_t *index, struct expect *e)
{
	const double epsilon = scalar_attr(p, op->normalise.epsilon, op->normalise.epsilon_slot);
	const double scale = normalise_operand(p, &in[1], out, index, op->in[1], 1);
	const double bias = normalise_operand(p, &in[2], out, index, op->in[2], 0);
	const double x = input(p, in, index).f;
	uint64_t at[ACI_TCS_RANK_MAX];
	double mean = 0, sum = 0, d, n;
	struct fold f = { 0 };

	memcpy(at, index, sizeof(at));
	fold_dims(p, in, op->normalise.axes, 0, at, &f);
	n = (double)f.n;
	if (op->function == ACI_TCS_NORMALISE_MEAN_VARIANCE)
		mean = f.sum / n;
	memcpy(at, index, sizeof(at));
	sum_differences(p, in, op->normalise.axes, 0, at, mean, &sum);
	d = sqrt(sum / n + epsilon);
	e->v.f = (x - mean) / d * scale + bias;
	e->bound = (n + 16) * ULP * ((fabs(x) + f.magnitude / n) / d * fabs(scale) + fabs(bias)) +
		   TINY;
}

/* The place in @data of element @index of the dense side of GATHER or SCATTER. */
static void data_index(const struct program *p, const struct aci_tcs_op *op,
		       const struct tensor *places, const struct tensor *data,
		       const struct tensor *dense, const uint64_t *index, uint64_t *result)
{
	const unsigned int axis = op->index.axis, count = op->index.count;
	uint64_t at[ACI_TCS_RANK_MAX];

	for (unsigned int i = 0; i < axis; i++)
		result[i] = index[i];
	for (unsigned int i = axis + count; i < data->rank; i++)
		result[i] = index[dense->rank - (data->rank - i)];
	for (unsigned int i = 0; i < dense->rank; i++)
		at[i] = places->shape[i] == 1 ? 0 : index[i];
	for (unsigned int i = 0; i < count; i++) {
		int64_t place;

		at[dense->rank] = i;
		place = input(p, places, at).i;
		result[axis + i] = (uint64_t)(place < 0 ? place + (int64_t)data->shape[axis + i] :
							  place);
	}
}

static void expect_gather(const struct program *p, const struct aci_tcs_op *op,
			  const struct tensor *in, const struct tensor *out, const uint64_t *index,
			  struct expect *e)
{
	uint64_t at[ACI_TCS_RANK_MAX];

	data_index(p, op, &in[1], &in[0], out, index, at);
	e->v = input(p, &in[0], at);
}

static void scatter_one(uint32_t function, uint8_t type, struct value x, struct value *v)
{
	static const uint32_t functions[] = { 0, ACI_TCS_BINARY_ADD, ACI_TCS_BINARY_MUL,
					      ACI_TCS_BINARY_MIN, ACI_TCS_BINARY_MAX };
	struct expect e = { .v = *v };

	if (function == ACI_TCS_SCATTER_SET)
		e.v = x;
	else if (v->is_float)
		expect_binary_f32(functions[function], v->f, x.f, &e);
	else
		expect_binary_int(functions[function], type, v->i, x.i, &e);
	*v = e.v;
}

static void expect_scatter(const struct program *p, const struct aci_tcs_op *op,
			   const struct tensor *in, const struct tensor *out,
			   const uint64_t *index, struct expect *e)
{
	e->v = input(p, out, index);
	for (uint64_t n = 0; n < in[0].elements; n++) {
		uint64_t from[ACI_TCS_RANK_MAX], to[ACI_TCS_RANK_MAX];

		tensor_unravel(&in[0], n, from);
		data_index(p, op, &in[1], out, &in[0], from, to);
		if (!memcmp(to, index, out->rank * sizeof(to[0])))
			scatter_one(op->function, out->type, input(p, &in[0], from), &e->v);
	}
}

/* Is @a before @b? A NaN is greater than all numbers. */
static bool comes_first(struct value a, uint64_t at_a, struct value b, uint64_t at_b, bool least)
{
	const bool nan_a = a.is_float && isnan(a.f), nan_b = b.is_float && isnan(b.f);
	const bool greater = a.is_float ? (nan_a && !nan_b) || a.f > b.f : a.i > b.i;
	const bool less = a.is_float ? (nan_b && !nan_a) || a.f < b.f : a.i < b.i;

	if (!greater && !less)
		return at_a < at_b;
	return least ? less : greater;
}

/* The element of which index[axis] others come first. *@place: where it is. */
static void expect_top_k(const struct program *p, const struct aci_tcs_op *op,
			 const struct tensor *in, const uint64_t *index, struct expect *e,
			 uint64_t *place)
{
	const uint32_t axis = op->along.axis;
	const bool least = op->flags & ACI_TCS_OP_F_LEAST;
	uint64_t at[ACI_TCS_RANK_MAX], other[ACI_TCS_RANK_MAX];

	memcpy(at, index, sizeof(at));
	memcpy(other, index, sizeof(at));
	for (at[axis] = 0; at[axis] < in->shape[axis]; at[axis]++) {
		uint64_t before = 0;

		e->v = input(p, in, at);
		for (other[axis] = 0; other[axis] < in->shape[axis]; other[axis]++)
			before += comes_first(input(p, in, other), other[axis], e->v, at[axis],
					      least);
		if (before == index[axis])
			break;
	}
	*place = at[axis];
}

static void expect_element(const struct program *p, const struct aci_tcs_op *op,
			   const struct tensor *in, const struct tensor *out, const uint64_t *index,
			   struct expect *e)
{
	uint64_t at[2][ACI_TCS_RANK_MAX];

	*e = (struct expect){ .v.is_float = is_float(out->type) };
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
		broadcast_index(&in[0], out, index, at[0]);
		broadcast_index(&in[1], out, index, at[1]);
		expect_compare(op->function, input(p, &in[0], at[0]), input(p, &in[1], at[1]), e);
		return;
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
			expect_binary_int(op->function, out->type, input(p, &in[0], at[0]).i,
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
