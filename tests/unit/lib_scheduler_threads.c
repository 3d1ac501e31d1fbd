// SPDX-License-Identifier: MIT
/* The threaded scheduler under many threads at once: every request ends once, and none is wrong. */
#include <poll.h>
#include <sched.h>

#include "scheduler_rig.h"

#define THREADS		64
#define EACH		40u
#define MODELS		3

/** struct crowd - what all threads of a test have in common */
struct crowd {
	struct rig rig;
	struct rig_model models[MODELS];
	uint32_t requests;		/* of each thread */
	void *(*run)(void *member);
};

/** struct member - a thread, its client and what it saw */
struct member {
	struct crowd *crowd;
	uint32_t index;
	pthread_t thread;
	struct accel_client *client;
	uint64_t random;
	uint32_t good, cancelled, late, lost, refused;
	const char *wrong;		/* what should not have been; NULL: nothing */
};

static uint32_t next_random(struct member *member)
{
	member->random ^= member->random << 13;
	member->random ^= member->random >> 7;
	member->random ^= member->random << 17;
	return (uint32_t)(member->random >> 20);
}

static void crowd_open(struct crowd *crowd, uint32_t cards)
{
	const struct accel_service_options options = { .batch_max = 8, .preferred = { 4, 8 } };

	rig_open(&crowd->rig, cards, NULL, NULL);
	for (int i = 0; i < MODELS; i++) {
		crowd->models[i] = (struct rig_model) { .addend = (float)(i + 1) };
		must(rig_add_model(&crowd->rig, &crowd->models[i], i ? &options : NULL));
	}
}

static struct member *crowd_start(struct crowd *crowd, uint32_t threads)
{
	struct member *members = calloc(threads, sizeof(*members));

	for (uint32_t i = 0; i < threads; i++) {
		members[i] = (struct member) {
			.crowd = crowd, .index = i, .random = 0x9e3779b97f4a7c15ull * (i + 1),
		};
		must(accel_client_create(crowd->rig.scheduler, 1 + i % 3, &members[i].client));
		assert_int_equal(pthread_create(&members[i].thread, NULL, crowd->run, &members[i]),
				 0);
	}
	return members;
}

/* Return: the sum of what they saw. */
static struct member crowd_join(struct member *members, uint32_t threads)
{
	struct member sum = { 0 };

	for (uint32_t i = 0; i < threads; i++) {
		pthread_join(members[i].thread, NULL);
		if (members[i].wrong)
			fail_msg("thread %u: %s", i, members[i].wrong);
		sum.good += members[i].good;
		sum.cancelled += members[i].cancelled;
		sum.late += members[i].late;
		sum.lost += members[i].lost;
		sum.refused += members[i].refused;
	}
	free(members);
	return sum;
}

static bool job_is_right(const struct rig_job *job)
{
	for (uint32_t i = 0; i < RIG_COUNT; i++)
		if (job->out[i] != job->in[i] + job->model->addend * (float)(i + 1))
			return false;
	return true;
}

static void count_end(struct member *member, const struct rig_job *job, int result)
{
	if (!result && !job_is_right(job))
		member->wrong = "a request ended well, and its output is wrong";
	else if (!result)
		member->good++;
	else if (result == -ECANCELED)
		member->cancelled++;
	else if (result == -ETIME)
		member->late++;
	else if (result == -ENODEV)
		member->lost++;
	else
		member->wrong = "a request ended with a result that has no reason";
}

/* --- 64 client threads ------------------------------------------------------------ */

static int await_fd(struct accel_request *request)
{
	struct pollfd ready = { .events = POLLIN };
	int ret = accel_request_get_fd(request, &ready.fd);

	if (ret)
		return ret;
	poll(&ready, 1, 120000);
	close(ready.fd);
	return accel_request_wait(request, 0);
}

static void *run_mixed(void *argument)
{
	struct member *member = argument;

	for (uint32_t i = 0; i < member->crowd->requests && !member->wrong; i++) {
		uint32_t dice = next_random(member);
		struct accel_request_options options;
		struct rig_job job;
		int ret;

		job_init(&job, &member->crowd->models[dice % MODELS], dice);
		options = job_options(&job);
		options.priority = (enum accel_priority)(dice / 3 % 3);
		options.deadline_ns = dice / 16 % 2 ? 50000000 + dice / 32 % 1000000 : 0;
		options.done = dice / 64 % 2 ? job_done : NULL;
		options.opaque = &job;
		ret = accel_request_submit(member->client, &options, &job.request);
		if (ret == -EBUSY || ret == -EAGAIN) {
			member->refused++;
			continue;
		}
		if (!ret)
			ret = dice / 128 % 2 ? await_fd(job.request)
					     : accel_request_wait(job.request, RIG_PATIENCE);
		count_end(member, &job, ret);
		/* The callback comes behind the end: the job must not go before it. */
		accel_request_destroy(job.request);
		while (options.done && !job_ends(&job))
			sched_yield();
		if (options.done && (job_ends(&job) != 1 || job.result != ret))
			member->wrong = "the callback came twice or with another result";
	}
	return NULL;
}

