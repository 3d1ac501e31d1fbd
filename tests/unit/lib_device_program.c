// SPDX-License-Identifier: MIT
/* Programs: operations on views that the caller owns. */
#include <errno.h>
#include <math.h>
#include <unistd.h>

#include "lib/device.h"
#include "lib/program.h"
#include "lib_device.h"

static struct accel_view dense(enum accel_type type, uint32_t slot, uint32_t rank, uint64_t a,
			       uint64_t b)
{
	uint64_t shape[2] = { a, b };
	struct accel_view view;

	must(accel_view_init(&view, type, slot, 0, rank, shape));
	return view;
}

static struct accel_program *make_program(struct fixture *fixture)
{
	struct accel_program *program;

	must(accel_program_create(fixture->device, &program));
	return program;
}

void test_supports(void **state)
{
	struct fixture *fixture = *state;
	struct accel_device *device = fixture->device;

	assert_false(accel_program_supports(NULL, ACI_TCS_OP_COPY, 0, ACCEL_F32, ACCEL_F32));
	assert_int_equal(accel_type_bytes(ACCEL_F32), 4);
	assert_int_equal(accel_type_bytes(ACCEL_I64), 8);
	assert_int_equal(accel_type_bytes(ACCEL_BOOL), 1);
	assert_int_equal(accel_type_bytes((enum accel_type)200), 0);
	require_compute(fixture);
	assert_true(accel_program_supports(device, ACI_TCS_OP_MATMUL, 0, ACCEL_F32, ACCEL_F32));
	assert_true(accel_program_supports(device, ACI_TCS_OP_MATMUL, ACI_TCS_UNARY_RELU, ACCEL_F32,
					   ACCEL_F32));
	assert_false(accel_program_supports(device, ACI_TCS_OP_MATMUL, ACI_TCS_UNARY_TANH,
					    ACCEL_F32, ACCEL_F32));
	assert_false(accel_program_supports(device, ACI_TCS_OP_MATMUL, 0, ACCEL_F32, ACCEL_I32));
	assert_false(accel_program_supports(device, ACI_TCS_OP_MATMUL, 0, ACCEL_BOOL, ACCEL_BOOL));
	assert_false(accel_program_supports(device, 0x7777, 0, ACCEL_F32, ACCEL_F32));
	assert_false(accel_program_supports(device, ACI_TCS_OP_UNARY, 99, ACCEL_F32, ACCEL_F32));
	assert_true(accel_program_supports(device, ACI_TCS_OP_COPY, 0, ACCEL_U8, ACCEL_F32));
}

void test_view_errors(void **state)
{
	struct accel_view view;
	uint64_t shape[8] = { 2, 3, 4, 1, 1, 1, 1, 1 },
		 huge[3] = { 1ull << 30, 1ull << 30, 1ull << 30 };
	uint64_t empty[2] = { 3, 0 };

	(void)state;
	must(accel_view_init(&view, ACCEL_F32, 3, 8, 3, shape));
	assert_int_equal(view.stride[0], 12);
	assert_int_equal(view.stride[1], 4);
	assert_int_equal(view.stride[2], 1);
	must(accel_view_init(&view, ACCEL_F32, 0, 0, 0, NULL));
	must(accel_view_init(&view, ACCEL_F32, 0, 0, 8, shape));
	assert_ret(-EINVAL, accel_view_init(NULL, ACCEL_F32, 0, 0, 0, NULL));
	assert_ret(-EINVAL, accel_view_init(&view, ACCEL_F32, 0, 0, 1, NULL));
	assert_ret(-EINVAL, accel_view_init(&view, ACCEL_F32, 0, 0, 9, shape));
	assert_ret(-EINVAL, accel_view_init(&view, (enum accel_type)99, 0, 0, 1, shape));
	assert_ret(-EINVAL, accel_view_init(&view, ACCEL_F32, 0, 2, 1, shape));
	assert_ret(-EINVAL, accel_view_init(&view, ACCEL_F32, 0, 0, 3, huge));
	assert_ret(-EINVAL, accel_view_init(&view, ACCEL_F32, 0, 0, 2, empty));
	assert_ret(-EINVAL, accel_view_init(&view, ACCEL_F32, ACCEL_SLOT_NONE, 0, 1, shape));
}

