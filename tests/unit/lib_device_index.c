// SPDX-License-Identifier: MIT
/* Operations on rows, by indices, and fillings, against the plainest code that computes the same. */
#include <errno.h>
#include <math.h>

#include "lib_device_net.h"

static void assert_close(float have, double want)
{
	if (!(fabs((double)have - want) <= 1e-5 + 1e-5 * fabs(want)))
		fail_msg("%.9g, not %.9g", (double)have, want);
}

static uint32_t index_constant(struct net *net, uint32_t rank, const uint64_t *shape,
			       const int64_t *indices)
{
	uint32_t tensor;

	must(accel_graph_add_constant(net->graph, "indices", ACCEL_I64, rank, shape, indices,
				      &tensor));
	return tensor;
}

/* Rows 3, 0 and, counted from the end, 4 of the middle dimension. */
void test_graph_gather(void **state)
{
	const uint64_t shape[3] = { 2, 5, 3 }, places[4] = { 1, 3, 1, 1 };
	const int64_t rows[3] = { 3, 0, -1 };
	struct net net = net_begin(*state);
	uint32_t in = net_input(&net, ACCEL_F32, 3, shape), out;
	uint64_t count;
	float *y;

	must(accel_graph_gather(net.graph, 1, 1, in, index_constant(&net, 4, places, rows), &out));
	y = net_run_from(&net, out, &count);
	assert_int_equal(count, 18);
	for (uint64_t i = 0; i < count; i++) {
		int64_t row = rows[i / 3 % 3];

		row = row < 0 ? row + 5 : row;
		assert_float_equal(y[i], net_floats(&net, 0)[i / 9 * 15 + (uint64_t)row * 3 + i % 3], 0);
	}
	free(y);
	net_end(&net);
}

/* Pairs of indices pick elements of the first two dimensions. */
void test_graph_gather_pairs(void **state)
{
	const uint64_t shape[3] = { 4, 5, 2 }, places[3] = { 3, 1, 2 };
	const int64_t pairs[6] = { 0, 4, 3, 1, -2, -5 };
	struct net net = net_begin(*state);
	uint32_t in = net_input(&net, ACCEL_F32, 3, shape), out;
	const uint64_t from[3] = { 4, 16, 10 };
	uint64_t count;
	float *y;

	must(accel_graph_gather(net.graph, 0, 2, in, index_constant(&net, 3, places, pairs), &out));
	y = net_run_from(&net, out, &count);
	assert_int_equal(count, 6);
	for (uint64_t i = 0; i < count; i++)
		assert_float_equal(y[i], net_floats(&net, 0)[from[i / 2] * 2 + i % 2], 0);
	free(y);
	net_end(&net);
}

/* Two updates of one place take effect in their order; the rest of the data stays. */
void test_graph_scatter(void **state)
{
	const uint64_t shape[2] = { 4, 3 }, part[2] = { 3, 2 }, places[3] = { 3, 1, 1 };
	const int64_t rows[3] = { 2, 0, 2 };

	for (uint32_t function = 0; function <= ACI_TCS_SCATTER_MAX; function++) {
		struct net net = net_begin(*state);
		uint32_t data = net_input(&net, ACCEL_F32, 2, shape);
		uint32_t in = net_input(&net, ACCEL_F32, 2, part), out;
		float expected[12], *y;
		uint64_t count;

		memcpy(expected, net_floats(&net, 0), sizeof(expected));
		for (int i = 0; i < 6; i++) {
			float *at = &expected[rows[i / 2] * 3 + i % 2], x = net_floats(&net, 1)[i];
			const float made[] = { x, *at + x, *at * x, fminf(*at, x), fmaxf(*at, x) };

			*at = made[function];
		}
		must(accel_graph_scatter(net.graph, function, 0, 1, data, in,
					 index_constant(&net, 3, places, rows), &out));
		y = net_run_from(&net, out, &count);
		assert_int_equal(count, 12);
		for (int i = 0; i < 12; i++)
			assert_close(y[i], expected[i]);
		free(y);
		net_end(&net);
	}
}

