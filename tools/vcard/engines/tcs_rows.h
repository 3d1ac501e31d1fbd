/* SPDX-License-Identifier: MIT */
/*
 * Operations along dimensions: the chosen ones are made the last, so that a
 * tile is a number of rows of which each is dense. A row is never cut. The
 * output has the same dimensions before them; what it has along them (all, one
 * or a few elements) is what its shape says.
 */
#ifndef VCARD_ENGINES_TCS_ROWS_H
#define VCARD_ENGINES_TCS_ROWS_H

#include "tcs_box.h"

/** tcs_rows_plan() - tiles of about @elements input elements, at least one row */
void tcs_rows_plan(struct tcs_op *op, uint64_t elements);
/** tcs_rows_length() - elements of an input row */
uint64_t tcs_rows_length(const struct tcs_op *op);
/** tcs_rows_slice() - the box of @t, of the rank of op->in[0], that belongs to @tile */
void tcs_rows_slice(const struct tcs_op *op, const struct tcs_tensor *t, uint64_t tile,
		    struct tcs_box *box);
/** tcs_rows_axes() - the chosen dimensions of @op, bit i: dimension i */
uint32_t tcs_rows_axes(const struct tcs_op *op);

#endif
