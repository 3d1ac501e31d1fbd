// SPDX-License-Identifier: MIT
/* Inputs, outputs and attributes of a node, and its errors. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "../error.h"
#include "onnx.h"

#define TEXT_BYTES	512
#define FOLD_MAX	1024	/* elements: shape arithmetic, not the model's work */

static bool is_empty(const char *text)
{
	return !text || !*text;
}

/* First failure of a node: put the node in front of the library's last error. Returns 0, which is no tensor. */
static uint32_t explain(struct onnx_node *node, int error)
{
	const char *name = node->proto->name;
	const char *quote = is_empty(name) ? "" : "'";

	if (node->explained)
		return 0;
	node->explained = true;
	node->error = error;
	error_prefix(error, "node %zu %s%.64s%s%s(%.64s): ", node->index, quote, is_empty(name) ? "" : name,
		     quote, is_empty(name) ? "" : " ", node->proto->op_type);
	return 0;
}

uint32_t onnx_fail(struct onnx_node *node, int error, const char *format, ...)
{
	char text[TEXT_BYTES];
	va_list args;

	if (node->explained)
		return 0;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	error_set(error, "%s", text);
	return explain(node, error);
}

bool onnx_has_input(const struct onnx_node *node, size_t index)
{
	return index < node->proto->n_input && !is_empty(node->proto->input[index]);
}

bool onnx_has_output(const struct onnx_node *node, size_t index)
{
	return index < node->proto->n_output && !is_empty(node->proto->output[index]);
}

/* Unsorted and cyclic graphs end here: a value exists only once its producer was imported. */
static void explain_missing(struct onnx_node *node, size_t index)
{
	const Onnx__GraphProto *graph = node->owner;
	const char *name = node->proto->input[index];

	for (size_t i = node->index; i < graph->n_node; i++) {
		for (size_t k = 0; k < graph->node[i]->n_output; k++) {
			if (strcmp(graph->node[i]->output[k], name))
				continue;
			onnx_fail(node, -EINVAL,
				  "input %zu '%s' is made by node %zu: the graph is not sorted, or has a cycle",
				  index, name, i);
			return;
		}
	}
	onnx_fail(node, -EINVAL, "input %zu '%s' is defined nowhere", index, name);
}

static struct onnx_value *find_input(struct onnx_node *node, size_t index)
{
	struct onnx_value *value;

	if (node->error)
		return NULL;
	if (!onnx_has_input(node, index)) {
		onnx_fail(node, -EINVAL, "input %zu is missing", index);
		return NULL;
	}
	value = onnx_value_find(node->import, node->proto->input[index]);
	if (!value)
		explain_missing(node, index);
	return value;
}

static bool is_half(enum accel_type type)
{
	return type == ACCEL_F16 || type == ACCEL_BF16;
}

/* What the handler computes in float32. */
static uint32_t widened(struct onnx_node *node, uint32_t tensor)
{
	struct onnx_shape shape;

	if (!node->half || !onnx_shape_of(node, tensor, &shape) || !is_half(shape.type))
		return tensor;
	return onnx_convert(node, ACCEL_F32, tensor);
}

static uint32_t narrowed(struct onnx_node *node, uint32_t tensor)
{
	struct onnx_shape shape;

	if (!node->half || !onnx_shape_of(node, tensor, &shape) || shape.type != ACCEL_F32)
		return tensor;
	return onnx_convert(node, node->half, tensor);
}

/* The tensor of an input, which becomes a constant of the graph if it is known at load time. */
uint32_t onnx_input(struct onnx_node *node, size_t index)
{
	struct onnx_value *value = find_input(node, index);
	uint32_t tensor = ACCEL_TENSOR_NONE;
	int err;

	if (!value)
		return 0;
	err = onnx_value_tensor(node->import, value, &tensor);
	return err ? explain(node, err) : widened(node, tensor);
}

/* NULL: not known at load time, absent, or a failure that is noted in the node. */
const struct onnx_constant *onnx_input_if_constant(struct onnx_node *node, size_t index)
{
	struct onnx_value *value;
	int err;

	if (!onnx_has_input(node, index))
		return NULL;
	value = find_input(node, index);
	if (!value)
		return NULL;
	err = onnx_value_constant(node->import, value);
	if (err && err != -ENOENT)
		explain(node, err);
	return err ? NULL : value->constant;
}

const struct onnx_constant *onnx_input_constant(struct onnx_node *node, size_t index)
{
	const struct onnx_constant *constant = onnx_input_if_constant(node, index);

	if (constant || node->error)
		return constant;
	if (!find_input(node, index))
		return NULL;
	onnx_fail(node, -ENOTSUP, "input %zu '%s' must be known when the model is loaded", index,
		  node->proto->input[index]);
	return NULL;
}

