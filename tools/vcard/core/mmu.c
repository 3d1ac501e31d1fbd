// SPDX-License-Identifier: MIT

#include <stdlib.h>
#include <string.h>

#include <aci/aci_mmu.h>

#include "engine.h"
#include "mmu.h"
#include "vcard.h"

#define SHIFT_4K	ACI_PT_SHIFT(0)
#define SHIFT_2M	ACI_PT_SHIFT(ACI_LEAF_2M_LEVEL)

struct vm *vm_create(struct vcard *card, uint16_t id, uint16_t flags, uint64_t root)
{
	struct vm *vm = calloc(1, sizeof(*vm));

	if (!vm)
		return NULL;
	vm->card = card;
	vm->id = id;
	vm->flags = flags;
	vm->root = root;
	vm->references = 1;
	pthread_mutex_init(&vm->lock, NULL);
	pthread_cond_init(&vm->drained, NULL);
	return vm;
}

void vm_get(struct vm *vm)
{
	atomic_fetch_add(&vm->references, 1);
}

void vm_put(struct vm *vm)
{
	if (atomic_fetch_sub(&vm->references, 1) > 1)
		return;
	pthread_cond_destroy(&vm->drained);
	pthread_mutex_destroy(&vm->lock);
	free(vm);
}

unsigned int vm_open(struct vm *vm)
{
	unsigned int epoch;

	pthread_mutex_lock(&vm->lock);
	epoch = vm->epoch;
	vm->open[epoch]++;
	pthread_mutex_unlock(&vm->lock);
	return epoch;
}

void vm_close(struct vm *vm, unsigned int epoch)
{
	pthread_mutex_lock(&vm->lock);
	if (!--vm->open[epoch] && vm->invalidating)
		pthread_cond_broadcast(&vm->drained);
	pthread_mutex_unlock(&vm->lock);
}

/* --- TLB --- */

static struct tlb_entry *tlb_set(struct vm *vm, uint64_t va, bool large)
{
	if (large)
		return vm->tlb_2m[(va >> SHIFT_2M) % TLB_SETS_2M];
	return vm->tlb_4k[(va >> SHIFT_4K) % TLB_SETS_4K];
}

static uint64_t tlb_lookup(struct vm *vm, uint64_t va, bool large)
{
	const struct tlb_entry *set = tlb_set(vm, va, large);
	uint64_t page = va >> (large ? SHIFT_2M : SHIFT_4K);

	for (unsigned int way = 0; way < TLB_WAYS; way++) {
		if (set[way].pte && set[way].page == page)
			return set[way].pte;
	}
	return 0;
}

static void tlb_insert(struct vm *vm, uint64_t va, bool large, uint64_t pte)
{
	struct tlb_entry *set = tlb_set(vm, va, large);
	uint64_t page = va >> (large ? SHIFT_2M : SHIFT_4K);
	struct tlb_entry *entry = &set[vm->victim++ % TLB_WAYS];

	for (unsigned int way = 0; way < TLB_WAYS; way++) {
		if (set[way].pte && set[way].page == page)
			entry = &set[way];
	}
	entry->page = page;
	entry->pte = pte;
}

static void tlb_drop(struct tlb_entry *entries, size_t count, uint64_t first, uint64_t last)
{
	for (size_t i = 0; i < count; i++) {
		if (entries[i].page >= first && entries[i].page <= last)
			entries[i].pte = 0;
	}
}

/* --- Page tables --- */

static bool leaf_is_valid(const struct vcard *card, uint64_t pte, unsigned int level)
{
	uint64_t bytes = 1ull << ACI_PT_SHIFT(level);
	uint64_t address = pte & ACI_PTE_ADDR_MASK;

	if (address & (bytes - 1))
		return false;
	if (!(pte & ACI_PTE_CARD))
		return true;
	return !(pte & ACI_PTE_SNOOP) && range_fits(address, bytes, card->memory.bytes);
}

static bool table_is_valid(uint64_t pte)
{
	return !(pte & (ACI_PTE_READ | ACI_PTE_WRITE | ACI_PTE_CARD | ACI_PTE_SNOOP));
}

static bool leaf_is_allowed(const struct vcard *card, uint64_t pte, unsigned int level)
{
	return (!level || (level == ACI_LEAF_2M_LEVEL && !card->config.base_profile)) &&
	       leaf_is_valid(card, pte, level);
}

/*
 * Return: the leaf, or 0 for a fault. Nothing on the way is kept; *last_table is
 * the table of 4 KiB leaves, if it came to one.
 */
static uint64_t walk(struct vm *vm, uint64_t va, bool *large, uint64_t *last_table)
{
	uint64_t table = vm->root;

	for (int level = ACI_PT_LEVELS - 1; level >= 0; level--) {
		uint64_t pte;

		if (!level)
			*last_table = table;
		if (!dma_load64(&vm->card->dma, table + ACI_PT_INDEX(va, level) * sizeof(pte), &pte))
			return 0;
		if (!(pte & ACI_PTE_VALID) || pte & ACI_PTE_RESERVED)
			return 0;
		if (pte & ACI_PTE_LEAF) {
			*large = level == ACI_LEAF_2M_LEVEL;
			return leaf_is_allowed(vm->card, pte, (unsigned int)level) ? pte : 0;
		}
		if (level == 0 || !table_is_valid(pte))
			return 0;
		table = pte & ACI_PTE_ADDR_MASK;
	}
	return 0;
}

