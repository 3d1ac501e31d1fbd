// SPDX-License-Identifier: MIT
/* Poolings. */
#include <errno.h>

#include <aci/aci_tcs.h>

#include "handlers.h"
#include "window.h"

static uint32_t pool(struct onnx_node *node, uint32_t opcode, const struct onnx_window *window, uint32_t in)
{
	uint32_t out = onnx_pool(node, opcode, &window->card, onnx_window_flat(node, window, in));

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
	window.card.groups = 0;
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
	window.card.groups = 0;
	window.card.count_padding = count_padding;
	return onnx_output(node, 0, pool(node, ACI_TCS_OP_POOL_AVG, &window, in));
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
