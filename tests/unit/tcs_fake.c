// SPDX-License-Identifier: MIT
/* A stand-in for the card's core: memory, yields, counters. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <aci/aci_status.h>

#include "tcs_fake.h"

#define SMALL_PAGE	512
#define GUARD		64
#define GUARD_BYTE	0x5b

struct region {
	uint64_t va, bytes;
	bool writable;
	uint8_t *host;
	uint32_t *page;		/* scattered: where each page is; NULL: in order */
};

static struct region regions[FAKE_REGIONS];
static unsigned int region_count;

struct fake fake;
uint64_t fake_seed = 1;

uint64_t fake_random(void)
{
	/* splitmix64 */
	uint64_t z = fake_seed += 0x9e3779b97f4a7c15ull;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

uint64_t fake_below(uint64_t n)
{
	return fake_random() % n;
}

void fake_reset(enum fake_memory memory)
{
	for (unsigned int i = 0; i < region_count; i++) {
		free(regions[i].host);
		free(regions[i].page);
	}
	region_count = 0;
	fake = (struct fake){ .memory = memory };
}

static void scatter(struct region *r, uint32_t pages)
{
	r->page = malloc(pages * sizeof(*r->page));
	if (!r->page)
		abort();
	for (uint32_t i = 0; i < pages; i++)
		r->page[i] = i;
	for (uint32_t i = pages; i > 1; i--) {
		uint32_t j = (uint32_t)fake_below(i), t = r->page[i - 1];

		r->page[i - 1] = r->page[j];
		r->page[j] = t;
	}
}

void fake_map(uint64_t va, uint64_t bytes, bool writable)
{
	struct region *r = &regions[region_count++];
	uint64_t size = bytes;

	if (region_count > FAKE_REGIONS)
		abort();
	*r = (struct region){ .va = va, .bytes = bytes, .writable = writable };
	if (fake.memory == FAKE_SCATTERED) {
		uint32_t pages;

		pages = (uint32_t)((va % SMALL_PAGE + bytes + SMALL_PAGE - 1) / SMALL_PAGE);
		scatter(r, pages);
		size = (uint64_t)pages * SMALL_PAGE;
	}
	/* an exact size: the sanitizer sees one byte too far */
	r->host = calloc(1, size);
	if (!r->host)
		abort();
}

static struct region *find(uint64_t va, uint64_t bytes)
{
	for (unsigned int i = 0; i < region_count; i++) {
		struct region *r = &regions[i];

		if (va >= r->va && va - r->va <= r->bytes && bytes <= r->bytes - (va - r->va))
			return r;
	}
	return NULL;
}

bool fake_is_mapped(uint64_t va, uint64_t bytes)
{
	return find(va, bytes) != NULL;
}

/* The longest piece at @va that is contiguous in this process. */
static uint8_t *piece(const struct region *r, uint64_t va, uint64_t bytes, uint64_t *length)
{
	uint64_t at = r->va % SMALL_PAGE + (va - r->va);

	*length = bytes;
	if (!r->page)
		return r->host + (va - r->va);
	if (SMALL_PAGE - at % SMALL_PAGE < bytes)
		*length = SMALL_PAGE - at % SMALL_PAGE;
	return r->host + (uint64_t)r->page[at / SMALL_PAGE] * SMALL_PAGE + at % SMALL_PAGE;
}

static void transfer(uint64_t va, uint8_t *local, uint64_t bytes, bool write)
{
	const struct region *r = find(va, bytes);
	uint64_t length;

	if (!r)
		abort();
	for (; bytes; va += length, local += length, bytes -= length) {
		uint8_t *host = piece(r, va, bytes, &length);

		if (write)
			memcpy(host, local, length);
		else
			memcpy(local, host, length);
	}
}

void fake_read(uint64_t va, void *dst, uint64_t bytes)
{
	transfer(va, dst, bytes, false);
}

void fake_write(uint64_t va, const void *src, uint64_t bytes)
{
	transfer(va, (uint8_t *)src, bytes, true);
}

static void broken(const char *rule)
{
	if (!fake.broken)
		fake.broken = rule;
}

static bool use_bounce(const struct region *r, uint64_t va, uint64_t bytes)
{
	uint64_t length;

	if (fake.memory == FAKE_BOUNCED)
		return true;
	piece(r, va, bytes, &length);
	return length < bytes;
}

unsigned int vm_access_begin(struct engine_job *job, uint64_t va, uint64_t bytes, unsigned int mode,
			     struct vm_access *access, uint64_t *fault_va)
{
	struct region *r = find(va, bytes);
	uint64_t length;

	fake.windows++;
	fake.tile_windows++;
	if (bytes > fake.window_bytes_max)
		fake.window_bytes_max = bytes;
	if (!bytes)
		broken("a window of no bytes");
	if (fake.allowed && !fake.allowed(va, bytes, mode))
		broken("an access outside the arguments");
	if (!r || (mode & VM_ACCESS_WRITE && !r->writable) ||
	    (fake.fault_at && fake.fault_at >= va && fake.fault_at - va < bytes)) {
		*fault_va = r && fake.fault_at ? fake.fault_at : va;
		return ACI_STATUS_PAGE_FAULT;
	}
	*access = (struct vm_access){ .va = va, .bytes = bytes, .mode = mode };
	if (use_bounce(r, va, bytes)) {
		uint8_t *copy = malloc(bytes + 2 * GUARD);

		if (!copy)
			abort();
		memset(copy, GUARD_BYTE, bytes + 2 * GUARD);
		access->priv[0] = copy;
		access->ptr = copy + GUARD;
		if (mode & VM_ACCESS_READ)
			transfer(va, access->ptr, bytes, false);
	} else {
		access->ptr = piece(r, va, bytes, &length);
	}
	fake.open++;
	return ACI_STATUS_SUCCESS;
}

unsigned int vm_access_end(struct engine_job *job, struct vm_access *access, uint64_t *fault_va)
{
	uint8_t *copy = access->priv[0];

	if (!fake.open--)
		broken("a window closed twice");
	if (!copy)
		return ACI_STATUS_SUCCESS;
	for (unsigned int i = 0; i < GUARD; i++)
		if (copy[i] != GUARD_BYTE || copy[GUARD + access->bytes + i] != GUARD_BYTE)
			broken("a byte outside a window written");
	if (access->mode & VM_ACCESS_WRITE)
		transfer(access->va, access->ptr, access->bytes, true);
	free(copy);
	return ACI_STATUS_SUCCESS;
}

enum engine_yield engine_should_yield(struct engine_job *job)
{
	if (fake.open)
		broken("a window open at a yield");
	fake.yields++;
	if (fake.tile_windows > fake.tile_windows_max)
		fake.tile_windows_max = fake.tile_windows;
	fake.tile_windows = 0;
	if (fake.stop_after && fake.yields == fake.stop_after)
		return ENGINE_STOP;
	if (fake.preempt_every && fake.yields % fake.preempt_every == 0)
		return ENGINE_PREEMPT;
	return ENGINE_CONTINUE;
}

bool engine_should_stop(struct engine_job *job)
{
	fake.looks++;
	return fake.stop_at_look && fake.looks >= fake.stop_at_look;
}

void engine_count(struct engine_job *job, uint64_t operations, uint64_t macs, uint64_t bytes)
{
	fake.operations += operations;
	fake.macs += macs;
	fake.bytes += bytes;
}

bool engine_should_corrupt(struct engine_job *job)
{
	return ++fake.asked_corrupt == fake.corrupt_op;
}
