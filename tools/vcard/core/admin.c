// SPDX-License-Identifier: MIT

#include <stdlib.h>
#include <string.h>

#include <aci/aci_status.h>

#include "vcard.h"

#define STEP_INTERVAL_NS	NS_PER_MS
#define ROUND_NS		(2 * NS_PER_MS)	/* a reset waits for the round to end */
#define HEARTBEAT_NS		(T_HEARTBEAT_MS * NS_PER_MS / 10)

void admin_init(struct vcard *card)
{
	pthread_mutex_init(&card->admin.step_lock, NULL);
	TAILQ_INIT(&card->admin.pending);
}

void admin_destroy(struct vcard *card)
{
	admin_disable(card);
	pthread_mutex_destroy(&card->admin.step_lock);
}

bool fields_are_zero(const void *fields, size_t bytes)
{
	const uint8_t *at = fields;

	while (bytes--) {
		if (*at++)
			return false;
	}
	return true;
}

unsigned int admin_write_data(struct vcard *card, struct admin_command *command, const void *data,
			      uint32_t bytes)
{
	uint32_t room = le32toh(command->cmd.data_bytes);
	uint64_t page[ACI_PAGE_SIZE / sizeof(uint64_t)];

	bytes = MIN(bytes, room);
	if (bytes <= sizeof(page) && fault_look(card, FAULT_DEFY, NULL)) {
		memcpy(page, data, bytes);
		fault_defy(card, FAULT_PLACE_REPLIES, page, bytes);
		data = page;
	}
	if (!dma_write(&card->dma, le64toh(command->cmd.data), data, bytes))
		return ACI_STATUS_DMA_ERROR;
	command->result = bytes;
	return ACI_STATUS_SUCCESS;
}

/* --- Dispatch --- */

enum data_use { DATA_NONE, DATA_NEEDED };

static unsigned int admin_abort(struct vcard *card, struct admin_command *command);

static const struct admin_operation {
	admin_executor execute;
	enum data_use data;
} operations[] = {
	[ACI_ADMIN_IDENTIFY] = { admin_identify, DATA_NEEDED },
	[ACI_ADMIN_CREATE_VM] = { admin_create_vm, DATA_NONE },
	[ACI_ADMIN_DELETE_VM] = { admin_delete_vm, DATA_NONE },
	[ACI_ADMIN_CREATE_QUEUE] = { admin_create_queue, DATA_NONE },
	[ACI_ADMIN_DELETE_QUEUE] = { admin_delete_queue, DATA_NONE },
	[ACI_ADMIN_SUSPEND_QUEUE] = { admin_suspend_queue, DATA_NONE },
	[ACI_ADMIN_RESUME_QUEUE] = { admin_resume_queue, DATA_NONE },
	[ACI_ADMIN_RESET_QUEUE] = { admin_reset_queue, DATA_NONE },
	[ACI_ADMIN_GET_LOG] = { admin_get_log, DATA_NEEDED },
	[ACI_ADMIN_GET_FEATURE] = { admin_get_feature, DATA_NONE },
	[ACI_ADMIN_SET_FEATURE] = { admin_set_feature, DATA_NONE },
	[ACI_ADMIN_FIRMWARE_DOWNLOAD] = { admin_firmware_download, DATA_NEEDED },
	[ACI_ADMIN_FIRMWARE_COMMIT] = { admin_firmware_commit, DATA_NONE },
	[ACI_ADMIN_ABORT] = { admin_abort, DATA_NONE },
	[ACI_ADMIN_SELF_TEST] = { admin_self_test, DATA_NONE },
	[ACI_ADMIN_SCRUB] = { admin_scrub, DATA_NONE },
};

static bool head_is_valid(const struct aci_admin_cmd *cmd, enum data_use data)
{
	uint32_t bytes = le32toh(cmd->data_bytes);
	uint64_t address = le64toh(cmd->data);

	if (cmd->flags || cmd->reserved)
		return false;
	if (data == DATA_NONE)
		return !bytes && !address;
	return bytes && bytes <= ACI_PAGE_SIZE && bytes % 4 == 0 &&
	       address % ACI_PAGE_SIZE == 0 && address_is_valid(address);
}

/* An older command with the same id is not completed yet. */
static bool cid_in_flight(const struct admin *admin, const struct admin_command *command)
{
	const struct admin_command *other;

	TAILQ_FOREACH(other, &admin->pending, link) {
		if (other == command)
			break;
		if (other->cmd.cid == command->cmd.cid)
			return true;
	}
	return false;
}

static unsigned int execute(struct vcard *card, struct admin_command *command)
{
	const struct admin_operation *operation = NULL;

	if (command->cmd.opcode < ARRAY_SIZE(operations))
		operation = &operations[command->cmd.opcode];
	if (!operation || !operation->execute)
		return ACI_STATUS_INVALID_OPCODE;
	if (!head_is_valid(&command->cmd, operation->data))
		return ACI_STATUS_INVALID_FIELD;
	return operation->execute(card, command);
}

