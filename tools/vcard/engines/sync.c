// SPDX-License-Identifier: MIT
/* WAIT, SIGNAL and TIMESTAMP: 64-bit words in device virtual memory. */

#include <aci/aci_status.h>

#include "../core/vcard.h"
#include "ops.h"

static enum op_end store_word(struct engine_job *job, uint64_t va, uint64_t value,
			      struct op_error *error)
{
	struct vm_access word;

	error->status = vm_access_begin(job, va, sizeof(value), VM_ACCESS_WRITE, &word,
					&error->info);
	if (error->status != ACI_STATUS_SUCCESS)
		return OP_FAILED;
	/* Release: what the queue wrote before is visible first. */
	shared_store64(word.ptr, value);
	error->status = vm_access_end(job, &word, &error->info);
	return error->status == ACI_STATUS_SUCCESS ? OP_DONE : OP_FAILED;
}

enum op_end op_signal(struct engine_job *job, const struct aci_desc *desc, struct op_error *error)
{
	enum op_end end = store_word(job, le64toh(desc->signal.addr), le64toh(desc->signal.value),
				     error);

	if (end == OP_DONE) {
		pthread_mutex_lock(&job->card->lock);
		sched_wake_waiting(job->card, job->queue->vm);
		pthread_mutex_unlock(&job->card->lock);
	}
	return end;
}

enum op_end op_timestamp(struct engine_job *job, const struct aci_desc *desc,
			 struct op_error *error)
{
	return store_word(job, le64toh(desc->timestamp.addr), time_now_ns(), error);
}

static bool has_timed_out(const struct queue *queue, uint64_t now_ns)
{
	uint64_t timeout_ns = le64toh(queue->desc.wait.timeout_ns);

	return timeout_ns && queue->wait_since_ns && now_ns - queue->wait_since_ns >= timeout_ns;
}

/* A window without a job: one word, no bounce. Return: false for a fault. */
static bool load_word(struct queue *queue, uint64_t va, uint64_t *value)
{
	struct engine_job job = { .card = queue->card, .queue = queue };
	struct vm_access word;
	uint64_t fault_va;

	if (vm_access_begin(&job, va, sizeof(*value), VM_ACCESS_READ, &word, &fault_va) !=
	    ACI_STATUS_SUCCESS)
		return false;
	*value = shared_load64(word.ptr);
	vm_access_end(&job, &word, &fault_va);
	return true;
}

bool wait_is_over(struct queue *queue)
{
	uint64_t value;

	return !load_word(queue, le64toh(queue->desc.wait.addr), &value) ||
	       value >= le64toh(queue->desc.wait.value) || has_timed_out(queue, time_now_ns());
}

enum op_end op_wait(struct engine_job *job, const struct aci_desc *desc, struct op_error *error)
{
	uint64_t now_ns = time_now_ns(), value;
	struct queue *queue = job->queue;
	struct vm_access word;

	atomic_store(&queue->in_wait, true);
	error->status = vm_access_begin(job, le64toh(desc->wait.addr), sizeof(value),
					VM_ACCESS_READ, &word, &error->info);
	if (error->status != ACI_STATUS_SUCCESS)
		return OP_FAILED;
	value = shared_load64(word.ptr);
	vm_access_end(job, &word, &error->info);
	if (value >= le64toh(desc->wait.value))
		return OP_DONE;

	if (!queue->wait_since_ns)
		queue->wait_since_ns = now_ns;
	if (has_timed_out(queue, now_ns)) {
		error->status = ACI_STATUS_WAIT_TIMEOUT;
		error->info = le64toh(desc->wait.addr);
		return OP_FAILED;
	}
	return OP_BLOCKED;
}
