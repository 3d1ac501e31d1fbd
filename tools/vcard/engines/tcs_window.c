// SPDX-License-Identifier: MIT
/* The geometry of CONV, CONV_TRANSPOSE and POOL. */
#include <string.h>

#include "tcs_window.h"

/* One window over the whole input region of a tile, where that is not much more than needed. */
#define COVER_SPAN	(8u << 20)

static bool axis_fits(const struct tcs_axis *axis, uint64_t in, uint64_t out)
{
	/* kernel <= 2^20 and the rest below 2^41: no overflow */
	const uint64_t extent = (axis->kernel - 1) * axis->dilation + 1;
	const uint64_t padded = in + axis->pad_begin + axis->pad_end;

	return extent <= padded && out == (padded - extent) / axis->stride + 1;
}

bool tcs_window_fits(struct tcs_window_plan *plan, const struct tcs_tensor *in,
		     const struct tcs_tensor *out)
{
	const uint64_t rows = plan->axis[0].kernel, cols = plan->axis[1].kernel;

	if (plan->channels > ACI_TCS_REDUCE_MAX || rows > ACI_TCS_REDUCE_MAX / plan->channels ||
	    cols > ACI_TCS_REDUCE_MAX / plan->channels / rows)
		return false;
	plan->patch = plan->channels * rows * cols;
	for (unsigned int i = 0; i < 2; i++) {
		const uint64_t from = in->shape[2 + i], to = out->shape[2 + i];

		/* Transposed: what would be made of the output. */
		if (!(plan->transposed ? axis_fits(&plan->axis[i], to, from) :
					 axis_fits(&plan->axis[i], from, to)))
			return false;
		plan->axis[i].in = from;
		plan->axis[i].out = to;
	}
	return true;
}

uint64_t tcs_window_tiles(struct tcs_window_plan *plan, uint64_t images, uint64_t filter_tile,
			  uint64_t elements)
{
	const uint64_t rows = plan->axis[0].out, cols = plan->axis[1].out;

	elements = tcs_max(elements, 1);
	plan->filter_tile = filter_tile;
	plan->col_tile = tcs_min(cols, elements);
	plan->row_tile = tcs_min(rows, elements / plan->col_tile);
	plan->filter_tiles = tcs_div_up(plan->filters, plan->filter_tile);
	plan->row_tiles = tcs_div_up(rows, plan->row_tile);
	plan->col_tiles = tcs_div_up(cols, plan->col_tile);
	return images * plan->groups * plan->filter_tiles * plan->row_tiles * plan->col_tiles;
}

/* Filters change slowest, so that a block of weights is loaded once for all images. */
void tcs_window_patch(const struct tcs_window_plan *plan, uint64_t images, uint64_t tile,
		      struct tcs_patch *patch)
{
	patch->first[1] = tile % plan->col_tiles * plan->col_tile;
	tile /= plan->col_tiles;
	patch->first[0] = tile % plan->row_tiles * plan->row_tile;
	tile /= plan->row_tiles;
	patch->image = tile % images;
	tile /= images;
	patch->filter = tile % plan->filter_tiles * plan->filter_tile;
	patch->group = tile / plan->filter_tiles;
	patch->filters = tcs_min(plan->filter_tile, plan->filters - patch->filter);
	patch->count[0] = tcs_min(plan->row_tile, plan->axis[0].out - patch->first[0]);
	patch->count[1] = tcs_min(plan->col_tile, plan->axis[1].out - patch->first[1]);
}

/* Of the outputs [first, first + count) those that see the input through kernel place @tap. */
static void clip_outputs(const struct tcs_axis *axis, uint64_t tap, uint64_t first, uint64_t count,
			 uint64_t *begin, uint64_t *end)
{
	const int64_t shift = (int64_t)(tap * axis->dilation) - (int64_t)axis->pad_begin;
	const int64_t limit = (int64_t)axis->in - shift;	/* of output * stride */
	const uint64_t low = shift < 0 ? tcs_div_up((uint64_t)-shift, axis->stride) : 0;
	const uint64_t high = limit > 0 ? tcs_div_up((uint64_t)limit, axis->stride) : 0;

	*begin = tcs_max(low, first);
	*end = tcs_min(high, first + count);
	if (*end < *begin)
		*end = *begin;
}

