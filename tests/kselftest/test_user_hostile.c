// SPDX-License-Identifier: GPL-2.0
/*
 * Rings and user pages written by a hostile process: an error for it, and nothing
 * for anyone else. Beside each attack a queue of another file works, whose results
 * are checked, and afterwards the card has not been reset.
 */
#include <pthread.h>
#include <sys/mman.h>

#include "aci_harness.h"
#include "aci_user.h"

#define MS	1000000ll

FIXTURE(user_hostile) {
	struct aci_ctx ctx;
	struct aci_buf buf;
	struct uq uq;
	struct aci_ctx good;
	struct aci_buf good_buf;
	struct uq good_uq;
	__u64 generation;
	__u64 state;
};

FIXTURE_SETUP(user_hostile)
{
	ASSERT_OK(uctx_init(&self->ctx, 0));
	ASSERT_OK(aci_buf_init(&self->ctx, &self->buf, KIB(64), DRM_ACI_PLACEMENT_HOST, 0));
	ASSERT_OK(uq_init(&self->uq, &self->ctx, ACI_ENGINE_CLASS_COPY, UQ_TIMEOUT_MS));
	ASSERT_OK(uctx_init(&self->good, 0));
	ASSERT_OK(aci_buf_init(&self->good, &self->good_buf, KIB(64), DRM_ACI_PLACEMENT_HOST, 0));
	ASSERT_OK(uq_init(&self->good_uq, &self->good, ACI_ENGINE_CLASS_COPY, 0));
	self->generation = aci_device_state(self->good.fd).reset_generation;
	self->state = 0x4c31;
}

/* The neighbour's queue does what it is told, and its memory holds what it wrote. */
static int good_works(FIXTURE_DATA(user_hostile) *self)
{
	__u64 half = KIB(32);
	int err;

	data_fill(self->good_buf.map, half, self->state);
	err = uq_run(&self->good_uq, desc_copy(self->good_buf.va, self->good_buf.va + half, half));
	if (err)
		return err;
	return data_check((char *)self->good_buf.map + half, half, self->state++) < 0 ? 0 : -EILSEQ;
}

FIXTURE_TEARDOWN(user_hostile)
{
	struct drm_aci_query_queue state;

	EXPECT_OK(good_works(self));
	EXPECT_OK(uq_state(&self->good_uq, &state));
	EXPECT_EQ(0, state.flags);
	EXPECT_EQ(0, state.error);
	EXPECT_EQ(self->generation, aci_device_state(self->good.fd).reset_generation);
	uq_unmap(&self->uq);
	uq_unmap(&self->good_uq);
	aci_ctx_fini(&self->ctx);
	aci_ctx_fini(&self->good);
}

/* Let the queue go on wherever it is, with an empty ring. */
static int start_over(struct uq *uq)
{
	struct drm_aci_query_queue state;
	int err = uq_state(uq, &state);

	if (err)
		return err;
	uq->tail = uq->told = state.completed;
	uq->page->tail = uq->tail;
	err = uq_resume(uq, state.completed);
	return err == -EBUSY ? 0 : err;
}

TEST_F(user_hostile, garbage_descriptors)
{
	unsigned int i, k, stops = 0;

	for (i = 0; i < 200; i++) {
		struct aci_desc desc;
		__u64 *words = (__u64 *)&desc;

		for (k = 0; k < sizeof(desc) / 8; k++)
			words[k] = data_random(&self->state);
		/* Half of them with an opcode that there is. */
		if (i % 2) {
			words[0] = data_random(&self->state) % 9;
			desc.body[6] = 0;
		}
		if (uq_run(&self->uq, desc) == -EIO) {
			stops++;
			ASSERT_OK(start_over(&self->uq));
		}
		if (i % 20 == 0)
			ASSERT_OK(good_works(self));
	}
	EXPECT_LT(150, stops);
	EXPECT_OK(uq_run(&self->uq, desc_fill(self->buf.va, 8, 3, 8)));
	EXPECT_EQ(3, *(volatile __u64 *)self->buf.map);
}

/* Addresses of the neighbour are nothing in this VM. */
TEST_F(user_hostile, others_addresses)
{
	struct drm_aci_query_queue state;

	memset(self->good_buf.map, 0x11, KIB(64));
	ASSERT_OK(aci_unbind(self->ctx.fd, self->ctx.vm, self->buf.va, self->buf.bytes));
	EXPECT_EQ(-EIO, uq_run(&self->uq, desc_fill(self->good_buf.va, KIB(64), 0xee, 1)));
	ASSERT_OK(uq_state(&self->uq, &state));
	EXPECT_EQ(ACI_STATUS_PAGE_FAULT, state.error);
	EXPECT_TRUE(data_is(self->good_buf.map, KIB(64), 0x11));
}

