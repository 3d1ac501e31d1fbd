// SPDX-License-Identifier: GPL-2.0
/*
 * Memory fences: WAIT and SIGNAL between queues of one VM, across engine classes,
 * and values that the CPU writes.
 */
#include <sys/mman.h>

#include "aci_harness.h"
#include "aci_user.h"

#define MS		1000000ll
/* Longest time between two looks of a card at the value of a blocked WAIT (virtual card). */
#define WAIT_POLL_MS	10
/* Between a look and this process' next instruction on a loaded, emulated machine. */
#define MARGIN_MS	2000

FIXTURE(memory_fence) {
	struct aci_ctx ctx;
	struct aci_buf buf;
	volatile __u64 *words;
	struct uq first;
	struct uq second;
};

FIXTURE_VARIANT(memory_fence) {
	__u32 second_class;
	__u32 placement;
};

FIXTURE_VARIANT_ADD(memory_fence, same_class) {
	.second_class = ACI_ENGINE_CLASS_COPY, .placement = DRM_ACI_PLACEMENT_HOST,
};

FIXTURE_VARIANT_ADD(memory_fence, other_class) {
	.second_class = ACI_ENGINE_CLASS_COMPUTE, .placement = DRM_ACI_PLACEMENT_HOST,
};

FIXTURE_VARIANT_ADD(memory_fence, card_memory) {
	.second_class = ACI_ENGINE_CLASS_COMPUTE, .placement = DRM_ACI_PLACEMENT_CARD,
};

FIXTURE_SETUP(memory_fence)
{
	struct drm_aci_query_device device;

	ASSERT_OK(uctx_init(&self->ctx, 0));
	ASSERT_OK(aci_query(self->ctx.fd, DRM_ACI_QUERY_DEVICE, 0, &device, sizeof(device)));
	if (variant->second_class >= device.engine_classes)
		SKIP(return, "card without compute engines");
	ASSERT_OK(aci_buf_init(&self->ctx, &self->buf, KIB(64), variant->placement,
			       DRM_ACI_BO_CPU_ACCESS * (variant->placement ==
							DRM_ACI_PLACEMENT_CARD)));
	self->words = self->buf.map;
	ASSERT_OK(uq_init(&self->first, &self->ctx, ACI_ENGINE_CLASS_COPY, UQ_TIMEOUT_MS));
	ASSERT_OK(uq_init(&self->second, &self->ctx, variant->second_class, UQ_TIMEOUT_MS));
}

FIXTURE_TEARDOWN(memory_fence)
{
	uq_unmap(&self->first);
	uq_unmap(&self->second);
	aci_ctx_fini(&self->ctx);
}

#define WORD_VA(index)	(self->buf.va + (index) * 8)

/* What the first queue wrote before its SIGNAL is there for the second after its WAIT. */
TEST_F(memory_fence, signal_releases_wait)
{
	__u64 done = uq_push(&self->second, desc_wait(WORD_VA(0), 1, 0));

	done = uq_push(&self->second, desc_copy(WORD_VA(1), WORD_VA(2), 8));
	EXPECT_EQ(-ETIME, uq_wait_until(&self->second, 1, now_ns() + 50 * MS, NULL));
	uq_push(&self->first, desc_fill(WORD_VA(1), 8, 0x77, 8));
	uq_push(&self->first, desc_signal(WORD_VA(0), 1));
	EXPECT_OK(uq_wait(&self->second, done));
	EXPECT_EQ(1, self->words[0]);
	EXPECT_EQ(0x77, self->words[2]);
}

/* Back and forth: each round depends on the one before, in the other queue. */
TEST_F(memory_fence, ping_pong)
{
	__u64 round, done[2] = { 0 };

	for (round = 1; round <= 300; round++) {
		/* The CPU only keeps the rings from being overrun. */
		if (round > 20) {
			ASSERT_OK(uq_wait(&self->first, done[0] - 2 * 18));
			ASSERT_OK(uq_wait(&self->second, done[1] - 2 * 18));
		}
		uq_push(&self->first, desc_wait(WORD_VA(1), round - 1, 0));
		done[0] = uq_push(&self->first, desc_signal(WORD_VA(0), round));
		uq_push(&self->second, desc_wait(WORD_VA(0), round, 0));
		done[1] = uq_push(&self->second, desc_signal(WORD_VA(1), round));
	}
	EXPECT_OK(uq_wait(&self->first, done[0]));
	EXPECT_OK(uq_wait(&self->second, done[1]));
	EXPECT_EQ(300, self->words[0]);
	EXPECT_EQ(300, self->words[1]);
}

/* Unsigned and greater or equal: a value past the one waited for will do. */
TEST_F(memory_fence, comparison)
{
	self->words[0] = 1ull << 63;
	EXPECT_OK(uq_run(&self->second, desc_wait(WORD_VA(0), 5, 0)));
	EXPECT_OK(uq_run(&self->second, desc_wait(WORD_VA(0), 1ull << 63, 0)));
	uq_push(&self->second, desc_wait(WORD_VA(0), (1ull << 63) + 1, 0));
	EXPECT_EQ(-ETIME, uq_wait_until(&self->second, 3, now_ns() + 50 * MS, NULL));
	uq_push(&self->first, desc_signal(WORD_VA(0), ~0ull));
	EXPECT_OK(uq_wait(&self->second, 3));
}

