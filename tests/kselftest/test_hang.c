// SPDX-License-Identifier: GPL-2.0
/*
 * A job that hangs (the virtual card's "hang next") costs its own queue a job,
 * and nobody else anything. Nor is it a matter for the kernel's log: any user
 * can do it at any rate.
 */
#include <signal.h>

#include "aci_harness.h"

#define TIMEOUT_MS	300
#define LONG_MS		600000

FIXTURE(hang) {
	struct aci_ctx ctx;
	struct aci_buf buf;
	__u32 queue2;
};

FIXTURE_SETUP(hang)
{
	ASSERT_OK(aci_ctx_init(&self->ctx, 0, ACI_ENGINE_CLASS_COPY, TIMEOUT_MS));
	ASSERT_OK(aci_buf_init(&self->ctx, &self->buf, KIB(64), DRM_ACI_PLACEMENT_HOST, 0));
	ASSERT_OK(aci_queue_create(self->ctx.fd, self->ctx.vm, ACI_ENGINE_CLASS_COPY, 64, 0,
				   &self->queue2));
}

FIXTURE_TEARDOWN(hang)
{
	aci_ctx_fini(&self->ctx);
}

/* Submit a job that hangs; returns when it is on the ring. */
static int submit_hung(struct aci_ctx *ctx, __u32 *out)
{
	struct aci_desc nop = desc_nop();
	int err = card_ctl("hang next", NULL, 0);

	return err ? err : aci_submit_out(ctx->fd, ctx->queue, &nop, 1, out);
}

/* The card has taken the hung job: only then others may come. */
static int wait_started(void)
{
	__u64 end = now_ns() + aci_wait_ns();

	while (!card_engine_busy("copy"))
		if (now_ns() > end)
			return -ETIME;
	return 0;
}

TEST_F(hang, job_times_out_and_says_why)
{
	struct drm_aci_query_queue state;
	__u32 out;

	ASSERT_OK(submit_hung(&self->ctx, &out));
	EXPECT_EQ(-ETIMEDOUT, aci_sync_result(self->ctx.fd, out, 0));
	ASSERT_OK(aci_query(self->ctx.fd, DRM_ACI_QUERY_QUEUE, self->ctx.queue, &state,
			    sizeof(state)));
	EXPECT_TRUE(state.flags & DRM_ACI_QUEUE_GUILTY);
	EXPECT_FALSE(state.flags & DRM_ACI_QUEUE_BANNED);
	EXPECT_EQ(1, state.error_count);
	EXPECT_NE(0, state.error);
	EXPECT_EQ(0, state.error_index);
	EXPECT_EQ(0, state.jobs_completed);
}

/* A job that is busy, makes progress and gives way, but for longer than it may. */
TEST_F(hang, busy_job_times_out)
{
	struct aci_desc descs[ACI_CTX_RING_ENTRIES];
	struct drm_aci_query_queue state;
	struct aci_buf card;
	unsigned int i;
	__u32 queue;

	ASSERT_OK(aci_buf_init(&self->ctx, &card, MIB(64), DRM_ACI_PLACEMENT_CARD, 0));
	ASSERT_OK(aci_queue_create(self->ctx.fd, self->ctx.vm, ACI_ENGINE_CLASS_COPY, 64, 1,
				   &queue));
	for (i = 0; i < ARRAY_SIZE(descs); i++)
		descs[i] = desc_fill(card.va, MIB(64), i, 1);
	EXPECT_EQ(-ETIMEDOUT, aci_run(self->ctx.fd, queue, descs, ARRAY_SIZE(descs)));
	ASSERT_OK(aci_query(self->ctx.fd, DRM_ACI_QUERY_QUEUE, queue, &state, sizeof(state)));
	EXPECT_EQ(DRM_ACI_QUEUE_GUILTY, state.flags);
	EXPECT_EQ(ACI_STATUS_WATCHDOG, state.error);
	EXPECT_GT(ARRAY_SIZE(descs), state.error_index);
	descs[0] = desc_nop();
	EXPECT_OK(aci_run(self->ctx.fd, queue, descs, 1));
}

