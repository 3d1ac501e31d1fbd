// SPDX-License-Identifier: MIT
/*
 * Memory planner. Items are placed one after the other, each into the tightest
 * gap between the placed ones that live at the same time. The order decides
 * how good that gets, so several are tried and the best plan is kept.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "graph.h"

typedef int (*plan_compare)(const void *a, const void *b);

static int compare_u64(uint64_t a, uint64_t b)
{
	return a < b ? -1 : a > b;
}

static uint64_t item_length(const struct plan_item *item)
{
	return (uint64_t)item->last - item->first + 1;
}

static int by_size(const void *a, const void *b)
{
	const struct plan_item *const *x = a, *const *y = b;
	int order = compare_u64((*y)->bytes, (*x)->bytes);

	return order ? order : compare_u64((*x)->first, (*y)->first);
}

static int by_start(const void *a, const void *b)
{
	const struct plan_item *const *x = a, *const *y = b;
	int order = compare_u64((*x)->first, (*y)->first);

	return order ? order : compare_u64((*y)->bytes, (*x)->bytes);
}

static int by_length(const void *a, const void *b)
{
	const struct plan_item *const *x = a, *const *y = b;
	int order = compare_u64(item_length(*y), item_length(*x));

	return order ? order : by_size(a, b);
}

static int by_area(const void *a, const void *b)
{
	const struct plan_item *const *x = a, *const *y = b;
	unsigned __int128 p = (unsigned __int128)(*x)->bytes * item_length(*x);
	unsigned __int128 q = (unsigned __int128)(*y)->bytes * item_length(*y);

	return p == q ? by_size(a, b) : p > q ? -1 : 1;
}

static bool overlap_in_time(const struct plan_item *a, const struct plan_item *b)
{
	return a->first <= b->last && b->first <= a->last;
}

/* @placed is sorted by offset. Return: the offset for @item. */
static uint64_t find_gap(struct plan_item *const *placed, uint32_t count,
			 const struct plan_item *item)
{
	uint64_t end = 0, best = UINT64_MAX, best_bytes = UINT64_MAX;

	for (uint32_t i = 0; i < count; i++) {
		const struct plan_item *other = placed[i];

		if (!overlap_in_time(item, other))
			continue;
		if (other->offset > end && other->offset - end >= item->bytes &&
		    other->offset - end < best_bytes) {
			best = end;
			best_bytes = other->offset - end;
		}
		if (other->offset + other->bytes > end)
			end = other->offset + other->bytes;
	}
	return best == UINT64_MAX ? end : best;
}

static void insert_sorted(struct plan_item **placed, uint32_t count, struct plan_item *item)
{
	uint32_t at = count;

	while (at && placed[at - 1]->offset > item->offset)
		at--;
	memmove(&placed[at + 1], &placed[at], (count - at) * sizeof(*placed));
	placed[at] = item;
}

static uint64_t place_all(struct plan_item *const *order, struct plan_item **placed, uint32_t count)
{
	uint64_t peak = 0;

	for (uint32_t i = 0; i < count; i++) {
		struct plan_item *item = order[i];

		item->offset = find_gap(placed, i, item);
		insert_sorted(placed, i, item);
		if (item->offset + item->bytes > peak)
			peak = item->offset + item->bytes;
	}
	return peak;
}

static int round_sizes(struct plan_item *items, uint32_t count, uint64_t align)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < count; i++) {
		if (__builtin_add_overflow(items[i].bytes, align - 1, &items[i].bytes))
			return -EOVERFLOW;
		items[i].bytes &= ~(align - 1);
		/* All of them one behind the other still have an address. */
		if (__builtin_add_overflow(sum, items[i].bytes, &sum))
			return -EOVERFLOW;
	}
	return 0;
}

struct plan_work {
	struct plan_item *items;	/* with sizes rounded up */
	struct plan_item **order;
	struct plan_item **placed;
};

static void try_orders(struct plan_work *work, struct plan_item *items, uint32_t count,
		       uint64_t bound, uint64_t *peak)
{
	static const plan_compare orders[] = { by_size, by_area, by_length, by_start };

	*peak = UINT64_MAX;
	for (size_t n = 0; n < sizeof(orders) / sizeof(orders[0]) && *peak > bound; n++) {
		uint64_t found;

		for (uint32_t i = 0; i < count; i++)
			work->order[i] = &work->items[i];
		qsort(work->order, count, sizeof(*work->order), orders[n]);
		found = place_all(work->order, work->placed, count);
		if (found >= *peak)
			continue;
		*peak = found;
		for (uint32_t i = 0; i < count; i++)
			items[i].offset = work->items[i].offset;
	}
}

int graph_plan(struct plan_item *items, uint32_t count, uint64_t align, uint64_t *peak)
{
	struct plan_work work;
	int ret;

	*peak = 0;
	if (!count)
		return 0;
	work.items = calloc(count, sizeof(*work.items));
	work.order = calloc(count, sizeof(*work.order));
	work.placed = calloc(count, sizeof(*work.placed));
	ret = work.items && work.order && work.placed ? 0 : -ENOMEM;
	if (!ret) {
		memcpy(work.items, items, count * sizeof(*items));
		ret = round_sizes(work.items, count, align);
	}
	if (!ret)
		try_orders(&work, items, count, graph_plan_bound(items, count, align), peak);
	free(work.items);
	free(work.order);
	free(work.placed);
	return ret;
}

/* The most that lives at one step. It changes only where an item starts. */
uint64_t graph_plan_bound(const struct plan_item *items, uint32_t count, uint64_t align)
{
	uint64_t bound = 0;

	for (uint32_t i = 0; i < count; i++) {
		uint64_t sum = 0;

		for (uint32_t j = 0; j < count; j++)
			if (items[j].first <= items[i].first && items[i].first <= items[j].last)
				sum += (items[j].bytes + align - 1) & ~(align - 1);
		if (sum > bound)
			bound = sum;
	}
	return bound;
}
