// SPDX-License-Identifier: MIT
/* Descriptors: what each does, what is refused, errors at their exact place, notifications. */

#include <stdlib.h>

#include "vcard_rig.h"

#define VA		0x400000000000ull
#define VA_CARD		0x500000000000ull
#define BYTES		(1u << 20)

struct fixture {
	struct rig *rig;
	struct rig_queue queue;
	uint64_t host;		/* BYTES at VA */
	uint8_t *mem;
	uint8_t *card;		/* BYTES at VA_CARD */
};

static void prepare(struct fixture *f, struct rig *rig, uint16_t vm_flags)
{
	memset(f, 0, sizeof(*f));
	f->rig = rig;
	f->host = rig_alloc(rig, BYTES);
	f->mem = rig_at(rig, f->host);
	f->card = rig->aperture.map;
	rig_create_vm(rig, 1, vm_flags);
	rig_map(rig, 1, VA, f->host, BYTES, PTE_SYSTEM_RW);
	rig_map(rig, 1, VA_CARD, 0, BYTES, PTE_CARD_RW);
	rig_queue_create(rig, &f->queue, 0, 1, NULL);
}

static void run(struct fixture *f, struct aci_desc desc)
{
	rig_submit(&f->queue, &desc);
	rig_wait_completed(&f->queue, f->queue.tail);
}

static void randomise(uint8_t *at, size_t bytes, uint32_t seed)
{
	for (size_t i = 0; i < bytes; i++) {
		seed = seed * 1664525u + 1013904223u;
		at[i] = (uint8_t)(seed >> 24);
	}
}

static void test_nop(void **state)
{
	struct fixture f;

	prepare(&f, *state, 0);
	for (int i = 0; i < 1000; i++)
		run(&f, desc_nop());
	assert_int_equal(f.queue.record->completed, 1000);
	assert_int_equal(f.queue.record->started, 1000);
	assert_int_equal(f.queue.record->fetched, 1000);
	assert_int_equal(f.queue.record->state, ACI_QUEUE_STATE_RUNNING);
}

/* The ring is full all the time. */
static void test_many(void **state)
{
	struct aci_desc nop = desc_nop();
	struct fixture f;

	prepare(&f, *state, 0);
	for (uint64_t i = 0; i < 20000; i++) {
		rig_submit(&f.queue, &nop);
		if (i >= 63)
			rig_wait_completed(&f.queue, i - 62);
	}
	rig_wait_completed(&f.queue, 20000);
	assert_int_equal(f.queue.user->completed, 20000);
}

static void test_copy(void **state)
{
	static const struct { uint64_t src, dst, bytes; } cases[] = {
		{ 0, 4096, 1 }, { 1, 9000, 4095 }, { 3, 500001, 70001 }, { 0, 524288, 524288 },
	};
	struct fixture f;

	prepare(&f, *state, 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		uint64_t src = cases[i].src, dst = cases[i].dst, bytes = cases[i].bytes;
		uint8_t *expected = malloc(BYTES);

		randomise(f.mem, BYTES, (uint32_t)i);
		randomise(f.card, BYTES, (uint32_t)i + 9);
		memcpy(expected, f.mem, BYTES);
		memcpy(expected + dst, expected + src, bytes);
		run(&f, desc_copy(VA + src, VA + dst, bytes));
		assert_memory_equal(f.mem, expected, BYTES);
		/* Through card memory and back. */
		memcpy(expected, f.card, BYTES);
		memcpy(expected + dst, f.mem + src, bytes);
		run(&f, desc_copy(VA + src, VA_CARD + dst, bytes));
		assert_memory_equal(f.card, expected, BYTES);
		memcpy(expected, f.mem, BYTES);
		memcpy(expected + src, f.card + dst, bytes);
		run(&f, desc_copy(VA_CARD + dst, VA + src, bytes));
		assert_memory_equal(f.mem, expected, BYTES);
		free(expected);
	}
	assert_int_equal(f.queue.record->error, 0);
}

