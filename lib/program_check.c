// SPDX-License-Identifier: MIT
/* What an operation must look like: types that the card lists, shapes that fit each other. */
#include <endian.h>
#include <stdio.h>
#include <string.h>

#include "error.h"
#include "program.h"

#define ELEMENTS_MAX	(1ull << 40)

const char *tcs_op_name(uint32_t opcode)
{
	switch (opcode) {
	case ACI_TCS_OP_COPY:
		return "copy";
	case ACI_TCS_OP_UNARY:
		return "unary";
	case ACI_TCS_OP_BINARY:
		return "binary";
	case ACI_TCS_OP_SOFTMAX:
		return "softmax";
	case ACI_TCS_OP_MATMUL:
		return "matmul";
	case ACI_TCS_OP_CONV:
		return "conv";
	case ACI_TCS_OP_POOL_MAX:
		return "pool_max";
	case ACI_TCS_OP_POOL_AVG:
		return "pool_avg";
	default:
		return "unknown operation";
	}
}

const char *tcs_type_name(enum accel_type type)
{
	switch (type) {
	case ACCEL_F32:
		return "f32";
	case ACCEL_I8:
		return "i8";
	case ACCEL_U8:
		return "u8";
	case ACCEL_I32:
		return "i32";
	case ACCEL_I64:
		return "i64";
	case ACCEL_BOOL:
		return "bool";
	default:
		return "unknown type";
	}
}

uint32_t accel_type_bytes(enum accel_type type)
{
	switch (type) {
	case ACCEL_I8:
	case ACCEL_U8:
	case ACCEL_BOOL:
		return 1;
	case ACCEL_F32:
	case ACCEL_I32:
		return 4;
	case ACCEL_I64:
		return 8;
	default:
		return 0;
	}
}

/* --- What the card lists ---------------------------------------------------------- */

static bool set_lists(const struct aci_identify_set *set, uint32_t opcode, uint32_t function,
		      uint64_t combo)
{
	for (uint32_t i = 0; i < le32toh(set->op_count); i++) {
		const struct aci_identify_set_op *entry = &set->ops[i];
		uint32_t mask = le32toh(entry->function_mask);

		if (le16toh(entry->opcode) != opcode || !(le64toh(entry->types) & combo))
			continue;
		/* Without a mask: operations with an activation take RELU, others no function. */
		if (!mask)
			mask = opcode == ACI_TCS_OP_MATMUL || opcode == ACI_TCS_OP_CONV ?
			       1u << ACI_TCS_UNARY_IDENTITY | 1u << ACI_TCS_UNARY_RELU : 1u;
		if (function < 32 && mask >> function & 1)
			return true;
	}
	return false;
}

static uint64_t combo_of(uint32_t opcode, enum accel_type in, enum accel_type out)
{
	if (!accel_type_bytes(in) || !accel_type_bytes(out))
		return 0;
	if (opcode == ACI_TCS_OP_COPY)
		return ACI_TCS_COMBO_CONVERT;
	if (in == ACCEL_F32 && out == ACCEL_F32)
		return ACI_TCS_COMBO_F32;
	if (in == ACCEL_I32 && out == ACCEL_I32)
		return ACI_TCS_COMBO_I32;
	if (in == ACCEL_I8 && out == ACCEL_I8)
		return ACI_TCS_COMBO_I8;
	if (in == ACCEL_I8 && out == ACCEL_I32)
		return ACI_TCS_COMBO_I8_I32;
	return 0;
}

bool accel_program_supports(struct accel_device *device, uint32_t opcode, uint32_t function,
			    enum accel_type in, enum accel_type out)
{
	const struct aci_identify_set *set = device ? device_get_tcs(device) : NULL;

	return set && set_lists(set, opcode, function, combo_of(opcode, in, out));
}

static int check_types(const struct accel_device *device, const struct program_op *op)
{
	enum accel_type in = op->in[0]->type, out = op->out->type;
	enum accel_type bias = in == ACCEL_I8 && out == ACCEL_I32 ? ACCEL_I32 : in;
	bool mixed = (op->in[1] && op->in[1]->type != in) || (op->in[2] && op->in[2]->type != bias);
	const struct aci_identify_set *set = device_get_tcs(device);

	if (!set)
		return error_set(-ENOTSUP, "%s has no tensor command set", device->info.name);
	if (!mixed && set_lists(set, op->opcode, op->function, combo_of(op->opcode, in, out)))
		return 0;
	return error_set(-ENOTSUP, "%s does not take %s (function %u) from %s%s%s to %s",
			 device->info.name, tcs_op_name(op->opcode), op->function,
			 tcs_type_name(in), op->in[1] ? ", " : "",
			 op->in[1] ? tcs_type_name(op->in[1]->type) : "", tcs_type_name(out));
}

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

