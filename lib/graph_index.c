// SPDX-License-Identifier: MIT
/* Graphs: operations on rows, by indices, and fillings. */
#include <endian.h>
#include <string.h>

#include "error.h"
#include "graph.h"

int accel_graph_log_softmax(struct accel_graph *graph, uint32_t axis, uint32_t in, uint32_t *out)
{
	struct graph_op op = { .opcode = ACI_TCS_OP_SOFTMAX,
			       .function = ACI_TCS_SOFTMAX_LOG,
			       .axis = axis,
			       .in = { in } };
	struct accel_view view;
	int ret = graph_begin(graph, out);

	if (!ret)
		ret = graph_get_view(graph, in, &view);
	return ret ? ret : graph_compute(graph, &op, view.type, view.rank, view.shape, out);
}

int accel_graph_normalise(struct accel_graph *graph, uint32_t function, uint32_t axes,
			  float epsilon, uint32_t in, uint32_t scale, uint32_t bias,
			  uint32_t *out)
{
	struct graph_op op = { .opcode = ACI_TCS_OP_NORMALISE,
			       .function = function,
			       .axes = axes,
			       .epsilon = epsilon,
			       .in = { in, scale, bias } };
	struct accel_view view;
	int ret = graph_begin(graph, out);

	if (!ret)
		ret = graph_get_view(graph, in, &view);
	for (int i = 1; i < 3 && !ret; i++)
		if (op.in[i] != ACCEL_TENSOR_NONE && !graph_find(graph, op.in[i]))
			ret = -EINVAL;
	return ret ? ret : graph_compute(graph, &op, view.type, view.rank, view.shape, out);
}

int accel_graph_cumulate(struct accel_graph *graph, uint32_t function, uint32_t axis,
			 bool exclusive, uint32_t in, uint32_t *out)
{
	struct graph_op op = { .opcode = ACI_TCS_OP_CUMULATE,
			       .function = function,
			       .axis = axis,
			       .flags = exclusive ? ACI_TCS_OP_F_EXCLUSIVE : 0,
			       .in = { in } };
	struct accel_view view;
	int ret = graph_begin(graph, out);

	if (!ret)
		ret = graph_get_view(graph, in, &view);
	return ret ? ret : graph_compute(graph, &op, view.type, view.rank, view.shape, out);
}

/*
 * What is picked has the places that the indices span; dimensions of the data that are not
 * indexed keep their size.
 */
int accel_graph_gather(struct accel_graph *graph, uint32_t axis, uint32_t count, uint32_t in,
		       uint32_t indices, uint32_t *out)
{
	struct graph_op op = { .opcode = ACI_TCS_OP_GATHER,
			       .axis = axis,
			       .count = count,
			       .in = { in, indices } };
	struct accel_view data, places;
	uint32_t behind, rank;
	int ret = graph_begin(graph, out);

	if (!ret)
		ret = graph_get_view(graph, in, &data);
	if (!ret)
		ret = graph_get_view(graph, indices, &places);
	if (ret)
		return ret;
	if (!count || count > data.rank || axis > data.rank - count)
		return error_set(-EINVAL, "gather: %u dimensions from %u on are not in rank %u",
				 count, axis, data.rank);
	behind = data.rank - axis - count;
	if (places.rank < axis + behind + 1)
		return error_set(-EINVAL, "gather: indices of rank %u, at least %u are needed",
				 places.rank, axis + behind + 1);
	rank = places.rank - 1;
	for (uint32_t i = 0; i < axis; i++)
		places.shape[i] = data.shape[i];
	for (uint32_t i = 1; i <= behind; i++)
		places.shape[rank - i] = data.shape[data.rank - i];
	return graph_compute(graph, &op, data.type, rank, places.shape, out);
}

