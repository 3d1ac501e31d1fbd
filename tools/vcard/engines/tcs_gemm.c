// SPDX-License-Identifier: MIT
/* Matrix products by oneDNN's BLAS-like calls, which need no primitive per shape. */
#include <stdlib.h>
#include <string.h>

#include <oneapi/dnnl/dnnl.h>

#include "tcs_gemm.h"
#include "tcs_math.h"

/*
 * Products of two i8 are at most 2^14, so sums of 2^10 of them are exact in
 * f32 whatever the order.
 */
#define EXACT_K		1024

bool tcs_gemm_f32(uint64_t m, uint64_t n, uint64_t k, const struct tcs_matrix *a,
		  const struct tcs_matrix *b, float *c)
{
	return dnnl_sgemm(a->transposed ? 'T' : 'N', b->transposed ? 'T' : 'N', (dnnl_dim_t)m,
			  (dnnl_dim_t)n, (dnnl_dim_t)k, 1.0f, a->ptr, a->ld, b->ptr, b->ld,
			  0.0f, c, (dnnl_dim_t)n) == dnnl_success;
}

/* oneDNN's i8 product is exact only where the processor has VNNI; before, 16-bit sums saturate. */
static bool have_vnni(void)
{
	const dnnl_cpu_isa_t isa = dnnl_get_effective_cpu_isa();

	return (isa & dnnl_cpu_isa_avx2_vnni) == dnnl_cpu_isa_avx2_vnni ||
	       (isa & dnnl_cpu_isa_avx512_core_vnni) == dnnl_cpu_isa_avx512_core_vnni;
}

bool tcs_gemm_i8(uint64_t m, uint64_t n, uint64_t k, const struct tcs_matrix *a,
		 const struct tcs_matrix *b, int32_t *c)
{
	const int32_t zero = 0;

	if (!have_vnni())
		return tcs_gemm_i8_portable(m, n, k, a, b, c);
	return dnnl_gemm_s8s8s32(a->transposed ? 'T' : 'N', b->transposed ? 'T' : 'N', 'F',
				 (dnnl_dim_t)m, (dnnl_dim_t)n, (dnnl_dim_t)k, 1.0f,
				 a->ptr, a->ld, 0, b->ptr, b->ld, 0, 0.0f, c,
				 (dnnl_dim_t)n, &zero) == dnnl_success;
}

/* Rows x cols from i8 to dense f32, not transposed. */
static void widen(float *dst, const struct tcs_matrix *src, uint64_t rows, uint64_t cols,
		  uint64_t first_row, uint64_t first_col)
{
	const int8_t *from = src->ptr;
	const int64_t row = src->transposed ? 1 : src->ld, col = src->transposed ? src->ld : 1;

	from += (int64_t)first_row * row + (int64_t)first_col * col;
	for (uint64_t i = 0; i < rows; i++)
		for (uint64_t j = 0; j < cols; j++)
			dst[i * cols + j] = from[(int64_t)i * row + (int64_t)j * col];
}

bool tcs_gemm_i8_portable(uint64_t m, uint64_t n, uint64_t k, const struct tcs_matrix *a,
			  const struct tcs_matrix *b, int32_t *c)
{
	const uint64_t block = tcs_min(k, EXACT_K);
	float *wide = malloc((m * block + block * n + m * n) * sizeof(*wide));
	float *wide_b, *wide_c;
	bool done = wide;

	if (!wide)
		return false;
	wide_b = wide + m * block;
	wide_c = wide_b + block * n;
	memset(c, 0, m * n * sizeof(*c));
	for (uint64_t at = 0; at < k && done; at += block) {
		const uint64_t part = tcs_min(block, k - at);

		widen(wide, a, m, part, 0, at);
		widen(wide_b, b, part, n, at, 0);
		done = dnnl_sgemm('N', 'N', (dnnl_dim_t)m, (dnnl_dim_t)n, (dnnl_dim_t)part, 1.0f,
				  wide, (dnnl_dim_t)part, wide_b, (dnnl_dim_t)n, 0.0f, wide_c,
				  (dnnl_dim_t)n) == dnnl_success;
		for (uint64_t i = 0; i < m * n && done; i++)
			c[i] = (int32_t)((uint32_t)c[i] + (uint32_t)(int32_t)wide_c[i]);
	}
	free(wide);
	return done;
}

void tcs_finish_f32(float *c, uint64_t m, uint64_t n, const struct tcs_bias *bias, bool relu)
{
	const float *add = bias->ptr;

	for (uint64_t i = 0; i < m; i++, c += n) {
		for (uint64_t j = 0; j < n && add; j++)
			c[j] += add[i * bias->row + j * bias->col];
		for (uint64_t j = 0; j < n && relu; j++)
			c[j] = c[j] < 0.0f ? 0.0f : c[j];
	}
}

void tcs_finish_i32(int32_t *c, uint64_t m, uint64_t n, const struct tcs_bias *bias, bool relu)
{
	const int32_t *add = bias->ptr;

	for (uint64_t i = 0; i < m; i++, c += n) {
		for (uint64_t j = 0; j < n && add; j++)
			c[j] = (int32_t)((uint32_t)c[j] +
					 (uint32_t)add[i * bias->row + j * bias->col]);
		for (uint64_t j = 0; j < n && relu; j++)
			c[j] = c[j] < 0 ? 0 : c[j];
	}
}

unsigned int tcs_product(const struct tcs_op *op, uint64_t m, uint64_t n, uint64_t k,
			 const struct tcs_matrix *a, const struct tcs_matrix *b, void *c,
			 const struct tcs_bias *bias)
{
	const bool relu = op->function == ACI_TCS_UNARY_RELU;
	bool done;

	if (!tcs_math_thread_init())
		return ACI_STATUS_ENGINE_FAULT;
	if (op->combo == ACI_TCS_COMBO_F32) {
		done = tcs_gemm_f32(m, n, k, a, b, c);
		if (done)
			tcs_finish_f32(c, m, n, bias, relu);
	} else {
		done = tcs_gemm_i8(m, n, k, a, b, c);
		if (done)
			tcs_finish_i32(c, m, n, bias, relu);
	}
	return done ? ACI_STATUS_SUCCESS : ACI_STATUS_ENGINE_FAULT;
}
