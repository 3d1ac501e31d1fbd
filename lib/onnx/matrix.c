// SPDX-License-Identifier: MIT
/* Matrix products. */
#include <errno.h>
#include <string.h>

#include "handlers.h"

/* Batch dimensions of both sides, broadcast as numpy does. */
static bool batch_dims(struct onnx_node *node, const struct onnx_shape *a, const struct onnx_shape *b,
		       uint32_t rank, uint64_t *dim)
{
	for (uint32_t i = 0; i + 2 < rank; i++) {
		uint64_t left = i + a->rank >= rank ? a->dim[i + a->rank - rank] : 1;
		uint64_t right = i + b->rank >= rank ? b->dim[i + b->rank - rank] : 1;

		if (left != right && left != 1 && right != 1) {
			onnx_fail(node, -EINVAL, "batch dimensions %llu and %llu do not fit",
				  (unsigned long long)left, (unsigned long long)right);
			return false;
		}
		dim[i] = left == 1 ? right : left;
	}
	return true;
}

/* [.., M, K] * [K, N] is one product of [.. * M, K]. */
static uint32_t matmul_rows(struct onnx_node *node, uint32_t a, uint32_t b, const struct onnx_shape *a_shape,
			    const struct onnx_shape *b_shape)
{
	uint32_t last = a_shape->rank - 1;
	uint64_t rows[2] = { onnx_product(a_shape, 0, last), a_shape->dim[last] };
	struct onnx_shape out = *a_shape;

	if (a_shape->rank == 2)
		return onnx_matmul(node, a, b, ACCEL_TENSOR_NONE);
	out.dim[last] = b_shape->dim[1];
	return onnx_reshape(node, onnx_matmul(node, onnx_reshape(node, a, 2, rows), b, ACCEL_TENSOR_NONE),
			    out.rank, out.dim);
}

static uint32_t matmul_batches(struct onnx_node *node, uint32_t a, uint32_t b, const struct onnx_shape *a_shape,
			       const struct onnx_shape *b_shape)
{
	uint32_t rank = a_shape->rank > b_shape->rank ? a_shape->rank : b_shape->rank;
	uint64_t left[ACCEL_RANK_MAX], right[ACCEL_RANK_MAX];

	if (!batch_dims(node, a_shape, b_shape, rank, left))
		return 0;
	memcpy(right, left, sizeof(right));
	memcpy(&left[rank - 2], &a_shape->dim[a_shape->rank - 2], 2 * sizeof(*left));
	memcpy(&right[rank - 2], &b_shape->dim[b_shape->rank - 2], 2 * sizeof(*right));
	return onnx_matmul(node, onnx_broadcast(node, a, rank, left), onnx_broadcast(node, b, rank, right),
			   ACCEL_TENSOR_NONE);
}

/* numpy.matmul: a vector on the left is a row, on the right a column, and its dimension vanishes again. */
uint32_t onnx_matmul_numpy(struct onnx_node *node, uint32_t a, uint32_t b)
{
	struct onnx_shape a_shape, b_shape, out_shape;
	bool row, column;
	uint32_t out;

	if (!onnx_shape_of(node, a, &a_shape) || !onnx_shape_of(node, b, &b_shape))
		return 0;
	if (!a_shape.rank || !b_shape.rank)
		return onnx_fail(node, -EINVAL, "an input is a scalar");
	row = a_shape.rank == 1;
	column = b_shape.rank == 1;
	if (row)
		a = onnx_reshape(node, a, 2, (uint64_t[]){ 1, a_shape.dim[0] });
	if (column)
		b = onnx_reshape(node, b, 2, (uint64_t[]){ b_shape.dim[0], 1 });
	if (!onnx_shape_of(node, a, &a_shape) || !onnx_shape_of(node, b, &b_shape))
		return 0;
	out = b_shape.rank == 2 ? matmul_rows(node, a, b, &a_shape, &b_shape) :
				  matmul_batches(node, a, b, &a_shape, &b_shape);
	if ((!row && !column) || !onnx_shape_of(node, out, &out_shape))
		return out;
	if (column)
		out_shape.rank--;
	if (row) {
		out_shape.dim[out_shape.rank - 2 + column] = out_shape.dim[out_shape.rank - 1];
		out_shape.rank--;
	}
	return onnx_reshape(node, out, out_shape.rank, out_shape.dim);
}

int onnx_build_matmul(struct onnx_node *node)
{
	uint32_t a = onnx_input(node, 0), b = onnx_input(node, 1);

	return onnx_output(node, 0, onnx_matmul_numpy(node, a, b));
}

static uint32_t transposed(struct onnx_node *node, uint32_t in, bool transpose)
{
	struct onnx_shape shape;

	if (!onnx_shape_of(node, in, &shape))
		return 0;
	if (shape.rank != 2)
		return onnx_fail(node, -EINVAL, "a matrix has %u dimensions, not 2", shape.rank);
	return transpose ? onnx_transpose(node, in, (uint32_t[]){ 1, 0 }) : in;
}

/* C as the product's bias: [N], or broadcast to [M, N]. */
static uint32_t gemm_bias(struct onnx_node *node, uint32_t a, uint32_t b)
{
	struct onnx_shape bias, left, right;
	uint32_t in = onnx_input(node, 2);

	if (!onnx_shape_of(node, in, &bias) || !onnx_shape_of(node, a, &left) ||
	    !onnx_shape_of(node, b, &right))
		return 0;
	if (bias.rank == 1 && bias.dim[0] == right.dim[1])
		return in;
	if (bias.rank == 2 && bias.dim[0] == 1 && bias.dim[1] == right.dim[1])
		return onnx_reshape(node, in, 1, &bias.dim[1]);
	return onnx_broadcast(node, in, 2, (uint64_t[]){ left.dim[0], right.dim[1] });
}

int onnx_build_gemm(struct onnx_node *node)
{
	float alpha = onnx_attr_float(node, "alpha", 1), beta = onnx_attr_float(node, "beta", 1);
	uint32_t a = transposed(node, onnx_input(node, 0), onnx_attr_int(node, "transA", 0));
	uint32_t b = transposed(node, onnx_input(node, 1), onnx_attr_int(node, "transB", 0));
	uint32_t bias = ACCEL_TENSOR_NONE, out;

	if (node->opset < 7)
		onnx_attr_ignore(node, "broadcast");	/* what fits is broadcast anyway */
	if (onnx_has_input(node, 2) && beta != 0)
		bias = gemm_bias(node, a, b);
	if (alpha == 1 && beta == 1)
		return onnx_output(node, 0, onnx_matmul(node, a, b, bias));
	out = onnx_matmul(node, a, b, ACCEL_TENSOR_NONE);
	if (alpha != 1)
		out = onnx_linear(node, alpha, 0, out);
	if (bias)
		out = onnx_add(node, out, beta == 1 ? bias : onnx_linear(node, beta, 0, bias));
	return onnx_output(node, 0, out);
}
