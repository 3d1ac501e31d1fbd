// SPDX-License-Identifier: MIT
/* Arithmetic on small constants: what exporters write to compute shapes. */
#include <errno.h>
#include <math.h>
#include <string.h>

#include <aci/aci_tcs.h>

#include "handlers.h"

#define RANGE_MAX	1024	/* elements */
#define FOLD_OUTPUT_MAX	(1u << 20)	/* elements; one that is larger than inputs may be is not folded on */

struct onnx_number onnx_constant_get(const struct onnx_constant *constant, uint64_t index)
{
	return (struct onnx_number){ .i = onnx_constant_int(constant, index),
				     .r = onnx_constant_real(constant, index) };
}

void onnx_data_set(void *data, enum accel_type type, uint64_t index, struct onnx_number number)
{
	switch (type) {
	case ACCEL_F32:
		((float *)data)[index] = number.r;
		break;
	case ACCEL_I32:
		((int32_t *)data)[index] = number.i;
		break;
	case ACCEL_I64:
		((int64_t *)data)[index] = number.i;
		break;
	case ACCEL_BOOL:
		((uint8_t *)data)[index] = number.i != 0;
		break;
	default:
		((uint8_t *)data)[index] = number.i;
	}
}

struct onnx_constant *onnx_fold_new(struct onnx_node *node, const struct onnx_shape *shape, void **data)
{
	uint64_t count;

	/* The inputs are small, but some operators multiply them. */
	if (onnx_shape_count(shape, &count) || count > FOLD_OUTPUT_MAX) {
		onnx_fail(node, -ENOTSUP, "the result has more than %u elements", FOLD_OUTPUT_MAX);
		return NULL;
	}
	return onnx_constant_new(node->import, shape, data);
}

/* Shape that both broadcast to. False: a failure. */
static bool join_shapes(struct onnx_node *node, const struct onnx_shape *a, const struct onnx_shape *b,
			struct onnx_shape *out)
{
	*out = (struct onnx_shape){ .type = a->type, .rank = a->rank > b->rank ? a->rank : b->rank };
	for (uint32_t i = 0; i < out->rank; i++) {
		uint64_t left = i + a->rank >= out->rank ? a->dim[i + a->rank - out->rank] : 1;
		uint64_t right = i + b->rank >= out->rank ? b->dim[i + b->rank - out->rank] : 1;

		if (left != right && left != 1 && right != 1) {
			onnx_fail(node, -EINVAL, "the shapes do not fit");
			return false;
		}
		out->dim[i] = left == 1 ? right : left;
	}
	return true;
}

/* Index into @in of element @index of @out, to which it broadcasts. */
static uint64_t map_index(const struct onnx_shape *out, const struct onnx_shape *in, uint64_t index)
{
	uint64_t result = 0, stride = 1;

	for (uint32_t i = 0; i < in->rank; i++) {
		uint64_t dim = in->dim[in->rank - 1 - i];
		uint64_t at = index % out->dim[out->rank - 1 - i];

		index /= out->dim[out->rank - 1 - i];
		result += dim == 1 ? 0 : at * stride;
		stride *= dim;
	}
	return result;
}

static int64_t divide(struct onnx_node *node, int64_t a, int64_t b)
{
	if (!b || (a == INT64_MIN && b == -1)) {
		onnx_fail(node, -EINVAL, "division of %lld by %lld", (long long)a, (long long)b);
		return 0;
	}
	return a / b;
}

/* Of integers that round to one double, the integers decide. */
static bool is_less(struct onnx_number a, struct onnx_number b)
{
	return a.r < b.r || (a.r == b.r && a.i < b.i);
}

static struct onnx_number compute(struct onnx_node *node, struct onnx_number a, struct onnx_number b)
{
	struct onnx_number out = { 0 };
	bool wrong = false;

