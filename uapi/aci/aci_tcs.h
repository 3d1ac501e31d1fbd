/* SPDX-License-Identifier: (GPL-2.0 WITH Linux-syscall-note) OR MIT */
/*
 * ACI, the Accelerator Card Interface: tensor command set (TCS).
 *
 * An EXEC descriptor names a program and an argument table. A program is a
 * header, a table of strided tensor descriptors and a table of operations that
 * run in order. Operands are (argument slot, offset); sizes and scalars may
 * come from the argument table too, so that a recorded program runs again with
 * other buffers and lengths. Text: Documentation/aci/tcs.rst.
 */
#ifndef _UAPI_ACI_TCS_H_
#define _UAPI_ACI_TCS_H_

#include <linux/types.h>

/* 0b52f1c4-3d0e-4b6f-8a55-7c5e45c0de01 */
#define ACI_TCS_UUID_BYTES		{ 0x0b, 0x52, 0xf1, 0xc4, 0x3d, 0x0e, 0x4b, 0x6f, \
					  0x8a, 0x55, 0x7c, 0x5e, 0x45, 0xc0, 0xde, 0x01 }
#define ACI_TCS_MAGIC			0x30534354u	/* "TCS0" */
#define ACI_TCS_VERSION_MAJOR		0
#define ACI_TCS_VERSION_MINOR		3

#define ACI_TCS_RANK_MAX		8
#define ACI_TCS_NONE			0xffff	/* no tensor, no slot */
#define ACI_TCS_ELEMENTS_MAX		(1ull << 40)	/* of one tensor */
#define ACI_TCS_REDUCE_MAX		(1ull << 20)	/* elements that make one element of a result */

/*
 * error_info of ACI_STATUS_PROG_*: [31:0] operation, or ACI_TCS_ERROR_NO_OP for
 * header, arguments and tensors that no operation uses; [63:32] 1 + tensor
 * where one tensor alone is at fault, else 0.
 */
#define ACI_TCS_ERROR_NO_OP		0xffffffffu

/* Element types. Values from 16 on are block-quantised. */
#define ACI_TCS_TYPE_F32		1
#define ACI_TCS_TYPE_F16		2	/* 0.2 */
#define ACI_TCS_TYPE_BF16		3	/* 0.2 */
#define ACI_TCS_TYPE_F8E4M3		4	/* reserved, like F8E5M2, I4, I16 and all from 16 on */
#define ACI_TCS_TYPE_F8E5M2		5
#define ACI_TCS_TYPE_I4			6
#define ACI_TCS_TYPE_I8			7
#define ACI_TCS_TYPE_U8			8
#define ACI_TCS_TYPE_I16		9
#define ACI_TCS_TYPE_I32		10
#define ACI_TCS_TYPE_I64		11
#define ACI_TCS_TYPE_BOOL		12	/* one byte, 0 or 1 */
#define ACI_TCS_TYPE_Q4_0		16
#define ACI_TCS_TYPE_Q8_0		17
#define ACI_TCS_TYPE_Q4_K		18
#define ACI_TCS_TYPE_Q6_K		19
#define ACI_TCS_TYPE_MXFP4		20

/*
 * Type combinations that an operation lists in Identify. They are about the
 * operands whose type the operation itself does not fix: masks are bool,
 * indices i32 or i64, scales f32.
 */
#define ACI_TCS_COMBO_F32		(1ull << 0)	/* all operands f32 */
#define ACI_TCS_COMBO_I8_I32		(1ull << 1)	/* i8 inputs, i32 bias and output */
#define ACI_TCS_COMBO_I32		(1ull << 2)	/* all operands i32 */
#define ACI_TCS_COMBO_I8		(1ull << 3)	/* all operands i8 */
#define ACI_TCS_COMBO_CONVERT		(1ull << 4)	/* COPY: any pair of f32, i8, u8, i32, i64, bool */
/* 0.2 */
#define ACI_TCS_COMBO_U8		(1ull << 5)	/* all operands u8 */
#define ACI_TCS_COMBO_I64		(1ull << 6)	/* all operands i64 */
#define ACI_TCS_COMBO_BOOL		(1ull << 7)	/* all operands bool */
#define ACI_TCS_COMBO_ANY		(1ull << 8)	/* all operands of one type, any of the card's */
#define ACI_TCS_COMBO_CONVERT_HALF	(1ull << 9)	/* COPY: any pair of those of CONVERT, f16, bf16 */
/* 0.3: QUANTISE, DEQUANTISE: f32 and ... */
#define ACI_TCS_COMBO_F32_I8		(1ull << 10)
#define ACI_TCS_COMBO_F32_U8		(1ull << 11)
#define ACI_TCS_COMBO_F32_I32		(1ull << 12)

