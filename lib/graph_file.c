// SPDX-License-Identifier: MIT
/* Constants in files: mapped, never copied by this side where the card can read them itself. */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "error.h"
#include "graph.h"

void graph_file_unref(struct graph_file *file)
{
	if (!file || __atomic_sub_fetch(&file->refs, 1, __ATOMIC_ACQ_REL))
		return;
	munmap(file->map, file->bytes);
	free(file);
}

/* Shared and read-only: the driver takes pages of files in no other way. */
static int file_map(int fd, const struct stat *stat, struct graph_file **out)
{
	struct graph_file *file = calloc(1, sizeof(*file));
	void *map;

	if (!file)
		return error_set(-ENOMEM, "out of memory");
	map = mmap(NULL, (size_t)stat->st_size, PROT_READ, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED) {
		free(file);
		return error_set(-errno, "the file cannot be mapped: %s", strerror(errno));
	}
	*file = (struct graph_file) {
		.refs = 1,
		.device = stat->st_dev,
		.inode = stat->st_ino,
		.map = map,
		.bytes = (uint64_t)stat->st_size,
	};
	*out = file;
	return 0;
}

static int graph_find_file(struct accel_graph *graph, int fd, uint32_t *index)
{
	struct graph_file *file = NULL, **entry;
	struct stat stat;
	int ret;

	if (fstat(fd, &stat))
		return error_set(-errno, "the file descriptor: %s", strerror(errno));
	if (!S_ISREG(stat.st_mode) || !stat.st_size)
		return error_set(-EINVAL, "not a regular file, or an empty one");
	for (uint32_t i = 0; i < graph->file_count; i++) {
		file = graph->files[i];
		if (file->device == stat.st_dev && file->inode == stat.st_ino &&
		    file->bytes == (uint64_t)stat.st_size) {
			*index = i;
			return 0;
		}
	}
	ret = file_map(fd, &stat, &file);
	if (ret)
		return ret;
	entry = graph_add_file(graph);
	if (!entry) {
		graph_file_unref(file);
		return -ENOMEM;
	}
	*entry = file;
	*index = graph->file_count - 1;
	return 0;
}

int accel_graph_add_constant_file(struct accel_graph *graph, const char *name,
				  enum accel_type type, uint32_t rank, const uint64_t *shape,
				  int fd, uint64_t offset, uint32_t *tensor)
{
	struct graph_storage *storage;
	uint32_t index = 0;
	uint64_t end;
	int ret;

	if (!graph || !tensor)
		return error_set(-EINVAL, "graph and tensor must not be NULL");
	*tensor = ACCEL_TENSOR_NONE;
	ret = graph_find_file(graph, fd, &index);
	if (!ret)
		ret = graph_add_constant(graph, name, type, rank, shape, &storage, tensor);
	if (ret)
		return ret;
	/* A storage without elements is not used by anything: the id is not handed out. */
	if (__builtin_add_overflow(offset, storage->bytes, &end) ||
	    end > graph->files[index]->bytes) {
		*tensor = ACCEL_TENSOR_NONE;
		return error_set(-EINVAL, "%llu bytes at %llu reach past the end of the file",
				 (unsigned long long)storage->bytes, (unsigned long long)offset);
	}
	storage->file = index;
	storage->file_offset = offset;
	return 0;
}
