// SPDX-License-Identifier: GPL-2.0
/*
 * Queues: life and death.
 */

#include <linux/capability.h>
#include <linux/dma-mapping.h>
#include <linux/log2.h>
#include <drm/drm_file.h>
#include <drm/aci_accel.h>

#include "aci_device.h"
#include "aci_job.h"
#include "aci_queue.h"
#include "aci_recovery.h"
#include "aci_reset.h"
#include "aci_user_queue.h"
#include "aci_vm.h"

#define ACI_QUEUE_TIMEOUT_MS		10000
#define ACI_QUEUE_TIMEOUT_MAX_MS	600000
#define ACI_QUEUE_RING_MIN		64

/* Jobs may wait beyond a full ring; small rings take more than they hold. */
#define ACI_QUEUE_DESCS_MIN		1024

/**
 * aci_queue_lookup() - find a queue of a file
 * @afile: file
 * @id: user's id
 *
 * Return: the queue with a reference, or NULL.
 */
struct aci_queue *aci_queue_lookup(struct aci_file *afile, u32 id)
{
	struct aci_queue *queue;

	rcu_read_lock();
	queue = xa_load(&afile->queues, id);
	if (queue && !kref_get_unless_zero(&queue->ref))
		queue = NULL;
	rcu_read_unlock();
	return queue;
}

/**
 * aci_queue_lookup_live() - find a queue that is not being torn down, cheaply
 * @afile: file
 * @id: user's id
 *
 * Return: the queue with a reference, or NULL.
 */
struct aci_queue *aci_queue_lookup_live(struct aci_file *afile, u32 id)
{
	struct aci_device *adev = afile->adev;
	struct aci_queue *queue;

	if (!id || id > adev->caps.queues)
		return NULL;
	rcu_read_lock();
	queue = rcu_dereference(adev->queue_by_id[aci_queue_card_id(id)]);
	if (queue && (READ_ONCE(queue->afile) != afile || !kref_get_unless_zero(&queue->ref)))
		queue = NULL;
	rcu_read_unlock();
	return queue;
}

static void aci_queue_release(struct kref *ref)
{
	struct aci_queue *queue = container_of(ref, struct aci_queue, ref);

	if (queue->vm)
		aci_vm_put(queue->vm);
	if (queue->fence_ctx)
		aci_fence_ctx_put(queue->fence_ctx);
	kfree_rcu(queue, rcu);
}

/**
 * aci_queue_put() - drop a reference
 * @queue: queue
 */
void aci_queue_put(struct aci_queue *queue)
{
	kref_put(&queue->ref, aci_queue_release);
}

/**
 * aci_queue_alloc_coherent() - allocate the memory that the kernel shares with the card
 * @queue: queue
 * @bytes: record and page list at least
 *
 * Return: 0 or -ENOMEM.
 */
