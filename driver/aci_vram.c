// SPDX-License-Identifier: GPL-2.0
/*
 * Card memory: who owns which block.
 */

#include <linux/log2.h>
#include <linux/sched/signal.h>
#include <linux/sizes.h>
#include <drm/drm_managed.h>

#include "aci_device.h"
#include "aci_reset.h"

static void aci_vram_fini(struct drm_device *drm, void *arg)
{
	struct aci_vram *vram = arg;

	ACI_BUDDY(free_list)(&vram->buddy, &vram->dirty, 0);
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
	struct aci_vram *vram = &adev->vram;

	INIT_LIST_HEAD(&vram->dirty);
	INIT_LIST_HEAD(&vram->quarantine);
	INIT_LIST_HEAD(&vram->in_flight);
	INIT_WORK(&vram->scrub_work, aci_scrub_work);
	return drmm_mutex_init(&adev->drm, &vram->lock) ?:
	       drmm_mutex_init(&adev->drm, &vram->scrub_lock);
}

/*
 * Take all memory from the allocator: none of it is clean any more. In pieces,
 * so that a small allocation does not wait for the scrub of a large one.
 */
static int aci_vram_soil_all(struct aci_vram *vram)
{
	u64 piece = max_t(u64, rounddown_pow_of_two(vram->scrub_bytes_max), SZ_2M);
	int ret = 0;

	while (!ret && vram->buddy.avail)
		ret = ACI_BUDDY(alloc_blocks)(&vram->buddy, 0, vram->bytes,
					      min(vram->buddy.avail, piece), PAGE_SIZE,
					      &vram->dirty, 0);
	return ret;
}

static void aci_vram_kick(struct aci_device *adev)
{
	int idx;

	/* Remove() waits for this before it cancels the work. */
	if (!drm_dev_enter(&adev->drm, &idx))
		return;
	queue_work(adev->wq, &adev->vram.scrub_work);
	drm_dev_exit(idx);
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
	ret = drmm_add_action_or_reset(&adev->drm, aci_vram_fini, vram);
	if (ret)
		return ret;
	vram->bytes = bytes;
	vram->aperture_bytes = min(adev->caps.aperture_bytes, bytes);
	vram->free_bytes = bytes;
	vram->free_aperture_bytes = vram->aperture_bytes;
	mutex_lock(&vram->lock);
	ret = aci_vram_soil_all(vram);
	mutex_unlock(&vram->lock);
	aci_vram_kick(adev);
	return ret;
}

/**
 * aci_vram_stop() - scrub no more
 * @adev: stopped device, unplugged or never registered
 */
void aci_vram_stop(struct aci_device *adev)
{
	cancel_work_sync(&adev->vram.scrub_work);
}

/**
 * aci_vram_count_free() - blocks become free, or are free no more
 * @vram: card memory; the caller holds its lock
 * @blocks: the blocks
 * @free: which of both
 *
 * Return: their bytes.
 */
u64 aci_vram_count_free(struct aci_vram *vram, struct list_head *blocks, bool free)
{
	u64 bytes = 0, aperture_bytes = 0;
	struct aci_buddy_block *block;

	list_for_each_entry(block, blocks, link) {
		u64 offset = ACI_BUDDY(block_offset)(block);
		u64 size = ACI_BUDDY(block_size)(&vram->buddy, block);

		bytes += size;
		if (offset < vram->aperture_bytes)
			aperture_bytes += min(size, vram->aperture_bytes - offset);
	}
	WRITE_ONCE(vram->free_bytes, vram->free_bytes + (free ? bytes : -bytes));
	WRITE_ONCE(vram->free_aperture_bytes,
		   vram->free_aperture_bytes + (free ? aperture_bytes : -aperture_bytes));
	return bytes;
}

/**
 * aci_vram_sync_epoch() - see to it that what is clean is clean now
 * @vram: card memory; the caller holds its lock
 *
 * Return: 0 or -ENOMEM.
 */
int aci_vram_sync_epoch(struct aci_vram *vram)
{
	u64 epoch = READ_ONCE(vram->epoch);
	int ret;

	if (vram->clean_epoch == epoch)
		return 0;
	ret = aci_vram_soil_all(vram);
	if (!ret)
		vram->clean_epoch = epoch;
	return ret;
}

/* Tells the state of cleaning at that moment in @cleanings. */
static int aci_vram_alloc_clean(struct aci_vram *vram, u64 bytes, u64 end, unsigned long flags,
				struct list_head *blocks, u64 *epoch, u64 *cleanings)
{
	int ret;

