// SPDX-License-Identifier: MIT
/* What differs between graphs of different sizes. */
#include "vary.h"

#include <stdlib.h>
#include <string.h>

#include "error.h"

/* Sample @i counted from the lowest size. */
static const struct accel_graph *ascending(const struct vary *vary, uint32_t i)
{
	return vary->graphs[VARY_SAMPLES - 1 - i];
}

int64_t vary_value(const struct vary *vary, const struct vary_poly *poly, uint64_t n)
{
	__int128 m = (__int128)n - (__int128)(vary->max - (VARY_SAMPLES - 1)), factor = 1, value = 0;

	for (int k = 0; k < VARY_TERMS; k++) {
		value += factor * poly->term[k];
		/* (m over k + 1); whole, as the product of so many numbers in a row is divisible. */
		factor = factor * (m - k) / (k + 1);
	}
	return (int64_t)value;
}

/* Return: whether the values, from the lowest size on, are those of a polynomial. */
static bool fit(const int64_t values[VARY_SAMPLES], struct vary_poly *poly)
{
	int64_t row[VARY_SAMPLES];

	memcpy(row, values, sizeof(row));
	for (int k = 0; k < VARY_SAMPLES; k++) {
		if (k < VARY_TERMS)
			poly->term[k] = row[0];
		else if (row[0])
			return false;
		for (int i = 0; i + 1 < VARY_SAMPLES - k; i++)
			if (__builtin_sub_overflow(row[i + 1], row[i], &row[i]))
				return false;
	}
	return true;
}

static bool is_constant(const struct vary_poly *poly)
{
	return !poly->term[1] && !poly->term[2] && !poly->term[3];
}

static uint64_t magnitude(int64_t value)
{
	return value < 0 ? -(uint64_t)value : (uint64_t)value;
}

/* For all sizes within what the largest one takes: memory is planned for that. */
static bool is_bounded(const struct vary *vary, const struct vary_poly *poly, int64_t least)
{
	int64_t most = vary_value(vary, poly, vary->max);

	for (uint64_t n = 1; n <= vary->max; n++) {
		int64_t value = vary_value(vary, poly, n);

		if (magnitude(value) > magnitude(most) || value < least ||
		    (value && (value < 0) != (most < 0)))
			return false;
	}
	return true;
}

/* --- Are they the same? ----------------------------------------------------------- */

static bool same_window(const struct accel_window *a, const struct accel_window *b)
{
	return !memcmp(a->kernel, b->kernel, sizeof(a->kernel)) &&
	       !memcmp(a->stride, b->stride, sizeof(a->stride)) &&
	       !memcmp(a->dilation, b->dilation, sizeof(a->dilation)) &&
	       !memcmp(a->pad_begin, b->pad_begin, sizeof(a->pad_begin)) &&
	       !memcmp(a->pad_end, b->pad_end, sizeof(a->pad_end)) &&
	       a->groups == b->groups && a->count_padding == b->count_padding;
}

static bool same_resize(const struct accel_resize *a, const struct accel_resize *b)
{
	return a->function == b->function && a->rounding == b->rounding && a->cubic == b->cubic &&
	       a->exclude_outside == b->exclude_outside &&
	       !memcmp(a->step, b->step, sizeof(a->step)) &&
	       !memcmp(a->offset, b->offset, sizeof(a->offset)) &&
	       !memcmp(a->divisor, b->divisor, sizeof(a->divisor));
}

static bool same_op(const struct graph_op *a, const struct graph_op *b)
{
	return a->opcode == b->opcode && a->function == b->function &&
	       !memcmp(&a->alpha, &b->alpha, sizeof(a->alpha)) &&
	       !memcmp(&a->beta, &b->beta, sizeof(a->beta)) && a->axis == b->axis &&
	       a->axes == b->axes && a->count == b->count &&
	       !memcmp(&a->epsilon, &b->epsilon, sizeof(a->epsilon)) && a->value == b->value &&
	       a->step == b->step && a->flags == b->flags && same_window(&a->window, &b->window) &&
	       same_resize(&a->resize, &b->resize) && !memcmp(a->in, b->in, sizeof(a->in)) &&
	       a->out == b->out && a->out1 == b->out1;
}

static bool same_storage(const struct graph_storage *a, const struct graph_storage *b)
{
	if (a->kind != b->kind)
		return false;
	if (a->kind != STORAGE_CONSTANT)
		return true;
	if (a->bytes != b->bytes || !a->data != !b->data)
		return false;
	return a->data ? !memcmp(a->data, b->data, a->bytes) :
			 a->file == b->file && a->file_offset == b->file_offset;
}

static int differs(const char *what)
{
	return error_set(-ENOTSUP, "the model cannot be compiled for an open size: %s depends on it",
			 what);
}

