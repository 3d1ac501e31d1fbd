// SPDX-License-Identifier: GPL-2.0
/*
 * VM_BIND: from the ioctl to planned binds.
 *
 * Operations are copied from user space in groups, each of which becomes a bind.
 * Planned and executed or queued under the VM's lock, the binds of a VM are
 * executed in the order in which they changed its tree of mappings.
 */

#include <linux/uaccess.h>
#include <drm/drm_file.h>
#include <drm/drm_gem.h>
#include <drm/aci_accel.h>

#include "aci_bind.h"
#include "aci_device.h"
#include "aci_gem.h"
#include "aci_ioctl.h"
#include "aci_trace.h"
#include "aci_vm.h"

/**
 * struct aci_bind_call - a call of VM_BIND
 */
struct aci_bind_call {
	/** @drm: device */
	struct drm_device *drm;
	/** @file: caller */
	struct drm_file *file;
	/** @args: argument of the ioctl */
	struct drm_aci_vm_bind *args;
	/** @vm: the VM */
	struct aci_vm *vm;
	/** @outs: syncobjs to signal */
	struct aci_sync_outs outs;
	/** @ops: copy of a group */
	struct drm_aci_bind_op *ops;
	/** @single: @ops of a call with one */
	struct drm_aci_bind_op single;
	/** @bind: in the making */
	struct aci_bind *bind;
	/** @fence: of the last bind that was queued, with a reference, or NULL */
	struct dma_fence *fence;
	/** @spare: preallocated for the operation that is planned */
	struct aci_va *spare[3];
	/** @readonly: flag of the operation that is planned */
	bool readonly;
};

static struct aci_va *aci_bind_take_spare(struct aci_bind_call *call)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(call->spare); i++) {
		struct aci_va *va = call->spare[i];

		call->spare[i] = NULL;
		if (va)
			return va;
	}
	/* A map makes three at most: itself and what remains on either side. */
	WARN_ON_ONCE(1);
	return NULL;
}

static int aci_bind_fill_spare(struct aci_bind_call *call)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(call->spare); i++) {
		if (!call->spare[i])
			call->spare[i] = kzalloc_obj(*call->spare[i], GFP_KERNEL_ACCOUNT);
		if (!call->spare[i])
			return -ENOMEM;
	}
	return 0;
}

/**
 * aci_vm_step_map() - drm_gpuvm: insert the new mapping
 * @op: what to map
 * @priv: struct aci_bind_call
 *
 * Return: 0; spares are preallocated.
 */
int aci_vm_step_map(struct drm_gpuva_op *op, void *priv)
{
	struct aci_bind_call *call = priv;
	struct aci_va *va = aci_bind_take_spare(call);

	if (!va)
		return -ENOMEM;
	aci_va_init(va, call->vm, op->map.gem.obj, call->readonly);
	drm_gpuva_map(&call->vm->gpuvm, &va->base, &op->map);
	aci_import_add_va(va);
	call->vm->mapped_bytes += va->base.va.range;
	return 0;
}

/**
 * aci_vm_step_remap() - drm_gpuvm: replace a mapping by what remains of it
 * @op: what remains
 * @priv: struct aci_bind_call
 *
 * Return: 0; spares are preallocated.
 */
int aci_vm_step_remap(struct drm_gpuva_op *op, void *priv)
{
	struct aci_va *old = to_aci_va(op->remap.unmap->va);
	struct aci_va *prev = NULL, *next = NULL;
	struct aci_bind_call *call = priv;

	if (op->remap.prev) {
		prev = aci_bind_take_spare(call);
		if (!prev)
			return -ENOMEM;
		aci_va_init(prev, call->vm, old->base.gem.obj, old->readonly);
	}
	if (op->remap.next) {
		next = aci_bind_take_spare(call);
		if (!next)
			return -ENOMEM;
		aci_va_init(next, call->vm, old->base.gem.obj, old->readonly);
	}
	call->vm->mapped_bytes -= old->base.va.range;
	drm_gpuva_remap(prev ? &prev->base : NULL, next ? &next->base : NULL, &op->remap);
	if (prev)
		aci_import_add_va(prev);
	if (next)
		aci_import_add_va(next);
	call->vm->mapped_bytes += (prev ? prev->base.va.range : 0) +
				  (next ? next->base.va.range : 0);
	list_add_tail(&old->node, &call->bind->unmapped);
	return 0;
}