/* Strided views with negative strides, in place, run twice with other arguments. */
void test_program_unary(void **state)
{
	struct fixture *fixture = *state;
	struct accel_program *program;
	struct accel_buffer *in, *out;
	struct accel_view from, to;
	struct accel_argument arguments[2] = { 0 };
	float data[100], back[100];

	require_compute(fixture);
	program = make_program(fixture);
	in = make_buffer(fixture, sizeof(data), card_or_host(fixture), 0);
	out = make_buffer(fixture, 2 * sizeof(data), card_or_host(fixture), 0);
	/* out[i] = -in[99 - i] for even i */
	from = dense(ACCEL_F32, 0, 1, 50, 0);
	from.offset = 99 * 4;
	from.stride[0] = -2;
	to = dense(ACCEL_F32, 1, 1, 50, 0);
	to.stride[0] = 2;
	must(accel_program_unary(program, ACI_TCS_UNARY_NEG, 0, 0, &from, &to));
	/* then in place */
	must(accel_program_unary(program, ACI_TCS_UNARY_LINEAR, 2, 1, &to, &to));
	must(accel_program_load(program, fixture->context, fixture->stream));
	for (int i = 0; i < 100; i++)
		data[i] = (float)i;
	must(accel_stream_upload(fixture->stream, in, 0, data, sizeof(data)));
	arguments[0].buffer = in;
	arguments[1].buffer = out;
	must(accel_stream_exec(fixture->stream, program, arguments, 2));
	arguments[1].offset = sizeof(data);
	arguments[1].bytes = sizeof(data);
	must(accel_stream_exec(fixture->stream, program, arguments, 2));
	for (int half = 0; half < 2; half++) {
		must(accel_stream_download(fixture->stream, back, out,
					   (uint64_t)half * sizeof(back), sizeof(back)));
		must(accel_stream_synchronize(fixture->stream, PATIENCE));
		for (int i = 0; i < 100; i++)
			assert_float_equal(back[i], (i % 2 ? 0 : 2 * -(99.0f - (float)i) + 1), 0);
	}
	accel_program_destroy(program);
	accel_buffer_destroy(in);
	accel_buffer_destroy(out);
}

/* As one of a card with an older command set: it would refuse our own version. */
void test_program_of_older_card(void **state)
{
	struct fixture *fixture = *state;
	struct aci_identify_set *set;
	struct aci_tcs_header header;
	struct accel_program *program;
	struct accel_view view;
	__le32 version;

	require_compute(fixture);
	set = (struct aci_identify_set *)device_get_tcs(fixture->device);
	version = set->version;
	set->version = htole32(ACI_TCS_VERSION_MAJOR << 16 | 1);
	program = make_program(fixture);
	view = dense(ACCEL_F32, 0, 1, 4, 0);
	must(accel_program_unary(program, ACI_TCS_UNARY_NEG, 0, 0, &view, &view));
	must(accel_program_load(program, fixture->context, fixture->stream));
	set->version = version;
	must(accel_stream_download(fixture->stream, &header, program->code, 0, sizeof(header)));
	must(accel_stream_synchronize(fixture->stream, PATIENCE));
	assert_int_equal(le32toh(header.version), ACI_TCS_VERSION_MAJOR << 16 | 1);
	accel_program_destroy(program);
}

/* What only the card can know, it refuses: the failed operation's index is told. */
void test_program_overlapping_output(void **state)
{
	struct fixture *fixture = *state;
	struct accel_argument arguments[1] = { 0 };
	struct accel_program *program;
	struct accel_view a, b;
	struct accel_stream_stats stats;

	require_compute(fixture);
	program = make_program(fixture);
	a = dense(ACCEL_F32, 0, 2, 4, 4);
	b = a;
	b.offset = 4;
	must(accel_program_copy(program, &a, &a));
	must(accel_program_copy(program, &a, &b));
	must(accel_program_load(program, fixture->context, fixture->stream));
	arguments[0].buffer = make_buffer(fixture, 4096, card_or_host(fixture), 0);
	must(accel_stream_exec(fixture->stream, program, arguments, 1));
	assert_ret(-EINVAL, accel_stream_synchronize(fixture->stream, PATIENCE));
	assert_text("operation 1");
	must(accel_stream_get_stats(fixture->stream, &stats));
	assert_int_equal(stats.error, ACI_STATUS_PROG_OVERLAP);
	accel_program_destroy(program);
	accel_buffer_destroy(arguments[0].buffer);
}

