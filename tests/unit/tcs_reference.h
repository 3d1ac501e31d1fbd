/* SPDX-License-Identifier: MIT */
/*
 * An independent reference for every operation of the tensor command set:
 * element by element, in f64 and 64-bit integers, with no thought of speed.
 * The bounds are those of Documentation/aci/tcs.rst.
 */
#ifndef TESTS_UNIT_TCS_REFERENCE_H
#define TESTS_UNIT_TCS_REFERENCE_H

#include "tcs_program.h"

struct tensor {
	uint8_t type;
	unsigned int rank;
	uint64_t slot, va, elements;
	uint64_t shape[ACI_TCS_RANK_MAX];
	int64_t stride[ACI_TCS_RANK_MAX];	/* elements */
};

/** tensor_get() - tensor @index, with what comes from arguments */
void tensor_get(const struct program *p, uint16_t index, struct tensor *t);
/** tensor_unravel() - multi-index of the n-th element in row-major order */
void tensor_unravel(const struct tensor *t, uint64_t n, uint64_t *index);
uint64_t tensor_va(const struct tensor *t, const uint64_t *index);

/** reference_every: check one element of so many; 1 unless a test says otherwise */
extern uint64_t reference_every;

/** reference_before() - call before the run: keeps what all buffers hold */
void reference_before(const struct program *p);
/**
 * reference_check() - is operation @op of a program with this one operation right?
 * @worst: largest error as a part of what is allowed; may be NULL
 *
 * Also checks that no byte of any buffer changed but the output's elements.
 *
 * Return: NULL, or what is wrong.
 */
const char *reference_check(const struct program *p, unsigned int op, double *worst);

#endif
