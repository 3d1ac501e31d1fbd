// SPDX-License-Identifier: MIT
/*
 * Programs that must be refused: one valid program, one fault at a time, the
 * exact status, operation and tensor. Nothing may have been written.
 */
#include "tcs_case.h"

#define NO_OP	ACI_TCS_ERROR_NO_OP
#define NO_TENSOR	CASE_NO_TENSOR

enum { COPY, MATMUL, CONV, POOL, SOFTMAX, ADD, CLIP };
enum {
	X, Y, W, BIAS, MM, IMAGE, FILTERS, FILTER_BIAS, FEATURES, POOLED, SOFT, SUM, CLIPPED, UNUSED
};

static struct program p;
static uint16_t scalar;		/* slot of a scalar argument */

static void build(void)
{
	struct aci_tcs_op *op;

	program_init(&p, FAKE_FLAT);
	program_dense(&p, F32, 2, SHAPE(4, 6));
	program_dense(&p, F32, 2, SHAPE(4, 6));
	program_dense(&p, F32, 2, SHAPE(6, 5));
	program_dense(&p, F32, 1, SHAPE(5));
	program_dense(&p, F32, 2, SHAPE(4, 5));
	program_dense(&p, F32, 4, SHAPE(1, 2, 5, 5));
	program_dense(&p, F32, 4, SHAPE(3, 2, 3, 3));
	program_dense(&p, F32, 1, SHAPE(3));
	program_dense(&p, F32, 4, SHAPE(1, 3, 5, 5));
	program_dense(&p, F32, 4, SHAPE(1, 3, 2, 2));
	program_dense(&p, F32, 2, SHAPE(4, 5));
	program_dense(&p, F32, 2, SHAPE(4, 5));
	program_dense(&p, F32, 2, SHAPE(4, 5));
	program_dense(&p, F32, 1, SHAPE(7));
	scalar = program_scalar(&p, 4);

	program_op(&p, ACI_TCS_OP_COPY, 0, X, NONE, NONE, Y);
	program_op(&p, ACI_TCS_OP_MATMUL, ACI_TCS_UNARY_RELU, Y, W, BIAS, MM);
	op = program_op(&p, ACI_TCS_OP_CONV, 0, IMAGE, FILTERS, FILTER_BIAS, FEATURES);
	program_window(op, 0, 1, 1, 1, 1);
	op = program_op(&p, ACI_TCS_OP_POOL_AVG, 0, FEATURES, NONE, NONE, POOLED);
	program_window(op, 2, 2, 1, 0, 0);
	op = program_op(&p, ACI_TCS_OP_SOFTMAX, 0, MM, NONE, NONE, SOFT);
	op->softmax.axis = 1;
	program_op(&p, ACI_TCS_OP_BINARY, ACI_TCS_BINARY_ADD, SOFT, BIAS, NONE, SUM);
	op = program_op(&p, ACI_TCS_OP_UNARY, ACI_TCS_UNARY_CLIP, SUM, NONE, NONE, CLIPPED);
	op->unary.beta = float_bits(1.0f);
}

#define H	(&p.image.header)
#define T(name)	(&p.image.tensors[name])
#define O(name)	(&p.image.ops[name])
#define A(name)	(&p.args[T(name)->slot])

