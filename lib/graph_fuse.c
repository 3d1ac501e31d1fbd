// SPDX-License-Identifier: MIT
/*
 * Products take a bias and an activation: additions and rectifiers behind them
 * become part of them, where nobody else reads what was in between.
 */
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "graph.h"

#define NOBODY	UINT32_MAX

/** struct fuse_storage - who reads and writes a storage */
struct fuse_storage {
	uint32_t readers;		/* operations and outputs */
	uint32_t writers;
	uint32_t writer;		/* the last operation that writes it; NOBODY */
};

struct fuse {
	struct accel_graph *graph;
	struct fuse_storage *storages;
	bool *gone;			/* operations that became part of another */
};

static const struct graph_tensor *find(const struct fuse *fuse, uint32_t tensor)
{
	return &fuse->graph->tensors[tensor - 1];
}

static void note_reader(struct fuse *fuse, uint32_t tensor)
{
	if (tensor != ACCEL_TENSOR_NONE)
		fuse->storages[find(fuse, tensor)->storage].readers++;
}

static void note_writer(struct fuse *fuse, uint32_t tensor, uint32_t op)
{
	struct fuse_storage *storage;

	if (tensor == ACCEL_TENSOR_NONE)
		return;
	storage = &fuse->storages[find(fuse, tensor)->storage];
	storage->writers++;
	storage->writer = op;
}

static void note_all(struct fuse *fuse)
{
	const struct accel_graph *graph = fuse->graph;

	for (uint32_t i = 0; i < graph->storage_count; i++)
		fuse->storages[i].writer = NOBODY;
	for (uint32_t i = 0; i < graph->op_count; i++) {
		for (int k = 0; k < PROGRAM_INPUTS; k++)
			note_reader(fuse, graph->ops[i].in[k]);
		note_writer(fuse, graph->ops[i].out, i);
		note_writer(fuse, graph->ops[i].out1, i);
	}
	for (uint32_t i = 0; i < graph->output_count; i++)
		note_reader(fuse, graph->outputs[i].tensor);
}

/* Elements of the whole storage in a row. */
static bool is_whole(const struct fuse *fuse, uint32_t tensor)
{
	const struct graph_tensor *found = find(fuse, tensor);
	uint64_t bytes = accel_type_bytes(found->view.type);

	for (uint32_t i = 0; i < found->view.rank; i++)
		bytes *= found->view.shape[i];
	return view_is_dense(&found->view) && !found->view.offset &&
	       bytes == fuse->graph->storages[found->storage].bytes;
}

/* The product that makes @tensor for one reader alone, without an activation. NULL: none */
static struct graph_op *find_product(const struct fuse *fuse, uint32_t tensor)
{
	const struct fuse_storage *storage = &fuse->storages[find(fuse, tensor)->storage];
	struct graph_op *op;

	if (storage->writers != 1 || storage->readers != 1 || !is_whole(fuse, tensor))
		return NULL;
	op = &fuse->graph->ops[storage->writer];
	if ((op->opcode != ACI_TCS_OP_MATMUL && op->opcode != ACI_TCS_OP_CONV &&
	     op->opcode != ACI_TCS_OP_CONV_TRANSPOSE) || op->function != ACI_TCS_UNARY_IDENTITY ||
	    !is_whole(fuse, op->out))
		return NULL;
	return op;
}

/* The product writes where operation @index did, in the shape that it has. */
static int take_over(struct fuse *fuse, struct graph_op *product, uint32_t index)
{
	struct accel_graph *graph = fuse->graph;
	uint32_t target = graph->ops[index].out, place = (uint32_t)(product - graph->ops);
	struct accel_view view = find(fuse, product->out)->view;
	uint32_t storage = find(fuse, target)->storage;
	int ret = graph_add_view(graph, storage, &view, &product->out);

	if (ret)
		return ret;
	fuse->storages[storage].writer = place;
	fuse->gone[index] = true;
	return 0;
}

static bool may_take_over(const struct fuse *fuse, uint32_t index)
{
	uint32_t target = fuse->graph->ops[index].out;

	return is_whole(fuse, target) && fuse->storages[find(fuse, target)->storage].writers == 1;
}

