/* SPDX-License-Identifier: MIT */
/*
 * Enable, disable and the reset levels.
 *
 * A control thread follows CTRL.ENABLE and the reset register. When a stop is
 * complete no engine, admin or invalidation command touches memory and none
 * will start.
 *
 * Locking: control->lock serialises transitions. Order: control->lock,
 * admin.step_lock, inval.step_lock, card->lock, the rest.
 */
#ifndef VCARD_CORE_RESET_H
#define VCARD_CORE_RESET_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "util.h"

struct vcard;

#define T_READY_MS		2000u
#define T_ADMIN_MS		2000u
#define T_INVALIDATE_MS		1000u
#define T_SUSPEND_MS		2000u
#define T_QUEUE_RESET_MS	1000u
#define T_CARD_RESET_MS		3000u
#define T_FLR_MS		3000u
#define T_SELF_TEST_MS		5000u

struct control {
	pthread_t thread;
	bool started;
	_Atomic bool exiting;
	_Atomic bool reset_wanted;
	struct waker waker;
	pthread_mutex_t lock;
};

void control_init(struct vcard *card);
int control_start(struct vcard *card);
void control_stop(struct vcard *card);
void control_destroy(struct vcard *card);

/**
 * card_fail() - FATAL: the card cannot go on until a reset
 *
 * Nothing new is started; what runs is told to stop. Takes card->lock.
 */
void card_fail(struct vcard *card, uint16_t code);
/** card_remove() - surprise removal, until vcard_power_on(). Takes card->lock. */
void card_remove(struct vcard *card);

#endif
