// SPDX-License-Identifier: MIT
/* Devices, buffers, transfers, isolation. */
#include <errno.h>

#include <unistd.h>

#include "lib_device.h"

void test_info(void **state)
{
	struct fixture *fixture = *state;
	struct accel_device_info info;
	uint64_t total, available;

	must(accel_device_get_info(fixture->device, &info));
	assert_true(info.name[0]);
	assert_true(info.model[0]);
	assert_true(info.serial[0]);
	assert_string_equal(info.state, "ok");
	assert_true(info.engine_classes >= 1);
	must(accel_memory_get_info(fixture->device, &total, &available));
	assert_int_equal(total, info.memory_bytes);
	assert_true(available <= total);
	assert_int_equal(accel_version(), ACCEL_VERSION_MAJOR << 16 | ACCEL_VERSION_MINOR);
	assert_ret(-EINVAL, accel_device_get_info(NULL, &info));
	assert_ret(-EINVAL, accel_device_get_info(fixture->device, NULL));
	assert_ret(-EINVAL, accel_memory_get_info(fixture->device, NULL, &available));
}

void test_open_errors(void **state)
{
	struct accel_device *device = (void *)state;

	assert_ret(-EINVAL, accel_device_open("inproc", NULL));
	assert_ret(-ENODEV, accel_device_open("serial:no such card", &device));
	assert_null(device);
	assert_ret(-ENODEV, accel_device_open("ffff:ff:1f.7", &device));
	assert_text("ffff:ff:1f.7");
	assert_ret(-ENODEV, accel_device_open("/dev/accel/accel99", &device));
	assert_ret(-ENOTSUP, accel_device_open("/dev/null", &device));
	assert_text("/dev/null");
	accel_device_close(NULL);
	accel_device_list_free(NULL);
}

void test_buffers(void **state)
{
	struct fixture *fixture = *state;
	const uint64_t sizes[] = { 1, 4095, 4096, 4097, 2 << 20, (2 << 20) + 1, 5 << 20 };
	struct accel_buffer *buffers[7];
	uint64_t total, before, after;

	must(accel_memory_get_info(fixture->device, &total, &before));
	for (int i = 0; i < 7; i++) {
		buffers[i] = make_buffer(fixture, sizes[i],
					 i % 2 ? ACCEL_MEMORY_HOST : card_or_host(fixture), 0);
		assert_int_equal(accel_buffer_bytes(buffers[i]), sizes[i]);
		assert_true(accel_buffer_address(buffers[i]));
		assert_int_equal(accel_buffer_address(buffers[i]) % 4096, 0);
		for (int j = 0; j < i; j++) {
			uint64_t a = accel_buffer_address(buffers[i]),
				 b = accel_buffer_address(buffers[j]);

			assert_true(a + sizes[i] <= b || b + sizes[j] <= a);
		}
	}
	for (int i = 0; i < 7; i++)
		accel_buffer_destroy(buffers[i]);
	must(accel_memory_get_info(fixture->device, &total, &after));
	assert_int_equal(before, after);
	accel_buffer_destroy(NULL);
}

void test_buffer_errors(void **state)
{
	struct fixture *fixture = *state;
	struct accel_buffer *buffer;

	assert_ret(-EINVAL, accel_buffer_create(NULL, 1, ACCEL_MEMORY_HOST, 0, &buffer));
	assert_ret(-EINVAL, accel_buffer_create(fixture->context, 1, ACCEL_MEMORY_HOST, 0, NULL));
	assert_ret(-EINVAL,
		   accel_buffer_create(fixture->context, 0, ACCEL_MEMORY_HOST, 0, &buffer));
	assert_ret(-EINVAL, accel_buffer_create(fixture->context, UINT64_MAX, ACCEL_MEMORY_HOST, 0,
						&buffer));
	assert_ret(-EINVAL,
		   accel_buffer_create(fixture->context, 1, (enum accel_placement)2, 0, &buffer));
	assert_ret(-EINVAL,
		   accel_buffer_create(fixture->context, 1, ACCEL_MEMORY_HOST, 1u << 31, &buffer));
	assert_null(buffer);
	assert_int_equal(accel_buffer_address(NULL), 0);
	assert_int_equal(accel_buffer_bytes(NULL), 0);
}

