// SPDX-License-Identifier: MIT

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "../core/util.h"
#include "guest_memory.h"

void guest_memory_init(struct guest_memory *memory, struct vcard *card)
{
	memset(memory, 0, sizeof(*memory));
	memory->card = card;
}

/* Index of the first range at or behind @iova. */
static size_t find_range(const struct guest_memory *memory, uint64_t iova)
{
	size_t low = 0, high = memory->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (memory->ranges[middle].iova < iova)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static int reserve(struct guest_memory *memory)
{
	size_t capacity = memory->capacity ? memory->capacity * 2 : 64;
	struct guest_range *ranges;

	if (memory->count == GUEST_MEMORY_MAPS_MAX)
		return -ENOSPC;
	if (memory->count < memory->capacity)
		return 0;
	ranges = reallocarray(memory->ranges, capacity, sizeof(*ranges));
	if (!ranges)
		return -ENOMEM;
	memory->ranges = ranges;
	memory->capacity = capacity;
	return 0;
}

/* A mapping past the end of the file would end us with SIGBUS. */
static int check_file(int fd, uint64_t offset, uint64_t bytes)
{
	struct stat st;

	if (fstat(fd, &st))
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	return range_fits(offset, bytes, (uint64_t)st.st_size) ? 0 : -EINVAL;
}

int guest_memory_map(struct guest_memory *memory, uint64_t iova, uint64_t bytes, int fd,
		     uint64_t offset, unsigned int prot)
{
	struct guest_range range = { .iova = iova, .bytes = bytes };
	int err = check_file(fd, offset, bytes);
	size_t at;

	if (!err)
		err = reserve(memory);
	if (err)
		return err;
	range.host = mmap(NULL, bytes, (prot & VCARD_DMA_WRITE ? PROT_WRITE : 0) | PROT_READ,
			  MAP_SHARED | MAP_NORESERVE, fd, (off_t)offset);
	if (range.host == MAP_FAILED)
		return -errno;
	err = vcard_dma_map(memory->card, iova, bytes, range.host, prot);
	if (err) {
		munmap(range.host, bytes);
		return err;
	}
	at = find_range(memory, iova);
	memmove(&memory->ranges[at + 1], &memory->ranges[at],
		(memory->count - at) * sizeof(range));
	memory->ranges[at] = range;
	memory->count++;
	return 0;
}

int guest_memory_unmap(struct guest_memory *memory, uint64_t iova, uint64_t bytes)
{
	/* First the card lets go, then the memory goes. */
	int err = vcard_dma_unmap(memory->card, iova, bytes);
	size_t first, last;

	if (err)
		return err;
	first = find_range(memory, iova);
	for (last = first; last < memory->count; last++) {
		struct guest_range *range = &memory->ranges[last];

		if (range->iova - iova >= bytes)
			break;
		munmap(range->host, range->bytes);
	}
	if (last > first)
		memmove(&memory->ranges[first], &memory->ranges[last],
			(memory->count - last) * sizeof(*memory->ranges));
	memory->count -= last - first;
	return 0;
}

void guest_memory_unmap_all(struct guest_memory *memory)
{
	while (memory->count) {
		struct guest_range *range = &memory->ranges[memory->count - 1];

		vcard_dma_unmap(memory->card, range->iova, range->bytes);
		munmap(range->host, range->bytes);
		memory->count--;
	}
	free(memory->ranges);
	memory->ranges = NULL;
	memory->capacity = 0;
}
