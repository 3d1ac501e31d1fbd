// SPDX-License-Identifier: MIT
/* Softmax and normalisations. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include <aci/aci_tcs.h>

#include "handlers.h"

static uint32_t softmax(struct onnx_node *node, uint32_t axis, uint32_t in)
{
	return node->op->function == HANDLER_LOG_SOFTMAX ? onnx_log_softmax(node, axis, in) :
							   onnx_softmax(node, axis, in);
}

int onnx_build_softmax(struct onnx_node *node)
{
	int64_t axis = onnx_attr_int(node, "axis", -1);
	uint32_t in = onnx_input(node, 0), index;
	struct onnx_shape shape;

	if (!onnx_shape_of(node, in, &shape) || !onnx_axis(node, axis, shape.rank, &index))
		return node->error;
	return onnx_output(node, 0, softmax(node, index, in));
}

/* Before opset 13: over all dimensions from axis on. */
int onnx_build_softmax_flat(struct onnx_node *node)
{
	int64_t axis = onnx_attr_int(node, "axis", 1);
	uint32_t in = onnx_input(node, 0);
	struct onnx_shape shape;
	uint64_t rows[2];

	if (!onnx_shape_of(node, in, &shape))
		return node->error;
	if (axis < 0)
		axis += shape.rank;
	if (axis < 0 || axis > shape.rank) {
		onnx_fail(node, -EINVAL, "axis is outside of the input");
		return node->error;
	}
	rows[0] = onnx_product(&shape, 0, axis);
	rows[1] = onnx_product(&shape, axis, shape.rank);
	in = softmax(node, 1, onnx_reshape(node, in, 2, rows));
	return onnx_output(node, 0, onnx_reshape(node, in, shape.rank, shape.dim));
}

/* [C] as [1, C, 1, ...], to be broadcast to an input of @rank dimensions. */
static uint32_t per_channel(struct onnx_node *node, uint32_t in, uint32_t rank)
{
	uint64_t dim[ACCEL_RANK_MAX] = { 1, 1, 1, 1, 1, 1, 1, 1 };
	struct onnx_shape shape;

	if (!onnx_shape_of(node, in, &shape))
		return 0;
	if (shape.rank != 1 || rank < 2)
		return onnx_fail(node, -EINVAL, "a parameter has %u dimensions, not 1", shape.rank);
	dim[1] = shape.dim[0];
	return onnx_reshape(node, in, rank, dim);
}

/* Inputs 1 to 4 as float constants of equal length; false: they are not known now. */
static bool constant_parameters(struct onnx_node *node, const float *data[4], uint64_t *count)
{
	for (size_t i = 0; i < 4; i++) {
		const struct onnx_constant *constant = onnx_input_if_constant(node, 1 + i);

		if (!constant || constant->shape.type != ACCEL_F32 || constant->shape.rank != 1 ||
		    (i && constant->count != *count))
			return false;
		*count = constant->count;
		data[i] = constant->data;
	}
	return *count > 0;
}

/* scale / sqrt(var + epsilon) and bias - mean * that, computed now. */
static bool fold_batch_norm(struct onnx_node *node, float epsilon, uint32_t *scale, uint32_t *shift)
{
	const float *data[4];	/* scale, bias, mean, variance */
	uint64_t count = 0;
	float *values;

	if (!constant_parameters(node, data, &count))
		return false;
	values = calloc(count, 2 * sizeof(*values));
	if (!values) {
		onnx_fail(node, -ENOMEM, "no memory for %llu channels", (unsigned long long)count);
		return false;
	}
	for (uint64_t i = 0; i < count; i++) {
		double factor = data[0][i] / sqrt((double)data[3][i] + epsilon);

		values[i] = factor;
		values[count + i] = data[1][i] - data[2][i] * factor;
	}
	*scale = onnx_vector(node, values, count);
	*shift = onnx_vector(node, values + count, count);
	free(values);
	node->import->host_operations++;
	return true;
}

static uint32_t standard_deviation(struct onnx_node *node, float epsilon, uint32_t variance)
{
	return onnx_unary(node, ACI_TCS_UNARY_SQRT, 0, 0, onnx_linear(node, 1, epsilon, variance));
}

