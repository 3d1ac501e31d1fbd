// SPDX-License-Identifier: MIT
/*
 * TOP_K. Few elements of a row: the best so far, sorted, and chunks of the row
 * of which the better ones are sorted and merged into them. Many: chunks are
 * sorted and then merged pair by pair, a piece of the result at a time. A long
 * row is left between two such steps where somebody wants the engine; which one
 * is next follows from st->in1_rows alone, and what was done is in scratch memory.
 */
#include <string.h>

#include "tcs_rows.h"

#define CHUNK		4096ull		/* elements of a step, sorted by themselves */
#define PIECE		(2 * CHUNK)	/* of the result of merging: never of two pairs */

/* The order is that of @key, greatest first, then that of @index. */
struct entry {
	uint64_t key;
	uint64_t bits;
	uint64_t index;
};

/* The best @count so far, of at most @room; the other two are for merging and for a chunk. */
struct best {
	struct entry *list, *spare, *chunk, *sorted;
	uint64_t count, room;
};

/* For f32: zeros are equal, NaN are equal and above all; all bits inverted where negative. */
static uint64_t key_f32(uint32_t bits)
{
	float x;

	memcpy(&x, &bits, sizeof(x));
	if (x != x)
		return UINT32_MAX;
	if (x == 0)
		bits = 0;
	return bits >> 31 ? ~bits : bits | 1u << 31;
}

static struct entry make_entry(uint8_t type, const void *row, uint64_t at, uint64_t index,
			       bool least)
{
	struct entry e = { .index = index };
	int64_t x = 0;

	switch (type) {
	case ACI_TCS_TYPE_I8:
		x = ((const int8_t *)row)[at];
		break;
	case ACI_TCS_TYPE_U8:
		x = ((const uint8_t *)row)[at];
		break;
	case ACI_TCS_TYPE_I64:
		x = ((const int64_t *)row)[at];
		break;
	default:
		x = ((const int32_t *)row)[at];
		break;
	}
	e.bits = (uint64_t)x;
	e.key = type == ACI_TCS_TYPE_F32 ? key_f32((uint32_t)x) : (uint64_t)x ^ 1ull << 63;
	if (least)
		e.key = ~e.key;
	return e;
}

static bool is_better(const struct entry *a, const struct entry *b)
{
	return a->key != b->key ? a->key > b->key : a->index < b->index;
}

/* At most @room of the two sorted lists. Return: how many. */
static uint64_t merge(struct entry *to, uint64_t room, const struct entry *a, uint64_t a_count,
		      const struct entry *b, uint64_t b_count)
{
	const uint64_t count = tcs_min(room, a_count + b_count);
	uint64_t i = 0, j = 0;

	for (uint64_t n = 0; n < count; n++)
		to[n] = j == b_count || (i < a_count && is_better(&a[i], &b[j])) ? a[i++] : b[j++];
	return count;
}

/* Return: @list or @other, whichever holds the result. */
static struct entry *sort(struct entry *list, struct entry *other, uint64_t count)
{
	for (uint64_t width = 1; width < count; width *= 2) {
		struct entry *swap = list;

		for (uint64_t at = 0; at < count; at += 2 * width) {
			const uint64_t middle = tcs_min(at + width, count);
			const uint64_t end = tcs_min(at + 2 * width, count);

			merge(other + at, end - at, list + at, middle - at, list + middle,
			      end - middle);
		}
		list = other;
		other = swap;
	}
	return list;
}

static void add_chunk(const struct tcs_op *op, struct best *best, const void *row, uint64_t first,
		      uint64_t n)
{
	const bool least = op->flags & ACI_TCS_OP_F_LEAST;
	const uint8_t type = op->in[0]->type;
	struct entry *sorted, *swap;
	uint64_t candidates = 0;

	for (uint64_t i = 0; i < n; i++) {
		const struct entry e = make_entry(type, row, i, first + i, least);

		if (best->count < best->room || is_better(&e, &best->list[best->count - 1]))
			best->chunk[candidates++] = e;
	}
	if (!candidates)
		return;
	sorted = sort(best->chunk, best->sorted, candidates);
	best->count = merge(best->spare, best->room, best->list, best->count, sorted, candidates);
	swap = best->list;
	best->list = best->spare;
	best->spare = swap;
}

static bool make_best(struct tcs_state *st, uint64_t room, struct best *best)
{
	struct entry *all = tcs_scratch(st, TCS_SCRATCH_WORK,
					(2 * room + 2 * CHUNK) * sizeof(*all));

	if (!all)
		return false;
	*best = (struct best){ .list = all, .spare = all + room, .chunk = all + 2 * room,
			       .sorted = all + 2 * room + CHUNK, .room = room };
	return true;
}

static void put(const struct best *best, unsigned int element_bytes, uint8_t *values,
		int64_t *indices)
{
	for (uint64_t i = 0; i < best->count; i++) {
		/* little-endian: the low bytes come first */
		memcpy(values + i * element_bytes, &best->list[i].bits, element_bytes);
		indices[i] = (int64_t)best->list[i].index;
	}
}

