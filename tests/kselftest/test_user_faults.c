// SPDX-License-Identifier: GPL-2.0
/*
 * User queues and faults of the card: a reset stops them until their owner resumes
 * them; a card that is wedged or gone ends them; their pages never raise SIGBUS.
 */
#include <pthread.h>
#include <unistd.h>

#include "aci_harness.h"
#include "aci_user.h"

#define MS		1000000ll
#define DRIVER		"/sys/bus/pci/drivers/aci"
#define WEDGED_MESSAGES	\
	"^aci [0-9a-f:.]+: .*(card reset: no heartbeat|card reset failed .*|wedged: .*)$"

FIXTURE(user_faults) {
	struct aci_card where;
	struct aci_ctx ctx;
	struct aci_buf buf;
	struct uq uq;
};

FIXTURE_SETUP(user_faults)
{
	ASSERT_OK(aci_card_find(0, &self->where));
	ASSERT_OK(uctx_init(&self->ctx, 0));
	ASSERT_OK(aci_buf_init(&self->ctx, &self->buf, KIB(64), DRM_ACI_PLACEMENT_HOST, 0));
	ASSERT_OK(uq_init(&self->uq, &self->ctx, ACI_ENGINE_CLASS_COPY, 0));
}

FIXTURE_TEARDOWN(user_faults)
{
	card_ctl("heartbeat start", NULL, 0);
	uq_unmap(&self->uq);
	aci_ctx_fini(&self->ctx);
	if (file_write(DRIVER "/bind", self->where.pci))
		TH_LOG("still bound");
}

struct sleeper {
	struct uq *uq;
	__u64 count;
	int err;
	pthread_t thread;
};

static void *sleep_on_queue(void *data)
{
	struct sleeper *sleeper = data;

	sleeper->err = uq_wait_until(sleeper->uq, sleeper->count, INT64_MAX, NULL);
	return NULL;
}

static int sleeper_start(struct sleeper *sleeper, struct uq *uq, __u64 count)
{
	sleeper->uq = uq;
	sleeper->count = count;
	return pthread_create(&sleeper->thread, NULL, sleep_on_queue, sleeper);
}

static int sleeper_end(struct sleeper *sleeper)
{
	pthread_join(sleeper->thread, NULL);
	return sleeper->err;
}

/* Nothing was half done: the owner goes on where it was, descriptors put meanwhile included. */
TEST_F(user_faults, idle_queue_is_resumed)
{
	struct drm_aci_query_queue state;

	ASSERT_OK(uq_run(&self->uq, desc_fill(self->buf.va, 8, 1, 8)));
	ASSERT_OK(card_reset(&self->where, "user_faults.idle"));
	ASSERT_OK(uq_state(&self->uq, &state));
	EXPECT_EQ(ACI_STATUS_CARD_RESET, state.error);
	EXPECT_EQ(ACI_QUEUE_STATE_ERROR, state.state);
	EXPECT_EQ(0, state.flags);
	EXPECT_EQ(0, state.error_count);
	EXPECT_EQ(1, state.completed);
	/* It does nothing by itself. */
	EXPECT_EQ(-EIO, uq_run(&self->uq, desc_fill(self->buf.va, 8, 2, 8)));
	EXPECT_EQ(1, *(volatile __u64 *)self->buf.map);
	EXPECT_EQ(-EINVAL, uq_resume(&self->uq, 0));
	ASSERT_OK(uq_resume(&self->uq, 1));
	EXPECT_OK(uq_wait(&self->uq, 2));
	EXPECT_EQ(2, *(volatile __u64 *)self->buf.map);
	/* And wakes by its doorbell as before. */
	usleep(100000);
	EXPECT_OK(uq_run(&self->uq, desc_fill(self->buf.va, 8, 3, 8)));
	EXPECT_EQ(3, self->uq.page->completed);
	ASSERT_OK(uq_state(&self->uq, &state));
	EXPECT_EQ(ACI_QUEUE_STATE_RUNNING, state.state);
	EXPECT_EQ(24, state.bytes);
}

/* In a full ring and far from index 0: nothing runs twice. */
TEST_F(user_faults, nothing_runs_twice)
{
	unsigned int i;

	for (i = 0; i < UQ_ENTRIES + 10; i++)
		ASSERT_OK(uq_run(&self->uq, desc_fill(self->buf.va + (i % 8) * 8, 8, i, 8)));
	memset(self->buf.map, 0, KIB(4));
	ASSERT_OK(card_reset(&self->where, "user_faults.twice"));
	uq_push(&self->uq, desc_fill(self->buf.va + 64, 8, 0x55, 8));
	ASSERT_OK(uq_resume(&self->uq, UQ_ENTRIES + 10));
	EXPECT_OK(uq_wait(&self->uq, UQ_ENTRIES + 11));
	EXPECT_TRUE(data_is(self->buf.map, 64, 0));
	EXPECT_EQ(0x55, ((volatile __u64 *)self->buf.map)[8]);
}

