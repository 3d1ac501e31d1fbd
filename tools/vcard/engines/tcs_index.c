// SPDX-License-Identifier: MIT
/*
 * GATHER and SCATTER. Positions are those of the dense side: the output of
 * GATHER, the updates of SCATTER. Its innermost dimensions along which the
 * indices do not change are a block, which is moved as a whole; each block has
 * its place in the data. The place is reached through one window over all that
 * a tile can touch, where that costs less than a window for each block.
 *
 * Indices are read once, into memory that no guest can write, and checked there.
 */
#include <string.h>

#include "tcs_box.h"
#include "tcs_math.h"

#define COVER_SPAN	(8u << 20)
#define WINDOW_COST	2048	/* bytes that are copied in the time that a window takes */
#define TILE_MIN	16

/* Which dimension is what. */
struct layout {
	const struct tcs_tensor *data, *dense, *index;
	unsigned int rank;	/* of the dense side */
	unsigned int suffix;	/* dimensions of the data after the indexed ones */
	unsigned int outer;	/* dimensions of the dense side before those of a block */
};

/* What belongs to a tile. */
struct part {
	uint64_t start[ACI_TCS_RANK_MAX], count[ACI_TCS_RANK_MAX];
	uint64_t blocks;
	struct tcs_box block;	/* in the data, of the block whose place is 0 */
	uint64_t block_bytes;
	uint64_t lo, hi;	/* all that may be touched of the data */
	bool dense;		/* and no byte between elements is in there */
};

static void make_layout(const struct tcs_op *op, struct layout *l)
{
	const bool gather = op->opcode == ACI_TCS_OP_GATHER;

	l->data = gather ? op->in[0] : op->out;
	l->dense = gather ? op->out : op->in[0];
	l->index = op->in[1];
	l->rank = l->dense->rank;
	l->suffix = l->data->rank - op->axis - op->index_count;
	l->outer = l->rank;
	while (l->outer > l->rank - l->suffix && l->index->shape[l->outer - 1] == 1)
		l->outer--;
}

/* The dimension of the data that dimension @i of the dense side is, or -1. */
static int data_dim(const struct tcs_op *op, const struct layout *l, unsigned int i)
{
	if (i < op->axis)
		return (int)i;
	return i >= l->rank - l->suffix ? (int)(l->data->rank - (l->rank - i)) : -1;
}

/* All of the data that a tile can touch: indexed dimensions as a whole. */
static void cover(const struct tcs_op *op, const struct layout *l, struct part *part)
{
	const struct tcs_tensor *data = l->data;
	uint64_t count[ACI_TCS_RANK_MAX], elements = 1;

	part->lo = data->va;
	memcpy(count, data->shape, sizeof(count));
	for (unsigned int i = 0; i < l->rank; i++) {
		const int dim = data_dim(op, l, i);

		if (dim < 0)
			continue;
		count[dim] = part->count[i];
		part->lo += tcs_step(part->start[i], data->stride[dim]);
	}
	part->hi = part->lo + data->element_bytes;
	for (unsigned int i = 0; i < data->rank; i++) {
		const uint64_t reach = tcs_step(count[i] - 1, data->stride[i]);

		elements *= count[i];
		if (data->stride[i] < 0)
			part->lo += reach;
		else
			part->hi += reach;
	}
	part->dense = part->hi - part->lo == elements * data->element_bytes;
}

static void make_part(const struct tcs_op *op, const struct layout *l, uint64_t tile,
		      struct part *part)
{
	const struct tcs_tensor *data = l->data;
	struct tcs_box *block = &part->block;

	tcs_split_tile(&op->split, l->rank, l->dense->shape, tile, part->start, part->count);
	part->blocks = 1;
	for (unsigned int i = 0; i < l->outer; i++)
		part->blocks *= part->count[i];
	*block = (struct tcs_box){ .va = data->va, .rank = l->rank - l->outer,
				   .element_bytes = data->element_bytes };
	for (unsigned int i = l->outer; i < l->rank; i++) {
		const unsigned int dim = (unsigned int)data_dim(op, l, i);

		block->va += tcs_step(part->start[i], data->stride[dim]);
		block->shape[i - l->outer] = part->count[i];
		block->stride[i - l->outer] = data->stride[dim];
	}
	part->block_bytes = tcs_box_elements(block) * data->element_bytes;
	cover(op, l, part);
}

static bool uses_cover(const struct tcs_op *op, const struct part *part)
{
	const uint64_t span = part->hi - part->lo;

	/* What is written back with a window must be elements of the output, all of it. */
	if (op->opcode == ACI_TCS_OP_SCATTER && !part->dense)
		return false;
	return span <= COVER_SPAN && span / WINDOW_COST <= part->blocks;
}

