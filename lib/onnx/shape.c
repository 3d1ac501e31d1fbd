// SPDX-License-Identifier: MIT
/* Operators that change shapes: mostly views, without work on the card. */
#include <errno.h>

#include "handlers.h"

int onnx_build_identity(struct onnx_node *node)
{
	return onnx_output_alias(node, 0, 0);
}

/* Inference keeps every element: one true, repeated. Before opset 10 a mask had the input's type. */
static int dropout_mask(struct onnx_node *node)
{
	struct onnx_shape in, one = { .type = ACCEL_BOOL };
	uint32_t tensor;

	if (!onnx_input_shape(node, 0, &in))
		return node->error;
	if (node->opset < 10)
		one.type = in.type;
	tensor = onnx_constant_tensor(node, onnx_filled(node, &one, (struct onnx_number){ .i = 1, .r = 1 }));
	return onnx_output(node, 1, onnx_broadcast(node, tensor, in.rank, in.dim));
}

int onnx_build_dropout(struct onnx_node *node)
{
	const struct onnx_constant *training;

	onnx_attr_ignore(node, "seed");
	onnx_attr_ignore(node, "ratio");
	if (node->opset < 7 && !onnx_attr_int(node, "is_test", 0))
		onnx_fail(node, -ENOTSUP, "training is not supported");
	if (onnx_has_input(node, 2)) {
		training = onnx_input_constant(node, 2);
		if (training && (training->count != 1 || onnx_constant_int(training, 0)))
			onnx_fail(node, -ENOTSUP, "training_mode is not supported");
	}
	if (onnx_has_output(node, 1) && dropout_mask(node))
		return node->error;
	return onnx_output_alias(node, 0, 0);
}

int onnx_build_flatten(struct onnx_node *node)
{
	int64_t axis = onnx_attr_int(node, "axis", 1);
	uint32_t in = onnx_input(node, 0);
	struct onnx_shape shape;

	if (!onnx_shape_of(node, in, &shape))
		return node->error;
	if (axis < 0)
		axis += shape.rank;
	if (axis < 0 || axis > shape.rank) {
		onnx_fail(node, -EINVAL, "axis is outside of the input");
		return node->error;
	}
	return onnx_output(node, 0, onnx_reshape(node, in, 2, (uint64_t[]){
		onnx_product(&shape, 0, axis), onnx_product(&shape, axis, shape.rank) }));
}

/* Resolve 0 (keep) and -1 (the rest). False: a failure. */
bool onnx_reshape_dims(struct onnx_node *node, const struct onnx_shape *in, uint64_t in_count,
		       const int64_t *wanted, size_t rank, uint64_t *dim)
{
	bool allow_zero = onnx_attr_int(node, "allowzero", 0);
	uint64_t known = 1;
	int rest = -1;

	for (size_t i = 0; i < rank && !node->error; i++) {
		dim[i] = wanted[i];
		if (wanted[i] == -1 && rest < 0)
			rest = i;
		else if (wanted[i] < 0)
			onnx_fail(node, -EINVAL, "the new shape has the dimension %lld", (long long)wanted[i]);
		else if (!wanted[i] && !allow_zero && i >= in->rank)
			onnx_fail(node, -EINVAL, "the new shape copies dimension %zu, which the input lacks", i);
		else if (!wanted[i] && !allow_zero)
			dim[i] = in->dim[i];
		if ((int)i != rest && __builtin_mul_overflow(known, dim[i], &known))
			onnx_fail(node, -EINVAL, "the new shape is too large");
	}
	if (!node->error && rest >= 0 && known && in_count % known == 0)
		dim[rest] = in_count / known;
	else if (!node->error && (rest >= 0 || known != in_count))
		onnx_fail(node, -EINVAL, "%llu elements do not fit the new shape", (unsigned long long)in_count);
	return !node->error;
}

int onnx_build_reshape(struct onnx_node *node)
{
	uint32_t in = onnx_input(node, 0);
	int64_t wanted[ACCEL_RANK_MAX];
	uint64_t dim[ACCEL_RANK_MAX];
	struct onnx_shape shape;
	size_t rank;

	if (!onnx_shape_of(node, in, &shape) || !onnx_input_ints(node, 1, ACCEL_RANK_MAX, wanted, &rank) ||
	    !onnx_reshape_dims(node, &shape, onnx_product(&shape, 0, shape.rank), wanted, rank, dim))
		return node->error;
	return onnx_output(node, 0, onnx_reshape(node, in, rank, dim));
}