int aci_queue_alloc_coherent(struct aci_queue *queue, size_t bytes)
{
	queue->mem_bytes = bytes;
	queue->mem = dma_alloc_coherent(&queue->adev->pdev->dev, queue->mem_bytes, &queue->mem_dma,
					GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
	if (!queue->mem)
		return -ENOMEM;
	queue->record = queue->mem + ACI_QUEUE_MEM_RECORD;
	return 0;
}

static int aci_queue_alloc_mem(struct aci_queue *queue)
{
	size_t ring_bytes = (size_t)queue->ring_entries * ACI_DESC_BYTES;
	__le64 *list;
	size_t i;
	int ret;

	ret = aci_queue_alloc_coherent(queue, ACI_QUEUE_MEM_RING + ring_bytes);
	if (ret)
		return ret;
	queue->user_page = queue->mem + ACI_QUEUE_MEM_USER_PAGE;
	queue->user_page_dma = queue->mem_dma + ACI_QUEUE_MEM_USER_PAGE;
	queue->ring = queue->mem + ACI_QUEUE_MEM_RING;
	list = queue->mem + ACI_QUEUE_MEM_PAGE_LIST;
	for (i = 0; i < ring_bytes / ACI_PAGE_SIZE; i++)
		list[i] = cpu_to_le64(queue->mem_dma + ACI_QUEUE_MEM_RING + i * ACI_PAGE_SIZE);
	return 0;
}

static void aci_queue_free_mem(struct aci_queue *queue)
{
	if (queue->mem)
		dma_free_coherent(&queue->adev->pdev->dev, queue->mem_bytes, queue->mem,
				  queue->mem_dma);
	queue->mem = NULL;
	if (queue->is_user)
		aci_user_queue_free_mem(queue);
}

/**
 * aci_queue_create_on_card() - CREATE_QUEUE
 * @queue: queue whose memory is set up
 * @flags: ACI_QUEUE_F_SUSPENDED or 0
 *
 * Return: 0 or a negative error.
 */
int aci_queue_create_on_card(struct aci_queue *queue, u8 flags)
{
	struct aci_admin_req req = {
		.cmd.opcode = ACI_ADMIN_CREATE_QUEUE,
		.cmd.create_queue = {
			.queue_id = cpu_to_le16(queue->id),
			.vm_id = cpu_to_le16(queue->vm->card_id),
			.engine_class = queue->engine_class,
			.priority = queue->priority,
			.ring_shift = ilog2(queue->ring_entries),
			.flags = flags | (queue->is_user ? ACI_QUEUE_F_USER : 0),
			.notify_ring = cpu_to_le16(queue->vector),
			/* A kernel queue's time is limited by the driver, job by job. */
			.watchdog_ms = cpu_to_le32(queue->is_user ? queue->timeout_ms : 0),
			.ring_pages = cpu_to_le64(queue->mem_dma + ACI_QUEUE_MEM_PAGE_LIST),
			.record = cpu_to_le64(queue->mem_dma + ACI_QUEUE_MEM_RECORD),
			.user_page = cpu_to_le64(queue->user_page_dma),
		},
	};

	return aci_admin_exec(queue->adev, &req);
}

/**
 * aci_queue_command() - admin command about a queue
 * @queue: queue
 * @opcode: DELETE_, SUSPEND_, RESUME_ or RESET_QUEUE
 * @index: of RESET_QUEUE, else 0
 * @bound_ms: the card's bound; 0: that of admin commands
 * @status: gets ACI_STATUS_*, or NULL
 *
 * Return: 0 or a negative error.
 */
int aci_queue_command(struct aci_queue *queue, u8 opcode, u64 index, u32 bound_ms, u16 *status)
{
	struct aci_admin_req req = {
		.cmd.opcode = opcode,
		.cmd.queue.queue_id = cpu_to_le16(queue->id),
		.cmd.queue.index = cpu_to_le64(index),
		.bound_ms = bound_ms,
	};
	int ret = aci_admin_exec(queue->adev, &req);

	if (status)
		*status = req.status;
	return ret;
}

static void aci_queue_stop_work(struct aci_queue *queue)
{
	spin_lock_irq(&queue->lock);
	queue->state = ACI_QUEUE_DEAD;
	spin_unlock_irq(&queue->lock);
	/* None of them is queued for a dead queue, but for the timer by itself. */
	cancel_work_sync(&queue->recover_work);
	cancel_delayed_work_sync(&queue->timeout_work);
	cancel_work_sync(&queue->push_work);
}

/* When it returns the card has forgotten the queue, if need be in a reset. */
static void aci_queue_delete_on_card(struct aci_queue *queue, u64 generation)
{
	struct aci_device *adev = queue->adev;
	int ret = 0;

	down_read(&adev->reset_sem);
	/* A reset since then has not rebuilt the queue. */
	if (aci_is_ok(adev) && adev->reset_generation == generation && !queue->forgotten)
		ret = aci_queue_command(queue, ACI_ADMIN_DELETE_QUEUE, 0,
					adev->caps.queue_reset_ms, NULL);
	up_read(&adev->reset_sem);
	if (ret)
		aci_reset_and_wait(adev, generation, "queue could not be deleted");
}

/**
 * aci_queue_keep_counters_locked() - before the record is cleared or freed
 * @queue: queue that the card does not know; the caller holds its lock
 */
void aci_queue_keep_counters_locked(struct aci_queue *queue)
{
	const struct aci_queue_record *record = queue->record;

	queue->lost_active_ns += le64_to_cpu(record->active_ns);
	queue->lost_macs += le64_to_cpu(record->macs);
	queue->lost_bytes += le64_to_cpu(record->bytes);
}

static void aci_queue_drop_record(struct aci_queue *queue)
{
	spin_lock_irq(&queue->lock);
	aci_queue_keep_counters_locked(queue);
	queue->record = NULL;
	spin_unlock_irq(&queue->lock);
}

static void aci_queue_release_id(struct aci_queue *queue)
{
	aci_irq_put_vector(queue->adev, queue->vector);
	ida_free(&queue->adev->queue_ids, queue->id);
	aci_quota_uncharge(queue->adev, queue->user, ACI_QUOTA_QUEUES, 1);
}

static void aci_queue_unlink(struct aci_queue *queue)
{
	struct aci_device *adev = queue->adev;
	struct aci_vm *vm = queue->vm;

	/* Entries for the id must not be taken for those of its next queue. */
	aci_irq_drain(adev, queue->vector);
	mutex_lock(&adev->object_lock);
	RCU_INIT_POINTER(adev->queue_by_id[queue->id], NULL);
	mutex_unlock(&adev->object_lock);
	atomic_dec(&adev->queues_in_use);
	aci_queue_release_id(queue);
	mutex_lock(&vm->lock);
	vm->queue_count--;
	mutex_unlock(&vm->lock);
}

/**
 * aci_queue_teardown() - take the queue from the card and end its jobs
 * @queue: queue; the caller holds a reference, and is inside drm_dev_enter() or
 *	remove()
 * @error: what the fences of unfinished jobs get
 *
 * May be called more than once; the first call does it.
 */
void aci_queue_teardown(struct aci_queue *queue, int error)
{
	struct aci_device *adev = queue->adev;
	u64 generation;
	bool listed;

	mutex_lock(&adev->object_lock);
	generation = adev->reset_generation;
	listed = !list_empty(&queue->node);
	list_del_init(&queue->node);
	mutex_unlock(&adev->object_lock);
	if (!listed)
		return;

	if (queue->is_user)
		aci_user_queue_close(queue, error);
	aci_queue_stop_work(queue);
	aci_queue_delete_on_card(queue, generation);
	if (!queue->is_user) {
		aci_job_settle(queue);
		aci_job_cancel_all(queue, error);
	}
	aci_queue_drop_record(queue);
	aci_queue_unlink(queue);
	aci_queue_free_mem(queue);
	aci_queue_put(queue);
}

/**
 * aci_queue_close_all() - the file is closed: tear its queues down
 * @afile: file; the caller is inside drm_dev_enter()
 */
void aci_queue_close_all(struct aci_file *afile)
{
	struct aci_queue *queue;
	unsigned long id;

	xa_for_each(&afile->queues, id, queue)
		aci_queue_teardown(queue, -ECANCELED);
}

/**
 * aci_queue_active_ns() - engine time used so far
 * @queue: queue
 *
 * Return: nanoseconds.
 */
u64 aci_queue_active_ns(struct aci_queue *queue)
{
	u64 ns;

	spin_lock_irq(&queue->lock);
	ns = queue->lost_active_ns;
	if (queue->record)
		ns += le64_to_cpu(READ_ONCE(queue->record->active_ns));
	spin_unlock_irq(&queue->lock);
	return ns;
}

/**
 * aci_queue_query() - facts about a queue
 * @queue: queue
 * @out: zeroed
 */
void aci_queue_query(struct aci_queue *queue, struct drm_aci_query_queue *out)
{
	/* Nobody may have looked since the queue was made. */
	if (queue->is_user)
		aci_user_queue_process(queue, false);
	spin_lock_irq(&queue->lock);
	out->flags = (queue->banned ? DRM_ACI_QUEUE_BANNED : 0) |
		     (queue->guilty ? DRM_ACI_QUEUE_GUILTY : 0) |
		     (queue->innocent ? DRM_ACI_QUEUE_INNOCENT : 0);
	out->submitted = queue->tail + queue->waiting_descs;
	out->completed = queue->completed;
	out->error = queue->error.status;
	out->error_count = queue->error.count;
	out->error_index = queue->error.index;
	out->error_info = queue->error.info;
	out->jobs_completed = queue->jobs_completed;
	out->active_ns = queue->lost_active_ns;
	out->macs = queue->lost_macs;
	out->bytes = queue->lost_bytes;
	if (queue->record) {
		const struct aci_queue_record *record = queue->record;

		/* Forgotten in a reset: stopped, until its owner resumes it. */
		out->state = queue->forgotten ? ACI_QUEUE_STATE_ERROR :
			     min_t(u32, le32_to_cpu(READ_ONCE(record->state)),
				   ACI_QUEUE_STATE_ERROR);
		out->active_ns += le64_to_cpu(READ_ONCE(record->active_ns));
		out->macs += le64_to_cpu(READ_ONCE(record->macs));
		out->bytes += le64_to_cpu(READ_ONCE(record->bytes));
	}
	spin_unlock_irq(&queue->lock);
}

static int aci_queue_check(struct aci_device *adev, const struct drm_aci_queue_create *args)
{
	u32 entries_max = 1u << adev->caps.job_shift_max;

	if (args->flags || args->pad)
		return -EINVAL;
	if (args->engine_class >= adev->caps.engine_classes ||
	    args->priority >= adev->caps.priorities)
		return -EINVAL;
	if (!is_power_of_2(args->ring_entries) || args->ring_entries < ACI_QUEUE_RING_MIN ||
	    args->ring_entries > entries_max)
		return -EINVAL;
	if (args->timeout_ms > ACI_QUEUE_TIMEOUT_MAX_MS)
		return -EINVAL;
	if (args->priority == ACI_PRIORITY_HIGH && !capable(CAP_SYS_NICE))
		return -EPERM;
	return 0;
}

static int aci_queue_check_mode(struct aci_device *adev, const struct aci_vm *vm,
				const struct drm_aci_queue_create *args)
{
	if (vm->mode == DRM_ACI_VM_LONG_RUNNING)
		return aci_user_queue_check(adev, args);
	if (args->ring_handle || args->user_page_handle || args->ring_offset ||
	    args->user_page_offset)
		return -EINVAL;
	return 0;
}

static struct aci_queue *aci_queue_alloc(struct aci_device *adev, bool is_user,
					 const struct drm_aci_queue_create *args)
{
	struct aci_queue *queue;

	queue = is_user ? aci_user_queue_alloc() : kzalloc_obj(*queue, GFP_KERNEL_ACCOUNT);
	if (!queue)
		return NULL;
	kref_init(&queue->ref);
	spin_lock_init(&queue->lock);
	INIT_LIST_HEAD(&queue->pending);
	INIT_LIST_HEAD(&queue->waiting);
	INIT_LIST_HEAD(&queue->node);
	INIT_DELAYED_WORK(&queue->timeout_work, is_user ? aci_user_queue_watch_work :
							  aci_recovery_timeout_work);
	INIT_WORK(&queue->recover_work, is_user ? aci_coredump_user_queue_work :
						  aci_recovery_work);
	INIT_WORK(&queue->push_work, aci_job_push_work);
	queue->adev = adev;
	queue->engine_class = args->engine_class;
	queue->priority = args->priority;
	queue->ring_entries = args->ring_entries;
	queue->descs_max = max(2 * args->ring_entries, ACI_QUEUE_DESCS_MIN);
	queue->timeout_ms = args->timeout_ms ?: ACI_QUEUE_TIMEOUT_MS;
	queue->pid = task_tgid_nr(current);
	get_task_comm(queue->comm, current);
	return queue;
}

static int aci_queue_make_fence_ctx(struct aci_queue *queue)
{
	struct aci_device *adev = queue->adev;
	char name[sizeof(queue->fence_ctx->name)];

	snprintf(name, sizeof(name), "aci-%s-%u", pci_name(adev->pdev), queue->id);
	queue->fence_ctx = aci_fence_ctx_create(name);
	return queue->fence_ctx ? 0 : -ENOMEM;
}

/* Take a card queue id and all that hangs on it. */
static int aci_queue_bind_id(struct aci_queue *queue, const struct aci_file *afile)
{
	struct aci_device *adev = queue->adev;
	int ret;

	queue->user = aci_quota_charge(adev, ACI_QUOTA_QUEUES, 1);
	if (IS_ERR(queue->user))
		return PTR_ERR(queue->user);
	ret = ida_alloc_max(&adev->queue_ids, adev->caps.queues - 1, GFP_KERNEL);
	if (ret < 0) {
		aci_quota_uncharge(adev, queue->user, ACI_QUOTA_QUEUES, 1);
		return ret;
	}
	queue->id = ret;
	queue->vector = aci_irq_take_vector(adev);
	queue->doorbell = adev->doorbells + ((size_t)queue->id << adev->caps.db_shift);
	if (adev->caps.cap & ACI_CAP_KICK)
		queue->kick = queue->doorbell + adev->caps.kick_offset;
	ret = queue->is_user ? aci_user_queue_make_doorbell(queue, afile) :
			       aci_queue_make_fence_ctx(queue);
	if (ret)
		aci_queue_release_id(queue);
	return ret;
}

/* On success the list holds a reference besides the caller's. */
static int aci_queue_publish(struct aci_queue *queue)
{
	struct aci_device *adev = queue->adev;
	int ret;

	down_read(&adev->reset_sem);
	if (!aci_is_ok(adev))
		ret = aci_is_dead(adev) ? -ENODEV : -EAGAIN;
	else
		ret = aci_queue_create_on_card(queue, 0);
	if (!ret) {
		kref_get(&queue->ref);
		mutex_lock(&adev->object_lock);
		list_add_tail(&queue->node, &adev->queues);
		rcu_assign_pointer(adev->queue_by_id[queue->id], queue);
		mutex_unlock(&adev->object_lock);
		atomic_inc(&adev->queues_in_use);
	}
	up_read(&adev->reset_sem);
	return ret;
}

static int aci_queue_join_vm(struct aci_queue *queue, struct aci_vm *vm)
{
	int ret = 0;

	mutex_lock(&vm->lock);
	if (vm->dead)
		ret = -ENOENT;
	else
		vm->queue_count++;
	mutex_unlock(&vm->lock);
	if (!ret) {
		drm_gpuvm_get(&vm->gpuvm);
		queue->vm = vm;
		queue->no_wait = vm->mode == DRM_ACI_VM_FENCE;
	}
	return ret;
}

static struct aci_queue *aci_queue_create(struct aci_device *adev, struct aci_vm *vm,
					  struct drm_file *file,
					  const struct drm_aci_queue_create *args)
{
	u64 generation = READ_ONCE(adev->reset_generation);
	struct aci_queue *queue;
	int ret;

	queue = aci_queue_alloc(adev, vm->mode == DRM_ACI_VM_LONG_RUNNING, args);
	if (!queue)
		return ERR_PTR(-ENOMEM);
	ret = aci_queue_join_vm(queue, vm);
	if (ret)
		goto err_queue;
	ret = aci_queue_bind_id(queue, file->driver_priv);
	if (ret)
		goto err_vm;
	ret = queue->is_user ? aci_user_queue_alloc_mem(queue, file, args) :
			       aci_queue_alloc_mem(queue);
	if (ret)
		goto err_mem;
	ret = aci_queue_publish(queue);
	if (ret)
		goto err_card;
	return queue;

err_card:
	/* Unless the card refused, it may have made the queue. */
	if (ret == -ETIMEDOUT || ret == -EAGAIN)
		aci_reset_and_wait(adev, generation, "queue could not be created");
err_mem:
	if (queue->is_user)
		aci_user_queue_close(queue, -ECANCELED);
	aci_queue_free_mem(queue);
	aci_queue_release_id(queue);
err_vm:
	mutex_lock(&vm->lock);
	vm->queue_count--;
	mutex_unlock(&vm->lock);
err_queue:
	aci_queue_put(queue);
	return ERR_PTR(ret);
}

/**
 * aci_queue_create_ioctl() - DRM_IOCTL_ACI_QUEUE_CREATE
 * @drm: device
 * @data: struct drm_aci_queue_create
 * @file: caller
 *
 * Return: 0 or a negative error; -ENOSPC if the card has no queue left, -EDQUOT
 * if the caller may have no more.
 */
int aci_queue_create_ioctl(struct drm_device *drm, void *data, struct drm_file *file)
{
	struct aci_device *adev = to_aci_device(drm);
	struct aci_file *afile = file->driver_priv;
	struct drm_aci_queue_create *args = data;
	struct aci_queue *queue;
	struct aci_vm *vm;
	int ret, idx;

	ret = aci_queue_check(adev, args);
	if (ret)
		return ret;
	vm = aci_vm_lookup(afile, args->vm_id);
	if (!vm)
		return -ENOENT;
	ret = aci_queue_check_mode(adev, vm, args);
	if (ret)
		goto out_vm;
	if (!drm_dev_enter(drm, &idx)) {
		ret = -ENODEV;
		goto out_vm;
	}
	queue = aci_queue_create(adev, vm, file, args);
	ret = PTR_ERR_OR_ZERO(queue);
	if (!ret) {
		if (queue->is_user)
			aci_user_queue_report(queue, args);
		args->queue_id = aci_queue_user_id(queue->id);
		/* From here on SUBMIT finds it. */
		WRITE_ONCE(queue->afile, afile);
		ret = xa_insert(&afile->queues, args->queue_id, queue, GFP_KERNEL_ACCOUNT);
		if (ret) {
			aci_queue_teardown(queue, -ECANCELED);
			aci_queue_put(queue);
		}
	}
	drm_dev_exit(idx);
out_vm:
	aci_vm_put(vm);
	return ret;
}

/**
 * aci_queue_destroy_ioctl() - DRM_IOCTL_ACI_QUEUE_DESTROY
 * @drm: device
 * @data: struct drm_aci_queue_destroy
 * @file: caller
 *
 * Return: 0 or a negative error.
 */
int aci_queue_destroy_ioctl(struct drm_device *drm, void *data, struct drm_file *file)
{
	struct aci_file *afile = file->driver_priv;
	struct drm_aci_queue_destroy *args = data;
	struct aci_queue *queue;
	u64 ns = 0;
	int idx;

	if (args->pad)
		return -EINVAL;
	if (!drm_dev_enter(drm, &idx))
		return -ENODEV;
	/* At once, so that fdinfo neither misses the queue nor counts it twice. */
	xa_lock(&afile->queues);
	queue = __xa_erase(&afile->queues, args->queue_id);
	if (queue) {
		ns = aci_queue_active_ns(queue);
		atomic64_add(ns, &afile->retired_ns[queue->engine_class]);
	}
	xa_unlock(&afile->queues);
	if (queue) {
		aci_queue_teardown(queue, -ECANCELED);
		/* And what it used until it stopped. */
		atomic64_add(aci_queue_active_ns(queue) - ns,
			     &afile->retired_ns[queue->engine_class]);
		aci_queue_put(queue);
	}
	drm_dev_exit(idx);
	return queue ? 0 : -ENOENT;
}
