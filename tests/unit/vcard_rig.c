// SPDX-License-Identifier: MIT

#include "vcard_rig.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

#define TABLE_FLAGS	ACI_PTE_VALID

/* --- Time --- */

uint64_t rig_now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

void rig_sleep_ms(unsigned int ms)
{
	struct timespec ts = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };

	nanosleep(&ts, NULL);
}

void rig_wait(bool (*condition)(void *arg), void *arg, const char *what)
{
	uint64_t end_ns = rig_now_ns() + RIG_TIMEOUT_MS * 1000000ull;
	const struct timespec pause = { .tv_nsec = 20000 };

	while (!condition(arg)) {
		if (rig_now_ns() > end_ns)
			fail_msg("no %s within %u ms", what, RIG_TIMEOUT_MS);
		nanosleep(&pause, NULL);
	}
}

/* --- Card --- */

static void on_irq(void *opaque, unsigned int vector)
{
	struct rig *rig = opaque;

	atomic_fetch_add(&rig->irqs[vector], 1);
	waker_wake(&rig->irq_waker);
}

static void on_log(void *opaque, enum vcard_log_level level, const char *line)
{
	const char *verbose = getenv("V");

	(void)opaque;
	if (verbose && *verbose)
		printf("# card: %d: %s\n", (int)level, line);
}

static const struct vcard_ops ops = { .raise_irq = on_irq, .log = on_log };

uint64_t rig_alloc(struct rig *rig, uint64_t bytes)
{
	uint64_t at = rig->used;

	rig->used += (bytes + ACI_PAGE_SIZE - 1) / ACI_PAGE_SIZE * ACI_PAGE_SIZE;
	assert_true(rig->used <= RIG_HOST_BYTES);
	return RIG_IOVA + at;
}

void *rig_at(struct rig *rig, uint64_t iova)
{
	return rig->host + (iova - RIG_IOVA);
}

uint32_t rig_read32(struct rig *rig, uint32_t offset)
{
	return (uint32_t)vcard_reg_read(rig->card, offset, 4);
}

void rig_write32(struct rig *rig, uint32_t offset, uint32_t value)
{
	vcard_reg_write(rig->card, offset, value, 4);
}

void rig_write64(struct rig *rig, uint32_t offset, uint64_t value)
{
	vcard_reg_write(rig->card, offset, value, 8);
}

static bool is_ready(void *arg)
{
	return rig_read32(arg, ACI_REG_STATUS) & ACI_STATUS_REG_READY;
}

void rig_enable(struct rig *rig)
{
	rig->sq_tail = rig->cq_head = rig->inv_tail = rig->event_head = rig->notify_head = 0;
	memset(rig_at(rig, rig->admin_cq), 0, ACI_PAGE_SIZE);
	memset(rig_at(rig, rig->events), 0, ACI_PAGE_SIZE);
	memset(rig_at(rig, rig->notify), 0, ACI_PAGE_SIZE);
	memset(rig_at(rig, rig->inv_record), 0, ACI_PAGE_SIZE);
	vcard_set_bus_master(rig->card, true);
	rig_write64(rig, ACI_REG_ADMIN_SQ_BASE, rig->admin_sq);
	rig_write64(rig, ACI_REG_ADMIN_CQ_BASE, rig->admin_cq);
	rig_write32(rig, ACI_REG_ADMIN_SHIFT, RIG_ADMIN_SHIFT);
	rig_write64(rig, ACI_REG_INV_SQ_BASE, rig->inv_sq);
	rig_write64(rig, ACI_REG_INV_RECORD_BASE, rig->inv_record);
	rig_write32(rig, ACI_REG_INV_SHIFT, RIG_INV_SHIFT);
	rig_write64(rig, ACI_REG_EVENT_BASE, rig->events);
	rig_write32(rig, ACI_REG_EVENT_SHIFT, RIG_EVENT_SHIFT);
	rig_write64(rig, ACI_REG_NOTIFY(0) + ACI_NOTIFY_BASE, rig->notify);
	rig_write32(rig, ACI_REG_NOTIFY(0) + ACI_NOTIFY_SHIFT, RIG_NOTIFY_SHIFT);
	rig_write32(rig, ACI_REG_CTRL, ACI_CTRL_ENABLE);
	rig_wait(is_ready, rig, "READY");
}

