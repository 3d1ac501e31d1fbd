// SPDX-License-Identifier: MIT

#include <stddef.h>
#include <string.h>

#include <aci/aci_admin.h>
#include <aci/aci_status.h>

#include "vcard.h"

#define RECORD(field)	offsetof(struct aci_queue_record, field)
#define USER(field)	offsetof(struct aci_queue_user_page, field)

#define SLOTS_PER_PAGE	(ACI_PAGE_SIZE / ACI_DESC_BYTES)

static bool store_record(struct queue *queue, size_t field, uint64_t value)
{
	return dma_store64(&queue->card->dma, queue->record + field,
			   fault_defy64(queue->card, FAULT_PLACE_RECORDS, value));
}

static bool store_user(struct queue *queue, size_t field, uint64_t value)
{
	return dma_store64(&queue->card->dma, queue->user_page + field,
			   fault_defy64(queue->card, FAULT_PLACE_USER_PAGES, value));
}

/* One of the three counts, as a card with a fault writes it. */
static bool store_count(struct queue *queue, size_t field, enum fault_field which, uint64_t value)
{
	struct fault fault;

	if (fault_take_field(queue->card, FAULT_COUNT_AHEAD, queue->id, which, &fault))
		value += fault.value;
	if (fault_take_field(queue->card, FAULT_COUNT_BACK, queue->id, which, &fault))
		value -= fault.value;
	return store_record(queue, field, value);
}

bool queue_read_tail(struct queue *queue)
{
	queue->tail_known = dma_load64(&queue->card->dma, queue->user_page + USER(tail),
				       &queue->tail);
	return queue->tail_known;
}

unsigned int queue_fetch(struct queue *queue)
{
	uint64_t slot = queue->completed & ((1ull << queue->ring_shift) - 1);
	uint64_t page = queue->ring_pages[slot / SLOTS_PER_PAGE];
	uint64_t offset = slot % SLOTS_PER_PAGE * ACI_DESC_BYTES;

	if (queue->tail - queue->completed > 1ull << queue->ring_shift)
		return ACI_STATUS_RING_OVERRUN;
	if (!dma_read(&queue->card->dma, page + offset, &queue->desc, sizeof(queue->desc)))
		return ACI_STATUS_RING_FETCH;
	queue->fetched = queue->completed + 1;
	if (!store_count(queue, RECORD(fetched), FAULT_FIELD_FETCHED, queue->fetched))
		return ACI_STATUS_RING_FETCH;
	return desc_check(queue, &queue->desc);
}

unsigned int queue_start(struct queue *queue)
{
	queue->started = queue->completed + 1;
	if (!store_count(queue, RECORD(started), FAULT_FIELD_STARTED, queue->started))
		return ACI_STATUS_RING_FETCH;
	/* A reader that sees a side effect has to see "started" too. */
	atomic_thread_fence(memory_order_seq_cst);
	queue->in_descriptor = true;
	memset(&queue->position, 0, sizeof(queue->position));
	memset(&queue->exec, 0, sizeof(queue->exec));
	queue->wait_since_ns = 0;
	return ACI_STATUS_SUCCESS;
}

void queue_drop_descriptor(struct queue *queue)
{
	if (queue->exec.state)
		tcs_free(queue->exec.state);
	memset(&queue->exec, 0, sizeof(queue->exec));
	queue->in_descriptor = false;
	atomic_store(&queue->in_wait, false);
	queue->hanging = QUEUE_HANG_NONE;
}

/*
 * "completed" is visible before notify_at and notify_taken are read, and the
 * host writes those before it reads "completed" again: one of the two sees the
 * other. While an entry waits in the ring no second one is needed.
 */
static void notify_if_armed(struct queue *queue, bool stopped)
{
	uint64_t at, taken;

	atomic_thread_fence(memory_order_seq_cst);
	if (!dma_load64(&queue->card->dma, queue->record + RECORD(notify_at), &at) ||
	    !dma_load64(&queue->card->dma, queue->record + RECORD(notify_taken), &taken))
		return;
	if (!at || at == queue->notified || (!stopped && queue->completed < at))
		return;
	if (queue->notify_posted > taken)
		return;
	/* What the host cannot take must not keep the queue disarmed. */
	if (!notify_post(queue->card, queue->notify_ring, queue->id))
		return;
	queue->notified = at;
	queue->notify_posted++;
}

