// SPDX-License-Identifier: MIT
/* Reference: products, windows, reductions, and what is made of them. */
#include <math.h>
#include <string.h>

#include "tcs_reference_op.h"

struct sum {
	double value, magnitude;
	uint64_t i, terms;
};

static void add_product(struct sum *s, struct value a, struct value b)
{
	s->value += a.f * b.f;
	s->magnitude += fabs(a.f * b.f);
	s->i += (uint64_t)(a.i * b.i);
	s->terms++;
}

static void finish_sum(const struct aci_tcs_op *op, const struct sum *s, const struct value *bias,
		       struct expect *e)
{
	const bool relu = op->function == ACI_TCS_UNARY_RELU;
	const double add = bias ? bias->f : 0;

	e->v.f = s->value + add;
	if (relu && e->v.f < 0)
		e->v.f = 0;
	e->bound = (double)(s->terms + 2) * (ULP / 2) * (s->magnitude + fabs(add)) + TINY;
	e->v.i = (int32_t)(uint32_t)(s->i + (uint64_t)(bias ? bias->i : 0));
	if (relu && e->v.i < 0)
		e->v.i = 0;
}

void expect_matmul(const struct program *p, const struct aci_tcs_op *op,
		   const struct tensor *in, const struct tensor *out, const uint64_t *index,
		   struct expect *e)
{
	const uint64_t row = index[out->rank - 2], col = index[out->rank - 1];
	uint64_t at[2][ACI_TCS_RANK_MAX], at_bias[2] = { row, col };
	struct sum sum = { 0 };
	struct value bias;

	for (unsigned int i = 0; i < 2; i++)
		for (unsigned int j = 0; j + 2 < in[i].rank; j++)
			at[i][j] = in[i].shape[j] == 1 ? 0 : index[out->rank - in[i].rank + j];
	at[0][in[0].rank - 2] = row;
	at[1][in[1].rank - 1] = col;
	for (uint64_t k = 0; k < in[0].shape[in[0].rank - 1]; k++) {
		at[0][in[0].rank - 1] = k;
		at[1][in[1].rank - 2] = k;
		add_product(&sum, value_before(p, &in[0], at[0]), value_before(p, &in[1], at[1]));
	}
	if (op->in[2] != ACI_TCS_NONE)
		bias = value_before(p, &in[2], at_bias + (2 - in[2].rank));
	finish_sum(op, &sum, op->in[2] != ACI_TCS_NONE ? &bias : NULL, e);
}

/* Input coordinate under tap @tap of output @index in direction @i; false: outside. */
static bool window_index(const struct aci_tcs_window *w, unsigned int i, uint64_t index,
			 uint64_t tap, uint64_t size, uint64_t *result)
{
	const int64_t at = (int64_t)(index * w->stride[i] + tap * w->dilation[i]) -
			   (int64_t)w->pad_begin[i];

	*result = (uint64_t)at;
	return at >= 0 && at < (int64_t)size;
}

void expect_conv(const struct program *p, const struct aci_tcs_op *op,
		 const struct tensor *in, const struct tensor *out, const uint64_t *index,
		 struct expect *e)
{
	const uint64_t filters = in[1].shape[0] / op->window.groups;
	const uint64_t group = index[1] / filters;
	struct sum sum = { 0 };
	struct value bias;
	uint64_t x[4], w[4];

	x[0] = index[0];
	w[0] = index[1];
	for (w[1] = 0; w[1] < in[1].shape[1]; w[1]++) {
		x[1] = group * in[1].shape[1] + w[1];
		for (w[2] = 0; w[2] < in[1].shape[2]; w[2]++)
			for (w[3] = 0; w[3] < in[1].shape[3]; w[3]++) {
				if (window_index(&op->window, 0, index[2], w[2], in[0].shape[2],
						 &x[2]) &&
				    window_index(&op->window, 1, index[3], w[3], in[0].shape[3],
						 &x[3]))
					add_product(&sum, value_before(p, &in[0], x),
						    value_before(p, &in[1], w));
			}
	}
	if (op->in[2] != ACI_TCS_NONE)
		bias = value_before(p, &in[2], &index[1]);
	finish_sum(op, &sum, op->in[2] != ACI_TCS_NONE ? &bias : NULL, e);
}

void expect_pool(const struct program *p, const struct aci_tcs_op *op,
		 const struct tensor *in, const uint64_t *index, struct expect *e)
{
	const bool avg = op->opcode == ACI_TCS_OP_POOL_AVG;
	const uint64_t window = (uint64_t)op->window.kernel[0] * op->window.kernel[1];
	double sum = 0, magnitude = 0, max = -INFINITY;
	uint64_t count = 0, x[4] = { index[0], index[1] };
	int64_t max_i = INT8_MIN;

	for (uint64_t i = 0; i < op->window.kernel[0]; i++)
		for (uint64_t j = 0; j < op->window.kernel[1]; j++) {
			struct value v;

			if (!window_index(&op->window, 0, index[2], i, in->shape[2], &x[2]) ||
			    !window_index(&op->window, 1, index[3], j, in->shape[3], &x[3]))
				continue;
			v = value_before(p, in, x);
			sum += v.f;
			magnitude += fabs(v.f);
			max = value_max(max, v.f);
			max_i = v.i > max_i ? v.i : max_i;
			count++;
		}
	if (op->flags & ACI_TCS_OP_F_COUNT_PADDING)
		count = window;
	e->v.i = max_i;
	e->v.f = max;
	if (avg) {
		e->v.f = count ? sum / (double)count : 0;
		if (count)
			e->bound = (double)(window + 1) * (ULP / 2) * magnitude / (double)count +
				   TINY;
	}
}

