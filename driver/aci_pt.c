// SPDX-License-Identifier: GPL-2.0
/*
 * Page tables.
 */

#include <linux/dma-mapping.h>

#include "aci_device.h"
#include "aci_gem.h"
#include "aci_pt.h"

#define ACI_PT_ROOT_LEVEL	(ACI_PT_LEVELS - 1)

/**
 * struct aci_pt - a table
 */
struct aci_pt {
	/** @entries: what the card reads */
	__le64 *entries;
	/** @dma: its address for the card */
	dma_addr_t dma;
	/** @level: 0 holds pages */
	unsigned int level;
	/** @valid: number of valid entries */
	unsigned int valid;
	/** @pins: planned changes that need the table */
	unsigned int pins;
	/** @children: tables that entries point to; NULL at level 0 */
	struct aci_pt **children;
	/** @node: in a list of tables to be freed */
	struct list_head node;
};

static struct aci_pt *aci_pt_alloc(struct aci_device *adev, unsigned int level)
{
	struct aci_pt *pt;

	pt = kzalloc_obj(*pt, GFP_KERNEL_ACCOUNT);
	if (!pt)
		return NULL;
	pt->level = level;
	if (level) {
		pt->children = kcalloc(ACI_PT_ENTRIES, sizeof(*pt->children), GFP_KERNEL_ACCOUNT);
		if (!pt->children)
			goto err_pt;
	}
	pt->entries = dma_alloc_coherent(&adev->pdev->dev, ACI_PAGE_SIZE, &pt->dma,
					 GFP_KERNEL_ACCOUNT);
	if (!pt->entries)
		goto err_children;
	return pt;

err_children:
	kfree(pt->children);
err_pt:
	kfree(pt);
	return NULL;
}

static void aci_pt_free(struct aci_device *adev, struct aci_pt *pt)
{
	dma_free_coherent(&adev->pdev->dev, ACI_PAGE_SIZE, pt->entries, pt->dma);
	kfree(pt->children);
	kfree(pt);
}

/**
 * aci_pt_free_list() - free tables that the card has forgotten
 * @adev: device
 * @tables: list of tables; empty afterwards
 */
void aci_pt_free_list(struct aci_device *adev, struct list_head *tables)
{
	struct aci_pt *pt, *next;

	list_for_each_entry_safe(pt, next, tables, node) {
		list_del(&pt->node);
		aci_pt_free(adev, pt);
	}
}

static void aci_pt_free_tree(struct aci_device *adev, struct aci_pt *pt)
{
	unsigned int i;

	/* At most four levels deep. */
	for (i = 0; pt->level && i < ACI_PT_ENTRIES; i++)
		if (pt->children[i])
			aci_pt_free_tree(adev, pt->children[i]);
	aci_pt_free(adev, pt);
}

/**
 * aci_pt_init() - make the tables of an empty VM
 * @tree: tree
 * @adev: device
 *
 * Return: 0 or -ENOMEM.
 */
int aci_pt_init(struct aci_pt_tree *tree, struct aci_device *adev)
{
	tree->adev = adev;
	mutex_init(&tree->lock);
	INIT_LIST_HEAD(&tree->garbage);
	tree->root = aci_pt_alloc(adev, ACI_PT_ROOT_LEVEL);
	return tree->root ? 0 : -ENOMEM;
}

/**
 * aci_pt_fini() - free all tables
 * @tree: tree of a VM that the card does not know any more
 */
void aci_pt_fini(struct aci_pt_tree *tree)
{
	if (!tree->root)
		return;
	aci_pt_free_list(tree->adev, &tree->garbage);
	aci_pt_free_tree(tree->adev, tree->root);
	tree->root = NULL;
	mutex_destroy(&tree->lock);
}

/**
 * aci_pt_root_dma() - what CREATE_VM wants to know
 * @tree: tree
 *
 * Return: DMA address of the root table.
 */
dma_addr_t aci_pt_root_dma(const struct aci_pt_tree *tree)
{
	return tree->root->dma;
}

static u64 aci_pt_get(const struct aci_pt *pt, unsigned int index)
{
	return le64_to_cpu(pt->entries[index]);
}

