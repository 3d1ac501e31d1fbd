// SPDX-License-Identifier: GPL-2.0
/*
 * VM_BIND: changes of a VM's mappings.
 *
 * Operations are copied from user space in groups; a group is executed and
 * invalidated under the VM's lock, so that a mapping which another thread sees
 * is also what the card sees. What was unmapped is freed only after that, or
 * after the reset that a failed invalidation leads to.
 *
 * An operation has its memory before it takes reset_sem: a card reset, for
 * which fences wait, must not wait for memory.
 */

#include <linux/uaccess.h>
#include <drm/drm_file.h>
#include <drm/drm_gem.h>
#include <drm/aci_accel.h>

#include "aci_device.h"
#include "aci_gem.h"
#include "aci_ioctl.h"
#include "aci_reset.h"
#include "aci_trace.h"
#include "aci_vm.h"

#define ACI_BIND_GROUP	64

/**
 * struct aci_bind - a group of operations in execution
 */
struct aci_bind {
	/** @vm: the VM */
	struct aci_vm *vm;
	/** @file: caller */
	struct drm_file *file;
	/** @ops: operations */
	struct drm_aci_bind_op *ops;
	/** @count: number of them */
	u32 count;
	/** @done: number of those executed */
	u32 done;
	/** @batch: what to invalidate */
	struct aci_inval_batch batch;
	/** @unmapped: struct aci_va to free after that */
	struct list_head unmapped;
	/** @spare: preallocated for the operation in execution */
	struct aci_va *spare[3];
	/** @readonly: flag of the operation in execution */
	bool readonly;
};

static struct aci_va *aci_bind_take_spare(struct aci_bind *bind)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bind->spare); i++) {
		struct aci_va *va = bind->spare[i];

		bind->spare[i] = NULL;
		if (va)
			return va;
	}
	/* A map makes three at most: itself and what remains on either side. */
	WARN_ON_ONCE(1);
	return NULL;
}

static int aci_bind_fill_spare(struct aci_bind *bind)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bind->spare); i++) {
		if (!bind->spare[i])
			bind->spare[i] = kzalloc_obj(*bind->spare[i], GFP_KERNEL_ACCOUNT);
		if (!bind->spare[i])
			return -ENOMEM;
	}
	return 0;
}

/**
 * aci_vm_step_map() - drm_gpuvm: insert the new mapping
 * @op: what to map
 * @priv: struct aci_bind
 *
 * Return: 0; spares are preallocated.
 */
int aci_vm_step_map(struct drm_gpuva_op *op, void *priv)
{
	struct aci_bind *bind = priv;
	struct aci_va *va = aci_bind_take_spare(bind);

	if (!va)
		return -ENOMEM;
	va->readonly = bind->readonly;
	drm_gem_object_get(op->map.gem.obj);
	drm_gpuva_map(&bind->vm->gpuvm, &va->base, &op->map);
	bind->vm->mapped_bytes += va->base.va.range;
	return 0;
}

/**
 * aci_vm_step_remap() - drm_gpuvm: replace a mapping by what remains of it
 * @op: what remains
 * @priv: struct aci_bind
 *
 * Return: 0; spares are preallocated.
 */
int aci_vm_step_remap(struct drm_gpuva_op *op, void *priv)
{
	struct aci_va *old = to_aci_va(op->remap.unmap->va);
	struct aci_va *prev = NULL, *next = NULL;
	struct aci_bind *bind = priv;

	if (op->remap.prev) {
		prev = aci_bind_take_spare(bind);
		if (!prev)
			return -ENOMEM;
		prev->readonly = old->readonly;
		drm_gem_object_get(old->base.gem.obj);
	}
	if (op->remap.next) {
		next = aci_bind_take_spare(bind);
		if (!next)
			return -ENOMEM;
		next->readonly = old->readonly;
		drm_gem_object_get(old->base.gem.obj);
	}
	bind->vm->mapped_bytes -= old->base.va.range;
	drm_gpuva_remap(prev ? &prev->base : NULL, next ? &next->base : NULL, &op->remap);
	bind->vm->mapped_bytes += (prev ? prev->base.va.range : 0) +
				  (next ? next->base.va.range : 0);
	list_add_tail(&old->node, &bind->unmapped);
	return 0;
}

