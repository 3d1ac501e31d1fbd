// SPDX-License-Identifier: GPL-2.0
#include <fcntl.h>
#include <linux/kcov.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "aci_fuzz.h"

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#define KCOV_PATH	"/sys/kernel/debug/kcov"
#define COVER_WORDS	(64 << 10)
/* Around the memory: what runs off it must not find the test's own. */
#define GUARD_BYTES	KIB(64)
#define SEEN_BITS	16

__u64 fuzz_below(struct fuzz *fuzz, __u64 limit)
{
	return limit ? data_random(&fuzz->random) % limit : 0;
}

__u64 fuzz_value(struct fuzz *fuzz)
{
	static const __u64 borders[] = {
		0, 1, 2, 3, 4, 7, 8, 24, 32, 48, 63, 64, 65, 128, 255, 4095, 4096, 4097, 8192,
		65536, 0x7fffffff, 0x80000000, 0xffffffff, 1ull << 32, 1ull << 47, 1ull << 48,
		1ull << 63, ~0ull, ~0ull << 12,
	};
	__u64 which = fuzz_below(fuzz, ARRAY_SIZE(borders) + fuzz->value_count + 2);

	if (which < ARRAY_SIZE(borders))
		return borders[which];
	which -= ARRAY_SIZE(borders);
	if (which < fuzz->value_count)
		return fuzz->values[which] + fuzz_below(fuzz, 3) - 1;
	return data_random(&fuzz->random);
}

/* --- Coverage --- */

static void cover_init(struct fuzz *fuzz)
{
	void *cover;

	fuzz->kcov = open(KCOV_PATH, O_RDWR | O_CLOEXEC);
	if (fuzz->kcov < 0)
		return;
	if (ioctl(fuzz->kcov, KCOV_INIT_TRACE, COVER_WORDS))
		return;
	cover = mmap(NULL, COVER_WORDS * sizeof(*fuzz->cover), PROT_READ | PROT_WRITE, MAP_SHARED,
		     fuzz->kcov, 0);
	if (cover == MAP_FAILED || ioctl(fuzz->kcov, KCOV_ENABLE, KCOV_TRACE_PC))
		return;
	fuzz->cover = cover;
	fuzz->seen = calloc(1, 1 << SEEN_BITS);
}

/* How much of what has just run had not been seen before. */
static unsigned int cover_news(struct fuzz *fuzz)
{
	unsigned int news = 0;
	unsigned long count, i;

	if (!fuzz->seen)
		return 0;
	count = __atomic_load_n(&fuzz->cover[0], __ATOMIC_RELAXED);
	for (i = 1; i <= count && i < COVER_WORDS; i++) {
		unsigned int slot = (fuzz->cover[i] * 0x9e3779b97f4a7c15ull) >> (64 - SEEN_BITS);

		news += !fuzz->seen[slot];
		fuzz->seen[slot] = 1;
	}
	fuzz->reached += news;
	return news;
}

/* --- Arguments --- */

static void change_bytes(struct fuzz *fuzz, unsigned char *data, size_t bytes)
{
	size_t width = 1ull << fuzz_below(fuzz, 4);
	size_t at = fuzz_below(fuzz, bytes / width) * width;
	__u64 value;

	memcpy(&value, data + at, width);
	switch (fuzz_below(fuzz, 4)) {
	case 0:
		value ^= 1ull << fuzz_below(fuzz, width * 8);
		break;
	case 1:
		value += fuzz_below(fuzz, 65) - 32;
		break;
	default:
		value = fuzz_value(fuzz);
	}
	memcpy(data + at, &value, width);
}

static void keep_seed(struct fuzz *fuzz, unsigned int call, const void *arg)
{
	struct fuzz_seed *seed;
	unsigned int slot = fuzz->seed_count[call];

	if (slot == FUZZ_SEEDS_MAX)
		slot = fuzz_below(fuzz, FUZZ_SEEDS_MAX);
	else
		fuzz->seed_count[call]++;
	seed = &fuzz->seeds[call][slot];
	memcpy(seed->arg, arg, sizeof(seed->arg));
	memcpy(seed->memory, fuzz->memory, sizeof(seed->memory));
}

static void fill(struct fuzz *fuzz, unsigned int call, void *arg, size_t bytes)
{
	unsigned int changes = 0;

	memset(arg, 0, FUZZ_ARG_BYTES);
	if (fuzz->seed_count[call] && !fuzz_below(fuzz, 4)) {
		const struct fuzz_seed *seed =
			&fuzz->seeds[call][fuzz_below(fuzz, fuzz->seed_count[call])];

		memcpy(arg, seed->arg, sizeof(seed->arg));
		memcpy(fuzz->memory, seed->memory, sizeof(seed->memory));
		changes = 1 + fuzz_below(fuzz, 3);
	} else {
		fuzz->calls[call].fill(fuzz, arg);
		/* A good part unchanged, or there would be nothing to work with. */
		if (!fuzz_below(fuzz, 3))
			changes = 1 + fuzz_below(fuzz, 3);
	}
	while (changes--) {
		if (fuzz_below(fuzz, 2))
			change_bytes(fuzz, arg, bytes);
		else
			change_bytes(fuzz, fuzz->memory, KIB(2));
	}
}

