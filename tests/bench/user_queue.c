// SPDX-License-Identifier: MIT
/*
 * No-op jobs on a user queue: descriptor, tail, event index, doorbell, kick
 * where the card sleeps, and the completion read from the user page. Waiting
 * for the card spins here, which is not counted: a program that has to wait
 * long sleeps in DRM_IOCTL_ACI_QUEUE_WAIT.
 */
#include "bench.h"

#include <endian.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <xf86drm.h>

#define RING_ENTRIES	256
#define RING_BYTES	(RING_ENTRIES * ACI_DESC_BYTES)
#define PAGE_BYTES	4096
#define JOBS		6400	/* a multiple of every depth */

struct user_queue {
	struct aci_desc *ring;
	struct aci_queue_user_page *page;
	volatile uint32_t *doorbell;
	volatile uint32_t *kick;	/* NULL: the card has none */
	uint64_t tail;
	uint64_t kicks;
};

static volatile uint32_t *map_page(int fd, uint64_t offset)
{
	void *map = mmap(NULL, PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)offset);

	bench_check(map != MAP_FAILED, "mmap of a doorbell");
	return map;
}

static bool open_queue(int fd, struct user_queue *queue)
{
	struct drm_aci_queue_create create = {
		.vm_id = bench_create_vm(fd, DRM_ACI_VM_LONG_RUNNING), .engine_class = ACI_ENGINE_CLASS_COPY,
		.priority = ACI_PRIORITY_NORMAL, .ring_entries = RING_ENTRIES, .user_page_offset = RING_BYTES,
	};
	uint8_t *map;

	create.ring_handle = create.user_page_handle =
		bench_create_bo(fd, RING_BYTES + PAGE_BYTES, DRM_ACI_PLACEMENT_HOST);
	map = bench_map_bo(fd, create.ring_handle, RING_BYTES + PAGE_BYTES);
	memset(map, 0, RING_BYTES + PAGE_BYTES);
	if (drmIoctl(fd, DRM_IOCTL_ACI_QUEUE_CREATE, &create))
		return false;
	queue->ring = (struct aci_desc *)map;
	queue->page = (struct aci_queue_user_page *)(map + RING_BYTES);
	queue->doorbell = map_page(fd, create.doorbell_offset);
	queue->kick = create.kick_offset ? map_page(fd, create.kick_offset) : NULL;
	return true;
}

static inline void submit_nop(struct user_queue *queue)
{
	static const struct aci_desc nop;
	uint64_t old = queue->tail;

	queue->ring[old % RING_ENTRIES] = nop;
	queue->tail = old + 1;
	__atomic_store_n(&queue->page->tail, htole64(old + 1), __ATOMIC_RELEASE);
	/* Store tail, then load event_index; the card does the reverse. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (aci_queue_need_ring(le64toh(__atomic_load_n(&queue->page->event_index, __ATOMIC_ACQUIRE)), old,
				old + 1)) {
		*queue->doorbell = 0;
		if (queue->kick) {
			*queue->kick = 0;
			queue->kicks++;
		}
	}
}

static inline bool has_completed(const struct user_queue *queue)
{
	return le64toh(__atomic_load_n(&queue->page->completed, __ATOMIC_ACQUIRE)) >= queue->tail;
}

static void run_batch(struct user_queue *queue, unsigned int depth)
{
	unsigned int i;

	for (i = 0; i < depth; i++)
		submit_nop(queue);
	bench_pause();
	while (!has_completed(queue))
		;
	bench_resume();
	/* This look is the one that counts. */
	bench_check(has_completed(queue), "completion");
}

/*
 * Each batch is a region of its own: a kick holds the processor up for as long as
 * the emulator wants, and timer interrupts that come meanwhile are no part of it.
 */
static void measure(struct user_queue *queue, unsigned int depth, unsigned int batches)
{
	unsigned int i;

	for (i = 0; i < 4; i++)
		run_batch(queue, depth);
	queue->kicks = 0;
	for (i = 0; i < batches; i++) {
		bench_begin();
		run_batch(queue, depth);
		bench_end_sample();
	}
	bench_print_samples(batches, depth, "user queue depth %u", depth);
	bench_value("kicks/job", (double)queue->kicks / (batches * depth), "kicks of user queue depth %u",
		    depth);
}

void bench_user_queue(void)
{
	struct user_queue queue = { 0 };
	int fd = bench_open_card(0);

	bench_check(fd >= 0, "/dev/accel");
	if (!open_queue(fd, &queue)) {
		printf("# no user queues: %m\n");
		drmClose(fd);
		return;
	}
	measure(&queue, 1, JOBS / 4);
	measure(&queue, 64, JOBS / 64);
	drmClose(fd);
}
