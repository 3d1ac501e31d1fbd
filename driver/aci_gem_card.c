// SPDX-License-Identifier: GPL-2.0
/*
 * Buffer objects in card memory.
 *
 * CPU mappings go through our fault handler, so that they can be taken away:
 * once the card is gone or wedged they show a page of host memory that belongs
 * to the BO, and nobody gets a SIGBUS.
 */

#include <linux/mm.h>
#include <drm/drm_gem.h>

#include "aci_device.h"
#include "aci_dummy.h"
#include "aci_export.h"
#include "aci_gem.h"
#include "aci_pm.h"
#include "aci_reset.h"
#include "aci_save.h"

static void aci_gem_card_free(struct drm_gem_object *obj)
{
	struct aci_bo *bo = to_aci_bo(obj);

	aci_save_forget(bo);
	aci_gem_untrack(bo);
	if (!list_empty(&bo->blocks))
		aci_vram_free(to_aci_device(obj->dev), &bo->blocks);
	aci_dummy_free(bo->dummy);
	drm_gem_object_release(obj);
	kfree(bo);
}

/*
 * Somebody resets the card: the access is made again afterwards. It could not be
 * made to a dummy page instead, which would swallow what is written.
 */
static vm_fault_t aci_gem_card_await_reset(struct vm_fault *vmf, struct aci_device *adev)
{
	struct file *file;

	if (!fault_flag_allow_retry_first(vmf->flags))
		return aci_reset_await_end_killable(adev) ? VM_FAULT_SIGBUS : VM_FAULT_NOPAGE;
	if (vmf->flags & FAULT_FLAG_RETRY_NOWAIT)
		return VM_FAULT_RETRY;
	/*
	 * Others may want to change the address space, and close the file that holds the
	 * device, and this module.
	 */
	file = get_file(vmf->vma->vm_file);
	release_fault_lock(vmf);
	aci_reset_await_end_killable(adev);
	fput(file);
	return VM_FAULT_RETRY;
}

static int aci_gem_card_no_entry(pte_t *pte, unsigned long addr, void *data)
{
	return 0;
}

/* Of the CPU, for the entry to come: no memory is allocated under reset_sem. */
static int aci_gem_card_make_tables(const struct vm_fault *vmf)
{
	return apply_to_page_range(vmf->vma->vm_mm, vmf->address, PAGE_SIZE,
				   aci_gem_card_no_entry, NULL);
}

static vm_fault_t aci_gem_card_fault(struct vm_fault *vmf)
{
	struct vm_area_struct *vma = vmf->vma;
	struct drm_gem_object *obj = vma->vm_private_data;
	struct aci_device *adev = to_aci_device(obj->dev);
	struct aci_bo *bo = to_aci_bo(obj);
	vm_fault_t ret = VM_FAULT_NOPAGE;
	struct aci_bo_iter iter;
	bool dead = true, resetting = false;
	u64 offset;
	int idx;

	/* Not from vm_start, which moves when a mapping is split. */
	offset = (u64)(vmf->pgoff - drm_vma_node_start(&obj->vma_node)) << PAGE_SHIFT;
	if (offset >= obj->size)
		return VM_FAULT_SIGBUS;
	if (drm_dev_enter(obj->dev, &idx)) {
		if (aci_pm_get(adev)) {
			drm_dev_exit(idx);
			return aci_dummy_fault(vmf, &bo->dummy);
		}
		if (aci_gem_card_make_tables(vmf)) {
			aci_pm_put(adev);
			drm_dev_exit(idx);
			return VM_FAULT_OOM;
		}
		/* What takes the mappings away holds it for writing: none is made behind it. */
		down_read(&adev->reset_sem);
		dead = aci_is_dead(adev);
		resetting = aci_get_state(adev) == ACI_STATE_RESETTING;
		if (!dead && !resetting) {
			aci_bo_iter_init(&iter, bo, offset);
			ret = vmf_insert_pfn(vma, vmf->address,
					     (adev->aperture_phys + iter.addr) >> PAGE_SHIFT);
		}
		up_read(&adev->reset_sem);
		aci_pm_put(adev);
		drm_dev_exit(idx);
	}
	if (resetting)
		return aci_gem_card_await_reset(vmf, adev);
	return dead ? aci_dummy_fault(vmf, &bo->dummy) : ret;
}

