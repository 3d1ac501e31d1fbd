/* SPDX-License-Identifier: MIT */
/*
 * The threaded scheduler around the core in isched_core.h: clients call it, a
 * thread per card does what the core decides, one keeps the core's times, one
 * calls callbacks.
 *
 *     scheduler.c          creation, events of the core and what follows from them
 *     scheduler_request.c  clients, requests, their ends
 *     scheduler_model.c    services: models, and programs by batch size on cards
 *     scheduler_region.c   memory that all cards reach
 *     scheduler_card.c     the thread of a card: what it does next
 *     scheduler_batch.c    a batch as commands of streams
 *     scheduler_recover.c  batches that failed, cards that were lost
 *     scheduler_trace.c    what is told to a tool
 *
 * Locking, outermost first; nothing waits with one of them held, and none is
 * held when code of the user is called:
 *	scheduler->lock	the core, the queues to cards and callbacks, lists, counts
 *	request->lock	a leaf: how a request ended, and who waits for it
 * A card's context, streams, slots and programs are its thread's alone: whoever
 * wants something of them leaves a call (card_call()) and waits without a lock.
 * A request that runs is read by its card's thread without the lock: the core
 * changes only its verdict meanwhile, which that does not read. What ended under
 * the lock is handed out when it was given up (scheduler_unlock()).
 */
#ifndef LIB_SCHEDULER_H
#define LIB_SCHEDULER_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "isched_core.h"
#include "model.h"

#define SCHEDULER_DEPTH_MAX	8u
#define SCHEDULER_WEIGHT_MAX	1000000u

struct accel_client {
	struct accel_scheduler *scheduler;
	uint32_t index;			/* in the core */
	bool closed;			/* the caller has given it up */
	uint32_t live;			/* requests that have not ended */
	TAILQ_HEAD(, accel_request) requests;
	TAILQ_ENTRY(accel_client) link;
};
TAILQ_HEAD(scheduler_clients, accel_client);

/** struct request_tensor - what is left of an accel_tensor once that was checked */
struct request_tensor {
	struct accel_region *region;	/* NULL: plain memory */
	union {
		uint64_t offset;	/* in the region */
		void *data;
	};
	uint64_t bytes;
};

/** struct accel_request - constant but for core, link, lock and what is below it */
struct accel_request {
	struct isched_request core;
	struct accel_scheduler *scheduler;	/* referenced */
	struct accel_client *client;	/* until it has ended */
	struct accel_service *service;
	void (*done)(void *opaque, struct accel_request *request, int result);
	void *opaque;
	uint32_t flags;
	uint32_t refs;			/* atomic: the scheduler until it has ended, the handle */
	uint64_t id;
	uint64_t submit_ns;
	uint32_t card, batch_count;	/* of the last attempt, under scheduler->lock */
	uint64_t batch_id;
	char *text;			/* of a failure, by the card's thread; NULL: none */
	int text_error;			/* that it belongs to */
	TAILQ_ENTRY(accel_request) link;	/* of its client */
	STAILQ_ENTRY(accel_request) ended_link;	/* ended, on the way to its end */

	pthread_mutex_t lock;
	pthread_cond_t cond;
	bool has_ended;
	int result;
	int *fds;			/* eventfds, own copies */
	uint32_t fd_count;

	struct request_tensor tensors[];	/* inputs, then outputs */
};
STAILQ_HEAD(scheduler_requests, accel_request);

/** struct accel_service - constant after creation */
struct accel_service {
	struct accel_scheduler *scheduler;
	uint32_t index;			/* in the core */
	struct accel_service_options options;	/* its pointers are own copies */
	struct accel_model *facts;	/* of one request: ports; nothing on a card */
	struct accel_service_info info;
	bool shares_constants;		/* programs of all sizes, as far as was seen */
	SLIST_ENTRY(accel_service) link;
};