TEST_F(hang, queue_is_usable_afterwards)
{
	struct drm_aci_query_queue state;
	__u32 out;

	ASSERT_OK(submit_hung(&self->ctx, &out));
	ASSERT_EQ(-ETIMEDOUT, aci_sync_result(self->ctx.fd, out, 0));
	ASSERT_OK(aci_run_one(&self->ctx, desc_fill(self->buf.va, KIB(64), 0x31, 1)));
	EXPECT_TRUE(data_is(self->buf.map, KIB(64), 0x31));
	ASSERT_OK(aci_query(self->ctx.fd, DRM_ACI_QUERY_QUEUE, self->ctx.queue, &state,
			    sizeof(state)));
	EXPECT_EQ(ACI_QUEUE_STATE_RUNNING, state.state);
	EXPECT_EQ(1, state.jobs_completed);
}

/* Jobs that were behind the hung one on the ring never started: they run. */
TEST_F(hang, jobs_behind_it_run)
{
	__u32 out, behind[8];
	struct aci_desc desc;
	unsigned int i;

	ASSERT_OK(submit_hung(&self->ctx, &out));
	for (i = 0; i < 8; i++) {
		desc = desc_fill(self->buf.va + i * 8, 8, i + 1, 8);
		ASSERT_OK(aci_submit_out(self->ctx.fd, self->ctx.queue, &desc, 1, &behind[i]));
	}
	EXPECT_EQ(-ETIMEDOUT, aci_sync_result(self->ctx.fd, out, 0));
	for (i = 0; i < 8; i++) {
		EXPECT_OK(aci_sync_result(self->ctx.fd, behind[i], 0));
		EXPECT_EQ(i + 1, ((__u64 *)self->buf.map)[i]);
	}
}

/* A job that hangs right behind one that did has the whole limit for itself. */
TEST_F(hang, next_job_has_its_own_limit)
{
	const __u32 limit_ms = 1500;
	struct aci_desc desc = desc_nop();
	__u32 first, second, queue;
	__u64 start;

	ASSERT_OK(aci_queue_create(self->ctx.fd, self->ctx.vm, ACI_ENGINE_CLASS_COPY, 64, limit_ms,
				   &queue));
	ASSERT_OK(card_ctl("hang next", NULL, 0));
	ASSERT_OK(aci_submit_out(self->ctx.fd, queue, &desc, 1, &first));
	ASSERT_OK(wait_started());
	ASSERT_OK(card_ctl("hang next", NULL, 0));
	ASSERT_OK(aci_submit_out(self->ctx.fd, queue, &desc, 1, &second));
	EXPECT_EQ(-ETIMEDOUT, aci_sync_result(self->ctx.fd, first, 0));
	start = now_ns();
	EXPECT_EQ(-ETIMEDOUT, aci_sync_result(self->ctx.fd, second, 0));
	/* The card and this process do not see the first one end at the same time. */
	EXPECT_LT(limit_ms / 2 * 1000000ull, now_ns() - start);
}

/* A queue of another engine class never meets the hung job, which stays until it is ended. */
TEST_F(hang, other_class_goes_on_meanwhile)
{
	struct drm_aci_query_queue state;
	struct drm_aci_query_device device;
	struct aci_desc desc;
	__u32 compute, out;
	__u64 i;

	ASSERT_OK(aci_query(self->ctx.fd, DRM_ACI_QUERY_DEVICE, 0, &device, sizeof(device)));
	if (device.engine_classes <= ACI_ENGINE_CLASS_COMPUTE)
		SKIP(return, "card without compute engines");
	ASSERT_OK(aci_queue_create(self->ctx.fd, self->ctx.vm, ACI_ENGINE_CLASS_COMPUTE, 64, 0,
				   &compute));
	/* The limit is ten minutes: the job is there as long as the test wants. */
	ASSERT_OK(aci_queue_destroy(self->ctx.fd, self->ctx.queue));
	ASSERT_OK(aci_queue_create(self->ctx.fd, self->ctx.vm, ACI_ENGINE_CLASS_COPY, 64, LONG_MS,
				   &self->ctx.queue));
	ASSERT_OK(submit_hung(&self->ctx, &out));
	ASSERT_OK(wait_started());
	for (i = 1; i <= 100; i++) {
		desc = desc_fill(self->buf.va, KIB(64), i, 8);
		ASSERT_OK(aci_run(self->ctx.fd, compute, &desc, 1));
		ASSERT_EQ(i, ((volatile __u64 *)self->buf.map)[KIB(64) / 8 - 1]);
	}
	EXPECT_EQ(-ETIME, aci_sync_wait(self->ctx.fd, out, 0, 0));
	ASSERT_OK(aci_query(self->ctx.fd, DRM_ACI_QUERY_QUEUE, compute, &state, sizeof(state)));
	EXPECT_EQ(0, state.flags);
	EXPECT_EQ(100, state.jobs_completed);
	/* Destroying the queue ends the job, long before its limit. */
	ASSERT_OK(aci_queue_destroy(self->ctx.fd, self->ctx.queue));
	EXPECT_EQ(-ECANCELED, aci_sync_result(self->ctx.fd, out, 0));
}

