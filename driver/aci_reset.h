/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Card reset, and what follows if it fails: the device is wedged. Suspend and
 * resume, which is a reset without the card's memory. See aci_device.reset_sem.
 */
#ifndef ACI_RESET_H
#define ACI_RESET_H

#include <linux/types.h>

struct aci_device;
struct work_struct;

void aci_reset_request(struct aci_device *adev, const char *why);
void aci_reset_and_wait(struct aci_device *adev, u64 generation, const char *why);
void aci_reset_work(struct work_struct *work);
int aci_reset_start(struct aci_device *adev);
void aci_reset_remove(struct aci_device *adev);
int aci_reset_suspend(struct aci_device *adev);
int aci_reset_resume(struct aci_device *adev);

#endif /* ACI_RESET_H */
