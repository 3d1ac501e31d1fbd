// SPDX-License-Identifier: MIT
#include <stdlib.h>

#include "context.h"
#include "error.h"

void context_get(struct accel_context *context)
{
	pthread_mutex_lock(&context->lock);
	context->users++;
	pthread_mutex_unlock(&context->lock);
}

void context_put(struct accel_context *context)
{
	pthread_mutex_lock(&context->lock);
	context->users--;
	pthread_mutex_unlock(&context->lock);
}

static int context_init(struct accel_context *context)
{
	struct accel_device *device = context->device;
	struct drm_aci_query_vm state = { 0 };
	struct transport *transport;
	int ret;

	if (va_init(&context->va, device->facts.va_start, device->facts.va_end))
		return error_set(-ENOMEM, "out of memory");
	transport = device_get_transport(device);
	ret = transport->ops->vm_create(transport, context->user_queues, &context->vm_id);
	if (ret) {
		device_put_transport(transport);
		va_fini(&context->va);
		return ret;
	}
	context->transport = transport;
	/* An old driver does not tell: then a loss of memory is not noticed. */
	transport->ops->vm_query(transport, context->vm_id, &state);
	context->generation = state.reset_generation;
	LIST_INIT(&context->buffers);
	LIST_INIT(&context->streams);
	LIST_INIT(&context->programs);
	LIST_INIT(&context->models);
	pthread_mutex_init(&context->lock, NULL);
	fence_pool_init(&context->fences, context);
	return 0;
}

int accel_context_create_flags(struct accel_device *device, uint32_t flags,
			       struct accel_context **out)
{
	struct accel_context *context;
	int ret;

	if (!device || !out)
		return error_set(-EINVAL, "device and context must not be NULL");
	*out = NULL;
	if (flags & ~(uint32_t)ACCEL_CONTEXT_KERNEL_QUEUES)
		return error_set(-EINVAL, "unknown context flags 0x%x", flags);
	ret = device_check_process(device);
	if (ret)
		return ret;
	context = calloc(1, sizeof(*context));
	if (!context)
		return error_set(-ENOMEM, "out of memory");
	context->device = device;
	context->user_queues = !(flags & ACCEL_CONTEXT_KERNEL_QUEUES) &&
			       device_takes_user_queues(device);
	ret = context_init(context);
	if (ret) {
		free(context);
		return ret;
	}
	*out = context;
	return 0;
}

int accel_context_create(struct accel_device *device, struct accel_context **out)
{
	return accel_context_create_flags(device, 0, out);
}

bool accel_context_has_user_queues(const struct accel_context *context)
{
	return context && context->user_queues;
}

void accel_context_destroy(struct accel_context *context)
{
	struct transport *transport;

	if (!context || device_is_inherited(context->device))
		return;
	if (context->users) {
		/* Freeing what others still point to would be worse than a leak. */
		error_set(-EBUSY,
			  "the context still has %u buffers, streams or events: it is leaked",
			  context->users);
		return;
	}
	fence_pool_fini(&context->fences);
	transport = context_transport(context);
	transport->ops->vm_destroy(transport, context->vm_id);
	device_put_transport(transport);
	va_fini(&context->va);
	pthread_mutex_destroy(&context->lock);
	free(context);
}
