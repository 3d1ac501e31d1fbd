// SPDX-License-Identifier: MIT
/*
 * MATMUL: blocks of in1 (all of K, some columns) are multiplied with blocks of
 * rows of in0. K is never cut, so an element of the result is summed in one
 * product.
 */
#include <string.h>

#include "tcs_gemm.h"

#define NARROW	16	/* columns that the product likes at least */
#define WIDE	256	/* and those that leave enough rows to a tile */

/* A batch dimension that in1 repeats along is more rows, where the memory of in0 and out agrees. */
static void fold_batch(struct tcs_matmul_plan *p, bool row_bias)
{
	while (p->batch_rank && !row_bias) {
		const unsigned int d = p->batch_rank - 1;
		const bool rows_follow = p->m == 1 ||
			(p->batch_stride[0][d] == (int64_t)p->m * p->in0_row &&
			 p->batch_stride[2][d] == (int64_t)p->m * p->out_row);

		if (p->batch[d] > 1) {
			if (p->batch_stride[1][d] || !rows_follow)
				return;
			if (p->m == 1) {
				p->in0_row = p->batch_stride[0][d];
				p->out_row = p->batch_stride[2][d];
			}
			p->m *= p->batch[d];
		}
		p->batch_rank--;
	}
}

static uint64_t matrix_windows(const struct tcs_tensor *t, uint64_t rows, uint64_t cols,
			       int64_t row_stride, int64_t col_stride, bool store)
{
	const struct tcs_box box = { .va = t->va, .rank = 2, .element_bytes = t->element_bytes,
				     .shape = { rows, cols },
				     .stride = { row_stride, col_stride } };

	return tcs_box_windows(&box, store);
}

static uint64_t tile_windows(const struct tcs_op *op, uint64_t rows, uint64_t cols)
{
	const struct tcs_matmul_plan *p = &op->matmul;
	const struct tcs_tensor *bias = op->in[2];
	uint64_t windows;

	windows = matrix_windows(op->in[0], rows, p->k, p->in0_row, p->in0_col, false) +
		  matrix_windows(op->in[1], p->k, cols, p->in1_row, p->in1_col, false) +
		  matrix_windows(op->out, rows, cols, p->out_row, p->out_col, true);
	if (bias)
		windows += matrix_windows(bias, bias->rank == 2 ? rows : 1, cols,
					  bias->rank == 2 ? bias->stride[0] : 0,
					  bias->stride[bias->rank - 1], false);
	return windows;
}

/* Scattered operands: smaller tiles, as long as that helps. K cannot be cut. */
static void limit_windows(const struct tcs_op *op, uint64_t *m_tile, uint64_t *n_tile)
{
	uint64_t windows = tile_windows(op, *m_tile, *n_tile);

	while (windows > TCS_TILE_WINDOWS) {
		const uint64_t m = tcs_div_up(*m_tile, 2), n = tcs_div_up(*n_tile, 2);
		const uint64_t less_m = tile_windows(op, m, *n_tile);
		const uint64_t less_n = tile_windows(op, *m_tile, n);

		/* What cannot be cut would only be done more often. */
		if (tcs_min(less_m, less_n) > windows / 4 * 3)
			return;
		windows = tcs_min(less_m, less_n);
		if (less_n < less_m)
			*n_tile = n;
		else
			*m_tile = m;
	}
}

