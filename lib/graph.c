// SPDX-License-Identifier: MIT
/* Graphs: tensors and operations. */
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "graph.h"

int accel_graph_create(struct accel_device *device, struct accel_graph **out)
{
	struct accel_graph *graph;

	if (!device || !out)
		return error_set(-EINVAL, "device and graph must not be NULL");
	*out = NULL;
	graph = calloc(1, sizeof(*graph));
	if (!graph)
		return error_set(-ENOMEM, "out of memory");
	graph->device = device;
	*out = graph;
	return 0;
}

void accel_graph_destroy(struct accel_graph *graph)
{
	if (!graph)
		return;
	for (uint32_t i = 0; i < graph->storage_count; i++)
		free(graph->storages[i].data);
	for (uint32_t i = 0; i < graph->tensor_count; i++)
		free(graph->tensors[i].name);
	for (uint32_t i = 0; i < graph->input_count; i++)
		free(graph->inputs[i].name);
	for (uint32_t i = 0; i < graph->output_count; i++)
		free(graph->outputs[i].name);
	for (uint32_t i = 0; i < graph->file_count; i++)
		graph_file_unref(graph->files[i]);
	free(graph->files);
	free(graph->storages);
	free(graph->tensors);
	free(graph->ops);
	free(graph->inputs);
	free(graph->outputs);
	free(graph);
}

/* --- Tables ----------------------------------------------------------------------- */

/* One more zeroed entry at the end of a table; NULL: out of memory. The caller counts it. */
static void *table_extend(void *table, uint32_t count, uint32_t *room, size_t size)
{
	void **at = table;

	if (count == *room) {
		uint32_t larger = *room ? *room * 2 : 16;
		void *grown = larger > *room ? reallocarray(*at, larger, size) : NULL;

		if (!grown) {
			error_set(-ENOMEM, "out of memory");
			return NULL;
		}
		*at = grown;
		*room = larger;
	}
	return memset((char *)*at + count * size, 0, size);
}

static int graph_add_storage(struct accel_graph *graph, enum storage_kind kind, uint64_t bytes,
			     uint32_t *index)
{
	struct graph_storage *storage = table_extend(&graph->storages, graph->storage_count,
						     &graph->storage_room, sizeof(*storage));

	if (!storage)
		return -ENOMEM;
	storage->kind = kind;
	storage->bytes = bytes;
	*index = graph->storage_count++;
	return 0;
}

int graph_add_view(struct accel_graph *graph, uint32_t storage, const struct accel_view *view,
		   uint32_t *tensor)
{
	struct graph_tensor *entry = table_extend(&graph->tensors, graph->tensor_count,
						  &graph->tensor_room, sizeof(*entry));

	if (!entry)
		return -ENOMEM;
	entry->storage = storage;
	entry->view = *view;
	*tensor = ++graph->tensor_count;
	return 0;
}

int graph_add_dense(struct accel_graph *graph, enum storage_kind kind, enum accel_type type,
		    uint32_t rank, const uint64_t *shape, uint32_t *tensor)
{
	struct accel_view view;
	uint32_t storage;
	uint64_t bytes;
	int ret = accel_view_init(&view, type, 0, 0, rank, shape);

	if (!ret)
		ret = view_extent(&view, &bytes);
	if (!ret)
		ret = graph_add_storage(graph, kind, bytes, &storage);
	if (!ret)
		ret = graph_add_view(graph, storage, &view, tensor);
	return ret;
}

struct graph_tensor *graph_find(const struct accel_graph *graph, uint32_t tensor)
{
	if (tensor != ACCEL_TENSOR_NONE && tensor <= graph->tensor_count)
		return &graph->tensors[tensor - 1];
	error_set(-EINVAL, "the graph has no tensor %u", tensor);
	return NULL;
}

bool view_is_dense(const struct accel_view *view)
{
	int64_t stride = 1;

	for (uint32_t i = view->rank; i-- > 0;) {
		if (view->shape[i] != 1 && view->stride[i] != stride)
			return false;
		stride *= (int64_t)view->shape[i];
	}
	return true;
}

