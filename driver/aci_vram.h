/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Card memory: a buddy allocator of clean blocks and a list of dirty ones.
 *
 * All memory is dirty at probe, when a BO is freed, and after a reset that lost
 * it. Dirty blocks belong to nobody, and the allocator does not have them until
 * the card has scrubbed them: a worker does that, and so does an allocation
 * that finds too little clean memory. A block whose scrub failed is never used
 * again.
 *
 * aci_vram.lock protects allocator and lists. Memory is allocated under it, so
 * that a card reset must not take it. A scrub runs under aci_vram.scrub_lock,
 * which is outside aci_device.reset_sem, and with reset_sem held for reading,
 * where it allocates nothing.
 */
#ifndef ACI_VRAM_H
#define ACI_VRAM_H

#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/types.h>
#include <linux/workqueue.h>

#include "compat.h"

struct aci_device;

/**
 * struct aci_vram - card memory
 */
struct aci_vram {
	/** @lock: protects all down to @in_flight_generation */
	struct mutex lock;
	/** @buddy: allocator; what is free there is clean */
	struct aci_buddy buddy;
	/** @clean_epoch: value of @epoch that it is clean in */
	u64 clean_epoch;
	/** @cleanings: how often memory became clean */
	u64 cleanings;
	/** @free_bytes: clean and dirty, belongs to nobody */
	u64 free_bytes;
	/** @free_aperture_bytes: that part of them that the CPU can map */
	u64 free_aperture_bytes;
	/** @dirty: blocks to scrub */
	struct list_head dirty;
	/** @quarantine: blocks whose scrub failed */
	struct list_head quarantine;
	/** @quarantined_bytes: their size */
	u64 quarantined_bytes;
	/** @in_flight: blocks whose scrub was not answered; dirty after a reset */
	struct list_head in_flight;
	/** @in_flight_generation: reset generation of the last of them */
	u64 in_flight_generation;

	/** @scrub_lock: one scrub at a time */
	struct mutex scrub_lock;
	/** @scrub_work: scrubs what is dirty */
	struct work_struct scrub_work;
	/** @epoch: how often all contents were lost; changed under reset_sem for writing */
	u64 epoch;

	/** @bytes: size; 0: there is none */
	u64 bytes;
	/** @aperture_bytes: part of it, from 0, that the CPU can map */
	u64 aperture_bytes;
	/** @scrub_bytes_max: of one SCRUB command */
	u64 scrub_bytes_max;
};

int aci_vram_init(struct aci_device *adev);
int aci_vram_start(struct aci_device *adev);
void aci_vram_stop(struct aci_device *adev);
int aci_vram_alloc(struct aci_device *adev, u64 bytes, bool in_aperture, struct list_head *blocks,
		   u64 *epoch);
void aci_vram_free(struct aci_device *adev, struct list_head *blocks);
u64 aci_vram_count_free(struct aci_vram *vram, struct list_head *blocks, bool free);
int aci_vram_sync_epoch(struct aci_vram *vram);
u64 aci_vram_available(struct aci_device *adev, bool in_aperture);
u64 aci_vram_dirty(struct aci_device *adev);
void aci_vram_after_reset(struct aci_device *adev, bool memory_kept);

/* aci_scrub.c */
int aci_scrub_blocks(struct aci_device *adev, struct list_head *blocks);
int aci_scrub_some(struct aci_device *adev, u64 end, const u64 *cleanings);
void aci_scrub_work(struct work_struct *work);

#endif /* ACI_VRAM_H */
