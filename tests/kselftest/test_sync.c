// SPDX-License-Identifier: GPL-2.0
/* Fences of jobs: binary and timeline syncobjs, sync files, eventfds, errors in fences. */
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <linux/sync_file.h>

#include "aci_harness.h"

#define SIGNAL		DRM_ACI_SYNC_SIGNAL
#define TIMELINE	DRM_ACI_SYNC_TIMELINE

FIXTURE(sync) {
	struct aci_ctx ctx;
	struct aci_buf buf;
	struct aci_gate gate;
	__u32 gate_syncobj;
	__u32 queue2;
	__u64 *data;
};

FIXTURE_SETUP(sync)
{
	self->gate.vgem = self->gate.sync_file = -1;
	ASSERT_OK(aci_ctx_init(&self->ctx, 0, ACI_ENGINE_CLASS_COPY, 0));
	ASSERT_OK(aci_queue_create(self->ctx.fd, self->ctx.vm, ACI_ENGINE_CLASS_COPY, 64, 0,
				   &self->queue2));
	ASSERT_OK(aci_buf_init(&self->ctx, &self->buf, KIB(64), DRM_ACI_PLACEMENT_HOST, 0));
	self->data = self->buf.map;
	ASSERT_OK(aci_gate_init(&self->gate));
	ASSERT_OK(aci_gate_syncobj(&self->gate, self->ctx.fd, &self->gate_syncobj));
}

FIXTURE_TEARDOWN(sync)
{
	aci_gate_fini(&self->gate);
	aci_ctx_fini(&self->ctx);
}

/* A job that stores @value at word @index. */
static int submit_store(FIXTURE_DATA(sync) *self, __u32 queue, unsigned int index, __u64 value,
			struct drm_aci_sync *syncs, __u32 count)
{
	struct aci_desc desc = desc_fill(self->buf.va + index * 8, 8, value, 8);

	return aci_submit(self->ctx.fd, queue, &desc, 1, syncs, count);
}

TEST_F(sync, binary_out_signals)
{
	struct drm_aci_sync out = { .flags = SIGNAL };

	ASSERT_OK(aci_sync_new(self->ctx.fd, &out.handle));
	ASSERT_OK(submit_store(self, self->ctx.queue, 0, 1, &out, 1));
	ASSERT_OK(aci_sync_wait(self->ctx.fd, out.handle, 0, aci_wait_ns()));
	EXPECT_EQ(1, self->data[0]);
}

TEST_F(sync, binary_out_is_replaced_by_each_job)
{
	struct drm_aci_sync out = { .flags = SIGNAL };
	__u64 i;

	ASSERT_OK(aci_sync_new(self->ctx.fd, &out.handle));
	for (i = 1; i <= 50; i++) {
		ASSERT_OK(submit_store(self, self->ctx.queue, 0, i, &out, 1));
		ASSERT_OK(aci_sync_wait(self->ctx.fd, out.handle, 0, aci_wait_ns()));
		ASSERT_EQ(i, ((volatile __u64 *)self->data)[0]);
	}
}

TEST_F(sync, job_waits_for_unmet_dependency)
{
	struct drm_aci_sync syncs[2] = { { .handle = self->gate_syncobj }, { .flags = SIGNAL } };

	ASSERT_OK(aci_sync_new(self->ctx.fd, &syncs[1].handle));
	ASSERT_OK(submit_store(self, self->ctx.queue, 0, 1, syncs, 2));
	/* A job on another queue is done; this one had the time to go wrong. */
	ASSERT_OK(submit_store(self, self->queue2, 1, 1, NULL, 0));
	EXPECT_EQ(-ETIME, aci_sync_wait(self->ctx.fd, syncs[1].handle, 0, 100000000));
	EXPECT_EQ(0, self->data[0]);
	ASSERT_OK(aci_gate_open(&self->gate));
	EXPECT_OK(aci_sync_result(self->ctx.fd, syncs[1].handle, 0));
	EXPECT_EQ(1, self->data[0]);
}

