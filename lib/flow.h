/* SPDX-License-Identifier: MIT */
/*
 * What a job reads that was there before it, and what it writes: by that it may
 * run again or not. Asked only when a job has failed.
 *
 * Locking: none; the caller owns the job and the flow.
 */
#ifndef LIB_FLOW_H
#define LIB_FLOW_H

#include "context.h"
#include "retry.h"

/** flow_of_job() - the facts about @job. -ENOMEM: with text */
int flow_of_job(const struct accel_job *job, struct retry_job *facts);
/** flow_overlaps() - two ranges of memory of the caller */
bool flow_overlaps(const void *a, uint64_t a_bytes, const void *b, uint64_t b_bytes);

#endif