/* --- Inputs, constants, outputs --------------------------------------------------- */

static int graph_name_tensor(struct accel_graph *graph, uint32_t tensor, const char *name)
{
	char *copy = name ? strdup(name) : NULL;

	if (name && !copy)
		return error_set(-ENOMEM, "out of memory");
	graph->tensors[tensor - 1].name = copy;
	return 0;
}

static int port_add(struct graph_port **ports, uint32_t *count, uint32_t *room, const char *name,
		    uint32_t tensor)
{
	struct graph_port *port = table_extend(ports, *count, room, sizeof(*port));

	if (!port)
		return -ENOMEM;
	port->name = strdup(name ? name : "");
	if (!port->name)
		return error_set(-ENOMEM, "out of memory");
	port->tensor = tensor;
	(*count)++;
	return 0;
}

int accel_graph_add_input(struct accel_graph *graph, const char *name, enum accel_type type,
			  uint32_t rank, const uint64_t *shape, uint32_t *tensor)
{
	int ret;

	if (!graph || !tensor)
		return error_set(-EINVAL, "graph and tensor must not be NULL");
	*tensor = ACCEL_TENSOR_NONE;
	ret = graph_add_dense(graph, STORAGE_INPUT, type, rank, shape, tensor);
	if (!ret)
		ret = graph_name_tensor(graph, *tensor, name);
	if (!ret)
		ret = port_add(&graph->inputs, &graph->input_count, &graph->input_room, name,
			       *tensor);
	return ret;
}

int graph_add_constant(struct accel_graph *graph, const char *name, enum accel_type type,
		       uint32_t rank, const uint64_t *shape, struct graph_storage **storage,
		       uint32_t *tensor)
{
	int ret = graph_add_dense(graph, STORAGE_CONSTANT, type, rank, shape, tensor);

	if (!ret)
		ret = graph_name_tensor(graph, *tensor, name);
	if (!ret)
		*storage = &graph->storages[graph->tensors[*tensor - 1].storage];
	return ret;
}

struct graph_file **graph_add_file(struct accel_graph *graph)
{
	struct graph_file **file = table_extend(&graph->files, graph->file_count,
						&graph->file_room, sizeof(*graph->files));

	if (file)
		graph->file_count++;
	return file;
}

int accel_graph_add_constant(struct accel_graph *graph, const char *name, enum accel_type type,
			     uint32_t rank, const uint64_t *shape, const void *data,
			     uint32_t *tensor)
{
	struct graph_storage *storage;
	int ret;

	if (!graph || !tensor || !data)
		return error_set(-EINVAL, "graph, data and tensor must not be NULL");
	*tensor = ACCEL_TENSOR_NONE;
	ret = graph_add_constant(graph, name, type, rank, shape, &storage, tensor);
	if (ret)
		return ret;
	storage->data = malloc(storage->bytes);
	if (!storage->data)
		return error_set(-ENOMEM, "out of memory for a constant of %llu bytes",
				 (unsigned long long)storage->bytes);
	memcpy(storage->data, data, storage->bytes);
	return 0;
}

int accel_graph_add_output(struct accel_graph *graph, const char *name, uint32_t tensor)
{
	if (!graph)
		return error_set(-EINVAL, "graph must not be NULL");
	if (!graph_find(graph, tensor))
		return -EINVAL;
	return port_add(&graph->outputs, &graph->output_count, &graph->output_room, name, tensor);
}

int accel_graph_get_tensor(const struct accel_graph *graph, uint32_t tensor, enum accel_type *type,
			   uint32_t *rank, uint64_t *shape)
{
	const struct graph_tensor *found = graph ? graph_find(graph, tensor) : NULL;

	if (!found)
		return graph ? -EINVAL : error_set(-EINVAL, "graph must not be NULL");
	if (type)
		*type = found->view.type;
	if (rank)
		*rank = found->view.rank;
	if (shape)
		memcpy(shape, found->view.shape, sizeof(found->view.shape));
	return 0;
}

