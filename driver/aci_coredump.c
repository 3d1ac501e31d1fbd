// SPDX-License-Identifier: GPL-2.0
/*
 * Device coredumps.
 *
 * A dump has nothing of other queues, no data that jobs work on, and neither kernel
 * nor host memory addresses: of those, only the device virtual ones of the queue's
 * own VM and addresses in card memory.
 */

#include <linux/devcoredump.h>
#include <linux/timekeeping.h>
#include <linux/vmalloc.h>
#include <drm/drm_print.h>
#include <aci/aci_status.h>

#include "aci_coredump.h"
#include "aci_device.h"
#include "aci_mmio.h"
#include "aci_pt.h"
#include "aci_queue.h"
#include "aci_vm.h"

#define ACI_COREDUMP_VERSION	1
#define ACI_COREDUMP_BYTES	SZ_16K

/* No bases of rings: those are addresses of host memory. */
static const struct {
	const char *name;
	u32 offset;
	bool is_64bit;
} aci_coredump_regs[] = {
	{ "MAGIC", ACI_REG_MAGIC },
	{ "VERSION", ACI_REG_VERSION },
	{ "CAP", ACI_REG_CAP, true },
	{ "QUEUES", ACI_REG_QUEUES },
	{ "VMS", ACI_REG_VMS },
	{ "RESET_CAP", ACI_REG_RESET_CAP },
	{ "CTRL", ACI_REG_CTRL },
	{ "STATUS", ACI_REG_STATUS },
	{ "RESET_STATUS", ACI_REG_RESET_STATUS },
	{ "HEARTBEAT", ACI_REG_HEARTBEAT },
	{ "TIMESTAMP", ACI_REG_TIMESTAMP, true },
	{ "ADMIN_SQ_TAIL", ACI_REG_ADMIN_SQ_TAIL },
	{ "ADMIN_CQ_HEAD", ACI_REG_ADMIN_CQ_HEAD },
	{ "INV_SQ_TAIL", ACI_REG_INV_SQ_TAIL },
	{ "EVENT_HEAD", ACI_REG_EVENT_HEAD },
};

static_assert(ARRAY_SIZE(aci_coredump_regs) <= ACI_COREDUMP_REGS);

static const struct {
	u32 status;
	const char *text;
} aci_coredump_reasons[] = {
	{ ACI_STATUS_INTERNAL, "internal error, or records of the card that cannot be right" },
	{ ACI_STATUS_DESC_OPCODE, "unknown opcode of a descriptor" },
	{ ACI_STATUS_DESC_FIELD, "field of a descriptor" },
	{ ACI_STATUS_DESC_ENGINE, "opcode not for this engine class" },
	{ ACI_STATUS_WAIT_REFUSED, "WAIT refused" },
	{ ACI_STATUS_WAIT_TIMEOUT, "WAIT timed out" },
	{ ACI_STATUS_RING_OVERRUN, "tail beyond the ring" },
	{ ACI_STATUS_RING_FETCH, "ring, record or user page cannot be accessed" },
	{ ACI_STATUS_PAGE_FAULT, "page fault" },
	{ ACI_STATUS_PREEMPT_TIMEOUT, "did not give up its engine" },
	{ ACI_STATUS_WATCHDOG, "hung" },
	{ ACI_STATUS_MEMORY_ERROR, "memory error" },
	{ ACI_STATUS_ENGINE_FAULT, "engine fault" },
};

static const char *aci_coredump_reason(u32 status)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(aci_coredump_reasons); i++)
		if (aci_coredump_reasons[i].status == status)
			return aci_coredump_reasons[i].text;
	return status >> 8 == ACI_STATUS_PROG_HEADER >> 8 ? "program" : "other";
}

/* --- Noting the facts --- */

static void aci_coredump_note_regs(struct aci_device *adev)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(aci_coredump_regs); i++)
		adev->coredump.regs[i] = aci_coredump_regs[i].is_64bit ?
					 aci_read64(adev, aci_coredump_regs[i].offset) :
					 aci_read32(adev, aci_coredump_regs[i].offset);
}

/* What is still in the ring, near the index: a number of the card's. */
static void aci_coredump_note_ring_locked(struct aci_coredump *dump, const struct aci_queue *queue)
{
	u64 tail = queue->tail;
	u64 first = tail > queue->ring_entries ? tail - queue->ring_entries : 0;
	u64 wanted = dump->index > ACI_COREDUMP_DESCS_BEFORE ?
		     dump->index - ACI_COREDUMP_DESCS_BEFORE : 0;
	unsigned int i;

	dump->desc_count = 0;
	/* That of a user queue is memory of the process, which the driver does not read. */
	if (queue->is_user)
		return;
	dump->first_desc = clamp(wanted, first, tail);
	dump->desc_count = min_t(u64, tail - dump->first_desc, ACI_COREDUMP_DESCS);
	for (i = 0; i < dump->desc_count; i++)
		dump->descs[i] = queue->ring[(dump->first_desc + i) & (queue->ring_entries - 1)];
}