/* Pages in reverse order: no window is contiguous. */
static void test_copy_scattered(void **state)
{
	struct rig *rig = *state;
	struct fixture f;
	uint8_t *expected = malloc(64 * 4096);

	prepare(&f, rig, 0);
	randomise(f.mem, BYTES, 5);
	randomise(f.card, BYTES, 6);
	for (uint64_t i = 0; i < 64; i++) {
		rig_map(rig, 1, 0x10000000 + i * 4096, f.host + (63 - i) * 4096, 4096, PTE_SYSTEM_RW);
		memcpy(expected + i * 4096, f.mem + (63 - i) * 4096, 4096);
	}
	run(&f, desc_copy(0x10000000 + 100, VA_CARD + 7, 63 * 4096));
	assert_memory_equal(f.card + 7, expected + 100, 63 * 4096);
	run(&f, desc_fill(0x10000000 + 4090, 4096, 0x0807060504030201ull, 8));
	/* Six bytes in one page, the rest in the page that lies before it. */
	assert_memory_equal(f.mem + 62 * 4096, "\7\10\1\2", 4);
	assert_memory_equal(f.mem + 63 * 4096 + 4090, "\1\2\3\4\5\6", 6);
	free(expected);
}

static void test_fill(void **state)
{
	static const uint32_t units[] = { 1, 2, 4, 8 };
	struct fixture f;

	prepare(&f, *state, 0);
	for (size_t i = 0; i < 4; i++) {
		const uint64_t pattern = 0xf1e2d3c4b5a69788ull;
		uint64_t bytes = 300000 / units[i] * units[i];

		memset(f.mem, 0, BYTES);
		run(&f, desc_fill(VA + 13, bytes, pattern, units[i]));
		for (uint64_t n = 0; n < bytes; n++)
			assert_int_equal(f.mem[13 + n], pattern >> n % units[i] * 8 & 0xff);
		assert_int_equal(f.mem[12], 0);
		assert_int_equal(f.mem[13 + bytes], 0);
	}
	assert_true(f.queue.record->bytes >= 4 * 299992);
}

static void test_copy_strided(void **state)
{
	struct aci_desc desc = { .opcode = ACI_OP_COPY_STRIDED };
	struct fixture f;
	uint8_t *expected = malloc(BYTES);

	prepare(&f, *state, 0);
	randomise(f.mem, BYTES, 11);
	memset(f.card, 0, BYTES);
	desc.copy_strided.src = VA + 5;
	desc.copy_strided.dst = VA_CARD + 3;
	desc.copy_strided.src_stride = 100;
	desc.copy_strided.dst_stride = 77;
	desc.copy_strided.row_bytes = 77;
	desc.copy_strided.rows = 5000;
	memset(expected, 0, BYTES);
	for (size_t r = 0; r < 5000; r++)
		memcpy(expected + 3 + r * 77, f.mem + 5 + r * 100, 77);
	run(&f, desc);
	assert_memory_equal(f.card, expected, BYTES);
	/* Stride 0 repeats a row. */
	desc.copy_strided.src_stride = 0;
	for (size_t r = 0; r < 5000; r++)
		memcpy(expected + 3 + r * 77, f.mem + 5, 77);
	run(&f, desc);
	assert_memory_equal(f.card, expected, BYTES);
	free(expected);
}

static void test_signal_timestamp(void **state)
{
	struct aci_desc stamp = { .opcode = ACI_OP_TIMESTAMP };
	struct fixture f;
	uint64_t before, at;

	prepare(&f, *state, 0);
	run(&f, desc_signal(VA + 64, 0x1122334455667788ull));
	assert_int_equal(*(uint64_t *)(f.mem + 64), 0x1122334455667788ull);
	before = vcard_reg_read(f.rig->card, ACI_REG_TIMESTAMP, 8);
	stamp.timestamp.addr = VA + 128;
	run(&f, stamp);
	at = *(uint64_t *)(f.mem + 128);
	assert_in_range(at, before, vcard_reg_read(f.rig->card, ACI_REG_TIMESTAMP, 8));
	/* WAIT on what is there already. */
	run(&f, desc_wait(VA + 64, 0x1122334455667788ull, 0));
}

