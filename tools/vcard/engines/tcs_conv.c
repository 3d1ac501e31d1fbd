// SPDX-License-Identifier: MIT
/*
 * CONV as a matrix product: filters x patch times patch x output positions.
 * A 1x1 convolution over whole rows needs no patches: the input is the matrix.
 * CONV_TRANSPOSE is the same on other patches: with zeros at outputs that a
 * kernel place does not reach.
 */
#include <string.h>

#include "tcs_gemm.h"
#include "tcs_window.h"

#define NARROW	16	/* rows or columns that the product likes at least */
#define WIDE	64	/* filters that are worth fewer positions */

static bool is_pointwise(const struct tcs_op *op)
{
	const struct tcs_window_plan *p = &op->window;

	for (unsigned int i = 0; i < 2; i++)
		if (p->transposed || p->axis[i].kernel != 1 || p->axis[i].stride != 1 || p->axis[i].pad_begin ||
		    p->axis[i].pad_end)
			return false;
	return p->axis[0].in == 1 || p->axis[1].in == 1 ||
	       op->in[0]->stride[2] == (int64_t)p->axis[1].in * op->in[0]->stride[3];
}

/* The input of a pointwise tile as a matrix: the columns of one row, or whole rows in sequence. */
static void slice_pointwise(const struct tcs_op *op, const struct tcs_patch *patch,
			    struct tcs_box *box)
{
	const struct tcs_window_plan *p = &op->window;
	const struct tcs_tensor *in = op->in[0];

	*box = (struct tcs_box){
		.va = in->va + tcs_step(patch->image, in->stride[0]) +
		      tcs_step(patch->group * p->channels, in->stride[1]) +
		      tcs_step(patch->first[0], in->stride[2]) +
		      tcs_step(patch->first[1], in->stride[3]),
		.rank = 2, .element_bytes = in->element_bytes,
		.shape = { p->channels, patch->count[0] * patch->count[1] },
		.stride = { in->stride[1],
			    p->axis[1].in > 1 ? in->stride[3] : in->stride[2] },
	};
}

static void slice_filters(const struct tcs_op *op, const struct tcs_patch *patch,
			  struct tcs_box *box)
{
	const struct tcs_window_plan *p = &op->window;
	const struct tcs_tensor *w = op->in[1];
	const uint64_t start[4] = { p->transposed ? patch->filter :
				    patch->group * p->filters + patch->filter,
				    p->transposed ? patch->group * p->channels : 0 };
	const uint64_t count[4] = { patch->filters, p->channels, w->shape[2], w->shape[3] };
	/* Filters first: transposed, the channels of the input are before them. */
	const int64_t stride[4] = { w->stride[p->transposed], w->stride[!p->transposed],
				    w->stride[2], w->stride[3] };

	tcs_box_slice(box, w->va, w->element_bytes, 4, stride, start, count);
}

static void slice_bias(const struct tcs_op *op, const struct tcs_patch *patch, struct tcs_box *box)
{
	const struct tcs_tensor *t = op->in[2];
	const uint64_t start = patch->group * op->window.filters + patch->filter;

	tcs_box_slice(box, t->va, t->element_bytes, 1, t->stride, &start, &patch->filters);
}

static void slice_out(const struct tcs_op *op, const struct tcs_patch *patch, struct tcs_box *box)
{
	const struct tcs_tensor *out = op->out;

	tcs_box_slice(box, out->va, out->element_bytes, 4, out->stride,
		      (const uint64_t[]){ patch->image,
					  patch->group * op->window.filters + patch->filter,
					  patch->first[0], patch->first[1] },
		      (const uint64_t[]){ 1, patch->filters, patch->count[0], patch->count[1] });
}

