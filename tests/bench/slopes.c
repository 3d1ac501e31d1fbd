// SPDX-License-Identifier: MIT
/*
 * How the cost of an operation grows with the number of objects: rows with the
 * same name and other numbers, of which the report makes slopes.
 */
#include <errno.h>
#include <stdint.h>
#include <unistd.h>
#include <xf86drm.h>

#include "bench.h"

#define PAGE		4096ull
#define VA		(1ull << 40)
#define SUBMITS		2000
#define BINDS		500
#define OPS_MAX		1000
#define COUNT(array)	(sizeof(array) / sizeof((array)[0]))

static uint32_t syncobj_new(int fd)
{
	uint32_t handle;

	bench_check(!drmSyncobjCreate(fd, 0, &handle), "SYNCOBJ_CREATE");
	return handle;
}

/* One job at a time; how it is waited for is no matter of the number of objects. */
static void submit(int fd, uint32_t queue, uint32_t syncobj)
{
	static struct aci_desc nop;
	struct drm_aci_sync sync = { .flags = DRM_ACI_SYNC_SIGNAL, .handle = syncobj };
	struct drm_aci_job job = {
		.desc_count = 1, .descs = (uintptr_t)&nop,
		.syncs = { .stride = sizeof(sync), .count = 1, .ptr = (uintptr_t)&sync },
	};
	struct drm_aci_submit args = {
		.queue_id = queue,
		.jobs = { .stride = sizeof(job), .count = 1, .ptr = (uintptr_t)&job },
	};

	bench_check(!drmIoctl(fd, DRM_IOCTL_ACI_SUBMIT, &args), "SUBMIT");
}

static void measure_submit(int fd, uint32_t queue, uint64_t n, const char *things)
{
	uint32_t syncobj = syncobj_new(fd);
	int i;

	for (i = -64; i < SUBMITS; i++) {
		if (!i)
			bench_begin();
		submit(fd, queue, syncobj);
		bench_pause();
		bench_check(!drmSyncobjWait(fd, &syncobj, 1, INT64_MAX, 0, NULL), "SYNCOBJ_WAIT");
		bench_resume();
	}
	bench_end(SUBMITS, "submit with %llu %s", (unsigned long long)n, things);
	drmSyncobjDestroy(fd, syncobj);
}

static void bind_many(int fd, uint32_t vm, struct drm_aci_bind_op *ops, uint32_t count)
{
	struct drm_aci_vm_bind args = {
		.vm_id = vm,
		.ops = { .stride = sizeof(*ops), .count = count, .ptr = (uintptr_t)ops },
	};

	bench_check(!drmIoctl(fd, DRM_IOCTL_ACI_VM_BIND, &args), "VM_BIND");
}

/* Pages [first, last) of a sparse range, each a mapping of its own. */
static void map_pages(int fd, uint32_t vm, uint32_t handle, uint64_t first, uint64_t last)
{
	static struct drm_aci_bind_op ops[OPS_MAX];

	while (first < last) {
		uint32_t count = 0;

		for (; first < last && count < OPS_MAX; first++)
			ops[count++] = (struct drm_aci_bind_op){
				.op = DRM_ACI_BIND_MAP, .handle = handle, .size = PAGE,
				.va = VA + 2 * PAGE * first,
			};
		bind_many(fd, vm, ops, count);
	}
}

static void slope_bos(int fd)
{
	static const unsigned int counts[] = { 10, 100, 1000, 10000 };
	uint32_t vm = bench_create_vm(fd, DRM_ACI_VM_FENCE);
	uint32_t queue = bench_create_queue(fd, vm, ACI_ENGINE_CLASS_COPY, ACI_PRIORITY_NORMAL);
	unsigned int i, k, n = 0;

	for (k = 0; k < COUNT(counts); k++) {
		for (; n < counts[k]; n++) {
			uint32_t handle = bench_create_bo(fd, PAGE, DRM_ACI_PLACEMENT_HOST);

			bench_bind(fd, vm, handle, VA + PAGE * n, PAGE, DRM_ACI_BIND_MAP);
		}
		measure_submit(fd, queue, n, "mapped BOs");
		bench_begin();
		for (i = 0; i < BINDS; i++)
			bench_close_bo(fd, bench_create_bo(fd, PAGE, DRM_ACI_PLACEMENT_HOST));
		bench_end(BINDS, "BO create and close with %u BOs", n);
	}
}

static void slope_queues(int fd)
{
	static const unsigned int counts[] = { 1, 10, 100, 1000 };
	uint32_t vm = bench_create_vm(fd, DRM_ACI_VM_FENCE);
	uint32_t queue = 0;
	unsigned int k, n = 0;

	for (k = 0; k < COUNT(counts); k++) {
		for (; n < counts[k]; n++)
			queue = bench_create_queue(fd, vm, ACI_ENGINE_CLASS_COPY,
						   ACI_PRIORITY_NORMAL);
		measure_submit(fd, queue, n, "queues");
	}
}

