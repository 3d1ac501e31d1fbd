// SPDX-License-Identifier: GPL-2.0
/*
 * Admin queue.
 */

#include <linux/dma-mapping.h>
#include <aci/aci_status.h>

#include "aci_mmio.h"
#include "aci_reset.h"

/**
 * aci_admin_init() - allocate the rings
 * @adev: device with known capabilities
 *
 * Return: 0 or -ENOMEM.
 */
int aci_admin_init(struct aci_device *adev)
{
	struct device *dev = &adev->pdev->dev;
	struct aci_admin *admin = &adev->admin;
	unsigned int i;

	spin_lock_init(&admin->lock);
	mutex_init(&admin->sq_lock);
	init_waitqueue_head(&admin->slot_wait);
	admin->shift = min_t(unsigned int, adev->caps.admin_shift_max,
			     ilog2(ACI_ADMIN_SLOTS_MAX));
	admin->sq = dmam_alloc_coherent(dev, sizeof(*admin->sq) << admin->shift, &admin->sq_dma,
					GFP_KERNEL);
	admin->cq = dmam_alloc_coherent(dev, max_t(size_t, sizeof(*admin->cq) << admin->shift,
						   ACI_PAGE_SIZE), &admin->cq_dma, GFP_KERNEL);
	if (!admin->sq || !admin->cq)
		return -ENOMEM;
	for (i = 0; i < 1u << admin->shift; i++) {
		struct aci_admin_slot *slot = &admin->slots[i];

		init_completion(&slot->done);
		slot->data = dmam_alloc_coherent(dev, ACI_PAGE_SIZE, &slot->data_dma, GFP_KERNEL);
		if (!slot->data)
			return -ENOMEM;
	}
	return 0;
}

/**
 * aci_admin_program() - tell a disabled card where the rings are
 * @adev: device
 *
 * The card owns no slot any more: quarantined ones become free.
 */
void aci_admin_program(struct aci_device *adev)
{
	struct aci_admin *admin = &adev->admin;
	unsigned int i;

	for (i = 0; i < 1u << admin->shift; i++)
		if (admin->slots[i].state == ACI_ADMIN_SLOT_QUARANTINED)
			admin->slots[i].state = ACI_ADMIN_SLOT_FREE;
	admin->sq_tail = 0;
	admin->cq_head = 0;
	memset(admin->cq, 0, sizeof(*admin->cq) << admin->shift);
	aci_write64(adev, ACI_REG_ADMIN_SQ_BASE, admin->sq_dma);
	aci_write64(adev, ACI_REG_ADMIN_CQ_BASE, admin->cq_dma);
	aci_write32(adev, ACI_REG_ADMIN_SHIFT, admin->shift);
}

/**
 * aci_admin_start() - accept commands
 * @adev: device with an enabled card
 */
void aci_admin_start(struct aci_device *adev)
{
	spin_lock_irq(&adev->admin.lock);
	WRITE_ONCE(adev->admin.running, true);
	spin_unlock_irq(&adev->admin.lock);
}

/**
 * aci_admin_stop() - accept no commands and fail those in flight
 * @adev: device
 *
 * Ids and data pages of commands in flight are quarantined. When it returns, nobody
 * is telling the card of a command.
 */
void aci_admin_stop(struct aci_device *adev)
{
	struct aci_admin *admin = &adev->admin;
	unsigned int i;

	spin_lock_irq(&admin->lock);
	WRITE_ONCE(admin->running, false);
	for (i = 0; i < 1u << admin->shift; i++) {
		if (admin->slots[i].state != ACI_ADMIN_SLOT_BUSY)
			continue;
		admin->slots[i].state = ACI_ADMIN_SLOT_QUARANTINED;
		complete(&admin->slots[i].done);
	}
	spin_unlock_irq(&admin->lock);
	wake_up_all(&admin->slot_wait);
	/* Whoever saw it running is about to write to the card. */
	mutex_lock(&admin->sq_lock);
	mutex_unlock(&admin->sq_lock);
}

