// SPDX-License-Identifier: MIT
/* accelctl operators: the importer's own table, or what of it a model needs. */
#include <stdio.h>
#include <string.h>

#include "../../lib/onnx/operators.h"

#include "command.h"
#include "json.h"
#include "operators.h"

struct row {
	const char *name;
	unsigned int since, until, types, constants;
	bool computed;		/* on the card, not only on constants at load time */
};

#define CAN_BUILD(build)	(strcmp(#build, "NULL") != 0)
#define ROW(name, since, until, types, constants, function, build, fold) \
	{ name, since, until, types, constants, CAN_BUILD(build) },

static const struct {
	unsigned int bit;
	const char *name;
} type_names[] = {
	{ ONNX_F32, "float32" }, { ONNX_F32 | 1u << ACCEL_F16, "float16" },
	{ ONNX_F32 | 1u << ACCEL_BF16, "bfloat16" }, { ONNX_I8, "int8" }, { ONNX_U8, "uint8" },
	{ ONNX_I32, "int32" }, { ONNX_I64, "int64" }, { ONNX_BOOL, "bool" },
};

#define TYPE_COUNT	(sizeof(type_names) / sizeof(type_names[0]))

static void print_json(const struct row *row)
{
	json_open_object(NULL);
	json_string("name", row->name);
	json_uint("opset_since", row->since);
	json_uint("opset_until", row->until);
	json_open_array("types");
	for (size_t i = 0; i < TYPE_COUNT; i++)
		if (row->types & type_names[i].bit)
			json_string(NULL, type_names[i].name);
	json_close_array();
	json_open_array("constant_inputs");
	for (unsigned int i = 0; row->constants >> i; i++)
		if (row->constants & 1u << i)
			json_uint(NULL, i);
	json_close_array();
	json_string("where", row->computed ? "card" : "load");
	json_close_object();
}

static void print_text(const struct row *row)
{
	char opsets[16], constants[32] = "";
	size_t used = 0;

	snprintf(opsets, sizeof(opsets), "%u-%u", row->since, row->until);
	for (unsigned int i = 0; row->constants >> i; i++)
		if (row->constants & 1u << i)
			used += snprintf(constants + used, sizeof(constants) - used, "%s%u", used ? "," : "", i);
	printf("%-22s %-6s %-9s %-5s", row->name, opsets, used ? constants : "-", row->computed ? "card" : "load");
	for (size_t i = 0; i < TYPE_COUNT; i++)
		if (row->types & type_names[i].bit)
			printf(" %s", type_names[i].name);
	printf("\n");
}

const struct option_spec operators_options[] = {
	{ "device", 'd', "DEVICE", "PCI address, serial:NUMBER or node of the card, for a model" },
	{ "dim", 0, "NAME=N", "size of an open dimension, NAME: its symbol or INPUT:AXIS" },
	{ 0 },
};

static int print_table(const struct arguments *arguments)
{
	const struct row rows[] = { ONNX_OPERATOR_TABLE(ROW) };
	bool as_json = arguments_has(arguments, "json");

	if (as_json) {
		json_start("operators");
		json_open_array("operators");
	} else {
		printf("%-22s %-6s %-9s %-5s %s\n", "OPERATOR", "OPSET", "CONSTANTS", "WHERE", "TYPES OF INPUT 0");
	}
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		(as_json ? print_json : print_text)(&rows[i]);
	if (as_json) {
		json_close_array();
		json_finish();
	}
	return STATUS_OK;
}

int command_operators(const struct arguments *arguments)
{
	return arguments->operand_count ? query_model(arguments) : print_table(arguments);
}
