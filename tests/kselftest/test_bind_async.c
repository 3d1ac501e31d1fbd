// SPDX-License-Identifier: GPL-2.0
/* Asynchronous VM_BIND: fences in and out, order, cancellation, refusals. */
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <poll.h>

#include "aci_harness.h"

#define SIGNAL		DRM_ACI_SYNC_SIGNAL
#define TIMELINE	DRM_ACI_SYNC_TIMELINE
#define ASYNC		DRM_ACI_VM_BIND_ASYNC
/* Long enough for what goes wrong to have gone wrong. */
#define A_WHILE_NS	100000000
#define A_WHILE_MS	100

FIXTURE(bind_async) {
	struct aci_ctx ctx;
	struct aci_buf host;	/* scratch: the card copies here what it can see */
	struct aci_gate gate;
	__u32 gate_syncobj;
	__u32 a;		/* two BOs of 4 MiB, not mapped to the VM */
	__u32 b;
	__u8 *map_a;
	__u8 *map_b;
	__u64 va;		/* 16 MiB of free addresses, 2 MiB aligned */
};

FIXTURE_SETUP(bind_async)
{
	void *map;

	self->gate.vgem = self->gate.sync_file = -1;
	ASSERT_OK(aci_ctx_init(&self->ctx, 0, ACI_ENGINE_CLASS_COPY, 0));
	ASSERT_OK(aci_buf_init(&self->ctx, &self->host, MIB(4), DRM_ACI_PLACEMENT_HOST, 0));
	ASSERT_OK(aci_bo_create(self->ctx.fd, MIB(4), DRM_ACI_PLACEMENT_HOST, 0, &self->a));
	ASSERT_OK(aci_bo_map(self->ctx.fd, self->a, MIB(4), &map));
	self->map_a = map;
	ASSERT_OK(aci_bo_create(self->ctx.fd, MIB(4), DRM_ACI_PLACEMENT_HOST, 0, &self->b));
	ASSERT_OK(aci_bo_map(self->ctx.fd, self->b, MIB(4), &map));
	self->map_b = map;
	memset(self->map_a, 0xaa, MIB(4));
	memset(self->map_b, 0xbb, MIB(4));
	self->va = aci_ctx_take_va(&self->ctx, MIB(16));
	ASSERT_OK(aci_gate_init(&self->gate));
	ASSERT_OK(aci_gate_syncobj(&self->gate, self->ctx.fd, &self->gate_syncobj));
}

FIXTURE_TEARDOWN(bind_async)
{
	aci_gate_fini(&self->gate);
	aci_ctx_fini(&self->ctx);
}

static struct drm_aci_bind_op map_op(__u32 handle, __u64 offset, __u64 va, __u64 bytes)
{
	return (struct drm_aci_bind_op){
		.op = DRM_ACI_BIND_MAP, .handle = handle, .offset = offset, .va = va, .size = bytes,
	};
}

static struct drm_aci_bind_op unmap_op(__u64 va, __u64 bytes)
{
	return (struct drm_aci_bind_op){ .op = DRM_ACI_BIND_UNMAP, .va = va, .size = bytes };
}

static struct drm_aci_vm_bind bind_args(__u32 vm, __u32 flags, struct drm_aci_bind_op *ops,
					__u32 count, struct drm_aci_sync *syncs, __u32 sync_count)
{
	return (struct drm_aci_vm_bind){
		.vm_id = vm, .flags = flags,
		.ops = { .stride = sizeof(*ops), .count = count,
			 .ptr = count ? USER_PTR(ops) : 0 },
		.syncs = { .stride = sizeof(*syncs), .count = sync_count,
			   .ptr = sync_count ? USER_PTR(syncs) : 0 },
	};
}

static int bind_async(FIXTURE_DATA(bind_async) *self, struct drm_aci_bind_op *ops, __u32 count,
		      struct drm_aci_sync *syncs, __u32 sync_count)
{
	return aci_bind_async(self->ctx.fd, self->ctx.vm, ops, count, syncs, sync_count);
}

