// SPDX-License-Identifier: GPL-2.0
/*
 * Buffer objects of memory that belongs to a process.
 *
 * A long-term pin keeps a page where it is for as long as a process likes. That
 * is harmless for memory that has no other home: anonymous, shmem, hugetlb. A
 * page of a file that the card writes behind the file system's back is not; one
 * that the card and the process can only read is.
 */

#include <linux/dma-mapping.h>
#include <linux/fs.h>
#include <linux/hugetlb_inline.h>
#include <linux/mm.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/shmem_fs.h>
#include <drm/drm_gem.h>
#include <drm/aci_accel.h>

#include "aci_device.h"
#include "aci_gem.h"
#include "aci_userptr.h"

/* Pages that are pinned in one go, while mmap_lock is held. */
#define ACI_USERPTR_BATCH	(SZ_16K / sizeof(struct page *))

static bool aci_userptr_is_readonly(const struct aci_userptr *user)
{
	return user->dir == DMA_TO_DEVICE;
}

static int aci_userptr_check_file(const struct vm_area_struct *vma, bool readonly)
{
	if (is_vm_hugetlb_page(vma) || shmem_mapping(vma->vm_file->f_mapping))
		return 0;
	/*
	 * What the process writes to a private mapping is its own: pinned for
	 * writing, all pages of it are. Pinned for reading they would silently
	 * become copies. (A shared mapping that cannot be written loses VM_SHARED.)
	 */
	if (!(vma->vm_flags & VM_MAYSHARE))
		return readonly ? -EOPNOTSUPP : 0;
	return readonly && !(vma->vm_flags & VM_MAYWRITE) ? 0 : -EOPNOTSUPP;
}

static int aci_userptr_check_vma(const struct vm_area_struct *vma, bool readonly)
{
	if (vma->vm_flags & (VM_IO | VM_PFNMAP | VM_MIXEDMAP))
		return -EOPNOTSUPP;
	if (!(vma->vm_flags & (readonly ? VM_READ : VM_WRITE)))
		return -EFAULT;
	return vma->vm_file ? aci_userptr_check_file(vma, readonly) : 0;
}

static int aci_userptr_check_range(struct mm_struct *mm, unsigned long addr, unsigned long pages,
				   bool readonly)
{
	unsigned long end = addr + (pages << PAGE_SHIFT);
	const struct vm_area_struct *vma;
	int ret;

	for (; addr < end; addr = vma->vm_end) {
		vma = vma_lookup(mm, addr);
		if (!vma)
			return -EFAULT;
		ret = aci_userptr_check_vma(vma, readonly);
		if (ret)
			return ret;
	}
	return 0;
}

/*
 * Pin the next pages, at most @wanted. mmap_lock keeps other threads from
 * replacing what has been checked before it is pinned.
 */
static long aci_userptr_pin_batch(const struct aci_userptr *user, unsigned long addr,
				  unsigned long wanted, struct page **pages)
{
	bool readonly = aci_userptr_is_readonly(user);
	long ret;

	ret = mmap_read_lock_killable(user->mm);
	if (ret)
		return ret;
	ret = aci_userptr_check_range(user->mm, addr, wanted, readonly);
	if (!ret)
		ret = pin_user_pages(addr, wanted, FOLL_LONGTERM | (readonly ? 0 : FOLL_WRITE),
				     pages) ?: -EFAULT;
	mmap_read_unlock(user->mm);
	return ret;
}

static int aci_userptr_pin_all(struct aci_userptr *user, unsigned long addr, struct page **pages)
{
	unsigned long left = user->page_count;
	long pinned;
	int ret;

	while (left) {
		pinned = aci_userptr_pin_batch(user, addr, min(left, ACI_USERPTR_BATCH), pages);
		if (pinned < 0)
			return pinned;
		left -= pinned;
		addr += pinned << PAGE_SHIFT;
		ret = sg_alloc_append_table_from_pages(&user->pages, pages, pinned, 0,
						       pinned << PAGE_SHIFT, UINT_MAX, left,
						       GFP_KERNEL_ACCOUNT);
		if (ret) {
			unpin_user_pages(pages, pinned);
			return ret;
		}
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
	}
	return 0;
}

