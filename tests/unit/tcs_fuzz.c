// SPDX-License-Identifier: MIT
/*
 * Valid programs, spoilt at random: whatever they say, the executor ends with
 * a status, touches nothing but the arguments and writes to outputs only.
 *
 *	tcs_fuzz [RUNS [SEED]]
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tcs_random.h"

#define NONE	ACI_TCS_NONE
#define F32	ACI_TCS_TYPE_F32
#define I8	ACI_TCS_TYPE_I8
#define BOOL	ACI_TCS_TYPE_BOOL

static unsigned long runs = 20000;
static struct program p;
static bool writable[PROGRAM_ARGS];

static bool inside(const struct aci_arg *arg, uint64_t va, uint64_t bytes)
{
	return va >= arg->value && va - arg->value <= arg->bytes &&
	       bytes <= arg->bytes - (va - arg->value);
}

static bool is_argument(uint64_t va, uint64_t bytes, unsigned int mode)
{
	const struct aci_arg fetched[] = { { PROGRAM_VA, sizeof(p.image) },
					   { ARGS_VA, sizeof(p.args) } };

	if (mode & VM_ACCESS_WRITE) {
		for (unsigned int i = 0; i < PROGRAM_ARGS; i++)
			if (writable[i] && inside(&p.args[i], va, bytes))
				return true;
		return false;
	}
	for (unsigned int i = 0; i < PROGRAM_ARGS; i++)
		if (inside(&p.args[i], va, bytes))
			return true;
	return inside(&fetched[0], va, bytes) || inside(&fetched[1], va, bytes);
}

/* Arguments that some operation names as output, in the program as it is after spoiling. */
static void find_writable(void)
{
	memset(writable, 0, sizeof(writable));
	for (unsigned int i = 0; i < PROGRAM_OPS; i++) {
		for (unsigned int j = 0; j < ACI_TCS_OP_OUTPUTS; j++) {
			const uint16_t tensor = p.image.ops[i].out[j];
			const uint16_t slot = tensor < PROGRAM_TENSORS ?
					      p.image.tensors[tensor].slot : NONE;

			if (slot < PROGRAM_ARGS)
				writable[slot] = true;
		}
	}
}

static void add_elementwise(void)
{
	const bool binary = fake_below(2);
	const uint32_t function = (uint32_t)fake_below(binary ? ACI_TCS_BINARY_POW + 1 :
								ACI_TCS_UNARY_LINEAR + 1);
	uint64_t shape[8];
	unsigned int rank = random_shape(shape, 0, 300);
	uint16_t out = random_output(&p, F32, rank, shape);
	uint16_t in0 = fake_below(4) ? random_input(&p, F32, rank, shape, RANDOM_WILD) : out;
	uint16_t in1 = binary ? random_input(&p, F32, rank, shape, RANDOM_WILD) : NONE;

	if (binary)
		program_op(&p, ACI_TCS_OP_BINARY, function, in0, in1, NONE, out);
	else
		random_scalars(&p, program_op(&p, ACI_TCS_OP_UNARY, function, in0, NONE, NONE, out),
			       function);
}

static void add_copy(void)
{
	static const uint8_t types[] = { F32, I8, ACI_TCS_TYPE_U8, ACI_TCS_TYPE_I32,
					 ACI_TCS_TYPE_I64, ACI_TCS_TYPE_BOOL, ACI_TCS_TYPE_F16,
					 ACI_TCS_TYPE_BF16 };
	uint64_t shape[8];
	unsigned int rank = random_shape(shape, 0, 300);
	uint16_t in = random_input(&p, types[fake_below(8)], rank, shape, RANDOM_WILD);

	program_op(&p, ACI_TCS_OP_COPY, 0, in, NONE, NONE,
		   random_output(&p, types[fake_below(8)], rank, shape));
}

static void add_softmax(void)
{
	uint64_t shape[8];
	unsigned int rank = random_shape(shape, 1, 300);
	uint16_t in = random_input(&p, F32, rank, shape, RANDOM_WILD);
	struct aci_tcs_op *op;

	op = program_op(&p, ACI_TCS_OP_SOFTMAX, 0, in, NONE, NONE,
			random_output(&p, F32, rank, shape));
	op->softmax.axis = (uint32_t)fake_below(rank);
}

static void add_select(void)
{
	uint64_t shape[8];
	unsigned int rank = random_shape(shape, 0, 300);
	const bool select = fake_below(2);
	uint16_t mask = select ? random_input(&p, BOOL, rank, shape, RANDOM_PLAIN) :
				 random_output(&p, BOOL, rank, shape);
	uint16_t a = random_input(&p, F32, rank, shape, RANDOM_WILD);
	uint16_t b = random_input(&p, F32, rank, shape, RANDOM_WILD);

	if (select)
		program_op(&p, ACI_TCS_OP_SELECT, 0, mask, a, b, random_output(&p, F32, rank, shape));
	else
		program_op(&p, ACI_TCS_OP_COMPARE, (uint32_t)fake_below(6), a, b, NONE, mask);
}

