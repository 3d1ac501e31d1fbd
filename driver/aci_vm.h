/* SPDX-License-Identifier: GPL-2.0 */
/*
 * VMs: address spaces of the card.
 *
 * drm_gpuvm keeps the tree of mappings and the reference count. Each mapping
 * (struct aci_va) holds a reference to its BO; drm_gpuvm's own links from BOs
 * to mappings are not used. aci_vm.lock protects the tree. Page tables follow
 * the tree when binds are executed, see aci_bind.h.
 */
#ifndef ACI_VM_H
#define ACI_VM_H

#include <linux/mutex.h>
#include <drm/drm_gpuvm.h>

#include "aci_bind.h"
#include "aci_pt.h"

struct aci_device;
struct aci_file;
struct aci_quota_user;
struct drm_aci_query_vm;

/**
 * struct aci_va - a mapping
 */
struct aci_va {
	/** @base: range, BO and offset */
	struct drm_gpuva base;
	/** @node: in a list of unmapped ones */
	struct list_head node;
	/** @import_node: in aci_bo.vas of an imported BO */
	struct list_head import_node;
	/** @readonly: the card may not write */
	bool readonly;
};

/**
 * struct aci_vm - an address space
 */
struct aci_vm {
	/** @gpuvm: tree of mappings and reference count */
	struct drm_gpuvm gpuvm;
	/** @adev: device */
	struct aci_device *adev;
	/** @node: in aci_device.vms while the card knows the VM */
	struct list_head node;
	/** @mode: DRM_ACI_VM_* */
	u32 mode;
	/** @card_id: the card's VM id */
	u16 card_id;
	/** @user: who it counts for */
	struct aci_quota_user *user;
	/** @lock: protects all down to @mapped_bytes, and the tree */
	struct mutex lock;
	/** @dead: the VM is on its way out */
	bool dead;
	/** @queue_count: queues that use the VM */
	unsigned int queue_count;
	/** @mapped_bytes: sum of all mappings */
	u64 mapped_bytes;
	/** @fifo: binds to be executed */
	struct aci_bind_fifo fifo;
	/** @pt: page tables */
	struct aci_pt_tree pt;
	/** @off_card: the card has forgotten the VM; under aci_imports.va_lock */
	bool off_card;
	/** @card_vas: mappings of card memory, also those whose unmapping is not executed */
	atomic_t card_vas;
	/** @lost: card memory of its BOs was lost in a reset; under aci_device.reset_sem */
	bool lost;
	/** @reset_generation: when made or last rebuilt; under aci_device.reset_sem */
	u64 reset_generation;
};

static inline struct aci_vm *to_aci_vm(struct drm_gpuvm *gpuvm)
{
	return container_of(gpuvm, struct aci_vm, gpuvm);
}

static inline struct aci_va *to_aci_va(struct drm_gpuva *va)
{
	return container_of(va, struct aci_va, base);
}

static inline void aci_vm_put(struct aci_vm *vm)
{
	drm_gpuvm_put(&vm->gpuvm);
}

/* Addresses below are never mapped, so that a NULL pointer faults. */
#define ACI_VM_VA_START		0x10000ull
#define ACI_VM_VA_END		BIT_ULL(ACI_VA_BITS)

struct aci_vm *aci_vm_lookup(struct aci_file *afile, u32 id);
void aci_va_init(struct aci_va *va, struct aci_vm *vm, struct drm_gem_object *obj, bool readonly);
void aci_va_free_list(struct list_head *vas);
void aci_vm_teardown(struct aci_vm *vm);
void aci_vm_close_all(struct aci_file *afile);
int aci_vm_rebuild(struct aci_vm *vm, bool memory_kept);
void aci_vm_query(struct aci_vm *vm, struct drm_aci_query_vm *out);

int aci_vm_create_ioctl(struct drm_device *drm, void *data, struct drm_file *file);
int aci_vm_destroy_ioctl(struct drm_device *drm, void *data, struct drm_file *file);
int aci_vm_bind_ioctl(struct drm_device *drm, void *data, struct drm_file *file);

extern const struct drm_gpuvm_ops aci_vm_gpuvm_ops;
int aci_vm_step_map(struct drm_gpuva_op *op, void *priv);
int aci_vm_step_remap(struct drm_gpuva_op *op, void *priv);
int aci_vm_step_unmap(struct drm_gpuva_op *op, void *priv);

#endif /* ACI_VM_H */
