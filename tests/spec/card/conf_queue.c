// SPDX-License-Identifier: MIT
/* Conformance of a card: job queues, descriptors, device MMU, events, notifications. */

#include "rig.h"

#define SUCCESS	ACI_STATUS_SUCCESS
#define VA	0x123400000ull
#define BYTES	(4 * ACI_PAGE_SIZE)
#define FAR	(1ull << 46)	/* nothing is mapped there */

static struct aci_desc nop(void)
{
	return (struct aci_desc){ .opcode = ACI_OP_NOP };
}

static struct aci_desc copy(uint64_t src, uint64_t dst, uint64_t bytes)
{
	struct aci_desc desc = { .opcode = ACI_OP_COPY };

	desc.copy.src = htole64(src);
	desc.copy.dst = htole64(dst);
	desc.copy.bytes = htole64(bytes);
	return desc;
}

static struct aci_desc fill(uint64_t dst, uint64_t bytes, uint64_t pattern, uint32_t width)
{
	struct aci_desc desc = { .opcode = ACI_OP_FILL };

	desc.fill.dst = htole64(dst);
	desc.fill.bytes = htole64(bytes);
	desc.fill.pattern = htole64(pattern);
	desc.fill.pattern_bytes = htole32(width);
	return desc;
}

static struct aci_desc word(uint8_t opcode, uint64_t addr, uint64_t value)
{
	struct aci_desc desc = { .opcode = opcode };

	desc.body[0] = htole64(addr);
	desc.body[1] = htole64(value);
	return desc;
}

/* Start over after an error: index 0, an empty ring. */
static void restart(struct rig *rig, struct rig_queue *queue)
{
	queue->user->tail = 0;
	queue->tail = 0;
	assert_int_equal(SUCCESS, rig_queue_command(rig, ACI_ADMIN_RESET_QUEUE, queue->id, 0));
}

/* --- The queue object --- */

/* proves: ACI-097 ACI-098 ACI-100 ACI-101 ACI-102 ACI-103 ACI-160 */
static void creation(void **state)
{
	struct rig *rig = *state;
	struct aci_admin_cmd good, cmd;
	struct rig_queue queue;
	uint32_t queues = rig_read(rig, ACI_REG_QUEUES);

	rig_enable(rig);
	rig_create_vm(rig, 1, 0, rig->root);
	good = rig_queue_make(rig, &queue, 0, 1);
#define REFUSED(status, change) do {						\
		cmd = good;							\
		change;								\
		assert_int_equal(status, rig_admin(rig, cmd, NULL));		\
	} while (0)
	REFUSED(ACI_STATUS_INVALID_ID, cmd.create_queue.queue_id = htole16(queues & 0xffff));
	REFUSED(ACI_STATUS_INVALID_ID, cmd.create_queue.vm_id = 0);
	REFUSED(ACI_STATUS_INVALID_ID, cmd.create_queue.notify_ring = htole16(queues >> 16));
	REFUSED(ACI_STATUS_INVALID_FIELD, cmd.create_queue.engine_class = 0xff);
	REFUSED(ACI_STATUS_INVALID_FIELD, cmd.create_queue.priority = 0xff);
	REFUSED(ACI_STATUS_INVALID_FIELD, cmd.create_queue.ring_shift = 5);
	REFUSED(ACI_STATUS_INVALID_FIELD, cmd.create_queue.ring_shift = 16);
	REFUSED(ACI_STATUS_INVALID_FIELD, cmd.create_queue.flags = 2);
	REFUSED(ACI_STATUS_INVALID_FIELD, cmd.create_queue.reserved0 = 1);
	REFUSED(ACI_STATUS_INVALID_FIELD, cmd.create_queue.record = htole64(queue.record_at + 64));
	REFUSED(ACI_STATUS_INVALID_FIELD, cmd.create_queue.user_page = htole64(queue.user_at + 256));
	REFUSED(ACI_STATUS_INVALID_FIELD, cmd.create_queue.ring_pages = htole64(queue.list + 8));
	REFUSED(ACI_STATUS_DMA_ERROR, cmd.create_queue.ring_pages = htole64(RIG_NONE));
	REFUSED(ACI_STATUS_DMA_ERROR, cmd.create_queue.record = htole64(RIG_NONE));
	REFUSED(ACI_STATUS_DMA_ERROR, cmd.create_queue.user_page = htole64(RIG_NONE));
	if (!(rig->cap & ACI_CAP_USER_QUEUES))
		REFUSED(ACI_STATUS_UNSUPPORTED, cmd.create_queue.flags = ACI_QUEUE_F_USER);
	*(__le64 *)rig_at(rig, queue.list) = htole64(queue.ring + 64);
	REFUSED(ACI_STATUS_INVALID_FIELD, (void)0);
	*(__le64 *)rig_at(rig, queue.list) = htole64(queue.ring);
	assert_int_equal(ACI_STATUS_INVALID_ID,
			 rig_queue_command(rig, ACI_ADMIN_SUSPEND_QUEUE, 0, 0));

	memset(queue.record, 0xa5, offsetof(struct aci_queue_record, notify_at));
	REFUSED(SUCCESS, (void)0);
	assert_int_equal(ACI_QUEUE_STATE_RUNNING, le32toh(queue.record->state));
	assert_int_equal(ACI_QUEUE_STATE_RUNNING, le32toh(queue.user->state));
	assert_true(!queue.record->fetched && !queue.record->started && !queue.record->completed);
	assert_true(!queue.record->error && !queue.record->error_index && !queue.record->error_info);
	REFUSED(ACI_STATUS_ID_IN_USE, (void)0);
	/* The list is the host's again. */
	memset(rig_at(rig, queue.list), 0xff, ACI_PAGE_SIZE);
	assert_int_equal(SUCCESS, rig_run(rig, &queue, nop()));
}
#undef REFUSED

