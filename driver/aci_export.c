// SPDX-License-Identifier: GPL-2.0
/*
 * Card memory for other devices.
 */

#include <linux/dma-buf.h>
#include <linux/dma-mapping.h>
#include <linux/dma-resv.h>
#include <linux/pci-p2pdma.h>
#include <drm/drm_gem.h>
#include <drm/drm_managed.h>
#include <drm/drm_prime.h>

#include "aci_device.h"
#include "aci_export.h"
#include "aci_gem.h"
#include "aci_import.h"
#include "aci_trace.h"

/* How long removal waits for importers that go on until their jobs have ended. */
#define ACI_EXPORT_DRAIN	(10 * HZ)

/* A segment, whose length has 32 bits. */
#define ACI_EXPORT_SEGMENT_MAX	SZ_2G

/**
 * struct aci_export - an attachment of another device
 */
struct aci_export {
	/** @node: in aci_exports.list */
	struct list_head node;
	/** @dma_buf: what it is attached to */
	struct dma_buf *dma_buf;
	/** @round: when it was last revoked */
	u64 round;
};

static struct aci_device *aci_export_device(const struct dma_buf *dma_buf)
{
	const struct drm_gem_object *obj = dma_buf->priv;

	return to_aci_device(obj->dev);
}

static bool aci_export_in_aperture(struct aci_device *adev, const struct aci_bo *bo)
{
	struct aci_buddy_block *block;

	list_for_each_entry(block, &bo->blocks, link)
		if (ACI_BUDDY(block_offset)(block) +
		    ACI_BUDDY(block_size)(&adev->vram.buddy, block) > adev->vram.aperture_bytes)
			return false;
	return true;
}

/* Why @attachment cannot have the memory; NULL if it can. */
static const char *aci_export_refusal(struct aci_device *adev,
				      const struct dma_buf_attachment *attachment)
{
	if (!attachment->peer2peer)
		return "it takes memory with struct pages only";
	if (!aci_export_in_aperture(adev, to_aci_bo(attachment->dmabuf->priv)))
		return "the BO is not in the aperture";
	if (!IS_ENABLED(CONFIG_PCI_P2PDMA))
		return "the kernel has no CONFIG_PCI_P2PDMA";
	if (pci_p2pdma_distance(adev->pdev, attachment->dev, false) < 0)
		return "no PCI path between the devices is known to work";
	return NULL;
}

static int aci_export_attach(struct dma_buf *dma_buf, struct dma_buf_attachment *attachment)
{
	struct aci_device *adev = aci_export_device(dma_buf);
	struct aci_export *export;
	const char *refusal;
	int ret, idx;

	refusal = aci_export_refusal(adev, attachment);
	if (refusal) {
		drm_dbg(&adev->drm, "no peer-to-peer access for %s: %s\n",
			dev_name(attachment->dev), refusal);
		return -EOPNOTSUPP;
	}
	export = kzalloc_obj(*export, GFP_KERNEL_ACCOUNT);
	if (!export)
		return -ENOMEM;
	export->dma_buf = dma_buf;
	ret = -ENODEV;
	/* Remove() revokes what is in the list after it waited for this. */
	if (drm_dev_enter(&adev->drm, &idx)) {
		ret = aci_pm_get(adev);
		if (!ret) {
			mutex_lock(&adev->exports.lock);
			list_add_tail(&export->node, &adev->exports.list);
			mutex_unlock(&adev->exports.lock);
		}
		drm_dev_exit(idx);
	}
	if (ret)
		kfree(export);
	else
		attachment->priv = export;
	return ret;
}

static void aci_export_detach(struct dma_buf *dma_buf, struct dma_buf_attachment *attachment)
{
	struct aci_device *adev = aci_export_device(dma_buf);
	struct aci_export *export = attachment->priv;

	mutex_lock(&adev->exports.lock);
	list_del(&export->node);
	mutex_unlock(&adev->exports.lock);
	kfree(export);
	aci_pm_put(adev);
}

/*
 * Card memory does not move, but it is taken back at a reset, in sleep and at the
 * end. Of importers that pin only our own lets go nevertheless.
 */
static int aci_export_pin(struct dma_buf_attachment *attachment)
{
	struct aci_device *adev = aci_export_device(attachment->dmabuf);

	if (aci_import_is_own(attachment))
		return 0;
	drm_dbg(&adev->drm, "no peer-to-peer access for %s: it pins, and would not let go\n",
		dev_name(attachment->dev));
	return -EOPNOTSUPP;
}