/*
 * Commands that were not begun end at once; one that takes time gets a last
 * call, with "aborted" set, to put things right.
 */
static unsigned int admin_abort(struct vcard *card, struct admin_command *command)
{
	const struct aci_cmd_abort *abort = &command->cmd.abort;
	struct admin_command *target;

	if (abort->reserved0 || abort->reserved1 ||
	    !fields_are_zero(abort->reserved2, sizeof(abort->reserved2)))
		return ACI_STATUS_INVALID_FIELD;
	TAILQ_FOREACH(target, &card->admin.pending, link) {
		if (target != command && target->cmd.cid == abort->cid) {
			target->aborted = true;
			return ACI_STATUS_SUCCESS;
		}
	}
	return ACI_STATUS_INVALID_ID;
}

/* --- Rings (step_lock) --- */

static uint32_t ring_entries(const struct admin *admin)
{
	return 1u << admin->shift;
}

static void give_up(struct vcard *card, uint16_t code)
{
	card->admin.enabled = false;
	card_fail(card, code);
}

/* Completions still unread by the host plus commands on the way never exceed the ring. */
static bool completion_has_room(struct vcard *card)
{
	struct admin *admin = &card->admin;
	uint32_t head = atomic_load(&admin->cq_head);
	uint32_t unread = admin->cq_tail - head;

	/* Backwards, or past what was posted. */
	if (unread > admin->cq_tail - admin->cq_seen) {
		give_up(card, ACI_STATUS_INVALID_FIELD);
		return false;
	}
	admin->cq_seen = head;
	return unread < ring_entries(admin);
}

static void post_completion(struct vcard *card, const struct admin_command *command,
			    unsigned int status)
{
	struct admin *admin = &card->admin;
	uint32_t slot = admin->cq_tail & (ring_entries(admin) - 1);
	uint64_t at = admin->cq_base + slot * sizeof(struct aci_admin_cpl);
	uint64_t phase = !(admin->cq_tail >> admin->shift & 1);
	uint64_t tail = le16toh(command->cmd.cid) | (uint64_t)status << 16 | phase << 32;

	/* The half with the phase last: it says that the rest is there. */
	tail = fault_defy64(card, FAULT_PLACE_COMPLETIONS, tail);
	if (!dma_store64(&card->dma, at,
			 fault_defy64(card, FAULT_PLACE_COMPLETIONS, command->result)) ||
	    !dma_store64(&card->dma, at + sizeof(uint64_t), tail)) {
		give_up(card, ACI_STATUS_DMA_ERROR);
		return;
	}
	admin->cq_tail++;
	irq_raise(card, 0);
}

static bool fetch_command(struct vcard *card)
{
	struct admin *admin = &card->admin;
	uint32_t slot = admin->sq_head & (ring_entries(admin) - 1);
	struct admin_command *command = calloc(1, sizeof(*command));

	if (!command)
		return false;
	if (!dma_read(&card->dma, admin->sq_base + slot * sizeof(command->cmd), &command->cmd,
		      sizeof(command->cmd))) {
		free(command);
		give_up(card, ACI_STATUS_DMA_ERROR);
		return false;
	}
	admin->sq_head++;
	admin->pending_count++;
	TAILQ_INSERT_TAIL(&admin->pending, command, link);
	return true;
}

static void fetch_commands(struct vcard *card)
{
	struct admin *admin = &card->admin;
	uint32_t tail = atomic_load(&admin->sq_tail);

	if (tail - admin->sq_head > ring_entries(admin)) {
		give_up(card, ACI_STATUS_RING_OVERRUN);
		return;
	}
	while (admin->sq_head != tail && admin->pending_count < ring_entries(admin)) {
		if (!fetch_command(card))
			return;
	}
}

/* Injected. Return: true if the command is not to be executed, with @status what it ends in. */
static bool inject(struct vcard *card, struct admin_command *command, unsigned int *status)
{
	uint8_t opcode = command->cmd.opcode;
	struct fault fault;
	bool failed = false;

	if (!command->seen) {
		command->seen = true;
		command->stuck = fault_take(card, FAULT_ADMIN_TIMEOUT, opcode, NULL);
		if (fault_take(card, FAULT_ADMIN_DELAY, opcode, &fault))
			command->not_before_ns = time_now_ns() + fault.value * NS_PER_MS;
		failed = fault_take(card, FAULT_ADMIN_FAIL, opcode, &fault);
	}
	if (failed)
		*status = (unsigned int)fault.value;
	else if (!command->begun && command->aborted)
		*status = ACI_STATUS_ABORTED;
	else if (!command->begun && (command->stuck || time_now_ns() < command->not_before_ns))
		*status = ADMIN_AGAIN;
	else
		return false;
	return true;
}

