// SPDX-License-Identifier: GPL-2.0
/*
 * Execution of binds: page tables, invalidation, fences.
 */

#include <linux/slab.h>

#include "aci_bind.h"
#include "aci_device.h"
#include "aci_reset.h"
#include "aci_vm.h"

static const char *aci_bind_get_driver_name(struct dma_fence *fence)
{
	return "aci";
}

static const char *aci_bind_get_timeline_name(struct dma_fence *fence)
{
	return container_of(fence, struct aci_bind, fence)->ctx->name;
}

static void aci_bind_release(struct dma_fence *fence)
{
	struct aci_bind *bind = container_of(fence, struct aci_bind, fence);
	struct aci_fence_ctx *ctx = bind->ctx;

	kfree_rcu(bind, fence.rcu);
	aci_fence_ctx_put(ctx);
}

static const struct dma_fence_ops aci_bind_fence_ops = {
	ACI_FENCE_OPS_64BIT
	.get_driver_name = aci_bind_get_driver_name,
	.get_timeline_name = aci_bind_get_timeline_name,
	.release = aci_bind_release,
};

/**
 * aci_bind_alloc() - make a bind
 * @vm: VM
 * @count: room for so many changes
 *
 * Return: the bind or NULL.
 */
struct aci_bind *aci_bind_alloc(struct aci_vm *vm, u32 count)
{
	struct aci_bind *bind = kzalloc_obj(*bind, GFP_KERNEL_ACCOUNT);

	if (!bind)
		return NULL;
	bind->vm = vm;
	bind->changes = &bind->single;
	if (count > 1)
		bind->changes = kvmalloc_array(count, sizeof(*bind->changes), GFP_KERNEL_ACCOUNT);
	if (!bind->changes) {
		kfree(bind);
		return NULL;
	}
	aci_sync_init_deps(&bind->deps, 1);
	INIT_LIST_HEAD(&bind->unmapped);
	INIT_LIST_HEAD(&bind->tables);
	return bind;
}

/* All that a bind has besides its fence. */
static void aci_bind_strip(struct aci_bind *bind)
{
	aci_sync_drop_deps(&bind->deps);
	aci_pt_free_list(bind->vm->adev, &bind->tables);
	aci_va_free_list(&bind->unmapped);
	if (bind->changes != &bind->single)
		kvfree(bind->changes);
}

/**
 * aci_bind_free() - free a bind that was not queued, and what it unmapped
 * @bind: bind
 */
void aci_bind_free(struct aci_bind *bind)
{
	aci_sync_unwatch_deps(&bind->deps);
	aci_bind_strip(bind);
	kfree(bind);
}

static void aci_bind_reap(struct list_head *binds)
{
	struct aci_bind *bind, *next;

	list_for_each_entry_safe(bind, next, binds, node) {
		aci_bind_strip(bind);
		dma_fence_put(&bind->fence);
		cond_resched();
	}
}

static void aci_bind_reap_work(struct work_struct *work)
{
	struct aci_bind_fifo *fifo = container_of(work, struct aci_bind_fifo, reap_work);
	LIST_HEAD(binds);

	spin_lock_irq(&fifo->lock);
	list_splice_init(&fifo->done, &binds);
	spin_unlock_irq(&fifo->lock);
	aci_bind_reap(&binds);
}

/**
 * aci_bind_invalidate() - make sure that the card forgot what the page tables do not say any more
 * @vm: VM that the card knows; the caller holds neither aci_pt_tree.lock nor reset_sem
 * @batch: what to invalidate
 *
 * When it returns, no translation and no access through an old mapping remains.
 *
 * Return: 0 or -ENODEV.
 */
int aci_bind_invalidate(struct aci_vm *vm, const struct aci_inval_batch *batch)
{
	struct aci_device *adev = vm->adev;
	u64 generation;
	int ret = -ENODEV;

	if (!batch->count)
		return aci_is_dead(adev) ? -ENODEV : 0;
	down_read(&adev->reset_sem);
	generation = adev->reset_generation;
	if (aci_is_ok(adev))
		ret = aci_inval_run(adev, vm->card_id, batch);
	up_read(&adev->reset_sem);
	if (!ret)
		return 0;
	/* A reset does it, too: then the card knows nothing of what was unmapped. */
	aci_reset_and_wait(adev, generation, "invalidation did not complete");
	return aci_is_dead(adev) ? -ENODEV : 0;
}

/**
 * aci_bind_execute() - change the page tables, and invalidate
 * @vm: VM; the caller is its worker, or holds its lock while the worker is idle
 * @binds: struct aci_bind, not empty
 *
 * Return: 0 or -ENODEV. In both cases nothing of the old mappings is in use.
 */
