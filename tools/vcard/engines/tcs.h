/* SPDX-License-Identifier: MIT */
/*
 * The tensor command set executor: what its files share.
 *
 *   tcs.c              fetch, run loop, preemption, counting
 *   tcs_check.c        header, arguments, tensors
 *   tcs_check_op.c     operations; tcs_check_attr.c, tcs_check_shape.c: their parts
 *   tcs_box.c          strided boxes of device memory: load, store, map
 *   tcs_tile.c         cutting a shape into tiles
 *   tcs_elementwise.c  COPY, UNARY, BINARY, SELECT, COMPARE; loops: tcs_convert.c,
 *                      tcs_math.c, tcs_functions.c, tcs_integer.c
 *   tcs_quantise.c     QUANTISE, DEQUANTISE: loops
 *   tcs_fill.c, tcs_matmul.c, tcs_conv.c (CONV_TRANSPOSE too), tcs_pool.c, tcs_resize.c
 *   tcs_rows.c         operations along dimensions: tcs_softmax.c, tcs_reduce.c,
 *                      tcs_normalise.c, tcs_topk.c
 *   tcs_index.c        GATHER, SCATTER
 *   tcs_window.c       geometry of CONV and POOL;  tcs_gemm.c: matrix product
 *   tcs_identify.c     the operations, functions and types that exist
 *
 * Everything that a program says is checked by tcs_check_program() before the
 * first operation runs; later code trusts struct tcs_op and struct tcs_tensor
 * completely. What the tensors contain is never trusted; indices, the one thing
 * on which an address depends, are read once and checked by tcs_index.c.
 *
 * Locking: none. A struct tcs_state is used by one thread at a time, but not
 * always by the same one. Thread-local are the oneDNN context in tcs_math.c and
 * the scratch memory that no program uses, in tcs.c.
 */
#ifndef VCARD_ENGINES_TCS_H
#define VCARD_ENGINES_TCS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <aci/aci_admin.h>
#include <aci/aci_queue.h>
#include <aci/aci_status.h>
#include <aci/aci_tcs.h>

#include "../core/engine.h"

#define TCS_TENSORS_MAX		16384
#define TCS_OPS_MAX		16384
#define TCS_PROGRAM_BYTES_MAX	(8u << 20)

/*
 * What takes a fifth of a millisecond on a host of today, so that a much slower
 * one keeps the bound of Identify (PREEMPT_MAX_US) too. Fixed sizes: the cut
 * of an operation, and so the bits of its result, must not depend on time.
 */
#define TCS_TILE_MACS		(8ull << 20)
#define TCS_TILE_ELEMENTS	(32ull << 10)	/* element-wise, and what is copied at a time */
#define TCS_TILE_OPERAND	(512ull << 10)	/* elements of a matrix operand */
#define TCS_TILE_WINDOWS	1024		/* vm_access_begin() calls */
#define TCS_STOP_WINDOWS	256		/* of them between two looks at engine_should_stop() */

#define TCS_AGAIN		0x10000u	/* not a status: call for the same tile again */

struct tcs_tensor {
	bool resolved;
	uint8_t type;
	uint8_t rank;
	uint8_t element_bytes;
	uint64_t va;				/* of element 0 */
	uint64_t lo, hi;			/* bounding interval of all elements */
	uint64_t elements;
	uint64_t shape[ACI_TCS_RANK_MAX];
	int64_t stride[ACI_TCS_RANK_MAX];	/* bytes; 0 where shape is 1 */
};

/* Tiles of a shape: so much of each dimension. */
struct tcs_split {
	uint64_t chunk[ACI_TCS_RANK_MAX];
	uint64_t tiles;
};

struct tcs_matmul_plan {
	uint64_t m, n, k;
	unsigned int batch_rank;
	uint64_t batch[ACI_TCS_RANK_MAX];
	int64_t batch_stride[3][ACI_TCS_RANK_MAX];	/* in0, in1, out; bytes */
	int64_t in0_row, in0_col, in1_row, in1_col, out_row, out_col;
	uint64_t m_tile, n_tile;
	uint64_t m_tiles, n_tiles, batches;
};

