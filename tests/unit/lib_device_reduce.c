// SPDX-License-Identifier: MIT
/* Comparisons, choices and reductions of graphs, against the plainest code that computes the same. */
#include <errno.h>
#include <math.h>

#include "lib_device_net.h"

static void assert_close(float have, double want)
{
	if (!(fabs((double)have - want) <= 1e-5 + 1e-5 * fabs(want)))
		fail_msg("%.9g, not %.9g", (double)have, want);
}

/* [4,3] against [3]: both orders, and equal elements. */
void test_graph_compare_select(void **state)
{
	const uint64_t shape_a[2] = { 4, 3 }, shape_b[1] = { 3 };

	for (uint32_t function = 0; function <= ACI_TCS_COMPARE_GE; function++) {
		struct net net = net_begin(*state);
		uint32_t a = net_input(&net, ACCEL_F32, 2, shape_a), b = net_input(&net, ACCEL_F32, 1, shape_b);
		uint32_t condition, out;
		uint64_t count;
		float *y;

		for (int i = 0; i < 3; i++)
			net_floats(&net, 1)[i] = net_floats(&net, 0)[i];
		must(accel_graph_compare(net.graph, function, a, b, &condition));
		must(accel_graph_select(net.graph, condition, a, b, &out));
		y = net_run_from(&net, out, &count);
		assert_int_equal(count, 12);
		for (int i = 0; i < 12; i++) {
			float p = net_floats(&net, 0)[i], q = net_floats(&net, 1)[i % 3];
			const bool holds[] = { p == q, p != q, p < q, p <= q, p > q, p >= q };

			assert_close(y[i], holds[function] ? p : q);
		}
		free(y);
		net_end(&net);
	}
}

/* A condition of [3,1] and a scalar decide the shape as well. */
void test_graph_select_broadcast(void **state)
{
	const uint64_t one[1] = { 0 }, column[2] = { 3, 1 }, row[1] = { 4 };
	struct net net = net_begin(*state);
	uint32_t a = net_input(&net, ACCEL_F32, 2, column), b = net_input(&net, ACCEL_F32, 1, row);
	uint32_t zero = net_input(&net, ACCEL_F32, 0, one), condition, out;
	uint64_t count;
	float *y;

	net_floats(&net, 2)[0] = 0;
	must(accel_graph_compare(net.graph, ACI_TCS_COMPARE_GT, a, zero, &condition));
	must(accel_graph_select(net.graph, condition, b, zero, &out));
	y = net_run_from(&net, out, &count);
	assert_int_equal(count, 12);
	for (int i = 0; i < 12; i++)
		assert_close(y[i], net_floats(&net, 0)[i / 4] > 0 ? net_floats(&net, 1)[i % 4] : 0);
	free(y);
	net_end(&net);
}

static double reduce(uint32_t function, double so_far, double x)
{
	switch (function) {
	case ACI_TCS_REDUCTION_MAX:
		return fmax(so_far, x);
	case ACI_TCS_REDUCTION_MIN:
		return fmin(so_far, x);
	case ACI_TCS_REDUCTION_PROD:
		return so_far * x;
	case ACI_TCS_REDUCTION_L1:
		return so_far + fabs(x);
	case ACI_TCS_REDUCTION_L2:
	case ACI_TCS_REDUCTION_SUM_SQUARE:
		return so_far + x * x;
	default:
		return so_far + x;
	}
}

static double reduced(const float *x, uint32_t function, uint32_t axes, uint64_t at)
{
	const bool product = function == ACI_TCS_REDUCTION_PROD;
	const uint64_t shape[3] = { 2, 3, 5 };
	double result = function == ACI_TCS_REDUCTION_MAX ? -INFINITY :
			function == ACI_TCS_REDUCTION_MIN ? INFINITY : product;
	uint64_t members = 0;

	for (uint64_t i = 0; i < 30; i++) {
		uint64_t rest = i, place = 0, stride = 1;

		for (int k = 2; k >= 0; k--) {
			if (!(axes >> k & 1)) {
				place += rest % shape[k] * stride;
				stride *= shape[k];
			}
			rest /= shape[k];
		}
		if (place != at)
			continue;
		result = reduce(function, result, x[i]);
		members++;
	}
	if (function == ACI_TCS_REDUCTION_MEAN)
		result /= (double)members;
	return function == ACI_TCS_REDUCTION_L2 ? sqrt(result) : result;
}

