// SPDX-License-Identifier: GPL-2.0
/* SUBMIT: arrays of jobs, a full ring, order; every refusal, and that it leaves no trace. */
#include "aci_harness.h"

#include <signal.h>
#include <sys/time.h>

/* Size of struct drm_aci_job in the first version. */
#define JOB_FIRST_BYTES	offsetof(struct drm_aci_job, signal)

FIXTURE_CTX(submit, ACI_ENGINE_CLASS_COPY)

static int submit_jobs(struct aci_ctx *ctx, struct drm_aci_job *jobs, __u32 count,
		       __u32 *accepted)
{
	struct drm_aci_submit submit = {
		.queue_id = ctx->queue, .accepted = 0xdead,
		.jobs = { .stride = sizeof(*jobs), .count = count, .ptr = USER_PTR(jobs) },
	};
	int err = aci_ioctl(ctx->fd, DRM_IOCTL_ACI_SUBMIT, &submit);

	*accepted = submit.accepted;
	return err;
}

TEST_F(submit, one_descriptor)
{
	EXPECT_OK(aci_run_one(&self->ctx, desc_nop()));
}

TEST_F(submit, whole_ring)
{
	struct aci_desc descs[ACI_CTX_RING_ENTRIES];
	struct aci_buf buf;
	unsigned int i;

	ASSERT_OK(aci_buf_init(&self->ctx, &buf, KIB(4), DRM_ACI_PLACEMENT_HOST, 0));
	for (i = 0; i < ARRAY_SIZE(descs); i++)
		descs[i] = desc_fill(buf.va + i * 8, 8, i + 1, 8);
	ASSERT_OK(aci_run(self->ctx.fd, self->ctx.queue, descs, ARRAY_SIZE(descs)));
	for (i = 0; i < ARRAY_SIZE(descs); i++)
		EXPECT_EQ(i + 1, ((__u64 *)buf.map)[i]);
	/* And again, from another position. */
	ASSERT_OK(aci_run_one(&self->ctx, desc_nop()));
	memset(buf.map, 0, KIB(4));
	ASSERT_OK(aci_run(self->ctx.fd, self->ctx.queue, descs, ARRAY_SIZE(descs)));
	for (i = 0; i < ARRAY_SIZE(descs); i++)
		EXPECT_EQ(i + 1, ((__u64 *)buf.map)[i]);
}

TEST_F(submit, descriptors_run_in_order)
{
	struct aci_desc descs[33];
	struct aci_buf buf;
	unsigned int i;

	/* A chain of copies: each needs the one before. */
	ASSERT_OK(aci_buf_init(&self->ctx, &buf, KIB(64) * 33, DRM_ACI_PLACEMENT_HOST, 0));
	data_fill(buf.map, KIB(64), 5);
	for (i = 0; i < 32; i++)
		descs[i] = desc_copy(buf.va + KIB(64) * i, buf.va + KIB(64) * (i + 1), KIB(64));
	ASSERT_OK(aci_run(self->ctx.fd, self->ctx.queue, descs, 32));
	EXPECT_EQ(-1, data_check((char *)buf.map + KIB(64) * 32, KIB(64), 5));
}

TEST_F(submit, jobs_of_one_queue_run_in_order)
{
	struct aci_buf buf;
	unsigned int i;
	__u32 out = 0;

	ASSERT_OK(aci_buf_init(&self->ctx, &buf, KIB(64) * 33, DRM_ACI_PLACEMENT_HOST, 0));
	data_fill(buf.map, KIB(64), 6);
	for (i = 0; i < 32; i++) {
		struct aci_desc desc = desc_copy(buf.va + KIB(64) * i,
						 buf.va + KIB(64) * (i + 1), KIB(64));

		ASSERT_OK(aci_submit_out(self->ctx.fd, self->ctx.queue, &desc, 1, &out));
	}
	ASSERT_OK(aci_sync_result(self->ctx.fd, out, 0));
	EXPECT_EQ(-1, data_check((char *)buf.map + KIB(64) * 32, KIB(64), 6));
}

