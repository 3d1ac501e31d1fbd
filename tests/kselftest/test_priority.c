// SPDX-License-Identifier: GPL-2.0
/*
 * Priorities of queues: who may have which, who goes before whom, also inside a
 * job that runs for long, and that nobody starves. Order and counts are
 * compared, not clocks: the machine is shared.
 */
#include <grp.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <aci/aci_tcs.h>

#include "aci_harness.h"

#define NOBODY		65534
#define LONG_MS		600000
#define BIG		MIB(32)
#define FILLS		63	/* of one job; the ring has 64 entries */

FIXTURE(priority) {
	struct aci_ctx ctx;
	struct aci_buf big;
};

FIXTURE_SETUP(priority)
{
	ASSERT_OK(aci_ctx_init(&self->ctx, 0, ACI_ENGINE_CLASS_COPY, LONG_MS));
	ASSERT_OK(aci_buf_init(&self->ctx, &self->big, BIG, DRM_ACI_PLACEMENT_CARD, 0));
}

FIXTURE_TEARDOWN(priority)
{
	aci_ctx_fini(&self->ctx);
}

static int make_queue(struct aci_ctx *ctx, __u32 engine_class, __u32 priority, __u32 *queue)
{
	struct drm_aci_queue_create create = {
		.vm_id = ctx->vm, .engine_class = engine_class, .priority = priority,
		.ring_entries = 64, .timeout_ms = LONG_MS,
	};
	int err = aci_ioctl(ctx->fd, DRM_IOCTL_ACI_QUEUE_CREATE, &create);

	*queue = create.queue_id;
	return err;
}

/* One job of many fills: long, and nothing in it but a few descriptors that take their time. */
static int submit_fills(struct aci_ctx *ctx, __u32 queue, const struct aci_buf *buf,
			unsigned int count, __u32 *out)
{
	struct aci_desc descs[FILLS];
	unsigned int i;

	for (i = 0; i < count; i++)
		descs[i] = desc_fill(buf->va, buf->bytes, i, 1);
	return aci_submit_out(ctx->fd, queue, descs, count, out);
}

static int wait_busy(const char *engine_class)
{
	__u64 end = now_ns() + aci_wait_ns();

	while (!card_engine_busy(engine_class))
		if (now_ns() > end)
			return -ETIME;
	return 0;
}

/* A figure of the first engine of a class, from the card's own counters. */
static long long engine_figure(const char *engine_class, const char *name)
{
	static char reply[1 << 16];
	char key[64];
	const char *at;

	if (card_ctl("stats", reply, sizeof(reply)))
		return -1;
	snprintf(key, sizeof(key), "{\"class\":\"%s\"", engine_class);
	at = strstr(reply, key);
	snprintf(key, sizeof(key), "\"%s\":", name);
	at = at ? strstr(at, key) : NULL;
	return at ? atoll(at + strlen(key)) : -1;
}

static __u64 active_ns(struct aci_ctx *ctx, __u32 queue)
{
	struct drm_aci_query_queue state = { 0 };

	aci_query(ctx->fd, DRM_ACI_QUERY_QUEUE, queue, &state, sizeof(state));
	return state.active_ns;
}

static int nobody_asks_for(__u32 priority)
{
	struct aci_ctx ctx;
	__u32 queue;
	int err;

	/* Opened by root, used by nobody: what counts is who asks. */
	if (aci_ctx_init(&ctx, 0, ACI_ENGINE_CLASS_COPY, LONG_MS))
		return 100;
	if (setgroups(0, NULL) || setgid(NOBODY) || setuid(NOBODY))
		return 101;
	err = make_queue(&ctx, ACI_ENGINE_CLASS_COPY, priority, &queue);
	aci_ctx_fini(&ctx);
	return -err;
}

static int ask_as_nobody(__u32 priority)
{
	pid_t pid = fork();
	int status;

	if (!pid)
		_exit(nobody_asks_for(priority));
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return -1;
	return WEXITSTATUS(status);
}

