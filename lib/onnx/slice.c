// SPDX-License-Identifier: MIT
/* Operators that cut tensors apart or join them. */
#include <errno.h>
#include <stdlib.h>

#include "handlers.h"

#define PARTS_MAX	1024	/* inputs of Concat, outputs of Split */

/* ONNX's clamping of one axis; the length may be 0. @step is not 0. */
static void resolve(int64_t start, int64_t end, int64_t step, uint64_t size, struct onnx_range *range)
{
	int64_t d = size, low = step > 0 ? 0 : -1, high = step > 0 ? d : d - 1, distance;

	start = start < 0 ? start + d : start;
	end = end < 0 ? end + d : end;
	start = start < 0 ? 0 : start > high ? high : start;
	end = end < low ? low : end > high ? high : end;
	distance = step > 0 ? end - start : start - end;
	if (!d || distance <= 0) {
		*range = (struct onnx_range){ .step = 1 };
		return;
	}
	range->begin = start;
	range->step = step > d ? d : step < -d ? -d : step;
	range->length = (distance - 1) / llabs(range->step) + 1;
}

struct slice_lists {
	int64_t starts[ACCEL_RANK_MAX], ends[ACCEL_RANK_MAX], axes[ACCEL_RANK_MAX], steps[ACCEL_RANK_MAX];
	size_t start_count, end_count, axis_count, step_count;
};

static bool read_lists(struct onnx_node *node, struct slice_lists *lists)
{
	bool axes, steps = false;

	if (node->opset < 10) {
		onnx_attr_ints(node, "starts", ACCEL_RANK_MAX, lists->starts, &lists->start_count);
		onnx_attr_ints(node, "ends", ACCEL_RANK_MAX, lists->ends, &lists->end_count);
		axes = onnx_attr_ints(node, "axes", ACCEL_RANK_MAX, lists->axes, &lists->axis_count);
	} else {
		onnx_input_ints(node, 1, ACCEL_RANK_MAX, lists->starts, &lists->start_count);
		onnx_input_ints(node, 2, ACCEL_RANK_MAX, lists->ends, &lists->end_count);
		axes = onnx_has_input(node, 3) &&
		       onnx_input_ints(node, 3, ACCEL_RANK_MAX, lists->axes, &lists->axis_count);
		steps = onnx_has_input(node, 4) &&
			onnx_input_ints(node, 4, ACCEL_RANK_MAX, lists->steps, &lists->step_count);
	}
	if (node->error)
		return false;
	for (size_t i = 0; i < lists->start_count; i++) {
		if (!axes)
			lists->axes[i] = i;
		if (!steps)
			lists->steps[i] = 1;
	}
	if (lists->end_count != lists->start_count || (axes && lists->axis_count != lists->start_count) ||
	    (steps && lists->step_count != lists->start_count))
		onnx_fail(node, -EINVAL, "starts, ends, axes and steps differ in length");
	return !node->error;
}

/* What Slice takes of each axis of @shape. False: a failure. */
bool onnx_slice_ranges(struct onnx_node *node, const struct onnx_shape *shape, struct onnx_range *ranges)
{
	struct slice_lists lists = { 0 };
	uint32_t axis;

	for (uint32_t i = 0; i < shape->rank; i++)
		ranges[i] = (struct onnx_range){ .length = shape->dim[i], .step = 1 };
	if (!read_lists(node, &lists))
		return false;
	for (size_t i = 0; i < lists.start_count; i++) {
		if (!onnx_axis(node, lists.axes[i], shape->rank, &axis))
			return false;
		if (!lists.steps[i]) {
			onnx_fail(node, -EINVAL, "steps[%zu] is 0", i);
			return false;
		}
		resolve(lists.starts[i], lists.ends[i], lists.steps[i], shape->dim[axis], &ranges[axis]);
	}
	return true;
}

