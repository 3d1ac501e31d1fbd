// SPDX-License-Identifier: GPL-2.0
/*
 * ioctl entry.
 *
 * Only calls that are known to make sense on an accel node reach the DRM core:
 * others, such as GET_UNIQUE and GET_MAGIC, dereference the drm_master that
 * clients of an accel node do not have.
 */

#include <linux/compat.h>
#include <linux/overflow.h>
#include <linux/uaccess.h>
#include <drm/drm.h>
#include <drm/drm_drv.h>
#include <drm/drm_file.h>
#include <drm/drm_ioctl.h>
#include <drm/aci_accel.h>

#include "aci_device.h"
#include "aci_ioctl.h"
#include "aci_pm.h"
#include "aci_reset.h"
#include "aci_submit.h"

/* Larger elements than this no later version will have. */
#define ACI_STRIDE_MAX	4096

static bool aci_ioctl_is_core_allowed(unsigned int nr)
{
	switch (nr) {
	case DRM_IOCTL_NR(DRM_IOCTL_VERSION):
	case DRM_IOCTL_NR(DRM_IOCTL_GET_CLIENT):
	case DRM_IOCTL_NR(DRM_IOCTL_GET_STATS):
	case DRM_IOCTL_NR(DRM_IOCTL_GET_CAP):
	case DRM_IOCTL_NR(DRM_IOCTL_GEM_CLOSE):
	case DRM_IOCTL_NR(DRM_IOCTL_PRIME_HANDLE_TO_FD):
	case DRM_IOCTL_NR(DRM_IOCTL_PRIME_FD_TO_HANDLE):
	case DRM_IOCTL_NR(DRM_IOCTL_SYNCOBJ_CREATE):
	case DRM_IOCTL_NR(DRM_IOCTL_SYNCOBJ_DESTROY):
	case DRM_IOCTL_NR(DRM_IOCTL_SYNCOBJ_HANDLE_TO_FD):
	case DRM_IOCTL_NR(DRM_IOCTL_SYNCOBJ_FD_TO_HANDLE):
	case DRM_IOCTL_NR(DRM_IOCTL_SYNCOBJ_WAIT):
	case DRM_IOCTL_NR(DRM_IOCTL_SYNCOBJ_RESET):
	case DRM_IOCTL_NR(DRM_IOCTL_SYNCOBJ_SIGNAL):
	case DRM_IOCTL_NR(DRM_IOCTL_SYNCOBJ_TIMELINE_WAIT):
	case DRM_IOCTL_NR(DRM_IOCTL_SYNCOBJ_QUERY):
	case DRM_IOCTL_NR(DRM_IOCTL_SYNCOBJ_TRANSFER):
	case DRM_IOCTL_NR(DRM_IOCTL_SYNCOBJ_TIMELINE_SIGNAL):
	case DRM_IOCTL_NR(DRM_IOCTL_SYNCOBJ_EVENTFD):
#ifdef DRM_IOCTL_SET_CLIENT_NAME
	case DRM_IOCTL_NR(DRM_IOCTL_SET_CLIENT_NAME):
#endif
		return true;
	default:
		return false;
	}
}

/* What user space may still call once the device does no more work. */
static bool aci_ioctl_works_wedged(unsigned int nr)
{
	return nr < DRM_COMMAND_BASE || nr >= DRM_COMMAND_END ||
	       nr == DRM_COMMAND_BASE + DRM_ACI_QUERY;
}

/* Which calls need a card that is awake. A job has it woken by itself. */
static bool aci_ioctl_needs_card(unsigned int nr)
{
	switch (nr) {
	case DRM_COMMAND_BASE + DRM_ACI_SUBMIT:
	case DRM_COMMAND_BASE + DRM_ACI_QUERY:
	case DRM_COMMAND_BASE + DRM_ACI_BO_MMAP_OFFSET:
		return false;
	default:
		return nr >= DRM_COMMAND_BASE && nr < DRM_COMMAND_END;
	}
}

/*
 * Which of them cannot be done while somebody else resets the card. The caller
 * who is told to try again would do nothing else.
 */
static bool aci_ioctl_awaits_reset(unsigned int nr)
{
	return nr == DRM_COMMAND_BASE + DRM_ACI_VM_CREATE ||
	       nr == DRM_COMMAND_BASE + DRM_ACI_BO_CREATE ||
	       nr == DRM_COMMAND_BASE + DRM_ACI_QUEUE_CREATE ||
	       nr == DRM_COMMAND_BASE + DRM_ACI_QUEUE_RESUME;
}

