// SPDX-License-Identifier: MIT
/* Memory of the caller, used in place; and a child that inherits a device. */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib_device.h"

#define PAGE	4096u

static void *map_anonymous(uint64_t bytes)
{
	void *map = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	assert_ptr_not_equal(map, MAP_FAILED);
	return map;
}

/* Registered memory, or the test is skipped: an old driver. */
static struct accel_buffer *register_host(struct fixture *fixture, void *address, uint64_t bytes,
					  uint32_t flags)
{
	struct accel_buffer *buffer;
	int ret = accel_buffer_register_host(fixture->context, address, bytes, flags, &buffer);

	if (ret == -ENOTSUP) {
		print_message("# %s\n", accel_last_error());
		skip();
	}
	must(ret);
	return buffer;
}

/* The card reads and writes the caller's bytes themselves, and none of their neighbours. */
void test_register_host(void **state)
{
	struct fixture *fixture = *state;
	const uint64_t bytes = 3 * PAGE + 77, lead = 1001;
	uint8_t *map = map_anonymous(6 * PAGE), *mine = map + PAGE + lead;
	struct accel_buffer *host, *other = make_buffer(fixture, bytes, card_or_host(fixture), 0);
	uint8_t *data = malloc(bytes);
	void *pointer;

	fill_random(data, bytes);
	memset(map, 0x5a, 6 * PAGE);
	memcpy(mine, data, bytes);
	host = register_host(fixture, mine, bytes, 0);
	assert_int_equal(accel_buffer_bytes(host), bytes);
	assert_int_equal(accel_buffer_address(host) % PAGE, (uintptr_t)mine % PAGE);
	must(accel_buffer_map(host, &pointer));
	assert_ptr_equal(pointer, mine);

	must(accel_stream_copy_buffer(fixture->stream, other, 0, host, 0, bytes));
	must(accel_stream_synchronize(fixture->stream, PATIENCE));
	memset(mine, 0, bytes);
	must(accel_stream_copy_buffer(fixture->stream, host, 0, other, 0, bytes));
	must(accel_stream_synchronize(fixture->stream, PATIENCE));
	assert_memory_equal(mine, data, bytes);
	for (uint8_t *at = map; at < map + 6 * PAGE; at++)
		if (at < mine || at >= mine + bytes)
			assert_int_equal(*at, 0x5a);
	/* What the caller writes later is what the card reads. */
	mine[5] ^= 0xff;
	must(accel_stream_copy_buffer(fixture->stream, other, 0, host, 0, bytes));
	must(accel_stream_download(fixture->stream, data, other, 0, bytes));
	must(accel_stream_synchronize(fixture->stream, PATIENCE));
	assert_memory_equal(mine, data, bytes);
	accel_buffer_destroy(host);
	assert_memory_equal(mine, data, bytes);
	/* It may be registered any number of times. */
	host = register_host(fixture, mine, bytes, ACCEL_BUFFER_READONLY);
	accel_buffer_destroy(host);
	accel_buffer_destroy(other);
	free(data);
	munmap(map, 6 * PAGE);
}

void test_register_readonly(void **state)
{
	struct fixture *fixture = *state;
	uint8_t *map = map_anonymous(2 * PAGE), byte = 1;
	struct accel_buffer *host, *other = make_buffer(fixture, PAGE, card_or_host(fixture), 0);
	struct accel_stream *victim;
	int fd = -1;

	memset(map, 7, 2 * PAGE);
	host = register_host(fixture, map, 2 * PAGE, ACCEL_BUFFER_READONLY);
	must(accel_stream_copy_buffer(fixture->stream, other, 0, host, PAGE, PAGE));
	must(accel_stream_download(fixture->stream, &byte, other, 9, 1));
	must(accel_stream_synchronize(fixture->stream, PATIENCE));
	assert_int_equal(byte, 7);
	assert_ret(-EACCES, accel_stream_upload(fixture->stream, host, 0, &byte, 1));
	assert_text("read-only");
	assert_ret(-EACCES, accel_stream_copy_buffer(fixture->stream, host, 0, other, 0, 1));
	if (fixture->info.transport == ACCEL_TRANSPORT_DRM) {
		assert_ret(-EOPNOTSUPP, accel_buffer_export_dmabuf(host, &fd));
		assert_int_equal(fd, -1);
	}
	accel_stream_destroy(fixture->stream);
	fixture->stream = NULL;
	victim = make_stream(fixture, ACCEL_ENGINE_COPY, 0);
	must(accel_stream_fill(victim, accel_buffer_address(host) + 64, 8, 0, 8));
	assert_ret(-EFAULT, accel_stream_synchronize(victim, PATIENCE));
	assert_int_equal(map[64], 7);
	accel_stream_destroy(victim);
	accel_buffer_destroy(host);
	accel_buffer_destroy(other);
	munmap(map, 2 * PAGE);
}