/* Axes of Squeeze and Unsqueeze as a mask: an attribute before opset 13. @given: there are any. */
static bool squeeze_axes(struct onnx_node *node, uint32_t rank, uint32_t *mask, bool *given)
{
	int64_t axes[ACCEL_RANK_MAX];
	uint32_t index;
	size_t count;

	*mask = 0;
	*given = node->opset < 13 ? onnx_attr_ints(node, "axes", ACCEL_RANK_MAX, axes, &count) :
		 onnx_has_input(node, 1) && onnx_input_ints(node, 1, ACCEL_RANK_MAX, axes, &count);
	for (size_t i = 0; *given && i < count; i++) {
		if (!onnx_axis(node, axes[i], rank, &index))
			break;
		if (*mask & 1u << index)
			onnx_fail(node, -EINVAL, "axis %u is given twice", index);
		*mask |= 1u << index;
	}
	return !node->error;
}

bool onnx_squeeze_shape(struct onnx_node *node, struct onnx_shape *shape)
{
	uint32_t mask, rank = 0;
	bool given;

	if (!squeeze_axes(node, shape->rank, &mask, &given))
		return false;
	for (uint32_t i = 0; i < shape->rank; i++) {
		bool drop = given ? mask & 1u << i : shape->dim[i] == 1;

		if (drop && shape->dim[i] != 1) {
			onnx_fail(node, -EINVAL, "axis %u has the length %llu, not 1", i,
				  (unsigned long long)shape->dim[i]);
			return false;
		}
		if (!drop)
			shape->dim[rank++] = shape->dim[i];
	}
	shape->rank = rank;
	return true;
}

bool onnx_unsqueeze_shape(struct onnx_node *node, struct onnx_shape *shape)
{
	int64_t axes[ACCEL_RANK_MAX];
	struct onnx_shape old = *shape;
	uint32_t mask, rank, from = 0;
	bool given;
	size_t count = 0;

	if (node->opset < 13)
		given = onnx_attr_ints(node, "axes", ACCEL_RANK_MAX, axes, &count);
	else
		given = onnx_input_ints(node, 1, ACCEL_RANK_MAX, axes, &count);
	if (!node->error && !given)
		onnx_fail(node, -EINVAL, "attribute 'axes' is missing");
	rank = old.rank + count;
	if (rank > ACCEL_RANK_MAX)
		onnx_fail(node, -ENOTSUP, "the result has more than %d dimensions", ACCEL_RANK_MAX);
	if (node->error || !squeeze_axes(node, rank, &mask, &given))
		return false;
	for (uint32_t i = 0; i < rank; i++)
		shape->dim[i] = mask & 1u << i ? 1 : old.dim[from++];
	shape->rank = rank;
	return true;
}

int onnx_build_squeeze(struct onnx_node *node)
{
	uint32_t in = onnx_input(node, 0);
	struct onnx_shape shape;

	if (!onnx_shape_of(node, in, &shape) || !onnx_squeeze_shape(node, &shape))
		return node->error;
	return onnx_output(node, 0, onnx_reshape(node, in, shape.rank, shape.dim));
}

int onnx_build_unsqueeze(struct onnx_node *node)
{
	uint32_t in = onnx_input(node, 0);
	struct onnx_shape shape;

	if (!onnx_shape_of(node, in, &shape) || !onnx_unsqueeze_shape(node, &shape))
		return node->error;
	return onnx_output(node, 0, onnx_reshape(node, in, shape.rank, shape.dim));
}

int onnx_build_transpose(struct onnx_node *node)
{
	uint32_t in = onnx_input(node, 0), permutation[ACCEL_RANK_MAX], seen = 0;
	int64_t given[ACCEL_RANK_MAX];
	struct onnx_shape shape;
	size_t count;

	if (!onnx_shape_of(node, in, &shape))
		return node->error;
	if (!onnx_attr_ints(node, "perm", ACCEL_RANK_MAX, given, &count))
		for (count = 0; count < shape.rank; count++)
			given[count] = shape.rank - 1 - count;
	if (count != shape.rank)
		onnx_fail(node, -EINVAL, "attribute 'perm' has %zu values for %u dimensions", count, shape.rank);
	for (uint32_t i = 0; i < shape.rank && !node->error; i++) {
		if (given[i] < 0 || given[i] >= shape.rank || seen & 1u << given[i])
			onnx_fail(node, -EINVAL, "attribute 'perm' is no permutation");
		else
			seen |= 1u << given[i];
		permutation[i] = given[i];
	}
	return onnx_output(node, 0, onnx_transpose(node, in, permutation));
}