static int check_pair(const struct accel_graph *a, const struct accel_graph *b)
{
	if (a->op_count != b->op_count || a->tensor_count != b->tensor_count ||
	    a->storage_count != b->storage_count || a->input_count != b->input_count ||
	    a->output_count != b->output_count)
		return differs("which operations there are");
	for (uint32_t i = 0; i < a->storage_count; i++)
		if (!same_storage(&a->storages[i], &b->storages[i]))
			return differs("a constant");
	for (uint32_t i = 0; i < a->op_count; i++)
		if (!same_op(&a->ops[i], &b->ops[i]))
			return error_set(-ENOTSUP, "the model cannot be compiled for an open size: a "
					 "parameter of operation %u (%s) depends on it", i,
					 tcs_op_name(a->ops[i].opcode));
	for (uint32_t i = 0; i < a->tensor_count; i++)
		if (a->tensors[i].storage != b->tensors[i].storage ||
		    a->tensors[i].view.type != b->tensors[i].view.type ||
		    a->tensors[i].view.rank != b->tensors[i].view.rank)
			return differs("a tensor's kind");
	return 0;
}

int vary_check(const struct vary *vary)
{
	int ret = 0;

	for (uint32_t i = 1; i < VARY_SAMPLES && !ret; i++)
		ret = check_pair(vary->graphs[0], vary->graphs[i]);
	return ret;
}

/* --- Numbers that differ ---------------------------------------------------------- */

/* An argument for it, the same for the same polynomial. */
static int find_slot(struct vary *vary, const struct vary_poly *poly, uint32_t *slot)
{
	struct vary_poly *larger;
	uint32_t i = 0;

	while (i < vary->count && memcmp(&vary->polys[i], poly, sizeof(*poly)))
		i++;
	*slot = vary->slot + i;
	if (i < vary->count)
		return 0;
	if (*slot >= PROGRAM_SLOTS_MAX)
		return error_set(-E2BIG, "more than %u numbers depend on the open size", vary->count);
	if (vary->count == vary->room) {
		larger = reallocarray(vary->polys, vary->room + 64, sizeof(*larger));
		if (!larger)
			return error_set(-ENOMEM, "out of memory");
		vary->polys = larger;
		vary->room += 64;
	}
	vary->polys[vary->count++] = *poly;
	return 0;
}

enum number { NUMBER_SHAPE, NUMBER_STRIDE, NUMBER_OFFSET };

static int find_poly(const struct vary *vary, uint32_t tensor, enum number number, uint32_t dimension,
		     struct vary_poly *poly)
{
	int64_t values[VARY_SAMPLES];

	for (uint32_t i = 0; i < VARY_SAMPLES; i++) {
		const struct accel_view *view = &ascending(vary, i)->tensors[tensor - 1].view;

		values[i] = number == NUMBER_SHAPE ? (int64_t)view->shape[dimension] :
			    number == NUMBER_STRIDE ? view->stride[dimension] : (int64_t)view->offset;
	}
	if (!fit(values, poly))
		return differs("a size, in a way that is no polynomial,");
	if (!is_constant(poly) && !is_bounded(vary, poly, number == NUMBER_SHAPE ? 1 :
					      number == NUMBER_OFFSET ? 0 : INT64_MIN))
		return differs("a size, which does not grow with it,");
	return 0;
}

static int vary_dimension(struct vary *vary, uint32_t tensor, uint32_t i, struct accel_view *view)
{
	struct vary_poly poly;
	uint32_t slot;
	int ret = find_poly(vary, tensor, NUMBER_SHAPE, i, &poly);

	if (!ret && !is_constant(&poly)) {
		ret = find_slot(vary, &poly, &slot);
		view->shape[i] = slot;
		view->shape_from_argument |= (uint8_t)(1u << i);
	}
	if (!ret)
		ret = find_poly(vary, tensor, NUMBER_STRIDE, i, &poly);
	if (!ret && !is_constant(&poly)) {
		ret = find_slot(vary, &poly, &slot);
		view->stride[i] = slot;
		view->stride_from_argument |= (uint8_t)(1u << i);
	}
	return ret;
}

int vary_view(struct vary *vary, uint32_t tensor, uint64_t base, struct accel_view *view)
{
	struct vary_poly poly;
	int ret = find_poly(vary, tensor, NUMBER_OFFSET, 0, &poly);

	if (!ret && !is_constant(&poly)) {
		ret = find_slot(vary, &poly, &view->offset_slot);
		view->offset_from_argument = true;
		view->offset = base;
	}
	for (uint32_t i = 0; i < view->rank && !ret; i++)
		ret = vary_dimension(vary, tensor, i, view);
	return ret;
}

int vary_shape(const struct vary *vary, uint32_t tensor, struct vary_poly dims[ACCEL_RANK_MAX])
{
	const struct accel_view *view = &vary->graphs[0]->tensors[tensor - 1].view;
	struct vary_poly offset;
	int ret = find_poly(vary, tensor, NUMBER_OFFSET, 0, &offset);

	if (!ret && !is_constant(&offset))
		ret = differs("where an input or output lies");
	for (uint32_t i = 0; i < view->rank && !ret; i++)
		ret = find_poly(vary, tensor, NUMBER_SHAPE, i, &dims[i]);
	return ret;
}

void vary_free(struct vary *vary)
{
	if (!vary)
		return;
	free(vary->polys);
	free(vary);
}