/**
 * aci_vm_step_unmap() - drm_gpuvm: remove a mapping
 * @op: which
 * @priv: struct aci_bind_call
 *
 * Return: 0.
 */
int aci_vm_step_unmap(struct drm_gpuva_op *op, void *priv)
{
	struct aci_va *va = to_aci_va(op->unmap.va);
	struct aci_bind_call *call = priv;

	call->vm->mapped_bytes -= va->base.va.range;
	drm_gpuva_unmap(&op->unmap);
	list_add_tail(&va->node, &call->bind->unmapped);
	return 0;
}

static int aci_bind_check_op(const struct drm_aci_bind_op *op)
{
	u64 end;

	if (op->pad || op->op > DRM_ACI_BIND_UNMAP)
		return -EINVAL;
	if (!op->size || !IS_ALIGNED(op->va | op->size | op->offset, ACI_PAGE_SIZE) ||
	    check_add_overflow(op->va, op->size, &end))
		return -EINVAL;
	if (op->va < ACI_VM_VA_START || end > ACI_VM_VA_END)
		return -EINVAL;
	if (op->op == DRM_ACI_BIND_UNMAP)
		return op->flags || op->handle || op->offset ? -EINVAL : 0;
	return op->flags & ~DRM_ACI_BIND_READONLY ? -EINVAL : 0;
}

static int aci_bind_plan_map_bo(struct aci_bind_call *call, const struct drm_aci_bind_op *op,
				struct drm_gem_object *obj)
{
	struct aci_pt_change *change = &call->bind->changes[call->bind->count];
	struct aci_vm *vm = call->vm;
	u64 end;
	int ret;

	if (check_add_overflow(op->offset, op->size, &end) || end > obj->size)
		return -EINVAL;
	*change = (struct aci_pt_change) {
		.bo = to_aci_bo(obj),
		.offset = op->offset,
		.va = op->va,
		.bytes = op->size,
		.readonly = op->flags & DRM_ACI_BIND_READONLY,
	};
	ret = aci_gem_prepare(change->bo, change->readonly);
	ret = ret ?: aci_bind_fill_spare(call);
	ret = ret ?: aci_pt_plan(&vm->pt, change);
	if (ret)
		return ret;
	call->readonly = change->readonly;
	ret = aci_gpuvm_sm_map(&vm->gpuvm, call, op->va, op->size, obj, op->offset);
	if (ret)
		aci_pt_forget(&vm->pt, change);
	else
		trace_aci_vm_bind(vm, true, op->va, op->size);
	return ret;
}

static int aci_bind_plan_map(struct aci_bind_call *call, const struct drm_aci_bind_op *op)
{
	struct drm_gem_object *obj = drm_gem_object_lookup(call->file, op->handle);
	int ret;

	if (!obj)
		return -ENOENT;
	/* The mapping holds it until what replaces the mapping has been executed. */
	ret = aci_bind_plan_map_bo(call, op, obj);
	drm_gem_object_put(obj);
	return ret;
}

/* A 2 MiB leaf is part of one mapping, which it did not outlive even in part. */
static bool aci_bind_cuts_leaf(struct aci_vm *vm, u64 va)
{
	u64 start = ALIGN_DOWN(va, ACI_PT_LEAF_2M_BYTES);
	struct drm_gpuva *gpuva;

	if (va == start)
		return false;
	gpuva = drm_gpuva_find_first(&vm->gpuvm, va, ACI_PAGE_SIZE);
	return gpuva && gpuva->va.addr <= start &&
	       gpuva->va.addr + gpuva->va.range >= start + ACI_PT_LEAF_2M_BYTES;
}

