// SPDX-License-Identifier: MIT
/* Both kinds of queues, and streams that wait for each other in all of their ways. */
#include <errno.h>
#include <poll.h>
#include <unistd.h>

#include "lib_device.h"

#define STREAMS	3

static struct accel_stream *copy_stream(struct fixture *fixture, uint32_t ring_entries)
{
	struct accel_stream_options options = { ACCEL_ENGINE_COPY, ACCEL_PRIORITY_NORMAL,
						ring_entries, 0 };
	struct accel_stream *stream;

	if (accel_stream_create(fixture->context, &options, &stream)) {
		print_message("# %s\n", accel_last_error());
		skip();
	}
	return stream;
}

void test_queue_kind(void **state)
{
	struct fixture *fixture = *state;
	const uint64_t needed = ACI_CAP_USER_QUEUES | ACI_CAP_WAIT;
	struct accel_context *context;

	if (fixture->context_flags & ACCEL_CONTEXT_KERNEL_QUEUES ||
	    (fixture->info.capabilities & needed) != needed)
		assert_false(accel_context_has_user_queues(fixture->context));
	else
		assert_true(accel_context_has_user_queues(fixture->context));
	assert_ret(-EINVAL, accel_context_create_flags(fixture->device, 1u << 31, &context));
	assert_text("0x80000000");
	assert_null(context);
	assert_ret(-EINVAL, accel_context_create_flags(NULL, 0, &context));
	assert_false(accel_context_has_user_queues(NULL));
}

/* Rings are far smaller than the work: indices wrap, rooms fill up, nothing is lost or twice. */
void test_small_ring(void **state)
{
	struct fixture *fixture = *state;
	struct accel_stream *stream = copy_stream(fixture, 64);
	struct accel_buffer *a = make_buffer(fixture, 8 * 4096, ACCEL_MEMORY_HOST, 0);
	struct accel_stream_stats stats;
	uint64_t *map;

	must(accel_buffer_map(a, (void **)&map));
	for (uint64_t i = 0; i < 4096; i++) {
		must(accel_stream_fill(stream, accel_buffer_address(a) + 8 * i, 8, i + 1, 8));
		/* jobs of 1 to 7 descriptors */
		if (i % 7 == 0 || i % 5 == 0)
			must(accel_stream_flush(stream));
	}
	must(accel_stream_synchronize(stream, PATIENCE));
	for (uint64_t i = 0; i < 4096; i++)
		assert_int_equal(map[i], i + 1);
	must(accel_stream_get_stats(stream, &stats));
	assert_int_equal(stats.descriptors_completed, 4096);
	accel_stream_destroy(stream);
	accel_buffer_destroy(a);
}

/* A token goes round: each stream adds its turn behind that of the one before. */
void test_streams_in_turn(void **state)
{
	struct fixture *fixture = *state;
	struct accel_buffer *a = make_buffer(fixture, 8 * 400, ACCEL_MEMORY_HOST, 0);
	struct accel_stream *streams[STREAMS];
	struct accel_event *event;
	uint64_t *map;

	must(accel_event_create(fixture->context, &event));
	must(accel_buffer_map(a, (void **)&map));
	for (int i = 0; i < STREAMS; i++)
		streams[i] = copy_stream(fixture, 64);
	map[0] = 42;
	for (uint64_t i = 0; i + 1 < 400; i++) {
		struct accel_stream *stream = streams[i % STREAMS];

		if (i)
			must(accel_stream_wait_event(stream, event));
		must(accel_stream_copy(stream, accel_buffer_address(a) + 8 * (i + 1),
				       accel_buffer_address(a) + 8 * i, 8));
		must(accel_stream_record(stream, event));
	}
	must(accel_event_wait(event, PATIENCE));
	assert_int_equal(map[399], 42);
	for (int i = 0; i < STREAMS; i++)
		accel_stream_destroy(streams[i]);
	accel_event_destroy(event);
	accel_buffer_destroy(a);
}

/* Streams come and go while others wait for them; a new one never waits for an old one's word. */
void test_short_streams(void **state)
{
	struct fixture *fixture = *state;
	struct accel_buffer *a = make_buffer(fixture, 4096, ACCEL_MEMORY_HOST, 0);
	struct accel_event *event;
	uint64_t *map;

	must(accel_event_create(fixture->context, &event));
	must(accel_buffer_map(a, (void **)&map));
	for (uint64_t i = 1; i <= 100; i++) {
		struct accel_stream *other = copy_stream(fixture, 64);

		for (uint64_t n = 0; n < i % 4; n++)
			must(accel_stream_fill(other, accel_buffer_address(a), 64, i, 8));
		must(accel_stream_fill(other, accel_buffer_address(a), 64, i, 8));
		must(accel_stream_record(other, event));
		must(accel_stream_wait_event(fixture->stream, event));
		must(accel_stream_copy(fixture->stream, accel_buffer_address(a) + 64,
				       accel_buffer_address(a), 64));
		if (i % 3) {
			must(accel_stream_synchronize(fixture->stream, PATIENCE));
			assert_int_equal(map[8], i);
		} else {
			must(accel_stream_flush(fixture->stream));
		}
		accel_stream_destroy(other);
		must(accel_stream_synchronize(fixture->stream, PATIENCE));
	}
	accel_event_destroy(event);
	accel_buffer_destroy(a);
}

/* Nobody looks at the stream that failed: who waits for it goes on all the same. */
void test_wait_for_failed(void **state)
{
	struct fixture *fixture = *state;
	struct accel_stream_options options = { ACCEL_ENGINE_COMPUTE, ACCEL_PRIORITY_NORMAL, 0,
						200 };
	struct accel_buffer *a = make_buffer(fixture, 4096, card_or_host(fixture), 0);
	struct accel_stream *victim;
	struct accel_event *event, *mine;
	struct pollfd ready = { .events = POLLIN };
	uint32_t value = 0;

	require_compute(fixture);
	inject(fixture, "hang queue=new");
	must(accel_stream_create(fixture->context, &options, &victim));
	must(accel_event_create(fixture->context, &event));
	must(accel_event_create(fixture->context, &mine));
	must(accel_stream_fill(victim, accel_buffer_address(a), 4096, 1, 4));
	must(accel_stream_record(victim, event));
	must(accel_stream_wait_event(fixture->stream, event));
	must(accel_stream_fill(fixture->stream, accel_buffer_address(a), 4096, 3, 4));
	must(accel_stream_download(fixture->stream, &value, a, 0, 4));
	must(accel_stream_record(fixture->stream, mine));
	must(accel_event_get_fd(mine, &ready.fd));
	assert_int_equal(poll(&ready, 1, 120000), 1);
	close(ready.fd);
	must(accel_event_wait(mine, PATIENCE));
	assert_int_equal(value, 3);
	assert_ret(-ETIMEDOUT, accel_event_wait(event, PATIENCE));
	assert_text("descriptor 0");
	/* Of a failed stream nobody waits for later. */
	must(accel_stream_wait_event(fixture->stream, event));
	must(accel_stream_synchronize(fixture->stream, PATIENCE));
	accel_event_destroy(event);
	accel_event_destroy(mine);
	accel_stream_destroy(victim);
	accel_buffer_destroy(a);
}
