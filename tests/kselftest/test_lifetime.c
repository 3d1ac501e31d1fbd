// SPDX-License-Identifier: GPL-2.0
/* Objects that end in every order, and processes that end in the middle of work. */
#include <fcntl.h>
#include <signal.h>

#include "aci_harness.h"

FIXTURE(lifetime) {
	int fd;			/* an idle file that watches the card */
	__u64 free_bytes;
};

/* Queues that can still be made. All are destroyed again. */
static unsigned int queues_free(int fd)
{
	static __u32 queues[1024];
	unsigned int count = 0, i;
	__u32 vm;

	if (aci_vm_create(fd, &vm))
		return 0;
	while (count < 1024 && !aci_queue_create(fd, vm, ACI_ENGINE_CLASS_COPY, 64, 0,
						 &queues[count]))
		count++;
	for (i = 0; i < count; i++)
		aci_queue_destroy(fd, queues[i]);
	aci_vm_destroy(fd, vm);
	return count;
}

FIXTURE_SETUP(lifetime)
{
	self->fd = aci_open(0);
	ASSERT_LE(0, self->fd);
	self->free_bytes = aci_card_free_bytes(self->fd);
}

FIXTURE_TEARDOWN(lifetime)
{
	close(self->fd);
}

TEST_F(lifetime, close_frees_everything)
{
	unsigned int round, queues = queues_free(self->fd);
	struct aci_buf card, host;
	struct aci_ctx ctx;

	for (round = 0; round < 20; round++) {
		ASSERT_OK(aci_ctx_init(&ctx, 0, ACI_ENGINE_CLASS_COPY, 0));
		ASSERT_OK(aci_buf_init(&ctx, &card, MIB(8), DRM_ACI_PLACEMENT_CARD, 0));
		ASSERT_OK(aci_buf_init(&ctx, &host, MIB(1), DRM_ACI_PLACEMENT_HOST, 0));
		ASSERT_OK(aci_run_one(&ctx, desc_copy(host.va, card.va, MIB(1))));
		EXPECT_EQ(self->free_bytes - MIB(8), aci_card_free_bytes(self->fd));
		ASSERT_OK(munmap(host.map, host.bytes));
		aci_ctx_fini(&ctx);
		ASSERT_TRUE(aci_card_memory_is_back(self->fd, self->free_bytes));
	}
	EXPECT_EQ(queues, queues_free(self->fd));
}

TEST_F(lifetime, close_with_jobs_queued)
{
	struct drm_aci_sync in = { 0 };
	struct aci_desc descs[16];
	struct aci_gate gate;
	struct aci_buf card;
	struct aci_ctx ctx;
	unsigned int i, k;

	for (i = 0; i < 10; i++) {
		ASSERT_OK(aci_gate_init(&gate));
		ASSERT_OK(aci_ctx_init(&ctx, 0, ACI_ENGINE_CLASS_COPY, 0));
		ASSERT_OK(aci_buf_init(&ctx, &card, MIB(8), DRM_ACI_PLACEMENT_CARD, 0));
		ASSERT_OK(aci_gate_syncobj(&gate, ctx.fd, &in.handle));
		for (k = 0; k < 16; k++)
			descs[k] = desc_fill(card.va, MIB(8), k, 1);
		/* Some run, one waits for ever, more are behind it. */
		ASSERT_OK(aci_submit(ctx.fd, ctx.queue, descs, 16, NULL, 0));
		ASSERT_OK(aci_submit(ctx.fd, ctx.queue, descs, 16, &in, 1));
		ASSERT_OK(aci_submit(ctx.fd, ctx.queue, descs, 16, NULL, 0));
		aci_ctx_fini(&ctx);
		ASSERT_TRUE(aci_card_memory_is_back(self->fd, self->free_bytes));
		if (i & 1)
			ASSERT_OK(aci_gate_open(&gate));
		aci_gate_fini(&gate);
	}
}

