/* SPDX-License-Identifier: MIT */
/*
 * The in-process transport: a kernel queue, shared by inproc_queue.c (calls)
 * and inproc_service.c (completions).
 *
 * A job waits in "pending" for the jobs it depends on and for room in the
 * ring, then is in "pushed" until the card completed it. The first error bans
 * the queue: what is left ends with it.
 *
 * Locking: all of it is under queue_lock of the card.
 */
#ifndef LIB_INPROC_QUEUE_H
#define LIB_INPROC_QUEUE_H

#include "inproc.h"

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

struct inproc_fd {
	SLIST_ENTRY(inproc_fd) link;
	uint64_t point;
	int fd;
};

struct inproc_queue {
	struct transport_queue base;
	struct inproc_card *card;
	uint32_t id;
	uint32_t ring_entries;
	uint64_t timeout_ns;

	struct inproc_dma memory;	/* ring, page list, record, user page */
	struct aci_desc *ring;
	struct aci_queue_record *record;
	struct aci_queue_user_page *user;

	uint64_t tail;
	uint64_t completed;		/* last seen and checked */
	uint64_t armed;			/* notify_at */
	uint64_t notify_taken;
	struct inproc_jobs pending;
	struct inproc_jobs pushed;
	uint64_t submitted;		/* jobs */
	uint64_t ended;			/* jobs */
	uint64_t jobs_completed;
	uint64_t descs_submitted;

	uint64_t watched_point;		/* the job whose engine time is counted */
	uint64_t watched_active_ns;	/* active_ns when it came first */

	bool banned;			/* takes no more jobs */
	bool busy;			/* an admin command acts on it, without queue_lock */
	bool deleted;			/* the card does not know it any more */
	uint32_t error;
	uint32_t error_count;
	uint64_t error_index;
	uint64_t error_info;

	pthread_cond_t cond;
	SLIST_HEAD(, inproc_fd) fds;
};

/* With queue_lock held. */

/** inproc_queue_update() - take in completions, push ready jobs. Return: did jobs end? */
bool inproc_queue_update(struct inproc_queue *queue);
/** inproc_queue_end_all() - end what is left, with @status; 0: cancelled */
void inproc_queue_end_all(struct inproc_queue *queue, uint32_t status, uint64_t index,
			  uint64_t info);
/** inproc_service_run() - look at rings and queues until nothing changes */
void inproc_service_run(struct inproc_card *card);
/** inproc_service_watch() - a job starts now that may use @timeout_ns of engine time */
void inproc_service_watch(struct inproc_card *card, uint64_t timeout_ns);

#endif