void test_buffer_map(void **state)
{
	struct fixture *fixture = *state;
	struct accel_buffer *card, *hidden,
		*host = make_buffer(fixture, 5000, ACCEL_MEMORY_HOST, 0);
	uint8_t back[100];
	void *map, *again;

	must(accel_buffer_map(host, &map));
	must(accel_buffer_map(host, &again));
	assert_ptr_equal(map, again);
	assert_ret(-EINVAL, accel_buffer_map(host, NULL));
	accel_buffer_destroy(host);
	if (!fixture->info.memory_bytes)
		return;
	card = make_buffer(fixture, 5000, ACCEL_MEMORY_CARD, ACCEL_BUFFER_MAPPABLE);
	hidden = make_buffer(fixture, 5000, ACCEL_MEMORY_CARD, 0);
	assert_ret(-EACCES, accel_buffer_map(hidden, &map));
	assert_text("ACCEL_BUFFER_MAPPABLE");
	must(accel_buffer_map(card, &map));
	memset(map, 0x5c, 5000);
	must(accel_stream_download(fixture->stream, back, card, 4900, 100));
	must(accel_stream_synchronize(fixture->stream, PATIENCE));
	for (int i = 0; i < 100; i++)
		assert_int_equal(back[i], 0x5c);
	accel_buffer_destroy(card);
	accel_buffer_destroy(hidden);
}

void test_memory_full(void **state)
{
	struct fixture *fixture = *state;
	uint64_t total, before, after;
	struct accel_buffer *buffer;

	if (!fixture->info.memory_bytes)
		skip();
	must(accel_memory_get_info(fixture->device, &total, &before));
	assert_ret(-ENOSPC, accel_buffer_create(fixture->context, total + 4096, ACCEL_MEMORY_CARD,
						0, &buffer));
	assert_null(buffer);
	assert_text("card memory is full");
	must(accel_memory_get_info(fixture->device, &total, &after));
	assert_int_equal(before, after);
}

/* All offsets and sizes, small and larger than what is staged at once. */
void test_upload_download(void **state)
{
	struct fixture *fixture = *state;
	const struct { uint64_t offset, bytes;
	} parts[] = {
		{ 0, 1 },	   { 1, 1 },	   { 4095, 2 },	   { 3, 8191 },
		{ 12345, 262144 }, { 0, 3000000 }, { 2999999, 1 },
	};
	struct accel_buffer *buffer = make_buffer(fixture, 3000000, card_or_host(fixture), 0);
	uint8_t *shadow = calloc(1, 3000000), *data = malloc(3000000);

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		fill_random(data, parts[i].bytes);
		memcpy(shadow + parts[i].offset, data, parts[i].bytes);
		must(accel_stream_upload(fixture->stream, buffer, parts[i].offset, data,
					 parts[i].bytes));
		/* The source may be reused at once. */
		memset(data, 0xff, parts[i].bytes);
		must(accel_stream_download(fixture->stream, data, buffer, 0, 3000000));
		must(accel_stream_synchronize(fixture->stream, PATIENCE));
		assert_memory_equal(data, shadow, 3000000);
	}
	must(accel_stream_upload(fixture->stream, buffer, 3000000, data, 0));
	assert_ret(-EINVAL, accel_stream_upload(fixture->stream, buffer, 2999999, data, 2));
	assert_text("not inside the buffer");
	assert_ret(-EINVAL, accel_stream_download(fixture->stream, data, buffer, UINT64_MAX, 2));
	assert_ret(-EINVAL, accel_stream_upload(fixture->stream, buffer, 0, NULL, 1));
	assert_ret(-EINVAL, accel_stream_upload(fixture->stream, NULL, 0, data, 1));
	free(data);
	free(shadow);
	accel_buffer_destroy(buffer);
}

