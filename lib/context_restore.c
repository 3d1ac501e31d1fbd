// SPDX-License-Identifier: MIT
/*
 * Contexts that have lost something, and how they get it back: a VM on a card
 * that works, memory at the same card addresses, queues for the streams, and
 * the contents that this side still has.
 *
 * Nobody else uses the context meanwhile. Until all memory is there again
 * nothing of the old is given up, so that a failed restore can be repeated.
 */
#include "error.h"
#include "model.h"
#include "stream.h"

/* --- What was lost ---------------------------------------------------------------- */

bool context_memory_is_lost(struct accel_context *context)
{
	struct transport *transport = context_transport(context);
	struct drm_aci_query_vm state;

	/* The flag stays: what came back since then may have been lost again. */
	return !transport->ops->vm_query(transport, context->vm_id, &state) &&
	       state.flags & DRM_ACI_VM_LOST && state.reset_generation != context->generation;
}

static enum accel_loss context_find_memory_loss(struct accel_context *context)
{
	if (device_is_gone(context_transport(context)))
		return ACCEL_LOSS_CARD;
	return context_memory_is_lost(context) ? ACCEL_LOSS_MEMORY : ACCEL_LOSS_NONE;
}

enum accel_loss context_find_loss(struct accel_context *context)
{
	enum accel_loss loss = context_find_memory_loss(context);
	struct accel_stream *stream;

	pthread_mutex_lock(&context->lock);
	LIST_FOREACH(stream, &context->streams, link)
		if (loss == ACCEL_LOSS_NONE && stream_get_loss(stream) != ACCEL_LOSS_NONE)
			loss = ACCEL_LOSS_WORK;
	if (loss < ACCEL_LOSS_MEMORY && context->contents_lost)
		loss = ACCEL_LOSS_MEMORY;
	pthread_mutex_unlock(&context->lock);
	return loss;
}

int accel_context_get_loss(struct accel_context *context, enum accel_loss *loss)
{
	int ret;

	if (!context || !loss)
		return error_set(-EINVAL, "context and loss must not be NULL");
	ret = device_check_process(context->device);
	if (!ret)
		*loss = context_find_loss(context);
	return ret;
}

/* --- Memory on another transport -------------------------------------------------- */

/** struct restore - where a context goes */
struct restore {
	struct accel_context *context;
	struct accel_device *device;
	struct transport *transport;	/* referenced */
	uint32_t vm_id;
};

static uint64_t buffer_start(const struct accel_buffer *buffer)
{
	return buffer->address - buffer->lead_bytes;
}

static bool buffer_has_alias(const struct accel_buffer *buffer)
{
	return buffer->upload_address && buffer->upload_address != buffer->address;
}

static int buffer_make_next(const struct restore *restore, struct accel_buffer *buffer)
{
	const struct transport_ops *ops = restore->transport->ops;

	if (buffer->is_imported)
		return error_set(-EOPNOTSUPP, "a buffer is imported memory of the lost card: "
				 "destroy it first");
	if (buffer->is_registered)
		return ops->bo_register(restore->transport,
					(char *)buffer->map - buffer->lead_bytes, buffer->bo->bytes,
					buffer->flags & ACCEL_BUFFER_READONLY, &buffer->next_bo);
	return ops->bo_create(restore->transport, buffer->bo->bytes, buffer->placement,
			      buffer->flags & ACCEL_BUFFER_MAPPABLE, &buffer->next_bo);
}

static int buffer_map_next(const struct restore *restore, struct accel_buffer *buffer)
{
	const struct transport_ops *ops = restore->transport->ops;
	bool readonly = buffer->flags & ACCEL_BUFFER_READONLY;
	int ret = ops->vm_map(restore->transport, restore->vm_id, buffer->next_bo,
			      buffer_start(buffer), readonly);

	if (!ret && buffer_has_alias(buffer))
		ret = ops->vm_map(restore->transport, restore->vm_id, buffer->next_bo,
				  buffer->upload_address, false);
	buffer->next_map = NULL;
	if (buffer->is_registered)
		buffer->next_map = buffer->map;
	else if (!ret && buffer->map)
		ret = ops->bo_map(buffer->next_bo, &buffer->next_map);
	return ret;
}

/* The VM is destroyed with what is still mapped in it: first, so that memory is free of it. */
static void restore_undo_memory(const struct restore *restore)
{
	struct accel_buffer *buffer;

	restore->transport->ops->vm_destroy(restore->transport, restore->vm_id);
	LIST_FOREACH(buffer, &restore->context->buffers, link) {
		if (buffer->next_bo)
			restore->transport->ops->bo_destroy(buffer->next_bo);
		buffer->next_bo = NULL;
	}
}