/* One operation behind the gate; *out gets a new syncobj with its fence. */
static int bind_gated(FIXTURE_DATA(bind_async) *self, struct drm_aci_bind_op op, __u32 *out)
{
	struct drm_aci_sync syncs[2] = { { .handle = self->gate_syncobj }, { .flags = SIGNAL } };
	int err = aci_sync_new(self->ctx.fd, &syncs[1].handle);

	*out = syncs[1].handle;
	return err ? err : bind_async(self, &op, 1, syncs, 2);
}

/* On a queue of its own: queues that fail again and again are banned. */
static int run_alone(FIXTURE_DATA(bind_async) *self, struct aci_desc desc)
{
	__u32 queue;
	int err = aci_queue_create(self->ctx.fd, self->ctx.vm, ACI_ENGINE_CLASS_COPY, 64, 0,
				   &queue);

	if (err)
		return err;
	err = aci_run(self->ctx.fd, queue, &desc, 1);
	aci_queue_destroy(self->ctx.fd, queue);
	return err;
}

/* Whether the card reads @value in the whole range. Return: 1, 0, or the job's error. */
static int card_sees(FIXTURE_DATA(bind_async) *self, __u64 va, __u64 bytes, __u8 value)
{
	int err;

	memset(self->host.map, ~value, bytes);
	err = run_alone(self, desc_copy(va, self->host.va, bytes));
	return err ? err : data_is(self->host.map, bytes, value);
}

static bool faults(FIXTURE_DATA(bind_async) *self, __u64 va)
{
	return run_alone(self, desc_copy(va, self->host.va, KIB(4))) == ACI_JOB_FAULT;
}

static bool is_pending(FIXTURE_DATA(bind_async) *self, __u32 syncobj)
{
	return aci_sync_wait(self->ctx.fd, syncobj, 0, A_WHILE_NS) == -ETIME;
}

static __u64 mapped_bytes(int fd, __u32 vm_id)
{
	struct drm_aci_query_vm vm = { 0 };

	return aci_query(fd, DRM_ACI_QUERY_VM, vm_id, &vm, sizeof(vm)) ? ~0ull : vm.mapped_bytes;
}

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

/* A synchronous call of another thread. */
struct sync_call {
	int fd;
	__u32 flags;
	__u32 vm;
	struct drm_aci_bind_op op;
	struct drm_aci_sync sync;	/* waited for, if there is a handle */
	bool once;			/* do not repeat it after a signal */
	int done_fd;			/* eventfd */
	int err;
	__u32 done;
};

static void *sync_call_run(void *arg)
{
	struct sync_call *call = arg;
	struct drm_aci_vm_bind args = bind_args(call->vm, call->flags, &call->op, 1, &call->sync,
						!!call->sync.handle);

	if (call->once)
		call->err = ioctl(call->fd, DRM_IOCTL_ACI_VM_BIND, &args) ? -errno : 0;
	else
		call->err = aci_ioctl(call->fd, DRM_IOCTL_ACI_VM_BIND, &args);
	call->done = args.done;
	eventfd_write(call->done_fd, 1);
	return NULL;
}

static int sync_call_start(struct sync_call *call, pthread_t *thread)
{
	call->done_fd = eventfd(0, EFD_CLOEXEC);
	return -pthread_create(thread, NULL, sync_call_run, call);
}

static bool sync_call_ended(struct sync_call *call, int timeout_ms)
{
	struct pollfd poll_fd = { .fd = call->done_fd, .events = POLLIN };

	return poll(&poll_fd, 1, timeout_ms) == 1;
}

TEST_F(bind_async, sync_queues_behind_async)
{
	struct sync_call call = {
		.fd = self->ctx.fd, .vm = self->ctx.vm,
		.op = map_op(self->b, 0, self->va, KIB(4)),
	};
	pthread_t thread;
	__u32 out;

	ASSERT_OK(bind_gated(self, map_op(self->a, 0, self->va, KIB(64)), &out));
	ASSERT_OK(sync_call_start(&call, &thread));
	EXPECT_FALSE(sync_call_ended(&call, A_WHILE_MS));
	EXPECT_TRUE(faults(self, self->va));
	ASSERT_OK(aci_gate_open(&self->gate));
	EXPECT_TRUE(sync_call_ended(&call, (int)(aci_wait_ns() / 1000000)));
	ASSERT_OK(pthread_join(thread, NULL));
	EXPECT_OK(call.err);
	EXPECT_OK(aci_sync_wait(self->ctx.fd, out, 0, 0));
	EXPECT_EQ(1, card_sees(self, self->va, KIB(4), 0xbb));
	EXPECT_EQ(1, card_sees(self, self->va + KIB(4), KIB(60), 0xaa));
}

