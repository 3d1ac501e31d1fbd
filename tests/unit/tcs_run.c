// SPDX-License-Identifier: MIT
/* Running programs: preemption, stop, faults, counters, arguments, Identify. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <aci/aci_admin.h>

#include "tcs_random.h"

#define NONE	ACI_TCS_NONE
#define F32	ACI_TCS_TYPE_F32
#define I8	ACI_TCS_TYPE_I8
#define I32	ACI_TCS_TYPE_I32
#define SHAPE(...)	(uint64_t[]){ __VA_ARGS__ }
#define STRIDE(...)	(int64_t[]){ __VA_ARGS__ }

static struct program p;

/* Several operations, each of several tiles, some of them through scratch memory. */
static void build_large(enum fake_memory memory)
{
	uint16_t image, filters, features, pooled, flat, weights, out, soft, gelu, transposed;
	struct aci_tcs_op *op;
	uint16_t slot;

	program_init(&p, memory);
	image = program_dense(&p, F32, 4, SHAPE(2, 16, 60, 60));
	filters = program_dense(&p, F32, 4, SHAPE(40, 16, 5, 5));
	features = program_dense(&p, F32, 4, SHAPE(2, 40, 60, 60));
	pooled = program_dense(&p, F32, 4, SHAPE(2, 40, 30, 30));
	flat = program_tensor(&p, F32, 2, SHAPE(80, 900), NULL, p.image.tensors[pooled].slot, 0);
	weights = program_dense(&p, F32, 2, SHAPE(900, 1500));
	out = program_dense(&p, F32, 2, SHAPE(80, 1500));
	slot = program_buffer(&p, 80 * 1500 * 4 * 2);
	soft = program_tensor(&p, F32, 2, SHAPE(80, 1500), STRIDE(3000, 2), slot, 0);
	gelu = program_dense(&p, F32, 2, SHAPE(80, 1500));
	transposed = program_tensor(&p, F32, 2, SHAPE(80, 1500), STRIDE(1, 80),
				    program_buffer(&p, 80 * 1500 * 4), 0);
	op = program_op(&p, ACI_TCS_OP_CONV, ACI_TCS_UNARY_RELU, image, filters, NONE, features);
	program_window(op, 0, 1, 1, 2, 1);
	op = program_op(&p, ACI_TCS_OP_POOL_MAX, 0, features, NONE, NONE, pooled);
	program_window(op, 2, 2, 1, 0, 0);
	program_op(&p, ACI_TCS_OP_MATMUL, 0, flat, weights, NONE, out);
	op = program_op(&p, ACI_TCS_OP_SOFTMAX, 0, out, NONE, NONE, soft);
	op->softmax.axis = 0;
	program_op(&p, ACI_TCS_OP_UNARY, ACI_TCS_UNARY_GELU, out, NONE, NONE, gelu);
	program_op(&p, ACI_TCS_OP_BINARY, ACI_TCS_BINARY_MUL, gelu, soft, NONE, transposed);
	/* scattering took random numbers too */
	fake_seed = 42;
	random_fill(&p, image, RANDOM_PLAIN);
	random_fill(&p, filters, RANDOM_PLAIN);
	random_fill(&p, weights, RANDOM_PLAIN);
}

static uint8_t *all_memory(uint64_t *bytes)
{
	uint8_t *all;
	uint64_t at = 0;

	*bytes = 0;
	for (unsigned int i = 0; i < p.arg_count; i++)
		*bytes += p.args[i].bytes;
	all = malloc(*bytes);
	for (unsigned int i = 0; i < p.arg_count; i++) {
		fake_read(p.args[i].value, all + at, p.args[i].bytes);
		at += p.args[i].bytes;
	}
	return all;
}

/* Preempted at every tile or every few, in any memory: the same bits, the same counts. */
/* proves: ACI-564 ACI-580 ACI-581 ACI-582 */
static void test_preempt(void **state)
{
	static const unsigned int every[] = { 0, 1, 2, 7 };
	uint64_t bytes, macs = 0, moved = 0;
	uint8_t *first = NULL;

	for (unsigned int i = 0; i < 12; i++) {
		uint8_t *now;

		build_large((enum fake_memory)(i / 4));
		fake.preempt_every = every[i % 4];
		program_run(&p);
		assert_int_equal(p.result.status, ACI_STATUS_SUCCESS);
		assert_null(fake.broken);
		assert_int_equal(fake.operations, 6);
		if (every[i % 4] == 1)
			assert_int_equal(p.calls, fake.yields + 1);
		assert_true(fake.yields > 60);
		now = all_memory(&bytes);
		if (!first) {
			first = now;
			macs = fake.macs;
			moved = fake.bytes;
			continue;
		}
		assert_memory_equal(now, first, bytes);
		assert_int_equal(fake.macs, macs);
		assert_int_equal(fake.bytes, moved);
		free(now);
	}
	free(first);
}