/* proves: ACI-105 ACI-181 ACI-182 ACI-183 */
static void state_table(void **state)
{
	static const uint8_t commands[] = { ACI_ADMIN_SUSPEND_QUEUE, ACI_ADMIN_RESUME_QUEUE,
					    ACI_ADMIN_RESET_QUEUE, ACI_ADMIN_DELETE_QUEUE };
	static const uint32_t next[][4] = {	/* 0: INVALID_STATE; DELETE: 9 */
		[ACI_QUEUE_STATE_RUNNING] = { ACI_QUEUE_STATE_SUSPENDED, 0,
					      ACI_QUEUE_STATE_RUNNING, 9 },
		[ACI_QUEUE_STATE_SUSPENDED] = { 0, ACI_QUEUE_STATE_RUNNING,
						ACI_QUEUE_STATE_RUNNING, 9 },
		[ACI_QUEUE_STATE_ERROR] = { 0, ACI_QUEUE_STATE_RUNNING,
					    ACI_QUEUE_STATE_RUNNING, 9 },
	};
	struct rig *rig = *state;

	rig_enable(rig);
	rig_create_vm(rig, 1, 0, rig->root);
	for (uint32_t from = ACI_QUEUE_STATE_RUNNING; from <= ACI_QUEUE_STATE_ERROR; from++) {
		for (size_t i = 0; i < 4; i++) {
			struct rig_queue queue;
			uint32_t to = next[from][i];

			assert_int_equal(SUCCESS,
					 rig_admin(rig, rig_queue_make(rig, &queue, 0, 1), NULL));
			assert_int_equal(SUCCESS, rig_run(rig, &queue, nop()));
			if (from == ACI_QUEUE_STATE_SUSPENDED)
				assert_int_equal(SUCCESS, rig_queue_command(rig, ACI_ADMIN_SUSPEND_QUEUE,
									    0, 0));
			if (from == ACI_QUEUE_STATE_ERROR) {
				assert_int_equal(ACI_STATUS_DESC_OPCODE,
						 rig_run(rig, &queue, word(0xee, 0, 0)));
				/* So that going on finds a good one. */
				((struct aci_desc *)rig_at(rig, queue.ring))[1] = nop();
			}
			assert_int_equal(from, le32toh(queue.record->state));
			assert_int_equal(to ? SUCCESS : ACI_STATUS_INVALID_STATE,
					 rig_queue_command(rig, commands[i], 0,
							   commands[i] == ACI_ADMIN_RESET_QUEUE));
			if (to == 9) {
				assert_int_equal(ACI_QUEUE_STATE_NONE, le32toh(queue.record->state));
				assert_int_equal(1, le64toh(queue.record->completed));
				continue;
			}
			assert_int_equal(to ? to : from, le32toh(queue.record->state));
			assert_int_equal(SUCCESS,
					 rig_queue_command(rig, ACI_ADMIN_DELETE_QUEUE, 0, 0));
		}
	}
}

/* proves: ACI-175 ACI-177 ACI-179 ACI-180 */
static void no_wakeup_is_lost(void **state)
{
	struct rig *rig = *state;
	struct rig_queue *queue = &rig->queue;

	rig_start(rig);
	/* One at a time, so that the card goes idle in every phase of its loop. */
	for (unsigned int i = 0; i < 3000; i++) {
		for (volatile unsigned int spin = 0; spin < (i * 37) % 3000; spin++)
			;
		assert_int_equal(SUCCESS, rig_run(rig, queue, nop()));
	}
	assert_int_equal(3000, le64toh(queue->record->completed));
	/* What was written while suspended is found without a doorbell. */
	assert_int_equal(SUCCESS, rig_queue_command(rig, ACI_ADMIN_SUSPEND_QUEUE, 0, 0));
	((struct aci_desc *)rig_at(rig, queue->ring))[3000 % RIG_RING_SIZE] = nop();
	queue->user->tail = htole64(++queue->tail);
	assert_int_equal(SUCCESS, rig_queue_command(rig, ACI_ADMIN_RESUME_QUEUE, 0, 0));
	assert_int_equal(SUCCESS, rig_stopped(rig, queue));
}

/* proves: ACI-161 ACI-173 ACI-174 ACI-201 */
static void ring_goes_round(void **state)
{
	struct rig *rig = *state;
	struct rig_queue *queue = &rig->queue;
	uint8_t ring[ACI_PAGE_SIZE];

	rig_start(rig);
	for (unsigned int round = 0; round < 5; round++) {
		for (unsigned int i = 0; i < RIG_RING_SIZE; i++)
			rig_push(rig, queue, nop());
		memcpy(ring, rig_at(rig, queue->ring), sizeof(ring));
		assert_int_equal(SUCCESS, rig_stopped(rig, queue));
		assert_memory_equal(ring, rig_at(rig, queue->ring), sizeof(ring));
		assert_true(le64toh(queue->user->tail) == queue->tail);
		assert_int_equal(0, queue->record->notify_at);
	}
	assert_int_equal(SUCCESS, rig_queue_command(rig, ACI_ADMIN_SUSPEND_QUEUE, 0, 0));
	assert_true(queue->user->completed == queue->record->completed);
	assert_true(queue->record->started == queue->record->completed);
}

