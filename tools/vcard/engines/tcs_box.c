// SPDX-License-Identifier: MIT
/* Strided boxes of device memory: gather, scatter, windows. */
#include <stdlib.h>
#include <string.h>

#include "tcs_box.h"

/* A load may open one window over gaps as long as they stay below this. */
#define GAP_FACTOR	4
#define SMALL_SPAN	(64u << 10)

struct dim {
	uint64_t n;
	int64_t mem;	/* stride in device memory, bytes */
	int64_t local;	/* stride in local memory, bytes */
};

/* A box cut into windows: dims[0..outer) are walked, the rest lies in one window. */
struct walk {
	struct dim dims[ACI_TCS_RANK_MAX];
	unsigned int count;
	unsigned int outer;
	uint64_t windows;
	uint64_t below;		/* bytes of a window before and */
	uint64_t above;		/* after its element 0, that one included */
};

unsigned int tcs_window_open(struct tcs_state *st, uint64_t va, uint64_t bytes, unsigned int mode,
			     struct vm_access *access)
{
	/* Where dimensions cannot be cut a tile may take more windows than a stop can wait for. */
	if (++st->windows % TCS_STOP_WINDOWS == 0 && engine_should_stop(st->job))
		st->stopped = true;
	if (st->stopped)
		return ACI_STATUS_ENGINE_FAULT;
	return vm_access_begin(st->job, va, bytes, mode, access, &st->fault_va);
}

unsigned int tcs_window_close(struct tcs_state *st, struct vm_access *access)
{
	return vm_access_end(st->job, access, &st->fault_va);
}

void tcs_box_slice(struct tcs_box *box, uint64_t va, unsigned int element_bytes, unsigned int rank,
		   const int64_t *stride, const uint64_t *start, const uint64_t *count)
{
	box->va = va;
	box->rank = rank;
	box->element_bytes = element_bytes;
	for (unsigned int i = 0; i < rank; i++) {
		box->va += tcs_step(start[i], stride[i]);
		box->shape[i] = count[i];
		box->stride[i] = stride[i];
	}
}

uint64_t tcs_box_elements(const struct tcs_box *box)
{
	uint64_t elements = 1;

	for (unsigned int i = 0; i < box->rank; i++)
		elements *= box->shape[i];
	return elements;
}

static void dense_strides(const struct tcs_box *box, int64_t *stride)
{
	int64_t step = box->element_bytes;

	for (unsigned int i = box->rank; i-- > 0; ) {
		stride[i] = step;
		step *= (int64_t)box->shape[i];
	}
}

static uint64_t magnitude(int64_t stride)
{
	return stride < 0 ? -(uint64_t)stride : (uint64_t)stride;
}

static uint64_t sort_key(const struct dim *dim, bool by_local)
{
	return magnitude(by_local ? dim->local : dim->mem);
}

/* Largest stride first; stable, at most eight entries. */
static void sort_dims(struct dim *dims, unsigned int count, bool by_local)
{
	for (unsigned int i = 1; i < count; i++) {
		struct dim dim = dims[i];
		unsigned int j = i;

		for (; j > 0 && sort_key(&dims[j - 1], by_local) < sort_key(&dim, by_local); j--)
			dims[j] = dims[j - 1];
		dims[j] = dim;
	}
}

static unsigned int merge_dims(struct dim *dims, unsigned int count)
{
	unsigned int out = 0;

	for (unsigned int i = 0; i < count; i++) {
		struct dim *prev = out ? &dims[out - 1] : NULL;

		if (prev && prev->mem == dims[i].mem * (int64_t)dims[i].n &&
		    prev->local == dims[i].local * (int64_t)dims[i].n) {
			dims[i].n *= prev->n;
			*prev = dims[i];
		} else {
			dims[out++] = dims[i];
		}
	}
	return out;
}

/*
 * The inner dimensions that one window can hold: for a load those whose gaps
 * are small, for a store those without any.
 */
static void find_window(struct walk *walk, unsigned int element_bytes, bool store)
{
	uint64_t below = 0, above = element_bytes, bytes = element_bytes;

	walk->below = below;
	walk->above = above;
	walk->outer = walk->count;
	for (unsigned int i = walk->count; i-- > 0; ) {
		const struct dim *dim = &walk->dims[i];
		uint64_t reach = magnitude(dim->mem) * (dim->n - 1);

		if (dim->mem < 0)
			below += reach;
		else
			above += reach;
		bytes *= dim->n;
		if (store ? below + above != bytes :
			    below + above > tcs_max(GAP_FACTOR * bytes, SMALL_SPAN))
			continue;
		walk->outer = i;
		walk->below = below;
		walk->above = above;
	}
	walk->windows = 1;
	for (unsigned int i = 0; i < walk->outer; i++)
		walk->windows *= walk->dims[i].n;
}

