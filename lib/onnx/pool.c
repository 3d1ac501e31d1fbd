// SPDX-License-Identifier: MIT
/* Poolings. */
#include <errno.h>

#include <aci/aci_tcs.h>

#include "handlers.h"
#include "window.h"

/* Rows and columns first, then the depth: maxima and means are made of those of parts. */
static uint32_t pool_deep(struct onnx_node *node, uint32_t opcode, const struct onnx_window *window,
			  uint32_t in)
{
	struct onnx_shape shape, flat;

	if (!onnx_shape_of(node, in, &shape))
		return 0;
	in = onnx_reshape(node, in, 4, (uint64_t[]){ shape.dim[0], shape.dim[1] * shape.dim[2],
						     shape.dim[3], shape.dim[4] });
	in = onnx_pool(node, opcode, &window->card, in);
	if (!onnx_shape_of(node, in, &flat))
		return 0;
	in = onnx_reshape(node, in, 4, (uint64_t[]){ shape.dim[0], shape.dim[1], shape.dim[2],
						     flat.dim[2] * flat.dim[3] });
	in = onnx_pool(node, opcode, &window->depth, in);
	shape.dim[3] = flat.dim[2];
	shape.dim[4] = flat.dim[3];
	if (!onnx_shape_of(node, in, &flat))
		return 0;
	shape.dim[2] = flat.dim[2];
	return onnx_reshape(node, in, 5, shape.dim);
}

static uint32_t pool(struct onnx_node *node, uint32_t opcode, const struct onnx_window *window,
		     uint32_t in)
{
	uint32_t out;

	if (window->spatial == 3)
		return pool_deep(node, opcode, window, in);
	out = onnx_pool(node, opcode, &window->card, onnx_window_flat(node, window, in));
	return onnx_window_unflat(node, window, out);
}

int onnx_build_max_pool(struct onnx_node *node)
{
	uint32_t in = onnx_input(node, 0);
	struct onnx_window window;
	struct onnx_shape shape;

	onnx_attr_ignore(node, "storage_order");	/* of the second output */
	if (onnx_has_output(node, 1))
		onnx_fail(node, -ENOTSUP, "output 1 (indices) is not supported");
	if (!onnx_shape_of(node, in, &shape) || !onnx_window_read(node, &shape, NULL, &window))
		return node->error;
	window.card.groups = window.depth.groups = 0;
	return onnx_output(node, 0, pool(node, ACI_TCS_OP_POOL_MAX, &window, in));
}

int onnx_build_average_pool(struct onnx_node *node)
{
	bool count_padding = onnx_attr_int(node, "count_include_pad", 0);
	uint32_t in = onnx_input(node, 0);
	struct onnx_window window;
	struct onnx_shape shape;

	if (!onnx_shape_of(node, in, &shape) || !onnx_window_read(node, &shape, NULL, &window))
		return node->error;
	if (count_padding && window.extended)
		onnx_fail(node, -ENOTSUP,
			  "count_include_pad with ceil_mode that reaches past the padding is not supported");
	window.card.groups = window.depth.groups = 0;
	window.card.count_padding = window.depth.count_padding = count_padding;
	return onnx_output(node, 0, pool(node, ACI_TCS_OP_POOL_AVG, &window, in));
}

/* |x|^p or its inverse. */
static uint32_t power(struct onnx_node *node, float p, bool inverse, uint32_t in)
{
	if (p == 1)
		return inverse ? in : onnx_unary(node, ACI_TCS_UNARY_ABS, 0, 0, in);
	if (p == 2)
		return inverse ? onnx_unary(node, ACI_TCS_UNARY_SQRT, 0, 0, in) : onnx_mul(node, in, in);
	if (!inverse)
		in = onnx_unary(node, ACI_TCS_UNARY_ABS, 0, 0, in);
	return onnx_binary(node, ACI_TCS_BINARY_POW, in, onnx_scalar(node, inverse ? 1 / p : p));
}

static float read_power(struct onnx_node *node)
{
	int64_t p = onnx_attr_int(node, "p", 2);

	if (p < 1 || p > INT16_MAX)
		onnx_fail(node, -EINVAL, "attribute 'p' has the value %lld", (long long)p);
	return p;
}

/* The sum over a window is its mean times its size; padding adds nothing to it. */
int onnx_build_lp_pool(struct onnx_node *node)
{
	uint32_t in = onnx_input(node, 0);
	float p = read_power(node);
	struct onnx_window window;
	struct onnx_shape shape;

	if (!onnx_shape_of(node, in, &shape) || !onnx_window_read(node, &shape, NULL, &window))
		return node->error;
	window.card.groups = window.depth.groups = 0;
	window.card.count_padding = window.depth.count_padding = true;
	in = pool(node, ACI_TCS_OP_POOL_AVG, &window, power(node, p, false, in));
	in = onnx_linear(node, (float)window.card.kernel[0] * (float)window.card.kernel[1] *
			 (float)window.depth.kernel[0], 0, in);
	return onnx_output(node, 0, power(node, p, true, in));
}

int onnx_build_global_lp_pool(struct onnx_node *node)
{
	uint32_t in = onnx_input(node, 0);
	float p = read_power(node);
	struct onnx_shape shape;

	if (!onnx_shape_of(node, in, &shape))
		return node->error;
	if (shape.rank < 3)
		onnx_fail(node, -EINVAL, "input has %u dimensions, at least 3 are needed", shape.rank);
	in = onnx_reduce(node, ONNX_REDUCE_SUM, ((1u << shape.rank) - 1) & ~3u, power(node, p, false, in));
	return onnx_output(node, 0, power(node, p, true, in));
}

int onnx_build_lp_norm(struct onnx_node *node)
{
	int64_t axis = onnx_attr_int(node, "axis", -1);
	uint32_t in = onnx_input(node, 0), index, sum;
	float p = read_power(node);
	struct onnx_shape shape;

	if (!onnx_shape_of(node, in, &shape) || !onnx_axis(node, axis, shape.rank, &index))
		return node->error;
	sum = onnx_reduce(node, ONNX_REDUCE_SUM, 1u << index, power(node, p, false, in));
	return onnx_output(node, 0, onnx_div(node, in, power(node, p, true, sum)));
}

/* Over all spatial dimensions; op->function: enum onnx_reduction. */
int onnx_build_global_pool(struct onnx_node *node)
{
	uint32_t in = onnx_input(node, 0);
	struct onnx_shape shape;

	if (!onnx_shape_of(node, in, &shape))
		return node->error;
	if (shape.rank < 3)
		onnx_fail(node, -EINVAL, "input has %u dimensions, at least 3 are needed", shape.rank);
	return onnx_output(node, 0, onnx_reduce(node, node->op->function, ((1u << shape.rank) - 1) & ~3u, in));
}
