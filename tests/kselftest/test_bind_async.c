// SPDX-License-Identifier: GPL-2.0
/* Asynchronous VM_BIND: fences in and out, order, load. */
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>

#include "aci_bind_fixture.h"

TEST_F(bind_async, binary_out_signals)
{
	struct drm_aci_bind_op op = map_op(self->a, 0, self->va, KIB(64));
	struct drm_aci_sync out = { .flags = SIGNAL };

	ASSERT_OK(aci_sync_new(self->ctx.fd, &out.handle));
	ASSERT_OK(bind_async(self, &op, 1, &out, 1));
	ASSERT_OK(aci_sync_result(self->ctx.fd, out.handle, 0));
	EXPECT_EQ(1, card_sees(self, self->va, KIB(64), 0xaa));
}

TEST_F(bind_async, timeline_out_signals)
{
	struct drm_aci_bind_op op = map_op(self->a, 0, self->va, KIB(64));
	struct drm_aci_sync out = { .flags = SIGNAL | TIMELINE };

	ASSERT_OK(aci_sync_new(self->ctx.fd, &out.handle));
	for (out.point = 1; out.point <= 5; out.point++)
		ASSERT_OK(bind_async(self, &op, 1, &out, 1));
	ASSERT_OK(aci_sync_result(self->ctx.fd, out.handle, 5));
	EXPECT_EQ(1, card_sees(self, self->va, KIB(64), 0xaa));
}

TEST_F(bind_async, no_syncs)
{
	struct drm_aci_bind_op op = map_op(self->a, 0, self->va, KIB(64));

	ASSERT_OK(bind_async(self, &op, 1, NULL, 0));
	ASSERT_OK(aci_unbind(self->ctx.fd, self->ctx.vm, self->va + KIB(4), KIB(4)));
	EXPECT_EQ(1, card_sees(self, self->va, KIB(4), 0xaa));
	EXPECT_TRUE(faults(self, self->va + KIB(4)));
}

/* The card does not know the mapping before the fence in is signalled. */
TEST_F(bind_async, map_waits_for_fence)
{
	__u32 out;

	ASSERT_OK(bind_gated(self, map_op(self->a, 0, self->va, KIB(64)), &out));
	EXPECT_TRUE(faults(self, self->va));
	EXPECT_TRUE(is_pending(self, out));
	ASSERT_OK(aci_gate_open(&self->gate));
	ASSERT_OK(aci_sync_result(self->ctx.fd, out, 0));
	EXPECT_EQ(1, card_sees(self, self->va, KIB(64), 0xaa));
}

TEST_F(bind_async, unmap_waits_for_fence)
{
	__u32 out;

	ASSERT_OK(aci_bind(self->ctx.fd, self->ctx.vm, self->a, 0, self->va, KIB(64), 0));
	ASSERT_OK(bind_gated(self, unmap_op(self->va, KIB(64)), &out));
	EXPECT_TRUE(is_pending(self, out));
	EXPECT_EQ(1, card_sees(self, self->va, KIB(64), 0xaa));
	ASSERT_OK(aci_gate_open(&self->gate));
	ASSERT_OK(aci_sync_result(self->ctx.fd, out, 0));
	EXPECT_TRUE(faults(self, self->va));
}

/* What was unmapped is not freed while the card still has it. */
TEST_F(bind_async, memory_stays_until_execution)
{
	__u64 before = aci_card_free_bytes(self->ctx.fd);
	__u32 card, out;

	ASSERT_OK(aci_bo_create(self->ctx.fd, MIB(4), DRM_ACI_PLACEMENT_CARD, 0, &card));
	ASSERT_OK(aci_bind(self->ctx.fd, self->ctx.vm, card, 0, self->va, MIB(4), 0));
	ASSERT_OK(aci_bo_close(self->ctx.fd, card));
	ASSERT_OK(bind_gated(self, unmap_op(self->va, MIB(4)), &out));
	EXPECT_EQ(before - MIB(4), aci_card_free_bytes(self->ctx.fd));
	EXPECT_OK(run_alone(self, desc_fill(self->va, MIB(4), 1, 1)));
	ASSERT_OK(aci_gate_open(&self->gate));
	ASSERT_OK(aci_sync_result(self->ctx.fd, out, 0));
	EXPECT_TRUE(aci_card_memory_is_back(self->ctx.fd, before));
}