unsigned int queue_complete(struct queue *queue)
{
	queue_drop_descriptor(queue);
	queue->completed++;
	/* Release stores: everything the descriptor wrote and what it counted come first. */
	if (!store_record(queue, RECORD(macs), atomic_load(&queue->macs)) ||
	    !store_record(queue, RECORD(bytes), atomic_load(&queue->bytes)))
		return ACI_STATUS_RING_FETCH;
	if (fault_take(queue->card, FAULT_COMPLETION_LOSE, queue->id, NULL))
		return ACI_STATUS_SUCCESS;
	if (!store_count(queue, RECORD(completed), FAULT_FIELD_COMPLETED, queue->completed) ||
	    !store_user(queue, USER(completed), queue->completed))
		return ACI_STATUS_RING_FETCH;
	notify_if_armed(queue, false);
	return ACI_STATUS_SUCCESS;
}

/* state and error are neighbours: one store, so that no reader sees half. */
void queue_publish_state(struct queue *queue)
{
	uint64_t both = queue->state | (uint64_t)queue->error << 32;

	store_record(queue, RECORD(state), both);
	store_user(queue, USER(state), both);
}

void queue_publish_counts(struct queue *queue)
{
	store_record(queue, RECORD(fetched), queue->fetched);
	store_record(queue, RECORD(started), queue->started);
	store_record(queue, RECORD(completed), queue->completed);
	store_user(queue, USER(completed), queue->completed);
}

static void post_halt_events(struct queue *queue, unsigned int status, uint64_t info)
{
	if (queue->event_posted)
		return;
	queue->event_posted = true;
	if (status == ACI_STATUS_PAGE_FAULT)
		event_post(queue->card, ACI_EVENT_PAGE_FAULT, ACI_SEVERITY_ERROR, (uint16_t)status,
			   queue->id, queue->vm->id, info);
	event_post(queue->card, ACI_EVENT_QUEUE_STOPPED, ACI_SEVERITY_ERROR, (uint16_t)status,
		   queue->id, queue->vm->id, info);
}

void queue_halt(struct queue *queue, unsigned int status, uint64_t index, uint64_t info)
{
	queue_drop_descriptor(queue);
	queue->state = ACI_QUEUE_STATE_ERROR;
	queue->error = status;
	queue_publish_activity(queue, time_now_ns());
	queue_publish_work(queue);
	store_record(queue, RECORD(error_index), index);
	store_record(queue, RECORD(error_info), info);
	queue_publish_state(queue);
	notify_if_armed(queue, true);
	post_halt_events(queue, status, info);
	card_log(queue->card, VCARD_LOG_INFO, "queue %u: halted at %llu: status 0x%x, info 0x%llx",
		 queue->id, (unsigned long long)index, status, (unsigned long long)info);
}

void queue_set_position(struct queue *queue, uint64_t index)
{
	queue_drop_descriptor(queue);
	queue->fetched = index;
	queue->started = index;
	queue->completed = index;
	queue->tail_known = false;
	queue->polled_tail = index;
	queue->error = 0;
	queue->notified = 0;
	queue->event_posted = false;
	store_record(queue, RECORD(error_index), 0);
	store_record(queue, RECORD(error_info), 0);
	queue_publish_counts(queue);
}

uint64_t queue_active_ns(const struct queue *queue, uint64_t now_ns)
{
	/* The clock's idea of now may be older than the slice. */
	if (queue->schedule != QUEUE_BUSY || now_ns < queue->slice_start_ns)
		return queue->active_ns;
	return queue->active_ns + (now_ns - queue->slice_start_ns);
}

void queue_publish_activity(struct queue *queue, uint64_t now_ns)
{
	queue->shown_active_ns = MAX(queue->shown_active_ns, queue_active_ns(queue, now_ns));
	store_record(queue, RECORD(active_ns), queue->shown_active_ns);
	store_record(queue, RECORD(progress), atomic_load(&queue->progress));
}

void queue_publish_work(struct queue *queue)
{
	store_record(queue, RECORD(macs), atomic_load(&queue->macs));
	store_record(queue, RECORD(bytes), atomic_load(&queue->bytes));
}

struct queue *queue_find(struct vcard *card, unsigned int id)
{
	if (id >= card->config.queues || card->queues[id].state == ACI_QUEUE_STATE_NONE)
		return NULL;
	return &card->queues[id];
}

void queue_delete(struct queue *queue)
{
	sched_remove(queue);
	poll_forget(queue);
	queue_drop_descriptor(queue);
	notify_unbind(queue->card, queue->notify_ring);
	queue->vm->queues--;
	vm_put(queue->vm);
	queue->vm = NULL;
	queue->state = ACI_QUEUE_STATE_NONE;
}
