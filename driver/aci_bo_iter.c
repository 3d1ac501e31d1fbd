// SPDX-License-Identifier: GPL-2.0
/*
 * Positions in a BO, as the card sees it.
 *
 * Memory in many pieces has an index, so that binding all of it piece by piece
 * does not cost the square of their number.
 */

#include <linux/mm.h>

#include "aci_device.h"
#include "aci_gem.h"

/* Segments from one mark to the next. */
#define ACI_BO_MARK_STEP	64

/**
 * struct aci_bo_mark - a segment and where it begins
 */
struct aci_bo_mark {
	/** @offset: in the BO */
	u64 offset;
	/** @sg: segment of a BO with a scatterlist */
	struct scatterlist *sg;
	/** @block: segment of a card BO */
	struct aci_buddy_block *block;
};

/**
 * struct aci_bo_index - marks of a BO
 */
struct aci_bo_index {
	/** @count: number of @marks */
	u32 count;
	/** @marks: in order; the first one stands at 0 */
	struct aci_bo_mark marks[] __counted_by(count);
};

/* Of BOs that need none. */
static struct aci_bo_index aci_bo_no_index;

static void aci_bo_iter_enter(struct aci_bo_iter *iter)
{
	if (aci_bo_is_card(iter->bo)) {
		struct aci_device *adev = to_aci_device(iter->bo->shmem.base.dev);

		iter->addr = ACI_BUDDY(block_offset)(iter->block);
		iter->left = ACI_BUDDY(block_size)(&adev->vram.buddy, iter->block);
	} else {
		iter->addr = sg_dma_address(iter->sg);
		iter->left = sg_dma_len(iter->sg);
	}
}

/* Returns false at the end of the BO. */
static bool aci_bo_iter_next(struct aci_bo_iter *iter)
{
	if (aci_bo_is_card(iter->bo)) {
		if (list_is_last(&iter->block->link, &iter->bo->blocks))
			return false;
		iter->block = list_next_entry(iter->block, link);
	} else {
		iter->sg = sg_next(iter->sg);
		if (!iter->sg)
			return false;
	}
	aci_bo_iter_enter(iter);
	return true;
}

static void aci_bo_iter_start(struct aci_bo_iter *iter, struct aci_bo *bo)
{
	iter->bo = bo;
	if (aci_bo_is_card(bo))
		iter->block = list_first_entry(&bo->blocks, struct aci_buddy_block, link);
	else
		iter->sg = bo->shmem.sgt->sgl;
	aci_bo_iter_enter(iter);
}

/* The last mark at or before @offset. */
static const struct aci_bo_mark *aci_bo_index_find(const struct aci_bo_index *index, u64 offset)
{
	u32 low = 0, high = index->count;

	while (high - low > 1) {
		u32 middle = low + (high - low) / 2;

		if (index->marks[middle].offset <= offset)
			low = middle;
		else
			high = middle;
	}
	return &index->marks[low];
}

/**
 * aci_bo_iter_init() - go to an offset
 * @iter: iterator
 * @bo: prepared BO
 * @offset: below the BO's size
 */
void aci_bo_iter_init(struct aci_bo_iter *iter, struct aci_bo *bo, u64 offset)
{
	/* Pairs with the release in aci_bo_index_make(): a whole index or none. */
	const struct aci_bo_index *index = smp_load_acquire(&bo->index);

	if (index && index->count) {
		const struct aci_bo_mark *mark = aci_bo_index_find(index, offset);

		iter->bo = bo;
		iter->sg = mark->sg;
		iter->block = mark->block;
		aci_bo_iter_enter(iter);
		offset -= mark->offset;
	} else {
		aci_bo_iter_start(iter, bo);
	}
	aci_bo_iter_advance(iter, offset);
}

/**
 * aci_bo_iter_advance() - go on
 * @iter: iterator
 * @bytes: at most to the end of the BO, where the iterator is no longer valid
 */
void aci_bo_iter_advance(struct aci_bo_iter *iter, u64 bytes)
{
	while (bytes >= iter->left) {
		bytes -= iter->left;
		if (!aci_bo_iter_next(iter))
			return;
	}
	iter->addr += bytes;
	iter->left -= bytes;
}

static u32 aci_bo_count_segments(struct aci_bo *bo)
{
	if (aci_bo_is_card(bo))
		return list_count_nodes(&bo->blocks);
	return bo->shmem.sgt->nents;
}

static void aci_bo_index_fill(struct aci_bo_index *index, struct aci_bo *bo)
{
	struct aci_bo_iter iter = {};
	u64 offset = 0;
	u32 i = 0;

	aci_bo_iter_start(&iter, bo);
	do {
		if (i % ACI_BO_MARK_STEP == 0)
			index->marks[i / ACI_BO_MARK_STEP] = (struct aci_bo_mark) {
				.offset = offset,
				.sg = iter.sg,
				.block = iter.block,
			};
		offset += iter.left;
		i++;
	} while (i / ACI_BO_MARK_STEP < index->count && aci_bo_iter_next(&iter));
}

/**
 * aci_bo_index_make() - make the index of a BO, if it needs one
 * @bo: BO that has its addresses
 *
 * Return: 0 or -ENOMEM.
 */
int aci_bo_index_make(struct aci_bo *bo)
{
	struct aci_bo_index *index = &aci_bo_no_index;
	u32 segments;

	/* As in aci_bo_iter_init(). */
	if (smp_load_acquire(&bo->index))
		return 0;
	segments = aci_bo_count_segments(bo);
	if (segments > ACI_BO_MARK_STEP) {
		u32 count = DIV_ROUND_UP(segments, ACI_BO_MARK_STEP);

		index = kvmalloc(struct_size(index, marks, count), GFP_KERNEL_ACCOUNT);
		if (!index)
			return -ENOMEM;
		index->count = count;
		aci_bo_index_fill(index, bo);
	}
	/* Somebody else may have bound it at the same time. */
	if (cmpxchg_release(&bo->index, NULL, index) && index != &aci_bo_no_index)
		kvfree(index);
	return 0;
}

/**
 * aci_bo_index_free() - the BO is freed
 * @bo: BO
 */
void aci_bo_index_free(struct aci_bo *bo)
{
	if (bo->index != &aci_bo_no_index)
		kvfree(bo->index);
	bo->index = NULL;
}
