// SPDX-License-Identifier: MIT
/* The scheduler's core in the guest: instructions per request by how many are pending. */
#include "bench.h"
#include "sched_bench.h"

#define REQUESTS	2000u

void bench_scheduler(void)
{
	static const uint32_t sizes[] = { 10, 100, 1000, 10000, 100000 };

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct load *load = cost_prepare(sizes[i], true);

		bench_begin();
		cost_run(load, REQUESTS);
		bench_end(REQUESTS, "scheduler request with %u pending", sizes[i]);
		cost_finish(load);
	}
}
