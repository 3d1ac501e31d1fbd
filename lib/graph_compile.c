// SPDX-License-Identifier: MIT
/* From a graph to a model: what is needed, where it lives, one program, constants on the card. */
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "model.h"

#define STORAGE_ALIGN	64u

/** struct compile_storage - what compilation knows of a storage */
struct compile_storage {
	bool needed;
	bool kept;			/* an output: alive to the end */
	bool in_place;			/* a constant that the card reads from its file */
	uint32_t first;
	uint32_t last;
	uint64_t offset;		/* in workspace or constants */
};

struct compile {
	struct accel_graph *graph;
	struct accel_model *model;
	const struct model_options *options;
	bool in_place;			/* constants in files stay there */
	struct compile_storage *storages;
	bool *op_needed;
	uint32_t *output_tensors;	/* what is downloaded for each output */
	uint64_t workspace_bytes;
	uint64_t constant_bytes;
};

static const struct graph_tensor *compile_tensor(const struct compile *compile, uint32_t tensor)
{
	return &compile->graph->tensors[tensor - 1];
}

/* --- What is needed --------------------------------------------------------------- */

/* A download reads dense bytes of the workspace: other outputs are copied there first. */
static int outputs_of(struct accel_graph *graph, uint32_t *tensors)
{
	int fused = graph_fuse(graph);

	if (fused)
		return fused;
	for (uint32_t i = 0; i < graph->output_count; i++) {
		const struct graph_tensor *tensor = &graph->tensors[graph->outputs[i].tensor - 1];
		bool direct = view_is_dense(&tensor->view) &&
			      graph->storages[tensor->storage].kind != STORAGE_CONSTANT;
		int ret = 0;

		tensors[i] = graph->outputs[i].tensor;
		if (!direct)
			ret = graph_copy(graph, tensor->view.type, graph->outputs[i].tensor,
					 &tensors[i]);
		if (ret)
			return error_prefix(ret, "output \"%s\": ", graph->outputs[i].name);
	}
	return 0;
}

/* For smaller sizes too, which stay the same as the largest one. */
static int compile_outputs(struct compile *compile)
{
	const struct vary *vary = compile->options->vary;
	int ret = 0;

	for (uint32_t i = 1; vary && i < VARY_SAMPLES && !ret; i++) {
		if (vary->graphs[i]->output_count != compile->graph->output_count)
			return error_set(-ENOTSUP, "the outputs depend on the open size");
		ret = outputs_of(vary->graphs[i], compile->output_tensors);
	}
	if (!ret)
		ret = outputs_of(compile->graph, compile->output_tensors);
	return ret || !vary ? ret : vary_check(vary);
}

static int compile_alloc(struct compile *compile)
{
	struct accel_graph *graph = compile->graph;

	compile->storages = calloc(graph->storage_count, sizeof(*compile->storages));
	compile->op_needed = calloc(graph->op_count + 1, sizeof(*compile->op_needed));
	return compile->storages && compile->op_needed ? 0 : error_set(-ENOMEM, "out of memory");
}

static void compile_use(struct compile *compile, uint32_t tensor, uint32_t step)
{
	struct compile_storage *storage =
		&compile->storages[compile_tensor(compile, tensor)->storage];

	if (!storage->needed) {
		storage->needed = true;
		storage->first = storage->last = step;
	}
	if (step < storage->first)
		storage->first = step;
	if (step > storage->last)
		storage->last = step;
}

static bool compile_is_needed(const struct compile *compile, uint32_t tensor)
{
	return tensor != ACCEL_TENSOR_NONE &&
	       compile->storages[compile_tensor(compile, tensor)->storage].needed;
}

/* Step of operation i is i + 1; inputs arrive at step 0, outputs leave after the last one. */
static void compile_lifetimes(struct compile *compile)
{
	struct accel_graph *graph = compile->graph;

	for (uint32_t i = 0; i < graph->output_count; i++)
		compile_use(compile, compile->output_tensors[i], graph->op_count + 1);
	/* Backwards: what an operation makes is needed if something behind it reads it. */
	for (uint32_t i = graph->op_count; i-- > 0;) {
		const struct graph_op *op = &graph->ops[i];

		if (!compile_is_needed(compile, op->out) && !compile_is_needed(compile, op->out1))
			continue;
		compile->op_needed[i] = true;
		compile_use(compile, op->out, i + 1);
		if (op->out1 != ACCEL_TENSOR_NONE)
			compile_use(compile, op->out1, i + 1);
		for (int n = 0; n < PROGRAM_INPUTS; n++)
			if (op->in[n] != ACCEL_TENSOR_NONE)
				compile_use(compile, op->in[n], i + 1);
	}
	/* All inputs are uploaded, used or not. */
	for (uint32_t i = 0; i < graph->input_count; i++)
		compile_use(compile, graph->inputs[i].tensor, 0);
}

