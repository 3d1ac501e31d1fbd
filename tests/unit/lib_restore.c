// SPDX-License-Identifier: MIT
/*
 * Contexts that lose their card, its memory or a job, and what comes back.
 * ACCEL_DEVICE names the card: "inproc", or the name of one that the kernel
 * drives, which is then unplugged and plugged in by sysfs.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
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

#include <aci/aci_tcs.h>

#include "lib/inproc.h"
#include "lib/retry_run.h"
#include "lib/stream.h"
#include "lib_assert.h"

#define PATIENCE	(120 * 1000000000ull)
#define COUNT		1024u
#define BYTES		(COUNT * sizeof(float))
#define KMSG_RESET	"^aci [0-9a-f:.]+: .*card reset: .*$"

/** struct fixture - a card and a context with what tests use */
struct fixture {
	struct accel_device *device;
	struct accel_context *context;
	struct accel_stream *stream;
	struct accel_buffer *in, *out;
	struct accel_program *program;	/* out = in + in, or out = out + in */
	float from[COUNT], to[COUNT];
};

static const char *card_name(void)
{
	return getenv("ACCEL_DEVICE") ? getenv("ACCEL_DEVICE") : "inproc:memory=16M,queues=16";
}

static bool is_inproc(void)
{
	return !strncmp(card_name(), "inproc", 6);
}

static uint32_t context_flags(void)
{
	const char *queues = getenv("ACCEL_TEST_QUEUES");

	return queues && !strcmp(queues, "kernel") ? ACCEL_CONTEXT_KERNEL_QUEUES : 0;
}

/* --- Ways to lose ----------------------------------------------------------------- */

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		fail_msg("%s: %s", path, strerror(errno));
	close(fd);
}

static void control(const char *command)
{
	const char *path = getenv("ACCEL_CTL") ? getenv("ACCEL_CTL") : "/dev/virtio-ports/aci.ctl0";
	int fd = open(path, O_RDWR | O_CLOEXEC);
	struct pollfd ready = { .fd = fd, .events = POLLIN };
	char reply[256] = "";

	assert_true(fd >= 0);
	assert_true(dprintf(fd, "%s\n", command) > 0);
	assert_int_equal(poll(&ready, 1, 120000), 1);
	assert_true(read(fd, reply, sizeof(reply) - 1) > 0);
	close(fd);
	if (strncmp(reply, "ok", 2))
		fail_msg("%s: %s", command, reply);
}

/* The card is pulled out, and one with its serial number plugged in. */
static void lose_card(struct accel_device *device)
{
	char path[128];

	if (is_inproc()) {
		inproc_wedge(to_inproc(device->transport), "the test pulls it");
		return;
	}
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/remove", device->info.name);
	write_file(path, "1");
	write_file("/sys/bus/pci/rescan", "1");
}

static uint64_t reset_generation(struct accel_device *device)
{
	struct accel_device_info info;

	must(accel_device_get_info(device, &info));
	return strcmp(info.state, "ok") ? 0 : info.reset_generation;
}

/* By firmware that hangs; @fault comes before. The messages of the kernel are announced. */
static void reset_card(struct accel_device *device, const char *fault, const char *messages)
{
	uint64_t before = reset_generation(device);
	char line[256];

	snprintf(line, sizeof(line), "<6>aci-expect-begin lib_restore %s " KMSG_RESET "\n",
		 messages);
	write_file("/dev/kmsg", line);
	if (fault)
		control(fault);
	control("firmware hang");
	while (reset_generation(device) <= before)
		usleep(20000);	/* a reset raises no event that this side could wait for */
	write_file("/dev/kmsg", "<6>aci-expect-end lib_restore\n");
}

/* --- Fixture ---------------------------------------------------------------------- */

static struct accel_program *make_program(struct fixture *fixture, uint32_t first_slot)
{
	const uint64_t shape[] = { COUNT };
	struct accel_view a, b, out;
	struct accel_program *program;

