// SPDX-License-Identifier: MIT
/*
 * Operators that read, write and order by indices. Indices of run time are the
 * card's matter, which checks them; known ones are checked here.
 */
#include <errno.h>
#include <stdlib.h>

#include <aci/aci_tcs.h>

#include "handlers.h"

static bool are_indices(struct onnx_node *node, const struct onnx_shape *shape)
{
	if (shape->type != ACCEL_I64 && shape->type != ACCEL_I32)
		onnx_fail(node, -EINVAL, "the indices are not integers");
	return !node->error;
}

/* --- Known indices ------------------------------------------------------------------ */

/* They go on in one step that is not 0. */
static bool is_run(const int64_t *from, uint64_t count)
{
	for (uint64_t i = 1; i < count; i++)
		if (from[1] == from[0] || from[i] - from[i - 1] != from[1] - from[0])
			return false;
	return true;
}

static uint32_t pick_run(struct onnx_node *node, uint32_t in, const struct onnx_shape *shape,
			 uint32_t axis, const int64_t *from, uint64_t count)
{
	uint64_t begin[ACCEL_RANK_MAX] = { 0 };
	struct onnx_shape out = *shape;
	int64_t step[ACCEL_RANK_MAX];

	for (uint32_t i = 0; i < shape->rank; i++)
		step[i] = 1;
	begin[axis] = from[0];
	step[axis] = count > 1 ? from[1] - from[0] : 1;
	out.dim[axis] = count;
	return onnx_slice(node, in, begin, out.dim, step);
}

/*
 * Elements @from of an axis, which are inside: a view where it can be one. As [outer, axis, inner],
 * because indices have a dimension more than what they pick.
 */
uint32_t onnx_pick(struct onnx_node *node, uint32_t in, uint32_t axis, const int64_t *from,
		   uint64_t count)
{
	struct onnx_shape shape, list = { .type = ACCEL_I64, .rank = 4, .dim = { 1, count, 1, 1 } };
	struct onnx_constant *constant;
	void *data;

	if (!onnx_shape_of(node, in, &shape))
		return 0;
	if (is_run(from, count))
		return pick_run(node, in, &shape, axis, from, count);
	constant = onnx_constant_new(node->import, &list, &data);
	for (uint64_t i = 0; constant && i < count; i++)
		((int64_t *)data)[i] = from[i];
	in = onnx_reshape(node, in, 3, (uint64_t[]){ onnx_product(&shape, 0, axis), shape.dim[axis],
						     onnx_product(&shape, axis + 1, shape.rank) });
	in = onnx_gather(node, 1, 1, in, onnx_constant_tensor(node, constant));
	shape.dim[axis] = count;
	return onnx_reshape(node, in, shape.rank, shape.dim);
}

static uint32_t pick_known(struct onnx_node *node, uint32_t in, uint32_t axis, uint64_t size,
			   const struct onnx_constant *indices)
{
	int64_t *from = calloc(indices->count, sizeof(*from));
	uint32_t out = 0;

	if (!from)
		return onnx_fail(node, -ENOMEM, "no memory");
	for (uint64_t i = 0; i < indices->count && !node->error; i++) {
		int64_t at = onnx_constant_int(indices, i);

		from[i] = at < 0 ? at + (int64_t)size : at;
		if (from[i] < 0 || (uint64_t)from[i] >= size)
			onnx_fail(node, -EINVAL, "index %lld is outside of the axis", (long long)at);
	}
	if (!node->error)
		out = onnx_pick(node, in, axis, from, indices->count);
	free(from);
	return out;
}

/* Elements of an axis, or of all elements in a row, where the condition is true. */
int onnx_build_compress(struct onnx_node *node)
{
	const struct onnx_constant *condition = onnx_input_constant(node, 1);
	bool flat = !onnx_attr(node, "axis");
	uint32_t in = onnx_input(node, 0), axis = 0;
	struct onnx_shape shape;
	uint64_t kept = 0;
	int64_t *from;

	if (!onnx_shape_of(node, in, &shape) || !condition)
		return node->error;
	if (flat) {
		shape.dim[0] = onnx_product(&shape, 0, shape.rank);
		shape.rank = 1;
		in = onnx_reshape(node, in, 1, shape.dim);
	} else if (!onnx_axis(node, onnx_attr_int(node, "axis", 0), shape.rank, &axis)) {
		return node->error;
	}
	from = calloc(shape.dim[axis], sizeof(*from));
	if (!from) {
		onnx_fail(node, -ENOMEM, "no memory");
		return node->error;
	}
	for (uint64_t i = 0; i < condition->count && i < shape.dim[axis]; i++)
		if (onnx_constant_int(condition, i))
			from[kept++] = (int64_t)i;
	if (!kept)
		onnx_fail(node, -ENOTSUP, "the result has no elements");
	else
		onnx_output(node, 0, onnx_pick(node, in, axis, from, kept));
	free(from);
	return node->error;
}