/* The order in which the parts of a context end is nobody's business. */
static int end_part(struct aci_ctx *ctx, struct aci_buf *buf, unsigned int part)
{
	int err = 0;

	switch (part) {
	case 0:
		err = aci_queue_destroy(ctx->fd, ctx->queue);
		break;
	case 1:
		err = aci_bo_close(ctx->fd, buf->handle);
		break;
	case 2:
		err = munmap(buf->map, buf->bytes);
		break;
	case 3:
		err = aci_unbind(ctx->fd, ctx->vm, buf->va, buf->bytes);
		break;
	}
	return err;
}

TEST_F(lifetime, orders_of_closing)
{
	static const __u8 orders[][4] = {
		{ 0, 1, 2, 3 }, { 0, 1, 3, 2 }, { 0, 2, 1, 3 }, { 0, 3, 1, 2 }, { 1, 0, 2, 3 },
		{ 1, 2, 0, 3 }, { 1, 2, 3, 0 }, { 1, 3, 2, 0 }, { 2, 0, 1, 3 }, { 2, 1, 0, 3 },
		{ 2, 3, 0, 1 }, { 2, 1, 3, 0 }, { 3, 0, 1, 2 }, { 3, 1, 2, 0 }, { 3, 2, 1, 0 },
		{ 3, 2, 0, 1 },
	};
	unsigned int i, k, parts;
	struct aci_desc desc;
	struct aci_ctx ctx;
	struct aci_buf buf;

	for (i = 0; i < ARRAY_SIZE(orders); i++) {
		/* All parts, or the file closes before the last ones. */
		for (parts = 1; parts <= 4; parts++) {
			ASSERT_OK(aci_ctx_init(&ctx, 0, ACI_ENGINE_CLASS_COPY, 0));
			ASSERT_OK(aci_buf_init(&ctx, &buf, MIB(1), DRM_ACI_PLACEMENT_CARD,
					       DRM_ACI_BO_CPU_ACCESS));
			desc = desc_fill(buf.va, MIB(1), 1, 1);
			/* Still running while things end. */
			ASSERT_OK(aci_submit(ctx.fd, ctx.queue, &desc, 1, NULL, 0));
			for (k = 0; k < parts; k++)
				ASSERT_OK(end_part(&ctx, &buf, orders[i][k]));
			aci_ctx_fini(&ctx);
			for (; k < 4; k++)
				if (orders[i][k] == 2)
					ASSERT_OK(munmap(buf.map, buf.bytes));
			ASSERT_TRUE(aci_card_memory_is_back(self->fd, self->free_bytes));
		}
	}
}

/* The file is gone, its mapping is not: memory stays until the mapping ends. */
TEST_F(lifetime, mapping_outlives_file)
{
	struct aci_ctx ctx;
	struct aci_buf buf;

	ASSERT_OK(aci_ctx_init(&ctx, 0, ACI_ENGINE_CLASS_COPY, 0));
	ASSERT_OK(aci_buf_init(&ctx, &buf, MIB(1), DRM_ACI_PLACEMENT_CARD,
			       DRM_ACI_BO_CPU_ACCESS));
	ASSERT_OK(aci_run_one(&ctx, desc_fill(buf.va, MIB(1), 0x19, 1)));
	aci_ctx_fini(&ctx);
	EXPECT_TRUE(data_is(buf.map, MIB(1), 0x19));
	memset(buf.map, 0x20, MIB(1));
	EXPECT_EQ(self->free_bytes - MIB(1), aci_card_free_bytes(self->fd));
	ASSERT_OK(munmap(buf.map, buf.bytes));
	EXPECT_TRUE(aci_card_memory_is_back(self->fd, self->free_bytes));
}