static int aci_ioctl_admit(struct file *filp, unsigned int cmd)
{
	struct drm_file *file = filp->private_data;
	unsigned int nr = DRM_IOCTL_NR(cmd);

	if (nr < DRM_COMMAND_BASE || nr >= DRM_COMMAND_END)
		return aci_ioctl_is_core_allowed(nr) ? 0 : -EACCES;
	if (aci_is_dead(to_aci_device(file->minor->dev)) && !aci_ioctl_works_wedged(nr))
		return -ENODEV;
	return 0;
}

/*
 * What drm_ioctl() would do for SUBMIT of the known size, without what is for
 * any driver's ioctl of any size. Whether the device is unplugged is no
 * question here: see aci_submit_ioctl().
 */
static int aci_ioctl_submit(struct file *filp, unsigned long arg)
{
	struct drm_aci_submit __user *user = (struct drm_aci_submit __user *)arg;
	struct drm_file *file = filp->private_data;
	struct drm_aci_submit args;
	int ret;

	if (copy_from_user(&args, user, sizeof(args)))
		return -EFAULT;
	ret = aci_submit_ioctl(file->minor->dev, &args, file);
	/* Also after an error: it counts the jobs before that. */
	if (put_user(args.accepted, &user->accepted))
		return -EFAULT;
	if (args.flags & DRM_ACI_SUBMIT_WAIT && put_user(args.status, &user->status))
		return -EFAULT;
	return ret;
}

/* Inlined, so that no call is an indirect one. */
static __always_inline long aci_ioctl_run(struct file *filp, unsigned int cmd, unsigned long arg,
					  long (*run)(struct file *filp, unsigned int cmd,
						      unsigned long arg))
{
	struct drm_file *file = filp->private_data;
	struct aci_device *adev = to_aci_device(file->minor->dev);
	long ret;

	if (!aci_ioctl_needs_card(DRM_IOCTL_NR(cmd)))
		return run(filp, cmd, arg);
	ret = aci_pm_get(adev);
	if (ret)
		return aci_is_dead(adev) ? -ENODEV : ret;
	if (aci_ioctl_awaits_reset(DRM_IOCTL_NR(cmd)))
		ret = aci_reset_await_end(adev);
	ret = ret ?: run(filp, cmd, arg);
	aci_pm_put(adev);
	/* The call that found the card without an answer tells what became of it. */
	return (ret == -ETIMEDOUT || ret == -EAGAIN) && aci_is_dead(adev) ? -ENODEV : ret;
}

/**
 * aci_ioctl() - unlocked_ioctl of the device file
 * @filp: file
 * @cmd: ioctl
 * @arg: argument
 *
 * Return: what the ioctl returns; -EACCES for core calls not on the list.
 */
long aci_ioctl(struct file *filp, unsigned int cmd, unsigned long arg)
{
	int ret = aci_ioctl_admit(filp, cmd);

	if (ret)
		return ret;
	return likely(cmd == DRM_IOCTL_ACI_SUBMIT) ? aci_ioctl_submit(filp, arg) :
						     aci_ioctl_run(filp, cmd, arg, drm_ioctl);
}

#ifdef CONFIG_COMPAT
/**
 * aci_compat_ioctl() - compat_ioctl of the device file
 * @filp: file
 * @cmd: ioctl
 * @arg: argument
 *
 * Our own structures are the same for 32-bit user space.
 *
 * Return: as aci_ioctl().
 */
long aci_compat_ioctl(struct file *filp, unsigned int cmd, unsigned long arg)
{
	int ret = aci_ioctl_admit(filp, cmd);

	return ret ?: aci_ioctl_run(filp, cmd, arg, drm_compat_ioctl);
}
#endif

/**
 * aci_ioctl_check_array() - check the description of an array
 * @array: array in user memory
 * @bytes_min: size of an element in the first version of the interface
 *
 * Return: 0 or -EINVAL.
 */
int aci_ioctl_check_array(const struct drm_aci_array *array, u32 bytes_min)
{
	u64 bytes, end;

	if (!array->count)
		return array->ptr ? -EINVAL : 0;
	if (array->stride < bytes_min || array->stride > ACI_STRIDE_MAX)
		return -EINVAL;
	if (check_mul_overflow((u64)array->stride, (u64)array->count, &bytes) ||
	    check_add_overflow(array->ptr, bytes, &end))
		return -EINVAL;
	return 0;
}