TEST_F(sync, later_jobs_of_the_queue_stay_behind)
{
	struct drm_aci_sync gate_in = { .handle = self->gate_syncobj };
	struct drm_aci_sync out = { .flags = SIGNAL };
	struct aci_desc nop = desc_nop();

	ASSERT_OK(aci_sync_new(self->ctx.fd, &out.handle));
	ASSERT_OK(submit_store(self, self->ctx.queue, 0, 1, &gate_in, 1));
	ASSERT_OK(submit_store(self, self->ctx.queue, 0, 2, &out, 1));
	ASSERT_OK(aci_run(self->ctx.fd, self->queue2, &nop, 1));
	EXPECT_EQ(-ETIME, aci_sync_wait(self->ctx.fd, out.handle, 0, 100000000));
	EXPECT_EQ(0, self->data[0]);
	ASSERT_OK(aci_gate_open(&self->gate));
	EXPECT_OK(aci_sync_result(self->ctx.fd, out.handle, 0));
	EXPECT_EQ(2, self->data[0]);
}

TEST_F(sync, signalled_dependency_costs_nothing)
{
	struct drm_aci_sync syncs[2] = { { .handle = self->gate_syncobj }, { .flags = SIGNAL } };

	ASSERT_OK(aci_gate_open(&self->gate));
	ASSERT_OK(aci_sync_new(self->ctx.fd, &syncs[1].handle));
	ASSERT_OK(submit_store(self, self->ctx.queue, 0, 1, syncs, 2));
	EXPECT_OK(aci_sync_result(self->ctx.fd, syncs[1].handle, 0));
}

TEST_F(sync, all_dependencies_are_waited_for)
{
	struct drm_aci_sync syncs[3] = { { .handle = self->gate_syncobj }, { 0 },
					 { .flags = SIGNAL } };
	struct aci_gate second;

	ASSERT_OK(aci_gate_init(&second));
	ASSERT_OK(aci_gate_syncobj(&second, self->ctx.fd, &syncs[1].handle));
	ASSERT_OK(aci_sync_new(self->ctx.fd, &syncs[2].handle));
	ASSERT_OK(submit_store(self, self->ctx.queue, 0, 1, syncs, 3));
	ASSERT_OK(aci_gate_open(&second));
	EXPECT_EQ(-ETIME, aci_sync_wait(self->ctx.fd, syncs[2].handle, 0, 100000000));
	EXPECT_EQ(0, self->data[0]);
	ASSERT_OK(aci_gate_open(&self->gate));
	EXPECT_OK(aci_sync_result(self->ctx.fd, syncs[2].handle, 0));
	aci_gate_fini(&second);
}

TEST_F(sync, several_out_fences)
{
	struct drm_aci_sync outs[3] = {
		{ .flags = SIGNAL }, { .flags = SIGNAL },
		{ .flags = SIGNAL | TIMELINE, .point = 9 },
	};
	unsigned int i;

	for (i = 0; i < 3; i++)
		ASSERT_OK(aci_sync_new(self->ctx.fd, &outs[i].handle));
	ASSERT_OK(submit_store(self, self->ctx.queue, 0, 1, outs, 3));
	for (i = 0; i < 3; i++)
		EXPECT_OK(aci_sync_result(self->ctx.fd, outs[i].handle, outs[i].point));
}

/* Waits for what the syncobj holds, then puts the new fence in. */
TEST_F(sync, same_syncobj_in_and_out)
{
	struct drm_aci_sync syncs[2] = {
		{ .handle = self->gate_syncobj },
		{ .flags = SIGNAL, .handle = self->gate_syncobj },
	};

	ASSERT_OK(submit_store(self, self->ctx.queue, 0, 1, syncs, 2));
	EXPECT_EQ(0, self->data[0]);
	ASSERT_OK(aci_gate_open(&self->gate));
	EXPECT_OK(aci_sync_result(self->ctx.fd, self->gate_syncobj, 0));
	EXPECT_EQ(1, self->data[0]);
}

