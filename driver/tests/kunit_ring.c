// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit: arithmetic of ring indexes, and batches of invalidations.
 */

#include <kunit/test.h>
#include <linux/module.h>
#include <aci/aci_queue.h>

#include "aci_inval.h"

/* The card may sleep once it has published event_index: whoever passes it must ring. */
static bool must_ring(u64 event_index, u64 old_tail, u64 new_tail)
{
	u64 tail;

	for (tail = old_tail; tail != new_tail; tail++)
		if (tail == event_index)
			return true;
	return false;
}

static void ring_is_rung_when_passed(struct kunit *test)
{
	static const u64 bases[] = { 0, 1, 1ull << 32, 1ull << 63, -3ull, -8ull };
	unsigned int i, old, count, event;

	for (i = 0; i < ARRAY_SIZE(bases); i++)
		for (old = 0; old < 8; old++)
			for (count = 0; count < 8; count++)
				for (event = 0; event < 24; event++) {
					u64 at = bases[i] - 8 + event;
					u64 tail = bases[i] + old;

					KUNIT_EXPECT_EQ(test,
							must_ring(at, tail, tail + count),
							!!aci_queue_need_ring(at, tail,
									      tail + count));
				}
}

static void inval_joins_neighbours(struct kunit *test)
{
	struct aci_inval_batch batch = {};

	aci_inval_batch_add(&batch, SZ_1M, SZ_4K);
	aci_inval_batch_add(&batch, SZ_1M + SZ_4K, SZ_64K);
	KUNIT_EXPECT_EQ(test, batch.count, 1);
	KUNIT_EXPECT_EQ(test, batch.ranges[0].va, SZ_1M);
	KUNIT_EXPECT_EQ(test, batch.ranges[0].bytes, SZ_4K + SZ_64K);
	/* Before it, and behind a hole: ranges of their own. */
	aci_inval_batch_add(&batch, SZ_1M - SZ_4K, SZ_4K);
	aci_inval_batch_add(&batch, SZ_2M, SZ_4K);
	KUNIT_EXPECT_EQ(test, batch.count, 3);
}

/* More ranges than a batch has: all of the VM, and that stays so. */
static void inval_overflows_to_all(struct kunit *test)
{
	struct aci_inval_batch batch = {};
	unsigned int i;

	for (i = 0; i < ACI_INVAL_RANGES_MAX; i++)
		aci_inval_batch_add(&batch, (u64)i * SZ_2M, SZ_4K);
	KUNIT_EXPECT_EQ(test, batch.count, ACI_INVAL_RANGES_MAX);
	/* The last one still grows. */
	aci_inval_batch_add(&batch, (u64)(i - 1) * SZ_2M + SZ_4K, SZ_4K);
	KUNIT_EXPECT_EQ(test, batch.count, ACI_INVAL_RANGES_MAX);
	aci_inval_batch_add(&batch, (u64)i * SZ_2M, SZ_4K);
	KUNIT_EXPECT_EQ(test, batch.count, ACI_INVAL_RANGES_MAX + 1);
	aci_inval_batch_add(&batch, (u64)i * SZ_4M, SZ_4K);
	KUNIT_EXPECT_EQ(test, batch.count, ACI_INVAL_RANGES_MAX + 1);
}

static struct kunit_case ring_cases[] = {
	KUNIT_CASE(ring_is_rung_when_passed),
	KUNIT_CASE(inval_joins_neighbours),
	KUNIT_CASE(inval_overflows_to_all),
	{}
};

static struct kunit_suite ring_suite = {
	.name = "aci_ring",
	.test_cases = ring_cases,
};

kunit_test_suite(ring_suite);
