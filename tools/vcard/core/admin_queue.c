// SPDX-License-Identifier: MIT
/* Admin commands on VMs and queues. */

#include <string.h>

#include <aci/aci_mmu.h>
#include <aci/aci_status.h>

#include "vcard.h"

/* --- VMs --- */

unsigned int admin_create_vm(struct vcard *card, struct admin_command *command)
{
	const struct aci_cmd_create_vm *cmd = &command->cmd.create_vm;
	uint16_t id = le16toh(cmd->vm_id), flags = le16toh(cmd->flags);
	uint64_t root = le64toh(cmd->root);
	unsigned int status = ACI_STATUS_SUCCESS;

	if (flags & ~ACI_VM_F_NO_WAIT || cmd->pasid || root & ~ACI_PTE_ADDR_MASK ||
	    !fields_are_zero(cmd->reserved, sizeof(cmd->reserved)))
		return ACI_STATUS_INVALID_FIELD;
	if (!id || id > card->config.vms)
		return ACI_STATUS_INVALID_ID;

	pthread_mutex_lock(&card->lock);
	if (card->vms[id]) {
		status = ACI_STATUS_ID_IN_USE;
	} else {
		card->vms[id] = vm_create(card, id, flags, root);
		if (!card->vms[id])
			status = ACI_STATUS_NO_RESOURCES;
	}
	pthread_mutex_unlock(&card->lock);
	return status;
}

unsigned int admin_delete_vm(struct vcard *card, struct admin_command *command)
{
	const struct aci_cmd_vm *cmd = &command->cmd.vm;
	unsigned int status = ACI_STATUS_SUCCESS;
	struct vm *vm;

	if (cmd->reserved0 || cmd->reserved1 ||
	    !fields_are_zero(cmd->reserved2, sizeof(cmd->reserved2)))
		return ACI_STATUS_INVALID_FIELD;

	pthread_mutex_lock(&card->lock);
	vm = vm_find(card, le16toh(cmd->vm_id));
	if (!vm) {
		status = ACI_STATUS_INVALID_ID;
	} else if (vm->queues) {
		status = ACI_STATUS_VM_BUSY;
	} else {
		/* Without queues there is no access; an invalidation has its own reference. */
		card->vms[vm->id] = NULL;
		vm_put(vm);
	}
	pthread_mutex_unlock(&card->lock);
	return status;
}

/* --- CREATE_QUEUE --- */

static unsigned int check_create(const struct vcard *card, const struct aci_cmd_create_queue *cmd)
{
	uint64_t record = le64toh(cmd->record), user_page = le64toh(cmd->user_page);
	uint64_t ring_pages = le64toh(cmd->ring_pages);
	unsigned int classes = card->config.compute_engines ? ENGINE_CLASSES : 1;

	if (cmd->flags & ~(ACI_QUEUE_F_USER | ACI_QUEUE_F_SUSPENDED) || cmd->reserved0 ||
	    cmd->priority > ACI_PRIORITY_MAX || cmd->engine_class >= classes || cmd->ring_shift < RING_SHIFT_MIN ||
	    cmd->ring_shift > RING_SHIFT_MAX)
		return ACI_STATUS_INVALID_FIELD;
	if (record % sizeof(struct aci_queue_record) || user_page % ACI_PAGE_SIZE ||
	    ring_pages % ACI_PAGE_SIZE || !address_is_valid(record | user_page | ring_pages))
		return ACI_STATUS_INVALID_FIELD;
	if (cmd->flags & ACI_QUEUE_F_USER && card->config.base_profile)
		return ACI_STATUS_UNSUPPORTED;
	if (le16toh(cmd->queue_id) >= card->config.queues ||
	    le16toh(cmd->notify_ring) >= card->config.vectors)
		return ACI_STATUS_INVALID_ID;
	return ACI_STATUS_SUCCESS;
}

static unsigned int fetch_ring_pages(struct vcard *card, const struct aci_cmd_create_queue *cmd,
				     uint64_t pages[ACI_RING_PAGES_MAX])
{
	unsigned int count = (1u << cmd->ring_shift) * ACI_DESC_BYTES / ACI_PAGE_SIZE;

	if (!dma_read(&card->dma, le64toh(cmd->ring_pages), pages, count * sizeof(*pages)))
		return ACI_STATUS_DMA_ERROR;
	for (unsigned int i = 0; i < count; i++) {
		pages[i] = le64toh(pages[i]);
		if (pages[i] % ACI_PAGE_SIZE || !address_is_valid(pages[i]))
			return ACI_STATUS_INVALID_FIELD;
	}
	return ACI_STATUS_SUCCESS;
}

