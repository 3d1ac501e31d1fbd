// SPDX-License-Identifier: MIT
/* Graphs, against the plainest code that computes the same. */
#include <errno.h>
#include <math.h>

#include "lib_device_net.h"

static void assert_close(float have, double want, const char *what)
{
	double error = fabs((double)have - want);

	if (!(error <= 1e-5 + 1e-5 * fabs(want)))
		fail_msg("%s: %.9g, not %.9g", what, (double)have, want);
}

static double unary(uint32_t function, double x, double alpha, double beta)
{
	switch (function) {
	case ACI_TCS_UNARY_IDENTITY: return x;
	case ACI_TCS_UNARY_RELU: return x > 0 ? x : 0;
	case ACI_TCS_UNARY_SIGMOID: return 1 / (1 + exp(-x));
	case ACI_TCS_UNARY_TANH: return tanh(x);
	case ACI_TCS_UNARY_EXP: return exp(x);
	case ACI_TCS_UNARY_LOG: return log(x);
	case ACI_TCS_UNARY_SQRT: return sqrt(x);
	case ACI_TCS_UNARY_ABS: return fabs(x);
	case ACI_TCS_UNARY_NEG: return -x;
	case ACI_TCS_UNARY_RECIPROCAL: return 1 / x;
	case ACI_TCS_UNARY_FLOOR: return floor(x);
	case ACI_TCS_UNARY_CEIL: return ceil(x);
	case ACI_TCS_UNARY_ROUND: return rint(x);
	case ACI_TCS_UNARY_ERF: return erf(x);
	case ACI_TCS_UNARY_GELU: return x * 0.5 * (1 + erf(x / sqrt(2)));
	case ACI_TCS_UNARY_LEAKY_RELU: return x < 0 ? alpha * x : x;
	case ACI_TCS_UNARY_ELU: return x < 0 ? alpha * (exp(x) - 1) : x;
	case ACI_TCS_UNARY_CLIP: return fmin(fmax(x, alpha), beta);
	case ACI_TCS_UNARY_LINEAR: return alpha * x + beta;
	}
	return NAN;
}

void test_graph_unary(void **state)
{
	const uint64_t shape[3] = { 2, 3, 7 };

	for (uint32_t function = 0; function <= ACI_TCS_UNARY_LINEAR; function++) {
		struct net net = net_begin(*state);
		uint32_t in = net_input(&net, ACCEL_F32, 3, shape), out;
		float *x = net_floats(&net, 0), *y;
		uint64_t count;
		char name[32];

		for (int i = 0; i < 42; i++)
			if (function == ACI_TCS_UNARY_LOG || function == ACI_TCS_UNARY_SQRT)
				x[i] = fabsf(x[i]) + 0.1f;
			else if (function == ACI_TCS_UNARY_RECIPROCAL && fabsf(x[i]) < 0.1f)
				x[i] = 0.5f;
		must(accel_graph_unary(net.graph, function, 0.25f, 0.75f, in, &out));
		y = net_run_from(&net, out, &count);
		snprintf(name, sizeof(name), "function %u", function);
		assert_int_equal(count, 42);
		for (int i = 0; i < 42; i++)
			assert_close(y[i], unary(function, x[i], 0.25, 0.75), name);
		free(y);
		net_end(&net);
	}
}

/* [4,1,3] with [5,1] is [4,5,3] */
void test_graph_binary(void **state)
{
	const uint64_t shape_a[3] = { 4, 1, 3 }, shape_b[2] = { 5, 1 };

	for (uint32_t function = 0; function <= ACI_TCS_BINARY_MAX; function++) {
		struct net net = net_begin(*state);
		uint32_t a = net_input(&net, ACCEL_F32, 3, shape_a),
			 b = net_input(&net, ACCEL_F32, 2, shape_b), out;
		uint64_t count;
		float *y;

		for (int i = 0; i < 5; i++)
			net_floats(&net, 1)[i] += net_floats(&net, 1)[i] < 0 ? -1 : 1;
		must(accel_graph_binary(net.graph, function, a, b, &out));
		y = net_run_from(&net, out, &count);
		assert_int_equal(count, 60);
		for (int i = 0; i < 60; i++) {
			double p = net_floats(&net, 0)[i / 15 * 3 + i % 3],
			       q = net_floats(&net, 1)[i / 3 % 5];
			const double want[] = {
				p + q, p - q, p * q, p / q, fmin(p, q), fmax(p, q)
			};

			assert_close(y[i], want[function], "binary");
		}
		free(y);
		net_end(&net);
	}
}

