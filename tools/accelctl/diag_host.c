// SPDX-License-Identifier: MIT
/* Memory of this process used in place, and the other way to submit. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "diag.h"

#define HOST_BYTES	(1ull << 20)
#define HOST_OFFSET	1234u	/* no multiple of anything */

/* There by the CPU, through the card, and back to where it came from. */
static enum diag_result round_trip(struct diag *diag, struct accel_buffer *host, uint8_t *memory, uint8_t *expected)
{
	struct accel_buffer *card = NULL;
	enum diag_result result = DIAG_PASS;

	diag_pattern(expected, HOST_BYTES, 77);
	memcpy(memory, expected, HOST_BYTES);
	if (accel_buffer_create(diag->context, HOST_BYTES, ACCEL_MEMORY_CARD, 0, &card) ||
	    accel_stream_copy_buffer(diag->copy, card, 0, host, 0, HOST_BYTES) ||
	    accel_stream_fill(diag->copy, accel_buffer_address(host), HOST_BYTES, 0, 1) ||
	    accel_stream_copy_buffer(diag->copy, host, 0, card, 0, HOST_BYTES) ||
	    accel_stream_synchronize(diag->copy, DIAG_WAIT_NS))
		result = diag_library(diag, "copies");
	if (result == DIAG_PASS)
		result = diag_compare(diag, "registered memory", expected, memory, HOST_BYTES);
	accel_stream_synchronize(diag->copy, DIAG_WAIT_NS);
	accel_buffer_destroy(card);
	return result;
}

static enum diag_result register_and_test(struct diag *diag, uint8_t *memory, uint8_t *expected)
{
	struct accel_buffer *host;
	enum diag_result result;
	int err = accel_buffer_register_host(diag->context, memory, HOST_BYTES, 0, &host);

	/* A limit of this user or an old driver: the card is not to blame. */
	if (err == -ENOMEM || err == -ENOTSUP)
		return diag_detail(diag, DIAG_SKIP, "%s", accel_last_error());
	if (err)
		return diag_library(diag, "registration");
	result = round_trip(diag, host, memory, expected);
	accel_buffer_destroy(host);
	return result;
}

static enum diag_result test_host_memory(struct diag *diag)
{
	uint64_t bytes = HOST_BYTES + 2 * HOST_OFFSET;
	uint8_t *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint8_t *expected = malloc(HOST_BYTES);
	enum diag_result result = DIAG_FAIL;

	if (memory == MAP_FAILED || !expected) {
		diag_detail(diag, DIAG_FAIL, "out of memory");
	} else {
		result = register_and_test(diag, memory + HOST_OFFSET, expected);
		for (uint32_t i = 0; i < HOST_OFFSET && result == DIAG_PASS; i++)
			if (memory[i] || memory[bytes - 1 - i])
				result = diag_detail(diag, DIAG_FAIL, "the card wrote next to registered memory");
	}
	if (memory != MAP_FAILED)
		munmap(memory, bytes);
	free(expected);
	return result;
}

/* A context of the other kind; the tests of order have used the default one. */
static enum diag_result test_kernel_queue(struct diag *diag)
{
	const struct accel_stream_options options = { .engine = ACCEL_ENGINE_COPY, .priority = ACCEL_PRIORITY_NORMAL };
	struct accel_context *context = NULL;
	struct accel_stream *stream = NULL;
	struct accel_buffer *buffer = NULL;
	enum diag_result result = DIAG_PASS;
	uint64_t found = 0;

	if (!accel_context_has_user_queues(diag->context))
		return diag_detail(diag, DIAG_SKIP, "all queues are the kernel's: no user queues, or no memory fences");
	if (accel_context_create_flags(diag->device, ACCEL_CONTEXT_KERNEL_QUEUES, &context) ||
	    accel_stream_create(context, &options, &stream) ||
	    accel_buffer_create(context, 4096, ACCEL_MEMORY_CARD, 0, &buffer) ||
	    accel_stream_fill(stream, accel_buffer_address(buffer), 4096, 0x1122334455667788, 8) ||
	    accel_stream_download(stream, &found, buffer, 4088, 8) || accel_stream_synchronize(stream, DIAG_WAIT_NS))
		result = diag_library(diag, "a kernel queue");
	else if (found != 0x1122334455667788)
		result = diag_detail(diag, DIAG_FAIL, "found 0x%llx", (unsigned long long)found);
	accel_stream_destroy(stream);
	accel_buffer_destroy(buffer);
	accel_context_destroy(context);
	return result;
}

void diag_test_host(struct diag *diag)
{
	diag_report(diag, test_host_memory(diag), "host memory in place");
	diag_report(diag, test_kernel_queue(diag), "kernel queue");
}
