// SPDX-License-Identifier: GPL-2.0
/*
 * Memory fences: WAIT and SIGNAL between queues of one VM, across engine classes and
 * across cards, and values that the CPU writes.
 */
#include <fcntl.h>

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

/* --- Between two cards that map the same host memory --- */

#define SHARED_BYTES	MIB(1)
/* Words of the shared memory; the data lies behind them. */
#define DATA_OFFSET	KIB(4)
#define DATA_BYTES	(SHARED_BYTES - DATA_OFFSET)
/* Three descriptors each, and no more on a ring than fit. */
#define RELAY_LEGS	40
#define RELAY_BYTES	KIB(16)

struct side {
	struct aci_ctx ctx;
	struct uq uq;
	__u64 va;		/* of the shared memory on this card */
	struct aci_buf out;	/* this card's alone */
};

FIXTURE(memory_fence_cards) {
	struct side sides[2];
	struct aci_buf shared;	/* of card 0 */
	volatile __u64 *words;
	char *data;
	struct side *waiter;
	struct side *signaller;
};

FIXTURE_VARIANT(memory_fence_cards) {
	unsigned int waiter;
};

FIXTURE_VARIANT_ADD(memory_fence_cards, exporter_waits) { .waiter = 0 };
FIXTURE_VARIANT_ADD(memory_fence_cards, importer_waits) { .waiter = 1 };

/* Host memory of the exporter, bound at both cards; the mappings hold it. */
static int share(struct side *exporter, struct side *importer, struct aci_buf *shared)
{
	int dma_buf, err;
	__u32 handle;

	err = aci_buf_init(&exporter->ctx, shared, SHARED_BYTES, DRM_ACI_PLACEMENT_HOST, 0);
	if (err)
		return err;
	exporter->va = shared->va;
	dma_buf = aci_bo_export(exporter->ctx.fd, shared->handle, DRM_RDWR);
	if (dma_buf < 0)
		return dma_buf;
	err = aci_bo_import(importer->ctx.fd, dma_buf, &handle);
	close(dma_buf);
	if (err)
		return err;
	importer->va = aci_ctx_take_va(&importer->ctx, SHARED_BYTES);
	err = aci_bind(importer->ctx.fd, importer->ctx.vm, handle, 0, importer->va, SHARED_BYTES, 0);
	aci_bo_close(importer->ctx.fd, handle);
	return err;
}

FIXTURE_SETUP(memory_fence_cards)
{
	unsigned int i;

	self->sides[0].ctx.fd = -1;
	self->sides[1].ctx.fd = -1;
	if (aci_card_count() < 2)
		SKIP(return, "needs two cards");
	for (i = 0; i < 2; i++) {
		struct side *side = &self->sides[i];

		ASSERT_OK(uctx_init(&side->ctx, i));
		ASSERT_OK(uq_init(&side->uq, &side->ctx, ACI_ENGINE_CLASS_COPY, UQ_TIMEOUT_MS));
		ASSERT_OK(aci_buf_init(&side->ctx, &side->out, DATA_BYTES,
				       DRM_ACI_PLACEMENT_HOST, 0));
	}
	ASSERT_OK(share(&self->sides[0], &self->sides[1], &self->shared));
	self->words = self->shared.map;
	self->data = (char *)self->shared.map + DATA_OFFSET;
	self->waiter = &self->sides[variant->waiter];
	self->signaller = &self->sides[!variant->waiter];
}

FIXTURE_TEARDOWN(memory_fence_cards)
{
	unsigned int i;

	for (i = 0; i < 2; i++) {
		uq_unmap(&self->sides[i].uq);
		aci_ctx_fini(&self->sides[i].ctx);
	}
}

/* Word @index, by the addresses of the card of @side. */
static __u64 word_va(const struct side *side, unsigned int index)
{
	return side->va + index * 8;
}

/* WAIT for word 0, then take the shared data home. Return: the count that says it is done */
static __u64 push_wait_and_copy(struct side *side, __u64 value, __u64 timeout_ns)
{
	uq_push(&side->uq, desc_wait(word_va(side, 0), value, timeout_ns));
	return uq_push(&side->uq, desc_copy(side->va + DATA_OFFSET, side->out.va, DATA_BYTES));
}

static __u64 push_fill(struct side *side, __u8 value)
{
	return uq_push(&side->uq, desc_fill(side->va + DATA_OFFSET, DATA_BYTES, value, 1));
}

/* The work of the other card is not the fence: only its SIGNAL is. */
TEST_F(memory_fence_cards, nothing_before_the_signal)
{
	struct side *waiter = self->waiter, *signaller = self->signaller;
	__u64 copied = push_wait_and_copy(waiter, 1, 0), filled, completed = 77;

	filled = push_fill(signaller, 0x5c);
	uq_push(&signaller->uq, desc_wait(word_va(signaller, 1), 1, 0));
	uq_push(&signaller->uq, desc_signal(word_va(signaller, 0), 1));
	ASSERT_OK(uq_wait(&signaller->uq, filled));
	EXPECT_TRUE(data_is(self->data, DATA_BYTES, 0x5c));
	/* Several looks of the card at the word. */
	EXPECT_EQ(-ETIME, uq_wait_until(&waiter->uq, 1, now_ns() + 5 * WAIT_POLL_MS * MS,
					&completed));
	EXPECT_EQ(0, completed);
	EXPECT_TRUE(data_is(waiter->out.map, DATA_BYTES, 0));
	/* The CPU lets the other card signal, and does nothing else. */
	self->words[1] = 1;
	ASSERT_OK(uq_wait(&waiter->uq, copied));
	EXPECT_EQ(1, self->words[0]);
	EXPECT_TRUE(data_is(waiter->out.map, DATA_BYTES, 0x5c));
}

