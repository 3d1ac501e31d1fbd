// SPDX-License-Identifier: MIT
/* Constants in files: read by the card from the page cache, not copied by the CPU. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "lib_device.h"

#define ROWS	300u
#define COLUMNS	200u
#define WEIGHTS	(ROWS * COLUMNS * sizeof(float))

/* A file with noise up to @offset, then the weights. Return: a descriptor for reading. */
static int write_weights(const float *weights, uint64_t offset, char *path)
{
	uint8_t *noise = malloc(offset + 1);
	int fd;

	fill_random(noise, offset + 1);
	strcpy(path, "/tmp/lib_weights.XXXXXX");
	fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, noise, offset), offset);
	assert_int_equal(write(fd, weights, WEIGHTS), WEIGHTS);
	assert_int_equal(write(fd, noise, 1), 1);
	close(fd);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	free(noise);
	return fd;
}

/* out[1][COLUMNS] = in[1][ROWS] x weights */
static struct accel_model *make_model(struct fixture *fixture, int fd, uint64_t offset,
				      uint32_t flags)
{
	const uint64_t in_shape[] = { 1, ROWS }, shape[] = { ROWS, COLUMNS };
	struct accel_graph *graph;
	struct accel_model *model;
	uint32_t in, weights, out;

	must(accel_graph_create(fixture->device, &graph));
	must(accel_graph_add_input(graph, "in", ACCEL_F32, 2, in_shape, &in));
	must(accel_graph_add_constant_file(graph, "weights", ACCEL_F32, 2, shape, fd, offset,
					   &weights));
	must(accel_graph_matmul(graph, ACI_TCS_UNARY_IDENTITY, in, weights, ACCEL_TENSOR_NONE,
				&out));
	must(accel_graph_add_output(graph, "out", out));
	must(accel_model_compile_flags(graph, fixture->context, flags, &model));
	accel_graph_destroy(graph);
	return model;
}

static void run_model(struct fixture *fixture, struct accel_model *model, const float *weights)
{
	float in[ROWS], out[COLUMNS];
	const void *inputs[] = { in };
	void *outputs[] = { out };

	for (uint32_t i = 0; i < ROWS; i++)
		in[i] = i == 7 ? 1.0f : i == 291 ? 2.0f : 0.0f;
	must(accel_model_run(model, fixture->stream, inputs, outputs));
	for (uint32_t i = 0; i < COLUMNS; i++)
		assert_float_equal(out[i], weights[7 * COLUMNS + i] +
					   2.0f * weights[291 * COLUMNS + i], 1e-4f);
}

static float *make_weights(void)
{
	float *weights = malloc(WEIGHTS);

	for (uint32_t i = 0; i < ROWS * COLUMNS; i++)
		weights[i] = random_float();
	return weights;
}

/* Not with an old driver. */
static bool can_register(struct fixture *fixture)
{
	struct accel_buffer *buffer;
	static char memory[4096];

	if (accel_buffer_register_host(fixture->context, memory, 4096, ACCEL_BUFFER_READONLY,
				       &buffer))
		return false;
	accel_buffer_destroy(buffer);
	return true;
}

static void check_weights(struct fixture *fixture, uint64_t offset, uint32_t flags,
			  struct accel_model_weights expected)
{
	float *weights = make_weights();
	struct accel_model_weights have;
	struct accel_model *model;
	char path[64];
	int fd = write_weights(weights, offset, path);

	if (!can_register(fixture))
		expected = (struct accel_model_weights) { .copied_bytes = WEIGHTS };
	model = make_model(fixture, fd, offset, flags);
	close(fd);
	must(accel_model_get_weights(model, &have));
	assert_int_equal(have.copied_bytes, expected.copied_bytes);
	assert_int_equal(have.direct_bytes, expected.direct_bytes);
	assert_int_equal(have.in_place_bytes, expected.in_place_bytes);
	run_model(fixture, model, weights);
	run_model(fixture, model, weights);
	accel_model_destroy(model);
	unlink(path);
	free(weights);
}

void test_weights_direct(void **state)
{
	struct fixture *fixture = *state;
	struct accel_model_weights direct = { .direct_bytes = WEIGHTS };

	require_compute(fixture);
	check_weights(fixture, 0, 0, direct);
	check_weights(fixture, 8192, 0, direct);
	/* The card copies from any address. */
	check_weights(fixture, 4099, 0, direct);
}

void test_weights_in_place(void **state)
{
	struct fixture *fixture = *state;
	struct accel_model_weights in_place = { .in_place_bytes = WEIGHTS };
	struct accel_model_weights direct = { .direct_bytes = WEIGHTS };

	require_compute(fixture);
	check_weights(fixture, 0, ACCEL_MODEL_WEIGHTS_IN_PLACE, in_place);
	check_weights(fixture, 4096 + 4, ACCEL_MODEL_WEIGHTS_IN_PLACE, in_place);
	/* A float must be aligned. */
	check_weights(fixture, 4099, ACCEL_MODEL_WEIGHTS_IN_PLACE, direct);
}

void test_weights_errors(void **state)
{
	struct fixture *fixture = *state;
	const uint64_t shape[] = { ROWS, COLUMNS };
	float *weights = make_weights();
	struct accel_graph *graph;
	struct accel_model *model;
	uint32_t tensor = 1;
	char path[64];
	int fd = write_weights(weights, 100, path), pipes[2];

	require_compute(fixture);
	must(accel_graph_create(fixture->device, &graph));
	must(accel_graph_add_constant_file(graph, NULL, ACCEL_F32, 2, shape, fd, 101, &tensor));
	assert_ret(-EINVAL, accel_graph_add_constant_file(graph, NULL, ACCEL_F32, 2, shape, fd,
							  102, &tensor));
	assert_text("past the end");
	assert_int_equal(tensor, ACCEL_TENSOR_NONE);
	assert_ret(-EINVAL, accel_graph_add_constant_file(graph, NULL, ACCEL_F32, 2, shape, fd,
							  UINT64_MAX - 3, &tensor));
	assert_ret(-EBADF, accel_graph_add_constant_file(graph, NULL, ACCEL_F32, 2, shape, -1, 0,
							 &tensor));
	assert_int_equal(pipe(pipes), 0);
	assert_ret(-EINVAL, accel_graph_add_constant_file(graph, NULL, ACCEL_F32, 2, shape,
							  pipes[0], 0, &tensor));
	assert_ret(-EINVAL, accel_graph_add_constant_file(NULL, NULL, ACCEL_F32, 2, shape, fd, 0,
							  &tensor));
	assert_ret(-EINVAL, accel_model_compile_flags(graph, fixture->context, 2, &model));
	close(pipes[0]);
	close(pipes[1]);
	close(fd);
	unlink(path);
	accel_graph_destroy(graph);
	free(weights);
}
