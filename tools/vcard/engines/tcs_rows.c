// SPDX-License-Identifier: MIT
/* Operations along dimensions: rows and tiles of them. */
#include "tcs_rows.h"

uint32_t tcs_rows_axes(const struct tcs_op *op)
{
	const bool several = op->opcode == ACI_TCS_OP_REDUCE || op->opcode == ACI_TCS_OP_NORMALISE;

	return several ? op->axes : 1u << op->axis;
}

/* Dimensions in the order of a tile: first those not chosen. Return: how many those are. */
static unsigned int order_dims(const struct tcs_op *op, unsigned int *order)
{
	const unsigned int rank = op->in[0]->rank;
	unsigned int at = 0, outer;

	for (unsigned int i = 0; i < rank; i++)
		if (!(tcs_rows_axes(op) >> i & 1))
			order[at++] = i;
	outer = at;
	for (unsigned int i = 0; i < rank; i++)
		if (tcs_rows_axes(op) >> i & 1)
			order[at++] = i;
	return outer;
}

uint64_t tcs_rows_length(const struct tcs_op *op)
{
	uint64_t n = 1;

	for (unsigned int i = 0; i < op->in[0]->rank; i++)
		if (tcs_rows_axes(op) >> i & 1)
			n *= op->in[0]->shape[i];
	return n;
}

void tcs_rows_slice(const struct tcs_op *op, const struct tcs_tensor *t, uint64_t tile,
		    struct tcs_box *box)
{
	const unsigned int rank = op->in[0]->rank;
	unsigned int order[ACI_TCS_RANK_MAX];
	const unsigned int outer = order_dims(op, order);
	uint64_t shape[ACI_TCS_RANK_MAX] = { 0 }, start[ACI_TCS_RANK_MAX], count[ACI_TCS_RANK_MAX];
	int64_t stride[ACI_TCS_RANK_MAX];

	for (unsigned int i = 0; i < rank; i++) {
		shape[i] = t->shape[order[i]];
		stride[i] = t->stride[order[i]];
	}
	tcs_split_tile(&op->split, outer, shape, tile, start, count);
	for (unsigned int i = outer; i < rank; i++) {
		start[i] = 0;
		count[i] = shape[i];
	}
	tcs_box_slice(box, t->va, t->element_bytes, rank, stride, start, count);
}

static uint64_t tile_windows(const struct tcs_op *op)
{
	struct tcs_box box;
	uint64_t windows;

	tcs_rows_slice(op, op->in[0], 0, &box);
	windows = tcs_box_windows(&box, false);
	tcs_rows_slice(op, op->out, 0, &box);
	return windows + tcs_box_windows(&box, true);
}

void tcs_rows_plan(struct tcs_op *op, uint64_t elements)
{
	unsigned int order[ACI_TCS_RANK_MAX];
	const unsigned int outer = order_dims(op, order);
	uint64_t rows = tcs_max(elements / tcs_rows_length(op), 1);
	uint64_t shape[ACI_TCS_RANK_MAX] = { 0 };

	for (unsigned int i = 0; i < outer; i++)
		shape[i] = op->in[0]->shape[order[i]];
	do {
		tcs_split_plan(&op->split, outer, shape, rows);
		rows /= 2;
	} while (rows && tile_windows(op) > TCS_TILE_WINDOWS);
	op->tiles = op->split.tiles;
}
