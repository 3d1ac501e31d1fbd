// SPDX-License-Identifier: MIT
/* The threaded scheduler's interface: what it refuses, and how it says so; time, memory, trace. */
#include "scheduler_rig.h"

static struct accel_scheduler_stats stats_of(struct rig *rig)
{
	struct accel_scheduler_stats stats;

	must(accel_scheduler_get_stats(rig->scheduler, &stats));
	return stats;
}

static void run_one(struct rig *rig, const struct rig_model *model)
{
	struct rig_job job;

	job_init(&job, model, 1);
	must(job_submit(&job, rig->client));
	must(job_wait(&job));
	accel_request_destroy(job.request);
}

/* --- Arguments -------------------------------------------------------------------- */

static void test_scheduler_options(void **state)
{
	struct accel_device *device, *base, *two[2];
	struct accel_scheduler *scheduler;
	struct accel_scheduler_options options = { 0 };

	(void)state;
	must(accel_device_open("inproc:memory=16M,queues=16", &device));
	two[0] = two[1] = device;
	assert_ret(-EINVAL, accel_scheduler_create(NULL, 1, NULL, &scheduler));
	assert_ret(-EINVAL, accel_scheduler_create(&device, 0, NULL, &scheduler));
	assert_ret(-EINVAL, accel_scheduler_create(&device, 65, NULL, &scheduler));
	assert_ret(-EINVAL, accel_scheduler_create(&device, 1, NULL, NULL));
	assert_ret(-EINVAL, accel_scheduler_create(two, 2, NULL, &scheduler));
	assert_text("the same");
	two[1] = NULL;
	assert_ret(-EINVAL, accel_scheduler_create(two, 2, NULL, &scheduler));
	must(accel_device_open("inproc:profile=base", &base));
	assert_ret(-ENOTSUP, accel_scheduler_create(&base, 1, NULL, &scheduler));
	assert_text("tensor command set");
	accel_device_close(base);
#define refuse(member, value, text) do {						\
	options = (struct accel_scheduler_options) { .member = value };			\
	assert_ret(-EINVAL, accel_scheduler_create(&device, 1, &options, &scheduler));	\
	assert_text(text);								\
} while (0)
	refuse(policy, (enum accel_policy)4, "policy");
	refuse(flags, 2, "flags");
	refuse(depth, 9, "depth");
	refuse(job_timeout_ms, 600001, "job_timeout_ms");
	refuse(ageing_ns, UINT64_C(1) << 43, "ageing_ns");
	refuse(reserve_permille[1], 1001, "reserve_permille[1]");
	refuse(queue_limit, UINT32_MAX, "queue_limit");
#undef refuse
	assert_null(scheduler);
	accel_scheduler_destroy(NULL);
	accel_device_close(device);
}

static void test_service_options(void **state)
{
	struct rig_model model = { .addend = 1 };
	struct accel_service_options options;
	struct accel_service_info info;
	struct accel_tensor_info tensor;
	struct rig rig;

	(void)state;
	rig_open(&rig, 1, NULL, NULL);
#define refuse(error, text, ...) do {							\
	options = (struct accel_service_options) { __VA_ARGS__ };			\
	assert_ret(error, rig_add_model(&rig, &model, &options));			\
	assert_text(text);								\
	assert_null(model.service);							\
} while (0)
	refuse(-EINVAL, "flags", .flags = 1);
	refuse(-EINVAL, "one of them", .path = "x.onnx");
	refuse(-EINVAL, "dims", .dim_count = 1);
	refuse(-EINVAL, "cards 0x2", .cards = 2);
	refuse(-EINVAL, "batch_max", .batch_max = 65);
	refuse(-EINVAL, "preferred", .batch_max = 4, .preferred = { 5 });
	refuse(-EINVAL, "preferred", .batch_max = 4, .preferred = { 3, 2 });
	refuse(-EINVAL, "too long", .delay_ns = UINT64_C(1) << 43);
	refuse(-EINVAL, "too long", .first_ns = UINT64_C(1) << 40);
