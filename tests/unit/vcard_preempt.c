// SPDX-License-Identifier: MIT
/*
 * Preemption inside operations. A long job of low priority runs; jobs of high
 * priority come and the card measures how long the engine took to let go, in
 * processor time of its thread, so that what else runs on the machine does not
 * count. No tile of any operation may be longer than Identify says.
 *
 * proves: ACI-231 ACI-584
 */

#include <stdio.h>
#include <stdlib.h>

#include <aci/aci_tcs.h>

#include "../../tools/vcard/core/vcard.h"
#include "vcard_rig.h"

#define VA		0x400000000000ull
#define MEMORY		(64u << 20)
#define HOST_VA		0x500000000000ull
#define HOST_BYTES	(8u << 20)
#define PROGRAM_VA	0x600000000000ull
#define ROUNDS		40
#define TENSORS		4
#define OPS		16

struct program {
	struct aci_tcs_header header;
	struct aci_tcs_tensor tensors[TENSORS];
	struct aci_tcs_op ops[OPS];
};

struct fixture {
	struct rig rig;
	struct rig_queue low, high;
	struct program *program;
	struct aci_arg *args;
	uint64_t used;			/* of the card memory */
	struct engine *engine;
};

static uint64_t preempt_max_us(struct rig *rig)
{
	struct aci_admin_cmd cmd = { .opcode = ACI_ADMIN_IDENTIFY, .data_bytes = ACI_PAGE_SIZE };

	cmd.data = rig_alloc(rig, ACI_PAGE_SIZE);
	cmd.identify.what = ACI_IDENTIFY_CARD;
	assert_int_equal(rig_admin(rig, &cmd), 0);
	return ((struct aci_identify_card *)rig_at(rig, cmd.data))->preempt_max_us;
}

static void start(struct fixture *f, uint8_t engine_class)
{
	struct rig_queue_options options = { .engine_class = engine_class };
	uint64_t host, program;
	struct vcard_config config;

	memset(f, 0, sizeof(*f));
	rig_config(&config);
	config.mem_bytes = MEMORY;
	config.aperture_bytes = MEMORY;
	rig_start(&f->rig, &config);
	/* What the card counts as late is what it promises. */
	assert_int_equal(preempt_max_us(&f->rig), PREEMPT_MAX_US);
	rig_create_vm(&f->rig, 1, 0);
	rig_map(&f->rig, 1, VA, 0, MEMORY, PTE_CARD_RW);
	host = rig_alloc(&f->rig, HOST_BYTES);
	/* Scattered: no two pages follow each other. */
	for (uint64_t at = 0; at < HOST_BYTES; at += ACI_PAGE_SIZE)
		rig_map(&f->rig, 1, HOST_VA + at, host + HOST_BYTES - ACI_PAGE_SIZE - at,
			ACI_PAGE_SIZE, PTE_SYSTEM_RW);
	program = rig_alloc(&f->rig, 65536);
	rig_map(&f->rig, 1, PROGRAM_VA, program, 65536, PTE_SYSTEM_RW);
	f->program = rig_at(&f->rig, program);
	f->args = rig_at(&f->rig, program + 32768);
	options.priority = ACI_PRIORITY_LOW;
	rig_queue_create(&f->rig, &f->low, 0, 1, &options);
	options.priority = ACI_PRIORITY_HIGH;
	rig_queue_create(&f->rig, &f->high, 1, 1, &options);
	for (unsigned int i = 0; i < f->rig.card->sched.engine_count; i++) {
		if (f->rig.card->sched.engines[i].class == engine_class)
			f->engine = &f->rig.card->sched.engines[i];
	}
}

/* Memory that was never touched, and code that was never made, cost more than they will. */
static void warm_up(struct fixture *f, const struct aci_desc *work)
{
	rig_submit(&f->low, work);
	rig_wait_completed(&f->low, f->low.tail);
}