struct aci_tcs_tensor {
	__u8 type;		/* ACI_TCS_TYPE_* */
	__u8 rank;		/* 0..8; 0 is a scalar */
	__le16 slot;		/* argument that holds the elements */
	__u8 shape_from_arg;	/* bit i: shape[i] is the slot of a scalar argument */
	__u8 stride_from_arg;	/* bit i: stride[i] is the slot of a scalar argument */
	__le16 offset_slot;	/* scalar argument added to offset, or ACI_TCS_NONE */
	__le64 offset;		/* bytes, multiple of the element size */
	__le64 shape[ACI_TCS_RANK_MAX];		/* elements, outermost first; unused: 0 */
	__le64 stride[ACI_TCS_RANK_MAX];	/* signed, elements; 0 repeats (inputs only) */
	__le64 reserved[2];
};

/*
 * Operation codes. The gaps are kept for the rest of the list in
 * Documentation/aci/tcs.rst.
 */
#define ACI_TCS_OP_COPY			0x0001	/* out = convert(in); also transposes and broadcasts by strides */
#define ACI_TCS_OP_UNARY		0x0002	/* out = function(in) */
#define ACI_TCS_OP_BINARY		0x0003	/* out = function(in0, in1), broadcasting by rank alignment */
#define ACI_TCS_OP_SELECT		0x0004	/* out = in0 ? in1 : in2, broadcasting; in0 bool; 0.2 */
#define ACI_TCS_OP_COMPARE		0x0005	/* out = in0 function in1, broadcasting; out bool; 0.2 */
#define ACI_TCS_OP_FILL			0x0006	/* out = value, or value + step * index; 0.2 */
#define ACI_TCS_OP_SOFTMAX		0x0010
#define ACI_TCS_OP_NORMALISE		0x0012	/* out = normalised in0 * in1 + in2; 0.2 */
#define ACI_TCS_OP_MATMUL		0x0020	/* out[..,M,N] = act(in0[..,M,K] * in1[..,K,N] + in2[N or M,N]) */
#define ACI_TCS_OP_CONV			0x0021	/* in0 NCHW, in1 OIHW, in2 bias O */
#define ACI_TCS_OP_CONV_TRANSPOSE	0x0022	/* in0 NCHW, in1 IOHW, in2 bias O; 0.3 */
#define ACI_TCS_OP_POOL_MAX		0x0030
#define ACI_TCS_OP_POOL_AVG		0x0031
#define ACI_TCS_OP_RESIZE		0x0034	/* out = in0 at other places, NCHW; 0.3 */
#define ACI_TCS_OP_REDUCE		0x0040	/* out = function over dimensions, kept as 1; 0.2 */
#define ACI_TCS_OP_ARG			0x0041	/* out = index of the greatest or least; out i64; 0.2 */
#define ACI_TCS_OP_CUMULATE		0x0042	/* out = sums up to each element; 0.2 */
#define ACI_TCS_OP_GATHER		0x0050	/* out = in0 at the places that in1 says; 0.2 */
#define ACI_TCS_OP_SCATTER		0x0051	/* out, at the places that in1 says, with in0; 0.2 */
#define ACI_TCS_OP_TOP_K		0x0054	/* out0, out1 = the greatest and their indices; 0.2 */
#define ACI_TCS_OP_QUANTISE		0x0060	/* out = round(in0 / in1) + in2, saturating; 0.3 */
#define ACI_TCS_OP_DEQUANTISE		0x0061	/* out = (in0 - in2) * in1; 0.3 */