/* --- Gather -------------------------------------------------------------------------- */

bool onnx_gather_shape(struct onnx_node *node, const struct onnx_shape *in,
		       const struct onnx_shape *indices, uint32_t axis, struct onnx_shape *out)
{
	if (!are_indices(node, indices))
		return false;
	if (in->rank - 1 + indices->rank > ACCEL_RANK_MAX) {
		onnx_fail(node, -ENOTSUP, "the result has more than %d dimensions", ACCEL_RANK_MAX);
		return false;
	}
	*out = (struct onnx_shape){ .type = in->type };
	for (uint32_t i = 0; i < axis; i++)
		out->dim[out->rank++] = in->dim[i];
	for (uint32_t i = 0; i < indices->rank; i++)
		out->dim[out->rank++] = indices->dim[i];
	for (uint32_t i = axis + 1; i < in->rank; i++)
		out->dim[out->rank++] = in->dim[i];
	return true;
}

/* Indices of run time: [outer, axis, inner] by [1, places, 1, 1]. */
static uint32_t gather_rows(struct onnx_node *node, uint32_t in, const struct onnx_shape *shape,
			    uint32_t axis, uint64_t places)
{
	uint32_t indices = onnx_reshape(node, onnx_input(node, 1), 4,
					(uint64_t[]){ 1, places, 1, 1 });

	in = onnx_reshape(node, in, 3, (uint64_t[]){ onnx_product(shape, 0, axis), shape->dim[axis],
						     onnx_product(shape, axis + 1, shape->rank) });
	return onnx_gather(node, 1, 1, in, indices);
}

int onnx_build_gather(struct onnx_node *node)
{
	const struct onnx_constant *known = onnx_input_if_constant(node, 1);
	int64_t axis = onnx_attr_int(node, "axis", 0);
	uint32_t in = onnx_input(node, 0), index;
	struct onnx_shape shape, places, out;
	uint64_t count;

	if (!onnx_shape_of(node, in, &shape) || !onnx_axis(node, axis, shape.rank, &index) ||
	    !onnx_input_shape(node, 1, &places) ||
	    !onnx_gather_shape(node, &shape, &places, index, &out))
		return node->error;
	count = onnx_product(&places, 0, places.rank);
	if (!count)
		onnx_fail(node, -ENOTSUP, "the result has no elements");
	else if (known)
		in = pick_known(node, in, index, shape.dim[index], known);
	else
		in = gather_rows(node, in, &shape, index, count);
	return onnx_output(node, 0, onnx_reshape(node, in, out.rank, out.dim));
}

/* An index tensor with one index for each place: one dimension more, of 1. */
static uint32_t each_place(struct onnx_node *node, uint32_t indices,
			   const struct onnx_shape *places)
{
	uint64_t dim[ACCEL_RANK_MAX + 1];

	if (places->rank >= ACCEL_RANK_MAX)
		return onnx_fail(node, -ENOTSUP, "indices of %u dimensions, at most %d are supported",
				 places->rank, ACCEL_RANK_MAX - 1);
	for (uint32_t i = 0; i < places->rank; i++)
		dim[i] = places->dim[i];
	dim[places->rank] = 1;
	return onnx_reshape(node, indices, places->rank + 1, dim);
}

/* The part of the data that @places spans; the axis stays whole. */
static uint32_t spanned(struct onnx_node *node, uint32_t in, const struct onnx_shape *shape,
			const struct onnx_shape *places, uint32_t axis)
{
	uint64_t begin[ACCEL_RANK_MAX] = { 0 };
	struct onnx_shape part = *places;

	if (places->rank != shape->rank)
		return onnx_fail(node, -EINVAL, "the indices have %u dimensions, the data %u",
				 places->rank, shape->rank);
	part.dim[axis] = shape->dim[axis];
	for (uint32_t i = 0; i < shape->rank; i++)
		if (part.dim[i] > shape->dim[i])
			return onnx_fail(node, -EINVAL, "the indices are larger than the data");
	return onnx_slice(node, in, begin, part.dim, NULL);
}