	must(accel_program_create(fixture->device, &program));
	must(accel_view_init(&a, ACCEL_F32, first_slot, 0, 1, shape));
	must(accel_view_init(&b, ACCEL_F32, 0, 0, 1, shape));
	must(accel_view_init(&out, ACCEL_F32, 1, 0, 1, shape));
	must(accel_program_binary(program, ACI_TCS_BINARY_ADD, &a, &b, &out));
	must(accel_program_load(program, fixture->context, fixture->stream));
	return program;
}

static void make_fixture(struct fixture *fixture, uint32_t first_slot,
			 enum accel_placement placement)
{
	const struct accel_stream_options options = {
		.engine = ACCEL_ENGINE_COMPUTE, .priority = ACCEL_PRIORITY_NORMAL,
	};

	memset(fixture, 0, sizeof(*fixture));
	must(accel_device_open(card_name(), &fixture->device));
	must(accel_context_create_flags(fixture->device, context_flags(), &fixture->context));
	must(accel_stream_create(fixture->context, &options, &fixture->stream));
	must(accel_buffer_create(fixture->context, BYTES, placement, 0, &fixture->in));
	must(accel_buffer_create(fixture->context, BYTES, placement, 0, &fixture->out));
	fixture->program = make_program(fixture, first_slot);
	for (uint32_t i = 0; i < COUNT; i++)
		fixture->from[i] = (float)i;
}

static void drop_fixture(struct fixture *fixture)
{
	accel_program_destroy(fixture->program);
	accel_buffer_destroy(fixture->in);
	accel_buffer_destroy(fixture->out);
	accel_stream_destroy(fixture->stream);
	assert_int_equal(fixture->context->users, 0);
	accel_context_destroy(fixture->context);
	accel_device_close(fixture->device);
}

static int run_job(struct fixture *fixture, uint32_t flags, const struct accel_retry *retry)
{
	const struct accel_transfer up = { fixture->in, 0, fixture->from, BYTES };
	const struct accel_transfer down = { fixture->out, 0, fixture->to, BYTES };
	const struct accel_argument arguments[] = {
		{ .buffer = fixture->in }, { .buffer = fixture->out },
	};
	const struct accel_job job = {
		.uploads = &up, .upload_count = 1, .downloads = &down, .download_count = 1,
		.program = fixture->program, .arguments = arguments, .argument_count = 2,
		.flags = flags,
	};

	return accel_stream_run(fixture->stream, &job, retry);
}

static void check_result(const struct fixture *fixture, float factor)
{
	for (uint32_t i = 0; i < COUNT; i++)
		assert_float_equal(fixture->to[i], factor * (float)i, 0.0f);
}

static void assert_loss(struct accel_context *context, enum accel_loss expected)
{
	enum accel_loss loss;

	must(accel_context_get_loss(context, &loss));
	assert_int_equal(loss, expected);
}

static const struct accel_retry once = { .attempts = 1 };

/* --- Jobs ------------------------------------------------------------------------- */

static void test_job_is_run_again(void **state)
{
	struct fixture fixture;
	uint64_t address;

	(void)state;
	make_fixture(&fixture, 0, ACCEL_MEMORY_CARD);
	address = accel_buffer_address(fixture.out);
	must(run_job(&fixture, 0, &once));
	check_result(&fixture, 2.0f);
	assert_loss(fixture.context, ACCEL_LOSS_NONE);
	lose_card(fixture.device);
	assert_loss(fixture.context, ACCEL_LOSS_CARD);
	memset(fixture.to, 0, sizeof(fixture.to));
	must(run_job(&fixture, 0, &once));
	check_result(&fixture, 2.0f);
	assert_int_equal(accel_buffer_address(fixture.out), address);
	assert_loss(fixture.context, ACCEL_LOSS_NONE);
	/* Without words, and with none left, a loss is told. */
	lose_card(fixture.device);
	assert_ret(-ENODEV, run_job(&fixture, 0, NULL));
	assert_ret(-ENODEV, run_job(&fixture, 0, &(struct accel_retry) { .attempts = 0 }));
	assert_loss(fixture.context, ACCEL_LOSS_CARD);
	must(accel_context_restore(fixture.context, NULL));
	must(run_job(&fixture, 0, NULL));
	check_result(&fixture, 2.0f);
	drop_fixture(&fixture);
}

