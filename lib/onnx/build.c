// SPDX-License-Identifier: MIT
/*
 * Graph operations for handlers: each returns the new tensor, or 0 once the
 * node has failed, so that expressions need one check at their end.
 */
#include <errno.h>

#include <aci/aci_tcs.h>

#include "../error.h"
#include "handlers.h"

static uint32_t made(struct onnx_node *node, int error, const uint32_t *tensor)
{
	return error ? onnx_fail(node, error, "%s", accel_last_error()) : *tensor;
}

bool onnx_shape_of(struct onnx_node *node, uint32_t tensor, struct onnx_shape *shape)
{
	int err;

	if (node->error)
		return false;
	err = accel_graph_get_tensor(node->graph, tensor, &shape->type, &shape->rank, shape->dim);
	made(node, err, &tensor);
	return !err;
}

uint32_t onnx_scalar(struct onnx_node *node, float value)
{
	uint64_t dim[1] = { 0 };
	uint32_t out = 0;

	if (node->error)
		return 0;
	return made(node, accel_graph_add_constant(node->graph, NULL, ACCEL_F32, 0, dim, &value, &out), &out);
}

/* A constant that a handler made; NULL: the library's last error tells why it could not. */
uint32_t onnx_constant_tensor(struct onnx_node *node, const struct onnx_constant *constant)
{
	uint32_t out = 0;

	if (node->error)
		return 0;
	if (!constant)
		return made(node, -ENOMEM, &out);
	return made(node, accel_graph_add_constant(node->graph, NULL, constant->shape.type, constant->shape.rank,
						   constant->shape.dim, constant->data, &out), &out);
}

uint32_t onnx_vector(struct onnx_node *node, const float *values, uint64_t count)
{
	uint32_t out = 0;

	if (node->error)
		return 0;
	return made(node, accel_graph_add_constant(node->graph, NULL, ACCEL_F32, 1, &count, values, &out), &out);
}

uint32_t onnx_unary(struct onnx_node *node, uint32_t function, float alpha, float beta, uint32_t in)
{
	uint32_t out = 0;

	if (node->error)
		return 0;
	return made(node, accel_graph_unary(node->graph, function, alpha, beta, in, &out), &out);
}

uint32_t onnx_linear(struct onnx_node *node, float alpha, float beta, uint32_t in)
{
	return onnx_unary(node, ACI_TCS_UNARY_LINEAR, alpha, beta, in);
}

uint32_t onnx_binary(struct onnx_node *node, uint32_t function, uint32_t in0, uint32_t in1)
{
	uint32_t out = 0;

	if (node->error)
		return 0;
	return made(node, accel_graph_binary(node->graph, function, in0, in1, &out), &out);
}

uint32_t onnx_compare(struct onnx_node *node, uint32_t function, uint32_t in0, uint32_t in1)
{
	uint32_t out = 0;

	if (node->error)
		return 0;
	return made(node, accel_graph_compare(node->graph, function, in0, in1, &out), &out);
}

uint32_t onnx_select(struct onnx_node *node, uint32_t condition, uint32_t in0, uint32_t in1)
{
	uint32_t out = 0;

	if (node->error)
		return 0;
	return made(node, accel_graph_select(node->graph, condition, in0, in1, &out), &out);
}

uint32_t onnx_arg(struct onnx_node *node, uint32_t function, uint32_t axis, bool last, uint32_t in)
{
	uint32_t out = 0;

	if (node->error)
		return 0;
	return made(node, accel_graph_arg(node->graph, function, axis, last, in, &out), &out);
}

uint32_t onnx_normalise(struct onnx_node *node, uint32_t axes, float epsilon, uint32_t in,
			uint32_t scale, uint32_t bias)
{
	uint32_t out = 0;

	if (node->error)
		return 0;
	return made(node, accel_graph_normalise(node->graph, ACI_TCS_NORMALISE_MEAN_VARIANCE, axes,
						epsilon, in, scale, bias, &out), &out);
}

uint32_t onnx_cumulate(struct onnx_node *node, uint32_t axis, bool exclusive, uint32_t in)
{
	uint32_t out = 0;

	if (node->error)
		return 0;
	return made(node, accel_graph_cumulate(node->graph, ACI_TCS_CUMULATE_SUM, axis, exclusive,
					       in, &out), &out);
}