/* name, what is wrong, status, operation, tensor */
#define HEADER_CASES(X_) \
	X_(magic, H->magic++, HEADER, NO_OP, NO_TENSOR) \
	X_(major, H->version += 0x10000, HEADER, NO_OP, NO_TENSOR) \
	X_(minor, H->version++, HEADER, NO_OP, NO_TENSOR) \
	X_(size_differs, H->program_bytes--, HEADER, NO_OP, NO_TENSOR) \
	X_(too_short, p.program_bytes = 63, HEADER, NO_OP, NO_TENSOR) \
	X_(too_long, p.program_bytes = 0xffffffff, HEADER, NO_OP, NO_TENSOR) \
	X_(header_reserved0, H->reserved0 = 1, HEADER, NO_OP, NO_TENSOR) \
	X_(header_reserved1, H->reserved1 = 1, HEADER, NO_OP, NO_TENSOR) \
	X_(header_reserved2, H->reserved2[1] = 1, HEADER, NO_OP, NO_TENSOR) \
	X_(tensors_unaligned, H->tensors_offset += 8, HEADER, NO_OP, NO_TENSOR) \
	X_(tensors_in_header, H->tensors_offset = 48, HEADER, NO_OP, NO_TENSOR) \
	X_(tensors_outside, H->tensors_offset = 0xfffffff0, HEADER, NO_OP, NO_TENSOR) \
	X_(too_many_tensors, H->tensor_count = 0xffffffff, HEADER, NO_OP, NO_TENSOR) \
	X_(ops_unaligned, H->ops_offset += 4, HEADER, NO_OP, NO_TENSOR) \
	X_(ops_outside, H->op_count = PROGRAM_OPS + 1, HEADER, NO_OP, NO_TENSOR) \
	X_(too_many_ops, H->op_count = 0x80000000, HEADER, NO_OP, NO_TENSOR) \
	X_(tables_overlap, H->ops_offset = H->tensors_offset + 160, HEADER, NO_OP, NO_TENSOR) \
	X_(arg_count, H->arg_count++, ARGUMENT, NO_OP, NO_TENSOR) \
	X_(too_many_args, p.arg_count = 0x10000, ARGUMENT, NO_OP, NO_TENSOR) \
	X_(workspace_none, H->workspace_bytes = 1, WORKSPACE, NO_OP, NO_TENSOR) \
	X_(workspace_small, (H->workspace_slot = T(X)->slot, H->workspace_bytes = 97), \
	   WORKSPACE, NO_OP, NO_TENSOR) \
	X_(workspace_scalar, H->workspace_slot = scalar, ARGUMENT, NO_OP, NO_TENSOR) \
	X_(workspace_slot, H->workspace_slot = scalar + 1, ARGUMENT, NO_OP, NO_TENSOR)

#define TENSOR_CASES(X_) \
	X_(type_unknown, T(W)->type = 13, TENSOR, MATMUL, W) \
	X_(type_zero, T(W)->type = 0, TENSOR, MATMUL, W) \
	X_(type_reserved, T(W)->type = ACI_TCS_TYPE_F8E4M3, TYPES, MATMUL, W) \
	X_(type_quantised, T(W)->type = ACI_TCS_TYPE_Q4_0, TYPES, MATMUL, W) \
	X_(rank, T(W)->rank = 9, TENSOR, MATMUL, W) \
	X_(tensor_reserved, T(W)->reserved[1] = 1, FIELD, MATMUL, W) \
	X_(unused_shape, T(BIAS)->shape[1] = 1, FIELD, MATMUL, BIAS) \
	X_(unused_stride, T(BIAS)->stride[7] = 1, FIELD, MATMUL, BIAS) \
	X_(unused_shape_bit, T(BIAS)->shape_from_arg = 2, FIELD, MATMUL, BIAS) \
	X_(unused_stride_bit, T(BIAS)->stride_from_arg = 0x80, FIELD, MATMUL, BIAS) \
	X_(shape_zero, T(X)->shape[0] = 0, TENSOR, COPY, X) \
	X_(shape_huge, T(X)->shape[0] = 1ull << 40, TENSOR, COPY, X) \
	X_(shape_wraps, T(X)->shape[0] = 1ull << 63, TENSOR, COPY, X) \
	X_(shape_slot, (T(X)->shape[0] = 0x10000, T(X)->shape_from_arg = 1), ARGUMENT, COPY, X) \
	X_(shape_buffer, (T(X)->shape[0] = 0, T(X)->shape_from_arg = 1), ARGUMENT, COPY, X) \
	X_(shape_zero_arg, (T(X)->shape[0] = scalar, T(X)->shape_from_arg = 1, \
			    p.args[scalar].value = 0), TENSOR, COPY, X) \
	X_(stride_slot, (T(X)->stride[1] = ~0ull, T(X)->stride_from_arg = 2), ARGUMENT, COPY, X) \
	X_(slot, T(FILTERS)->slot = scalar + 1, ARGUMENT, CONV, FILTERS) \
	X_(slot_none, T(FILTERS)->slot = NONE, ARGUMENT, CONV, FILTERS) \
	X_(slot_scalar, T(FILTERS)->slot = scalar, ARGUMENT, CONV, FILTERS) \
	X_(offset_slot, T(FILTERS)->offset_slot = 0, ARGUMENT, CONV, FILTERS) \
	X_(address_unaligned, A(W)->value += 2, ARGUMENT, MATMUL, W) \
	X_(address_high, A(W)->value = 1ull << 48, ARGUMENT, MATMUL, W) \
	X_(buffer_wraps, A(W)->bytes = ~0ull, ARGUMENT, MATMUL, W) \
	X_(offset_unaligned, T(BIAS)->offset = 2, BOUNDS, MATMUL, BIAS) \
	X_(offset_outside, T(BIAS)->offset = 4, BOUNDS, MATMUL, BIAS) \
	X_(offset_huge, T(BIAS)->offset = ~3ull, BOUNDS, MATMUL, BIAS) \
	X_(offset_wraps, (T(BIAS)->offset = ~3ull, T(BIAS)->offset_slot = scalar), \
	   BOUNDS, MATMUL, BIAS) \
	X_(offset_arg, T(BIAS)->offset_slot = scalar, BOUNDS, MATMUL, BIAS) \
	X_(reach_forward, T(X)->stride[0] = 7, BOUNDS, COPY, X) \
	X_(reach_backward, T(X)->stride[0] = -6ull, BOUNDS, COPY, X) \
	X_(reach_huge, T(X)->stride[0] = 1ull << 62, BOUNDS, COPY, X) \
	X_(reach_lowest, T(X)->stride[0] = 1ull << 63, BOUNDS, COPY, X) \
	X_(buffer_small, A(POOLED)->bytes--, BOUNDS, POOL, POOLED) \
	X_(unused_tensor, T(UNUSED)->offset = 4, BOUNDS, NO_OP, UNUSED)

