// SPDX-License-Identifier: MIT
#include "error.h"
#include "staging.h"

#define STAGING_ALIGN	64u

static int staging_init(struct staging *staging, struct accel_context *context)
{
	void *map;
	int ret =
		accel_buffer_create(context, STAGING_BYTES, ACCEL_MEMORY_HOST, 0, &staging->buffer);

	if (ret)
		return ret;
	ret = accel_buffer_map(staging->buffer, &map);
	if (ret) {
		accel_buffer_destroy(staging->buffer);
		staging->buffer = NULL;
		return ret;
	}
	staging->map = map;
	return 0;
}

int staging_alloc(struct staging *staging, struct accel_context *context, uint64_t bytes,
		  struct staging_chunk *chunk)
{
	uint64_t size = (bytes + STAGING_ALIGN - 1) & ~(uint64_t)(STAGING_ALIGN - 1);
	uint64_t start = staging->head;
	int ret;

	if (!staging->buffer) {
		ret = staging_init(staging, context);
		if (ret)
			return ret;
	}
	/* What does not fit before the end of the ring starts at its beginning. */
	if (start % STAGING_BYTES + size > STAGING_BYTES)
		start += STAGING_BYTES - start % STAGING_BYTES;
	if (start + size - staging->tail > STAGING_BYTES)
		return -EAGAIN;
	chunk->cpu = staging->map + start % STAGING_BYTES;
	chunk->address = staging->buffer->address + start % STAGING_BYTES;
	staging->head = start + size;
	return 0;
}

void staging_release(struct staging *staging, uint64_t tail)
{
	staging->tail = tail;
}

int staging_restore(struct staging *staging)
{
	void *map;
	int ret;

	staging->tail = staging->head;
	if (!staging->buffer)
		return 0;
	ret = accel_buffer_map(staging->buffer, &map);
	if (!ret)
		staging->map = map;
	return ret;
}

void staging_fini(struct staging *staging)
{
	accel_buffer_destroy(staging->buffer);
	staging->buffer = NULL;
}