/* One spatial dimension of CONV or POOL. */
struct tcs_axis {
	uint64_t in, out, kernel;
	uint64_t stride, dilation, pad_begin, pad_end;
};

struct tcs_window_plan {
	struct tcs_axis axis[2];	/* rows, columns */
	bool transposed;		/* CONV_TRANSPOSE: stride is that of the input */
	uint64_t groups;		/* CONV; POOL: 1 */
	uint64_t channels;		/* CONV: input channels of a group; POOL: 1 */
	uint64_t filters;		/* CONV: output channels of a group */
	uint64_t patch;			/* channels * kernel rows * kernel columns */
	uint64_t filter_tile, row_tile, col_tile;
	uint64_t filter_tiles, row_tiles, col_tiles;
};

/* One spatial dimension of RESIZE: output i lies at (step * i + offset) / divisor. */
struct tcs_place {
	int64_t step, offset, divisor;
};

struct tcs_resize_plan {
	struct tcs_place place[2];	/* rows, columns */
	uint32_t rounding;
	float cubic;
	struct tcs_split split;
};

struct tcs_op {
	uint16_t opcode;
	uint16_t flags;
	uint32_t function;
	const struct tcs_tensor *in[ACI_TCS_OP_INPUTS];	/* NULL: absent */
	const struct tcs_tensor *out;
	const struct tcs_tensor *out1;	/* TOP_K */
	uint64_t combo;			/* ACI_TCS_COMBO_*, one bit */
	float alpha, beta;		/* NORMALISE: alpha is epsilon */
	unsigned int axis;
	uint32_t axes;			/* REDUCE, NORMALISE: bit i: dimension i */
	unsigned int index_count;	/* GATHER, SCATTER: dimensions from @axis on */
	uint64_t value, step;		/* FILL: bits of the output's type */
	uint64_t tiles;
	uint64_t macs;
	uint64_t bytes;
	union {
		struct tcs_split split;
		struct tcs_matmul_plan matmul;
		struct tcs_window_plan window;
		struct tcs_resize_plan resize;
	};
};

enum tcs_scratch { TCS_SCRATCH_IN0, TCS_SCRATCH_IN1, TCS_SCRATCH_IN2, TCS_SCRATCH_OUT,
		   TCS_SCRATCH_WORK, TCS_SCRATCH_COUNT };

struct tcs_state {
	struct engine_job *job;		/* of the current tcs_execute() call */
	uint64_t fault_va;
	unsigned int windows;			/* opened in this call */
	bool stopped;				/* by it a window was refused: the status means nothing */

	uint8_t *program;		/* private copies; the program goes after the check */
	uint32_t program_bytes;
	struct aci_arg *args;
	uint32_t arg_count;
	struct tcs_tensor *tensors;
	uint32_t tensor_count;
	struct tcs_op *ops;
	uint32_t op_count;

	uint32_t op;			/* position: next tile to run */
	uint64_t tile;
	bool in_tile;			/* it has more steps: what the scratch holds is needed */

	void *scratch[TCS_SCRATCH_COUNT];
	size_t scratch_bytes[TCS_SCRATCH_COUNT];
	bool in1_valid;			/* SCRATCH_IN1 holds this block of the current op: */
	uint64_t in1_va, in1_count;	/* where it starts, columns or filters */
	uint64_t in1_rows;		/* MATMUL: rows copied so far; TOP_K: elements seen */
	bool patch_valid;		/* CONV: SCRATCH_IN0 holds the patches of: */
	uint64_t patch_key[4];		/* image, group, first row and column */
};

/* --- tcs_check*.c --- */
/** tcs_check_program() - decode @st->program into tensors and ops. @info: error_info */
unsigned int tcs_check_program(struct tcs_state *st, uint64_t *info);
/** tcs_check_tensor() - decode tensor @index unless that is done already. */
unsigned int tcs_check_tensor(struct tcs_state *st, uint32_t index);
/** tcs_check_scalar() - the value of scalar argument @slot */
unsigned int tcs_check_scalar(const struct tcs_state *st, uint64_t slot, uint64_t *value);
/**
 * tcs_check_op() - decode, check and plan one operation
 * @bad_tensor: set to the tensor that is at fault, if one alone is
 */