/* --- Where it lives --------------------------------------------------------------- */

static int compile_constants(struct compile *compile)
{
	struct accel_graph *graph = compile->graph;

	for (uint32_t i = 0; i < graph->storage_count; i++) {
		uint64_t end;

		if (graph->storages[i].kind != STORAGE_CONSTANT || !compile->storages[i].needed ||
		    compile->storages[i].in_place)
			continue;
		compile->storages[i].offset = compile->constant_bytes;
		if (__builtin_add_overflow(compile->constant_bytes,
					   graph->storages[i].bytes + STORAGE_ALIGN - 1, &end))
			return error_set(-EINVAL, "the constants are too large");
		compile->constant_bytes = end & ~(uint64_t)(STORAGE_ALIGN - 1);
	}
	return 0;
}

static bool compile_is_planned(const struct compile *compile, uint32_t storage)
{
	return compile->storages[storage].needed &&
	       compile->graph->storages[storage].kind != STORAGE_CONSTANT;
}

static int compile_workspace(struct compile *compile)
{
	struct accel_graph *graph = compile->graph;
	struct plan_item *items = calloc(graph->storage_count, sizeof(*items));
	uint32_t count = 0;
	int ret;

	if (!items)
		return error_set(-ENOMEM, "out of memory");
	for (uint32_t i = 0; i < graph->storage_count; i++)
		if (compile_is_planned(compile, i))
			items[count++] = (struct plan_item) {
				.bytes = graph->storages[i].bytes,
				.first = compile->storages[i].first,
				.last = compile->storages[i].last,
			};
	ret = graph_plan(items, count, STORAGE_ALIGN, &compile->workspace_bytes);
	if (ret)
		error_set(ret, "the memory of the graph cannot be planned: %s", strerror(-ret));
	count = 0;
	for (uint32_t i = 0; i < graph->storage_count && !ret; i++)
		if (compile_is_planned(compile, i))
			compile->storages[i].offset = items[count++].offset;
	free(items);
	return ret;
}

/* --- The program ------------------------------------------------------------------ */

/* With an open size the numbers that depend on it come from arguments. */
static int compile_view(const struct compile *compile, uint32_t tensor, bool open,
			struct accel_view *view)
{
	const struct graph_tensor *found = compile_tensor(compile, tensor);
	const struct graph_storage *storage = &compile->graph->storages[found->storage];
	uint64_t base = compile->storages[found->storage].offset;

	*view = found->view;
	view->slot = storage->kind == STORAGE_CONSTANT ? MODEL_SLOT_CONSTANTS
							 : MODEL_SLOT_WORKSPACE;
	if (compile->storages[found->storage].in_place) {
		view->slot = MODEL_SLOT_FILES + storage->file;
		base = storage->file_offset;
	}
	view->offset += base;
	return open ? vary_view(compile->options->vary, tensor, base, view) : 0;
}

/** struct compile_views - of one operation; the record points to them */
struct compile_views {
	struct accel_view in[PROGRAM_INPUTS], out, out1;
};

static int compile_record(const struct compile *compile, const struct graph_op *op, bool open,
			  struct compile_views *views, struct program_op *record)
{
	int ret = 0;

	*record = (struct program_op) {
		.opcode = op->opcode, .function = op->function, .alpha = op->alpha,
		.beta = op->beta, .alpha_slot = ACCEL_SLOT_NONE, .beta_slot = ACCEL_SLOT_NONE,
		.axis = op->axis, .axes = op->axes, .count = op->count, .epsilon = op->epsilon,
		.value = op->value, .step = op->step, .flags = op->flags, .window = &op->window,
		.resize = &op->resize, .out = &views->out,
	};
	for (int i = 0; i < PROGRAM_INPUTS && !ret; i++) {
		if (op->in[i] == ACCEL_TENSOR_NONE)
			continue;
		ret = compile_view(compile, op->in[i], open, &views->in[i]);
		record->in[i] = &views->in[i];
	}
	if (!ret)
		ret = compile_view(compile, op->out, open, &views->out);
	if (ret || op->out1 == ACCEL_TENSOR_NONE)
		return ret;
	record->out1 = &views->out1;
	return compile_view(compile, op->out1, open, &views->out1);
}

