// SPDX-License-Identifier: MIT
/*
 * If with a condition that is known at load time: the nodes of the branch that
 * is taken become nodes of the graph around it. Names are unique across both.
 */
#include <errno.h>

#include "handlers.h"

static int import_branch(struct onnx_node *node, const Onnx__GraphProto *branch)
{
	struct onnx_import *import = node->import;
	int err = onnx_import_initializers(import, branch);

	for (size_t i = 0; i < branch->n_node && !err; i++)
		err = onnx_node_import(import, branch, i);
	return err;
}

static int take_outputs(struct onnx_node *node, const Onnx__GraphProto *branch)
{
	if (branch->n_output != node->proto->n_output)
		onnx_fail(node, -EINVAL, "the branch has %zu outputs, the node %zu", branch->n_output,
			  node->proto->n_output);
	for (size_t i = 0; i < branch->n_output && !node->error; i++)
		onnx_output_named(node, i, branch->output[i]->name);
	return node->error;
}

int onnx_build_if(struct onnx_node *node)
{
	const Onnx__AttributeProto *taken = onnx_attr(node, "then_branch"), *other = onnx_attr(node, "else_branch");
	const struct onnx_constant *condition = onnx_input_constant(node, 0);
	int err;

	if (!condition)
		return node->error;
	if (condition->count != 1 || condition->shape.type != ACCEL_BOOL) {
		onnx_fail(node, -EINVAL, "the condition is not one bool");
		return node->error;
	}
	if (!onnx_constant_int(condition, 0))
		taken = other;
	if (!taken || !taken->g) {
		onnx_fail(node, -EINVAL, "a branch is missing");
		return node->error;
	}
	node->import->host_operations++;
	err = import_branch(node, taken->g);
	return err ? err : take_outputs(node, taken->g);
}