int onnx_build_gather_elements(struct onnx_node *node)
{
	int64_t axis = onnx_attr_int(node, "axis", 0);
	uint32_t in = onnx_input(node, 0), indices = onnx_input(node, 1), index;
	struct onnx_shape shape, places;

	if (!onnx_shape_of(node, in, &shape) || !onnx_shape_of(node, indices, &places) ||
	    !onnx_axis(node, axis, shape.rank, &index) || !are_indices(node, &places))
		return node->error;
	in = spanned(node, in, &shape, &places, index);
	return onnx_output(node, 0, onnx_gather(node, index, 1, in,
						each_place(node, indices, &places)));
}

/*
 * Tuples of indices, the last dimension of @places: as many dimensions of 1 go before it as the
 * data has behind those that are indexed.
 */
static uint32_t tuples(struct onnx_node *node, uint32_t indices, const struct onnx_shape *places,
		       const struct onnx_shape *shape, uint32_t batch, uint32_t *count)
{
	uint64_t dim[2 * ACCEL_RANK_MAX];
	uint32_t rank = 0, behind;

	if (!are_indices(node, places))
		return 0;
	if (!places->rank || places->rank <= batch || places->dim[places->rank - 1] > shape->rank ||
	    places->dim[places->rank - 1] + batch > shape->rank)
		return onnx_fail(node, -EINVAL, "the indices do not fit the data");
	*count = (uint32_t)places->dim[places->rank - 1];
	behind = shape->rank - batch - *count;
	if (places->rank + behind > ACCEL_RANK_MAX)
		return onnx_fail(node, -ENOTSUP, "the result has more than %d dimensions",
				 ACCEL_RANK_MAX - 1);
	while (rank + 1 < places->rank) {
		dim[rank] = places->dim[rank];
		rank++;
	}
	for (uint32_t i = 0; i < behind; i++)
		dim[rank++] = 1;
	dim[rank++] = *count;
	return onnx_reshape(node, indices, rank, dim);
}

int onnx_build_gather_nd(struct onnx_node *node)
{
	int64_t batch = onnx_attr_int(node, "batch_dims", 0);
	uint32_t in = onnx_input(node, 0), indices = onnx_input(node, 1), count = 0;
	struct onnx_shape shape, places;

	if (!onnx_shape_of(node, in, &shape) || !onnx_shape_of(node, indices, &places))
		return node->error;
	if (batch < 0 || batch >= shape.rank)
		onnx_fail(node, -EINVAL, "attribute 'batch_dims' has the value %lld",
			  (long long)batch);
	indices = tuples(node, indices, &places, &shape, (uint32_t)batch, &count);
	return onnx_output(node, 0, onnx_gather(node, (uint32_t)batch, count, in, indices));
}

/* --- Scatter ------------------------------------------------------------------------- */

static uint32_t scatter_function(struct onnx_node *node)
{
	static const char *const names[] = { "none", "add", "mul", "min", "max" };

	for (uint32_t i = 0; i < 5; i++)
		if (onnx_attr_is(node, "reduction", names[i], "none"))
			return i;	/* ACI_TCS_SCATTER_* */
	return onnx_fail(node, -EINVAL, "attribute 'reduction' has an unknown value");
}

int onnx_build_scatter_elements(struct onnx_node *node)
{
	int64_t axis = onnx_attr_int(node, "axis", 0);
	uint32_t data = onnx_input(node, 0), indices = onnx_input(node, 1);
	uint32_t in = onnx_input(node, 2), function = scatter_function(node), index;
	struct onnx_shape shape, places;

	if (!onnx_shape_of(node, data, &shape) || !onnx_shape_of(node, indices, &places) ||
	    !onnx_axis(node, axis, shape.rank, &index) || !are_indices(node, &places))
		return node->error;
	/* For its checks: data may be larger than what the indices span. */
	spanned(node, data, &shape, &places, index);
	return onnx_output(node, 0, onnx_scatter(node, function, index, 1, data, in,
						 each_place(node, indices, &places)));
}

int onnx_build_scatter_nd(struct onnx_node *node)
{
	uint32_t data = onnx_input(node, 0), indices = onnx_input(node, 1);
	uint32_t in = onnx_input(node, 2), function = scatter_function(node), count = 0;
	struct onnx_shape shape, places;

	if (!onnx_shape_of(node, data, &shape) || !onnx_shape_of(node, indices, &places))
		return node->error;
	indices = tuples(node, indices, &places, &shape, 0, &count);
	return onnx_output(node, 0, onnx_scatter(node, function, 0, count, data, in, indices));
}

struct unpool {
	struct onnx_shape made;		/* that the pool's input had */
	struct onnx_shape wanted;	/* the larger one that was asked for */
};