static void add_fill(void)
{
	uint64_t shape[8];
	unsigned int rank = random_shape(shape, 1, 300);
	struct aci_tcs_op *op;

	op = program_op(&p, ACI_TCS_OP_FILL, (uint32_t)fake_below(2), NONE, NONE, NONE,
			random_output(&p, F32, rank, shape));
	if (op->function == ACI_TCS_FILL_RANGE)
		op->fill.axis = (uint32_t)fake_below(rank);
}

static void add_reduction(void)
{
	uint64_t shape[8];
	unsigned int rank = random_shape(shape, 1, 300);
	const uint32_t axis = (uint32_t)fake_below(rank);
	uint16_t in = random_input(&p, F32, rank, shape, RANDOM_WILD);
	const bool arg = fake_below(2);
	struct aci_tcs_op *op;

	shape[axis] = 1;
	op = program_op(&p, arg ? ACI_TCS_OP_ARG : ACI_TCS_OP_REDUCE, (uint32_t)fake_below(2), in,
			NONE, NONE, random_output(&p, arg ? ACI_TCS_TYPE_I64 : F32, rank, shape));
	if (arg)
		op->along.axis = axis;
	else
		op->reduce.axes = 1u << axis;
}

static void add_index(void)
{
	const bool gather = fake_below(2);

	random_index(&p, gather, F32, 200);
	if (!gather)
		p.image.ops[p.image.header.op_count - 1].function = (uint32_t)fake_below(5);
}

static void add_top_k(void)
{
	uint64_t shape[8];
	unsigned int rank = random_shape(shape, 1, 300);
	const uint32_t axis = (uint32_t)fake_below(rank);
	uint16_t in = random_input(&p, F32, rank, shape, RANDOM_WILD);
	struct aci_tcs_op *op;

	shape[axis] = 1 + fake_below(shape[axis]);
	op = program_op(&p, ACI_TCS_OP_TOP_K, 0, in, NONE, NONE,
			random_output(&p, F32, rank, shape));
	op->out[1] = random_output(&p, ACI_TCS_TYPE_I64, rank, shape);
	op->along.axis = axis;
}

static void add_pool(void)
{
	uint64_t in_shape[4] = { 1 + fake_below(2), 1 + fake_below(3) }, out_shape[4];
	const bool avg = fake_below(2);
	struct aci_tcs_window window;
	struct aci_tcs_op *op;
	uint16_t in;

	out_shape[0] = in_shape[0];
	out_shape[1] = in_shape[1];
	do {
		in_shape[2] = 1 + fake_below(9);
		in_shape[3] = 1 + fake_below(9);
	} while (!random_window(&window, in_shape + 2, out_shape + 2));
	in = random_input(&p, F32, 4, in_shape, RANDOM_WILD);
	op = program_op(&p, avg ? ACI_TCS_OP_POOL_AVG : ACI_TCS_OP_POOL_MAX, 0, in, NONE, NONE,
			random_output(&p, F32, 4, out_shape));
	op->window = window;
	op->flags = avg ? (uint16_t)fake_below(2) : 0;
}

static void add_resize(void)
{
	const uint64_t in[4] = { 1, 2, 1 + fake_below(9), 1 + fake_below(9) };
	const uint64_t out[4] = { 1, 2, 1 + fake_below(12), 1 + fake_below(12) };
	const uint16_t tensor = random_input(&p, F32, 4, in, RANDOM_WILD);
	struct aci_tcs_op *op;

	op = program_op(&p, ACI_TCS_OP_RESIZE, (uint32_t)fake_below(3), tensor, NONE, NONE,
			random_output(&p, F32, 4, out));
	for (unsigned int i = 0; i < 2; i++) {
		op->resize.step[i] = in[2 + i];
		op->resize.divisor[i] = out[2 + i];
	}
}

static void add_conv_transpose(void)
{
	const uint64_t in[4] = { 1, 2, 1 + fake_below(5), 1 + fake_below(5) };
	const uint64_t out[4] = { 1, 3, in[2] * 2 + 1, in[3] * 2 + 1 };
	const uint16_t tensor = random_input(&p, F32, 4, in, RANDOM_PLAIN);
	struct aci_tcs_op *op;
	uint16_t weights;

	weights = random_input(&p, F32, 4, (uint64_t[]){ 2, 3, 3, 3 }, RANDOM_PLAIN);
	op = program_op(&p, ACI_TCS_OP_CONV_TRANSPOSE, 0, tensor, weights, NONE,
			random_output(&p, F32, 4, out));
	program_window(op, 0, 2, 1, 0, 1);
}