static void test_refused(void **state)
{
	struct aci_desc good, desc;
	struct fixture f;

	prepare(&f, *state, ACI_VM_F_NO_WAIT);
#define REFUSED(change, status) \
	do { desc = good; desc.change; rig_expect_error(&f.queue, &desc, status, 0); } while (0)
#define FIELD(change)	REFUSED(change, ACI_STATUS_DESC_FIELD)
	good = desc_nop();
	REFUSED(opcode = 8, ACI_STATUS_DESC_OPCODE);
	REFUSED(opcode = 0xff, ACI_STATUS_DESC_OPCODE);
	FIELD(flags = 1);
	FIELD(reserved0 = 1);
	FIELD(reserved1 = 1);
	FIELD(body[6] = 1);
	good = desc_copy(VA, VA + 4096, 4096);
	FIELD(copy.bytes = 0);
	FIELD(copy.bytes = 4097);
	FIELD(copy.src = (1ull << 48) - 1);
	FIELD(copy.dst = UINT64_MAX);
	FIELD(copy.bytes = UINT64_MAX);
	FIELD(copy.dst = VA);
	FIELD(copy.reserved[3] = 1);
	good = (struct aci_desc){ .opcode = ACI_OP_COPY_STRIDED };
	good.copy_strided.src = VA;
	good.copy_strided.dst = VA + 65536;
	good.copy_strided.row_bytes = 64;
	good.copy_strided.rows = 2;
	good.copy_strided.dst_stride = 64;
	FIELD(copy_strided.rows = 0);
	FIELD(copy_strided.row_bytes = 0);
	FIELD(copy_strided.dst_stride = 63);
	FIELD(copy_strided.rows = UINT64_MAX);
	FIELD(copy_strided.src_stride = 1ull << 63);
	FIELD(copy_strided.reserved = 1);
	good = desc_fill(VA, 64, 1, 4);
	FIELD(fill.bytes = 0);
	FIELD(fill.bytes = 63);
	FIELD(fill.pattern_bytes = 3);
	FIELD(fill.pattern_bytes = 0);
	FIELD(fill.pattern_bytes = 16);
	FIELD(fill.dst = 1ull << 48);
	FIELD(fill.reserved0 = 1);
	FIELD(fill.reserved1[2] = 1);
	good = desc_signal(VA, 1);
	FIELD(signal.addr = VA + 4);
	FIELD(signal.addr = 1ull << 48);
	FIELD(signal.reserved[4] = 1);
	good = desc_wait(VA, 0, 0);
	FIELD(wait.addr = VA + 1);
	FIELD(wait.reserved[3] = 1);
	REFUSED(wait.value = 1, ACI_STATUS_WAIT_REFUSED);
	good = (struct aci_desc){ .opcode = ACI_OP_TIMESTAMP };
	FIELD(timestamp.addr = 4);
	FIELD(timestamp.reserved[5] = 1);
	good = (struct aci_desc){ .opcode = ACI_OP_EXEC };
	good.exec.program = VA;
	good.exec.program_bytes = 128;
	FIELD(exec.program = VA + 32);
	FIELD(exec.program_bytes = 0);
	FIELD(exec.args = 8);
	FIELD(exec.reserved0 = 1);
	REFUSED(exec.program = VA + 64, ACI_STATUS_DESC_ENGINE);
#undef FIELD
#undef REFUSED
}

static void test_exec_refused(void **state)
{
	struct rig *rig = *state;
	struct aci_desc desc = { .opcode = ACI_OP_EXEC };
	struct rig_queue queue;
	struct fixture f;

	prepare(&f, rig, 0);
	rig_queue_create(rig, &queue, 1, 1,
			 &(struct rig_queue_options){ .engine_class = ACI_ENGINE_CLASS_COMPUTE });
	desc.exec.program = VA;
	desc.exec.program_bytes = 128;
	desc.exec.set = 1;
	rig_expect_error(&queue, &desc, ACI_STATUS_PROG_SET, 0);
	desc.exec.set = ACI_SET_TCS;
	desc.exec.program = 0x1000;
	rig_expect_error(&queue, &desc, ACI_STATUS_PAGE_FAULT, 0x1000);
	/* Every opcode runs on this class. */
	desc = desc_fill(VA, 64, 7, 1);
	rig_submit(&queue, &desc);
	rig_wait_completed(&queue, queue.tail);
	assert_int_equal(f.mem[63], 7);
}

