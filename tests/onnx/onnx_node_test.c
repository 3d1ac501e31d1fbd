// SPDX-License-Identifier: MIT
/*
 * ONNX's own test cases (Debian: libonnx-testdata), for each operator in the
 * importer's table, on the card that ACCEL_DEVICE names (default: inproc).
 *
 *	onnx_node_test [--data KIND --skips FILE] [CASE...]
 *
 * KIND is a folder of the test data, by default node.
 *
 * ONNX feeds shapes, axes and the like as inputs; the importer needs them when
 * it loads the model. So inputs that the table calls constant become
 * initializers first.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <accel/accel.h>

#include "../../lib/onnx/operators.h"
#include "onnx.pb-c.h"
#include "skip_list.h"

#define DATA_REASON	"data:"
#define DATA_ROOT	"/usr/share/libonnx-testdata/data/"
#define RELATIVE	1e-3
#define ABSOLUTE	1e-5
#define VALUES_MAX	32	/* inputs or outputs of a case */
#define SETS_MAX	16	/* data sets of a case */
#define TEXT_BYTES	600

static char data_path[256] = DATA_ROOT "node";
static const char *skips_path = "tests/onnx/skips";

struct row {
	const char *name;
	int since, until;
	unsigned int constants;
};

#define ROW(name, since, until, types, constants, function, build, fold) { name, since, until, constants },

static const struct row rows[] = { ONNX_OPERATOR_TABLE(ROW) };

struct test {
	const char *name;
	struct accel_device *device;
	Onnx__ModelProto *model;
	Onnx__TensorProto *inputs[VALUES_MAX], *outputs[VALUES_MAX];
	char text[TEXT_BYTES];		/* what went wrong */
};

static int fail(struct test *test, int error, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(test->text, sizeof(test->text), format, args);
	va_end(args);
	return error;
}

/* --- Files -------------------------------------------------------------------------------- */

static void *read_file(const char *path, size_t *bytes)
{
	FILE *file = fopen(path, "rb");
	uint8_t *data = NULL;
	struct stat stat;

	if (file && !fstat(fileno(file), &stat)) {
		*bytes = stat.st_size;
		data = malloc(*bytes + 1);
		if (data && fread(data, 1, *bytes, file) != *bytes) {
			free(data);
			data = NULL;
		}
	}
	if (file)
		fclose(file);
	return data;
}

static Onnx__ModelProto *read_model(const char *name)
{
	Onnx__ModelProto *model;
	char path[512];
	size_t bytes;
	void *data;

	snprintf(path, sizeof(path), "%s/%s/model.onnx", data_path, name);
	data = read_file(path, &bytes);
	model = data ? onnx__model_proto__unpack(NULL, bytes, data) : NULL;
	free(data);
	return model;
}

static Onnx__TensorProto *read_tensor(const char *name, int set, const char *kind, size_t index)
{
	Onnx__TensorProto *tensor;
	char path[512];
	size_t bytes;
	void *data;

	snprintf(path, sizeof(path), "%s/%s/test_data_set_%d/%s_%zu.pb", data_path, name, set, kind, index);
	data = read_file(path, &bytes);
	tensor = data ? onnx__tensor_proto__unpack(NULL, bytes, data) : NULL;
	free(data);
	return tensor;
}

static int64_t opset_of(const Onnx__ModelProto *model)
{
	for (size_t i = 0; i < model->n_opset_import; i++)
		if (!model->opset_import[i]->domain || !*model->opset_import[i]->domain)
			return model->opset_import[i]->version;
	return 0;
}

/* --- Which cases run ---------------------------------------------------------------------- */

static const struct row *find_row(const char *operator, int64_t opset)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (!strcmp(rows[i].name, operator) && opset >= rows[i].since && opset <= rows[i].until)
			return &rows[i];
	return NULL;
}

static bool is_in_table(const Onnx__ModelProto *model)
{
	for (size_t i = 0; i < model->graph->n_node; i++) {
		const Onnx__NodeProto *node = model->graph->node[i];

		if ((node->domain && *node->domain) || !find_row(node->op_type, opset_of(model)))
			return false;
	}
	return model->graph->n_node;
}

/* --- Inputs that must be constants ------------------------------------------------------------ */

static bool is_listed(char *const *names, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (!strcmp(names[i], name))
			return true;
	return false;
}

