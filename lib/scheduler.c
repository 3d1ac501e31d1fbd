// SPDX-License-Identifier: MIT
/* The scheduler: creation and end, events of the core and what follows from them, its clock. */
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "scheduler.h"

/* Of each card's memory, for what is not models: queues, argument tables, page tables. */
#define RESERVE_BYTES	(1u << 20)

int scheduler_check(const struct accel_scheduler *scheduler)
{
	if (!scheduler)
		return error_set(-EINVAL, "the scheduler must not be NULL");
	return *scheduler->mark ? 0 : process_error();
}

void scheduler_unref(struct accel_scheduler *scheduler)
{
	if (__atomic_sub_fetch(&scheduler->refs, 1, __ATOMIC_ACQ_REL))
		return;
	pthread_mutex_destroy(&scheduler->lock);
	pthread_cond_destroy(&scheduler->cond);
	pthread_cond_destroy(&scheduler->timer_cond);
	pthread_cond_destroy(&scheduler->notify_cond);
	process_unmark(scheduler->mark);
	free(scheduler);
}

/* --- Events ----------------------------------------------------------------------- */

void scheduler_lock(struct accel_scheduler *scheduler)
{
	pthread_mutex_lock(&scheduler->lock);
}

static void take_action(struct accel_scheduler *scheduler, const struct isched_action *action)
{
	struct scheduler_card *card;

	if (action->kind == ISCHED_END) {
		struct accel_request *request = to_request(action->request);

		request_release(request);
		STAILQ_INSERT_TAIL(&scheduler->ended, request, ended_link);
		return;
	}
	card = &scheduler->cards[action->card];
	card_push_task(card, &(struct scheduler_task) {
		.kind = action->kind, .model = action->model,
		.batch = action->kind == ISCHED_START ? action->batch : NULL,
	});
}

static void take_actions(struct accel_scheduler *scheduler)
{
	struct isched_action *action;
	uint64_t wake_ns;

	while ((action = isched_next_action(scheduler->core)))
		take_action(scheduler, action);
	wake_ns = isched_next_wake_ns(scheduler->core);
	if (wake_ns < scheduler->timer_ns) {
		scheduler->timer_ns = wake_ns;
		pthread_cond_signal(&scheduler->timer_cond);
	}
}

/* Return: those that have no callback, and end here. */
static struct scheduler_requests take_ended(struct accel_scheduler *scheduler)
{
	struct scheduler_requests silent = STAILQ_HEAD_INITIALIZER(silent);
	struct accel_request *request;

	while ((request = STAILQ_FIRST(&scheduler->ended))) {
		STAILQ_REMOVE_HEAD(&scheduler->ended, ended_link);
		if (request->done) {
			STAILQ_INSERT_TAIL(&scheduler->notify, request, ended_link);
			if (scheduler->notifier_asleep)
				pthread_cond_signal(&scheduler->notify_cond);
			scheduler->notifier_asleep = false;
		} else {
			STAILQ_INSERT_TAIL(&silent, request, ended_link);
		}
	}
	return silent;
}

void scheduler_unlock(struct accel_scheduler *scheduler)
{
	struct scheduler_requests silent;
	uint64_t wake;

	take_actions(scheduler);
	silent = take_ended(scheduler);
	wake = scheduler->wake_cards;
	scheduler->wake_cards = 0;
	pthread_mutex_unlock(&scheduler->lock);
	for (; wake; wake &= wake - 1)
		card_wake(&scheduler->cards[__builtin_ctzll(wake)]);
	if (!STAILQ_EMPTY(&silent))
		requests_end(scheduler, &silent);
}

void scheduler_budget(struct accel_scheduler *scheduler)
{
	uint64_t others = RESERVE_BYTES + scheduler->options.depth * scheduler->workspace_bytes;

	for (uint32_t i = 0; i < scheduler->card_count; i++) {
		const struct scheduler_card *card = &scheduler->cards[i];
		uint64_t bytes = card->free_bytes;

		if (bytes != UINT64_MAX)
			bytes = bytes > others ? bytes - others : 0;
		isched_set_memory(scheduler->core, i, bytes);
	}
}

/* --- Its threads ------------------------------------------------------------------ */