uint64_t tcs_window_taps(const struct tcs_axis *axis, uint64_t index)
{
	const int64_t start = (int64_t)(index * axis->stride) - (int64_t)axis->pad_begin;
	const uint64_t low = start < 0 ? tcs_div_up((uint64_t)-start, axis->dilation) : 0;
	const uint64_t high = start < (int64_t)axis->in ?
			      tcs_div_up((uint64_t)((int64_t)axis->in - start), axis->dilation) : 0;
	const uint64_t end = tcs_min(high, axis->kernel);

	return end > low ? end - low : 0;
}

/* Outputs of a tile that see the input through one kernel place, and what they see. */
struct run {
	uint64_t out, out_step;
	uint64_t in, in_step;
	uint64_t count;
};

/* Input i goes to output i * stride + shift. */
static struct run find_transposed(const struct tcs_axis *axis, uint64_t tap, uint64_t first,
				  uint64_t count)
{
	const int64_t shift = (int64_t)(tap * axis->dilation) - (int64_t)axis->pad_begin;
	const int64_t low = (int64_t)first - shift, high = (int64_t)(first + count) - shift;
	const uint64_t begin = low > 0 ? tcs_div_up((uint64_t)low, axis->stride) : 0;
	const uint64_t end = high > 0 ? tcs_min(tcs_div_up((uint64_t)high, axis->stride),
						axis->in) : 0;

	return (struct run){
		.out = (uint64_t)((int64_t)(begin * axis->stride) + shift),
		.out_step = axis->stride, .in = begin, .in_step = 1,
		.count = end > begin ? end - begin : 0,
	};
}

static struct run find_run(const struct tcs_window_plan *plan, unsigned int i, uint64_t tap,
			   const struct tcs_patch *patch)
{
	const struct tcs_axis *axis = &plan->axis[i];
	uint64_t begin, end;

	if (plan->transposed)
		return find_transposed(axis, tap, patch->first[i], patch->count[i]);
	clip_outputs(axis, tap, patch->first[i], patch->count[i], &begin, &end);
	return (struct run){
		.out = begin, .out_step = 1,
		.in = begin * axis->stride + tap * axis->dilation - axis->pad_begin,
		.in_step = axis->stride, .count = end - begin,
	};
}

/* Input rows or columns that the tile can touch: [begin, begin + count), count may be 0. */
static void input_range(const struct tcs_window_plan *plan, unsigned int i,
			const struct tcs_patch *patch, uint64_t *begin, uint64_t *length)
{
	const struct tcs_axis *axis = &plan->axis[i];
	const uint64_t reach = (axis->kernel - 1) * axis->dilation;
	const uint64_t first = patch->first[i], last = first + patch->count[i] - 1;
	int64_t low, high;

	if (plan->transposed) {
		const int64_t back = (int64_t)(first + axis->pad_begin) - (int64_t)reach;

		low = back > 0 ? (int64_t)tcs_div_up((uint64_t)back, axis->stride) : 0;
		high = (int64_t)((last + axis->pad_begin) / axis->stride + 1);
	} else {
		low = (int64_t)(first * axis->stride) - (int64_t)axis->pad_begin;
		high = (int64_t)(last * axis->stride + reach + 1) - (int64_t)axis->pad_begin;
	}
	*begin = low > 0 ? (uint64_t)low : 0;
	*length = 0;
	if (high > (int64_t)*begin && *begin < axis->in)
		*length = tcs_min((uint64_t)high, axis->in) - *begin;
}