/* Keep the low queue at work and interrupt it again and again. Return: how often that took long. */
static uint64_t interrupt_round(struct fixture *f, const struct aci_desc *work)
{
	struct aci_desc nop = desc_nop();
	uint64_t late = f->engine->preempt_late;

	for (unsigned int i = 0; i < ROUNDS; i++) {
		while (f->low.tail - f->low.record->completed < 8)
			rig_submit(&f->low, work);
		rig_wait_started(&f->low, f->low.tail - 7);
		rig_sleep_ms(1 + i % 3);
		rig_submit(&f->high, &nop);
		rig_wait_completed(&f->high, f->high.tail);
		assert_int_equal(f->low.record->error, 0);
	}
	assert_int_equal(rig_queue_command(&f->low, ACI_ADMIN_RESET_QUEUE, f->low.tail), 0);
	return f->engine->preempt_late - late;
}

/* A busy machine may upset one round; a tile that is too long upsets them all. */
static void interrupt(struct fixture *f, const char *what, const struct aci_desc *work)
{
	uint64_t before = f->engine->preemptions;
	bool good = false;

	for (unsigned int i = 0; i < 3 && !good; i++)
		good = interrupt_round(f, work) <= ROUNDS / 20;
	print_message("# %s: %llu preempted, at most %llu us, %llu us of its own\n", what,
		      (unsigned long long)(f->engine->preemptions - before),
		      (unsigned long long)f->engine->preempt_max_ns / 1000,
		      (unsigned long long)f->engine->preempt_cpu_max_ns / 1000);
	assert_true(f->engine->preemptions - before >= ROUNDS / 2);
	assert_true(good);
	f->engine->preempt_max_ns = f->engine->preempt_cpu_max_ns = 0;
}

/* --- Copy engine --- */

static void copy_job(struct fixture *f, const char *what, const struct aci_desc *work)
{
	warm_up(f, work);
	interrupt(f, what, work);
}

static void test_copy_engine(void **state)
{
	struct aci_desc strided = { .opcode = ACI_OP_COPY_STRIDED }, work;
	struct fixture f;

	(void)state;
	start(&f, ACI_ENGINE_CLASS_COPY);
	work = desc_fill(VA, MEMORY, 1, 1);
	copy_job(&f, "fill", &work);
	work = desc_copy(VA, VA + MEMORY / 2, MEMORY / 2);
	copy_job(&f, "copy", &work);
	work = desc_copy(VA, HOST_VA, HOST_BYTES);
	copy_job(&f, "copy to scattered pages", &work);
	work = desc_fill(HOST_VA, HOST_BYTES, 1, 8);
	copy_job(&f, "fill of scattered pages", &work);
	strided.copy_strided = (struct aci_desc_copy_strided){
		.src = VA, .src_stride = 64, .dst = VA + MEMORY / 2, .dst_stride = 64,
		.row_bytes = 16, .rows = 400000,
	};
	copy_job(&f, "copy of short rows", &strided);
	strided.copy_strided.row_bytes = 64;
	strided.copy_strided.dst = HOST_VA;
	strided.copy_strided.rows = HOST_BYTES / 64;
	copy_job(&f, "copy of rows to scattered pages", &strided);
	rig_stop(&f.rig);
}

/* --- Programs --- */

static void begin_program(struct fixture *f)
{
	memset(f->program, 0, sizeof(*f->program));
	f->program->header = (struct aci_tcs_header){
		.magic = ACI_TCS_MAGIC,
		.version = ACI_TCS_VERSION_MAJOR << 16 | ACI_TCS_VERSION_MINOR,
		.program_bytes = sizeof(*f->program),
		.tensors_offset = offsetof(struct program, tensors),
		.ops_offset = offsetof(struct program, ops),
		.workspace_slot = ACI_TCS_NONE,
	};
	f->used = 0;
}