static int restore_make_memory(const struct restore *restore)
{
	struct accel_buffer *buffer;
	int ret = 0;

	LIST_FOREACH(buffer, &restore->context->buffers, link)
		buffer->next_bo = NULL;
	LIST_FOREACH(buffer, &restore->context->buffers, link) {
		ret = buffer_make_next(restore, buffer);
		if (!ret)
			ret = buffer_map_next(restore, buffer);
		if (ret)
			break;
	}
	if (ret)
		restore_undo_memory(restore);
	return ret;
}

/* From here on the old transport is not used any more. */
static void restore_switch(const struct restore *restore)
{
	struct accel_context *context = restore->context;
	struct transport *old = context->transport;
	struct accel_buffer *buffer;

	old->ops->vm_destroy(old, context->vm_id);
	LIST_FOREACH(buffer, &context->buffers, link) {
		old->ops->bo_destroy(buffer->bo);
		buffer->bo = buffer->next_bo;
		buffer->map = buffer->next_map;
		buffer->next_bo = NULL;
	}
	context->device = restore->device;
	context->transport = restore->transport;
	context->vm_id = restore->vm_id;
	device_put_transport(old);
}

static int restore_move(struct accel_context *context, struct accel_device *device)
{
	struct restore restore = { .context = context, .device = device };
	int ret;

	restore.transport = device_get_transport(device);
	ret = restore.transport->ops->vm_create(restore.transport, context->user_queues,
						&restore.vm_id);
	if (!ret)
		ret = restore_make_memory(&restore);
	if (ret) {
		device_put_transport(restore.transport);
		return ret;
	}
	restore_switch(&restore);
	return fence_pool_restore(&context->fences);
}

/* --- Contents --------------------------------------------------------------------- */

static int restore_upload(struct accel_context *context, struct accel_stream *stream)
{
	struct accel_program *program;
	struct accel_model *model;
	int ret = 0;

	LIST_FOREACH(program, &context->programs, link)
		ret = ret ? ret : program_reload(program, stream);
	LIST_FOREACH(model, &context->models, link)
		ret = ret ? ret : model_reload(model, stream);
	return ret ? ret : accel_stream_synchronize(stream, ACCEL_WAIT_FOREVER);
}

static int restore_contents(struct accel_context *context)
{
	struct accel_stream_options options = {
		.engine = ACCEL_ENGINE_COMPUTE, .priority = ACCEL_PRIORITY_NORMAL,
	};
	struct accel_stream *stream;
	int ret;

	if (LIST_EMPTY(&context->programs) && LIST_EMPTY(&context->models))
		return 0;
	ret = accel_stream_create(context, &options, &stream);
	if (ret)
		return ret;
	ret = restore_upload(context, stream);
	accel_stream_destroy(stream);
	return ret;
}

/* --- Restore ---------------------------------------------------------------------- */

/* With the card or its memory all of them, else those that have failed by the loss. */
static void restore_suspend(struct accel_context *context, enum accel_loss loss)
{
	struct accel_stream *stream;

	LIST_FOREACH(stream, &context->streams, link)
		if (loss >= ACCEL_LOSS_MEMORY || stream_get_loss(stream) != ACCEL_LOSS_NONE)
			stream_suspend(stream);
}

static int restore_attach(struct accel_context *context)
{
	struct accel_stream *stream;
	int ret = 0;

	LIST_FOREACH(stream, &context->streams, link)
		if (!ret && !stream->queue)
			ret = stream_attach(stream);
	return ret;
}

static void restore_note_generation(struct accel_context *context)
{
	struct transport *transport = context_transport(context);
	struct drm_aci_query_vm state;

	if (!transport->ops->vm_query(transport, context->vm_id, &state))
		context->generation = state.reset_generation;
}

int context_restore(struct accel_context *context, struct accel_device *device)
{
	enum accel_loss loss = context_find_loss(context);
	int ret = 0;

	if (device != context->device) {
		ret = device_check_like(context->device, device);
		loss = ACCEL_LOSS_CARD;
	} else if (loss == ACCEL_LOSS_CARD) {
		ret = device_reopen(device);
	}
	if (ret)
		return ret;
	restore_suspend(context, loss);
	if (loss >= ACCEL_LOSS_MEMORY)
		context->contents_lost = true;
	/* Before what is restored: a loss that comes meanwhile is a new one. */
	if (loss == ACCEL_LOSS_CARD)
		ret = restore_move(context, device);
	if (!ret)
		restore_note_generation(context);
	if (!ret)
		ret = restore_attach(context);
	if (!ret && context->contents_lost)
		ret = restore_contents(context);
	if (!ret)
		context->contents_lost = false;
	return ret;
}

int accel_context_restore(struct accel_context *context, struct accel_device *device)
{
	int ret;

	if (!context)
		return error_set(-EINVAL, "context must not be NULL");
	ret = device_check_process(context->device);
	return ret ? ret : context_restore(context, device ? device : context->device);
}