/* So many rows or columns of the input that a tile reads at most. */
static uint64_t input_reach(const struct tcs_window_plan *plan, unsigned int i,
			    const struct tcs_patch *patch)
{
	const struct tcs_axis *axis = &plan->axis[i];
	const uint64_t reach = (axis->kernel - 1) * axis->dilation;

	return tcs_min(axis->in, plan->transposed ?
		       (patch->count[i] - 1 + reach) / axis->stride + 1 :
		       (patch->count[i] - 1) * axis->stride + reach + 1);
}

/* At most, wherever the tile lies: near the border of the input it is less. */
static uint64_t cover_bytes(const struct tcs_op *op, const struct tcs_patch *patch)
{
	const struct tcs_window_plan *plan = &op->window;
	const struct tcs_tensor *in = op->in[0];
	uint64_t count[3] = { plan->channels }, bytes = in->element_bytes;

	for (unsigned int i = 0; i < 2; i++)
		count[1 + i] = input_reach(plan, i, patch);
	for (unsigned int i = 0; i < 3; i++) {
		const int64_t stride = in->stride[1 + i];

		bytes += (count[i] - 1) * (stride < 0 ? -(uint64_t)stride : (uint64_t)stride);
	}
	return bytes;
}

uint64_t tcs_window_windows(const struct tcs_op *op, const struct tcs_patch *patch)
{
	const struct tcs_window_plan *plan = &op->window;
	const struct tcs_tensor *in = op->in[0];
	struct tcs_box box = { .va = in->va, .rank = 2, .element_bytes = in->element_bytes };

	if (cover_bytes(op, patch) <= COVER_SPAN)
		return 1;
	for (unsigned int i = 0; i < 2; i++) {
		const struct tcs_axis *axis = &plan->axis[i];
		const uint64_t step = plan->transposed ? 1 : axis->stride;

		box.shape[i] = plan->transposed ?
			       tcs_min(tcs_div_up(patch->count[i], axis->stride), axis->in) :
			       tcs_min(patch->count[i], tcs_div_up(axis->in, axis->stride));
		/* not used where the shape is 1, and then it might not fit */
		box.stride[i] = box.shape[i] > 1 ? (int64_t)step * in->stride[2 + i] : 0;
	}
	return plan->patch * tcs_box_windows(&box, false);
}

/* Open one window over all that the tile reads. *@open stays false where that would be too much. */
static unsigned int open_cover(struct tcs_state *st, const struct tcs_op *op,
			       const struct tcs_patch *patch, struct vm_access *access, bool *open)
{
	const struct tcs_window_plan *plan = &op->window;
	const struct tcs_tensor *in = op->in[0];
	uint64_t start[4] = { patch->image, patch->group * plan->channels }, count[4];
	uint64_t lo = in->va, hi = in->va + in->element_bytes;
	unsigned int status;

	*open = false;
	count[0] = 1;
	count[1] = plan->channels;
	for (unsigned int i = 0; i < 2; i++) {
		input_range(plan, i, patch, &start[2 + i], &count[2 + i]);
		if (!count[2 + i])
			return ACI_STATUS_SUCCESS;
	}
	for (unsigned int i = 0; i < 4; i++) {
		const uint64_t reach = tcs_step(count[i] - 1, in->stride[i]);

		lo += tcs_step(start[i], in->stride[i]);
		hi += tcs_step(start[i], in->stride[i]);
		if (in->stride[i] < 0)
			lo += reach;
		else
			hi += reach;
	}
	if (hi - lo > COVER_SPAN)
		return ACI_STATUS_SUCCESS;
	status = tcs_window_open(st, lo, hi - lo, VM_ACCESS_READ, access);
	*open = status == ACI_STATUS_SUCCESS;
	return status;
}

/* @size is 1 or 4: what CONV and POOL take. */
static void fill_row(uint8_t *dst, uint64_t count, const void *fill, unsigned int size)
{
	uint32_t word;

	if (size == 1) {
		memset(dst, *(const uint8_t *)fill, count);
		return;
	}
	memcpy(&word, fill, sizeof(word));
	for (uint64_t i = 0; i < count; i++)
		((uint32_t *)dst)[i] = word;
}