/* Either output alone keeps the operation alive, and both have the same order. */
void test_graph_top_k(void **state)
{
	const uint64_t shape[2] = { 6, 2 };

	for (int variant = 0; variant < 4; variant++) {
		struct net net = net_begin(*state);
		uint32_t in = net_input(&net, ACCEL_F32, 2, shape), out, indices;
		float *x = net_floats(&net, 0);
		bool least = variant & 1;
		uint64_t count;
		float *y;

		for (int i = 0; i < 12; i++)
			x[i] = (float)(i * 5 % 7);
		must(accel_graph_top_k(net.graph, 0, least, 3, in, &out, &indices));
		if (variant & 2)
			must(accel_graph_convert(net.graph, ACCEL_F32, indices, &out));
		y = net_run_from(&net, out, &count);
		assert_int_equal(count, 6);
		for (int place = 0; place < 6; place++) {
			int column = place % 2;

			for (int i = 0; i < 6; i++) {
				int before = 0;

				for (int k = 0; k < 6; k++) {
					float a = x[k * 2 + column], b = x[i * 2 + column];

					before += (least ? a < b : a > b) || (a == b && k < i);
				}
				if (before == place / 2)
					assert_close(y[place], variant & 2 ? i : x[i * 2 + column]);
			}
		}
		free(y);
		net_end(&net);
	}
}

void test_graph_cumulate(void **state)
{
	const uint64_t shape[2] = { 5, 3 };

	for (int exclusive = 0; exclusive < 2; exclusive++) {
		struct net net = net_begin(*state);
		uint32_t in = net_input(&net, ACCEL_F32, 2, shape), out;
		uint64_t count;
		float *y;

		must(accel_graph_cumulate(net.graph, ACI_TCS_CUMULATE_SUM, 0, exclusive, in, &out));
		y = net_run_from(&net, out, &count);
		assert_int_equal(count, 15);
		for (int i = 0; i < 15; i++) {
			double sum = 0;

			for (int k = i % 3; exclusive ? k < i : k <= i; k += 3)
				sum += net_floats(&net, 0)[k];
			assert_close(y[i], sum);
		}
		free(y);
		net_end(&net);
	}
}

/* With and without scale and bias, of the kind that networks have: one per channel. */
void test_graph_normalise(void **state)
{
	const uint64_t shape[3] = { 2, 3, 4 }, channels[2] = { 3, 1 };

	for (int variant = 0; variant < 4; variant++) {
		uint32_t function = variant & 1 ? ACI_TCS_NORMALISE_RMS : ACI_TCS_NORMALISE_MEAN_VARIANCE;
		struct net net = net_begin(*state);
		uint32_t in = net_input(&net, ACCEL_F32, 3, shape), out;
		uint32_t scale = net_input(&net, ACCEL_F32, 2, channels);
		uint32_t bias = net_input(&net, ACCEL_F32, 2, channels);
		bool plain = variant & 2;
		uint64_t count;
		float *y;

		must(accel_graph_normalise(net.graph, function, 4, 1e-3f, in,
					   plain ? ACCEL_TENSOR_NONE : scale,
					   plain ? ACCEL_TENSOR_NONE : bias, &out));
		y = net_run_from(&net, out, &count);
		assert_int_equal(count, 24);
		for (int i = 0; i < 24; i++) {
			const float *row = net_floats(&net, 0) + i / 4 * 4;
			double mean = 0, squares = 0, want;

			for (int k = 0; k < 4 && function == ACI_TCS_NORMALISE_MEAN_VARIANCE; k++)
				mean += row[k] / 4.0;
			for (int k = 0; k < 4; k++)
				squares += (row[k] - mean) * (row[k] - mean) / 4;
			want = (row[i % 4] - mean) / sqrt(squares + 1e-3);
			if (!plain)
				want = want * net_floats(&net, 1)[i / 4 % 3] +
				       net_floats(&net, 2)[i / 4 % 3];
			assert_close(y[i], want);
		}
		free(y);
		net_end(&net);
	}
}

void test_graph_log_softmax(void **state)
{
	const uint64_t shape[2] = { 3, 7 };
	struct net net = net_begin(*state);
	uint32_t in = net_input(&net, ACCEL_F32, 2, shape), out;
	uint64_t count;
	float *y;

	must(accel_graph_log_softmax(net.graph, 1, in, &out));
	y = net_run_from(&net, out, &count);
	assert_int_equal(count, 21);
	for (int i = 0; i < 21; i++) {
		const float *row = net_floats(&net, 0) + i / 7 * 7;
		double sum = 0;

		for (int k = 0; k < 7; k++)
			sum += exp(row[k]);
		assert_close(y[i], row[i % 7] - log(sum));
	}
	free(y);
	net_end(&net);
}

