/* SPDX-License-Identifier: MIT */
/*
 * Tests of libaccel that run on any card: ACCEL_DEVICE names it, "inproc" is
 * the default. What a card does not have is skipped, not failed. With
 * ACCEL_TEST_QUEUES=kernel jobs go through the kernel, else by user queues.
 */
#ifndef TESTS_UNIT_LIB_DEVICE_H
#define TESTS_UNIT_LIB_DEVICE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <accel/accel.h>
#include <aci/aci_regs.h>
#include <aci/aci_status.h>
#include <aci/aci_tcs.h>

#include "lib_assert.h"

/** struct fixture - one device for all tests; context and stream are new for each test */
struct fixture {
	struct accel_device *device;
	struct accel_device_info info;
	uint32_t context_flags;
	struct accel_context *context;
	struct accel_stream *stream;
};

#define SECONDS(n)	((n) * 1000000000ull)
/* Generous: a loaded host emulates the machine that runs this. */
#define PATIENCE	SECONDS(120ull)

struct accel_stream *make_stream(struct fixture *fixture, enum accel_engine engine,
				 uint32_t timeout_ms);
struct accel_buffer *make_buffer(struct fixture *fixture, uint64_t bytes,
				 enum accel_placement placement, uint32_t flags);
/** card_or_host() - card memory, or host memory on cards without any */
enum accel_placement card_or_host(const struct fixture *fixture);
void require_compute(const struct fixture *fixture);
/** inject() - a command of the virtual card's control socket; skips the test where there is none */
void inject(struct fixture *fixture, const char *command);
uint32_t random_u32(void);
float random_float(void);
void fill_random(void *data, size_t bytes);

typedef void test_function(void **state);

/* lib_device_memory.c */
test_function test_info, test_open_errors, test_buffers, test_buffer_errors, test_buffer_map,
	test_memory_full, test_upload_download, test_upload_order, test_host_transfer,
	test_readonly, test_guard_page, test_zeroed, test_contexts_are_isolated,
	test_dmabuf;
/* lib_device_host.c */
test_function test_register_host, test_register_readonly, test_register_file,
	test_register_errors, test_fork;
/* lib_device_stream.c */
test_function test_copy, test_copy_strided, test_copy_buffer, test_copy_between_contexts,
	test_copy_buffer_errors, test_fill, test_timestamp, test_command_errors,
	test_stream_options, test_event, test_event_errors, test_event_between_streams,
	test_event_fd, test_event_outlives_stream, test_event_wait_thread, test_flood,
	test_fault_is_sticky, test_hang, test_timeout_of_wait, test_destroy_cancels, test_stats,
	test_streams_in_threads;
/* lib_device_fence.c */
test_function test_queue_kind, test_small_ring, test_streams_in_turn, test_short_streams,
	test_wait_for_failed;
/* lib_device_program.c */
test_function test_supports, test_program_of_older_card, test_view_errors, test_program_unary,
	test_program_overlapping_output, test_program_errors, test_exec_errors, test_exec_blob, test_program_stats,
	test_program_limits, test_program_from_arguments, test_program_wrong_scalars,
	test_scalar_errors, test_unary_from_arguments, test_unary_slot_errors;
/* lib_device_graph.c */
test_function test_graph_unary, test_graph_binary, test_graph_matmul, test_graph_matmul_bias,
	test_graph_conv, test_graph_pool, test_graph_softmax, test_graph_convert, test_graph_views,
	test_graph_reshape_random, test_graph_concat, test_graph_int8, test_graph_outputs,
	test_graph_errors;
/* lib_device_model.c */
test_function test_model_facts, test_model_errors, test_model_random, test_model_two_contexts;
/* lib_device_weights.c */
test_function test_weights_direct, test_weights_in_place, test_weights_errors;
/* lib_device_reduce.c */
test_function test_graph_compare_select, test_graph_select_broadcast, test_graph_reduce,
	test_graph_arg, test_graph_reduce_errors;
/* lib_device_index.c */
test_function test_graph_gather, test_graph_gather_pairs, test_graph_scatter, test_graph_top_k,
	test_graph_cumulate, test_graph_normalise, test_graph_log_softmax, test_graph_fill,
	test_graph_half, test_graph_index_errors, test_gather_out_of_bounds, test_program_index;
/* lib_device_spatial.c */
test_function test_graph_conv_transpose, test_graph_resize, test_graph_quantise,
	test_graph_spatial_errors;
/* lib_device_file.c */
test_function test_model_file, test_model_file_damaged, test_model_file_hostile, test_run_cost;
/* lib_device_fuse.c */
test_function test_fuse_matmul, test_fuse_conv;
/* lib_device_vary.c */
test_function test_sized_batch, test_sized_sequence, test_sized_errors;
/* lib_device_onnx.c */
test_function test_onnx_cached, test_onnx_sized, test_onnx_external, test_onnx_in_file, test_onnx_external_errors;

#endif