static uint64_t part_windows(const struct tcs_op *op, const struct layout *l,
			     const struct part *part)
{
	const bool scatter = op->opcode == ACI_TCS_OP_SCATTER;
	struct tcs_box dense;
	uint64_t windows;

	tcs_box_slice(&dense, l->dense->va, l->dense->element_bytes, l->rank, l->dense->stride,
		      part->start, part->count);
	windows = tcs_box_windows(&dense, !scatter);
	if (uses_cover(op, part))
		return windows + 1;
	return windows + part->blocks * tcs_box_windows(&part->block, scatter);
}

void tcs_index_plan(struct tcs_op *op)
{
	uint64_t elements = TCS_TILE_ELEMENTS;
	struct layout l;
	struct part part;

	make_layout(op, &l);
	do {
		tcs_split_plan(&op->split, l.rank, l.dense->shape, elements);
		make_part(op, &l, 0, &part);
		elements /= 2;
	} while (elements >= TILE_MIN && part_windows(op, &l, &part) > TCS_TILE_WINDOWS);
	op->tiles = op->split.tiles;
}

/* The indices of the tile's blocks, @op->index_count for each. */
static unsigned int load_indices(struct tcs_state *st, const struct tcs_op *op,
				 const struct layout *l, const struct part *part, void **indices)
{
	const struct tcs_tensor *t = l->index;
	uint64_t start[ACI_TCS_RANK_MAX], count[ACI_TCS_RANK_MAX];
	int64_t stride[ACI_TCS_RANK_MAX];
	struct tcs_box box;

	for (unsigned int i = 0; i < l->outer; i++) {
		start[i] = part->start[i];
		count[i] = part->count[i];
		stride[i] = t->stride[i];	/* 0 where it has one element, which repeats */
	}
	start[l->outer] = 0;
	count[l->outer] = op->index_count;
	stride[l->outer] = t->stride[l->rank];
	tcs_box_slice(&box, t->va, t->element_bytes, l->outer + 1, stride, start, count);
	*indices = tcs_scratch(st, TCS_SCRATCH_IN1, tcs_box_elements(&box) * t->element_bytes);
	return *indices ? tcs_box_load(st, &box, *indices) : ACI_STATUS_ENGINE_FAULT;
}

/* Bytes from the block with place 0 to block @n. Return: false: an index is out of range. */
static bool find_block(const struct tcs_op *op, const struct layout *l, const struct part *part,
		       const void *indices, uint64_t n, uint64_t *offset)
{
	uint64_t rest = n;

	*offset = 0;
	for (unsigned int i = l->outer; i-- > 0; ) {
		const uint64_t at = part->start[i] + rest % part->count[i];
		const int dim = data_dim(op, l, i);

		rest /= part->count[i];
		if (dim >= 0)
			*offset += tcs_step(at, l->data->stride[dim]);
	}
	for (unsigned int i = 0; i < op->index_count; i++) {
		const uint64_t at = n * op->index_count + i;
		const int64_t size = (int64_t)l->data->shape[op->axis + i];
		int64_t index = l->index->type == ACI_TCS_TYPE_I64 ?
				((const int64_t *)indices)[at] : ((const int32_t *)indices)[at];

		if (index < -size || index >= size)
			return false;
		index += index < 0 ? size : 0;
		*offset += tcs_step((uint64_t)index, l->data->stride[op->axis + i]);
	}
	return true;
}

/* Between dense and strided local memory, one innermost row after the other. */
static void copy_block(uint8_t *dense, uint8_t *mem, const struct part *part, bool to_mem)
{
	const struct tcs_box *block = &part->block;
	const unsigned int size = block->element_bytes, inner = block->rank ? block->rank - 1 : 0;
	const uint64_t n = block->rank ? block->shape[inner] : 1;
	const int64_t step = block->rank ? block->stride[inner] : size;
	const uint64_t rows = part->block_bytes / (n * size);

	for (uint64_t row = 0; row < rows; row++, dense += n * size) {
		uint8_t *at = mem;
		uint64_t rest = row;

		for (unsigned int i = inner; i-- > 0; ) {
			at += (int64_t)(rest % block->shape[i]) * block->stride[i];
			rest /= block->shape[i];
		}
		if (to_mem)
			tcs_copy_plane(at, 0, step, dense, 0, size, 1, n, size);
		else
			tcs_copy_plane(dense, 0, size, at, 0, step, 1, n, size);
	}
}