static int fuse_relu(struct fuse *fuse, uint32_t index)
{
	const struct graph_op *op = &fuse->graph->ops[index];
	struct graph_op *product = find_product(fuse, op->in[0]);

	/* A card may offer the product without it. */
	if (!product || !may_take_over(fuse, index) ||
	    !accel_program_supports(fuse->graph->device, product->opcode, ACI_TCS_UNARY_RELU,
				    find(fuse, product->in[0])->view.type,
				    find(fuse, product->out)->view.type))
		return 0;
	product->function = ACI_TCS_UNARY_RELU;
	return take_over(fuse, product, index);
}

/*
 * As a list: all dimensions of 1 but the one that is the product's N or channels. The result
 * may have been reshaped, but not in that dimension. False: it is none
 */
static bool as_bias(const struct fuse *fuse, const struct graph_op *product, uint32_t bias,
		    uint32_t sum, struct accel_view *list)
{
	const struct accel_view *view = &find(fuse, bias)->view, *out = &find(fuse, sum)->view;
	const struct accel_view *made = &find(fuse, product->out)->view;
	bool matmul = product->opcode == ACI_TCS_OP_MATMUL;
	uint32_t axis = matmul ? out->rank - 1 : 1, own = matmul ? made->rank - 1 : 1;
	uint32_t at = axis + view->rank - out->rank;

	if (axis >= out->rank || out->rank - axis > view->rank ||
	    (!matmul && out->rank != made->rank) || out->shape[axis] != made->shape[own] ||
	    view->shape[at] != out->shape[axis])
		return false;
	for (uint32_t i = 0; i < view->rank; i++)
		if (i != at && view->shape[i] != 1)
			return false;
	*list = (struct accel_view) {
		.type = view->type, .rank = 1, .offset = view->offset,
		.shape = { view->shape[at] }, .stride = { view->stride[at] },
	};
	return true;
}

static int fuse_sum(struct fuse *fuse, uint32_t index, int side)
{
	struct accel_graph *graph = fuse->graph;
	const struct graph_op *op = &graph->ops[index];
	uint32_t bias = op->in[!side], sum = op->out, storage = find(fuse, bias)->storage;
	struct graph_op *product = find_product(fuse, op->in[side]);
	struct accel_view list;
	int ret;

	if (!product || product->in[2] != ACCEL_TENSOR_NONE || !may_take_over(fuse, index) ||
	    find(fuse, sum)->view.rank != find(fuse, op->in[side])->view.rank ||
	    !as_bias(fuse, product, bias, sum, &list))
		return 0;
	/* It must be there when the product begins. */
	if (graph->storages[storage].kind == STORAGE_COMPUTED &&
	    fuse->storages[storage].writer >= (uint32_t)(product - graph->ops))
		return 0;
	ret = graph_add_view(graph, storage, &list, &product->in[2]);
	return ret ? ret : take_over(fuse, product, index);
}

static int fuse_op(struct fuse *fuse, uint32_t index)
{
	const struct graph_op *op = &fuse->graph->ops[index];
	int ret = 0;

	if (op->opcode == ACI_TCS_OP_UNARY && op->function == ACI_TCS_UNARY_RELU)
		return fuse_relu(fuse, index);
	if (op->opcode != ACI_TCS_OP_BINARY || op->function != ACI_TCS_BINARY_ADD)
		return 0;
	for (int side = 0; side < 2 && !ret && !fuse->gone[index]; side++)
		ret = fuse_sum(fuse, index, side);
	return ret;
}

static void drop_gone(struct fuse *fuse)
{
	struct accel_graph *graph = fuse->graph;
	uint32_t kept = 0;

	for (uint32_t i = 0; i < graph->op_count; i++)
		if (!fuse->gone[i])
			graph->ops[kept++] = graph->ops[i];
	graph->op_count = kept;
}

int graph_fuse(struct accel_graph *graph)
{
	struct fuse fuse = { .graph = graph };
	int ret = 0;

	fuse.storages = calloc(graph->storage_count + 1, sizeof(*fuse.storages));
	fuse.gone = calloc(graph->op_count + 1, sizeof(*fuse.gone));
	if (fuse.storages && fuse.gone) {
		note_all(&fuse);
		for (uint32_t i = 0; i < graph->op_count && !ret; i++)
			ret = fuse_op(&fuse, i);
		drop_gone(&fuse);
	} else {
		ret = error_set(-ENOMEM, "out of memory");
	}
	free(fuse.storages);
	free(fuse.gone);
	return ret;
}