/* The multiply-accumulates are those of the largest size. */
static int compile_op(const struct compile *compile, const struct graph_op *op,
		      struct accel_program *program, uint64_t *macs)
{
	bool open = compile->options->vary;
	struct compile_views views;
	struct program_op record;
	uint64_t fixed = 0;
	int ret = 0;

	if (open) {
		ret = compile_record(compile, op, false, &views, &record);
		if (!ret)
			ret = program_check_op(compile->graph->device, &record);
		fixed = record.macs;
	}
	if (!ret)
		ret = compile_record(compile, op, open, &views, &record);
	if (!ret)
		ret = program_add(program, &record);
	*macs += open ? fixed : record.macs;
	return ret;
}

static int compile_program(const struct compile *compile, struct accel_model *model)
{
	int ret = accel_program_create(compile->graph->device, &model->program);

	if (compile->options->vary)
		compile->options->vary->slot = MODEL_SLOT_FILES + compile->graph->file_count;
	for (uint32_t i = 0; i < compile->graph->op_count && !ret; i++)
		if (compile->op_needed[i])
			ret = compile_op(compile, &compile->graph->ops[i], model->program,
					 &model->stats.macs);
	return ret;
}

/* --- To the card ------------------------------------------------------------------ */

static int compile_buffers(const struct compile *compile, struct accel_model *model)
{
	bool card = model->context->device->facts.card_memory_bytes;
	enum accel_placement placement = card ? ACCEL_MEMORY_CARD : ACCEL_MEMORY_HOST;
	int ret = 0;

	if (compile->workspace_bytes && !compile->options->no_workspace)
		ret = accel_buffer_create(model->context, compile->workspace_bytes, placement, 0,
					  &model->workspace);
	if (!ret && compile->constant_bytes && !model->shares_constants)
		ret = accel_buffer_create(model->context, compile->constant_bytes, placement,
					  ACCEL_BUFFER_READONLY, &model->constants);
	return ret;
}

/* From the page cache by the card itself where it may, else by way of this side. */
static int upload_constant(const struct compile *compile, struct accel_stream *stream,
			   uint32_t index)
{
	const struct graph_storage *storage = &compile->graph->storages[index];
	struct accel_model *model = compile->model;
	uint64_t offset = compile->storages[index].offset;
	const void *data = storage->data;

	if (!data && model->files[storage->file].buffer) {
		model->weights.direct_bytes += storage->bytes;
		return accel_stream_copy_buffer(stream, model->constants, offset,
						model->files[storage->file].buffer,
						storage->file_offset, storage->bytes);
	}
	if (!data)
		data = model->files[storage->file].file->map + storage->file_offset;
	model->weights.copied_bytes += storage->bytes;
	return accel_stream_upload(stream, model->constants, offset, data, storage->bytes);
}

/* For the day when card memory is lost: a file is there anyway, the graph's memory is not. */
static int keep_constant(const struct compile *compile, uint32_t index)
{
	const struct graph_storage *storage = &compile->graph->storages[index];
	struct accel_model *model = compile->model;
	struct model_piece *piece = &model->pieces[model->piece_count];

	*piece = (struct model_piece) {
		.offset = compile->storages[index].offset, .bytes = storage->bytes,
		.file = storage->file, .file_offset = storage->file_offset,
	};
	if (storage->data) {
		piece->data = malloc(storage->bytes);
		if (!piece->data)
			return error_set(-ENOMEM, "out of memory");
		memcpy(piece->data, storage->data, storage->bytes);
	}
	model->piece_count++;
	return 0;
}

static int keep_constants(const struct compile *compile)
{
	const struct accel_graph *graph = compile->graph;
	struct accel_model *model = compile->model;
	int ret = 0;

	if (!model->keeps_weights || model->shares_constants)
		return 0;
	model->pieces = calloc(graph->storage_count, sizeof(*model->pieces));
	if (!model->pieces)
		return error_set(-ENOMEM, "out of memory");
	for (uint32_t i = 0; i < graph->storage_count && !ret; i++)
		if (graph->storages[i].kind == STORAGE_CONSTANT && compile->storages[i].needed &&
		    !compile->storages[i].in_place && graph->storages[i].bytes)
			ret = keep_constant(compile, i);
	return ret;
}

