/* SPDX-License-Identifier: MIT */
/*
 * The in-process transport: a small driver for a virtual card whose core runs
 * in this process. Same registers, rings, tables and interrupts as a real card;
 * no kernel. One transport is one card.
 *
 * Locking, outermost first:
 *	queue_lock	queues, their jobs and what waits for them
 *	vm_lock		page tables, ids of VMs, the invalidation queue
 *	admin_lock	the admin queue; one command at a time
 *	memory_lock	bus addresses and card memory; a leaf
 *	irq_lock	interrupts pending; a leaf that the card's threads take
 * Admin commands are never waited for under queue_lock.
 */
#ifndef LIB_INPROC_H
#define LIB_INPROC_H

#include <pthread.h>
#include <sys/queue.h>

#include <aci/aci_mmu.h>
#include <aci/aci_regs.h>

#include "../tools/vcard/core/card.h"
#include "barrier.h"
#include "transport.h"
#include "va.h"

/** struct inproc_dma - host memory that the card reaches at a bus address */
struct inproc_dma {
	void *cpu;
	uint64_t address;
	uint64_t bytes;
};

struct inproc_queue;
struct inproc_vm;

struct inproc_admin {
	struct inproc_dma sq, cq, data;
	uint32_t tail;
	uint32_t head;
	uint16_t cid;
};

struct inproc_invalidation {
	struct inproc_dma sq, record;
	uint32_t tail;			/* free-running, as in the register */
	uint64_t issued;
};

struct inproc_card {
	struct transport base;
	struct vcard *vcard;
	struct vcard_window aperture;
	struct vcard_window doorbells;

	/* facts, from registers */
	uint64_t cap;
	uint64_t mem_bytes;
	uint32_t version;
	uint32_t dma_bits;
	uint32_t db_shift;
	uint32_t queues_max;
	uint32_t vms_max;
	uint32_t vectors;
	uint32_t engine_classes;
	uint32_t priorities;
	uint32_t ring_shift_max;
	uint64_t scrub_bytes_max;
	uint32_t generation;

	pthread_mutex_t irq_lock;
	pthread_cond_t irq_cond;
	uint64_t irqs;
	bool stopping;
	bool wedged;			/* atomic; an admin command or invalidation timed out */

	pthread_mutex_t memory_lock;
	struct va_space bus;
	struct va_space memory;

	pthread_mutex_t admin_lock;
	struct inproc_admin admin;

	pthread_mutex_t vm_lock;
	struct inproc_vm **vms;		/* by id - 1 */
	struct inproc_invalidation invalidation;

	pthread_mutex_t queue_lock;
	struct inproc_queue **queues;	/* by id */
	struct inproc_dma notify;
	uint32_t notify_shift;
	uint32_t notify_vector;
	uint64_t notify_head;
	struct inproc_dma events;
	uint32_t event_head;
	uint64_t service_deadline;	/* when to look for hung jobs */
	uint64_t active_margin_ns;	/* active_ns of a record may be older by this */
	pthread_t service;
	bool service_running;
};

static inline struct inproc_card *to_inproc(struct transport *transport)
{
	return (struct inproc_card *)transport;
}

static inline uint32_t inproc_reg32(struct inproc_card *card, uint64_t offset)
{
	return (uint32_t)vcard_reg_read(card->vcard, offset, 4);
}

static inline uint64_t inproc_reg64(struct inproc_card *card, uint64_t offset)
{
	return vcard_reg_read(card->vcard, offset, 8);
}

static inline bool inproc_is_wedged(struct inproc_card *card)
{
	return __atomic_load_n(&card->wedged, __ATOMIC_ACQUIRE);
}

/** inproc_wedge() - the card broke a promise: stop its DMA for good, so that memory can be freed */
void inproc_wedge(struct inproc_card *card, const char *why);
/** inproc_error_wedged() - sets the text. Return: -ENODEV */
int inproc_error_wedged(void);

/**
 * inproc_irq_wait() - until @done(@argument) is true; it is asked after every interrupt
 *
 * Return: 0 or -ETIME.
 */
int inproc_irq_wait(struct inproc_card *card, bool (*done)(void *argument), void *argument,
		    uint64_t deadline_ns);

/* inproc_memory.c */
int inproc_dma_alloc(struct inproc_card *card, uint64_t bytes, struct inproc_dma *dma);
void inproc_dma_free(struct inproc_card *card, struct inproc_dma *dma);
struct inproc_bo {
	struct transport_bo base;
	bool card_memory;
	bool is_registered;		/* memory of the caller, not to be freed */
	struct inproc_dma dma;		/* host memory */
	uint64_t address;		/* card memory */
};
int inproc_bo_create(struct transport *transport, uint64_t bytes, enum accel_placement placement,
		     bool mappable, struct transport_bo **bo);
int inproc_bo_register(struct transport *transport, void *address, uint64_t bytes, bool readonly,
		       struct transport_bo **bo);
int inproc_bo_map(struct transport_bo *bo, void **pointer);
void inproc_bo_destroy(struct transport_bo *bo);

/* inproc_host.c */
/** inproc_host_check() - may this memory be registered? By the rules of the kernel driver. */
int inproc_host_check(const void *address, uint64_t bytes, bool readonly);

/* inproc_admin.c */
int inproc_admin_init(struct inproc_card *card);
void inproc_admin_fini(struct inproc_card *card);
/** inproc_admin_call() - one command, waits for it. @data: NULL or 4096 bytes that it fills. */
int inproc_admin_call(struct inproc_card *card, struct aci_admin_cmd *cmd, uint32_t bound_ms,
		      void *data);

/* inproc_vm.c */
int inproc_vm_init(struct inproc_card *card);
void inproc_vm_fini(struct inproc_card *card);
int inproc_vm_create(struct transport *transport, bool user_queues, uint32_t *vm_id);
void inproc_vm_destroy(struct transport *transport, uint32_t vm_id);
int inproc_vm_query(struct transport *transport, uint32_t vm_id, struct drm_aci_query_vm *state);
int inproc_vm_map(struct transport *transport, uint32_t vm_id, struct transport_bo *bo, uint64_t va,
		  bool readonly);
void inproc_vm_unmap(struct transport *transport, uint32_t vm_id, struct transport_bo *bo,
		     uint64_t va);

/* inproc_jobs.c and inproc_user.c; struct inproc_queue is in inproc_queue.h */
int inproc_queue_create(struct transport *transport, const struct transport_queue_options *options,
			struct transport_queue **queue);
int inproc_user_queue_create(struct transport *transport,
			     const struct transport_queue_options *options,
			     struct transport_queue **queue);

/* inproc_service.c */
int inproc_service_init(struct inproc_card *card);
int inproc_service_start(struct inproc_card *card);
void inproc_service_fini(struct inproc_card *card);

#endif