TEST_F(bind_async, waits_for_timeline_point)
{
	struct drm_aci_bind_op op = map_op(self->a, 0, self->va, KIB(64));
	struct drm_aci_sync job[2] = {
		{ .handle = self->gate_syncobj },
		{ .flags = SIGNAL | TIMELINE, .point = 5 },
	};
	struct drm_aci_sync bind[2] = {
		{ .flags = TIMELINE, .point = 5 },
		{ .flags = SIGNAL | TIMELINE, .point = 6 },
	};
	struct aci_desc nop = desc_nop();
	__u32 timeline;

	ASSERT_OK(aci_sync_new(self->ctx.fd, &timeline));
	job[1].handle = bind[0].handle = bind[1].handle = timeline;
	ASSERT_OK(aci_submit(self->ctx.fd, self->ctx.queue, &nop, 1, job, 2));
	ASSERT_OK(bind_async(self, &op, 1, bind, 2));
	EXPECT_EQ(-ETIME, aci_sync_wait(self->ctx.fd, timeline, 6, A_WHILE_NS));
	EXPECT_TRUE(faults(self, self->va));
	ASSERT_OK(aci_gate_open(&self->gate));
	ASSERT_OK(aci_sync_result(self->ctx.fd, timeline, 6));
	EXPECT_EQ(1, card_sees(self, self->va, KIB(64), 0xaa));
}

TEST_F(bind_async, waits_for_all_fences)
{
	struct drm_aci_bind_op op = map_op(self->a, 0, self->va, KIB(64));
	struct drm_aci_sync syncs[3] = { { .handle = self->gate_syncobj }, { 0 },
					 { .flags = SIGNAL } };
	struct aci_gate second;

	ASSERT_OK(aci_gate_init(&second));
	ASSERT_OK(aci_gate_syncobj(&second, self->ctx.fd, &syncs[1].handle));
	ASSERT_OK(aci_sync_new(self->ctx.fd, &syncs[2].handle));
	ASSERT_OK(bind_async(self, &op, 1, syncs, 3));
	ASSERT_OK(aci_gate_open(&second));
	EXPECT_TRUE(is_pending(self, syncs[2].handle));
	EXPECT_TRUE(faults(self, self->va));
	ASSERT_OK(aci_gate_open(&self->gate));
	EXPECT_OK(aci_sync_result(self->ctx.fd, syncs[2].handle, 0));
	aci_gate_fini(&second);
}

TEST_F(bind_async, failed_fence_does_not_fail_the_bind)
{
	struct drm_aci_bind_op op = map_op(self->a, 0, self->va, KIB(64));
	struct aci_desc bad = desc_fill(self->va + MIB(8), 8, 0, 8);
	struct drm_aci_sync syncs[2] = { { 0 }, { .flags = SIGNAL } };

	ASSERT_OK(aci_sync_new(self->ctx.fd, &syncs[1].handle));
	ASSERT_OK(aci_submit_out(self->ctx.fd, self->ctx.queue, &bad, 1, &syncs[0].handle));
	ASSERT_OK(bind_async(self, &op, 1, syncs, 2));
	EXPECT_OK(aci_sync_result(self->ctx.fd, syncs[1].handle, 0));
	EXPECT_EQ(1, card_sees(self, self->va, KIB(64), 0xaa));
}

TEST_F(bind_async, job_waits_for_bind)
{
	struct aci_desc desc = desc_copy(self->va, self->host.va, KIB(64));
	struct drm_aci_sync syncs[2] = { { 0 }, { .flags = SIGNAL } };

	ASSERT_OK(bind_gated(self, map_op(self->a, 0, self->va, KIB(64)), &syncs[0].handle));
	ASSERT_OK(aci_sync_new(self->ctx.fd, &syncs[1].handle));
	ASSERT_OK(aci_submit(self->ctx.fd, self->ctx.queue, &desc, 1, syncs, 2));
	ASSERT_OK(aci_gate_open(&self->gate));
	ASSERT_OK(aci_sync_result(self->ctx.fd, syncs[1].handle, 0));
	EXPECT_TRUE(data_is(self->host.map, KIB(64), 0xaa));
}

