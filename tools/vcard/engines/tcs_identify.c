// SPDX-License-Identifier: MIT
/* What the executor offers: the one table behind Identify and the type checks. */
#include <endian.h>
#include <string.h>

#include "tcs.h"

#define UNARY(name)	(1u << ACI_TCS_UNARY_##name)
#define BINARY(name)	(1u << ACI_TCS_BINARY_##name)
#define SCATTER(name)	(1u << ACI_TCS_SCATTER_##name)
#define REDUCE(name)	(1u << ACI_TCS_REDUCTION_##name)
#define FILL(name)	(1u << ACI_TCS_FILL_##name)
#define UP_TO(last)	((2u << (last)) - 1)

#define INTEGERS	(ACI_TCS_COMBO_I8 | ACI_TCS_COMBO_U8 | ACI_TCS_COMBO_I32 | \
			 ACI_TCS_COMBO_I64)
#define ARITHMETIC	(UP_TO(ACI_TCS_BINARY_MAX) | BINARY(MOD) | BINARY(REMAINDER))
#define LOGIC		(BINARY(AND) | BINARY(OR) | BINARY(XOR))
#define SHIFTS		(BINARY(SHIFT_LEFT) | BINARY(SHIFT_RIGHT))

static const struct offer {
	uint16_t opcode;
	uint16_t base;		/* of the bits in @functions */
	uint32_t functions;
	uint64_t combos;
} offers[] = {
	{ ACI_TCS_OP_COPY, 0, 0, ACI_TCS_COMBO_CONVERT | ACI_TCS_COMBO_CONVERT_HALF },
	{ ACI_TCS_OP_UNARY, 0, 0xffffffff, ACI_TCS_COMBO_F32 },
	{ ACI_TCS_OP_UNARY, 32, UP_TO(ACI_TCS_UNARY_SHRINK - 32), ACI_TCS_COMBO_F32 },
	{ ACI_TCS_OP_UNARY, 0, UNARY(IDENTITY) | UNARY(RELU) | UNARY(ABS) | UNARY(NEG) |
	  UNARY(SIGN), INTEGERS },
	{ ACI_TCS_OP_BINARY, 0, ARITHMETIC | BINARY(POW) | BINARY(PRELU), ACI_TCS_COMBO_F32 },
	{ ACI_TCS_OP_BINARY, 0, ARITHMETIC | LOGIC | SHIFTS, INTEGERS },
	{ ACI_TCS_OP_BINARY, 0, LOGIC, ACI_TCS_COMBO_BOOL },
	{ ACI_TCS_OP_SELECT, 0, 0, ACI_TCS_COMBO_ANY },
	{ ACI_TCS_OP_COMPARE, 0, UP_TO(ACI_TCS_COMPARE_GE),
	  ACI_TCS_COMBO_F32 | INTEGERS | ACI_TCS_COMBO_BOOL },
	{ ACI_TCS_OP_FILL, 0, FILL(CONSTANT), ACI_TCS_COMBO_ANY },
	{ ACI_TCS_OP_FILL, 0, FILL(RANGE),
	  ACI_TCS_COMBO_F32 | ACI_TCS_COMBO_I32 | ACI_TCS_COMBO_I64 },
	{ ACI_TCS_OP_SOFTMAX, 0, UP_TO(ACI_TCS_SOFTMAX_LOG), ACI_TCS_COMBO_F32 },
	{ ACI_TCS_OP_NORMALISE, 0, UP_TO(ACI_TCS_NORMALISE_RMS), ACI_TCS_COMBO_F32 },
	{ ACI_TCS_OP_MATMUL, 0, UNARY(IDENTITY) | UNARY(RELU),
	  ACI_TCS_COMBO_F32 | ACI_TCS_COMBO_I8_I32 },
	{ ACI_TCS_OP_CONV, 0, UNARY(IDENTITY) | UNARY(RELU),
	  ACI_TCS_COMBO_F32 | ACI_TCS_COMBO_I8_I32 },
	{ ACI_TCS_OP_CONV_TRANSPOSE, 0, UNARY(IDENTITY) | UNARY(RELU),
	  ACI_TCS_COMBO_F32 | ACI_TCS_COMBO_I8_I32 },
	{ ACI_TCS_OP_RESIZE, 0, 1u << ACI_TCS_RESIZE_NEAREST, ACI_TCS_COMBO_ANY },
	{ ACI_TCS_OP_RESIZE, 0, 1u << ACI_TCS_RESIZE_LINEAR | 1u << ACI_TCS_RESIZE_CUBIC,
	  ACI_TCS_COMBO_F32 },
	{ ACI_TCS_OP_QUANTISE, 0, 0, ACI_TCS_COMBO_F32_I8 | ACI_TCS_COMBO_F32_U8 },
	{ ACI_TCS_OP_DEQUANTISE, 0, 0,
	  ACI_TCS_COMBO_F32_I8 | ACI_TCS_COMBO_F32_U8 | ACI_TCS_COMBO_F32_I32 },
	{ ACI_TCS_OP_POOL_MAX, 0, 0, ACI_TCS_COMBO_F32 | ACI_TCS_COMBO_I8 },
	{ ACI_TCS_OP_POOL_AVG, 0, 0, ACI_TCS_COMBO_F32 },
	{ ACI_TCS_OP_REDUCE, 0, UP_TO(ACI_TCS_REDUCTION_SUM_SQUARE), ACI_TCS_COMBO_F32 },
	{ ACI_TCS_OP_REDUCE, 0, REDUCE(SUM) | REDUCE(MAX) | REDUCE(MIN) | REDUCE(PROD),
	  ACI_TCS_COMBO_I32 | ACI_TCS_COMBO_I64 },
	{ ACI_TCS_OP_REDUCE, 0, REDUCE(MAX) | REDUCE(MIN),
	  ACI_TCS_COMBO_I8 | ACI_TCS_COMBO_U8 | ACI_TCS_COMBO_BOOL },
	{ ACI_TCS_OP_ARG, 0, UP_TO(ACI_TCS_ARG_MIN), ACI_TCS_COMBO_F32 | INTEGERS },
	{ ACI_TCS_OP_GATHER, 0, 0, ACI_TCS_COMBO_ANY },
	{ ACI_TCS_OP_SCATTER, 0, SCATTER(SET), ACI_TCS_COMBO_ANY },
	{ ACI_TCS_OP_SCATTER, 0, SCATTER(ADD) | SCATTER(MUL) | SCATTER(MIN) | SCATTER(MAX),
	  ACI_TCS_COMBO_F32 | ACI_TCS_COMBO_I32 | ACI_TCS_COMBO_I64 },
	{ ACI_TCS_OP_TOP_K, 0, 0, ACI_TCS_COMBO_F32 | INTEGERS },
	{ ACI_TCS_OP_CUMULATE, 0, UP_TO(ACI_TCS_CUMULATE_SUM),
	  ACI_TCS_COMBO_F32 | ACI_TCS_COMBO_I32 | ACI_TCS_COMBO_I64 },
};

