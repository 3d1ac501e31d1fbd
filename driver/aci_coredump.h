/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Device coredumps: what a guilty queue and the card looked like when a job failed,
 * for /sys/class/devcoredump. The text is described in Documentation/accel-uapi.rst.
 *
 * Fences wait for whoever finds a failure. So the facts are noted in memory that is
 * there since probe, and a worker that no fence waits for makes text of them. A
 * failure meanwhile is not noted; nor is one while the last dump has not been read,
 * as the device coredump core has it.
 */
#ifndef ACI_COREDUMP_H
#define ACI_COREDUMP_H

#include <linux/sched.h>
#include <linux/workqueue.h>
#include <aci/aci_mmu.h>
#include <aci/aci_queue.h>

struct aci_device;
struct aci_queue;

/* Descriptors of the ring around the one that failed: before it, and in all. */
#define ACI_COREDUMP_DESCS_BEFORE	8
#define ACI_COREDUMP_DESCS		17

#define ACI_COREDUMP_REGS		16

/**
 * struct aci_coredump_queue - the guilty queue
 */
struct aci_coredump_queue {
	/** @id: the card's queue id */
	u32 id;
	/** @vm_id: the card's VM id */
	u32 vm_id;
	/** @engine_class: ACI_ENGINE_CLASS_* */
	u32 engine_class;
	/** @priority: ACI_PRIORITY_* */
	u32 priority;
	/** @timeout_ms: as of struct aci_queue */
	u32 timeout_ms;
	/** @is_user: its ring is the process' own */
	bool is_user;
	/** @pid: process that made it */
	pid_t pid;
	/** @comm: its name */
	char comm[TASK_COMM_LEN];
	/** @tail: descriptors written to the ring */
	u64 tail;
	/** @completed: as the driver knows it */
	u64 completed;
	/** @jobs: in the ring */
	unsigned int jobs;
	/** @record: control record */
	struct aci_queue_record record;
};

/**
 * struct aci_coredump - the last failure
 */
struct aci_coredump {
	/** @busy: bit 0: all below belongs to whoever set it, in the end @work */
	unsigned long busy;
	/** @work: makes the text; on aci_device.reap_wq */
	struct work_struct work;
	/** @time_ns: CLOCK_REALTIME */
	u64 time_ns;
	/** @reset_generation: of the device */
	u64 reset_generation;
	/** @status: ACI_STATUS_* */
	u32 status;
	/** @index: descriptor that failed */
	u64 index;
	/** @info: fault address or operation index */
	u64 info;
	/** @queue: whose it is */
	struct aci_coredump_queue queue;
	/** @regs: registers, in the order of a table in aci_coredump.c */
	u64 regs[ACI_COREDUMP_REGS];
	/** @first_desc: index of the first of @descs */
	u64 first_desc;
	/** @desc_count: number of @descs */
	unsigned int desc_count;
	/** @descs: from the ring */
	struct aci_desc descs[ACI_COREDUMP_DESCS];
	/** @walk: page table entries on the way to a fault address, from the root */
	u64 walk[ACI_PT_LEVELS];
	/** @walk_count: entries of @walk; -EBUSY: the tables were being changed */
	int walk_count;
};

void aci_coredump_init(struct aci_device *adev);
void aci_coredump_flush(struct aci_device *adev);
void aci_coredump_capture(struct aci_queue *queue, u32 status, u64 index, u64 info);
void aci_coredump_user_queue_work(struct work_struct *work);

#endif /* ACI_COREDUMP_H */
