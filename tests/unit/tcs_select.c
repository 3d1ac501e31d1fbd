// SPDX-License-Identifier: MIT
/* SELECT, COMPARE and FILL of the tensor command set against an independent reference. */
#include "tcs_case.h"

static struct program program;

/* proves: ACI-700 ACI-701 ACI-702 */
static void test_select(void **state)
{
	static const uint8_t types[] = { F32, I8, F16, I64, BOOL, BF16, U8, I32 };

	for (unsigned int round = 0; round < 400; round++) {
		const uint8_t type = types[round % COUNT(types)];
		uint64_t shape[8], small[2][8];
		unsigned int rank, small_rank[2], whole = round % 3;
		uint16_t in[3];

		program_init(&program, random_memory());
		rank = random_shape(shape, 0, 3000);
		for (unsigned int i = 0; i < 2; i++)
			small_rank[i] = random_shrink(rank, shape, small[i]);
		for (unsigned int i = 0, at = 0; i < 3; i++) {
			const uint8_t own = i ? type : BOOL;

			if (i == whole)
				in[i] = random_input(&program, own, rank, shape, RANDOM_WILD);
			else
				in[i] = random_input(&program, own, small_rank[at], small[at],
						     RANDOM_WILD);
			at += i != whole;
		}
		program_op(&program, ACI_TCS_OP_SELECT, 0, in[0], in[1], in[2],
			   random_output(&program, type, rank, shape));
		case_check(&program);
	}
}

/* proves: ACI-703 ACI-704 */
static void test_compare(void **state)
{
	static const uint8_t types[] = { F32, I8, U8, I32, I64, BOOL };

	for (unsigned int round = 0; round < 360; round++) {
		const uint8_t type = types[round % COUNT(types)];
		uint64_t shape[8], small[8];
		unsigned int rank, small_rank;
		uint16_t in[2];

		program_init(&program, random_memory());
		rank = random_shape(shape, 0, 2000);
		small_rank = random_shrink(rank, shape, small);
		in[round & 1] = random_input(&program, type, rank, shape, RANDOM_WILD);
		in[!(round & 1)] = random_input(&program, type, small_rank, small, RANDOM_WILD);
		program_op(&program, ACI_TCS_OP_COMPARE, round / 6 % 6, in[0], in[1], NONE,
			   random_output(&program, BOOL, rank, shape));
		case_check(&program);
	}
}

/* Equal operands, NaN among them: equality is not a matter of bits. */
/* proves: ACI-704 */
static void test_compare_with_itself(void **state)
{
	for (uint32_t function = 0; function <= ACI_TCS_COMPARE_GE; function++) {
		uint16_t in;

		program_init(&program, FAKE_FLAT);
		in = random_input(&program, F32, 1, SHAPE(4000), RANDOM_WILD);
		program_op(&program, ACI_TCS_OP_COMPARE, function, in, in, NONE,
			   random_output(&program, BOOL, 1, SHAPE(4000)));
		case_check(&program);
	}
}

/* proves: ACI-705 ACI-706 ACI-707 ACI-708 */
static void test_fill(void **state)
{
	static const uint8_t types[] = { F32, I32, I64, I8, U8, F16, BF16, BOOL };
	double worst = 0;

	for (unsigned int round = 0; round < 400; round++) {
		const uint8_t type = types[round % COUNT(types)];
		const bool range = type == F32 || type == I32 || type == I64 ? round & 8 : false;
		struct aci_tcs_op *op;
		uint64_t shape[8];
		unsigned int rank;

		program_init(&program, random_memory());
		rank = random_shape(shape, range, round % 5 ? 3000 : 100000);
		op = program_op(&program, ACI_TCS_OP_FILL, range, NONE, NONE, NONE,
				random_output(&program, type, rank, shape));
		op->fill.value = type == F32 ? float_bits((float)fake_below(99) / 7 - 5) :
				 fake_random() | 1;
		if (range)
			op->fill.step = type == F32 ? float_bits((float)fake_below(9) / 3 - 1) :
					fake_random() | 1;
		if (range)
			op->fill.axis = (uint32_t)fake_below(rank);
		if (fake_below(2)) {
			op->fill.value_slot = program_scalar(&program, op->fill.value);
			op->fill.value = 0;
		}
		if (range && fake_below(2)) {
			op->fill.step_slot = program_scalar(&program, op->fill.step);
			op->fill.step = 0;
		}
		worst = fmax(worst, case_check(&program));
	}
	case_report("fill", worst);
}

enum { SELECT, COMPARE, FILL, RANGE };
enum { MASK, A, B, SELECTED, COMPARED, FILLED, RANGED };

static uint16_t scalar;

