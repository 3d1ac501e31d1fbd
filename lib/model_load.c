// SPDX-License-Identifier: MIT
/* A model from a file that somebody else may have written. */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "error.h"
#include "model_file.h"

#define PORTS_MAX	65536u

/** struct source - the file, mapped, and where its parts are */
struct source {
	const char *path;
	struct graph_file *file;	/* a reference */
	struct model_file_header header;
	const struct model_file_port *ports;
	const char *names;
	const uint8_t *tensors;
	const uint8_t *ops;
	uint64_t constants;		/* offset */
};

static int broken(const struct source *source, const char *what)
{
	return error_set(-EINVAL, "%s: %s", source->path, what);
}

/* --- The file --------------------------------------------------------------------- */

/* A copy in memory of its own would cost as much as the weights; so it is mapped, as a graph's. */
static int open_source(struct source *source)
{
	int fd = open(source->path, O_RDONLY | O_CLOEXEC);
	struct stat stat;
	void *map;

	if (fd < 0)
		return error_set(-errno, "%s: %s", source->path, strerror(errno));
	if (fstat(fd, &stat) || !S_ISREG(stat.st_mode) ||
	    (uint64_t)stat.st_size < sizeof(source->header)) {
		close(fd);
		return broken(source, "not a compiled model: no regular file, or too short");
	}
	source->file = calloc(1, sizeof(*source->file));
	map = mmap(NULL, (size_t)stat.st_size, PROT_READ, MAP_SHARED, fd, 0);
	close(fd);
	if (!source->file || map == MAP_FAILED) {
		if (map != MAP_FAILED)
			munmap(map, (size_t)stat.st_size);
		free(source->file);
		source->file = NULL;
		return error_set(-ENOMEM, "%s: cannot be mapped", source->path);
	}
	*source->file = (struct graph_file) {
		.refs = 1, .device = stat.st_dev, .inode = stat.st_ino, .map = map,
		.bytes = (uint64_t)stat.st_size,
	};
	memcpy(&source->header, map, sizeof(source->header));
	return 0;
}

static bool same_digest(const __le64 raw[2], const struct digest *digest)
{
	return le64toh(raw[0]) == digest->word[0] && le64toh(raw[1]) == digest->word[1];
}

/* Whom the file is for, before anything of it is looked at. */
static int check_kind(const struct source *source, const struct accel_device *device,
		      const struct digest *made_of)
{
	const struct model_file_header *header = &source->header;
	uint32_t library = le32toh(header->library), ours = accel_version();
	struct digest card;

	if (memcmp(header->magic, MODEL_FILE_MAGIC, sizeof(header->magic)))
		return broken(source, "not a compiled model");
	if (le32toh(header->format) != MODEL_FILE_FORMAT || library != ours)
		return error_set(-ESTALE, "%s: compiled by libaccel %u.%u, this is %u.%u: compile the "
				 "model again", source->path, library >> 16, library & 0xffff,
				 ours >> 16, ours & 0xffff);
	if (!device_get_tcs(device))
		return error_set(-ENOTSUP, "%s has no tensor command set", device->info.name);
	model_file_card_digest(device, &card);
	if (!same_digest(header->card, &card))
		return error_set(-ESTALE, "%s: compiled for a card with other operations: compile the "
				 "model again", source->path);
	if (made_of && !same_digest(header->source, made_of))
		return error_set(-ESTALE, "%s: compiled from another model", source->path);
	return 0;
}

/* Sizes of all parts, which must be the file's. 64 bits hold them: all counts have 32. */
static int find_parts(struct source *source)
{
	const struct model_file_header *header = &source->header;
	uint64_t ports = (uint64_t)le32toh(header->input_count) + le32toh(header->output_count);
	uint64_t names = sizeof(*header) + ports * sizeof(*source->ports);
	uint64_t tensors = names + le32toh(header->names_bytes);
	uint64_t ops = tensors + (uint64_t)le32toh(header->tensor_count) *
				 sizeof(struct aci_tcs_tensor);
	uint64_t end = ops + (uint64_t)le32toh(header->op_count) * sizeof(struct aci_tcs_op);
	uint64_t constants = le64toh(header->constant_bytes), bytes = source->file->bytes;

	if (constants)
		end = (end + MODEL_FILE_ALIGN - 1) & ~(uint64_t)(MODEL_FILE_ALIGN - 1);
	if (ports > PORTS_MAX)
		return broken(source, "more inputs and outputs than a model has");
	if (le64toh(header->file_bytes) != bytes || end > bytes || bytes - end != constants)
		return broken(source, "its size is not what its header says: cut off, or changed");
	source->ports = (const void *)(source->file->map + sizeof(*header));
	source->names = (const char *)source->file->map + names;
	source->tensors = source->file->map + tensors;
	source->ops = source->file->map + ops;
	source->constants = end;
	return 0;
}

