// SPDX-License-Identifier: GPL-2.0
/*
 * Card memory: have the card zero what others may not see.
 */

#include "aci_device.h"

static int aci_scrub_range(struct aci_device *adev, u64 addr, u64 bytes)
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
 * aci_scrub_blocks() - zero blocks
 * @adev: device with a running admin queue; the caller holds reset_sem
 * @blocks: allocated blocks
 *
 * Return: 0 or a negative error.
 */
int aci_scrub_blocks(struct aci_device *adev, struct list_head *blocks)
{
	struct aci_vram *vram = &adev->vram;
	struct aci_buddy_block *block;
	u64 addr = 0, bytes = 0;
	int ret;

	/* Neighbours in one command. */
	list_for_each_entry(block, blocks, link) {
		u64 offset = ACI_BUDDY(block_offset)(block);

		if (bytes && addr + bytes != offset) {
			ret = aci_scrub_range(adev, addr, bytes);
			if (ret)
				return ret;
			bytes = 0;
		}
		if (!bytes)
			addr = offset;
		bytes += ACI_BUDDY(block_size)(&vram->buddy, block);
	}
	return aci_scrub_range(adev, addr, bytes);
}

/* Those whose scrub was not answered are only dirty once the card has been reset. */
static void aci_scrub_reclaim(struct aci_device *adev)
{
	struct aci_vram *vram = &adev->vram;

	if (list_empty(&vram->in_flight) ||
	    READ_ONCE(adev->reset_generation) == vram->in_flight_generation)
		return;
	aci_vram_count_free(vram, &vram->in_flight, true);
	list_splice_tail_init(&vram->in_flight, &vram->dirty);
}

/* Take dirty memory for one command: a block, and neighbours that come after it in the list. */
static void aci_scrub_take(struct aci_vram *vram, u64 end, struct list_head *blocks)
{
	struct aci_buddy_block *block, *next;
	u64 bytes = 0, behind = 0;

	list_for_each_entry_safe(block, next, &vram->dirty, link) {
		u64 offset = ACI_BUDDY(block_offset)(block);
		u64 size = ACI_BUDDY(block_size)(&vram->buddy, block);

		if (bytes && (offset != behind || bytes + size > vram->scrub_bytes_max))
			return;
		if (!bytes && offset >= end)
			continue;
		list_move_tail(&block->link, blocks);
		bytes += size;
		behind = offset + size;
	}
}

/* The state of @blocks after a scrub that began in @generation and @epoch and returned @ret. */
static void aci_scrub_put(struct aci_device *adev, struct list_head *blocks, int ret,
			  u64 generation, u64 epoch)
{
	struct aci_vram *vram = &adev->vram;

	switch (ret) {
	case 0:
		if (epoch != vram->clean_epoch || epoch != READ_ONCE(vram->epoch)) {
			list_splice_tail_init(blocks, &vram->dirty);
			return;
		}
		ACI_BUDDY(free_list)(&vram->buddy, blocks, 0);
		vram->cleanings++;
		return;
	case -ETIMEDOUT:
	case -EAGAIN:
	case -ENODEV:
		aci_vram_count_free(vram, blocks, false);
		list_splice_tail_init(blocks, &vram->in_flight);
		vram->in_flight_generation = generation;
		return;
	default:
		drm_notice(&adev->drm, "card memory cannot be scrubbed and is not used any more\n");
		WRITE_ONCE(vram->quarantined_bytes, vram->quarantined_bytes +
			   aci_vram_count_free(vram, blocks, false));
		list_splice_tail_init(blocks, &vram->quarantine);
	}
}

static int aci_scrub_taken(struct aci_device *adev, struct list_head *blocks)
{
	struct aci_vram *vram = &adev->vram;
	u64 generation, epoch;
	int ret;

	down_read(&adev->reset_sem);
	generation = adev->reset_generation;
	epoch = vram->epoch;
	if (aci_is_ok(adev)) {
		ret = aci_scrub_blocks(adev, blocks);
		up_read(&adev->reset_sem);
		mutex_lock(&vram->lock);
		aci_scrub_put(adev, blocks, ret, generation, epoch);
	} else {
		ret = aci_is_dead(adev) ? -ENODEV : -EAGAIN;
		up_read(&adev->reset_sem);
		mutex_lock(&vram->lock);
		list_splice_init(blocks, &vram->dirty);
	}
	mutex_unlock(&vram->lock);
	return ret;
}

static bool aci_scrub_is_answered(int ret)
{
	return ret != -ETIMEDOUT && ret != -EAGAIN && ret != -ENODEV;
}

/**
 * aci_scrub_some() - make dirty memory clean
 * @adev: device; the caller does not hold reset_sem
 * @end: below this address
 * @cleanings: aci_vram.cleanings when there was too little clean memory, or NULL
 *
 * Waits for the card, for a bounded time.
 *
 * Return: 0 if less memory is dirty than there was; -ENOENT if none is;
 * -ETIMEDOUT if the card must be reset; -EAGAIN while it is; -ENODEV; -EINTR; -ENOMEM.
 */
int aci_scrub_some(struct aci_device *adev, u64 end, const u64 *cleanings)
{
	struct aci_vram *vram = &adev->vram;
	LIST_HEAD(blocks);
	int ret = 0;

	if (mutex_lock_killable(&vram->scrub_lock))
		return -EINTR;
	mutex_lock(&vram->lock);
	/* Unless it became clean while we waited for the lock. */
	if (!cleanings || *cleanings == vram->cleanings) {
		aci_scrub_reclaim(adev);
		ret = aci_vram_sync_epoch(vram);
		if (!ret)
			aci_scrub_take(vram, end, &blocks);
		if (!ret && list_empty(&blocks))
			ret = -ENOENT;
	}
	mutex_unlock(&vram->lock);
	if (!list_empty(&blocks)) {
		ret = aci_scrub_taken(adev, &blocks);
		if (aci_scrub_is_answered(ret))
			ret = 0;
	}
	mutex_unlock(&vram->scrub_lock);
	return ret;
}

/**
 * aci_scrub_work() - scrub all that is dirty
 * @work: aci_vram.scrub_work
 *
 * Ends early if the card does not work; its reset starts it again.
 */
void aci_scrub_work(struct work_struct *work)
{
	struct aci_vram *vram = container_of(work, struct aci_vram, scrub_work);
	struct aci_device *adev = container_of(vram, struct aci_device, vram);

	while (!aci_scrub_some(adev, vram->bytes, NULL))
		cond_resched();
}
