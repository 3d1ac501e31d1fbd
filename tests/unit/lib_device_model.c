// SPDX-License-Identifier: MIT
/* Models: what they tell, what they refuse, and that they compute what their graph says. */
#include <errno.h>
#include <math.h>

#include "lib_device_net.h"

void test_model_facts(void **state)
{
	struct net net = net_begin(*state);
	const uint64_t shape[2] = { 4, 64 }, square[2] = { 64, 64 };
	float *weights = calloc(64 * 64, sizeof(float));
	struct accel_model_stats stats;
	struct accel_tensor_info info;
	struct accel_model *model;
	uint32_t x = net_input(&net, ACCEL_F32, 2, shape), w;

	must(accel_graph_add_constant(net.graph, "w", ACCEL_F32, 2, square, weights, &w));
	for (int i = 0; i < 20; i++)
		must(accel_graph_matmul(net.graph, 0, x, w, 0, &x));
	must(accel_graph_add_output(net.graph, "y", x));
	must(accel_model_compile(net.graph, net.fixture->context, &model));
	accel_graph_destroy(net.graph);
	must(accel_model_get_stats(model, &stats));
	assert_int_equal(stats.card_operations, 20);
	assert_int_equal(stats.macs, 20 * 4 * 64 * 64);
	assert_int_equal(stats.constant_bytes, 64 * 64 * 4);
	/* A chain needs two tensors at a time, not twenty. */
	assert_int_equal(stats.workspace_bytes, 2 * 4 * 64 * 4);
	assert_int_equal(accel_model_input_count(model), 1);
	assert_int_equal(accel_model_output_count(model), 1);
	must(accel_model_get_input(model, 0, &info));
	assert_string_equal(info.name, "in");
	assert_int_equal(info.rank, 2);
	assert_int_equal(info.shape[1], 64);
	must(accel_model_get_output(model, 0, &info));
	assert_string_equal(info.name, "y");
	assert_int_equal(info.bytes, 4 * 64 * 4);
	accel_model_destroy(model);
	free(weights);
	net_end(&net);
}

void test_model_errors(void **state)
{
	struct net net = net_begin(*state);
	const uint64_t shape[1] = { 4 };
	uint32_t x = net_input(&net, ACCEL_F32, 1, shape);
	struct accel_tensor_info info;
	struct accel_model *model;
	float y[4];
	void *outputs[1] = { y }, *missing[1] = { NULL };

	must(accel_graph_add_output(net.graph, NULL, x));
	must(accel_model_compile(net.graph, net.fixture->context, &model));
	accel_graph_destroy(net.graph);
	assert_ret(-EINVAL, accel_model_get_input(model, 1, &info));
	assert_ret(-EINVAL, accel_model_get_output(model, 1, &info));
	assert_ret(-EINVAL, accel_model_run(model, NULL, (const void *const *)net.inputs, outputs));
	assert_ret(-EINVAL, accel_model_run(model, net.fixture->stream, NULL, outputs));
	assert_ret(-EINVAL, accel_model_run(model, net.fixture->stream,
					    (const void *const *)net.inputs, missing));
	assert_text("output 0");
	must(accel_model_run(model, net.fixture->stream, (const void *const *)net.inputs, outputs));
	assert_memory_equal(y, net.inputs[0], sizeof(y));
	assert_int_equal(accel_model_input_count(NULL), 0);
	accel_model_destroy(model);
	accel_model_destroy(NULL);
	net_end(&net);
}

/* Random graphs of elementwise operations: the memory plan must not let live tensors meet. */
void test_model_random(void **state)
{
	const uint64_t shape[1] = { 100 };

	for (int round = 0; round < 15; round++) {
		struct net net = net_begin(*state);
		uint32_t ids[42];
		double (*values)[100] = calloc(42, sizeof(*values));
		uint64_t count;
		float *y;

		for (int i = 0; i < 2; i++) {
			ids[i] = net_input(&net, ACCEL_F32, 1, shape);
			for (int k = 0; k < 100; k++)
				values[i][k] = net_floats(&net, (uint32_t)i)[k];
		}
		for (int i = 2; i < 42; i++) {
			uint32_t a = random_u32() % (uint32_t)i, b = random_u32() % (uint32_t)i;
			uint32_t function = random_u32() % 2 ? ACI_TCS_BINARY_MAX
							     : ACI_TCS_BINARY_MIN;

			if (random_u32() % 3 == 0) {
				must(accel_graph_unary(net.graph, ACI_TCS_UNARY_NEG, 0, 0, ids[a],
						       &ids[i]));
				for (int k = 0; k < 100; k++)
					values[i][k] = -values[a][k];
				continue;
			}
			must(accel_graph_binary(net.graph, function, ids[a], ids[b], &ids[i]));
			for (int k = 0; k < 100; k++)
				values[i][k] = function == ACI_TCS_BINARY_MAX
						       ? fmax(values[a][k], values[b][k])
						       : fmin(values[a][k], values[b][k]);
		}
		y = net_run_from(&net, ids[41], &count);
		for (int k = 0; k < 100; k++)
			assert_float_equal(y[k], (float)values[41][k], 0);
		free(values);
		free(y);
		net_end(&net);
	}
}

static struct accel_model *scale_model(struct fixture *fixture, struct accel_context *context,
				       float factor)
{
	const uint64_t shape[1] = { 1000 };
	struct accel_graph *graph;
	struct accel_model *model;
	uint32_t x;

	must(accel_graph_create(fixture->device, &graph));
	must(accel_graph_add_input(graph, "x", ACCEL_F32, 1, shape, &x));
	must(accel_graph_unary(graph, ACI_TCS_UNARY_LINEAR, factor, 0, x, &x));
	must(accel_graph_add_output(graph, "y", x));
	must(accel_model_compile(graph, context, &model));
	accel_graph_destroy(graph);
	return model;
}

/* The same graph in two contexts: a fault in one leaves the other alone. */
void test_model_two_contexts(void **state)
{
	struct fixture *fixture = *state;
	struct accel_stream_options options = { ACCEL_ENGINE_COMPUTE, ACCEL_PRIORITY_NORMAL, 0, 0 };
	struct accel_model *ours, *theirs;
	struct accel_context *other;
	struct accel_stream *stream;
	float x[1000], y[1000];
	const void *inputs[1] = { x };
	void *outputs[1] = { y };

	require_compute(fixture);
	must(accel_context_create(fixture->device, &other));
	must(accel_stream_create(other, &options, &stream));
	ours = scale_model(fixture, fixture->context, 2);
	theirs = scale_model(fixture, other, 3);
	assert_ret(-EINVAL, accel_model_run(theirs, fixture->stream, inputs, outputs));
	for (int i = 0; i < 1000; i++)
		x[i] = (float)i;
	for (int round = 0; round < 10; round++) {
		must(accel_model_run(theirs, stream, inputs, outputs));
		for (int i = 0; i < 1000; i++)
			assert_float_equal(y[i], 3.0f * (float)i, 0);
		must(accel_model_run(ours, fixture->stream, inputs, outputs));
		for (int i = 0; i < 1000; i++)
			assert_float_equal(y[i], 2.0f * (float)i, 0);
	}
	must(accel_stream_fill(stream, 1ull << 45, 8, 0, 8));
	assert_ret(-EFAULT, accel_stream_synchronize(stream, PATIENCE));
	assert_ret(-EFAULT, accel_model_run(theirs, stream, inputs, outputs));
	must(accel_model_run(ours, fixture->stream, inputs, outputs));
	accel_model_destroy(ours);
	accel_model_destroy(theirs);
	accel_stream_destroy(stream);
	accel_context_destroy(other);
}