/* proves: ACI-172 */
static void overrun(void **state)
{
	static const uint64_t tails[] = { 2 + RIG_RING_SIZE + 1, 1, ~0ull, 1ull << 32 };
	struct rig *rig = *state;
	struct rig_queue *queue = &rig->queue;

	rig_start(rig);
	for (size_t i = 0; i < sizeof(tails) / sizeof(tails[0]); i++) {
		rig_run(rig, queue, nop());
		assert_int_equal(SUCCESS, rig_run(rig, queue, nop()));
		queue->tail = tails[i] - 1;
		/* Through the rules of ringing, but with a wrong tail. */
		rig_push(rig, queue, nop());
		rig_card_ops.doorbell(rig->card, 0, 0);
		rig_card_ops.kick(rig->card, 0);
		assert_int_equal(ACI_STATUS_RING_OVERRUN, rig_stopped(rig, queue));
		assert_int_equal(2, le64toh(queue->record->error_index));
		assert_true(le64toh(queue->record->error_info) == tails[i]);
		restart(rig, queue);
	}
	assert_int_equal(SUCCESS, rig_run(rig, queue, nop()));
}

/* proves: ACI-187 ACI-188 ACI-189 */
static void reset_to_an_index(void **state)
{
	struct rig *rig = *state;
	struct rig_queue *queue = &rig->queue;
	const uint64_t index = 1ull << 40;

	rig_start(rig);
	assert_int_equal(SUCCESS, rig_run(rig, queue, nop()));
	assert_int_equal(SUCCESS, rig_queue_command(rig, ACI_ADMIN_SUSPEND_QUEUE, 0, 0));
	queue->tail = index;
	rig_push(rig, queue, nop());
	assert_int_equal(SUCCESS, rig_queue_command(rig, ACI_ADMIN_RESET_QUEUE, 0, index));
	assert_int_equal(SUCCESS, rig_stopped(rig, queue));
	assert_true(le64toh(queue->record->completed) == index + 1);
	assert_true(le64toh(queue->record->started) == index + 1);
	assert_int_equal(ACI_QUEUE_STATE_RUNNING, le32toh(queue->record->state));
	/* Not started descriptors are read anew after a suspension. */
	assert_int_equal(SUCCESS, rig_queue_command(rig, ACI_ADMIN_SUSPEND_QUEUE, 0, 0));
	rig_push(rig, queue, word(0xee, 0, 0));
	((struct aci_desc *)rig_at(rig, queue->ring))[(index + 1) % RIG_RING_SIZE] = nop();
	assert_int_equal(SUCCESS, rig_queue_command(rig, ACI_ADMIN_RESUME_QUEUE, 0, 0));
	assert_int_equal(SUCCESS, rig_stopped(rig, queue));
}

/* --- Descriptors --- */

/* proves: ACI-200 ACI-202 ACI-206 ACI-218 ACI-260 */
static void data_moves(void **state)
{
	struct rig *rig = *state;
	struct rig_queue *queue = &rig->queue;
	uint64_t before, after, stamp;
	uint8_t *from, *to;

	rig_start(rig);
	from = rig_at(rig, rig_map(rig, VA, 4));
	to = rig_at(rig, rig_map(rig, VA + BYTES, 4));
	for (unsigned int i = 0; i < BYTES; i++)
		from[i] = (uint8_t)(i * 7 + i / 256);
	memset(to, 0xa5, BYTES);
	assert_int_equal(SUCCESS, rig_run(rig, queue, copy(VA + 3, VA + BYTES + 4090, 5000)));
	assert_memory_equal(from + 3, to + 4090, 5000);
	assert_int_equal(0xa5, to[4089]);
	assert_int_equal(0xa5, to[9090]);
	for (uint32_t width = 1; width <= 8; width *= 2) {
		const uint64_t pattern = 0x8877665544332211ull;

		memset(to, 0xa5, BYTES);
		assert_int_equal(SUCCESS, rig_run(rig, queue, fill(VA + BYTES + 4093, 40, pattern,
								   width)));
		for (uint32_t i = 0; i < 40; i++)
			assert_int_equal((uint8_t)(pattern >> 8 * (i % width)), to[4093 + i]);
		assert_int_equal(0xa5, to[4092]);
		assert_int_equal(0xa5, to[4133]);
	}
	before = rig_read64(rig, ACI_REG_TIMESTAMP);
	assert_int_equal(SUCCESS, rig_run(rig, queue, word(ACI_OP_TIMESTAMP, VA + BYTES + 8, 0)));
	after = rig_read64(rig, ACI_REG_TIMESTAMP);
	memcpy(&stamp, to + 8, sizeof(stamp));
	assert_true(le64toh(stamp) >= before && le64toh(stamp) <= after);
}