#define OP_CASES(X_) \
	X_(opcode, O(POOL)->opcode = 0x7777, OPCODE, POOL, NO_TENSOR) \
	X_(opcode_zero, O(COPY)->opcode = 0, OPCODE, COPY, NO_TENSOR) \
	X_(flag, O(POOL)->flags = 2, FIELD, POOL, NO_TENSOR) \
	X_(flag_elsewhere, O(CONV)->flags = 1, FIELD, CONV, NO_TENSOR) \
	X_(op_reserved, O(ADD)->reserved = 1, FIELD, ADD, NO_TENSOR) \
	X_(copy_function, O(COPY)->function = 1, FIELD, COPY, NO_TENSOR) \
	X_(copy_attr, O(COPY)->attr[23] = 1, FIELD, COPY, NO_TENSOR) \
	X_(binary_attr, O(ADD)->attr[0] = 1, FIELD, ADD, NO_TENSOR) \
	X_(binary_function, O(ADD)->function = 15, FIELD, ADD, NO_TENSOR) \
	X_(unary_function, O(CLIP)->function = 42, FIELD, CLIP, NO_TENSOR) \
	X_(activation, O(MATMUL)->function = 2, FIELD, MATMUL, NO_TENSOR) \
	X_(matmul_attr, O(MATMUL)->attr[5] = 1, FIELD, MATMUL, NO_TENSOR) \
	X_(unary_reserved, O(CLIP)->unary.reserved[20] = 1, FIELD, CLIP, NO_TENSOR) \
	X_(beta_not_taken, O(CLIP)->function = ACI_TCS_UNARY_ELU, FIELD, CLIP, NO_TENSOR) \
	X_(alpha_slot_not_taken, (O(CLIP)->function = 0, O(CLIP)->unary.beta = 0, \
				  O(CLIP)->unary.alpha_slot = scalar), FIELD, CLIP, NO_TENSOR) \
	X_(beta_twice, O(CLIP)->unary.beta_slot = scalar, FIELD, CLIP, NO_TENSOR) \
	X_(alpha_buffer, O(CLIP)->unary.alpha_slot = 0, ARGUMENT, CLIP, NO_TENSOR) \
	X_(alpha_slot, O(CLIP)->unary.alpha_slot = scalar + 1, ARGUMENT, CLIP, NO_TENSOR) \
	X_(softmax_function, O(SOFTMAX)->function = 2, FIELD, SOFTMAX, NO_TENSOR) \
	X_(softmax_reserved, O(SOFTMAX)->softmax.reserved[0] = 1, FIELD, SOFTMAX, NO_TENSOR) \
	X_(window_reserved, O(CONV)->window.reserved[7] = 1, FIELD, CONV, NO_TENSOR) \
	X_(third_dimension, O(CONV)->window.stride[2] = 1, FIELD, CONV, NO_TENSOR) \
	X_(stride_zero, O(CONV)->window.stride[0] = 0, FIELD, CONV, NO_TENSOR) \
	X_(dilation_zero, O(POOL)->window.dilation[1] = 0, FIELD, POOL, NO_TENSOR) \
	X_(conv_kernel, O(CONV)->window.kernel[0] = 3, FIELD, CONV, NO_TENSOR) \
	X_(pool_kernel_zero, O(POOL)->window.kernel[1] = 0, FIELD, POOL, NO_TENSOR) \
	X_(groups_zero, O(CONV)->window.groups = 0, FIELD, CONV, NO_TENSOR) \
	X_(pool_groups, O(POOL)->window.groups = 1, FIELD, POOL, NO_TENSOR) \
	X_(input_index, O(ADD)->in[1] = 14, TENSOR, ADD, NO_TENSOR) \
	X_(input_missing, O(ADD)->in[1] = NONE, TENSOR, ADD, NO_TENSOR) \
	X_(output_missing, O(ADD)->out[0] = NONE, TENSOR, ADD, NO_TENSOR) \
	X_(input_unused, O(ADD)->in[2] = X, FIELD, ADD, NO_TENSOR) \
	X_(input_unused_last, O(MATMUL)->in[5] = X, FIELD, MATMUL, NO_TENSOR) \
	X_(output_unused, O(ADD)->out[1] = X, FIELD, ADD, NO_TENSOR) \
	X_(types_mixed, T(SUM)->type = ACI_TCS_TYPE_I32, TYPES, ADD, NO_TENSOR) \
	X_(types_not_offered, (T(MM)->type = T(SOFT)->type = ACI_TCS_TYPE_I32, \
			       T(Y)->type = T(W)->type = ACI_TCS_TYPE_I8, \
			       T(BIAS)->type = ACI_TCS_TYPE_I32), TYPES, SOFTMAX, NO_TENSOR) \
	X_(function_not_offered, (T(SUM)->type = T(CLIPPED)->type = T(SOFT)->type = \
				  T(BIAS)->type = ACI_TCS_TYPE_I32, H->op_count = 2, \
				  *O(COPY) = *O(ADD), *O(MATMUL) = *O(CLIP)), \
	   TYPES, MATMUL, NO_TENSOR) \
	X_(pow_i32, (T(SUM)->type = T(SOFT)->type = T(BIAS)->type = ACI_TCS_TYPE_I32, \
		     H->op_count = 1, *O(COPY) = *O(ADD), \
		     O(COPY)->function = ACI_TCS_BINARY_POW), TYPES, COPY, NO_TENSOR)