static struct timespec to_timespec(uint64_t ns)
{
	return (struct timespec) {
		.tv_sec = (time_t)(ns / 1000000000u), .tv_nsec = (long)(ns % 1000000000u),
	};
}

/* The core tells when it wants to be asked; whoever gives it an event may make that earlier. */
static void *timer_thread(void *argument)
{
	struct accel_scheduler *scheduler = argument;

	scheduler_lock(scheduler);
	while (!scheduler->timer_stop) {
		struct timespec until = to_timespec(scheduler->timer_ns);
		uint64_t now_ns = clock_now_ns();

		if (now_ns < scheduler->timer_ns) {
			pthread_cond_timedwait(&scheduler->timer_cond, &scheduler->lock, &until);
			continue;
		}
		isched_tick(scheduler->core, now_ns);
		scheduler->timer_ns = ISCHED_NEVER;
		scheduler_unlock(scheduler);
		scheduler_lock(scheduler);
	}
	pthread_mutex_unlock(&scheduler->lock);
	return NULL;
}

static void *notifier_thread(void *argument)
{
	struct accel_scheduler *scheduler = argument;
	struct scheduler_requests requests = STAILQ_HEAD_INITIALIZER(requests);

	scheduler_lock(scheduler);
	for (;;) {
		while (STAILQ_EMPTY(&scheduler->notify) && !scheduler->notifier_stop) {
			scheduler->notifier_asleep = true;
			pthread_cond_wait(&scheduler->notify_cond, &scheduler->lock);
		}
		if (STAILQ_EMPTY(&scheduler->notify))
			break;
		STAILQ_CONCAT(&requests, &scheduler->notify);
		pthread_mutex_unlock(&scheduler->lock);
		requests_end(scheduler, &requests);
		scheduler_lock(scheduler);
	}
	pthread_mutex_unlock(&scheduler->lock);
	return NULL;
}

static int start_threads(struct accel_scheduler *scheduler)
{
	int ret = pthread_create(&scheduler->timer, NULL, timer_thread, scheduler);

	scheduler->has_timer = !ret;
	if (!ret)
		ret = pthread_create(&scheduler->notifier, NULL, notifier_thread, scheduler);
	scheduler->has_notifier = scheduler->has_timer && !ret;
	if (ret)
		return error_set(-ret, "no thread for the scheduler: %s", strerror(ret));
	for (uint32_t i = 0; i < scheduler->card_count && !ret; i++)
		ret = card_start(&scheduler->cards[i]);
	return ret;
}

static void stop_threads(struct accel_scheduler *scheduler)
{
	for (uint32_t i = 0; i < scheduler->card_count; i++)
		card_stop(&scheduler->cards[i]);
	scheduler_lock(scheduler);
	scheduler->timer_stop = true;
	scheduler->notifier_stop = true;
	pthread_cond_signal(&scheduler->timer_cond);
	pthread_cond_signal(&scheduler->notify_cond);
	pthread_mutex_unlock(&scheduler->lock);
	if (scheduler->has_timer)
		pthread_join(scheduler->timer, NULL);
	if (scheduler->has_notifier)
		pthread_join(scheduler->notifier, NULL);
}

/* --- Create and destroy ----------------------------------------------------------- */

static int check_options(const struct accel_scheduler_options *options)
{
	if ((unsigned int)options->policy > ACCEL_POLICY_PRIORITY)
		return error_set(-EINVAL, "unknown policy %d", (int)options->policy);
	if (options->flags & ~(uint32_t)ACCEL_CONTEXT_KERNEL_QUEUES)
		return error_set(-EINVAL, "unknown scheduler flags 0x%x", options->flags);
	if (options->depth > SCHEDULER_DEPTH_MAX)
		return error_set(-EINVAL, "depth: %u batches on a card at once are too many, %u at "
				 "most", options->depth, SCHEDULER_DEPTH_MAX);
	if (options->job_timeout_ms > 600000)
		return error_set(-EINVAL, "job_timeout_ms is 600000 at most");
	if (options->ageing_ns > ISCHED_SPAN_MAX_NS)
		return error_set(-EINVAL, "ageing_ns is %llu at most",
				 (unsigned long long)ISCHED_SPAN_MAX_NS);
	for (int i = 0; i < ISCHED_PRIORITIES; i++)
		if (options->reserve_permille[i] > 1000)
			return error_set(-EINVAL, "reserve_permille[%d] is 1000 at most", i);
	return 0;
}