/* Returns whether the card may know the old entry. */
static bool aci_pt_set(struct aci_pt *pt, unsigned int index, u64 entry)
{
	u64 old = aci_pt_get(pt, index);

	if (entry & ACI_PTE_VALID)
		pt->valid++;
	if (old & ACI_PTE_VALID)
		pt->valid--;
	WRITE_ONCE(pt->entries[index], cpu_to_le64(entry));
	return old & ACI_PTE_VALID;
}

static void aci_pt_link(struct aci_pt *pt, unsigned int index, struct aci_pt *child)
{
	pt->children[index] = child;
	/* The card must not follow the new entry to an unwritten table. */
	dma_wmb();
	aci_pt_set(pt, index, child->dma | ACI_PTE_VALID);
}

/* Take a child out of its table; returns it to be freed after invalidation. */
static void aci_pt_detach(struct aci_pt_tree *tree, struct aci_pt *pt, unsigned int index)
{
	list_add_tail(&pt->children[index]->node, &tree->garbage);
	pt->children[index] = NULL;
}

/*
 * The deepest table at or above @level on the way to @va. Its level tells
 * whether it is the one wanted.
 */
static struct aci_pt *aci_pt_find(struct aci_pt_tree *tree, u64 va, unsigned int level)
{
	struct aci_pt *pt = tree->root;

	while (pt->level > level) {
		struct aci_pt *child = pt->children[ACI_PT_INDEX(va, pt->level)];

		if (!child)
			break;
		pt = child;
	}
	return pt;
}

/* Fill a table of level 0 so that it says the same as a 2 MiB leaf. */
static void aci_pt_fill_from_leaf(struct aci_pt *pt, u64 leaf)
{
	unsigned int i;

	for (i = 0; i < ACI_PT_ENTRIES; i++)
		pt->entries[i] = cpu_to_le64(leaf + ((u64)i << ACI_PAGE_SHIFT));
	pt->valid = ACI_PT_ENTRIES;
}

/* Put a new table below @parent; a 2 MiB leaf in its place is split. */
static void aci_pt_insert(struct aci_pt *parent, u64 va, struct aci_pt *child)
{
	unsigned int index = ACI_PT_INDEX(va, parent->level);
	u64 entry = aci_pt_get(parent, index);

	if (entry & ACI_PTE_VALID)
		aci_pt_fill_from_leaf(child, entry);
	aci_pt_link(parent, index, child);
}

/* Pin the table of @level for @va, which is made if need be. */
static int aci_pt_pin(struct aci_pt_tree *tree, u64 va, unsigned int level)
{
	struct aci_pt *pt, *spare = NULL;
	unsigned int missing;

	for (;;) {
		mutex_lock(&tree->lock);
		pt = aci_pt_find(tree, va, level);
		if (spare && pt->level == spare->level + 1) {
			aci_pt_insert(pt, va, spare);
			pt = spare;
			spare = NULL;
		}
		if (pt->level == level)
			pt->pins++;
		missing = pt->level;
		mutex_unlock(&tree->lock);
		/* Somebody's unmapping may have changed what is missing. */
		if (spare)
			aci_pt_free(tree->adev, spare);
		if (missing == level)
			return 0;
		spare = aci_pt_alloc(tree->adev, missing - 1);
		if (!spare)
			return -ENOMEM;
	}
}

static void aci_pt_unpin(struct aci_pt_tree *tree, u64 va, unsigned int level)
{
	struct aci_pt *pt = aci_pt_find(tree, va, level);

	if (!WARN_ON_ONCE(pt->level != level || !pt->pins))
		pt->pins--;
}

static u64 aci_pt_chunk_end(u64 pos, u64 end)
{
	return min(ALIGN_DOWN(pos, ACI_PT_LEAF_2M_BYTES) + ACI_PT_LEAF_2M_BYTES, end);
}

/* Depends only on the change and the BO: the same when planned and when executed. */
static unsigned int aci_pt_map_level(const struct aci_pt_tree *tree,
				     const struct aci_bo_iter *iter, u64 pos, u64 chunk_end)
{
	if ((tree->adev->caps.cap & ACI_CAP_LEAF_2M) &&
	    chunk_end - pos == ACI_PT_LEAF_2M_BYTES && iter->left >= ACI_PT_LEAF_2M_BYTES &&
	    IS_ALIGNED(iter->addr, ACI_PT_LEAF_2M_BYTES))
		return ACI_LEAF_2M_LEVEL;
	return 0;
}

