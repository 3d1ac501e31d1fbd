// SPDX-License-Identifier: MIT
#include <endian.h>
#include <stdlib.h>

#include "error.h"
#include "flow.h"
#include "program.h"

/* Memory of the caller: it may be registered more than once, so by its own address. */
#define HOST_SPACE	(1ull << 63)

struct range {
	uint64_t start, end;
};

struct ranges {
	struct range *at;
	size_t count, room;
};

/** struct flow - of the steps of a job until now */
struct flow {
	struct ranges reads;		/* of what was there before the job */
	struct ranges written;		/* at least in part */
	struct ranges made;		/* written as a whole: reading it reads the job's own */
	bool reads_lost;		/* also what the library cannot bring back */
	bool writes_unknown;		/* also memory that may have other names */
	int error;
};

/* --- Ranges ----------------------------------------------------------------------- */

static int ranges_add(struct ranges *ranges, struct range range)
{
	if (range.start >= range.end)
		return 0;
	if (ranges->count == ranges->room) {
		size_t room = ranges->room ? 2 * ranges->room : 16;
		struct range *at = reallocarray(ranges->at, room, sizeof(*at));

		if (!at)
			return error_set(-ENOMEM, "out of memory");
		ranges->at = at;
		ranges->room = room;
	}
	ranges->at[ranges->count++] = range;
	return 0;
}

static bool ranges_overlap(const struct ranges *ranges, struct range range)
{
	for (size_t i = 0; i < ranges->count; i++)
		if (range.start < ranges->at[i].end && ranges->at[i].start < range.end)
			return true;
	return false;
}

/* By several of them together, in any order: each pass goes on from where the last one ended. */
static bool ranges_cover(const struct ranges *ranges, struct range range)
{
	bool moved = true;

	while (range.start < range.end && moved) {
		moved = false;
		for (size_t i = 0; i < ranges->count; i++) {
			const struct range *at = &ranges->at[i];

			if (at->start > range.start || at->end <= range.start)
				continue;
			range.start = at->end;
			moved = true;
		}
	}
	return range.start >= range.end;
}

/* --- Steps ------------------------------------------------------------------------ */

static struct range buffer_range(const struct accel_buffer *buffer, uint64_t offset, uint64_t bytes)
{
	uint64_t start = buffer->is_registered ? HOST_SPACE | (uintptr_t)buffer->map
					       : buffer->address;

	return (struct range) { start + offset, start + offset + bytes };
}

static struct range host_range(const void *memory, uint64_t bytes)
{
	uint64_t start = HOST_SPACE | (uintptr_t)memory;

	return (struct range) { start, start + bytes };
}

static void flow_read(struct flow *flow, struct range range, bool restorable)
{
	if (flow->error || ranges_cover(&flow->made, range))
		return;
	flow->reads_lost |= !restorable;
	flow->error = ranges_add(&flow->reads, range);
}

static void flow_read_buffer(struct flow *flow, const struct accel_buffer *buffer,
			     uint64_t offset, uint64_t bytes)
{
	flow_read(flow, buffer_range(buffer, offset, bytes), buffer->is_registered);
}

static void flow_write(struct flow *flow, struct range range, bool whole)
{
	if (!flow->error)
		flow->error = ranges_add(&flow->written, range);
	if (!flow->error && whole)
		flow->error = ranges_add(&flow->made, range);
}

static void flow_write_buffer(struct flow *flow, const struct accel_buffer *buffer,
			      uint64_t offset, uint64_t bytes, bool whole)
{
	flow->writes_unknown |= buffer->is_imported;
	flow_write(flow, buffer_range(buffer, offset, bytes), whole);
}

/* --- Programs --------------------------------------------------------------------- */