int aci_bind_execute(struct aci_vm *vm, struct list_head *binds)
{
	struct aci_inval_batch batch = {};
	struct aci_bind *bind;
	LIST_HEAD(tables);
	int ret;
	u32 i;

	mutex_lock(&vm->pt.lock);
	list_for_each_entry(bind, binds, node)
		for (i = 0; i < bind->count; i++)
			aci_pt_execute(&vm->pt, &bind->changes[i], &batch);
	list_splice_init(&vm->pt.garbage, &tables);
	mutex_unlock(&vm->pt.lock);

	ret = aci_bind_invalidate(vm, &batch);
	bind = list_last_entry(binds, struct aci_bind, node);
	list_splice(&tables, &bind->tables);
	return ret;
}

static void aci_bind_dep_signalled(struct dma_fence *fence, struct dma_fence_cb *cb)
{
	struct aci_sync_deps *deps = container_of(cb, struct aci_sync_dep, cb)->deps;
	struct aci_bind *bind = container_of(deps, struct aci_bind, deps);

	/* The worker waits for this callback before it ends the bind. */
	if (atomic_dec_and_test(&deps->left))
		queue_work(bind->vm->adev->wq, &bind->vm->fifo.work);
}

/**
 * aci_bind_watch_deps() - be told when the fences in are signalled
 * @bind: bind that is not queued yet
 */
void aci_bind_watch_deps(struct aci_bind *bind)
{
	aci_sync_watch_deps(&bind->deps, aci_bind_dep_signalled);
}

/* Move the binds that can go to the running ones. Returns whether there are any. */
static bool aci_bind_fifo_take(struct aci_bind_fifo *fifo, int *error)
{
	struct aci_bind *bind, *next;
	bool any;

	spin_lock_irq(&fifo->lock);
	*error = fifo->error;
	list_for_each_entry_safe(bind, next, &fifo->queued, node) {
		if (atomic_read(&bind->deps.left) && !*error)
			break;
		list_move_tail(&bind->node, &fifo->running);
	}
	any = !list_empty(&fifo->running);
	spin_unlock_irq(&fifo->lock);
	return any;
}

static u32 aci_bind_weight(u32 count)
{
	return ACI_BIND_WEIGHT + count;
}

/* From here on the reaper may free what the binds have besides their fences. */
static void aci_bind_fifo_finish(struct aci_bind_fifo *fifo, struct workqueue_struct *reap_wq,
				 bool cancelled, struct list_head *signals)
{
	struct aci_bind *bind;

	spin_lock_irq(&fifo->lock);
	list_for_each_entry(bind, &fifo->running, node) {
		fifo->waiting -= aci_bind_weight(bind->count);
		dma_fence_get(&bind->fence);
		list_add_tail(&bind->signal_node, signals);
	}
	list_splice_tail_init(&fifo->running, cancelled ? &fifo->cancelled : &fifo->done);
	spin_unlock_irq(&fifo->lock);
	/* Before the fences, so that who waits for one can flush it. */
	if (!cancelled)
		queue_work(reap_wq, &fifo->reap_work);
}

static void aci_bind_signal(struct list_head *signals, int error)
{
	struct aci_bind *bind, *next;

	list_for_each_entry_safe(bind, next, signals, signal_node) {
		if (error)
			dma_fence_set_error(&bind->fence, error);
		dma_fence_signal(&bind->fence);
		dma_fence_put(&bind->fence);
	}
}

static void aci_bind_work(struct work_struct *work)
{
	struct aci_bind_fifo *fifo = container_of(work, struct aci_bind_fifo, work);
	struct aci_vm *vm = container_of(fifo, struct aci_vm, fifo);
	bool cookie = dma_fence_begin_signalling();
	struct aci_bind *bind;
	LIST_HEAD(signals);
	bool cancelled;
	int error;

	while (aci_bind_fifo_take(fifo, &error)) {
		/* No callback of theirs is running after this. */
		list_for_each_entry(bind, &fifo->running, node)
			aci_sync_unwatch_deps(&bind->deps);
		cancelled = error;
		if (!cancelled)
			error = aci_bind_execute(vm, &fifo->running);
		INIT_LIST_HEAD(&signals);
		aci_bind_fifo_finish(fifo, vm->adev->reap_wq, cancelled, &signals);
		aci_bind_signal(&signals, error);
	}
	dma_fence_end_signalling(cookie);
}

/**
 * aci_bind_fifo_init() - set up empty
 * @fifo: FIFO
 * @name: of the timeline
 *
 * Return: 0 or -ENOMEM.
 */
int aci_bind_fifo_init(struct aci_bind_fifo *fifo, const char *name)
{
	spin_lock_init(&fifo->lock);
	INIT_LIST_HEAD(&fifo->queued);
	INIT_LIST_HEAD(&fifo->running);
	INIT_LIST_HEAD(&fifo->done);
	INIT_LIST_HEAD(&fifo->cancelled);
	INIT_WORK(&fifo->work, aci_bind_work);
	INIT_WORK(&fifo->reap_work, aci_bind_reap_work);
	fifo->ctx = aci_fence_ctx_create(name);
	return fifo->ctx ? 0 : -ENOMEM;
}

/**
 * aci_bind_fifo_fini() - the VM is freed
 * @fifo: closed FIFO, or one that was never used
 */