/* A dense tensor with memory of its own; all of it is zero. */
static uint16_t tensor(struct fixture *f, uint8_t type, unsigned int rank, const uint64_t *shape)
{
	uint64_t bytes = type == ACI_TCS_TYPE_I64 ? 8 :
			 type == ACI_TCS_TYPE_F32 || type == ACI_TCS_TYPE_I32 ? 4 : 1;
	struct aci_tcs_header *header = &f->program->header;
	struct aci_tcs_tensor *t = &f->program->tensors[header->tensor_count];
	uint64_t stride = 1;

	assert_true(header->tensor_count < TENSORS);
	*t = (struct aci_tcs_tensor){ .type = type, .rank = (uint8_t)rank,
				      .slot = (uint16_t)header->tensor_count,
				      .offset_slot = ACI_TCS_NONE };
	for (unsigned int i = rank; i-- > 0;) {
		t->shape[i] = shape[i];
		t->stride[i] = stride;
		stride *= shape[i];
	}
	bytes *= stride;
	f->args[header->arg_count++] = (struct aci_arg){ .value = VA + f->used, .bytes = bytes };
	f->used += (bytes + 4095) / 4096 * 4096;
	assert_true(f->used <= MEMORY);
	return (uint16_t)header->tensor_count++;
}

static struct aci_tcs_op *add_op(struct fixture *f, uint16_t opcode, uint32_t function,
				 uint16_t in0, uint16_t in1, uint16_t out)
{
	struct aci_tcs_op *op = &f->program->ops[f->program->header.op_count++];

	*op = (struct aci_tcs_op){ .opcode = opcode, .function = function };
	memset(op->in, 0xff, sizeof(op->in));
	memset(op->out, 0xff, sizeof(op->out));
	op->in[0] = in0;
	op->in[1] = in1;
	op->out[0] = out;
	if (opcode == ACI_TCS_OP_UNARY)
		op->unary.alpha_slot = op->unary.beta_slot = ACI_TCS_NONE;
	return op;
}

static void interrupt_program(struct fixture *f, const char *what)
{
	struct aci_tcs_header *header = &f->program->header;
	struct aci_desc work = { .opcode = ACI_OP_EXEC };

	work.exec = (struct aci_desc_exec){
		.program = PROGRAM_VA, .program_bytes = sizeof(*f->program),
		.args = PROGRAM_VA + 32768, .arg_count = header->arg_count, .set = ACI_SET_TCS,
	};
	warm_up(f, &work);
	/* The same again and again: long enough for every round. */
	while (header->op_count < OPS)
		f->program->ops[header->op_count++] = f->program->ops[0];
	interrupt(f, what, &work);
}

#define SHAPE(...)	sizeof((uint64_t[]){ __VA_ARGS__ }) / 8, (const uint64_t[]){ __VA_ARGS__ }

static void matmul(struct fixture *f, const char *what, uint8_t type, uint64_t m, uint64_t n,
		   uint64_t k)
{
	uint8_t out_type = type == ACI_TCS_TYPE_F32 ? type : ACI_TCS_TYPE_I32;
	uint16_t a, b, out;

	begin_program(f);
	a = tensor(f, type, SHAPE(m, k));
	b = tensor(f, type, SHAPE(k, n));
	out = tensor(f, out_type, SHAPE(m, n));
	add_op(f, ACI_TCS_OP_MATMUL, 0, a, b, out);
	interrupt_program(f, what);
}

static void test_matmul(void **state)
{
	struct fixture f;

	(void)state;
	start(&f, ACI_ENGINE_CLASS_COMPUTE);
	matmul(&f, "matmul f32 2048 x 2048 x 1024", ACI_TCS_TYPE_F32, 2048, 2048, 1024);
	matmul(&f, "matmul f32 1024 x 1024 x 4096", ACI_TCS_TYPE_F32, 1024, 1024, 4096);
	matmul(&f, "matmul f32 64 x 4096 x 2048", ACI_TCS_TYPE_F32, 64, 4096, 2048);
	matmul(&f, "matmul f32 1 x 4096 x 2048", ACI_TCS_TYPE_F32, 1, 4096, 2048);
	matmul(&f, "matmul f32 4096 x 1 x 2048", ACI_TCS_TYPE_F32, 4096, 1, 2048);
	matmul(&f, "matmul i8 2048 x 2048 x 2048", ACI_TCS_TYPE_I8, 2048, 2048, 2048);
	matmul(&f, "matmul i8 512 x 512 x 32768", ACI_TCS_TYPE_I8, 512, 512, 32768);
	rig_stop(&f.rig);
}

