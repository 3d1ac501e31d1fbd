// SPDX-License-Identifier: GPL-2.0
/*
 * User queues: what the card says of them, and who waits for it.
 *
 * Waiters are sorted by count. The lowest is what the card is asked to notify; the
 * interrupt takes those that are served and asks for the next.
 */

#include <linux/eventfd.h>
#include <linux/hrtimer.h>
#include <linux/sched/signal.h>
#include <drm/drm_file.h>
#include <drm/aci_accel.h>
#include <aci/aci_status.h>

#include "aci_device.h"
#include "aci_reset.h"
#include "aci_trace.h"
#include "aci_user_queue.h"
#include "compat.h"

#define ACI_USER_EVENTS_MAX	256

/* Engine time without progress that the card's watchdog may be late. */
#define ACI_USER_WATCHDOG_FACTOR	2

/**
 * struct aci_user_waiter - waits for a count
 */
struct aci_user_waiter {
	/** @node: in aci_user_queue.waiters until @done */
	struct rb_node node;
	/** @count: descriptors completed */
	u64 count;
	/** @task: sleeper to wake; NULL in a struct aci_user_event */
	struct task_struct *task;
	/** @result: once @done: 0 or why the count will not be reached */
	int result;
	/** @done: the wait is over */
	bool done;
};

/**
 * struct aci_user_event - an eventfd that waits
 */
struct aci_user_event {
	/** @waiter: what for */
	struct aci_user_waiter waiter;
	/** @node: in a list of those to signal */
	struct list_head node;
	/** @ctx: the eventfd */
	struct eventfd_ctx *ctx;
};

static bool aci_user_waiter_less(struct rb_node *a, const struct rb_node *b)
{
	return rb_entry(a, struct aci_user_waiter, node)->count <
	       rb_entry(b, struct aci_user_waiter, node)->count;
}

static struct aci_user_waiter *aci_user_waiter_first(struct aci_user_queue *user)
{
	struct rb_node *node = rb_first_cached(&user->waiters);

	return node ? rb_entry(node, struct aci_user_waiter, node) : NULL;
}

/* It stays held until the reset. */
static void aci_user_queue_defy_locked(struct aci_user_queue *user, const char *why)
{
	user->base.state = ACI_QUEUE_HELD;
	user->base.defies = true;
	aci_reset_request(user->base.adev, why);
}

/**
 * aci_user_queue_stop_locked() - the queue halted
 * @user: queue
 * @status: ACI_STATUS_*
 * @index: descriptor that failed
 * @info: as the card says
 *
 * The caller serves the waiters.
 */
void aci_user_queue_stop_locked(struct aci_user_queue *user, u32 status, u64 index, u64 info)
{
	struct aci_queue *queue = &user->base;

	user->stopped = true;
	queue->error.status = status;
	queue->error.index = index;
	queue->error.info = info;
	if (status != ACI_STATUS_CARD_RESET) {
		queue->error.count++;
		queue->guilty = true;
		/* Under the lock, so that it is not queued for a dead queue. */
		if (queue->state == ACI_QUEUE_LIVE)
			queue_work(queue->adev->wq, &queue->recover_work);
	}
	trace_aci_queue_fault(queue, status, index, info);
	drm_dbg(&queue->adev->drm, "user queue %u: status %#x at %llu, info %#llx\n", queue->id,
		status, index, info);
}

/**
 * aci_user_queue_look_locked() - read the record
 * @user: queue
 */
void aci_user_queue_look_locked(struct aci_user_queue *user)
{
	struct aci_queue *queue = &user->base;
	struct aci_queue_record *record = queue->record;
	u64 completed;
	u32 state;

	if (queue->state != ACI_QUEUE_LIVE || user->stopped)
		return;
	state = le32_to_cpu(READ_ONCE(record->state));
	/* The card stores the rest of the record before the state. */
	dma_rmb();
	completed = le64_to_cpu(READ_ONCE(record->completed));
	/* How far it may have come the kernel does not know: the tail is the user's. */
	if (unlikely((s64)(completed - queue->completed) < 0)) {
		queue->misbehaved = true;
		aci_user_queue_defy_locked(user, "count of a user queue's record went back");
		return;
	}
	queue->completed = completed;
	/* What the descriptors wrote is read after this. */
	dma_rmb();
	if (state == ACI_QUEUE_STATE_ERROR)
		aci_user_queue_stop_locked(user, (le32_to_cpu(record->error) & 0xffff) ?:
					   ACI_STATUS_INTERNAL, le64_to_cpu(record->error_index),
					   le64_to_cpu(record->error_info));
}

