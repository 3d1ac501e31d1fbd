// SPDX-License-Identifier: MIT
/*
 * Products of quantised numbers. The card multiplies signed bytes without zero
 * points; with a' = a8 - za and b' = b8 - zb it is
 *
 *	sum(a' b') = sum(a8 b8) - za sum(b8) - zb sum(a8) + K za zb
 *
 * all of it exact in i32. An unsigned byte becomes a signed one less by 128, and
 * so does its zero point.
 */
#include <errno.h>

#include <aci/aci_tcs.h>

#include "handlers.h"
#include "window.h"

struct quantised {
	uint32_t bytes;			/* i8 */
	uint32_t zero;			/* i32, 1 or more elements; ACCEL_TENSOR_NONE: 0 */
	uint32_t zero_bytes;		/* the same as i8 */
};

static uint32_t constant_i32(struct onnx_node *node, int64_t value)
{
	struct onnx_shape scalar = { .type = ACCEL_I32 };

	return onnx_constant_tensor(node, onnx_filled(node, &scalar,
						      (struct onnx_number){ .i = value }));
}

/* u8 less by 128 as i8: the highest bit changes, and the bits stay. */
static uint32_t as_signed(struct onnx_node *node, uint32_t in)
{
	struct onnx_shape shape, scalar = { .type = ACCEL_U8 };
	uint32_t high;

	if (!onnx_shape_of(node, in, &shape) || shape.type == ACCEL_I8)
		return in;
	if (shape.type != ACCEL_U8)
		return onnx_fail(node, -ENOTSUP, "a quantised input is neither int8 nor uint8");
	high = onnx_constant_tensor(node, onnx_filled(node, &scalar,
						      (struct onnx_number){ .i = 128 }));
	return onnx_convert(node, ACCEL_I8, onnx_binary(node, ACI_TCS_BINARY_XOR, in, high));
}

/* Is the zero point, less by 128 for u8, known to be 0? */
static bool zero_is_none(struct onnx_node *node, size_t index, enum accel_type type)
{
	const struct onnx_constant *constant;

	if (!onnx_has_input(node, index))
		return type == ACCEL_I8;
	constant = onnx_input_if_constant(node, index);
	for (uint64_t i = 0; constant && i < constant->count; i++)
		if (onnx_constant_int(constant, i) != (type == ACCEL_U8 ? 128 : 0))
			return false;
	return constant;
}

static bool read_quantised(struct onnx_node *node, size_t input, size_t zero,
			   struct quantised *q)
{
	uint32_t in = onnx_input(node, input);
	struct onnx_shape shape;

	*q = (struct quantised){ 0 };
	if (!onnx_shape_of(node, in, &shape))
		return false;
	q->bytes = as_signed(node, in);
	if (zero_is_none(node, zero, shape.type))
		return !node->error;
	if (onnx_has_input(node, zero)) {
		q->zero_bytes = as_signed(node, onnx_input(node, zero));
	} else {
		struct onnx_shape scalar = { .type = ACCEL_I8 };

		q->zero_bytes = onnx_constant_tensor(node, onnx_filled(node, &scalar,
							(struct onnx_number){ .i = -128 }));
	}
	q->zero = onnx_convert(node, ACCEL_I32, q->zero_bytes);
	return !node->error;
}

/* A zero point as a scalar, or along @axis of @rank. */
static uint32_t zero_along(struct onnx_node *node, uint32_t zero, uint32_t rank, uint32_t axis)
{
	uint64_t dim[ACCEL_RANK_MAX] = { 1, 1, 1, 1, 1, 1, 1, 1 };
	struct onnx_shape shape;
	uint64_t count;

	if (!onnx_shape_of(node, zero, &shape))
		return 0;
	count = onnx_product(&shape, 0, shape.rank);
	if (count == 1)
		return onnx_reshape(node, zero, 0, dim);
	if (shape.rank > 1)
		return onnx_fail(node, -ENOTSUP, "a zero point has %u dimensions", shape.rank);
	dim[axis] = count;
	return onnx_reshape(node, zero, rank, dim);
}

