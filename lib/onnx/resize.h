/* SPDX-License-Identifier: MIT */
/*
 * Resize of one axis as numbers: which elements make which. Pure functions on
 * the host; no state, no locks.
 */
#ifndef LIB_ONNX_RESIZE_H
#define LIB_ONNX_RESIZE_H

#include <stdbool.h>
#include <stdint.h>

enum resize_mode { RESIZE_NEAREST, RESIZE_LINEAR, RESIZE_CUBIC };

enum resize_place {
	RESIZE_HALF_PIXEL, RESIZE_HALF_PIXEL_SYMMETRIC, RESIZE_PYTORCH_HALF_PIXEL, RESIZE_ALIGN_CORNERS,
	RESIZE_ASYMMETRIC, RESIZE_TF_HALF_PIXEL, RESIZE_TF_CROP,
};

enum resize_round { RESIZE_PREFER_FLOOR, RESIZE_PREFER_CEIL, RESIZE_FLOOR, RESIZE_CEIL };

/** struct resize_axis - one axis of a Resize */
struct resize_axis {
	enum resize_mode mode;
	enum resize_place place;
	enum resize_round round;	/* NEAREST */
	bool antialias;
	bool exclude_outside;
	double cubic;			/* coefficient a */
	double scale;
	uint64_t up, down;		/* scale = up / down, exactly; 0: unknown */
	double begin, end;		/* TF_CROP: region, in parts of the axis */
	uint64_t in, out;		/* elements */
};

/** struct resize_line - element i lies at (step * i + offset) / divisor */
struct resize_line {
	int64_t step, offset, divisor;
};

/** resize_line() - places of the axis, exactly. False: they are on no such line, or too far */
bool resize_line(const struct resize_axis *axis, struct resize_line *line);
/** resize_outside() - TF_CROP: element @index lies outside of the input */
bool resize_outside(const struct resize_axis *axis, uint64_t index);
/** resize_nearest() - element of the input that element @index takes */
uint64_t resize_nearest(const struct resize_axis *axis, uint64_t index);
/** resize_weights() - add to @row (of axis->in elements) what element @index takes of each */
void resize_weights(const struct resize_axis *axis, uint64_t index, float *row);

#endif