static void ignore_signal(int signal)
{
}

/* Interrupts the thread until its call has ended. */
static void interrupt(struct sync_call *call, pthread_t thread)
{
	struct sigaction action = { .sa_handler = ignore_signal };	/* no SA_RESTART */

	sigaction(SIGUSR1, &action, NULL);
	do
		pthread_kill(thread, SIGUSR1);
	while (!sync_call_ended(call, 10));
	pthread_join(thread, NULL);
}

TEST_F(bind_async, interrupted_sync_has_done_nothing)
{
	__u64 before = mapped_bytes(self->ctx.fd, self->ctx.vm);
	struct sync_call call = {
		.fd = self->ctx.fd, .vm = self->ctx.vm, .once = true,
		.op = map_op(self->b, 0, self->va + MIB(2), KIB(4)),
	};
	pthread_t thread;
	__u32 out;

	ASSERT_OK(bind_gated(self, map_op(self->a, 0, self->va, KIB(64)), &out));
	ASSERT_OK(sync_call_start(&call, &thread));
	EXPECT_FALSE(sync_call_ended(&call, A_WHILE_MS));
	interrupt(&call, thread);
	EXPECT_EQ(-EINTR, call.err);
	EXPECT_EQ(0, call.done);
	EXPECT_EQ(before + KIB(64), mapped_bytes(self->ctx.fd, self->ctx.vm));
	ASSERT_OK(aci_gate_open(&self->gate));
	EXPECT_OK(aci_sync_result(self->ctx.fd, out, 0));
}

/* In a LONG_RUNNING VM no fence of the driver waits for one of user space. */
TEST_F(bind_async, long_running_waits_in_the_call)
{
	struct drm_aci_vm_create vm = { .mode = DRM_ACI_VM_LONG_RUNNING };
	struct sync_call call = {
		.fd = self->ctx.fd, .flags = ASYNC, .op = map_op(self->a, 0, self->va, KIB(64)),
		.sync.handle = self->gate_syncobj,
	};
	pthread_t thread;

	ASSERT_OK(aci_ioctl(self->ctx.fd, DRM_IOCTL_ACI_VM_CREATE, &vm));
	call.vm = vm.vm_id;
	ASSERT_OK(sync_call_start(&call, &thread));
	EXPECT_FALSE(sync_call_ended(&call, A_WHILE_MS));
	EXPECT_EQ(0, mapped_bytes(self->ctx.fd, vm.vm_id));
	ASSERT_OK(aci_gate_open(&self->gate));
	EXPECT_TRUE(sync_call_ended(&call, (int)(aci_wait_ns() / 1000000)));
	ASSERT_OK(pthread_join(thread, NULL));
	EXPECT_OK(call.err);
	EXPECT_EQ(1, call.done);
	EXPECT_EQ(KIB(64), mapped_bytes(self->ctx.fd, vm.vm_id));
}

TEST_F(bind_async, long_running_interrupted)
{
	struct drm_aci_vm_create vm = { .mode = DRM_ACI_VM_LONG_RUNNING };
	struct sync_call call = {
		.fd = self->ctx.fd, .flags = ASYNC, .op = map_op(self->a, 0, self->va, KIB(64)),
		.sync.handle = self->gate_syncobj, .once = true,
	};
	pthread_t thread;

	ASSERT_OK(aci_ioctl(self->ctx.fd, DRM_IOCTL_ACI_VM_CREATE, &vm));
	call.vm = vm.vm_id;
	ASSERT_OK(sync_call_start(&call, &thread));
	EXPECT_FALSE(sync_call_ended(&call, A_WHILE_MS));
	interrupt(&call, thread);
	EXPECT_EQ(-EINTR, call.err);
	EXPECT_EQ(0, call.done);
	EXPECT_EQ(0, mapped_bytes(self->ctx.fd, vm.vm_id));
	EXPECT_OK(aci_vm_destroy(self->ctx.fd, vm.vm_id));
}

