/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Interrupts: vector 0 serves admin, invalidation and events; job queues use
 * the others, or share vector 0 if there is only one. Each vector has a
 * notification ring of queue ids.
 *
 * aci_notify.lock is a leaf and protects the read position of a ring.
 */
#ifndef ACI_IRQ_H
#define ACI_IRQ_H

#include <linux/atomic.h>
#include <linux/spinlock.h>
#include <linux/types.h>

#define ACI_IRQ_VECTORS_MAX	16

struct aci_device;

/**
 * struct aci_notify - notification ring of a vector
 */
struct aci_notify {
	/** @adev: device */
	struct aci_device *adev;
	/** @irq: the kernel's number, which cannot be looked up while fences wait */
	int irq;
	/** @cpu: where its interrupt goes unless somebody moved it */
	unsigned int cpu;
	/** @queues: queues that use it */
	atomic_t queues;
	/** @lock: protects @head and @running */
	spinlock_t lock;
	/** @running: the card is enabled */
	bool running;
	/** @shift: log2 of the entries */
	unsigned int shift;
	/** @head: entries read */
	u32 head;
	/** @ring: struct aci_notify_entry, read as one word */
	__le64 *ring;
	/** @ring_dma: its address for the card */
	dma_addr_t ring_dma;
};

/**
 * struct aci_irq - all vectors
 */
struct aci_irq {
	/** @count: vectors in use */
	unsigned int count;
	/** @notify: by vector */
	struct aci_notify notify[ACI_IRQ_VECTORS_MAX];
};

int aci_irq_init(struct aci_device *adev);
void aci_irq_program(struct aci_device *adev);
void aci_irq_set_running(struct aci_device *adev, bool running);
void aci_irq_synchronize(struct aci_device *adev);
unsigned int aci_irq_take_vector(struct aci_device *adev);
void aci_irq_put_vector(struct aci_device *adev, unsigned int vector);
void aci_irq_drain(struct aci_device *adev, unsigned int vector);

#endif /* ACI_IRQ_H */
