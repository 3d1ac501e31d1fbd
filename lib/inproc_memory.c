// SPDX-License-Identifier: MIT
/* The in-process transport: bus addresses, host memory and card memory. */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "error.h"
#include "inproc.h"

/* --- Host memory that the card reaches -------------------------------------------- */

static int inproc_bus_alloc(struct inproc_card *card, uint64_t bytes, uint64_t *address)
{
	uint64_t align = bytes >= LEAF_BYTES ? LEAF_BYTES : PAGE_BYTES;
	int ret;

	pthread_mutex_lock(&card->memory_lock);
	ret = va_alloc(&card->bus, bytes, align, NULL, address);
	pthread_mutex_unlock(&card->memory_lock);
	return ret;
}

static void inproc_bus_free(struct inproc_card *card, uint64_t address, uint64_t bytes)
{
	pthread_mutex_lock(&card->memory_lock);
	va_free(&card->bus, address, bytes);
	pthread_mutex_unlock(&card->memory_lock);
}

static int inproc_dma_map(struct inproc_card *card, void *cpu, uint64_t bytes, unsigned int prot,
			  struct inproc_dma *dma)
{
	uint64_t address;
	int ret = inproc_bus_alloc(card, bytes, &address);

	if (!ret) {
		ret = vcard_dma_map(card->vcard, address, bytes, cpu, prot);
		if (ret)
			inproc_bus_free(card, address, bytes);
	}
	if (ret)
		return error_set(ret, "inproc: no bus addresses for %llu bytes",
				 (unsigned long long)bytes);
	*dma = (struct inproc_dma) { .cpu = cpu, .address = address, .bytes = bytes };
	return 0;
}

static void inproc_dma_unmap(struct inproc_card *card, struct inproc_dma *dma)
{
	vcard_dma_unmap(card->vcard, dma->address, dma->bytes);
	inproc_bus_free(card, dma->address, dma->bytes);
}

int inproc_dma_alloc(struct inproc_card *card, uint64_t bytes, struct inproc_dma *dma)
{
	void *cpu;
	int ret;

	bytes = (bytes + PAGE_BYTES - 1) & ~(uint64_t)(PAGE_BYTES - 1);
	cpu = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (cpu == MAP_FAILED)
		return error_set(-ENOMEM, "out of memory: no %llu bytes",
				 (unsigned long long)bytes);
	ret = inproc_dma_map(card, cpu, bytes, VCARD_DMA_READ | VCARD_DMA_WRITE, dma);
	if (ret)
		munmap(cpu, bytes);
	return ret;
}

void inproc_dma_free(struct inproc_card *card, struct inproc_dma *dma)
{
	if (!dma->cpu)
		return;
	inproc_dma_unmap(card, dma);
	munmap(dma->cpu, dma->bytes);
	dma->cpu = NULL;
}

/* --- Card memory ------------------------------------------------------------------ */

/* All card memory is dirty until it was scrubbed. */
static int inproc_scrub(struct inproc_card *card, uint64_t address, uint64_t bytes)
{
	uint32_t bound_ms = inproc_reg32(card, ACI_REG_T_ADMIN_MS);
	int ret = 0;

	if (!card->scrub_bytes_max)
		return error_set(-EPROTO, "inproc: the card cannot scrub its memory");
	while (bytes && !ret) {
		uint64_t part = bytes < card->scrub_bytes_max ? bytes : card->scrub_bytes_max;
		struct aci_admin_cmd cmd = {
			.opcode = ACI_ADMIN_SCRUB,
			.scrub = { .addr = htole64(address), .bytes = htole64(part) },
		};

		ret = inproc_admin_call(card, &cmd, bound_ms, NULL);
		address += part;
		bytes -= part;
	}
	return ret;
}