void test_graph_fill(void **state)
{
	const uint64_t shape[2] = { 3, 4 }, one[1] = { 1 };
	const float value = 0.5f, first = -2, step = 0.25f;
	struct net net = net_begin(*state);
	uint32_t in = net_input(&net, ACCEL_F32, 1, one), filled, range, out;
	uint64_t count;
	float *y;

	must(accel_graph_fill(net.graph, ACCEL_F32, 2, shape, &value, &filled));
	must(accel_graph_range(net.graph, ACCEL_F32, 2, shape, 1, &first, &step, &range));
	must(accel_graph_binary(net.graph, ACI_TCS_BINARY_ADD, filled, range, &out));
	must(accel_graph_binary(net.graph, ACI_TCS_BINARY_ADD, out, in, &out));
	y = net_run_from(&net, out, &count);
	assert_int_equal(count, 12);
	for (int i = 0; i < 12; i++)
		assert_close(y[i], 0.5 - 2 + 0.25 * (i % 4) + (double)net_floats(&net, 0)[0]);
	free(y);
	net_end(&net);
}

/* To f16 and bf16 and back: to the nearest of the type. */
void test_graph_half(void **state)
{
	static const struct { enum accel_type type; float bound; } types[] = {
		{ ACCEL_F16, 0x1p-11f }, { ACCEL_BF16, 0x1p-8f },
	};
	const uint64_t shape[1] = { 100 };

	assert_int_equal(accel_type_bytes(ACCEL_F16), 2);
	assert_int_equal(accel_type_bytes(ACCEL_BF16), 2);
	for (size_t n = 0; n < 2; n++) {
		struct net net = net_begin(*state);
		uint32_t in = net_input(&net, ACCEL_F32, 1, shape), out;
		uint64_t count;
		float *y;

		must(accel_graph_convert(net.graph, types[n].type, in, &out));
		must(accel_graph_convert(net.graph, ACCEL_F32, out, &out));
		y = net_run_from(&net, out, &count);
		for (uint64_t i = 0; i < count; i++) {
			float x = net_floats(&net, 0)[i];

			assert_true(fabsf(y[i] - x) <= types[n].bound * fabsf(x) + 0x1p-24f);
		}
		free(y);
		net_end(&net);
	}
}

void test_graph_index_errors(void **state)
{
	const uint64_t shape[2] = { 4, 3 }, places[3] = { 1, 1, 1 }, pairs[2] = { 2, 2 };
	const int64_t numbers[4] = { 0 };
	struct net net = net_begin(*state);
	uint32_t in = net_input(&net, ACCEL_F32, 2, shape), out, second;
	uint32_t one = index_constant(&net, 3, places, numbers);
	uint32_t two = index_constant(&net, 2, pairs, numbers);

	assert_ret(-EINVAL, accel_graph_gather(net.graph, 2, 1, in, one, &out));
	assert_ret(-EINVAL, accel_graph_gather(net.graph, 0, 0, in, one, &out));
	assert_ret(-EINVAL, accel_graph_gather(net.graph, 0, 3, in, one, &out));
	assert_ret(-EINVAL, accel_graph_gather(net.graph, 0, 1, in, two, &out));
	assert_ret(-ENOTSUP, accel_graph_gather(net.graph, 0, 1, in, in, &out));
	assert_ret(-EINVAL, accel_graph_gather(net.graph, 0, 1, in, 99, &out));
	assert_ret(-EINVAL, accel_graph_scatter(net.graph, 0, 0, 1, in, in, two, &out));
	assert_ret(-EINVAL, accel_graph_scatter(net.graph, 0, 1, 2, in, in, one, &out));
	assert_ret(-ENOTSUP, accel_graph_scatter(net.graph, 99, 0, 1, in, in, one, &out));
	assert_ret(-EINVAL, accel_graph_top_k(net.graph, 2, false, 1, in, &out, &second));
	assert_ret(-EINVAL, accel_graph_top_k(net.graph, 0, false, 5, in, &out, &second));
	assert_ret(-EINVAL, accel_graph_top_k(net.graph, 0, false, 0, in, &out, &second));
	assert_ret(-EINVAL, accel_graph_cumulate(net.graph, 0, 2, false, in, &out));
	assert_ret(-ENOTSUP, accel_graph_cumulate(net.graph, 99, 0, false, in, &out));
	assert_ret(-EINVAL, accel_graph_normalise(net.graph, 0, 4, 0, in, 0, 0, &out));
	assert_ret(-EINVAL, accel_graph_normalise(net.graph, 0, 1, 0, in, 99, 0, &out));
	assert_ret(-ENOTSUP, accel_graph_normalise(net.graph, 0, 1, 0, in, one, 0, &out));
	assert_ret(-EINVAL, accel_graph_log_softmax(net.graph, 2, in, &out));
	assert_ret(-EINVAL, accel_graph_fill(net.graph, ACCEL_F32, 2, shape, NULL, &out));
	assert_ret(-EINVAL, accel_graph_range(net.graph, ACCEL_I64, 2, shape, 2, numbers, numbers, &out));
	assert_ret(-ENOTSUP, accel_graph_range(net.graph, ACCEL_U8, 2, shape, 0, numbers, numbers, &out));
	accel_graph_destroy(net.graph);
	net_end(&net);
}