/* proves: ACI-052 ACI-190 ACI-191 ACI-193 ACI-196 ACI-197 ACI-198 ACI-199 ACI-203 ACI-207 ACI-219 */
static void wrong_descriptors_are_refused(void **state)
{
	struct rig *rig = *state;
	struct rig_queue *queue = &rig->queue;
	uint64_t memory;

	rig_start(rig);
	memory = rig_map(rig, VA, 4);
#define REFUSED(code, good, change) do {						\
		struct aci_desc desc = good;						\
		change;									\
		rig_push(rig, queue, nop());						\
		rig_push(rig, queue, desc);						\
		rig_push(rig, queue, fill(VA, 64, 0x77, 1));				\
		assert_int_equal(code, rig_stopped(rig, queue));			\
		assert_int_equal(1, le64toh(queue->record->error_index));		\
		assert_int_equal(1, le64toh(queue->record->completed));			\
		assert_int_equal(code, le32toh(queue->user->error));			\
		assert_int_equal(ACI_QUEUE_STATE_ERROR, le32toh(queue->user->state));	\
		assert_int_equal(0, *(uint8_t *)rig_at(rig, memory));			\
		restart(rig, queue);							\
	} while (0)
	REFUSED(ACI_STATUS_DESC_OPCODE, nop(), desc.opcode = 0x08);
	REFUSED(ACI_STATUS_DESC_OPCODE, nop(), desc.opcode = 0xff);
	REFUSED(ACI_STATUS_DESC_FIELD, nop(), desc.flags = 1);
	REFUSED(ACI_STATUS_DESC_FIELD, nop(), desc.reserved0 = 1);
	REFUSED(ACI_STATUS_DESC_FIELD, nop(), desc.reserved1 = htole32(1u << 31));
	REFUSED(ACI_STATUS_DESC_FIELD, nop(), desc.body[6] = 1);
	REFUSED(ACI_STATUS_DESC_FIELD, copy(VA, VA + 4096, 0), (void)0);
	REFUSED(ACI_STATUS_DESC_FIELD, copy(VA, VA + 99, 100), (void)0);
	REFUSED(ACI_STATUS_DESC_FIELD, copy(VA, VA + 4096, 8), desc.copy.reserved[3] = 1);
	REFUSED(ACI_STATUS_DESC_FIELD, copy(1ull << 48, VA, 8), (void)0);
	REFUSED(ACI_STATUS_DESC_FIELD, copy(VA, (1ull << 48) - 4, 8), (void)0);
	REFUSED(ACI_STATUS_DESC_FIELD, copy(~0ull - 3, VA, 8), (void)0);
	REFUSED(ACI_STATUS_DESC_FIELD, copy(FAR, VA, ~0ull), (void)0);
	REFUSED(ACI_STATUS_DESC_FIELD, fill(VA, 0, 1, 1), (void)0);
	REFUSED(ACI_STATUS_DESC_FIELD, fill(VA, 12, 1, 8), (void)0);
	REFUSED(ACI_STATUS_DESC_FIELD, fill(VA, 12, 1, 3), (void)0);
	REFUSED(ACI_STATUS_DESC_FIELD, fill(VA, 16, 1, 16), (void)0);
	REFUSED(ACI_STATUS_DESC_FIELD, fill(VA, 16, 1, 0), (void)0);
	REFUSED(ACI_STATUS_DESC_FIELD, fill(VA, 16, 1, 8), desc.fill.reserved0 = 1);
	REFUSED(ACI_STATUS_DESC_FIELD, fill(VA, 16, 1, 8), desc.fill.reserved1[2] = 1);
	REFUSED(ACI_STATUS_DESC_FIELD, word(ACI_OP_TIMESTAMP, VA + 4, 0), (void)0);
	REFUSED(ACI_STATUS_DESC_FIELD, word(ACI_OP_TIMESTAMP, VA, 1), (void)0);
	REFUSED(ACI_STATUS_DESC_ENGINE, word(ACI_OP_EXEC, VA, 64), (void)0);
	if (rig->cap & ACI_CAP_WAIT) {
		REFUSED(ACI_STATUS_DESC_FIELD, word(ACI_OP_WAIT, VA + 4, 0), (void)0);
		REFUSED(ACI_STATUS_DESC_FIELD, word(ACI_OP_SIGNAL, VA + 4, 0), (void)0);
		REFUSED(ACI_STATUS_DESC_FIELD, word(ACI_OP_SIGNAL, VA, 0), desc.body[6] = 1);
	} else {
		REFUSED(ACI_STATUS_DESC_OPCODE, word(ACI_OP_WAIT, VA, 0), (void)0);
		REFUSED(ACI_STATUS_DESC_OPCODE, word(ACI_OP_SIGNAL, VA, 0), (void)0);
	}
#undef REFUSED
}

static struct aci_desc strided(uint64_t src_stride, uint64_t dst_stride, uint64_t row_bytes,
			       uint64_t rows)
{
	struct aci_desc desc = { .opcode = ACI_OP_COPY_STRIDED };

	desc.copy_strided.src = htole64(VA + 5);
	desc.copy_strided.dst = htole64(VA + BYTES + 3);
	desc.copy_strided.src_stride = htole64(src_stride);
	desc.copy_strided.dst_stride = htole64(dst_stride);
	desc.copy_strided.row_bytes = htole64(row_bytes);
	desc.copy_strided.rows = htole64(rows);
	return desc;
}

/* proves: ACI-204 ACI-205 */
static void rows_move(void **state)
{
	const struct aci_desc wrong[] = {
		strided(8, 8, 0, 2), strided(8, 8, 8, 0), strided(8, 7, 8, 2),
		strided(1ull << 63, 8, 8, 3), strided(8, 1ull << 63, 8, 3),
		strided(8, 1ull << 40, 8, 1ull << 40), strided(8, ~0ull, ~0ull, 1),
	};
	struct rig *rig = *state;
	struct rig_queue *queue = &rig->queue;
	uint8_t *from, *to;

	if (!(rig->cap & ACI_CAP_COPY_STRIDED))
		skip();
	rig_start(rig);
	from = rig_at(rig, rig_map(rig, VA, 4));
	to = rig_at(rig, rig_map(rig, VA + BYTES, 4));
	for (unsigned int i = 0; i < BYTES; i++)
		from[i] = (uint8_t)(i * 11 + i / 256);
	memset(to, 0xa5, BYTES);
	assert_int_equal(SUCCESS, rig_run(rig, queue, strided(129, 61, 53, 37)));
	for (unsigned int row = 0; row < 37; row++) {
		assert_memory_equal(from + 5 + row * 129, to + 3 + row * 61, 53);
		assert_int_equal(0xa5, to[3 + row * 61 + 53]);
	}
	assert_int_equal(SUCCESS, rig_run(rig, queue, strided(0, 64, 16, 4)));
	for (unsigned int row = 0; row < 4; row++)
		assert_memory_equal(from + 5, to + 3 + row * 64, 16);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		restart(rig, queue);
		assert_int_equal(ACI_STATUS_DESC_FIELD, rig_run(rig, queue, wrong[i]));
	}
}

