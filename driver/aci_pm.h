/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Power management.
 *
 * System sleep: queues stop between two descriptors, card memory is saved, the
 * card is rebuilt on resume and the queues go on where they stopped.
 *
 * Runtime: a card without work that nobody looks at is disabled and put into
 * D3hot. Whoever needs it holds a reference meanwhile: every ioctl but those
 * that only ask. A job that meets a sleeping card waits in its queue and has the
 * card woken; so submission costs nothing. A card without No_Soft_Reset loses
 * its memory in D3hot, and sleeps only while none is allocated.
 *
 * The callbacks take aci_device.reset_sem for writing and what is below it, so
 * that a page fault may wake the card.
 */
#ifndef ACI_PM_H
#define ACI_PM_H

#include <linux/notifier.h>
#include <linux/pm.h>
#include <linux/types.h>
#include <linux/workqueue.h>

struct aci_device;

/**
 * struct aci_pm - state of power management
 */
struct aci_pm {
	/** @notifier: makes room for card memory before user space is frozen */
	struct notifier_block notifier;
	/** @wake_work: wakes the card for a job */
	struct work_struct wake_work;
	/** @seqnos: jobs submitted when last asked whether the card is idle */
	u64 seqnos;
	/** @keeps_memory: card memory survives D3hot */
	bool keeps_memory;
	/** @memory_lost: it was reset while it slept; under reset_sem for writing */
	bool memory_lost;
	/** @stopping: notifications wake aci_save.wait */
	bool stopping;
};

extern const struct dev_pm_ops aci_pm_ops;

void aci_pm_init(struct aci_device *adev);
int aci_pm_start(struct aci_device *adev);
void aci_pm_stop(struct aci_device *adev);
int aci_pm_get(struct aci_device *adev);
void aci_pm_put(struct aci_device *adev);
void aci_pm_wake(struct aci_device *adev);

#endif /* ACI_PM_H */