/* Drop the pins of a mapping on its tables below @end. */
static void aci_pt_forget_map(struct aci_pt_tree *tree, const struct aci_pt_change *change,
			      u64 end)
{
	struct aci_bo_iter iter;
	u64 pos, next;

	aci_bo_iter_init(&iter, change->bo, change->offset);
	for (pos = change->va; pos < end; pos = next) {
		next = aci_pt_chunk_end(pos, end);
		aci_pt_unpin(tree, pos, aci_pt_map_level(tree, &iter, pos, next));
		aci_bo_iter_advance(&iter, next - pos);
	}
}

static int aci_pt_plan_map(struct aci_pt_tree *tree, const struct aci_pt_change *change)
{
	u64 end = change->va + change->bytes;
	struct aci_bo_iter iter;
	u64 pos, next;
	int ret;

	aci_bo_iter_init(&iter, change->bo, change->offset);
	for (pos = change->va; pos < end; pos = next) {
		next = aci_pt_chunk_end(pos, end);
		ret = aci_pt_pin(tree, pos, aci_pt_map_level(tree, &iter, pos, next));
		if (ret) {
			mutex_lock(&tree->lock);
			aci_pt_forget_map(tree, change, pos);
			mutex_unlock(&tree->lock);
			return ret;
		}
		aci_bo_iter_advance(&iter, next - pos);
		cond_resched();
	}
	return 0;
}

static int aci_pt_plan_unmap(struct aci_pt_tree *tree, const struct aci_pt_change *change)
{
	int ret = change->cuts_first ? aci_pt_pin(tree, change->va, 0) : 0;

	if (ret || !change->cuts_last)
		return ret;
	ret = aci_pt_pin(tree, change->va + change->bytes, 0);
	if (ret && change->cuts_first) {
		mutex_lock(&tree->lock);
		aci_pt_unpin(tree, change->va, 0);
		mutex_unlock(&tree->lock);
	}
	return ret;
}

/**
 * aci_pt_plan() - first step of a change
 * @tree: tree
 * @change: what to do
 *
 * Return: 0 or -ENOMEM; then nothing is pinned, but tables that were made stay.
 */
int aci_pt_plan(struct aci_pt_tree *tree, const struct aci_pt_change *change)
{
	return change->bo ? aci_pt_plan_map(tree, change) : aci_pt_plan_unmap(tree, change);
}

/**
 * aci_pt_forget() - a planned change is not executed
 * @tree: tree
 * @change: the latest that was planned
 */
void aci_pt_forget(struct aci_pt_tree *tree, const struct aci_pt_change *change)
{
	mutex_lock(&tree->lock);
	if (change->bo)
		aci_pt_forget_map(tree, change, change->va + change->bytes);
	if (change->cuts_first)
		aci_pt_unpin(tree, change->va, 0);
	if (change->cuts_last)
		aci_pt_unpin(tree, change->va + change->bytes, 0);
	mutex_unlock(&tree->lock);
}

/* 0: nothing is to be mapped. */
static u64 aci_pt_flags(const struct aci_pt_tree *tree, const struct aci_pt_change *change)
{
	u64 flags = ACI_PTE_VALID | ACI_PTE_READ | ACI_PTE_LEAF;

	/* Who revokes takes the tree's lock after that, to find what is mapped before it. */
	if (READ_ONCE(change->bo->revoked))
		return 0;
	if (!change->readonly)
		flags |= ACI_PTE_WRITE;
	if (aci_bo_is_card(change->bo))
		flags |= ACI_PTE_CARD;
	else if (tree->adev->caps.cap & ACI_CAP_SNOOP)
		flags |= ACI_PTE_SNOOP;
	return flags;
}

static u64 aci_pt_entry(u64 addr, u64 flags)
{
	return flags ? addr | flags : 0;
}

/* Store a 2 MiB leaf, or the same in a table that a later change needs. */
static void aci_pt_map_leaf(struct aci_pt_tree *tree, u64 va, u64 addr, u64 flags,
			    struct aci_inval_batch *batch)
{
	struct aci_pt *pt = aci_pt_find(tree, va, ACI_LEAF_2M_LEVEL);
	unsigned int index = ACI_PT_INDEX(va, ACI_LEAF_2M_LEVEL);
	struct aci_pt *child = pt->children[index];
	unsigned int i;