static int aci_bind_plan_unmap(struct aci_bind_call *call, const struct drm_aci_bind_op *op)
{
	struct aci_pt_change *change = &call->bind->changes[call->bind->count];
	struct aci_vm *vm = call->vm;
	int ret;

	*change = (struct aci_pt_change) {
		.va = op->va,
		.bytes = op->size,
		.cuts_first = aci_bind_cuts_leaf(vm, op->va),
		.cuts_last = aci_bind_cuts_leaf(vm, op->va + op->size),
	};
	ret = aci_bind_fill_spare(call);
	ret = ret ?: aci_pt_plan(&vm->pt, change);
	if (ret)
		return ret;
	ret = drm_gpuvm_sm_unmap(&vm->gpuvm, call, op->va, op->size);
	if (ret)
		aci_pt_forget(&vm->pt, change);
	else
		trace_aci_vm_bind(vm, false, op->va, op->size);
	return ret;
}

/* Plan the first @count operations of the group, as far as they are good. */
static int aci_bind_plan(struct aci_bind_call *call, u32 count)
{
	struct aci_bind *bind = call->bind;
	int ret = 0;

	while (!ret && bind->count < count) {
		const struct drm_aci_bind_op *op = &call->ops[bind->count];

		ret = aci_bind_check_op(op);
		if (!ret)
			ret = op->op == DRM_ACI_BIND_MAP ? aci_bind_plan_map(call, op) :
							   aci_bind_plan_unmap(call, op);
		if (!ret)
			bind->count++;
	}
	return ret;
}

static int aci_bind_run_now(struct aci_bind_call *call, bool publish)
{
	LIST_HEAD(binds);
	int ret;

	list_add(&call->bind->node, &binds);
	ret = aci_bind_execute(call->vm, &binds);
	if (!ret && publish) {
		struct dma_fence *fence = dma_fence_get_stub();

		aci_sync_publish_outs(&call->outs, fence);
		dma_fence_put(fence);
	}
	return ret;
}

static int aci_bind_queue(struct aci_bind_call *call, bool publish)
{
	struct aci_bind *bind = call->bind;
	bool cookie = dma_fence_begin_signalling();
	int ret;

	ret = aci_bind_fifo_add(&call->vm->fifo, bind);
	if (!ret) {
		call->bind = NULL;
		dma_fence_put(call->fence);
		call->fence = &bind->fence;
		if (publish)
			aci_sync_publish_outs(&call->outs, call->fence);
	}
	dma_fence_end_signalling(cookie);
	return ret;
}

/* Under the VM's lock only the worker changes what these say, and for the better. */
static int aci_bind_admit(struct aci_vm *vm, bool now, u32 count)
{
	if (vm->dead)
		return -ENOENT;
	return now || aci_bind_fifo_has_room(&vm->fifo, count) ? 0 : -EAGAIN;
}

/* Plan the operations copied, @error tells why not more, and execute or queue them. */
static int aci_bind_commit(struct aci_bind_call *call, u32 count, int error)
{
	struct drm_aci_vm_bind *args = call->args;
	struct aci_vm *vm = call->vm;
	bool publish, now;
	int ret, err;

	mutex_lock(&vm->lock);
	now = atomic_read(&call->bind->deps.left) == 1 && aci_bind_fifo_is_idle(&vm->fifo);
	ret = aci_bind_admit(vm, now, count);
	ret = ret ?: aci_bind_plan(call, count);
	ret = ret ?: error;
	args->done += call->bind->count;
	publish = !ret && args->done == args->ops.count;
	if (call->bind->count || publish) {
		if (now)
			err = aci_bind_run_now(call, publish);
		else
			err = aci_bind_queue(call, publish);
		ret = err ?: ret;
	}
	mutex_unlock(&vm->lock);
	if (call->bind)
		aci_bind_free(call->bind);
	call->bind = NULL;
	return ret;
}

/* The next group of operations; @call->bind is the bind for the first one. */
static int aci_bind_group(struct aci_bind_call *call)
{
	struct drm_aci_vm_bind *args = call->args;
	u32 count = min_t(u32, args->ops.count - args->done, ACI_BIND_GROUP);
	int ret = 0, idx;
	u32 i;

	if (!call->bind)
		call->bind = aci_bind_alloc(call->vm, count);
	if (!call->bind)
		return -ENOMEM;
	for (i = 0; i < count; i++) {
		ret = aci_ioctl_copy_element(&call->ops[i], sizeof(call->ops[i]), &args->ops,
					     args->done + i);
		if (ret)
			break;
	}
	if (!drm_dev_enter(call->drm, &idx))
		return -ENODEV;
	/* Operations before a bad one are executed. */
	ret = aci_bind_commit(call, i, ret);
	drm_dev_exit(idx);
	return ret;
}

