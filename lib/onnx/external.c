// SPDX-License-Identifier: MIT
/*
 * Tensors in files next to the model (external data). A model may come from
 * anywhere: a location that leads out of its folder is refused.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../error.h"
#include "onnx.h"

static const char *external_key(const Onnx__TensorProto *proto, const char *key)
{
	for (size_t i = 0; i < proto->n_external_data; i++)
		if (proto->external_data[i]->key && !strcmp(proto->external_data[i]->key, key))
			return proto->external_data[i]->value;
	return NULL;
}

static int external_number(const Onnx__TensorProto *proto, const char *key, const char *what,
			   uint64_t fallback, uint64_t *value)
{
	const char *text = external_key(proto, key);
	char *end;

	*value = fallback;
	if (!text)
		return 0;
	errno = 0;
	*value = strtoull(text, &end, 10);
	if (errno || end == text || *end || *text == '-')
		return error_set(-EINVAL, "'%s': external data: %s is no number", what, key);
	return 0;
}

/* Also a link in the folder would lead out of it. */
static bool location_is_inside(const char *location)
{
	const char *part = location;

	if (!*location || *location == '/')
		return false;
	for (;;) {
		size_t length = strcspn(part, "/");

		if (length == 2 && !strncmp(part, "..", 2))
			return false;
		if (!part[length])
			return true;
		part += length + 1;
	}
}

static int external_map(const char *location, int fd, struct onnx_external *file)
{
	struct stat stat;
	void *map;

	if (fstat(fd, &stat))
		return error_set(-errno, "%s: %s", location, strerror(errno));
	if (!S_ISREG(stat.st_mode) || !stat.st_size)
		return error_set(-EINVAL, "%s: not a regular file, or an empty one", location);
	map = mmap(NULL, (size_t)stat.st_size, PROT_READ, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		return error_set(-errno, "%s: %s", location, strerror(errno));
	file->fd = fd;
	file->map = map;
	file->bytes = (uint64_t)stat.st_size;
	return 0;
}

static int external_open(struct onnx_import *import, const char *location,
			 struct onnx_external **out)
{
	struct onnx_external *file;
	char path[PATH_MAX];
	int fd, ret;

	for (file = import->files; file; file = file->next) {
		if (!strcmp(file->location, location)) {
			*out = file;
			return 0;
		}
	}
	if (snprintf(path, sizeof(path), "%.*s%s", import->folder_length, import->path, location) >=
	    (int)sizeof(path))
		return error_set(-ENAMETOOLONG, "%s: the path is too long", location);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
	/* Not ENOENT: to the importer that is a value without elements. */
	if (fd < 0)
		return error_set(errno == ENOENT ? -EINVAL : -errno, "%s: %s", location,
				 strerror(errno));
	file = calloc(1, sizeof(*file));
	ret = file ? external_map(location, fd, file) : error_set(-ENOMEM, "out of memory");
	if (ret) {
		close(fd);
		free(file);
		return ret;
	}
	file->location = location;
	file->next = import->files;
	import->files = *out = file;
	return 0;
}

bool onnx_external_is(const Onnx__TensorProto *proto)
{
	return proto->data_location == ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL;
}

struct onnx_external *onnx_external_holds(const struct onnx_import *import, const void *data)
{
	struct onnx_external *file;

	for (file = import->files; file; file = file->next)
		if ((uintptr_t)data - (uintptr_t)file->map < file->bytes)
			return file;
	return NULL;
}

int onnx_external_find(struct onnx_import *import, const Onnx__TensorProto *proto,
		       const char *what, uint64_t bytes, struct onnx_external **file,
		       uint64_t *offset)
{
	const char *location = external_key(proto, "location");
	uint64_t length, end;
	int ret;

	import->has_external = true;
	if (!location || !location_is_inside(location))
		return error_set(-EINVAL, "'%s': external data: no location inside the model's folder",
				 what);
	ret = external_number(proto, "offset", what, 0, offset);
	if (!ret)
		ret = external_number(proto, "length", what, bytes, &length);
	if (ret)
		return ret;
	if (length != bytes)
		return error_set(-EINVAL, "'%s': external data has %llu bytes, its dims need %llu",
				 what, (unsigned long long)length, (unsigned long long)bytes);
	ret = external_open(import, location, file);
	if (ret)
		return error_prefix(ret, "'%s': external data: ", what);
	if (__builtin_add_overflow(*offset, bytes, &end) || end > (*file)->bytes)
		return error_set(-EINVAL, "'%s': external data reaches past the end of '%s'", what,
				 location);
	return 0;
}

void onnx_external_free(struct onnx_import *import)
{
	struct onnx_external *file = import->files, *next;

	for (; file; file = next) {
		next = file->next;
		if (file->map)
			munmap(file->map, file->bytes);
		if (file->fd >= 0)
			close(file->fd);
		free(file);
	}
	import->files = NULL;
}
