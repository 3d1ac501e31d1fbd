// SPDX-License-Identifier: MIT
/* Programs: operations on views that the caller owns. */
#include <errno.h>
#include <math.h>
#include <unistd.h>

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
