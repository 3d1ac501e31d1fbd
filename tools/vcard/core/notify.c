// SPDX-License-Identifier: MIT

#include <string.h>

#include <aci/aci_admin.h>
#include <aci/aci_queue.h>

#include "vcard.h"

#define ENTRY_SHIFT_MAX		16

void notify_init(struct vcard *card)
{
	for (unsigned int i = 0; i < VECTORS_MAX; i++)
		pthread_mutex_init(&card->notify[i].lock, NULL);
	pthread_mutex_init(&card->events.lock, NULL);
}

void notify_destroy(struct vcard *card)
{
	for (unsigned int i = 0; i < VECTORS_MAX; i++)
		pthread_mutex_destroy(&card->notify[i].lock);
	pthread_mutex_destroy(&card->events.lock);
}

void notify_stop(struct vcard *card)
{
	for (unsigned int i = 0; i < VECTORS_MAX; i++) {
		pthread_mutex_lock(&card->notify[i].lock);
		card->notify[i].irq_pending = false;
		atomic_store(&card->notify[i].delayed_ns, 0);
		pthread_mutex_unlock(&card->notify[i].lock);
	}
	pthread_mutex_lock(&card->events.lock);
	card->events.base = 0;
	pthread_mutex_unlock(&card->events.lock);
}

void notify_restart(struct vcard *card, bool forget)
{
	for (unsigned int i = 0; i < VECTORS_MAX; i++) {
		struct notify_ring *ring = &card->notify[i];

		pthread_mutex_lock(&ring->lock);
		ring->posted = 0;
		ring->last_irq_ns = 0;
		ring->irq_pending = false;
		if (forget) {
			ring->base = 0;
			ring->shift = 0;
			ring->interval_us = 0;
		}
		pthread_mutex_unlock(&ring->lock);
	}
	pthread_mutex_lock(&card->events.lock);
	card->events.base = 0;
	card->events.posted = 0;
	card->events.head = 0;
	card->events.overflow = false;
	pthread_mutex_unlock(&card->events.lock);
}

void notify_set_interval(struct vcard *card, unsigned int index, uint32_t interval_us)
{
	pthread_mutex_lock(&card->notify[index].lock);
	card->notify[index].interval_us = interval_us;
	pthread_mutex_unlock(&card->notify[index].lock);
	waker_wake(&card->sched.clock_waker);
}

void notify_set_ring(struct vcard *card, unsigned int index, uint64_t base, uint32_t shift)
{
	struct notify_ring *ring = &card->notify[index];

	pthread_mutex_lock(&ring->lock);
	if (!ring->users) {
		ring->base = base % sizeof(struct aci_notify_entry) ? 0 : base;
		ring->shift = MIN(shift, ENTRY_SHIFT_MAX);
		ring->posted = 0;
	}
	pthread_mutex_unlock(&ring->lock);
}

bool notify_bind(struct vcard *card, unsigned int index)
{
	struct notify_ring *ring = &card->notify[index];
	bool fits;

	pthread_mutex_lock(&ring->lock);
	fits = !ring->base || ring->users < 1u << ring->shift;
	if (fits)
		ring->users++;
	pthread_mutex_unlock(&ring->lock);
	return fits;
}

void notify_unbind(struct vcard *card, unsigned int index)
{
	pthread_mutex_lock(&card->notify[index].lock);
	card->notify[index].users--;
	pthread_mutex_unlock(&card->notify[index].lock);
}

/* --- Interrupts --- */

static void send_irq(struct vcard *card, unsigned int vector)
{
	atomic_fetch_add(&card->irqs, 1);
	card->ops->raise_irq(card->opaque, vector);
}

/* Injected. Return: true if the interrupt is not to be sent now. */
static bool inject_irq(struct vcard *card, unsigned int vector)
{
	struct fault fault;

	if (fault_take(card, FAULT_IRQ_DROP, (int)vector, NULL)) {
		atomic_fetch_add(&card->irqs_dropped, 1);
		return true;
	}
	if (fault_take(card, FAULT_IRQ_DELAY, (int)vector, &fault)) {
		atomic_store(&card->notify[vector].delayed_ns,
			     time_now_ns() + fault.value * NS_PER_MS);
		waker_wake(&card->sched.clock_waker);
		return true;
	}
	if (fault_take(card, FAULT_IRQ_DUPLICATE, (int)vector, NULL))
		send_irq(card, vector);
	return false;
}

void irq_raise(struct vcard *card, unsigned int vector)
{
	/* An MSI is a memory write like any other. */
	if (!atomic_load(&card->dma.enabled))
		return;
	if (!inject_irq(card, vector))
		send_irq(card, vector);
}

