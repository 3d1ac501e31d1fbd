// SPDX-License-Identifier: MIT
/* Conformance of a card: configuration space, its BARs, bus mastering. */

#include <linux/pci_regs.h>
#include <stdlib.h>

#include "desc.h"

#define BAR_TEST_BYTES	(3 * ACI_PAGE_SIZE / 2)

static uint32_t config(struct rig *rig, uint32_t at)
{
	uint8_t bytes[4];

	rig_card_ops.config_read(rig->card, at, bytes, sizeof(bytes));
	return bytes[0] | bytes[1] << 8 | bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

static void config_put(struct rig *rig, uint32_t at, uint32_t value)
{
	const uint32_t word = htole32(value);

	rig_card_ops.config_write(rig->card, at, &word, sizeof(word));
}

static uint32_t find_capability(struct rig *rig, uint8_t id)
{
	uint32_t at = config(rig, PCI_CAPABILITY_LIST) & 0xfc;

	while (at && (config(rig, at) & 0xff) != id)
		at = config(rig, at) >> 8 & 0xfc;
	return at;
}

static uint32_t find_extended(struct rig *rig, uint16_t id, uint32_t after)
{
	uint32_t at = after ? config(rig, after) >> 20 : PCI_CFG_SPACE_SIZE;

	while (at && (config(rig, at) & 0xffff) != id)
		at = config(rig, at) >> 20;
	return at;
}

static uint32_t find_aci(struct rig *rig, uint32_t after)
{
	static const uint8_t want[] = ACI_DVSEC_UUID_BYTES;
	uint8_t uuid[16];

	while ((after = find_extended(rig, PCI_EXT_CAP_ID_DVSEC, after))) {
		rig_card_ops.config_read(rig->card, after + ACI_DVSEC_UUID, uuid, sizeof(uuid));
		if (!memcmp(uuid, want, sizeof(want)))
			break;
	}
	return after;
}

/* Size by the protocol of writing all ones; 0 for none. Leaves the BAR as it was. */
static uint64_t bar_bytes(struct rig *rig, unsigned int bar, uint32_t *flags)
{
	uint32_t at = PCI_BASE_ADDRESS_0 + 4 * bar, low, high = ~0u;
	const uint32_t old_low = config(rig, at), old_high = config(rig, at + 4);

	*flags = old_low & ~(uint32_t)PCI_BASE_ADDRESS_MEM_MASK;
	config_put(rig, at, ~0u);
	low = config(rig, at) & (uint32_t)PCI_BASE_ADDRESS_MEM_MASK;
	config_put(rig, at, old_low);
	if (*flags & PCI_BASE_ADDRESS_MEM_TYPE_64) {
		config_put(rig, at + 4, ~0u);
		high = config(rig, at + 4);
		config_put(rig, at + 4, old_high);
	}
	return low || high != ~0u ? ~(low | (uint64_t)high << 32) + 1 : 0;
}

/* proves: ACI-001 ACI-002 ACI-003 ACI-006 ACI-440 */
static void identity(void **state)
{
	struct rig *rig = *state;
	uint32_t at, bars;

	if (!rig)
		skip();
	at = find_aci(rig, 0);
	assert_int_equal(ACI_PCI_CLASS,
			 config(rig, PCI_CLASS_REVISION) >> 8 & ACI_PCI_CLASS_MASK);
	assert_int_not_equal(0, at);
	assert_int_equal(0, find_aci(rig, at));
	assert_true(config(rig, at + PCI_DVSEC_HEADER1) >> 20 >= ACI_DVSEC_LENGTH);
	assert_int_equal(rig_read(rig, ACI_REG_VERSION), config(rig, at + ACI_DVSEC_VERSION));
	assert_int_equal(ACI_VERSION(ACI_VERSION_MAJOR, ACI_VERSION_MINOR),
			 rig_read(rig, ACI_REG_VERSION));
	bars = config(rig, at + ACI_DVSEC_BARS);
	assert_true(ACI_DVSEC_BAR_REGS(bars) < 6 && ACI_DVSEC_BAR_DOORBELL(bars) < 6);
	assert_int_not_equal(ACI_DVSEC_BAR_REGS(bars), ACI_DVSEC_BAR_DOORBELL(bars));
	assert_int_not_equal(ACI_DVSEC_BAR_REGS(bars), ACI_DVSEC_BAR_MEM(bars));
	assert_int_not_equal(ACI_DVSEC_BAR_DOORBELL(bars), ACI_DVSEC_BAR_MEM(bars));
	assert_int_equal(0, bars & ~0x777u);
}

/* proves: ACI-007 ACI-008 ACI-009 ACI-010 ACI-015 */
static void capabilities(void **state)
{
	struct rig *rig = *state;
	uint32_t msix = find_capability(rig, PCI_CAP_ID_MSIX);
	uint32_t express = find_capability(rig, PCI_CAP_ID_EXP);
	uint32_t bars = config(rig, find_aci(rig, 0) + ACI_DVSEC_BARS);

	assert_int_not_equal(0, find_extended(rig, PCI_EXT_CAP_ID_ERR, 0));
	assert_int_not_equal(0, express);
	assert_true(config(rig, express + PCI_EXP_DEVCAP) & PCI_EXP_DEVCAP_FLR);
	assert_int_not_equal(0, msix);
	assert_int_equal(rig_read(rig, ACI_REG_QUEUES) >> 16,
			 (config(rig, msix) >> 16 & PCI_MSIX_FLAGS_QSIZE) + 1);
	for (uint32_t at = PCI_MSIX_TABLE; at <= PCI_MSIX_PBA; at += 4) {
		uint32_t where = config(rig, msix + at);

		if ((where & PCI_MSIX_TABLE_BIR) == ACI_DVSEC_BAR_REGS(bars))
			assert_true((where & PCI_MSIX_TABLE_OFFSET) >= ACI_REG_BAR_BYTES);
	}
}

static bool is_prefetchable(uint32_t flags)
{
	return flags & PCI_BASE_ADDRESS_MEM_TYPE_64 && flags & PCI_BASE_ADDRESS_MEM_PREFETCH;
}

/* proves: ACI-014 ACI-016 ACI-018 ACI-020 ACI-760 */
static void bars(void **state)
{
	struct rig *rig = *state;
	uint64_t doorbells, aperture;
	uint32_t word, flags;

	if (!rig)
		skip();
	word = config(rig, find_aci(rig, 0) + ACI_DVSEC_BARS);
	doorbells = (uint64_t)(rig_read(rig, ACI_REG_QUEUES) & 0xffff) << rig->db_shift;
	aperture = rig_read64(rig, ACI_REG_APERTURE_BYTES);
	assert_true(bar_bytes(rig, ACI_DVSEC_BAR_REGS(word), &flags) >= ACI_REG_BAR_BYTES);
	if (rig->cap & ACI_CAP_KICK) {
		assert_true(rig->kick_offset >= doorbells);
		doorbells += rig->kick_offset;
	} else {
		assert_int_equal(0, rig->kick_offset);
	}
	assert_true(bar_bytes(rig, ACI_DVSEC_BAR_DOORBELL(word), &flags) >= doorbells);
	assert_true(is_prefetchable(flags));
	if (!aperture) {
		assert_int_equal(ACI_DVSEC_BAR_NONE, ACI_DVSEC_BAR_MEM(word));
		return;
	}
	assert_true(bar_bytes(rig, ACI_DVSEC_BAR_MEM(word), &flags) >= aperture);
	assert_true(is_prefetchable(flags));
}

/* Offset in the BAR is address on the card, in both directions. proves: ACI-016 ACI-017 */
static void memory_through_the_bar(void **state)
{
	const uint64_t card_bits = ACI_PTE_VALID | ACI_PTE_LEAF | ACI_PTE_READ | ACI_PTE_WRITE |
				   ACI_PTE_CARD;
	struct rig *rig = *state;
	uint64_t aperture = rig_read64(rig, ACI_REG_APERTURE_BYTES), at;
	uint8_t bytes[BAR_TEST_BYTES], back[BAR_TEST_BYTES];
	uint8_t *host;

	if (aperture < 2 * ACI_PAGE_SIZE)
		skip();
	at = aperture - 2 * ACI_PAGE_SIZE;
	for (unsigned int i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 13 + i / 256);
	rig_card_ops.memory_write(rig->card, at, bytes, sizeof(bytes));
	rig_start(rig);
	host = rig_at(rig, rig_map(rig, VA, 2));
	for (uint64_t page = 0; page < 2; page++)
		*rig_pte(rig, rig->root, VA + BYTES + page * ACI_PAGE_SIZE, 0) =
			htole64((at + page * ACI_PAGE_SIZE) | card_bits);
	assert_int_equal(SUCCESS,
			 rig_run(rig, &rig->queue, desc_copy(VA + BYTES, VA, sizeof(bytes))));
	assert_memory_equal(bytes, host, sizeof(bytes));
	assert_int_equal(SUCCESS,
			 rig_run(rig, &rig->queue, desc_fill(VA + BYTES + 1, sizeof(bytes) - 1,
							     0x5c, 1)));
	rig_card_ops.memory_read(rig->card, at, back, sizeof(back));
	assert_int_equal(bytes[0], back[0]);
	memset(bytes, 0x5c, sizeof(bytes));
	assert_memory_equal(bytes + 1, back + 1, sizeof(bytes) - 1);
}

/* proves: ACI-178 */
static void doorbells_elsewhere(void **state)
{
	struct rig *rig = *state;
	const uint64_t stride = 1ull << rig->db_shift;
	uint32_t queues = rig_read(rig, ACI_REG_QUEUES) & 0xffff;
	const uint64_t kicks = rig->cap & ACI_CAP_KICK ? rig->kick_offset : 0;

	/* Before there is a queue, or a card that is ready. */
	rig_ring(rig, 0, ~0u);
	rig_enable(rig);
	rig_ring(rig, 0, ~0u);
	rig_create_vm(rig, 1, 0, rig->root);
	assert_int_equal(SUCCESS, rig_admin(rig, rig_queue_make(rig, &rig->queue, 0, 1), NULL));
	for (uint32_t queue = 0; queue < queues; queue++) {
		const uint64_t offsets[] = { 8, 12, ACI_PAGE_SIZE - 4, ACI_PAGE_SIZE, stride - 4 };

		for (size_t i = 0; i < sizeof(offsets) / sizeof(offsets[0]); i++) {
			uint64_t at = queue * stride + offsets[i];

			rig_card_ops.doorbell_write(rig->card, at, ~0u, 4);
			if (kicks)
				rig_card_ops.doorbell_write(rig->card, kicks + at, ~0u, 4);
		}
		if (queue)
			rig_ring(rig, (uint16_t)queue, ~0u);
	}
	assert_int_equal(ACI_STATUS_REG_READY, rig_read(rig, ACI_REG_STATUS));
	assert_true(!rig->queue.record->fetched && !rig->queue.record->error);
	assert_int_equal(SUCCESS, rig_run(rig, &rig->queue, desc_nop()));
}

/* proves: ACI-011 ACI-134 */
static void no_request_without_bus_master(void **state)
{
	struct rig *rig = *state;
	struct aci_admin_cmd *ring = rig_at(rig, rig->sq);
	unsigned int irqs;
	uint8_t *before;

	rig_start(rig);
	before = malloc(RIG_DMA_BYTES);
	assert_non_null(before);
	rig_card_ops.bus_master(rig->card, false);
	rig->queue.user->tail = htole64(++rig->queue.tail);
	ring[rig->sq_tail & 1] = (struct aci_admin_cmd){ .opcode = ACI_ADMIN_IDENTIFY };
	memcpy(before, rig->mem, RIG_DMA_BYTES);
	rig_ring(rig, 0, 1);
	rig_write(rig, ACI_REG_ADMIN_SQ_TAIL, rig->sq_tail + 1);
	assert_true(rig_wait_status(rig, ~0u, ACI_STATUS_REG_FATAL |
					      (uint32_t)ACI_STATUS_DMA_ERROR << 16));
	rig_reset(rig);
	assert_memory_equal(before, rig->mem, RIG_DMA_BYTES);
	free(before);
	/* No interrupt either; after the reset none of before is on its way. */
	irqs = rig->irqs;
	rig_enable(rig);
	rig_write(rig, ACI_REG_ADMIN_SQ_TAIL, 1);
	assert_true(rig_wait_status(rig, ~0u, ACI_STATUS_REG_FATAL |
					      (uint32_t)ACI_STATUS_DMA_ERROR << 16));
	rig_reset(rig);
	assert_int_equal(irqs, rig->irqs);
	rig_card_ops.bus_master(rig->card, true);
	rig_start(rig);
	assert_int_equal(SUCCESS, rig_run(rig, &rig->queue, desc_nop()));
}

/* Bytes that are the function's own: identity, capabilities, their lists. proves: ACI-355 */
static void same_after_resets(void **state)
{
	struct rig *rig = *state;
	uint32_t before[PCI_CFG_SPACE_EXP_SIZE / 4], registers[ACI_REG_RESET_CAP / 4 + 1];

	for (uint32_t at = 0; at < PCI_CFG_SPACE_EXP_SIZE; at += 4)
		before[at / 4] = config(rig, at);
	for (uint32_t at = 0; at <= ACI_REG_RESET_CAP; at += 4)
		registers[at / 4] = rig_read(rig, at);
	rig_start(rig);
	rig_reset(rig);
	for (uint32_t at = 0; at < PCI_CFG_SPACE_EXP_SIZE; at += 4)
		assert_int_equal(before[at / 4], config(rig, at));
	for (uint32_t at = 0; at <= ACI_REG_RESET_CAP; at += 4)
		assert_int_equal(registers[at / 4], rig_read(rig, at));
	rig_start(rig);
	rig_card_ops.function_reset(rig->card);
	/* The command register, BARs and what else a host sets are new. */
	for (uint32_t at = PCI_CFG_SPACE_SIZE; at < PCI_CFG_SPACE_EXP_SIZE; at += 4)
		assert_int_equal(before[at / 4], config(rig, at));
	for (uint32_t at = 0; at <= ACI_REG_RESET_CAP; at += 4)
		assert_int_equal(registers[at / 4], rig_read(rig, at));
}

/* proves: ACI-136 ACI-137 */
static void sleep_and_wake(void **state)
{
	struct rig *rig = *state;
	uint32_t at = find_capability(rig, PCI_CAP_ID_PM) + PCI_PM_CTRL, control;
	unsigned int irqs;

	if (at == PCI_PM_CTRL)
		skip();
	control = config(rig, at) & ~(uint32_t)PCI_PM_CTRL_STATE_MASK;
	if (!(control & PCI_PM_CTRL_NO_SOFT_RESET))
		skip();
	rig_start(rig);
	assert_int_equal(SUCCESS, rig_run(rig, &rig->queue, desc_nop()));
	assert_int_equal(SUCCESS, rig_queue_command(rig, ACI_ADMIN_SUSPEND_QUEUE, 0, 0));
	irqs = rig->irqs;
	config_put(rig, at, control | 3);
	assert_int_equal(3, config(rig, at) & PCI_PM_CTRL_STATE_MASK);
	assert_int_equal(UINT32_MAX, rig_read(rig, ACI_REG_STATUS));
	rig_ring(rig, 0, 1);
	rig_write(rig, ACI_REG_CTRL, 0);
	config_put(rig, at, control);
	/* Nothing was lost, nothing arrived. */
	assert_int_equal(irqs, rig->irqs);
	assert_int_equal(ACI_STATUS_REG_READY, rig_read(rig, ACI_REG_STATUS));
	assert_int_equal(ACI_CTRL_ENABLE, rig_read(rig, ACI_REG_CTRL));
	assert_int_equal(SUCCESS, rig_queue_command(rig, ACI_ADMIN_RESUME_QUEUE, 0, 0));
	assert_int_equal(SUCCESS, rig_run(rig, &rig->queue, desc_nop()));
	assert_int_equal(2, le64toh(rig->queue.record->completed));
}

#define BASE_TEST(name) { #name "_of_base_profile", name, rig_setup_base, rig_teardown, NULL }

int main(void)
{
	static const struct CMUnitTest tests[] = {
		CARD_TEST(identity),
		CARD_TEST(capabilities),
		CARD_TEST(bars),
		BASE_TEST(identity),
		BASE_TEST(bars),
		CARD_TEST(memory_through_the_bar),
		CARD_TEST(doorbells_elsewhere),
		CARD_TEST(no_request_without_bus_master),
		CARD_TEST(same_after_resets),
		CARD_TEST(sleep_and_wake),
	};

	return cmocka_run_group_tests_name("pci", tests, NULL, NULL);
}