/* A job in flight keeps what it works on, by its mapping, after the handle is gone. */
TEST_F(lifetime, bo_lives_until_the_job_ends)
{
	struct aci_desc descs[32];
	struct aci_buf card, host;
	struct aci_ctx ctx;
	unsigned int i;
	__u32 out;

	ASSERT_OK(aci_ctx_init(&ctx, 0, ACI_ENGINE_CLASS_COPY, 0));
	ASSERT_OK(aci_buf_init(&ctx, &card, MIB(16), DRM_ACI_PLACEMENT_CARD, 0));
	ASSERT_OK(aci_buf_init(&ctx, &host, MIB(1), DRM_ACI_PLACEMENT_HOST, 0));
	for (i = 0; i < 31; i++)
		descs[i] = desc_fill(card.va, MIB(16), i, 1);
	descs[31] = desc_copy(card.va + MIB(15), host.va, MIB(1));
	ASSERT_OK(aci_submit_out(ctx.fd, ctx.queue, descs, 32, &out));
	ASSERT_OK(aci_bo_close(ctx.fd, card.handle));
	EXPECT_EQ(self->free_bytes - MIB(16), aci_card_free_bytes(self->fd));
	EXPECT_OK(aci_sync_result(ctx.fd, out, 0));
	EXPECT_TRUE(data_is(host.map, MIB(1), 30));
	ASSERT_OK(munmap(host.map, host.bytes));
	aci_ctx_fini(&ctx);
	EXPECT_TRUE(aci_card_memory_is_back(self->fd, self->free_bytes));
}

static void busy_process(int ready)
{
	struct aci_desc descs[32];
	struct aci_buf card, host;
	struct aci_ctx ctx;
	unsigned int i;
	int err;

	if (aci_ctx_init(&ctx, 0, ACI_ENGINE_CLASS_COPY, 0) ||
	    aci_buf_init(&ctx, &card, MIB(16), DRM_ACI_PLACEMENT_CARD, DRM_ACI_BO_CPU_ACCESS) ||
	    aci_buf_init(&ctx, &host, MIB(16), DRM_ACI_PLACEMENT_HOST, 0))
		_exit(1);
	for (i = 0; i < 32; i++)
		descs[i] = desc_copy(i & 1 ? card.va : host.va, i & 1 ? host.va : card.va, MIB(16));
	if (aci_submit(ctx.fd, ctx.queue, descs, 32, NULL, 0) || write(ready, "r", 1) != 1)
		_exit(2);
	for (;;) {
		err = aci_run(ctx.fd, ctx.queue, descs, 32);
		if (err && err != -EAGAIN)
			_exit(3);
	}
}

TEST_F(lifetime, killed_in_the_middle_of_jobs)
{
	unsigned int round, queues = queues_free(self->fd);
	int ready[2], status;
	pid_t child;
	char c;

	for (round = 0; round < 8; round++) {
		ASSERT_OK(pipe(ready));
		child = fork();
		ASSERT_LE(0, child);
		if (!child)
			busy_process(ready[1]);
		close(ready[1]);
		ASSERT_EQ(1, read(ready[0], &c, 1));
		close(ready[0]);
		ASSERT_OK(kill(child, SIGKILL));
		ASSERT_EQ(child, waitpid(child, &status, 0));
		ASSERT_TRUE(WIFSIGNALED(status));
		ASSERT_TRUE(aci_card_memory_is_back(self->fd, self->free_bytes));
	}
	EXPECT_EQ(queues, queues_free(self->fd));
}

TEST_F(lifetime, several_killed_at_once)
{
	enum { PROCESSES = 6 };
	pid_t children[PROCESSES];
	int ready[2], status;
	unsigned int i;
	char c;

	ASSERT_OK(pipe(ready));
	for (i = 0; i < PROCESSES; i++) {
		children[i] = fork();
		ASSERT_LE(0, children[i]);
		if (!children[i])
			busy_process(ready[1]);
	}
	for (i = 0; i < PROCESSES; i++)
		ASSERT_EQ(1, read(ready[0], &c, 1));
	for (i = 0; i < PROCESSES; i++)
		ASSERT_OK(kill(children[i], SIGKILL));
	for (i = 0; i < PROCESSES; i++)
		ASSERT_EQ(children[i], waitpid(children[i], &status, 0));
	EXPECT_TRUE(aci_card_memory_is_back(self->fd, self->free_bytes));
}

