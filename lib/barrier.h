/* SPDX-License-Identifier: MIT */
/*
 * Barriers for memory that is shared with a device, and accesses to such memory.
 *
 * The compiler's fences order processors only; a device needs more on some.
 */
#ifndef LIB_BARRIER_H
#define LIB_BARRIER_H

#include <endian.h>
#include <stdint.h>

#include <linux/types.h>

/** device_mb() - all accesses before it are seen before those after it, by devices too */
static inline void device_mb(void)
{
#if defined(__aarch64__)
	__asm__ __volatile__("dsb sy" ::: "memory");
#elif defined(__riscv)
	__asm__ __volatile__("fence iorw,iorw" ::: "memory");
#elif defined(__x86_64__) || defined(__i386__)
	__asm__ __volatile__("mfence" ::: "memory");
#else
	__sync_synchronize();
#endif
}

/** device_wmb() - stores to coherent memory before it are seen before those after it */
static inline void device_wmb(void)
{
#if defined(__aarch64__)
	__asm__ __volatile__("dmb oshst" ::: "memory");
#elif defined(__riscv)
	__asm__ __volatile__("fence ow,ow" ::: "memory");
#elif defined(__x86_64__) || defined(__i386__)
	__asm__ __volatile__("" ::: "memory");
#else
	__sync_synchronize();
#endif
}

/* Single accesses; loads acquire, stores release. */
static inline uint64_t shared_read64(const __le64 *at)
{
	return le64toh(__atomic_load_n(at, __ATOMIC_ACQUIRE));
}

static inline uint32_t shared_read32(const __le32 *at)
{
	return le32toh(__atomic_load_n(at, __ATOMIC_ACQUIRE));
}

static inline void shared_write64(__le64 *at, uint64_t value)
{
	__atomic_store_n(at, htole64(value), __ATOMIC_RELEASE);
}

static inline void shared_write32(__le32 *at, uint32_t value)
{
	__atomic_store_n(at, htole32(value), __ATOMIC_RELEASE);
}

#endif
