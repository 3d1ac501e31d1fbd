// SPDX-License-Identifier: MIT
/* QUANTISE and DEQUANTISE: loops over elements in local memory. */
#include <math.h>

#include "tcs.h"

/* The quotient as a whole number that an int64 holds, far outside of all quantised types. */
static int64_t quotient(float x, float scale)
{
	const float q = rintf(x / scale);

	if (q != q)
		return 0;
	return (int64_t)fminf(fmaxf(q, -0x1p40f), 0x1p40f);
}

static int64_t clamp(int64_t x, int64_t low, int64_t high)
{
	return x < low ? low : x > high ? high : x;
}

void tcs_quantise(uint8_t type, void *dst, const float *src, const float *scale, const void *zero,
		  uint64_t n)
{
	if (type == ACI_TCS_TYPE_U8) {
		for (uint64_t i = 0; i < n; i++) {
			const int64_t q = quotient(src[i], scale[i]);

			((uint8_t *)dst)[i] = (uint8_t)
				clamp(q + (zero ? ((const uint8_t *)zero)[i] : 0), 0, UINT8_MAX);
		}
		return;
	}
	for (uint64_t i = 0; i < n; i++) {
		const int64_t q = quotient(src[i], scale[i]);

		((int8_t *)dst)[i] = (int8_t)
			clamp(q + (zero ? ((const int8_t *)zero)[i] : 0), INT8_MIN, INT8_MAX);
	}
}

static int64_t element(uint8_t type, const void *data, uint64_t i)
{
	switch (type) {
	case ACI_TCS_TYPE_I8:
		return ((const int8_t *)data)[i];
	case ACI_TCS_TYPE_U8:
		return ((const uint8_t *)data)[i];
	default:
		return ((const int32_t *)data)[i];
	}
}

void tcs_dequantise(uint8_t type, float *dst, const void *src, const float *scale,
		    const void *zero, uint64_t n)
{
	for (uint64_t i = 0; i < n; i++) {
		const int64_t x = element(type, src, i) - (zero ? element(type, zero, i) : 0);

		dst[i] = (float)x * scale[i];
	}
}
