// SPDX-License-Identifier: MIT
/*
 * Every operation of the tensor command set against an independent reference:
 * random shapes, strides, broadcasts, paddings, kinds of memory.
 */
#include <pthread.h>

#include "../../tools/vcard/engines/tcs_gemm.h"
#include "../../tools/vcard/engines/tcs_math.h"
#include "tcs_case.h"

static struct program program;

static double run_and_check(void)
{
	return case_check(&program);
}

/* proves: ACI-508 ACI-620 ACI-621 ACI-622 ACI-623 ACI-624 ACI-625 ACI-626 ACI-627 ACI-628 ACI-629 */
static void test_copy(void **state)
{
	static const uint8_t types[] = { F32, I8, U8, I32, I64, BOOL, F16, BF16 };

	for (unsigned int round = 0; round < 1280; round++) {
		const uint8_t from = types[round % 8], to = types[round / 8 % 8];
		uint64_t shape[8];
		unsigned int rank;
		uint16_t in;

		program_init(&program, random_memory());
		rank = random_shape(shape, 0, 3000);
		in = random_input(&program, from, rank, shape, RANDOM_WILD);
		program_op(&program, ACI_TCS_OP_COPY, 0, in, NONE, NONE,
			   random_output(&program, to, rank, shape));
		run_and_check();
	}
}

/*
 * proves: ACI-560 ACI-562 ACI-563 ACI-630 ACI-631 ACI-632 ACI-633 ACI-634 ACI-635
 * proves: ACI-637 ACI-638 ACI-639
 */
static void test_unary_f32(void **state)
{
	for (uint32_t function = 0; function <= ACI_TCS_UNARY_SHRINK; function++) {
		double worst = 0;
		char name[32];

		for (unsigned int round = 0; round < 40; round++) {
			struct aci_tcs_op *op;
			uint64_t shape[8];
			unsigned int rank;
			uint16_t in, out;

			program_init(&program, random_memory());
			rank = random_shape(shape, 0, round ? 3000 : 20000);
			in = random_input(&program, F32, rank, shape, RANDOM_WILD);
			out = random_output(&program, F32, rank, shape);
			op = program_op(&program, ACI_TCS_OP_UNARY, function, in, NONE, NONE, out);
			random_scalars(&program, op, function);
			worst = fmax(worst, run_and_check());
		}
		snprintf(name, sizeof(name), "unary %u", function);
		case_report(name, worst);
	}
}

/* proves: ACI-561 ACI-636 ACI-640 */
static void test_unary_int(void **state)
{
	static const uint32_t functions[] = { ACI_TCS_UNARY_IDENTITY, ACI_TCS_UNARY_RELU,
					      ACI_TCS_UNARY_ABS, ACI_TCS_UNARY_NEG,
					      ACI_TCS_UNARY_SIGN };
	static const uint8_t types[] = { I8, U8, I32, I64 };

	for (unsigned int round = 0; round < 300; round++) {
		const uint8_t type = types[round % COUNT(types)];
		uint64_t shape[8];
		unsigned int rank;
		uint16_t in;

		program_init(&program, random_memory());
		rank = random_shape(shape, 0, 2000);
		in = random_input(&program, type, rank, shape, RANDOM_PLAIN);
		program_op(&program, ACI_TCS_OP_UNARY,
			   functions[round / COUNT(types) % COUNT(functions)], in, NONE, NONE,
			   random_output(&program, type, rank, shape));
		run_and_check();
	}
}

/* @type: what the function can have, round after round; F32 most often */
static uint8_t type_of_binary(uint32_t function, unsigned int round)
{
	static const uint8_t integers[] = { I8, U8, I32, I64 };

	if (function == ACI_TCS_BINARY_POW || function == ACI_TCS_BINARY_PRELU)
		return F32;
	if (function >= ACI_TCS_BINARY_AND)
		return round % 5 == 4 && function <= ACI_TCS_BINARY_XOR ? BOOL :
		       integers[round % 4];
	return round % 2 ? integers[round / 2 % 4] : F32;
}

