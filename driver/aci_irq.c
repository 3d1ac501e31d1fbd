// SPDX-License-Identifier: GPL-2.0
/*
 * Interrupt vectors and notification rings.
 */

#include <linux/dma-mapping.h>
#include <linux/interrupt.h>
#include <linux/topology.h>
#include <aci/aci_queue.h>

#include "aci_mmio.h"
#include "aci_save.h"
#include "aci_user_queue.h"

/*
 * Entries for each queue: the card posts one and no other before it was taken.
 * One more may be left of a deleted queue with the same id.
 */
#define ACI_NOTIFY_PER_QUEUE	2

/* So many queues more than another a vector gets for the sake of its processor. */
#define ACI_IRQ_IMBALANCE_MAX	8

static unsigned int aci_irq_least_used(const struct aci_irq *irq)
{
	unsigned int i, least = 1;

	for (i = 2; i < irq->count; i++)
		if (atomic_read(&irq->notify[i].queues) < atomic_read(&irq->notify[least].queues))
			least = i;
	return least;
}

static unsigned int aci_irq_local(const struct aci_irq *irq)
{
	unsigned int i, cpu = raw_smp_processor_id();

	for (i = 1; i < irq->count; i++)
		if (irq->notify[i].cpu == cpu)
			return i;
	return 1 + cpu % (irq->count - 1);
}

/**
 * aci_irq_take_vector() - the vector that is to serve a new queue
 * @adev: device
 *
 * The one of this processor: whoever makes a queue probably uses it, and is woken
 * at half the cost where the interrupt arrives. Unless another has far less to
 * do: a process may make its queues in one thread for many.
 *
 * Return: its index; give it back with aci_irq_put_vector().
 */
unsigned int aci_irq_take_vector(struct aci_device *adev)
{
	struct aci_irq *irq = &adev->irq;
	unsigned int vector = 0, least;

	if (irq->count > 1) {
		vector = aci_irq_local(irq);
		least = aci_irq_least_used(irq);
		if (atomic_read(&irq->notify[vector].queues) >=
		    atomic_read(&irq->notify[least].queues) + ACI_IRQ_IMBALANCE_MAX)
			vector = least;
	}
	atomic_inc(&irq->notify[vector].queues);
	return vector;
}

/**
 * aci_irq_put_vector() - a queue is gone
 * @adev: device
 * @vector: its vector
 */
void aci_irq_put_vector(struct aci_device *adev, unsigned int vector)
{
	atomic_dec(&adev->irq.notify[vector].queues);
}

/* Returns the queue id of the next entry, or -1. */
static int aci_notify_pop(struct aci_notify *notify)
{
	unsigned long flags;
	u32 phase;
	u64 entry;
	int id = -1;

	spin_lock_irqsave(&notify->lock, flags);
	if (notify->running) {
		entry = le64_to_cpu(READ_ONCE(notify->ring[notify->head &
							   ((1u << notify->shift) - 1)]));
		phase = !((notify->head >> notify->shift) & 1);
		if ((upper_32_bits(entry) & ACI_NOTIFY_PHASE) == phase) {
			/* What the entry announces is read after it. */
			dma_rmb();
			notify->head++;
			id = entry & 0xffff;
		}
	}
	spin_unlock_irqrestore(&notify->lock, flags);
	return id;
}

static void aci_notify_drain(struct aci_notify *notify)
{
	struct aci_device *adev = notify->adev;
	struct aci_queue *queue;
	unsigned int budget = 1u << notify->shift;
	int id;

	rcu_read_lock();
	while (budget-- && (id = aci_notify_pop(notify)) >= 0) {
		queue = id < adev->caps.queues ? rcu_dereference(adev->queue_by_id[id]) : NULL;
		if (queue)
			aci_queue_process(queue, true);
		else
			aci_save_handle_notification(adev, id);
	}
	rcu_read_unlock();
	if (unlikely(READ_ONCE(adev->pm.stopping)))
		wake_up(&adev->save.wait);
}

/**
 * aci_irq_drain() - handle all posted entries of a vector's ring
 * @adev: device
 * @vector: the vector
 *
 * Before a queue id is armed again after RESET_QUEUE or DELETE_QUEUE, and in case an
 * interrupt was lost. Process context.
 */
void aci_irq_drain(struct aci_device *adev, unsigned int vector)
{
	aci_notify_drain(&adev->irq.notify[vector]);
}

