// SPDX-License-Identifier: MIT
/* Streams and events. */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <unistd.h>

#include "lib_device.h"

static void download(struct fixture *fixture, void *to, struct accel_buffer *from, uint64_t bytes)
{
	must(accel_stream_download(fixture->stream, to, from, 0, bytes));
	must(accel_stream_synchronize(fixture->stream, PATIENCE));
}

void test_copy(void **state)
{
	struct fixture *fixture = *state;
	struct accel_buffer *a = make_buffer(fixture, 100000, card_or_host(fixture), 0);
	struct accel_buffer *b = make_buffer(fixture, 100000, ACCEL_MEMORY_HOST, 0);
	uint8_t *data = malloc(100000), *back = malloc(100000);

	fill_random(data, 100000);
	must(accel_stream_upload(fixture->stream, a, 0, data, 100000));
	must(accel_stream_copy(fixture->stream, accel_buffer_address(b) + 1,
			       accel_buffer_address(a) + 2, 99998));
	download(fixture, back, b, 100000);
	assert_memory_equal(back + 1, data + 2, 99998);
	assert_int_equal(back[0], 0);
	assert_int_equal(back[99999], 0);
	free(data);
	free(back);
	accel_buffer_destroy(a);
	accel_buffer_destroy(b);
}

void test_copy_strided(void **state)
{
	struct fixture *fixture = *state;
	struct accel_buffer *a = make_buffer(fixture, 4096, card_or_host(fixture), 0);
	struct accel_buffer *b = make_buffer(fixture, 4096, card_or_host(fixture), 0);
	uint8_t data[4096], back[4096], expect[4096] = { 0 };

	fill_random(data, sizeof(data));
	for (int row = 0; row < 13; row++)
		memcpy(expect + 5 + row * 31, data + 100 + row * 200, 17);
	for (int row = 0; row < 3; row++)	/* stride 0 repeats a row */
		memcpy(expect + 3000 + row * 8, data, 8);
	must(accel_stream_upload(fixture->stream, a, 0, data, sizeof(data)));
	must(accel_stream_copy_strided(fixture->stream, accel_buffer_address(b) + 5, 31,
				       accel_buffer_address(a) + 100, 200, 17, 13));
	must(accel_stream_copy_strided(fixture->stream, accel_buffer_address(b) + 3000, 8,
				       accel_buffer_address(a), 0, 8, 3));
	download(fixture, back, b, sizeof(back));
	assert_memory_equal(back, expect, sizeof(expect));
	accel_buffer_destroy(a);
	accel_buffer_destroy(b);
}

/* In one context, also into a buffer that the card may not write; in order with the stream. */
void test_copy_buffer(void **state)
{
	struct fixture *fixture = *state;
	struct accel_stream *stream = fixture->stream;
	struct accel_buffer *a = make_buffer(fixture, 8192, card_or_host(fixture), 0);
	struct accel_buffer *b =
		make_buffer(fixture, 8192, card_or_host(fixture), ACCEL_BUFFER_READONLY);
	uint8_t data[8192], back[8192];

	fill_random(data, sizeof(data));
	must(accel_stream_upload(stream, a, 0, data, sizeof(data)));
	must(accel_stream_copy_buffer(stream, b, 3, a, 4101, 4000));
	/* neighbours in one buffer */
	must(accel_stream_copy_buffer(stream, b, 5003, b, 4003, 1000));
	must(accel_stream_copy_buffer(stream, b, 4003, b, 3, 1000));
	download(fixture, back, b, sizeof(back));
	assert_memory_equal(back + 3, data + 4101, 4000);
	assert_memory_equal(back + 4003, data + 4101, 1000);
	for (int i = 0; i < 1000; i++)
		assert_int_equal(back[5003 + i], 0);
	assert_int_equal(back[2], 0);
	accel_buffer_destroy(a);
	accel_buffer_destroy(b);
}

/** struct other - a second card where one can be made, else a second context */
struct other {
	struct accel_device *device;	/* NULL: that of the fixture */
	struct accel_context *context;
	struct accel_stream *stream;
	enum accel_placement placement;
};

