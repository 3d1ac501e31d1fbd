// SPDX-License-Identifier: MIT
/*
 * What the virtual card's COPY makes of memcpy()'s bandwidth: both in this
 * process, on the same memory. Time is processor time, of the card's engine
 * thread and of this one, so that a busy machine disturbs little; the figure is
 * the median over pairs of measurements. While the card works this thread sleeps
 * until the interrupt: with a look every now and then it would disturb the card
 * (and nobody would disturb memcpy).
 *
 * Prints the "value" lines of bench.h; runs on the host, without a guest.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

#include "../unit/vcard_rig.h"

#define MIB		(1ull << 20)
#define SET_BYTES	(256 * MIB)
#define HUGE		(2 * MIB)
#define SRC_IOVA	0x200000000ull
#define DST_IOVA	0x300000000ull
#define SRC_VA		0x1000000000ull
#define DST_VA		0x2000000000ull
#define SCATTERED	0x0100000000ull		/* added to a VA: the same memory in other order */
#define SCATTERED_PAGES	(16 * MIB / ACI_PAGE_SIZE)
#define ROUNDS		31
#define ROUND_BYTES	(64 * MIB)
#define RING_JOBS	60u		/* in a ring of 64 */

static uint8_t *src, *dst;
static struct rig rig;
static struct rig_queue queue;

static uint8_t *new_set(uint64_t iova)
{
	uint8_t *set = mmap(NULL, SET_BYTES + HUGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	assert_true(set != MAP_FAILED);
	set = (uint8_t *)(((uintptr_t)set + HUGE - 1) & ~(uintptr_t)(HUGE - 1));
	madvise(set, SET_BYTES, MADV_HUGEPAGE);
	memset(set, (int)(iova >> 32), SET_BYTES);
	assert_int_equal(vcard_dma_map(rig.card, iova, SET_BYTES, set, VCARD_DMA_READ | VCARD_DMA_WRITE), 0);
	return set;
}

static uint64_t scatter(uint64_t page)
{
	return page * 1223 % SCATTERED_PAGES * ACI_PAGE_SIZE;
}

/* As the driver maps memory in large pages, and page by page in a shuffled order. */
static void map_set(uint64_t va, uint64_t iova)
{
	const uint64_t flags = PTE_SYSTEM_RW | ACI_PTE_LEAF | ACI_PTE_VALID;
	uint64_t at;

	for (at = 0; at < SET_BYTES; at += HUGE)
		*rig_pte(&rig, 1, va + at, ACI_LEAF_2M_LEVEL) = (iova + at) | flags;
	for (at = 0; at < SCATTERED_PAGES; at++)
		*rig_pte(&rig, 1, va + SCATTERED + at * ACI_PAGE_SIZE, 0) = (iova + scatter(at)) | flags;
}

/* Fills @path with where the kernel tells the processor time of the card's copy engine. */
static void find_engine(char *path, size_t bytes)
{
	DIR *dir = opendir("/proc/self/task");
	struct dirent *entry;
	char name[64] = "";
	FILE *file;

	assert_non_null(dir);
	while ((entry = readdir(dir)) && strcmp(name, "aci-copy0\n")) {
		snprintf(path, bytes, "/proc/self/task/%s/comm", entry->d_name);
		file = fopen(path, "r");
		if (!file || !fgets(name, sizeof(name), file))
			name[0] = '\0';
		if (file)
			fclose(file);
		snprintf(path, bytes, "/proc/self/task/%s/schedstat", entry->d_name);
	}
	assert_string_equal(name, "aci-copy0\n");
	closedir(dir);
}

static double engine_seconds(void)
{
	static char path[300];
	unsigned long long ns;
	FILE *file;

	if (!path[0])
		find_engine(path, sizeof(path));
	file = fopen(path, "r");
	assert_non_null(file);
	assert_int_equal(fscanf(file, "%llu", &ns), 1);
	fclose(file);
	return (double)ns / 1e9;
}

static double thread_seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static double card_seconds(uint64_t offset, uint64_t bytes, unsigned int count)
{
	struct aci_desc desc = desc_copy(SRC_VA + offset, DST_VA + offset, bytes);
	double start = engine_seconds();

	for (unsigned int i = 0; i < count; i++)
		rig_submit(&queue, &desc);
	rig_sleep_completed(&queue, queue.tail);
	/* What the thread still does for the last one counts, too. */
	rig_sleep_ms(2);
	return engine_seconds() - start;
}

/* The same memory in the same order. */
static double cpu_seconds(uint64_t offset, uint64_t bytes, unsigned int count)
{
	double start = thread_seconds();
	size_t page_bytes = ACI_PAGE_SIZE;

	/* Of a size that it knows the compiler makes something else than a call of memcpy(). */
	asm volatile("" : "+r"(page_bytes));
	for (unsigned int i = 0; i < count; i++) {
		if (offset == SCATTERED)
			for (uint64_t page = 0; page < SCATTERED_PAGES; page++)
				memcpy(dst + scatter(page), src + scatter(page), page_bytes);
		else
			memcpy(dst, src, bytes);
		asm volatile("" : : : "memory");
	}
	return thread_seconds() - start;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static double median(double *values)
{
	qsort(values, ROUNDS, sizeof(*values), compare);
	return values[ROUNDS / 2];
}

/* Who was first in one pair is second in the next. */
static void measure(const char *name, uint64_t offset, uint64_t bytes)
{
	double ratio[ROUNDS], card[ROUNDS], cpu[ROUNDS];
	unsigned int count = RING_JOBS;

	if (count > ROUND_BYTES / bytes)
		count = bytes < ROUND_BYTES ? (unsigned int)(ROUND_BYTES / bytes) : 1;
	for (unsigned int i = 0; i < ROUNDS; i++) {
		if (i & 1)
			cpu[i] = cpu_seconds(offset, bytes, count);
		card[i] = card_seconds(offset, bytes, count);
		if (!(i & 1))
			cpu[i] = cpu_seconds(offset, bytes, count);
		ratio[i] = cpu[i] / card[i];
	}
	printf("value ratio %.4f copy %s, against memcpy\n", median(ratio), name);
	printf("value GB/s %.4g copy %s\n", (double)(bytes * count) / median(card) / 1e9, name);
	printf("value GB/s %.4g memcpy %s\n", (double)(bytes * count) / median(cpu) / 1e9, name);
}

int main(void)
{
	const struct rig_queue_options options = { .engine_class = ACI_ENGINE_CLASS_COPY };

	rig_start(&rig, NULL);
	rig_enable(&rig);
	rig_create_vm(&rig, 1, 0);
	src = new_set(SRC_IOVA);
	dst = new_set(DST_IOVA);
	map_set(SRC_VA, SRC_IOVA);
	map_set(DST_VA, DST_IOVA);
	rig_queue_create(&rig, &queue, 1, 1, &options);
	measure("64 KiB", 0, MIB / 16);
	measure("1 MiB", 0, MIB);
	measure("16 MiB", 0, 16 * MIB);
	measure("64 MiB", 0, 64 * MIB);
	measure("256 MiB", 0, SET_BYTES);
	measure("16 MiB in scattered 4 KiB pages", SCATTERED, 16 * MIB);
	rig_stop(&rig);
	return 0;
}
