// SPDX-License-Identifier: MIT
/*
 * Resize and Upsample. Where the places lie on a line of whole numbers it is an
 * operation of the card, for the last two axes at once, else axis by axis. What
 * remains, axis by axis: nearest as picked elements, linear and cubic, with
 * antialiasing too, as a product with the matrix of weights.
 */
#include "resize.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include <aci/aci_tcs.h>

#include "handlers.h"

#define LENGTH_MAX	(1u << 20)	/* of an axis */
#define MATRIX_MAX	(1u << 24)	/* weights of an axis */

struct resize {
	struct resize_axis axes[ACCEL_RANK_MAX];
	float outside;			/* TF_CROP: value of elements that are */
};

static void read_enum(struct onnx_node *node, const char *name, const char *const *names, size_t count,
		      const char *fallback, int *value)
{
	for (size_t i = 0; i < count; i++) {
		if (!onnx_attr_is(node, name, names[i], fallback))
			continue;
		*value = (int)i;
		return;
	}
	onnx_fail(node, -ENOTSUP, "attribute '%s' has a value that is not supported", name);
}

static bool read_attributes(struct onnx_node *node, struct resize_axis *axis, float *outside)
{
	static const char *const modes[] = { "nearest", "linear", "cubic" };
	static const char *const places[] = {
		"half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "align_corners", "asymmetric",
		"tf_half_pixel_for_nn", "tf_crop_and_resize",
	};
	static const char *const rounds[] = { "round_prefer_floor", "round_prefer_ceil", "floor", "ceil" };
	bool old = node->opset < 11;
	int mode = 0, place = RESIZE_ASYMMETRIC, round = RESIZE_FLOOR;

	read_enum(node, "mode", modes, old ? 2 : 3, "nearest", &mode);
	if (!old) {
		read_enum(node, "coordinate_transformation_mode", places, 7, "half_pixel", &place);
		read_enum(node, "nearest_mode", rounds, 4, "round_prefer_floor", &round);
	}
	*axis = (struct resize_axis){
		.mode = mode, .place = place, .round = round,
		.antialias = onnx_attr_int(node, "antialias", 0),
		.exclude_outside = onnx_attr_int(node, "exclude_outside", 0),
		.cubic = onnx_attr_float(node, "cubic_coeff_a", -0.75f), .end = 1,
	};
	*outside = onnx_attr_float(node, "extrapolation_value", 0);
	return !node->error;
}

static bool read_axes(struct onnx_node *node, uint32_t rank, uint32_t *axes, size_t *count)
{
	int64_t given[ACCEL_RANK_MAX];

	if (!onnx_attr_ints(node, "axes", rank, given, count)) {
		for (*count = 0; *count < rank; ++*count)
			axes[*count] = (uint32_t)*count;
		return !node->error;
	}
	for (size_t i = 0; i < *count; i++)
		if (!onnx_axis(node, given[i], rank, &axes[i]))
			return false;
	return true;
}

/* A list of float32 of @count elements; NULL: absent, empty, or a failure. */
static const struct onnx_constant *read_reals(struct onnx_node *node, size_t index, size_t count)
{
	const struct onnx_constant *list;

	if (!onnx_has_input(node, index))
		return NULL;
	list = onnx_input_constant(node, index);
	if (!list || !list->count)
		return NULL;
	if (list->count == count && list->shape.type == ACCEL_F32)
		return list;
	onnx_fail(node, -EINVAL, "input %zu is not a list of %zu float32", index, count);
	return NULL;
}

/* A scale that came as a float32 is a whole number of a power of two. */
static void set_fraction(struct resize_axis *axis, double scale)
{
	uint64_t down = 1;

	while (scale != floor(scale) && down < 1ull << 38) {
		scale *= 2;
		down *= 2;
	}
	axis->up = scale == floor(scale) && scale < 0x1p38 ? (uint64_t)scale : 0;
	axis->down = down;
}

static void set_scale(struct onnx_node *node, struct resize_axis *axis, double scale)
{
	double part = axis->place == RESIZE_TF_CROP ? axis->end - axis->begin : 1;
	double length = floor(scale * part * axis->in);

	if (!(scale > 0) || !(length >= 1 && length <= LENGTH_MAX)) {
		onnx_fail(node, -EINVAL, "scale %g of an axis of %llu elements", scale, (unsigned long long)axis->in);
		return;
	}
	axis->scale = scale;
	axis->out = (uint64_t)length;
	set_fraction(axis, scale);
}

