// SPDX-License-Identifier: MIT
/*
 * REDUCE, ARG and CUMULATE. Sums and products of f32 are made in f64, in eight
 * parts in a fixed order, so that their rounding hardly shows in f32.
 */
#include <math.h>

#include "tcs_reduce.h"
#include "tcs_rows.h"

#define TILE_ELEMENTS	(16ull << 10)
#define LANES		8

void tcs_reduce_plan(struct tcs_op *op)
{
	tcs_rows_plan(op, TILE_ELEMENTS);
}

/* @term: of x, which is added or multiplied into the eight parts that begin with @first */
#define FOLD_F64(first, operator, term)					\
	do {								\
		double part[LANES];					\
		uint64_t i = 0;						\
									\
		for (unsigned int j = 0; j < LANES; j++)		\
			part[j] = (first);				\
		for (; i + LANES <= n; i += LANES)			\
			for (unsigned int j = 0; j < LANES; j++) {	\
				const double x = src[i + j];		\
									\
				part[j] operator (term);		\
			}						\
		for (; i < n; i++) {					\
			const double x = src[i];			\
									\
			part[i % LANES] operator (term);		\
		}							\
		for (unsigned int j = 1; j < LANES; j++)		\
			part[0] operator part[j];			\
		return part[0];						\
	} while (0)

double tcs_sum_f32(const float *src, uint64_t n)
{
	FOLD_F64(0.0, +=, x);
}

static double sum_magnitudes(const float *src, uint64_t n)
{
	FOLD_F64(0.0, +=, fabs(x));
}

double tcs_sum_squares_f32(const float *src, uint64_t n)
{
	FOLD_F64(0.0, +=, x * x);
}

/*
 * Of a million f32 the product may leave the range of any type on the way. So
 * many of them do not leave that of long double: then its exponent is put aside.
 */
#define FACTORS		64

static double product(const float *src, uint64_t n)
{
	long double all = 1.0L;
	int64_t exponent = 0;

	for (uint64_t at = 0; at < n; at += FACTORS) {
		const uint64_t end = n - at < FACTORS ? n : at + FACTORS;
		int e = 0;

		for (uint64_t i = at; i < end; i++)
			all *= src[i];
		all = frexpl(all, &e);
		exponent += e;
		/* 0, infinities and NaN have no exponent: nothing but a NaN changes them any more */
		if (all == 0 || !isfinite(all))
			exponent = 0;
	}
	exponent = exponent > 4096 ? 4096 : exponent < -4096 ? -4096 : exponent;
	return (double)ldexpl(all, (int)exponent);
}

static float extreme_f32(const float *src, uint64_t n, bool least)
{
	float best = src[0];

	for (uint64_t i = 1; i < n; i++) {
		const float x = src[i];
		/* a NaN wins and stays */
		const bool take = (least ? x < best : x > best) | (x != x);

		best = take ? x : best;
	}
	return best;
}

static float reduce_f32(uint32_t function, const float *src, uint64_t n)
{
	switch (function) {
	case ACI_TCS_REDUCTION_SUM:
		return (float)tcs_sum_f32(src, n);
	case ACI_TCS_REDUCTION_MEAN:
		return (float)(tcs_sum_f32(src, n) / (double)n);
	case ACI_TCS_REDUCTION_MAX:
		return extreme_f32(src, n, false);
	case ACI_TCS_REDUCTION_MIN:
		return extreme_f32(src, n, true);
	case ACI_TCS_REDUCTION_PROD:
		return (float)product(src, n);
	case ACI_TCS_REDUCTION_L1:
		return (float)sum_magnitudes(src, n);
	case ACI_TCS_REDUCTION_L2:
		return (float)sqrt(tcs_sum_squares_f32(src, n));
	default:
		return (float)tcs_sum_squares_f32(src, n);
	}
}

/* --- integers and truth values: by way of i64, which holds them all --- */

static int64_t load_integer(uint8_t type, const void *src, uint64_t i)
{
	switch (type) {
	case ACI_TCS_TYPE_I8: return ((const int8_t *)src)[i];
	case ACI_TCS_TYPE_U8: return ((const uint8_t *)src)[i];
	case ACI_TCS_TYPE_I32: return ((const int32_t *)src)[i];
	case ACI_TCS_TYPE_I64: return ((const int64_t *)src)[i];
	default: return ((const uint8_t *)src)[i] != 0;
	}
}

static void store_integer(uint8_t type, void *dst, uint64_t i, int64_t x)
{
	switch (type) {
	case ACI_TCS_TYPE_I32: ((int32_t *)dst)[i] = (int32_t)x; break;
	case ACI_TCS_TYPE_I64: ((int64_t *)dst)[i] = x; break;
	default: ((uint8_t *)dst)[i] = (uint8_t)x; break;
	}
}

static int64_t combine_integer(uint32_t function, int64_t a, int64_t x)
{
	switch (function) {
	case ACI_TCS_REDUCTION_MAX:
		return x > a ? x : a;
	case ACI_TCS_REDUCTION_MIN:
		return x < a ? x : a;
	case ACI_TCS_REDUCTION_PROD:
		return (int64_t)((uint64_t)a * (uint64_t)x);
	default:
		return (int64_t)((uint64_t)a + (uint64_t)x);
	}
}

