// SPDX-License-Identifier: GPL-2.0
/*
 * DRM accel driver for cards that implement ACI, the Accelerator Card Interface.
 *
 * Probe and removal, open and close of device files.
 */

#include <linux/cc_platform.h>
#include <linux/dma-mapping.h>
#include <linux/iommu.h>
#include <linux/module.h>
#include <linux/pm.h>
#include <linux/rcupdate.h>
#include <linux/swiotlb.h>
#include <drm/drm_accel.h>
#include <drm/drm_file.h>
#include <drm/drm_gem.h>
#include <drm/drm_ioctl.h>
#include <drm/drm_managed.h>
#include <drm/aci_accel.h>

#include "aci_device.h"
#include "aci_doorbell.h"
#include "aci_export.h"
#include "aci_fdinfo.h"
#include "aci_gem.h"
#include "aci_hw.h"
#include "aci_hwmon.h"
#include "aci_import.h"
#include "aci_ioctl.h"
#include "aci_job.h"
#include "aci_ladder.h"
#include "aci_mmio.h"
#include "aci_pci.h"
#include "aci_pci_error.h"
#include "aci_pm.h"
#include "aci_query.h"
#include "aci_queue.h"
#include "aci_reset.h"
#include "aci_submit.h"
#include "aci_sysfs.h"
#include "aci_user_queue.h"
#include "aci_userptr.h"
#include "aci_vm.h"

static int aci_open(struct drm_device *drm, struct drm_file *file)
{
	struct aci_device *adev = to_aci_device(drm);
	struct aci_file *afile;
	int idx;

	if (aci_is_dead(adev))
		return -ENODEV;
	afile = kzalloc_obj(*afile, GFP_KERNEL_ACCOUNT);
	if (!afile)
		return -ENOMEM;
	afile->adev = adev;
	xa_init_flags(&afile->vms, XA_FLAGS_ALLOC1);
	xa_init_flags(&afile->queues, XA_FLAGS_ALLOC1);
	file->driver_priv = afile;
	/* Remove() waits for this before it cancels the work. */
	if (!drm_dev_enter(drm, &idx)) {
		kfree(afile);
		return -ENODEV;
	}
	aci_telemetry_get_user(adev);
	drm_dev_exit(idx);
	return 0;
}

static void aci_postclose(struct drm_device *drm, struct drm_file *file)
{
	struct aci_device *adev = to_aci_device(drm);
	struct aci_file *afile = file->driver_priv;
	struct aci_queue *queue;
	struct aci_vm *vm;
	unsigned long id;
	int idx;

	/* Otherwise remove() tears them down. */
	if (drm_dev_enter(drm, &idx)) {
		aci_queue_close_all(afile);
		aci_vm_close_all(afile);
		drm_dev_exit(idx);
	}
	xa_for_each(&afile->queues, id, queue)
		aci_queue_put(queue);
	xa_for_each(&afile->vms, id, vm)
		aci_vm_put(vm);
	xa_destroy(&afile->queues);
	xa_destroy(&afile->vms);
	aci_telemetry_put_user(adev);
	kfree(afile);
}

static int aci_mmap(struct file *filp, struct vm_area_struct *vma)
{
	return aci_doorbell_is_offset(vma->vm_pgoff) ? aci_doorbell_mmap(filp, vma) :
						       drm_gem_mmap(filp, vma);
}

static const struct file_operations aci_fops = {
	.owner = THIS_MODULE,
	.open = accel_open,
	.release = drm_release,
	.unlocked_ioctl = aci_ioctl,
#ifdef CONFIG_COMPAT
	.compat_ioctl = aci_compat_ioctl,
#endif
	.poll = drm_poll,
	.read = drm_read,
	.llseek = noop_llseek,
	.mmap = aci_mmap,
	.show_fdinfo = drm_show_fdinfo,
	.fop_flags = FOP_UNSIGNED_OFFSET,
};

