// SPDX-License-Identifier: MIT
/*
 * Checking a program: header, arguments, tensors. The program is hostile;
 * every sum and product here is made so that it cannot wrap.
 */
#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "tcs.h"

#define VA_END		(1ull << 48)

typedef __int128 i128;

static const struct aci_tcs_header *header(const struct tcs_state *st)
{
	return (const struct aci_tcs_header *)st->program;
}

static bool table_fits(uint64_t offset, uint64_t count, uint64_t entry_bytes, uint64_t bytes)
{
	/* count and entry_bytes are below 2^32: no overflow */
	return offset % 16 == 0 && offset >= sizeof(struct aci_tcs_header) && offset <= bytes &&
	       count * entry_bytes <= bytes - offset;
}

static bool tables_overlap(uint64_t a, uint64_t a_bytes, uint64_t b, uint64_t b_bytes)
{
	return a < b + b_bytes && b < a + a_bytes;
}

static unsigned int check_header(const struct tcs_state *st)
{
	const struct aci_tcs_header *h = header(st);
	const uint32_t version = le32toh(h->version);
	const uint64_t tensors = le32toh(h->tensor_count), ops = le32toh(h->op_count);
	const uint64_t tensors_at = le32toh(h->tensors_offset), ops_at = le32toh(h->ops_offset);

	if (le32toh(h->magic) != ACI_TCS_MAGIC || version >> 16 != ACI_TCS_VERSION_MAJOR ||
	    (version & 0xffff) > ACI_TCS_VERSION_MINOR)
		return ACI_STATUS_PROG_HEADER;
	if (le32toh(h->program_bytes) != st->program_bytes || h->reserved0 || h->reserved1 ||
	    h->reserved2[0] || h->reserved2[1])
		return ACI_STATUS_PROG_HEADER;
	if (tensors > TCS_TENSORS_MAX || ops > TCS_OPS_MAX ||
	    !table_fits(tensors_at, tensors, sizeof(struct aci_tcs_tensor), st->program_bytes) ||
	    !table_fits(ops_at, ops, sizeof(struct aci_tcs_op), st->program_bytes) ||
	    tables_overlap(tensors_at, tensors * sizeof(struct aci_tcs_tensor),
			   ops_at, ops * sizeof(struct aci_tcs_op)))
		return ACI_STATUS_PROG_HEADER;
	if (le32toh(h->arg_count) != st->arg_count)
		return ACI_STATUS_PROG_ARGUMENT;
	return ACI_STATUS_SUCCESS;
}

static unsigned int check_buffer(const struct tcs_state *st, uint64_t slot, uint64_t *va,
				 uint64_t *bytes)
{
	if (slot >= st->arg_count)
		return ACI_STATUS_PROG_ARGUMENT;
	*va = le64toh(st->args[slot].value);
	*bytes = le64toh(st->args[slot].bytes);
	if (!*bytes || *va >= VA_END || *bytes > VA_END - *va)
		return ACI_STATUS_PROG_ARGUMENT;
	return ACI_STATUS_SUCCESS;
}

unsigned int tcs_check_scalar(const struct tcs_state *st, uint64_t slot, uint64_t *value)
{
	if (slot >= st->arg_count || st->args[slot].bytes)
		return ACI_STATUS_PROG_ARGUMENT;
	*value = le64toh(st->args[slot].value);
	return ACI_STATUS_SUCCESS;
}

static unsigned int check_workspace(const struct tcs_state *st)
{
	const uint16_t slot = le16toh(header(st)->workspace_slot);
	const uint64_t needed = le64toh(header(st)->workspace_bytes);
	uint64_t va, bytes;
	unsigned int status;

	if (slot == ACI_TCS_NONE)
		return needed ? ACI_STATUS_PROG_WORKSPACE : ACI_STATUS_SUCCESS;
	status = check_buffer(st, slot, &va, &bytes);
	if (status != ACI_STATUS_SUCCESS)
		return status;
	return bytes < needed ? ACI_STATUS_PROG_WORKSPACE : ACI_STATUS_SUCCESS;
}

static unsigned int check_reserved(const struct aci_tcs_tensor *raw)
{
	const unsigned int unused = 0xffu << raw->rank & 0xff;

	if (raw->reserved[0] || raw->reserved[1] ||
	    raw->shape_from_arg & unused || raw->stride_from_arg & unused)
		return ACI_STATUS_PROG_FIELD;
	for (unsigned int i = raw->rank; i < ACI_TCS_RANK_MAX; i++)
		if (raw->shape[i] || raw->stride[i])
			return ACI_STATUS_PROG_FIELD;
	return ACI_STATUS_SUCCESS;
}

static bool type_is_reserved(uint8_t type)
{
	return (type >= ACI_TCS_TYPE_F32 && type <= ACI_TCS_TYPE_BOOL) ||
	       (type >= ACI_TCS_TYPE_Q4_0 && type <= ACI_TCS_TYPE_MXFP4);
}

/* A field, or the scalar argument that it names. */
static unsigned int field_value(const struct tcs_state *st, __le64 field, bool from_arg,
				uint64_t *value)
{
	*value = le64toh(field);
	return from_arg ? tcs_check_scalar(st, *value, value) : ACI_STATUS_SUCCESS;
}

