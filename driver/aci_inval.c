// SPDX-License-Identifier: GPL-2.0
/*
 * Invalidation queue.
 */

#include <linux/dma-mapping.h>

#include "aci_mmio.h"
#include "aci_reset.h"

#define ACI_INVAL_SHIFT_MAX	7

/**
 * aci_inval_batch_add() - add a range, joined with the last one if it follows it
 * @batch: batch
 * @va: first address
 * @bytes: length
 */
void aci_inval_batch_add(struct aci_inval_batch *batch, u64 va, u64 bytes)
{
	unsigned int last = batch->count - 1;

	if (batch->count > ACI_INVAL_RANGES_MAX)
		return;
	if (batch->count && batch->ranges[last].va + batch->ranges[last].bytes == va) {
		batch->ranges[last].bytes += bytes;
		return;
	}
	if (batch->count < ACI_INVAL_RANGES_MAX) {
		batch->ranges[batch->count].va = va;
		batch->ranges[batch->count].bytes = bytes;
	}
	batch->count++;
}

/**
 * aci_inval_batch_add_all() - invalidate all of the VM
 * @batch: batch
 */
void aci_inval_batch_add_all(struct aci_inval_batch *batch)
{
	batch->count = ACI_INVAL_RANGES_MAX + 1;
}

/**
 * aci_inval_init() - allocate ring and record
 * @adev: device with known capabilities
 *
 * Return: 0 or -ENOMEM.
 */
int aci_inval_init(struct aci_device *adev)
{
	struct device *dev = &adev->pdev->dev;
	struct aci_inval *inval = &adev->inval;

	mutex_init(&inval->lock);
	init_waitqueue_head(&inval->wait);
	inval->shift = min_t(unsigned int, adev->caps.inval_shift_max, ACI_INVAL_SHIFT_MAX);
	inval->sq = dmam_alloc_coherent(dev, max_t(size_t, sizeof(*inval->sq) << inval->shift,
						   ACI_PAGE_SIZE), &inval->sq_dma, GFP_KERNEL);
	inval->record = dmam_alloc_coherent(dev, ACI_PAGE_SIZE, &inval->record_dma, GFP_KERNEL);
	return inval->sq && inval->record ? 0 : -ENOMEM;
}

/**
 * aci_inval_program() - tell a disabled card where the ring is
 * @adev: device
 */
void aci_inval_program(struct aci_device *adev)
{
	struct aci_inval *inval = &adev->inval;

	inval->submitted = 0;
	memset(inval->record, 0, sizeof(*inval->record));
	aci_write64(adev, ACI_REG_INV_SQ_BASE, inval->sq_dma);
	aci_write64(adev, ACI_REG_INV_RECORD_BASE, inval->record_dma);
	aci_write32(adev, ACI_REG_INV_SHIFT, inval->shift);
}

/**
 * aci_inval_start() - accept commands
 * @adev: device with an enabled card
 */
void aci_inval_start(struct aci_device *adev)
{
	WRITE_ONCE(adev->inval.running, true);
}

/**
 * aci_inval_stop() - accept no commands and fail those in flight
 * @adev: device
 */
void aci_inval_stop(struct aci_device *adev)
{
	WRITE_ONCE(adev->inval.running, false);
	wake_up_all(&adev->inval.wait);
}

/**
 * aci_inval_handle_irq() - commands may have completed
 * @adev: device
 */
void aci_inval_handle_irq(struct aci_device *adev)
{
	if (wq_has_sleeper(&adev->inval.wait))
		wake_up_all(&adev->inval.wait);
}

static u64 aci_inval_completed(const struct aci_inval *inval)
{
	return le64_to_cpu(READ_ONCE(inval->record->completed));
}

/* Wait until the card completed @target commands. */
static int aci_inval_wait(struct aci_device *adev, u64 target, unsigned int commands)
{
	unsigned long timeout = min(aci_bound_jiffies(adev->caps.invalidate_ms) * commands,
				    60ul * HZ);
	struct aci_inval *inval = &adev->inval;
	const char *why = NULL;

	if (!wait_event_timeout(inval->wait, aci_inval_completed(inval) >= target ||
				!READ_ONCE(inval->running), timeout))
		why = "invalidation timed out";
	else if (!READ_ONCE(inval->running))
		return -ENODEV;
	/* The card stores error before completed. */
	dma_rmb();
	if (!why && inval->record->error)
		why = "invalidation failed";
	if (!why)
		return 0;
	drm_dbg(&adev->drm, "%s: completed %llu of %llu, error %#llx\n", why,
		aci_inval_completed(inval), target, le64_to_cpu(inval->record->error));
	aci_reset_request(adev, why);
	return -ETIMEDOUT;
}

static void aci_inval_write(struct aci_inval *inval, u8 opcode, u16 vm_id, u64 va, u64 bytes,
			    bool last)
{
	struct aci_inv_cmd *cmd;

	cmd = &inval->sq[inval->submitted++ & ((1u << inval->shift) - 1)];
	*cmd = (struct aci_inv_cmd) {
		.opcode = opcode,
		.flags = last ? ACI_INV_F_INTERRUPT : 0,
		.vm_id = cpu_to_le16(vm_id),
		.va = cpu_to_le64(va),
		.bytes = cpu_to_le64(bytes),
	};
}

/* Room for @commands, which is at most the size of the ring. */
static int aci_inval_make_room(struct aci_device *adev, unsigned int commands)
{
	struct aci_inval *inval = &adev->inval;
	u64 in_flight = inval->submitted - aci_inval_completed(inval);
	u64 entries = 1u << inval->shift;

	if (in_flight + commands <= entries)
		return 0;
	return aci_inval_wait(adev, inval->submitted + commands - entries, entries);
}

/**
 * aci_inval_run() - invalidate translations and wait until they are gone
 * @adev: device; the caller holds reset_sem for reading
 * @vm_id: the card's VM id
 * @batch: what to invalidate
 *
 * Return: 0 once the card neither has a translation of the ranges nor an access
 * through one in flight; -ETIMEDOUT if that is not known: a reset is requested
 * and what was unmapped must not be freed before it; -ENODEV if the card is
 * not running, a reset or the loss of bus mastering is under way.
 */
int aci_inval_run(struct aci_device *adev, u16 vm_id, const struct aci_inval_batch *batch)
{
	struct aci_inval *inval = &adev->inval;
	bool all = batch->count > min_t(unsigned int, ACI_INVAL_RANGES_MAX, 1u << inval->shift);
	unsigned int commands = all ? 1 : batch->count;
	unsigned int in_flight, i;
	u64 target;
	int ret;

	if (!commands)
		return 0;
	mutex_lock(&inval->lock);
	ret = READ_ONCE(inval->running) ? aci_inval_make_room(adev, commands) : -ENODEV;
	if (ret) {
		mutex_unlock(&inval->lock);
		return ret;
	}
	if (all)
		aci_inval_write(inval, ACI_INV_VM, vm_id, 0, 0, true);
	else
		for (i = 0; i < commands; i++)
			aci_inval_write(inval, ACI_INV_RANGE, vm_id, batch->ranges[i].va,
					batch->ranges[i].bytes, i == commands - 1);
	target = inval->submitted;
	/* Each has the card's bound; a count that cannot be right changes little. */
	in_flight = min_t(u64, target - aci_inval_completed(inval), 1u << inval->shift);
	/* Commands and the page tables they are about, before the tail. */
	wmb();
	aci_write32(adev, ACI_REG_INV_SQ_TAIL, lower_32_bits(target));
	mutex_unlock(&inval->lock);
	return aci_inval_wait(adev, target, in_flight);
}