TEST_F(sync, syncobj_destroyed_after_submit)
{
	struct drm_aci_sync gate_in = { .handle = self->gate_syncobj };
	__u32 out;
	struct aci_desc nop = desc_nop();

	ASSERT_OK(submit_store(self, self->ctx.queue, 0, 1, &gate_in, 1));
	aci_sync_free(self->ctx.fd, self->gate_syncobj);
	ASSERT_OK(aci_submit_out(self->ctx.fd, self->ctx.queue, &nop, 1, &out));
	ASSERT_OK(aci_gate_open(&self->gate));
	EXPECT_OK(aci_sync_result(self->ctx.fd, out, 0));
	EXPECT_EQ(1, self->data[0]);
}

TEST_F(sync, timeline_points)
{
	struct drm_aci_sync out = { .flags = SIGNAL | TIMELINE };
	__u64 point, value = 0;
	struct drm_syncobj_timeline_array array;

	ASSERT_OK(aci_sync_new(self->ctx.fd, &out.handle));
	for (point = 1; point <= 10; point++) {
		out.point = point;
		ASSERT_OK(submit_store(self, self->ctx.queue, point, point, &out, 1));
	}
	for (point = 1; point <= 10; point++) {
		ASSERT_OK(aci_sync_result(self->ctx.fd, out.handle, point));
		EXPECT_EQ(point, self->data[point]);
	}
	array = (struct drm_syncobj_timeline_array){
		.handles = USER_PTR(&out.handle), .points = USER_PTR(&value), .count_handles = 1,
	};
	ASSERT_OK(aci_ioctl(self->ctx.fd, DRM_IOCTL_SYNCOBJ_QUERY, &array));
	EXPECT_EQ(10, value);
	EXPECT_EQ(-ETIME, aci_sync_wait(self->ctx.fd, out.handle, 11, 1000000));
}

TEST_F(sync, timeline_dependency)
{
	struct drm_aci_sync first[2] = {
		{ .handle = self->gate_syncobj },
		{ .flags = SIGNAL | TIMELINE, .point = 7 },
	};
	struct drm_aci_sync second[2] = {
		{ .flags = TIMELINE, .point = 7 },
		{ .flags = SIGNAL | TIMELINE, .point = 8 },
	};

	ASSERT_OK(aci_sync_new(self->ctx.fd, &first[1].handle));
	second[0].handle = second[1].handle = first[1].handle;
	ASSERT_OK(submit_store(self, self->ctx.queue, 0, 1, first, 2));
	ASSERT_OK(submit_store(self, self->queue2, 0, 2, second, 2));
	EXPECT_EQ(-ETIME, aci_sync_wait(self->ctx.fd, first[1].handle, 8, 100000000));
	EXPECT_EQ(0, self->data[0]);
	ASSERT_OK(aci_gate_open(&self->gate));
	EXPECT_OK(aci_sync_result(self->ctx.fd, first[1].handle, 8));
	EXPECT_EQ(2, self->data[0]);
}

/* Each job needs the one before, on the other queue: increasing copies of one word. */
TEST_F(sync, chain_across_two_queues)
{
	enum { LINKS = 200 };
	struct drm_aci_sync syncs[2] = { { .flags = TIMELINE }, { .flags = SIGNAL | TIMELINE } };
	__u32 queues[2] = { self->ctx.queue, self->queue2 };
	struct drm_aci_sync gate_in = { .handle = self->gate_syncobj };
	struct aci_desc nop = desc_nop();
	__u32 timeline;
	__u64 i;

	ASSERT_OK(aci_sync_new(self->ctx.fd, &timeline));
	syncs[0].handle = syncs[1].handle = timeline;
	self->data[0] = 0x600dull;
	/* The first link waits, so that all others are submitted unmet. */
	ASSERT_OK(aci_submit(self->ctx.fd, queues[0], &nop, 1, &gate_in, 1));
	for (i = 1; i <= LINKS; i++) {
		struct aci_desc desc = desc_copy(self->buf.va + (i - 1) * 8,
						 self->buf.va + i * 8, 8);
		int err;

		syncs[0].point = i - 1;
		syncs[1].point = i;
		do {
			err = aci_submit(self->ctx.fd, queues[i % 2], &desc, 1,
					 i == 1 ? &syncs[1] : syncs, i == 1 ? 1 : 2);
			/* A full queue: let the chain run. */
			if (err == -EAGAIN)
				aci_gate_open(&self->gate);
		} while (err == -EAGAIN);
		ASSERT_EQ(0, err);
	}
	aci_gate_open(&self->gate);
	ASSERT_OK(aci_sync_result(self->ctx.fd, timeline, LINKS));
	for (i = 1; i <= LINKS; i++)
		ASSERT_EQ(0x600dull, self->data[i]);
}

