/* SPDX-License-Identifier: MIT */
/*
 * A stand-in for the card's core, for tests of the tensor command set: device
 * memory made of regions, whose pages may be scattered, and what engine.h
 * asks for. It checks the rules of engine.h: no window open at a yield, no
 * byte outside a window touched, every window closed.
 *
 * One thread; state is global.
 */
#ifndef TESTS_UNIT_TCS_FAKE_H
#define TESTS_UNIT_TCS_FAKE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../../tools/vcard/core/engine.h"

#define FAKE_REGIONS	64

enum fake_memory {
	FAKE_FLAT,	/* windows are the memory itself */
	FAKE_SCATTERED,	/* small pages in random order: what crosses a page is bounced */
	FAKE_BOUNCED,	/* every window is a copy between guard bands */
};

struct fake {
	enum fake_memory memory;
	unsigned int preempt_every;	/* 0: never; n: at every n-th yield */
	unsigned int stop_after;	/* 0: never; n: at the n-th yield */
	unsigned int stop_at_look;	/* 0: never; n: at the n-th engine_should_stop() */
	unsigned int corrupt_op;	/* n: the n-th operation; 0: none */
	uint64_t fault_at;		/* accesses that include this address fault; 0: none */
	/** @allowed: may this access happen? NULL: any inside a region */
	bool (*allowed)(uint64_t va, uint64_t bytes, unsigned int mode);

	/* what happened */
	unsigned int yields, looks, windows, open, asked_corrupt;
	unsigned int tile_windows, tile_windows_max;	/* between two yields */
	uint64_t window_bytes_max;
	uint64_t operations, macs, bytes;
	const char *broken;		/* the first rule that was broken */
};

extern struct fake fake;

/** fake_reset() - forget regions and settings */
void fake_reset(enum fake_memory memory);
/** fake_map() - make @bytes of memory at @va, zeroed. Pages before and after stay unmapped. */
void fake_map(uint64_t va, uint64_t bytes, bool writable);
/** fake_read()/fake_write() - the test's own access; the range must be mapped */
void fake_read(uint64_t va, void *dst, uint64_t bytes);
void fake_write(uint64_t va, const void *src, uint64_t bytes);
bool fake_is_mapped(uint64_t va, uint64_t bytes);

/* --- random numbers, seeded --- */
extern uint64_t fake_seed;
uint64_t fake_random(void);
/** fake_below() - 0 .. n-1 */
uint64_t fake_below(uint64_t n);

#endif
