// SPDX-License-Identifier: MIT
/* Operators whose results follow from places: EyeLike, CenterCropPad, AffineGrid. */
#include <errno.h>

#include <aci/aci_tcs.h>

#include "handlers.h"

#define GRID_MAX	(1u << 26)	/* places of AffineGrid */

/* Ones on a diagonal, made on the card. */
int onnx_build_eye_like(struct onnx_node *node)
{
	int64_t diagonal = onnx_attr_int(node, "k", 0), dtype = onnx_attr_int(node, "dtype", 0);
	struct onnx_shape shape;
	uint32_t rows, columns;

	if (!onnx_input_shape(node, 0, &shape))
		return node->error;
	if (dtype && (dtype < 0 || dtype > INT32_MAX ||
		      onnx_type_from_proto((int32_t)dtype, &shape.type)))
		onnx_fail(node, -ENOTSUP, "attribute 'dtype' names an unsupported type");
	if (shape.rank != 2)
		onnx_fail(node, -EINVAL, "the input has %u dimensions, not 2", shape.rank);
	rows = onnx_count_up(node, ACCEL_I64, diagonal, shape.dim[0], 2, 0);
	columns = onnx_count_up(node, ACCEL_I64, 0, shape.dim[1], 2, 1);
	return onnx_output(node, 0, onnx_convert(node, shape.type,
						 onnx_compare(node, ACI_TCS_COMPARE_EQ, columns, rows)));
}

/* One axis: what is too much is cut off at both ends, what is missing is zero. */
static uint32_t fit_axis(struct onnx_node *node, uint32_t in, uint32_t axis, uint64_t wanted)
{
	uint32_t parts[3], count = 0;
	struct onnx_shape shape;
	uint64_t size, before;

	if (!onnx_shape_of(node, in, &shape))
		return 0;
	size = shape.dim[axis];
	if (wanted <= size)
		return onnx_slice_axis(node, in, axis, (size - wanted) / 2, wanted);
	before = (wanted - size) / 2;
	shape.dim[axis] = before;
	if (before)
		parts[count++] = onnx_fill(node, &shape, (struct onnx_number){ 0 });
	parts[count++] = in;
	shape.dim[axis] = wanted - size - before;
	parts[count++] = onnx_fill(node, &shape, (struct onnx_number){ 0 });
	return onnx_concat(node, axis, parts, count);
}

int onnx_build_center_crop_pad(struct onnx_node *node)
{
	int64_t sizes[ACCEL_RANK_MAX], axes[ACCEL_RANK_MAX];
	uint32_t in = onnx_input(node, 0), axis;
	size_t count, axis_count;
	struct onnx_shape shape;
	bool given;

	given = onnx_attr_ints(node, "axes", ACCEL_RANK_MAX, axes, &axis_count);
	if (!onnx_shape_of(node, in, &shape) ||
	    !onnx_input_ints(node, 1, ACCEL_RANK_MAX, sizes, &count))
		return node->error;
	if (count != (given ? axis_count : shape.rank))
		onnx_fail(node, -EINVAL, "%zu sizes for %zu axes", count,
			  given ? axis_count : (size_t)shape.rank);
	for (size_t i = 0; i < count && !node->error; i++) {
		if (sizes[i] < 1)
			onnx_fail(node, sizes[i] ? -EINVAL : -ENOTSUP, "size %lld", (long long)sizes[i]);
		if (onnx_axis(node, given ? axes[i] : (int64_t)i, shape.rank, &axis))
			in = fit_axis(node, in, axis, (uint64_t)sizes[i]);
	}
	return onnx_output(node, 0, in);
}

/* Places of all outputs from -1 to 1, columns first, and a 1: rows of a matrix. */
static uint32_t base_grid(struct onnx_node *node, const int64_t *sizes, uint32_t spatial, bool corners)
{
	struct onnx_shape shape = { .type = ACCEL_F32, .rank = 2, .dim = { 1, spatial + 1 } };
	struct onnx_constant *constant;
	float *data;

	for (uint32_t i = 0; i < spatial; i++)
		shape.dim[0] *= (uint64_t)sizes[i];
	constant = onnx_constant_new(node->import, &shape, (void **)&data);
	for (uint64_t at = 0; constant && at < shape.dim[0]; at++) {
		uint64_t rest = at;

		for (uint32_t i = spatial; i-- > 0;) {
			double size = (double)sizes[i], place = (double)(rest % (uint64_t)sizes[i]);

			rest /= (uint64_t)sizes[i];
			data[at * (spatial + 1) + spatial - 1 - i] = (float)
				(corners ? (size > 1 ? 2 * place / (size - 1) - 1 : 0) :
					   (2 * place + 1) / size - 1);
		}
		data[at * (spatial + 1) + spatial] = 1;
	}
	return onnx_constant_tensor(node, constant);
}

int onnx_build_affine_grid(struct onnx_node *node)
{
	bool corners = onnx_attr_int(node, "align_corners", 0);
	uint32_t theta = onnx_input(node, 0), spatial, grid;
	uint64_t dim[ACCEL_RANK_MAX], places = 1;
	int64_t sizes[ACCEL_RANK_MAX];
	struct onnx_shape shape;
	size_t count;

	if (!onnx_shape_of(node, theta, &shape) || !onnx_input_ints(node, 1, 5, sizes, &count))
		return node->error;
	spatial = count >= 2 ? (uint32_t)count - 2 : 0;
	for (size_t i = 0; i < count; i++) {
		if (sizes[i] < 1 || sizes[i] > GRID_MAX)
			onnx_fail(node, -EINVAL, "size %lld", (long long)sizes[i]);
		else if (i >= 2)
			places *= (uint64_t)sizes[i];
		if (places > GRID_MAX)
			onnx_fail(node, -ENOTSUP, "more than %u places", GRID_MAX);
		if (node->error)
			return node->error;
	}
	if (spatial < 2 || shape.rank != 3 || shape.dim[0] != (uint64_t)sizes[0] ||
	    shape.dim[1] != spatial || shape.dim[2] != spatial + 1) {
		onnx_fail(node, -EINVAL, "the matrices do not fit the size");
		return node->error;
	}
	theta = onnx_transpose(node, theta, (uint32_t[]){ 0, 2, 1 });
	grid = onnx_matmul_numpy(node, base_grid(node, sizes + 2, spatial, corners), theta);
	dim[0] = (uint64_t)sizes[0];
	for (uint32_t i = 0; i < spatial; i++)
		dim[1 + i] = (uint64_t)sizes[2 + i];
	dim[1 + spatial] = spatial;
	return onnx_output(node, 0, onnx_reshape(node, grid, spatial + 2, dim));
}