TEST_F(sync, sync_file_between_files)
{
	struct drm_aci_sync syncs[2] = { { .handle = self->gate_syncobj }, { .flags = SIGNAL } };
	struct drm_aci_sync in = { 0 };
	struct aci_desc nop = desc_nop();
	struct aci_ctx other;
	struct aci_buf other_buf;
	struct aci_desc desc;
	__u32 out;
	int sync_file;

	ASSERT_OK(aci_ctx_init(&other, 0, ACI_ENGINE_CLASS_COPY, 0));
	ASSERT_OK(aci_buf_init(&other, &other_buf, KIB(4), DRM_ACI_PLACEMENT_HOST, 0));
	ASSERT_OK(aci_sync_new(self->ctx.fd, &syncs[1].handle));
	ASSERT_OK(submit_store(self, self->ctx.queue, 0, 1, syncs, 2));
	sync_file = aci_sync_export(self->ctx.fd, syncs[1].handle);
	ASSERT_LE(0, sync_file);
	EXPECT_EQ(0, aci_sync_file_status(sync_file));

	ASSERT_OK(aci_sync_new(other.fd, &in.handle));
	ASSERT_OK(aci_sync_import(other.fd, in.handle, sync_file));
	desc = desc_fill(other_buf.va, 8, 1, 8);
	ASSERT_OK(aci_submit(other.fd, other.queue, &desc, 1, &in, 1));
	ASSERT_OK(aci_submit_out(other.fd, other.queue, &nop, 1, &out));
	EXPECT_EQ(-ETIME, aci_sync_wait(other.fd, out, 0, 100000000));
	EXPECT_EQ(0, *(__u64 *)other_buf.map);
	ASSERT_OK(aci_gate_open(&self->gate));
	EXPECT_OK(aci_sync_result(other.fd, out, 0));
	EXPECT_EQ(1, *(__u64 *)other_buf.map);
	EXPECT_EQ(1, self->data[0]);
	EXPECT_EQ(1, aci_sync_file_status(sync_file));
	close(sync_file);
	aci_ctx_fini(&other);
}

TEST_F(sync, wait_for_several)
{
	struct drm_aci_sync out = { .flags = SIGNAL };
	__u32 handles[2] = { self->gate_syncobj };
	struct drm_syncobj_wait wait = {
		.handles = USER_PTR(handles), .count_handles = 2,
		.flags = DRM_SYNCOBJ_WAIT_FLAGS_WAIT_ALL,
	};

	ASSERT_OK(aci_sync_new(self->ctx.fd, &out.handle));
	handles[1] = out.handle;
	ASSERT_OK(submit_store(self, self->ctx.queue, 0, 1, &out, 1));
	wait.timeout_nsec = (__s64)now_ns() + 100000000;
	EXPECT_EQ(-ETIME, aci_ioctl(self->ctx.fd, DRM_IOCTL_SYNCOBJ_WAIT, &wait));
	wait.flags = 0;
	wait.timeout_nsec = (__s64)now_ns() + aci_wait_ns();
	EXPECT_OK(aci_ioctl(self->ctx.fd, DRM_IOCTL_SYNCOBJ_WAIT, &wait));
	EXPECT_EQ(1, wait.first_signaled);
	ASSERT_OK(aci_gate_open(&self->gate));
	wait.flags = DRM_SYNCOBJ_WAIT_FLAGS_WAIT_ALL;
	EXPECT_OK(aci_ioctl(self->ctx.fd, DRM_IOCTL_SYNCOBJ_WAIT, &wait));
}

