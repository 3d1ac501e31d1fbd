// SPDX-License-Identifier: MIT
/* The in-process transport: kernel queues, from submission to the ring and to the end. */
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "inproc_queue.h"

#define JOBS_PENDING_MAX	256u

/* --- Ends of jobs ----------------------------------------------------------------- */

static void job_free(struct inproc_job *job)
{
	free(job->waits);
	free(job);
}

static void queue_end_jobs(struct inproc_jobs *jobs)
{
	struct inproc_job *job;

	while ((job = STAILQ_FIRST(jobs))) {
		STAILQ_REMOVE_HEAD(jobs, link);
		job_free(job);
	}
}

void inproc_jobs_end_all(struct inproc_queue *queue, uint32_t status, uint64_t index,
			 uint64_t info)
{
	queue->banned = true;
	if (status) {
		queue->error = status;
		queue->error_count++;
		queue->error_index = index;
		queue->error_info = info;
	}
	queue_end_jobs(&queue->pushed);
	queue_end_jobs(&queue->pending);
	queue->ended = queue->submitted;
	inproc_queue_signal(queue, queue->ended);
}

/* Return: did jobs end? */
static bool queue_take_completions(struct inproc_queue *queue)
{
	uint64_t completed = shared_read64(&queue->record->completed);
	uint64_t before = queue->ended;
	struct inproc_job *job;

	if (completed < queue->completed || completed > queue->ring.tail) {
		inproc_wedge(queue->card, "a queue's count of completed descriptors is impossible");
		return false;
	}
	queue->completed = completed;
	while ((job = STAILQ_FIRST(&queue->pushed)) && job->end <= completed) {
		STAILQ_REMOVE_HEAD(&queue->pushed, link);
		queue->ended = job->point;
		queue->jobs_completed++;
		job_free(job);
	}
	if (queue->ended == before)
		return false;
	inproc_queue_signal(queue, queue->ended);
	return true;
}

/* --- Into the ring ---------------------------------------------------------------- */

static bool job_is_ready(struct inproc_queue *queue, struct inproc_job *job)
{
	if (queue->ring.tail - queue->completed + job->desc_count > queue->ring.entries)
		return false;
	while (job->wait_count) {
		const struct transport_wait *wait = &job->waits[job->wait_count - 1];

		if (to_queue(wait->queue)->ended < wait->point)
			return false;
		job->wait_count--;
	}
	return true;
}

static void queue_push(struct inproc_queue *queue, struct inproc_job *job)
{
	job->end = queue->ring.tail + job->desc_count;
	if (STAILQ_EMPTY(&queue->pushed))
		inproc_service_watch(queue->card, queue->timeout_ns);
	STAILQ_INSERT_TAIL(&queue->pushed, job, link);
	user_queue_push(&queue->ring, job->descs, job->desc_count);
}

/* Ask for an interrupt at the end of the first job. Return: it is there already. */
static bool queue_arm(struct inproc_queue *queue)
{
	struct inproc_job *job = STAILQ_FIRST(&queue->pushed);

	return job && inproc_queue_arm(queue, job->end);
}

static bool queue_take_error(struct inproc_queue *queue)
{
	struct aci_queue_record *record = queue->record;

	if (shared_read32(&record->state) != ACI_QUEUE_STATE_ERROR)
		return false;
	/* Counts and error are final before the state says so. */
	queue_take_completions(queue);
	inproc_jobs_end_all(queue, shared_read32(&record->error),
			    shared_read64(&record->error_index),
			    shared_read64(&record->error_info));
	return true;
}

bool inproc_jobs_update(struct inproc_queue *queue)
{
	bool changed = false;
	struct inproc_job *job;

	if (queue->banned || queue->busy)
		return false;
	do {
		changed |= queue_take_completions(queue);
		if (inproc_is_wedged(queue->card)) {
			inproc_jobs_end_all(queue, 0, 0, 0);
			return true;
		}
		if (queue_take_error(queue))
			return true;
		while ((job = STAILQ_FIRST(&queue->pending)) && job_is_ready(queue, job)) {
			STAILQ_REMOVE_HEAD(&queue->pending, link);
			queue_push(queue, job);
		}
	} while (queue_arm(queue));
	return changed;
}

/* Jobs of other queues that waited for this one are ready, but may not have been looked at yet. */
void inproc_jobs_drop_waits(struct inproc_queue *gone)
{
	struct inproc_card *card = gone->card;
	struct inproc_job *job;

	for (uint32_t i = 0; i < card->queues_max; i++) {
		if (!card->queues[i])
			continue;
		STAILQ_FOREACH(job, &card->queues[i]->pending, link) {
			uint32_t kept = 0;

			for (uint32_t w = 0; w < job->wait_count; w++)
				if (job->waits[w].queue != &gone->base)
					job->waits[kept++] = job->waits[w];
			job->wait_count = kept;
		}
	}
}

/* --- Calls ------------------------------------------------------------------------ */