void test_program_errors(void **state)
{
	struct fixture *fixture = *state;
	const struct accel_window window = { .stride = { 1, 1 },
					     .dilation = { 1, 1 },
					     .groups = 1 };
	struct accel_window bad = window;
	struct accel_program *program;
	struct accel_view a, b, c, i8, four, w4;
	uint64_t shape4[4] = { 1, 2, 5, 5 }, shapew[4] = { 3, 2, 3, 3 };

	assert_ret(-EINVAL, accel_program_create(NULL, &program));
	require_compute(fixture);
	program = make_program(fixture);
	a = dense(ACCEL_F32, 0, 2, 3, 4);
	b = dense(ACCEL_F32, 1, 2, 4, 5);
	c = dense(ACCEL_F32, 2, 2, 3, 5);
	i8 = dense(ACCEL_I8, 2, 2, 3, 5);
	must(accel_view_init(&four, ACCEL_F32, 0, 0, 4, shape4));
	must(accel_view_init(&w4, ACCEL_F32, 1, 0, 4, shapew));
	assert_ret(-EINVAL, accel_program_copy(NULL, &a, &a));
	assert_ret(-EINVAL, accel_program_copy(program, NULL, &a));
	assert_ret(-EINVAL, accel_program_copy(program, &a, &b));
	assert_text("3x4");
	assert_ret(-EINVAL, accel_program_unary(program, 0, 0, 0, &a, &b));
	assert_ret(-ENOTSUP, accel_program_unary(program, 77, 0, 0, &a, &a));
	assert_ret(-ENOTSUP, accel_program_unary(program, 0, 0, 0, &c, &i8));
	assert_text("f32");
	assert_ret(-EINVAL, accel_program_binary(program, 0, &a, &b, &c));
	assert_ret(-EINVAL, accel_program_binary(program, 0, &a, NULL, &c));
	assert_ret(-ENOTSUP, accel_program_binary(program, 99, &a, &a, &a));
	assert_ret(-EINVAL, accel_program_softmax(program, 2, &a, &a));
	assert_ret(-EINVAL, accel_program_matmul(program, 0, &a, &c, NULL, &b));
	assert_ret(-EINVAL, accel_program_matmul(program, 0, &a, &b, &a, &c));
	assert_ret(-ENOTSUP, accel_program_matmul(program, ACI_TCS_UNARY_TANH, &a, &b, NULL, &c));
	assert_ret(-EINVAL, accel_program_matmul(program, 0, &a, NULL, NULL, &c));
	assert_ret(-EINVAL, accel_program_conv(program, 0, NULL, &four, &w4, NULL, &four));
	assert_ret(-EINVAL, accel_program_conv(program, 0, &window, &four, &w4, NULL, &four));
	assert_ret(-EINVAL, accel_program_conv(program, 0, &window, &four, NULL, NULL, &four));
	bad.stride[1] = 0;
	assert_ret(-EINVAL, accel_program_conv(program, 0, &bad, &four, &w4, NULL, &four));
	bad = window;
	bad.groups = 0;
	assert_ret(-EINVAL, accel_program_conv(program, 0, &bad, &four, &w4, NULL, &four));
	assert_ret(-EINVAL,
		   accel_program_pool(program, ACI_TCS_OP_POOL_MAX, &window, &four, &four));
	assert_ret(-EINVAL, accel_program_pool(program, ACI_TCS_OP_CONV, &window, &four, &four));
	c.stride[0] = 0;	/* all rows in one place */
	assert_ret(-EINVAL, accel_program_matmul(program, 0, &a, &b, NULL, &c));
	assert_text("twice");
	a.stride[0] = -4;	/* reaches in front of the argument */
	assert_ret(-EINVAL, accel_program_copy(program, &a, &a));
	a.stride[0] = INT64_MAX;
	assert_ret(-EINVAL, accel_program_copy(program, &a, &a));
	a.stride[0] = INT64_MIN;
	assert_ret(-EINVAL, accel_program_copy(program, &a, &a));
	assert_ret(-EINVAL, accel_program_load(program, fixture->context, fixture->stream));
	assert_text("no operation");
	accel_program_destroy(program);
	accel_program_destroy(NULL);
}

