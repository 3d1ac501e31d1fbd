// SPDX-License-Identifier: MIT
/* Order within a stream, between streams, and how the end of work is told. */
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "diag.h"

#define STEPS	200

/* Each step overwrites the counter and adds it to a list: a swap shows. */
static enum diag_result test_in_order(struct diag *diag)
{
	struct accel_buffer *buffer = NULL;
	uint8_t expected[STEPS], found[STEPS];
	enum diag_result result = DIAG_PASS;
	uint64_t cell, list;

	if (accel_buffer_create(diag->context, 4096 + STEPS, ACCEL_MEMORY_CARD, 0, &buffer))
		return diag_library(diag, "card memory");
	cell = accel_buffer_address(buffer);
	list = cell + 4096;
	for (int i = 0; i < STEPS && result == DIAG_PASS; i++) {
		expected[i] = i * 7 + 1;
		if (accel_stream_fill(diag->copy, cell, 1, expected[i], 1) ||
		    accel_stream_copy(diag->copy, list + i, cell, 1) ||
		    (i % 16 == 0 && accel_stream_flush(diag->copy)))
			result = diag_library(diag, "submission");
	}
	if (result == DIAG_PASS && (accel_stream_download(diag->copy, found, buffer, 4096, STEPS) ||
				    accel_stream_synchronize(diag->copy, DIAG_WAIT_NS)))
		result = diag_library(diag, "end of the stream");
	if (result == DIAG_PASS)
		result = diag_compare(diag, "list of steps", expected, found, STEPS);
	accel_stream_synchronize(diag->copy, DIAG_WAIT_NS);
	accel_buffer_destroy(buffer);
	return result;
}

/* One stream writes, the other passes it on; each waits for the other's event. */
static enum diag_result ping_pong(struct diag *diag, struct accel_event **events, struct accel_buffer *buffer)
{
	uint64_t cell = accel_buffer_address(buffer), list = cell + 4096;
	uint8_t expected[STEPS], found[STEPS];

	for (int i = 0; i < STEPS; i++) {
		expected[i] = i * 5 + 3;
		if (accel_stream_fill(diag->copy, cell, 1, expected[i], 1) ||
		    accel_stream_record(diag->copy, events[0]) ||
		    accel_stream_wait_event(diag->compute, events[0]) ||
		    accel_stream_copy(diag->compute, list + i, cell, 1) ||
		    accel_stream_record(diag->compute, events[1]) ||
		    accel_stream_wait_event(diag->copy, events[1]))
			return diag_library(diag, "submission");
	}
	if (accel_stream_download(diag->copy, found, buffer, 4096, STEPS) ||
	    accel_stream_synchronize(diag->copy, DIAG_WAIT_NS))
		return diag_library(diag, "end of the stream");
	return diag_compare(diag, "list of steps", expected, found, STEPS);
}

static enum diag_result test_events(struct diag *diag)
{
	struct accel_event *events[2] = { NULL };
	struct accel_buffer *buffer = NULL;
	enum diag_result result;

	if (accel_buffer_create(diag->context, 4096 + STEPS, ACCEL_MEMORY_CARD, 0, &buffer) ||
	    accel_event_create(diag->context, &events[0]) || accel_event_create(diag->context, &events[1]))
		result = diag_library(diag, "preparation");
	else
		result = ping_pong(diag, events, buffer);
	accel_stream_synchronize(diag->compute, DIAG_WAIT_NS);
	accel_stream_synchronize(diag->copy, DIAG_WAIT_NS);
	accel_event_destroy(events[0]);
	accel_event_destroy(events[1]);
	accel_buffer_destroy(buffer);
	return result;
}

static enum diag_result wait_by_fd(struct diag *diag, struct accel_event *event)
{
	struct pollfd poll_fd = { .events = POLLIN };
	enum diag_result result = DIAG_PASS;
	int ready;

	if (accel_event_get_fd(event, &poll_fd.fd))
		return diag_library(diag, "eventfd");
	ready = poll(&poll_fd, 1, DIAG_WAIT_NS / 1000000);
	if (ready != 1)
		result = diag_detail(diag, DIAG_FAIL, "the eventfd did not become readable");
	else if (accel_event_wait(event, 0))
		result = diag_detail(diag, DIAG_FAIL, "the eventfd is readable, but the event not done: %s",
				     accel_last_error());
	close(poll_fd.fd);
	return result;
}

static enum diag_result test_event_fd(struct diag *diag)
{
	struct accel_buffer *buffer = NULL;
	struct accel_event *event = NULL;
	enum diag_result result;

	if (accel_buffer_create(diag->context, 1 << 20, ACCEL_MEMORY_CARD, 0, &buffer) ||
	    accel_event_create(diag->context, &event) ||
	    accel_stream_fill(diag->copy, accel_buffer_address(buffer), 1 << 20, 1, 1) ||
	    accel_stream_record(diag->copy, event))
		result = diag_library(diag, "preparation");
	else
		result = wait_by_fd(diag, event);
	accel_stream_synchronize(diag->copy, DIAG_WAIT_NS);
	accel_event_destroy(event);
	accel_buffer_destroy(buffer);
	return result;
}

static enum diag_result test_timestamps(struct diag *diag)
{
	struct accel_buffer *buffer = NULL;
	enum diag_result result = DIAG_PASS;
	uint64_t stamps[16];

	if (accel_buffer_create(diag->context, sizeof(stamps), ACCEL_MEMORY_CARD, 0, &buffer))
		return diag_library(diag, "card memory");
	for (uint32_t i = 0; i < 16 && result == DIAG_PASS; i++)
		if (accel_stream_timestamp(diag->copy, accel_buffer_address(buffer) + i * 8))
			result = diag_library(diag, "submission");
	if (result == DIAG_PASS && (accel_stream_download(diag->copy, stamps, buffer, 0, sizeof(stamps)) ||
				    accel_stream_synchronize(diag->copy, DIAG_WAIT_NS)))
		result = diag_library(diag, "end of the stream");
	for (int i = 1; i < 16 && result == DIAG_PASS; i++)
		if (stamps[i] < stamps[i - 1] || !stamps[i])
			result = diag_detail(diag, DIAG_FAIL, "timestamp %d is %llu after %llu", i,
					     (unsigned long long)stamps[i], (unsigned long long)stamps[i - 1]);
	accel_stream_synchronize(diag->copy, DIAG_WAIT_NS);
	accel_buffer_destroy(buffer);
	return result;
}

void diag_test_order(struct diag *diag)
{
	bool user = accel_context_has_user_queues(diag->context);

	diag_report(diag, test_in_order(diag), "order in a stream (%s queue)", user ? "user" : "kernel");
	diag_report(diag, test_events(diag), "events between streams (%s)", user ? "memory fences" : "kernel fences");
	diag_report(diag, test_event_fd(diag), "event by file descriptor");
	diag_report(diag, test_timestamps(diag), "timestamps");
}
