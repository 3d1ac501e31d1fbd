// SPDX-License-Identifier: MIT
/* What an operation must look like: views inside their arguments, shapes that fit each other. */
#include <stdio.h>

#include "error.h"
#include "program.h"

#define ELEMENTS_MAX	(1ull << 40)

/* --- Views ------------------------------------------------------------------------ */

int accel_view_init(struct accel_view *view, enum accel_type type, uint32_t slot, uint64_t offset,
		    uint32_t rank, const uint64_t *shape)
{
	uint64_t stride = 1, end;

	if (!view || (rank && !shape))
		return error_set(-EINVAL, "view and shape must not be NULL");
	if (rank > ACCEL_RANK_MAX)
		return error_set(-EINVAL, "rank %u is above %d", rank, ACCEL_RANK_MAX);
	*view = (struct accel_view) { .type = type, .rank = rank, .slot = slot, .offset = offset };
	for (uint32_t i = rank; i-- > 0;) {
		view->shape[i] = shape[i];
		view->stride[i] = (int64_t)stride;
		if (!shape[i] || shape[i] > ELEMENTS_MAX / stride)
			return error_set(-EINVAL, "dimension %u of %llu elements is out of range",
					 i, (unsigned long long)shape[i]);
		stride *= shape[i];
	}
	return view_extent(view, &end);
}

uint32_t view_scalars(const struct accel_view *view, uint64_t slots[VIEW_SCALARS_MAX])
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < ACCEL_RANK_MAX; i++) {
		if (view->shape_from_argument >> i & 1)
			slots[count++] = view->shape[i];
		if (view->stride_from_argument >> i & 1)
			slots[count++] = (uint64_t)view->stride[i];
	}
	if (view->offset_from_argument)
		slots[count++] = view->offset_slot;
	return count;
}

static int check_scalars(const struct accel_view *view)
{
	uint64_t slots[VIEW_SCALARS_MAX];
	uint32_t count = view_scalars(view, slots);

	if ((view->shape_from_argument | view->stride_from_argument) >> view->rank)
		return error_set(-EINVAL,
				 "a size or stride from an argument, but rank %u has no such dimension",
				 view->rank);
	for (uint32_t i = 0; i < count; i++)
		if (slots[i] >= PROGRAM_SLOTS_MAX)
			return error_set(-EINVAL, "scalar argument slot %llu is above %u",
					 (unsigned long long)slots[i], PROGRAM_SLOTS_MAX - 1);
	return 0;
}

/* Size of dimension @i; 0: it comes from an argument. No known size is 0. */
uint64_t view_known_dim(const struct accel_view *view, uint32_t i)
{
	return view->shape_from_argument >> i & 1 ? 0 : view->shape[i];
}

/* Two sizes as view_known_dim() gives them: could they be the same? */
bool view_may_equal(uint64_t a, uint64_t b)
{
	return !a || !b || a == b;
}

/*
 * Where its first and last byte are, in 128 bits: shape below 2^40, stride below 2^63. An unknown
 * size is 1 or more and the addition to the offset is never negative, so that leaving them out
 * refuses no view that the card would take. The addition may make up for a reach to the front.
 */
int view_extent(const struct accel_view *view, uint64_t *end)
{
	uint32_t size = accel_type_bytes(view->type);
	uint64_t elements = 1;
	__int128 low = view->offset, high = low + size;

	if (!size)
		return error_set(-EINVAL, "unknown element type %d", (int)view->type);
	if (view->rank > ACCEL_RANK_MAX)
		return error_set(-EINVAL, "rank %u is above %d", view->rank, ACCEL_RANK_MAX);
	if (view->slot >= PROGRAM_SLOTS_MAX)
		return error_set(-EINVAL, "argument slot %u is above %u", view->slot,
				 PROGRAM_SLOTS_MAX - 1);
	if (view->offset % size)
		return error_set(-EINVAL,
				 "a view's offset must be a multiple of its element's %u bytes",
				 size);
	if (check_scalars(view))
		return -EINVAL;
	for (uint32_t i = 0; i < view->rank; i++) {
		__int128 reach;

		if (view->shape_from_argument >> i & 1)
			continue;
		if (!view->shape[i] || view->shape[i] > ELEMENTS_MAX / elements)
			return error_set(-EINVAL, "dimension %u of %llu elements is out of range",
					 i, (unsigned long long)view->shape[i]);
		elements *= view->shape[i];
		if (view->stride_from_argument >> i & 1)
			continue;
		reach = (__int128)view->stride[i] * (int64_t)(view->shape[i] - 1) * size;
		if (reach < 0)
			low += reach;
		else
			high += reach;
	}
	if ((low < 0 && !view->offset_from_argument) || high > (__int128)1 << 47)
		return error_set(-EINVAL, "a view reaches outside its argument: from byte %lld on",
				 (long long)low);
	*end = (uint64_t)high;
	return 0;
}

