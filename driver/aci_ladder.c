// SPDX-License-Identifier: GPL-2.0
/*
 * The ladder of resets.
 */

#include <linux/delay.h>
#include <linux/iopoll.h>
#include <linux/sched.h>

#include "aci_device.h"
#include "aci_gem.h"
#include "aci_hw.h"
#include "aci_ladder.h"
#include "aci_mmio.h"
#include "aci_reset.h"

/* PCI Express: no request to a function for so long after its reset. */
#define ACI_LADDER_QUIET_MS	100

#define ACI_LADDER_POLL_US	1000

static void aci_ladder_free_state(void *arg)
{
	kfree(arg);
}

/**
 * aci_ladder_init() - note the configuration space that a reset would lose
 * @adev: device with bus mastering and vectors set up
 *
 * A card that needs a reset may not tell any more.
 *
 * Return: 0 or a negative error.
 */
int aci_ladder_init(struct aci_device *adev)
{
	struct pci_dev *pdev = adev->pdev;
	int ret;

	ret = pci_save_state(pdev);
	if (ret)
		return ret;
	adev->pci_state = pci_store_saved_state(pdev);
	/* Or the PCI core would take it for the driver's and leave power to it. */
	pdev->state_saved = false;
	if (!adev->pci_state)
		return -ENOMEM;
	return devm_add_action_or_reset(&pdev->dev, aci_ladder_free_state, adev->pci_state);
}

/* Wait until the function answers configuration requests. */
static int aci_ladder_wait_config(struct aci_device *adev)
{
	u32 id;

	msleep(ACI_LADDER_QUIET_MS);
	return read_poll_timeout(pci_read_config_dword, id, !PCI_POSSIBLE_ERROR(id),
				 ACI_LADDER_POLL_US,
				 jiffies_to_usecs(aci_bound_jiffies(adev->caps.flr_ms)), false,
				 adev->pdev, PCI_VENDOR_ID, &id);
}

/**
 * aci_ladder_restore() - give a function its configuration space back
 * @adev: device whose function was reset
 *
 * Return: 0 if the card answers, and is disabled; or a negative error, and then it
 * does not have the bus.
 */
int aci_ladder_restore(struct aci_device *adev)
{
	struct pci_dev *pdev = adev->pdev;
	int ret;

	ret = aci_ladder_wait_config(adev);
	ret = ret ?: pci_load_saved_state(pdev, adev->pci_state);
	if (ret)
		return ret;
	/* What it knew, if the reset had no effect, is somebody else's memory now. */
	pdev->saved_config_space[PCI_COMMAND / 4] &= ~PCI_COMMAND_MASTER;
	pci_restore_state(pdev);
	if (aci_read32(adev, ACI_REG_MAGIC) != ACI_MAGIC)
		return -ENODEV;
	ret = aci_hw_disable(adev);
	if (!ret)
		pci_set_master(pdev);
	return ret;
}

/* pcie_flr() would wait for a minute, whatever the card states. */
static int aci_ladder_flr(struct aci_device *adev)
{
	pcie_capability_set_word(adev->pdev, PCI_EXP_DEVCTL, PCI_EXP_DEVCTL_BCR_FLR);
	return aci_ladder_restore(adev);
}

/*
 * The PCI core keeps hot-plug and other functions of the bus out of it. What it
 * thinks of the link is not the last word: some ports do not report one.
 */
static int aci_ladder_bus(struct aci_device *adev)
{
	int ret, err;

	/* It calls our own error handlers, which are for resets by others. */
	WRITE_ONCE(adev->reset_task, current);
	ret = pci_reset_bus(adev->pdev);
	WRITE_ONCE(adev->reset_task, NULL);
	if (ret)
		drm_notice(&adev->drm, "bus reset: %d\n", ret);
	err = aci_ladder_restore(adev);
	return ret == -EAGAIN ? ret : err;
}

/* A reset of the function that had no effect leaves what the card reset wrote there. */
static int aci_ladder_check_idle(struct aci_device *adev)
{
	u32 status = aci_read32(adev, ACI_REG_RESET_STATUS);

	return ACI_RESET_STATE(status) == ACI_RESET_STATE_IDLE ? 0 : -EIO;
}

/*
 * Not under reset_sem, which fences wait for: the PCI core takes locks here that
 * others hold while they allocate memory. Nobody touches the card meanwhile, and
 * it reaches no memory.
 */
static int aci_ladder_reset_function(struct aci_device *adev, unsigned int level)
{
	int ret;

	pci_clear_master(adev->pdev);
	/* The answers to its reads of the card come behind what it wrote. */
	if (!pci_wait_for_pending_transaction(adev->pdev))
		drm_notice(&adev->drm, "transactions are pending, reset nevertheless\n");
	up_write(&adev->reset_sem);
	ret = level == ACI_RESET_FLR ? aci_ladder_flr(adev) : aci_ladder_bus(adev);
	down_write(&adev->reset_sem);
	return ret ?: aci_ladder_check_idle(adev);
}

/**
 * aci_ladder_climb() - reset the card by the smallest reset that works
 * @adev: device in ACI_STATE_RESETTING, with queues held and rings stopped; the
 *	caller is the reset worker and holds reset_sem for writing, which is not held
 *	while the function is reset
 * @level: gets the ACI_RESET_* that worked, or the last one tried
 * @kept: gets ACI_KEPT_*
 *
 * Return: 0 with the card disabled; or the error of the last reset.
 */
int aci_ladder_climb(struct aci_device *adev, unsigned int *level, unsigned int *kept)
{
	/* A card whose firmware does not come back would be reset again and again. */
	bool wait_heartbeat = aci_telemetry_take_heartbeat_lost(adev);
	int ret = -EOPNOTSUPP;
	unsigned int next;

	for (next = ACI_RESET_CARD; next <= ACI_RESET_BUS; next++) {
		*kept = aci_reset_keeps(adev, next);
		if (!(aci_reset_caps(adev, next) & ACI_RESET_CAP_SUPPORTED))
			continue;
		*level = next;
		/* Before memory goes: nobody looks at it any more. */
		if (!(*kept & ACI_KEPT_BOS))
			aci_gem_zap_card_maps(adev);
		ret = next == ACI_RESET_CARD ? aci_hw_reset(adev) :
					       aci_ladder_reset_function(adev, next);
		if (!ret && wait_heartbeat)
			ret = aci_hw_wait_heartbeat(adev);
		if (!ret)
			return 0;
		drm_notice(&adev->drm, "reset of level %u failed (%d)\n", next, ret);
	}
	return ret;
}
