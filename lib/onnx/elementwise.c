// SPDX-License-Identifier: MIT
/* Elementwise operators: one function of the card, or a few composed. */
#include <errno.h>
#include <float.h>
#include <math.h>

#include <aci/aci_tcs.h>

#include "handlers.h"

int onnx_build_unary(struct onnx_node *node)
{
	return onnx_output(node, 0, onnx_unary(node, node->op->function, 0, 0, onnx_input(node, 0)));
}

int onnx_build_leaky_relu(struct onnx_node *node)
{
	float alpha = onnx_attr_float(node, "alpha", 0.01f);

	return onnx_output(node, 0, onnx_unary(node, ACI_TCS_UNARY_LEAKY_RELU, alpha, 0, onnx_input(node, 0)));
}

int onnx_build_elu(struct onnx_node *node)
{
	float alpha = onnx_attr_float(node, "alpha", 1);

	return onnx_output(node, 0, onnx_unary(node, ACI_TCS_UNARY_ELU, alpha, 0, onnx_input(node, 0)));
}

int onnx_build_selu(struct onnx_node *node)
{
	float alpha = onnx_attr_float(node, "alpha", 1.67326319217681884765625f);
	float gamma = onnx_attr_float(node, "gamma", 1.05070102214813232421875f);

	return onnx_output(node, 0, onnx_unary(node, ACI_TCS_UNARY_SELU, alpha, gamma, onnx_input(node, 0)));
}

int onnx_build_celu(struct onnx_node *node)
{
	float alpha = onnx_attr_float(node, "alpha", 1);

	return onnx_output(node, 0, onnx_unary(node, ACI_TCS_UNARY_CELU, alpha, 0, onnx_input(node, 0)));
}

int onnx_build_thresholded_relu(struct onnx_node *node)
{
	float alpha = onnx_attr_float(node, "alpha", 1);

	return onnx_output(node, 0, onnx_unary(node, ACI_TCS_UNARY_THRESHOLDED_RELU, alpha, 0, onnx_input(node, 0)));
}

int onnx_build_shrink(struct onnx_node *node)
{
	float lambd = onnx_attr_float(node, "lambd", 0.5f), bias = onnx_attr_float(node, "bias", 0);

	return onnx_output(node, 0, onnx_unary(node, ACI_TCS_UNARY_SHRINK, lambd, bias, onnx_input(node, 0)));
}

/*
 * A bound of Clip that is known now; -FLT_MAX or FLT_MAX where it is absent,
 * which leaves infinities finite as ONNX says. False: it is known at the run.
 */
static bool clip_bound(struct onnx_node *node, size_t index, float fallback, float *bound)
{
	const struct onnx_constant *constant;

	*bound = fallback;
	if (!onnx_has_input(node, index))
		return true;
	constant = onnx_input_if_constant(node, index);
	if (!constant || constant->count != 1 || constant->shape.type != ACCEL_F32)
		return false;
	*bound = ((const float *)constant->data)[0];
	return true;
}

static uint32_t clip_by_tensors(struct onnx_node *node, uint32_t in)
{
	static const uint32_t functions[] = { 0, ACI_TCS_BINARY_MAX, ACI_TCS_BINARY_MIN };

	for (size_t i = 1; i < 3; i++)
		if (onnx_has_input(node, i))
			in = onnx_binary(node, functions[i], in, onnx_input(node, i));
	return in;
}

int onnx_build_clip(struct onnx_node *node)
{
	uint32_t in = onnx_input(node, 0);
	struct onnx_shape shape;
	float low, high;

	if (!onnx_shape_of(node, in, &shape))
		return node->error;
	if (node->opset < 11) {
		low = onnx_attr_float(node, "min", -FLT_MAX);
		high = onnx_attr_float(node, "max", FLT_MAX);
	} else if (shape.type != ACCEL_F32 || !clip_bound(node, 1, -FLT_MAX, &low) ||
		   !clip_bound(node, 2, FLT_MAX, &high)) {
		return onnx_output(node, 0, clip_by_tensors(node, in));
	}
	return onnx_output(node, 0, onnx_unary(node, ACI_TCS_UNARY_CLIP, low, high, in));
}

int onnx_build_hard_sigmoid(struct onnx_node *node)
{
	float alpha = onnx_attr_float(node, "alpha", 0.2f);
	float beta = onnx_attr_float(node, "beta", 0.5f);

	return onnx_output(node, 0, onnx_unary(node, ACI_TCS_UNARY_HARD_SIGMOID, alpha, beta, onnx_input(node, 0)));
}