bool view_repeats_to(const struct accel_view *view, const struct accel_view *out)
{
	if (view->rank > out->rank)
		return false;
	for (uint32_t i = 0; i < view->rank; i++) {
		uint64_t size = view_known_dim(view, i);

		if (size != 1 &&
		    !view_may_equal(size, view_known_dim(out, i + out->rank - view->rank)))
			return false;
	}
	return true;
}

static void shape_text(const struct accel_view *view, char *text, size_t bytes)
{
	size_t used = 0;

	text[0] = '\0';
	if (!view) {
		snprintf(text, bytes, "none");
		return;
	}
	for (uint32_t i = 0; i < view->rank && used < bytes; i++) {
		uint64_t size = view_known_dim(view, i);

		if (size)
			used += (size_t)snprintf(text + used, bytes - used, "%s%llu", i ? "x" : "",
						 (unsigned long long)size);
		else
			used += (size_t)snprintf(text + used, bytes - used, "%s?", i ? "x" : "");
	}
	if (!view->rank)
		snprintf(text, bytes, "scalar");
}

int program_error_shapes(const struct program_op *op)
{
	char a[96], b[96], out[96];

	shape_text(op->in[0], a, sizeof(a));
	shape_text(op->in[1], b, sizeof(b));
	shape_text(op->out, out, sizeof(out));
	return error_set(-EINVAL, "%s: shapes do not fit: %s%s%s to %s", tcs_op_name(op->opcode), a,
			 op->in[1] ? ", " : "", op->in[1] ? b : "", out);
}

int program_error_bias(const struct program_op *op, const char *expected)
{
	char bias[96], out[96];

	shape_text(op->in[2], bias, sizeof(bias));
	shape_text(op->out, out, sizeof(out));
	return error_set(-EINVAL, "%s: a bias of %s, not %s of the output's %s",
			 tcs_op_name(op->opcode), bias, expected, out);
}

static uint64_t magnitude(int64_t stride)
{
	return stride < 0 ? -(uint64_t)stride : (uint64_t)stride;
}

/*
 * An output that writes an element twice has no defined result: in order of stride, no dimension
 * may overlap. Those with a size or stride from an argument are left out.
 */
static bool elements_are_distinct(const struct accel_view *view)
{
	uint8_t unknown = view->shape_from_argument | view->stride_from_argument;
	uint64_t reach = 1, done = 0;

	for (uint32_t round = 0; round < view->rank; round++) {
		uint64_t least = UINT64_MAX;
		uint32_t next = 0;

		for (uint32_t i = 0; i < view->rank; i++) {
			bool skip = unknown >> i & 1 || view->shape[i] == 1;
			uint64_t step = skip ? 0 : magnitude(view->stride[i]);

			if (!(done >> i & 1) && step < least) {
				least = step;
				next = i;
			}
		}
		done |= 1u << next;
		if (unknown >> next & 1 || view->shape[next] == 1)
			continue;
		if (least < reach)
			return false;
		reach += least * (view->shape[next] - 1);
	}
	return true;
}

/* --- Shapes ----------------------------------------------------------------------- */

bool view_shapes_may_equal(const struct accel_view *a, const struct accel_view *b)
{
	if (a->rank != b->rank)
		return false;
	for (uint32_t i = 0; i < a->rank; i++)
		if (!view_may_equal(view_known_dim(a, i), view_known_dim(b, i)))
			return false;
	return true;
}

/* Dimension @i of @rank, counted from the last one of @view: 1 where it has none. */
static uint64_t aligned_dim(const struct accel_view *view, uint32_t rank, uint32_t skip, uint32_t i)
{
	uint32_t own = view->rank - skip;

	return i + own < rank ? 1 : view_known_dim(view, i + own - rank);
}

/* All but the last @skip dimensions of out are the broadcast of those of a and b. */
static bool broadcast_fits(const struct accel_view *a, const struct accel_view *b,
			   const struct accel_view *out, uint32_t skip)
{
	uint32_t rank = (a->rank > b->rank ? a->rank : b->rank) - skip;

	if (out->rank - skip != rank)
		return false;
	for (uint32_t i = 0; i < rank; i++) {
		uint64_t x = aligned_dim(a, rank, skip, i), y = aligned_dim(b, rank, skip, i);
		uint64_t most = x > y ? x : y;

		if (x && y && x != y && x != 1 && y != 1)
			return false;
		/* An unknown size and 1 make an unknown one; with another, either 1 or the same. */
		if (((x && y) || most > 1) && !view_may_equal(view_known_dim(out, i), most))
			return false;
	}
	return true;
}

/* 0: unknown. */
uint64_t view_elements(const struct accel_view *view)
{
	uint64_t elements = 1;

	for (uint32_t i = 0; i < view->rank; i++)
		elements *= view_known_dim(view, i);
	return elements;
}