void test_exec_errors(void **state)
{
	struct fixture *fixture = *state;
	struct accel_argument arguments[3] = { 0 };
	struct accel_buffer *buffer, *readonly, *foreign;
	struct accel_context *other;
	struct accel_program *program, *unloaded;
	struct accel_stream *copy;
	struct accel_view a, b;

	require_compute(fixture);
	program = make_program(fixture);
	unloaded = make_program(fixture);
	a = dense(ACCEL_F32, 0, 1, 16, 0);
	b = dense(ACCEL_F32, 2, 1, 16, 0);
	must(accel_program_copy(program, &a, &b));
	must(accel_program_copy(unloaded, &a, &b));
	must(accel_program_load(program, fixture->context, fixture->stream));
	assert_ret(-EBUSY, accel_program_load(program, fixture->context, fixture->stream));
	assert_ret(-EBUSY, accel_program_copy(program, &a, &b));
	buffer = make_buffer(fixture, 128, card_or_host(fixture), 0);
	readonly = make_buffer(fixture, 128, card_or_host(fixture), ACCEL_BUFFER_READONLY);
	arguments[0].buffer = arguments[2].buffer = buffer;
	arguments[2].offset = 64;
	assert_ret(-EINVAL, accel_stream_exec(fixture->stream, unloaded, arguments, 3));
	assert_ret(-EINVAL, accel_stream_exec(fixture->stream, program, arguments, 2));
	assert_ret(-EINVAL, accel_stream_exec(fixture->stream, program, NULL, 3));
	assert_ret(-EINVAL, accel_stream_exec(fixture->stream, program, arguments, 100000));
	arguments[2].offset = 68;
	assert_ret(-EINVAL, accel_stream_exec(fixture->stream, program, arguments, 3));
	assert_text("argument 2 has 60 bytes, the program uses 64");
	/* However often: the table's memory comes back. */
	for (int i = 0; i < 20000; i++)
		assert_ret(-EINVAL, accel_stream_exec(fixture->stream, program, arguments, 3));
	arguments[2].offset = 62;
	assert_ret(-EINVAL, accel_stream_exec(fixture->stream, program, arguments, 3));
	arguments[2].offset = 128;
	assert_ret(-EINVAL, accel_stream_exec(fixture->stream, program, arguments, 3));
	arguments[2].offset = 64;
	arguments[2].bytes = 65;
	assert_ret(-EINVAL, accel_stream_exec(fixture->stream, program, arguments, 3));
	arguments[2] = (struct accel_argument) { .scalar = 1 };
	assert_ret(-EINVAL, accel_stream_exec(fixture->stream, program, arguments, 3));
	arguments[2] = (struct accel_argument) { .buffer = readonly };
	assert_ret(-EINVAL, accel_stream_exec(fixture->stream, program, arguments, 3));
	assert_text("read-only");
	if (!accel_context_create(fixture->device, &other)) {
		must(accel_buffer_create(other, 128, ACCEL_MEMORY_HOST, 0, &foreign));
		arguments[2] = (struct accel_argument) { .buffer = foreign };
		assert_ret(-EINVAL, accel_stream_exec(fixture->stream, program, arguments, 3));
		accel_buffer_destroy(foreign);
		accel_context_destroy(other);
	}
	arguments[2] = (struct accel_argument) { .buffer = buffer, .offset = 64 };
	copy = make_stream(fixture, ACCEL_ENGINE_COPY, 0);
	assert_ret(-ENOTSUP, accel_stream_exec(copy, program, arguments, 3));
	accel_stream_destroy(copy);
	/* After all that it still runs; surplus arguments are fine. */
	must(accel_stream_exec(fixture->stream, program, arguments, 3));
	must(accel_stream_synchronize(fixture->stream, PATIENCE));
	accel_program_destroy(program);
	accel_program_destroy(unloaded);
	accel_buffer_destroy(buffer);
	accel_buffer_destroy(readonly);
}

/*
 * A vendor's set that the card has not is refused here; garbage of a set that it has, by the card.
 */
void test_exec_blob(void **state)
{
	static const uint8_t unknown[16] = { 1 }, tcs[16] = ACI_TCS_UUID_BYTES;
	struct fixture *fixture = *state;
	struct accel_buffer *blob;

	require_compute(fixture);
	blob = make_buffer(fixture, 4096, card_or_host(fixture), 0);
	assert_ret(-ENOTSUP, accel_stream_exec_blob(fixture->stream, unknown,
						    accel_buffer_address(blob), 64, NULL, 0));
	assert_ret(-EINVAL, accel_stream_exec_blob(fixture->stream, tcs,
						   accel_buffer_address(blob) + 1, 64, NULL, 0));
	assert_ret(-EINVAL, accel_stream_exec_blob(fixture->stream, tcs, accel_buffer_address(blob),
						   0, NULL, 0));
	must(accel_stream_exec_blob(fixture->stream, tcs, accel_buffer_address(blob), 64, NULL, 0));
	assert_ret(-EINVAL, accel_stream_synchronize(fixture->stream, PATIENCE));
	assert_text("header");
	accel_buffer_destroy(blob);
}