/* keep_aspect_ratio_policy makes one scale of all sizes. */
static double common_scale(struct onnx_node *node, const struct resize *resize, const uint32_t *axes,
			   const int64_t *sizes, size_t count, uint64_t *up, uint64_t *down)
{
	bool larger = onnx_attr_is(node, "keep_aspect_ratio_policy", "not_smaller", "stretch");
	double common = 0;

	if (onnx_attr_is(node, "keep_aspect_ratio_policy", "stretch", "stretch"))
		return 0;
	if (!larger && !onnx_attr_is(node, "keep_aspect_ratio_policy", "not_larger", "stretch")) {
		onnx_fail(node, -EINVAL, "attribute 'keep_aspect_ratio_policy' has an unknown value");
		return 0;
	}
	for (size_t i = 0; i < count; i++) {
		double scale = (double)sizes[i] / resize->axes[axes[i]].in;

		if (i && !(larger ? scale > common : scale < common))
			continue;
		common = scale;
		*up = (uint64_t)sizes[i];
		*down = resize->axes[axes[i]].in;
	}
	return common;
}

static void read_sizes(struct onnx_node *node, struct resize *resize, const uint32_t *axes, size_t count)
{
	int64_t sizes[ACCEL_RANK_MAX];
	uint64_t up = 0, down = 0;
	double common;
	size_t found;

	if (!onnx_input_ints(node, 3, ACCEL_RANK_MAX, sizes, &found))
		return;
	if (found != count)
		onnx_fail(node, -EINVAL, "%zu sizes for %zu axes", found, count);
	for (size_t i = 0; i < count && !node->error; i++)
		if (sizes[i] < 1 || sizes[i] > LENGTH_MAX)
			onnx_fail(node, -EINVAL, "size %lld", (long long)sizes[i]);
	if (node->error)
		return;
	common = common_scale(node, resize, axes, sizes, count, &up, &down);
	for (size_t i = 0; i < count && !node->error; i++) {
		struct resize_axis *axis = &resize->axes[axes[i]];

		axis->scale = common != 0 ? common : (double)sizes[i] / axis->in;
		axis->out = common != 0 ? (uint64_t)floor(common * axis->in + 0.5) : (uint64_t)sizes[i];
		axis->up = common != 0 ? up : (uint64_t)sizes[i];
		axis->down = common != 0 ? down : axis->in;
		if (!axis->out)
			onnx_fail(node, -EINVAL, "an axis would have no elements");
	}
}

/* Scales or sizes, and the region, as the opset has them. */
static bool read_inputs(struct onnx_node *node, struct resize *resize, const uint32_t *axes, size_t count)
{
	size_t scales_at = node->opset < 11 ? 1 : 2;
	const struct onnx_constant *scales = read_reals(node, scales_at, count), *region = NULL;

	if (node->opset >= 11 && resize->axes[0].place == RESIZE_TF_CROP)
		region = read_reals(node, 1, 2 * count);
	for (size_t i = 0; region && i < count; i++) {
		resize->axes[axes[i]].begin = onnx_constant_real(region, i);
		resize->axes[axes[i]].end = onnx_constant_real(region, count + i);
	}
	if (node->error)
		return false;
	if (scales)
		for (size_t i = 0; i < count && !node->error; i++)
			set_scale(node, &resize->axes[axes[i]], onnx_constant_real(scales, i));
	else if (node->opset >= 11 && onnx_has_input(node, 3))
		read_sizes(node, resize, axes, count);
	else
		onnx_fail(node, -EINVAL, "there are neither scales nor sizes");
	return !node->error;
}

static uint32_t nearest(struct onnx_node *node, const struct resize_axis *axis, uint32_t in,
			uint32_t index)
{
	int64_t *from = calloc(axis->out, sizeof(*from));
	uint32_t out;

	if (!from)
		return onnx_fail(node, -ENOMEM, "no memory");
	for (uint64_t i = 0; i < axis->out; i++)
		from[i] = (int64_t)resize_nearest(axis, i);
	out = onnx_pick(node, in, index, from, axis->out);
	free(from);
	return out;
}