#define SHAPE_CASES(X_) \
	X_(copy_shape, O(COPY)->out[0] = MM, SHAPE, COPY, NO_TENSOR) \
	X_(copy_rank, O(COPY)->out[0] = BIAS, SHAPE, COPY, NO_TENSOR) \
	X_(matmul_k, O(MATMUL)->in[0] = MM, SHAPE, MATMUL, NO_TENSOR) \
	X_(matmul_rank, O(MATMUL)->in[1] = BIAS, SHAPE, MATMUL, NO_TENSOR) \
	X_(matmul_out, O(MATMUL)->out[0] = Y, SHAPE, MATMUL, NO_TENSOR) \
	X_(matmul_bias, O(MATMUL)->in[2] = FILTER_BIAS, SHAPE, MATMUL, NO_TENSOR) \
	X_(matmul_bias_rank, O(MATMUL)->in[2] = W, SHAPE, MATMUL, NO_TENSOR) \
	X_(conv_rank, O(CONV)->in[0] = X, SHAPE, CONV, NO_TENSOR) \
	X_(conv_channels, O(CONV)->in[0] = FEATURES, SHAPE, CONV, NO_TENSOR) \
	X_(conv_groups, O(CONV)->window.groups = 2, SHAPE, CONV, NO_TENSOR) \
	X_(conv_bias, O(CONV)->in[2] = BIAS, SHAPE, CONV, NO_TENSOR) \
	X_(conv_padding, O(CONV)->window.pad_end[1] = 2, SHAPE, CONV, NO_TENSOR) \
	X_(conv_dilation, O(CONV)->window.dilation[0] = 0xffffffff, SHAPE, CONV, NO_TENSOR) \
	X_(conv_stride, O(CONV)->window.stride[0] = 0xffffffff, SHAPE, CONV, NO_TENSOR) \
	X_(pool_kernel, O(POOL)->window.kernel[0] = 6, SHAPE, POOL, NO_TENSOR) \
	X_(pool_window, O(POOL)->window.kernel[0] = O(POOL)->window.kernel[1] = 0x10000, \
	   SHAPE, POOL, NO_TENSOR) \
	X_(pool_channels, O(POOL)->in[0] = IMAGE, SHAPE, POOL, NO_TENSOR) \
	X_(softmax_axis, O(SOFTMAX)->softmax.axis = 2, SHAPE, SOFTMAX, NO_TENSOR) \
	X_(softmax_axis_huge, O(SOFTMAX)->softmax.axis = 0xffffffff, SHAPE, SOFTMAX, NO_TENSOR) \
	X_(softmax_shape, O(SOFTMAX)->out[0] = X, SHAPE, SOFTMAX, NO_TENSOR) \
	X_(binary_shape, O(ADD)->in[1] = FILTER_BIAS, SHAPE, ADD, NO_TENSOR) \
	X_(binary_rank, O(ADD)->in[1] = IMAGE, SHAPE, ADD, NO_TENSOR) \
	X_(binary_too_wide, O(ADD)->in[0] = BIAS, SHAPE, ADD, NO_TENSOR) \
	X_(matmul_reduces_too_much, (T(Y)->shape[1] = T(W)->shape[0] = 1 << 25, \
				     memset(T(Y)->stride, 0, 16), memset(T(W)->stride, 0, 16), \
				     *O(COPY) = *O(MATMUL)), SHAPE, COPY, NO_TENSOR)

