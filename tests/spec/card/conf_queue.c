// SPDX-License-Identifier: MIT
/* Conformance of a card: job queues and descriptors. */

#include "desc.h"

/* --- The queue object --- */

/* proves: ACI-097 ACI-098 ACI-100 ACI-101 ACI-102 ACI-103 ACI-132 ACI-160 */
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
	REFUSED(ACI_STATUS_INVALID_FIELD, cmd.create_queue.flags = 4);
	REFUSED(ACI_STATUS_INVALID_FIELD, cmd.create_queue.reserved0 = 1);
	REFUSED(ACI_STATUS_INVALID_FIELD, cmd.create_queue.record = htole64(queue.record_at + 64));
	REFUSED(ACI_STATUS_INVALID_FIELD,
		cmd.create_queue.user_page = htole64(queue.user_at + 256));
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
	assert_true(!queue.record->error && !queue.record->error_index &&
		    !queue.record->error_info);
	REFUSED(ACI_STATUS_ID_IN_USE, (void)0);
	/* The list is the host's again. */
	memset(rig_at(rig, queue.list), 0xff, ACI_PAGE_SIZE);
	assert_int_equal(SUCCESS, rig_run(rig, &queue, desc_nop()));
}
#undef REFUSED

static void expect_state(const struct rig_queue *queue, uint32_t state, uint32_t error)
{
	assert_int_equal(state, le32toh(queue->record->state));
	assert_int_equal(state, le32toh(queue->user->state));
	assert_int_equal(error, le32toh(queue->record->error));
	assert_int_equal(error, le32toh(queue->user->error));
}

/* proves: ACI-105 ACI-129 ACI-181 ACI-182 ACI-183 */
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
			uint32_t to = next[from][i], error = 0;

			assert_int_equal(SUCCESS,
					 rig_admin(rig, rig_queue_make(rig, &queue, 0, 1), NULL));
			assert_int_equal(SUCCESS, rig_run(rig, &queue, desc_nop()));
			if (from == ACI_QUEUE_STATE_SUSPENDED)
				assert_int_equal(SUCCESS,
						 rig_queue_command(rig, ACI_ADMIN_SUSPEND_QUEUE, 0,
								   0));
			if (from == ACI_QUEUE_STATE_ERROR) {
				assert_int_equal(ACI_STATUS_DESC_OPCODE,
						 rig_run(rig, &queue, desc_word(0xee, 0, 0)));
				error = ACI_STATUS_DESC_OPCODE;
				/* So that going on finds a good one. */
				((struct aci_desc *)rig_at(rig, queue.ring))[1] = desc_nop();
			}
			expect_state(&queue, from, error);
			assert_int_equal(to ? SUCCESS : ACI_STATUS_INVALID_STATE,
					 rig_queue_command(rig, commands[i], 0,
							   commands[i] == ACI_ADMIN_RESET_QUEUE));
			if (to == 9) {
				expect_state(&queue, ACI_QUEUE_STATE_NONE, error);
				assert_int_equal(1, le64toh(queue.record->completed));
				continue;
			}
			expect_state(&queue, to ? to : from, to ? 0 : error);
			assert_int_equal(SUCCESS,
					 rig_queue_command(rig, ACI_ADMIN_DELETE_QUEUE, 0, 0));
		}
	}
}

