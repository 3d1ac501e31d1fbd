// SPDX-License-Identifier: MIT
/* Memory: objects, mappings of the card by size, buffers of another driver. */
#include "bench.h"

#include <fcntl.h>
#include <linux/udmabuf.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <xf86drm.h>

#define KIB		1024ull
#define MIB		(1024 * KIB)
#define GIB		(1024 * MIB)
#define ROUNDS		200
#define VA		0x4000000000ull	/* 1 GiB aligned */

static void measure_objects(int fd, uint64_t bytes, uint32_t placement, const char *name)
{
	unsigned int i;

	bench_close_bo(fd, bench_create_bo(fd, bytes, placement));
	bench_begin();
	for (i = 0; i < ROUNDS; i++)
		bench_close_bo(fd, bench_create_bo(fd, bytes, placement));
	bench_end(ROUNDS, "BO create and destroy, %s", name);
}

/* Map and unmap apart. An unmap ends when the card has dropped the translation. */
static void measure_binds(int fd, uint64_t bytes, unsigned int rounds, const char *name)
{
	uint32_t vm_id = bench_create_vm(fd, DRM_ACI_VM_FENCE);
	uint32_t handle = bench_create_bo(fd, bytes, DRM_ACI_PLACEMENT_HOST);
	unsigned int i;

	/* The BO gets its pages, the VM its tables. */
	bench_bind(fd, vm_id, handle, VA, bytes, DRM_ACI_BIND_MAP);
	bench_bind(fd, vm_id, 0, VA, bytes, DRM_ACI_BIND_UNMAP);
	bench_begin();
	for (i = 0; i < rounds; i++) {
		bench_bind(fd, vm_id, handle, VA, bytes, DRM_ACI_BIND_MAP);
		bench_bind(fd, vm_id, 0, VA, bytes, DRM_ACI_BIND_UNMAP);
	}
	bench_end(rounds, "VM_BIND map and unmap, %s", name);
	bench_close_bo(fd, handle);
}

static int make_udmabuf(uint64_t bytes)
{
	struct udmabuf_create create = { .size = bytes };
	int device = open("/dev/udmabuf", O_RDWR | O_CLOEXEC), fd;

	bench_check(device >= 0, "/dev/udmabuf");
	create.memfd = (uint32_t)memfd_create("bench", MFD_ALLOW_SEALING);
	bench_check(!ftruncate((int)create.memfd, (off_t)bytes), "memfd");
	bench_check(!fcntl((int)create.memfd, F_ADD_SEALS, F_SEAL_SHRINK), "F_ADD_SEALS");
	fd = ioctl(device, UDMABUF_CREATE, &create);
	bench_check(fd >= 0, "UDMABUF_CREATE");
	close((int)create.memfd);
	close(device);
	return fd;
}

static void measure_import(int fd, uint64_t bytes, const char *name)
{
	int buffer = make_udmabuf(bytes);
	uint32_t handle;
	unsigned int i;

	bench_check(!drmPrimeFDToHandle(fd, buffer, &handle), "PRIME_FD_TO_HANDLE");
	bench_close_bo(fd, handle);
	bench_begin();
	for (i = 0; i < ROUNDS; i++) {
		bench_check(!drmPrimeFDToHandle(fd, buffer, &handle), "PRIME_FD_TO_HANDLE");
		bench_close_bo(fd, handle);
	}
	bench_end(ROUNDS, "dma-buf import and close, %s", name);
	close(buffer);
}

void bench_memory(void)
{
	int fd = bench_open_card(0);

	bench_check(fd >= 0, "/dev/accel");
	measure_objects(fd, 4 * KIB, DRM_ACI_PLACEMENT_HOST, "host 4 KiB");
	measure_objects(fd, 2 * MIB, DRM_ACI_PLACEMENT_HOST, "host 2 MiB");
	measure_objects(fd, 4 * KIB, DRM_ACI_PLACEMENT_CARD, "card 4 KiB");
	measure_binds(fd, 4 * KIB, ROUNDS, "4 KiB");
	measure_binds(fd, 2 * MIB, ROUNDS, "2 MiB");
	measure_binds(fd, GIB, 4, "1 GiB");
	measure_import(fd, 4 * KIB, "4 KiB");
	measure_import(fd, 2 * MIB, "2 MiB");
	drmClose(fd);
}
