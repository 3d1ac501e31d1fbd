/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Card reset, and what follows if it fails: the device is wedged. What a reset
 * does to VMs and queues is also what aci_pm.c needs. See aci_device.reset_sem.
 */
#ifndef ACI_RESET_H
#define ACI_RESET_H

#include <linux/bits.h>
#include <linux/types.h>

/* What the card, or whoever restored it, has preserved. */
#define ACI_KEPT_BOS		BIT(0)	/* contents of BOs */
#define ACI_KEPT_FREE		BIT(1)	/* free card memory, which was scrubbed or not */
#define ACI_KEPT_PROGRESS	BIT(2)	/* control records are exact */
#define ACI_KEPT_ORDER		BIT(3)	/* queues were stopped first: user queues go on */

struct aci_device;
struct work_struct;

void aci_reset_request(struct aci_device *adev, const char *why);
void aci_reset_and_wait(struct aci_device *adev, u64 generation, const char *why);
int aci_reset_await_end(struct aci_device *adev);
int aci_reset_await_end_killable(struct aci_device *adev);
void aci_reset_work(struct work_struct *work);
void aci_reset_wedged_work(struct work_struct *work);
int aci_reset_start(struct aci_device *adev);
int aci_reset_stop(struct aci_device *adev);
void aci_reset_hold_queues(struct aci_device *adev);
void aci_reset_set_state(struct aci_device *adev, enum aci_state state);
bool aci_reset_begin(struct aci_device *adev);
u32 aci_reset_caps(const struct aci_device *adev, unsigned int level);
unsigned int aci_reset_keeps(const struct aci_device *adev, unsigned int level);
void aci_reset_finish(struct aci_device *adev, int error, unsigned int kept);
void aci_reset_remove(struct aci_device *adev);

#endif /* ACI_RESET_H */