/* Where its first and last byte are, in 128 bits: shape below 2^40, stride below 2^63. */
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
	for (uint32_t i = 0; i < view->rank; i++) {
		__int128 reach;

		if (!view->shape[i] || view->shape[i] > ELEMENTS_MAX / elements)
			return error_set(-EINVAL, "dimension %u of %llu elements is out of range",
					 i, (unsigned long long)view->shape[i]);
		elements *= view->shape[i];
		reach = (__int128)view->stride[i] * (int64_t)(view->shape[i] - 1) * size;
		if (reach < 0)
			low += reach;
		else
			high += reach;
	}
	if (low < 0 || high > (__int128)1 << 47)
		return error_set(-EINVAL, "a view reaches outside its argument: from byte %lld on",
				 (long long)low);
	*end = (uint64_t)high;
	return 0;
}

static void shape_text(const struct accel_view *view, char *text, size_t bytes)
{
	size_t used = 0;

	text[0] = '\0';
	if (!view) {
		snprintf(text, bytes, "none");
		return;
	}
	for (uint32_t i = 0; i < view->rank && used < bytes; i++)
		used += (size_t)snprintf(text + used, bytes - used, "%s%llu", i ? "x" : "",
					 (unsigned long long)view->shape[i]);
	if (!view->rank)
		snprintf(text, bytes, "scalar");
}

static int error_shapes(const struct program_op *op)
{
	char a[96], b[96], out[96];

	shape_text(op->in[0], a, sizeof(a));
	shape_text(op->in[1], b, sizeof(b));
	shape_text(op->out, out, sizeof(out));
	return error_set(-EINVAL, "%s: shapes do not fit: %s%s%s to %s", tcs_op_name(op->opcode), a,
			 op->in[1] ? ", " : "", op->in[1] ? b : "", out);
}

static uint64_t magnitude(int64_t stride)
{
	return stride < 0 ? -(uint64_t)stride : (uint64_t)stride;
}

/*
 * An output that writes an element twice has no defined result: in order of stride, no dimension
 * may overlap.
 */
static bool elements_are_distinct(const struct accel_view *view)
{
	uint64_t reach = 1, done = 0;

	for (uint32_t round = 0; round < view->rank; round++) {
		uint64_t least = UINT64_MAX;
		uint32_t next = 0;

		for (uint32_t i = 0; i < view->rank; i++) {
			uint64_t step = view->shape[i] == 1 ? 0 : magnitude(view->stride[i]);

			if (!(done >> i & 1) && step < least) {
				least = step;
				next = i;
			}
		}
		done |= 1u << next;
		if (view->shape[next] == 1)
			continue;
		if (least < reach)
			return false;
		reach += least * (view->shape[next] - 1);
	}
	return true;
}

/* --- Shapes ----------------------------------------------------------------------- */

static bool shapes_equal(const struct accel_view *a, const struct accel_view *b)
{
	return a->rank == b->rank && !memcmp(a->shape, b->shape, a->rank * sizeof(a->shape[0]));
}

/* Dimension @i of @rank, counted from the last one of @view: 1 where it has none. */
static uint64_t aligned_dim(const struct accel_view *view, uint32_t rank, uint32_t skip, uint32_t i)
{
	uint32_t own = view->rank - skip;

	return i + own < rank ? 1 : view->shape[i + own - rank];
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

		if ((x != y && x != 1 && y != 1) || out->shape[i] != (x > y ? x : y))
			return false;
	}
	return true;
}

static uint64_t view_elements(const struct accel_view *view)
{
	uint64_t elements = 1;

	for (uint32_t i = 0; i < view->rank; i++)
		elements *= view->shape[i];
	return elements;
}

static int check_matmul(struct program_op *op)
{
	const struct accel_view *a = op->in[0], *b = op->in[1], *bias = op->in[2], *out = op->out;
	uint64_t m, n, k;

	if (a->rank < 2 || b->rank < 2 || out->rank < 2)
		return error_shapes(op);
	m = a->shape[a->rank - 2];
	k = a->shape[a->rank - 1];
	n = b->shape[b->rank - 1];
	if (b->shape[b->rank - 2] != k || out->shape[out->rank - 2] != m ||
	    out->shape[out->rank - 1] != n || !broadcast_fits(a, b, out, 2))
		return error_shapes(op);
	if (bias && !(bias->rank == 1 && bias->shape[0] == n) &&
	    !(bias->rank == 2 && bias->shape[0] == m && bias->shape[1] == n))
		return error_set(-EINVAL, "matmul: the bias must have shape %llu or %llux%llu",
				 (unsigned long long)n, (unsigned long long)m,
				 (unsigned long long)n);
	if (__builtin_mul_overflow(view_elements(out), k, &op->macs))
		return error_shapes(op);
	return 0;
}

