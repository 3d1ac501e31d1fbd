// SPDX-License-Identifier: MIT
/* Two lanes of multiply and rotate, eight bytes at a time. */
#include "digest.h"

#include <endian.h>
#include <string.h>

/* Odd, with bits all over: those of the fraction of the golden ratio and of the root of two. */
#define FACTOR_0	0x9e3779b97f4a7c15ull
#define FACTOR_1	0x6a09e667f3bcc909ull

static uint64_t rotate(uint64_t x, int by)
{
	return x << by | x >> (64 - by);
}

static void mix(struct digest *digest, uint64_t word)
{
	digest->word[0] = rotate((digest->word[0] ^ word) * FACTOR_0, 29);
	digest->word[1] = rotate((digest->word[1] + word) * FACTOR_1, 37) ^ digest->word[0];
}

void digest_begin(struct digest *digest)
{
	*digest = (struct digest) { { FACTOR_1, FACTOR_0 } };
}

void digest_add(struct digest *digest, const void *data, size_t bytes)
{
	const uint8_t *at = data;
	uint64_t word;

	mix(digest, bytes);
	for (size_t i = 0; i < bytes / 8; i++, at += 8) {
		memcpy(&word, at, 8);
		mix(digest, le64toh(word));
	}
	word = 0;
	if (bytes % 8)
		memcpy(&word, at, bytes % 8);
	mix(digest, le64toh(word));
}