unsigned int tcs_check_op(struct tcs_state *st, const struct aci_tcs_op *raw, struct tcs_op *op,
			  uint32_t *bad_tensor);
/** tcs_check_attributes() - decode and check the attributes of one operation */
unsigned int tcs_check_attributes(const struct tcs_state *st, const struct aci_tcs_op *raw,
				  struct tcs_op *op);
/** tcs_shapes_fit() - do the shapes of the operands fit the operation? Fills in op->window. */
bool tcs_shapes_fit(struct tcs_op *op);
bool tcs_same_shape(const struct tcs_tensor *a, const struct tcs_tensor *b);

/* --- tcs_identify.c --- */
/** tcs_supports() - is @function of @opcode offered for @combo (one bit)? */
bool tcs_supports(uint16_t opcode, uint32_t function, uint64_t combo);
bool tcs_opcode_exists(uint16_t opcode);
/** tcs_type_bytes() - element size, 0: not a type of this card */
unsigned int tcs_type_bytes(uint8_t type);

/* --- tcs.c --- */
/**
 * tcs_scratch() - at least @bytes of memory, or NULL
 *
 * Contents last until the next call, or until the program is preempted. What
 * one program gives back the next one on the same thread gets.
 */
void *tcs_scratch(struct tcs_state *st, enum tcs_scratch which, size_t bytes);

/* --- planning and running, one pair per kind of operation; plans cannot fail --- */
void tcs_elementwise_plan(struct tcs_op *op);
unsigned int tcs_elementwise_tile(struct tcs_state *st, const struct tcs_op *op, uint64_t tile);
void tcs_fill_plan(struct tcs_op *op);
unsigned int tcs_fill_tile(struct tcs_state *st, const struct tcs_op *op, uint64_t tile);
void tcs_reduce_plan(struct tcs_op *op);
unsigned int tcs_reduce_tile(struct tcs_state *st, const struct tcs_op *op, uint64_t tile);
void tcs_normalise_plan(struct tcs_op *op);
unsigned int tcs_normalise_tile(struct tcs_state *st, const struct tcs_op *op, uint64_t tile);
void tcs_topk_plan(struct tcs_op *op);
unsigned int tcs_topk_tile(struct tcs_state *st, const struct tcs_op *op, uint64_t tile);
void tcs_index_plan(struct tcs_op *op);
unsigned int tcs_index_tile(struct tcs_state *st, const struct tcs_op *op, uint64_t tile);
void tcs_softmax_plan(struct tcs_op *op);
unsigned int tcs_softmax_tile(struct tcs_state *st, const struct tcs_op *op, uint64_t tile);
void tcs_matmul_plan(struct tcs_op *op);
unsigned int tcs_matmul_tile(struct tcs_state *st, const struct tcs_op *op, uint64_t tile);
void tcs_conv_plan(struct tcs_op *op);
unsigned int tcs_conv_tile(struct tcs_state *st, const struct tcs_op *op, uint64_t tile);
void tcs_resize_plan(struct tcs_op *op);
unsigned int tcs_resize_tile(struct tcs_state *st, const struct tcs_op *op, uint64_t tile);
void tcs_pool_plan(struct tcs_op *op);
unsigned int tcs_pool_tile(struct tcs_state *st, const struct tcs_op *op, uint64_t tile);

/* --- tcs_quantise.c --- */
/** tcs_quantise() - to @type (i8, u8); @zero may be NULL */
void tcs_quantise(uint8_t type, void *dst, const float *src, const float *scale, const void *zero,
		  uint64_t n);
/** tcs_dequantise() - from @type (i8, u8, i32); @zero may be NULL */
void tcs_dequantise(uint8_t type, float *dst, const void *src, const float *scale,
		    const void *zero, uint64_t n);

static inline uint64_t tcs_min(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static inline uint64_t tcs_max(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static inline uint64_t tcs_div_up(uint64_t a, uint64_t b)
{
	return a / b + (a % b != 0);
}

/* Byte offset of @index steps of @stride; the product was checked with the tensor's bounds. */
static inline uint64_t tcs_step(uint64_t index, int64_t stride)
{
	return index * (uint64_t)stride;
}

#endif
