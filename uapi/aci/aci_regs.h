/* SPDX-License-Identifier: (GPL-2.0 WITH Linux-syscall-note) OR MIT */
/*
 * ACI, the Accelerator Card Interface: PCI identity and registers.
 *
 * Every fact here is normative and described in Documentation/aci/registers.rst.
 * All registers are little-endian. A 64-bit register may be read and written as
 * two aligned 32-bit halves, low half first. Reads of unassigned offsets return
 * zero; writes to them and to read-only registers are ignored.
 */
#ifndef _UAPI_ACI_REGS_H_
#define _UAPI_ACI_REGS_H_

#define ACI_VERSION_MAJOR		0
#define ACI_VERSION_MINOR		1

/* --- PCI configuration space --- */
#define ACI_PCI_CLASS			0x120000	/* base class, sub class, any interface */
#define ACI_PCI_CLASS_MASK		0xffff00
/* Default IDs of the virtual card; a driver matches the DVSEC, never these. */
#define ACI_PCI_VENDOR_ID_VIRTUAL	0x1af4
#define ACI_PCI_DEVICE_ID_VIRTUAL	0x10f0

/*
 * DVSEC (extended capability 0x0023). Its DVSEC vendor ID and DVSEC ID are the
 * card vendor's choice; the UUID in its body identifies ACI. Body offsets are
 * from the start of the extended capability.
 */
#define ACI_DVSEC_UUID			0x0c	/* 16 bytes, in text order */
#define ACI_DVSEC_VERSION		0x1c	/* u32, as ACI_REG_VERSION */
#define ACI_DVSEC_BARS			0x20	/* u32: [2:0] registers, [6:4] memory, [10:8] doorbells */
#define ACI_DVSEC_BAR_REGS(v)		((v) & 7)
#define ACI_DVSEC_BAR_MEM(v)		(((v) >> 4) & 7)
#define ACI_DVSEC_BAR_DOORBELL(v)	(((v) >> 8) & 7)
#define ACI_DVSEC_BAR_NONE		7	/* for a card without card memory */
#define ACI_DVSEC_LENGTH		0x24
/* 6d0f9a3e-57c1-4b82-9e6a-0ac1ce55aa01 */
#define ACI_DVSEC_UUID_BYTES		{ 0x6d, 0x0f, 0x9a, 0x3e, 0x57, 0xc1, 0x4b, 0x82, \
					  0x9e, 0x6a, 0x0a, 0xc1, 0xce, 0x55, 0xaa, 0x01 }

#define ACI_PAGE_SHIFT			12
#define ACI_PAGE_SIZE			(1u << ACI_PAGE_SHIFT)

/* --- Register BAR: capabilities (read-only) --- */
#define ACI_REG_MAGIC			0x0000	/* u32 */
#define ACI_MAGIC			0x30494341u	/* "ACI0" */
#define ACI_REG_VERSION			0x0004	/* u32: [31:16] major, [15:0] minor */
#define ACI_VERSION(major, minor)	(((major) << 16) | (minor))

#define ACI_REG_CAP			0x0008	/* u64 */
#define ACI_CAP_USER_QUEUES		(1ull << 0)
#define ACI_CAP_KICK			(1ull << 1)	/* doorbells do not wake a sleeping card; the kick page does */
#define ACI_CAP_LEAF_2M			(1ull << 2)	/* 2 MiB leaves */
#define ACI_CAP_SNOOP			(1ull << 3)	/* DMA is coherent with CPU caches where the leaf says SNOOP */
#define ACI_CAP_PREEMPT			(1ull << 4)	/* preemption inside a descriptor */
#define ACI_CAP_FIRMWARE		(1ull << 5)	/* FIRMWARE_DOWNLOAD and _COMMIT */
#define ACI_CAP_SELF_TEST		(1ull << 6)
#define ACI_CAP_WAIT			(1ull << 7)	/* WAIT and SIGNAL descriptors */
#define ACI_CAP_COPY_STRIDED		(1ull << 8)
#define ACI_CAP_TCS			(1ull << 9)	/* tensor command set */

#define ACI_REG_ADDRESSING		0x0010	/* u32: [7:0] DMA address bits, [15:8] VA bits (48), [23:16] log2 doorbell stride */
#define ACI_ADDRESSING_DMA_BITS(v)	((v) & 0xff)
#define ACI_ADDRESSING_VA_BITS(v)	(((v) >> 8) & 0xff)
#define ACI_ADDRESSING_DB_SHIFT(v)	(((v) >> 16) & 0xff)
#define ACI_DB_SHIFT_MIN		16	/* 64 KiB: hosts with 64K pages */

#define ACI_REG_QUEUES			0x0014	/* u32: [15:0] job queues (>= 1), [31:16] MSI-X vectors (>= 1) */
#define ACI_REG_VMS			0x0018	/* u32: [15:0] VMs (>= 1), [23:16] engine classes, [31:24] priority levels (>= 1) */
#define ACI_REG_RINGS			0x001c	/* u32: log2 of the most entries: [7:0] job, [15:8] admin, [23:16] invalidation, [31:24] event ring */
#define ACI_REG_MEM_BYTES		0x0020	/* u64: card memory */
#define ACI_REG_APERTURE_BYTES		0x0028	/* u64: part of it behind the memory BAR, from card address 0 */
#define ACI_REG_TIMESTAMP_HZ		0x0030	/* u64 */
#define ACI_REG_KICK_OFFSET		0x0038	/* u64: kick pages in the doorbell BAR, same stride; 0 without ACI_CAP_KICK */

