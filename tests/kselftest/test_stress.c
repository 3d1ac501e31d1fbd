// SPDX-License-Identifier: GPL-2.0
/*
 * Threads that work at random on queues, buffers and mappings of their own
 * and compare the memory with a model. Bounded by a count, not by time.
 */
#include <pthread.h>

#include "aci_harness.h"

#define THREADS		4
#define QUEUES		2
#define STEPS		400
#define SPACE		KIB(256)
#define CHECK_EVERY	16

struct worker {
	struct aci_ctx *ctx;
	__u32 queues[QUEUES];
	__u32 timeline;
	__u64 point;
	__u64 random;
	struct aci_buf mem[2];		/* host and card */
	__u8 *model[2];
	const char *failure;		/* first one; NULL: none */
	int error;
	unsigned int step;
};

static int worker_submit(struct worker *worker, const struct aci_desc *descs, __u32 count)
{
	struct drm_aci_sync syncs[2] = {
		{ .flags = DRM_ACI_SYNC_SIGNAL | DRM_ACI_SYNC_TIMELINE,
		  .handle = worker->timeline, .point = worker->point + 1 },
		{ .flags = DRM_ACI_SYNC_TIMELINE,
		  .handle = worker->timeline, .point = worker->point },
	};
	__u32 queue = worker->queues[data_random(&worker->random) % QUEUES];
	int err;

	/* Order across the queues comes from the timeline alone. */
	do {
		err = aci_submit(worker->ctx->fd, queue, descs, count, syncs,
				 worker->point ? 2 : 1);
		if (err == -EAGAIN && aci_sync_wait(worker->ctx->fd, worker->timeline,
						    worker->point, aci_wait_ns()))
			return -ETIME;
	} while (err == -EAGAIN);
	if (!err)
		worker->point++;
	return err;
}

static void random_range(struct worker *worker, __u64 *at, __u64 *bytes)
{
	*bytes = data_random(&worker->random) % KIB(16) + 1;
	*at = data_random(&worker->random) % (SPACE - *bytes);
}

static int step_fill(struct worker *worker)
{
	unsigned int which = data_random(&worker->random) & 1;
	__u8 value = (__u8)data_random(&worker->random);
	struct aci_desc desc;
	__u64 at, bytes;

	random_range(worker, &at, &bytes);
	desc = desc_fill(worker->mem[which].va + at, bytes, value, 1);
	memset(worker->model[which] + at, value, bytes);
	return worker_submit(worker, &desc, 1);
}

static int step_copy(struct worker *worker)
{
	struct aci_desc descs[4];
	unsigned int i, count = data_random(&worker->random) % 4 + 1;

	for (i = 0; i < count; i++) {
		unsigned int from = data_random(&worker->random) & 1;
		__u64 src, dst, bytes;

		random_range(worker, &src, &bytes);
		dst = data_random(&worker->random) % (SPACE - bytes);
		descs[i] = desc_copy(worker->mem[from].va + src, worker->mem[!from].va + dst,
				     bytes);
		memcpy(worker->model[!from] + dst, worker->model[from] + src, bytes);
	}
	return worker_submit(worker, descs, count);
}

/* Mappings that come and go next to those in use. */
static int step_bind(struct worker *worker)
{
	__u64 va = worker->mem[0].va + MIB(1);
	__u64 at = data_random(&worker->random) % 64 * KIB(4);
	__u64 bytes = (data_random(&worker->random) % 16 + 1) * KIB(4);

	if (data_random(&worker->random) & 1)
		return aci_unbind(worker->ctx->fd, worker->ctx->vm, va + at, bytes);
	return aci_bind(worker->ctx->fd, worker->ctx->vm,
			worker->mem[data_random(&worker->random) & 1].handle, 0, va + at, bytes, 0);
}

static int step_objects(struct worker *worker)
{
	struct aci_desc nop = desc_nop();
	__u32 handle, queue;
	int err;

	err = aci_bo_create(worker->ctx->fd, KIB(64), data_random(&worker->random) & 1, 0, &handle);
	if (!err)
		err = aci_bo_close(worker->ctx->fd, handle);
	if (!err)
		err = aci_queue_create(worker->ctx->fd, worker->ctx->vm, ACI_ENGINE_CLASS_COPY, 64,
				       0, &queue);
	if (err)
		return err;
	err = aci_run(worker->ctx->fd, queue, &nop, 1);
	return aci_queue_destroy(worker->ctx->fd, queue) ?: err;
}