void test_program_stats(void **state)
{
	struct fixture *fixture = *state;
	struct accel_stream_stats before, after;
	struct accel_argument argument = { 0 };
	struct accel_program *program;
	struct accel_view a, b, c;
	uint64_t operations, macs;

	require_compute(fixture);
	program = make_program(fixture);
	a = dense(ACCEL_F32, 0, 2, 3, 4);
	b = dense(ACCEL_F32, 0, 2, 4, 5);
	c = dense(ACCEL_F32, 0, 2, 3, 5);
	b.offset = 1024;
	c.offset = 2048;
	must(accel_program_matmul(program, 0, &a, &b, NULL, &c));
	must(accel_program_unary(program, ACI_TCS_UNARY_RELU, 0, 0, &c, &c));
	must(accel_program_get_stats(program, &operations, &macs));
	assert_int_equal(operations, 2);
	assert_int_equal(macs, 3 * 4 * 5);
	must(accel_program_load(program, fixture->context, fixture->stream));
	argument.buffer = make_buffer(fixture, 4096, card_or_host(fixture), 0);
	must(accel_stream_get_stats(fixture->stream, &before));
	must(accel_stream_exec(fixture->stream, program, &argument, 1));
	must(accel_stream_synchronize(fixture->stream, PATIENCE));
	/*
	 * The card counts the same. It may show what it counted a little later than the completion.
	 */
	for (int i = 0; i < 500; i++) {
		must(accel_stream_get_stats(fixture->stream, &after));
		if (after.macs != before.macs)
			break;
		usleep(10000);
	}
	assert_int_equal(after.macs - before.macs, macs);
	accel_program_destroy(program);
	accel_buffer_destroy(argument.buffer);
}

void test_program_limits(void **state)
{
	struct fixture *fixture = *state;
	struct accel_program *program;
	struct accel_view view;
	uint64_t operations, macs;
	int ret = 0;

	require_compute(fixture);
	program = make_program(fixture);
	view = dense(ACCEL_F32, 0, 1, 4, 0);
	for (int i = 0; i < 100000 && !ret; i++)
		ret = accel_program_copy(program, &view, &view);
	assert_int_equal(ret, -E2BIG);
	must(accel_program_get_stats(program, &operations, &macs));
	assert_true(operations > 100);
	view.slot = 5000;
	assert_ret(-EINVAL, accel_program_copy(program, &view, &view));
	accel_program_destroy(program);
}

/* --- Sizes, strides and offsets from arguments ---------------------------------------- */

#define INNER		5
#define COLUMNS		7
#define ROWS_MAX	40
#define ROOM		1024	/* floats per buffer */

enum { SLOT_A, SLOT_B, SLOT_OUT, SLOT_ROWS, SLOT_A_OFFSET, SLOT_A_STRIDE, SLOT_OUT_OFFSET, SLOTS };

/** struct part - what one run works on; offsets and stride in elements */
struct part {
	uint64_t rows, a_offset, out_offset;
	int64_t a_stride;
};

struct matrices {
	struct accel_argument arguments[SLOTS];
	struct accel_program *program;
	float a[ROOM], b[INNER * COLUMNS], out[ROOM];
};

/* out[rows][COLUMNS] = relu(a[rows][INNER] * b); out += b's first row; rows and places are open */
static struct accel_program *record_matmul(struct fixture *fixture)
{
	struct accel_view a = dense(ACCEL_F32, SLOT_A, 2, 1, INNER);
	struct accel_view b = dense(ACCEL_F32, SLOT_B, 2, INNER, COLUMNS);
	struct accel_view row = dense(ACCEL_F32, SLOT_B, 1, COLUMNS, 0);
	struct accel_view out = dense(ACCEL_F32, SLOT_OUT, 2, 1, COLUMNS);
	struct accel_program *program = make_program(fixture);
	uint64_t operations, macs;

	a.shape[0] = out.shape[0] = SLOT_ROWS;
	a.shape_from_argument = out.shape_from_argument = 1;
	a.stride[0] = SLOT_A_STRIDE;
	a.stride_from_argument = 1;
	a.offset_from_argument = out.offset_from_argument = true;
	a.offset_slot = SLOT_A_OFFSET;
	out.offset = 2 * sizeof(float);
	out.offset_slot = SLOT_OUT_OFFSET;
	must(accel_program_matmul(program, ACI_TCS_UNARY_RELU, &a, &b, NULL, &out));
	must(accel_program_binary(program, ACI_TCS_BINARY_ADD, &out, &row, &out));
	must(accel_program_get_stats(program, &operations, &macs));
	assert_int_equal(operations, 2);
	assert_int_equal(macs, 0);
	must(accel_program_load(program, fixture->context, fixture->stream));
	return program;
}

/* Small whole numbers: each result is exact. */
static void make_matrices(struct fixture *fixture, struct matrices *m)
{
	struct accel_buffer *buffer;

	m->program = record_matmul(fixture);
	for (int i = 0; i < ROOM; i++)
		m->a[i] = (float)(random_u32() % 17) - 8;
	for (int i = 0; i < INNER * COLUMNS; i++)
		m->b[i] = (float)(random_u32() % 17) - 8;
	for (int i = SLOT_A; i <= SLOT_OUT; i++) {
		buffer = make_buffer(fixture, sizeof(m->a), card_or_host(fixture), 0);
		m->arguments[i] = (struct accel_argument) { .buffer = buffer };
	}
	must(accel_stream_upload(fixture->stream, m->arguments[SLOT_A].buffer, 0, m->a,
				 sizeof(m->a)));
	must(accel_stream_upload(fixture->stream, m->arguments[SLOT_B].buffer, 0, m->b,
				 sizeof(m->b)));
	must(accel_stream_synchronize(fixture->stream, PATIENCE));
}

