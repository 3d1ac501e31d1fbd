// SPDX-License-Identifier: MIT
/* Graphs: other views of the same elements. Work on the card only where strides cannot say it. */
#include <string.h>

#include "error.h"
#include "graph.h"

static int view_begin(const struct accel_graph *graph, uint32_t in, struct graph_tensor *tensor,
		      uint32_t *out)
{
	const struct graph_tensor *found;

	if (!graph || !out)
		return error_set(-EINVAL, "graph and out must not be NULL");
	*out = ACCEL_TENSOR_NONE;
	found = graph_find(graph, in);
	if (!found)
		return -EINVAL;
	*tensor = *found;
	return 0;
}

static uint64_t count_elements(uint32_t rank, const uint64_t *shape)
{
	uint64_t elements = 1;

	for (uint32_t i = 0; i < rank; i++)
		if (__builtin_mul_overflow(elements, shape[i], &elements))
			return 0;
	return elements;
}

/*
 * Strides of @shape on the elements of @old in the same order. The dimensions
 * of both are taken from the innermost on, in groups of equal size; within a
 * group the old ones must lie densely over each other.
 */
static bool reshape_strides(const struct accel_view *old, uint32_t rank, const uint64_t *shape,
			    int64_t *stride)
{
	int64_t i = (int64_t)old->rank - 1, j = (int64_t)rank - 1;

	while (j >= 0) {
		uint64_t old_size = 1, new_size = 1;
		int64_t base = 1, expect = 0;

		/* A group starts at the innermost old dimension that has more than one element. */
		while (i >= 0 && old->shape[i] == 1)
			i--;
		if (i >= 0)
			base = expect = old->stride[i];
		do {
			stride[j] = base * (int64_t)new_size;
			new_size *= shape[j--];
			while (old_size < new_size) {
				if (i < 0)
					return false;
				if (old->shape[i] != 1) {
					if (old->stride[i] != expect)
						return false;
					expect = old->stride[i] * (int64_t)old->shape[i];
					old_size *= old->shape[i];
				}
				i--;
			}
		} while (j >= 0 && new_size < old_size);
		if (new_size != old_size)
			return false;
	}
	return true;
}

int accel_graph_reshape(struct accel_graph *graph, uint32_t in, uint32_t rank,
			const uint64_t *shape, uint32_t *out)
{
	struct graph_tensor tensor;
	struct accel_view view;
	int ret = view_begin(graph, in, &tensor, out);

	if (ret)
		return ret;
	if (rank > ACCEL_RANK_MAX || (rank && !shape))
		return error_set(-EINVAL, "reshape: rank %u is above %d or the shape is NULL", rank,
				 ACCEL_RANK_MAX);
	if (count_elements(rank, shape) != count_elements(tensor.view.rank, tensor.view.shape))
		return error_set(-EINVAL, "reshape: %llu elements cannot become %llu",
				 (unsigned long long)count_elements(tensor.view.rank,
								    tensor.view.shape),
				 (unsigned long long)count_elements(rank, shape));
	view = (struct accel_view) { .type = tensor.view.type,
				     .rank = rank,
				     .offset = tensor.view.offset };
	if (rank)
		memcpy(view.shape, shape, rank * sizeof(*shape));
	if (reshape_strides(&tensor.view, rank, shape, view.stride))
		return graph_add_view(graph, tensor.storage, &view, out);
	ret = graph_copy(graph, tensor.view.type, in, out);
	return ret ? ret : accel_graph_reshape(graph, *out, rank, shape, out);
}

int accel_graph_transpose(struct accel_graph *graph, uint32_t in, const uint32_t *permutation,
			  uint32_t *out)
{
	struct graph_tensor tensor;
	struct accel_view view;
	uint32_t seen = 0;
	int ret = view_begin(graph, in, &tensor, out);

	if (ret)
		return ret;
	view = tensor.view;
	if (view.rank && !permutation)
		return error_set(-EINVAL, "transpose: permutation must not be NULL");
	for (uint32_t i = 0; i < view.rank; i++) {
		uint32_t from = permutation[i];

		if (from >= view.rank || seen >> from & 1)
			return error_set(-EINVAL, "transpose: no permutation of %u dimensions",
					 view.rank);
		seen |= 1u << from;
		view.shape[i] = tensor.view.shape[from];
		view.stride[i] = tensor.view.stride[from];
	}
	return graph_add_view(graph, tensor.storage, &view, out);
}

