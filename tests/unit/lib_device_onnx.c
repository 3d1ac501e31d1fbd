// SPDX-License-Identifier: MIT
/* ONNX files whose weights lie in files next to them, or far apart in the model's own. */
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib_device.h"
#include "onnx.pb-c.h"

#define SIDE	128u	/* 64 KiB: large enough to stay in the file */
#define WEIGHTS	(SIDE * SIDE * sizeof(float))

/* struct external - where a model says that its weights are */
struct external {
	const char *location, *offset, *length;
};

static char folder[64];
static bool open_rows;		/* the model leaves the first dimension open */

static void in_folder(const char *name, char *path)
{
	snprintf(path, 128, "%s/%s", folder, name);
}

static void write_file(const char *name, const void *data, size_t bytes)
{
	char path[128];
	FILE *file;

	in_folder(name, path);
	file = fopen(path, "w");
	assert_non_null(file);
	assert_int_equal(fwrite(data, 1, bytes, file), bytes);
	fclose(file);
}

/*
 * out = in x W, both SIDE x SIDE. W is in @raw, or where @external says. A doc string
 * of @shift bytes moves what is behind it.
 */
static void write_model(const struct external *external, const float *raw, uint32_t shift)
{
	Onnx__StringStringEntryProto entries[] = {
		ONNX__STRING_STRING_ENTRY_PROTO__INIT, ONNX__STRING_STRING_ENTRY_PROTO__INIT,
		ONNX__STRING_STRING_ENTRY_PROTO__INIT,
	}, *entry_list[] = { &entries[0], &entries[1], &entries[2] };
	int64_t dims[] = { SIDE, SIDE };
	Onnx__TensorProto weights = ONNX__TENSOR_PROTO__INIT, *initializers[] = { &weights };
	Onnx__TensorShapeProto__Dimension dim = ONNX__TENSOR_SHAPE_PROTO__DIMENSION__INIT,
		rows = ONNX__TENSOR_SHAPE_PROTO__DIMENSION__INIT,
		*dim_list[] = { open_rows ? &rows : &dim, &dim };
	Onnx__TensorShapeProto shape = ONNX__TENSOR_SHAPE_PROTO__INIT;
	Onnx__TypeProto__Tensor tensor = ONNX__TYPE_PROTO__TENSOR__INIT;
	Onnx__TypeProto type = ONNX__TYPE_PROTO__INIT;
	Onnx__ValueInfoProto in = ONNX__VALUE_INFO_PROTO__INIT, out = ONNX__VALUE_INFO_PROTO__INIT,
		*ins[] = { &in }, *outs[] = { &out };
	char *node_in[] = { "in", "W" }, *node_out[] = { "out" };
	Onnx__NodeProto node = ONNX__NODE_PROTO__INIT, *nodes[] = { &node };
	Onnx__GraphProto graph = ONNX__GRAPH_PROTO__INIT;
	Onnx__OperatorSetIdProto opset = ONNX__OPERATOR_SET_ID_PROTO__INIT, *opsets[] = { &opset };
	Onnx__ModelProto model = ONNX__MODEL_PROTO__INIT;
	uint8_t *packed = malloc(2048 + WEIGHTS);
	char doc[] = "12345678";

	entries[0].key = "location";
	entries[1].key = "offset";
	entries[2].key = "length";
	weights.name = "W";
	weights.n_dims = 2;
	weights.dims = dims;
	weights.has_data_type = 1;
	weights.data_type = ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT;
	if (raw) {
		weights.has_raw_data = 1;
		weights.raw_data.len = WEIGHTS;
		weights.raw_data.data = (uint8_t *)(uintptr_t)raw;
	} else {
		entries[0].value = (char *)(uintptr_t)external->location;
		entries[1].value = (char *)(uintptr_t)external->offset;
		entries[2].value = (char *)(uintptr_t)external->length;
		weights.has_data_location = 1;
		weights.data_location = ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL;
		weights.n_external_data = 3;
		weights.external_data = entry_list;
	}
	dim.value_case = ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE;
	dim.dim_value = SIDE;
	rows.value_case = ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_PARAM;
	rows.dim_param = "rows";
	shape.n_dim = 2;
	shape.dim = dim_list;
	tensor.has_elem_type = 1;
	tensor.elem_type = ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT;
	tensor.shape = &shape;
	type.value_case = ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE;
	type.tensor_type = &tensor;
	in.name = "in";
	out.name = "out";
	in.type = out.type = &type;
	node.op_type = "MatMul";
	node.n_input = 2;
	node.input = node_in;
	node.n_output = 1;
	node.output = node_out;
	graph.n_node = graph.n_input = graph.n_output = graph.n_initializer = 1;
	graph.node = nodes;
	graph.input = ins;
	graph.output = outs;
	graph.initializer = initializers;
	opset.has_version = 1;
	opset.version = 13;
	model.n_opset_import = 1;
	model.opset_import = opsets;
	model.graph = &graph;
	doc[shift] = '\0';
	model.doc_string = doc;
	assert_true(onnx__model_proto__get_packed_size(&model) <= 2048 + WEIGHTS);
	write_file("model.onnx", packed, onnx__model_proto__pack(&model, packed));
	free(packed);
}

