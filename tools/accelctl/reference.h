/* SPDX-License-Identifier: MIT */
/*
 * Tensor operations computed plainly, in double precision, as the tensor
 * command set defines them: what diag compares a card with. No state, no locks.
 */
#ifndef ACCELCTL_REFERENCE_H
#define ACCELCTL_REFERENCE_H

#include <accel/accel.h>

#define REFERENCE_INPUTS	3

/** struct reference_operand - a view and the memory that it looks at */
struct reference_operand {
	struct accel_view view;
	void *data;
	uint64_t bytes;
};

/** struct reference_op - one operation */
struct reference_op {
	uint32_t opcode, function;	/* function: or activation */
	float alpha, beta;
	uint32_t axis;			/* REDUCE, NORMALISE: the one that a row spans */
	float epsilon;
	struct accel_window window;
	struct accel_resize resize;
	struct reference_operand in[REFERENCE_INPUTS], out;	/* in: bytes 0: absent */
};

/** reference_element() - value at @index, of any type */
double reference_element(const struct reference_operand *operand, const uint64_t *index);
/** reference_next() - step @index through the shape in row-major order; false: it was the last */
bool reference_next(const struct accel_view *view, uint64_t *index);
/** reference_compute() - what the output should hold at @index */
double reference_compute(const struct reference_op *op, const uint64_t *index);

#endif
