// SPDX-License-Identifier: MIT
/* Compiled models in files: there and back, in the way of others, and hostile. */
#include <endian.h>
#include <errno.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "lib/model_file.h"
#include "lib/stream.h"
#include "lib_device_net.h"

#define SIDE	24u
#define RUNS	16

static char folder[64];

static void begin_folder(void)
{
	strcpy(folder, "/tmp/accel-file-XXXXXX");
	assert_non_null(mkdtemp(folder));
}

static const char *in_folder(const char *name)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

static void end_folder(void)
{
	char command[160];

	snprintf(command, sizeof(command), "rm -r %s", folder);
	assert_int_equal(system(command), 0);
}

/* out = relu(in x W) and the indices of the best, so that there are two outputs of two types. */
static struct accel_model *make_model(struct fixture *fixture, const float *weights)
{
	const uint64_t square[2] = { SIDE, SIDE };
	struct accel_graph *graph;
	struct accel_model *model;
	uint32_t in, w, out, best;

	must(accel_graph_create(fixture->device, &graph));
	must(accel_graph_add_input(graph, "in", ACCEL_F32, 2, square, &in));
	must(accel_graph_add_constant(graph, "w", ACCEL_F32, 2, square, weights, &w));
	must(accel_graph_matmul(graph, ACI_TCS_UNARY_RELU, in, w, 0, &out));
	must(accel_graph_arg(graph, ACI_TCS_ARG_MAX, 1, false, out, &best));
	must(accel_graph_add_output(graph, "out", out));
	must(accel_graph_add_output(graph, "best", best));
	must(accel_model_compile(graph, fixture->context, &model));
	accel_graph_destroy(graph);
	return model;
}

struct results {
	float out[SIDE * SIDE];
	int64_t best[SIDE];
};

static void run(struct fixture *fixture, struct accel_model *model, const float *in,
		struct results *results)
{
	const void *inputs[1] = { in };
	void *outputs[2] = { results->out, results->best };

	memset(results, 0x5a, sizeof(*results));
	must(accel_model_run(model, fixture->stream, inputs, outputs));
}

void test_model_file(void **state)
{
	float weights[SIDE * SIDE], in[SIDE * SIDE];
	struct fixture *fixture = *state;
	struct accel_model_stats before, after;
	struct results expected, results;
	struct accel_model *model, *loaded;
	struct accel_tensor_info info;

	require_compute(fixture);
	begin_folder();
	for (unsigned int i = 0; i < SIDE * SIDE; i++) {
		weights[i] = random_float();
		in[i] = random_float();
	}
	model = make_model(fixture, weights);
	run(fixture, model, in, &expected);
	must(accel_model_save(model, in_folder("m")));
	/* Over one that is there, too. */
	must(accel_model_save(model, in_folder("m")));
	must(accel_model_get_stats(model, &before));
	accel_model_destroy(model);
	for (uint32_t flags = 0; flags <= ACCEL_MODEL_KEEP_WEIGHTS; flags += ACCEL_MODEL_KEEP_WEIGHTS) {
		must(accel_model_load(fixture->context, in_folder("m"), flags, &loaded));
		assert_int_equal(accel_model_input_count(loaded), 1);
		assert_int_equal(accel_model_output_count(loaded), 2);
		must(accel_model_get_output(loaded, 1, &info));
		assert_string_equal(info.name, "best");
		assert_true(info.type == ACCEL_I64 && info.rank == 2 && info.bytes == 8 * SIDE);
		must(accel_model_get_stats(loaded, &after));
		assert_memory_equal(&before, &after, sizeof(before));
		run(fixture, loaded, in, &results);
		assert_memory_equal(&results, &expected, sizeof(expected));
		accel_model_destroy(loaded);
	}
	assert_ret(-EINVAL, accel_model_save(NULL, "x"));
	assert_ret(-EINVAL, accel_model_load(fixture->context, NULL, 0, &loaded));
	assert_ret(-EINVAL, accel_model_load(fixture->context, in_folder("m"),
					     ACCEL_MODEL_WEIGHTS_IN_PLACE, &loaded));
	assert_ret(-ENOENT, accel_model_load(fixture->context, in_folder("none"), 0, &loaded));
	end_folder();
}

