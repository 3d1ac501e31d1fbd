// SPDX-License-Identifier: MIT
/* One program for many sizes, against models that were compiled for each of them. */
#include <errno.h>
#include <math.h>

#include "lib/model.h"
#include "lib_device.h"

#define MAX	9u
#define WIDTH	6u
#define ROOM	4096u		/* elements of an input or output */

typedef void build_function(struct accel_graph *graph, uint64_t n);

static float weights[WIDTH * WIDTH * 9];

static uint32_t constant(struct accel_graph *graph, uint32_t rank, const uint64_t *shape)
{
	uint32_t tensor;

	must(accel_graph_add_constant(graph, "w", ACCEL_F32, rank, shape, weights, &tensor));
	return tensor;
}

/* A batch of images through a convolution, a pooling and a product with softmax. */
static void build_batch(struct accel_graph *graph, uint64_t n)
{
	const struct accel_window conv = { .stride = { 1, 1 }, .dilation = { 1, 1 }, .pad_begin = { 1, 1 },
					   .pad_end = { 1, 1 }, .groups = 1 };
	const struct accel_window pool = { .kernel = { 2, 2 }, .stride = { 2, 2 }, .dilation = { 1, 1 } };
	const uint64_t image[4] = { n, 2, 6, 6 }, kernel[4] = { 3, 2, 3, 3 }, flat[2] = { n, 27 };
	const uint64_t matrix[2] = { 27, 4 };
	uint32_t in, out;

	must(accel_graph_add_input(graph, "in", ACCEL_F32, 4, image, &in));
	must(accel_graph_conv(graph, ACI_TCS_UNARY_RELU, &conv, in, constant(graph, 4, kernel), 0, &out));
	must(accel_graph_pool(graph, ACI_TCS_OP_POOL_MAX, &pool, out, &out));
	must(accel_graph_reshape(graph, out, 2, flat, &out));
	must(accel_graph_matmul(graph, 0, out, constant(graph, 2, matrix), 0, &out));
	must(accel_graph_softmax(graph, 1, out, &out));
	must(accel_graph_add_output(graph, "out", out));
}

/*
 * Attention over a sequence, two heads: sizes are n and n squared, and strides and offsets
 * depend on n. The second output is not dense and is copied.
 */
static void build_sequence(struct accel_graph *graph, uint64_t n)
{
	const uint64_t rows[2] = { n, WIDTH }, heads[3] = { n, 2, WIDTH / 2 }, square[2] = { WIDTH, WIDTH };
	const uint32_t by_head[3] = { 1, 0, 2 }, keys[3] = { 1, 2, 0 }, turned[2] = { 1, 0 };
	const uint64_t last[2] = { n - 1, 0 }, one[2] = { 1, WIDTH };
	uint32_t in, w, q, k, scores, out, joined[2];

	must(accel_graph_add_input(graph, "in", ACCEL_F32, 2, rows, &in));
	w = constant(graph, 2, square);
	must(accel_graph_matmul(graph, 0, in, w, 0, &q));
	must(accel_graph_reshape(graph, q, 3, heads, &q));
	must(accel_graph_transpose(graph, q, keys, &k));
	must(accel_graph_transpose(graph, q, by_head, &q));
	must(accel_graph_matmul(graph, 0, q, k, 0, &scores));
	must(accel_graph_softmax(graph, 2, scores, &scores));
	must(accel_graph_matmul(graph, 0, scores, q, 0, &out));
	must(accel_graph_transpose(graph, out, by_head, &out));
	must(accel_graph_reshape(graph, out, 2, rows, &out));
	joined[0] = out;
	must(accel_graph_slice(graph, in, last, one, NULL, &joined[1]));
	must(accel_graph_concat(graph, 0, joined, 2, &out));
	must(accel_graph_add_output(graph, "out", out));
	must(accel_graph_transpose(graph, in, turned, &in));
	must(accel_graph_add_output(graph, "turned", in));
}

