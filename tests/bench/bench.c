// SPDX-License-Identifier: MIT
/* What all benchmarks use: output, objects of the driver. */
#include "bench.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>
#include <xf86drm.h>

static void print_name(const char *format, va_list args)
{
	vprintf(format, args);
	putchar('\n');
	fflush(stdout);
}

void bench_print(uint64_t operations, const char *format, ...)
{
	va_list args;

	printf("bench %llu ", (unsigned long long)operations);
	va_start(args, format);
	print_name(format, args);
	va_end(args);
}

void bench_print_samples(uint64_t count, uint64_t operations, const char *format, ...)
{
	va_list args;

	printf("samples %llu %llu ", (unsigned long long)count, (unsigned long long)operations);
	va_start(args, format);
	print_name(format, args);
	va_end(args);
}

void bench_value(const char *unit, double value, const char *format, ...)
{
	va_list args;

	printf("value %s %.6g ", unit, value);
	va_start(args, format);
	print_name(format, args);
	va_end(args);
}

void bench_check(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "aci_bench: %s: %s\n", what, strerror(errno));
	exit(1);
}

uint64_t bench_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

int bench_open_card(unsigned int index)
{
	drmVersionPtr version;
	char path[64];
	bool is_aci;
	int fd, i;

	for (i = 0; i < 64; i++) {
		snprintf(path, sizeof(path), "/dev/accel/accel%d", i);
		fd = open(path, O_RDWR | O_CLOEXEC);
		if (fd < 0)
			continue;
		version = drmGetVersion(fd);
		is_aci = version && !strcmp(version->name, "aci");
		drmFreeVersion(version);
		if (is_aci && !index--)
			return fd;
		close(fd);
	}
	return -1;
}

uint32_t bench_create_vm(int fd, uint32_t mode)
{
	struct drm_aci_vm_create vm = { .mode = mode };

	bench_check(!drmIoctl(fd, DRM_IOCTL_ACI_VM_CREATE, &vm), "VM_CREATE");
	return vm.vm_id;
}

uint32_t bench_create_queue(int fd, uint32_t vm_id, uint32_t engine_class, uint32_t priority)
{
	struct drm_aci_queue_create queue = {
		.vm_id = vm_id, .engine_class = engine_class, .priority = priority, .ring_entries = 256,
	};

	bench_check(!drmIoctl(fd, DRM_IOCTL_ACI_QUEUE_CREATE, &queue), "QUEUE_CREATE");
	return queue.queue_id;
}

uint32_t bench_create_bo(int fd, uint64_t bytes, uint32_t placement)
{
	struct drm_aci_bo_create bo = {
		.size = bytes, .placement = placement,
		.cache = placement == DRM_ACI_PLACEMENT_CARD ? DRM_ACI_CACHE_WRITE_COMBINED : DRM_ACI_CACHE_WRITE_BACK,
	};

	bench_check(!drmIoctl(fd, DRM_IOCTL_ACI_BO_CREATE, &bo), "BO_CREATE");
	return bo.handle;
}

void *bench_map_bo(int fd, uint32_t handle, uint64_t bytes)
{
	struct drm_aci_bo_mmap_offset offset = { .handle = handle };
	void *map;

	bench_check(!drmIoctl(fd, DRM_IOCTL_ACI_BO_MMAP_OFFSET, &offset), "BO_MMAP_OFFSET");
	map = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)offset.offset);
	bench_check(map != MAP_FAILED, "mmap");
	return map;
}

void bench_close_bo(int fd, uint32_t handle)
{
	bench_check(!drmCloseBufferHandle(fd, handle), "GEM_CLOSE");
}

void bench_bind(int fd, uint32_t vm_id, uint32_t handle, uint64_t va, uint64_t bytes, uint32_t op)
{
	struct drm_aci_bind_op bind_op = { .op = op, .handle = handle, .va = va, .size = bytes };
	struct drm_aci_vm_bind bind = {
		.vm_id = vm_id, .ops = { sizeof(bind_op), 1, (uintptr_t)&bind_op },
	};

	bench_check(!drmIoctl(fd, DRM_IOCTL_ACI_VM_BIND, &bind), "VM_BIND");
}
