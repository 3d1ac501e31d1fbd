/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Invalidation queue: has its own ring, so that taking memory away from the
 * card never waits behind firmware.
 *
 * aci_inval.lock protects ring and tail. Completion comes by the interrupt of
 * vector 0.
 */
#ifndef ACI_INVAL_H
#define ACI_INVAL_H

#include <linux/mutex.h>
#include <linux/types.h>
#include <linux/wait.h>
#include <aci/aci_mmu.h>

struct aci_device;

/* More ranges than this become an invalidation of the whole VM. */
#define ACI_INVAL_RANGES_MAX	8

/**
 * struct aci_inval - the queue
 */
struct aci_inval {
	/** @lock: protects all but @wait and @running */
	struct mutex lock;
	/** @wait: woken by the interrupt */
	wait_queue_head_t wait;
	/** @running: commands are accepted */
	bool running;
	/** @shift: log2 of the entries */
	unsigned int shift;
	/** @sq: ring */
	struct aci_inv_cmd *sq;
	/** @sq_dma: its address for the card */
	dma_addr_t sq_dma;
	/** @record: what the card writes */
	struct aci_inv_record *record;
	/** @record_dma: its address for the card */
	dma_addr_t record_dma;
	/** @submitted: commands written since enable */
	u64 submitted;
};

/**
 * struct aci_inval_batch - ranges of one VM whose translations must go
 */
struct aci_inval_batch {
	/** @count: number of ranges; above ACI_INVAL_RANGES_MAX: all of the VM */
	unsigned int count;
	/** @ranges: page-aligned */
	struct {
		/** @ranges.va: first address */
		u64 va;
		/** @ranges.bytes: length */
		u64 bytes;
	} ranges[ACI_INVAL_RANGES_MAX];
};

void aci_inval_batch_add(struct aci_inval_batch *batch, u64 va, u64 bytes);
void aci_inval_batch_add_all(struct aci_inval_batch *batch);

int aci_inval_init(struct aci_device *adev);
void aci_inval_program(struct aci_device *adev);
void aci_inval_start(struct aci_device *adev);
void aci_inval_stop(struct aci_device *adev);
void aci_inval_handle_irq(struct aci_device *adev);
int aci_inval_run(struct aci_device *adev, u16 vm_id, const struct aci_inval_batch *batch);

#endif /* ACI_INVAL_H */