TEST_F(priority, highest_needs_cap_sys_nice)
{
	struct drm_aci_query_device device;
	__u32 queue;

	ASSERT_OK(aci_query(self->ctx.fd, DRM_ACI_QUERY_DEVICE, 0, &device, sizeof(device)));
	EXPECT_LE(3, device.priorities);
	EXPECT_OK(make_queue(&self->ctx, ACI_ENGINE_CLASS_COPY, ACI_PRIORITY_HIGH, &queue));
	EXPECT_EQ(0, ask_as_nobody(ACI_PRIORITY_LOW));
	EXPECT_EQ(0, ask_as_nobody(ACI_PRIORITY_NORMAL));
	EXPECT_EQ(EPERM, ask_as_nobody(ACI_PRIORITY_HIGH));
	EXPECT_EQ(-EINVAL, make_queue(&self->ctx, ACI_ENGINE_CLASS_COPY, device.priorities, &queue));
}

/* Jobs of high priority run while a long one is in the middle of its work. */
TEST_F(priority, high_starts_inside_a_copy_job)
{
	__u32 low, high, out;
	struct aci_desc nop = desc_nop();
	long long before, late;
	unsigned int i, rounds = 0;

	ASSERT_OK(make_queue(&self->ctx, ACI_ENGINE_CLASS_COPY, ACI_PRIORITY_LOW, &low));
	ASSERT_OK(make_queue(&self->ctx, ACI_ENGINE_CLASS_COPY, ACI_PRIORITY_HIGH, &high));
	before = engine_figure("copy", "preemptions");
	late = engine_figure("copy", "preempt_late");
	ASSERT_LE(0, before);
	for (i = 0; i < 20; i++) {
		ASSERT_OK(submit_fills(&self->ctx, low, &self->big, FILLS, &out));
		ASSERT_OK(wait_busy("copy"));
		ASSERT_OK(aci_run(self->ctx.fd, high, &nop, 1));
		/* The long one may have ended meanwhile where the machine was slow with us. */
		rounds += aci_sync_wait(self->ctx.fd, out, 0, 0) == -ETIME;
		ASSERT_OK(aci_sync_result(self->ctx.fd, out, 0));
		aci_sync_free(self->ctx.fd, out);
	}
	EXPECT_LE(10, rounds);
	before = engine_figure("copy", "preemptions") - before;
	EXPECT_LE(10, before);
	/* By the card's own clock hardly any took longer than Identify says. */
	EXPECT_GE(before / 5 + 1, engine_figure("copy", "preempt_late") - late);
}

struct matmul {
	struct aci_tcs_header header;
	struct aci_tcs_tensor tensors[3] __attribute__((aligned(16)));
	struct aci_tcs_op ops[32] __attribute__((aligned(16)));
	struct aci_arg args[3] __attribute__((aligned(16)));
};

#define SIDE	1024

static void fill_matmul(struct matmul *program, const struct aci_buf *buf)
{
	const __u64 bytes = (__u64)SIDE * SIDE * 4;
	unsigned int i;

	memset(program, 0, sizeof(*program));
	program->header = (struct aci_tcs_header){
		.magic = ACI_TCS_MAGIC,
		.version = ACI_TCS_VERSION_MAJOR << 16 | ACI_TCS_VERSION_MINOR,
		.program_bytes = offsetof(struct matmul, args),
		.tensor_count = 3, .op_count = ARRAY_SIZE(program->ops), .arg_count = 3,
		.tensors_offset = offsetof(struct matmul, tensors),
		.ops_offset = offsetof(struct matmul, ops), .workspace_slot = ACI_TCS_NONE,
	};
	for (i = 0; i < 3; i++) {
		program->tensors[i] = (struct aci_tcs_tensor){
			.type = ACI_TCS_TYPE_F32, .rank = 2, .slot = i,
			.offset_slot = ACI_TCS_NONE, .shape = { SIDE, SIDE }, .stride = { SIDE, 1 },
		};
		program->args[i] = (struct aci_arg){ .value = buf->va + i * bytes, .bytes = bytes };
	}
	for (i = 0; i < ARRAY_SIZE(program->ops); i++) {
		struct aci_tcs_op *op = &program->ops[i];

		op->opcode = ACI_TCS_OP_MATMUL;
		memset(op->in, 0xff, sizeof(op->in));
		memset(op->out, 0xff, sizeof(op->out));
		op->in[1] = 1;
		op->in[0] = 0;
		op->out[0] = 2;
	}
}

