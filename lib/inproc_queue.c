// SPDX-License-Identifier: MIT
/* The in-process transport: what kernel and user queues have in common. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "error.h"
#include "inproc_queue.h"

/* --- Who waits -------------------------------------------------------------------- */

void inproc_queue_signal(struct inproc_queue *queue, uint64_t point)
{
	struct inproc_fd *notify, *next;
	uint64_t one = 1;

	pthread_cond_broadcast(&queue->cond);
	for (notify = SLIST_FIRST(&queue->fds); notify; notify = next) {
		next = SLIST_NEXT(notify, link);
		if (notify->point > point)
			continue;
		SLIST_REMOVE(&queue->fds, notify, inproc_fd, link);
		/* A full counter is readable as well: nothing is lost. */
		if (write(notify->fd, &one, sizeof(one)) < 0)
			error_set(-errno, "eventfd: %s", strerror(errno));
		close(notify->fd);
		free(notify);
	}
}

int inproc_queue_sleep(struct inproc_queue *queue, uint64_t deadline_ns)
{
	struct timespec until = {
		.tv_sec = (time_t)(deadline_ns / 1000000000u),
		.tv_nsec = (long)(deadline_ns % 1000000000u),
	};

	if (deadline_ns == DEADLINE_NEVER)
		return pthread_cond_wait(&queue->cond, &queue->card->queue_lock);
	return pthread_cond_timedwait(&queue->cond, &queue->card->queue_lock, &until);
}

int inproc_queue_add_fd(struct inproc_queue *queue, uint64_t point, int fd)
{
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
	pthread_mutex_unlock(&queue->card->queue_lock);
	return 0;
}

bool inproc_queue_arm(struct inproc_queue *queue, uint64_t count)
{
	if (queue->armed != count) {
		queue->armed = count;
		shared_write64(&queue->record->notify_at, count);
		/* The card must see it, or we its count. */
		device_mb();
	}
	return shared_read64(&queue->record->completed) >= count ||
	       shared_read32(&queue->record->state) == ACI_QUEUE_STATE_ERROR;
}

void inproc_queue_read(struct inproc_queue *queue, struct drm_aci_query_queue *state)
{
	struct aci_queue_record *record = queue->record;

	*state = (struct drm_aci_query_queue) {
		.state = shared_read32(&record->state),
		.completed = shared_read64(&record->completed),
		.error = shared_read32(&record->error),
		.error_index = shared_read64(&record->error_index),
		.error_info = shared_read64(&record->error_info),
		.active_ns = shared_read64(&record->active_ns),
		.macs = shared_read64(&record->macs),
		.bytes = shared_read64(&record->bytes),
	};
}

/* --- Create and destroy ----------------------------------------------------------- */

static void queue_kick(struct user_queue *ring)
{
	struct inproc_queue *queue = (struct inproc_queue *)((char *)ring -
							     offsetof(struct inproc_queue, ring));

	vcard_kick(queue->card->vcard, queue->id);
}

static int queue_alloc_memory(struct inproc_queue *queue)
{
	uint64_t ring_bytes = (uint64_t)queue->ring.entries * ACI_DESC_BYTES;
	uint64_t pages = ring_bytes / PAGE_BYTES;
	struct inproc_dma *memory = &queue->memory;
	__le64 *list;
	int ret = inproc_dma_alloc(queue->card, ring_bytes + 3 * PAGE_BYTES, memory);

	if (ret)
		return ret;
	list = (__le64 *)((char *)memory->cpu + ring_bytes);
	queue->ring.ring = memory->cpu;
	queue->ring.page = (struct aci_queue_user_page *)((char *)list + 2 * PAGE_BYTES);
	queue->record = (struct aci_queue_record *)((char *)list + PAGE_BYTES);
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

static void queue_find_doorbell(struct inproc_queue *queue)
{
	struct inproc_card *card = queue->card;
	uint64_t offset = (uint64_t)queue->id << card->db_shift;

	if (offset + sizeof(uint32_t) <= card->doorbells.bytes)
		queue->ring.doorbell = (__le32 *)((char *)card->doorbells.map + offset);
	if (card->cap & ACI_CAP_KICK)
		queue->ring.kick = queue_kick;
}

static int queue_create_on_card(struct inproc_queue *queue,
				const struct transport_queue_options *options)
{
	struct inproc_card *card = queue->card;
	uint64_t base = queue->memory.address + (uint64_t)queue->ring.entries * ACI_DESC_BYTES;
	struct aci_admin_cmd cmd = {
		.opcode = ACI_ADMIN_CREATE_QUEUE,
		.create_queue = {
			.queue_id = htole16((uint16_t)queue->id),
			.vm_id = htole16((uint16_t)options->vm_id),
			.engine_class = (uint8_t)options->engine_class,
			.priority = (uint8_t)options->priority,
			.ring_shift = (uint8_t)__builtin_ctz(queue->ring.entries),
			.flags = queue->is_user ? ACI_QUEUE_F_USER : 0,
			.notify_ring = htole16((uint16_t)card->notify_vector),
			/* Nobody here counts the time of a user queue's jobs. */
			.watchdog_ms = htole32(queue->is_user ? (uint32_t)(queue->timeout_ns /
									   1000000u) : 0),
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
	inproc_jobs_drop_waits(queue);
	pthread_mutex_unlock(&queue->card->queue_lock);
}

#define TIMEOUT_DEFAULT_MS	10000u

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
	LIST_INIT(&queue->waiters);
	queue->base.transport = &card->base;
	queue->card = card;
	queue->ring.entries = options->ring_entries;
	queue->timeout_ns = (options->timeout_ms ? options->timeout_ms : TIMEOUT_DEFAULT_MS) *
			    1000000ull;
	/* Not for updates before the card knows it. */
	queue->busy = true;
}

int inproc_queue_new(struct inproc_card *card, const struct transport_queue_options *options,
		     bool user, struct inproc_queue **out)
{
	struct inproc_queue *queue = calloc(1, sizeof(*queue));
	int ret;

	if (!queue)
		return error_set(-ENOMEM, "out of memory");
	queue_init(queue, card, options);
	queue->is_user = user;
	ret = queue_alloc_memory(queue);
	if (ret)
		goto err_free;
	pthread_mutex_lock(&card->queue_lock);
	ret = queue_take_id(card, queue);
	pthread_mutex_unlock(&card->queue_lock);
	if (ret)
		goto err_memory;
	queue_find_doorbell(queue);
	ret = queue_create_on_card(queue, options);
	if (ret)
		goto err_forget;
	*out = queue;
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

void inproc_queue_start(struct inproc_queue *queue)
{
	pthread_mutex_lock(&queue->card->queue_lock);
	queue->busy = false;
	pthread_mutex_unlock(&queue->card->queue_lock);
}

void inproc_queue_delete(struct inproc_queue *queue)
{
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
	pthread_mutex_unlock(&card->queue_lock);
}

void inproc_queue_free(struct inproc_queue *queue)
{
	queue_forget(queue);
	inproc_dma_free(queue->card, &queue->memory);
	pthread_cond_destroy(&queue->cond);
	free(queue);
}
