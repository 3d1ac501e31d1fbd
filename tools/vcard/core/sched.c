// SPDX-License-Identifier: MIT

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <aci/aci_admin.h>
#include <aci/aci_status.h>

#include "../engines/ops.h"
#include "vcard.h"

#define CLOCK_IDLE_NS	(200 * NS_PER_MS)	/* the health model */
#define CLOCK_BUSY_NS	(5 * NS_PER_MS)		/* something runs or waits */

int sched_init(struct vcard *card)
{
	struct sched *sched = &card->sched;
	const unsigned int counts[ENGINE_CLASSES] = {
		[ACI_ENGINE_CLASS_COPY] = card->config.copy_engines,
		[ACI_ENGINE_CLASS_COMPUTE] = card->config.compute_engines,
	};

	TAILQ_INIT(&sched->waiting);
	sched->min_share_permille = MIN_SHARE_DEFAULT;
	pthread_cond_init(&sched->released, NULL);
	for (unsigned int class = 0; class < ENGINE_CLASSES; class++) {
		for (unsigned int prio = 0; prio <= ACI_PRIORITY_MAX; prio++)
			TAILQ_INIT(&sched->ready[class][prio]);
		sched->engine_count += counts[class];
	}
	sched->engines = calloc(sched->engine_count, sizeof(*sched->engines));
	if (!sched->engines)
		return -ENOMEM;
	for (unsigned int i = 0; i < sched->engine_count; i++) {
		struct engine *engine = &sched->engines[i];

		engine->card = card;
		engine->class = i >= counts[ACI_ENGINE_CLASS_COPY];
		engine->index = engine->class ? i - counts[ACI_ENGINE_CLASS_COPY] : i;
		pthread_cond_init(&engine->work, NULL);
	}
	return 0;
}

/* --- Ready lists (card->lock) --- */

static void ready_insert(struct queue *queue, uint64_t now_ns)
{
	struct sched *sched = &queue->card->sched;

	queue->schedule = QUEUE_READY;
	queue->ready_since_ns = now_ns;
	TAILQ_INSERT_TAIL(&sched->ready[queue->engine_class][queue->priority], queue, link);
	atomic_fetch_add(&sched->ready_count[queue->engine_class], 1);
}

static void ready_remove(struct queue *queue)
{
	struct sched *sched = &queue->card->sched;

	TAILQ_REMOVE(&sched->ready[queue->engine_class][queue->priority], queue, link);
	atomic_fetch_sub(&sched->ready_count[queue->engine_class], 1);
}