/* --- Replies --- */

/* Memory and what is mapped of it, or text and modules. */
static bool is_kernel_address(__u64 value)
{
	return (value >= 0xffff800000000000ull && value < 0xffffff0000000000ull) ||
	       (value >= 0xffffffff80000000ull && value < 0xffffffffffe00000ull);
}

static void check_reply(struct fuzz *fuzz, const char *name, const void *before, const void *after)
{
	size_t at;

	for (at = 0; at + 8 <= FUZZ_ARG_BYTES; at += 4) {
		__u64 old, new;

		memcpy(&old, (const char *)before + at, 8);
		memcpy(&new, (const char *)after + at, 8);
		/* An upper half that is as it was is the caller's. */
		if (new >> 32 == old >> 32 || !is_kernel_address(new))
			continue;
		printf("# %s: byte %zu: %#llx was %#llx\n", name, at, new, old);
		fuzz->leaks++;
	}
}

static unsigned int pick_call(struct fuzz *fuzz)
{
	unsigned int i, total = 0;
	__u64 at;

	for (i = 0; i < fuzz->call_count; i++)
		total += fuzz->calls[i].weight;
	at = fuzz_below(fuzz, total);
	for (i = 0; at >= fuzz->calls[i].weight; i++)
		at -= fuzz->calls[i].weight;
	return i;
}

int fuzz_call(struct fuzz *fuzz)
{
	unsigned int nr = pick_call(fuzz);
	const struct fuzz_call *call = &fuzz->calls[nr];
	size_t bytes = _IOC_SIZE(call->request);
	unsigned char before[FUZZ_ARG_BYTES], after[FUZZ_ARG_BYTES];
	unsigned long request = call->request;
	int err;

	fill(fuzz, nr, before, bytes);
	if (call->tame)
		call->tame(before);
	/* A caller of another version knows more or less of the structure. */
	if (!fuzz_below(fuzz, 32))
		request = _IOC(_IOC_DIR(request), _IOC_TYPE(request), _IOC_NR(request),
			       fuzz_below(fuzz, FUZZ_ARG_BYTES));
	memcpy(after, before, sizeof(after));
	if (fuzz->cover)
		__atomic_store_n(&fuzz->cover[0], 0, __ATOMIC_RELAXED);
	err = aci_ioctl(fuzz->fd, request, after);
	if (cover_news(fuzz))
		keep_seed(fuzz, nr, before);
	check_reply(fuzz, call->name, before, after);
	fuzz->counts[nr].calls++;
	if (!err) {
		fuzz->counts[nr].successes++;
		if (call->done)
			call->done(fuzz, before, after);
	}
	return err;
}

int fuzz_init(struct fuzz *fuzz, int fd, __u64 seed, const struct fuzz_call *calls,
	      unsigned int count)
{
	unsigned int i;
	void *memory;

	memset(fuzz, 0, sizeof(*fuzz));
	fuzz->fd = fd;
	fuzz->random = seed;
	fuzz->calls = calls;
	fuzz->call_count = count;
	memory = mmap(NULL, FUZZ_MEMORY_BYTES + 2 * GUARD_BYTES, PROT_NONE,
		      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED)
		return -errno;
	fuzz->memory = (unsigned char *)memory + GUARD_BYTES;
	if (mprotect(fuzz->memory, FUZZ_MEMORY_BYTES, PROT_READ | PROT_WRITE))
		return -errno;
	for (i = 0; i < count; i++) {
		fuzz->seeds[i] = calloc(FUZZ_SEEDS_MAX, sizeof(*fuzz->seeds[i]));
		if (!fuzz->seeds[i])
			return -ENOMEM;
	}
	cover_init(fuzz);
	return 0;
}

void fuzz_fini(struct fuzz *fuzz)
{
	unsigned int i;

	for (i = 0; i < fuzz->call_count; i++)
		free(fuzz->seeds[i]);
	if (fuzz->memory)
		munmap(fuzz->memory - GUARD_BYTES, FUZZ_MEMORY_BYTES + 2 * GUARD_BYTES);
	if (fuzz->cover)
		munmap(fuzz->cover, COVER_WORDS * sizeof(*fuzz->cover));
	if (fuzz->kcov > 0)
		close(fuzz->kcov);
	free(fuzz->seen);
}
