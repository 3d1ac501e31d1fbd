// SPDX-License-Identifier: GPL-2.0
/*
 * User queues: submission without a system call, waits, stops and resumption,
 * the mapped pages.
 */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/time.h>

#include "aci_harness.h"
#include "aci_user.h"

#define BAD_OPCODE	0xee
#define LONG_MS		600000
#define MS		1000000ll
#define EVENTS_MAX	256

FIXTURE(user_queue) {
	struct aci_ctx ctx;
	struct aci_buf buf;
	struct uq uq;
};

FIXTURE_SETUP(user_queue)
{
	ASSERT_OK(uctx_init(&self->ctx, 0));
	ASSERT_OK(aci_buf_init(&self->ctx, &self->buf, KIB(64), DRM_ACI_PLACEMENT_HOST, 0));
	ASSERT_OK(uq_init(&self->uq, &self->ctx, ACI_ENGINE_CLASS_COPY, UQ_TIMEOUT_MS));
}

FIXTURE_TEARDOWN(user_queue)
{
	uq_unmap(&self->uq);
	aci_ctx_fini(&self->ctx);
}

static struct aci_desc desc_bad(void)
{
	return (struct aci_desc){ .opcode = BAD_OPCODE };
}

/* A descriptor that blocks until word @index of the buffer is @value. */
static struct aci_desc desc_gate(const struct aci_buf *buf, unsigned int index, __u64 value)
{
	return desc_wait(buf->va + index * 8, value, 0);
}

static void gate_open(const struct aci_buf *buf, unsigned int index, __u64 value)
{
	((volatile __u64 *)buf->map)[index] = value;
}

/* --- Execution --- */

TEST_F(user_queue, runs_descriptors_in_order)
{
	struct drm_aci_query_queue state;
	__u64 count = 0, i;

	for (i = 0; i < 200; i++) {
		count = uq_push(&self->uq, desc_fill(self->buf.va, KIB(64), i, 8));
		if (i % 50 == 49)
			ASSERT_OK(uq_wait(&self->uq, count));
	}
	EXPECT_EQ(200, count);
	EXPECT_EQ(199, ((volatile __u64 *)self->buf.map)[KIB(64) / 8 - 1]);
	EXPECT_EQ(200, self->uq.page->completed);
	ASSERT_OK(uq_state(&self->uq, &state));
	EXPECT_EQ(0, state.flags);
	EXPECT_EQ(ACI_QUEUE_STATE_RUNNING, state.state);
	EXPECT_EQ(200, state.completed);
	EXPECT_EQ(0, state.submitted);
	EXPECT_EQ(0, state.error);
	EXPECT_EQ(200 * KIB(64), state.bytes);
	EXPECT_LT(0, state.active_ns);
}

TEST_F(user_queue, all_ring_sizes)
{
	struct drm_aci_query_device device;
	struct drm_aci_queue_create create;
	__u32 entries, i;
	struct uq uq;

	ASSERT_OK(aci_query(self->ctx.fd, DRM_ACI_QUERY_DEVICE, 0, &device, sizeof(device)));
	for (entries = 64; entries <= device.ring_entries_max; entries *= 4) {
		ASSERT_OK(uq_describe(&uq, &self->ctx, ACI_ENGINE_CLASS_COPY, entries, &create));
		ASSERT_OK(uq_create(&uq, &create));
		for (i = 0; i < entries - 1; i++)
			uq_put(&uq, desc_nop());
		uq_put(&uq, desc_fill(self->buf.va, 8, entries, 8));
		uq_tell(&uq);
		EXPECT_OK(uq_wait(&uq, uq.tail));
		EXPECT_EQ(entries, *(volatile __u64 *)self->buf.map);
		ASSERT_OK(uq_destroy(&uq));
		uq_unmap(&uq);
		ASSERT_OK(aci_bo_close(self->ctx.fd, uq.handle));
	}
}

TEST_F(user_queue, all_classes_and_priorities)
{
	struct drm_aci_query_device device;
	struct drm_aci_queue_create create;
	__u32 engine_class, priority;
	struct uq uq;

	ASSERT_OK(aci_query(self->ctx.fd, DRM_ACI_QUERY_DEVICE, 0, &device, sizeof(device)));
	for (engine_class = 0; engine_class < device.engine_classes; engine_class++) {
		for (priority = 0; priority < device.priorities; priority++) {
			ASSERT_OK(uq_describe(&uq, &self->ctx, engine_class, UQ_ENTRIES, &create));
			create.priority = priority;
			ASSERT_OK(uq_create(&uq, &create));
			EXPECT_OK(uq_run(&uq, desc_nop()));
		}
	}
}

