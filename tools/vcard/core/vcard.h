/* SPDX-License-Identifier: MIT */
/*
 * The card as its own parts see it (card.h is what a transport sees).
 *
 * Locking: card->lock covers VMs, queues and the scheduler. The whole order is
 * in reset.h. Nothing waits for a job or for host memory under card->lock
 * other than for single short accesses.
 */
#ifndef VCARD_CORE_VCARD_H
#define VCARD_CORE_VCARD_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "admin.h"
#include "card.h"
#include "dma.h"
#include "fault.h"
#include "firmware.h"
#include "health.h"
#include "inval.h"
#include "mmu.h"
#include "notify.h"
#include "poll.h"
#include "queue.h"
#include "regs.h"
#include "reset.h"
#include "sched.h"

#define ADDRESS_BITS		52	/* of DMA addresses */
#define RING_SHIFT_MIN		6
#define RING_SHIFT_MAX		15	/* 512 pages of 64 descriptors */
#define EVENT_SHIFT_MAX		10
#define SCRUB_BYTES_MAX		(256ull << 20)

/* Card memory behind what the host sees, for each engine's self test. */
#define SPARE_BYTES		(16u << 10)

/* Does anybody answer? */
enum card_presence {
	CARD_PRESENT,
	CARD_DEAD,	/* until a bus reset works: "reset hang" */
	CARD_REMOVED,	/* until it is plugged in: "remove" */
};

struct vcard {
	struct vcard_config config;
	const struct vcard_ops *ops;
	void *opaque;

	struct vcard_window memory;	/* what the host sees; the engines' spare memory follows */
	struct vcard_window doorbells;
	struct dma_map dma;

	pthread_mutex_t lock;
	bool running;			/* queues may run */
	struct vm **vms;		/* by id; [0] unused */
	struct queue *queues;		/* by id; state NONE: free */
	struct sched sched;
	struct poller poller;
	struct firmware firmware;
	struct health health;

	struct notify_ring notify[VECTORS_MAX];
	struct event_ring events;
	struct admin admin;
	struct inval inval;
	struct regs regs;
	struct control control;

	_Atomic uint64_t irqs;
	_Atomic uint64_t irqs_dropped;
	struct faults faults;
	_Atomic int presence;		/* enum card_presence */
	_Atomic int log_level;
};

void card_log(struct vcard *card, enum vcard_log_level level, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/** address_is_valid() - within the DMA address bits */
static inline bool address_is_valid(uint64_t address)
{
	return !(address >> ADDRESS_BITS);
}

/** queue_find() - NULL if there is none (card->lock) */
struct queue *queue_find(struct vcard *card, unsigned int id);
/** queue_delete() - out of everything; must not be BUSY (card->lock) */
void queue_delete(struct queue *queue);
/** vm_find() - NULL if there is none (card->lock) */
struct vm *vm_find(struct vcard *card, unsigned int id);

/** memory_spare() - where the spare memory of an engine begins, as a card address */
uint64_t memory_spare(const struct engine *engine);
/** memory_zero() - card memory. false: failed */
bool memory_zero(struct vcard *card, uint64_t offset, uint64_t bytes);

#endif