/* A synchronous call sleeps until what it queued is executed and freed. */
static int aci_bind_wait(struct aci_bind_call *call)
{
	int ret = dma_fence_wait(call->fence, true);

	if (ret)
		return ret;
	flush_work(&call->vm->fifo.reap_work);
	return min(dma_fence_get_status(call->fence), 0);
}

/* Look up syncobjs, and wait for what must not be waited for later. */
static int aci_bind_begin(struct aci_bind_call *call)
{
	struct drm_aci_vm_bind *args = call->args;
	struct aci_vm *vm = call->vm;
	struct aci_bind *bind;
	int ret;

	bind = aci_bind_alloc(vm, min_t(u32, args->ops.count, ACI_BIND_GROUP));
	if (!bind)
		return -ENOMEM;
	call->bind = bind;
	if (!(args->flags & DRM_ACI_VM_BIND_ASYNC))
		return aci_bind_fifo_wait(&vm->fifo);
	ret = aci_sync_parse(&bind->deps, &call->outs, vm->fifo.ctx->context, call->file,
			     &args->syncs);
	if (ret)
		return ret;
	if (vm->mode == DRM_ACI_VM_LONG_RUNNING) {
		/* No fence of ours may depend on what user space does. */
		ret = aci_sync_wait_deps(&bind->deps);
		aci_sync_drop_deps(&bind->deps);
		return ret;
	}
	aci_bind_watch_deps(bind);
	return 0;
}

static int aci_bind_run(struct aci_bind_call *call)
{
	struct drm_aci_vm_bind *args = call->args;
	int ret;

	ret = aci_bind_begin(call);
	while (!ret) {
		ret = aci_bind_group(call);
		if (args->done == args->ops.count)
			break;
		if (!ret && fatal_signal_pending(current))
			ret = -EINTR;
	}
	if (!ret && call->fence && !(args->flags & DRM_ACI_VM_BIND_ASYNC))
		ret = aci_bind_wait(call);
	return ret;
}

static void aci_bind_call_fini(struct aci_bind_call *call)
{
	unsigned int i;

	if (call->bind)
		aci_bind_free(call->bind);
	aci_sync_drop_outs(&call->outs);
	dma_fence_put(call->fence);
	for (i = 0; i < ARRAY_SIZE(call->spare); i++)
		kfree(call->spare[i]);
	if (call->ops != &call->single)
		kvfree(call->ops);
	aci_vm_put(call->vm);
}

static int aci_bind_check_args(const struct drm_aci_vm_bind *args)
{
	if (args->flags & ~DRM_ACI_VM_BIND_ASYNC || args->pad)
		return -EINVAL;
	if (!(args->flags & DRM_ACI_VM_BIND_ASYNC) &&
	    (!args->ops.count || args->syncs.count || args->syncs.ptr))
		return -EINVAL;
	return aci_ioctl_check_array(&args->ops, sizeof(struct drm_aci_bind_op));
}

/**
 * aci_vm_bind_ioctl() - DRM_IOCTL_ACI_VM_BIND
 * @drm: device
 * @data: struct drm_aci_vm_bind
 * @file: caller
 *
 * Return: 0 or a negative error.
 */
int aci_vm_bind_ioctl(struct drm_device *drm, void *data, struct drm_file *file)
{
	struct drm_aci_vm_bind *args = data;
	struct aci_bind_call call = { .drm = drm, .file = file, .args = args };
	u32 group = min_t(u32, args->ops.count, ACI_BIND_GROUP);
	int ret;

	args->done = 0;
	ret = aci_bind_check_args(args);
	if (ret)
		return ret;
	call.vm = aci_vm_lookup(file->driver_priv, args->vm_id);
	if (!call.vm)
		return -ENOENT;
	aci_sync_init_outs(&call.outs);
	call.ops = &call.single;
	if (group > 1)
		call.ops = kvmalloc_array(group, sizeof(*call.ops), GFP_KERNEL_ACCOUNT);
	ret = call.ops ? aci_bind_run(&call) : -ENOMEM;
	aci_bind_call_fini(&call);
	return ret;
}
