/* SPDX-License-Identifier: (GPL-2.0 WITH Linux-syscall-note) OR MIT */
/*
 * ACI, the Accelerator Card Interface: admin commands and events.
 *
 * A ring pair in host memory, commands complete in any order. Data buffers are
 * one page at most, page aligned. Text: Documentation/aci/admin.rst.
 */
#ifndef _UAPI_ACI_ADMIN_H_
#define _UAPI_ACI_ADMIN_H_

#include <linux/types.h>

#define ACI_ADMIN_IDENTIFY		0x01
#define ACI_ADMIN_CREATE_VM		0x10
#define ACI_ADMIN_DELETE_VM		0x11
#define ACI_ADMIN_CREATE_QUEUE		0x20
#define ACI_ADMIN_DELETE_QUEUE		0x21
#define ACI_ADMIN_SUSPEND_QUEUE		0x22
#define ACI_ADMIN_RESUME_QUEUE		0x23
#define ACI_ADMIN_RESET_QUEUE		0x24
#define ACI_ADMIN_GET_LOG		0x30
#define ACI_ADMIN_GET_FEATURE		0x38
#define ACI_ADMIN_SET_FEATURE		0x39
#define ACI_ADMIN_FIRMWARE_DOWNLOAD	0x40
#define ACI_ADMIN_FIRMWARE_COMMIT	0x41
#define ACI_ADMIN_ABORT			0x48
#define ACI_ADMIN_SELF_TEST		0x50
#define ACI_ADMIN_SCRUB			0x58

#define ACI_IDENTIFY_CARD		0	/* struct aci_identify_card */
#define ACI_IDENTIFY_ENGINE		1	/* index: class; struct aci_identify_engine */
#define ACI_IDENTIFY_SET		2	/* index: command set; struct aci_identify_set */

/* 16-bit VM ids, 1..VMS; 0 is never a VM. Queue ids 0..QUEUES-1. */
struct aci_cmd_identify {
	__le32 what;		/* ACI_IDENTIFY_* */
	__le32 index;
	__le64 reserved[4];
};

#define ACI_VM_F_NO_WAIT		(1u << 0)	/* WAIT is refused: the host's FENCE VMs */

struct aci_cmd_create_vm {
	__le16 vm_id;
	__le16 flags;		/* ACI_VM_F_* */
	__le32 pasid;		/* reserved: 0 */
	__le64 root;		/* page aligned table of level 3 */
	__le64 reserved[3];
};

struct aci_cmd_vm {		/* DELETE_VM */
	__le16 vm_id;
	__le16 reserved0;
	__le32 reserved1;
	__le64 reserved2[4];
};

#define ACI_QUEUE_F_USER		(1u << 0)	/* ring and user page are a process's */
#define ACI_QUEUE_F_SUSPENDED		(1u << 1)	/* made in state SUSPENDED */

struct aci_cmd_create_queue {
	__le16 queue_id;
	__le16 vm_id;
	__u8 engine_class;
	__u8 priority;
	__u8 ring_shift;	/* log2 descriptors, 6..max */
	__u8 flags;		/* ACI_QUEUE_F_* */
	__le16 notify_ring;
	__le16 reserved0;
	__le32 watchdog_ms;	/* active time without progress that stops the queue; 0: none */
	__le64 ring_pages;	/* page aligned list of the ring's pages (le64 each) */
	__le64 record;		/* struct aci_queue_record */
	__le64 user_page;	/* struct aci_queue_user_page */
};

struct aci_cmd_queue {		/* DELETE, SUSPEND, RESUME, RESET_QUEUE */
	__le16 queue_id;
	__le16 reserved0;
	__le32 reserved1;
	__le64 index;		/* RESET_QUEUE: fetched, started and completed become this; else 0 */
	__le64 reserved2[3];
};

struct aci_cmd_get_log {
	__le32 log_id;		/* ACI_LOG_* */
	__le32 offset;		/* bytes, multiple of 4 */
	__le64 reserved[4];
};

struct aci_cmd_feature {
	__le32 feature_id;	/* ACI_FEATURE_* */
	__le32 reserved0;
	__le64 value;		/* SET_FEATURE */
	__le64 reserved1[3];
};

#define ACI_FEATURE_POWER_LIMIT_MW	1
#define ACI_FEATURE_MIN_SHARE_PERMILLE	2	/* of an engine, for every runnable kernel queue */

struct aci_cmd_firmware {
	__le32 slot;		/* COMMIT */
	__le32 flags;		/* none defined: 0 */
	__le64 offset;		/* DOWNLOAD */
	__le64 reserved[3];
};

