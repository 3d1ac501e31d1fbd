// SPDX-License-Identifier: GPL-2.0
/*
 * Buffer objects of memory of another driver.
 *
 * The exporter pins the memory for as long as it is attached. It gets no
 * notice to move it: a mapping that comes and goes would need fences of jobs,
 * which user queues do not have.
 */

#include <linux/dma-buf.h>
#include <drm/drm_gem.h>
#include <drm/drm_managed.h>
#include <drm/drm_prime.h>

#include "aci_device.h"
#include "aci_gem.h"
#include "aci_import.h"

/**
 * aci_import_init() - set up
 * @adev: new device
 *
 * Return: 0 or -ENOMEM.
 */
int aci_import_init(struct aci_device *adev)
{
	INIT_LIST_HEAD(&adev->imports.list);
	return drmm_mutex_init(&adev->drm, &adev->imports.lock);
}

static enum dma_data_direction aci_import_dir(const struct aci_bo *bo)
{
	return bo->readonly ? DMA_TO_DEVICE : DMA_BIDIRECTIONAL;
}

/* End what aci_import_attach() began. */
static void aci_import_detach(struct aci_bo *bo)
{
	if (bo->shmem.sgt)
		dma_buf_unmap_attachment_unlocked(bo->attachment, bo->shmem.sgt,
						  aci_import_dir(bo));
	bo->shmem.sgt = NULL;
	if (bo->attachment)
		dma_buf_detach(bo->dma_buf, bo->attachment);
	bo->attachment = NULL;
}

/**
 * aci_import_drop_all() - drop the attachments of all BOs
 * @adev: unplugged device without DMA
 */
void aci_import_drop_all(struct aci_device *adev)
{
	struct aci_bo *bo, *next;

	mutex_lock(&adev->imports.lock);
	list_for_each_entry_safe(bo, next, &adev->imports.list, node) {
		list_del_init(&bo->node);
		aci_import_detach(bo);
	}
	mutex_unlock(&adev->imports.lock);
}

static void aci_gem_import_free(struct drm_gem_object *obj)
{
	struct aci_device *adev = to_aci_device(obj->dev);
	struct aci_bo *bo = to_aci_bo(obj);

	mutex_lock(&adev->imports.lock);
	list_del_init(&bo->node);
	aci_import_detach(bo);
	mutex_unlock(&adev->imports.lock);
	dma_buf_put(bo->dma_buf);
	drm_gem_object_release(obj);
	kfree(bo);
}

static const struct drm_gem_object_funcs aci_gem_import_funcs = {
	.free = aci_gem_import_free,
};

/* Whole pages of the card, as much as the BO says. The exporter is not to be trusted with that. */
static bool aci_import_is_mappable(const struct sg_table *sgt, u64 bytes)
{
	struct scatterlist *sg;
	u64 mapped = 0;
	unsigned int i;

	for_each_sgtable_dma_sg(sgt, sg, i) {
		if (!sg_dma_len(sg) ||
		    !IS_ALIGNED(sg_dma_address(sg) | sg_dma_len(sg), ACI_PAGE_SIZE))
			return false;
		mapped += sg_dma_len(sg);
	}
	return mapped >= bytes;
}

static int aci_import_attach(struct aci_device *adev, struct aci_bo *bo)
{
	struct dma_buf_attachment *attachment;
	struct sg_table *sgt;

	attachment = dma_buf_attach(bo->dma_buf, &adev->pdev->dev);
	if (IS_ERR(attachment))
		return PTR_ERR(attachment);
	bo->attachment = attachment;
	sgt = dma_buf_map_attachment_unlocked(attachment, aci_import_dir(bo));
	if (IS_ERR(sgt))
		return PTR_ERR(sgt);
	bo->shmem.sgt = sgt;
	return aci_import_is_mappable(sgt, bo->shmem.base.size) ? 0 : -EINVAL;
}

static struct aci_bo *aci_import_alloc(struct aci_device *adev, struct dma_buf *dma_buf)
{
	struct drm_gem_object *obj;
	struct aci_bo *bo;

	obj = aci_gem_create_object(&adev->drm, dma_buf->size);
	if (IS_ERR(obj))
		return ERR_CAST(obj);
	bo = to_aci_bo(obj);
	bo->kind = ACI_BO_IMPORT;
	bo->readonly = !(dma_buf->file->f_mode & FMODE_WRITE);
	bo->dma_buf = dma_buf;
	get_dma_buf(dma_buf);
	obj->funcs = &aci_gem_import_funcs;
	drm_gem_private_object_init(&adev->drm, obj, dma_buf->size);
	return bo;
}

static struct drm_gem_object *aci_import_create(struct aci_device *adev, struct dma_buf *dma_buf)
{
	struct aci_bo *bo;
	int ret;

	if (!dma_buf->size || !IS_ALIGNED(dma_buf->size, PAGE_SIZE) ||
	    dma_buf->size > ACI_BO_BYTES_MAX)
		return ERR_PTR(-EINVAL);
	/* Others write by the CPU what must reach the card, and anywhere in memory. */
	if (!(adev->caps.cap & ACI_CAP_SNOOP) || adev->low_memory_only)
		return ERR_PTR(-EOPNOTSUPP);
	bo = aci_import_alloc(adev, dma_buf);
	if (IS_ERR(bo))
		return ERR_CAST(bo);
	ret = aci_import_attach(adev, bo);
	if (ret) {
		drm_dbg(&adev->drm, "dma-buf of %s: %d\n", dma_buf->exp_name, ret);
		drm_gem_object_put(&bo->shmem.base);
		return ERR_PTR(ret);
	}
	mutex_lock(&adev->imports.lock);
	list_add_tail(&bo->node, &adev->imports.list);
	mutex_unlock(&adev->imports.lock);
	return &bo->shmem.base;
}

/**
 * aci_gem_prime_import() - make a handle's BO of a dma-buf
 * @drm: device
 * @dma_buf: the dma-buf
 *
 * Return: the GEM object: of what this device exported, the one that it is of.
 */
struct drm_gem_object *aci_gem_prime_import(struct drm_device *drm, struct dma_buf *dma_buf)
{
	/* Without gem_prime_import_sg_table the helper knows our own only. */
	struct drm_gem_object *obj = drm_gem_prime_import(drm, dma_buf);
	int idx;

	if (obj != ERR_PTR(-EINVAL))
		return obj;
	/* Remove() waits for this before it drops attachments. */
	if (!drm_dev_enter(drm, &idx))
		return ERR_PTR(-ENODEV);
	obj = aci_import_create(to_aci_device(drm), dma_buf);
	drm_dev_exit(idx);
	return obj;
}