/* Both memories against the model; the card's through the host's copy of it. */
static int step_check(struct worker *worker)
{
	int err = aci_sync_result(worker->ctx->fd, worker->timeline, worker->point);

	if (err)
		return err;
	if (memcmp(worker->mem[0].map, worker->model[0], SPACE))
		return -EILSEQ;
	if (memcmp(worker->mem[1].map, worker->model[1], SPACE))
		return -EBADMSG;
	return 0;
}

static void *worker_run(void *arg)
{
	struct worker *worker = arg;

	for (worker->step = 0; worker->step < STEPS && !worker->error; worker->step++) {
		switch (data_random(&worker->random) % 8) {
		case 0:
			worker->failure = "bind";
			worker->error = step_bind(worker);
			break;
		case 1:
			worker->failure = "objects";
			worker->error = worker->step % 4 ? 0 : step_objects(worker);
			break;
		case 2:
		case 3:
			worker->failure = "fill";
			worker->error = step_fill(worker);
			break;
		default:
			worker->failure = "copy";
			worker->error = step_copy(worker);
			break;
		}
		if (!worker->error && worker->step % CHECK_EVERY == CHECK_EVERY - 1 &&
		    worker->point) {
			worker->failure = "check";
			worker->error = step_check(worker);
		}
	}
	return NULL;
}

static int worker_init(struct worker *worker, struct aci_ctx *ctx, __u64 seed)
{
	unsigned int i;
	int err;

	memset(worker, 0, sizeof(*worker));
	worker->ctx = ctx;
	worker->random = seed;
	for (i = 0; i < QUEUES; i++) {
		err = aci_queue_create(ctx->fd, ctx->vm, ACI_ENGINE_CLASS_COPY, 64, 0,
				       &worker->queues[i]);
		if (err)
			return err;
	}
	for (i = 0; i < 2; i++) {
		err = aci_buf_init(ctx, &worker->mem[i], SPACE, i, i ? DRM_ACI_BO_CPU_ACCESS : 0);
		if (err)
			return err;
		worker->model[i] = calloc(1, SPACE);
		if (!worker->model[i])
			return -ENOMEM;
	}
	return aci_sync_new(ctx->fd, &worker->timeline);
}

FIXTURE(stress) {
	struct aci_ctx ctx[THREADS];
	struct worker workers[THREADS];
};

FIXTURE_VARIANT(stress) {
	unsigned int files;	/* the threads share so many files, each with one VM */
};

FIXTURE_VARIANT_ADD(stress, one_file) { 1 };
FIXTURE_VARIANT_ADD(stress, two_files) { 2 };
FIXTURE_VARIANT_ADD(stress, a_file_each) { THREADS };

FIXTURE_SETUP(stress)
{
	unsigned int i;

	for (i = 0; i < THREADS; i++)
		self->ctx[i].fd = -1;
	for (i = 0; i < variant->files; i++)
		ASSERT_OK(aci_ctx_init(&self->ctx[i], 0, ACI_ENGINE_CLASS_COPY, 0));
	for (i = 0; i < THREADS; i++)
		ASSERT_OK(worker_init(&self->workers[i], &self->ctx[i % variant->files], 1000 + i));
}

FIXTURE_TEARDOWN(stress)
{
	unsigned int i;

	for (i = 0; i < THREADS; i++)
		aci_ctx_fini(&self->ctx[i]);
}

TEST_F(stress, random_work)
{
	pthread_t threads[THREADS];
	unsigned int i;

	for (i = 0; i < THREADS; i++)
		ASSERT_OK(pthread_create(&threads[i], NULL, worker_run, &self->workers[i]));
	for (i = 0; i < THREADS; i++)
		ASSERT_OK(pthread_join(threads[i], NULL));
	for (i = 0; i < THREADS; i++) {
		struct worker *worker = &self->workers[i];

		EXPECT_EQ(0, worker->error)
			TH_LOG("thread %u, step %u, %s", i, worker->step, worker->failure);
		EXPECT_EQ(STEPS, worker->step);
		EXPECT_LT(STEPS / 4, worker->point);
	}
}

TEST_HARNESS_MAIN