static bool is_used(const Onnx__GraphProto *graph, const char *name)
{
	for (size_t i = 0; i < graph->n_node; i++)
		if (is_listed(graph->node[i]->input, graph->node[i]->n_input, name))
			return true;
	return false;
}

static bool is_needed(const Onnx__GraphProto *graph, int64_t opset, const char *name);

static bool are_outputs_needed(const Onnx__GraphProto *graph, int64_t opset, const Onnx__NodeProto *node)
{
	for (size_t i = 0; i < node->n_output; i++)
		if (!is_listed(node->input, node->n_input, node->output[i]) &&
		    is_needed(graph, opset, node->output[i]))
			return true;
	return false;
}

/* Is @name needed at load time: by the table, or to compute what is? Nodes are in order. */
static bool is_needed(const Onnx__GraphProto *graph, int64_t opset, const char *name)
{
	for (size_t i = 0; i < graph->n_node; i++) {
		const Onnx__NodeProto *node = graph->node[i];
		const struct row *row = find_row(node->op_type, opset);
		bool only_shape = !strcmp(node->op_type, "Shape") || !strcmp(node->op_type, "Size");

		for (size_t k = 0; k < node->n_attribute; k++) {
			const Onnx__GraphProto *branch = node->attribute[k]->g;

			if (branch && (is_needed(branch, opset, name) ||
				       (is_used(branch, name) && are_outputs_needed(graph, opset, node))))
				return true;
		}
		for (size_t k = 0; k < node->n_input; k++) {
			if (strcmp(node->input[k], name))
				continue;
			if (k < 16 && row && row->constants >> k & 1)
				return true;
			if (!only_shape && are_outputs_needed(graph, opset, node))
				return true;
		}
	}
	return false;
}

/* Move input @index to the initializers. */
static bool make_constant(struct test *test, size_t index)
{
	Onnx__GraphProto *graph = test->model->graph;
	Onnx__TensorProto **initializers, *tensor = test->inputs[index];

	initializers = realloc(graph->initializer, (graph->n_initializer + 1) * sizeof(*initializers));
	if (!initializers)
		return false;
	graph->initializer = initializers;
	if (tensor->name != protobuf_c_empty_string)
		free(tensor->name);
	tensor->name = strdup(graph->input[index]->name);
	graph->initializer[graph->n_initializer++] = tensor;
	onnx__value_info_proto__free_unpacked(graph->input[index], NULL);
	for (size_t i = index; i + 1 < graph->n_input; i++) {
		graph->input[i] = graph->input[i + 1];
		test->inputs[i] = test->inputs[i + 1];
	}
	test->inputs[--graph->n_input] = NULL;
	return tensor->name;
}

static bool make_constants(struct test *test)
{
	Onnx__GraphProto *graph = test->model->graph;

	for (size_t i = 0; i < graph->n_input;) {
		if (!is_needed(graph, opset_of(test->model), graph->input[i]->name))
			i++;
		else if (!make_constant(test, i))
			return false;
	}
	return true;
}

static bool is_initializer(const Onnx__GraphProto *graph, const char *name)
{
	for (size_t i = 0; i < graph->n_initializer; i++)
		if (!strcmp(graph->initializer[i]->name, name))
			return true;
	return false;
}

/* Old files list initializers among the inputs; the data sets have none for them. */
static void drop_initialized(Onnx__GraphProto *graph)
{
	size_t kept = 0;

	for (size_t i = 0; i < graph->n_input; i++) {
		if (is_initializer(graph, graph->input[i]->name))
			onnx__value_info_proto__free_unpacked(graph->input[i], NULL);
		else
			graph->input[kept++] = graph->input[i];
	}
	graph->n_input = kept;
}

/* --- Running ----------------------------------------------------------------------------------- */

/* The file of a changed model: a memfd, closed by the caller. */
static int write_model(const Onnx__ModelProto *model)
{
	size_t bytes = onnx__model_proto__get_packed_size(model);
	uint8_t *data = malloc(bytes);
	int fd = memfd_create("model", MFD_CLOEXEC);

	if (data)
		onnx__model_proto__pack(model, data);
	if (!data || fd < 0 || write(fd, data, bytes) != (ssize_t)bytes) {
		free(data);
		if (fd >= 0)
			close(fd);
		return -1;
	}
	free(data);
	return fd;
}