static const struct drm_ioctl_desc aci_ioctls[] = {
	DRM_IOCTL_DEF_DRV(ACI_QUERY, aci_query_ioctl, 0),
	DRM_IOCTL_DEF_DRV(ACI_VM_CREATE, aci_vm_create_ioctl, 0),
	DRM_IOCTL_DEF_DRV(ACI_VM_DESTROY, aci_vm_destroy_ioctl, 0),
	DRM_IOCTL_DEF_DRV(ACI_VM_BIND, aci_vm_bind_ioctl, 0),
	DRM_IOCTL_DEF_DRV(ACI_BO_CREATE, aci_bo_create_ioctl, 0),
	DRM_IOCTL_DEF_DRV(ACI_BO_MMAP_OFFSET, aci_bo_mmap_offset_ioctl, 0),
	DRM_IOCTL_DEF_DRV(ACI_QUEUE_CREATE, aci_queue_create_ioctl, 0),
	DRM_IOCTL_DEF_DRV(ACI_QUEUE_DESTROY, aci_queue_destroy_ioctl, 0),
	DRM_IOCTL_DEF_DRV(ACI_SUBMIT, aci_submit_ioctl, 0),
	DRM_IOCTL_DEF_DRV(ACI_QUEUE_WAIT, aci_queue_wait_ioctl, 0),
	DRM_IOCTL_DEF_DRV(ACI_QUEUE_EVENTFD, aci_queue_eventfd_ioctl, 0),
	DRM_IOCTL_DEF_DRV(ACI_QUEUE_RESUME, aci_queue_resume_ioctl, 0),
	DRM_IOCTL_DEF_DRV(ACI_BO_CREATE_USERPTR, aci_bo_create_userptr_ioctl, 0),
};

static const struct drm_driver aci_drm_driver = {
	.driver_features = DRIVER_COMPUTE_ACCEL | DRIVER_GEM | DRIVER_SYNCOBJ |
			   DRIVER_SYNCOBJ_TIMELINE,
	.open = aci_open,
	.postclose = aci_postclose,
	.ioctls = aci_ioctls,
	.num_ioctls = ARRAY_SIZE(aci_ioctls),
	.fops = &aci_fops,
	.show_fdinfo = aci_fdinfo_show,
	.gem_create_object = aci_gem_create_object,
	.gem_prime_import = aci_gem_prime_import,
	.name = "aci",
	.desc = "Accelerator Card Interface",
	.major = DRM_ACI_DRIVER_MAJOR,
	.minor = DRM_ACI_DRIVER_MINOR,
};

static void aci_device_free_ids(struct drm_device *drm, void *arg)
{
	struct aci_device *adev = arg;

	/* A fence callback may still be ringing for a job that has left its queue. */
	synchronize_rcu();
	ida_destroy(&adev->vm_ids);
	ida_destroy(&adev->queue_ids);
	xa_destroy(&adev->doorbells_by_id);
}

static int aci_device_init(struct aci_device *adev, struct pci_dev *pdev)
{
	int ret;

	adev->pdev = pdev;
	init_rwsem(&adev->reset_sem);
	init_waitqueue_head(&adev->state_wait);
	INIT_LIST_HEAD(&adev->vms);
	INIT_LIST_HEAD(&adev->queues);
	INIT_LIST_HEAD(&adev->bos);
	INIT_WORK(&adev->reset_work, aci_reset_work);
	INIT_WORK(&adev->wedged_work, aci_reset_wedged_work);
	ida_init(&adev->vm_ids);
	ida_init(&adev->queue_ids);
	xa_init(&adev->doorbells_by_id);
	init_rwsem(&adev->doorbell_lock);
	aci_telemetry_init(adev);
	aci_coredump_init(adev);
	aci_pm_init(adev);
	aci_pci_error_init(adev);
	ret = drmm_add_action_or_reset(&adev->drm, aci_device_free_ids, adev);
	if (!ret)
		ret = drmm_mutex_init(&adev->drm, &adev->object_lock);
	if (!ret)
		ret = drmm_mutex_init(&adev->drm, &adev->bo_lock);
	ret = ret ?: aci_import_init(adev);
	ret = ret ?: aci_export_init(adev);
	ret = ret ?: aci_save_init(adev);
	aci_quota_init(adev);
	return ret ?: aci_vram_init(adev);
}

/* Work outlives the device's files but not its removal. */
static void aci_device_free_wq(void *arg)
{
	destroy_workqueue(arg);
}

static struct workqueue_struct *aci_device_alloc_wq(struct aci_device *adev, const char *name,
						    unsigned int flags, int max_active)
{
	struct device *dev = &adev->pdev->dev;
	struct workqueue_struct *wq;

	wq = alloc_workqueue("aci-%s%s", WQ_UNBOUND | flags, max_active, name,
			     pci_name(adev->pdev));
	if (wq && devm_add_action_or_reset(dev, aci_device_free_wq, wq))
		return NULL;
	return wq;
}