/* The same inside a program: 32 products of a thousand by a thousand, about a second. */
TEST_F(priority, high_starts_inside_a_matmul)
{
	struct aci_desc exec = { .opcode = ACI_OP_EXEC }, nop = desc_nop();
	struct drm_aci_query_device device;
	struct aci_buf program;
	unsigned int i, rounds = 0;
	__u32 low, high, out;

	ASSERT_OK(aci_query(self->ctx.fd, DRM_ACI_QUERY_DEVICE, 0, &device, sizeof(device)));
	if (!(device.cap & ACI_CAP_TCS))
		SKIP(return, "card without the tensor command set");
	ASSERT_OK(aci_buf_init(&self->ctx, &program, KIB(64), DRM_ACI_PLACEMENT_HOST, 0));
	fill_matmul(program.map, &self->big);
	exec.exec.program = program.va;
	exec.exec.program_bytes = offsetof(struct matmul, args);
	exec.exec.arg_count = 3;
	exec.exec.args = program.va + offsetof(struct matmul, args);
	exec.exec.set = ACI_SET_TCS;
	ASSERT_OK(make_queue(&self->ctx, ACI_ENGINE_CLASS_COMPUTE, ACI_PRIORITY_LOW, &low));
	ASSERT_OK(make_queue(&self->ctx, ACI_ENGINE_CLASS_COMPUTE, ACI_PRIORITY_HIGH, &high));
	ASSERT_OK(aci_run_one(&self->ctx, desc_fill(self->big.va, BIG, 0, 1)));
	for (i = 0; i < 4; i++) {
		ASSERT_OK(aci_submit_out(self->ctx.fd, low, &exec, 1, &out));
		ASSERT_OK(wait_busy("compute"));
		ASSERT_OK(aci_run(self->ctx.fd, high, &nop, 1));
		rounds += aci_sync_wait(self->ctx.fd, out, 0, 0) == -ETIME;
		ASSERT_OK(aci_sync_result(self->ctx.fd, out, 0));
		aci_sync_free(self->ctx.fd, out);
	}
	EXPECT_LE(2, rounds);
}

/* Two queues of one level have their turns: neither is done before the other is well under way. */
TEST_F(priority, equals_take_turns)
{
	__u32 queues[2], outs[2];
	unsigned int i;
	__u64 other_ns;

	for (i = 0; i < 2; i++)
		ASSERT_OK(make_queue(&self->ctx, ACI_ENGINE_CLASS_COPY, ACI_PRIORITY_NORMAL,
				     &queues[i]));
	for (i = 0; i < 2; i++)
		ASSERT_OK(submit_fills(&self->ctx, queues[i], &self->big, FILLS, &outs[i]));
	ASSERT_OK(aci_sync_result(self->ctx.fd, outs[0], 0));
	other_ns = active_ns(&self->ctx, queues[1]);
	ASSERT_OK(aci_sync_result(self->ctx.fd, outs[1], 0));
	EXPECT_LE(active_ns(&self->ctx, queues[0]) / 4, other_ns);
}

/* A queue of low priority gets its minimum share beside one of high priority that never rests. */
TEST_F(priority, low_is_not_starved)
{
	__u32 low, high, out[2], small;
	__u64 end;
	unsigned int i = 0;

	ASSERT_OK(make_queue(&self->ctx, ACI_ENGINE_CLASS_COPY, ACI_PRIORITY_LOW, &low));
	ASSERT_OK(make_queue(&self->ctx, ACI_ENGINE_CLASS_COPY, ACI_PRIORITY_HIGH, &high));
	for (i = 0; i < 2; i++)
		ASSERT_OK(submit_fills(&self->ctx, high, &self->big, FILLS / 2, &out[i]));
	ASSERT_OK(wait_busy("copy"));
	ASSERT_OK(submit_fills(&self->ctx, low, &self->big, 1, &small));
	/* Two jobs are always on the ring of the high one, until the low one is through. */
	end = now_ns() + aci_wait_ns();
	for (i = 0; aci_sync_wait(self->ctx.fd, small, 0, 0) == -ETIME && now_ns() < end; i ^= 1) {
		ASSERT_OK(aci_sync_result(self->ctx.fd, out[i], 0));
		aci_sync_free(self->ctx.fd, out[i]);
		ASSERT_OK(submit_fills(&self->ctx, high, &self->big, FILLS / 2, &out[i]));
	}
	EXPECT_OK(aci_sync_wait(self->ctx.fd, small, 0, 0));
	/* Before the other one was: that one is still at work. */
	EXPECT_EQ(-ETIME, aci_sync_wait(self->ctx.fd, out[i ^ 1], 0, 0));
	ASSERT_OK(aci_queue_destroy(self->ctx.fd, high));
}

TEST_HARNESS_MAIN
