// SPDX-License-Identifier: MIT
/* FILL: one value, or value + step * index along one dimension. */
#include <string.h>

#include "tcs_box.h"

#define TILE_MIN	256

static void slice_out(const struct tcs_op *op, uint64_t tile, uint64_t *start, struct tcs_box *out)
{
	const struct tcs_tensor *t = op->out;
	uint64_t count[ACI_TCS_RANK_MAX];

	tcs_split_tile(&op->split, t->rank, t->shape, tile, start, count);
	tcs_box_slice(out, t->va, t->element_bytes, t->rank, t->stride, start, count);
}

void tcs_fill_plan(struct tcs_op *op)
{
	uint64_t elements = TCS_TILE_ELEMENTS, start[ACI_TCS_RANK_MAX];
	struct tcs_box out;

	do {
		tcs_split_plan(&op->split, op->out->rank, op->out->shape, elements);
		slice_out(op, 0, start, &out);
		elements /= 2;
	} while (elements >= TILE_MIN && tcs_box_windows(&out, true) > TCS_TILE_WINDOWS);
	op->tiles = op->split.tiles;
}

static float bits_to_f32(uint64_t bits)
{
	const uint32_t low = (uint32_t)bits;
	float x;

	memcpy(&x, &low, sizeof(x));
	return x;
}

static void fill_run(const struct tcs_op *op, uint64_t index, void *dst, uint64_t from, uint64_t n)
{
	const uint64_t bits = op->value + op->step * index;
	const float f32 = bits_to_f32(op->value) + bits_to_f32(op->step) * (float)index;

	if (op->function == ACI_TCS_FILL_RANGE && op->out->type == ACI_TCS_TYPE_F32) {
		for (uint64_t i = from; i < from + n; i++)
			((float *)dst)[i] = f32;
		return;
	}
	/* integers wrap, so the low bytes are right whatever the width */
	switch (op->out->element_bytes) {
	case 1:
		memset((uint8_t *)dst + from, (int)(bits & 0xff), n);
		break;
	case 2:
		for (uint64_t i = from; i < from + n; i++)
			((uint16_t *)dst)[i] = (uint16_t)bits;
		break;
	case 4:
		for (uint64_t i = from; i < from + n; i++)
			((uint32_t *)dst)[i] = (uint32_t)bits;
		break;
	default:
		for (uint64_t i = from; i < from + n; i++)
			((uint64_t *)dst)[i] = bits;
		break;
	}
}

unsigned int tcs_fill_tile(struct tcs_state *st, const struct tcs_op *op, uint64_t tile)
{
	uint64_t start[ACI_TCS_RANK_MAX] = { 0 }, inner = 1, length = 1;
	unsigned int status;
	struct tcs_map map;
	struct tcs_box out;

	slice_out(op, tile, start, &out);
	/* elements that follow each other have one index along the axis for @inner of them */
	for (unsigned int i = op->axis; i < out.rank; i++) {
		length = i == op->axis ? out.shape[i] : length;
		inner *= i == op->axis ? 1 : out.shape[i];
	}
	status = tcs_map_out(st, &out, TCS_SCRATCH_OUT, &map);
	if (status != ACI_STATUS_SUCCESS)
		return status;
	for (uint64_t at = 0; at < tcs_box_elements(&out); at += inner)
		fill_run(op, start[op->axis] + at / inner % length, map.ptr, at, inner);
	return tcs_unmap(st, &map);
}
