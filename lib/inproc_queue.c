// SPDX-License-Identifier: MIT
/* The in-process transport: kernel queues, from submission to the ring. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "error.h"
#include "inproc_queue.h"

#define JOBS_PENDING_MAX	256u
#define TIMEOUT_DEFAULT_MS	10000u

static inline struct inproc_queue *to_queue(struct transport_queue *base)
{
	return (struct inproc_queue *)base;
}

/* --- Ends of jobs ----------------------------------------------------------------- */

static void job_free(struct inproc_job *job)
{
	free(job->waits);
	free(job);
}

static void queue_signal(struct inproc_queue *queue)
{
	struct inproc_fd *notify, *next;
	uint64_t one = 1;

	pthread_cond_broadcast(&queue->cond);
	for (notify = SLIST_FIRST(&queue->fds); notify; notify = next) {
		next = SLIST_NEXT(notify, link);
		if (notify->point > queue->ended)
			continue;
		SLIST_REMOVE(&queue->fds, notify, inproc_fd, link);
		/* A full counter is readable as well: nothing is lost. */
		if (write(notify->fd, &one, sizeof(one)) < 0)
			error_set(-errno, "eventfd: %s", strerror(errno));
		close(notify->fd);
		free(notify);
	}
}

static void queue_end_jobs(struct inproc_queue *queue, struct inproc_jobs *jobs)
{
	struct inproc_job *job;

	while ((job = STAILQ_FIRST(jobs))) {
		STAILQ_REMOVE_HEAD(jobs, link);
		job_free(job);
	}
}

void inproc_queue_end_all(struct inproc_queue *queue, uint32_t status, uint64_t index,
			  uint64_t info)
{
	queue->banned = true;
	if (status) {
		queue->error = status;
		queue->error_count++;
		queue->error_index = index;
		queue->error_info = info;
	}
	queue_end_jobs(queue, &queue->pushed);
	queue_end_jobs(queue, &queue->pending);
	queue->ended = queue->submitted;
	queue_signal(queue);
}

