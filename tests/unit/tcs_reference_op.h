/* SPDX-License-Identifier: MIT */
/*
 * Inside the reference: values, and what each operation expects of one element.
 * Everything takes operands as they were before the run.
 */
#ifndef TESTS_UNIT_TCS_REFERENCE_OP_H
#define TESTS_UNIT_TCS_REFERENCE_OP_H

#include "tcs_reference.h"

#define ULP	0x1p-23		/* of 1.0f */
#define TINY	0x1p-125	/* results below may be flushed */

struct value {
	bool is_float;
	double f;
	int64_t i;
};

/* What is expected, and how far off it may be. */
struct expect {
	struct value v;
	double bound;
};

static inline bool type_is_float(uint8_t type)
{
	return type == ACI_TCS_TYPE_F32 || type == ACI_TCS_TYPE_F16 || type == ACI_TCS_TYPE_BF16;
}

/** value_decode() - the value in the bytes of an element */
struct value value_decode(uint8_t type, const uint8_t *bytes);
/** value_before() - element of an operand */
struct value value_before(const struct program *p, const struct tensor *t, const uint64_t *index);
/** value_wrap() - the integer as @type keeps it */
int64_t value_wrap(int64_t x, uint8_t type);
/** value_max() - NaN if one is; so value_min() */
double value_max(double a, double b);
double value_min(double a, double b);
/** op_scalar() - an f32 of the operation, or of the argument in its place */
double op_scalar(const struct program *p, uint32_t bits, uint16_t slot);
/** tensor_broadcast() - where @t has the element that belongs to @index of @out */
void tensor_broadcast(const struct tensor *t, const struct tensor *out,
		      const uint64_t *index, uint64_t *result);

/* One element of the output at @index each; the operands begin with @in. */
void expect_copy(const struct tensor *in, const struct tensor *out, struct value x,
		 struct expect *e);
void expect_unary_f32(const struct program *p, const struct aci_tcs_op *op, double x,
		      struct expect *e);
void expect_unary_int(const struct aci_tcs_op *op, uint8_t type, int64_t x, struct expect *e);
void expect_binary_f32(uint32_t function, double x, double y, struct expect *e);
void expect_binary_int(uint32_t function, uint8_t type, int64_t x, int64_t y,
		       struct expect *e);
void expect_compare(uint32_t function, struct value x, struct value y, struct expect *e);
void expect_fill(const struct program *p, const struct aci_tcs_op *op,
		 const struct tensor *out, const uint64_t *index, struct expect *e);
void expect_matmul(const struct program *p, const struct aci_tcs_op *op,
		   const struct tensor *in, const struct tensor *out, const uint64_t *index,
		   struct expect *e);
void expect_conv(const struct program *p, const struct aci_tcs_op *op,
		 const struct tensor *in, const struct tensor *out, const uint64_t *index,
		 struct expect *e);
void expect_pool(const struct program *p, const struct aci_tcs_op *op,
		 const struct tensor *in, const uint64_t *index, struct expect *e);
void expect_softmax(const struct program *p, const struct aci_tcs_op *op,
		    const struct tensor *in, const uint64_t *index, struct expect *e);
void expect_reduce(const struct program *p, const struct aci_tcs_op *op,
		   const struct tensor *in, const struct tensor *out, const uint64_t *index,
		   struct expect *e);
void expect_arg(const struct program *p, const struct aci_tcs_op *op,
		const struct tensor *in, const uint64_t *index, struct expect *e);
void expect_cumulate(const struct program *p, const struct aci_tcs_op *op,
		     const struct tensor *in, const struct tensor *out,
		     const uint64_t *index, struct expect *e);
void expect_select(const struct program *p, const struct tensor *in,
		   const struct tensor *out, const uint64_t *index, struct expect *e);
void expect_normalise(const struct program *p, const struct aci_tcs_op *op,
		      const struct tensor *in, const struct tensor *out,
		      const uint64_t *index, struct expect *e);
void expect_gather(const struct program *p, const struct aci_tcs_op *op,
		   const struct tensor *in, const struct tensor *out, const uint64_t *index,
		   struct expect *e);
void expect_scatter(const struct program *p, const struct aci_tcs_op *op,
		    const struct tensor *in, const struct tensor *out,
		    const uint64_t *index, struct expect *e);
void expect_conv_transpose(const struct program *p, const struct aci_tcs_op *op,
			   const struct tensor *in, const struct tensor *out,
			   const uint64_t *index, struct expect *e);
void expect_resize(const struct program *p, const struct aci_tcs_op *op,
		   const struct tensor *in, const uint64_t *index, struct expect *e);
void expect_quantise(const struct program *p, const struct aci_tcs_op *op,
		     const struct tensor *in, const struct tensor *out,
		     const uint64_t *index, struct expect *e);
void expect_top_k(const struct program *p, const struct aci_tcs_op *op,
		  const struct tensor *in, const uint64_t *index, struct expect *e,
		  uint64_t *place);

#endif