static void test_many_threads(void **state)
{
	struct crowd crowd = { .run = run_mixed, .requests = EACH };
	struct accel_scheduler_stats stats;
	struct member sum;

	(void)state;
	crowd_open(&crowd, 4);
	sum = crowd_join(crowd_start(&crowd, THREADS), THREADS);
	assert_int_equal(sum.good + sum.late + sum.refused, THREADS * EACH);
	assert_true(sum.good > 0);
	must(accel_scheduler_get_stats(crowd.rig.scheduler, &stats));
	assert_int_equal(stats.submitted, THREADS * EACH);
	assert_int_equal(stats.ended_well + stats.ended_late, sum.good);
	assert_int_equal(stats.refused_deadline + stats.refused_full, sum.refused);
	rig_close(&crowd.rig);
}

/* --- Cancels at every stage ------------------------------------------------------- */

static void *run_cancels(void *argument)
{
	struct member *member = argument;

	for (uint32_t i = 0; i < member->crowd->requests && !member->wrong; i++) {
		uint32_t dice = next_random(member);
		float before[RIG_COUNT];
		struct rig_job job;
		int ret, cancelled;

		job_init(&job, &member->crowd->models[dice % MODELS], dice);
		ret = job_submit(&job, member->client);
		if (ret) {
			member->refused++;
			continue;
		}
		/* From at once to long after its end. */
		for (uint32_t spins = dice / 16 % 4000; spins; spins -= spins > 40 ? 40 : spins)
			sched_yield();
		cancelled = accel_request_cancel(job.request);
		ret = accel_request_wait(job.request, RIG_PATIENCE);
		memcpy(before, job.out, sizeof(before));
		if (cancelled && cancelled != -EALREADY)
			member->wrong = "a cancel failed";
		else if (ret == -ECANCELED && cancelled)
			member->wrong = "it was cancelled although it had ended";
		count_end(member, &job, ret);
		if (accel_request_cancel(job.request) != -EALREADY)
			member->wrong = "what has ended can be cancelled";
		accel_request_destroy(job.request);
		/* Nobody writes to its memory any more. */
		sched_yield();
		if (memcmp(before, job.out, sizeof(before)))
			member->wrong = "memory was written after the end";
	}
	return NULL;
}

static void test_cancel_races(void **state)
{
	struct crowd crowd = { .run = run_cancels, .requests = EACH * 2 };
	struct member sum;

	(void)state;
	crowd_open(&crowd, 2);
	sum = crowd_join(crowd_start(&crowd, 16), 16);
	assert_int_equal(sum.good + sum.cancelled + sum.refused, 16 * EACH * 2);
	assert_true(sum.good > 0);
	assert_true(sum.cancelled > 0);
	rig_close(&crowd.rig);
}

/* --- Its end ---------------------------------------------------------------------- */

/* Destroyed with all stages in flight: each ends once, and handles stay usable. */
static void test_destroy_in_flight(void **state)
{
	struct crowd crowd = { 0 };

	(void)state;
	for (uint32_t round = 0; round < 8; round++) {
		struct rig_job *jobs = calloc(100, sizeof(*jobs));

		crowd_open(&crowd, 2);
		for (uint32_t i = 0; i < 100; i++) {
			struct accel_request_options options;

			job_init(&jobs[i], &crowd.models[i % MODELS], i);
			options = job_options(&jobs[i]);
			options.done = job_done;
			options.opaque = &jobs[i];
			must(accel_request_submit(crowd.rig.client, &options, &jobs[i].request));
			if (i == round * 12)
				accel_request_wait(jobs[i].request, RIG_PATIENCE);
		}
		rig_close(&crowd.rig);
		for (uint32_t i = 0; i < 100; i++) {
			int ret = accel_request_wait(jobs[i].request, 0);

			assert_true(!ret || ret == -ECANCELED);
			assert_int_equal(job_ends(&jobs[i]), 1);
			assert_int_equal(jobs[i].result, ret);
			if (!ret)
				job_check(&jobs[i]);
			assert_int_equal(accel_request_cancel(jobs[i].request), -EALREADY);
			accel_request_destroy(jobs[i].request);
		}
		free(jobs);
	}
}

