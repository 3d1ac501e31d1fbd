// SPDX-License-Identifier: GPL-2.0
/* Two processes on one card: neither reaches the other's memory, whatever addresses it uses. */
#include "aci_harness.h"

#define SECRET_SEED	0x5ec2e7

/* What the victim tells the attacker, and how they take turns. */
struct shared {
	__u64 vas[4];		/* where its buffers are in its VM */
	__u32 handles[4];
	__u32 vm;
	__u32 queue;
	int failed;
};

FIXTURE(isolation) {
	struct aci_ctx ctx;
	struct aci_buf host;
	struct shared *shared;
	pid_t victim;
	int to_victim[2];
	int to_attacker[2];
};

static void turn_give(int *pipe_fds)
{
	if (write(pipe_fds[1], "x", 1) != 1)
		_exit(99);
}

/* Bounded by the life of the other side: its end closes the pipe. */
static bool turn_take(int *pipe_fds)
{
	char c;

	return read(pipe_fds[0], &c, 1) == 1;
}

/* Four buffers of both placements with secrets; checks them when the attack is over. */
static int victim_run(FIXTURE_DATA(isolation) *self)
{
	struct shared *shared = self->shared;
	struct aci_buf bufs[4], check;
	struct aci_ctx ctx;
	unsigned int i;

	if (aci_ctx_init(&ctx, 0, ACI_ENGINE_CLASS_COPY, 0))
		return 1;
	/* Other addresses and other ids than the attacker's. */
	ctx.next_va += MIB(512);
	for (i = 0; i < 3; i++)
		if (aci_queue_create(ctx.fd, ctx.vm, ACI_ENGINE_CLASS_COPY, 64, 0, &ctx.queue))
			return 2;
	if (aci_buf_init(&ctx, &check, KIB(64), DRM_ACI_PLACEMENT_HOST, 0))
		return 3;
	for (i = 0; i < 4; i++) {
		if (aci_buf_init(&ctx, &bufs[i], KIB(64), i & 1, 0))
			return 4;
		data_fill(check.map, KIB(64), SECRET_SEED + i);
		if (aci_run_one(&ctx, desc_copy(check.va, bufs[i].va, KIB(64))))
			return 5;
		shared->vas[i] = bufs[i].va;
		shared->handles[i] = bufs[i].handle;
	}
	shared->vm = ctx.vm;
	shared->queue = ctx.queue;
	turn_give(self->to_attacker);
	if (!turn_take(self->to_victim))
		return 6;
	for (i = 0; i < 4; i++) {
		memset(check.map, 0, KIB(64));
		if (aci_run_one(&ctx, desc_copy(bufs[i].va, check.va, KIB(64))))
			return 7;
		if (data_check(check.map, KIB(64), SECRET_SEED + i) >= 0)
			return 8;
	}
	return 0;
}

FIXTURE_SETUP(isolation)
{
	self->shared = mmap(NULL, sizeof(*self->shared), PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->shared);
	ASSERT_OK(pipe(self->to_victim));
	ASSERT_OK(pipe(self->to_attacker));
	self->victim = fork();
	ASSERT_LE(0, self->victim);
	if (!self->victim) {
		close(self->to_victim[1]);
		close(self->to_attacker[0]);
		_exit(victim_run(self));
	}
	close(self->to_victim[0]);
	close(self->to_attacker[1]);
	ASSERT_TRUE(turn_take(self->to_attacker));
	ASSERT_OK(aci_ctx_init(&self->ctx, 0, ACI_ENGINE_CLASS_COPY, 0));
	ASSERT_OK(aci_buf_init(&self->ctx, &self->host, KIB(64), DRM_ACI_PLACEMENT_HOST, 0));
}

FIXTURE_TEARDOWN(isolation)
{
	aci_ctx_fini(&self->ctx);
}

/* The victim checks its memory and ends. Return: its exit status. */
static int victim_check(FIXTURE_DATA(isolation) *self)
{
	int status;

	turn_give(self->to_victim);
	if (waitpid(self->victim, &status, 0) != self->victim || !WIFEXITED(status))
		return -1;
	return WEXITSTATUS(status);
}

/* On a queue of its own, because queues that fail again and again are banned. */
static bool attack_faults(FIXTURE_DATA(isolation) *self, struct aci_desc desc)
{
	struct drm_aci_query_queue state = { 0 };
	struct aci_ctx *ctx = &self->ctx;
	__u32 queue;
	int err;

	if (aci_queue_create(ctx->fd, ctx->vm, ACI_ENGINE_CLASS_COPY, 64, 0, &queue))
		return false;
	err = aci_run(ctx->fd, queue, &desc, 1);
	if (aci_query(ctx->fd, DRM_ACI_QUERY_QUEUE, queue, &state, sizeof(state)) ||
	    aci_queue_destroy(ctx->fd, queue))
		return false;
	return err == ACI_JOB_FAULT && state.error == ACI_STATUS_PAGE_FAULT;
}

