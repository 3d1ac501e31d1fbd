// SPDX-License-Identifier: MIT
/*
 * RESIZE: for each row and each column of a tile the elements of the input that
 * it is made of, and their weights; then sums of products in f64.
 */
#include <math.h>
#include <string.h>

#include "tcs_box.h"

#define TILE_ELEMENTS	(8ull << 10)
#define TILE_INPUT	(256ull << 10)	/* elements that a tile may span */
#define TAPS_MAX	4

/* Elements of one dimension that an output takes, brought into the range of the input. */
struct taps {
	uint64_t index[TAPS_MAX];
	double weight[TAPS_MAX];
};

static int64_t floor_place(const struct tcs_place *place, uint64_t i, int64_t *rest)
{
	const int64_t at = place->step * (int64_t)i + place->offset;
	int64_t whole = at / place->divisor;

	*rest = at % place->divisor;
	if (*rest < 0) {
		*rest += place->divisor;
		whole--;
	}
	return whole;
}

static uint64_t into_range(int64_t index, uint64_t in)
{
	return index < 0 ? 0 : (uint64_t)index >= in ? in - 1 : (uint64_t)index;
}

static uint64_t nearest(const struct tcs_resize_plan *plan, unsigned int axis, uint64_t i,
			uint64_t in)
{
	const struct tcs_place *place = &plan->place[axis];
	int64_t rest, whole = floor_place(place, i, &rest);

	switch (plan->rounding) {
	case ACI_TCS_ROUNDING_HALF_DOWN:
		whole += rest > place->divisor - rest;
		break;
	case ACI_TCS_ROUNDING_HALF_UP:
		whole += rest >= place->divisor - rest;
		break;
	case ACI_TCS_ROUNDING_UP:
		whole += rest > 0;
		break;
	}
	return into_range(whole, in);
}

static double cubic_weight(double a, double d)
{
	if (d <= 1)
		return ((a + 2) * d - (a + 3)) * d * d + 1;
	return ((a * d - 5 * a) * d + 8 * a) * d - 4 * a;
}

static void exclude_outside(struct taps *taps, unsigned int count, int64_t first, uint64_t in)
{
	double sum = 0;

	for (unsigned int k = 0; k < count; k++) {
		const int64_t index = first + (int64_t)k;

		if (index < 0 || index >= (int64_t)in)
			taps->weight[k] = 0;
		sum += taps->weight[k];
	}
	for (unsigned int k = 0; k < count && sum != 0; k++)
		taps->weight[k] /= sum;
}

/* Return: how many taps there are. */
static unsigned int find_taps(const struct tcs_op *op, unsigned int axis, uint64_t i,
			      struct taps *taps)
{
	const struct tcs_resize_plan *plan = &op->resize;
	const uint64_t in = op->in[0]->shape[2 + axis];
	const bool cubic = op->function == ACI_TCS_RESIZE_CUBIC;
	const unsigned int count = cubic ? 4 : 2;
	int64_t rest, first;
	double t;

	if (op->function == ACI_TCS_RESIZE_NEAREST) {
		taps->index[0] = nearest(plan, axis, i, in);
		taps->weight[0] = 1;
		return 1;
	}
	first = floor_place(&plan->place[axis], i, &rest) - cubic;
	t = (double)rest / (double)plan->place[axis].divisor;
	for (unsigned int k = 0; k < count; k++) {
		const double d = fabs(t + cubic - (double)k);

		taps->index[k] = into_range(first + (int64_t)k, in);
		taps->weight[k] = cubic ? cubic_weight((double)plan->cubic, d) : 1 - d;
	}
	if (op->flags & ACI_TCS_OP_F_EXCLUDE_OUTSIDE)
		exclude_outside(taps, count, first, in);
	return count;
}

/* Rows or columns [*begin, *begin + length) of the input that outputs take. Return: length */
static uint64_t find_range(const struct tcs_op *op, unsigned int axis, uint64_t first,
			   uint64_t count, uint64_t *begin)
{
	const uint64_t ends[2] = { first, first + count - 1 };
	uint64_t low = UINT64_MAX, high = 0;

	/* Places go in one direction, so that those of the ends enclose all. */
	for (unsigned int e = 0; e < 2; e++) {
		struct taps taps;
		const unsigned int taken = find_taps(op, axis, ends[e], &taps);

		for (unsigned int k = 0; k < taken; k++) {
			low = tcs_min(low, taps.index[k]);
			high = tcs_max(high, taps.index[k]);
		}
	}
	*begin = low;
	return high - low + 1;
}

static void slice_in(const struct tcs_op *op, const uint64_t *start, const uint64_t *count,
		     struct tcs_box *box)
{
	const struct tcs_tensor *in = op->in[0];
	uint64_t from[4] = { start[0], start[1] }, size[4] = { count[0], count[1] };

	for (unsigned int i = 0; i < 2; i++)
		size[2 + i] = find_range(op, i, start[2 + i], count[2 + i], &from[2 + i]);
	tcs_box_slice(box, in->va, in->element_bytes, 4, in->stride, from, size);
}

static void slice_out(const struct tcs_op *op, const uint64_t *start, const uint64_t *count,
		      struct tcs_box *box)
{
	tcs_box_slice(box, op->out->va, op->out->element_bytes, 4, op->out->stride, start, count);
}