static int aci_device_init_wq(struct aci_device *adev)
{
	adev->reset_wq = aci_device_alloc_wq(adev, "reset-", WQ_MEM_RECLAIM, 1);
	adev->wq = aci_device_alloc_wq(adev, "", WQ_MEM_RECLAIM, 0);
	adev->reap_wq = aci_device_alloc_wq(adev, "reap-", 0, 0);
	return adev->reset_wq && adev->wq && adev->reap_wq ? 0 : -ENOMEM;
}

/*
 * CPU and card work on a BO at the same time: a copy of its pages, made because
 * the card cannot reach them, would be wrong and nobody would notice.
 */
static int aci_device_init_dma(struct aci_device *adev)
{
	struct device *dev = &adev->pdev->dev;
	struct iommu_domain *domain;
	bool translated;
	int ret;

	ret = dma_set_mask_and_coherent(dev, DMA_BIT_MASK(adev->caps.dma_bits));
	if (ret)
		return ret;
	dma_set_max_seg_size(dev, UINT_MAX);
	domain = iommu_get_domain_for_dev(dev);
	translated = domain && domain->type != IOMMU_DOMAIN_IDENTITY;
	if (cc_platform_has(CC_ATTR_GUEST_MEM_ENCRYPT) ||
	    (!translated && is_swiotlb_force_bounce(dev))) {
		dev_err(dev, "memory can be shared with the card by bounce buffers only\n");
		return -EOPNOTSUPP;
	}
	if (translated || !dma_addressing_limited(dev))
		return 0;
	if (cc_platform_has(CC_ATTR_MEM_ENCRYPT)) {
		dev_err(dev, "card reaches too little of the memory without an IOMMU\n");
		return -EOPNOTSUPP;
	}
	adev->low_memory_only = true;
	return 0;
}

/* Map the card and stop what a kernel before us may have left running. */
static int aci_device_init_hw(struct aci_device *adev)
{
	struct pci_dev *pdev = adev->pdev;
	struct aci_pci_bars bars;
	int ret;

	ret = aci_pci_find(pdev, &bars);
	if (ret)
		return ret;
	pci_clear_master(pdev);
	ret = pcim_enable_device(pdev);
	if (ret)
		return ret;
	ret = aci_pci_map_regs(adev, &bars);
	if (ret)
		return ret;
	ret = aci_caps_read(adev);
	if (ret)
		return ret;
	ret = aci_pci_map_rest(adev, &bars);
	if (ret)
		return ret;
	ret = aci_device_init_dma(adev);
	return ret ?: aci_hw_quiesce(adev);
}

static int aci_device_init_rings(struct aci_device *adev)
{
	int ret;

	/* Files that are open look here after remove(), too. */
	adev->queue_by_id = drmm_kcalloc(&adev->drm, adev->caps.queues,
					 sizeof(*adev->queue_by_id), GFP_KERNEL);
	if (!adev->queue_by_id)
		return -ENOMEM;
	ret = aci_admin_init(adev);
	ret = ret ?: aci_inval_init(adev);
	ret = ret ?: aci_events_init(adev);
	return ret ?: aci_irq_init(adev);
}

static int aci_device_start(struct aci_device *adev)
{
	int ret;

	pci_set_master(adev->pdev);
	ret = aci_ladder_init(adev);
	ret = ret ?: aci_reset_start(adev);
	ret = ret ?: aci_identify_read(adev);
	ret = ret ?: aci_vram_start(adev);
	if (ret)
		return ret;
	aci_telemetry_start(adev);
	return aci_hwmon_init(adev);
}

