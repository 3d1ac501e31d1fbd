// SPDX-License-Identifier: MIT
/* CONV_TRANSPOSE, RESIZE, QUANTISE and DEQUANTISE against an independent reference. */
#include "tcs_case.h"

static struct program program;

/* An operation over @out, of which CONV would make @in. */
static void random_transposed(uint8_t type)
{
	const uint8_t wide = type == F32 ? F32 : I32;
	uint64_t in[4], w[4], out[4], groups;
	struct aci_tcs_window window;
	uint16_t tensor[2], bias = NONE;
	struct aci_tcs_op *op;

	do {
		out[2] = 1 + fake_below(14);
		out[3] = 1 + fake_below(14);
	} while (!random_window(&window, out + 2, in + 2));
	groups = fake_below(2) ? 1 : 1 + fake_below(3);
	in[0] = out[0] = 1 + fake_below(3);
	w[0] = in[1] = groups * (1 + fake_below(4));
	w[1] = 1 + fake_below(4);
	out[1] = groups * w[1];
	for (unsigned int i = 0; i < 2; i++) {
		w[2 + i] = window.kernel[i];
		window.kernel[i] = 0;
	}
	window.groups = (uint32_t)groups;
	tensor[0] = random_input(&program, type, 4, in, RANDOM_PLAIN);
	tensor[1] = random_input(&program, type, 4, w, RANDOM_PLAIN);
	if (fake_below(2))
		bias = random_input(&program, wide, 1, out + 1, RANDOM_PLAIN);
	op = program_op(&program, ACI_TCS_OP_CONV_TRANSPOSE, (uint32_t)fake_below(2), tensor[0],
			tensor[1], bias, random_output(&program, wide, 4, out));
	op->window = window;
}

/* proves: ACI-800 ACI-801 ACI-802 ACI-803 ACI-804 ACI-805 */
static void test_conv_transpose(void **state)
{
	double worst = 0;

	for (unsigned int round = 0; round < 400; round++) {
		program_init(&program, random_memory());
		random_transposed(round & 1 ? F32 : I8);
		worst = fmax(worst, case_check(&program));
	}
	case_report("conv transpose", worst);
}

/* Filters, rows and columns in several tiles; what is counted is the input's elements. */
/* proves: ACI-804 ACI-809 */
static void test_conv_transpose_large(void **state)
{
	struct aci_tcs_op *op;
	uint16_t in0, in1;

	reference_every = 97;
	program_init(&program, random_memory());
	in0 = random_input(&program, F32, 4, SHAPE(2, 60, 20, 21), RANDOM_PLAIN);
	in1 = random_input(&program, F32, 4, SHAPE(60, 90, 5, 5), RANDOM_PLAIN);
	op = program_op(&program, ACI_TCS_OP_CONV_TRANSPOSE, 0, in0, in1, NONE,
			random_output(&program, F32, 4, SHAPE(2, 90, 42, 44)));
	program_window(op, 0, 2, 1, 1, 1);
	case_report("large conv transpose", case_check(&program));
	assert_true(fake.yields >= 1);
	assert_int_equal(fake.macs, 2ull * 60 * 20 * 21 * 90 * 5 * 5);
	reference_every = 1;
}

static void random_places(struct aci_tcs_resize *r, const uint64_t *in, const uint64_t *out)
{
	for (unsigned int i = 0; i < 2; i++) {
		switch (fake_below(4)) {
		case 0:		/* half-pixel centres */
			r->step[i] = 2 * in[i];
			r->offset[i] = in[i] - out[i];
			r->divisor[i] = 2 * out[i];
			break;
		case 1:		/* corner to corner */
			r->step[i] = in[i] - 1;
			r->divisor[i] = out[i] > 1 ? out[i] - 1 : 1;
			break;
		case 2:		/* backwards, and from outside to outside */
			r->step[i] = -(uint64_t)(1 + fake_below(50));
			r->offset[i] = fake_below(300) - 50;
			r->divisor[i] = 1 + fake_below(30);
			break;
		default:
			r->step[i] = in[i];
			r->divisor[i] = out[i];
		}
	}
}

