// SPDX-License-Identifier: MIT

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "card.h"
#include "dma.h"
#include "util.h"

#define DMA_PAGE_MASK	0xfffull

int dma_map_init(struct dma_map *map)
{
	pthread_rwlock_init(&map->lock, NULL);
	pthread_mutex_init(&map->wait_lock, NULL);
	pthread_cond_init(&map->unpinned, NULL);
	map->capacity = 64;
	map->regions = calloc(map->capacity, sizeof(*map->regions));
	return map->regions ? 0 : -ENOMEM;
}

void dma_map_destroy(struct dma_map *map)
{
	for (size_t i = 0; i < map->count; i++)
		free(map->regions[i]);
	free(map->regions);
	pthread_cond_destroy(&map->unpinned);
	pthread_mutex_destroy(&map->wait_lock);
	pthread_rwlock_destroy(&map->lock);
}

/* Index of the first region that ends past @iova. */
static size_t find_region(const struct dma_map *map, uint64_t iova)
{
	size_t low = 0, high = map->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct dma_region *region = map->regions[middle];

		if (iova - region->iova < region->bytes || iova < region->iova)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

static int reserve_slot(struct dma_map *map)
{
	struct dma_region **regions;

	if (map->count < map->capacity)
		return 0;
	regions = reallocarray(map->regions, map->capacity * 2, sizeof(*regions));
	if (!regions)
		return -ENOMEM;
	map->regions = regions;
	map->capacity *= 2;
	return 0;
}

static int insert_region(struct dma_map *map, struct dma_region *region)
{
	size_t at = find_region(map, region->iova);

	if (at < map->count && map->regions[at]->iova < region->iova + region->bytes)
		return -EEXIST;
	if (reserve_slot(map))
		return -ENOMEM;
	memmove(&map->regions[at + 1], &map->regions[at],
		(map->count - at) * sizeof(*map->regions));
	map->regions[at] = region;
	map->count++;
	return 0;
}

int dma_map_add(struct dma_map *map, uint64_t iova, uint64_t bytes, void *host, unsigned int prot)
{
	struct dma_region *region;
	int err;

	/* The last page of the address space stays out, so that iova + bytes never wraps. */
	if (!bytes || (iova | bytes | (uintptr_t)host) & DMA_PAGE_MASK ||
	    !range_fits(iova, bytes, ~DMA_PAGE_MASK) || !host ||
	    prot & ~(VCARD_DMA_READ | VCARD_DMA_WRITE))
		return -EINVAL;
	region = calloc(1, sizeof(*region));
	if (!region)
		return -ENOMEM;
	region->iova = iova;
	region->bytes = bytes;
	region->host = host;
	region->prot = prot;

	pthread_rwlock_wrlock(&map->lock);
	err = insert_region(map, region);
	pthread_rwlock_unlock(&map->lock);
	if (err)
		free(region);
	return err;
}

/* Whoever waits has seen to it that nobody takes a new pin of what is counted. */
static void wait_unpinned(struct dma_map *map, _Atomic uint32_t *pins)
{
	atomic_fetch_add(&map->waiters, 1);
	pthread_mutex_lock(&map->wait_lock);
	while (atomic_load(pins))
		pthread_cond_wait(&map->unpinned, &map->wait_lock);
	pthread_mutex_unlock(&map->wait_lock);
	atomic_fetch_sub(&map->waiters, 1);
}

int dma_map_remove(struct dma_map *map, uint64_t iova, uint64_t bytes)
{
	/* Of the last byte: the range may end where the address space does. */
	uint64_t end = iova + (bytes - 1);
	struct dma_region **gone = NULL;
	size_t first, last;

	if (!bytes || end < iova)
		return -EINVAL;

	pthread_rwlock_wrlock(&map->lock);
	first = find_region(map, iova);
	for (last = first; last < map->count; last++) {
		const struct dma_region *region = map->regions[last];

		if (region->iova > end)
			break;
		if (region->iova < iova || region->bytes - 1 > end - region->iova)
			goto crossing;
	}
	if (last > first) {
		gone = calloc(last - first, sizeof(*gone));
		if (!gone) {
			pthread_rwlock_unlock(&map->lock);
			return -ENOMEM;
		}
		memcpy(gone, &map->regions[first], (last - first) * sizeof(*gone));
		memmove(&map->regions[first], &map->regions[last],
			(map->count - last) * sizeof(*map->regions));
		map->count -= last - first;
	}
	pthread_rwlock_unlock(&map->lock);

	for (size_t i = 0; i < last - first; i++) {
		wait_unpinned(map, &gone[i]->pins);
		free(gone[i]);
	}
	free(gone);
	return 0;

crossing:
	pthread_rwlock_unlock(&map->lock);
	return -EINVAL;
}

void dma_map_enable(struct dma_map *map, bool on)
{
	pthread_rwlock_wrlock(&map->lock);
	map->enabled = on;
	pthread_rwlock_unlock(&map->lock);
	/* Not under the lock: whoever holds a pin may ask for a second one, and is refused. */
	if (!on)
		wait_unpinned(map, &map->pins);
}

size_t dma_map_count(struct dma_map *map)
{
	size_t count;

	pthread_rwlock_rdlock(&map->lock);
	count = map->count;
	pthread_rwlock_unlock(&map->lock);
	return count;
}

/* The region of @iova, if it may be accessed so. Under map->lock. */
static struct dma_region *find_allowed(const struct dma_map *map, uint64_t iova, unsigned int prot)
{
	struct dma_region *region;
	size_t at = find_region(map, iova);

	if (!map->enabled || at == map->count)
		return NULL;
	region = map->regions[at];
	return iova >= region->iova && (region->prot & prot) == prot ? region : NULL;
}

void *dma_pin(struct dma_map *map, uint64_t iova, uint64_t *bytes, unsigned int prot,
	      struct dma_region **pinned)
{
	struct dma_region *region;
	void *host = NULL;

	pthread_rwlock_rdlock(&map->lock);
	region = find_allowed(map, iova, prot);
	if (region) {
		uint64_t offset = iova - region->iova;

		*bytes = MIN(*bytes, region->bytes - offset);
		host = region->host + offset;
		atomic_fetch_add(&region->pins, 1);
		atomic_fetch_add(&map->pins, 1);
		*pinned = region;
	}
	pthread_rwlock_unlock(&map->lock);
	return host;
}

void dma_unpin(struct dma_map *map, struct dma_region *region)
{
	bool last = atomic_fetch_sub(&region->pins, 1) == 1;

	/* From here on the region may be freed: only the table is touched. */
	last |= atomic_fetch_sub(&map->pins, 1) == 1;
	if (last && atomic_load(&map->waiters)) {
		pthread_mutex_lock(&map->wait_lock);
		pthread_cond_broadcast(&map->unpinned);
		pthread_mutex_unlock(&map->wait_lock);
	}
}

bool dma_read(struct dma_map *map, uint64_t iova, void *to, uint64_t bytes)
{
	while (bytes) {
		struct dma_region *region;
		uint64_t chunk = bytes;
		const void *host = dma_pin(map, iova, &chunk, VCARD_DMA_READ, &region);

		if (!host)
			return false;
		memcpy(to, host, chunk);
		dma_unpin(map, region);
		iova += chunk;
		to = (uint8_t *)to + chunk;
		bytes -= chunk;
	}
	return true;
}

bool dma_write(struct dma_map *map, uint64_t iova, const void *from, uint64_t bytes)
{
	while (bytes) {
		struct dma_region *region;
		uint64_t chunk = bytes;
		void *host = dma_pin(map, iova, &chunk, VCARD_DMA_WRITE, &region);

		if (!host)
			return false;
		memcpy(host, from, chunk);
		dma_unpin(map, region);
		iova += chunk;
		from = (const uint8_t *)from + chunk;
		bytes -= chunk;
	}
	return true;
}

/* A word is accessed under the lock, which spares the pin: it never crosses a page. */
bool dma_load64(struct dma_map *map, uint64_t iova, uint64_t *value)
{
	const struct dma_region *region;

	if (iova % sizeof(*value))
		return false;
	pthread_rwlock_rdlock(&map->lock);
	region = find_allowed(map, iova, VCARD_DMA_READ);
	if (region)
		*value = shared_load64(region->host + (iova - region->iova));
	pthread_rwlock_unlock(&map->lock);
	return region;
}

bool dma_store64(struct dma_map *map, uint64_t iova, uint64_t value)
{
	const struct dma_region *region;

	if (iova % sizeof(value))
		return false;
	pthread_rwlock_rdlock(&map->lock);
	region = find_allowed(map, iova, VCARD_DMA_WRITE);
	if (region)
		shared_store64(region->host + (iova - region->iova), value);
	pthread_rwlock_unlock(&map->lock);
	return region;
}
