// SPDX-License-Identifier: MIT
/*
 * accelctl trace: what the scheduler and the cards did, as a file that Perfetto
 * and Chrome show: a process of requests, and one for each card with a track for
 * batches, uploads, computation, downloads and models.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "load.h"

/* Track of a card, by kind; those of batches and requests overlap each other. */
static const char *const track_names[] = {
	[ACCEL_TRACE_REQUEST] = "request", [ACCEL_TRACE_BATCH] = "batch",
	[ACCEL_TRACE_LOAD] = "load", [ACCEL_TRACE_UNLOAD] = "unload",
	[ACCEL_TRACE_UPLOAD] = "upload", [ACCEL_TRACE_COMPUTE] = "compute",
	[ACCEL_TRACE_DOWNLOAD] = "download", [ACCEL_TRACE_LOSS] = "card lost",
};

#define KINDS	(sizeof(track_names) / sizeof(track_names[0]))

/** struct trace - events as they come; under the lock */
struct trace {
	pthread_mutex_t lock;
	struct accel_trace_event *events;
	uint64_t count, room, dropped;
	uint64_t kinds[KINDS];
};

static void trace_event(void *opaque, const struct accel_trace_event *event)
{
	struct trace *trace = opaque;

	pthread_mutex_lock(&trace->lock);
	if (trace->count == trace->room) {
		uint64_t room = trace->room * 2 + 1024;
		struct accel_trace_event *events = reallocarray(trace->events, room, sizeof(*events));

		if (events) {
			trace->events = events;
			trace->room = room;
		}
	}
	if (trace->count < trace->room) {
		trace->events[trace->count++] = *event;
		trace->kinds[event->kind]++;
	} else {
		trace->dropped++;
	}
	pthread_mutex_unlock(&trace->lock);
}

static uint64_t first_ns(const struct trace *trace)
{
	uint64_t first = UINT64_MAX;

	for (uint64_t i = 0; i < trace->count; i++)
		if (trace->events[i].begin_ns < first)
			first = trace->events[i].begin_ns;
	return first;
}

static void write_name(FILE *file, uint32_t process, uint32_t thread, const char *what, const char *name)
{
	fprintf(file, "{\"ph\":\"M\",\"pid\":%u,\"tid\":%u,\"name\":\"%s\",\"args\":{\"name\":\"%s\"}},\n",
		process, thread, what, name);
}

/* Process 1 are the requests, then the cards; a thread is a kind. */
static void write_names(FILE *file, const struct load *load)
{
	char name[ACCEL_NAME_BYTES + 32];

	write_name(file, 1, 0, "process_name", "requests");
	for (uint32_t i = 0; i < load->card_count; i++) {
		snprintf(name, sizeof(name), "card %u: %s", i, load->infos[i].name);
		write_name(file, i + 2, 0, "process_name", name);
		for (uint32_t kind = ACCEL_TRACE_BATCH; kind < KINDS; kind++)
			write_name(file, i + 2, kind, "thread_name", track_names[kind]);
	}
}

static double to_us(uint64_t ns, uint64_t first)
{
	return ns > first ? (ns - first) * 1e-3 : 0;
}

/* Those that overlap are asynchronous: a pair of events with an id. */
static void write_pair(FILE *file, const struct accel_trace_event *event, uint64_t first)
{
	bool request = event->kind == ACCEL_TRACE_REQUEST;
	uint32_t process = request ? 1 : event->card + 2;

	fprintf(file, "{\"ph\":\"b\",\"cat\":\"%s\",\"id\":%" PRIu64 ",\"pid\":%u,\"tid\":%u,\"ts\":%.3f,"
		"\"name\":\"%s\",\"args\":{\"result\":%d,\"card\":%u,\"batch\":%" PRIu64 ",\"count\":%u}},\n",
		track_names[event->kind], event->id, process, (unsigned int)event->kind,
		to_us(event->begin_ns, first), track_names[event->kind], event->result, event->card,
		request ? event->batch : event->id, event->count);
	fprintf(file, "{\"ph\":\"e\",\"cat\":\"%s\",\"id\":%" PRIu64 ",\"pid\":%u,\"tid\":%u,\"ts\":%.3f,"
		"\"name\":\"%s\"},\n", track_names[event->kind], event->id, process,
		(unsigned int)event->kind, to_us(event->end_ns, first), track_names[event->kind]);
}

