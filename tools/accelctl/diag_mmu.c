// SPDX-License-Identifier: MIT
/* The card's MMU refuses what it should, and the card works on afterwards. */
#include <errno.h>
#include <string.h>

#include "diag.h"

#define BYTES	4096

/* Work that must end with -EFAULT. */
static enum diag_result expect_fault(struct diag *diag, const char *what)
{
	int err = accel_stream_synchronize(diag->copy, DIAG_WAIT_NS);

	if (err == -EFAULT)
		return DIAG_PASS;
	if (!err)
		return diag_detail(diag, DIAG_FAIL, "%s was not refused", what);
	return diag_detail(diag, DIAG_FAIL, "%s ended with error %d instead of a fault: %s", what, -err,
			   accel_last_error());
}

/* A new stream of the same context must work. */
static enum diag_result works_again(struct diag *diag, struct accel_buffer *buffer, const uint8_t *expected)
{
	struct accel_stream_options options = { .engine = ACCEL_ENGINE_COPY, .priority = ACCEL_PRIORITY_NORMAL };
	uint8_t found[BYTES];

	accel_stream_destroy(diag->copy);
	diag->copy = NULL;
	if (accel_stream_create(diag->context, &options, &diag->copy) ||
	    accel_stream_download(diag->copy, found, buffer, 0, BYTES) ||
	    accel_stream_synchronize(diag->copy, DIAG_WAIT_NS))
		return diag_library(diag, "the next job, after the fault");
	return diag_compare(diag, "memory after the fault", expected, found, BYTES);
}

/* An address that belonged to a buffer until now. */
static int unmapped_address(struct diag *diag, uint64_t *address)
{
	struct accel_buffer *buffer;
	int err = accel_buffer_create(diag->context, BYTES, ACCEL_MEMORY_CARD, 0, &buffer);

	if (err)
		return err;
	*address = accel_buffer_address(buffer);
	accel_buffer_destroy(buffer);
	return 0;
}

static enum diag_result test_unmapped(struct diag *diag, bool write)
{
	uint8_t pattern[BYTES];
	struct accel_buffer *buffer = NULL;
	enum diag_result result;
	uint64_t hole, address;

	diag_pattern(pattern, BYTES, 3);
	if (accel_buffer_create(diag->context, BYTES, ACCEL_MEMORY_CARD, 0, &buffer) ||
	    accel_stream_upload(diag->copy, buffer, 0, pattern, BYTES) ||
	    accel_stream_synchronize(diag->copy, DIAG_WAIT_NS) || unmapped_address(diag, &hole)) {
		result = diag_library(diag, "preparation");
		goto out;
	}
	address = accel_buffer_address(buffer);
	if (accel_stream_copy(diag->copy, write ? hole : address, write ? address : hole, BYTES))
		result = diag_library(diag, "submission");
	else
		result = expect_fault(diag, write ? "a write to an unmapped address" :
					    "a read from an unmapped address");
	if (result == DIAG_PASS)
		result = works_again(diag, buffer, pattern);
out:
	accel_stream_destroy(diag->copy);
	diag->copy = NULL;
	accel_buffer_destroy(buffer);
	return result;
}

static enum diag_result test_readonly(struct diag *diag)
{
	struct accel_buffer *readonly = NULL, *other = NULL;
	uint8_t pattern[BYTES], found[BYTES];
	enum diag_result result;
	void *map;

	diag_pattern(pattern, BYTES, 4);
	if (accel_buffer_create(diag->context, BYTES, ACCEL_MEMORY_HOST, ACCEL_BUFFER_READONLY, &readonly) ||
	    accel_buffer_create(diag->context, BYTES, ACCEL_MEMORY_CARD, 0, &other) ||
	    accel_buffer_map(readonly, &map)) {
		result = diag_library(diag, "preparation");
		goto out;
	}
	memcpy(map, pattern, BYTES);
	if (accel_stream_copy(diag->copy, accel_buffer_address(other), accel_buffer_address(readonly), BYTES) ||
	    accel_stream_download(diag->copy, found, other, 0, BYTES) ||
	    accel_stream_synchronize(diag->copy, DIAG_WAIT_NS)) {
		result = diag_library(diag, "reading it");
		goto out;
	}
	result = diag_compare(diag, "reading it", pattern, found, BYTES);
	if (result != DIAG_PASS)
		goto out;
	if (accel_stream_fill(diag->copy, accel_buffer_address(readonly), BYTES, 0, 1))
		result = diag_library(diag, "submission");
	else
		result = expect_fault(diag, "a write to a read-only buffer");
	if (result == DIAG_PASS)
		result = works_again(diag, other, pattern);
	if (result == DIAG_PASS)
		result = diag_compare(diag, "read-only buffer", pattern, map, BYTES);
out:
	accel_stream_destroy(diag->copy);
	diag->copy = NULL;
	accel_buffer_destroy(readonly);
	accel_buffer_destroy(other);
	return result;
}

/* The address of a buffer means nothing in another context. */
static enum diag_result test_isolation(struct diag *diag)
{
	struct accel_stream_options options = { .engine = ACCEL_ENGINE_COPY, .priority = ACCEL_PRIORITY_NORMAL };
	struct accel_context *stranger = NULL;
	struct accel_stream *stream = NULL;
	struct accel_buffer *secret[4] = { NULL }, *target = NULL;
	enum diag_result result = DIAG_PASS;
	int err;

	/* Both contexts may hand out the same addresses: the last buffer here is beyond the only one there. */
	for (int i = 0; i < 4 && result == DIAG_PASS; i++)
		if (accel_buffer_create(diag->context, 1 << 20, ACCEL_MEMORY_CARD, 0, &secret[i]))
			result = diag_library(diag, "preparation");
	if (result == DIAG_PASS && (accel_context_create(diag->device, &stranger) ||
				    accel_stream_create(stranger, &options, &stream) ||
				    accel_buffer_create(stranger, BYTES, ACCEL_MEMORY_CARD, 0, &target)))
		result = diag_library(diag, "second context");
	for (int i = 0; i < 4 && result == DIAG_PASS; i++) {
		uint64_t address = accel_buffer_address(secret[3 - i]);

		if (address == accel_buffer_address(target))
			continue;
		if (accel_stream_copy(stream, accel_buffer_address(target), address, BYTES))
			result = diag_library(diag, "submission");
		err = accel_stream_synchronize(stream, DIAG_WAIT_NS);
		if (result == DIAG_PASS && err != -EFAULT)
			result = diag_detail(diag, DIAG_FAIL, "another context's memory could be read (result %d)", err);
		break;
	}
	accel_stream_destroy(stream);
	accel_buffer_destroy(target);
	accel_context_destroy(stranger);
	for (int i = 0; i < 4; i++)
		accel_buffer_destroy(secret[i]);
	return result;
}

/* After each test everything is made anew: its stream has failed. */
static void report(struct diag *diag, enum diag_result result, const char *name)
{
	diag_report(diag, result, "%s", name);
	if (diag_renew(diag))
		diag_report(diag, diag_library(diag, "a new context"), "%s, context afterwards", name);
}

void diag_test_mmu(struct diag *diag)
{
	report(diag, test_unmapped(diag, false), "mmu unmapped read");
	report(diag, test_unmapped(diag, true), "mmu unmapped write");
	report(diag, test_readonly(diag), "mmu read-only buffer");
	report(diag, test_isolation(diag), "mmu isolation of contexts");
}