/* Every second row: how many that are is no polynomial. */
static void build_halves(struct accel_graph *graph, uint64_t n)
{
	const uint64_t rows[2] = { n, WIDTH }, begin[2] = { 0, 0 }, half[2] = { (n + 1) / 2, WIDTH };
	const int64_t step[2] = { 2, 1 };
	uint32_t in;

	must(accel_graph_add_input(graph, "in", ACCEL_F32, 2, rows, &in));
	must(accel_graph_slice(graph, in, begin, half, step, &in));
	must(accel_graph_add_output(graph, "out", in));
}

/* A parameter that depends on the size, as a mean made by hand has it. */
static void build_parameter(struct accel_graph *graph, uint64_t n)
{
	const uint64_t rows[2] = { n, WIDTH };
	uint32_t in;

	must(accel_graph_add_input(graph, "in", ACCEL_F32, 2, rows, &in));
	must(accel_graph_unary(graph, ACI_TCS_UNARY_LINEAR, 1.0f / (float)n, 0, in, &in));
	must(accel_graph_add_output(graph, "out", in));
}

/* A constant with as many elements. */
static void build_constant(struct accel_graph *graph, uint64_t n)
{
	const uint64_t rows[2] = { n, WIDTH }, column[2] = { n, 1 };
	uint32_t in, out;

	must(accel_graph_add_input(graph, "in", ACCEL_F32, 2, rows, &in));
	must(accel_graph_binary(graph, ACI_TCS_BINARY_ADD, in, constant(graph, 2, column), &out));
	must(accel_graph_add_output(graph, "out", out));
}

/* Rows that get fewer: memory for the largest size would not do. */
static void build_shrinking(struct accel_graph *graph, uint64_t n)
{
	const uint64_t rows[2] = { n, WIDTH }, left[1] = { 20 - n };
	const float zero = 0;
	uint32_t in, out;

	must(accel_graph_add_input(graph, "in", ACCEL_F32, 2, rows, &in));
	must(accel_graph_add_output(graph, "in", in));
	must(accel_graph_fill(graph, ACCEL_F32, 1, left, &zero, &out));
	must(accel_graph_add_output(graph, "out", out));
}

static int compile_sized(struct fixture *fixture, build_function *build, struct accel_model **model)
{
	struct vary *vary = calloc(1, sizeof(*vary));
	struct model_options options = { .vary = vary };
	struct accel_graph *graphs[VARY_SAMPLES];
	int ret;

	vary->max = MAX;
	for (uint32_t i = 0; i < VARY_SAMPLES; i++) {
		must(accel_graph_create(fixture->device, &graphs[i]));
		build(graphs[i], MAX - i);
		vary->graphs[i] = graphs[i];
	}
	ret = model_compile(graphs[0], fixture->context, &options, model);
	for (uint32_t i = 0; i < VARY_SAMPLES; i++)
		accel_graph_destroy(graphs[i]);
	if (ret)
		vary_free(vary);
	return ret;
}

static void run(struct fixture *fixture, struct accel_model *model, uint64_t size, const float *in,
		float outs[2][ROOM])
{
	const void *inputs[1] = { in };
	void *outputs[2] = { outs[0], outs[1] };

	memset(outs, 0x5a, 2 * ROOM * sizeof(float));
	must(accel_model_run_sized(model, fixture->stream, size, inputs, outputs, NULL));
}

