/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Admin queue: commands to the card's firmware, many at a time, each waited for
 * by its caller in process context and completed by the interrupt of vector 0.
 *
 * aci_admin.lock is a leaf and protects slots and completion ring. The submission
 * ring has a mutex of its own, for its users sleep anyway and a write to a register
 * may take long; aci_admin.lock is never taken inside it. A command that ran into
 * its bound leaves its slot, and so its id and data page, to the card until the
 * next reset.
 */
#ifndef ACI_ADMIN_H
#define ACI_ADMIN_H

#include <linux/completion.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/wait.h>
#include <aci/aci_admin.h>

#define ACI_ADMIN_SLOTS_MAX	64

struct aci_device;

/**
 * enum aci_admin_slot_state - who owns a slot
 * @ACI_ADMIN_SLOT_FREE: nobody
 * @ACI_ADMIN_SLOT_BUSY: a caller that waits
 * @ACI_ADMIN_SLOT_DONE: a caller that will find the answer
 * @ACI_ADMIN_SLOT_QUARANTINED: the card, until a reset
 */
enum aci_admin_slot_state {
	ACI_ADMIN_SLOT_FREE,
	ACI_ADMIN_SLOT_BUSY,
	ACI_ADMIN_SLOT_DONE,
	ACI_ADMIN_SLOT_QUARANTINED,
};

/**
 * struct aci_admin_slot - one command id with its data page
 */
struct aci_admin_slot {
	/** @done: the command is over */
	struct completion done;
	/** @state: who owns the slot */
	enum aci_admin_slot_state state;
	/** @status: of the completion */
	u16 status;
	/** @result: of the completion */
	u64 result;
	/** @data: data page */
	void *data;
	/** @data_dma: its address for the card */
	dma_addr_t data_dma;
};

/**
 * struct aci_admin - the queue
 */
struct aci_admin {
	/** @lock: protects all below but what @sq_lock protects */
	spinlock_t lock;
	/** @sq_lock: protects @sq, @sq_tail and the register that tells the tail */
	struct mutex sq_lock;
	/** @slot_wait: woken when a slot becomes free */
	wait_queue_head_t slot_wait;
	/** @running: commands are accepted; read under either lock */
	bool running;
	/** @shift: log2 of the entries and slots */
	unsigned int shift;
	/** @sq: submission ring */
	struct aci_admin_cmd *sq;
	/** @sq_dma: its address for the card */
	dma_addr_t sq_dma;
	/** @cq: completion ring */
	struct aci_admin_cpl *cq;
	/** @cq_dma: its address for the card */
	dma_addr_t cq_dma;
	/** @sq_tail: commands written */
	u32 sq_tail;
	/** @cq_head: completions read */
	u32 cq_head;
	/** @slots: by command id */
	struct aci_admin_slot slots[ACI_ADMIN_SLOTS_MAX];
};

/**
 * struct aci_admin_req - a command and its answer
 */
struct aci_admin_req {
	/** @cmd: all but id and data buffer */
	struct aci_admin_cmd cmd;
	/** @in: @data_bytes for the card, or NULL */
	const void *in;
	/** @out: receives @data_bytes from the card, or NULL */
	void *out;
	/** @data_bytes: at most a page */
	u32 data_bytes;
	/** @bound_ms: the card's bound; 0: that of admin commands */
	u32 bound_ms;
	/** @status: out: ACI_STATUS_* if the card answered */
	u16 status;
	/** @result: out: if the card answered */
	u64 result;
};

int aci_admin_init(struct aci_device *adev);
void aci_admin_program(struct aci_device *adev);
void aci_admin_start(struct aci_device *adev);
void aci_admin_stop(struct aci_device *adev);
void aci_admin_handle_irq(struct aci_device *adev);
int aci_admin_exec(struct aci_device *adev, struct aci_admin_req *req);

#endif /* ACI_ADMIN_H */