static int load(struct fixture *fixture, const struct external *external,
		struct accel_model **model)
{
	char path[128];

	write_model(external, NULL, 0);
	in_folder("model.onnx", path);
	return accel_model_load_onnx_flags(fixture->context, path, NULL,
					   ACCEL_MODEL_WEIGHTS_IN_PLACE, model);
}

static float *make_folder(void)
{
	uint8_t *file = calloc(1, 4096 + WEIGHTS);
	float *weights = malloc(WEIGHTS);

	strcpy(folder, "/tmp/lib_onnx.XXXXXX");
	assert_non_null(mkdtemp(folder));
	for (uint32_t i = 0; i < SIDE * SIDE; i++)
		weights[i] = random_float();
	memcpy(file + 4096, weights, WEIGHTS);
	write_file("weights.bin", file, 4096 + WEIGHTS);
	free(file);
	return weights;
}

static void remove_folder(void)
{
	const char *const names[] = { "model.onnx", "weights.bin", "link" };
	char path[128];

	for (int i = 0; i < 3; i++) {
		in_folder(names[i], path);
		unlink(path);
	}
	rmdir(folder);
}

/* The product with the unit matrix shows the weights. */
static void check_model(struct fixture *fixture, struct accel_model *model, const float *weights)
{
	float *in = calloc(1, WEIGHTS), *out = calloc(1, WEIGHTS);
	const void *inputs[] = { in };
	void *outputs[] = { out };
	struct accel_model_weights how;

	must(accel_model_get_weights(model, &how));
	assert_int_equal(how.in_place_bytes + how.direct_bytes + how.copied_bytes, WEIGHTS);
	if (fixture->info.transport == ACCEL_TRANSPORT_INPROC)
		assert_int_equal(how.copied_bytes, 0);
	for (uint32_t i = 0; i < SIDE; i++)
		in[i * SIDE + i] = 1.0f;
	must(accel_model_run(model, fixture->stream, inputs, outputs));
	for (uint32_t i = 0; i < SIDE * SIDE; i++)
		assert_float_equal(out[i], weights[i], 1e-6f);
	accel_model_destroy(model);
	free(in);
	free(out);
}

/* Used where they lie. */
void test_onnx_external(void **state)
{
	struct fixture *fixture = *state;
	struct external external = { "weights.bin", "4096", "65536" };
	struct accel_model *model;
	float *weights;

	require_compute(fixture);
	weights = make_folder();
	must(load(fixture, &external, &model));
	check_model(fixture, model, weights);
	remove_folder();
	free(weights);
}

/* At any place in the model's own file, aligned or not; to the card or not. */
void test_onnx_in_file(void **state)
{
	struct fixture *fixture = *state;
	struct accel_model *model;
	char path[128];
	float *weights;

	require_compute(fixture);
	weights = make_folder();
	in_folder("model.onnx", path);
	for (uint32_t shift = 0; shift < 4; shift++) {
		write_model(NULL, weights, shift);
		must(accel_model_load_onnx(fixture->context, path, NULL, &model));
		check_model(fixture, model, weights);
		must(accel_model_load_onnx_flags(fixture->context, path, NULL,
						 ACCEL_MODEL_WEIGHTS_IN_PLACE, &model));
		check_model(fixture, model, weights);
	}
	remove_folder();
	free(weights);
}

/* Loads with the folder as the cache. Return: whether the model came from there */
static bool load_cached(struct fixture *fixture, const char *cache, const float *weights)
{
	float *in = calloc(1, WEIGHTS), *out = calloc(1, WEIGHTS);
	const void *inputs[] = { in };
	void *outputs[] = { out };
	struct accel_model *model;
	bool cached = false;
	char path[128];

	in_folder("model.onnx", path);
	must(accel_model_load_onnx_cached(fixture->context, path, NULL, NULL, 0, 0, cache, &cached,
					  &model));
	for (uint32_t i = 0; i < SIDE; i++)
		in[i * SIDE + i] = 1.0f;
	must(accel_model_run(model, fixture->stream, inputs, outputs));
	for (uint32_t i = 0; i < SIDE * SIDE; i++)
		assert_float_equal(out[i], weights[i], 1e-6f);
	accel_model_destroy(model);
	free(in);
	free(out);
	return cached;
}

/* The one file of the cache is cut off. */
static void damage_cache(const char *cache)
{
	char command[200];

	snprintf(command, sizeof(command), "truncate -s 5000 %s/*.accel", cache);
	assert_int_equal(system(command), 0);
}