static void open_other(struct fixture *fixture, struct other *other)
{
	struct accel_stream_options options = { ACCEL_ENGINE_COPY, ACCEL_PRIORITY_NORMAL, 0, 0 };
	struct accel_device_info info = fixture->info;

	*other = (struct other) { 0 };
	if (info.transport == ACCEL_TRANSPORT_INPROC) {
		must(accel_device_open("inproc:memory=64M", &other->device));
		must(accel_device_get_info(other->device, &info));
	}
	if (accel_context_create(other->device ? other->device : fixture->device,
				 &other->context)) {
		print_message("# one context only\n");
		skip();
	}
	must(accel_stream_create(other->context, &options, &other->stream));
	other->placement = info.memory_bytes ? ACCEL_MEMORY_CARD : ACCEL_MEMORY_HOST;
}

static void close_other(struct other *other)
{
	accel_stream_destroy(other->stream);
	accel_context_destroy(other->context);
	accel_device_close(other->device);
}

/* Several pieces from odd to odd offsets, from memory of card and host. */
void test_copy_between_contexts(void **state)
{
	const uint64_t bytes = (5 << 19) + 12345, room = bytes + 100;
	struct fixture *fixture = *state;
	struct accel_buffer *from, *to;
	uint8_t *data, *back;
	struct other other;

	open_other(fixture, &other);
	to = make_buffer(fixture, room, card_or_host(fixture), 0);
	data = malloc(room);
	back = malloc(room);
	for (int round = 0; round < 2; round++) {
		must(accel_buffer_create(other.context, room,
					 round ? ACCEL_MEMORY_HOST : other.placement, 0, &from));
		fill_random(data, room);
		must(accel_stream_upload(other.stream, from, 0, data, room));
		must(accel_stream_synchronize(other.stream, PATIENCE));
		must(accel_stream_fill(fixture->stream, accel_buffer_address(to), room, 0x5a, 1));
		must(accel_stream_copy_buffer(fixture->stream, to, 7, from, 33, bytes));
		/* The source has been read. */
		accel_buffer_destroy(from);
		download(fixture, back, to, room);
		assert_memory_equal(back + 7, data + 33, bytes);
		assert_int_equal(back[6], 0x5a);
		assert_int_equal(back[7 + bytes], 0x5a);
	}
	free(data);
	free(back);
	accel_buffer_destroy(to);
	close_other(&other);
}

void test_copy_buffer_errors(void **state)
{
	struct fixture *fixture = *state;
	struct accel_stream *stream = fixture->stream;
	struct accel_buffer *a, *readonly, *far;
	struct other other;

	open_other(fixture, &other);
	a = make_buffer(fixture, 4096, card_or_host(fixture), 0);
	readonly = make_buffer(fixture, 4096, card_or_host(fixture), ACCEL_BUFFER_READONLY);
	must(accel_buffer_create(other.context, 8192, other.placement, 0, &far));
	assert_ret(-EINVAL, accel_stream_copy_buffer(NULL, a, 0, far, 0, 1));
	assert_ret(-EINVAL, accel_stream_copy_buffer(stream, NULL, 0, far, 0, 1));
	assert_ret(-EINVAL, accel_stream_copy_buffer(stream, a, 0, NULL, 0, 0));
	assert_ret(-EINVAL, accel_stream_copy_buffer(stream, far, 0, a, 0, 1));
	assert_text("not of the same context");
	assert_ret(-EINVAL, accel_stream_copy_buffer(stream, a, 1, far, 0, 4096));
	assert_text("4096 bytes at 1");
	assert_ret(-EINVAL, accel_stream_copy_buffer(stream, a, 0, far, 8191, 2));
	assert_ret(-EINVAL, accel_stream_copy_buffer(stream, a, UINT64_MAX, far, 0, 2));
	assert_ret(-EINVAL, accel_stream_copy_buffer(stream, a, 0, far, UINT64_MAX, 2));
	assert_ret(-EINVAL, accel_stream_copy_buffer(stream, a, 2, far, 2, UINT64_MAX));
	assert_ret(-EINVAL, accel_stream_copy_buffer(stream, a, 99, a, 0, 100));
	assert_ret(-EINVAL, accel_stream_copy_buffer(stream, readonly, 0, readonly, 99, 100));
	assert_text("overlap");
	must(accel_stream_copy_buffer(stream, a, 4096, far, 8192, 0));
	/* A failed stream says so; the source's context is none the worse. */
	must(accel_stream_fill(stream, accel_buffer_address(readonly), 8, 0, 8));
	assert_ret(-EFAULT, accel_stream_synchronize(stream, PATIENCE));
	assert_ret(-EFAULT, accel_stream_copy_buffer(stream, a, 0, far, 0, 4096));
	must(accel_stream_copy_buffer(other.stream, far, 4096, a, 0, 4096));
	must(accel_stream_synchronize(other.stream, PATIENCE));
	accel_buffer_destroy(a);
	accel_buffer_destroy(readonly);
	accel_buffer_destroy(far);
	close_other(&other);
}

