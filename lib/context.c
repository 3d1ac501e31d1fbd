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

int accel_context_create(struct accel_device *device, struct accel_context **out)
{
	struct accel_context *context;
	int ret;

	if (!device || !out)
		return error_set(-EINVAL, "device and context must not be NULL");
	*out = NULL;
	context = calloc(1, sizeof(*context));
	if (!context || va_init(&context->va, device->facts.va_start, device->facts.va_end)) {
		free(context);
		return error_set(-ENOMEM, "out of memory");
	}
	context->device = device;
	ret = device->transport->ops->vm_create(device->transport, &context->vm_id);
	if (ret) {
		va_fini(&context->va);
		free(context);
		return ret;
	}
	pthread_mutex_init(&context->lock, NULL);
	*out = context;
	return 0;
}

void accel_context_destroy(struct accel_context *context)
{
	struct transport *transport;

	if (!context)
		return;
	if (context->users) {
		/* Freeing what others still point to would be worse than a leak. */
		error_set(-EBUSY,
			  "the context still has %u buffers, streams or events: it is leaked",
			  context->users);
		return;
	}
	transport = context_transport(context);
	transport->ops->vm_destroy(transport, context->vm_id);
	va_fini(&context->va);
	pthread_mutex_destroy(&context->lock);
	free(context);
}