/* Each download sees exactly the uploads before it. */
void test_upload_order(void **state)
{
	struct fixture *fixture = *state;
	struct accel_buffer *buffer = make_buffer(fixture, 8, card_or_host(fixture), 0);
	uint64_t seen[500];

	for (uint64_t i = 0; i < 500; i++) {
		must(accel_stream_upload(fixture->stream, buffer, 0, &i, 8));
		must(accel_stream_download(fixture->stream, &seen[i], buffer, 0, 8));
	}
	must(accel_stream_synchronize(fixture->stream, PATIENCE));
	for (uint64_t i = 0; i < 500; i++)
		assert_int_equal(seen[i], i);
	accel_buffer_destroy(buffer);
}

/* Host memory: direct when the stream is idle, in order when it is not. */
void test_host_transfer(void **state)
{
	struct fixture *fixture = *state;
	struct accel_buffer *host = make_buffer(fixture, 4096, ACCEL_MEMORY_HOST, 0);
	struct accel_buffer *card = make_buffer(fixture, 4096, card_or_host(fixture), 0);
	uint32_t one = 1, two = 2, first = 0, second = 0, idle = 0;

	must(accel_stream_upload(fixture->stream, host, 0, &one, 4));
	must(accel_stream_copy(fixture->stream, accel_buffer_address(card),
			       accel_buffer_address(host), 4096));
	must(accel_stream_upload(fixture->stream, host, 0, &two, 4));
	must(accel_stream_download(fixture->stream, &second, host, 0, 4));
	must(accel_stream_download(fixture->stream, &first, card, 0, 4));
	must(accel_stream_synchronize(fixture->stream, PATIENCE));
	assert_int_equal(first, 1);
	assert_int_equal(second, 2);
	must(accel_stream_download(fixture->stream, &idle, host, 0, 4));
	assert_int_equal(idle, 2);
	accel_buffer_destroy(host);
	accel_buffer_destroy(card);
}

/* The card may not write it by its address, the owner can upload. */
void test_readonly(void **state)
{
	struct fixture *fixture = *state;
	struct accel_buffer *buffer =
		make_buffer(fixture, 4096, card_or_host(fixture), ACCEL_BUFFER_READONLY);
	uint32_t value = 0x12345678, back = 0;

	must(accel_stream_fill(fixture->stream, accel_buffer_address(buffer) + 8, 0, 0, 1));
	must(accel_stream_upload(fixture->stream, buffer, 4, &value, 4));
	must(accel_stream_download(fixture->stream, &back, buffer, 4, 4));
	must(accel_stream_synchronize(fixture->stream, PATIENCE));
	assert_int_equal(back, value);
	must(accel_stream_fill(fixture->stream, accel_buffer_address(buffer), 4096, 0xff, 1));
	assert_ret(-EFAULT, accel_stream_synchronize(fixture->stream, PATIENCE));
	accel_buffer_destroy(buffer);
}

void test_guard_page(void **state)
{
	struct fixture *fixture = *state;
	struct accel_buffer *first = make_buffer(fixture, 4096, card_or_host(fixture), 0);
	struct accel_buffer *second = make_buffer(fixture, 4096, card_or_host(fixture), 0);
	uint64_t end = accel_buffer_address(first) + 4096;
	char address[40];

	must(accel_stream_fill(fixture->stream, end - 8, 16, 0, 8));
	assert_ret(-EFAULT, accel_stream_synchronize(fixture->stream, PATIENCE));
	/* The text names the page. */
	snprintf(address, sizeof(address), "0x%llx", (unsigned long long)end / 4096);
	assert_text(address);
	accel_buffer_destroy(first);
	accel_buffer_destroy(second);
}

/* Memory that others had before comes zeroed. */
void test_zeroed(void **state)
{
	struct fixture *fixture = *state;
	uint8_t *back = malloc(1 << 20);

	for (int round = 0; round < 6; round++) {
		struct accel_buffer *buffer =
			make_buffer(fixture, 1 << 20,
				    round % 2 ? ACCEL_MEMORY_HOST : card_or_host(fixture), 0);

		must(accel_stream_download(fixture->stream, back, buffer, 0, 1 << 20));
		must(accel_stream_fill(fixture->stream, accel_buffer_address(buffer), 1 << 20, 0xa5,
				       1));
		must(accel_stream_synchronize(fixture->stream, PATIENCE));
		for (int i = 0; i < 1 << 20; i++)
			if (back[i])
				fail_msg("byte %d is 0x%x", i, back[i]);
		accel_buffer_destroy(buffer);
	}
	free(back);
}