static uint32_t sum_i32(struct onnx_node *node, uint32_t in, uint32_t axes)
{
	return onnx_reduce(node, ONNX_REDUCE_SUM, axes, onnx_convert(node, ACCEL_I32, in));
}

/* --- Matrices ----------------------------------------------------------------------------- */

static uint32_t matmul_exact(struct onnx_node *node, size_t a_at, size_t a_zero, size_t b_at,
			     size_t b_zero)
{
	struct onnx_shape a_shape, b_shape;
	uint32_t product, za = 0, zb = 0;
	struct quantised a, b;

	if (!read_quantised(node, a_at, a_zero, &a) || !read_quantised(node, b_at, b_zero, &b))
		return 0;
	if (!onnx_shape_of(node, a.bytes, &a_shape) || !onnx_shape_of(node, b.bytes, &b_shape))
		return 0;
	product = onnx_matmul_numpy(node, a.bytes, b.bytes);
	if (!a.zero && !b.zero)
		return product;
	if (a_shape.rank < 2 || b_shape.rank < 2)
		return onnx_fail(node, -ENOTSUP, "vectors with zero points");
	if (a.zero) {
		za = zero_along(node, a.zero, a_shape.rank, a_shape.rank - 2);
		product = onnx_sub(node, product,
				   onnx_mul(node, za, sum_i32(node, b.bytes, 1u << (b_shape.rank - 2))));
	}
	if (b.zero) {
		zb = zero_along(node, b.zero, b_shape.rank, b_shape.rank - 1);
		product = onnx_sub(node, product,
				   onnx_mul(node, sum_i32(node, a.bytes, 1u << (a_shape.rank - 1)), zb));
	}
	if (a.zero && b.zero)
		product = onnx_add(node, product,
				   onnx_mul(node, onnx_mul(node, za, zb),
					    constant_i32(node, (int64_t)a_shape.dim[a_shape.rank - 1])));
	return product;
}

int onnx_build_matmul_integer(struct onnx_node *node)
{
	return onnx_output(node, 0, matmul_exact(node, 0, 2, 1, 3));
}

/* i32 times both scales, in the type and steps of the output. */
static uint32_t requantise(struct onnx_node *node, uint32_t product, uint32_t scale,
			   size_t out_scale, size_t out_zero)
{
	uint32_t zero = onnx_input(node, out_zero), to = onnx_input(node, out_scale);
	struct onnx_shape shape, single;

	if (!onnx_shape_of(node, zero, &shape) || !onnx_shape_of(node, to, &single))
		return 0;
	if (onnx_product(&shape, 0, shape.rank) != 1 || onnx_product(&single, 0, single.rank) != 1)
		return onnx_fail(node, -ENOTSUP, "scale or zero point of the output per row");
	zero = onnx_reshape(node, zero, 0, shape.dim);
	to = onnx_convert(node, ACCEL_F32, onnx_reshape(node, to, 0, single.dim));
	product = onnx_dequantise(node, product, scale, ACCEL_TENSOR_NONE);
	return onnx_quantise(node, shape.type, product, to, zero);
}

/* A scale as float32, scalar or along @axis. */
static uint32_t scale_along(struct onnx_node *node, size_t index, uint32_t rank, uint32_t axis)
{
	return onnx_convert(node, ACCEL_F32, zero_along(node, onnx_input(node, index), rank, axis));
}

int onnx_build_qlinear_matmul(struct onnx_node *node)
{
	struct onnx_shape a, b;
	uint32_t product, scale;

	if (!onnx_input_shape(node, 0, &a) || !onnx_input_shape(node, 3, &b))
		return node->error;
	if (a.rank < 2 || b.rank < 2) {
		onnx_fail(node, -ENOTSUP, "vectors");
		return node->error;
	}
	product = matmul_exact(node, 0, 2, 3, 5);
	scale = onnx_mul(node, scale_along(node, 1, a.rank, a.rank - 2),
			 scale_along(node, 4, b.rank, b.rank - 1));
	return onnx_output(node, 0, requantise(node, product, scale, 6, 7));
}

/* --- Convolutions ------------------------------------------------------------------------- */