	switch (node->op->function) {
	case ACI_TCS_BINARY_ADD:
		wrong = __builtin_add_overflow(a.i, b.i, &out.i);
		out.r = a.r + b.r;
		break;
	case ACI_TCS_BINARY_SUB:
		wrong = __builtin_sub_overflow(a.i, b.i, &out.i);
		out.r = a.r - b.r;
		break;
	case ACI_TCS_BINARY_MUL:
		wrong = __builtin_mul_overflow(a.i, b.i, &out.i);
		out.r = a.r * b.r;
		break;
	case ACI_TCS_BINARY_MIN:
		return is_less(a, b) ? a : b;
	case ACI_TCS_BINARY_MAX:
		return is_less(b, a) ? a : b;
	case ACI_TCS_BINARY_AND:
		out.i = a.i & b.i;
		break;
	case ACI_TCS_BINARY_OR:
		out.i = a.i | b.i;
		break;
	case ACI_TCS_BINARY_XOR:
		out.i = a.i ^ b.i;
		break;
	default:
		onnx_fail(node, -ENOTSUP, "cannot be computed when the model is loaded");
	}
	if (wrong)
		onnx_fail(node, -EINVAL, "shape arithmetic overflows");
	return out;
}

static bool compare(uint32_t function, struct onnx_number a, struct onnx_number b)
{
	bool equal = a.i == b.i && a.r == b.r;

	switch (function) {
	case ACI_TCS_COMPARE_EQ:
		return equal;
	case ACI_TCS_COMPARE_LT:
		return is_less(a, b);
	case ACI_TCS_COMPARE_LE:
		return is_less(a, b) || equal;
	case ACI_TCS_COMPARE_GT:
		return is_less(b, a);
	default:
		return is_less(b, a) || equal;
	}
}

int onnx_fold_compare(struct onnx_node *node)
{
	const struct onnx_constant *a = onnx_input_constant(node, 0), *b = onnx_input_constant(node, 1);
	struct onnx_constant *out;
	struct onnx_shape shape;
	uint8_t *data;

	if (!a || !b || !join_shapes(node, &a->shape, &b->shape, &shape))
		return node->error;
	if (a->shape.type != b->shape.type) {
		onnx_fail(node, -EINVAL, "the inputs differ in type");
		return node->error;
	}
	shape.type = ACCEL_BOOL;
	out = onnx_fold_new(node, &shape, (void **)&data);
	for (uint64_t i = 0; out && i < out->count; i++)
		data[i] = compare(node->op->function, onnx_constant_get(a, map_index(&shape, &a->shape, i)),
				  onnx_constant_get(b, map_index(&shape, &b->shape, i)));
	return onnx_output_constant(node, 0, out);
}

/* NULL: a failure. */
static struct onnx_constant *fold_pair(struct onnx_node *node, const struct onnx_constant *a,
				       const struct onnx_constant *b)
{
	struct onnx_constant *out;
	struct onnx_shape shape;
	void *data;

	if (!a || !b || !join_shapes(node, &a->shape, &b->shape, &shape))
		return NULL;
	if (a->shape.type != b->shape.type) {
		onnx_fail(node, -EINVAL, "the inputs differ in type");
		return NULL;
	}
	out = onnx_fold_new(node, &shape, &data);
	for (uint64_t i = 0; out && i < out->count && !node->error; i++) {
		struct onnx_number left = onnx_constant_get(a, map_index(&shape, &a->shape, i));
		struct onnx_number right = onnx_constant_get(b, map_index(&shape, &b->shape, i));
		struct onnx_number result = { .r = left.r / right.r };

		if (node->op->function != ACI_TCS_BINARY_DIV)
			result = compute(node, left, right);
		else if (shape.type != ACCEL_F32)
			result.i = divide(node, left.i, right.i);
		onnx_data_set(data, shape.type, i, result);
	}
	return out;
}

int onnx_fold_binary(struct onnx_node *node)
{
	const struct onnx_constant *a = onnx_input_constant(node, 0), *b = onnx_input_constant(node, 1);

	return onnx_output_constant(node, 0, fold_pair(node, a, b));
}