static void destroy_matrices(struct matrices *m)
{
	accel_program_destroy(m->program);
	for (int i = SLOT_A; i <= SLOT_OUT; i++)
		accel_buffer_destroy(m->arguments[i].buffer);
}

static void set_part(struct matrices *m, const struct part *part)
{
	m->arguments[SLOT_ROWS].scalar = part->rows;
	m->arguments[SLOT_A_OFFSET].scalar = part->a_offset * sizeof(float);
	m->arguments[SLOT_A_STRIDE].scalar = (uint64_t)part->a_stride;
	m->arguments[SLOT_OUT_OFFSET].scalar = part->out_offset * sizeof(float);
}

static void compute_part(struct matrices *m, const struct part *part)
{
	for (uint64_t row = 0; row < part->rows; row++) {
		const float *a = m->a + (int64_t)part->a_offset + (int64_t)row * part->a_stride;
		float *out = m->out + 2 + part->out_offset + row * COLUMNS;

		for (int column = 0; column < COLUMNS; column++) {
			float sum = 0;

			for (int k = 0; k < INNER; k++)
				sum += a[k] * m->b[k * COLUMNS + column];
			out[column] = (sum > 0 ? sum : 0) + m->b[column];
		}
	}
}

/* One recording, three lengths and places; around the results nothing changes. */
void test_program_from_arguments(void **state)
{
	static const struct part parts[] = {
		{ .rows = 1, .a_offset = 3, .out_offset = 0, .a_stride = INNER },
		{ .rows = ROWS_MAX, .a_offset = 17, .out_offset = 20, .a_stride = INNER + 3 },
		/* from the last row to the first */
		{ .rows = 9, .a_offset = 90, .out_offset = 400, .a_stride = -INNER },
	};
	struct fixture *fixture = *state;
	static struct matrices m;
	float back[ROOM];

	require_compute(fixture);
	m = (struct matrices) { 0 };
	make_matrices(fixture, &m);
	for (int i = 0; i < ROOM; i++)
		m.out[i] = -1000;
	must(accel_stream_upload(fixture->stream, m.arguments[SLOT_OUT].buffer, 0, m.out,
				 sizeof(m.out)));
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		set_part(&m, &parts[i]);
		must(accel_stream_exec(fixture->stream, m.program, m.arguments, SLOTS));
		compute_part(&m, &parts[i]);
		must(accel_stream_download(fixture->stream, back, m.arguments[SLOT_OUT].buffer, 0,
					   sizeof(back)));
		must(accel_stream_synchronize(fixture->stream, PATIENCE));
		assert_memory_equal(back, m.out, sizeof(back));
	}
	destroy_matrices(&m);
}

static void assert_card_refuses(struct fixture *fixture, struct matrices *m,
				const struct part *part, uint32_t status)
{
	struct accel_stream *stream = make_stream(fixture, ACCEL_ENGINE_COMPUTE, 0);
	struct accel_stream_stats stats;

	set_part(m, part);
	must(accel_stream_exec(stream, m->program, m->arguments, SLOTS));
	assert_ret(-EINVAL, accel_stream_synchronize(stream, PATIENCE));
	assert_text("operation 0");
	must(accel_stream_get_stats(stream, &stats));
	assert_int_equal(stats.error, status);
	accel_stream_destroy(stream);
}

void test_program_wrong_scalars(void **state)
{
	static const struct part
		too_long = { .rows = ROOM / COLUMNS + 1, .a_stride = 1 },
		empty = { .rows = 0, .a_stride = INNER },
		huge = { .rows = UINT64_MAX, .a_stride = INNER },
		too_far = { .rows = 1, .a_offset = ROOM - INNER + 1, .a_stride = INNER },
		in_front = { .rows = 2, .a_offset = INNER - 1, .a_stride = -INNER },
		overflow = { .rows = 1, .out_offset = UINT64_MAX / sizeof(float), .a_stride = 1 };
	struct fixture *fixture = *state;
	static struct matrices m;

	require_compute(fixture);
	m = (struct matrices) { 0 };
	make_matrices(fixture, &m);
	assert_card_refuses(fixture, &m, &too_long, ACI_STATUS_PROG_BOUNDS);
	assert_card_refuses(fixture, &m, &empty, ACI_STATUS_PROG_TENSOR);
	assert_card_refuses(fixture, &m, &huge, ACI_STATUS_PROG_TENSOR);
	assert_card_refuses(fixture, &m, &too_far, ACI_STATUS_PROG_BOUNDS);
	assert_card_refuses(fixture, &m, &in_front, ACI_STATUS_PROG_BOUNDS);
	assert_card_refuses(fixture, &m, &overflow, ACI_STATUS_PROG_BOUNDS);
	destroy_matrices(&m);
}

