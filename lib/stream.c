// SPDX-License-Identifier: MIT
/* Streams: life, jobs, and how they end. */
#include <endian.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "stream.h"

#define RING_ENTRIES_DEFAULT	256u
#define RING_ENTRIES_MIN	64u

/* --- References ------------------------------------------------------------------- */

void stream_ref(struct accel_stream *stream)
{
	__atomic_fetch_add(&stream->refs, 1, __ATOMIC_RELAXED);
}

void stream_unref(struct accel_stream *stream)
{
	if (!stream || __atomic_sub_fetch(&stream->refs, 1, __ATOMIC_ACQ_REL))
		return;
	pthread_mutex_destroy(&stream->lock);
	pthread_cond_destroy(&stream->unpinned);
	free(stream->gaps);
	free(stream);
}

uint64_t stream_queue_point(const struct accel_stream *stream, uint64_t point)
{
	return point > stream->point_base ? point - stream->point_base : 0;
}

static void stream_pin_locked(struct accel_stream *stream)
{
	stream->pins++;
}

static void stream_unpin_locked(struct accel_stream *stream)
{
	if (!--stream->pins)
		pthread_cond_broadcast(&stream->unpinned);
}

bool stream_pin(struct accel_stream *stream)
{
	bool open;

	pthread_mutex_lock(&stream->lock);
	open = !stream->closed;
	if (open)
		stream_pin_locked(stream);
	pthread_mutex_unlock(&stream->lock);
	return open;
}

void stream_unpin(struct accel_stream *stream)
{
	pthread_mutex_lock(&stream->lock);
	stream_unpin_locked(stream);
	pthread_mutex_unlock(&stream->lock);
}

/* --- How jobs end ----------------------------------------------------------------- */

int stream_fail_text(struct accel_stream *stream)
{
	const char *name = stream->context->device->info.name;

	if (!stream->status)
		return error_set(stream->error, "%s: the stream failed: %s", name,
				 strerror(-stream->error));
	if (stream->status == ACI_STATUS_PAGE_FAULT)
		return error_set(stream->error, "%s: the stream failed at its descriptor %" PRIu64
				 ": %s (address 0x%" PRIx64 ")", name, stream->error_index,
				 accel_status_text(stream->status), stream->error_info);
	if (stream->status >= ACI_STATUS_PROG_HEADER)
		return error_set(stream->error, "%s: the stream failed at its descriptor %" PRIu64
				 ": %s (operation %u)", name, stream->error_index,
				 accel_status_text(stream->status), (uint32_t)stream->error_info);
	return error_set(stream->error, "%s: the stream failed at its descriptor %" PRIu64 ": %s",
			 name, stream->error_index, accel_status_text(stream->status));
}

/* What a job in the queue did counts more than that a later one was not taken. */
static bool stream_has_failed(const struct accel_stream *stream)
{
	return stream->error && !stream->refused;
}

static void stream_fail(struct accel_stream *stream, int error, uint32_t status, uint64_t index,
			uint64_t info)
{
	if (stream_has_failed(stream))
		return;
	stream->refused = false;
	stream_set_loss(stream, retry_classify(error, status, 0));
	stream->error = error;
	stream->status = status;
	stream->error_index = index;
	stream->error_info = info;
}

/*
 * The descriptor that failed. A reset of the card is the fault of none: a user queue stops where it
 * was, but the count of a kernel queue goes on behind what it has lost. Then a job may be taken for
 * lost that was not.
 */
static uint64_t stream_find_failure(const struct accel_stream *stream,
				    const struct drm_aci_query_queue *state)
{
	if (state->error && state->error != ACI_STATUS_CARD_RESET)
		return stream->desc_base + state->error_index;
	if (state->flags & DRM_ACI_QUEUE_INNOCENT && !stream->context->user_queues)
		return stream->settled_descs;
	return stream->desc_base + state->completed;
}

