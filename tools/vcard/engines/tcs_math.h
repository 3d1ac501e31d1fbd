/* SPDX-License-Identifier: MIT */
/*
 * Element-wise loops on dense local memory. dst may equal src.
 *
 * oneDNN is used with one fixed block size only: its code generator never sees
 * a size that a guest chose. Each thread has a context of its own, which goes
 * when the thread ends. No locking.
 */
#ifndef VCARD_ENGINES_TCS_MATH_H
#define VCARD_ENGINES_TCS_MATH_H

#include <stdbool.h>
#include <stdint.h>

/** tcs_math_thread_init() - before anything of oneDNN on this thread. Return: false: no memory */
bool tcs_math_thread_init(void);

bool tcs_unary_f32(uint32_t function, float alpha, float beta, float *dst, const float *src,
		   uint64_t n);
/** tcs_function_f32() - the functions from ACI_TCS_UNARY_SIN on; for tcs_unary_f32() */
bool tcs_function_f32(uint32_t function, float alpha, float beta, float *dst, const float *src,
		      uint64_t n);
void tcs_binary_f32(uint32_t function, float *dst, const float *a, const float *b, uint64_t n);

/** tcs_unary_integer() - i8, u8, i32, i64 */
void tcs_unary_integer(uint8_t type, uint32_t function, void *dst, const void *a, uint64_t n);
void tcs_binary_integer(uint8_t type, uint32_t function, void *dst, const void *a, const void *b,
			uint64_t n);
/** tcs_compare() - @dst: 0 or 1 */
void tcs_compare(uint8_t type, uint32_t function, uint8_t *dst, const void *a, const void *b,
		 uint64_t n);
/** tcs_select() - @dst = @mask ? @a : @b, bits unchanged */
void tcs_select(unsigned int element_bytes, void *dst, const uint8_t *mask, const void *a,
		const void *b, uint64_t n);

/** tcs_convert() - between any two types that tcs_type_bytes() knows */
void tcs_convert(uint8_t dst_type, void *dst, uint8_t src_type, const void *src, uint64_t n);

#endif