/* Who waits is told, and what was half done is the owner's to judge. */
TEST_F(user_faults, busy_queue_is_stopped)
{
	struct drm_aci_query_queue state;
	struct sleeper sleeper;

	ASSERT_OK(uq_run(&self->uq, desc_nop()));
	uq_push(&self->uq, desc_wait(self->buf.va, 1, 0));
	uq_push(&self->uq, desc_fill(self->buf.va + 8, 8, 7, 8));
	ASSERT_OK(sleeper_start(&sleeper, &self->uq, 3));
	ASSERT_EQ(-ETIME, uq_wait_until(&self->uq, 2, now_ns() + 50 * MS, NULL));
	ASSERT_OK(card_reset(&self->where, "user_faults.busy"));
	EXPECT_EQ(-EIO, sleeper_end(&sleeper));
	ASSERT_OK(uq_state(&self->uq, &state));
	EXPECT_EQ(ACI_STATUS_CARD_RESET, state.error);
	EXPECT_EQ(0, state.flags & DRM_ACI_QUEUE_GUILTY);
	EXPECT_EQ(1, state.completed);
	*(volatile __u64 *)self->buf.map = 1;
	ASSERT_OK(uq_resume(&self->uq, 1));
	EXPECT_OK(uq_wait(&self->uq, 3));
	EXPECT_EQ(7, ((volatile __u64 *)self->buf.map)[1]);
}

/* A stopped queue stays stopped for the reason that it had; others end as always. */
TEST_F(user_faults, reset_of_a_stopped_queue)
{
	struct drm_aci_query_queue state;
	struct uq other;

	ASSERT_OK(uq_init(&other, &self->ctx, ACI_ENGINE_CLASS_COPY, 0));
	uq_push(&self->uq, desc_bad());
	ASSERT_EQ(-EIO, uq_wait(&self->uq, 1));
	ASSERT_OK(card_reset(&self->where, "user_faults.stopped"));
	ASSERT_OK(uq_state(&self->uq, &state));
	EXPECT_EQ(ACI_STATUS_DESC_OPCODE, state.error);
	EXPECT_EQ(ACI_QUEUE_STATE_ERROR, state.state);
	ASSERT_OK(uq_resume(&self->uq, 1));
	EXPECT_OK(uq_run(&self->uq, desc_nop()));
	/* The card does not know the other one any more. */
	EXPECT_OK(uq_destroy(&other));
	uq_unmap(&other);
	ASSERT_OK(uq_init(&other, &self->ctx, ACI_ENGINE_CLASS_COPY, 0));
	EXPECT_OK(uq_run(&other, desc_nop()));
	uq_unmap(&other);
}

static struct aci_desc desc_blocked(const struct aci_buf *buf)
{
	return desc_wait(buf->va, 1, 0);
}

TEST_F(user_faults, wedged_card_ends_waits)
{
	struct sleeper sleeper;

	uq_push(&self->uq, desc_blocked(&self->buf));
	ASSERT_OK(sleeper_start(&sleeper, &self->uq, 1));
	expect_begin("user_faults.wedged", 3, WEDGED_MESSAGES);
	ASSERT_OK(card_ctl("heartbeat stop", NULL, 0));
	EXPECT_TRUE(card_reaches_state(&self->where, "wedged"));
	expect_end("user_faults.wedged");
	ASSERT_OK(card_ctl("heartbeat start", NULL, 0));
	EXPECT_EQ(-ENODEV, sleeper_end(&sleeper));
	EXPECT_EQ(-ENODEV, uq_wait(&self->uq, 1));
	EXPECT_EQ(-ENODEV, uq_resume(&self->uq, 0));
	*self->uq.doorbell = 0x1717;
	EXPECT_EQ(0x1717, *self->uq.doorbell);
	EXPECT_OK(file_write(DRIVER "/unbind", self->where.pci));
	*self->uq.doorbell = 0x1718;
	EXPECT_EQ(0x1718, *self->uq.doorbell);
}

TEST_F(user_faults, unbound_at_work)
{
	struct sleeper sleeper;
	volatile __u32 *page;

	uq_push(&self->uq, desc_blocked(&self->buf));
	ASSERT_OK(sleeper_start(&sleeper, &self->uq, 1));
	ASSERT_EQ(-ETIME, uq_wait_until(&self->uq, 1, now_ns() + 50 * MS, NULL));
	ASSERT_OK(file_write(DRIVER "/unbind", self->where.pci));
	EXPECT_EQ(-ENODEV, sleeper_end(&sleeper));
	EXPECT_EQ(-ENODEV, uq_wait(&self->uq, 1));
	*self->uq.doorbell = 0x2727;
	EXPECT_EQ(0x2727, *self->uq.doorbell);
	if (self->uq.kick)
		*self->uq.kick = 0x2828;
	EXPECT_EQ(-ENODEV, uq_map_page(self->ctx.fd, self->uq.doorbell_offset, &page));
	memset(self->uq.map, 0xff, self->uq.bytes);
	memset(self->buf.map, 0xff, KIB(64));
}

TEST_HARNESS_MAIN