TEST_F(user_hostile, tail_jumps)
{
	static const __u64 jumps[] = { UQ_ENTRIES + 1, 1ull << 32, 1ull << 63, ~0ull };
	struct drm_aci_query_queue state;
	unsigned int i;

	ASSERT_OK(uq_run(&self->uq, desc_nop()));
	for (i = 0; i < ARRAY_SIZE(jumps); i++) {
		self->uq.page->tail = self->uq.tail + jumps[i];
		uq_ring(&self->uq);
		EXPECT_EQ(-EIO, uq_wait(&self->uq, ~0ull));
		ASSERT_OK(uq_state(&self->uq, &state));
		EXPECT_EQ(ACI_STATUS_RING_OVERRUN, state.error);
		ASSERT_OK(good_works(self));
		ASSERT_OK(start_over(&self->uq));
		ASSERT_OK(uq_run(&self->uq, desc_nop()));
	}
	/* Resumed as it was: it stops again. */
	self->uq.page->tail = self->uq.tail + UQ_ENTRIES + 1;
	uq_ring(&self->uq);
	ASSERT_EQ(-EIO, uq_wait(&self->uq, ~0ull));
	ASSERT_OK(uq_resume(&self->uq, self->uq.tail));
	EXPECT_EQ(-EIO, uq_wait(&self->uq, ~0ull));
}

struct scribbler {
	struct uq *uq;
	void *bytes;
	size_t count;
	bool stop;
	pthread_t thread;
};

static void *scribble(void *data)
{
	struct scribbler *scribbler = data;
	__u64 state = 7, *words = scribbler->bytes;

	while (!__atomic_load_n(&scribbler->stop, __ATOMIC_RELAXED)) {
		__u64 random = data_random(&state);

		((volatile __u64 *)words)[random % (scribbler->count / 8)] =
			random & 1 ? random : random >> 56;
		if (!(random & 0x70))
			uq_ring(scribbler->uq);
	}
	return NULL;
}

static int scribbler_start(struct scribbler *scribbler, struct uq *uq, void *bytes, size_t count)
{
	*scribbler = (struct scribbler){ .uq = uq, .bytes = bytes, .count = count };
	return pthread_create(&scribbler->thread, NULL, scribble, scribbler);
}

static void scribbler_end(struct scribbler *scribbler)
{
	__atomic_store_n(&scribbler->stop, true, __ATOMIC_RELAXED);
	pthread_join(scribbler->thread, NULL);
}

/* While a thread writes anything anywhere, the queue is resumed whenever it stops. */
static void scribble_for(struct __test_metadata *_metadata, FIXTURE_DATA(user_hostile) *self,
			 void *bytes, size_t count)
{
	struct scribbler scribbler;
	unsigned int i;

	ASSERT_OK(scribbler_start(&scribbler, &self->uq, bytes, count));
	for (i = 0; i < 40; i++) {
		struct drm_aci_query_queue state;

		uq_wait_until(&self->uq, ~0ull, now_ns() + 5 * MS, NULL);
		EXPECT_OK(uq_state(&self->uq, &state));
		if (state.state == ACI_QUEUE_STATE_ERROR)
			EXPECT_OK(uq_resume(&self->uq, state.completed + i % 2));
		EXPECT_OK(good_works(self));
	}
	scribbler_end(&scribbler);
}

TEST_F(user_hostile, user_page_overwritten)
{
	scribble_for(_metadata, self, (void *)self->uq.page, sizeof(*self->uq.page));
}

TEST_F(user_hostile, ring_overwritten)
{
	scribble_for(_metadata, self, self->uq.ring, UQ_ENTRIES * ACI_DESC_BYTES);
}

TEST_F(user_hostile, all_overwritten)
{
	scribble_for(_metadata, self, self->uq.map, self->uq.bytes);
}

/* What the card wrote into the user page is no truth for the kernel. */
TEST_F(user_hostile, forged_completion)
{
	__u64 completed = 77;

	uq_push(&self->uq, desc_wait(self->buf.va, 1, 0));
	self->uq.page->completed = 1000;
	self->uq.page->state = ACI_QUEUE_STATE_ERROR;
	EXPECT_EQ(-ETIME, uq_wait_until(&self->uq, 1, now_ns() + 20 * MS, &completed));
	EXPECT_EQ(0, completed);
	EXPECT_EQ(-EBUSY, uq_resume(&self->uq, 0));
	*(volatile __u64 *)self->buf.map = 1;
	EXPECT_OK(uq_wait(&self->uq, 1));
}

