// SPDX-License-Identifier: MIT
/* Patterns through the card: host to card, card to card, card to host. */
#include <stdlib.h>
#include <string.h>

#include "diag.h"

#define GUARD_BYTES	64
#define GUARD_BYTE	0x5a

struct transfer {
	uint64_t bytes;
	uint64_t first_offset, second_offset;	/* in the two card buffers */
	uint8_t *sent, *found;
	struct accel_buffer *first, *second;
};

static enum diag_result move(struct diag *diag, struct transfer *t)
{
	uint64_t from = accel_buffer_address(t->first) + t->first_offset;
	uint64_t to = accel_buffer_address(t->second) + t->second_offset;

	if (accel_stream_upload(diag->copy, t->first, t->first_offset, t->sent, t->bytes))
		return diag_library(diag, "host to card");
	if (accel_stream_copy(diag->copy, to, from, t->bytes))
		return diag_library(diag, "card to card");
	if (accel_stream_download(diag->copy, t->found, t->second, t->second_offset, t->bytes))
		return diag_library(diag, "card to host");
	if (accel_stream_synchronize(diag->copy, DIAG_WAIT_NS))
		return diag_library(diag, "transfer");
	return diag_compare(diag, "after host, card, card, host", t->sent, t->found, t->bytes);
}

static void transfer_free(struct transfer *t)
{
	accel_buffer_destroy(t->first);
	accel_buffer_destroy(t->second);
	free(t->sent);
	free(t->found);
}

static enum diag_result transfer_make(struct diag *diag, struct transfer *t, uint64_t room)
{
	t->sent = malloc(room);
	t->found = malloc(room);
	if (!t->sent || !t->found)
		return diag_detail(diag, DIAG_SKIP, "the host has no memory for %llu bytes",
				   (unsigned long long)room);
	if (accel_buffer_create(diag->context, room, ACCEL_MEMORY_CARD, 0, &t->first) ||
	    accel_buffer_create(diag->context, room, ACCEL_MEMORY_CARD, 0, &t->second))
		return diag_library(diag, "card memory");
	return DIAG_PASS;
}

static enum diag_result test_size(struct diag *diag, uint64_t bytes)
{
	struct transfer t = { .bytes = bytes };
	enum diag_result result = transfer_make(diag, &t, bytes);

	if (result == DIAG_PASS) {
		diag_pattern(t.sent, bytes, bytes);
		memset(t.found, ~t.sent[0], bytes);
		result = move(diag, &t);
	}
	transfer_free(&t);
	return result;
}

/* The bytes around a transfer must keep what they had. */
static enum diag_result test_guarded(struct diag *diag, struct transfer *t, uint64_t room)
{
	uint8_t *around = malloc(room), *expected = malloc(room);
	enum diag_result result = DIAG_FAIL;

	if (!around || !expected) {
		diag_detail(diag, DIAG_FAIL, "no memory");
		goto out;
	}
	memset(expected, GUARD_BYTE, room);
	diag_pattern(t->sent, t->bytes, t->first_offset * 31 + t->second_offset);
	memset(t->found, ~t->sent[0], t->bytes);
	if (accel_stream_fill(diag->copy, accel_buffer_address(t->second), room, GUARD_BYTE, 1)) {
		diag_library(diag, "fill");
		goto out;
	}
	result = move(diag, t);
	if (result != DIAG_PASS)
		goto out;
	memcpy(expected + t->second_offset, t->sent, t->bytes);
	result = DIAG_FAIL;
	if (accel_stream_download(diag->copy, around, t->second, 0, room) ||
	    accel_stream_synchronize(diag->copy, DIAG_WAIT_NS))
		diag_library(diag, "card to host");
	else
		result = diag_compare(diag, "whole buffer", expected, around, room);
out:
	free(around);
	free(expected);
	return result;
}

/* Odd offsets and lengths, around the ends of cache lines and pages. */
static enum diag_result test_offsets(struct diag *diag)
{
	static const uint64_t offsets[] = { 0, 1, 3, 63, 65, 4093, 4096, 4099 };
	static const uint64_t lengths[] = { 1, 2, 5, 64, 127, 4096, 5003 };
	const uint64_t room = 4 * 4096 + GUARD_BYTES;
	enum diag_result result;
	struct transfer t = { 0 };

	result = transfer_make(diag, &t, room);
	for (size_t a = 0; a < sizeof(offsets) / sizeof(offsets[0]); a++) {
		for (size_t n = 0; n < sizeof(lengths) / sizeof(lengths[0]) && result == DIAG_PASS; n++) {
			t.bytes = lengths[n];
			t.first_offset = offsets[a];
			t.second_offset = offsets[(a * 3 + n + 1) % 8];
			result = test_guarded(diag, &t, room);
		}
	}
	transfer_free(&t);
	return result;
}

static enum diag_result test_fill(struct diag *diag)
{
	static const uint32_t sizes[] = { 1, 2, 4, 8 };
	const uint64_t pattern = 0x8877665544332211ull;
	uint8_t expected[256], found[256];
	struct accel_buffer *buffer = NULL;
	enum diag_result result = DIAG_PASS;