/* Returns false if the completion names no command in flight. */
static bool aci_admin_complete(struct aci_admin *admin, const struct aci_admin_cpl *cpl)
{
	u16 cid = le16_to_cpu(READ_ONCE(cpl->cid));
	struct aci_admin_slot *slot;

	if (cid >= 1u << admin->shift)
		return false;
	slot = &admin->slots[cid];
	if (slot->state == ACI_ADMIN_SLOT_QUARANTINED)
		return true;
	if (slot->state != ACI_ADMIN_SLOT_BUSY)
		return false;
	slot->status = le16_to_cpu(READ_ONCE(cpl->status));
	slot->result = le64_to_cpu(READ_ONCE(cpl->result));
	slot->state = ACI_ADMIN_SLOT_DONE;
	complete(&slot->done);
	return true;
}

/**
 * aci_admin_handle_irq() - handle new completions
 * @adev: device
 */
void aci_admin_handle_irq(struct aci_device *adev)
{
	struct aci_admin *admin = &adev->admin;
	unsigned long flags;
	bool bad = false;
	u32 head, taken;

	spin_lock_irqsave(&admin->lock, flags);
	head = admin->cq_head;
	/* One pass at most: more cannot be in flight. */
	while (admin->running && admin->cq_head - head < 1u << admin->shift) {
		u32 slot = admin->cq_head & ((1u << admin->shift) - 1);
		const struct aci_admin_cpl *cpl = &admin->cq[slot];
		u32 phase = !((admin->cq_head >> admin->shift) & 1);

		if ((le32_to_cpu(READ_ONCE(cpl->phase)) & ACI_CPL_PHASE) != phase)
			break;
		/* The card stores the phase last. */
		dma_rmb();
		bad |= !aci_admin_complete(admin, cpl);
		admin->cq_head++;
	}
	taken = admin->cq_head - head;
	head = admin->cq_head;
	spin_unlock_irqrestore(&admin->lock, flags);
	/*
	 * No other handler does it meanwhile, and whoever stops the card waits for
	 * this one: callers need not spin for as long as the write takes.
	 */
	if (taken)
		aci_write32(adev, ACI_REG_ADMIN_CQ_HEAD, head);
	if (bad)
		aci_reset_request(adev, "admin completion for no command");
}

static int aci_admin_claim_slot(struct aci_admin *admin, u16 *cid)
{
	unsigned int i;
	int ret = -EAGAIN;

	spin_lock_irq(&admin->lock);
	if (!admin->running) {
		ret = -ECANCELED;
	} else {
		for (i = 0; i < 1u << admin->shift; i++) {
			if (admin->slots[i].state != ACI_ADMIN_SLOT_FREE)
				continue;
			admin->slots[i].state = ACI_ADMIN_SLOT_BUSY;
			reinit_completion(&admin->slots[i].done);
			*cid = i;
			ret = 0;
			break;
		}
	}
	spin_unlock_irq(&admin->lock);
	return ret;
}

/* Condition of a wait: is there a slot, or a reason to have none? */
static bool aci_admin_try_slot(struct aci_admin *admin, u16 *cid, int *ret)
{
	*ret = aci_admin_claim_slot(admin, cid);
	return *ret != -EAGAIN;
}

static int aci_admin_submit(struct aci_device *adev, const struct aci_admin_cmd *cmd, u16 cid)
{
	struct aci_admin *admin = &adev->admin;
	bool running;

	mutex_lock(&admin->sq_lock);
	running = READ_ONCE(admin->running);
	if (running) {
		/* Never full: a slot is free only once its command was fetched and answered. */
		admin->sq[admin->sq_tail & ((1u << admin->shift) - 1)] = *cmd;
		admin->sq_tail++;
		dma_wmb();
		aci_write32(adev, ACI_REG_ADMIN_SQ_TAIL, admin->sq_tail);
	}
	mutex_unlock(&admin->sq_lock);
	if (running)
		return 0;
	/* The card never saw the slot. */
	spin_lock_irq(&admin->lock);
	admin->slots[cid].state = ACI_ADMIN_SLOT_FREE;
	spin_unlock_irq(&admin->lock);
	return -ECANCELED;
}