/* out = out + in: what was lost with the card cannot be had by running it again. */
static void test_accumulating_job_is_not(void **state)
{
	struct fixture fixture;

	(void)state;
	make_fixture(&fixture, 1, ACCEL_MEMORY_CARD);
	must(run_job(&fixture, 0, &once));
	must(run_job(&fixture, 0, &once));
	check_result(&fixture, 2.0f);
	lose_card(fixture.device);
	assert_ret(-ENOTRECOVERABLE, run_job(&fixture, 0, &once));
	assert_text("state lost");
	/* Nor if it says that it does no harm: what it reads is gone. */
	assert_ret(-ENOTRECOVERABLE, run_job(&fixture, ACCEL_JOB_IDEMPOTENT, &once));
	must(accel_context_restore(fixture.context, NULL));
	must(run_job(&fixture, 0, &once));
	check_result(&fixture, 1.0f);
	drop_fixture(&fixture);
}

/* The same in memory of the caller, which no card can lose. */
static void test_accumulating_in_host_memory(void **state)
{
	struct accel_buffer *own;
	struct fixture fixture;
	float *memory = aligned_alloc(4096, 8192);

	(void)state;
	make_fixture(&fixture, 1, ACCEL_MEMORY_CARD);
	assert_non_null(memory);
	memset(memory, 0, 8192);
	must(accel_buffer_register_host(fixture.context, memory, BYTES, 0, &own));
	accel_buffer_destroy(fixture.out);
	fixture.out = own;
	must(run_job(&fixture, 0, &once));
	lose_card(fixture.device);
	assert_ret(-ENOTRECOVERABLE, run_job(&fixture, 0, &once));
	for (uint32_t i = 0; i < COUNT; i++)
		assert_float_equal(memory[i], (float)i, 0.0f);
	must(run_job(&fixture, ACCEL_JOB_IDEMPOTENT, &once));
	check_result(&fixture, 2.0f);
	assert_float_equal(memory[7], 14.0f, 0.0f);
	drop_fixture(&fixture);
	free(memory);
}

static struct accel_device *open_other(void)
{
	const char *other = getenv("ACCEL_OTHER_DEVICE");
	struct accel_device *device;

	if (!other && !is_inproc()) {
		print_message("# no ACCEL_OTHER_DEVICE\n");
		skip();
	}
	must(accel_device_open(other ? other : card_name(), &device));
	return device;
}

/* Its own does not come back: the job goes to the next card that works, and stays there. */
static void test_other_card(void **state)
{
	struct accel_device *other = open_other(), *list[] = { other };
	const struct accel_retry retry = { .attempts = 1, .devices = list, .device_count = 1 };
	struct fixture fixture;

	(void)state;
	make_fixture(&fixture, 0, ACCEL_MEMORY_CARD);
	must(accel_context_restore(fixture.context, other));
	must(run_job(&fixture, 0, NULL));
	check_result(&fixture, 2.0f);
	must(accel_context_restore(fixture.context, fixture.device));
	if (is_inproc()) {
		free(fixture.device->options);
		fixture.device->options = strdup("no=1");
		lose_card(fixture.device);
		memset(fixture.to, 0, sizeof(fixture.to));
		must(run_job(&fixture, 0, &retry));
		check_result(&fixture, 2.0f);
		assert_ptr_equal(fixture.context->device, other);
	}
	drop_fixture(&fixture);
	accel_device_close(other);
}

