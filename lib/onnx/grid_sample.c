// SPDX-License-Identifier: MIT
/*
 * GridSample: elements at places that are data. For each axis the places give
 * elements around them and weights; all combinations are gathered and summed up.
 */
#include <errno.h>
#include <math.h>

#include <aci/aci_tcs.h>

#include "handlers.h"

#define AXES_MAX	3
#define TAPS_MAX	4

enum sample_mode { SAMPLE_NEAREST, SAMPLE_LINEAR, SAMPLE_CUBIC };
enum sample_border { BORDER_ZEROS, BORDER_EDGE, BORDER_REFLECTION };

/* What an axis of the input gives to each place: [N, places], or 0 where a weight is 1. */
struct taps {
	uint32_t index[TAPS_MAX];	/* i64, inside */
	uint32_t weight[TAPS_MAX];
	uint32_t count;
};

struct sample {
	enum sample_mode mode;
	enum sample_border border;
	bool corners;
	uint32_t axes;
	struct taps taps[AXES_MAX];
};

static bool read_sample(struct onnx_node *node, struct sample *s)
{
	static const char *const modes[] = { "nearest", "linear", "cubic" };
	static const char *const old[] = { "nearest", "bilinear", "bicubic" };
	static const char *const borders[] = { "zeros", "border", "reflection" };
	bool before = node->opset < 20;
	int mode = -1, border = -1;

	for (int i = 0; i < 3; i++) {
		if (onnx_attr_is(node, "mode", before ? old[i] : modes[i], before ? "bilinear" : "linear"))
			mode = i;
		if (onnx_attr_is(node, "padding_mode", borders[i], "zeros"))
			border = i;
	}
	if (mode < 0 || border < 0) {
		onnx_fail(node, -EINVAL, "an attribute has an unknown value");
		return false;
	}
	s->mode = (enum sample_mode)mode;
	s->border = (enum sample_border)border;
	s->corners = onnx_attr_int(node, "align_corners", 0);
	return !node->error;
}

/* Between the ends of the axis by mirrors there: |((x - low) mod 2 range) - range| from the far end. */
static uint32_t reflect(struct onnx_node *node, const struct sample *s, uint32_t x, uint64_t size)
{
	float low = s->corners ? 0 : -0.5f, range = (float)size - (s->corners ? 1 : 0);

	if (range <= 0)
		return onnx_linear(node, 0, 0, x);
	x = onnx_binary(node, ACI_TCS_BINARY_MOD, onnx_linear(node, 1, -low, x),
			onnx_scalar(node, 2 * range));
	x = onnx_unary(node, ACI_TCS_UNARY_ABS, 0, 0, onnx_linear(node, 1, -range, x));
	return onnx_linear(node, -1, range + low, x);
}

static uint32_t clip(struct onnx_node *node, uint32_t x, uint64_t size)
{
	return onnx_unary(node, ACI_TCS_UNARY_CLIP, 0, (float)(size - 1), x);
}

/* Place of a whole number as an index, and the weight that it has: none outside with zeros. */
static void add_tap(struct onnx_node *node, const struct sample *s, struct taps *t, uint32_t place,
		    uint32_t weight, uint64_t size)
{
	uint32_t inside = s->border == BORDER_REFLECTION ?
			  clip(node, reflect(node, s, place, size), size) : clip(node, place, size);

	if (s->border == BORDER_ZEROS) {
		uint32_t is = onnx_convert(node, ACCEL_F32,
					   onnx_compare(node, ACI_TCS_COMPARE_EQ, inside, place));

		weight = weight ? onnx_mul(node, weight, is) : is;
	}
	t->index[t->count] = onnx_convert(node, ACCEL_I64,
					  onnx_unary(node, ACI_TCS_UNARY_ROUND, 0, 0, inside));
	t->weight[t->count++] = weight;
}

/* Keys' weights at distance @d, up to 1 or beyond it, with a of -0.75. */
static uint32_t cubic_weight(struct onnx_node *node, uint32_t d, bool beyond)
{
	const float a = -0.75f;
	const float near[] = { a + 2, -(a + 3), 0, 1 }, far[] = { a, -5 * a, 8 * a, -4 * a };
	const float *factor = beyond ? far : near;
	uint32_t sum = onnx_linear(node, factor[0], factor[1], d);

	sum = onnx_linear(node, 1, factor[2], onnx_mul(node, sum, d));
	return onnx_linear(node, 1, factor[3], onnx_mul(node, sum, d));
}

