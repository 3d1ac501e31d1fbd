// SPDX-License-Identifier: MIT
#include <math.h>
#include <string.h>

#include <aci/aci_tcs.h>

#include "reference.h"

double reference_element(const struct reference_operand *operand, const uint64_t *index)
{
	const struct accel_view *view = &operand->view;
	int64_t at = view->offset / accel_type_bytes(view->type);

	for (uint32_t i = 0; i < view->rank; i++)
		at += (int64_t)index[i] * view->stride[i];
	switch (view->type) {
	case ACCEL_F32:
		return ((const float *)operand->data)[at];
	case ACCEL_I8:
		return ((const int8_t *)operand->data)[at];
	case ACCEL_I32:
		return ((const int32_t *)operand->data)[at];
	case ACCEL_I64:
		return ((const int64_t *)operand->data)[at];
	default:
		return ((const uint8_t *)operand->data)[at];
	}
}

bool reference_next(const struct accel_view *view, uint64_t *index)
{
	for (uint32_t i = view->rank; i-- > 0;) {
		if (++index[i] < view->shape[i])
			return true;
		index[i] = 0;
	}
	return false;
}

/* Broadcasting: dimensions are aligned at the last one, and those of length 1 repeat. */
static double broadcast_element(const struct reference_operand *operand, uint32_t rank, const uint64_t *index)
{
	uint64_t own[ACCEL_RANK_MAX] = { 0 };

	for (uint32_t i = 0; i < operand->view.rank; i++)
		own[i] = operand->view.shape[i] == 1 ? 0 : index[rank - operand->view.rank + i];
	return reference_element(operand, own);
}

static double unary(const struct reference_op *op, double x)
{
	switch (op->function) {
	case ACI_TCS_UNARY_RELU:
		return x > 0 ? x : 0;
	case ACI_TCS_UNARY_SIGMOID:
		return 1 / (1 + exp(-x));
	case ACI_TCS_UNARY_TANH:
		return tanh(x);
	case ACI_TCS_UNARY_EXP:
		return exp(x);
	case ACI_TCS_UNARY_LOG:
		return log(x);
	case ACI_TCS_UNARY_SQRT:
		return sqrt(x);
	case ACI_TCS_UNARY_ABS:
		return fabs(x);
	case ACI_TCS_UNARY_NEG:
		return -x;
	case ACI_TCS_UNARY_RECIPROCAL:
		return 1 / x;
	case ACI_TCS_UNARY_FLOOR:
		return floor(x);
	case ACI_TCS_UNARY_CEIL:
		return ceil(x);
	case ACI_TCS_UNARY_ROUND:
		return nearbyint(x);
	case ACI_TCS_UNARY_ERF:
		return erf(x);
	case ACI_TCS_UNARY_GELU:
		return 0.5 * x * (1 + erf(x * M_SQRT1_2));
	case ACI_TCS_UNARY_LEAKY_RELU:
		return x < 0 ? op->alpha * x : x;
	case ACI_TCS_UNARY_ELU:
		return x < 0 ? op->alpha * (exp(x) - 1) : x;
	case ACI_TCS_UNARY_CLIP:
		return fmin(fmax(x, op->alpha), op->beta);
	case ACI_TCS_UNARY_LINEAR:
		return (double)op->alpha * x + op->beta;
	default:
		return x;
	}
}

static double binary(const struct reference_op *op, double a, double b)
{
	bool integer = op->out.view.type != ACCEL_F32;

	switch (op->function) {
	case ACI_TCS_BINARY_ADD:
		return a + b;
	case ACI_TCS_BINARY_SUB:
		return a - b;
	case ACI_TCS_BINARY_MUL:
		return a * b;
	case ACI_TCS_BINARY_DIV:
		return !integer ? a / b : b == 0 ? 0 : trunc(a / b);
	case ACI_TCS_BINARY_MIN:
		return fmin(a, b);
	case ACI_TCS_BINARY_MAX:
		return fmax(a, b);
	default:
		return pow(a, b);
	}
}

static double softmax(const struct reference_op *op, const uint64_t *index)
{
	uint64_t at[ACCEL_RANK_MAX];
	double top = -INFINITY, sum = 0;

	memcpy(at, index, sizeof(at));
	for (at[op->axis] = 0; at[op->axis] < op->out.view.shape[op->axis]; at[op->axis]++)
		top = fmax(top, reference_element(&op->in[0], at));
	for (at[op->axis] = 0; at[op->axis] < op->out.view.shape[op->axis]; at[op->axis]++)
		sum += exp(reference_element(&op->in[0], at) - top);
	return exp(reference_element(&op->in[0], index) - top) / sum;
}

