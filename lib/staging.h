/* SPDX-License-Identifier: MIT */
/*
 * A ring of host memory that the card reaches: a stream's uploads, downloads
 * and argument tables stay in it until their job has ended.
 *
 * Positions are free-running counts. Locking: the stream's.
 */
#ifndef LIB_STAGING_H
#define LIB_STAGING_H

#include "context.h"

#define STAGING_BYTES		(1u << 20)
#define STAGING_CHUNK_BYTES	(256u << 10)

struct staging {
	struct accel_buffer *buffer;	/* NULL until first used */
	char *map;
	uint64_t head;
	uint64_t tail;
};

/** struct staging_chunk - contiguous bytes as the CPU and as the card see them */
struct staging_chunk {
	void *cpu;
	uint64_t address;
};

/**
 * staging_alloc() - @bytes (at most STAGING_CHUNK_BYTES), 64-byte aligned
 *
 * Return: 0; -EAGAIN: full, release first; an error of making the ring.
 */
int staging_alloc(struct staging *staging, struct accel_context *context, uint64_t bytes,
		  struct staging_chunk *chunk);
/** staging_release() - all below position @tail (an earlier head) is free */
void staging_release(struct staging *staging, uint64_t tail);
/** staging_restore() - nothing is in it any more; its memory may be elsewhere */
int staging_restore(struct staging *staging);
void staging_fini(struct staging *staging);

#endif