TEST_F(submit, array_of_jobs_with_a_fence_each)
{
	struct drm_aci_job jobs[16];
	struct drm_aci_sync outs[16];
	struct aci_desc descs[16];
	struct aci_buf buf;
	__u32 accepted, i;

	ASSERT_OK(aci_buf_init(&self->ctx, &buf, KIB(4), DRM_ACI_PLACEMENT_HOST, 0));
	for (i = 0; i < 16; i++) {
		outs[i] = (struct drm_aci_sync){ .flags = DRM_ACI_SYNC_SIGNAL };
		ASSERT_OK(aci_sync_new(self->ctx.fd, &outs[i].handle));
		descs[i] = desc_fill(buf.va + i * 8, 8, i + 100, 8);
		jobs[i] = (struct drm_aci_job){
			.desc_count = 1, .descs = USER_PTR(&descs[i]),
			.syncs = { sizeof(outs[i]), 1, USER_PTR(&outs[i]) },
		};
	}
	ASSERT_OK(submit_jobs(&self->ctx, jobs, 16, &accepted));
	EXPECT_EQ(16, accepted);
	for (i = 0; i < 16; i++) {
		ASSERT_OK(aci_sync_result(self->ctx.fd, outs[i].handle, 0));
		EXPECT_EQ(i + 100, ((__u64 *)buf.map)[i]);
	}
}

TEST_F(submit, failure_in_the_middle_of_an_array)
{
	struct drm_aci_sync outs[3];
	struct drm_aci_job jobs[3];
	struct aci_desc descs[3];
	struct aci_buf buf;
	__u32 accepted, i;

	ASSERT_OK(aci_buf_init(&self->ctx, &buf, KIB(4), DRM_ACI_PLACEMENT_HOST, 0));
	for (i = 0; i < 3; i++) {
		outs[i] = (struct drm_aci_sync){ .flags = DRM_ACI_SYNC_SIGNAL };
		ASSERT_OK(aci_sync_new(self->ctx.fd, &outs[i].handle));
		descs[i] = desc_fill(buf.va + i * 8, 8, i + 1, 8);
		jobs[i] = (struct drm_aci_job){
			.desc_count = 1, .descs = USER_PTR(&descs[i]),
			.syncs = { sizeof(outs[i]), 1, USER_PTR(&outs[i]) },
		};
	}
	jobs[1].descs = 8;
	EXPECT_EQ(-EFAULT, submit_jobs(&self->ctx, jobs, 3, &accepted));
	EXPECT_EQ(1, accepted);
	EXPECT_OK(aci_sync_result(self->ctx.fd, outs[0].handle, 0));
	EXPECT_EQ(1, ((__u64 *)buf.map)[0]);
	/* The refused jobs have no fence: not even one to wait for. */
	EXPECT_EQ(-ETIME, aci_sync_wait(self->ctx.fd, outs[1].handle, 0, 0));
	EXPECT_EQ(-EINVAL, aci_sync_export(self->ctx.fd, outs[1].handle));
	EXPECT_EQ(-EINVAL, aci_sync_export(self->ctx.fd, outs[2].handle));
	ASSERT_OK(aci_run_one(&self->ctx, desc_nop()));
	EXPECT_EQ(0, ((__u64 *)buf.map)[1]);
	EXPECT_EQ(0, ((__u64 *)buf.map)[2]);
}