/* A forked child shares the file: both use it, and it ends with the last of them. */
TEST_F(lifetime, fork_shares_the_file)
{
	struct aci_ctx ctx;
	struct aci_buf buf;
	int status;
	pid_t child;

	ASSERT_OK(aci_ctx_init(&ctx, 0, ACI_ENGINE_CLASS_COPY, 0));
	ASSERT_OK(aci_buf_init(&ctx, &buf, MIB(1), DRM_ACI_PLACEMENT_HOST, 0));
	child = fork();
	ASSERT_LE(0, child);
	if (!child) {
		int err = aci_run_one(&ctx, desc_fill(buf.va, KIB(512), 0x61, 1));

		/* Leaves by exit: its copy of the file and of the mapping closes. */
		_exit(err || !data_is(buf.map, KIB(512), 0x61));
	}
	ASSERT_OK(aci_run_one(&ctx, desc_fill(buf.va + KIB(512), KIB(512), 0x62, 1)));
	ASSERT_EQ(child, waitpid(child, &status, 0));
	ASSERT_EQ(0, status);
	EXPECT_TRUE(data_is(buf.map, KIB(512), 0x61));
	EXPECT_TRUE(data_is((char *)buf.map + KIB(512), KIB(512), 0x62));
	EXPECT_OK(aci_run_one(&ctx, desc_nop()));
	aci_ctx_fini(&ctx);
}

TEST_F(lifetime, dup_is_the_same_file)
{
	struct aci_ctx ctx;
	struct aci_buf buf;

	ASSERT_OK(aci_ctx_init(&ctx, 0, ACI_ENGINE_CLASS_COPY, 0));
	ASSERT_OK(aci_buf_init(&ctx, &buf, KIB(64), DRM_ACI_PLACEMENT_HOST, 0));
	int copy = dup(ctx.fd);

	ASSERT_LE(0, copy);
	close(ctx.fd);
	ctx.fd = copy;
	ASSERT_OK(aci_run_one(&ctx, desc_fill(buf.va, KIB(64), 0x71, 1)));
	EXPECT_TRUE(data_is(buf.map, KIB(64), 0x71));
	aci_ctx_fini(&ctx);
}

TEST_F(lifetime, many_files)
{
	enum { FILES = 200 };
	int fds[FILES];
	unsigned int i;

	for (i = 0; i < FILES; i++) {
		fds[i] = aci_open(0);
		ASSERT_LE(0, fds[i]);
	}
	for (i = 0; i < FILES; i++) {
		EXPECT_EQ(self->free_bytes, aci_card_free_bytes(fds[i]));
		close(fds[i]);
	}
}

/* What could not be allocated must not stay half allocated. */
TEST_F(lifetime, vm_destroyed_with_mappings)
{
	struct aci_buf card, other;
	struct aci_ctx ctx;

	ASSERT_OK(aci_ctx_init(&ctx, 0, ACI_ENGINE_CLASS_COPY, 0));
	ASSERT_OK(aci_buf_init(&ctx, &card, MIB(4), DRM_ACI_PLACEMENT_CARD, 0));
	ASSERT_OK(aci_buf_init(&ctx, &other, MIB(4), DRM_ACI_PLACEMENT_CARD, 0));
	ASSERT_OK(aci_bo_close(ctx.fd, other.handle));
	ASSERT_OK(aci_queue_destroy(ctx.fd, ctx.queue));
	ASSERT_OK(aci_vm_destroy(ctx.fd, ctx.vm));
	/* The closed one went with the VM, the other has its handle. */
	EXPECT_EQ(self->free_bytes - MIB(4), aci_card_free_bytes(self->fd));
	ASSERT_OK(aci_bo_close(ctx.fd, card.handle));
	EXPECT_EQ(self->free_bytes, aci_card_free_bytes(self->fd));
	aci_ctx_fini(&ctx);
}

TEST_HARNESS_MAIN