#undef refuse
	options = (struct accel_service_options) { .path = "/nowhere/x.onnx" };
	assert_ret(-ENOENT, accel_scheduler_add_model(rig.scheduler, &options, &model.service));
	assert_ret(-EINVAL, accel_scheduler_add_model(rig.scheduler, NULL, &model.service));
	assert_ret(-EINVAL, accel_scheduler_add_model(NULL, &options, &model.service));
	model.build_error = -EPERM;
	assert_ret(-EPERM, rig_add_model(&rig, &model, NULL));
	assert_text("could not be built");
	model.build_error = 0;
	must(rig_add_model(&rig, &model, NULL));
	must(accel_service_get_info(model.service, &info));
	assert_int_equal(info.input_count, 1);
	assert_int_equal(info.output_count, 1);
	assert_int_equal(info.batch_max, 1);
	must(accel_service_get_input(model.service, 0, &tensor));
	assert_string_equal(tensor.name, "x");
	assert_int_equal(tensor.bytes, RIG_BYTES);
	must(accel_service_get_output(model.service, 0, &tensor));
	assert_string_equal(tensor.name, "y");
	assert_ret(-EINVAL, accel_service_get_input(model.service, 1, &tensor));
	assert_ret(-EINVAL, accel_service_get_info(NULL, &info));
	rig_close(&rig);
}

/* A wrong tensor is named, with what is expected and what came. */
static void test_wrong_tensors(void **state)
{
	float memory[1024] __attribute__((aligned(4096)));
	struct rig_model model = { .addend = 1 };
	struct accel_region *region;
	struct accel_request *request;
	struct accel_request_options options;
	struct rig_job job;
	struct rig rig, other;

	(void)state;
	rig_open(&rig, 1, NULL, NULL);
	must(rig_add_model(&rig, &model, NULL));
	must(accel_scheduler_register_host(rig.scheduler, memory, sizeof(memory),
					   ACCEL_BUFFER_READONLY, &region));
#define refuse(text, change) do {							\
	job_init(&job, &model, 1);							\
	options = job_options(&job);							\
	change;										\
	assert_ret(-EINVAL, accel_request_submit(rig.client, &options, &request));	\
	assert_text(text);								\
	assert_null(request);								\
} while (0)
	refuse("input \"x\": expected f32 [1, 64], got f32 [1, 65]", job.input.shape[1] = 65);
	refuse("input \"x\": expected f32 [1, 64], got i32 [1, 64]", job.input.type = ACCEL_I32);
	refuse("output \"y\": expected f32 [1, 64], got f32 [1]", job.output.rank = 1);
	refuse("input \"x\": expected 256 bytes, got 252", job.input.bytes = 252);
	refuse("input \"x\" has no memory", job.input.data = NULL);
	refuse("output \"y\": the region is read-only", job.output.region = region);
	refuse("are not inside the region", job.input.region = region;
	       job.input.offset = sizeof(memory) - 8);
	refuse("inputs and outputs", options.inputs = NULL);
	refuse("priority", options.priority = (enum accel_priority)3);
	refuse("flags", options.flags = 2);
	refuse("same scheduler", options.service = NULL);
#undef refuse
	assert_ret(-EINVAL, accel_request_submit(rig.client, NULL, &request));
	job_init(&job, &model, 1);
	options = job_options(&job);
	assert_ret(-EINVAL, accel_request_submit(NULL, &options, &request));
	assert_ret(-EINVAL, accel_request_submit(rig.client, &options, NULL));
	assert_text("callback");
	rig_open(&other, 1, NULL, NULL);
	assert_ret(-EINVAL, accel_request_submit(other.client, &options, &request));
	job.input.region = region;
	must(rig_add_model(&other, &model, NULL));
	options = job_options(&job);
	assert_ret(-EINVAL, accel_request_submit(other.client, &options, &request));
	assert_text("another scheduler");
	rig_close(&other);
	must(accel_region_destroy(region));
	must(accel_region_destroy(NULL));
	assert_int_equal(stats_of(&rig).submitted, 0);
	rig_close(&rig);
}

