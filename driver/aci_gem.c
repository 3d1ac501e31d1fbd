// SPDX-License-Identifier: GPL-2.0
/*
 * Buffer objects: what host and card BOs share, host BOs, and the ioctls.
 */

#include <linux/dma-mapping.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <drm/drm_gem.h>
#include <drm/aci_accel.h>

#include "aci_device.h"
#include "aci_gem.h"
#include "aci_quota.h"
#include "aci_save.h"
#include "aci_userptr.h"

/**
 * aci_gem_track() - let remove() find the BO's DMA mappings
 * @adev: device
 * @bo: new BO
 */
void aci_gem_track(struct aci_device *adev, struct aci_bo *bo)
{
	mutex_lock(&adev->bo_lock);
	list_add_tail(&bo->node, &adev->bos);
	mutex_unlock(&adev->bo_lock);
}

/*
 * The shmem helper would unmap when the object is freed, which may be long
 * after the driver lost the device. It finds nothing left to do then.
 */
static void aci_gem_host_unmap_dma(struct aci_bo *bo)
{
	dma_unmap_sgtable(bo->shmem.base.dev->dev, bo->shmem.sgt, DMA_BIDIRECTIONAL, 0);
	sg_free_table(bo->shmem.sgt);
	kfree(bo->shmem.sgt);
}

static void aci_gem_drop_dma(struct aci_bo *bo)
{
	if (!bo->shmem.sgt)
		return;
	if (bo->kind == ACI_BO_USERPTR)
		aci_userptr_unmap_dma(bo);
	else
		aci_gem_host_unmap_dma(bo);
	bo->shmem.sgt = NULL;
}

/**
 * aci_gem_untrack() - before the BO is freed: drop its DMA mapping
 * @bo: BO without users
 */
void aci_gem_untrack(struct aci_bo *bo)
{
	struct aci_device *adev = to_aci_device(bo->shmem.base.dev);

	mutex_lock(&adev->bo_lock);
	list_del_init(&bo->node);
	aci_gem_drop_dma(bo);
	mutex_unlock(&adev->bo_lock);
	aci_bo_index_free(bo);
}

/**
 * aci_gem_drop_dma_all() - drop the DMA mappings of all BOs
 * @adev: unplugged device without DMA
 */
void aci_gem_drop_dma_all(struct aci_device *adev)
{
	struct aci_bo *bo;

	mutex_lock(&adev->bo_lock);
	list_for_each_entry(bo, &adev->bos, node)
		aci_gem_drop_dma(bo);
	mutex_unlock(&adev->bo_lock);
}

static void aci_gem_host_free(struct drm_gem_object *obj)
{
	struct aci_bo *bo = to_aci_bo(obj);

	aci_gem_untrack(bo);
	if (bo->pinned_by)
		aci_quota_uncharge(to_aci_device(obj->dev), bo->pinned_by, ACI_QUOTA_PINNED,
				   obj->size >> PAGE_SHIFT);
	drm_gem_shmem_free(&bo->shmem);
}

static const struct drm_gem_object_funcs aci_gem_host_funcs = {
	.free = aci_gem_host_free,
	.print_info = drm_gem_shmem_object_print_info,
	.pin = drm_gem_shmem_object_pin,
	.unpin = drm_gem_shmem_object_unpin,
	.get_sg_table = drm_gem_shmem_object_get_sg_table,
	.vmap = drm_gem_shmem_object_vmap,
	.vunmap = drm_gem_shmem_object_vunmap,
	.mmap = drm_gem_shmem_object_mmap,
	.vm_ops = &drm_gem_shmem_vm_ops,
};

/**
 * aci_gem_create_object() - allocate a BO for the shmem helper
 * @drm: device
 * @size: not used
 *
 * Return: the GEM object or ERR_PTR(-ENOMEM).
 */
struct drm_gem_object *aci_gem_create_object(struct drm_device *drm, size_t size)
{
	struct aci_bo *bo = kzalloc_obj(*bo, GFP_KERNEL_ACCOUNT);

	if (!bo)
		return ERR_PTR(-ENOMEM);
	INIT_LIST_HEAD(&bo->node);
	INIT_LIST_HEAD(&bo->blocks);
	bo->shmem.base.funcs = &aci_gem_host_funcs;
	return &bo->shmem.base;
}

/**
 * aci_gem_create_host() - make a BO in host memory
 * @adev: device
 * @bytes: page multiple
 * @write_combined: cache attribute of CPU mappings
 *
 * Pages are allocated when they are touched or bound.
 *
 * Return: the BO or an error pointer.
 */
struct aci_bo *aci_gem_create_host(struct aci_device *adev, u64 bytes, bool write_combined)
{
	struct drm_gem_shmem_object *shmem;
	struct aci_bo *bo;

	/* It could never be bound; and ENOSPC is for card memory. */
	if (bytes >> PAGE_SHIFT > totalram_pages())
		return ERR_PTR(-ENOMEM);
	shmem = drm_gem_shmem_create(&adev->drm, bytes);
	/* What tmpfs says for want of an inode. */
	if (shmem == ERR_PTR(-ENOSPC))
		return ERR_PTR(-ENOMEM);
	if (IS_ERR(shmem))
		return ERR_CAST(shmem);
	shmem->map_wc = write_combined;
	if (adev->low_memory_only)
		mapping_set_gfp_mask(shmem->base.filp->f_mapping,
				     GFP_USER | __GFP_DMA32 | __GFP_RETRY_MAYFAIL | __GFP_NOWARN);
	bo = to_aci_bo(&shmem->base);
	aci_gem_track(adev, bo);
	return bo;
}

