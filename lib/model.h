/* SPDX-License-Identifier: MIT */
/*
 * Models: a graph as one program, with constants and workspace on a card.
 *
 * Locking: none; one thread runs a model at a time, as it has one workspace.
 */
#ifndef LIB_MODEL_H
#define LIB_MODEL_H

#include "graph.h"
#include "vary.h"

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
	struct vary_poly *dims;		/* with an open size: of info.shape; else NULL */
};

struct accel_model {
	struct accel_context *context;
	LIST_ENTRY(accel_model) link;	/* in context->models */
	bool is_listed;
	bool keeps_weights;
	bool is_lost;			/* its constants are, for good */
	bool has_external;		/* its weights came from files beside the ONNX file */
	bool shares_constants;		/* they are those of another model, which outlives it */
	struct model_piece *pieces;	/* with keeps_weights: all that constants holds */
	uint32_t piece_count;
	struct accel_program *program;
	struct accel_buffer *workspace;
	struct accel_buffer *constants;	/* NULL: none */
	struct model_file *files;
	uint32_t file_count;
	struct accel_argument *arguments;	/* per slot */
	uint32_t argument_count;
	struct vary *vary;		/* NULL: there is no open size */
	struct model_port *inputs;
	struct model_port *outputs;
	uint32_t input_count;
	uint32_t output_count;
	struct accel_model_stats stats;
	struct accel_model_weights weights;
};

/** struct model_options - how a graph is compiled */
struct model_options {
	uint32_t flags;			/* ACCEL_MODEL_* */
	bool facts_only;		/* ports and sizes: nothing goes to the card, it cannot run */
	bool no_workspace;		/* whoever runs it brings a buffer of stats.workspace_bytes */
	/* Of the same context, with ACCEL_MODEL_KEEP_WEIGHTS: use its constants if they are equal. */
	struct accel_model *like;
	struct vary *vary;		/* NULL, or what becomes the model's: graphs[0] is the graph */
};

/** model_compile() - accel_model_compile_flags(), and more */
int model_compile(struct accel_graph *graph, struct accel_context *context,
		  const struct model_options *options, struct accel_model **model);
/** model_load_onnx() - accel_model_load_onnx_dimensions(), and more */
int model_load_onnx(struct accel_context *context, const char *path, uint64_t batch,
		    const struct accel_onnx_dimension *dims, uint32_t count,
		    const struct model_options *options, struct accel_model **model);
/** model_drop_files() - it cannot run after this, if it uses any in place */
void model_drop_files(struct accel_model *model);
/** model_list() - make the model known to its context, which restores it after a loss */
void model_list(struct accel_model *model);
/** model_set_size() - scalars of the arguments, for an open size */
void model_set_size(struct accel_model *model, uint64_t size);
/** model_port_bytes() - of an input or output at @size */
uint64_t model_port_bytes(const struct accel_model *model, const struct model_port *port,
			  uint64_t size);
/** model_reload() - upload its constants again, or know that they are lost */
int model_reload(struct accel_model *model, struct accel_stream *stream);
/** model_set_host_operations() - the importer's count of what it computed at load time */
void model_set_host_operations(struct accel_model *model, uint32_t count);

#endif
