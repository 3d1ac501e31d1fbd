/* SPDX-License-Identifier: MIT */
/*
 * Digests of 128 bits: tell contents apart and find damage. They withstand
 * accidents, not a person who looks for two contents with the same digest.
 *
 * Locking: none; a digest belongs to one thread.
 */
#ifndef LIB_DIGEST_H
#define LIB_DIGEST_H

#include <stddef.h>
#include <stdint.h>

/** struct digest - of all that was added, in order */
struct digest {
	uint64_t word[2];
};

void digest_begin(struct digest *digest);
/** digest_add() - pieces count: two calls are not one with both */
void digest_add(struct digest *digest, const void *data, size_t bytes);

#endif
