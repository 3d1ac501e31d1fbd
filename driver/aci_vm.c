// SPDX-License-Identifier: GPL-2.0
/*
 * VMs: life and death.
 */

#include <drm/drm_file.h>
#include <drm/drm_gem.h>
#include <drm/aci_accel.h>

#include "aci_device.h"
#include "aci_gem.h"
#include "aci_reset.h"
#include "aci_vm.h"

static void aci_vm_free(struct drm_gpuvm *gpuvm)
{
	struct aci_vm *vm = to_aci_vm(gpuvm);

	aci_bind_fifo_fini(&vm->fifo);
	mutex_destroy(&vm->lock);
	kfree(vm);
}

const struct drm_gpuvm_ops aci_vm_gpuvm_ops = {
	.vm_free = aci_vm_free,
	.sm_step_map = aci_vm_step_map,
	.sm_step_remap = aci_vm_step_remap,
	.sm_step_unmap = aci_vm_step_unmap,
};

/**
 * aci_vm_lookup() - find a VM of a file
 * @afile: file
 * @id: user's id
 *
 * Return: the VM with a reference, or NULL.
 */
struct aci_vm *aci_vm_lookup(struct aci_file *afile, u32 id)
{
	struct aci_vm *vm;

	xa_lock(&afile->vms);
	vm = xa_load(&afile->vms, id);
	if (vm)
		drm_gpuvm_get(&vm->gpuvm);
	xa_unlock(&afile->vms);
	return vm;
}

/**
 * aci_va_init() - set up a mapping that is about to be inserted
 * @va: zeroed
 * @vm: VM
 * @obj: its BO, of which the mapping gets a reference
 * @readonly: the card may not write
 */
void aci_va_init(struct aci_va *va, struct aci_vm *vm, struct drm_gem_object *obj, bool readonly)
{
	va->readonly = readonly;
	drm_gem_object_get(obj);
	if (aci_bo_is_card(to_aci_bo(obj)))
		atomic_inc(&vm->card_vas);
}

/**
 * aci_va_free_list() - free mappings and drop their BOs
 * @vas: list of removed mappings of a VM that exists; empty afterwards
 */
void aci_va_free_list(struct list_head *vas)
{
	struct aci_va *va, *next;

	list_for_each_entry_safe(va, next, vas, node) {
		struct drm_gem_object *obj = va->base.gem.obj;

		list_del(&va->node);
		aci_import_forget_va(va);
		if (aci_bo_is_card(to_aci_bo(obj)))
			atomic_dec(&to_aci_vm(va->base.vm)->card_vas);
		drm_gem_object_put(obj);
		kfree(va);
		cond_resched();
	}
}

static int aci_vm_take_id(struct aci_vm *vm)
{
	struct aci_device *adev = vm->adev;
	int ret;

	vm->user = aci_quota_charge(adev, ACI_QUOTA_VMS, 1);
	if (IS_ERR(vm->user))
		return PTR_ERR(vm->user);
	ret = ida_alloc_range(&adev->vm_ids, 1, adev->caps.vms, GFP_KERNEL);
	if (ret < 0) {
		aci_quota_uncharge(adev, vm->user, ACI_QUOTA_VMS, 1);
		return ret;
	}
	vm->card_id = ret;
	return 0;
}

static void aci_vm_release_id(struct aci_vm *vm)
{
	ida_free(&vm->adev->vm_ids, vm->card_id);
	aci_quota_uncharge(vm->adev, vm->user, ACI_QUOTA_VMS, 1);
}

static int aci_vm_create_on_card(struct aci_vm *vm)
{
	struct aci_admin_req req = {
		.cmd.opcode = ACI_ADMIN_CREATE_VM,
		.cmd.create_vm.vm_id = cpu_to_le16(vm->card_id),
		.cmd.create_vm.root = cpu_to_le64(aci_pt_root_dma(&vm->pt)),
	};

	if (vm->mode == DRM_ACI_VM_FENCE)
		req.cmd.create_vm.flags = cpu_to_le16(ACI_VM_F_NO_WAIT);
	return aci_admin_exec(vm->adev, &req);
}

static int aci_vm_delete_on_card(struct aci_vm *vm)
{
	struct aci_admin_req req = {
		.cmd.opcode = ACI_ADMIN_DELETE_VM,
		.cmd.vm.vm_id = cpu_to_le16(vm->card_id),
	};
	struct aci_inval_batch batch = {};
	int ret;

	aci_inval_batch_add_all(&batch);
	ret = aci_inval_run(vm->adev, vm->card_id, &batch);
	return ret ?: aci_admin_exec(vm->adev, &req);
}