/* A fence does not tell how its job ended: the queue does. */
static void stream_check(struct accel_stream *stream)
{
	struct drm_aci_query_queue state;
	int ret, error;

	if (stream_has_failed(stream) || stream->closed || !stream->queue)
		return;
	ret = stream_ops(stream)->query(stream->queue, &state);
	if (ret) {
		stream_fail(stream, ret, 0, 0, 0);
		return;
	}
	if (!state.error_count && state.state != ACI_QUEUE_STATE_ERROR &&
	    !(state.flags & (DRM_ACI_QUEUE_BANNED | DRM_ACI_QUEUE_GUILTY | DRM_ACI_QUEUE_INNOCENT)))
		return;
	/* What has run since then has read zeros, and may have failed by that. */
	if (state.flags & DRM_ACI_QUEUE_INNOCENT && context_memory_is_lost(stream->context)) {
		stream_fail(stream, -ECANCELED, ACI_STATUS_CARD_RESET, stream->settled_descs, 0);
		return;
	}
	error = error_from_status(state.error);
	if (!error)
		error = state.flags & DRM_ACI_QUEUE_GUILTY ? -ETIMEDOUT : -ECANCELED;
	stream_fail(stream, error, state.error, stream_find_failure(stream, &state),
		    state.error_info);
	stream_set_loss(stream, retry_classify(error, state.error, state.flags));
}

static void drop_downloads(struct stream_downloads *downloads)
{
	struct stream_download *download;

	while ((download = STAILQ_FIRST(downloads))) {
		STAILQ_REMOVE_HEAD(downloads, link);
		free(download);
	}
}

/* From the list of those that were used before: one is needed for every submission. */
static struct stream_job *stream_get_job(struct accel_stream *stream)
{
	struct stream_job *job = TAILQ_FIRST(&stream->spare);

	if (!job)
		return calloc(1, sizeof(*job));
	TAILQ_REMOVE(&stream->spare, job, link);
	return job;
}

static void stream_put_job(struct accel_stream *stream, struct stream_job *job)
{
	drop_downloads(&job->downloads);
	TAILQ_INSERT_HEAD(&stream->spare, job, link);
}

static void job_finish_downloads(struct stream_job *job)
{
	struct stream_download *download;

	STAILQ_FOREACH(download, &job->downloads, link)
		memcpy(download->dst, download->src, download->bytes);
}

/* All jobs up to @point have ended, well or not. */
static void stream_settle(struct accel_stream *stream, uint64_t point)
{
	struct stream_job *job;

	while ((job = TAILQ_FIRST(&stream->jobs)) && job->point <= point) {
		TAILQ_REMOVE(&stream->jobs, job, link);
		stream->job_count--;
		/*
		 * A failed job's end lies behind the descriptor that failed; later ones were never
		 * run.
		 */
		if (!stream->error || job->end <= stream->error_index) {
			job_finish_downloads(job);
			stream->good = job->point;
			stream->jobs_good++;
		}
		stream->settled = job->point;
		stream->settled_descs = job->end;
		staging_release(&stream->staging, job->staging_head);
		stream_put_job(stream, job);
	}
}

/* The lock is given up while waiting. */
static int stream_wait_locked(struct accel_stream *stream, uint64_t point, uint64_t deadline_ns)
{
	int ret;

	if (point <= stream->settled || stream->closed || !stream->queue)
		return 0;
	stream_pin_locked(stream);
	pthread_mutex_unlock(&stream->lock);
	ret = stream_ops(stream)->wait(stream->queue, stream_queue_point(stream, point),
				       deadline_ns);
	pthread_mutex_lock(&stream->lock);
	stream_unpin_locked(stream);
	if (ret == -ETIME)
		return error_set(-ETIME, "the work did not end in the time given");
	if (ret < 0 && ret != -ENODEV)
		return ret;
	if (ret < 0)
		stream_fail(stream, ret, 0, 0, 0);
	else if (ret != TRANSPORT_ENDED_WELL && point > stream->settled)
		stream_check(stream);
	if (!stream->closed)
		stream_settle(stream, point);
	return 0;
}

static int stream_result(struct accel_stream *stream, uint64_t point)
{
	int ret = stream->gap_count ? stream_find_gap(stream, point) : 0;

	if (ret || point <= stream->good)
		return ret;
	if (stream->error)
		return stream_fail_text(stream);
	if (stream->closed)
		return error_set(-ECANCELED, "the stream was destroyed before the work ended");
	return 0;
}

int stream_wait(struct accel_stream *stream, uint64_t point, uint64_t timeout_ns)
{
	int ret;

	pthread_mutex_lock(&stream->lock);
	ret = stream_wait_locked(stream, point, deadline_after(timeout_ns));
	if (!ret)
		ret = stream_result(stream, point);
	pthread_mutex_unlock(&stream->lock);
	return ret;
}

/* --- Submission ------------------------------------------------------------------- */