uint32_t onnx_gather(struct onnx_node *node, uint32_t axis, uint32_t count, uint32_t in,
		     uint32_t indices)
{
	uint32_t out = 0;

	if (node->error)
		return 0;
	return made(node, accel_graph_gather(node->graph, axis, count, in, indices, &out), &out);
}

uint32_t onnx_scatter(struct onnx_node *node, uint32_t function, uint32_t axis, uint32_t count,
		      uint32_t data, uint32_t in, uint32_t indices)
{
	uint32_t out = 0;

	if (node->error)
		return 0;
	return made(node, accel_graph_scatter(node->graph, function, axis, count, data, in, indices,
					      &out), &out);
}

uint32_t onnx_top_k(struct onnx_node *node, uint32_t axis, bool least, uint64_t k, uint32_t in,
		    uint32_t *indices)
{
	uint32_t out = 0;

	*indices = 0;
	if (node->error)
		return 0;
	return made(node, accel_graph_top_k(node->graph, axis, least, k, in, &out, indices), &out);
}

uint32_t onnx_fill(struct onnx_node *node, const struct onnx_shape *shape,
		   struct onnx_number number)
{
	uint64_t value = 0;
	uint32_t out = 0;

	if (node->error)
		return 0;
	onnx_data_set(&value, shape->type, 0, number);
	return made(node, accel_graph_fill(node->graph, shape->type, shape->rank, shape->dim, &value,
					   &out), &out);
}

uint32_t onnx_count_up(struct onnx_node *node, enum accel_type type, int64_t first, uint64_t count,
		       uint32_t rank, uint32_t axis)
{
	uint64_t dim[ACCEL_RANK_MAX] = { 1, 1, 1, 1, 1, 1, 1, 1 }, value = 0, step = 0;
	bool direct = type == ACCEL_F32 || type == ACCEL_I32 || type == ACCEL_I64;
	enum accel_type made_type = direct ? type : ACCEL_I32;
	uint32_t out = 0;

	if (node->error)
		return 0;
	dim[axis] = count;
	onnx_data_set(&value, made_type, 0, (struct onnx_number){ .i = first, .r = (double)first });
	onnx_data_set(&step, made_type, 0, (struct onnx_number){ .i = 1, .r = 1 });
	made(node, accel_graph_range(node->graph, made_type, rank, dim, axis, &value, &step, &out),
	     &out);
	return direct ? out : onnx_convert(node, type, out);
}

uint32_t onnx_log_softmax(struct onnx_node *node, uint32_t axis, uint32_t in)
{
	uint32_t out = 0;

	if (node->error)
		return 0;
	return made(node, accel_graph_log_softmax(node->graph, axis, in, &out), &out);
}

uint32_t onnx_add(struct onnx_node *node, uint32_t in0, uint32_t in1)
{
	return onnx_binary(node, ACI_TCS_BINARY_ADD, in0, in1);
}

uint32_t onnx_sub(struct onnx_node *node, uint32_t in0, uint32_t in1)
{
	return onnx_binary(node, ACI_TCS_BINARY_SUB, in0, in1);
}

uint32_t onnx_mul(struct onnx_node *node, uint32_t in0, uint32_t in1)
{
	return onnx_binary(node, ACI_TCS_BINARY_MUL, in0, in1);
}

uint32_t onnx_div(struct onnx_node *node, uint32_t in0, uint32_t in1)
{
	return onnx_binary(node, ACI_TCS_BINARY_DIV, in0, in1);
}

uint32_t onnx_softmax(struct onnx_node *node, uint32_t axis, uint32_t in)
{
	uint32_t out = 0;

	if (node->error)
		return 0;
	return made(node, accel_graph_softmax(node->graph, axis, in, &out), &out);
}

uint32_t onnx_matmul(struct onnx_node *node, uint32_t a, uint32_t b, uint32_t bias)
{
	uint32_t out = 0;

	if (node->error)
		return 0;
	return made(node, accel_graph_matmul(node->graph, ACI_TCS_UNARY_IDENTITY, a, b, bias, &out), &out);
}

uint32_t onnx_conv(struct onnx_node *node, const struct accel_window *window, uint32_t in, uint32_t weights,
		   uint32_t bias)
{
	uint32_t out = 0;

	if (node->error)
		return 0;
	return made(node, accel_graph_conv(node->graph, ACI_TCS_UNARY_IDENTITY, window, in, weights, bias, &out),
		    &out);
}