int onnx_build_slice(struct onnx_node *node)
{
	struct onnx_range ranges[ACCEL_RANK_MAX];
	uint64_t begin[ACCEL_RANK_MAX], dim[ACCEL_RANK_MAX];
	uint32_t in = onnx_input(node, 0);
	int64_t step[ACCEL_RANK_MAX];
	struct onnx_shape shape;

	if (!onnx_shape_of(node, in, &shape) || !onnx_slice_ranges(node, &shape, ranges))
		return node->error;
	for (uint32_t i = 0; i < shape.rank; i++) {
		if (!ranges[i].length)
			onnx_fail(node, -ENOTSUP, "the result has no elements");
		begin[i] = ranges[i].begin;
		dim[i] = ranges[i].length;
		step[i] = ranges[i].step;
	}
	return onnx_output(node, 0, onnx_slice(node, in, begin, dim, step));
}

/* Lengths of the outputs: given, or equal with a smaller last one. They sum up to @size. */
bool onnx_split_lengths(struct onnx_node *node, uint64_t size, size_t count, int64_t *lengths)
{
	int64_t outputs = onnx_attr_int(node, "num_outputs", count);
	size_t given = 0;

	if (node->opset < 13)
		onnx_attr_ints(node, "split", count, lengths, &given);
	else if (onnx_has_input(node, 1))
		onnx_input_ints(node, 1, count, lengths, &given);
	if (node->error)
		return false;
	if (outputs != (int64_t)count || (given && given != count)) {
		onnx_fail(node, -EINVAL, "%zu outputs for a split into %lld", count,
			  (long long)(given ? (int64_t)given : outputs));
		return false;
	}
	for (uint64_t i = 0, part = (size + count - 1) / count; !given && i < count; i++)
		lengths[i] = i * part >= size ? 0 : size - i * part < part ? size - i * part : part;
	for (size_t i = 0; i < count; i++) {
		if (lengths[i] < 0 || (uint64_t)lengths[i] > size) {
			onnx_fail(node, -EINVAL, "the split does not sum up to the axis");
			return false;
		}
		size -= (uint64_t)lengths[i];
	}
	if (size)
		onnx_fail(node, -EINVAL, "the split does not sum up to the axis");
	return !node->error;
}

int onnx_build_split(struct onnx_node *node)
{
	int64_t axis = onnx_attr_int(node, "axis", 0);
	size_t count = node->proto->n_output;
	uint32_t in = onnx_input(node, 0), index;
	uint64_t begin = 0;
	struct onnx_shape shape;
	int64_t *lengths;

	if (!onnx_shape_of(node, in, &shape) || !onnx_axis(node, axis, shape.rank, &index))
		return node->error;
	if (!count || count > PARTS_MAX) {
		onnx_fail(node, -EINVAL, "%zu outputs", count);
		return node->error;
	}
	lengths = calloc(count, sizeof(*lengths));
	if (!lengths) {
		onnx_fail(node, -ENOMEM, "no memory");
		return node->error;
	}
	if (!onnx_split_lengths(node, shape.dim[index], count, lengths))
		goto out;
	for (size_t i = 0; i < count && !node->error; i++) {
		if (!lengths[i])
			onnx_fail(node, -ENOTSUP, "output %zu has no elements", i);
		onnx_output(node, i, onnx_slice_axis(node, in, index, begin, lengths[i]));
		begin += lengths[i];
	}
out:
	free(lengths);
	return node->error;
}

int onnx_build_concat(struct onnx_node *node)
{
	int64_t axis = onnx_attr_int(node, "axis", 0);
	size_t count = node->proto->n_input;
	uint32_t *parts, index;
	struct onnx_shape shape;

	if (!onnx_shape_of(node, onnx_input(node, 0), &shape) || !onnx_axis(node, axis, shape.rank, &index))
		return node->error;
	if (count > PARTS_MAX) {
		onnx_fail(node, -ENOTSUP, "%zu inputs, at most %d are supported", count, PARTS_MAX);
		return node->error;
	}
	parts = calloc(count, sizeof(*parts));
	if (!parts) {
		onnx_fail(node, -ENOMEM, "no memory");
		return node->error;
	}
	for (size_t i = 0; i < count; i++)
		parts[i] = onnx_input(node, i);
	onnx_output(node, 0, onnx_concat(node, index, parts, count));
	free(parts);
	return node->error;
}
