// SPDX-License-Identifier: MIT
/* Commands of a stream that move bytes. */
#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "stream.h"

#define BOUNCE_BYTES	(1u << 20)

static uint64_t min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static bool stream_takes(const struct accel_stream *stream, uint32_t opcode)
{
	return stream->opcodes >> opcode & 1;
}

static int stream_check_opcode(const struct accel_stream *stream, uint32_t opcode, const char *what)
{
	int ret = device_check_process(stream->context->device);

	if (ret || stream_takes(stream, opcode))
		return ret;
	return error_set(-ENOTSUP, "the engine of this stream does not take %s", what);
}

static int check_end(uint64_t address, uint64_t bytes)
{
	uint64_t end;

	if (!__builtin_add_overflow(address, bytes, &end))
		return 0;
	return error_set(-EINVAL, "address 0x%llx and %llu bytes overflow",
			 (unsigned long long)address, (unsigned long long)bytes);
}

/* --- Between addresses ------------------------------------------------------------ */

static int copy_locked(struct accel_stream *stream, uint64_t dst, uint64_t src, uint64_t bytes)
{
	uint64_t max = stream->context->device->copy_bytes_max;
	int ret = 0;

	while (bytes && !ret) {
		uint64_t part = min_u64(bytes, max);
		struct aci_desc desc = {
			.opcode = ACI_OP_COPY,
			.copy = { .src = htole64(src),
				  .dst = htole64(dst),
				  .bytes = htole64(part) },
		};

		ret = stream_command(stream, &desc);
		src += part;
		dst += part;
		bytes -= part;
	}
	return ret;
}

int accel_stream_copy(struct accel_stream *stream, uint64_t dst, uint64_t src, uint64_t bytes)
{
	int ret;

	if (!stream)
		return error_set(-EINVAL, "stream must not be NULL");
	ret = stream_check_opcode(stream, ACI_OP_COPY, "copies");
	if (!ret)
		ret = check_end(dst, bytes);
	if (!ret)
		ret = check_end(src, bytes);
	if (!ret && bytes && dst < src + bytes && src < dst + bytes)
		ret = error_set(-EINVAL, "source and destination of a copy overlap");
	if (ret)
		return ret;
	pthread_mutex_lock(&stream->lock);
	ret = copy_locked(stream, dst, src, bytes);
	pthread_mutex_unlock(&stream->lock);
	return ret;
}

static int check_rows(uint64_t address, uint64_t stride, uint64_t row_bytes, uint64_t rows)
{
	uint64_t span, end;

	if (!__builtin_mul_overflow(stride, rows - 1, &span) &&
	    !__builtin_add_overflow(span, row_bytes, &span) &&
	    !__builtin_add_overflow(address, span, &end))
		return 0;
	return error_set(-EINVAL, "the rows of a strided copy reach past the address space");
}

/* Cards without strided copies, and rows above their limit, get plain copies. */
static int copy_strided_locked(struct accel_stream *stream,
			       const struct aci_desc_copy_strided *copy)
{
	uint64_t max = stream->context->device->copy_bytes_max;
	uint64_t part = max / copy->row_bytes, done = 0;
	int ret = 0;

	if (!part || !stream_takes(stream, ACI_OP_COPY_STRIDED)) {
		for (uint64_t row = 0; row < copy->rows && !ret; row++)
			ret = copy_locked(stream, copy->dst + row * copy->dst_stride,
					  copy->src + row * copy->src_stride, copy->row_bytes);
		return ret;
	}
	while (done < copy->rows && !ret) {
		uint64_t rows = min_u64(part, copy->rows - done);
		struct aci_desc desc = {
			.opcode = ACI_OP_COPY_STRIDED,
			.copy_strided = {
				.src = htole64(copy->src + done * copy->src_stride),
				.dst = htole64(copy->dst + done * copy->dst_stride),
				.src_stride = htole64(copy->src_stride),
				.dst_stride = htole64(copy->dst_stride),
				.row_bytes = htole64(copy->row_bytes),
				.rows = htole64(rows),
			},
		};

		ret = stream_command(stream, &desc);
		done += rows;
	}
	return ret;
}