/* Wait for half of the jobs: then there is room for many. Return: -EBUSY: there is none. */
static int stream_wait_some(struct accel_stream *stream)
{
	struct stream_job *job = TAILQ_FIRST(&stream->jobs);

	if (!job)
		return error_set(-EBUSY, "the queue takes no job although none is pending");
	for (uint32_t i = 1; i < stream->job_count / 2; i++)
		job = TAILQ_NEXT(job, link);
	return stream_wait_locked(stream, job->point, DEADLINE_NEVER);
}

static int stream_submit_now(struct accel_stream *stream, const struct aci_desc *descs,
			     uint32_t count, const struct transport_wait *waits,
			     uint32_t wait_count, uint64_t *point)
{
	int ret;

	for (;;) {
		ret = stream->error ? stream_fail_text(stream)
				    : stream_ops(stream)->submit(stream->queue, descs, count, waits,
								 wait_count, point);
		if (ret != -EAGAIN)
			return ret;
		ret = stream_wait_some(stream);
		if (ret)
			return ret;
	}
}

int stream_submit(struct accel_stream *stream, const struct aci_desc *descs, uint32_t count,
		  const struct transport_wait *waits, uint32_t wait_count)
{
	struct stream_job *job = stream_get_job(stream);
	uint64_t point;
	int ret;

	if (!job)
		return error_set(-ENOMEM, "out of memory");
	STAILQ_INIT(&job->downloads);
	ret = stream_submit_now(stream, descs, count, waits, wait_count, &point);
	if (ret) {
		stream_put_job(stream, job);
		if (!stream->error && ret == -ECANCELED)
			stream_check(stream);
		if (ret != -ENOMEM && !stream->error) {
			stream_fail(stream, ret, 0, stream->submitted_descs, 0);
			stream->refused = true;
		}
		return stream->error ? stream_fail_text(stream) : ret;
	}
	stream->submitted_descs += count;
	stream->submitted = job->point = stream->point_base + point;
	job->end = stream->submitted_descs;
	job->staging_head = stream->staging.head;
	TAILQ_INSERT_TAIL(&stream->jobs, job, link);
	stream->job_count++;
	return 0;
}

int stream_flush(struct accel_stream *stream)
{
	int ret;

	if (!stream->batch_count)
		return 0;
	ret = stream_submit(stream, stream->batch, stream->batch_count, NULL, 0);
	if (ret)
		return ret;
	stream->batch_count = 0;
	STAILQ_CONCAT(&TAILQ_LAST(&stream->jobs, stream_jobs)->downloads, &stream->downloads);
	return 0;
}

int stream_reserve(struct accel_stream *stream)
{
	if (stream->error)
		return stream_fail_text(stream);
	return stream->batch_count < stream->batch_max ? 0 : stream_flush(stream);
}

void stream_append(struct accel_stream *stream, const struct aci_desc *desc)
{
	stream->batch[stream->batch_count++] = *desc;
}

int stream_command(struct accel_stream *stream, const struct aci_desc *desc)
{
	int ret = stream_reserve(stream);

	if (!ret)
		stream_append(stream, desc);
	return ret;
}

/* In a user queue a point is a count of descriptors: that of the SIGNAL is known before. */
static int stream_signal(struct accel_stream *stream)
{
	struct aci_desc desc = { .opcode = ACI_OP_SIGNAL };
	uint64_t point;
	int ret;

	if (stream->submitted + stream->batch_count == stream->signalled)
		return 0;
	ret = fence_get(&stream->context->fences, &stream->fence);
	if (!ret)
		ret = stream_reserve(stream);
	if (ret)
		return ret;
	point = stream->submitted + stream->batch_count + 1;
	desc.signal.addr = htole64(stream->fence.address);
	desc.signal.value = htole64(stream->fence.base + stream_queue_point(stream, point));
	stream_append(stream, &desc);
	stream->signalled = point;
	return 0;
}

int stream_mark(struct accel_stream *stream)
{
	int ret = stream->error ? stream_fail_text(stream) : 0;

	if (!ret && stream->context->user_queues)
		ret = stream_signal(stream);
	return ret ? ret : stream_flush(stream);
}

