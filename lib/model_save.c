// SPDX-License-Identifier: MIT
/* A model to a file: written beside the path, then renamed, so that nobody sees half of one. */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "error.h"
#include "model_file.h"

/** struct image - the file in memory, but for the constants */
struct image {
	struct model_file_header *header;
	uint8_t *bytes;
	uint64_t size;			/* a multiple of MODEL_FILE_ALIGN if constants follow */
};

void model_file_card_digest(const struct accel_device *device, struct digest *digest)
{
	const struct aci_identify_set *set = device_get_tcs(device);

	digest_begin(digest);
	digest_add(digest, set, sizeof(*set));
}

static void put_digest(__le64 out[2], const struct digest *digest)
{
	out[0] = htole64(digest->word[0]);
	out[1] = htole64(digest->word[1]);
}

static uint64_t names_bytes(const struct accel_model *model)
{
	uint64_t bytes = 0;

	for (uint32_t i = 0; i < model->input_count; i++)
		bytes += strlen(model->inputs[i].name) + 1;
	for (uint32_t i = 0; i < model->output_count; i++)
		bytes += strlen(model->outputs[i].name) + 1;
	return bytes;
}

static void put_port(const struct model_port *port, struct model_file_port *raw, char *names,
		     uint32_t *at)
{
	size_t bytes = strlen(port->name) + 1;

	*raw = (struct model_file_port) {
		.offset = htole64(port->offset), .type = htole32(port->info.type),
		.rank = htole32(port->info.rank), .name = htole32(*at),
	};
	for (uint32_t i = 0; i < port->info.rank; i++)
		raw->shape[i] = htole64(port->info.shape[i]);
	memcpy(names + *at, port->name, bytes);
	*at += (uint32_t)bytes;
}

static void fill_image(const struct accel_model *model, struct image *image)
{
	const struct accel_program *program = model->program;
	uint32_t ports = model->input_count + model->output_count, at = 0;
	struct model_file_port *raw = (void *)(image->header + 1);
	char *names = (char *)(raw + ports);
	uint8_t *tensors = (uint8_t *)names + le32toh(image->header->names_bytes);

	for (uint32_t i = 0; i < model->input_count; i++)
		put_port(&model->inputs[i], raw++, names, &at);
	for (uint32_t i = 0; i < model->output_count; i++)
		put_port(&model->outputs[i], raw++, names, &at);
	if (!program->op_count)
		return;
	memcpy(tensors, program->tensors, program->tensor_count * sizeof(*program->tensors));
	memcpy(tensors + program->tensor_count * sizeof(*program->tensors), program->ops,
	       program->op_count * sizeof(*program->ops));
}

static int make_image(const struct accel_model *model, const struct digest *source,
		      struct image *image)
{
	const struct accel_program *program = model->program;
	uint64_t names = names_bytes(model), constants = model->stats.constant_bytes;
	uint64_t size = sizeof(*image->header) + names +
			(uint64_t)(model->input_count + model->output_count) *
			sizeof(struct model_file_port) +
			(uint64_t)program->tensor_count * sizeof(*program->tensors) +
			(uint64_t)program->op_count * sizeof(*program->ops);
	struct digest card;

	if (names > UINT32_MAX)
		return error_set(-E2BIG, "the names of the model are too long");
	if (constants)
		size = (size + MODEL_FILE_ALIGN - 1) & ~(uint64_t)(MODEL_FILE_ALIGN - 1);
	image->bytes = calloc(1, size);
	if (!image->bytes)
		return error_set(-ENOMEM, "out of memory");
	image->size = size;
	image->header = (void *)image->bytes;
	*image->header = (struct model_file_header) {
		.magic = MODEL_FILE_MAGIC, .format = htole32(MODEL_FILE_FORMAT),
		.library = htole32(accel_version()), .file_bytes = htole64(size + constants),
		.workspace_bytes = htole64(model->stats.workspace_bytes),
		.constant_bytes = htole64(constants), .macs = htole64(program->macs),
		.input_count = htole32(model->input_count),
		.output_count = htole32(model->output_count),
		.tensor_count = htole32(program->tensor_count),
		.op_count = htole32(program->op_count), .names_bytes = htole32((uint32_t)names),
		.host_operations = htole32(model->stats.host_operations),
	};
	model_file_card_digest(model->context->device, &card);
	put_digest(image->header->card, &card);
	if (source)
		put_digest(image->header->source, source);
	fill_image(model, image);
	return 0;
}