	mutex_lock(&vram->lock);
	ret = aci_vram_sync_epoch(vram);
	*epoch = vram->clean_epoch;
	*cleanings = vram->cleanings;
	if (!ret)
		ret = ACI_BUDDY(alloc_blocks)(&vram->buddy, 0, end, bytes, PAGE_SIZE, blocks,
					      flags);
	if (!ret)
		aci_vram_count_free(vram, blocks, false);
	mutex_unlock(&vram->lock);
	return ret;
}

/* A scrub got no answer: have the card reset. Returns 0 once it works again. */
static int aci_vram_await_reset(struct aci_device *adev, u64 generation)
{
	aci_reset_and_wait(adev, generation, "scrub did not complete");
	if (aci_is_ok(adev))
		return 0;
	return aci_is_dead(adev) ? -ENODEV : -EAGAIN;
}

/**
 * aci_vram_alloc() - allocate zeroed card memory
 * @adev: device; the caller is inside drm_dev_enter() and does not hold reset_sem
 * @bytes: page multiple
 * @in_aperture: within reach of the CPU; otherwise away from there if possible
 * @blocks: empty list; gets the blocks
 * @epoch: gets the value of aci_vram.epoch that they are zero in
 *
 * Waits for the card only if there is too little clean memory.
 *
 * Return: 0, -ENOSPC if the memory is used up, or another negative error.
 */
int aci_vram_alloc(struct aci_device *adev, u64 bytes, bool in_aperture, struct list_head *blocks,
		   u64 *epoch)
{
	struct aci_vram *vram = &adev->vram;
	u64 end = in_aperture ? vram->aperture_bytes : vram->bytes;
	unsigned long flags = end == vram->bytes ? 0 : ACI_BUDDY_RANGE;
	u64 cleanings, generation;
	int ret;

	if (bytes > end)
		return -ENOSPC;
	if (!in_aperture && vram->aperture_bytes < vram->bytes)
		flags = ACI_BUDDY_TOPDOWN;
	for (;;) {
		generation = READ_ONCE(adev->reset_generation);
		ret = aci_vram_alloc_clean(vram, bytes, end, flags, blocks, epoch, &cleanings);
		if (ret != -ENOSPC || bytes > aci_vram_available(adev, in_aperture))
			return ret;
		ret = aci_scrub_some(adev, end, &cleanings);
		if (ret == -ETIMEDOUT || ret == -EAGAIN)
			ret = aci_vram_await_reset(adev, generation);
		if (ret)
			return ret == -ENOENT ? -ENOSPC : ret;
		if (drm_dev_is_unplugged(&adev->drm))
			return -ENODEV;
		if (fatal_signal_pending(current))
			return -EINTR;
	}
}

/**
 * aci_vram_free() - give blocks back
 * @adev: device, in any state
 * @blocks: blocks; empty afterwards
 */
void aci_vram_free(struct aci_device *adev, struct list_head *blocks)
{
	struct aci_vram *vram = &adev->vram;

	mutex_lock(&vram->lock);
	aci_vram_count_free(vram, blocks, true);
	list_splice_tail_init(blocks, &vram->dirty);
	mutex_unlock(&vram->lock);
	aci_vram_kick(adev);
}

/**
 * aci_vram_available() - what is free
 * @adev: device
 * @in_aperture: within reach of the CPU
 *
 * Return: bytes, clean or not.
 */
u64 aci_vram_available(struct aci_device *adev, bool in_aperture)
{
	return in_aperture ? READ_ONCE(adev->vram.free_aperture_bytes) :
			     READ_ONCE(adev->vram.free_bytes);
}

/**
 * aci_vram_dirty() - what is free but not clean
 * @adev: device
 *
 * Return: bytes; a guess while memory is allocated or freed.
 */
u64 aci_vram_dirty(struct aci_device *adev)
{
	u64 clean = READ_ONCE(adev->vram.buddy.avail);
	u64 free = READ_ONCE(adev->vram.free_bytes);

	return free > clean ? free - clean : 0;
}

/**
 * aci_vram_after_reset() - what a card reset means for card memory
 * @adev: device after a card reset; the caller holds reset_sem for writing
 * @memory_kept: card memory survived
 */
void aci_vram_after_reset(struct aci_device *adev, bool memory_kept)
{
	if (!memory_kept)
		WRITE_ONCE(adev->vram.epoch, adev->vram.epoch + 1);
	aci_vram_kick(adev);
}
