// SPDX-License-Identifier: GPL-2.0
/*
 * Enable, disable and reset of the card.
 *
 * Registers are all there is here, and the card raises no interrupt for these
 * changes: they are polled, with the card's own bounds as the limit.
 */

#include <linux/iopoll.h>
#include <aci/aci_status.h>

#include "aci_hw.h"
#include "aci_mmio.h"

#define ACI_HW_POLL_US	500

static u64 aci_hw_bound_us(u32 bound_ms)
{
	return jiffies_to_usecs(aci_bound_jiffies(bound_ms));
}

/* Wait until STATUS.READY is @ready. */
static int aci_hw_wait_ready(struct aci_device *adev, bool ready)
{
	u32 status;
	int ret;

	ret = read_poll_timeout(aci_read32, status,
				status == ACI_MMIO_GONE ||
				!!(status & ACI_STATUS_REG_READY) == ready ||
				(ready && (status & ACI_STATUS_REG_FATAL)),
				ACI_HW_POLL_US, aci_hw_bound_us(adev->caps.ready_ms), false,
				adev, ACI_REG_STATUS);
	if (ret)
		return ret;
	if (status == ACI_MMIO_GONE)
		return -ENODEV;
	if (!!(status & ACI_STATUS_REG_READY) != ready) {
		drm_err(&adev->drm, "card refuses its rings, status %#x\n", status);
		return -EIO;
	}
	return 0;
}

/**
 * aci_hw_enable() - program the rings and enable the card
 * @adev: device with a disabled card
 *
 * Return: 0, -ETIMEDOUT, -EIO if the card refuses, -ENODEV if it is gone.
 */
int aci_hw_enable(struct aci_device *adev)
{
	aci_admin_program(adev);
	aci_inval_program(adev);
	aci_events_program(adev);
	aci_irq_program(adev);
	aci_write32(adev, ACI_REG_CTRL, ACI_CTRL_ENABLE);
	return aci_hw_wait_ready(adev, true);
}

/**
 * aci_hw_disable() - stop engines and commands, end DMA
 * @adev: device
 *
 * Return: 0 once no DMA is in flight, -ETIMEDOUT, -ENODEV if the card is gone.
 */
int aci_hw_disable(struct aci_device *adev)
{
	u32 status = aci_read32(adev, ACI_REG_STATUS);

	if (status == ACI_MMIO_GONE)
		return -ENODEV;
	aci_write32(adev, ACI_REG_CTRL, 0);
	/* A fatal card is not ready, and yet may have DMA in flight. */
	if (status & ACI_STATUS_REG_FATAL)
		return -EIO;
	return aci_hw_wait_ready(adev, false);
}

/**
 * aci_hw_reset() - card reset
 * @adev: device
 *
 * Return: 0 with the card disabled and no DMA in flight, -EOPNOTSUPP, -EIO if
 * the reset failed, -ETIMEDOUT, -ENODEV if the card is gone.
 */
int aci_hw_reset(struct aci_device *adev)
{
	u32 cap = adev->caps.reset_cap >> ACI_RESET_CAP_SHIFT(ACI_RESET_CARD);
	u32 before, status;
	int ret;

	if (!(cap & ACI_RESET_CAP_SUPPORTED))
		return -EOPNOTSUPP;
	before = aci_read32(adev, ACI_REG_RESET_STATUS);
	if (before == ACI_MMIO_GONE)
		return -ENODEV;
	aci_write32(adev, ACI_REG_RESET, ACI_RESET_CARD | ACI_RESET_KEY << 16);
	ret = read_poll_timeout(aci_read32, status,
				status == ACI_MMIO_GONE ||
				(ACI_RESET_STATE(status) != ACI_RESET_STATE_BUSY &&
				 (ACI_RESET_GENERATION(status) != ACI_RESET_GENERATION(before) ||
				  ACI_RESET_STATE(status) == ACI_RESET_STATE_FAILED)),
				ACI_HW_POLL_US, aci_hw_bound_us(adev->caps.card_reset_ms), true,
				adev, ACI_REG_RESET_STATUS);
	if (ret)
		return ret;
	if (status == ACI_MMIO_GONE)
		return -ENODEV;
	if (ACI_RESET_STATE(status) != ACI_RESET_STATE_DONE)
		return -EIO;
	return aci_hw_disable(adev);
}

/**
 * aci_hw_quiesce() - disable a card in whatever state it is
 * @adev: device
 *
 * Return: 0 with no DMA in flight, or a negative error.
 */
int aci_hw_quiesce(struct aci_device *adev)
{
	int ret;

	aci_hw_disable(adev);
	ret = aci_hw_reset(adev);
	/* Without a reset of its own a card must at least obey the disable. */
	return ret == -EOPNOTSUPP ? aci_hw_disable(adev) : ret;
}

/**
 * aci_hw_wait_heartbeat() - does the firmware live?
 * @adev: device
 *
 * Return: 0 once the heartbeat changed, -ETIMEDOUT.
 */
int aci_hw_wait_heartbeat(struct aci_device *adev)
{
	u32 before = aci_read32(adev, ACI_REG_HEARTBEAT);
	u32 now;

	return read_poll_timeout(aci_read32, now, now != before, ACI_HW_POLL_US,
				 aci_hw_bound_us(adev->caps.heartbeat_ms), true,
				 adev, ACI_REG_HEARTBEAT);
}

/**
 * aci_hw_stop_dma() - make sure that the card reaches no memory any more
 * @adev: device
 *
 * Asks the card first; then the function loses the bus, whatever it answered.
 */
void aci_hw_stop_dma(struct aci_device *adev)
{
	aci_hw_disable(adev);
	pci_clear_master(adev->pdev);
}
