/* SPDX-License-Identifier: MIT */
/* Random tensors for the tests of the tensor command set. Seeded: see fake_seed. */
#ifndef TESTS_UNIT_TCS_RANDOM_H
#define TESTS_UNIT_TCS_RANDOM_H

#include "tcs_program.h"

enum random_values {
	RANDOM_PLAIN,	/* f32: -4 .. 4; integers: the whole range */
	RANDOM_WILD,	/* f32: NaN, infinities, zeros, huge and tiny ones among them */
};

/** random_layout() - strided view in a buffer of its own: permuted, gaps, reversed, repeated */
uint16_t random_layout(struct program *p, uint8_t type, unsigned int rank, const uint64_t *shape,
		       bool output);
/** random_fill() - the whole buffer of a tensor, gaps included */
void random_fill(const struct program *p, uint16_t tensor, enum random_values values);
/** random_input() - layout and contents */
uint16_t random_input(struct program *p, uint8_t type, unsigned int rank, const uint64_t *shape,
		      enum random_values values);
/** random_output() - layout, filled with noise that must survive between the elements */
uint16_t random_output(struct program *p, uint8_t type, unsigned int rank, const uint64_t *shape);
/** random_shape() - about @elements elements at most. Return: rank, @rank_min .. 8 */
unsigned int random_shape(uint64_t *shape, unsigned int rank_min, uint64_t elements);
/** random_shrink() - a shape that broadcasts to @shape: fewer dimensions, some of them 1 */
unsigned int random_shrink(unsigned int rank, const uint64_t *shape, uint64_t *small);
/** random_scalars() - alpha and beta where @function takes them */
void random_scalars(struct program *p, struct aci_tcs_op *op, uint32_t function);
/** random_window() - window over an image. @out: its outputs. Return: false if it does not fit */
bool random_window(struct aci_tcs_window *w, const uint64_t *image, uint64_t *out);
uint64_t window_outputs(uint64_t in, uint32_t kernel, uint32_t stride, uint32_t dilation,
			uint32_t pad_begin, uint32_t pad_end);
/** random_matmul(), random_conv() - add an operation, @type: f32 or i8. @limit: of m and n */
void random_matmul(struct program *p, uint8_t type, uint64_t limit);
void random_conv(struct program *p, uint8_t type, unsigned int round);
enum fake_memory random_memory(void);
uint32_t float_bits(float f);

/**
 * random_index() - GATHER or SCATTER with valid indices: any number of indexed
 * dimensions, of repeated index dimensions, i32 or i64, negative ones too
 */
struct aci_tcs_op *random_index(struct program *p, bool gather, uint8_t type, uint64_t elements);

#endif
