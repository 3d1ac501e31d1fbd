// SPDX-License-Identifier: MIT
/* The program: list of tests, fixture, helpers. */
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "lib/context.h"
#include "lib/inproc.h"
#include "lib_device.h"

uint32_t random_u32(void)
{
	static uint64_t state = 0x9e3779b97f4a7c15ull;

	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32_t)(state >> 16);
}

float random_float(void)
{
	return (float)(int32_t)random_u32() / 1073741824.0f;
}

void fill_random(void *data, size_t bytes)
{
	uint8_t *at = data;

	for (size_t i = 0; i < bytes; i++)
		at[i] = (uint8_t)random_u32();
}

struct accel_stream *make_stream(struct fixture *fixture, enum accel_engine engine,
				 uint32_t timeout_ms)
{
	struct accel_stream_options options = {
		.engine = engine, .priority = ACCEL_PRIORITY_NORMAL, .timeout_ms = timeout_ms,
	};
	struct accel_stream *stream;

	must(accel_stream_create(fixture->context, &options, &stream));
	return stream;
}

enum accel_placement card_or_host(const struct fixture *fixture)
{
	return fixture->info.memory_bytes ? ACCEL_MEMORY_CARD : ACCEL_MEMORY_HOST;
}

struct accel_buffer *make_buffer(struct fixture *fixture, uint64_t bytes,
				 enum accel_placement placement, uint32_t flags)
{
	struct accel_buffer *buffer;

	must(accel_buffer_create(fixture->context, bytes, placement, flags, &buffer));
	return buffer;
}

void require_compute(const struct fixture *fixture)
{
	if (!(fixture->info.capabilities & ACI_CAP_TCS)) {
		print_message("# no tensor command set\n");
		skip();
	}
}

/* --- Fault injection -------------------------------------------------------------- */

static void inject_by_port(const char *command)
{
	const char *path = getenv("ACCEL_CTL") ? getenv("ACCEL_CTL") : "/dev/virtio-ports/aci.ctl0";
	int fd = open(path, O_RDWR | O_CLOEXEC);
	struct pollfd ready = { .fd = fd, .events = POLLIN };
	char reply[256] = "";
	ssize_t got;

	if (fd < 0) {
		print_message("# no control port at %s\n", path);
		skip();
	}
	assert_true(dprintf(fd, "%s\n", command) > 0);
	assert_int_equal(poll(&ready, 1, 60000), 1);
	got = read(fd, reply, sizeof(reply) - 1);
	close(fd);
	assert_true(got > 0);
	if (strncmp(reply, "ok", 2))
		fail_msg("%s: %s", command, reply);
}

void inject(struct fixture *fixture, const char *command)
{
	char reply[256];

	if (fixture->info.transport != ACCEL_TRANSPORT_INPROC) {
		inject_by_port(command);
		return;
	}
	if (vcard_ctl(to_inproc(fixture->device->transport)->vcard, command, reply, sizeof(reply)))
		fail_msg("%s: %s", command, reply);
}

/* --- Fixture ---------------------------------------------------------------------- */

static int setup_group(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	const char *queues = getenv("ACCEL_TEST_QUEUES");

	setenv("ACCEL_DEVICE", "inproc:memory=64M,queues=16", 0);
	if (!fixture || accel_device_open(NULL, &fixture->device)) {
		fprintf(stderr, "%s: %s\n", getenv("ACCEL_DEVICE"), accel_last_error());
		exit(1);
	}
	if (accel_device_get_info(fixture->device, &fixture->info))
		exit(1);
	if (queues && !strcmp(queues, "kernel"))
		fixture->context_flags = ACCEL_CONTEXT_KERNEL_QUEUES;
	*state = fixture;
	return 0;
}

static int teardown_group(void **state)
{
	struct fixture *fixture = *state;

	accel_device_close(fixture->device);
	free(fixture);
	return 0;
}

static int setup_test(void **state)
{
	struct fixture *fixture = *state;

	must(accel_context_create_flags(fixture->device, fixture->context_flags,
					&fixture->context));
	fixture->stream = make_stream(fixture,
				      fixture->info.capabilities & ACI_CAP_TCS
					      ? ACCEL_ENGINE_COMPUTE
					      : ACCEL_ENGINE_COPY,
				      0);
	return 0;
}

