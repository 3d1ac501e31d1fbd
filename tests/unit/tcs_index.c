// SPDX-License-Identifier: MIT
/* GATHER, SCATTER and TOP_K of the tensor command set against an independent reference. */
#include "tcs_case.h"

static struct program program;

static const uint8_t all_types[] = { F32, I32, I64, I8, U8, BOOL, F16, BF16 };

/* proves: ACI-730 ACI-731 ACI-732 ACI-733 */
static void test_gather(void **state)
{
	for (unsigned int round = 0; round < 400; round++) {
		program_init(&program, random_memory());
		random_index(&program, true, all_types[round % COUNT(all_types)], 300);
		case_check(&program);
	}
}

/* proves: ACI-730 ACI-731 ACI-735 ACI-736 ACI-737 */
static void test_scatter(void **state)
{
	for (unsigned int round = 0; round < 250; round++) {
		const uint32_t function = round % 5;
		const uint8_t type = all_types[round / 5 % (function ? 3 : COUNT(all_types))];
		struct aci_tcs_op *op;

		program_init(&program, random_memory());
		op = random_index(&program, false, type, 40);
		op->function = function;
		case_check(&program);
	}
}

/* Rows of a table that is too large for one window, and single elements of one. */
/* proves: ACI-733 ACI-584 */
static void test_gather_large(void **state)
{
	const uint64_t rows = 5000, n = 3000;

	for (unsigned int single = 0; single < 2; single++) {
		const uint64_t width = single ? 1 : 700;
		uint16_t table, places;
		struct aci_tcs_op *op;

		program_init(&program, FAKE_SCATTERED);
		table = program_tensor(&program, F32, 2, SHAPE(rows, width),
				       single ? (int64_t[]){ 700, 1 } : NULL,
				       program_buffer(&program, rows * 700 * 4), 0);
		places = program_dense(&program, I64, 3, SHAPE(n, 1, 1));
		for (uint64_t i = 0; i < n; i++)
			fake_write(program.args[1].value + 8 * i,
				   &(int64_t){ (int64_t)fake_below(rows) }, 8);
		for (uint64_t i = 0; i < rows; i += 7)
			fake_write(program.args[0].value + i * 2800, &(float){ (float)i }, 4);
		op = program_op(&program, ACI_TCS_OP_GATHER, 0, table, places, NONE,
				program_dense(&program, F32, 2, SHAPE(n, width)));
		op->index.count = 1;
		fake.preempt_every = 1;
		reference_every = 53;
		case_check(&program);
		reference_every = 1;
		assert_true(program.calls > 2);
		assert_true(fake.tile_windows_max <= 1200);
	}
}

/* Places that coincide: the updates count one after the other. */
/* proves: ACI-736 ACI-737 */
static void test_scatter_coincide(void **state)
{
	for (uint32_t function = 0; function <= ACI_TCS_SCATTER_MAX; function++) {
		uint16_t updates, places, data;
		struct aci_tcs_op *op;

		program_init(&program, FAKE_BOUNCED);
		updates = random_input(&program, F32, 1, SHAPE(3000), RANDOM_PLAIN);
		places = program_dense(&program, I32, 2, SHAPE(3000, 1));
		for (unsigned int i = 0; i < 3000; i++)
			fake_write(program.args[program.image.tensors[places].slot].value + 4 * i,
				   &(int32_t){ (int32_t)fake_below(3) }, 4);
		data = random_output(&program, F32, 1, SHAPE(3));
		op = program_op(&program, ACI_TCS_OP_SCATTER, function, updates, places, NONE, data);
		op->index.count = 1;
		fake.preempt_every = 1;
		case_check(&program);
	}
}

static uint16_t places_slot;

/* An index that is out of range: found when the operation runs. */
/* proves: ACI-734 */
static void test_out_of_range(void **state)
{
	static const int64_t bad[] = { 5, -6, INT64_MAX, INT64_MIN, 1ll << 40, -(1ll << 32) };

	for (unsigned int i = 0; i < 2 * COUNT(bad); i++) {
		const bool gather = i % 2;
		uint16_t data, dense, places;
		struct aci_tcs_op *op;

		program_init(&program, random_memory());
		data = program_dense(&program, F32, 2, SHAPE(5, 4));
		dense = program_dense(&program, F32, 2, SHAPE(3, 4));
		places = program_dense(&program, I64, 3, SHAPE(3, 1, 1));
		places_slot = program.image.tensors[places].slot;
		program_op(&program, ACI_TCS_OP_COPY, 0, data, NONE, NONE, data);
		op = program_op(&program, gather ? ACI_TCS_OP_GATHER : ACI_TCS_OP_SCATTER, 0,
				gather ? data : dense, places, NONE, gather ? dense : data);
		op->index.count = 1;
		program_run(&program);
		assert_int_equal(program.result.status, ACI_STATUS_SUCCESS);
		fake_write(program.args[places_slot].value + 8 * fake_below(3), &bad[i / 2], 8);
		program_run(&program);
		assert_int_equal(program.result.status, ACI_STATUS_PROG_BOUNDS);
		assert_true(program.result.info == 1);
		assert_null(fake.broken);
	}
}

