// SPDX-License-Identifier: MIT
/* Reads and unpacks an ONNX file, with bounds on what a hostile one can cost. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

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

static int read_all(int fd, uint8_t *data, size_t bytes)
{
	size_t done = 0;

	while (done < bytes) {
		ssize_t count = read(fd, data + done, bytes - done);

		if (count < 0 && errno == EINTR)
			continue;
		if (count < 0)
			return -errno;
		if (!count)
			return -EIO;	/* it shrank meanwhile */
		done += count;
	}
	return 0;
}

static int read_file(const char *path, uint8_t **data, size_t *bytes)
{
	struct stat stat;
	int fd, err;

	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0) {
		err = -errno;
		return error_set(err, "%s", strerror(-err));
	}
	err = fstat(fd, &stat) ? -errno : 0;
	if (err)
		error_set(err, "%s", strerror(-err));
	else if (!S_ISREG(stat.st_mode))
		err = error_set(-EINVAL, "not a regular file");
	else if (stat.st_size == 0)
		err = error_set(-EINVAL, "the file is empty");
	else if ((uint64_t)stat.st_size > FILE_BYTES_MAX)
		err = error_set(-EFBIG, "larger than 2 GiB");
	if (err)
		goto out;
	*bytes = stat.st_size;
	*data = malloc(*bytes);
	if (!*data) {
		err = error_set(-ENOMEM, "no memory for %zu bytes", *bytes);
		goto out;
	}
	err = read_all(fd, *data, *bytes);
	if (err) {
		error_set(err, "%s", strerror(-err));
		free(*data);
	}
out:
	close(fd);
	return err;
}

int onnx_file_load(const char *path, Onnx__ModelProto **model)
{
	ProtobufCAllocator allocator = { .alloc = budget_alloc, .free = budget_free };
	struct budget budget;
	uint8_t *data = NULL;
	size_t bytes = 0;
	int err;

	err = read_file(path, &data, &bytes);
	if (err)
		return err;
	err = onnx_wire_check(data, bytes, &onnx__model_proto__descriptor);
	if (!err) {
		budget.left = MEMORY_BASE + MEMORY_FACTOR * (uint64_t)bytes;
		allocator.allocator_data = &budget;
		*model = onnx__model_proto__unpack(&allocator, bytes, data);
		if (!*model)
			err = error_set(-EINVAL, "not an ONNX model, or one that takes too much memory");
	}
	free(data);
	return err;
}

/* What the budget's allocator made is plain malloc() memory. */
void onnx_file_free(Onnx__ModelProto *model)
{
	if (model)
		onnx__model_proto__free_unpacked(model, NULL);
}