static void aci_export_unpin(struct dma_buf_attachment *attachment)
{
}

static unsigned int aci_export_count_segments(struct aci_device *adev, const struct aci_bo *bo,
					      u64 max)
{
	struct aci_buddy_block *block;
	unsigned int count = 0;

	list_for_each_entry(block, &bo->blocks, link)
		count += DIV_ROUND_UP_ULL(ACI_BUDDY(block_size)(&adev->vram.buddy, block), max);
	return count;
}

static void aci_export_free_table(struct device *dev, struct sg_table *sgt,
				  enum dma_data_direction dir)
{
	struct scatterlist *sg;
	unsigned int i;

	for_each_sgtable_dma_sg(sgt, sg, i) {
		if (!sg_dma_len(sg))
			break;
		dma_unmap_resource(dev, sg_dma_address(sg), sg_dma_len(sg), dir, 0);
	}
	sg_free_table(sgt);
	kfree(sgt);
}

/* Fill a table with addresses for @dev, as far as it goes. */
static int aci_export_fill_table(struct device *dev, struct aci_bo *bo, struct sg_table *sgt,
				 u64 max, enum dma_data_direction dir)
{
	struct aci_device *adev = to_aci_device(bo->shmem.base.dev);
	struct scatterlist *sg;
	struct aci_bo_iter iter;
	unsigned int i;

	aci_bo_iter_init(&iter, bo, 0);
	for_each_sgtable_sg(sgt, sg, i) {
		u64 bytes = min(iter.left, max);
		dma_addr_t dma;

		dma = dma_map_resource(dev, adev->aperture_phys + iter.addr, bytes, dir, 0);
		if (dma_mapping_error(dev, dma))
			return -ENOMEM;
		/* No page: importers find the addresses only. */
		sg_set_page(sg, NULL, bytes, 0);
		sg_dma_address(sg) = dma;
		sg_dma_len(sg) = bytes;
		trace_aci_export_map(adev, dev, iter.addr, dma, bytes);
		aci_bo_iter_advance(&iter, bytes);
	}
	return 0;
}

static struct sg_table *aci_export_make_table(struct device *dev, struct aci_bo *bo,
					      enum dma_data_direction dir)
{
	u64 max = min_t(u64, ALIGN_DOWN(dma_get_max_seg_size(dev), PAGE_SIZE),
			ACI_EXPORT_SEGMENT_MAX);
	struct sg_table *sgt;
	int ret;

	if (!max)
		return ERR_PTR(-EINVAL);
	sgt = kzalloc_obj(*sgt, GFP_KERNEL);
	if (!sgt)
		return ERR_PTR(-ENOMEM);
	ret = sg_alloc_table(sgt, aci_export_count_segments(to_aci_device(bo->shmem.base.dev), bo,
							    max), GFP_KERNEL);
	if (ret) {
		kfree(sgt);
		return ERR_PTR(ret);
	}
	ret = aci_export_fill_table(dev, bo, sgt, max, dir);
	if (ret) {
		aci_export_free_table(dev, sgt, dir);
		return ERR_PTR(ret);
	}
	return sgt;
}

static struct sg_table *aci_export_map(struct dma_buf_attachment *attachment,
				       enum dma_data_direction dir)
{
	struct drm_gem_object *obj = attachment->dmabuf->priv;
	struct sg_table *sgt = ERR_PTR(-ENODEV);
	int idx;

	/* Under the dma_resv: revoked before this, or with this. */
	dma_resv_assert_held(attachment->dmabuf->resv);
	if (!drm_dev_enter(obj->dev, &idx))
		return sgt;
	if (!aci_is_dead(to_aci_device(obj->dev)))
		sgt = aci_export_make_table(attachment->dev, to_aci_bo(obj), dir);
	drm_dev_exit(idx);
	return sgt;
}

static void aci_export_unmap(struct dma_buf_attachment *attachment, struct sg_table *sgt,
			     enum dma_data_direction dir)
{
	aci_export_free_table(attachment->dev, sgt, dir);
}