TEST_F(sync, eventfd)
{
	struct drm_aci_sync syncs[2] = { { .handle = self->gate_syncobj }, { .flags = SIGNAL } };
	struct drm_syncobj_eventfd request = { 0 };
	struct pollfd poll_fd = { .events = POLLIN };
	__u64 value = 0;

	ASSERT_OK(aci_sync_new(self->ctx.fd, &syncs[1].handle));
	poll_fd.fd = request.fd = eventfd(0, EFD_CLOEXEC);
	ASSERT_LE(0, poll_fd.fd);
	request.handle = syncs[1].handle;
	ASSERT_OK(submit_store(self, self->ctx.queue, 0, 1, syncs, 2));
	ASSERT_OK(aci_ioctl(self->ctx.fd, DRM_IOCTL_SYNCOBJ_EVENTFD, &request));
	EXPECT_EQ(0, poll(&poll_fd, 1, 100));
	ASSERT_OK(aci_gate_open(&self->gate));
	ASSERT_EQ(1, poll(&poll_fd, 1, (int)(aci_wait_ns() / 1000000)));
	EXPECT_EQ(8, read(poll_fd.fd, &value, 8));
	EXPECT_EQ(1, value);
	EXPECT_EQ(1, self->data[0]);
}

/* --- Waits that begin before there is anything to wait for --- */

struct early_wait {
	int fd;
	__u32 handle;
	__u64 point;
	__u32 flags;
	int err;
};

static void *early_wait_run(void *arg)
{
	struct early_wait *early = arg;
	struct drm_syncobj_timeline_wait wait = {
		.handles = USER_PTR(&early->handle), .points = USER_PTR(&early->point),
		.count_handles = 1, .flags = early->flags,
		.timeout_nsec = (__s64)now_ns() + aci_wait_ns(),
	};

	early->err = aci_ioctl(early->fd, DRM_IOCTL_SYNCOBJ_TIMELINE_WAIT, &wait);
	return NULL;
}

/* One thread waits for a binary syncobj, one for a point; then the job comes. */
TEST_F(sync, wait_before_submit)
{
	struct drm_aci_sync outs[2] = { { .flags = SIGNAL },
					{ .flags = SIGNAL | TIMELINE, .point = 3 } };
	struct early_wait early[2];
	pthread_t threads[2];
	unsigned int i;

	for (i = 0; i < 2; i++) {
		ASSERT_OK(aci_sync_new(self->ctx.fd, &outs[i].handle));
		early[i] = (struct early_wait){
			.fd = self->ctx.fd, .handle = outs[i].handle, .point = outs[i].point,
			.flags = DRM_SYNCOBJ_WAIT_FLAGS_WAIT_FOR_SUBMIT,
		};
		ASSERT_OK(pthread_create(&threads[i], NULL, early_wait_run, &early[i]));
	}
	EXPECT_EQ(-ETIME, aci_sync_wait(self->ctx.fd, outs[1].handle, 3, 100000000));
	ASSERT_OK(submit_store(self, self->ctx.queue, 0, 1, outs, 2));
	for (i = 0; i < 2; i++) {
		ASSERT_OK(pthread_join(threads[i], NULL));
		EXPECT_OK(early[i].err);
	}
	EXPECT_EQ(1, self->data[0]);
}

/* Available is what has a fence, signalled or not. */
TEST_F(sync, wait_until_available)
{
	struct drm_aci_sync syncs[2] = { { .handle = self->gate_syncobj },
					 { .flags = SIGNAL | TIMELINE, .point = 3 } };
	struct early_wait early = {
		.fd = self->ctx.fd, .point = 3, .flags = DRM_SYNCOBJ_WAIT_FLAGS_WAIT_AVAILABLE,
	};
	pthread_t thread;

	ASSERT_OK(aci_sync_new(self->ctx.fd, &syncs[1].handle));
	early.handle = syncs[1].handle;
	ASSERT_OK(pthread_create(&thread, NULL, early_wait_run, &early));
	ASSERT_OK(submit_store(self, self->ctx.queue, 0, 1, syncs, 2));
	ASSERT_OK(pthread_join(thread, NULL));
	EXPECT_OK(early.err);
	EXPECT_EQ(0, self->data[0]);
	EXPECT_EQ(-ETIME, aci_sync_wait(self->ctx.fd, early.handle, 3, 100000000));
	ASSERT_OK(aci_gate_open(&self->gate));
	EXPECT_OK(aci_sync_result(self->ctx.fd, early.handle, 3));
}

