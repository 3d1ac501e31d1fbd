// SPDX-License-Identifier: MIT
/* Windows on device virtual memory, for engines. */

#include <stdlib.h>
#include <string.h>

#include <aci/aci_mmu.h>
#include <aci/aci_status.h>

#include "vcard.h"

/* A run of bytes that is contiguous in this process. */
struct segment {
	uint8_t *host;
	uint64_t bytes;
	struct dma_region *region;	/* pinned; NULL: card memory */
};

/* In vm_access.priv[0] when the window is a bounce buffer. */
struct bounce {
	size_t count;
	size_t capacity;
	struct segment segments[];
};

/* vm_access.priv[] */
enum { PRIV_BOUNCE, PRIV_REGION, PRIV_EPOCH };

static bool locate(struct engine_job *job, uint64_t va, uint64_t bytes, unsigned int mode,
		   struct segment *segment)
{
	struct vcard *card = job->card;
	struct translation where;
	unsigned int prot = 0;

	if (!vm_translate(job->queue->vm, va, mode, &where))
		return false;
	segment->bytes = MIN(bytes, where.bytes);
	segment->region = NULL;
	if (where.card) {
		segment->host = (uint8_t *)card->memory.map + where.address;
		return true;
	}
	if (mode & VM_ACCESS_READ)
		prot |= VCARD_DMA_READ;
	if (mode & VM_ACCESS_WRITE)
		prot |= VCARD_DMA_WRITE;
	segment->host = dma_pin(&card->dma, where.address, &segment->bytes, prot, &segment->region);
	return segment->host;
}

static void unpin(struct vcard *card, struct segment *segment)
{
	if (segment->region)
		dma_unpin(&card->dma, segment->region);
}

static bool continues(const struct segment *first, const struct segment *next)
{
	return first->host + first->bytes == next->host && first->region == next->region;
}

/* Extend @run while memory goes on. Return: false and the fault, or what follows in @next. */
static bool find_run(struct engine_job *job, uint64_t va, uint64_t bytes, unsigned int mode,
		     struct segment *run, struct segment *next, uint64_t *fault_va)
{
	next->host = NULL;
	while (run->bytes < bytes) {
		if (!locate(job, va + run->bytes, bytes - run->bytes, mode, next)) {
			*fault_va = va + run->bytes;
			return false;
		}
		if (!continues(run, next))
			return true;
		unpin(job->card, next);		/* run has a pin of the same region */
		run->bytes += next->bytes;
		next->host = NULL;
	}
	return true;
}

static void release_segments(struct vcard *card, struct bounce *bounce)
{
	for (size_t i = 0; i < bounce->count; i++)
		unpin(card, &bounce->segments[i]);
	free(bounce);
}

static bool append(struct bounce **bounce, const struct segment *segment)
{
	size_t count = *bounce ? (*bounce)->count : 0;

	if (!*bounce || count == (*bounce)->capacity) {
		size_t capacity = count ? count * 2 : 8;
		struct bounce *larger;

		larger = realloc(*bounce, sizeof(**bounce) + capacity * sizeof(*segment));
		if (!larger)
			return false;
		larger->capacity = capacity;
		*bounce = larger;
	}
	(*bounce)->segments[count] = *segment;
	(*bounce)->count = count + 1;
	return true;
}

static void gather(const struct bounce *bounce, uint8_t *to)
{
	for (size_t i = 0; i < bounce->count; i++) {
		memcpy(to, bounce->segments[i].host, bounce->segments[i].bytes);
		to += bounce->segments[i].bytes;
	}
}

static void scatter(const struct bounce *bounce, const uint8_t *from)
{
	for (size_t i = 0; i < bounce->count; i++) {
		memcpy(bounce->segments[i].host, from, bounce->segments[i].bytes);
		from += bounce->segments[i].bytes;
	}
}

/* The window is in pieces: collect them all, then copy what is to be read. */
static unsigned int begin_bounce(struct engine_job *job, struct vm_access *access,
				 struct segment run, struct segment next, uint64_t *fault_va)
{
	struct bounce *bounce = NULL;
	unsigned int status = ACI_STATUS_ENGINE_FAULT;
	uint64_t done = 0;

	for (;;) {
		if (!append(&bounce, &run)) {
			unpin(job->card, &run);
			if (next.host)
				unpin(job->card, &next);
			goto fail;
		}
		done += run.bytes;
		if (done == access->bytes)
			break;
		run = next;
		if (!find_run(job, access->va + done, access->bytes - done, access->mode, &run,
			      &next, fault_va)) {
			unpin(job->card, &run);
			status = ACI_STATUS_PAGE_FAULT;
			goto fail;
		}
	}

	/* Zeroed: what an engine leaves out must not be another VM's data. */
	access->ptr = access->mode & VM_ACCESS_READ ? malloc(access->bytes) :
						      calloc(1, access->bytes);
	if (!access->ptr)
		goto fail;
	if (access->mode & VM_ACCESS_READ)
		gather(bounce, access->ptr);
	access->priv[PRIV_BOUNCE] = bounce;
	return ACI_STATUS_SUCCESS;

fail:
	if (bounce)
		release_segments(job->card, bounce);
	return status;
}

unsigned int vm_access_begin(struct engine_job *job, uint64_t va, uint64_t bytes, unsigned int mode,
			     struct vm_access *access, uint64_t *fault_va)
{
	struct vm *vm = job->queue->vm;
	struct segment run, next;
	unsigned int status = ACI_STATUS_PAGE_FAULT;
	unsigned int epoch;

