/* SPDX-License-Identifier: MIT */
/*
 * NumPy's .npy files: versions 1 to 3, C order, the element types of a card.
 *
 * Files are hostile: every length is checked before it is used. Errors are
 * printed to standard error with the file's name. No state, no locks.
 */
#ifndef ACCELCTL_NPY_H
#define ACCELCTL_NPY_H

#include <accel/accel.h>

#define NPY_RANK_MAX	ACCEL_RANK_MAX

struct npy_array {
	enum accel_type type;
	uint32_t rank;
	uint64_t shape[NPY_RANK_MAX];
	uint64_t bytes;
	void *data;
};

/** npy_read() - 0, -EINVAL not a usable .npy file, or the errno of the system call */
int npy_read(const char *path, struct npy_array *array);
void npy_free(struct npy_array *array);

/** npy_writer - writes the elements of one array in pieces */
struct npy_writer {
	const char *path;
	int fd;
};

/** npy_write_start() - create @path, with a header for the whole array */
int npy_write_start(struct npy_writer *writer, const char *path, enum accel_type type, uint32_t rank,
		    const uint64_t *shape);
int npy_write_data(struct npy_writer *writer, const void *data, uint64_t bytes);
int npy_write_finish(struct npy_writer *writer);

const char *npy_type_name(enum accel_type type);

#endif