TEST_F(submit, longer_strides_with_zero_tails)
{
	struct { struct drm_aci_sync sync; __u64 tail; } outs[1] = {
		{ { .flags = DRM_ACI_SYNC_SIGNAL } },
	};
	struct aci_desc desc = desc_nop();
	struct { struct drm_aci_job job; __u64 tail[2]; } jobs[2] = {
		{ { .desc_count = 1, .descs = USER_PTR(&desc) } },
		{ { .desc_count = 1, .descs = USER_PTR(&desc),
		    .syncs = { sizeof(outs[0]), 1, USER_PTR(outs) } } },
	};
	struct drm_aci_submit submit = {
		.queue_id = self->ctx.queue,
		.jobs = { sizeof(jobs[0]), 2, USER_PTR(jobs) },
	};

	ASSERT_OK(aci_sync_new(self->ctx.fd, &outs[0].sync.handle));
	ASSERT_OK(aci_ioctl(self->ctx.fd, DRM_IOCTL_ACI_SUBMIT, &submit));
	EXPECT_EQ(2, submit.accepted);
	EXPECT_OK(aci_sync_result(self->ctx.fd, outs[0].sync.handle, 0));
}

/* Submit without waiting until the kernel says EAGAIN; then one wait makes room. */
TEST_F(submit, full_queue_says_eagain)
{
	struct drm_aci_sync gate_sync = { 0 };
	struct aci_desc desc = desc_nop();
	struct aci_gate gate;
	int err = 0, count;

	ASSERT_OK(aci_gate_init(&gate));
	ASSERT_OK(aci_gate_syncobj(&gate, self->ctx.fd, &gate_sync.handle));
	for (count = 0; count < 100000 && !err; count++)
		err = aci_submit(self->ctx.fd, self->ctx.queue, &desc, 1, &gate_sync, 1);
	EXPECT_EQ(-EAGAIN, err);
	ASSERT_OK(aci_gate_open(&gate));
	/* The queue drains without help, so that a later submit succeeds. */
	do {
		err = aci_run(self->ctx.fd, self->ctx.queue, &desc, 1);
	} while (err == -EAGAIN);
	EXPECT_EQ(0, err);
	aci_gate_fini(&gate);
}

/* Thousands of jobs through a ring of 64: every wrap, every position. */
TEST_F(submit, ring_wraps)
{
	enum { JOBS = 3000, WINDOW = 48 };
	struct drm_aci_query_queue queue;
	struct aci_buf buf;
	__u32 outs[WINDOW] = { 0 };
	__u64 total = 0;
	unsigned int i, k, n;

	ASSERT_OK(aci_buf_init(&self->ctx, &buf, KIB(64), DRM_ACI_PLACEMENT_HOST, 0));
	for (i = 0; i < JOBS; i++) {
		struct aci_desc descs[5];

		n = i % 5 + 1;
		for (k = 0; k < n; k++)
			descs[k] = desc_fill(buf.va + i * 8, 8, k + 1 == n ? i + 1 : ~0ull, 8);
		if (outs[i % WINDOW]) {
			ASSERT_OK(aci_sync_result(self->ctx.fd, outs[i % WINDOW], 0));
			aci_sync_free(self->ctx.fd, outs[i % WINDOW]);
		}
		/* With many large jobs in flight the ring itself is full: the driver holds them. */
		ASSERT_OK(aci_submit_out(self->ctx.fd, self->ctx.queue, descs, n,
					 &outs[i % WINDOW]));
		total += n;
	}
	ASSERT_OK(aci_run_one(&self->ctx, desc_nop()));
	for (i = 0; i < JOBS; i++)
		ASSERT_EQ(i + 1, ((__u64 *)buf.map)[i]);
	ASSERT_OK(aci_query(self->ctx.fd, DRM_ACI_QUERY_QUEUE, self->ctx.queue, &queue,
			    sizeof(queue)));
	EXPECT_EQ(total + 1, queue.submitted);
	EXPECT_EQ(total + 1, queue.completed);
	EXPECT_EQ(JOBS + 1, queue.jobs_completed);
}

