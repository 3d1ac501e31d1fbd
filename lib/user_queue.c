// SPDX-License-Identifier: MIT
/* The producer's side of a ring: Documentation/aci/queues.rst, Producer and consumer. */
#include "user_queue.h"

bool user_queue_has_room(struct user_queue *queue, uint32_t count)
{
	if (queue->tail - queue->seen + count <= queue->entries)
		return true;
	/* The card writes this line: look only when what is known is too little. */
	queue->seen = user_queue_completed(queue);
	return queue->seen <= queue->tail && queue->tail - queue->seen + count <= queue->entries;
}

void user_queue_nudge(struct user_queue *queue)
{
	if (queue->doorbell)
		shared_write32(queue->doorbell, (uint32_t)shared_read64(&queue->page->tail));
	if (queue->kick)
		queue->kick(queue);
}

static void user_queue_ring(struct user_queue *queue, uint64_t old_tail)
{
	if (aci_queue_need_ring(shared_read64(&queue->page->event_index), old_tail, queue->tail))
		user_queue_nudge(queue);
}

void user_queue_push(struct user_queue *queue, const struct aci_desc *descs, uint32_t count)
{
	uint64_t old_tail = queue->tail;

	for (uint32_t i = 0; i < count; i++)
		queue->ring[(old_tail + i) & (queue->entries - 1)] = descs[i];
	queue->tail = old_tail + count;
	device_wmb();
	shared_write64(&queue->page->tail, queue->tail);
	/* The card must see the new tail, or we its event index. */
	device_mb();
	user_queue_ring(queue, old_tail);
}