/* --- Hostile files ---------------------------------------------------------------- */

struct bytes {
	uint8_t *at;
	size_t count;
};

static struct bytes read_all(const char *path)
{
	struct bytes bytes = { 0 };
	struct stat stat_buffer;
	FILE *file = fopen(path, "rb");

	assert_non_null(file);
	assert_int_equal(fstat(fileno(file), &stat_buffer), 0);
	bytes.count = (size_t)stat_buffer.st_size;
	bytes.at = malloc(bytes.count);
	assert_int_equal(fread(bytes.at, 1, bytes.count, file), bytes.count);
	fclose(file);
	return bytes;
}

static void write_all(const char *path, const void *data, size_t count)
{
	FILE *file = fopen(path, "wb");

	assert_non_null(file);
	assert_int_equal(fwrite(data, 1, count, file), count);
	fclose(file);
}

/* As somebody would who knows the format: the digest fits what is there. */
static void sign(const struct bytes *bytes)
{
	struct model_file_header *header = (void *)bytes->at;
	size_t constants = le64toh(header->constant_bytes), begin = sizeof(*header);
	struct digest digest;

	if (constants > bytes->count - begin)
		return;
	digest_begin(&digest);
	digest_add(&digest, bytes->at + begin, bytes->count - constants - begin);
	digest_add(&digest, bytes->at + bytes->count - constants, constants);
	header->contents[0] = htole64(digest.word[0]);
	header->contents[1] = htole64(digest.word[1]);
}

/* Refused with a text that names the file, or taken; then the card has the last word. */
static bool is_refused(struct fixture *fixture, const struct bytes *bytes)
{
	struct accel_model *model;
	int ret;

	write_all(in_folder("bad"), bytes->at, bytes->count);
	ret = accel_model_load(fixture->context, in_folder("bad"), 0, &model);
	if (ret) {
		assert_non_null(strstr(accel_last_error(), folder));
		return true;
	}
	accel_model_destroy(model);
	return false;
}

static struct bytes save_some(struct fixture *fixture)
{
	float weights[SIDE * SIDE];
	struct accel_model *model;

	for (unsigned int i = 0; i < SIDE * SIDE; i++)
		weights[i] = random_float();
	model = make_model(fixture, weights);
	must(accel_model_save(model, in_folder("m")));
	accel_model_destroy(model);
	return read_all(in_folder("m"));
}

void test_model_file_damaged(void **state)
{
	struct fixture *fixture = *state;
	struct bytes bytes, part;
	struct accel_model *model;

	require_compute(fixture);
	begin_folder();
	bytes = save_some(fixture);
	part = bytes;
	for (part.count = 0; part.count < bytes.count; part.count += part.count < 400 ? 1 : 97)
		assert_true(is_refused(fixture, &part));
	/* Any bit that is not the source's, which nobody asked for here. */
	for (size_t at = 0; at < bytes.count; at += at < 1000 ? 1 : 61) {
		bytes.at[at] ^= 1u << (at % 8);
		if (at < offsetof(struct model_file_header, source) ||
		    at >= sizeof(struct model_file_header))
			assert_true(is_refused(fixture, &bytes));
		bytes.at[at] ^= 1u << (at % 8);
	}
	assert_false(is_refused(fixture, &bytes));
	((struct model_file_header *)(void *)bytes.at)->library = htole32(7 << 16 | 9);
	write_all(in_folder("bad"), bytes.at, bytes.count);
	assert_ret(-ESTALE, accel_model_load(fixture->context, in_folder("bad"), 0, &model));
	assert_text("7.9");
	free(bytes.at);
	end_folder();
}

