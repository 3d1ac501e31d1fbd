/* SPDX-License-Identifier: (GPL-2.0 WITH Linux-syscall-note) OR MIT */
/*
 * ACI, the Accelerator Card Interface: device MMU.
 *
 * A VM has a 48-bit address space translated by four levels of 512-entry
 * tables, each one page of host memory. Level 3 is the root. Entries are
 * 64-bit little-endian and replaced by single 64-bit stores.
 * Text: Documentation/aci/mmu.rst.
 */
#ifndef _UAPI_ACI_MMU_H_
#define _UAPI_ACI_MMU_H_

#include <linux/types.h>

#define ACI_VA_BITS			48
#define ACI_PT_LEVELS			4
#define ACI_PT_ENTRIES			512
#define ACI_PT_SHIFT(level)		(12 + 9 * (level))
#define ACI_PT_INDEX(va, level)		(((va) >> ACI_PT_SHIFT(level)) & (ACI_PT_ENTRIES - 1))
#define ACI_LEAF_2M_LEVEL		1

#define ACI_PTE_VALID			(1ull << 0)
#define ACI_PTE_READ			(1ull << 1)	/* leaf only; 0 in a table entry */
#define ACI_PTE_WRITE			(1ull << 2)	/* leaf only; 0 in a table entry */
#define ACI_PTE_CARD			(1ull << 3)	/* leaf only: card memory, not system memory */
#define ACI_PTE_SNOOP			(1ull << 4)	/* leaf in system memory only */
#define ACI_PTE_LEAF			(1ull << 7)	/* at level 1: a 2 MiB leaf; 1 in every level 0 entry */
#define ACI_PTE_ADDR_MASK		0x000ffffffffff000ull
#define ACI_PTE_RESERVED		(~(ACI_PTE_ADDR_MASK | 0x9full))

/* Invalidation queue: 32-byte commands, in order. */
#define ACI_INV_RANGE			0x01	/* translations of [va, va + bytes) */
#define ACI_INV_VM			0x02	/* all translations of the VM */
#define ACI_INV_F_INTERRUPT		(1u << 0)	/* raise vector 0 when done */

struct aci_inv_cmd {
	__u8 opcode;
	__u8 flags;
	__le16 vm_id;
	__le32 reserved0;
	__le64 va;		/* page aligned; 0 with ACI_INV_VM */
	__le64 bytes;		/* page multiple; 0 with ACI_INV_VM */
	__le64 reserved1;
};

/* Written by the card as one aligned 64-bit store each, error before completed. */
struct aci_inv_record {
	__le64 completed;	/* commands completed since enable */
	__le64 error;		/* [15:0] status of the first failed command, [63:16] completed before it */
};

#endif /* _UAPI_ACI_MMU_H_ */