int onnx_build_batch_norm(struct onnx_node *node)
{
	float epsilon = onnx_attr_float(node, "epsilon", 1e-5f);
	uint32_t in = onnx_input(node, 0), scale, shift;
	struct onnx_shape shape;

	onnx_attr_ignore(node, "momentum");	/* of training */
	if (node->opset < 7 && !onnx_attr_int(node, "is_test", 0))
		onnx_fail(node, -ENOTSUP, "training is not supported");
	if (onnx_attr_int(node, "training_mode", 0) || onnx_attr_int(node, "spatial", 1) != 1)
		onnx_fail(node, -ENOTSUP, "only inference over channels is supported");
	for (size_t i = 1; i < node->proto->n_output; i++)
		if (onnx_has_output(node, i))
			onnx_fail(node, -ENOTSUP, "outputs of training are not supported");
	if (!onnx_shape_of(node, in, &shape))
		return node->error;
	if (!fold_batch_norm(node, epsilon, &scale, &shift)) {
		scale = onnx_div(node, onnx_input(node, 1),
				 standard_deviation(node, epsilon, onnx_input(node, 4)));
		shift = onnx_sub(node, onnx_input(node, 2), onnx_mul(node, onnx_input(node, 3), scale));
	}
	return onnx_output(node, 0, onnx_add(node, onnx_mul(node, in, per_channel(node, scale, shape.rank)),
					     per_channel(node, shift, shape.rank)));
}

int onnx_build_instance_norm(struct onnx_node *node)
{
	float epsilon = onnx_attr_float(node, "epsilon", 1e-5f);
	uint32_t in = onnx_input(node, 0), scale, bias;
	struct onnx_shape shape;

	if (!onnx_shape_of(node, in, &shape))
		return node->error;
	if (shape.rank < 3)
		onnx_fail(node, -EINVAL, "input has %u dimensions, at least 3 are needed", shape.rank);
	scale = per_channel(node, onnx_input(node, 1), shape.rank);
	bias = per_channel(node, onnx_input(node, 2), shape.rank);
	return onnx_output(node, 0, onnx_normalise(node, ((1u << shape.rank) - 1) & ~3u, epsilon,
						   in, scale, bias));
}

/* Outputs of training, where they are asked for. */
static void layer_statistics(struct onnx_node *node, uint32_t axes, float epsilon, uint32_t in)
{
	uint32_t mean, centred, variance, deviation;

	if (!onnx_has_output(node, 1) && !onnx_has_output(node, 2))
		return;
	mean = onnx_reduce(node, ONNX_REDUCE_MEAN, axes, in);
	if (onnx_has_output(node, 1))
		onnx_output(node, 1, mean);
	if (!onnx_has_output(node, 2))
		return;
	centred = onnx_sub(node, in, mean);
	variance = onnx_reduce(node, ONNX_REDUCE_MEAN, axes, onnx_mul(node, centred, centred));
	deviation = standard_deviation(node, epsilon, variance);
	onnx_output(node, 2, onnx_unary(node, ACI_TCS_UNARY_RECIPROCAL, 0, 0, deviation));
}

int onnx_build_layer_norm(struct onnx_node *node)
{
	float epsilon = onnx_attr_float(node, "epsilon", 1e-5f);
	int64_t axis = onnx_attr_int(node, "axis", -1);
	uint32_t in = onnx_input(node, 0), scale, bias = ACCEL_TENSOR_NONE, first, axes;
	struct onnx_shape shape;

	onnx_attr_ignore(node, "stash_type");	/* float32 is what the card sums up in */
	if (!onnx_shape_of(node, in, &shape) || !onnx_axis(node, axis, shape.rank, &first))
		return node->error;
	axes = ((1u << shape.rank) - 1) & ~((1u << first) - 1);
	scale = onnx_input(node, 1);
	if (onnx_has_input(node, 2))
		bias = onnx_input(node, 2);
	onnx_output(node, 0, onnx_normalise(node, axes, epsilon, in, scale, bias));
	layer_statistics(node, axes, epsilon, in);
	return node->error;
}

