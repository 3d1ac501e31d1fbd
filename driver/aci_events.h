/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Event ring. Events are hints: a lost one is made up for by the rescan that
 * the overflow flag and the periodic sample cause. Read by the interrupt
 * handler of vector 0 only, so there is no lock.
 */
#ifndef ACI_EVENTS_H
#define ACI_EVENTS_H

#include <linux/types.h>
#include <aci/aci_admin.h>

struct aci_device;

/**
 * struct aci_events - the ring
 */
struct aci_events {
	/** @shift: log2 of the entries */
	unsigned int shift;
	/** @ring: entries */
	struct aci_event *ring;
	/** @ring_dma: its address for the card */
	dma_addr_t ring_dma;
	/** @head: events read */
	u32 head;
	/** @running: the card is enabled */
	bool running;
};

int aci_events_init(struct aci_device *adev);
void aci_events_program(struct aci_device *adev);
void aci_events_set_running(struct aci_device *adev, bool running);
void aci_events_handle_irq(struct aci_device *adev);

#endif /* ACI_EVENTS_H */