/*
 * proves: ACI-655 ACI-656 ACI-657 ACI-658 ACI-659 ACI-660 ACI-661 ACI-662 ACI-663 ACI-664
 */
static void test_binary(void **state)
{
	double worst = 0;

	for (unsigned int round = 0; round < 900; round++) {
		const uint32_t function = round % (ACI_TCS_BINARY_PRELU + 1);
		const uint8_t type = type_of_binary(function, round / 15);
		uint64_t shape[8], small[8];
		unsigned int rank, small_rank;
		uint16_t in[2];

		program_init(&program, random_memory());
		rank = random_shape(shape, 0, 3000);
		small_rank = random_shrink(rank, shape, small);
		in[round & 1] = random_input(&program, type, rank, shape, RANDOM_WILD);
		in[!(round & 1)] = random_input(&program, type, small_rank, small, RANDOM_WILD);
		program_op(&program, ACI_TCS_OP_BINARY, function, in[0], in[1], NONE,
			   random_output(&program, type, rank, shape));
		worst = fmax(worst, run_and_check());
	}
	case_report("binary", worst);
}

/* proves: ACI-665 ACI-666 ACI-667 ACI-668 */
static void test_softmax(void **state)
{
	double worst = 0;

	for (unsigned int round = 0; round < 200; round++) {
		struct aci_tcs_op *op;
		uint64_t shape[8];
		unsigned int rank;
		uint16_t in;

		program_init(&program, random_memory());
		rank = random_shape(shape, 1, 3000);
		in = random_input(&program, F32, rank, shape,
				  round % 4 ? RANDOM_PLAIN : RANDOM_WILD);
		op = program_op(&program, ACI_TCS_OP_SOFTMAX, 0, in, NONE, NONE,
				random_output(&program, F32, rank, shape));
		op->softmax.axis = (uint32_t)fake_below(rank);
		worst = fmax(worst, run_and_check());
	}
	case_report("softmax", worst);
}

/* proves: ACI-670 ACI-671 ACI-672 ACI-673 ACI-674 ACI-675 ACI-676 */
static void test_matmul(void **state)
{
	double worst = 0;

	for (unsigned int round = 0; round < 300; round++) {
		program_init(&program, random_memory());
		random_matmul(&program, round & 1 ? F32 : I8, round < 280 ? 12 : 70);
		worst = fmax(worst, run_and_check());
	}
	case_report("matmul", worst);
}

static void dense_matmul(uint8_t type, uint64_t m, uint64_t n, uint64_t k)
{
	const uint8_t wide = type == F32 ? F32 : I32;
	uint16_t in0, in1, out;

	program_init(&program, random_memory());
	in0 = program_dense(&program, type, 2, (uint64_t[]){ m, k });
	in1 = program_dense(&program, type, 2, (uint64_t[]){ k, n });
	out = program_dense(&program, wide, 2, (uint64_t[]){ m, n });
	random_fill(&program, in0, RANDOM_PLAIN);
	random_fill(&program, in1, RANDOM_PLAIN);
	program_op(&program, ACI_TCS_OP_MATMUL, 0, in0, in1, NONE, out);
}

/* Several tiles in both directions, and a sum that passes 2^31. */
/* proves: ACI-673 ACI-674 ACI-675 */
static void test_matmul_large(void **state)
{
	double worst = 0;

	reference_every = 41;
	dense_matmul(F32, 70, 37, 60000);
	worst = fmax(worst, run_and_check());
	assert_true(fake.yields > 5);
	dense_matmul(F32, 1, 300, 8000);
	worst = fmax(worst, run_and_check());
	/* all columns of in1 are one: blocks of different width at the same address */
	dense_matmul(F32, 70, 37, 60000);
	program.image.tensors[1].stride[0] = 1;
	program.image.tensors[1].stride[1] = 0;
	worst = fmax(worst, run_and_check());
	reference_every = 1;
	dense_matmul(I8, 3, 5, 300000);
	for (unsigned int i = 0; i < 2; i++) {
		const struct aci_arg *arg = &program.args[i];
		uint8_t *all = malloc(arg->bytes);

		/* odd and even: a sum that goes through f32 on the way is off */
		for (uint64_t j = 0; j < arg->bytes; j++)
			all[j] = (uint8_t)(127 - fake_below(5));
		fake_write(arg->value, all, arg->bytes);
		free(all);
	}
	/* 300000 * 125^2 is more than 2^32 */
	run_and_check();
	case_report("large matmul", worst);
}