void rig_config(struct vcard_config *config)
{
	vcard_config_init(config);
	config->mem_bytes = 16u << 20;
	config->aperture_bytes = 8u << 20;
	config->log_level = VCARD_LOG_DEBUG;
}

void rig_start(struct rig *rig, const struct vcard_config *config)
{
	struct vcard_config small;

	memset(rig, 0, sizeof(*rig));
	if (!config) {
		rig_config(&small);
		config = &small;
	}
	rig->host = mmap(NULL, RIG_HOST_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			 -1, 0);
	assert_true(rig->host != MAP_FAILED);
	assert_int_equal(vcard_create(config, &ops, rig, &rig->card), 0);
	vcard_get_aperture(rig->card, &rig->aperture);
	vcard_get_doorbells(rig->card, &rig->doorbells);
	assert_int_equal(vcard_dma_map(rig->card, RIG_IOVA, RIG_HOST_BYTES, rig->host,
				       VCARD_DMA_READ | VCARD_DMA_WRITE), 0);
	rig->admin_sq = rig_alloc(rig, ACI_PAGE_SIZE);
	rig->admin_cq = rig_alloc(rig, ACI_PAGE_SIZE);
	rig->inv_sq = rig_alloc(rig, ACI_PAGE_SIZE);
	rig->inv_record = rig_alloc(rig, ACI_PAGE_SIZE);
	rig->events = rig_alloc(rig, ACI_PAGE_SIZE);
	rig->notify = rig_alloc(rig, ACI_PAGE_SIZE);
	rig_enable(rig);
}

void rig_stop(struct rig *rig)
{
	vcard_destroy(rig->card);
	munmap(rig->host, RIG_HOST_BYTES);
}

int rig_setup(void **state)
{
	struct rig *rig = malloc(sizeof(*rig));

	rig_start(rig, NULL);
	*state = rig;
	return 0;
}

int rig_teardown(void **state)
{
	rig_stop(*state);
	free(*state);
	return 0;
}

/* --- Admin queue --- */

void rig_admin_submit(struct rig *rig, const struct aci_admin_cmd *cmd)
{
	struct aci_admin_cmd *ring = rig_at(rig, rig->admin_sq);

	ring[rig->sq_tail++ % (1u << RIG_ADMIN_SHIFT)] = *cmd;
	rig_write32(rig, ACI_REG_ADMIN_SQ_TAIL, rig->sq_tail);
}

static bool has_completion(void *arg)
{
	struct rig *rig = arg;
	const struct aci_admin_cpl *ring = rig_at(rig, rig->admin_cq);
	const uint32_t *phase = &ring[rig->cq_head % (1u << RIG_ADMIN_SHIFT)].phase;
	uint32_t wanted = !(rig->cq_head >> RIG_ADMIN_SHIFT & 1);

	return (__atomic_load_n(phase, __ATOMIC_ACQUIRE) & ACI_CPL_PHASE) == wanted;
}

struct aci_admin_cpl rig_admin_next(struct rig *rig)
{
	const struct aci_admin_cpl *ring = rig_at(rig, rig->admin_cq);
	struct aci_admin_cpl cpl;

	rig_wait(has_completion, rig, "admin completion");
	cpl = ring[rig->cq_head++ % (1u << RIG_ADMIN_SHIFT)];
	rig_write32(rig, ACI_REG_ADMIN_CQ_HEAD, rig->cq_head);
	rig->result = cpl.result;
	return cpl;
}

unsigned int rig_admin(struct rig *rig, const struct aci_admin_cmd *cmd)
{
	struct aci_admin_cpl cpl;

	rig_admin_submit(rig, cmd);
	cpl = rig_admin_next(rig);
	assert_int_equal(cpl.cid, cmd->cid);
	return cpl.status;
}

/* --- VMs --- */

