// SPDX-License-Identifier: MIT
/* Loads: a fixed number of requests at once, each followed by the next. */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <aci/aci_tcs.h>

#include "inference_bench.h"
#include "lib/device.h"
#include "lib/inproc.h"

#define ROW_BYTES	(CHAIN_WIDTH * sizeof(float))
#define PAIRS		41u
#define CARDS_MAX	8u
#define BATCH		64u
#define DEPTH		2u
#define COST_PAIRS	7u

/* --- Model ------------------------------------------------------------------------ */

/** struct chain - what bench_add_model() builds; never freed, as services are not */
struct chain {
	uint32_t rows, operations;
};

static int chain_product(struct accel_graph *graph, uint32_t *tensor)
{
	const uint64_t shape[] = { CHAIN_WIDTH, CHAIN_WIDTH };
	float *values = calloc(CHAIN_WIDTH * CHAIN_WIDTH, sizeof(*values));
	uint32_t weights, in = *tensor;
	int ret;

	if (!values)
		return -ENOMEM;
	for (uint32_t i = 0; i < CHAIN_WIDTH * CHAIN_WIDTH; i++)
		values[i] = (float)(i % 7) * 0.01f;
	ret = accel_graph_add_constant(graph, NULL, ACCEL_F32, 2, shape, values, &weights);
	free(values);
	return ret ? ret : accel_graph_matmul(graph, ACI_TCS_UNARY_RELU, in, weights,
					      ACCEL_TENSOR_NONE, tensor);
}

static int chain_build(void *opaque, struct accel_device *device, uint64_t batch,
		       struct accel_graph **graph)
{
	const struct chain *chain = opaque;
	const uint64_t shape[] = { batch * chain->rows, CHAIN_WIDTH };
	uint32_t tensor, in;
	int ret = accel_graph_create(device, graph);

	if (!ret)
		ret = accel_graph_add_input(*graph, "in", ACCEL_F32, 2, shape, &in);
	tensor = in;
	for (uint32_t i = 0; i < chain->operations && !ret; i++)
		ret = chain_product(*graph, &tensor);
	if (!ret && !chain->operations)
		ret = accel_graph_binary(*graph, ACI_TCS_BINARY_ADD, in, in, &tensor);
	return ret ? ret : accel_graph_add_output(*graph, "out", tensor);
}

struct accel_service *bench_add_model(struct accel_scheduler *scheduler, uint32_t rows,
				      uint32_t operations, uint32_t batch_max)
{
	struct chain *chain = malloc(sizeof(*chain));
	struct accel_service_options options = {
		.build = chain_build, .opaque = chain, .batch_max = batch_max,
		.first_ns = 1000000, .next_ns = 20000,
	};
	struct accel_service *service;

	bench_must(chain ? 0 : -ENOMEM, "memory");
	*chain = (struct chain) { .rows = rows, .operations = operations };
	bench_must(accel_scheduler_add_model(scheduler, &options, &service), "add_model");
	return service;
}

/* --- A scheduler with cards and memory --------------------------------------------- */

/** struct rig - inputs and outputs lie in one region, a slot for each request at once */
struct rig {
	uint32_t cards;
	struct accel_device *devices[CARDS_MAX];
	struct accel_scheduler *scheduler;
	struct accel_client *client;
	struct accel_service *service;
	struct accel_region *region;
	char *memory;
	uint64_t bytes;			/* of an input, and of an output */
};

static void rig_open(struct rig *rig, uint32_t cards, const char *name,
		     const struct accel_scheduler_options *options)
{
	*rig = (struct rig) { .cards = cards };
	for (uint32_t i = 0; i < cards; i++)
		bench_must(accel_device_open(name, &rig->devices[i]), "open");
	bench_must(accel_scheduler_create(rig->devices, cards, options, &rig->scheduler), "create");
	bench_must(accel_client_create(rig->scheduler, 1, &rig->client), "client");
}

static void rig_make_memory(struct rig *rig, uint32_t rows, uint32_t slots)
{
	uint64_t bytes = 2 * slots * rows * ROW_BYTES;

	rig->bytes = rows * ROW_BYTES;
	rig->memory = aligned_alloc(4096, (bytes + 4095) & ~UINT64_C(4095));
	bench_must(rig->memory ? 0 : -ENOMEM, "memory");
	memset(rig->memory, 0, bytes);
	bench_must(accel_scheduler_register_host(rig->scheduler, rig->memory, bytes, 0,
						 &rig->region), "register");
}

static void rig_tensors(const struct rig *rig, uint32_t slot, struct accel_tensor tensors[2])
{
	for (uint32_t i = 0; i < 2; i++)
		tensors[i] = (struct accel_tensor) {
			.region = rig->region, .bytes = rig->bytes,
			.offset = (2 * slot + i) * rig->bytes,
		};
}