int accel_stream_copy_strided(struct accel_stream *stream, uint64_t dst, uint64_t dst_stride,
			      uint64_t src, uint64_t src_stride, uint64_t row_bytes, uint64_t rows)
{
	/* In CPU order here; the descriptor is converted. */
	struct aci_desc_copy_strided copy = {
		.src = src, .dst = dst, .src_stride = src_stride, .dst_stride = dst_stride,
		.row_bytes = row_bytes, .rows = rows,
	};
	int ret;

	if (!stream)
		return error_set(-EINVAL, "stream must not be NULL");
	if (!row_bytes || !rows)
		return 0;
	if (rows > 1 && dst_stride < row_bytes)
		return error_set(-EINVAL, "destination rows of a strided copy overlap");
	ret = stream_check_opcode(stream, ACI_OP_COPY, "copies");
	if (!ret)
		ret = check_rows(dst, dst_stride, row_bytes, rows);
	if (!ret)
		ret = check_rows(src, src_stride, row_bytes, rows);
	if (ret)
		return ret;
	pthread_mutex_lock(&stream->lock);
	ret = copy_strided_locked(stream, &copy);
	pthread_mutex_unlock(&stream->lock);
	return ret;
}

static int fill_locked(struct accel_stream *stream, uint64_t dst, uint64_t bytes, uint64_t pattern,
		       uint32_t pattern_bytes)
{
	uint64_t max = stream->context->device->copy_bytes_max & ~7ull;
	int ret = 0;

	while (bytes && !ret) {
		uint64_t part = min_u64(bytes, max);
		struct aci_desc desc = {
			.opcode = ACI_OP_FILL,
			.fill = {
				.dst = htole64(dst),
				.bytes = htole64(part),
				.pattern = htole64(pattern),
				.pattern_bytes = htole32(pattern_bytes),
			},
		};

		ret = stream_command(stream, &desc);
		dst += part;
		bytes -= part;
	}
	return ret;
}

int accel_stream_fill(struct accel_stream *stream, uint64_t dst, uint64_t bytes, uint64_t pattern,
		      uint32_t pattern_bytes)
{
	int ret;

	if (!stream)
		return error_set(-EINVAL, "stream must not be NULL");
	if (pattern_bytes != 1 && pattern_bytes != 2 && pattern_bytes != 4 && pattern_bytes != 8)
		return error_set(-EINVAL, "a fill pattern has 1, 2, 4 or 8 bytes, not %u",
				 pattern_bytes);
	if (bytes % pattern_bytes)
		return error_set(-EINVAL, "a fill's size is not a multiple of its pattern");
	ret = stream_check_opcode(stream, ACI_OP_FILL, "fills");
	if (!ret)
		ret = check_end(dst, bytes);
	if (ret)
		return ret;
	pthread_mutex_lock(&stream->lock);
	ret = fill_locked(stream, dst, bytes, pattern, pattern_bytes);
	pthread_mutex_unlock(&stream->lock);
	return ret;
}

int accel_stream_timestamp(struct accel_stream *stream, uint64_t address)
{
	struct aci_desc desc = { .opcode = ACI_OP_TIMESTAMP,
				 .timestamp = { .addr = htole64(address) } };
	int ret;

	if (!stream)
		return error_set(-EINVAL, "stream must not be NULL");
	if (address % 8)
		return error_set(-EINVAL, "a timestamp's address must be a multiple of 8");
	ret = stream_check_opcode(stream, ACI_OP_TIMESTAMP, "timestamps");
	if (ret)
		return ret;
	pthread_mutex_lock(&stream->lock);
	ret = stream_command(stream, &desc);
	pthread_mutex_unlock(&stream->lock);
	return ret;
}

/* --- Between caller and buffer ---------------------------------------------------- */

/* Nothing of this stream is under way, so host memory may be touched directly and in order. */
static bool stream_is_idle(const struct accel_stream *stream)
{
	return !stream->batch_count && TAILQ_EMPTY(&stream->jobs);
}

