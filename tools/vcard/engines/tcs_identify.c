// SPDX-License-Identifier: MIT
/* What the executor offers: the one table behind Identify and the type checks. */
#include <endian.h>
#include <string.h>

#include "tcs.h"

#define UNARY(name)	(1u << ACI_TCS_UNARY_##name)
#define BINARY(name)	(1u << ACI_TCS_BINARY_##name)

static const struct offer {
	uint16_t opcode;
	uint32_t functions;
	uint64_t combos;
} offers[] = {
	{ ACI_TCS_OP_COPY, 0, ACI_TCS_COMBO_CONVERT },
	{ ACI_TCS_OP_UNARY, (2u << ACI_TCS_UNARY_LINEAR) - 1, ACI_TCS_COMBO_F32 },
	{ ACI_TCS_OP_UNARY, UNARY(IDENTITY) | UNARY(RELU) | UNARY(ABS) | UNARY(NEG),
	  ACI_TCS_COMBO_I32 | ACI_TCS_COMBO_I8 },
	{ ACI_TCS_OP_BINARY, (2u << ACI_TCS_BINARY_POW) - 1, ACI_TCS_COMBO_F32 },
	{ ACI_TCS_OP_BINARY, (2u << ACI_TCS_BINARY_MAX) - 1, ACI_TCS_COMBO_I32 },
	{ ACI_TCS_OP_SOFTMAX, 0, ACI_TCS_COMBO_F32 },
	{ ACI_TCS_OP_MATMUL, UNARY(IDENTITY) | UNARY(RELU),
	  ACI_TCS_COMBO_F32 | ACI_TCS_COMBO_I8_I32 },
	{ ACI_TCS_OP_CONV, UNARY(IDENTITY) | UNARY(RELU),
	  ACI_TCS_COMBO_F32 | ACI_TCS_COMBO_I8_I32 },
	{ ACI_TCS_OP_POOL_MAX, 0, ACI_TCS_COMBO_F32 | ACI_TCS_COMBO_I8 },
	{ ACI_TCS_OP_POOL_AVG, 0, ACI_TCS_COMBO_F32 },
};

#define OFFERS	(sizeof(offers) / sizeof(offers[0]))

unsigned int tcs_type_bytes(uint8_t type)
{
	switch (type) {
	case ACI_TCS_TYPE_I8:
	case ACI_TCS_TYPE_U8:
	case ACI_TCS_TYPE_BOOL:
		return 1;
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
		    function < 32 && functions >> function & 1)
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
		set->ops[i].function_mask = htole32(offers[i].functions);
		set->ops[i].types = htole64(offers[i].combos);
	}
}