	if (accel_buffer_create(diag->context, sizeof(found), ACCEL_MEMORY_CARD, 0, &buffer))
		return diag_library(diag, "card memory");
	for (size_t i = 0; i < 4 && result == DIAG_PASS; i++) {
		for (uint32_t k = 0; k < sizeof(expected); k++)
			expected[k] = pattern >> 8 * (k % sizes[i]);
		if (accel_stream_fill(diag->copy, accel_buffer_address(buffer), sizeof(found), pattern, sizes[i]) ||
		    accel_stream_download(diag->copy, found, buffer, 0, sizeof(found)) ||
		    accel_stream_synchronize(diag->copy, DIAG_WAIT_NS))
			result = diag_library(diag, "fill");
		else
			result = diag_compare(diag, "fill", expected, found, sizeof(found));
	}
	accel_buffer_destroy(buffer);
	return result;
}

/* Rows of 7 bytes, from a pitch of 19 to one of 11: what lies between must stay. */
static enum diag_result test_strided(struct diag *diag)
{
	enum { ROWS = 50, ROW = 7, FROM = 19, TO = 11 };
	uint8_t sent[ROWS * FROM], found[ROWS * TO], expected[ROWS * TO];
	struct accel_buffer *from = NULL, *to = NULL;
	enum diag_result result;

	diag_pattern(sent, sizeof(sent), 7);
	memset(expected, GUARD_BYTE, sizeof(expected));
	for (int i = 0; i < ROWS; i++)
		memcpy(expected + i * TO, sent + i * FROM, ROW);
	if (accel_buffer_create(diag->context, sizeof(sent), ACCEL_MEMORY_CARD, 0, &from) ||
	    accel_buffer_create(diag->context, sizeof(found), ACCEL_MEMORY_CARD, 0, &to) ||
	    accel_stream_upload(diag->copy, from, 0, sent, sizeof(sent)) ||
	    accel_stream_fill(diag->copy, accel_buffer_address(to), sizeof(found), GUARD_BYTE, 1) ||
	    accel_stream_copy_strided(diag->copy, accel_buffer_address(to), TO, accel_buffer_address(from), FROM,
				      ROW, ROWS) ||
	    accel_stream_download(diag->copy, found, to, 0, sizeof(found)) ||
	    accel_stream_synchronize(diag->copy, DIAG_WAIT_NS))
		result = diag_library(diag, "strided copy");
	else
		result = diag_compare(diag, "strided copy", expected, found, sizeof(found));
	accel_stream_synchronize(diag->copy, DIAG_WAIT_NS);
	accel_buffer_destroy(from);
	accel_buffer_destroy(to);
	return result;
}

void diag_test_dma(struct diag *diag)
{
	static const uint64_t sizes[] = {
		1, 2, 3, 7, 64, 4095, 4096, 4097, 65537, (1 << 20) - 1, 16 << 20, 64 << 20, 256 << 20, 512u << 20,
	};

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		if (sizes[i] <= diag->max_bytes)
			diag_report(diag, test_size(diag, sizes[i]), "dma %llu bytes",
				    (unsigned long long)sizes[i]);
	diag_report(diag, test_offsets(diag), "dma odd offsets");
	diag_report(diag, test_fill(diag), "fill");
	diag_report(diag, test_strided(diag), "strided copy");
}

/* --- Bandwidth: a figure, not a verdict ------------------------------------------------- */

#define BANDWIDTH_BYTES	(64ull << 20)
#define BANDWIDTH_RUNS	4

static double gigabytes_per_second(uint64_t bytes, uint64_t ns)
{
	return ns ? (double)bytes * BANDWIDTH_RUNS / ns : 0;
}

static enum diag_result measure(struct diag *diag, struct transfer *t, double rates[4])
{
	uint64_t start;

	for (int kind = 0; kind < 4; kind++) {
		start = diag_now_ns();
		for (int i = 0; i < BANDWIDTH_RUNS; i++) {
			int err = 0;

			if (kind == 0)
				err = accel_stream_upload(diag->copy, t->first, 0, t->sent, t->bytes);
			else if (kind == 1)
				err = accel_stream_copy(diag->copy, accel_buffer_address(t->second),
							accel_buffer_address(t->first), t->bytes);
			else if (kind == 2)
				err = accel_stream_download(diag->copy, t->found, t->second, 0, t->bytes);
			else
				memcpy(t->found, t->sent, t->bytes);
			if (err)
				return diag_library(diag, "transfer");
		}
		if (accel_stream_synchronize(diag->copy, DIAG_WAIT_NS))
			return diag_library(diag, "transfer");
		rates[kind] = gigabytes_per_second(t->bytes, diag_now_ns() - start);
	}
	return diag_compare(diag, "after transfer", t->sent, t->found, t->bytes);
}

void diag_test_bandwidth(struct diag *diag)
{
	struct transfer t = { .bytes = diag->max_bytes < BANDWIDTH_BYTES ? diag->max_bytes : BANDWIDTH_BYTES };
	enum diag_result result = transfer_make(diag, &t, t.bytes);
	double rates[4];

	if (result == DIAG_PASS) {
		diag_pattern(t.sent, t.bytes, 1);
		memset(t.found, 0, t.bytes);
		result = measure(diag, &t, rates);
	}
	if (result == DIAG_PASS)
		diag_detail(diag, result,
			    "GB/s: %.2f host to card, %.2f card to card, %.2f card to host, %.2f memcpy on the host",
			    rates[0], rates[1], rates[2], rates[3]);
	diag_report(diag, result, "bandwidth, %llu bytes", (unsigned long long)t.bytes);
	transfer_free(&t);
}