/* In a jumbled order, so that what one size left in memory meets another. */
static void check_sizes(struct fixture *fixture, build_function *build)
{
	static float in[ROOM], expected[2][ROOM], found[2][ROOM];
	struct accel_model *sized, *fixed;
	struct accel_tensor_info info, same;
	struct accel_graph *graph;

	for (uint32_t i = 0; i < ROOM; i++)
		in[i] = random_float();
	for (uint32_t i = 0; i < sizeof(weights) / sizeof(weights[0]); i++)
		weights[i] = random_float();
	must(compile_sized(fixture, build, &sized));
	for (uint64_t round = 0; round < 2 * MAX; round++) {
		uint64_t n = 1 + round * 5 % MAX;

		must(accel_graph_create(fixture->device, &graph));
		build(graph, n);
		must(accel_model_compile(graph, fixture->context, &fixed));
		accel_graph_destroy(graph);
		must(accel_model_get_input(fixed, 0, &info));
		must(accel_model_get_input_sized(sized, 0, n, &same));
		assert_int_equal(info.bytes, same.bytes);
		for (uint32_t i = 0; i < accel_model_output_count(fixed); i++) {
			must(accel_model_get_output(fixed, i, &info));
			must(accel_model_get_output_sized(sized, i, n, &same));
			assert_true(info.bytes == same.bytes && info.rank == same.rank &&
				    !memcmp(info.shape, same.shape, info.rank * sizeof(info.shape[0])));
		}
		run(fixture, fixed, 1, in, expected);
		run(fixture, sized, n, in, found);
		for (uint32_t o = 0; o < 2; o++)
			for (uint32_t i = 0; i < ROOM; i++)
				if (memcmp(&found[o][i], &expected[o][i], sizeof(float)) &&
				    !(fabsf(found[o][i] - expected[o][i]) <= 1e-5f))
					fail_msg("size %llu, output %u, element %u: %g, not %g",
						 (unsigned long long)n, o, i, (double)found[o][i],
						 (double)expected[o][i]);
		accel_model_destroy(fixed);
	}
	accel_model_destroy(sized);
}

void test_sized_batch(void **state)
{
	struct fixture *fixture = *state;
	struct accel_stream_stats before, after;
	struct accel_model_stats stats;
	static float in[ROOM], out[2][ROOM];
	struct accel_model *model;

	require_compute(fixture);
	check_sizes(fixture, build_batch);
	/* What is not there is not computed: the card counts so. */
	must(compile_sized(fixture, build_batch, &model));
	must(accel_model_get_stats(model, &stats));
	must(accel_stream_get_stats(fixture->stream, &before));
	run(fixture, model, 3, in, out);
	must(accel_stream_get_stats(fixture->stream, &after));
	assert_int_equal((after.macs - before.macs) * MAX, stats.macs * 3);
	accel_model_destroy(model);
}

void test_sized_sequence(void **state)
{
	require_compute(*state);
	check_sizes(*state, build_sequence);
}

void test_sized_errors(void **state)
{
	struct fixture *fixture = *state;
	static float in[ROOM], out[ROOM];
	const void *inputs[1] = { in };
	void *outputs[1] = { out };
	struct accel_tensor_info info;
	struct accel_model *model;

	require_compute(fixture);
	assert_ret(-ENOTSUP, compile_sized(fixture, build_halves, &model));
	assert_text("no polynomial");
	assert_ret(-ENOTSUP, compile_sized(fixture, build_parameter, &model));
	assert_text("operation 0 (unary)");
	assert_ret(-ENOTSUP, compile_sized(fixture, build_constant, &model));
	assert_text("a constant");
	assert_ret(-ENOTSUP, compile_sized(fixture, build_shrinking, &model));
	assert_text("does not grow");
	must(compile_sized(fixture, build_batch, &model));
	assert_ret(-EINVAL, accel_model_run_sized(model, fixture->stream, 0, inputs, outputs, NULL));
	assert_ret(-EINVAL, accel_model_run_sized(model, fixture->stream, MAX + 1, inputs, outputs, NULL));
	assert_text("1 to 9");
	assert_ret(-EINVAL, accel_model_get_input_sized(model, 0, MAX + 1, &info));
	assert_ret(-EINVAL, accel_model_get_output_sized(model, 1, 1, &info));
	assert_ret(-ENOTSUP, accel_model_save(model, "/tmp/x"));
	accel_model_destroy(model);
}