uint64_t window_outputs(uint64_t in, uint64_t kernel, uint32_t stride, uint32_t dilation,
			uint32_t pad_begin, uint32_t pad_end)
{
	uint64_t extent, padded = in + pad_begin + pad_end;

	if (!kernel || !stride || __builtin_mul_overflow(kernel - 1, dilation, &extent) ||
	    extent >= padded)
		return 0;
	return (padded - extent - 1) / stride + 1;
}

int window_check(const struct accel_window *window, uint32_t opcode)
{
	bool conv = opcode == ACI_TCS_OP_CONV;

	if (!window)
		return error_set(-EINVAL, "%s: window must not be NULL", tcs_op_name(opcode));
	for (int i = 0; i < 2; i++)
		if (!window->stride[i] || !window->dilation[i] || (!conv && !window->kernel[i]))
			return error_set(-EINVAL,
					 "%s: kernel, stride and dilation must be 1 or more",
					 tcs_op_name(opcode));
	if (conv && !window->groups)
		return error_set(-EINVAL, "conv: groups must be 1 or more");
	return 0;
}

static bool window_fits(const struct program_op *op, uint64_t rows, uint64_t columns)
{
	const struct accel_window *w = op->window;
	const struct accel_view *in = op->in[0], *out = op->out;

	return out->shape[2] == window_outputs(in->shape[2], rows, w->stride[0], w->dilation[0],
					       w->pad_begin[0], w->pad_end[0]) &&
	       out->shape[3] == window_outputs(in->shape[3], columns, w->stride[1], w->dilation[1],
					       w->pad_begin[1], w->pad_end[1]);
}

static int check_conv(struct program_op *op)
{
	const struct accel_view *in = op->in[0], *weights = op->in[1], *bias = op->in[2],
				*out = op->out;
	int ret = window_check(op->window, op->opcode);
	uint64_t groups, per_output;

	if (ret)
		return ret;
	groups = op->window->groups;
	if (in->rank != 4 || weights->rank != 4 || out->rank != 4 ||
	    in->shape[0] != out->shape[0] || weights->shape[0] != out->shape[1] ||
	    weights->shape[0] % groups || in->shape[1] % groups ||
	    in->shape[1] / groups != weights->shape[1] ||
	    !window_fits(op, weights->shape[2], weights->shape[3]))
		return error_shapes(op);
	if (bias && (bias->rank != 1 || bias->shape[0] != weights->shape[0]))
		return error_set(-EINVAL,
				 "conv: the bias must have one element for each of %llu filters",
				 (unsigned long long)weights->shape[0]);
	per_output = view_elements(weights) / weights->shape[0];
	if (__builtin_mul_overflow(view_elements(out), per_output, &op->macs))
		return error_shapes(op);
	return 0;
}

static int check_pool(const struct program_op *op)
{
	const struct accel_view *in = op->in[0], *out = op->out;
	int ret = window_check(op->window, op->opcode);

	if (ret)
		return ret;
	if (in->rank != 4 || out->rank != 4 || in->shape[0] != out->shape[0] ||
	    in->shape[1] != out->shape[1] ||
	    !window_fits(op, op->window->kernel[0], op->window->kernel[1]))
		return error_shapes(op);
	return 0;
}

static int check_shapes(struct program_op *op)
{
	switch (op->opcode) {
	case ACI_TCS_OP_COPY:
	case ACI_TCS_OP_UNARY:
		return shapes_equal(op->in[0], op->out) ? 0 : error_shapes(op);
	case ACI_TCS_OP_BINARY:
		return broadcast_fits(op->in[0], op->in[1], op->out, 0) ? 0 : error_shapes(op);
	case ACI_TCS_OP_SOFTMAX:
		if (op->axis >= op->in[0]->rank)
			return error_set(-EINVAL, "softmax: there is no axis %u", op->axis);
		return shapes_equal(op->in[0], op->out) ? 0 : error_shapes(op);
	case ACI_TCS_OP_MATMUL:
		return check_matmul(op);
	case ACI_TCS_OP_CONV:
		return check_conv(op);
	case ACI_TCS_OP_POOL_MAX:
	case ACI_TCS_OP_POOL_AVG:
		return check_pool(op);
	default:
		return error_set(-ENOTSUP, "unknown operation 0x%x", op->opcode);
	}
}

int program_check_op(const struct accel_device *device, struct program_op *op)
{
	uint64_t end;
	int ret = 0;

	op->macs = 0;
	for (int i = 0; i < PROGRAM_INPUTS && !ret; i++)
		ret = op->in[i] ? view_extent(op->in[i], &end) : 0;
	if (!ret)
		ret = view_extent(op->out, &end);
	if (!ret)
		ret = check_types(device, op);
	if (!ret)
		ret = check_shapes(op);
	if (!ret && !elements_are_distinct(op->out))
		ret = error_set(-EINVAL, "%s: the output view names an element twice",
				tcs_op_name(op->opcode));
	return ret;
}