static bool is_conv(const struct aci_tcs_op *op)
{
	return op->opcode == ACI_TCS_OP_CONV || op->opcode == ACI_TCS_OP_CONV_TRANSPOSE;
}

static void window(struct aci_tcs_op *op, uint32_t kernel, uint32_t pad)
{
	for (unsigned int i = 0; i < 2; i++) {
		op->window.kernel[i] = is_conv(op) ? 0 : kernel;
		op->window.stride[i] = 1;
		op->window.dilation[i] = 1;
		op->window.pad_begin[i] = pad;
		op->window.pad_end[i] = pad;
	}
	op->window.groups = is_conv(op);
}

static void conv(struct fixture *f, const char *what, uint64_t channels, uint64_t filters,
		 uint64_t size, uint32_t kernel)
{
	uint16_t in, w, out;

	begin_program(f);
	in = tensor(f, ACI_TCS_TYPE_F32, SHAPE(1, channels, size, size));
	w = tensor(f, ACI_TCS_TYPE_F32, SHAPE(filters, channels, kernel, kernel));
	out = tensor(f, ACI_TCS_TYPE_F32, SHAPE(1, filters, size, size));
	window(add_op(f, ACI_TCS_OP_CONV, 0, in, w, out), kernel, kernel / 2);
	interrupt_program(f, what);
}

static void pool(struct fixture *f, const char *what, uint16_t opcode, uint32_t kernel)
{
	uint16_t in, out;

	begin_program(f);
	in = tensor(f, ACI_TCS_TYPE_F32, SHAPE(1, 64, 224, 224));
	out = tensor(f, ACI_TCS_TYPE_F32, SHAPE(1, 64, 224, 224));
	window(add_op(f, opcode, 0, in, ACI_TCS_NONE, out), kernel, kernel / 2);
	interrupt_program(f, what);
}

static void conv_transpose(struct fixture *f, const char *what)
{
	struct aci_tcs_op *op;
	uint16_t in, w, out;

	begin_program(f);
	in = tensor(f, ACI_TCS_TYPE_F32, SHAPE(1, 128, 56, 56));
	w = tensor(f, ACI_TCS_TYPE_F32, SHAPE(128, 64, 4, 4));
	out = tensor(f, ACI_TCS_TYPE_F32, SHAPE(1, 64, 112, 112));
	op = add_op(f, ACI_TCS_OP_CONV_TRANSPOSE, 0, in, w, out);
	window(op, 4, 1);
	op->window.stride[0] = op->window.stride[1] = 2;
	interrupt_program(f, what);
}

/* Half-pixel centres, from @size to twice as much or an eighth. */
static void resize(struct fixture *f, const char *what, uint32_t function, uint64_t size, uint64_t to)
{
	struct aci_tcs_op *op;
	uint16_t in, out;

	begin_program(f);
	in = tensor(f, ACI_TCS_TYPE_F32, SHAPE(1, 16, size, size));
	out = tensor(f, ACI_TCS_TYPE_F32, SHAPE(1, 16, to, to));
	op = add_op(f, ACI_TCS_OP_RESIZE, function, in, ACI_TCS_NONE, out);
	for (unsigned int i = 0; i < 2; i++) {
		op->resize.step[i] = 2 * size;
		op->resize.offset[i] = size - to;
		op->resize.divisor[i] = 2 * to;
	}
	interrupt_program(f, what);
}