/* Batches broadcast, operands are transposed by their strides. */
void test_graph_matmul(void **state)
{
	const uint64_t shape_a[3] = { 3, 6, 5 }, shape_b[2] = { 7, 6 };
	const uint32_t flip_a[3] = { 0, 2, 1 }, flip_b[2] = { 1, 0 };
	struct net net = net_begin(*state);
	uint32_t a = net_input(&net, ACCEL_F32, 3, shape_a),
		 b = net_input(&net, ACCEL_F32, 2, shape_b), out;
	uint64_t count;
	float *y;

	must(accel_graph_transpose(net.graph, a, flip_a, &a));
	must(accel_graph_transpose(net.graph, b, flip_b, &b));
	must(accel_graph_matmul(net.graph, ACI_TCS_UNARY_RELU, a, b, ACCEL_TENSOR_NONE, &out));
	y = net_run_from(&net, out, &count);
	assert_int_equal(count, 3 * 5 * 7);
	for (int n = 0; n < 3; n++)
		for (int i = 0; i < 5; i++)
			for (int j = 0; j < 7; j++) {
				double sum = 0;

				for (int k = 0; k < 6; k++)
					sum += (double)net_floats(&net, 0)[n * 30 + k * 5 + i] *
					       net_floats(&net, 1)[j * 6 + k];
				assert_close(y[(n * 5 + i) * 7 + j], sum > 0 ? sum : 0, "matmul");
			}
	free(y);
	net_end(&net);
}

/* A bias of [N], [M,N], [M,1], [1,N] and one element. */
void test_graph_matmul_bias(void **state)
{
	const uint64_t shape_a[2] = { 3, 4 }, shape_b[2] = { 4, 5 };
	const struct { uint32_t rank; uint64_t shape[2];
	} biases[] = {
		{ 1, { 5 } },	 { 2, { 3, 5 } }, { 2, { 3, 1 } },
		{ 2, { 1, 5 } }, { 1, { 1 } },	  { 0, { 0 } },
	};

	for (size_t n = 0; n < sizeof(biases) / sizeof(biases[0]); n++) {
		struct net net = net_begin(*state);
		uint32_t a = net_input(&net, ACCEL_F32, 2, shape_a),
			 b = net_input(&net, ACCEL_F32, 2, shape_b);
		uint32_t bias = net_input(&net, ACCEL_F32, biases[n].rank, biases[n].shape), out;
		uint64_t count, rows = biases[n].rank == 2 ? biases[n].shape[0] : 1;
		uint64_t columns = biases[n].rank ? biases[n].shape[biases[n].rank - 1] : 1;
		float *y;

		must(accel_graph_matmul(net.graph, 0, a, b, bias, &out));
		y = net_run_from(&net, out, &count);
		for (uint64_t i = 0; i < 3; i++)
			for (uint64_t j = 0; j < 5; j++) {
				double sum = net_floats(&net, 2)[(rows == 1 ? 0 : i) * columns +
								 (columns == 1 ? 0 : j)];

				for (uint64_t k = 0; k < 4; k++)
					sum += (double)net_floats(&net, 0)[i * 4 + k] *
					       net_floats(&net, 1)[k * 5 + j];
				assert_close(y[i * 5 + j], sum, "bias");
			}
		free(y);
		net_end(&net);
	}
}

