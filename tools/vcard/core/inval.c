// SPDX-License-Identifier: MIT

#include <stddef.h>

#include <aci/aci_mmu.h>
#include <aci/aci_status.h>

#include "vcard.h"

#define VA_LIMIT	(1ull << ACI_VA_BITS)

void inval_init(struct vcard *card)
{
	pthread_mutex_init(&card->inval.step_lock, NULL);
}

void inval_destroy(struct vcard *card)
{
	pthread_mutex_destroy(&card->inval.step_lock);
}

static unsigned int check_command(const struct aci_inv_cmd *cmd)
{
	uint64_t va = le64toh(cmd->va), bytes = le64toh(cmd->bytes);

	if (cmd->flags & ~ACI_INV_F_INTERRUPT || cmd->reserved0 || cmd->reserved1)
		return ACI_STATUS_INVALID_FIELD;
	switch (cmd->opcode) {
	case ACI_INV_RANGE:
		if (!bytes || (va | bytes) % ACI_PAGE_SIZE || !range_fits(va, bytes, VA_LIMIT))
			return ACI_STATUS_INVALID_FIELD;
		return ACI_STATUS_SUCCESS;
	case ACI_INV_VM:
		return va || bytes ? ACI_STATUS_INVALID_FIELD : ACI_STATUS_SUCCESS;
	}
	return ACI_STATUS_INVALID_OPCODE;
}

static unsigned int execute(struct vcard *card, const struct aci_inv_cmd *cmd)
{
	unsigned int status = check_command(cmd);
	struct fault fault;
	struct vm *vm;

	if (status != ACI_STATUS_SUCCESS)
		return status;
	pthread_mutex_lock(&card->lock);
	vm = vm_find(card, le16toh(cmd->vm_id));
	if (vm)
		vm_get(vm);
	pthread_mutex_unlock(&card->lock);
	if (!vm)
		return ACI_STATUS_INVALID_ID;

	if (fault_take(card, FAULT_INVAL_FAIL, FAULT_ANY, &fault))
		status = (unsigned int)fault.value;
	else if (fault_take(card, FAULT_INVAL_SKIP, FAULT_ANY, NULL))
		status = ACI_STATUS_SUCCESS;
	else if (cmd->opcode == ACI_INV_VM)
		vm_invalidate(vm, 0, VA_LIMIT);
	else
		vm_invalidate(vm, le64toh(cmd->va), le64toh(cmd->bytes));
	vm_put(vm);
	return status;
}

static bool store_inv_record(struct vcard *card, size_t field, uint64_t value)
{
	return dma_store64(&card->dma, card->inval.record_base + field,
			   fault_defy64(card, FAULT_PLACE_INVALIDATIONS, value));
}

static bool publish(struct vcard *card)
{
	const struct inval *inval = &card->inval;

	return store_inv_record(card, offsetof(struct aci_inv_record, error), inval->error) &&
	       store_inv_record(card, offsetof(struct aci_inv_record, completed),
				inval->completed);
}

static void give_up(struct vcard *card, uint16_t code)
{
	card->inval.enabled = false;
	card_fail(card, code);
}

/* Injected: is the next command to wait? (step_lock) */
static bool is_held_up(struct vcard *card)
{
	struct inval *inval = &card->inval;
	struct fault fault;

	if (!inval->seen) {
		inval->seen = true;
		inval->stuck = fault_take(card, FAULT_INVAL_TIMEOUT, FAULT_ANY, NULL);
		if (fault_take(card, FAULT_INVAL_DELAY, FAULT_ANY, &fault))
			inval->not_before_ns = time_now_ns() + fault.value * NS_PER_MS;
	}
	return inval->stuck || (inval->not_before_ns && time_now_ns() < inval->not_before_ns);
}

static void forget_faults(struct inval *inval)
{
	inval->seen = false;
	inval->stuck = false;
	inval->not_before_ns = 0;
}

/* One command (step_lock). Return: true if there may be another. */
static bool run_one(struct vcard *card)
{
	struct inval *inval = &card->inval;
	uint32_t left = atomic_load(&inval->sq_tail) - (uint32_t)inval->completed;
	uint64_t slot = inval->completed & ((1u << inval->shift) - 1);
	struct aci_inv_cmd cmd;
	unsigned int status;

	if (!left)
		return false;
	if (left > 1u << inval->shift) {
		give_up(card, ACI_STATUS_RING_OVERRUN);
		return false;
	}
	if (is_held_up(card))
		return false;
	forget_faults(inval);
	if (!dma_read(&card->dma, inval->sq_base + slot * sizeof(cmd), &cmd, sizeof(cmd))) {
		give_up(card, ACI_STATUS_DMA_ERROR);
		return false;
	}
	status = execute(card, &cmd);
	if (status != ACI_STATUS_SUCCESS && !inval->error)
		inval->error = status | inval->completed << 16;
	inval->completed++;
	if (!publish(card)) {
		give_up(card, ACI_STATUS_DMA_ERROR);
		return false;
	}
	if (cmd.flags & ACI_INV_F_INTERRUPT)
		irq_raise(card, 0);
	return true;
}

static void *inval_run(void *arg)
{
	struct vcard *card = arg;
	struct inval *inval = &card->inval;

	while (!atomic_load(&inval->exiting)) {
		uint32_t sequence = waker_read(&inval->waker);
		uint64_t deadline_ns;
		bool again;

		pthread_mutex_lock(&inval->step_lock);
		again = inval->enabled && !atomic_load(&card->regs.fatal) && run_one(card);
		deadline_ns = inval->stuck ? 0 : inval->not_before_ns;
		pthread_mutex_unlock(&inval->step_lock);
		if (!again)
			waker_wait(&inval->waker, sequence, deadline_ns);
	}
	return NULL;
}

int inval_start(struct vcard *card)
{
	int err = thread_start(&card->inval.thread, "aci-inval", inval_run, card);

	card->inval.started = !err;
	return err;
}

void inval_stop(struct vcard *card)
{
	if (!card->inval.started)
		return;
	atomic_store(&card->inval.exiting, true);
	waker_wake(&card->inval.waker);
	pthread_join(card->inval.thread, NULL);
	card->inval.started = false;
}

void inval_enable(struct vcard *card, uint64_t sq_base, uint64_t record_base, uint32_t shift)
{
	struct inval *inval = &card->inval;

	inval->sq_base = sq_base;
	inval->record_base = record_base;
	inval->shift = shift;
	inval->completed = 0;
	inval->error = 0;
	inval->enabled = sq_base;
	waker_wake(&inval->waker);
}

void inval_disable(struct vcard *card)
{
	card->inval.enabled = false;
	forget_faults(&card->inval);
	atomic_store(&card->inval.sq_tail, 0);
}
