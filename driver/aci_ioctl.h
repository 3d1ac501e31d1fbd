/* SPDX-License-Identifier: GPL-2.0 */
/*
 * ioctl entry, and arrays in user memory. No locking.
 */
#ifndef ACI_IOCTL_H
#define ACI_IOCTL_H

#include <linux/types.h>

struct drm_aci_array;
struct file;

long aci_ioctl(struct file *filp, unsigned int cmd, unsigned long arg);
long aci_compat_ioctl(struct file *filp, unsigned int cmd, unsigned long arg);

int aci_ioctl_check_array(const struct drm_aci_array *array, u32 bytes_min);
int aci_ioctl_copy_element(void *to, u32 bytes, const struct drm_aci_array *array, u32 index);

#endif /* ACI_IOCTL_H */