static const struct dma_buf_ops aci_export_ops = {
	.attach = aci_export_attach,
	.detach = aci_export_detach,
	.pin = aci_export_pin,
	.unpin = aci_export_unpin,
	.map_dma_buf = aci_export_map,
	.unmap_dma_buf = aci_export_unmap,
	.release = drm_gem_dmabuf_release,
	.mmap = drm_gem_dmabuf_mmap,
};

/**
 * aci_gem_card_export() - make a dma-buf of a card BO
 * @obj: its GEM object
 * @flags: of the file
 *
 * Return: the dma-buf or an error pointer.
 */
struct dma_buf *aci_gem_card_export(struct drm_gem_object *obj, int flags)
{
	struct dma_buf_export_info info = {
		.exp_name = KBUILD_MODNAME,
		.owner = THIS_MODULE,
		.ops = &aci_export_ops,
		.size = obj->size,
		.flags = flags,
		.priv = obj,
		.resv = obj->resv,
	};

	return drm_gem_dmabuf_export(obj->dev, &info);
}

/**
 * aci_export_own() - the BO that a dma-buf is of, if it is one of the device's card memory
 * @drm: device
 * @dma_buf: the dma-buf
 *
 * Return: the GEM object with a reference, or NULL.
 */
struct drm_gem_object *aci_export_own(struct drm_device *drm, struct dma_buf *dma_buf)
{
	struct drm_gem_object *obj = dma_buf->priv;

	if (dma_buf->ops != &aci_export_ops || obj->dev != drm)
		return NULL;
	drm_gem_object_get(obj);
	return obj;
}

/* A dma-buf that has not been revoked in this round, with a reference, or NULL. */
static struct dma_buf *aci_export_take(struct aci_device *adev, u64 round)
{
	struct dma_buf *dma_buf = NULL;
	struct aci_export *export;

	mutex_lock(&adev->exports.lock);
	list_for_each_entry(export, &adev->exports.list, node) {
		if (export->round >= round)
			continue;
		export->round = round;
		/* Whoever is attached holds it. */
		dma_buf = export->dma_buf;
		get_dma_buf(dma_buf);
		break;
	}
	mutex_unlock(&adev->exports.lock);
	return dma_buf;
}

static u64 aci_export_next_round(struct aci_device *adev)
{
	u64 round;

	mutex_lock(&adev->exports.lock);
	round = ++adev->exports.round;
	mutex_unlock(&adev->exports.lock);
	return round;
}

/**
 * aci_export_revoke_all() - take all addresses of card memory back
 * @adev: device; the caller holds none of its locks
 *
 * Importers that let go when their jobs have ended, as their fences in the
 * dma_resv say, are waited for within bounds.
 */
void aci_export_revoke_all(struct aci_device *adev)
{
	unsigned long deadline = jiffies + ACI_EXPORT_DRAIN;
	u64 round = aci_export_next_round(adev);
	struct dma_buf *dma_buf;

	while ((dma_buf = aci_export_take(adev, round))) {
		long left = max_t(long, deadline - jiffies, 0);

		dma_resv_lock(dma_buf->resv, NULL);
		aci_dma_buf_invalidate_mappings(dma_buf);
		dma_resv_wait_timeout(dma_buf->resv, DMA_RESV_USAGE_BOOKKEEP, false, left);
		dma_resv_unlock(dma_buf->resv);
		dma_buf_put(dma_buf);
	}
}

static void aci_export_revoke_work(struct work_struct *work)
{
	aci_export_revoke_all(container_of(work, struct aci_device, exports.revoke_work));
}

/**
 * aci_export_revoke_later() - the card was reset: take all addresses back
 * @adev: device; the caller holds reset_sem for writing
 */
void aci_export_revoke_later(struct aci_device *adev)
{
	queue_work(adev->reap_wq, &adev->exports.revoke_work);
}

/**
 * aci_export_init() - set up
 * @adev: new device
 *
 * Return: 0 or -ENOMEM.
 */
int aci_export_init(struct aci_device *adev)
{
	INIT_LIST_HEAD(&adev->exports.list);
	INIT_WORK(&adev->exports.revoke_work, aci_export_revoke_work);
	return drmm_mutex_init(&adev->drm, &adev->exports.lock);
}

/**
 * aci_export_stop() - nobody has addresses of the card's memory from here on
 * @adev: unplugged device, which is reset no more
 */
void aci_export_stop(struct aci_device *adev)
{
	cancel_work_sync(&adev->exports.revoke_work);
	aci_export_revoke_all(adev);
}
