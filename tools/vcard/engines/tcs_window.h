/* SPDX-License-Identifier: MIT */
/*
 * The geometry of CONV and POOL: which input elements lie under the window of
 * an output element, and their gathering into patches.
 *
 * A patch matrix has one row per (channel, kernel row, kernel column) and one
 * column per output element of a tile; places outside the input are filled.
 * With it CONV is a matrix product and POOL a reduction over rows, whatever
 * stride, dilation and padding are.
 */
#ifndef VCARD_ENGINES_TCS_WINDOW_H
#define VCARD_ENGINES_TCS_WINDOW_H

#include "tcs_box.h"

/* The output elements of a tile: one image and group, a rectangle of rows and columns. */
struct tcs_patch {
	uint64_t image, group, filter;	/* filter: first, within the group */
	uint64_t filters;
	uint64_t first[2];		/* row, column */
	uint64_t count[2];
};

/** tcs_window_fits() - do shapes match the window? Fills in plan->patch and the sizes of axes. */
bool tcs_window_fits(struct tcs_window_plan *plan, const struct tcs_tensor *in,
		     const struct tcs_tensor *out);
/** tcs_window_tiles() - cut: @filter_tile filters, @elements outputs of each. Return: tiles. */
uint64_t tcs_window_tiles(struct tcs_window_plan *plan, uint64_t images, uint64_t filter_tile,
			  uint64_t elements);
void tcs_window_patch(const struct tcs_window_plan *plan, uint64_t images, uint64_t tile,
		      struct tcs_patch *patch);
/** tcs_window_taps() - how many kernel places of output @index lie inside the input */
uint64_t tcs_window_taps(const struct tcs_axis *axis, uint64_t index);
/** tcs_window_windows() - how many windows tcs_window_gather() would open, about */
uint64_t tcs_window_windows(const struct tcs_op *op, const struct tcs_patch *patch);
/** tcs_window_gather() - build the patch matrix; @fill: bytes of one element for outside places */
unsigned int tcs_window_gather(struct tcs_state *st, const struct tcs_op *op,
			       const struct tcs_patch *patch, const void *fill, void *dst);

#endif