int stream_stage(struct accel_stream *stream, uint64_t bytes, struct staging_chunk *chunk)
{
	int ret;

	while ((ret = staging_alloc(&stream->staging, stream->context, bytes, chunk)) == -EAGAIN) {
		ret = stream_flush(stream);
		if (!ret)
			ret = stream_wait_some(stream);
		if (!ret && stream->error)
			ret = stream_fail_text(stream);
		if (ret)
			return ret;
	}
	return ret;
}

/* --- Create and destroy ----------------------------------------------------------- */

static int stream_check_options(const struct accel_device *device,
				const struct accel_stream_options *options,
				struct transport_queue_options *queue)
{
	uint32_t entries = options->ring_entries ? options->ring_entries : RING_ENTRIES_DEFAULT;

	if (options->engine != ACCEL_ENGINE_COPY && options->engine != ACCEL_ENGINE_COMPUTE)
		return error_set(-EINVAL, "unknown engine class %d", (int)options->engine);
	if (options->priority < ACCEL_PRIORITY_LOW || options->priority > ACCEL_PRIORITY_HIGH)
		return error_set(-EINVAL, "unknown priority %d", (int)options->priority);
	if (options->timeout_ms > 600000)
		return error_set(-EINVAL, "a job's time limit is 600000 ms at most");
	if (entries < RING_ENTRIES_MIN || entries & (entries - 1))
		return error_set(-EINVAL, "ring_entries must be a power of two, %u or more",
				 RING_ENTRIES_MIN);
	if (options->ring_entries && entries > device->facts.ring_entries_max)
		return error_set(-EINVAL, "ring_entries: the card takes %u at most",
				 device->facts.ring_entries_max);
	if (entries > device->facts.ring_entries_max)
		entries = device->facts.ring_entries_max;
	if (!device->opcodes[options->engine])
		return error_set(-ENOTSUP, "%s has no %s engine", device->info.name,
				 options->engine == ACCEL_ENGINE_COPY ? "copy" : "compute");
	queue->engine_class = options->engine == ACCEL_ENGINE_COPY ? ACI_ENGINE_CLASS_COPY
								    : ACI_ENGINE_CLASS_COMPUTE;
	queue->priority = options->priority;
	/* A card with fewer levels has the lowest ones. */
	if (device->facts.priorities && queue->priority >= device->facts.priorities)
		queue->priority = device->facts.priorities - 1;
	queue->ring_entries = entries;
	queue->timeout_ms = options->timeout_ms;
	return 0;
}

int stream_create_queue(struct accel_context *context,
			const struct transport_queue_options *options,
			struct transport_queue **queue)
{
	struct transport *transport = context_transport(context);

	return context->user_queues
		       ? transport->ops->user_queue_create(transport, options, queue)
		       : transport->ops->queue_create(transport, options, queue);
}

int accel_stream_create(struct accel_context *context, const struct accel_stream_options *options,
			struct accel_stream **out)
{
	static const struct accel_stream_options defaults = {
		.engine = ACCEL_ENGINE_COMPUTE, .priority = ACCEL_PRIORITY_NORMAL,
	};
	struct transport_queue_options queue = { 0 };
	struct accel_stream *stream;
	int ret;

	if (!context || !out)
		return error_set(-EINVAL, "context and stream must not be NULL");
	*out = NULL;
	if (!options)
		options = &defaults;
	ret = device_check_process(context->device);
	if (!ret)
		ret = stream_check_options(context->device, options, &queue);
	if (ret)
		return ret;
	stream = calloc(1, sizeof(*stream));
	if (!stream)
		return error_set(-ENOMEM, "out of memory");
	queue.vm_id = context->vm_id;
	ret = stream_create_queue(context, &queue, &stream->queue);
	if (ret) {
		free(stream);
		return ret;
	}
	stream->context = context;
	stream->options = queue;
	stream->opcodes = context->device->opcodes[options->engine];
	stream->batch_max = queue.ring_entries < STREAM_BATCH_MAX ? queue.ring_entries
								  : STREAM_BATCH_MAX;
	stream->refs = 1;
	pthread_mutex_init(&stream->lock, NULL);
	pthread_cond_init(&stream->unpinned, NULL);
	TAILQ_INIT(&stream->jobs);
	TAILQ_INIT(&stream->spare);
	STAILQ_INIT(&stream->downloads);
	pthread_mutex_lock(&context->lock);
	context->users++;
	LIST_INSERT_HEAD(&context->streams, stream, link);
	pthread_mutex_unlock(&context->lock);
	*out = stream;
	return 0;
}

