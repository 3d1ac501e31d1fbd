// SPDX-License-Identifier: MIT
/*
 * If. With a condition that is known at load time the nodes of the branch that
 * is taken become nodes of the graph around it; with one of run time those of
 * both branches do, and the card chooses between their results.
 */
#include <errno.h>

#include "../error.h"
#include "handlers.h"

#define OUTPUTS_MAX	64

static int import_branch(struct onnx_node *node, const Onnx__GraphProto *branch)
{
	struct onnx_import *import = node->import;
	int err = onnx_import_initializers(import, branch);

	for (size_t i = 0; i < branch->n_node && !err; i++)
		err = onnx_node_import(import, branch, i);
	if (!err && branch->n_output != node->proto->n_output)
		onnx_fail(node, -EINVAL, "the branch has %zu outputs, the node %zu", branch->n_output,
			  node->proto->n_output);
	return err ? err : node->error;
}

/* Names of a branch end with it: the other one may have the same. */
static void end_branch(struct onnx_node *node, const Onnx__GraphProto *branch)
{
	for (size_t i = 0; i < branch->n_initializer; i++)
		if (branch->initializer[i]->name)
			onnx_value_remove(node->import, branch->initializer[i]->name);
	for (size_t i = 0; i < branch->n_node; i++)
		for (size_t k = 0; k < branch->node[i]->n_output; k++)
			onnx_value_remove(node->import, branch->node[i]->output[k]);
}

static int take_branch(struct onnx_node *node, const Onnx__GraphProto *branch)
{
	int err = import_branch(node, branch);

	for (size_t i = 0; !err && i < branch->n_output; i++)
		err = onnx_output_named(node, i, branch->output[i]->name);
	if (!err)
		end_branch(node, branch);
	return err;
}

/* Outputs of a branch that may be taken at run time, as tensors. */
static int run_branch(struct onnx_node *node, const Onnx__GraphProto *branch, uint32_t *tensors)
{
	int err = import_branch(node, branch);

	for (size_t i = 0; !err && i < branch->n_output; i++) {
		const char *name = branch->output[i]->name;
		struct onnx_value *value = onnx_value_find(node->import, name ? name : "");

		if (!value)
			onnx_fail(node, -EINVAL, "output %zu of the branch is defined nowhere", i);
		else
			err = onnx_value_tensor(node->import, value, &tensors[i]);
		err = err ? err : node->error;
	}
	if (!err)
		end_branch(node, branch);
	return err;
}

static bool same_shapes(struct onnx_node *node, uint32_t a, uint32_t b)
{
	struct onnx_shape left, right;

	if (!onnx_shape_of(node, a, &left) || !onnx_shape_of(node, b, &right))
		return false;
	for (uint32_t i = 0; i < left.rank && left.rank == right.rank; i++)
		if (left.dim[i] != right.dim[i])
			left.rank = UINT32_MAX;
	if (left.rank != right.rank)
		onnx_fail(node, -ENOTSUP, "the branches give different shapes, and which of them is known "
			  "at run time only");
	return !node->error;
}

static int choose(struct onnx_node *node, const Onnx__GraphProto *then_branch,
		  const Onnx__GraphProto *else_branch)
{
	uint32_t taken[OUTPUTS_MAX] = { 0 }, other[OUTPUTS_MAX] = { 0 };
	uint32_t condition = onnx_reshape(node, onnx_input(node, 0), 0, (uint64_t[]){ 1 });
	int err;

	if (node->proto->n_output > OUTPUTS_MAX)
		onnx_fail(node, -ENOTSUP, "%zu outputs, at most %d are supported",
			  node->proto->n_output, OUTPUTS_MAX);
	if (node->error)
		return node->error;
	err = run_branch(node, then_branch, taken);
	if (!err)
		err = run_branch(node, else_branch, other);
	for (size_t i = 0; !err && i < node->proto->n_output; i++)
		if (same_shapes(node, taken[i], other[i]))
			onnx_output(node, i, onnx_select(node, condition, taken[i], other[i]));
	return err ? err : node->error;
}

int onnx_build_if(struct onnx_node *node)
{
	const Onnx__AttributeProto *taken = onnx_attr(node, "then_branch"), *other = onnx_attr(node, "else_branch");
	const struct onnx_constant *condition = onnx_input_if_constant(node, 0);

	if (node->error)
		return node->error;
	if (!taken || !taken->g || !other || !other->g) {
		onnx_fail(node, -EINVAL, "a branch is missing");
		return node->error;
	}
	if (!condition)
		return choose(node, taken->g, other->g);
	if (condition->count != 1 || condition->shape.type != ACCEL_BOOL) {
		onnx_fail(node, -EINVAL, "the condition is not one bool");
		return node->error;
	}
	node->import->host_operations++;
	return take_branch(node, onnx_constant_int(condition, 0) ? taken->g : other->g);
}
