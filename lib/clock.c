// SPDX-License-Identifier: MIT
#include <time.h>

#include "transport.h"

uint64_t clock_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint64_t deadline_after(uint64_t timeout_ns)
{
	uint64_t deadline;

	if (timeout_ns == ACCEL_WAIT_FOREVER ||
	    __builtin_add_overflow(clock_now_ns(), timeout_ns, &deadline) || deadline > INT64_MAX)
		return DEADLINE_NEVER;
	return deadline;
}
