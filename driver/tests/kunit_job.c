// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit: jobs in the ring of a queue, whose other side is the test: order of
 * descriptors and fences, a full ring, a ring that wraps, counts that lie.
 */

#include <kunit/test.h>
#include <linux/module.h>

#include "aci_device.h"
#include "aci_job.h"

#define ENTRIES		8u
#define JOBS_MAX	8

struct job_context {
	struct aci_device adev;
	struct aci_queue queue;
	struct aci_queue_record record;
	struct aci_queue_user_page user_page;
	struct aci_desc ring[ENTRIES];
	u32 doorbell[64];
	/* Fences with a reference each, and the order in which they were signalled. */
	struct dma_fence *fences[JOBS_MAX];
	struct dma_fence_cb cbs[JOBS_MAX];
	unsigned int jobs;
	u64 signalled[JOBS_MAX];
	unsigned int signals;
	struct completion recovery;
};

static struct job_context *job_current;

static void job_timeout(struct work_struct *work)
{
}

static void job_recover(struct work_struct *work)
{
	complete(&job_current->recovery);
}

static int job_init(struct kunit *test)
{
	struct job_context *context = kunit_kzalloc(test, sizeof(*context), GFP_KERNEL);
	struct aci_queue *queue;

	KUNIT_ASSERT_NOT_NULL(test, context);
	queue = &context->queue;
	init_completion(&context->recovery);
	context->adev.wq = alloc_workqueue("aci-kunit", WQ_UNBOUND, 0);
	KUNIT_ASSERT_NOT_NULL(test, context->adev.wq);
	spin_lock_init(&queue->lock);
	INIT_LIST_HEAD(&queue->pending);
	INIT_LIST_HEAD(&queue->waiting);
	INIT_DELAYED_WORK(&queue->timeout_work, job_timeout);
	INIT_WORK(&queue->recover_work, job_recover);
	INIT_WORK(&queue->push_work, aci_job_push_work);
	queue->adev = &context->adev;
	queue->record = &context->record;
	queue->record->state = cpu_to_le32(ACI_QUEUE_STATE_RUNNING);
	queue->user_page = &context->user_page;
	queue->ring = context->ring;
	queue->ring_entries = ENTRIES;
	queue->doorbell = (void __iomem *)context->doorbell;
	queue->timeout_ms = 600000;
	queue->fence_ctx = aci_fence_ctx_create("kunit");
	KUNIT_ASSERT_NOT_NULL(test, queue->fence_ctx);
	test->priv = context;
	job_current = context;
	return 0;
}

static void job_exit(struct kunit *test)
{
	struct job_context *context = test->priv;
	unsigned int i;

	if (!context)
		return;
	context->queue.state = ACI_QUEUE_DEAD;
	aci_job_cancel_all(&context->queue, -ECANCELED);
	cancel_delayed_work_sync(&context->queue.timeout_work);
	cancel_work_sync(&context->queue.recover_work);
	cancel_work_sync(&context->queue.push_work);
	for (i = 0; i < context->jobs; i++)
		dma_fence_put(context->fences[i]);
	aci_fence_ctx_put(context->queue.fence_ctx);
	destroy_workqueue(context->adev.wq);
}

static void job_note_signal(struct dma_fence *fence, struct dma_fence_cb *cb)
{
	job_current->signalled[job_current->signals++] = fence->seqno;
}

/* A job of @count descriptors, told apart by @first; @deps fences keep it waiting. */
static struct aci_job *job_submit(struct kunit *test, u32 count, u64 first, int deps)
{
	struct job_context *context = test->priv;
	struct aci_queue *queue = &context->queue;
	struct aci_job *job = aci_job_alloc(queue, count);
	u32 i;

	KUNIT_ASSERT_NOT_NULL(test, job);
	for (i = 0; i < count; i++)
		job->descs[i] = (struct aci_desc) {
			.opcode = ACI_OP_FILL, .fill.pattern = cpu_to_le64(first + i),
		};
	job->keep = true;
	atomic_add(deps, &job->deps.left);
	spin_lock_irq(&queue->lock);
	aci_job_queue_locked(queue, job);
	aci_job_tell_card_locked(queue);
	spin_unlock_irq(&queue->lock);
	context->fences[context->jobs] = &job->fence;
	KUNIT_ASSERT_EQ(test, dma_fence_add_callback(&job->fence, &context->cbs[context->jobs],
						     job_note_signal), 0);
	context->jobs++;
	return job;
}

