// SPDX-License-Identifier: MIT
/* Names and element types of operations, and which of them a card lists. */
#include <endian.h>

#include "error.h"
#include "program.h"

const char *tcs_op_name(uint32_t opcode)
{
	switch (opcode) {
	case ACI_TCS_OP_COPY:
		return "copy";
	case ACI_TCS_OP_UNARY:
		return "unary";
	case ACI_TCS_OP_BINARY:
		return "binary";
	case ACI_TCS_OP_SELECT:
		return "select";
	case ACI_TCS_OP_COMPARE:
		return "compare";
	case ACI_TCS_OP_REDUCE:
		return "reduce";
	case ACI_TCS_OP_ARG:
		return "arg";
	case ACI_TCS_OP_CUMULATE:
		return "cumulate";
	case ACI_TCS_OP_FILL:
		return "fill";
	case ACI_TCS_OP_GATHER:
		return "gather";
	case ACI_TCS_OP_SCATTER:
		return "scatter";
	case ACI_TCS_OP_TOP_K:
		return "top_k";
	case ACI_TCS_OP_NORMALISE:
		return "normalise";
	case ACI_TCS_OP_SOFTMAX:
		return "softmax";
	case ACI_TCS_OP_MATMUL:
		return "matmul";
	case ACI_TCS_OP_CONV:
		return "conv";
	case ACI_TCS_OP_CONV_TRANSPOSE:
		return "conv_transpose";
	case ACI_TCS_OP_RESIZE:
		return "resize";
	case ACI_TCS_OP_QUANTISE:
		return "quantise";
	case ACI_TCS_OP_DEQUANTISE:
		return "dequantise";
	case ACI_TCS_OP_POOL_MAX:
		return "pool_max";
	case ACI_TCS_OP_POOL_AVG:
		return "pool_avg";
	default:
		return "unknown operation";
	}
}

const char *tcs_type_name(enum accel_type type)
{
	switch (type) {
	case ACCEL_F32:
		return "f32";
	case ACCEL_F16:
		return "f16";
	case ACCEL_BF16:
		return "bf16";
	case ACCEL_I8:
		return "i8";
	case ACCEL_U8:
		return "u8";
	case ACCEL_I32:
		return "i32";
	case ACCEL_I64:
		return "i64";
	case ACCEL_BOOL:
		return "bool";
	default:
		return "unknown type";
	}
}

uint32_t accel_type_bytes(enum accel_type type)
{
	switch (type) {
	case ACCEL_I8:
	case ACCEL_U8:
	case ACCEL_BOOL:
		return 1;
	case ACCEL_F16:
	case ACCEL_BF16:
		return 2;
	case ACCEL_F32:
	case ACCEL_I32:
		return 4;
	case ACCEL_I64:
		return 8;
	default:
		return 0;
	}
}

/* --- What the card lists ---------------------------------------------------------- */

static bool is_product(uint32_t opcode)
{
	return opcode == ACI_TCS_OP_MATMUL || opcode == ACI_TCS_OP_CONV ||
	       opcode == ACI_TCS_OP_CONV_TRANSPOSE;
}

static bool set_lists(const struct aci_identify_set *set, uint32_t opcode, uint32_t function,
		      uint64_t combo)
{
	for (uint32_t i = 0; i < le32toh(set->op_count); i++) {
		const struct aci_identify_set_op *entry = &set->ops[i];
		uint32_t mask = le32toh(entry->function_mask), base = le16toh(entry->function_base);

		if (le16toh(entry->opcode) != opcode || !(le64toh(entry->types) & combo))
			continue;
		/* Without a mask: operations with an activation take RELU, others no function. */
		if (!mask)
			mask = is_product(opcode) ?
			       1u << ACI_TCS_UNARY_IDENTITY | 1u << ACI_TCS_UNARY_RELU : 1u;
		if (function >= base && function - base < 32 && mask >> (function - base) & 1)
			return true;
	}
	return false;
}

static uint64_t combo_of_type(enum accel_type type)
{
	switch (type) {
	case ACCEL_F32:
		return ACI_TCS_COMBO_F32;
	case ACCEL_I8:
		return ACI_TCS_COMBO_I8;
	case ACCEL_U8:
		return ACI_TCS_COMBO_U8;
	case ACCEL_I32:
		return ACI_TCS_COMBO_I32;
	case ACCEL_I64:
		return ACI_TCS_COMBO_I64;
	case ACCEL_BOOL:
		return ACI_TCS_COMBO_BOOL;
	default:
		return 0;
	}
}