static void aci_coredump_note_queue(struct aci_coredump *dump, struct aci_queue *queue)
{
	struct aci_coredump_queue *noted = &dump->queue;

	noted->id = queue->id;
	noted->vm_id = queue->vm->card_id;
	noted->engine_class = queue->engine_class;
	noted->priority = queue->priority;
	noted->timeout_ms = queue->timeout_ms;
	noted->is_user = queue->is_user;
	noted->pid = queue->pid;
	memcpy(noted->comm, queue->comm, sizeof(noted->comm));
	spin_lock_irq(&queue->lock);
	noted->tail = queue->tail;
	noted->completed = queue->completed;
	noted->jobs = list_count_nodes(&queue->pending);
	noted->record = *queue->record;
	aci_coredump_note_ring_locked(dump, queue);
	spin_unlock_irq(&queue->lock);
}

/**
 * aci_coredump_capture() - note a failure, for a dump
 * @queue: guilty queue whose record exists, and which nobody lets go on meanwhile; the
 *	caller holds reset_sem
 * @status: ACI_STATUS_*
 * @index: descriptor that failed
 * @info: as the card says
 *
 * Allocates nothing and waits for nothing.
 */
void aci_coredump_capture(struct aci_queue *queue, u32 status, u64 index, u64 info)
{
	struct aci_device *adev = queue->adev;
	struct aci_coredump *dump = &adev->coredump;

	if (test_and_set_bit_lock(0, &dump->busy))
		return;
	dump->time_ns = ktime_get_real_ns();
	dump->reset_generation = adev->reset_generation;
	dump->status = status;
	dump->index = index;
	dump->info = info;
	aci_coredump_note_queue(dump, queue);
	aci_coredump_note_regs(adev);
	dump->walk_count = status == ACI_STATUS_PAGE_FAULT ?
			   aci_pt_walk(&queue->vm->pt, info, dump->walk) : 0;
	queue_work(adev->reap_wq, &dump->work);
}

/**
 * aci_coredump_user_queue_work() - a user queue stopped; its owner resumes it
 * @work: aci_queue.recover_work
 */
void aci_coredump_user_queue_work(struct work_struct *work)
{
	struct aci_queue *queue = container_of(work, struct aci_queue, recover_work);
	struct aci_device *adev = queue->adev;
	struct aci_queue_error error;

	down_read(&adev->reset_sem);
	if (aci_is_ok(adev)) {
		spin_lock_irq(&queue->lock);
		error = queue->error;
		spin_unlock_irq(&queue->lock);
		aci_coredump_capture(queue, error.status, error.index, error.info);
	}
	up_read(&adev->reset_sem);
}

/* --- The text --- */

static void aci_coredump_print_head(struct drm_printer *p, const struct aci_device *adev)
{
	const struct aci_coredump *dump = &adev->coredump;
	u32 nsec;
	u64 sec = div_u64_rem(dump->time_ns, NSEC_PER_SEC, &nsec);

	drm_printf(p, "aci coredump version %u\n", ACI_COREDUMP_VERSION);
	drm_printf(p, "time: %llu.%09u\n", sec, nsec);
	drm_printf(p, "device: %s\n", pci_name(adev->pdev));
	drm_printf(p, "card: %s %s, serial %s, firmware %s\n", adev->identify.vendor,
		   adev->identify.model, adev->identify.serial, adev->identify.firmware);
	drm_printf(p, "reset_generation: %llu\n", dump->reset_generation);
	drm_printf(p, "\n[reason]\n");
	drm_printf(p, "status: %#06x (%s)\n", dump->status, aci_coredump_reason(dump->status));
	drm_printf(p, "index: %llu\n", dump->index);
	drm_printf(p, "info: %#llx\n", dump->info);
}

static void aci_coredump_print_queue(struct drm_printer *p, const struct aci_coredump_queue *queue)
{
	int comm_bytes = strnlen(queue->comm, sizeof(queue->comm));

	drm_printf(p, "\n[queue]\n");
	drm_printf(p, "id: %u\n", queue->id);
	drm_printf(p, "kind: %s\n", queue->is_user ? "user" : "kernel");
	drm_printf(p, "vm: %u\n", queue->vm_id);
	drm_printf(p, "engine_class: %u\n", queue->engine_class);
	drm_printf(p, "priority: %u\n", queue->priority);
	drm_printf(p, "timeout_ms: %u\n", queue->timeout_ms);
	/* A process may give itself any name. */
	drm_printf(p, "process: %d %*pE\n", queue->pid, comm_bytes, queue->comm);
	if (!queue->is_user)
		drm_printf(p, "tail: %llu\n", queue->tail);
	drm_printf(p, "completed: %llu\n", queue->completed);
	if (!queue->is_user)
		drm_printf(p, "jobs: %u\n", queue->jobs);
}

