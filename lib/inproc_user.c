// SPDX-License-Identifier: MIT
/*
 * The in-process transport: user queues. Submission touches only ring and pages;
 * here is what the kernel does for the real ones: waiting by notifications.
 */
#include <string.h>

#include "error.h"
#include "inproc_queue.h"

/* The lowest count that is waited for and above @completed; UINT64_MAX: nobody waits. */
static uint64_t user_next_point(const struct inproc_queue *queue)
{
	const struct inproc_waiter *waiter;
	const struct inproc_fd *notify;
	uint64_t next = UINT64_MAX;

	LIST_FOREACH(waiter, &queue->waiters, link)
		if (waiter->point > queue->completed && waiter->point < next)
			next = waiter->point;
	SLIST_FOREACH(notify, &queue->fds, link)
		if (notify->point < next)
			next = notify->point;
	return next;
}

bool inproc_user_is_awaited(const struct inproc_queue *queue)
{
	return !LIST_EMPTY(&queue->waiters) || !SLIST_EMPTY(&queue->fds);
}

/* No job ends well any more. */
static bool user_is_over(const struct inproc_queue *queue)
{
	return queue->deleted || inproc_is_wedged(queue->card) ||
	       shared_read32(&queue->record->state) == ACI_QUEUE_STATE_ERROR;
}

void inproc_user_update(struct inproc_queue *queue)
{
	uint64_t next;
	bool over;

	if (queue->busy)
		return;
	do {
		/* Counts are final before the state says that it is over. */
		over = user_is_over(queue);
		queue->completed = shared_read64(&queue->record->completed);
		inproc_queue_signal(queue, over ? UINT64_MAX : queue->completed);
		next = over ? UINT64_MAX : user_next_point(queue);
	} while (next != UINT64_MAX && inproc_queue_arm(queue, next));
	if (next != UINT64_MAX)
		inproc_service_watch(queue->card, queue->timeout_ns);
}

/* --- Calls ------------------------------------------------------------------------ */

static int user_submit(struct transport_queue *base, const struct aci_desc *descs, uint32_t count,
		       const struct transport_wait *waits, uint32_t wait_count, uint64_t *point)
{
	struct inproc_queue *queue = to_queue(base);

	(void)waits;
	if (wait_count)
		return error_set(-EINVAL, "a user queue waits by descriptors");
	if (inproc_is_wedged(queue->card))
		return inproc_error_wedged();
	if (!user_queue_has_room(&queue->ring, count))
		return -EAGAIN;
	user_queue_push(&queue->ring, descs, count);
	*point = queue->ring.tail;
	return 0;
}

static int user_wait(struct transport_queue *base, uint64_t point, uint64_t deadline_ns)
{
	struct inproc_queue *queue = to_queue(base);
	struct inproc_waiter waiter = { .point = point };
	int ret = 0;

	if (user_queue_completed(&queue->ring) >= point)
		return TRANSPORT_ENDED_WELL;
	user_queue_nudge(&queue->ring);
	pthread_mutex_lock(&queue->card->queue_lock);
	LIST_INSERT_HEAD(&queue->waiters, &waiter, link);
	inproc_user_update(queue);
	while (queue->completed < point && !user_is_over(queue) && !ret)
		ret = inproc_queue_sleep(queue, deadline_ns);
	LIST_REMOVE(&waiter, link);
	if (queue->completed >= point)
		ret = TRANSPORT_ENDED_WELL;
	else
		ret = user_is_over(queue) ? TRANSPORT_ENDED : -ETIME;
	pthread_mutex_unlock(&queue->card->queue_lock);
	return ret;
}

static int user_notify_fd(struct transport_queue *base, uint64_t point, int fd)
{
	struct inproc_queue *queue = to_queue(base);
	int ret = inproc_queue_add_fd(queue, point, fd);

	if (ret)
		return ret;
	user_queue_nudge(&queue->ring);
	pthread_mutex_lock(&queue->card->queue_lock);
	inproc_user_update(queue);
	pthread_mutex_unlock(&queue->card->queue_lock);
	return 0;
}

static int user_query(struct transport_queue *base, struct drm_aci_query_queue *state)
{
	struct inproc_queue *queue = to_queue(base);

	if (inproc_is_wedged(queue->card))
		return inproc_error_wedged();
	inproc_queue_read(queue, state);
	if (state->state == ACI_QUEUE_STATE_ERROR) {
		state->flags = DRM_ACI_QUEUE_GUILTY;
		state->error_count = 1;
	}
	return 0;
}

static void user_cancel(struct transport_queue *base)
{
	struct inproc_queue *queue = to_queue(base);

	inproc_queue_delete(queue);
	pthread_mutex_lock(&queue->card->queue_lock);
	inproc_user_update(queue);
	pthread_mutex_unlock(&queue->card->queue_lock);
}

static void user_free(struct transport_queue *base)
{
	inproc_queue_free(to_queue(base));
}

static const struct transport_queue_ops user_ops = {
	.submit = user_submit,
	.wait = user_wait,
	.notify_fd = user_notify_fd,
	.query = user_query,
	.cancel = user_cancel,
	.free = user_free,
};

int inproc_user_queue_create(struct transport *transport,
			     const struct transport_queue_options *options,
			     struct transport_queue **out)
{
	struct inproc_queue *queue;
	int ret = inproc_queue_new(to_inproc(transport), options, true, &queue);

	if (ret)
		return ret;
	queue->base.ops = &user_ops;
	inproc_queue_start(queue);
	*out = &queue->base;
	return 0;
}