static int aci_admin_errno(u16 status)
{
	switch (status) {
	case ACI_STATUS_SUCCESS:
		return 0;
	case ACI_STATUS_INVALID_OPCODE:
	case ACI_STATUS_UNSUPPORTED:
		return -EOPNOTSUPP;
	case ACI_STATUS_NO_RESOURCES:
	case ACI_STATUS_VM_BUSY:
	case ACI_STATUS_ID_IN_USE:
		return -EBUSY;
	case ACI_STATUS_INVALID_FIELD:
	case ACI_STATUS_INVALID_ID:
	case ACI_STATUS_INVALID_STATE:
		return -EINVAL;
	case ACI_STATUS_ABORTED:
		return -ECANCELED;
	default:
		return -EIO;
	}
}

/* A reset in progress is no reason to give up: user space tries again. */
static int aci_admin_stopped_errno(const struct aci_device *adev)
{
	return aci_is_dead(adev) ? -ENODEV : -EAGAIN;
}

/* The slot is over: take the answer, or leave the slot to the card. */
static int aci_admin_collect(struct aci_device *adev, struct aci_admin_req *req, u16 cid)
{
	struct aci_admin_slot *slot = &adev->admin.slots[cid];
	enum aci_admin_slot_state state;
	bool running;

	spin_lock_irq(&adev->admin.lock);
	state = slot->state;
	running = adev->admin.running;
	if (state == ACI_ADMIN_SLOT_BUSY)
		slot->state = ACI_ADMIN_SLOT_QUARANTINED;
	spin_unlock_irq(&adev->admin.lock);

	if (state != ACI_ADMIN_SLOT_DONE) {
		if (!running)
			return aci_admin_stopped_errno(adev);
		drm_dbg(&adev->drm, "admin command %#x: no answer\n", req->cmd.opcode);
		aci_reset_request(adev, "admin command timed out");
		return -ETIMEDOUT;
	}
	req->status = slot->status;
	req->result = slot->result;
	if (req->out && req->status == ACI_STATUS_SUCCESS)
		memcpy(req->out, slot->data, req->data_bytes);

	spin_lock_irq(&adev->admin.lock);
	slot->state = ACI_ADMIN_SLOT_FREE;
	spin_unlock_irq(&adev->admin.lock);
	wake_up(&adev->admin.slot_wait);
	if (req->status != ACI_STATUS_SUCCESS)
		drm_dbg(&adev->drm, "admin command %#x: status %#x\n", req->cmd.opcode,
			req->status);
	return aci_admin_errno(req->status);
}

/**
 * aci_admin_exec() - have the card execute a command
 * @adev: device
 * @req: the command; gets the answer
 *
 * Sleeps, for a bounded time. A command without an answer requests a card
 * reset, which the caller must not wait for while it holds reset_sem.
 *
 * Return: 0; -ETIMEDOUT; -EAGAIN if a card reset came between; -ENODEV without a
 * working card (@req->status is 0 in these cases); else an error made from
 * @req->status.
 */
int aci_admin_exec(struct aci_device *adev, struct aci_admin_req *req)
{
	unsigned long timeout = aci_bound_jiffies(req->bound_ms ?: adev->caps.admin_ms);
	struct aci_admin *admin = &adev->admin;
	struct aci_admin_slot *slot;
	u16 cid = 0;
	int ret;

	might_sleep();
	req->status = ACI_STATUS_SUCCESS;
	req->result = 0;
	if (WARN_ON_ONCE(req->data_bytes > ACI_PAGE_SIZE))
		return -EINVAL;
	if (!wait_event_timeout(admin->slot_wait, aci_admin_try_slot(admin, &cid, &ret), timeout)) {
		aci_reset_request(adev, "no admin command is answered");
		return -ETIMEDOUT;
	}
	if (ret)
		return aci_admin_stopped_errno(adev);

	slot = &admin->slots[cid];
	req->cmd.cid = cpu_to_le16(cid);
	if (req->data_bytes) {
		if (req->in)
			memcpy(slot->data, req->in, req->data_bytes);
		else
			memset(slot->data, 0, req->data_bytes);
		req->cmd.data = cpu_to_le64(slot->data_dma);
		req->cmd.data_bytes = cpu_to_le32(req->data_bytes);
	}
	ret = aci_admin_submit(adev, &req->cmd, cid);
	if (ret)
		return aci_admin_stopped_errno(adev);
	wait_for_completion_timeout(&slot->done, timeout);
	return aci_admin_collect(adev, req, cid);
}
