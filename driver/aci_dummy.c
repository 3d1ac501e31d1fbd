// SPDX-License-Identifier: GPL-2.0
/*
 * Dummy pages.
 */

#include <linux/mm.h>

#include "aci_dummy.h"

/**
 * aci_dummy_fault() - have a fault end at the dummy page of an object
 * @vmf: fault in a mapping with VM_PFNMAP
 * @dummy: where the object keeps the page; NULL until it has one
 *
 * Return: what a fault handler returns.
 */
vm_fault_t aci_dummy_fault(struct vm_fault *vmf, struct page **dummy)
{
	struct page *page = READ_ONCE(*dummy);

	if (!page) {
		page = alloc_page(GFP_KERNEL_ACCOUNT | __GFP_ZERO);
		if (!page)
			return VM_FAULT_OOM;
		/* Another thread may have been faster. */
		if (cmpxchg(dummy, NULL, page)) {
			__free_page(page);
			page = READ_ONCE(*dummy);
		}
	}
	return vmf_insert_pfn(vmf->vma, vmf->address, page_to_pfn(page));
}

/**
 * aci_dummy_free() - the object goes
 * @dummy: its page, or NULL; no mapping shows it any more
 */
void aci_dummy_free(struct page *dummy)
{
	if (dummy)
		__free_page(dummy);
}