/* The usual end of a buffer: unmapped when the job that uses it is done. */
TEST_F(bind_async, unmap_behind_job)
{
	struct aci_desc desc = desc_copy(self->va, self->host.va, KIB(64));
	struct drm_aci_bind_op op = unmap_op(self->va, KIB(64));
	struct drm_aci_sync job[2] = { { .handle = self->gate_syncobj }, { .flags = SIGNAL } };
	struct drm_aci_sync bind[2] = { { 0 }, { .flags = SIGNAL } };

	ASSERT_OK(aci_bind(self->ctx.fd, self->ctx.vm, self->a, 0, self->va, KIB(64), 0));
	ASSERT_OK(aci_sync_new(self->ctx.fd, &job[1].handle));
	ASSERT_OK(aci_sync_new(self->ctx.fd, &bind[1].handle));
	bind[0].handle = job[1].handle;
	ASSERT_OK(aci_submit(self->ctx.fd, self->ctx.queue, &desc, 1, job, 2));
	ASSERT_OK(bind_async(self, &op, 1, bind, 2));
	ASSERT_OK(aci_gate_open(&self->gate));
	ASSERT_OK(aci_sync_result(self->ctx.fd, bind[1].handle, 0));
	EXPECT_OK(aci_sync_result(self->ctx.fd, job[1].handle, 0));
	EXPECT_TRUE(data_is(self->host.map, KIB(64), 0xaa));
	EXPECT_TRUE(faults(self, self->va));
}

/* The second has nothing to wait for, but the first is before it. */
TEST_F(bind_async, in_order)
{
	struct drm_aci_bind_op op = map_op(self->b, 0, self->va, KIB(64));
	struct drm_aci_sync out = { .flags = SIGNAL };
	__u32 first;

	ASSERT_OK(bind_gated(self, map_op(self->a, 0, self->va, KIB(64)), &first));
	ASSERT_OK(aci_sync_new(self->ctx.fd, &out.handle));
	ASSERT_OK(bind_async(self, &op, 1, &out, 1));
	EXPECT_TRUE(is_pending(self, out.handle));
	EXPECT_TRUE(faults(self, self->va));
	ASSERT_OK(aci_gate_open(&self->gate));
	ASSERT_OK(aci_sync_result(self->ctx.fd, out.handle, 0));
	EXPECT_OK(aci_sync_wait(self->ctx.fd, first, 0, 0));
	EXPECT_EQ(1, card_sees(self, self->va, KIB(64), 0xbb));
}

TEST_F(bind_async, several_outs)
{
	struct drm_aci_bind_op op = map_op(self->a, 0, self->va, KIB(64));
	struct drm_aci_sync syncs[4] = {
		{ .handle = self->gate_syncobj }, { .flags = SIGNAL },
		{ .flags = SIGNAL | TIMELINE, .point = 9 },
		/* Waits for what the syncobj holds, then puts the new fence in. */
		{ .flags = SIGNAL, .handle = self->gate_syncobj },
	};
	unsigned int i;

	ASSERT_OK(aci_sync_new(self->ctx.fd, &syncs[1].handle));
	ASSERT_OK(aci_sync_new(self->ctx.fd, &syncs[2].handle));
	ASSERT_OK(bind_async(self, &op, 1, syncs, 4));
	EXPECT_TRUE(is_pending(self, self->gate_syncobj));
	ASSERT_OK(aci_gate_open(&self->gate));
	for (i = 1; i < 4; i++)
		EXPECT_OK(aci_sync_result(self->ctx.fd, syncs[i].handle, syncs[i].point));
}

