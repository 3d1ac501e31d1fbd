// SPDX-License-Identifier: GPL-2.0
/*
 * User queues: life and death, stop and resumption.
 */

#include <linux/dma-mapping.h>
#include <drm/drm_file.h>
#include <drm/drm_gem.h>
#include <drm/aci_accel.h>
#include <aci/aci_status.h>

#include "aci_device.h"
#include "aci_doorbell.h"
#include "aci_gem.h"
#include "aci_recovery.h"
#include "aci_user_queue.h"
#include "compat.h"

/* kfree_rcu() gets the address of the queue. */
static_assert(!offsetof(struct aci_user_queue, base));

/**
 * aci_user_queue_alloc() - allocate a user queue
 *
 * Return: the queue, whose common part is not initialised, or NULL.
 */
struct aci_queue *aci_user_queue_alloc(void)
{
	struct aci_user_queue *user = kzalloc_obj(*user, GFP_KERNEL_ACCOUNT);

	if (!user)
		return NULL;
	mutex_init(&user->command_lock);
	user->waiters = RB_ROOT_CACHED;
	user->end_error = -ENOENT;
	user->base.is_user = true;
	return &user->base;
}

/**
 * aci_user_queue_check() - check what is asked for
 * @adev: device
 * @args: description of a queue in a LONG_RUNNING VM
 *
 * Return: 0; -EOPNOTSUPP if the card has no user queues; -EINVAL.
 */
int aci_user_queue_check(const struct aci_device *adev, const struct drm_aci_queue_create *args)
{
	if (!(adev->caps.cap & ACI_CAP_USER_QUEUES))
		return -EOPNOTSUPP;
	if (!PAGE_ALIGNED(args->ring_offset) || !PAGE_ALIGNED(args->user_page_offset))
		return -EINVAL;
	return 0;
}

/* Host memory that this file made and that lies still, with addresses for the card. */
static struct aci_bo *aci_user_queue_get_bo(struct drm_file *file, u32 handle, u64 offset,
					    u64 bytes)
{
	struct drm_gem_object *obj = drm_gem_object_lookup(file, handle);
	struct aci_bo *bo;
	int ret = -EINVAL;

	if (!obj)
		return ERR_PTR(-ENOENT);
	bo = to_aci_bo(obj);
	if (aci_gem_is_plain_host(bo) && offset <= obj->size && bytes <= obj->size - offset)
		ret = aci_gem_prepare(bo, false);
	if (ret) {
		drm_gem_object_put(obj);
		return ERR_PTR(ret);
	}
	return bo;
}

static void aci_user_queue_put_bo(struct aci_bo *bo)
{
	if (bo)
		drm_gem_object_put(&bo->shmem.base);
}

static int aci_user_queue_get_bos(struct aci_user_queue *user, struct drm_file *file,
				  const struct drm_aci_queue_create *args)
{
	u64 ring_bytes = (u64)args->ring_entries * ACI_DESC_BYTES;
	struct aci_bo *bo;

	bo = aci_user_queue_get_bo(file, args->ring_handle, args->ring_offset, ring_bytes);
	if (IS_ERR(bo))
		return PTR_ERR(bo);
	user->ring_bo = bo;
	bo = aci_user_queue_get_bo(file, args->user_page_handle, args->user_page_offset,
				   ACI_PAGE_SIZE);
	if (IS_ERR(bo))
		return PTR_ERR(bo);
	user->user_page_bo = bo;
	if (bo == user->ring_bo && args->user_page_offset < args->ring_offset + ring_bytes &&
	    args->ring_offset < args->user_page_offset + ACI_PAGE_SIZE)
		return -EINVAL;
	return 0;
}

static void aci_user_queue_list_pages(struct aci_user_queue *user,
				      const struct drm_aci_queue_create *args)
{
	struct aci_queue *queue = &user->base;
	__le64 *list = queue->mem + ACI_QUEUE_MEM_PAGE_LIST;
	u32 count = args->ring_entries / (ACI_PAGE_SIZE / ACI_DESC_BYTES);
	struct aci_bo_iter iter;
	u32 i;

	aci_bo_iter_init(&iter, user->ring_bo, args->ring_offset);
	for (i = 0; i < count; i++) {
		list[i] = cpu_to_le64(iter.addr);
		aci_bo_iter_advance(&iter, ACI_PAGE_SIZE);
	}
	aci_bo_iter_init(&iter, user->user_page_bo, args->user_page_offset);
	queue->user_page_dma = iter.addr;
}

/**
 * aci_user_queue_alloc_mem() - get the memory of a user queue
 * @queue: user queue; the caller frees the memory also after an error
 * @file: caller
 * @args: description of the queue
 *
 * Record and page list are the kernel's alone.
 *
 * Return: 0; -ENOENT for an unknown BO; -EINVAL if a BO is not plain host memory,
 * is too small, or ring and user page overlap; -ENOMEM.
 */
