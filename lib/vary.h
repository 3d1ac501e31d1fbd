/* SPDX-License-Identifier: MIT */
/*
 * One program for many sizes. A model with one open size is built as a graph for
 * the largest size and for some below it. They are the same but for numbers, and
 * each number that differs is a polynomial of the size: it becomes a scalar
 * argument, computed at each run.
 *
 * Locking: none; a graph's thread makes it, a model's thread reads it.
 */
#ifndef LIB_VARY_H
#define LIB_VARY_H

#include "graph.h"

#define VARY_SAMPLES	5	/* for one degree more than VARY_TERMS has: to see that it is none */
#define VARY_TERMS	4
#define VARY_SIZE_MAX	65536u

/** struct vary_poly - value(n) = the sum of term[k] * (n - base over k) */
struct vary_poly {
	int64_t term[VARY_TERMS];
};

struct vary {
	uint64_t max;
	struct accel_graph *graphs[VARY_SAMPLES];	/* for max, max - 1, ...; while compiling */
	uint32_t slot;			/* of the first scalar argument */
	struct vary_poly *polys;	/* per scalar argument */
	uint32_t count, room;
};

/** vary_check() - are the graphs the same but for sizes? -ENOTSUP: what depends on the size */
int vary_check(const struct vary *vary);
/**
 * vary_view() - numbers of tensor @tensor that differ become those of arguments
 * @base: where its storage lies
 * @view: as for the largest size, its offset with @base
 */
int vary_view(struct vary *vary, uint32_t tensor, uint64_t base, struct accel_view *view);
/** vary_value() - at size @n */
int64_t vary_value(const struct vary *vary, const struct vary_poly *poly, uint64_t n);
/** vary_shape() - dimensions of a tensor as polynomials. -ENOTSUP: its place differs too */
int vary_shape(const struct vary *vary, uint32_t tensor, struct vary_poly dims[ACCEL_RANK_MAX]);
void vary_free(struct vary *vary);

#endif