static bool read_unpool(struct onnx_node *node, const struct onnx_shape *in, struct unpool *unpool)
{
	int64_t kernel[ACCEL_RANK_MAX], strides[ACCEL_RANK_MAX], pads[2 * ACCEL_RANK_MAX];
	int64_t wanted[ACCEL_RANK_MAX];
	size_t kernel_count, stride_count, pad_count, count = 0;
	bool strided, padded;

	onnx_attr_ints(node, "kernel_shape", ACCEL_RANK_MAX, kernel, &kernel_count);
	strided = onnx_attr_ints(node, "strides", ACCEL_RANK_MAX, strides, &stride_count);
	padded = onnx_attr_ints(node, "pads", 2 * ACCEL_RANK_MAX, pads, &pad_count);
	if (in->rank < 3 || kernel_count != in->rank - 2 ||
	    (strided && stride_count != kernel_count) || (padded && pad_count != 2 * kernel_count))
		onnx_fail(node, -EINVAL, "kernel, strides or pads do not fit the input");
	if (onnx_has_input(node, 2) && onnx_input_ints(node, 2, ACCEL_RANK_MAX, wanted, &count) &&
	    count != in->rank)
		onnx_fail(node, -EINVAL, "the output's shape does not fit the input");
	unpool->made = *in;
	for (size_t i = 0; i < kernel_count && !node->error; i++) {
		int64_t size = ((int64_t)in->dim[2 + i] - 1) * (strided ? strides[i] : 1) + kernel[i] -
			       (padded ? pads[i] + pads[kernel_count + i] : 0);

		if (size < 1 || size > INT32_MAX)
			onnx_fail(node, -EINVAL, "a dimension of the output is %lld", (long long)size);
		unpool->made.dim[2 + i] = (uint64_t)size;
	}
	unpool->wanted = unpool->made;
	for (size_t i = 0; i < count && !node->error; i++) {
		if (wanted[i] < (int64_t)unpool->made.dim[i])
			onnx_fail(node, -ENOTSUP, "an output smaller than the pool's input");
		unpool->wanted.dim[i] = (uint64_t)wanted[i];
	}
	return !node->error;
}

/* Each element to its place, which MaxPool's indices name in what it pooled; zero elsewhere. */
int onnx_build_max_unpool(struct onnx_node *node)
{
	uint32_t in = onnx_input(node, 0), indices = onnx_input(node, 1), out, parts[2];
	struct onnx_shape shape, flat, border;
	struct unpool unpool;
	uint64_t count;

	if (!onnx_shape_of(node, in, &shape) || !read_unpool(node, &shape, &unpool))
		return node->error;
	count = onnx_product(&shape, 0, shape.rank);
	flat = (struct onnx_shape){ .type = shape.type, .rank = 1 };
	flat.dim[0] = onnx_product(&unpool.made, 0, shape.rank);
	out = onnx_fill(node, &flat, (struct onnx_number){ 0 });
	out = onnx_scatter(node, ACI_TCS_SCATTER_SET, 0, 1, out, onnx_reshape(node, in, 1, &count),
			   onnx_reshape(node, indices, 2, (uint64_t[]){ count, 1 }));
	out = onnx_reshape(node, out, shape.rank, unpool.made.dim);
	for (uint32_t i = 0; i < shape.rank && !node->error; i++) {
		if (unpool.wanted.dim[i] == unpool.made.dim[i])
			continue;
		border = unpool.made;
		border.dim[i] = unpool.wanted.dim[i] - unpool.made.dim[i];
		parts[0] = out;
		parts[1] = onnx_fill(node, &border, (struct onnx_number){ 0 });
		out = onnx_concat(node, i, parts, 2);
		unpool.made.dim[i] = unpool.wanted.dim[i];
	}
	return onnx_output(node, 0, out);
}

/* --- Along an axis ------------------------------------------------------------------- */

