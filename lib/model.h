/* SPDX-License-Identifier: MIT */
/*
 * Models: a graph as one program, with constants and workspace on a card.
 *
 * Locking: none; one thread runs a model at a time, as it has one workspace.
 */
#ifndef LIB_MODEL_H
#define LIB_MODEL_H

#include "graph.h"

/* Argument slots of a model's program. */
enum { MODEL_SLOT_WORKSPACE, MODEL_SLOT_CONSTANTS, MODEL_SLOT_FILES };

/** struct model_file - a file of constants in slot MODEL_SLOT_FILES + its index */
struct model_file {
	struct graph_file *file;
	struct accel_buffer *buffer;	/* its memory, registered; NULL: not used in place */
};

/** struct model_piece - a constant that is uploaded again when card memory was lost */
struct model_piece {
	uint64_t offset;		/* in model->constants */
	uint64_t bytes;
	void *data;			/* own copy; NULL: in a file ... */
	uint32_t file;			/* ... this one ... */
	uint64_t file_offset;		/* ... there */
};

/** struct model_port - an input or output, at an offset in the workspace */
struct model_port {
	char *name;
	uint64_t offset;
	struct accel_tensor_info info;
};

struct accel_model {
	struct accel_context *context;
	LIST_ENTRY(accel_model) link;	/* in context->models */
	bool is_listed;
	bool keeps_weights;
	bool is_lost;			/* its constants are, for good */
	struct model_piece *pieces;	/* with keeps_weights: all that constants holds */
	uint32_t piece_count;
	struct accel_program *program;
	struct accel_buffer *workspace;
	struct accel_buffer *constants;	/* NULL: none */
	struct model_file *files;
	uint32_t file_count;
	struct accel_argument *arguments;	/* per slot */
	struct model_port *inputs;
	struct model_port *outputs;
	uint32_t input_count;
	uint32_t output_count;
	struct accel_model_stats stats;
	struct accel_model_weights weights;
};

/** model_reload() - upload its constants again, or know that they are lost */
int model_reload(struct accel_model *model, struct accel_stream *stream);
/** model_set_host_operations() - the importer's count of what it computed at load time */
void model_set_host_operations(struct accel_model *model, uint32_t count);

#endif