static int64_t reduce_integer(uint32_t function, uint8_t type, const void *src, uint64_t first,
			      uint64_t n)
{
	int64_t all = load_integer(type, src, first);

	for (uint64_t i = 1; i < n; i++)
		all = combine_integer(function, all, load_integer(type, src, first + i));
	return all;
}

static void reduce_rows(const struct tcs_op *op, const void *src, void *dst, uint64_t rows,
			uint64_t n)
{
	const uint8_t type = op->out->type;

	for (uint64_t row = 0; row < rows; row++) {
		if (type == ACI_TCS_TYPE_F32)
			((float *)dst)[row] = reduce_f32(op->function,
							 (const float *)src + row * n, n);
		else
			store_integer(type, dst, row,
				      reduce_integer(op->function, type, src, row * n, n));
	}
}

/* --- ARG --- */

/* A NaN is the greatest and the least; the first one, or the last. */
static uint64_t arg_f32(const float *src, uint64_t n, bool least, bool last)
{
	uint64_t at = 0;

	for (uint64_t i = 1; i < n; i++) {
		const float x = src[i], best = src[at];
		const bool better = best == best && ((least ? x < best : x > best) || x != x);
		const bool equal = x == best || (x != x && best != best);

		if (better || (last && equal))
			at = i;
	}
	return at;
}

static uint64_t arg_integer(uint8_t type, const void *src, uint64_t first, uint64_t n, bool least,
			    bool last)
{
	int64_t best = load_integer(type, src, first);
	uint64_t at = 0;

	for (uint64_t i = 1; i < n; i++) {
		const int64_t x = load_integer(type, src, first + i);

		if ((least ? x < best : x > best) || (last && x == best)) {
			best = x;
			at = i;
		}
	}
	return at;
}

static void arg_rows(const struct tcs_op *op, const void *src, int64_t *dst, uint64_t rows,
		     uint64_t n)
{
	const bool least = op->function == ACI_TCS_ARG_MIN;
	const bool last = op->flags & ACI_TCS_OP_F_LAST;
	const uint8_t type = op->in[0]->type;

	for (uint64_t row = 0; row < rows; row++)
		dst[row] = (int64_t)(type == ACI_TCS_TYPE_F32 ?
				     arg_f32((const float *)src + row * n, n, least, last) :
				     arg_integer(type, src, row * n, n, least, last));
}

/* --- CUMULATE --- */

static void cumulate_f32(const float *src, float *dst, uint64_t n, bool exclusive)
{
	double sum = 0;

	for (uint64_t i = 0; i < n; i++) {
		const double before = sum;

		sum += src[i];
		dst[i] = (float)(exclusive ? before : sum);
	}
}

static void cumulate_integer(uint8_t type, const void *src, void *dst, uint64_t first, uint64_t n,
			     bool exclusive)
{
	uint64_t sum = 0;

	for (uint64_t i = first; i < first + n; i++) {
		const uint64_t before = sum;

		sum += (uint64_t)load_integer(type, src, i);
		store_integer(type, dst, i, (int64_t)(exclusive ? before : sum));
	}
}

static void cumulate_rows(const struct tcs_op *op, const void *src, void *dst, uint64_t rows,
			  uint64_t n)
{
	const bool exclusive = op->flags & ACI_TCS_OP_F_EXCLUSIVE;

	for (uint64_t row = 0; row < rows; row++) {
		if (op->out->type == ACI_TCS_TYPE_F32)
			cumulate_f32((const float *)src + row * n, (float *)dst + row * n, n,
				     exclusive);
		else
			cumulate_integer(op->out->type, src, dst, row * n, n, exclusive);
	}
}

unsigned int tcs_reduce_tile(struct tcs_state *st, const struct tcs_op *op, uint64_t tile)
{
	const uint64_t n = tcs_rows_length(op);
	struct tcs_map maps[2] = { 0 };
	struct tcs_box in, out;
	unsigned int status;
	uint64_t rows;

	tcs_rows_slice(op, op->in[0], tile, &in);
	tcs_rows_slice(op, op->out, tile, &out);
	rows = tcs_box_elements(&in) / n;
	status = tcs_map_in(st, &in, TCS_SCRATCH_IN0, &maps[0]);
	if (status == ACI_STATUS_SUCCESS)
		status = tcs_map_out(st, &out, TCS_SCRATCH_OUT, &maps[1]);
	if (status == ACI_STATUS_SUCCESS) {
		if (op->opcode == ACI_TCS_OP_REDUCE)
			reduce_rows(op, maps[0].ptr, maps[1].ptr, rows, n);
		else if (op->opcode == ACI_TCS_OP_ARG)
			arg_rows(op, maps[0].ptr, maps[1].ptr, rows, n);
		else
			cumulate_rows(op, maps[0].ptr, maps[1].ptr, rows, n);
	}
	return tcs_unmap_all(st, maps, 2, status);
}