void test_fill(void **state)
{
	struct fixture *fixture = *state;
	struct accel_buffer *a = make_buffer(fixture, 4096, card_or_host(fixture), 0);
	uint8_t back[4096];
	uint64_t base = accel_buffer_address(a), pattern;

	must(accel_stream_fill(fixture->stream, base, 4096, 0x11, 1));
	must(accel_stream_fill(fixture->stream, base + 101, 3, 0xffffff22, 1));
	must(accel_stream_fill(fixture->stream, base + 200, 6, 0x3433, 2));
	must(accel_stream_fill(fixture->stream, base + 303, 8, 0x58575655, 4));
	must(accel_stream_fill(fixture->stream, base + 4088, 8, 0x0807060504030201, 8));
	download(fixture, back, a, 4096);
	assert_int_equal(back[100], 0x11);
	assert_int_equal(back[101], 0x22);
	assert_int_equal(back[103], 0x22);
	assert_int_equal(back[104], 0x11);
	assert_memory_equal(back + 200, "\x33\x34\x33\x34\x33\x34\x11", 7);
	assert_memory_equal(back + 303, "\x55\x56\x57\x58\x55\x56\x57\x58\x11", 9);
	memcpy(&pattern, back + 4088, 8);
	assert_int_equal(pattern, 0x0807060504030201);
	accel_buffer_destroy(a);
}

void test_timestamp(void **state)
{
	struct fixture *fixture = *state;
	struct accel_buffer *a = make_buffer(fixture, 4096, ACCEL_MEMORY_HOST, 0);
	uint64_t stamps[3];

	for (int i = 0; i < 3; i++)
		must(accel_stream_timestamp(fixture->stream,
					    accel_buffer_address(a) + 8 * (uint64_t)i));
	download(fixture, stamps, a, sizeof(stamps));
	assert_true(stamps[0]);
	assert_true(stamps[0] <= stamps[1] && stamps[1] <= stamps[2]);
	assert_ret(-EINVAL, accel_stream_timestamp(fixture->stream, accel_buffer_address(a) + 4));
	accel_buffer_destroy(a);
}

void test_command_errors(void **state)
{
	struct fixture *fixture = *state;
	struct accel_stream *stream = fixture->stream;

	assert_ret(-EINVAL, accel_stream_copy(NULL, 0, 0, 1));
	assert_ret(-EINVAL, accel_stream_copy(stream, 100, 99, 2));
	assert_text("overlap");
	assert_ret(-EINVAL, accel_stream_copy(stream, UINT64_MAX, 0, 2));
	assert_ret(-EINVAL, accel_stream_copy(stream, 0, UINT64_MAX - 1, 3));
	must(accel_stream_copy(stream, 0, 0, 0));
	assert_ret(-EINVAL, accel_stream_copy_strided(stream, 0, 4, 4096, 8, 8, 2));
	assert_ret(-EINVAL, accel_stream_copy_strided(stream, 0, 1ull << 63, 4096, 8, 8, 3));
	must(accel_stream_copy_strided(stream, 0, 0, 0, 0, 0, 5));
	assert_ret(-EINVAL, accel_stream_fill(stream, 0, 8, 0, 3));
	assert_ret(-EINVAL, accel_stream_fill(stream, 0, 9, 0, 4));
	assert_ret(-EINVAL, accel_stream_fill(stream, UINT64_MAX - 3, 8, 0, 4));
	assert_ret(-EINVAL, accel_stream_flush(NULL));
	assert_ret(-EINVAL, accel_stream_synchronize(NULL, 0));
	/* None of these did harm. */
	must(accel_stream_synchronize(stream, PATIENCE));
	accel_stream_destroy(NULL);
}