/* The card has done @completed descriptors, and says so. */
static void job_complete(struct job_context *context, u64 completed)
{
	context->record.completed = cpu_to_le64(completed);
	aci_job_process(&context->queue, true);
}

static u64 job_desc(const struct job_context *context, u64 index)
{
	return le64_to_cpu(context->ring[index % ENTRIES].fill.pattern);
}

static u64 job_tail(const struct job_context *context)
{
	return le64_to_cpu(context->user_page.tail);
}

static void job_order_of_fences(struct kunit *test)
{
	struct job_context *context = test->priv;
	unsigned int i;

	for (i = 0; i < 4; i++)
		job_submit(test, 2, 10 * i, 0);
	KUNIT_EXPECT_EQ(test, job_tail(context), 8);
	/* The first is armed; half a job is none. */
	KUNIT_EXPECT_EQ(test, le64_to_cpu(context->record.notify_at), 2);
	job_complete(context, 1);
	KUNIT_EXPECT_EQ(test, context->signals, 0);
	job_complete(context, 5);
	KUNIT_EXPECT_EQ(test, context->signals, 2);
	KUNIT_EXPECT_EQ(test, le64_to_cpu(context->record.notify_at), 6);
	job_complete(context, 8);
	KUNIT_ASSERT_EQ(test, context->signals, 4);
	for (i = 0; i < 4; i++) {
		KUNIT_EXPECT_EQ(test, context->signalled[i], i + 1);
		KUNIT_EXPECT_EQ(test, dma_fence_get_status(context->fences[i]), 1);
	}
	KUNIT_EXPECT_EQ(test, context->queue.jobs_completed, 4);
	/* Each entry of the notification ring that was taken is counted. */
	KUNIT_EXPECT_EQ(test, le64_to_cpu(context->record.notify_taken), 3);
}

static void job_full_ring_wraps(struct kunit *test)
{
	struct job_context *context = test->priv;
	u64 i;

	job_submit(test, 3, 100, 0);
	job_submit(test, 3, 200, 0);
	/* No room for all of it, so for none of it; and nobody passes it. */
	job_submit(test, 5, 300, 0);
	job_submit(test, 1, 400, 0);
	KUNIT_EXPECT_EQ(test, job_tail(context), 6);
	KUNIT_EXPECT_EQ(test, context->queue.waiting_descs, 6);
	job_complete(context, 3);
	KUNIT_EXPECT_EQ(test, job_tail(context), 11);
	for (i = 0; i < 5; i++)
		KUNIT_EXPECT_EQ(test, job_desc(context, 6 + i), 300 + i);
	KUNIT_EXPECT_EQ(test, job_desc(context, 3), 200 + 0);
	job_complete(context, 11);
	KUNIT_EXPECT_EQ(test, job_tail(context), 12);
	KUNIT_EXPECT_EQ(test, job_desc(context, 11), 400);
	job_complete(context, 12);
	KUNIT_EXPECT_EQ(test, context->signals, 4);
	KUNIT_EXPECT_EQ(test, context->queue.waiting_descs, 0);
}

/* A job that waits for a fence holds up those behind it, and only them. */
static void job_waits_in_order(struct kunit *test)
{
	struct job_context *context = test->priv;
	struct aci_job *waiting;

	job_submit(test, 1, 1, 0);
	waiting = job_submit(test, 1, 2, 1);
	job_submit(test, 1, 3, 0);
	KUNIT_EXPECT_EQ(test, job_tail(context), 1);
	job_complete(context, 1);
	KUNIT_EXPECT_EQ(test, context->signals, 1);
	KUNIT_EXPECT_EQ(test, job_tail(context), 1);
	KUNIT_ASSERT_TRUE(test, atomic_dec_and_test(&waiting->deps.left));
	aci_job_push_ready(&context->queue);
	KUNIT_EXPECT_EQ(test, job_tail(context), 3);
	KUNIT_EXPECT_EQ(test, job_desc(context, 1), 2);
	KUNIT_EXPECT_EQ(test, job_desc(context, 2), 3);
}

