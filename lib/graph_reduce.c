// SPDX-License-Identifier: MIT
/* Graphs: comparisons, choices and reductions. */
#include <string.h>

#include "error.h"
#include "graph.h"

int accel_graph_compare(struct accel_graph *graph, uint32_t function, uint32_t in0, uint32_t in1,
			uint32_t *out)
{
	struct graph_op op = { .opcode = ACI_TCS_OP_COMPARE,
			       .function = function,
			       .in = { in0, in1 } };
	uint64_t shape[ACCEL_RANK_MAX];
	struct accel_view a, b;
	uint32_t rank;
	int ret = graph_begin(graph, out);

	if (!ret)
		ret = graph_get_view(graph, in0, &a);
	if (!ret)
		ret = graph_get_view(graph, in1, &b);
	if (!ret)
		ret = graph_broadcast_shape(a.rank, a.shape, b.rank, b.shape, &rank, shape);
	return ret ? ret : graph_compute(graph, &op, ACCEL_BOOL, rank, shape, out);
}

int accel_graph_select(struct accel_graph *graph, uint32_t condition, uint32_t in0, uint32_t in1,
		       uint32_t *out)
{
	struct graph_op op = { .opcode = ACI_TCS_OP_SELECT, .in = { condition, in0, in1 } };
	uint64_t both[ACCEL_RANK_MAX], shape[ACCEL_RANK_MAX];
	struct accel_view views[3];
	uint32_t rank;
	int ret = graph_begin(graph, out);

	for (int i = 0; i < 3 && !ret; i++)
		ret = graph_get_view(graph, op.in[i], &views[i]);
	if (!ret)
		ret = graph_broadcast_shape(views[1].rank, views[1].shape, views[2].rank,
					    views[2].shape, &rank, both);
	if (!ret)
		ret = graph_broadcast_shape(rank, both, views[0].rank, views[0].shape, &rank, shape);
	return ret ? ret : graph_compute(graph, &op, views[1].type, rank, shape, out);
}

int accel_graph_reduce(struct accel_graph *graph, uint32_t function, uint32_t axes, uint32_t in,
		       uint32_t *out)
{
	struct graph_op op = { .opcode = ACI_TCS_OP_REDUCE,
			       .function = function,
			       .axes = axes,
			       .in = { in } };
	struct accel_view view;
	int ret = graph_begin(graph, out);

	if (!ret)
		ret = graph_get_view(graph, in, &view);
	if (ret)
		return ret;
	for (uint32_t i = 0; i < view.rank; i++)
		if (axes >> i & 1)
			view.shape[i] = 1;
	return graph_compute(graph, &op, view.type, view.rank, view.shape, out);
}

int accel_graph_arg(struct accel_graph *graph, uint32_t function, uint32_t axis, bool last,
		    uint32_t in, uint32_t *out)
{
	struct graph_op op = { .opcode = ACI_TCS_OP_ARG,
			       .function = function,
			       .axis = axis,
			       .flags = last ? ACI_TCS_OP_F_LAST : 0,
			       .in = { in } };
	struct accel_view view;
	int ret = graph_begin(graph, out);

	if (!ret)
		ret = graph_get_view(graph, in, &view);
	if (ret)
		return ret;
	if (axis >= view.rank)
		return error_set(-EINVAL, "arg: there is no axis %u", axis);
	view.shape[axis] = 1;
	return graph_compute(graph, &op, ACCEL_I64, view.rank, view.shape, out);
}
