// SPDX-License-Identifier: GPL-2.0
/*
 * Event ring.
 */

#include <linux/dma-mapping.h>

#include "aci_mmio.h"
#include "aci_queue.h"
#include "aci_recovery.h"

#define ACI_EVENTS_SHIFT_MAX	7

/**
 * aci_events_init() - allocate the ring
 * @adev: device with known capabilities
 *
 * Return: 0 or -ENOMEM.
 */
int aci_events_init(struct aci_device *adev)
{
	struct aci_events *events = &adev->events;

	events->shift = min_t(unsigned int, adev->caps.event_shift_max, ACI_EVENTS_SHIFT_MAX);
	events->ring = dmam_alloc_coherent(&adev->pdev->dev,
					   max_t(size_t, sizeof(*events->ring) << events->shift,
						 ACI_PAGE_SIZE), &events->ring_dma, GFP_KERNEL);
	return events->ring ? 0 : -ENOMEM;
}

/**
 * aci_events_program() - tell a disabled card where the ring is
 * @adev: device
 */
void aci_events_program(struct aci_device *adev)
{
	struct aci_events *events = &adev->events;

	events->head = 0;
	memset(events->ring, 0, sizeof(*events->ring) << events->shift);
	aci_write64(adev, ACI_REG_EVENT_BASE, events->ring_dma);
	aci_write32(adev, ACI_REG_EVENT_SHIFT, events->shift);
}

/**
 * aci_events_set_running() - handle events, or do not any more
 * @adev: device
 * @running: which
 *
 * Once false, no handler reads the ring.
 */
void aci_events_set_running(struct aci_device *adev, bool running)
{
	WRITE_ONCE(adev->events.running, running);
	if (!running)
		aci_irq_synchronize(adev);
}

static void aci_events_handle(struct aci_device *adev, const struct aci_event *event)
{
	u16 queue_id = le16_to_cpu(READ_ONCE(event->queue_id));
	unsigned int type = READ_ONCE(event->type);

	switch (type) {
	case ACI_EVENT_QUEUE_STOPPED:
	case ACI_EVENT_PAGE_FAULT:
		drm_dbg(&adev->drm, "event %u: queue %u, VM %u, code %#x, info %#llx\n",
			type, queue_id, le16_to_cpu(event->vm_id),
			le16_to_cpu(event->code), le64_to_cpu(event->info));
		aci_recovery_check_id(adev, queue_id);
		break;
	case ACI_EVENT_HEALTH:
	case ACI_EVENT_FIRMWARE:
		aci_telemetry_kick(adev);
		break;
	default:
		drm_dbg(&adev->drm, "unknown event %u\n", type);
	}
}

/**
 * aci_events_handle_irq() - handle new events
 * @adev: device
 */
void aci_events_handle_irq(struct aci_device *adev)
{
	struct aci_events *events = &adev->events;
	u32 head = events->head;

	while (READ_ONCE(events->running) && events->head - head < 1u << events->shift) {
		const struct aci_event *event;
		u32 phase = !((events->head >> events->shift) & 1);

		event = &events->ring[events->head & ((1u << events->shift) - 1)];
		if ((le32_to_cpu(READ_ONCE(event->phase)) & ACI_CPL_PHASE) != phase)
			break;
		/* The card stores the phase last. */
		dma_rmb();
		aci_events_handle(adev, event);
		events->head++;
	}
	if (events->head != head)
		aci_write32(adev, ACI_REG_EVENT_HEAD, events->head);
}
