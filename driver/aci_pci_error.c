// SPDX-License-Identifier: GPL-2.0
/*
 * Resets of the function by others.
 */

#include <linux/sched.h>

#include "aci_device.h"
#include "aci_hw.h"
#include "aci_ladder.h"
#include "aci_mmio.h"
#include "aci_pci_error.h"
#include "aci_reset.h"

/* Nobody tells a driver when the recovery from an error has failed elsewhere. */
#define ACI_PCI_ERROR_PATIENCE	(120 * HZ)

static void aci_pci_error_give_up(struct work_struct *work)
{
	struct aci_device *adev = container_of(to_delayed_work(work), struct aci_device,
					       error_work);

	down_write(&adev->reset_sem);
	if (aci_get_state(adev) == ACI_STATE_RESETTING) {
		drm_err(&adev->drm, "nobody ended the recovery from a PCI error\n");
		aci_reset_finish(adev, -EIO, 0);
	}
	up_write(&adev->reset_sem);
}

/**
 * aci_pci_error_init() - set up
 * @adev: new device
 */
void aci_pci_error_init(struct aci_device *adev)
{
	INIT_DELAYED_WORK(&adev->error_work, aci_pci_error_give_up);
}

/* Our own bus reset meets these callbacks, too. */
static bool aci_pci_error_is_own(const struct aci_device *adev)
{
	return READ_ONCE(adev->reset_task) == current;
}

static void aci_pci_error_end(struct aci_device *adev, int error, unsigned int kept)
{
	cancel_delayed_work_sync(&adev->error_work);
	down_write(&adev->reset_sem);
	if (aci_get_state(adev) == ACI_STATE_RESETTING)
		aci_reset_finish(adev, error, kept);
	up_write(&adev->reset_sem);
	aci_telemetry_resume(adev);
}

/*
 * A card that slept was reset with others of its bus, and a dead one must not
 * reach memory that is no longer its own.
 */
static void aci_pci_error_note_loss(struct aci_device *adev)
{
	down_write(&adev->reset_sem);
	if (aci_get_state(adev) == ACI_STATE_ASLEEP)
		adev->pm.memory_lost = true;
	if (aci_is_dead(adev))
		pci_clear_master(adev->pdev);
	up_write(&adev->reset_sem);
}

static void aci_pci_reset_prepare(struct pci_dev *pdev)
{
	struct aci_device *adev = pci_get_drvdata(pdev);

	if (!aci_pci_error_is_own(adev))
		aci_reset_begin(adev);
}

static void aci_pci_reset_done(struct pci_dev *pdev)
{
	struct aci_device *adev = pci_get_drvdata(pdev);
	int ret;

	if (aci_pci_error_is_own(adev))
		return;
	ret = aci_ladder_restore(adev);
	aci_pci_error_end(adev, ret ?: aci_hw_quiesce(adev), 0);
	aci_pci_error_note_loss(adev);
}

static pci_ers_result_t aci_pci_error_detected(struct pci_dev *pdev, pci_channel_state_t state)
{
	struct aci_device *adev = pci_get_drvdata(pdev);
	bool begun = aci_reset_begin(adev);

	drm_warn(&adev->drm, "PCI error, channel state %u\n", state);
	adev->slot_was_reset = false;
	if (state == pci_channel_io_perm_failure) {
		aci_pci_error_end(adev, -EIO, 0);
		return PCI_ERS_RESULT_DISCONNECT;
	}
	if (begun)
		queue_delayed_work(adev->wq, &adev->error_work, ACI_PCI_ERROR_PATIENCE);
	return state == pci_channel_io_normal ? PCI_ERS_RESULT_CAN_RECOVER :
						PCI_ERS_RESULT_NEED_RESET;
}

static pci_ers_result_t aci_pci_mmio_enabled(struct pci_dev *pdev)
{
	struct aci_device *adev = pci_get_drvdata(pdev);

	return aci_read32(adev, ACI_REG_MAGIC) == ACI_MAGIC ? PCI_ERS_RESULT_RECOVERED :
							      PCI_ERS_RESULT_NEED_RESET;
}

static pci_ers_result_t aci_pci_slot_reset(struct pci_dev *pdev)
{
	struct aci_device *adev = pci_get_drvdata(pdev);
	int ret;

	adev->slot_was_reset = true;
	ret = aci_ladder_restore(adev);
	aci_pci_error_note_loss(adev);
	return ret ? PCI_ERS_RESULT_DISCONNECT : PCI_ERS_RESULT_RECOVERED;
}

static void aci_pci_resume(struct pci_dev *pdev)
{
	struct aci_device *adev = pci_get_drvdata(pdev);
	unsigned int kept = adev->slot_was_reset ? 0 : aci_reset_keeps(adev, ACI_RESET_CARD);

	cancel_delayed_work_sync(&adev->error_work);
	down_write(&adev->reset_sem);
	/* A dead card has lost the bus for ever: its memory is others' now. */
	if (aci_get_state(adev) == ACI_STATE_RESETTING) {
		pci_set_master(pdev);
		aci_reset_finish(adev, aci_hw_quiesce(adev), kept);
	}
	up_write(&adev->reset_sem);
	aci_telemetry_resume(adev);
}

const struct pci_error_handlers aci_pci_error_handlers = {
	.error_detected = aci_pci_error_detected,
	.mmio_enabled = aci_pci_mmio_enabled,
	.slot_reset = aci_pci_slot_reset,
	.resume = aci_pci_resume,
	.reset_prepare = aci_pci_reset_prepare,
	.reset_done = aci_pci_reset_done,
};