int aci_user_queue_alloc_mem(struct aci_queue *queue, struct drm_file *file,
			     const struct drm_aci_queue_create *args)
{
	struct aci_user_queue *user = to_aci_user_queue(queue);
	int ret;

	ret = aci_user_queue_get_bos(user, file, args);
	if (ret)
		return ret;
	ret = aci_queue_alloc_coherent(queue, ACI_QUEUE_MEM_USER_PAGE);
	if (ret)
		return ret;
	aci_user_queue_list_pages(user, args);
	return 0;
}

/**
 * aci_user_queue_free_mem() - free what aci_user_queue_alloc_mem() got
 * @queue: user queue that the card does not know
 */
void aci_user_queue_free_mem(struct aci_queue *queue)
{
	struct aci_user_queue *user = to_aci_user_queue(queue);

	aci_user_queue_put_bo(user->ring_bo);
	aci_user_queue_put_bo(user->user_page_bo);
	user->ring_bo = NULL;
	user->user_page_bo = NULL;
}

/**
 * aci_user_queue_make_doorbell() - let the process map doorbell and kick page
 * @queue: user queue with an id
 * @afile: the process' file
 *
 * Return: 0 or -ENOMEM.
 */
int aci_user_queue_make_doorbell(struct aci_queue *queue, const struct aci_file *afile)
{
	struct aci_user_queue *user = to_aci_user_queue(queue);

	user->doorbell = aci_doorbell_create(queue->adev, afile, queue->id);
	return user->doorbell ? 0 : -ENOMEM;
}

/**
 * aci_user_queue_report() - tell where doorbell and kick page are
 * @queue: user queue
 * @args: gets the offsets
 */
void aci_user_queue_report(struct aci_queue *queue, struct drm_aci_queue_create *args)
{
	const struct aci_user_queue *user = to_aci_user_queue(queue);

	args->doorbell_offset = aci_doorbell_offset(user->doorbell);
	args->kick_offset = aci_doorbell_kick_offset(user->doorbell);
}

/**
 * aci_user_queue_end() - nobody gets anything from the queue any more
 * @queue: user queue
 * @error: -ECANCELED: it is destroyed; else what waiters get
 */
void aci_user_queue_end(struct aci_queue *queue, int error)
{
	struct aci_user_queue *user = to_aci_user_queue(queue);

	spin_lock_irq(&queue->lock);
	if (queue->state != ACI_QUEUE_DEAD)
		user->end_error = error == -ECANCELED ? -ENOENT : error;
	queue->state = ACI_QUEUE_DEAD;
	spin_unlock_irq(&queue->lock);
	aci_user_queue_process(queue, false);
}

/**
 * aci_user_queue_close() - before the queue is taken from the card
 * @queue: user queue
 * @error: as for aci_user_queue_end()
 *
 * When it returns no RESUME is in progress and the process has no doorbell.
 */
void aci_user_queue_close(struct aci_queue *queue, int error)
{
	struct aci_user_queue *user = to_aci_user_queue(queue);

	aci_user_queue_end(queue, error);
	mutex_lock(&user->command_lock);
	mutex_unlock(&user->command_lock);
	aci_doorbell_kill(user->doorbell);
	user->doorbell = NULL;
}

/*
 * Make a forgotten queue anew, stopped: the ring is full of what may have run
 * before. Only a refusal means that the card knows nothing of it.
 */
static int aci_user_queue_make_anew(struct aci_queue *queue)
{
	int ret;

	queue->forgotten = false;
	ret = aci_queue_create_on_card(queue, ACI_QUEUE_F_SUSPENDED);
	if (ret && ret != -ETIMEDOUT && ret != -EAGAIN && ret != -ENODEV)
		queue->forgotten = true;
	return ret;
}

/* Have the card run the queue from @index on. */
static int aci_user_queue_run_from(struct aci_queue *queue, u64 index)
{
	int ret;

	ret = aci_queue_command(queue, ACI_ADMIN_RESET_QUEUE, index,
				queue->adev->caps.queue_reset_ms, NULL);
	if (ret)
		return ret;
	/* Its old entries, before it is armed again. */
	aci_irq_drain(queue->adev, queue->vector);
	spin_lock_irq(&queue->lock);
	to_aci_user_queue(queue)->stopped = false;
	queue->completed = index;
	spin_unlock_irq(&queue->lock);
	aci_user_queue_go_live(to_aci_user_queue(queue));
	return 0;
}

/* Hold a stopped queue. */
static int aci_user_queue_claim(struct aci_user_queue *user, u64 index)
{
	struct aci_queue *queue = &user->base;
	int ret = 0;

	spin_lock_irq(&queue->lock);
	aci_user_queue_look_locked(user);
	if (queue->state == ACI_QUEUE_DEAD)
		ret = user->end_error;
	else if (!user->stopped || queue->state != ACI_QUEUE_LIVE)
		ret = -EBUSY;
	else if (index - queue->completed > queue->ring_entries)
		ret = -EINVAL;
	else
		queue->state = ACI_QUEUE_HELD;
	spin_unlock_irq(&queue->lock);
	return ret;
}