static int check_devices(struct accel_device *const *devices, uint32_t count)
{
	if (!devices || !count || count > ISCHED_CARDS_MAX)
		return error_set(-EINVAL, "a scheduler has 1 to %u cards", ISCHED_CARDS_MAX);
	for (uint32_t i = 0; i < count; i++) {
		int ret = devices[i] ? device_check_process(devices[i])
				     : error_set(-EINVAL, "device %u must not be NULL", i);

		if (ret)
			return ret;
		if (!device_get_tcs(devices[i]))
			return error_set(-ENOTSUP, "%s cannot run models: it has no tensor command "
					 "set", devices[i]->info.name);
		for (uint32_t k = 0; k < i; k++)
			if (devices[k] == devices[i])
				return error_set(-EINVAL, "devices %u and %u are the same", k, i);
	}
	return 0;
}

static int make_core(struct accel_scheduler *scheduler)
{
	const struct accel_scheduler_options *options = &scheduler->options;
	struct isched_options core = {
		.policy = (enum isched_policy)options->policy, .cards = scheduler->card_count,
		.depth = options->depth, .queue_limit = options->queue_limit,
		.ageing_ns = options->ageing_ns,
	};
	int ret;

	memcpy(core.reserve_permille, options->reserve_permille, sizeof(core.reserve_permille));
	ret = isched_create(&core, &scheduler->core);
	if (ret == -EINVAL)
		return error_set(ret, "queue_limit: %u are too many", options->queue_limit);
	return ret ? error_set(ret, "out of memory") : 0;
}

static void init_locks(struct accel_scheduler *scheduler)
{
	pthread_condattr_t monotonic;

	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&scheduler->timer_cond, &monotonic);
	pthread_condattr_destroy(&monotonic);
	pthread_cond_init(&scheduler->cond, NULL);
	pthread_cond_init(&scheduler->notify_cond, NULL);
	pthread_mutex_init(&scheduler->lock, NULL);
}

static struct accel_scheduler *scheduler_new(struct accel_device *const *devices, uint32_t count,
					     const struct accel_scheduler_options *options)
{
	struct accel_scheduler *scheduler =
		calloc(1, sizeof(*scheduler) + count * sizeof(scheduler->cards[0]));

	if (!scheduler)
		return NULL;
	scheduler->mark = process_mark();
	if (!scheduler->mark) {
		free(scheduler);
		return NULL;
	}
	scheduler->refs = 1;
	scheduler->options = *options;
	if (!scheduler->options.depth)
		scheduler->options.depth = 2;
	scheduler->timer_ns = ISCHED_NEVER;
	STAILQ_INIT(&scheduler->ended);
	STAILQ_INIT(&scheduler->notify);
	TAILQ_INIT(&scheduler->clients);
	init_locks(scheduler);
	scheduler->card_count = count;
	for (uint32_t i = 0; i < count; i++) {
		scheduler->cards[i] = (struct scheduler_card) {
			.scheduler = scheduler, .index = i, .device = devices[i], .wake_fd = -1,
		};
		STAILQ_INIT(&scheduler->cards[i].calls);
	}
	return scheduler;
}

int accel_scheduler_create(struct accel_device *const *devices, uint32_t count,
			   const struct accel_scheduler_options *options,
			   struct accel_scheduler **out)
{
	static const struct accel_scheduler_options defaults;
	struct accel_scheduler *scheduler;
	int ret;

	if (!out)
		return error_set(-EINVAL, "scheduler must not be NULL");
	*out = NULL;
	if (!options)
		options = &defaults;
	ret = check_options(options);
	if (!ret)
		ret = check_devices(devices, count);
	if (ret)
		return ret;
	scheduler = scheduler_new(devices, count, options);
	if (!scheduler)
		return error_set(-ENOMEM, "out of memory");
	ret = make_core(scheduler);
	if (!ret)
		ret = start_threads(scheduler);
	if (ret) {
		accel_scheduler_destroy(scheduler);
		return ret;
	}
	scheduler_lock(scheduler);
	scheduler_budget(scheduler);
	pthread_mutex_unlock(&scheduler->lock);
	*out = scheduler;
	return 0;
}