static double activate(const struct reference_op *op, double x)
{
	return op->function == ACI_TCS_UNARY_RELU && x < 0 ? 0 : x;
}

static double matmul(const struct reference_op *op, const uint64_t *index)
{
	const struct accel_view *a = &op->in[0].view;
	uint32_t rank = op->out.view.rank;
	uint64_t left[ACCEL_RANK_MAX], right[ACCEL_RANK_MAX];
	double sum = 0;

	memcpy(left, index, sizeof(left));
	memcpy(right, index, sizeof(right));
	for (uint64_t k = 0; k < a->shape[a->rank - 1]; k++) {
		left[rank - 1] = k;
		right[rank - 2] = k;
		sum += broadcast_element(&op->in[0], rank, left) * broadcast_element(&op->in[1], rank, right);
	}
	if (op->in[2].bytes)
		sum += broadcast_element(&op->in[2], rank, index);
	return activate(op, sum);
}

/* Position in the input of window element @k of output @out; false: padding. */
static bool window_position(const struct accel_window *window, int axis, uint64_t out, uint64_t k, uint64_t size,
			    uint64_t *position)
{
	int64_t at = (int64_t)(out * window->stride[axis] + k * window->dilation[axis]) - window->pad_begin[axis];

	*position = at;
	return at >= 0 && (uint64_t)at < size;
}

static double conv(const struct reference_op *op, const uint64_t *index)
{
	const struct accel_view *in = &op->in[0].view, *weights = &op->in[1].view;
	uint64_t per_group = weights->shape[0] / op->window.groups;
	uint64_t first = index[1] / per_group * weights->shape[1];
	double sum = op->in[2].bytes ? reference_element(&op->in[2], &index[1]) : 0;

	for (uint64_t c = 0; c < weights->shape[1]; c++) {
		for (uint64_t y = 0; y < weights->shape[2]; y++) {
			for (uint64_t x = 0; x < weights->shape[3]; x++) {
				uint64_t at[4] = { index[0], first + c }, tap[4] = { index[1], c, y, x };

				if (window_position(&op->window, 0, index[2], y, in->shape[2], &at[2]) &&
				    window_position(&op->window, 1, index[3], x, in->shape[3], &at[3]))
					sum += reference_element(&op->in[0], at) *
					       reference_element(&op->in[1], tap);
			}
		}
	}
	return activate(op, sum);
}

static double pool(const struct reference_op *op, const uint64_t *index)
{
	const struct accel_view *in = &op->in[0].view;
	double top = -INFINITY, sum = 0;
	uint64_t count = 0;

	for (uint64_t y = 0; y < op->window.kernel[0]; y++) {
		for (uint64_t x = 0; x < op->window.kernel[1]; x++) {
			uint64_t at[4] = { index[0], index[1] };
			bool inside = window_position(&op->window, 0, index[2], y, in->shape[2], &at[2]);

			inside &= window_position(&op->window, 1, index[3], x, in->shape[3], &at[3]);
			count += inside || op->window.count_padding;
			if (!inside)
				continue;
			top = fmax(top, reference_element(&op->in[0], at));
			sum += reference_element(&op->in[0], at);
		}
	}
	return op->opcode == ACI_TCS_OP_POOL_MAX ? top : sum / count;
}

/* Kernel place @k of output @out sees the input at the place whose stride leads there. */
static bool transposed_position(const struct accel_window *window, int axis, uint64_t out, uint64_t k,
				uint64_t size, uint64_t *position)
{
	int64_t at = (int64_t)out + window->pad_begin[axis] - (int64_t)(k * window->dilation[axis]);

	*position = (uint64_t)(at / (int64_t)window->stride[axis]);
	return at >= 0 && at % window->stride[axis] == 0 && *position < size;
}

static double conv_transpose(const struct reference_op *op, const uint64_t *index)
{
	const struct accel_view *in = &op->in[0].view, *weights = &op->in[1].view;
	uint64_t filters = weights->shape[1], channels = in->shape[1] / op->window.groups;
	uint64_t first = index[1] / filters * channels;
	double sum = op->in[2].bytes ? reference_element(&op->in[2], &index[1]) : 0;

	for (uint64_t c = first; c < first + channels; c++) {
		for (uint64_t y = 0; y < weights->shape[2]; y++) {
			for (uint64_t x = 0; x < weights->shape[3]; x++) {
				uint64_t at[4] = { index[0], c }, tap[4] = { c, index[1] % filters, y, x };

				if (transposed_position(&op->window, 0, index[2], y, in->shape[2], &at[2]) &&
				    transposed_position(&op->window, 1, index[3], x, in->shape[3], &at[3]))
					sum += reference_element(&op->in[0], at) *
					       reference_element(&op->in[1], tap);
			}
		}
	}
	return activate(op, sum);
}

