// SPDX-License-Identifier: MIT
/* ONNX files: the importer, the compiler behind it, and a run of what they let through. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <accel/accel.h>

#include "fuzz.h"
#include "onnx.pb-c.h"

#define IO_BYTES_MAX	(1u << 16)

/* --- The target ------------------------------------------------------------------- */

static struct accel_context *context;
static struct accel_stream *stream;

static void must(int ret)
{
	if (!ret)
		return;
	fprintf(stderr, "%s\n", accel_last_error());
	abort();
}

static void start(void)
{
	static const struct accel_stream_options options = {
		.engine = ACCEL_ENGINE_COMPUTE, .priority = ACCEL_PRIORITY_NORMAL,
	};
	static struct accel_device *device;

	if (device)
		return;
	must(accel_device_open("inproc:memory=16M,queues=8", &device));
	must(accel_context_create(device, &context));
	must(accel_stream_create(context, &options, &stream));
}

/* Models with one small input and output: the others were imported and planned, which is enough. */
static void run_model(struct accel_model *model)
{
	static uint8_t in[IO_BYTES_MAX], out[IO_BYTES_MAX];
	const void *inputs[] = { in };
	void *outputs[] = { out };
	struct accel_tensor_info info[2];

	if (accel_model_input_count(model) != 1 || accel_model_output_count(model) != 1)
		return;
	must(accel_model_get_input(model, 0, &info[0]));
	must(accel_model_get_output(model, 0, &info[1]));
	if (info[0].bytes <= sizeof(in) && info[1].bytes <= sizeof(out))
		must(accel_model_run(model, stream, inputs, outputs));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	struct accel_model *model = NULL;
	int fd = memfd_create("model", MFD_CLOEXEC), ret;
	char path[64];

	start();
	if (fd < 0 || write(fd, data, bytes) != (ssize_t)bytes)
		abort();
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	ret = accel_model_load_onnx(context, path, NULL, &model);
	close(fd);
	if (!ret)
		run_model(model);
	/* Whoever gets an error must be told where to look: all texts name the model. */
	else if (ret > 0 || model || !strstr(accel_last_error(), path))
		must(-1);
	accel_model_destroy(model);
	return 0;
}

/* --- Good inputs ------------------------------------------------------------------ */

/** struct shape - of an input or output */
struct shape {
	Onnx__TensorShapeProto__Dimension dims[2], *list[2];
	Onnx__TensorShapeProto shape;
	Onnx__TypeProto__Tensor tensor;
	Onnx__TypeProto type;
};

static void describe(Onnx__ValueInfoProto *value, struct shape *shape, char *name, int64_t rows,
		     int64_t columns)
{
	const int64_t sizes[] = { rows, columns };

	onnx__value_info_proto__init(value);
	onnx__tensor_shape_proto__init(&shape->shape);
	onnx__type_proto__tensor__init(&shape->tensor);
	onnx__type_proto__init(&shape->type);
	for (int i = 0; i < 2; i++) {
		onnx__tensor_shape_proto__dimension__init(&shape->dims[i]);
		shape->dims[i].value_case = ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE;
		shape->dims[i].dim_value = sizes[i];
		shape->list[i] = &shape->dims[i];
	}
	shape->shape.n_dim = 2;
	shape->shape.dim = shape->list;
	shape->tensor.has_elem_type = 1;
	shape->tensor.elem_type = ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT;
	shape->tensor.shape = &shape->shape;
	shape->type.value_case = ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE;
	shape->type.tensor_type = &shape->tensor;
	value->name = name;
	value->type = &shape->type;
}

static void make_node(Onnx__NodeProto *node, char *type, char **in, size_t in_count, char **out)
{
	onnx__node_proto__init(node);
	node->op_type = type;
	node->name = type;
	node->input = in;
	node->n_input = in_count;
	node->output = out;
	node->n_output = 1;
}

/* out[2,3] = softmax(relu(in[2,4] x W[4,3] + B[3])), or the first @node_count operations of it */
static size_t pack_model(uint8_t *data, size_t node_count)
{
	static float w[12] = { 1, -2, 3 }, b[3] = { 0.5f, 0, -1 };
	int64_t w_dims[] = { 4, 3 }, b_dims[] = { 3 };
	Onnx__TensorProto tensors[2], *initializers[] = { &tensors[0], &tensors[1] };
	char *mul_in[] = { "in", "W" }, *add_in[] = { "mul", "B" }, *relu_in[] = { "add" },
	     *soft_in[] = { "relu" }, *mul_out[] = { "mul" }, *add_out[] = { "add" },
	     *relu_out[] = { "relu" }, *soft_out[] = { "softmax" };
	char *last[] = { "mul", "add", "relu", "softmax" };
	Onnx__NodeProto nodes[4], *list[] = { &nodes[0], &nodes[1], &nodes[2], &nodes[3] };
	Onnx__ValueInfoProto in, out, *ins[] = { &in }, *outs[] = { &out };
	Onnx__OperatorSetIdProto opset = ONNX__OPERATOR_SET_ID_PROTO__INIT, *opsets[] = { &opset };
	Onnx__GraphProto graph = ONNX__GRAPH_PROTO__INIT;
	Onnx__ModelProto model = ONNX__MODEL_PROTO__INIT;
	struct shape in_shape, out_shape;

	for (int i = 0; i < 2; i++) {
		onnx__tensor_proto__init(&tensors[i]);
		tensors[i].has_data_type = 1;
		tensors[i].data_type = ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT;
		tensors[i].n_dims = i ? 1 : 2;
		tensors[i].dims = i ? b_dims : w_dims;
		tensors[i].name = i ? "B" : "W";
	}
	tensors[0].has_raw_data = 1;
	tensors[0].raw_data = (ProtobufCBinaryData) { sizeof(w), (uint8_t *)w };
	tensors[1].n_float_data = 3;
	tensors[1].float_data = b;
	make_node(&nodes[0], "MatMul", mul_in, 2, mul_out);
	make_node(&nodes[1], "Add", add_in, 2, add_out);
	make_node(&nodes[2], "Relu", relu_in, 1, relu_out);
	make_node(&nodes[3], "Softmax", soft_in, 1, soft_out);
	describe(&in, &in_shape, "in", 2, 4);
	describe(&out, &out_shape, last[node_count - 1], 2, 3);
	graph.name = "graph";
	graph.n_node = node_count;
	graph.node = list;
	graph.n_initializer = 2;
	graph.initializer = initializers;
	graph.n_input = graph.n_output = 1;
	graph.input = ins;
	graph.output = outs;
	opset.domain = "";
	opset.has_version = 1;
	opset.version = 17;
	model.has_ir_version = 1;
	model.ir_version = 8;
	model.n_opset_import = 1;
	model.opset_import = opsets;
	model.graph = &graph;
	return onnx__model_proto__pack(&model, data);
}

size_t fuzz_seed(unsigned int number, uint8_t *data)
{
	return number < 4 ? pack_model(data, number + 1) : 0;
}