TEST_F(submit, signal_in_the_job_itself)
{
	struct aci_desc desc = desc_nop();
	struct drm_aci_sync out = { .flags = DRM_ACI_SYNC_SIGNAL };
	struct drm_aci_job jobs[2] = {
		{ .desc_count = 1, .descs = USER_PTR(&desc) },
		{ .desc_count = 1, .descs = USER_PTR(&desc), .syncs = { sizeof(out), 1, USER_PTR(&out) } },
	};
	__u32 accepted;

	ASSERT_OK(aci_sync_new(self->ctx.fd, &jobs[0].signal));
	ASSERT_OK(aci_sync_new(self->ctx.fd, &jobs[1].signal));
	ASSERT_OK(aci_sync_new(self->ctx.fd, &out.handle));
	ASSERT_OK(submit_jobs(&self->ctx, jobs, 2, &accepted));
	EXPECT_OK(aci_sync_result(self->ctx.fd, jobs[0].signal, 0));
	EXPECT_OK(aci_sync_result(self->ctx.fd, jobs[1].signal, 0));
	EXPECT_OK(aci_sync_result(self->ctx.fd, out.handle, 0));
}

/* A later job of the same call may wait for what an earlier one signals. */
TEST_F(submit, signal_is_waited_for_in_the_same_call)
{
	struct aci_desc desc = desc_nop();
	struct drm_aci_sync in = { 0 };
	struct drm_aci_job jobs[2] = {
		{ .desc_count = 1, .descs = USER_PTR(&desc) },
		{ .desc_count = 1, .descs = USER_PTR(&desc), .syncs = { sizeof(in), 1, USER_PTR(&in) } },
	};
	__u32 accepted;

	ASSERT_OK(aci_sync_new(self->ctx.fd, &in.handle));
	jobs[0].signal = in.handle;
	EXPECT_OK(submit_jobs(&self->ctx, jobs, 2, &accepted));
	EXPECT_EQ(2, accepted);
}

/* What programs pass that were built before the job had a signal. */
TEST_F(submit, jobs_of_the_first_version)
{
	struct aci_desc desc = desc_nop();
	struct drm_aci_job job = { .desc_count = 1, .descs = USER_PTR(&desc), .signal = 0x7fffffff };
	struct drm_aci_submit submit = {
		.queue_id = self->ctx.queue, .flags = DRM_ACI_SUBMIT_WAIT,
		.jobs = { JOB_FIRST_BYTES, 1, USER_PTR(&job) },
	};

	EXPECT_OK(aci_ioctl(self->ctx.fd, DRM_IOCTL_ACI_SUBMIT, &submit));
	EXPECT_EQ(0, submit.status);
}

/* More fences at once than a queue keeps jobs to use again, twice. */
TEST_F(submit, many_fences_that_are_held)
{
	enum { FENCES = 200 };
	struct aci_desc desc = desc_nop();
	__u32 outs[FENCES], i, round;

	for (round = 0; round < 2; round++) {
		for (i = 0; i < FENCES; i++) {
			ASSERT_OK(aci_submit_out(self->ctx.fd, self->ctx.queue, &desc, 1, &outs[i]));
			if (i >= 32)
				ASSERT_OK(aci_sync_result(self->ctx.fd, outs[i - 32], 0));
		}
		for (i = 0; i < FENCES; i++) {
			EXPECT_OK(aci_sync_result(self->ctx.fd, outs[i], 0));
			aci_sync_free(self->ctx.fd, outs[i]);
		}
	}
}

/* SUBMIT that waits. */
static int submit_and_wait(struct aci_ctx *ctx, const struct aci_desc *descs, __u32 count,
			   struct drm_aci_sync *in, struct drm_aci_submit *submit)
{
	struct drm_aci_job job = {
		.desc_count = count, .descs = USER_PTR(descs),
		.syncs = { sizeof(*in), !!in, USER_PTR(in) },
	};

	*submit = (struct drm_aci_submit){
		.queue_id = ctx->queue, .flags = DRM_ACI_SUBMIT_WAIT,
		.jobs = { sizeof(job), 1, USER_PTR(&job) },
	};
	return aci_ioctl(ctx->fd, DRM_IOCTL_ACI_SUBMIT, submit);
}

