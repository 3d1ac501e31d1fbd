// SPDX-License-Identifier: GPL-2.0
/*
 * Doorbell and kick pages.
 */

#include <linux/mm.h>
#include <drm/drm_file.h>
#include <drm/drm_vma_manager.h>

#include "aci_device.h"
#include "aci_doorbell.h"
#include "aci_dummy.h"
#include "compat.h"

/* First page offset behind those of GEM objects. */
#define ACI_DOORBELL_PGOFF	(DRM_FILE_PAGE_OFFSET_START + DRM_FILE_PAGE_OFFSET_SIZE)
#define ACI_DOORBELL_PAGES	2
#define ACI_DOORBELL_PAGE_KICK	1
#define ACI_DOORBELL_IDS_MAX	0x10000ul

/**
 * struct aci_doorbell - the pages of a queue
 */
struct aci_doorbell {
	/** @ref: the queue and each mapping hold one */
	struct kref ref;
	/** @adev: device; alive, as the file of a mapping holds it */
	struct aci_device *adev;
	/** @owner: file that may map it; only compared */
	const struct aci_file *owner;
	/** @id: the card's queue id */
	unsigned int id;
	/** @dead: the queue is gone; under aci_device.doorbell_lock */
	bool dead;
	/** @dummy: what mappings show instead of the card */
	struct page *dummy;
};

static void aci_doorbell_release(struct kref *ref)
{
	struct aci_doorbell *doorbell = container_of(ref, struct aci_doorbell, ref);

	aci_dummy_free(doorbell->dummy);
	kfree(doorbell);
}

static void aci_doorbell_put(struct aci_doorbell *doorbell)
{
	kref_put(&doorbell->ref, aci_doorbell_release);
}

/**
 * aci_doorbell_create() - let a file map the pages of a queue
 * @adev: device
 * @owner: the file
 * @id: the card's queue id, which has no doorbell yet
 *
 * Return: the doorbell, or NULL without memory.
 */
struct aci_doorbell *aci_doorbell_create(struct aci_device *adev, const struct aci_file *owner,
					 unsigned int id)
{
	struct aci_doorbell *doorbell = kzalloc_obj(*doorbell, GFP_KERNEL_ACCOUNT);

	if (!doorbell)
		return NULL;
	kref_init(&doorbell->ref);
	doorbell->adev = adev;
	doorbell->owner = owner;
	doorbell->id = id;
	if (xa_insert(&adev->doorbells_by_id, id, doorbell, GFP_KERNEL_ACCOUNT)) {
		aci_doorbell_put(doorbell);
		return NULL;
	}
	return doorbell;
}

static unsigned long aci_doorbell_pgoff(unsigned int id)
{
	return ACI_DOORBELL_PGOFF + (unsigned long)id * ACI_DOORBELL_PAGES;
}

static void aci_doorbell_zap(struct aci_device *adev, unsigned int id, unsigned int count)
{
	if (adev->drm.anon_inode)
		unmap_mapping_range(adev->drm.anon_inode->i_mapping,
				    (loff_t)aci_doorbell_pgoff(id) << PAGE_SHIFT,
				    (loff_t)count * ACI_DOORBELL_PAGES << PAGE_SHIFT, 1);
}

/**
 * aci_doorbell_kill() - the queue goes
 * @doorbell: its doorbell, or NULL; the queue's reference is dropped
 *
 * When it returns no mapping shows the card, and none will again: the id may be
 * used for another queue.
 */
void aci_doorbell_kill(struct aci_doorbell *doorbell)
{
	struct aci_device *adev;

	if (!doorbell)
		return;
	adev = doorbell->adev;
	down_write(&adev->doorbell_lock);
	doorbell->dead = true;
	up_write(&adev->doorbell_lock);
	aci_doorbell_zap(adev, doorbell->id, 1);
	xa_erase(&adev->doorbells_by_id, doorbell->id);
	aci_doorbell_put(doorbell);
}

/**
 * aci_doorbell_zap_all() - the state of the device changed: map all pages anew
 * @adev: device
 */
void aci_doorbell_zap_all(struct aci_device *adev)
{
	aci_doorbell_zap(adev, 0, adev->caps.queues);
}

/**
 * aci_doorbell_offset() - where the doorbell page is in the device file
 * @doorbell: doorbell
 *
 * Return: offset for mmap.
 */
u64 aci_doorbell_offset(const struct aci_doorbell *doorbell)
{
	return (u64)aci_doorbell_pgoff(doorbell->id) << PAGE_SHIFT;
}

/**
 * aci_doorbell_kick_offset() - where the kick page is in the device file
 * @doorbell: doorbell
 *
 * Return: offset for mmap, 0 if the card has none.
 */
u64 aci_doorbell_kick_offset(const struct aci_doorbell *doorbell)
{
	if (!(doorbell->adev->caps.cap & ACI_CAP_KICK))
		return 0;
	return aci_doorbell_offset(doorbell) + ((u64)ACI_DOORBELL_PAGE_KICK << PAGE_SHIFT);
}

/**
 * aci_doorbell_is_offset() - is it one of doorbells?
 * @pgoff: page offset of a mapping
 *
 * Return: whether aci_doorbell_mmap() is for it.
 */