static irqreturn_t aci_irq_handle_main(int irq, void *data)
{
	struct aci_notify *notify = data;
	struct aci_device *adev = notify->adev;
	bool cookie = dma_fence_begin_signalling();

	aci_admin_handle_irq(adev);
	aci_inval_handle_irq(adev);
	aci_events_handle_irq(adev);
	aci_notify_drain(notify);
	dma_fence_end_signalling(cookie);
	return IRQ_HANDLED;
}

static irqreturn_t aci_irq_handle_queues(int irq, void *data)
{
	bool cookie = dma_fence_begin_signalling();

	aci_notify_drain(data);
	dma_fence_end_signalling(cookie);
	return IRQ_HANDLED;
}

static int aci_irq_init_vector(struct aci_device *adev, unsigned int vector)
{
	struct aci_notify *notify = &adev->irq.notify[vector];
	struct device *dev = &adev->pdev->dev;
	int ret;

	notify->adev = adev;
	notify->irq = pci_irq_vector(adev->pdev, vector);
	spin_lock_init(&notify->lock);
	notify->shift = min_t(unsigned int, 16,
			      ilog2(roundup_pow_of_two(ACI_NOTIFY_PER_QUEUE * adev->caps.queues)));
	notify->ring = dmam_alloc_coherent(dev, max_t(size_t, sizeof(__le64) << notify->shift,
						      ACI_PAGE_SIZE), &notify->ring_dma,
					   GFP_KERNEL);
	if (!notify->ring)
		return -ENOMEM;
	ret = devm_request_irq(dev, notify->irq,
			       vector ? aci_irq_handle_queues : aci_irq_handle_main, 0,
			       devm_kasprintf(dev, GFP_KERNEL, "aci-%s-%u",
					      pci_name(adev->pdev), vector), notify);
	if (ret || !vector)
		return ret;
	notify->cpu = cpumask_local_spread(vector - 1, dev_to_node(dev));
	/* Only a matter of speed, and not every interrupt controller can. */
	irq_set_affinity(notify->irq, cpumask_of(notify->cpu));
	return 0;
}

/**
 * aci_irq_init() - allocate vectors and rings
 * @adev: device whose admin, invalidation and event rings exist
 *
 * Return: 0 or a negative error.
 */
int aci_irq_init(struct aci_device *adev)
{
	struct aci_irq *irq = &adev->irq;
	unsigned int want;
	int got, ret;

	want = min3(adev->caps.vectors, num_online_cpus() + 1, (unsigned int)ACI_IRQ_VECTORS_MAX);
	got = pci_alloc_irq_vectors(adev->pdev, 1, want, PCI_IRQ_MSIX);
	if (got < 0)
		return got;
	/* Whoever stops the card after an error meets only those that are set up. */
	for (; irq->count < got; irq->count++) {
		ret = aci_irq_init_vector(adev, irq->count);
		if (ret)
			return ret;
	}
	return 0;
}

/**
 * aci_irq_program() - tell a card without queues where the rings are
 * @adev: device
 */
void aci_irq_program(struct aci_device *adev)
{
	unsigned int i;

	for (i = 0; i < adev->irq.count; i++) {
		struct aci_notify *notify = &adev->irq.notify[i];
		u32 reg = ACI_REG_NOTIFY(i);

		notify->head = 0;
		memset(notify->ring, 0, sizeof(*notify->ring) << notify->shift);
		aci_write64(adev, reg + ACI_NOTIFY_BASE, notify->ring_dma);
		aci_write32(adev, reg + ACI_NOTIFY_SHIFT, notify->shift);
		aci_write32(adev, reg + ACI_NOTIFY_INTERVAL_US, 0);
	}
}

/**
 * aci_irq_set_running() - read the notification rings, or do not any more
 * @adev: device
 * @running: which
 */
void aci_irq_set_running(struct aci_device *adev, bool running)
{
	unsigned int i;

	for (i = 0; i < adev->irq.count; i++) {
		struct aci_notify *notify = &adev->irq.notify[i];

		spin_lock_irq(&notify->lock);
		notify->running = running;
		spin_unlock_irq(&notify->lock);
	}
}

/**
 * aci_irq_synchronize() - wait until no handler is running
 * @adev: device
 */
void aci_irq_synchronize(struct aci_device *adev)
{
	unsigned int i;

	for (i = 0; i < adev->irq.count; i++)
		synchronize_irq(adev->irq.notify[i].irq);
}