/* proves: ACI-214 ACI-216 ACI-217 */
static void waits_and_signals(void **state)
{
	struct rig *rig = *state;
	struct rig_queue *queue = &rig->queue;
	struct aci_desc wait = word(ACI_OP_WAIT, VA, 5);
	struct rig_queue polite;
	__le64 *value;

	if (!(rig->cap & ACI_CAP_WAIT))
		skip();
	rig_start(rig);
	value = rig_at(rig, rig_map(rig, VA, 1));
	assert_int_equal(SUCCESS, rig_run(rig, queue, word(ACI_OP_SIGNAL, VA + 8, ~0ull)));
	assert_true(value[1] == ~0ull && !value[0]);
	value[0] = htole64(~0ull);	/* unsigned */
	assert_int_equal(SUCCESS, rig_run(rig, queue, wait));
	value[0] = htole64(4);
	wait.wait.timeout_ns = htole64(1000000);
	assert_int_equal(ACI_STATUS_WAIT_TIMEOUT, rig_run(rig, queue, wait));
	assert_int_equal(SUCCESS, rig_queue_command(rig, ACI_ADMIN_DELETE_QUEUE, 0, 0));

	/* Where the host forbids it, even a WAIT that is done already. */
	if ((rig_read(rig, ACI_REG_VMS) & 0xffff) < 2)
		skip();
	rig_create_vm(rig, 2, ACI_VM_F_NO_WAIT, rig->root);
	assert_int_equal(SUCCESS, rig_admin(rig, rig_queue_make(rig, &polite, 0, 2), NULL));
	value[0] = htole64(9);
	assert_int_equal(ACI_STATUS_WAIT_REFUSED, rig_run(rig, &polite, wait));
}

/* proves: ACI-211 ACI-212 ACI-213 */
static void blocked_wait_gives_way(void **state)
{
	struct rig *rig = *state;
	struct rig_queue others[2];

	if (!(rig->cap & ACI_CAP_WAIT) || (rig_read(rig, ACI_REG_QUEUES) & 0xffff) < 3)
		skip();
	rig_start(rig);
	rig_map(rig, VA, 1);
	for (uint16_t i = 0; i < 2; i++)
		assert_int_equal(SUCCESS, rig_admin(rig, rig_queue_make(rig, &others[i], i + 1, 1),
						    NULL));
	for (uint64_t i = 1; i <= 100; i++) {
		rig_push(rig, &rig->queue, word(ACI_OP_WAIT, VA, i));
		rig_push(rig, &others[0], word(ACI_OP_WAIT, VA, i));
		assert_int_equal(SUCCESS, rig_run(rig, &others[1], nop()));
		assert_int_equal(i - 1, le64toh(rig->queue.record->completed));
		assert_int_equal(SUCCESS, rig_run(rig, &others[1], word(ACI_OP_SIGNAL, VA, i)));
		assert_int_equal(SUCCESS, rig_stopped(rig, &rig->queue));
		assert_int_equal(SUCCESS, rig_stopped(rig, &others[0]));
	}
}

/* --- Device MMU --- */

static void expect_fault(struct rig *rig, uint64_t va, struct aci_desc desc)
{
	struct rig_queue *queue = &rig->queue;

	assert_int_equal(ACI_STATUS_PAGE_FAULT, rig_run(rig, queue, desc));
	assert_true(le64toh(queue->record->error_info) >> ACI_PAGE_SHIFT == va >> ACI_PAGE_SHIFT);
	restart(rig, queue);
}

static void invalidate_all(struct rig *rig)
{
	struct aci_inv_cmd cmd = { .opcode = ACI_INV_VM, .vm_id = htole16(1) };

	assert_true(rig_invalidate(rig, cmd) == 0);
}