void rig_create_vm(struct rig *rig, uint16_t vm, uint16_t flags)
{
	struct aci_admin_cmd cmd = { .opcode = ACI_ADMIN_CREATE_VM };

	rig->roots[vm] = rig_alloc(rig, ACI_PAGE_SIZE);
	cmd.create_vm.vm_id = vm;
	cmd.create_vm.flags = flags;
	cmd.create_vm.root = rig->roots[vm];
	assert_int_equal(rig_admin(rig, &cmd), ACI_STATUS_SUCCESS);
}

unsigned int rig_delete_vm(struct rig *rig, uint16_t vm)
{
	struct aci_admin_cmd cmd = { .opcode = ACI_ADMIN_DELETE_VM };

	cmd.vm.vm_id = vm;
	return rig_admin(rig, &cmd);
}

uint64_t *rig_pte(struct rig *rig, uint16_t vm, uint64_t va, unsigned int level)
{
	uint64_t *table = rig_at(rig, rig->roots[vm]);

	for (unsigned int at = ACI_PT_LEVELS - 1; at > level; at--) {
		uint64_t *entry = &table[ACI_PT_INDEX(va, at)];

		if (!(*entry & ACI_PTE_VALID))
			__atomic_store_n(entry, rig_alloc(rig, ACI_PAGE_SIZE) | TABLE_FLAGS,
					 __ATOMIC_RELEASE);
		table = rig_at(rig, *entry & ACI_PTE_ADDR_MASK);
	}
	return &table[ACI_PT_INDEX(va, level)];
}

void rig_map(struct rig *rig, uint16_t vm, uint64_t va, uint64_t address, uint64_t bytes,
	     uint64_t flags)
{
	for (uint64_t at = 0; at < bytes; at += ACI_PAGE_SIZE)
		__atomic_store_n(rig_pte(rig, vm, va + at, 0),
				 (address + at) | flags | ACI_PTE_LEAF | ACI_PTE_VALID,
				 __ATOMIC_RELEASE);
}

static bool inv_done(void *arg)
{
	struct rig *rig = arg;
	const struct aci_inv_record *record = rig_at(rig, rig->inv_record);

	return (uint32_t)__atomic_load_n(&record->completed, __ATOMIC_ACQUIRE) == rig->inv_tail;
}

uint64_t rig_invalidate(struct rig *rig, uint8_t opcode, uint16_t vm, uint64_t va, uint64_t bytes)
{
	const struct aci_inv_record *record = rig_at(rig, rig->inv_record);
	struct aci_inv_cmd *ring = rig_at(rig, rig->inv_sq);

	ring[rig->inv_tail++ % (1u << RIG_INV_SHIFT)] = (struct aci_inv_cmd){
		.opcode = opcode, .vm_id = vm, .va = va, .bytes = bytes,
	};
	rig_write32(rig, ACI_REG_INV_SQ_TAIL, rig->inv_tail);
	rig_wait(inv_done, rig, "invalidation");
	return record->error;
}

/* --- Queues --- */

void rig_queue_prepare(struct rig *rig, struct rig_queue *queue, uint16_t id, uint16_t vm,
		       const struct rig_queue_options *options, struct aci_admin_cmd *cmd)
{
	static const struct rig_queue_options defaults = { .priority = ACI_PRIORITY_NORMAL };
	uint64_t list = rig_alloc(rig, ACI_PAGE_SIZE), record = rig_alloc(rig, ACI_PAGE_SIZE);
	uint64_t user = rig_alloc(rig, ACI_PAGE_SIZE);

	if (!options)
		options = &defaults;
	memset(queue, 0, sizeof(*queue));
	queue->rig = rig;
	queue->id = id;
	queue->ring_shift = RIG_RING_SHIFT;
	queue->ring = rig_alloc(rig, ACI_DESC_BYTES << RIG_RING_SHIFT);
	queue->record = rig_at(rig, record);
	queue->user = rig_at(rig, user);
	*(uint64_t *)rig_at(rig, list) = queue->ring;
	*cmd = (struct aci_admin_cmd){ .opcode = ACI_ADMIN_CREATE_QUEUE };
	cmd->create_queue.queue_id = id;
	cmd->create_queue.vm_id = vm;
	cmd->create_queue.engine_class = options->engine_class;
	cmd->create_queue.priority = options->priority;
	cmd->create_queue.flags = options->flags;
	cmd->create_queue.notify_ring = options->notify_ring;
	cmd->create_queue.watchdog_ms = options->watchdog_ms;
	cmd->create_queue.ring_shift = RIG_RING_SHIFT;
	cmd->create_queue.ring_pages = list;
	cmd->create_queue.record = record;
	cmd->create_queue.user_page = user;
}