static int check_contents(const struct source *source)
{
	uint64_t begin = sizeof(source->header);
	struct digest digest;

	digest_begin(&digest);
	digest_add(&digest, source->file->map + begin, source->constants - begin);
	digest_add(&digest, source->file->map + source->constants,
		   le64toh(source->header.constant_bytes));
	if (!same_digest(source->header.contents, &digest))
		return broken(source, "damaged: its contents are not what they were");
	return 0;
}

/* --- The parts -------------------------------------------------------------------- */

static int load_name(const struct source *source, uint32_t at, char **name)
{
	uint32_t bytes = le32toh(source->header.names_bytes);

	if (at >= bytes || !memchr(source->names + at, 0, bytes - at))
		return broken(source, "a name does not end");
	*name = strdup(source->names + at);
	return *name ? 0 : error_set(-ENOMEM, "out of memory");
}

static int load_port(const struct source *source, const struct model_file_port *raw,
		     struct model_port *port)
{
	struct accel_tensor_info *info = &port->info;
	uint64_t shape[ACCEL_RANK_MAX], end;
	struct accel_view view;

	for (uint32_t i = 0; i < ACCEL_RANK_MAX; i++)
		shape[i] = le64toh(raw->shape[i]);
	port->offset = le64toh(raw->offset);
	if (raw->reserved || le32toh(raw->rank) > ACCEL_RANK_MAX ||
	    accel_view_init(&view, (enum accel_type)le32toh(raw->type), MODEL_SLOT_WORKSPACE,
			    port->offset, le32toh(raw->rank), shape) ||
	    view_extent(&view, &end) || end > le64toh(source->header.workspace_bytes))
		return broken(source, "an input or output is outside of the model's memory");
	info->type = view.type;
	info->rank = view.rank;
	info->bytes = end - port->offset;
	memcpy(info->shape, view.shape, sizeof(info->shape));
	return load_name(source, le32toh(raw->name), &port->name);
}

static int load_ports(const struct source *source, const struct model_file_port *raw,
		      uint32_t count, struct model_port **ports, uint32_t *loaded)
{
	int ret = 0;

	*ports = calloc(count + 1, sizeof(**ports));
	if (!*ports)
		return error_set(-ENOMEM, "out of memory");
	for (; *loaded < count && !ret; (*loaded)++) {
		ret = load_port(source, &raw[*loaded], &(*ports)[*loaded]);
		(*ports)[*loaded].info.name = (*ports)[*loaded].name;
	}
	return ret;
}

/* All operands lie in the workspace or the constants, at known places: that is how models are. */
static int check_tensor(const struct source *source, const struct aci_tcs_tensor *raw)
{
	struct accel_view view = {
		.type = (enum accel_type)raw->type, .rank = raw->rank, .slot = le16toh(raw->slot),
		.offset = le64toh(raw->offset),
	};
	uint64_t limit = le64toh(view.slot == MODEL_SLOT_WORKSPACE ? source->header.workspace_bytes :
								     source->header.constant_bytes);
	uint64_t end;

	for (uint32_t i = 0; i < ACCEL_RANK_MAX; i++) {
		view.shape[i] = le64toh(raw->shape[i]);
		view.stride[i] = (int64_t)le64toh(raw->stride[i]);
	}
	if (view.slot > MODEL_SLOT_CONSTANTS || raw->shape_from_arg || raw->stride_from_arg ||
	    le16toh(raw->offset_slot) != ACI_TCS_NONE || view_extent(&view, &end) || end > limit)
		return broken(source, "an operand is outside of the model's memory");
	return 0;
}

static int load_program(const struct source *source, struct accel_model *model)
{
	const struct model_file_header *header = &source->header;
	uint32_t tensors = le32toh(header->tensor_count), ops = le32toh(header->op_count);
	struct aci_tcs_tensor tensor;
	int ret = accel_program_create(model->context->device, &model->program);

	for (uint32_t i = 0; i < tensors && !ret; i++) {
		memcpy(&tensor, source->tensors + i * sizeof(tensor), sizeof(tensor));
		ret = check_tensor(source, &tensor);
	}
	if (!ret)
		ret = program_restore(model->program, source->tensors, tensors, source->ops, ops,
				      le64toh(header->macs));
	return ret ? error_prefix(ret, "%s: ", source->path) : 0;
}

/* --- To the card ------------------------------------------------------------------ */

static int make_buffers(struct accel_model *model)
{
	bool card = model->context->device->facts.card_memory_bytes;
	enum accel_placement placement = card ? ACCEL_MEMORY_CARD : ACCEL_MEMORY_HOST;
	int ret = 0;

	if (model->stats.workspace_bytes)
		ret = accel_buffer_create(model->context, model->stats.workspace_bytes, placement, 0,
					  &model->workspace);
	if (!ret && model->stats.constant_bytes)
		ret = accel_buffer_create(model->context, model->stats.constant_bytes, placement,
					  ACCEL_BUFFER_READONLY, &model->constants);
	return ret;
}