static void write_span(FILE *file, const struct accel_trace_event *event, uint64_t first)
{
	double begin = to_us(event->begin_ns, first), end = to_us(event->end_ns, first);

	fprintf(file, "{\"ph\":\"X\",\"cat\":\"card\",\"pid\":%u,\"tid\":%u,\"ts\":%.3f,\"dur\":%.3f,"
		"\"name\":\"%s\",\"args\":{\"result\":%d,\"batch\":%" PRIu64 ",\"count\":%u}},\n",
		event->card + 2, (unsigned int)event->kind, begin, end > begin ? end - begin : 0,
		track_names[event->kind], event->result, event->id, event->count);
}

static void write_events(FILE *file, const struct trace *trace, const struct load *load)
{
	uint64_t first = first_ns(trace);

	fprintf(file, "{\"displayTimeUnit\":\"ms\",\"traceEvents\":[\n");
	write_names(file, load);
	for (uint64_t i = 0; i < trace->count; i++) {
		const struct accel_trace_event *event = &trace->events[i];

		if (event->kind == ACCEL_TRACE_REQUEST || event->kind == ACCEL_TRACE_BATCH)
			write_pair(file, event, first);
		else
			write_span(file, event, first);
	}
	/* So that every event above may end with a comma. */
	fprintf(file, "{\"ph\":\"M\",\"pid\":1,\"tid\":0,\"name\":\"process_sort_index\","
		"\"args\":{\"sort_index\":0}}\n]}\n");
}

static int write_file(const struct trace *trace, const struct load *load, const char *path)
{
	FILE *file = fopen(path, "we");
	bool failed;

	if (!file)
		return report_failure(load->arguments, STATUS_FILE, "%s: %s", path, strerror(errno));
	write_events(file, trace, load);
	failed = ferror(file);
	failed |= fclose(file) != 0;
	if (failed)
		return report_failure(load->arguments, STATUS_FILE, "%s: cannot be written: %s", path,
				      strerror(errno));
	return STATUS_OK;
}

static void report(struct load *load, const struct trace *trace, const char *path)
{
	if (!arguments_has(load->arguments, "json")) {
		printf("%-15s %" PRIu64 " events in %s%s\n", "trace", trace->count, path,
		       trace->dropped ? ", others did not fit into memory" : "");
		load_report_text(load);
		return;
	}
	json_start("trace");
	json_string("file", path);
	json_open_object("events");
	for (uint32_t kind = 0; kind < KINDS; kind++)
		json_uint(track_names[kind], trace->kinds[kind]);
	json_uint("dropped", trace->dropped);
	json_close_object();
	load_report_json(load);
	json_finish();
}

int command_trace(const struct arguments *arguments)
{
	struct trace trace = { .lock = PTHREAD_MUTEX_INITIALIZER };
	const char *path = arguments_get(arguments, "output", NULL);
	struct load load;
	int status;

	if (!path)
		return usage_error(arguments, "--output names the file that the trace goes to");
	status = load_open(arguments, &load);
	if (!status && accel_scheduler_trace(load.scheduler, trace_event, &trace))
		status = report_failure(arguments, STATUS_FAILED, "%s", accel_last_error());
	if (!status)
		status = load_run(&load);
	if (!status)
		status = write_file(&trace, &load, path);
	if (!status)
		report(&load, &trace, path);
	if (!status)
		status = load_status(&load);
	load_close(&load);
	free(trace.events);
	return status;
}