#define OFFERS	(sizeof(offers) / sizeof(offers[0]))

unsigned int tcs_type_bytes(uint8_t type)
{
	switch (type) {
	case ACI_TCS_TYPE_I8:
	case ACI_TCS_TYPE_U8:
	case ACI_TCS_TYPE_BOOL:
		return 1;
	case ACI_TCS_TYPE_F16:
	case ACI_TCS_TYPE_BF16:
		return 2;
	case ACI_TCS_TYPE_F32:
	case ACI_TCS_TYPE_I32:
		return 4;
	case ACI_TCS_TYPE_I64:
		return 8;
	default:
		return 0;
	}
}

bool tcs_opcode_exists(uint16_t opcode)
{
	for (size_t i = 0; i < OFFERS; i++)
		if (offers[i].opcode == opcode)
			return true;
	return false;
}

bool tcs_supports(uint16_t opcode, uint32_t function, uint64_t combo)
{
	for (size_t i = 0; i < OFFERS; i++) {
		const uint32_t functions = offers[i].functions ? offers[i].functions : 1;

		if (offers[i].opcode == opcode && offers[i].combos & combo &&
		    function >= offers[i].base && function - offers[i].base < 32 &&
		    functions >> (function - offers[i].base) & 1)
			return true;
	}
	return false;
}

void tcs_identify(struct aci_identify_set *set)
{
	static const uint8_t uuid[16] = ACI_TCS_UUID_BYTES;

	memset(set, 0, sizeof(*set));
	memcpy(set->uuid, uuid, sizeof(set->uuid));
	set->version = htole32(ACI_TCS_VERSION_MAJOR << 16 | ACI_TCS_VERSION_MINOR);
	set->op_count = htole32(OFFERS);
	set->tensors_max = htole32(TCS_TENSORS_MAX);
	set->ops_max = htole32(TCS_OPS_MAX);
	set->program_bytes_max = htole64(TCS_PROGRAM_BYTES_MAX);
	for (size_t i = 0; i < OFFERS; i++) {
		set->ops[i].opcode = htole16(offers[i].opcode);
		set->ops[i].function_base = htole16(offers[i].base);
		set->ops[i].function_mask = htole32(offers[i].functions);
		set->ops[i].types = htole64(offers[i].combos);
	}
}