/* Of the dimensions that are not indexed, as much as @in has. */
static int scatter_part(struct accel_graph *graph, struct graph_op *op)
{
	uint64_t begin[ACCEL_RANK_MAX] = { 0 };
	struct accel_view whole, in;
	uint32_t behind;
	int ret = graph_get_view(graph, op->out, &whole);

	if (!ret)
		ret = graph_get_view(graph, op->in[0], &in);
	if (ret)
		return ret;
	if (!op->count || op->count > whole.rank || op->axis > whole.rank - op->count)
		return error_set(-EINVAL, "scatter: %u dimensions from %u on are not in rank %u",
				 op->count, op->axis, whole.rank);
	behind = whole.rank - op->axis - op->count;
	if (in.rank < op->axis + behind)
		return error_set(-EINVAL, "scatter: %u dimensions, at least %u are needed", in.rank,
				 op->axis + behind);
	for (uint32_t i = 0; i < op->axis; i++)
		whole.shape[i] = in.shape[i];
	for (uint32_t i = 1; i <= behind; i++)
		whole.shape[whole.rank - i] = in.shape[in.rank - i];
	return accel_graph_slice(graph, op->out, begin, whole.shape, NULL, &op->out);
}

int accel_graph_scatter(struct accel_graph *graph, uint32_t function, uint32_t axis,
			uint32_t count, uint32_t data, uint32_t in, uint32_t indices,
			uint32_t *out)
{
	struct graph_op op = { .opcode = ACI_TCS_OP_SCATTER,
			       .function = function,
			       .axis = axis,
			       .count = count,
			       .in = { in, indices } };
	struct accel_view view;
	uint32_t whole = ACCEL_TENSOR_NONE;
	int ret = graph_begin(graph, out);

	if (!ret)
		ret = graph_get_view(graph, data, &view);
	if (!ret && (!graph_find(graph, in) || !graph_find(graph, indices)))
		ret = -EINVAL;
	if (!ret)
		ret = graph_copy(graph, view.type, data, &whole);
	op.out = whole;
	if (!ret)
		ret = scatter_part(graph, &op);
	if (!ret)
		ret = graph_add_op(graph, &op);
	if (!ret)
		*out = whole;
	return ret;
}

int accel_graph_top_k(struct accel_graph *graph, uint32_t axis, bool least, uint64_t k,
		      uint32_t in, uint32_t *out, uint32_t *indices)
{
	struct graph_op op = { .opcode = ACI_TCS_OP_TOP_K,
			       .axis = axis,
			       .flags = least ? ACI_TCS_OP_F_LEAST : 0,
			       .in = { in } };
	struct accel_view view;
	int ret = graph_begin(graph, out);

	if (!ret)
		ret = graph_begin(graph, indices);
	if (!ret)
		ret = graph_get_view(graph, in, &view);
	if (ret)
		return ret;
	if (axis >= view.rank || !k || k > view.shape[axis])
		return error_set(-EINVAL, "top_k: %llu elements of axis %u", (unsigned long long)k,
				 axis);
	view.shape[axis] = k;
	ret = graph_add_dense(graph, STORAGE_COMPUTED, ACCEL_I64, view.rank, view.shape, &op.out1);
	if (!ret)
		ret = graph_compute(graph, &op, view.type, view.rank, view.shape, out);
	if (!ret)
		*indices = op.out1;
	return ret;
}

static uint64_t element_bits(const void *element, enum accel_type type)
{
	uint64_t bits = 0;

	memcpy(&bits, element, accel_type_bytes(type));
	return le64toh(bits);
}

int accel_graph_fill(struct accel_graph *graph, enum accel_type type, uint32_t rank,
		     const uint64_t *shape, const void *value, uint32_t *out)
{
	struct graph_op op = { .opcode = ACI_TCS_OP_FILL };
	int ret = graph_begin(graph, out);

	if (ret)
		return ret;
	if (!value)
		return error_set(-EINVAL, "fill: value must not be NULL");
	op.value = element_bits(value, type);
	return graph_compute(graph, &op, type, rank, shape, out);
}

int accel_graph_range(struct accel_graph *graph, enum accel_type type, uint32_t rank,
		      const uint64_t *shape, uint32_t axis, const void *value, const void *step,
		      uint32_t *out)
{
	struct graph_op op = { .opcode = ACI_TCS_OP_FILL,
			       .function = ACI_TCS_FILL_RANGE,
			       .axis = axis };
	int ret = graph_begin(graph, out);

	if (ret)
		return ret;
	if (!value || !step)
		return error_set(-EINVAL, "range: value and step must not be NULL");
	op.value = element_bits(value, type);
	op.step = element_bits(step, type);
	return graph_compute(graph, &op, type, rank, shape, out);
}