#define OVERLAP_CASES(X_) \
	X_(output_repeats, T(SUM)->stride[0] = 0, OVERLAP, ADD, NO_TENSOR) \
	X_(output_folds, T(SUM)->stride[0] = 4, OVERLAP, ADD, NO_TENSOR) \
	X_(output_folds_back, (T(SUM)->stride[0] = -4ull, T(SUM)->offset = 48), \
	   OVERLAP, ADD, NO_TENSOR) \
	X_(same_other_stride, (T(CLIPPED)->slot = T(SUM)->slot, \
			       T(CLIPPED)->stride[0] = 1, T(CLIPPED)->stride[1] = 4), \
	   OVERLAP, CLIP, NO_TENSOR) \
	X_(softmax_in_place, O(SOFTMAX)->out[0] = MM, OVERLAP, SOFTMAX, NO_TENSOR) \
	X_(matmul_over_bias, (T(BIAS)->slot = T(MM)->slot), OVERLAP, MATMUL, NO_TENSOR) \
	X_(other_slot_same_memory, A(SUM)->value = A(SOFT)->value + 16, OVERLAP, ADD, NO_TENSOR) \
	X_(broadcast_in_place, (T(SUM)->slot = T(BIAS)->slot, T(SUM)->stride[0] = 0, \
				T(SUM)->stride[1] = 1), OVERLAP, ADD, NO_TENSOR)

#define ALL_CASES(X_) \
	HEADER_CASES(X_) TENSOR_CASES(X_) OP_CASES(X_) SHAPE_CASES(X_) OVERLAP_CASES(X_)

ALL_CASES(CASE_DEFINE)

#define CHECK(cases)	CASE_REFUSED(&p, build, cases)

/*
 * proves: ACI-520 ACI-521 ACI-522 ACI-523 ACI-524 ACI-525 ACI-526 ACI-527 ACI-528 ACI-529
 * proves: ACI-554
 */
static void test_header(void **state)
{
	CHECK(HEADER_CASES);
}

/*
 * proves: ACI-530 ACI-531 ACI-532 ACI-533 ACI-534 ACI-535 ACI-536 ACI-537 ACI-538 ACI-539
 * proves: ACI-540 ACI-541 ACI-542 ACI-554
 */
static void test_tensors(void **state)
{
	CHECK(TENSOR_CASES);
}

/* proves: ACI-553 ACI-545 ACI-546 ACI-547 ACI-548 ACI-549 ACI-550 */
static void test_operations(void **state)
{
	CHECK(OP_CASES);
}

/* proves: ACI-551 ACI-552 */
static void test_shapes(void **state)
{
	CHECK(SHAPE_CASES);
}

/* proves: ACI-570 ACI-571 ACI-572 */
static void test_overlaps(void **state)
{
	CHECK(OVERLAP_CASES);
}

/* The program that all faults start from is fine, else they would prove nothing. */
static void test_valid(void **state)
{
	build();
	program_run(&p);
	assert_int_equal(p.result.status, ACI_STATUS_SUCCESS);
	assert_int_equal(fake.operations, 7);
	assert_null(fake.broken);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_valid),
		cmocka_unit_test(test_header),
		cmocka_unit_test(test_tensors),
		cmocka_unit_test(test_operations),
		cmocka_unit_test(test_shapes),
		cmocka_unit_test(test_overlaps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