static int check_matmul(struct program_op *op)
{
	const struct accel_view *a = op->in[0], *b = op->in[1], *bias = op->in[2], *out = op->out;
	uint64_t m, n, k;

	if (a->rank < 2 || b->rank < 2 || out->rank < 2)
		return program_error_shapes(op);
	m = view_known_dim(a, a->rank - 2);
	k = view_known_dim(a, a->rank - 1);
	n = view_known_dim(b, b->rank - 1);
	if (!view_may_equal(view_known_dim(b, b->rank - 2), k) ||
	    !view_may_equal(view_known_dim(out, out->rank - 2), m) ||
	    !view_may_equal(view_known_dim(out, out->rank - 1), n) || !broadcast_fits(a, b, out, 2))
		return program_error_shapes(op);
	/* Of two views of one dimension, either may have its size. */
	m = m ? m : view_known_dim(out, out->rank - 2);
	n = n ? n : view_known_dim(out, out->rank - 1);
	if (bias && !(bias->rank == 1 && view_may_equal(view_known_dim(bias, 0), n)) &&
	    !(bias->rank == 2 && view_may_equal(view_known_dim(bias, 0), m) &&
	      view_may_equal(view_known_dim(bias, 1), n)))
		return program_error_bias(op, "N or MxN");
	if (__builtin_mul_overflow(view_elements(out), k, &op->macs))
		return program_error_shapes(op);
	return 0;
}

/* Each input broadcasts to the output, and each dimension of it is one of an input. */
static bool select_fits(const struct program_op *op)
{
	uint32_t rank = op->out->rank;

	for (uint32_t i = 0; i < rank; i++) {
		uint64_t out = view_known_dim(op->out, i), most = 1;
		bool unknown = !out;

		for (int n = 0; n < 3; n++) {
			uint64_t in = op->in[n]->rank > rank ? UINT64_MAX : aligned_dim(op->in[n], rank, 0, i);

			if (in != 1 && !view_may_equal(in, out))
				return false;
			unknown |= !in;
			most = in > most ? in : most;
		}
		if (!unknown && most != out)
			return false;
	}
	return true;
}

/* Dimensions of @axes become 1. */
static bool reduced_fits(const struct program_op *op, uint32_t axes)
{
	const struct accel_view *in = op->in[0], *out = op->out;

	if (in->rank != out->rank || axes >> in->rank)
		return false;
	for (uint32_t i = 0; i < in->rank; i++)
		if (!view_may_equal(view_known_dim(out, i), axes >> i & 1 ? 1 : view_known_dim(in, i)))
			return false;
	return true;
}

static int check_shapes(struct program_op *op)
{
	switch (op->opcode) {
	case ACI_TCS_OP_COPY:
	case ACI_TCS_OP_UNARY:
		return view_shapes_may_equal(op->in[0], op->out) ? 0 : program_error_shapes(op);
	case ACI_TCS_OP_SELECT:
		return select_fits(op) ? 0 : program_error_shapes(op);
	case ACI_TCS_OP_REDUCE:
		return reduced_fits(op, op->axes) ? 0 : program_error_shapes(op);
	case ACI_TCS_OP_ARG:
		if (op->axis >= op->in[0]->rank)
			return error_set(-EINVAL, "arg: there is no axis %u", op->axis);
		return reduced_fits(op, 1u << op->axis) ? 0 : program_error_shapes(op);
	case ACI_TCS_OP_BINARY:
	case ACI_TCS_OP_COMPARE:
		return broadcast_fits(op->in[0], op->in[1], op->out, 0) ? 0 : program_error_shapes(op);
	case ACI_TCS_OP_SOFTMAX:
		if (op->axis >= op->in[0]->rank)
			return error_set(-EINVAL, "softmax: there is no axis %u", op->axis);
		return view_shapes_may_equal(op->in[0], op->out) ? 0 : program_error_shapes(op);
	case ACI_TCS_OP_MATMUL:
		return check_matmul(op);
	case ACI_TCS_OP_CONV:
	case ACI_TCS_OP_CONV_TRANSPOSE:
	case ACI_TCS_OP_POOL_MAX:
	case ACI_TCS_OP_POOL_AVG:
	case ACI_TCS_OP_RESIZE:
		return program_check_spatial(op);
	default:
		return program_check_index(op);
	}
}

static bool sizes_are_known(const struct program_op *op)
{
	for (int i = 0; i < PROGRAM_INPUTS; i++)
		if (op->in[i] && op->in[i]->shape_from_argument)
			return false;
	return !op->out->shape_from_argument;
}

static int check_extents(const struct program_op *op)
{
	uint64_t end;
	int ret = 0;

	for (int i = 0; i < PROGRAM_INPUTS && !ret; i++)
		ret = op->in[i] ? view_extent(op->in[i], &end) : 0;
	if (!ret)
		ret = view_extent(op->out, &end);
	if (!ret && op->out1)
		ret = view_extent(op->out1, &end);
	return ret;
}

int program_check_op(const struct accel_device *device, struct program_op *op)
{
	int ret = check_extents(op);

	op->macs = 0;
	if (!ret)
		ret = program_check_types(device, op);
	if (!ret)
		ret = check_shapes(op);
	if (!sizes_are_known(op))
		op->macs = 0;
	if (!ret && (!elements_are_distinct(op->out) ||
		     (op->out1 && !elements_are_distinct(op->out1))))
		ret = error_set(-EINVAL, "%s: the output view names an element twice",
				tcs_op_name(op->opcode));
	return ret;
}
