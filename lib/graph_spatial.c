// SPDX-License-Identifier: MIT
/* Graphs: windows and places over images; quantisation. */
#include "error.h"
#include "graph.h"

int accel_graph_conv(struct accel_graph *graph, uint32_t activation,
		     const struct accel_window *window, uint32_t in, uint32_t weights,
		     uint32_t bias, uint32_t *out)
{
	struct graph_op op = {
		.opcode = ACI_TCS_OP_CONV, .function = activation, .in = { in, weights, bias },
	};
	struct accel_view x, w;
	int ret = graph_begin(graph, out);

	if (!ret)
		ret = window_check(window, op.opcode);
	if (!ret)
		ret = graph_get_view(graph, in, &x);
	if (!ret)
		ret = graph_get_view(graph, weights, &w);
	if (!ret && bias != ACCEL_TENSOR_NONE && !graph_find(graph, bias))
		ret = -EINVAL;
	if (ret)
		return ret;
	if (x.rank != 4 || w.rank != 4)
		return error_set(-EINVAL, "conv: input and weights need rank 4");
	op.window = *window;
	return graph_compute(graph, &op, graph_product_type(x.type), 4, (uint64_t[]) {
		x.shape[0], w.shape[0],
		window_outputs(x.shape[2], w.shape[2], window->stride[0], window->dilation[0],
			       window->pad_begin[0], window->pad_end[0]),
		window_outputs(x.shape[3], w.shape[3], window->stride[1], window->dilation[1],
			       window->pad_begin[1], window->pad_end[1]) }, out);
}

int accel_graph_pool(struct accel_graph *graph, uint32_t opcode, const struct accel_window *window,
		     uint32_t in, uint32_t *out)
{
	struct graph_op op = { .opcode = opcode, .in = { in } };
	struct accel_view x;
	int ret = graph_begin(graph, out);

	if (!ret && opcode != ACI_TCS_OP_POOL_MAX && opcode != ACI_TCS_OP_POOL_AVG)
		ret = error_set(-EINVAL, "0x%x is no pooling operation", opcode);
	if (!ret)
		ret = window_check(window, opcode);
	if (!ret)
		ret = graph_get_view(graph, in, &x);
	if (ret)
		return ret;
	if (x.rank != 4)
		return error_set(-EINVAL, "%s: the input needs rank 4", tcs_op_name(opcode));
	op.window = *window;
	return graph_compute(graph, &op, x.type, 4,
			     (uint64_t[]) {
				     x.shape[0], x.shape[1],
				     window_outputs(x.shape[2], window->kernel[0],
						    window->stride[0], window->dilation[0],
						    window->pad_begin[0], window->pad_end[0]),
				     window_outputs(x.shape[3], window->kernel[1],
						    window->stride[1], window->dilation[1],
						    window->pad_begin[1], window->pad_end[1]) },
			     out);
}

int accel_graph_conv_transpose(struct accel_graph *graph, uint32_t activation,
			       const struct accel_window *window, const uint64_t size[2],
			       uint32_t in, uint32_t weights, uint32_t bias, uint32_t *out)
{
	struct graph_op op = {
		.opcode = ACI_TCS_OP_CONV_TRANSPOSE, .function = activation,
		.in = { in, weights, bias },
	};
	struct accel_view x, w;
	int ret = graph_begin(graph, out);

	if (!ret)
		ret = window_check(window, op.opcode);
	if (!ret && !size)
		ret = error_set(-EINVAL, "conv_transpose: size must not be NULL");
	if (!ret)
		ret = graph_get_view(graph, in, &x);
	if (!ret)
		ret = graph_get_view(graph, weights, &w);
	if (!ret && bias != ACCEL_TENSOR_NONE && !graph_find(graph, bias))
		ret = -EINVAL;
	if (ret)
		return ret;
	if (x.rank != 4 || w.rank != 4)
		return error_set(-EINVAL, "conv_transpose: input and weights need rank 4");
	op.window = *window;
	return graph_compute(graph, &op, graph_product_type(x.type), 4, (uint64_t[]) {
		x.shape[0], w.shape[1] * window->groups, size[0], size[1] }, out);
}

int accel_graph_resize(struct accel_graph *graph, const struct accel_resize *resize,
		       const uint64_t size[2], uint32_t in, uint32_t *out)
{
	struct graph_op op = { .opcode = ACI_TCS_OP_RESIZE, .in = { in } };
	struct accel_view x;
	int ret = graph_begin(graph, out);

	if (!ret)
		ret = resize_check(resize);
	if (!ret && !size)
		ret = error_set(-EINVAL, "resize: size must not be NULL");
	if (!ret)
		ret = graph_get_view(graph, in, &x);
	if (ret)
		return ret;
	if (x.rank != 4)
		return error_set(-EINVAL, "resize: the input needs rank 4");
	op.function = resize->function;
	op.resize = *resize;
	return graph_compute(graph, &op, x.type, 4,
			     (uint64_t[]) { x.shape[0], x.shape[1], size[0], size[1] }, out);
}

static int graph_requantise(struct accel_graph *graph, struct graph_op *op, enum accel_type type,
			    uint32_t *out)
{
	struct accel_view x;
	int ret = graph_begin(graph, out);

	if (!ret)
		ret = graph_get_view(graph, op->in[0], &x);
	if (!ret && (!graph_find(graph, op->in[1]) ||
		     (op->in[2] != ACCEL_TENSOR_NONE && !graph_find(graph, op->in[2]))))
		ret = -EINVAL;
	return ret ? ret : graph_compute(graph, op, type, x.rank, x.shape, out);
}

int accel_graph_quantise(struct accel_graph *graph, enum accel_type type, uint32_t in,
			 uint32_t scale, uint32_t zero, uint32_t *out)
{
	struct graph_op op = { .opcode = ACI_TCS_OP_QUANTISE, .in = { in, scale, zero } };

	return graph_requantise(graph, &op, type, out);
}

int accel_graph_dequantise(struct accel_graph *graph, uint32_t in, uint32_t scale, uint32_t zero,
			   uint32_t *out)
{
	struct graph_op op = { .opcode = ACI_TCS_OP_DEQUANTISE, .in = { in, scale, zero } };

	return graph_requantise(graph, &op, ACCEL_F32, out);
}
