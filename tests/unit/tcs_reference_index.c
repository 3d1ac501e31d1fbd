// SPDX-License-Identifier: MIT
/* Reference: operations whose indices are data. */
#include <math.h>
#include <string.h>

#include "tcs_reference_op.h"

/* The place in @data of element @index of the dense side of GATHER or SCATTER. */
static void data_index(const struct program *p, const struct aci_tcs_op *op,
		       const struct tensor *places, const struct tensor *data,
		       const struct tensor *dense, const uint64_t *index, uint64_t *result)
{
	const unsigned int axis = op->index.axis, count = op->index.count;
	uint64_t at[ACI_TCS_RANK_MAX];

	for (unsigned int i = 0; i < axis; i++)
		result[i] = index[i];
	for (unsigned int i = axis + count; i < data->rank; i++)
		result[i] = index[dense->rank - (data->rank - i)];
	for (unsigned int i = 0; i < dense->rank; i++)
		at[i] = places->shape[i] == 1 ? 0 : index[i];
	for (unsigned int i = 0; i < count; i++) {
		int64_t place;

		at[dense->rank] = i;
		place = value_before(p, places, at).i;
		result[axis + i] = (uint64_t)(place < 0 ? place + (int64_t)data->shape[axis + i] :
							  place);
	}
}

void expect_gather(const struct program *p, const struct aci_tcs_op *op,
		   const struct tensor *in, const struct tensor *out, const uint64_t *index,
		   struct expect *e)
{
	uint64_t at[ACI_TCS_RANK_MAX];

	data_index(p, op, &in[1], &in[0], out, index, at);
	e->v = value_before(p, &in[0], at);
}

static void scatter_one(uint32_t function, uint8_t type, struct value x, struct value *v)
{
	static const uint32_t functions[] = { 0, ACI_TCS_BINARY_ADD, ACI_TCS_BINARY_MUL,
					      ACI_TCS_BINARY_MIN, ACI_TCS_BINARY_MAX };
	struct expect e = { .v = *v };

	if (function == ACI_TCS_SCATTER_SET)
		e.v = x;
	else if (v->is_float)
		expect_binary_f32(functions[function], v->f, x.f, &e);
	else
		expect_binary_int(functions[function], type, v->i, x.i, &e);
	*v = e.v;
}

void expect_scatter(const struct program *p, const struct aci_tcs_op *op,
		    const struct tensor *in, const struct tensor *out,
		    const uint64_t *index, struct expect *e)
{
	e->v = value_before(p, out, index);
	for (uint64_t n = 0; n < in[0].elements; n++) {
		uint64_t from[ACI_TCS_RANK_MAX], to[ACI_TCS_RANK_MAX];

		tensor_unravel(&in[0], n, from);
		data_index(p, op, &in[1], out, &in[0], from, to);
		if (!memcmp(to, index, out->rank * sizeof(to[0])))
			scatter_one(op->function, out->type, value_before(p, &in[0], from), &e->v);
	}
}

/* Is @a before @b? A NaN is greater than all numbers. */
static bool comes_first(struct value a, uint64_t at_a, struct value b, uint64_t at_b, bool least)
{
	const bool nan_a = a.is_float && isnan(a.f), nan_b = b.is_float && isnan(b.f);
	const bool greater = a.is_float ? (nan_a && !nan_b) || a.f > b.f : a.i > b.i;
	const bool less = a.is_float ? (nan_b && !nan_a) || a.f < b.f : a.i < b.i;

	if (!greater && !less)
		return at_a < at_b;
	return least ? less : greater;
}

/* The element of which index[axis] others come first. *@place: where it is. */
void expect_top_k(const struct program *p, const struct aci_tcs_op *op,
		  const struct tensor *in, const uint64_t *index, struct expect *e,
		  uint64_t *place)
{
	const uint32_t axis = op->along.axis;
	const bool least = op->flags & ACI_TCS_OP_F_LEAST;
	uint64_t at[ACI_TCS_RANK_MAX], other[ACI_TCS_RANK_MAX];

	memcpy(at, index, sizeof(at));
	memcpy(other, index, sizeof(at));
	for (at[axis] = 0; at[axis] < in->shape[axis]; at[axis]++) {
		uint64_t before = 0;

		e->v = value_before(p, in, at);
		for (other[axis] = 0; other[axis] < in->shape[axis]; other[axis]++)
			before += comes_first(value_before(p, in, other), other[axis], e->v,
					      at[axis], least);
		if (before == index[axis])
			break;
	}
	*place = at[axis];
}