/*
 * The same address in two contexts is different memory, and an address of one faults in the other.
 */
void test_contexts_are_isolated(void **state)
{
	struct fixture *fixture = *state;
	struct accel_buffer *ours, *theirs, *more;
	struct accel_context *other;
	struct accel_stream *stream;
	uint32_t a = 1, b = 2, back_a = 0, back_b = 0;
	struct accel_stream_options options = { ACCEL_ENGINE_COPY, ACCEL_PRIORITY_NORMAL, 0, 0 };

	if (accel_context_create(fixture->device, &other)) {
		print_message("# one context only\n");
		skip();
	}
	must(accel_stream_create(other, &options, &stream));
	ours = make_buffer(fixture, 4096, card_or_host(fixture), 0);
	must(accel_buffer_create(other, 4096, card_or_host(fixture), 0, &theirs));
	must(accel_stream_upload(fixture->stream, ours, 0, &a, 4));
	must(accel_stream_upload(stream, theirs, 0, &b, 4));
	must(accel_stream_download(fixture->stream, &back_a, ours, 0, 4));
	must(accel_stream_download(stream, &back_b, theirs, 0, 4));
	must(accel_stream_synchronize(fixture->stream, PATIENCE));
	must(accel_stream_synchronize(stream, PATIENCE));
	assert_int_equal(back_a, 1);
	assert_int_equal(back_b, 2);

	assert_ret(-EINVAL, accel_stream_upload(stream, ours, 0, &a, 4));
	assert_text("not of the same context");
	more = make_buffer(fixture, 64 << 10, ACCEL_MEMORY_HOST, 0);
	must(accel_stream_fill(stream, accel_buffer_address(more) + (60 << 10), 4096, 0, 8));
	assert_ret(-EFAULT, accel_stream_synchronize(stream, PATIENCE));
	/* Ours does not notice. */
	must(accel_stream_download(fixture->stream, &back_a, ours, 0, 4));
	must(accel_stream_synchronize(fixture->stream, PATIENCE));
	accel_buffer_destroy(more);
	accel_buffer_destroy(ours);
	accel_buffer_destroy(theirs);
	accel_stream_destroy(stream);
	accel_context_destroy(other);
}

/* A second buffer of the same memory outlives the buffer it was exported from. */
void test_dmabuf(void **state)
{
	struct fixture *fixture = *state;
	struct accel_buffer *ours = make_buffer(fixture, 10000, card_or_host(fixture), 0), *again;
	uint8_t data[10000], back[10000];
	int fd;

	if (fixture->info.transport == ACCEL_TRANSPORT_INPROC) {
		assert_ret(-ENOTSUP, accel_buffer_export_dmabuf(ours, &fd));
		assert_text("no dma-bufs");
		assert_ret(-ENOTSUP, accel_buffer_import_dmabuf(fixture->context, 0, &again));
		assert_null(again);
		accel_buffer_destroy(ours);
		return;
	}
	fill_random(data, sizeof(data));
	must(accel_stream_upload(fixture->stream, ours, 0, data, sizeof(data)));
	must(accel_stream_synchronize(fixture->stream, PATIENCE));
	must(accel_buffer_export_dmabuf(ours, &fd));
	must(accel_buffer_import_dmabuf(fixture->context, fd, &again));
	close(fd);
	assert_int_equal(accel_buffer_bytes(again), 12288);
	accel_buffer_destroy(ours);
	must(accel_stream_download(fixture->stream, back, again, 0, sizeof(back)));
	must(accel_stream_synchronize(fixture->stream, PATIENCE));
	assert_memory_equal(back, data, sizeof(data));
	accel_buffer_destroy(again);
}