/* proves: ACI-810 ACI-811 ACI-812 ACI-813 ACI-814 ACI-815 ACI-816 ACI-817 */
static void test_resize(void **state)
{
	static const uint8_t types[] = { F32, I8, U8, I32, I64, BOOL, F16, BF16 };
	double worst = 0;

	for (unsigned int round = 0; round < 600; round++) {
		const uint32_t function = round % 3;
		const bool nearest = function == ACI_TCS_RESIZE_NEAREST;
		const uint8_t type = nearest ? types[fake_below(COUNT(types))] : F32;
		uint64_t in[4], out[4];
		struct aci_tcs_op *op;
		uint16_t tensor;

		program_init(&program, random_memory());
		for (unsigned int i = 0; i < 4; i++) {
			in[i] = 1 + fake_below(i < 2 ? 3 : 14);
			out[i] = i < 2 ? in[i] : 1 + fake_below(20);
		}
		tensor = random_input(&program, type, 4, in, RANDOM_PLAIN);
		op = program_op(&program, ACI_TCS_OP_RESIZE, function, tensor, NONE, NONE,
				random_output(&program, type, 4, out));
		random_places(&op->resize, in + 2, out + 2);
		if (nearest)
			op->resize.rounding = (uint32_t)fake_below(4);
		else if (fake_below(3) == 0)
			op->flags = ACI_TCS_OP_F_EXCLUDE_OUTSIDE;
		if (function == ACI_TCS_RESIZE_CUBIC)
			op->resize.cubic = float_bits(fake_below(2) ? -0.75f : -0.5f);
		worst = fmax(worst, case_check(&program));
	}
	case_report("resize", worst);
}

/* Several tiles, far up and far down; a tile must not span the whole input. */
/* proves: ACI-812 ACI-817 */
static void test_resize_large(void **state)
{
	static const uint64_t sizes[][4] = { { 30, 40, 300, 500 }, { 900, 1100, 7, 9 },
					     { 3, 2000, 200, 3 } };

	reference_every = 59;
	for (size_t i = 0; i < COUNT(sizes); i++) {
		const uint64_t in[4] = { 1, 2, sizes[i][0], sizes[i][1] };
		const uint64_t out[4] = { 1, 2, sizes[i][2], sizes[i][3] };
		struct aci_tcs_op *op;
		uint16_t tensor;

		program_init(&program, random_memory());
		tensor = random_input(&program, F32, 4, in, RANDOM_PLAIN);
		op = program_op(&program, ACI_TCS_OP_RESIZE, ACI_TCS_RESIZE_LINEAR, tensor, NONE,
				NONE, random_output(&program, F32, 4, out));
		for (unsigned int k = 0; k < 2; k++) {
			op->resize.step[k] = 2 * in[2 + k];
			op->resize.offset[k] = in[2 + k] - out[2 + k];
			op->resize.divisor[k] = 2 * out[2 + k];
		}
		case_report("large resize", case_check(&program));
	}
	reference_every = 1;
}

/* At whole places the neighbours have no weight. */
/* proves: ACI-815 */
static void test_resize_nan(void **state)
{
	const float data[3] = { 1, NAN, 3 };
	struct aci_tcs_op *op;
	float got[2];

	program_init(&program, FAKE_FLAT);
	program_dense(&program, F32, 4, SHAPE(1, 1, 1, 3));
	fake_write(program.args[0].value, data, sizeof(data));
	op = program_op(&program, ACI_TCS_OP_RESIZE, ACI_TCS_RESIZE_LINEAR, 0, NONE, NONE,
			program_dense(&program, F32, 4, SHAPE(1, 1, 1, 2)));
	op->resize.divisor[0] = op->resize.divisor[1] = 1;
	op->resize.step[1] = 2;
	program_run(&program);
	assert_int_equal(program.result.status, ACI_STATUS_SUCCESS);
	fake_read(program.args[1].value, got, sizeof(got));
	assert_true(got[0] == 1 && got[1] == 3);
}

/* proves: ACI-820 ACI-821 ACI-822 ACI-823 */
static void test_quantise(void **state)
{
	double worst = 0;

	for (unsigned int round = 0; round < 500; round++) {
		const bool quantise = round % 2;
		const uint8_t type = quantise ? (round % 4 < 2 ? I8 : U8) :
				     round % 6 == 0 ? I32 : round % 6 == 2 ? I8 : U8;
		uint64_t shape[8], small[8];
		uint16_t in, scale, zero = NONE;
		unsigned int rank, small_rank;

		program_init(&program, random_memory());
		rank = random_shape(shape, 0, 2000);
		in = random_input(&program, quantise ? F32 : type, rank, shape,
				  round % 8 < 2 ? RANDOM_WILD : RANDOM_PLAIN);
		small_rank = random_shrink(rank, shape, small);
		scale = random_input(&program, F32, small_rank, small, RANDOM_PLAIN);
		small_rank = random_shrink(rank, shape, small);
		if (fake_below(3))
			zero = random_input(&program, type, small_rank, small, RANDOM_PLAIN);
		program_op(&program, quantise ? ACI_TCS_OP_QUANTISE : ACI_TCS_OP_DEQUANTISE, 0, in,
			   scale, zero, random_output(&program, quantise ? type : F32, rank, shape));
		worst = fmax(worst, case_check(&program));
	}
	case_report("quantise", worst);
}

