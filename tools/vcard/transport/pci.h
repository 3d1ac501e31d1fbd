/* SPDX-License-Identifier: MIT */
/*
 * The card as a PCI function: configuration space, regions, interrupts.
 *
 * Locking: configuration space belongs to the thread that serves the
 * connection; interrupt eventfds have a lock, because engines raise.
 */
#ifndef VCARD_TRANSPORT_PCI_H
#define VCARD_TRANSPORT_PCI_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "../core/card.h"

#define PCI_CONFIG_BYTES	4096
#define PCI_BARS		6
#define PCI_VECTORS_MAX		64

#define PCI_BAR_REGS		0
#define PCI_BAR_MEMORY		2
#define PCI_BAR_DOORBELLS	4

struct pci_ids {
	uint16_t vendor;
	uint16_t device;
};

struct pci_function {
	struct vcard *card;
	struct pci_ids ids;
	uint64_t serial;			/* device serial number capability */
	unsigned int vectors;
	bool absent;				/* as last seen, see vcard_is_absent() */
	struct vcard_window memory;
	struct vcard_window doorbells;
	uint64_t bar_bytes[PCI_BARS];		/* 0: none */

	uint8_t config[PCI_CONFIG_BYTES];
	uint8_t writable[PCI_CONFIG_BYTES];	/* by bit */
	uint8_t write_1_clears[PCI_CONFIG_BYTES];

	pthread_mutex_t irq_lock;
	int irq_fds[PCI_VECTORS_MAX];		/* -1: not armed */
};

/** pci_init() - after vcard_create(); @vectors as configured */
void pci_init(struct pci_function *pci, struct vcard *card, const struct pci_ids *ids,
	      const char *serial, unsigned int vectors);

void pci_config_read(struct pci_function *pci, uint32_t offset, void *data, uint32_t bytes);
void pci_config_write(struct pci_function *pci, uint32_t offset, const void *data, uint32_t bytes);

/* BAR accesses that are not mapped; false: out of range. */
bool pci_bar_read(struct pci_function *pci, unsigned int bar, uint64_t offset, void *data,
		  uint32_t bytes);
bool pci_bar_write(struct pci_function *pci, unsigned int bar, uint64_t offset, const void *data,
		   uint32_t bytes);

/** pci_reset() - @level: ACI_RESET_FLR or ACI_RESET_BUS: configuration space and card */
void pci_reset(struct pci_function *pci, unsigned int level);
/** pci_power_on() - off and on again */
void pci_power_on(struct pci_function *pci);

/** pci_set_irq() - eventfd of a vector (then owned here) or -1 */
void pci_set_irq(struct pci_function *pci, unsigned int vector, int fd);
void pci_raise_irq(struct pci_function *pci, unsigned int vector);

#endif
