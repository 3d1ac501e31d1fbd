/* SPDX-License-Identifier: MIT */
/*
 * Allocator of address ranges: device virtual addresses, and for the in-process
 * card its bus addresses and its memory.
 *
 * Best fit over a sorted list of free ranges. No locks: the owner serialises.
 */
#ifndef LIB_VA_H
#define LIB_VA_H

#include <stddef.h>
#include <stdint.h>

struct va_range {
	uint64_t start;
	uint64_t end;
};

struct va_space {
	struct va_range *free;	/* sorted, never adjacent */
	size_t count;
	size_t room;
	size_t allocations;
	uint64_t free_bytes;
};

/** va_init() - an allocator of [start, end). Return: 0 or -ENOMEM. */
int va_init(struct va_space *space, uint64_t start, uint64_t end);
void va_fini(struct va_space *space);

/**
 * va_alloc() - take the smallest free range that holds @bytes
 * @align: power of two
 * @within: only addresses in it; NULL: anywhere
 *
 * Return: 0, -ENOSPC, -EINVAL (nothing or no power of two), -ENOMEM.
 */
int va_alloc(struct va_space *space, uint64_t bytes, uint64_t align, const struct va_range *within,
	     uint64_t *start);
/** va_free() - give back exactly what va_alloc() gave. Cannot fail: room was made by va_alloc(). */
void va_free(struct va_space *space, uint64_t start, uint64_t bytes);

#endif
