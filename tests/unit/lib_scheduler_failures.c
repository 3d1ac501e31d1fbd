// SPDX-License-Identifier: MIT
/* The threaded scheduler when work fails, cards are lost, come back, or become slow. */
#include "scheduler_rig.h"

#define MANY	100u

static struct rig_job *make_jobs(uint32_t count, const struct rig_model *model)
{
	struct rig_job *jobs = calloc(count, sizeof(*jobs));

	for (uint32_t i = 0; i < count; i++)
		job_init(&jobs[i], model, i);
	return jobs;
}

static int submit_retried(struct rig_job *job, struct accel_client *client, uint32_t retries)
{
	struct accel_request_options options = job_options(job);

	options.retries = retries;
	return accel_request_submit(client, &options, &job->request);
}

static struct accel_scheduler_stats stats_of(struct rig *rig)
{
	struct accel_scheduler_stats stats;

	must(accel_scheduler_get_stats(rig->scheduler, &stats));
	return stats;
}

static struct accel_scheduler_card_stats card_stats(struct rig *rig, uint32_t card)
{
	struct accel_scheduler_card_stats stats;

	must(accel_scheduler_get_card_stats(rig->scheduler, card, &stats));
	return stats;
}

static void warm_up(struct rig *rig, const struct rig_model *model)
{
	struct rig_job job;

	job_init(&job, model, 1);
	must(job_submit(&job, rig->client));
	must(job_wait(&job));
	accel_request_destroy(job.request);
}

/* --- Cards that are lost ---------------------------------------------------------- */

/* The only card is lost in the middle and comes back: whoever may retry does not notice. */
static void test_only_card_comes_back(void **state)
{
	const struct accel_service_options options = { .batch_max = 4 };
	struct rig_model model = { .addend = 3 };
	struct rig_job *jobs;
	struct rig rig;

	(void)state;
	rig_open(&rig, 1, NULL, NULL);
	must(rig_add_model(&rig, &model, &options));
	warm_up(&rig, &model);
	jobs = make_jobs(MANY, &model);
	rig_control(&rig, 0, "slow us=2000");
	for (uint32_t i = 0; i < MANY; i++) {
		must(submit_retried(&jobs[i], rig.client, 2));
		if (i == MANY / 2)
			rig_lose(&rig, 0);
	}
	for (uint32_t i = 0; i < MANY; i++) {
		must(job_wait(&jobs[i]));
		accel_request_destroy(jobs[i].request);
	}
	assert_true(card_stats(&rig, 0).works);
	assert_int_equal(card_stats(&rig, 0).losses, 1);
	assert_true(stats_of(&rig).retries >= 1);
	free(jobs);
	rig_close(&rig);
}

/* Without retries what ran is lost, and told so; what waited is run when the card is back. */
static void test_no_retries(void **state)
{
	struct rig_model model = { .addend = 3 };
	struct rig_job first, second;
	struct rig rig;

	(void)state;
	rig_open(&rig, 1, NULL, &(struct accel_scheduler_options) { .depth = 1 });
	must(rig_add_model(&rig, &model, NULL));
	warm_up(&rig, &model);
	job_init(&first, &model, 1);
	job_init(&second, &model, 2);
	rig_control(&rig, 0, "hang next");
	must(job_submit(&first, rig.client));
	must(job_submit(&second, rig.client));
	rig_lose(&rig, 0);
	assert_ret(-ENODEV, job_wait(&first));
	must(job_wait(&second));
	accel_request_destroy(first.request);
	accel_request_destroy(second.request);
	rig_close(&rig);
}

/* The card does not come back: another one takes over, and all weights are there. */
static void test_other_card(void **state)
{
	struct rig_model model = { .addend = 3 };
	struct rig_job *jobs;
	struct rig rig;

	(void)state;
	rig_open(&rig, 2, NULL, NULL);
	must(rig_add_model(&rig, &model, NULL));
	jobs = make_jobs(MANY, &model);
	rig_control(&rig, 0, "slow us=500");
	rig_control(&rig, 1, "slow us=500");
	rig_forbid(&rig, 1);
	for (uint32_t i = 0; i < MANY; i++) {
		must(submit_retried(&jobs[i], rig.client, 1));
		if (i == MANY / 2)
			rig_lose(&rig, 1);
	}
	for (uint32_t i = 0; i < MANY; i++) {
		must(job_wait(&jobs[i]));
		accel_request_destroy(jobs[i].request);
	}
	assert_true(card_stats(&rig, 0).works);
	assert_false(card_stats(&rig, 1).works);
	/* It comes back when somebody says so, and is used again. */
	assert_int_equal(accel_scheduler_rescan(rig.scheduler), 1);
	rig_allow(&rig, 1, "memory=16M,queues=16");
	assert_int_equal(accel_scheduler_rescan(rig.scheduler), 2);
	assert_true(card_stats(&rig, 1).works);
	rig_forbid(&rig, 0);
	rig_lose(&rig, 0);
	job_init(&jobs[0], &model, 1);
	must(submit_retried(&jobs[0], rig.client, 1));
	must(job_wait(&jobs[0]));
	accel_request_destroy(jobs[0].request);
	free(jobs);
	rig_close(&rig);
}

