// SPDX-License-Identifier: MIT

#include <string.h>

#include <aci/aci_mmu.h>
#include <aci/aci_status.h>

#include "vcard.h"

#define NOTIFY_STRIDE	(ACI_REG_NOTIFY(1) - ACI_REG_NOTIFY(0))

static void put32(struct regs *regs, uint32_t offset, uint32_t value)
{
	regs->shadow[offset / 4] = value;
}

static void put64(struct regs *regs, uint32_t offset, uint64_t value)
{
	put32(regs, offset, (uint32_t)value);
	put32(regs, offset + 4, (uint32_t)(value >> 32));
}

static uint64_t capabilities(const struct vcard_config *config)
{
	uint64_t cap = ACI_CAP_KICK | ACI_CAP_SNOOP | ACI_CAP_PREEMPT | ACI_CAP_FIRMWARE |
		       ACI_CAP_SELF_TEST | ACI_CAP_WAIT | ACI_CAP_COPY_STRIDED;

	if (!config->base_profile)
		cap |= ACI_CAP_USER_QUEUES | ACI_CAP_LEAF_2M;
	if (config->compute_engines)
		cap |= ACI_CAP_TCS;
	return cap;
}

static uint32_t reset_capabilities(void)
{
	const uint32_t keeps = ACI_RESET_CAP_SUPPORTED | ACI_RESET_CAP_KEEPS_MEM |
			       ACI_RESET_CAP_KEEPS_PROGRESS;

	return keeps << ACI_RESET_CAP_SHIFT(ACI_RESET_QUEUE) |
	       keeps << ACI_RESET_CAP_SHIFT(ACI_RESET_CARD) |
	       ACI_RESET_CAP_SUPPORTED << ACI_RESET_CAP_SHIFT(ACI_RESET_FLR) |
	       ACI_RESET_CAP_SUPPORTED << ACI_RESET_CAP_SHIFT(ACI_RESET_BUS);
}

static void put_capabilities(struct vcard *card)
{
	const struct vcard_config *config = &card->config;
	struct regs *regs = &card->regs;

	put32(regs, ACI_REG_MAGIC, ACI_MAGIC);
	put32(regs, ACI_REG_VERSION, ACI_VERSION(ACI_VERSION_MAJOR, ACI_VERSION_MINOR));
	put64(regs, ACI_REG_CAP, capabilities(config));
	put32(regs, ACI_REG_ADDRESSING, ADDRESS_BITS | ACI_VA_BITS << 8 | DB_SHIFT << 16);
	put32(regs, ACI_REG_QUEUES, config->queues | config->vectors << 16);
	put32(regs, ACI_REG_VMS, config->vms | (config->compute_engines ? 2u : 1u) << 16 |
					 (ACI_PRIORITY_MAX + 1u) << 24);
	put32(regs, ACI_REG_RINGS, RING_SHIFT_MAX | ADMIN_SHIFT_MAX << 8 | INVAL_SHIFT_MAX << 16 |
					   (uint32_t)EVENT_SHIFT_MAX << 24);
	put64(regs, ACI_REG_MEM_BYTES, config->mem_bytes);
	put64(regs, ACI_REG_APERTURE_BYTES, config->aperture_bytes);
	put64(regs, ACI_REG_TIMESTAMP_HZ, NS_PER_S);
	put64(regs, ACI_REG_KICK_OFFSET, card->doorbells.bytes);
	put32(regs, ACI_REG_T_READY_MS, T_READY_MS);
	put32(regs, ACI_REG_T_ADMIN_MS, T_ADMIN_MS);
	put32(regs, ACI_REG_T_INVALIDATE_MS, T_INVALIDATE_MS);
	put32(regs, ACI_REG_T_SUSPEND_MS, T_SUSPEND_MS);
	put32(regs, ACI_REG_T_QUEUE_RESET_MS, T_QUEUE_RESET_MS);
	put32(regs, ACI_REG_T_CARD_RESET_MS, T_CARD_RESET_MS);
	put32(regs, ACI_REG_T_FLR_MS, T_FLR_MS);
	put32(regs, ACI_REG_T_HEARTBEAT_MS, T_HEARTBEAT_MS);
	put32(regs, ACI_REG_T_ACTIVE_MS, T_ACTIVE_MS);
	put32(regs, ACI_REG_T_WAIT_POLL_MS, T_WAIT_POLL_MS);
	put32(regs, ACI_REG_T_SELF_TEST_MS, T_SELF_TEST_MS);
	put32(regs, ACI_REG_T_ENGINE_RESET_MS, T_QUEUE_RESET_MS);
	put32(regs, ACI_REG_RESET_CAP, reset_capabilities());
}

void regs_restart(struct vcard *card)
{
	struct regs *regs = &card->regs;

	pthread_mutex_lock(&regs->lock);
	memset(regs->shadow, 0, sizeof(regs->shadow));
	put_capabilities(card);
	regs->ready = false;
	regs->fatal_code = 0;
	atomic_store(&regs->fatal, false);
	pthread_mutex_unlock(&regs->lock);
}

