// SPDX-License-Identifier: MIT
/* Checking the shapes of an operation's operands against each other. */
#include <string.h>

#include "tcs.h"
#include "tcs_window.h"

bool tcs_same_shape(const struct tcs_tensor *a, const struct tcs_tensor *b)
{
	return a->rank == b->rank && !memcmp(a->shape, b->shape, a->rank * sizeof(a->shape[0]));
}

/* Does the shape @a, aligned at its last dimension, repeat to fill @shape? */
static bool broadcasts(unsigned int a_rank, const uint64_t *a, unsigned int rank,
		       const uint64_t *shape)
{
	if (a_rank > rank)
		return false;
	for (unsigned int i = 0; i < a_rank; i++)
		if (a[i] != 1 && a[i] != shape[rank - a_rank + i])
			return false;
	return true;
}

/* Is every dimension of @shape that of one of the two? Both are known to broadcast to it. */
static bool broadcast_is_exact(const struct tcs_tensor *a, const struct tcs_tensor *b,
			       unsigned int rank, const uint64_t *shape, unsigned int skip)
{
	if (rank != (a->rank > b->rank ? a->rank : b->rank))
		return false;
	for (unsigned int i = skip; i < rank; i++) {
		const uint64_t in_a = i < a->rank ? a->shape[a->rank - 1 - i] : 1;
		const uint64_t in_b = i < b->rank ? b->shape[b->rank - 1 - i] : 1;

		if (shape[rank - 1 - i] != tcs_max(in_a, in_b))
			return false;
	}
	return true;
}

static bool binary_fits(const struct tcs_op *op)
{
	const struct tcs_tensor *a = op->in[0], *b = op->in[1], *out = op->out;

	return broadcasts(a->rank, a->shape, out->rank, out->shape) &&
	       broadcasts(b->rank, b->shape, out->rank, out->shape) &&
	       broadcast_is_exact(a, b, out->rank, out->shape, 0);
}

static bool matmul_fits(const struct tcs_op *op)
{
	const struct tcs_tensor *a = op->in[0], *b = op->in[1], *c = op->in[2], *out = op->out;
	uint64_t m, n, k;

	if (a->rank < 2 || b->rank < 2 || out->rank < 2)
		return false;
	m = a->shape[a->rank - 2];
	k = a->shape[a->rank - 1];
	n = b->shape[b->rank - 1];
	if (b->shape[b->rank - 2] != k || out->shape[out->rank - 2] != m ||
	    out->shape[out->rank - 1] != n || k > ACI_TCS_REDUCE_MAX)
		return false;
	if (!broadcasts(a->rank - 2, a->shape, out->rank - 2, out->shape) ||
	    !broadcasts(b->rank - 2, b->shape, out->rank - 2, out->shape) ||
	    !broadcast_is_exact(a, b, out->rank, out->shape, 2))
		return false;
	if (!c)
		return true;
	return (c->rank == 1 && c->shape[0] == n) ||
	       (c->rank == 2 && c->shape[0] == m && c->shape[1] == n);
}

static bool conv_fits(struct tcs_op *op)
{
	const struct tcs_tensor *in = op->in[0], *w = op->in[1], *bias = op->in[2], *out = op->out;
	struct tcs_window_plan *plan = &op->window;

	if (in->rank != 4 || w->rank != 4 || out->rank != 4 || in->shape[0] != out->shape[0] ||
	    w->shape[0] != out->shape[1] || w->shape[0] % plan->groups ||
	    in->shape[1] % plan->groups || in->shape[1] / plan->groups != w->shape[1])
		return false;
	if (bias && (bias->rank != 1 || bias->shape[0] != w->shape[0]))
		return false;
	plan->axis[0].kernel = w->shape[2];
	plan->axis[1].kernel = w->shape[3];
	plan->channels = w->shape[1];
	plan->filters = w->shape[0] / plan->groups;
	return tcs_window_fits(plan, in, out);
}