static uint64_t clamp_place(double place, uint64_t size)
{
	return place < 0 ? 0 : place >= size ? size - 1 : (uint64_t)place;
}

/* Nearest, halves down, or linear. */
static double resize(const struct reference_op *op, const uint64_t *index)
{
	const struct accel_resize *r = &op->resize;
	uint64_t low[2], high[2];
	double part[2], sum = 0;

	for (int i = 0; i < 2; i++) {
		double place = ((double)r->step[i] * index[2 + i] + r->offset[i]) / r->divisor[i];
		uint64_t size = op->in[0].view.shape[2 + i];

		if (r->function == ACI_TCS_RESIZE_NEAREST)
			place = ceil(place - 0.5);
		part[i] = place - floor(place);
		low[i] = clamp_place(floor(place), size);
		high[i] = clamp_place(floor(place) + 1, size);
	}
	for (int k = 0; k < 4; k++) {
		uint64_t at[4] = { index[0], index[1], k & 2 ? high[0] : low[0], k & 1 ? high[1] : low[1] };

		sum += (k & 2 ? part[0] : 1 - part[0]) * (k & 1 ? part[1] : 1 - part[1]) *
		       reference_element(&op->in[0], at);
	}
	return sum;
}

static double quantise(const struct reference_op *op, const uint64_t *index)
{
	uint32_t rank = op->out.view.rank;
	double x = reference_element(&op->in[0], index), scale = broadcast_element(&op->in[1], rank, index);
	double zero = broadcast_element(&op->in[2], rank, index);
	bool is_signed = op->out.view.type == ACCEL_I8;

	if (op->opcode == ACI_TCS_OP_DEQUANTISE)
		return (x - zero) * scale;
	return fmin(fmax(nearbyint((float)x / (float)scale) + zero, is_signed ? -128 : 0), is_signed ? 127 : 255);
}

static double row_mean(const struct reference_op *op, const uint64_t *index, double centre, bool squares)
{
	uint64_t at[ACCEL_RANK_MAX], count = op->in[0].view.shape[op->axis];
	double sum = 0;

	memcpy(at, index, sizeof(at));
	for (at[op->axis] = 0; at[op->axis] < count; at[op->axis]++) {
		double x = reference_element(&op->in[0], at) - centre;

		sum += squares ? x * x : x;
	}
	return sum / count;
}

static double normalise(const struct reference_op *op, const uint64_t *index)
{
	double mean = row_mean(op, index, 0, false);
	double deviation = sqrt(row_mean(op, index, mean, true) + op->epsilon);

	return (reference_element(&op->in[0], index) - mean) / deviation;
}

/* Rows of the first dimension. */
static double gather(const struct reference_op *op, const uint64_t *index)
{
	uint64_t place[ACCEL_RANK_MAX] = { index[0] }, at[ACCEL_RANK_MAX];

	memcpy(at, index, sizeof(at));
	at[0] = (uint64_t)reference_element(&op->in[1], place);
	return reference_element(&op->in[0], at);
}

static double compute_indexed(const struct reference_op *op, const uint64_t *index)
{
	switch (op->opcode) {
	case ACI_TCS_OP_CONV_TRANSPOSE:
		return conv_transpose(op, index);
	case ACI_TCS_OP_RESIZE:
		return resize(op, index);
	case ACI_TCS_OP_QUANTISE:
	case ACI_TCS_OP_DEQUANTISE:
		return quantise(op, index);
	case ACI_TCS_OP_NORMALISE:
		return normalise(op, index);
	case ACI_TCS_OP_REDUCE:
		return row_mean(op, index, 0, false);
	case ACI_TCS_OP_GATHER:
		return gather(op, index);
	default:
		return pool(op, index);
	}
}

double reference_compute(const struct reference_op *op, const uint64_t *index)
{
	uint32_t rank = op->out.view.rank;

	switch (op->opcode) {
	case ACI_TCS_OP_COPY:
		return op->out.view.type == ACCEL_BOOL ? reference_element(&op->in[0], index) != 0 :
							 reference_element(&op->in[0], index);
	case ACI_TCS_OP_UNARY:
		return unary(op, reference_element(&op->in[0], index));
	case ACI_TCS_OP_BINARY:
		return binary(op, broadcast_element(&op->in[0], rank, index),
			      broadcast_element(&op->in[1], rank, index));
	case ACI_TCS_OP_SOFTMAX:
		return softmax(op, index);
	case ACI_TCS_OP_MATMUL:
		return matmul(op, index);
	case ACI_TCS_OP_CONV:
		return conv(op, index);
	default:
		return compute_indexed(op, index);
	}
}
