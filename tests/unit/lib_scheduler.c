// SPDX-License-Identifier: MIT
/* The threaded scheduler over virtual cards: what its interface promises, and what it refuses. */
#include <poll.h>

#include "scheduler_rig.h"

/* --- Results ---------------------------------------------------------------------- */

static void test_one(void **state)
{
	struct rig_model model = { .addend = 3 };
	struct accel_request_info info;
	struct rig_job job;
	struct rig rig;

	(void)state;
	rig_open(&rig, 1, NULL, NULL);
	must(rig_add_model(&rig, &model, NULL));
	job_init(&job, &model, 1);
	must(job_submit(&job, rig.client));
	must(job_wait(&job));
	must(accel_request_get_info(job.request, &info));
	assert_true(info.has_ended);
	assert_int_equal(info.result, 0);
	assert_int_equal(info.attempts, 1);
	assert_int_equal(info.batch, 1);
	assert_true(info.submit_ns && info.start_ns >= info.submit_ns &&
		    info.end_ns >= info.start_ns);
	accel_request_destroy(job.request);
	rig_close(&rig);
}

/* --- Batches ---------------------------------------------------------------------- */

#define MANY	200u

static struct accel_request_info info_of(struct accel_request *request)
{
	struct accel_request_info info;

	must(accel_request_get_info(request, &info));
	return info;
}

static void finish(struct rig_job *jobs, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		must(job_wait(&jobs[i]));
		accel_request_destroy(jobs[i].request);
	}
}

static struct rig_job *make_jobs(uint32_t count, const struct rig_model *model)
{
	struct rig_job *jobs = calloc(count, sizeof(*jobs));

	for (uint32_t i = 0; i < count; i++)
		job_init(&jobs[i], model, i);
	return jobs;
}

/* Each of a batch gets its own result; the batch is one run of one program of its size. */
static void test_batches(void **state)
{
	const struct accel_service_options options = {
		.batch_max = 8, .preferred = { 4, 8 }, .delay_ns = 20000000,
	};
	struct rig_model model = { .addend = 3 };
	struct accel_scheduler_stats stats;
	struct accel_service_info facts;
	struct rig_job *jobs;
	uint32_t most = 0;
	struct rig rig;

	(void)state;
	rig_open(&rig, 2, NULL, NULL);
	must(rig_add_model(&rig, &model, &options));
	must(accel_service_get_info(model.service, &facts));
	assert_int_equal(facts.batch_max, 8);
	jobs = make_jobs(MANY, &model);
	for (uint32_t i = 0; i < MANY; i++)
		must(job_submit(&jobs[i], rig.client));
	for (uint32_t i = 0; i < MANY; i++) {
		must(job_wait(&jobs[i]));
		if (info_of(jobs[i].request).batch > most)
			most = info_of(jobs[i].request).batch;
	}
	must(accel_scheduler_get_stats(rig.scheduler, &stats));
	assert_int_equal(stats.submitted, MANY);
	assert_int_equal(stats.ended_well, MANY);
	assert_int_equal(stats.pending, 0);
	assert_true(stats.batches < MANY);
	assert_int_equal(most, 8);
	finish(jobs, MANY);
	free(jobs);
	rig_close(&rig);
}

/* One copy of the weights serves programs of all sizes: that of eight would not fit. */
static void test_weights_are_shared(void **state)
{
	const struct accel_service_options options = { .batch_max = 8, .preferred = { 1, 2, 3, 4 } };
	struct rig_model model = { .addend = 2, .weight_rows = (3u << 20) / RIG_BYTES };
	struct rig_job *jobs;
	struct rig rig;

	(void)state;
	rig_open(&rig, 1, "inproc:memory=6M,queues=16", NULL);
	must(rig_add_model(&rig, &model, &options));
	jobs = make_jobs(MANY, &model);
	for (uint32_t i = 0; i < MANY; i++)
		must(job_submit(&jobs[i], rig.client));
	finish(jobs, MANY);
	free(jobs);
	rig_close(&rig);
}

static int build_fixed(void *opaque, struct accel_device *device, uint64_t batch,
		       struct accel_graph **graph)
{
	const uint64_t shape[] = { RIG_COUNT };
	uint32_t in, out;
	int ret = accel_graph_create(device, graph);

	(void)opaque;
	(void)batch;
	if (!ret)
		ret = accel_graph_add_input(*graph, "fixed", ACCEL_F32, 1, shape, &in);
	if (!ret)
		ret = accel_graph_binary(*graph, ACI_TCS_BINARY_ADD, in, in, &out);
	return ret ? ret : accel_graph_add_output(*graph, "out", out);
}

