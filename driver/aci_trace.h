/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Tracepoints, for people and tools that look for where time goes. They are
 * described in Documentation/tracing.rst.
 *
 * A job is named by the fence context of its queue and its seqno, as the
 * events of dma_fence name it; dev is the PCI address of the card.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM aci

#if !defined(ACI_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define ACI_TRACE_H

#include <linux/tracepoint.h>

#include "aci_device.h"
#include "aci_job.h"
#include "aci_vm.h"

DECLARE_EVENT_CLASS(aci_job,
	TP_PROTO(const struct aci_job *job),
	TP_ARGS(job),
	TP_STRUCT__entry(
		__string(dev, dev_name(job->queue->adev->drm.dev))
		__field(u32, queue)
		__field(u64, context)
		__field(u64, seqno)
		__field(u32, descs)
		__field(u32, deps)
	),
	TP_fast_assign(
		__assign_str(dev);
		__entry->queue = job->queue->id;
		__entry->context = job->fence.context;
		__entry->seqno = job->fence.seqno;
		__entry->descs = job->desc_count;
		__entry->deps = job->deps.count;
	),
	TP_printk("dev=%s queue=%u context=%llu seqno=%llu descs=%u deps=%u",
		  __get_str(dev), __entry->queue, __entry->context, __entry->seqno,
		  __entry->descs, __entry->deps)
);

/* SUBMIT accepted the job. */
DEFINE_EVENT(aci_job, aci_job_submit,
	TP_PROTO(const struct aci_job *job),
	TP_ARGS(job)
);

/* All it waited for has come: the job is in the ring, which the card is told at once. */
DEFINE_EVENT(aci_job, aci_job_push,
	TP_PROTO(const struct aci_job *job),
	TP_ARGS(job)
);

/* A job waits for a fence that is not signalled. Comes before the job's aci_job_submit. */
TRACE_EVENT(aci_job_wait,
	TP_PROTO(const struct aci_job *job, const struct dma_fence *fence),
	TP_ARGS(job, fence),
	TP_STRUCT__entry(
		__string(dev, dev_name(job->queue->adev->drm.dev))
		__field(u32, queue)
		__field(u64, context)
		__field(u64, dep_context)
		__field(u64, dep_seqno)
	),
	TP_fast_assign(
		__assign_str(dev);
		__entry->queue = job->queue->id;
		__entry->context = job->ctx->context;
		__entry->dep_context = fence->context;
		__entry->dep_seqno = fence->seqno;
	),
	TP_printk("dev=%s queue=%u context=%llu dep_context=%llu dep_seqno=%llu",
		  __get_str(dev), __entry->queue, __entry->context, __entry->dep_context,
		  __entry->dep_seqno)
);

/* The job's fence is signalled, with this error. */
TRACE_EVENT(aci_job_done,
	TP_PROTO(const struct aci_job *job, int error),
	TP_ARGS(job, error),
	TP_STRUCT__entry(
		__string(dev, dev_name(job->queue->adev->drm.dev))
		__field(u32, queue)
		__field(u64, context)
		__field(u64, seqno)
		__field(int, error)
	),
	TP_fast_assign(
		__assign_str(dev);
		__entry->queue = job->queue->id;
		__entry->context = job->fence.context;
		__entry->seqno = job->fence.seqno;
		__entry->error = error;
	),
	TP_printk("dev=%s queue=%u context=%llu seqno=%llu error=%d",
		  __get_str(dev), __entry->queue, __entry->context, __entry->seqno,
		  __entry->error)
);

