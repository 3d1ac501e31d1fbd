// SPDX-License-Identifier: MIT
/* The engine thread: takes a queue, runs descriptors for a slice, gives it back. */

#include <time.h>

#include <aci/aci_status.h>

#include "../core/vcard.h"
#include "ops.h"

/* --- What executors call --- */

/* Injected: all that is done takes longer. */
static void slow_down(struct vcard *card)
{
	struct timespec pause = { 0 };
	uint64_t us;

	if (!fault_look(card, FAULT_SLOW, &us))
		return;
	pause.tv_nsec = (long)(us * NS_PER_US);
	nanosleep(&pause, NULL);
}

enum engine_yield engine_should_yield(struct engine_job *job)
{
	struct engine *engine = job->engine;
	struct queue *queue = job->queue;

	slow_down(job->card);
	atomic_fetch_add(&queue->progress, 1);
	if (atomic_load(&queue->stop))
		return ENGINE_STOP;
	if (atomic_load(&queue->suspend) || atomic_load(&engine->preempt) ||
	    atomic_load(&engine->health) == ENGINE_TEST_WANTED)
		return ENGINE_PREEMPT;
	if (atomic_load(&job->card->sched.ready_count[engine->class]) &&
	    time_now_ns() >= atomic_load(&engine->slice_end_ns))
		return ENGINE_PREEMPT;
	return ENGINE_CONTINUE;
}

bool engine_should_stop(struct engine_job *job)
{
	return atomic_load(&job->queue->stop);
}

void engine_count(struct engine_job *job, uint64_t operations, uint64_t macs, uint64_t bytes)
{
	atomic_fetch_add(&job->queue->macs, macs);
	atomic_fetch_add(&job->queue->bytes, bytes);
	atomic_fetch_add(&job->engine->operations, operations);
	atomic_fetch_add(&job->engine->macs, macs);
	atomic_fetch_add(&job->engine->bytes, bytes);
}

bool engine_should_corrupt(struct engine_job *job)
{
	return fault_take(job->card, FAULT_CORRUPT, job->queue->id, NULL);
}

/* --- EXEC --- */

enum op_end op_exec(struct engine_job *job, const struct aci_desc *desc, struct op_error *error)
{
	struct tcs_exec *exec = &job->queue->exec;
	struct tcs_result result = { 0 };

	exec->program = le64toh(desc->exec.program);
	exec->program_bytes = le32toh(desc->exec.program_bytes);
	exec->arg_count = le32toh(desc->exec.arg_count);
	exec->args = le64toh(desc->exec.args);
	tcs_execute(job, exec, &result);
	if (result.stopped)
		return OP_STOPPED;
	if (result.preempted)
		return OP_PREEMPTED;
	if (result.status == ACI_STATUS_SUCCESS)
		return OP_DONE;
	error->status = result.status;
	error->info = result.info;
	return OP_FAILED;
}

static enum op_end op_nop(struct engine_job *job, const struct aci_desc *desc,
			  struct op_error *error)
{
	(void)job;
	(void)desc;
	(void)error;
	return OP_DONE;
}

static const op_run operations[] = {
	[ACI_OP_NOP] = op_nop,
	[ACI_OP_COPY] = op_copy,
	[ACI_OP_COPY_STRIDED] = op_copy_strided,
	[ACI_OP_FILL] = op_fill,
	[ACI_OP_EXEC] = op_exec,
	[ACI_OP_WAIT] = op_wait,
	[ACI_OP_SIGNAL] = op_signal,
	[ACI_OP_TIMESTAMP] = op_timestamp,
};

/* --- Slices --- */

static bool hang_is_over(const struct queue *queue)
{
	int stop = atomic_load(&queue->stop);

	return queue->hanging == QUEUE_HANG_ENGINE ? stop == QUEUE_STOP_CARD : stop;
}

/* Injected: the engine is busy for ever, as with a job in an endless loop. */
static void hang(struct engine_job *job)
{
	struct vcard *card = job->card;

	card_log(card, VCARD_LOG_INFO, "queue %u: hangs at %llu (ctl)", job->queue->id,
		 (unsigned long long)job->queue->completed);
	pthread_mutex_lock(&card->lock);
	while (!hang_is_over(job->queue))
		pthread_cond_wait(&job->engine->work, &card->lock);
	pthread_mutex_unlock(&card->lock);
}

static enum slice_end halt(struct engine_job *job, unsigned int status, uint64_t info)
{
	pthread_mutex_lock(&job->card->lock);
	/* A reset that began meanwhile decides what the queue becomes. */
	if (!atomic_load(&job->queue->stop))
		queue_halt(job->queue, status, job->queue->completed, info);
	pthread_mutex_unlock(&job->card->lock);
	return SLICE_HALTED;
}