static uint64_t chunk_bytes(const struct accel_stream *stream, uint64_t bytes)
{
	return min_u64(bytes,
		       min_u64(STAGING_CHUNK_BYTES, stream->context->device->copy_bytes_max));
}

static int upload_locked(struct accel_stream *stream, uint64_t dst, const void *src, uint64_t bytes)
{
	while (bytes) {
		uint64_t part = chunk_bytes(stream, bytes);
		struct staging_chunk chunk;
		int ret = stream_reserve(stream);

		if (!ret)
			ret = stream_stage(stream, part, &chunk);
		if (ret)
			return ret;
		memcpy(chunk.cpu, src, part);
		/* There is room for one descriptor. */
		copy_locked(stream, dst, chunk.address, part);
		dst += part;
		src = (const char *)src + part;
		bytes -= part;
	}
	return 0;
}

static int download_locked(struct accel_stream *stream, void *dst, uint64_t src, uint64_t bytes)
{
	while (bytes) {
		struct stream_download *download = malloc(sizeof(*download));
		uint64_t part = chunk_bytes(stream, bytes);
		struct staging_chunk chunk;
		int ret = download ? stream_reserve(stream) : error_set(-ENOMEM, "out of memory");

		if (!ret)
			ret = stream_stage(stream, part, &chunk);
		if (ret) {
			free(download);
			return ret;
		}
		copy_locked(stream, chunk.address, src, part);
		*download =
			(struct stream_download) { .dst = dst, .src = chunk.cpu, .bytes = part };
		STAILQ_INSERT_TAIL(&stream->downloads, download, link);
		src += part;
		dst = (char *)dst + part;
		bytes -= part;
	}
	return 0;
}

static int check_transfer(struct accel_stream *stream, struct accel_buffer *buffer,
			  const void *memory, uint64_t offset, uint64_t bytes)
{
	int ret;

	if (!stream || !buffer || (!memory && bytes))
		return error_set(-EINVAL, "no argument may be NULL");
	if (stream->context != buffer->context)
		return error_set(-EINVAL, "stream and buffer are not of the same context");
	ret = device_check_process(stream->context->device);
	return ret ? ret : buffer_check_range(buffer, offset, bytes);
}

static int check_writable(const struct accel_buffer *buffer)
{
	if (buffer->upload_address)
		return 0;
	return error_set(-EACCES, "the memory is registered read-only: only its owner writes it");
}

/* Which way @memory and a range of @buffer are copied. */
struct transfer {
	struct accel_buffer *buffer;
	uint64_t offset;
	void *memory;
	uint64_t bytes;
	bool upload;			/* from @memory */
};

static int transfer_by_cpu(const struct transfer *transfer)
{
	void *map;
	int ret = accel_buffer_map(transfer->buffer, &map);

	if (ret)
		return ret;
	map = (char *)map + transfer->offset;
	memcpy(transfer->upload ? map : transfer->memory,
	       transfer->upload ? transfer->memory : map, transfer->bytes);
	return 0;
}

static int transfer_by_card(struct accel_stream *stream, const struct transfer *transfer)
{
	struct accel_buffer *buffer = transfer->buffer;
	int ret = stream_check_opcode(stream, ACI_OP_COPY, "copies");

	if (ret)
		return ret;
	if (transfer->upload)
		return upload_locked(stream, buffer->upload_address + transfer->offset,
				     transfer->memory, transfer->bytes);
	return download_locked(stream, transfer->memory, buffer->address + transfer->offset,
			       transfer->bytes);
}

static int stream_transfer(struct accel_stream *stream, const struct transfer *transfer)
{
	int ret;

	pthread_mutex_lock(&stream->lock);
	if (stream->error)
		ret = stream_fail_text(stream);
	else if (transfer->buffer->placement == ACCEL_MEMORY_HOST && stream_is_idle(stream))
		ret = transfer_by_cpu(transfer);
	else
		ret = transfer_by_card(stream, transfer);
	pthread_mutex_unlock(&stream->lock);
	return ret;
}

