// SPDX-License-Identifier: GPL-2.0
/*
 * Lets fail_function make the kernel's functions fail that the driver calls: those
 * whose failure is neither one of memory nor of a copy. For test_fault_inject, which
 * has the same list; on the sanitizer kernel only.
 */

#include <linux/dma-buf.h>
#include <linux/dma-mapping.h>
#include <linux/error-injection.h>
#include <linux/eventfd.h>
#include <linux/hwmon.h>
#include <linux/interrupt.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/scatterlist.h>
#include <linux/suspend.h>
#include <drm/drm_drv.h>
#include <drm/drm_gem.h>
#include <drm/drm_gem_shmem_helper.h>
#include <drm/drm_gpuvm.h>
#include <drm/drm_syncobj.h>

ALLOW_ERROR_INJECTION(dma_alloc_attrs, NULL);
ALLOW_ERROR_INJECTION(dmam_alloc_attrs, NULL);
ALLOW_ERROR_INJECTION(pci_store_saved_state, NULL);
ALLOW_ERROR_INJECTION(devm_request_threaded_irq, ERRNO);
ALLOW_ERROR_INJECTION(dma_map_sgtable, ERRNO);
ALLOW_ERROR_INJECTION(dma_set_coherent_mask, ERRNO);
ALLOW_ERROR_INJECTION(dma_set_mask, ERRNO);
ALLOW_ERROR_INJECTION(drm_dev_register, ERRNO);
ALLOW_ERROR_INJECTION(drm_gem_create_mmap_offset, ERRNO);
ALLOW_ERROR_INJECTION(drm_gem_handle_create, ERRNO);
ALLOW_ERROR_INJECTION(drm_gem_shmem_get_pages_sgt, ERRNO);
ALLOW_ERROR_INJECTION(drm_gpuvm_sm_map, ERRNO);
ALLOW_ERROR_INJECTION(drm_syncobj_find_fence, ERRNO);
ALLOW_ERROR_INJECTION(eventfd_ctx_fdget, ERRNO);
ALLOW_ERROR_INJECTION(pci_alloc_irq_vectors, ERRNO);
ALLOW_ERROR_INJECTION(pci_save_state, ERRNO);
ALLOW_ERROR_INJECTION(pcim_enable_device, ERRNO);
ALLOW_ERROR_INJECTION(pcim_iomap_region, ERRNO);
ALLOW_ERROR_INJECTION(pin_user_pages, ERRNO);
ALLOW_ERROR_INJECTION(register_pm_notifier, ERRNO);

MODULE_DESCRIPTION("Functions that fail on demand, for the tests of aci.ko");
MODULE_LICENSE("GPL");
