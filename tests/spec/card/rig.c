// SPDX-License-Identifier: MIT

#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

#include "rig.h"

#define LOST_MS		20000	/* on a loaded machine; the card's own bounds are asserted apart */
#define NOTIFY_SHIFT	2

/* --- Memory, registers, waiting --- */

uint64_t rig_page(struct rig *rig)
{
	uint64_t address = rig->next;

	rig->next += ACI_PAGE_SIZE;
	assert_true(rig->next <= RIG_DMA_BASE + RIG_DMA_BYTES);
	return address;
}

void *rig_at(struct rig *rig, uint64_t address)
{
	return rig->mem + (address - RIG_DMA_BASE);
}

uint32_t rig_read(struct rig *rig, uint32_t offset)
{
	return (uint32_t)rig_card_ops.reg_read(rig->card, offset, 4);
}

uint64_t rig_read64(struct rig *rig, uint32_t offset)
{
	return rig_card_ops.reg_read(rig->card, offset, 8);
}

void rig_write(struct rig *rig, uint32_t offset, uint32_t value)
{
	rig_card_ops.reg_write(rig->card, offset, value, 4);
}

void rig_write64(struct rig *rig, uint32_t offset, uint64_t value)
{
	rig_card_ops.reg_write(rig->card, offset, value, 8);
}

void rig_raise(struct rig *rig, unsigned int vector)
{
	(void)vector;
	pthread_mutex_lock(&rig->lock);
	rig->irqs++;
	pthread_cond_broadcast(&rig->raised);
	pthread_mutex_unlock(&rig->lock);
}

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* Registers change without an interrupt, so a wait also looks every millisecond. */
static void wait_for_interrupt(struct rig *rig)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += 1000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_nsec -= 1000000000;
		until.tv_sec++;
	}
	pthread_mutex_lock(&rig->lock);
	pthread_cond_timedwait(&rig->raised, &rig->lock, &until);
	pthread_mutex_unlock(&rig->lock);
}

bool rig_wait(struct rig *rig, bool (*done)(struct rig *rig, uint64_t arg), uint64_t arg,
	      unsigned int bound_ms)
{
	uint64_t end = now_ms() + bound_ms;

	for (;;) {
		bool late = now_ms() > end;

		if (rig_card_ops.poll)
			rig_card_ops.poll(rig->card);
		if (done(rig, arg))
			return true;
		if (late)
			return false;
		if (!rig_card_ops.poll)
			wait_for_interrupt(rig);
	}
}

static bool status_is(struct rig *rig, uint64_t arg)
{
	return (rig_read(rig, ACI_REG_STATUS) & (uint32_t)(arg >> 32)) == (uint32_t)arg;
}

bool rig_wait_status(struct rig *rig, uint32_t mask, uint32_t value)
{
	return rig_wait(rig, status_is, (uint64_t)mask << 32 | value,
			rig_read(rig, ACI_REG_T_READY_MS));
}

/* --- Set-up --- */

static void take_down(struct rig *rig)
{
	munmap(rig->mem, RIG_DMA_BYTES);
	pthread_cond_destroy(&rig->raised);
	pthread_mutex_destroy(&rig->lock);
	free(rig);
}

static struct rig *put_up(bool base)
{
	struct rig *rig = calloc(1, sizeof(*rig));

	if (!rig)
		return NULL;
	rig->mem = mmap(NULL, RIG_DMA_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
			-1, 0);
	if (rig->mem == MAP_FAILED) {
		free(rig);
		return NULL;
	}
	pthread_mutex_init(&rig->lock, NULL);
	pthread_cond_init(&rig->raised, NULL);
	rig->next = RIG_DMA_BASE;
	rig->card = rig_card_ops.create(rig, base);
	if (!rig->card) {
		take_down(rig);
		return NULL;
	}
	rig->cap = rig_read64(rig, ACI_REG_CAP);
	rig->dma_bits = ACI_ADDRESSING_DMA_BITS(rig_read(rig, ACI_REG_ADDRESSING));
	rig->db_shift = ACI_ADDRESSING_DB_SHIFT(rig_read(rig, ACI_REG_ADDRESSING));
	rig->kick_offset = rig_read64(rig, ACI_REG_KICK_OFFSET);
	rig->admin_shift = 1;
	rig->sq = rig_page(rig);
	rig->cq = rig_page(rig);
	rig->inv = rig_page(rig);
	rig->inv_record = rig_page(rig);
	rig->events = rig_page(rig);
	rig->notify = rig_page(rig);
	rig->data = rig_page(rig);
	rig->root = rig_page(rig);
	return rig;
}

