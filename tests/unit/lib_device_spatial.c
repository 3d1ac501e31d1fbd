// SPDX-License-Identifier: MIT
/* Transposed convolution, resizing and quantisation of graphs. */
#include <errno.h>
#include <math.h>

#include "lib_device_net.h"

/* The transposed convolution is the gradient: <conv(x), y> = <x, conv_transpose(y)>. */
void test_graph_conv_transpose(void **state)
{
	const struct accel_window window = { .stride = { 2, 1 }, .dilation = { 1, 2 }, .pad_begin = { 1, 0 },
					     .pad_end = { 0, 1 }, .groups = 2 };
	const uint64_t x_shape[4] = { 2, 4, 9, 8 }, w_shape[4] = { 6, 2, 3, 2 }, y_shape[4] = { 2, 6, 4, 7 };
	struct net forward = net_begin(*state), back;
	uint32_t x = net_input(&forward, ACCEL_F32, 4, x_shape), y, out;
	uint32_t w = net_input(&forward, ACCEL_F32, 4, w_shape);
	double left = 0, right = 0;
	uint64_t count;
	float *made;

	must(accel_graph_conv(forward.graph, 0, &window, x, w, 0, &out));
	made = net_run_from(&forward, out, &count);
	back = net_begin(*state);
	y = net_input(&back, ACCEL_F32, 4, y_shape);
	w = net_input(&back, ACCEL_F32, 4, w_shape);
	memcpy(back.inputs[1], forward.inputs[1], 6 * 2 * 3 * 2 * sizeof(float));
	assert_int_equal(count, 2 * 6 * 4 * 7);
	for (uint64_t i = 0; i < count; i++)
		left += (double)made[i] * net_floats(&back, 0)[i];
	free(made);
	must(accel_graph_conv_transpose(back.graph, 0, &window, &x_shape[2], y, w, 0, &out));
	made = net_run_from(&back, out, &count);
	assert_int_equal(count, 2 * 4 * 9 * 8);
	for (uint64_t i = 0; i < count; i++)
		right += (double)made[i] * net_floats(&forward, 0)[i];
	assert_true(fabs(left - right) <= 1e-3);
	assert_true(fabs(left) > 1e-2);
	free(made);
	net_end(&forward);
	net_end(&back);
}

/* Twice as large: each element four times; a quarter of the way to the neighbour linearly. */
void test_graph_resize(void **state)
{
	const uint64_t shape[4] = { 1, 2, 1, 3 }, size[2] = { 1, 6 };
	struct accel_resize resize = { .step = { 1, 6 }, .offset = { 0, -3 }, .divisor = { 1, 12 } };

	for (uint32_t function = 0; function < 2; function++) {
		struct net net = net_begin(*state);
		uint32_t in = net_input(&net, ACCEL_F32, 4, shape), out;
		uint64_t count;
		float *y;

		resize.function = function;
		must(accel_graph_resize(net.graph, &resize, size, in, &out));
		y = net_run_from(&net, out, &count);
		assert_int_equal(count, 12);
		for (int i = 0; i < 12; i++) {
			const float *row = net_floats(&net, 0) + i / 6 * 3;
			int own = i % 6 / 2, other = own + (i % 2 ? 1 : -1);
			float near = row[other < 0 ? 0 : other > 2 ? 2 : other];
			float want = function == ACI_TCS_RESIZE_LINEAR ? 0.75f * row[own] + 0.25f * near : row[own];

			assert_true(fabsf(y[i] - want) <= 1e-6f);
		}
		free(y);
		net_end(&net);
	}
}

/* There and back again: off by half a step at most. */
void test_graph_quantise(void **state)
{
	static const enum accel_type types[] = { ACCEL_I8, ACCEL_U8 };
	const uint64_t shape[2] = { 40, 5 }, channels[1] = { 5 };
	const float scales[5] = { 0.125f, 0.25f, 0.0625f, 0.5f, 1 };
	const uint8_t zeros[5] = { 100, 101, 99, 64, 77 };

	for (size_t t = 0; t < 2; t++) {
		struct net net = net_begin(*state);
		uint32_t in = net_input(&net, ACCEL_F32, 2, shape), scale, zero, out;
		uint64_t count;
		float *y;

		must(accel_graph_add_constant(net.graph, "s", ACCEL_F32, 1, channels, scales, &scale));
		must(accel_graph_add_constant(net.graph, "z", types[t], 1, channels, zeros, &zero));
		must(accel_graph_quantise(net.graph, types[t], in, scale, zero, &out));
		must(accel_graph_dequantise(net.graph, out, scale, zero, &out));
		y = net_run_from(&net, out, &count);
		for (uint64_t i = 0; i < count; i++) {
			float x = net_floats(&net, 0)[i], step = scales[i % 5];
			float most = (float)((t ? 255 : 127) - zeros[i % 5]) * step;

			x = x > most ? most : x;
			assert_true(fabsf(y[i] - x) <= step / 2);
		}
		free(y);
		net_end(&net);
	}
}