/* --- Writing ---------------------------------------------------------------------- */

/* From the card's memory: the host has kept no copy. */
static int fetch_constants(const struct accel_model *model, void *to)
{
	const struct accel_stream_options options = {
		.engine = ACCEL_ENGINE_COMPUTE, .priority = ACCEL_PRIORITY_NORMAL,
	};
	struct accel_stream *stream;
	int ret = accel_stream_create(model->context, &options, &stream);

	if (ret)
		return ret;
	ret = accel_stream_download(stream, to, model->constants, 0, model->stats.constant_bytes);
	if (!ret)
		ret = accel_stream_synchronize(stream, ACCEL_WAIT_FOREVER);
	accel_stream_destroy(stream);
	return ret;
}

static int write_map(const struct accel_model *model, struct image *image, uint8_t *map)
{
	uint64_t constants = model->stats.constant_bytes;
	struct digest contents;
	int ret = constants ? fetch_constants(model, map + image->size) : 0;

	if (ret)
		return ret;
	digest_begin(&contents);
	digest_add(&contents, image->header + 1, image->size - sizeof(*image->header));
	digest_add(&contents, map + image->size, constants);
	put_digest(image->header->contents, &contents);
	memcpy(map, image->bytes, image->size);
	return 0;
}

static int write_file(const struct accel_model *model, struct image *image, int fd,
		      const char *path)
{
	uint64_t bytes = le64toh(image->header->file_bytes);
	void *map;
	int ret;

	/* Room on the disk now, not a signal while the map is written. */
	ret = posix_fallocate(fd, 0, (off_t)bytes);
	if (ret)
		return error_set(-ret, "%s: %llu bytes cannot be written: %s", path,
				 (unsigned long long)bytes, strerror(ret));
	map = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		return error_set(-errno, "%s: %s", path, strerror(errno));
	ret = write_map(model, image, map);
	munmap(map, bytes);
	return ret;
}

static int replace_file(const struct accel_model *model, struct image *image, const char *path)
{
	char *beside;
	int fd, ret;

	if (asprintf(&beside, "%s.XXXXXX", path) < 0)
		return error_set(-ENOMEM, "out of memory");
	fd = mkostemp(beside, O_CLOEXEC);
	if (fd < 0) {
		ret = error_set(-errno, "%s: %s", path, strerror(errno));
		free(beside);
		return ret;
	}
	ret = write_file(model, image, fd, path);
	close(fd);
	if (!ret && rename(beside, path))
		ret = error_set(-errno, "%s: %s", path, strerror(errno));
	if (ret)
		unlink(beside);
	free(beside);
	return ret;
}

static int check_saveable(const struct accel_model *model)
{
	if (model->is_lost)
		return error_set(-ENOTRECOVERABLE, "the model's weights were lost with the card's "
				 "memory");
	if (model->weights.in_place_bytes)
		return error_set(-ENOTSUP, "the model uses weights in their files: compile it without "
				 "ACCEL_MODEL_WEIGHTS_IN_PLACE, on a card that has memory for them");
	if (model->vary)
		return error_set(-ENOTSUP, "a model with an open size is not saved");
	if (!device_get_tcs(model->context->device))
		return error_set(-ENOTSUP, "the card has no tensor command set");
	return 0;
}

int model_file_save(struct accel_model *model, const char *path, const struct digest *source)
{
	struct image image = { 0 };
	int ret = check_saveable(model);

	if (!ret)
		ret = make_image(model, source, &image);
	if (!ret)
		ret = replace_file(model, &image, path);
	free(image.bytes);
	return ret;
}

int accel_model_save(struct accel_model *model, const char *path)
{
	if (!model || !path)
		return error_set(-EINVAL, "model and path must not be NULL");
	return model_file_save(model, path, NULL);
}