static bool aci_user_queue_is_over_locked(const struct aci_user_queue *user, u64 count,
					  int *result)
{
	const struct aci_queue *queue = &user->base;

	*result = 0;
	if (queue->state == ACI_QUEUE_DEAD)
		*result = user->end_error;
	else if (queue->completed < count)
		*result = -EIO;
	return *result != -EIO || user->stopped;
}

static void aci_user_queue_remove_locked(struct aci_user_queue *user,
					 struct aci_user_waiter *waiter)
{
	rb_erase_cached(&waiter->node, &user->waiters);
	if (!waiter->task)
		user->event_count--;
}

/* Take the first waiter if its wait is over. */
static bool aci_user_queue_serve_first_locked(struct aci_user_queue *user,
					      struct list_head *events)
{
	struct aci_user_waiter *waiter = aci_user_waiter_first(user);
	int result;

	if (!waiter || !aci_user_queue_is_over_locked(user, waiter->count, &result))
		return false;
	aci_user_queue_remove_locked(user, waiter);
	waiter->result = result;
	WRITE_ONCE(waiter->done, true);
	/* The sleeper takes the lock before it goes. */
	if (waiter->task)
		wake_up_process(waiter->task);
	else
		list_add_tail(&container_of(waiter, struct aci_user_event, waiter)->node, events);
	return true;
}

/*
 * Wake whose wait is over, and have the card tell when the next one's is. Each
 * round but the last has served a waiter, or armed for another one.
 */
static void aci_user_queue_serve_locked(struct aci_user_queue *user, struct list_head *events)
{
	struct aci_queue *queue = &user->base;
	struct aci_user_waiter *first;

	for (;;) {
		aci_user_queue_look_locked(user);
		while (aci_user_queue_serve_first_locked(user, events))
			;
		first = aci_user_waiter_first(user);
		if (!first || queue->state != ACI_QUEUE_LIVE || queue->armed == first->count)
			return;
		queue->armed = first->count;
		WRITE_ONCE(queue->record->notify_at, cpu_to_le64(queue->armed));
		/* Store notify_at, then load completed; the card does the reverse. */
		mb();
	}
}

/* Without the lock of the queue: whoever polls the eventfd is called back. */
static void aci_user_events_signal(struct list_head *events)
{
	struct aci_user_event *event, *next;

	list_for_each_entry_safe(event, next, events, node) {
		eventfd_signal(event->ctx);
		eventfd_ctx_put(event->ctx);
		kfree(event);
	}
}

/**
 * aci_user_queue_process() - see how far the card is, serve the waiters
 * @queue: user queue
 * @took_entry: an entry of the queue was taken from its notification ring
 *
 * Interrupt handler or process context.
 */
void aci_user_queue_process(struct aci_queue *queue, bool took_entry)
{
	unsigned long flags;
	LIST_HEAD(events);

	spin_lock_irqsave(&queue->lock, flags);
	if (took_entry && queue->state != ACI_QUEUE_DEAD)
		aci_queue_take_entry_locked(queue);
	aci_user_queue_serve_locked(to_aci_user_queue(queue), &events);
	spin_unlock_irqrestore(&queue->lock, flags);
	aci_user_events_signal(&events);
}

/* While somebody waits: finds a watchdog that sleeps, and lost interrupts. */
static void aci_user_queue_arm_timer_locked(struct aci_user_queue *user)
{
	struct aci_queue *queue = &user->base;

	if (queue->timer_armed || queue->state != ACI_QUEUE_LIVE || user->stopped ||
	    !aci_user_waiter_first(user))
		return;
	queue->timer_armed = true;
	queue_delayed_work(queue->adev->wq, &queue->timeout_work,
			   msecs_to_jiffies(queue->timeout_ms + queue->adev->caps.active_ms));
}