static void test_other_kind(void **state)
{
	struct accel_device *other;
	struct fixture fixture;

	(void)state;
	make_fixture(&fixture, 0, ACCEL_MEMORY_CARD);
	must(accel_device_open("inproc:profile=base", &other));
	assert_ret(-EXDEV, accel_context_restore(fixture.context, other));
	must(run_job(&fixture, 0, NULL));
	assert_ret(-EINVAL, accel_context_restore(NULL, other));
	assert_ret(-EINVAL, accel_context_get_loss(fixture.context, NULL));
	assert_ret(-EINVAL, run_job(&fixture, 2, NULL));
	assert_ret(-EINVAL, run_job(&fixture, 0, &(struct accel_retry) { .device_count = 1 }));
	assert_ret(-EINVAL, accel_stream_run(fixture.stream, NULL, NULL));
	drop_fixture(&fixture);
	accel_device_close(other);
}

struct doomed {
	struct accel_context *context;
	unsigned int runs;
};

/* Loses the card each time. */
static int doomed_run(const struct retry_work *work)
{
	struct doomed *doomed = (struct doomed *)(uintptr_t)work->data;

	doomed->runs++;
	lose_card(doomed->context->device);
	return -ENODEV;
}

static int doomed_facts(const struct retry_work *work, struct retry_job *facts)
{
	(void)work;
	*facts = (struct retry_job) { .restorable = true };
	return 0;
}

static void test_attempts(void **state)
{
	const struct accel_retry retry = { .attempts = 3 };
	struct fixture fixture;
	struct doomed doomed;
	struct retry_work work;

	(void)state;
	make_fixture(&fixture, 0, ACCEL_MEMORY_CARD);
	doomed = (struct doomed) { .context = fixture.context };
	work = (struct retry_work) {
		.run = doomed_run, .facts = doomed_facts, .data = &doomed, .stream = fixture.stream,
	};
	assert_ret(-ENODEV, retry_run(&work, &retry));
	assert_int_equal(doomed.runs, 4);
	must(accel_context_restore(fixture.context, NULL));
	drop_fixture(&fixture);
}

/* --- Contexts --------------------------------------------------------------------- */

static void hang_next_job(const struct fixture *fixture)
{
	char reply[64];

	if (is_inproc())
		assert_int_equal(vcard_ctl(to_inproc(fixture->device->transport)->vcard, "hang next",
					   reply, sizeof(reply)), 0);
	else
		control("hang next");
}

/* What was under way says that it was lost, also later; what comes after it is not mixed up. */
static void test_events(void **state)
{
	struct accel_event *good, *lost, *later;
	struct accel_stream *behind;
	struct fixture fixture;
	uint64_t count;
	int fd;

	(void)state;
	make_fixture(&fixture, 0, ACCEL_MEMORY_CARD);
	must(accel_stream_create(fixture.context, NULL, &behind));
	must(accel_event_create(fixture.context, &good));
	must(accel_event_create(fixture.context, &lost));
	must(accel_event_create(fixture.context, &later));
	must(accel_stream_record(fixture.stream, good));
	must(accel_stream_fill(fixture.stream, accel_buffer_address(fixture.out), 64, 1, 8));
	must(accel_stream_record(fixture.stream, good));
	must(accel_event_wait(good, PATIENCE));
	hang_next_job(&fixture);
	must(accel_stream_fill(fixture.stream, accel_buffer_address(fixture.out), 64, 1, 8));
	must(accel_stream_record(fixture.stream, lost));
	must(accel_stream_wait_event(behind, lost));
	must(accel_stream_flush(behind));
	lose_card(fixture.device);
	assert_ret(-ENODEV, accel_event_wait(lost, PATIENCE));
	must(accel_context_restore(fixture.context, NULL));
	assert_ret(-ENODEV, accel_event_wait(lost, PATIENCE));
	assert_text("lost before");
	must(accel_event_wait(good, PATIENCE));
	must(accel_event_get_fd(lost, &fd));
	assert_int_equal(read(fd, &count, sizeof(count)), sizeof(count));
	close(fd);
	/* Both streams work, and wait for each other. */
	must(accel_stream_wait_event(behind, lost));
	must(accel_stream_fill(fixture.stream, accel_buffer_address(fixture.out), BYTES, 5, 4));
	must(accel_stream_record(fixture.stream, later));
	must(accel_stream_wait_event(behind, later));
	must(accel_stream_download(behind, fixture.to, fixture.out, 0, BYTES));
	must(accel_stream_synchronize(behind, PATIENCE));
	for (uint32_t i = 0; i < COUNT; i++)
		assert_int_equal(((uint32_t *)fixture.to)[i], 5);
	must(accel_event_wait(later, PATIENCE));
	accel_event_destroy(good);
	accel_event_destroy(lost);
	accel_event_destroy(later);
	accel_stream_destroy(behind);
	drop_fixture(&fixture);
}

