/* SPDX-License-Identifier: MIT */
/*
 * Sums in f64 of what is f32, in a fixed order: their rounding hardly shows
 * when the result is rounded to f32. No state, no locking.
 */
#ifndef VCARD_ENGINES_TCS_REDUCE_H
#define VCARD_ENGINES_TCS_REDUCE_H

#include <stdint.h>

double tcs_sum_f32(const float *src, uint64_t n);
double tcs_sum_squares_f32(const float *src, uint64_t n);

#endif
