// SPDX-License-Identifier: MIT
#include <stdio.h>

#include "device.h"
#include "dimensions.h"
#include "json.h"
#include "operators.h"

static const char *const support_names[] = {
	[ACCEL_ONNX_CARD] = "card",
	[ACCEL_ONNX_VIEW] = "view",
	[ACCEL_ONNX_LOAD] = "load",
	[ACCEL_ONNX_UNSUPPORTED] = "unsupported",
	[ACCEL_ONNX_UNKNOWN] = "unknown",
};

struct nodes {
	bool as_json;
	uint32_t refused;	/* unsupported and unknown ones */
};

static void print_json(const struct accel_onnx_node *node)
{
	json_open_object(NULL);
	json_uint("index", node->index);
	json_text("name", node->name);
	json_string("operator", node->op_type);
	json_string("where", support_names[node->support]);
	json_text("reason", node->reason);
	json_close_object();
}

static int print_node(void *opaque, const struct accel_onnx_node *node)
{
	struct nodes *nodes = opaque;

	nodes->refused += node->support == ACCEL_ONNX_UNSUPPORTED || node->support == ACCEL_ONNX_UNKNOWN;
	if (nodes->as_json)
		print_json(node);
	else
		printf("%-6u %-22s %-11s %s%s%s\n", node->index, node->op_type, support_names[node->support],
		       node->name, *node->name && *node->reason ? "  " : "", node->reason);
	return 0;
}

/* The file is read twice, so that a broken one is told before the document starts. */
static int ignore_node(void *opaque, const struct accel_onnx_node *node)
{
	(void)opaque;
	(void)node;
	return 0;
}

int query_model(const struct arguments *arguments)
{
	struct nodes nodes = { .as_json = arguments_has(arguments, "json") };
	const char *path = arguments->operands[0];
	struct accel_device *device;
	struct dimensions dims;
	int status, err;

	if (!dimensions_read(arguments, &dims))
		return STATUS_USAGE;
	status = device_open(arguments, &device);
	if (status)
		return status;
	err = accel_onnx_query(device, path, dims.list, dims.count, ignore_node, NULL);
	if (err) {
		status = report_failure(arguments, STATUS_FILE, "%s", accel_last_error());
		goto out;
	}
	if (nodes.as_json) {
		json_start("operators");
		json_open_array("nodes");
	} else {
		printf("%-6s %-22s %-11s %s\n", "NODE", "OPERATOR", "WHERE", "NAME");
	}
	err = accel_onnx_query(device, path, dims.list, dims.count, print_node, &nodes);
	if (nodes.as_json) {
		json_close_array();
		json_finish();
	}
	status = err || nodes.refused ? STATUS_FILE : STATUS_OK;
out:
	accel_device_close(device);
	return status;
}
