/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Register access. No locking; the caller is in probe, remove, an interrupt
 * handler of the device or drm_dev_enter().
 */
#ifndef ACI_MMIO_H
#define ACI_MMIO_H

#include <linux/io.h>
#include <linux/io-64-nonatomic-lo-hi.h>
#include <aci/aci_regs.h>

#include "aci_device.h"

/* What a read returns once the card has left the bus. */
#define ACI_MMIO_GONE	0xffffffffu

static inline u32 aci_read32(const struct aci_device *adev, u32 reg)
{
	return readl(adev->regs + reg);
}

static inline void aci_write32(const struct aci_device *adev, u32 reg, u32 value)
{
	writel(value, adev->regs + reg);
}

static inline u64 aci_read64(const struct aci_device *adev, u32 reg)
{
	return readq(adev->regs + reg);
}

static inline void aci_write64(const struct aci_device *adev, u32 reg, u64 value)
{
	writeq(value, adev->regs + reg);
}

#endif /* ACI_MMIO_H */
