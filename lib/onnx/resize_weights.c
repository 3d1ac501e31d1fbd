// SPDX-License-Identifier: MIT
#include <math.h>

#include "resize.h"

/* Where in the input the element is; ONNX computes with the length before it is rounded down. */
static double source(const struct resize_axis *axis, uint64_t index)
{
	double x = index, in = axis->in, length = axis->scale * in;

	switch (axis->place) {
	case RESIZE_HALF_PIXEL_SYMMETRIC:
		return in / 2 * (1 - axis->out / length) + (x + 0.5) / axis->scale - 0.5;
	case RESIZE_PYTORCH_HALF_PIXEL:
		return length == 1 ? 0 : (x + 0.5) / axis->scale - 0.5;
	case RESIZE_ALIGN_CORNERS:
		return length == 1 ? 0 : x * (in - 1) / (length - 1);
	case RESIZE_ASYMMETRIC:
		return x / axis->scale;
	case RESIZE_TF_HALF_PIXEL:
		return (x + 0.5) / axis->scale;
	case RESIZE_TF_CROP:
		if (axis->out == 1)
			return (axis->begin + axis->end) * (in - 1) / 2;
		return axis->begin * (in - 1) + x * (axis->end - axis->begin) * (in - 1) / (axis->out - 1.0);
	default:
		return (x + 0.5) / axis->scale - 0.5;
	}
}

#define PART_MAX	((int64_t)1 << 40)	/* of step, offset and divisor */

/* up / down is the scale: an element is down / up apart from the next. */
bool resize_line(const struct resize_axis *axis, struct resize_line *line)
{
	int64_t up = (int64_t)axis->up, down = (int64_t)axis->down, in = (int64_t)axis->in;
	bool single = axis->up == 0 || (__int128)up * in == down;

	if (!axis->up || axis->up > PART_MAX / 4 || axis->down > PART_MAX / 4 ||
	    axis->in > 1u << 20 || axis->out > 1u << 20)
		return false;
	switch (axis->place) {
	case RESIZE_ASYMMETRIC:
		*line = (struct resize_line){ down, 0, up };
		break;
	case RESIZE_TF_HALF_PIXEL:
		*line = (struct resize_line){ 2 * down, down, 2 * up };
		break;
	case RESIZE_PYTORCH_HALF_PIXEL:
	case RESIZE_HALF_PIXEL:
		*line = (struct resize_line){ 2 * down, down - up, 2 * up };
		if (single && axis->place == RESIZE_PYTORCH_HALF_PIXEL)
			*line = (struct resize_line){ 0, 0, 1 };
		break;
	case RESIZE_ALIGN_CORNERS:
		if (single)
			*line = (struct resize_line){ 0, 0, 1 };
		else if ((__int128)up * in - down > 0 && (__int128)up * in < PART_MAX &&
			 (__int128)down * in < PART_MAX)
			*line = (struct resize_line){ down * (in - 1), 0, up * in - down };
		else
			return false;
		break;
	default:
		return false;
	}
	return true;
}

static uint64_t clamp(double at, uint64_t in)
{
	return !(at > 0) ? 0 : at > in - 1.0 ? in - 1 : (uint64_t)at;
}

bool resize_outside(const struct resize_axis *axis, uint64_t index)
{
	double x = source(axis, index);

	return axis->place == RESIZE_TF_CROP && !(x >= 0 && x <= axis->in - 1.0);
}

uint64_t resize_nearest(const struct resize_axis *axis, uint64_t index)
{
	double x = source(axis, index);

	switch (axis->round) {
	case RESIZE_PREFER_CEIL:
		return clamp(floor(x + 0.5), axis->in);
	case RESIZE_FLOOR:
		return clamp(floor(x), axis->in);
	case RESIZE_CEIL:
		return clamp(ceil(x), axis->in);
	default:
		return clamp(ceil(x - 0.5), axis->in);
	}
}

static double linear_weight(double distance)
{
	distance = fabs(distance);
	return distance < 1 ? 1 - distance : 0;
}

/* Keys' cubic convolution. */
static double cubic_weight(double a, double distance)
{
	double d = fabs(distance);

	if (d <= 1)
		return ((a + 2) * d - (a + 3)) * d * d + 1;
	return d < 2 ? ((a * d - 5 * a) * d + 8 * a) * d - 4 * a : 0;
}

void resize_weights(const struct resize_axis *axis, uint64_t index, float *row)
{
	double stretch = axis->antialias && axis->scale < 1 ? axis->scale : 1;
	double x = source(axis, index), reach = (axis->mode == RESIZE_CUBIC ? 2 : 1) / stretch;
	double first = floor(x - reach), last = ceil(x + reach), sum = 0;

	/* Beyond one reach outside the edge element alone counts; so the loop is bounded by the input. */
	for (int pass = 0; pass < 2; pass++) {
		for (double at = first; at <= last; at++) {
			double distance = (at - x) * stretch, weight;

			if (axis->exclude_outside && (at < 0 || at > axis->in - 1.0))
				continue;
			weight = axis->mode == RESIZE_CUBIC ? cubic_weight(axis->cubic, distance) :
							      linear_weight(distance);
			if (pass)
				row[clamp(at, axis->in)] += (float)(weight / sum);
			else
				sum += weight;
		}
	}
}
