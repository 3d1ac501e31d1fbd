/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The device: what probe found, and the parts that make up the driver.
 *
 * Lock order, outermost first:
 *
 *	aci_user_queue.command_lock
 *	mmap_lock
 *	aci_device.doorbell_lock
 *	aci_vm.lock		tree of mappings of a VM
 *	aci_imports.lock
 *	dma_resv		of a GEM object, by the helpers; of an exporter
 *	aci_imports.va_lock	mappings of imported BOs
 *	aci_vram.scrub_lock	one scrub at a time
 *	aci_save.lock		room for card memory while the system sleeps
 *	aci_pt_tree.lock	page tables of a VM
 *	aci_device.reset_sem	read: whoever changes what lives on the card;
 *				write: card reset, wedging and removal
 *	aci_device.object_lock	lists of VMs and queues
 *	aci_device.bo_lock	list of BOs and their DMA mappings
 *	aci_inval.lock, aci_admin.sq_lock
 *	aci_fence_ctx.lock	dma_fence lock of one queue's fences
 *	aci_queue.lock		leaf, as are aci_bind_fifo.lock, aci_admin.lock,
 *				aci_notify.lock and aci_quotas.lock
 *
 * A dma_fence is signalled under its aci_fence_ctx.lock, and under none of the
 * leaf locks. Fence callbacks of others run there; ours take a queue's leaf.
 *
 * aci_vram.lock is inside aci_vram.scrub_lock and never together with reset_sem.
 * aci_save.lock is outside reset_sem and never together with aci_vram.scrub_lock.
 *
 * Card resets and the execution of binds take aci_pt_tree.lock, reset_sem, and
 * what is below it, while fences wait for them: no memory is allocated there.
 *
 * Nothing waits for user space, copies from it or waits for a fence while it
 * holds one of these locks or is inside drm_dev_enter().
 */
#ifndef ACI_DEVICE_H
#define ACI_DEVICE_H

#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/pci.h>
#include <linux/rwsem.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>
#include <drm/drm_device.h>
#include <drm/drm_drv.h>
#include <drm/drm_print.h>

#include "aci_admin.h"
#include "aci_caps.h"
#include "aci_coredump.h"
#include "aci_events.h"
#include "aci_export.h"
#include "aci_identify.h"
#include "aci_import.h"
#include "aci_inval.h"
#include "aci_irq.h"
#include "aci_pm.h"
#include "aci_quota.h"
#include "aci_save.h"
#include "aci_telemetry.h"
#include "aci_vram.h"

struct aci_queue;
struct task_struct;

/**
 * enum aci_state - what the device can do
 * @ACI_STATE_OK: everything
 * @ACI_STATE_RESETTING: a card reset is in progress, or the system sleeps; work is queued
 * @ACI_STATE_ASLEEP: the card sleeps for want of work; work is queued and wakes it
 * @ACI_STATE_WEDGED: reset failed, bus mastering is off; only a new probe helps
 * @ACI_STATE_GONE: remove() ran
 */
enum aci_state {
	ACI_STATE_OK,
	ACI_STATE_RESETTING,
	ACI_STATE_ASLEEP,
	ACI_STATE_WEDGED,
	ACI_STATE_GONE,
};

/**
 * struct aci_device - one card
 */
struct aci_device {
	/** @drm: base; its last reference frees this structure */
	struct drm_device drm;
	/** @pdev: the PCI function */
	struct pci_dev *pdev;
	/** @caps: validated capability registers */
	struct aci_caps caps;
	/** @regs: register BAR */
	void __iomem *regs;
	/** @doorbells: doorbell BAR */
	void __iomem *doorbells;
	/** @low_memory_only: host BOs come from below 4 GiB, the card reaches no more */
	bool low_memory_only;
	/** @doorbell_phys: CPU address of the doorbell BAR */
	phys_addr_t doorbell_phys;
	/** @aperture_phys: CPU address of the memory BAR */
	phys_addr_t aperture_phys;

