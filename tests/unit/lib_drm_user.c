// SPDX-License-Identifier: MIT
/* The kernel transport's user queues and registered memory, against a driver in this process. */
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <accel/accel.h>
#include <aci/aci_status.h>
#include <drm/aci_accel.h>

#include "fake_drm.h"
#include "lib_assert.h"

static struct {
	struct accel_device *device;
	struct accel_context *context;
	struct accel_buffer *buffer;
	struct accel_stream *stream;
} all;

static int make_all(void)
{
	static const struct accel_stream_options options = { ACCEL_ENGINE_COMPUTE,
							     ACCEL_PRIORITY_HIGH, 64, 1234 };
	int ret = accel_device_open(fake.node, &all.device);

	if (!ret)
		ret = accel_context_create(all.device, &all.context);
	if (!ret)
		ret = accel_buffer_create(all.context, 10000, ACCEL_MEMORY_CARD, 0, &all.buffer);
	if (!ret)
		ret = accel_stream_create(all.context, &options, &all.stream);
	return ret;
}

static void free_all(void)
{
	accel_stream_destroy(all.stream);
	accel_buffer_destroy(all.buffer);
	accel_context_destroy(all.context);
	accel_device_close(all.device);
	memset(&all, 0, sizeof(all));
}

static int setup(void **state)
{
	(void)state;
	fake_drm_start();
	fake.minor = 2;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	free_all();
	fake_drm_stop();
	return 0;
}

static void test_default(void **state)
{
	(void)state;
	must(make_all());
	assert_true(accel_context_has_user_queues(all.context));
	assert_int_equal(fake.vm_mode, DRM_ACI_VM_LONG_RUNNING);
	assert_int_equal(fake.queue_timeout_ms, 1234);
	assert_int_equal(fake.syncobjs, 0);
	free_all();
	assert_int_equal(fake.bos + fake.mappings + fake.vms + fake.queues, 0);
	/* an older driver: no user queues, and nothing asks it for them */
	fake.minor = 1;
	must(make_all());
	assert_false(accel_context_has_user_queues(all.context));
	assert_int_equal(fake.vm_mode, DRM_ACI_VM_FENCE);
}

/* 64 entries: submission only writes memory, until the ring is full. */
static void test_no_system_call(void **state)
{
	int before;

	(void)state;
	must(make_all());
	before = fake.calls;
	for (int i = 0; i < 64; i++) {
		must(accel_stream_fill(all.stream, accel_buffer_address(all.buffer), 8, 1, 8));
		must(accel_stream_flush(all.stream));
	}
	assert_int_equal(fake.calls, before);
	must(accel_stream_fill(all.stream, accel_buffer_address(all.buffer), 8, 1, 8));
	must(accel_stream_flush(all.stream));
	assert_int_equal(fake.calls, before + 1);
	must(accel_stream_synchronize(all.stream, ACCEL_WAIT_FOREVER));
	assert_int_equal(fake.calls, before + 2);
	assert_int_equal(fake.descs_completed, 65);
	/* What is done is known without asking. */
	must(accel_stream_synchronize(all.stream, ACCEL_WAIT_FOREVER));
	assert_int_equal(fake.calls, before + 2);
}

static void test_event_fd(void **state)
{
	struct pollfd ready = { .events = POLLIN };
	struct accel_event *event;

	(void)state;
	must(make_all());
	must(accel_event_create(all.context, &event));
	must(accel_stream_fill(all.stream, accel_buffer_address(all.buffer), 8, 1, 8));
	must(accel_stream_record(all.stream, event));
	must(accel_event_get_fd(event, &ready.fd));
	assert_int_equal(poll(&ready, 1, 1000), 1);
	close(ready.fd);
	must(accel_event_wait(event, 0));
	accel_event_destroy(event);
}

