// SPDX-License-Identifier: MIT
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dimensions.h"

static bool read_one(const struct arguments *arguments, const char *text, struct dimensions *dims)
{
	const char *equals = strrchr(text, '=');
	unsigned long long size;
	char *end;

	if (dims->count == DIMENSIONS_MAX) {
		usage_error(arguments, "more than %d --dim", DIMENSIONS_MAX);
		return false;
	}
	if (!equals || equals == text || equals - text >= DIMENSION_BYTES || equals[1] < '0' || equals[1] > '9') {
		usage_error(arguments, "--dim '%s' is not NAME=N", text);
		return false;
	}
	errno = 0;
	size = strtoull(equals + 1, &end, 10);
	if (errno || *end || !size) {
		usage_error(arguments, "--dim '%s': no size", text);
		return false;
	}
	memcpy(dims->names[dims->count], text, (size_t)(equals - text));
	dims->names[dims->count][equals - text] = '\0';
	dims->list[dims->count] = (struct accel_onnx_dimension){ dims->names[dims->count], size };
	dims->count++;
	return true;
}

bool dimensions_read(const struct arguments *arguments, struct dimensions *dims)
{
	const char *text;
	size_t at = 0;

	dims->count = 0;
	while ((text = arguments_next(arguments, "dim", &at)))
		if (!read_one(arguments, text, dims))
			return false;
	return true;
}