void expect_softmax(const struct program *p, const struct aci_tcs_op *op,
		    const struct tensor *in, const uint64_t *index, struct expect *e)
{
	const double x = value_before(p, in, index).f;
	uint64_t at[ACI_TCS_RANK_MAX];
	double max = -INFINITY, sum = 0;

	memcpy(at, index, sizeof(at));
	for (uint64_t i = 0; i < in->shape[op->softmax.axis]; i++) {
		at[op->softmax.axis] = i;
		max = value_max(max, value_before(p, in, at).f);
	}
	for (uint64_t i = 0; i < in->shape[op->softmax.axis]; i++) {
		at[op->softmax.axis] = i;
		sum += exp(value_before(p, in, at).f - max);
	}
	e->v.f = exp(x - max) / sum;
	e->bound = (8 + 2 * fabs(max - x)) * ULP * e->v.f + TINY;
	if (op->function != ACI_TCS_SOFTMAX_LOG)
		return;
	e->v.f = x - max - log(sum);
	e->bound = isinf(x) ? 0 : (8 + 2 * fabs(max - x)) * ULP;
}

/* Everything that a reduction may want to know of the elements that it sees. */
struct fold {
	uint64_t n, first_max, last_max, first_min, last_min;
	double sum, magnitude, squares, max, min;
	long double product;
	int64_t max_i, min_i;
	uint64_t sum_i, product_i;
};

static void fold_add(struct fold *f, struct value v)
{
	const double x = v.is_float ? v.f : 0;
	const bool first = !f->n;
	bool greater = v.is_float ? v.f > f->max : v.i > f->max_i;
	bool less = v.is_float ? v.f < f->min : v.i < f->min_i;
	bool as_max = v.is_float ? v.f == f->max : v.i == f->max_i;
	bool as_min = v.is_float ? v.f == f->min : v.i == f->min_i;

	if (v.is_float && isnan(v.f)) {
		greater = less = !isnan(f->max);
		as_max = as_min = isnan(f->max);
	} else if (v.is_float && isnan(f->max)) {
		greater = less = as_max = as_min = false;
	}
	if (first || greater)
		f->first_max = f->n;
	if (first || greater || as_max)
		f->last_max = f->n;
	if (first || less)
		f->first_min = f->n;
	if (first || less || as_min)
		f->last_min = f->n;
	f->max = first ? x : value_max(f->max, x);
	f->min = first ? x : value_min(f->min, x);
	f->max_i = first || v.i > f->max_i ? v.i : f->max_i;
	f->min_i = first || v.i < f->min_i ? v.i : f->min_i;
	f->product = first ? x : f->product * x;
	f->product_i = first ? (uint64_t)v.i : f->product_i * (uint64_t)v.i;
	f->sum += x;
	f->magnitude += fabs(x);
	f->squares += x * x;
	f->sum_i += (uint64_t)v.i;
	f->n++;
}

static void fold_dims(const struct program *p, const struct tensor *in, uint32_t axes,
		      unsigned int dim, uint64_t *at, struct fold *f)
{
	if (dim == in->rank) {
		fold_add(f, value_before(p, in, at));
		return;
	}
	if (!(axes >> dim & 1)) {
		fold_dims(p, in, axes, dim + 1, at, f);
		return;
	}
	for (at[dim] = 0; at[dim] < in->shape[dim]; at[dim]++)
		fold_dims(p, in, axes, dim + 1, at, f);
}

void expect_reduce(const struct program *p, const struct aci_tcs_op *op,
		   const struct tensor *in, const struct tensor *out, const uint64_t *index,
		   struct expect *e)
{
	uint64_t at[ACI_TCS_RANK_MAX];
	struct fold f = { 0 };
	double n;

