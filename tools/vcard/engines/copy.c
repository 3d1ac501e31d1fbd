// SPDX-License-Identifier: MIT
/* COPY, COPY_STRIDED and FILL, in chunks that keep windows and preemption short. */

#include <string.h>

#include <aci/aci_status.h>

#include "../core/vcard.h"
#include "ops.h"

/*
 * About 80 us of copying. What surrounds a chunk - locks, translation, and the wait for its last
 * stores that a locked instruction is - costs one, which is why it is not smaller.
 */
#define CHUNK_BYTES	(1024u * 1024)
#define ROW_COST_BYTES	2048u		/* what a row costs on top of its bytes */

static enum op_end yield_end(enum engine_yield yield)
{
	return yield == ENGINE_STOP ? OP_STOPPED : OP_PREEMPTED;
}

static enum op_end fail(struct op_error *error, unsigned int status, uint64_t info)
{
	error->status = status;
	error->info = info;
	return OP_FAILED;
}

/* Piece by piece; two virtual ranges may share a page. */
static void move_runs(const struct vm_runs *to, const struct vm_runs *from, uint64_t bytes)
{
	uint64_t to_offset = 0, from_offset = 0, piece;
	const struct vm_run *src = from->run, *dst = to->run;

	for (; bytes; bytes -= piece) {
		piece = MIN(bytes, MIN(src->bytes - from_offset, dst->bytes - to_offset));
		memmove(dst->host + to_offset, src->host + from_offset, piece);
		from_offset += piece;
		to_offset += piece;
		if (from_offset == src->bytes) {
			from_offset = 0;
			src++;
		}
		if (to_offset == dst->bytes) {
			to_offset = 0;
			dst++;
		}
	}
}

/* *bytes: in: wanted; out: copied, fewer if the memory is in too many pieces. */
static unsigned int copy_chunk(struct engine_job *job, uint64_t src, uint64_t dst, uint64_t *bytes,
			       uint64_t *fault_va)
{
	struct vm_runs from, to;
	unsigned int status;

	status = vm_runs_begin(job, src, *bytes, VM_ACCESS_READ, &from, fault_va);
	if (status != ACI_STATUS_SUCCESS)
		return status;
	status = vm_runs_begin(job, dst, from.bytes, VM_ACCESS_WRITE, &to, fault_va);
	if (status == ACI_STATUS_SUCCESS) {
		*bytes = to.bytes;
		move_runs(&to, &from, to.bytes);
		vm_runs_end(job, &to);
		engine_count(job, 0, 0, 2 * to.bytes);
	}
	vm_runs_end(job, &from);
	return status;
}

enum op_end op_copy(struct engine_job *job, const struct aci_desc *desc, struct op_error *error)
{
	uint64_t src = le64toh(desc->copy.src), dst = le64toh(desc->copy.dst);
	uint64_t bytes = le64toh(desc->copy.bytes);
	struct copy_position *at = &job->queue->position;

	while (at->offset < bytes) {
		uint64_t chunk = MIN(bytes - at->offset, CHUNK_BYTES);
		enum engine_yield yield;
		uint64_t fault_va;
		unsigned int status;

		status = copy_chunk(job, src + at->offset, dst + at->offset, &chunk, &fault_va);
		if (status != ACI_STATUS_SUCCESS)
			return fail(error, status, fault_va);
		at->offset += chunk;
		yield = engine_should_yield(job);
		if (yield != ENGINE_CONTINUE && at->offset < bytes)
			return yield_end(yield);
	}
	return OP_DONE;
}

enum op_end op_copy_strided(struct engine_job *job, const struct aci_desc *desc,
			    struct op_error *error)
{
	const struct aci_desc_copy_strided *copy = &desc->copy_strided;
	uint64_t rows = le64toh(copy->rows), row_bytes = le64toh(copy->row_bytes);
	struct copy_position *at = &job->queue->position;
	uint64_t cost = 0;

	while (at->row < rows) {
		uint64_t chunk = MIN(row_bytes - at->offset, CHUNK_BYTES);
		uint64_t src = le64toh(copy->src) + at->row * le64toh(copy->src_stride);
		uint64_t dst = le64toh(copy->dst) + at->row * le64toh(copy->dst_stride);
		enum engine_yield yield;
		uint64_t fault_va;
		unsigned int status;

		status = copy_chunk(job, src + at->offset, dst + at->offset, &chunk, &fault_va);
		if (status != ACI_STATUS_SUCCESS)
			return fail(error, status, fault_va);
		at->offset += chunk;
		if (at->offset == row_bytes) {
			at->offset = 0;
			at->row++;
		}
		cost += chunk + ROW_COST_BYTES;
		if (cost < CHUNK_BYTES)
			continue;
		cost = 0;
		yield = engine_should_yield(job);
		if (yield != ENGINE_CONTINUE && at->row < rows)
			return yield_end(yield);
	}
	return OP_DONE;
}

/* CHUNK_BYTES is a multiple of every pattern, so that each chunk starts with a whole one. */
static void fill_bytes(uint8_t *to, uint64_t bytes, const uint8_t *pattern, uint32_t unit)
{
	uint64_t done = MIN(bytes, unit);

	memcpy(to, pattern, done);
	while (done < bytes) {
		uint64_t more = MIN(bytes - done, done);

		memcpy(to + done, to, more);
		done += more;
	}
}

enum op_end op_fill(struct engine_job *job, const struct aci_desc *desc, struct op_error *error)
{
	const struct aci_desc_fill *fill = &desc->fill;
	uint64_t dst = le64toh(fill->dst), bytes = le64toh(fill->bytes);
	struct copy_position *at = &job->queue->position;

	while (at->offset < bytes) {
		uint64_t chunk = MIN(bytes - at->offset, CHUNK_BYTES);
		enum engine_yield yield;
		struct vm_access to;
		unsigned int status;
		uint64_t fault_va;

		status = vm_access_begin(job, dst + at->offset, chunk, VM_ACCESS_WRITE, &to,
					 &fault_va);
		if (status == ACI_STATUS_SUCCESS) {
			/* The pattern is little-endian: its low bytes come first. */
			fill_bytes(to.ptr, chunk, (const uint8_t *)&fill->pattern,
				   le32toh(fill->pattern_bytes));
			status = vm_access_end(job, &to, &fault_va);
		}
		if (status != ACI_STATUS_SUCCESS)
			return fail(error, status, fault_va);
		engine_count(job, 0, 0, chunk);
		at->offset += chunk;
		yield = engine_should_yield(job);
		if (yield != ENGINE_CONTINUE && at->offset < bytes)
			return yield_end(yield);
	}
	return OP_DONE;
}