/* in1 is [C, O / groups, KH, KW]. */
static bool conv_transpose_fits(struct tcs_op *op)
{
	const struct tcs_tensor *in = op->in[0], *w = op->in[1], *bias = op->in[2], *out = op->out;
	struct tcs_window_plan *plan = &op->window;

	if (in->rank != 4 || w->rank != 4 || out->rank != 4 || in->shape[0] != out->shape[0] ||
	    w->shape[0] != in->shape[1] || in->shape[1] % plan->groups ||
	    out->shape[1] % plan->groups || out->shape[1] / plan->groups != w->shape[1])
		return false;
	if (bias && (bias->rank != 1 || bias->shape[0] != out->shape[1]))
		return false;
	plan->axis[0].kernel = w->shape[2];
	plan->axis[1].kernel = w->shape[3];
	plan->channels = w->shape[0] / plan->groups;
	plan->filters = w->shape[1];
	return tcs_window_fits(plan, in, out);
}

/* The place of the last element does not overflow; that of the first is the offset. */
static bool place_fits(const struct tcs_place *place, uint64_t out)
{
	const __int128 last = (__int128)place->step * (int64_t)(out - 1) + place->offset;
	const __int128 limit = (__int128)1 << 62;

	return last > -limit && last < limit && place->offset > -limit && place->offset < limit;
}

static bool resize_fits(const struct tcs_op *op)
{
	const struct tcs_tensor *in = op->in[0], *out = op->out;

	return in->rank == 4 && out->rank == 4 && in->shape[0] == out->shape[0] &&
	       in->shape[1] == out->shape[1] &&
	       place_fits(&op->resize.place[0], out->shape[2]) &&
	       place_fits(&op->resize.place[1], out->shape[3]);
}

static bool quantise_fits(const struct tcs_op *op)
{
	const struct tcs_tensor *out = op->out;

	for (unsigned int i = 1; i < 3; i++)
		if (op->in[i] &&
		    !broadcasts(op->in[i]->rank, op->in[i]->shape, out->rank, out->shape))
			return false;
	return tcs_same_shape(op->in[0], out);
}

static bool pool_fits(struct tcs_op *op)
{
	const struct tcs_tensor *in = op->in[0], *out = op->out;
	struct tcs_window_plan *plan = &op->window;

	if (in->rank != 4 || out->rank != 4 || in->shape[0] != out->shape[0] ||
	    in->shape[1] != out->shape[1])
		return false;
	plan->groups = in->shape[1];
	plan->channels = 1;
	plan->filters = 1;
	return tcs_window_fits(plan, in, out);
}

static bool rows_fit(const struct tcs_op *op)
{
	return tcs_same_shape(op->in[0], op->out) && op->axis < op->out->rank &&
	       op->out->shape[op->axis] <= ACI_TCS_REDUCE_MAX;
}

static bool select_fits(const struct tcs_op *op)
{
	const struct tcs_tensor *out = op->out;

	for (unsigned int i = 0; i < out->rank; i++) {
		uint64_t most = 1;

		for (unsigned int j = 0; j < 3; j++) {
			const struct tcs_tensor *in = op->in[j];

			if (!broadcasts(in->rank, in->shape, out->rank, out->shape))
				return false;
			if (i < in->rank)
				most = tcs_max(most, in->shape[in->rank - 1 - i]);
		}
		if (out->shape[out->rank - 1 - i] != most)
			return false;
	}
	return out->rank == tcs_max(op->in[0]->rank, tcs_max(op->in[1]->rank, op->in[2]->rank));
}

static bool reduce_fits(const struct tcs_op *op)
{
	const struct tcs_tensor *in = op->in[0], *out = op->out;
	uint64_t n = 1;

	if (in->rank != out->rank || op->axes >> in->rank)
		return false;
	for (unsigned int i = 0; i < in->rank; i++) {
		const bool reduced = op->axes >> i & 1;

		if (out->shape[i] != (reduced ? 1 : in->shape[i]))
			return false;
		if (reduced && in->shape[i] > ACI_TCS_REDUCE_MAX / n)
			return false;
		n *= reduced ? in->shape[i] : 1;
	}
	return true;
}

/* One element of the output for each row. */
static bool arg_fits(const struct tcs_op *op)
{
	const struct tcs_tensor *in = op->in[0], *out = op->out;

	if (op->axis >= in->rank || in->rank != out->rank)
		return false;
	for (unsigned int i = 0; i < in->rank; i++)
		if (out->shape[i] != (i == op->axis ? 1 : in->shape[i]))
			return false;
	return in->shape[op->axis] <= ACI_TCS_REDUCE_MAX;
}