/* @grid: from -1 to 1 over the axis */
static void find_taps(struct onnx_node *node, const struct sample *s, struct taps *t, uint32_t grid,
		      uint64_t size)
{
	float half = ((float)size - (s->corners ? 1 : 0)) / 2;
	uint32_t x = onnx_linear(node, half, ((float)size - 1) / 2, grid), first, part, rest;

	if (s->mode == SAMPLE_NEAREST)
		x = onnx_unary(node, ACI_TCS_UNARY_ROUND, 0, 0, x);
	if (s->border == BORDER_EDGE)
		x = clip(node, x, size);
	else if (s->border == BORDER_REFLECTION)
		x = reflect(node, s, x, size);
	if (s->mode == SAMPLE_NEAREST) {
		add_tap(node, s, t, onnx_unary(node, ACI_TCS_UNARY_ROUND, 0, 0, x), 0, size);
		return;
	}
	first = onnx_unary(node, ACI_TCS_UNARY_FLOOR, 0, 0, x);
	part = onnx_sub(node, x, first);
	rest = onnx_linear(node, -1, 1, part);
	if (s->mode == SAMPLE_LINEAR) {
		add_tap(node, s, t, first, rest, size);
		add_tap(node, s, t, onnx_linear(node, 1, 1, first), part, size);
		return;
	}
	for (int k = 0; k < 4; k++) {
		uint32_t near = k == 0 || k == 1 ? part : rest;
		bool beyond = k == 0 || k == 3;

		add_tap(node, s, t, onnx_linear(node, 1, (float)(k - 1), first),
			cubic_weight(node, beyond ? onnx_linear(node, 1, 1, near) : near, beyond), size);
	}
}

/* One combination: elements of all channels, [N, places, C], times their weight. */
static uint32_t gather_taps(struct onnx_node *node, const struct sample *s, uint32_t in,
			    const uint32_t *which, uint64_t images, uint64_t places)
{
	uint32_t parts[AXES_MAX], weight = 0, out;

	for (uint32_t a = 0; a < s->axes; a++) {
		uint32_t own = s->taps[a].weight[which[a]];

		parts[a] = onnx_reshape(node, s->taps[a].index[which[a]], 4,
					(uint64_t[]){ images, places, 1, 1 });
		if (own)
			weight = weight ? onnx_mul(node, weight, own) : own;
	}
	out = onnx_gather(node, 1, s->axes, in, onnx_concat(node, 3, parts, s->axes));
	if (!weight)
		return out;
	return onnx_mul(node, out, onnx_reshape(node, weight, 3, (uint64_t[]){ images, places, 1 }));
}

static uint32_t sum_taps(struct onnx_node *node, const struct sample *s, uint32_t in,
			 uint64_t images, uint64_t places)
{
	uint32_t which[AXES_MAX] = { 0 }, sum = 0, a;

	do {
		uint32_t part = gather_taps(node, s, in, which, images, places);

		sum = sum ? onnx_add(node, sum, part) : part;
		for (a = 0; a < s->axes && ++which[a] == s->taps[a].count; a++)
			which[a] = 0;
	} while (a < s->axes && !node->error);
	return sum;
}

/* [N, C, ...] as [N, ..., C]: channels are not indexed. */
static uint32_t channels_last(struct onnx_node *node, uint32_t in, uint32_t axes)
{
	uint32_t order[AXES_MAX + 2] = { 0 };

	for (uint32_t i = 0; i < axes; i++)
		order[1 + i] = 2 + i;
	order[1 + axes] = 1;
	return onnx_transpose(node, in, order);
}

int onnx_build_grid_sample(struct onnx_node *node)
{
	uint32_t in = onnx_input(node, 0), grid = onnx_input(node, 1), order[3] = { 0, 2, 1 };
	struct onnx_shape shape, places;
	struct sample s = { 0 };
	uint64_t count;

	if (!onnx_shape_of(node, in, &shape) || !onnx_shape_of(node, grid, &places) ||
	    !read_sample(node, &s))
		return node->error;
	s.axes = shape.rank - 2;
	if (shape.rank < 4 || shape.rank > 5 || places.rank != shape.rank ||
	    places.dim[0] != shape.dim[0] || places.dim[shape.rank - 1] != s.axes) {
		onnx_fail(node, -EINVAL, "the grid does not fit the input");
		return node->error;
	}
	count = onnx_product(&places, 1, places.rank - 1);
	grid = onnx_reshape(node, grid, 3, (uint64_t[]){ shape.dim[0], count, s.axes });
	for (uint32_t a = 0; a < s.axes; a++) {
		/* The last axis comes first in the grid. */
		uint32_t own = onnx_slice_axis(node, grid, 2, s.axes - 1 - a, 1);

		own = onnx_reshape(node, own, 2, (uint64_t[]){ shape.dim[0], count });
		find_taps(node, &s, &s.taps[a], own, shape.dim[2 + a]);
	}
	in = sum_taps(node, &s, channels_last(node, in, s.axes), shape.dim[0], count);
	in = onnx_transpose(node, in, order);
	for (uint32_t a = 0; a < s.axes; a++)
		shape.dim[2 + a] = places.dim[1 + a];
	return onnx_output(node, 0, onnx_reshape(node, in, shape.rank, shape.dim));
}