void rig_queue_create(struct rig *rig, struct rig_queue *queue, uint16_t id, uint16_t vm,
		      const struct rig_queue_options *options)
{
	struct aci_admin_cmd cmd;

	rig_queue_prepare(rig, queue, id, vm, options, &cmd);
	assert_int_equal(rig_admin(rig, &cmd), ACI_STATUS_SUCCESS);
	assert_int_equal(queue->record->state, ACI_QUEUE_STATE_RUNNING);
}

void rig_queue_command_fill(struct rig_queue *queue, uint8_t opcode, uint64_t index,
			    struct aci_admin_cmd *cmd)
{
	*cmd = (struct aci_admin_cmd){ .opcode = opcode };
	cmd->queue.queue_id = queue->id;
	cmd->queue.index = index;
}

unsigned int rig_queue_command(struct rig_queue *queue, uint8_t opcode, uint64_t index)
{
	struct aci_admin_cmd cmd;

	rig_queue_command_fill(queue, opcode, index, &cmd);
	return rig_admin(queue->rig, &cmd);
}

void rig_ring(struct rig_queue *queue, uint64_t old_tail)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (aci_queue_need_ring(__atomic_load_n(&queue->user->event_index, __ATOMIC_RELAXED),
				old_tail, queue->tail)) {
		queue->kicks++;
		vcard_kick(queue->rig->card, queue->id);
	}
}

void rig_submit(struct rig_queue *queue, const struct aci_desc *desc)
{
	struct aci_desc *ring = rig_at(queue->rig, queue->ring);
	uint64_t old_tail = queue->tail;

	ring[queue->tail % (1u << queue->ring_shift)] = *desc;
	__atomic_store_n(&queue->user->tail, ++queue->tail, __ATOMIC_RELEASE);
	rig_ring(queue, old_tail);
}

struct count_wait {
	const __le64 *count;
	uint64_t value;
};

static bool count_reached(void *arg)
{
	const struct count_wait *wait = arg;

	return __atomic_load_n(wait->count, __ATOMIC_ACQUIRE) >= wait->value;
}

void rig_wait_completed(struct rig_queue *queue, uint64_t count)
{
	struct count_wait wait = { &queue->record->completed, count };

	rig_wait(count_reached, &wait, "completion");
}

void rig_sleep_completed(struct rig_queue *queue, uint64_t count)
{
	uint64_t end_ns = rig_now_ns() + RIG_TIMEOUT_MS * 1000000ull;
	struct waker *waker = &queue->rig->irq_waker;

	__atomic_store_n(&queue->record->notify_at, count, __ATOMIC_SEQ_CST);
	for (;;) {
		uint32_t sequence = waker_read(waker);

		/* One that is left lying would be the last. */
		while (rig_notify_take(queue->rig, queue))
			;
		if (__atomic_load_n(&queue->record->completed, __ATOMIC_SEQ_CST) >= count)
			return;
		if (rig_now_ns() > end_ns)
			fail_msg("no interrupt within %u ms", RIG_TIMEOUT_MS);
		waker_wait(waker, sequence, end_ns);
	}
}

void rig_wait_started(struct rig_queue *queue, uint64_t count)
{
	struct count_wait wait = { &queue->record->started, count };

	rig_wait(count_reached, &wait, "start");
}

struct state_wait {
	const __le32 *state;
	uint32_t value;
};

static bool state_reached(void *arg)
{
	const struct state_wait *wait = arg;

	return __atomic_load_n(wait->state, __ATOMIC_ACQUIRE) == wait->value;
}