static void corrupt_completion(struct vcard *card, struct admin_command *command)
{
	struct fault fault;

	if (!fault_take(card, FAULT_ADMIN_CORRUPT, command->cmd.opcode, &fault))
		return;
	command->cmd.cid ^= htole16((uint16_t)fault.random | 1);
	command->result = fault.random;
}

static void step_command(struct vcard *card, struct admin_command *command)
{
	struct admin *admin = &card->admin;
	unsigned int status;

	if (!command->begun && cid_in_flight(admin, command))
		status = ACI_STATUS_ID_IN_USE;
	else if (!inject(card, command, &status)) {
		status = execute(card, command);
		command->begun |= status == ADMIN_AGAIN;
	}
	if (status == ADMIN_AGAIN)
		return;
	corrupt_completion(card, command);
	if (!fault_take(card, FAULT_ADMIN_LOSE, command->cmd.opcode, NULL))
		post_completion(card, command, status);
	TAILQ_REMOVE(&admin->pending, command, link);
	admin->pending_count--;
	free(command);
}

/*
 * One round over all commands, or the rest of one: each has its turn, however long others take.
 * Return: true if there is more to do soon.
 */
static bool run_round(struct vcard *card)
{
	struct admin *admin = &card->admin;
	struct admin_command *command, *next;
	uint64_t begun_ns = time_now_ns();

	if (completion_has_room(card))
		fetch_commands(card);
	/* ABORT first, so that it meets what it is after. */
	for (int pass = 0; pass < 2; pass++) {
		for (command = TAILQ_FIRST(&admin->pending); command; command = next) {
			next = TAILQ_NEXT(command, link);
			if ((command->cmd.opcode == ACI_ADMIN_ABORT) != (pass == 0) ||
			    command->stepped)
				continue;
			if (!admin->enabled || !completion_has_room(card))
				return false;
			if (time_now_ns() - begun_ns > ROUND_NS)
				return true;
			if (!command->begun_ns)
				command->begun_ns = begun_ns;
			command->stepped = true;
			step_command(card, command);
		}
	}
	TAILQ_FOREACH(command, &admin->pending, link)
		command->stepped = false;
	return !TAILQ_EMPTY(&admin->pending);
}

/* By this thread, so that it tells of a card that executes commands. */
static uint64_t beat(struct vcard *card, uint64_t next_ns)
{
	uint64_t now_ns = time_now_ns();

	if (now_ns < next_ns)
		return next_ns;
	if (!fault_look(card, FAULT_HEARTBEAT_STOP, NULL))
		atomic_fetch_add(&card->admin.heartbeat, 1);
	return now_ns + HEARTBEAT_NS;
}

static void *admin_run(void *arg)
{
	struct vcard *card = arg;
	struct admin *admin = &card->admin;
	uint64_t next_beat_ns = 0, deadline_ns;

	while (!atomic_load(&admin->exiting)) {
		uint32_t sequence = waker_read(&admin->waker);
		bool again = false;

		if (fault_look(card, FAULT_FIRMWARE_HANG, NULL)) {
			waker_wait(&admin->waker, sequence, time_now_ns() + HEARTBEAT_NS);
			continue;
		}
		pthread_mutex_lock(&admin->step_lock);
		if (admin->enabled && !atomic_load(&card->regs.fatal))
			again = run_round(card);
		pthread_mutex_unlock(&admin->step_lock);
		next_beat_ns = beat(card, next_beat_ns);
		deadline_ns = again ? time_now_ns() + STEP_INTERVAL_NS : next_beat_ns;
		waker_wait(&admin->waker, sequence, MIN(deadline_ns, next_beat_ns));
	}
	return NULL;
}

int admin_start(struct vcard *card)
{
	int err = thread_start(&card->admin.thread, "aci-admin", admin_run, card);

	card->admin.started = !err;
	return err;
}

void admin_stop(struct vcard *card)
{
	if (!card->admin.started)
		return;
	atomic_store(&card->admin.exiting, true);
	waker_wake(&card->admin.waker);
	pthread_join(card->admin.thread, NULL);
	card->admin.started = false;
}

void admin_enable(struct vcard *card, uint64_t sq_base, uint64_t cq_base, uint32_t shift)
{
	struct admin *admin = &card->admin;

	admin->sq_base = sq_base;
	admin->cq_base = cq_base;
	admin->shift = shift;
	admin->sq_head = 0;
	admin->cq_tail = 0;
	admin->cq_seen = 0;
	admin->enabled = true;
	waker_wake(&admin->waker);
}

void admin_disable(struct vcard *card)
{
	struct admin *admin = &card->admin;
	struct admin_command *command;

	admin->enabled = false;
	atomic_store(&admin->sq_tail, 0);
	atomic_store(&admin->cq_head, 0);
	while ((command = TAILQ_FIRST(&admin->pending))) {
		TAILQ_REMOVE(&admin->pending, command, link);
		free(command);
	}
	admin->pending_count = 0;
}