/* Min, Max and Sum of any number of inputs. */
int onnx_fold_chain(struct onnx_node *node)
{
	const struct onnx_constant *in = onnx_input_constant(node, 0);
	struct onnx_constant *out = NULL;

	if (!in)
		return node->error;
	if (node->proto->n_input == 1)
		return onnx_output_alias(node, 0, 0);
	for (size_t i = 1; i < node->proto->n_input && in; i++)
		in = out = fold_pair(node, in, onnx_input_constant(node, i));
	return onnx_output_constant(node, 0, out);
}

int onnx_fold_unary(struct onnx_node *node)
{
	const struct onnx_constant *in = onnx_input_constant(node, 0);
	struct onnx_constant *out;
	void *data;

	if (!in)
		return node->error;
	out = onnx_fold_new(node, &in->shape, &data);
	for (uint64_t i = 0; out && i < out->count; i++) {
		struct onnx_number number = onnx_constant_get(in, i);

		switch (node->op->function) {
		case ACI_TCS_UNARY_NEG:
			number.i = (int64_t)-(uint64_t)number.i;
			number.r = -number.r;
			break;
		case ACI_TCS_UNARY_FLOOR:
			number.r = floor(number.r);
			break;
		case ACI_TCS_UNARY_CEIL:
			number.r = ceil(number.r);
			break;
		case HANDLER_NOT:
			number.i = !number.i;
			break;
		case ACI_TCS_UNARY_ABS:
			number.i = number.i < 0 ? (int64_t)-(uint64_t)number.i : number.i;
			number.r = fabs(number.r);
			break;
		case ACI_TCS_UNARY_SQRT:
			number.r = sqrt(number.r);
			break;
		}
		onnx_data_set(data, in->shape.type, i, number);
	}
	return onnx_output_constant(node, 0, out);
}

int onnx_fold_where(struct onnx_node *node)
{
	const struct onnx_constant *condition = onnx_input_constant(node, 0);
	const struct onnx_constant *a = onnx_input_constant(node, 1), *b = onnx_input_constant(node, 2);
	struct onnx_shape both, shape;
	struct onnx_constant *out;
	void *data;

	if (!condition || !a || !b || !join_shapes(node, &a->shape, &b->shape, &both) ||
	    !join_shapes(node, &both, &condition->shape, &shape))
		return node->error;
	if (a->shape.type != b->shape.type || condition->shape.type != ACCEL_BOOL) {
		onnx_fail(node, -EINVAL, "the inputs' types do not fit");
		return node->error;
	}
	out = onnx_fold_new(node, &shape, &data);
	for (uint64_t i = 0; out && i < out->count; i++) {
		bool first = onnx_constant_int(condition, map_index(&shape, &condition->shape, i));
		const struct onnx_constant *from = first ? a : b;

		onnx_data_set(data, shape.type, i, onnx_constant_get(from, map_index(&shape, &from->shape, i)));
	}
	return onnx_output_constant(node, 0, out);
}

int onnx_fold_range(struct onnx_node *node)
{
	const struct onnx_constant *in[3];
	struct onnx_shape shape = { .rank = 1 };
	struct onnx_constant *out;
	double start, delta, count;
	void *data;

	for (size_t i = 0; i < 3; i++) {
		in[i] = onnx_input_constant(node, i);
		if (!in[i])
			return node->error;
		if (in[i]->count != 1 || in[i]->shape.type != in[0]->shape.type) {
			onnx_fail(node, -EINVAL, "input %zu does not fit", i);
			return node->error;
		}
	}
	shape.type = in[0]->shape.type;
	start = onnx_constant_real(in[0], 0);
	delta = onnx_constant_real(in[2], 0);
	count = ceil((onnx_constant_real(in[1], 0) - start) / delta);
	if (delta == 0 || !(count <= RANGE_MAX)) {
		onnx_fail(node, -ENOTSUP, "%g elements, at most %d are supported", count, RANGE_MAX);
		return node->error;
	}
	shape.dim[0] = count < 0 ? 0 : count;
	out = onnx_fold_new(node, &shape, &data);
	for (uint64_t i = 0; out && i < out->count; i++)
		onnx_data_set(data, shape.type, i, (struct onnx_number){
			.i = (int64_t)((uint64_t)onnx_constant_int(in[0], 0) +
				       i * (uint64_t)onnx_constant_int(in[2], 0)),
			.r = start + i * delta });
	return onnx_output_constant(node, 0, out);
}