/* proves: ACI-244 */
static void creation_in_suspension(void **state)
{
	struct rig *rig = *state;
	struct aci_admin_cmd cmd;
	struct rig_queue queue;
	struct aci_desc *ring;

	rig_enable(rig);
	rig_create_vm(rig, 1, 0, rig->root);
	cmd = rig_queue_make(rig, &queue, 0, 1);
	cmd.create_queue.flags = ACI_QUEUE_F_SUSPENDED;
	ring = rig_at(rig, queue.ring);
	ring[0] = desc_word(0xee, 0, 0);
	ring[7] = desc_nop();
	queue.user->tail = htole64(RIG_RING_SIZE + 8);
	assert_int_equal(SUCCESS, rig_admin(rig, cmd, NULL));
	expect_state(&queue, ACI_QUEUE_STATE_SUSPENDED, 0);
	rig_ring(rig, 0, RIG_RING_SIZE + 8);
	assert_int_equal(ACI_STATUS_INVALID_STATE,
			 rig_queue_command(rig, ACI_ADMIN_SUSPEND_QUEUE, 0, 0));
	assert_int_equal(SUCCESS, rig_queue_command(rig, ACI_ADMIN_RESET_QUEUE, 0,
						    RIG_RING_SIZE + 7));
	queue.tail = RIG_RING_SIZE + 8;
	assert_int_equal(SUCCESS, rig_stopped(rig, &queue));
	assert_int_equal(RIG_RING_SIZE + 8, le64toh(queue.record->completed));
	expect_state(&queue, ACI_QUEUE_STATE_RUNNING, 0);
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
		assert_int_equal(SUCCESS, rig_run(rig, queue, desc_nop()));
	}
	assert_int_equal(3000, le64toh(queue->record->completed));
	/* What was written while suspended is found without a doorbell. */
	assert_int_equal(SUCCESS, rig_queue_command(rig, ACI_ADMIN_SUSPEND_QUEUE, 0, 0));
	((struct aci_desc *)rig_at(rig, queue->ring))[3000 % RIG_RING_SIZE] = desc_nop();
	queue->user->tail = htole64(++queue->tail);
	assert_int_equal(SUCCESS, rig_queue_command(rig, ACI_ADMIN_RESUME_QUEUE, 0, 0));
	assert_int_equal(SUCCESS, rig_stopped(rig, queue));
}

/* proves: ACI-161 ACI-173 ACI-174 ACI-201 ACI-241 */
static void ring_goes_round(void **state)
{
	struct rig *rig = *state;
	struct rig_queue *queue = &rig->queue;
	uint8_t ring[ACI_PAGE_SIZE];

	rig_start(rig);
	for (unsigned int round = 0; round < 5; round++) {
		for (unsigned int i = 0; i < RIG_RING_SIZE; i++)
			rig_push(rig, queue, desc_nop());
		memcpy(ring, rig_at(rig, queue->ring), sizeof(ring));
		assert_int_equal(SUCCESS, rig_stopped(rig, queue));
		assert_memory_equal(ring, rig_at(rig, queue->ring), sizeof(ring));
		assert_true(le64toh(queue->user->tail) == queue->tail);
		assert_int_equal(0, queue->record->notify_at);
	}
	assert_int_equal(SUCCESS, rig_queue_command(rig, ACI_ADMIN_SUSPEND_QUEUE, 0, 0));
	assert_true(queue->user->completed == queue->record->completed);
	assert_true(queue->record->started == queue->record->completed);
	assert_true(queue->record->fetched == queue->record->started);
	/* Stopped in the middle. */
	assert_int_equal(SUCCESS, rig_queue_command(rig, ACI_ADMIN_RESUME_QUEUE, 0, 0));
	for (unsigned int i = 0; i < RIG_RING_SIZE; i++)
		rig_push(rig, queue, desc_nop());
	assert_int_equal(SUCCESS, rig_queue_command(rig, ACI_ADMIN_SUSPEND_QUEUE, 0, 0));
	assert_true(queue->record->fetched == queue->record->started);
	assert_int_equal(SUCCESS, rig_queue_command(rig, ACI_ADMIN_RESUME_QUEUE, 0, 0));
	assert_int_equal(SUCCESS, rig_stopped(rig, queue));
}

/* proves: ACI-242 */
static void ring_that_is_not_there(void **state)
{
	struct rig *rig = *state;
	struct rig_queue *queue = &rig->queue;
	struct aci_admin_cmd cmd;

	rig_enable(rig);
	rig_create_vm(rig, 1, 0, rig->root);
	cmd = rig_queue_make(rig, queue, 0, 1);
	*(__le64 *)rig_at(rig, queue->list) = htole64(RIG_NONE);
	assert_int_equal(SUCCESS, rig_admin(rig, cmd, NULL));
	assert_int_equal(ACI_STATUS_RING_FETCH, rig_run(rig, queue, desc_nop()));
	assert_true(!queue->record->error_index && !queue->record->error_info &&
		    !queue->record->completed);
}