int onnx_build_top_k(struct onnx_node *node)
{
	bool largest = node->opset < 11 || onnx_attr_int(node, "largest", 1);
	int64_t axis = onnx_attr_int(node, "axis", -1), k[1] = { 0 };
	uint32_t in = onnx_input(node, 0), indices = 0, index;
	struct onnx_shape shape;
	size_t count = 1;

	onnx_attr_ignore(node, "sorted");	/* sorted is one of the orders that are allowed */
	if (node->opset < 10)
		k[0] = onnx_attr_int(node, "k", 0);
	else
		onnx_input_ints(node, 1, 1, k, &count);
	if (!onnx_shape_of(node, in, &shape) || !onnx_axis(node, axis, shape.rank, &index))
		return node->error;
	if (!count || k[0] < 1 || (uint64_t)k[0] > shape.dim[index])
		onnx_fail(node, k[0] || !count ? -EINVAL : -ENOTSUP, "k of %lld, the axis has %llu",
			  (long long)k[0], (unsigned long long)shape.dim[index]);
	in = onnx_top_k(node, index, !largest, (uint64_t)k[0], in, &indices);
	if (onnx_has_output(node, 0))
		onnx_output(node, 0, in);
	if (onnx_has_output(node, 1))
		onnx_output(node, 1, indices);
	return node->error;
}

/* The axis from its end to its begin. */
static uint32_t reversed(struct onnx_node *node, uint32_t in, uint32_t axis)
{
	uint64_t begin[ACCEL_RANK_MAX] = { 0 };
	int64_t step[ACCEL_RANK_MAX];
	struct onnx_shape shape;

	if (!onnx_shape_of(node, in, &shape))
		return 0;
	for (uint32_t i = 0; i < shape.rank; i++)
		step[i] = 1;
	begin[axis] = shape.dim[axis] - 1;
	step[axis] = -1;
	return onnx_slice(node, in, begin, shape.dim, step);
}

int onnx_build_cum_sum(struct onnx_node *node)
{
	bool exclusive = onnx_attr_int(node, "exclusive", 0), reverse = onnx_attr_int(node, "reverse", 0);
	uint32_t in = onnx_input(node, 0), index;
	struct onnx_shape shape;
	int64_t axis[1];
	size_t count;

	if (!onnx_shape_of(node, in, &shape) || !onnx_input_ints(node, 1, 1, axis, &count))
		return node->error;
	if (!count || !onnx_axis(node, axis[0], shape.rank, &index)) {
		onnx_fail(node, -EINVAL, "the axis is missing");
		return node->error;
	}
	if (reverse)
		in = reversed(node, in, index);
	in = onnx_cumulate(node, index, exclusive, in);
	return onnx_output(node, 0, reverse ? reversed(node, in, index) : in);
}

/*
 * The first elements of each row backwards, as many as its length says: element i is taken from
 * length - 1 - i, or stays where that is before the row.
 */
int onnx_build_reverse_sequence(struct onnx_node *node)
{
	int64_t batch_axis = onnx_attr_int(node, "batch_axis", 1);
	int64_t time_axis = onnx_attr_int(node, "time_axis", 0);
	uint32_t in = onnx_input(node, 0), lengths = onnx_input(node, 1), places, mirrored, inside;
	uint64_t dim[ACCEL_RANK_MAX] = { 1, 1, 1, 1, 1, 1, 1, 1 };
	struct onnx_shape shape, list;

	if (!onnx_shape_of(node, in, &shape) || !onnx_shape_of(node, lengths, &list))
		return node->error;
	if (shape.rank < 2 || batch_axis + time_axis != 1 || batch_axis < 0 || time_axis < 0 ||
	    list.type != ACCEL_I64 || list.rank != 1 || list.dim[0] != shape.dim[batch_axis]) {
		onnx_fail(node, -EINVAL, "axes or lengths do not fit the input");
		return node->error;
	}
	dim[batch_axis] = list.dim[0];
	lengths = onnx_reshape(node, lengths, shape.rank, dim);
	list = (struct onnx_shape){ .type = ACCEL_I64 };
	places = onnx_count_up(node, ACCEL_I64, 0, shape.dim[time_axis], shape.rank,
			       (uint32_t)time_axis);
	mirrored = onnx_sub(node, onnx_sub(node, lengths, onnx_constant_tensor(node,
			    onnx_filled(node, &list, (struct onnx_number){ .i = 1 }))), places);
	inside = onnx_compare(node, ACI_TCS_COMPARE_GE, mirrored, onnx_constant_tensor(node,
			      onnx_filled(node, &list, (struct onnx_number){ 0 })));
	places = onnx_select(node, inside, mirrored, places);
	/* One dimension is indexed, all others have their own. */
	for (uint32_t i = 0; i < shape.rank; i++)
		dim[i] = i < 2 ? shape.dim[i] : 1;
	list = (struct onnx_shape){ .rank = shape.rank };
	for (uint32_t i = 0; i < shape.rank; i++)
		list.dim[i] = dim[i];
	return onnx_output(node, 0, onnx_gather(node, (uint32_t)time_axis, 1, in,
						each_place(node, places, &list)));
}