/* What is waited for in a job must have a fence; a program waits for that itself. */
TEST_F(sync, point_to_come_is_refused_then_taken)
{
	struct drm_aci_sync in = { .flags = TIMELINE, .point = 2 };
	struct drm_aci_sync out = { .flags = SIGNAL | TIMELINE, .point = 1 };

	ASSERT_OK(aci_sync_new(self->ctx.fd, &in.handle));
	out.handle = in.handle;
	EXPECT_EQ(-EINVAL, submit_store(self, self->queue2, 0, 2, &in, 1));
	ASSERT_OK(submit_store(self, self->ctx.queue, 1, 1, &out, 1));
	EXPECT_EQ(-EINVAL, submit_store(self, self->queue2, 0, 2, &in, 1));
	out.point = 2;
	ASSERT_OK(submit_store(self, self->ctx.queue, 1, 2, &out, 1));
	EXPECT_OK(submit_store(self, self->queue2, 0, 2, &in, 1));
	EXPECT_EQ(0, self->data[0] & ~2ull);
}

TEST_F(sync, eventfd_before_submit)
{
	struct drm_aci_sync syncs[2] = { { .handle = self->gate_syncobj },
					 { .flags = SIGNAL | TIMELINE, .point = 3 } };
	struct drm_syncobj_eventfd signalled = { .point = 3 };
	struct drm_syncobj_eventfd available = {
		.point = 3, .flags = DRM_SYNCOBJ_WAIT_FLAGS_WAIT_AVAILABLE,
	};
	struct pollfd poll_fds[2] = { { .events = POLLIN }, { .events = POLLIN } };
	int wait_ms = (int)(aci_wait_ns() / 1000000);

	ASSERT_OK(aci_sync_new(self->ctx.fd, &syncs[1].handle));
	signalled.handle = available.handle = syncs[1].handle;
	poll_fds[0].fd = signalled.fd = eventfd(0, EFD_CLOEXEC);
	poll_fds[1].fd = available.fd = eventfd(0, EFD_CLOEXEC);
	ASSERT_OK(aci_ioctl(self->ctx.fd, DRM_IOCTL_SYNCOBJ_EVENTFD, &signalled));
	ASSERT_OK(aci_ioctl(self->ctx.fd, DRM_IOCTL_SYNCOBJ_EVENTFD, &available));
	EXPECT_EQ(0, poll(poll_fds, 2, 50));
	ASSERT_OK(submit_store(self, self->ctx.queue, 0, 1, syncs, 2));
	EXPECT_EQ(1, poll(&poll_fds[1], 1, wait_ms));
	EXPECT_EQ(0, poll(&poll_fds[0], 1, 50));
	ASSERT_OK(aci_gate_open(&self->gate));
	EXPECT_EQ(1, poll(&poll_fds[0], 1, wait_ms));
	EXPECT_EQ(1, self->data[0]);
}

/* Fences that user space signals itself. */
TEST_F(sync, signalled_by_hand)
{
	struct drm_aci_sync syncs[3] = { { 0 }, { .flags = TIMELINE, .point = 4 },
					 { .flags = SIGNAL } };
	struct drm_syncobj_array array = { .count_handles = 1 };
	struct drm_syncobj_timeline_array timeline = { .count_handles = 1 };
	__u64 point = 4;
	unsigned int i;

	for (i = 0; i < 3; i++)
		ASSERT_OK(aci_sync_new(self->ctx.fd, &syncs[i].handle));
	array.handles = USER_PTR(&syncs[0].handle);
	timeline.handles = USER_PTR(&syncs[1].handle);
	timeline.points = USER_PTR(&point);
	ASSERT_OK(aci_ioctl(self->ctx.fd, DRM_IOCTL_SYNCOBJ_SIGNAL, &array));
	EXPECT_EQ(-EINVAL, submit_store(self, self->ctx.queue, 0, 1, syncs, 3));
	ASSERT_OK(aci_ioctl(self->ctx.fd, DRM_IOCTL_SYNCOBJ_TIMELINE_SIGNAL, &timeline));
	ASSERT_OK(submit_store(self, self->ctx.queue, 0, 1, syncs, 3));
	EXPECT_OK(aci_sync_result(self->ctx.fd, syncs[2].handle, 0));
	EXPECT_EQ(1, self->data[0]);
	/* Taken back, it has no fence. */
	ASSERT_OK(aci_ioctl(self->ctx.fd, DRM_IOCTL_SYNCOBJ_RESET, &array));
	EXPECT_EQ(-EINVAL, submit_store(self, self->ctx.queue, 0, 2, syncs, 3));
}