int accel_graph_broadcast(struct accel_graph *graph, uint32_t in, uint32_t rank,
			  const uint64_t *shape, uint32_t *out)
{
	struct graph_tensor tensor;
	struct accel_view view;
	uint64_t end;
	int ret = view_begin(graph, in, &tensor, out);

	if (ret)
		return ret;
	if (rank > ACCEL_RANK_MAX || rank < tensor.view.rank || (rank && !shape))
		return error_set(-EINVAL, "broadcast: rank %u to %u is not possible",
				 tensor.view.rank, rank);
	view = (struct accel_view) { .type = tensor.view.type,
				     .rank = rank,
				     .offset = tensor.view.offset };
	for (uint32_t i = 0; i < rank; i++) {
		uint32_t missing = rank - tensor.view.rank;
		uint64_t size = i < missing ? 1 : tensor.view.shape[i - missing];

		if (size != 1 && size != shape[i])
			return error_set(
				-EINVAL,
				"broadcast: dimension of %llu to %llu elements is not possible",
				(unsigned long long)size, (unsigned long long)shape[i]);
		view.shape[i] = shape[i];
		view.stride[i] = size == 1 ? 0 : tensor.view.stride[i - missing];
	}
	ret = view_extent(&view, &end);
	return ret ? ret : graph_add_view(graph, tensor.storage, &view, out);
}

/* One axis: elements begin, begin + step, ... inside the dimension. */
static int slice_axis(struct accel_view *view, uint32_t axis, uint64_t begin, uint64_t size,
		      int64_t step)
{
	uint64_t limit = view->shape[axis], element = accel_type_bytes(view->type);
	__int128 last = (__int128)begin + (__int128)step * ((__int128)size - 1);
	__int128 offset = (__int128)view->offset + (__int128)view->stride[axis] * begin * element;

	if (!size || begin >= limit || last < 0 || last >= limit || (size > 1 && !step))
		return error_set(-EINVAL,
				 "slice: axis %u: %llu elements from %llu by %lld are not in %llu",
				 axis, (unsigned long long)size, (unsigned long long)begin,
				 (long long)step, (unsigned long long)limit);
	view->offset = (uint64_t)offset;
	view->shape[axis] = size;
	/*
	 * With one element the stride has no meaning; with more, the product is inside the storage.
	 */
	if (size > 1)
		view->stride[axis] *= step;
	return 0;
}

int accel_graph_slice(struct accel_graph *graph, uint32_t in, const uint64_t *begin,
		      const uint64_t *shape, const int64_t *step, uint32_t *out)
{
	struct graph_tensor tensor;
	uint64_t end;
	int ret = view_begin(graph, in, &tensor, out);

	if (ret)
		return ret;
	if (tensor.view.rank && (!begin || !shape))
		return error_set(-EINVAL, "slice: begin and shape must not be NULL");
	for (uint32_t i = 0; i < tensor.view.rank && !ret; i++)
		ret = slice_axis(&tensor.view, i, begin[i], shape[i], step ? step[i] : 1);
	if (!ret)
		ret = view_extent(&tensor.view, &end);
	return ret ? ret : graph_add_view(graph, tensor.storage, &tensor.view, out);
}

static int concat_shape(const struct accel_graph *graph, uint32_t axis, const uint32_t *in,
			uint32_t count, struct accel_view *view)
{
	const struct graph_tensor *tensor;

	for (uint32_t n = 0; n < count; n++) {
		tensor = graph_find(graph, in[n]);
		if (!tensor)
			return -EINVAL;
		if (!n) {
			*view = tensor->view;
			if (axis >= view->rank)
				return error_set(-EINVAL, "concat: there is no axis %u", axis);
			continue;
		}
		if (tensor->view.type != view->type || tensor->view.rank != view->rank)
			return error_set(-EINVAL, "concat: input %u differs in type or rank", n);
		for (uint32_t i = 0; i < view->rank; i++)
			if (i != axis && tensor->view.shape[i] != view->shape[i])
				return error_set(-EINVAL,
						 "concat: input %u differs in dimension %u", n, i);
		if (__builtin_add_overflow(view->shape[axis], tensor->view.shape[axis],
					   &view->shape[axis]))
			return error_set(-EINVAL, "concat: the result is too large");
	}
	return 0;
}

int accel_graph_concat(struct accel_graph *graph, uint32_t axis, const uint32_t *in, uint32_t count,
		       uint32_t *out)
{
	struct graph_op op = { .opcode = ACI_TCS_OP_COPY };
	uint64_t begin[ACCEL_RANK_MAX] = { 0 };
	struct accel_view view;
	uint32_t whole;
	int ret;

	if (!graph || !out || !in || !count)
		return error_set(-EINVAL, "concat: graph, inputs and out must not be NULL");
	*out = ACCEL_TENSOR_NONE;
	ret = concat_shape(graph, axis, in, count, &view);
	if (!ret)
		ret = graph_add_dense(graph, STORAGE_COMPUTED, view.type, view.rank, view.shape,
				      &whole);
	for (uint32_t n = 0; n < count && !ret; n++) {
		struct accel_view part = graph->tensors[in[n] - 1].view;

		op.in[0] = in[n];
		ret = accel_graph_slice(graph, whole, begin, part.shape, NULL, &op.out);
		if (!ret)
			ret = graph_add_op(graph, &op);
		begin[axis] += part.shape[axis];
	}
	if (!ret)
		*out = whole;
	return ret;
}
