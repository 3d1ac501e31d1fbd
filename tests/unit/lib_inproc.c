// SPDX-License-Identifier: MIT
/* The in-process transport: kinds of cards, lost interrupts, cards that break. */
#include <errno.h>
#include <pthread.h>

#include "lib/context.h"
#include "lib/inproc.h"
#include "lib_device.h"

static struct accel_device *open_card(const char *name)
{
	struct accel_device *device;

	must(accel_device_open(name, &device));
	return device;
}

static void control(struct accel_device *device, const char *command)
{
	char reply[256];

	if (vcard_ctl(to_inproc(device->transport)->vcard, command, reply, sizeof(reply)))
		fail_msg("%s: %s", command, reply);
}

static void test_options(void **state)
{
	const char *wrong[] = {
		"inproc:memory",
		"inproc:memory=",
		"inproc:memory=x",
		"inproc:memory=1T",
		"inproc:memory=-1",
		"inproc:queues=5000000000",
		"inproc:colour=1",
		"inproc:profile=small",
		"inproc:queues=0",
		"inproc:memory=99999999999999999999",
		"inproc:serial=0123456789012345678901234567890123456789",
	};
	struct accel_device *device;
	struct accel_device_info info;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		if (accel_device_open(wrong[i], &device) != -EINVAL)
			fail_msg("%s was accepted", wrong[i]);
		assert_null(device);
		assert_text("inproc");
	}
	device =
		open_card("inproc:memory=32M,queues=3,serial=ABC,vms=2,vectors=1,copy=1,compute=1");
	must(accel_device_get_info(device, &info));
	assert_int_equal(info.memory_bytes, 32 << 20);
	assert_string_equal(info.serial, "ABC");
	assert_string_equal(info.name, "inproc");
	accel_device_close(device);
	/* each open is a card of its own */
	device = open_card("inproc:");
	accel_device_close(device);
}

/* One queue, one VM, one vector, no programs. */
static void test_base_profile(void **state)
{
	struct accel_device *device = open_card("inproc:memory=1M,profile=base");
	const struct accel_stream_options copy = { ACCEL_ENGINE_COPY, ACCEL_PRIORITY_HIGH, 0, 0 };
	const struct accel_stream_options compute = { ACCEL_ENGINE_COMPUTE, ACCEL_PRIORITY_NORMAL,
						      0, 0 };
	struct accel_context *context, *second;
	struct accel_stream *stream, *other;
	struct accel_program *program;
	struct accel_buffer *buffer;
	uint8_t data[5000], back[5000];

	(void)state;
	must(accel_context_create(device, &context));
	assert_ret(-ENOSPC, accel_context_create(device, &second));
	assert_text("address spaces");
	assert_ret(-ENOTSUP, accel_stream_create(context, &compute, &stream));
	assert_text("no compute engine");
	assert_ret(-ENOTSUP, accel_program_create(device, &program));
	must(accel_stream_create(context, &copy, &stream));
	assert_ret(-ENOSPC, accel_stream_create(context, &copy, &other));
	must(accel_buffer_create(context, 5000, ACCEL_MEMORY_CARD, 0, &buffer));
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 7 + i / 256);
	must(accel_stream_upload(stream, buffer, 0, data, sizeof(data)));
	must(accel_stream_download(stream, back, buffer, 0, sizeof(back)));
	must(accel_stream_synchronize(stream, PATIENCE));
	assert_memory_equal(data, back, sizeof(data));
	assert_ret(-ENOTSUP, accel_stream_exec_blob(stream, back, 64, 64, NULL, 0));
	accel_buffer_destroy(buffer);
	accel_stream_destroy(stream);
	accel_context_destroy(context);
	accel_device_close(device);
}

static void test_memory_fills_up(void **state)
{
	struct accel_device *device = open_card("inproc:memory=4M");
	struct accel_buffer *buffers[64];
	struct accel_context *context;
	uint64_t total, available;
	int count = 0;

	(void)state;
	must(accel_context_create(device, &context));
	while (count < 64 &&
	       !accel_buffer_create(context, 256 << 10, ACCEL_MEMORY_CARD, 0, &buffers[count]))
		count++;
	assert_int_equal(count, 16);
	assert_text("0 of 4194304 free");
	must(accel_memory_get_info(device, &total, &available));
	assert_int_equal(available, 0);
	accel_buffer_destroy(buffers[7]);
	must(accel_buffer_create(context, 256 << 10, ACCEL_MEMORY_CARD, 0, &buffers[7]));
	while (count--)
		accel_buffer_destroy(buffers[count]);
	must(accel_memory_get_info(device, &total, &available));
	assert_int_equal(available, total);
	accel_context_destroy(context);
	accel_device_close(device);
}

