// SPDX-License-Identifier: MIT
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "va.h"

int va_init(struct va_space *space, uint64_t start, uint64_t end)
{
	memset(space, 0, sizeof(*space));
	space->room = 8;
	space->free = calloc(space->room, sizeof(*space->free));
	if (!space->free)
		return -ENOMEM;
	if (start < end) {
		space->free[0] = (struct va_range){ start, end };
		space->count = 1;
		space->free_bytes = end - start;
	}
	return 0;
}

void va_fini(struct va_space *space)
{
	free(space->free);
	memset(space, 0, sizeof(*space));
}

/* n allocations leave at most n + 1 free ranges: keep room, so that va_free() needs no memory. */
static int va_reserve(struct va_space *space)
{
	size_t room = space->room * 2;
	struct va_range *free;

	if (space->allocations + 3 <= space->room)
		return 0;
	free = reallocarray(space->free, room, sizeof(*free));
	if (!free)
		return -ENOMEM;
	space->free = free;
	space->room = room;
	return 0;
}

static bool va_fits(const struct va_range *range, const struct va_range *within, uint64_t bytes,
		    uint64_t align, uint64_t *start)
{
	uint64_t low = range->start, high = range->end, aligned;

	if (within && within->start > low)
		low = within->start;
	if (within && within->end < high)
		high = within->end;
	if (__builtin_add_overflow(low, align - 1, &aligned))
		return false;
	aligned &= ~(align - 1);
	if (aligned >= high || high - aligned < bytes)
		return false;
	*start = aligned;
	return true;
}

static void va_remove(struct va_space *space, size_t at)
{
	space->count--;
	memmove(&space->free[at], &space->free[at + 1],
		(space->count - at) * sizeof(space->free[0]));
}

static void va_insert(struct va_space *space, size_t at, uint64_t start, uint64_t end)
{
	memmove(&space->free[at + 1], &space->free[at],
		(space->count - at) * sizeof(space->free[0]));
	space->free[at] = (struct va_range){ start, end };
	space->count++;
}

int va_alloc(struct va_space *space, uint64_t bytes, uint64_t align, const struct va_range *within,
	     uint64_t *start)
{
	uint64_t best_bytes = UINT64_MAX, candidate, end;
	size_t best = SIZE_MAX;
	struct va_range range;

	if (!bytes || !align || (align & (align - 1)))
		return -EINVAL;
	if (va_reserve(space))
		return -ENOMEM;
	for (size_t i = 0; i < space->count; i++) {
		uint64_t size = space->free[i].end - space->free[i].start;

		if (size >= bytes && size < best_bytes &&
		    va_fits(&space->free[i], within, bytes, align, &candidate)) {
			best = i;
			best_bytes = size;
			*start = candidate;
		}
	}
	if (best == SIZE_MAX)
		return -ENOSPC;
	range = space->free[best];
	end = *start + bytes;
	va_remove(space, best);
	if (end < range.end)
		va_insert(space, best, end, range.end);
	if (range.start < *start)
		va_insert(space, best, range.start, *start);
	space->allocations++;
	space->free_bytes -= bytes;
	return 0;
}

void va_free(struct va_space *space, uint64_t start, uint64_t bytes)
{
	size_t low = 0, high = space->count;
	bool joins_left, joins_right;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (space->free[middle].start < start)
			low = middle + 1;
		else
			high = middle;
	}
	joins_left = low > 0 && space->free[low - 1].end == start;
	joins_right = low < space->count && space->free[low].start == start + bytes;
	if (joins_left && joins_right) {
		space->free[low - 1].end = space->free[low].end;
		va_remove(space, low);
	} else if (joins_left) {
		space->free[low - 1].end += bytes;
	} else if (joins_right) {
		space->free[low].start = start;
	} else {
		va_insert(space, low, start, start + bytes);
	}
	space->allocations--;
	space->free_bytes += bytes;
}
