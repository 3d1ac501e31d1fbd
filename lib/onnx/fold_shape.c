// SPDX-License-Identifier: MIT
/* Cutting, joining and reshaping of small constants. */
#include <errno.h>
#include <string.h>

#include "handlers.h"

#define FOLD_PARTS_MAX	64	/* outputs of Split */

/* The same elements in another shape. */
static int output_reshaped(struct onnx_node *node, const struct onnx_constant *in, const struct onnx_shape *shape)
{
	struct onnx_constant *out;
	void *data;

	out = onnx_fold_new(node, shape, &data);
	if (out && out->count != in->count)
		onnx_fail(node, -EINVAL, "the number of elements changes");
	else if (out && out->count)
		memcpy(data, in->data, out->count * accel_type_bytes(shape->type));
	return onnx_output_constant(node, 0, out);
}

int onnx_fold_reshape(struct onnx_node *node)
{
	const struct onnx_constant *in = onnx_input_constant(node, 0);
	int64_t wanted[ACCEL_RANK_MAX];
	struct onnx_shape shape;
	size_t rank;

	if (!in || !onnx_input_ints(node, 1, ACCEL_RANK_MAX, wanted, &rank))
		return node->error;
	shape = in->shape;
	if (!onnx_reshape_dims(node, &in->shape, in->count, wanted, rank, shape.dim))
		return node->error;
	shape.rank = rank;
	return output_reshaped(node, in, &shape);
}

int onnx_fold_squeeze(struct onnx_node *node)
{
	const struct onnx_constant *in = onnx_input_constant(node, 0);
	struct onnx_shape shape;

	if (!in)
		return node->error;
	shape = in->shape;
	return onnx_squeeze_shape(node, &shape) ? output_reshaped(node, in, &shape) : node->error;
}

int onnx_fold_unsqueeze(struct onnx_node *node)
{
	const struct onnx_constant *in = onnx_input_constant(node, 0);
	struct onnx_shape shape;

	if (!in)
		return node->error;
	shape = in->shape;
	return onnx_unsqueeze_shape(node, &shape) ? output_reshaped(node, in, &shape) : node->error;
}

static bool concat_shape(struct onnx_node *node, struct onnx_shape *shape, uint32_t *axis)
{
	const struct onnx_constant *part = onnx_input_constant(node, 0);

	if (!part)
		return false;
	*shape = part->shape;
	if (!onnx_axis(node, onnx_attr_int(node, "axis", 0), shape->rank, axis))
		return false;
	for (size_t i = 1; i < node->proto->n_input; i++) {
		part = onnx_input_constant(node, i);
		if (!part)
			return false;
		for (uint32_t k = 0; k < shape->rank; k++)
			if (part->shape.rank != shape->rank || part->shape.type != shape->type ||
			    (k != *axis && part->shape.dim[k] != shape->dim[k])) {
				onnx_fail(node, -EINVAL, "input %zu does not fit the others", i);
				return false;
			}
		/* Empty parts may have any shape. */
		if (__builtin_add_overflow(shape->dim[*axis], part->shape.dim[*axis], &shape->dim[*axis])) {
			onnx_fail(node, -EINVAL, "the joined axis is too long");
			return false;
		}
	}
	return true;
}

int onnx_fold_concat(struct onnx_node *node)
{
	struct onnx_constant *out;
	struct onnx_shape shape;
	uint64_t inner, offset = 0;
	uint32_t axis;
	void *data;

	if (!concat_shape(node, &shape, &axis))
		return node->error;
	out = onnx_fold_new(node, &shape, &data);
	inner = onnx_product(&shape, axis + 1, shape.rank) * accel_type_bytes(shape.type);
	for (size_t i = 0; out && out->count && i < node->proto->n_input; i++) {
		const struct onnx_constant *part = onnx_input_constant(node, i);
		uint64_t run = part->shape.dim[axis] * inner;

		for (uint64_t row = 0; row < onnx_product(&shape, 0, axis); row++)
			memcpy((uint8_t *)data + row * shape.dim[axis] * inner + offset,
			       (const uint8_t *)part->data + row * run, run);
		offset += run;
	}
	return onnx_output_constant(node, 0, out);
}

