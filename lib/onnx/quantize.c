// SPDX-License-Identifier: MIT
/* QuantizeLinear and DequantizeLinear, computed in float32. */
#include <errno.h>

#include <aci/aci_tcs.h>

#include "handlers.h"

/* A scale or zero point as float32: per tensor, or per element of an axis. */
static uint32_t parameter(struct onnx_node *node, size_t index, const struct onnx_shape *in, int64_t axis)
{
	uint64_t dim[ACCEL_RANK_MAX] = { 1, 1, 1, 1, 1, 1, 1, 1 };
	uint32_t tensor = onnx_input(node, index), at;
	struct onnx_shape shape;

	if (!onnx_shape_of(node, tensor, &shape))
		return 0;
	if (shape.type != ACCEL_F32)
		tensor = onnx_convert(node, ACCEL_F32, tensor);
	if (!shape.rank || (shape.rank == 1 && shape.dim[0] == 1))
		return onnx_reshape(node, tensor, 0, dim);
	if (shape.rank != 1)
		return onnx_fail(node, -ENOTSUP, "blocked quantisation is not supported");
	if (!onnx_axis(node, axis, in->rank, &at))
		return 0;
	dim[at] = shape.dim[0];
	return onnx_reshape(node, tensor, in->rank, dim);
}

/* i8 and u8 alone: others need more than the 24 bits of float32's fraction, or are no type of a card. */
static bool get_range(struct onnx_node *node, enum accel_type type, float *low, float *high)
{
	if (type != ACCEL_I8 && type != ACCEL_U8) {
		onnx_fail(node, -ENOTSUP, "quantised type %s is not supported",
			  onnx_type_name(onnx_type_to_proto(type)));
		return false;
	}
	*low = type == ACCEL_I8 ? -128 : 0;
	*high = type == ACCEL_I8 ? 127 : 255;
	return true;
}

/* The zero point's type, else attribute output_dtype, else u8. */
static enum accel_type quantised_type(struct onnx_node *node)
{
	int64_t dtype = onnx_attr_int(node, "output_dtype", 0);
	enum accel_type type = ACCEL_U8;
	struct onnx_shape shape;

	if (onnx_has_input(node, 2))
		return onnx_input_shape(node, 2, &shape) ? shape.type : type;
	if (dtype && (dtype < 0 || dtype > INT32_MAX || onnx_type_from_proto(dtype, &type)))
		onnx_fail(node, -ENOTSUP, "attribute 'output_dtype' names an unsupported type");
	return type;
}

static int64_t read_axis(struct onnx_node *node)
{
	onnx_attr_ignore(node, "saturate");	/* of float8 only */
	if (onnx_attr_int(node, "block_size", 0))
		onnx_fail(node, -ENOTSUP, "blocked quantisation is not supported");
	return onnx_attr_int(node, "axis", 1);
}

int onnx_build_quantize(struct onnx_node *node)
{
	enum accel_type type = quantised_type(node);
	int64_t axis = read_axis(node);
	uint32_t in = onnx_input(node, 0), out;
	struct onnx_shape shape;
	float low, high;

	if (!get_range(node, type, &low, &high) || !onnx_shape_of(node, in, &shape))
		return node->error;
	out = onnx_unary(node, ACI_TCS_UNARY_ROUND, 0, 0, onnx_div(node, in, parameter(node, 1, &shape, axis)));
	if (onnx_has_input(node, 2))
		out = onnx_add(node, out, parameter(node, 2, &shape, axis));
	out = onnx_unary(node, ACI_TCS_UNARY_CLIP, low, high, out);
	return onnx_output(node, 0, onnx_convert(node, type, out));
}

int onnx_build_dequantize(struct onnx_node *node)
{
	int64_t axis = read_axis(node);
	uint32_t in = onnx_input(node, 0), out;
	struct onnx_shape shape;

	if (!onnx_shape_of(node, in, &shape))
		return node->error;
	out = onnx_convert(node, ACCEL_F32, in);
	if (onnx_has_input(node, 2))
		out = onnx_sub(node, out, parameter(node, 2, &shape, axis));
	return onnx_output(node, 0, onnx_mul(node, out, parameter(node, 1, &shape, axis)));
}