/* Bytes of its argument that a tensor touches; all of it if only the card knows. */
static struct range tensor_range(const struct aci_tcs_tensor *tensor, uint64_t argument_bytes,
				 bool *whole)
{
	uint64_t size = accel_type_bytes((enum accel_type)tensor->type), bytes = size;
	struct range range = { le64toh(tensor->offset), le64toh(tensor->offset) + size };

	*whole = false;
	if (tensor->shape_from_arg || tensor->stride_from_arg ||
	    le16toh(tensor->offset_slot) != ACI_TCS_NONE)
		return (struct range) { 0, argument_bytes };
	for (uint32_t i = 0; i < tensor->rank; i++) {
		uint64_t count = le64toh(tensor->shape[i]);
		int64_t step = (int64_t)le64toh(tensor->stride[i]) * (int64_t)size;

		if (!count)
			return (struct range) { 0, 0 };
		bytes *= count;
		if (step < 0)
			range.start += (count - 1) * (uint64_t)step;
		else
			range.end += (count - 1) * (uint64_t)step;
	}
	*whole = bytes == range.end - range.start;
	return range;
}

static void flow_tensor(struct flow *flow, const struct accel_job *job, __le16 index, bool write)
{
	const struct aci_tcs_tensor *tensor = &job->program->tensors[le16toh(index)];
	const struct accel_argument *argument = &job->arguments[le16toh(tensor->slot)];
	const struct accel_buffer *buffer = argument->buffer;
	uint64_t bytes = argument->bytes ? argument->bytes : buffer->bytes - argument->offset;
	bool whole;
	struct range range = tensor_range(tensor, bytes, &whole);
	uint64_t offset = argument->offset + range.start;

	if (write)
		flow_write_buffer(flow, buffer, offset, range.end - range.start, whole);
	else
		flow_read_buffer(flow, buffer, offset, range.end - range.start);
}

static void flow_program(struct flow *flow, const struct accel_job *job)
{
	const struct accel_program *program = job->program;

	for (uint32_t i = 0; i < program->op_count && !flow->error; i++) {
		const struct aci_tcs_op *op = &program->ops[i];

		for (int n = 0; n < ACI_TCS_OP_INPUTS; n++)
			if (le16toh(op->in[n]) != ACI_TCS_NONE)
				flow_tensor(flow, job, op->in[n], false);
		for (int n = 0; n < ACI_TCS_OP_OUTPUTS; n++)
			if (le16toh(op->out[n]) != ACI_TCS_NONE)
				flow_tensor(flow, job, op->out[n], true);
	}
}

/* --- Jobs ------------------------------------------------------------------------- */

static void flow_transfers(struct flow *flow, const struct accel_job *job, bool upload)
{
	const struct accel_transfer *at = upload ? job->uploads : job->downloads;
	uint32_t count = upload ? job->upload_count : job->download_count;

	for (uint32_t i = 0; i < count; i++, at++) {
		if (upload) {
			flow_read(flow, host_range(at->memory, at->bytes), true);
			flow_write_buffer(flow, at->buffer, at->offset, at->bytes, true);
		} else {
			flow_read_buffer(flow, at->buffer, at->offset, at->bytes);
			flow_write(flow, host_range(at->memory, at->bytes), false);
		}
	}
}

static bool flow_accumulates(const struct flow *flow)
{
	for (size_t i = 0; i < flow->written.count; i++)
		if (ranges_overlap(&flow->reads, flow->written.at[i]))
			return true;
	return flow->writes_unknown;
}

int flow_of_job(const struct accel_job *job, struct retry_job *facts)
{
	struct flow flow = { 0 };

	flow_transfers(&flow, job, true);
	flow_program(&flow, job);
	flow_transfers(&flow, job, false);
	*facts = (struct retry_job) {
		.accumulates = flow_accumulates(&flow),
		.idempotent = job->flags & ACCEL_JOB_IDEMPOTENT,
		.restorable = !flow.reads_lost,
	};
	free(flow.reads.at);
	free(flow.written.at);
	free(flow.made.at);
	return flow.error;
}

bool flow_overlaps(const void *a, uint64_t a_bytes, const void *b, uint64_t b_bytes)
{
	struct range x = host_range(a, a_bytes), y = host_range(b, b_bytes);

	return x.start < y.end && y.start < x.end;
}