int rig_setup(void **state)
{
	*state = put_up(getenv("RIG_BASE_PROFILE"));
	return *state ? 0 : -1;
}

int rig_setup_base(void **state)
{
	*state = put_up(true);
	return 0;
}

int rig_teardown(void **state)
{
	struct rig *rig = *state;

	if (!rig)
		return 0;
	rig_card_ops.destroy(rig->card);
	take_down(rig);
	return 0;
}

void rig_program(struct rig *rig)
{
	memset(rig_at(rig, rig->cq), 0, ACI_PAGE_SIZE);
	memset(rig_at(rig, rig->events), 0, ACI_PAGE_SIZE);
	memset(rig_at(rig, rig->notify), 0, ACI_PAGE_SIZE);
	memset(rig_at(rig, rig->inv_record), 0, ACI_PAGE_SIZE);
	rig->sq_tail = 0;
	rig->cq_head = 0;
	rig->inv_tail = 0;
	rig->event_head = 0;
	rig->notify_head = 0;
	rig_write64(rig, ACI_REG_ADMIN_SQ_BASE, rig->sq);
	rig_write64(rig, ACI_REG_ADMIN_CQ_BASE, rig->cq);
	rig_write(rig, ACI_REG_ADMIN_SHIFT, rig->admin_shift);
	rig_write64(rig, ACI_REG_INV_SQ_BASE, rig->inv);
	rig_write64(rig, ACI_REG_INV_RECORD_BASE, rig->inv_record);
	rig_write(rig, ACI_REG_INV_SHIFT, 1);
	rig_write64(rig, ACI_REG_EVENT_BASE, rig->events);
	rig_write(rig, ACI_REG_EVENT_SHIFT, 1);
	rig_write64(rig, ACI_REG_NOTIFY(0) + ACI_NOTIFY_BASE, rig->notify);
	rig_write(rig, ACI_REG_NOTIFY(0) + ACI_NOTIFY_SHIFT, NOTIFY_SHIFT);
}

void rig_enable(struct rig *rig)
{
	rig_program(rig);
	rig_write(rig, ACI_REG_CTRL, ACI_CTRL_ENABLE);
	assert_true(rig_wait_status(rig, ~0u, ACI_STATUS_REG_READY));
}

void rig_disable(struct rig *rig)
{
	rig_write(rig, ACI_REG_CTRL, 0);
	assert_true(rig_wait_status(rig, ACI_STATUS_REG_READY, 0));
}

static bool reset_is_over(struct rig *rig, uint64_t generation)
{
	uint32_t status = rig_read(rig, ACI_REG_RESET_STATUS);

	if (ACI_RESET_STATE(status) == ACI_RESET_STATE_BUSY)
		return false;
	/* The final state comes together with the new generation. */
	assert_int_equal(ACI_RESET_STATE_DONE, ACI_RESET_STATE(status));
	assert_int_equal((generation + 1) & 0xffff, ACI_RESET_GENERATION(status));
	assert_int_equal(ACI_RESET_CARD, status >> 8 & 0xff);
	return true;
}

void rig_reset(struct rig *rig)
{
	rig_reset_by(rig, 0);
}

void rig_reset_by(struct rig *rig, uint8_t engine_class)
{
	uint32_t generation = ACI_RESET_GENERATION(rig_read(rig, ACI_REG_RESET_STATUS));

	rig_write(rig, ACI_REG_RESET,
		  ACI_RESET_KEY << 16 | (uint32_t)engine_class << 8 | ACI_RESET_CARD);
	assert_true(rig_wait(rig, reset_is_over, generation,
			     rig_read(rig, ACI_REG_T_CARD_RESET_MS)));
}

/* --- Admin queue --- */

static struct aci_admin_cpl *next_completion(struct rig *rig)
{
	uint32_t mask = (1u << rig->admin_shift) - 1;
	struct aci_admin_cpl *cpl = rig_at(rig, rig->cq);

	return &cpl[rig->cq_head & mask];
}

static bool completion_is_there(struct rig *rig, uint64_t arg)
{
	const volatile struct aci_admin_cpl *cpl = next_completion(rig);

	(void)arg;
	return (le32toh(cpl->phase) & ACI_CPL_PHASE) == !(rig->cq_head >> rig->admin_shift & 1);
}

static unsigned int command_bound(struct rig *rig, uint8_t opcode)
{
	switch (opcode) {
	case ACI_ADMIN_SUSPEND_QUEUE:
		return rig_read(rig, ACI_REG_T_SUSPEND_MS);
	case ACI_ADMIN_RESET_QUEUE:
	case ACI_ADMIN_DELETE_QUEUE:
		return rig_read(rig, ACI_REG_T_QUEUE_RESET_MS);
	case ACI_ADMIN_SELF_TEST:
		return rig_read(rig, ACI_REG_T_SELF_TEST_MS);
	}
	return rig_read(rig, ACI_REG_T_ADMIN_MS);
}

