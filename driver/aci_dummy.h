/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Dummy pages: what CPU mappings show in place of a card that is gone, so that
 * nobody gets a SIGBUS.
 *
 * Each belongs to one object, which keeps the pointer to it, made when it is
 * first needed; never shared with others. No locks.
 */
#ifndef ACI_DUMMY_H
#define ACI_DUMMY_H

#include <linux/mm_types.h>

vm_fault_t aci_dummy_fault(struct vm_fault *vmf, struct page **dummy);
void aci_dummy_free(struct page *dummy);

#endif /* ACI_DUMMY_H */
