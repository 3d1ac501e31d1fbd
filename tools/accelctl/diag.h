/* SPDX-License-Identifier: MIT */
/*
 * accelctl diag: tests of a card by the library's public interface.
 *
 * A test function makes what it needs, reports once and cleans up. Files: dma
 * moves patterns, mmu provokes refused accesses, order checks streams and
 * events, host uses memory of this process, ops compares each tensor operation with a plain computation.
 *
 * Single-threaded.
 */
#ifndef ACCELCTL_DIAG_H
#define ACCELCTL_DIAG_H

#include "device.h"

enum diag_result { DIAG_PASS, DIAG_FAIL, DIAG_SKIP };

#define DIAG_DETAIL_BYTES	400
#define DIAG_WAIT_NS		(60ull * 1000000000)	/* of one step; jobs have the stream's own limit */

/** struct diag - a run of the tests */
struct diag {
	const struct arguments *arguments;
	struct accel_device *device;
	struct accel_context *context;
	struct accel_stream *copy, *compute;	/* of @context; made anew by diag_renew() */
	uint64_t max_bytes;
	bool as_json;
	unsigned int counts[3];			/* by enum diag_result */
	uint64_t started_ns;			/* of the present test */
	char detail[DIAG_DETAIL_BYTES];		/* of the present test */
};

/** diag_report() - result of the test @name; diag->detail explains it */
void diag_report(struct diag *diag, enum diag_result result, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/** diag_detail() - note why. Return: @result */
enum diag_result diag_detail(struct diag *diag, enum diag_result result, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/** diag_library() - the library failed, its text is the detail. Return: DIAG_FAIL */
enum diag_result diag_library(struct diag *diag, const char *what);
/** diag_renew() - context and streams as new: a stream that failed takes no more work */
int diag_renew(struct diag *diag);

uint64_t diag_now_ns(void);
/** diag_pattern() - fill with bytes that depend on position and @seed */
void diag_pattern(uint8_t *data, uint64_t bytes, uint64_t seed);
/** diag_compare() - DIAG_PASS, or DIAG_FAIL with the first difference as detail */
enum diag_result diag_compare(struct diag *diag, const char *what, const uint8_t *expected, const uint8_t *found,
			      uint64_t bytes);

void diag_test_dma(struct diag *diag);
void diag_test_bandwidth(struct diag *diag);
void diag_test_mmu(struct diag *diag);
void diag_test_order(struct diag *diag);
void diag_test_host(struct diag *diag);
void diag_test_ops(struct diag *diag);

#endif