/* On the same engine the card itself ends the hung job, because it does not give way. */
TEST_F(hang, other_queue_gets_the_engine)
{
	struct drm_aci_query_queue state;
	struct aci_desc desc;
	__u32 out;
	__u64 i;

	ASSERT_OK(aci_queue_destroy(self->ctx.fd, self->ctx.queue));
	ASSERT_OK(aci_queue_create(self->ctx.fd, self->ctx.vm, ACI_ENGINE_CLASS_COPY, 64, LONG_MS,
				   &self->ctx.queue));
	ASSERT_OK(submit_hung(&self->ctx, &out));
	ASSERT_OK(wait_started());
	for (i = 1; i <= 100; i++) {
		desc = desc_fill(self->buf.va, KIB(64), i, 8);
		ASSERT_OK(aci_run(self->ctx.fd, self->queue2, &desc, 1));
		ASSERT_EQ(i, ((volatile __u64 *)self->buf.map)[KIB(64) / 8 - 1]);
	}
	EXPECT_EQ(-ETIMEDOUT, aci_sync_result(self->ctx.fd, out, 0));
	ASSERT_OK(aci_query(self->ctx.fd, DRM_ACI_QUERY_QUEUE, self->ctx.queue, &state,
			    sizeof(state)));
	EXPECT_TRUE(state.flags & DRM_ACI_QUEUE_GUILTY);
	EXPECT_EQ(ACI_STATUS_PREEMPT_TIMEOUT, state.error);
	ASSERT_OK(aci_query(self->ctx.fd, DRM_ACI_QUERY_QUEUE, self->queue2, &state,
			    sizeof(state)));
	EXPECT_EQ(0, state.flags);
	EXPECT_EQ(100, state.jobs_completed);
}

static int other_process(int ready, int go)
{
	struct aci_ctx ctx;
	struct aci_buf buf;
	__u64 i;
	char c = 'r';

	if (aci_ctx_init(&ctx, 0, ACI_ENGINE_CLASS_COPY, 0) ||
	    aci_buf_init(&ctx, &buf, KIB(64), DRM_ACI_PLACEMENT_CARD, DRM_ACI_BO_CPU_ACCESS))
		return 1;
	if (write(ready, &c, 1) != 1 || read(go, &c, 1) != 1)
		return 2;
	for (i = 1; i <= 100; i++) {
		if (aci_run_one(&ctx, desc_fill(buf.va, KIB(64), i, 8)))
			return 3;
		if (((volatile __u64 *)buf.map)[77] != i)
			return 4;
	}
	return 0;
}

TEST_F(hang, other_process_goes_on_through_the_timeout)
{
	int ready[2], go[2], status;
	__u32 out;
	pid_t child;
	char c = 'g';

	ASSERT_OK(pipe(ready));
	ASSERT_OK(pipe(go));
	child = fork();
	ASSERT_LE(0, child);
	if (!child) {
		aci_ctx_fini(&self->ctx);
		_exit(other_process(ready[1], go[0]));
	}
	ASSERT_EQ(1, read(ready[0], &c, 1));
	ASSERT_OK(submit_hung(&self->ctx, &out));
	ASSERT_OK(wait_started());
	ASSERT_EQ(1, write(go[1], &c, 1));
	EXPECT_EQ(-ETIMEDOUT, aci_sync_result(self->ctx.fd, out, 0));
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_EQ(0, status);
}

