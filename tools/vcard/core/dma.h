/* SPDX-License-Identifier: MIT */
/*
 * Host memory as the card reaches it: a table of mappings from bus addresses
 * to addresses of this process.
 *
 * Locking: the table has its own rwlock, a leaf that is held for a lookup, or the access to a word.
 * An access pins its mapping; removing a mapping waits for its pins. A pin is
 * held for a bounded time and never while waiting for anything but memory.
 */
#ifndef VCARD_CORE_DMA_H
#define VCARD_CORE_DMA_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct dma_region {
	uint64_t iova;
	uint64_t bytes;
	uint8_t *host;
	unsigned int prot;
	_Atomic uint32_t pins;
};

struct dma_map {
	pthread_rwlock_t lock;
	struct dma_region **regions;	/* sorted by iova, disjoint */
	size_t count;
	size_t capacity;
	_Atomic bool enabled;		/* bus mastering; written under lock */

	_Atomic uint32_t pins;		/* of all regions */
	pthread_mutex_t wait_lock;
	pthread_cond_t unpinned;
	_Atomic uint32_t waiters;
};

int dma_map_init(struct dma_map *map);
void dma_map_destroy(struct dma_map *map);
int dma_map_add(struct dma_map *map, uint64_t iova, uint64_t bytes, void *host, unsigned int prot);
int dma_map_remove(struct dma_map *map, uint64_t iova, uint64_t bytes);
/** dma_map_enable() - switching off returns when no pin is left */
void dma_map_enable(struct dma_map *map, bool on);
size_t dma_map_count(struct dma_map *map);

/**
 * dma_pin() - find and hold the mapping at @iova
 * @bytes: in: wanted; out: how many of them the mapping holds, at least 1
 *
 * Return: address in this process, NULL if nothing is mapped with @prot or bus
 * mastering is off.
 */
void *dma_pin(struct dma_map *map, uint64_t iova, uint64_t *bytes, unsigned int prot,
	      struct dma_region **region);
void dma_unpin(struct dma_map *map, struct dma_region *region);

/* Copies; false if a part is not reachable (what came before it is done). */
bool dma_read(struct dma_map *map, uint64_t iova, void *to, uint64_t bytes);
bool dma_write(struct dma_map *map, uint64_t iova, const void *from, uint64_t bytes);
/* Aligned, single access. */
bool dma_load64(struct dma_map *map, uint64_t iova, uint64_t *value);
bool dma_store64(struct dma_map *map, uint64_t iova, uint64_t value);

#endif