unsigned int rig_admin(struct rig *rig, struct aci_admin_cmd cmd, uint64_t *result)
{
	uint32_t mask = (1u << rig->admin_shift) - 1;
	struct aci_admin_cmd *ring = rig_at(rig, rig->sq);
	struct aci_admin_cpl *cpl;
	unsigned int status;

	cmd.cid = htole16((uint16_t)(0x1234 + rig->sq_tail));
	ring[rig->sq_tail & mask] = cmd;
	rig_write(rig, ACI_REG_ADMIN_SQ_TAIL, ++rig->sq_tail);
	assert_true(rig_wait(rig, completion_is_there, 0, command_bound(rig, cmd.opcode)));
	cpl = next_completion(rig);
	assert_int_equal(cmd.cid, cpl->cid);
	assert_int_equal(0, le32toh(cpl->phase) & ~ACI_CPL_PHASE);
	status = le16toh(cpl->status);
	if (status != ACI_STATUS_SUCCESS)
		assert_true(!cpl->result || cmd.opcode == ACI_ADMIN_SELF_TEST);
	if (result)
		*result = le64toh(cpl->result);
	rig_write(rig, ACI_REG_ADMIN_CQ_HEAD, ++rig->cq_head);
	return status;
}

unsigned int rig_queue_command(struct rig *rig, uint8_t opcode, uint16_t queue, uint64_t index)
{
	struct aci_admin_cmd cmd = { .opcode = opcode };

	cmd.queue.queue_id = htole16(queue);
	cmd.queue.index = htole64(index);
	return rig_admin(rig, cmd, NULL);
}

void rig_create_vm(struct rig *rig, uint16_t id, uint16_t flags, uint64_t root)
{
	struct aci_admin_cmd cmd = { .opcode = ACI_ADMIN_CREATE_VM };

	cmd.create_vm.vm_id = htole16(id);
	cmd.create_vm.flags = htole16(flags);
	cmd.create_vm.root = htole64(root);
	assert_int_equal(ACI_STATUS_SUCCESS, rig_admin(rig, cmd, NULL));
}

struct aci_admin_cmd rig_queue_make(struct rig *rig, struct rig_queue *queue, uint16_t id,
				    uint16_t vm)
{
	struct aci_admin_cmd cmd = { .opcode = ACI_ADMIN_CREATE_QUEUE };

	memset(queue, 0, sizeof(*queue));
	queue->id = id;
	queue->list = rig_page(rig);
	queue->ring = rig_page(rig);
	queue->record_at = rig_page(rig);
	queue->user_at = rig_page(rig);
	queue->record = rig_at(rig, queue->record_at);
	queue->user = rig_at(rig, queue->user_at);
	*(__le64 *)rig_at(rig, queue->list) = htole64(queue->ring);
	cmd.create_queue.queue_id = htole16(id);
	cmd.create_queue.vm_id = htole16(vm);
	cmd.create_queue.ring_shift = RIG_RING_SHIFT;
	cmd.create_queue.ring_pages = htole64(queue->list);
	cmd.create_queue.record = htole64(queue->record_at);
	cmd.create_queue.user_page = htole64(queue->user_at);
	return cmd;
}

void rig_start(struct rig *rig)
{
	rig_enable(rig);
	rig_create_vm(rig, 1, 0, rig->root);
	assert_int_equal(ACI_STATUS_SUCCESS,
			 rig_admin(rig, rig_queue_make(rig, &rig->queue, 0, 1), NULL));
}

/* --- Device MMU --- */

uint64_t *rig_pte(struct rig *rig, uint64_t root, uint64_t va, unsigned int level)
{
	uint64_t table = root;

	for (unsigned int at = ACI_PT_LEVELS - 1; at > level; at--) {
		uint64_t *entry = (uint64_t *)rig_at(rig, table) + ACI_PT_INDEX(va, at);

		if (!*entry)
			*entry = htole64(rig_page(rig) | ACI_PTE_VALID);
		table = le64toh(*entry) & ACI_PTE_ADDR_MASK;
	}
	return (uint64_t *)rig_at(rig, table) + ACI_PT_INDEX(va, level);
}

uint64_t rig_leaf_bits(struct rig *rig)
{
	return ACI_PTE_VALID | ACI_PTE_LEAF | ACI_PTE_READ | ACI_PTE_WRITE |
	       (rig->cap & ACI_CAP_SNOOP ? ACI_PTE_SNOOP : 0);
}