/* Halves go to even, what is too much saturates, NaN is nothing. */
/* proves: ACI-822 */
static void test_quantise_edges(void **state)
{
	const float x[8] = { 0.5f, 1.5f, 2.5f, -0.5f, 1e30f, -INFINITY, NAN, 252 }, scale = 1;
	const uint8_t zero = 3, expected[8] = { 3, 5, 5, 3, 255, 0, 3, 255 };
	uint8_t got[8];

	program_init(&program, FAKE_FLAT);
	program_dense(&program, F32, 1, SHAPE(8));
	program_dense(&program, F32, 0, NULL);
	program_dense(&program, U8, 0, NULL);
	fake_write(program.args[0].value, x, sizeof(x));
	fake_write(program.args[1].value, &scale, sizeof(scale));
	fake_write(program.args[2].value, &zero, sizeof(zero));
	program_op(&program, ACI_TCS_OP_QUANTISE, 0, 0, 1, 2,
		   program_dense(&program, U8, 1, SHAPE(8)));
	program_run(&program);
	assert_int_equal(program.result.status, ACI_STATUS_SUCCESS);
	fake_read(program.args[3].value, got, sizeof(got));
	assert_memory_equal(got, expected, sizeof(got));
}

enum { TRANSPOSE, RESIZE, QUANTISE, DEQUANTISE };
enum { X, W, BIAS, LARGE, RESIZED, SCALE, ZERO, BYTES, BACK };

/* A program of which nothing is wrong. */
static void build(void)
{
	struct aci_tcs_op *op;

	program_init(&program, FAKE_FLAT);
	program_dense(&program, F32, 4, SHAPE(1, 4, 3, 3));
	program_dense(&program, F32, 4, SHAPE(4, 2, 3, 3));
	program_dense(&program, F32, 1, SHAPE(4));
	program_dense(&program, F32, 4, SHAPE(1, 4, 6, 6));
	program_dense(&program, F32, 4, SHAPE(1, 4, 5, 2));
	program_dense(&program, F32, 1, SHAPE(2));
	program_dense(&program, I8, 1, SHAPE(1));
	program_dense(&program, I8, 4, SHAPE(1, 4, 5, 2));
	program_dense(&program, F32, 4, SHAPE(1, 4, 5, 2));
	op = program_op(&program, ACI_TCS_OP_CONV_TRANSPOSE, ACI_TCS_UNARY_RELU, X, W, BIAS, LARGE);
	program_window(op, 0, 2, 1, 1, 2);
	op = program_op(&program, ACI_TCS_OP_RESIZE, ACI_TCS_RESIZE_CUBIC, LARGE, NONE, NONE,
			RESIZED);
	op->resize.step[0] = op->resize.step[1] = 3;
	op->resize.divisor[0] = op->resize.divisor[1] = 2;
	op->resize.cubic = float_bits(-0.5f);
	program_op(&program, ACI_TCS_OP_QUANTISE, 0, RESIZED, SCALE, ZERO, BYTES);
	program_op(&program, ACI_TCS_OP_DEQUANTISE, 0, BYTES, SCALE, ZERO, BACK);
}

#define T(name)	(&program.image.tensors[name])
#define O(name)	(&program.image.ops[name])
#define NO_TENSOR	CASE_NO_TENSOR