static int aci_userptr_pin(struct aci_userptr *user, unsigned long addr)
{
	struct page **pages;
	int ret;

	pages = kmalloc_array(ACI_USERPTR_BATCH, sizeof(*pages), GFP_KERNEL_ACCOUNT);
	if (!pages)
		return -ENOMEM;
	ret = aci_userptr_pin_all(user, addr, pages);
	kfree(pages);
	return ret;
}

static void aci_userptr_unaccount(struct aci_userptr *user)
{
	atomic64_sub(user->page_count, &user->mm->pinned_vm);
	aci_quota_uncharge(user->adev, user->user, ACI_QUOTA_PINNED, user->page_count);
}

static int aci_userptr_account(struct aci_userptr *user)
{
	u64 limit = rlimit(RLIMIT_MEMLOCK) >> PAGE_SHIFT;

	user->user = aci_quota_charge(user->adev, ACI_QUOTA_PINNED, user->page_count);
	if (IS_ERR(user->user))
		return PTR_ERR(user->user);
	if (atomic64_add_return(user->page_count, &user->mm->pinned_vm) <= limit ||
	    capable(CAP_IPC_LOCK))
		return 0;
	aci_userptr_unaccount(user);
	return -ENOMEM;
}

/* Also what a failed pin left. */
static void aci_userptr_free(struct aci_userptr *user)
{
	struct scatterlist *sg;
	unsigned int i;

	for_each_sgtable_sg(&user->pages.sgt, sg, i)
		unpin_user_page_range_dirty_lock(sg_page(sg), sg->length >> PAGE_SHIFT,
						 !aci_userptr_is_readonly(user));
	sg_free_append_table(&user->pages);
	aci_userptr_unaccount(user);
	mmdrop(user->mm);
	kfree(user);
}

static struct aci_userptr *aci_userptr_create(struct aci_device *adev, unsigned long addr,
					      u64 bytes, bool readonly)
{
	struct aci_userptr *user = kzalloc_obj(*user, GFP_KERNEL_ACCOUNT);
	int ret;

	if (!user)
		return ERR_PTR(-ENOMEM);
	user->page_count = bytes >> PAGE_SHIFT;
	user->dir = readonly ? DMA_TO_DEVICE : DMA_BIDIRECTIONAL;
	user->mm = current->mm;
	user->adev = adev;
	ret = aci_userptr_account(user);
	if (ret) {
		kfree(user);
		return ERR_PTR(ret);
	}
	mmgrab(user->mm);
	ret = aci_userptr_pin(user, addr);
	if (ret) {
		aci_userptr_free(user);
		return ERR_PTR(ret);
	}
	return user;
}

static void aci_gem_userptr_free(struct drm_gem_object *obj)
{
	struct aci_bo *bo = to_aci_bo(obj);

	aci_gem_untrack(bo);
	aci_userptr_free(bo->userptr);
	drm_gem_object_release(obj);
	kfree(bo);
}

/* The memory is the process's: it would outlive neither its limits nor its end elsewhere. */
static struct dma_buf *aci_gem_userptr_export(struct drm_gem_object *obj, int flags)
{
	return ERR_PTR(-EOPNOTSUPP);
}

static const struct drm_gem_object_funcs aci_gem_userptr_funcs = {
	.free = aci_gem_userptr_free,
	.export = aci_gem_userptr_export,
};

/* Takes over @user if it succeeds. */
static struct aci_bo *aci_gem_create_userptr(struct aci_device *adev, struct aci_userptr *user)
{
	u64 bytes = (u64)user->page_count << PAGE_SHIFT;
	struct drm_gem_object *obj;
	struct aci_bo *bo;