static int aci_user_queue_resume(struct aci_user_queue *user, u64 index)
{
	struct aci_queue *queue = &user->base;
	int ret;

	ret = aci_user_queue_claim(user, index);
	if (ret)
		return ret;
	if (queue->forgotten) {
		ret = aci_user_queue_make_anew(queue);
		if (queue->forgotten) {
			aci_user_queue_go_live(user);
			return ret;
		}
	}
	ret = ret ?: aci_user_queue_run_from(queue, index);
	if (ret)
		aci_recovery_give_up(queue, ret, "user queue cannot be resumed");
	return ret;
}

/* Whoever tears it down deletes it only if no reset came since it left the list. */
static bool aci_user_queue_is_listed(struct aci_queue *queue)
{
	bool listed;

	mutex_lock(&queue->adev->object_lock);
	listed = !list_empty(&queue->node);
	mutex_unlock(&queue->adev->object_lock);
	return listed;
}

static int aci_user_queue_resume_on_card(struct aci_user_queue *user, u64 index)
{
	struct aci_device *adev = user->base.adev;
	int ret;

	/* Outside of reset_sem, or a reset would wait for what waits for it. */
	ret = mutex_lock_interruptible(&user->command_lock);
	if (ret)
		return ret;
	down_read(&adev->reset_sem);
	if (!aci_is_ok(adev))
		ret = aci_is_dead(adev) ? -ENODEV : -EAGAIN;
	else if (!aci_user_queue_is_listed(&user->base))
		ret = -ENOENT;
	else
		ret = aci_user_queue_resume(user, index);
	up_read(&adev->reset_sem);
	mutex_unlock(&user->command_lock);
	return ret;
}

/**
 * aci_queue_resume_ioctl() - DRM_IOCTL_ACI_QUEUE_RESUME
 * @drm: device
 * @data: struct drm_aci_queue_resume
 * @file: caller
 *
 * Return: 0 or a negative error.
 */
int aci_queue_resume_ioctl(struct drm_device *drm, void *data, struct drm_file *file)
{
	struct drm_aci_queue_resume *args = data;
	struct aci_user_queue *user;
	int ret = -ENODEV, idx;

	if (args->flags)
		return -EINVAL;
	user = aci_user_queue_lookup(file->driver_priv, args->queue_id);
	if (IS_ERR(user))
		return PTR_ERR(user);
	if (drm_dev_enter(drm, &idx)) {
		ret = aci_user_queue_resume_on_card(user, args->index);
		drm_dev_exit(idx);
	}
	aci_queue_put(&user->base);
	return ret;
}

/* Read the record for the last time. Returns whether a descriptor was lost half done. */
static bool aci_user_queue_settle_locked(struct aci_user_queue *user)
{
	const struct aci_queue_record *record = user->base.record;
	struct aci_queue *queue = &user->base;
	u64 completed = le64_to_cpu(READ_ONCE(record->completed));
	u32 error = le32_to_cpu(READ_ONCE(record->error)) & 0xffff;

	if (user->stopped)
		return false;
	if ((s64)(completed - queue->completed) >= 0)
		queue->completed = completed;
	if (queue->defies)
		aci_user_queue_stop_locked(user, queue->misbehaved ? ACI_STATUS_INTERNAL :
					   ACI_STATUS_WATCHDOG, queue->completed, 0);
	else if (error && error != ACI_STATUS_CARD_RESET)
		aci_user_queue_stop_locked(user, error, le64_to_cpu(record->error_index),
					   le64_to_cpu(record->error_info));
	return le64_to_cpu(READ_ONCE(record->started)) != queue->completed;
}

/**
 * aci_user_queue_rebuild() - the card has been reset
 * @queue: user queue in aci_device.queues; the caller holds reset_sem for writing
 * @go_on: it was held with exact counts: let it run from where it was, if no
 *	descriptor was half done. Else it stops, and its owner resumes it.
 *
 * Return: 0 or a negative error.
 */
int aci_user_queue_rebuild(struct aci_queue *queue, bool go_on)
{
	struct aci_user_queue *user = to_aci_user_queue(queue);
	bool lost;
	int ret;

	spin_lock_irq(&queue->lock);
	lost = aci_user_queue_settle_locked(user);
	queue->innocent |= lost && !queue->defies;
	queue->defies = false;
	go_on = go_on && !lost && !user->stopped;
	if (!user->stopped && !go_on)
		aci_user_queue_stop_locked(user, ACI_STATUS_CARD_RESET, queue->completed, 0);
	aci_queue_keep_counters_locked(queue);
	memset(queue->record, 0, sizeof(*queue->record));
	queue->forgotten = true;
	spin_unlock_irq(&queue->lock);
	if (!go_on) {
		aci_user_queue_go_live(user);
		return 0;
	}
	ret = aci_user_queue_make_anew(queue);
	return ret ?: aci_user_queue_run_from(queue, queue->completed);
}

/**
 * aci_user_queue_ring_all() - what was rung while the pages were dummies
 * @adev: device that is ok again
 */
void aci_user_queue_ring_all(struct aci_device *adev)
{
	struct aci_queue *queue;

	mutex_lock(&adev->object_lock);
	list_for_each_entry(queue, &adev->queues, node)
		if (queue->is_user && !queue->forgotten)
			aci_job_ring(queue);
	mutex_unlock(&adev->object_lock);
}