/**
 * aci_user_queue_go_live() - the queue is no longer held
 * @user: queue; the caller has settled what the kernel knows of it
 */
void aci_user_queue_go_live(struct aci_user_queue *user)
{
	struct aci_queue *queue = &user->base;

	spin_lock_irq(&queue->lock);
	if (queue->state == ACI_QUEUE_HELD)
		queue->state = ACI_QUEUE_LIVE;
	queue->misbehaved = false;
	/* The card has forgotten what it was armed for, and its watchdog starts anew. */
	queue->armed = 0;
	user->seen_active_ns = le64_to_cpu(READ_ONCE(queue->record->active_ns));
	aci_user_queue_arm_timer_locked(user);
	spin_unlock_irq(&queue->lock);
	aci_user_queue_process(queue, false);
}

/* The card stops a queue that makes no progress; if it does not, it is reset. */
static void aci_user_queue_check_progress_locked(struct aci_user_queue *user)
{
	const struct aci_queue_record *record = user->base.record;
	u64 progress = le64_to_cpu(READ_ONCE(record->progress));
	u64 active_ns = le64_to_cpu(READ_ONCE(record->active_ns));
	u64 limit_ns = (u64)user->base.timeout_ms * ACI_USER_WATCHDOG_FACTOR * NSEC_PER_MSEC;

	if (progress != user->seen_progress || user->base.completed != user->seen_completed ||
	    active_ns < user->seen_active_ns) {
		user->seen_progress = progress;
		user->seen_completed = user->base.completed;
		user->seen_active_ns = active_ns;
	} else if (active_ns - user->seen_active_ns > limit_ns) {
		aci_user_queue_defy_locked(user, "watchdog did not stop a user queue");
	}
}

/**
 * aci_user_queue_watch_work() - look after a user queue that somebody waits for
 * @work: aci_queue.timeout_work
 */
void aci_user_queue_watch_work(struct work_struct *work)
{
	struct aci_queue *queue = container_of(to_delayed_work(work), struct aci_queue,
					       timeout_work);
	struct aci_user_queue *user = to_aci_user_queue(queue);

	/* Of an interrupt that was lost: until it is taken the card posts no other. */
	aci_irq_drain(queue->adev, queue->vector);
	aci_user_queue_process(queue, false);
	spin_lock_irq(&queue->lock);
	queue->timer_armed = false;
	if (queue->state == ACI_QUEUE_LIVE && !user->stopped)
		aci_user_queue_check_progress_locked(user);
	aci_user_queue_arm_timer_locked(user);
	spin_unlock_irq(&queue->lock);
}

/**
 * aci_user_queue_lookup() - find a user queue of a file
 * @afile: file
 * @id: user's id
 *
 * Return: the queue with a reference; -ENOENT, -EINVAL for a kernel queue.
 */
struct aci_user_queue *aci_user_queue_lookup(struct aci_file *afile, u32 id)
{
	struct aci_queue *queue = aci_queue_lookup(afile, id);

	if (!queue)
		return ERR_PTR(-ENOENT);
	if (!queue->is_user) {
		aci_queue_put(queue);
		return ERR_PTR(-EINVAL);
	}
	return to_aci_user_queue(queue);
}

static void aci_user_queue_add_locked(struct aci_user_queue *user, struct aci_user_waiter *waiter,
				      struct list_head *events)
{
	rb_add_cached(&waiter->node, &user->waiters, aci_user_waiter_less);
	if (!waiter->task)
		user->event_count++;
	aci_user_queue_serve_locked(user, events);
	aci_user_queue_arm_timer_locked(user);
}