void test_stream_options(void **state)
{
	struct fixture *fixture = *state;
	struct accel_stream_options options = { .priority = ACCEL_PRIORITY_NORMAL };
	struct accel_stream *stream;

	options.ring_entries = 63;
	assert_ret(-EINVAL, accel_stream_create(fixture->context, &options, &stream));
	assert_null(stream);
	options.ring_entries = 96;
	assert_ret(-EINVAL, accel_stream_create(fixture->context, &options, &stream));
	options.ring_entries = 1u << 31;
	assert_ret(-EINVAL, accel_stream_create(fixture->context, &options, &stream));
	options.ring_entries = 64;
	options.timeout_ms = 600001;
	assert_ret(-EINVAL, accel_stream_create(fixture->context, &options, &stream));
	options.timeout_ms = 600000;
	options.priority = (enum accel_priority)3;
	assert_ret(-EINVAL, accel_stream_create(fixture->context, &options, &stream));
	options.priority = ACCEL_PRIORITY_LOW;
	options.engine = (enum accel_engine)2;
	assert_ret(-EINVAL, accel_stream_create(fixture->context, &options, &stream));
	options.engine = ACCEL_ENGINE_COPY;
	assert_ret(-EINVAL, accel_stream_create(NULL, &options, &stream));
	accel_stream_destroy(fixture->stream);	/* a small card has one queue */
	fixture->stream = NULL;
	must(accel_stream_create(fixture->context, &options, &stream));
	must(accel_stream_synchronize(stream, PATIENCE));
	accel_stream_destroy(stream);
}

/* --- Events ----------------------------------------------------------------------- */

void test_event(void **state)
{
	struct fixture *fixture = *state;
	struct accel_buffer *a = make_buffer(fixture, 4096, ACCEL_MEMORY_HOST, 0);
	struct accel_event *event;
	volatile uint32_t *map;
	void *pointer;

	must(accel_buffer_map(a, &pointer));
	map = pointer;
	must(accel_event_create(fixture->context, &event));
	/* On a stream without work it is done at once. */
	must(accel_stream_record(fixture->stream, event));
	must(accel_event_wait(event, 0));
	for (uint32_t i = 1; i < 200; i++) {
		must(accel_stream_fill(fixture->stream, accel_buffer_address(a), 4096, i, 4));
		must(accel_stream_record(fixture->stream, event));
		must(accel_event_wait(event, PATIENCE));
		assert_int_equal(map[0], i);
		assert_int_equal(map[1023], i);
		must(accel_event_wait(event, 0));
	}
	accel_event_destroy(event);
	accel_buffer_destroy(a);
}

void test_event_errors(void **state)
{
	struct fixture *fixture = *state;
	struct accel_event *event;
	int fd = 0;

	assert_ret(-EINVAL, accel_event_create(NULL, &event));
	must(accel_event_create(fixture->context, &event));
	assert_ret(-EINVAL, accel_event_wait(event, 0));
	assert_text("never recorded");
	assert_ret(-EINVAL, accel_event_get_fd(event, &fd));
	assert_int_equal(fd, -1);
	assert_ret(-EINVAL, accel_stream_wait_event(fixture->stream, event));
	assert_ret(-EINVAL, accel_stream_record(NULL, event));
	assert_ret(-EINVAL, accel_event_wait(NULL, 0));
	accel_event_destroy(event);
	accel_event_destroy(NULL);
}

