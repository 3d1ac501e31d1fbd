// SPDX-License-Identifier: MIT
/*
 * The kernel transport against a driver in this process: its errors, its older and newer versions.
 */
#include <errno.h>
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

static const struct accel_stream_options options = { ACCEL_ENGINE_COMPUTE, ACCEL_PRIORITY_HIGH, 64,
						     1234 };

static int make_all(void)
{
	int ret = accel_device_open(fake.node, &all.device);

	if (!ret)
		ret = accel_context_create(all.device, &all.context);
	if (!ret)
		ret = accel_buffer_create(all.context, 10000, ACCEL_MEMORY_CARD,
					  ACCEL_BUFFER_READONLY, &all.buffer);
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

static void assert_nothing_left(void)
{
	assert_int_equal(fake.bos, 0);
	assert_int_equal(fake.mappings, 0);
	assert_int_equal(fake.vms, 0);
	assert_int_equal(fake.queues, 0);
	assert_int_equal(fake.syncobjs, 0);
}

static int setup(void **state)
{
	(void)state;
	fake_drm_start();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	free_all();
	fake_drm_stop();
	return 0;
}

static void test_open(void **state)
{
	struct accel_device_info info;

	(void)state;
	must(make_all());
	must(accel_device_get_info(all.device, &info));
	assert_string_equal(info.node, fake.node);
	assert_string_equal(info.serial, "SN");
	assert_int_equal(info.memory_free_bytes, 1 << 20);
	assert_int_equal(fake.vm_mode, DRM_ACI_VM_FENCE);
	assert_int_equal(fake.queue_priority, 2);
	assert_int_equal(fake.queue_timeout_ms, 1234);
	/* read-only memory has a second mapping, for uploads */
	assert_int_equal(fake.mappings, 2);
	free_all();
	assert_nothing_left();
}

static void test_open_refused(void **state)
{
	(void)state;
	fake.open_error = EACCES;
	assert_ret(-EACCES, make_all());
	assert_text("permission denied; add the user to group");
	fake.open_error = ENXIO;
	assert_ret(-ENODEV, make_all());
	fake.open_error = EMFILE;
	assert_ret(-EMFILE, make_all());
	fake.open_error = 0;
	fake.name = "intel_vpu";
	assert_ret(-ENOTSUP, make_all());
	assert_text("intel_vpu");
	fake.name = "aci";
	fake.major = 1;
	assert_ret(-ENOTSUP, make_all());
	assert_text("update libaccel");
	fake.major = 0;
	fake.no_timeline = true;
	assert_ret(-ENOTSUP, make_all());
	assert_text("timeline");
}

/* An older driver knows less of each query, the rest reads as zero. */
static void test_old_driver(void **state)
{
	struct accel_device_info info;

	(void)state;
	fake.short_query = 80;	/* up to engine_classes, without priorities and limits */
	assert_int_not_equal(make_all(), 0);
	assert_text("ring_entries");
	must(accel_device_get_info(all.device, &info));
	assert_int_equal(info.memory_bytes, 1 << 30);
}

static void transfer(const char *text)
{
	char back[64] = "";

	must(accel_stream_upload(all.stream, all.buffer, 5000, text, strlen(text) + 1));
	must(accel_stream_download(all.stream, back, all.buffer, 5000, strlen(text) + 1));
	must(accel_stream_synchronize(all.stream, ACCEL_WAIT_FOREVER));
	assert_string_equal(back, text);
}

static void test_transfer(void **state)
{
	(void)state;
	must(make_all());
	transfer("through the kernel");
	assert_int_equal(fake.submits, 1);
	assert_int_equal(fake.sync_count, 1);
	assert_int_equal(fake.sync_flags[0], DRM_ACI_SYNC_SIGNAL | DRM_ACI_SYNC_TIMELINE);
	assert_int_equal(fake.sync_points[0], 1);
	transfer("again");
	assert_int_equal(fake.sync_points[0], 2);
	free_all();
	assert_nothing_left();
}

/* Every call is interrupted three times. */
static void test_interrupted(void **state)
{
	(void)state;
	fake.interrupts = 3;
	must(make_all());
	transfer("interrupted");
	free_all();
	assert_nothing_left();
}

/* A full queue: the library waits for a job, it does not spin. */
static void test_again(void **state)
{
	(void)state;
	must(make_all());
	fake.pending_max = 2;
	for (int i = 0; i < 100; i++) {
		must(accel_stream_fill(all.stream, accel_buffer_address(all.buffer), 8, 1, 8));
		must(accel_stream_flush(all.stream));
	}
	must(accel_stream_synchronize(all.stream, ACCEL_WAIT_FOREVER));
	assert_int_equal(fake.submits, 100);
	assert_int_equal(fake.again, 98);
	assert_int_equal(fake.waits, 98 + 1);
}

static void test_gone(void **state)
{
	(void)state;
	must(make_all());
	fake.fail_request = DRM_IOCTL_ACI_SUBMIT;
	fake.fail_error = ENODEV;
	must(accel_stream_fill(all.stream, accel_buffer_address(all.buffer), 8, 1, 8));
	assert_ret(-ENODEV, accel_stream_flush(all.stream));
	assert_ret(-ENODEV,
		   accel_stream_fill(all.stream, accel_buffer_address(all.buffer), 8, 1, 8));
	assert_ret(-ENODEV, accel_stream_synchronize(all.stream, ACCEL_WAIT_FOREVER));
}

/*
 * A job that cannot be submitted does not leave earlier ones behind: their downloads are there when
 * synchronize returns, and never later.
 */
static void test_flush_fails(void **state)
{
	char *data = malloc(64);

	(void)state;
	must(make_all());
	memset(data, 0x55, 64);
	must(accel_stream_download(all.stream, data, all.buffer, 0, 64));
	must(accel_stream_flush(all.stream));
	must(accel_stream_download(all.stream, data, all.buffer, 0, 64));
	fake.fail_request = DRM_IOCTL_ACI_SUBMIT;
	fake.fail_error = EIO;
	assert_ret(-EIO, accel_stream_synchronize(all.stream, ACCEL_WAIT_FOREVER));
	assert_int_equal(fake.waits, 1);
	free(data);
	free_all();
	assert_nothing_left();
}

/* Memory of a download that nobody waited for is not touched by the end of the stream. */
static void test_destroy_drops_downloads(void **state)
{
	char *data = malloc(64);

	(void)state;
	must(make_all());
	must(accel_stream_download(all.stream, data, all.buffer, 0, 64));
	must(accel_stream_flush(all.stream));
	must(accel_stream_download(all.stream, data, all.buffer, 0, 64));
	free(data);
	free_all();
	assert_nothing_left();
}

static void test_gone_while_waiting(void **state)
{
	(void)state;
	must(make_all());
	fake.fail_request = DRM_IOCTL_SYNCOBJ_TIMELINE_WAIT;
	fake.fail_error = ENODEV;
	must(accel_stream_fill(all.stream, accel_buffer_address(all.buffer), 8, 1, 8));
	assert_ret(-ENODEV, accel_stream_synchronize(all.stream, ACCEL_WAIT_FOREVER));
}

static void test_wait_times_out(void **state)
{
	(void)state;
	must(make_all());
	fake.fail_request = DRM_IOCTL_SYNCOBJ_TIMELINE_WAIT;
	fake.fail_error = ETIME;
	must(accel_stream_fill(all.stream, accel_buffer_address(all.buffer), 8, 1, 8));
	assert_ret(-ETIME, accel_stream_synchronize(all.stream, 1000));
	fake.fail_request = 0;
	must(accel_stream_synchronize(all.stream, 1000));
}

/* How a job ended is in the queue's record: status, descriptor, and which jobs were good. */
static void test_job_errors(void **state)
{
	const struct { uint32_t flags, status; int error; const char *text; } ends[] = {
		{ DRM_ACI_QUEUE_GUILTY, ACI_STATUS_WATCHDOG, -ETIMEDOUT, "hung" },
		{ DRM_ACI_QUEUE_GUILTY, ACI_STATUS_PAGE_FAULT, -EFAULT, "0xdeadb000" },
		{ DRM_ACI_QUEUE_GUILTY, ACI_STATUS_PROG_SHAPE, -EINVAL, "operation 3735924736" },
		{ DRM_ACI_QUEUE_GUILTY, 0, -ETIMEDOUT, "stream failed" },
		{ DRM_ACI_QUEUE_INNOCENT, 0, -ECANCELED, "stream failed" },
		{ DRM_ACI_QUEUE_BANNED, 0, -ECANCELED, "stream failed" },
		{ 0, ACI_STATUS_MEMORY_ERROR, -EIO, "uncorrectable" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		struct accel_event *good, *bad;

		must(make_all());
		must(accel_event_create(all.context, &good));
		must(accel_event_create(all.context, &bad));
		must(accel_stream_fill(all.stream, accel_buffer_address(all.buffer), 8, 1, 8));
		must(accel_stream_record(all.stream, good));
		must(accel_stream_fill(all.stream, accel_buffer_address(all.buffer), 8, 1, 8));
		must(accel_stream_record(all.stream, bad));
		fake.queue_flags = ends[i].flags;
		fake.error = ends[i].status;
		fake.error_count = ends[i].status != 0;
		fake.error_index = 1;
		fake.error_info = 0xdeadb000;
		fake.descs_completed = 1;
		assert_ret(ends[i].error, accel_event_wait(bad, ACCEL_WAIT_FOREVER));
		assert_text(ends[i].text);
		/* After a reset a kernel queue's count does not tell what was lost. */
		if (ends[i].flags & DRM_ACI_QUEUE_INNOCENT)
			assert_ret(-ECANCELED, accel_event_wait(good, ACCEL_WAIT_FOREVER));
		else
			must(accel_event_wait(good, ACCEL_WAIT_FOREVER));
		accel_event_destroy(good);
		accel_event_destroy(bad);
		free_all();
		assert_nothing_left();
		fake.queue_flags = fake.error = fake.error_count = 0;
		fake.error_index = fake.descs_completed = 0;
	}
}

static void test_banned(void **state)
{
	(void)state;
	must(make_all());
	fake.fail_request = DRM_IOCTL_ACI_SUBMIT;
	fake.fail_error = ECANCELED;
	fake.queue_flags = DRM_ACI_QUEUE_BANNED | DRM_ACI_QUEUE_GUILTY;
	fake.error = ACI_STATUS_PAGE_FAULT;
	fake.error_count = 1;
	must(accel_stream_fill(all.stream, accel_buffer_address(all.buffer), 8, 1, 8));
	assert_ret(-EFAULT, accel_stream_flush(all.stream));
}

static void test_events(void **state)
{
	struct accel_stream *other;
	struct accel_event *event;
	uint64_t count = 0;
	int fd;

	(void)state;
	must(make_all());
	must(accel_stream_create(all.context, &options, &other));
	must(accel_event_create(all.context, &event));
	must(accel_stream_fill(all.stream, accel_buffer_address(all.buffer), 8, 1, 8));
	must(accel_stream_record(all.stream, event));
	must(accel_stream_wait_event(other, event));
	assert_int_equal(fake.sync_count, 2);
	assert_int_equal(fake.sync_flags[0], DRM_ACI_SYNC_TIMELINE);
	assert_int_equal(fake.sync_points[0], 1);
	must(accel_event_get_fd(event, &fd));
	assert_int_equal(read(fd, &count, sizeof(count)), sizeof(count));
	close(fd);
	fake.fail_request = DRM_IOCTL_SYNCOBJ_EVENTFD;
	fake.fail_error = EOPNOTSUPP;
	assert_ret(-EOPNOTSUPP, accel_event_get_fd(event, &fd));
	accel_event_destroy(event);
	accel_stream_destroy(other);
}

static void test_texts(void **state)
{
	struct accel_buffer *buffer;
	struct accel_stream *stream;

	(void)state;
	must(make_all());
	assert_ret(-ENOSPC,
		   accel_buffer_create(all.context, 100 << 20, ACCEL_MEMORY_CARD, 0, &buffer));
	assert_text("104857600 bytes asked for, 1048576 of 1073741824 free");
	fake.fail_request = DRM_IOCTL_ACI_QUEUE_CREATE;
	fake.fail_error = EPERM;
	assert_ret(-EPERM, accel_stream_create(all.context, &options, &stream));
	assert_text("CAP_SYS_NICE");
}

static void test_placement(void **state)
{
	struct accel_buffer *buffer;
	void *map;

	(void)state;
	must(make_all());
	assert_int_equal(fake.bo_flags, 0);
	must(accel_buffer_create(all.context, 1, ACCEL_MEMORY_CARD, ACCEL_BUFFER_MAPPABLE,
				 &buffer));
	assert_int_equal(fake.bo_flags, DRM_ACI_BO_CPU_ACCESS);
	assert_int_equal(fake.bo_cache, DRM_ACI_CACHE_WRITE_COMBINED);
	must(accel_buffer_map(buffer, &map));
	accel_buffer_destroy(buffer);
	must(accel_buffer_create(all.context, 1, ACCEL_MEMORY_HOST, 0, &buffer));
	assert_int_equal(fake.bo_cache, DRM_ACI_CACHE_WRITE_BACK);
	accel_buffer_destroy(buffer);
}

/* Each call in turn fails: nothing leaks, nothing hangs, all can be freed. */
static void test_every_call_fails(void **state)
{
	char data[3000] = "x";
	int total;

	(void)state;
	must(make_all());
	transfer("count the calls");
	free_all();
	total = fake.calls;
	assert_true(total > 20);
	for (int i = 0; i < total; i++) {
		fake_drm_stop();
		fake_drm_start();
		fake.fail_at = i;
		if (!make_all() &&
		    !accel_stream_upload(all.stream, all.buffer, 0, data, sizeof(data)) &&
		    !accel_stream_download(all.stream, data, all.buffer, 0, sizeof(data)))
			accel_stream_synchronize(all.stream, ACCEL_WAIT_FOREVER);
		free_all();
		/* What the kernel refused to free is still there, nothing else. */
		assert_true(fake.bos + fake.mappings + fake.vms + fake.queues + fake.syncobjs <= 1);
	}
}

/* One handle in the file, however many buffers: the last one closes it. */
static void test_dmabuf(void **state)
{
	struct accel_buffer *shared, *again, *third;
	uint8_t data[5000], back[5000];
	int fd;

	(void)state;
	must(make_all());
	must(accel_buffer_create(all.context, 10000, ACCEL_MEMORY_CARD, 0, &shared));
	must(accel_buffer_export_dmabuf(shared, &fd));
	must(accel_buffer_import_dmabuf(all.context, fd, &again));
	assert_int_equal(accel_buffer_bytes(again), 12288);
	assert_int_not_equal(accel_buffer_address(again), accel_buffer_address(shared));
	assert_int_equal(fake.bos, 2);
	memset(data, 0x5a, sizeof(data));
	must(accel_stream_upload(all.stream, shared, 1000, data, sizeof(data)));
	must(accel_stream_synchronize(all.stream, ACCEL_WAIT_FOREVER));
	must(accel_stream_download(all.stream, back, again, 1000, sizeof(back)));
	must(accel_stream_synchronize(all.stream, ACCEL_WAIT_FOREVER));
	assert_memory_equal(back, data, sizeof(data));
	/* One more for the streams' staging. */
	assert_int_equal(fake.bos, 3);
	accel_buffer_destroy(shared);
	assert_int_equal(fake.bos, 3);
	must(accel_buffer_import_dmabuf(all.context, fd, &third));
	accel_buffer_destroy(again);
	assert_int_equal(fake.bos, 3);
	accel_buffer_destroy(third);
	assert_int_equal(fake.bos, 2);
	close(fd);
	free_all();
	assert_nothing_left();
}

static void test_dmabuf_errors(void **state)
{
	struct accel_buffer *buffer = (void *)1;
	FILE *file = tmpfile();
	int fd = 0;

	(void)state;
	must(make_all());
	assert_ret(-EINVAL, accel_buffer_export_dmabuf(NULL, &fd));
	assert_ret(-EINVAL, accel_buffer_export_dmabuf(all.buffer, NULL));
	assert_ret(-EINVAL, accel_buffer_import_dmabuf(NULL, 0, &buffer));
	assert_ret(-EINVAL, accel_buffer_import_dmabuf(all.context, 0, NULL));
	assert_ret(-EBADF, accel_buffer_import_dmabuf(all.context, -1, &buffer));
	assert_null(buffer);
	assert_ret(-EINVAL, accel_buffer_import_dmabuf(all.context, fileno(file), &buffer));
	assert_text("not that of a dma-buf");
	fake.fail_request = DRM_IOCTL_PRIME_FD_TO_HANDLE;
	fake.fail_error = EOPNOTSUPP;
	assert_ret(-EOPNOTSUPP, accel_buffer_import_dmabuf(all.context, fileno(file), &buffer));
	assert_text("of another device");
	fake.fail_request = DRM_IOCTL_PRIME_HANDLE_TO_FD;
	fake.fail_error = EMFILE;
	assert_ret(-EMFILE, accel_buffer_export_dmabuf(all.buffer, &fd));
	assert_int_equal(fd, -1);
	fake.fail_request = 0;
	/* A mapping that fails leaves the handle to the one who has it. */
	must(accel_buffer_export_dmabuf(all.buffer, &fd));
	fake.fail_request = DRM_IOCTL_ACI_VM_BIND;
	fake.fail_error = ENOMEM;
	assert_ret(-ENOMEM, accel_buffer_import_dmabuf(all.context, fd, &buffer));
	fake.fail_request = 0;
	assert_int_equal(fake.bos, 1);
	/* So does a dma-buf without a size. */
	assert_int_equal(ftruncate(fd, 100), 0);
	assert_ret(-EINVAL, accel_buffer_import_dmabuf(all.context, fd, &buffer));
	assert_text("size");
	assert_int_equal(fake.bos, 1);
	close(fd);
	fclose(file);
	free_all();
	assert_nothing_left();
}

#define test(function)	cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(test_open),
		test(test_open_refused),
		test(test_old_driver),
		test(test_transfer),
		test(test_interrupted),
		test(test_again),
		test(test_gone),
		test(test_flush_fails),
		test(test_destroy_drops_downloads),
		test(test_gone_while_waiting),
		test(test_wait_times_out),
		test(test_job_errors),
		test(test_banned),
		test(test_events),
		test(test_texts),
		test(test_placement),
		test(test_dmabuf),
		test(test_dmabuf_errors),
		test(test_every_call_fails),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