/* UNARY functions; products take IDENTITY or RELU as activation. */
#define ACI_TCS_UNARY_IDENTITY		0
#define ACI_TCS_UNARY_RELU		1
#define ACI_TCS_UNARY_SIGMOID		2
#define ACI_TCS_UNARY_TANH		3
#define ACI_TCS_UNARY_EXP		4
#define ACI_TCS_UNARY_LOG		5
#define ACI_TCS_UNARY_SQRT		6
#define ACI_TCS_UNARY_ABS		7
#define ACI_TCS_UNARY_NEG		8
#define ACI_TCS_UNARY_RECIPROCAL	9
#define ACI_TCS_UNARY_FLOOR		10
#define ACI_TCS_UNARY_CEIL		11
#define ACI_TCS_UNARY_ROUND		12	/* to nearest, ties to even */
#define ACI_TCS_UNARY_ERF		13
#define ACI_TCS_UNARY_GELU		14	/* by erf */
#define ACI_TCS_UNARY_LEAKY_RELU	15	/* x < 0: alpha * x */
#define ACI_TCS_UNARY_ELU		16	/* x < 0: alpha * (exp(x) - 1) */
#define ACI_TCS_UNARY_CLIP		17	/* min(max(x, alpha), beta) */
#define ACI_TCS_UNARY_LINEAR		18	/* alpha * x + beta */
/* 0.2 */
#define ACI_TCS_UNARY_SIN		19
#define ACI_TCS_UNARY_COS		20
#define ACI_TCS_UNARY_TAN		21
#define ACI_TCS_UNARY_ASIN		22
#define ACI_TCS_UNARY_ACOS		23
#define ACI_TCS_UNARY_ATAN		24
#define ACI_TCS_UNARY_SINH		25
#define ACI_TCS_UNARY_COSH		26
#define ACI_TCS_UNARY_ASINH		27
#define ACI_TCS_UNARY_ACOSH		28
#define ACI_TCS_UNARY_ATANH		29
#define ACI_TCS_UNARY_SOFTPLUS		30	/* log(1 + exp(x)) */
#define ACI_TCS_UNARY_SIGN		31	/* -1, 0, 1 */
#define ACI_TCS_UNARY_SOFTSIGN		32	/* x / (1 + |x|) */
#define ACI_TCS_UNARY_HARD_SIGMOID	33	/* min(max(alpha * x + beta, 0), 1) */
#define ACI_TCS_UNARY_HARD_SWISH	34	/* x * min(max(x / 6 + 1 / 2, 0), 1) */
#define ACI_TCS_UNARY_SELU		35	/* beta * (x < 0 ? alpha * (exp(x) - 1) : x) */
#define ACI_TCS_UNARY_CELU		36	/* x < 0: alpha * (exp(x / alpha) - 1) */
#define ACI_TCS_UNARY_THRESHOLDED_RELU	37	/* x > alpha: x, else 0 */
#define ACI_TCS_UNARY_MISH		38	/* x * tanh(softplus(x)) */
#define ACI_TCS_UNARY_SWISH		39	/* x * sigmoid(alpha * x) */
#define ACI_TCS_UNARY_GELU_TANH		40	/* gelu by tanh */
#define ACI_TCS_UNARY_SHRINK		41	/* x < -alpha: x + beta; x > alpha: x - beta; else 0 */

#define ACI_TCS_BINARY_ADD		0
#define ACI_TCS_BINARY_SUB		1
#define ACI_TCS_BINARY_MUL		2
#define ACI_TCS_BINARY_DIV		3	/* i32: towards zero; by zero: 0 */
#define ACI_TCS_BINARY_MIN		4
#define ACI_TCS_BINARY_MAX		5
#define ACI_TCS_BINARY_POW		6	/* f32 only */
/* 0.2 */
#define ACI_TCS_BINARY_MOD		7	/* x - y * floor(x / y): sign of y; integers by zero: 0 */
#define ACI_TCS_BINARY_REMAINDER	8	/* x - y * trunc(x / y): sign of x; integers by zero: 0 */
#define ACI_TCS_BINARY_AND		9	/* bool and integers, bit by bit, like OR and XOR; x XOR true or -1: not x */
#define ACI_TCS_BINARY_OR		10
#define ACI_TCS_BINARY_XOR		11
#define ACI_TCS_BINARY_SHIFT_LEFT	12	/* integers; by the width or more, or less than 0: 0 */
#define ACI_TCS_BINARY_SHIFT_RIGHT	13	/* integers, keeping the sign; likewise: 0, or -1 if x < 0 */
#define ACI_TCS_BINARY_PRELU		14	/* x < 0: x * y, else x; f32 only */