/* [out, in] weights times [outer, in, inner] */
static uint32_t interpolate(struct onnx_node *node, const struct resize_axis *axis, uint32_t in,
			    const struct onnx_shape *shape, uint32_t index)
{
	uint64_t outer = onnx_product(shape, 0, index), inner = onnx_product(shape, index + 1, shape->rank);
	struct onnx_shape matrix = { .type = ACCEL_F32, .rank = 2, .dim = { axis->out, axis->in } };
	struct onnx_shape out = *shape;
	struct onnx_constant *constant;
	uint32_t weights;
	void *data;

	if (axis->out * axis->in > MATRIX_MAX)
		return onnx_fail(node, -ENOTSUP, "an axis from %llu to %llu elements",
				 (unsigned long long)axis->in, (unsigned long long)axis->out);
	constant = onnx_constant_new(node->import, &matrix, &data);
	for (uint64_t i = 0; constant && i < axis->out; i++)
		if (!resize_outside(axis, i))
			resize_weights(axis, i, (float *)data + i * axis->in);
	weights = onnx_constant_tensor(node, constant);
	out.dim[index] = axis->out;
	if (inner == 1) {
		in = onnx_matmul(node, onnx_reshape(node, in, 2, (uint64_t[]){ outer, axis->in }),
				 onnx_transpose(node, weights, (uint32_t[]){ 1, 0 }), ACCEL_TENSOR_NONE);
	} else {
		in = onnx_reshape(node, in, 3, (uint64_t[]){ outer, axis->in, inner });
		weights = onnx_broadcast(node, weights, 3, (uint64_t[]){ outer, axis->out, axis->in });
		in = onnx_matmul(node, weights, in, ACCEL_TENSOR_NONE);
	}
	return onnx_reshape(node, in, out.rank, out.dim);
}

/* Elements outside of the input: weights there are 0, and this is added. */
static uint32_t add_outside(struct onnx_node *node, const struct resize_axis *axis, float value, uint32_t in,
			    uint32_t rank, uint32_t index)
{
	uint64_t dim[ACCEL_RANK_MAX] = { 1, 1, 1, 1, 1, 1, 1, 1 };
	float *values = calloc(axis->out, sizeof(*values));
	uint32_t tensor;

	if (!values)
		return onnx_fail(node, -ENOMEM, "no memory");
	for (uint64_t i = 0; i < axis->out; i++)
		values[i] = resize_outside(axis, i) ? value : 0;
	tensor = onnx_vector(node, values, axis->out);
	free(values);
	dim[index] = axis->out;
	return onnx_add(node, in, onnx_reshape(node, tensor, rank, dim));
}

static uint32_t resize_one(struct onnx_node *node, const struct resize *resize, uint32_t in, uint32_t index)
{
	const struct resize_axis *axis = &resize->axes[index];
	struct onnx_shape shape;

	if (!onnx_shape_of(node, in, &shape))
		return 0;
	if (axis->mode == RESIZE_NEAREST && axis->place != RESIZE_TF_CROP)
		return nearest(node, axis, in, index);
	if (shape.type != ACCEL_F32)
		return onnx_fail(node, -ENOTSUP, "interpolation of a type other than float32");
	if (axis->mode == RESIZE_NEAREST)
		return onnx_fail(node, -ENOTSUP, "nearest with tf_crop_and_resize");
	in = interpolate(node, axis, in, &shape, index);
	return axis->place == RESIZE_TF_CROP ? add_outside(node, axis, resize->outside, in, shape.rank, index) : in;
}

static bool is_changed(const struct resize_axis *axis)
{
	bool whole = axis->place != RESIZE_TF_CROP || (axis->begin == 0 && axis->end == 1);

	return axis->out != axis->in || axis->scale != 1 || !whole;
}

/* An axis as the card takes it. */
static bool find_line(const struct resize_axis *axis, struct resize_line *line)
{
	if (!is_changed(axis)) {
		*line = (struct resize_line){ 1, 0, 1 };
		return true;
	}
	return !(axis->antialias && axis->scale < 1) && resize_line(axis, line);
}

/* Axes @index and @index + 1 as rows and columns: [outer, 1, rows, columns * inner] if inner is 1. */
static uint32_t resize_plane(struct onnx_node *node, const struct resize_axis *rows,
			     const struct resize_axis *columns, const struct resize_line *lines,
			     uint32_t in, const struct onnx_shape *shape, uint64_t outer, uint64_t columns_in)
{
	static const uint32_t roundings[] = { ACI_TCS_ROUNDING_HALF_DOWN, ACI_TCS_ROUNDING_HALF_UP,
					      ACI_TCS_ROUNDING_DOWN, ACI_TCS_ROUNDING_UP };
	const struct resize_axis *kind = columns && is_changed(columns) ? columns : rows;
	bool is_nearest = kind->mode == RESIZE_NEAREST;
	struct accel_resize card = {
		.function = kind->mode,		/* ACI_TCS_RESIZE_* */
		.rounding = is_nearest ? roundings[kind->round] : 0,
		.cubic = kind->mode == RESIZE_CUBIC ? (float)kind->cubic : 0,
		.exclude_outside = !is_nearest && kind->exclude_outside,
		.step = { lines[0].step, lines[1].step },
		.offset = { lines[0].offset, lines[1].offset },
		.divisor = { lines[0].divisor, lines[1].divisor },
	};
	uint64_t size[2] = { rows->out, columns ? columns->out : columns_in };

	in = onnx_reshape(node, in, 4, (uint64_t[]){ outer, 1, rows->in, columns_in });
	return onnx_reshape(node, onnx_resize(node, &card, size, in), shape->rank, shape->dim);
}