static int upload(const struct source *source, struct accel_model *model)
{
	const struct accel_stream_options options = {
		.engine = ACCEL_ENGINE_COMPUTE, .priority = ACCEL_PRIORITY_NORMAL,
	};
	struct accel_stream *stream;
	int ret = accel_stream_create(model->context, &options, &stream);

	if (ret)
		return ret;
	if (model->constants)
		ret = accel_stream_upload(stream, model->constants, 0,
					  source->file->map + source->constants,
					  model->stats.constant_bytes);
	model->weights.copied_bytes = model->stats.constant_bytes;
	if (!ret && model->program->op_count)
		ret = accel_program_load(model->program, model->context, stream);
	if (!ret)
		ret = accel_stream_synchronize(stream, ACCEL_WAIT_FOREVER);
	accel_stream_destroy(stream);
	return ret;
}

/* The file is where they come from again when card memory was lost. */
static int keep_weights(struct source *source, struct accel_model *model)
{
	model->files = calloc(1, sizeof(*model->files));
	model->pieces = calloc(1, sizeof(*model->pieces));
	if (!model->files || !model->pieces)
		return error_set(-ENOMEM, "out of memory");
	model->file_count = 1;
	model->files[0].file = source->file;
	__atomic_fetch_add(&source->file->refs, 1, __ATOMIC_RELAXED);
	model->pieces[0] = (struct model_piece) {
		.bytes = model->stats.constant_bytes, .file_offset = source->constants,
	};
	model->piece_count = model->stats.constant_bytes ? 1 : 0;
	return 0;
}

static int make_arguments(struct accel_model *model)
{
	model->argument_count = MODEL_SLOT_FILES + model->file_count;
	model->arguments = calloc(model->argument_count, sizeof(*model->arguments));
	if (!model->arguments)
		return error_set(-ENOMEM, "out of memory");
	model->arguments[MODEL_SLOT_WORKSPACE].buffer = model->workspace;
	model->arguments[MODEL_SLOT_CONSTANTS].buffer = model->constants;
	return 0;
}

static int load_parts(struct source *source, struct accel_model *model)
{
	const struct model_file_header *header = &source->header;
	uint32_t inputs = le32toh(header->input_count), outputs = le32toh(header->output_count);
	int ret = load_ports(source, source->ports, inputs, &model->inputs, &model->input_count);

	if (!ret)
		ret = load_ports(source, source->ports + inputs, outputs, &model->outputs,
				 &model->output_count);
	if (!ret)
		ret = load_program(source, model);
	if (ret)
		return ret;
	model->stats = (struct accel_model_stats) {
		.card_operations = le32toh(header->op_count),
		.host_operations = le32toh(header->host_operations),
		.macs = le64toh(header->macs),
		.workspace_bytes = le64toh(header->workspace_bytes),
		.constant_bytes = le64toh(header->constant_bytes),
	};
	ret = make_buffers(model);
	if (!ret && model->keeps_weights)
		ret = keep_weights(source, model);
	if (!ret)
		ret = make_arguments(model);
	if (!ret)
		ret = upload(source, model);
	return ret ? error_prefix(ret, "%s: ", source->path) : 0;
}

int model_file_load(struct accel_context *context, const char *path, uint32_t flags,
		    const struct digest *made_of, struct accel_model **out)
{
	struct source source = { .path = path };
	struct accel_model *model;
	int ret;

	*out = NULL;
	if (flags & ~(uint32_t)ACCEL_MODEL_KEEP_WEIGHTS)
		return error_set(-EINVAL, "a compiled model takes no flags 0x%x",
				 flags & ~(uint32_t)ACCEL_MODEL_KEEP_WEIGHTS);
	model = calloc(1, sizeof(*model));
	if (!model)
		return error_set(-ENOMEM, "out of memory");
	model->context = context;
	model->keeps_weights = flags & ACCEL_MODEL_KEEP_WEIGHTS;
	ret = open_source(&source);
	if (!ret)
		ret = check_kind(&source, context->device, made_of);
	if (!ret)
		ret = find_parts(&source);
	if (!ret)
		ret = check_contents(&source);
	if (!ret)
		ret = load_parts(&source, model);
	graph_file_unref(source.file);
	if (ret) {
		accel_model_destroy(model);
		return ret;
	}
	model_list(model);
	*out = model;
	return 0;
}

int accel_model_load(struct accel_context *context, const char *path, uint32_t flags,
		     struct accel_model **model)
{
	if (!context || !path || !model)
		return error_set(-EINVAL, "context, path or model is NULL");
	return model_file_load(context, path, flags, NULL, model);
}