/* Without a scrub no memory is handed out, and what failed is not handed out later. */
static void test_failed_scrub(void **state)
{
	struct accel_device *device = open_card("inproc:memory=4M");
	struct accel_context *context;
	struct accel_buffer *buffer;
	uint64_t total, available;

	(void)state;
	must(accel_context_create(device, &context));
	control(device, "fail scrub");
	assert_ret(-EIO, accel_buffer_create(context, 1 << 20, ACCEL_MEMORY_CARD, 0, &buffer));
	must(accel_memory_get_info(device, &total, &available));
	assert_int_equal(available, total - (1 << 20));
	must(accel_buffer_create(context, 3 << 20, ACCEL_MEMORY_CARD, 0, &buffer));
	accel_buffer_destroy(buffer);
	accel_context_destroy(context);
	accel_device_close(device);
}

/* Many queues come and go; ids are used again. */
static void test_queues_come_and_go(void **state)
{
	struct accel_device *device = open_card("inproc:memory=1M,queues=2");
	struct accel_context *context;
	struct accel_buffer *buffer;

	(void)state;
	must(accel_context_create(device, &context));
	must(accel_buffer_create(context, 4096, ACCEL_MEMORY_HOST, 0, &buffer));
	for (uint32_t i = 1; i < 300; i++) {
		const struct accel_stream_options options = {
			(enum accel_engine)(i % 2), (enum accel_priority)(i % 3), 64u << i % 4, 0,
		};
		struct accel_stream *stream;
		uint32_t back = 0;

		must(accel_stream_create(context, &options, &stream));
		must(accel_stream_fill(stream, accel_buffer_address(buffer), 4096, i, 4));
		must(accel_stream_download(stream, &back, buffer, 4092, 4));
		if (i % 5) {
			must(accel_stream_synchronize(stream, PATIENCE));
			assert_int_equal(back, i);
		} else {
			must(accel_stream_flush(stream));
		}
		accel_stream_destroy(stream);
	}
	accel_buffer_destroy(buffer);
	accel_context_destroy(context);
	accel_device_close(device);
}

static struct accel_stream *hang_stream(struct accel_context *context, struct accel_buffer *buffer,
					struct accel_event *event)
{
	const struct accel_stream_options options = { ACCEL_ENGINE_COMPUTE, ACCEL_PRIORITY_NORMAL,
						      0, 600000 };
	struct accel_stream *stream;

	must(accel_stream_create(context, &options, &stream));
	control(context->device, "hang next");
	must(accel_stream_fill(stream, accel_buffer_address(buffer), 4096, 1, 4));
	must(accel_stream_record(stream, event));
	return stream;
}

/* A card that was given up: nobody waits for ever, every call says so, all can be freed. */
static void test_given_up(void **state)
{
	struct accel_device *device = open_card("inproc:memory=4M");
	struct accel_device_info info;
	struct accel_context *context;
	struct accel_stream *stream;
	struct accel_buffer *buffer, *more;
	struct accel_event *event;

	(void)state;
	must(accel_context_create(device, &context));
	must(accel_buffer_create(context, 4096, ACCEL_MEMORY_CARD, 0, &buffer));
	must(accel_event_create(context, &event));
	stream = hang_stream(context, buffer, event);
	inproc_wedge(to_inproc(device->transport), "the test says so");
	assert_ret(-ENODEV, accel_event_wait(event, PATIENCE));
	assert_ret(-ENODEV, accel_stream_fill(stream, accel_buffer_address(buffer), 8, 0, 8));
	assert_ret(-ENODEV, accel_buffer_create(context, 4096, ACCEL_MEMORY_HOST, 0, &more));
	must(accel_device_get_info(device, &info));
	assert_string_equal(info.state, "wedged");
	accel_event_destroy(event);
	accel_stream_destroy(stream);
	accel_buffer_destroy(buffer);
	accel_context_destroy(context);
	accel_device_close(device);
}

/* The time limit's own look at the queue finds a completion whose interrupt got lost. */
static void test_lost_interrupt(void **state)
{
	struct accel_device *device = open_card("inproc:memory=1M");
	const struct accel_stream_options options = { ACCEL_ENGINE_COPY, ACCEL_PRIORITY_NORMAL, 0,
						      300 };
	struct accel_context *context;
	struct accel_stream *stream;
	struct accel_buffer *buffer;

	(void)state;
	must(accel_context_create(device, &context));
	must(accel_buffer_create(context, 4096, ACCEL_MEMORY_HOST, 0, &buffer));
	must(accel_stream_create(context, &options, &stream));
	control(device, "irq drop=1");
	must(accel_stream_fill(stream, accel_buffer_address(buffer), 4096, 1, 4));
	must(accel_stream_synchronize(stream, PATIENCE));
	accel_stream_destroy(stream);
	accel_buffer_destroy(buffer);
	accel_context_destroy(context);
	accel_device_close(device);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_options),
		cmocka_unit_test(test_base_profile),
		cmocka_unit_test(test_memory_fills_up),
		cmocka_unit_test(test_failed_scrub),
		cmocka_unit_test(test_queues_come_and_go),
		cmocka_unit_test(test_given_up),
		cmocka_unit_test(test_lost_interrupt),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