static unsigned int check_shape(const struct tcs_state *st, const struct aci_tcs_tensor *raw,
				struct tcs_tensor *t)
{
	t->elements = 1;
	for (unsigned int i = 0; i < raw->rank; i++) {
		unsigned int status;

		status = field_value(st, raw->shape[i], raw->shape_from_arg >> i & 1, &t->shape[i]);
		if (status != ACI_STATUS_SUCCESS)
			return status;
		if (!t->shape[i] || t->shape[i] > ACI_TCS_ELEMENTS_MAX / t->elements)
			return ACI_STATUS_PROG_TENSOR;
		t->elements *= t->shape[i];
	}
	return ACI_STATUS_SUCCESS;
}

/* Where the elements are: inside the argument, whatever the signs of the strides. */
static unsigned int check_reach(const struct tcs_state *st, const struct aci_tcs_tensor *raw,
				struct tcs_tensor *t)
{
	const unsigned int size = t->element_bytes;
	uint64_t va, bytes, offset = le64toh(raw->offset), more = 0;
	i128 lo, hi;
	unsigned int status;

	status = check_buffer(st, le16toh(raw->slot), &va, &bytes);
	if (status == ACI_STATUS_SUCCESS && raw->offset_slot != htole16(ACI_TCS_NONE))
		status = tcs_check_scalar(st, le16toh(raw->offset_slot), &more);
	if (status != ACI_STATUS_SUCCESS)
		return status;
	if (va % size)
		return ACI_STATUS_PROG_ARGUMENT;
	if (__builtin_add_overflow(offset, more, &offset) || offset % size)
		return ACI_STATUS_PROG_BOUNDS;

	lo = offset;
	hi = (i128)offset + size;
	for (unsigned int i = 0; i < t->rank; i++) {
		uint64_t stride;
		i128 reach;

		status = field_value(st, raw->stride[i], raw->stride_from_arg >> i & 1, &stride);
		if (status != ACI_STATUS_SUCCESS)
			return status;
		/* below 2^40 * 2^63 * 2^3 */
		reach = (i128)(int64_t)stride * (i128)(t->shape[i] - 1) * size;
		if (reach < 0)
			lo += reach;
		else
			hi += reach;
		t->stride[i] = t->shape[i] > 1 ? (int64_t)(stride * size) : 0;
	}
	if (lo < 0 || hi > (i128)bytes)
		return ACI_STATUS_PROG_BOUNDS;
	t->va = va + offset;
	t->lo = va + (uint64_t)lo;
	t->hi = va + (uint64_t)hi;
	return ACI_STATUS_SUCCESS;
}

unsigned int tcs_check_tensor(struct tcs_state *st, uint32_t index)
{
	struct aci_tcs_tensor raw;
	struct tcs_tensor *t = &st->tensors[index];
	unsigned int status;

	if (t->resolved)
		return ACI_STATUS_SUCCESS;
	memcpy(&raw, st->program + le32toh(header(st)->tensors_offset) + index * sizeof(raw),
	       sizeof(raw));
	if (raw.rank > ACI_TCS_RANK_MAX || !type_is_reserved(raw.type))
		return ACI_STATUS_PROG_TENSOR;
	status = check_reserved(&raw);
	if (status != ACI_STATUS_SUCCESS)
		return status;
	t->type = raw.type;
	t->rank = raw.rank;
	t->element_bytes = tcs_type_bytes(raw.type);
	if (!t->element_bytes)
		return ACI_STATUS_PROG_TYPES;
	status = check_shape(st, &raw, t);
	if (status == ACI_STATUS_SUCCESS)
		status = check_reach(st, &raw, t);
	t->resolved = status == ACI_STATUS_SUCCESS;
	return status;
}

static uint64_t info_of(uint32_t op, uint32_t bad_tensor)
{
	return op | (uint64_t)(bad_tensor == ACI_TCS_NONE ? 0 : bad_tensor + 1) << 32;
}

static unsigned int check_ops(struct tcs_state *st, uint64_t *info)
{
	const uint8_t *table = st->program + le32toh(header(st)->ops_offset);

	for (uint32_t i = 0; i < st->op_count; i++) {
		uint32_t bad_tensor = ACI_TCS_NONE;
		struct aci_tcs_op raw;
		unsigned int status;

		memcpy(&raw, table + i * sizeof(raw), sizeof(raw));
		status = tcs_check_op(st, &raw, &st->ops[i], &bad_tensor);
		if (status != ACI_STATUS_SUCCESS) {
			*info = info_of(i, bad_tensor);
			return status;
		}
	}
	return ACI_STATUS_SUCCESS;
}

/* Those that no operation uses. */
static unsigned int check_tensors(struct tcs_state *st, uint64_t *info)
{
	for (uint32_t i = 0; i < st->tensor_count; i++) {
		unsigned int status = tcs_check_tensor(st, i);

		if (status != ACI_STATUS_SUCCESS) {
			*info = info_of(ACI_TCS_ERROR_NO_OP, i);
			return status;
		}
	}
	return ACI_STATUS_SUCCESS;
}

unsigned int tcs_check_program(struct tcs_state *st, uint64_t *info)
{
	unsigned int status;

	*info = ACI_TCS_ERROR_NO_OP;
	status = check_header(st);
	if (status == ACI_STATUS_SUCCESS)
		status = check_workspace(st);
	if (status != ACI_STATUS_SUCCESS)
		return status;
	st->tensor_count = le32toh(header(st)->tensor_count);
	st->op_count = le32toh(header(st)->op_count);
	st->tensors = calloc(st->tensor_count + 1, sizeof(*st->tensors));
	st->ops = calloc(st->op_count + 1, sizeof(*st->ops));
	if (!st->tensors || !st->ops)
		return ACI_STATUS_ENGINE_FAULT;
	status = check_ops(st, info);
	if (status == ACI_STATUS_SUCCESS)
		status = check_tensors(st, info);
	return status;
}
