/* SPDX-License-Identifier: GPL-2.0 */
/*
 * User queues of LONG_RUNNING VMs: the process writes ring and user page, which
 * the kernel reads never, and rings the doorbell. The kernel makes, stops, resumes
 * and destroys the queue, and tells waiters how far the record says it came.
 *
 * aci_queue.lock protects what changes. No fence depends on a user queue, and no
 * lock is held while it runs: it holds up nobody. aci_user_queue.command_lock,
 * outside aci_device.reset_sem, lets destruction wait for a RESUME in progress.
 *
 * A queue stops when the card halts it or the card is reset; its owner resumes
 * it. After a reset the card does not know it (aci_queue.forgotten) until then.
 */
#ifndef ACI_USER_QUEUE_H
#define ACI_USER_QUEUE_H

#include <linux/mutex.h>
#include <linux/rbtree.h>

#include "aci_job.h"
#include "aci_queue.h"

struct aci_bo;
struct aci_doorbell;
struct drm_aci_queue_create;

/**
 * struct aci_user_queue - a user queue
 */
struct aci_user_queue {
	/** @base: the queue; must be first, it is freed by its address */
	struct aci_queue base;

	/* Under the lock of the queue. */

	/** @waiters: struct aci_user_waiter by count */
	struct rb_root_cached waiters;
	/** @event_count: eventfds among them */
	unsigned int event_count;
	/** @stopped: halted, or lost to a reset; completed is final until RESUME */
	bool stopped;
	/** @end_error: what waiters get once the queue is dead */
	int end_error;
	/** @seen_completed: completed when the watchdog of the card was last checked */
	u64 seen_completed;
	/** @seen_progress: progress at that time */
	u64 seen_progress;
	/** @seen_active_ns: active_ns when either last changed */
	u64 seen_active_ns;

	/** @command_lock: held by RESUME */
	struct mutex command_lock;

	/* Constant until the queue is torn down. */

	/** @ring_bo: BO of the ring, with a reference */
	struct aci_bo *ring_bo;
	/** @user_page_bo: BO of the user page, with a reference */
	struct aci_bo *user_page_bo;
	/** @doorbell: pages for the process */
	struct aci_doorbell *doorbell;
};

static inline struct aci_user_queue *to_aci_user_queue(struct aci_queue *queue)
{
	return container_of(queue, struct aci_user_queue, base);
}

/* Life: aci_user_queue.c */
struct aci_queue *aci_user_queue_alloc(void);
int aci_user_queue_check(const struct aci_device *adev, const struct drm_aci_queue_create *args);
int aci_user_queue_alloc_mem(struct aci_queue *queue, struct drm_file *file,
			     const struct drm_aci_queue_create *args);
void aci_user_queue_free_mem(struct aci_queue *queue);
int aci_user_queue_make_doorbell(struct aci_queue *queue, const struct aci_file *afile);
void aci_user_queue_report(struct aci_queue *queue, struct drm_aci_queue_create *args);
void aci_user_queue_end(struct aci_queue *queue, int error);
void aci_user_queue_close(struct aci_queue *queue, int error);
int aci_user_queue_rebuild(struct aci_queue *queue, bool go_on);
void aci_user_queue_ring_all(struct aci_device *adev);
int aci_queue_resume_ioctl(struct drm_device *drm, void *data, struct drm_file *file);

/* What the card says, and who waits for it: aci_user_wait.c */
void aci_user_queue_look_locked(struct aci_user_queue *user);
void aci_user_queue_stop_locked(struct aci_user_queue *user, u32 status, u64 index, u64 info);
void aci_user_queue_go_live(struct aci_user_queue *user);
void aci_user_queue_process(struct aci_queue *queue, bool took_entry);
void aci_user_queue_watch_work(struct work_struct *work);
int aci_queue_wait_ioctl(struct drm_device *drm, void *data, struct drm_file *file);
int aci_queue_eventfd_ioctl(struct drm_device *drm, void *data, struct drm_file *file);
struct aci_user_queue *aci_user_queue_lookup(struct aci_file *afile, u32 id);

/**
 * aci_queue_process() - the card has something to say of a queue
 * @queue: queue of either kind
 * @took_entry: an entry of it was taken from its notification ring
 *
 * Interrupt handler or process context.
 */
static inline void aci_queue_process(struct aci_queue *queue, bool took_entry)
{
	if (unlikely(queue->is_user))
		aci_user_queue_process(queue, took_entry);
	else
		aci_job_process(queue, took_entry);
}

#endif /* ACI_USER_QUEUE_H */
