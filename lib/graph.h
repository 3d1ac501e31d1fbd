/* SPDX-License-Identifier: MIT */
/*
 * Graphs: tensors without addresses. A tensor is a strided view of a storage;
 * operations make storages, views share them.
 *
 * Locking: none; one thread builds a graph.
 */
#ifndef LIB_GRAPH_H
#define LIB_GRAPH_H

#include <sys/stat.h>

#include "program.h"

/**
 * struct graph_file - a file with constants, mapped: its pages are the page cache's
 *
 * Of a graph and the models that use it in place; refs is atomic.
 */
struct graph_file {
	unsigned int refs;
	dev_t device;
	ino_t inode;
	uint8_t *map;
	uint64_t bytes;
};

enum storage_kind { STORAGE_INPUT, STORAGE_CONSTANT, STORAGE_COMPUTED };

struct graph_storage {
	enum storage_kind kind;
	uint64_t bytes;
	void *data;			/* CONSTANT; NULL: in a file */
	uint32_t file;			/* CONSTANT without data: index into files ... */
	uint64_t file_offset;		/* ... and where in it */
};

struct graph_tensor {
	char *name;			/* may be NULL */
	uint32_t storage;
	struct accel_view view;		/* offset from the start of the storage; slot unused */
};

struct graph_op {
	uint32_t opcode;
	uint32_t function;
	float alpha, beta;
	uint32_t axis;
	uint32_t axes;			/* REDUCE, NORMALISE: bit per dimension */
	uint32_t count;			/* GATHER, SCATTER: dimensions that are indexed */
	float epsilon;			/* NORMALISE */
	uint64_t value, step;		/* FILL: elements in their low bytes, as in memory */
	uint32_t flags;			/* ACI_TCS_OP_F_* */
	struct accel_window window;
	struct accel_resize resize;
	uint32_t in[PROGRAM_INPUTS];	/* tensor ids; ACCEL_TENSOR_NONE: none */
	uint32_t out;
	uint32_t out1;			/* TOP_K: indices; else ACCEL_TENSOR_NONE */
};

struct graph_port {
	char *name;			/* never NULL */
	uint32_t tensor;
};

struct accel_graph {
	struct accel_device *device;
	struct graph_storage *storages;
	struct graph_tensor *tensors;	/* id - 1 */
	struct graph_op *ops;
	struct graph_port *inputs;
	struct graph_port *outputs;
	struct graph_file **files;
	uint32_t file_count, file_room;
	uint32_t storage_count, storage_room;
	uint32_t tensor_count, tensor_room;
	uint32_t op_count, op_room;
	uint32_t input_count, input_room;
	uint32_t output_count, output_room;
};

/** graph_find() - NULL with text: no such tensor */
struct graph_tensor *graph_find(const struct accel_graph *graph, uint32_t tensor);
/** graph_add_view() - a tensor that looks at @storage by @view */
int graph_add_view(struct accel_graph *graph, uint32_t storage, const struct accel_view *view,
		   uint32_t *tensor);
/** graph_add_dense() - a tensor with a storage of its own */
int graph_add_dense(struct accel_graph *graph, enum storage_kind kind, enum accel_type type,
		    uint32_t rank, const uint64_t *shape, uint32_t *tensor);
/** graph_add_op() - checks types and shapes; all tensors exist already */
int graph_add_op(struct accel_graph *graph, const struct graph_op *op);
/** graph_compute() - graph_add_op() with a new dense output */
int graph_compute(struct accel_graph *graph, struct graph_op *op, enum accel_type type,
		  uint32_t rank, const uint64_t *shape, uint32_t *out);
/** graph_begin() - what each public function that makes a tensor checks first */
int graph_begin(const struct accel_graph *graph, uint32_t *out);
/** graph_get_view() - of a tensor. -EINVAL: there is none */
int graph_get_view(const struct accel_graph *graph, uint32_t tensor, struct accel_view *view);
/** graph_add_constant() - without elements yet */
int graph_add_constant(struct accel_graph *graph, const char *name, enum accel_type type,
		       uint32_t rank, const uint64_t *shape, struct graph_storage **storage,
		       uint32_t *tensor);
/** graph_add_file() - a zeroed entry at the end of graph->files. NULL: out of memory, with text */
struct graph_file **graph_add_file(struct accel_graph *graph);
void graph_file_unref(struct graph_file *file);
/** graph_product_type() - of what operands of @type are summed up to */
enum accel_type graph_product_type(enum accel_type type);
/** graph_copy() - to a new dense tensor of @type */
int graph_copy(struct accel_graph *graph, enum accel_type type, uint32_t in, uint32_t *out);
/** graph_broadcast_shape() - of two shapes by rank alignment. -EINVAL */
int graph_broadcast_shape(uint32_t a_rank, const uint64_t *a, uint32_t b_rank, const uint64_t *b,
			  uint32_t *rank, uint64_t *shape);

/** view_is_dense() - row-major without gaps */
bool view_is_dense(const struct accel_view *view);

/* --- graph_fuse.c ----------------------------------------------------------------- */

/** graph_fuse() - additions and rectifiers become part of the products before them */
int graph_fuse(struct accel_graph *graph);

/* --- graph_plan.c: pure functions ------------------------------------------------- */

/** struct plan_item - bytes that live from step @first to step @last, both included */
struct plan_item {
	uint64_t bytes;
	uint32_t first;
	uint32_t last;
	uint64_t offset;		/* out */
};

/**
 * graph_plan() - place items so that those alive at the same time do not overlap
 * @align: power of two, of all offsets
 *
 * Return: 0, -ENOMEM, -EOVERFLOW.
 */
int graph_plan(struct plan_item *items, uint32_t count, uint64_t align, uint64_t *peak);
/** graph_plan_bound() - no plan has a lower peak */
uint64_t graph_plan_bound(const struct plan_item *items, uint32_t count, uint64_t align);

#endif