/* Without operations it is a fence behind all binds so far. */
TEST_F(bind_async, no_operations)
{
	struct drm_aci_sync out = { .flags = SIGNAL };
	__u32 first;

	ASSERT_OK(aci_sync_new(self->ctx.fd, &out.handle));
	ASSERT_OK(bind_async(self, NULL, 0, &out, 1));
	EXPECT_OK(aci_sync_wait(self->ctx.fd, out.handle, 0, 0));
	ASSERT_OK(bind_gated(self, map_op(self->a, 0, self->va, KIB(64)), &first));
	ASSERT_OK(bind_async(self, NULL, 0, &out, 1));
	EXPECT_TRUE(is_pending(self, out.handle));
	ASSERT_OK(aci_gate_open(&self->gate));
	EXPECT_OK(aci_sync_result(self->ctx.fd, out.handle, 0));
	EXPECT_EQ(1, card_sees(self, self->va, KIB(64), 0xaa));
}

/* More than the driver takes at once; each page elsewhere. */
TEST_F(bind_async, many_operations)
{
	enum { PAGES = 1024, ROUNDS = 3 };
	static struct drm_aci_bind_op ops[PAGES * ROUNDS];
	struct drm_aci_sync syncs[2] = { { .handle = self->gate_syncobj }, { .flags = SIGNAL } };
	unsigned int i;

	for (i = 0; i < PAGES * ROUNDS; i++)
		ops[i] = map_op(i < PAGES ? self->b : self->a,
				KIB(4) * (PAGES - 1 - i % PAGES), self->va + KIB(4) * (i % PAGES),
				KIB(4));
	data_fill(self->map_a, MIB(4), 3);
	ASSERT_OK(aci_sync_new(self->ctx.fd, &syncs[1].handle));
	ASSERT_OK(bind_async(self, ops, PAGES * ROUNDS, syncs, 2));
	EXPECT_TRUE(is_pending(self, syncs[1].handle));
	EXPECT_TRUE(faults(self, self->va));
	ASSERT_OK(aci_gate_open(&self->gate));
	ASSERT_OK(aci_sync_result(self->ctx.fd, syncs[1].handle, 0));
	ASSERT_OK(aci_run_one(&self->ctx, desc_copy(self->va, self->host.va, MIB(4))));
	for (i = 0; i < PAGES; i++)
		ASSERT_EQ(0, memcmp((char *)self->host.map + KIB(4) * i,
				    self->map_a + KIB(4) * (PAGES - 1 - i), KIB(4)));
}

/* Operations before the bad one are queued; no syncobj is touched. */
TEST_F(bind_async, failure_in_the_middle)
{
	struct drm_aci_bind_op ops[] = {
		map_op(self->a, 0, self->va, KIB(4)),
		map_op(self->b, 0, self->va + MIB(2), KIB(4)),
		map_op(0x7ffffff, 0, self->va + MIB(4), KIB(4)),
		map_op(self->a, 0, self->va + MIB(6), KIB(4)),
	};
	struct drm_aci_sync syncs[2] = { { .handle = self->gate_syncobj }, { .flags = SIGNAL } };
	struct drm_aci_vm_bind args = bind_args(self->ctx.vm, ASYNC, ops, 4, syncs, 2);

	ASSERT_OK(aci_sync_new(self->ctx.fd, &syncs[1].handle));
	EXPECT_EQ(-ENOENT, aci_ioctl(self->ctx.fd, DRM_IOCTL_ACI_VM_BIND, &args));
	EXPECT_EQ(2, args.done);
	EXPECT_EQ(-EINVAL, aci_sync_export(self->ctx.fd, syncs[1].handle));
	EXPECT_TRUE(faults(self, self->va));
	ASSERT_OK(aci_gate_open(&self->gate));
	/* Behind them. */
	ASSERT_OK(aci_unbind(self->ctx.fd, self->ctx.vm, self->va + MIB(8), KIB(4)));
	EXPECT_EQ(1, card_sees(self, self->va, KIB(4), 0xaa));
	EXPECT_EQ(1, card_sees(self, self->va + MIB(2), KIB(4), 0xbb));
	EXPECT_TRUE(faults(self, self->va + MIB(4)));
	EXPECT_TRUE(faults(self, self->va + MIB(6)));
	EXPECT_EQ(-EINVAL, aci_sync_export(self->ctx.fd, syncs[1].handle));
}