/* Cut into tiles. Return: how many windows one of them opens. */
static uint64_t cut(struct tcs_op *op, uint64_t filters, uint64_t positions)
{
	struct tcs_patch patch;
	struct tcs_box box;
	uint64_t windows;

	op->tiles = tcs_window_tiles(&op->window, op->out->shape[0], filters, positions);
	tcs_window_patch(&op->window, op->out->shape[0], 0, &patch);
	if (is_pointwise(op)) {
		slice_pointwise(op, &patch, &box);
		windows = tcs_box_windows(&box, false);
	} else {
		windows = tcs_window_windows(op, &patch);
	}
	slice_filters(op, &patch, &box);
	windows += tcs_box_windows(&box, false);
	slice_out(op, &patch, &box);
	windows += tcs_box_windows(&box, true);
	if (op->in[2]) {
		slice_bias(op, &patch, &box);
		windows += tcs_box_windows(&box, false);
	}
	return windows;
}

/* Scattered operands: smaller tiles, as long as that helps. Patches cannot be cut. */
static void cut_small(struct tcs_op *op, uint64_t filters, uint64_t positions)
{
	uint64_t windows = cut(op, filters, positions);

	while (windows > TCS_TILE_WINDOWS) {
		const uint64_t half_filters = tcs_div_up(filters, 2);
		const uint64_t half_positions = tcs_div_up(positions, 2);
		const uint64_t less_filters = cut(op, half_filters, positions);
		const uint64_t less_positions = cut(op, filters, half_positions);

		/* What cannot be cut would only be done more often. */
		if (tcs_min(less_filters, less_positions) > windows / 4 * 3)
			break;
		windows = tcs_min(less_filters, less_positions);
		if (less_filters < less_positions)
			filters = half_filters;
		else
			positions = half_positions;
	}
	cut(op, filters, positions);
}

/* Positions first: the more of them, the less often the weights are read. */
void tcs_conv_plan(struct tcs_op *op)
{
	struct tcs_window_plan *p = &op->window;
	const uint64_t wide = tcs_min(p->filters, WIDE);
	uint64_t positions = p->axis[0].out * p->axis[1].out, filters;

	positions = tcs_min(positions, TCS_TILE_OPERAND / 2 / p->patch);
	positions = tcs_max(tcs_min(positions, TCS_TILE_MACS / (wide * p->patch)), 1);
	filters = tcs_min(TCS_TILE_MACS / (positions * p->patch), TCS_TILE_OPERAND / p->patch);
	filters = tcs_min(filters, TCS_TILE_OPERAND / positions);
	if (filters < p->filters && filters > NARROW)
		filters -= filters % NARROW;
	filters = tcs_min(tcs_max(filters, 1), p->filters);
	cut_small(op, filters, positions);
}

/*
 * The patch matrix, if the tile needs one; it stays as it is for the next filters at the same
 * positions. To make it is a step of its own: TCS_AGAIN when it is made.
 */
static unsigned int make_patches(struct tcs_state *st, const struct tcs_op *op,
				 const struct tcs_patch *patch)
{
	const uint64_t key[4] = { patch->image, patch->group, patch->first[0], patch->first[1] };
	const uint64_t positions = patch->count[0] * patch->count[1];
	const uint8_t zero[4] = { 0 };
	unsigned int status;
	void *dst;

	if (is_pointwise(op) || (st->patch_valid && !memcmp(st->patch_key, key, sizeof(key))))
		return ACI_STATUS_SUCCESS;
	dst = tcs_scratch(st, TCS_SCRATCH_IN0,
			  op->window.patch * positions * op->in[0]->element_bytes);
	if (!dst)
		return ACI_STATUS_ENGINE_FAULT;
	status = tcs_window_gather(st, op, patch, zero, dst);
	st->patch_valid = status == ACI_STATUS_SUCCESS;
	memcpy(st->patch_key, key, sizeof(key));
	return st->patch_valid ? TCS_AGAIN : status;
}

static unsigned int map_positions(struct tcs_state *st, const struct tcs_op *op,
				  const struct tcs_patch *patch, struct tcs_map *map,
				  struct tcs_matrix *matrix)
{
	struct tcs_box box;

