// SPDX-License-Identifier: MIT
/* SOFTMAX: exp(x - max) / sum along one axis, which is made the last one; or its logarithm. */
#include <math.h>

#include "tcs_math.h"
#include "tcs_reduce.h"
#include "tcs_rows.h"

#define TILE_ELEMENTS	(16ull << 10)

void tcs_softmax_plan(struct tcs_op *op)
{
	tcs_rows_plan(op, TILE_ELEMENTS);
}

/* dst = src - max of the row. A row with a NaN, or nothing but -inf, becomes NaN in the end. */
static void subtract_max(float *dst, const float *src, uint64_t rows, uint64_t n)
{
	for (uint64_t row = 0; row < rows; row++, dst += n, src += n) {
		float max = src[0];

		for (uint64_t i = 1; i < n; i++)
			max = src[i] > max ? src[i] : max;
		for (uint64_t i = 0; i < n; i++)
			dst[i] = src[i] - max;
	}
}

static void normalise(float *dst, const float *src, uint64_t rows, uint64_t n)
{
	for (uint64_t row = 0; row < rows; row++, dst += n, src += n) {
		const float sum = (float)tcs_sum_f32(src, n);

		for (uint64_t i = 0; i < n; i++)
			dst[i] = src[i] / sum;
	}
}

/* @exps: exp(@dst), both of differences to the greatest of the row */
static void subtract_log(float *dst, const float *exps, uint64_t rows, uint64_t n)
{
	for (uint64_t row = 0; row < rows; row++, dst += n, exps += n) {
		const double log_sum = log(tcs_sum_f32(exps, n));

		for (uint64_t i = 0; i < n; i++)
			dst[i] = (float)(dst[i] - log_sum);
	}
}

static bool compute(const struct tcs_op *op, float *dst, const float *src, float *work,
		    uint64_t elements, uint64_t n)
{
	const bool logarithm = op->function == ACI_TCS_SOFTMAX_LOG;
	float *differences = logarithm ? dst : work;

	subtract_max(differences, src, elements / n, n);
	if (!tcs_unary_f32(ACI_TCS_UNARY_EXP, 0, 0, work, differences, elements))
		return false;
	if (logarithm)
		subtract_log(dst, work, elements / n, n);
	else
		normalise(dst, work, elements / n, n);
	return true;
}

unsigned int tcs_softmax_tile(struct tcs_state *st, const struct tcs_op *op, uint64_t tile)
{
	const uint64_t n = op->out->shape[op->axis];
	struct tcs_map maps[2] = { 0 };
	struct tcs_box in, out;
	unsigned int status;
	uint64_t elements;
	float *work;

	tcs_rows_slice(op, op->in[0], tile, &in);
	tcs_rows_slice(op, op->out, tile, &out);
	elements = tcs_box_elements(&out);

	work = tcs_scratch(st, TCS_SCRATCH_WORK, elements * sizeof(*work));
	if (!work)
		return ACI_STATUS_ENGINE_FAULT;
	status = tcs_map_in(st, &in, TCS_SCRATCH_IN0, &maps[0]);
	if (status == ACI_STATUS_SUCCESS)
		status = tcs_map_out(st, &out, TCS_SCRATCH_OUT, &maps[1]);
	if (status == ACI_STATUS_SUCCESS &&
	    !compute(op, maps[1].ptr, maps[0].ptr, work, elements, n))
		status = ACI_STATUS_ENGINE_FAULT;
	return tcs_unmap_all(st, maps, 2, status);
}
