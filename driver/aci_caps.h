/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Capability registers, read and validated once at probe. Constant afterwards.
 */
#ifndef ACI_CAPS_H
#define ACI_CAPS_H

#include <linux/jiffies.h>
#include <linux/types.h>
#include <aci/aci_regs.h>

#define ACI_ENGINE_CLASSES_MAX	8
#define ACI_SETS_MAX		16

struct aci_device;

/**
 * struct aci_caps - what the card can do
 */
struct aci_caps {
	/** @version: ACI_REG_VERSION */
	u32 version;
	/** @cap: ACI_REG_CAP */
	u64 cap;
	/** @dma_bits: width of DMA addresses */
	unsigned int dma_bits;
	/** @db_shift: log2 of the doorbell stride */
	unsigned int db_shift;
	/** @kick_offset: of the kick pages in the doorbell BAR */
	u64 kick_offset;
	/** @queues: job queues */
	unsigned int queues;
	/** @vectors: MSI-X vectors */
	unsigned int vectors;
	/** @vms: VMs */
	unsigned int vms;
	/** @engine_classes: engine classes */
	unsigned int engine_classes;
	/** @priorities: priority levels */
	unsigned int priorities;
	/** @job_shift_max: log2 of the largest job ring */
	unsigned int job_shift_max;
	/** @admin_shift_max: log2 of the largest admin ring */
	unsigned int admin_shift_max;
	/** @inval_shift_max: log2 of the largest invalidation ring */
	unsigned int inval_shift_max;
	/** @event_shift_max: log2 of the largest event ring */
	unsigned int event_shift_max;
	/** @mem_bytes: card memory */
	u64 mem_bytes;
	/** @aperture_bytes: part of it that the CPU can map */
	u64 aperture_bytes;
	/** @timestamp_hz: unit of TIMESTAMP */
	u64 timestamp_hz;
	/** @reset_cap: ACI_REG_RESET_CAP */
	u32 reset_cap;
	/** @ready_ms: ACI_REG_T_READY_MS; the others alike */
	u32 ready_ms;
	/** @admin_ms: any admin command */
	u32 admin_ms;
	/** @invalidate_ms: an invalidation command */
	u32 invalidate_ms;
	/** @suspend_ms: SUSPEND_QUEUE */
	u32 suspend_ms;
	/** @queue_reset_ms: RESET_QUEUE and DELETE_QUEUE */
	u32 queue_reset_ms;
	/** @card_reset_ms: card reset */
	u32 card_reset_ms;
	/** @flr_ms: Function Level Reset and bus reset */
	u32 flr_ms;
	/** @heartbeat_ms: between two heartbeats */
	u32 heartbeat_ms;
	/** @active_ms: age of active_ns of a running queue */
	u32 active_ms;
};

/*
 * How long to wait for something the card promises within @bound_ms. The bound
 * is the card's; the margin covers the interrupt and a busy (virtual) host.
 */
static inline unsigned long aci_bound_jiffies(u32 bound_ms)
{
	return 2 * msecs_to_jiffies(bound_ms) + 2 * HZ;
}

int aci_caps_read(struct aci_device *adev);

#endif /* ACI_CAPS_H */
