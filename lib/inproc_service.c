// SPDX-License-Identifier: MIT
/*
 * The in-process transport: the thread behind the interrupts. It reads the
 * notification and event rings, takes in completions and finds hung jobs.
 */
#include <stdlib.h>

#include "error.h"
#include "inproc_queue.h"

#define EVENT_SHIFT	6u
#define NSEC_PER_MSEC	1000000ull

/* --- Rings: hints only, truth is in the control records --------------------------- */

/* The card posts no further entry of a queue before the last one was taken. */
static void service_take_entry(struct inproc_card *card, uint32_t id)
{
	struct inproc_queue *queue = id < card->queues_max ? card->queues[id] : NULL;

	if (queue)
		shared_write64(&queue->record->notify_taken, ++queue->notify_taken);
}

static void service_drain_notify(struct inproc_card *card)
{
	const __le64 *entries = card->notify.cpu;	/* the card stores each as a whole */
	uint64_t size = 1ull << card->notify_shift;

	for (;;) {
		uint64_t entry = shared_read64(&entries[card->notify_head % size]);
		uint32_t expected = card->notify_head / size % 2 ? 0 : ACI_NOTIFY_PHASE;

		if ((entry >> 32 & ACI_NOTIFY_PHASE) != expected)
			break;
		card->notify_head++;
		service_take_entry(card, entry & 0xffff);
	}
	/* The card must see what was taken before completed is read. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

static void service_drain_events(struct inproc_card *card)
{
	struct aci_event *events = card->events.cpu;
	uint32_t start = card->event_head;

	for (;;) {
		struct aci_event *event = &events[card->event_head % (1u << EVENT_SHIFT)];
		uint32_t expected = card->event_head >> EVENT_SHIFT & 1 ? 0 : ACI_CPL_PHASE;

		if ((shared_read32(&event->phase) & ACI_CPL_PHASE) != expected)
			break;
		card->event_head++;
	}
	if (card->event_head != start)
		vcard_reg_write(card->vcard, ACI_REG_EVENT_HEAD, card->event_head, 4);
	if (inproc_reg32(card, ACI_REG_STATUS) & ACI_STATUS_REG_EVENT_OVERFLOW)
		vcard_reg_write(card->vcard, ACI_REG_STATUS, ACI_STATUS_REG_EVENT_OVERFLOW, 4);
}

void inproc_service_run(struct inproc_card *card)
{
	bool changed;

	service_drain_notify(card);
	for (uint32_t i = 0; i < card->queues_max; i++)
		if (card->queues[i] && card->queues[i]->is_user)
			inproc_user_update(card->queues[i]);
	/* The end of a job may make jobs of other queues ready. */
	do {
		changed = false;
		for (uint32_t i = 0; i < card->queues_max; i++)
			if (card->queues[i] && !card->queues[i]->is_user)
				changed |= inproc_jobs_update(card->queues[i]);
	} while (changed);
}

/* --- Hung jobs -------------------------------------------------------------------- */

/*
 * Return: engine time in ns that the first job may still use, then the queue is looked at again; 0:
 * none; UINT64_MAX: no job.
 */
static uint64_t service_time_left(struct inproc_queue *queue)
{
	struct inproc_job *job = STAILQ_FIRST(&queue->pushed);
	uint64_t active = shared_read64(&queue->record->active_ns);
	uint64_t used;

	/* The card itself stops a user queue that hangs; but an interrupt may get lost. */
	if (queue->is_user)
		return inproc_user_is_awaited(queue) ? queue->timeout_ns : UINT64_MAX;
	if (!job || queue->banned || queue->busy)
		return UINT64_MAX;
	if (queue->watched_point != job->point) {
		queue->watched_point = job->point;
		queue->watched_active_ns = active;
	}
	used = active - queue->watched_active_ns;
	return used >= queue->timeout_ns ? 0 : queue->timeout_ns - used;
}

/* With queue_lock held, which is given up meanwhile. */
static void service_reset_queue(struct inproc_card *card, struct inproc_queue *queue)
{
	uint64_t guilty = queue->completed;
	struct aci_admin_cmd cmd = {
		.opcode = ACI_ADMIN_RESET_QUEUE,
		/* Nothing of what is in the ring runs any more. */
		.queue = { .queue_id = htole16((uint16_t)queue->id),
			   .index = htole64(queue->ring.tail) },
	};

	queue->banned = true;
	queue->busy = true;
	pthread_mutex_unlock(&card->queue_lock);
	if (inproc_admin_call(card, &cmd, inproc_reg32(card, ACI_REG_T_QUEUE_RESET_MS), NULL))
		inproc_wedge(card, "a queue cannot be reset");
	pthread_mutex_lock(&card->queue_lock);
	queue->busy = false;
	inproc_jobs_end_all(queue, ACI_STATUS_WATCHDOG, guilty, 0);
}

