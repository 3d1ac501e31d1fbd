// SPDX-License-Identifier: MIT
/* REDUCE, ARG and CUMULATE of the tensor command set against an independent reference. */
#include "tcs_case.h"

static struct program program;

static const uint8_t all_types[] = { F32, I32, I64, I8, U8, BOOL };

/* A function that the type has. */
static uint32_t function_of(uint8_t type)
{
	static const uint32_t wide[] = { ACI_TCS_REDUCTION_SUM, ACI_TCS_REDUCTION_MAX,
					 ACI_TCS_REDUCTION_MIN, ACI_TCS_REDUCTION_PROD };

	if (type == F32)
		return (uint32_t)fake_below(ACI_TCS_REDUCTION_SUM_SQUARE + 1);
	return wide[type == I32 || type == I64 ? fake_below(4) : 1 + fake_below(2)];
}

/* proves: ACI-710 ACI-711 ACI-712 ACI-713 ACI-714 ACI-715 */
static void test_reduce(void **state)
{
	double worst = 0;

	for (unsigned int round = 0; round < 600; round++) {
		const uint8_t type = round & 1 ? F32 : all_types[round / 2 % COUNT(all_types)];
		uint64_t shape[8], reduced[8];
		struct aci_tcs_op *op;
		unsigned int rank;
		uint32_t axes;
		uint16_t in;

		program_init(&program, random_memory());
		rank = random_shape(shape, 0, round % 7 ? 3000 : 60000);
		axes = (uint32_t)fake_below(1u << rank);
		for (unsigned int i = 0; i < rank; i++)
			reduced[i] = axes >> i & 1 ? 1 : shape[i];
		in = random_input(&program, type, rank, shape,
				  round % 4 ? RANDOM_PLAIN : RANDOM_WILD);
		op = program_op(&program, ACI_TCS_OP_REDUCE, function_of(type), in, NONE, NONE,
				random_output(&program, type, rank, reduced));
		op->reduce.axes = axes;
		worst = fmax(worst, case_check(&program));
	}
	case_report("reduce", worst);
}

/* A product whose parts leave the range of f32 and of f64 although the whole is 1. */
/* proves: ACI-713 */
static void test_product_range(void **state)
{
	struct aci_tcs_op *op;
	uint16_t in;
	float got;

	program_init(&program, FAKE_FLAT);
	in = program_dense(&program, F32, 1, SHAPE(4000));
	for (unsigned int i = 0; i < 4000; i++)
		fake_write(program.args[0].value + 4 * i, &(float){ i < 2000 ? 0x1p100f : 0x1p-100f },
			   4);
	op = program_op(&program, ACI_TCS_OP_REDUCE, ACI_TCS_REDUCTION_PROD, in, NONE, NONE,
			program_dense(&program, F32, 1, SHAPE(1)));
	op->reduce.axes = 1;
	program_run(&program);
	assert_int_equal(program.result.status, ACI_STATUS_SUCCESS);
	fake_read(program.args[1].value, &got, 4);
	assert_true(got == 1);
}

/* proves: ACI-716 ACI-717 ACI-718 */
static void test_arg(void **state)
{
	for (unsigned int round = 0; round < 300; round++) {
		const uint8_t type = round & 1 ? F32 : all_types[round / 2 % 5];
		struct aci_tcs_op *op;
		uint64_t shape[8];
		unsigned int rank;
		uint32_t axis;
		uint16_t in;

		program_init(&program, random_memory());
		rank = random_shape(shape, 1, 3000);
		axis = (uint32_t)fake_below(rank);
		in = random_input(&program, type, rank, shape,
				  round % 4 < 2 ? RANDOM_PLAIN : RANDOM_WILD);
		shape[axis] = 1;
		op = program_op(&program, ACI_TCS_OP_ARG, (uint32_t)fake_below(2), in, NONE, NONE,
				random_output(&program, I64, rank, shape));
		op->flags = fake_below(2) ? ACI_TCS_OP_F_LAST : 0;
		op->along.axis = axis;
		case_check(&program);
	}
}

