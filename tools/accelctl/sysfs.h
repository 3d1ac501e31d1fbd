/* SPDX-License-Identifier: MIT */
/* Small files of sysfs, below $ACCEL_SYSFS_ROOT or /sys. No state, no locks. */
#ifndef ACCELCTL_SYSFS_H
#define ACCELCTL_SYSFS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

const char *sysfs_root_path(void);
/** sysfs_pci_path() - path of @file of the PCI device at @address; false: too long */
bool sysfs_pci_path(char *path, size_t bytes, const char *address, const char *file);
/** sysfs_read() - a file's text without its last newline; false: not there */
bool sysfs_read(const char *path, char *text, size_t bytes);
bool sysfs_read_pci(const char *address, const char *file, char *text, size_t bytes);
/** sysfs_write_pci() - Return: 0 or a negative errno */
int sysfs_write_pci(const char *address, const char *file, const char *text);
bool sysfs_parse_int(const char *text, int64_t *value);

#endif
