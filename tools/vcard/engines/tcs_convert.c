// SPDX-License-Identifier: MIT
/*
 * Type conversion. To an integer: f32 goes towards zero, saturates, NaN is 0;
 * a wider integer keeps its low bits. To bool: not zero is 1. To f32: nearest,
 * ties to even. f16 and bf16 go by way of f32, block by block.
 */
#include <stdbool.h>
#include <string.h>

#include <aci/aci_tcs.h>

#include "tcs.h"
#include "tcs_math.h"

typedef uint8_t flag;	/* a bool in memory: any byte may be there */

/* The bounds are exact in f32: everything from @end on saturates. */
#define F32_TO_INT(name, type, low, high, begin, end)			\
static inline type f32_to_##name(float x)				\
{									\
	return x != x ? 0 : x < (begin) ? (low) : x >= (end) ? (high) : (type)x;	\
}

F32_TO_INT(i8, int8_t, INT8_MIN, INT8_MAX, -128.0f, 128.0f)
F32_TO_INT(u8, uint8_t, 0, UINT8_MAX, 0.0f, 256.0f)
F32_TO_INT(i32, int32_t, INT32_MIN, INT32_MAX, -0x1p31f, 0x1p31f)
F32_TO_INT(i64, int64_t, INT64_MIN, INT64_MAX, -0x1p63f, 0x1p63f)

static inline flag f32_to_bool(float x)
{
	return x != 0.0f;
}

static inline float f32_to_f32(float x)
{
	return x;
}

static inline float i64_to_f32(int64_t x) { return (float)x; }
static inline int8_t i64_to_i8(int64_t x) { return (int8_t)x; }
static inline uint8_t i64_to_u8(int64_t x) { return (uint8_t)x; }
static inline int32_t i64_to_i32(int64_t x) { return (int32_t)x; }
static inline int64_t i64_to_i64(int64_t x) { return x; }
static inline flag i64_to_bool(int64_t x) { return x != 0; }

static inline int64_t widen_bool(flag x) { return x != 0; }
static inline int64_t widen_int(int64_t x) { return x; }
static inline float keep_f32(float x) { return x; }

#define LOOP(dst_type, src_type, step, widen)					\
	for (uint64_t i = 0; i < n; i++)					\
		((dst_type *)dst)[i] = step(widen(((const src_type *)src)[i]))

#define CONVERT_FROM(name, src_type, via, widen)				\
static void convert_from_##name(uint8_t dst_type, void *dst, const void *src, uint64_t n)	\
{										\
	switch (dst_type) {							\
	case ACI_TCS_TYPE_F32: LOOP(float, src_type, via##_to_f32, widen); break;	\
	case ACI_TCS_TYPE_I8: LOOP(int8_t, src_type, via##_to_i8, widen); break;	\
	case ACI_TCS_TYPE_U8: LOOP(uint8_t, src_type, via##_to_u8, widen); break;	\
	case ACI_TCS_TYPE_I32: LOOP(int32_t, src_type, via##_to_i32, widen); break;	\
	case ACI_TCS_TYPE_I64: LOOP(int64_t, src_type, via##_to_i64, widen); break;	\
	default: LOOP(flag, src_type, via##_to_bool, widen); break;		\
	}									\
}

CONVERT_FROM(f32, float, f32, keep_f32)
CONVERT_FROM(i8, int8_t, i64, widen_int)
CONVERT_FROM(u8, uint8_t, i64, widen_int)
CONVERT_FROM(i32, int32_t, i64, widen_int)
CONVERT_FROM(i64, int64_t, i64, widen_int)
CONVERT_FROM(bool, flag, i64, widen_bool)

static void convert_plain(uint8_t dst_type, void *dst, uint8_t src_type, const void *src, uint64_t n)
{
	switch (src_type) {
	case ACI_TCS_TYPE_F32: convert_from_f32(dst_type, dst, src, n); break;
	case ACI_TCS_TYPE_I8: convert_from_i8(dst_type, dst, src, n); break;
	case ACI_TCS_TYPE_U8: convert_from_u8(dst_type, dst, src, n); break;
	case ACI_TCS_TYPE_I32: convert_from_i32(dst_type, dst, src, n); break;
	case ACI_TCS_TYPE_I64: convert_from_i64(dst_type, dst, src, n); break;
	default: convert_from_bool(dst_type, dst, src, n); break;
	}
}

/* --- half precision --- */

#define BLOCK	1024	/* elements that are f32 at a time */

static inline float bf16_to_f32(uint16_t bits)
{
	const uint32_t wide = (uint32_t)bits << 16;
	float x;

	memcpy(&x, &wide, sizeof(x));
	return x;
}

static inline uint16_t f32_to_bf16(float x)
{
	uint32_t bits;

	memcpy(&bits, &x, sizeof(bits));
	/* a NaN must not round to an infinity */
	if (x != x)
		return (uint16_t)(bits >> 16 | 0x40);
	return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

static bool is_half(uint8_t type)
{
	return type == ACI_TCS_TYPE_F16 || type == ACI_TCS_TYPE_BF16;
}

static void widen_half(uint8_t type, float *dst, const void *src, uint64_t n)
{
	for (uint64_t i = 0; i < n; i++)
		dst[i] = type == ACI_TCS_TYPE_F16 ? (float)((const _Float16 *)src)[i] :
						    bf16_to_f32(((const uint16_t *)src)[i]);
}

static void narrow_half(uint8_t type, void *dst, const float *src, uint64_t n)
{
	for (uint64_t i = 0; i < n; i++) {
		if (type == ACI_TCS_TYPE_F16)
			((_Float16 *)dst)[i] = (_Float16)src[i];
		else
			((uint16_t *)dst)[i] = f32_to_bf16(src[i]);
	}
}

static void convert_half(uint8_t dst_type, uint8_t *dst, uint8_t src_type, const uint8_t *src,
			 uint64_t n)
{
	float wide[BLOCK];

	for (uint64_t at = 0; at < n; at += BLOCK) {
		const uint64_t part = tcs_min(n - at, BLOCK);
		const void *from = src + at * tcs_type_bytes(src_type);
		void *to = dst + at * tcs_type_bytes(dst_type);

		if (is_half(src_type))
			widen_half(src_type, wide, from, part);
		else if (src_type == ACI_TCS_TYPE_F32)
			memcpy(wide, from, part * sizeof(wide[0]));
		else
			convert_plain(ACI_TCS_TYPE_F32, wide, src_type, from, part);
		if (is_half(dst_type))
			narrow_half(dst_type, to, wide, part);
		else if (dst_type == ACI_TCS_TYPE_F32)
			memcpy(to, wide, part * sizeof(wide[0]));
		else
			convert_plain(dst_type, to, ACI_TCS_TYPE_F32, wide, part);
	}
}

void tcs_convert(uint8_t dst_type, void *dst, uint8_t src_type, const void *src, uint64_t n)
{
	/* An equal type is copied bit for bit, NaN payloads too. */
	if (dst_type == src_type)
		memmove(dst, src, n * tcs_type_bytes(src_type));
	else if (is_half(dst_type) || is_half(src_type))
		convert_half(dst_type, dst, src_type, src, n);
	else
		convert_plain(dst_type, dst, src_type, src, n);
}