static bool normalise_fits(const struct tcs_op *op)
{
	const struct tcs_tensor *out = op->out;
	uint64_t n = 1;

	if (!tcs_same_shape(op->in[0], out) || op->axes >> out->rank)
		return false;
	for (unsigned int i = 1; i < 3; i++)
		if (op->in[i] &&
		    !broadcasts(op->in[i]->rank, op->in[i]->shape, out->rank, out->shape))
			return false;
	for (unsigned int i = 0; i < out->rank; i++) {
		if (!(op->axes >> i & 1))
			continue;
		if (out->shape[i] > ACI_TCS_REDUCE_MAX / n)
			return false;
		n *= out->shape[i];
	}
	return true;
}

static bool topk_fits(const struct tcs_op *op)
{
	const struct tcs_tensor *in = op->in[0], *out = op->out;

	if (op->axis >= in->rank || in->rank != out->rank || !tcs_same_shape(out, op->out1))
		return false;
	for (unsigned int i = 0; i < in->rank; i++)
		if (i != op->axis && out->shape[i] != in->shape[i])
			return false;
	return out->shape[op->axis] <= in->shape[op->axis] &&
	       in->shape[op->axis] <= ACI_TCS_REDUCE_MAX;
}

/*
 * @dense: what is read from or written to places in @data: its dimensions are
 * those of the data before the indexed ones, those of the indices alone, those
 * of the data after the indexed ones.
 */
static bool index_fits(const struct tcs_op *op, const struct tcs_tensor *data,
		       const struct tcs_tensor *dense)
{
	const struct tcs_tensor *index = op->in[1];
	unsigned int suffix;

	if (op->axis >= data->rank || op->index_count > data->rank - op->axis ||
	    index->rank != dense->rank + 1 || index->shape[dense->rank] != op->index_count)
		return false;
	suffix = data->rank - op->axis - op->index_count;
	if (dense->rank < op->axis + suffix)
		return false;
	for (unsigned int i = 0; i < dense->rank; i++) {
		const unsigned int after = dense->rank - i;

		if (index->shape[i] != 1 && index->shape[i] != dense->shape[i])
			return false;
		if (i < op->axis && dense->shape[i] != data->shape[i])
			return false;
		if (after <= suffix && dense->shape[i] != data->shape[data->rank - after])
			return false;
	}
	return true;
}

bool tcs_shapes_fit(struct tcs_op *op)
{
	switch (op->opcode) {
	case ACI_TCS_OP_BINARY:
	case ACI_TCS_OP_COMPARE:
		return binary_fits(op);
	case ACI_TCS_OP_SELECT:
		return select_fits(op);
	case ACI_TCS_OP_FILL:
		return op->function == ACI_TCS_FILL_CONSTANT || op->axis < op->out->rank;
	case ACI_TCS_OP_SOFTMAX:
	case ACI_TCS_OP_CUMULATE:
		return rows_fit(op);
	case ACI_TCS_OP_REDUCE:
		return reduce_fits(op);
	case ACI_TCS_OP_ARG:
		return arg_fits(op);
	case ACI_TCS_OP_GATHER:
		return index_fits(op, op->in[0], op->out);
	case ACI_TCS_OP_SCATTER:
		return index_fits(op, op->out, op->in[0]);
	case ACI_TCS_OP_NORMALISE:
		return normalise_fits(op);
	case ACI_TCS_OP_TOP_K:
		return topk_fits(op);
	case ACI_TCS_OP_MATMUL:
		return matmul_fits(op);
	case ACI_TCS_OP_CONV:
		return conv_fits(op);
	case ACI_TCS_OP_CONV_TRANSPOSE:
		return conv_transpose_fits(op);
	case ACI_TCS_OP_RESIZE:
		return resize_fits(op);
	case ACI_TCS_OP_QUANTISE:
	case ACI_TCS_OP_DEQUANTISE:
		return quantise_fits(op);
	case ACI_TCS_OP_POOL_MAX:
	case ACI_TCS_OP_POOL_AVG:
		return pool_fits(op);
	default:
		return tcs_same_shape(op->in[0], op->out);
	}
}