static int aci_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct aci_pci_bars bars;
	struct aci_device *adev;
	int ret;

	/* Silent: cards of others have this class, too. */
	ret = aci_pci_find(pdev, &bars);
	if (ret)
		return ret;
	adev = devm_drm_dev_alloc(&pdev->dev, &aci_drm_driver, struct aci_device, drm);
	if (IS_ERR(adev))
		return PTR_ERR(adev);
	ret = aci_device_init(adev, pdev);
	ret = ret ?: aci_device_init_hw(adev);
	ret = ret ?: aci_device_init_wq(adev);
	ret = ret ?: aci_device_init_rings(adev);
	if (ret)
		return ret;
	pci_set_drvdata(pdev, adev);
	ret = aci_device_start(adev);
	ret = ret ?: drm_dev_register(&adev->drm, 0);
	if (ret)
		goto err_start;
	ret = aci_pm_start(adev);
	if (ret)
		goto err_register;
	drm_info(&adev->drm, "%s %s, serial %s, firmware %s, ACI %u.%u, %llu MiB\n",
		 adev->identify.vendor, adev->identify.model, adev->identify.serial,
		 adev->identify.firmware, adev->caps.version >> 16, adev->caps.version & 0xffff,
		 adev->vram.bytes >> 20);
	return 0;

err_register:
	drm_dev_unplug(&adev->drm);
err_start:
	aci_reset_remove(adev);
	/* It goes on by itself until the device is gone. */
	aci_telemetry_stop(adev);
	aci_vram_stop(adev);
	return ret;
}

/* Take all queues and VMs from the lists; files that are open keep the shells. */
static void aci_device_teardown_objects(struct aci_device *adev)
{
	struct aci_queue *queue;
	struct aci_vm *vm;

	for (;;) {
		mutex_lock(&adev->object_lock);
		queue = list_first_entry_or_null(&adev->queues, struct aci_queue, node);
		if (queue)
			kref_get(&queue->ref);
		mutex_unlock(&adev->object_lock);
		if (!queue)
			break;
		aci_queue_teardown(queue, -ENODEV);
		aci_queue_put(queue);
	}
	for (;;) {
		mutex_lock(&adev->object_lock);
		vm = list_first_entry_or_null(&adev->vms, struct aci_vm, node);
		if (vm)
			drm_gpuvm_get(&vm->gpuvm);
		mutex_unlock(&adev->object_lock);
		if (!vm)
			break;
		aci_vm_teardown(vm);
		aci_vm_put(vm);
	}
}

static void aci_remove(struct pci_dev *pdev)
{
	struct aci_device *adev = pci_get_drvdata(pdev);

	/* Waits for whoever is inside drm_dev_enter(), zaps CPU mappings. */
	drm_dev_unplug(&adev->drm);
	cancel_delayed_work_sync(&adev->error_work);
	aci_pm_stop(adev);
	aci_telemetry_stop(adev);
	aci_reset_remove(adev);
	aci_vram_stop(adev);
	/* No DMA from here on. */
	aci_device_teardown_objects(adev);
	aci_coredump_flush(adev);
	aci_export_stop(adev);
	aci_gem_drop_dma_all(adev);
	aci_import_drop_all(adev);
}

static void aci_shutdown(struct pci_dev *pdev)
{
	struct aci_device *adev = pci_get_drvdata(pdev);

	aci_telemetry_stop(adev);
	aci_reset_remove(adev);
}

static const struct pci_device_id aci_pci_ids[] = {
	{ PCI_DEVICE_CLASS(ACI_PCI_CLASS, ACI_PCI_CLASS_MASK) },
	{ }
};
MODULE_DEVICE_TABLE(pci, aci_pci_ids);

static struct pci_driver aci_pci_driver = {
	.name = "aci",
	.id_table = aci_pci_ids,
	.probe = aci_probe,
	.remove = aci_remove,
	.shutdown = aci_shutdown,
	.dev_groups = aci_sysfs_groups,
	.err_handler = &aci_pci_error_handlers,
	.driver.pm = pm_ptr(&aci_pm_ops),
};

static int __init aci_init(void)
{
	int ret;

	ret = aci_job_cache_init();
	if (ret)
		return ret;
	ret = pci_register_driver(&aci_pci_driver);
	if (ret)
		aci_job_cache_exit();
	return ret;
}

static void __exit aci_exit(void)
{
	pci_unregister_driver(&aci_pci_driver);
	/* For aci_fence_ctx_free_rcu() and queues: their code goes now. */
	rcu_barrier();
	aci_job_cache_exit();
}

module_init(aci_init);
module_exit(aci_exit);

MODULE_AUTHOR("The ACI project");
MODULE_DESCRIPTION("DRM accel driver for cards with the Accelerator Card Interface");
MODULE_LICENSE("GPL");
/* The same for kernels that want the name quoted and those that do not. */
MODULE_INFO(import_ns, "DMA_BUF");
