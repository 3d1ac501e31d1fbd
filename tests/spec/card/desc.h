/* SPDX-License-Identifier: MIT */
/*
 * Descriptors for conformance tests, and where their memory is. No state.
 */
#ifndef SPEC_CARD_DESC_H
#define SPEC_CARD_DESC_H

#include "rig.h"

#define SUCCESS	ACI_STATUS_SUCCESS
#define VA	0x123400000ull
#define BYTES	(4 * ACI_PAGE_SIZE)
#define FAR	(1ull << 46)	/* nothing is mapped there */

static inline struct aci_desc desc_nop(void)
{
	return (struct aci_desc){ .opcode = ACI_OP_NOP };
}

static inline struct aci_desc desc_copy(uint64_t src, uint64_t dst, uint64_t bytes)
{
	struct aci_desc desc = { .opcode = ACI_OP_COPY };

	desc.copy.src = htole64(src);
	desc.copy.dst = htole64(dst);
	desc.copy.bytes = htole64(bytes);
	return desc;
}

static inline struct aci_desc desc_fill(uint64_t dst, uint64_t bytes, uint64_t pattern,
					uint32_t width)
{
	struct aci_desc desc = { .opcode = ACI_OP_FILL };

	desc.fill.dst = htole64(dst);
	desc.fill.bytes = htole64(bytes);
	desc.fill.pattern = htole64(pattern);
	desc.fill.pattern_bytes = htole32(width);
	return desc;
}

static inline struct aci_desc desc_word(uint8_t opcode, uint64_t addr, uint64_t value)
{
	struct aci_desc desc = { .opcode = opcode };

	desc.body[0] = htole64(addr);
	desc.body[1] = htole64(value);
	return desc;
}

/* Start over after an error: index 0, an empty ring. */
static inline void rig_restart(struct rig *rig, struct rig_queue *queue)
{
	queue->user->tail = 0;
	queue->tail = 0;
	assert_int_equal(SUCCESS, rig_queue_command(rig, ACI_ADMIN_RESET_QUEUE, queue->id, 0));
}

#define CARD_TEST(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)

#endif