	/** @admin: admin queue */
	struct aci_admin admin;
	/** @inval: invalidation queue */
	struct aci_inval inval;
	/** @events: event ring */
	struct aci_events events;
	/** @irq: vectors and notification rings */
	struct aci_irq irq;
	/** @identify: what Identify told at probe */
	struct aci_identify identify;
	/** @vram: card memory */
	struct aci_vram vram;
	/** @save: room for card memory while the system sleeps */
	struct aci_save save;
	/** @pm: power management */
	struct aci_pm pm;
	/** @telemetry: last sample of the logs */
	struct aci_telemetry telemetry;
	/** @coredump: the last failure of a queue */
	struct aci_coredump coredump;

	/** @wq: recovery of queues, late pushes, binds, telemetry */
	struct workqueue_struct *wq;
	/** @reap_wq: frees what binds unmapped, makes coredumps; no fence waits for it */
	struct workqueue_struct *reap_wq;
	/** @reset_wq: card resets only, so that whatever runs on @wq may wait for one */
	struct workqueue_struct *reset_wq;
	/** @reset_requested: @reset_work is queued, or runs and has not begun the reset */
	atomic_t reset_requested;
	/** @reset_work: reset the card */
	struct work_struct reset_work;
	/** @wedged_work: tells user space that the device is wedged; on @reap_wq */
	struct work_struct wedged_work;
	/** @reset_sem: see the lock order */
	struct rw_semaphore reset_sem;
	/** @state: enum aci_state; written under @reset_sem for writing */
	enum aci_state state;
	/** @state_wait: woken when @state becomes ACI_STATE_RESETTING, and no longer is */
	wait_queue_head_t state_wait;
	/** @reset_task: makes a bus reset of ours */
	struct task_struct *reset_task;
	/** @pci_state: configuration space, for after a reset of the function */
	struct pci_saved_state *pci_state;
	/** @error_work: ends PCI error recovery that nobody else ends */
	struct delayed_work error_work;
	/** @slot_was_reset: in PCI error recovery: card memory is lost */
	bool slot_was_reset;
	/** @reset_generation: card resets since probe */
	u64 reset_generation;

	/** @object_lock: protects @vms, @queues and @queue_by_id for writing */
	struct mutex object_lock;
	/** @vms: struct aci_vm with a card VM */
	struct list_head vms;
	/** @queues: struct aci_queue with a card queue */
	struct list_head queues;
	/** @queue_by_id: by the card's queue id; readers use RCU */
	struct aci_queue __rcu **queue_by_id;
	/** @vm_ids: card VM ids in use */
	struct ida vm_ids;
	/** @queue_ids: card queue ids in use */
	struct ida queue_ids;
	/** @queues_in_use: number of entries of @queues */
	atomic_t queues_in_use;

	/** @doorbells_by_id: struct aci_doorbell by the card's queue id */
	struct xarray doorbells_by_id;
	/** @doorbell_lock: see aci_doorbell.h */
	struct rw_semaphore doorbell_lock;

	/** @quotas: what users have */
	struct aci_quotas quotas;

	/** @bo_lock: protects @bos and the DMA mappings of its entries */
	struct mutex bo_lock;
	/** @bos: all struct aci_bo */
	struct list_head bos;
	/** @imports: BOs of other drivers' memory */
	struct aci_imports imports;
	/** @exports: BOs that other devices are attached to */
	struct aci_exports exports;
};

/**
 * struct aci_file - an open file
 */
struct aci_file {
	/** @adev: the device */
	struct aci_device *adev;
	/** @vms: struct aci_vm by user id */
	struct xarray vms;
	/** @queues: struct aci_queue by user id */
	struct xarray queues;
	/** @retired_ns: engine time of destroyed queues, by engine class */
	atomic64_t retired_ns[ACI_ENGINE_CLASSES_MAX];
};

static inline struct aci_device *to_aci_device(struct drm_device *drm)
{
	return container_of(drm, struct aci_device, drm);
}

static inline enum aci_state aci_get_state(const struct aci_device *adev)
{
	return READ_ONCE(adev->state);
}

/* True while the card may be given commands. Stable under reset_sem. */
static inline bool aci_is_ok(const struct aci_device *adev)
{
	return aci_get_state(adev) == ACI_STATE_OK;
}

static inline bool aci_is_dead(const struct aci_device *adev)
{
	return aci_get_state(adev) >= ACI_STATE_WEDGED;
}

#endif /* ACI_DEVICE_H */