static int load(struct test *test, struct accel_context *context, struct accel_model **model)
{
	char path[64];
	int fd = write_model(test->model), err;

	if (fd < 0)
		return fail(test, -EIO, "the model cannot be written");
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	err = accel_model_load_onnx(context, path, NULL, model);
	close(fd);
	return err ? fail(test, err, "%s", accel_last_error()) : 0;
}

/* Elements of a tensor as the card has them; what ONNX's own files use is raw_data. */
static const void *elements(const Onnx__TensorProto *tensor, uint64_t bytes)
{
	if (tensor->has_raw_data && tensor->raw_data.len == bytes)
		return tensor->raw_data.data;
	if (tensor->n_float_data * sizeof(float) == bytes && bytes)
		return tensor->float_data;
	if (tensor->n_int64_data * sizeof(int64_t) == bytes && bytes)
		return tensor->int64_data;
	if (tensor->n_int32_data * sizeof(int32_t) == bytes && bytes)
		return tensor->int32_data;
	return NULL;
}

static bool same_shape(const struct accel_tensor_info *info, const Onnx__TensorProto *tensor)
{
	if (info->rank != tensor->n_dims)
		return false;
	for (uint32_t i = 0; i < info->rank; i++)
		if (info->shape[i] != (uint64_t)tensor->dims[i])
			return false;
	return true;
}

static bool is_close(float found, float expected, double relative)
{
	if (isnan(expected) || isnan(found))
		return isnan(expected) && isnan(found);
	if (isinf(expected) || isinf(found))
		return expected == found;
	return fabs((double)found - expected) <= ABSOLUTE + relative * fabs(expected);
}

/* Halves as float32: to be freed. Others: NULL. */
static float *widen(const struct accel_tensor_info *info, const void *data)
{
	uint64_t count = info->bytes / 2;
	bool f16 = info->type == ACCEL_F16;
	float *wide;

	if (!f16 && info->type != ACCEL_BF16)
		return NULL;
	wide = calloc(count, sizeof(*wide));
	for (uint64_t i = 0; wide && i < count; i++) {
		uint16_t bits = ((const uint16_t *)data)[i];
		uint32_t upper = (uint32_t)bits << 16;

		if (f16)
			wide[i] = (float)*(const _Float16 *)&bits;
		else
			memcpy(&wide[i], &upper, sizeof(upper));
	}
	return wide;
}

static int compare_floats(struct test *test, const struct accel_tensor_info *info, const float *found,
			  const float *expected, uint64_t count)
{
	/* ONNX's own bfloat16 results are cut off, not rounded. */
	double relative = info->type == ACCEL_BF16 ? 0x1p-7 : RELATIVE;

	for (uint64_t i = 0; i < count; i++)
		if (!is_close(found[i], expected[i], relative))
			return fail(test, -EDOM, "output '%s' element %llu is %.9g, expected %.9g", info->name,
				    (unsigned long long)i, found[i], expected[i]);
	return 0;
}

static int compare_halves(struct test *test, const struct accel_tensor_info *info, const void *found,
			  const void *expected)
{
	float *is = widen(info, found), *should = widen(info, expected);
	int err = is && should ? compare_floats(test, info, is, should, info->bytes / 2) :
				 fail(test, -ENOMEM, "no memory");

	free(is);
	free(should);
	return err;
}

static int compare(struct test *test, const struct accel_tensor_info *info, const void *found,
		   const Onnx__TensorProto *tensor)
{
	const void *expected = elements(tensor, info->bytes);
	uint64_t count = info->bytes / accel_type_bytes(info->type);

	if (!same_shape(info, tensor) || !expected)
		return fail(test, -EDOM, "output '%s' differs in shape or type", info->name);
	if (info->type == ACCEL_F16 || info->type == ACCEL_BF16)
		return compare_halves(test, info, found, expected);
	if (info->type != ACCEL_F32)
		return memcmp(found, expected, info->bytes) ?
		       fail(test, -EDOM, "output '%s' differs", info->name) : 0;
	return compare_floats(test, info, found, expected, count);
}