/* --- Operations ------------------------------------------------------------------- */

/*
 * The same check as in a program, so that an error names the operation that the caller just added.
 */
static int graph_check_op(const struct accel_graph *graph, const struct graph_op *op)
{
	const struct graph_tensor *first =
		&graph->tensors[(op->in[0] != ACCEL_TENSOR_NONE ? op->in[0] : op->out) - 1];
	struct program_op check = {
		.opcode = op->opcode,
		.function = op->function,
		.alpha = op->alpha,
		.beta = op->beta,
		.axis = op->axis,
		.axes = op->axes,
		.count = op->count,
		.flags = op->flags,
		.window = &op->window,
		.resize = &op->resize,
		.out = &graph->tensors[op->out - 1].view,
	};
	int ret;

	for (int i = 0; i < PROGRAM_INPUTS; i++)
		if (op->in[i] != ACCEL_TENSOR_NONE)
			check.in[i] = &graph->tensors[op->in[i] - 1].view;
	if (op->out1 != ACCEL_TENSOR_NONE)
		check.out1 = &graph->tensors[op->out1 - 1].view;
	ret = program_check_op(graph->device, &check);
	if (ret && first->name && *first->name)
		error_prefix(ret, "operation on \"%s\": ", first->name);
	return ret;
}

int graph_add_op(struct accel_graph *graph, const struct graph_op *op)
{
	struct graph_op *entry;
	int ret = graph_check_op(graph, op);

	if (ret)
		return ret;
	entry = table_extend(&graph->ops, graph->op_count, &graph->op_room, sizeof(*entry));
	if (!entry)
		return -ENOMEM;
	*entry = *op;
	graph->op_count++;
	return 0;
}

int graph_compute(struct accel_graph *graph, struct graph_op *op, enum accel_type type,
			 uint32_t rank, const uint64_t *shape, uint32_t *out)
{
	int ret = graph_add_dense(graph, STORAGE_COMPUTED, type, rank, shape, &op->out);

	if (!ret)
		ret = graph_add_op(graph, op);
	*out = ret ? ACCEL_TENSOR_NONE : op->out;
	return ret;
}

int graph_begin(const struct accel_graph *graph, uint32_t *out)
{
	if (!graph || !out)
		return error_set(-EINVAL, "graph and out must not be NULL");
	*out = ACCEL_TENSOR_NONE;
	return 0;
}

/* A copy of the view, as adding tensors moves the table. */
int graph_get_view(const struct accel_graph *graph, uint32_t tensor, struct accel_view *view)
{
	const struct graph_tensor *found = graph_find(graph, tensor);

	if (!found)
		return -EINVAL;
	*view = found->view;
	return 0;
}

int graph_copy(struct accel_graph *graph, enum accel_type type, uint32_t in, uint32_t *out)
{
	struct graph_op op = { .opcode = ACI_TCS_OP_COPY, .in = { in } };
	struct accel_view view;
	int ret = graph_get_view(graph, in, &view);

	return ret ? ret : graph_compute(graph, &op, type, view.rank, view.shape, out);
}

int accel_graph_unary(struct accel_graph *graph, uint32_t function, float alpha, float beta,
		      uint32_t in, uint32_t *out)
{
	struct graph_op op = {
		.opcode = ACI_TCS_OP_UNARY,
		.function = function,
		.alpha = alpha,
		.beta = beta,
		.in = { in },
	};
	struct accel_view view;
	int ret = graph_begin(graph, out);

	if (!ret)
		ret = graph_get_view(graph, in, &view);
	return ret ? ret : graph_compute(graph, &op, view.type, view.rank, view.shape, out);
}

