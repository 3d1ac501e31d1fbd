// SPDX-License-Identifier: MIT
/* Element by element, with broadcasting: tiles of the output and what goes into them. */
#include <string.h>

#include "tcs_box.h"
#include "tcs_math.h"

#define TILE_SLOW	(8ull << 10)	/* functions that take tens of nanoseconds */
#define TILE_MIN	256
#define IN_MAX		3

static bool is_slow(const struct tcs_op *op)
{
	if (op->combo != ACI_TCS_COMBO_F32)
		return false;
	if (op->opcode == ACI_TCS_OP_BINARY)
		return op->function == ACI_TCS_BINARY_POW || op->function == ACI_TCS_BINARY_MOD ||
		       op->function == ACI_TCS_BINARY_REMAINDER;
	return op->opcode == ACI_TCS_OP_UNARY &&
	       (op->function == ACI_TCS_UNARY_ERF || op->function == ACI_TCS_UNARY_LOG ||
		op->function == ACI_TCS_UNARY_ELU || op->function > ACI_TCS_UNARY_LINEAR);
}

static unsigned int input_count(const struct tcs_op *op)
{
	unsigned int count = 0;

	while (count < IN_MAX && op->in[count])
		count++;
	return count;
}

static void tile_boxes(const struct tcs_op *op, uint64_t tile, struct tcs_box *in,
		       struct tcs_box *out)
{
	const struct tcs_tensor *t = op->out;
	uint64_t start[ACI_TCS_RANK_MAX], count[ACI_TCS_RANK_MAX];
	int64_t stride[ACI_TCS_RANK_MAX];

	tcs_split_tile(&op->split, t->rank, t->shape, tile, start, count);
	tcs_box_slice(out, t->va, t->element_bytes, t->rank, t->stride, start, count);
	for (unsigned int i = 0; i < input_count(op); i++) {
		tcs_broadcast(op->in[i], t->rank, t->shape, stride);
		tcs_box_slice(&in[i], op->in[i]->va, op->in[i]->element_bytes, t->rank, stride,
			      start, count);
	}
}

static uint64_t tile_windows(const struct tcs_op *op)
{
	struct tcs_box in[IN_MAX], out;
	uint64_t windows;

	tile_boxes(op, 0, in, &out);
	windows = tcs_box_windows(&out, true);
	for (unsigned int i = 0; i < input_count(op); i++)
		windows += tcs_box_windows(&in[i], false);
	return windows;
}

/* The cut with fewer windows: transposed operands like squares. Return: how many that are. */
static uint64_t cut(struct tcs_op *op, uint64_t elements)
{
	const struct tcs_tensor *out = op->out;
	struct tcs_split rows;
	uint64_t windows;

	tcs_split_plan(&op->split, out->rank, out->shape, elements);
	windows = tile_windows(op);
	if (windows <= TCS_TILE_WINDOWS)
		return windows;
	rows = op->split;
	tcs_split_balance(&op->split, out->rank, out->shape, elements);
	if (tile_windows(op) < windows)
		return tile_windows(op);
	op->split = rows;
	return windows;
}

void tcs_elementwise_plan(struct tcs_op *op)
{
	uint64_t elements = is_slow(op) ? TILE_SLOW : TCS_TILE_ELEMENTS;

	while (cut(op, elements) > TCS_TILE_WINDOWS && elements >= TILE_MIN)
		elements /= 2;
	op->tiles = op->split.tiles;
}

static bool compute_unary(const struct tcs_op *op, void *dst, const void *in, uint64_t n)
{
	if (op->combo == ACI_TCS_COMBO_F32)
		return tcs_unary_f32(op->function, op->alpha, op->beta, dst, in, n);
	tcs_unary_integer(op->out->type, op->function, dst, in, n);
	return true;
}

static bool compute(const struct tcs_op *op, void *dst, const struct tcs_map *in, uint64_t n)
{
	switch (op->opcode) {
	case ACI_TCS_OP_UNARY:
		return compute_unary(op, dst, in[0].ptr, n);
	case ACI_TCS_OP_BINARY:
		if (op->combo == ACI_TCS_COMBO_F32)
			tcs_binary_f32(op->function, dst, in[0].ptr, in[1].ptr, n);
		else
			tcs_binary_integer(op->out->type, op->function, dst, in[0].ptr, in[1].ptr,
					   n);
		break;
	case ACI_TCS_OP_COMPARE:
		tcs_compare(op->in[0]->type, op->function, dst, in[0].ptr, in[1].ptr, n);
		break;
	case ACI_TCS_OP_QUANTISE:
		tcs_quantise(op->out->type, dst, in[0].ptr, in[1].ptr, in[2].ptr, n);
		break;
	case ACI_TCS_OP_DEQUANTISE:
		tcs_dequantise(op->in[0]->type, dst, in[0].ptr, in[1].ptr, in[2].ptr, n);
		break;
	case ACI_TCS_OP_SELECT:
		tcs_select(op->out->element_bytes, dst, in[0].ptr, in[1].ptr, in[2].ptr, n);
		break;
	default:
		tcs_convert(op->out->type, dst, op->in[0]->type, in[0].ptr, n);
		break;
	}
	return true;
}

unsigned int tcs_elementwise_tile(struct tcs_state *st, const struct tcs_op *op, uint64_t tile)
{
	struct tcs_map maps[IN_MAX + 1] = { 0 };
	unsigned int status = ACI_STATUS_SUCCESS;
	struct tcs_box in[IN_MAX], out;

	tile_boxes(op, tile, in, &out);
	for (unsigned int i = 0; i < input_count(op) && status == ACI_STATUS_SUCCESS; i++)
		status = tcs_map_in(st, &in[i], TCS_SCRATCH_IN0 + i, &maps[i]);
	if (status == ACI_STATUS_SUCCESS)
		status = tcs_map_out(st, &out, TCS_SCRATCH_OUT, &maps[IN_MAX]);
	if (status == ACI_STATUS_SUCCESS && !compute(op, maps[IN_MAX].ptr, maps, tcs_box_elements(&out)))
		status = ACI_STATUS_ENGINE_FAULT;
	return tcs_unmap_all(st, maps, IN_MAX + 1, status);
}