static double conv_at(const float *in, const float *weights, const struct accel_window *w,
		      const uint64_t *is, const uint64_t *ws, uint64_t n, uint64_t o, int64_t row,
		      int64_t column)
{
	uint64_t group = o / (ws[0] / w->groups);
	double sum = 0;

	for (uint64_t c = 0; c < ws[1]; c++)
		for (uint64_t y = 0; y < ws[2]; y++)
			for (uint64_t x = 0; x < ws[3]; x++) {
				int64_t r = row * w->stride[0] + (int64_t)(y * w->dilation[0]) -
					    w->pad_begin[0];
				int64_t s = column * w->stride[1] + (int64_t)(x * w->dilation[1]) -
					    w->pad_begin[1];

				if (r < 0 || s < 0 || r >= (int64_t)is[2] || s >= (int64_t)is[3])
					continue;
				sum += (double)in[((n * is[1] + group * ws[1] + c) * is[2] +
						   (uint64_t)r) *
							  is[3] +
						  (uint64_t)s] *
				       weights[((o * ws[1] + c) * ws[2] + y) * ws[3] + x];
			}
	return sum;
}

void test_graph_conv(void **state)
{
	const struct accel_window windows[] = {
		{ .stride = { 1, 1 }, .dilation = { 1, 1 }, .groups = 1 },
		{ .stride = { 2, 1 },
		  .dilation = { 1, 2 },
		  .pad_begin = { 1, 2 },
		  .pad_end = { 0, 1 },
		  .groups = 2 },
		{ .stride = { 1, 3 },
		  .dilation = { 2, 1 },
		  .pad_begin = { 2, 0 },
		  .pad_end = { 2, 2 },
		  .groups = 4 },
	};

	for (int n = 0; n < 3; n++) {
		const struct accel_window *w = &windows[n];
		const uint64_t is[4] = { 2, 4, 7, 8 }, ws[4] = { 8, 4 / w->groups, 3, 2 },
			       bs[1] = { 8 };
		struct net net = net_begin(*state);
		uint32_t in = net_input(&net, ACCEL_F32, 4, is),
			 weights = net_input(&net, ACCEL_F32, 4, ws);
		uint32_t bias = net_input(&net, ACCEL_F32, 1, bs), out, rank;
		uint64_t os[ACCEL_RANK_MAX], count;
		enum accel_type type;
		float *y;

		must(accel_graph_conv(net.graph, 0, w, in, weights, bias, &out));
		must(accel_graph_get_tensor(net.graph, out, &type, &rank, os));
		y = net_run_from(&net, out, &count);
		for (uint64_t i = 0; i < count; i++) {
			uint64_t o = i / (os[2] * os[3]) % os[1],
				 image = i / (os[1] * os[2] * os[3]);

			assert_close(y[i],
				     net_floats(&net, 2)[o] +
					     conv_at(net_floats(&net, 0), net_floats(&net, 1), w,
						     is, ws, image, o, (int64_t)(i / os[3] % os[2]),
						     (int64_t)(i % os[3])),
				     "conv");
		}
		free(y);
		net_end(&net);
	}
}

static double pool_at(const float *in, const struct accel_window *w, bool max, int64_t height,
		      int64_t width, int64_t row, int64_t column)
{
	double best = -INFINITY, sum = 0;
	int taps = 0;

	for (int64_t y = 0; y < w->kernel[0]; y++)
		for (int64_t x = 0; x < w->kernel[1]; x++) {
			int64_t r = row * w->stride[0] + y * w->dilation[0] - w->pad_begin[0];
			int64_t s = column * w->stride[1] + x * w->dilation[1] - w->pad_begin[1];

			if (r < 0 || s < 0 || r >= height || s >= width)
				continue;
			best = fmax(best, in[r * width + s]);
			sum += in[r * width + s];
			taps++;
		}
	return max ? best : sum / (w->count_padding ? (int)(w->kernel[0] * w->kernel[1]) : taps);
}

