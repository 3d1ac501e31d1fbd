/* SPDX-License-Identifier: MIT */
/*
 * Matrix products in local memory: C[m,n] = A[m,k] * B[k,n], dense C.
 *
 * Single-threaded and deterministic: the order in which an element of C is
 * summed depends on shapes only. No locking; any thread.
 */
#ifndef VCARD_ENGINES_TCS_GEMM_H
#define VCARD_ENGINES_TCS_GEMM_H

#include "tcs_box.h"

/** tcs_gemm_f32() - Return: false if oneDNN failed (out of memory) */
bool tcs_gemm_f32(uint64_t m, uint64_t n, uint64_t k, const struct tcs_matrix *a,
		  const struct tcs_matrix *b, float *c);
/** tcs_gemm_i8() - exact modulo 2^32 */
bool tcs_gemm_i8(uint64_t m, uint64_t n, uint64_t k, const struct tcs_matrix *a,
		 const struct tcs_matrix *b, int32_t *c);
/** tcs_gemm_i8_portable() - the same without VNNI; for processors that lack it, and tests */
bool tcs_gemm_i8_portable(uint64_t m, uint64_t n, uint64_t k, const struct tcs_matrix *a,
			  const struct tcs_matrix *b, int32_t *c);

/** struct tcs_bias - element (i, j) is at i * row + j * col; no bias: NULL ptr */
struct tcs_bias {
	const void *ptr;
	uint64_t row, col;
};

/** tcs_finish_f32() - c = act(c + bias) on a dense m x n result */
void tcs_finish_f32(float *c, uint64_t m, uint64_t n, const struct tcs_bias *bias, bool relu);
void tcs_finish_i32(int32_t *c, uint64_t m, uint64_t n, const struct tcs_bias *bias, bool relu);

/** tcs_product() - gemm and finish for either type combination of @op */
unsigned int tcs_product(const struct tcs_op *op, uint64_t m, uint64_t n, uint64_t k,
			 const struct tcs_matrix *a, const struct tcs_matrix *b, void *c,
			 const struct tcs_bias *bias);

#endif