	memcpy(at, index, sizeof(at));
	fold_dims(p, in, op->reduce.axes, 0, at, &f);
	n = (double)f.n;
	e->v.i = (int64_t)f.sum_i;
	switch (op->function) {
	case ACI_TCS_REDUCTION_SUM:
		e->v.f = f.sum;
		e->bound = (n + 1) * (ULP / 2) * f.magnitude + TINY;
		break;
	case ACI_TCS_REDUCTION_MEAN:
		e->v.f = f.sum / n;
		e->bound = (n + 2) * (ULP / 2) * f.magnitude / n + TINY;
		break;
	case ACI_TCS_REDUCTION_MAX:
		e->v.f = f.max;
		e->v.i = f.max_i;
		break;
	case ACI_TCS_REDUCTION_MIN:
		e->v.f = f.min;
		e->v.i = f.min_i;
		break;
	case ACI_TCS_REDUCTION_PROD:
		e->v.f = (double)f.product;
		e->bound = (n + 1) * (ULP / 2) * fabs(e->v.f) + TINY;
		e->v.i = (int64_t)f.product_i;
		break;
	case ACI_TCS_REDUCTION_L1:
		e->v.f = f.magnitude;
		e->bound = (n + 1) * (ULP / 2) * f.magnitude + TINY;
		break;
	case ACI_TCS_REDUCTION_L2:
		e->v.f = sqrt(f.squares);
		e->bound = (n + 4) * (ULP / 2) * e->v.f + TINY;
		break;
	default:
		e->v.f = f.squares;
		e->bound = (n + 2) * (ULP / 2) * f.squares + TINY;
		break;
	}
	e->v.i = value_wrap(e->v.i, out->type);
}

void expect_arg(const struct program *p, const struct aci_tcs_op *op,
		const struct tensor *in, const uint64_t *index, struct expect *e)
{
	const bool last = op->flags & ACI_TCS_OP_F_LAST;
	uint64_t at[ACI_TCS_RANK_MAX];
	struct fold f = { 0 };

	memcpy(at, index, sizeof(at));
	fold_dims(p, in, 1u << op->along.axis, 0, at, &f);
	if (op->function == ACI_TCS_ARG_MAX)
		e->v.i = (int64_t)(last ? f.last_max : f.first_max);
	else
		e->v.i = (int64_t)(last ? f.last_min : f.first_min);
}

void expect_cumulate(const struct program *p, const struct aci_tcs_op *op,
		     const struct tensor *in, const struct tensor *out,
		     const uint64_t *index, struct expect *e)
{
	const uint32_t axis = op->along.axis;
	const uint64_t end = index[axis] + !(op->flags & ACI_TCS_OP_F_EXCLUSIVE);
	uint64_t at[ACI_TCS_RANK_MAX];
	struct fold f = { 0 };

	memcpy(at, index, sizeof(at));
	for (at[axis] = 0; at[axis] < end; at[axis]++)
		fold_add(&f, value_before(p, in, at));
	e->v.f = f.sum;
	e->v.i = value_wrap((int64_t)f.sum_i, out->type);
	e->bound = (double)(f.n + 1) * (ULP / 2) * f.magnitude + TINY;
}

void expect_select(const struct program *p, const struct tensor *in,
		   const struct tensor *out, const uint64_t *index, struct expect *e)
{
	uint64_t at[3][ACI_TCS_RANK_MAX];
	unsigned int which;

	for (unsigned int i = 0; i < 3; i++)
		tensor_broadcast(&in[i], out, index, at[i]);
	which = value_before(p, &in[0], at[0]).i ? 1 : 2;
	e->v = value_before(p, &in[which], at[which]);
}

static double normalise_operand(const struct program *p, const struct tensor *t,
				const struct tensor *out, const uint64_t *index, uint16_t tensor,
				double otherwise)
{
	uint64_t at[ACI_TCS_RANK_MAX];

	if (tensor == ACI_TCS_NONE)
		return otherwise;
	tensor_broadcast(t, out, index, at);
	return value_before(p, t, at).f;
}

static void sum_differences(const struct program *p, const struct tensor *in, uint32_t axes,
			    unsigned int dim, uint64_t *at, double mean, double *sum)
{
	if (dim == in->rank) {
		const double d = value_before(p, in, at).f - mean;

		*sum += d * d;
		return;
	}
	if (!(axes >> dim & 1)) {
		sum_differences(p, in, axes, dim + 1, at, mean, sum);
		return;
	}
	for (at[dim] = 0; at[dim] < in->shape[dim]; at[dim]++)
		sum_differences(p, in, axes, dim + 1, at, mean, sum);
}

void expect_normalise(const struct program *p, const struct aci_tcs_op *op,
		      const struct tensor *in, const struct tensor *out,
		      const uint64_t *index, struct expect *e)
{
	const double epsilon = op_scalar(p, op->normalise.epsilon, op->normalise.epsilon_slot);
	const double scale = normalise_operand(p, &in[1], out, index, op->in[1], 1);
	const double bias = normalise_operand(p, &in[2], out, index, op->in[2], 0);
	const double x = value_before(p, in, index).f;
	uint64_t at[ACI_TCS_RANK_MAX];
	double mean = 0, sum = 0, d, n;
	struct fold f = { 0 };

	memcpy(at, index, sizeof(at));
	fold_dims(p, in, op->normalise.axes, 0, at, &f);
	n = (double)f.n;
	if (op->function == ACI_TCS_NORMALISE_MEAN_VARIANCE)
		mean = f.sum / n;
	memcpy(at, index, sizeof(at));
	sum_differences(p, in, op->normalise.axes, 0, at, mean, &sum);
	d = sqrt(sum / n + epsilon);
	e->v.f = (x - mean) / d * scale + bias;
	e->bound = (n + 16) * ULP * ((fabs(x) + f.magnitude / n) / d * fabs(scale) + fabs(bias)) +
		   TINY;
}