void regs_init(struct vcard *card)
{
	pthread_mutex_init(&card->regs.lock, NULL);
	regs_restart(card);
}

void regs_destroy(struct vcard *card)
{
	pthread_mutex_destroy(&card->regs.lock);
}

void regs_set_fatal(struct vcard *card, uint16_t code)
{
	pthread_mutex_lock(&card->regs.lock);
	if (!atomic_exchange(&card->regs.fatal, true))
		card->regs.fatal_code = code;
	card->regs.ready = false;
	pthread_mutex_unlock(&card->regs.lock);
}

void regs_set_ready(struct vcard *card, bool ready)
{
	pthread_mutex_lock(&card->regs.lock);
	card->regs.ready = ready;
	pthread_mutex_unlock(&card->regs.lock);
}

void regs_clear_indices(struct vcard *card)
{
	struct regs *regs = &card->regs;

	pthread_mutex_lock(&regs->lock);
	put32(regs, ACI_REG_ADMIN_SQ_TAIL, 0);
	put32(regs, ACI_REG_ADMIN_CQ_HEAD, 0);
	put32(regs, ACI_REG_INV_SQ_TAIL, 0);
	put32(regs, ACI_REG_EVENT_HEAD, 0);
	pthread_mutex_unlock(&regs->lock);
}

uint32_t regs_get32(struct vcard *card, uint32_t offset)
{
	uint32_t value;

	pthread_mutex_lock(&card->regs.lock);
	value = card->regs.shadow[offset / 4];
	pthread_mutex_unlock(&card->regs.lock);
	return value;
}

uint64_t regs_get64(struct vcard *card, uint32_t offset)
{
	uint64_t value;

	pthread_mutex_lock(&card->regs.lock);
	value = card->regs.shadow[offset / 4] | (uint64_t)card->regs.shadow[offset / 4 + 1] << 32;
	pthread_mutex_unlock(&card->regs.lock);
	return value;
}

/* --- Reads (regs->lock) --- */

static uint32_t read_status(struct vcard *card)
{
	const struct regs *regs = &card->regs;
	uint32_t status = 0;

	if (regs->ready)
		status |= ACI_STATUS_REG_READY;
	if (regs->fatal)
		status |= ACI_STATUS_REG_FATAL | (uint32_t)regs->fatal_code << 16;
	pthread_mutex_lock(&card->events.lock);
	if (card->events.overflow)
		status |= ACI_STATUS_REG_EVENT_OVERFLOW;
	pthread_mutex_unlock(&card->events.lock);
	return status;
}

static uint32_t read_half(struct vcard *card, uint32_t offset)
{
	struct regs *regs = &card->regs;
	uint64_t now;

	switch (offset) {
	case ACI_REG_STATUS:
		return read_status(card);
	case ACI_REG_RESET:
		return 0;
	case ACI_REG_RESET_STATUS:
		return regs->reset_state | (uint32_t)regs->reset_level << 8 |
		       (uint32_t)regs->generation << 16;
	case ACI_REG_HEARTBEAT:
		return atomic_load(&card->admin.heartbeat);
	case ACI_REG_TIMESTAMP:
		now = time_now_ns();
		regs->timestamp_high = (uint32_t)(now >> 32);
		return (uint32_t)now;
	case ACI_REG_TIMESTAMP + 4:
		return regs->timestamp_high;
	}
	return offset < REGS_BYTES ? regs->shadow[offset / 4] : 0;
}

uint64_t vcard_reg_read(struct vcard *card, uint64_t offset, unsigned int size)
{
	uint64_t value;

	if ((size != 4 && size != 8) || offset % size || offset > UINT32_MAX - 8 ||
	    vcard_is_absent(card))
		return UINT64_MAX;
	pthread_mutex_lock(&card->regs.lock);
	value = read_half(card, (uint32_t)offset);
	if (size == 8)
		value |= (uint64_t)read_half(card, (uint32_t)offset + 4) << 32;
	pthread_mutex_unlock(&card->regs.lock);
	value = fault_defy64(card, FAULT_PLACE_REGISTERS, value);
	return size == 8 ? value : (uint32_t)value;
}

/* --- Writes (regs->lock) --- */

static void write_ctrl(struct vcard *card, uint32_t value)
{
	put32(&card->regs, ACI_REG_CTRL, value & ACI_CTRL_ENABLE);
	waker_wake(&card->control.waker);
}

static void write_status(struct vcard *card, uint32_t value)
{
	if (!(value & ACI_STATUS_REG_EVENT_OVERFLOW))
		return;
	pthread_mutex_lock(&card->events.lock);
	card->events.overflow = false;
	pthread_mutex_unlock(&card->events.lock);
}