/** struct accel_region - buffers are of the cards' threads; users and pins under scheduler->lock */
struct accel_region {
	struct accel_scheduler *scheduler;
	uint32_t users;			/* tensors of requests that have not ended */
	uint32_t pins;			/* cards that look at it; likewise */
	uint32_t flags;			/* ACCEL_BUFFER_* */
	void *address;			/* as the CPU sees it; NULL: it does not */
	int fd;				/* imported: an own copy, else -1 */
	uint64_t bytes;
	SLIST_ENTRY(accel_region) link;
	struct accel_buffer *buffers[];	/* per card; NULL: it does not reach it */
};

/** struct scheduler_task - what a card is to do: an action of the core */
struct scheduler_task {
	enum isched_action_kind kind;
	uint32_t model;
	struct isched_batch *batch;
};

struct scheduler_card;

/** struct scheduler_call - run by a card's thread for another one, which waits */
struct scheduler_call {
	int (*run)(struct scheduler_card *card, void *data);
	void *data;
	int result;
	bool done;
	char *text;			/* of the failure; for the caller to free */
	STAILQ_ENTRY(scheduler_call) link;
};

/** struct scheduler_seat - a service's programs on a card */
struct scheduler_seat {
	struct accel_service *service;
	struct accel_model *models[ACCEL_BATCH_MAX + 1];	/* by size; [1] owns the constants */
	uint64_t runs[ACCEL_BATCH_MAX + 1];	/* of these, since they were loaded */
	int error;			/* of the last load */
	char *text;			/* of that */
};

/** struct scheduler_slot - one of the batches that a card works on */
struct scheduler_slot {
	struct isched_batch *batch;	/* NULL: free */
	struct accel_buffer *workspace;	/* NULL: none yet */
	struct accel_event *uploaded, *computed, *done;
	uint64_t submit_ns;
	uint64_t id;			/* of the batch */
	bool is_direct;			/* all of it is in one stream */
	struct accel_buffer *stamps;	/* with trace: SCHEDULER_STAMPS of the card's clock */
	STAILQ_ENTRY(scheduler_slot) link;	/* in card->running or card->idle */
};
STAILQ_HEAD(scheduler_slots, scheduler_slot);

enum scheduler_stream { SCHEDULER_UP, SCHEDULER_RUN, SCHEDULER_DOWN, SCHEDULER_STREAMS };
enum { SCHEDULER_STAMP_BEGIN, SCHEDULER_STAMP_UPLOADED, SCHEDULER_STAMP_COMPUTE,
       SCHEDULER_STAMP_COMPUTED, SCHEDULER_STAMP_DOWNLOAD, SCHEDULER_STAMP_DONE,
       SCHEDULER_STAMPS };

struct scheduler_card {
	struct accel_scheduler *scheduler;
	uint32_t index;
	struct accel_device *device;
	pthread_t thread;
	bool has_thread;

	/* under scheduler->lock */
	struct scheduler_task *tasks;	/* ring */
	uint32_t task_room, task_head, task_count;
	STAILQ_HEAD(, scheduler_call) calls;
	bool asleep;			/* and must be woken for a task or call */
	bool stopping;
	bool is_set_up;			/* or failed to be */
	int setup_error;
	char *setup_text;
	bool works;
	uint64_t batches, requests, busy_ns, busy_since_ns, losses;
	uint32_t in_flight;

	/* the thread's */
	int wake_fd;			/* tasks, calls and ends of batches; written by anyone */
	struct accel_context *context;
	bool gone;			/* the context waits for its card */
	struct accel_stream *streams[SCHEDULER_STREAMS];	/* may be one and the same */
	struct scheduler_seat **seats;	/* by service */
	uint32_t seat_count;
	struct scheduler_slot slots[SCHEDULER_DEPTH_MAX];
	struct scheduler_slots running, idle;
	uint64_t last_end_ns;
	uint64_t free_bytes;		/* of card memory when it was made; UINT64_MAX: has none */
	bool has_clock;
	int64_t clock_offset_ns;	/* from the card's clock to CLOCK_MONOTONIC */
};