void rig_wait_state(struct rig_queue *queue, uint32_t state)
{
	struct state_wait wait = { &queue->record->state, state };

	rig_wait(state_reached, &wait, "queue state");
}

void rig_expect_error(struct rig_queue *queue, const struct aci_desc *desc, unsigned int status,
		      uint64_t info)
{
	uint64_t index = queue->tail;

	rig_submit(queue, desc);
	rig_wait_state(queue, ACI_QUEUE_STATE_ERROR);
	assert_int_equal(queue->record->error, status);
	assert_int_equal(queue->record->error_index, index);
	assert_int_equal(queue->record->error_info, info);
	assert_int_equal(queue->record->completed, index);
	/* Nothing started behind the first error; the user page is last. */
	rig_wait(state_reached, &(struct state_wait){ &queue->user->state,
						      ACI_QUEUE_STATE_ERROR }, "user page");
	assert_int_equal(queue->user->error, status);
	queue->tail = index;
	queue->user->tail = index;
	assert_int_equal(rig_queue_command(queue, ACI_ADMIN_RESET_QUEUE, index),
			 ACI_STATUS_SUCCESS);
}

/* --- Rings --- */

struct aci_event rig_event(struct rig *rig, unsigned int ms)
{
	const struct aci_event *ring = rig_at(rig, rig->events);
	const struct aci_event *slot = &ring[rig->event_head % (1u << RIG_EVENT_SHIFT)];
	uint32_t wanted = !(rig->event_head >> RIG_EVENT_SHIFT & 1);
	uint64_t end_ns = rig_now_ns() + ms * 1000000ull;
	struct aci_event event = { 0 };

	while ((__atomic_load_n(&slot->phase, __ATOMIC_ACQUIRE) & 1) != wanted) {
		if (rig_now_ns() >= end_ns)
			return event;
		rig_sleep_ms(1);
	}
	event = *slot;
	rig_write32(rig, ACI_REG_EVENT_HEAD, ++rig->event_head);
	return event;
}

bool rig_notify_take(struct rig *rig, struct rig_queue *queue)
{
	const uint64_t *ring = rig_at(rig, rig->notify);
	uint64_t entry = __atomic_load_n(&ring[rig->notify_head % (1u << RIG_NOTIFY_SHIFT)],
					 __ATOMIC_ACQUIRE);
	uint64_t wanted = !(rig->notify_head >> RIG_NOTIFY_SHIFT & 1);

	if ((entry >> 32 & ACI_NOTIFY_PHASE) != wanted)
		return false;
	assert_int_equal((uint16_t)entry, queue->id);
	rig->notify_head++;
	__atomic_store_n(&queue->record->notify_taken, queue->record->notify_taken + 1,
			 __ATOMIC_SEQ_CST);
	return true;
}

void rig_ctl(struct rig *rig, const char *line)
{
	char reply[256];

	assert_int_equal(vcard_ctl(rig->card, line, reply, sizeof(reply)), 0);
}

/* --- Descriptors --- */

struct aci_desc desc_nop(void)
{
	return (struct aci_desc){ .opcode = ACI_OP_NOP };
}

struct aci_desc desc_copy(uint64_t src, uint64_t dst, uint64_t bytes)
{
	return (struct aci_desc){
		.opcode = ACI_OP_COPY,
		.copy = { .src = src, .dst = dst, .bytes = bytes },
	};
}

struct aci_desc desc_fill(uint64_t dst, uint64_t bytes, uint64_t pattern, uint32_t unit)
{
	return (struct aci_desc){
		.opcode = ACI_OP_FILL,
		.fill = { .dst = dst, .bytes = bytes, .pattern = pattern, .pattern_bytes = unit },
	};
}

struct aci_desc desc_signal(uint64_t addr, uint64_t value)
{
	return (struct aci_desc){
		.opcode = ACI_OP_SIGNAL,
		.signal = { .addr = addr, .value = value },
	};
}

struct aci_desc desc_wait(uint64_t addr, uint64_t value, uint64_t timeout_ns)
{
	return (struct aci_desc){
		.opcode = ACI_OP_WAIT,
		.wait = { .addr = addr, .value = value, .timeout_ns = timeout_ns },
	};
}
