// SPDX-License-Identifier: MIT
/*
 * Element-wise operations on integers and truth values, COMPARE and SELECT.
 * Integers wrap: arithmetic is done unsigned in 64 bits. The operands of an
 * element are read before its result is written; arrays are equal or apart.
 */
#include <stdbool.h>
#include <string.h>

#include <aci/aci_tcs.h>

#include "tcs_math.h"

#define EACH(expression)				\
	do {						\
		_Pragma("GCC ivdep")			\
		for (uint64_t i = 0; i < n; i++) {	\
			const __auto_type x = a[i];	\
							\
			to[i] = (expression);		\
		}					\
	} while (0)

#define EACH2(expression)				\
	do {						\
		_Pragma("GCC ivdep")			\
		for (uint64_t i = 0; i < n; i++) {	\
			const __auto_type x = a[i];	\
			const __auto_type y = b[i];	\
							\
			to[i] = (expression);		\
		}					\
	} while (0)

/* For any type, also one that has no negative numbers. */
static inline bool is_negative(int64_t x)
{
	return x < 0;
}

/*
 * All of one type. The lowest number by -1 is the one quotient that does not
 * fit: it wraps, and what remains is 0.
 */
#define INTEGER(name, type)								\
static inline type divide_##name(type x, type y)					\
{											\
	if (y == 0)									\
		return 0;								\
	return (type)-1 < 0 && y == (type)-1 ? (type)(0 - (uint64_t)x) : (type)(x / y);	\
}											\
											\
static inline type remainder_##name(type x, type y)					\
{											\
	return y == 0 || ((type)-1 < 0 && y == (type)-1) ? 0 : (type)(x % y);		\
}											\
											\
static inline type modulo_##name(type x, type y)					\
{											\
	const type r = remainder_##name(x, y);						\
											\
	return r != 0 && is_negative(r) != is_negative(y) ? (type)((uint64_t)r + (uint64_t)y) : r;	\
}											\
											\
static inline bool shifts_##name(type y)						\
{											\
	return !is_negative(y) && (uint64_t)y < 8 * sizeof(type);				\
}											\
											\
static void unary_##name(uint32_t function, type *to, const type *a, uint64_t n)	\
{											\
	switch (function) {								\
	case ACI_TCS_UNARY_RELU: EACH(is_negative(x) ? 0 : x); break;				\
	case ACI_TCS_UNARY_ABS: EACH(is_negative(x) ? (type)(0 - (uint64_t)x) : x); break;	\
	case ACI_TCS_UNARY_NEG: EACH((type)(0 - (uint64_t)x)); break;			\
	case ACI_TCS_UNARY_SIGN: EACH((type)((x > 0) - is_negative(x))); break;		\
	default: EACH(x); break;							\
	}										\
}											\
											\