/* Returns when the card does not translate through the tables any more. */
static void aci_vm_take_off_card(struct aci_vm *vm, u64 generation)
{
	struct aci_device *adev = vm->adev;
	int ret = 0;

	mutex_lock(&adev->imports.va_lock);
	down_read(&adev->reset_sem);
	/* A reset since then has not rebuilt the VM. */
	if (aci_is_ok(adev) && adev->reset_generation == generation)
		ret = aci_vm_delete_on_card(vm);
	up_read(&adev->reset_sem);
	if (ret)
		aci_reset_and_wait(adev, generation, "VM could not be deleted");
	vm->off_card = true;
	mutex_unlock(&adev->imports.va_lock);
}

static void aci_vm_drop_mappings(struct aci_vm *vm)
{
	struct drm_gpuva *gpuva, *next;
	LIST_HEAD(vas);

	mutex_lock(&vm->lock);
	vm->dead = true;
	drm_gpuvm_for_each_va_safe(gpuva, next, &vm->gpuvm) {
		drm_gpuva_remove(gpuva);
		list_add_tail(&to_aci_va(gpuva)->node, &vas);
		cond_resched();
	}
	vm->mapped_bytes = 0;
	mutex_unlock(&vm->lock);
	aci_bind_fifo_reap_cancelled(&vm->fifo);
	aci_pt_fini(&vm->pt);
	aci_va_free_list(&vas);
}

/**
 * aci_vm_teardown() - take the VM from the card and free what it maps
 * @vm: VM without queues; the caller holds a reference, and is inside
 *	drm_dev_enter() or remove()
 *
 * May be called more than once; the first call does it.
 */
void aci_vm_teardown(struct aci_vm *vm)
{
	struct aci_device *adev = vm->adev;
	u64 generation;
	bool listed;

	mutex_lock(&adev->object_lock);
	generation = adev->reset_generation;
	listed = !list_empty(&vm->node);
	list_del_init(&vm->node);
	mutex_unlock(&adev->object_lock);
	if (!listed)
		return;

	/* Binds whose fences in never come end here. */
	aci_bind_fifo_close(vm, aci_is_dead(adev) ? -ENODEV : -ECANCELED);
	aci_vm_take_off_card(vm, generation);
	aci_vm_release_id(vm);
	aci_vm_drop_mappings(vm);
	aci_vm_put(vm);
}

/**
 * aci_vm_rebuild() - tell a reset card about a VM
 * @vm: VM in aci_device.vms; the caller is the reset
 * @memory_kept: card memory survived
 *
 * Return: 0 or a negative error.
 */
int aci_vm_rebuild(struct aci_vm *vm, bool memory_kept)
{
	vm->reset_generation = vm->adev->reset_generation;
	if (!memory_kept && atomic_read(&vm->card_vas))
		vm->lost = true;
	return aci_vm_create_on_card(vm);
}

/**
 * aci_vm_close_all() - the file is closed: tear its VMs down
 * @afile: file whose queues are gone; the caller is inside drm_dev_enter()
 */
void aci_vm_close_all(struct aci_file *afile)
{
	struct aci_vm *vm;
	unsigned long id;

	xa_for_each(&afile->vms, id, vm)
		aci_vm_teardown(vm);
}

/**
 * aci_vm_query() - facts about a VM
 * @vm: VM
 * @out: zeroed
 */
void aci_vm_query(struct aci_vm *vm, struct drm_aci_query_vm *out)
{
	mutex_lock(&vm->lock);
	out->mapped_bytes = vm->mapped_bytes;
	mutex_unlock(&vm->lock);
	down_read(&vm->adev->reset_sem);
	out->flags = vm->lost ? DRM_ACI_VM_LOST : 0;
	out->reset_generation = vm->reset_generation;
	up_read(&vm->adev->reset_sem);
}

static struct aci_vm *aci_vm_alloc(struct aci_device *adev, u32 mode)
{
	struct drm_gem_object *resv_obj;
	char name[32];
	struct aci_vm *vm;

	vm = kzalloc_obj(*vm, GFP_KERNEL_ACCOUNT);
	if (!vm)
		return NULL;
	resv_obj = drm_gpuvm_resv_object_alloc(&adev->drm);
	if (!resv_obj) {
		kfree(vm);
		return NULL;
	}
	vm->adev = adev;
	vm->mode = mode;
	mutex_init(&vm->lock);
	INIT_LIST_HEAD(&vm->node);
	drm_gpuvm_init(&vm->gpuvm, "aci", 0, &adev->drm, resv_obj, 0, ACI_VM_VA_END, 0, 0,
		       &aci_vm_gpuvm_ops);
	drm_gem_object_put(resv_obj);
	snprintf(name, sizeof(name), "aci-%s-bind", pci_name(adev->pdev));
	if (aci_bind_fifo_init(&vm->fifo, name)) {
		aci_vm_put(vm);
		return NULL;
	}
	return vm;
}