/* Of equal ones, of NaN too, the first or the last. */
/* proves: ACI-717 ACI-718 */
static void test_arg_ties(void **state)
{
	static const float rows[][6] = {
		{ 1, 3, 2, 3, 1, 2 }, { 1, NAN, 5, NAN, 9, -9 }, { 4, 4, 4, 4, 4, 4 },
	};
	static const int64_t expected[][4] = {		/* max, last max, min, last min */
		{ 1, 3, 0, 4 }, { 1, 3, 1, 3 }, { 0, 5, 0, 5 },
	};

	for (unsigned int i = 0; i < 12; i++) {
		struct aci_tcs_op *op;
		int64_t got[3];
		uint16_t in;

		program_init(&program, FAKE_FLAT);
		in = program_dense(&program, F32, 2, SHAPE(3, 6));
		fake_write(program.args[0].value, rows, sizeof(rows));
		op = program_op(&program, ACI_TCS_OP_ARG, i / 2 % 2, in, NONE, NONE,
				program_dense(&program, I64, 2, SHAPE(3, 1)));
		op->flags = i % 2 ? ACI_TCS_OP_F_LAST : 0;
		op->along.axis = 1;
		program_run(&program);
		assert_int_equal(program.result.status, ACI_STATUS_SUCCESS);
		fake_read(program.args[1].value, got, sizeof(got));
		assert_int_equal(got[i / 4], expected[i / 4][i % 4]);
	}
}

/* proves: ACI-720 ACI-721 ACI-722 */
static void test_cumulate(void **state)
{
	double worst = 0;

	for (unsigned int round = 0; round < 200; round++) {
		const uint8_t type = all_types[round % 3];
		struct aci_tcs_op *op;
		uint64_t shape[8];
		unsigned int rank;
		uint16_t in;

		program_init(&program, random_memory());
		rank = random_shape(shape, 1, 1500);
		in = random_input(&program, type, rank, shape,
				  round % 4 ? RANDOM_PLAIN : RANDOM_WILD);
		op = program_op(&program, ACI_TCS_OP_CUMULATE, 0, in, NONE, NONE,
				random_output(&program, type, rank, shape));
		op->flags = fake_below(2) ? ACI_TCS_OP_F_EXCLUSIVE : 0;
		op->along.axis = (uint32_t)fake_below(rank);
		worst = fmax(worst, case_check(&program));
	}
	case_report("cumulate", worst);
}

enum { REDUCE, ARG, CUMULATE };
enum { X, REDUCED, INDEX, SUMS };

/* A program of which nothing is wrong. */
static void build(void)
{
	struct aci_tcs_op *op;

	program_init(&program, FAKE_FLAT);
	program_dense(&program, F32, 3, SHAPE(3, 4, 5));
	program_dense(&program, F32, 3, SHAPE(1, 4, 1));
	program_dense(&program, I64, 3, SHAPE(3, 1, 5));
	program_dense(&program, F32, 3, SHAPE(3, 4, 5));
	op = program_op(&program, ACI_TCS_OP_REDUCE, ACI_TCS_REDUCTION_L2, X, NONE, NONE, REDUCED);
	op->reduce.axes = 5;
	op = program_op(&program, ACI_TCS_OP_ARG, 0, X, NONE, NONE, INDEX);
	op->along.axis = 1;
	op = program_op(&program, ACI_TCS_OP_CUMULATE, 0, X, NONE, NONE, SUMS);
	op->along.axis = 2;
}

static void repeat(uint16_t tensor, unsigned int dim, uint64_t n)
{
	program.image.tensors[tensor].shape[dim] = n;
	memset(program.image.tensors[tensor].stride, 0, 24);
}

