// SPDX-License-Identifier: GPL-2.0
/* User queues: what stops them, what says why, and how they go on. */
#include "aci_harness.h"
#include "aci_user.h"

#define LONG_MS		600000
#define MS		1000000ll

FIXTURE_UQ(user_stop)

TEST_F(user_stop, error_stops_it_and_says_why)
{
	struct drm_aci_query_queue state;
	struct uq_sleeper sleeper;
	__u64 completed;

	uq_push(&self->uq, desc_gate(&self->buf, 0, 1));
	ASSERT_OK(uq_sleeper_start(&sleeper, &self->uq, 3));
	uq_push(&self->uq, desc_bad());
	uq_push(&self->uq, desc_fill(self->buf.va + 8, 8, 1, 8));
	gate_open(&self->buf, 0, 1);
	EXPECT_EQ(-EIO, uq_sleeper_end(&sleeper));
	EXPECT_EQ(-EIO, uq_wait_until(&self->uq, 2, 0, &completed));
	EXPECT_EQ(1, completed);
	EXPECT_OK(uq_wait_until(&self->uq, 1, 0, NULL));
	ASSERT_OK(uq_state(&self->uq, &state));
	EXPECT_EQ(DRM_ACI_QUEUE_GUILTY, state.flags);
	EXPECT_EQ(ACI_QUEUE_STATE_ERROR, state.state);
	EXPECT_EQ(ACI_STATUS_DESC_OPCODE, state.error);
	EXPECT_EQ(1, state.error_index);
	EXPECT_EQ(1, state.error_count);
	EXPECT_EQ(1, state.completed);
	EXPECT_EQ(ACI_QUEUE_STATE_ERROR, self->uq.page->state);
	EXPECT_EQ(ACI_STATUS_DESC_OPCODE, self->uq.page->error);
	EXPECT_EQ(0, ((volatile __u64 *)self->buf.map)[1]);
}

TEST_F(user_stop, resume_tries_again_or_skips)
{
	struct drm_aci_query_queue state;

	uq_push(&self->uq, desc_bad());
	ASSERT_EQ(-EIO, uq_wait(&self->uq, 1));
	/* The same once more. */
	ASSERT_OK(uq_resume(&self->uq, 0));
	EXPECT_EQ(-EIO, uq_wait(&self->uq, 1));
	/* Mended. */
	self->uq.ring[0] = desc_fill(self->buf.va, 8, 5, 8);
	ASSERT_OK(uq_resume(&self->uq, 0));
	EXPECT_OK(uq_wait(&self->uq, 1));
	EXPECT_EQ(5, *(volatile __u64 *)self->buf.map);
	/* Skipped. */
	uq_push(&self->uq, desc_bad());
	uq_push(&self->uq, desc_fill(self->buf.va, 8, 6, 8));
	ASSERT_EQ(-EIO, uq_wait(&self->uq, 3));
	ASSERT_OK(uq_resume(&self->uq, 2));
	EXPECT_OK(uq_wait(&self->uq, 3));
	EXPECT_EQ(6, *(volatile __u64 *)self->buf.map);
	ASSERT_OK(uq_state(&self->uq, &state));
	EXPECT_EQ(ACI_QUEUE_STATE_RUNNING, state.state);
	EXPECT_EQ(3, state.error_count);
	EXPECT_EQ(3, state.completed);
}

TEST_F(user_stop, watchdog_stops_a_hang)
{
	struct drm_aci_query_queue state;

	ASSERT_OK(card_ctl("hang next", NULL, 0));
	EXPECT_EQ(-EIO, uq_run(&self->uq, desc_nop()));
	ASSERT_OK(uq_state(&self->uq, &state));
	EXPECT_EQ(ACI_STATUS_WATCHDOG, state.error);
	EXPECT_EQ(DRM_ACI_QUEUE_GUILTY, state.flags);
	ASSERT_OK(uq_resume(&self->uq, 0));
	EXPECT_OK(uq_wait(&self->uq, 1));
}

/* A blocked WAIT uses no engine time. */
TEST_F(user_stop, watchdog_lets_waits_alone)
{
	uq_push(&self->uq, desc_gate(&self->buf, 0, 1));
	EXPECT_EQ(-ETIME, uq_wait_until(&self->uq, 1, now_ns() + 4 * UQ_TIMEOUT_MS * MS, NULL));
	gate_open(&self->buf, 0, 1);
	EXPECT_OK(uq_wait(&self->uq, 1));
}

TEST_F(user_stop, destroyed_while_it_hangs)
{
	struct uq hung;

	ASSERT_OK(uq_init(&hung, &self->ctx, ACI_ENGINE_CLASS_COPY, LONG_MS));
	ASSERT_OK(card_ctl("hang next", NULL, 0));
	uq_push(&hung, desc_nop());
	while (!card_engine_busy("copy"))
		;
	EXPECT_OK(uq_destroy(&hung));
	EXPECT_OK(uq_run(&self->uq, desc_nop()));
	uq_unmap(&hung);
}

TEST_F(user_stop, resume_refusals)
{
	struct drm_aci_queue_resume resume = { .queue_id = self->uq.id, .flags = 1 };

	EXPECT_EQ(-EBUSY, uq_resume(&self->uq, 0));
	ASSERT_OK(uq_run(&self->uq, desc_nop()));
	uq_push(&self->uq, desc_bad());
	ASSERT_EQ(-EIO, uq_wait(&self->uq, 2));
	EXPECT_EQ(-EINVAL, aci_ioctl(self->ctx.fd, DRM_IOCTL_ACI_QUEUE_RESUME, &resume));
	EXPECT_EQ(-EINVAL, uq_resume(&self->uq, 0));
	EXPECT_EQ(-EINVAL, uq_resume(&self->uq, 1 + UQ_ENTRIES + 1));
	EXPECT_EQ(-EINVAL, uq_resume(&self->uq, ~0ull));
	EXPECT_OK(uq_resume(&self->uq, 2));
	EXPECT_EQ(-EBUSY, uq_resume(&self->uq, 2));
	EXPECT_OK(uq_run(&self->uq, desc_nop()));
}

TEST_HARNESS_MAIN