/* On success the list holds a reference besides the caller's. */
static int aci_vm_publish(struct aci_vm *vm)
{
	struct aci_device *adev = vm->adev;
	int ret;

	down_read(&adev->reset_sem);
	if (!aci_is_ok(adev)) {
		ret = aci_is_dead(adev) ? -ENODEV : -EAGAIN;
	} else {
		vm->reset_generation = adev->reset_generation;
		ret = aci_vm_create_on_card(vm);
	}
	if (!ret) {
		drm_gpuvm_get(&vm->gpuvm);
		mutex_lock(&adev->object_lock);
		list_add_tail(&vm->node, &adev->vms);
		mutex_unlock(&adev->object_lock);
	}
	up_read(&adev->reset_sem);
	return ret;
}

static struct aci_vm *aci_vm_create(struct aci_device *adev, u32 mode)
{
	u64 generation = READ_ONCE(adev->reset_generation);
	struct aci_vm *vm;
	int ret;

	vm = aci_vm_alloc(adev, mode);
	if (!vm)
		return ERR_PTR(-ENOMEM);
	ret = aci_pt_init(&vm->pt, adev);
	if (ret)
		goto err_vm;
	ret = aci_vm_take_id(vm);
	if (ret)
		goto err_pt;
	ret = aci_vm_publish(vm);
	if (ret)
		goto err_id;
	return vm;

err_id:
	/* Unless the card refused, it may have made the VM. */
	if (ret == -ETIMEDOUT || ret == -EAGAIN)
		aci_reset_and_wait(adev, generation, "VM could not be created");
	aci_vm_release_id(vm);
err_pt:
	aci_pt_fini(&vm->pt);
err_vm:
	aci_vm_put(vm);
	return ERR_PTR(ret);
}

/**
 * aci_vm_create_ioctl() - DRM_IOCTL_ACI_VM_CREATE
 * @drm: device
 * @data: struct drm_aci_vm_create
 * @file: caller
 *
 * Return: 0 or a negative error; -ENOSPC if the card has no VM left, -EDQUOT if
 * the caller may have no more.
 */
int aci_vm_create_ioctl(struct drm_device *drm, void *data, struct drm_file *file)
{
	struct aci_device *adev = to_aci_device(drm);
	struct aci_file *afile = file->driver_priv;
	struct drm_aci_vm_create *args = data;
	struct aci_vm *vm;
	int ret, idx;

	if (args->flags || args->pad || args->mode > DRM_ACI_VM_LONG_RUNNING)
		return -EINVAL;
	if (!drm_dev_enter(drm, &idx))
		return -ENODEV;
	vm = aci_vm_create(adev, args->mode);
	if (IS_ERR(vm)) {
		ret = PTR_ERR(vm);
		goto out;
	}
	ret = xa_alloc(&afile->vms, &args->vm_id, vm, xa_limit_31b, GFP_KERNEL_ACCOUNT);
	if (ret) {
		aci_vm_teardown(vm);
		aci_vm_put(vm);
	}
out:
	drm_dev_exit(idx);
	return ret;
}

/**
 * aci_vm_destroy_ioctl() - DRM_IOCTL_ACI_VM_DESTROY
 * @drm: device
 * @data: struct drm_aci_vm_destroy
 * @file: caller
 *
 * Return: 0 or a negative error; -EBUSY while the VM has queues.
 */
int aci_vm_destroy_ioctl(struct drm_device *drm, void *data, struct drm_file *file)
{
	struct aci_file *afile = file->driver_priv;
	struct drm_aci_vm_destroy *args = data;
	struct aci_vm *vm;
	int ret = 0, idx;

	if (args->pad)
		return -EINVAL;
	vm = aci_vm_lookup(afile, args->vm_id);
	if (!vm)
		return -ENOENT;
	if (!drm_dev_enter(drm, &idx)) {
		aci_vm_put(vm);
		return -ENODEV;
	}
	mutex_lock(&vm->lock);
	if (vm->queue_count)
		ret = -EBUSY;
	else if (vm->dead)
		ret = -ENOENT;
	else
		vm->dead = true;
	mutex_unlock(&vm->lock);
	if (!ret) {
		xa_erase(&afile->vms, args->vm_id);
		aci_vm_teardown(vm);
		aci_vm_put(vm);
	}
	drm_dev_exit(idx);
	aci_vm_put(vm);
	return ret;
}