	memset(access, 0, sizeof(*access));
	access->va = va;
	access->bytes = bytes;
	access->mode = mode;
	*fault_va = va;
	if (!bytes || !range_fits(va, bytes, 1ull << ACI_VA_BITS))
		return ACI_STATUS_PAGE_FAULT;

	epoch = vm_open(vm);
	access->priv[PRIV_EPOCH] = (void *)(uintptr_t)epoch;
	if (!locate(job, va, bytes, mode, &run))
		goto fail;
	if (!find_run(job, va, bytes, mode, &run, &next, fault_va)) {
		unpin(job->card, &run);
		goto fail;
	}
	if (run.bytes == bytes) {
		access->ptr = run.host;
		access->priv[PRIV_REGION] = run.region;
		return ACI_STATUS_SUCCESS;
	}
	status = begin_bounce(job, access, run, next, fault_va);
	if (status == ACI_STATUS_SUCCESS)
		return status;
fail:
	vm_close(vm, epoch);
	return status;
}

unsigned int vm_access_end(struct engine_job *job, struct vm_access *access, uint64_t *fault_va)
{
	struct bounce *bounce = access->priv[PRIV_BOUNCE];
	struct dma_region *region = access->priv[PRIV_REGION];

	/* Every page was checked and has been held since: this cannot fault. */
	*fault_va = access->va;
	if (bounce) {
		if (access->mode & VM_ACCESS_WRITE)
			scatter(bounce, access->ptr);
		free(access->ptr);
		release_segments(job->card, bounce);
	} else if (region) {
		dma_unpin(&job->card->dma, region);
	}
	vm_close(job->queue->vm, (unsigned int)(uintptr_t)access->priv[PRIV_EPOCH]);
	access->ptr = NULL;
	return ACI_STATUS_SUCCESS;
}

/* --- Runs --- */

/* Where @where is; @held is the region of the last run, which needs no second pin. */
static bool place_run(struct vcard *card, const struct translation *where, unsigned int prot,
		      struct dma_region **held, struct vm_run *run)
{
	const struct dma_region *region = *held;

	run->bytes = where->bytes;
	run->region = NULL;
	if (where->card) {
		run->host = (uint8_t *)card->memory.map + where->address;
		return true;
	}
	if (region && where->address >= region->iova &&
	    range_fits(where->address - region->iova, where->bytes, region->bytes)) {
		run->host = region->host + (where->address - region->iova);
		return true;
	}
	run->host = dma_pin(&card->dma, where->address, &run->bytes, prot, &run->region);
	*held = run->region;
	return run->host;
}

static void add_run(struct vm_runs *runs, const struct vm_run *run)
{
	struct vm_run *last = runs->count ? &runs->run[runs->count - 1] : NULL;

	/* One with a pin of its own stays alone: another mapping, though the next address. */
	if (last && !run->region && last->host + last->bytes == run->host)
		last->bytes += run->bytes;
	else
		runs->run[runs->count++] = *run;
	runs->bytes += run->bytes;
}

/* Return: false for a fault at runs->bytes. */
static bool add_leaves(struct engine_job *job, const struct translation *leaves, unsigned int count,
		       uint64_t bytes, unsigned int prot, struct dma_region **held,
		       struct vm_runs *runs)
{
	for (unsigned int i = 0; i < count; i++) {
		struct translation rest = leaves[i];

		rest.bytes = MIN(rest.bytes, bytes - runs->bytes);
		while (rest.bytes && runs->count < VM_RUNS_MAX) {
			struct vm_run run;

			if (!place_run(job->card, &rest, prot, held, &run))
				return false;
			add_run(runs, &run);
			rest.address += run.bytes;
			rest.bytes -= run.bytes;
		}
	}
	return true;
}

unsigned int vm_runs_begin(struct engine_job *job, uint64_t va, uint64_t bytes, unsigned int mode,
			   struct vm_runs *runs, uint64_t *fault_va)
{
	unsigned int prot = (mode & VM_ACCESS_READ ? VCARD_DMA_READ : 0) |
			    (mode & VM_ACCESS_WRITE ? VCARD_DMA_WRITE : 0);
	struct translation leaves[VM_RUNS_MAX];
	struct dma_region *held = NULL;
	unsigned int count;

	runs->bytes = 0;
	runs->count = 0;
	*fault_va = va;
	if (!bytes || !range_fits(va, bytes, 1ull << ACI_VA_BITS))
		return ACI_STATUS_PAGE_FAULT;
	runs->epoch = vm_open(job->queue->vm);
	while (runs->bytes < bytes && runs->count < VM_RUNS_MAX) {
		count = vm_translate_run(job->queue->vm, va + runs->bytes, bytes - runs->bytes, mode,
					 leaves, VM_RUNS_MAX - runs->count);
		if (!count || !add_leaves(job, leaves, count, bytes, prot, &held, runs)) {
			*fault_va = va + runs->bytes;
			vm_runs_end(job, runs);
			return ACI_STATUS_PAGE_FAULT;
		}
	}
	return ACI_STATUS_SUCCESS;
}

void vm_runs_end(struct engine_job *job, struct vm_runs *runs)
{
	for (unsigned int i = 0; i < runs->count; i++) {
		if (runs->run[i].region)
			dma_unpin(&job->card->dma, runs->run[i].region);
	}
	vm_close(job->queue->vm, runs->epoch);
}
