/* SPDX-License-Identifier: MIT */
/*
 * Device MMU: address spaces, their page tables in host memory, and a TLB for
 * each that never holds an invalid entry.
 *
 * Locking: a VM's lock covers its TLB and its counts of open accesses; it is
 * taken inside card->lock and outside the DMA table's lock. A VM is referenced
 * by the card's table, by each queue and by whoever works on it.
 *
 * Every access is counted in the epoch in which it began. An invalidation
 * drops translations, begins a new epoch and waits until the old one is empty:
 * bounded by the longest access, whatever a job does.
 */
#ifndef VCARD_CORE_MMU_H
#define VCARD_CORE_MMU_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct vcard;

#define TLB_WAYS	4
#define TLB_SETS_4K	256
#define TLB_SETS_2M	32

struct tlb_entry {
	uint64_t page;		/* VA >> shift */
	uint64_t pte;		/* 0: empty */
};

struct vm {
	struct vcard *card;
	uint16_t id;
	uint16_t flags;
	uint64_t root;
	unsigned int queues;		/* under card->lock */
	_Atomic uint32_t references;

	pthread_mutex_t lock;
	pthread_cond_t drained;
	unsigned int epoch;		/* the current one: 0 or 1 */
	uint32_t open[2];		/* accesses by epoch */
	bool invalidating;
	unsigned int victim;
	struct tlb_entry tlb_4k[TLB_SETS_4K][TLB_WAYS];
	struct tlb_entry tlb_2m[TLB_SETS_2M][TLB_WAYS];
};

/** struct translation - where one address leads */
struct translation {
	bool card;		/* card memory, else bus address */
	uint64_t address;
	uint64_t bytes;		/* up to the end of the leaf */
};

struct vm *vm_create(struct vcard *card, uint16_t id, uint16_t flags, uint64_t root);
void vm_get(struct vm *vm);
void vm_put(struct vm *vm);

/** vm_open() - begin an access. Return: its epoch, for vm_close(). */
unsigned int vm_open(struct vm *vm);
void vm_close(struct vm *vm, unsigned int epoch);

/** vm_translate() - one address, within an open access. @mode: VM_ACCESS_*. false: fault */
bool vm_translate(struct vm *vm, uint64_t va, unsigned int mode, struct translation *result);

/**
 * vm_translate_run() - addresses from @va on, leaf by leaf, within an open access
 * @max: of @results
 *
 * Return: leaves found. If they do not reach @bytes and are fewer than @max,
 * there is a fault behind them.
 */
unsigned int vm_translate_run(struct vm *vm, uint64_t va, uint64_t bytes, unsigned int mode,
			      struct translation *results, unsigned int max);

/** vm_pin_page() - a translation that is in the TLB and in no table; for tests of the card itself */
void vm_pin_page(struct vm *vm, uint64_t va, uint64_t pte);

/** vm_invalidate() - drop [va, va + bytes) and wait for the accesses that may use it */
void vm_invalidate(struct vm *vm, uint64_t va, uint64_t bytes);

#endif