/*
 * Large leaves that are made, cut, replaced and removed by binds none of which
 * is executed when the next one is planned.
 */
TEST_F(bind_async, large_leaves_in_plans)
{
	struct drm_aci_bind_op ops[] = {
		map_op(0, 0, self->va, MIB(8)),
		unmap_op(self->va + KIB(4), KIB(4)),
		map_op(self->a, 0, self->va + MIB(2), MIB(2)),
		map_op(0, 0, self->va + MIB(2), MIB(4)),
		map_op(self->b, 0, self->va + MIB(3), KIB(8)),
		unmap_op(self->va + MIB(5), MIB(1)),
		unmap_op(self->va + MIB(6), MIB(2)),
		map_op(self->a, 0, self->va + MIB(6), KIB(4)),
		map_op(0, 0, self->va + MIB(6), MIB(2)),
		unmap_op(self->va + MIB(8) - KIB(4), KIB(4)),
	};
	__u32 card, out = 0;
	unsigned int i;

	ASSERT_OK(aci_bo_create(self->ctx.fd, MIB(8), DRM_ACI_PLACEMENT_CARD, 0, &card));
	ASSERT_OK(aci_bind(self->ctx.fd, self->ctx.vm, card, 0, self->va, MIB(8), 0));
	ASSERT_OK(run_alone(self, desc_fill(self->va, MIB(8), 0xcc, 1)));
	ASSERT_OK(aci_unbind(self->ctx.fd, self->ctx.vm, self->va, MIB(8)));
	for (i = 0; i < ARRAY_SIZE(ops); i++) {
		if (ops[i].op == DRM_ACI_BIND_MAP && !ops[i].handle)
			ops[i].handle = card;
		ASSERT_OK(bind_gated(self, ops[i], &out));
	}
	EXPECT_TRUE(faults(self, self->va));
	ASSERT_OK(aci_gate_open(&self->gate));
	ASSERT_OK(aci_sync_result(self->ctx.fd, out, 0));
	EXPECT_EQ(1, card_sees(self, self->va, KIB(4), 0xcc));
	EXPECT_TRUE(faults(self, self->va + KIB(4)));
	EXPECT_EQ(1, card_sees(self, self->va + KIB(8), MIB(3) - KIB(8), 0xcc));
	EXPECT_EQ(1, card_sees(self, self->va + MIB(3), KIB(8), 0xbb));
	EXPECT_EQ(1, card_sees(self, self->va + MIB(3) + KIB(8), MIB(2) - KIB(8), 0xcc));
	EXPECT_TRUE(faults(self, self->va + MIB(5)));
	EXPECT_EQ(1, card_sees(self, self->va + MIB(6), MIB(2) - KIB(4), 0xcc));
	EXPECT_TRUE(faults(self, self->va + MIB(8) - KIB(4)));
	EXPECT_TRUE(data_is(self->map_a, MIB(4), 0xaa));
}

/* Another file's job waits for the bind through a sync file. */
TEST_F(bind_async, sync_file)
{
	struct drm_aci_sync in = { 0 };
	struct aci_desc nop = desc_nop();
	struct aci_ctx other;
	__u32 out, job;
	int sync_file;

	ASSERT_OK(aci_ctx_init(&other, 0, ACI_ENGINE_CLASS_COPY, 0));
	ASSERT_OK(bind_gated(self, map_op(self->a, 0, self->va, KIB(64)), &out));
	sync_file = aci_sync_export(self->ctx.fd, out);
	ASSERT_LE(0, sync_file);
	EXPECT_EQ(0, aci_sync_file_status(sync_file));
	ASSERT_OK(aci_sync_new(other.fd, &in.handle));
	ASSERT_OK(aci_sync_import(other.fd, in.handle, sync_file));
	ASSERT_OK(aci_submit(other.fd, other.queue, &nop, 1, &in, 1));
	ASSERT_OK(aci_submit_out(other.fd, other.queue, &nop, 1, &job));
	EXPECT_EQ(-ETIME, aci_sync_wait(other.fd, job, 0, A_WHILE_NS));
	ASSERT_OK(aci_gate_open(&self->gate));
	EXPECT_OK(aci_sync_result(other.fd, job, 0));
	EXPECT_OK(aci_sync_file_result(sync_file));
	close(sync_file);
	aci_ctx_fini(&other);
}

