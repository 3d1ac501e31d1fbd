// SPDX-License-Identifier: MIT
#include "lib/inproc.h"
#include "lib/scheduler.h"
#include "scheduler_rig.h"

void rig_open(struct rig *rig, uint32_t cards, const char *card,
	      const struct accel_scheduler_options *options)
{
	const char *queues = getenv("ACCEL_TEST_QUEUES");
	struct accel_scheduler_options all = { 0 };

	if (options)
		all = *options;
	/* A busy machine is no reason to refuse. */
	if (!all.ageing_ns)
		all.ageing_ns = RIG_PATIENCE;
	if (queues && !strcmp(queues, "kernel"))
		all.flags = ACCEL_CONTEXT_KERNEL_QUEUES;
	*rig = (struct rig) { .card_count = cards };
	for (uint32_t i = 0; i < cards; i++)
		must(accel_device_open(card ? card : "inproc:memory=16M,queues=16",
				       &rig->devices[i]));
	must(accel_scheduler_create(rig->devices, cards, &all, &rig->scheduler));
	must(accel_client_create(rig->scheduler, 1, &rig->client));
}

void rig_close(struct rig *rig)
{
	accel_scheduler_destroy(rig->scheduler);
	for (uint32_t i = 0; i < rig->card_count; i++)
		accel_device_close(rig->devices[i]);
}

static int build(void *opaque, struct accel_device *device, uint64_t batch,
		 struct accel_graph **out)
{
	struct rig_model *model = opaque;
	const uint64_t rows = model->weight_rows ? model->weight_rows : 1;
	const uint64_t in_shape[] = { batch, RIG_COUNT }, shape[] = { rows, RIG_COUNT };
	const uint64_t begin[] = { rows - 1, 0 }, one[] = { 1, RIG_COUNT };
	const int64_t step[] = { 1, 1 };
	struct accel_graph *graph;
	uint32_t in, weights, row, sum;
	float *values;
	int ret;

	__atomic_fetch_add(&model->builds, 1, __ATOMIC_RELAXED);
	if (model->build_error)
		return model->build_error;
	values = calloc(rows * RIG_COUNT, sizeof(*values));
	for (uint32_t i = 0; i < RIG_COUNT; i++)
		values[(rows - 1) * RIG_COUNT + i] = model->addend * (float)(i + 1);
	ret = accel_graph_create(device, &graph);
	if (!ret)
		ret = accel_graph_add_input(graph, "x", ACCEL_F32, 2, in_shape, &in);
	if (!ret)
		ret = accel_graph_add_constant(graph, "w", ACCEL_F32, 2, shape, values, &weights);
	if (!ret)
		ret = accel_graph_slice(graph, weights, begin, one, step, &row);
	if (!ret)
		ret = accel_graph_binary(graph, ACI_TCS_BINARY_ADD, in, row, &sum);
	if (!ret)
		ret = accel_graph_add_output(graph, "y", sum);
	free(values);
	*out = graph;
	return ret;
}

int rig_add_model(struct rig *rig, struct rig_model *model,
		  const struct accel_service_options *options)
{
	struct accel_service_options all = { 0 };

	if (options)
		all = *options;
	all.build = build;
	all.opaque = model;
	return accel_scheduler_add_model(rig->scheduler, &all, &model->service);
}

/* --- Harm ------------------------------------------------------------------------- */

static struct inproc_card *rig_card(struct rig *rig, uint32_t card)
{
	return to_inproc(rig->devices[card]->transport);
}

void rig_control(struct rig *rig, uint32_t card, const char *command)
{
	char reply[256];

	if (vcard_ctl(rig_card(rig, card)->vcard, command, reply, sizeof(reply)))
		fail_msg("%s: %s", command, reply);
}

void rig_lose(struct rig *rig, uint32_t card)
{
	struct accel_device *device = rig->devices[card];
	struct transport *transport = device_get_transport(device);

	inproc_wedge(to_inproc(transport), "the test pulls it");
	device_put_transport(transport);
}

void rig_forbid(struct rig *rig, uint32_t card)
{
	struct accel_device *device = rig->devices[card];

	pthread_mutex_lock(&device->lock);
	free(device->options);
	device->options = strdup("no=1");
	pthread_mutex_unlock(&device->lock);
}

void rig_allow(struct rig *rig, uint32_t card, const char *options)
{
	struct accel_device *device = rig->devices[card];

	pthread_mutex_lock(&device->lock);
	free(device->options);
	device->options = strdup(options);
	pthread_mutex_unlock(&device->lock);
}

/* --- Jobs ------------------------------------------------------------------------- */

static struct accel_tensor make_tensor(void *data)
{
	return (struct accel_tensor) {
		.data = data, .bytes = RIG_BYTES, .type = ACCEL_F32, .rank = 2,
		.shape = { 1, RIG_COUNT },
	};
}

void job_init(struct rig_job *job, const struct rig_model *model, uint32_t seed)
{
	*job = (struct rig_job) { .model = model };
	for (uint32_t i = 0; i < RIG_COUNT; i++)
		job->in[i] = (float)((seed * 31 + i * 7) % 1000);
	job->input = make_tensor(job->in);
	job->output = make_tensor(job->out);
}

struct accel_request_options job_options(struct rig_job *job)
{
	return (struct accel_request_options) {
		.service = job->model->service, .inputs = &job->input, .outputs = &job->output,
		.priority = ACCEL_PRIORITY_NORMAL,
	};
}

int job_submit(struct rig_job *job, struct accel_client *client)
{
	struct accel_request_options options = job_options(job);

	return accel_request_submit(client, &options, &job->request);
}

static void fail_with(const struct rig_job *job, uint32_t i)
{
	struct accel_request_info info = { 0 };

	if (job->request)
		accel_request_get_info(job->request, &info);
	fail_msg("element %u is %g, not %g (attempt %u, card %u, batch of %u, %llu us)", i,
		 (double)job->out[i],
		 (double)(job->in[i] + job->model->addend * (float)(i + 1)), info.attempts,
		 info.card, info.batch, (unsigned long long)(info.end_ns - info.start_ns) / 1000);
}

void job_check(const struct rig_job *job)
{
	for (uint32_t i = 0; i < RIG_COUNT; i++)
		if (job->out[i] != job->in[i] + job->model->addend * (float)(i + 1))
			fail_with(job, i);
}

int job_wait(struct rig_job *job)
{
	int ret = accel_request_wait(job->request, RIG_PATIENCE);

	if (!ret)
		job_check(job);
	return ret;
}

void job_done(void *opaque, struct accel_request *request, int result)
{
	struct rig_job *job = opaque;

	(void)request;
	job->result = result;
	__atomic_fetch_add(&job->ends, 1, __ATOMIC_RELEASE);
}

uint32_t job_ends(const struct rig_job *job)
{
	return __atomic_load_n(&job->ends, __ATOMIC_ACQUIRE);
}