	if (!child || !child->pins) {
		if (aci_pt_set(pt, index, aci_pt_entry(addr, flags)))
			aci_inval_batch_add(batch, va, ACI_PT_LEAF_2M_BYTES);
		if (child)
			aci_pt_detach(tree, pt, index);
		return;
	}
	for (i = 0; i < ACI_PT_ENTRIES; i++) {
		u64 bytes = (u64)i << ACI_PAGE_SHIFT;

		if (aci_pt_set(child, i, aci_pt_entry(addr + bytes, flags)))
			aci_inval_batch_add(batch, va + bytes, ACI_PAGE_SIZE);
	}
}

/* Map [va, end), which lies in one table; moves the iterator. */
static void aci_pt_map_pages(struct aci_pt_tree *tree, u64 va, u64 end, u64 flags,
			     struct aci_bo_iter *iter, struct aci_inval_batch *batch)
{
	struct aci_pt *pt = aci_pt_find(tree, va, 0);

	for (; va < end; va += ACI_PAGE_SIZE) {
		if (aci_pt_set(pt, ACI_PT_INDEX(va, 0), aci_pt_entry(iter->addr, flags)))
			aci_inval_batch_add(batch, va, ACI_PAGE_SIZE);
		aci_bo_iter_advance(iter, ACI_PAGE_SIZE);
	}
}

static void aci_pt_map(struct aci_pt_tree *tree, const struct aci_pt_change *change,
		       struct aci_inval_batch *batch)
{
	u64 flags = aci_pt_flags(tree, change);
	u64 end = change->va + change->bytes;
	struct aci_bo_iter iter;
	u64 pos, next;

	aci_bo_iter_init(&iter, change->bo, change->offset);
	for (pos = change->va; pos < end; pos = next) {
		unsigned int level;

		next = aci_pt_chunk_end(pos, end);
		level = aci_pt_map_level(tree, &iter, pos, next);
		aci_pt_unpin(tree, pos, level);
		if (level == ACI_LEAF_2M_LEVEL) {
			aci_pt_map_leaf(tree, pos, iter.addr, flags, batch);
			aci_bo_iter_advance(&iter, next - pos);
		} else {
			aci_pt_map_pages(tree, pos, next, flags, &iter, batch);
		}
		cond_resched();
	}
}

/*
 * Take tables that hold nothing and that nobody plans to use out of the tree,
 * upwards from the one of level 0 or 1.
 */
static void aci_pt_prune(struct aci_pt_tree *tree, u64 va, struct aci_inval_batch *batch)
{
	struct aci_pt *pt = aci_pt_find(tree, va, 0);

	while (pt->level < ACI_PT_ROOT_LEVEL && !pt->valid && !pt->pins) {
		struct aci_pt *parent = aci_pt_find(tree, va, pt->level + 1);
		unsigned int index = ACI_PT_INDEX(va, parent->level);

		aci_pt_set(parent, index, 0);
		/*
		 * The card may hold the path to the table, under any address
		 * that the table covered.
		 */
		if (pt->level)
			aci_inval_batch_add_all(batch);
		else
			aci_inval_batch_add(batch, ALIGN_DOWN(va, ACI_PT_LEAF_2M_BYTES),
					    ACI_PT_LEAF_2M_BYTES);
		aci_pt_detach(tree, parent, index);
		pt = parent;
	}
}

static void aci_pt_unmap_chunk(struct aci_pt *pt, u64 va, u64 end, struct aci_inval_batch *batch)
{
	unsigned int index = ACI_PT_INDEX(va, ACI_LEAF_2M_LEVEL);
	struct aci_pt *child = pt->children[index];
	u64 pos;

	if (!child) {
		if (aci_pt_set(pt, index, 0))
			aci_inval_batch_add(batch, va, end - va);
		return;
	}
	for (pos = va; child->valid && pos < end; pos += ACI_PAGE_SIZE)
		if (aci_pt_set(child, ACI_PT_INDEX(pos, 0), 0))
			aci_inval_batch_add(batch, pos, ACI_PAGE_SIZE);
}

static void aci_pt_unmap(struct aci_pt_tree *tree, const struct aci_pt_change *change,
			 struct aci_inval_batch *batch)
{
	u64 end = change->va + change->bytes;
	u64 pos, next;