/* A held queue takes jobs, and tells the card nothing of them. */
static void job_held_queue(struct kunit *test)
{
	struct job_context *context = test->priv;

	context->queue.state = ACI_QUEUE_HELD;
	job_submit(test, 2, 1, 0);
	KUNIT_EXPECT_EQ(test, job_tail(context), 0);
	aci_job_resume(&context->queue);
	KUNIT_EXPECT_EQ(test, context->queue.state, ACI_QUEUE_LIVE);
	KUNIT_EXPECT_EQ(test, job_tail(context), 2);
}

static void job_guilty_fails_others_go_on(struct kunit *test)
{
	struct job_context *context = test->priv;
	unsigned int i;

	for (i = 0; i < 3; i++)
		job_submit(test, 2, 10 * i, 0);
	context->queue.state = ACI_QUEUE_HELD;
	/* The second descriptor of the second job is the culprit. */
	context->record.completed = cpu_to_le64(3);
	aci_job_settle(&context->queue);
	aci_job_fail_until(&context->queue, 4, -EFAULT);
	KUNIT_EXPECT_EQ(test, context->signals, 2);
	KUNIT_EXPECT_EQ(test, dma_fence_get_status(context->fences[0]), 1);
	KUNIT_EXPECT_EQ(test, dma_fence_get_status(context->fences[1]), -EFAULT);
	KUNIT_EXPECT_EQ(test, dma_fence_get_status(context->fences[2]), 0);
	context->queue.completed = 4;
	context->record.completed = cpu_to_le64(4);
	aci_job_resume(&context->queue);
	job_complete(context, 6);
	KUNIT_EXPECT_EQ(test, dma_fence_get_status(context->fences[2]), 1);
}

static void job_cancel_all_in_order(struct kunit *test)
{
	struct job_context *context = test->priv;
	unsigned int i;

	for (i = 0; i < 4; i++)
		job_submit(test, 3, 10 * i, i == 3);
	context->queue.state = ACI_QUEUE_DEAD;
	aci_job_cancel_all(&context->queue, -ENODEV);
	KUNIT_ASSERT_EQ(test, context->signals, 4);
	for (i = 0; i < 4; i++) {
		KUNIT_EXPECT_EQ(test, context->signalled[i], i + 1);
		KUNIT_EXPECT_EQ(test, dma_fence_get_status(context->fences[i]), -ENODEV);
	}
	KUNIT_EXPECT_EQ(test, context->queue.waiting_descs, 0);
}

/* More completed than submitted, or less than before: nothing ends, recovery is asked for. */
static void job_impossible_counts(struct kunit *test)
{
	static const u64 lies[] = { 4, 0, ~0ull, 1ull << 40 };
	struct job_context *context = test->priv;
	unsigned int i;

	job_submit(test, 1, 1, 0);
	job_submit(test, 2, 2, 0);
	job_complete(context, 1);
	KUNIT_EXPECT_EQ(test, context->signals, 1);
	for (i = 0; i < ARRAY_SIZE(lies); i++) {
		context->queue.misbehaved = false;
		reinit_completion(&context->recovery);
		job_complete(context, lies[i]);
		KUNIT_EXPECT_TRUE(test, context->queue.misbehaved);
		KUNIT_EXPECT_EQ(test, context->signals, 1);
		KUNIT_EXPECT_EQ(test, context->queue.completed, 1);
		KUNIT_EXPECT_NE(test, wait_for_completion_timeout(&context->recovery, 60 * HZ), 0);
	}
}

static struct kunit_case job_cases[] = {
	KUNIT_CASE(job_order_of_fences),
	KUNIT_CASE(job_full_ring_wraps),
	KUNIT_CASE(job_waits_in_order),
	KUNIT_CASE(job_held_queue),
	KUNIT_CASE(job_guilty_fails_others_go_on),
	KUNIT_CASE(job_cancel_all_in_order),
	KUNIT_CASE(job_impossible_counts),
	{}
};

static struct kunit_suite job_suite = {
	.name = "aci_job",
	.init = job_init,
	.exit = job_exit,
	.test_cases = job_cases,
};

kunit_test_suite(job_suite);