static struct inproc_job *job_make(const struct aci_desc *descs, uint32_t count,
				   const struct transport_wait *waits, uint32_t wait_count)
{
	struct inproc_job *job = malloc(sizeof(*job) + count * sizeof(*descs));

	if (!job)
		return NULL;
	*job = (struct inproc_job) { .desc_count = count, .wait_count = wait_count };
	memcpy(job->descs, descs, count * sizeof(*descs));
	if (!wait_count)
		return job;
	job->waits = calloc(wait_count, sizeof(*waits));
	if (!job->waits) {
		free(job);
		return NULL;
	}
	memcpy(job->waits, waits, wait_count * sizeof(*waits));
	return job;
}

static int jobs_submit(struct transport_queue *base, const struct aci_desc *descs, uint32_t count,
		       const struct transport_wait *waits, uint32_t wait_count, uint64_t *point)
{
	struct inproc_queue *queue = to_queue(base);
	struct inproc_card *card = queue->card;
	struct inproc_job *job;
	int ret = 0;

	if (!count || count > queue->ring.entries)
		return error_set(-EINVAL, "a job has 1 to %u descriptors", queue->ring.entries);
	job = job_make(descs, count, waits, wait_count);
	if (!job)
		return error_set(-ENOMEM, "out of memory");
	pthread_mutex_lock(&card->queue_lock);
	if (inproc_is_wedged(card))
		ret = inproc_error_wedged();
	else if (queue->banned)
		ret = error_set(-ECANCELED, "the stream failed before");
	else if (queue->submitted - queue->ended >= JOBS_PENDING_MAX)
		ret = -EAGAIN;
	if (!ret) {
		job->point = *point = ++queue->submitted;
		queue->descs_submitted += count;
		STAILQ_INSERT_TAIL(&queue->pending, job, link);
		if (inproc_jobs_update(queue))
			inproc_service_run(card);
	}
	pthread_mutex_unlock(&card->queue_lock);
	if (ret)
		job_free(job);
	return ret;
}

static int jobs_wait(struct transport_queue *base, uint64_t point, uint64_t deadline_ns)
{
	struct inproc_queue *queue = to_queue(base);
	struct inproc_card *card = queue->card;
	int ret = 0;

	pthread_mutex_lock(&card->queue_lock);
	if (queue->ended < point && inproc_jobs_update(queue))
		inproc_service_run(card);
	while (queue->ended < point && !ret)
		ret = inproc_queue_sleep(queue, deadline_ns);
	ret = queue->ended < point ? -ETIME : TRANSPORT_ENDED;
	pthread_mutex_unlock(&card->queue_lock);
	return ret;
}

static int jobs_notify_fd(struct transport_queue *base, uint64_t point, int fd)
{
	struct inproc_queue *queue = to_queue(base);
	int ret = inproc_queue_add_fd(queue, point, fd);

	if (ret)
		return ret;
	pthread_mutex_lock(&queue->card->queue_lock);
	inproc_queue_signal(queue, queue->ended);
	pthread_mutex_unlock(&queue->card->queue_lock);
	return 0;
}

static int jobs_query(struct transport_queue *base, struct drm_aci_query_queue *state)
{
	struct inproc_queue *queue = to_queue(base);
	struct inproc_card *card = queue->card;

	if (inproc_is_wedged(card))
		return inproc_error_wedged();
	pthread_mutex_lock(&card->queue_lock);
	if (!queue->banned)
		queue_take_completions(queue);
	inproc_queue_read(queue, state);
	state->flags = (queue->banned ? DRM_ACI_QUEUE_BANNED : 0) |
		       (queue->error ? DRM_ACI_QUEUE_GUILTY : 0);
	state->submitted = queue->descs_submitted;
	state->completed = queue->completed;
	state->error = queue->error;
	state->error_count = queue->error_count;
	state->error_index = queue->error_index;
	state->error_info = queue->error_info;
	state->jobs_completed = queue->jobs_completed;
	pthread_mutex_unlock(&card->queue_lock);
	return 0;
}

static void jobs_cancel(struct transport_queue *base)
{
	struct inproc_queue *queue = to_queue(base);
	struct inproc_card *card = queue->card;

	inproc_queue_delete(queue);
	pthread_mutex_lock(&card->queue_lock);
	if (!queue->banned) {
		queue_take_completions(queue);
		inproc_jobs_end_all(queue, 0, 0, 0);
	}
	/* Others may have waited for this queue. */
	inproc_service_run(card);
	pthread_mutex_unlock(&card->queue_lock);
}

static void jobs_free(struct transport_queue *base)
{
	inproc_queue_free(to_queue(base));
}

static const struct transport_queue_ops jobs_ops = {
	.submit = jobs_submit,
	.wait = jobs_wait,
	.notify_fd = jobs_notify_fd,
	.query = jobs_query,
	.cancel = jobs_cancel,
	.free = jobs_free,
};

int inproc_queue_create(struct transport *transport, const struct transport_queue_options *options,
			struct transport_queue **out)
{
	struct inproc_queue *queue;
	int ret = inproc_queue_new(to_inproc(transport), options, false, &queue);

	if (ret)
		return ret;
	queue->base.ops = &jobs_ops;
	inproc_queue_start(queue);
	*out = &queue->base;
	return 0;
}