static void slope_vms(int fd)
{
	static const unsigned int counts[] = { 10, 100, 1000 };
	uint32_t vm = 0;
	unsigned int i, k, n = 0;

	for (k = 0; k < COUNT(counts); k++) {
		struct drm_aci_vm_destroy destroy;
		uint32_t queue;

		for (; n < counts[k]; n++)
			vm = bench_create_vm(fd, DRM_ACI_VM_FENCE);
		queue = bench_create_queue(fd, vm, ACI_ENGINE_CLASS_COPY, ACI_PRIORITY_NORMAL);
		measure_submit(fd, queue, n, "VMs");
		bench_begin();
		for (i = 0; i < 50; i++) {
			destroy = (struct drm_aci_vm_destroy){
				.vm_id = bench_create_vm(fd, DRM_ACI_VM_FENCE),
			};
			bench_check(!drmIoctl(fd, DRM_IOCTL_ACI_VM_DESTROY, &destroy), "VM_DESTROY");
		}
		bench_end(50, "VM create and destroy with %u VMs", n);
	}
}

static void slope_mappings(int fd)
{
	static const unsigned int counts[] = { 100, 1000, 10000, 100000 };
	uint32_t handle = bench_create_bo(fd, PAGE, DRM_ACI_PLACEMENT_HOST);
	unsigned int i, k;

	for (k = 0; k < COUNT(counts); k++) {
		uint32_t vm = bench_create_vm(fd, DRM_ACI_VM_FENCE);
		struct drm_aci_vm_destroy destroy = { .vm_id = vm };
		unsigned int n = counts[k];

		map_pages(fd, vm, handle, 0, n);
		bench_begin();
		for (i = 0; i < BINDS; i++) {
			/* Everywhere among the others. */
			uint64_t va = VA + 2 * PAGE * ((uint64_t)i * n / BINDS) + PAGE;

			bench_bind(fd, vm, handle, va, PAGE, DRM_ACI_BIND_MAP);
			bench_bind(fd, vm, 0, va, PAGE, DRM_ACI_BIND_UNMAP);
		}
		bench_end(2 * BINDS, "VM_BIND with %u mappings", n);
		bench_begin();
		bench_bind(fd, vm, 0, VA, 2 * PAGE * (n / 2), DRM_ACI_BIND_UNMAP);
		bench_end(n / 2, "unmapping of half of them, each with %u mappings", n);
		bench_begin();
		bench_check(!drmIoctl(fd, DRM_IOCTL_ACI_VM_DESTROY, &destroy), "VM_DESTROY");
		bench_end(n / 2, "end of a VM, per mapping, with %u mappings", n);
	}
}

/* Pages of one BO bound one by one and in reverse: its pages lie anywhere. */
static void slope_pieces(int fd)
{
	static const unsigned int counts[] = { 100, 1000, 10000 };
	static struct drm_aci_bind_op ops[OPS_MAX];
	unsigned int i, k;

	for (k = 0; k < COUNT(counts); k++) {
		uint32_t vm = bench_create_vm(fd, DRM_ACI_VM_FENCE);
		uint32_t handle = bench_create_bo(fd, PAGE * counts[k], DRM_ACI_PLACEMENT_HOST);
		struct drm_aci_vm_destroy destroy = { .vm_id = vm };
		unsigned int n = counts[k], count = 0;

		bench_bind(fd, vm, handle, VA, PAGE * n, DRM_ACI_BIND_MAP);
		bench_begin();
		for (i = 0; i < n; i++) {
			ops[count++] = (struct drm_aci_bind_op){
				.op = DRM_ACI_BIND_MAP, .handle = handle, .size = PAGE,
				.offset = PAGE * (n - 1 - i), .va = 2 * VA + PAGE * i,
			};
			if (count == OPS_MAX || i == n - 1) {
				bind_many(fd, vm, ops, count);
				count = 0;
			}
		}
		bench_end(n, "binding a piece with %u pieces", n);
		bench_check(!drmIoctl(fd, DRM_IOCTL_ACI_VM_DESTROY, &destroy), "VM_DESTROY");
		bench_close_bo(fd, handle);
	}
}

/* Each has a file of its own, which ends with it. */
static void run_part(void (*part)(int fd))
{
	int fd = bench_open_card(0);

	bench_check(fd >= 0, "card");
	part(fd);
	close(fd);
}

void bench_slope_bos(void)
{
	run_part(slope_bos);
}

void bench_slope_queues(void)
{
	run_part(slope_queues);
}

void bench_slope_vms(void)
{
	run_part(slope_vms);
}

void bench_slope_mappings(void)
{
	run_part(slope_mappings);
}

void bench_slope_pieces(void)
{
	run_part(slope_pieces);
}