/* proves: ACI-172 */
static void overrun(void **state)
{
	static const uint64_t tails[] = { 2 + RIG_RING_SIZE + 1, 1, ~0ull, 1ull << 32 };
	struct rig *rig = *state;
	struct rig_queue *queue = &rig->queue;

	rig_start(rig);
	for (size_t i = 0; i < sizeof(tails) / sizeof(tails[0]); i++) {
		rig_run(rig, queue, desc_nop());
		assert_int_equal(SUCCESS, rig_run(rig, queue, desc_nop()));
		queue->tail = tails[i] - 1;
		/* Through the rules of ringing, but with a wrong tail. */
		rig_push(rig, queue, desc_nop());
		rig_ring(rig, 0, 0);
		assert_int_equal(ACI_STATUS_RING_OVERRUN, rig_stopped(rig, queue));
		assert_int_equal(2, le64toh(queue->record->error_index));
		assert_true(le64toh(queue->record->error_info) == tails[i]);
		rig_restart(rig, queue);
	}
	assert_int_equal(SUCCESS, rig_run(rig, queue, desc_nop()));
}

/* proves: ACI-187 ACI-188 ACI-189 */
static void reset_to_an_index(void **state)
{
	struct rig *rig = *state;
	struct rig_queue *queue = &rig->queue;
	const uint64_t index = 1ull << 40;

	rig_start(rig);
	assert_int_equal(SUCCESS, rig_run(rig, queue, desc_nop()));
	assert_int_equal(SUCCESS, rig_queue_command(rig, ACI_ADMIN_SUSPEND_QUEUE, 0, 0));
	queue->tail = index;
	rig_push(rig, queue, desc_nop());
	assert_int_equal(SUCCESS, rig_queue_command(rig, ACI_ADMIN_RESET_QUEUE, 0, index));
	assert_int_equal(SUCCESS, rig_stopped(rig, queue));
	assert_true(le64toh(queue->record->completed) == index + 1);
	assert_true(le64toh(queue->record->started) == index + 1);
	assert_int_equal(ACI_QUEUE_STATE_RUNNING, le32toh(queue->record->state));
	/* Not started descriptors are read anew after a suspension. */
	assert_int_equal(SUCCESS, rig_queue_command(rig, ACI_ADMIN_SUSPEND_QUEUE, 0, 0));
	rig_push(rig, queue, desc_word(0xee, 0, 0));
	((struct aci_desc *)rig_at(rig, queue->ring))[(index + 1) % RIG_RING_SIZE] = desc_nop();
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
	assert_int_equal(SUCCESS, rig_run(rig, queue, desc_copy(VA + 3, VA + BYTES + 4090, 5000)));
	assert_memory_equal(from + 3, to + 4090, 5000);
	assert_int_equal(0xa5, to[4089]);
	assert_int_equal(0xa5, to[9090]);
	for (uint32_t width = 1; width <= 8; width *= 2) {
		const uint64_t pattern = 0x8877665544332211ull;

		memset(to, 0xa5, BYTES);
		assert_int_equal(SUCCESS,
				 rig_run(rig, queue, desc_fill(VA + BYTES + 4093, 40, pattern,
					 width)));
		for (uint32_t i = 0; i < 40; i++)
			assert_int_equal((uint8_t)(pattern >> 8 * (i % width)), to[4093 + i]);
		assert_int_equal(0xa5, to[4092]);
		assert_int_equal(0xa5, to[4133]);
	}
	before = rig_read64(rig, ACI_REG_TIMESTAMP);
	assert_int_equal(SUCCESS,
			 rig_run(rig, queue, desc_word(ACI_OP_TIMESTAMP, VA + BYTES + 8, 0)));
	after = rig_read64(rig, ACI_REG_TIMESTAMP);
	memcpy(&stamp, to + 8, sizeof(stamp));
	assert_true(le64toh(stamp) >= before && le64toh(stamp) <= after);
}

