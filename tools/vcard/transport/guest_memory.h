/* SPDX-License-Identifier: MIT */
/*
 * Guest memory that the client gave us by file descriptor: mapped here, known
 * to the card by bus address.
 *
 * Locking: belongs to the thread that serves the connection.
 */
#ifndef VCARD_TRANSPORT_GUEST_MEMORY_H
#define VCARD_TRANSPORT_GUEST_MEMORY_H

#include <stddef.h>
#include <stdint.h>

#include "../core/card.h"

#define GUEST_MEMORY_MAPS_MAX	65535

struct guest_range {
	uint64_t iova;
	uint64_t bytes;
	void *host;
};

struct guest_memory {
	struct vcard *card;
	struct guest_range *ranges;	/* sorted by iova */
	size_t count;
	size_t capacity;
};

void guest_memory_init(struct guest_memory *memory, struct vcard *card);
/** guest_memory_map() - Return: 0 or -errno; the descriptor stays the caller's */
int guest_memory_map(struct guest_memory *memory, uint64_t iova, uint64_t bytes, int fd,
		     uint64_t offset, unsigned int prot);
/** guest_memory_unmap() - all ranges inside. Return: 0 or -errno */
int guest_memory_unmap(struct guest_memory *memory, uint64_t iova, uint64_t bytes);
void guest_memory_unmap_all(struct guest_memory *memory);

#endif
