/* SPDX-License-Identifier: MIT */
/*
 * Streams: commands are gathered in a batch, a batch becomes a job, and what
 * belongs to a job (staging memory, downloads) is settled when it has ended.
 *
 * Locking: one thread gives commands; any thread may wait by an event and so
 * settle jobs. stream->lock covers everything; it is given up while waiting.
 * A thread that uses the queue without the lock is counted in "pins", which
 * the end of the stream waits for. Only one stream's lock is held at a time; it is
 * taken before the lock of the context.
 *
 * A restored stream has a new queue, whose points and descriptors count from 0.
 * Those of the stream go on counting: the bases are what lies between. What was
 * lost with the old queue is remembered, since events may point to it.
 */
#ifndef LIB_STREAM_H
#define LIB_STREAM_H

#include <pthread.h>
#include <sys/queue.h>

#include "context.h"
#include "retry.h"
#include "staging.h"

#define STREAM_BATCH_MAX	64u

struct stream_download {
	STAILQ_ENTRY(stream_download) link;
	void *dst;
	const void *src;
	uint64_t bytes;
};

STAILQ_HEAD(stream_downloads, stream_download);

struct stream_job {
	TAILQ_ENTRY(stream_job) link;
	uint64_t point;
	uint64_t end;			/* count of descriptors up to its last */
	uint64_t staging_head;
	struct stream_downloads downloads;
};

TAILQ_HEAD(stream_jobs, stream_job);

/** struct stream_gap - points after @after up to @upto ended with the queue they were in */
struct stream_gap {
	uint64_t after;
	uint64_t upto;
	int error;
};

struct accel_stream {
	struct accel_context *context;
	LIST_ENTRY(accel_stream) link;	/* in context->streams */
	struct transport_queue_options options;	/* to make a queue again */
	struct transport_queue *queue;	/* NULL once destroyed, or while it could not be restored */
	uint64_t point_base;		/* of the stream, at point 0 of the queue */
	uint64_t desc_base;		/* likewise, descriptors */
	struct stream_gap *gaps;
	uint32_t gap_count;
	uint64_t opcodes;		/* what its engine class takes */
	unsigned int refs;		/* atomic: the owner and events */

	pthread_mutex_t lock;
	pthread_cond_t unpinned;
	unsigned int pins;
	bool closed;

	struct aci_desc batch[STREAM_BATCH_MAX];
	uint32_t batch_count;
	uint32_t batch_max;
	struct stream_downloads downloads;	/* of the batch */
	struct staging staging;

	struct stream_jobs jobs;		/* submitted, not settled */
	struct stream_jobs spare;		/* job structures to use again */
	uint32_t job_count;			/* in jobs */
	uint64_t submitted;			/* point of the last job */
	uint64_t submitted_descs;
	uint64_t jobs_good;			/* jobs that ended well */
	uint64_t settled;			/* all points up to it have ended */
	uint64_t settled_descs;			/* likewise */
	uint64_t good;				/* all points up to it ended well */

	struct fence fence;			/* with user queues, once an event was recorded */
	uint64_t signalled;			/* point that the last SIGNAL raises it to */

	enum accel_loss loss;			/* what its failure is; atomic, written with the lock */
	int error;				/* how the stream failed; 0: it did not */
	bool refused;				/* it is that a job was not taken: earlier ones may fail */
	uint32_t status;			/* ACI_STATUS_* of it, 0: none */
	uint64_t error_index;
	uint64_t error_info;
};

static inline const struct transport_queue_ops *stream_ops(const struct accel_stream *stream)
{
	return stream->queue->ops;
}

/** stream_get_loss() - without its lock, which is outside of the context's */
static inline enum accel_loss stream_get_loss(const struct accel_stream *stream)
{
	return __atomic_load_n(&stream->loss, __ATOMIC_RELAXED);
}

static inline void stream_set_loss(struct accel_stream *stream, enum accel_loss loss)
{
	__atomic_store_n(&stream->loss, loss, __ATOMIC_RELAXED);
}

/* --- stream.c --------------------------------------------------------------------- */
void stream_ref(struct accel_stream *stream);
void stream_unref(struct accel_stream *stream);
/** stream_pin() - keep the queue for a moment. false: the stream is closed */
bool stream_pin(struct accel_stream *stream);
void stream_unpin(struct accel_stream *stream);
/** stream_wait() - for the job at @point; the result is that job's */
int stream_wait(struct accel_stream *stream, uint64_t point, uint64_t timeout_ns);

/** stream_queue_point() - @point in the present queue; 0: it ended before that was made */
uint64_t stream_queue_point(const struct accel_stream *stream, uint64_t point);
/** stream_create_queue() - by stream->options */
int stream_create_queue(struct accel_context *context,
			const struct transport_queue_options *options,
			struct transport_queue **queue);

/** event_notify_fd() - event.c: count up eventfd @fd, which stays the caller's, when it is done */
int event_notify_fd(struct accel_event *event, int fd);

/* --- stream_restore.c: nobody else gives commands --------------------------------- */
/** stream_detach() - end all work, settle it, free the queue: nobody is inside any more */
void stream_detach(struct accel_stream *stream);
/** stream_suspend() - stream_detach(); the stream has failed until stream_attach() */
void stream_suspend(struct accel_stream *stream);
/** stream_attach() - a suspended stream works again, in the context's present VM */
int stream_attach(struct accel_stream *stream);
/** stream_find_gap() - how a point ended that is in a gap; 0: in none */
int stream_find_gap(const struct accel_stream *stream, uint64_t point);

/* --- stream.c, with stream->lock held --------------------------------------------- */
/** stream_reserve() - make room for one more descriptor in the batch. Fails as the stream failed.
 */
int stream_reserve(struct accel_stream *stream);
/** stream_append() - after stream_reserve() */
void stream_append(struct accel_stream *stream, const struct aci_desc *desc);
/** stream_command() - append one descriptor, after making room for it */
int stream_command(struct accel_stream *stream, const struct aci_desc *desc);
int stream_flush(struct accel_stream *stream);
/** stream_mark() - flush, so that other streams can wait for the point stream->submitted */
int stream_mark(struct accel_stream *stream);
/** stream_submit() - one job, whatever is in the batch. Waits if too many are pending. */
int stream_submit(struct accel_stream *stream, const struct aci_desc *descs, uint32_t count,
		  const struct transport_wait *waits, uint32_t wait_count);
/** stream_stage() - staging memory for the next command; call before stream_append(), after
 * stream_reserve() */
int stream_stage(struct accel_stream *stream, uint64_t bytes, struct staging_chunk *chunk);
/** stream_fail_text() - sets the text. Return: stream->error */
int stream_fail_text(struct accel_stream *stream);
/** stream_drop_downloads() - of the batch and of all jobs: their memory may be gone */
void stream_drop_downloads(struct accel_stream *stream);
/** stream_settle_ended() - what has ended by now keeps its result */
void stream_settle_ended(struct accel_stream *stream);
/** stream_drop_work() - forget all jobs */
void stream_drop_work(struct accel_stream *stream);

#endif