/* proves: ACI-239 ACI-240 */
static void bytes_are_counted(void **state)
{
	struct rig *rig = *state;
	struct rig_queue *queue = &rig->queue;
	uint64_t bytes = 0;

	rig_start(rig);
	rig_map(rig, VA, 8);
	for (uint64_t i = 1; i <= 300; i++) {
		switch (i % 3) {
		case 0:
			rig_push(rig, queue, desc_copy(VA, VA + BYTES, i));
			bytes += 2 * i;
			break;
		case 1:
			rig_push(rig, queue, desc_fill(VA + BYTES, 8 * i, i, 8));
			bytes += 8 * i;
			break;
		case 2:
			rig_push(rig, queue, desc_word(ACI_OP_TIMESTAMP, VA, 0));
			break;
		}
		/* As soon as it is complete, not a moment later. */
		assert_int_equal(SUCCESS, rig_stopped(rig, queue));
		assert_true(le64toh(queue->record->bytes) == bytes);
		assert_true(!queue->record->macs);
	}
}

/*
 * proves: ACI-052 ACI-190 ACI-191 ACI-193 ACI-196 ACI-197 ACI-198 ACI-199 ACI-203
 * ACI-207 ACI-219
 */
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
		rig_push(rig, queue, desc_nop());						\
		rig_push(rig, queue, desc);						\
		rig_push(rig, queue, desc_fill(VA, 64, 0x77, 1));				\
		assert_int_equal(code, rig_stopped(rig, queue));			\
		assert_int_equal(1, le64toh(queue->record->error_index));		\
		assert_int_equal(1, le64toh(queue->record->completed));			\
		assert_int_equal(code, le32toh(queue->user->error));			\
		assert_int_equal(ACI_QUEUE_STATE_ERROR, le32toh(queue->user->state));	\
		assert_int_equal(0, *(uint8_t *)rig_at(rig, memory));			\
		rig_restart(rig, queue);							\
	} while (0)
	REFUSED(ACI_STATUS_DESC_OPCODE, desc_nop(), desc.opcode = 0x08);
	REFUSED(ACI_STATUS_DESC_OPCODE, desc_nop(), desc.opcode = 0xff);
	REFUSED(ACI_STATUS_DESC_FIELD, desc_nop(), desc.flags = 1);
	REFUSED(ACI_STATUS_DESC_FIELD, desc_nop(), desc.reserved0 = 1);
	REFUSED(ACI_STATUS_DESC_FIELD, desc_nop(), desc.reserved1 = htole32(1u << 31));
	REFUSED(ACI_STATUS_DESC_FIELD, desc_nop(), desc.body[6] = 1);
	REFUSED(ACI_STATUS_DESC_FIELD, desc_copy(VA, VA + 4096, 0), (void)0);
	REFUSED(ACI_STATUS_DESC_FIELD, desc_copy(VA, VA + 99, 100), (void)0);
	REFUSED(ACI_STATUS_DESC_FIELD, desc_copy(VA, VA + 4096, 8), desc.copy.reserved[3] = 1);
	REFUSED(ACI_STATUS_DESC_FIELD, desc_copy(1ull << 48, VA, 8), (void)0);
	REFUSED(ACI_STATUS_DESC_FIELD, desc_copy(VA, (1ull << 48) - 4, 8), (void)0);
	REFUSED(ACI_STATUS_DESC_FIELD, desc_copy(~0ull - 3, VA, 8), (void)0);
	REFUSED(ACI_STATUS_DESC_FIELD, desc_copy(FAR, VA, ~0ull), (void)0);
	REFUSED(ACI_STATUS_DESC_FIELD, desc_fill(VA, 0, 1, 1), (void)0);
	REFUSED(ACI_STATUS_DESC_FIELD, desc_fill(VA, 12, 1, 8), (void)0);
	REFUSED(ACI_STATUS_DESC_FIELD, desc_fill(VA, 12, 1, 3), (void)0);
	REFUSED(ACI_STATUS_DESC_FIELD, desc_fill(VA, 16, 1, 16), (void)0);
	REFUSED(ACI_STATUS_DESC_FIELD, desc_fill(VA, 16, 1, 0), (void)0);
	REFUSED(ACI_STATUS_DESC_FIELD, desc_fill(VA, 16, 1, 8), desc.fill.reserved0 = 1);
	REFUSED(ACI_STATUS_DESC_FIELD, desc_fill(VA, 16, 1, 8), desc.fill.reserved1[2] = 1);
	REFUSED(ACI_STATUS_DESC_FIELD, desc_word(ACI_OP_TIMESTAMP, VA + 4, 0), (void)0);
	REFUSED(ACI_STATUS_DESC_FIELD, desc_word(ACI_OP_TIMESTAMP, VA, 1), (void)0);
	REFUSED(ACI_STATUS_DESC_ENGINE, desc_word(ACI_OP_EXEC, VA, 64), (void)0);
	if (rig->cap & ACI_CAP_WAIT) {
		REFUSED(ACI_STATUS_DESC_FIELD, desc_word(ACI_OP_WAIT, VA + 4, 0), (void)0);
		REFUSED(ACI_STATUS_DESC_FIELD, desc_word(ACI_OP_SIGNAL, VA + 4, 0), (void)0);
		REFUSED(ACI_STATUS_DESC_FIELD, desc_word(ACI_OP_SIGNAL, VA, 0), desc.body[6] = 1);
	} else {
		REFUSED(ACI_STATUS_DESC_OPCODE, desc_word(ACI_OP_WAIT, VA, 0), (void)0);
		REFUSED(ACI_STATUS_DESC_OPCODE, desc_word(ACI_OP_SIGNAL, VA, 0), (void)0);
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
		rig_restart(rig, queue);
		assert_int_equal(ACI_STATUS_DESC_FIELD, rig_run(rig, queue, wrong[i]));
	}
}

