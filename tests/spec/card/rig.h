/* SPDX-License-Identifier: MIT */
/*
 * A host for card conformance tests: memory, rings, commands, one VM and its
 * queues, by the rules of Documentation/aci. The card behind it is reached
 * through struct rig_card_ops, so that the same tests run against any card.
 *
 * Locking: one thread. rig->lock covers the count of interrupts, which a card
 * raises from threads of its own.
 */
#ifndef SPEC_CARD_RIG_H
#define SPEC_CARD_RIG_H

#include <endian.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include <aci/aci_admin.h>
#include <aci/aci_log.h>
#include <aci/aci_mmu.h>
#include <aci/aci_queue.h>
#include <aci/aci_regs.h>
#include <aci/aci_status.h>

#define RIG_DMA_BASE	0x40000000ull	/* bus address of the host memory; below 32 bits */
#define RIG_DMA_BYTES	(16ull << 20)
#define RIG_RING_SHIFT	6
#define RIG_RING_SIZE	(1u << RIG_RING_SHIFT)
#define RIG_EVENTS	2u		/* entries of the event ring */
#define RIG_NONE	0xdead0000ull	/* a bus address where nothing is; below 32 bits too */

struct rig;

/*
 * A card to test: with power, memory space enabled, Bus Master Enable 1. It reaches
 * rig->mem at RIG_DMA_BASE and nothing else, and its interrupts come to rig_raise().
 */
struct rig_card_ops {
	/** @create: @base: of the base profile and without memory. Return: NULL if there is none */
	void *(*create)(struct rig *rig, bool base);
	void (*destroy)(void *card);
	void (*config_read)(void *card, uint32_t offset, void *data, uint32_t bytes);
	void (*config_write)(void *card, uint32_t offset, const void *data, uint32_t bytes);
	uint64_t (*reg_read)(void *card, uint32_t offset, unsigned int size);
	void (*reg_write)(void *card, uint32_t offset, uint64_t value, unsigned int size);
	/** @memory_read: in the memory BAR, like @memory_write; only for a card with an aperture */
	void (*memory_read)(void *card, uint64_t offset, void *data, uint32_t bytes);
	void (*memory_write)(void *card, uint64_t offset, const void *data, uint32_t bytes);
	/** @doorbell_write: anywhere in the doorbell BAR; @size: 4 or 8 */
	void (*doorbell_write)(void *card, uint64_t offset, uint64_t value, unsigned int size);
	void (*bus_master)(void *card, bool on);
	/** @function_reset: to its end, then Bus Master Enable 1 again */
	void (*function_reset)(void *card);
	/** @poll: for a card without threads: let it work; else NULL */
	void (*poll)(void *card);
};

extern const struct rig_card_ops rig_card_ops;

struct rig_queue {
	uint16_t id;
	uint64_t list, ring, record_at, user_at;
	struct aci_queue_record *record;
	struct aci_queue_user_page *user;
	uint64_t tail;
};

struct rig {
	void *card;
	uint8_t *mem;
	uint64_t next;			/* bus address of the next unused page */
	pthread_mutex_t lock;
	pthread_cond_t raised;
	unsigned int irqs;

	uint64_t cap;
	uint32_t dma_bits, db_shift;
	uint64_t kick_offset;
	uint64_t sq, cq, inv, inv_record, events, notify, data, root;
	uint32_t sq_tail, cq_head, inv_tail, event_head, notify_head;
	unsigned int admin_shift;
	struct rig_queue queue;
};

/* --- for cards --- */
void rig_raise(struct rig *rig, unsigned int vector);

/* --- for tests; all but rig_setup() may fail the test --- */
int rig_setup(void **state);
/** rig_setup_base() - with a card of the base profile; *@state is NULL if there is none */
int rig_setup_base(void **state);
int rig_teardown(void **state);

uint64_t rig_page(struct rig *rig);
void *rig_at(struct rig *rig, uint64_t address);

uint32_t rig_read(struct rig *rig, uint32_t offset);
uint64_t rig_read64(struct rig *rig, uint32_t offset);
void rig_write(struct rig *rig, uint32_t offset, uint32_t value);
void rig_write64(struct rig *rig, uint32_t offset, uint64_t value);

/** rig_wait() - until @done(rig, arg), woken by interrupts. Return: false after @bound_ms */
bool rig_wait(struct rig *rig, bool (*done)(struct rig *rig, uint64_t arg), uint64_t arg,
	      unsigned int bound_ms);
bool rig_wait_status(struct rig *rig, uint32_t mask, uint32_t value);

/** rig_program() - write bases and sizes to a disabled card, with empty rings */
void rig_program(struct rig *rig);
void rig_enable(struct rig *rig);
void rig_disable(struct rig *rig);
/** rig_reset() - card reset, to its end */
void rig_reset(struct rig *rig);
/** rig_reset_by() - card reset, with what [15:8] of the register is to be */
void rig_reset_by(struct rig *rig, uint8_t engine_class);

/** rig_admin() - run a command within @bound_ms. Return: its status */
unsigned int rig_admin(struct rig *rig, struct aci_admin_cmd cmd, uint64_t *result);
unsigned int rig_queue_command(struct rig *rig, uint8_t opcode, uint16_t queue, uint64_t index);

void rig_create_vm(struct rig *rig, uint16_t id, uint16_t flags, uint64_t root);
/** rig_queue_make() - memory for a queue; the command that makes it is in the result */
struct aci_admin_cmd rig_queue_make(struct rig *rig, struct rig_queue *queue, uint16_t id,
				    uint16_t vm);
/** rig_start() - enable, VM 1, queue 0 in rig->queue */
void rig_start(struct rig *rig);

/** rig_pte() - the entry of @va at @level, tables made on the way; in the VM of @root */
uint64_t *rig_pte(struct rig *rig, uint64_t root, uint64_t va, unsigned int level);
/** rig_map() - map @pages host pages from @va on, writable. Return: their address */
uint64_t rig_map(struct rig *rig, uint64_t va, unsigned int pages);
uint64_t rig_leaf_bits(struct rig *rig);
/** rig_invalidate() - Return: the record's error word */
uint64_t rig_invalidate(struct rig *rig, struct aci_inv_cmd cmd);

/** rig_ring() - doorbell and, where there is one, kick */
void rig_ring(struct rig *rig, uint16_t queue_id, uint32_t value);
/** rig_push() - write a descriptor, move the tail, ring by the rules */
void rig_push(struct rig *rig, struct rig_queue *queue, struct aci_desc desc);
/** rig_stopped() - wait until the queue completed all or halted. Return: its error */
unsigned int rig_stopped(struct rig *rig, struct rig_queue *queue);
unsigned int rig_run(struct rig *rig, struct rig_queue *queue, struct aci_desc desc);

/** rig_event() - take the next event. Return: false if there is none */
bool rig_event(struct rig *rig, struct aci_event *event);
/** rig_notification() - take the next entry, of rig->queue. Return: queue id, or -1 */
int rig_notification(struct rig *rig);

#endif