/* Ring in the middle of a BO, user page in another one, tail and ring filled before. */
TEST_F(user_queue, memory_filled_before_creation)
{
	struct drm_aci_queue_create create;
	struct aci_buf ring, page;
	struct uq uq = { .fd = self->ctx.fd, .entries = UQ_ENTRIES };

	ASSERT_OK(aci_buf_init(&self->ctx, &ring, KIB(16), DRM_ACI_PLACEMENT_HOST, 0));
	ASSERT_OK(aci_buf_init(&self->ctx, &page, KIB(8), DRM_ACI_PLACEMENT_HOST, 0));
	uq.ring = (void *)((char *)ring.map + KIB(8));
	uq.page = (void *)((char *)page.map + KIB(4));
	uq_put(&uq, desc_fill(self->buf.va, 8, 0x1234, 8));
	uq.page->tail = uq.tail;
	create = (struct drm_aci_queue_create){
		.vm_id = self->ctx.vm, .engine_class = ACI_ENGINE_CLASS_COPY,
		.priority = ACI_PRIORITY_NORMAL, .ring_entries = UQ_ENTRIES,
		.ring_handle = ring.handle, .ring_offset = KIB(8),
		.user_page_handle = page.handle, .user_page_offset = KIB(4),
	};
	ASSERT_OK(uq_create(&uq, &create));
	EXPECT_OK(uq_wait(&uq, 1));
	EXPECT_EQ(0x1234, *(volatile __u64 *)self->buf.map);
	uq_unmap(&uq);
}

/* The queue holds its memory, and its VM. */
TEST_F(user_queue, handle_closed_while_running)
{
	unsigned int i;

	ASSERT_OK(aci_bo_close(self->ctx.fd, self->uq.handle));
	EXPECT_EQ(-EBUSY, aci_vm_destroy(self->ctx.fd, self->ctx.vm));
	for (i = 0; i < 100; i++)
		ASSERT_OK(uq_run(&self->uq, desc_fill(self->buf.va, 8, i, 8)));
	EXPECT_EQ(99, *(volatile __u64 *)self->buf.map);
	ASSERT_OK(uq_destroy(&self->uq));
	EXPECT_OK(aci_vm_destroy(self->ctx.fd, self->ctx.vm));
}

/* One at a time with all kinds of gaps, so that the card goes to sleep in every phase. */
TEST_F(user_queue, no_wakeup_is_lost)
{
	unsigned int i;

	for (i = 0; i < 2000; i++) {
		__u64 end = now_ns() + (i * 37) % 100 * 1000;

		while (now_ns() < end)
			;
		ASSERT_OK(uq_run(&self->uq, desc_nop()));
	}
	EXPECT_EQ(2000, self->uq.page->completed);
}

/* --- Two threads --- */

struct producer {
	struct uq *uq;
	pthread_mutex_t *lock;
	__u64 va;
	int err;
};

static void *produce(void *data)
{
	struct producer *producer = data;
	unsigned int i;
	__u64 count;

	for (i = 1; i <= 500 && !producer->err; i++) {
		pthread_mutex_lock(producer->lock);
		count = uq_push(producer->uq, desc_fill(producer->va, 8, i, 8));
		pthread_mutex_unlock(producer->lock);
		/* Never more than two descriptors are on the ring, as there are two threads. */
		producer->err = uq_wait(producer->uq, count);
	}
	return NULL;
}

/* Producers take turns by a lock of their own; each waits for its own counts. */
TEST_F(user_queue, two_threads)
{
	pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	struct producer producers[2];
	pthread_t threads[2];
	unsigned int i;

	for (i = 0; i < 2; i++) {
		producers[i] = (struct producer){ &self->uq, &lock, self->buf.va + i * 8, 0 };
		ASSERT_OK(pthread_create(&threads[i], NULL, produce, &producers[i]));
	}
	for (i = 0; i < 2; i++)
		ASSERT_OK(pthread_join(threads[i], NULL));
	for (i = 0; i < 2; i++) {
		EXPECT_OK(producers[i].err);
		EXPECT_EQ(500, ((volatile __u64 *)self->buf.map)[i]);
	}
	EXPECT_EQ(1000, self->uq.page->completed);
}

/* --- Waits --- */

