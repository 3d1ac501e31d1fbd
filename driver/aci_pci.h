/* SPDX-License-Identifier: GPL-2.0 */
/*
 * PCI identity and BARs. Probe only.
 */
#ifndef ACI_PCI_H
#define ACI_PCI_H

#include <linux/pci.h>

struct aci_device;

/**
 * struct aci_pci_bars - BAR numbers from the DVSEC
 */
struct aci_pci_bars {
	/** @regs: registers */
	unsigned int regs;
	/** @mem: card memory, ACI_DVSEC_BAR_NONE: none */
	unsigned int mem;
	/** @doorbells: doorbell and kick pages */
	unsigned int doorbells;
};

int aci_pci_find(struct pci_dev *pdev, struct aci_pci_bars *bars);
int aci_pci_map_regs(struct aci_device *adev, const struct aci_pci_bars *bars);
int aci_pci_map_rest(struct aci_device *adev, const struct aci_pci_bars *bars);

#endif /* ACI_PCI_H */