#define ACI_TCS_COMPARE_EQ		0
#define ACI_TCS_COMPARE_NE		1
#define ACI_TCS_COMPARE_LT		2
#define ACI_TCS_COMPARE_LE		3
#define ACI_TCS_COMPARE_GT		4
#define ACI_TCS_COMPARE_GE		5

#define ACI_TCS_FILL_CONSTANT		0
#define ACI_TCS_FILL_RANGE		1	/* f32, i32 and i64 only */

#define ACI_TCS_REDUCTION_SUM		0
#define ACI_TCS_REDUCTION_MEAN		1
#define ACI_TCS_REDUCTION_MAX		2	/* bool: any */
#define ACI_TCS_REDUCTION_MIN		3	/* bool: all */
#define ACI_TCS_REDUCTION_PROD		4
#define ACI_TCS_REDUCTION_L1		5	/* sum of magnitudes */
#define ACI_TCS_REDUCTION_L2		6	/* square root of the sum of squares */
#define ACI_TCS_REDUCTION_SUM_SQUARE	7

#define ACI_TCS_SOFTMAX_PLAIN		0
#define ACI_TCS_SOFTMAX_LOG		1	/* its logarithm; 0.2 */

#define ACI_TCS_NORMALISE_MEAN_VARIANCE	0	/* (x - mean) / sqrt(variance + epsilon) */
#define ACI_TCS_NORMALISE_RMS		1	/* x / sqrt(mean of the squares + epsilon) */

#define ACI_TCS_ARG_MAX			0
#define ACI_TCS_ARG_MIN			1

#define ACI_TCS_CUMULATE_SUM		0

#define ACI_TCS_RESIZE_NEAREST		0
#define ACI_TCS_RESIZE_LINEAR		1
#define ACI_TCS_RESIZE_CUBIC		2

#define ACI_TCS_ROUNDING_HALF_DOWN	0	/* to the nearest, halves to the lower */
#define ACI_TCS_ROUNDING_HALF_UP	1
#define ACI_TCS_ROUNDING_DOWN		2
#define ACI_TCS_ROUNDING_UP		3

/* With the element that is there; in the order of in0's elements where places coincide. */
#define ACI_TCS_SCATTER_SET		0
#define ACI_TCS_SCATTER_ADD		1	/* this and the following: f32, i32 and i64 only */
#define ACI_TCS_SCATTER_MUL		2
#define ACI_TCS_SCATTER_MIN		3
#define ACI_TCS_SCATTER_MAX		4

struct aci_tcs_unary {
	__le32 alpha;		/* f32 bits; 0 where the function takes none */
	__le32 beta;
	__le16 alpha_slot;	/* scalar argument instead, or ACI_TCS_NONE */
	__le16 beta_slot;
	__le32 reserved[21];
};

struct aci_tcs_softmax {
	__le32 axis;		/* < rank */
	__le32 reserved[23];
};

struct aci_tcs_fill {
	__le64 value;		/* bits of the output's type, in the low bytes */
	__le64 step;		/* likewise; CONSTANT: 0 */
	__le32 axis;		/* RANGE: dimension whose index step is multiplied with, < rank; else 0 */
	__le16 value_slot;	/* scalar argument instead, or ACI_TCS_NONE */
	__le16 step_slot;
	__le32 reserved[18];
};

struct aci_tcs_axes {		/* REDUCE */
	__le32 axes;		/* bit i: dimension i is reduced */
	__le32 reserved[23];
};

