/* SPDX-License-Identifier: MIT */
/* --dim NAME=N: sizes of dimensions that a model leaves open. Single-threaded. */
#ifndef ACCELCTL_DIMENSIONS_H
#define ACCELCTL_DIMENSIONS_H

#include <accel/accel.h>

#include "command.h"

#define DIMENSIONS_MAX		32
#define DIMENSION_BYTES		256

struct dimensions {
	struct accel_onnx_dimension list[DIMENSIONS_MAX];
	char names[DIMENSIONS_MAX][DIMENSION_BYTES];
	uint32_t count;
};

/** dimensions_read() - all --dim; false: a message was printed. The list points into @dims */
bool dimensions_read(const struct arguments *arguments, struct dimensions *dims);

#endif
