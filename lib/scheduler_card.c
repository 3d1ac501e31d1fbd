// SPDX-License-Identifier: MIT
/* The thread of a card: it does what the core decides, and tells it what has ended. */
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "error.h"
#include "scheduler.h"
#include "stream.h"

/* --- Work for it ------------------------------------------------------------------ */

/* The count of wake_fd: ends of batches count by one, work by this. */
#define WAKE_WORK	(UINT64_C(1) << 32)

void card_wake(struct scheduler_card *card)
{
	uint64_t work = WAKE_WORK;

	while (write(card->wake_fd, &work, sizeof(work)) < 0 && errno == EINTR)
		;
}

/* Locked. It is woken when the lock is given up. */
static void card_note_work(struct scheduler_card *card)
{
	if (card->asleep)
		card->scheduler->wake_cards |= UINT64_C(1) << card->index;
	card->asleep = false;
}

void card_push_task(struct scheduler_card *card, const struct scheduler_task *task)
{
	card->tasks[(card->task_head + card->task_count++) % card->task_room] = *task;
	card_note_work(card);
}

/*
 * Each batch brings one start and one load, each load unloads others; and before a first load that
 * did not fit all may have been unloaded.
 */
int card_reserve(struct scheduler_card *card)
{
	uint32_t services = card->scheduler->service_count + 1;
	uint32_t room = (card->scheduler->options.depth + 1) * (services + 2);
	struct scheduler_task *tasks = calloc(room, sizeof(*tasks));

	if (!tasks)
		return -ENOMEM;
	for (uint32_t i = 0; i < card->task_count; i++)
		tasks[i] = card->tasks[(card->task_head + i) % card->task_room];
	free(card->tasks);
	card->tasks = tasks;
	card->task_room = room;
	card->task_head = 0;
	return 0;
}

int card_call(struct scheduler_card *card, int (*run)(struct scheduler_card *card, void *data),
	      void *data)
{
	struct accel_scheduler *scheduler = card->scheduler;
	struct scheduler_call call = { .run = run, .data = data };

	scheduler_lock(scheduler);
	STAILQ_INSERT_TAIL(&card->calls, &call, link);
	card_note_work(card);
	scheduler_unlock(scheduler);
	scheduler_lock(scheduler);
	while (!call.done)
		pthread_cond_wait(&scheduler->cond, &scheduler->lock);
	pthread_mutex_unlock(&scheduler->lock);
	if (call.result < 0)
		error_set(call.result, "%s", call.text ? call.text : strerror(-call.result));
	free(call.text);
	return call.result;
}

static void card_do_call(struct scheduler_card *card, struct scheduler_call *call)
{
	struct accel_scheduler *scheduler = card->scheduler;

	call->result = call->run(card, call->data);
	if (call->result < 0)
		call->text = strdup(accel_last_error());
	scheduler_lock(scheduler);
	call->done = true;
	pthread_cond_broadcast(&scheduler->cond);
	pthread_mutex_unlock(&scheduler->lock);
}

/* --- Batches ---------------------------------------------------------------------- */

static void note_start(struct scheduler_card *card, struct scheduler_slot *slot)
{
	struct accel_scheduler *scheduler = card->scheduler;
	struct isched_request *core;

	scheduler_lock(scheduler);
	slot->id = ++scheduler->batch_ids;
	if (!card->in_flight++)
		card->busy_since_ns = clock_now_ns();
	TAILQ_FOREACH(core, &slot->batch->requests, link) {
		to_request(core)->card = card->index;
		to_request(core)->batch_count = slot->batch->count;
		to_request(core)->batch_id = slot->id;
	}
	pthread_mutex_unlock(&scheduler->lock);
}

/* Locked. */
static void note_end(struct scheduler_card *card, const struct isched_batch *batch, int result,
		     uint64_t now_ns)
{
	if (!--card->in_flight)
		card->busy_ns += now_ns - card->busy_since_ns;
	if (result)
		return;
	card->batches++;
	card->requests += batch->count;
}

void card_batch_done(struct scheduler_card *card, struct scheduler_slot *slot, int result,
		     bool may_retry, uint64_t exec_ns)
{
	struct accel_scheduler *scheduler = card->scheduler;
	struct isched_batch *batch = slot->batch;
	struct isched_request *core;
	uint64_t now_ns;

	if (scheduler_is_traced(scheduler))
		trace_batch(card, slot, result);
	if (result)
		TAILQ_FOREACH(core, &batch->requests, link)
			request_set_text(to_request(core), result);
	slot->batch = NULL;
	STAILQ_INSERT_TAIL(&card->idle, slot, link);
	scheduler_lock(scheduler);
	now_ns = clock_now_ns();
	note_end(card, batch, result, now_ns);
	isched_batch_done(scheduler->core, batch, result, may_retry, exec_ns, now_ns);
	scheduler_unlock(scheduler);
}

