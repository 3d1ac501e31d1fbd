// SPDX-License-Identifier: GPL-2.0
/* User queues: submission without a system call, two producers, refusals. */
#include <pthread.h>
#include <sys/eventfd.h>

#include "aci_harness.h"
#include "aci_user.h"

FIXTURE_UQ(user_queue)

/* --- Execution --- */

TEST_F(user_queue, runs_descriptors_in_order)
{
	struct drm_aci_query_queue state;
	__u64 count = 0, i;

	for (i = 0; i < 200; i++) {
		count = uq_push(&self->uq, desc_fill(self->buf.va, KIB(64), i, 8));
		if (i % 50 == 49)
			ASSERT_OK(uq_wait(&self->uq, count));
	}
	EXPECT_EQ(200, count);
	EXPECT_EQ(199, ((volatile __u64 *)self->buf.map)[KIB(64) / 8 - 1]);
	EXPECT_EQ(200, self->uq.page->completed);
	ASSERT_OK(uq_state(&self->uq, &state));
	EXPECT_EQ(0, state.flags);
	EXPECT_EQ(ACI_QUEUE_STATE_RUNNING, state.state);
	EXPECT_EQ(200, state.completed);
	EXPECT_EQ(0, state.submitted);
	EXPECT_EQ(0, state.error);
	EXPECT_EQ(200 * KIB(64), state.bytes);
	EXPECT_LT(0, state.active_ns);
}

TEST_F(user_queue, all_ring_sizes)
{
	struct drm_aci_query_device device;
	struct drm_aci_queue_create create;
	__u32 entries, i;
	struct uq uq;

	ASSERT_OK(aci_query(self->ctx.fd, DRM_ACI_QUERY_DEVICE, 0, &device, sizeof(device)));
	for (entries = 64; entries <= device.ring_entries_max; entries *= 4) {
		ASSERT_OK(uq_describe(&uq, &self->ctx, ACI_ENGINE_CLASS_COPY, entries, &create));
		ASSERT_OK(uq_create(&uq, &create));
		for (i = 0; i < entries - 1; i++)
			uq_put(&uq, desc_nop());
		uq_put(&uq, desc_fill(self->buf.va, 8, entries, 8));
		uq_tell(&uq);
		EXPECT_OK(uq_wait(&uq, uq.tail));
		EXPECT_EQ(entries, *(volatile __u64 *)self->buf.map);
		ASSERT_OK(uq_destroy(&uq));
		uq_unmap(&uq);
		ASSERT_OK(aci_bo_close(self->ctx.fd, uq.handle));
	}
}

TEST_F(user_queue, all_classes_and_priorities)
{
	struct drm_aci_query_device device;
	struct drm_aci_queue_create create;
	__u32 engine_class, priority;
	struct uq uq;

	ASSERT_OK(aci_query(self->ctx.fd, DRM_ACI_QUERY_DEVICE, 0, &device, sizeof(device)));
	for (engine_class = 0; engine_class < device.engine_classes; engine_class++) {
		for (priority = 0; priority < device.priorities; priority++) {
			ASSERT_OK(uq_describe(&uq, &self->ctx, engine_class, UQ_ENTRIES, &create));
			create.priority = priority;
			ASSERT_OK(uq_create(&uq, &create));
			EXPECT_OK(uq_run(&uq, desc_nop()));
		}
	}
}

/* Ring in the middle of a BO, user page in another one, tail and ring filled before. */
TEST_F(user_queue, memory_filled_before_creation)
{
	struct drm_aci_queue_create create;
	struct aci_buf ring, page;
	struct uq uq = { .fd = self->ctx.fd, .entries = UQ_ENTRIES };

	ASSERT_OK(aci_buf_init(&self->ctx, &ring, KIB(16), DRM_ACI_PLACEMENT_HOST, 0));
	ASSERT_OK(aci_buf_init(&self->ctx, &page, KIB(8), DRM_ACI_PLACEMENT_HOST, 0));
	uq.ring = (void *)((char *)ring.map + KIB(8));
	uq.page = (void *)((char *)page.map + KIB(4));
	uq_put(&uq, desc_fill(self->buf.va, 8, 0x1234, 8));
	uq.page->tail = uq.tail;
	create = (struct drm_aci_queue_create){
		.vm_id = self->ctx.vm, .engine_class = ACI_ENGINE_CLASS_COPY,
		.priority = ACI_PRIORITY_NORMAL, .ring_entries = UQ_ENTRIES,
		.ring_handle = ring.handle, .ring_offset = KIB(8),
		.user_page_handle = page.handle, .user_page_offset = KIB(4),
	};
	ASSERT_OK(uq_create(&uq, &create));
	EXPECT_OK(uq_wait(&uq, 1));
	EXPECT_EQ(0x1234, *(volatile __u64 *)self->buf.map);
	uq_unmap(&uq);
}

