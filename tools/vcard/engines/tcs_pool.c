// SPDX-License-Identifier: MIT
/* POOL_MAX and POOL_AVG: reductions over the rows of a patch matrix, one channel at a time. */
#include <math.h>
#include <string.h>

#include "tcs_window.h"

static void slice_out(const struct tcs_op *op, const struct tcs_patch *patch, struct tcs_box *box)
{
	const struct tcs_tensor *out = op->out;

	tcs_box_slice(box, out->va, out->element_bytes, 4, out->stride,
		      (const uint64_t[]){ patch->image, patch->group, patch->first[0],
					  patch->first[1] },
		      (const uint64_t[]){ 1, 1, patch->count[0], patch->count[1] });
}

/* A window of the pooling cannot be cut. */
void tcs_pool_plan(struct tcs_op *op)
{
	uint64_t elements = tcs_max(TCS_TILE_OPERAND / 2 / op->window.patch, 1);
	struct tcs_patch patch;
	struct tcs_box out;

	do {
		op->tiles = tcs_window_tiles(&op->window, op->out->shape[0], 1, elements);
		tcs_window_patch(&op->window, op->out->shape[0], 0, &patch);
		slice_out(op, &patch, &out);
		elements /= 2;
	} while (elements && tcs_window_windows(op, &patch) + tcs_box_windows(&out, true) >
			     TCS_TILE_WINDOWS);
}

static void max_f32(float *dst, const float *rows, uint64_t patch, uint64_t n)
{
	memcpy(dst, rows, n * sizeof(*dst));
	for (uint64_t row = 1; row < patch; row++) {
		rows += n;
		for (uint64_t i = 0; i < n; i++) {
			/* a NaN wins and stays */
			const bool take = (rows[i] > dst[i]) | (rows[i] != rows[i]);

			dst[i] = take ? rows[i] : dst[i];
		}
	}
}

static void max_i8(int8_t *dst, const int8_t *rows, uint64_t patch, uint64_t n)
{
	memcpy(dst, rows, n);
	for (uint64_t row = 1; row < patch; row++) {
		rows += n;
		for (uint64_t i = 0; i < n; i++)
			dst[i] = rows[i] > dst[i] ? rows[i] : dst[i];
	}
}

static void sum_f32(float *dst, const float *rows, uint64_t patch, uint64_t n)
{
	memcpy(dst, rows, n * sizeof(*dst));
	for (uint64_t row = 1; row < patch; row++) {
		rows += n;
		for (uint64_t i = 0; i < n; i++)
			dst[i] += rows[i];
	}
}

static void divide(const struct tcs_op *op, const struct tcs_patch *patch, float *dst)
{
	const struct tcs_window_plan *p = &op->window;

	for (uint64_t i = 0; i < patch->count[0]; i++) {
		const uint64_t rows = tcs_window_taps(&p->axis[0], patch->first[0] + i);

		for (uint64_t j = 0; j < patch->count[1]; j++, dst++) {
			uint64_t count = p->patch;

			if (!(op->flags & ACI_TCS_OP_F_COUNT_PADDING))
				count = rows * tcs_window_taps(&p->axis[1], patch->first[1] + j);
			*dst = count ? *dst / (float)count : 0.0f;
		}
	}
}

static void reduce(const struct tcs_op *op, const struct tcs_patch *patch, const void *rows,
		   void *dst)
{
	const uint64_t positions = patch->count[0] * patch->count[1];

	if (op->opcode == ACI_TCS_OP_POOL_AVG) {
		sum_f32(dst, rows, op->window.patch, positions);
		divide(op, patch, dst);
	} else if (op->combo == ACI_TCS_COMBO_I8) {
		max_i8(dst, rows, op->window.patch, positions);
	} else {
		max_f32(dst, rows, op->window.patch, positions);
	}
}

/* What a place outside the input counts as: it changes no maximum and no sum. */
static const void *outside(const struct tcs_op *op)
{
	static const float zero, lowest = -INFINITY;
	static const int8_t lowest_i8 = INT8_MIN;

	if (op->opcode == ACI_TCS_OP_POOL_AVG)
		return &zero;
	return op->combo == ACI_TCS_COMBO_I8 ? (const void *)&lowest_i8 : &lowest;
}

unsigned int tcs_pool_tile(struct tcs_state *st, const struct tcs_op *op, uint64_t tile)
{
	const struct tcs_window_plan *p = &op->window;
	const struct tcs_tensor *out = op->out;
	struct tcs_patch patch;
	struct tcs_map map;
	unsigned int status;
	struct tcs_box box;
	void *rows;

	tcs_window_patch(p, out->shape[0], tile, &patch);
	rows = tcs_scratch(st, TCS_SCRATCH_IN0, p->patch * patch.count[0] * patch.count[1] *
						out->element_bytes);
	if (!rows)
		return ACI_STATUS_ENGINE_FAULT;
	status = tcs_window_gather(st, op, &patch, outside(op), rows);
	if (status != ACI_STATUS_SUCCESS)
		return status;
	slice_out(op, &patch, &box);
	status = tcs_map_out(st, &box, TCS_SCRATCH_OUT, &map);
	if (status != ACI_STATUS_SUCCESS)
		return status;
	reduce(op, &patch, rows, map.ptr);
	return tcs_unmap(st, &map);
}