static bool check_list(struct onnx_node *node, const struct onnx_constant *constant, size_t index, size_t max)
{
	enum accel_type type = constant->shape.type;

	if (type != ACCEL_I64 && type != ACCEL_I32)
		onnx_fail(node, -EINVAL, "input %zu is not a list of integers", index);
	else if (constant->shape.rank > 1)
		onnx_fail(node, -EINVAL, "input %zu has %u dimensions, not 1", index, constant->shape.rank);
	else if (constant->count > max)
		onnx_fail(node, -EINVAL, "input %zu has %llu elements, at most %zu make sense", index,
			  (unsigned long long)constant->count, max);
	return !node->error;
}

/* Integers of a constant input; false: a failure. */
bool onnx_input_ints(struct onnx_node *node, size_t index, size_t max, int64_t *values, size_t *count)
{
	const struct onnx_constant *constant = onnx_input_constant(node, index);

	if (!constant || !check_list(node, constant, index, max))
		return false;
	for (uint64_t i = 0; i < constant->count; i++)
		values[i] = onnx_constant_int(constant, i);
	*count = constant->count;
	return true;
}

bool onnx_input_shape(struct onnx_node *node, size_t index, struct onnx_shape *shape)
{
	const struct onnx_constant *constant = onnx_input_if_constant(node, index);

	if (node->error)
		return false;
	if (constant) {
		*shape = constant->shape;
		if (node->half && is_half(shape->type))
			shape->type = ACCEL_F32;
		return true;
	}
	return onnx_shape_of(node, onnx_input(node, index), shape);
}

static struct onnx_value *add_output(struct onnx_node *node, size_t index)
{
	struct onnx_value *value;
	int err;

	if (node->error || !onnx_has_output(node, index))
		return NULL;
	err = onnx_value_add(node->import, node->proto->output[index], &value);
	if (err == -EEXIST)
		onnx_fail(node, -EINVAL, "output %zu '%s' has the name of another value", index,
			  node->proto->output[index]);
	else if (err)
		explain(node, err);
	return err ? NULL : value;
}

int onnx_output(struct onnx_node *node, size_t index, uint32_t tensor)
{
	struct onnx_value *value;

	tensor = narrowed(node, tensor);
	value = add_output(node, index);
	if (value)
		value->tensor = tensor;
	return node->error;
}

/* NULL: the library's last error tells why it could not be made. */
int onnx_output_constant(struct onnx_node *node, size_t index, struct onnx_constant *constant)
{
	struct onnx_value *value;

	if (!constant && !node->error)
		explain(node, -ENOMEM);
	value = add_output(node, index);
	if (value)
		value->constant = constant;
	return node->error;
}

static int output_value(struct onnx_node *node, size_t index, const struct onnx_value *from)
{
	struct onnx_value *to = from ? add_output(node, index) : NULL;

	if (to) {
		to->initializer = from->initializer;
		to->constant = from->constant;
		to->tensor = from->tensor;
	}
	return node->error;
}

/* An output that is an input, in whatever form that one is known. */
int onnx_output_alias(struct onnx_node *node, size_t index, size_t input)
{
	return output_value(node, index, find_input(node, input));
}

/* An output that is a value of a branch, likewise. */
int onnx_output_named(struct onnx_node *node, size_t index, const char *name)
{
	const struct onnx_value *from = onnx_value_find(node->import, name ? name : "");

	if (!from)
		onnx_fail(node, -EINVAL, "output %zu of the branch is defined nowhere", index);
	return output_value(node, index, from);
}

/* --- Attributes ---------------------------------------------------------------- */

const Onnx__AttributeProto *onnx_attr(struct onnx_node *node, const char *name)
{
	const Onnx__NodeProto *proto = node->proto;

	for (size_t i = 0; i < proto->n_attribute; i++) {
		if (!proto->attribute[i]->name || strcmp(proto->attribute[i]->name, name))
			continue;
		node->seen |= 1ull << i;
		return proto->attribute[i];
	}
	return NULL;
}

static bool attr_has_type(struct onnx_node *node, const Onnx__AttributeProto *attr,
			  Onnx__AttributeProto__AttributeType type)
{
	if (attr->ref_attr_name)
		onnx_fail(node, -EINVAL, "attribute '%s' refers to a function's attribute", attr->name);
	else if (attr->type != type)
		onnx_fail(node, -EINVAL, "attribute '%s' has type %d, expected %d", attr->name, attr->type, type);
	return !node->error;
}

int64_t onnx_attr_int(struct onnx_node *node, const char *name, int64_t fallback)
{
	const Onnx__AttributeProto *attr = onnx_attr(node, name);

	if (!attr || !attr_has_type(node, attr, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT))
		return fallback;
	return attr->i;
}

float onnx_attr_float(struct onnx_node *node, const char *name, float fallback)
{
	const Onnx__AttributeProto *attr = onnx_attr(node, name);

	if (!attr || !attr_has_type(node, attr, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOAT))
		return fallback;
	return attr->f;
}

bool onnx_attr_is(struct onnx_node *node, const char *name, const char *value, const char *fallback)
{
	const Onnx__AttributeProto *attr = onnx_attr(node, name);

	if (!attr || !attr_has_type(node, attr, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRING))
		return !strcmp(value, fallback);
	return attr->s.len == strlen(value) && !memcmp(attr->s.data, value, attr->s.len);
}

