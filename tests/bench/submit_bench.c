// SPDX-License-Identifier: MIT
/*
 * Guest side of the submission benchmark: regions of work between marker
 * instructions for icount_plugin.c. Prints one "bench REGION OPS NAME" line a
 * region and the text sections of aci.ko, for report.py.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <xf86drm.h>
#include <aci/aci_queue.h>
#include "../../uapi/drm/aci_accel.h"

#define DEPTH_MAX	64
#define JOBS		10048	/* a multiple of every depth */

#define MARK(id)	asm volatile(".byte 0x0f, 0x1f, 0x84, 0x00; .long 0x5a5a0000 + %c0" : : "i"(id) : "memory")
#define BEGIN(region)	MARK(2 * (region))
#define END(region)	MARK(2 * (region) + 1)

static int fd;
static uint32_t queue_id;
static uint32_t syncobjs[DEPTH_MAX];

static void check(int error, const char *what)
{
	if (!error)
		return;
	fprintf(stderr, "submit_bench: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int open_card(void)
{
	char path[300];
	struct dirent *entry;
	DIR *dir = opendir("/dev/accel");

	check(!dir, "/dev/accel");
	while ((entry = readdir(dir))) {
		drmVersionPtr version;
		bool is_aci;

		snprintf(path, sizeof(path), "/dev/accel/%s", entry->d_name);
		fd = entry->d_name[0] == '.' ? -1 : open(path, O_RDWR | O_CLOEXEC);
		if (fd < 0)
			continue;
		version = drmGetVersion(fd);
		is_aci = version && !strcmp(version->name, "aci");
		drmFreeVersion(version);
		if (is_aci) {
			closedir(dir);
			return fd;
		}
		close(fd);
	}
	fprintf(stderr, "submit_bench: no aci card\n");
	exit(1);
}

static void set_up(void)
{
	struct drm_aci_vm_create vm = { .mode = DRM_ACI_VM_FENCE };
	struct drm_aci_queue_create queue = {
		.engine_class = ACI_ENGINE_CLASS_COPY, .priority = ACI_PRIORITY_NORMAL, .ring_entries = 256,
	};
	unsigned int i;

	fd = open_card();
	check(drmIoctl(fd, DRM_IOCTL_ACI_VM_CREATE, &vm), "VM_CREATE");
	queue.vm_id = vm.vm_id;
	check(drmIoctl(fd, DRM_IOCTL_ACI_QUEUE_CREATE, &queue), "QUEUE_CREATE");
	queue_id = queue.queue_id;
	for (i = 0; i < DEPTH_MAX; i++)
		check(drmSyncobjCreate(fd, 0, &syncobjs[i]), "SYNCOBJ_CREATE");
}

static void submit_jobs(unsigned int first, unsigned int count)
{
	static struct aci_desc nop;
	struct drm_aci_sync syncs[DEPTH_MAX];
	struct drm_aci_job jobs[DEPTH_MAX];
	struct drm_aci_submit submit = {
		.queue_id = queue_id,
		.jobs = { .stride = sizeof(jobs[0]), .count = count, .ptr = (uintptr_t)jobs },
	};
	unsigned int i;

	for (i = 0; i < count; i++) {
		syncs[i] = (struct drm_aci_sync){ .flags = DRM_ACI_SYNC_SIGNAL, .handle = syncobjs[first + i] };
		jobs[i] = (struct drm_aci_job){
			.desc_count = 1, .descs = (uintptr_t)&nop,
			.syncs = { .stride = sizeof(syncs[0]), .count = 1, .ptr = (uintptr_t)&syncs[i] },
		};
	}
	check(drmIoctl(fd, DRM_IOCTL_ACI_SUBMIT, &submit), "SUBMIT");
}

/* The queue is in order: sleep for the last fence, then see all of them signalled. */
static void wait_jobs(unsigned int count)
{
	check(drmSyncobjWait(fd, &syncobjs[count - 1], 1, INT64_MAX, 0, NULL), "SYNCOBJ_WAIT");
	if (count == 1)
		return;
	check(drmSyncobjWait(fd, syncobjs, count, INT64_MAX, DRM_SYNCOBJ_WAIT_FLAGS_WAIT_ALL, NULL), "SYNCOBJ_WAIT");
}

/* @per_call jobs a SUBMIT, @depth jobs in flight; every out-fence is seen signalled. */
static void run_jobs(unsigned int depth, unsigned int per_call, unsigned int jobs)
{
	unsigned int done, i;

	for (done = 0; done < jobs; done += depth) {
		for (i = 0; i < depth; i += per_call)
			submit_jobs(i, per_call);
		wait_jobs(depth);
	}
}

#define BENCH_JOBS(region, name, depth, per_call) do {			\
	run_jobs(depth, per_call, 4 * (depth));				\
	BEGIN(region);							\
	run_jobs(depth, per_call, JOBS / (depth) * (depth));		\
	END(region);							\
	printf("bench %u %u %s\n", region, JOBS / (depth) * (depth), name);	\
} while (0)

static void bench_floor(void)
{
	struct drm_get_cap cap = { .capability = DRM_CAP_SYNCOBJ };
	int i;

	BEGIN(0);
	for (i = 0; i < JOBS; i++)
		syscall(SYS_getppid);
	END(0);
	printf("bench 0 %u getppid\n", JOBS);
	BEGIN(1);
	for (i = 0; i < JOBS; i++)
		drmIoctl(fd, DRM_IOCTL_GET_CAP, &cap);
	END(1);
	printf("bench 1 %u empty DRM ioctl\n", JOBS);
}

static void print_sections(void)
{
	DIR *dir = opendir("/sys/module/aci/sections");
	struct dirent *entry;
	char path[300], value[64];
	FILE *file;

	check(!dir, "/sys/module/aci/sections");
	while ((entry = readdir(dir))) {
		if (strncmp(entry->d_name, ".text", 5))
			continue;
		snprintf(path, sizeof(path), "/sys/module/aci/sections/%s", entry->d_name);
		file = fopen(path, "r");
		if (file && fgets(value, sizeof(value), file))
			printf("section %s %s", entry->d_name, value);
		if (file)
			fclose(file);
	}
	closedir(dir);
}

int main(void)
{
	set_up();
	bench_floor();
	BENCH_JOBS(2, "kernel queue depth 1", 1, 1);
	BENCH_JOBS(3, "kernel queue depth 8", 8, 1);
	BENCH_JOBS(4, "kernel queue depth 64", 64, 1);
	BENCH_JOBS(5, "kernel queue depth 64, arrays of 64", 64, 64);
	print_sections();
	return 0;
}
