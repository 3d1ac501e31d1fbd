/* SPDX-License-Identifier: MIT */
/*
 * Schedulers over virtual cards in this process, for tests: a model whose result
 * is known, requests that remember what they asked for, and ways to hurt a card.
 *
 * Locking: a rig belongs to the test's thread; a job to whoever submits it.
 */
#ifndef TESTS_UNIT_SCHEDULER_RIG_H
#define TESTS_UNIT_SCHEDULER_RIG_H

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <accel/accel.h>
#include <aci/aci_tcs.h>

#include "lib_assert.h"

#define RIG_CARDS_MAX	8
#define RIG_COUNT	64u			/* elements of an input and an output */
#define RIG_BYTES	(RIG_COUNT * sizeof(float))
#define RIG_PATIENCE	(120 * 1000000000ull)

struct rig {
	uint32_t card_count;
	struct accel_device *devices[RIG_CARDS_MAX];
	struct accel_scheduler *scheduler;
	struct accel_client *client;
};

/** struct rig_model - out[i] = in[i] + addend * (i + 1) */
struct rig_model {
	float addend;
	uint64_t weight_rows;		/* more rows of weights than it uses: a larger model */
	uint32_t builds;		/* atomic: calls of the builder */
	int build_error;
	struct accel_service *service;
};

/** struct rig_job - a request with memory of its own */
struct rig_job {
	struct accel_request *request;
	const struct rig_model *model;
	struct accel_tensor input, output;
	float in[RIG_COUNT], out[RIG_COUNT];
	uint32_t ends;			/* atomic: callbacks */
	int result;			/* of the callback */
};

void rig_open(struct rig *rig, uint32_t cards, const char *card,
	      const struct accel_scheduler_options *options);
void rig_close(struct rig *rig);
/** rig_add_model() - options may be NULL; path, build and opaque are set here */
int rig_add_model(struct rig *rig, struct rig_model *model,
		  const struct accel_service_options *options);
/** rig_control() - a command to a card's fault injection */
void rig_control(struct rig *rig, uint32_t card, const char *command);
/** rig_lose() - pull a card; it comes back when the library opens it again */
void rig_lose(struct rig *rig, uint32_t card);
/** rig_forbid() - a card that was pulled does not come back until rig_allow() */
void rig_forbid(struct rig *rig, uint32_t card);
void rig_allow(struct rig *rig, uint32_t card, const char *options);

/** job_init() - plain memory, input by @seed */
void job_init(struct rig_job *job, const struct rig_model *model, uint32_t seed);
struct accel_request_options job_options(struct rig_job *job);
int job_submit(struct rig_job *job, struct accel_client *client);
/** job_wait() - and check that the output is right if it ended well */
int job_wait(struct rig_job *job);
void job_check(const struct rig_job *job);
/** job_done() - a callback that counts; opaque is the job */
void job_done(void *opaque, struct accel_request *request, int result);
uint32_t job_ends(const struct rig_job *job);

#endif