/* What waits ends now, what runs with its batch; then nobody is left who would need a thread. */
static void end_requests(struct accel_scheduler *scheduler)
{
	scheduler_lock(scheduler);
	scheduler->closing = true;
	if (scheduler->core)
		scheduler_cancel_all(scheduler, NULL);
	while (scheduler->live) {
		scheduler_unlock(scheduler);
		scheduler_lock(scheduler);
		if (scheduler->live)
			pthread_cond_wait(&scheduler->cond, &scheduler->lock);
	}
	pthread_mutex_unlock(&scheduler->lock);
}

static void free_clients(struct accel_scheduler *scheduler)
{
	struct accel_client *client;

	while ((client = TAILQ_FIRST(&scheduler->clients))) {
		TAILQ_REMOVE(&scheduler->clients, client, link);
		free(client);
	}
}

static void free_regions(struct accel_scheduler *scheduler)
{
	struct accel_region *region;

	while ((region = SLIST_FIRST(&scheduler->regions))) {
		SLIST_REMOVE_HEAD(&scheduler->regions, link);
		region_free(region);
	}
}

void accel_scheduler_destroy(struct accel_scheduler *scheduler)
{
	if (!scheduler || !*scheduler->mark)
		return;
	end_requests(scheduler);
	stop_threads(scheduler);
	for (uint32_t i = 0; i < scheduler->service_count; i++)
		service_free(scheduler->services[i]);
	free(scheduler->services);
	free_clients(scheduler);
	free(scheduler->free_places);
	free_regions(scheduler);
	isched_destroy(scheduler->core);
	scheduler->core = NULL;
	scheduler_unref(scheduler);
}

/* --- Cards and figures ------------------------------------------------------------ */

static int call_rescan(struct scheduler_card *card, void *data)
{
	(void)data;
	return !card->gone || card_try_restore(card);
}

int accel_scheduler_rescan(struct accel_scheduler *scheduler)
{
	int works = 0, ret = scheduler_check(scheduler);

	for (uint32_t i = 0; !ret && i < scheduler->card_count; i++)
		works += card_call(&scheduler->cards[i], call_rescan, NULL);
	return ret ? ret : works;
}

int accel_scheduler_get_stats(struct accel_scheduler *scheduler,
			      struct accel_scheduler_stats *stats)
{
	struct isched_stats core;
	int ret = scheduler_check(scheduler);

	if (ret)
		return ret;
	if (!stats)
		return error_set(-EINVAL, "stats must not be NULL");
	scheduler_lock(scheduler);
	core = isched_get_stats(scheduler->core);
	*stats = (struct accel_scheduler_stats) {
		.submitted = core.submitted, .refused_deadline = core.refused_deadline,
		.refused_full = core.refused_full, .ended_well = core.ended_well,
		.ended_late = core.ended_late, .ended_badly = core.ended_badly,
		.cancelled = core.cancelled, .timed_out = core.timed_out,
		.pending = isched_pending(scheduler->core), .batches = core.batches,
		.retries = core.retries, .loads = core.loads, .moved = core.moved,
		.wait_max_ns = core.wait_max_ns,
	};
	pthread_mutex_unlock(&scheduler->lock);
	return 0;
}

int accel_scheduler_get_card_stats(struct accel_scheduler *scheduler, uint32_t index,
				   struct accel_scheduler_card_stats *stats)
{
	const struct scheduler_card *card;
	int ret = scheduler_check(scheduler);

	if (ret)
		return ret;
	if (!stats)
		return error_set(-EINVAL, "stats must not be NULL");
	if (index >= scheduler->card_count)
		return error_set(-EINVAL, "the scheduler has %u cards, no card %u",
				 scheduler->card_count, index);
	card = &scheduler->cards[index];
	scheduler_lock(scheduler);
	*stats = (struct accel_scheduler_card_stats) {
		.works = card->works, .running = card->in_flight, .batches = card->batches,
		.requests = card->requests, .busy_ns = card->busy_ns, .losses = card->losses,
	};
	if (card->in_flight)
		stats->busy_ns += clock_now_ns() - card->busy_since_ns;
	pthread_mutex_unlock(&scheduler->lock);
	return 0;
}
