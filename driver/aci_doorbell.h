/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Doorbell and kick pages of user queues, mapped into the process that owns the
 * queue.
 *
 * Their offsets lie behind those of GEM objects in the device file: two pages for
 * each queue id of the card. A page shows the card while the queue lives and the
 * card works, else a page of host memory of the doorbell's own: nobody gets a
 * SIGBUS, and nobody sees what another wrote.
 *
 * aci_device.doorbell_lock, below mmap_lock, is held for reading while a page of
 * the card is put in, and for writing to kill a doorbell, so that none is put in
 * afterwards. No reset takes it: memory may be allocated under it. A reset
 * changes aci_device.state first and takes the pages away then; a fault handler
 * that it did not see looks at the state again.
 */
#ifndef ACI_DOORBELL_H
#define ACI_DOORBELL_H

#include <linux/types.h>

struct aci_device;
struct aci_doorbell;
struct aci_file;
struct file;
struct vm_area_struct;

struct aci_doorbell *aci_doorbell_create(struct aci_device *adev, const struct aci_file *owner,
					 unsigned int id);
void aci_doorbell_kill(struct aci_doorbell *doorbell);
void aci_doorbell_zap_all(struct aci_device *adev);
u64 aci_doorbell_offset(const struct aci_doorbell *doorbell);
u64 aci_doorbell_kick_offset(const struct aci_doorbell *doorbell);
bool aci_doorbell_is_offset(unsigned long pgoff);
int aci_doorbell_mmap(struct file *filp, struct vm_area_struct *vma);

#endif /* ACI_DOORBELL_H */