TEST_F(bind_async, long_running_out_fence)
{
	struct drm_aci_vm_create vm = { .mode = DRM_ACI_VM_LONG_RUNNING };
	struct drm_aci_bind_op op = map_op(self->a, 0, self->va, KIB(64));
	struct drm_aci_sync out = { .flags = SIGNAL };
	struct drm_aci_vm_bind args;

	ASSERT_OK(aci_ioctl(self->ctx.fd, DRM_IOCTL_ACI_VM_CREATE, &vm));
	ASSERT_OK(aci_sync_new(self->ctx.fd, &out.handle));
	args = bind_args(vm.vm_id, ASYNC, &op, 1, &out, 1);
	ASSERT_OK(aci_ioctl(self->ctx.fd, DRM_IOCTL_ACI_VM_BIND, &args));
	EXPECT_OK(aci_sync_result(self->ctx.fd, out.handle, 0));
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

/* --- Ends of objects while binds are pending whose fence does not come --- */

TEST_F(bind_async, vm_destroy_cancels)
{
	__u64 before = aci_card_free_bytes(self->ctx.fd);
	__u32 card, out, vm = self->ctx.vm;
	int sync_file;

	ASSERT_OK(aci_bo_create(self->ctx.fd, MIB(4), DRM_ACI_PLACEMENT_CARD, 0, &card));
	ASSERT_OK(aci_bind(self->ctx.fd, vm, card, 0, self->va, MIB(4), 0));
	/* One bind that unmaps it, one that maps it again. */
	ASSERT_OK(bind_gated(self, unmap_op(self->va, MIB(2)), &out));
	ASSERT_OK(bind_gated(self, map_op(card, 0, self->va + MIB(4), MIB(4)), &out));
	ASSERT_OK(aci_bo_close(self->ctx.fd, card));
	sync_file = aci_sync_export(self->ctx.fd, out);
	ASSERT_LE(0, sync_file);
	EXPECT_EQ(-EBUSY, aci_vm_destroy(self->ctx.fd, vm));
	EXPECT_EQ(0, aci_sync_file_status(sync_file));
	ASSERT_OK(aci_queue_destroy(self->ctx.fd, self->ctx.queue));
	EXPECT_EQ(0, aci_sync_file_status(sync_file));
	ASSERT_OK(aci_vm_destroy(self->ctx.fd, vm));
	EXPECT_EQ(-ECANCELED, aci_sync_file_status(sync_file));
	EXPECT_EQ(before, aci_card_free_bytes(self->ctx.fd));
	ASSERT_OK(aci_gate_open(&self->gate));
	close(sync_file);
}

TEST_F(bind_async, queue_destroy_leaves_binds_alone)
{
	__u32 out;

	ASSERT_OK(bind_gated(self, map_op(self->a, 0, self->va, KIB(64)), &out));
	ASSERT_OK(aci_queue_destroy(self->ctx.fd, self->ctx.queue));
	ASSERT_OK(aci_gate_open(&self->gate));
	EXPECT_OK(aci_sync_result(self->ctx.fd, out, 0));
	EXPECT_EQ(1, card_sees(self, self->va, KIB(64), 0xaa));
}

/* A job that waits for a bind that waits for the queue's VM to go: cancelled in turn. */
TEST_F(bind_async, close_cancels)
{
	struct drm_aci_sync syncs[2] = { { 0 }, { .flags = SIGNAL } };
	struct aci_desc nop = desc_nop();
	int bind_file, job_file, watch;
	__u64 before;
	__u32 card;

	watch = aci_open(0);
	ASSERT_LE(0, watch);
	before = aci_card_free_bytes(watch);
	ASSERT_OK(aci_bo_create(self->ctx.fd, MIB(4), DRM_ACI_PLACEMENT_CARD, 0, &card));
	ASSERT_OK(bind_gated(self, map_op(card, 0, self->va, MIB(4)), &syncs[0].handle));
	ASSERT_OK(aci_sync_new(self->ctx.fd, &syncs[1].handle));
	ASSERT_OK(aci_submit(self->ctx.fd, self->ctx.queue, &nop, 1, syncs, 2));
	bind_file = aci_sync_export(self->ctx.fd, syncs[0].handle);
	job_file = aci_sync_export(self->ctx.fd, syncs[1].handle);
	ASSERT_LE(0, bind_file);
	ASSERT_LE(0, job_file);
	ASSERT_OK(munmap(self->host.map, self->host.bytes));
	ASSERT_OK(munmap(self->map_a, MIB(4)));
	ASSERT_OK(munmap(self->map_b, MIB(4)));
	aci_ctx_fini(&self->ctx);
	EXPECT_EQ(-ECANCELED, aci_sync_file_result(bind_file));
	EXPECT_EQ(-ECANCELED, aci_sync_file_result(job_file));
	EXPECT_TRUE(aci_card_memory_is_back(watch, before));
	ASSERT_OK(aci_gate_open(&self->gate));
	close(watch);
}

/* The process dies in a synchronous bind behind one whose fence does not come. */
TEST_F(bind_async, kill_cancels)
{
	__u64 before = aci_card_free_bytes(self->ctx.fd);
	int pipe_fd[2], status, sync_file = self->gate.sync_file;
	char byte;
	pid_t pid;

	ASSERT_OK(pipe(pipe_fd));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		struct drm_aci_bind_op op;
		struct drm_aci_sync in = { 0 };
		struct drm_aci_vm_bind args;
		struct aci_ctx ctx;
		__u32 card;

		if (aci_ctx_init(&ctx, 0, ACI_ENGINE_CLASS_COPY, 0) ||
		    aci_bo_create(ctx.fd, MIB(4), DRM_ACI_PLACEMENT_CARD, 0, &card) ||
		    aci_sync_new(ctx.fd, &in.handle) ||
		    aci_sync_import(ctx.fd, in.handle, sync_file))
			_exit(1);
		op = map_op(card, 0, ctx.next_va, MIB(4));
		args = bind_args(ctx.vm, ASYNC, &op, 1, &in, 1);
		if (aci_ioctl(ctx.fd, DRM_IOCTL_ACI_VM_BIND, &args) ||
		    write(pipe_fd[1], "", 1) != 1)
			_exit(1);
		aci_unbind(ctx.fd, ctx.vm, ctx.next_va, MIB(4));
		_exit(2);
	}
	ASSERT_EQ(1, read(pipe_fd[0], &byte, 1));
	EXPECT_EQ(before - MIB(4), aci_card_free_bytes(self->ctx.fd));
	ASSERT_OK(kill(pid, SIGKILL));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_TRUE(WIFSIGNALED(status));
	EXPECT_TRUE(aci_card_memory_is_back(self->ctx.fd, before));
	ASSERT_OK(aci_gate_open(&self->gate));
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

/* --- Refusals: a good request with one thing wrong --- */

struct async_request {
	struct drm_aci_vm_bind bind;
	struct drm_aci_bind_op op;
	struct {
		struct drm_aci_sync sync;
		__u64 tail;
	} syncs[2];			/* one in, one out */
	__u32 unset;			/* a syncobj without a fence */
};

FIXTURE(async_refuse) {
	struct aci_ctx ctx;
	struct async_request request;
};

FIXTURE_VARIANT(async_refuse) {
	void (*spoil)(struct async_request *request);
	int error;
};

#define ASYNC_REFUSE(name, code, error)							\
	static void async_spoil_##name(struct async_request *r) { code; }		\
	FIXTURE_VARIANT_ADD(async_refuse, name) { async_spoil_##name, error }

ASYNC_REFUSE(flag_unknown, r->bind.flags |= 2, -EINVAL);
ASYNC_REFUSE(pad, r->bind.pad = 1, -EINVAL);
ASYNC_REFUSE(syncs_without_async, r->bind.flags = 0, -EINVAL);
ASYNC_REFUSE(no_operations_without_async, r->bind.flags = 0; r->bind.syncs.count = 0;
	     r->bind.syncs.ptr = 0; r->bind.ops.count = 0; r->bind.ops.ptr = 0, -EINVAL);
ASYNC_REFUSE(operation, r->op.size = 0, -EINVAL);
ASYNC_REFUSE(in_without_fence, r->syncs[0].sync.handle = r->unset, -EINVAL);
ASYNC_REFUSE(in_unknown, r->syncs[0].sync.handle = 0x7fffffff, -ENOENT);
ASYNC_REFUSE(in_zero, r->syncs[0].sync.handle = 0, -ENOENT);
ASYNC_REFUSE(in_point_of_binary, r->syncs[0].sync.point = 1, -EINVAL);
ASYNC_REFUSE(in_flag_unknown, r->syncs[0].sync.flags = 4, -EINVAL);
ASYNC_REFUSE(out_unknown, r->syncs[1].sync.handle = 0x7fffffff, -ENOENT);
ASYNC_REFUSE(out_point_of_binary, r->syncs[1].sync.point = 1, -EINVAL);
ASYNC_REFUSE(out_point_zero, r->syncs[1].sync.flags |= TIMELINE, -EINVAL);
ASYNC_REFUSE(syncs_bad_pointer, r->bind.syncs.ptr = 8, -EFAULT);
ASYNC_REFUSE(syncs_stride_small, r->bind.syncs.stride = sizeof(struct drm_aci_sync) - 4, -EINVAL);
ASYNC_REFUSE(syncs_stride_zero, r->bind.syncs.stride = 0, -EINVAL);
ASYNC_REFUSE(syncs_tail, r->syncs[1].tail = 1, -E2BIG);
ASYNC_REFUSE(syncs_pointer_without_count, r->bind.syncs.count = 0, -EINVAL);
ASYNC_REFUSE(syncs_too_many, r->bind.syncs.count = 1025, -EINVAL);
ASYNC_REFUSE(syncs_huge_count, r->bind.syncs.count = ~0u, -EINVAL);
ASYNC_REFUSE(ops_pointer_without_count, r->bind.ops.count = 0, -EINVAL);

FIXTURE_SETUP(async_refuse)
{
	struct async_request *request = &self->request;
	struct aci_desc nop = desc_nop();
	__u32 handle;

	ASSERT_OK(aci_ctx_init(&self->ctx, 0, ACI_ENGINE_CLASS_COPY, 0));
	ASSERT_OK(aci_bo_create(self->ctx.fd, KIB(64), DRM_ACI_PLACEMENT_HOST, 0, &handle));
	ASSERT_OK(aci_submit_out(self->ctx.fd, self->ctx.queue, &nop, 1,
				 &request->syncs[0].sync.handle));
	request->syncs[1].sync.flags = SIGNAL;
	ASSERT_OK(aci_sync_new(self->ctx.fd, &request->syncs[1].sync.handle));
	ASSERT_OK(aci_sync_new(self->ctx.fd, &request->unset));
	request->op = map_op(handle, 0, aci_ctx_take_va(&self->ctx, KIB(64)), KIB(64));
	request->bind = bind_args(self->ctx.vm, ASYNC, &request->op, 1, &request->syncs[0].sync, 2);
	request->bind.syncs.stride = sizeof(request->syncs[0]);
}

FIXTURE_TEARDOWN(async_refuse)
{
	aci_ctx_fini(&self->ctx);
}

TEST_F(async_refuse, refused)
{
	struct async_request good = self->request;

	variant->spoil(&self->request);
	EXPECT_EQ(variant->error, aci_ioctl(self->ctx.fd, DRM_IOCTL_ACI_VM_BIND,
					    &self->request.bind));
	EXPECT_EQ(0, self->request.bind.done);
	EXPECT_EQ(0, mapped_bytes(self->ctx.fd, self->ctx.vm));
	/* No syncobj was touched. */
	EXPECT_EQ(-EINVAL, aci_sync_export(self->ctx.fd, good.syncs[1].sync.handle));
	/* It was only the spoilt field. */
	good.bind.ops.ptr = USER_PTR(&good.op);
	good.bind.syncs.ptr = USER_PTR(good.syncs);
	ASSERT_OK(aci_ioctl(self->ctx.fd, DRM_IOCTL_ACI_VM_BIND, &good.bind));
	EXPECT_OK(aci_sync_result(self->ctx.fd, good.syncs[1].sync.handle, 0));
}

TEST_HARNESS_MAIN