/* A model whose sizes do not grow with the batch is run one request after the other. */
static void test_no_batches(void **state)
{
	const struct accel_service_options options = {
		.build = build_fixed, .batch_max = 8, .preferred = { 4, 8 },
	};
	struct accel_service_info facts;
	struct rig_model model = { 0 };
	struct rig_job jobs[16];
	struct rig rig;

	(void)state;
	rig_open(&rig, 1, NULL, NULL);
	must(accel_scheduler_add_model(rig.scheduler, &options, &model.service));
	must(accel_service_get_info(model.service, &facts));
	assert_int_equal(facts.batch_max, 1);
	for (uint32_t i = 0; i < 16; i++) {
		job_init(&jobs[i], &model, i);
		jobs[i].input.rank = jobs[i].output.rank = 1;
		jobs[i].input.shape[0] = jobs[i].output.shape[0] = RIG_COUNT;
		must(job_submit(&jobs[i], rig.client));
	}
	for (uint32_t i = 0; i < 16; i++) {
		must(accel_request_wait(jobs[i].request, RIG_PATIENCE));
		for (uint32_t k = 0; k < RIG_COUNT; k++)
			assert_true(jobs[i].out[k] == 2 * jobs[i].in[k]);
		accel_request_destroy(jobs[i].request);
	}
	rig_close(&rig);
}

/* --- Memory of the caller --------------------------------------------------------- */

/* Inputs and outputs in registered memory: the card reads and writes them in place. */
static void test_region(void **state)
{
	const struct accel_service_options options = { .batch_max = 4, .delay_ns = 5000000 };
	struct rig_model model = { .addend = 5 };
	struct accel_region *in, *out;
	struct rig_job jobs[32];
	struct rig rig;
	float *from, *to;

	(void)state;
	from = aligned_alloc(4096, 32 * RIG_BYTES);
	to = aligned_alloc(4096, 32 * RIG_BYTES);
	rig_open(&rig, 2, NULL, NULL);
	must(rig_add_model(&rig, &model, &options));
	must(accel_scheduler_register_host(rig.scheduler, from, 32 * RIG_BYTES,
					   ACCEL_BUFFER_READONLY, &in));
	must(accel_scheduler_register_host(rig.scheduler, to, 32 * RIG_BYTES, 0, &out));
	for (uint32_t i = 0; i < 32; i++) {
		job_init(&jobs[i], &model, i);
		memcpy(from + i * RIG_COUNT, jobs[i].in, RIG_BYTES);
		jobs[i].input.region = in;
		jobs[i].output.region = out;
		jobs[i].input.offset = jobs[i].output.offset = i * RIG_BYTES;
		jobs[i].input.data = jobs[i].output.data = NULL;
		must(job_submit(&jobs[i], rig.client));
	}
	for (uint32_t i = 0; i < 32; i++) {
		must(accel_request_wait(jobs[i].request, RIG_PATIENCE));
		memcpy(jobs[i].out, to + i * RIG_COUNT, RIG_BYTES);
		job_check(&jobs[i]);
		accel_request_destroy(jobs[i].request);
	}
	must(accel_region_destroy(in));
	must(accel_region_destroy(out));
	rig_close(&rig);
	free(from);
	free(to);
}

/* Memory cannot be taken away from a request that runs. */
static void test_region_in_use(void **state)
{
	struct rig_model model = { .addend = 5 };
	struct accel_region *out;
	struct rig_job job;
	struct rig rig;
	float *to = aligned_alloc(4096, 4096);

	(void)state;
	rig_open(&rig, 1, NULL, NULL);
	must(rig_add_model(&rig, &model, NULL));
	must(accel_scheduler_register_host(rig.scheduler, to, 4096, 0, &out));
	job_init(&job, &model, 1);
	job.output.region = out;
	rig_control(&rig, 0, "slow us=100000");
	must(job_submit(&job, rig.client));
	assert_ret(-EBUSY, accel_region_destroy(out));
	rig_control(&rig, 0, "clear");
	must(accel_request_wait(job.request, RIG_PATIENCE));
	must(accel_region_destroy(out));
	accel_request_destroy(job.request);
	rig_close(&rig);
	free(to);
}

/* --- Ends ------------------------------------------------------------------------- */

static void test_callback(void **state)
{
	struct rig_model model = { .addend = 1 };
	struct rig_job *jobs;
	struct rig rig;

	(void)state;
	rig_open(&rig, 2, NULL, NULL);
	must(rig_add_model(&rig, &model, NULL));
	jobs = make_jobs(MANY, &model);
	for (uint32_t i = 0; i < MANY; i++) {
		struct accel_request_options options = job_options(&jobs[i]);

		options.done = job_done;
		options.opaque = &jobs[i];
		must(accel_request_submit(rig.client, &options, NULL));
	}
	/* Waits for all of them, and what is not done yet is cancelled: once, in any case. */
	rig_close(&rig);
	for (uint32_t i = 0; i < MANY; i++) {
		assert_int_equal(job_ends(&jobs[i]), 1);
		assert_true(!jobs[i].result || jobs[i].result == -ECANCELED);
		if (!jobs[i].result)
			job_check(&jobs[i]);
	}
	free(jobs);
}

