// SPDX-License-Identifier: MIT
/* accelctl diag: runs the tests of a level and tells what came out. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "diag.h"
#include "json.h"

#define MAX_BYTES_DEFAULT	(256ull << 20)
#define MAX_BYTES_LIMIT		(64ull << 30)
#define MEMORY_SHARE		4	/* two buffers of a quarter leave room for others */

const struct option_spec diag_options[] = {
	{ "level", 'l', "N", "1: seconds, beside other work (default 1; there is no higher level yet)" },
	{ "device", 'd', "DEVICE", "PCI address, serial:NUMBER or node of the card" },
	{ "max-bytes", 0, "N", "largest transfer, with suffix K, M or G (default 256M)" },
	{ 0 },
};

static const char *const result_names[] = { "pass", "fail", "skip" };

uint64_t diag_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ull + now.tv_nsec;
}

enum diag_result diag_detail(struct diag *diag, enum diag_result result, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(diag->detail, sizeof(diag->detail), format, args);
	va_end(args);
	return result;
}

enum diag_result diag_library(struct diag *diag, const char *what)
{
	return diag_detail(diag, DIAG_FAIL, "%s: %s", what, accel_last_error());
}

void diag_report(struct diag *diag, enum diag_result result, const char *format, ...)
{
	uint64_t now = diag_now_ns();
	char name[100];
	va_list args;

	va_start(args, format);
	vsnprintf(name, sizeof(name), format, args);
	va_end(args);
	diag->counts[result]++;
	if (diag->as_json) {
		json_open_object(NULL);
		json_string("name", name);
		json_string("result", result_names[result]);
		json_real("ms", (now - diag->started_ns) * 1e-6);
		json_text("detail", diag->detail);
		json_close_object();
	} else {
		printf("%s  %s%s%s\n", result_names[result], name, diag->detail[0] ? ": " : "", diag->detail);
		fflush(stdout);
	}
	diag->detail[0] = 0;
	diag->started_ns = now;
}

/* xorshift; eight bytes at a time. */
void diag_pattern(uint8_t *data, uint64_t bytes, uint64_t seed)
{
	uint64_t state = (seed + 1) * 0x9e3779b97f4a7c15ull;

	for (uint64_t i = 0; i < bytes; i += sizeof(state)) {
		uint64_t length = bytes - i < sizeof(state) ? bytes - i : sizeof(state);

		state ^= state << 13;
		state ^= state >> 7;
		state ^= state << 17;
		memcpy(data + i, &state, length);
	}
}

enum diag_result diag_compare(struct diag *diag, const char *what, const uint8_t *expected, const uint8_t *found,
			      uint64_t bytes)
{
	uint64_t first = 0, wrong = 0;

	if (!memcmp(expected, found, bytes))
		return DIAG_PASS;
	for (uint64_t i = 0; i < bytes; i++) {
		if (expected[i] == found[i])
			continue;
		if (!wrong++)
			first = i;
	}
	return diag_detail(diag, DIAG_FAIL, "%s: %llu of %llu bytes differ, first at %llu: 0x%02x, expected 0x%02x",
			   what, (unsigned long long)wrong, (unsigned long long)bytes, (unsigned long long)first,
			   found[first], expected[first]);
}

static void drop(struct diag *diag)
{
	accel_stream_destroy(diag->copy);
	accel_stream_destroy(diag->compute);
	accel_context_destroy(diag->context);
	diag->copy = diag->compute = NULL;
	diag->context = NULL;
}

int diag_renew(struct diag *diag)
{
	struct accel_stream_options options = { .engine = ACCEL_ENGINE_COPY, .priority = ACCEL_PRIORITY_NORMAL };
	int err;

	drop(diag);
	err = accel_context_create(diag->device, &diag->context);
	if (!err)
		err = accel_stream_create(diag->context, &options, &diag->copy);
	options.engine = ACCEL_ENGINE_COMPUTE;
	if (!err)
		err = accel_stream_create(diag->context, &options, &diag->compute);
	return err;
}

static void run_level_1(struct diag *diag)
{
	static void (*const groups[])(struct diag *) = {
		diag_test_dma, diag_test_order, diag_test_host, diag_test_mmu, diag_test_ops, diag_test_bandwidth,
	};

	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
		diag->started_ns = diag_now_ns();
		if (diag_renew(diag)) {
			diag_report(diag, diag_library(diag, "a new context"), "context");
			return;
		}
		groups[i](diag);
	}
}

static void print_end(const struct diag *diag)
{
	if (diag->as_json) {
		json_close_array();
		json_string("result", diag->counts[DIAG_FAIL] ? "fail" : "pass");
		json_uint("passed", diag->counts[DIAG_PASS]);
		json_uint("failed", diag->counts[DIAG_FAIL]);
		json_uint("skipped", diag->counts[DIAG_SKIP]);
		json_finish();
	} else {
		printf("%u passed, %u failed, %u skipped\n", diag->counts[DIAG_PASS], diag->counts[DIAG_FAIL],
		       diag->counts[DIAG_SKIP]);
	}
}

static int run_diag(struct diag *diag)
{
	struct accel_device_info info;
	uint64_t free_bytes, total_bytes;

	if (accel_device_get_info(diag->device, &info) ||
	    accel_memory_get_info(diag->device, &total_bytes, &free_bytes))
		return report_failure(diag->arguments, STATUS_NO_DEVICE, "%s", accel_last_error());
	if (total_bytes && diag->max_bytes > free_bytes / MEMORY_SHARE)
		diag->max_bytes = free_bytes / MEMORY_SHARE;
	if (diag->as_json) {
		json_start("diag");
		device_json("device", &info);
		json_uint("level", 1);
		json_open_array("tests");
	}
	run_level_1(diag);
	print_end(diag);
	drop(diag);
	/* No test passed: nothing is proven. */
	return diag->counts[DIAG_FAIL] || !diag->counts[DIAG_PASS] ? STATUS_FAILED : STATUS_OK;
}

int command_diag(const struct arguments *arguments)
{
	struct diag diag = { .arguments = arguments, .max_bytes = MAX_BYTES_DEFAULT,
			     .as_json = arguments_has(arguments, "json") };
	uint64_t level = 1;
	int status;

	if (!arguments_get_number(arguments, "level", 1, 1, &level) ||
	    !arguments_get_number(arguments, "max-bytes", 1, MAX_BYTES_LIMIT, &diag.max_bytes))
		return STATUS_USAGE;
	status = device_open(arguments, &diag.device);
	if (!status)
		status = run_diag(&diag);
	accel_device_close(diag.device);
	return status;
}