/* True if the attribute is there and well-formed. */
bool onnx_attr_ints(struct onnx_node *node, const char *name, size_t max, int64_t *values, size_t *count)
{
	const Onnx__AttributeProto *attr = onnx_attr(node, name);

	*count = 0;
	if (!attr || !attr_has_type(node, attr, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS))
		return false;
	if (attr->n_ints > max) {
		onnx_fail(node, -EINVAL, "attribute '%s' has %zu values, at most %zu make sense", name,
			  attr->n_ints, max);
		return false;
	}
	for (size_t i = 0; i < attr->n_ints; i++)
		values[i] = attr->ints[i];
	*count = attr->n_ints;
	return true;
}

/* An attribute that does not change the result. */
void onnx_attr_ignore(struct onnx_node *node, const char *name)
{
	onnx_attr(node, name);
}

bool onnx_axis(struct onnx_node *node, int64_t axis, uint32_t rank, uint32_t *index)
{
	if (node->error)
		return false;
	if (axis < 0)
		axis += rank;
	if (axis < 0 || axis >= rank) {
		onnx_fail(node, -EINVAL, "axis %lld is outside of a tensor of %u dimensions",
			  (long long)(axis < 0 ? axis - rank : axis), rank);
		return false;
	}
	*index = axis;
	return true;
}

/* An attribute that no handler asked for could change the result: refused. */
static void check_attributes_seen(struct onnx_node *node)
{
	for (size_t i = 0; i < node->proto->n_attribute && !node->error; i++)
		if (!(node->seen & 1ull << i))
			onnx_fail(node, -ENOTSUP, "attribute '%s' is not supported",
				  node->proto->attribute[i]->name ? node->proto->attribute[i]->name : "");
}

/* --- Import of one node ----------------------------------------------------------- */

static bool can_fold(struct onnx_node *node)
{
	const struct onnx_constant *constant;

	if (!node->op->fold)
		return false;
	for (size_t i = 0; i < node->proto->n_input; i++) {
		if (!onnx_has_input(node, i))
			continue;
		constant = onnx_input_if_constant(node, i);
		if (!constant || constant->count > FOLD_MAX || is_half(constant->shape.type))
			return false;
	}
	return true;
}

static void check_type(struct onnx_node *node)
{
	struct onnx_shape shape;

	if (!onnx_has_input(node, 0) || node->op->types == ONNX_ANY ||
	    !onnx_input_shape(node, 0, &shape))
		return;
	if (is_half(shape.type) && !(node->op->types & 1u << shape.type) &&
	    node->op->types & ONNX_F32)
		node->half = shape.type;
	else if (!(node->op->types & 1u << shape.type))
		onnx_fail(node, -ENOTSUP, "element type %s of input 0 '%s' is not supported",
			  onnx_type_name(onnx_type_to_proto(shape.type)), node->proto->input[0]);
}

static void find_operator(struct onnx_node *node)
{
	const Onnx__NodeProto *proto = node->proto;
	bool known = false;

	if (!is_empty(proto->domain) && strcmp(proto->domain, "ai.onnx")) {
		onnx_fail(node, -ENOTSUP, "operators of domain '%.64s' are not supported", proto->domain);
		return;
	}
	if (proto->n_attribute > ONNX_ATTRIBUTES_MAX) {
		onnx_fail(node, -EINVAL, "has %zu attributes", proto->n_attribute);
		return;
	}
	node->op = onnx_operator_find(proto->op_type, node->opset, &known);
	if (node->op)
		return;
	if (known)
		onnx_fail(node, -ENOTSUP, "this operator is not supported as of opset %lld", (long long)node->opset);
	else
		onnx_fail(node, -ENOTSUP, "this operator is not supported");
}

static int start(struct onnx_node *node, struct onnx_import *import, const Onnx__GraphProto *owner, size_t index)
{
	*node = (struct onnx_node){
		.import = import, .graph = import->graph, .owner = owner, .proto = owner->node[index],
		.index = index, .opset = import->opset,
	};
	if (is_empty(node->proto->op_type))
		return error_set(-EINVAL, "node %zu has no operator", index);
	find_operator(node);
	return node->error;
}

int onnx_node_find_operator(struct onnx_import *import, size_t index)
{
	struct onnx_node node;

	return start(&node, import, import->model->graph, index);
}

int onnx_node_import(struct onnx_import *import, const Onnx__GraphProto *owner, size_t index)
{
	struct onnx_node node;
	int err = start(&node, import, owner, index);

	if (err)
		return err;
	if (can_fold(&node)) {
		err = node.op->fold(&node);
		import->host_operations++;
	} else if (!node.error && !node.op->build) {
		onnx_fail(&node, -ENOTSUP, "supported only where all inputs are known when the model is loaded");
		return node.error;
	} else {
		check_type(&node);
		err = node.error ? node.error : node.op->build(&node);
	}
	if (!node.error && err)
		explain(&node, err);
	check_attributes_seen(&node);
	return node.error;
}
