/* SPDX-License-Identifier: MIT */
/*
 * Register BAR. Reads and writes are 32-bit halves of a shadow; a few registers
 * are computed on reading or act on writing.
 *
 * Locking: regs->lock, a leaf, covers the shadow.
 */
#ifndef VCARD_CORE_REGS_H
#define VCARD_CORE_REGS_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include <aci/aci_regs.h>

struct vcard;

#define VECTORS_MAX	64
#define DB_SHIFT	ACI_DB_SHIFT_MIN
#define REGS_BYTES	ACI_REG_NOTIFY(VECTORS_MAX)

struct regs {
	pthread_mutex_t lock;
	uint32_t shadow[REGS_BYTES / 4];
	uint32_t timestamp_high;	/* latched */
	bool ready;
	_Atomic bool fatal;		/* written under lock */
	uint16_t fatal_code;
	uint8_t reset_state;
	uint8_t reset_level;
	uint16_t generation;
};

void regs_init(struct vcard *card);
void regs_destroy(struct vcard *card);
/** regs_restart() - power-on values */
void regs_restart(struct vcard *card);
/** regs_set_fatal() - shown in STATUS; see card_fail() */
void regs_set_fatal(struct vcard *card, uint16_t code);
/* With or without other locks; they take regs->lock. */
uint32_t regs_get32(struct vcard *card, uint32_t offset);
uint64_t regs_get64(struct vcard *card, uint32_t offset);
void regs_set_ready(struct vcard *card, bool ready);
/** regs_clear_indices() - ring indices begin at 0 with each enable */
void regs_clear_indices(struct vcard *card);

#endif