/* SCATTER: what is there, changed by an update. @old: its elements, dense; the result */
static void combine(const struct tcs_op *op, void *old, const void *update, uint64_t n)
{
	static const uint32_t functions[] = {
		[ACI_TCS_SCATTER_ADD] = ACI_TCS_BINARY_ADD,
		[ACI_TCS_SCATTER_MUL] = ACI_TCS_BINARY_MUL,
		[ACI_TCS_SCATTER_MIN] = ACI_TCS_BINARY_MIN,
		[ACI_TCS_SCATTER_MAX] = ACI_TCS_BINARY_MAX,
	};

	if (op->function == ACI_TCS_SCATTER_SET)
		memcpy(old, update, n * op->out->element_bytes);
	else if (op->combo == ACI_TCS_COMBO_F32)
		tcs_binary_f32(functions[op->function], old, old, update, n);
	else
		tcs_binary_integer(op->out->type, functions[op->function], old, old, update, n);
}

static unsigned int move_covered(const struct tcs_op *op, const struct part *part, uint8_t *dense,
				 uint8_t *mem, uint8_t *old)
{
	const uint64_t elements = part->block_bytes / part->block.element_bytes;

	if (op->opcode == ACI_TCS_OP_GATHER) {
		copy_block(dense, mem, part, false);
	} else if (op->function == ACI_TCS_SCATTER_SET) {
		copy_block(dense, mem, part, true);
	} else {
		copy_block(old, mem, part, false);
		combine(op, old, dense, elements);
		copy_block(old, mem, part, true);
	}
	return ACI_STATUS_SUCCESS;
}

static unsigned int move_block(struct tcs_state *st, const struct tcs_op *op,
			       const struct part *part, uint8_t *dense, uint64_t va, uint8_t *old)
{
	struct tcs_box box = part->block;
	unsigned int status;

	box.va = va;
	if (op->opcode == ACI_TCS_OP_GATHER)
		return tcs_box_load(st, &box, dense);
	if (op->function == ACI_TCS_SCATTER_SET)
		return tcs_box_store(st, &box, dense);
	status = tcs_box_load(st, &box, old);
	if (status != ACI_STATUS_SUCCESS)
		return status;
	combine(op, old, dense, part->block_bytes / part->block.element_bytes);
	return tcs_box_store(st, &box, old);
}

static unsigned int move_blocks(struct tcs_state *st, const struct tcs_op *op,
				const struct layout *l, const struct part *part,
				const void *indices, uint8_t *dense)
{
	const bool covered = uses_cover(op, part);
	const unsigned int mode = op->opcode == ACI_TCS_OP_GATHER ? VM_ACCESS_READ :
				  VM_ACCESS_READ | VM_ACCESS_WRITE;
	unsigned int status = ACI_STATUS_SUCCESS, ended;
	struct vm_access access;
	uint8_t *old;

	old = tcs_scratch(st, TCS_SCRATCH_WORK, part->block_bytes);
	if (!old)
		return ACI_STATUS_ENGINE_FAULT;
	if (covered)
		status = tcs_window_open(st, part->lo, part->hi - part->lo, mode, &access);
	if (status != ACI_STATUS_SUCCESS)
		return status;
	for (uint64_t n = 0; n < part->blocks && status == ACI_STATUS_SUCCESS; n++) {
		uint64_t va;

		if (!find_block(op, l, part, indices, n, &va)) {
			status = ACI_STATUS_PROG_BOUNDS;
			break;
		}
		va += part->block.va;
		status = covered ?
			 move_covered(op, part, dense, (uint8_t *)access.ptr + (va - part->lo),
				      old) :
			 move_block(st, op, part, dense, va, old);
		dense += part->block_bytes;
	}
	if (!covered)
		return status;
	ended = tcs_window_close(st, &access);
	return status == ACI_STATUS_SUCCESS ? ended : status;
}

unsigned int tcs_index_tile(struct tcs_state *st, const struct tcs_op *op, uint64_t tile)
{
	struct tcs_map map = { 0 };
	struct tcs_box dense;
	unsigned int status;
	struct layout l;
	struct part part;
	void *indices;

	make_layout(op, &l);
	make_part(op, &l, tile, &part);
	status = load_indices(st, op, &l, &part, &indices);
	if (status != ACI_STATUS_SUCCESS)
		return status;
	tcs_box_slice(&dense, l.dense->va, l.dense->element_bytes, l.rank, l.dense->stride,
		      part.start, part.count);
	status = op->opcode == ACI_TCS_OP_GATHER ?
		 tcs_map_out(st, &dense, TCS_SCRATCH_OUT, &map) :
		 tcs_map_in(st, &dense, TCS_SCRATCH_IN0, &map);
	if (status == ACI_STATUS_SUCCESS)
		status = move_blocks(st, op, &l, &part, indices, map.ptr);
	return tcs_unmap_all(st, &map, 1, status);
}
