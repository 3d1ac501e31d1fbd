// SPDX-License-Identifier: GPL-2.0
/*
 * Card memory.
 */

#include <drm/drm_managed.h>

#include "aci_device.h"

static void aci_vram_fini(struct drm_device *drm, void *arg)
{
	struct aci_vram *vram = arg;

	ACI_BUDDY(free_list)(&vram->buddy, &vram->in_flight, 0);
	ACI_BUDDY(free_list)(&vram->buddy, &vram->quarantine, 0);
	ACI_BUDDY(fini)(&vram->buddy);
}

/**
 * aci_vram_init() - set up without memory
 * @adev: new device
 *
 * A card reset finds it so until the card's memory is known.
 *
 * Return: 0 or -ENOMEM.
 */
int aci_vram_init(struct aci_device *adev)
{
	INIT_LIST_HEAD(&adev->vram.quarantine);
	INIT_LIST_HEAD(&adev->vram.in_flight);
	return drmm_mutex_init(&adev->drm, &adev->vram.lock);
}

/**
 * aci_vram_start() - take over the card's memory
 * @adev: identified device
 *
 * Return: 0 or a negative error.
 */
int aci_vram_start(struct aci_device *adev)
{
	u64 scrub_bytes_max = le64_to_cpu(adev->identify.card->scrub_bytes_max);
	struct aci_vram *vram = &adev->vram;
	u64 bytes = ALIGN_DOWN(adev->caps.mem_bytes, PAGE_SIZE);
	int ret;

	if (!bytes)
		return 0;
	vram->scrub_bytes_max = ALIGN_DOWN(scrub_bytes_max, ACI_PAGE_SIZE);
	if (!vram->scrub_bytes_max) {
		drm_notice(&adev->drm, "card cannot scrub its memory: not used\n");
		return 0;
	}
	ret = ACI_BUDDY(init)(&vram->buddy, bytes, PAGE_SIZE);
	if (ret)
		return ret;
	vram->bytes = bytes;
	vram->free_bytes = bytes;
	return drmm_add_action_or_reset(&adev->drm, aci_vram_fini, vram);
}

static int aci_vram_scrub_range(struct aci_device *adev, u64 addr, u64 bytes)
{
	while (bytes) {
		u64 part = min(bytes, adev->vram.scrub_bytes_max);
		struct aci_admin_req req = {
			.cmd.opcode = ACI_ADMIN_SCRUB,
			.cmd.scrub.addr = cpu_to_le64(addr),
			.cmd.scrub.bytes = cpu_to_le64(part),
		};
		int ret = aci_admin_exec(adev, &req);

		if (ret)
			return ret;
		addr += part;
		bytes -= part;
	}
	return 0;
}

/**
 * aci_vram_scrub() - zero blocks
 * @adev: device with a running admin queue; the caller holds reset_sem
 * @blocks: allocated blocks
 *
 * Return: 0 or a negative error.
 */
int aci_vram_scrub(struct aci_device *adev, struct list_head *blocks)
{
	struct aci_vram *vram = &adev->vram;
	struct aci_buddy_block *block;
	u64 addr = 0, bytes = 0;
	int ret;

	/* Neighbours in one command. */
	list_for_each_entry(block, blocks, link) {
		u64 offset = ACI_BUDDY(block_offset)(block);

		if (bytes && addr + bytes != offset) {
			ret = aci_vram_scrub_range(adev, addr, bytes);
			if (ret)
				return ret;
			bytes = 0;
		}
		if (!bytes)
			addr = offset;
		bytes += ACI_BUDDY(block_size)(&vram->buddy, block);
	}
	return aci_vram_scrub_range(adev, addr, bytes);
}

/**
 * aci_vram_alloc() - allocate zeroed card memory
 * @adev: device; the caller holds reset_sem for reading
 * @bytes: page multiple
 * @in_aperture: within reach of the CPU; otherwise away from there if possible
 * @blocks: empty list; gets the blocks
 *
 * Return: 0, -ENOSPC if the memory is used up, or another negative error.
 */
int aci_vram_alloc(struct aci_device *adev, u64 bytes, bool in_aperture, struct list_head *blocks)
{
	struct aci_vram *vram = &adev->vram;
	u64 end = in_aperture ? min(adev->caps.aperture_bytes, vram->bytes) : vram->bytes;
	unsigned long flags = end == vram->bytes ? 0 : ACI_BUDDY_RANGE;
	int ret = -ENOSPC;

	if (!in_aperture && adev->caps.aperture_bytes < vram->bytes)
		flags = ACI_BUDDY_TOPDOWN;
	mutex_lock(&vram->lock);
	if (bytes <= end && bytes <= vram->free_bytes)
		ret = ACI_BUDDY(alloc_blocks)(&vram->buddy, 0, end, bytes, PAGE_SIZE, blocks,
					      flags);
	if (!ret)
		vram->free_bytes -= bytes;
	else
		drm_dbg(&adev->drm, "no %llu bytes of card memory%s: %llu of %llu free (%d)\n",
			bytes, in_aperture ? " in the aperture" : "", vram->free_bytes,
			vram->bytes, ret);
	mutex_unlock(&vram->lock);
	if (ret)
		return ret;

	ret = aci_vram_scrub(adev, blocks);
	if (ret) {
		mutex_lock(&vram->lock);
		list_splice_tail_init(blocks, ret == -EIO ? &vram->quarantine : &vram->in_flight);
		mutex_unlock(&vram->lock);
		drm_dbg(&adev->drm, "scrub failed (%d), %llu bytes quarantined\n", ret, bytes);
	}
	return ret;
}

/**
 * aci_vram_after_reset() - no scrub is in flight any more
 * @adev: device after a card reset
 */
void aci_vram_after_reset(struct aci_device *adev)
{
	struct aci_vram *vram = &adev->vram;
	struct aci_buddy_block *block;

	mutex_lock(&vram->lock);
	list_for_each_entry(block, &vram->in_flight, link)
		vram->free_bytes += ACI_BUDDY(block_size)(&vram->buddy, block);
	if (!list_empty(&vram->in_flight))
		ACI_BUDDY(free_list)(&vram->buddy, &vram->in_flight, 0);
	mutex_unlock(&vram->lock);
}

/**
 * aci_vram_free() - give blocks back
 * @adev: device, in any state
 * @bytes: their size
 * @blocks: blocks; empty afterwards
 */
void aci_vram_free(struct aci_device *adev, u64 bytes, struct list_head *blocks)
{
	struct aci_vram *vram = &adev->vram;

	mutex_lock(&vram->lock);
	ACI_BUDDY(free_list)(&vram->buddy, blocks, 0);
	vram->free_bytes += bytes;
	mutex_unlock(&vram->lock);
}