/* Return: did jobs end? */
static bool queue_take_completions(struct inproc_queue *queue)
{
	uint64_t completed = shared_read64(&queue->record->completed);
	uint64_t before = queue->ended;
	struct inproc_job *job;

	if (completed < queue->completed || completed > queue->tail) {
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
	queue_signal(queue);
	return true;
}

/* --- Into the ring ---------------------------------------------------------------- */

static bool job_is_ready(struct inproc_queue *queue, struct inproc_job *job)
{
	if (queue->tail - queue->completed + job->desc_count > queue->ring_entries)
		return false;
	while (job->wait_count) {
		const struct transport_wait *wait = &job->waits[job->wait_count - 1];

		if (to_queue(wait->queue)->ended < wait->point)
			return false;
		job->wait_count--;
	}
	return true;
}

static void queue_ring_doorbell(struct inproc_queue *queue, uint64_t old_tail)
{
	struct inproc_card *card = queue->card;
	uint64_t offset = (uint64_t)queue->id << card->db_shift;

	/* Full barrier: the card must see the new tail, or we its event index. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (!aci_queue_need_ring(shared_read64(&queue->user->event_index), old_tail, queue->tail))
		return;
	if (offset + sizeof(uint32_t) <= card->doorbells.bytes)
		__atomic_store_n((__le32 *)((char *)card->doorbells.map + offset),
				 htole32((uint32_t)queue->tail), __ATOMIC_RELEASE);
	if (card->cap & ACI_CAP_KICK)
		vcard_kick(card->vcard, queue->id);
}

static void queue_push(struct inproc_queue *queue, struct inproc_job *job)
{
	uint64_t old_tail = queue->tail;

	for (uint32_t i = 0; i < job->desc_count; i++)
		queue->ring[(old_tail + i) & (queue->ring_entries - 1)] = job->descs[i];
	queue->tail += job->desc_count;
	job->end = queue->tail;
	if (STAILQ_EMPTY(&queue->pushed))
		inproc_service_watch(queue->card, queue->timeout_ns);
	STAILQ_INSERT_TAIL(&queue->pushed, job, link);
	shared_write64(&queue->user->tail, queue->tail);
	queue_ring_doorbell(queue, old_tail);
}

/* Ask for an interrupt at the end of the first job. Return: it is there already. */
static bool queue_arm(struct inproc_queue *queue)
{
	struct inproc_job *job = STAILQ_FIRST(&queue->pushed);

	if (!job)
		return false;
	/*
	 * An armed value stays until it is reached; it is the end of the first job, so it will do.
	 */
	if (queue->armed <= queue->completed) {
		queue->armed = job->end;
		shared_write64(&queue->record->notify_at, job->end);
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
	}
	return shared_read64(&queue->record->completed) >= job->end;
}

static bool queue_take_error(struct inproc_queue *queue)
{
	struct aci_queue_record *record = queue->record;

	if (shared_read32(&record->state) != ACI_QUEUE_STATE_ERROR)
		return false;
	/* Counts and error are final before the state says so. */
	queue_take_completions(queue);
	inproc_queue_end_all(queue, shared_read32(&record->error),
			     shared_read64(&record->error_index),
			     shared_read64(&record->error_info));
	return true;
}

bool inproc_queue_update(struct inproc_queue *queue)
{
	bool changed = false;
	struct inproc_job *job;

	if (queue->banned || queue->busy)
		return false;
	do {
		changed |= queue_take_completions(queue);
		if (inproc_is_wedged(queue->card)) {
			inproc_queue_end_all(queue, 0, 0, 0);
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

/* --- Calls ------------------------------------------------------------------------ */

int inproc_queue_submit(struct transport_queue *base, const struct aci_desc *descs, uint32_t count,
			const struct transport_wait *waits, uint32_t wait_count)
{
	struct inproc_queue *queue = to_queue(base);
	struct inproc_card *card = queue->card;
	struct inproc_job *job;
	int ret = 0;

	if (!count || count > queue->ring_entries)
		return error_set(-EINVAL, "a job has 1 to %u descriptors", queue->ring_entries);
	job = malloc(sizeof(*job) + count * sizeof(*descs));
	if (!job)
		return error_set(-ENOMEM, "out of memory");
	*job = (struct inproc_job) { .desc_count = count, .wait_count = wait_count };
	memcpy(job->descs, descs, count * sizeof(*descs));
	if (wait_count) {
		job->waits = calloc(wait_count, sizeof(*waits));
		if (!job->waits) {
			free(job);
			return error_set(-ENOMEM, "out of memory");
		}
		memcpy(job->waits, waits, wait_count * sizeof(*waits));
	}
	pthread_mutex_lock(&card->queue_lock);
	if (inproc_is_wedged(card))
		ret = inproc_error_wedged();
	else if (queue->banned)
		ret = error_set(-ECANCELED, "the stream failed before");
	else if (queue->submitted - queue->ended >= JOBS_PENDING_MAX)
		ret = -EAGAIN;
	if (!ret) {
		job->point = ++queue->submitted;
		queue->descs_submitted += count;
		STAILQ_INSERT_TAIL(&queue->pending, job, link);
		if (inproc_queue_update(queue))
			inproc_service_run(card);
	}
	pthread_mutex_unlock(&card->queue_lock);
	if (ret)
		job_free(job);
	return ret;
}

int inproc_queue_wait(struct transport_queue *base, uint64_t point, uint64_t deadline_ns)
{
	struct inproc_queue *queue = to_queue(base);
	struct inproc_card *card = queue->card;
	struct timespec until = {
		.tv_sec = (time_t)(deadline_ns / 1000000000u),
		.tv_nsec = (long)(deadline_ns % 1000000000u),
	};
	int ret = 0;

	pthread_mutex_lock(&card->queue_lock);
	if (queue->ended < point && inproc_queue_update(queue))
		inproc_service_run(card);
	while (queue->ended < point && !ret) {
		if (deadline_ns == DEADLINE_NEVER)
			pthread_cond_wait(&queue->cond, &card->queue_lock);
		else
			ret = pthread_cond_timedwait(&queue->cond, &card->queue_lock, &until);
	}
	ret = queue->ended < point ? -ETIME : 0;
	pthread_mutex_unlock(&card->queue_lock);
	return ret;
}

int inproc_queue_notify_fd(struct transport_queue *base, uint64_t point, int fd)
{
	struct inproc_queue *queue = to_queue(base);
	struct inproc_fd *notify = calloc(1, sizeof(*notify));

	if (!notify)
		return error_set(-ENOMEM, "out of memory");
	/* The caller may close its descriptor before the job ends. */
	notify->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (notify->fd < 0) {
		free(notify);
		return error_set(-errno, "eventfd: %s", strerror(errno));
	}
	notify->point = point;
	pthread_mutex_lock(&queue->card->queue_lock);
	SLIST_INSERT_HEAD(&queue->fds, notify, link);
	queue_signal(queue);
	pthread_mutex_unlock(&queue->card->queue_lock);
	return 0;
}

int inproc_queue_query(struct transport_queue *base, struct drm_aci_query_queue *state)
{
	struct inproc_queue *queue = to_queue(base);
	struct aci_queue_record *record = queue->record;
	struct inproc_card *card = queue->card;

	if (inproc_is_wedged(card))
		return inproc_error_wedged();
	pthread_mutex_lock(&card->queue_lock);
	if (!queue->banned)
		queue_take_completions(queue);
	*state = (struct drm_aci_query_queue) {
		.flags = (queue->banned ? DRM_ACI_QUEUE_BANNED : 0) |
			 (queue->error ? DRM_ACI_QUEUE_GUILTY : 0),
		.state = shared_read32(&record->state),
		.submitted = queue->descs_submitted,
		.completed = queue->completed,
		.error = queue->error,
		.error_count = queue->error_count,
		.error_index = queue->error_index,
		.error_info = queue->error_info,
		.active_ns = shared_read64(&record->active_ns),
		.macs = shared_read64(&record->macs),
		.bytes = shared_read64(&record->bytes),
		.jobs_completed = queue->jobs_completed,
	};
	pthread_mutex_unlock(&card->queue_lock);
	return 0;
}

/* --- Create and destroy ----------------------------------------------------------- */

static int queue_alloc_memory(struct inproc_queue *queue)
{
	uint64_t ring_bytes = (uint64_t)queue->ring_entries * ACI_DESC_BYTES;
	uint64_t pages = ring_bytes / PAGE_BYTES;
	struct inproc_dma *memory = &queue->memory;
	__le64 *list;
	int ret = inproc_dma_alloc(queue->card, ring_bytes + 3 * PAGE_BYTES, memory);

	if (ret)
		return ret;
	queue->ring = memory->cpu;
	list = (__le64 *)((char *)memory->cpu + ring_bytes);
	queue->record = (struct aci_queue_record *)((char *)list + PAGE_BYTES);
	queue->user = (struct aci_queue_user_page *)((char *)list + 2 * PAGE_BYTES);
	for (uint64_t i = 0; i < pages; i++)
		list[i] = htole64(memory->address + i * PAGE_BYTES);
	return 0;
}

/* With queue_lock held. */
static int queue_take_id(struct inproc_card *card, struct inproc_queue *queue)
{
	for (uint32_t i = 0; i < card->queues_max; i++) {
		if (card->queues[i])
			continue;
		/* Old notifications of this id must be read before it is armed again. */
		inproc_service_run(card);
		card->queues[i] = queue;
		queue->id = i;
		return 0;
	}
	return error_set(-ENOSPC, "the card has %u queues, all are in use", card->queues_max);
}

static int queue_create_on_card(struct inproc_queue *queue,
				const struct transport_queue_options *options)
{
	struct inproc_card *card = queue->card;
	uint64_t base = queue->memory.address + (uint64_t)queue->ring_entries * ACI_DESC_BYTES;
	struct aci_admin_cmd cmd = {
		.opcode = ACI_ADMIN_CREATE_QUEUE,
		.create_queue = {
			.queue_id = htole16((uint16_t)queue->id),
			.vm_id = htole16((uint16_t)options->vm_id),
			.engine_class = (uint8_t)options->engine_class,
			.priority = (uint8_t)options->priority,
			.ring_shift = (uint8_t)__builtin_ctz(queue->ring_entries),
			.notify_ring = htole16((uint16_t)card->notify_vector),
			.ring_pages = htole64(base),
			.record = htole64(base + PAGE_BYTES),
			.user_page = htole64(base + 2 * PAGE_BYTES),
		},
	};

	return inproc_admin_call(card, &cmd, inproc_reg32(card, ACI_REG_T_ADMIN_MS), NULL);
}

static void queue_forget(struct inproc_queue *queue)
{
	pthread_mutex_lock(&queue->card->queue_lock);
	queue->card->queues[queue->id] = NULL;
	pthread_mutex_unlock(&queue->card->queue_lock);
}

static void queue_init(struct inproc_queue *queue, struct inproc_card *card,
		       const struct transport_queue_options *options)
{
	pthread_condattr_t monotonic;

	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&queue->cond, &monotonic);
	pthread_condattr_destroy(&monotonic);
	STAILQ_INIT(&queue->pending);
	STAILQ_INIT(&queue->pushed);
	SLIST_INIT(&queue->fds);
	queue->base.transport = &card->base;
	queue->card = card;
	queue->ring_entries = options->ring_entries;
	queue->timeout_ns = (options->timeout_ms ? options->timeout_ms : TIMEOUT_DEFAULT_MS) *
			    1000000ull;
	/* Not for updates before the card knows it. */
	queue->busy = true;
}

int inproc_queue_create(struct transport *transport, const struct transport_queue_options *options,
			struct transport_queue **out)
{
	struct inproc_card *card = to_inproc(transport);
	struct inproc_queue *queue = calloc(1, sizeof(*queue));
	int ret;

	if (!queue)
		return error_set(-ENOMEM, "out of memory");
	queue_init(queue, card, options);
	ret = queue_alloc_memory(queue);
	if (ret)
		goto err_free;
	pthread_mutex_lock(&card->queue_lock);
	ret = queue_take_id(card, queue);
	pthread_mutex_unlock(&card->queue_lock);
	if (ret)
		goto err_memory;
	ret = queue_create_on_card(queue, options);
	if (ret)
		goto err_forget;
	pthread_mutex_lock(&card->queue_lock);
	queue->busy = false;
	pthread_mutex_unlock(&card->queue_lock);
	*out = &queue->base;
	return 0;

err_forget:
	queue_forget(queue);
err_memory:
	inproc_dma_free(card, &queue->memory);
err_free:
	pthread_cond_destroy(&queue->cond);
	free(queue);
	return ret;
}

void inproc_queue_cancel(struct transport_queue *base)
{
	struct inproc_queue *queue = to_queue(base);
	struct inproc_card *card = queue->card;
	struct aci_admin_cmd cmd = {
		.opcode = ACI_ADMIN_DELETE_QUEUE,
		.queue = { .queue_id = htole16((uint16_t)queue->id) },
	};

	pthread_mutex_lock(&card->queue_lock);
	while (queue->busy)
		pthread_cond_wait(&queue->cond, &card->queue_lock);
	queue->busy = true;
	pthread_mutex_unlock(&card->queue_lock);
	/* Jobs end only when the card does not touch their memory any more. */
	if (!inproc_is_wedged(card) &&
	    inproc_admin_call(card, &cmd, inproc_reg32(card, ACI_REG_T_QUEUE_RESET_MS), NULL))
		inproc_wedge(card, "a queue cannot be deleted");
	pthread_mutex_lock(&card->queue_lock);
	queue->busy = false;
	queue->deleted = true;
	if (!queue->banned) {
		queue_take_completions(queue);
		inproc_queue_end_all(queue, 0, 0, 0);
	}
	/* Others may have waited for this queue. */
	inproc_service_run(card);
	pthread_mutex_unlock(&card->queue_lock);
}

/* Jobs of other queues that waited for this one are ready, but may not have been looked at yet. */
static void queue_drop_waits(struct inproc_queue *gone)
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

void inproc_queue_free(struct transport_queue *base)
{
	struct inproc_queue *queue = to_queue(base);
	struct inproc_card *card = queue->card;

	pthread_mutex_lock(&card->queue_lock);
	card->queues[queue->id] = NULL;
	queue_drop_waits(queue);
	pthread_mutex_unlock(&card->queue_lock);
	inproc_dma_free(card, &queue->memory);
	pthread_cond_destroy(&queue->cond);
	free(queue);
}