int onnx_build_expand(struct onnx_node *node)
{
	uint32_t in = onnx_input(node, 0), rank;
	int64_t wanted[ACCEL_RANK_MAX];
	uint64_t dim[ACCEL_RANK_MAX];
	struct onnx_shape shape;
	size_t count;

	if (!onnx_shape_of(node, in, &shape) || !onnx_input_ints(node, 1, ACCEL_RANK_MAX, wanted, &count))
		return node->error;
	rank = shape.rank > count ? shape.rank : count;
	for (uint32_t i = 0; i < rank; i++) {
		uint64_t old = i + shape.rank >= rank ? shape.dim[i + shape.rank - rank] : 1;
		int64_t want = i + count >= rank ? wanted[i + count - rank] : 1;

		if (want < 1 || (old != 1 && want != 1 && old != (uint64_t)want))
			onnx_fail(node, -EINVAL, "dimension %u cannot go from %llu to %lld", i,
				  (unsigned long long)old, (long long)want);
		dim[i] = old == 1 ? (uint64_t)want : old;
	}
	return onnx_output(node, 0, onnx_broadcast(node, in, rank, dim));
}

/* Repeat each axis: [outer, 1, d * inner] broadcast to [outer, times, d * inner]. */
int onnx_build_tile(struct onnx_node *node)
{
	uint32_t in = onnx_input(node, 0);
	int64_t times[ACCEL_RANK_MAX];
	struct onnx_shape shape;
	size_t count;

	if (!onnx_shape_of(node, in, &shape) || !onnx_input_ints(node, 1, ACCEL_RANK_MAX, times, &count))
		return node->error;
	if (count != shape.rank)
		onnx_fail(node, -EINVAL, "%zu repeats for %u dimensions", count, shape.rank);
	for (uint32_t i = 0; i < shape.rank && !node->error; i++) {
		uint64_t outer = onnx_product(&shape, 0, i), inner = onnx_product(&shape, i, shape.rank);

		if (times[i] < 1 || times[i] > INT32_MAX) {
			onnx_fail(node, -EINVAL, "repeats[%u] is %lld", i, (long long)times[i]);
			break;
		}
		if (times[i] == 1)
			continue;
		in = onnx_reshape(node, in, 3, (uint64_t[]){ outer, 1, inner });
		in = onnx_broadcast(node, in, 3, (uint64_t[]){ outer, times[i], inner });
		shape.dim[i] *= times[i];
		in = onnx_reshape(node, in, shape.rank, shape.dim);
	}
	return onnx_output(node, 0, in);
}

/* Blocks of channels to blocks of space, or back: one transposition of six dimensions. */
int onnx_build_depth_to_space(struct onnx_node *node)
{
	bool column_row = onnx_attr_is(node, "mode", "CRD", "DCR");
	int64_t block = onnx_attr_int(node, "blocksize", 0);
	uint32_t in = onnx_input(node, 0);
	struct onnx_shape s;
	uint64_t c, b;

	if (!onnx_shape_of(node, in, &s))
		return node->error;
	if (block < 1 || block > 0xffff || s.rank != 4 || s.dim[1] % ((uint64_t)block * block)) {
		onnx_fail(node, -EINVAL, "'blocksize' does not fit the input");
		return node->error;
	}
	b = block;
	c = s.dim[1] / (b * b);
	if (column_row)
		in = onnx_transpose(node, onnx_reshape(node, in, 6, (uint64_t[]){ s.dim[0], c, b, b, s.dim[2], s.dim[3] }),
				    (uint32_t[]){ 0, 1, 4, 2, 5, 3 });
	else
		in = onnx_transpose(node, onnx_reshape(node, in, 6, (uint64_t[]){ s.dim[0], b, b, c, s.dim[2], s.dim[3] }),
				    (uint32_t[]){ 0, 3, 4, 1, 5, 2 });
	return onnx_output(node, 0, onnx_reshape(node, in, 4, (uint64_t[]){ s.dim[0], c, s.dim[2] * b, s.dim[3] * b }));
}

int onnx_build_space_to_depth(struct onnx_node *node)
{
	int64_t block = onnx_attr_int(node, "blocksize", 0);
	uint32_t in = onnx_input(node, 0);
	struct onnx_shape s;
	uint64_t h, w, b;

	if (!onnx_shape_of(node, in, &s))
		return node->error;
	if (block < 1 || block > 0xffff || s.rank != 4 || s.dim[2] % block || s.dim[3] % block) {
		onnx_fail(node, -EINVAL, "'blocksize' does not fit the input");
		return node->error;
	}
	b = block;
	h = s.dim[2] / b;
	w = s.dim[3] / b;
	in = onnx_transpose(node, onnx_reshape(node, in, 6, (uint64_t[]){ s.dim[0], s.dim[1], h, b, w, b }),
			    (uint32_t[]){ 0, 3, 5, 1, 2, 4 });
	return onnx_output(node, 0, onnx_reshape(node, in, 4, (uint64_t[]){ s.dim[0], s.dim[1] * b * b, h, w }));
}
