// SPDX-License-Identifier: MIT
/* SOFTMAX: exp(x - max) / sum along one axis, which is made the last one. */
#include "tcs_box.h"
#include "tcs_math.h"

#define TILE_ELEMENTS	(16ull << 10)

struct view {
	uint64_t shape[ACI_TCS_RANK_MAX];
	int64_t in[ACI_TCS_RANK_MAX];
	int64_t out[ACI_TCS_RANK_MAX];
};

static void make_view(const struct tcs_op *op, struct view *view)
{
	const unsigned int rank = op->out->rank;
	unsigned int at = 0;

	for (unsigned int i = 0; i < rank; i++) {
		const unsigned int to = i == op->axis ? rank - 1 : at++;

		view->shape[to] = op->out->shape[i];
		view->in[to] = op->in[0]->stride[i];
		view->out[to] = op->out->stride[i];
	}
}

static void tile_boxes(const struct tcs_op *op, uint64_t tile, struct tcs_box *in,
		       struct tcs_box *out)
{
	const unsigned int rank = op->out->rank;
	uint64_t start[ACI_TCS_RANK_MAX], count[ACI_TCS_RANK_MAX];
	struct view view;

	make_view(op, &view);
	tcs_split_tile(&op->split, rank - 1, view.shape, tile, start, count);
	start[rank - 1] = 0;
	count[rank - 1] = view.shape[rank - 1];
	tcs_box_slice(in, op->in[0]->va, sizeof(float), rank, view.in, start, count);
	tcs_box_slice(out, op->out->va, sizeof(float), rank, view.out, start, count);
}

/* A row cannot be cut. */
void tcs_softmax_plan(struct tcs_op *op)
{
	const unsigned int rank = op->out->rank;
	uint64_t rows = tcs_max(TILE_ELEMENTS / op->out->shape[op->axis], 1);
	struct tcs_box in, out;
	struct view view;

	make_view(op, &view);
	do {
		tcs_split_plan(&op->split, rank - 1, view.shape, rows);
		tile_boxes(op, 0, &in, &out);
		rows /= 2;
	} while (rows && tcs_box_windows(&in, false) + tcs_box_windows(&out, true) >
			 TCS_TILE_WINDOWS);
	op->tiles = op->split.tiles;
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

/* Eight sums in f64 in a fixed order: the rounding of the sum does not show in f32. */
static double sum_row(const float *src, uint64_t n)
{
	double part[8] = { 0 };
	uint64_t i = 0;

	for (; i + 8 <= n; i += 8)
		for (unsigned int j = 0; j < 8; j++)
			part[j] += src[i + j];
	for (; i < n; i++)
		part[i % 8] += src[i];
	return ((part[0] + part[4]) + (part[2] + part[6])) +
	       ((part[1] + part[5]) + (part[3] + part[7]));
}

static void normalise(float *dst, const float *src, uint64_t rows, uint64_t n)
{
	for (uint64_t row = 0; row < rows; row++, dst += n, src += n) {
		const float sum = (float)sum_row(src, n);

		for (uint64_t i = 0; i < n; i++)
			dst[i] = src[i] / sum;
	}
}

unsigned int tcs_softmax_tile(struct tcs_state *st, const struct tcs_op *op, uint64_t tile)
{
	const uint64_t n = op->out->shape[op->axis];
	struct tcs_map maps[2] = { 0 };
	struct tcs_box in, out;
	unsigned int status;
	uint64_t elements;
	float *work;

	tile_boxes(op, tile, &in, &out);
	elements = tcs_box_elements(&out);

	work = tcs_scratch(st, TCS_SCRATCH_WORK, elements * sizeof(*work));
	if (!work)
		return ACI_STATUS_ENGINE_FAULT;
	status = tcs_map_in(st, &in, TCS_SCRATCH_IN0, &maps[0]);
	if (status == ACI_STATUS_SUCCESS)
		status = tcs_map_out(st, &out, TCS_SCRATCH_OUT, &maps[1]);
	if (status == ACI_STATUS_SUCCESS) {
		subtract_max(work, maps[0].ptr, elements / n, n);
		if (tcs_unary_f32(ACI_TCS_UNARY_EXP, 0, 0, work, work, elements))
			normalise(maps[1].ptr, work, elements / n, n);
		else
			status = ACI_STATUS_ENGINE_FAULT;
	}
	return tcs_unmap_all(st, maps, 2, status);
}
