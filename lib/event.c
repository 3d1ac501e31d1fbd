// SPDX-License-Identifier: MIT
/* Events: points in streams. An event keeps its stream's memory, not its queue. */
#include <endian.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "error.h"
#include "stream.h"

/* Locking: event->lock covers stream and point; it is a leaf. */
struct accel_event {
	struct accel_context *context;
	pthread_mutex_t lock;
	struct accel_stream *stream;	/* NULL: never recorded */
	uint64_t point;
};

int accel_event_create(struct accel_context *context, struct accel_event **out)
{
	struct accel_event *event;

	if (!context || !out)
		return error_set(-EINVAL, "context and event must not be NULL");
	*out = NULL;
	event = calloc(1, sizeof(*event));
	if (!event)
		return error_set(-ENOMEM, "out of memory");
	event->context = context;
	pthread_mutex_init(&event->lock, NULL);
	context_get(context);
	*out = event;
	return 0;
}

void accel_event_destroy(struct accel_event *event)
{
	struct accel_context *context;

	if (!event || device_is_inherited(event->context->device))
		return;
	context = event->context;
	stream_unref(event->stream);
	pthread_mutex_destroy(&event->lock);
	free(event);
	context_put(context);
}

/* The stream, referenced. -EINVAL: never recorded. */
static int event_get(struct accel_event *event, struct accel_stream **stream, uint64_t *point)
{
	int ret = device_check_process(event->context->device);

	if (ret)
		return ret;
	pthread_mutex_lock(&event->lock);
	*stream = event->stream;
	*point = event->point;
	if (*stream)
		stream_ref(*stream);
	pthread_mutex_unlock(&event->lock);
	return *stream ? 0 : error_set(-EINVAL, "the event was never recorded");
}

int accel_stream_record(struct accel_stream *stream, struct accel_event *event)
{
	struct accel_stream *before;
	uint64_t point;
	int ret;

	if (!stream || !event)
		return error_set(-EINVAL, "stream and event must not be NULL");
	if (stream->context != event->context)
		return error_set(-EINVAL, "stream and event are not of the same context");
	ret = device_check_process(stream->context->device);
	if (ret)
		return ret;
	pthread_mutex_lock(&stream->lock);
	ret = stream_mark(stream);
	point = stream->submitted;
	pthread_mutex_unlock(&stream->lock);
	if (ret)
		return ret;
	stream_ref(stream);
	pthread_mutex_lock(&event->lock);
	before = event->stream;
	event->stream = stream;
	event->point = point;
	pthread_mutex_unlock(&event->lock);
	stream_unref(before);
	return 0;
}

int accel_event_wait(struct accel_event *event, uint64_t timeout_ns)
{
	struct accel_stream *stream;
	uint64_t point;
	int ret;

	if (!event)
		return error_set(-EINVAL, "event must not be NULL");
	ret = event_get(event, &stream, &point);
	if (ret)
		return ret;
	ret = stream_wait(stream, point, timeout_ns);
	stream_unref(stream);
	return ret;
}

/* Arm @fd for the event, or count it up at once if there is nothing to wait for. */
static int event_arm_fd(struct accel_stream *stream, uint64_t point, int fd)
{
	uint64_t one = 1;
	int ret;

	if (point && stream_pin(stream)) {
		uint64_t in_queue = stream_queue_point(stream, point);

		ret = in_queue ? stream_ops(stream)->notify_fd(stream->queue, in_queue, fd) : 0;
		stream_unpin(stream);
		if (in_queue)
			return ret;
	}
	return write(fd, &one, sizeof(one)) == sizeof(one)
		       ? 0
		       : error_set(-errno, "eventfd: %s", strerror(errno));
}

int event_notify_fd(struct accel_event *event, int fd)
{
	struct accel_stream *stream;
	uint64_t point;
	int ret = event_get(event, &stream, &point);

	if (ret)
		return ret;
	ret = event_arm_fd(stream, point, fd);
	stream_unref(stream);
	return ret;
}

int accel_event_get_fd(struct accel_event *event, int *out)
{
	struct accel_stream *stream;
	uint64_t point;
	int fd, ret;

	if (!event || !out)
		return error_set(-EINVAL, "event and fd must not be NULL");
	*out = -1;
	ret = event_get(event, &stream, &point);
	if (ret)
		return ret;
	fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	ret = fd < 0 ? error_set(-errno, "eventfd: %s", strerror(errno))
		     : event_arm_fd(stream, point, fd);
	stream_unref(stream);
	if (ret) {
		if (fd >= 0)
			close(fd);
		return ret;
	}
	*out = fd;
	return 0;
}

/* By the queues: the wait is a job of its own, since what is in the batch must not wait. */
static int wait_by_queue(struct accel_stream *stream, struct accel_stream *other, uint64_t point)
{
	struct transport_wait wait = {
		.queue = other->queue, .point = stream_queue_point(other, point),
	};
	struct aci_desc nop = { .opcode = ACI_OP_NOP };
	int ret;

	pthread_mutex_lock(&stream->lock);
	ret = stream->error ? stream_fail_text(stream) : stream_flush(stream);
	if (!ret)
		ret = stream_submit(stream, &nop, 1, &wait, 1);
	pthread_mutex_unlock(&stream->lock);
	return ret;
}

/* By memory: recording the event put a SIGNAL behind the work. */
static int wait_by_fence(struct accel_stream *stream, struct accel_stream *other, uint64_t point)
{
	struct aci_desc desc = {
		.opcode = ACI_OP_WAIT,
		.wait = {
			.addr = htole64(other->fence.address),
			.value = htole64(other->fence.base + stream_queue_point(other, point)),
		},
	};
	int ret;

	if (fence_is_reached(&other->fence, stream_queue_point(other, point)))
		return 0;
	ret = fence_watch(&stream->context->fences, &other->fence, other->queue);
	if (ret)
		return ret;
	pthread_mutex_lock(&stream->lock);
	ret = stream_command(stream, &desc);
	pthread_mutex_unlock(&stream->lock);
	return ret;
}

int accel_stream_wait_event(struct accel_stream *stream, struct accel_event *event)
{
	struct accel_stream *other;
	uint64_t point;
	int ret;

	if (!stream || !event)
		return error_set(-EINVAL, "stream and event must not be NULL");
	if (stream->context != event->context)
		return error_set(-EINVAL, "stream and event are not of the same context");
	ret = event_get(event, &other, &point);
	if (ret)
		return ret;
	/* A stream is in order; and of a destroyed one nothing runs any more. */
	if (other != stream && point && stream_pin(other)) {
		if (stream_queue_point(other, point))
			ret = stream->context->user_queues ? wait_by_fence(stream, other, point)
							   : wait_by_queue(stream, other, point);
		stream_unpin(other);
	}
	stream_unref(other);
	return ret;
}