static void check_argument_kinds(struct fixture *fixture)
{
	struct accel_argument scalar = { .scalar = 4096 }, arguments[SLOTS];
	static struct matrices m;

	m = (struct matrices) { 0 };
	make_matrices(fixture, &m);
	memcpy(arguments, m.arguments, sizeof(arguments));
	arguments[SLOT_B] = scalar;
	assert_ret(-EINVAL, accel_stream_exec(fixture->stream, m.program, arguments, SLOTS));
	assert_text("argument 1 must be a buffer");
	arguments[SLOT_B] = arguments[SLOT_ROWS] = m.arguments[SLOT_B];
	assert_ret(-EINVAL, accel_stream_exec(fixture->stream, m.program, arguments, SLOTS));
	assert_text("argument 3 must be a scalar");
	assert_ret(-EINVAL, accel_stream_exec(fixture->stream, m.program, m.arguments, SLOTS - 1));
	destroy_matrices(&m);
}

/* What is known when it is recorded is checked then. */
void test_scalar_errors(void **state)
{
	struct fixture *fixture = *state;
	const struct accel_view a = dense(ACCEL_F32, 0, 2, 3, 4), b = dense(ACCEL_F32, 1, 2, 4, 5),
				out = dense(ACCEL_F32, 2, 2, 3, 5);
	struct accel_program *program;
	struct accel_view open = a, wrong;
	uint64_t operations, macs;

	require_compute(fixture);
	check_argument_kinds(fixture);
	program = make_program(fixture);
	open.shape_from_argument = 1;
	open.shape[0] = 7;
	wrong = open;
	wrong.shape_from_argument = 4;
	assert_ret(-EINVAL, accel_program_copy(program, &wrong, &wrong));
	assert_text("rank 2");
	wrong = open;
	wrong.shape[0] = 5000;
	assert_ret(-EINVAL, accel_program_copy(program, &wrong, &wrong));
	assert_text("slot 5000");
	wrong = a;
	wrong.stride_from_argument = 2;
	wrong.stride[1] = -1;
	assert_ret(-EINVAL, accel_program_copy(program, &wrong, &wrong));
	wrong = a;
	wrong.offset_from_argument = true;
	wrong.offset_slot = ACCEL_SLOT_NONE;
	assert_ret(-EINVAL, accel_program_copy(program, &wrong, &wrong));
	wrong.offset_slot = 0;
	assert_ret(-EINVAL, accel_program_copy(program, &wrong, &wrong));
	assert_text("slot 0 cannot be a buffer and a scalar");
	wrong = open;
	wrong.stride[1] = 0;	/* an output of four columns in one place, however many rows */
	assert_ret(-EINVAL, accel_program_copy(program, &open, &wrong));
	assert_text("twice");
	/* The open number of rows hides no wrong number of columns. */
	assert_ret(-EINVAL, accel_program_copy(program, &open, &out));
	assert_text("?x4");
	assert_ret(-EINVAL, accel_program_matmul(program, 0, &open, &out, NULL, &out));
	assert_ret(-EINVAL, accel_program_matmul(program, 0, &open, &b, &b, &out));
	assert_ret(-EINVAL, accel_program_binary(program, 0, &open, &b, &out));
	must(accel_program_copy(program, &open, &open));
	wrong = b;
	wrong.slot = 7;		/* a scalar by now */
	assert_ret(-EINVAL, accel_program_matmul(program, 0, &a, &wrong, NULL, &out));
	assert_text("slot 7");
	must(accel_program_matmul(program, 0, &a, &b, NULL, &out));
	must(accel_program_matmul(program, 0, &open, &b, NULL, &out));
	must(accel_program_get_stats(program, &operations, &macs));
	assert_int_equal(operations, 3);
	assert_int_equal(macs, 3 * 4 * 5);
	accel_program_destroy(program);
}

/* --- Parameters from arguments ---------------------------------------------------------- */

static struct accel_argument float_argument(float value)
{
	uint32_t bits;

	memcpy(&bits, &value, sizeof(bits));
	/* Only the low half counts. */
	return (struct accel_argument) { .scalar = bits | 0xdeadull << 32 };
}

