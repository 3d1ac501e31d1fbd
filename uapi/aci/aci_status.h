/* SPDX-License-Identifier: (GPL-2.0 WITH Linux-syscall-note) OR MIT */
/*
 * ACI, the Accelerator Card Interface: status codes.
 *
 * One space of 16-bit codes serves admin completions, the first error of a
 * queue (control record) and events. Text: Documentation/aci/status.rst.
 */
#ifndef _UAPI_ACI_STATUS_H_
#define _UAPI_ACI_STATUS_H_

#define ACI_STATUS_SUCCESS		0x0000

/* Admin: the command itself was wrong. Nothing was changed. */
#define ACI_STATUS_INVALID_OPCODE	0x0001
#define ACI_STATUS_INVALID_FIELD	0x0002	/* reserved field, flag or value */
#define ACI_STATUS_INVALID_ID		0x0003	/* no such VM, queue, ring or log */
#define ACI_STATUS_ID_IN_USE		0x0004
#define ACI_STATUS_NO_RESOURCES		0x0005
#define ACI_STATUS_INVALID_STATE	0x0006	/* e.g. resume of a running queue */
#define ACI_STATUS_UNSUPPORTED		0x0007	/* optional and not implemented */
#define ACI_STATUS_ABORTED		0x0008
#define ACI_STATUS_DMA_ERROR		0x0009	/* host memory could not be accessed */
#define ACI_STATUS_INTERNAL		0x000a
#define ACI_STATUS_TIMEOUT		0x000b
#define ACI_STATUS_VM_BUSY		0x000c	/* the VM still has queues */
#define ACI_STATUS_SELF_TEST_FAILED	0x000d
#define ACI_STATUS_FIRMWARE_INVALID	0x000e
#define ACI_STATUS_SCRUB_FAILED		0x000f

/* Queue: what halted it. error_index names the descriptor. */
#define ACI_STATUS_DESC_OPCODE		0x0101
#define ACI_STATUS_DESC_FIELD		0x0102	/* reserved field, flag, length or alignment */
#define ACI_STATUS_DESC_ENGINE		0x0103	/* opcode not allowed on this engine class */
#define ACI_STATUS_WAIT_REFUSED		0x0104	/* WAIT in a NO_WAIT VM */
#define ACI_STATUS_WAIT_TIMEOUT		0x0105
#define ACI_STATUS_RING_OVERRUN		0x0106	/* tail - completed > ring size */
#define ACI_STATUS_RING_FETCH		0x0107	/* DMA error on ring, record or user page */
#define ACI_STATUS_PAGE_FAULT		0x0108	/* error_info: device virtual address */
#define ACI_STATUS_PREEMPT_TIMEOUT	0x0109
#define ACI_STATUS_WATCHDOG		0x010a
#define ACI_STATUS_QUEUE_RESET		0x010b	/* RESET_QUEUE is in progress */
#define ACI_STATUS_CARD_RESET		0x010c
#define ACI_STATUS_MEMORY_ERROR		0x010d	/* uncorrectable ECC; error_info: address */
#define ACI_STATUS_ENGINE_FAULT		0x010e

/* Program (EXEC). error_info: index of the operation in its low 32 bits; see aci_tcs.h. */
#define ACI_STATUS_PROG_HEADER		0x0201	/* magic, version, sizes or offsets */
#define ACI_STATUS_PROG_SET		0x0202	/* command set unknown to the card */
#define ACI_STATUS_PROG_OPCODE		0x0203
#define ACI_STATUS_PROG_FIELD		0x0204	/* reserved field or flag, attribute out of range */
#define ACI_STATUS_PROG_TENSOR		0x0205	/* tensor index, rank, type or shape */
#define ACI_STATUS_PROG_TYPES		0x0206	/* type combination not listed in Identify */
#define ACI_STATUS_PROG_SHAPE		0x0207	/* operands do not fit each other */
#define ACI_STATUS_PROG_ARGUMENT	0x0208	/* slot missing or of the wrong kind */
#define ACI_STATUS_PROG_BOUNDS		0x0209	/* tensor reaches past its argument */
#define ACI_STATUS_PROG_WORKSPACE	0x020a	/* workspace smaller than the header states */
#define ACI_STATUS_PROG_OVERLAP		0x020b	/* output overlaps an operand where refused */

#endif /* _UAPI_ACI_STATUS_H_ */
