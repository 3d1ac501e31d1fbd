/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Card memory for other devices, by dma-buf: peer to peer.
 *
 * An importer that does without struct pages, and that the PCI topology lets
 * reach the memory BAR, gets addresses of the BAR; any other is refused when it
 * attaches. An attachment keeps the card awake.
 *
 * Addresses are taken back ("revoked") when the card is removed, sleeps or was
 * reset: importers are told under the dma_resv of the BO, and aci.ko's own has
 * nothing of them in use when it was told. A reset does not wait for that,
 * because fences wait for the reset, and the lock of a dma_resv may be held by
 * who waits for fences.
 *
 * aci_exports.lock protects the list, and is a leaf of the outer locks: nothing
 * is taken inside.
 */
#ifndef ACI_EXPORT_H
#define ACI_EXPORT_H

#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/workqueue.h>

struct aci_device;
struct dma_buf;
struct drm_device;
struct drm_gem_object;

/**
 * struct aci_exports - BOs in card memory that other devices are attached to
 */
struct aci_exports {
	/** @lock: protects @list */
	struct mutex lock;
	/** @list: struct aci_export, one per attachment */
	struct list_head list;
	/** @round: of aci_export_revoke_all() */
	u64 round;
	/** @revoke_work: revokes after a reset */
	struct work_struct revoke_work;
};

int aci_export_init(struct aci_device *adev);
void aci_export_revoke_later(struct aci_device *adev);
void aci_export_revoke_all(struct aci_device *adev);
void aci_export_stop(struct aci_device *adev);
struct dma_buf *aci_gem_card_export(struct drm_gem_object *obj, int flags);
struct drm_gem_object *aci_export_own(struct drm_device *drm, struct dma_buf *dma_buf);

#endif /* ACI_EXPORT_H */