TEST_F(bind_async, eventfd)
{
	struct drm_syncobj_eventfd request = { 0 };
	struct pollfd poll_fd = { .events = POLLIN };

	ASSERT_OK(bind_gated(self, map_op(self->a, 0, self->va, KIB(64)), &request.handle));
	poll_fd.fd = request.fd = eventfd(0, EFD_CLOEXEC);
	ASSERT_LE(0, poll_fd.fd);
	ASSERT_OK(aci_ioctl(self->ctx.fd, DRM_IOCTL_SYNCOBJ_EVENTFD, &request));
	EXPECT_EQ(0, poll(&poll_fd, 1, A_WHILE_MS));
	ASSERT_OK(aci_gate_open(&self->gate));
	EXPECT_EQ(1, poll(&poll_fd, 1, (int)(aci_wait_ns() / 1000000)));
}

/*
 * What waits takes memory: at some number there is no room, what was accepted
 * stays, and there is room again when it has been executed. The fence is that
 * of a job that hangs: one of vgem's would end by itself before.
 */
TEST_F(bind_async, no_room_for_more)
{
	enum { ENOUGH = 10000, LONG_MS = 600000 };
	struct drm_aci_bind_op op = map_op(self->a, 0, self->va, KIB(4));
	struct drm_aci_sync syncs[2] = { { 0 }, { .flags = SIGNAL } };
	struct aci_desc nop = desc_nop();
	unsigned int count;
	__u32 queue;
	int err = 0;

	ASSERT_OK(aci_queue_create(self->ctx.fd, self->ctx.vm, ACI_ENGINE_CLASS_COPY, 64, LONG_MS,
				   &queue));
	ASSERT_OK(card_ctl("hang next", NULL, 0));
	ASSERT_OK(aci_submit_out(self->ctx.fd, queue, &nop, 1, &syncs[0].handle));
	ASSERT_OK(aci_sync_new(self->ctx.fd, &syncs[1].handle));
	for (count = 0; !err && count < ENOUGH; count++)
		err = bind_async(self, &op, 1, syncs, 2);
	EXPECT_EQ(-EAGAIN, err);
	EXPECT_LT(1000, count);
	EXPECT_EQ(-EAGAIN, bind_async(self, &op, 1, syncs, 2));
	EXPECT_TRUE(is_pending(self, syncs[1].handle));
	ASSERT_OK(aci_queue_destroy(self->ctx.fd, queue));
	ASSERT_OK(aci_sync_result(self->ctx.fd, syncs[1].handle, 0));
	EXPECT_EQ(1, card_sees(self, self->va, KIB(4), 0xaa));
	EXPECT_OK(bind_async(self, &op, 1, syncs, 2));
	EXPECT_OK(aci_sync_result(self->ctx.fd, syncs[1].handle, 0));
}

/* --- Load --- */

/* Binds and jobs wait for each other in turn: one address shows a page after the other. */
TEST_F(bind_async, ping_pong_with_jobs)
{
	enum { ROUNDS = 200 };
	struct drm_aci_sync bind[2] = { { .flags = TIMELINE }, { .flags = SIGNAL | TIMELINE } };
	struct drm_aci_sync job[2] = { { .flags = TIMELINE }, { .flags = SIGNAL | TIMELINE } };
	struct drm_aci_bind_op op;
	struct aci_desc desc;
	__u32 timeline;
	__u64 i;

	ASSERT_OK(aci_sync_new(self->ctx.fd, &timeline));
	bind[0].handle = bind[1].handle = job[0].handle = job[1].handle = timeline;
	for (i = 0; i < 1024; i++)
		memcpy(self->map_a + KIB(4) * i, &i, sizeof(i));
	for (i = 0; i < ROUNDS; i++) {
		op = map_op(self->a, KIB(4) * i, self->va, KIB(4));
		desc = desc_copy(self->va, self->host.va + i * 8, 8);
		bind[0].point = 2 * i;
		bind[1].point = job[0].point = 2 * i + 1;
		job[1].point = 2 * i + 2;
		/* There is no point 0. */
		ASSERT_OK(bind_async(self, &op, 1, &bind[!i], i ? 2 : 1));
		ASSERT_OK(aci_submit(self->ctx.fd, self->ctx.queue, &desc, 1, job, 2));
	}
	ASSERT_OK(aci_sync_result(self->ctx.fd, timeline, 2 * ROUNDS));
	for (i = 0; i < ROUNDS; i++)
		ASSERT_EQ(i, ((__u64 *)self->host.map)[i]);
}