static bool constant_is_piece(const struct compile *compile, uint32_t index,
			      const struct accel_model *like, const struct model_piece *piece)
{
	const struct graph_storage *storage = &compile->graph->storages[index];
	const struct graph_file *a, *b;

	if (piece->offset != compile->storages[index].offset || piece->bytes != storage->bytes ||
	    !piece->data != !storage->data)
		return false;
	if (storage->data)
		return !memcmp(piece->data, storage->data, storage->bytes);
	a = compile->graph->files[storage->file];
	b = like->files[piece->file].file;
	return piece->file_offset == storage->file_offset && a->device == b->device &&
	       a->inode == b->inode;
}

/* Another batch size of a model: the same constants, at the same places. */
static void compile_share(const struct compile *compile, struct accel_model *model)
{
	const struct accel_model *like = compile->options->like;
	const struct accel_graph *graph = compile->graph;
	uint32_t next = 0;

	if (!like || like->is_lost || !like->constants ||
	    like->stats.constant_bytes != compile->constant_bytes)
		return;
	for (uint32_t i = 0; i < graph->storage_count; i++) {
		if (graph->storages[i].kind != STORAGE_CONSTANT || !compile->storages[i].needed ||
		    compile->storages[i].in_place || !graph->storages[i].bytes)
			continue;
		if (next == like->piece_count ||
		    !constant_is_piece(compile, i, like, &like->pieces[next++]))
			return;
	}
	model->shares_constants = next == like->piece_count;
	if (model->shares_constants)
		model->constants = like->constants;
}

static int upload_constants(const struct compile *compile, struct accel_stream *stream)
{
	const struct accel_graph *graph = compile->graph;
	int ret = 0;

	for (uint32_t i = 0; i < graph->storage_count && !ret; i++) {
		if (graph->storages[i].kind != STORAGE_CONSTANT || !compile->storages[i].needed)
			continue;
		if (compile->storages[i].in_place)
			compile->model->weights.in_place_bytes += graph->storages[i].bytes;
		else if (!compile->model->shares_constants)
			ret = upload_constant(compile, stream, i);
	}
	return ret;
}

static int compile_upload(const struct compile *compile, struct accel_model *model)
{
	const struct accel_stream_options options = {
		.engine = ACCEL_ENGINE_COMPUTE, .priority = ACCEL_PRIORITY_NORMAL,
	};
	struct accel_stream *stream;
	int ret = accel_stream_create(model->context, &options, &stream);

	if (ret)
		return ret;
	ret = upload_constants(compile, stream);
	if (!ret && model->program->op_count)
		ret = accel_program_load(model->program, model->context, stream);
	if (!ret)
		ret = accel_stream_synchronize(stream, ACCEL_WAIT_FOREVER);
	accel_stream_destroy(stream);
	return ret;
}

static int compile_arguments(struct accel_model *model)
{
	model->argument_count = MODEL_SLOT_FILES + model->file_count +
				(model->vary ? model->vary->count : 0);
	model->arguments = calloc(model->argument_count, sizeof(*model->arguments));
	if (!model->arguments)
		return error_set(-ENOMEM, "out of memory");
	model->arguments[MODEL_SLOT_WORKSPACE].buffer = model->workspace;
	model->arguments[MODEL_SLOT_CONSTANTS].buffer = model->constants;
	for (uint32_t i = 0; i < model->file_count; i++)
		model->arguments[MODEL_SLOT_FILES + i].buffer = model->files[i].buffer;
	return 0;
}

/* --- Files of constants ----------------------------------------------------------- */

/* What is refused (too much to be locked, another kind of file system) is copied instead. */
static int compile_files(struct compile *compile)
{
	struct accel_graph *graph = compile->graph;
	struct accel_model *model = compile->model;

	if (!graph->file_count)
		return 0;
	if (graph->file_count > PROGRAM_SLOTS_MAX - MODEL_SLOT_FILES)
		return error_set(-E2BIG, "constants in %u files", graph->file_count);
	model->files = calloc(graph->file_count, sizeof(*model->files));
	if (!model->files)
		return error_set(-ENOMEM, "out of memory");
	model->file_count = graph->file_count;
	for (uint32_t i = 0; i < graph->file_count; i++) {
		struct graph_file *file = graph->files[i];

		__atomic_fetch_add(&file->refs, 1, __ATOMIC_RELAXED);
		model->files[i].file = file;
		accel_buffer_register_host(model->context, file->map, file->bytes,
					   ACCEL_BUFFER_READONLY, &model->files[i].buffer);
	}
	return 0;
}

