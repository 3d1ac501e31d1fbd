// SPDX-License-Identifier: MIT
/* Checks of a descriptor in private memory, before it starts. */

#include <aci/aci_admin.h>
#include <aci/aci_mmu.h>
#include <aci/aci_status.h>

#include "vcard.h"

#define VA_LIMIT	(1ull << ACI_VA_BITS)

/* rows of row_bytes, stride apart, inside the address space */
static bool rows_fit(uint64_t start, uint64_t rows, uint64_t stride, uint64_t row_bytes)
{
	uint64_t span;

	if (__builtin_mul_overflow(rows - 1, stride, &span) ||
	    __builtin_add_overflow(span, row_bytes, &span))
		return false;
	return range_fits(start, span, VA_LIMIT);
}

static bool check_copy(const struct aci_desc_copy *copy)
{
	uint64_t src = le64toh(copy->src), dst = le64toh(copy->dst), bytes = le64toh(copy->bytes);

	if (!bytes || !range_fits(src, bytes, VA_LIMIT) || !range_fits(dst, bytes, VA_LIMIT))
		return false;
	if (src < dst + bytes && dst < src + bytes)
		return false;
	return fields_are_zero(copy->reserved, sizeof(copy->reserved));
}

static bool check_copy_strided(const struct aci_desc_copy_strided *copy)
{
	uint64_t rows = le64toh(copy->rows), row_bytes = le64toh(copy->row_bytes);

	if (!rows || !row_bytes || copy->reserved)
		return false;
	if (rows > 1 && le64toh(copy->dst_stride) < row_bytes)
		return false;
	return rows_fit(le64toh(copy->src), rows, le64toh(copy->src_stride), row_bytes) &&
	       rows_fit(le64toh(copy->dst), rows, le64toh(copy->dst_stride), row_bytes);
}

static bool check_fill(const struct aci_desc_fill *fill)
{
	uint64_t bytes = le64toh(fill->bytes);
	uint32_t unit = le32toh(fill->pattern_bytes);

	if (unit != 1 && unit != 2 && unit != 4 && unit != 8)
		return false;
	if (!bytes || bytes % unit || !range_fits(le64toh(fill->dst), bytes, VA_LIMIT))
		return false;
	return !fill->reserved0 && fields_are_zero(fill->reserved1, sizeof(fill->reserved1));
}

static bool check_exec(const struct aci_desc_exec *exec)
{
	uint64_t program = le64toh(exec->program), args = le64toh(exec->args);
	uint64_t arg_bytes = (uint64_t)le32toh(exec->arg_count) * sizeof(struct aci_arg);

	if (program % 64 || !exec->program_bytes ||
	    !range_fits(program, le32toh(exec->program_bytes), VA_LIMIT))
		return false;
	if (args % 16 || !range_fits(args, arg_bytes, VA_LIMIT))
		return false;
	return !exec->reserved0 && fields_are_zero(exec->reserved1, sizeof(exec->reserved1));
}

static bool check_word_address(__le64 addr)
{
	return !(le64toh(addr) % 8) && range_fits(le64toh(addr), 8, VA_LIMIT);
}

static bool check_body(const struct aci_desc *desc)
{
	switch (desc->opcode) {
	case ACI_OP_NOP:
		return fields_are_zero(desc->body, sizeof(desc->body));
	case ACI_OP_COPY:
		return check_copy(&desc->copy);
	case ACI_OP_COPY_STRIDED:
		return check_copy_strided(&desc->copy_strided);
	case ACI_OP_FILL:
		return check_fill(&desc->fill);
	case ACI_OP_EXEC:
		return check_exec(&desc->exec);
	case ACI_OP_WAIT:
		return check_word_address(desc->wait.addr) &&
		       fields_are_zero(desc->wait.reserved, sizeof(desc->wait.reserved));
	case ACI_OP_SIGNAL:
		return check_word_address(desc->signal.addr) &&
		       fields_are_zero(desc->signal.reserved, sizeof(desc->signal.reserved));
	case ACI_OP_TIMESTAMP:
		return check_word_address(desc->timestamp.addr) &&
		       fields_are_zero(desc->timestamp.reserved, sizeof(desc->timestamp.reserved));
	}
	return false;
}

unsigned int desc_check(const struct queue *queue, const struct aci_desc *desc)
{
	if (desc->opcode > ACI_OP_TIMESTAMP)
		return ACI_STATUS_DESC_OPCODE;
	if (desc->flags || desc->reserved0 || desc->reserved1 || !check_body(desc))
		return ACI_STATUS_DESC_FIELD;
	if (desc->opcode == ACI_OP_EXEC) {
		if (queue->engine_class != ACI_ENGINE_CLASS_COMPUTE)
			return ACI_STATUS_DESC_ENGINE;
		if (le32toh(desc->exec.set) != ACI_SET_TCS)
			return ACI_STATUS_PROG_SET;
	}
	if (desc->opcode == ACI_OP_WAIT && queue->vm->flags & ACI_VM_F_NO_WAIT)
		return ACI_STATUS_WAIT_REFUSED;
	return ACI_STATUS_SUCCESS;
}