TEST_F(sync, last_submitted_and_last_signalled)
{
	struct drm_aci_sync syncs[2] = { { .handle = self->gate_syncobj },
					 { .flags = SIGNAL | TIMELINE, .point = 5 } };
	struct drm_syncobj_timeline_array array = { .count_handles = 1 };
	__u64 value = 9;

	ASSERT_OK(aci_sync_new(self->ctx.fd, &syncs[1].handle));
	array.handles = USER_PTR(&syncs[1].handle);
	array.points = USER_PTR(&value);
	ASSERT_OK(submit_store(self, self->ctx.queue, 0, 1, syncs, 2));
	ASSERT_OK(aci_ioctl(self->ctx.fd, DRM_IOCTL_SYNCOBJ_QUERY, &array));
	EXPECT_EQ(0, value);
	array.flags = DRM_SYNCOBJ_QUERY_FLAGS_LAST_SUBMITTED;
	ASSERT_OK(aci_ioctl(self->ctx.fd, DRM_IOCTL_SYNCOBJ_QUERY, &array));
	EXPECT_EQ(5, value);
	ASSERT_OK(aci_gate_open(&self->gate));
	ASSERT_OK(aci_sync_result(self->ctx.fd, syncs[1].handle, 5));
	array.flags = 0;
	ASSERT_OK(aci_ioctl(self->ctx.fd, DRM_IOCTL_SYNCOBJ_QUERY, &array));
	EXPECT_EQ(5, value);
}

/* A sync file of the fences of two queues, one open and one gated. */
TEST_F(sync, merged_sync_file)
{
	struct drm_aci_sync gated[2] = { { .handle = self->gate_syncobj }, { .flags = SIGNAL } };
	struct drm_aci_sync out = { .flags = SIGNAL }, in = { 0 };
	struct sync_merge_data merge = { .name = "aci" };
	int first;

	ASSERT_OK(aci_sync_new(self->ctx.fd, &gated[1].handle));
	ASSERT_OK(aci_sync_new(self->ctx.fd, &out.handle));
	ASSERT_OK(aci_sync_new(self->ctx.fd, &in.handle));
	ASSERT_OK(submit_store(self, self->ctx.queue, 0, 1, gated, 2));
	ASSERT_OK(submit_store(self, self->queue2, 1, 1, &out, 1));
	first = aci_sync_export(self->ctx.fd, out.handle);
	merge.fd2 = aci_sync_export(self->ctx.fd, gated[1].handle);
	ASSERT_LE(0, first);
	ASSERT_LE(0, merge.fd2);
	ASSERT_OK(aci_ioctl(first, SYNC_IOC_MERGE, &merge));
	ASSERT_OK(aci_sync_import(self->ctx.fd, in.handle, merge.fence));
	ASSERT_OK(submit_store(self, self->queue2, 2, 1, &in, 1));
	ASSERT_OK(submit_store(self, self->queue2, 3, 1, &out, 1));
	EXPECT_EQ(-ETIME, aci_sync_wait(self->ctx.fd, out.handle, 0, 100000000));
	EXPECT_EQ(0, self->data[2]);
	ASSERT_OK(aci_gate_open(&self->gate));
	EXPECT_OK(aci_sync_result(self->ctx.fd, out.handle, 0));
	EXPECT_OK(aci_sync_file_result(merge.fence));
	EXPECT_EQ(1, self->data[2]);
}