/* Whatever is in a file that is signed: no access outside, and what runs is the card's matter. */
void test_model_file_hostile(void **state)
{
	struct fixture *fixture = *state;
	unsigned int refused = 0;
	struct bytes good, bytes;

	require_compute(fixture);
	begin_folder();
	good = save_some(fixture);
	bytes = (struct bytes) { malloc(good.count), good.count };
	for (unsigned int round = 0; round < 1500; round++) {
		static const uint64_t nasty[] = { 0, 1, 0xff, 0xffff, 0x7fffffff, 0xffffffff, 1ull << 40,
						  1ull << 62, ~0ull, ~7ull };
		uint64_t value = nasty[random_u32() % 10];
		size_t meta = good.count - SIDE * SIDE * sizeof(float);
		size_t at = random_u32() % (meta - 16);

		memcpy(bytes.at, good.at, good.count);
		/* Magic, versions and card stay, or nothing else is ever looked at. */
		if (at < offsetof(struct model_file_header, file_bytes) ||
		    (at + 8 > offsetof(struct model_file_header, card) &&
		     at < offsetof(struct model_file_header, source)))
			at = offsetof(struct model_file_header, workspace_bytes);
		memcpy(bytes.at + at, &value, 1u << random_u32() % 4);
		sign(&bytes);
		refused += is_refused(fixture, &bytes);
	}
	/* Both ways were gone: most of the bytes are operations, of which the card alone knows. */
	assert_in_range(refused, 50, 1499);
	free(bytes.at);
	free(good.at);
	end_folder();
}

/* --- Cost of a run ---------------------------------------------------------------- */

struct cost {
	uint64_t staged_bytes;
	double cpu_us;			/* of this thread, which is the host's part */
};

static double thread_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static struct cost measure(struct fixture *fixture, uint32_t operations)
{
	const uint64_t shape[1] = { 4 };
	struct accel_argument argument = { 0 };
	struct accel_program *program;
	struct accel_view view;
	struct cost cost;
	uint64_t head;
	double begin;

	must(accel_program_create(fixture->device, &program));
	must(accel_view_init(&view, ACCEL_F32, 0, 0, 1, shape));
	for (uint32_t i = 0; i < operations; i++)
		must(accel_program_unary(program, ACI_TCS_UNARY_NEG, 0, 0, &view, &view));
	must(accel_program_load(program, fixture->context, fixture->stream));
	argument.buffer = make_buffer(fixture, 4096, card_or_host(fixture), 0);
	must(accel_stream_exec(fixture->stream, program, &argument, 1));
	must(accel_stream_synchronize(fixture->stream, PATIENCE));
	head = fixture->stream->staging.head;
	begin = thread_us();
	for (int i = 0; i < RUNS; i++) {
		must(accel_stream_exec(fixture->stream, program, &argument, 1));
		must(accel_stream_flush(fixture->stream));
	}
	cost.cpu_us = (thread_us() - begin) / RUNS;
	cost.staged_bytes = fixture->stream->staging.head - head;
	must(accel_stream_synchronize(fixture->stream, PATIENCE));
	accel_program_destroy(program);
	accel_buffer_destroy(argument.buffer);
	return cost;
}

/* What the host does for a run depends on arguments, not on operations. */
void test_run_cost(void **state)
{
	struct fixture *fixture = *state;
	struct cost few, many;

	require_compute(fixture);
	few = measure(fixture, 10);
	many = measure(fixture, 10000);
	print_message("# a run costs the host %.1f us with 10 operations, %.1f us with 10,000\n",
		      few.cpu_us, many.cpu_us);
	assert_int_equal(few.staged_bytes, many.staged_bytes);
	/* A thousandth more per operation would be ten times as much. */
	assert_true(many.cpu_us < 4 * few.cpu_us + 20);
}
