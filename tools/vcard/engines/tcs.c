// SPDX-License-Identifier: MIT
/* The tensor command set executor: fetch, run loop, preemption, counting. */
#include <endian.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "tcs_box.h"

#define FETCH_CHUNK	(256u << 10)
#define SPARE_MAX	(16u << 20)

/*
 * Scratch memory that no program uses at the moment. It stays with the thread:
 * fresh memory costs more than what a tile does with it, at every preemption.
 */
struct spare {
	void *ptr[TCS_SCRATCH_COUNT];
	size_t bytes[TCS_SCRATCH_COUNT];
};

static pthread_key_t spare_key;
static pthread_once_t spare_once = PTHREAD_ONCE_INIT;
static bool spare_ready;

static void free_spare(void *data)
{
	struct spare *spare = data;

	for (unsigned int i = 0; i < TCS_SCRATCH_COUNT; i++)
		free(spare->ptr[i]);
	free(spare);
}

static void make_spare_key(void)
{
	spare_ready = !pthread_key_create(&spare_key, free_spare);
}

/* Return: that of this thread, or NULL: then memory comes from the heap. */
static struct spare *get_spare(void)
{
	struct spare *spare;

	pthread_once(&spare_once, make_spare_key);
	if (!spare_ready)
		return NULL;
	spare = pthread_getspecific(spare_key);
	if (spare)
		return spare;
	spare = calloc(1, sizeof(*spare));
	if (spare && pthread_setspecific(spare_key, spare)) {
		free(spare);
		return NULL;
	}
	return spare;
}

static void give_back(void *ptr, size_t bytes, unsigned int which)
{
	struct spare *spare = ptr ? get_spare() : NULL;

	if (!spare || bytes > SPARE_MAX || bytes <= spare->bytes[which]) {
		free(ptr);
		return;
	}
	free(spare->ptr[which]);
	spare->ptr[which] = ptr;
	spare->bytes[which] = bytes;
}

static void *take_spare(size_t *bytes, unsigned int which)
{
	struct spare *spare = get_spare();
	void *ptr;

	if (!spare || spare->bytes[which] < *bytes)
		return aligned_alloc(64, *bytes);
	ptr = spare->ptr[which];
	*bytes = spare->bytes[which];
	spare->ptr[which] = NULL;
	spare->bytes[which] = 0;
	return ptr;
}

void *tcs_scratch(struct tcs_state *st, enum tcs_scratch which, size_t bytes)
{
	void *ptr;

	/* Callers want memory, also for nothing; oneDNN wants whole cache lines. */
	bytes = (bytes + 64) & ~(size_t)63;
	if (bytes <= st->scratch_bytes[which])
		return st->scratch[which];
	ptr = take_spare(&bytes, which);
	if (!ptr)
		return NULL;
	free(st->scratch[which]);
	st->scratch[which] = ptr;
	st->scratch_bytes[which] = bytes;
	return ptr;
}

static void drop_scratch(struct tcs_state *st)
{
	for (unsigned int i = 0; i < TCS_SCRATCH_COUNT; i++) {
		give_back(st->scratch[i], st->scratch_bytes[i], i);
		st->scratch[i] = NULL;
		st->scratch_bytes[i] = 0;
	}
	st->in1_valid = false;
	st->in1_rows = 0;
	st->patch_valid = false;
}

void tcs_free(struct tcs_state *st)
{
	if (!st)
		return;
	drop_scratch(st);
	free(st->program);
	free(st->args);
	free(st->tensors);
	free(st->ops);
	free(st);
}

static unsigned int fetch(struct tcs_state *st, uint64_t va, void *dst, uint64_t bytes)
{
	for (uint64_t done = 0; done < bytes; ) {
		uint64_t chunk = tcs_min(bytes - done, FETCH_CHUNK);
		struct vm_access access;
		unsigned int status;

		status = tcs_window_open(st, va + done, chunk, VM_ACCESS_READ, &access);
		if (status != ACI_STATUS_SUCCESS)
			return status;
		memcpy((uint8_t *)dst + done, access.ptr, chunk);
		status = tcs_window_close(st, &access);
		if (status != ACI_STATUS_SUCCESS)
			return status;
		done += chunk;
	}
	return ACI_STATUS_SUCCESS;
}

/* The one time that program and arguments are read from memory that others may write. */
static unsigned int load(struct tcs_state *st, const struct tcs_exec *exec, uint64_t *info)
{
	const uint64_t args_bytes = (uint64_t)exec->arg_count * sizeof(struct aci_arg);
	unsigned int status;

	*info = ACI_TCS_ERROR_NO_OP;
	if (exec->program_bytes < sizeof(struct aci_tcs_header) ||
	    exec->program_bytes > TCS_PROGRAM_BYTES_MAX)
		return ACI_STATUS_PROG_HEADER;
	if (exec->arg_count > ACI_TCS_NONE)
		return ACI_STATUS_PROG_ARGUMENT;
	st->program = malloc(exec->program_bytes);
	st->args = malloc(args_bytes + 1);
	if (!st->program || !st->args)
		return ACI_STATUS_ENGINE_FAULT;
	st->program_bytes = exec->program_bytes;
	st->arg_count = exec->arg_count;

	status = fetch(st, exec->program, st->program, exec->program_bytes);
	if (status == ACI_STATUS_SUCCESS)
		status = fetch(st, exec->args, st->args, args_bytes);
	if (status != ACI_STATUS_SUCCESS) {
		*info = st->fault_va;
		return status;
	}
	status = tcs_check_program(st, info);
	free(st->program);
	st->program = NULL;
	return status;
}

