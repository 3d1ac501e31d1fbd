/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Recovery of a single queue: a job that failed or hung costs its queue that
 * job. Runs on aci_device.wq with reset_sem held for reading.
 */
#ifndef ACI_RECOVERY_H
#define ACI_RECOVERY_H

#include <linux/types.h>

struct aci_device;
struct aci_queue;
struct work_struct;

void aci_recovery_timeout_work(struct work_struct *work);
void aci_recovery_work(struct work_struct *work);
void aci_recovery_give_up(struct aci_queue *queue, int error, const char *why);
bool aci_recovery_convict(struct aci_queue *queue, u32 status, u64 index, u64 info);
void aci_recovery_check_id(struct aci_device *adev, u16 queue_id);
void aci_recovery_scan(struct aci_device *adev);

#endif /* ACI_RECOVERY_H */