static bool read_cpu_clock(const struct engine *engine, uint64_t *ns)
{
	struct timespec ts;

	if (clock_gettime(engine->cpu_clock, &ts))
		return false;
	*ns = (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
	return true;
}

static void ask_to_let_go(struct engine *engine)
{
	if (atomic_load(&engine->preempt))
		return;
	engine->asked_ns = time_now_ns();
	if (!read_cpu_clock(engine, &engine->asked_cpu_ns))
		engine->asked_cpu_ns = UINT64_MAX;
	atomic_store(&engine->preempt, true);
}

/* How long did it take? */
static void note_preemption(struct engine *engine, uint64_t now_ns)
{
	uint64_t cpu_ns, used_ns = 0;

	if (!atomic_load(&engine->preempt))
		return;
	if (read_cpu_clock(engine, &cpu_ns) && cpu_ns > engine->asked_cpu_ns)
		used_ns = cpu_ns - engine->asked_cpu_ns;
	engine->preemptions++;
	engine->preempt_late += used_ns > PREEMPT_MAX_US * NS_PER_US;
	engine->preempt_max_ns = MAX(engine->preempt_max_ns, now_ns - engine->asked_ns);
	engine->preempt_cpu_max_ns = MAX(engine->preempt_cpu_max_ns, used_ns);
}

/* Wake an idle engine, or ask one that runs something less urgent to let go. */
static void ready_announce(struct queue *queue)
{
	struct sched *sched = &queue->card->sched;
	struct engine *least = NULL;

	for (unsigned int i = 0; i < sched->engine_count; i++) {
		struct engine *engine = &sched->engines[i];

		if (engine->class != queue->engine_class)
			continue;
		if (!engine->queue) {
			pthread_cond_signal(&engine->work);
			return;
		}
		if (engine->protected || engine->queue->priority >= queue->priority)
			continue;
		if (!least || engine->queue->priority < least->queue->priority)
			least = engine;
	}
	if (least)
		ask_to_let_go(least);
}

void sched_wake(struct queue *queue)
{
	if (queue->state != ACI_QUEUE_STATE_RUNNING || !queue->card->running)
		return;
	switch (queue->schedule) {
	case QUEUE_BUSY:
		queue->rescan = true;
		return;
	case QUEUE_READY:
		return;
	case QUEUE_WAITING:
		/* Looked at here, so that what still waits costs no engine and preempts nobody. */
		if (!wait_is_over(queue))
			return;
		TAILQ_REMOVE(&queue->card->sched.waiting, queue, link);
		break;
	case QUEUE_IDLE:
		break;
	}
	ready_insert(queue, time_now_ns());
	ready_announce(queue);
}

void sched_remove(struct queue *queue)
{
	if (queue->schedule == QUEUE_READY)
		ready_remove(queue);
	else if (queue->schedule == QUEUE_WAITING)
		TAILQ_REMOVE(&queue->card->sched.waiting, queue, link);
	queue->schedule = QUEUE_IDLE;
	queue->owed_ns = 0;
}

void sched_wake_waiting(struct vcard *card, const struct vm *vm)
{
	struct queue *queue, *next;

	for (queue = TAILQ_FIRST(&card->sched.waiting); queue; queue = next) {
		next = TAILQ_NEXT(queue, link);
		if (!vm || queue->vm == vm)
			sched_wake(queue);
	}
	/* One that is about to block has read the old value. */
	for (unsigned int i = 0; vm && i < card->sched.engine_count; i++) {
		queue = card->sched.engines[i].queue;
		if (queue && queue->vm == vm)
			queue->rescan = true;
	}
}

void sched_interrupt(struct queue *queue)
{
	if (queue->engine)
		pthread_cond_broadcast(&queue->engine->work);
}

/* --- Choice --- */

static uint64_t owed_ns(const struct sched *sched, const struct queue *queue, uint64_t now_ns)
{
	unsigned int ready = atomic_load(&sched->ready_count[queue->engine_class]);
	unsigned int share = MIN(sched->min_share_permille, 1000 / MAX(ready, 1u));

	if (queue->flags & ACI_QUEUE_F_USER)
		return 0;
	return queue->owed_ns + (now_ns - queue->ready_since_ns) * share / 1000;
}

/*
 * The queue that is owed most, if that is half a slice: it gets a whole one, so
 * that no second has less than the share, wherever it begins.
 */
static struct queue *most_owed(const struct sched *sched, unsigned int class, uint64_t now_ns)
{
	struct queue *queue, *best = NULL;
	uint64_t most = SCHED_SLICE_NS / 2;

	for (unsigned int prio = 0; prio <= ACI_PRIORITY_MAX; prio++) {
		TAILQ_FOREACH(queue, &sched->ready[class][prio], link) {
			uint64_t owed = owed_ns(sched, queue, now_ns);

			if (owed > most) {
				most = owed;
				best = queue;
			}
		}
	}
	return best;
}

static struct queue *most_urgent(const struct sched *sched, unsigned int class)
{
	for (int prio = ACI_PRIORITY_MAX; prio >= 0; prio--) {
		struct queue *queue = TAILQ_FIRST(&sched->ready[class][prio]);

		if (queue)
			return queue;
	}
	return NULL;
}

struct queue *sched_pick(struct engine *engine)
{
	struct sched *sched = &engine->card->sched;
	uint64_t now_ns = time_now_ns();
	struct queue *queue = most_owed(sched, engine->class, now_ns);

	engine->protected = queue;
	if (!queue)
		queue = most_urgent(sched, engine->class);
	if (!queue)
		return NULL;

	queue->owed_ns = owed_ns(sched, queue, now_ns);
	ready_remove(queue);
	queue->schedule = QUEUE_BUSY;
	queue->rescan = false;
	queue->slice_start_ns = now_ns;
	queue->slice_completed = queue->completed;
	queue->engine = engine;
	engine->queue = queue;
	engine->deaf_ns = 0;
	engine->wall_ns = now_ns;
	atomic_store(&engine->preempt, false);
	atomic_store(&engine->slice_end_ns, now_ns + SCHED_SLICE_NS);
	/* Two that became ready at once may both have been announced to this engine alone. */
	queue = most_urgent(sched, engine->class);
	if (queue)
		ready_announce(queue);
	return engine->queue;
}

static bool stop_is_error(int stop)
{
	return stop == QUEUE_STOP_WATCHDOG || stop == QUEUE_STOP_PREEMPT_TIMEOUT;
}

static void halt_stopped(struct queue *queue, int stop)
{
	unsigned int status = stop == QUEUE_STOP_WATCHDOG ? ACI_STATUS_WATCHDOG :
							    ACI_STATUS_PREEMPT_TIMEOUT;

	/* It may have completed meanwhile; the next one was never started and is not to blame. */
	if (queue->in_descriptor)
		queue_halt(queue, status, queue->completed, 0);
	atomic_store(&queue->stop, QUEUE_STOP_NONE);
}

static void place(struct queue *queue, enum slice_end end, uint64_t now_ns)
{
	queue->schedule = QUEUE_IDLE;
	if (queue->state != ACI_QUEUE_STATE_RUNNING || atomic_load(&queue->stop) ||
	    atomic_load(&queue->suspend))
		return;
	if (end == SLICE_BLOCKED && !queue->rescan) {
		queue->schedule = QUEUE_WAITING;
		TAILQ_INSERT_TAIL(&queue->card->sched.waiting, queue, link);
		waker_wake(&queue->card->sched.clock_waker);
		return;
	}
	if (end == SLICE_EMPTY && !queue->rescan) {
		/* The producer that waited for this submits next: be there. */
		queue->owed_ns = 0;
		poll_watch(queue);
		return;
	}
	ready_insert(queue, now_ns);
}

void sched_release(struct engine *engine, enum slice_end end)
{
	struct queue *queue = engine->queue;
	struct vcard *card = engine->card;
	uint64_t now_ns = time_now_ns();
	uint64_t used_ns = now_ns - queue->slice_start_ns;
	int stop = atomic_load(&queue->stop);

	if (stop_is_error(stop) && queue->state == ACI_QUEUE_STATE_RUNNING)
		halt_stopped(queue, stop);
	note_preemption(engine, now_ns);
	engine->busy_ns += used_ns;
	/* A look at a WAIT that is still blocked, or at an empty ring, is no active time. */
	if ((end == SLICE_BLOCKED || end == SLICE_EMPTY) &&
	    queue->completed == queue->slice_completed)
		used_ns = 0;
	queue->active_ns += used_ns;
	queue->owed_ns -= MIN(queue->owed_ns, used_ns);
	queue->engine = NULL;
	engine->queue = NULL;
	place(queue, end, now_ns);
	if (stop != QUEUE_STOP_CARD) {
		queue_publish_activity(queue, now_ns);
		queue_publish_work(queue);
	}
	pthread_cond_broadcast(&card->sched.released);
	if (queue->claimed)
		waker_wake(&card->admin.waker);
	if (queue->schedule == QUEUE_READY)
		ready_announce(queue);
}

void sched_request_self_test(struct vcard *card)
{
	struct sched *sched = &card->sched;

	for (unsigned int i = 0; i < sched->engine_count; i++) {
		atomic_store(&sched->engines[i].health, ENGINE_TEST_WANTED);
		pthread_cond_broadcast(&sched->engines[i].work);
	}
}

/* --- Clock --- */

static void stop_queue(struct queue *queue, enum queue_stop stop)
{
	int none = QUEUE_STOP_NONE;

	if (atomic_compare_exchange_strong(&queue->stop, &none, stop))
		sched_interrupt(queue);
}

/*
 * Engine time since the last tick. On a loaded machine the thread may not run
 * for long: that is not the job's fault, so the processor time of the thread
 * counts. An injected hang uses none.
 */
static uint64_t take_used_ns(struct engine *engine, uint64_t now_ns)
{
	/* A slice may have begun after the clock read the time. */
	uint64_t wall_ns = now_ns > engine->wall_ns ? now_ns - engine->wall_ns : 0;
	uint64_t cpu_ns = wall_ns;
	uint64_t at_ns;

	engine->wall_ns = MAX(engine->wall_ns, now_ns);
	if (read_cpu_clock(engine, &at_ns)) {
		cpu_ns = at_ns - engine->cpu_ns;
		engine->cpu_ns = at_ns;
	}
	return atomic_load(&engine->queue->hanging) ? wall_ns : MIN(wall_ns, cpu_ns);
}

static void enforce_watchdog(struct queue *queue, uint64_t used_ns, bool progressed)
{
	if (progressed || atomic_load(&queue->in_wait))
		queue->stalled_ns = 0;
	else
		queue->stalled_ns += used_ns;
	if (queue->watchdog_ms && queue->stalled_ns > queue->watchdog_ms * NS_PER_MS)
		stop_queue(queue, QUEUE_STOP_WATCHDOG);
}

/* Somebody wants the engine: the queue has to react within the stated time. */
static void enforce_preemption(struct engine *engine, uint64_t now_ns, uint64_t used_ns,
			       bool progressed)
{
	struct queue *queue = engine->queue;
	bool wanted = atomic_load(&engine->preempt) || atomic_load(&queue->suspend) ||
		      (now_ns >= atomic_load(&engine->slice_end_ns) &&
		       atomic_load(&engine->card->sched.ready_count[engine->class]));

	if (!wanted || progressed)
		engine->deaf_ns = 0;
	else
		engine->deaf_ns += used_ns;
	if (engine->deaf_ns > PREEMPT_LIMIT_US * NS_PER_US)
		stop_queue(queue, QUEUE_STOP_PREEMPT_TIMEOUT);
}

static void tick_engine(struct engine *engine, uint64_t now_ns)
{
	struct queue *queue = engine->queue;
	uint64_t used_ns = take_used_ns(engine, now_ns);
	uint64_t progress = atomic_load(&queue->progress);
	bool progressed = progress != queue->seen_progress;

	queue->seen_progress = progress;
	if (!atomic_load(&queue->in_wait))
		queue_publish_activity(queue, now_ns);
	enforce_watchdog(queue, used_ns, progressed);
	enforce_preemption(engine, now_ns, used_ns, progressed);
}

/* Return: true while something needs the short interval. */
static bool clock_tick(struct vcard *card, uint64_t now_ns)
{
	struct sched *sched = &card->sched;
	bool busy = !TAILQ_EMPTY(&sched->waiting);

	sched_wake_waiting(card, NULL);
	for (unsigned int i = 0; i < sched->engine_count; i++) {
		struct engine *engine = &sched->engines[i];

		if (!engine->queue)
			continue;
		busy = true;
		if (atomic_load(&engine->queue->stop) == QUEUE_STOP_CARD)
			continue;
		tick_engine(engine, now_ns);
	}
	health_update(card, now_ns);
	return busy;
}

static void *clock_run(void *arg)
{
	struct vcard *card = arg;
	struct sched *sched = &card->sched;

	for (;;) {
		uint32_t sequence = waker_read(&sched->clock_waker);
		uint64_t now_ns = time_now_ns(), deadline_ns, irq_ns;
		bool busy, exiting;

		pthread_mutex_lock(&card->lock);
		busy = clock_tick(card, now_ns);
		exiting = sched->exiting;
		pthread_mutex_unlock(&card->lock);
		if (exiting)
			return NULL;

		deadline_ns = now_ns + (busy ? CLOCK_BUSY_NS : CLOCK_IDLE_NS);
		irq_ns = notify_run_timers(card, now_ns);
		if (irq_ns)
			deadline_ns = MIN(deadline_ns, irq_ns);
		waker_wait(&sched->clock_waker, sequence, deadline_ns);
	}
}

int sched_start(struct vcard *card)
{
	struct sched *sched = &card->sched;
	char name[16];
	int err;

	for (; sched->started < sched->engine_count; sched->started++) {
		struct engine *engine = &sched->engines[sched->started];

		snprintf(name, sizeof(name), "aci-%s%u", engine->class ? "comp" : "copy",
			 engine->index);
		err = thread_start(&engine->thread, name, engine_run, engine);
		if (err)
			return err;
		pthread_getcpuclockid(engine->thread, &engine->cpu_clock);
	}
	err = thread_start(&sched->clock, "aci-clock", clock_run, card);
	sched->clock_started = !err;
	return err;
}

void sched_stop(struct vcard *card)
{
	struct sched *sched = &card->sched;

	pthread_mutex_lock(&card->lock);
	sched->exiting = true;
	for (unsigned int i = 0; i < sched->engine_count; i++)
		pthread_cond_broadcast(&sched->engines[i].work);
	pthread_mutex_unlock(&card->lock);
	while (sched->started)
		pthread_join(sched->engines[--sched->started].thread, NULL);
	if (sched->clock_started) {
		waker_wake(&sched->clock_waker);
		pthread_join(sched->clock, NULL);
		sched->clock_started = false;
	}
}

void sched_destroy(struct vcard *card)
{
	for (unsigned int i = 0; i < card->sched.engine_count; i++)
		pthread_cond_destroy(&card->sched.engines[i].work);
	pthread_cond_destroy(&card->sched.released);
	free(card->sched.engines);
}
