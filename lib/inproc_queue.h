/* SPDX-License-Identifier: MIT */
/*
 * The in-process transport: queues. What they have in common is in
 * inproc_queue.c; kernel queues are in inproc_jobs.c, user queues in
 * inproc_user.c; inproc_service.c brings completions.
 *
 * A job of a kernel queue waits in "pending" for the jobs it depends on and for
 * room in the ring, then is in "pushed" until the card completed it. The first
 * error bans the queue: what is left ends with it. Of a user queue this side
 * only knows who waits for which count.
 *
 * Locking: all of it is under queue_lock of the card, but the ring of a user
 * queue, which is its producer's.
 */
#ifndef LIB_INPROC_QUEUE_H
#define LIB_INPROC_QUEUE_H

#include "inproc.h"
#include "user_queue.h"

struct inproc_job {
	STAILQ_ENTRY(inproc_job) link;
	uint64_t point;
	uint64_t end;			/* index past its last descriptor, once pushed */
	struct transport_wait *waits;
	uint32_t wait_count;
	uint32_t desc_count;
	struct aci_desc descs[];
};

STAILQ_HEAD(inproc_jobs, inproc_job);

/** struct inproc_fd - an eventfd that waits for a point */
struct inproc_fd {
	SLIST_ENTRY(inproc_fd) link;
	uint64_t point;
	int fd;
};

/** struct inproc_waiter - a thread that waits for a point of a user queue */
struct inproc_waiter {
	LIST_ENTRY(inproc_waiter) link;
	uint64_t point;
};

struct inproc_queue {
	struct transport_queue base;
	struct inproc_card *card;
	uint32_t id;
	bool is_user;

	struct inproc_dma memory;	/* ring, page list, record, user page */
	struct aci_queue_record *record;
	struct user_queue ring;

	uint64_t completed;		/* last seen and checked */
	uint64_t armed;			/* notify_at */
	uint64_t notify_taken;
	bool busy;			/* an admin command acts on it, without queue_lock */
	bool deleted;			/* the card does not know it any more */
	pthread_cond_t cond;
	SLIST_HEAD(, inproc_fd) fds;

	/* of a user queue */
	LIST_HEAD(, inproc_waiter) waiters;

	/* of a kernel queue */
	uint64_t timeout_ns;
	struct inproc_jobs pending;
	struct inproc_jobs pushed;
	uint64_t submitted;		/* jobs */
	uint64_t ended;			/* jobs */
	uint64_t jobs_completed;
	uint64_t descs_submitted;

	uint64_t watched_point;		/* the job whose engine time is counted */
	uint64_t watched_active_ns;	/* active_ns when it came first */

	bool banned;			/* takes no more jobs */
	uint32_t error;
	uint32_t error_count;
	uint64_t error_index;
	uint64_t error_info;
};

static inline struct inproc_queue *to_queue(struct transport_queue *base)
{
	return (struct inproc_queue *)base;
}

/* --- inproc_queue.c --------------------------------------------------------------- */

/** inproc_queue_new() - memory, an id, and the queue on the card; it is busy until _start() */
int inproc_queue_new(struct inproc_card *card, const struct transport_queue_options *options,
		     bool user, struct inproc_queue **queue);
/** inproc_queue_start() - it is set up: updates may come */
void inproc_queue_start(struct inproc_queue *queue);
/** inproc_queue_delete() - the card forgets it; whoever waits must be told after it */
void inproc_queue_delete(struct inproc_queue *queue);
void inproc_queue_free(struct inproc_queue *queue);
/** inproc_queue_add_fd() - a copy of @fd is counted up by inproc_queue_signal() */
int inproc_queue_add_fd(struct inproc_queue *queue, uint64_t point, int fd);

/* With queue_lock held. */

/** inproc_queue_signal() - wake threads, and the eventfds of points up to @point */
void inproc_queue_signal(struct inproc_queue *queue, uint64_t point);
/** inproc_queue_sleep() - until signalled. Return: 0 or ETIMEDOUT */
int inproc_queue_sleep(struct inproc_queue *queue, uint64_t deadline_ns);
/** inproc_queue_arm() - an interrupt at @count, unless armed. Return: it is there already */
bool inproc_queue_arm(struct inproc_queue *queue, uint64_t count);
/** inproc_queue_read() - what the record tells */
void inproc_queue_read(struct inproc_queue *queue, struct drm_aci_query_queue *state);

/* --- inproc_jobs.c, with queue_lock held ------------------------------------------ */

/** inproc_jobs_update() - take in completions, push ready jobs. Return: did jobs end? */
bool inproc_jobs_update(struct inproc_queue *queue);
/** inproc_jobs_end_all() - end what is left, with @status; 0: cancelled */
void inproc_jobs_end_all(struct inproc_queue *queue, uint32_t status, uint64_t index,
			 uint64_t info);
/** inproc_jobs_drop_waits() - nobody waits for @gone any more */
void inproc_jobs_drop_waits(struct inproc_queue *gone);

/* --- inproc_user.c, with queue_lock held ------------------------------------------ */

/** inproc_user_update() - wake those whose count is reached, arm for the others */
void inproc_user_update(struct inproc_queue *queue);
bool inproc_user_is_awaited(const struct inproc_queue *queue);

/* --- inproc_service.c, with queue_lock held --------------------------------------- */

/** inproc_service_run() - look at rings and queues until nothing changes */
void inproc_service_run(struct inproc_card *card);
/** inproc_service_watch() - a job starts now that may use @timeout_ns of engine time */
void inproc_service_watch(struct inproc_card *card, uint64_t timeout_ns);

#endif