void tcs_matmul_plan(struct tcs_op *op)
{
	const struct tcs_tensor *tensors[3] = { op->in[0], op->in[1], op->out };
	struct tcs_matmul_plan *p = &op->matmul;
	const unsigned int rank = op->out->rank;
	int64_t stride[ACI_TCS_RANK_MAX];

	p->m = op->out->shape[rank - 2];
	p->n = op->out->shape[rank - 1];
	p->k = op->in[0]->shape[op->in[0]->rank - 1];
	p->batch_rank = rank - 2;
	memcpy(p->batch, op->out->shape, p->batch_rank * sizeof(p->batch[0]));
	for (unsigned int i = 0; i < 3; i++) {
		const struct tcs_tensor *t = tensors[i];
		struct tcs_tensor batch = *t;

		batch.rank = t->rank - 2;
		tcs_broadcast(&batch, p->batch_rank, p->batch, stride);
		memcpy(p->batch_stride[i], stride, p->batch_rank * sizeof(stride[0]));
	}
	p->in0_row = op->in[0]->stride[op->in[0]->rank - 2];
	p->in0_col = op->in[0]->stride[op->in[0]->rank - 1];
	p->in1_row = op->in[1]->stride[op->in[1]->rank - 2];
	p->in1_col = op->in[1]->stride[op->in[1]->rank - 1];
	p->out_row = op->out->stride[rank - 2];
	p->out_col = op->out->stride[rank - 1];
	fold_batch(p, op->in[2] && op->in[2]->rank == 2);

	p->n_tile = tcs_min(p->n, tcs_max(TCS_TILE_OPERAND / p->k, 1));
	p->n_tile = tcs_min(p->n_tile, WIDE);
	if (p->n_tile < p->n && p->n_tile > NARROW)
		p->n_tile -= p->n_tile % NARROW;
	p->m_tile = tcs_min(TCS_TILE_MACS / (p->n_tile * p->k), TCS_TILE_OPERAND / p->k);
	p->m_tile = tcs_min(p->m_tile, TCS_TILE_OPERAND / p->n_tile);
	p->m_tile = tcs_min(tcs_max(p->m_tile, 1), p->m);
	limit_windows(op, &p->m_tile, &p->n_tile);
	p->m_tiles = tcs_div_up(p->m, p->m_tile);
	p->n_tiles = tcs_div_up(p->n, p->n_tile);
	p->batches = 1;
	for (unsigned int i = 0; i < p->batch_rank; i++)
		p->batches *= p->batch[i];
	op->tiles = p->m_tiles * p->batches * p->n_tiles;
}

static uint64_t batch_offset(const struct tcs_matmul_plan *p, unsigned int operand, uint64_t batch)
{
	uint64_t offset = 0;

	for (unsigned int i = p->batch_rank; i-- > 0; ) {
		offset += tcs_step(batch % p->batch[i], p->batch_stride[operand][i]);
		batch /= p->batch[i];
	}
	return offset;
}

/* Rows of in1 that are copied before the next look at whether somebody wants the engine. */
static uint64_t step_rows(const struct tcs_op *op, uint64_t cols)
{
	const struct tcs_matmul_plan *p = &op->matmul;
	uint64_t rows = tcs_max(tcs_min(p->k, TCS_TILE_ELEMENTS / cols), 1);

	while (rows > 1 && matrix_windows(op->in[1], rows, cols, p->in1_row, p->in1_col, false) >
			   TCS_TILE_WINDOWS)
		rows = tcs_div_up(rows, 2);
	return rows;
}

/* The next rows of a block of in1. Return: TCS_AGAIN while there are more. */
static unsigned int copy_in1(struct tcs_state *st, const struct tcs_op *op, uint64_t va,
			     uint64_t cols, uint8_t *packed)
{
	const struct tcs_matmul_plan *p = &op->matmul;
	const uint64_t rows = tcs_min(step_rows(op, cols), p->k - st->in1_rows);
	const struct tcs_box box = {
		.va = va + tcs_step(st->in1_rows, p->in1_row), .rank = 2,
		.element_bytes = op->in[1]->element_bytes,
		.shape = { rows, cols }, .stride = { p->in1_row, p->in1_col },
	};
	unsigned int status;

	status = tcs_box_load(st, &box, packed + st->in1_rows * cols * box.element_bytes);
	if (status != ACI_STATUS_SUCCESS)
		return status;
	st->in1_rows += rows;
	return st->in1_rows < p->k ? TCS_AGAIN : ACI_STATUS_SUCCESS;
}

/* Too many windows for one step, so that it is copied in several also for one use. */
static bool copies_in1(const struct tcs_op *op, uint64_t cols)
{
	return step_rows(op, cols) < op->matmul.k;
}

