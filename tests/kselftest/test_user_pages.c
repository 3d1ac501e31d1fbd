// SPDX-License-Identifier: GPL-2.0
/* User queues: doorbell and kick pages, and the processes that have or lose them. */
#include <signal.h>
#include <sys/mman.h>

#include "aci_harness.h"
#include "aci_user.h"

#define LONG_MS		600000

FIXTURE_UQ(user_pages)

TEST_F(user_pages, pages_are_mapped_one_way_only)
{
	int fd = self->ctx.fd, rw = PROT_READ | PROT_WRITE;
	off_t at = (off_t)self->uq.doorbell_offset;

#define REFUSED(error, ...) do {							\
		void *map_ = mmap(NULL, __VA_ARGS__);					\
											\
		EXPECT_EQ(MAP_FAILED, map_);						\
		EXPECT_EQ(error, errno);						\
	} while (0)
	REFUSED(EINVAL, ACI_TEST_PAGE, rw, MAP_PRIVATE, fd, at);
	REFUSED(EINVAL, ACI_TEST_PAGE, PROT_READ, MAP_SHARED, fd, at);
	REFUSED(EINVAL, 2 * ACI_TEST_PAGE, rw, MAP_SHARED, fd, at);
	/* A queue id that nobody has; past the last one there is nothing at all. */
	REFUSED(EINVAL, ACI_TEST_PAGE, rw, MAP_SHARED, fd, at + 2 * 1000 * ACI_TEST_PAGE);
	REFUSED(EINVAL, ACI_TEST_PAGE, rw, MAP_SHARED, fd, at + 2 * 0x10000 * ACI_TEST_PAGE);
#undef REFUSED
	EXPECT_OK(uq_run(&self->uq, desc_nop()));
}

TEST_F(user_pages, pages_are_of_one_file)
{
	volatile __u32 *page;
	struct aci_ctx other;

	ASSERT_OK(uctx_init(&other, 0));
	EXPECT_EQ(-EACCES, uq_map_page(other.fd, self->uq.doorbell_offset, &page));
	if (self->uq.kick_offset)
		EXPECT_EQ(-EACCES, uq_map_page(other.fd, self->uq.kick_offset, &page));
	aci_ctx_fini(&other);
}

/* What is written to the page of a dead queue goes nowhere; its successor has its own. */
TEST_F(user_pages, pages_of_a_dead_queue)
{
	volatile __u32 *doorbell = self->uq.doorbell, *kick = self->uq.kick, *page;
	struct uq next;

	ASSERT_OK(uq_run(&self->uq, desc_nop()));
	ASSERT_OK(uq_destroy(&self->uq));
	if (kick)
		*kick = 1;
	*doorbell = 0x5a5a;
	EXPECT_EQ(0x5a5a, *doorbell);
	EXPECT_EQ(-EINVAL, uq_map_page(self->ctx.fd, self->uq.doorbell_offset, &page));
	/* The lowest free id is the same again. */
	ASSERT_OK(uq_init(&next, &self->ctx, ACI_ENGINE_CLASS_COPY, 0));
	EXPECT_EQ(self->uq.doorbell_offset, next.doorbell_offset);
	EXPECT_EQ(0x5a5a, *doorbell);
	EXPECT_OK(uq_run(&next, desc_nop()));
	EXPECT_EQ(0x5a5a, *doorbell);
	uq_unmap(&next);
}

/* A mapping outlives its file. */
TEST_F(user_pages, pages_after_close)
{
	close(self->ctx.fd);
	self->ctx.fd = -1;
	*self->uq.doorbell = 1;
	if (self->uq.kick)
		*self->uq.kick = 1;
	/* The mappings hold the file, and so the queue. */
	uq_push(&self->uq, desc_fill(self->buf.va, 8, 9, 8));
	while (self->uq.page->completed < 1)
		;
	EXPECT_EQ(9, *(volatile __u64 *)self->buf.map);
}