static const struct vm_operations_struct aci_gem_card_vm_ops = {
	.fault = aci_gem_card_fault,
	.open = drm_gem_vm_open,
	.close = drm_gem_vm_close,
};

static int aci_gem_card_mmap(struct drm_gem_object *obj, struct vm_area_struct *vma)
{
	struct drm_device *drm = obj->dev;

	if (!to_aci_bo(obj)->in_aperture)
		return -EACCES;
	/* A mapping of the dma-buf's file could not be taken away by unplug. */
	if (vma->vm_file->f_mapping != drm->anon_inode->i_mapping)
		return -EOPNOTSUPP;
	if ((vma->vm_flags & (VM_SHARED | VM_MAYWRITE)) == VM_MAYWRITE)
		return -EINVAL;
	vm_flags_set(vma, VM_IO | VM_PFNMAP | VM_DONTEXPAND | VM_DONTDUMP);
	vma->vm_page_prot = pgprot_writecombine(vm_get_page_prot(vma->vm_flags));
	return 0;
}

static const struct drm_gem_object_funcs aci_gem_card_funcs = {
	.free = aci_gem_card_free,
	.export = aci_gem_card_export,
	.mmap = aci_gem_card_mmap,
	.vm_ops = &aci_gem_card_vm_ops,
};

static struct aci_bo *aci_gem_alloc_card(struct aci_device *adev, u64 bytes, bool in_aperture)
{
	struct drm_gem_object *obj;
	struct aci_bo *bo;
	int ret = 0;

	obj = aci_gem_create_object(&adev->drm, bytes);
	if (IS_ERR(obj))
		return ERR_CAST(obj);
	bo = to_aci_bo(obj);
	bo->kind = ACI_BO_CARD;
	bo->in_aperture = in_aperture;
	obj->funcs = &aci_gem_card_funcs;
	drm_gem_private_object_init(&adev->drm, obj, bytes);
	if (in_aperture)
		ret = drm_gem_create_mmap_offset(obj);
	if (ret) {
		drm_gem_object_put(obj);
		return ERR_PTR(ret);
	}
	return bo;
}

/* From here on a reset that loses the memory scrubs it; -EAGAIN: one did before. */
static int aci_gem_publish_card(struct aci_device *adev, struct aci_bo *bo, u64 epoch)
{
	int ret = 0;

	down_read(&adev->reset_sem);
	if (aci_is_dead(adev))
		ret = -ENODEV;
	else if (epoch != adev->vram.epoch)
		ret = -EAGAIN;
	else
		aci_gem_track(adev, bo);
	up_read(&adev->reset_sem);
	return ret;
}

/**
 * aci_gem_create_card() - make a BO in card memory
 * @adev: device; the caller is inside drm_dev_enter() and does not hold reset_sem
 * @bytes: page multiple
 * @in_aperture: where the CPU can map it
 *
 * Return: the BO or an error pointer.
 */
struct aci_bo *aci_gem_create_card(struct aci_device *adev, u64 bytes, bool in_aperture)
{
	struct aci_bo *bo = aci_gem_alloc_card(adev, bytes, in_aperture);
	u64 epoch;
	int ret;

	if (IS_ERR(bo))
		return bo;
	for (;;) {
		ret = aci_vram_alloc(adev, bytes, in_aperture, &bo->blocks, &epoch);
		if (ret)
			break;
		ret = aci_gem_publish_card(adev, bo, epoch);
		if (ret != -EAGAIN)
			break;
		aci_vram_free(adev, &bo->blocks);
	}
	if (ret) {
		drm_dbg(&adev->drm, "no %llu bytes of card memory%s: %llu of %llu free (%d)\n",
			bytes, in_aperture ? " in the aperture" : "",
			aci_vram_available(adev, in_aperture), adev->vram.bytes, ret);
		drm_gem_object_put(&bo->shmem.base);
		return ERR_PTR(ret);
	}
	return bo;
}

/**
 * aci_gem_zap_card_maps() - take card memory out of all CPU mappings
 * @adev: device; the caller holds reset_sem for writing
 */
void aci_gem_zap_card_maps(struct aci_device *adev)
{
	if (adev->drm.anon_inode)
		unmap_mapping_range(adev->drm.anon_inode->i_mapping, 0, 0, 1);
}