/* A second stream, or the test is skipped: a small card has one queue. */
static struct accel_stream *second_stream(struct fixture *fixture, enum accel_engine engine)
{
	struct accel_stream_options options = { engine, ACCEL_PRIORITY_NORMAL, 0, 0 };
	struct accel_stream *stream;

	if (accel_stream_create(fixture->context, &options, &stream)) {
		print_message("# %s\n", accel_last_error());
		skip();
	}
	return stream;
}

/* Two streams write the same words in turn: each must see what the other did. */
void test_event_between_streams(void **state)
{
	struct fixture *fixture = *state;
	struct accel_stream *other = second_stream(fixture, ACCEL_ENGINE_COPY);
	struct accel_buffer *a = make_buffer(fixture, 1 << 20, card_or_host(fixture), 0);
	struct accel_buffer *b = make_buffer(fixture, 1 << 20, card_or_host(fixture), 0);
	struct accel_event *here, *there;
	uint32_t *seen = calloc(100, sizeof(*seen));

	must(accel_event_create(fixture->context, &here));
	must(accel_event_create(fixture->context, &there));
	for (uint32_t i = 0; i < 100; i++) {
		must(accel_stream_fill(fixture->stream, accel_buffer_address(a), 1 << 20, i, 4));
		must(accel_stream_record(fixture->stream, here));
		must(accel_stream_wait_event(other, here));
		must(accel_stream_copy(other, accel_buffer_address(b), accel_buffer_address(a),
				       1 << 20));
		must(accel_stream_record(other, there));
		must(accel_stream_wait_event(fixture->stream, there));
		must(accel_stream_download(fixture->stream, &seen[i], b, (1 << 20) - 4, 4));
	}
	must(accel_stream_synchronize(fixture->stream, PATIENCE));
	for (uint32_t i = 0; i < 100; i++)
		assert_int_equal(seen[i], i);
	free(seen);
	accel_event_destroy(here);
	accel_event_destroy(there);
	accel_buffer_destroy(a);
	accel_buffer_destroy(b);
	accel_stream_destroy(other);
}

void test_event_fd(void **state)
{
	struct fixture *fixture = *state;
	struct accel_buffer *a = make_buffer(fixture, 1 << 20, card_or_host(fixture), 0);
	struct accel_event *event;

	must(accel_event_create(fixture->context, &event));
	for (int i = 0; i < 20; i++) {
		struct pollfd ready = { .events = POLLIN };
		uint64_t count = 0;

		must(accel_stream_fill(fixture->stream, accel_buffer_address(a), 1 << 20, 1, 8));
		must(accel_stream_record(fixture->stream, event));
		must(accel_event_get_fd(event, &ready.fd));
		assert_int_equal(poll(&ready, 1, 60000), 1);
		assert_int_equal(read(ready.fd, &count, sizeof(count)), sizeof(count));
		assert_int_equal(count, 1);
		close(ready.fd);
		must(accel_event_wait(event, 0));
		/* Of a finished event it is readable from the start. */
		must(accel_event_get_fd(event, &ready.fd));
		assert_int_equal(poll(&ready, 1, 60000), 1);
		close(ready.fd);
	}
	accel_event_destroy(event);
	accel_buffer_destroy(a);
}

void test_event_outlives_stream(void **state)
{
	struct fixture *fixture = *state;
	struct accel_stream *other = second_stream(fixture, ACCEL_ENGINE_COPY);
	struct accel_event *event;
	struct pollfd ready = { .events = POLLIN };

	must(accel_event_create(fixture->context, &event));
	must(accel_stream_record(other, event));
	accel_stream_destroy(other);
	must(accel_event_wait(event, PATIENCE));
	must(accel_stream_wait_event(fixture->stream, event));
	must(accel_event_get_fd(event, &ready.fd));
	assert_int_equal(poll(&ready, 1, 60000), 1);
	close(ready.fd);
	accel_event_destroy(event);
}

static void *wait_thread(void *argument)
{
	return (void *)(intptr_t)accel_event_wait(argument, PATIENCE);
}