/* No window is much larger than a tile, although the operands are. */
static void test_window_size(void **state)
{
	build_large(FAKE_BOUNCED);
	program_run(&p);
	assert_int_equal(p.result.status, ACI_STATUS_SUCCESS);
	assert_true(fake.window_bytes_max <= 8 << 20);
}

/* proves: ACI-585 */
static void test_stop(void **state)
{
	for (unsigned int after = 1; after < 40; after += 13) {
		build_large(FAKE_BOUNCED);
		fake.stop_after = after;
		program_run(&p);
		assert_true(p.result.stopped);
		assert_int_equal(fake.yields, after);
		assert_null(fake.broken);
	}
}

#define SCATTERED	(1u << 18)

static uint16_t scattered(unsigned int rank, const uint64_t *shape)
{
	const int64_t n = (int64_t)shape[rank - 1];
	int64_t stride[4] = { 5 * n, 5 * n, 5 * n, 5 };

	return program_tensor(&p, F32, rank, shape, stride + 4 - rank,
			      program_buffer(&p, SCATTERED * 20), 0);
}

/* Elements that lie apart: many windows, but few of them in one tile. */
static void test_scattered(void **state)
{
	struct aci_tcs_op *op;
	uint16_t one;

	for (unsigned int i = 0; i < 4; i++) {
		program_init(&p, FAKE_FLAT);
		switch (i) {
		case 0:
			one = program_dense(&p, F32, 2, SHAPE(1, 1));
			program_op(&p, ACI_TCS_OP_MATMUL, 0, one, scattered(2, SHAPE(1, SCATTERED)),
				   NONE, scattered(2, SHAPE(1, SCATTERED)));
			break;
		case 1:
			one = program_dense(&p, F32, 4, SHAPE(1, 1, 1, 1));
			op = program_op(&p, ACI_TCS_OP_CONV, 0,
					scattered(4, SHAPE(1, 1, 1, SCATTERED)), one, NONE,
					scattered(4, SHAPE(1, 1, 1, SCATTERED)));
			program_window(op, 0, 1, 1, 0, 1);
			break;
		case 2:
			op = program_op(&p, ACI_TCS_OP_POOL_MAX, 0,
					scattered(4, SHAPE(1, 1, 1, SCATTERED)), NONE, NONE,
					scattered(4, SHAPE(1, 1, 1, SCATTERED)));
			program_window(op, 1, 1, 1, 0, 0);
			break;
		default:
			op = program_op(&p, ACI_TCS_OP_SOFTMAX, 0,
					scattered(2, SHAPE(SCATTERED / 8, 8)), NONE, NONE,
					scattered(2, SHAPE(SCATTERED / 8, 8)));
			op->softmax.axis = 1;
		}
		program_run(&p);
		assert_int_equal(p.result.status, ACI_STATUS_SUCCESS);
		assert_null(fake.broken);
		assert_true(fake.windows > SCATTERED);
		assert_true(fake.tile_windows_max <= 4200);
	}
}

/* A dimension that cannot be cut: a stop is seen in the middle of the tile. */
static void test_stop_in_tile(void **state)
{
	for (unsigned int look = 1; look < 2000; look += 700) {
		struct aci_tcs_op *op;

		program_init(&p, FAKE_FLAT);
		op = program_op(&p, ACI_TCS_OP_SOFTMAX, 0, scattered(1, SHAPE(SCATTERED)), NONE,
				NONE, scattered(1, SHAPE(SCATTERED)));
		op->softmax.axis = 0;
		fake.stop_at_look = look;
		program_run(&p);
		assert_true(p.result.stopped);
		assert_int_equal(p.result.status, ACI_STATUS_SUCCESS);
		assert_int_equal(fake.looks, look);
		assert_true(fake.windows < 256 * look + 16);
		assert_int_equal(fake.operations, 0);
		assert_int_equal(fake.open, 0);
		assert_null(fake.broken);
	}
}

