// SPDX-License-Identifier: MIT
/* Convolutions, transposed ones, and those with three spatial dimensions. */
#include <errno.h>

#include "handlers.h"
#include "window.h"

/* --- Three spatial dimensions: a sum over the kernel's planes --------------------------- */

/* Zeros before and behind the depth. */
static uint32_t pad_depth(struct onnx_node *node, const struct accel_window *depth, uint32_t in)
{
	uint32_t parts[3], count = 0;
	struct onnx_shape shape;

	if (!onnx_shape_of(node, in, &shape))
		return 0;
	shape.dim[2] = depth->pad_begin[0];
	if (depth->pad_begin[0])
		parts[count++] = onnx_fill(node, &shape, (struct onnx_number){ 0 });
	parts[count++] = in;
	shape.dim[2] = depth->pad_end[0];
	if (depth->pad_end[0])
		parts[count++] = onnx_fill(node, &shape, (struct onnx_number){ 0 });
	return count == 1 ? in : onnx_concat(node, 2, parts, count);
}

/* The planes of the input that one plane of the kernel meets, as images of their own. */
static uint32_t pick_planes(struct onnx_node *node, const struct accel_window *depth, uint32_t in,
			    uint64_t tap, uint64_t count)
{
	uint64_t begin[ACCEL_RANK_MAX] = { [2] = tap * depth->dilation[0] };
	int64_t step[ACCEL_RANK_MAX] = { 1, 1, (int64_t)depth->stride[0], 1, 1 };
	struct onnx_shape shape;

	if (!onnx_shape_of(node, in, &shape))
		return 0;
	shape.dim[2] = count;
	in = onnx_slice(node, in, begin, shape.dim, step);
	in = onnx_transpose(node, in, (uint32_t[]){ 0, 2, 1, 3, 4 });
	return onnx_reshape(node, in, 4, (uint64_t[]){ shape.dim[0] * count, shape.dim[1],
						       shape.dim[3], shape.dim[4] });
}

static uint32_t conv_deep(struct onnx_node *node, const struct onnx_window *window, uint32_t in,
			  uint32_t weights, uint32_t bias)
{
	const struct accel_window *depth = &window->depth;
	uint64_t reach, outputs;
	struct onnx_shape shape, kernel, plane;
	uint32_t sum = 0;

	in = pad_depth(node, depth, in);
	if (!onnx_shape_of(node, in, &shape) || !onnx_shape_of(node, weights, &kernel))
		return 0;
	reach = (kernel.dim[2] - 1) * depth->dilation[0] + 1;
	if (reach > shape.dim[2])
		return onnx_fail(node, -EINVAL, "the kernel is deeper than the input");
	outputs = (shape.dim[2] - reach) / depth->stride[0] + 1;
	for (uint64_t tap = 0; tap < kernel.dim[2] && !node->error; tap++) {
		uint32_t planes = pick_planes(node, depth, in, tap, outputs);
		uint32_t part = onnx_reshape(node, onnx_slice_axis(node, weights, 2, tap, 1), 4,
					     (uint64_t[]){ kernel.dim[0], kernel.dim[1],
							   kernel.dim[3], kernel.dim[4] });

		part = onnx_conv(node, &window->card, planes, part, tap ? ACCEL_TENSOR_NONE : bias);
		sum = tap ? onnx_add(node, sum, part) : part;
	}
	if (!onnx_shape_of(node, sum, &plane))
		return 0;
	sum = onnx_reshape(node, sum, 5, (uint64_t[]){ shape.dim[0], outputs, plane.dim[1],
						       plane.dim[2], plane.dim[3] });
	return onnx_transpose(node, sum, (uint32_t[]){ 0, 2, 1, 3, 4 });
}

/* --- Conv --------------------------------------------------------------------------------- */

uint32_t onnx_conv_window(struct onnx_node *node, const struct onnx_window *window, uint32_t in,
			  uint32_t weights, uint32_t bias)
{
	if (window->spatial == 3)
		return conv_deep(node, window, in, weights, bias);
	in = onnx_window_flat(node, window, in);
	weights = onnx_window_flat(node, window, weights);
	return onnx_window_unflat(node, window,
				  onnx_conv(node, &window->card, in, weights, bias));
}

bool onnx_conv_read(struct onnx_node *node, uint32_t in, uint32_t weights,
		    struct onnx_window *window)
{
	int64_t groups = onnx_attr_int(node, "group", 1);
	struct onnx_shape in_shape, weight_shape;

	if (!onnx_shape_of(node, in, &in_shape) || !onnx_shape_of(node, weights, &weight_shape))
		return false;
	if (in_shape.rank != weight_shape.rank)
		onnx_fail(node, -EINVAL, "input has %u dimensions, weights %u", in_shape.rank,
			  weight_shape.rank);
	if (groups < 1 || groups > INT32_MAX)
		onnx_fail(node, -EINVAL, "attribute 'group' has the value %lld", (long long)groups);
	if (node->error || !onnx_window_read(node, &in_shape, &weight_shape.dim[2], window))
		return false;
	window->card.groups = (uint32_t)groups;
	return true;
}