/* Straight from the page cache: this program's own file. */
void test_register_file(void **state)
{
	struct fixture *fixture = *state;
	struct accel_buffer *host, *other = make_buffer(fixture, PAGE, card_or_host(fixture), 0);
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	uint8_t back[PAGE], *map;

	assert_true(fd >= 0);
	map = mmap(NULL, 4 * PAGE, PROT_READ, MAP_SHARED, fd, 0);
	assert_ptr_not_equal(map, MAP_FAILED);
	host = register_host(fixture, map + 100, 3 * PAGE, ACCEL_BUFFER_READONLY);
	must(accel_stream_copy_buffer(fixture->stream, other, 0, host, PAGE - 100, PAGE));
	must(accel_stream_download(fixture->stream, back, other, 0, PAGE));
	must(accel_stream_synchronize(fixture->stream, PATIENCE));
	assert_memory_equal(back, map + PAGE, PAGE);
	accel_buffer_destroy(host);
	/* without the promise not to write, and a copy that only this process has */
	assert_int_not_equal(accel_buffer_register_host(fixture->context, map, PAGE, 0, &host), 0);
	munmap(map, 4 * PAGE);
	map = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	assert_ptr_not_equal(map, MAP_FAILED);
	assert_ret(-EOPNOTSUPP, accel_buffer_register_host(fixture->context, map, PAGE,
							   ACCEL_BUFFER_READONLY, &host));
	assert_text("MAP_SHARED");
	munmap(map, PAGE);
	close(fd);
	accel_buffer_destroy(other);
}

void test_register_errors(void **state)
{
	struct fixture *fixture = *state;
	struct accel_context *context = fixture->context;
	uint8_t *map = map_anonymous(3 * PAGE);
	struct accel_buffer *buffer;

	accel_buffer_destroy(register_host(fixture, map, PAGE, 0));
	assert_ret(-EINVAL, accel_buffer_register_host(NULL, map, PAGE, 0, &buffer));
	assert_ret(-EINVAL, accel_buffer_register_host(context, NULL, PAGE, 0, &buffer));
	assert_ret(-EINVAL, accel_buffer_register_host(context, map, 0, 0, &buffer));
	assert_ret(-EINVAL, accel_buffer_register_host(context, map, UINT64_MAX, 0, &buffer));
	assert_ret(-EINVAL, accel_buffer_register_host(context, (void *)-(intptr_t)PAGE, PAGE, 0,
						       &buffer));
	assert_ret(-EINVAL, accel_buffer_register_host(context, map, PAGE, ACCEL_BUFFER_MAPPABLE,
						       &buffer));
	munmap(map + PAGE, PAGE);
	assert_ret(-EFAULT, accel_buffer_register_host(context, map, 3 * PAGE, 0, &buffer));
	assert_text("not mapped");
	assert_null(buffer);
	/* the last byte of the range lies in the hole */
	assert_ret(-EFAULT, accel_buffer_register_host(context, map + 1, PAGE, 0, &buffer));
	mprotect(map, PAGE, PROT_READ);
	assert_ret(-EFAULT, accel_buffer_register_host(context, map, PAGE, 0, &buffer));
	munmap(map, PAGE);
	munmap(map + 2 * PAGE, PAGE);
}

/* --- fork() ----------------------------------------------------------------------- */

/* Return: number of the first call that did not refuse, 0: all did. */
static int use_inherited(struct fixture *fixture, struct accel_buffer *buffer,
			 struct accel_event *event)
{
	struct accel_stream *stream = fixture->stream, *another;
	struct accel_context *context;
	struct accel_buffer *more;
	struct accel_device *own;
	uint64_t total, available;
	uint8_t byte = 9;
	void *map;
	int results[] = {
		accel_stream_fill(stream, accel_buffer_address(buffer), 8, 1, 8),
		accel_stream_upload(stream, buffer, 0, &byte, 1),
		accel_stream_download(stream, &byte, buffer, 0, 1),
		accel_stream_flush(stream),
		accel_stream_synchronize(stream, 0),
		accel_stream_record(stream, event),
		accel_stream_wait_event(stream, event),
		accel_event_wait(event, 0),
		accel_buffer_create(fixture->context, 4096, ACCEL_MEMORY_HOST, 0, &more),
		accel_buffer_register_host(fixture->context, &byte, 1, 0, &more),
		accel_buffer_map(buffer, &map),
		accel_stream_create(fixture->context, NULL, &another),
		accel_context_create(fixture->device, &context),
		accel_memory_get_info(fixture->device, &total, &available),
	};

	for (size_t i = 0; i < sizeof(results) / sizeof(results[0]); i++)
		if (results[i] != -ECHILD || !strstr(accel_last_error(), "fork"))
			return (int)i + 1;
	/* Nothing of the parent's goes. */
	accel_event_destroy(event);
	accel_buffer_destroy(buffer);
	accel_stream_destroy(stream);
	accel_context_destroy(fixture->context);
	accel_device_close(fixture->device);
	/* A device of its own works. */
	if (accel_device_open(NULL, &own))
		return 100;
	if (fixture->info.transport == ACCEL_TRANSPORT_DRM &&
	    (accel_context_create(own, &context) ||
	     accel_buffer_create(context, 4096, ACCEL_MEMORY_HOST, 0, &more)))
		return 101;
	return 0;
}

void test_fork(void **state)
{
	struct fixture *fixture = *state;
	struct accel_buffer *buffer = make_buffer(fixture, 4096, ACCEL_MEMORY_HOST, 0);
	struct accel_event *event;
	uint64_t value = 0;
	int status = -1;
	pid_t child;

	must(accel_event_create(fixture->context, &event));
	must(accel_stream_fill(fixture->stream, accel_buffer_address(buffer), 8, 3, 8));
	must(accel_stream_record(fixture->stream, event));
	child = fork();
	assert_true(child >= 0);
	if (!child)
		_exit(use_inherited(fixture, buffer, event));
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	must(accel_event_wait(event, PATIENCE));
	must(accel_stream_fill(fixture->stream, accel_buffer_address(buffer) + 8, 8, 4, 8));
	must(accel_stream_download(fixture->stream, &value, buffer, 8, 8));
	must(accel_stream_synchronize(fixture->stream, PATIENCE));
	assert_int_equal(value, 4);
	accel_event_destroy(event);
	accel_buffer_destroy(buffer);
}
