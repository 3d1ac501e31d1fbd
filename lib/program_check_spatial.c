// SPDX-License-Identifier: MIT
/* Windows and places over images: attributes and shapes. */
#include "error.h"
#include "program.h"

uint64_t window_outputs(uint64_t in, uint64_t kernel, uint32_t stride, uint32_t dilation,
			uint32_t pad_begin, uint32_t pad_end)
{
	uint64_t extent, padded = in + pad_begin + pad_end;

	if (!kernel || !stride || __builtin_mul_overflow(kernel - 1, dilation, &extent) ||
	    extent >= padded)
		return 0;
	return (padded - extent - 1) / stride + 1;
}

int window_check(const struct accel_window *window, uint32_t opcode)
{
	bool conv = opcode == ACI_TCS_OP_CONV || opcode == ACI_TCS_OP_CONV_TRANSPOSE;

	if (!window)
		return error_set(-EINVAL, "%s: window must not be NULL", tcs_op_name(opcode));
	for (int i = 0; i < 2; i++)
		if (!window->stride[i] || !window->dilation[i] || (!conv && !window->kernel[i]))
			return error_set(-EINVAL,
					 "%s: kernel, stride and dilation must be 1 or more",
					 tcs_op_name(opcode));
	if (conv && !window->groups)
		return error_set(-EINVAL, "%s: groups must be 1 or more", tcs_op_name(opcode));
	return 0;
}

/* Dimension @i of the window; @kernel is 0 where its size comes from an argument. */
static bool window_dim_fits(const struct program_op *op, uint32_t i, uint64_t kernel)
{
	bool transposed = op->opcode == ACI_TCS_OP_CONV_TRANSPOSE;
	uint64_t in = view_known_dim(transposed ? op->out : op->in[0], 2 + i);
	uint64_t out = view_known_dim(transposed ? op->in[0] : op->out, 2 + i), outputs;
	const struct accel_window *w = op->window;

	if (!in || !kernel)
		return true;
	outputs = window_outputs(in, kernel, w->stride[i], w->dilation[i], w->pad_begin[i],
				 w->pad_end[i]);
	return outputs && view_may_equal(out, outputs);
}

static bool window_fits(const struct program_op *op, uint64_t rows, uint64_t columns)
{
	return window_dim_fits(op, 0, rows) && window_dim_fits(op, 1, columns);
}

static int check_conv(struct program_op *op)
{
	const struct accel_view *in = op->in[0], *weights = op->in[1], *bias = op->in[2],
				*out = op->out;
	int ret = window_check(op->window, op->opcode);
	uint64_t groups, filters, channels, per_output;

	if (ret)
		return ret;
	groups = op->window->groups;
	if (in->rank != 4 || weights->rank != 4 || out->rank != 4)
		return program_error_shapes(op);
	filters = view_known_dim(weights, 0);
	channels = view_known_dim(in, 1);
	if (!view_may_equal(view_known_dim(in, 0), view_known_dim(out, 0)) ||
	    !view_may_equal(filters, view_known_dim(out, 1)) ||
	    filters % groups || channels % groups ||
	    !view_may_equal(channels / groups, view_known_dim(weights, 1)) ||
	    !window_fits(op, view_known_dim(weights, 2), view_known_dim(weights, 3)))
		return program_error_shapes(op);
	filters = filters ? filters : view_known_dim(out, 1);
	if (bias && (bias->rank != 1 || !view_may_equal(view_known_dim(bias, 0), filters)))
		return program_error_bias(op, "C");
	per_output = view_known_dim(weights, 1) * view_known_dim(weights, 2) * view_known_dim(weights, 3);
	if (__builtin_mul_overflow(view_elements(out), per_output, &op->macs))
		return program_error_shapes(op);
	return 0;
}

static int check_pool(const struct program_op *op)
{
	const struct accel_view *in = op->in[0], *out = op->out;
	int ret = window_check(op->window, op->opcode);

	if (ret)
		return ret;
	if (in->rank != 4 || out->rank != 4 || !view_may_equal(view_known_dim(in, 0), view_known_dim(out, 0)) ||
	    !view_may_equal(view_known_dim(in, 1), view_known_dim(out, 1)) ||
	    !window_fits(op, op->window->kernel[0], op->window->kernel[1]))
		return program_error_shapes(op);
	return 0;
}