TEST_F(user_queue, wait_does_not_sleep_in_the_past)
{
	__u64 completed = 77;

	EXPECT_OK(uq_wait_until(&self->uq, 0, 0, &completed));
	EXPECT_EQ(0, completed);
	EXPECT_EQ(-ETIME, uq_wait_until(&self->uq, 1, 0, NULL));
	EXPECT_EQ(-ETIME, uq_wait_until(&self->uq, 1, -5, NULL));
	ASSERT_OK(uq_run(&self->uq, desc_nop()));
	EXPECT_OK(uq_wait_until(&self->uq, 1, 0, &completed));
	EXPECT_EQ(1, completed);
	EXPECT_EQ(-ETIME, uq_wait_until(&self->uq, ~0ull, 1, &completed));
	EXPECT_EQ(1, completed);
}

TEST_F(user_queue, wait_times_out)
{
	__u64 start = now_ns(), completed = 77;

	uq_push(&self->uq, desc_nop());
	uq_push(&self->uq, desc_gate(&self->buf, 0, 1));
	ASSERT_OK(uq_wait(&self->uq, 1));
	EXPECT_EQ(-ETIME, uq_wait_until(&self->uq, 2, start + 100 * MS, &completed));
	EXPECT_LE(100 * MS, now_ns() - start);
	EXPECT_EQ(1, completed);
	gate_open(&self->buf, 0, 1);
	EXPECT_OK(uq_wait(&self->uq, 2));
}

static volatile sig_atomic_t alarms;

static void on_alarm(int number)
{
	(void)number;
	alarms++;
}

static void alarm_every_ms(unsigned int ms, int flags)
{
	struct sigaction action = { .sa_handler = on_alarm, .sa_flags = flags };
	struct itimerval timer = { .it_value.tv_usec = ms * 1000, .it_interval.tv_usec = ms * 1000 };

	alarms = 0;
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &timer, NULL);
}

static void alarm_off(void)
{
	struct itimerval timer = { 0 };

	setitimer(ITIMER_REAL, &timer, NULL);
}

/* The time is absolute: signals do not put off its end. */
TEST_F(user_queue, wait_restarts_after_signals)
{
	__u64 start = now_ns();
	int err;

	alarm_every_ms(20, SA_RESTART);
	err = uq_wait_until(&self->uq, 1, start + 300 * MS, NULL);
	alarm_off();
	EXPECT_EQ(-ETIME, err);
	EXPECT_LT(1, alarms);
	EXPECT_LE(300 * MS, now_ns() - start);
}

TEST_F(user_queue, wait_is_interrupted)
{
	struct drm_aci_queue_wait wait = {
		.queue_id = self->uq.id, .count = 1, .timeout_ns = INT64_MAX,
	};
	int err;

	alarm_every_ms(20, 0);
	err = ioctl(self->ctx.fd, DRM_IOCTL_ACI_QUEUE_WAIT, &wait) ? -errno : 0;
	alarm_off();
	EXPECT_EQ(-EINTR, err);
}

struct sleeper {
	struct uq *uq;
	__u64 count;
	int err;
	pthread_t thread;
};

static void *sleep_on_queue(void *data)
{
	struct sleeper *sleeper = data;

	sleeper->err = uq_wait_until(sleeper->uq, sleeper->count, INT64_MAX, NULL);
	return NULL;
}

static int sleeper_start(struct sleeper *sleeper, struct uq *uq, __u64 count)
{
	sleeper->uq = uq;
	sleeper->count = count;
	return pthread_create(&sleeper->thread, NULL, sleep_on_queue, sleeper);
}

static int sleeper_end(struct sleeper *sleeper)
{
	pthread_join(sleeper->thread, NULL);
	return sleeper->err;
}

/* Each is woken for its own count, whatever the order in which they came. */
TEST_F(user_queue, several_waiters)
{
	static const __u64 counts[] = { 3, 1, 4, 2, 4, 1 };
	struct sleeper sleepers[ARRAY_SIZE(counts)];
	unsigned int i, gate;

	for (gate = 0; gate < 4; gate++)
		uq_push(&self->uq, desc_gate(&self->buf, gate, 1));
	for (i = 0; i < ARRAY_SIZE(counts); i++)
		ASSERT_OK(sleeper_start(&sleepers[i], &self->uq, counts[i]));
	for (gate = 0; gate < 4; gate++) {
		EXPECT_EQ(-ETIME, uq_wait_until(&self->uq, gate + 1, now_ns() + 20 * MS, NULL));
		gate_open(&self->buf, gate, 1);
		for (i = 0; i < ARRAY_SIZE(counts); i++)
			if (counts[i] == gate + 1)
				EXPECT_OK(sleeper_end(&sleepers[i]));
	}
}