int graph_broadcast_shape(uint32_t a_rank, const uint64_t *a, uint32_t b_rank, const uint64_t *b,
			  uint32_t *rank, uint64_t *shape)
{
	*rank = a_rank > b_rank ? a_rank : b_rank;
	for (uint32_t i = 0; i < *rank; i++) {
		uint64_t x = i + a_rank < *rank ? 1 : a[i + a_rank - *rank];
		uint64_t y = i + b_rank < *rank ? 1 : b[i + b_rank - *rank];

		if (x != y && x != 1 && y != 1)
			return error_set(-EINVAL, "dimensions %llu and %llu do not broadcast",
					 (unsigned long long)x, (unsigned long long)y);
		shape[i] = x > y ? x : y;
	}
	return 0;
}

int accel_graph_binary(struct accel_graph *graph, uint32_t function, uint32_t in0, uint32_t in1,
		       uint32_t *out)
{
	struct graph_op op = { .opcode = ACI_TCS_OP_BINARY,
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
	return ret ? ret : graph_compute(graph, &op, a.type, rank, shape, out);
}

int accel_graph_softmax(struct accel_graph *graph, uint32_t axis, uint32_t in, uint32_t *out)
{
	struct graph_op op = { .opcode = ACI_TCS_OP_SOFTMAX, .axis = axis, .in = { in } };
	struct accel_view view;
	int ret = graph_begin(graph, out);

	if (!ret)
		ret = graph_get_view(graph, in, &view);
	return ret ? ret : graph_compute(graph, &op, view.type, view.rank, view.shape, out);
}

/* i8 operands are summed up in i32. */
enum accel_type graph_product_type(enum accel_type type)
{
	return type == ACCEL_I8 ? ACCEL_I32 : type;
}

/*
 * The card takes a bias of [N] or [M, N]; anything that broadcasts to these is made one of them by
 * its strides.
 */
static int graph_fit_bias(struct accel_graph *graph, uint32_t *bias, uint64_t m, uint64_t n)
{
	uint64_t shape[2] = { m, n };
	struct accel_view view;
	int ret;

	if (*bias == ACCEL_TENSOR_NONE)
		return 0;
	ret = graph_get_view(graph, *bias, &view);
	if (ret || (view.rank == 1 && view.shape[0] == n))
		return ret;
	ret = accel_graph_broadcast(graph, *bias, 2, shape, bias);
	return ret ? error_prefix(ret, "matmul: bias: ") : 0;
}

int accel_graph_matmul(struct accel_graph *graph, uint32_t activation, uint32_t a, uint32_t b,
		       uint32_t bias, uint32_t *out)
{
	struct graph_op op = { .opcode = ACI_TCS_OP_MATMUL,
			       .function = activation,
			       .in = { a, b, bias } };
	uint64_t shape[ACCEL_RANK_MAX];
	struct accel_view x, y;
	uint32_t rank;
	int ret = graph_begin(graph, out);

	if (!ret)
		ret = graph_get_view(graph, a, &x);
	if (!ret)
		ret = graph_get_view(graph, b, &y);
	if (ret)
		return ret;
	if (x.rank < 2 || y.rank < 2)
		return error_set(-EINVAL, "matmul: operands need rank 2 or more");
	ret = graph_broadcast_shape(x.rank - 2, x.shape, y.rank - 2, y.shape, &rank, shape);
	if (!ret)
		ret = graph_fit_bias(graph, &op.in[2], x.shape[x.rank - 2], y.shape[y.rank - 1]);
	if (ret)
		return ret;
	shape[rank] = x.shape[x.rank - 2];
	shape[rank + 1] = y.shape[y.rank - 1];
	return graph_compute(graph, &op, graph_product_type(x.type), rank + 2, shape, out);
}

int accel_graph_convert(struct accel_graph *graph, enum accel_type type, uint32_t in, uint32_t *out)
{
	struct accel_view view;
	int ret = graph_begin(graph, out);

	if (!ret)
		ret = graph_get_view(graph, in, &view);
	if (ret)
		return ret;
	if (view.type == type) {
		*out = in;
		return 0;
	}
	return graph_copy(graph, type, in, out);
}