struct accel_scheduler {
	pthread_mutex_t lock;
	pthread_cond_t cond;		/* calls done, requests and threads at their end */
	uint32_t refs;			/* atomic: the owner, and requests */
	struct isched *core;
	struct accel_scheduler_options options;
	const volatile char *mark;	/* of the process, see process.h */

	struct scheduler_requests ended;	/* taken out of the core, for scheduler_unlock() */
	uint64_t wake_cards;		/* bit per card, likewise */
	uint32_t live;			/* requests that have not ended */
	uint64_t request_ids, batch_ids;
	struct scheduler_clients clients;
	uint32_t *free_places;		/* of clients in the core; room for all of them */
	uint32_t free_place_count, free_place_room;
	struct accel_service **services;
	uint32_t service_count;
	uint64_t workspace_bytes;	/* of the largest batch of any service */
	SLIST_HEAD(, accel_region) regions;
	bool closing;

	pthread_t timer;
	pthread_cond_t timer_cond;
	uint64_t timer_ns;		/* when it wakes up by itself */
	bool timer_stop, has_timer;

	pthread_t notifier;
	pthread_cond_t notify_cond;
	struct scheduler_requests notify;
	bool notifier_asleep, notifier_stop, has_notifier;

	void (*trace)(void *opaque, const struct accel_trace_event *event);
	void *trace_opaque;

	uint32_t card_count;
	struct scheduler_card cards[];
};

/* --- scheduler.c ------------------------------------------------------------------ */

void scheduler_lock(struct accel_scheduler *scheduler);
/**
 * scheduler_unlock() - after events of the core
 *
 * Takes all actions out of it, gives up the lock, then wakes and tells whom they
 * concern.
 */
void scheduler_unlock(struct accel_scheduler *scheduler);
void scheduler_unref(struct accel_scheduler *scheduler);
/** scheduler_check() - not NULL, not of another process. With text */
int scheduler_check(const struct accel_scheduler *scheduler);
/** scheduler_budget() - tell the core how much memory each card has for models; locked */
void scheduler_budget(struct accel_scheduler *scheduler);

/* --- scheduler_request.c ---------------------------------------------------------- */

/** requests_end() - all of a list that have left the core; without locks. By the notifier alone, if
 * they have callbacks. The list is empty then */
void requests_end(struct accel_scheduler *scheduler, struct scheduler_requests *requests);
/** request_release() - its memory is the caller's again; locked */
void request_release(struct accel_request *request);
/** request_set_text() - what accel_last_error() says of @error, for later. By the card's thread */
void request_set_text(struct accel_request *request, int error);
/** scheduler_cancel_all() - of one client, NULL: of all; locked */
void scheduler_cancel_all(struct accel_scheduler *scheduler, struct accel_client *client);
/** scheduler_free_client() - if nothing holds it any more; locked */
void scheduler_free_client(struct accel_client *client);
static inline struct accel_request *to_request(struct isched_request *core)
{
	return (struct accel_request *)core;	/* its first member */
}

/* --- scheduler_model.c, by the card's thread -------------------------------------- */

int seat_load(struct scheduler_card *card, uint32_t model);
void seat_unload(struct scheduler_card *card, uint32_t model);
/** seat_note_run() - of the program for @count requests. Return: it was not its first one */
bool seat_note_run(struct scheduler_card *card, uint32_t model, uint32_t count);
/** seat_get_error() - how its last load failed, with text; 0: it did not */
int seat_get_error(struct scheduler_card *card, uint32_t model);
/** seat_fini() - at the end of the card */
void seat_fini(struct scheduler_card *card);
/** seat_get_model() - the program for @count requests, compiled if it is the first time */
int seat_get_model(struct scheduler_card *card, uint32_t model, uint32_t count,
		   struct accel_model **out);
void service_free(struct accel_service *service);

/* --- scheduler_region.c ----------------------------------------------------------- */

