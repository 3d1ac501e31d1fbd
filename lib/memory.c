// SPDX-License-Identifier: MIT
/* Buffers: memory of host or card at a stable card address. */
#include <stdlib.h>

#include "context.h"
#include "error.h"

/*
 * One page behind each buffer stays unmapped: reaching past the end faults, it does not hit a
 * neighbour.
 */
#define GUARD_BYTES	PAGE_BYTES

static int buffer_map_at_new_address(struct accel_buffer *buffer, bool readonly, uint64_t *address)
{
	struct accel_context *context = buffer->context;
	struct transport *transport = context_transport(context);
	uint64_t align = buffer->bo->bytes >= LEAF_BYTES ? LEAF_BYTES : PAGE_BYTES;
	int ret;

	pthread_mutex_lock(&context->lock);
	ret = va_alloc(&context->va, buffer->bo->bytes + GUARD_BYTES, align, NULL, address);
	pthread_mutex_unlock(&context->lock);
	if (ret)
		return error_set(ret, ret == -ENOSPC ? "no card addresses are left in this context"
						     : "out of memory");
	ret = transport->ops->vm_map(transport, context->vm_id, buffer->bo, *address, readonly);
	if (ret) {
		pthread_mutex_lock(&context->lock);
		va_free(&context->va, *address, buffer->bo->bytes + GUARD_BYTES);
		pthread_mutex_unlock(&context->lock);
	}
	return ret;
}

static void buffer_unmap_from(struct accel_buffer *buffer, uint64_t address)
{
	struct accel_context *context = buffer->context;
	struct transport *transport = context_transport(context);

	transport->ops->vm_unmap(transport, context->vm_id, buffer->bo, address);
	pthread_mutex_lock(&context->lock);
	va_free(&context->va, address, buffer->bo->bytes + GUARD_BYTES);
	pthread_mutex_unlock(&context->lock);
}

static void buffer_unbind(struct accel_buffer *buffer)
{
	if (buffer->upload_address && buffer->upload_address != buffer->address)
		buffer_unmap_from(buffer, buffer->upload_address);
	buffer_unmap_from(buffer, buffer->address - buffer->lead_bytes);
}

static int buffer_bind(struct accel_buffer *buffer)
{
	bool readonly = buffer->flags & ACCEL_BUFFER_READONLY;
	uint64_t address;
	int ret = buffer_map_at_new_address(buffer, readonly, &address);

	if (ret)
		return ret;
	buffer->address = address + buffer->lead_bytes;
	buffer->upload_address = readonly ? 0 : buffer->address;
	if (!readonly || buffer->is_registered)
		return 0;
	ret = buffer_map_at_new_address(buffer, false, &buffer->upload_address);
	if (ret)
		buffer_unmap_from(buffer, address);
	return ret;
}

static int buffer_check(uint64_t bytes, enum accel_placement placement, uint32_t flags)
{
	if (!bytes || bytes > 1ull << 46)
		return error_set(-EINVAL, "a buffer of %llu bytes is not possible",
				 (unsigned long long)bytes);
	if (placement != ACCEL_MEMORY_HOST && placement != ACCEL_MEMORY_CARD)
		return error_set(-EINVAL, "unknown placement %d", (int)placement);
	if (flags & ~(uint32_t)(ACCEL_BUFFER_READONLY | ACCEL_BUFFER_MAPPABLE))
		return error_set(-EINVAL, "unknown buffer flags 0x%x", flags);
	return 0;
}

/* The transport's error says what it tried; for a full card the figures matter. */
static int buffer_explain(struct accel_context *context, int error, uint64_t bytes)
{
	uint64_t total, available;

	if (error != -ENOSPC || accel_memory_get_info(context->device, &total, &available))
		return error;
	return error_set(-ENOSPC, "card memory is full: %llu bytes asked for, %llu of %llu free",
			 (unsigned long long)bytes, (unsigned long long)available,
			 (unsigned long long)total);
}

int buffer_new(struct accel_context *context, struct accel_buffer **out)
{
	struct accel_buffer *buffer;
	int ret = device_check_process(context->device);

	if (ret)
		return ret;
	buffer = calloc(1, sizeof(*buffer));
	if (!buffer)
		return error_set(-ENOMEM, "out of memory");
	buffer->context = context;
	*out = buffer;
	return 0;
}

int buffer_publish(struct accel_buffer *buffer, struct accel_buffer **out)
{
	struct accel_context *context = buffer->context;
	int ret = buffer_bind(buffer);

	if (ret) {
		context_transport(context)->ops->bo_destroy(buffer->bo);
		free(buffer);
		return ret;
	}
	pthread_mutex_init(&buffer->map_lock, NULL);
	pthread_mutex_lock(&context->lock);
	context->users++;
	LIST_INSERT_HEAD(&context->buffers, buffer, link);
	pthread_mutex_unlock(&context->lock);
	*out = buffer;
	return 0;
}

