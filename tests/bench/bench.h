/* SPDX-License-Identifier: MIT */
/*
 * Benchmarks that run in the guest: regions between marker instructions that
 * QEMU counts with icount_plugin.c, and figures that a program measures itself.
 *
 * Each file is one topic: a function in main.c's table that makes its own
 * objects and ends the program if it cannot. Output is for report.py, one line
 * each:
 *
 *     bench OPERATIONS NAME	the next region counted, in order
 *     samples COUNT OPERATIONS NAME	the next COUNT regions, of which the median counts
 *     value UNIT VALUE NAME	a figure that is no instruction count
 *
 * Locking: none; the main thread does everything but what a file says of itself.
 */
#ifndef BENCH_H
#define BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <drm/aci_accel.h>
#include <aci/aci_queue.h>

#define BENCH_MARK(id)	\
	asm volatile(".byte 0x0f, 0x1f, 0x84, 0x00; .long 0x5a5a0000 + %c0" : : "i"(id) : "memory")

static inline void bench_begin(void)
{
	BENCH_MARK(0);
}

/* What happens between these two belongs to no region. */
static inline void bench_pause(void)
{
	BENCH_MARK(2);
}

static inline void bench_resume(void)
{
	BENCH_MARK(3);
}

/* The region ends here; what it is printed as, and how many operations it had. */
#define bench_end(operations, ...) do {		\
	BENCH_MARK(1);				\
	bench_print(operations, __VA_ARGS__);	\
} while (0)

/* One of many regions that are printed together with bench_print_samples(). */
static inline void bench_end_sample(void)
{
	BENCH_MARK(1);
}

void bench_print_samples(uint64_t count, uint64_t operations, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void bench_print(uint64_t operations, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void bench_value(const char *unit, double value, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/** bench_check() - end the program with errno's text unless @ok */
void bench_check(bool ok, const char *what);
/** bench_now_ns() - CLOCK_MONOTONIC */
uint64_t bench_now_ns(void);

/** bench_open_card() - Return: fd of the first card, or -1 */
int bench_open_card(unsigned int index);
uint32_t bench_create_vm(int fd, uint32_t mode);
uint32_t bench_create_queue(int fd, uint32_t vm_id, uint32_t engine_class, uint32_t priority);
uint32_t bench_create_bo(int fd, uint64_t bytes, uint32_t placement);
void *bench_map_bo(int fd, uint32_t handle, uint64_t bytes);
void bench_close_bo(int fd, uint32_t handle);
/** bench_bind() - @op: DRM_ACI_BIND_*; unmapping takes handle 0 */
void bench_bind(int fd, uint32_t vm_id, uint32_t handle, uint64_t va, uint64_t bytes, uint32_t op);

void bench_floor(void);
void bench_kernel_queue(void);
void bench_user_queue(void);
void bench_nvme(void);
void bench_slope_bos(void);
void bench_slope_queues(void);
void bench_slope_vms(void);
void bench_slope_mappings(void);
void bench_slope_pieces(void);
void bench_memory(void);
void bench_latency(void);
void bench_scheduler(void);

#endif /* BENCH_H */