int accel_stream_upload(struct accel_stream *stream, struct accel_buffer *dst, uint64_t offset,
			const void *src, uint64_t bytes)
{
	/* An upload only reads it. */
	struct transfer transfer = { dst, offset, (void *)(uintptr_t)src, bytes, true };
	int ret = check_transfer(stream, dst, src, offset, bytes);

	if (!ret)
		ret = check_writable(dst);
	return ret || !bytes ? ret : stream_transfer(stream, &transfer);
}

int accel_stream_download(struct accel_stream *stream, void *dst, struct accel_buffer *src,
			  uint64_t offset, uint64_t bytes)
{
	struct transfer transfer = { src, offset, dst, bytes, false };
	int ret = check_transfer(stream, src, dst, offset, bytes);

	return ret || !bytes ? ret : stream_transfer(stream, &transfer);
}

/* --- Between buffers -------------------------------------------------------------- */

static bool ranges_overlap(uint64_t a, uint64_t b, uint64_t bytes)
{
	return a < b ? b - a < bytes : a - b < bytes;
}

static int copy_inside_context(struct accel_stream *stream, struct accel_buffer *dst,
			       uint64_t dst_offset, struct accel_buffer *src, uint64_t src_offset,
			       uint64_t bytes)
{
	/* Not seen by the addresses: those of a READONLY buffer differ. */
	if (dst == src && ranges_overlap(dst_offset, src_offset, bytes))
		return error_set(-EINVAL, "source and destination of a copy overlap");
	return accel_stream_copy(stream, dst->upload_address + dst_offset,
				 src->address + src_offset, bytes);
}

static int copy_by_bounce(struct accel_stream *stream, struct accel_buffer *dst,
			  uint64_t dst_offset, struct accel_stream *reader,
			  struct accel_buffer *src, uint64_t src_offset, uint64_t bytes,
			  void *bounce)
{
	int ret = 0;

	for (uint64_t done = 0, part; done < bytes && !ret; done += part) {
		part = min_u64(bytes - done, BOUNCE_BYTES);
		ret = accel_stream_download(reader, bounce, src, src_offset + done, part);
		if (!ret)
			ret = accel_stream_synchronize(reader, ACCEL_WAIT_FOREVER);
		if (!ret)
			ret = accel_stream_upload(stream, dst, dst_offset + done, bounce, part);
	}
	return ret;
}

static int copy_from_context(struct accel_stream *stream, struct accel_buffer *dst,
			     uint64_t dst_offset, struct accel_buffer *src, uint64_t src_offset,
			     uint64_t bytes)
{
	static const struct accel_stream_options options = {
		.engine = ACCEL_ENGINE_COPY, .priority = ACCEL_PRIORITY_NORMAL,
	};
	struct accel_stream *reader;
	void *bounce;
	int ret = accel_stream_create(src->context, &options, &reader);

	if (ret)
		return ret;
	bounce = malloc(min_u64(bytes, BOUNCE_BYTES));
	ret = bounce ? copy_by_bounce(stream, dst, dst_offset, reader, src, src_offset, bytes,
				      bounce)
		     : error_set(-ENOMEM, "out of memory");
	/* First the stream: after a failure it may still name the memory. */
	accel_stream_destroy(reader);
	free(bounce);
	return ret;
}

int accel_stream_copy_buffer(struct accel_stream *stream, struct accel_buffer *dst,
			     uint64_t dst_offset, struct accel_buffer *src, uint64_t src_offset,
			     uint64_t bytes)
{
	int ret;

	if (!src)
		return error_set(-EINVAL, "no argument may be NULL");
	ret = check_transfer(stream, dst, src, dst_offset, bytes);
	if (!ret)
		ret = check_writable(dst);
	if (!ret)
		ret = buffer_check_range(src, src_offset, bytes);
	if (ret || !bytes)
		return ret;
	if (src->context == dst->context)
		return copy_inside_context(stream, dst, dst_offset, src, src_offset, bytes);
	return copy_from_context(stream, dst, dst_offset, src, src_offset, bytes);
}
