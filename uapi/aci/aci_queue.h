/* SPDX-License-Identifier: (GPL-2.0 WITH Linux-syscall-note) OR MIT */
/*
 * ACI, the Accelerator Card Interface: job queues.
 *
 * A job queue is a ring of 64-byte descriptors in host memory, executed in
 * order, bound to one VM, one engine class and one priority. Indices are
 * free-running 64-bit counts; descriptor i lives in slot i modulo ring size.
 * Text: Documentation/aci/queues.rst.
 */
#ifndef _UAPI_ACI_QUEUE_H_
#define _UAPI_ACI_QUEUE_H_

#include <linux/types.h>

#define ACI_DESC_BYTES			64
#define ACI_RING_PAGES_MAX		512	/* the page list fills one page at most */

#define ACI_OP_NOP			0x00
#define ACI_OP_COPY			0x01
#define ACI_OP_COPY_STRIDED		0x02
#define ACI_OP_FILL			0x03
#define ACI_OP_EXEC			0x04
#define ACI_OP_WAIT			0x05
#define ACI_OP_SIGNAL			0x06
#define ACI_OP_TIMESTAMP		0x07

#define ACI_ENGINE_CLASS_COPY		0	/* all opcodes but EXEC */
#define ACI_ENGINE_CLASS_COMPUTE	1	/* all opcodes */

#define ACI_PRIORITY_LOW		0
#define ACI_PRIORITY_NORMAL		1
#define ACI_PRIORITY_HIGH		2
#define ACI_PRIORITY_MAX		2

/* All addresses in descriptors are device virtual addresses of the queue's VM. */
struct aci_desc_copy {
	__le64 src;
	__le64 dst;
	__le64 bytes;		/* > 0; ranges must not overlap */
	__le64 reserved[4];
};

struct aci_desc_copy_strided {
	__le64 src;
	__le64 dst;
	__le64 src_stride;	/* bytes between rows */
	__le64 dst_stride;	/* >= row_bytes where rows > 1 */
	__le64 row_bytes;	/* > 0 */
	__le64 rows;		/* > 0 */
	__le64 reserved;
};

struct aci_desc_fill {
	__le64 dst;
	__le64 bytes;		/* > 0, multiple of pattern_bytes */
	__le64 pattern;		/* low pattern_bytes are repeated */
	__le32 pattern_bytes;	/* 1, 2, 4 or 8 */
	__le32 reserved0;
	__le64 reserved1[3];
};

#define ACI_SET_TCS			0	/* the tensor command set, where the card has it */

struct aci_desc_exec {
	__le64 program;		/* 64-byte aligned */
	__le32 program_bytes;
	__le32 arg_count;
	__le64 args;		/* struct aci_arg[arg_count], 16-byte aligned */
	__le32 set;		/* command set index from Identify; ACI_SET_TCS */
	__le32 reserved0;
	__le64 reserved1[3];
};

struct aci_desc_wait {
	__le64 addr;		/* 8-byte aligned */
	__le64 value;		/* done when *addr >= value, unsigned */
	__le64 timeout_ns;	/* 0: none. Not stall time */
	__le64 reserved[4];
};

struct aci_desc_signal {
	__le64 addr;		/* 8-byte aligned */
	__le64 value;
	__le64 reserved[5];
};

struct aci_desc_timestamp {
	__le64 addr;		/* 8-byte aligned; receives the card's TIMESTAMP */
	__le64 reserved[6];
};

struct aci_desc {
	__u8 opcode;
	__u8 flags;		/* none defined: 0 */
	__le16 reserved0;
	__le32 reserved1;
	union {
		__le64 body[7];	/* NOP: all 0 */
		struct aci_desc_copy copy;
		struct aci_desc_copy_strided copy_strided;
		struct aci_desc_fill fill;
		struct aci_desc_exec exec;
		struct aci_desc_wait wait;
		struct aci_desc_signal signal;
		struct aci_desc_timestamp timestamp;
	};
};

/* Argument table entry of an EXEC: a buffer (device address and size) or a scalar. */
struct aci_arg {
	__le64 value;		/* address, or scalar (f32 in its low half) */
	__le64 bytes;		/* size of the buffer; 0 marks a scalar */
};

#define ACI_QUEUE_STATE_NONE		0	/* no queue */
#define ACI_QUEUE_STATE_RUNNING		1
#define ACI_QUEUE_STATE_SUSPENDED	2
#define ACI_QUEUE_STATE_ERROR		3	/* halted; see error */

/*
 * Control record: kernel-only. The card writes the first half, the host the
 * second. 256-byte aligned.
 */
struct aci_queue_record {
	__le64 fetched;		/* descriptors fetched */
	__le64 started;		/* visible before a descriptor's first side effect */
	__le64 completed;	/* all earlier writes of the queue are visible */
	__le32 state;		/* ACI_QUEUE_STATE_* */
	__le32 error;		/* ACI_STATUS_* of the first error, 0: none */
	__le64 error_index;	/* descriptor that failed */
	__le64 error_info;	/* fault address or operation index */
	__le64 active_ns;	/* engine time used */
	__le64 progress;	/* changes while a descriptor makes progress */
	__le64 macs;		/* multiply-accumulates done; exact when completed says so, as bytes is */
	__le64 bytes;		/* read and written by COPY, FILL and operations */
	__le64 reserved0[6];
	/*
	 * host: post one entry to the notification ring when completed >= this,
	 * or when the queue halts with an error; 0: disarmed. The card never writes it: it
	 * keeps the value that it served last, and a value equal to that is
	 * disarmed too. CREATE_, RESET_ and RESUME_QUEUE make the card forget it.
	 * The host may change it at any time and then re-reads completed behind
	 * a full barrier: if that is already past the value, no entry may come.
	 */
	__le64 notify_at;
	/*
	 * host: entries of this queue taken from the ring since CREATE_QUEUE. The
	 * card posts none while one that it posted is not taken: the host writes
	 * this when it takes an entry, before a full barrier and its next look
	 * at completed. So a ring with one entry per queue cannot overflow.
	 */
	__le64 notify_taken;
	__le64 reserved1[14];
};

/* User page: producer and consumer state that may be mapped to a process. Page aligned. */
struct aci_queue_user_page {
	__le64 tail;		/* producer: descriptors written */
	__le64 reserved0[7];
	__le64 event_index;	/* card: ring when tail moves past this */
	__le64 reserved1[7];
	__le64 completed;	/* card: copy of the record's */
	__le32 state;		/* card: copy of the record's */
	__le32 error;		/* card: copy of the record's */
	__le64 reserved2[6];
};

/*
 * The producer moved tail from old_tail to new_tail and then read event_index
 * behind a full barrier: must it ring?
 */
static inline int aci_queue_need_ring(__u64 event_index, __u64 old_tail, __u64 new_tail)
{
	return new_tail - event_index - 1 < new_tail - old_tail;
}

/*
 * Notification ring entry. The card posts one for an armed queue and disarms
 * it, so a ring with one entry per queue cannot overflow.
 */
struct aci_notify_entry {
	__le16 queue_id;
	__le16 reserved;
	__le32 phase;		/* 1 on the first pass of the ring, then 0, 1, ... in bit 0 */
};

#define ACI_NOTIFY_PHASE		(1u << 0)

#endif /* _UAPI_ACI_QUEUE_H_ */
