// SPDX-License-Identifier: GPL-2.0
/*
 * Buffer objects of memory of another driver.
 *
 * The exporter pins the memory for as long as it is mapped: what comes and goes
 * would need fences of jobs, which user queues do not have. It may revoke it
 * though, for good, as another card does that is removed or was reset.
 */

#include <linux/dma-buf.h>
#include <linux/dma-resv.h>
#include <drm/drm_gem.h>
#include <drm/drm_managed.h>
#include <drm/drm_prime.h>

#include "aci_device.h"
#include "aci_export.h"
#include "aci_gem.h"
#include "aci_import.h"
#include "aci_trace.h"
#include "aci_vm.h"

/**
 * aci_import_init() - set up
 * @adev: new device
 *
 * Return: 0 or -ENOMEM.
 */
int aci_import_init(struct aci_device *adev)
{
	INIT_LIST_HEAD(&adev->imports.list);
	return drmm_mutex_init(&adev->drm, &adev->imports.lock) ?:
	       drmm_mutex_init(&adev->drm, &adev->imports.va_lock);
}

static enum dma_data_direction aci_import_dir(const struct aci_bo *bo)
{
	return bo->readonly ? DMA_TO_DEVICE : DMA_BIDIRECTIONAL;
}

/* The exporter's side of the mapping; under its dma_resv. */
static void aci_import_unmap_locked(struct aci_bo *bo)
{
	dma_resv_assert_held(bo->dma_buf->resv);
	if (!bo->import_sgt)
		return;
	dma_buf_unmap_attachment(bo->attachment, bo->import_sgt, aci_import_dir(bo));
	dma_buf_unpin(bo->attachment);
	bo->import_sgt = NULL;
}