/**
 * aci_vm_step_unmap() - drm_gpuvm: remove a mapping
 * @op: which
 * @priv: struct aci_bind
 *
 * Return: 0.
 */
int aci_vm_step_unmap(struct drm_gpuva_op *op, void *priv)
{
	struct aci_va *va = to_aci_va(op->unmap.va);
	struct aci_bind *bind = priv;

	bind->vm->mapped_bytes -= va->base.va.range;
	drm_gpuva_unmap(&op->unmap);
	list_add_tail(&va->node, &bind->unmapped);
	return 0;
}

static int aci_bind_check(const struct drm_aci_bind_op *op)
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

/* Bar the reset from the tree of mappings. The caller ends it by up_read(). */
static int aci_bind_begin_change(struct aci_bind *bind)
{
	struct aci_device *adev = bind->vm->adev;

	down_read(&adev->reset_sem);
	if (aci_is_ok(adev))
		return 0;
	up_read(&adev->reset_sem);
	return -ENODEV;
}

static int aci_bind_map_bo(struct aci_bind *bind, const struct drm_aci_bind_op *op,
			   struct drm_gem_object *obj)
{
	struct aci_pt_map map = {
		.bo = to_aci_bo(obj),
		.offset = op->offset,
		.va = op->va,
		.bytes = op->size,
		.readonly = op->flags & DRM_ACI_BIND_READONLY,
	};
	u64 end;
	int ret;

	if (check_add_overflow(op->offset, op->size, &end) || end > obj->size)
		return -EINVAL;
	ret = aci_gem_prepare(map.bo, map.readonly);
	ret = ret ?: aci_bind_fill_spare(bind);
	ret = ret ?: aci_pt_prepare_unmap(&bind->vm->pt, op->va, op->size);
	ret = ret ?: aci_pt_prepare_map(&bind->vm->pt, &map);
	ret = ret ?: aci_bind_begin_change(bind);
	if (ret)
		return ret;
	bind->readonly = map.readonly;
	ret = aci_gpuvm_sm_map(&bind->vm->gpuvm, bind, op->va, op->size, obj, op->offset);
	if (!ret) {
		trace_aci_vm_bind(bind->vm, true, op->va, op->size);
		aci_pt_map(&bind->vm->pt, &map, &bind->batch);
	}
	up_read(&bind->vm->adev->reset_sem);
	return ret;
}

static int aci_bind_map(struct aci_bind *bind, const struct drm_aci_bind_op *op)
{
	struct drm_gem_object *obj = drm_gem_object_lookup(bind->file, op->handle);
	int ret;

	if (!obj)
		return -ENOENT;
	ret = aci_bind_map_bo(bind, op, obj);
	drm_gem_object_put(obj);
	return ret;
}

static int aci_bind_unmap(struct aci_bind *bind, const struct drm_aci_bind_op *op)
{
	int ret;

	ret = aci_bind_fill_spare(bind);
	ret = ret ?: aci_pt_prepare_unmap(&bind->vm->pt, op->va, op->size);
	ret = ret ?: aci_bind_begin_change(bind);
	if (ret)
		return ret;
	ret = drm_gpuvm_sm_unmap(&bind->vm->gpuvm, bind, op->va, op->size);
	if (!ret) {
		trace_aci_vm_bind(bind->vm, false, op->va, op->size);
		aci_pt_unmap(&bind->vm->pt, op->va, op->size, &bind->batch);
	}
	up_read(&bind->vm->adev->reset_sem);
	return ret;
}