TEST_F(user_queue, destruction_ends_waits)
{
	struct sleeper sleepers[2];

	uq_push(&self->uq, desc_gate(&self->buf, 0, 1));
	ASSERT_OK(sleeper_start(&sleepers[0], &self->uq, 1));
	ASSERT_OK(sleeper_start(&sleepers[1], &self->uq, 99));
	EXPECT_EQ(-ETIME, uq_wait_until(&self->uq, 1, now_ns() + 50 * MS, NULL));
	ASSERT_OK(uq_destroy(&self->uq));
	EXPECT_EQ(-ENOENT, sleeper_end(&sleepers[0]));
	EXPECT_EQ(-ENOENT, sleeper_end(&sleepers[1]));
	EXPECT_EQ(-ENOENT, uq_wait(&self->uq, 1));
}

/* --- Eventfds --- */

static __u64 eventfd_take(int fd, int timeout_ms)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
	__u64 value = 0;

	if (poll(&poll_fd, 1, timeout_ms) != 1 || read(fd, &value, 8) != 8)
		return 0;
	return value;
}

TEST_F(user_queue, eventfd_is_told_once)
{
	int limit_ms = (int)(aci_wait_ns() / MS);
	int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);

	ASSERT_LE(0, fd);
	uq_push(&self->uq, desc_gate(&self->buf, 0, 1));
	uq_push(&self->uq, desc_gate(&self->buf, 1, 1));
	ASSERT_OK(uq_eventfd(&self->uq, fd, 1));
	EXPECT_EQ(0, eventfd_take(fd, 20));
	gate_open(&self->buf, 0, 1);
	EXPECT_EQ(1, eventfd_take(fd, limit_ms));
	gate_open(&self->buf, 1, 1);
	ASSERT_OK(uq_wait(&self->uq, 2));
	EXPECT_EQ(0, eventfd_take(fd, 20));
	/* At once for what is done. */
	ASSERT_OK(uq_eventfd(&self->uq, fd, 2));
	EXPECT_EQ(1, eventfd_take(fd, 0));
	close(fd);
}

TEST_F(user_queue, eventfd_is_told_of_the_end)
{
	int limit_ms = (int)(aci_wait_ns() / MS);
	int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);

	ASSERT_LE(0, fd);
	ASSERT_OK(uq_eventfd(&self->uq, fd, 100));
	uq_push(&self->uq, desc_bad());
	EXPECT_EQ(1, eventfd_take(fd, limit_ms));
	/* A stopped queue gets nowhere. */
	ASSERT_OK(uq_eventfd(&self->uq, fd, 100));
	EXPECT_EQ(1, eventfd_take(fd, 0));
	ASSERT_OK(uq_resume(&self->uq, 1));
	ASSERT_OK(uq_eventfd(&self->uq, fd, 100));
	EXPECT_EQ(0, eventfd_take(fd, 20));
	ASSERT_OK(uq_destroy(&self->uq));
	EXPECT_EQ(1, eventfd_take(fd, limit_ms));
	close(fd);
}

TEST_F(user_queue, eventfds_are_limited)
{
	int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	unsigned int i;

	ASSERT_LE(0, fd);
	for (i = 0; i < EVENTS_MAX; i++)
		ASSERT_OK(uq_eventfd(&self->uq, fd, 1));
	EXPECT_EQ(-EBUSY, uq_eventfd(&self->uq, fd, 1));
	ASSERT_OK(uq_run(&self->uq, desc_nop()));
	EXPECT_EQ(EVENTS_MAX, eventfd_take(fd, (int)(aci_wait_ns() / MS)));
	ASSERT_OK(uq_eventfd(&self->uq, fd, 2));
	/* Left over: the close of the file ends it. */
	close(fd);
}

/* --- Stop and resumption --- */