static void test_page_faults(void **state)
{
	struct rig *rig = *state;
	struct aci_desc desc;
	struct aci_event event;
	struct fixture f;

	prepare(&f, rig, 0);
	rig_map(rig, 1, 0x20000000, f.host, 4096, PTE_SYSTEM_RO);
	rig_map(rig, 1, 0x30000000, f.host, 4096, ACI_PTE_WRITE);
	run(&f, desc_nop());
	desc = desc_copy(VA + BYTES - 4096, VA_CARD, 4097);
	rig_expect_error(&f.queue, &desc, ACI_STATUS_PAGE_FAULT, VA + BYTES);
	desc = desc_copy(VA, VA_CARD + BYTES - 10, 4096);
	rig_expect_error(&f.queue, &desc, ACI_STATUS_PAGE_FAULT, VA_CARD + BYTES);
	desc = desc_fill(0x20000008, 8, 0, 1);
	rig_expect_error(&f.queue, &desc, ACI_STATUS_PAGE_FAULT, 0x20000008);
	desc = desc_copy(0x30000000, VA, 8);
	rig_expect_error(&f.queue, &desc, ACI_STATUS_PAGE_FAULT, 0x30000000);
	desc = desc_signal(0x40000000, 8);
	rig_expect_error(&f.queue, &desc, ACI_STATUS_PAGE_FAULT, 0x40000000);
	/* A fault tells twice, in this order. */
	event = rig_event(rig, 1000);
	assert_int_equal(event.type, ACI_EVENT_PAGE_FAULT);
	assert_int_equal(event.info, VA + BYTES);
	assert_int_equal(event.vm_id, 1);
	event = rig_event(rig, 1000);
	assert_int_equal(event.type, ACI_EVENT_QUEUE_STOPPED);
	assert_int_equal(event.code, ACI_STATUS_PAGE_FAULT);
	assert_int_equal(event.queue_id, 0);
}

/* Nothing behind the first error runs; one event; a fault can be mended and resumed. */
static void test_halt(void **state)
{
	struct rig *rig = *state;
	struct aci_desc fault = desc_fill(0x10000000, 4096, 0x77, 1), after;
	struct fixture f;

	prepare(&f, rig, 0);
	after = desc_fill(VA, 4096, 0x55, 1);
	rig_submit(&f.queue, &fault);
	rig_submit(&f.queue, &after);
	rig_wait_state(&f.queue, ACI_QUEUE_STATE_ERROR);
	rig_submit(&f.queue, &after);
	vcard_kick(rig->card, 0);
	rig_sleep_ms(10);
	assert_int_equal(f.queue.record->completed, 0);
	assert_int_equal(f.queue.record->started, 1);
	assert_int_equal(f.queue.record->fetched, 1);
	assert_int_equal(f.mem[0], 0);
	assert_int_equal(rig_event(rig, 1000).type, ACI_EVENT_PAGE_FAULT);
	assert_int_equal(rig_event(rig, 1000).type, ACI_EVENT_QUEUE_STOPPED);
	assert_int_equal(rig_event(rig, 5).type, 0);
	rig_map(rig, 1, 0x10000000, f.host + 8192, 4096, PTE_SYSTEM_RW);
	assert_int_equal(rig_queue_command(&f.queue, ACI_ADMIN_RESUME_QUEUE, 0), 0);
	rig_wait_completed(&f.queue, 3);
	assert_int_equal(f.mem[8192], 0x77);
	assert_int_equal(f.mem[0], 0x55);
}

static void test_overrun(void **state)
{
	struct rig *rig = *state;
	struct fixture f;

	prepare(&f, rig, 0);
	run(&f, desc_nop());
	f.queue.user->tail = 1 + 65;
	vcard_kick(rig->card, 0);
	rig_wait_state(&f.queue, ACI_QUEUE_STATE_ERROR);
	assert_int_equal(f.queue.record->error, ACI_STATUS_RING_OVERRUN);
	assert_int_equal(f.queue.record->error_index, 1);
	assert_int_equal(f.queue.record->error_info, 66);
	/* Backwards. */
	f.queue.user->tail = 0;
	assert_int_equal(rig_queue_command(&f.queue, ACI_ADMIN_RESUME_QUEUE, 0), 0);
	rig_wait_state(&f.queue, ACI_QUEUE_STATE_ERROR);
	assert_int_equal(f.queue.record->error, ACI_STATUS_RING_OVERRUN);
	assert_int_equal(f.queue.record->error_info, 0);
}