/* Weights are [C, O / groups, KH, KW]; what CONV makes of the output is the input's size. */
static int check_conv_transpose(struct program_op *op)
{
	const struct accel_view *in = op->in[0], *weights = op->in[1], *bias = op->in[2],
				*out = op->out;
	int ret = window_check(op->window, op->opcode);
	uint64_t groups, filters, per_input;

	if (ret)
		return ret;
	groups = op->window->groups;
	if (in->rank != 4 || weights->rank != 4 || out->rank != 4)
		return program_error_shapes(op);
	filters = view_known_dim(out, 1);
	if (!view_may_equal(view_known_dim(in, 0), view_known_dim(out, 0)) ||
	    !view_may_equal(view_known_dim(in, 1), view_known_dim(weights, 0)) ||
	    filters % groups || view_known_dim(in, 1) % groups ||
	    !view_may_equal(filters / groups, view_known_dim(weights, 1)) ||
	    !window_fits(op, view_known_dim(weights, 2), view_known_dim(weights, 3)))
		return program_error_shapes(op);
	if (bias && (bias->rank != 1 || !view_may_equal(view_known_dim(bias, 0), filters)))
		return program_error_bias(op, "C");
	per_input = view_known_dim(weights, 1) * view_known_dim(weights, 2) *
		    view_known_dim(weights, 3);
	if (__builtin_mul_overflow(view_elements(in), per_input, &op->macs))
		return program_error_shapes(op);
	return 0;
}

int resize_check(const struct accel_resize *resize)
{
	bool nearest;

	if (!resize)
		return error_set(-EINVAL, "resize: resize must not be NULL");
	nearest = resize->function == ACI_TCS_RESIZE_NEAREST;
	if (resize->divisor[0] < 1 || resize->divisor[1] < 1)
		return error_set(-EINVAL, "resize: divisors must be 1 or more");
	if (resize->rounding > (nearest ? ACI_TCS_ROUNDING_UP : 0))
		return error_set(-EINVAL, "resize: rounding %u of function %u", resize->rounding,
				 resize->function);
	if (resize->cubic != 0 && resize->function != ACI_TCS_RESIZE_CUBIC)
		return error_set(-EINVAL, "resize: a cubic coefficient for function %u",
				 resize->function);
	if (nearest && resize->exclude_outside)
		return error_set(-EINVAL, "resize: nearest takes no exclude_outside");
	return 0;
}

/* The card computes places in 64 bits. */
static bool place_fits(const struct accel_resize *resize, uint32_t i, uint64_t out)
{
	const __int128 limit = (__int128)1 << 62;
	__int128 last = resize->offset[i];

	if (out)
		last += (__int128)resize->step[i] * (int64_t)(out - 1);
	return last > -limit && last < limit && resize->offset[i] > -limit &&
	       resize->offset[i] < limit;
}

static int check_resize(const struct program_op *op)
{
	const struct accel_view *in = op->in[0], *out = op->out;
	int ret = resize_check(op->resize);

	if (ret)
		return ret;
	if (in->rank != 4 || out->rank != 4)
		return program_error_shapes(op);
	for (uint32_t i = 0; i < 2; i++) {
		if (!view_may_equal(view_known_dim(in, i), view_known_dim(out, i)))
			return program_error_shapes(op);
		if (!place_fits(op->resize, i, view_known_dim(out, 2 + i)))
			return error_set(-EINVAL, "resize: step and offset are too large");
	}
	return 0;
}

int program_check_spatial(struct program_op *op)
{
	switch (op->opcode) {
	case ACI_TCS_OP_CONV:
		return check_conv(op);
	case ACI_TCS_OP_CONV_TRANSPOSE:
		return check_conv_transpose(op);
	case ACI_TCS_OP_RESIZE:
		return check_resize(op);
	default:
		return check_pool(op);
	}
}