static int aci_user_waiter_sleep(const struct aci_user_waiter *waiter, s64 timeout_ns)
{
	ktime_t end = max_t(s64, timeout_ns, 0);
	int ret = 0;

	for (;;) {
		set_current_state(TASK_INTERRUPTIBLE);
		if (READ_ONCE(waiter->done))
			break;
		if (signal_pending(current)) {
			ret = -ERESTARTSYS;
			break;
		}
		if (!schedule_hrtimeout(&end, HRTIMER_MODE_ABS)) {
			ret = -ETIME;
			break;
		}
	}
	__set_current_state(TASK_RUNNING);
	return ret;
}

static int aci_user_queue_wait(struct aci_user_queue *user, struct drm_aci_queue_wait *args)
{
	struct aci_user_waiter waiter = { .count = args->count, .task = current };
	struct aci_queue *queue = &user->base;
	LIST_HEAD(events);
	int ret;

	spin_lock_irq(&queue->lock);
	aci_user_queue_add_locked(user, &waiter, &events);
	spin_unlock_irq(&queue->lock);
	aci_user_events_signal(&events);
	ret = aci_user_waiter_sleep(&waiter, args->timeout_ns);
	spin_lock_irq(&queue->lock);
	if (waiter.done)
		ret = waiter.result;
	else
		aci_user_queue_remove_locked(user, &waiter);
	args->completed = queue->completed;
	spin_unlock_irq(&queue->lock);
	return ret;
}

/**
 * aci_queue_wait_ioctl() - DRM_IOCTL_ACI_QUEUE_WAIT
 * @drm: device
 * @data: struct drm_aci_queue_wait
 * @file: caller
 *
 * Outside drm_dev_enter(): the queue's end, removal included, ends the wait.
 *
 * Return: 0 or a negative error.
 */
int aci_queue_wait_ioctl(struct drm_device *drm, void *data, struct drm_file *file)
{
	struct drm_aci_queue_wait *args = data;
	struct aci_user_queue *user;
	int ret;

	if (args->flags)
		return -EINVAL;
	user = aci_user_queue_lookup(file->driver_priv, args->queue_id);
	if (IS_ERR(user))
		return PTR_ERR(user);
	ret = aci_user_queue_wait(user, args);
	aci_queue_put(&user->base);
	return ret;
}

static int aci_user_queue_add_event(struct aci_user_queue *user, struct aci_user_event *event)
{
	struct aci_queue *queue = &user->base;
	LIST_HEAD(events);
	int ret = 0;

	spin_lock_irq(&queue->lock);
	if (user->event_count >= ACI_USER_EVENTS_MAX)
		ret = -EBUSY;
	else
		aci_user_queue_add_locked(user, &event->waiter, &events);
	spin_unlock_irq(&queue->lock);
	aci_user_events_signal(&events);
	return ret;
}

/**
 * aci_queue_eventfd_ioctl() - DRM_IOCTL_ACI_QUEUE_EVENTFD
 * @drm: device
 * @data: struct drm_aci_queue_eventfd
 * @file: caller
 *
 * Return: 0 or a negative error.
 */
int aci_queue_eventfd_ioctl(struct drm_device *drm, void *data, struct drm_file *file)
{
	struct drm_aci_queue_eventfd *args = data;
	struct aci_user_event *event;
	struct aci_user_queue *user;
	int ret;

	if (args->flags || args->pad)
		return -EINVAL;
	event = kzalloc_obj(*event, GFP_KERNEL_ACCOUNT);
	if (!event)
		return -ENOMEM;
	event->waiter.count = args->count;
	event->ctx = eventfd_ctx_fdget(args->fd);
	if (IS_ERR(event->ctx)) {
		ret = PTR_ERR(event->ctx);
		goto err_event;
	}
	user = aci_user_queue_lookup(file->driver_priv, args->queue_id);
	ret = PTR_ERR_OR_ZERO(user);
	if (ret)
		goto err_ctx;
	/* From here on the event may be gone, if it was taken. */
	ret = aci_user_queue_add_event(user, event);
	aci_queue_put(&user->base);
	if (!ret)
		return 0;
err_ctx:
	eventfd_ctx_put(event->ctx);
err_event:
	kfree(event);
	return ret;
}