/* proves: ACI-680 ACI-681 ACI-682 ACI-683 ACI-684 ACI-685 ACI-686 ACI-687 */
static void test_conv(void **state)
{
	double worst = 0;

	for (unsigned int round = 0; round < 400; round++) {
		program_init(&program, random_memory());
		random_conv(&program, round & 1 ? F32 : I8, round / 2);
		worst = fmax(worst, run_and_check());
	}
	case_report("conv", worst);
}

/* Filters, rows and columns cut into several tiles.  */
/* proves: ACI-681 ACI-685 ACI-687 */
static void test_conv_large(void **state)
{
	static const struct {
		uint8_t type;
		uint64_t images, channels, filters, kernel, size;
		uint32_t stride, pad;
	} cases[] = {
		{ F32, 2, 40, 500, 8, 12, 1, 3 },
		{ I8, 1, 600, 4, 9, 20, 2, 4 },
		{ F32, 1, 3, 8, 1, 500, 1, 0 },
		{ I8, 2, 8, 3, 3, 150, 1, 1 },
	};

	reference_every = 131;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const uint8_t type = cases[i].type, wide = type == F32 ? F32 : I32;
		const uint64_t out = window_outputs(cases[i].size, (uint32_t)cases[i].kernel,
					      cases[i].stride, 1, cases[i].pad, cases[i].pad);
		uint16_t in0, in1;
		struct aci_tcs_op *op;

		program_init(&program, random_memory());
		in0 = random_input(&program, type, 4, (uint64_t[]){ cases[i].images,
				   cases[i].channels, cases[i].size, cases[i].size }, RANDOM_PLAIN);
		in1 = random_input(&program, type, 4, (uint64_t[]){ cases[i].filters,
				   cases[i].channels, cases[i].kernel, cases[i].kernel },
				   RANDOM_PLAIN);
		op = program_op(&program, ACI_TCS_OP_CONV, 0, in0, in1, NONE,
				random_output(&program, wide, 4, (uint64_t[]){ cases[i].images,
					      cases[i].filters, out, out }));
		program_window(op, 0, cases[i].stride, 1, cases[i].pad, 1);
		case_report("large conv", run_and_check());
		assert_true(fake.yields >= 1);
	}
	reference_every = 1;
}

/* proves: ACI-690 ACI-691 ACI-692 ACI-693 ACI-694 ACI-695 ACI-696 */
static void test_pool(void **state)
{
	double worst = 0;

	for (unsigned int round = 0; round < 400; round++) {
		const unsigned int kind = round % 4;	/* max f32, max i8, average, with padding */
		const uint8_t type = kind == 1 ? I8 : F32;
		uint64_t in_shape[4], out_shape[4];
		struct aci_tcs_window window;
		struct aci_tcs_op *op;
		uint16_t in;

		program_init(&program, random_memory());
		do {
			in_shape[2] = 1 + fake_below(12);
			in_shape[3] = 1 + fake_below(12);
		} while (!random_window(&window, in_shape + 2, out_shape + 2));
		in_shape[0] = out_shape[0] = 1 + fake_below(3);
		in_shape[1] = out_shape[1] = 1 + fake_below(4);
		in = random_input(&program, type, 4, in_shape,
				  kind == 0 ? RANDOM_WILD : RANDOM_PLAIN);
		op = program_op(&program, kind < 2 ? ACI_TCS_OP_POOL_MAX : ACI_TCS_OP_POOL_AVG, 0,
				in, NONE, NONE, random_output(&program, type, 4, out_shape));
		op->window = window;
		op->flags = kind == 3 ? ACI_TCS_OP_F_COUNT_PADDING : 0;
		worst = fmax(worst, run_and_check());
	}
	case_report("pool", worst);
}