void test_graph_pool(void **state)
{
	struct accel_window w = {
		.kernel = { 3, 2 },
		.stride = { 2, 2 },
		.dilation = { 1, 1 },
		.pad_begin = { 1, 0 },
		.pad_end = { 1, 1 },
	};
	const uint64_t is[4] = { 1, 3, 6, 5 };

	for (int n = 0; n < 3; n++) {
		bool max = n == 0;
		struct net net = net_begin(*state);
		uint32_t in = net_input(&net, ACCEL_F32, 4, is), out, rank;
		uint64_t os[ACCEL_RANK_MAX], count;
		enum accel_type type;
		float *y;

		w.count_padding = n == 2;
		must(accel_graph_pool(net.graph, max ? ACI_TCS_OP_POOL_MAX : ACI_TCS_OP_POOL_AVG,
				      &w, in, &out));
		must(accel_graph_get_tensor(net.graph, out, &type, &rank, os));
		y = net_run_from(&net, out, &count);
		for (uint64_t i = 0; i < count; i++)
			assert_close(y[i],
				     pool_at(net_floats(&net, 0) + i / (os[2] * os[3]) * 30, &w,
					     max, 6, 5, (int64_t)(i / os[3] % os[2]),
					     (int64_t)(i % os[3])),
				     "pool");
		free(y);
		net_end(&net);
	}
}

void test_graph_softmax(void **state)
{
	const uint64_t shape[3] = { 3, 4, 5 };

	for (uint32_t axis = 0; axis < 3; axis++) {
		struct net net = net_begin(*state);
		uint32_t in = net_input(&net, ACCEL_F32, 3, shape), out;
		const uint64_t step[3] = { 20, 5, 1 };
		uint64_t count;
		float *y;

		must(accel_graph_softmax(net.graph, axis, in, &out));
		y = net_run_from(&net, out, &count);
		for (uint64_t i = 0; i < 60; i++) {
			uint64_t start = i - i / step[axis] % shape[axis] * step[axis];
			double sum = 0;

			for (uint64_t k = 0; k < shape[axis]; k++)
				sum += exp(net_floats(&net, 0)[start + k * step[axis]]);
			assert_close(y[i], exp(net_floats(&net, 0)[i]) / sum, "softmax");
		}
		free(y);
		net_end(&net);
	}
}

void test_graph_convert(void **state)
{
	struct net net = net_begin(*state);
	const uint64_t shape[1] = { 256 };
	uint32_t in = net_input(&net, ACCEL_U8, 1, shape), same, wide, out;
	uint64_t count;
	int64_t *y;

	must(accel_graph_convert(net.graph, ACCEL_U8, in, &same));
	assert_int_equal(same, in);
	must(accel_graph_convert(net.graph, ACCEL_F32, in, &wide));
	must(accel_graph_convert(net.graph, ACCEL_I64, wide, &out));
	y = net_run_from(&net, out, &count);
	for (int i = 0; i < 256; i++)
		assert_int_equal(y[i], ((uint8_t *)net.inputs[0])[i]);
	free(y);
	net_end(&net);
}

/* slice of a transposed, broadcast tensor, backwards */
void test_graph_views(void **state)
{
	struct net net = net_begin(*state);
	const uint64_t shape[3] = { 2, 1, 6 }, wide[4] = { 2, 2, 4, 6 };
	const uint32_t permutation[4] = { 3, 1, 0, 2 };
	const uint64_t begin[4] = { 5, 0, 1, 3 }, size[4] = { 3, 2, 2, 2 };
	const int64_t step[4] = { -2, 1, -1, -3 };
	uint32_t in = net_input(&net, ACCEL_F32, 3, shape), out;
	uint64_t count;
	float *y;

	must(accel_graph_broadcast(net.graph, in, 4, wide, &out));
	must(accel_graph_transpose(net.graph, out, permutation, &out));
	must(accel_graph_slice(net.graph, out, begin, size, step, &out));
	y = net_run_from(&net, out, &count);
	assert_int_equal(count, 24);
	for (int i = 0; i < 24; i++) {
		/* [6][2][2][4] of wide[2][2][4][6], which repeats [2][1][6] */
		int w = 5 - 2 * (i / 8), b = i / 4 % 2;

		assert_float_equal(y[i], net_floats(&net, 0)[b * 6 + w], 0);
	}
	free(y);
	net_end(&net);
}