/* proves: ACI-214 ACI-216 ACI-217 */
static void waits_and_signals(void **state)
{
	struct rig *rig = *state;
	struct rig_queue *queue = &rig->queue;
	struct aci_desc wait = desc_word(ACI_OP_WAIT, VA, 5);
	struct rig_queue polite;
	__le64 *value;

	if (!(rig->cap & ACI_CAP_WAIT))
		skip();
	rig_start(rig);
	value = rig_at(rig, rig_map(rig, VA, 1));
	assert_int_equal(SUCCESS, rig_run(rig, queue, desc_word(ACI_OP_SIGNAL, VA + 8, ~0ull)));
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
		rig_push(rig, &rig->queue, desc_word(ACI_OP_WAIT, VA, i));
		rig_push(rig, &others[0], desc_word(ACI_OP_WAIT, VA, i));
		assert_int_equal(SUCCESS, rig_run(rig, &others[1], desc_nop()));
		assert_int_equal(i - 1, le64toh(rig->queue.record->completed));
		assert_int_equal(SUCCESS,
				 rig_run(rig, &others[1], desc_word(ACI_OP_SIGNAL, VA, i)));
		assert_int_equal(SUCCESS, rig_stopped(rig, &rig->queue));
		assert_int_equal(SUCCESS, rig_stopped(rig, &others[0]));
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		CARD_TEST(creation),
		CARD_TEST(state_table),
		CARD_TEST(creation_in_suspension),
		CARD_TEST(no_wakeup_is_lost),
		CARD_TEST(ring_goes_round),
		CARD_TEST(ring_that_is_not_there),
		CARD_TEST(overrun),
		CARD_TEST(reset_to_an_index),
		CARD_TEST(data_moves),
		CARD_TEST(bytes_are_counted),
		CARD_TEST(wrong_descriptors_are_refused),
		CARD_TEST(rows_move),
		CARD_TEST(waits_and_signals),
		CARD_TEST(blocked_wait_gives_way),
	};

	return cmocka_run_group_tests_name("queue", tests, NULL, NULL);
}
