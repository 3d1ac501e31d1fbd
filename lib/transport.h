/* SPDX-License-Identifier: MIT */
/*
 * What reaches a card: the kernel (drm) or a virtual card in this process
 * (inproc). Facts and counters use the structures of the kernel ABI.
 *
 * Locking: all functions may be called from any thread, but one queue is
 * submitted to by one thread at a time, and what is destroyed is not in use.
 * Errors are negative errnos with the text set, but for -ETIME and -EAGAIN.
 */
#ifndef LIB_TRANSPORT_H
#define LIB_TRANSPORT_H

#include <stdbool.h>
#include <stdint.h>

#include <accel/accel.h>
#include <aci/aci_admin.h>
#include <aci/aci_queue.h>
#include <aci/aci_status.h>
#include <drm/aci_accel.h>

#define PAGE_BYTES		4096u
#define LEAF_BYTES		(2u << 20)
#define DEADLINE_NEVER		UINT64_MAX

struct transport_ops;
struct transport_queue_ops;

/** struct transport - an open card */
struct transport {
	const struct transport_ops *ops;
	bool has_user_queues;		/* the driver makes them, if the card can */
	unsigned int refs;		/* atomic: the device and its contexts; see device.c */
};

/** struct transport_bo - memory */
struct transport_bo {
	struct transport *transport;
	uint64_t bytes;			/* page multiple */
};

/**
 * struct transport_queue - jobs run in order
 *
 * A job's point is greater than those before it: in a kernel queue the number of
 * the job, from 1, in a user queue the count of descriptors up to its last.
 */
struct transport_queue {
	const struct transport_queue_ops *ops;
	struct transport *transport;
};

/** struct transport_wait - a job starts when the job at this point has ended */
struct transport_wait {
	struct transport_queue *queue;
	uint64_t point;
};

struct transport_queue_options {
	uint32_t vm_id;
	uint32_t engine_class;
	uint32_t priority;
	uint32_t ring_entries;
	uint32_t timeout_ms;
};

#define TRANSPORT_ENDED		0	/* query() tells how */
#define TRANSPORT_ENDED_WELL	1

struct transport_queue_ops {
	/**
	 * @submit: one job. -EAGAIN: too many are pending, wait for one of this queue. Jobs of
	 * user queues wait by descriptors: @wait_count is 0
	 */
	int (*submit)(struct transport_queue *queue, const struct aci_desc *descs, uint32_t count,
		      const struct transport_wait *waits, uint32_t wait_count, uint64_t *point);
	/**
	 * @wait: until the job has ended, well or not. Return: TRANSPORT_ENDED...; -ETIME after
	 * CLOCK_MONOTONIC @deadline_ns
	 */
	int (*wait)(struct transport_queue *queue, uint64_t point, uint64_t deadline_ns);
	/**
	 * @notify_fd: count up eventfd @fd when the job has ended; the fd stays the caller's.
	 * Of a user queue @point may also be a later one: it ends when the queue stops
	 */
	int (*notify_fd)(struct transport_queue *queue, uint64_t point, int fd);
	int (*query)(struct transport_queue *queue, struct drm_aci_query_queue *state);
	/** @cancel: end all jobs; waiters return. Nothing is submitted after it */
	void (*cancel)(struct transport_queue *queue);
	void (*free)(struct transport_queue *queue);
};

struct transport_ops {
	enum accel_transport kind;

	void (*close)(struct transport *transport);
	int (*query_device)(struct transport *transport, struct drm_aci_query_device *facts);
	/** @identify: @type is DRM_ACI_QUERY_IDENTIFY_*, @page gets 4096 bytes */
	int (*identify)(struct transport *transport, uint32_t type, uint32_t index, void *page);

	/** @vm_create: @user_queues: of mode LONG_RUNNING, else FENCE */
	int (*vm_create)(struct transport *transport, bool user_queues, uint32_t *vm_id);
	void (*vm_destroy)(struct transport *transport, uint32_t vm_id);
	int (*vm_query)(struct transport *transport, uint32_t vm_id,
			struct drm_aci_query_vm *state);
	/** @vm_map: the whole BO at @va */
	int (*vm_map)(struct transport *transport, uint32_t vm_id, struct transport_bo *bo,
		      uint64_t va, bool readonly);
	/** @vm_unmap: when it returns the card does not reach the BO by @va any more */
	void (*vm_unmap)(struct transport *transport, uint32_t vm_id, struct transport_bo *bo,
			 uint64_t va);

	/** @bo_create: zeroed; -ENOSPC: card memory is full */
	int (*bo_create)(struct transport *transport, uint64_t bytes,
			 enum accel_placement placement, bool mappable, struct transport_bo **bo);
	/** @bo_register: the caller's memory, whole pages; -EFAULT, -EOPNOTSUPP, -ENOMEM: not
	 * there, not of the right kind, too much to be locked */
	int (*bo_register)(struct transport *transport, void *address, uint64_t bytes,
			   bool readonly, struct transport_bo **bo);
	/** @bo_map: called at most once for a BO; valid until bo_destroy() */
	int (*bo_map)(struct transport_bo *bo, void **pointer);
	void (*bo_destroy)(struct transport_bo *bo);
	/** @bo_export: as a new dma-buf; NULL together with bo_import: there are none */
	int (*bo_export)(struct transport_bo *bo, int *fd);
	/** @bo_import: -EOPNOTSUPP: a dma-buf of another device */
	int (*bo_import)(struct transport *transport, int fd, struct transport_bo **bo);

	/** @queue_create: a kernel queue, in a VM of mode FENCE */
	int (*queue_create)(struct transport *transport,
			    const struct transport_queue_options *options,
			    struct transport_queue **queue);
	/** @user_queue_create: in a VM of mode LONG_RUNNING; only with has_user_queues */
	int (*user_queue_create)(struct transport *transport,
				 const struct transport_queue_options *options,
				 struct transport_queue **queue);
};

/** transport_drm_open() - by the kernel. Text names what to do. */
int transport_drm_open(const char *node, struct transport **transport);
/** transport_inproc_open() - a new virtual card. @options: "memory=64M,queues=8,profile=base" or
 * "". */
int transport_inproc_open(const char *options, struct transport **transport);

/** deadline_after() - now + @timeout_ns in CLOCK_MONOTONIC, saturating to DEADLINE_NEVER */
uint64_t deadline_after(uint64_t timeout_ns);
/** clock_now_ns() - CLOCK_MONOTONIC */
uint64_t clock_now_ns(void);

#endif
