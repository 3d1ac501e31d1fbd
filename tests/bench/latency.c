// SPDX-License-Identifier: MIT
/*
 * How long a no-op job of the highest priority takes from submission to the end
 * of the wait, alone and while jobs of the lowest priority keep the engine busy.
 * Time of the guest's clock under emulation: only the two against each other say
 * something.
 */
#include "bench.h"

#include <stdlib.h>
#include <string.h>
#include <xf86drm.h>

#define ROUNDS		500
#define BUSY_BYTES	(16ull << 20)
#define BUSY_JOBS	48u
#define VA		0x4000000000ull

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static void submit(int fd, uint32_t queue_id, const struct aci_desc *desc, unsigned int count, uint32_t flags)
{
	struct drm_aci_job jobs[BUSY_JOBS] = { 0 };
	struct drm_aci_submit args = {
		.queue_id = queue_id, .flags = flags, .jobs = { sizeof(jobs[0]), count, (uintptr_t)jobs },
	};
	unsigned int i;

	for (i = 0; i < count; i++) {
		jobs[i].desc_count = 1;
		jobs[i].descs = (uintptr_t)desc;
	}
	bench_check(!drmIoctl(fd, DRM_IOCTL_ACI_SUBMIT, &args), "SUBMIT");
}

static uint64_t completed(int fd, uint32_t queue_id)
{
	struct drm_aci_query_queue state;
	struct drm_aci_query query = {
		.type = DRM_ACI_QUERY_QUEUE, .index = queue_id, .size = sizeof(state), .ptr = (uintptr_t)&state,
	};

	bench_check(!drmIoctl(fd, DRM_IOCTL_ACI_QUERY, &query), "QUERY");
	return state.jobs_completed;
}

static void measure(int fd, uint32_t high, uint32_t low, const struct aci_desc *busy, const char *name)
{
	const struct aci_desc nop = { .opcode = ACI_OP_NOP };
	static uint64_t ns[ROUNDS];
	uint64_t submitted = completed(fd, low);
	unsigned int i;

	for (i = 0; i < ROUNDS; i++) {
		uint64_t start;

		if (busy && submitted - completed(fd, low) < BUSY_JOBS / 2) {
			submit(fd, low, busy, BUSY_JOBS, 0);
			submitted += BUSY_JOBS;
		}
		start = bench_now_ns();
		submit(fd, high, &nop, 1, DRM_ACI_SUBMIT_WAIT);
		ns[i] = bench_now_ns() - start;
	}
	qsort(ns, ROUNDS, sizeof(ns[0]), compare);
	bench_value("TCG-us", (double)ns[ROUNDS / 2] / 1000, "high priority, %s, p50", name);
	bench_value("TCG-us", (double)ns[ROUNDS * 99 / 100] / 1000, "high priority, %s, p99", name);
	if (busy)
		submit(fd, low, &nop, 1, DRM_ACI_SUBMIT_WAIT);
}

void bench_latency(void)
{
	struct aci_desc busy = { .opcode = ACI_OP_COPY, .copy = { .src = VA, .dst = VA + BUSY_BYTES,
								    .bytes = BUSY_BYTES } };
	int fd = bench_open_card(0);
	uint32_t vm_id, high, low;

	bench_check(fd >= 0, "/dev/accel");
	vm_id = bench_create_vm(fd, DRM_ACI_VM_FENCE);
	bench_bind(fd, vm_id, bench_create_bo(fd, 2 * BUSY_BYTES, DRM_ACI_PLACEMENT_HOST), VA, 2 * BUSY_BYTES,
		   DRM_ACI_BIND_MAP);
	high = bench_create_queue(fd, vm_id, ACI_ENGINE_CLASS_COPY, ACI_PRIORITY_HIGH);
	low = bench_create_queue(fd, vm_id, ACI_ENGINE_CLASS_COPY, ACI_PRIORITY_LOW);
	measure(fd, high, low, NULL, "alone");
	measure(fd, high, low, &busy, "engine saturated");
	drmClose(fd);
}