/* The last two axes in one operation. 0: not possible, or a failure. */
static uint32_t resize_image(struct onnx_node *node, const struct resize *resize, uint32_t in)
{
	struct resize_line lines[2];
	struct onnx_shape shape;
	uint32_t first;

	if (!onnx_shape_of(node, in, &shape) || shape.rank < 2)
		return 0;
	first = shape.rank - 2;
	if (!is_changed(&resize->axes[first]) || !is_changed(&resize->axes[first + 1]) ||
	    (resize->axes[0].mode != RESIZE_NEAREST && shape.type != ACCEL_F32))
		return 0;
	for (uint32_t i = 0; i < 2; i++) {
		if (!find_line(&resize->axes[first + i], &lines[i]))
			return 0;
		shape.dim[first + i] = resize->axes[first + i].out;
	}
	return resize_plane(node, &resize->axes[first], &resize->axes[first + 1], lines, in, &shape,
			    onnx_product(&shape, 0, first), resize->axes[first + 1].in);
}

/* One axis as rows, all that is behind it as columns. 0: not possible, or a failure. */
static uint32_t resize_rows(struct onnx_node *node, const struct resize *resize, uint32_t in,
			    uint32_t index)
{
	const struct resize_axis *axis = &resize->axes[index];
	struct resize_line lines[2] = { { 0 }, { 1, 0, 1 } };
	struct onnx_shape shape;

	if (!onnx_shape_of(node, in, &shape) || !find_line(axis, &lines[0]) ||
	    (axis->mode != RESIZE_NEAREST && shape.type != ACCEL_F32))
		return 0;
	shape.dim[index] = axis->out;
	return resize_plane(node, axis, NULL, lines, in, &shape, onnx_product(&shape, 0, index),
			    onnx_product(&shape, index + 1, shape.rank));
}

static int build(struct onnx_node *node, uint32_t in, const struct onnx_shape *shape,
		 const struct resize *resize)
{
	uint32_t rank = shape->rank, image = resize_image(node, resize, in);

	if (image) {
		in = image;
		rank -= 2;
	}
	for (uint32_t i = 0; i < rank && !node->error; i++) {
		uint32_t rows;

		if (!is_changed(&resize->axes[i]))
			continue;
		rows = resize_rows(node, resize, in, i);
		in = rows || node->error ? rows : resize_one(node, resize, in, i);
	}
	return onnx_output(node, 0, in);
}

int onnx_build_resize(struct onnx_node *node)
{
	uint32_t in = onnx_input(node, 0), axes[ACCEL_RANK_MAX];
	struct resize resize;
	struct onnx_shape shape;
	size_t count;

	if (!onnx_shape_of(node, in, &shape) || !read_attributes(node, &resize.axes[0], &resize.outside))
		return node->error;
	for (uint32_t i = 0; i < ACCEL_RANK_MAX; i++) {
		resize.axes[i] = resize.axes[0];
		resize.axes[i].scale = 1;
		resize.axes[i].in = resize.axes[i].out = i < shape.rank ? shape.dim[i] : 1;
	}
	if (!read_axes(node, shape.rank, axes, &count) || !read_inputs(node, &resize, axes, count))
		return node->error;
	return build(node, in, &shape, &resize);
}

/* Before Resize: scales as an attribute, later as an input; nearest rounds down. */
int onnx_build_upsample(struct onnx_node *node)
{
	const Onnx__AttributeProto *scales;
	uint32_t in = onnx_input(node, 0);
	struct resize resize;
	struct onnx_shape shape;

	if (node->opset >= 9)
		return onnx_build_resize(node);
	scales = onnx_attr(node, "scales");
	if (!onnx_shape_of(node, in, &shape) || !read_attributes(node, &resize.axes[0], &resize.outside))
		return node->error;
	if (!scales || scales->n_floats != shape.rank) {
		onnx_fail(node, -EINVAL, "attribute 'scales' does not fit the input");
		return node->error;
	}
	for (uint32_t i = 0; i < shape.rank && !node->error; i++) {
		resize.axes[i] = resize.axes[0];
		resize.axes[i].in = shape.dim[i];
		set_scale(node, &resize.axes[i], scales->floats[i]);
	}
	return node->error ? node->error : build(node, in, &shape, &resize);
}