static unsigned int run_tile(struct tcs_state *st, const struct tcs_op *op, uint64_t tile)
{
	switch (op->opcode) {
	case ACI_TCS_OP_FILL:
		return tcs_fill_tile(st, op, tile);
	case ACI_TCS_OP_REDUCE:
	case ACI_TCS_OP_ARG:
	case ACI_TCS_OP_CUMULATE:
		return tcs_reduce_tile(st, op, tile);
	case ACI_TCS_OP_GATHER:
	case ACI_TCS_OP_SCATTER:
		return tcs_index_tile(st, op, tile);
	case ACI_TCS_OP_NORMALISE:
		return tcs_normalise_tile(st, op, tile);
	case ACI_TCS_OP_TOP_K:
		return tcs_topk_tile(st, op, tile);
	case ACI_TCS_OP_SOFTMAX:
		return tcs_softmax_tile(st, op, tile);
	case ACI_TCS_OP_MATMUL:
		return tcs_matmul_tile(st, op, tile);
	case ACI_TCS_OP_CONV:
	case ACI_TCS_OP_CONV_TRANSPOSE:
		return tcs_conv_tile(st, op, tile);
	case ACI_TCS_OP_RESIZE:
		return tcs_resize_tile(st, op, tile);
	case ACI_TCS_OP_POOL_MAX:
	case ACI_TCS_OP_POOL_AVG:
		return tcs_pool_tile(st, op, tile);
	default:
		return tcs_elementwise_tile(st, op, tile);
	}
}

/* Fault injection: invert the first element of the result. */
static unsigned int corrupt(struct tcs_state *st, const struct tcs_op *op)
{
	struct vm_access access;
	unsigned int status;
	uint8_t *bytes;

	status = tcs_window_open(st, op->out->va, op->out->element_bytes,
				 VM_ACCESS_READ | VM_ACCESS_WRITE, &access);
	if (status != ACI_STATUS_SUCCESS)
		return status;
	bytes = access.ptr;
	for (unsigned int i = 0; i < op->out->element_bytes; i++)
		bytes[i] ^= op->out->type == ACI_TCS_TYPE_BOOL ? 1 : 0xff;
	return tcs_window_close(st, &access);
}

static unsigned int finish_op(struct tcs_state *st, const struct tcs_op *op)
{
	unsigned int status = ACI_STATUS_SUCCESS;

	if (engine_should_corrupt(st->job))
		status = corrupt(st, op);
	if (status == ACI_STATUS_SUCCESS)
		engine_count(st->job, 1, op->macs, op->bytes);
	st->op++;
	st->tile = 0;
	st->in1_valid = false;
	st->in1_rows = 0;
	st->patch_valid = false;
	return status;
}

static uint64_t error_info(const struct tcs_state *st, unsigned int status, uint32_t op)
{
	return status >= ACI_STATUS_PROG_HEADER || status == ACI_STATUS_ENGINE_FAULT ?
	       op : st->fault_va;
}

/* Between two tiles. Return: whether to go on. */
static bool may_continue(struct tcs_state *st, struct tcs_result *result)
{
	switch (engine_should_yield(st->job)) {
	case ENGINE_PREEMPT:
		result->preempted = true;
		return false;
	case ENGINE_STOP:
		result->stopped = true;
		return false;
	default:
		return true;
	}
}

/*
 * At least one tile, or step of one, runs per call, so that a job which is
 * preempted every time gets done nevertheless.
 */
static void run(struct tcs_state *st, struct tcs_result *result)
{
	while (st->op < st->op_count) {
		const uint32_t index = st->op;
		const struct tcs_op *op = &st->ops[index];
		unsigned int status = run_tile(st, op, st->tile);

		st->in_tile = status == TCS_AGAIN;
		if (status == ACI_STATUS_SUCCESS && ++st->tile == op->tiles)
			status = finish_op(st, op);
		if (status != ACI_STATUS_SUCCESS && status != TCS_AGAIN) {
			result->status = status;
			result->info = error_info(st, status, index);
			return;
		}
		if (st->op < st->op_count && !may_continue(st, result))
			return;
	}
}

void tcs_execute(struct engine_job *job, struct tcs_exec *exec, struct tcs_result *result)
{
	struct tcs_state *st = exec->state;

	*result = (struct tcs_result){ .status = ACI_STATUS_SUCCESS };
	if (!st) {
		st = calloc(1, sizeof(*st));
		if (!st) {
			result->status = ACI_STATUS_ENGINE_FAULT;
			result->info = ACI_TCS_ERROR_NO_OP;
			return;
		}
		exec->state = st;
		st->job = job;
		result->status = load(st, exec, &result->info);
		if (result->status != ACI_STATUS_SUCCESS)
			return;
		result->info = 0;
	}
	st->job = job;
	st->windows = 0;
	st->stopped = false;
	run(st, result);
	if (st->stopped)
		*result = (struct tcs_result){ .stopped = true };
	/*
	 * Many queues may be kept waiting: what each holds meanwhile is its program alone, and what
	 * it has copied of an operand, or it would begin with that again and again.
	 */
	if (result->preempted && !st->in_tile)
		drop_scratch(st);
}