static void walk_init(struct walk *walk, const struct tcs_box *box, const int64_t *local,
		      bool store)
{
	walk->count = 0;
	for (unsigned int i = 0; i < box->rank; i++) {
		if (box->shape[i] == 1)
			continue;
		walk->dims[walk->count++] = (struct dim){ box->shape[i], box->stride[i], local[i] };
	}
	sort_dims(walk->dims, walk->count, false);
	walk->count = merge_dims(walk->dims, walk->count);
	find_window(walk, box->element_bytes, store);
}

uint64_t tcs_box_windows(const struct tcs_box *box, bool store)
{
	int64_t local[ACI_TCS_RANK_MAX];
	struct walk walk;

	dense_strides(box, local);
	walk_init(&walk, box, local, store);
	return walk.windows;
}

#define COPY_ROW(type)								\
	for (uint64_t i = 0; i < n; i++)					\
		*(type *)(dst + (int64_t)i * dst_step) =			\
			*(const type *)(src + (int64_t)i * src_step)

static void copy_row(uint8_t *dst, int64_t dst_step, const uint8_t *src, int64_t src_step,
		     uint64_t n, unsigned int element_bytes)
{
	if (dst_step == element_bytes && src_step == element_bytes) {
		memcpy(dst, src, n * element_bytes);
		return;
	}
	switch (element_bytes) {
	case 1: COPY_ROW(uint8_t); break;
	case 2: COPY_ROW(uint16_t); break;
	case 4: COPY_ROW(uint32_t); break;
	default: COPY_ROW(uint64_t); break;
	}
}

void tcs_copy_plane(uint8_t *dst, int64_t dst_row, int64_t dst_col, const uint8_t *src,
		    int64_t src_row, int64_t src_col, uint64_t rows, uint64_t cols,
		    unsigned int element_bytes)
{
	for (uint64_t i = 0; i < rows; i++)
		copy_row(dst + (int64_t)i * dst_row, dst_col, src + (int64_t)i * src_row, src_col,
			 cols, element_bytes);
}

/* @store: local to memory, else memory to local. */
static void copy_dims(uint8_t *mem, uint8_t *local, const struct dim *dims, unsigned int count,
		      unsigned int element_bytes, bool store)
{
	static const struct dim single = { 1, 0, 0 };
	const struct dim *col = count ? &dims[count - 1] : &single;
	const struct dim *row = count > 1 ? &dims[count - 2] : &single;

	if (count > 2) {
		for (uint64_t i = 0; i < dims[0].n; i++)
			copy_dims(mem + (int64_t)i * dims[0].mem,
				  local + (int64_t)i * dims[0].local,
				  dims + 1, count - 1, element_bytes, store);
		return;
	}
	if (store)
		tcs_copy_plane(mem, row->mem, col->mem, local, row->local, col->local,
			       row->n, col->n, element_bytes);
	else
		tcs_copy_plane(local, row->local, col->local, mem, row->mem, col->mem,
			       row->n, col->n, element_bytes);
}

static unsigned int walk_run(struct tcs_state *st, struct walk *walk, uint64_t va, uint8_t *local,
			     unsigned int element_bytes, bool store)
{
	unsigned int inner = walk->count - walk->outer;
	struct dim *dims = walk->dims + walk->outer;

	sort_dims(dims, inner, true);
	for (uint64_t window = 0; window < walk->windows; window++) {
		uint64_t at = va, rest = window;
		uint8_t *to = local;
		struct vm_access access;
		unsigned int status;

		for (unsigned int i = walk->outer; i-- > 0; ) {
			uint64_t index = rest % walk->dims[i].n;

			rest /= walk->dims[i].n;
			at += tcs_step(index, walk->dims[i].mem);
			to += (int64_t)index * walk->dims[i].local;
		}
		status = tcs_window_open(st, at - walk->below, walk->below + walk->above,
					 store ? VM_ACCESS_WRITE : VM_ACCESS_READ, &access);
		if (status != ACI_STATUS_SUCCESS)
			return status;
		copy_dims((uint8_t *)access.ptr + walk->below, to, dims, inner, element_bytes,
			  store);
		status = tcs_window_close(st, &access);
		if (status != ACI_STATUS_SUCCESS)
			return status;
	}
	return ACI_STATUS_SUCCESS;
}

unsigned int tcs_box_load_strided(struct tcs_state *st, const struct tcs_box *box, void *dst,
				  const int64_t *dst_stride)
{
	struct walk walk;

	walk_init(&walk, box, dst_stride, false);
	return walk_run(st, &walk, box->va, dst, box->element_bytes, false);
}

unsigned int tcs_box_load(struct tcs_state *st, const struct tcs_box *box, void *dst)
{
	int64_t local[ACI_TCS_RANK_MAX];

	dense_strides(box, local);
	return tcs_box_load_strided(st, box, dst, local);
}

unsigned int tcs_box_store(struct tcs_state *st, const struct tcs_box *box, void *src)
{
	int64_t local[ACI_TCS_RANK_MAX];
	struct walk walk;

	dense_strides(box, local);
	walk_init(&walk, box, local, true);
	return walk_run(st, &walk, box->va, src, box->element_bytes, true);
}

