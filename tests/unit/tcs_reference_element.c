// SPDX-License-Identifier: MIT
/* Reference: operations that look at one element of each operand. */
#include <math.h>
#include <string.h>

#include "tcs_reference_op.h"

int64_t value_wrap(int64_t x, uint8_t type)
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

void expect_copy(const struct tensor *in, const struct tensor *out, struct value x,
		 struct expect *e)
{
	if (type_is_float(out->type))
		e->v.f = narrow(out->type, type_is_float(in->type) ? x.f : (double)(float)x.i);
	else if (type_is_float(in->type))
		e->v.i = saturate(x.f, out->type);
	else
		e->v.i = value_wrap(x.i, out->type);
}

double op_scalar(const struct program *p, uint32_t bits, uint16_t slot)
{
	float f;

	if (slot != ACI_TCS_NONE)
		bits = (uint32_t)p->args[slot].value;
	memcpy(&f, &bits, 4);
	return f;
}

double value_max(double a, double b)
{
	return isnan(a) || isnan(b) ? NAN : a > b ? a : b;
}

double value_min(double a, double b)
{
	return isnan(a) || isnan(b) ? NAN : a < b ? a : b;
}

void expect_unary_f32(const struct program *p, const struct aci_tcs_op *op, double x,
		      struct expect *e)
{
	const double alpha = op_scalar(p, op->unary.alpha, op->unary.alpha_slot);
	const double beta = op_scalar(p, op->unary.beta, op->unary.beta_slot);
	double y = x, relative = 0, absolute = 0;

	switch (op->function) {
	case ACI_TCS_UNARY_RELU: y = x < 0 ? 0 : x; break;
	case ACI_TCS_UNARY_SIGMOID:
		y = x < 0 ? exp(x) / (1 + exp(x)) : 1 / (1 + exp(-x));
		relative = (4 + fabs(value_min(x, 0))) * ULP;
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
	case ACI_TCS_UNARY_CLIP: y = value_min(value_max(x, alpha), beta); break;
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
		relative = (4 + fabs(value_min(x, 0))) * ULP;
		break;
	case ACI_TCS_UNARY_SIGN: y = x > 0 ? 1 : x < 0 ? -1 : x; break;
	case ACI_TCS_UNARY_SOFTSIGN:
		y = isinf(x) ? copysign(1, x) : x / (1 + fabs(x));
		relative = 4 * ULP;
		break;
	case ACI_TCS_UNARY_HARD_SIGMOID:
		y = value_min(value_max(alpha * x + beta, 0), 1);
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
		relative = (8 + fabs(value_min(x, 0))) * ULP;
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

void expect_unary_int(const struct aci_tcs_op *op, uint8_t type, int64_t x, struct expect *e)
{
	switch (op->function) {
	case ACI_TCS_UNARY_RELU: x = x < 0 ? 0 : x; break;
	case ACI_TCS_UNARY_ABS: x = x < 0 ? (int64_t)-(uint64_t)x : x; break;
	case ACI_TCS_UNARY_NEG: x = (int64_t)-(uint64_t)x; break;
	case ACI_TCS_UNARY_SIGN: x = x > 0 ? 1 : x < 0 ? -1 : 0; break;
	}
	e->v.i = value_wrap(x, type);
}

void expect_binary_f32(uint32_t function, double x, double y, struct expect *e)
{
	double r = 0;

	switch (function) {
	case ACI_TCS_BINARY_ADD: r = (float)(x + y); break;
	case ACI_TCS_BINARY_SUB: r = (float)(x - y); break;
	case ACI_TCS_BINARY_MUL: r = (float)(x * y); break;
	case ACI_TCS_BINARY_DIV: r = (float)(x / y); break;
	case ACI_TCS_BINARY_MIN: r = value_min(x, y); break;
	case ACI_TCS_BINARY_MAX: r = value_max(x, y); break;
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
void expect_binary_int(uint32_t function, uint8_t type, int64_t x, int64_t y,
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
	e->v.i = value_wrap((int64_t)r, type);
}

void expect_compare(uint32_t function, struct value x, struct value y, struct expect *e)
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

void expect_fill(const struct program *p, const struct aci_tcs_op *op,
		 const struct tensor *out, const uint64_t *index, struct expect *e)
{
	const uint64_t value = wide_attr(p, op->fill.value, op->fill.value_slot);
	const uint64_t step = wide_attr(p, op->fill.step, op->fill.step_slot);
	const uint64_t n = op->function == ACI_TCS_FILL_RANGE ? index[op->fill.axis] : 0;
	const uint64_t sum = value + step * n;
	struct value by;

	/* little-endian: the low bytes come first */
	e->v = value_decode(out->type, (const uint8_t *)&sum);
	if (out->type != ACI_TCS_TYPE_F32)
		return;
	e->v = value_decode(out->type, (const uint8_t *)&value);
	by = value_decode(out->type, (const uint8_t *)&step);
	if (op->function == ACI_TCS_FILL_CONSTANT)
		return;
	e->bound = ULP * (fabs(e->v.f) + fabs(by.f * (double)n)) + TINY;
	e->v.f += by.f * (double)n;
}

/* The index in a broadcast operand that belongs to @index in the output. */
void tensor_broadcast(const struct tensor *t, const struct tensor *out,
		      const uint64_t *index, uint64_t *result)
{
	for (unsigned int i = 0; i < t->rank; i++)
		result[i] = t->shape[i] == 1 ? 0 : index[out->rank - t->rank + i];
}

/* A sum of products, in both arithmetics. */