/* proves: ACI-590 ACI-591 */
static void test_fault(void **state)
{
	for (unsigned int tensor = 0; tensor < 10; tensor++) {
		build_large((enum fake_memory)(tensor % 3));
		fake.fault_at = p.args[p.image.tensors[tensor].slot].value + 4000;
		program_run(&p);
		assert_int_equal(p.result.status, ACI_STATUS_PAGE_FAULT);
		assert_true(p.result.info == fake.fault_at);
		assert_true(fake.operations < 6);
		assert_null(fake.broken);
	}
}

/* proves: ACI-500 ACI-501 */
static void test_fetch_fault(void **state)
{
	static const uint64_t at[] = { PROGRAM_VA + 100, ARGS_VA + 8 };

	for (unsigned int i = 0; i < 2; i++) {
		build_large(FAKE_FLAT);
		fake.fault_at = at[i];
		program_run(&p);
		assert_int_equal(p.result.status, ACI_STATUS_PAGE_FAULT);
		assert_true(p.result.info == at[i]);
		assert_int_equal(fake.operations, 0);
	}
}

static unsigned int fetches[2];

static bool count_fetches(uint64_t va, uint64_t bytes, unsigned int mode)
{
	if (va < PROGRAM_VA + sizeof(p.image) && va + bytes > PROGRAM_VA)
		fetches[0]++;
	if (va < ARGS_VA + sizeof(p.args) && va + bytes > ARGS_VA)
		fetches[1]++;
	return true;
}

/* proves: ACI-500 */
static void test_fetched_once(void **state)
{
	build_large(FAKE_BOUNCED);
	memset(fetches, 0, sizeof(fetches));
	fake.allowed = count_fetches;
	fake.preempt_every = 1;
	program_run(&p);
	assert_int_equal(p.result.status, ACI_STATUS_SUCCESS);
	assert_int_equal(fetches[0], 1);
	assert_int_equal(fetches[1], 1);
}

/* proves: ACI-595 ACI-596 ACI-597 ACI-598 */
static void test_counts(void **state)
{
	struct aci_tcs_op *op;

	program_init(&p, FAKE_FLAT);
	program_dense(&p, F32, 3, SHAPE(3, 4, 5));		/* 240 bytes */
	program_dense(&p, F32, 2, SHAPE(5, 6));			/* 120 */
	program_dense(&p, F32, 3, SHAPE(3, 4, 6));		/* 288 */
	program_op(&p, ACI_TCS_OP_MATMUL, 0, 0, 1, NONE, 2);
	program_run(&p);
	assert_int_equal(fake.macs, 3 * 4 * 6 * 5);
	assert_int_equal(fake.bytes, 240 + 120 + 288);

	program_init(&p, FAKE_FLAT);
	program_dense(&p, I8, 4, SHAPE(2, 6, 9, 7));
	program_dense(&p, I8, 4, SHAPE(4, 3, 3, 2));
	program_dense(&p, I32, 1, SHAPE(4));
	program_dense(&p, I32, 4, SHAPE(2, 4, 4, 4));
	op = program_op(&p, ACI_TCS_OP_CONV, 0, 0, 1, 2, 3);
	program_window(op, 0, 2, 1, 0, 2);
	op->window.pad_begin[1] = op->window.pad_end[1] = 1;
	program_run(&p);
	assert_int_equal(p.result.status, ACI_STATUS_SUCCESS);
	assert_int_equal(fake.macs, 2 * 4 * 4 * 4 * 3 * 3 * 2);
	assert_int_equal(fake.bytes, 2 * 6 * 9 * 7 + 4 * 3 * 3 * 2 + 4 * 4 + 2 * 4 * 4 * 4 * 4);

	program_init(&p, FAKE_FLAT);
	program_dense(&p, F32, 1, SHAPE(100));
	program_op(&p, ACI_TCS_OP_UNARY, ACI_TCS_UNARY_EXP, 0, NONE, NONE, 0);
	program_run(&p);
	assert_int_equal(p.result.status, ACI_STATUS_SUCCESS);
	assert_int_equal(fake.macs, 0);
	assert_int_equal(fake.bytes, 800);
}