bool aci_doorbell_is_offset(unsigned long pgoff)
{
	return pgoff >= ACI_DOORBELL_PGOFF &&
	       pgoff - ACI_DOORBELL_PGOFF < ACI_DOORBELL_IDS_MAX * ACI_DOORBELL_PAGES;
}

static bool aci_doorbell_is_kick(unsigned long pgoff)
{
	return (pgoff - ACI_DOORBELL_PGOFF) % ACI_DOORBELL_PAGES == ACI_DOORBELL_PAGE_KICK;
}

static unsigned long aci_doorbell_pfn(const struct aci_doorbell *doorbell, unsigned long pgoff)
{
	const struct aci_device *adev = doorbell->adev;
	u64 offset = (u64)doorbell->id << adev->caps.db_shift;

	if (aci_doorbell_is_kick(pgoff))
		offset += adev->caps.kick_offset;
	return (adev->doorbell_phys + offset) >> PAGE_SHIFT;
}

/* Returns whether a page of the card was put in, or should have been. */
static bool aci_doorbell_fault_card(struct vm_fault *vmf, struct aci_doorbell *doorbell,
				    vm_fault_t *ret)
{
	struct aci_device *adev = doorbell->adev;
	bool live;
	int idx;

	if (!drm_dev_enter(&adev->drm, &idx))
		return false;
	down_read(&adev->doorbell_lock);
	live = !doorbell->dead && aci_is_ok(adev);
	if (live)
		*ret = vmf_insert_pfn(vmf->vma, vmf->address,
				      aci_doorbell_pfn(doorbell, vmf->pgoff));
	up_read(&adev->doorbell_lock);
	/* Store the page, then load the state; who changes the state does the reverse. */
	smp_mb();
	if (live && !aci_is_ok(adev))
		aci_doorbell_zap(adev, doorbell->id, 1);
	drm_dev_exit(idx);
	return live;
}

static vm_fault_t aci_doorbell_fault(struct vm_fault *vmf)
{
	struct aci_doorbell *doorbell = vmf->vma->vm_private_data;
	vm_fault_t ret;

	if (aci_doorbell_fault_card(vmf, doorbell, &ret))
		return ret;
	ret = aci_dummy_fault(vmf, &doorbell->dummy);
	/* As above: a dummy that stays would swallow every write. */
	smp_mb();
	if (!READ_ONCE(doorbell->dead) && aci_is_ok(doorbell->adev) &&
	    !drm_dev_is_unplugged(&doorbell->adev->drm))
		aci_doorbell_zap(doorbell->adev, doorbell->id, 1);
	return ret;
}

static void aci_doorbell_vm_open(struct vm_area_struct *vma)
{
	struct aci_doorbell *doorbell = vma->vm_private_data;

	kref_get(&doorbell->ref);
}

static void aci_doorbell_vm_close(struct vm_area_struct *vma)
{
	aci_doorbell_put(vma->vm_private_data);
}

static const struct vm_operations_struct aci_doorbell_vm_ops = {
	.fault = aci_doorbell_fault,
	.open = aci_doorbell_vm_open,
	.close = aci_doorbell_vm_close,
};

static struct aci_doorbell *aci_doorbell_lookup(struct aci_file *afile, unsigned long pgoff)
{
	struct aci_device *adev = afile->adev;
	struct aci_doorbell *doorbell;

	if (aci_doorbell_is_kick(pgoff) && !(adev->caps.cap & ACI_CAP_KICK))
		return ERR_PTR(-EINVAL);
	xa_lock(&adev->doorbells_by_id);
	doorbell = xa_load(&adev->doorbells_by_id,
			   (pgoff - ACI_DOORBELL_PGOFF) / ACI_DOORBELL_PAGES);
	if (!doorbell)
		doorbell = ERR_PTR(-EINVAL);
	else if (doorbell->owner != afile)
		doorbell = ERR_PTR(-EACCES);
	else
		kref_get(&doorbell->ref);
	xa_unlock(&adev->doorbells_by_id);
	return doorbell;
}

/**
 * aci_doorbell_mmap() - map a doorbell or kick page
 * @filp: device file
 * @vma: one page, shared and writable
 *
 * Return: 0; -EINVAL if there is no such page or it is to be mapped otherwise;
 * -EACCES if the queue is that of another file; -ENODEV.
 */
int aci_doorbell_mmap(struct file *filp, struct vm_area_struct *vma)
{
	struct drm_file *file = filp->private_data;
	struct aci_doorbell *doorbell;

	if (drm_dev_is_unplugged(file->minor->dev))
		return -ENODEV;
	if (vma_pages(vma) != 1 || !(vma->vm_flags & VM_SHARED) || !(vma->vm_flags & VM_WRITE))
		return -EINVAL;
	doorbell = aci_doorbell_lookup(file->driver_priv, vma->vm_pgoff);
	if (IS_ERR(doorbell))
		return PTR_ERR(doorbell);
	vma->vm_private_data = doorbell;
	vma->vm_ops = &aci_doorbell_vm_ops;
	/* A child after fork() would ring for a queue that its parent writes. */
	vm_flags_set(vma, VM_IO | VM_PFNMAP | VM_DONTEXPAND | VM_DONTDUMP | VM_DONTCOPY);
	vma->vm_page_prot = pgprot_noncached(vm_get_page_prot(vma->vm_flags));
	return 0;
}