struct aci_cmd_abort {
	__le16 cid;
	__le16 reserved0;
	__le32 reserved1;
	__le64 reserved2[4];
};

struct aci_cmd_self_test {
	__le32 level;		/* 0: short, within T_SELF_TEST_MS */
	__le32 reserved0;
	__le64 reserved1[4];
};

struct aci_cmd_scrub {		/* zero card memory */
	__le64 addr;		/* page aligned */
	__le64 bytes;		/* page multiple, <= scrub_bytes_max */
	__le64 reserved[3];
};

struct aci_admin_cmd {
	__u8 opcode;
	__u8 flags;		/* none defined: 0 */
	__le16 cid;		/* not in use by another command in flight */
	__le32 data_bytes;	/* size of the data buffer, 0: none */
	__le64 data;		/* page aligned DMA address */
	__le64 reserved;
	union {
		__le64 body[5];
		struct aci_cmd_identify identify;
		struct aci_cmd_create_vm create_vm;
		struct aci_cmd_vm vm;
		struct aci_cmd_create_queue create_queue;
		struct aci_cmd_queue queue;
		struct aci_cmd_get_log get_log;
		struct aci_cmd_feature feature;
		struct aci_cmd_firmware firmware;
		struct aci_cmd_abort abort;
		struct aci_cmd_self_test self_test;
		struct aci_cmd_scrub scrub;
	};
};

struct aci_admin_cpl {
	__le64 result;		/* GET_FEATURE: value; GET_LOG, IDENTIFY: bytes written */
	__le16 cid;
	__le16 status;		/* ACI_STATUS_* */
	__le32 phase;		/* bit 0: 1 on the first pass, then 0, 1, ... */
};

#define ACI_CPL_PHASE			(1u << 0)

/* --- Identify data: 4096 bytes each, unused tail is zero. Text: NUL-padded ASCII. --- */
struct aci_identify_card {
	char vendor[32];
	char model[64];
	char serial[32];
	char firmware[32];
	__le32 preempt_max_us;	/* longest preemption time */
	__le32 set_count;	/* command sets */
	__le64 scrub_bytes_max;	/* of one SCRUB; 0 without card memory */
	__le64 copy_bytes_max;	/* of one COPY, FILL or strided COPY in total; 0: no limit, else >= 1 MiB */
	__le32 firmware_slots;
	__le32 min_share_permille;
	__le16 function;	/* reserved: 0 */
	__le16 reserved0[3];
	__le64 reserved1[487];
};

struct aci_identify_engine {
	char name[16];		/* "copy", "compute" */
	__le32 count;		/* engines of this class */
	__le32 reserved0;
	__le64 opcodes;		/* bit n: descriptor opcode n */
	__le64 reserved1[508];
};

struct aci_identify_set_op {
	__le16 opcode;
	__le16 function_base;	/* multiple of 32 */
	__le32 function_mask;	/* bit n: function or activation function_base + n; else 0 */
	__le64 types;		/* ACI_TCS_COMBO_* */
};

#define ACI_IDENTIFY_SET_OPS		252

struct aci_identify_set {
	__u8 uuid[16];
	__le32 version;		/* [31:16] major, [15:0] minor */
	__le32 op_count;
	__le32 tensors_max;	/* of one program */
	__le32 ops_max;
	__le64 program_bytes_max;
	__le64 reserved[3];
	struct aci_identify_set_op ops[ACI_IDENTIFY_SET_OPS];
};

/* --- Events: hints. Truth is in control records, STATUS and logs. --- */
#define ACI_EVENT_QUEUE_STOPPED		1	/* once until RESET_, RESUME_ or DELETE_QUEUE */
#define ACI_EVENT_PAGE_FAULT		2	/* info: address */
#define ACI_EVENT_HEALTH		3	/* read ACI_LOG_HEALTH */
#define ACI_EVENT_FIRMWARE		4

#define ACI_SEVERITY_INFO		0
#define ACI_SEVERITY_WARNING		1
#define ACI_SEVERITY_ERROR		2
#define ACI_SEVERITY_FATAL		3

struct aci_event {
	__u8 type;
	__u8 severity;
	__le16 code;		/* ACI_STATUS_* */
	__le16 queue_id;	/* 0xffff: none */
	__le16 vm_id;		/* 0: none */
	__le64 info;
	__le64 timestamp;
	__le32 phase;		/* bit 0, as in completions */
	__le32 reserved;
};

#endif /* _UAPI_ACI_ADMIN_H_ */
