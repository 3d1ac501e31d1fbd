// SPDX-License-Identifier: MIT
/*
 * accel_onnx_query(): import without compilation that goes on behind nodes
 * that cannot be imported. What such a node would have made is lost, and with
 * it all that depends on it; a lost value carries the reason.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../error.h"
#include "../graph.h"
#include "onnx.h"

struct query {
	struct onnx_import import;
	char **reasons;		/* of lost values, freed at the end */
	size_t reason_count;
};

/* The last error's text, kept until the end. NULL: no memory. */
static const char *keep_reason(struct query *query)
{
	char **larger = reallocarray(query->reasons, query->reason_count + 1, sizeof(*larger));
	char *text = larger ? strdup(accel_last_error()) : NULL;

	if (larger)
		query->reasons = larger;
	if (text)
		query->reasons[query->reason_count++] = text;
	else
		error_set(-ENOMEM, "no memory for a reason");
	return text;
}

static int lose_value(struct query *query, const char *name, const char *reason)
{
	struct onnx_value *value;
	int err = 0;

	if (!name || !*name)
		return 0;
	value = onnx_value_find(&query->import, name);
	if (!value)
		err = onnx_value_add(&query->import, name, &value);
	if (!err)
		value->lost = reason;
	return err;
}

static int add_inputs(struct query *query)
{
	const Onnx__GraphProto *graph = query->import.model->graph;
	const char *reason;
	int err = 0;

	for (size_t i = 0; i < graph->n_input && !err; i++) {
		err = onnx_import_input(&query->import, i);
		if (err != -ENOTSUP)
			continue;
		reason = keep_reason(query);
		err = reason ? lose_value(query, graph->input[i]->name, reason) : -ENOMEM;
	}
	return err;
}

/* Why an input of the node has no value; NULL: all have one. */
static const char *find_lost(struct query *query, const Onnx__NodeProto *proto)
{
	for (size_t i = 0; i < proto->n_input; i++) {
		const struct onnx_value *value = onnx_value_find(&query->import, proto->input[i]);

		if (value && value->lost)
			return value->lost;
	}
	return NULL;
}

static enum accel_onnx_support classify(struct query *query, const Onnx__NodeProto *proto,
					uint32_t ops_before)
{
	if (query->import.graph->op_count > ops_before)
		return ACCEL_ONNX_CARD;
	for (size_t i = 0; i < proto->n_output; i++) {
		const struct onnx_value *value = onnx_value_find(&query->import, proto->output[i]);

		if (value && !value->constant && !value->initializer)
			return ACCEL_ONNX_VIEW;
	}
	return ACCEL_ONNX_LOAD;
}

static int query_node(struct query *query, size_t index, struct accel_onnx_node *node)
{
	const Onnx__NodeProto *proto = query->import.model->graph->node[index];
	const char *lost = find_lost(query, proto), *reason = lost;
	uint32_t ops_before = query->import.graph->op_count;
	int err;

	err = lost ? onnx_node_find_operator(&query->import, index) : onnx_node_import(&query->import, query->import.model->graph, index);
	if (err && err != -ENOTSUP)
		return err;
	*node = (struct accel_onnx_node){ .index = (uint32_t)index, .name = proto->name ? proto->name : "",
					  .op_type = proto->op_type, .reason = "" };
	if (err) {
		reason = keep_reason(query);
		if (!reason)
			return -ENOMEM;
	}
	if (!reason) {
		node->support = classify(query, proto, ops_before);
		return 0;
	}
	node->support = err ? ACCEL_ONNX_UNSUPPORTED : ACCEL_ONNX_UNKNOWN;
	node->reason = reason;
	for (size_t i = 0; i < proto->n_output; i++) {
		err = lose_value(query, proto->output[i], reason);
		if (err)
			return err;
	}
	return 0;
}

static int query_model(struct query *query, struct accel_device *device, const char *path,
		       int (*visit)(void *opaque, const struct accel_onnx_node *node), void *opaque)
{
	struct accel_onnx_node node;
	int err;

	err = onnx_import_begin(&query->import, device, path);
	if (!err)
		err = add_inputs(query);
	for (size_t i = 0; !err && i < query->import.model->graph->n_node; i++) {
		err = query_node(query, i, &node);
		if (err)
			break;
		err = visit(opaque, &node);
		if (err)
			return err;	/* not the file's */
	}
	return err ? error_prefix(err, "%s: ", path) : 0;
}

int accel_onnx_query(struct accel_device *device, const char *path,
		     const struct accel_onnx_dimension *dims, uint32_t count,
		     int (*visit)(void *opaque, const struct accel_onnx_node *node), void *opaque)
{
	struct query query = { .import = { .batch = 1, .dims = dims, .dim_count = count } };
	int err;

	if (!device || !path || !visit)
		return error_set(-EINVAL, "device, path or visit is NULL");
	err = onnx_check_dimensions(dims, count);
	if (err)
		return err;
	err = query_model(&query, device, path, visit, opaque);
	onnx_import_end(&query.import);
	for (size_t i = 0; i < query.reason_count; i++)
		free(query.reasons[i]);
	free(query.reasons);
	return err;
}
