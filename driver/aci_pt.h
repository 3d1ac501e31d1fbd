/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Page tables of a VM, in host memory.
 *
 * A change has two steps. The first, which may fail and allocates, makes the
 * tables that the second needs and pins them; a table without valid entries does
 * no harm. The second, which cannot fail and allocates nothing, stores entries
 * and drops the pins. Between the two any number of earlier changes may be
 * executed; changes are executed in the order in which they were planned.
 * Tables that fall out of the tree go to a list, to be freed after the
 * invalidation of the batch that the second step filled.
 *
 * aci_pt_tree.lock protects the tables; no memory is allocated under it, because
 * fences wait for the second step. The caller plans under aci_vm.lock.
 */
#ifndef ACI_PT_H
#define ACI_PT_H

#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/sizes.h>
#include <linux/types.h>

#include "aci_inval.h"

#define ACI_PT_LEAF_2M_BYTES	SZ_2M

struct aci_bo;
struct aci_device;
struct aci_pt;

/**
 * struct aci_pt_tree - the tables of one VM
 */
struct aci_pt_tree {
	/** @adev: device */
	struct aci_device *adev;
	/** @lock: see above */
	struct mutex lock;
	/** @root: table of level 3 */
	struct aci_pt *root;
	/** @garbage: tables out of the tree */
	struct list_head garbage;
};

/**
 * struct aci_pt_change - a range to map or to unmap
 */
struct aci_pt_change {
	/** @bo: prepared BO, which exists until the change is executed; NULL: unmap */
	struct aci_bo *bo;
	/** @offset: into it */
	u64 offset;
	/** @va: device virtual address */
	u64 va;
	/** @bytes: length, page multiple */
	u64 bytes;
	/** @readonly: the card may not write */
	bool readonly;
	/** @cuts_first: unmap: @va may lie inside a 2 MiB leaf */
	bool cuts_first;
	/** @cuts_last: unmap: the end may lie inside a 2 MiB leaf */
	bool cuts_last;
};

int aci_pt_init(struct aci_pt_tree *tree, struct aci_device *adev);
void aci_pt_fini(struct aci_pt_tree *tree);
dma_addr_t aci_pt_root_dma(const struct aci_pt_tree *tree);

int aci_pt_plan(struct aci_pt_tree *tree, const struct aci_pt_change *change);
void aci_pt_forget(struct aci_pt_tree *tree, const struct aci_pt_change *change);
void aci_pt_execute(struct aci_pt_tree *tree, const struct aci_pt_change *change,
		    struct aci_inval_batch *batch);
int aci_pt_walk(struct aci_pt_tree *tree, u64 va, u64 *entries);
u64 aci_pt_revoke(struct aci_pt_tree *tree, struct aci_bo *bo, u64 offset, u64 va, u64 bytes,
		  struct aci_inval_batch *batch);
void aci_pt_free_list(struct aci_device *adev, struct list_head *tables);

#endif /* ACI_PT_H */
