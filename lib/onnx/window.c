// SPDX-License-Identifier: MIT
#include <errno.h>

#include "window.h"

#define SPATIAL_MAX	3
#define CARD_MAX	2

/* The card's window, and the place there, of spatial dimension @i. */
static struct accel_window *find_axis(struct onnx_window *window, uint32_t i, uint32_t *axis)
{
	if (window->spatial == SPATIAL_MAX && !i) {
		*axis = 0;
		return &window->depth;
	}
	*axis = i + CARD_MAX - window->spatial;
	return &window->card;
}

struct values {
	int64_t v[2 * SPATIAL_MAX];
	size_t count;
};

static bool read_list(struct onnx_node *node, const char *name, size_t expected, int64_t fallback,
		      int64_t low, struct values *values)
{
	if (!onnx_attr_ints(node, name, 2 * SPATIAL_MAX, values->v, &values->count)) {
		for (size_t i = 0; i < expected; i++)
			values->v[i] = fallback;
		return !node->error;
	}
	if (values->count != expected) {
		onnx_fail(node, -EINVAL, "attribute '%s' has %zu values, expected %zu", name, values->count,
			  expected);
		return false;
	}
	for (size_t i = 0; i < expected; i++) {
		if (values->v[i] >= low && values->v[i] <= INT32_MAX)
			continue;
		onnx_fail(node, values->v[i] < 0 && low == 0 ? -ENOTSUP : -EINVAL,
			  "attribute '%s' has the value %lld", name, (long long)values->v[i]);
		return false;
	}
	return true;
}

static bool read_kernel(struct onnx_node *node, uint32_t spatial, const uint64_t *weights, struct values *kernel)
{
	bool given = onnx_attr(node, "kernel_shape");

	if (!given && !weights) {
		onnx_fail(node, -EINVAL, "attribute 'kernel_shape' is missing");
		return false;
	}
	if (!read_list(node, "kernel_shape", spatial, 1, 1, kernel))
		return false;
	for (uint32_t i = 0; weights && i < spatial; i++) {
		if (given && (uint64_t)kernel->v[i] != weights[i]) {
			onnx_fail(node, -EINVAL, "attribute 'kernel_shape' differs from the weights");
			return false;
		}
		if (weights[i] > INT32_MAX) {
			onnx_fail(node, -ENOTSUP, "the kernel is too large");
			return false;
		}
		kernel->v[i] = weights[i];
	}
	return true;
}

/* SAME_UPPER and SAME_LOWER: as many outputs as strides fit; the odd element goes to the end or the begin. */
static void pad_same(struct accel_window *card, uint32_t axis, uint64_t in, uint64_t reach, bool upper)
{
	uint64_t stride = card->stride[axis], out = (in + stride - 1) / stride;
	uint64_t needed = (out - 1) * stride + reach;
	uint64_t total = needed > in ? needed - in : 0;

	card->pad_begin[axis] = upper ? total / 2 : total - total / 2;
	card->pad_end[axis] = total - card->pad_begin[axis];
}

/* ceil_mode is floor mode with a larger pad_end; a window that starts in the end padding does not count. */
static bool extend(struct accel_window *card, uint32_t axis, uint64_t in, uint64_t reach)
{
	uint64_t begin = in + card->pad_begin[axis], padded = begin + card->pad_end[axis];
	uint64_t stride = card->stride[axis], last, end;

	if (padded < reach)
		return false;	/* no output at all: the card refuses it */
	last = (padded - reach + stride - 1) / stride;
	if (last * stride >= begin)
		last--;
	end = last * stride + reach;
	if (end <= padded)
		return false;
	card->pad_end[axis] += end - padded;
	return true;
}

static bool read_padding(struct onnx_node *node, const struct onnx_shape *in, struct onnx_window *window,
			 const int64_t *kernel)
{
	bool upper = onnx_attr_is(node, "auto_pad", "SAME_UPPER", "NOTSET");
	bool lower = onnx_attr_is(node, "auto_pad", "SAME_LOWER", "NOTSET");
	bool valid = onnx_attr_is(node, "auto_pad", "VALID", "NOTSET");
	bool ceiling = onnx_attr_int(node, "ceil_mode", 0);
	uint32_t spatial = window->spatial, axis;
	struct values pads;

	if (!upper && !lower && !valid && !onnx_attr_is(node, "auto_pad", "NOTSET", "NOTSET")) {
		onnx_fail(node, -EINVAL, "attribute 'auto_pad' has an unknown value");
		return false;
	}
	if (!read_list(node, "pads", 2 * spatial, 0, 0, &pads))
		return false;
	for (uint32_t i = 0; i < spatial; i++) {
		struct accel_window *card = find_axis(window, i, &axis);
		uint64_t reach = (uint64_t)(kernel[i] - 1) * card->dilation[axis] + 1;
		uint64_t size = in->dim[2 + i];

		if (size > INT32_MAX || reach > INT32_MAX) {
			onnx_fail(node, -ENOTSUP, "a spatial dimension or window is too large");
			return false;
		}
		if (upper || lower) {
			pad_same(card, axis, size, reach, upper);
			continue;
		}
		if (!valid) {
			card->pad_begin[axis] = pads.v[i];
			card->pad_end[axis] = pads.v[spatial + i];
		}
		if (ceiling)
			window->extended |= extend(card, axis, size, reach);
	}
	return true;
}

bool onnx_window_read(struct onnx_node *node, const struct onnx_shape *in, const uint64_t *weights,
		      struct onnx_window *window)
{
	struct values kernel, strides, dilations;
	uint32_t spatial, axis;

	*window = (struct onnx_window){
		.card = { .stride = { 1, 1 }, .dilation = { 1, 1 }, .groups = 1 },
		.depth = { .stride = { 1, 1 }, .dilation = { 1, 1 }, .groups = 1 },
	};
	if (in->rank < 3 || in->rank > 2 + SPATIAL_MAX) {
		onnx_fail(node, in->rank < 3 ? -EINVAL : -ENOTSUP,
			  "input has %u dimensions; 3 to 5 are supported", in->rank);
		return false;
	}
	spatial = window->spatial = in->rank - 2;
	if (!read_kernel(node, spatial, weights, &kernel) ||
	    !read_list(node, "strides", spatial, 1, 1, &strides) ||
	    !read_list(node, "dilations", spatial, 1, 1, &dilations))
		return false;
	for (uint32_t i = 0; i < CARD_MAX; i++)
		window->card.kernel[i] = window->depth.kernel[i] = weights ? 0 : 1;
	for (uint32_t i = 0; i < spatial; i++) {
		struct accel_window *card = find_axis(window, i, &axis);

		if (!weights)
			card->kernel[axis] = kernel.v[i];
		card->stride[axis] = strides.v[i];
		card->dilation[axis] = dilations.v[i];
	}
	return read_padding(node, in, window, kernel.v);
}

uint32_t onnx_window_flat(struct onnx_node *node, const struct onnx_window *window, uint32_t tensor)
{
	struct onnx_shape shape;

	if (window->spatial != 1 || !onnx_shape_of(node, tensor, &shape))
		return tensor;
	return onnx_reshape(node, tensor, 4, (uint64_t[]){ shape.dim[0], shape.dim[1], 1, shape.dim[2] });
}

uint32_t onnx_window_unflat(struct onnx_node *node, const struct onnx_window *window, uint32_t tensor)
{
	struct onnx_shape shape;

	if (window->spatial != 1 || !onnx_shape_of(node, tensor, &shape))
		return tensor;
	return onnx_reshape(node, tensor, 3, (uint64_t[]){ shape.dim[0], shape.dim[1], shape.dim[3] });
}