static void test_reset_position(void **state)
{
	struct rig *rig = *state;
	struct aci_desc *ring;
	struct fixture f;

	prepare(&f, rig, 0);
	run(&f, desc_fill(VA, 64, 1, 1));
	/* Anywhere in the 64-bit space: descriptor i is in slot i modulo the ring. */
	ring = rig_at(rig, f.queue.ring);
	ring[(UINT64_MAX - 1) % 64] = desc_fill(VA, 64, 2, 1);
	ring[UINT64_MAX % 64] = desc_fill(VA + 64, 64, 3, 1);
	f.queue.user->tail = 0;
	assert_int_equal(rig_queue_command(&f.queue, ACI_ADMIN_RESET_QUEUE, UINT64_MAX - 1), 0);
	while (__atomic_load_n(&f.queue.record->completed, __ATOMIC_ACQUIRE) != 0)
		assert_int_equal(f.queue.record->state, ACI_QUEUE_STATE_RUNNING);
	assert_int_equal(f.mem[0], 2);
	assert_int_equal(f.mem[64], 3);
	f.queue.tail = 0;
	run(&f, desc_nop());
}

/* A descriptor that is rewritten after its fetch is executed as it was checked. */
static void test_suspend_inside(void **state)
{
	struct rig *rig = *state;
	struct aci_desc *ring;
	struct fixture f;
	uint64_t started;

	prepare(&f, rig, 0);
	rig_map(rig, 1, 0x800000000, 0, 8u << 20, PTE_CARD_RW);
	for (int i = 0; i < 50; i++) {
		struct aci_desc big = desc_fill(0x800000000, 8u << 20, (uint64_t)i + 1, 1);

		started = f.queue.tail + 1;
		rig_submit(&f.queue, &big);
		rig_wait_started(&f.queue, started);
		assert_int_equal(rig_queue_command(&f.queue, ACI_ADMIN_SUSPEND_QUEUE, 0), 0);
		ring = rig_at(rig, f.queue.ring);
		ring[(started - 1) % 64].opcode = 0x99;
		assert_int_equal(rig_queue_command(&f.queue, ACI_ADMIN_RESUME_QUEUE, 0), 0);
		rig_wait_completed(&f.queue, started);
		assert_int_equal(f.card[0], i + 1);
		assert_int_equal(f.card[(8u << 20) - 1], i + 1);
	}
}

/* --- Notifications --- */

struct irq_wait {
	struct rig *rig;
	unsigned int count;
};

static bool irqs_reached(void *arg)
{
	struct irq_wait *wait = arg;

	return atomic_load(&wait->rig->irqs[0]) >= wait->count;
}

static void arm(struct fixture *f, uint64_t at)
{
	__atomic_store_n(&f->queue.record->notify_at, at, __ATOMIC_SEQ_CST);
}

static bool is_notified(void *arg)
{
	struct fixture *f = arg;

	return rig_notify_take(f->queue.rig, &f->queue);
}

static void wait_notified(struct fixture *f)
{
	rig_wait(is_notified, f, "notification");
}

static void test_notify(void **state)
{
	struct rig *rig = *state;
	struct aci_desc bad = { .opcode = 0x99 };
	struct irq_wait wait = { rig, 0 };
	struct fixture f;

	prepare(&f, rig, 0);
	wait.count = atomic_load(&rig->irqs[0]);
	run(&f, desc_nop());
	rig_sleep_ms(5);
	/* Not armed: neither entry nor interrupt. */
	assert_false(rig_notify_take(rig, &f.queue));
	assert_int_equal(atomic_load(&rig->irqs[0]), wait.count);
	arm(&f, 3);
	run(&f, desc_nop());
	rig_sleep_ms(5);
	assert_false(rig_notify_take(rig, &f.queue));
	run(&f, desc_nop());
	wait.count++;
	rig_wait(irqs_reached, &wait, "interrupt");
	assert_true(rig_notify_take(rig, &f.queue));
	/* Once for a value. */
	run(&f, desc_nop());
	rig_sleep_ms(5);
	assert_false(rig_notify_take(rig, &f.queue));
	assert_int_equal(atomic_load(&rig->irqs[0]), wait.count);
	/* A halt ends a wait that can no more be reached. */
	arm(&f, 1000);
	rig_submit(&f.queue, &bad);
	rig_wait_state(&f.queue, ACI_QUEUE_STATE_ERROR);
	assert_int_equal(rig_event(rig, 1000).type, ACI_EVENT_QUEUE_STOPPED);
	assert_true(rig_notify_take(rig, &f.queue));
	assert_false(rig_notify_take(rig, &f.queue));
	/* RESET forgets: the same value counts anew. */
	f.queue.tail = f.queue.user->tail = 999;
	assert_int_equal(rig_queue_command(&f.queue, ACI_ADMIN_RESET_QUEUE, 999), 0);
	run(&f, desc_nop());
	wait_notified(&f);
}

