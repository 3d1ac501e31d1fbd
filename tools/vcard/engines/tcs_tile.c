// SPDX-License-Identifier: MIT
/* Cutting a shape into tiles. The cut depends on shapes only, never on when a job was preempted. */
#include "tcs_box.h"

void tcs_split_plan(struct tcs_split *split, unsigned int rank, const uint64_t *shape,
		    uint64_t elements)
{
	uint64_t inner = 1;
	unsigned int dim = rank;

	*split = (struct tcs_split){ .dim = 0, .chunk = 1, .chunks = 1, .tiles = 1 };
	if (!rank)
		return;
	do {
		dim--;
		split->dim = dim;
		split->chunk = tcs_min(shape[dim], tcs_max(elements / inner, 1));
		inner *= shape[dim];
	} while (dim > 0 && split->chunk == shape[dim] && inner <= elements / 2);
	split->chunks = tcs_div_up(shape[split->dim], split->chunk);
	split->tiles = split->chunks;
	for (unsigned int i = 0; i < split->dim; i++)
		split->tiles *= shape[i];
}

void tcs_split_tile(const struct tcs_split *split, unsigned int rank, const uint64_t *shape,
		    uint64_t tile, uint64_t *start, uint64_t *count)
{
	for (unsigned int i = rank; i-- > 0; ) {
		if (i > split->dim) {
			start[i] = 0;
			count[i] = shape[i];
		} else if (i == split->dim) {
			start[i] = tile % split->chunks * split->chunk;
			count[i] = tcs_min(split->chunk, shape[i] - start[i]);
			tile /= split->chunks;
		} else {
			start[i] = tile % shape[i];
			count[i] = 1;
			tile /= shape[i];
		}
	}
}

void tcs_broadcast(const struct tcs_tensor *t, unsigned int rank, const uint64_t *shape,
		   int64_t *stride)
{
	unsigned int missing = rank - t->rank;

	for (unsigned int i = 0; i < rank; i++)
		stride[i] = i < missing || t->shape[i - missing] != shape[i] ?
			    0 : t->stride[i - missing];
}