/* Input that a tile spans, at most: places step evenly. */
static uint64_t input_elements(const struct tcs_op *op)
{
	const uint64_t *chunk = op->resize.split.chunk;
	uint64_t elements = chunk[0] * chunk[1];

	for (unsigned int i = 0; i < 2; i++) {
		const struct tcs_place *place = &op->resize.place[i];
		const double step = fabs((double)place->step) / (double)place->divisor;
		const double span = (double)(chunk[2 + i] - 1) * step + TAPS_MAX + 1;
		const uint64_t in = op->in[0]->shape[2 + i];

		elements *= span < (double)in ? (uint64_t)span : in;
	}
	return elements;
}

static uint64_t tile_windows(const struct tcs_op *op)
{
	const uint64_t start[4] = { 0 };
	struct tcs_box box;
	uint64_t windows;

	slice_in(op, start, op->resize.split.chunk, &box);
	windows = tcs_box_windows(&box, false);
	slice_out(op, start, op->resize.split.chunk, &box);
	return windows + tcs_box_windows(&box, true);
}

void tcs_resize_plan(struct tcs_op *op)
{
	uint64_t elements = TILE_ELEMENTS;

	do {
		tcs_split_plan(&op->resize.split, 4, op->out->shape, elements);
		elements /= 2;
	} while (elements && (input_elements(op) > TILE_INPUT ||
			      tile_windows(op) > TCS_TILE_WINDOWS));
	op->tiles = op->resize.split.tiles;
}

/* Indices relative to what was loaded. */
static unsigned int find_tile_taps(const struct tcs_op *op, unsigned int axis, uint64_t first,
				   uint64_t count, struct taps *taps)
{
	unsigned int taken = 0;
	uint64_t begin;

	find_range(op, axis, first, count, &begin);
	for (uint64_t i = 0; i < count; i++) {
		taken = find_taps(op, axis, first + i, &taps[i]);
		for (unsigned int k = 0; k < taken; k++)
			taps[i].index[k] -= begin;
	}
	return taken;
}

static float weighted_sum(const float *plane, uint64_t row_length, const struct taps *row,
			  const struct taps *col, unsigned int taken)
{
	double sum = 0;

	for (unsigned int r = 0; r < taken; r++)
		for (unsigned int c = 0; c < taken; c++) {
			const double weight = row->weight[r] * col->weight[c];

			if (weight != 0)
				sum += weight * plane[row->index[r] * row_length + col->index[c]];
		}
	return (float)sum;
}

struct plane {
	const uint8_t *in;
	uint8_t *out;
	uint64_t row_length;		/* of in, elements */
	uint64_t rows, cols;		/* of out */
	const struct taps *row_taps, *col_taps;
	unsigned int taken;
};

static void resize_plane(const struct tcs_op *op, const struct plane *p)
{
	const unsigned int size = op->out->element_bytes;

	for (uint64_t r = 0; r < p->rows; r++)
		for (uint64_t c = 0; c < p->cols; c++) {
			uint8_t *dst = p->out + (r * p->cols + c) * size;
			const uint64_t from = p->row_taps[r].index[0] * p->row_length +
					      p->col_taps[c].index[0];

			if (op->function == ACI_TCS_RESIZE_NEAREST)
				memcpy(dst, p->in + from * size, size);
			else
				*(float *)dst = weighted_sum((const float *)p->in, p->row_length,
							     &p->row_taps[r], &p->col_taps[c],
							     p->taken);
		}
}

unsigned int tcs_resize_tile(struct tcs_state *st, const struct tcs_op *op, uint64_t tile)
{
	uint64_t start[ACI_TCS_RANK_MAX], count[ACI_TCS_RANK_MAX], plane_in, plane_out;
	struct tcs_map maps[2] = { 0 };
	struct plane plane = { 0 };
	unsigned int status;
	struct tcs_box box;
	struct taps *taps;

	tcs_split_tile(&op->resize.split, 4, op->out->shape, tile, start, count);
	taps = tcs_scratch(st, TCS_SCRATCH_WORK, (count[2] + count[3]) * sizeof(*taps));
	if (!taps)
		return ACI_STATUS_ENGINE_FAULT;
	find_tile_taps(op, 0, start[2], count[2], taps);
	plane.taken = find_tile_taps(op, 1, start[3], count[3], taps + count[2]);
	plane.row_taps = taps;
	plane.col_taps = taps + count[2];
	plane.rows = count[2];
	plane.cols = count[3];
	slice_in(op, start, count, &box);
	plane.row_length = box.shape[box.rank - 1];
	plane_in = box.shape[box.rank - 1] * box.shape[box.rank - 2] * box.element_bytes;
	plane_out = count[2] * count[3] * box.element_bytes;
	status = tcs_map_in(st, &box, TCS_SCRATCH_IN0, &maps[0]);
	slice_out(op, start, count, &box);
	if (status == ACI_STATUS_SUCCESS)
		status = tcs_map_out(st, &box, TCS_SCRATCH_OUT, &maps[1]);
	for (uint64_t i = 0; i < count[0] * count[1] && status == ACI_STATUS_SUCCESS; i++) {
		plane.in = (const uint8_t *)maps[0].ptr + i * plane_in;
		plane.out = (uint8_t *)maps[1].ptr + i * plane_out;
		resize_plane(op, &plane);
	}
	return tcs_unmap_all(st, maps, 2, status);
}