/* A job that is not taken any more says nothing about those before it: they are lost, too. */
static void test_lost_before_submit(void **state)
{
	struct accel_event *event;
	struct fixture fixture;
	int flushed;

	(void)state;
	make_fixture(&fixture, 0, ACCEL_MEMORY_CARD);
	must(accel_event_create(fixture.context, &event));
	hang_next_job(&fixture);
	must(accel_stream_fill(fixture.stream, accel_buffer_address(fixture.out), 64, 1, 8));
	must(accel_stream_record(fixture.stream, event));
	lose_card(fixture.device);
	must(accel_stream_fill(fixture.stream, accel_buffer_address(fixture.out), 64, 1, 8));
	flushed = accel_stream_flush(fixture.stream);
	/* The ring of a user queue takes what no card reads any more. */
	if (is_inproc() || !accel_context_has_user_queues(fixture.context))
		assert_true(flushed < 0);
	assert_true(accel_event_wait(event, PATIENCE) < 0);
	must(accel_context_restore(fixture.context, NULL));
	must(run_job(&fixture, 0, NULL));
	accel_event_destroy(event);
	drop_fixture(&fixture);
}

static void *wait_thread(void *event)
{
	return (void *)(intptr_t)accel_event_wait(event, PATIENCE);
}

/* Each waiter returns once, with the loss. */
static void test_waiters(void **state)
{
	struct accel_event *event;
	struct fixture fixture;
	pthread_t threads[3];

	(void)state;
	make_fixture(&fixture, 0, ACCEL_MEMORY_CARD);
	must(accel_event_create(fixture.context, &event));
	hang_next_job(&fixture);
	must(accel_stream_fill(fixture.stream, accel_buffer_address(fixture.out), 64, 1, 8));
	must(accel_stream_record(fixture.stream, event));
	for (int i = 0; i < 3; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, wait_thread, event), 0);
	lose_card(fixture.device);
	for (int i = 0; i < 3; i++) {
		void *ret;

		pthread_join(threads[i], &ret);
		assert_int_equal((int)(intptr_t)ret, -ENODEV);
	}
	must(accel_context_restore(fixture.context, NULL));
	must(run_job(&fixture, 0, NULL));
	accel_event_destroy(event);
	drop_fixture(&fixture);
}

/* Mapped host memory is at another address then, and zero as all of it. */
static void test_mapped_buffer(void **state)
{
	struct accel_buffer *buffer;
	struct fixture fixture;
	void *map;

	(void)state;
	make_fixture(&fixture, 0, ACCEL_MEMORY_CARD);
	must(accel_buffer_create(fixture.context, BYTES, ACCEL_MEMORY_HOST, 0, &buffer));
	must(accel_buffer_map(buffer, &map));
	memset(map, 1, BYTES);
	lose_card(fixture.device);
	must(accel_context_restore(fixture.context, NULL));
	must(accel_buffer_map(buffer, &map));
	for (uint32_t i = 0; i < BYTES; i++)
		assert_int_equal(((uint8_t *)map)[i], 0);
	must(accel_stream_fill(fixture.stream, accel_buffer_address(buffer), BYTES, 3, 1));
	must(accel_stream_synchronize(fixture.stream, PATIENCE));
	assert_int_equal(((uint8_t *)map)[BYTES - 1], 3);
	accel_buffer_destroy(buffer);
	drop_fixture(&fixture);
}

/* --- Models ----------------------------------------------------------------------- */

#define ROWS	48u
#define COLUMNS	32u