static int inproc_card_alloc(struct inproc_card *card, uint64_t bytes, bool mappable,
			     uint64_t *address)
{
	struct va_range inside = { 0, card->aperture.bytes };
	struct va_range outside = { card->aperture.bytes, card->mem_bytes };
	uint64_t align = bytes >= LEAF_BYTES ? LEAF_BYTES : PAGE_BYTES;
	uint64_t free_bytes;
	int ret;

	pthread_mutex_lock(&card->memory_lock);
	/* Keep the aperture for those who need it. */
	ret = va_alloc(&card->memory, bytes, align, mappable ? &inside : &outside, address);
	if (ret == -ENOSPC && !mappable)
		ret = va_alloc(&card->memory, bytes, align, NULL, address);
	if (ret == -ENOSPC)
		ret = va_alloc(&card->memory, bytes, PAGE_BYTES, mappable ? &inside : NULL,
			       address);
	free_bytes = card->memory.free_bytes;
	pthread_mutex_unlock(&card->memory_lock);
	if (ret)
		return error_set(ret,
				 "card memory is full: %llu bytes asked for, %llu of %llu free%s",
				 (unsigned long long)bytes, (unsigned long long)free_bytes,
				 (unsigned long long)card->mem_bytes,
				 mappable ? " (mappable memory is a part of it)" : "");
	ret = inproc_scrub(card, *address, bytes);
	/* What could not be scrubbed is never handed out again: it stays allocated. */
	return ret;
}

static void inproc_card_free(struct inproc_card *card, uint64_t address, uint64_t bytes)
{
	pthread_mutex_lock(&card->memory_lock);
	va_free(&card->memory, address, bytes);
	pthread_mutex_unlock(&card->memory_lock);
}

/* --- BOs -------------------------------------------------------------------------- */

int inproc_bo_create(struct transport *transport, uint64_t bytes, enum accel_placement placement,
		     bool mappable, struct transport_bo **out)
{
	struct inproc_card *card = to_inproc(transport);
	struct inproc_bo *bo;
	int ret;

	if (inproc_is_wedged(card))
		return inproc_error_wedged();
	bo = calloc(1, sizeof(*bo));
	if (!bo)
		return error_set(-ENOMEM, "out of memory");
	bo->base.transport = transport;
	bo->base.bytes = bytes;
	bo->card_memory = placement == ACCEL_MEMORY_CARD;
	if (bo->card_memory)
		ret = inproc_card_alloc(card, bytes, mappable, &bo->address);
	else
		ret = inproc_dma_alloc(card, bytes, &bo->dma);
	if (ret) {
		free(bo);
		return ret;
	}
	*out = &bo->base;
	return 0;
}

int inproc_bo_register(struct transport *transport, void *address, uint64_t bytes, bool readonly,
		       struct transport_bo **out)
{
	struct inproc_card *card = to_inproc(transport);
	struct inproc_bo *bo;
	int ret;

	if (inproc_is_wedged(card))
		return inproc_error_wedged();
	ret = inproc_host_check(address, bytes, readonly);
	if (ret)
		return ret;
	bo = calloc(1, sizeof(*bo));
	if (!bo)
		return error_set(-ENOMEM, "out of memory");
	bo->base.transport = transport;
	bo->base.bytes = bytes;
	bo->is_registered = true;
	ret = inproc_dma_map(card, address, bytes,
			     VCARD_DMA_READ | (readonly ? 0 : VCARD_DMA_WRITE), &bo->dma);
	if (ret) {
		free(bo);
		return ret;
	}
	*out = &bo->base;
	return 0;
}

int inproc_bo_map(struct transport_bo *base, void **pointer)
{
	struct inproc_card *card = to_inproc(base->transport);
	struct inproc_bo *bo = (struct inproc_bo *)base;

	if (!bo->card_memory) {
		*pointer = bo->dma.cpu;
		return 0;
	}
	if (bo->address + base->bytes > card->aperture.bytes)
		return error_set(
			-EACCES,
			"this card memory is not mappable: create it with ACCEL_BUFFER_MAPPABLE");
	*pointer = (char *)card->aperture.map + bo->address;
	return 0;
}

void inproc_bo_destroy(struct transport_bo *base)
{
	struct inproc_card *card = to_inproc(base->transport);
	struct inproc_bo *bo = (struct inproc_bo *)base;

	if (bo->card_memory)
		inproc_card_free(card, bo->address, base->bytes);
	else if (bo->is_registered)
		inproc_dma_unmap(card, &bo->dma);
	else
		inproc_dma_free(card, &bo->dma);
	free(bo);
}