uint32_t onnx_conv_transpose(struct onnx_node *node, const struct accel_window *window,
			     const uint64_t size[2], uint32_t in, uint32_t weights, uint32_t bias)
{
	uint32_t out = 0;

	if (node->error)
		return 0;
	return made(node, accel_graph_conv_transpose(node->graph, ACI_TCS_UNARY_IDENTITY, window, size,
						     in, weights, bias, &out), &out);
}

uint32_t onnx_resize(struct onnx_node *node, const struct accel_resize *resize,
		     const uint64_t size[2], uint32_t in)
{
	uint32_t out = 0;

	if (node->error)
		return 0;
	return made(node, accel_graph_resize(node->graph, resize, size, in, &out), &out);
}

uint32_t onnx_quantise(struct onnx_node *node, enum accel_type type, uint32_t in, uint32_t scale,
		       uint32_t zero)
{
	uint32_t out = 0;

	if (node->error)
		return 0;
	return made(node, accel_graph_quantise(node->graph, type, in, scale, zero, &out), &out);
}

uint32_t onnx_dequantise(struct onnx_node *node, uint32_t in, uint32_t scale, uint32_t zero)
{
	uint32_t out = 0;

	if (node->error)
		return 0;
	return made(node, accel_graph_dequantise(node->graph, in, scale, zero, &out), &out);
}

uint32_t onnx_pool(struct onnx_node *node, uint32_t opcode, const struct accel_window *window, uint32_t in)
{
	uint32_t out = 0;

	if (node->error)
		return 0;
	return made(node, accel_graph_pool(node->graph, opcode, window, in, &out), &out);
}

uint32_t onnx_convert(struct onnx_node *node, enum accel_type type, uint32_t in)
{
	uint32_t out = 0;

	if (node->error)
		return 0;
	return made(node, accel_graph_convert(node->graph, type, in, &out), &out);
}

uint32_t onnx_reshape(struct onnx_node *node, uint32_t in, uint32_t rank, const uint64_t *dim)
{
	uint32_t out = 0;

	if (node->error)
		return 0;
	return made(node, accel_graph_reshape(node->graph, in, rank, dim, &out), &out);
}

uint32_t onnx_transpose(struct onnx_node *node, uint32_t in, const uint32_t *permutation)
{
	uint32_t out = 0;

	if (node->error)
		return 0;
	return made(node, accel_graph_transpose(node->graph, in, permutation, &out), &out);
}

uint32_t onnx_broadcast(struct onnx_node *node, uint32_t in, uint32_t rank, const uint64_t *dim)
{
	uint32_t out = 0;

	if (node->error)
		return 0;
	return made(node, accel_graph_broadcast(node->graph, in, rank, dim, &out), &out);
}

uint32_t onnx_slice(struct onnx_node *node, uint32_t in, const uint64_t *begin, const uint64_t *dim,
		    const int64_t *step)
{
	uint32_t out = 0;

	if (node->error)
		return 0;
	return made(node, accel_graph_slice(node->graph, in, begin, dim, step, &out), &out);
}

/* [begin, begin + length) of one axis; the caller has checked that it is inside. */
uint32_t onnx_slice_axis(struct onnx_node *node, uint32_t in, uint32_t axis, uint64_t begin, uint64_t length)
{
	uint64_t first[ACCEL_RANK_MAX] = { 0 };
	int64_t step[ACCEL_RANK_MAX];
	struct onnx_shape shape;

	if (!onnx_shape_of(node, in, &shape))
		return 0;
	for (uint32_t i = 0; i < shape.rank; i++)
		step[i] = 1;
	first[axis] = begin;
	shape.dim[axis] = length;
	return onnx_slice(node, in, first, shape.dim, step);
}

uint32_t onnx_concat(struct onnx_node *node, uint32_t axis, const uint32_t *in, uint32_t count)
{
	uint32_t out = 0;

	if (node->error)
		return 0;
	return made(node, accel_graph_concat(node->graph, axis, in, count, &out), &out);
}

/* Product of the dimensions [begin, end); 1 if there are none. Cannot overflow: the tensor exists. */
uint64_t onnx_product(const struct onnx_shape *shape, uint32_t begin, uint32_t end)
{
	uint64_t product = 1;

	for (uint32_t i = begin; i < end; i++)
		product *= shape->dim[i];
	return product;
}
