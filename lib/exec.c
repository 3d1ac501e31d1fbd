// SPDX-License-Identifier: MIT
/* Running programs: argument tables and EXEC. */
#include <endian.h>

#include "error.h"
#include "program.h"
#include "stream.h"

#define ARGUMENTS_MAX	PROGRAM_SLOTS_MAX

static int argument_encode(const struct accel_context *context, uint32_t slot,
			   const struct accel_argument *argument, struct aci_arg *arg)
{
	uint64_t bytes = argument->bytes;

	if (!argument->buffer) {
		*arg = (struct aci_arg) { .value = htole64(argument->scalar) };
		return 0;
	}
	if (argument->buffer->context != context)
		return error_set(-EINVAL, "argument %u: the buffer is of another context", slot);
	if (buffer_check_range(argument->buffer, argument->offset, bytes))
		return error_prefix(-EINVAL, "argument %u: ", slot);
	if (!bytes)
		bytes = argument->buffer->bytes - argument->offset;
	if (!bytes)
		return error_set(-EINVAL, "argument %u is empty", slot);
	*arg = (struct aci_arg) {
		.value = htole64(argument->buffer->address + argument->offset),
		.bytes = htole64(bytes),
	};
	return 0;
}

/* The card checks the same; here the text can say which argument and why, before anything runs. */
static int argument_check(const struct program_slot *slot, uint32_t index,
			  const struct accel_argument *argument, const struct aci_arg *arg)
{
	uint64_t bytes = le64toh(arg->bytes);

	if (slot->scalar && argument->buffer)
		return error_set(-EINVAL, "argument %u must be a scalar", index);
	if (!slot->bytes)
		return 0;
	if (!bytes)
		return error_set(-EINVAL, "argument %u must be a buffer", index);
	if (bytes < slot->bytes)
		return error_set(-EINVAL, "argument %u has %llu bytes, the program uses %llu",
				 index, (unsigned long long)bytes, (unsigned long long)slot->bytes);
	if (le64toh(arg->value) % slot->align)
		return error_set(-EINVAL, "argument %u must start at a multiple of %u bytes", index,
				 slot->align);
	if (slot->written && argument->buffer->flags & ACCEL_BUFFER_READONLY)
		return error_set(-EINVAL, "argument %u is written, but its buffer is read-only",
				 index);
	return 0;
}

static int encode_arguments(const struct accel_stream *stream, const struct accel_program *program,
			    const struct accel_argument *arguments, uint32_t count,
			    struct aci_arg *table)
{
	for (uint32_t i = 0; i < count; i++) {
		int ret = argument_encode(stream->context, i, &arguments[i], &table[i]);

		if (!ret && program)
			ret = argument_check(&program->slots[i], i, &arguments[i], &table[i]);
		if (ret)
			return ret;
	}
	return 0;
}

/* @program is NULL for a vendor's, whose needs are unknown. */
static int exec_locked(struct accel_stream *stream, const struct accel_program *program,
		       const struct aci_desc_exec *exec, const struct accel_argument *arguments)
{
	uint32_t count = le32toh(exec->arg_count);
	struct aci_desc desc = { .opcode = ACI_OP_EXEC, .exec = *exec };
	uint64_t head = stream->staging.head;
	struct staging_chunk chunk;
	int ret = stream_reserve(stream);

	if (!ret && count) {
		ret = stream_stage(stream, count * sizeof(struct aci_arg), &chunk);
		if (!ret)
			ret = encode_arguments(stream, program, arguments, count, chunk.cpu);
		/* No job would ever release it. */
		if (ret)
			stream->staging.head = head;
		else
			desc.exec.args = htole64(chunk.address);
	}
	if (!ret)
		stream_append(stream, &desc);
	return ret;
}

static int check_exec(const struct accel_stream *stream, const struct accel_argument *arguments,
		      uint32_t count)
{
	if (count && !arguments)
		return error_set(-EINVAL, "arguments must not be NULL");
	if (count > ARGUMENTS_MAX)
		return error_set(-EINVAL, "%u arguments are more than %u", count, ARGUMENTS_MAX);
	if (!(stream->opcodes >> ACI_OP_EXEC & 1))
		return error_set(-ENOTSUP, "programs need a stream of ACCEL_ENGINE_COMPUTE");
	return device_check_process(stream->context->device);
}

int accel_stream_exec(struct accel_stream *stream, struct accel_program *program,
		      const struct accel_argument *arguments, uint32_t count)
{
	struct aci_desc_exec exec = { 0 };
	int ret;

	if (!stream || !program)
		return error_set(-EINVAL, "stream and program must not be NULL");
	ret = check_exec(stream, arguments, count);
	if (ret)
		return ret;
	if (program->context != stream->context)
		return error_set(-EINVAL, "the program is not loaded to this context");
	if (count < program->slot_count)
		return error_set(-EINVAL, "%u arguments given, the program uses %u", count,
				 program->slot_count);
	exec.program = htole64(program->code->address);
	exec.program_bytes = htole32(program->code_bytes);
	exec.arg_count = htole32(program->slot_count);
	exec.set = htole32(program->device->tcs_index);
	pthread_mutex_lock(&stream->lock);
	ret = exec_locked(stream, program, &exec, arguments);
	pthread_mutex_unlock(&stream->lock);
	return ret;
}

int accel_stream_exec_blob(struct accel_stream *stream, const uint8_t uuid[16], uint64_t address,
			   uint32_t bytes, const struct accel_argument *arguments, uint32_t count)
{
	struct aci_desc_exec exec = { 0 };
	int ret;

	if (!stream || !uuid)
		return error_set(-EINVAL, "stream and uuid must not be NULL");
	ret = check_exec(stream, arguments, count);
	if (ret)
		return ret;
	if (!bytes || address % 64)
		return error_set(-EINVAL,
				 "a program is not empty and its address is a multiple of 64");
	ret = device_find_set(stream->context->device, uuid);
	if (ret < 0)
		return ret;
	exec.program = htole64(address);
	exec.program_bytes = htole32(bytes);
	exec.arg_count = htole32(count);
	exec.set = htole32((uint32_t)ret);
	pthread_mutex_lock(&stream->lock);
	ret = exec_locked(stream, NULL, &exec, arguments);
	pthread_mutex_unlock(&stream->lock);
	return ret;
}
