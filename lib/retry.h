/* SPDX-License-Identifier: MIT */
/*
 * May a job that failed run again? Which failure is a loss (the card was reset,
 * is gone) and which one the job's own, and what a loss leaves of a job. Facts
 * in, verdict out: nothing is called, nothing is kept.
 *
 * Locking: none, pure functions.
 */
#ifndef LIB_RETRY_H
#define LIB_RETRY_H

#include <stdbool.h>
#include <stdint.h>

#include <accel/accel.h>

/** struct retry_job - what is known of a job */
struct retry_job {
	bool accumulates;	/* it overwrites what it has read: a part may have been done */
	bool idempotent;	/* by declaration: running it again does no harm */
	bool restorable;	/* all that it reads it wrote itself, or the library brings back */
};

/** enum retry_verdict - what to do about a failed job */
enum retry_verdict {
	RETRY_FAIL,		/* complete it with its error */
	RETRY_STATE_LOST,	/* complete it with -ENOTRECOVERABLE */
	RETRY_AGAIN,		/* restore the context, then run it again */
};

/**
 * retry_classify() - what the end of a job in a queue tells
 * @error: negative errno that the stream ended with, 0: none
 * @status: ACI_STATUS_* of the queue, 0: none
 * @queue_flags: DRM_ACI_QUEUE_*
 *
 * Lost memory is not told by a queue: the VM knows (DRM_ACI_VM_LOST).
 */
enum accel_loss retry_classify(int error, uint32_t status, uint32_t queue_flags);

/**
 * retry_judge() - of a job that failed
 * @attempts_left: how often it may still be run
 */
enum retry_verdict retry_judge(const struct retry_job *job, enum accel_loss loss,
			       uint32_t attempts_left);

#endif
