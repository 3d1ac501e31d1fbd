// SPDX-License-Identifier: GPL-2.0
/*
 * What the kernel's sw_sync lacks to be a module; it registers its debugfs
 * files by itself. It cannot be unloaded, as it has no way to remove them.
 */
#include <linux/module.h>

MODULE_DESCRIPTION("sw_sync for the test rig");
MODULE_LICENSE("GPL");