/* One row of the patch matrix; without @cover each row opens its own windows. */
static unsigned int gather_row(struct tcs_state *st, const struct tcs_op *op,
			       const struct tcs_patch *patch, uint64_t channel, const uint64_t *tap,
			       const void *fill, uint8_t *dst, const struct vm_access *cover)
{
	const struct tcs_tensor *in = op->in[0];
	const unsigned int size = in->element_bytes;
	const int64_t dst_row = (int64_t)patch->count[1] * size;
	int64_t dst_stride[2];
	struct run run[2];
	struct tcs_box box;

	for (unsigned int i = 0; i < 2; i++)
		run[i] = find_run(&op->window, i, tap[i], patch);
	if (run[0].count < patch->count[0] || run[1].count < patch->count[1])
		fill_row(dst, patch->count[0] * patch->count[1], fill, size);
	if (!run[0].count || !run[1].count)
		return ACI_STATUS_SUCCESS;

	dst += (run[0].out - patch->first[0]) * (uint64_t)dst_row +
	       (run[1].out - patch->first[1]) * size;
	dst_stride[0] = (int64_t)run[0].out_step * dst_row;
	dst_stride[1] = (int64_t)run[1].out_step * size;
	box = (struct tcs_box){ .rank = 2, .element_bytes = size };
	box.va = in->va + tcs_step(patch->image, in->stride[0]) + tcs_step(channel, in->stride[1]);
	for (unsigned int i = 0; i < 2; i++) {
		box.shape[i] = run[i].count;
		box.va += tcs_step(run[i].in, in->stride[2 + i]);
		/* not used where the shape is 1, and then it might not fit */
		box.stride[i] = run[i].count > 1 ? (int64_t)run[i].in_step * in->stride[2 + i] : 0;
		dst_stride[i] = run[i].count > 1 ? dst_stride[i] : 0;
	}
	if (!cover)
		return tcs_box_load_strided(st, &box, dst, dst_stride);
	tcs_copy_plane(dst, dst_stride[0], dst_stride[1],
		       (const uint8_t *)cover->ptr + (box.va - cover->va), box.stride[0],
		       box.stride[1], run[0].count, run[1].count, size);
	return ACI_STATUS_SUCCESS;
}

static unsigned int gather_rows(struct tcs_state *st, const struct tcs_op *op,
				const struct tcs_patch *patch, const void *fill, uint8_t *dst,
				const struct vm_access *cover)
{
	const struct tcs_window_plan *plan = &op->window;
	const uint64_t row_bytes = patch->count[0] * patch->count[1] * op->in[0]->element_bytes;
	const uint64_t channel = patch->group * plan->channels;
	uint64_t tap[2];

	for (uint64_t c = 0; c < plan->channels; c++)
		for (tap[0] = 0; tap[0] < plan->axis[0].kernel; tap[0]++)
			for (tap[1] = 0; tap[1] < plan->axis[1].kernel; tap[1]++) {
				unsigned int status;

				status = gather_row(st, op, patch, channel + c, tap, fill, dst,
						    cover);
				if (status != ACI_STATUS_SUCCESS)
					return status;
				dst += row_bytes;
			}
	return ACI_STATUS_SUCCESS;
}

unsigned int tcs_window_gather(struct tcs_state *st, const struct tcs_op *op,
			       const struct tcs_patch *patch, const void *fill, void *dst)
{
	struct vm_access cover;
	unsigned int status;
	bool open;

	status = open_cover(st, op, patch, &cover, &open);
	if (status != ACI_STATUS_SUCCESS)
		return status;
	status = gather_rows(st, op, patch, fill, dst, open ? &cover : NULL);
	if (open && status == ACI_STATUS_SUCCESS)
		status = tcs_window_close(st, &cover);
	return status;
}
