/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Cards that come and go: removal and discovery by sysfs, and what a process has
 * when its card goes - a bit of everything, so that one test sees all of it end.
 *
 * Conventions: see aci_test.h.
 */
#ifndef ACI_PLUG_H
#define ACI_PLUG_H

#include "aci_user.h"

/** plug_out() - remove the PCI device; the driver is unbound before that */
int plug_out(const struct aci_card *card);
/** plug_in() - look for PCI devices. Return: 0 once there are @cards, -ENODEV with fewer */
int plug_in(unsigned int cards);
/** plug_check() - a new file: a job and its result on card @index */
int plug_check(unsigned int index);

/** struct plug_work - what a process is doing when the card goes */
struct plug_work {
	struct aci_ctx ctx;		/* FENCE */
	struct aci_buf host;
	struct aci_buf card;
	struct aci_buf late;		/* mapped, never touched */
	struct aci_gate gate;
	int running;			/* sync_files: a job on the card, */
	int waiting;			/* one that waits for the gate, */
	int binding;			/* a bind that does */
	__u32 waiting_handle;
	pthread_t waiter;		/* in SYNCOBJ_WAIT for the job at the gate */
	int waiter_err;

	struct aci_ctx lctx;		/* LONG_RUNNING */
	struct aci_buf lbuf;
	struct uq uq;			/* blocked in a WAIT */
	struct uq_sleeper sleeper;
	int eventfd;
};

/** plug_work_start() - @hung: the running job never ends. Released by plug_work_end() only */
int plug_work_start(struct plug_work *work, bool hung);
/** plug_work_unmap() - give up all mappings */
void plug_work_unmap(struct plug_work *work);
/** plug_work_end() - close what is left; mappings stay unless they were given up */
void plug_work_end(struct plug_work *work);

/* Loads of a process that goes on until its card is gone. */
enum plug_load {
	PLUG_LOAD_JOBS,
	PLUG_LOAD_USER_QUEUE,
	PLUG_LOAD_BINDS,
	PLUG_LOAD_MEMORY,
	PLUG_LOAD_FILES,
	PLUG_LOADS,
};

/** struct plug_progress - shared by the processes of a load */
struct plug_progress {
	unsigned int ready;		/* loads that have opened the card */
	unsigned int rounds;		/* what all of them did */
};

/**
 * plug_load_run() - work on card 0 until it says that it is gone
 *
 * Return: 0 if it said so by ENODEV, else what went wrong.
 */
int plug_load_run(enum plug_load load, struct plug_progress *progress);

#endif /* ACI_PLUG_H */