/* proves: ACI-673 ACI-675 */
static void test_gemm_i8_portable(void **state)
{
	static int8_t a[7 * 5000], b[5000 * 9];
	int32_t c[2][7 * 9];

	for (unsigned int transposed = 0; transposed < 4; transposed++) {
		const bool at = transposed & 1, bt = transposed & 2;
		const struct tcs_matrix ma = { a, at ? 7 : 5000, at };
		const struct tcs_matrix mb = { b, bt ? 5000 : 9, bt };

		for (size_t i = 0; i < sizeof(a); i++)
			a[i] = (int8_t)(fake_below(8) ? 127 - (int)fake_below(5) : -128);
		for (size_t i = 0; i < sizeof(b); i++)
			b[i] = (int8_t)(fake_below(8) ? 127 - (int)fake_below(5) : -128);
		assert_true(tcs_gemm_i8_portable(7, 9, 5000, &ma, &mb, c[0]));
		assert_true(tcs_gemm_i8(7, 9, 5000, &ma, &mb, c[1]));
		assert_memory_equal(c[0], c[1], sizeof(c[0]));
		for (unsigned int i = 0; i < 7; i++)
			for (unsigned int j = 0; j < 9; j++) {
				int32_t sum = 0;

				for (unsigned int k = 0; k < 5000; k++)
					sum += a[at ? k * 7 + i : i * 5000 + k] *
					       b[bt ? j * 5000 + k : k * 9 + j];
				assert_int_equal(c[0][i * 9 + j], sum);
			}
	}
}

static void *thread_work(void *data)
{
	static float a[64 * 64];
	const struct tcs_matrix m = { a, 64, false };
	float *out = data;

	if (!tcs_math_thread_init() || !tcs_gemm_f32(64, 64, 64, &m, &m, out) ||
	    !tcs_unary_f32(ACI_TCS_UNARY_EXP, 0, 0, out, out, 64 * 64))
		return NULL;
	return data;
}

/* Engines are threads: each has its own oneDNN context, which goes with it. */
static void test_threads(void **state)
{
	static float out[4][64 * 64];
	pthread_t threads[4];

	for (unsigned int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, thread_work, out[i]), 0);
	for (unsigned int i = 0; i < 4; i++) {
		void *result;

		pthread_join(threads[i], &result);
		assert_ptr_equal(result, out[i]);
		assert_memory_equal(out[i], out[0], sizeof(out[0]));
		assert_true(out[i][4095] == 1);
	}
}

/* proves: ACI-560 */
static void test_nan_in_products(void **state)
{
	const float nan_inf[2] = { NAN, INFINITY };
	float out[4];

	dense_matmul(F32, 2, 2, 64);
	program.image.ops[0].function = ACI_TCS_UNARY_RELU;
	fake_write(program.args[0].value + 4 * 5, &nan_inf[0], 4);
	program_run(&program);
	assert_int_equal(program.result.status, ACI_STATUS_SUCCESS);
	fake_read(program.args[2].value, out, sizeof(out));
	assert_true(isnan(out[0]) && isnan(out[1]));
	assert_false(isnan(out[2]) || isnan(out[3]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_copy),
		cmocka_unit_test(test_unary_f32),
		cmocka_unit_test(test_unary_int),
		cmocka_unit_test(test_binary),
		cmocka_unit_test(test_softmax),
		cmocka_unit_test(test_matmul),
		cmocka_unit_test(test_matmul_large),
		cmocka_unit_test(test_conv),
		cmocka_unit_test(test_conv_large),
		cmocka_unit_test(test_pool),
		cmocka_unit_test(test_gemm_i8_portable),
		cmocka_unit_test(test_threads),
		cmocka_unit_test(test_nan_in_products),
	};

	return case_main(tests);
}