/* Memory that a hung job may reach can be unmapped at once; its owner does not wait for it. */
TEST_F(hang, unmap_during_a_hang)
{
	struct aci_desc desc = desc_fill(self->buf.va, KIB(64), 0x41, 1);
	__u32 out;

	ASSERT_OK(card_ctl("hang next", NULL, 0));
	ASSERT_OK(aci_submit_out(self->ctx.fd, self->ctx.queue, &desc, 1, &out));
	ASSERT_OK(aci_unbind(self->ctx.fd, self->ctx.vm, self->buf.va, KIB(64)));
	memset(self->buf.map, 0x42, KIB(64));
	EXPECT_GT(0, aci_sync_result(self->ctx.fd, out, 0));
	EXPECT_TRUE(data_is(self->buf.map, KIB(64), 0x42));
}

TEST_F(hang, repeated_hangs_ban_the_queue)
{
	struct drm_aci_query_queue state;
	struct aci_desc nop = desc_nop();
	unsigned int hangs;
	__u32 out;
	int err = 0;

	/* How many it takes is the driver's choice. */
	for (hangs = 0; hangs < 32; hangs++) {
		err = submit_hung(&self->ctx, &out);
		if (!err)
			err = aci_sync_result(self->ctx.fd, out, 0);
		if (err != -ETIMEDOUT)
			break;
		aci_sync_free(self->ctx.fd, out);
		ASSERT_OK(aci_query(self->ctx.fd, DRM_ACI_QUERY_QUEUE, self->ctx.queue, &state,
				    sizeof(state)));
		if (state.flags & DRM_ACI_QUEUE_BANNED)
			break;
	}
	EXPECT_LT(0, hangs);
	ASSERT_TRUE(state.flags & DRM_ACI_QUEUE_BANNED);
	EXPECT_EQ(-ECANCELED, aci_submit(self->ctx.fd, self->ctx.queue, &nop, 1, NULL, 0));
	EXPECT_OK(aci_run(self->ctx.fd, self->queue2, &nop, 1));
}

/* A process that dies with a hung job: its memory comes back, and nobody waits. */
TEST_F(hang, killed_with_a_hung_job)
{
	struct drm_aci_query_device before, after;
	int ready[2], status;
	pid_t child;
	char c;

	ASSERT_OK(aci_query(self->ctx.fd, DRM_ACI_QUERY_DEVICE, 0, &before, sizeof(before)));
	ASSERT_OK(pipe(ready));
	child = fork();
	ASSERT_LE(0, child);
	if (!child) {
		struct aci_ctx ctx;
		struct aci_buf card;
		__u32 out;

		aci_ctx_fini(&self->ctx);
		if (aci_ctx_init(&ctx, 0, ACI_ENGINE_CLASS_COPY, LONG_MS) ||
		    aci_buf_init(&ctx, &card, MIB(8), DRM_ACI_PLACEMENT_CARD, 0) ||
		    submit_hung(&ctx, &out) || wait_started())
			_exit(1);
		if (write(ready[1], "r", 1) != 1)
			_exit(2);
		pause();
		_exit(3);
	}
	close(ready[1]);
	ASSERT_EQ(1, read(ready[0], &c, 1));
	ASSERT_OK(kill(child, SIGKILL));
	ASSERT_EQ(child, waitpid(child, &status, 0));
	ASSERT_TRUE(WIFSIGNALED(status));
	ASSERT_OK(aci_await_card_memory(self->ctx.fd, before.card_memory_free_bytes, &after));
	EXPECT_EQ(before.card_memory_free_bytes, after.card_memory_free_bytes);
	EXPECT_OK(aci_run_one(&self->ctx, desc_nop()));
}

TEST_HARNESS_MAIN