TEST_F(isolation, own_memory_works)
{
	struct aci_buf card;

	ASSERT_OK(aci_buf_init(&self->ctx, &card, KIB(32), DRM_ACI_PLACEMENT_CARD, 0));
	data_fill(self->host.map, KIB(32), 1);
	ASSERT_OK(aci_run_one(&self->ctx, desc_copy(self->host.va, card.va, KIB(32))));
	ASSERT_OK(aci_run_one(&self->ctx, desc_copy(card.va, self->host.va + KIB(32), KIB(32))));
	EXPECT_EQ(-1, data_check((char *)self->host.map + KIB(32), KIB(32), 1));
	EXPECT_EQ(0, victim_check(self));
}

TEST_F(isolation, victims_addresses_fault)
{
	unsigned int i;
	__u64 at;

	for (i = 0; i < 4; i++) {
		for (at = 0; at < KIB(64); at += KIB(16)) {
			__u64 va = self->shared->vas[i] + at;

			memset(self->host.map, 0, KIB(4));
			ASSERT_TRUE(attack_faults(self, desc_copy(va, self->host.va, KIB(4))));
			ASSERT_TRUE(data_is(self->host.map, KIB(4), 0));
			ASSERT_TRUE(attack_faults(self, desc_fill(va, KIB(4), 0, 8)));
			ASSERT_TRUE(attack_faults(self, desc_signal(va, 0)));
			ASSERT_TRUE(attack_faults(self, desc_timestamp(va)));
		}
	}
	EXPECT_EQ(0, victim_check(self));
}

/* All over the address space, as if it were physical memory: nothing but faults. */
TEST_F(isolation, scan_finds_nothing)
{
	unsigned int shift;
	__u64 va, k;

	for (shift = 12; shift < 48; shift++) {
		for (k = 1; k <= 3; k += 2) {
			va = k << shift;
			if (va >> 48 || (va >= self->host.va &&
					 va < self->host.va + self->host.bytes))
				continue;
			ASSERT_TRUE(attack_faults(self, desc_copy(va, self->host.va, 8)));
			ASSERT_TRUE(attack_faults(self, desc_fill(va, 8, 0, 8)));
		}
	}
	ASSERT_TRUE(attack_faults(self, desc_copy(0, self->host.va, 8)));
	EXPECT_TRUE(data_is(self->host.map, KIB(64), 0));
	EXPECT_EQ(0, victim_check(self));
}

/* The same address in both VMs means each one's own memory. */
TEST_F(isolation, same_address_is_own_memory)
{
	unsigned int i;

	for (i = 0; i < 4; i++) {
		__u32 handle;

		ASSERT_OK(aci_bo_create(self->ctx.fd, KIB(64), i & 1, 0, &handle));
		ASSERT_OK(aci_bind(self->ctx.fd, self->ctx.vm, handle, 0, self->shared->vas[i],
				   KIB(64), 0));
		memset(self->host.map, 0xff, KIB(64));
		ASSERT_OK(aci_run_one(&self->ctx, desc_copy(self->shared->vas[i], self->host.va,
							   KIB(64))));
		EXPECT_TRUE(data_is(self->host.map, KIB(64), 0));
		ASSERT_OK(aci_run_one(&self->ctx, desc_fill(self->shared->vas[i], KIB(64), 0xee,
							   1)));
	}
	EXPECT_EQ(0, victim_check(self));
}

/* Ids and handles are numbers of a file: the victim's mean nothing here, or our own. */
TEST_F(isolation, victims_ids_are_unknown)
{
	struct drm_aci_bo_mmap_offset offset = { 0 };
	struct aci_desc nop = desc_nop();
	__u64 va = aci_ctx_take_va(&self->ctx, KIB(64));
	unsigned int i;
	__u8 state[256];

	ASSERT_NE(self->ctx.queue, self->shared->queue);
	EXPECT_EQ(-ENOENT, aci_submit(self->ctx.fd, self->shared->queue, &nop, 1, NULL, 0));
	EXPECT_EQ(-ENOENT, aci_query(self->ctx.fd, DRM_ACI_QUERY_QUEUE, self->shared->queue, state,
				     sizeof(state)));
	EXPECT_EQ(-ENOENT, aci_queue_destroy(self->ctx.fd, self->shared->queue));
	for (i = 0; i < 4; i++) {
		if (self->shared->handles[i] == self->host.handle)
			continue;
		offset.handle = self->shared->handles[i];
		EXPECT_EQ(-ENOENT, aci_ioctl(self->ctx.fd, DRM_IOCTL_ACI_BO_MMAP_OFFSET, &offset));
		EXPECT_EQ(-ENOENT, aci_bind(self->ctx.fd, self->ctx.vm, self->shared->handles[i], 0,
					    va, KIB(64), 0));
	}
	EXPECT_EQ(0, victim_check(self));
}

TEST_HARNESS_MAIN