/** struct chain - each end submits the next */
struct chain {
	struct rig_job job;
	struct accel_client *client;
	uint32_t left;
	int error;
	pthread_mutex_t lock;
	pthread_cond_t over;
	bool is_over;
};

static void chain_end(struct chain *chain, int error)
{
	pthread_mutex_lock(&chain->lock);
	chain->error = error;
	chain->is_over = true;
	pthread_cond_signal(&chain->over);
	pthread_mutex_unlock(&chain->lock);
}

/* Once it has submitted, the chain belongs to the next callback. */
static void chain_next(void *opaque, struct accel_request *request, int result)
{
	struct chain *chain = opaque;
	struct accel_request_options options = job_options(&chain->job);

	(void)request;
	options.done = chain_next;
	options.opaque = chain;
	if (!result && --chain->left) {
		result = accel_request_submit(chain->client, &options, NULL);
		if (!result)
			return;
	}
	chain_end(chain, result);
}

static void test_callback_submits(void **state)
{
	struct rig_model model = { .addend = 1 };
	struct chain chain = {
		.left = 50, .lock = PTHREAD_MUTEX_INITIALIZER, .over = PTHREAD_COND_INITIALIZER,
	};
	struct rig rig;

	(void)state;
	rig_open(&rig, 1, NULL, NULL);
	must(rig_add_model(&rig, &model, NULL));
	chain.client = rig.client;
	chain.left++;
	job_init(&chain.job, &model, 1);
	chain_next(&chain, NULL, 0);
	pthread_mutex_lock(&chain.lock);
	while (!chain.is_over)
		pthread_cond_wait(&chain.over, &chain.lock);
	pthread_mutex_unlock(&chain.lock);
	assert_int_equal(chain.error, 0);
	assert_int_equal(chain.left, 0);
	job_check(&chain.job);
	rig_close(&rig);
}

static void test_eventfd(void **state)
{
	struct rig_model model = { .addend = 1 };
	struct pollfd ready = { .events = POLLIN };
	struct rig_job job;
	struct rig rig;
	int late;

	(void)state;
	rig_open(&rig, 1, NULL, NULL);
	must(rig_add_model(&rig, &model, NULL));
	job_init(&job, &model, 1);
	rig_control(&rig, 0, "slow us=20000");
	must(job_submit(&job, rig.client));
	must(accel_request_get_fd(job.request, &ready.fd));
	assert_int_equal(poll(&ready, 1, 0), 0);
	assert_ret(-EAGAIN, accel_request_wait(job.request, 0));
	rig_control(&rig, 0, "clear");
	assert_int_equal(poll(&ready, 1, 120000), 1);
	must(accel_request_wait(job.request, 0));
	must(accel_request_get_fd(job.request, &late));
	close(ready.fd);
	ready.fd = late;
	assert_int_equal(poll(&ready, 1, 0), 1);
	close(late);
	job_check(&job);
	accel_request_destroy(job.request);
	rig_close(&rig);
}

/* Whoever never looks at his results costs nobody anything. */
static void test_never_read(void **state)
{
	struct rig_model model = { .addend = 1 };
	struct accel_client *lazy;
	struct rig_job *jobs, job;
	struct rig rig;

	(void)state;
	rig_open(&rig, 1, NULL, NULL);
	must(rig_add_model(&rig, &model, NULL));
	must(accel_client_create(rig.scheduler, 1, &lazy));
	jobs = make_jobs(MANY, &model);
	for (uint32_t i = 0; i < MANY; i++)
		must(job_submit(&jobs[i], lazy));
	job_init(&job, &model, 1);
	must(job_submit(&job, rig.client));
	must(job_wait(&job));
	accel_request_destroy(job.request);
	/* The first half is given up while it may still run, the others after all has ended. */
	for (uint32_t i = 0; i < MANY / 2; i++)
		accel_request_destroy(jobs[i].request);
	rig_close(&rig);
	for (uint32_t i = MANY / 2; i < MANY; i++) {
		int ret = accel_request_wait(jobs[i].request, 0);

		assert_true(!ret || ret == -ECANCELED);
		accel_request_destroy(jobs[i].request);
	}
	free(jobs);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one),
		cmocka_unit_test(test_batches),
		cmocka_unit_test(test_weights_are_shared),
		cmocka_unit_test(test_no_batches),
		cmocka_unit_test(test_region),
		cmocka_unit_test(test_region_in_use),
		cmocka_unit_test(test_callback),
		cmocka_unit_test(test_callback_submits),
		cmocka_unit_test(test_eventfd),
		cmocka_unit_test(test_never_read),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
