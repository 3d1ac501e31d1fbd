/* SPDX-License-Identifier: MIT */
/*
 * PCI facts of a card, by libpci and sysfs. The device is not opened; a card
 * that sleeps is not woken: its config space is then not read.
 *
 * Single-threaded: libpci's errors unwind by longjmp().
 */
#ifndef ACCELCTL_PCI_H
#define ACCELCTL_PCI_H

#include <stdbool.h>
#include <stdint.h>

struct pci_counter {
	bool known;
	uint64_t value;
};

struct pci_link {
	bool known;
	double gts;		/* GT/s */
	unsigned int width;
};

struct pci_facts {
	uint16_t vendor_id, device_id;
	char vendor[128], device[128];	/* names of the PCI ID database, empty: none */
	char power_state[16];		/* "D0", empty: unknown */
	struct pci_link link, link_max;
	bool aer_known, aer;		/* is the AER capability there? */
	struct pci_counter aer_correctable, aer_nonfatal, aer_fatal;
	int numa_node;			/* -1: none */
};

/** pci_get_facts() - facts of the device at "0000:01:00.0"; false: it is not there, *@message says why */
bool pci_get_facts(const char *address, struct pci_facts *facts, char *message, unsigned long bytes);

#endif
