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
	uint32_t elu = onnx_unary(node, ACI_TCS_UNARY_ELU, alpha, 0, onnx_input(node, 0));

	return onnx_output(node, 0, onnx_linear(node, gamma, 0, elu));
}

/* max(0, x) + min(0, alpha * (exp(x / alpha) - 1)) */
int onnx_build_celu(struct onnx_node *node)
{
	float alpha = onnx_attr_float(node, "alpha", 1);
	uint32_t in = onnx_input(node, 0);
	uint32_t elu;

	if (!(alpha > 0))
		onnx_fail(node, -ENOTSUP, "alpha %g is not positive", alpha);
	elu = onnx_unary(node, ACI_TCS_UNARY_ELU, alpha, 0, onnx_linear(node, 1 / alpha, 0, in));
	return onnx_output(node, 0, onnx_add(node, onnx_unary(node, ACI_TCS_UNARY_RELU, 0, 0, in),
					     onnx_unary(node, ACI_TCS_UNARY_CLIP, -FLT_MAX, 0, elu)));
}

/* max(0, x) + slope * min(0, x); the slope broadcasts to x only. */
int onnx_build_prelu(struct onnx_node *node)
{
	uint32_t in = onnx_input(node, 0);
	uint32_t negative = onnx_unary(node, ACI_TCS_UNARY_CLIP, -FLT_MAX, 0, in);

	return onnx_output(node, 0, onnx_add(node, onnx_unary(node, ACI_TCS_UNARY_RELU, 0, 0, in),
					     onnx_mul(node, onnx_input(node, 1), negative)));
}

/* A bound of Clip; -FLT_MAX or FLT_MAX where it is absent, which leaves infinities finite as ONNX says. */
static float clip_bound(struct onnx_node *node, size_t index, float fallback)
{
	const struct onnx_constant *bound;

	if (!onnx_has_input(node, index))
		return fallback;
	bound = onnx_input_constant(node, index);
	if (!bound)
		return fallback;
	if (bound->count != 1 || bound->shape.type != ACCEL_F32) {
		onnx_fail(node, -EINVAL, "input %zu is not one float32", index);
		return fallback;
	}
	return ((const float *)bound->data)[0];
}

int onnx_build_clip(struct onnx_node *node)
{
	bool attributes = node->opset < 11;
	float low = attributes ? onnx_attr_float(node, "min", -FLT_MAX) : clip_bound(node, 1, -FLT_MAX);
	float high = attributes ? onnx_attr_float(node, "max", FLT_MAX) : clip_bound(node, 2, FLT_MAX);

	return onnx_output(node, 0, onnx_unary(node, ACI_TCS_UNARY_CLIP, low, high, onnx_input(node, 0)));
}

static uint32_t hard_sigmoid(struct onnx_node *node, float alpha, float beta, uint32_t in)
{
	return onnx_unary(node, ACI_TCS_UNARY_CLIP, 0, 1, onnx_linear(node, alpha, beta, in));
}

int onnx_build_hard_sigmoid(struct onnx_node *node)
{
	float alpha = onnx_attr_float(node, "alpha", 0.2f);
	float beta = onnx_attr_float(node, "beta", 0.5f);

	return onnx_output(node, 0, hard_sigmoid(node, alpha, beta, onnx_input(node, 0)));
}

int onnx_build_hard_swish(struct onnx_node *node)
{
	uint32_t in = onnx_input(node, 0);

	return onnx_output(node, 0, onnx_mul(node, in, hard_sigmoid(node, 1.0f / 6, 0.5f, in)));
}

/* log(1 + exp(x)) as max(0, x) + log(1 + exp(-|x|)), which cannot overflow. */
static uint32_t softplus(struct onnx_node *node, uint32_t in)
{
	uint32_t magnitude = onnx_unary(node, ACI_TCS_UNARY_ABS, 0, 0, in);
	uint32_t small = onnx_unary(node, ACI_TCS_UNARY_EXP, 0, 0, onnx_linear(node, -1, 0, magnitude));

	return onnx_add(node, onnx_unary(node, ACI_TCS_UNARY_RELU, 0, 0, in),
			onnx_unary(node, ACI_TCS_UNARY_LOG, 0, 0, onnx_linear(node, 1, 1, small)));
}

int onnx_build_softplus(struct onnx_node *node)
{
	return onnx_output(node, 0, softplus(node, onnx_input(node, 0)));
}

int onnx_build_softsign(struct onnx_node *node)
{
	uint32_t in = onnx_input(node, 0);
	uint32_t magnitude = onnx_unary(node, ACI_TCS_UNARY_ABS, 0, 0, in);

	return onnx_output(node, 0, onnx_div(node, in, onnx_linear(node, 1, 1, magnitude)));
}

int onnx_build_mish(struct onnx_node *node)
{
	uint32_t in = onnx_input(node, 0);
	uint32_t gate = onnx_unary(node, ACI_TCS_UNARY_TANH, 0, 0, softplus(node, in));

	return onnx_output(node, 0, onnx_mul(node, in, gate));
}

/* x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 x^3))) */
static uint32_t gelu_tanh(struct onnx_node *node, uint32_t in)
{
	uint32_t square = onnx_mul(node, in, in);
	uint32_t inner = onnx_mul(node, in, onnx_linear(node, 0.044715f, 1, square));
	uint32_t gate = onnx_unary(node, ACI_TCS_UNARY_TANH, 0, 0,
				   onnx_linear(node, (float)(M_2_SQRTPI * M_SQRT1_2), 0, inner));

	return onnx_mul(node, in, onnx_linear(node, 0.5f, 0.5f, gate));
}

int onnx_build_gelu(struct onnx_node *node)
{
	uint32_t in = onnx_input(node, 0);

	if (onnx_attr_is(node, "approximate", "tanh", "none"))
		return onnx_output(node, 0, gelu_tanh(node, in));
	if (!onnx_attr_is(node, "approximate", "none", "none"))
		onnx_fail(node, -EINVAL, "attribute 'approximate' is neither 'none' nor 'tanh'");
	return onnx_output(node, 0, onnx_unary(node, ACI_TCS_UNARY_GELU, 0, 0, in));
}

int onnx_build_binary(struct onnx_node *node)
{
	uint32_t left = onnx_input(node, 0), right = onnx_input(node, 1);

	return onnx_output(node, 0, onnx_binary(node, node->op->function, left, right));
}

/* The exponent may have a type of its own; the result has the base's. */
int onnx_build_pow(struct onnx_node *node)
{
	uint32_t base = onnx_input(node, 0), exponent = onnx_input(node, 1);
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