/* No card is left: what waits ends, and new requests are refused at once. */
static void test_no_card_left(void **state)
{
	struct rig_model model = { .addend = 3 };
	struct rig_job jobs[8];
	struct rig rig;

	(void)state;
	rig_open(&rig, 1, NULL, NULL);
	must(rig_add_model(&rig, &model, NULL));
	warm_up(&rig, &model);
	rig_forbid(&rig, 0);
	rig_control(&rig, 0, "hang next");
	for (int i = 0; i < 8; i++) {
		job_init(&jobs[i], &model, (uint32_t)i);
		must(submit_retried(&jobs[i], rig.client, 3));
	}
	rig_lose(&rig, 0);
	for (int i = 0; i < 8; i++) {
		assert_ret(-ENODEV, job_wait(&jobs[i]));
		accel_request_destroy(jobs[i].request);
	}
	assert_ret(-ENODEV, job_submit(&jobs[0], rig.client));
	assert_text("no card");
	assert_null(jobs[0].request);
	rig_close(&rig);
}

/* What overwrites its input is not run twice: nobody knows how far it came. */
static void test_state_lost(void **state)
{
	struct rig_model model = { .addend = 3 };
	struct accel_request_options options;
	struct rig_job job;
	struct rig rig;

	(void)state;
	rig_open(&rig, 1, NULL, NULL);
	must(rig_add_model(&rig, &model, NULL));
	warm_up(&rig, &model);
	for (int idempotent = 0; idempotent < 2; idempotent++) {
		job_init(&job, &model, 1);
		memcpy(job.out, job.in, sizeof(job.in));
		job.input.data = job.out;
		options = job_options(&job);
		options.retries = 1;
		options.flags = idempotent ? ACCEL_REQUEST_IDEMPOTENT : 0;
		rig_control(&rig, 0, "hang next");
		must(accel_request_submit(rig.client, &options, &job.request));
		rig_lose(&rig, 0);
		assert_ret(idempotent ? 0 : -ENOTRECOVERABLE, job_wait(&job));
		if (!idempotent)
			assert_text("state lost");
		accel_request_destroy(job.request);
	}
	rig_close(&rig);
}

/* Registered memory is the caller's: it is there on a card that came back, and read again. */
static void test_region_survives(void **state)
{
	struct rig_model model = { .addend = 3 };
	struct accel_region *region;
	float *memory = aligned_alloc(4096, 4096);
	struct rig_job job;
	struct rig rig;

	(void)state;
	rig_open(&rig, 2, NULL, NULL);
	must(rig_add_model(&rig, &model, NULL));
	must(accel_scheduler_register_host(rig.scheduler, memory, 4096, 0, &region));
	for (int i = 0; i < 6; i++) {
		job_init(&job, &model, (uint32_t)i);
		memcpy(memory, job.in, RIG_BYTES);
		job.input.region = job.output.region = region;
		job.output.offset = RIG_BYTES;
		rig_control(&rig, i % 2, "hang next");
		must(submit_retried(&job, rig.client, 2));
		rig_lose(&rig, i % 2);
		must(accel_request_wait(job.request, RIG_PATIENCE));
		memcpy(job.out, memory + RIG_COUNT, RIG_BYTES);
		job_check(&job);
		accel_request_destroy(job.request);
	}
	must(accel_region_destroy(region));
	rig_close(&rig);
	free(memory);
}

/* --- Work that fails by itself ---------------------------------------------------- */

/* A hung batch ends alone; those behind it are run although they may not be retried. */
static void test_hang(void **state)
{
	const struct accel_scheduler_options options = { .job_timeout_ms = 200 };
	struct rig_model model = { .addend = 3 };
	struct rig_job jobs[20];
	uint32_t hung = 0;
	struct rig rig;

	(void)state;
	rig_open(&rig, 1, NULL, &options);
	must(rig_add_model(&rig, &model, NULL));
	warm_up(&rig, &model);
	rig_control(&rig, 0, "hang next");
	for (uint32_t i = 0; i < 20; i++) {
		job_init(&jobs[i], &model, i);
		must(job_submit(&jobs[i], rig.client));
	}
	for (uint32_t i = 0; i < 20; i++) {
		int ret = job_wait(&jobs[i]);

		assert_true(!ret || ret == -ETIMEDOUT);
		hung += ret == -ETIMEDOUT;
		accel_request_destroy(jobs[i].request);
	}
	assert_int_equal(hung, 1);
	assert_int_equal(card_stats(&rig, 0).losses, 0);
	rig_close(&rig);
}

/* y[n][i] = x[n][place[n][i]] */
static int build_gather(void *opaque, struct accel_device *device, uint64_t batch,
			struct accel_graph **graph)
{
	const uint64_t shape[] = { batch, RIG_COUNT }, places[] = { batch, RIG_COUNT, 1 };
	uint32_t in, index, out;
	int ret = accel_graph_create(device, graph);