/* Can the card read and write it? */
static bool is_reachable(struct vcard *card, uint64_t address, uint64_t bytes)
{
	struct dma_region *region;
	uint64_t room = bytes;

	if (!dma_pin(&card->dma, address, &room, VCARD_DMA_READ | VCARD_DMA_WRITE, &region))
		return false;
	dma_unpin(&card->dma, region);
	return room == bytes;
}

static void reset_counters(struct queue *queue)
{
	atomic_store(&queue->progress, 0);
	atomic_store(&queue->macs, 0);
	atomic_store(&queue->bytes, 0);
	atomic_store(&queue->jobs, 0);
	atomic_store(&queue->stop, QUEUE_STOP_NONE);
	atomic_store(&queue->suspend, false);
	queue->active_ns = 0;
	queue->shown_active_ns = 0;
	queue->notify_posted = 0;
	queue->owed_ns = 0;
	queue->seen_progress = 0;
	queue->stalled_ns = 0;
	queue->claimed = false;
}

/* Make it run from where its indices are: the tail is read anew. */
static void run_queue(struct queue *queue)
{
	atomic_store(&queue->stop, QUEUE_STOP_NONE);
	atomic_store(&queue->suspend, false);
	queue->state = ACI_QUEUE_STATE_RUNNING;
	queue->tail_known = false;
	queue->stalled_ns = 0;
	queue_publish_activity(queue, time_now_ns());
	queue_publish_state(queue);
	sched_wake(queue);
	poll_watch(queue);
}

static void suspend_queue(struct queue *queue)
{
	queue->state = ACI_QUEUE_STATE_SUSPENDED;
	queue_publish_activity(queue, time_now_ns());
	queue_publish_state(queue);
}

static unsigned int install_queue(struct vcard *card, const struct aci_cmd_create_queue *cmd,
				  const uint64_t pages[ACI_RING_PAGES_MAX])
{
	struct queue *queue = &card->queues[le16toh(cmd->queue_id)];
	struct vm *vm = vm_find(card, le16toh(cmd->vm_id));

	if (!vm)
		return ACI_STATUS_INVALID_ID;
	if (queue->state != ACI_QUEUE_STATE_NONE)
		return ACI_STATUS_ID_IN_USE;
	if (!notify_bind(card, le16toh(cmd->notify_ring)))
		return ACI_STATUS_NO_RESOURCES;

	vm_get(vm);
	vm->queues++;
	queue->vm = vm;
	queue->engine_class = cmd->engine_class;
	queue->priority = cmd->priority;
	queue->ring_shift = cmd->ring_shift;
	queue->flags = cmd->flags;
	queue->notify_ring = le16toh(cmd->notify_ring);
	queue->watchdog_ms = le32toh(cmd->watchdog_ms);
	queue->record = le64toh(cmd->record);
	queue->user_page = le64toh(cmd->user_page);
	memcpy(queue->ring_pages, pages, sizeof(queue->ring_pages));
	queue->schedule = QUEUE_IDLE;
	reset_counters(queue);
	fault_queue_created(card, queue->id);
	queue_set_position(queue, 0);
	if (cmd->flags & ACI_QUEUE_F_SUSPENDED)
		suspend_queue(queue);
	else
		run_queue(queue);
	return ACI_STATUS_SUCCESS;
}

unsigned int admin_create_queue(struct vcard *card, struct admin_command *command)
{
	const struct aci_cmd_create_queue *cmd = &command->cmd.create_queue;
	uint64_t pages[ACI_RING_PAGES_MAX];
	unsigned int status = check_create(card, cmd);

	if (status == ACI_STATUS_SUCCESS)
		status = fetch_ring_pages(card, cmd, pages);
	if (status != ACI_STATUS_SUCCESS)
		return status;
	if (!is_reachable(card, le64toh(cmd->record), sizeof(struct aci_queue_record)) ||
	    !is_reachable(card, le64toh(cmd->user_page), sizeof(struct aci_queue_user_page)))
		return ACI_STATUS_DMA_ERROR;

	pthread_mutex_lock(&card->lock);
	status = install_queue(card, cmd, pages);
	pthread_mutex_unlock(&card->lock);
	return status;
}

/* --- Commands on an existing queue (card->lock in the *_step functions) --- */

typedef unsigned int (*queue_step)(struct queue *queue, struct admin_command *command);