int onnx_build_gelu(struct onnx_node *node)
{
	uint32_t in = onnx_input(node, 0);

	if (onnx_attr_is(node, "approximate", "tanh", "none"))
		return onnx_output(node, 0, onnx_unary(node, ACI_TCS_UNARY_GELU_TANH, 0, 0, in));
	if (!onnx_attr_is(node, "approximate", "none", "none"))
		onnx_fail(node, -EINVAL, "attribute 'approximate' is neither 'none' nor 'tanh'");
	return onnx_output(node, 0, onnx_unary(node, ACI_TCS_UNARY_GELU, 0, 0, in));
}

/* Its dimensions lie at those of the left side from the axis on; without one, at the last. */
uint32_t onnx_right_operand(struct onnx_node *node, uint32_t left)
{
	uint64_t dim[ACCEL_RANK_MAX] = { 1, 1, 1, 1, 1, 1, 1, 1 };
	uint32_t right = onnx_input(node, 1), first;
	struct onnx_shape whole, part;

	if (node->opset >= 7 || !onnx_attr_int(node, "broadcast", 0) || !onnx_attr(node, "axis"))
		return right;
	if (!onnx_shape_of(node, left, &whole) || !onnx_shape_of(node, right, &part) ||
	    !onnx_axis(node, onnx_attr_int(node, "axis", 0), whole.rank, &first))
		return 0;
	if (part.rank > whole.rank - first)
		return onnx_fail(node, -EINVAL, "input 1 does not fit input 0 at this axis");
	for (uint32_t i = 0; i < part.rank; i++)
		dim[first + i] = part.dim[i];
	return onnx_reshape(node, right, whole.rank, dim);
}

/* Before opset 7 a list of slopes was one per channel. */
int onnx_build_prelu(struct onnx_node *node)
{
	uint64_t dim[ACCEL_RANK_MAX] = { 1, 1, 1, 1, 1, 1, 1, 1 };
	uint32_t in = onnx_input(node, 0), slopes = onnx_input(node, 1);
	struct onnx_shape shape, list;

	if (!onnx_shape_of(node, in, &shape) || !onnx_shape_of(node, slopes, &list))
		return node->error;
	if (node->opset < 7 && list.rank == 1 && shape.rank > 1) {
		dim[1] = list.dim[0];
		slopes = onnx_reshape(node, slopes, shape.rank, dim);
	}
	return onnx_output(node, 0, onnx_binary(node, ACI_TCS_BINARY_PRELU, in, slopes));
}

int onnx_build_binary(struct onnx_node *node)
{
	uint32_t left = onnx_input(node, 0), right = onnx_right_operand(node, left);

	return onnx_output(node, 0, onnx_binary(node, node->op->function, left, right));
}

/* The exponent may have a type of its own; the result has the base's. */
int onnx_build_pow(struct onnx_node *node)
{
	uint32_t base = onnx_input(node, 0), exponent = onnx_right_operand(node, base);
	struct onnx_shape shape;

	if (onnx_shape_of(node, exponent, &shape) && shape.type != ACCEL_F32)
		exponent = onnx_convert(node, ACCEL_F32, exponent);
	return onnx_output(node, 0, onnx_binary(node, ACI_TCS_BINARY_POW, base, exponent));
}

/* Min, Max and Sum of any number of inputs, as a chain. */
static uint32_t chain(struct onnx_node *node, uint32_t function)
{
	uint32_t result = onnx_input(node, 0);

	for (size_t i = 1; i < node->proto->n_input && !node->error; i++)
		result = onnx_binary(node, function, result, onnx_input(node, i));
	return result;
}

int onnx_build_chain(struct onnx_node *node)
{
	return onnx_output(node, 0, chain(node, node->op->function));
}

int onnx_build_mean(struct onnx_node *node)
{
	uint32_t sum = chain(node, ACI_TCS_BINARY_ADD);

	return onnx_output(node, 0, onnx_linear(node, 1.0f / node->proto->n_input, 0, sum));
}

int onnx_build_cast(struct onnx_node *node)
{
	int64_t to = onnx_attr_int(node, "to", 0);
	enum accel_type type;

	onnx_attr_ignore(node, "saturate");	/* of float8 only */
	if (to < 0 || to > INT32_MAX || onnx_type_from_proto(to, &type))
		onnx_fail(node, -ENOTSUP, "element type %s is not supported",
			  onnx_type_name(to < 0 || to > INT32_MAX ? -1 : to));
	if (node->error)
		return node->error;
	return onnx_output(node, 0, onnx_convert(node, type, onnx_input(node, 0)));
}

int onnx_build_cast_like(struct onnx_node *node)
{
	struct onnx_shape like;

	onnx_attr_ignore(node, "saturate");
	if (!onnx_input_shape(node, 1, &like))
		return node->error;
	return onnx_output(node, 0, onnx_convert(node, like.type, onnx_input(node, 0)));
}