struct storm {
	FIXTURE_DATA(bind_async) *self;
	__u64 seed;
	__u64 va;	/* of its own 4 MiB, but the last is shared */
	int err;
};

enum { STORM_OPS = 300 };

/* Random binds, half of them asynchronous and behind one another. */
static void *storm_run(void *arg)
{
	struct storm *storm = arg;
	FIXTURE_DATA(bind_async) *self = storm->self;
	struct drm_aci_sync syncs[2] = { { .flags = TIMELINE }, { .flags = SIGNAL | TIMELINE } };
	__u64 point = 0;
	int i;

	storm->err = aci_sync_new(self->ctx.fd, &syncs[0].handle);
	syncs[1].handle = syncs[0].handle;
	for (i = 0; i < STORM_OPS && !storm->err; i++) {
		__u64 random = data_random(&storm->seed);
		__u64 page = random % 1536, pages = 1 + (random >> 16) % (1537 - page);
		bool async = random >> 60 & 1;
		struct drm_aci_vm_bind args;
		struct drm_aci_bind_op op;

		if (pages > 1024)
			pages = 1024;
		op = unmap_op(storm->va + KIB(4) * page, KIB(4) * pages);
		if (random >> 61 & 1) {
			op.op = DRM_ACI_BIND_MAP;
			op.handle = random >> 62 & 1 ? self->a : self->b;
		}
		args = bind_args(self->ctx.vm, async ? ASYNC : 0, &op, 1, NULL, 0);
		if (async) {
			syncs[0].point = point;
			syncs[1].point = ++point;
			args.syncs.ptr = USER_PTR(point == 1 ? &syncs[1] : syncs);
			args.syncs.count = point == 1 ? 1 : 2;
		}
		storm->err = aci_ioctl(self->ctx.fd, DRM_IOCTL_ACI_VM_BIND, &args);
	}
	if (!storm->err && point)
		storm->err = aci_sync_result(self->ctx.fd, syncs[0].handle, point);
	return NULL;
}

/* Jobs of a third party see either BO, or a fault, and never anything else. */
TEST_F(bind_async, storm)
{
	struct storm storms[2] = {
		{ .self = self, .seed = 1, .va = self->va },
		{ .self = self, .seed = 2, .va = self->va + MIB(4) },
	};
	unsigned int i, wrong = 0;
	pthread_t threads[2];
	__u64 seed = 3;

	for (i = 0; i < 2; i++)
		ASSERT_OK(pthread_create(&threads[i], NULL, storm_run, &storms[i]));
	for (i = 0; i < 100; i++) {
		__u64 va = self->va + KIB(4) * (data_random(&seed) % 2560);
		int err = run_alone(self, desc_copy(va, self->host.va, KIB(4)));
		__u8 *seen = self->host.map;

		if (err ? err != ACI_JOB_FAULT :
		    !data_is(seen, KIB(4), 0xaa) && !data_is(seen, KIB(4), 0xbb))
			wrong++;
	}
	EXPECT_EQ(0, wrong);
	for (i = 0; i < 2; i++) {
		ASSERT_OK(pthread_join(threads[i], NULL));
		EXPECT_OK(storms[i].err);
	}
	ASSERT_OK(aci_unbind(self->ctx.fd, self->ctx.vm, self->va, MIB(16)));
	EXPECT_EQ(self->host.bytes, mapped_bytes(self->ctx.fd, self->ctx.vm));
	EXPECT_TRUE(faults(self, self->va + MIB(4)));
}

TEST_HARNESS_MAIN
