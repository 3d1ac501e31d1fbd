/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Page tables of a VM, in host memory.
 *
 * A change has two steps. The first, which may fail, makes the tables that the
 * second needs; a table without valid entries does no harm. The second, which
 * cannot fail, stores entries. Tables that fall out of the tree go to a list,
 * to be freed after the invalidation of the batch that the step filled.
 *
 * The caller holds aci_vm.lock.
 */
#ifndef ACI_PT_H
#define ACI_PT_H

#include <linux/list.h>
#include <linux/types.h>

#include "aci_inval.h"

struct aci_bo;
struct aci_device;
struct aci_pt;

/**
 * struct aci_pt_tree - the tables of one VM
 */
struct aci_pt_tree {
	/** @adev: device */
	struct aci_device *adev;
	/** @root: table of level 3 */
	struct aci_pt *root;
	/** @garbage: tables out of the tree */
	struct list_head garbage;
};

/**
 * struct aci_pt_map - a mapping
 */
struct aci_pt_map {
	/** @bo: prepared BO */
	struct aci_bo *bo;
	/** @offset: into it */
	u64 offset;
	/** @va: device virtual address */
	u64 va;
	/** @bytes: length, page multiple */
	u64 bytes;
	/** @readonly: the card may not write */
	bool readonly;
};

int aci_pt_init(struct aci_pt_tree *tree, struct aci_device *adev);
void aci_pt_fini(struct aci_pt_tree *tree);
dma_addr_t aci_pt_root_dma(const struct aci_pt_tree *tree);

int aci_pt_prepare_map(struct aci_pt_tree *tree, const struct aci_pt_map *map);
void aci_pt_map(struct aci_pt_tree *tree, const struct aci_pt_map *map,
		struct aci_inval_batch *batch);
int aci_pt_prepare_unmap(struct aci_pt_tree *tree, u64 va, u64 bytes);
void aci_pt_unmap(struct aci_pt_tree *tree, u64 va, u64 bytes, struct aci_inval_batch *batch);
void aci_pt_free_list(struct aci_device *adev, struct list_head *tables);

#endif /* ACI_PT_H */