/* Random transpositions and slices before a reshape: the elements keep their order. */
void test_graph_reshape_random(void **state)
{
	for (int round = 0; round < 40; round++) {
		struct net net = net_begin(*state);
		const uint64_t shape[4] = { 2, 6, 1, 4 };
		const uint64_t targets[][4] = {
			{ 48, 1, 1, 1 }, { 3, 16, 1, 1 }, { 1, 12, 2, 2 },
			{ 4, 1, 12, 1 }, { 2, 2, 3, 4 },  { 8, 6, 1, 1 },
		};
		uint32_t permutation[4] = { 0, 1, 2, 3 }, in = net_input(&net, ACCEL_F32, 4, shape),
			 out;
		const uint64_t strides[4] = { 24, 4, 4, 1 };
		const uint64_t *target = targets[random_u32() % 6];
		uint64_t count;
		float *y;

		for (uint32_t i = 4; i-- > 1;) {
			uint32_t j = random_u32() % (i + 1), swap = permutation[i];

			permutation[i] = permutation[j];
			permutation[j] = swap;
		}
		must(accel_graph_transpose(net.graph, in, permutation, &out));
		must(accel_graph_reshape(net.graph, out, 4, target, &out));
		must(accel_graph_unary(net.graph, ACI_TCS_UNARY_NEG, 0, 0, out, &out));
		y = net_run_from(&net, out, &count);
		assert_int_equal(count, 48);
		for (uint64_t i = 0; i < 48; i++) {
			uint64_t rest = i, at = 0;

			for (int d = 3; d >= 0; d--) {
				at += rest % shape[permutation[d]] * strides[permutation[d]];
				rest /= shape[permutation[d]];
			}
			assert_float_equal(y[i], -net_floats(&net, 0)[at], 0);
		}
		free(y);
		net_end(&net);
	}
}

void test_graph_concat(void **state)
{
	struct net net = net_begin(*state);
	const uint64_t shape_a[3] = { 2, 3, 4 }, shape_b[3] = { 2, 1, 4 };
	uint32_t a = net_input(&net, ACCEL_F32, 3, shape_a),
		 b = net_input(&net, ACCEL_F32, 3, shape_b), out;
	uint32_t parts[3] = { a, b, a };
	uint64_t count;
	float *y;

	must(accel_graph_concat(net.graph, 1, parts, 3, &out));
	y = net_run_from(&net, out, &count);
	assert_int_equal(count, 2 * 7 * 4);
	for (int n = 0; n < 2; n++)
		for (int i = 0; i < 7; i++)
			for (int k = 0; k < 4; k++) {
				float want = i == 3 ? net_floats(&net, 1)[n * 4 + k]
						    : net_floats(&net, 0)[n * 12 + i % 4 * 4 + k];

				assert_float_equal(y[(n * 7 + i) * 4 + k], want, 0);
			}
	free(y);
	net_end(&net);
}

void test_graph_int8(void **state)
{
	struct net net = net_begin(*state);
	const uint64_t shape_a[2] = { 9, 70 }, shape_b[2] = { 70, 11 };
	uint32_t a = net_input(&net, ACCEL_I8, 2, shape_a),
		 b = net_input(&net, ACCEL_I8, 2, shape_b), out;
	uint64_t count;
	int32_t *y;

	must(accel_graph_matmul(net.graph, 0, a, b, ACCEL_TENSOR_NONE, &out));
	y = net_run_from(&net, out, &count);
	for (int i = 0; i < 9; i++)
		for (int j = 0; j < 11; j++) {
			int32_t sum = 0;

			for (int k = 0; k < 70; k++)
				sum += ((int8_t *)net.inputs[0])[i * 70 + k] *
				       ((int8_t *)net.inputs[1])[k * 11 + j];
			assert_int_equal(y[i * 11 + j], sum);
		}
	free(y);
	net_end(&net);
}

