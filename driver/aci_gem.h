/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Buffer objects: host memory by the shmem helper, card memory of our own,
 * memory of a process (aci_userptr.h), and memory of another driver
 * (aci_import.h), to which the rest of this comment does not apply.
 *
 * All are a struct aci_bo, so that one cast fits all GEM objects of the
 * device. DMA mappings live until the object is freed or the device is
 * removed, whichever comes first; aci_device.bo_lock decides.
 */
#ifndef ACI_GEM_H
#define ACI_GEM_H

#include <linux/scatterlist.h>
#include <drm/drm_gem_shmem_helper.h>

#include "compat.h"

struct aci_bo_index;
struct aci_device;
struct aci_quota_user;
struct aci_save_entry;
struct aci_userptr;
struct dma_buf;
struct dma_buf_attachment;

/* The shmem helper keeps an array of page pointers, which kvmalloc() limits to INT_MAX bytes. */
#define ACI_BO_BYTES_MAX	((u64)INT_MAX / sizeof(struct page *) * PAGE_SIZE)

/**
 * enum aci_bo_kind - where the memory is from
 * @ACI_BO_HOST: the shmem helper
 * @ACI_BO_CARD: the card
 * @ACI_BO_USERPTR: a process
 * @ACI_BO_IMPORT: another driver
 */
enum aci_bo_kind {
	ACI_BO_HOST,
	ACI_BO_CARD,
	ACI_BO_USERPTR,
	ACI_BO_IMPORT,
};

/**
 * struct aci_bo - a buffer object
 */
struct aci_bo {
	/** @shmem: base; of BOs other than ACI_BO_HOST only its GEM object and sgt are used */
	struct drm_gem_shmem_object shmem;
	/** @node: in aci_device.bos, or in aci_imports.list */
	struct list_head node;
	/** @kind: where the memory is from */
	enum aci_bo_kind kind;
	/** @readonly: the card may only read */
	bool readonly;
	/** @in_aperture: card BO that the CPU can map */
	bool in_aperture;
	/** @pinned_by: of a host BO that is pinned for the card, who it counts for */
	struct aci_quota_user *pinned_by;
	/** @index: where its pieces begin; NULL until it is prepared */
	struct aci_bo_index *index;
	/** @blocks: of a card BO */
	struct list_head blocks;
	/** @dummy: what CPU mappings of a card BO show once the card is gone */
	struct page *dummy;
	/** @save: of a card BO, room in host memory while the system sleeps; see aci_save.lock */
	struct aci_save_entry *save;
	/** @userptr: pages of a userptr BO */
	struct aci_userptr *userptr;
	/** @dma_buf: of an imported BO, with a reference */
	struct dma_buf *dma_buf;
	/** @attachment: of an imported BO, until the device is removed */
	struct dma_buf_attachment *attachment;
	/** @import_sgt: of an imported BO, the exporter's table while mapped; under dma_resv */
	struct sg_table *import_sgt;
	/** @vas: of an imported BO, struct aci_va; under aci_imports.va_lock */
	struct list_head vas;
	/** @revoked: of an imported BO: the memory is out of reach */
	bool revoked;
};

static inline struct aci_bo *to_aci_bo(struct drm_gem_object *obj)
{
	return container_of(obj, struct aci_bo, shmem.base);
}

static inline bool aci_bo_is_card(const struct aci_bo *bo)
{
	return bo->kind == ACI_BO_CARD;
}

/* Pages of the driver's own that nobody else gives or takes. */
static inline bool aci_gem_is_plain_host(const struct aci_bo *bo)
{
	return bo->kind == ACI_BO_HOST && !bo->shmem.base.import_attach;
}

/**
 * struct aci_bo_iter - position in a BO as the card sees it
 */
struct aci_bo_iter {
	/** @bo: the BO */
	struct aci_bo *bo;
	/** @addr: DMA address or card address here */
	u64 addr;
	/** @left: contiguous bytes from here */
	u64 left;
	/** @sg: segment of a host BO */
	struct scatterlist *sg;
	/** @block: block of a card BO */
	struct aci_buddy_block *block;
};

struct drm_gem_object *aci_gem_create_object(struct drm_device *drm, size_t size);
struct aci_bo *aci_gem_create_host(struct aci_device *adev, u64 bytes, bool write_combined);
struct aci_bo *aci_gem_create_card(struct aci_device *adev, u64 bytes, bool in_aperture);
int aci_gem_prepare(struct aci_bo *bo, bool readonly);
int aci_gem_prepare_own(struct aci_bo *bo);
void aci_gem_track(struct aci_device *adev, struct aci_bo *bo);
void aci_gem_untrack(struct aci_bo *bo);
void aci_gem_drop_dma_all(struct aci_device *adev);
void aci_gem_zap_card_maps(struct aci_device *adev);

void aci_bo_iter_init(struct aci_bo_iter *iter, struct aci_bo *bo, u64 offset);
void aci_bo_iter_advance(struct aci_bo_iter *iter, u64 bytes);
int aci_bo_index_make(struct aci_bo *bo);
void aci_bo_index_free(struct aci_bo *bo);

int aci_bo_create_ioctl(struct drm_device *drm, void *data, struct drm_file *file);
int aci_bo_mmap_offset_ioctl(struct drm_device *drm, void *data, struct drm_file *file);

#endif /* ACI_GEM_H */