static void aci_coredump_print_record(struct drm_printer *p, const struct aci_queue_record *record)
{
	drm_printf(p, "\n[record]\n");
	drm_printf(p, "fetched: %llu\n", le64_to_cpu(record->fetched));
	drm_printf(p, "started: %llu\n", le64_to_cpu(record->started));
	drm_printf(p, "completed: %llu\n", le64_to_cpu(record->completed));
	drm_printf(p, "state: %u\n", le32_to_cpu(record->state));
	drm_printf(p, "error: %#x\n", le32_to_cpu(record->error));
	drm_printf(p, "error_index: %llu\n", le64_to_cpu(record->error_index));
	drm_printf(p, "error_info: %#llx\n", le64_to_cpu(record->error_info));
	drm_printf(p, "active_ns: %llu\n", le64_to_cpu(record->active_ns));
	drm_printf(p, "progress: %llu\n", le64_to_cpu(record->progress));
	drm_printf(p, "notify_at: %llu\n", le64_to_cpu(record->notify_at));
	drm_printf(p, "notify_taken: %llu\n", le64_to_cpu(record->notify_taken));
}

static void aci_coredump_print_regs(struct drm_printer *p, const u64 *regs)
{
	unsigned int i;

	drm_printf(p, "\n[registers]\n");
	for (i = 0; i < ARRAY_SIZE(aci_coredump_regs); i++)
		drm_printf(p, "%s: %#llx\n", aci_coredump_regs[i].name, regs[i]);
}

static void aci_coredump_print_ring(struct drm_printer *p, const struct aci_coredump *dump)
{
	unsigned int i, k;

	if (!dump->desc_count)
		return;
	drm_printf(p, "\n[ring]\n");
	for (i = 0; i < dump->desc_count; i++) {
		const struct aci_desc *desc = &dump->descs[i];
		u64 index = dump->first_desc + i;

		drm_printf(p, "%llu%s: opcode %#04x flags %#04x", index,
			   index == dump->index ? " failed" : "", desc->opcode, desc->flags);
		for (k = 0; k < ARRAY_SIZE(desc->body); k++)
			drm_printf(p, " %#llx", le64_to_cpu(desc->body[k]));
		drm_printf(p, "\n");
	}
}

static void aci_coredump_print_entry(struct drm_printer *p, u64 va, unsigned int level, u64 entry)
{
	drm_printf(p, "level %u entry %u: ", level, (unsigned int)ACI_PT_INDEX(va, level));
	if (!(entry & ACI_PTE_VALID)) {
		drm_printf(p, "not valid\n");
	} else if (!(entry & ACI_PTE_LEAF)) {
		drm_printf(p, "table\n");
	} else {
		drm_printf(p, "%s, %s%s", level ? "2 MiB" : "4 KiB",
			   entry & ACI_PTE_READ ? "read" : "",
			   entry & ACI_PTE_WRITE ? " write" : "");
		if (entry & ACI_PTE_CARD)
			drm_printf(p, ", card memory %#llx\n", entry & ACI_PTE_ADDR_MASK);
		else
			drm_printf(p, ", host memory\n");
	}
}

static void aci_coredump_print_walk(struct drm_printer *p, const struct aci_coredump *dump)
{
	int i;

	if (!dump->walk_count)
		return;
	drm_printf(p, "\n[page tables]\n");
	if (dump->walk_count < 0)
		drm_printf(p, "being changed\n");
	for (i = 0; i < dump->walk_count; i++)
		aci_coredump_print_entry(p, dump->info, ACI_PT_LEVELS - 1 - i, dump->walk[i]);
}

static void aci_coredump_work(struct work_struct *work)
{
	struct aci_coredump *dump = container_of(work, struct aci_coredump, work);
	struct aci_device *adev = container_of(dump, struct aci_device, coredump);
	struct drm_print_iterator iter = { .remain = ACI_COREDUMP_BYTES };
	struct drm_printer p = drm_coredump_printer(&iter);

	iter.data = vmalloc(ACI_COREDUMP_BYTES);
	if (iter.data) {
		aci_coredump_print_head(&p, adev);
		aci_coredump_print_queue(&p, &dump->queue);
		aci_coredump_print_record(&p, &dump->queue.record);
		aci_coredump_print_regs(&p, dump->regs);
		aci_coredump_print_ring(&p, dump);
		aci_coredump_print_walk(&p, dump);
	}
	clear_bit_unlock(0, &dump->busy);
	/* Which frees the text, now or later. */
	if (iter.data)
		dev_coredumpv(&adev->pdev->dev, iter.data, ACI_COREDUMP_BYTES - iter.remain,
			      GFP_KERNEL);
}

/**
 * aci_coredump_init() - set up
 * @adev: new device
 */
void aci_coredump_init(struct aci_device *adev)
{
	INIT_WORK(&adev->coredump.work, aci_coredump_work);
}

/**
 * aci_coredump_flush() - wait until the last dump is made
 * @adev: device without queues
 */
void aci_coredump_flush(struct aci_device *adev)
{
	flush_work(&adev->coredump.work);
}