static int cast(struct onnx_node *node, enum accel_type type)
{
	const struct onnx_constant *in = onnx_input_constant(node, 0);
	struct onnx_constant *out;
	struct onnx_shape shape;
	void *data;

	if (!in)
		return node->error;
	shape = in->shape;
	shape.type = type;
	out = onnx_fold_new(node, &shape, &data);
	for (uint64_t i = 0; out && i < out->count; i++) {
		struct onnx_number number = onnx_constant_get(in, i);

		if (in->shape.type == ACCEL_F32 && type == ACCEL_BOOL) {
			number.i = number.r != 0;
		} else if (in->shape.type == ACCEL_F32 && type != ACCEL_F32) {
			if (!(number.r >= INT32_MIN && number.r <= INT32_MAX)) {
				onnx_fail(node, -ENOTSUP, "%g is not cast when the model is loaded", number.r);
				return node->error;
			}
			number.i = number.r;
		}
		onnx_data_set(data, type, i, number);
	}
	return onnx_output_constant(node, 0, out);
}

/* Axes became an input with opset 18. False: a failure. */
static bool read_axes(struct onnx_node *node, int64_t *axes, size_t *count)
{
	*count = 0;
	if (node->opset < 18)
		onnx_attr_ints(node, "axes", ACCEL_RANK_MAX, axes, count);
	else if (onnx_has_input(node, 1))
		onnx_input_ints(node, 1, ACCEL_RANK_MAX, axes, count);
	return !node->error;
}

/* Of all elements, which is how exporters compute a size. */
int onnx_fold_reduce_prod(struct onnx_node *node)
{
	const struct onnx_constant *in = onnx_input_constant(node, 0);
	bool keep = onnx_attr_int(node, "keepdims", 1), noop = onnx_attr_int(node, "noop_with_empty_axes", 0);
	struct onnx_number product = { .i = 1, .r = 1 };
	struct onnx_constant *out;
	struct onnx_shape shape;
	int64_t axes[ACCEL_RANK_MAX];
	size_t axis_count;
	void *data;

	if (!in || !read_axes(node, axes, &axis_count))
		return node->error;
	if (noop && !axis_count)
		return cast(node, in->shape.type);
	if (in->shape.rank > 1 || axis_count > 1 || (axis_count && axes[0] != 0 && axes[0] != -1)) {
		onnx_fail(node, -ENOTSUP, "only the product of a list is supported");
		return node->error;
	}
	for (uint64_t i = 0; i < in->count; i++) {
		product.r *= onnx_constant_real(in, i);
		if (__builtin_mul_overflow(product.i, onnx_constant_int(in, i), &product.i)) {
			onnx_fail(node, -EINVAL, "shape arithmetic overflows");
			return node->error;
		}
	}
	shape = (struct onnx_shape){ .type = in->shape.type, .rank = keep ? in->shape.rank : 0, .dim = { 1 } };
	out = onnx_fold_new(node, &shape, &data);
	if (out)
		onnx_data_set(data, shape.type, 0, product);
	return onnx_output_constant(node, 0, out);
}

int onnx_fold_cast(struct onnx_node *node)
{
	int64_t to = onnx_attr_int(node, "to", 0);
	enum accel_type type;

	onnx_attr_ignore(node, "saturate");
	if (to < 0 || to > INT32_MAX || onnx_type_from_proto(to, &type))
		onnx_fail(node, -ENOTSUP, "element type %s is not supported",
			  onnx_type_name(to < 0 || to > INT32_MAX ? -1 : to));
	return node->error ? node->error : cast(node, type);
}

int onnx_fold_cast_like(struct onnx_node *node)
{
	const struct onnx_constant *like = onnx_input_constant(node, 1);

	onnx_attr_ignore(node, "saturate");
	return like ? cast(node, like->shape.type) : node->error;
}