/* Many queues wait for one value; one SIGNAL is for all. */
TEST_F(memory_fence, one_signal_for_many)
{
	struct uq uqs[8];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(uqs); i++) {
		ASSERT_OK(uq_init(&uqs[i], &self->ctx, i % 2 ? variant->second_class :
				  ACI_ENGINE_CLASS_COPY, 0));
		uq_push(&uqs[i], desc_wait(WORD_VA(0), 9, 0));
		uq_push(&uqs[i], desc_fill(WORD_VA(8 + i), 8, i, 8));
	}
	uq_push(&self->first, desc_signal(WORD_VA(0), 9));
	for (i = 0; i < ARRAY_SIZE(uqs); i++) {
		EXPECT_OK(uq_wait(&uqs[i], 2));
		EXPECT_EQ(i, self->words[8 + i]);
		ASSERT_OK(uq_destroy(&uqs[i]));
		uq_unmap(&uqs[i]);
	}
}

/* The card looks by itself: nobody rings. */
TEST_F(memory_fence, cpu_value_releases_wait)
{
	__u64 round, start, worst = 0;

	for (round = 1; round <= 10; round++) {
		__u64 done = uq_push(&self->second, desc_wait(WORD_VA(0), round, 0));

		ASSERT_EQ(-ETIME, uq_wait_until(&self->second, done, now_ns() + 10 * MS, NULL));
		start = now_ns();
		self->words[0] = round;
		ASSERT_OK(uq_wait(&self->second, done));
		worst = now_ns() - start > worst ? now_ns() - start : worst;
	}
	EXPECT_GE((WAIT_POLL_MS + MARGIN_MS) * MS, worst);
	TH_LOG("slowest of 10: %llu us", (unsigned long long)worst / 1000);
}

TEST_F(memory_fence, wait_times_out)
{
	struct drm_aci_query_queue state;
	__u64 start = now_ns();

	EXPECT_EQ(-EIO, uq_run(&self->second, desc_wait(WORD_VA(0), 1, 100 * MS)));
	EXPECT_LE(100 * MS, now_ns() - start);
	ASSERT_OK(uq_state(&self->second, &state));
	EXPECT_EQ(ACI_STATUS_WAIT_TIMEOUT, state.error);
	EXPECT_EQ(0, state.error_index);
	/* It is tried again, and the value has come. */
	self->words[0] = 1;
	ASSERT_OK(uq_resume(&self->second, 0));
	EXPECT_OK(uq_wait(&self->second, 1));
	EXPECT_OK(uq_run(&self->first, desc_nop()));
}

/* The value lies where the VM's tables end while the WAIT is blocked. */
TEST_F(memory_fence, unmapped_under_a_wait)
{
	struct drm_aci_query_queue state;

	uq_push(&self->second, desc_wait(WORD_VA(0), 1, 0));
	ASSERT_EQ(-ETIME, uq_wait_until(&self->second, 1, now_ns() + 20 * MS, NULL));
	ASSERT_OK(aci_unbind(self->ctx.fd, self->ctx.vm, self->buf.va, self->buf.bytes));
	EXPECT_EQ(-EIO, uq_wait(&self->second, 1));
	ASSERT_OK(uq_state(&self->second, &state));
	EXPECT_EQ(ACI_STATUS_PAGE_FAULT, state.error);
	EXPECT_OK(uq_run(&self->first, desc_nop()));
}

/* A queue that waits holds up neither its own end nor that of its VM. */
TEST_F(memory_fence, destroyed_in_a_wait)
{
	uq_push(&self->first, desc_wait(WORD_VA(0), 1, 0));
	uq_push(&self->second, desc_wait(WORD_VA(0), 1, 0));
	ASSERT_EQ(-ETIME, uq_wait_until(&self->second, 1, now_ns() + 20 * MS, NULL));
	EXPECT_OK(uq_destroy(&self->first));
	EXPECT_OK(uq_destroy(&self->second));
	EXPECT_OK(aci_vm_destroy(self->ctx.fd, self->ctx.vm));
}

/* Whatever waits, an engine is free for others. */
TEST_F(memory_fence, waits_leave_the_engine_free)
{
	struct aci_ctx other;
	struct uq uqs[8];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(uqs); i++) {
		ASSERT_OK(uq_init(&uqs[i], &self->ctx, ACI_ENGINE_CLASS_COPY, 0));
		uq_push(&uqs[i], desc_wait(WORD_VA(0), 1, 0));
	}
	ASSERT_OK(aci_ctx_init(&other, 0, ACI_ENGINE_CLASS_COPY, 0));
	for (i = 0; i < 50; i++)
		ASSERT_OK(aci_run_one(&other, desc_nop()));
	EXPECT_OK(uq_run(&self->first, desc_nop()));
	self->words[0] = 1;
	for (i = 0; i < ARRAY_SIZE(uqs); i++) {
		EXPECT_OK(uq_wait(&uqs[i], 1));
		uq_unmap(&uqs[i]);
	}
	aci_ctx_fini(&other);
}

TEST_HARNESS_MAIN