/* The page tables of a VM are changed; what was there is invalidated later. */
TRACE_EVENT(aci_vm_bind,
	TP_PROTO(const struct aci_vm *vm, bool map, u64 va, u64 bytes),
	TP_ARGS(vm, map, va, bytes),
	TP_STRUCT__entry(
		__string(dev, dev_name(vm->adev->drm.dev))
		__field(u16, vm)
		__field(bool, map)
		__field(u64, va)
		__field(u64, bytes)
	),
	TP_fast_assign(
		__assign_str(dev);
		__entry->vm = vm->card_id;
		__entry->map = map;
		__entry->va = va;
		__entry->bytes = bytes;
	),
	TP_printk("dev=%s vm=%u op=%s va=%#llx bytes=%llu",
		  __get_str(dev), __entry->vm, __entry->map ? "map" : "unmap", __entry->va,
		  __entry->bytes)
);

/* A queue failed: a bad descriptor, a page fault (info is the address), a hang. */
TRACE_EVENT(aci_queue_fault,
	TP_PROTO(const struct aci_queue *queue, u32 status, u64 index, u64 info),
	TP_ARGS(queue, status, index, info),
	TP_STRUCT__entry(
		__string(dev, dev_name(queue->adev->drm.dev))
		__field(u32, queue)
		__field(u16, vm)
		__field(u32, status)
		__field(u64, index)
		__field(u64, info)
	),
	TP_fast_assign(
		__assign_str(dev);
		__entry->queue = queue->id;
		__entry->vm = queue->vm->card_id;
		__entry->status = status;
		__entry->index = index;
		__entry->info = info;
	),
	TP_printk("dev=%s queue=%u vm=%u status=%#x index=%llu info=%#llx",
		  __get_str(dev), __entry->queue, __entry->vm, __entry->status, __entry->index,
		  __entry->info)
);

/* A reset of the card is over. Level: ACI_RESET_*, the last one tried. */
TRACE_EVENT(aci_reset,
	TP_PROTO(const struct aci_device *adev, unsigned int level, int error),
	TP_ARGS(adev, level, error),
	TP_STRUCT__entry(
		__string(dev, dev_name(adev->drm.dev))
		__field(unsigned int, level)
		__field(u64, generation)
		__field(int, error)
	),
	TP_fast_assign(
		__assign_str(dev);
		__entry->level = level;
		__entry->generation = adev->reset_generation;
		__entry->error = error;
	),
	TP_printk("dev=%s level=%u generation=%llu error=%d",
		  __get_str(dev), __entry->level, __entry->generation, __entry->error)
);

/* Another device got an address, dma, for a piece of card memory. */
TRACE_EVENT(aci_export_map,
	TP_PROTO(const struct aci_device *adev, const struct device *importer, u64 addr, u64 dma,
		 u64 bytes),
	TP_ARGS(adev, importer, addr, dma, bytes),
	TP_STRUCT__entry(
		__string(dev, dev_name(adev->drm.dev))
		__string(importer, dev_name(importer))
		__field(u64, addr)
		__field(u64, dma)
		__field(u64, bytes)
	),
	TP_fast_assign(
		__assign_str(dev);
		__assign_str(importer);
		__entry->addr = addr;
		__entry->dma = dma;
		__entry->bytes = bytes;
	),
	TP_printk("dev=%s importer=%s addr=%#llx dma=%#llx bytes=%llu", __get_str(dev),
		  __get_str(importer), __entry->addr, __entry->dma, __entry->bytes)
);

/* An exporter took memory back, and with it so much out of page tables. */
TRACE_EVENT(aci_import_revoke,
	TP_PROTO(const struct aci_device *adev, u64 bytes, u64 cleared),
	TP_ARGS(adev, bytes, cleared),
	TP_STRUCT__entry(
		__string(dev, dev_name(adev->drm.dev))
		__field(u64, bytes)
		__field(u64, cleared)
	),
	TP_fast_assign(
		__assign_str(dev);
		__entry->bytes = bytes;
		__entry->cleared = cleared;
	),
	TP_printk("dev=%s bytes=%llu cleared=%llu", __get_str(dev), __entry->bytes,
		  __entry->cleared)
);

#endif /* ACI_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE aci_trace
#include <trace/define_trace.h>