TEST_F(user_queue, error_stops_it_and_says_why)
{
	struct drm_aci_query_queue state;
	struct sleeper sleeper;
	__u64 completed;

	uq_push(&self->uq, desc_gate(&self->buf, 0, 1));
	ASSERT_OK(sleeper_start(&sleeper, &self->uq, 3));
	uq_push(&self->uq, desc_bad());
	uq_push(&self->uq, desc_fill(self->buf.va + 8, 8, 1, 8));
	gate_open(&self->buf, 0, 1);
	EXPECT_EQ(-EIO, sleeper_end(&sleeper));
	EXPECT_EQ(-EIO, uq_wait_until(&self->uq, 2, 0, &completed));
	EXPECT_EQ(1, completed);
	EXPECT_OK(uq_wait_until(&self->uq, 1, 0, NULL));
	ASSERT_OK(uq_state(&self->uq, &state));
	EXPECT_EQ(DRM_ACI_QUEUE_GUILTY, state.flags);
	EXPECT_EQ(ACI_QUEUE_STATE_ERROR, state.state);
	EXPECT_EQ(ACI_STATUS_DESC_OPCODE, state.error);
	EXPECT_EQ(1, state.error_index);
	EXPECT_EQ(1, state.error_count);
	EXPECT_EQ(1, state.completed);
	EXPECT_EQ(ACI_QUEUE_STATE_ERROR, self->uq.page->state);
	EXPECT_EQ(ACI_STATUS_DESC_OPCODE, self->uq.page->error);
	EXPECT_EQ(0, ((volatile __u64 *)self->buf.map)[1]);
}

TEST_F(user_queue, resume_tries_again_or_skips)
{
	struct drm_aci_query_queue state;

	uq_push(&self->uq, desc_bad());
	ASSERT_EQ(-EIO, uq_wait(&self->uq, 1));
	/* The same once more. */
	ASSERT_OK(uq_resume(&self->uq, 0));
	EXPECT_EQ(-EIO, uq_wait(&self->uq, 1));
	/* Mended. */
	self->uq.ring[0] = desc_fill(self->buf.va, 8, 5, 8);
	ASSERT_OK(uq_resume(&self->uq, 0));
	EXPECT_OK(uq_wait(&self->uq, 1));
	EXPECT_EQ(5, *(volatile __u64 *)self->buf.map);
	/* Skipped. */
	uq_push(&self->uq, desc_bad());
	uq_push(&self->uq, desc_fill(self->buf.va, 8, 6, 8));
	ASSERT_EQ(-EIO, uq_wait(&self->uq, 3));
	ASSERT_OK(uq_resume(&self->uq, 2));
	EXPECT_OK(uq_wait(&self->uq, 3));
	EXPECT_EQ(6, *(volatile __u64 *)self->buf.map);
	ASSERT_OK(uq_state(&self->uq, &state));
	EXPECT_EQ(ACI_QUEUE_STATE_RUNNING, state.state);
	EXPECT_EQ(3, state.error_count);
	EXPECT_EQ(3, state.completed);
}

TEST_F(user_queue, watchdog_stops_a_hang)
{
	struct drm_aci_query_queue state;

	ASSERT_OK(card_ctl("hang next", NULL, 0));
	EXPECT_EQ(-EIO, uq_run(&self->uq, desc_nop()));
	ASSERT_OK(uq_state(&self->uq, &state));
	EXPECT_EQ(ACI_STATUS_WATCHDOG, state.error);
	EXPECT_EQ(DRM_ACI_QUEUE_GUILTY, state.flags);
	ASSERT_OK(uq_resume(&self->uq, 0));
	EXPECT_OK(uq_wait(&self->uq, 1));
}

/* A blocked WAIT uses no engine time. */
TEST_F(user_queue, watchdog_lets_waits_alone)
{
	uq_push(&self->uq, desc_gate(&self->buf, 0, 1));
	EXPECT_EQ(-ETIME, uq_wait_until(&self->uq, 1, now_ns() + 4 * UQ_TIMEOUT_MS * MS, NULL));
	gate_open(&self->buf, 0, 1);
	EXPECT_OK(uq_wait(&self->uq, 1));
}

TEST_F(user_queue, destroyed_while_it_hangs)
{
	struct uq hung;

	ASSERT_OK(uq_init(&hung, &self->ctx, ACI_ENGINE_CLASS_COPY, LONG_MS));
	ASSERT_OK(card_ctl("hang next", NULL, 0));
	uq_push(&hung, desc_nop());
	while (!card_engine_busy("copy"))
		;
	EXPECT_OK(uq_destroy(&hung));
	EXPECT_OK(uq_run(&self->uq, desc_nop()));
	uq_unmap(&hung);
}