uint64_t rig_map(struct rig *rig, uint64_t va, unsigned int pages)
{
	uint64_t first = 0;

	for (unsigned int i = 0; i < pages; i++) {
		uint64_t *entry = rig_pte(rig, rig->root, va + i * ACI_PAGE_SIZE, 0);
		uint64_t page = rig_page(rig);

		first = first ? first : page;
		*entry = htole64(page | rig_leaf_bits(rig));
	}
	return first;
}

static bool inv_is_done(struct rig *rig, uint64_t arg)
{
	const volatile struct aci_inv_record *record = rig_at(rig, rig->inv_record);

	return le64toh(record->completed) == arg;
}

uint64_t rig_invalidate(struct rig *rig, struct aci_inv_cmd cmd)
{
	struct aci_inv_cmd *ring = rig_at(rig, rig->inv);
	const struct aci_inv_record *record = rig_at(rig, rig->inv_record);

	ring[rig->inv_tail & 1] = cmd;
	rig_write(rig, ACI_REG_INV_SQ_TAIL, ++rig->inv_tail);
	assert_true(rig_wait(rig, inv_is_done, rig->inv_tail,
			     rig_read(rig, ACI_REG_T_INVALIDATE_MS)));
	return le64toh(record->error);
}

/* --- Job queue --- */

void rig_ring(struct rig *rig, uint16_t queue_id, uint32_t value)
{
	uint64_t page = (uint64_t)queue_id << rig->db_shift;

	rig_card_ops.doorbell_write(rig->card, page, value, 4);
	if (rig->cap & ACI_CAP_KICK)
		rig_card_ops.doorbell_write(rig->card, rig->kick_offset + page, 0, 4);
}

void rig_push(struct rig *rig, struct rig_queue *queue, struct aci_desc desc)
{
	struct aci_desc *ring = rig_at(rig, queue->ring);
	uint64_t old = queue->tail;

	ring[old % RIG_RING_SIZE] = desc;
	__atomic_store_n(&queue->user->tail, htole64(++queue->tail), __ATOMIC_RELEASE);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (!aci_queue_need_ring(le64toh(__atomic_load_n(&queue->user->event_index,
							 __ATOMIC_RELAXED)), old, queue->tail))
		return;
	rig_ring(rig, queue->id, (uint32_t)queue->tail);
}

static bool queue_is_idle(struct rig *rig, uint64_t arg)
{
	struct rig_queue *queue = (struct rig_queue *)(uintptr_t)arg;

	(void)rig;
	if (__atomic_load_n(&queue->record->state, __ATOMIC_ACQUIRE) ==
	    htole32(ACI_QUEUE_STATE_ERROR))
		return true;
	return le64toh(__atomic_load_n(&queue->record->completed, __ATOMIC_ACQUIRE)) == queue->tail;
}

unsigned int rig_stopped(struct rig *rig, struct rig_queue *queue)
{
	assert_true(rig_wait(rig, queue_is_idle, (uintptr_t)queue, LOST_MS));
	return le32toh(queue->record->error);
}

unsigned int rig_run(struct rig *rig, struct rig_queue *queue, struct aci_desc desc)
{
	rig_push(rig, queue, desc);
	return rig_stopped(rig, queue);
}

/* --- Events and notifications --- */

bool rig_event(struct rig *rig, struct aci_event *event)
{
	const struct aci_event *ring = rig_at(rig, rig->events);
	const struct aci_event *next = &ring[rig->event_head % RIG_EVENTS];

	if ((le32toh(__atomic_load_n(&next->phase, __ATOMIC_ACQUIRE)) & 1) !=
	    !(rig->event_head / RIG_EVENTS & 1))
		return false;
	*event = *next;
	rig_write(rig, ACI_REG_EVENT_HEAD, ++rig->event_head);
	return true;
}

int rig_notification(struct rig *rig)
{
	const struct aci_notify_entry *ring = rig_at(rig, rig->notify);
	const struct aci_notify_entry *next = &ring[rig->notify_head & ((1u << NOTIFY_SHIFT) - 1)];

	if ((le32toh(__atomic_load_n(&next->phase, __ATOMIC_ACQUIRE)) & ACI_NOTIFY_PHASE) !=
	    !(rig->notify_head >> NOTIFY_SHIFT & 1))
		return -1;
	rig->notify_head++;
	if (next->queue_id == htole16(rig->queue.id)) {
		uint64_t taken = le64toh(rig->queue.record->notify_taken) + 1;

		__atomic_store_n(&rig->queue.record->notify_taken, htole64(taken),
				 __ATOMIC_RELEASE);
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
	}
	return le16toh(next->queue_id);
}