#define CASES(X_) \
	X_(groups, O(TRANSPOSE)->window.groups = 3, SHAPE, TRANSPOSE, NO_TENSOR) \
	X_(groups_zero, O(TRANSPOSE)->window.groups = 0, FIELD, TRANSPOSE, NO_TENSOR) \
	X_(kernel, O(TRANSPOSE)->window.kernel[0] = 3, FIELD, TRANSPOSE, NO_TENSOR) \
	X_(third, O(TRANSPOSE)->window.pad_end[2] = 1, FIELD, TRANSPOSE, NO_TENSOR) \
	X_(activation, O(TRANSPOSE)->function = 2, FIELD, TRANSPOSE, NO_TENSOR) \
	X_(larger, O(TRANSPOSE)->window.stride[0] = 3, SHAPE, TRANSPOSE, NO_TENSOR) \
	X_(smaller, O(TRANSPOSE)->window.pad_begin[1] = 4, SHAPE, TRANSPOSE, NO_TENSOR) \
	X_(channels, T(W)->shape[0] = 3, SHAPE, TRANSPOSE, NO_TENSOR) \
	X_(filters, T(W)->shape[1] = 1, SHAPE, TRANSPOSE, NO_TENSOR) \
	X_(bias, T(BIAS)->shape[0] = 2, SHAPE, TRANSPOSE, NO_TENSOR) \
	X_(product_types, T(BIAS)->type = I32, TYPES, TRANSPOSE, NO_TENSOR) \
	X_(in_place, O(RESIZE)->out[0] = LARGE, OVERLAP, RESIZE, NO_TENSOR) \
	X_(resize_function, O(RESIZE)->function = 3, FIELD, RESIZE, NO_TENSOR) \
	X_(divisor_zero, O(RESIZE)->resize.divisor[1] = 0, FIELD, RESIZE, NO_TENSOR) \
	X_(divisor_negative, O(RESIZE)->resize.divisor[0] = ~0ull, FIELD, RESIZE, NO_TENSOR) \
	X_(third_step, O(RESIZE)->resize.step[2] = 1, FIELD, RESIZE, NO_TENSOR) \
	X_(third_offset, O(RESIZE)->resize.offset[2] = 1, FIELD, RESIZE, NO_TENSOR) \
	X_(third_divisor, O(RESIZE)->resize.divisor[2] = 1, FIELD, RESIZE, NO_TENSOR) \
	X_(rounding, O(RESIZE)->resize.rounding = 1, FIELD, RESIZE, NO_TENSOR) \
	X_(cubic, O(RESIZE)->function = ACI_TCS_RESIZE_LINEAR, FIELD, RESIZE, NO_TENSOR) \
	X_(resize_reserved, O(RESIZE)->resize.reserved[3] = 1, FIELD, RESIZE, NO_TENSOR) \
	X_(flag, O(RESIZE)->flags = 1, FIELD, RESIZE, NO_TENSOR) \
	X_(nearest_rounding, (O(RESIZE)->function = 0, O(RESIZE)->resize.cubic = 0, \
			      O(RESIZE)->resize.rounding = 4), FIELD, RESIZE, NO_TENSOR) \
	X_(nearest_outside, (O(RESIZE)->function = 0, O(RESIZE)->resize.cubic = 0, \
			     O(RESIZE)->flags = ACI_TCS_OP_F_EXCLUDE_OUTSIDE), FIELD, RESIZE, \
	   NO_TENSOR) \
	X_(far, O(RESIZE)->resize.step[0] = 1ull << 61, SHAPE, RESIZE, NO_TENSOR) \
	X_(far_offset, O(RESIZE)->resize.offset[0] = 1ull << 62, SHAPE, RESIZE, NO_TENSOR) \
	X_(resize_channels, T(RESIZED)->shape[1] = 3, SHAPE, RESIZE, NO_TENSOR) \
	X_(scale_type, T(SCALE)->type = I32, TYPES, QUANTISE, NO_TENSOR) \
	X_(zero_type, T(ZERO)->type = U8, TYPES, QUANTISE, NO_TENSOR) \
	X_(scale_missing, O(QUANTISE)->in[1] = NONE, TENSOR, QUANTISE, NO_TENSOR) \
	X_(scale_shape, O(QUANTISE)->in[1] = BIAS, SHAPE, QUANTISE, NO_TENSOR) \
	X_(quantise_function, O(QUANTISE)->function = 1, FIELD, QUANTISE, NO_TENSOR) \
	X_(quantise_attr, O(QUANTISE)->attr[0] = 1, FIELD, QUANTISE, NO_TENSOR) \
	X_(quantise_to_f32, O(QUANTISE)->out[0] = BACK, TYPES, QUANTISE, NO_TENSOR) \
	X_(dequantise_from_f32, O(DEQUANTISE)->in[0] = RESIZED, TYPES, DEQUANTISE, NO_TENSOR) \
	X_(dequantise_shape, O(DEQUANTISE)->out[0] = X, SHAPE, DEQUANTISE, NO_TENSOR) \
	X_(dequantise_attr, O(DEQUANTISE)->attr[23] = 1, FIELD, DEQUANTISE, NO_TENSOR)

CASES(CASE_DEFINE)

/* proves: ACI-546 ACI-549 ACI-551 ACI-800 ACI-801 ACI-805 ACI-810 ACI-811 ACI-820 ACI-821 */
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
		cmocka_unit_test(test_conv_transpose),
		cmocka_unit_test(test_conv_transpose_large),
		cmocka_unit_test(test_resize),
		cmocka_unit_test(test_resize_large),
		cmocka_unit_test(test_resize_nan),
		cmocka_unit_test(test_quantise),
		cmocka_unit_test(test_quantise_edges),
		cmocka_unit_test(test_refused),
	};

	return case_main(tests);
}