/* More entries than the ring has slots: the phase turns. */
static void test_notify_phase(void **state)
{
	struct rig *rig = *state;
	struct fixture f;

	prepare(&f, rig, 0);
	for (uint64_t i = 1; i <= 300; i++) {
		uint64_t end_ns = rig_now_ns() + 10000000000ull;

		arm(&f, i);
		run(&f, desc_nop());
		while (!rig_notify_take(rig, &f.queue))
			assert_true(rig_now_ns() < end_ns);
		assert_false(rig_notify_take(rig, &f.queue));
	}
}

static void test_notify_interval(void **state)
{
	struct rig *rig = *state;
	struct irq_wait wait = { rig, 0 };
	struct fixture f;
	unsigned int before;
	uint64_t begin_ns, elapsed_ms;

	prepare(&f, rig, 0);
	rig_write32(rig, ACI_REG_NOTIFY(0) + ACI_NOTIFY_INTERVAL_US, 50000);
	before = atomic_load(&rig->irqs[0]);
	begin_ns = rig_now_ns();
	for (uint64_t i = 1; i <= 50; i++) {
		arm(&f, i);
		run(&f, desc_nop());
		while (!rig_notify_take(rig, &f.queue))
			;
	}
	elapsed_ms = (rig_now_ns() - begin_ns) / 1000000;
	assert_true(atomic_load(&rig->irqs[0]) - before <= elapsed_ms / 50 + 1);
	/* What was held back comes at the end of the interval. */
	wait.count = before + 2;
	rig_wait(irqs_reached, &wait, "delayed interrupt");
}

/* While an entry waits in the ring, there is no second one. */
static void test_notify_untaken(void **state)
{
	struct rig *rig = *state;
	const uint64_t *ring;
	struct fixture f;

	prepare(&f, rig, 0);
	ring = rig_at(rig, rig->notify);
	for (uint64_t i = 1; i <= 10; i++) {
		arm(&f, i);
		run(&f, desc_nop());
	}
	rig_sleep_ms(5);
	assert_int_not_equal(ring[0], 0);
	assert_int_equal(ring[1], 0);
	assert_true(rig_notify_take(rig, &f.queue));
	arm(&f, 11);
	run(&f, desc_nop());
	wait_notified(&f);
	/* A new queue with the same id counts from 0. */
	assert_int_equal(rig_queue_command(&f.queue, ACI_ADMIN_DELETE_QUEUE, 0), 0);
	rig_queue_create(rig, &f.queue, 0, 1, NULL);
	arm(&f, 1);
	run(&f, desc_nop());
	wait_notified(&f);
}

/*
 * An entry that host memory refused was not posted: the queue stays armed, and
 * the next one takes its slot. proves: ACI-243
 */
static void test_notify_refused(void **state)
{
	const uint64_t at = RIG_IOVA / 2;
	struct aci_notify_entry *ring = aligned_alloc(ACI_PAGE_SIZE, ACI_PAGE_SIZE);
	struct rig *rig = *state;
	struct fixture f;

	assert_non_null(ring);
	memset(ring, 0, ACI_PAGE_SIZE);
	rig_write64(rig, ACI_REG_NOTIFY(0) + ACI_NOTIFY_BASE, at);
	prepare(&f, rig, 0);
	arm(&f, 1);
	/* Where the second is complete, the card is done with the entry of the first. */
	run(&f, desc_nop());
	run(&f, desc_nop());
	assert_int_equal(vcard_dma_map(rig->card, at, ACI_PAGE_SIZE, ring,
				       VCARD_DMA_READ | VCARD_DMA_WRITE), 0);
	run(&f, desc_nop());
	/* Stopped, so that what follows the last completion is over. */
	assert_int_equal(rig_queue_command(&f.queue, ACI_ADMIN_SUSPEND_QUEUE, 0), 0);
	assert_int_equal(le32toh(ring[0].phase), ACI_NOTIFY_PHASE);
	assert_int_equal(le32toh(ring[1].phase), 0);
	assert_int_equal(vcard_dma_unmap(rig->card, at, ACI_PAGE_SIZE), 0);
	free(ring);
}

