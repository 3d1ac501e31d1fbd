/* SPDX-License-Identifier: (GPL-2.0 WITH Linux-syscall-note) OR MIT */
/*
 * Kernel-user ABI of the aci driver: DRM accel devices that implement ACI.
 *
 * Objects: VM (an address space of the card), BO (memory), VM_BIND (maps BOs
 * into a VM), queue (in-order execution in one VM), SUBMIT (jobs on a queue).
 *
 * Rules that hold for every ioctl:
 * - Unknown flags, non-zero padding and reserved fields are refused: EINVAL.
 * - Unknown handles and ids: ENOENT. Ids are per open file and never 0.
 * - Arrays carry the size of an element (stride). A larger stride than the
 *   kernel knows is accepted if the unknown tail is zero (else E2BIG), a
 *   smaller one is zero-extended; below the first version's size: EINVAL.
 * - A card that is gone or wedged: ENODEV.
 */
#ifndef _UAPI_ACI_ACCEL_H_
#define _UAPI_ACI_ACCEL_H_

#include <drm/drm.h>

#if defined(__cplusplus)
extern "C" {
#endif

/* Driver version (DRM_IOCTL_VERSION): major 0; minor counts additions. */
#define DRM_ACI_DRIVER_MAJOR		0
#define DRM_ACI_DRIVER_MINOR		2

#define DRM_ACI_QUERY			0x00
#define DRM_ACI_VM_CREATE		0x01
#define DRM_ACI_VM_DESTROY		0x02
#define DRM_ACI_VM_BIND			0x03
#define DRM_ACI_BO_CREATE		0x04
#define DRM_ACI_BO_MMAP_OFFSET		0x05
#define DRM_ACI_QUEUE_CREATE		0x06
#define DRM_ACI_QUEUE_DESTROY		0x07
#define DRM_ACI_SUBMIT			0x08
#define DRM_ACI_BO_CREATE_USERPTR	0x09
#define DRM_ACI_QUEUE_WAIT		0x0a
#define DRM_ACI_QUEUE_EVENTFD		0x0b
#define DRM_ACI_QUEUE_RESUME		0x0c

/** struct drm_aci_array - an array in user memory */
struct drm_aci_array {
	/** @stride: bytes of one element as user space knows it */
	__u32 stride;
	/** @count: number of elements */
	__u32 count;
	/** @ptr: user address of the first element; 0 if @count is 0 */
	__u64 ptr;
};

#define DRM_ACI_SYNC_SIGNAL		(1u << 0)	/* out: else waited for */
#define DRM_ACI_SYNC_TIMELINE		(1u << 1)	/* timeline syncobj */

/** struct drm_aci_sync - a syncobj to wait for or to signal */
struct drm_aci_sync {
	/** @flags: DRM_ACI_SYNC_* */
	__u32 flags;
	/** @handle: syncobj handle */
	__u32 handle;
	/** @point: timeline point (not 0 where signalled); 0 for a binary syncobj */
	__u64 point;
};

#define DRM_ACI_QUERY_DEVICE		0	/* struct drm_aci_query_device */
#define DRM_ACI_QUERY_IDENTIFY_CARD	1	/* struct aci_identify_card */
#define DRM_ACI_QUERY_IDENTIFY_ENGINE	2	/* index: class; struct aci_identify_engine */
#define DRM_ACI_QUERY_IDENTIFY_SET	3	/* index: set; struct aci_identify_set */
#define DRM_ACI_QUERY_QUEUE		4	/* index: queue id; struct drm_aci_query_queue */
#define DRM_ACI_QUERY_VM		5	/* index: VM id; struct drm_aci_query_vm */

/**
 * struct drm_aci_query - read facts
 *
 * With @size 0 the size that the kernel would write is returned in @size.
 * Otherwise min(@size, kernel's size) bytes are written, the rest of the
 * buffer is zeroed, and @size becomes the kernel's size.
 */
struct drm_aci_query {
	/** @type: DRM_ACI_QUERY_* */
	__u32 type;
	/** @size: in: bytes at @ptr; out: bytes the kernel has */
	__u32 size;
	/** @index: what @type says, else 0 */
	__u32 index;
	/** @pad: 0 */
	__u32 pad;
	/** @ptr: user address */
	__u64 ptr;
};

#define DRM_ACI_DEVICE_WEDGED		(1u << 0)

/** struct drm_aci_query_device - the device as a whole */
struct drm_aci_query_device {
	/** @flags: DRM_ACI_DEVICE_* */
	__u32 flags;
	/** @aci_version: ACI_REG_VERSION */
	__u32 aci_version;
	/** @cap: ACI_REG_CAP */
	__u64 cap;
	/** @reset_generation: number of card resets since probe */
	__u64 reset_generation;
	/** @card_memory_bytes: all of it that the driver manages */
	__u64 card_memory_bytes;
	/** @card_memory_free_bytes: not allocated now */
	__u64 card_memory_free_bytes;
	/** @aperture_bytes: card memory that can be mapped by the CPU */
	__u64 aperture_bytes;
	/** @timestamp_hz: unit of TIMESTAMP */
	__u64 timestamp_hz;
	/** @va_start: first usable device virtual address */
	__u64 va_start;
	/** @va_end: first address past the last usable one */
	__u64 va_end;
	/** @engine_classes: number of engine classes */
	__u32 engine_classes;
	/** @priorities: number of priority levels */
	__u32 priorities;
	/** @ring_entries_max: largest ring of a queue */
	__u32 ring_entries_max;
	/** @queues_max: job queues of the card */
	__u32 queues_max;
	/** @vms_max: VMs of the card */
	__u32 vms_max;
	/** @pad: 0 */
	__u32 pad;
};

#define DRM_ACI_QUEUE_BANNED		(1u << 0)	/* takes no more jobs */
#define DRM_ACI_QUEUE_GUILTY		(1u << 1)	/* a job of it failed or hung */
#define DRM_ACI_QUEUE_INNOCENT		(1u << 2)	/* lost work, or memory, to another's reset */

/** struct drm_aci_query_queue - state of a queue; counters as the card keeps them */
struct drm_aci_query_queue {
	/** @flags: DRM_ACI_QUEUE_* */
	__u32 flags;
	/** @state: ACI_QUEUE_STATE_* */
	__u32 state;
	/** @submitted: descriptors submitted; 0 for a user queue, whose tail the kernel never reads */
	__u64 submitted;
	/** @completed: descriptors completed */
	__u64 completed;
	/** @error: ACI_STATUS_* of the last failed job, 0: none */
	__u32 error;
	/** @error_count: failed jobs */
	__u32 error_count;
	/** @error_index: descriptor that failed */
	__u64 error_index;
	/** @error_info: fault address or operation index */
	__u64 error_info;
	/** @active_ns: engine time used */
	__u64 active_ns;
	/** @macs: multiply-accumulates done */
	__u64 macs;
	/** @bytes: bytes moved */
	__u64 bytes;
	/** @jobs_completed: jobs that ended without an error; 0 for a user queue */
	__u64 jobs_completed;
};

#define DRM_ACI_VM_LOST			(1u << 0)	/* card memory of its BOs was lost */

/** struct drm_aci_query_vm - state of a VM */
struct drm_aci_query_vm {
	/** @flags: DRM_ACI_VM_LOST */
	__u32 flags;
	/** @pad: 0 */
	__u32 pad;
	/** @mapped_bytes: sum of all mappings */
	__u64 mapped_bytes;
	/** @reset_generation: of the device when the VM was made or last rebuilt */
	__u64 reset_generation;
};

#define DRM_ACI_VM_FENCE		0	/* kernel queues, dma_fence; WAIT is refused */
#define DRM_ACI_VM_LONG_RUNNING		1	/* user queues, memory fences */

/** struct drm_aci_vm_create - make an address space */
struct drm_aci_vm_create {
	/** @mode: DRM_ACI_VM_FENCE or DRM_ACI_VM_LONG_RUNNING */
	__u32 mode;
	/** @flags: none defined: 0 */
	__u32 flags;
	/** @vm_id: out */
	__u32 vm_id;
	/** @pad: 0 */
	__u32 pad;
};

/**
 * struct drm_aci_vm_destroy - EBUSY while it has queues
 *
 * Binds that wait for a fence are not executed; their own ends with ECANCELED.
 */
struct drm_aci_vm_destroy {
	/** @vm_id: the VM */
	__u32 vm_id;
	/** @pad: 0 */
	__u32 pad;
};

#define DRM_ACI_BIND_MAP		0
#define DRM_ACI_BIND_UNMAP		1

#define DRM_ACI_BIND_READONLY		(1u << 0)

/** struct drm_aci_bind_op - one mapping operation */
struct drm_aci_bind_op {
	/** @op: DRM_ACI_BIND_MAP (replaces what was there) or _UNMAP (any overlap) */
	__u32 op;
	/** @flags: DRM_ACI_BIND_* (MAP only) */
	__u32 flags;
	/** @handle: BO (MAP), 0 (UNMAP) */
	__u32 handle;
	/** @pad: 0 */
	__u32 pad;
	/** @offset: into the BO, page multiple (MAP), 0 (UNMAP) */
	__u64 offset;
	/** @va: device virtual address, page multiple */
	__u64 va;
	/** @size: bytes, page multiple, not 0 */
	__u64 size;
};

#define DRM_ACI_VM_BIND_ASYNC		(1u << 0)	/* return once it is queued */

/**
 * struct drm_aci_vm_bind - change mappings, in order
 *
 * Binds of a VM are executed in the order of the calls, synchronous ones
 * included. On an error in operation n, operations before n stay done; @done
 * tells n.
 *
 * Without DRM_ACI_VM_BIND_ASYNC the change is complete on the card when the
 * ioctl returns: no translation and no access through an old mapping remains.
 * With it the same holds when the syncobjs of @syncs are signalled, which
 * happens after those to wait for are; in a LONG_RUNNING VM these are waited
 * for in the ioctl. After an error no syncobj is touched. EINTR with @done not 0:
 * so many operations are queued; they are executed, and may be repeated. EAGAIN:
 * too many binds of the VM wait; go on with operation @done once one is executed.
 * EDQUOT: the quota of the user, of pinned memory, does not allow a host BO that
 * is bound for the first time.
 */
struct drm_aci_vm_bind {
	/** @vm_id: the VM */
	__u32 vm_id;
	/** @flags: DRM_ACI_VM_BIND_* */
	__u32 flags;
	/** @ops: of struct drm_aci_bind_op; may be none with DRM_ACI_VM_BIND_ASYNC */
	struct drm_aci_array ops;
	/** @syncs: of struct drm_aci_sync; count 0 without DRM_ACI_VM_BIND_ASYNC */
	struct drm_aci_array syncs;
	/** @done: out: operations done, or queued */
	__u32 done;
	/** @pad: 0 */
	__u32 pad;
};

#define DRM_ACI_PLACEMENT_HOST		0
#define DRM_ACI_PLACEMENT_CARD		1

#define DRM_ACI_CACHE_WRITE_BACK	0	/* HOST */
#define DRM_ACI_CACHE_WRITE_COMBINED	1	/* CARD, or HOST */

#define DRM_ACI_BO_CPU_ACCESS		(1u << 0)	/* CARD: place it in the aperture; HOST always can */

/**
 * struct drm_aci_bo_create - allocate zeroed memory
 *
 * ENOSPC: no such piece of card memory is left; @available_bytes tells what is.
 */
struct drm_aci_bo_create {
	/** @size: bytes; rounded up to pages, out: the result */
	__u64 size;
	/** @placement: DRM_ACI_PLACEMENT_* */
	__u32 placement;
	/** @cache: DRM_ACI_CACHE_* of CPU mappings */
	__u32 cache;
	/** @flags: DRM_ACI_BO_* */
	__u32 flags;
	/** @handle: out: GEM handle */
	__u32 handle;
	/** @available_bytes: out, CARD: free where this BO may lie, also after ENOSPC */
	__u64 available_bytes;
};

#define DRM_ACI_USERPTR_READONLY	(1u << 0)	/* the card may only read */

/**
 * struct drm_aci_bo_create_userptr - make a BO of the caller's memory, without a copy
 *
 * The pages are pinned, and counted against RLIMIT_MEMLOCK of the caller, until
 * the BO is freed. Anonymous memory, shmem (memfd, tmpfs) and hugetlb are taken;
 * files of other file systems only with DRM_ACI_USERPTR_READONLY and from a
 * mapping that is shared and cannot be written. (A private mapping of a file that
 * can be written is anonymous memory.) EOPNOTSUPP: other memory, memory that the
 * card does not reach, or a card that does not snoop. EFAULT: nothing is mapped
 * there, or not writable without DRM_ACI_USERPTR_READONLY. ENOMEM: RLIMIT_MEMLOCK.
 * EDQUOT: the quota of the user.
 * Such a BO has no mmap offset (EACCES) and cannot be exported (EOPNOTSUPP). With
 * DRM_ACI_USERPTR_READONLY it can only be bound with DRM_ACI_BIND_READONLY (EACCES).
 */
struct drm_aci_bo_create_userptr {
	/** @addr: user address, page multiple */
	__u64 addr;
	/** @size: bytes, page multiple, not 0 */
	__u64 size;
	/** @flags: DRM_ACI_USERPTR_* */
	__u32 flags;
	/** @handle: out: GEM handle */
	__u32 handle;
};

/** struct drm_aci_bo_mmap_offset - offset for mmap of the device file; EACCES: no CPU access */
struct drm_aci_bo_mmap_offset {
	/** @handle: the BO */
	__u32 handle;
	/** @pad: 0 */
	__u32 pad;
	/** @offset: out */
	__u64 offset;
};

/**
 * struct drm_aci_queue_create - make a queue
 *
 * In a FENCE VM it is a kernel queue: jobs come by DRM_IOCTL_ACI_SUBMIT, and one
 * that runs longer than @timeout_ms of engine time ends with ETIMEDOUT in its
 * fence. All fields from @ring_handle on are 0 then.
 *
 * In a LONG_RUNNING VM it is a user queue (EOPNOTSUPP without
 * ACI_CAP_USER_QUEUES): the process writes descriptors to the ring and the tail
 * to the user page and rings the doorbell, as Documentation/aci/queues.rst says.
 * The kernel reads neither ring nor user page. The card stops it after
 * @timeout_ms of engine time without progress. Ring and user page are HOST BOs
 * of the caller that the queue keeps alive and that are zeroed by nobody: their
 * first contents are the caller's. Doorbell and kick page are mapped from the
 * device file, one page each, MAP_SHARED and writable; a child after fork() does
 * not have them.
 */
struct drm_aci_queue_create {
	/** @vm_id: the VM */
	__u32 vm_id;
	/** @engine_class: ACI_ENGINE_CLASS_* */
	__u32 engine_class;
	/** @priority: ACI_PRIORITY_*; the highest needs CAP_SYS_NICE (EPERM) */
	__u32 priority;
	/** @ring_entries: power of two, 64 .. ring_entries_max */
	__u32 ring_entries;
	/** @timeout_ms: 1 .. 600000; 0: the driver's default */
	__u32 timeout_ms;
	/** @flags: none defined: 0 */
	__u32 flags;
	/** @queue_id: out */
	__u32 queue_id;
	/** @pad: 0 */
	__u32 pad;
	/** @ring_handle: BO with the ring, struct aci_desc[@ring_entries] */
	__u32 ring_handle;
	/** @user_page_handle: BO with the struct aci_queue_user_page; may be the same */
	__u32 user_page_handle;
	/** @ring_offset: into the BO, page multiple */
	__u64 ring_offset;
	/** @user_page_offset: into the BO, page multiple; not inside the ring */
	__u64 user_page_offset;
	/** @doorbell_offset: out, user queue: offset for mmap */
	__u64 doorbell_offset;
	/** @kick_offset: out, user queue: offset for mmap; 0 if the card has no kick pages */
	__u64 kick_offset;
};

/** struct drm_aci_queue_destroy - unfinished jobs end with ECANCELED in their fences */
struct drm_aci_queue_destroy {
	/** @queue_id: the queue */
	__u32 queue_id;
	/** @pad: 0 */
	__u32 pad;
};

/** struct drm_aci_job - descriptors that complete together, one out-fence */
struct drm_aci_job {
	/** @flags: none defined: 0 */
	__u32 flags;
	/** @desc_count: 1 .. ring_entries */
	__u32 desc_count;
	/** @descs: user address of struct aci_desc[desc_count] */
	__u64 descs;
	/** @syncs: of struct drm_aci_sync, in and out */
	struct drm_aci_array syncs;
	/** @signal: binary syncobj that is to be signalled, too; 0: none */
	__u32 signal;
	/** @pad: 0 */
	__u32 pad;
};

#define DRM_ACI_SUBMIT_WAIT	(1u << 0)	/* return once the last job has ended */

/**
 * struct drm_aci_submit - submit jobs in order to one queue
 *
 * Either a job is accepted whole or it has no effect. On an error in job n,
 * jobs before n stay submitted; @accepted tells n. EAGAIN: too many jobs of
 * this queue are pending; wait for one. ECANCELED: the queue is banned.
 */
struct drm_aci_submit {
	/** @queue_id: the queue */
	__u32 queue_id;
	/** @flags: DRM_ACI_SUBMIT_* */
	__u32 flags;
	/** @jobs: of struct drm_aci_job */
	struct drm_aci_array jobs;
	/** @accepted: out: jobs accepted */
	__u32 accepted;
	/**
	 * @status: in: 0; out, after success with DRM_ACI_SUBMIT_WAIT: what the
	 * fence of the last job says, 0 or a negative error number. -EINPROGRESS:
	 * a signal came first; the jobs are submitted all the same.
	 */
	__s32 status;
};

/**
 * struct drm_aci_queue_wait - sleep until a user queue has come so far
 *
 * ETIME: @timeout_ns passed. EIO: the queue is stopped and will not get there;
 * DRM_ACI_QUERY_QUEUE tells why. A signal restarts it. @completed is written in
 * each of these cases. ENOENT: the queue was destroyed meanwhile.
 */
struct drm_aci_queue_wait {
	/** @queue_id: a user queue; EINVAL for a kernel queue */
	__u32 queue_id;
	/** @flags: none defined: 0 */
	__u32 flags;
	/** @count: descriptors completed */
	__u64 count;
	/** @timeout_ns: absolute CLOCK_MONOTONIC; in the past: do not sleep */
	__s64 timeout_ns;
	/** @completed: out: descriptors completed */
	__u64 completed;
};

/**
 * struct drm_aci_queue_eventfd - have an eventfd told, once
 *
 * One is added to the eventfd when @count descriptors are completed (at once if
 * they are), or when the queue stops or is destroyed before. EBUSY: 256 are
 * waiting already.
 */
struct drm_aci_queue_eventfd {
	/** @queue_id: a user queue; EINVAL for a kernel queue */
	__u32 queue_id;
	/** @fd: eventfd */
	__s32 fd;
	/** @count: descriptors completed */
	__u64 count;
	/** @flags: none defined: 0 */
	__u32 flags;
	/** @pad: 0 */
	__u32 pad;
};

/**
 * struct drm_aci_queue_resume - let a stopped user queue go on
 *
 * EBUSY: the queue is not stopped. After a reset of the card (error
 * ACI_STATUS_CARD_RESET) what card memory held may be lost: DRM_ACI_QUERY_VM.
 */
struct drm_aci_queue_resume {
	/** @queue_id: a user queue; EINVAL for a kernel queue */
	__u32 queue_id;
	/** @flags: none defined: 0 */
	__u32 flags;
	/**
	 * @index: descriptor to go on with, completed .. completed + ring size:
	 * error_index tries again, error_index + 1 skips the one that failed
	 */
	__u64 index;
};

#define DRM_IOCTL_ACI_QUERY \
	DRM_IOWR(DRM_COMMAND_BASE + DRM_ACI_QUERY, struct drm_aci_query)
#define DRM_IOCTL_ACI_VM_CREATE \
	DRM_IOWR(DRM_COMMAND_BASE + DRM_ACI_VM_CREATE, struct drm_aci_vm_create)
#define DRM_IOCTL_ACI_VM_DESTROY \
	DRM_IOW(DRM_COMMAND_BASE + DRM_ACI_VM_DESTROY, struct drm_aci_vm_destroy)
#define DRM_IOCTL_ACI_VM_BIND \
	DRM_IOWR(DRM_COMMAND_BASE + DRM_ACI_VM_BIND, struct drm_aci_vm_bind)
#define DRM_IOCTL_ACI_BO_CREATE \
	DRM_IOWR(DRM_COMMAND_BASE + DRM_ACI_BO_CREATE, struct drm_aci_bo_create)
#define DRM_IOCTL_ACI_BO_MMAP_OFFSET \
	DRM_IOWR(DRM_COMMAND_BASE + DRM_ACI_BO_MMAP_OFFSET, struct drm_aci_bo_mmap_offset)
#define DRM_IOCTL_ACI_QUEUE_CREATE \
	DRM_IOWR(DRM_COMMAND_BASE + DRM_ACI_QUEUE_CREATE, struct drm_aci_queue_create)
#define DRM_IOCTL_ACI_QUEUE_DESTROY \
	DRM_IOW(DRM_COMMAND_BASE + DRM_ACI_QUEUE_DESTROY, struct drm_aci_queue_destroy)
#define DRM_IOCTL_ACI_SUBMIT \
	DRM_IOWR(DRM_COMMAND_BASE + DRM_ACI_SUBMIT, struct drm_aci_submit)
#define DRM_IOCTL_ACI_BO_CREATE_USERPTR \
	DRM_IOWR(DRM_COMMAND_BASE + DRM_ACI_BO_CREATE_USERPTR, struct drm_aci_bo_create_userptr)
#define DRM_IOCTL_ACI_QUEUE_WAIT \
	DRM_IOWR(DRM_COMMAND_BASE + DRM_ACI_QUEUE_WAIT, struct drm_aci_queue_wait)
#define DRM_IOCTL_ACI_QUEUE_EVENTFD \
	DRM_IOW(DRM_COMMAND_BASE + DRM_ACI_QUEUE_EVENTFD, struct drm_aci_queue_eventfd)
#define DRM_IOCTL_ACI_QUEUE_RESUME \
	DRM_IOW(DRM_COMMAND_BASE + DRM_ACI_QUEUE_RESUME, struct drm_aci_queue_resume)

#if defined(__cplusplus)
}
#endif

#endif /* _UAPI_ACI_ACCEL_H_ */