static void test_other_arguments(void **state)
{
	struct accel_scheduler_card_stats card;
	struct accel_client *client;
	struct accel_region *region;
	float memory[1024];
	struct rig rig;

	(void)state;
	rig_open(&rig, 1, NULL, NULL);
	assert_ret(-EINVAL, accel_client_create(rig.scheduler, 0, &client));
	assert_ret(-EINVAL, accel_client_create(rig.scheduler, 1000001, &client));
	assert_ret(-EINVAL, accel_client_create(NULL, 1, &client));
	accel_client_destroy(NULL);
	assert_ret(-EINVAL, accel_scheduler_get_card_stats(rig.scheduler, 1, &card));
	assert_ret(-EINVAL, accel_scheduler_get_stats(rig.scheduler, NULL));
	assert_ret(-EINVAL, accel_scheduler_register_host(rig.scheduler, NULL, 1, 0, &region));
	assert_ret(-EINVAL, accel_scheduler_register_host(rig.scheduler, memory, 0, 0, &region));
	assert_ret(-EINVAL, accel_scheduler_register_host(rig.scheduler, memory, 64, 8, &region));
	assert_ret(-EFAULT, accel_scheduler_register_host(rig.scheduler, (void *)4096, 64, 0,
							  &region));
	assert_ret(-EINVAL, accel_scheduler_import_dmabuf(rig.scheduler, -1, &region));
	assert_ret(-EINVAL, accel_request_wait(NULL, 0));
	assert_ret(-EINVAL, accel_request_cancel(NULL));
	accel_request_destroy(NULL);
	rig_close(&rig);
}

/* --- Time ------------------------------------------------------------------------- */

/* What cannot be in time is told so at once, and leaves no trace. */
static void test_deadline(void **state)
{
	const struct accel_service_options guess = { .first_ns = 5000000 };
	struct rig_model model = { .addend = 1 };
	struct accel_request_options options;
	struct rig_job job;
	struct rig rig;

	(void)state;
	rig_open(&rig, 1, NULL, NULL);
	must(rig_add_model(&rig, &model, &guess));
	run_one(&rig, &model);
	rig_control(&rig, 0, "slow us=5000");
	run_one(&rig, &model);
	job_init(&job, &model, 1);
	options = job_options(&job);
	options.deadline_ns = 1000;
	assert_ret(-EBUSY, accel_request_submit(rig.client, &options, &job.request));
	assert_text("deadline of 1 us");
	options.deadline_ns = RIG_PATIENCE;
	must(accel_request_submit(rig.client, &options, &job.request));
	must(job_wait(&job));
	accel_request_destroy(job.request);
	assert_int_equal(stats_of(&rig).refused_deadline, 1);
	assert_int_equal(stats_of(&rig).ended_well, 3);
	rig_close(&rig);
}

/* The card is blocked, so that what is submitted waits until the test lets it go. */
static void block(struct rig *rig, const struct rig_model *model, struct rig_job *job)
{
	rig_control(rig, 0, "slow us=50000");
	job_init(job, model, 1);
	must(job_submit(job, rig->client));
}

static void unblock(struct rig *rig, struct rig_job *job)
{
	rig_control(rig, 0, "clear");
	must(job_wait(job));
	accel_request_destroy(job->request);
}

static void test_timeout(void **state)
{
	struct rig_model model = { .addend = 1 };
	struct accel_request_options options;
	struct rig_job blocker, job;
	struct rig rig;

	(void)state;
	rig_open(&rig, 1, NULL, &(struct accel_scheduler_options) { .depth = 1 });
	must(rig_add_model(&rig, &model, NULL));
	run_one(&rig, &model);
	block(&rig, &model, &blocker);
	job_init(&job, &model, 2);
	options = job_options(&job);
	options.timeout_ns = 2000000;
	must(accel_request_submit(rig.client, &options, &job.request));
	assert_ret(-ETIME, job_wait(&job));
	assert_text("time was over");
	assert_int_equal(stats_of(&rig).timed_out, 1);
	accel_request_destroy(job.request);
	unblock(&rig, &blocker);
	rig_close(&rig);
}

static void test_cancel_waiting(void **state)
{
	struct rig_model model = { .addend = 1 };
	struct accel_request_info info;
	struct rig_job blocker, job;
	struct rig rig;

	(void)state;
	rig_open(&rig, 1, NULL, &(struct accel_scheduler_options) { .depth = 1 });
	must(rig_add_model(&rig, &model, NULL));
	run_one(&rig, &model);
	block(&rig, &model, &blocker);
	job_init(&job, &model, 2);
	must(job_submit(&job, rig.client));
	must(accel_request_cancel(job.request));
	assert_ret(-ECANCELED, accel_request_wait(job.request, 0));
	must(accel_request_get_info(job.request, &info));
	assert_int_equal(info.attempts, 0);
	assert_int_equal(accel_request_cancel(job.request), -EALREADY);
	accel_request_destroy(job.request);
	/* One that runs ends with its batch. */
	must(accel_request_cancel(blocker.request));
	rig_control(&rig, 0, "clear");
	assert_ret(-ECANCELED, job_wait(&blocker));
	accel_request_destroy(blocker.request);
	rig_close(&rig);
}