/* Another thread waits while this one goes on giving commands. */
void test_event_wait_thread(void **state)
{
	struct fixture *fixture = *state;
	struct accel_buffer *a = make_buffer(fixture, 4096, card_or_host(fixture), 0);
	struct accel_event *event;
	pthread_t thread;
	void *result;

	must(accel_event_create(fixture->context, &event));
	for (int round = 0; round < 10; round++) {
		for (int i = 0; i < 50; i++)
			must(accel_stream_fill(fixture->stream, accel_buffer_address(a), 4096, 1,
					       4));
		must(accel_stream_record(fixture->stream, event));
		assert_int_equal(pthread_create(&thread, NULL, wait_thread, event), 0);
		for (int i = 0; i < 200; i++) {
			must(accel_stream_fill(fixture->stream, accel_buffer_address(a), 8, 2, 4));
			must(accel_stream_flush(fixture->stream));
		}
		assert_int_equal(pthread_join(thread, &result), 0);
		assert_ptr_equal(result, NULL);
	}
	must(accel_stream_synchronize(fixture->stream, PATIENCE));
	accel_event_destroy(event);
	accel_buffer_destroy(a);
}

/* More jobs than may be pending: the library waits for room, and nothing gets lost. */
void test_flood(void **state)
{
	struct fixture *fixture = *state;
	struct accel_buffer *a = make_buffer(fixture, 8 * 3000, ACCEL_MEMORY_HOST, 0);
	struct accel_stream_stats before, after;
	uint64_t *back = malloc(8 * 3000);

	must(accel_stream_get_stats(fixture->stream, &before));
	for (uint64_t i = 0; i < 3000; i++) {
		must(accel_stream_fill(fixture->stream, accel_buffer_address(a) + 8 * i, 8, i, 8));
		must(accel_stream_flush(fixture->stream));
	}
	must(accel_stream_synchronize(fixture->stream, PATIENCE));
	must(accel_stream_get_stats(fixture->stream, &after));
	assert_int_equal(after.jobs_completed - before.jobs_completed, 3000);
	download(fixture, back, a, 8 * 3000);
	for (uint64_t i = 0; i < 3000; i++)
		assert_int_equal(back[i], i);
	free(back);
	accel_buffer_destroy(a);
}

/* --- Failures --------------------------------------------------------------------- */

/*
 * What came before the fault is good, what comes after is refused, the event tells which is which.
 */
void test_fault_is_sticky(void **state)
{
	struct fixture *fixture = *state;
	struct accel_buffer *a = make_buffer(fixture, 4096, card_or_host(fixture), 0);
	struct accel_stream *fresh;
	struct accel_stream_stats stats;
	struct accel_event *good, *bad;
	uint32_t value = 0, untouched = 77;

	must(accel_event_create(fixture->context, &good));
	must(accel_event_create(fixture->context, &bad));
	must(accel_stream_fill(fixture->stream, accel_buffer_address(a), 4096, 5, 4));
	must(accel_stream_download(fixture->stream, &value, a, 0, 4));
	must(accel_stream_record(fixture->stream, good));
	must(accel_stream_fill(fixture->stream, 1ull << 46, 8, 0, 8));
	must(accel_stream_download(fixture->stream, &untouched, a, 0, 4));
	must(accel_stream_record(fixture->stream, bad));
	assert_ret(-EFAULT, accel_event_wait(bad, PATIENCE));
	assert_text("0x4000000000");
	must(accel_event_wait(good, PATIENCE));
	assert_int_equal(value, 5);
	assert_int_equal(untouched, 77);
	assert_ret(-EFAULT, accel_stream_fill(fixture->stream, accel_buffer_address(a), 8, 0, 8));
	assert_ret(-EFAULT, accel_stream_upload(fixture->stream, a, 0, &value, 4));
	assert_ret(-EFAULT, accel_stream_flush(fixture->stream));
	assert_ret(-EFAULT, accel_stream_record(fixture->stream, bad));
	assert_ret(-EFAULT, accel_stream_synchronize(fixture->stream, PATIENCE));
	must(accel_stream_get_stats(fixture->stream, &stats));
	assert_int_equal(stats.error, ACI_STATUS_PAGE_FAULT);
	assert_int_equal(stats.error_info >> 12, 1ull << 34);
	assert_true(stats.error_count >= 1);
	accel_event_destroy(good);
	accel_event_destroy(bad);
	/* The context goes on with a new stream. */
	accel_stream_destroy(fixture->stream);
	fixture->stream = NULL;
	fresh = make_stream(fixture, ACCEL_ENGINE_COPY, 0);
	must(accel_stream_download(fresh, &value, a, 0, 4));
	must(accel_stream_synchronize(fresh, PATIENCE));
	assert_int_equal(value, 5);
	accel_stream_destroy(fresh);
	accel_buffer_destroy(a);
}