/* One recording of alpha * in + beta, and of that without a beta, run with three pairs. */
void test_unary_from_arguments(void **state)
{
	static const float pairs[3][2] = { { 2, 1 }, { -0.5f, 100 }, { 0, -3 } };
	struct fixture *fixture = *state;
	struct accel_view in = dense(ACCEL_F32, 0, 1, 16, 0), out = dense(ACCEL_F32, 1, 1, 16, 0);
	struct accel_argument arguments[4] = { 0 };
	struct accel_program *program;
	float data[16], back[32];

	require_compute(fixture);
	program = make_program(fixture);
	must(accel_program_unary_from_arguments(program, ACI_TCS_UNARY_LINEAR, 3, 2, &in, &out));
	out.offset = sizeof(data);
	must(accel_program_unary_from_arguments(program, ACI_TCS_UNARY_LINEAR, 3, ACCEL_SLOT_NONE,
						&in, &out));
	must(accel_program_load(program, fixture->context, fixture->stream));
	for (int i = 0; i < 16; i++)
		data[i] = (float)i - 8;
	arguments[0].buffer = make_buffer(fixture, sizeof(data), card_or_host(fixture), 0);
	arguments[1].buffer = make_buffer(fixture, sizeof(back), card_or_host(fixture), 0);
	must(accel_stream_upload(fixture->stream, arguments[0].buffer, 0, data, sizeof(data)));
	for (int pair = 0; pair < 3; pair++) {
		arguments[3] = float_argument(pairs[pair][0]);
		arguments[2] = float_argument(pairs[pair][1]);
		must(accel_stream_exec(fixture->stream, program, arguments, 4));
		must(accel_stream_download(fixture->stream, back, arguments[1].buffer, 0,
					   sizeof(back)));
		must(accel_stream_synchronize(fixture->stream, PATIENCE));
		for (int i = 0; i < 16; i++) {
			assert_true(back[i] == pairs[pair][0] * data[i] + pairs[pair][1]);
			assert_true(back[16 + i] == pairs[pair][0] * data[i]);
		}
	}
	arguments[2] = arguments[1];
	assert_ret(-EINVAL, accel_stream_exec(fixture->stream, program, arguments, 4));
	assert_text("argument 2 must be a scalar");
	accel_program_destroy(program);
	accel_buffer_destroy(arguments[0].buffer);
	accel_buffer_destroy(arguments[1].buffer);
}

void test_unary_slot_errors(void **state)
{
	const uint32_t none = ACCEL_SLOT_NONE, linear = ACI_TCS_UNARY_LINEAR;
	struct fixture *fixture = *state;
	struct accel_view in = dense(ACCEL_F32, 0, 1, 16, 0), out = dense(ACCEL_F32, 1, 1, 16, 0);
	struct accel_program *program;
	uint64_t operations, macs;

	require_compute(fixture);
	program = make_program(fixture);
	assert_ret(-EINVAL, accel_program_unary_from_arguments(NULL, linear, 2, 3, &in, &out));
	assert_ret(-EINVAL, accel_program_unary_from_arguments(program, linear, 2, 3, &in, NULL));
	assert_ret(-EINVAL, accel_program_unary_from_arguments(program, ACI_TCS_UNARY_RELU, 2, none,
							       &in, &out));
	assert_text("takes no alpha");
	assert_ret(-EINVAL, accel_program_unary_from_arguments(program, ACI_TCS_UNARY_LEAKY_RELU, 2,
							       3, &in, &out));
	assert_text("takes no beta");
	assert_ret(-EINVAL, accel_program_unary_from_arguments(program, linear, 4096, 3, &in,
							       &out));
	assert_text("slot 4096");
	assert_ret(-EINVAL, accel_program_unary_from_arguments(program, linear, 2, UINT32_MAX, &in,
							       &out));
	assert_ret(-EINVAL, accel_program_unary_from_arguments(program, linear, 2, 1, &in, &out));
	assert_text("slot 1 cannot be a buffer and a scalar");
	must(accel_program_get_stats(program, &operations, &macs));
	assert_int_equal(operations, 0);
	must(accel_program_unary_from_arguments(program, linear, 2, 2, &in, &out));
	in.slot = 2;	/* a scalar by now */
	assert_ret(-EINVAL, accel_program_copy(program, &in, &out));
	in.slot = 5;
	must(accel_program_copy(program, &in, &out));
	in.slot = 0;
	assert_ret(-EINVAL, accel_program_unary_from_arguments(program, linear, 5, none, &in, &out));
	assert_text("slot 5");
	/* Without any slot: both are 0. */
	must(accel_program_unary_from_arguments(program, ACI_TCS_UNARY_RELU, none, none, &in,
						&out));
	accel_program_destroy(program);
}