int onnx_build_conv(struct onnx_node *node)
{
	uint32_t in = onnx_input(node, 0), weights = onnx_input(node, 1), bias = ACCEL_TENSOR_NONE;
	struct onnx_window window;

	if (onnx_has_input(node, 2))
		bias = onnx_input(node, 2);
	if (!onnx_conv_read(node, in, weights, &window))
		return node->error;
	return onnx_output(node, 0, onnx_conv_window(node, &window, in, weights, bias));
}

/* --- ConvTranspose ------------------------------------------------------------------------ */

struct transposed {
	struct onnx_window window;
	uint64_t size[2];		/* of the output, as the card has it */
	int64_t more[ACCEL_RANK_MAX];	/* output_padding */
	int64_t wanted[ACCEL_RANK_MAX];	/* output_shape, spatial alone; 0: not given */
};

static bool read_lists(struct onnx_node *node, uint32_t spatial, struct transposed *t)
{
	int64_t shape[ACCEL_RANK_MAX];
	size_t count;

	if (onnx_attr_ints(node, "output_padding", spatial, t->more, &count) && count != spatial)
		onnx_fail(node, -EINVAL, "attribute 'output_padding' has %zu values", count);
	if (onnx_attr_ints(node, "output_shape", ACCEL_RANK_MAX, shape, &count)) {
		/* Some files have all dimensions there. */
		if (count != spatial && count != spatial + 2)
			onnx_fail(node, -EINVAL, "attribute 'output_shape' has %zu values", count);
		for (uint32_t i = 0; i < spatial && !node->error; i++)
			t->wanted[i] = shape[count - spatial + i];
	}
	for (uint32_t i = 0; i < spatial; i++)
		if (t->more[i] < 0 || t->more[i] > INT32_MAX || t->wanted[i] < 0 ||
		    t->wanted[i] > INT32_MAX)
			onnx_fail(node, -EINVAL, "an output size or padding is out of range");
	return !node->error;
}

/*
 * One spatial dimension: padding follows from a wanted size, or the size from the padding. What
 * would be cut off at both ends is odd: the begin has more of it, with SAME_UPPER the end.
 */
static bool fit_axis(struct onnx_node *node, struct transposed *t, uint32_t i, int64_t in,
		     int64_t kernel, bool same, bool upper)
{
	uint32_t axis = i + 2 - t->window.spatial;
	struct accel_window *card = &t->window.card;
	int64_t stride = card->stride[axis];
	int64_t whole = stride * (in - 1) + (kernel - 1) * card->dilation[axis] + 1 + t->more[i];
	int64_t wanted = t->wanted[i] ? t->wanted[i] : same ? in * stride : 0;

	if (wanted) {
		int64_t cut = whole > wanted ? whole - wanted : 0;

		card->pad_begin[axis] = (uint32_t)(upper ? cut / 2 : cut - cut / 2);
		card->pad_end[axis] = (uint32_t)(cut - card->pad_begin[axis]);
	} else {
		wanted = whole - card->pad_begin[axis] - card->pad_end[axis];
	}
	if (wanted < 1 || wanted > INT32_MAX) {
		onnx_fail(node, -EINVAL, "a dimension of the output would be %lld", (long long)wanted);
		return false;
	}
	t->size[axis] = (uint64_t)wanted;
	return true;
}

static bool read_transposed(struct onnx_node *node, const struct onnx_shape *in,
			    const struct onnx_shape *weights, struct transposed *t)
{
	bool upper = onnx_attr_is(node, "auto_pad", "SAME_UPPER", "NOTSET");
	bool same = upper || onnx_attr_is(node, "auto_pad", "SAME_LOWER", "NOTSET");

	*t = (struct transposed){ .size = { 1, 1 } };
	if (in->rank != weights->rank || in->rank > 4) {
		onnx_fail(node, in->rank != weights->rank ? -EINVAL : -ENOTSUP,
			  "input has %u dimensions, weights %u; 3 and 4 are supported", in->rank,
			  weights->rank);
		return false;
	}
	if (!onnx_window_read(node, in, &weights->dim[2], &t->window) ||
	    !read_lists(node, t->window.spatial, t))
		return false;
	for (uint32_t i = 0; i < t->window.spatial; i++)
		if (in->dim[2 + i] > INT32_MAX ||
		    !fit_axis(node, t, i, (int64_t)in->dim[2 + i], (int64_t)weights->dim[2 + i], same,
			      upper))
			return false;
	return true;
}

int onnx_build_conv_transpose(struct onnx_node *node)
{
	uint32_t in = onnx_input(node, 0), weights = onnx_input(node, 1), bias = ACCEL_TENSOR_NONE;
	int64_t groups = onnx_attr_int(node, "group", 1);
	struct onnx_shape shape, kernel;
	struct transposed t;
	uint32_t out;

	if (onnx_has_input(node, 2))
		bias = onnx_input(node, 2);
	if (!onnx_shape_of(node, in, &shape) || !onnx_shape_of(node, weights, &kernel) ||
	    !read_transposed(node, &shape, &kernel, &t))
		return node->error;
	if (groups < 1 || groups > INT32_MAX)
		onnx_fail(node, -EINVAL, "attribute 'group' has the value %lld", (long long)groups);
	t.window.card.groups = (uint32_t)groups;
	out = onnx_conv_transpose(node, &t.window.card, t.size, onnx_window_flat(node, &t.window, in),
				  onnx_window_flat(node, &t.window, weights), bias);
	return onnx_output(node, 0, onnx_window_unflat(node, &t.window, out));
}
