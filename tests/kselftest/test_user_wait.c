// SPDX-License-Identifier: GPL-2.0
/* User queues: waits by ioctl and by eventfd, what wakes them and what they refuse. */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/time.h>

#include "aci_harness.h"
#include "aci_user.h"

#define MS		1000000ll
#define EVENTS_MAX	256

FIXTURE_UQ(user_wait)

/* --- Waits --- */

TEST_F(user_wait, wait_does_not_sleep_in_the_past)
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

TEST_F(user_wait, wait_times_out)
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
TEST_F(user_wait, wait_restarts_after_signals)
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

TEST_F(user_wait, wait_is_interrupted)
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

/* Each is woken for its own count, whatever the order in which they came. */
TEST_F(user_wait, several_waiters)
{
	static const __u64 counts[] = { 3, 1, 4, 2, 4, 1 };
	struct uq_sleeper sleepers[ARRAY_SIZE(counts)];
	unsigned int i, gate;

	for (gate = 0; gate < 4; gate++)
		uq_push(&self->uq, desc_gate(&self->buf, gate, 1));
	for (i = 0; i < ARRAY_SIZE(counts); i++)
		ASSERT_OK(uq_sleeper_start(&sleepers[i], &self->uq, counts[i]));
	for (gate = 0; gate < 4; gate++) {
		EXPECT_EQ(-ETIME, uq_wait_until(&self->uq, gate + 1, now_ns() + 20 * MS, NULL));
		gate_open(&self->buf, gate, 1);
		for (i = 0; i < ARRAY_SIZE(counts); i++)
			if (counts[i] == gate + 1)
				EXPECT_OK(uq_sleeper_end(&sleepers[i]));
	}
}

TEST_F(user_wait, destruction_ends_waits)
{
	struct uq_sleeper sleepers[2];

	uq_push(&self->uq, desc_gate(&self->buf, 0, 1));
	ASSERT_OK(uq_sleeper_start(&sleepers[0], &self->uq, 1));
	ASSERT_OK(uq_sleeper_start(&sleepers[1], &self->uq, 99));
	EXPECT_EQ(-ETIME, uq_wait_until(&self->uq, 1, now_ns() + 50 * MS, NULL));
	ASSERT_OK(uq_destroy(&self->uq));
	EXPECT_EQ(-ENOENT, uq_sleeper_end(&sleepers[0]));
	EXPECT_EQ(-ENOENT, uq_sleeper_end(&sleepers[1]));
	EXPECT_EQ(-ENOENT, uq_wait(&self->uq, 1));
}

TEST_F(user_wait, wait_refusals)
{
	struct drm_aci_queue_wait wait = { .queue_id = self->uq.id };

	EXPECT_OK(aci_ioctl(self->ctx.fd, DRM_IOCTL_ACI_QUEUE_WAIT, &wait));
	wait.flags = 1;
	EXPECT_EQ(-EINVAL, aci_ioctl(self->ctx.fd, DRM_IOCTL_ACI_QUEUE_WAIT, &wait));
	wait = (struct drm_aci_queue_wait){ .queue_id = self->uq.id + 100 };
	EXPECT_EQ(-ENOENT, aci_ioctl(self->ctx.fd, DRM_IOCTL_ACI_QUEUE_WAIT, &wait));
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

TEST_F(user_wait, eventfd_is_told_once)
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

TEST_F(user_wait, eventfd_is_told_of_the_end)
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

TEST_F(user_wait, eventfds_are_limited)
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

TEST_F(user_wait, eventfd_refusals)
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

TEST_HARNESS_MAIN