static int aci_bind_exec(struct aci_bind *bind)
{
	int ret = bind->vm->dead ? -ENOENT : 0;

	while (!ret && bind->done < bind->count) {
		const struct drm_aci_bind_op *op = &bind->ops[bind->done];

		ret = aci_bind_check(op);
		if (!ret)
			ret = op->op == DRM_ACI_BIND_MAP ? aci_bind_map(bind, op) :
							   aci_bind_unmap(bind, op);
		if (!ret)
			bind->done++;
	}
	return ret;
}

/* A reset after @generation does it, too: then the card knows nothing of what was unmapped. */
static int aci_bind_invalidate(struct aci_bind *bind, u64 *generation)
{
	struct aci_device *adev = bind->vm->adev;
	int ret = -ENODEV;

	down_read(&adev->reset_sem);
	*generation = adev->reset_generation;
	if (aci_is_ok(adev))
		ret = aci_inval_run(adev, bind->vm->card_id, &bind->batch);
	up_read(&adev->reset_sem);
	return ret;
}

/* Executes a group; when it returns, nothing of the old mappings is in use. */
static int aci_bind_run_group(struct aci_bind *bind)
{
	struct aci_device *adev = bind->vm->adev;
	LIST_HEAD(tables);
	u64 generation;
	int ret, inval;

	memset(&bind->batch, 0, sizeof(bind->batch));
	INIT_LIST_HEAD(&bind->unmapped);
	mutex_lock(&bind->vm->lock);
	ret = aci_bind_exec(bind);
	inval = aci_bind_invalidate(bind, &generation);
	list_splice_init(&bind->vm->pt.garbage, &tables);
	mutex_unlock(&bind->vm->lock);

	if (inval) {
		aci_reset_and_wait(adev, generation, "invalidation did not complete");
		if (!ret && aci_is_dead(adev))
			ret = -ENODEV;
	}
	aci_pt_free_list(adev, &tables);
	aci_va_free_list(&bind->unmapped);
	return ret;
}

static int aci_bind_run(struct drm_device *drm, struct aci_bind *bind,
			struct drm_aci_vm_bind *args)
{
	unsigned int i;
	int ret = 0;
	int idx;

	while (!ret && args->done < args->ops.count) {
		bind->count = min_t(u32, args->ops.count - args->done, ACI_BIND_GROUP);
		bind->done = 0;
		for (i = 0; i < bind->count && !ret; i++)
			ret = aci_ioctl_copy_element(&bind->ops[i], sizeof(bind->ops[i]),
						     &args->ops, args->done + i);
		if (ret)
			/* Operations before the bad one are still executed. */
			bind->count = i - 1;
		if (drm_dev_enter(drm, &idx)) {
			int err = aci_bind_run_group(bind);

			ret = err ?: ret;
			drm_dev_exit(idx);
		} else {
			ret = -ENODEV;
		}
		args->done += bind->done;
		if (!ret && fatal_signal_pending(current))
			ret = -EINTR;
	}
	for (i = 0; i < ARRAY_SIZE(bind->spare); i++)
		kfree(bind->spare[i]);
	return ret;
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
	struct aci_bind bind = { .file = file };
	int ret;

	args->done = 0;
	if (args->flags || args->pad || args->syncs.count || args->syncs.ptr)
		return -EINVAL;
	ret = aci_ioctl_check_array(&args->ops, sizeof(struct drm_aci_bind_op));
	if (ret)
		return ret;
	bind.vm = aci_vm_lookup(file->driver_priv, args->vm_id);
	if (!bind.vm)
		return -ENOENT;
	bind.ops = kvmalloc_array(min_t(u32, args->ops.count, ACI_BIND_GROUP),
				  sizeof(*bind.ops), GFP_KERNEL_ACCOUNT);
	ret = bind.ops ? aci_bind_run(drm, &bind, args) : -ENOMEM;
	kvfree(bind.ops);
	aci_vm_put(bind.vm);
	return ret;
}