static void test_queue_full(void **state)
{
	const struct accel_scheduler_options options = { .depth = 1, .queue_limit = 3 };
	struct rig_model model = { .addend = 1 };
	struct rig_job blocker, jobs[4];
	struct rig rig;

	(void)state;
	rig_open(&rig, 1, NULL, &options);
	must(rig_add_model(&rig, &model, NULL));
	run_one(&rig, &model);
	block(&rig, &model, &blocker);
	for (uint32_t i = 0; i < 4; i++) {
		job_init(&jobs[i], &model, i);
		assert_ret(i < 3 ? 0 : -EAGAIN, job_submit(&jobs[i], rig.client));
	}
	assert_text("queue is full");
	assert_int_equal(stats_of(&rig).pending, 3);
	unblock(&rig, &blocker);
	for (uint32_t i = 0; i < 3; i++) {
		must(job_wait(&jobs[i]));
		accel_request_destroy(jobs[i].request);
	}
	must(job_submit(&jobs[3], rig.client));
	must(job_wait(&jobs[3]));
	accel_request_destroy(jobs[3].request);
	rig_close(&rig);
}

/* All four policies do all of the work. */
static void test_policies(void **state)
{
	const struct accel_service_options service = { .batch_max = 4, .threshold = 2,
						       .threshold_timeout_ns = 1000000 };

	(void)state;
	for (int policy = 0; policy < 4; policy++) {
		const struct accel_scheduler_options options = {
			.policy = (enum accel_policy)policy,
		};
		struct rig_model models[2] = { { .addend = 1 }, { .addend = 2 } };
		struct rig_job jobs[64];
		struct rig rig;

		rig_open(&rig, 2, NULL, &options);
		must(rig_add_model(&rig, &models[0], &service));
		must(rig_add_model(&rig, &models[1], NULL));
		for (uint32_t i = 0; i < 64; i++) {
			struct accel_request_options request;

			job_init(&jobs[i], &models[i % 2], i);
			request = job_options(&jobs[i]);
			request.priority = (enum accel_priority)(i % 3);
			must(accel_request_submit(rig.client, &request, &jobs[i].request));
		}
		for (uint32_t i = 0; i < 64; i++) {
			must(job_wait(&jobs[i]));
			accel_request_destroy(jobs[i].request);
		}
		assert_int_equal(stats_of(&rig).ended_well, 64);
		rig_close(&rig);
	}
}

/* --- Card memory ------------------------------------------------------------------ */

static void test_too_large(void **state)
{
	const struct accel_service_options batches = { .batch_max = 64 };
	struct rig_model model = { .addend = 1, .weight_rows = (8u << 20) / RIG_BYTES };
	struct rig rig;

	(void)state;
	rig_open(&rig, 1, "inproc:memory=4M,queues=16", NULL);
	assert_ret(-ENOSPC, rig_add_model(&rig, &model, &batches));
	assert_text("bytes of card memory");
	assert_text("are missing");
	model.weight_rows = 0;
	must(rig_add_model(&rig, &model, &batches));
	run_one(&rig, &model);
	rig_close(&rig);
}

/* Three models, two of which fit: they are loaded and unloaded as requests come. */
static void test_models_take_turns(void **state)
{
	struct rig_model models[3];
	struct rig_job jobs[60];
	struct rig rig;

	(void)state;
	rig_open(&rig, 1, "inproc:memory=8M,queues=16", NULL);
	for (int i = 0; i < 3; i++) {
		models[i] = (struct rig_model) {
			.addend = (float)i + 1, .weight_rows = (3u << 20) / RIG_BYTES,
		};
		must(rig_add_model(&rig, &models[i], NULL));
	}
	for (uint32_t round = 0; round < 2; round++) {
		for (uint32_t i = 0; i < 3; i++)
			run_one(&rig, &models[i]);
	}
	assert_true(stats_of(&rig).loads > 3);
	for (uint32_t i = 0; i < 60; i++) {
		job_init(&jobs[i], &models[i % 3], i);
		must(job_submit(&jobs[i], rig.client));
	}
	for (uint32_t i = 0; i < 60; i++) {
		must(job_wait(&jobs[i]));
		accel_request_destroy(jobs[i].request);
	}
	rig_close(&rig);
}

