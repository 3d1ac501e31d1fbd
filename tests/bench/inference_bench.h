/* SPDX-License-Identifier: MIT */
/*
 * Whole inferences on virtual cards in this process: what inference_bench.c
 * measures and judges.
 *
 * Locking: none; each function has its own threads while it runs.
 */
#ifndef TESTS_BENCH_INFERENCE_BENCH_H
#define TESTS_BENCH_INFERENCE_BENCH_H

#include <stdbool.h>
#include <stdint.h>

#include <accel/accel.h>

#define CHAIN_OPS	4u		/* matrix products in a row, each with RELU */
#define CHAIN_WIDTH	512u

void bench_must(int result, const char *what);
uint64_t bench_clock_ns(void);
/** bench_cpu_ns() - processor time of this process without its cards, which have their own */
uint64_t bench_cpu_ns(void);
double bench_median(double *values, uint32_t count);
/** bench_add_model() - in [batch * rows, CHAIN_WIDTH], CHAIN_OPS products; 0: in + in instead */
struct accel_service *bench_add_model(struct accel_scheduler *scheduler, uint32_t rows,
				      uint32_t operations, uint32_t batch_max);

/** struct whole_result - medians of pairs */
struct whole_result {
	uint32_t rows;
	double direct_ms, library_ms;
	double ratio;
};

/** whole_measure() - one inference by the scheduler, against its operations alone, of about @ms */
struct whole_result whole_measure(double ms);
/** scale_measure() - requests a second on so many cards whose work takes modelled time */
double scale_measure(uint32_t cards, uint64_t requests);
/** cost_measure() - processor time of a request in ns, with @pending of them, less that of the work */
double cost_measure(uint32_t pending, uint64_t requests);

/* inference_direct.c: the engine's own code, without a card around it */
void direct_prepare(uint32_t rows);
void direct_run(void);

#endif
