// SPDX-License-Identifier: MIT

#include <stddef.h>

#include <aci/aci_queue.h>

#include "vcard.h"

#define EVENT_INDEX	offsetof(struct aci_queue_user_page, event_index)
#define TAIL		offsetof(struct aci_queue_user_page, tail)

static void write_event_index(struct queue *queue, uint64_t value)
{
	dma_store64(&queue->card->dma, queue->user_page + EVENT_INDEX,
		    fault_defy64(queue->card, FAULT_PLACE_USER_PAGES, value));
}

void poll_watch(struct queue *queue)
{
	struct poller *poller = &queue->card->poller;

	queue->polled_until_ns = time_now_ns() + POLL_LINGER_NS;
	if (queue->polled)
		return;
	queue->polled = true;
	/* In the past: aci_queue_need_ring() is false as long as we look. */
	write_event_index(queue, queue->polled_tail - 1);
	if (!poller->active++)
		waker_wake(&poller->waker);
}

void poll_forget(struct queue *queue)
{
	if (!queue->polled)
		return;
	queue->polled = false;
	queue->card->poller.active--;
}

/* Look at one tail. Return: false if it could not be read. */
static bool poll_tail(struct queue *queue, uint64_t now_ns)
{
	uint64_t tail;

	/* The engine finds out the same and halts the queue. */
	if (!dma_load64(&queue->card->dma, queue->user_page + TAIL, &tail)) {
		sched_wake(queue);
		return false;
	}
	if (tail != queue->polled_tail) {
		queue->polled_tail = tail;
		queue->polled_until_ns = now_ns + POLL_LINGER_NS;
		sched_wake(queue);
	}
	return true;
}

static void poll_queue(struct queue *queue, uint64_t now_ns)
{
	uint64_t seen;

	if (queue->state != ACI_QUEUE_STATE_RUNNING || !poll_tail(queue, now_ns)) {
		poll_forget(queue);
		return;
	}
	if (now_ns < queue->polled_until_ns)
		return;

	/*
	 * From here on the producer rings. Its tail store and our event_index
	 * store are each followed by a full fence and a load of the other's
	 * word, so that at least one of the two sides sees the other.
	 */
	poll_forget(queue);
	seen = queue->polled_tail;
	write_event_index(queue, seen);
	atomic_thread_fence(memory_order_seq_cst);
	if (poll_tail(queue, now_ns) && queue->polled_tail != seen)
		poll_watch(queue);
}

static void poll_all(struct vcard *card)
{
	uint64_t now_ns = time_now_ns();
	unsigned int left = card->poller.active;

	for (unsigned int id = 0; left && id < card->config.queues; id++) {
		if (!card->queues[id].polled)
			continue;
		poll_queue(&card->queues[id], now_ns);
		left--;
	}
}

static void *poll_run(void *arg)
{
	struct vcard *card = arg;
	struct poller *poller = &card->poller;

	while (!atomic_load(&poller->exiting)) {
		uint32_t sequence = waker_read(&poller->waker);
		unsigned int active;

		pthread_mutex_lock(&card->lock);
		poll_all(card);
		active = poller->active;
		pthread_mutex_unlock(&card->lock);

		if (active) {
			/* Leave the lock to the engines for longer than we hold it. */
			for (unsigned int i = 0; i < 64; i++)
				cpu_relax();
			continue;
		}
		atomic_fetch_add(&poller->sleeps, 1);
		waker_wait(&poller->waker, sequence, 0);
	}
	return NULL;
}

int poll_start(struct vcard *card)
{
	int err = thread_start(&card->poller.thread, "aci-poll", poll_run, card);

	card->poller.started = !err;
	return err;
}

void poll_stop(struct vcard *card)
{
	if (!card->poller.started)
		return;
	atomic_store(&card->poller.exiting, true);
	waker_wake(&card->poller.waker);
	pthread_join(card->poller.thread, NULL);
	card->poller.started = false;
}

void vcard_kick(struct vcard *card, unsigned int id)
{
	struct queue *queue;

	if (vcard_is_absent(card))
		return;
	atomic_fetch_add(&card->poller.kicks, 1);
	pthread_mutex_lock(&card->lock);
	queue = queue_find(card, id);
	if (queue && queue->state == ACI_QUEUE_STATE_RUNNING && card->running) {
		/* A kick is also the sign to look again at a blocked WAIT. */
		sched_wake(queue);
		poll_watch(queue);
	}
	pthread_mutex_unlock(&card->lock);
}
