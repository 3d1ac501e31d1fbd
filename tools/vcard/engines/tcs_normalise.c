// SPDX-License-Identifier: MIT
/*
 * NORMALISE: rows are made to have a mean of 0 and a variance of 1, or a mean
 * square of 1. Mean and variance are found in f64, the variance from the
 * differences to the mean, so that a large mean costs no precision.
 */
#include <math.h>

#include "tcs_reduce.h"
#include "tcs_rows.h"

#define TILE_ELEMENTS	(16ull << 10)

void tcs_normalise_plan(struct tcs_op *op)
{
	tcs_rows_plan(op, TILE_ELEMENTS);
}

static double mean_square_difference(const float *src, uint64_t n, double mean)
{
	double part[4] = { 0 };

	for (uint64_t i = 0; i < n; i++)
		part[i % 4] += (src[i] - mean) * (src[i] - mean);
	return ((part[0] + part[1]) + (part[2] + part[3])) / (double)n;
}

static void normalise_row(const struct tcs_op *op, float *dst, const float *src, uint64_t n)
{
	const bool centre = op->function == ACI_TCS_NORMALISE_MEAN_VARIANCE;
	const double mean = centre ? tcs_sum_f32(src, n) / (double)n : 0;
	const double square = centre ? mean_square_difference(src, n, mean) :
				       tcs_sum_squares_f32(src, n) / (double)n;
	const double factor = 1 / sqrt(square + op->alpha);

	for (uint64_t i = 0; i < n; i++)
		dst[i] = (float)((src[i] - mean) * factor);
}

/* Scale or bias of a tile, repeated where it is broadcast. Absent: *@map stays as it is. */
static unsigned int map_operand(struct tcs_state *st, const struct tcs_op *op,
				const struct tcs_tensor *t, uint64_t tile, enum tcs_scratch which,
				struct tcs_map *map)
{
	struct tcs_tensor wide = *op->out;
	struct tcs_box box;

	if (!t)
		return ACI_STATUS_SUCCESS;
	wide.va = t->va;
	tcs_broadcast(t, wide.rank, wide.shape, wide.stride);
	tcs_rows_slice(op, &wide, tile, &box);
	return tcs_map_in(st, &box, which, map);
}

static void apply(float *dst, const float *scale, const float *bias, uint64_t n)
{
	for (uint64_t i = 0; i < n && scale; i++)
		dst[i] *= scale[i];
	for (uint64_t i = 0; i < n && bias; i++)
		dst[i] += bias[i];
}

unsigned int tcs_normalise_tile(struct tcs_state *st, const struct tcs_op *op, uint64_t tile)
{
	const uint64_t n = tcs_rows_length(op);
	struct tcs_map maps[4] = { 0 };
	struct tcs_box in, out;
	unsigned int status;
	uint64_t elements;

	tcs_rows_slice(op, op->in[0], tile, &in);
	tcs_rows_slice(op, op->out, tile, &out);
	elements = tcs_box_elements(&out);
	status = tcs_map_in(st, &in, TCS_SCRATCH_IN0, &maps[0]);
	if (status == ACI_STATUS_SUCCESS)
		status = map_operand(st, op, op->in[1], tile, TCS_SCRATCH_IN1, &maps[1]);
	if (status == ACI_STATUS_SUCCESS)
		status = map_operand(st, op, op->in[2], tile, TCS_SCRATCH_IN2, &maps[2]);
	if (status == ACI_STATUS_SUCCESS)
		status = tcs_map_out(st, &out, TCS_SCRATCH_OUT, &maps[3]);
	if (status == ACI_STATUS_SUCCESS) {
		for (uint64_t at = 0; at < elements; at += n)
			normalise_row(op, (float *)maps[3].ptr + at,
				      (const float *)maps[0].ptr + at, n);
		apply(maps[3].ptr, maps[1].ptr, maps[2].ptr, elements);
	}
	return tcs_unmap_all(st, maps, 4, status);
}