/* A test that left something behind shows up here. */
static int teardown_test(void **state)
{
	struct fixture *fixture = *state;
	unsigned int users;

	accel_stream_destroy(fixture->stream);
	fixture->stream = NULL;
	users = fixture->context->users;
	if (users)
		print_error("%u objects of the context were not destroyed\n", users);
	accel_context_destroy(fixture->context);
	fixture->context = NULL;
	return users ? -1 : 0;
}

#define test(function)	cmocka_unit_test_setup_teardown(function, setup_test, teardown_test)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(test_info),
		test(test_open_errors),
		test(test_buffers),
		test(test_buffer_errors),
		test(test_buffer_map),
		test(test_memory_full),
		test(test_upload_download),
		test(test_upload_order),
		test(test_host_transfer),
		test(test_readonly),
		test(test_guard_page),
		test(test_zeroed),
		test(test_contexts_are_isolated),
		test(test_dmabuf),
		test(test_register_host),
		test(test_register_readonly),
		test(test_register_file),
		test(test_register_errors),
		test(test_fork),

		test(test_copy),
		test(test_copy_strided),
		test(test_copy_buffer),
		test(test_copy_between_contexts),
		test(test_copy_buffer_errors),
		test(test_fill),
		test(test_timestamp),
		test(test_command_errors),
		test(test_stream_options),
		test(test_event),
		test(test_event_errors),
		test(test_event_between_streams),
		test(test_event_fd),
		test(test_event_outlives_stream),
		test(test_event_wait_thread),
		test(test_flood),
		test(test_fault_is_sticky),
		test(test_hang),
		test(test_timeout_of_wait),
		test(test_destroy_cancels),
		test(test_stats),
		test(test_streams_in_threads),

		test(test_queue_kind),
		test(test_small_ring),
		test(test_streams_in_turn),
		test(test_short_streams),
		test(test_wait_for_failed),

		test(test_supports),
		test(test_program_of_older_card),
		test(test_view_errors),
		test(test_program_unary),
		test(test_program_overlapping_output),
		test(test_program_errors),
		test(test_exec_errors),
		test(test_exec_blob),
		test(test_program_stats),
		test(test_program_limits),
		test(test_program_from_arguments),
		test(test_program_wrong_scalars),
		test(test_scalar_errors),
		test(test_unary_from_arguments),
		test(test_unary_slot_errors),

		test(test_graph_unary),
		test(test_graph_binary),
		test(test_graph_matmul),
		test(test_graph_matmul_bias),
		test(test_graph_conv),
		test(test_graph_pool),
		test(test_graph_softmax),
		test(test_graph_convert),
		test(test_graph_views),
		test(test_graph_reshape_random),
		test(test_graph_concat),
		test(test_graph_int8),
		test(test_graph_outputs),
		test(test_graph_errors),
		test(test_graph_compare_select),
		test(test_graph_select_broadcast),
		test(test_graph_reduce),
		test(test_graph_arg),
		test(test_graph_reduce_errors),
		test(test_graph_gather),
		test(test_graph_gather_pairs),
		test(test_graph_scatter),
		test(test_graph_top_k),
		test(test_graph_cumulate),
		test(test_graph_normalise),
		test(test_graph_log_softmax),
		test(test_graph_fill),
		test(test_graph_half),
		test(test_graph_index_errors),
		test(test_gather_out_of_bounds),
		test(test_program_index),
		test(test_graph_conv_transpose),
		test(test_graph_resize),
		test(test_graph_quantise),
		test(test_graph_spatial_errors),
		test(test_model_facts),
		test(test_model_errors),
		test(test_model_random),
		test(test_model_two_contexts),
		test(test_weights_direct),
		test(test_weights_in_place),
		test(test_weights_errors),
		test(test_model_file),
		test(test_model_file_damaged),
		test(test_model_file_hostile),
		test(test_run_cost),
		test(test_fuse_matmul),
		test(test_fuse_conv),
		test(test_sized_batch),
		test(test_sized_sequence),
		test(test_sized_errors),
		test(test_onnx_cached),
		test(test_onnx_sized),
		test(test_onnx_external),
		test(test_onnx_in_file),
		test(test_onnx_external_errors),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, setup_group, teardown_group);
}