void test_graph_spatial_errors(void **state)
{
	const struct accel_window window = { .stride = { 1, 1 }, .dilation = { 1, 1 }, .groups = 1 };
	struct accel_resize resize = { .divisor = { 1, 1 } };
	const uint64_t shape[4] = { 1, 2, 3, 3 }, flat[2] = { 3, 3 }, size[2] = { 5, 5 }, wrong[2] = { 6, 5 };
	struct net net = net_begin(*state);
	uint32_t in = net_input(&net, ACCEL_F32, 4, shape), two = net_input(&net, ACCEL_F32, 2, flat);
	uint32_t bytes = net_input(&net, ACCEL_I8, 2, flat), out;
	uint32_t w;
	const uint64_t w_shape[4] = { 2, 1, 3, 3 };

	w = net_input(&net, ACCEL_F32, 4, w_shape);
	assert_ret(-EINVAL, accel_graph_conv_transpose(net.graph, 0, NULL, size, in, w, 0, &out));
	assert_ret(-EINVAL, accel_graph_conv_transpose(net.graph, 0, &window, NULL, in, w, 0, &out));
	assert_ret(-EINVAL, accel_graph_conv_transpose(net.graph, 0, &window, wrong, in, w, 0, &out));
	assert_ret(-EINVAL, accel_graph_conv_transpose(net.graph, 0, &window, size, two, w, 0, &out));
	assert_ret(-EINVAL, accel_graph_conv_transpose(net.graph, 0, &window, size, w, w, 0, &out));
	assert_ret(-EINVAL, accel_graph_conv_transpose(net.graph, 0, &window, size, in, w, two, &out));
	must(accel_graph_conv_transpose(net.graph, 0, &window, size, in, w, 0, &out));
	assert_ret(-EINVAL, accel_graph_resize(net.graph, NULL, size, in, &out));
	assert_ret(-EINVAL, accel_graph_resize(net.graph, &resize, NULL, in, &out));
	assert_ret(-EINVAL, accel_graph_resize(net.graph, &resize, size, two, &out));
	resize.rounding = 4;
	assert_ret(-EINVAL, accel_graph_resize(net.graph, &resize, size, in, &out));
	resize.rounding = 0;
	resize.exclude_outside = true;
	assert_ret(-EINVAL, accel_graph_resize(net.graph, &resize, size, in, &out));
	resize.exclude_outside = false;
	resize.cubic = 1;
	assert_ret(-EINVAL, accel_graph_resize(net.graph, &resize, size, in, &out));
	resize.cubic = 0;
	resize.step[0] = INT64_MAX;
	assert_ret(-EINVAL, accel_graph_resize(net.graph, &resize, size, in, &out));
	resize.step[0] = 0;
	resize.function = 3;
	assert_ret(-ENOTSUP, accel_graph_resize(net.graph, &resize, size, in, &out));
	resize.function = 0;
	resize.divisor[1] = 0;
	assert_ret(-EINVAL, accel_graph_resize(net.graph, &resize, size, in, &out));
	assert_ret(-ENOTSUP, accel_graph_quantise(net.graph, ACCEL_I32, two, two, 0, &out));
	assert_ret(-ENOTSUP, accel_graph_quantise(net.graph, ACCEL_I8, two, bytes, 0, &out));
	assert_ret(-ENOTSUP, accel_graph_quantise(net.graph, ACCEL_I8, two, two, two, &out));
	assert_ret(-EINVAL, accel_graph_quantise(net.graph, ACCEL_I8, two, 99, 0, &out));
	assert_ret(-EINVAL, accel_graph_quantise(net.graph, ACCEL_I8, two, in, 0, &out));
	assert_ret(-ENOTSUP, accel_graph_dequantise(net.graph, two, two, 0, &out));
	must(accel_graph_dequantise(net.graph, bytes, two, bytes, &out));
	accel_graph_destroy(net.graph);
	net_end(&net);
}