/* The card has no memory, or too little for the constants. */
static bool compile_wants_in_place(const struct compile *compile)
{
	const struct accel_graph *graph = compile->graph;
	uint64_t total, available, needed = 0;

	if (compile->in_place || !graph->device->facts.card_memory_bytes)
		return true;
	for (uint32_t i = 0; i < graph->storage_count; i++)
		if (graph->storages[i].kind == STORAGE_CONSTANT && compile->storages[i].needed)
			needed += graph->storages[i].bytes;
	return !accel_memory_get_info(graph->device, &total, &available) && needed > available;
}

static uint64_t storage_align(const struct compile *compile, uint32_t storage)
{
	const struct accel_graph *graph = compile->graph;

	for (uint32_t i = 0; i < graph->tensor_count; i++)
		if (graph->tensors[i].storage == storage)
			return accel_type_bytes(graph->tensors[i].view.type);
	return STORAGE_ALIGN;
}

static void compile_in_place(struct compile *compile)
{
	const struct accel_graph *graph = compile->graph;

	if (!graph->file_count || !compile_wants_in_place(compile))
		return;
	for (uint32_t i = 0; i < graph->storage_count; i++) {
		const struct graph_storage *storage = &graph->storages[i];

		compile->storages[i].in_place =
			storage->kind == STORAGE_CONSTANT && !storage->data &&
			compile->model->files[storage->file].buffer &&
			storage->file_offset % storage_align(compile, i) == 0;
	}
}

/* The model keeps what it uses in place. */
static void compile_drop_files(const struct compile *compile)
{
	struct accel_model *model = compile->model;

	for (uint32_t i = 0; i < model->file_count; i++) {
		bool used = false;

		for (uint32_t s = 0; s < compile->graph->storage_count && !used; s++)
			used = (compile->storages[s].in_place || model->keeps_weights) &&
			       compile->storages[s].needed &&
			       compile->graph->storages[s].kind == STORAGE_CONSTANT &&
			       !compile->graph->storages[s].data &&
			       compile->graph->storages[s].file == i;
		if (used)
			continue;
		accel_buffer_destroy(model->files[i].buffer);
		graph_file_unref(model->files[i].file);
		model->files[i] = (struct model_file) { 0 };
	}
}

/* --- Inputs and outputs ----------------------------------------------------------- */

static int compile_port(const struct compile *compile, const char *name, uint32_t tensor,
			struct model_port *port)
{
	const struct graph_tensor *found = compile_tensor(compile, tensor);
	struct accel_tensor_info *info = &port->info;

	port->name = strdup(name);
	if (!port->name)
		return error_set(-ENOMEM, "out of memory");
	port->offset = compile->storages[found->storage].offset + found->view.offset;
	info->name = port->name;
	info->type = found->view.type;
	info->rank = found->view.rank;
	memcpy(info->shape, found->view.shape, sizeof(info->shape));
	info->bytes = accel_type_bytes(info->type);
	for (uint32_t i = 0; i < info->rank; i++)
		info->bytes *= info->shape[i];
	if (!compile->options->vary)
		return 0;
	port->dims = calloc(ACCEL_RANK_MAX, sizeof(*port->dims));
	if (!port->dims)
		return error_set(-ENOMEM, "out of memory");
	return vary_shape(compile->options->vary, tensor, port->dims);
}

static int compile_ports(const struct compile *compile, struct accel_model *model)
{
	struct accel_graph *graph = compile->graph;
	int ret = 0;

	model->inputs = calloc(graph->input_count + 1, sizeof(*model->inputs));
	model->outputs = calloc(graph->output_count + 1, sizeof(*model->outputs));
	if (!model->inputs || !model->outputs)
		return error_set(-ENOMEM, "out of memory");
	for (; model->input_count < graph->input_count && !ret; model->input_count++)
		ret = compile_port(compile, graph->inputs[model->input_count].name,
				   graph->inputs[model->input_count].tensor,
				   &model->inputs[model->input_count]);
	for (; model->output_count < graph->output_count && !ret; model->output_count++)
		ret = compile_port(compile, graph->outputs[model->output_count].name,
				   compile->output_tensors[model->output_count],
				   &model->outputs[model->output_count]);
	return ret;
}