int accel_buffer_create(struct accel_context *context, uint64_t bytes,
			enum accel_placement placement, uint32_t flags, struct accel_buffer **out)
{
	struct transport *transport;
	struct accel_buffer *buffer;
	int ret;

	if (!context || !out)
		return error_set(-EINVAL, "context and buffer must not be NULL");
	*out = NULL;
	ret = buffer_check(bytes, placement, flags);
	if (!ret)
		ret = buffer_new(context, &buffer);
	if (ret)
		return ret;
	transport = context_transport(context);
	buffer->bytes = bytes;
	buffer->placement = placement;
	buffer->flags = flags;
	ret = transport->ops->bo_create(transport,
					(bytes + PAGE_BYTES - 1) & ~(uint64_t)(PAGE_BYTES - 1),
					placement, flags & ACCEL_BUFFER_MAPPABLE, &buffer->bo);
	if (ret) {
		ret = buffer_explain(context, ret, bytes);
		goto err_free;
	}
	return buffer_publish(buffer, out);

err_free:
	free(buffer);
	return ret;
}

void accel_buffer_destroy(struct accel_buffer *buffer)
{
	struct accel_context *context;

	if (!buffer || device_is_inherited(buffer->context->device))
		return;
	context = buffer->context;
	pthread_mutex_lock(&context->lock);
	LIST_REMOVE(buffer, link);
	pthread_mutex_unlock(&context->lock);
	buffer_unbind(buffer);
	context_transport(context)->ops->bo_destroy(buffer->bo);
	pthread_mutex_destroy(&buffer->map_lock);
	free(buffer);
	context_put(context);
}

uint64_t accel_buffer_address(const struct accel_buffer *buffer)
{
	return buffer ? buffer->address : 0;
}

uint64_t accel_buffer_bytes(const struct accel_buffer *buffer)
{
	return buffer ? buffer->bytes : 0;
}

int accel_buffer_map(struct accel_buffer *buffer, void **pointer)
{
	int ret = 0;

	if (!buffer || !pointer)
		return error_set(-EINVAL, "buffer and pointer must not be NULL");
	if (buffer->placement == ACCEL_MEMORY_CARD && !(buffer->flags & ACCEL_BUFFER_MAPPABLE))
		return error_set(
			-EACCES,
			"not mappable: create the buffer with ACCEL_BUFFER_MAPPABLE");
	ret = device_check_process(buffer->context->device);
	if (ret)
		return ret;
	pthread_mutex_lock(&buffer->map_lock);
	if (!buffer->map)
		ret = context_transport(buffer->context)->ops->bo_map(buffer->bo, &buffer->map);
	*pointer = buffer->map;
	pthread_mutex_unlock(&buffer->map_lock);
	return ret;
}

int buffer_check_range(const struct accel_buffer *buffer, uint64_t offset, uint64_t bytes)
{
	if (offset <= buffer->bytes && bytes <= buffer->bytes - offset)
		return 0;
	return error_set(-EINVAL,
			 "range of %llu bytes at %llu is not inside the buffer of %llu bytes",
			 (unsigned long long)bytes, (unsigned long long)offset,
			 (unsigned long long)buffer->bytes);
}

/* --- dma-buf ---------------------------------------------------------------------- */

static int check_dmabuf(const struct transport *transport)
{
	if (transport->ops->bo_export)
		return 0;
	return error_set(-ENOTSUP, "a virtual card in this process has no dma-bufs");
}

int accel_buffer_export_dmabuf(struct accel_buffer *buffer, int *fd)
{
	struct transport *transport;
	int ret;

	if (!buffer || !fd)
		return error_set(-EINVAL, "buffer and fd must not be NULL");
	*fd = -1;
	transport = context_transport(buffer->context);
	ret = check_dmabuf(transport);
	if (!ret)
		ret = device_check_process(buffer->context->device);
	if (!ret && buffer->is_registered)
		ret = error_set(-EOPNOTSUPP, "registered memory is the caller's: no dma-buf of it");
	return ret ? ret : transport->ops->bo_export(buffer->bo, fd);
}

int accel_buffer_import_dmabuf(struct accel_context *context, int fd, struct accel_buffer **out)
{
	struct transport *transport;
	struct accel_buffer *buffer;
	int ret;

	if (!context || !out)
		return error_set(-EINVAL, "context and buffer must not be NULL");
	*out = NULL;
	transport = context_transport(context);
	ret = check_dmabuf(transport);
	if (!ret)
		ret = buffer_new(context, &buffer);
	if (ret)
		return ret;
	/* Where it is nobody tells: by the card it is always reached, by the CPU perhaps. */
	buffer->placement = ACCEL_MEMORY_CARD;
	buffer->flags = ACCEL_BUFFER_MAPPABLE;
	buffer->is_imported = true;
	ret = transport->ops->bo_import(transport, fd, &buffer->bo);
	if (ret)
		goto err_free;
	buffer->bytes = buffer->bo->bytes;
	return buffer_publish(buffer, out);

err_free:
	free(buffer);
	return ret;
}
