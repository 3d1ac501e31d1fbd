// SPDX-License-Identifier: MIT
/* NORMALISE and the logarithm of SOFTMAX against an independent reference. */
#include "tcs_case.h"

static struct program program;

/* proves: ACI-750 ACI-751 ACI-752 ACI-753 ACI-754 */
static void test_normalise(void **state)
{
	double worst = 0;

	for (unsigned int round = 0; round < 300; round++) {
		struct aci_tcs_op *op;
		uint64_t shape[8], small[8];
		unsigned int rank;
		uint16_t in, operand[2] = { NONE, NONE };

		program_init(&program, random_memory());
		rank = random_shape(shape, 1, 3000);
		in = random_input(&program, F32, rank, shape,
				  round % 8 ? RANDOM_PLAIN : RANDOM_WILD);
		for (unsigned int i = 0; i < 2 && round % 3 >= i; i++) {
			const unsigned int small_rank = random_shrink(rank, shape, small);

			operand[i] = random_input(&program, F32, small_rank, small, RANDOM_PLAIN);
		}
		op = program_op(&program, ACI_TCS_OP_NORMALISE, (uint32_t)fake_below(2), in,
				operand[0], operand[1],
				random_output(&program, F32, rank, shape));
		op->normalise.axes = (uint32_t)fake_below(1u << rank);
		op->normalise.epsilon_slot = NONE;
		if (fake_below(2))
			op->normalise.epsilon = float_bits(1e-5f);
		else
			op->normalise.epsilon_slot = program_scalar(&program, float_bits(0.5f));
		worst = fmax(worst, case_check(&program));
	}
	case_report("normalise", worst);
}

/* A mean that is a million times the deviation. */
/* proves: ACI-753 */
static void test_large_mean(void **state)
{
	struct aci_tcs_op *op;
	float got[4096];
	double sum = 0, squares = 0;
	uint16_t in;

	program_init(&program, FAKE_FLAT);
	in = program_dense(&program, F32, 1, SHAPE(4096));
	for (unsigned int i = 0; i < 4096; i++)
		fake_write(program.args[0].value + 4 * i, &(float){ 1e6f + (float)(i % 3) - 1 }, 4);
	op = program_op(&program, ACI_TCS_OP_NORMALISE, ACI_TCS_NORMALISE_MEAN_VARIANCE, in, NONE,
			NONE, program_dense(&program, F32, 1, SHAPE(4096)));
	op->normalise.axes = 1;
	op->normalise.epsilon_slot = NONE;
	program_run(&program);
	assert_int_equal(program.result.status, ACI_STATUS_SUCCESS);
	fake_read(program.args[1].value, got, sizeof(got));
	for (unsigned int i = 0; i < 4096; i++) {
		sum += got[i];
		squares += (double)got[i] * got[i];
	}
	assert_true(fabs(sum / 4096) < 1e-3 && fabs(squares / 4096 - 1) < 1e-3);
}

/* proves: ACI-668 ACI-669 */
static void test_log_softmax(void **state)
{
	double worst = 0;

	for (unsigned int round = 0; round < 150; round++) {
		struct aci_tcs_op *op;
		uint64_t shape[8];
		unsigned int rank;
		uint16_t in;

		program_init(&program, random_memory());
		rank = random_shape(shape, 1, 2000);
		in = random_input(&program, F32, rank, shape,
				  round % 4 ? RANDOM_PLAIN : RANDOM_WILD);
		op = program_op(&program, ACI_TCS_OP_SOFTMAX, ACI_TCS_SOFTMAX_LOG, in, NONE, NONE,
				random_output(&program, F32, rank, shape));
		op->softmax.axis = (uint32_t)fake_below(rank);
		worst = fmax(worst, case_check(&program));
	}
	case_report("log softmax", worst);
}

enum { NORMALISE, SOFTMAX };
enum { X, SCALE, BIAS, OUT, LOGS };

/* A program of which nothing is wrong. */
static void build(void)
{
	struct aci_tcs_op *op;

	program_init(&program, FAKE_FLAT);
	program_dense(&program, F32, 3, SHAPE(3, 4, 5));
	program_dense(&program, F32, 1, SHAPE(5));
	program_dense(&program, F32, 2, SHAPE(4, 1));
	program_dense(&program, F32, 3, SHAPE(3, 4, 5));
	program_dense(&program, F32, 3, SHAPE(3, 4, 5));
	op = program_op(&program, ACI_TCS_OP_NORMALISE, ACI_TCS_NORMALISE_RMS, X, SCALE, BIAS, OUT);
	op->normalise.axes = 6;
	op->normalise.epsilon_slot = NONE;
	program_op(&program, ACI_TCS_OP_SOFTMAX, ACI_TCS_SOFTMAX_LOG, X, NONE, NONE, LOGS);
}

#define T(name)	(&program.image.tensors[name])
#define O(name)	(&program.image.ops[name])
#define NO_TENSOR	CASE_NO_TENSOR

#define CASES(X_) \
	X_(axes, O(NORMALISE)->normalise.axes = 8, SHAPE, NORMALISE, NO_TENSOR) \
	X_(function, O(NORMALISE)->function = 2, FIELD, NORMALISE, NO_TENSOR) \
	X_(reserved, O(NORMALISE)->normalise.reserved[20] = 1, FIELD, NORMALISE, NO_TENSOR) \
	X_(reserved0, O(NORMALISE)->normalise.reserved0 = 1, FIELD, NORMALISE, NO_TENSOR) \
	X_(epsilon_slot, O(NORMALISE)->normalise.epsilon_slot = 0, ARGUMENT, NORMALISE, \
	   NO_TENSOR) \
	X_(types, T(SCALE)->type = I32, TYPES, NORMALISE, NO_TENSOR) \
	X_(scale, T(SCALE)->shape[0] = 4, SHAPE, NORMALISE, NO_TENSOR) \
	X_(bias, T(BIAS)->shape[0] = 3, SHAPE, NORMALISE, NO_TENSOR) \
	X_(out, T(OUT)->shape[0] = 2, SHAPE, NORMALISE, NO_TENSOR) \
	X_(input, O(NORMALISE)->in[3] = X, FIELD, NORMALISE, NO_TENSOR) \
	X_(in_place, O(NORMALISE)->out[0] = X, OVERLAP, NORMALISE, NO_TENSOR) \
	X_(softmax_function, O(SOFTMAX)->function = 2, FIELD, SOFTMAX, NO_TENSOR)

CASES(CASE_DEFINE)

/* proves: ACI-546 ACI-548 ACI-549 ACI-551 ACI-750 ACI-751 */
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
		cmocka_unit_test(test_normalise),
		cmocka_unit_test(test_large_mean),
		cmocka_unit_test(test_log_softmax),
		cmocka_unit_test(test_refused),
	};

	return case_main(tests);
}