void tcs_topk_plan(struct tcs_op *op)
{
	const uint64_t n = tcs_rows_length(op);

	tcs_rows_plan(op, n > CHUNK ? 1 : CHUNK);
}

static unsigned int store(struct tcs_state *st, const struct tcs_op *op, uint64_t tile,
			  const struct tcs_tensor *t, void *src)
{
	struct tcs_box box;

	tcs_rows_slice(op, t, tile, &box);
	return tcs_box_store(st, &box, src);
}

/* Results are kept until all rows of the tile are done: then there is one way to end it. */
static unsigned int store_results(struct tcs_state *st, const struct tcs_op *op, uint64_t tile,
				  uint8_t *values, int64_t *indices)
{
	unsigned int status = store(st, op, tile, op->out, values);

	return status == ACI_STATUS_SUCCESS ? store(st, op, tile, op->out1, indices) : status;
}

/* --- few of a long row --- */

/* The next chunk of the row. Return: TCS_AGAIN while there are more. */
static unsigned int long_row(struct tcs_state *st, const struct tcs_op *op, uint64_t tile,
			     uint8_t *values, int64_t *indices)
{
	const unsigned int axis = op->in[0]->rank - 1;
	const uint64_t n = tcs_rows_length(op), room = op->out->shape[op->axis];
	struct tcs_box in;
	struct best best;
	unsigned int status;
	void *row;

	tcs_rows_slice(op, op->in[0], tile, &in);
	in.va += tcs_step(st->in1_rows, in.stride[axis]);
	in.shape[axis] = tcs_min(n - st->in1_rows, CHUNK);
	row = tcs_scratch(st, TCS_SCRATCH_IN0, CHUNK * in.element_bytes);
	if (!row || !make_best(st, room, &best))
		return ACI_STATUS_ENGINE_FAULT;
	status = tcs_box_load(st, &in, row);
	if (status != ACI_STATUS_SUCCESS)
		return status;
	/* where the step before left it: the two lists change places with every chunk */
	best.count = tcs_min(st->in1_rows, room);
	add_chunk(op, &best, row, st->in1_rows, in.shape[axis]);
	if (best.list != st->scratch[TCS_SCRATCH_WORK])
		memcpy(st->scratch[TCS_SCRATCH_WORK], best.list, best.count * sizeof(*best.list));
	st->in1_rows += in.shape[axis];
	if (st->in1_rows < n)
		return TCS_AGAIN;
	st->in1_rows = 0;
	put(&best, in.element_bytes, values, indices);
	return store_results(st, op, tile, values, indices);
}

/* --- many of a long row --- */

static unsigned int load_chunk(struct tcs_state *st, const struct tcs_op *op, uint64_t tile,
			       uint64_t first, uint64_t count, struct entry *list)
{
	const bool least = op->flags & ACI_TCS_OP_F_LEAST;
	const unsigned int axis = op->in[0]->rank - 1;
	struct entry *other, *sorted;
	unsigned int status;
	struct tcs_box in;
	void *row;

	tcs_rows_slice(op, op->in[0], tile, &in);
	in.va += tcs_step(first, in.stride[axis]);
	in.shape[axis] = count;
	row = tcs_scratch(st, TCS_SCRATCH_IN0, CHUNK * in.element_bytes);
	other = tcs_scratch(st, TCS_SCRATCH_OUT, CHUNK * sizeof(*other));
	if (!row || !other)
		return ACI_STATUS_ENGINE_FAULT;
	status = tcs_box_load(st, &in, row);
	if (status != ACI_STATUS_SUCCESS)
		return status;
	for (uint64_t i = 0; i < count; i++)
		list[first + i] = make_entry(op->in[0]->type, row, i, first + i, least);
	sorted = sort(list + first, other, count);
	if (sorted == other)
		memcpy(list + first, other, count * sizeof(*list));
	return ACI_STATUS_SUCCESS;
}