/* proves: ACI-261 ACI-263 ACI-266 ACI-272 */
static void wrong_entries_fault(void **state)
{
	struct rig *rig = *state;
	uint64_t good, page, *leaf, *table, bits;

	rig_start(rig);
	page = rig_map(rig, VA, 1);
	leaf = rig_pte(rig, rig->root, VA, 0);
	table = rig_pte(rig, rig->root, VA, 1);
	bits = rig_leaf_bits(rig);
#define FAULTS(entry, value) do {						\
		good = *(entry);						\
		*(entry) = htole64(value);					\
		invalidate_all(rig);						\
		expect_fault(rig, VA, fill(VA, 8, 1, 8));			\
		*(entry) = good;						\
		invalidate_all(rig);						\
		assert_int_equal(SUCCESS, rig_run(rig, &rig->queue, fill(VA, 8, 1, 8)));	\
	} while (0)
	FAULTS(leaf, 0);
	FAULTS(leaf, page | (bits & ~ACI_PTE_VALID));
	FAULTS(leaf, page | (bits & ~ACI_PTE_WRITE));
	FAULTS(leaf, page | (bits & ~(uint64_t)ACI_PTE_LEAF));
	FAULTS(leaf, page | bits | 1u << 5);
	FAULTS(leaf, page | bits | 1u << 6);
	FAULTS(leaf, page | bits | 1u << 8);
	FAULTS(leaf, page | bits | 1ull << 52);
	FAULTS(leaf, page | bits | 1ull << 63);
	FAULTS(leaf, RIG_NONE | bits);
	FAULTS(leaf, 0 | bits | ACI_PTE_CARD | ACI_PTE_SNOOP);
	FAULTS(leaf, rig_read64(rig, ACI_REG_MEM_BYTES) |
		     ((bits & ~(uint64_t)ACI_PTE_SNOOP) | ACI_PTE_CARD));
	FAULTS(table, le64toh(*table) | ACI_PTE_WRITE);
	FAULTS(table, le64toh(*table) | ACI_PTE_READ);
	FAULTS(table, le64toh(*table) | ACI_PTE_CARD);
	FAULTS(table, RIG_NONE | ACI_PTE_VALID);
	FAULTS(table, (page & ~0x1fffffull) | 0x1000 | bits);
	if (!(rig->cap & ACI_CAP_LEAF_2M))
		FAULTS(table, RIG_DMA_BASE | bits);
	FAULTS(rig_pte(rig, rig->root, VA, 2), RIG_DMA_BASE | bits);
	FAULTS(rig_pte(rig, rig->root, VA, 3), RIG_DMA_BASE | bits);
	FAULTS(rig_pte(rig, rig->root, VA, 3), 0);
#undef FAULTS
}

/* proves: ACI-262 ACI-268 ACI-269 */
static void permissions(void **state)
{
	struct rig *rig = *state;
	uint64_t bits, page, *leaf;

	rig_start(rig);
	bits = rig_leaf_bits(rig);
	page = rig_map(rig, VA, 1);
	rig_map(rig, VA + ACI_PAGE_SIZE, 1);
	leaf = rig_pte(rig, rig->root, VA, 0);
	*leaf = 0;
	expect_fault(rig, VA, copy(VA, VA + ACI_PAGE_SIZE, 8));
	/* Made valid, then widened: neither needs an invalidation. */
	*leaf = htole64(page | (bits & ~ACI_PTE_WRITE));
	assert_int_equal(SUCCESS, rig_run(rig, &rig->queue, copy(VA, VA + ACI_PAGE_SIZE, 8)));
	expect_fault(rig, VA, copy(VA + ACI_PAGE_SIZE, VA, 8));
	*leaf = htole64(page | bits);
	assert_int_equal(SUCCESS, rig_run(rig, &rig->queue, copy(VA + ACI_PAGE_SIZE, VA, 8)));
	*leaf = htole64(page | (bits & ~ACI_PTE_READ));
	invalidate_all(rig);
	expect_fault(rig, VA, copy(VA, VA + ACI_PAGE_SIZE, 8));
	assert_int_equal(SUCCESS, rig_run(rig, &rig->queue, copy(VA + ACI_PAGE_SIZE, VA, 8)));
}

/* proves: ACI-271 ACI-272 ACI-275 ACI-276 */
static void invalidation(void **state)
{
	struct rig *rig = *state;
	struct aci_inv_cmd cmd = { .opcode = ACI_INV_RANGE, .vm_id = htole16(1),
				   .va = htole64(VA), .bytes = htole64(ACI_PAGE_SIZE) };
	uint64_t one, two, *leaf;
	unsigned int irqs;

	rig_start(rig);
	one = rig_map(rig, VA, 1);
	two = rig_map(rig, VA + ACI_PAGE_SIZE, 1);
	leaf = rig_pte(rig, rig->root, VA, 0);
	for (unsigned int i = 1; i <= 100; i++) {
		uint64_t now = i & 1 ? two : one, other = i & 1 ? one : two;

		*leaf = htole64(now | rig_leaf_bits(rig));
		assert_true(rig_invalidate(rig, cmd) == 0);
		*(uint8_t *)rig_at(rig, other) = 0;
		assert_int_equal(SUCCESS, rig_run(rig, &rig->queue, fill(VA, 1, i, 1)));
		assert_int_equal(i, *(uint8_t *)rig_at(rig, now));
		assert_int_equal(0, *(uint8_t *)rig_at(rig, other));
	}
	irqs = rig->irqs;
	cmd.flags = ACI_INV_F_INTERRUPT;
	assert_true(rig_invalidate(rig, cmd) == 0);
	cmd.flags = 0;
	cmd.vm_id = htole16(2);
	assert_true(rig_invalidate(rig, cmd) == (ACI_STATUS_INVALID_ID | 101ull << 16));
	assert_true(rig->irqs > irqs);
	/* Only the first error is kept. */
	cmd.vm_id = htole16(1);
	cmd.bytes = 0;
	assert_true(rig_invalidate(rig, cmd) == (ACI_STATUS_INVALID_ID | 101ull << 16));
	rig_disable(rig);
	rig_enable(rig);
	rig_create_vm(rig, 1, 0, rig->root);
	assert_true(rig_invalidate(rig, cmd) == ACI_STATUS_INVALID_FIELD);
}