/* proves: ACI-740 ACI-741 ACI-742 ACI-743 */
static void test_top_k(void **state)
{
	for (unsigned int round = 0; round < 200; round++) {
		const uint8_t type = round & 1 ? F32 : all_types[round / 2 % 5];
		struct aci_tcs_op *op;
		uint64_t shape[8];
		unsigned int rank;
		uint32_t axis;
		uint16_t in;

		program_init(&program, random_memory());
		rank = random_shape(shape, 1, 600);
		axis = (uint32_t)fake_below(rank);
		in = random_input(&program, type, rank, shape,
				  round % 4 < 2 ? RANDOM_PLAIN : RANDOM_WILD);
		shape[axis] = 1 + fake_below(shape[axis]);
		op = program_op(&program, ACI_TCS_OP_TOP_K, 0, in, NONE, NONE,
				random_output(&program, type, rank, shape));
		op->out[1] = random_output(&program, I64, rank, shape);
		op->flags = fake_below(2) ? ACI_TCS_OP_F_LEAST : 0;
		op->along.axis = axis;
		case_check(&program);
	}
}

/* A row of many chunks, preempted after each: sorted, each element once, none better left. */
/* proves: ACI-741 ACI-742 ACI-584 */
static void test_top_k_long(void **state)
{
	enum { N = 20000 };
	static const uint64_t counts[] = { 1, 7, 5000, N };

	for (unsigned int i = 0; i < COUNT(counts); i++) {
		const uint64_t k = counts[i];
		static int32_t row[N], values[N];
		static int64_t places[N];
		uint64_t better = 0;
		struct aci_tcs_op *op;
		uint16_t in;

		program_init(&program, FAKE_SCATTERED);
		in = program_dense(&program, I32, 1, SHAPE(N));
		for (unsigned int j = 0; j < N; j++)
			row[j] = (int32_t)fake_below(9000) - 4500;
		fake_write(program.args[0].value, row, sizeof(row));
		op = program_op(&program, ACI_TCS_OP_TOP_K, 0, in, NONE, NONE,
				program_dense(&program, I32, 1, &k));
		op->out[1] = program_dense(&program, I64, 1, &k);
		fake.preempt_every = 1;
		program_run(&program);
		assert_int_equal(program.result.status, ACI_STATUS_SUCCESS);
		assert_null(fake.broken);
		assert_true(program.calls >= N / 4096);
		fake_read(program.args[1].value, values, k * 4);
		fake_read(program.args[2].value, places, k * 8);
		for (uint64_t j = 0; j < k; j++) {
			assert_true(places[j] >= 0 && places[j] < N);
			assert_int_equal(values[j], row[places[j]]);
			if (j)
				assert_true(values[j - 1] > values[j] ||
					    (values[j - 1] == values[j] &&
					     places[j - 1] < places[j]));
		}
		for (unsigned int j = 0; j < N; j++)
			better += row[j] > values[k - 1] ||
				  (row[j] == values[k - 1] && j < (uint64_t)places[k - 1]);
		assert_int_equal(better, k - 1);
	}
}

enum { GATHER, SCATTER, TOP_K };
enum { DATA, PLACES, DENSE, TARGET, VALUES, WHERE };

/* A program of which nothing is wrong. */
static void build(void)
{
	struct aci_tcs_op *op;

	program_init(&program, FAKE_FLAT);
	program_dense(&program, F32, 3, SHAPE(3, 4, 5));
	program_dense(&program, I32, 4, SHAPE(3, 2, 1, 1));
	program_dense(&program, F32, 3, SHAPE(3, 2, 5));
	program_dense(&program, F32, 3, SHAPE(3, 4, 5));
	program_dense(&program, F32, 3, SHAPE(3, 4, 2));
	program_dense(&program, I64, 3, SHAPE(3, 4, 2));
	op = program_op(&program, ACI_TCS_OP_GATHER, 0, DATA, PLACES, NONE, DENSE);
	op->index.axis = op->index.count = 1;
	op = program_op(&program, ACI_TCS_OP_SCATTER, ACI_TCS_SCATTER_ADD, DENSE, PLACES, NONE,
			TARGET);
	op->index.axis = op->index.count = 1;
	op = program_op(&program, ACI_TCS_OP_TOP_K, 0, DATA, NONE, NONE, VALUES);
	op->out[1] = WHERE;
	op->along.axis = 2;
}