/* An index of run time that is outside: the run fails, says so, and the next stream works. */
void test_gather_out_of_bounds(void **state)
{
	const uint64_t rows[3] = { 2, 1, 1 }, data[2] = { 4, 3 }, made[2] = { 2, 3 };
	struct fixture *fixture = *state;
	const int64_t bad[2] = { 1, 4 };
	struct accel_argument arguments[3] = { 0 };
	struct accel_view in, indices, out;
	struct accel_program *program;

	require_compute(fixture);
	must(accel_program_create(fixture->device, &program));
	must(accel_view_init(&in, ACCEL_F32, 0, 0, 2, data));
	must(accel_view_init(&indices, ACCEL_I64, 1, 0, 3, rows));
	must(accel_view_init(&out, ACCEL_F32, 2, 0, 2, made));
	assert_ret(-EINVAL, accel_program_gather(program, 0, 1, &in, NULL, &out));
	must(accel_program_gather(program, 0, 1, &in, &indices, &out));
	must(accel_program_load(program, fixture->context, fixture->stream));
	for (int i = 0; i < 3; i++)
		arguments[i].buffer = make_buffer(fixture, 4096, card_or_host(fixture), 0);
	must(accel_stream_upload(fixture->stream, arguments[1].buffer, 0, bad, sizeof(bad)));
	must(accel_stream_exec(fixture->stream, program, arguments, 3));
	assert_ret(-EINVAL, accel_stream_synchronize(fixture->stream, PATIENCE));
	assert_non_null(strstr(accel_last_error(), "operation 0"));
	accel_program_destroy(program);
	for (int i = 0; i < 3; i++)
		accel_buffer_destroy(arguments[i].buffer);
}

/* The same through the functions of programs, whose views the caller lays out. */
void test_program_index(void **state)
{
	const uint64_t four[1] = { 4 }, pick[2] = { 2, 1 }, two[1] = { 2 };
	struct fixture *fixture = *state;
	const int64_t places[2] = { 3, 1 }, begin = 10, step = 5;
	struct accel_view row, sums, best, where, list, picked;
	struct accel_argument argument = { 0 };
	struct accel_program *program;
	int64_t back[16];

	require_compute(fixture);
	must(accel_program_create(fixture->device, &program));
	must(accel_view_init(&row, ACCEL_I64, 0, 0, 1, four));
	must(accel_view_init(&sums, ACCEL_I64, 0, 32, 1, four));
	must(accel_view_init(&best, ACCEL_I64, 0, 64, 1, two));
	must(accel_view_init(&where, ACCEL_I64, 0, 80, 1, two));
	must(accel_view_init(&list, ACCEL_I64, 0, 96, 2, pick));
	must(accel_view_init(&picked, ACCEL_I64, 0, 112, 1, two));
	must(accel_program_range(program, 0, &begin, &step, &row));
	must(accel_program_cumulate(program, ACI_TCS_CUMULATE_SUM, 0, false, &row, &sums));
	must(accel_program_top_k(program, 0, false, &row, &best, &where));
	assert_ret(-EINVAL, accel_program_top_k(program, 0, false, &row, &best, NULL));
	must(accel_program_gather(program, 0, 1, &row, &list, &picked));
	must(accel_program_fill(program, &step, &best));
	must(accel_program_scatter(program, ACI_TCS_SCATTER_ADD, 0, 1, &picked, &list, &sums));
	must(accel_program_load(program, fixture->context, fixture->stream));
	argument.buffer = make_buffer(fixture, 4096, card_or_host(fixture), 0);
	must(accel_stream_upload(fixture->stream, argument.buffer, 96, places, sizeof(places)));
	must(accel_stream_exec(fixture->stream, program, &argument, 1));
	must(accel_stream_download(fixture->stream, back, argument.buffer, 0, sizeof(back)));
	must(accel_stream_synchronize(fixture->stream, PATIENCE));
	/* 10 15 20 25; sums 10 25 45 70, of which 1 and 3 grow by the picked 15 and 25 */
	assert_memory_equal(back, ((const int64_t[16]) {
		10, 15, 20, 25, 10, 40, 45, 95, 5, 5, 3, 2, 3, 1, 25, 15 }), sizeof(back));
	accel_program_destroy(program);
	accel_buffer_destroy(argument.buffer);
}
