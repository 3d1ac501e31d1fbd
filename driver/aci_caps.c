// SPDX-License-Identifier: GPL-2.0
/*
 * Capability registers: nothing the card says is used before it is checked.
 */

#include <linux/log2.h>
#include <aci/aci_queue.h>

#include "aci_mmio.h"

/* Longer than any sane bound, short enough for a user to wait. */
#define ACI_BOUND_MAX_MS	600000

static u32 aci_caps_bound(struct aci_device *adev, u32 reg)
{
	u32 ms = aci_read32(adev, reg);

	if (ms && ms <= ACI_BOUND_MAX_MS)
		return ms;
	drm_notice(&adev->drm, "bound at register %#x is %u ms, using %u ms\n", reg, ms,
		   ACI_BOUND_MAX_MS);
	return ACI_BOUND_MAX_MS;
}

static void aci_caps_read_bounds(struct aci_device *adev)
{
	struct aci_caps *caps = &adev->caps;

	caps->ready_ms = aci_caps_bound(adev, ACI_REG_T_READY_MS);
	caps->admin_ms = aci_caps_bound(adev, ACI_REG_T_ADMIN_MS);
	caps->invalidate_ms = aci_caps_bound(adev, ACI_REG_T_INVALIDATE_MS);
	caps->suspend_ms = aci_caps_bound(adev, ACI_REG_T_SUSPEND_MS);
	caps->queue_reset_ms = aci_caps_bound(adev, ACI_REG_T_QUEUE_RESET_MS);
	caps->card_reset_ms = aci_caps_bound(adev, ACI_REG_T_CARD_RESET_MS);
	caps->flr_ms = aci_caps_bound(adev, ACI_REG_T_FLR_MS);
	caps->heartbeat_ms = aci_caps_bound(adev, ACI_REG_T_HEARTBEAT_MS);
	caps->active_ms = aci_caps_bound(adev, ACI_REG_T_ACTIVE_MS);
}

static void aci_caps_read_all(struct aci_device *adev)
{
	struct aci_caps *caps = &adev->caps;
	u32 value;

	caps->cap = aci_read64(adev, ACI_REG_CAP);
	value = aci_read32(adev, ACI_REG_ADDRESSING);
	caps->dma_bits = ACI_ADDRESSING_DMA_BITS(value);
	caps->db_shift = ACI_ADDRESSING_DB_SHIFT(value);
	value = aci_read32(adev, ACI_REG_QUEUES);
	caps->queues = value & 0xffff;
	caps->vectors = value >> 16;
	value = aci_read32(adev, ACI_REG_VMS);
	caps->vms = value & 0xffff;
	caps->engine_classes = (value >> 16) & 0xff;
	caps->priorities = value >> 24;
	value = aci_read32(adev, ACI_REG_RINGS);
	caps->job_shift_max = value & 0xff;
	caps->admin_shift_max = (value >> 8) & 0xff;
	caps->inval_shift_max = (value >> 16) & 0xff;
	caps->event_shift_max = value >> 24;
	caps->mem_bytes = aci_read64(adev, ACI_REG_MEM_BYTES);
	caps->aperture_bytes = aci_read64(adev, ACI_REG_APERTURE_BYTES);
	caps->timestamp_hz = aci_read64(adev, ACI_REG_TIMESTAMP_HZ);
	caps->kick_offset = aci_read64(adev, ACI_REG_KICK_OFFSET);
	caps->reset_cap = aci_read32(adev, ACI_REG_RESET_CAP);
}

static const char *aci_caps_fault(const struct aci_caps *caps)
{
	if (caps->dma_bits < 32 || caps->dma_bits > 64)
		return "DMA address bits";
	if (caps->db_shift < ACI_DB_SHIFT_MIN || caps->db_shift > 30)
		return "doorbell stride";
	if (!caps->queues)
		return "number of queues";
	if (!caps->vectors)
		return "number of vectors";
	if (!caps->vms)
		return "number of VMs";
	if (!caps->engine_classes)
		return "number of engine classes";
	if (!caps->priorities)
		return "number of priorities";
	if (caps->job_shift_max < 6 || caps->job_shift_max > 15)
		return "job ring size";
	if (!caps->admin_shift_max || caps->admin_shift_max > 15 ||
	    !caps->inval_shift_max || caps->inval_shift_max > 15 ||
	    !caps->event_shift_max || caps->event_shift_max > 15)
		return "ring sizes";
	if (!IS_ALIGNED(caps->mem_bytes, ACI_PAGE_SIZE) || caps->mem_bytes >> 48 ||
	    caps->aperture_bytes > caps->mem_bytes)
		return "card memory size";
	if (!caps->timestamp_hz)
		return "timestamp rate";
	if ((caps->cap & ACI_CAP_KICK) &&
	    (!caps->kick_offset || caps->kick_offset & ((1ull << caps->db_shift) - 1)))
		return "kick offset";
	return NULL;
}

/**
 * aci_caps_read() - read and check the capability registers
 * @adev: device with mapped registers
 *
 * Return: 0, -ENODEV if the card is absent, of another major version or states
 * something that the interface forbids.
 */
int aci_caps_read(struct aci_device *adev)
{
	struct aci_caps *caps = &adev->caps;
	const char *fault;
	u32 magic;

	magic = aci_read32(adev, ACI_REG_MAGIC);
	if (magic != ACI_MAGIC) {
		drm_err(&adev->drm, "no ACI registers (magic %#x)\n", magic);
		return -ENODEV;
	}
	caps->version = aci_read32(adev, ACI_REG_VERSION);
	if (caps->version >> 16 != ACI_VERSION_MAJOR) {
		drm_err(&adev->drm, "ACI version %u.%u is not supported\n",
			caps->version >> 16, caps->version & 0xffff);
		return -ENODEV;
	}
	aci_caps_read_all(adev);
	fault = aci_caps_fault(caps);
	if (fault) {
		drm_err(&adev->drm, "capability out of range: %s\n", fault);
		return -ENODEV;
	}
	aci_caps_read_bounds(adev);

	/* More than this the driver cannot show; the card does not mind. */
	caps->engine_classes = min_t(unsigned int, caps->engine_classes, ACI_ENGINE_CLASSES_MAX);
	caps->priorities = min_t(unsigned int, caps->priorities, ACI_PRIORITY_MAX + 1);
	caps->vectors = min_t(unsigned int, caps->vectors, ACI_NOTIFY_VECTORS_MAX);
	return 0;
}