/* A sync file becomes a point of a timeline by a transfer. */
TEST_F(sync, sync_file_into_timeline)
{
	struct drm_syncobj_transfer transfer = { .src_handle = self->gate_syncobj, .dst_point = 6 };
	struct drm_aci_sync syncs[2] = { { .flags = TIMELINE, .point = 6 }, { .flags = SIGNAL } };

	ASSERT_OK(aci_sync_new(self->ctx.fd, &syncs[0].handle));
	ASSERT_OK(aci_sync_new(self->ctx.fd, &syncs[1].handle));
	transfer.dst_handle = syncs[0].handle;
	ASSERT_OK(aci_ioctl(self->ctx.fd, DRM_IOCTL_SYNCOBJ_TRANSFER, &transfer));
	ASSERT_OK(submit_store(self, self->ctx.queue, 0, 1, syncs, 2));
	EXPECT_EQ(-ETIME, aci_sync_wait(self->ctx.fd, syncs[1].handle, 0, 100000000));
	EXPECT_EQ(0, self->data[0]);
	ASSERT_OK(aci_gate_open(&self->gate));
	EXPECT_OK(aci_sync_result(self->ctx.fd, syncs[1].handle, 0));
}

TEST_F(sync, error_is_in_the_fence)
{
	struct aci_desc desc = desc_fill(aci_ctx_take_va(&self->ctx, KIB(4)), 8, 0, 8);
	__u32 out;
	int sync_file;

	ASSERT_OK(aci_submit_out(self->ctx.fd, self->ctx.queue, &desc, 1, &out));
	sync_file = aci_sync_export(self->ctx.fd, out);
	ASSERT_LE(0, sync_file);
	EXPECT_EQ(ACI_JOB_FAULT, aci_sync_file_result(sync_file));
	EXPECT_EQ(ACI_JOB_FAULT, aci_sync_file_status(sync_file));
	/* A waiter is not told by the wait itself. */
	EXPECT_OK(aci_sync_wait(self->ctx.fd, out, 0, aci_wait_ns()));
}

/* A dependency that failed is met all the same: the job starts. */
TEST_F(sync, failed_dependency_does_not_fail_the_job)
{
	struct aci_desc bad = desc_fill(aci_ctx_take_va(&self->ctx, KIB(4)), 8, 0, 8);
	struct drm_aci_sync syncs[2] = { { 0 }, { .flags = SIGNAL } };

	ASSERT_OK(aci_sync_new(self->ctx.fd, &syncs[1].handle));
	ASSERT_OK(aci_submit_out(self->ctx.fd, self->ctx.queue, &bad, 1, &syncs[0].handle));
	ASSERT_OK(submit_store(self, self->queue2, 0, 1, syncs, 2));
	EXPECT_OK(aci_sync_result(self->ctx.fd, syncs[1].handle, 0));
	EXPECT_EQ(1, self->data[0]);
	EXPECT_EQ(ACI_JOB_FAULT, aci_sync_result(self->ctx.fd, syncs[0].handle, 0));
}

/* The fence lives on in the sync file; it ends although nobody opens the gate. */
TEST_F(sync, sync_file_outlives_the_file)
{
	struct drm_aci_sync syncs[2] = { { .handle = self->gate_syncobj }, { .flags = SIGNAL } };
	int sync_file;

	ASSERT_OK(aci_sync_new(self->ctx.fd, &syncs[1].handle));
	ASSERT_OK(submit_store(self, self->ctx.queue, 0, 1, syncs, 2));
	sync_file = aci_sync_export(self->ctx.fd, syncs[1].handle);
	ASSERT_LE(0, sync_file);
	ASSERT_OK(munmap(self->buf.map, self->buf.bytes));
	aci_ctx_fini(&self->ctx);
	EXPECT_EQ(-ECANCELED, aci_sync_file_result(sync_file));
	ASSERT_OK(aci_gate_open(&self->gate));
}

TEST_HARNESS_MAIN