static bool box_is_dense(const struct tcs_box *box)
{
	int64_t step = box->element_bytes;

	for (unsigned int i = box->rank; i-- > 0; ) {
		if (box->shape[i] == 1)
			continue;
		if (box->stride[i] != step)
			return false;
		step *= (int64_t)box->shape[i];
	}
	return true;
}

static unsigned int map_scratch(struct tcs_state *st, const struct tcs_box *box,
				enum tcs_scratch which, struct tcs_map *map)
{
	map->window = false;
	map->ptr = tcs_scratch(st, which, tcs_box_elements(box) * box->element_bytes);
	return map->ptr ? ACI_STATUS_SUCCESS : ACI_STATUS_ENGINE_FAULT;
}

static unsigned int map_window(struct tcs_state *st, uint64_t va, uint64_t bytes, unsigned int mode,
			       struct tcs_map *map)
{
	unsigned int status = tcs_window_open(st, va, bytes, mode, &map->access);

	map->window = status == ACI_STATUS_SUCCESS;
	map->ptr = map->window ? map->access.ptr : NULL;
	return status;
}

unsigned int tcs_map_in(struct tcs_state *st, const struct tcs_box *box, enum tcs_scratch which,
			struct tcs_map *map)
{
	unsigned int status;

	map->store = false;
	if (box_is_dense(box))
		return map_window(st, box->va, tcs_box_elements(box) * box->element_bytes,
				  VM_ACCESS_READ, map);
	status = map_scratch(st, box, which, map);
	if (status == ACI_STATUS_SUCCESS)
		status = tcs_box_load(st, box, map->ptr);
	if (status != ACI_STATUS_SUCCESS)
		map->ptr = NULL;
	return status;
}

unsigned int tcs_map_out(struct tcs_state *st, const struct tcs_box *box, enum tcs_scratch which,
			 struct tcs_map *map)
{
	map->store = !box_is_dense(box);
	if (!map->store)
		return map_window(st, box->va, tcs_box_elements(box) * box->element_bytes,
				  VM_ACCESS_WRITE, map);
	map->box = *box;
	return map_scratch(st, box, which, map);
}

unsigned int tcs_unmap(struct tcs_state *st, struct tcs_map *map)
{
	void *ptr = map->ptr;

	map->ptr = NULL;
	if (map->window)
		return tcs_window_close(st, &map->access);
	return map->store ? tcs_box_store(st, &map->box, ptr) : ACI_STATUS_SUCCESS;
}

static void discard(struct tcs_map *map)
{
	map->store = false;
	if (map->window && map->access.mode & VM_ACCESS_WRITE)
		memset(map->access.ptr, 0, map->access.bytes);
}

unsigned int tcs_unmap_all(struct tcs_state *st, struct tcs_map *maps, unsigned int count,
			   unsigned int status)
{
	for (unsigned int i = 0; i < count; i++) {
		unsigned int ended;

		if (!maps[i].ptr)
			continue;
		if (status != ACI_STATUS_SUCCESS)
			discard(&maps[i]);
		ended = tcs_unmap(st, &maps[i]);
		if (status == ACI_STATUS_SUCCESS)
			status = ended;
	}
	return status;
}

unsigned int tcs_map_matrix(struct tcs_state *st, uint64_t va, unsigned int element_bytes,
			    uint64_t rows, uint64_t cols, int64_t row_stride, int64_t col_stride,
			    enum tcs_scratch which, struct tcs_map *map, struct tcs_matrix *matrix)
{
	const int64_t size = element_bytes;
	const uint64_t limit = tcs_max(GAP_FACTOR * rows * cols * element_bytes, SMALL_SPAN);
	struct tcs_box box = { .va = va, .rank = 2, .element_bytes = element_bytes,
			       .shape = { rows, cols }, .stride = { row_stride, col_stride } };
	uint64_t span;
	unsigned int status;

	/* The stride of a dimension of one element means nothing: pick what is dense. */
	if (rows == 1)
		row_stride = col_stride == size ? (int64_t)cols * size : size;
	if (cols == 1)
		col_stride = row_stride == size ? (int64_t)rows * size : size;
	matrix->transposed = col_stride != size;
	span = tcs_step(rows - 1, row_stride) + tcs_step(cols - 1, col_stride) + element_bytes;

	map->store = false;
	if ((col_stride == size && row_stride >= (int64_t)cols * size && span <= limit) ||
	    (row_stride == size && col_stride >= (int64_t)rows * size && span <= limit)) {
		matrix->ld = (matrix->transposed ? col_stride : row_stride) / size;
		status = map_window(st, va, span, VM_ACCESS_READ, map);
	} else {
		matrix->transposed = false;
		matrix->ld = (int64_t)cols;
		status = tcs_map_in(st, &box, which, map);
	}
	matrix->ptr = map->ptr;
	return status;
}