TEST_F(user_queue, resume_refusals)
{
	struct drm_aci_queue_resume resume = { .queue_id = self->uq.id, .flags = 1 };

	EXPECT_EQ(-EBUSY, uq_resume(&self->uq, 0));
	ASSERT_OK(uq_run(&self->uq, desc_nop()));
	uq_push(&self->uq, desc_bad());
	ASSERT_EQ(-EIO, uq_wait(&self->uq, 2));
	EXPECT_EQ(-EINVAL, aci_ioctl(self->ctx.fd, DRM_IOCTL_ACI_QUEUE_RESUME, &resume));
	EXPECT_EQ(-EINVAL, uq_resume(&self->uq, 0));
	EXPECT_EQ(-EINVAL, uq_resume(&self->uq, 1 + UQ_ENTRIES + 1));
	EXPECT_EQ(-EINVAL, uq_resume(&self->uq, ~0ull));
	EXPECT_OK(uq_resume(&self->uq, 2));
	EXPECT_EQ(-EBUSY, uq_resume(&self->uq, 2));
	EXPECT_OK(uq_run(&self->uq, desc_nop()));
}

/* --- Refusals of the other ioctls --- */

TEST_F(user_queue, wait_refusals)
{
	struct drm_aci_queue_wait wait = { .queue_id = self->uq.id };

	EXPECT_OK(aci_ioctl(self->ctx.fd, DRM_IOCTL_ACI_QUEUE_WAIT, &wait));
	wait.flags = 1;
	EXPECT_EQ(-EINVAL, aci_ioctl(self->ctx.fd, DRM_IOCTL_ACI_QUEUE_WAIT, &wait));
	wait = (struct drm_aci_queue_wait){ .queue_id = self->uq.id + 100 };
	EXPECT_EQ(-ENOENT, aci_ioctl(self->ctx.fd, DRM_IOCTL_ACI_QUEUE_WAIT, &wait));
}

TEST_F(user_queue, eventfd_refusals)
{
	struct drm_aci_queue_eventfd good = { .queue_id = self->uq.id }, bad;
	int file = open("/dev/null", O_RDWR | O_CLOEXEC);

	good.fd = eventfd(0, EFD_CLOEXEC);
	ASSERT_LE(0, good.fd);
	EXPECT_OK(aci_ioctl(self->ctx.fd, DRM_IOCTL_ACI_QUEUE_EVENTFD, &good));
	bad = good;
	bad.flags = 1;
	EXPECT_EQ(-EINVAL, aci_ioctl(self->ctx.fd, DRM_IOCTL_ACI_QUEUE_EVENTFD, &bad));
	bad = good;
	bad.pad = 1;
	EXPECT_EQ(-EINVAL, aci_ioctl(self->ctx.fd, DRM_IOCTL_ACI_QUEUE_EVENTFD, &bad));
	bad = good;
	bad.fd = -1;
	EXPECT_EQ(-EBADF, aci_ioctl(self->ctx.fd, DRM_IOCTL_ACI_QUEUE_EVENTFD, &bad));
	bad.fd = file;
	EXPECT_EQ(-EINVAL, aci_ioctl(self->ctx.fd, DRM_IOCTL_ACI_QUEUE_EVENTFD, &bad));
	bad = good;
	bad.queue_id += 100;
	EXPECT_EQ(-ENOENT, aci_ioctl(self->ctx.fd, DRM_IOCTL_ACI_QUEUE_EVENTFD, &bad));
	close(good.fd);
	close(file);
}

TEST_F(user_queue, submit_is_refused)
{
	struct aci_desc nop = desc_nop();

	EXPECT_EQ(-EINVAL, aci_submit(self->ctx.fd, self->uq.id, &nop, 1, NULL, 0));
	EXPECT_OK(uq_run(&self->uq, nop));
}

TEST_F(user_queue, kernel_queue_is_refused)
{
	struct aci_ctx ctx;
	struct uq uq;
	int fd;

	ASSERT_OK(aci_ctx_init(&ctx, 0, ACI_ENGINE_CLASS_COPY, 0));
	uq = (struct uq){ .fd = ctx.fd, .id = ctx.queue };
	fd = eventfd(0, EFD_CLOEXEC);
	ASSERT_LE(0, fd);
	EXPECT_EQ(-EINVAL, uq_wait_until(&uq, 0, 0, NULL));
	EXPECT_EQ(-EINVAL, uq_eventfd(&uq, fd, 0));
	EXPECT_EQ(-EINVAL, uq_resume(&uq, 0));
	EXPECT_OK(aci_run_one(&ctx, desc_nop()));
	close(fd);
	aci_ctx_fini(&ctx);
}

