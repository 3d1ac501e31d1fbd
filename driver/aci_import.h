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
 *
 * The exporter may take the memory back ("revoke"), under its dma_resv. Then the
 * page tables of all VMs that map the BO lose it at once, past the FIFO of binds,
 * and jobs that go on using it fault. The BO keeps a copy of the addresses, by
 * which binds that are planned remain executable; they map nothing any more.
 * aci_imports.va_lock protects the lists of mappings by which VMs are found. It
 * is taken while a VM is taken from the card, too, so that a VM which is found
 * is one that the card knows, or one that has not been anywhere near.
 */
#ifndef ACI_IMPORT_H
#define ACI_IMPORT_H

#include <linux/list.h>
#include <linux/mutex.h>

struct aci_device;
struct aci_va;
struct dma_buf;
struct dma_buf_attachment;
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
	/** @va_lock: protects aci_bo.vas */
	struct mutex va_lock;
};

int aci_import_init(struct aci_device *adev);
bool aci_import_is_own(const struct dma_buf_attachment *attachment);
void aci_import_drop_all(struct aci_device *adev);
void aci_import_add_va(struct aci_va *va);
void aci_import_forget_va(struct aci_va *va);
struct drm_gem_object *aci_gem_prime_import(struct drm_device *drm, struct dma_buf *dma_buf);

#endif /* ACI_IMPORT_H */