void card_batch_good(struct scheduler_card *card, struct scheduler_slot *slot)
{
	uint64_t now_ns = clock_now_ns();
	uint64_t begin_ns = slot->submit_ns > card->last_end_ns ? slot->submit_ns
								: card->last_end_ns;

	uint64_t exec_ns = now_ns > begin_ns ? now_ns - begin_ns : 1;

	card->last_end_ns = now_ns;
	/* The first run of a program says little about the others: caches, code made on demand. */
	if (!seat_note_run(card, slot->batch->model, slot->batch->count))
		exec_ns = 0;
	card_batch_done(card, slot, 0, false, exec_ns);
}

static void card_do_start(struct scheduler_card *card, struct isched_batch *batch)
{
	struct scheduler_slot *slot = STAILQ_FIRST(&card->idle);
	int ret;

	STAILQ_REMOVE_HEAD(&card->idle, link);
	slot->batch = batch;
	note_start(card, slot);
	slot->submit_ns = clock_now_ns();
	ret = card->gone ? error_set(-ENODEV, "%s is gone", card->device->info.name)
			 : seat_get_error(card, batch->model);
	if (ret) {
		card_give_back(card, slot, ret);
		return;
	}
	if (scheduler_is_traced(card->scheduler))
		trace_prepare(card, slot);
	ret = batch_prepare(card, slot);
	/* Compiling is no part of its time. */
	slot->submit_ns = clock_now_ns();
	if (!ret)
		ret = batch_enqueue(card, slot);
	if (ret)
		card_recover(card, slot, ret);
	else
		STAILQ_INSERT_TAIL(&card->running, slot, link);
}

/* Return: something has ended. */
static bool card_do_ends(struct scheduler_card *card)
{
	struct scheduler_slot *slot = STAILQ_FIRST(&card->running);
	int ret = slot ? batch_wait(slot, 0) : -EAGAIN;

	if (ret == -EAGAIN)
		return false;
	if (ret) {
		card_recover(card, NULL, ret);
		return true;
	}
	STAILQ_REMOVE_HEAD(&card->running, link);
	card_batch_good(card, slot);
	return true;
}

/* --- Models ----------------------------------------------------------------------- */

static void card_do_load(struct scheduler_card *card, uint32_t model)
{
	struct accel_scheduler *scheduler = card->scheduler;
	uint64_t begin_ns = clock_now_ns(), now_ns;
	int ret = card->gone ? error_set(-ENODEV, "%s is gone", card->device->info.name)
			     : seat_load(card, model);

	if (ret && !card->gone && card_check_loss(card))
		ret = seat_load(card, model);
	if (scheduler_is_traced(scheduler))
		trace_span(card, ACCEL_TRACE_LOAD, model, begin_ns, ret);
	scheduler_lock(scheduler);
	now_ns = clock_now_ns();
	isched_model_loaded(scheduler->core, card->index, model, !ret, now_ns - begin_ns, now_ns);
	scheduler_unlock(scheduler);
}

static void card_do_unload(struct scheduler_card *card, uint32_t model)
{
	uint64_t begin_ns = clock_now_ns();

	seat_unload(card, model);
	if (scheduler_is_traced(card->scheduler))
		trace_span(card, ACCEL_TRACE_UNLOAD, model, begin_ns, 0);
}

/* --- The thread ------------------------------------------------------------------- */

static void card_do_task(struct scheduler_card *card, const struct scheduler_task *task)
{
	if (task->kind == ISCHED_START)
		card_do_start(card, task->batch);
	else if (task->kind == ISCHED_LOAD)
		card_do_load(card, task->model);
	else
		card_do_unload(card, task->model);
}

/* Return: false: there was nothing, and it may sleep, or @over. */
static bool card_do_work(struct scheduler_card *card, bool *over)
{
	struct accel_scheduler *scheduler = card->scheduler;
	struct scheduler_call *call;
	struct scheduler_task task;
	bool has_task;

	scheduler_lock(scheduler);
	call = STAILQ_FIRST(&card->calls);
	has_task = !call && card->task_count;
	if (call) {
		STAILQ_REMOVE_HEAD(&card->calls, link);
	} else if (has_task) {
		task = card->tasks[card->task_head];
		card->task_head = (card->task_head + 1) % card->task_room;
		card->task_count--;
	}
	card->asleep = !call && !has_task;
	*over = card->asleep && card->stopping && !card->in_flight;
	pthread_mutex_unlock(&scheduler->lock);
	if (call)
		card_do_call(card, call);
	if (has_task)
		card_do_task(card, &task);
	return call || has_task;
}

/* Return: batches have ended, perhaps. */
static bool card_sleep(struct scheduler_card *card)
{
	uint64_t count = 0;

	while (read(card->wake_fd, &count, sizeof(count)) < 0 && errno == EINTR)
		;
	return count % WAKE_WORK;
}

/* To ask for ends is not free: only when one was told. */
static void card_loop(struct scheduler_card *card)
{
	bool over = false, ended = false;

	while (!over) {
		while (ended && card_do_ends(card))
			;
		while (card_do_work(card, &over))
			;
		if (!over)
			ended = card_sleep(card);
	}
}

/* --- Set-up ----------------------------------------------------------------------- */