TEST_F(submit, wait_until_the_job_has_ended)
{
	struct drm_aci_submit submit;
	struct aci_desc desc;
	struct aci_buf buf;
	unsigned int i;

	ASSERT_OK(aci_buf_init(&self->ctx, &buf, MIB(1), DRM_ACI_PLACEMENT_HOST, 0));
	for (i = 1; i < 20; i++) {
		desc = desc_fill(buf.va, MIB(1), i, 1);
		ASSERT_OK(submit_and_wait(&self->ctx, &desc, 1, NULL, &submit));
		ASSERT_EQ(0, submit.status);
		ASSERT_EQ(1, submit.accepted);
		ASSERT_TRUE(data_is(buf.map, MIB(1), i));
	}
}

TEST_F(submit, wait_for_the_last_of_an_array)
{
	struct drm_aci_job jobs[50] = { 0 };
	struct aci_desc descs[50];
	struct drm_aci_submit submit = {
		.queue_id = self->ctx.queue, .flags = DRM_ACI_SUBMIT_WAIT,
		.jobs = { sizeof(jobs[0]), 50, USER_PTR(jobs) },
	};
	struct aci_buf buf;
	unsigned int i;

	ASSERT_OK(aci_buf_init(&self->ctx, &buf, KIB(4), DRM_ACI_PLACEMENT_HOST, 0));
	for (i = 0; i < 50; i++) {
		descs[i] = desc_fill(buf.va + i * 8, 8, i + 1, 8);
		jobs[i].desc_count = 1;
		jobs[i].descs = USER_PTR(&descs[i]);
	}
	ASSERT_OK(aci_ioctl(self->ctx.fd, DRM_IOCTL_ACI_SUBMIT, &submit));
	EXPECT_EQ(50, submit.accepted);
	EXPECT_EQ(0, submit.status);
	for (i = 0; i < 50; i++)
		EXPECT_EQ(i + 1, ((__u64 *)buf.map)[i]);
	/* Nothing to wait for is no error. */
	submit = (struct drm_aci_submit){ .queue_id = self->ctx.queue, .flags = DRM_ACI_SUBMIT_WAIT };
	EXPECT_OK(aci_ioctl(self->ctx.fd, DRM_IOCTL_ACI_SUBMIT, &submit));
	EXPECT_EQ(0, submit.status);
}

TEST_F(submit, wait_tells_the_error)
{
	struct aci_desc desc = desc_fill(aci_ctx_take_va(&self->ctx, KIB(4)), KIB(4), 1, 1);
	struct drm_aci_submit submit;

	ASSERT_OK(submit_and_wait(&self->ctx, &desc, 1, NULL, &submit));
	EXPECT_EQ(ACI_JOB_FAULT, submit.status);
	desc = desc_nop();
	ASSERT_OK(submit_and_wait(&self->ctx, &desc, 1, NULL, &submit));
	EXPECT_EQ(0, submit.status);
}

static void ignore_alarm(int signal)
{
}

/* The jobs are submitted once, whether or not the handler restarts system calls. */
static void interrupt_a_wait(struct __test_metadata *_metadata, struct aci_ctx *ctx, int flags)
{
	const struct itimerval soon = { .it_value.tv_usec = 50000 };
	struct sigaction action = { .sa_handler = ignore_alarm, .sa_flags = flags };
	struct drm_aci_query_queue before, after;
	struct drm_aci_submit submit;
	struct aci_desc desc = desc_nop();
	struct drm_aci_sync in = { 0 };
	struct aci_gate gate;

	ASSERT_OK(aci_gate_init(&gate));
	ASSERT_OK(aci_gate_syncobj(&gate, ctx->fd, &in.handle));
	ASSERT_OK(aci_query(ctx->fd, DRM_ACI_QUERY_QUEUE, ctx->queue, &before, sizeof(before)));
	ASSERT_EQ(0, sigaction(SIGALRM, &action, NULL));
	ASSERT_EQ(0, setitimer(ITIMER_REAL, &soon, NULL));
	EXPECT_OK(submit_and_wait(ctx, &desc, 1, &in, &submit));
	EXPECT_EQ(-EINPROGRESS, submit.status);
	EXPECT_EQ(1, submit.accepted);
	ASSERT_OK(aci_query(ctx->fd, DRM_ACI_QUERY_QUEUE, ctx->queue, &after, sizeof(after)));
	EXPECT_EQ(before.submitted + 1, after.submitted);
	ASSERT_OK(aci_gate_open(&gate));
	EXPECT_OK(aci_run_one(ctx, desc_nop()));
	aci_gate_fini(&gate);
}