static int run_and_compare(struct test *test, struct accel_model *model, struct accel_stream *stream,
			   const void **inputs, void **outputs)
{
	struct accel_stream_stats before, after;
	struct accel_model_stats stats;
	struct accel_tensor_info info;
	int err;

	err = accel_stream_get_stats(stream, &before);
	if (!err)
		err = accel_model_run(model, stream, inputs, outputs);
	if (!err)
		err = accel_stream_get_stats(stream, &after);
	if (!err)
		err = accel_model_get_stats(model, &stats);
	if (err)
		return fail(test, err, "run: %s", accel_last_error());
	for (uint32_t i = 0; i < accel_model_output_count(model) && !err; i++) {
		accel_model_get_output(model, i, &info);
		err = compare(test, &info, outputs[i], test->outputs[i]);
	}
	if (!err && after.macs - before.macs != stats.macs)
		return fail(test, -EDOM, "the card counted %llu multiply-accumulates, the graph has %llu",
			    (unsigned long long)(after.macs - before.macs), (unsigned long long)stats.macs);
	return err;
}

static int run_model(struct test *test, struct accel_model *model, struct accel_stream *stream)
{
	uint32_t input_count = accel_model_input_count(model), output_count = accel_model_output_count(model);
	const void *inputs[VALUES_MAX] = { NULL };
	void *outputs[VALUES_MAX] = { NULL };
	struct accel_tensor_info info;
	int err = 0;

	if (input_count != test->model->graph->n_input || output_count != test->model->graph->n_output)
		return fail(test, -EDOM, "inputs or outputs were lost");
	for (uint32_t i = 0; i < input_count && !err; i++) {
		accel_model_get_input(model, i, &info);
		inputs[i] = elements(test->inputs[i], info.bytes);
		if (!inputs[i] || !same_shape(&info, test->inputs[i]))
			err = fail(test, -EDOM, "input '%s' differs from the file's in shape or type", info.name);
	}
	for (uint32_t i = 0; i < output_count && !err; i++) {
		accel_model_get_output(model, i, &info);
		outputs[i] = malloc(info.bytes);
		if (outputs[i])
			memset(outputs[i], 0xa5, info.bytes);
	}
	if (!err)
		err = run_and_compare(test, model, stream, inputs, outputs);
	for (uint32_t i = 0; i < output_count; i++)
		free(outputs[i]);
	return err;
}

static int run_on_card(struct test *test)
{
	struct accel_stream_options options = { .engine = ACCEL_ENGINE_COMPUTE, .priority = ACCEL_PRIORITY_NORMAL };
	struct accel_context *context = NULL;
	struct accel_stream *stream = NULL;
	struct accel_model *model = NULL;
	int err;

	err = accel_context_create(test->device, &context);
	if (!err)
		err = accel_stream_create(context, &options, &stream);
	if (err)
		fail(test, err, "%s", accel_last_error());
	else
		err = load(test, context, &model);
	if (!err)
		err = run_model(test, model, stream);
	accel_stream_destroy(stream);
	accel_model_destroy(model);
	accel_context_destroy(context);
	return err;
}

static int read_tensors(struct test *test, int set)
{
	const Onnx__GraphProto *graph = test->model->graph;

	if (graph->n_input > VALUES_MAX || graph->n_output > VALUES_MAX)
		return fail(test, -E2BIG, "too many inputs or outputs");
	for (size_t i = 0; i < graph->n_input; i++) {
		test->inputs[i] = read_tensor(test->name, set, "input", i);
		if (!test->inputs[i])
			return fail(test, -ENOTSUP, "input %zu is no tensor", i);
	}
	for (size_t i = 0; i < graph->n_output; i++) {
		test->outputs[i] = read_tensor(test->name, set, "output", i);
		if (!test->outputs[i])
			return fail(test, -ENOTSUP, "output %zu is no tensor", i);
	}
	return 0;
}

static void free_tensors(struct test *test)
{
	for (int i = 0; i < VALUES_MAX; i++) {
		if (test->inputs[i])
			onnx__tensor_proto__free_unpacked(test->inputs[i], NULL);
		if (test->outputs[i])
			onnx__tensor_proto__free_unpacked(test->outputs[i], NULL);
		test->inputs[i] = test->outputs[i] = NULL;
	}
}

/* One data set, on a model of its own. */
static int run_set(struct test *test, int set)
{
	int err;

	test->model = read_model(test->name);
	if (!test->model)
		return fail(test, -EIO, "model.onnx cannot be read");
	drop_initialized(test->model->graph);
	err = read_tensors(test, set);
	if (!err && !make_constants(test))
		err = fail(test, -ENOMEM, "no memory");
	if (!err)
		err = run_on_card(test);
	free_tensors(test);
	onnx__model_proto__free_unpacked(test->model, NULL);
	return err;
}