/*
 * With queue_lock held. Sets when to look again. Without jobs a time that was
 * set stays: the next job then need not wake the thread.
 */
static void service_check_hangs(struct inproc_card *card)
{
	uint64_t now = clock_now_ns();
	uint64_t next = card->service_deadline > now ? card->service_deadline : DEADLINE_NEVER;

	for (uint32_t i = 0; i < card->queues_max; i++) {
		struct inproc_queue *queue = card->queues[i];
		uint64_t left = queue ? service_time_left(queue) : UINT64_MAX;

		if (left == UINT64_MAX)
			continue;
		if (!left) {
			service_reset_queue(card, queue);
			inproc_service_run(card);
			next = now;
			break;
		}
		/* The count in the record may be old by the margin. */
		if (now + left + card->active_margin_ns < next)
			next = now + left + card->active_margin_ns;
	}
	card->service_deadline = next;
}

void inproc_service_watch(struct inproc_card *card, uint64_t timeout_ns)
{
	uint64_t deadline = clock_now_ns() + timeout_ns + card->active_margin_ns;

	if (deadline >= card->service_deadline)
		return;
	card->service_deadline = deadline;
	pthread_mutex_lock(&card->irq_lock);
	card->irqs++;
	pthread_cond_broadcast(&card->irq_cond);
	pthread_mutex_unlock(&card->irq_lock);
}

/* --- The thread ------------------------------------------------------------------- */

struct service_wait {
	struct inproc_card *card;
	uint64_t seen;
};

static bool service_is_needed(void *argument)
{
	struct service_wait *wait = argument;

	return wait->card->stopping || wait->card->irqs != wait->seen;
}

static void *service_thread(void *argument)
{
	struct inproc_card *card = argument;
	struct service_wait wait = { .card = card };
	uint64_t again = DEADLINE_NEVER;

	for (;;) {
		bool stopping;

		/* DEADLINE_NEVER in seconds is still a valid time. */
		inproc_irq_wait(card, service_is_needed, &wait, again);
		pthread_mutex_lock(&card->irq_lock);
		wait.seen = card->irqs;
		stopping = card->stopping;
		pthread_mutex_unlock(&card->irq_lock);
		if (stopping)
			return NULL;
		if (inproc_reg32(card, ACI_REG_STATUS) & ACI_STATUS_REG_FATAL)
			inproc_wedge(card, "it reports a fatal error");
		pthread_mutex_lock(&card->queue_lock);
		service_drain_events(card);
		inproc_service_run(card);
		service_check_hangs(card);
		again = card->service_deadline;
		pthread_mutex_unlock(&card->queue_lock);
	}
}

int inproc_service_init(struct inproc_card *card)
{
	uint64_t at;
	int ret;

	card->service_deadline = DEADLINE_NEVER;
	card->active_margin_ns = inproc_reg32(card, ACI_REG_T_ACTIVE_MS) * NSEC_PER_MSEC;
	/* Vector 0 also serves admin and events; queues get their own where there is one. */
	card->notify_vector = card->vectors > 1 ? 1 : 0;
	/* Twice the queues: completions that were seen without an entry leave one unread. */
	while (1u << card->notify_shift < 2 * card->queues_max)
		card->notify_shift++;
	card->queues = calloc(card->queues_max, sizeof(*card->queues));
	if (!card->queues)
		return error_set(-ENOMEM, "out of memory");
	ret = inproc_dma_alloc(card, sizeof(struct aci_notify_entry) << card->notify_shift,
			       &card->notify);
	if (!ret)
		ret = inproc_dma_alloc(card, sizeof(struct aci_event) << EVENT_SHIFT,
				       &card->events);
	if (ret)
		return ret;
	at = ACI_REG_NOTIFY(card->notify_vector);
	vcard_reg_write(card->vcard, at + ACI_NOTIFY_BASE, card->notify.address, 8);
	vcard_reg_write(card->vcard, at + ACI_NOTIFY_SHIFT, card->notify_shift, 4);
	vcard_reg_write(card->vcard, at + ACI_NOTIFY_INTERVAL_US, 0, 4);
	vcard_reg_write(card->vcard, ACI_REG_EVENT_BASE, card->events.address, 8);
	vcard_reg_write(card->vcard, ACI_REG_EVENT_SHIFT, EVENT_SHIFT, 4);
	return 0;
}

int inproc_service_start(struct inproc_card *card)
{
	int ret = pthread_create(&card->service, NULL, service_thread, card);

	if (ret)
		return error_set(-ret, "no thread for the in-process card");
	card->service_running = true;
	return 0;
}

void inproc_service_fini(struct inproc_card *card)
{
	if (!card->service_running)
		return;
	pthread_mutex_lock(&card->irq_lock);
	card->stopping = true;
	pthread_cond_broadcast(&card->irq_cond);
	pthread_mutex_unlock(&card->irq_lock);
	pthread_join(card->service, NULL);
	card->service_running = false;
}