void test_graph_reduce(void **state)
{
	const uint64_t shape[3] = { 2, 3, 5 };

	for (uint32_t function = 0; function <= ACI_TCS_REDUCTION_SUM_SQUARE; function++) {
		for (uint32_t axes = 1; axes < 8; axes++) {
			struct net net = net_begin(*state);
			uint32_t in = net_input(&net, ACCEL_F32, 3, shape), out;
			uint64_t count;
			float *y;

			must(accel_graph_reduce(net.graph, function, axes, in, &out));
			y = net_run_from(&net, out, &count);
			for (uint64_t i = 0; i < count; i++)
				assert_close(y[i], reduced(net_floats(&net, 0), function, axes, i));
			free(y);
			net_end(&net);
		}
	}
}

/* Of equal ones the first or the last, along an axis that is not the innermost. */
void test_graph_arg(void **state)
{
	const uint64_t shape[2] = { 5, 3 };

	for (int variant = 0; variant < 4; variant++) {
		uint32_t function = variant & 1 ? ACI_TCS_ARG_MIN : ACI_TCS_ARG_MAX;
		bool last = variant & 2;
		struct net net = net_begin(*state);
		uint32_t in = net_input(&net, ACCEL_F32, 2, shape), out;
		float *x = net_floats(&net, 0), *y;
		uint64_t count;

		for (int i = 0; i < 15; i++)
			x[i] = (float)(i * 7 % 3);
		must(accel_graph_arg(net.graph, function, 0, last, in, &out));
		must(accel_graph_convert(net.graph, ACCEL_F32, out, &out));
		y = net_run_from(&net, out, &count);
		assert_int_equal(count, 3);
		for (int column = 0; column < 3; column++) {
			int best = 0;

			for (int i = 1; i < 5; i++) {
				float now = x[i * 3 + column], then = x[best * 3 + column];
				bool better = function == ACI_TCS_ARG_MAX ? now > then : now < then;

				if (better || (last && now == then))
					best = i;
			}
			assert_close(y[column], best);
		}
		free(y);
		net_end(&net);
	}
}

void test_graph_reduce_errors(void **state)
{
	const uint64_t shape[2] = { 2, 3 }, other[1] = { 2 };
	struct net net = net_begin(*state);
	uint32_t a = net_input(&net, ACCEL_F32, 2, shape), b = net_input(&net, ACCEL_F32, 1, other);
	uint32_t truth, out;

	assert_ret(-EINVAL, accel_graph_reduce(net.graph, ACI_TCS_REDUCTION_SUM, 4, a, &out));
	assert_ret(-ENOTSUP, accel_graph_reduce(net.graph, 99, 1, a, &out));
	assert_ret(-EINVAL, accel_graph_arg(net.graph, ACI_TCS_ARG_MAX, 2, false, a, &out));
	assert_ret(-EINVAL, accel_graph_compare(net.graph, ACI_TCS_COMPARE_EQ, a, b, &out));
	assert_ret(-ENOTSUP, accel_graph_compare(net.graph, 99, a, a, &out));
	assert_ret(-ENOTSUP, accel_graph_select(net.graph, a, a, a, &out));
	must(accel_graph_compare(net.graph, ACI_TCS_COMPARE_EQ, a, a, &truth));
	assert_ret(-ENOTSUP, accel_graph_select(net.graph, truth, a, truth, &out));
	assert_ret(-EINVAL, accel_graph_select(net.graph, truth, a, b, &out));
	accel_graph_destroy(net.graph);
	net_end(&net);
}