static uint64_t combo_of_quantised(enum accel_type type)
{
	switch (type) {
	case ACCEL_I8:
		return ACI_TCS_COMBO_F32_I8;
	case ACCEL_U8:
		return ACI_TCS_COMBO_F32_U8;
	case ACCEL_I32:
		return ACI_TCS_COMBO_F32_I32;
	default:
		return 0;
	}
}

static bool is_half(enum accel_type type)
{
	return type == ACCEL_F16 || type == ACCEL_BF16;
}

/* Any of these is enough. Types that an operation fixes itself do not count. */
static uint64_t combos_of(uint32_t opcode, enum accel_type in, enum accel_type out)
{
	enum accel_type expected = in;

	if (!accel_type_bytes(in) || !accel_type_bytes(out))
		return 0;
	if (opcode == ACI_TCS_OP_COPY)
		return ACI_TCS_COMBO_CONVERT_HALF |
		       (is_half(in) || is_half(out) ? 0 : ACI_TCS_COMBO_CONVERT);
	if (opcode == ACI_TCS_OP_QUANTISE)
		return in == ACCEL_F32 ? combo_of_quantised(out) : 0;
	if (opcode == ACI_TCS_OP_DEQUANTISE)
		return out == ACCEL_F32 ? combo_of_quantised(in) : 0;
	if (opcode == ACI_TCS_OP_COMPARE)
		expected = ACCEL_BOOL;
	else if (opcode == ACI_TCS_OP_ARG)
		expected = ACCEL_I64;
	else if (in == ACCEL_I8 && out == ACCEL_I32)
		return ACI_TCS_COMBO_I8_I32;
	return out == expected ? combo_of_type(in) | ACI_TCS_COMBO_ANY : 0;
}

bool accel_program_supports(struct accel_device *device, uint32_t opcode, uint32_t function,
			    enum accel_type in, enum accel_type out)
{
	const struct aci_identify_set *set = device ? device_get_tcs(device) : NULL;

	return set && set_lists(set, opcode, function, combos_of(opcode, in, out));
}

/* The operand whose type counts for the combination. */
static const struct accel_view *leading_operand(const struct program_op *op)
{
	switch (op->opcode) {
	case ACI_TCS_OP_SELECT:
		return op->in[1];
	case ACI_TCS_OP_FILL:
		return op->out;
	default:
		return op->in[0];
	}
}

static bool is_index(enum accel_type type)
{
	return type == ACCEL_I32 || type == ACCEL_I64;
}

/* An operand has not the type that the leading one or the operation asks for. */
static bool types_are_mixed(const struct program_op *op, enum accel_type in, enum accel_type out)
{
	enum accel_type bias = in == ACCEL_I8 && out == ACCEL_I32 ? ACCEL_I32 : in;

	switch (op->opcode) {
	case ACI_TCS_OP_SELECT:
		return op->in[0]->type != ACCEL_BOOL || op->in[2]->type != in;
	case ACI_TCS_OP_GATHER:
	case ACI_TCS_OP_SCATTER:
		return !is_index(op->in[1]->type);
	case ACI_TCS_OP_TOP_K:
		return op->out1->type != ACCEL_I64;
	case ACI_TCS_OP_QUANTISE:
		return op->in[1]->type != ACCEL_F32 || (op->in[2] && op->in[2]->type != out);
	case ACI_TCS_OP_DEQUANTISE:
		return op->in[1]->type != ACCEL_F32 || (op->in[2] && op->in[2]->type != in);
	default:
		return (op->in[1] && op->in[1]->type != in) ||
		       (op->in[2] && op->in[2]->type != bias);
	}
}

int program_check_types(const struct accel_device *device, const struct program_op *op)
{
	enum accel_type in = leading_operand(op)->type, out = op->out->type;
	const struct accel_view *first = op->in[0] ? op->in[0] : op->out, *second = op->in[1];
	const struct aci_identify_set *set = device_get_tcs(device);

	if (!set)
		return error_set(-ENOTSUP, "%s has no tensor command set", device->info.name);
	if (!types_are_mixed(op, in, out) &&
	    set_lists(set, op->opcode, op->function, combos_of(op->opcode, in, out)))
		return 0;
	return error_set(-ENOTSUP, "%s does not take %s (function %u) from %s%s%s to %s",
			 device->info.name, tcs_op_name(op->opcode), op->function,
			 tcs_type_name(first->type), second ? ", " : "",
			 second ? tcs_type_name(second->type) : "", tcs_type_name(out));
}