/* The fault injection of the virtual card changes one element and no other. */
static void test_corrupt(void **state)
{
	uint64_t bytes, differ = 0;
	uint8_t *good, *bad;
	float zero[3];

	program_init(&p, FAKE_SCATTERED);
	program_dense(&p, F32, 1, SHAPE(3));
	program_dense(&p, F32, 1, SHAPE(3));
	program_op(&p, ACI_TCS_OP_COPY, 0, 0, NONE, NONE, 1);
	program_op(&p, ACI_TCS_OP_UNARY, ACI_TCS_UNARY_ABS, 1, NONE, NONE, 1);
	program_run(&p);
	good = all_memory(&bytes);
	fake.asked_corrupt = 0;
	fake.corrupt_op = 2;
	program_run(&p);
	assert_int_equal(p.result.status, ACI_STATUS_SUCCESS);
	assert_int_equal(fake.asked_corrupt, 2);
	bad = all_memory(&bytes);
	for (uint64_t i = 0; i < bytes; i++)
		differ += good[i] != bad[i];
	assert_int_equal(differ, 4);
	fake_read(p.args[1].value, zero, sizeof(zero));
	assert_false(zero[0] == 0);
	free(good);
	free(bad);
}

/* proves: ACI-573 */
static void test_in_place(void **state)
{
	for (unsigned int memory = 0; memory < 3; memory++) {
		const uint64_t n = 70000;
		uint16_t slot, view, other;
		float got[2];

		program_init(&p, (enum fake_memory)memory);
		slot = program_buffer(&p, n * 8);
		view = program_tensor(&p, F32, 1, SHAPE(n), STRIDE(-2), slot, n * 8 - 8);
		other = program_dense(&p, F32, 0, NULL);
		for (uint64_t i = 0; i < 2 * n; i++)
			fake_write(p.args[slot].value + i * 4, &(float){ (float)i }, 4);
		fake_write(p.args[1].value, &(float){ 3 }, 4);
		program_op(&p, ACI_TCS_OP_BINARY, ACI_TCS_BINARY_MUL, view, other, NONE, view);
		program_op(&p, ACI_TCS_OP_UNARY, ACI_TCS_UNARY_NEG, view, NONE, NONE, view);
		program_op(&p, ACI_TCS_OP_COPY, 0, view, NONE, NONE, view);
		fake.preempt_every = 1;
		program_run(&p);
		assert_int_equal(p.result.status, ACI_STATUS_SUCCESS);
		for (uint64_t i = 0; i < n; i++) {
			fake_read(p.args[slot].value + i * 8, got, 8);
			assert_true(got[0] == -3 * (float)(2 * i) && got[1] == (float)(2 * i + 1));
		}
	}
}

/* One recorded program, run with other lengths, positions and buffers. */
/* proves: ACI-502 ACI-533 ACI-534 ACI-535 */
static void test_arguments(void **state)
{
	uint16_t rows, step, at, in, out;
	float got;

	program_init(&p, FAKE_SCATTERED);
	in = program_tensor(&p, F32, 2, SHAPE(1, 4), NULL, program_buffer(&p, 4096), 0);
	out = program_tensor(&p, F32, 2, SHAPE(1, 4), NULL, program_buffer(&p, 4096), 0);
	rows = program_scalar(&p, 0);
	step = program_scalar(&p, 0);
	at = program_scalar(&p, 0);
	for (unsigned int i = 0; i < 1024; i++)
		fake_write(p.args[0].value + i * 4, &(float){ (float)i }, 4);
	p.image.tensors[in].shape[0] = p.image.tensors[out].shape[0] = rows;
	p.image.tensors[in].shape_from_arg = p.image.tensors[out].shape_from_arg = 1;
	p.image.tensors[in].stride[0] = step;
	p.image.tensors[in].stride_from_arg = 1;
	p.image.tensors[in].offset_slot = at;
	program_op(&p, ACI_TCS_OP_UNARY, 0, in, NONE, NONE, out);

	for (uint64_t n = 1; n < 30; n++) {
		p.args[rows].value = n;
		p.args[step].value = n % 2 ? n : -n;
		p.args[at].value = n % 2 ? 16 * n : 4 * 900;
		program_run(&p);
		assert_int_equal(p.result.status, ACI_STATUS_SUCCESS);
		for (uint64_t i = 0; i < n * 4; i++) {
			const int64_t row = (int64_t)(i / 4) * (int64_t)p.args[step].value;

			fake_read(p.args[1].value + i * 4, &got, 4);
			assert_true(got == (float)((int64_t)p.args[at].value / 4 + row +
						   (int64_t)(i % 4)));
		}
	}
	p.args[rows].value = 257;
	program_run(&p);
	assert_int_equal(p.result.status, ACI_STATUS_PROG_BOUNDS);
}

