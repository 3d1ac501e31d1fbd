/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Buffer objects of memory of another driver, by its dma-buf.
 *
 * The driver attaches and maps when the BO is made, and keeps both to itself:
 * DRM's obj->import_attach, which DRM would detach whenever the BO is freed, is
 * not used. They end when the BO is freed or the device is removed, whichever
 * comes first, under aci_imports.lock, so that it happens once and is over when
 * remove() goes on. That lock is outside the exporter's dma_resv, which
 * aci_device.bo_lock must not be.
 */
#ifndef ACI_IMPORT_H
#define ACI_IMPORT_H

#include <linux/list.h>
#include <linux/mutex.h>

struct aci_device;
struct dma_buf;
struct drm_device;
struct drm_gem_object;

/**
 * struct aci_imports - BOs with an attachment
 */
struct aci_imports {
	/** @lock: protects @list and the attachments of its entries */
	struct mutex lock;
	/** @list: struct aci_bo by their node */
	struct list_head list;
};

int aci_import_init(struct aci_device *adev);
void aci_import_drop_all(struct aci_device *adev);
struct drm_gem_object *aci_gem_prime_import(struct drm_device *drm, struct dma_buf *dma_buf);

#endif /* ACI_IMPORT_H */