	(void)opaque;
	if (!ret)
		ret = accel_graph_add_input(*graph, "x", ACCEL_F32, 2, shape, &in);
	if (!ret)
		ret = accel_graph_add_input(*graph, "place", ACCEL_I64, 3, places, &index);
	if (!ret)
		ret = accel_graph_gather(*graph, 1, 1, in, index, &out);
	return ret ? ret : accel_graph_add_output(*graph, "y", out);
}

#define BATCH	8

/* One of a batch asks for what cannot be: it alone fails, and is told why. */
static void test_poison(void **state)
{
	const struct accel_service_options service_options = {
		.build = build_gather, .batch_max = BATCH, .preferred = { BATCH },
		.delay_ns = 10000000000,
	};
	int64_t places[BATCH][RIG_COUNT];
	struct rig_model model = { 0 };
	struct rig_job jobs[BATCH];
	struct accel_request_info info;
	struct rig rig;

	(void)state;
	rig_open(&rig, 1, NULL, NULL);
	must(accel_scheduler_add_model(rig.scheduler, &service_options, &model.service));
	for (int i = 0; i < BATCH; i++) {
		struct accel_tensor inputs[2];
		struct accel_request_options options;

		job_init(&jobs[i], &model, (uint32_t)i);
		for (uint32_t k = 0; k < RIG_COUNT; k++)
			places[i][k] = RIG_COUNT - 1 - k;
		if (i == 3)
			places[i][5] = RIG_COUNT;
		inputs[0] = jobs[i].input;
		inputs[1] = (struct accel_tensor) { .data = places[i], .bytes = sizeof(places[i]) };
		options = job_options(&jobs[i]);
		options.inputs = inputs;
		must(accel_request_submit(rig.client, &options, &jobs[i].request));
	}
	for (int i = 0; i < BATCH; i++) {
		assert_ret(i == 3 ? -EINVAL : 0, accel_request_wait(jobs[i].request, RIG_PATIENCE));
		must(accel_request_get_info(jobs[i].request, &info));
		assert_int_equal(info.batch, BATCH);
		for (uint32_t k = 0; k < RIG_COUNT && i != 3; k++)
			assert_true(jobs[i].out[k] == jobs[i].in[RIG_COUNT - 1 - k]);
		accel_request_destroy(jobs[i].request);
	}
	assert_int_equal(stats_of(&rig).batches, 1);
	rig_close(&rig);
}

/* A card that cannot load the model is not asked again; the other one runs all. */
static void test_load_fails(void **state)
{
	struct rig_model model = { .addend = 3 };
	struct rig_job job;
	struct rig rig;

	(void)state;
	rig_open(&rig, 2, NULL, NULL);
	must(rig_add_model(&rig, &model, NULL));
	model.build_error = -ENOSPC;
	job_init(&job, &model, 1);
	must(job_submit(&job, rig.client));
	assert_ret(-ENOSPC, job_wait(&job));
	assert_text("could not be loaded");
	accel_request_destroy(job.request);
	/* Both have tried. */
	assert_ret(-ENODEV, job_submit(&job, rig.client));
	rig_close(&rig);
}

/* --- Slow cards ------------------------------------------------------------------- */

/* It becomes ten times slower in the middle: what is accepted after it was noticed is in time. */
static void test_slow_card(void **state)
{
	struct rig_model model = { .addend = 3 };
	struct accel_request_options options;
	uint32_t refused = 0, late = 0;
	struct rig_job job;
	struct rig rig;

	(void)state;
	rig_open(&rig, 1, NULL, NULL);
	must(rig_add_model(&rig, &model, NULL));
	rig_control(&rig, 0, "slow us=1000");
	for (int i = 0; i < 20; i++)
		warm_up(&rig, &model);
	rig_control(&rig, 0, "slow us=10000");
	/* Three descriptors of ten milliseconds: 20 are not enough any more. */
	for (int i = 0; i < 40; i++) {
		int ret;

		job_init(&job, &model, 1);
		options = job_options(&job);
		options.deadline_ns = 20000000;
		ret = accel_request_submit(rig.client, &options, &job.request);
		if (ret) {
			assert_int_equal(ret, -EBUSY);
			assert_text("deadline");
			refused++;
			continue;
		}
		ret = job_wait(&job);
		assert_true(!ret || ret == -ETIME);
		late++;
		accel_request_destroy(job.request);
	}
	/* Three in a row and it is known. */
	assert_true(late <= 6);
	assert_int_equal(refused, 40 - late);
	options.deadline_ns = RIG_PATIENCE;
	must(accel_request_submit(rig.client, &options, &job.request));
	must(job_wait(&job));
	accel_request_destroy(job.request);
	rig_close(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_only_card_comes_back),
		cmocka_unit_test(test_no_retries),
		cmocka_unit_test(test_other_card),
		cmocka_unit_test(test_no_card_left),
		cmocka_unit_test(test_state_lost),
		cmocka_unit_test(test_region_survives),
		cmocka_unit_test(test_hang),
		cmocka_unit_test(test_poison),
		cmocka_unit_test(test_load_fails),
		cmocka_unit_test(test_slow_card),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
