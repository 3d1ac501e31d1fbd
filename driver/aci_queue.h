/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Queues: in-order execution in one VM. What both kinds share, and kernel queues,
 * whose ring the driver writes; user queues are in aci_user_queue.h.
 *
 * A job is in one of two lists of its queue: pending jobs are in the ring, in
 * order; waiting jobs follow them, for lack of ring space, for a fence, or
 * because the queue is held. Both lists, the ring and what the card is told
 * belong to aci_queue.lock, a leaf.
 */
#ifndef ACI_QUEUE_H
#define ACI_QUEUE_H

#include <linux/kref.h>
#include <linux/list.h>
#include <linux/sched.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>
#include <aci/aci_queue.h>
#include <aci/aci_regs.h>

#include "aci_fence.h"

/* Parts of aci_queue.mem; a user queue's ends before the user page. */
#define ACI_QUEUE_MEM_RECORD		0
#define ACI_QUEUE_MEM_PAGE_LIST		(1 * ACI_PAGE_SIZE)
#define ACI_QUEUE_MEM_USER_PAGE		(2 * ACI_PAGE_SIZE)
#define ACI_QUEUE_MEM_RING		(3 * ACI_PAGE_SIZE)

struct aci_device;
struct aci_file;
struct aci_quota_user;
struct aci_vm;
struct drm_aci_query_queue;
struct drm_device;
struct drm_file;

/**
 * enum aci_queue_state - who may touch the ring
 * @ACI_QUEUE_LIVE: whoever holds the lock
 * @ACI_QUEUE_HELD: only recovery or reset; new jobs wait
 * @ACI_QUEUE_DEAD: nobody; there are no jobs
 */
enum aci_queue_state {
	ACI_QUEUE_LIVE,
	ACI_QUEUE_HELD,
	ACI_QUEUE_DEAD,
};

/**
 * struct aci_queue_error - the last failed job
 */
struct aci_queue_error {
	/** @status: ACI_STATUS_* */
	u32 status;
	/** @count: failed jobs */
	u32 count;
	/** @index: descriptor that failed */
	u64 index;
	/** @info: fault address or operation index */
	u64 info;
};

/**
 * struct aci_queue - a queue
 */
struct aci_queue {
	/* What submission and completion use. */

	/** @lock: leaf; protects all down to @error */
	spinlock_t lock;
	/** @state: who may touch the ring */
	enum aci_queue_state state;
	/** @banned: takes no more jobs */
	bool banned;
	/** @timer_armed: @timeout_work is queued or running */
	bool timer_armed;
	/** @misbehaved: the card wrote an impossible count */
	bool misbehaved;
	/** @pending: struct aci_job in the ring */
	struct list_head pending;
	/** @waiting: struct aci_job not yet in the ring */
	struct list_head waiting;
	/** @waiting_descs: descriptors of @waiting */
	u64 waiting_descs;
	/** @tail: descriptors written to the ring */
	u64 tail;
	/** @told_tail: what the card knows of it */
	u64 told_tail;
	/** @completed: last value seen of the record's */
	u64 completed;
	/** @armed: notify_at that has not been reached, or 0 */
	u64 armed;
	/** @seqno: of the last fence */
	u64 seqno;
	/** @head_active_ns: active_ns when the first pending job became the first */
	u64 head_active_ns;
	/** @jobs_completed: jobs that ended without an error */
	u64 jobs_completed;
	/** @suspect_seqno: job whose time is up, 0: none */
	u64 suspect_seqno;
	/** @lost_active_ns: active_ns before the card was last reset */
	u64 lost_active_ns;
	/** @lost_macs: macs before the card was last reset */
	u64 lost_macs;
	/** @lost_bytes: bytes before the card was last reset */
	u64 lost_bytes;
	/** @failures: consecutive failed jobs */
	unsigned int failures;
	/** @defies: the card did not stop the queue, which led to its reset */
	bool defies;
	/** @guilty: a job failed or hung */
	bool guilty;
	/** @innocent: work was lost in another's reset */
	bool innocent;
	/** @error: the last failed job */
	struct aci_queue_error error;

	/* Constant while the queue is not dead. */