/* The pages are there, and stay, until the BO is freed: they count for who wants that first. */
static int aci_gem_pin_host(struct aci_bo *bo)
{
	struct aci_device *adev = to_aci_device(bo->shmem.base.dev);
	u64 pages = bo->shmem.base.size >> PAGE_SHIFT;
	struct aci_quota_user *user = NULL;
	struct sg_table *sgt;

	if (!READ_ONCE(bo->pinned_by)) {
		user = aci_quota_charge(adev, ACI_QUOTA_PINNED, pages);
		if (IS_ERR(user))
			return PTR_ERR(user);
	}
	sgt = drm_gem_shmem_get_pages_sgt(&bo->shmem);
	/* Somebody else may have done it at the same time. */
	if (user && (IS_ERR(sgt) || cmpxchg(&bo->pinned_by, NULL, user)))
		aci_quota_uncharge(adev, user, ACI_QUOTA_PINNED, pages);
	return PTR_ERR_OR_ZERO(sgt);
}

/**
 * aci_gem_prepare() - give the BO addresses that the card can use
 * @bo: BO
 * @readonly: the card will only read
 *
 * Return: 0; -EACCES if the BO is for reading only, but not @readonly; -ENODEV
 * if its memory was revoked; -EDQUOT; or another negative error.
 */
int aci_gem_prepare(struct aci_bo *bo, bool readonly)
{
	int ret = 0;

	if (READ_ONCE(bo->revoked))
		return -ENODEV;
	if (bo->readonly && !readonly)
		return -EACCES;
	if (bo->kind == ACI_BO_HOST)
		ret = aci_gem_pin_host(bo);
	return ret ?: aci_bo_index_make(bo);
}

/**
 * aci_gem_prepare_own() - give a host BO of the driver's own addresses that the card can use
 * @bo: BO, which counts for nobody
 *
 * Return: 0 or a negative error.
 */
int aci_gem_prepare_own(struct aci_bo *bo)
{
	return PTR_ERR_OR_ZERO(drm_gem_shmem_get_pages_sgt(&bo->shmem)) ?: aci_bo_index_make(bo);
}

static int aci_bo_create_check(struct aci_device *adev, struct drm_aci_bo_create *args)
{
	if (args->flags & ~DRM_ACI_BO_CPU_ACCESS)
		return -EINVAL;
	if (!args->size || args->size > ACI_BO_BYTES_MAX)
		return -EINVAL;
	if (args->cache != DRM_ACI_CACHE_WRITE_BACK &&
	    args->cache != DRM_ACI_CACHE_WRITE_COMBINED)
		return -EINVAL;
	switch (args->placement) {
	case DRM_ACI_PLACEMENT_HOST:
		/* Without snooping the card would not see what sits in a CPU's cache. */
		if (args->cache == DRM_ACI_CACHE_WRITE_BACK &&
		    !(adev->caps.cap & ACI_CAP_SNOOP))
			return -EOPNOTSUPP;
		break;
	case DRM_ACI_PLACEMENT_CARD:
		if (args->cache != DRM_ACI_CACHE_WRITE_COMBINED)
			return -EINVAL;
		break;
	default:
		return -EINVAL;
	}
	args->size = PAGE_ALIGN(args->size);
	return 0;
}

/**
 * aci_bo_create_ioctl() - DRM_IOCTL_ACI_BO_CREATE
 * @drm: device
 * @data: struct drm_aci_bo_create
 * @file: caller
 *
 * Return: 0 or a negative error.
 */
int aci_bo_create_ioctl(struct drm_device *drm, void *data, struct drm_file *file)
{
	struct aci_device *adev = to_aci_device(drm);
	struct drm_aci_bo_create *args = data;
	bool in_aperture = args->flags & DRM_ACI_BO_CPU_ACCESS;
	struct aci_bo *bo;
	int ret, idx;

	ret = aci_bo_create_check(adev, args);
	if (ret)
		return ret;
	if (!drm_dev_enter(drm, &idx))
		return -ENODEV;
	if (args->placement == DRM_ACI_PLACEMENT_CARD) {
		bo = aci_gem_create_card(adev, args->size, in_aperture);
		args->available_bytes = aci_vram_available(adev, in_aperture);
	} else {
		bo = aci_gem_create_host(adev, args->size,
					 args->cache == DRM_ACI_CACHE_WRITE_COMBINED);
		args->available_bytes = 0;
	}
	ret = PTR_ERR_OR_ZERO(bo);
	if (!ret && aci_bo_is_card(bo))
		ret = aci_save_add(adev, bo);
	drm_dev_exit(idx);
	if (IS_ERR(bo))
		return ret;
	ret = ret ?: drm_gem_handle_create(file, &bo->shmem.base, &args->handle);
	drm_gem_object_put(&bo->shmem.base);
	return ret;
}

/**
 * aci_bo_mmap_offset_ioctl() - DRM_IOCTL_ACI_BO_MMAP_OFFSET
 * @drm: device
 * @data: struct drm_aci_bo_mmap_offset
 * @file: caller
 *
 * Return: 0 or a negative error.
 */
int aci_bo_mmap_offset_ioctl(struct drm_device *drm, void *data, struct drm_file *file)
{
	struct drm_aci_bo_mmap_offset *args = data;
	struct drm_gem_object *obj;
	struct aci_bo *bo;
	int ret;

	if (args->pad)
		return -EINVAL;
	obj = drm_gem_object_lookup(file, args->handle);
	if (!obj)
		return -ENOENT;
	bo = to_aci_bo(obj);
	if (bo->kind != ACI_BO_HOST && !bo->in_aperture) {
		ret = -EACCES;
	} else {
		ret = drm_gem_create_mmap_offset(obj);
		args->offset = drm_vma_node_offset_addr(&obj->vma_node);
	}
	drm_gem_object_put(obj);
	return ret;
}