static void test_windows(void **state)
{
	struct fixture f;

	(void)state;
	start(&f, ACI_ENGINE_CLASS_COMPUTE);
	conv(&f, "conv 3x3 64 to 64, 224 x 224", 64, 64, 224, 3);
	conv(&f, "conv 3x3 512 to 512, 14 x 14", 512, 512, 14, 3);
	conv(&f, "conv 1x1 256 to 256, 56 x 56", 256, 256, 56, 1);
	conv(&f, "conv 7x7 3 to 64, 224 x 224", 3, 64, 224, 7);
	pool(&f, "max pool 3x3", ACI_TCS_OP_POOL_MAX, 3);
	pool(&f, "average pool 15x15", ACI_TCS_OP_POOL_AVG, 15);
	conv_transpose(&f, "transposed conv 4x4 128 to 64, 56 x 56 to 112 x 112");
	resize(&f, "resize to the nearest, 256 to 512", ACI_TCS_RESIZE_NEAREST, 256, 512);
	resize(&f, "resize, cubic, 256 to 512", ACI_TCS_RESIZE_CUBIC, 256, 512);
	resize(&f, "resize, linear, 512 to 64", ACI_TCS_RESIZE_LINEAR, 512, 64);
	rig_stop(&f.rig);
}

static void elementwise(struct fixture *f, const char *what, uint16_t opcode, uint32_t function,
			bool two)
{
	uint16_t in0, in1 = ACI_TCS_NONE, out;

	begin_program(f);
	in0 = tensor(f, ACI_TCS_TYPE_F32, SHAPE(1024, 4096));
	if (two)
		in1 = tensor(f, ACI_TCS_TYPE_F32, SHAPE(1024, 4096));
	out = tensor(f, ACI_TCS_TYPE_F32, SHAPE(1024, 4096));
	add_op(f, opcode, function, in0, in1, out);
	interrupt_program(f, what);
}

static void test_elementwise(void **state)
{
	struct fixture f;

	(void)state;
	start(&f, ACI_ENGINE_CLASS_COMPUTE);
	elementwise(&f, "add", ACI_TCS_OP_BINARY, ACI_TCS_BINARY_ADD, true);
	elementwise(&f, "pow", ACI_TCS_OP_BINARY, ACI_TCS_BINARY_POW, true);
	elementwise(&f, "erf", ACI_TCS_OP_UNARY, ACI_TCS_UNARY_ERF, false);
	elementwise(&f, "exp", ACI_TCS_OP_UNARY, ACI_TCS_UNARY_EXP, false);
	elementwise(&f, "gelu", ACI_TCS_OP_UNARY, ACI_TCS_UNARY_GELU, false);
	elementwise(&f, "asinh", ACI_TCS_OP_UNARY, ACI_TCS_UNARY_ASINH, false);
	elementwise(&f, "mod", ACI_TCS_OP_BINARY, ACI_TCS_BINARY_MOD, true);
	/* Transposed: every element is a window of its own. */
	elementwise(&f, "copy", ACI_TCS_OP_COPY, 0, false);
	begin_program(&f);
	add_op(&f, ACI_TCS_OP_COPY, 0, tensor(&f, ACI_TCS_TYPE_F32, SHAPE(2048, 2048)), ACI_TCS_NONE,
	       tensor(&f, ACI_TCS_TYPE_F32, SHAPE(2048, 2048)));
	f.program->tensors[0].stride[0] = 1;
	f.program->tensors[0].stride[1] = 2048;
	interrupt_program(&f, "transposition");
	rig_stop(&f.rig);
}

static void softmax(struct fixture *f, const char *what, uint64_t rows, uint64_t n)
{
	uint16_t in, out;

	begin_program(f);
	in = tensor(f, ACI_TCS_TYPE_F32, SHAPE(rows, n));
	out = tensor(f, ACI_TCS_TYPE_F32, SHAPE(rows, n));
	add_op(f, ACI_TCS_OP_SOFTMAX, 0, in, ACI_TCS_NONE, out)->softmax.axis = 1;
	interrupt_program(f, what);
}