	obj = aci_gem_create_object(&adev->drm, bytes);
	if (IS_ERR(obj))
		return ERR_CAST(obj);
	bo = to_aci_bo(obj);
	bo->kind = ACI_BO_USERPTR;
	bo->readonly = aci_userptr_is_readonly(user);
	bo->userptr = user;
	obj->funcs = &aci_gem_userptr_funcs;
	drm_gem_private_object_init(&adev->drm, obj, bytes);
	return bo;
}

/* The DMA layer would make a copy of what the card does not reach. */
static bool aci_userptr_is_reachable(struct aci_device *adev, const struct aci_userptr *user)
{
	u64 mask = dma_get_mask(&adev->pdev->dev);
	struct scatterlist *sg;
	unsigned int i;

	if (!adev->low_memory_only)
		return true;
	for_each_sgtable_sg(&user->pages.sgt, sg, i)
		if (sg_phys(sg) + sg->length - 1 > mask)
			return false;
	return true;
}

/* The BO is found by remove() from here on. */
static int aci_userptr_map_dma(struct aci_device *adev, struct aci_bo *bo)
{
	struct sg_table *sgt = &bo->userptr->pages.sgt;
	int ret = -ENODEV, idx;

	if (!aci_userptr_is_reachable(adev, bo->userptr))
		return -EOPNOTSUPP;
	if (!drm_dev_enter(&adev->drm, &idx))
		return -ENODEV;
	ret = dma_map_sgtable(&adev->pdev->dev, sgt, bo->userptr->dir, 0);
	if (!ret) {
		bo->shmem.sgt = sgt;
		aci_gem_track(adev, bo);
	}
	drm_dev_exit(idx);
	return ret;
}

/**
 * aci_userptr_unmap_dma() - drop the DMA mapping of a BO
 * @bo: BO with one; the caller holds aci_device.bo_lock
 */
void aci_userptr_unmap_dma(struct aci_bo *bo)
{
	dma_unmap_sgtable(bo->shmem.base.dev->dev, &bo->userptr->pages.sgt, bo->userptr->dir, 0);
}

static int aci_userptr_check_args(const struct aci_device *adev,
				  const struct drm_aci_bo_create_userptr *args)
{
	u64 end;

	if (args->flags & ~DRM_ACI_USERPTR_READONLY)
		return -EINVAL;
	if (!args->size || args->size > ACI_BO_BYTES_MAX ||
	    !IS_ALIGNED(args->addr | args->size, PAGE_SIZE) ||
	    check_add_overflow(args->addr, args->size, &end))
		return -EINVAL;
	/* The process's own mapping is write-back. */
	if (!(adev->caps.cap & ACI_CAP_SNOOP))
		return -EOPNOTSUPP;
	return access_ok(u64_to_user_ptr(args->addr), args->size) ? 0 : -EFAULT;
}

/**
 * aci_bo_create_userptr_ioctl() - DRM_IOCTL_ACI_BO_CREATE_USERPTR
 * @drm: device
 * @data: struct drm_aci_bo_create_userptr
 * @file: caller
 *
 * Return: 0 or a negative error.
 */
int aci_bo_create_userptr_ioctl(struct drm_device *drm, void *data, struct drm_file *file)
{
	struct aci_device *adev = to_aci_device(drm);
	struct drm_aci_bo_create_userptr *args = data;
	struct aci_userptr *user;
	struct aci_bo *bo;
	int ret;

	ret = aci_userptr_check_args(adev, args);
	if (ret)
		return ret;
	user = aci_userptr_create(adev, untagged_addr((unsigned long)args->addr), args->size,
				  args->flags & DRM_ACI_USERPTR_READONLY);
	if (IS_ERR(user))
		return PTR_ERR(user);
	bo = aci_gem_create_userptr(adev, user);
	if (IS_ERR(bo)) {
		aci_userptr_free(user);
		return PTR_ERR(bo);
	}
	ret = aci_userptr_map_dma(adev, bo);
	if (!ret)
		ret = drm_gem_handle_create(file, &bo->shmem.base, &args->handle);
	drm_gem_object_put(&bo->shmem.base);
	return ret;
}
