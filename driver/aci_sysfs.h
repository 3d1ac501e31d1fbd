/* SPDX-License-Identifier: GPL-2.0 */
/*
 * sysfs attributes of the PCI device, in the folder aci. They take no lock
 * that a reset holds and never ask the card.
 */
#ifndef ACI_SYSFS_H
#define ACI_SYSFS_H

struct attribute_group;

extern const struct attribute_group *aci_sysfs_groups[];

#endif /* ACI_SYSFS_H */
