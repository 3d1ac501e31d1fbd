/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What differs between the kernels that this driver supports (6.12 to 7.3).
 *
 * aci_config.h is made by compile probes, see configure.sh. No other file of
 * the driver looks at it or at a kernel version.
 */
#ifndef ACI_COMPAT_H
#define ACI_COMPAT_H

#include <linux/dma-fence.h>
#include <linux/slab.h>
#include <drm/drm_gpuvm.h>

#include "aci_config.h"

#ifdef ACI_HAVE_GPU_BUDDY
#include <linux/gpu_buddy.h>
#define ACI_BUDDY(name)		gpu_buddy_##name
#define ACI_BUDDY_TOPDOWN	GPU_BUDDY_TOPDOWN_ALLOCATION
#define ACI_BUDDY_RANGE		GPU_BUDDY_RANGE_ALLOCATION
#define aci_buddy		gpu_buddy
#define aci_buddy_block		gpu_buddy_block
#else
#include <drm/drm_buddy.h>
#define ACI_BUDDY(name)		drm_buddy_##name
#define ACI_BUDDY_TOPDOWN	DRM_BUDDY_TOPDOWN_ALLOCATION
#define ACI_BUDDY_RANGE		DRM_BUDDY_RANGE_ALLOCATION
#define aci_buddy		drm_buddy
#define aci_buddy_block		drm_buddy_block
#endif

#ifdef ACI_HAVE_DMA_FENCE_INIT64
#define ACI_FENCE_OPS_64BIT
#else
#define ACI_FENCE_OPS_64BIT	.use_64bit_seqno = true,
#define dma_fence_init64	dma_fence_init
#endif

#ifdef ACI_HAVE_DMA_BUF_INVALIDATE
#define aci_dma_buf_invalidate_mappings	dma_buf_invalidate_mappings
#define ACI_INVALIDATE_MAPPINGS		invalidate_mappings
#else
#define aci_dma_buf_invalidate_mappings	dma_buf_move_notify
#define ACI_INVALIDATE_MAPPINGS		move_notify
#endif

#ifndef kzalloc_obj
#define kmalloc_obj(obj, gfp)	kmalloc(sizeof(obj), gfp)
#define kzalloc_obj(obj, gfp)	kzalloc(sizeof(obj), gfp)
#endif

static inline int aci_gpuvm_sm_map(struct drm_gpuvm *gpuvm, void *priv, u64 va, u64 bytes,
				   struct drm_gem_object *obj, u64 offset)
{
#ifdef ACI_HAVE_GPUVM_MAP_REQ
	const struct drm_gpuvm_map_req req = {
		.map.va.addr = va,
		.map.va.range = bytes,
		.map.gem.obj = obj,
		.map.gem.offset = offset,
	};

	return drm_gpuvm_sm_map(gpuvm, priv, &req);
#else
	return drm_gpuvm_sm_map(gpuvm, priv, va, bytes, obj, offset);
#endif
}

#endif /* ACI_COMPAT_H */