/* A program of which nothing is wrong. */
static void build(void)
{
	struct aci_tcs_op *op;

	program_init(&program, FAKE_FLAT);
	program_dense(&program, BOOL, 2, SHAPE(3, 4));
	program_dense(&program, F32, 1, SHAPE(4));
	program_dense(&program, F32, 2, SHAPE(3, 1));
	program_dense(&program, F32, 2, SHAPE(3, 4));
	program_dense(&program, BOOL, 2, SHAPE(3, 4));
	program_dense(&program, BF16, 2, SHAPE(3, 4));
	program_dense(&program, I64, 2, SHAPE(3, 4));
	scalar = program_scalar(&program, 3);
	program_op(&program, ACI_TCS_OP_SELECT, 0, MASK, A, B, SELECTED);
	program_op(&program, ACI_TCS_OP_COMPARE, ACI_TCS_COMPARE_LT, A, B, NONE, COMPARED);
	op = program_op(&program, ACI_TCS_OP_FILL, ACI_TCS_FILL_CONSTANT, NONE, NONE, NONE, FILLED);
	op->fill.value_slot = scalar;
	op = program_op(&program, ACI_TCS_OP_FILL, ACI_TCS_FILL_RANGE, NONE, NONE, NONE, RANGED);
	op->fill.step_slot = scalar;
	op->fill.axis = 1;
}

#define T(name)	(&program.image.tensors[name])
#define O(name)	(&program.image.ops[name])
#define NO_TENSOR	CASE_NO_TENSOR

#define CASES(X_) \
	X_(select_mask_type, T(MASK)->type = I8, TYPES, SELECT, NO_TENSOR) \
	X_(select_types, T(A)->type = I32, TYPES, SELECT, NO_TENSOR) \
	X_(select_function, O(SELECT)->function = 1, FIELD, SELECT, NO_TENSOR) \
	X_(select_attr, O(SELECT)->attr[0] = 1, FIELD, SELECT, NO_TENSOR) \
	X_(select_inputs, O(SELECT)->in[2] = NONE, TENSOR, SELECT, NO_TENSOR) \
	X_(select_shape, T(A)->shape[0] = 3, SHAPE, SELECT, NO_TENSOR) \
	X_(select_too_wide, T(MASK)->shape[0] = T(B)->shape[0] = 1, SHAPE, SELECT, NO_TENSOR) \
	X_(select_overlap, program.args[T(SELECTED)->slot].value = \
	   program.args[T(A)->slot].value, OVERLAP, SELECT, NO_TENSOR) \
	X_(compare_function, O(COMPARE)->function = 6, FIELD, COMPARE, NO_TENSOR) \
	X_(compare_out_type, O(COMPARE)->out[0] = SELECTED, TYPES, COMPARE, NO_TENSOR) \
	X_(compare_types, O(COMPARE)->in[0] = MASK, TYPES, COMPARE, NO_TENSOR) \
	X_(compare_half, T(FILLED)->type = BF16; O(COMPARE)->in[0] = O(COMPARE)->in[1] = FILLED, \
	   TYPES, COMPARE, NO_TENSOR) \
	X_(compare_shape, O(COMPARE)->in[0] = B, SHAPE, COMPARE, NO_TENSOR) \
	X_(fill_function, O(FILL)->function = 2, FIELD, FILL, NO_TENSOR) \
	X_(fill_step, O(FILL)->fill.step = 1, FIELD, FILL, NO_TENSOR) \
	X_(fill_step_slot, O(FILL)->fill.step_slot = scalar, FIELD, FILL, NO_TENSOR) \
	X_(fill_axis, O(FILL)->fill.axis = 1, FIELD, FILL, NO_TENSOR) \
	X_(fill_twice, O(FILL)->fill.value = 1, FIELD, FILL, NO_TENSOR) \
	X_(fill_slot, O(FILL)->fill.value_slot = 0, ARGUMENT, FILL, NO_TENSOR) \
	X_(fill_reserved, O(FILL)->fill.reserved[17] = 1, FIELD, FILL, NO_TENSOR) \
	X_(fill_input, O(FILL)->in[0] = A, FIELD, FILL, NO_TENSOR) \
	X_(range_axis, O(RANGE)->fill.axis = 2, SHAPE, RANGE, NO_TENSOR) \
	X_(range_step_twice, O(RANGE)->fill.step = 1, FIELD, RANGE, NO_TENSOR) \
	X_(range_type, O(RANGE)->out[0] = FILLED, TYPES, RANGE, NO_TENSOR)

CASES(CASE_DEFINE)

/* proves: ACI-546 ACI-549 ACI-551 ACI-700 ACI-703 ACI-705 ACI-706 */
static void test_refused(void **state)
{
	build();
	program_run(&program);
	assert_int_equal(program.result.status, ACI_STATUS_SUCCESS);
	CASE_REFUSED(&program, build, CASES);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_select),
		cmocka_unit_test(test_compare),
		cmocka_unit_test(test_compare_with_itself),
		cmocka_unit_test(test_fill),
		cmocka_unit_test(test_refused),
	};

	return case_main(tests);
}
