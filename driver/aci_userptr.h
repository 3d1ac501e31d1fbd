/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Buffer objects of memory that belongs to a process, used without a copy.
 *
 * Pages are pinned before the BO exists, under mmap_lock and under no lock of
 * ours, and until it is freed, outside all locks as well. The process pays for
 * them: they count in mm.pinned_vm against its RLIMIT_MEMLOCK, and in the quota
 * of its user. The DMA mapping is as that of other BOs under aci_device.bo_lock.
 */
#ifndef ACI_USERPTR_H
#define ACI_USERPTR_H

#include <linux/dma-direction.h>
#include <linux/scatterlist.h>

struct aci_bo;
struct aci_device;
struct aci_quota_user;
struct drm_device;
struct drm_file;
struct mm_struct;

/**
 * struct aci_userptr - pinned pages of a process
 */
struct aci_userptr {
	/** @pages: the pages, in order */
	struct sg_append_table pages;
	/** @mm: of the process that pays, with a reference to the structure */
	struct mm_struct *mm;
	/** @adev: device that the pages are for */
	struct aci_device *adev;
	/** @user: who it counts for */
	struct aci_quota_user *user;
	/** @page_count: what it pays for */
	unsigned long page_count;
	/** @dir: DMA_TO_DEVICE if the card may only read */
	enum dma_data_direction dir;
};

void aci_userptr_unmap_dma(struct aci_bo *bo);

int aci_bo_create_userptr_ioctl(struct drm_device *drm, void *data, struct drm_file *file);

#endif /* ACI_USERPTR_H */