static void raise_limited(struct vcard *card, unsigned int index, struct notify_ring *ring)
{
	uint64_t now_ns = time_now_ns();

	if (ring->interval_us && ring->last_irq_ns &&
	    now_ns - ring->last_irq_ns < ring->interval_us * NS_PER_US) {
		ring->irq_pending = true;
		waker_wake(&card->sched.clock_waker);
		return;
	}
	ring->last_irq_ns = now_ns;
	irq_raise(card, index);
}

uint64_t notify_run_timers(struct vcard *card, uint64_t now_ns)
{
	uint64_t next_ns = 0;

	for (unsigned int i = 0; i < card->config.vectors; i++) {
		struct notify_ring *ring = &card->notify[i];
		uint64_t due_ns;

		due_ns = atomic_load(&ring->delayed_ns);
		if (due_ns && due_ns <= now_ns) {
			atomic_store(&ring->delayed_ns, 0);
			send_irq(card, i);
		} else if (due_ns && (!next_ns || due_ns < next_ns)) {
			next_ns = due_ns;
		}
		pthread_mutex_lock(&ring->lock);
		due_ns = ring->last_irq_ns + ring->interval_us * NS_PER_US;
		if (ring->irq_pending && due_ns <= now_ns) {
			ring->irq_pending = false;
			ring->last_irq_ns = now_ns;
			irq_raise(card, i);
		} else if (ring->irq_pending && (!next_ns || due_ns < next_ns)) {
			next_ns = due_ns;
		}
		pthread_mutex_unlock(&ring->lock);
	}
	return next_ns;
}

/* --- Rings --- */

/* 1 on the first pass of a ring, then 0, 1, ... */
static uint32_t phase_of(uint64_t posted, uint32_t shift)
{
	return !(posted >> shift & 1);
}

bool notify_post(struct vcard *card, unsigned int index, uint16_t queue_id)
{
	struct notify_ring *ring = &card->notify[index];
	struct fault fault;
	bool posted = true;

	if (fault_take(card, FAULT_NOTIFY_LOSE, queue_id, NULL))
		return true;
	if (fault_take(card, FAULT_NOTIFY_CORRUPT, queue_id, &fault))
		queue_id = (uint16_t)fault.random;
	pthread_mutex_lock(&ring->lock);
	if (ring->base) {
		uint64_t slot = ring->posted & ((1ull << ring->shift) - 1);
		uint64_t phase = phase_of(ring->posted, ring->shift);

		/* One store: an entry is never seen in half. */
		posted = dma_store64(&card->dma,
				     ring->base + slot * sizeof(struct aci_notify_entry),
				     fault_defy64(card, FAULT_PLACE_NOTIFICATIONS,
						  queue_id | phase << 32));
		if (posted) {
			ring->posted++;
			raise_limited(card, index, ring);
		}
	}
	pthread_mutex_unlock(&ring->lock);
	return posted;
}

static bool write_event(struct vcard *card, const struct event_ring *ring, struct aci_event *event)
{
	uint32_t slot = ring->posted & ((1u << ring->shift) - 1);
	uint64_t at = ring->base + (uint64_t)slot * sizeof(*event);
	const size_t phase_at = offsetof(struct aci_event, phase);
	uint64_t phase = phase_of(ring->posted, ring->shift);

	fault_defy(card, FAULT_PLACE_EVENTS, event, phase_at);
	/* The phase last: it says that the rest is there. */
	return dma_write(&card->dma, at, event, phase_at) &&
	       dma_store64(&card->dma, at + phase_at,
			   fault_defy64(card, FAULT_PLACE_EVENTS, phase));
}

/* Injected: anything but the phase, which write_event() writes. */
static void corrupt_event(struct aci_event *event, uint64_t random)
{
	uint64_t *words = (uint64_t *)event;

	for (size_t i = 0; i < offsetof(struct aci_event, phase) / sizeof(*words); i++)
		words[i] ^= htole64(random * (2 * i + 1));
}

void event_post(struct vcard *card, uint8_t type, uint8_t severity, uint16_t code,
		uint16_t queue_id, uint16_t vm_id, uint64_t info)
{
	struct event_ring *ring = &card->events;
	struct aci_event event = {
		.type = type,
		.severity = severity,
		.code = htole16(code),
		.queue_id = htole16(queue_id),
		.vm_id = htole16(vm_id),
		.info = htole64(info),
		.timestamp = htole64(time_now_ns()),
	};
	struct fault fault;

	if (fault_take(card, FAULT_EVENT_LOSE, FAULT_ANY, NULL))
		return;
	if (fault_take(card, FAULT_EVENT_CORRUPT, FAULT_ANY, &fault))
		corrupt_event(&event, fault.random);
	pthread_mutex_lock(&ring->lock);
	if (ring->base) {
		if (ring->posted - ring->head >= 1u << ring->shift)
			ring->overflow = true;
		else if (write_event(card, ring, &event))
			ring->posted++;
		irq_raise(card, 0);
	}
	pthread_mutex_unlock(&ring->lock);
}