/* The guilty stream alone pays. */
void test_hang(void **state)
{
	struct fixture *fixture = *state;
	struct accel_stream *other = second_stream(fixture, ACCEL_ENGINE_COPY);
	struct accel_stream_options options = { ACCEL_ENGINE_COMPUTE, ACCEL_PRIORITY_NORMAL, 0,
						200 };
	struct accel_buffer *a = make_buffer(fixture, 4096, card_or_host(fixture), 0);
	struct accel_stream *victim;
	struct accel_event *event;
	uint32_t value = 0;

	require_compute(fixture);
	inject(fixture, "hang queue=new");
	must(accel_stream_create(fixture->context, &options, &victim));
	must(accel_event_create(fixture->context, &event));
	must(accel_stream_fill(victim, accel_buffer_address(a), 4096, 1, 4));
	must(accel_stream_record(victim, event));
	must(accel_stream_fill(victim, accel_buffer_address(a), 4096, 2, 4));
	/* Work of the other stream is done while the first one hangs. */
	must(accel_stream_fill(other, accel_buffer_address(a), 4096, 3, 4));
	must(accel_stream_download(other, &value, a, 0, 4));
	must(accel_stream_synchronize(other, PATIENCE));
	assert_int_equal(value, 3);
	assert_ret(-ETIMEDOUT, accel_event_wait(event, PATIENCE));
	assert_int_not_equal(accel_stream_synchronize(victim, PATIENCE), 0);
	must(accel_stream_fill(other, accel_buffer_address(a), 4096, 4, 4));
	must(accel_stream_download(other, &value, a, 0, 4));
	must(accel_stream_synchronize(other, PATIENCE));
	assert_int_equal(value, 4);
	accel_event_destroy(event);
	accel_stream_destroy(victim);
	accel_stream_destroy(other);
	accel_buffer_destroy(a);
}

void test_timeout_of_wait(void **state)
{
	struct fixture *fixture = *state;
	struct accel_stream_options options = { ACCEL_ENGINE_COMPUTE, ACCEL_PRIORITY_NORMAL, 0,
						3000 };
	struct accel_buffer *a = make_buffer(fixture, 4096, card_or_host(fixture), 0);
	struct accel_stream *victim;
	struct accel_event *event;

	require_compute(fixture);
	inject(fixture, "hang queue=new");
	must(accel_stream_create(fixture->context, &options, &victim));
	must(accel_event_create(fixture->context, &event));
	must(accel_stream_fill(victim, accel_buffer_address(a), 4096, 1, 4));
	must(accel_stream_record(victim, event));
	assert_ret(-ETIME, accel_event_wait(event, 0));
	assert_ret(-ETIME, accel_event_wait(event, 1000000));
	assert_ret(-ETIME, accel_stream_synchronize(victim, 1000000));
	assert_ret(-ETIMEDOUT, accel_event_wait(event, ACCEL_WAIT_FOREVER));
	accel_event_destroy(event);
	accel_stream_destroy(victim);
	accel_buffer_destroy(a);
}