static struct accel_model *make_model(struct fixture *fixture, const float *weights,
				      uint32_t flags, int fd)
{
	const uint64_t in_shape[] = { 1, ROWS }, shape[] = { ROWS, COLUMNS };
	struct accel_graph *graph;
	struct accel_model *model;
	uint32_t in, constant, out;

	must(accel_graph_create(fixture->device, &graph));
	must(accel_graph_add_input(graph, "in", ACCEL_F32, 2, in_shape, &in));
	if (fd < 0)
		must(accel_graph_add_constant(graph, "weights", ACCEL_F32, 2, shape, weights,
					      &constant));
	else
		must(accel_graph_add_constant_file(graph, "weights", ACCEL_F32, 2, shape, fd, 0,
						   &constant));
	must(accel_graph_matmul(graph, ACI_TCS_UNARY_IDENTITY, in, constant, ACCEL_TENSOR_NONE,
				&out));
	must(accel_graph_add_output(graph, "out", out));
	must(accel_model_compile_flags(graph, fixture->context, flags, &model));
	accel_graph_destroy(graph);
	return model;
}

static int run_model(struct fixture *fixture, struct accel_model *model, const float *weights,
		     const struct accel_retry *retry)
{
	float in[ROWS] = { [3] = 1.0f }, out[COLUMNS] = { 0 };
	const void *inputs[] = { in };
	void *outputs[] = { out };
	int ret = accel_model_run_retry(model, fixture->stream, inputs, outputs, retry);

	for (uint32_t i = 0; i < COLUMNS && !ret; i++)
		assert_float_equal(out[i], weights[3 * COLUMNS + i], 0.0f);
	return ret;
}

static float *make_weights(void)
{
	float *weights = malloc(ROWS * COLUMNS * sizeof(*weights));

	for (uint32_t i = 0; i < ROWS * COLUMNS; i++)
		weights[i] = (float)(i % 251);
	return weights;
}

static void test_model_comes_back(void **state)
{
	float *weights = make_weights();
	struct accel_model *kept, *file, *not_kept;
	char path[] = "/tmp/lib_restore.XXXXXX";
	struct fixture fixture;
	int fd;

	(void)state;
	fd = mkstemp(path);
	assert_int_equal(write(fd, weights, ROWS * COLUMNS * sizeof(*weights)),
			 ROWS * COLUMNS * sizeof(*weights));
	close(fd);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	make_fixture(&fixture, 0, ACCEL_MEMORY_CARD);
	kept = make_model(&fixture, weights, ACCEL_MODEL_KEEP_WEIGHTS, -1);
	file = make_model(&fixture, weights, ACCEL_MODEL_KEEP_WEIGHTS, fd);
	not_kept = make_model(&fixture, weights, 0, -1);
	close(fd);
	must(run_model(&fixture, kept, weights, &once));
	lose_card(fixture.device);
	assert_ret(-ENOTRECOVERABLE, run_model(&fixture, not_kept, weights, &once));
	must(run_model(&fixture, kept, weights, &once));
	must(run_model(&fixture, file, weights, NULL));
	lose_card(fixture.device);
	must(run_model(&fixture, file, weights, &once));
	must(run_model(&fixture, kept, weights, NULL));
	assert_ret(-ENOTRECOVERABLE, run_model(&fixture, not_kept, weights, &once));
	assert_text("weights were lost");
	accel_model_destroy(kept);
	accel_model_destroy(file);
	accel_model_destroy(not_kept);
	drop_fixture(&fixture);
	unlink(path);
	free(weights);
}

/* The caller's input is overwritten by the output: nobody knows what the first attempt read. */
static void test_model_in_place(void **state)
{
	float *weights = make_weights(), memory[ROWS] = { [3] = 1.0f };
	const void *inputs[] = { memory };
	void *outputs[] = { memory };
	struct accel_model *model;
	struct fixture fixture;

	(void)state;
	make_fixture(&fixture, 0, ACCEL_MEMORY_CARD);
	model = make_model(&fixture, weights, ACCEL_MODEL_KEEP_WEIGHTS, -1);
	lose_card(fixture.device);
	assert_ret(-ENOTRECOVERABLE, accel_model_run_retry(model, fixture.stream, inputs, outputs,
							   &once));
	accel_model_destroy(model);
	drop_fixture(&fixture);
	free(weights);
}