/* proves: ACI-270 */
static void large_leaf_and_table_are_equal(void **state)
{
	const uint64_t va = 1ull << 40, bytes = 2ull << 20;
	struct rig *rig = *state;
	uint64_t base = RIG_DMA_BASE + 4 * bytes, bits, large, *entry, *table, at;
	uint8_t *mem;

	if (!(rig->cap & ACI_CAP_LEAF_2M))
		skip();
	rig_start(rig);
	bits = rig_leaf_bits(rig);
	mem = rig_at(rig, base);
	entry = rig_pte(rig, rig->root, va, 1);
	large = htole64(base | bits);
	at = rig_page(rig);
	table = rig_at(rig, at);
	for (unsigned int i = 0; i < ACI_PT_ENTRIES; i++)
		table[i] = htole64((base + i * ACI_PAGE_SIZE) | bits);
	*entry = large;
	for (unsigned int i = 1; i <= 200; i++) {
		/* Changed while the card works on it. */
		rig_push(rig, &rig->queue, fill(va, bytes, i, 1));
		__atomic_store_n(entry, i & 1 ? htole64(at | ACI_PTE_VALID) : large,
				 __ATOMIC_RELEASE);
		assert_int_equal(SUCCESS, rig_stopped(rig, &rig->queue));
		assert_int_equal((uint8_t)i, mem[0]);
		assert_int_equal((uint8_t)i, mem[bytes - 1]);
	}
}

/* --- Events and notifications --- */

static bool overflowed(struct rig *rig, uint64_t arg)
{
	(void)arg;
	return rig_read(rig, ACI_REG_STATUS) & ACI_STATUS_REG_EVENT_OVERFLOW;
}

static bool event_is_there(struct rig *rig, uint64_t arg)
{
	return rig_event(rig, (struct aci_event *)(uintptr_t)arg);
}

static void expect_event(struct rig *rig, uint8_t type, uint16_t code)
{
	struct aci_event event;

	assert_true(rig_wait(rig, event_is_there, (uintptr_t)&event, 5000));
	assert_int_equal(type, event.type);
	assert_int_equal(ACI_SEVERITY_ERROR, event.severity);
	assert_int_equal(code, le16toh(event.code));
	assert_int_equal(0, le16toh(event.queue_id));
	assert_int_equal(1, le16toh(event.vm_id));
}

/* proves: ACI-043 ACI-061 ACI-300 ACI-303 ACI-304 ACI-306 ACI-307 */
static void events(void **state)
{
	struct rig *rig = *state;
	struct rig_queue *queue = &rig->queue;
	struct aci_event event;

	rig_start(rig);
	for (int i = 0; i < 6; i++) {
		assert_int_equal(ACI_STATUS_PAGE_FAULT, rig_run(rig, queue, fill(FAR, 8, 1, 8)));
		expect_event(rig, ACI_EVENT_PAGE_FAULT, ACI_STATUS_PAGE_FAULT);
		expect_event(rig, ACI_EVENT_QUEUE_STOPPED, ACI_STATUS_PAGE_FAULT);
		assert_false(rig_event(rig, &event));
		restart(rig, queue);
	}
	/* A head that claims more than there is makes no room. */
	rig_write(rig, ACI_REG_EVENT_HEAD, rig->event_head + 1);
	/* Nobody reads: the third is lost, and the card says so until told. */
	for (int i = 0; i < 3; i++) {
		assert_int_equal(ACI_STATUS_DESC_OPCODE, rig_run(rig, queue, word(0xee, 0, 0)));
		restart(rig, queue);
	}
	assert_true(rig_wait(rig, overflowed, 0, 5000));
	rig_write(rig, ACI_REG_STATUS, 0);
	assert_true(overflowed(rig, 0));
	rig_write(rig, ACI_REG_STATUS, ACI_STATUS_REG_EVENT_OVERFLOW);
	assert_false(overflowed(rig, 0));
	expect_event(rig, ACI_EVENT_QUEUE_STOPPED, ACI_STATUS_DESC_OPCODE);
	expect_event(rig, ACI_EVENT_QUEUE_STOPPED, ACI_STATUS_DESC_OPCODE);
	assert_false(rig_event(rig, &event));
}

static bool notification_is_there(struct rig *rig, uint64_t arg)
{
	(void)arg;
	return rig_notification(rig) == 0;
}

/* proves: ACI-220 ACI-221 ACI-225 ACI-226 ACI-051 */
static void notifications(void **state)
{
	struct rig *rig = *state;
	struct rig_queue *queue = &rig->queue;

	rig_start(rig);
	for (uint64_t i = 1; i <= 9; i++) {
		/* Armed ahead of the work: exactly one entry, at its count. */
		queue->record->notify_at = htole64(2 * i);
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		assert_int_equal(SUCCESS, rig_run(rig, queue, nop()));
		assert_int_equal(-1, rig_notification(rig));
		rig_push(rig, queue, nop());
		assert_true(rig_wait(rig, notification_is_there, 0, 5000));
		assert_int_equal(2 * i, le64toh(queue->user->completed));
		assert_int_equal(2 * i, le64toh(queue->record->notify_at));
	}
	/* Served: silent until another value. */
	assert_int_equal(SUCCESS, rig_run(rig, queue, nop()));
	assert_int_equal(SUCCESS, rig_queue_command(rig, ACI_ADMIN_SUSPEND_QUEUE, 0, 0));
	assert_int_equal(-1, rig_notification(rig));
	queue->record->notify_at = 0;
	assert_int_equal(SUCCESS, rig_queue_command(rig, ACI_ADMIN_RESUME_QUEUE, 0, 0));
	assert_int_equal(SUCCESS, rig_run(rig, queue, nop()));
	/* One that was not taken holds up the next, however often the host arms. */
	queue->record->notify_at = htole64(1);
	assert_int_equal(SUCCESS, rig_run(rig, queue, nop()));
	for (uint64_t i = 2; i < 10; i++) {
		queue->record->notify_at = htole64(i);
		assert_int_equal(SUCCESS, rig_run(rig, queue, nop()));
	}
	assert_int_equal(SUCCESS, rig_queue_command(rig, ACI_ADMIN_SUSPEND_QUEUE, 0, 0));
	assert_int_equal(SUCCESS, rig_queue_command(rig, ACI_ADMIN_RESUME_QUEUE, 0, 0));
	assert_int_equal(0, rig_notification(rig));
	assert_int_equal(-1, rig_notification(rig));
	/* A halt is announced too, before its event. */
	queue->record->notify_at = htole64(1000);
	assert_int_equal(ACI_STATUS_DESC_OPCODE, rig_run(rig, queue, word(0xee, 0, 0)));
	expect_event(rig, ACI_EVENT_QUEUE_STOPPED, ACI_STATUS_DESC_OPCODE);
	assert_int_equal(0, rig_notification(rig));
	assert_int_equal(-1, rig_notification(rig));
}