void card_drop_streams(struct scheduler_card *card)
{
	for (uint32_t i = 0; i < SCHEDULER_STREAMS; i++) {
		struct accel_stream *stream = card->streams[i];

		for (uint32_t k = i; k < SCHEDULER_STREAMS; k++)
			if (card->streams[k] == stream)
				card->streams[k] = NULL;
		accel_stream_destroy(stream);
	}
}

static int make_stream(struct scheduler_card *card, enum accel_engine engine,
		       struct accel_stream **stream)
{
	const struct accel_stream_options options = {
		.engine = engine, .priority = ACCEL_PRIORITY_NORMAL,
		.timeout_ms = card->scheduler->options.job_timeout_ms,
	};

	return accel_stream_create(card->context, &options, stream);
}

/* Cards whose queues or copy engines are few do it all in one. */
int card_make_streams(struct scheduler_card *card)
{
	struct accel_stream **streams = card->streams;
	int ret = make_stream(card, ACCEL_ENGINE_COMPUTE, &streams[SCHEDULER_RUN]);

	if (ret)
		return ret;
	if (card->scheduler->options.depth > 1 && !make_stream(card, ACCEL_ENGINE_COPY,
							       &streams[SCHEDULER_UP]) &&
	    !make_stream(card, ACCEL_ENGINE_COPY, &streams[SCHEDULER_DOWN]))
		return 0;
	accel_stream_destroy(streams[SCHEDULER_UP]);
	streams[SCHEDULER_UP] = streams[SCHEDULER_DOWN] = streams[SCHEDULER_RUN];
	return 0;
}

static int card_make_slots(struct scheduler_card *card)
{
	int ret = 0;

	STAILQ_INIT(&card->running);
	STAILQ_INIT(&card->idle);
	for (uint32_t i = 0; i < card->scheduler->options.depth && !ret; i++) {
		struct scheduler_slot *slot = &card->slots[i];

		ret = accel_event_create(card->context, &slot->uploaded);
		if (!ret)
			ret = accel_event_create(card->context, &slot->computed);
		if (!ret)
			ret = accel_event_create(card->context, &slot->done);
		STAILQ_INSERT_TAIL(&card->idle, slot, link);
	}
	return ret;
}

static int card_find_memory(struct scheduler_card *card)
{
	uint64_t total;
	int ret = accel_memory_get_info(card->device, &total, &card->free_bytes);

	if (!ret && !total)
		card->free_bytes = UINT64_MAX;
	return ret;
}

static int card_init(struct scheduler_card *card)
{
	int ret = accel_context_create_flags(card->device, card->scheduler->options.flags,
					     &card->context);

	if (!ret)
		ret = card_make_streams(card);
	if (!ret)
		ret = card_make_slots(card);
	return ret ? ret : card_find_memory(card);
}

static void card_fini(struct scheduler_card *card)
{
	card_drop_streams(card);
	for (uint32_t i = 0; i < SCHEDULER_DEPTH_MAX; i++) {
		struct scheduler_slot *slot = &card->slots[i];

		accel_event_destroy(slot->uploaded);
		accel_event_destroy(slot->computed);
		accel_event_destroy(slot->done);
		accel_buffer_destroy(slot->workspace);
		accel_buffer_destroy(slot->stamps);
	}
	seat_fini(card);
	region_forget(card);
	accel_context_destroy(card->context);
}

static void card_publish_setup(struct scheduler_card *card, int error)
{
	struct accel_scheduler *scheduler = card->scheduler;

	scheduler_lock(scheduler);
	card->setup_error = error;
	card->setup_text = error ? strdup(accel_last_error()) : NULL;
	card->works = !error;
	card->is_set_up = true;
	pthread_cond_broadcast(&scheduler->cond);
	pthread_mutex_unlock(&scheduler->lock);
}

static void *card_thread(void *argument)
{
	struct scheduler_card *card = argument;
	int ret = card_init(card);

	card_publish_setup(card, ret);
	if (!ret)
		card_loop(card);
	card_fini(card);
	return NULL;
}

int card_start(struct scheduler_card *card)
{
	struct accel_scheduler *scheduler = card->scheduler;
	int ret;

	card->wake_fd = eventfd(0, EFD_CLOEXEC);
	if (card->wake_fd < 0)
		return error_set(-errno, "eventfd: %s", strerror(errno));
	ret = pthread_create(&card->thread, NULL, card_thread, card);
	if (ret)
		return error_set(-ret, "no thread for a card: %s", strerror(ret));
	card->has_thread = true;
	scheduler_lock(scheduler);
	while (!card->is_set_up)
		pthread_cond_wait(&scheduler->cond, &scheduler->lock);
	pthread_mutex_unlock(&scheduler->lock);
	if (card->setup_error)
		error_set(card->setup_error, "%s", card->setup_text ? card->setup_text : "");
	return card->setup_error;
}

void card_stop(struct scheduler_card *card)
{
	if (card->has_thread) {
		scheduler_lock(card->scheduler);
		card->stopping = true;
		pthread_mutex_unlock(&card->scheduler->lock);
		card_wake(card);
		pthread_join(card->thread, NULL);
	}
	if (card->wake_fd >= 0)
		close(card->wake_fd);
	free(card->tasks);
	free(card->setup_text);
}