static int run_case(struct test *test)
{
	char path[512];
	int err = 0;

	for (int set = 0; set < SETS_MAX && !err; set++) {
		snprintf(path, sizeof(path), "%s/%s/test_data_set_%d", data_path, test->name, set);
		if (access(path, F_OK))
			return set ? 0 : fail(test, -EIO, "there is no data set");
		err = run_set(test, set);
	}
	return err;
}

/* --- Results -------------------------------------------------------------------------------------- */

static unsigned int number, failed;

static void print_result(const char *name, int err, const char *text)
{
	const char *reason = skip_list_reason(name);
	/* Refused, or run with a result that the data have wrong. */
	int listed = reason && !strncmp(reason, DATA_REASON, strlen(DATA_REASON)) ? -EDOM : -ENOTSUP;
	bool good = reason ? err == listed : !err;

	number++;
	failed += !good;
	if (!good && reason && !err)
		text = "passes, but is in the list of skips";
	printf("%sok %u %s%s%s\n", good ? "" : "not ", number, name, reason && good ? " # SKIP " : "",
	       reason && good ? reason : "");
	if (!good)
		printf("# %s: %s%s\n", name, text,
		       !reason && err == -ENOTSUP ? " (refused, but not in the list of skips)" : "");
	fflush(stdout);
}

static int is_case(const struct dirent *entry)
{
	return !strncmp(entry->d_name, "test_", 5);
}

struct selection {
	char **names;
	size_t count;
	size_t not_in_table;
};

/* Cases of operators in the table; of those, only the ones that were named, if any were. */
static bool select_cases(int argc, char **argv, struct selection *selection)
{
	struct dirent **entries;
	int count = scandir(data_path, &entries, is_case, alphasort);

	if (count <= 0)
		return false;
	selection->names = calloc(count, sizeof(*selection->names));
	for (int i = 0; i < count && selection->names; i++) {
		const char *name = entries[i]->d_name;
		Onnx__ModelProto *model;

		if (argc > 1 && !is_listed(argv + 1, argc - 1, name))
			continue;
		model = read_model(name);
		if (model && model->graph && is_in_table(model))
			selection->names[selection->count++] = strdup(name);
		else
			selection->not_in_table++;
		if (model)
			onnx__model_proto__free_unpacked(model, NULL);
	}
	for (int i = 0; i < count; i++)
		free(entries[i]);
	free(entries);
	return selection->names;
}

/* Options go; what remains are names of cases. */
static bool take_options(int *argc, char ***argv)
{
	while (*argc > 2 && !strncmp((*argv)[1], "--", 2)) {
		if (!strcmp((*argv)[1], "--data"))
			snprintf(data_path, sizeof(data_path), DATA_ROOT "%s", (*argv)[2]);
		else if (!strcmp((*argv)[1], "--skips"))
			skips_path = (*argv)[2];
		else
			return false;
		*argc -= 2;
		*argv += 2;
	}
	return true;
}

int main(int argc, char **argv)
{
	struct selection selection = { 0 };
	struct test test = { 0 };
	const char *device = getenv("ACCEL_DEVICE"), *unused;

	printf("KTAP version 1\n");
	if (!take_options(&argc, &argv) || !skip_list_read(skips_path) ||
	    !select_cases(argc, argv, &selection)) {
		printf("Bail out! %s or %s cannot be read\n", skips_path, data_path);
		return 1;
	}
	if (accel_device_open(device && *device ? device : "inproc", &test.device)) {
		printf("Bail out! %s\n", accel_last_error());
		return 1;
	}
	printf("1..%zu\n", selection.count + (argc == 1));
	for (size_t i = 0; i < selection.count; i++) {
		test.name = selection.names[i];
		test.text[0] = 0;
		print_result(test.name, run_case(&test), test.text);
		free(selection.names[i]);
	}
	if (argc == 1) {
		unused = skip_list_next_unused();
		print_result("skip-list", unused ? -ENOENT : 0, unused ? unused : "");
	}
	printf("# %zu cases of operators that are not in the table\n", selection.not_in_table);
	free(selection.names);
	accel_device_close(test.device);
	return failed ? 1 : 0;
}