/* The table of 4 KiB leaves that a run is in: read in place, it stays while the access is open. */
struct leaf_table {
	const uint64_t *entries;	/* NULL: none */
	uint64_t va;			/* of the first entry */
	struct dma_region *region;
};

static void close_table(struct vm *vm, struct leaf_table *table)
{
	if (table->entries)
		dma_unpin(&vm->card->dma, table->region);
	table->entries = NULL;
}

static void open_table(struct vm *vm, struct leaf_table *table, uint64_t iova, uint64_t va)
{
	uint64_t bytes = ACI_PAGE_SIZE;

	close_table(vm, table);
	table->va = va >> SHIFT_2M << SHIFT_2M;
	table->entries = dma_pin(&vm->card->dma, iova, &bytes, VCARD_DMA_READ, &table->region);
	if (table->entries && bytes < ACI_PAGE_SIZE)
		close_table(vm, table);
}

/* As walk(), of which it spares all but the last step where it can. */
static uint64_t walk_run(struct vm *vm, uint64_t va, bool *large, struct leaf_table *table)
{
	uint64_t pte, iova = 0;

	if (table->entries && va >> SHIFT_2M == table->va >> SHIFT_2M) {
		*large = false;
		pte = le64toh(__atomic_load_n(&table->entries[ACI_PT_INDEX(va, 0)],
					      __ATOMIC_ACQUIRE));
		if (!(pte & ACI_PTE_VALID) || pte & ACI_PTE_RESERVED || !(pte & ACI_PTE_LEAF))
			return 0;
		return leaf_is_allowed(vm->card, pte, 0) ? pte : 0;
	}
	pte = walk(vm, va, large, &iova);
	if (iova)
		open_table(vm, table, iova, va);
	return pte;
}

static bool permits(uint64_t pte, unsigned int mode)
{
	return (!(mode & VM_ACCESS_READ) || pte & ACI_PTE_READ) &&
	       (!(mode & VM_ACCESS_WRITE) || pte & ACI_PTE_WRITE);
}

/*
 * A cached entry that does not permit the access is walked again: the host may
 * have widened the permission, which needs no invalidation.
 */
static uint64_t lookup(struct vm *vm, uint64_t va, unsigned int mode, bool *large,
		       struct leaf_table *table)
{
	uint64_t pte;

	*large = false;
	pte = tlb_lookup(vm, va, false);
	if (pte && permits(pte, mode))
		return pte;
	*large = true;
	pte = tlb_lookup(vm, va, true);
	if (pte && permits(pte, mode))
		return pte;

	pte = walk_run(vm, va, large, table);
	if (!pte || !permits(pte, mode))
		return 0;
	tlb_insert(vm, va, *large, pte);
	return pte;
}

static void set_translation(struct translation *result, uint64_t va, uint64_t pte, bool large)
{
	uint64_t leaf_bytes = 1ull << (large ? SHIFT_2M : SHIFT_4K);
	uint64_t offset = va & (leaf_bytes - 1);

	result->card = pte & ACI_PTE_CARD;
	result->address = (pte & ACI_PTE_ADDR_MASK) + offset;
	result->bytes = leaf_bytes - offset;
}

bool vm_translate(struct vm *vm, uint64_t va, unsigned int mode, struct translation *result)
{
	return vm_translate_run(vm, va, 1, mode, result, 1);
}

unsigned int vm_translate_run(struct vm *vm, uint64_t va, uint64_t bytes, unsigned int mode,
			      struct translation *results, unsigned int max)
{
	struct leaf_table table = { .entries = NULL };
	uint64_t end = va + bytes;
	unsigned int count = 0;

	if (!range_fits(va, bytes, 1ull << ACI_VA_BITS))
		return 0;
	pthread_mutex_lock(&vm->lock);
	while (count < max && va < end) {
		bool large;
		uint64_t pte = lookup(vm, va, mode, &large, &table);

		if (!pte)
			break;
		set_translation(&results[count], va, pte, large);
		va += results[count++].bytes;
	}
	close_table(vm, &table);
	pthread_mutex_unlock(&vm->lock);
	return count;
}

void vm_pin_page(struct vm *vm, uint64_t va, uint64_t pte)
{
	pthread_mutex_lock(&vm->lock);
	tlb_insert(vm, va, false, pte);
	pthread_mutex_unlock(&vm->lock);
}

void vm_invalidate(struct vm *vm, uint64_t va, uint64_t bytes)
{
	uint64_t last = va + bytes - 1;
	unsigned int old;

	pthread_mutex_lock(&vm->lock);
	/* One at a time: an epoch is used again only when it is empty. */
	while (vm->invalidating)
		pthread_cond_wait(&vm->drained, &vm->lock);
	vm->invalidating = true;

	tlb_drop(&vm->tlb_4k[0][0], TLB_SETS_4K * TLB_WAYS, va >> SHIFT_4K, last >> SHIFT_4K);
	tlb_drop(&vm->tlb_2m[0][0], TLB_SETS_2M * TLB_WAYS, va >> SHIFT_2M, last >> SHIFT_2M);
	old = vm->epoch;
	vm->epoch = !old;
	while (vm->open[old])
		pthread_cond_wait(&vm->drained, &vm->lock);

	vm->invalidating = false;
	pthread_cond_broadcast(&vm->drained);
	pthread_mutex_unlock(&vm->lock);
}