/* Compiled once for the same bytes; what cannot be used, or must not be, is compiled. */
void test_onnx_cached(void **state)
{
	const struct external external = { "weights.bin", "4096", "65536" };
	struct fixture *fixture = *state;
	char cache[128], command[160];
	struct accel_model *model;
	float *weights;

	require_compute(fixture);
	weights = make_folder();
	in_folder("cache", cache);
	write_model(NULL, weights, 0);
	assert_false(load_cached(fixture, cache, weights));	/* there is no such folder */
	assert_int_equal(mkdir(cache, 0700), 0);
	assert_false(load_cached(fixture, cache, weights));
	assert_true(load_cached(fixture, cache, weights));
	damage_cache(cache);
	assert_false(load_cached(fixture, cache, weights));
	assert_true(load_cached(fixture, cache, weights));
	weights[77] += 1;
	write_model(NULL, weights, 0);
	assert_false(load_cached(fixture, cache, weights));
	assert_true(load_cached(fixture, cache, weights));
	weights[77] -= 1;
	write_model(&external, NULL, 0);
	assert_false(load_cached(fixture, cache, weights));
	assert_false(load_cached(fixture, cache, weights));
	assert_ret(-EINVAL, accel_model_load_onnx_cached(fixture->context, NULL, NULL, NULL, 0, 0, cache,
							 NULL, &model));
	snprintf(command, sizeof(command), "rm -r %s", cache);
	assert_int_equal(system(command), 0);
	remove_folder();
	free(weights);
}

/* One load, any number of rows: by the batch and by the name of the dimension. */
void test_onnx_sized(void **state)
{
	struct fixture *fixture = *state;
	float *in, *out, *weights;
	struct accel_model *model;
	char path[128];

	require_compute(fixture);
	weights = make_folder();
	in = calloc(1, WEIGHTS);
	out = calloc(1, WEIGHTS);
	open_rows = true;
	write_model(NULL, weights, 0);
	in_folder("model.onnx", path);
	for (uint32_t i = 0; i < SIDE; i++)
		in[i * SIDE + i] = 1.0f;
	for (int named = 0; named < 2; named++) {
		const void *inputs[] = { in };
		void *outputs[] = { out };

		must(accel_model_load_onnx_sized(fixture->context, path, NULL, NULL, 0,
						 named ? "rows" : NULL, SIDE, 0, &model));
		for (uint64_t rows = 1; rows <= SIDE; rows += 30) {
			memset(out, 0x5a, WEIGHTS);
			must(accel_model_run_sized(model, fixture->stream, rows, inputs, outputs, NULL));
			for (uint32_t i = 0; i < SIDE * SIDE; i++)
				assert_true(i < rows * SIDE ? out[i] == weights[i] : out[i] > 1e15f);
		}
		accel_model_destroy(model);
	}
	assert_ret(-EINVAL, accel_model_load_onnx_sized(fixture->context, path, NULL, NULL, 0, NULL, 5, 0,
							&model));
	assert_ret(-EINVAL, accel_model_load_onnx_sized(fixture->context, path, NULL, NULL, 0, "", 8, 0,
							&model));
	assert_ret(-EINVAL, accel_model_load_onnx_sized(fixture->context, path, NULL, NULL, 0, NULL, 70000,
							0, &model));
	open_rows = false;
	remove_folder();
	free(weights);
	free(in);
	free(out);
}

void test_onnx_external_errors(void **state)
{
	static const struct {
		struct external external;
		int error;
		const char *text;
	} cases[] = {
		{ { "../weights.bin", "4096", "65536" }, -EINVAL, "inside the model's folder" },
		{ { "x/../../weights.bin", "4096", "65536" }, -EINVAL, "inside" },
		{ { "/etc/passwd", "0", "65536" }, -EINVAL, "inside" },
		{ { "", "0", "65536" }, -EINVAL, "inside" },
		{ { "link", "0", "65536" }, -ELOOP, "link" },
		{ { "missing.bin", "0", "65536" }, -EINVAL, "missing.bin" },
		{ { ".", "0", "65536" }, -EINVAL, "regular" },
		{ { "weights.bin", "4097", "65536" }, -EINVAL, "past the end" },
		{ { "weights.bin", "18446744073709551615", "65536" }, -EINVAL, "past the end" },
		{ { "weights.bin", "x", "65536" }, -EINVAL, "offset is no number" },
		{ { "weights.bin", "-1", "65536" }, -EINVAL, "offset is no number" },
		{ { "weights.bin", "0", "65532" }, -EINVAL, "its dims need 65536" },
	};
	struct fixture *fixture = *state;
	struct accel_model *model;
	char path[128];

	require_compute(fixture);
	free(make_folder());
	in_folder("link", path);
	assert_int_equal(symlink("weights.bin", path), 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_ret(cases[i].error, load(fixture, &cases[i].external, &model));
		assert_text(cases[i].text);
		assert_text("'W'");
	}
	remove_folder();
}
