// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit: page tables. What the card would find is compared with a model, page
 * by page, after each change; the memory that is mapped is only addresses.
 */

#include <kunit/test.h>
#include <linux/dma-mapping.h>
#include <linux/module.h>
#include <linux/prandom.h>

#include "aci_device.h"
#include "aci_gem.h"
#include "aci_pt.h"

#define WINDOW_VA	BIT_ULL(40)
#define WINDOW_PAGES	2048u		/* 8 MiB: four tables of level 0 */
#define PAGES_2M	(SZ_2M / ACI_PAGE_SIZE)
#define BASE_A		(4ull << 30)	/* aligned to 2 MiB */
#define BASE_B		((8ull << 30) + SZ_4K)
#define LEAF_FLAGS	(ACI_PTE_VALID | ACI_PTE_LEAF | ACI_PTE_READ | ACI_PTE_WRITE)
#define CHANGES		100

struct pt_context {
	struct pci_dev pdev;
	struct aci_device adev;
	struct aci_pt_tree tree;
	/* Contiguous memory, so large that leaves of 2 MiB fit or do not. */
	struct aci_bo bos[2];
	struct sg_table tables[2];
	struct scatterlist segments[2];
	u64 model[WINDOW_PAGES];
};

static void pt_release(struct device *dev)
{
}

static void pt_fake_bo(struct pt_context *context, unsigned int i, u64 addr)
{
	sg_init_table(&context->segments[i], 1);
	sg_dma_address(&context->segments[i]) = addr;
	sg_dma_len(&context->segments[i]) = WINDOW_PAGES * ACI_PAGE_SIZE;
	context->tables[i].sgl = &context->segments[i];
	context->tables[i].nents = 1;
	context->bos[i].kind = ACI_BO_HOST;
	context->bos[i].shmem.sgt = &context->tables[i];
}

static int pt_init(struct kunit *test)
{
	struct pt_context *context = kunit_kzalloc(test, sizeof(*context), GFP_KERNEL);
	struct device *dev;

	KUNIT_ASSERT_NOT_NULL(test, context);
	dev = &context->pdev.dev;
	device_initialize(dev);
	dev->release = pt_release;
	context->pdev.dma_mask = DMA_BIT_MASK(64);
	dev->dma_mask = &context->pdev.dma_mask;
	dev->coherent_dma_mask = DMA_BIT_MASK(64);
	KUNIT_ASSERT_EQ(test, dev_set_name(dev, "aci-kunit"), 0);
	context->adev.pdev = &context->pdev;
	context->adev.caps.cap = ACI_CAP_LEAF_2M;
	pt_fake_bo(context, 0, BASE_A);
	pt_fake_bo(context, 1, BASE_B);
	test->priv = context;
	return aci_pt_init(&context->tree, &context->adev);
}

static void pt_exit(struct kunit *test)
{
	struct pt_context *context = test->priv;

	if (!context)
		return;
	aci_pt_fini(&context->tree);
	put_device(&context->pdev.dev);
}

static void pt_execute(struct pt_context *context, const struct aci_pt_change *change,
		       struct aci_inval_batch *batch)
{
	mutex_lock(&context->tree.lock);
	aci_pt_execute(&context->tree, change, batch);
	mutex_unlock(&context->tree.lock);
}

static struct aci_pt_change pt_map(struct pt_context *context, unsigned int bo, u32 page,
				   u32 count)
{
	return (struct aci_pt_change) {
		.bo = &context->bos[bo],
		.offset = (u64)page * ACI_PAGE_SIZE,
		.va = WINDOW_VA + (u64)page * ACI_PAGE_SIZE,
		.bytes = (u64)count * ACI_PAGE_SIZE,
	};
}

static struct aci_pt_change pt_unmap(u32 page, u32 count)
{
	return (struct aci_pt_change) {
		.va = WINDOW_VA + (u64)page * ACI_PAGE_SIZE,
		.bytes = (u64)count * ACI_PAGE_SIZE,
		.cuts_first = page % PAGES_2M,
		.cuts_last = (page + count) % PAGES_2M,
	};
}

