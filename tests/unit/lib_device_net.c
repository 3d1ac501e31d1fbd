// SPDX-License-Identifier: MIT
#include "lib_device_net.h"

struct net net_begin(struct fixture *fixture)
{
	struct net net = { .fixture = fixture };

	require_compute(fixture);
	must(accel_graph_create(fixture->device, &net.graph));
	return net;
}

static uint64_t product(uint32_t rank, const uint64_t *shape)
{
	uint64_t elements = 1;

	for (uint32_t i = 0; i < rank; i++)
		elements *= shape[i];
	return elements;
}

uint32_t net_input(struct net *net, enum accel_type type, uint32_t rank, const uint64_t *shape)
{
	uint64_t elements = product(rank, shape);
	void *data = malloc(elements * accel_type_bytes(type));
	uint32_t tensor;

	must(accel_graph_add_input(net->graph, "in", type, rank, shape, &tensor));
	if (type == ACCEL_F32)
		for (uint64_t i = 0; i < elements; i++)
			((float *)data)[i] = random_float();
	else
		fill_random(data, elements * accel_type_bytes(type));
	net->inputs[net->input_count++] = data;
	return tensor;
}

float *net_floats(struct net *net, uint32_t input)
{
	return net->inputs[input];
}

/* Two runs, to compare them. */
void *net_run_from(struct net *net, uint32_t out, uint64_t *elements)
{
	struct accel_tensor_info info;
	struct accel_model *model;
	void *first, *second;

	must(accel_graph_add_output(net->graph, "out", out));
	must(accel_model_compile(net->graph, net->fixture->context, &model));
	accel_graph_destroy(net->graph);
	must(accel_model_get_output(model, 0, &info));
	*elements = product(info.rank, info.shape);
	assert_int_equal(info.bytes, *elements * accel_type_bytes(info.type));
	first = calloc(1, info.bytes);
	second = calloc(1, info.bytes);
	must(accel_model_run(model, net->fixture->stream, (const void *const *)net->inputs,
			     &first));
	must(accel_model_run(model, net->fixture->stream, (const void *const *)net->inputs,
			     &second));
	assert_memory_equal(first, second, info.bytes);
	free(second);
	accel_model_destroy(model);
	return first;
}

void net_end(struct net *net)
{
	for (uint32_t i = 0; i < net->input_count; i++)
		free(net->inputs[i]);
}