/* Bounds in milliseconds, u32, never 0. A host may give up after the bound. */
#define ACI_REG_T_READY_MS		0x0040	/* CTRL.ENABLE changed to STATUS.READY following */
#define ACI_REG_T_ADMIN_MS		0x0044	/* any admin command without a bound of its own */
#define ACI_REG_T_INVALIDATE_MS		0x0048
#define ACI_REG_T_SUSPEND_MS		0x004c	/* SUSPEND_QUEUE, preemption included */
#define ACI_REG_T_QUEUE_RESET_MS	0x0050	/* RESET_QUEUE and DELETE_QUEUE */
#define ACI_REG_T_CARD_RESET_MS		0x0054
#define ACI_REG_T_FLR_MS		0x0058
#define ACI_REG_T_HEARTBEAT_MS		0x005c	/* longest time between two heartbeats */
#define ACI_REG_T_ACTIVE_MS		0x0060	/* longest age of active_ns and progress of a running queue */
#define ACI_REG_T_WAIT_POLL_MS		0x0064	/* longest time between two evaluations of a blocked WAIT */
#define ACI_REG_T_SELF_TEST_MS		0x0068
#define ACI_REG_T_ENGINE_RESET_MS	0x006c

#define ACI_REG_RESET_CAP		0x0070	/* u32: 4 bits a level, at ACI_RESET_CAP_SHIFT(level) */
#define ACI_RESET_CAP_SHIFT(level)	(((level) - 1) * 4)
#define ACI_RESET_CAP_SUPPORTED		(1u << 0)
#define ACI_RESET_CAP_KEEPS_MEM		(1u << 1)	/* card memory is preserved */
#define ACI_RESET_CAP_KEEPS_PROGRESS	(1u << 2)	/* control records stay exact */
#define ACI_RESET_QUEUE			1	/* by admin command */
#define ACI_RESET_ENGINE		2	/* by ACI_REG_RESET, value in [15:8]: engine class */
#define ACI_RESET_CARD			3	/* by ACI_REG_RESET */
#define ACI_RESET_FLR			4	/* by PCI Express */
#define ACI_RESET_BUS			5	/* by the bridge above */

/* --- Control --- */
#define ACI_REG_CTRL			0x0100	/* u32 */
#define ACI_CTRL_ENABLE			(1u << 0)
#define ACI_REG_STATUS			0x0104	/* u32 */
#define ACI_STATUS_REG_READY		(1u << 0)
#define ACI_STATUS_REG_FATAL		(1u << 1)	/* only a reset helps; [31:16] code */
#define ACI_STATUS_REG_EVENT_OVERFLOW	(1u << 2)	/* sticky; write 1 to clear */
#define ACI_STATUS_REG_CODE(v)		((v) >> 16)
#define ACI_REG_RESET			0x0108	/* u32: [7:0] level, [15:8] engine class, [31:16] key */
#define ACI_RESET_KEY			0x5253u
#define ACI_REG_RESET_STATUS		0x010c	/* u32: [7:0] state, [15:8] level, [31:16] generation */
#define ACI_RESET_STATE(v)		((v) & 0xff)
#define ACI_RESET_GENERATION(v)		((v) >> 16)
#define ACI_RESET_STATE_IDLE		0	/* none since FLR or power-on */
#define ACI_RESET_STATE_BUSY		1
#define ACI_RESET_STATE_DONE		2
#define ACI_RESET_STATE_FAILED		3
#define ACI_REG_HEARTBEAT		0x0110	/* u32 counter */
#define ACI_REG_TIMESTAMP		0x0118	/* u64, latched by a read of the low half */

/* --- Rings: bases and sizes may only be written while CTRL.ENABLE is 0 --- */
#define ACI_REG_ADMIN_SQ_BASE		0x0200	/* u64 */
#define ACI_REG_ADMIN_CQ_BASE		0x0208	/* u64 */
#define ACI_REG_ADMIN_SHIFT		0x0210	/* u32: log2 entries of both rings, 1..max */
#define ACI_REG_ADMIN_SQ_TAIL		0x0214	/* u32 free-running index; writing rings */
#define ACI_REG_ADMIN_CQ_HEAD		0x0218	/* u32 free-running index of the next unread entry */
#define ACI_REG_INV_SQ_BASE		0x0220	/* u64 */
#define ACI_REG_INV_RECORD_BASE		0x0228	/* u64: struct aci_inv_record */
#define ACI_REG_INV_SHIFT		0x0230	/* u32 */
#define ACI_REG_INV_SQ_TAIL		0x0234	/* u32 free-running index; writing rings */
#define ACI_REG_EVENT_BASE		0x0240	/* u64 */
#define ACI_REG_EVENT_SHIFT		0x0248	/* u32 */
#define ACI_REG_EVENT_HEAD		0x024c	/* u32 free-running index of the next unread entry */

/* Notification ring of MSI-X vector v. Vector 0 also serves admin, invalidation and events. */
#define ACI_REG_NOTIFY(v)		(0x1000 + (v) * 0x20)
#define ACI_NOTIFY_BASE			0x00	/* u64; 0: none. Written while no queue uses the ring */
#define ACI_NOTIFY_SHIFT		0x08	/* u32: log2 entries, at least one per queue that uses it */
#define ACI_NOTIFY_INTERVAL_US		0x0c	/* u32: shortest time between two interrupts of this vector for notifications; 0: none */
#define ACI_NOTIFY_VECTORS_MAX		1024

#define ACI_REG_BAR_BYTES		0x10000	/* least size of the register BAR; MSI-X table and PBA follow from here */

#endif /* _UAPI_ACI_REGS_H_ */