/** region_drop_imports() - before a restore on another transport; by the card's thread */
void region_drop_imports(struct scheduler_card *card);
/** region_add_missing() - what the card does not reach yet, if it can; by its thread */
void region_add_missing(struct scheduler_card *card);
/** region_forget() - all buffers of the card; by its thread */
void region_forget(struct scheduler_card *card);
/** region_free() - its buffers are gone */
void region_free(struct accel_region *region);
/** tensor_check() - against the model's; text */
int tensor_check(const struct accel_scheduler *scheduler, const struct accel_tensor *tensor,
		 const struct accel_tensor_info *info, bool is_output);
/** tensor_address() - as the CPU sees it; NULL: it does not */
void *tensor_address(const struct request_tensor *tensor);

/* --- scheduler_card.c ------------------------------------------------------------- */

/** card_start() - its thread; waits until that is set up, and returns how that went */
int card_start(struct scheduler_card *card);
/** card_stop() - nothing is in flight and no task left; waits for the thread */
void card_stop(struct scheduler_card *card);
/** card_push_task() - locked; there is always room, see card_reserve() */
void card_push_task(struct scheduler_card *card, const struct scheduler_task *task);
/** card_reserve() - room for what the core may ask for with one more service; locked */
int card_reserve(struct scheduler_card *card);
/** card_call() - @run by its thread; without locks. Return: its result, with text */
int card_call(struct scheduler_card *card, int (*run)(struct scheduler_card *card, void *data),
	      void *data);
/** card_wake() - without locks */
void card_wake(struct scheduler_card *card);
int card_make_streams(struct scheduler_card *card);
void card_drop_streams(struct scheduler_card *card);
/** card_batch_done() - tell the core, and free the slot. After a failure with its text */
void card_batch_done(struct scheduler_card *card, struct scheduler_slot *slot, int result,
		     bool may_retry, uint64_t exec_ns);
/** card_batch_good() - likewise, after batch_poll() */
void card_batch_good(struct scheduler_card *card, struct scheduler_slot *slot);

/* --- scheduler_batch.c, by the card's thread -------------------------------------- */

/** batch_prepare() - its program and workspace. Nothing else is touched by a failure */
int batch_prepare(struct scheduler_card *card, struct scheduler_slot *slot);
/** batch_enqueue() - all of it; card->wake_fd is counted up when it has ended */
int batch_enqueue(struct scheduler_card *card, struct scheduler_slot *slot);
/** batch_run_alone() - one of its requests, and wait for that */
int batch_run_alone(struct scheduler_card *card, struct scheduler_slot *slot,
		    struct accel_request *request);
/** batch_wait() - -EAGAIN: not ended in that time; else how it ended, with text */
int batch_wait(struct scheduler_slot *slot, uint64_t timeout_ns);

/* --- scheduler_recover.c, by the card's thread ------------------------------------ */

/** card_recover() - a batch failed: the oldest, or by @error @fresh, which is not in card->running */
void card_recover(struct scheduler_card *card, struct scheduler_slot *fresh, int error);
/** card_give_back() - a batch that has not started, for a card that can: this attempt does not count */
void card_give_back(struct scheduler_card *card, struct scheduler_slot *slot, int error);
/** card_try_restore() - of a card that is gone; then the core knows it. Return: it works */
bool card_try_restore(struct scheduler_card *card);
/** card_check_loss() - after something else than a batch failed. Return: it was lost, but works again */
bool card_check_loss(struct scheduler_card *card);

/* --- scheduler_trace.c ------------------------------------------------------------ */

static inline bool scheduler_is_traced(const struct accel_scheduler *scheduler)
{
	return __atomic_load_n(&scheduler->trace, __ATOMIC_ACQUIRE);
}

void trace_request(const struct accel_request *request);
/** trace_prepare() - before a batch's commands: where the card writes its time stamps */
void trace_prepare(struct scheduler_card *card, struct scheduler_slot *slot);
/** trace_batch() - it has ended, and is still the slot's */
void trace_batch(struct scheduler_card *card, const struct scheduler_slot *slot, int result);
/** trace_span() - something else, until now. @model: UINT32_MAX: of none */
void trace_span(struct scheduler_card *card, enum accel_trace_kind kind, uint32_t model,
		uint64_t begin_ns, int result);

#endif