/* The pages belong to the queue: neither munmap() nor a closed handle takes them away. */
TEST_F(user_hostile, ring_unmapped_while_running)
{
	struct drm_aci_query_queue state;
	unsigned int i;

	for (i = 0; i < UQ_ENTRIES - 1; i++)
		uq_put(&self->uq, desc_fill(self->buf.va, KIB(64), i, 8));
	uq_put(&self->uq, desc_signal(self->buf.va, 0x99));
	uq_tell(&self->uq);
	ASSERT_OK(munmap(self->uq.map, self->uq.bytes));
	self->uq.map = NULL;
	ASSERT_OK(aci_bo_close(self->ctx.fd, self->uq.handle));
	/* Somebody else's pages, if the ring's were given away. */
	for (i = 0; i < 16; i++)
		ASSERT_OK(good_works(self));
	EXPECT_OK(uq_wait(&self->uq, UQ_ENTRIES));
	EXPECT_EQ(0x99, *(volatile __u64 *)self->buf.map);
	ASSERT_OK(uq_state(&self->uq, &state));
	EXPECT_EQ(0, state.error);
}

/* The ring as the target of its own descriptors, and the user page too. */
TEST_F(user_hostile, card_writes_ring_and_user_page)
{
	__u64 va = aci_ctx_take_va(&self->ctx, self->uq.bytes);

	ASSERT_OK(aci_bind(self->ctx.fd, self->ctx.vm, self->uq.handle, 0, va, self->uq.bytes, 0));
	uq_push(&self->uq, desc_fill(va, self->uq.bytes, 0xff, 1));
	uq_wait_until(&self->uq, ~0ull, now_ns() + 20 * MS, NULL);
	ASSERT_OK(good_works(self));
	ASSERT_OK(start_over(&self->uq));
	EXPECT_OK(uq_run(&self->uq, desc_nop()));
}

/* Two queues of one ring and one user page: a mess for whoever wants it. */
TEST_F(user_hostile, one_ring_for_two)
{
	struct drm_aci_queue_create create = {
		.vm_id = self->ctx.vm, .engine_class = ACI_ENGINE_CLASS_COPY,
		.priority = ACI_PRIORITY_NORMAL, .ring_entries = UQ_ENTRIES,
		.ring_handle = self->uq.handle, .user_page_handle = self->uq.handle,
		.user_page_offset = UQ_ENTRIES * ACI_DESC_BYTES,
	};
	struct uq twin = self->uq;
	unsigned int i;

	ASSERT_OK(uq_create(&twin, &create));
	for (i = 0; i < 50; i++) {
		uq_push(&self->uq, desc_fill(self->buf.va, 8, i, 8));
		/* The event index may be that of the other one. */
		uq_ring(&self->uq);
		uq_ring(&twin);
		EXPECT_OK(uq_wait(&self->uq, self->uq.tail));
	}
	ASSERT_OK(uq_destroy(&twin));
	ASSERT_OK(good_works(self));
	twin.map = NULL;
	uq_unmap(&twin);
}

/* Doorbells at any rate are looked at, and no more. */
TEST_F(user_hostile, doorbell_storm)
{
	unsigned int i;

	for (i = 0; i < 20000; i++) {
		*self->uq.doorbell = i;
		if (self->uq.kick && i % 100 == 0)
			*self->uq.kick = i;
		if (i % 2000 == 0)
			ASSERT_OK(good_works(self));
	}
	EXPECT_OK(uq_run(&self->uq, desc_nop()));
}

struct resumer {
	struct uq *uq;
	bool stop;
	pthread_t thread;
};

static void *resume_always(void *data)
{
	struct resumer *resumer = data;
	unsigned int i = 0;

	while (!__atomic_load_n(&resumer->stop, __ATOMIC_RELAXED))
		uq_resume(resumer->uq, i++ % 64);
	return NULL;
}

/* Created, stopped, resumed by two threads and destroyed, all at once. */
TEST_F(user_hostile, resumed_while_it_is_destroyed)
{
	struct resumer resumers[2];
	unsigned int round, i;
	struct uq uq;

	for (round = 0; round < 20; round++) {
		ASSERT_OK(uq_init(&uq, &self->ctx, ACI_ENGINE_CLASS_COPY, 0));
		for (i = 0; i < 2; i++) {
			resumers[i] = (struct resumer){ .uq = &uq };
			ASSERT_OK(pthread_create(&resumers[i].thread, NULL, resume_always,
						 &resumers[i]));
		}
		uq_push(&uq, desc_bad());
		uq_push(&uq, (struct aci_desc){ .opcode = 0xef });
		uq_wait_until(&uq, 2, now_ns() + 5 * MS, NULL);
		EXPECT_OK(uq_destroy(&uq));
		for (i = 0; i < 2; i++) {
			__atomic_store_n(&resumers[i].stop, true, __ATOMIC_RELAXED);
			ASSERT_OK(pthread_join(resumers[i].thread, NULL));
		}
		uq_unmap(&uq);
		ASSERT_OK(aci_bo_close(self->ctx.fd, uq.handle));
	}
	EXPECT_OK(good_works(self));
}

TEST_HARNESS_MAIN
