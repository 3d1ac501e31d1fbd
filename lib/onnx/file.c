// SPDX-License-Identifier: MIT
/* Maps and unpacks an ONNX file, with bounds on what a hostile one can cost. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "../error.h"
#include "onnx.h"

#define FILE_BYTES_MAX	(2ull << 30)	/* protobuf's own limit */

/*
 * An empty message takes 2 bytes of the file and 200 of memory; real models
 * are mostly weights. Larger factors are refused.
 */
#define MEMORY_FACTOR	16
#define MEMORY_BASE	(64ull << 20)

struct budget {
	uint64_t left;
};

static void *budget_alloc(void *data, size_t bytes)
{
	struct budget *budget = data;

	if (bytes > budget->left)
		return NULL;
	budget->left -= bytes;
	return malloc(bytes);
}

static void budget_free(void *data, void *pointer)
{
	free(pointer);
}

static int map_file(const char *path, struct onnx_external *file)
{
	struct stat stat;
	void *map;
	int err = 0;

	file->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (file->fd < 0)
		return error_set(-errno, "%s", strerror(errno));
	if (fstat(file->fd, &stat))
		err = error_set(-errno, "%s", strerror(errno));
	else if (!S_ISREG(stat.st_mode))
		err = error_set(-EINVAL, "not a regular file");
	else if (stat.st_size == 0)
		err = error_set(-EINVAL, "the file is empty");
	else if ((uint64_t)stat.st_size > FILE_BYTES_MAX)
		err = error_set(-EFBIG, "larger than 2 GiB");
	if (err)
		return err;
	map = mmap(NULL, (size_t)stat.st_size, PROT_READ, MAP_SHARED, file->fd, 0);
	if (map == MAP_FAILED)
		return error_set(-errno, "%s", strerror(errno));
	file->map = map;
	file->bytes = (uint64_t)stat.st_size;
	return 0;
}

static int unpack(struct onnx_import *import, const struct onnx_external *file)
{
	struct budget budget = { .left = MEMORY_BASE + MEMORY_FACTOR * file->bytes };
	ProtobufCAllocator allocator = {
		.alloc = budget_alloc, .free = budget_free, .allocator_data = &budget,
	};
	int err = onnx_wire_check(file->map, file->bytes, &onnx__model_proto__descriptor);

	if (!err)
		err = onnx_thin_make(&import->thin, file->map, file->bytes);
	if (err)
		return err;
	import->model = onnx__model_proto__unpack(&allocator, import->thin.bytes, import->thin.data);
	if (!import->model)
		return error_set(-EINVAL, "not an ONNX model, or one that takes too much memory");
	onnx_thin_fill(&import->thin, import->model);
	return 0;
}

int onnx_file_load(struct onnx_import *import, const char *path)
{
	struct onnx_external *file = calloc(1, sizeof(*file));
	int err;

	if (!file)
		return error_set(-ENOMEM, "out of memory");
	/* No location of a tensor is empty. */
	file->location = "";
	file->next = import->files;
	import->files = file;
	err = map_file(path, file);
	return err ? err : unpack(import, file);
}

/* What the budget's allocator made is plain malloc() memory. */
void onnx_file_free(struct onnx_import *import)
{
	onnx_thin_drop(&import->thin, import->model);
	if (import->model)
		onnx__model_proto__free_unpacked(import->model, NULL);
	import->model = NULL;
	free(import->thin.data);
	free(import->thin.raws);
}
