// SPDX-License-Identifier: MIT
/*
 * No-op jobs on a kernel queue. One call submits one job (or an array), each
 * job has an out-fence, and each out-fence is seen signalled.
 */
#include "bench.h"

#include <xf86drm.h>

#define DEPTH_MAX	64
#define JOBS		10048	/* a multiple of every depth */

static int fd;
static uint32_t queue_id;
static uint32_t syncobjs[DEPTH_MAX];

static void submit_jobs(unsigned int first, unsigned int count, uint32_t flags)
{
	static struct aci_desc nop;
	struct drm_aci_job jobs[DEPTH_MAX];
	struct drm_aci_submit submit = {
		.queue_id = queue_id, .flags = flags,
		.jobs = { .stride = sizeof(jobs[0]), .count = count, .ptr = (uintptr_t)jobs },
	};
	unsigned int i;

	for (i = 0; i < count; i++)
		jobs[i] = (struct drm_aci_job){
			.desc_count = 1, .descs = (uintptr_t)&nop, .signal = syncobjs[first + i],
		};
	bench_check(!drmIoctl(fd, DRM_IOCTL_ACI_SUBMIT, &submit), "SUBMIT");
}

/* See them signalled, and sleep until they are. */
static void wait_jobs(unsigned int count)
{
	bench_check(!drmSyncobjWait(fd, syncobjs, count, INT64_MAX, DRM_SYNCOBJ_WAIT_FLAGS_WAIT_ALL, NULL),
		    "SYNCOBJ_WAIT");
}

/* @per_call jobs a SUBMIT, @depth jobs in flight. */
static void run_jobs(unsigned int depth, unsigned int per_call, unsigned int jobs)
{
	unsigned int done, i;

	for (done = 0; done < jobs; done += depth) {
		/* The queue is in order: the last fence is the one to sleep for. */
		for (i = 0; i < depth; i += per_call)
			submit_jobs(i, per_call, depth > 1 && i + per_call == depth ? DRM_ACI_SUBMIT_WAIT : 0);
		wait_jobs(depth);
	}
}

/* One call submits the job and returns when its fence is signalled. */
static void run_and_wait(unsigned int jobs)
{
	while (jobs--)
		submit_jobs(0, 1, DRM_ACI_SUBMIT_WAIT);
}

static void measure(const char *name, unsigned int depth, unsigned int per_call)
{
	run_jobs(depth, per_call, 4 * depth);
	bench_begin();
	run_jobs(depth, per_call, JOBS);
	bench_end(JOBS, "%s", name);
}

void bench_kernel_queue(void)
{
	uint32_t vm_id;
	unsigned int i;

	fd = bench_open_card(0);
	bench_check(fd >= 0, "/dev/accel");
	vm_id = bench_create_vm(fd, DRM_ACI_VM_FENCE);
	queue_id = bench_create_queue(fd, vm_id, ACI_ENGINE_CLASS_COPY, ACI_PRIORITY_NORMAL);
	for (i = 0; i < DEPTH_MAX; i++)
		bench_check(!drmSyncobjCreate(fd, 0, &syncobjs[i]), "SYNCOBJ_CREATE");
	run_and_wait(4);
	bench_begin();
	run_and_wait(JOBS);
	bench_end(JOBS, "kernel queue depth 1");
	measure("kernel queue depth 1, SUBMIT and SYNCOBJ_WAIT", 1, 1);
	measure("kernel queue depth 8", 8, 1);
	measure("kernel queue depth 64", 64, 1);
	measure("kernel queue depth 64, arrays of 64", 64, 64);
	drmClose(fd);
}