/* --- Resets that the kernel makes ------------------------------------------------- */

static void require_kernel(void)
{
	if (is_inproc()) {
		print_message("# the in-process card is given up, not reset\n");
		skip();
	}
}

static void start_hanging(struct fixture *fixture, struct accel_event *event)
{
	control("hang next");
	must(accel_stream_fill(fixture->stream, accel_buffer_address(fixture->in), 64, 1, 8));
	must(accel_stream_record(fixture->stream, event));
}

/* Memory is kept: only the work is lost, and an accumulating job could have been done half. */
static void test_reset(void **state)
{
	float *weights;
	struct accel_event *event;
	struct accel_model *model;
	struct fixture fixture;

	(void)state;
	require_kernel();
	weights = make_weights();
	make_fixture(&fixture, 0, ACCEL_MEMORY_CARD);
	model = make_model(&fixture, weights, 0, -1);
	must(accel_event_create(fixture.context, &event));
	must(run_job(&fixture, 0, NULL));
	start_hanging(&fixture, event);
	reset_card(fixture.device, NULL, "1");
	assert_ret(-ECANCELED, accel_event_wait(event, PATIENCE));
	assert_loss(fixture.context, ACCEL_LOSS_WORK);
	must(accel_context_restore(fixture.context, NULL));
	assert_loss(fixture.context, ACCEL_LOSS_NONE);
	must(accel_stream_download(fixture.stream, fixture.to, fixture.out, 0, BYTES));
	must(accel_stream_synchronize(fixture.stream, PATIENCE));
	check_result(&fixture, 2.0f);
	must(run_model(&fixture, model, weights, NULL));
	accel_model_destroy(model);
	accel_event_destroy(event);
	drop_fixture(&fixture);
	free(weights);
}

/* A Function Level Reset scrubs card memory: nothing is wrong silently. */
static void test_reset_that_loses_memory(void **state)
{
	float *weights;
	struct accel_model *kept, *not_kept;
	struct fixture fixture;

	(void)state;
	require_kernel();
	weights = make_weights();
	make_fixture(&fixture, 0, ACCEL_MEMORY_CARD);
	kept = make_model(&fixture, weights, ACCEL_MODEL_KEEP_WEIGHTS, -1);
	not_kept = make_model(&fixture, weights, 0, -1);
	must(run_model(&fixture, kept, weights, NULL));
	reset_card(fixture.device, "reset fail level=card", "1-2");
	assert_loss(fixture.context, ACCEL_LOSS_MEMORY);
	assert_ret(-ECANCELED, run_model(&fixture, kept, weights, NULL));
	must(run_model(&fixture, kept, weights, &once));
	must(run_job(&fixture, 0, NULL));
	check_result(&fixture, 2.0f);
	assert_ret(-ENOTRECOVERABLE, run_model(&fixture, not_kept, weights, &once));
	assert_loss(fixture.context, ACCEL_LOSS_NONE);
	accel_model_destroy(kept);
	accel_model_destroy(not_kept);
	drop_fixture(&fixture);
	free(weights);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_job_is_run_again),
		cmocka_unit_test(test_accumulating_job_is_not),
		cmocka_unit_test(test_accumulating_in_host_memory),
		cmocka_unit_test(test_other_card),
		cmocka_unit_test(test_other_kind),
		cmocka_unit_test(test_attempts),
		cmocka_unit_test(test_events),
		cmocka_unit_test(test_lost_before_submit),
		cmocka_unit_test(test_waiters),
		cmocka_unit_test(test_mapped_buffer),
		cmocka_unit_test(test_model_comes_back),
		cmocka_unit_test(test_model_in_place),
		cmocka_unit_test(test_reset),
		cmocka_unit_test(test_reset_that_loses_memory),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