/* What stands for 0 around the input is its zero point. */
static uint32_t pad_zero_point(struct onnx_node *node, struct onnx_window *window, uint32_t in,
			       uint32_t zero)
{
	uint32_t parts[3], count;
	struct onnx_shape shape;

	if (!zero)
		return in;
	zero = zero_along(node, zero, 0, 0);
	for (uint32_t i = 0; i < 2; i++) {
		uint64_t before = window->card.pad_begin[i], behind = window->card.pad_end[i];

		if ((!before && !behind) || !onnx_shape_of(node, in, &shape))
			continue;
		count = 0;
		shape.dim[2 + i] = before;
		if (before)
			parts[count++] = onnx_broadcast(node, zero, 4, shape.dim);
		parts[count++] = in;
		shape.dim[2 + i] = behind;
		if (behind)
			parts[count++] = onnx_broadcast(node, zero, 4, shape.dim);
		in = onnx_concat(node, 2 + i, parts, count);
		window->card.pad_begin[i] = window->card.pad_end[i] = 0;
	}
	return in;
}

/* Sums of the input under each window, by a kernel of ones. */
static uint32_t window_sums(struct onnx_node *node, const struct onnx_window *window, uint32_t in,
			    const struct onnx_shape *weights)
{
	struct onnx_shape kernel = *weights;
	uint32_t ones;

	kernel.dim[0] = 1;
	ones = onnx_fill(node, &kernel, (struct onnx_number){ .i = 1 });
	return onnx_conv(node, &window->card, in, ones, ACCEL_TENSOR_NONE);
}

static uint32_t conv_exact(struct onnx_node *node, size_t w_at, size_t x_zero, size_t w_zero,
			   uint32_t bias)
{
	struct onnx_window window;
	struct quantised x, w;
	struct onnx_shape kernel;
	uint32_t in, product, sums, zw = 0;

	if (!read_quantised(node, 0, x_zero, &x) || !read_quantised(node, w_at, w_zero, &w) ||
	    !onnx_conv_read(node, x.bytes, w.bytes, &window))
		return 0;
	if (window.spatial == 3)
		return onnx_fail(node, -ENOTSUP, "three spatial dimensions of quantised numbers");
	if (w.zero && window.card.groups != 1)
		return onnx_fail(node, -ENOTSUP, "groups and a zero point of the weights");
	in = pad_zero_point(node, &window, onnx_window_flat(node, &window, x.bytes), x.zero_bytes);
	w.bytes = onnx_window_flat(node, &window, w.bytes);
	if (!onnx_shape_of(node, w.bytes, &kernel))
		return 0;
	product = onnx_conv(node, &window.card, in, w.bytes, bias);
	sums = onnx_reshape(node, sum_i32(node, w.bytes, 0xe), 4, (uint64_t[]){ 1, kernel.dim[0], 1, 1 });
	if (w.zero) {
		zw = zero_along(node, w.zero, 4, 1);
		product = onnx_sub(node, product,
				   onnx_mul(node, zw, window_sums(node, &window, in, &kernel)));
		sums = onnx_sub(node, sums, onnx_mul(node, zw, constant_i32(node,
				(int64_t)(kernel.dim[1] * kernel.dim[2] * kernel.dim[3]))));
	}
	if (x.zero)
		product = onnx_sub(node, product, onnx_mul(node, zero_along(node, x.zero, 4, 1), sums));
	return onnx_window_unflat(node, &window, product);
}

int onnx_build_conv_integer(struct onnx_node *node)
{
	return onnx_output(node, 0, conv_exact(node, 1, 2, 3, ACCEL_TENSOR_NONE));
}

int onnx_build_qlinear_conv(struct onnx_node *node)
{
	uint32_t bias = onnx_has_input(node, 8) ? onnx_input(node, 8) : ACCEL_TENSOR_NONE;
	uint32_t product = conv_exact(node, 3, 2, 5, bias), scale;
	struct onnx_shape shape;

	if (!onnx_shape_of(node, product, &shape))
		return node->error;
	scale = onnx_mul(node, scale_along(node, 1, shape.rank, 1), scale_along(node, 4, shape.rank, 1));
	return onnx_output(node, 0, requantise(node, product, scale, 6, 7));
}