/* Work, SIGNAL and WAIT without the CPU in between: all that precedes the SIGNAL is seen. */
TEST_F(memory_fence_cards, data_precedes_the_signal)
{
	__u64 round, copied, signalled, start, worst = 0;

	for (round = 1; round <= 20; round++) {
		copied = push_wait_and_copy(self->waiter, round, 0);
		push_fill(self->signaller, (__u8)(0x20 + round));
		signalled = uq_push(&self->signaller->uq,
				    desc_signal(word_va(self->signaller, 0), round));
		ASSERT_OK(uq_wait(&self->signaller->uq, signalled));
		start = now_ns();
		ASSERT_OK(uq_wait(&self->waiter->uq, copied));
		worst = now_ns() - start > worst ? now_ns() - start : worst;
		ASSERT_TRUE(data_is(self->waiter->out.map, DATA_BYTES, (__u8)(0x20 + round)));
	}
	EXPECT_GE((WAIT_POLL_MS + MARGIN_MS) * MS, worst);
	TH_LOG("slowest of 20: %llu us after the signal was completed",
	       (unsigned long long)worst / 1000);
}

/* Leg @leg of the relay: when its turn has come, pass the data on to the next slot. */
static __u64 put_leg(struct side *side, unsigned int leg)
{
	__u64 data = side->va + DATA_OFFSET + leg * RELAY_BYTES;

	uq_put(&side->uq, desc_wait(word_va(side, 0), leg + 1, 0));
	uq_put(&side->uq, desc_copy(data, data + RELAY_BYTES, RELAY_BYTES));
	uq_put(&side->uq, desc_signal(word_va(side, 0), leg + 2));
	return side->uq.tail;
}

/* The cards pass data on by turns, without the CPU: one leg too early, and it is lost. */
TEST_F(memory_fence_cards, relay)
{
	struct side *runners[2] = { self->waiter, self->signaller };
	__u64 ends[2] = { 0 };
	unsigned int leg;

	for (leg = 0; leg < RELAY_LEGS; leg++)
		ends[leg % 2] = put_leg(runners[leg % 2], leg);
	uq_tell(&runners[0]->uq);
	uq_tell(&runners[1]->uq);
	EXPECT_EQ(-ETIME, uq_wait_until(&runners[1]->uq, 1, now_ns() + 2 * WAIT_POLL_MS * MS,
					NULL));
	data_fill(self->data, RELAY_BYTES, 7);
	__atomic_store_n(&self->words[0], 1, __ATOMIC_RELEASE);
	EXPECT_OK(uq_wait(&runners[0]->uq, ends[0]));
	EXPECT_OK(uq_wait(&runners[1]->uq, ends[1]));
	EXPECT_EQ(RELAY_LEGS + 1, self->words[0]);
	EXPECT_EQ(-1, data_check(self->data + RELAY_LEGS * RELAY_BYTES, RELAY_BYTES, 7));
}

/* The other card works and never signals. */
TEST_F(memory_fence_cards, wait_times_out)
{
	struct side *waiter = self->waiter, *signaller = self->signaller;
	__u64 start = now_ns(), copied = push_wait_and_copy(waiter, 1, 100 * MS);
	struct drm_aci_query_queue state;

	ASSERT_OK(uq_wait(&signaller->uq, push_fill(signaller, 0x11)));
	EXPECT_EQ(-EIO, uq_wait(&waiter->uq, 1));
	EXPECT_LE(100 * MS, now_ns() - start);
	EXPECT_GE((100 + WAIT_POLL_MS + MARGIN_MS) * MS, now_ns() - start);
	ASSERT_OK(uq_state(&waiter->uq, &state));
	EXPECT_EQ(ACI_STATUS_WAIT_TIMEOUT, state.error);
	EXPECT_EQ(0, state.error_index);
	EXPECT_TRUE(data_is(waiter->out.map, DATA_BYTES, 0));
	/* The other card is well, and its late signal is one. */
	EXPECT_OK(uq_run(&signaller->uq, desc_signal(word_va(signaller, 0), 1)));
	ASSERT_OK(uq_resume(&waiter->uq, 0));
	EXPECT_OK(uq_wait(&waiter->uq, copied));
	EXPECT_TRUE(data_is(waiter->out.map, DATA_BYTES, 0x11));
}

/* The queue that was to signal goes, and the memory from its card: the waiter keeps its own. */
TEST_F(memory_fence_cards, signaller_goes_away)
{
	struct side *waiter = self->waiter, *signaller = self->signaller;
	__u64 copied;

	uq_push(&signaller->uq, desc_wait(word_va(signaller, 1), 1, 0));
	uq_push(&signaller->uq, desc_signal(word_va(signaller, 0), 1));
	copied = push_wait_and_copy(waiter, 1, 100 * MS);
	ASSERT_OK(uq_destroy(&signaller->uq));
	ASSERT_OK(aci_vm_destroy(signaller->ctx.fd, signaller->ctx.vm));
	self->words[1] = 1;
	EXPECT_EQ(-EIO, uq_wait(&waiter->uq, 1));
	EXPECT_EQ(0, self->words[0]);
	memset(self->data, 0x3a, DATA_BYTES);
	__atomic_store_n(&self->words[0], 1, __ATOMIC_RELEASE);
	ASSERT_OK(uq_resume(&waiter->uq, 0));
	EXPECT_OK(uq_wait(&waiter->uq, copied));
	EXPECT_TRUE(data_is(waiter->out.map, DATA_BYTES, 0x3a));
}

TEST_HARNESS_MAIN
