/* SPDX-License-Identifier: GPL-2.0 */
/*
 * ioctl entry, and arrays in user memory. No locking.
 */
#ifndef ACI_IOCTL_H
#define ACI_IOCTL_H

#include <linux/types.h>
#include <linux/uaccess.h>
#include <drm/aci_accel.h>

struct file;

long aci_ioctl(struct file *filp, unsigned int cmd, unsigned long arg);
long aci_compat_ioctl(struct file *filp, unsigned int cmd, unsigned long arg);

int aci_ioctl_check_array(const struct drm_aci_array *array, u32 bytes_min);

/* End of the first version of an element: from here on it may be left out. */
#define ACI_BYTES_UNTIL(type, member)	offsetof(struct type, member)

/**
 * aci_ioctl_copy_element() - copy an element from user space
 * @to: destination
 * @bytes: its size, a constant: hardened usercopy costs more than the copy otherwise
 * @array: checked array
 * @index: below its count
 *
 * Return: 0, -EFAULT, or -E2BIG if the tail that we do not know is not zero.
 */
static __always_inline int aci_ioctl_copy_element(void *to, const u32 bytes,
						  const struct drm_aci_array *array, u32 index)
{
	const void __user *from = u64_to_user_ptr(array->ptr + (u64)array->stride * index);

	if (likely(array->stride == bytes))
		return copy_from_user(to, from, bytes) ? -EFAULT : 0;
	return copy_struct_from_user(to, bytes, from, array->stride);
}

#endif /* ACI_IOCTL_H */