static void add_quantise(void)
{
	uint64_t shape[8];
	const unsigned int rank = random_shape(shape, 0, 300);
	const bool back = fake_below(2);
	const uint16_t in = random_input(&p, back ? I8 : F32, rank, shape, RANDOM_WILD);
	const uint16_t scale = random_input(&p, F32, rank, shape, RANDOM_WILD);

	program_op(&p, back ? ACI_TCS_OP_DEQUANTISE : ACI_TCS_OP_QUANTISE, 0, in, scale, NONE,
		   random_output(&p, back ? F32 : I8, rank, shape));
}

static void add_random_op(void)
{
	switch (fake_below(14)) {
	case 11: add_resize(); break;
	case 12: add_conv_transpose(); break;
	case 13: add_quantise(); break;
	case 9: add_index(); break;
	case 10: add_top_k(); break;
	case 6: add_select(); break;
	case 7: add_fill(); break;
	case 8: add_reduction(); break;
	case 0: add_copy(); break;
	case 1: add_softmax(); break;
	case 2: add_pool(); break;
	case 3: random_matmul(&p, fake_below(2) ? F32 : I8, 8); break;
	case 4: random_conv(&p, fake_below(2) ? F32 : I8, (unsigned int)fake_below(4)); break;
	default: add_elementwise(); break;
	}
}

static uint64_t nasty(uint64_t old)
{
	static const uint64_t values[] = {
		0, 1, 2, 3, 7, 8, 15, 16, 0x7f, 0xff, 0x100, 0x7fff, 0xffff, 0x10000, 1 << 24,
		0x7fffffff, 0x80000000, 0xffffffff, 1ull << 32, 1ull << 40, 1ull << 47, 1ull << 62,
		1ull << 63, ~0ull, ~3ull, ~0ull >> 1,
	};

	switch (fake_below(5)) {
	case 0: return old + 1;
	case 1: return old - 1;
	case 2: return old ^ 1ull << fake_below(64);
	case 3: return -old;
	default: return values[fake_below(sizeof(values) / sizeof(values[0]))];
	}
}

static void spoil(void *at, uint64_t bytes)
{
	static const unsigned int sizes[] = { 1, 2, 4, 8 };
	const unsigned int size = sizes[fake_below(4)];
	uint8_t *field = (uint8_t *)at + fake_below(bytes / size) * size;
	uint64_t value = 0;

	memcpy(&value, field, size);
	value = nasty(value);
	memcpy(field, &value, size);
}

static void spoil_somewhere(void)
{
	switch (fake_below(8)) {
	case 0:
		spoil(&p.image.header, sizeof(p.image.header));
		break;
	case 1:
		spoil(p.args, p.arg_count * sizeof(p.args[0]));
		break;
	case 2:
	case 3:
	case 4:
		spoil(p.image.tensors, p.image.header.tensor_count % (PROGRAM_TENSORS + 1) *
		      sizeof(p.image.tensors[0]) + 8);
		break;
	case 5:
		/* another tensor, that exists */
		p.image.ops[0].in[fake_below(2)] = (uint16_t)fake_below(PROGRAM_TENSORS);
		break;
	default:
		spoil(p.image.ops, p.image.header.op_count % (PROGRAM_OPS + 1) *
		      sizeof(p.image.ops[0]) + 8);
		break;
	}
}

static void run_one(unsigned int faults)
{
	fake.allowed = is_argument;
	fake.preempt_every = (unsigned int)fake_below(3);
	fake.stop_after = 200;
	find_writable();
	program_run(&p);
	if (fake.broken)
		print_error("seed %#llx: %s\n", (unsigned long long)fake_seed, fake.broken);
	assert_null(fake.broken);
	if (!faults)
		assert_int_equal(p.result.status, ACI_STATUS_SUCCESS);
}

/* proves: ACI-506 ACI-507 */
static void test_fuzz(void **state)
{
	unsigned long passed = 0, refused = 0;

	for (unsigned long run = 0; run < runs; run++) {
		const unsigned int faults = run % 8 ? 1 + (unsigned int)fake_below(4) : 0;

		program_init(&p, random_memory());
		add_random_op();
		if (p.arg_count < 8 && p.image.header.tensor_count < 8)
			add_random_op();
		for (unsigned int i = 0; i < faults; i++)
			spoil_somewhere();
		run_one(faults);
		if (p.result.status == ACI_STATUS_SUCCESS)
			passed++;
		else
			refused++;
	}
	print_message("%lu programs: %lu ran, %lu were refused or failed\n", runs, passed, refused);
	/* both ways must have been gone often, or nothing was tested */
	assert_true(passed > runs / 8 && refused > runs / 4);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_fuzz) };

	if (argc > 1)
		runs = strtoul(argv[1], NULL, 0);
	if (argc > 2)
		fake_seed = strtoull(argv[2], NULL, 0);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