/* What a started descriptor meets instead of its work. Return: true if that ends the slice. */
static bool inject(struct engine_job *job, enum slice_end *end)
{
	struct vcard *card = job->card;
	struct queue *queue = job->queue;
	struct fault fault;

	if (fault_take(card, FAULT_ECC_UNCORRECTED, queue->id, &fault)) {
		pthread_mutex_lock(&card->lock);
		health_count_ecc(card, 0, 1);
		pthread_mutex_unlock(&card->lock);
		*end = halt(job, ACI_STATUS_MEMORY_ERROR, fault.value);
		return true;
	}
	if (fault_take(card, FAULT_ENGINE_HANG, (int)job->engine->class, NULL))
		queue->hanging = QUEUE_HANG_ENGINE;
	else if (fault_take(card, FAULT_HANG, queue->id, NULL))
		queue->hanging = QUEUE_HANG_DESCRIPTOR;
	return false;
}

/* Return: true when a descriptor is in private memory, checked and started. */
static bool begin_descriptor(struct engine_job *job, enum slice_end *end)
{
	struct queue *queue = job->queue;
	unsigned int status;

	if ((!queue->tail_known || queue->tail == queue->completed) && !queue_read_tail(queue)) {
		*end = halt(job, ACI_STATUS_RING_FETCH, 0);
		return false;
	}
	if (queue->tail == queue->completed) {
		*end = SLICE_EMPTY;
		return false;
	}
	status = queue_fetch(queue);
	if (status == ACI_STATUS_SUCCESS)
		status = queue_start(queue);
	if (status != ACI_STATUS_SUCCESS) {
		*end = halt(job, status, status == ACI_STATUS_RING_OVERRUN ? queue->tail : 0);
		return false;
	}
	return !inject(job, end);
}

static bool complete_descriptor(struct engine_job *job, enum slice_end *end)
{
	struct queue *queue = job->queue;
	unsigned int status;

	atomic_fetch_add(&queue->progress, 1);
	atomic_fetch_add(&queue->jobs, 1);
	atomic_fetch_add(&job->engine->descriptors, 1);
	status = queue_complete(queue);
	if (status == ACI_STATUS_SUCCESS)
		return true;
	*end = halt(job, status, 0);
	return false;
}

/* One descriptor, or the rest of one. Return: true if the slice may go on. */
static bool run_descriptor(struct engine_job *job, enum slice_end *end)
{
	struct queue *queue = job->queue;
	struct op_error error = { 0 };

	if (!queue->in_descriptor && !begin_descriptor(job, end))
		return false;
	if (queue->hanging) {
		hang(job);
		*end = SLICE_STOPPED;
		return false;
	}
	switch (operations[queue->desc.opcode](job, &queue->desc, &error)) {
	case OP_DONE:
		return complete_descriptor(job, end);
	case OP_PREEMPTED:
		*end = SLICE_AGAIN;
		return false;
	case OP_BLOCKED:
		*end = SLICE_BLOCKED;
		return false;
	case OP_STOPPED:
		*end = SLICE_STOPPED;
		return false;
	case OP_FAILED:
		break;
	}
	*end = halt(job, error.status, error.info);
	return false;
}

static enum slice_end run_slice(struct engine_job *job)
{
	enum slice_end end = SLICE_AGAIN;

	while (run_descriptor(job, &end)) {
		switch (engine_should_yield(job)) {
		case ENGINE_CONTINUE:
			break;
		case ENGINE_PREEMPT:
			return SLICE_AGAIN;
		case ENGINE_STOP:
			return SLICE_STOPPED;
		}
	}
	return end;
}

/* In the engine's thread, between two slices (card->lock, which is dropped meanwhile). */
static void test_itself(struct engine *engine)
{
	bool good;

	pthread_mutex_unlock(&engine->card->lock);
	good = engine_self_test(engine);
	pthread_mutex_lock(&engine->card->lock);
	atomic_store(&engine->health, good ? ENGINE_GOOD : ENGINE_BAD);
	waker_wake(&engine->card->admin.waker);
}

void *engine_run(void *arg)
{
	struct engine *engine = arg;
	struct vcard *card = engine->card;

	pthread_mutex_lock(&card->lock);
	while (!card->sched.exiting) {
		struct engine_job job = { .card = card, .engine = engine };
		enum slice_end end;

		if (atomic_load(&engine->health) == ENGINE_TEST_WANTED) {
			test_itself(engine);
			continue;
		}
		job.queue = card->running ? sched_pick(engine) : NULL;
		if (!job.queue) {
			pthread_cond_wait(&engine->work, &card->lock);
			continue;
		}
		waker_wake(&card->sched.clock_waker);
		pthread_mutex_unlock(&card->lock);
		end = run_slice(&job);
		pthread_mutex_lock(&card->lock);
		sched_release(engine, end);
	}
	pthread_mutex_unlock(&card->lock);
	return NULL;
}