static unsigned int on_queue(struct vcard *card, struct admin_command *command, queue_step step,
			     bool takes_index)
{
	const struct aci_cmd_queue *cmd = &command->cmd.queue;
	unsigned int status = ACI_STATUS_INVALID_ID;
	struct queue *queue;

	if (cmd->reserved0 || cmd->reserved1 || (cmd->index && !takes_index) ||
	    !fields_are_zero(cmd->reserved2, sizeof(cmd->reserved2)))
		return ACI_STATUS_INVALID_FIELD;

	pthread_mutex_lock(&card->lock);
	queue = queue_find(card, le16toh(cmd->queue_id));
	if (queue) {
		/* One command at a time owns the queue. */
		if (queue->claimed && !command->begun) {
			status = ACI_STATUS_INVALID_STATE;
		} else {
			status = step(queue, command);
			queue->claimed = status == ADMIN_AGAIN;
		}
	}
	pthread_mutex_unlock(&card->lock);
	return status;
}

static bool expired(const struct admin_command *command, uint32_t limit_ms)
{
	return time_now_ns() - command->begun_ns > limit_ms * NS_PER_MS;
}

/* Take the queue from its engine. Return: true when it is off. */
static bool stop_step(struct queue *queue)
{
	if (queue->schedule == QUEUE_BUSY) {
		if (!atomic_exchange(&queue->stop, QUEUE_STOP_RESET))
			sched_interrupt(queue);
		return false;
	}
	sched_remove(queue);
	poll_forget(queue);
	return true;
}

static unsigned int delete_step(struct queue *queue, struct admin_command *command)
{
	if (!stop_step(queue))
		return expired(command, T_QUEUE_RESET_MS) ? ACI_STATUS_TIMEOUT : ADMIN_AGAIN;
	queue->state = ACI_QUEUE_STATE_NONE;
	queue_publish_state(queue);
	queue_delete(queue);
	return ACI_STATUS_SUCCESS;
}

static unsigned int reset_step(struct queue *queue, struct admin_command *command)
{
	if (!command->begun && fault_take(queue->card, FAULT_RESET_FAIL, ACI_RESET_QUEUE, NULL))
		return ACI_STATUS_INTERNAL;
	if (!command->begun && fault_take(queue->card, FAULT_RESET_HANG, ACI_RESET_QUEUE, NULL))
		command->stuck = true;
	if (command->stuck)
		return command->aborted ? ACI_STATUS_ABORTED : ADMIN_AGAIN;
	if (!stop_step(queue))
		return expired(command, T_QUEUE_RESET_MS) ? ACI_STATUS_TIMEOUT : ADMIN_AGAIN;
	queue_set_position(queue, le64toh(command->cmd.queue.index));
	run_queue(queue);
	return ACI_STATUS_SUCCESS;
}

/*
 * SUSPEND cannot be taken back once begun: aborting it resumes the queue. A job
 * that does not let go in time ends in PREEMPT_TIMEOUT by the clock.
 */
static unsigned int suspend_step(struct queue *queue, struct admin_command *command)
{
	if (command->aborted) {
		atomic_store(&queue->suspend, false);
		sched_wake(queue);
		return ACI_STATUS_ABORTED;
	}
	if (queue->state != ACI_QUEUE_STATE_RUNNING) {
		atomic_store(&queue->suspend, false);
		return ACI_STATUS_INVALID_STATE;
	}
	atomic_store(&queue->suspend, true);
	if (queue->schedule == QUEUE_BUSY) {
		if (!expired(command, T_SUSPEND_MS))
			return ADMIN_AGAIN;
		atomic_store(&queue->suspend, false);
		return ACI_STATUS_TIMEOUT;
	}
	sched_remove(queue);
	poll_forget(queue);
	queue->state = ACI_QUEUE_STATE_SUSPENDED;
	queue_publish_state(queue);
	return ACI_STATUS_SUCCESS;
}

/* From an error too: the descriptor that failed is tried again. */
static unsigned int resume_step(struct queue *queue, struct admin_command *command)
{
	(void)command;
	if (queue->state == ACI_QUEUE_STATE_RUNNING)
		return ACI_STATUS_INVALID_STATE;
	/* Halted, but its engine has not let go yet. */
	if (queue->schedule == QUEUE_BUSY)
		return ADMIN_AGAIN;
	if (queue->state == ACI_QUEUE_STATE_ERROR)
		queue_set_position(queue, queue->completed);
	queue->notified = 0;
	run_queue(queue);
	return ACI_STATUS_SUCCESS;
}

unsigned int admin_delete_queue(struct vcard *card, struct admin_command *command)
{
	return on_queue(card, command, delete_step, false);
}

unsigned int admin_suspend_queue(struct vcard *card, struct admin_command *command)
{
	return on_queue(card, command, suspend_step, false);
}

unsigned int admin_resume_queue(struct vcard *card, struct admin_command *command)
{
	return on_queue(card, command, resume_step, false);
}

unsigned int admin_reset_queue(struct vcard *card, struct admin_command *command)
{
	return on_queue(card, command, reset_step, true);
}
