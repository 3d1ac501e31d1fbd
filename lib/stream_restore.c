// SPDX-License-Identifier: MIT
/* Streams that lose their queue: at their end, or to get another one. */
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "stream.h"

/*
 * Waiters see a closed stream, return, and must be out before the queue goes.
 * What had ended keeps its result; what is left was cancelled.
 */
void stream_detach(struct accel_stream *stream)
{
	pthread_mutex_lock(&stream->lock);
	if (!stream->queue)
		goto out;
	stream_settle_ended(stream);
	stream->closed = true;
	pthread_mutex_unlock(&stream->lock);
	stream_ops(stream)->cancel(stream->queue);
	pthread_mutex_lock(&stream->lock);
	while (stream->pins)
		pthread_cond_wait(&stream->unpinned, &stream->lock);
	stream_drop_work(stream);
	fence_put(&stream->context->fences, &stream->fence);
	stream_ops(stream)->free(stream->queue);
	stream->queue = NULL;
out:
	pthread_mutex_unlock(&stream->lock);
}

void stream_suspend(struct accel_stream *stream)
{
	stream_detach(stream);
	pthread_mutex_lock(&stream->lock);
	if (!stream->error)
		stream->error = -ECANCELED;
	if (stream->loss == ACCEL_LOSS_NONE)
		stream_set_loss(stream, ACCEL_LOSS_WORK);
	pthread_mutex_unlock(&stream->lock);
}

int stream_find_gap(const struct accel_stream *stream, uint64_t point)
{
	for (uint32_t i = 0; i < stream->gap_count; i++)
		if (point > stream->gaps[i].after && point <= stream->gaps[i].upto)
			return error_set(stream->gaps[i].error,
					 "%s: the work was lost before the context was restored",
					 stream->context->device->info.name);
	return 0;
}

static int stream_add_gap(struct accel_stream *stream)
{
	struct stream_gap *gaps;

	if (stream->good == stream->submitted)
		return 0;
	gaps = reallocarray(stream->gaps, stream->gap_count + 1, sizeof(*gaps));
	if (!gaps)
		return error_set(-ENOMEM, "out of memory");
	gaps[stream->gap_count++] = (struct stream_gap) {
		.after = stream->good,
		.upto = stream->submitted,
		.error = stream->error ? stream->error : -ECANCELED,
	};
	stream->gaps = gaps;
	return 0;
}

static int stream_attach_locked(struct accel_stream *stream)
{
	struct transport_queue *queue;
	int ret;

	stream->options.vm_id = stream->context->vm_id;
	ret = stream_create_queue(stream->context, &stream->options, &queue);
	if (ret)
		return ret;
	ret = stream_add_gap(stream);
	if (ret) {
		queue->ops->cancel(queue);
		queue->ops->free(queue);
		return ret;
	}
	stream->queue = queue;
	stream->point_base = stream->signalled = stream->submitted;
	stream->settled = stream->good = stream->submitted;
	stream->desc_base = stream->submitted_descs;
	stream->batch_count = 0;
	stream_set_loss(stream, ACCEL_LOSS_NONE);
	stream->error = 0;
	stream->refused = false;
	stream->status = 0;
	stream->closed = false;
	return staging_restore(&stream->staging);
}

int stream_attach(struct accel_stream *stream)
{
	int ret;

	pthread_mutex_lock(&stream->lock);
	stream_drop_downloads(stream);
	ret = stream_attach_locked(stream);
	pthread_mutex_unlock(&stream->lock);
	return ret;
}