/* Ids of a queue mean nothing in another file. */
TEST_F(user_queue, other_file_is_refused)
{
	int event = eventfd(0, EFD_CLOEXEC);
	struct aci_ctx other;
	struct uq uq;

	ASSERT_LE(0, event);
	ASSERT_OK(uctx_init(&other, 0));
	uq = (struct uq){ .fd = other.fd, .id = self->uq.id };
	EXPECT_EQ(-ENOENT, uq_wait_until(&uq, 0, 0, NULL));
	EXPECT_EQ(-ENOENT, uq_eventfd(&uq, event, 0));
	EXPECT_EQ(-ENOENT, uq_resume(&uq, 0));
	close(event);
	aci_ctx_fini(&other);
}

/* --- Mapped pages --- */

TEST_F(user_queue, pages_are_mapped_one_way_only)
{
	int fd = self->ctx.fd, rw = PROT_READ | PROT_WRITE;
	off_t at = (off_t)self->uq.doorbell_offset;

#define REFUSED(error, ...) do {							\
		void *map_ = mmap(NULL, __VA_ARGS__);					\
											\
		EXPECT_EQ(MAP_FAILED, map_);						\
		EXPECT_EQ(error, errno);						\
	} while (0)
	REFUSED(EINVAL, ACI_TEST_PAGE, rw, MAP_PRIVATE, fd, at);
	REFUSED(EINVAL, ACI_TEST_PAGE, PROT_READ, MAP_SHARED, fd, at);
	REFUSED(EINVAL, 2 * ACI_TEST_PAGE, rw, MAP_SHARED, fd, at);
	/* A queue id that nobody has; past the last one there is nothing at all. */
	REFUSED(EINVAL, ACI_TEST_PAGE, rw, MAP_SHARED, fd, at + 2 * 1000 * ACI_TEST_PAGE);
	REFUSED(EINVAL, ACI_TEST_PAGE, rw, MAP_SHARED, fd, at + 2 * 0x10000 * ACI_TEST_PAGE);
#undef REFUSED
	EXPECT_OK(uq_run(&self->uq, desc_nop()));
}

TEST_F(user_queue, pages_are_of_one_file)
{
	volatile __u32 *page;
	struct aci_ctx other;

	ASSERT_OK(uctx_init(&other, 0));
	EXPECT_EQ(-EACCES, uq_map_page(other.fd, self->uq.doorbell_offset, &page));
	if (self->uq.kick_offset)
		EXPECT_EQ(-EACCES, uq_map_page(other.fd, self->uq.kick_offset, &page));
	aci_ctx_fini(&other);
}

/* What is written to the page of a dead queue goes nowhere; its successor has its own. */
TEST_F(user_queue, pages_of_a_dead_queue)
{
	volatile __u32 *doorbell = self->uq.doorbell, *kick = self->uq.kick, *page;
	struct uq next;

	ASSERT_OK(uq_run(&self->uq, desc_nop()));
	ASSERT_OK(uq_destroy(&self->uq));
	if (kick)
		*kick = 1;
	*doorbell = 0x5a5a;
	EXPECT_EQ(0x5a5a, *doorbell);
	EXPECT_EQ(-EINVAL, uq_map_page(self->ctx.fd, self->uq.doorbell_offset, &page));
	/* The lowest free id is the same again. */
	ASSERT_OK(uq_init(&next, &self->ctx, ACI_ENGINE_CLASS_COPY, 0));
	EXPECT_EQ(self->uq.doorbell_offset, next.doorbell_offset);
	EXPECT_EQ(0x5a5a, *doorbell);
	EXPECT_OK(uq_run(&next, desc_nop()));
	EXPECT_EQ(0x5a5a, *doorbell);
	uq_unmap(&next);
}

/* A mapping outlives its file. */
TEST_F(user_queue, pages_after_close)
{
	close(self->ctx.fd);
	self->ctx.fd = -1;
	*self->uq.doorbell = 1;
	if (self->uq.kick)
		*self->uq.kick = 1;
	/* The mappings hold the file, and so the queue. */
	uq_push(&self->uq, desc_fill(self->buf.va, 8, 9, 8));
	while (self->uq.page->completed < 1)
		;
	EXPECT_EQ(9, *(volatile __u64 *)self->buf.map);
}