static void binary_##name(uint32_t function, type *to, const type *a, const type *b, uint64_t n)	\
{											\
	switch (function) {								\
	case ACI_TCS_BINARY_ADD: EACH2((type)((uint64_t)x + (uint64_t)y)); break;	\
	case ACI_TCS_BINARY_SUB: EACH2((type)((uint64_t)x - (uint64_t)y)); break;	\
	case ACI_TCS_BINARY_MUL: EACH2((type)((uint64_t)x * (uint64_t)y)); break;	\
	case ACI_TCS_BINARY_DIV: EACH2(divide_##name(x, y)); break;			\
	case ACI_TCS_BINARY_MIN: EACH2(x < y ? x : y); break;				\
	case ACI_TCS_BINARY_MAX: EACH2(x > y ? x : y); break;				\
	case ACI_TCS_BINARY_MOD: EACH2(modulo_##name(x, y)); break;			\
	case ACI_TCS_BINARY_REMAINDER: EACH2(remainder_##name(x, y)); break;		\
	case ACI_TCS_BINARY_AND: EACH2((type)(x & y)); break;				\
	case ACI_TCS_BINARY_OR: EACH2((type)(x | y)); break;				\
	case ACI_TCS_BINARY_XOR: EACH2((type)(x ^ y)); break;				\
	case ACI_TCS_BINARY_SHIFT_LEFT:							\
		EACH2(shifts_##name(y) ? (type)((uint64_t)x << y) : 0);			\
		break;									\
	default:									\
		EACH2(shifts_##name(y) ? (type)(x >> y) : (type)(0 - is_negative(x)));	\
		break;									\
	}										\
}											\
											\
COMPARE(name, type, x, y)

/* @left, @right: x and y, made comparable */
#define COMPARE(name, type, left, right)						\
static void compare_##name(uint32_t function, uint8_t *to, const type *a, const type *b,	\
			   uint64_t n)							\
{											\
	switch (function) {								\
	case ACI_TCS_COMPARE_EQ: EACH2((left) == (right)); break;			\
	case ACI_TCS_COMPARE_NE: EACH2((left) != (right)); break;			\
	case ACI_TCS_COMPARE_LT: EACH2((left) < (right)); break;			\
	case ACI_TCS_COMPARE_LE: EACH2((left) <= (right)); break;			\
	case ACI_TCS_COMPARE_GT: EACH2((left) > (right)); break;			\
	default: EACH2((left) >= (right)); break;					\
	}										\
}

INTEGER(i8, int8_t)
INTEGER(u8, uint8_t)
INTEGER(i32, int32_t)
INTEGER(i64, int64_t)
COMPARE(f32, float, x, y)
COMPARE(bool, uint8_t, x != 0, y != 0)

static void binary_bool(uint32_t function, uint8_t *to, const uint8_t *a, const uint8_t *b,
			uint64_t n)
{
	switch (function) {
	case ACI_TCS_BINARY_AND: EACH2((x != 0) & (y != 0)); break;
	case ACI_TCS_BINARY_OR: EACH2((x != 0) | (y != 0)); break;
	default: EACH2((x != 0) ^ (y != 0)); break;
	}
}

void tcs_unary_integer(uint8_t type, uint32_t function, void *dst, const void *a, uint64_t n)
{
	switch (type) {
	case ACI_TCS_TYPE_I8: unary_i8(function, dst, a, n); break;
	case ACI_TCS_TYPE_U8: unary_u8(function, dst, a, n); break;
	case ACI_TCS_TYPE_I32: unary_i32(function, dst, a, n); break;
	default: unary_i64(function, dst, a, n); break;
	}
}

void tcs_binary_integer(uint8_t type, uint32_t function, void *dst, const void *a, const void *b,
			uint64_t n)
{
	switch (type) {
	case ACI_TCS_TYPE_I8: binary_i8(function, dst, a, b, n); break;
	case ACI_TCS_TYPE_U8: binary_u8(function, dst, a, b, n); break;
	case ACI_TCS_TYPE_I32: binary_i32(function, dst, a, b, n); break;
	case ACI_TCS_TYPE_I64: binary_i64(function, dst, a, b, n); break;
	default: binary_bool(function, dst, a, b, n); break;
	}
}

void tcs_compare(uint8_t type, uint32_t function, uint8_t *dst, const void *a, const void *b,
		 uint64_t n)
{
	switch (type) {
	case ACI_TCS_TYPE_F32: compare_f32(function, dst, a, b, n); break;
	case ACI_TCS_TYPE_I8: compare_i8(function, dst, a, b, n); break;
	case ACI_TCS_TYPE_U8: compare_u8(function, dst, a, b, n); break;
	case ACI_TCS_TYPE_I32: compare_i32(function, dst, a, b, n); break;
	case ACI_TCS_TYPE_I64: compare_i64(function, dst, a, b, n); break;
	default: compare_bool(function, dst, a, b, n); break;
	}
}

#define SELECT(type)							\
	do {								\
		const type *x = a, *y = b;				\
		type *to = dst;						\
									\
		_Pragma("GCC ivdep")					\
		for (uint64_t i = 0; i < n; i++)			\
			to[i] = mask[i] ? x[i] : y[i];			\
	} while (0)

void tcs_select(unsigned int element_bytes, void *dst, const uint8_t *mask, const void *a,
		const void *b, uint64_t n)
{
	switch (element_bytes) {
	case 1: SELECT(uint8_t); break;
	case 2: SELECT(uint16_t); break;
	case 4: SELECT(uint32_t); break;
	default: SELECT(uint64_t); break;
	}
}
