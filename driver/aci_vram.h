/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Card memory: a buddy allocator whose blocks are scrubbed by the card before
 * anyone gets them. Nothing that a free block holds is trusted: all of it is
 * dirty, in every reset generation. A block whose scrub failed is never used
 * again.
 *
 * aci_vram.lock protects the allocator.
 */
#ifndef ACI_VRAM_H
#define ACI_VRAM_H

#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/types.h>

#include "compat.h"

struct aci_device;

/**
 * struct aci_vram - card memory
 */
struct aci_vram {
	/** @lock: protects the rest */
	struct mutex lock;
	/** @buddy: allocator */
	struct aci_buddy buddy;
	/** @bytes: size; 0: there is none */
	u64 bytes;
	/** @free_bytes: not allocated */
	u64 free_bytes;
	/** @scrub_bytes_max: of one SCRUB command */
	u64 scrub_bytes_max;
	/** @quarantine: blocks whose scrub failed */
	struct list_head quarantine;
	/** @in_flight: blocks whose scrub was not answered; free after a reset */
	struct list_head in_flight;
};

int aci_vram_init(struct aci_device *adev);
int aci_vram_start(struct aci_device *adev);
int aci_vram_alloc(struct aci_device *adev, u64 bytes, bool in_aperture, struct list_head *blocks);
void aci_vram_free(struct aci_device *adev, u64 bytes, struct list_head *blocks);
int aci_vram_scrub(struct aci_device *adev, struct list_head *blocks);
void aci_vram_after_reset(struct aci_device *adev);

#endif /* ACI_VRAM_H */