TEST_F(submit, signal_ends_the_wait)
{
	interrupt_a_wait(_metadata, &self->ctx, 0);
}

TEST_F(submit, signal_that_restarts_ends_the_wait)
{
	interrupt_a_wait(_metadata, &self->ctx, SA_RESTART);
}

/* Refusals: a good request with one thing wrong. */
struct submit_request {
	struct drm_aci_submit submit;
	struct { struct drm_aci_job job; __u64 tail[2]; } jobs[1];
	struct { struct drm_aci_sync sync; __u64 tail[2]; } syncs[1];
	struct aci_desc desc;
	__u32 other_queue;	/* of another file */
	__u32 other_syncobj;	/* of another file */
};

FIXTURE(submit_refuse) {
	struct aci_ctx ctx;
	struct aci_ctx other;
	struct aci_buf buf;
	struct submit_request request;
};

FIXTURE_VARIANT(submit_refuse) {
	void (*spoil)(struct submit_request *request);
	int error;
	int or_error;
};

#define SUBMIT_REFUSE(name, code, ...)							\
	static void submit_spoil_##name(struct submit_request *r) { code; }		\
	FIXTURE_VARIANT_ADD(submit_refuse, name) { submit_spoil_##name, __VA_ARGS__ }

SUBMIT_REFUSE(queue_zero, r->submit.queue_id = 0, -ENOENT);
SUBMIT_REFUSE(queue_unknown, r->submit.queue_id = 0x7fffffff, -ENOENT);
SUBMIT_REFUSE(queue_of_other_file, r->submit.queue_id = r->other_queue, -ENOENT);
SUBMIT_REFUSE(flags, r->submit.flags = 2, -EINVAL);
SUBMIT_REFUSE(flags_highest, r->submit.flags = 1u << 31, -EINVAL);
SUBMIT_REFUSE(status, r->submit.status = 1, -EINVAL);
SUBMIT_REFUSE(status_with_wait, r->submit.flags = DRM_ACI_SUBMIT_WAIT;
	      r->submit.status = -EINPROGRESS, -EINVAL);
SUBMIT_REFUSE(jobs_bad_pointer, r->submit.jobs.ptr = 8, -EFAULT);
SUBMIT_REFUSE(jobs_null_pointer, r->submit.jobs.ptr = 0, -EFAULT, -EINVAL);
SUBMIT_REFUSE(jobs_kernel_pointer, r->submit.jobs.ptr = 0xffffffff81000000ull, -EFAULT);
SUBMIT_REFUSE(jobs_stride_zero, r->submit.jobs.stride = 0, -EINVAL);
SUBMIT_REFUSE(jobs_stride_small, r->submit.jobs.stride = JOB_FIRST_BYTES - 8,
	      -EINVAL);
SUBMIT_REFUSE(jobs_stride_tail, r->submit.jobs.stride = sizeof(r->jobs[0]);
	      r->jobs[0].tail[0] = 1, -E2BIG);
SUBMIT_REFUSE(jobs_stride_huge, r->submit.jobs.stride = ~0u, -E2BIG, -EINVAL);
SUBMIT_REFUSE(job_flags, r->jobs[0].job.flags = 1, -EINVAL);
SUBMIT_REFUSE(job_pad, r->jobs[0].job.pad = 1, -EINVAL);
SUBMIT_REFUSE(job_signal_unknown, r->jobs[0].job.signal = 0x7fffffff, -ENOENT);
SUBMIT_REFUSE(job_signal_of_other_file, r->jobs[0].job.signal = r->other_syncobj, -ENOENT);
SUBMIT_REFUSE(desc_count_zero, r->jobs[0].job.desc_count = 0, -EINVAL);
SUBMIT_REFUSE(desc_count_past_ring, r->jobs[0].job.desc_count = ACI_CTX_RING_ENTRIES + 1, -EINVAL);
SUBMIT_REFUSE(desc_count_huge, r->jobs[0].job.desc_count = ~0u, -EINVAL);
SUBMIT_REFUSE(desc_count_overflow, r->jobs[0].job.desc_count = 1u << 26, -EINVAL);
SUBMIT_REFUSE(descs_null, r->jobs[0].job.descs = 0, -EFAULT);
SUBMIT_REFUSE(descs_bad_pointer, r->jobs[0].job.descs = 64, -EFAULT);
SUBMIT_REFUSE(descs_kernel_pointer, r->jobs[0].job.descs = 0xffffffff81000000ull, -EFAULT);
SUBMIT_REFUSE(syncs_bad_pointer, r->jobs[0].job.syncs.ptr = 8, -EFAULT);
SUBMIT_REFUSE(syncs_null_pointer, r->jobs[0].job.syncs.ptr = 0, -EFAULT, -EINVAL);
SUBMIT_REFUSE(syncs_stride_zero, r->jobs[0].job.syncs.stride = 0, -EINVAL);
SUBMIT_REFUSE(syncs_stride_small, r->jobs[0].job.syncs.stride = sizeof(struct drm_aci_sync) - 8,
	      -EINVAL);
SUBMIT_REFUSE(syncs_stride_tail, r->jobs[0].job.syncs.stride = sizeof(r->syncs[0]);
	      r->syncs[0].tail[1] = 1, -E2BIG);
SUBMIT_REFUSE(syncs_huge_count, r->jobs[0].job.syncs.count = ~0u, -EINVAL, -E2BIG);
SUBMIT_REFUSE(sync_flag_unknown, r->syncs[0].sync.flags |= 4, -EINVAL);
SUBMIT_REFUSE(sync_flag_highest, r->syncs[0].sync.flags |= 1u << 31, -EINVAL);
SUBMIT_REFUSE(sync_handle_zero, r->syncs[0].sync.handle = 0, -ENOENT);
SUBMIT_REFUSE(sync_handle_unknown, r->syncs[0].sync.handle = 0x7fffffff, -ENOENT);
SUBMIT_REFUSE(sync_handle_of_other_file, r->syncs[0].sync.handle = r->other_syncobj, -ENOENT);
SUBMIT_REFUSE(wait_handle_unknown, r->syncs[0].sync.flags = 0; r->syncs[0].sync.handle = 0x7ffffff,
	      -ENOENT);
SUBMIT_REFUSE(wait_without_fence, r->syncs[0].sync.flags = 0, -EINVAL);
SUBMIT_REFUSE(wait_timeline_without_fence, r->syncs[0].sync.flags = DRM_ACI_SYNC_TIMELINE;
	      r->syncs[0].sync.point = 1, -EINVAL);
SUBMIT_REFUSE(binary_with_point, r->syncs[0].sync.point = 1, -EINVAL);
SUBMIT_REFUSE(timeline_signal_zero, r->syncs[0].sync.flags |= DRM_ACI_SYNC_TIMELINE, -EINVAL);

FIXTURE_SETUP(submit_refuse)
{
	struct submit_request *request = &self->request;
	__u32 i;

	ASSERT_OK(aci_ctx_init(&self->ctx, 0, ACI_ENGINE_CLASS_COPY, 0));
	ASSERT_OK(aci_ctx_init(&self->other, 0, ACI_ENGINE_CLASS_COPY, 0));
	for (i = 0; i < 3; i++) {
		ASSERT_OK(aci_queue_create(self->other.fd, self->other.vm, ACI_ENGINE_CLASS_COPY,
					   64, 0, &request->other_queue));
		ASSERT_OK(aci_sync_new(self->other.fd, &request->other_syncobj));
	}
	ASSERT_NE(self->ctx.queue, request->other_queue);
	ASSERT_OK(aci_buf_init(&self->ctx, &self->buf, KIB(4), DRM_ACI_PLACEMENT_HOST, 0));
	request->syncs[0].sync.flags = DRM_ACI_SYNC_SIGNAL;
	ASSERT_OK(aci_sync_new(self->ctx.fd, &request->syncs[0].sync.handle));
	ASSERT_NE(request->syncs[0].sync.handle, request->other_syncobj);
	request->desc = desc_fill(self->buf.va, KIB(4), 0xff, 1);
	request->jobs[0].job = (struct drm_aci_job){
		.desc_count = 1, .descs = USER_PTR(&request->desc),
		.syncs = { sizeof(struct drm_aci_sync), 1, USER_PTR(request->syncs) },
	};
	request->submit = (struct drm_aci_submit){
		.queue_id = self->ctx.queue,
		.jobs = { sizeof(struct drm_aci_job), 1, USER_PTR(request->jobs) },
	};
}

FIXTURE_TEARDOWN(submit_refuse)
{
	aci_ctx_fini(&self->ctx);
	aci_ctx_fini(&self->other);
}

/* An error, no effect, an untouched out-syncobj; and the unspoilt request works. */
TEST_F(submit_refuse, refused)
{
	__u32 out = self->request.syncs[0].sync.handle;
	struct submit_request good = self->request;
	struct drm_aci_query_queue queue;
	int err;

	variant->spoil(&self->request);
	err = aci_ioctl(self->ctx.fd, DRM_IOCTL_ACI_SUBMIT, &self->request.submit);
	if (variant->or_error && err == variant->or_error)
		err = variant->error;
	EXPECT_EQ(variant->error, err);
	EXPECT_EQ(0, self->request.submit.accepted);
	EXPECT_EQ(-EINVAL, aci_sync_export(self->ctx.fd, out));
	ASSERT_OK(aci_run_one(&self->ctx, desc_nop()));
	EXPECT_TRUE(data_is(self->buf.map, KIB(4), 0));
	ASSERT_OK(aci_query(self->ctx.fd, DRM_ACI_QUERY_QUEUE, self->ctx.queue, &queue,
			    sizeof(queue)));
	EXPECT_EQ(1, queue.submitted);
	EXPECT_EQ(0, queue.error_count);

	good.submit.jobs.ptr = USER_PTR(good.jobs);
	good.jobs[0].job.syncs.ptr = USER_PTR(good.syncs);
	good.jobs[0].job.descs = USER_PTR(&good.desc);
	ASSERT_OK(aci_ioctl(self->ctx.fd, DRM_IOCTL_ACI_SUBMIT, &good.submit));
	EXPECT_OK(aci_sync_result(self->ctx.fd, out, 0));
	EXPECT_TRUE(data_is(self->buf.map, KIB(4), 0xff));
}

/* The count alone is wrong: what it reaches past the array is not there. */
TEST_F(submit, jobs_huge_count)
{
	struct aci_desc desc = desc_nop();
	long page = sysconf(_SC_PAGESIZE);
	char *map = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			 -1, 0);
	struct drm_aci_job *job = (void *)(map + page - sizeof(*job));
	__u32 accepted;
	int err;

	ASSERT_NE(MAP_FAILED, map);
	ASSERT_OK(munmap(map + page, page));
	*job = (struct drm_aci_job){ .desc_count = 1, .descs = USER_PTR(&desc) };
	err = submit_jobs(&self->ctx, job, ~0u, &accepted);
	EXPECT_TRUE(err == -EFAULT || err == -EINVAL || err == -E2BIG);
	EXPECT_GE(1, accepted);
	EXPECT_OK(aci_run_one(&self->ctx, desc_nop()));
}

TEST_HARNESS_MAIN