/* End what aci_import_attach() began. */
static void aci_import_detach(struct aci_bo *bo)
{
	if (!bo->attachment)
		return;
	dma_resv_lock(bo->dma_buf->resv, NULL);
	aci_import_unmap_locked(bo);
	dma_resv_unlock(bo->dma_buf->resv);
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
	aci_bo_index_free(bo);
	if (bo->shmem.sgt)
		sg_free_table(bo->shmem.sgt);
	kfree(bo->shmem.sgt);
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

/* --- Revoked memory --- */

/**
 * aci_import_add_va() - a mapping was inserted: let it be found when its BO is revoked
 * @va: mapping whose place is in the page tables is written after this
 */
void aci_import_add_va(struct aci_va *va)
{
	struct aci_bo *bo = to_aci_bo(va->base.gem.obj);
	struct aci_imports *imports = &to_aci_device(bo->shmem.base.dev)->imports;

	if (bo->kind != ACI_BO_IMPORT)
		return;
	mutex_lock(&imports->va_lock);
	list_add(&va->import_node, &bo->vas);
	mutex_unlock(&imports->va_lock);
}

/**
 * aci_import_forget_va() - the card has nothing of a mapping any more
 * @va: mapping
 */
void aci_import_forget_va(struct aci_va *va)
{
	struct aci_bo *bo = to_aci_bo(va->base.gem.obj);
	struct aci_imports *imports = &to_aci_device(bo->shmem.base.dev)->imports;

	if (bo->kind != ACI_BO_IMPORT)
		return;
	mutex_lock(&imports->va_lock);
	list_del_init(&va->import_node);
	mutex_unlock(&imports->va_lock);
}

/* Returns the bytes that were mapped. */
static u64 aci_import_revoke_va(struct aci_va *va)
{
	struct aci_vm *vm = to_aci_vm(va->base.vm);
	struct aci_inval_batch batch = {};
	u64 cleared;

	/* The card forgot the VM, or a reset did that for it. */
	if (vm->off_card)
		return 0;
	mutex_lock(&vm->pt.lock);
	cleared = aci_pt_revoke(&vm->pt, to_aci_bo(va->base.gem.obj), va->base.gem.offset,
				va->base.va.addr, va->base.va.range, &batch);
	mutex_unlock(&vm->pt.lock);
	aci_bind_invalidate(vm, &batch);
	return cleared;
}

/* When it returns, no access of the card to the memory is in flight or will begin. */
static void aci_import_revoke(struct dma_buf_attachment *attachment)
{
	struct aci_bo *bo = attachment->importer_priv;
	struct aci_device *adev = to_aci_device(bo->shmem.base.dev);
	struct aci_va *va;
	u64 cleared = 0;

	/* It is not a BO yet, or revoked already. */
	if (!bo->import_sgt)
		return;
	mutex_lock(&adev->imports.va_lock);
	/* Binds look at it under aci_pt_tree.lock, which is taken below if they came first. */
	WRITE_ONCE(bo->revoked, true);
	list_for_each_entry(va, &bo->vas, import_node)
		cleared += aci_import_revoke_va(va);
	mutex_unlock(&adev->imports.va_lock);
	aci_import_unmap_locked(bo);
	trace_aci_import_revoke(adev, bo->shmem.base.size, cleared);
}

static const struct dma_buf_attach_ops aci_import_ops = {
	.allow_peer2peer = true,
	.ACI_INVALIDATE_MAPPINGS = aci_import_revoke,
};

/**
 * aci_import_is_own() - whether the importer is a card of this driver
 * @attachment: attachment to a dma-buf of any exporter
 *
 * Return: true if it is.
 */
bool aci_import_is_own(const struct dma_buf_attachment *attachment)
{
	return attachment->importer_ops == &aci_import_ops;
}

/* --- Import --- */

/* What the exporter's table says, to have when it takes that back. */
static int aci_import_copy_table(struct aci_bo *bo)
{
	struct scatterlist *from, *to;
	struct sg_table *sgt;
	unsigned int i;

	sgt = kzalloc_obj(*sgt, GFP_KERNEL_ACCOUNT);
	if (!sgt)
		return -ENOMEM;
	if (sg_alloc_table(sgt, bo->import_sgt->nents, GFP_KERNEL_ACCOUNT)) {
		kfree(sgt);
		return -ENOMEM;
	}
	to = sgt->sgl;
	for_each_sgtable_dma_sg(bo->import_sgt, from, i) {
		sg_dma_address(to) = sg_dma_address(from);
		sg_dma_len(to) = sg_dma_len(from);
		to = sg_next(to);
	}
	bo->shmem.sgt = sgt;
	return 0;
}

static int aci_import_map_locked(struct aci_bo *bo)
{
	struct sg_table *sgt;
	long waited;
	int ret;

	ret = dma_buf_pin(bo->attachment);
	if (ret)
		return ret;
	sgt = dma_buf_map_attachment(bo->attachment, aci_import_dir(bo));
	if (IS_ERR(sgt)) {
		dma_buf_unpin(bo->attachment);
		return PTR_ERR(sgt);
	}
	bo->import_sgt = sgt;
	if (!aci_import_is_mappable(sgt, bo->shmem.base.size))
		return -EINVAL;
	/* The exporter may be moving the memory to where the table says. */
	waited = dma_resv_wait_timeout(bo->dma_buf->resv, DMA_RESV_USAGE_KERNEL, true,
				       MAX_SCHEDULE_TIMEOUT);
	return waited < 0 ? waited : aci_import_copy_table(bo);
}

static int aci_import_attach(struct aci_device *adev, struct aci_bo *bo)
{
	struct dma_buf_attachment *attachment;
	int ret;

	attachment = dma_buf_dynamic_attach(bo->dma_buf, &adev->pdev->dev, &aci_import_ops, bo);
	if (IS_ERR(attachment))
		return PTR_ERR(attachment);
	bo->attachment = attachment;
	dma_resv_lock(bo->dma_buf->resv, NULL);
	ret = aci_import_map_locked(bo);
	dma_resv_unlock(bo->dma_buf->resv);
	return ret;
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
	INIT_LIST_HEAD(&bo->vas);
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
	struct drm_gem_object *obj = aci_export_own(drm, dma_buf);
	int idx;

	if (obj)
		return obj;
	/* Without gem_prime_import_sg_table the helper knows our own only. */
	obj = drm_gem_prime_import(drm, dma_buf);
	if (obj != ERR_PTR(-EINVAL))
		return obj;
	/* Remove() waits for this before it drops attachments. */
	if (!drm_dev_enter(drm, &idx))
		return ERR_PTR(-ENODEV);
	obj = aci_import_create(to_aci_device(drm), dma_buf);
	drm_dev_exit(idx);
	return obj;
}