/* A model that may run on one card only does. */
static void test_bound_to_card(void **state)
{
	const struct accel_service_options second = { .cards = 2 };
	struct rig_model model = { .addend = 1 };
	struct accel_scheduler_card_stats card;
	struct rig rig;

	(void)state;
	rig_open(&rig, 2, NULL, NULL);
	must(rig_add_model(&rig, &model, &second));
	for (int i = 0; i < 10; i++)
		run_one(&rig, &model);
	must(accel_scheduler_get_card_stats(rig.scheduler, 0, &card));
	assert_int_equal(card.batches, 0);
	must(accel_scheduler_get_card_stats(rig.scheduler, 1, &card));
	assert_int_equal(card.batches, 10);
	assert_int_equal(card.requests, 10);
	assert_true(card.busy_ns > 0);
	rig_close(&rig);
}

/* --- Trace ------------------------------------------------------------------------ */

/** struct log - what a trace told; under its lock */
struct log {
	pthread_mutex_t lock;
	uint32_t counts[ACCEL_TRACE_LOSS + 1];
	uint64_t batch_begin_ns, batch_end_ns;
	bool wrong;
};

static void log_event(void *opaque, const struct accel_trace_event *event)
{
	struct log *log = opaque;

	pthread_mutex_lock(&log->lock);
	log->counts[event->kind]++;
	log->wrong |= event->end_ns < event->begin_ns || event->result || event->card;
	/* Half of the width of the clock's reading, on a busy machine. */
	if (event->kind == ACCEL_TRACE_UPLOAD || event->kind == ACCEL_TRACE_COMPUTE ||
	    event->kind == ACCEL_TRACE_DOWNLOAD)
		log->wrong |= event->begin_ns + 1000000000 < log->batch_begin_ns ||
			      event->end_ns > log->batch_end_ns + 1000000000;
	if (event->kind == ACCEL_TRACE_BATCH) {
		log->batch_begin_ns = event->begin_ns;
		log->batch_end_ns = event->end_ns;
		log->wrong |= !event->id || event->count != 1 || !event->service;
	}
	if (event->kind == ACCEL_TRACE_REQUEST)
		log->wrong |= !event->id || !event->batch || !event->service || !event->client;
	pthread_mutex_unlock(&log->lock);
}

static void test_trace(void **state)
{
	struct rig_model model = { .addend = 1 };
	struct log log = { .lock = PTHREAD_MUTEX_INITIALIZER };
	struct rig_job job;
	struct rig rig;

	(void)state;
	rig_open(&rig, 1, NULL, NULL);
	must(rig_add_model(&rig, &model, NULL));
	must(accel_scheduler_trace(rig.scheduler, log_event, &log));
	for (int i = 0; i < 5; i++)
		run_one(&rig, &model);
	rig_control(&rig, 0, "slow us=20000");
	job_init(&job, &model, 1);
	must(job_submit(&job, rig.client));
	assert_ret(-EBUSY, accel_scheduler_trace(rig.scheduler, NULL, NULL));
	rig_control(&rig, 0, "clear");
	must(job_wait(&job));
	accel_request_destroy(job.request);
	rig_close(&rig);
	assert_false(log.wrong);
	assert_int_equal(log.counts[ACCEL_TRACE_REQUEST], 6);
	assert_int_equal(log.counts[ACCEL_TRACE_BATCH], 6);
	assert_int_equal(log.counts[ACCEL_TRACE_UPLOAD], 6);
	assert_int_equal(log.counts[ACCEL_TRACE_COMPUTE], 6);
	assert_int_equal(log.counts[ACCEL_TRACE_DOWNLOAD], 6);
	assert_int_equal(log.counts[ACCEL_TRACE_LOAD], 1);
	assert_int_equal(log.counts[ACCEL_TRACE_LOSS], 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_scheduler_options),
		cmocka_unit_test(test_service_options),
		cmocka_unit_test(test_wrong_tensors),
		cmocka_unit_test(test_other_arguments),
		cmocka_unit_test(test_deadline),
		cmocka_unit_test(test_timeout),
		cmocka_unit_test(test_cancel_waiting),
		cmocka_unit_test(test_queue_full),
		cmocka_unit_test(test_policies),
		cmocka_unit_test(test_too_large),
		cmocka_unit_test(test_models_take_turns),
		cmocka_unit_test(test_bound_to_card),
		cmocka_unit_test(test_trace),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
