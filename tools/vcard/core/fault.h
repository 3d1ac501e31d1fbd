/* SPDX-License-Identifier: MIT */
/*
 * Fault injection: what can go wrong, armed by the control socket or the
 * command line, taken where it happens.
 *
 * One table in fault.c names every fault, its parameters and its help text;
 * parser, help and "faults" come from it. A fault is armed for a number of
 * opportunities, or until it is cleared; "after" lets some pass first, "chance"
 * lets a seeded generator decide. So the same commands and the same order of
 * opportunities give the same faults.
 *
 * Locking: faults->lock, a leaf; nothing is called under it. Functions may be
 * called with or without any other lock.
 */
#ifndef VCARD_CORE_FAULT_H
#define VCARD_CORE_FAULT_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct vcard;
struct reply;

enum fault_id {
	FAULT_HANG,
	FAULT_CORRUPT,
	FAULT_ENGINE_HANG,
	FAULT_FIRMWARE_HANG,
	FAULT_HEARTBEAT_STOP,
	FAULT_SLOW,
	FAULT_IRQ_DROP,
	FAULT_IRQ_DUPLICATE,
	FAULT_IRQ_DELAY,
	FAULT_COMPLETION_LOSE,
	FAULT_COUNT_AHEAD,
	FAULT_COUNT_BACK,
	FAULT_EVENT_LOSE,
	FAULT_EVENT_CORRUPT,
	FAULT_NOTIFY_LOSE,
	FAULT_NOTIFY_CORRUPT,
	FAULT_ADMIN_TIMEOUT,
	FAULT_ADMIN_LOSE,
	FAULT_ADMIN_FAIL,
	FAULT_ADMIN_DELAY,
	FAULT_ADMIN_CORRUPT,
	FAULT_INVAL_TIMEOUT,
	FAULT_INVAL_FAIL,
	FAULT_INVAL_DELAY,
	FAULT_INVAL_SKIP,
	FAULT_SCRUB,
	FAULT_SELF_TEST,
	FAULT_ECC_CORRECTED,
	FAULT_ECC_UNCORRECTED,
	FAULT_TEMPERATURE,
	FAULT_DMA_WRITE,
	FAULT_RESET_FAIL,
	FAULT_RESET_HANG,
	FAULT_REMOVE,
	FAULT_POWER_LOSE,
	FAULT_DEFY,
	FAULT_COUNT,
};

/* Whom it is for: a queue, vector, opcode, level or class, by fault. */
#define FAULT_ANY	-1
#define FAULT_NEW	-2	/* the next queue that is created */

/* Fields of "count ahead" and "count back". */
enum fault_field { FAULT_FIELD_FETCHED, FAULT_FIELD_STARTED, FAULT_FIELD_COMPLETED };

/* Where the card writes what the host reads: places of "defy". */
enum fault_place {
	FAULT_PLACE_REGISTERS,
	FAULT_PLACE_REPLIES,		/* of admin commands: identify and log pages */
	FAULT_PLACE_COMPLETIONS,	/* of the admin queue */
	FAULT_PLACE_INVALIDATIONS,
	FAULT_PLACE_NOTIFICATIONS,
	FAULT_PLACE_EVENTS,
	FAULT_PLACE_RECORDS,
	FAULT_PLACE_USER_PAGES,
};

/** struct fault - one that was taken */
struct fault {
	uint64_t value;		/* its parameter: milliseconds, status, ... */
	uint64_t random;	/* of the seeded generator */
};

#define FAULT_ARMS_MAX	64

struct fault_arm {
	enum fault_id id;
	int target;
	int field;
	uint64_t value;
	unsigned int after;
	unsigned int left;	/* UINT_MAX: until cleared */
	unsigned int chance;	/* permille */
};

struct faults {
	pthread_mutex_t lock;
	struct fault_arm arms[FAULT_ARMS_MAX];
	unsigned int count;
	uint64_t random;
	_Atomic unsigned int armed[FAULT_COUNT];	/* arms of each, to look at without the lock */
	_Atomic unsigned int taken[FAULT_COUNT];
};

void fault_init(struct faults *faults);
void fault_destroy(struct faults *faults);

/** fault_take() - is this one to go wrong? @fault: may be NULL */
bool fault_take(struct vcard *card, enum fault_id id, int target, struct fault *fault);
/** fault_take_field() - the same for faults with a field */
bool fault_take_field(struct vcard *card, enum fault_id id, int target, int field,
		      struct fault *fault);
/** fault_defy64() - @value, or what a hostile card would write in its place */
uint64_t fault_defy64(struct vcard *card, enum fault_place place, uint64_t value);
/** fault_defy() - the same for @bytes, a multiple of 8 */
void fault_defy(struct vcard *card, enum fault_place place, void *data, uint64_t bytes);
/** fault_look() - armed, without taking it; for faults that last. @value: may be NULL */
bool fault_look(struct vcard *card, enum fault_id id, uint64_t *value);
void fault_clear(struct vcard *card, enum fault_id id);
/** fault_seed() - where the generator of chances and random contents begins */
void fault_seed(struct vcard *card, uint64_t seed);
/** fault_queue_created() - what was armed for an older queue of this id goes; that for a new one comes */
void fault_queue_created(struct vcard *card, unsigned int queue_id);

/** fault_command() - a line of the control socket. Return: false if it names no fault */
bool fault_command(struct vcard *card, char **words, struct reply *reply, int *err);
/** fault_put_usage() - how the table says that faults are written, separated by "; " */
void fault_put_usage(struct reply *reply);
/** fault_put_help() - the text on all faults of @name. Return: false if there are none */
bool fault_put_help(struct reply *reply, const char *name);
/** fault_print_help() - the whole table, for people. Return: negative if writing failed */
int fault_print_help(FILE *file);
/** fault_put_list() - what is armed and what was taken, as JSON */
void fault_put_list(struct vcard *card, struct reply *reply);
/** fault_name() - "group action", or NULL past the last one; the table in its order */
const char *fault_name(unsigned int index);

#endif