static void pt_model(struct pt_context *context, const struct aci_pt_change *change,
		     unsigned int bo)
{
	u32 page = (change->va - WINDOW_VA) / ACI_PAGE_SIZE, i;

	for (i = 0; i < change->bytes / ACI_PAGE_SIZE; i++)
		context->model[page + i] = change->bo ?
			(bo ? BASE_B : BASE_A) + (u64)(page + i) * ACI_PAGE_SIZE : 0;
}

static void pt_change(struct kunit *test, const struct aci_pt_change *change, unsigned int bo,
		      struct aci_inval_batch *batch)
{
	struct pt_context *context = test->priv;

	KUNIT_ASSERT_EQ(test, aci_pt_plan(&context->tree, change), 0);
	pt_execute(context, change, batch);
	pt_model(context, change, bo);
}

/* Where the card would go for a page, 0: nowhere; and how many tables it looks at. */
static u64 pt_lookup(struct kunit *test, u32 page, int *levels)
{
	struct pt_context *context = test->priv;
	u64 va = WINDOW_VA + (u64)page * ACI_PAGE_SIZE, entries[ACI_PT_LEVELS], last;

	*levels = aci_pt_walk(&context->tree, va, entries);
	KUNIT_ASSERT_GT(test, *levels, 0);
	last = entries[*levels - 1];
	if (!(last & ACI_PTE_VALID))
		return 0;
	KUNIT_ASSERT_EQ(test, last & LEAF_FLAGS, LEAF_FLAGS);
	last &= ACI_PTE_ADDR_MASK;
	return *levels == ACI_PT_LEVELS ? last : last + (va & (SZ_2M - 1));
}

static void pt_compare(struct kunit *test)
{
	struct pt_context *context = test->priv;
	int levels;
	u32 page;

	for (page = 0; page < WINDOW_PAGES; page++)
		KUNIT_ASSERT_EQ(test, pt_lookup(test, page, &levels), context->model[page]);
}

static bool pt_is_empty(struct kunit *test)
{
	int levels;

	return !pt_lookup(test, 0, &levels) && levels == 1;
}

/* What was invalid is in no cache of the card: nothing to invalidate. */
static void pt_new_mapping_needs_no_invalidation(struct kunit *test)
{
	struct pt_context *context = test->priv;
	struct aci_pt_change change = pt_map(context, 1, 5, 3);
	struct aci_inval_batch batch = {};

	pt_change(test, &change, 1, &batch);
	KUNIT_EXPECT_EQ(test, batch.count, 0);
	pt_compare(test);
}

static void pt_unmapping_invalidates(struct kunit *test)
{
	struct pt_context *context = test->priv;
	struct aci_pt_change map = pt_map(context, 1, 5, 3), unmap = pt_unmap(5, 3);
	struct aci_inval_batch batch = {};

	pt_change(test, &map, 1, &batch);
	pt_change(test, &unmap, 0, &batch);
	KUNIT_EXPECT_LT(test, 0, batch.count);
	KUNIT_EXPECT_TRUE(test, pt_is_empty(test));
	pt_compare(test);
}

static void pt_large_leaf_where_it_fits(struct kunit *test)
{
	struct pt_context *context = test->priv;
	struct aci_pt_change aligned = pt_map(context, 0, 0, PAGES_2M);
	struct aci_pt_change odd = pt_map(context, 1, PAGES_2M, PAGES_2M);
	struct aci_inval_batch batch = {};
	int levels;

	pt_change(test, &aligned, 0, &batch);
	pt_change(test, &odd, 1, &batch);
	pt_compare(test);
	pt_lookup(test, 0, &levels);
	KUNIT_EXPECT_EQ(test, levels, ACI_PT_LEVELS - 1);
	pt_lookup(test, PAGES_2M, &levels);
	KUNIT_EXPECT_EQ(test, levels, ACI_PT_LEVELS);
	/* A card that has no such leaves gets none. */
	context->adev.caps.cap = 0;
	aligned = pt_map(context, 0, 2 * PAGES_2M, PAGES_2M);
	pt_change(test, &aligned, 0, &batch);
	pt_compare(test);
	pt_lookup(test, 2 * PAGES_2M, &levels);
	KUNIT_EXPECT_EQ(test, levels, ACI_PT_LEVELS);
}

