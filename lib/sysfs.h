/* SPDX-License-Identifier: MIT */
/*
 * Facts about cards from sysfs, without opening a device. No state but the
 * root of the tree, which tests set before anything else runs.
 */
#ifndef LIB_SYSFS_H
#define LIB_SYSFS_H

#include <accel/accel.h>

/** sysfs_set_root() - for tests: a fake tree; NULL: $ACCEL_SYSFS_ROOT, else "/sys" */
void sysfs_set_root(const char *root);

/** sysfs_list() - all ACI cards, sorted by PCI address; *list is NULL if there are none */
int sysfs_list(struct accel_device_info **list, size_t *count);

#endif