/* A block of in1 that many tiles in a row use is copied once, else it is used where it is. */
static unsigned int map_in1(struct tcs_state *st, const struct tcs_op *op, uint64_t va,
			    uint64_t cols, struct tcs_map *map, struct tcs_matrix *matrix)
{
	const struct tcs_matmul_plan *p = &op->matmul;
	const unsigned int element_bytes = op->in[1]->element_bytes;
	unsigned int status;
	void *packed;

	if (p->m_tiles == 1 && !copies_in1(op, cols))
		return tcs_map_matrix(st, va, element_bytes, p->k, cols, p->in1_row, p->in1_col,
				      TCS_SCRATCH_IN1, map, matrix);
	*matrix = (struct tcs_matrix){ .ld = (int64_t)cols };
	if (st->in1_valid && st->in1_va == va && st->in1_count == cols) {
		matrix->ptr = st->scratch[TCS_SCRATCH_IN1];
		return ACI_STATUS_SUCCESS;
	}
	packed = tcs_scratch(st, TCS_SCRATCH_IN1, p->k * cols * element_bytes);
	if (!packed)
		return ACI_STATUS_ENGINE_FAULT;
	st->in1_valid = false;
	status = copy_in1(st, op, va, cols, packed);
	if (status == TCS_AGAIN)
		return status;
	st->in1_rows = 0;
	st->in1_valid = status == ACI_STATUS_SUCCESS;
	st->in1_va = va;
	st->in1_count = cols;
	matrix->ptr = packed;
	return status;
}

static unsigned int map_bias(struct tcs_state *st, const struct tcs_tensor *t, uint64_t row,
			     uint64_t rows, uint64_t col, uint64_t cols, struct tcs_map *map,
			     struct tcs_bias *bias)
{
	const uint64_t start[2] = { row, col }, count[2] = { rows, cols };
	const unsigned int skip = 2 - t->rank;
	struct tcs_box box;
	unsigned int status;

	tcs_box_slice(&box, t->va, t->element_bytes, t->rank, t->stride, start + skip,
		      count + skip);
	status = tcs_map_in(st, &box, TCS_SCRATCH_IN2, map);
	*bias = (struct tcs_bias){ .ptr = map->ptr, .row = skip ? 0 : cols, .col = 1 };
	return status;
}

unsigned int tcs_matmul_tile(struct tcs_state *st, const struct tcs_op *op, uint64_t tile)
{
	const struct tcs_matmul_plan *p = &op->matmul;
	const uint64_t row = tile % p->m_tiles * p->m_tile;
	const uint64_t batch = tile / p->m_tiles % p->batches;
	const uint64_t col = tile / p->m_tiles / p->batches * p->n_tile;
	const uint64_t rows = tcs_min(p->m_tile, p->m - row), cols = tcs_min(p->n_tile, p->n - col);
	struct tcs_box out = {
		.va = op->out->va + batch_offset(p, 2, batch) + tcs_step(row, p->out_row) +
		      tcs_step(col, p->out_col),
		.rank = 2, .element_bytes = op->out->element_bytes,
		.shape = { rows, cols }, .stride = { p->out_row, p->out_col },
	};
	struct tcs_map maps[4] = { 0 };
	struct tcs_bias bias = { 0 };
	struct tcs_matrix a, b;
	unsigned int status;

	status = map_in1(st, op, op->in[1]->va + batch_offset(p, 1, batch) +
			 tcs_step(col, p->in1_col), cols, &maps[1], &b);
	if (status == ACI_STATUS_SUCCESS)
		status = tcs_map_matrix(st, op->in[0]->va + batch_offset(p, 0, batch) +
					tcs_step(row, p->in0_row), op->in[0]->element_bytes, rows,
					p->k, p->in0_row, p->in0_col, TCS_SCRATCH_IN0, &maps[0],
					&a);
	if (status == ACI_STATUS_SUCCESS && op->in[2])
		status = map_bias(st, op->in[2], row, rows, col, cols, &maps[2], &bias);
	if (status == ACI_STATUS_SUCCESS)
		status = tcs_map_out(st, &out, TCS_SCRATCH_OUT, &maps[3]);
	if (status == ACI_STATUS_SUCCESS)
		status = tcs_product(op, rows, cols, p->k, &a, &b, maps[3].ptr, &bias);
	return tcs_unmap_all(st, maps, 4, status);
}
