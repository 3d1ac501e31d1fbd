// SPDX-License-Identifier: MIT
/*
 * UNARY functions of 0.2 on f32. Those that run in networks all the time
 * (SWISH, GELU_TANH, MISH) go through oneDNN's sigmoid and exp block by block,
 * with infinities put right; the rest is libm, element by element.
 */
#include <math.h>

#include <aci/aci_tcs.h>

#include "tcs_math.h"

#define BLOCK	1024

/* dst and src are equal or apart: no element depends on another one. */
#define EACH(expression)				\
	do {						\
		_Pragma("GCC ivdep")			\
		for (uint64_t i = 0; i < n; i++) {	\
			const float x = src[i];		\
							\
			dst[i] = (expression);		\
		}					\
	} while (0)

static float clamp_unit(float x)
{
	return x < 0.0f ? 0.0f : x > 1.0f ? 1.0f : x;
}

static float softplus(float x)
{
	return x > 0.0f ? x + log1pf(expf(-x)) : log1pf(expf(x));
}

static float softsign(float x)
{
	return isinf(x) ? copysignf(1.0f, x) : x / (1.0f + fabsf(x));
}

static float hard_swish(float x)
{
	return x <= -3.0f ? 0.0f : x >= 3.0f ? x : x * (x / 6.0f + 0.5f);
}

/* In f64: with a negative alpha the exponential may be out of range where the result is not. */
static float celu(float x, float alpha)
{
	return (float)(alpha * expm1((double)x / alpha));
}

static float shrink(float x, float lambda, float bias)
{
	if (lambda != lambda)
		return lambda;
	return x < -lambda ? x + bias : x > lambda ? x - bias : x != x ? x : 0.0f;
}

/* The argument of the sigmoid that x is multiplied with. */
static float gate_argument(uint32_t function, float alpha, float x)
{
	if (function == ACI_TCS_UNARY_SWISH)
		return alpha * x;
	/* 2 sqrt(2 / pi) (x + 0.044715 x^3) */
	return 1.5957691f * (x + 0.044715f * x * x * x);
}

/*
 * 0 times an infinity: the gate wins. An infinite x times an alpha of 0 makes
 * the argument NaN: a gate that is half open.
 */
static float gate(float x, float argument, float sigmoid)
{
	if (isinf(x))
		return argument < 0.0f ? 0.0f : x;
	return x * sigmoid;
}

static bool gated(uint32_t function, float alpha, float *dst, const float *src, uint64_t n)
{
	float x[BLOCK], argument[BLOCK], sigmoid[BLOCK];

	for (uint64_t at = 0; at < n; at += BLOCK) {
		const uint64_t part = n - at < BLOCK ? n - at : BLOCK;

		for (uint64_t i = 0; i < part; i++) {
			x[i] = src[at + i];
			argument[i] = gate_argument(function, alpha, x[i]);
		}
		if (!tcs_unary_f32(ACI_TCS_UNARY_SIGMOID, 0, 0, sigmoid, argument, part))
			return false;
		for (uint64_t i = 0; i < part; i++)
			dst[at + i] = alpha != alpha ? alpha : gate(x[i], argument[i], sigmoid[i]);
	}
	return true;
}

/* x tanh(ln(1 + e^x)) = x n / (n + 2) with n = e^x (e^x + 2) */
static float finish_mish(float x, float e)
{
	const float n = e * (e + 2.0f);

	if (x > 20.0f)
		return x;
	return x < -110.0f ? 0.0f : x * (n / (n + 2.0f));
}

static bool mish(float *dst, const float *src, uint64_t n)
{
	float x[BLOCK], e[BLOCK];

	for (uint64_t at = 0; at < n; at += BLOCK) {
		const uint64_t part = n - at < BLOCK ? n - at : BLOCK;

		for (uint64_t i = 0; i < part; i++) {
			x[i] = src[at + i];
			e[i] = x[i] > 20.0f ? 20.0f : x[i];
		}
		if (!tcs_unary_f32(ACI_TCS_UNARY_EXP, 0, 0, e, e, part))
			return false;
		for (uint64_t i = 0; i < part; i++)
			dst[at + i] = finish_mish(x[i], e[i]);
	}
	return true;
}

bool tcs_function_f32(uint32_t function, float alpha, float beta, float *dst, const float *src,
		      uint64_t n)
{
	switch (function) {
	case ACI_TCS_UNARY_SWISH:
		return gated(function, alpha, dst, src, n);
	case ACI_TCS_UNARY_GELU_TANH:
		return gated(function, 0, dst, src, n);
	case ACI_TCS_UNARY_MISH:
		return mish(dst, src, n);
	case ACI_TCS_UNARY_SIN: EACH(sinf(x)); break;
	case ACI_TCS_UNARY_COS: EACH(cosf(x)); break;
	case ACI_TCS_UNARY_TAN: EACH(tanf(x)); break;
	case ACI_TCS_UNARY_ASIN: EACH(asinf(x)); break;
	case ACI_TCS_UNARY_ACOS: EACH(acosf(x)); break;
	case ACI_TCS_UNARY_ATAN: EACH(atanf(x)); break;
	case ACI_TCS_UNARY_SINH: EACH(sinhf(x)); break;
	case ACI_TCS_UNARY_COSH: EACH(coshf(x)); break;
	case ACI_TCS_UNARY_ASINH: EACH(asinhf(x)); break;
	case ACI_TCS_UNARY_ACOSH: EACH(acoshf(x)); break;
	case ACI_TCS_UNARY_ATANH: EACH(atanhf(x)); break;
	case ACI_TCS_UNARY_SOFTPLUS: EACH(softplus(x)); break;
	case ACI_TCS_UNARY_SIGN: EACH(x > 0.0f ? 1.0f : x < 0.0f ? -1.0f : x); break;
	case ACI_TCS_UNARY_SOFTSIGN: EACH(softsign(x)); break;
	case ACI_TCS_UNARY_HARD_SIGMOID: EACH(clamp_unit(alpha * x + beta)); break;
	case ACI_TCS_UNARY_HARD_SWISH: EACH(hard_swish(x)); break;
	case ACI_TCS_UNARY_SELU: EACH(beta * (x < 0.0f ? alpha * expm1f(x) : x)); break;
	case ACI_TCS_UNARY_CELU: EACH(x < 0.0f ? celu(x, alpha) : x); break;
	case ACI_TCS_UNARY_THRESHOLDED_RELU:
		EACH(x > alpha ? x : x <= alpha ? 0.0f : NAN);
		break;
	case ACI_TCS_UNARY_SHRINK: EACH(shrink(x, alpha, beta)); break;
	default: EACH(x); break;
	}
	return true;
}