void stream_drop_downloads(struct accel_stream *stream)
{
	struct stream_job *job;

	drop_downloads(&stream->downloads);
	TAILQ_FOREACH(job, &stream->jobs, link)
		drop_downloads(&job->downloads);
}

void stream_settle_ended(struct accel_stream *stream)
{
	struct stream_job *job;

	while ((job = TAILQ_FIRST(&stream->jobs))) {
		int ret = stream_ops(stream)->wait(stream->queue,
						   stream_queue_point(stream, job->point), 0);

		if (ret < 0)
			return;
		if (ret != TRANSPORT_ENDED_WELL)
			stream_check(stream);
		stream_settle(stream, job->point);
	}
}

void stream_drop_work(struct accel_stream *stream)
{
	struct stream_job *job;

	TAILQ_CONCAT(&stream->jobs, &stream->spare, link);
	while ((job = TAILQ_FIRST(&stream->jobs))) {
		TAILQ_REMOVE(&stream->jobs, job, link);
		drop_downloads(&job->downloads);
		free(job);
	}
	stream->job_count = 0;
}

void accel_stream_destroy(struct accel_stream *stream)
{
	struct accel_context *context;

	if (!stream || device_is_inherited(stream->context->device))
		return;
	context = stream->context;
	pthread_mutex_lock(&context->lock);
	LIST_REMOVE(stream, link);
	pthread_mutex_unlock(&context->lock);
	/* Nobody waited for downloads that are still here: what has not ended is cancelled. */
	pthread_mutex_lock(&stream->lock);
	stream_drop_downloads(stream);
	pthread_mutex_unlock(&stream->lock);
	stream_detach(stream);
	staging_fini(&stream->staging);
	stream_unref(stream);
	context_put(context);
}

/* --- Calls ------------------------------------------------------------------------ */

int accel_stream_flush(struct accel_stream *stream)
{
	int ret;

	if (!stream)
		return error_set(-EINVAL, "stream must not be NULL");
	ret = device_check_process(stream->context->device);
	if (ret)
		return ret;
	pthread_mutex_lock(&stream->lock);
	ret = stream->error ? stream_fail_text(stream) : stream_flush(stream);
	pthread_mutex_unlock(&stream->lock);
	return ret;
}

int accel_stream_synchronize(struct accel_stream *stream, uint64_t timeout_ns)
{
	int flushed, ret;

	if (!stream)
		return error_set(-EINVAL, "stream must not be NULL");
	ret = device_check_process(stream->context->device);
	if (ret)
		return ret;
	pthread_mutex_lock(&stream->lock);
	flushed = stream_flush(stream);
	/* Also if that failed: the caller will take it that no earlier job writes to its memory. */
	ret = stream_wait_locked(stream, stream->submitted, deadline_after(timeout_ns));
	if (!ret && stream->error)
		ret = stream_fail_text(stream);
	if (!ret)
		ret = flushed;
	pthread_mutex_unlock(&stream->lock);
	return ret;
}

/* Of a user queue nobody else knows what a job is. */
static uint64_t stream_jobs_completed(struct accel_stream *stream, uint64_t completed)
{
	const struct stream_job *job;
	uint64_t count;

	pthread_mutex_lock(&stream->lock);
	count = stream->jobs_good;
	TAILQ_FOREACH(job, &stream->jobs, link)
		count += job->end <= completed;
	pthread_mutex_unlock(&stream->lock);
	return count;
}

int accel_stream_get_stats(struct accel_stream *stream, struct accel_stream_stats *stats)
{
	struct drm_aci_query_queue state;
	int ret;

	if (!stream || !stats)
		return error_set(-EINVAL, "stream and stats must not be NULL");
	ret = device_check_process(stream->context->device);
	if (ret)
		return ret;
	if (!stream->queue)
		return stream_fail_text(stream);
	ret = stream_ops(stream)->query(stream->queue, &state);
	if (ret)
		return ret;
	*stats = (struct accel_stream_stats) {
		.jobs_completed = state.jobs_completed,
		.descriptors_completed = state.completed,
		.macs = state.macs,
		.bytes = state.bytes,
		.active_ns = state.active_ns,
		.error = state.error,
		.error_count = state.error_count,
		.error_index = state.error_index,
		.error_info = state.error_info,
	};
	if (stream->context->user_queues)
		stats->jobs_completed = stream_jobs_completed(stream,
							      stream->desc_base + state.completed);
	return 0;
}
