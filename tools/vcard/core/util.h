/* SPDX-License-Identifier: MIT */
/*
 * Small tools of the virtual card: time, threads, wake-ups, and access to
 * memory that the host reads and writes at the same time.
 *
 * Locking: all functions may be called from any thread.
 */
#ifndef VCARD_CORE_UTIL_H
#define VCARD_CORE_UTIL_H

#include <endian.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define NS_PER_US	1000ull
#define NS_PER_MS	1000000ull
#define NS_PER_S	1000000000ull

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#define MIN(a, b)	((a) < (b) ? (a) : (b))
#define MAX(a, b)	((a) > (b) ? (a) : (b))

uint64_t time_now_ns(void);

/* Let the other hyper-thread or core go first in a polling loop. */
void cpu_relax(void);

/** thread_start() - a named thread that takes no signals. Return: 0 or -errno. */
int thread_start(pthread_t *thread, const char *name, void *(*run)(void *), void *arg);

/**
 * struct waker - a counter to sleep on
 *
 * The sleeper reads the sequence, looks for work, and waits with the sequence
 * that it read: a wake-up in between makes the wait return at once.
 */
struct waker {
	_Atomic uint32_t sequence;
	_Atomic uint32_t sleepers;
};

uint32_t waker_read(struct waker *waker);
void waker_wake(struct waker *waker);
/** waker_wait() - @deadline_ns: CLOCK_MONOTONIC, 0: none */
void waker_wait(struct waker *waker, uint32_t sequence, uint64_t deadline_ns);

/*
 * Memory shared with the host: single aligned accesses, so that the compiler
 * neither tears nor repeats them. Stores order everything before them.
 */
static inline uint64_t shared_load64(const void *at)
{
	return le64toh(__atomic_load_n((const uint64_t *)at, __ATOMIC_ACQUIRE));
}

static inline void shared_store64(void *at, uint64_t value)
{
	__atomic_store_n((uint64_t *)at, htole64(value), __ATOMIC_RELEASE);
}

/* No overflow and no end past @limit. */
static inline bool range_fits(uint64_t start, uint64_t bytes, uint64_t limit)
{
	return start <= limit && bytes <= limit - start;
}

#endif