void aci_bind_fifo_fini(struct aci_bind_fifo *fifo)
{
	if (fifo->ctx)
		aci_fence_ctx_put(fifo->ctx);
}

/**
 * aci_bind_fifo_is_idle() - whether a bind may be executed at once
 * @fifo: FIFO of a VM whose lock the caller holds
 *
 * Return: true if all binds were executed.
 */
bool aci_bind_fifo_is_idle(struct aci_bind_fifo *fifo)
{
	bool idle;

	spin_lock_irq(&fifo->lock);
	idle = list_empty(&fifo->queued) && list_empty(&fifo->running);
	spin_unlock_irq(&fifo->lock);
	return idle;
}

/**
 * aci_bind_fifo_has_room() - whether a bind may be queued
 * @fifo: FIFO of a VM whose lock the caller holds
 * @count: operations of the bind
 *
 * Return: false if too much waits already.
 */
bool aci_bind_fifo_has_room(struct aci_bind_fifo *fifo, u32 count)
{
	bool room;

	spin_lock_irq(&fifo->lock);
	room = fifo->waiting + aci_bind_weight(count) <= ACI_BIND_WAITING_MAX;
	spin_unlock_irq(&fifo->lock);
	return room;
}

/* The fence of the last bind with a reference, or NULL. */
static struct dma_fence *aci_bind_fifo_last(struct aci_bind_fifo *fifo)
{
	struct list_head *list;
	struct dma_fence *fence = NULL;

	spin_lock_irq(&fifo->lock);
	list = list_empty(&fifo->queued) ? &fifo->running : &fifo->queued;
	if (!list_empty(list))
		fence = dma_fence_get(&list_last_entry(list, struct aci_bind, node)->fence);
	spin_unlock_irq(&fifo->lock);
	return fence;
}

/**
 * aci_bind_fifo_wait() - sleep until the binds that are queued now have ended
 * @fifo: FIFO
 *
 * Return: 0 or -ERESTARTSYS.
 */
int aci_bind_fifo_wait(struct aci_bind_fifo *fifo)
{
	struct dma_fence *fence = aci_bind_fifo_last(fifo);
	int ret;

	if (!fence)
		return 0;
	ret = dma_fence_wait(fence, true);
	dma_fence_put(fence);
	return ret;
}

/**
 * aci_bind_fifo_add() - queue a bind
 * @fifo: FIFO of a VM whose lock the caller holds
 * @bind: bind whose fences in are watched; the FIFO owns it afterwards, unless
 *	this fails
 *
 * On success the caller gets a reference to the fence.
 *
 * Return: 0; -ENODEV if the device is dead, and makes no DMA.
 */
int aci_bind_fifo_add(struct aci_bind_fifo *fifo, struct aci_bind *bind)
{
	struct aci_device *adev = bind->vm->adev;
	int ret;

	spin_lock_irq(&fifo->lock);
	ret = fifo->error;
	if (!ret) {
		bind->ctx = aci_fence_ctx_get(fifo->ctx);
		dma_fence_init64(&bind->fence, &aci_bind_fence_ops, &bind->ctx->lock,
				 bind->ctx->context, ++fifo->seqno);
		dma_fence_get(&bind->fence);
		list_add_tail(&bind->node, &fifo->queued);
		fifo->waiting += aci_bind_weight(bind->count);
		if (atomic_dec_and_test(&bind->deps.left))
			queue_work(adev->wq, &fifo->work);
	}
	spin_unlock_irq(&fifo->lock);
	return ret;
}

/**
 * aci_bind_fifo_fail() - end all binds with an error, also those to come
 * @vm: VM in aci_device.vms
 * @error: for their fences
 *
 * Does not wait: for the reset.
 */
void aci_bind_fifo_fail(struct aci_vm *vm, int error)
{
	struct aci_bind_fifo *fifo = &vm->fifo;

	spin_lock_irq(&fifo->lock);
	if (!fifo->error)
		fifo->error = error;
	queue_work(vm->adev->wq, &fifo->work);
	spin_unlock_irq(&fifo->lock);
}

/**
 * aci_bind_fifo_close() - end all binds; no others come
 * @vm: VM on its way out
 * @error: for the fences of those that do not run yet
 */
void aci_bind_fifo_close(struct aci_vm *vm, int error)
{
	struct aci_bind_fifo *fifo = &vm->fifo;

	aci_bind_fifo_fail(vm, error);
	flush_work(&fifo->work);
	/* Fence callbacks that came before the end of their binds. */
	cancel_work_sync(&fifo->work);
	flush_work(&fifo->reap_work);
}

/**
 * aci_bind_fifo_reap_cancelled() - free binds that were not executed
 * @fifo: closed FIFO of a VM that the card does not know any more
 */
void aci_bind_fifo_reap_cancelled(struct aci_bind_fifo *fifo)
{
	aci_bind_reap(&fifo->cancelled);
	INIT_LIST_HEAD(&fifo->cancelled);
}