/* proves: ACI-192 ACI-237 */
static void failed_descriptor_is_tried_again(void **state)
{
	struct rig *rig = *state;
	struct rig_queue *queue = &rig->queue;
	uint64_t page;

	rig_start(rig);
	page = rig_map(rig, VA, 1);
	rig_push(rig, queue, fill(VA, 2 * ACI_PAGE_SIZE, 0x66, 1));
	rig_push(rig, queue, fill(VA, 8, 0x77, 1));
	assert_int_equal(ACI_STATUS_PAGE_FAULT, rig_stopped(rig, queue));
	assert_int_not_equal(0x77, *(uint8_t *)rig_at(rig, page));
	page = rig_map(rig, VA + ACI_PAGE_SIZE, 1);
	assert_int_equal(SUCCESS, rig_queue_command(rig, ACI_ADMIN_RESUME_QUEUE, 0, 0));
	assert_int_equal(SUCCESS, rig_stopped(rig, queue));
	assert_true(!queue->record->error && !queue->record->error_index &&
		    !queue->record->error_info);
	assert_int_equal(0x66, ((uint8_t *)rig_at(rig, page))[ACI_PAGE_SIZE - 1]);
	assert_int_equal(2, le64toh(queue->record->completed));
}

/* proves: ACI-016 ACI-095 ACI-122 ACI-368 */
static void card_memory(void **state)
{
	struct rig *rig = *state;
	struct aci_admin_cmd scrub = { .opcode = ACI_ADMIN_SCRUB };
	uint64_t card_bits = ACI_PTE_VALID | ACI_PTE_LEAF | ACI_PTE_READ | ACI_PTE_WRITE | ACI_PTE_CARD;
	uint64_t bytes = rig_read64(rig, ACI_REG_MEM_BYTES), page;

	if (!bytes)
		skip();
	rig_start(rig);
	page = rig_map(rig, VA, 1);
	*rig_pte(rig, rig->root, VA + ACI_PAGE_SIZE, 0) = htole64((bytes - ACI_PAGE_SIZE) | card_bits);
	assert_int_equal(SUCCESS, rig_run(rig, &rig->queue, fill(VA + ACI_PAGE_SIZE, ACI_PAGE_SIZE,
								 0x5c, 1)));
	assert_int_equal(SUCCESS, rig_run(rig, &rig->queue, copy(VA + ACI_PAGE_SIZE, VA, 4096)));
	assert_int_equal(0x5c, ((uint8_t *)rig_at(rig, page))[4095]);
	scrub.scrub.addr = htole64(bytes - ACI_PAGE_SIZE);
	scrub.scrub.bytes = htole64(ACI_PAGE_SIZE);
	assert_int_equal(SUCCESS, rig_admin(rig, scrub, NULL));
	assert_int_equal(SUCCESS, rig_run(rig, &rig->queue, copy(VA + ACI_PAGE_SIZE, VA, 4096)));
	assert_int_equal(0, ((uint8_t *)rig_at(rig, page))[4095]);

	assert_int_equal(SUCCESS, rig_run(rig, &rig->queue, fill(VA + ACI_PAGE_SIZE, ACI_PAGE_SIZE,
								 0x5d, 1)));
	rig_card_ops.function_reset(rig->card);
	rig_start(rig);
	memset(rig_at(rig, page), 0xa5, ACI_PAGE_SIZE);
	assert_int_equal(SUCCESS, rig_run(rig, &rig->queue, copy(VA + ACI_PAGE_SIZE, VA, 4096)));
	assert_int_equal(0, ((uint8_t *)rig_at(rig, page))[0]);
	assert_int_equal(0, ((uint8_t *)rig_at(rig, page))[4095]);
}

#define CARD_TEST(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		CARD_TEST(creation),
		CARD_TEST(state_table),
		CARD_TEST(no_wakeup_is_lost),
		CARD_TEST(ring_goes_round),
		CARD_TEST(overrun),
		CARD_TEST(reset_to_an_index),
		CARD_TEST(data_moves),
		CARD_TEST(wrong_descriptors_are_refused),
		CARD_TEST(rows_move),
		CARD_TEST(waits_and_signals),
		CARD_TEST(blocked_wait_gives_way),
		CARD_TEST(wrong_entries_fault),
		CARD_TEST(permissions),
		CARD_TEST(invalidation),
		CARD_TEST(large_leaf_and_table_are_equal),
		CARD_TEST(events),
		CARD_TEST(notifications),
		CARD_TEST(failed_descriptor_is_tried_again),
		CARD_TEST(card_memory),
	};

	return cmocka_run_group_tests_name("queue", tests, NULL, NULL);
}
