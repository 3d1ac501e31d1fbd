// SPDX-License-Identifier: MIT
/* Cutting a shape into tiles. The cut depends on shapes only, never on when a job was preempted. */
#include "tcs_box.h"

static void count_tiles(struct tcs_split *split, unsigned int rank, const uint64_t *shape)
{
	split->tiles = 1;
	for (unsigned int i = 0; i < rank; i++)
		split->tiles *= tcs_div_up(shape[i], split->chunk[i]);
}

void tcs_split_plan(struct tcs_split *split, unsigned int rank, const uint64_t *shape,
		    uint64_t elements)
{
	uint64_t inner = 1;

	for (unsigned int i = rank; i-- > 0; ) {
		split->chunk[i] = tcs_min(shape[i], tcs_max(elements / inner, 1));
		inner *= split->chunk[i];
	}
	count_tiles(split, rank, shape);
}

void tcs_split_balance(struct tcs_split *split, unsigned int rank, const uint64_t *shape,
		       uint64_t elements)
{
	uint64_t size = 1;

	for (unsigned int i = 0; i < rank; i++)
		split->chunk[i] = 1;
	while (size <= elements / 2) {
		unsigned int least = rank;

		for (unsigned int i = rank; i-- > 0; )
			if (split->chunk[i] < shape[i] &&
			    (least == rank || split->chunk[i] < split->chunk[least]))
				least = i;
		if (least == rank)
			break;
		size /= split->chunk[least];
		split->chunk[least] = tcs_min(2 * split->chunk[least], shape[least]);
		size *= split->chunk[least];
	}
	count_tiles(split, rank, shape);
}

void tcs_split_tile(const struct tcs_split *split, unsigned int rank, const uint64_t *shape,
		    uint64_t tile, uint64_t *start, uint64_t *count)
{
	for (unsigned int i = rank; i-- > 0; ) {
		const uint64_t chunks = tcs_div_up(shape[i], split->chunk[i]);

		start[i] = tile % chunks * split->chunk[i];
		count[i] = tcs_min(split->chunk[i], shape[i] - start[i]);
		tile /= chunks;
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
