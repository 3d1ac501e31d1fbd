// SPDX-License-Identifier: MIT
/* Pad: axis by axis, what is before, the input, what is behind, joined. Less than nothing is cut off. */
#include <errno.h>
#include <stdlib.h>

#include "handlers.h"

enum pad_mode { PAD_CONSTANT, PAD_REFLECT, PAD_EDGE, PAD_WRAP };

struct padding {
	enum pad_mode mode;
	uint32_t value;			/* CONSTANT: a tensor of one element */
	int64_t begin[ACCEL_RANK_MAX], end[ACCEL_RANK_MAX];
};

static enum pad_mode read_mode(struct onnx_node *node)
{
	static const char *const names[] = { "constant", "reflect", "edge", "wrap" };

	for (int i = 0; i < 4; i++)
		if (onnx_attr_is(node, "mode", names[i], "constant"))
			return i;
	onnx_fail(node, -ENOTSUP, "attribute 'mode' has a value that is not supported");
	return PAD_CONSTANT;
}

/* The element to pad with: an attribute of float32 before opset 11. */
static uint32_t read_value(struct onnx_node *node, enum accel_type type)
{
	struct onnx_shape shape = { .type = type };
	struct onnx_number number = { 0 };

	if (node->opset >= 11 && onnx_has_input(node, 2)) {
		if (!onnx_input_shape(node, 2, &shape))
			return 0;
		if (shape.type != type || onnx_product(&shape, 0, shape.rank) != 1)
			return onnx_fail(node, -EINVAL, "input 2 is not one element of the input's type");
		return onnx_reshape(node, onnx_input(node, 2), 0, shape.dim);
	}
	if (node->opset < 11)
		number.r = onnx_attr_float(node, "value", 0);
	number.i = number.r >= INT32_MIN && number.r <= INT32_MAX ? (int64_t)number.r : 0;
	return onnx_constant_tensor(node, onnx_filled(node, &shape, number));
}

static bool read_axes(struct onnx_node *node, uint32_t rank, uint32_t *axes, size_t *count)
{
	int64_t given[ACCEL_RANK_MAX];

	*count = rank;
	for (uint32_t i = 0; i < rank; i++)
		axes[i] = i;
	if (node->opset < 18 || !onnx_has_input(node, 3))
		return !node->error;
	if (!onnx_input_ints(node, 3, ACCEL_RANK_MAX, given, count))
		return false;
	for (size_t i = 0; i < *count; i++)
		if (!onnx_axis(node, given[i], rank, &axes[i]))
			return false;
	return true;
}

static bool read_padding(struct onnx_node *node, const struct onnx_shape *shape, struct padding *padding)
{
	int64_t pads[2 * ACCEL_RANK_MAX];
	uint32_t axes[ACCEL_RANK_MAX];
	size_t count, axis_count;

	*padding = (struct padding){ .mode = read_mode(node) };
	if (node->opset < 11 ? !onnx_attr_ints(node, "pads", 2 * ACCEL_RANK_MAX, pads, &count) :
			       !onnx_input_ints(node, 1, 2 * ACCEL_RANK_MAX, pads, &count)) {
		onnx_fail(node, -EINVAL, "pads are missing");
		return false;
	}
	if (!read_axes(node, shape->rank, axes, &axis_count))
		return false;
	if (count != 2 * axis_count) {
		onnx_fail(node, -EINVAL, "%zu pads for %zu axes", count, axis_count);
		return false;
	}
	for (size_t i = 0; i < count; i++)
		if (pads[i] < -INT32_MAX || pads[i] > INT32_MAX) {
			onnx_fail(node, -ENOTSUP, "a pad of %lld", (long long)pads[i]);
			return false;
		}
	for (size_t i = 0; i < axis_count; i++) {
		padding->begin[axes[i]] = pads[i];
		padding->end[axes[i]] = pads[axis_count + i];
	}
	if (padding->mode == PAD_CONSTANT)
		padding->value = read_value(node, shape->type);
	return !node->error;
}

static uint32_t crop(struct onnx_node *node, uint32_t in, uint32_t axis, uint64_t size, int64_t begin, int64_t end)
{
	uint64_t first = begin < 0 ? (uint64_t)-begin : 0, last = end < 0 ? (uint64_t)-end : 0;

	if (first + last >= size)
		return onnx_fail(node, -ENOTSUP, "the result has no elements");
	return onnx_slice_axis(node, in, axis, first, size - first - last);
}

/* @count elements that run on before or behind the @size of @in. */
static uint32_t make_border(struct onnx_node *node, const struct padding *padding, uint32_t in, uint32_t axis,
			    uint64_t count, bool before)
{
	uint64_t begin[ACCEL_RANK_MAX] = { 0 }, size;
	int64_t step[ACCEL_RANK_MAX];
	struct onnx_shape shape;

	if (!onnx_shape_of(node, in, &shape))
		return 0;
	size = shape.dim[axis];
	shape.dim[axis] = count;
	if (padding->mode == PAD_CONSTANT)
		return onnx_broadcast(node, padding->value, shape.rank, shape.dim);
	if (padding->mode == PAD_EDGE)
		return onnx_broadcast(node, onnx_slice_axis(node, in, axis, before ? 0 : size - 1, 1), shape.rank,
				      shape.dim);
	if (count > size - (padding->mode == PAD_REFLECT))
		return onnx_fail(node, -ENOTSUP, "axis %u of %llu elements cannot be extended by %llu of its own",
				 axis, (unsigned long long)size, (unsigned long long)count);
	for (uint32_t i = 0; i < shape.rank; i++)
		step[i] = 1;
	if (padding->mode == PAD_WRAP) {
		begin[axis] = before ? size - count : 0;
	} else {
		begin[axis] = before ? count : size - 2;
		step[axis] = -1;
	}
	return onnx_slice(node, in, begin, shape.dim, step);
}

static uint32_t pad_axis(struct onnx_node *node, const struct padding *padding, uint32_t in, uint32_t axis)
{
	int64_t begin = padding->begin[axis], end = padding->end[axis];
	uint32_t parts[3], count = 0;
	struct onnx_shape shape;

	if (!onnx_shape_of(node, in, &shape))
		return 0;
	if (begin < 0 || end < 0)
		in = crop(node, in, axis, shape.dim[axis], begin, end);
	if (begin > 0)
		parts[count++] = make_border(node, padding, in, axis, begin, true);
	parts[count++] = in;
	if (end > 0)
		parts[count++] = make_border(node, padding, in, axis, end, false);
	return count == 1 ? in : onnx_concat(node, axis, parts, count);
}

int onnx_build_pad(struct onnx_node *node)
{
	uint32_t in = onnx_input(node, 0);
	struct padding padding;
	struct onnx_shape shape;

	if (!onnx_shape_of(node, in, &shape) || !read_padding(node, &shape, &padding))
		return node->error;
	for (uint32_t i = 0; i < shape.rank && !node->error; i++)
		in = pad_axis(node, &padding, in, i);
	return onnx_output(node, 0, in);
}