/* Work that never ends is cancelled with its stream, and whoever waits for it is told. */
void test_destroy_cancels(void **state)
{
	struct fixture *fixture = *state;
	struct accel_buffer *a = make_buffer(fixture, 4096, card_or_host(fixture), 0);
	struct accel_stream *victim;
	struct accel_event *event;
	struct pollfd ready = { .events = POLLIN };
	pthread_t thread;
	void *result;

	require_compute(fixture);
	inject(fixture, "hang queue=new");
	victim = make_stream(fixture, ACCEL_ENGINE_COMPUTE, 600000);
	must(accel_event_create(fixture->context, &event));
	must(accel_stream_fill(victim, accel_buffer_address(a), 4096, 1, 4));
	must(accel_stream_record(victim, event));
	must(accel_event_get_fd(event, &ready.fd));
	/* A stream that waits for it is set free. */
	must(accel_stream_wait_event(fixture->stream, event));
	must(accel_stream_flush(fixture->stream));
	assert_ret(-ETIME, accel_event_wait(event, 10000000));
	assert_int_equal(pthread_create(&thread, NULL, wait_thread, event), 0);
	accel_stream_destroy(victim);
	assert_int_equal(pthread_join(thread, &result), 0);
	assert_int_equal((intptr_t)result, -ECANCELED);
	assert_ret(-ECANCELED, accel_event_wait(event, PATIENCE));
	assert_int_equal(poll(&ready, 1, 60000), 1);
	must(accel_stream_synchronize(fixture->stream, PATIENCE));
	close(ready.fd);
	accel_event_destroy(event);
	accel_buffer_destroy(a);
}

void test_stats(void **state)
{
	struct fixture *fixture = *state;
	struct accel_buffer *a = make_buffer(fixture, 4096, card_or_host(fixture), 0);
	struct accel_stream_stats stats;

	must(accel_stream_fill(fixture->stream, accel_buffer_address(a), 4096, 1, 4));
	must(accel_stream_fill(fixture->stream, accel_buffer_address(a), 4096, 1, 4));
	must(accel_stream_synchronize(fixture->stream, PATIENCE));
	must(accel_stream_get_stats(fixture->stream, &stats));
	assert_int_equal(stats.jobs_completed, 1);
	assert_int_equal(stats.descriptors_completed, 2);
	assert_int_equal(stats.error, 0);
	assert_int_equal(stats.error_count, 0);
	assert_ret(-EINVAL, accel_stream_get_stats(fixture->stream, NULL));
	for (uint32_t status = 0; status < 0x300; status++)
		assert_true(accel_status_text(status)[0]);
	accel_buffer_destroy(a);
}

/* --- Threads ---------------------------------------------------------------------- */

static void *stream_thread(void *argument)
{
	struct fixture *fixture = argument;
	struct accel_stream *stream = make_stream(fixture, ACCEL_ENGINE_COPY, 0);
	intptr_t wrong = 0;

	for (uint32_t i = 0; i < 60; i++) {
		uint64_t bytes = 1 + (i * 7919) % 300000;
		struct accel_buffer *buffer = make_buffer(fixture, bytes, i % 2 ? ACCEL_MEMORY_HOST
								    : card_or_host(fixture), 0);
		uint8_t *data = malloc(bytes), *back = calloc(1, bytes);

		memset(data, (int)i + 1, bytes);
		must(accel_stream_upload(stream, buffer, 0, data, bytes));
		must(accel_stream_download(stream, back, buffer, 0, bytes));
		must(accel_stream_synchronize(stream, PATIENCE));
		wrong += memcmp(data, back, bytes) != 0;
		free(data);
		free(back);
		accel_buffer_destroy(buffer);
	}
	accel_stream_destroy(stream);
	return (void *)wrong;
}

void test_streams_in_threads(void **state)
{
	struct fixture *fixture = *state;
	pthread_t threads[4];
	void *wrong;

	accel_stream_destroy(second_stream(fixture, ACCEL_ENGINE_COPY));
	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, stream_thread, fixture), 0);
	for (int i = 0; i < 4; i++) {
		assert_int_equal(pthread_join(threads[i], &wrong), 0);
		assert_ptr_equal(wrong, NULL);
	}
}