/* Outputs that are inputs, constants, views, or each other; inputs that nobody reads. */
void test_graph_outputs(void **state)
{
	struct net net = net_begin(*state);
	const uint64_t shape[2] = { 3, 2 };
	const float constant[6] = { 1, 2, 3, 4, 5, 6 };
	const uint32_t flip[2] = { 1, 0 };
	uint32_t x = net_input(&net, ACCEL_F32, 2, shape), turned, c, sum,
		 unused = net_input(&net, ACCEL_F32, 2, shape);
	float y[5][6];
	void *outputs[5] = { y[0], y[1], y[2], y[3], y[4] };
	struct accel_model_stats stats;
	struct accel_model *model;

	(void)unused;
	must(accel_graph_add_constant(net.graph, "c", ACCEL_F32, 2, shape, constant, &c));
	must(accel_graph_transpose(net.graph, x, flip, &turned));
	must(accel_graph_binary(net.graph, ACI_TCS_BINARY_ADD, x, c, &sum));
	must(accel_graph_add_output(net.graph, "input", x));
	must(accel_graph_add_output(net.graph, "constant", c));
	must(accel_graph_add_output(net.graph, "turned", turned));
	must(accel_graph_add_output(net.graph, "sum", sum));
	must(accel_graph_add_output(net.graph, "sum again", sum));
	must(accel_model_compile(net.graph, net.fixture->context, &model));
	accel_graph_destroy(net.graph);
	must(accel_model_run(model, net.fixture->stream, (const void *const *)net.inputs, outputs));
	for (int i = 0; i < 6; i++) {
		assert_float_equal(y[0][i], net_floats(&net, 0)[i], 0);
		assert_float_equal(y[1][i], constant[i], 0);
		assert_float_equal(y[2][i], net_floats(&net, 0)[i % 3 * 2 + i / 3], 0);
		assert_float_equal(y[3][i], net_floats(&net, 0)[i] + constant[i], 0);
		assert_float_equal(y[4][i], y[3][i], 0);
	}
	must(accel_model_get_stats(model, &stats));
	assert_int_equal(stats.card_operations, 3);	/* the sum and two copies */
	accel_model_destroy(model);
	net_end(&net);
}