/* (x - mean) / (deviation + a little), by default over all but the channels */
int onnx_build_mean_variance_norm(struct onnx_node *node)
{
	uint32_t in = onnx_input(node, 0), mean, centred, deviation, mask = 0, index;
	int64_t axes[ACCEL_RANK_MAX] = { 0, 2, 3 };
	struct onnx_shape shape;
	size_t count;

	if (!onnx_attr_ints(node, "axes", ACCEL_RANK_MAX, axes, &count))
		count = 3;
	if (!onnx_shape_of(node, in, &shape))
		return node->error;
	for (size_t i = 0; i < count; i++)
		if (onnx_axis(node, axes[i], shape.rank, &index))
			mask |= 1u << index;
	mean = onnx_reduce(node, ONNX_REDUCE_MEAN, mask, in);
	centred = onnx_sub(node, in, mean);
	deviation = onnx_reduce(node, ONNX_REDUCE_MEAN, mask, onnx_mul(node, centred, centred));
	deviation = onnx_unary(node, ACI_TCS_UNARY_SQRT, 0, 0, deviation);
	return onnx_output(node, 0, onnx_div(node, centred, onnx_linear(node, 1, 1e-9f, deviation)));
}

/* A parameter per channel, or before opset 21 per group, as [1, groups, channels of a group or 1, 1]. */
static uint32_t per_group(struct onnx_node *node, uint32_t in, uint64_t groups)
{
	struct onnx_shape shape;

	if (!onnx_shape_of(node, in, &shape))
		return 0;
	if (shape.rank != 1 || shape.dim[0] % groups)
		return onnx_fail(node, -EINVAL, "a parameter does not fit the groups");
	return onnx_reshape(node, in, 4, (uint64_t[]){ 1, groups, shape.dim[0] / groups, 1 });
}

int onnx_build_group_norm(struct onnx_node *node)
{
	float epsilon = onnx_attr_float(node, "epsilon", 1e-5f);
	int64_t groups = onnx_attr_int(node, "num_groups", 0);
	uint32_t in = onnx_input(node, 0), scale, bias, out;
	struct onnx_shape shape;

	onnx_attr_ignore(node, "stash_type");
	if (!onnx_shape_of(node, in, &shape))
		return node->error;
	if (shape.rank < 2 || groups < 1 || shape.dim[1] % groups)
		onnx_fail(node, -EINVAL, "the channels do not divide into %lld groups", (long long)groups);
	in = onnx_reshape(node, in, 4, (uint64_t[]){ shape.dim[0], groups, shape.dim[1] / (groups > 0 ? groups : 1),
						     onnx_product(&shape, 2, shape.rank) });
	scale = per_group(node, onnx_input(node, 1), groups);
	bias = per_group(node, onnx_input(node, 2), groups);
	out = onnx_normalise(node, 0xc, epsilon, in, scale, bias);
	return onnx_output(node, 0, onnx_reshape(node, out, shape.rank, shape.dim));
}

/* x / (bias + alpha * mean of squares over neighbouring channels) ^ beta */
int onnx_build_lrn(struct onnx_node *node)
{
	struct accel_window window = { .kernel = { 1, 1 }, .stride = { 1, 1 }, .dilation = { 1, 1 },
				       .count_padding = true };
	float alpha = onnx_attr_float(node, "alpha", 1e-4f), beta = onnx_attr_float(node, "beta", 0.75f);
	float bias = onnx_attr_float(node, "bias", 1);
	int64_t size = onnx_attr_int(node, "size", 0);
	uint32_t in = onnx_input(node, 0), square, divisor;
	struct onnx_shape shape;

	if (!onnx_shape_of(node, in, &shape))
		return node->error;
	if (size < 1 || size > INT32_MAX || shape.rank < 2)
		onnx_fail(node, -EINVAL, "attribute 'size' or the input's shape is out of range");
	window.kernel[0] = size;
	window.pad_begin[0] = (size - 1) / 2;
	window.pad_end[0] = size - 1 - window.pad_begin[0];
	square = onnx_reshape(node, onnx_mul(node, in, in), 4,
			      (uint64_t[]){ shape.dim[0], 1, shape.dim[1], onnx_product(&shape, 2, shape.rank) });
	square = onnx_linear(node, alpha, bias, onnx_pool(node, ACI_TCS_OP_POOL_AVG, &window, square));
	divisor = onnx_binary(node, ACI_TCS_BINARY_POW, square, onnx_scalar(node, beta));
	return onnx_output(node, 0, onnx_div(node, in, onnx_reshape(node, divisor, shape.rank, shape.dim)));
}