/* How a child ends that touches a page. */
static int child_end(struct uq *uq, bool kick)
{
	int status;
	pid_t child = fork();

	if (!child) {
		signal(SIGSEGV, SIG_DFL);
		if (kick)
			*uq->kick = 0;
		else
			*uq->doorbell = 0;
		_exit(0);
	}
	if (child < 0 || waitpid(child, &status, 0) != child)
		return -1;
	return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

TEST_F(user_pages, child_has_no_doorbell)
{
	EXPECT_EQ(SIGSEGV, child_end(&self->uq, false));
	if (self->uq.kick)
		EXPECT_EQ(SIGSEGV, child_end(&self->uq, true));
	EXPECT_OK(uq_run(&self->uq, desc_nop()));
}

/* The file is inherited: whoever has it may map the page again. */
TEST_F(user_pages, child_may_map_it)
{
	int status;
	pid_t child = fork();

	ASSERT_LE(0, child);
	if (!child) {
		volatile __u32 *page;

		if (uq_map_page(self->ctx.fd, self->uq.doorbell_offset, &page))
			_exit(1);
		self->uq.doorbell = page;
		if (self->uq.kick_offset && uq_map_page(self->ctx.fd, self->uq.kick_offset, &page))
			_exit(2);
		if (self->uq.kick_offset)
			self->uq.kick = page;
		_exit(uq_run(&self->uq, desc_nop()) ? 3 : 0);
	}
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_EQ(1, self->uq.page->completed);
}

/* The pages go with the old program; the file, not inherited, takes the queue along. */
TEST_F(user_pages, exec_ends_it)
{
	struct drm_aci_query_device before, after;
	int status;
	pid_t child;

	ASSERT_OK(aci_query(self->ctx.fd, DRM_ACI_QUERY_DEVICE, 0, &before, sizeof(before)));
	child = fork();
	ASSERT_LE(0, child);
	if (!child) {
		struct aci_ctx ctx;
		struct aci_buf card;
		struct uq uq;

		if (uctx_init(&ctx, 0) ||
		    aci_buf_init(&ctx, &card, MIB(8), DRM_ACI_PLACEMENT_CARD, 0) ||
		    uq_init(&uq, &ctx, ACI_ENGINE_CLASS_COPY, 0))
			_exit(1);
		uq_push(&uq, desc_wait(card.va, 1, 0));
		execl("/bin/true", "true", NULL);
		_exit(2);
	}
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_EQ(0, status);
	ASSERT_OK(aci_await_card_memory(self->ctx.fd, before.card_memory_free_bytes, &after));
	EXPECT_EQ(before.card_memory_free_bytes, after.card_memory_free_bytes);
}

/* Killed with a queue that hangs and a thread that waits for it. */
TEST_F(user_pages, killed_while_it_hangs)
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
		struct uq uq;

		aci_ctx_fini(&self->ctx);
		if (uctx_init(&ctx, 0) ||
		    aci_buf_init(&ctx, &card, MIB(8), DRM_ACI_PLACEMENT_CARD, 0) ||
		    uq_init(&uq, &ctx, ACI_ENGINE_CLASS_COPY, LONG_MS) ||
		    card_ctl("hang next", NULL, 0))
			_exit(1);
		uq_push(&uq, desc_nop());
		while (!card_engine_busy("copy"))
			;
		if (write(ready[1], "r", 1) != 1)
			_exit(2);
		uq_wait_until(&uq, 1, INT64_MAX, NULL);
		_exit(3);
	}
	close(ready[1]);
	ASSERT_EQ(1, read(ready[0], &c, 1));
	ASSERT_OK(kill(child, SIGKILL));
	ASSERT_EQ(child, waitpid(child, &status, 0));
	ASSERT_TRUE(WIFSIGNALED(status));
	ASSERT_OK(aci_await_card_memory(self->ctx.fd, before.card_memory_free_bytes, &after));
	EXPECT_EQ(before.card_memory_free_bytes, after.card_memory_free_bytes);
	EXPECT_OK(uq_run(&self->uq, desc_nop()));
}

TEST_HARNESS_MAIN
