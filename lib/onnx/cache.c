// SPDX-License-Identifier: MIT
/* Compiled models in a folder, found by what they are made of. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../context.h"
#include "../error.h"
#include "../model_file.h"
#include "onnx.h"

/** struct request - what a model is made of */
struct request {
	const char *path;
	uint64_t batch;
	const struct accel_onnx_dimension *dims;
	uint32_t count;
};

static int add_file(struct digest *digest, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat stat;
	void *map;

	if (fd < 0)
		return error_set(-errno, "%s: %s", path, strerror(errno));
	if (fstat(fd, &stat) || !S_ISREG(stat.st_mode) || !stat.st_size) {
		close(fd);
		return error_set(-EINVAL, "%s: not a regular file, or an empty one", path);
	}
	map = mmap(NULL, (size_t)stat.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	close(fd);
	if (map == MAP_FAILED)
		return error_set(-errno, "%s: %s", path, strerror(errno));
	digest_add(digest, map, (size_t)stat.st_size);
	munmap(map, (size_t)stat.st_size);
	return 0;
}

static int find_key(const struct accel_device *device, const struct request *request,
		    struct digest *key)
{
	uint32_t version = accel_version();
	struct digest card;

	model_file_card_digest(device, &card);
	digest_begin(key);
	digest_add(key, &version, sizeof(version));
	digest_add(key, &card, sizeof(card));
	digest_add(key, &request->batch, sizeof(request->batch));
	for (uint32_t i = 0; i < request->count; i++) {
		digest_add(key, request->dims[i].name, strlen(request->dims[i].name));
		digest_add(key, &request->dims[i].size, sizeof(request->dims[i].size));
	}
	return add_file(key, request->path);
}

/* A failure to keep it is nobody's concern: the next load compiles again. */
static void keep(struct accel_model *model, const char *path, const struct digest *key)
{
	/* The digest knows nothing of weights in other files. */
	if (!model->has_external)
		model_file_save(model, path, key);
}

int accel_model_load_onnx_cached(struct accel_context *context, const char *path,
				 const struct accel_onnx_options *options,
				 const struct accel_onnx_dimension *dims, uint32_t count,
				 uint32_t flags, const char *folder, bool *cached,
				 struct accel_model **model)
{
	struct request request = { path, options && options->batch ? options->batch : 1, dims, count };
	struct digest key;
	char *file;
	int err;

	if (!context || !path || !model || !folder)
		return error_set(-EINVAL, "context, path, folder or model is NULL");
	if (cached)
		*cached = false;
	if (flags & ACCEL_MODEL_WEIGHTS_IN_PLACE)
		return accel_model_load_onnx_dimensions(context, path, options, dims, count, flags, model);
	err = onnx_check_dimensions(dims, count);
	if (!err && !device_get_tcs(context->device))
		err = error_set(-ENOTSUP, "%s has no tensor command set", context->device->info.name);
	if (!err)
		err = find_key(context->device, &request, &key);
	if (err)
		return err;
	if (asprintf(&file, "%s/%016llx%016llx.accel", folder, (unsigned long long)key.word[0],
		     (unsigned long long)key.word[1]) < 0)
		return error_set(-ENOMEM, "out of memory");
	err = model_file_load(context, file, flags & ACCEL_MODEL_KEEP_WEIGHTS, &key, model);
	if (!err && cached)
		*cached = true;
	if (err) {
		err = accel_model_load_onnx_dimensions(context, path, options, dims, count, flags, model);
		if (!err)
			keep(*model, file, &key);
	}
	free(file);
	return err;
}