#define T(name)	(&program.image.tensors[name])
#define O(name)	(&program.image.ops[name])
#define NO_TENSOR	CASE_NO_TENSOR

#define CASES(X_) \
	X_(reduce_axes, O(REDUCE)->reduce.axes = 13, SHAPE, REDUCE, NO_TENSOR) \
	X_(reduce_axes_huge, O(REDUCE)->reduce.axes = 0x80000005, SHAPE, REDUCE, NO_TENSOR) \
	X_(reduce_keeps, O(REDUCE)->reduce.axes = 1, SHAPE, REDUCE, NO_TENSOR) \
	X_(reduce_drops, O(REDUCE)->reduce.axes = 7, SHAPE, REDUCE, NO_TENSOR) \
	X_(reduce_rank, O(REDUCE)->in[0] = INDEX; T(INDEX)->type = F32; T(INDEX)->rank = 2; \
	   T(INDEX)->shape[2] = T(INDEX)->stride[2] = 0, SHAPE, REDUCE, NO_TENSOR) \
	X_(reduce_too_much, repeat(X, 0, 1 << 20), SHAPE, REDUCE, NO_TENSOR) \
	X_(reduce_function, O(REDUCE)->function = 8, FIELD, REDUCE, NO_TENSOR) \
	X_(reduce_reserved, O(REDUCE)->reduce.reserved[22] = 1, FIELD, REDUCE, NO_TENSOR) \
	X_(reduce_types, T(REDUCED)->type = I32, TYPES, REDUCE, NO_TENSOR) \
	X_(reduce_not_offered, T(X)->type = T(REDUCED)->type = I32, TYPES, REDUCE, NO_TENSOR) \
	X_(reduce_flag, O(REDUCE)->flags = ACI_TCS_OP_F_LAST, FIELD, REDUCE, NO_TENSOR) \
	X_(reduce_in_place, O(REDUCE)->out[0] = X; O(REDUCE)->reduce.axes = 0, OVERLAP, REDUCE, \
	   NO_TENSOR) \
	X_(arg_axis, O(ARG)->along.axis = 3, SHAPE, ARG, NO_TENSOR) \
	X_(arg_axis_other, O(ARG)->along.axis = 0, SHAPE, ARG, NO_TENSOR) \
	X_(arg_function, O(ARG)->function = 2, FIELD, ARG, NO_TENSOR) \
	X_(arg_flag, O(ARG)->flags = ACI_TCS_OP_F_EXCLUSIVE, FIELD, ARG, NO_TENSOR) \
	X_(arg_reserved, O(ARG)->along.reserved[0] = 1, FIELD, ARG, NO_TENSOR) \
	X_(arg_type, T(INDEX)->type = I32, TYPES, ARG, NO_TENSOR) \
	X_(cumulate_axis, O(CUMULATE)->along.axis = 3, SHAPE, CUMULATE, NO_TENSOR) \
	X_(cumulate_function, O(CUMULATE)->function = 1, FIELD, CUMULATE, NO_TENSOR) \
	X_(cumulate_flag, O(CUMULATE)->flags = ACI_TCS_OP_F_LAST, FIELD, CUMULATE, NO_TENSOR) \
	X_(cumulate_shape, T(SUMS)->shape[0] = 2, SHAPE, CUMULATE, NO_TENSOR) \
	X_(cumulate_in_place, O(CUMULATE)->out[0] = X, OVERLAP, CUMULATE, NO_TENSOR)

CASES(CASE_DEFINE)

/* proves: ACI-546 ACI-549 ACI-551 ACI-552 ACI-710 ACI-711 ACI-716 ACI-720 */
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
		cmocka_unit_test(test_reduce),
		cmocka_unit_test(test_product_range),
		cmocka_unit_test(test_arg),
		cmocka_unit_test(test_arg_ties),
		cmocka_unit_test(test_cumulate),
		cmocka_unit_test(test_refused),
	};

	return case_main(tests);
}