int onnx_fold_gather(struct onnx_node *node)
{
	const struct onnx_constant *in = onnx_input_constant(node, 0), *indices = onnx_input_constant(node, 1);
	int64_t axis_attr = onnx_attr_int(node, "axis", 0);
	struct onnx_constant *out;
	struct onnx_shape shape;
	uint64_t inner;
	uint32_t axis;
	void *data;

	if (!in || !indices || !onnx_axis(node, axis_attr, in->shape.rank, &axis) ||
	    !onnx_gather_shape(node, &in->shape, &indices->shape, axis, &shape))
		return node->error;
	out = onnx_fold_new(node, &shape, &data);
	inner = onnx_product(&in->shape, axis + 1, in->shape.rank) * accel_type_bytes(shape.type);
	for (uint64_t i = 0; out && out->count && i < onnx_product(&in->shape, 0, axis) * indices->count; i++) {
		int64_t at = onnx_constant_int(indices, i % indices->count);
		uint64_t length = in->shape.dim[axis];

		at = at < 0 ? at + (int64_t)length : at;
		if (at < 0 || (uint64_t)at >= length) {
			onnx_fail(node, -EINVAL, "an index is outside of the axis");
			break;
		}
		memcpy((uint8_t *)data + i * inner,
		       (const uint8_t *)in->data + (i / indices->count * length + at) * inner, inner);
	}
	return onnx_output_constant(node, 0, out);
}

int onnx_fold_slice(struct onnx_node *node)
{
	const struct onnx_constant *in = onnx_input_constant(node, 0);
	struct onnx_range ranges[ACCEL_RANK_MAX];
	struct onnx_constant *out;
	struct onnx_shape shape;
	void *data;

	if (!in || !onnx_slice_ranges(node, &in->shape, ranges))
		return node->error;
	shape = in->shape;
	for (uint32_t i = 0; i < shape.rank; i++)
		shape.dim[i] = ranges[i].length;
	out = onnx_fold_new(node, &shape, &data);
	for (uint64_t i = 0; out && i < out->count; i++) {
		uint64_t rest = i, from = 0, stride = 1;

		for (uint32_t k = shape.rank; k-- > 0; stride *= in->shape.dim[k]) {
			from += (ranges[k].begin + rest % shape.dim[k] * ranges[k].step) * stride;
			rest /= shape.dim[k];
		}
		onnx_data_set(data, shape.type, i, onnx_constant_get(in, from));
	}
	return onnx_output_constant(node, 0, out);
}

static int output_part(struct onnx_node *node, size_t index, const struct onnx_constant *in, uint32_t axis,
		       uint64_t begin, uint64_t length)
{
	uint64_t inner, outer = onnx_product(&in->shape, 0, axis);
	struct onnx_shape shape = in->shape;
	struct onnx_constant *out;
	void *data;

	shape.dim[axis] = length;
	out = onnx_fold_new(node, &shape, &data);
	inner = onnx_product(&shape, axis + 1, shape.rank) * accel_type_bytes(shape.type);
	for (uint64_t row = 0; out && out->count && row < outer; row++)
		memcpy((uint8_t *)data + row * length * inner,
		       (const uint8_t *)in->data + (row * in->shape.dim[axis] + begin) * inner, length * inner);
	return onnx_output_constant(node, index, out);
}

int onnx_fold_split(struct onnx_node *node)
{
	const struct onnx_constant *in = onnx_input_constant(node, 0);
	int64_t lengths[FOLD_PARTS_MAX], axis_attr = onnx_attr_int(node, "axis", 0);
	size_t count = node->proto->n_output;
	uint64_t begin = 0;
	uint32_t axis;

	if (!in || !onnx_axis(node, axis_attr, in->shape.rank, &axis))
		return node->error;
	if (!count || count > FOLD_PARTS_MAX) {
		onnx_fail(node, -ENOTSUP, "%zu outputs, 1 to %d are supported", count, FOLD_PARTS_MAX);
		return node->error;
	}
	if (!onnx_split_lengths(node, in->shape.dim[axis], count, lengths))
		return node->error;
	for (size_t i = 0; i < count && !node->error; i++) {
		output_part(node, i, in, axis, begin, (uint64_t)lengths[i]);
		begin += (uint64_t)lengths[i];
	}
	return node->error;
}