/* Operations run in order: each sees what the one before wrote. */
/* proves: ACI-503 ACI-504 ACI-574 */
static void test_order(void **state)
{
	float got;

	program_init(&p, FAKE_FLAT);
	program_run(&p);
	assert_int_equal(p.result.status, ACI_STATUS_SUCCESS);

	program_init(&p, FAKE_FLAT);
	program_dense(&p, F32, 1, SHAPE(1));
	program_dense(&p, F32, 1, SHAPE(1));
	program_op(&p, ACI_TCS_OP_UNARY, ACI_TCS_UNARY_EXP, 0, NONE, NONE, 1);
	program_op(&p, ACI_TCS_OP_BINARY, ACI_TCS_BINARY_ADD, 1, 1, NONE, 0);
	program_op(&p, ACI_TCS_OP_BINARY, ACI_TCS_BINARY_ADD, 0, 0, NONE, 0);
	program_run(&p);
	assert_int_equal(p.result.status, ACI_STATUS_SUCCESS);
	fake_read(p.args[0].value, &got, 4);
	assert_true(got == 4);
}

/* proves: ACI-510 ACI-511 ACI-512 ACI-513 ACI-514 */
static void test_identify(void **state)
{
	static const uint8_t uuid[16] = ACI_TCS_UUID_BYTES;
	struct aci_identify_set *set = malloc(sizeof(*set));
	uint64_t unary = 0;

	memset(set, 0xff, sizeof(*set));
	tcs_identify(set);
	assert_int_equal(sizeof(*set), 4096);
	assert_memory_equal(set->uuid, uuid, sizeof(uuid));
	assert_int_equal(set->version, ACI_TCS_VERSION_MAJOR << 16 | ACI_TCS_VERSION_MINOR);
	assert_true(set->op_count >= 8 && set->op_count <= ACI_IDENTIFY_SET_OPS);
	assert_true(set->tensors_max < ACI_TCS_NONE);
	assert_true(set->program_bytes_max >=
		    64 + 160ull * set->tensors_max + 128ull * set->ops_max);
	for (uint32_t i = 0; i < set->op_count; i++) {
		assert_int_equal(set->ops[i].function_base % 32, 0);
		assert_true(set->ops[i].types);
		if (set->ops[i].opcode == ACI_TCS_OP_UNARY &&
		    set->ops[i].types & ACI_TCS_COMBO_F32)
			unary |= (uint64_t)set->ops[i].function_mask <<
				 set->ops[i].function_base;
	}
	for (uint32_t i = set->op_count; i < ACI_IDENTIFY_SET_OPS; i++)
		assert_int_equal(set->ops[i].opcode, 0);
	assert_true(unary == (2ull << ACI_TCS_UNARY_SHRINK) - 1);
	assert_int_equal(set->ops[0].opcode, ACI_TCS_OP_COPY);
	free(set);
}

static void test_layout(void **state)
{
	assert_int_equal(sizeof(struct aci_tcs_header), 64);
	assert_int_equal(sizeof(struct aci_tcs_op), 128);
	assert_int_equal(sizeof(struct aci_tcs_tensor), 160);
	assert_int_equal(offsetof(struct aci_tcs_op, attr), 32);
	assert_int_equal(sizeof(struct aci_tcs_unary), 96);
	assert_int_equal(sizeof(struct aci_tcs_softmax), 96);
	assert_int_equal(sizeof(struct aci_tcs_window), 96);
	assert_int_equal(sizeof(struct aci_tcs_fill), 96);
	assert_int_equal(sizeof(struct aci_tcs_axes), 96);
	assert_int_equal(sizeof(struct aci_tcs_along), 96);
	assert_int_equal(sizeof(struct aci_tcs_normalise), 96);
	assert_int_equal(sizeof(struct aci_tcs_index), 96);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_preempt),
		cmocka_unit_test(test_window_size),
		cmocka_unit_test(test_stop),
		cmocka_unit_test(test_scattered),
		cmocka_unit_test(test_stop_in_tile),
		cmocka_unit_test(test_fault),
		cmocka_unit_test(test_fetch_fault),
		cmocka_unit_test(test_fetched_once),
		cmocka_unit_test(test_counts),
		cmocka_unit_test(test_corrupt),
		cmocka_unit_test(test_in_place),
		cmocka_unit_test(test_arguments),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_identify),
		cmocka_unit_test(test_layout),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