static void pt_hole_splits_a_large_leaf(struct kunit *test)
{
	struct pt_context *context = test->priv;
	struct aci_pt_change map = pt_map(context, 0, 0, 2 * PAGES_2M);
	struct aci_pt_change hole = pt_unmap(PAGES_2M - 3, 6);
	struct aci_inval_batch batch = {};

	pt_change(test, &map, 0, &batch);
	KUNIT_EXPECT_EQ(test, batch.count, 0);
	pt_change(test, &hole, 0, &batch);
	KUNIT_EXPECT_LT(test, 0, batch.count);
	pt_compare(test);
}

/* Changes that were planned one after the other are executed so, and need each other's tables. */
static void pt_planned_changes_keep_their_tables(struct kunit *test)
{
	struct pt_context *context = test->priv;
	struct aci_pt_change changes[] = {
		pt_map(context, 0, 0, PAGES_2M), pt_unmap(7, 20), pt_unmap(0, PAGES_2M),
		pt_map(context, 1, 100, 50),
	};
	static const unsigned int bos[] = { 0, 0, 0, 1 };
	struct aci_inval_batch batch = {};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(changes); i++)
		KUNIT_ASSERT_EQ(test, aci_pt_plan(&context->tree, &changes[i]), 0);
	for (i = 0; i < ARRAY_SIZE(changes); i++) {
		pt_execute(context, &changes[i], &batch);
		pt_model(context, &changes[i], bos[i]);
		pt_compare(test);
	}
}

static void pt_forgotten_change_leaves_nothing(struct kunit *test)
{
	struct pt_context *context = test->priv;
	struct aci_pt_change map = pt_map(context, 1, 500, 100), again = pt_map(context, 1, 500, 1);
	struct aci_pt_change unmap = pt_unmap(500, 1);
	struct aci_inval_batch batch = {};

	KUNIT_ASSERT_EQ(test, aci_pt_plan(&context->tree, &map), 0);
	aci_pt_forget(&context->tree, &map);
	pt_compare(test);
	/* Its tables are not pinned: they go with the next that empties them. */
	pt_change(test, &again, 1, &batch);
	pt_change(test, &unmap, 0, &batch);
	pt_compare(test);
}

static void pt_follows_a_model(struct kunit *test)
{
	struct pt_context *context = test->priv;
	struct aci_pt_change all = pt_unmap(0, WINDOW_PAGES), change;
	struct aci_inval_batch batch = {};
	struct rnd_state random;
	unsigned int i;

	prandom_seed_state(&random, 1);
	for (i = 0; i < CHANGES; i++) {
		unsigned int bo = prandom_u32_state(&random) % 2;
		u32 page = prandom_u32_state(&random) % WINDOW_PAGES;
		u32 count = 1 + prandom_u32_state(&random) % (WINDOW_PAGES - page);

		if (prandom_u32_state(&random) % 4 == 0) {
			page = ALIGN_DOWN(page, PAGES_2M);
			count = PAGES_2M;
		}
		/* As the VA tree does it: what was there is unmapped first. */
		change = pt_unmap(page, count);
		pt_change(test, &change, 0, &batch);
		if (prandom_u32_state(&random) % 3) {
			change = pt_map(context, bo, page, count);
			pt_change(test, &change, bo, &batch);
		}
		if (i % 8 == 0)
			pt_compare(test);
	}
	pt_compare(test);
	pt_change(test, &all, 0, &batch);
	pt_compare(test);
	KUNIT_EXPECT_TRUE(test, pt_is_empty(test));
}

static struct kunit_case pt_cases[] = {
	KUNIT_CASE(pt_new_mapping_needs_no_invalidation),
	KUNIT_CASE(pt_unmapping_invalidates),
	KUNIT_CASE(pt_large_leaf_where_it_fits),
	KUNIT_CASE(pt_hole_splits_a_large_leaf),
	KUNIT_CASE(pt_planned_changes_keep_their_tables),
	KUNIT_CASE(pt_forgotten_change_leaves_nothing),
	KUNIT_CASE_SLOW(pt_follows_a_model),
	{}
};

static struct kunit_suite pt_suite = {
	.name = "aci_pt",
	.init = pt_init,
	.exit = pt_exit,
	.test_cases = pt_cases,
};

kunit_test_suite(pt_suite);