struct aci_tcs_normalise {
	__le32 axes;		/* bit i: a row spans dimension i */
	__le32 epsilon;		/* f32 bits */
	__le16 epsilon_slot;	/* scalar argument instead, or ACI_TCS_NONE */
	__le16 reserved0;
	__le32 reserved[21];
};

struct aci_tcs_along {		/* ARG, CUMULATE, TOP_K */
	__le32 axis;		/* < rank */
	__le32 reserved[23];
};

struct aci_tcs_index {		/* GATHER, SCATTER */
	__le32 axis;		/* the first dimension that is indexed */
	__le32 count;		/* dimensions that are: the last dimension of in1 */
	__le32 reserved[22];
};

#define ACI_TCS_SPATIAL_MAX		3

/* CONV, CONV_TRANSPOSE and POOL. Exactly two spatial dimensions; the third entries are 0. */
struct aci_tcs_window {
	__le32 kernel[ACI_TCS_SPATIAL_MAX];	/* POOL; else 0, taken from in1 */
	__le32 stride[ACI_TCS_SPATIAL_MAX];	/* >= 1 */
	__le32 dilation[ACI_TCS_SPATIAL_MAX];	/* >= 1 */
	__le32 pad_begin[ACI_TCS_SPATIAL_MAX];
	__le32 pad_end[ACI_TCS_SPATIAL_MAX];
	__le32 groups;				/* >= 1; POOL: 0 */
	__le32 reserved[8];
};

/* Element i of the output lies at (step * i + offset) / divisor. The third entries are 0. */
struct aci_tcs_resize {
	__le64 step[ACI_TCS_SPATIAL_MAX];	/* signed */
	__le64 offset[ACI_TCS_SPATIAL_MAX];	/* signed */
	__le64 divisor[ACI_TCS_SPATIAL_MAX];	/* >= 1 */
	__le32 cubic;				/* CUBIC: f32 bits of its coefficient; else 0 */
	__le32 rounding;			/* NEAREST: ACI_TCS_ROUNDING_*; else 0 */
	__le32 reserved[4];
};

#define ACI_TCS_OP_INPUTS		6
#define ACI_TCS_OP_OUTPUTS		2
#define ACI_TCS_OP_F_COUNT_PADDING	(1u << 0)	/* POOL_AVG: divide by the whole window */
#define ACI_TCS_OP_F_LAST		(1u << 1)	/* ARG: of several equal ones the last */
#define ACI_TCS_OP_F_EXCLUSIVE		(1u << 2)	/* CUMULATE: without the element itself */
#define ACI_TCS_OP_F_LEAST		(1u << 3)	/* TOP_K: the least */
#define ACI_TCS_OP_F_EXCLUDE_OUTSIDE	(1u << 4)	/* RESIZE: places outside do not count */

struct aci_tcs_op {
	__le16 opcode;
	__le16 flags;
	__le32 function;	/* of operations that have functions; products: activation; else 0 */
	__le16 in[ACI_TCS_OP_INPUTS];	/* tensor indices; unused: ACI_TCS_NONE */
	__le16 out[ACI_TCS_OP_OUTPUTS];
	__le64 reserved;
	union {
		__le32 attr[24];	/* all 0 where the operation has none */
		struct aci_tcs_unary unary;
		struct aci_tcs_softmax softmax;
		struct aci_tcs_window window;
		struct aci_tcs_fill fill;
		struct aci_tcs_axes reduce;
		struct aci_tcs_normalise normalise;
		struct aci_tcs_along along;
		struct aci_tcs_index index;
		struct aci_tcs_resize resize;
	};
};

struct aci_tcs_header {
	__le32 magic;
	__le32 version;		/* [31:16] major, [15:0] minor */
	__le32 program_bytes;
	__le32 tensor_count;
	__le32 op_count;
	__le32 arg_count;
	__le32 tensors_offset;	/* 16-byte aligned, from the header */
	__le32 ops_offset;	/* 16-byte aligned, from the header */
	__le64 workspace_bytes;
	__le16 workspace_slot;	/* argument of at least workspace_bytes, or ACI_TCS_NONE */
	__le16 reserved0;
	__le32 reserved1;
	__le64 reserved2[2];
};

#endif /* _UAPI_ACI_TCS_H_ */
