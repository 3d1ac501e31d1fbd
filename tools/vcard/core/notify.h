/* SPDX-License-Identifier: MIT */
/*
 * Towards the host: notification rings, the event ring, interrupts.
 *
 * Locking: each has a lock of its own, taken inside card->lock; nothing but
 * the DMA table is locked inside.
 */
#ifndef VCARD_CORE_NOTIFY_H
#define VCARD_CORE_NOTIFY_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct vcard;

struct notify_ring {
	pthread_mutex_t lock;
	uint64_t base;
	uint32_t shift;
	uint32_t interval_us;
	uint32_t users;		/* queues bound to it */
	uint64_t posted;
	uint64_t last_irq_ns;
	bool irq_pending;	/* held back by the interval */
	_Atomic uint64_t delayed_ns;	/* injected: an interrupt is due then; 0: none */
};

struct event_ring {
	pthread_mutex_t lock;
	uint64_t base;		/* 0: none */
	uint32_t shift;
	uint32_t posted;
	uint32_t head;
	bool overflow;		/* sticky */
};

void notify_init(struct vcard *card);
void notify_destroy(struct vcard *card);
/** notify_restart() - rings begin anew; with @forget the host's settings go too */
void notify_restart(struct vcard *card, bool forget);

/** notify_stop() - no interrupt, no event from here on */
void notify_stop(struct vcard *card);

/** notify_set_ring() - base or size was written: begin anew; ignored while queues use it */
void notify_set_ring(struct vcard *card, unsigned int index, uint64_t base, uint32_t shift);
void notify_set_interval(struct vcard *card, unsigned int index, uint32_t interval_us);
/** notify_bind() - one more queue. false: no entry left for it */
bool notify_bind(struct vcard *card, unsigned int index);
void notify_unbind(struct vcard *card, unsigned int index);
/** notify_post() - entry and interrupt for a queue. Return: false if host memory refused it */
bool notify_post(struct vcard *card, unsigned int index, uint16_t queue_id);
/** notify_run_timers() - raise interrupts whose interval is over. Return: next deadline or 0 */
uint64_t notify_run_timers(struct vcard *card, uint64_t now_ns);

void event_post(struct vcard *card, uint8_t type, uint8_t severity, uint16_t code,
		uint16_t queue_id, uint16_t vm_id, uint64_t info);

/** irq_raise() - send MSI-X @vector, if bus mastering is on */
void irq_raise(struct vcard *card, unsigned int vector);

#endif