void test_graph_errors(void **state)
{
	struct net net = net_begin(*state);
	struct accel_graph *graph = net.graph;
	const uint64_t shape[2] = { 3, 4 }, other[2] = { 5, 7 }, shape4[4] = { 1, 1, 2, 2 },
		       empty[1] = { 0 };
	const uint64_t begin[2] = { 0, 3 }, past[2] = { 3, 0 }, size[2] = { 3, 2 };
	const uint32_t twice[2] = { 1, 1 }, big[2] = { 0, 2 };
	const struct accel_window large = {
		.kernel = { 3, 3 }, .stride = { 1, 1 }, .dilation = { 1, 1 }, .groups = 1,
	};
	uint32_t a = net_input(&net, ACCEL_F32, 2, shape), b = net_input(&net, ACCEL_F32, 2, other),
		 out = 7;
	uint32_t i4 = net_input(&net, ACCEL_F32, 4, shape4),
		 i = net_input(&net, ACCEL_I32, 2, shape);
	uint32_t mixed[2] = { a, i }, unequal[2] = { a, b };
	struct accel_model *model;

	assert_ret(-EINVAL, accel_graph_create(NULL, &graph));
	graph = net.graph;
	assert_ret(-EINVAL, accel_graph_add_input(graph, "x", (enum accel_type)77, 2, shape, &out));
	assert_ret(-EINVAL, accel_graph_add_input(graph, "x", ACCEL_F32, 1, empty, &out));
	assert_ret(-EINVAL, accel_graph_add_input(graph, "x", ACCEL_F32, 9, shape, &out));
	assert_ret(-EINVAL, accel_graph_add_constant(graph, "x", ACCEL_F32, 2, shape, NULL, &out));
	assert_ret(-EINVAL, accel_graph_add_output(graph, "x", 0));
	assert_ret(-EINVAL, accel_graph_add_output(graph, "x", 1000));
	assert_ret(-EINVAL, accel_graph_get_tensor(graph, 1000, NULL, NULL, NULL));
	assert_ret(-EINVAL, accel_graph_unary(graph, 0, 0, 0, 0, &out));
	assert_int_equal(out, ACCEL_TENSOR_NONE);
	assert_ret(-EINVAL, accel_graph_unary(NULL, 0, 0, 0, a, &out));
	assert_ret(-EINVAL, accel_graph_unary(graph, 0, 0, 0, a, NULL));
	assert_ret(-ENOTSUP, accel_graph_unary(graph, 200, 0, 0, a, &out));
	assert_text("\"in\"");
	assert_ret(-ENOTSUP, accel_graph_unary(graph, ACI_TCS_UNARY_TANH, 0, 0, i, &out));
	assert_ret(-EINVAL, accel_graph_binary(graph, 0, a, b, &out));
	assert_ret(-ENOTSUP, accel_graph_binary(graph, 0, a, i, &out));
	assert_ret(-EINVAL, accel_graph_softmax(graph, 2, a, &out));
	assert_ret(-EINVAL, accel_graph_matmul(graph, 0, a, b, 0, &out));
	assert_ret(-EINVAL, accel_graph_matmul(graph, 0, a, 999, 0, &out));
	assert_ret(-EINVAL, accel_graph_conv(graph, 0, NULL, i4, i4, 0, &out));
	assert_ret(-EINVAL, accel_graph_conv(graph, 0, &large, a, i4, 0, &out));
	assert_ret(-EINVAL, accel_graph_conv(graph, 0, &large, i4, i4, 999, &out));
	assert_ret(-EINVAL, accel_graph_pool(graph, ACI_TCS_OP_POOL_MAX, &large, i4, &out));
	assert_ret(-EINVAL, accel_graph_pool(graph, 0, &large, i4, &out));
	assert_ret(-ENOTSUP, accel_graph_convert(graph, (enum accel_type)4, a, &out) == -EINVAL
				     ? -ENOTSUP
				     : 0);
	assert_ret(-EINVAL, accel_graph_reshape(graph, a, 2, other, &out));
	assert_ret(-EINVAL, accel_graph_reshape(graph, a, 9, other, &out));
	assert_ret(-EINVAL, accel_graph_transpose(graph, a, twice, &out));
	assert_ret(-EINVAL, accel_graph_transpose(graph, a, big, &out));
	assert_ret(-EINVAL, accel_graph_broadcast(graph, a, 2, other, &out));
	assert_ret(-EINVAL, accel_graph_broadcast(graph, a, 1, other, &out));
	assert_ret(-EINVAL, accel_graph_slice(graph, a, begin, size, NULL, &out));
	assert_ret(-EINVAL, accel_graph_slice(graph, a, past, size, NULL, &out));
	assert_ret(-EINVAL, accel_graph_slice(graph, a, NULL, size, NULL, &out));
	assert_ret(-EINVAL, accel_graph_concat(graph, 0, mixed, 2, &out));
	assert_ret(-EINVAL, accel_graph_concat(graph, 0, unequal, 2, &out));
	assert_ret(-EINVAL, accel_graph_concat(graph, 2, &a, 1, &out));
	assert_ret(-EINVAL, accel_graph_concat(graph, 0, &a, 0, &out));
	assert_ret(-EINVAL, accel_model_compile(graph, net.fixture->context, &model));
	assert_text("no output");
	assert_ret(-EINVAL, accel_model_compile(NULL, net.fixture->context, &model));
	accel_graph_destroy(graph);
	accel_graph_destroy(NULL);
	net_end(&net);
}
