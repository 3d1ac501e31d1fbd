// SPDX-License-Identifier: MIT
/*
 * The peer: 4 KiB reads from an NVMe disk as passthrough commands of io_uring,
 * the cheapest way to a device that Linux has. The ring is driven without
 * liburing: submission and completion are a few stores and loads. There are two
 * disks, of which README.md says why: one takes 20 us, as a fast one does, one
 * answers at once, as none does.
 */
#include "bench.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <linux/nvme_ioctl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define DEPTH_MAX	64
#define COMMANDS	10048
#define BLOCK_BYTES	4096
#define NVME_CMD_READ	2

/* An entry of 128 bytes is two of the usual ones; a completion as well. */
#define SQE_BYTES	128
#define CQE_BYTES	32

struct ring {
	int fd;
	uint32_t entries;
	uint8_t *map;
	uint8_t *sqes;
	uint32_t *sq_tail;
	uint32_t *sq_array;
	uint32_t *cq_head;
	uint32_t *cq_tail;
	uint8_t *cqes;
	uint32_t sq_mask;
	uint32_t cq_mask;
};

static void open_ring(struct ring *ring, uint32_t entries)
{
	struct io_uring_params params = { .flags = IORING_SETUP_SQE128 | IORING_SETUP_CQE32 };
	size_t bytes;

	ring->fd = (int)syscall(SYS_io_uring_setup, entries, &params);
	bench_check(ring->fd >= 0, "io_uring_setup");
	bench_check(params.features & IORING_FEAT_SINGLE_MMAP, "io_uring with one mapping");
	bytes = params.cq_off.cqes + params.cq_entries * CQE_BYTES;
	if (bytes < params.sq_off.array + params.sq_entries * sizeof(uint32_t))
		bytes = params.sq_off.array + params.sq_entries * sizeof(uint32_t);
	ring->map = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring->fd,
			 IORING_OFF_SQ_RING);
	bench_check(ring->map != MAP_FAILED, "mmap of the ring");
	ring->sqes = mmap(NULL, params.sq_entries * SQE_BYTES, PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_POPULATE, ring->fd, IORING_OFF_SQES);
	bench_check(ring->sqes != MAP_FAILED, "mmap of the entries");
	ring->entries = params.sq_entries;
	ring->sq_tail = (uint32_t *)(ring->map + params.sq_off.tail);
	ring->sq_array = (uint32_t *)(ring->map + params.sq_off.array);
	ring->cq_head = (uint32_t *)(ring->map + params.cq_off.head);
	ring->cq_tail = (uint32_t *)(ring->map + params.cq_off.tail);
	ring->cqes = ring->map + params.cq_off.cqes;
	ring->sq_mask = *(uint32_t *)(ring->map + params.sq_off.ring_mask);
	ring->cq_mask = *(uint32_t *)(ring->map + params.cq_off.ring_mask);
}

static void put_read(struct ring *ring, int disk, void *buffer, unsigned int block)
{
	uint32_t tail = *ring->sq_tail, slot = tail & ring->sq_mask;
	struct io_uring_sqe *sqe = (struct io_uring_sqe *)(ring->sqes + slot * SQE_BYTES);
	struct nvme_uring_cmd *cmd = (struct nvme_uring_cmd *)sqe->cmd;

	memset(sqe, 0, SQE_BYTES);
	sqe->opcode = IORING_OP_URING_CMD;
	sqe->fd = disk;
	sqe->cmd_op = NVME_URING_CMD_IO;
	cmd->opcode = NVME_CMD_READ;
	cmd->nsid = 1;
	cmd->addr = (uintptr_t)buffer;
	cmd->data_len = BLOCK_BYTES;
	cmd->cdw10 = block * (BLOCK_BYTES / 512);
	cmd->cdw12 = BLOCK_BYTES / 512 - 1;
	ring->sq_array[slot] = slot;
	__atomic_store_n(ring->sq_tail, tail + 1, __ATOMIC_RELEASE);
}

/* Returns the number of completions, all of which must be successful. */
static unsigned int take_completions(struct ring *ring)
{
	uint32_t head = *ring->cq_head, tail = __atomic_load_n(ring->cq_tail, __ATOMIC_ACQUIRE);
	unsigned int count = tail - head;

	for (; head != tail; head++) {
		const struct io_uring_cqe *cqe = (void *)(ring->cqes + (head & ring->cq_mask) * CQE_BYTES);

		errno = -cqe->res;
		bench_check(!cqe->res, "NVMe read");
	}
	__atomic_store_n(ring->cq_head, head, __ATOMIC_RELEASE);
	return count;
}

/* As a user of io_uring does it: fill up to the depth, submit and wait in one call. */
static void run_reads(struct ring *ring, int disk, uint8_t *buffers, unsigned int depth,
		      unsigned int commands)
{
	unsigned int done = 0, put = 0, fresh;

	while (done < commands) {
		for (fresh = 0; put < commands && put - done < depth; put++, fresh++)
			put_read(ring, disk, buffers + (size_t)BLOCK_BYTES * (put % depth), put % 4096);
		bench_check(syscall(SYS_io_uring_enter, ring->fd, fresh, 1, IORING_ENTER_GETEVENTS, NULL, 0) >= 0,
			    "io_uring_enter");
		done += take_completions(ring);
	}
}

static void measure(int disk, uint8_t *buffers, unsigned int depth, const char *what)
{
	struct ring ring;

	open_ring(&ring, depth < 2 ? 2 : depth);
	run_reads(&ring, disk, buffers, depth, 4 * depth);
	bench_begin();
	run_reads(&ring, disk, buffers, depth, COMMANDS);
	bench_end(COMMANDS, "%s depth %u", what, depth);
	close(ring.fd);
}

/* The order in which the kernel finds them means nothing. */
static int open_disk(const char *serial)
{
	char path[64], found[64];
	unsigned int i;
	FILE *file;

	for (i = 0; i < 2; i++) {
		snprintf(path, sizeof(path), "/sys/class/nvme/nvme%u/serial", i);
		file = fopen(path, "r");
		if (!file)
			continue;
		if (fscanf(file, "%63s", found) != 1)
			found[0] = '\0';
		fclose(file);
		if (strcmp(found, serial))
			continue;
		snprintf(path, sizeof(path), "/dev/ng%un1", i);
		return open(path, O_RDWR | O_CLOEXEC);
	}
	return -1;
}

static void measure_disk(const char *serial, uint8_t *buffers, const char *what)
{
	static const unsigned int depths[] = { 1, 8, DEPTH_MAX };
	int disk = open_disk(serial);
	unsigned int i;

	bench_check(disk >= 0, serial);
	for (i = 0; i < sizeof(depths) / sizeof(depths[0]); i++)
		measure(disk, buffers, depths[i], what);
	close(disk);
}

void bench_nvme(void)
{
	uint8_t *buffers;

	buffers = mmap(NULL, DEPTH_MAX * BLOCK_BYTES, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	bench_check(buffers != MAP_FAILED, "buffers");
	measure_disk("20us", buffers, "NVMe passthrough");
	measure_disk("0us", buffers, "NVMe passthrough that answers at once,");
}
