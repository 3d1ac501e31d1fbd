// SPDX-License-Identifier: MIT
/* Biases and activations that become part of products. */
#include <math.h>

#include "lib_device_net.h"

#define M	5u
#define K	7u
#define N	3u

enum variant {
	PLAIN,			/* relu(a b + bias): one operation */
	RESHAPED,		/* the product is looked at as [1, M, N] */
	COLUMN,			/* what is added is [M, 1]: no bias */
	READ_TWICE,		/* the product is an output as well */
	LATE,			/* the bias is computed after the product */
	VARIANTS
};

static const uint32_t operations[VARIANTS] = { 1, 1, 3, 3, 4 };

static uint32_t build(struct net *net, enum variant variant, uint32_t *second)
{
	const uint64_t left[2] = { M, K }, right[2] = { K, N }, row[1] = { N }, column[2] = { M, 1 };
	const uint64_t deep[3] = { 1, M, N };
	uint32_t a = net_input(net, ACCEL_F32, 2, left), b = net_input(net, ACCEL_F32, 2, right), out;
	uint32_t bias = variant == COLUMN ? net_input(net, ACCEL_F32, 2, column) :
					    net_input(net, ACCEL_F32, 1, row);

	must(accel_graph_matmul(net->graph, 0, a, b, 0, &out));
	*second = out;
	if (variant == RESHAPED)
		must(accel_graph_reshape(net->graph, out, 3, deep, &out));
	if (variant == LATE)
		must(accel_graph_unary(net->graph, ACI_TCS_UNARY_NEG, 0, 0, bias, &bias));
	must(accel_graph_binary(net->graph, ACI_TCS_BINARY_ADD, variant % 2 ? bias : out,
				variant % 2 ? out : bias, &out));
	must(accel_graph_unary(net->graph, ACI_TCS_UNARY_RELU, 0, 0, out, &out));
	return out;
}

static float expected(const struct net *net, enum variant variant, uint32_t i)
{
	const float *bias = net->inputs[2];
	double sum = variant == COLUMN ? bias[i / N] : variant == LATE ? -bias[i % N] : bias[i % N];

	for (uint32_t k = 0; k < K; k++)
		sum += (double)((const float *)net->inputs[0])[i / N * K + k] *
		       ((const float *)net->inputs[1])[k * N + i % N];
	return sum > 0 ? (float)sum : 0;
}

void test_fuse_matmul(void **state)
{
	for (enum variant variant = 0; variant < VARIANTS; variant++) {
		struct net net = net_begin(*state);
		struct accel_model_stats stats;
		struct accel_model *model;
		uint32_t second, out = build(&net, variant, &second);
		float results[2][M * N];
		void *outputs[2] = { results[0], results[1] };

		must(accel_graph_add_output(net.graph, "out", out));
		if (variant == READ_TWICE)
			must(accel_graph_add_output(net.graph, "product", second));
		must(accel_model_compile(net.graph, net.fixture->context, &model));
		accel_graph_destroy(net.graph);
		must(accel_model_get_stats(model, &stats));
		assert_int_equal(stats.card_operations, operations[variant]);
		assert_int_equal(stats.macs, M * N * K);
		must(accel_model_run(model, net.fixture->stream, (const void *const *)net.inputs, outputs));
		for (uint32_t i = 0; i < M * N; i++)
			assert_true(fabsf(results[0][i] - expected(&net, variant, i)) <= 1e-5f);
		accel_model_destroy(model);
		net_end(&net);
	}
}

/* A bias per channel, then a rectifier that a second branch does not want. */
void test_fuse_conv(void **state)
{
	const struct accel_window window = { .stride = { 1, 1 }, .dilation = { 1, 1 }, .groups = 1 };
	const uint64_t image[4] = { 2, 3, 4, 4 }, kernel[4] = { 2, 3, 1, 1 }, channels[3] = { 2, 1, 1 };
	struct net net = net_begin(*state);
	uint32_t in = net_input(&net, ACCEL_F32, 4, image), w = net_input(&net, ACCEL_F32, 4, kernel);
	uint32_t bias = net_input(&net, ACCEL_F32, 3, channels), sum, relu;
	float plain[64], rectified[64];
	void *outputs[2] = { plain, rectified };
	struct accel_model_stats stats;
	struct accel_model *model;

	must(accel_graph_conv(net.graph, 0, &window, in, w, 0, &sum));
	must(accel_graph_binary(net.graph, ACI_TCS_BINARY_ADD, sum, bias, &sum));
	must(accel_graph_unary(net.graph, ACI_TCS_UNARY_RELU, 0, 0, sum, &relu));
	must(accel_graph_add_output(net.graph, "sum", sum));
	must(accel_graph_add_output(net.graph, "relu", relu));
	must(accel_model_compile(net.graph, net.fixture->context, &model));
	accel_graph_destroy(net.graph);
	must(accel_model_get_stats(model, &stats));
	assert_int_equal(stats.card_operations, 2);
	must(accel_model_run(model, net.fixture->stream, (const void *const *)net.inputs, outputs));
	for (uint32_t i = 0; i < 64; i++) {
		uint32_t n = i / 32, o = i / 16 % 2, at = i % 16;
		double want = net_floats(&net, 2)[o];

		for (uint32_t c = 0; c < 3; c++)
			want += (double)net_floats(&net, 0)[(n * 3 + c) * 16 + at] *
				net_floats(&net, 1)[o * 3 + c];
		assert_true(fabs(plain[i] - want) <= 1e-5);
		assert_true(rectified[i] == (plain[i] > 0 ? plain[i] : 0));
	}
	accel_model_destroy(model);
	net_end(&net);
}