/* How many of the first @place elements of the merged lists are of @a. */
static uint64_t split_merge(const struct entry *a, uint64_t a_count, const struct entry *b,
			    uint64_t b_count, uint64_t place)
{
	uint64_t low = place > b_count ? place - b_count : 0, high = tcs_min(place, a_count);

	while (low < high) {
		const uint64_t middle = low + (high - low) / 2;

		if (is_better(&a[middle], &b[place - middle - 1]))
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* A piece, from @at on, of what the lists of @width become when they are merged pair by pair. */
static void merge_piece(struct entry *to, const struct entry *from, uint64_t n, uint64_t width,
			uint64_t at)
{
	const uint64_t begin = at / (2 * width) * (2 * width);
	const uint64_t middle = tcs_min(begin + width, n), end = tcs_min(begin + 2 * width, n);
	const struct entry *a = from + begin, *b = from + middle;
	const uint64_t skip = split_merge(a, middle - begin, b, end - middle, at - begin);
	const uint64_t skip_b = at - begin - skip;

	merge(to + at, tcs_min(PIECE, n - at), a + skip, middle - begin - skip, b + skip_b,
	      end - middle - skip_b);
}

static unsigned int store_piece(struct tcs_state *st, const struct tcs_op *op, uint64_t tile,
				const struct entry *list, uint64_t at, uint64_t count)
{
	const struct best part = { .list = (struct entry *)list + at, .count = count };
	const struct tcs_tensor *outs[2] = { op->out, op->out1 };
	const unsigned int axis = op->out->rank - 1, size = op->out->element_bytes;
	void *from[2] = { tcs_scratch(st, TCS_SCRATCH_OUT, PIECE * size),
			  tcs_scratch(st, TCS_SCRATCH_IN2, PIECE * sizeof(int64_t)) };
	unsigned int status = ACI_STATUS_SUCCESS;

	if (!from[0] || !from[1])
		return ACI_STATUS_ENGINE_FAULT;
	put(&part, size, from[0], from[1]);
	for (unsigned int i = 0; i < 2 && status == ACI_STATUS_SUCCESS; i++) {
		struct tcs_box box;

		tcs_rows_slice(op, outs[i], tile, &box);
		box.va += tcs_step(at, box.stride[axis]);
		box.shape[axis] = count;
		status = tcs_box_store(st, &box, from[i]);
	}
	return status;
}

/* Step st->in1_rows of: chunks, merges of each width, pieces of the output. */
static unsigned int sort_row(struct tcs_state *st, const struct tcs_op *op, uint64_t tile)
{
	const uint64_t n = tcs_rows_length(op), room = op->out->shape[op->axis];
	const uint64_t chunks = tcs_div_up(n, CHUNK), pieces = tcs_div_up(n, PIECE);
	uint64_t step = st->in1_rows, width = CHUNK;
	struct entry *list = tcs_scratch(st, TCS_SCRATCH_WORK, 2 * n * sizeof(*list)), *other;
	unsigned int status;

	if (!list)
		return ACI_STATUS_ENGINE_FAULT;
	if (step < chunks) {
		status = load_chunk(st, op, tile, step * CHUNK,
				    tcs_min(CHUNK, n - step * CHUNK), list);
		st->in1_rows += status == ACI_STATUS_SUCCESS;
		return status == ACI_STATUS_SUCCESS ? TCS_AGAIN : status;
	}
	step -= chunks;
	other = list + n;
	for (; width < n; width *= 2) {
		struct entry *swap = list;

		if (step < pieces) {
			merge_piece(other, list, n, width, step * PIECE);
			st->in1_rows++;
			return TCS_AGAIN;
		}
		step -= pieces;
		list = other;
		other = swap;
	}
	status = store_piece(st, op, tile, list, step * PIECE, tcs_min(PIECE, room - step * PIECE));
	if (status != ACI_STATUS_SUCCESS || (step + 1) * PIECE >= room) {
		st->in1_rows = 0;
		return status;
	}
	st->in1_rows++;
	return TCS_AGAIN;
}

/* --- rows that are no longer than a chunk --- */

static unsigned int short_rows(struct tcs_state *st, const struct tcs_op *op, uint64_t tile,
			       uint64_t rows, uint8_t *values, int64_t *indices)
{
	const uint64_t n = tcs_rows_length(op), room = op->out->shape[op->axis];
	const unsigned int size = op->in[0]->element_bytes;
	struct tcs_box in;
	struct best best;
	unsigned int status;
	uint8_t *src;

	tcs_rows_slice(op, op->in[0], tile, &in);
	src = tcs_scratch(st, TCS_SCRATCH_IN0, tcs_box_elements(&in) * size);
	if (!src || !make_best(st, room, &best))
		return ACI_STATUS_ENGINE_FAULT;
	status = tcs_box_load(st, &in, src);
	if (status != ACI_STATUS_SUCCESS)
		return status;
	for (uint64_t row = 0; row < rows; row++) {
		best.count = 0;
		add_chunk(op, &best, src + row * n * size, 0, n);
		put(&best, size, values + row * room * size, indices + row * room);
	}
	return store_results(st, op, tile, values, indices);
}

unsigned int tcs_topk_tile(struct tcs_state *st, const struct tcs_op *op, uint64_t tile)
{
	const uint64_t n = tcs_rows_length(op);
	struct tcs_box out;
	uint64_t elements;
	uint8_t *values;
	int64_t *indices;

	if (n > CHUNK && op->out->shape[op->axis] > CHUNK)
		return sort_row(st, op, tile);
	tcs_rows_slice(op, op->out, tile, &out);
	elements = tcs_box_elements(&out);
	values = tcs_scratch(st, TCS_SCRATCH_OUT, elements * out.element_bytes);
	indices = tcs_scratch(st, TCS_SCRATCH_IN2, elements * sizeof(*indices));
	if (!values || !indices)
		return ACI_STATUS_ENGINE_FAULT;
	if (n > CHUNK)
		return long_row(st, op, tile, values, indices);
	return short_rows(st, op, tile, elements / op->out->shape[op->axis], values, indices);
}