/* How a child ends that touches a page. */
static int child_end(struct uq *uq, bool kick)
{
	int status;
	pid_t child = fork();

	if (!child) {
		signal(SIGSEGV, SIG_DFL);
		if (kick)
			*uq->kick = 0;
		else
			*uq->doorbell = 0;
		_exit(0);
	}
	if (child < 0 || waitpid(child, &status, 0) != child)
		return -1;
	return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

TEST_F(user_queue, child_has_no_doorbell)
{
	EXPECT_EQ(SIGSEGV, child_end(&self->uq, false));
	if (self->uq.kick)
		EXPECT_EQ(SIGSEGV, child_end(&self->uq, true));
	EXPECT_OK(uq_run(&self->uq, desc_nop()));
}

/* The file is inherited: whoever has it may map the page again. */
TEST_F(user_queue, child_may_map_it)
{
	int status;
	pid_t child = fork();

	ASSERT_LE(0, child);
	if (!child) {
		volatile __u32 *page;

		if (uq_map_page(self->ctx.fd, self->uq.doorbell_offset, &page))
			_exit(1);
		self->uq.doorbell = page;
		if (self->uq.kick_offset && uq_map_page(self->ctx.fd, self->uq.kick_offset, &page))
			_exit(2);
		if (self->uq.kick_offset)
			self->uq.kick = page;
		_exit(uq_run(&self->uq, desc_nop()) ? 3 : 0);
	}
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_EQ(1, self->uq.page->completed);
}

/* The pages go with the old program; the file, not inherited, takes the queue along. */
TEST_F(user_queue, exec_ends_it)
{
	struct drm_aci_query_device before, after;
	__u64 end;
	int status;
	pid_t child;

	ASSERT_OK(aci_query(self->ctx.fd, DRM_ACI_QUERY_DEVICE, 0, &before, sizeof(before)));
	child = fork();
	ASSERT_LE(0, child);
	if (!child) {
		struct aci_ctx ctx;
		struct aci_buf card;
		struct uq uq;

		if (uctx_init(&ctx, 0) ||
		    aci_buf_init(&ctx, &card, MIB(8), DRM_ACI_PLACEMENT_CARD, 0) ||
		    uq_init(&uq, &ctx, ACI_ENGINE_CLASS_COPY, 0))
			_exit(1);
		uq_push(&uq, desc_wait(card.va, 1, 0));
		execl("/bin/true", "true", NULL);
		_exit(2);
	}
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_EQ(0, status);
	end = now_ns() + aci_wait_ns();
	do {
		ASSERT_OK(aci_query(self->ctx.fd, DRM_ACI_QUERY_DEVICE, 0, &after, sizeof(after)));
	} while (after.card_memory_free_bytes != before.card_memory_free_bytes && now_ns() < end);
	EXPECT_EQ(before.card_memory_free_bytes, after.card_memory_free_bytes);
}

/* Killed with a queue that hangs and a thread that waits for it. */
TEST_F(user_queue, killed_while_it_hangs)
{
	struct drm_aci_query_device before, after;
	int ready[2], status;
	__u64 end;
	pid_t child;
	char c;

	ASSERT_OK(aci_query(self->ctx.fd, DRM_ACI_QUERY_DEVICE, 0, &before, sizeof(before)));
	ASSERT_OK(pipe(ready));
	child = fork();
	ASSERT_LE(0, child);
	if (!child) {
		struct aci_ctx ctx;
		struct aci_buf card;
		struct uq uq;

		aci_ctx_fini(&self->ctx);
		if (uctx_init(&ctx, 0) ||
		    aci_buf_init(&ctx, &card, MIB(8), DRM_ACI_PLACEMENT_CARD, 0) ||
		    uq_init(&uq, &ctx, ACI_ENGINE_CLASS_COPY, LONG_MS) ||
		    card_ctl("hang next", NULL, 0))
			_exit(1);
		uq_push(&uq, desc_nop());
		while (!card_engine_busy("copy"))
			;
		if (write(ready[1], "r", 1) != 1)
			_exit(2);
		uq_wait_until(&uq, 1, INT64_MAX, NULL);
		_exit(3);
	}
	close(ready[1]);
	ASSERT_EQ(1, read(ready[0], &c, 1));
	ASSERT_OK(kill(child, SIGKILL));
	ASSERT_EQ(child, waitpid(child, &status, 0));
	ASSERT_TRUE(WIFSIGNALED(status));
	end = now_ns() + aci_wait_ns();
	do {
		ASSERT_OK(aci_query(self->ctx.fd, DRM_ACI_QUERY_DEVICE, 0, &after, sizeof(after)));
	} while (after.card_memory_free_bytes != before.card_memory_free_bytes && now_ns() < end);
	EXPECT_EQ(before.card_memory_free_bytes, after.card_memory_free_bytes);
	EXPECT_OK(uq_run(&self->uq, desc_nop()));
}

TEST_HARNESS_MAIN
