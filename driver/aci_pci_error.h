/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Resets of the function by others: PCI error recovery, sysfs, a hypervisor's
 * user. Between the first and the last callback the device is in
 * ACI_STATE_RESETTING, and nobody touches the card.
 */
#ifndef ACI_PCI_ERROR_H
#define ACI_PCI_ERROR_H

#include <linux/pci.h>

struct aci_device;

extern const struct pci_error_handlers aci_pci_error_handlers;

void aci_pci_error_init(struct aci_device *adev);

#endif /* ACI_PCI_ERROR_H */