static void rig_close(struct rig *rig)
{
	accel_scheduler_destroy(rig->scheduler);
	for (uint32_t i = 0; i < rig->cards; i++)
		accel_device_close(rig->devices[i]);
	free(rig->memory);
}

/* --- Whole inferences ------------------------------------------------------------- */

static void run_one(const struct rig *rig)
{
	struct accel_tensor tensors[2];
	struct accel_request_options options = {
		.service = rig->service, .inputs = &tensors[0], .outputs = &tensors[1],
		.priority = ACCEL_PRIORITY_NORMAL,
	};
	struct accel_request *request;

	rig_tensors(rig, 0, tensors);
	bench_must(accel_request_submit(rig->client, &options, &request), "submit");
	bench_must(accel_request_wait(request, ACCEL_WAIT_FOREVER), "wait");
	accel_request_destroy(request);
}

static double direct_ms(void)
{
	uint64_t start_ns = bench_clock_ns();

	direct_run();
	return (double)(bench_clock_ns() - start_ns) * 1e-6;
}

static double library_ms(const struct rig *rig)
{
	uint64_t start_ns = bench_clock_ns();

	run_one(rig);
	return (double)(bench_clock_ns() - start_ns) * 1e-6;
}

/* So many rows that the operations alone take about @ms here. */
static uint32_t find_rows(double ms)
{
	double times[9];

	direct_prepare(64);
	for (int i = 0; i < 9; i++)
		times[i] = direct_ms();
	return (uint32_t)(64 * ms / bench_median(times, 9)) / 4 * 4 + 4;
}

struct whole_result whole_measure(double ms)
{
	struct whole_result result = { .rows = find_rows(ms) };
	double direct[PAIRS], library[PAIRS], ratio[PAIRS];
	struct rig rig;

	direct_prepare(result.rows);
	rig_open(&rig, 1, "inproc:memory=64M,queues=16",
		 &(struct accel_scheduler_options) { .depth = 1, .ageing_ns = 60000000000 });
	rig.service = bench_add_model(rig.scheduler, result.rows, CHAIN_OPS, 1);
	rig_make_memory(&rig, result.rows, 1);
	for (int i = 0; i < 3; i++)
		run_one(&rig);
	/* Who was first in one pair is second in the next. */
	for (uint32_t i = 0; i < PAIRS; i++) {
		if (i & 1)
			direct[i] = direct_ms();
		library[i] = library_ms(&rig);
		if (!(i & 1))
			direct[i] = direct_ms();
		ratio[i] = library[i] / direct[i];
	}
	rig_close(&rig);
	result.direct_ms = bench_median(direct, PAIRS);
	result.library_ms = bench_median(library, PAIRS);
	result.ratio = bench_median(ratio, PAIRS);
	return result;
}

/* --- Many requests ---------------------------------------------------------------- */

/** struct crowd - requests at once; under its lock but for what never changes */
struct crowd {
	struct rig *rig;
	bool promises;			/* deadlines, timeouts, priorities */
	pthread_mutex_t lock;
	pthread_cond_t over;
	uint64_t left;			/* to be submitted */
	uint64_t at_once;
};

/** struct member - one of them */
struct member {
	struct crowd *crowd;
	uint32_t slot;
	uint64_t random;
};

static void member_done(void *opaque, struct accel_request *request, int result);

static void member_submit(struct member *member)
{
	struct accel_tensor tensors[2];
	struct accel_request_options options = {
		.service = member->crowd->rig->service, .inputs = &tensors[0],
		.outputs = &tensors[1], .priority = ACCEL_PRIORITY_NORMAL, .done = member_done,
		.opaque = member,
	};

	rig_tensors(member->crowd->rig, member->slot, tensors);
	if (member->crowd->promises) {
		member->random = member->random * 6364136223846793005u + 1442695040888963407u;
		options.priority = (enum accel_priority)(member->random >> 40) % 3;
		options.deadline_ns = 60000000000 + (member->random >> 32) % 1000000000 * 10;
		options.timeout_ns = 2 * options.deadline_ns;
	}
	bench_must(accel_request_submit(member->crowd->rig->client, &options, NULL), "submit");
}

static void member_done(void *opaque, struct accel_request *request, int result)
{
	struct member *member = opaque;
	struct crowd *crowd = member->crowd;
	bool again;

	(void)request;
	bench_must(result, "request");
	pthread_mutex_lock(&crowd->lock);
	again = crowd->left;
	if (again)
		crowd->left--;
	else if (!--crowd->at_once)
		pthread_cond_signal(&crowd->over);
	pthread_mutex_unlock(&crowd->lock);
	if (again)
		member_submit(member);
}