	if (is_pointwise(op)) {
		slice_pointwise(op, patch, &box);
		return tcs_map_matrix(st, box.va, box.element_bytes, box.shape[0], box.shape[1],
				      box.stride[0], box.stride[1], TCS_SCRATCH_IN0, map, matrix);
	}
	*matrix = (struct tcs_matrix){
		.ptr = st->scratch[TCS_SCRATCH_IN0],
		.ld = (int64_t)(patch->count[0] * patch->count[1]),
	};
	return ACI_STATUS_SUCCESS;
}

/*
 * Filters of the tile as a dense matrix; kept for the tiles that follow. To copy them is a step of
 * its own: TCS_AGAIN when they are copied.
 */
static unsigned int map_filters(struct tcs_state *st, const struct tcs_op *op,
				const struct tcs_patch *patch, struct tcs_map *map,
				struct tcs_matrix *matrix)
{
	const struct tcs_window_plan *p = &op->window;
	unsigned int status;
	struct tcs_box box;
	void *packed;

	*matrix = (struct tcs_matrix){ .ld = (int64_t)p->patch };
	slice_filters(op, patch, &box);
	if (op->out->shape[0] * p->row_tiles * p->col_tiles == 1) {
		status = tcs_map_in(st, &box, TCS_SCRATCH_IN1, map);
		matrix->ptr = map->ptr;
		return status;
	}
	if (st->in1_valid && st->in1_va == box.va && st->in1_count == patch->filters) {
		matrix->ptr = st->scratch[TCS_SCRATCH_IN1];
		return ACI_STATUS_SUCCESS;
	}
	packed = tcs_scratch(st, TCS_SCRATCH_IN1, tcs_box_elements(&box) * box.element_bytes);
	if (!packed)
		return ACI_STATUS_ENGINE_FAULT;
	st->in1_valid = false;
	status = tcs_box_load(st, &box, packed);
	st->in1_valid = status == ACI_STATUS_SUCCESS;
	st->in1_va = box.va;
	st->in1_count = patch->filters;
	return st->in1_valid ? TCS_AGAIN : status;
}

static unsigned int map_bias(struct tcs_state *st, const struct tcs_op *op,
			     const struct tcs_patch *patch, struct tcs_map *map,
			     struct tcs_bias *bias)
{
	unsigned int status;
	struct tcs_box box;

	slice_bias(op, patch, &box);
	status = tcs_map_in(st, &box, TCS_SCRATCH_IN2, map);
	*bias = (struct tcs_bias){ .ptr = map->ptr, .row = 1, .col = 0 };
	return status;
}

unsigned int tcs_conv_tile(struct tcs_state *st, const struct tcs_op *op, uint64_t tile)
{
	const struct tcs_window_plan *p = &op->window;
	struct tcs_map maps[4] = { 0 };
	struct tcs_bias bias = { 0 };
	struct tcs_matrix filters, positions;
	struct tcs_patch patch;
	unsigned int status;
	struct tcs_box box;

	tcs_window_patch(p, op->out->shape[0], tile, &patch);
	slice_out(op, &patch, &box);
	/* What takes a step of its own comes before what is mapped, and would be mapped again. */
	status = make_patches(st, op, &patch);
	if (status == ACI_STATUS_SUCCESS)
		status = map_filters(st, op, &patch, &maps[1], &filters);
	if (status == ACI_STATUS_SUCCESS)
		status = map_positions(st, op, &patch, &maps[0], &positions);
	if (status == ACI_STATUS_SUCCESS && op->in[2])
		status = map_bias(st, op, &patch, &maps[2], &bias);
	if (status == ACI_STATUS_SUCCESS)
		status = tcs_map_out(st, &box, TCS_SCRATCH_OUT, &maps[3]);
	if (status == ACI_STATUS_SUCCESS)
		status = tcs_product(op, patch.filters, patch.count[0] * patch.count[1], p->patch,
				     &filters, &positions, maps[3].ptr, &bias);
	return tcs_unmap_all(st, maps, 4, status);
}