/* Clients come and go, some of them with requests in flight. */
static void *run_visits(void *argument)
{
	struct member *member = argument;
	struct rig_job *jobs = calloc(4, sizeof(*jobs));

	for (uint32_t i = 0; i < member->crowd->requests && !member->wrong; i++) {
		struct accel_client *client;
		uint32_t taken = 0;

		if (accel_client_create(member->crowd->rig.scheduler, 1 + i % 5, &client)) {
			member->wrong = "no client";
			break;
		}
		for (uint32_t k = 0; k < 4; k++) {
			job_init(&jobs[taken], &member->crowd->models[k % MODELS], k);
			taken += !job_submit(&jobs[taken], client);
		}
		accel_client_destroy(client);
		for (uint32_t k = 0; k < taken; k++) {
			count_end(member, &jobs[k],
				  accel_request_wait(jobs[k].request, RIG_PATIENCE));
			accel_request_destroy(jobs[k].request);
		}
	}
	free(jobs);
	return NULL;
}

static void test_clients_come_and_go(void **state)
{
	struct crowd crowd = { .run = run_visits, .requests = EACH };
	struct member sum;

	(void)state;
	crowd_open(&crowd, 2);
	sum = crowd_join(crowd_start(&crowd, 8), 8);
	assert_true(sum.good + sum.cancelled > 0);
	assert_int_equal(sum.late + sum.lost, 0);
	rig_close(&crowd.rig);
}

/* --- All of it -------------------------------------------------------------------- */

#define CARDS		8u
#define CLIENTS		100u
#define REQUESTS	100u		/* of each */
#define WINDOW		8u		/* of them at once */

/* A full queue is a reason to wait for an end, not to give up. */
static void *run_steady(void *argument)
{
	struct member *member = argument;
	struct rig_job *jobs = calloc(WINDOW, sizeof(*jobs));
	uint32_t begun = 0, over = 0;

	while (over < member->crowd->requests && !member->wrong) {
		struct rig_job *job = &jobs[begun % WINDOW];
		uint32_t dice = next_random(member);
		struct accel_request_options options;
		int ret = -EAGAIN;

		if (begun < member->crowd->requests && begun - over < WINDOW) {
			job_init(job, &member->crowd->models[dice % MODELS], dice);
			options = job_options(job);
			options.retries = 5;
			options.priority = (enum accel_priority)(dice / 3 % 3);
			ret = accel_request_submit(member->client, &options, &job->request);
			begun += !ret;
		}
		if (!ret)
			continue;
		if (ret != -EAGAIN || begun == over) {
			member->wrong = "a request was refused for no reason";
			break;
		}
		job = &jobs[over++ % WINDOW];
		count_end(member, job, accel_request_wait(job->request, RIG_PATIENCE));
		accel_request_destroy(job->request);
	}
	free(jobs);
	return NULL;
}

static uint64_t ended(struct rig *rig)
{
	struct accel_scheduler_stats stats;

	must(accel_scheduler_get_stats(rig->scheduler, &stats));
	return stats.ended_well;
}

static void await_ended(struct rig *rig, uint64_t count)
{
	while (ended(rig) < count)
		usleep(1000);	/* the moment does not matter, only that it is in the middle */
}

/* One card is unplugged and stays away, one is reset with the loss of its memory. */
static void test_all_of_it(void **state)
{
	struct crowd crowd = { .run = run_steady, .requests = REQUESTS };
	struct accel_scheduler_card_stats stats;
	struct member *members, sum;

	(void)state;
	crowd_open(&crowd, CARDS);
	members = crowd_start(&crowd, CLIENTS);
	await_ended(&crowd.rig, CLIENTS * REQUESTS / 4);
	rig_forbid(&crowd.rig, 3);
	rig_lose(&crowd.rig, 3);
	await_ended(&crowd.rig, CLIENTS * REQUESTS / 2);
	rig_lose(&crowd.rig, 5);
	sum = crowd_join(members, CLIENTS);
	assert_int_equal(sum.good, CLIENTS * REQUESTS);
	assert_int_equal(ended(&crowd.rig), CLIENTS * REQUESTS);
	must(accel_scheduler_get_card_stats(crowd.rig.scheduler, 3, &stats));
	assert_false(stats.works);
	must(accel_scheduler_get_card_stats(crowd.rig.scheduler, 5, &stats));
	assert_true(stats.works);
	assert_int_equal(stats.losses, 1);
	rig_close(&crowd.rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_many_threads),
		cmocka_unit_test(test_cancel_races),
		cmocka_unit_test(test_destroy_in_flight),
		cmocka_unit_test(test_clients_come_and_go),
		cmocka_unit_test(test_all_of_it),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