#define T(name)	(&program.image.tensors[name])
#define O(name)	(&program.image.ops[name])
#define A(name)	(&program.args[T(name)->slot])
#define NO_TENSOR	CASE_NO_TENSOR

#define CASES(X_) \
	X_(gather_count, O(GATHER)->index.count = 0, FIELD, GATHER, NO_TENSOR) \
	X_(gather_counts, O(GATHER)->index.count = 2, SHAPE, GATHER, NO_TENSOR) \
	X_(gather_count_huge, O(GATHER)->index.count = 0xffffffff, SHAPE, GATHER, NO_TENSOR) \
	X_(gather_axis, O(GATHER)->index.axis = 3, SHAPE, GATHER, NO_TENSOR) \
	X_(gather_axis_huge, O(GATHER)->index.axis = 0xffffffff, SHAPE, GATHER, NO_TENSOR) \
	X_(gather_axis_other, O(GATHER)->index.axis = 0, SHAPE, GATHER, NO_TENSOR) \
	X_(gather_reserved, O(GATHER)->index.reserved[21] = 1, FIELD, GATHER, NO_TENSOR) \
	X_(gather_function, O(GATHER)->function = 1, FIELD, GATHER, NO_TENSOR) \
	X_(gather_index_type, T(PLACES)->type = F32, TYPES, GATHER, NO_TENSOR) \
	X_(gather_types, T(DENSE)->type = I32, TYPES, GATHER, NO_TENSOR) \
	X_(gather_index_rank, O(GATHER)->in[1] = DATA; T(DATA)->type = I32; T(DENSE)->type = I32, \
	   SHAPE, GATHER, NO_TENSOR) \
	X_(gather_index_shape, T(PLACES)->shape[0] = 2, SHAPE, GATHER, NO_TENSOR) \
	X_(gather_prefix, T(DENSE)->shape[0] = 1; T(PLACES)->shape[0] = 1, SHAPE, GATHER, \
	   NO_TENSOR) \
	X_(gather_suffix, T(DENSE)->shape[2] = 4, SHAPE, GATHER, NO_TENSOR) \
	X_(gather_overlap, A(DENSE)->value = A(PLACES)->value, OVERLAP, GATHER, NO_TENSOR) \
	X_(scatter_function, O(SCATTER)->function = 5, FIELD, SCATTER, NO_TENSOR) \
	X_(scatter_not_offered, T(DATA)->type = T(DENSE)->type = T(TARGET)->type = I8, TYPES, \
	   SCATTER, NO_TENSOR) \
	X_(scatter_shape, T(TARGET)->shape[2] = 4, SHAPE, SCATTER, NO_TENSOR) \
	X_(scatter_overlap, O(SCATTER)->in[0] = TARGET; T(PLACES)->shape[1] = 1; \
	   T(DENSE)->shape[1] = 1, OVERLAP, SCATTER, NO_TENSOR) \
	X_(top_k_axis, O(TOP_K)->along.axis = 3, SHAPE, TOP_K, NO_TENSOR) \
	X_(top_k_more, T(DATA)->shape[2] = 1; T(DENSE)->shape[2] = 1; T(TARGET)->shape[2] = 1, \
	   SHAPE, TOP_K, NO_TENSOR) \
	X_(top_k_flag, O(TOP_K)->flags = ACI_TCS_OP_F_LAST, FIELD, TOP_K, NO_TENSOR) \
	X_(top_k_output, O(TOP_K)->out[1] = NONE, TENSOR, TOP_K, NO_TENSOR) \
	X_(top_k_where_type, T(WHERE)->type = I32, TYPES, TOP_K, NO_TENSOR) \
	X_(top_k_where_shape, T(WHERE)->shape[2] = 1, SHAPE, TOP_K, NO_TENSOR) \
	X_(top_k_where_repeats, T(WHERE)->stride[0] = 0, OVERLAP, TOP_K, NO_TENSOR) \
	X_(top_k_where_bounds, A(WHERE)->bytes--, BOUNDS, TOP_K, WHERE) \
	X_(top_k_outputs_meet, A(WHERE)->value = A(VALUES)->value, OVERLAP, TOP_K, NO_TENSOR) \
	X_(top_k_where_meets, A(WHERE)->value = A(DATA)->value + 8, OVERLAP, TOP_K, NO_TENSOR)

CASES(CASE_DEFINE)

/* proves: ACI-546 ACI-547 ACI-549 ACI-551 ACI-570 ACI-571 ACI-730 ACI-735 ACI-740 */
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
		cmocka_unit_test(test_gather),
		cmocka_unit_test(test_scatter),
		cmocka_unit_test(test_gather_large),
		cmocka_unit_test(test_scatter_coincide),
		cmocka_unit_test(test_out_of_range),
		cmocka_unit_test(test_top_k),
		cmocka_unit_test(test_top_k_long),
		cmocka_unit_test(test_refused),
	};

	return case_main(tests);
}
