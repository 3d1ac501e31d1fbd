/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Card memory while the system sleeps: it is saved to host memory and restored
 * by the card's own copy engine, through a VM and a queue that live only as long
 * as the copy, while the card knows no others.
 *
 * All that takes memory - room for the contents, page tables, the queue - is made
 * before user space is frozen. From then on a new card BO gets its room when it
 * is made.
 *
 * aci_save.lock protects all but @wait and @copying. It is held while memory is
 * allocated, so that whoever copies takes it before aci_device.reset_sem, which
 * fences wait for; a card reset does not take it.
 */
#ifndef ACI_SAVE_H
#define ACI_SAVE_H

#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/types.h>
#include <linux/wait.h>

#include "aci_pt.h"

struct aci_bo;
struct aci_device;
struct aci_save_queue;

/**
 * struct aci_save - room for card memory, and what is needed to fill it
 */
struct aci_save {
	/** @lock: see above */
	struct mutex lock;
	/** @wait: woken by notifications while the queues are stopped or a copy is made */
	wait_queue_head_t wait;
	/** @copying: the notifications of ACI_SAVE_QUEUE_ID are for the copy */
	bool copying;
	/** @ready: every card BO has, or is getting, its room */
	bool ready;
	/** @entries: struct aci_save_entry */
	struct list_head entries;
	/** @next_va: first address of @pt that is not used */
	u64 next_va;
	/** @pt: page tables of the VM */
	struct aci_pt_tree pt;
	/** @queue: the queue */
	struct aci_save_queue *queue;
};

int aci_save_init(struct aci_device *adev);
int aci_save_prepare(struct aci_device *adev);
void aci_save_discard(struct aci_device *adev);
int aci_save_add(struct aci_device *adev, struct aci_bo *bo);
void aci_save_forget(struct aci_bo *bo);
bool aci_save_is_complete(struct aci_device *adev);
int aci_save_copy(struct aci_device *adev, bool to_host);
void aci_save_handle_notification(struct aci_device *adev, unsigned int queue_id);

#endif /* ACI_SAVE_H */
