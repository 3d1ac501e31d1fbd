// SPDX-License-Identifier: MIT
/*
 * Losses over class indices. Elements are picked by a product with one-hot
 * rows, max(0, 1 - |target - class|): exact, as indices are whole numbers that
 * float32 holds.
 */
#include <errno.h>
#include <stdlib.h>

#include <aci/aci_tcs.h>

#include "handlers.h"

#define CLASSES_MAX	(1u << 20)

struct loss {
	uint32_t rank;			/* of the scores, [N, C, ...] */
	uint64_t dim[ACCEL_RANK_MAX];	/* of the targets: [N, 1, ...] */
	uint64_t classes;
	uint32_t target;		/* as float32 */
	bool weighted;			/* the mean is one of weights */
};

/* 1 where the whole numbers @a and @b are equal, else 0. */
static uint32_t equals(struct onnx_node *node, uint32_t a, uint32_t b)
{
	uint32_t distance = onnx_unary(node, ACI_TCS_UNARY_ABS, 0, 0, onnx_sub(node, a, b));

	return onnx_unary(node, ACI_TCS_UNARY_RELU, 0, 0, onnx_linear(node, -1, 1, distance));
}

/* 0 ... C - 1 as [1, C, 1, ...] */
static uint32_t class_numbers(struct onnx_node *node, const struct loss *loss)
{
	uint64_t dim[ACCEL_RANK_MAX] = { 1, 1, 1, 1, 1, 1, 1, 1 };
	float *numbers = calloc(loss->classes, sizeof(*numbers));
	uint32_t tensor;

	if (!numbers)
		return onnx_fail(node, -ENOMEM, "no memory");
	for (uint64_t i = 0; i < loss->classes; i++)
		numbers[i] = i;
	tensor = onnx_vector(node, numbers, loss->classes);
	free(numbers);
	dim[1] = loss->classes;
	return onnx_reshape(node, tensor, loss->rank, dim);
}

static bool read_loss(struct onnx_node *node, uint32_t scores, struct loss *loss)
{
	struct onnx_shape shape, target;

	if (!onnx_shape_of(node, scores, &shape) || !onnx_input_shape(node, 1, &target))
		return false;
	*loss = (struct loss){ .rank = shape.rank, .classes = shape.rank > 1 ? shape.dim[1] : 0 };
	if (shape.rank < 2 || target.rank != shape.rank - 1 || target.dim[0] != shape.dim[0]) {
		onnx_fail(node, -EINVAL, "the targets do not fit the scores");
		return false;
	}
	for (uint32_t i = 0; i < shape.rank; i++)
		loss->dim[i] = i == 1 ? 1 : shape.dim[i];
	for (uint32_t i = 2; i < shape.rank; i++)
		if (target.dim[i - 1] != shape.dim[i])
			onnx_fail(node, -EINVAL, "the targets do not fit the scores");
	if (target.type != ACCEL_I64 && target.type != ACCEL_I32)
		onnx_fail(node, -EINVAL, "the targets are not integers");
	if (loss->classes > CLASSES_MAX)
		onnx_fail(node, -ENOTSUP, "%llu classes", (unsigned long long)loss->classes);
	loss->target = onnx_convert(node, ACCEL_F32, onnx_reshape(node, onnx_input(node, 1), loss->rank, loss->dim));
	return !node->error;
}

/* Weight of each class as [1, C, 1, ...] */
static uint32_t class_weights(struct onnx_node *node, const struct loss *loss)
{
	uint64_t dim[ACCEL_RANK_MAX] = { 1, 1, 1, 1, 1, 1, 1, 1 };
	struct onnx_shape shape;

	if (!onnx_input_shape(node, 2, &shape))
		return 0;
	if (shape.rank != 1 || shape.dim[0] != loss->classes || shape.type != ACCEL_F32)
		return onnx_fail(node, -EINVAL, "the weights do not fit the classes");
	dim[1] = loss->classes;
	return onnx_reshape(node, onnx_input(node, 2), loss->rank, dim);
}

static uint32_t reduce_loss(struct onnx_node *node, const struct loss *loss, uint32_t terms, uint32_t weights)
{
	uint32_t all = (1u << loss->rank) - 1;
	uint64_t dim[ACCEL_RANK_MAX];

	if (onnx_attr_is(node, "reduction", "none", "mean")) {
		dim[0] = loss->dim[0];
		for (uint32_t i = 2; i < loss->rank; i++)
			dim[i - 1] = loss->dim[i];
		return onnx_reshape(node, terms, loss->rank - 1, dim);
	}
	if (onnx_attr_is(node, "reduction", "sum", "mean"))
		terms = onnx_reduce(node, ONNX_REDUCE_SUM, all, terms);
	else if (!onnx_attr_is(node, "reduction", "mean", "mean"))
		return onnx_fail(node, -EINVAL, "attribute 'reduction' has an unknown value");
	else if (loss->weighted)
		terms = onnx_div(node, onnx_reduce(node, ONNX_REDUCE_SUM, all, terms),
				 onnx_reduce(node, ONNX_REDUCE_SUM, all, weights));
	else
		terms = onnx_reduce(node, ONNX_REDUCE_MEAN, all, terms);
	return onnx_reshape(node, terms, 0, dim);
}

/* -weight[target] * score[target], 0 where the target is to be ignored. @scores: log of probabilities */
static uint32_t negative_log_likelihood(struct onnx_node *node, uint32_t scores)
{
	const Onnx__AttributeProto *ignored = onnx_attr(node, "ignore_index");
	uint32_t hot, weights = ACCEL_TENSOR_NONE, keep, terms;
	struct loss loss;

	if (!read_loss(node, scores, &loss))
		return 0;
	hot = equals(node, loss.target, class_numbers(node, &loss));
	terms = onnx_reduce(node, ONNX_REDUCE_SUM, 2, onnx_mul(node, hot, scores));
	if (onnx_has_input(node, 2)) {
		weights = onnx_reduce(node, ONNX_REDUCE_SUM, 2, onnx_mul(node, hot, class_weights(node, &loss)));
		loss.weighted = true;
	}
	if (ignored) {
		keep = equals(node, loss.target, onnx_scalar(node, onnx_attr_int(node, "ignore_index", 0)));
		keep = onnx_linear(node, -1, 1, keep);
		weights = loss.weighted ? onnx_mul(node, weights, keep) : keep;
		loss.weighted = true;
	}
	if (loss.weighted)
		terms = onnx_mul(node, terms, weights);
	return reduce_loss(node, &loss, onnx_linear(node, -1, 0, terms), weights);
}

int onnx_build_nll_loss(struct onnx_node *node)
{
	return onnx_output(node, 0, negative_log_likelihood(node, onnx_input(node, 0)));
}

int onnx_build_softmax_loss(struct onnx_node *node)
{
	uint32_t scores = onnx_log_softmax(node, 1, onnx_input(node, 0));

	onnx_output(node, 0, negative_log_likelihood(node, scores));
	if (onnx_has_output(node, 1))
		onnx_output(node, 1, scores);
	return node->error;
}