static void test_softmax(void **state)
{
	struct fixture f;

	(void)state;
	start(&f, ACI_ENGINE_CLASS_COMPUTE);
	softmax(&f, "softmax 4096 x 1000", 4096, 1000);
	softmax(&f, "softmax 64 x 65536", 64, 65536);
	rig_stop(&f.rig);
}

static void normalise(struct fixture *f, const char *what, uint64_t rows, uint64_t n)
{
	struct aci_tcs_op *op;
	uint16_t in, out;

	begin_program(f);
	in = tensor(f, ACI_TCS_TYPE_F32, SHAPE(rows, n));
	out = tensor(f, ACI_TCS_TYPE_F32, SHAPE(rows, n));
	op = add_op(f, ACI_TCS_OP_NORMALISE, 0, in, ACI_TCS_NONE, out);
	op->normalise.axes = 2;
	op->normalise.epsilon_slot = ACI_TCS_NONE;
	interrupt_program(f, what);
}

static void top_k(struct fixture *f, const char *what, uint64_t rows, uint64_t n, uint64_t k)
{
	struct aci_tcs_op *op;
	uint16_t in, out;

	begin_program(f);
	in = tensor(f, ACI_TCS_TYPE_F32, SHAPE(rows, n));
	out = tensor(f, ACI_TCS_TYPE_F32, SHAPE(rows, k));
	op = add_op(f, ACI_TCS_OP_TOP_K, 0, in, ACI_TCS_NONE, out);
	op->out[1] = tensor(f, ACI_TCS_TYPE_I64, SHAPE(rows, k));
	op->along.axis = 1;
	interrupt_program(f, what);
}

static void test_along(void **state)
{
	struct fixture f;

	(void)state;
	start(&f, ACI_ENGINE_CLASS_COMPUTE);
	begin_program(&f);
	add_op(&f, ACI_TCS_OP_REDUCE, ACI_TCS_REDUCTION_PROD,
	       tensor(&f, ACI_TCS_TYPE_F32, SHAPE(2048, 2048)), ACI_TCS_NONE,
	       tensor(&f, ACI_TCS_TYPE_F32, SHAPE(1, 2048)))->reduce.axes = 1;
	interrupt_program(&f, "product of columns");
	normalise(&f, "normalise 4096 x 1000", 4096, 1000);
	top_k(&f, "top 10 of 1024 x 3000", 1024, 3000, 10);
	top_k(&f, "sort 16 x 100000", 16, 100000, 100000);
	rig_stop(&f.rig);
}

/* Of 4 Mi elements in memory: @rows rows of @width elements, at places that are all 0. */
static void gather(struct fixture *f, const char *what, uint64_t rows, uint64_t width)
{
	struct aci_tcs_op *op;
	uint16_t data, places;

	begin_program(f);
	data = tensor(f, ACI_TCS_TYPE_F32, SHAPE(4194304 / width, width));
	places = tensor(f, ACI_TCS_TYPE_I32, SHAPE(rows, 1, 1));
	op = add_op(f, ACI_TCS_OP_GATHER, 0, data, places,
		    tensor(f, ACI_TCS_TYPE_F32, SHAPE(rows, width)));
	op->index.count = 1;
	interrupt_program(f, what);
}

static void test_indexed(void **state)
{
	struct fixture f;

	(void)state;
	start(&f, ACI_ENGINE_CLASS_COMPUTE);
	gather(&f, "gather 1048576 elements", 1048576, 1);
	gather(&f, "gather 4096 rows", 4096, 1024);
	rig_stop(&f.rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_copy_engine),
		cmocka_unit_test(test_matmul),
		cmocka_unit_test(test_windows),
		cmocka_unit_test(test_elementwise),
		cmocka_unit_test(test_softmax),
		cmocka_unit_test(test_along),
		cmocka_unit_test(test_indexed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