static void write_reset(struct vcard *card, uint32_t value)
{
	struct regs *regs = &card->regs;
	uint8_t level = value & 0xff;

	if (value >> 16 != ACI_RESET_KEY)
		return;
	regs->reset_level = level;
	if (level != ACI_RESET_CARD) {
		regs->reset_state = ACI_RESET_STATE_FAILED;
		return;
	}
	regs->reset_state = ACI_RESET_STATE_BUSY;
	atomic_store(&card->control.reset_wanted, true);
	waker_wake(&card->control.waker);
}

static void write_event_head(struct vcard *card, uint32_t value)
{
	struct event_ring *ring = &card->events;

	pthread_mutex_lock(&ring->lock);
	/* Backwards or past what was posted is a lie: keep the last good one. */
	if (ring->posted - value <= ring->posted - ring->head)
		ring->head = value;
	pthread_mutex_unlock(&ring->lock);
}

static void write_notify(struct vcard *card, uint32_t offset, uint32_t value)
{
	struct regs *regs = &card->regs;
	uint32_t index = (offset - ACI_REG_NOTIFY(0)) / NOTIFY_STRIDE;
	uint32_t at = ACI_REG_NOTIFY(index);
	const uint32_t *ring;

	if (index >= card->config.vectors || offset - at > ACI_NOTIFY_INTERVAL_US)
		return;
	put32(regs, offset, value);
	ring = &regs->shadow[at / 4];
	if (offset - at == ACI_NOTIFY_INTERVAL_US)
		notify_set_interval(card, index, value);
	else
		notify_set_ring(card, index, ring[0] | (uint64_t)ring[1] << 32,
				ring[ACI_NOTIFY_SHIFT / 4]);
}

static bool is_ring_setting(uint32_t offset)
{
	switch (offset) {
	case ACI_REG_ADMIN_SQ_BASE: case ACI_REG_ADMIN_SQ_BASE + 4:
	case ACI_REG_ADMIN_CQ_BASE: case ACI_REG_ADMIN_CQ_BASE + 4:
	case ACI_REG_ADMIN_SHIFT:
	case ACI_REG_INV_SQ_BASE: case ACI_REG_INV_SQ_BASE + 4:
	case ACI_REG_INV_RECORD_BASE: case ACI_REG_INV_RECORD_BASE + 4:
	case ACI_REG_INV_SHIFT:
	case ACI_REG_EVENT_BASE: case ACI_REG_EVENT_BASE + 4:
	case ACI_REG_EVENT_SHIFT:
		return true;
	}
	return false;
}

static void write_index(struct vcard *card, uint32_t offset, uint32_t value)
{
	put32(&card->regs, offset, value);
	switch (offset) {
	case ACI_REG_ADMIN_SQ_TAIL:
		atomic_store(&card->admin.sq_tail, value);
		waker_wake(&card->admin.waker);
		break;
	case ACI_REG_ADMIN_CQ_HEAD:
		atomic_store(&card->admin.cq_head, value);
		waker_wake(&card->admin.waker);
		break;
	case ACI_REG_INV_SQ_TAIL:
		atomic_store(&card->inval.sq_tail, value);
		waker_wake(&card->inval.waker);
		break;
	case ACI_REG_EVENT_HEAD:
		write_event_head(card, value);
		break;
	}
}

static void write_half(struct vcard *card, uint32_t offset, uint32_t value)
{
	struct regs *regs = &card->regs;

	if (offset >= ACI_REG_NOTIFY(0) && offset < REGS_BYTES) {
		write_notify(card, offset, value);
		return;
	}
	if (is_ring_setting(offset)) {
		if (!(regs->shadow[ACI_REG_CTRL / 4] & ACI_CTRL_ENABLE) && !regs->ready)
			put32(regs, offset, value);
		return;
	}
	switch (offset) {
	case ACI_REG_CTRL:
		write_ctrl(card, value);
		break;
	case ACI_REG_STATUS:
		write_status(card, value);
		break;
	case ACI_REG_RESET:
		write_reset(card, value);
		break;
	case ACI_REG_ADMIN_SQ_TAIL:
	case ACI_REG_ADMIN_CQ_HEAD:
	case ACI_REG_INV_SQ_TAIL:
	case ACI_REG_EVENT_HEAD:
		/* Indices start at 0 with each enable: before READY they belong to nothing. */
		if (regs->shadow[ACI_REG_CTRL / 4] & ACI_CTRL_ENABLE && regs->ready)
			write_index(card, offset, value);
		break;
	}
}

void vcard_reg_write(struct vcard *card, uint64_t offset, uint64_t value, unsigned int size)
{
	if ((size != 4 && size != 8) || offset % size || offset > UINT32_MAX - 8 ||
	    vcard_is_absent(card))
		return;
	pthread_mutex_lock(&card->regs.lock);
	if (card->regs.reset_state != ACI_RESET_STATE_BUSY) {
		write_half(card, (uint32_t)offset, (uint32_t)value);
		if (size == 8)
			write_half(card, (uint32_t)offset + 4, (uint32_t)(value >> 32));
	}
	pthread_mutex_unlock(&card->regs.lock);
}
