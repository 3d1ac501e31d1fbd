/* SPDX-License-Identifier: MIT */
/*
 * Descriptor execution: one function per opcode, called by the engine thread
 * that owns the queue, without locks. It works until it is done or until
 * engine_should_yield() says otherwise, and goes on from queue->position when
 * it is called again.
 */
#ifndef VCARD_ENGINES_OPS_H
#define VCARD_ENGINES_OPS_H

#include <stdbool.h>
#include <stdint.h>

#include "../core/sched.h"

enum op_end {
	OP_DONE,
	OP_PREEMPTED,
	OP_BLOCKED,	/* WAIT */
	OP_STOPPED,
	OP_FAILED,	/* status and info say why */
};

struct op_error {
	unsigned int status;
	uint64_t info;
};

typedef enum op_end (*op_run)(struct engine_job *job, const struct aci_desc *desc,
			      struct op_error *error);

/**
 * engine_self_test() - the operations of the engine on memory of the card's own
 *
 * Through a private VM with real translations, in the engine's thread. Return:
 * whether all results are right and all wrong accesses are refused.
 */
bool engine_self_test(struct engine *engine);

enum op_end op_copy(struct engine_job *job, const struct aci_desc *desc, struct op_error *error);
enum op_end op_copy_strided(struct engine_job *job, const struct aci_desc *desc,
			    struct op_error *error);
enum op_end op_fill(struct engine_job *job, const struct aci_desc *desc, struct op_error *error);
enum op_end op_wait(struct engine_job *job, const struct aci_desc *desc, struct op_error *error);
enum op_end op_signal(struct engine_job *job, const struct aci_desc *desc, struct op_error *error);
enum op_end op_timestamp(struct engine_job *job, const struct aci_desc *desc,
			 struct op_error *error);
/**
 * wait_is_over() - has the WAIT that @queue is blocked in come to an end?
 *
 * Of any kind: value, limit or fault; op_wait() finds out which. Not BUSY, with
 * card->lock.
 */
bool wait_is_over(struct queue *queue);
enum op_end op_exec(struct engine_job *job, const struct aci_desc *desc, struct op_error *error);

#endif
