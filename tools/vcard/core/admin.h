/* SPDX-License-Identifier: MIT */
/*
 * Admin queue. Commands are copied out of the ring as they come and complete in
 * any order. A command that takes time is a step function that is called again
 * until it is done, so that the thread always has time for the next one, for
 * ABORT, and for a reset.
 *
 * Locking: step_lock is held for one round of the thread; whoever stops the
 * card takes it to see to it that no command is in progress. It is taken
 * before card->lock.
 */
#ifndef VCARD_CORE_ADMIN_H
#define VCARD_CORE_ADMIN_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include <aci/aci_admin.h>

#include "util.h"

struct vcard;

#define ADMIN_SHIFT_MAX		10
#define ADMIN_AGAIN		0x10000u	/* not a status: call again */

struct admin_command {
	struct aci_admin_cmd cmd;	/* private copy */
	bool begun;
	bool aborted;			/* clean up, then complete as ABORTED */
	bool stepped;			/* in this round */
	bool stuck;			/* injected: never completes */
	bool seen;			/* faults were looked for */
	uint64_t not_before_ns;		/* injected */
	uint64_t begun_ns;
	uint64_t position;
	uint64_t result;
	TAILQ_ENTRY(admin_command) link;
};

TAILQ_HEAD(admin_list, admin_command);

struct admin {
	pthread_t thread;
	bool started;
	_Atomic bool exiting;
	struct waker waker;
	_Atomic uint32_t sq_tail;	/* registers */
	_Atomic uint32_t cq_head;
	_Atomic uint32_t heartbeat;

	pthread_mutex_t step_lock;
	bool enabled;
	uint64_t sq_base;
	uint64_t cq_base;
	uint32_t shift;
	uint32_t sq_head;
	uint32_t cq_tail;
	uint32_t cq_seen;		/* last good cq_head */
	unsigned int pending_count;
	struct admin_list pending;
};

void admin_init(struct vcard *card);
int admin_start(struct vcard *card);
void admin_stop(struct vcard *card);
void admin_destroy(struct vcard *card);
/* With step_lock. */
void admin_enable(struct vcard *card, uint64_t sq_base, uint64_t cq_base, uint32_t shift);
void admin_disable(struct vcard *card);

/*
 * Executors, in admin_*.c: a status, or ADMIN_AGAIN. Reserved fields of the
 * command head are already checked.
 */
typedef unsigned int (*admin_executor)(struct vcard *card, struct admin_command *command);

unsigned int admin_identify(struct vcard *card, struct admin_command *command);
unsigned int admin_create_vm(struct vcard *card, struct admin_command *command);
unsigned int admin_delete_vm(struct vcard *card, struct admin_command *command);
unsigned int admin_create_queue(struct vcard *card, struct admin_command *command);
unsigned int admin_delete_queue(struct vcard *card, struct admin_command *command);
unsigned int admin_suspend_queue(struct vcard *card, struct admin_command *command);
unsigned int admin_resume_queue(struct vcard *card, struct admin_command *command);
unsigned int admin_reset_queue(struct vcard *card, struct admin_command *command);
unsigned int admin_get_log(struct vcard *card, struct admin_command *command);
unsigned int admin_get_feature(struct vcard *card, struct admin_command *command);
unsigned int admin_set_feature(struct vcard *card, struct admin_command *command);
unsigned int admin_firmware_download(struct vcard *card, struct admin_command *command);
unsigned int admin_firmware_commit(struct vcard *card, struct admin_command *command);
unsigned int admin_self_test(struct vcard *card, struct admin_command *command);
unsigned int admin_scrub(struct vcard *card, struct admin_command *command);

/** fields_are_zero() - for reserved words, as they stand in the command */
bool fields_are_zero(const void *fields, size_t bytes);
/** admin_write_data() - answer into the command's buffer; sets the result */
unsigned int admin_write_data(struct vcard *card, struct admin_command *command, const void *data,
			      uint32_t bytes);

#endif