static void test_irq_drop(void **state)
{
	struct rig *rig = *state;
	struct fixture f;
	unsigned int before;

	prepare(&f, rig, 0);
	before = atomic_load(&rig->irqs[0]);
	rig_ctl(rig, "irq drop=1");
	arm(&f, 1);
	run(&f, desc_nop());
	wait_notified(&f);
	rig_sleep_ms(5);
	assert_int_equal(atomic_load(&rig->irqs[0]), before);
}

static void test_event_overflow(void **state)
{
	struct rig *rig = *state;
	struct aci_desc bad = { .opcode = 0x99 };
	struct fixture f;

	prepare(&f, rig, 0);
	for (int i = 0; i < (1 << RIG_EVENT_SHIFT) + 1; i++)
		rig_expect_error(&f.queue, &bad, ACI_STATUS_DESC_OPCODE, 0);
	assert_true(rig_read32(rig, ACI_REG_STATUS) & ACI_STATUS_REG_EVENT_OVERFLOW);
	rig_write32(rig, ACI_REG_STATUS, ACI_STATUS_REG_EVENT_OVERFLOW);
	assert_false(rig_read32(rig, ACI_REG_STATUS) & ACI_STATUS_REG_EVENT_OVERFLOW);
	for (int i = 0; i < 1 << RIG_EVENT_SHIFT; i++)
		assert_int_equal(rig_event(rig, 1000).type, ACI_EVENT_QUEUE_STOPPED);
	assert_int_equal(rig_event(rig, 0).type, 0);
	rig_expect_error(&f.queue, &bad, ACI_STATUS_DESC_OPCODE, 0);
	assert_int_equal(rig_event(rig, 1000).type, ACI_EVENT_QUEUE_STOPPED);
	/* A head that was never posted is not believed. */
	rig_write32(rig, ACI_REG_EVENT_HEAD, 12345);
	rig_expect_error(&f.queue, &bad, ACI_STATUS_DESC_OPCODE, 0);
	assert_int_equal(rig_event(rig, 1000).type, ACI_EVENT_QUEUE_STOPPED);
}

/* Any ring content: the card halts or executes, never more. */
static void test_garbage(void **state)
{
	struct fixture f;
	uint64_t seed = 99;

	prepare(&f, *state, 0);
	for (int i = 0; i < 3000; i++) {
		struct aci_desc desc;
		uint8_t *bytes = (uint8_t *)&desc;

		memset(&desc, 0, sizeof(desc));
		for (int n = 0; n < 8; n++) {
			seed = seed * 6364136223846793005ull + 1442695040888963407ull;
			bytes[(seed >> 33) % sizeof(desc)] = (uint8_t)(seed >> 50);
		}
		desc.opcode = (uint8_t)(seed >> 40) % 9;
		if (desc.opcode == ACI_OP_WAIT)
			desc.wait.timeout_ns = 1;
		rig_submit(&f.queue, &desc);
		while (__atomic_load_n(&f.queue.record->completed, __ATOMIC_ACQUIRE) < f.queue.tail) {
			if (__atomic_load_n(&f.queue.record->state, __ATOMIC_ACQUIRE) !=
			    ACI_QUEUE_STATE_ERROR)
				continue;
			assert_int_equal(rig_queue_command(&f.queue, ACI_ADMIN_RESET_QUEUE,
							   f.queue.tail), 0);
		}
	}
}

/* With a name: that test alone. */
int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		rig_test(test_nop),
		rig_test(test_many),
		rig_test(test_copy),
		rig_test(test_copy_scattered),
		rig_test(test_fill),
		rig_test(test_copy_strided),
		rig_test(test_signal_timestamp),
		rig_test(test_refused),
		rig_test(test_exec_refused),
		rig_test(test_page_faults),
		rig_test(test_halt),
		rig_test(test_overrun),
		rig_test(test_reset_position),
		rig_test(test_suspend_inside),
		rig_test(test_notify),
		rig_test(test_notify_phase),
		rig_test(test_notify_interval),
		rig_test(test_notify_untaken),
		rig_test(test_notify_refused),
		rig_test(test_irq_drop),
		rig_test(test_event_overflow),
		rig_test(test_garbage),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
