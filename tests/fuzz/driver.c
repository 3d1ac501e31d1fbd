// SPDX-License-Identifier: MIT
/*
 * Replays inputs, and makes more of them:
 *
 *	PROGRAM				what is good, spoiled in RUNS ways; the same every time
 *	PROGRAM -n RUNS [-s SEED]	more, or others
 *	PROGRAM FILE...			these
 *
 * The input at work is kept in $FUZZ_CRASH_DIR, if that is set, until it is over:
 * what is found there after a crash is its cause.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fuzz.h"

#define RUNS	400

static uint64_t state;

static uint64_t next_random(void)
{
	uint64_t z = state += 0x9e3779b97f4a7c15ull;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

static uint64_t below(uint64_t n)
{
	return next_random() % n;
}

static const char *crash_path(void)
{
	static char path[512];
	const char *dir = getenv("FUZZ_CRASH_DIR");

	if (!dir)
		return NULL;
	snprintf(path, sizeof(path), "%s/input.%d", dir, (int)getpid());
	return path;
}

static void run(const uint8_t *data, size_t bytes)
{
	const char *path = crash_path();
	FILE *file = path ? fopen(path, "wb") : NULL;

	if (file) {
		fwrite(data, 1, bytes, file);
		fclose(file);
	}
	LLVMFuzzerTestOneInput(data, bytes);
	if (file)
		unlink(path);
}

/* --- Mutation --- */

static uint64_t nasty(uint64_t old)
{
	static const uint64_t values[] = {
		0, 1, 2, 7, 8, 63, 64, 0xff, 0xfff, 0x1000, 0xffff, 0x10000, 0x7fffffff,
		0xffffffff, 0x100000000, 1ull << 47, 1ull << 52, 1ull << 63, UINT64_MAX,
	};

	switch (below(4)) {
	case 0: return old ^ 1ull << below(64);
	case 1: return old + below(17) - 8;
	case 2: return next_random();
	default: return values[below(sizeof(values) / sizeof(values[0]))];
	}
}

static void spoil_field(uint8_t *data, size_t bytes)
{
	static const unsigned int sizes[] = { 1, 2, 4, 8 };
	unsigned int size = sizes[below(4)];
	uint64_t value = 0;
	size_t at;

	if (bytes < size)
		return;
	at = below(bytes / size) * size;
	memcpy(&value, data + at, size);
	value = nasty(value);
	memcpy(data + at, &value, size);
}

/* Take out, or repeat, a piece whose borders are likely to mean something. */
static size_t move_piece(uint8_t *data, size_t bytes)
{
	size_t unit = 1u << below(8), from, to, length;

	if (bytes < 2 * unit)
		return bytes;
	length = unit * (1 + below(bytes / unit / 2));
	from = below(bytes - length + 1) / unit * unit;
	if (below(2)) {
		memmove(data + from, data + from + length, bytes - from - length);
		return bytes - length;
	}
	if (bytes + length > FUZZ_INPUT_MAX)
		return bytes;
	to = below(bytes + 1) / unit * unit;
	memmove(data + to + length, data + to, bytes - to);
	for (size_t i = 0; i < length; i++)
		data[to + i] = data[(from + i) % bytes];
	return bytes + length;
}

static size_t mutate(uint8_t *data, size_t bytes)
{
	for (uint64_t i = 1 + below(5); i; i--) {
		if (below(6))
			spoil_field(data, bytes);
		else
			bytes = move_piece(data, bytes);
	}
	return below(40) ? bytes : below(bytes + 1);
}

static unsigned int count_seeds(void)
{
	static uint8_t data[FUZZ_INPUT_MAX];
	unsigned int count = 0;

	while (fuzz_seed(count, data))
		count++;
	return count;
}

static void fuzz(unsigned long runs)
{
	static uint8_t data[FUZZ_INPUT_MAX];
	unsigned int seeds = count_seeds();

	for (unsigned int i = 0; i < seeds; i++)
		run(data, fuzz_seed(i, data));
	for (unsigned long i = 0; i < runs; i++) {
		/* Each run by itself: it can be repeated without those before. */
		size_t bytes;

		memset(data, 0, sizeof(data));
		bytes = fuzz_seed((unsigned int)below(seeds), data);
		run(data, mutate(data, bytes));
	}
	printf("ok 1 - %u seeds and %lu inputs made of them\n", seeds, runs);
}

static int replay(const char *path)
{
	static uint8_t data[FUZZ_INPUT_MAX];
	FILE *file = fopen(path, "rb");
	size_t bytes;

	if (!file) {
		perror(path);
		return 1;
	}
	bytes = fread(data, 1, sizeof(data), file);
	fclose(file);
	LLVMFuzzerTestOneInput(data, bytes);
	printf("# %s: %zu bytes\n", path, bytes);
	return 0;
}

int main(int argc, char **argv)
{
	unsigned long runs = RUNS;
	int option, failed = 0;

	while ((option = getopt(argc, argv, "n:s:")) != -1) {
		if (option == 'n')
			runs = strtoul(optarg, NULL, 0);
		else if (option == 's')
			state = strtoull(optarg, NULL, 0);
		else
			return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (optind < argc) {
		while (optind < argc)
			failed |= replay(argv[optind++]);
		return failed;
	}
	printf("1..1\n");
	fuzz(runs);
	return 0;
}