	/** @is_user: it is a struct aci_user_queue */
	bool is_user;
	/** @record: control record; NULL, under @lock, once it is freed */
	struct aci_queue_record *record;
	/** @user_page: where the card looks for the tail; NULL for a user queue */
	struct aci_queue_user_page *user_page;
	/** @ring: descriptors; NULL for a user queue */
	struct aci_desc *ring;
	/** @ring_entries: its size, a power of two */
	u32 ring_entries;
	/** @descs_max: most descriptors in both lists */
	u32 descs_max;
	/** @doorbell: doorbell page */
	void __iomem *doorbell;
	/** @kick: kick page, or NULL */
	void __iomem *kick;
	/** @fence_ctx: timeline; NULL for a user queue */
	struct aci_fence_ctx *fence_ctx;
	/** @adev: device */
	struct aci_device *adev;
	/** @afile: file that may submit; NULL until the queue is published */
	struct aci_file *afile;
	/** @vm: the VM, with a reference */
	struct aci_vm *vm;
	/** @id: the card's queue id */
	u32 id;
	/** @user: who the queue counts for */
	struct aci_quota_user *user;
	/** @vector: interrupt vector */
	unsigned int vector;
	/** @engine_class: ACI_ENGINE_CLASS_* */
	u32 engine_class;
	/** @priority: ACI_PRIORITY_* */
	u32 priority;
	/** @timeout_ms: engine time of a job; of a user queue: without progress */
	u32 timeout_ms;
	/** @no_wait: WAIT descriptors are refused */
	bool no_wait;
	/** @pid: process that made it */
	pid_t pid;
	/** @comm: its name */
	char comm[TASK_COMM_LEN];

	/** @ref: reference count */
	struct kref ref;
	/** @rcu: interrupt handlers and fence callbacks look without a reference */
	struct rcu_head rcu;
	/** @node: in aci_device.queues while the card knows the queue */
	struct list_head node;
	/** @forgotten: a user queue that the card does not know; under aci_device.reset_sem */
	bool forgotten;
	/** @user_page_dma: address of the user page for the card */
	dma_addr_t user_page_dma;
	/** @mem: record, page list, user page, ring */
	void *mem;
	/** @mem_dma: its address for the card */
	dma_addr_t mem_dma;
	/** @mem_bytes: its size */
	size_t mem_bytes;
	/** @timeout_work: looks after the first pending job */
	struct delayed_work timeout_work;
	/** @recover_work: makes a stopped queue run again; has a user queue's failure noted */
	struct work_struct recover_work;
	/** @push_work: pushes ready jobs that a fence callback left */
	struct work_struct push_work;
};

/* User ids are the card's plus 1, so that SUBMIT finds a queue without a tree. */
static inline u32 aci_queue_user_id(u32 card_id)
{
	return card_id + 1;
}

static inline u32 aci_queue_card_id(u32 user_id)
{
	return user_id - 1;
}

struct aci_queue *aci_queue_lookup(struct aci_file *afile, u32 id);
struct aci_queue *aci_queue_lookup_live(struct aci_file *afile, u32 id);
void aci_queue_put(struct aci_queue *queue);
void aci_queue_teardown(struct aci_queue *queue, int error);
void aci_queue_close_all(struct aci_file *afile);
int aci_queue_alloc_coherent(struct aci_queue *queue, size_t bytes);
int aci_queue_create_on_card(struct aci_queue *queue, u8 flags);
int aci_queue_command(struct aci_queue *queue, u8 opcode, u64 index, u32 bound_ms, u16 *status);
u64 aci_queue_active_ns(struct aci_queue *queue);
void aci_queue_keep_counters_locked(struct aci_queue *queue);
void aci_queue_query(struct aci_queue *queue, struct drm_aci_query_queue *out);

/* The card posts the next entry of the queue only after this. */
static inline void aci_queue_take_entry_locked(struct aci_queue *queue)
{
	struct aci_queue_record *record = queue->record;

	WRITE_ONCE(record->notify_taken, cpu_to_le64(le64_to_cpu(record->notify_taken) + 1));
	/* Store notify_taken, then load completed; the card does the reverse. */
	mb();
}

int aci_queue_create_ioctl(struct drm_device *drm, void *data, struct drm_file *file);
int aci_queue_destroy_ioctl(struct drm_device *drm, void *data, struct drm_file *file);

#endif /* ACI_QUEUE_H */