/* The queue holds its memory, and its VM. */
TEST_F(user_queue, handle_closed_while_running)
{
	unsigned int i;

	ASSERT_OK(aci_bo_close(self->ctx.fd, self->uq.handle));
	EXPECT_EQ(-EBUSY, aci_vm_destroy(self->ctx.fd, self->ctx.vm));
	for (i = 0; i < 100; i++)
		ASSERT_OK(uq_run(&self->uq, desc_fill(self->buf.va, 8, i, 8)));
	EXPECT_EQ(99, *(volatile __u64 *)self->buf.map);
	ASSERT_OK(uq_destroy(&self->uq));
	EXPECT_OK(aci_vm_destroy(self->ctx.fd, self->ctx.vm));
}

/* One at a time with all kinds of gaps, so that the card goes to sleep in every phase. */
TEST_F(user_queue, no_wakeup_is_lost)
{
	unsigned int i;

	for (i = 0; i < 2000; i++) {
		__u64 end = now_ns() + (i * 37) % 100 * 1000;

		while (now_ns() < end)
			;
		ASSERT_OK(uq_run(&self->uq, desc_nop()));
	}
	EXPECT_EQ(2000, self->uq.page->completed);
}

/* --- Two threads --- */

struct producer {
	struct uq *uq;
	pthread_mutex_t *lock;
	__u64 va;
	int err;
};

static void *produce(void *data)
{
	struct producer *producer = data;
	unsigned int i;
	__u64 count;

	for (i = 1; i <= 500 && !producer->err; i++) {
		pthread_mutex_lock(producer->lock);
		count = uq_push(producer->uq, desc_fill(producer->va, 8, i, 8));
		pthread_mutex_unlock(producer->lock);
		/* Never more than two descriptors are on the ring, as there are two threads. */
		producer->err = uq_wait(producer->uq, count);
	}
	return NULL;
}

/* Producers take turns by a lock of their own; each waits for its own counts. */
TEST_F(user_queue, two_threads)
{
	pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	struct producer producers[2];
	pthread_t threads[2];
	unsigned int i;

	for (i = 0; i < 2; i++) {
		producers[i] = (struct producer){ &self->uq, &lock, self->buf.va + i * 8, 0 };
		ASSERT_OK(pthread_create(&threads[i], NULL, produce, &producers[i]));
	}
	for (i = 0; i < 2; i++)
		ASSERT_OK(pthread_join(threads[i], NULL));
	for (i = 0; i < 2; i++) {
		EXPECT_OK(producers[i].err);
		EXPECT_EQ(500, ((volatile __u64 *)self->buf.map)[i]);
	}
	EXPECT_EQ(1000, self->uq.page->completed);
}

/* --- Refusals of the ioctls --- */

TEST_F(user_queue, submit_is_refused)
{
	struct aci_desc nop = desc_nop();

	EXPECT_EQ(-EINVAL, aci_submit(self->ctx.fd, self->uq.id, &nop, 1, NULL, 0));
	EXPECT_OK(uq_run(&self->uq, nop));
}

TEST_F(user_queue, kernel_queue_is_refused)
{
	struct aci_ctx ctx;
	struct uq uq;
	int fd;

	ASSERT_OK(aci_ctx_init(&ctx, 0, ACI_ENGINE_CLASS_COPY, 0));
	uq = (struct uq){ .fd = ctx.fd, .id = ctx.queue };
	fd = eventfd(0, EFD_CLOEXEC);
	ASSERT_LE(0, fd);
	EXPECT_EQ(-EINVAL, uq_wait_until(&uq, 0, 0, NULL));
	EXPECT_EQ(-EINVAL, uq_eventfd(&uq, fd, 0));
	EXPECT_EQ(-EINVAL, uq_resume(&uq, 0));
	EXPECT_OK(aci_run_one(&ctx, desc_nop()));
	close(fd);
	aci_ctx_fini(&ctx);
}

/* Ids of a queue mean nothing in another file. */
TEST_F(user_queue, other_file_is_refused)
{
	int event = eventfd(0, EFD_CLOEXEC);
	struct aci_ctx other;
	struct uq uq;

	ASSERT_LE(0, event);
	ASSERT_OK(uctx_init(&other, 0));
	uq = (struct uq){ .fd = other.fd, .id = self->uq.id };
	EXPECT_EQ(-ENOENT, uq_wait_until(&uq, 0, 0, NULL));
	EXPECT_EQ(-ENOENT, uq_eventfd(&uq, event, 0));
	EXPECT_EQ(-ENOENT, uq_resume(&uq, 0));
	close(event);
	aci_ctx_fini(&other);
}

TEST_HARNESS_MAIN