/* Before the planning, which takes time that grows with the square. */
static int compile_check_size(const struct compile *compile)
{
	const struct accel_graph *graph = compile->graph;
	const struct aci_identify_set *set = device_get_tcs(graph->device);
	uint32_t operations = 0, tensors = 0;

	for (uint32_t i = 0; i < graph->op_count; i++)
		operations += compile->op_needed[i];
	for (uint32_t i = 0; i < graph->storage_count; i++)
		tensors += compile_is_planned(compile, i);
	if (set && (operations > le32toh(set->ops_max) || tensors > le32toh(set->tensors_max)))
		return error_set(-E2BIG, "the card takes programs of %u operations and %u tensors "
				 "at most, the graph has %u and %u", le32toh(set->ops_max),
				 le32toh(set->tensors_max), operations, tensors);
	return 0;
}

static int compile_plan(struct compile *compile)
{
	int ret = compile_outputs(compile);

	if (!ret)
		ret = compile_alloc(compile);
	if (ret)
		return ret;
	compile_lifetimes(compile);
	ret = compile_check_size(compile);
	if (!ret)
		ret = compile_files(compile);
	if (ret)
		return ret;
	compile_in_place(compile);
	ret = compile_constants(compile);
	return ret ? ret : compile_workspace(compile);
}

static int compile_to_card(const struct compile *compile, struct accel_model *model)
{
	int ret;

	compile_share(compile, model);
	ret = compile_buffers(compile, model);
	if (!ret)
		ret = keep_constants(compile);
	if (!ret)
		ret = compile_upload(compile, model);
	if (!ret) {
		compile_drop_files(compile);
		ret = compile_arguments(model);
	}
	return ret;
}

static int compile_model(struct compile *compile, struct accel_model *model)
{
	int ret = compile_plan(compile);

	if (!ret)
		ret = compile_ports(compile, model);
	if (!ret)
		ret = compile_program(compile, model);
	if (!ret && !compile->options->facts_only)
		ret = compile_to_card(compile, model);
	if (ret)
		return ret;
	model->stats.card_operations = model->program->op_count;
	model->stats.workspace_bytes = compile->workspace_bytes;
	model->stats.constant_bytes = compile->constant_bytes;
	return 0;
}

int model_compile(struct accel_graph *graph, struct accel_context *context,
		  const struct model_options *options, struct accel_model **out)
{
	const uint32_t flags = options->flags;
	struct compile compile = {
		.graph = graph, .options = options,
		.in_place = flags & ACCEL_MODEL_WEIGHTS_IN_PLACE,
	};
	struct accel_model *model;
	int ret;

	if (!graph || !context || !out)
		return error_set(-EINVAL, "no argument may be NULL");
	*out = NULL;
	if (flags & ~(uint32_t)(ACCEL_MODEL_WEIGHTS_IN_PLACE | ACCEL_MODEL_KEEP_WEIGHTS))
		return error_set(-EINVAL, "unknown model flags 0x%x", flags);
	if (graph->device != context->device)
		return error_set(-EINVAL, "graph and context are not of the same device");
	if (!graph->output_count)
		return error_set(-EINVAL, "the graph has no output");
	model = calloc(1, sizeof(*model));
	compile.output_tensors = calloc(graph->output_count, sizeof(*compile.output_tensors));
	if (model && compile.output_tensors) {
		model->context = context;
		model->keeps_weights = flags & ACCEL_MODEL_KEEP_WEIGHTS;
		model->vary = options->vary;
		compile.model = model;
		ret = compile_model(&compile, model);
	} else {
		ret = error_set(-ENOMEM, "out of memory");
	}
	free(compile.storages);
	free(compile.op_needed);
	free(compile.output_tensors);
	if (ret) {
		/* The caller's still. */
		if (model)
			model->vary = NULL;
		accel_model_destroy(model);
		return ret;
	}
	if (options->facts_only) {
		model_drop_files(model);
	} else {
		model_list(model);
	}
	*out = model;
	return 0;
}

int accel_model_compile_flags(struct accel_graph *graph, struct accel_context *context,
			      uint32_t flags, struct accel_model **out)
{
	const struct model_options options = { .flags = flags };

	return model_compile(graph, context, &options, out);
}

int accel_model_compile(struct accel_graph *graph, struct accel_context *context,
			struct accel_model **out)
{
	return accel_model_compile_flags(graph, context, 0, out);
}
