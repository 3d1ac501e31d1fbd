// SPDX-License-Identifier: MIT

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <signal.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "util.h"

uint64_t time_now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
}

void cpu_relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("yield" ::: "memory");
#else
	atomic_signal_fence(memory_order_seq_cst);
#endif
}

int thread_start(pthread_t *thread, const char *name, void *(*run)(void *), void *arg)
{
	sigset_t all, old;
	int err;

	/* Signals belong to the program around the card. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	err = pthread_create(thread, NULL, run, arg);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (err)
		return -err;
	pthread_setname_np(*thread, name);
	return 0;
}

uint32_t waker_read(struct waker *waker)
{
	return atomic_load(&waker->sequence);
}

void waker_wake(struct waker *waker)
{
	atomic_fetch_add(&waker->sequence, 1);
	/* Sequentially consistent with the sleeper: it counts itself, then compares. */
	if (atomic_load(&waker->sleepers))
		syscall(SYS_futex, &waker->sequence, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
}

void waker_wait(struct waker *waker, uint32_t sequence, uint64_t deadline_ns)
{
	struct timespec ts = {
		.tv_sec = (time_t)(deadline_ns / NS_PER_S),
		.tv_nsec = (long)(deadline_ns % NS_PER_S),
	};

	atomic_fetch_add(&waker->sleepers, 1);
	while (atomic_load(&waker->sequence) == sequence) {
		long ret = syscall(SYS_futex, &waker->sequence,
				   FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG, sequence,
				   deadline_ns ? &ts : NULL, NULL, FUTEX_BITSET_MATCH_ANY);

		if (ret < 0 && errno == ETIMEDOUT)
			break;
	}
	atomic_fetch_sub(&waker->sleepers, 1);
}
