/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Enable, disable and reset of the card as a whole, by registers.
 *
 * Callers are probe, remove, shutdown, or hold reset_sem for writing.
 */
#ifndef ACI_HW_H
#define ACI_HW_H

#include <linux/types.h>

struct aci_device;

int aci_hw_enable(struct aci_device *adev);
int aci_hw_disable(struct aci_device *adev);
int aci_hw_reset(struct aci_device *adev);
int aci_hw_quiesce(struct aci_device *adev);
int aci_hw_wait_heartbeat(struct aci_device *adev);
void aci_hw_stop_dma(struct aci_device *adev);

#endif /* ACI_HW_H */
