/* SPDX-License-Identifier: MIT */
/*
 * Running a job until it has ended in a way that stays: well, by its own
 * failure, as state lost, or by a loss after its last attempt.
 *
 * Locking: as accel_context_restore(): nobody else uses the context.
 */
#ifndef LIB_RETRY_RUN_H
#define LIB_RETRY_RUN_H

#include "context.h"
#include "retry.h"

/** struct retry_work - what is run */
struct retry_work {
	/** @run: enqueue all of it and wait for it */
	int (*run)(const struct retry_work *work);
	/** @facts: asked once, after a loss */
	int (*facts)(const struct retry_work *work, struct retry_job *facts);
	const void *data;
	struct accel_stream *stream;
};

/** retry_check() - of the caller. NULL: no further attempt */
int retry_check(const struct accel_retry *retry);
int retry_run(const struct retry_work *work, const struct accel_retry *retry);

#endif