static void crowd_run(struct rig *rig, uint32_t at_once, uint64_t requests, bool promises)
{
	struct crowd crowd = {
		.rig = rig, .promises = promises, .lock = PTHREAD_MUTEX_INITIALIZER,
		.over = PTHREAD_COND_INITIALIZER, .left = requests - at_once, .at_once = at_once,
	};
	struct member *members = calloc(at_once, sizeof(*members));

	bench_must(members ? 0 : -ENOMEM, "memory");
	for (uint32_t i = 0; i < at_once; i++) {
		members[i] = (struct member) { .crowd = &crowd, .slot = i, .random = i };
		member_submit(&members[i]);
	}
	pthread_mutex_lock(&crowd.lock);
	while (crowd.at_once)
		pthread_cond_wait(&crowd.over, &crowd.lock);
	pthread_mutex_unlock(&crowd.lock);
	free(members);
}

/* --- Scaling ---------------------------------------------------------------------- */

#define MODEL_US	2000	/* of each descriptor and tile: asleep, so that cards share no processor */

static void model_time(struct rig *rig)
{
	char reply[128], command[64];

	snprintf(command, sizeof(command), "slow us=%d", MODEL_US);
	for (uint32_t i = 0; i < rig->cards; i++)
		bench_must(vcard_ctl(to_inproc(rig->devices[i]->transport)->vcard, command, reply,
				     sizeof(reply)), command);
}

double scale_measure(uint32_t cards, uint64_t requests)
{
	const struct accel_scheduler_options options = { .ageing_ns = 60000000000 };
	uint64_t start_ns;
	struct rig rig;

	rig_open(&rig, cards, "inproc:memory=16M,queues=16", &options);
	rig.service = bench_add_model(rig.scheduler, 1, 0, 1);
	rig_make_memory(&rig, 1, 4 * cards);
	/* Loads it to all cards, and lets their times be known. */
	model_time(&rig);
	crowd_run(&rig, 4 * cards, 40 * cards, false);
	start_ns = bench_clock_ns();
	crowd_run(&rig, 4 * cards, requests, false);
	start_ns = bench_clock_ns() - start_ns;
	rig_close(&rig);
	return (double)requests * 1e9 / (double)start_ns;
}

/* --- Cost ------------------------------------------------------------------------- */

/** struct direct - the same batches by hand */
struct direct {
	struct accel_context *context;
	struct accel_stream *up, *run, *down;
	struct accel_program *program;
	struct accel_buffer *memory, *in[DEPTH], *out[DEPTH];
	struct accel_event *uploaded[DEPTH], *computed[DEPTH], *done[DEPTH];
};

static void direct_open(struct direct *direct, struct accel_device *device, char *memory,
			uint64_t bytes)
{
	const uint64_t shape[] = { BATCH, CHAIN_WIDTH };
	const struct accel_stream_options copy = { .engine = ACCEL_ENGINE_COPY,
						   .priority = ACCEL_PRIORITY_NORMAL };
	struct accel_view in, out;

	bench_must(accel_context_create(device, &direct->context), "context");
	bench_must(accel_stream_create(direct->context, &copy, &direct->up), "stream");
	bench_must(accel_stream_create(direct->context, &copy, &direct->down), "stream");
	bench_must(accel_stream_create(direct->context, NULL, &direct->run), "stream");
	bench_must(accel_buffer_register_host(direct->context, memory, bytes, 0, &direct->memory),
		   "register");
	bench_must(accel_program_create(device, &direct->program), "program");
	bench_must(accel_view_init(&in, ACCEL_F32, 0, 0, 2, shape), "view");
	bench_must(accel_view_init(&out, ACCEL_F32, 1, 0, 2, shape), "view");
	bench_must(accel_program_binary(direct->program, ACI_TCS_BINARY_ADD, &in, &in, &out),
		   "program");
	bench_must(accel_program_load(direct->program, direct->context, direct->run), "load");
	for (uint32_t i = 0; i < DEPTH; i++) {
		bench_must(accel_buffer_create(direct->context, BATCH * ROW_BYTES,
					       ACCEL_MEMORY_CARD, 0, &direct->in[i]), "buffer");
		bench_must(accel_buffer_create(direct->context, BATCH * ROW_BYTES,
					       ACCEL_MEMORY_CARD, 0, &direct->out[i]), "buffer");
		bench_must(accel_event_create(direct->context, &direct->uploaded[i]), "event");
		bench_must(accel_event_create(direct->context, &direct->computed[i]), "event");
		bench_must(accel_event_create(direct->context, &direct->done[i]), "event");
	}
}