	if (change->cuts_first)
		aci_pt_unpin(tree, change->va, 0);
	for (pos = change->va; pos < end; pos = next) {
		struct aci_pt *pt = aci_pt_find(tree, pos, ACI_LEAF_2M_LEVEL);

		if (pt->level == ACI_LEAF_2M_LEVEL) {
			next = aci_pt_chunk_end(pos, end);
			/* The last one, whose table must not go before the pin does. */
			if (next == end && change->cuts_last)
				aci_pt_unpin(tree, end, 0);
			aci_pt_unmap_chunk(pt, pos, next, batch);
			aci_pt_prune(tree, pos, batch);
		} else {
			/* Nothing is mapped below this entry. */
			next = min(ALIGN_DOWN(pos, 1ull << ACI_PT_SHIFT(pt->level)) +
				   (1ull << ACI_PT_SHIFT(pt->level)), end);
		}
		cond_resched();
	}
}

/**
 * aci_pt_execute() - second step of a change
 * @tree: tree; the caller holds its lock
 * @change: planned change whose turn it is
 * @batch: gets what has to be invalidated
 */
void aci_pt_execute(struct aci_pt_tree *tree, const struct aci_pt_change *change,
		    struct aci_inval_batch *batch)
{
	lockdep_assert_held(&tree->lock);
	if (change->bo)
		aci_pt_map(tree, change, batch);
	else
		aci_pt_unmap(tree, change, batch);
}

/**
 * aci_pt_walk() - look at the way to an address, as the card does
 * @tree: tree
 * @va: device virtual address
 * @entries: ACI_PT_LEVELS; gets the entries on the way, from the root
 *
 * For whoever may not wait for the lock.
 *
 * Return: number of entries; -EBUSY while the tables are being changed.
 */
int aci_pt_walk(struct aci_pt_tree *tree, u64 va, u64 *entries)
{
	struct aci_pt *pt;
	int count = 0;

	if (!mutex_trylock(&tree->lock))
		return -EBUSY;
	for (pt = tree->root; pt; count++) {
		unsigned int index = ACI_PT_INDEX(va, pt->level);

		entries[count] = aci_pt_get(pt, index);
		pt = pt->level ? pt->children[index] : NULL;
	}
	mutex_unlock(&tree->lock);
	return count;
}

/*
 * Clear the entry for @va if it leads to @addr, and count what it mapped. Returns
 * up to where it has been looked.
 */
static u64 aci_pt_revoke_entry(struct aci_pt_tree *tree, u64 va, u64 addr,
			       struct aci_inval_batch *batch, u64 *cleared)
{
	struct aci_pt *pt = aci_pt_find(tree, va, 0);
	unsigned int index = ACI_PT_INDEX(va, pt->level);
	u64 entry_bytes = 1ull << ACI_PT_SHIFT(pt->level);
	u64 start = ALIGN_DOWN(va, entry_bytes);
	u64 entry = aci_pt_get(pt, index);

	/* Another mapping may have the place by now. */
	if (entry & ACI_PTE_LEAF && !(entry & ACI_PTE_CARD) &&
	    (entry & ACI_PTE_ADDR_MASK) == addr - (va - start)) {
		aci_pt_set(pt, index, 0);
		aci_inval_batch_add(batch, start, entry_bytes);
		*cleared += entry_bytes;
	}
	return start + entry_bytes;
}

/**
 * aci_pt_revoke() - take memory out of the tables, whatever is planned
 * @tree: tree; the caller holds its lock
 * @bo: imported BO
 * @offset: into it
 * @va: where it is mapped, or was, or will be
 * @bytes: length
 * @batch: gets what has to be invalidated
 *
 * Return: bytes that were mapped.
 */
u64 aci_pt_revoke(struct aci_pt_tree *tree, struct aci_bo *bo, u64 offset, u64 va, u64 bytes,
		  struct aci_inval_batch *batch)
{
	u64 end = va + bytes, cleared = 0;
	struct aci_bo_iter iter;

	lockdep_assert_held(&tree->lock);
	aci_bo_iter_init(&iter, bo, offset);
	while (va < end) {
		u64 next = min(aci_pt_revoke_entry(tree, va, iter.addr, batch, &cleared), end);

		aci_bo_iter_advance(&iter, next - va);
		va = next;
		cond_resched();
	}
	return cleared;
}