/* Why and where; a reset of the card is the fault of no descriptor. */
static void test_stopped(void **state)
{
	static const struct { uint32_t status; int error; const char *text; } cases[] = {
		{ ACI_STATUS_PAGE_FAULT, -EFAULT, "descriptor 0: access" },
		{ ACI_STATUS_WATCHDOG, -ETIMEDOUT, "hung" },
		{ ACI_STATUS_CARD_RESET, -ECANCELED, "the card was reset" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		fake_drm_stop();
		fake_drm_start();
		fake.minor = 2;
		fake.stopped = true;
		fake.error = cases[i].status;
		fake.error_count = 1;
		must(make_all());
		must(accel_stream_fill(all.stream, accel_buffer_address(all.buffer), 8, 1, 8));
		assert_ret(cases[i].error, accel_stream_synchronize(all.stream,
								    ACCEL_WAIT_FOREVER));
		assert_text(cases[i].text);
		assert_ret(cases[i].error, accel_stream_flush(all.stream));
		free_all();
	}
}

static void test_wait_errors(void **state)
{
	(void)state;
	must(make_all());
	must(accel_stream_fill(all.stream, accel_buffer_address(all.buffer), 8, 1, 8));
	fake.fail_request = DRM_IOCTL_ACI_QUEUE_WAIT;
	fake.fail_error = ETIME;
	assert_ret(-ETIME, accel_stream_synchronize(all.stream, 1000));
	fake.fail_error = ENOMEM;
	assert_ret(-ENOMEM, accel_stream_synchronize(all.stream, 1000));
	assert_text("waiting for a job");
	fake.fail_error = ENODEV;
	assert_ret(-ENODEV, accel_stream_synchronize(all.stream, 1000));
	assert_ret(-ENODEV, accel_stream_flush(all.stream));
}

/* A signal restarts what it interrupts. */
static void test_interrupted(void **state)
{
	(void)state;
	fake.interrupts = 3;
	must(make_all());
	must(accel_stream_fill(all.stream, accel_buffer_address(all.buffer), 8, 1, 8));
	must(accel_stream_synchronize(all.stream, ACCEL_WAIT_FOREVER));
	assert_int_equal(fake.descs_completed, 1);
}

static void test_register(void **state)
{
	static const struct { int have, want; const char *text; } cases[] = {
		{ EFAULT, -EFAULT, "not mapped" },
		{ EOPNOTSUPP, -EOPNOTSUPP, "MAP_SHARED" },
		{ ENOMEM, -ENOMEM, "ulimit -l" },
		{ ENOTTY, -ENOTSUP, "too old" },
		{ EINVAL, -ENOTSUP, "too old" },
		{ ENODEV, -ENODEV, "gone" },
	};
	static char memory[3 * 4096] __attribute__((aligned(4096)));
	struct accel_buffer *buffer;

	(void)state;
	must(make_all());
	must(accel_buffer_register_host(all.context, memory + 4000, 200, ACCEL_BUFFER_READONLY,
					&buffer));
	/* whole pages, once, for reading alone */
	assert_int_equal(fake.userptr, (uintptr_t)memory);
	assert_int_equal(fake.userptr_bytes, 8192);
	assert_int_equal(fake.userptr_flags, DRM_ACI_USERPTR_READONLY);
	assert_int_equal(fake.bind_flags, DRM_ACI_BIND_READONLY);
	assert_int_equal(fake.mappings, 2);
	assert_int_equal(accel_buffer_address(buffer) % 4096, 4000);
	accel_buffer_destroy(buffer);
	assert_int_equal(fake.mappings, 1);
	fake.fail_request = DRM_IOCTL_ACI_BO_CREATE_USERPTR;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		fake.fail_error = cases[i].have;
		assert_ret(cases[i].want, accel_buffer_register_host(all.context, memory, 1, 0,
								     &buffer));
		assert_text(cases[i].text);
		assert_null(buffer);
	}
}

static void use_all(void)
{
	static char memory[4096];
	struct accel_buffer *host;
	struct accel_event *event;
	char data[3000] = "x";

	if (make_all())
		return;
	if (!accel_buffer_register_host(all.context, memory, 100, 0, &host))
		accel_buffer_destroy(host);
	if (accel_event_create(all.context, &event))
		return;
	if (!accel_stream_upload(all.stream, all.buffer, 0, data, sizeof(data)) &&
	    !accel_stream_record(all.stream, event))
		accel_event_wait(event, ACCEL_WAIT_FOREVER);
	accel_stream_synchronize(all.stream, ACCEL_WAIT_FOREVER);
	accel_event_destroy(event);
}

/* Each call in turn fails: nothing leaks, nothing hangs, all can be freed. */
static void test_every_call_fails(void **state)
{
	int total;

	(void)state;
	use_all();
	free_all();
	total = fake.calls;
	assert_true(total > 20);
	for (int i = 0; i < total; i++) {
		fake_drm_stop();
		fake_drm_start();
		fake.minor = 2;
		fake.fail_at = i;
		use_all();
		free_all();
		/* What the kernel refused to free is still there, nothing else. */
		assert_true(fake.bos + fake.mappings + fake.vms + fake.queues <= 1);
	}
}

#define test(function)	cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(test_default),
		test(test_no_system_call),
		test(test_event_fd),
		test(test_stopped),
		test(test_wait_errors),
		test(test_interrupted),
		test(test_register),
		test(test_every_call_fails),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