static void hand_over(struct accel_stream *from, struct accel_event *event, struct accel_stream *to)
{
	bench_must(accel_stream_record(from, event), "record");
	bench_must(accel_stream_wait_event(to, event), "wait_event");
}

static void direct_batch(struct direct *direct, uint32_t lane, uint32_t first)
{
	const struct accel_argument arguments[] = {
		{ .buffer = direct->in[lane] }, { .buffer = direct->out[lane] },
	};
	uint64_t host = accel_buffer_address(direct->memory) + 2 * first * ROW_BYTES;

	for (uint32_t i = 0; i < BATCH; i++)
		bench_must(accel_stream_copy(direct->up, accel_buffer_address(direct->in[lane]) +
					     i * ROW_BYTES, host + 2 * i * ROW_BYTES, ROW_BYTES),
			   "copy");
	hand_over(direct->up, direct->uploaded[lane], direct->run);
	bench_must(accel_stream_exec(direct->run, direct->program, arguments, 2), "exec");
	hand_over(direct->run, direct->computed[lane], direct->down);
	for (uint32_t i = 0; i < BATCH; i++)
		bench_must(accel_stream_copy(direct->down, host + (2 * i + 1) * ROW_BYTES,
					     accel_buffer_address(direct->out[lane]) +
					     i * ROW_BYTES, ROW_BYTES), "copy");
	bench_must(accel_stream_record(direct->down, direct->done[lane]), "record");
}

static void direct_close(struct direct *direct)
{
	for (uint32_t i = 0; i < DEPTH; i++) {
		accel_event_destroy(direct->uploaded[i]);
		accel_event_destroy(direct->computed[i]);
		accel_event_destroy(direct->done[i]);
		accel_buffer_destroy(direct->in[i]);
		accel_buffer_destroy(direct->out[i]);
	}
	accel_program_destroy(direct->program);
	accel_buffer_destroy(direct->memory);
	accel_stream_destroy(direct->up);
	accel_stream_destroy(direct->run);
	accel_stream_destroy(direct->down);
	accel_context_destroy(direct->context);
}

static uint64_t direct_cpu_ns(struct accel_device *device, char *memory, uint64_t bytes,
			      uint32_t slots, uint64_t batches)
{
	struct direct direct = { 0 };
	uint64_t start_ns;

	direct_open(&direct, device, memory, bytes);
	start_ns = bench_cpu_ns();
	for (uint64_t i = 0; i < batches; i++) {
		uint32_t lane = i % DEPTH;

		if (i >= DEPTH)
			bench_must(accel_event_wait(direct.done[lane], ACCEL_WAIT_FOREVER), "wait");
		direct_batch(&direct, lane, i * BATCH % (slots - BATCH));
	}
	for (uint32_t i = 0; i < DEPTH; i++)
		bench_must(accel_event_wait(direct.done[i], ACCEL_WAIT_FOREVER), "wait");
	start_ns = bench_cpu_ns() - start_ns;
	direct_close(&direct);
	return start_ns;
}

static uint64_t crowd_cpu_ns(struct rig *rig, uint32_t pending, uint64_t requests)
{
	uint64_t start_ns = bench_cpu_ns();

	crowd_run(rig, pending, requests, true);
	return bench_cpu_ns() - start_ns;
}

double cost_measure(uint32_t pending, uint64_t requests)
{
	const struct accel_scheduler_options options = { .depth = DEPTH };
	double with[COST_PAIRS], alone[COST_PAIRS], differences[COST_PAIRS], median;
	struct accel_scheduler_stats stats;
	struct rig rig;

	rig_open(&rig, 1, "inproc:memory=64M,queues=32", &options);
	rig.service = bench_add_model(rig.scheduler, 1, 0, BATCH);
	rig_make_memory(&rig, 1, pending);
	crowd_run(&rig, 2 * BATCH, 20 * BATCH, true);
	for (uint32_t i = 0; i < COST_PAIRS; i++) {
		with[i] = (double)crowd_cpu_ns(&rig, pending, requests) / (double)requests;
		alone[i] = (double)direct_cpu_ns(rig.devices[0], rig.memory,
						 2 * pending * ROW_BYTES, pending,
						 requests / BATCH) / (double)requests;
		differences[i] = with[i] - alone[i];
	}
	bench_must(accel_scheduler_get_stats(rig.scheduler, &stats), "stats");
	rig_close(&rig);
	median = bench_median(differences, COST_PAIRS);
	printf("%.1f requests in a batch, %.0f ns of processor time for a request by the scheduler, "
	       "%.0f ns by hand (medians)\n", (double)stats.ended_well / (double)stats.batches,
	       bench_median(with, COST_PAIRS), bench_median(alone, COST_PAIRS));
	return median;
}
