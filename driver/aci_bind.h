/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Binds: groups of operations on the mappings of a VM, and the FIFO in which
 * they are executed.
 *
 * The ioctl changes the tree of mappings under aci_vm.lock and plans the change
 * of the page tables; everything that may fail or allocates is done then. A bind
 * is executed right there if nothing is before it. Otherwise it goes to the
 * FIFO, in the order in which the tree was changed, and a worker executes it
 * once the fences that it waits for are signalled. What a bind has unmapped is
 * freed after the invalidation, by another worker, because fences do not wait
 * for that.
 *
 * aci_bind_fifo.lock is a leaf, taken in fence callbacks of others too. The
 * worker takes aci_pt_tree.lock, aci_device.reset_sem and aci_inval.lock, and
 * waits for card resets: no memory is allocated under these.
 */
#ifndef ACI_BIND_H
#define ACI_BIND_H

#include <linux/dma-fence.h>
#include <linux/list.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>

#include "aci_fence.h"
#include "aci_pt.h"
#include "aci_sync.h"

struct aci_vm;

/* Operations that are planned, executed and invalidated together. */
#define ACI_BIND_GROUP	1024

/* What may wait in a FIFO, by the room that it takes: a bind is worth so many operations. */
#define ACI_BIND_WEIGHT		64
#define ACI_BIND_WAITING_MAX	SZ_256K

/**
 * struct aci_bind - a group of operations
 */
struct aci_bind {
	/** @fence: initialised when queued; its last reference frees this structure */
	struct dma_fence fence;
	/** @ctx: timeline, with a reference once the fence is initialised */
	struct aci_fence_ctx *ctx;
	/** @node: in a list of the FIFO */
	struct list_head node;
	/** @signal_node: in the worker's list of those to be signalled */
	struct list_head signal_node;
	/** @vm: exists while the bind is in the FIFO */
	struct aci_vm *vm;
	/** @deps: fences to wait for; one more is left until the bind is queued */
	struct aci_sync_deps deps;
	/** @unmapped: struct aci_va to free after the execution */
	struct list_head unmapped;
	/** @tables: page tables to free after the execution */
	struct list_head tables;
	/** @count: number of @changes */
	u32 count;
	/** @changes: of the page tables */
	struct aci_pt_change *changes;
	/** @single: @changes of a bind with one */
	struct aci_pt_change single;
};

/**
 * struct aci_bind_fifo - binds of a VM
 */
struct aci_bind_fifo {
	/** @lock: protects all down to @error */
	spinlock_t lock;
	/** @queued: struct aci_bind that wait */
	struct list_head queued;
	/** @running: those that the worker executes */
	struct list_head running;
	/** @done: those to be freed; what they unmapped is not in use any more */
	struct list_head done;
	/** @cancelled: those to be freed after the VM is gone from the card */
	struct list_head cancelled;
	/** @waiting: weight of @queued and @running */
	u32 waiting;
	/** @seqno: of the last fence */
	u64 seqno;
	/** @error: not 0: binds end with it and are not executed */
	int error;
	/** @ctx: timeline */
	struct aci_fence_ctx *ctx;
	/** @work: executes */
	struct work_struct work;
	/** @reap_work: frees */
	struct work_struct reap_work;
};

struct aci_bind *aci_bind_alloc(struct aci_vm *vm, u32 count);
void aci_bind_free(struct aci_bind *bind);

int aci_bind_fifo_init(struct aci_bind_fifo *fifo, const char *name);
void aci_bind_fifo_fini(struct aci_bind_fifo *fifo);
bool aci_bind_fifo_is_idle(struct aci_bind_fifo *fifo);
bool aci_bind_fifo_has_room(struct aci_bind_fifo *fifo, u32 count);
int aci_bind_fifo_wait(struct aci_bind_fifo *fifo);
int aci_bind_fifo_add(struct aci_bind_fifo *fifo, struct aci_bind *bind);
void aci_bind_fifo_fail(struct aci_vm *vm, int error);
void aci_bind_fifo_close(struct aci_vm *vm, int error);
void aci_bind_fifo_reap_cancelled(struct aci_bind_fifo *fifo);

void aci_bind_watch_deps(struct aci_bind *bind);
int aci_bind_invalidate(struct aci_vm *vm, const struct aci_inval_batch *batch);
int aci_bind_execute(struct aci_vm *vm, struct list_head *binds);

#endif /* ACI_BIND_H */
