/* SPDX-License-Identifier: MIT */
/*
 * A host in miniature for tests of the virtual card's core: host memory, admin
 * and invalidation rings, page tables, queues.
 *
 * Locking: everything is called by the test's thread; interrupts count in
 * atomics.
 */
#ifndef TESTS_UNIT_VCARD_RIG_H
#define TESTS_UNIT_VCARD_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
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

#include "../../tools/vcard/core/card.h"
#include "../../tools/vcard/core/util.h"

#define RIG_IOVA		0x100000000ull
#define RIG_HOST_BYTES		(48u << 20)
#define RIG_ADMIN_SHIFT		4
#define RIG_INV_SHIFT		4
#define RIG_EVENT_SHIFT		3
#define RIG_NOTIFY_SHIFT	6
#define RIG_RING_SHIFT		6
#define RIG_TIMEOUT_MS		20000
#define RIG_VECTORS		64

#define PTE_SYSTEM_RW	(ACI_PTE_READ | ACI_PTE_WRITE | ACI_PTE_SNOOP)
#define PTE_SYSTEM_RO	(ACI_PTE_READ | ACI_PTE_SNOOP)
#define PTE_CARD_RW	(ACI_PTE_READ | ACI_PTE_WRITE | ACI_PTE_CARD)

struct rig {
	struct vcard *card;
	struct vcard_window aperture;
	struct vcard_window doorbells;
	uint8_t *host;
	uint64_t used;

	uint64_t admin_sq, admin_cq, inv_sq, inv_record, events, notify;
	uint32_t sq_tail, cq_head, inv_tail, event_head, notify_head;
	uint64_t result;		/* of the last admin command */
	uint64_t roots[8];		/* page tables by VM id */
	_Atomic unsigned int irqs[RIG_VECTORS];
	struct waker irq_waker;
};

struct rig_queue {
	struct rig *rig;
	uint16_t id;
	uint8_t ring_shift;
	uint64_t tail;
	uint64_t ring;
	struct aci_queue_record *record;
	struct aci_queue_user_page *user;
	uint64_t kicks;
};

/* Power on, enabled with rings. @config: NULL for small defaults. */
void rig_start(struct rig *rig, const struct vcard_config *config);
void rig_config(struct vcard_config *config);
void rig_enable(struct rig *rig);
void rig_stop(struct rig *rig);

/* Host memory: zeroed, page aligned. Returns its bus address. */
uint64_t rig_alloc(struct rig *rig, uint64_t bytes);
void *rig_at(struct rig *rig, uint64_t iova);

uint32_t rig_read32(struct rig *rig, uint32_t offset);
void rig_write32(struct rig *rig, uint32_t offset, uint32_t value);
void rig_write64(struct rig *rig, uint32_t offset, uint64_t value);

/* Wait until @condition(@arg); the test fails after RIG_TIMEOUT_MS. */
void rig_wait(bool (*condition)(void *arg), void *arg, const char *what);
uint64_t rig_now_ns(void);
void rig_sleep_ms(unsigned int ms);

/* Submit without waiting; take one completion. */
void rig_admin_submit(struct rig *rig, const struct aci_admin_cmd *cmd);
struct aci_admin_cpl rig_admin_next(struct rig *rig);
unsigned int rig_admin(struct rig *rig, const struct aci_admin_cmd *cmd);

void rig_create_vm(struct rig *rig, uint16_t vm, uint16_t flags);
unsigned int rig_delete_vm(struct rig *rig, uint16_t vm);
/* Pointer to the entry of @va in the table of @level; tables are made on the way. */
uint64_t *rig_pte(struct rig *rig, uint16_t vm, uint64_t va, unsigned int level);
void rig_map(struct rig *rig, uint16_t vm, uint64_t va, uint64_t address, uint64_t bytes,
	     uint64_t flags);
/* Returns the error word of the record. */
uint64_t rig_invalidate(struct rig *rig, uint8_t opcode, uint16_t vm, uint64_t va, uint64_t bytes);

struct rig_queue_options {
	uint8_t engine_class;
	uint8_t priority;
	uint8_t flags;
	uint16_t notify_ring;
	uint32_t watchdog_ms;
};

/* Fill a command; submit it oneself to see it refused. */
void rig_queue_prepare(struct rig *rig, struct rig_queue *queue, uint16_t id, uint16_t vm,
		       const struct rig_queue_options *options, struct aci_admin_cmd *cmd);
void rig_queue_create(struct rig *rig, struct rig_queue *queue, uint16_t id, uint16_t vm,
		      const struct rig_queue_options *options);
unsigned int rig_queue_command(struct rig_queue *queue, uint8_t opcode, uint64_t index);
void rig_queue_command_fill(struct rig_queue *queue, uint8_t opcode, uint64_t index,
			    struct aci_admin_cmd *cmd);

/* One descriptor: write, move the tail, ring if the card asks for it. */
void rig_submit(struct rig_queue *queue, const struct aci_desc *desc);
void rig_ring(struct rig_queue *queue, uint64_t old_tail);
void rig_wait_completed(struct rig_queue *queue, uint64_t count);
/* The same, asleep until the card's interrupt: for one queue that alone has notifications. */
void rig_sleep_completed(struct rig_queue *queue, uint64_t count);
void rig_wait_started(struct rig_queue *queue, uint64_t count);
void rig_wait_state(struct rig_queue *queue, uint32_t state);
/* Submit, wait for the halt, check the exact record. */
void rig_expect_error(struct rig_queue *queue, const struct aci_desc *desc, unsigned int status,
		      uint64_t info);

/* The next event, or type 0 if there is none within @ms. */
struct aci_event rig_event(struct rig *rig, unsigned int ms);
/* Take the next entry of notification ring 0: true if there is one; it must be @queue's. */
bool rig_notify_take(struct rig *rig, struct rig_queue *queue);

void rig_ctl(struct rig *rig, const char *line);

struct aci_desc desc_nop(void);
struct aci_desc desc_copy(uint64_t src, uint64_t dst, uint64_t bytes);
struct aci_desc desc_fill(uint64_t dst, uint64_t bytes, uint64_t pattern, uint32_t unit);
struct aci_desc desc_signal(uint64_t addr, uint64_t value);
struct aci_desc desc_wait(uint64_t addr, uint64_t value, uint64_t timeout_ns);

/* For cmocka_unit_test_setup_teardown(): state is a struct rig. */
int rig_setup(void **state);
int rig_teardown(void **state);

#define rig_test(f)	cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)

#endif
