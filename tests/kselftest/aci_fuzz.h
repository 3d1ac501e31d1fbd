/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The engine of the fuzzer: a table of calls, each with a function that fills in
 * a valid argument; random changes to that; arguments that reached new code of
 * the driver (kcov, where the kernel has it) are kept and changed further. What
 * the calls mean stays with the test.
 *
 * Everything follows from the seed, but for what the kernel allocates.
 * Locking: none; one thread.
 */
#ifndef ACI_FUZZ_H
#define ACI_FUZZ_H

#include "aci_test.h"

#define FUZZ_ARG_BYTES		128
#define FUZZ_MEMORY_BYTES	KIB(32)	/* what pointers in arguments point to */

struct fuzz;

/** struct fuzz_call - an ioctl */
struct fuzz_call {
	const char *name;
	unsigned long request;
	/** @fill: a valid argument, if there are objects for one */
	void (*fill)(struct fuzz *fuzz, void *arg);
	/** @tame: keep the argument from using the machine up; may be NULL */
	void (*tame)(void *arg);
	/** @done: it succeeded: note what was made; may be NULL */
	void (*done)(struct fuzz *fuzz, const void *before, const void *after);
	/** @weight: how often, relative to the others */
	unsigned int weight;
};

/** struct fuzz_count - what became of the calls of one kind */
struct fuzz_count {
	unsigned int calls;
	unsigned int successes;
};

/** struct fuzz_seed - an argument that reached new code */
struct fuzz_seed {
	unsigned char arg[FUZZ_ARG_BYTES];
	unsigned char memory[KIB(2)];
};

#define FUZZ_CALLS_MAX	32
#define FUZZ_SEEDS_MAX	64	/* for each call */

struct fuzz {
	__u64 random;
	int fd;
	const struct fuzz_call *calls;
	unsigned int call_count;
	/** @memory: pointers that fill() makes point here */
	unsigned char *memory;
	/** @values: interesting for this test, besides the usual ones */
	__u64 values[32];
	unsigned int value_count;

	struct fuzz_count counts[FUZZ_CALLS_MAX];
	/** @leaks: replies with what looks like a kernel address */
	unsigned int leaks;

	unsigned long *cover;		/* of kcov, or NULL */
	int kcov;
	unsigned char *seen;		/* code reached, hashed */
	unsigned int reached;
	struct fuzz_seed *seeds[FUZZ_CALLS_MAX];
	unsigned int seed_count[FUZZ_CALLS_MAX];
};

/** fuzz_init() - @calls of @count, to be made on @fd */
int fuzz_init(struct fuzz *fuzz, int fd, __u64 seed, const struct fuzz_call *calls,
	      unsigned int count);
void fuzz_fini(struct fuzz *fuzz);
/** fuzz_call() - one call of a random kind. Return: as aci_ioctl() */
int fuzz_call(struct fuzz *fuzz);
/** fuzz_below() - a number below @limit */
__u64 fuzz_below(struct fuzz *fuzz, __u64 limit);
/** fuzz_value() - a number that may be at a border of something */
__u64 fuzz_value(struct fuzz *fuzz);

#endif /* ACI_FUZZ_H */
