// SPDX-License-Identifier: MIT
/* Conformance of a card: device MMU, invalidations, card memory. */

#include "desc.h"

static void expect_fault(struct rig *rig, uint64_t va, struct aci_desc desc)
{
	struct rig_queue *queue = &rig->queue;

	assert_int_equal(ACI_STATUS_PAGE_FAULT, rig_run(rig, queue, desc));
	assert_true(le64toh(queue->record->error_info) >> ACI_PAGE_SHIFT == va >> ACI_PAGE_SHIFT);
	rig_restart(rig, queue);
}

static void invalidate_all(struct rig *rig)
{
	struct aci_inv_cmd cmd = { .opcode = ACI_INV_VM, .vm_id = htole16(1) };

	assert_true(rig_invalidate(rig, cmd) == 0);
}

/* proves: ACI-261 ACI-263 ACI-266 ACI-272 */
static void wrong_entries_fault(void **state)
{
	struct rig *rig = *state;
	uint64_t good, page, *leaf, *table, bits;

	rig_start(rig);
	page = rig_map(rig, VA, 1);
	leaf = rig_pte(rig, rig->root, VA, 0);
	table = rig_pte(rig, rig->root, VA, 1);
	bits = rig_leaf_bits(rig);
#define FAULTS(entry, value) do {						\
		good = *(entry);						\
		*(entry) = htole64(value);					\
		invalidate_all(rig);						\
		expect_fault(rig, VA, desc_fill(VA, 8, 1, 8));			\
		*(entry) = good;						\
		invalidate_all(rig);						\
		assert_int_equal(SUCCESS, rig_run(rig, &rig->queue, desc_fill(VA, 8, 1, 8)));	\
	} while (0)
	FAULTS(leaf, 0);
	FAULTS(leaf, page | (bits & ~ACI_PTE_VALID));
	FAULTS(leaf, page | (bits & ~ACI_PTE_WRITE));
	FAULTS(leaf, page | (bits & ~(uint64_t)ACI_PTE_LEAF));
	FAULTS(leaf, page | bits | 1u << 5);
	FAULTS(leaf, page | bits | 1u << 6);
	FAULTS(leaf, page | bits | 1u << 8);
	FAULTS(leaf, page | bits | 1ull << 52);
	FAULTS(leaf, page | bits | 1ull << 63);
	FAULTS(leaf, RIG_NONE | bits);
	FAULTS(leaf, 0 | bits | ACI_PTE_CARD | ACI_PTE_SNOOP);
	FAULTS(leaf, rig_read64(rig, ACI_REG_MEM_BYTES) |
		     ((bits & ~(uint64_t)ACI_PTE_SNOOP) | ACI_PTE_CARD));
	FAULTS(table, le64toh(*table) | ACI_PTE_WRITE);
	FAULTS(table, le64toh(*table) | ACI_PTE_READ);
	FAULTS(table, le64toh(*table) | ACI_PTE_CARD);
	FAULTS(table, RIG_NONE | ACI_PTE_VALID);
	FAULTS(table, (page & ~0x1fffffull) | 0x1000 | bits);
	if (!(rig->cap & ACI_CAP_LEAF_2M))
		FAULTS(table, RIG_DMA_BASE | bits);
	FAULTS(rig_pte(rig, rig->root, VA, 2), RIG_DMA_BASE | bits);
	FAULTS(rig_pte(rig, rig->root, VA, 3), RIG_DMA_BASE | bits);
	FAULTS(rig_pte(rig, rig->root, VA, 3), 0);
#undef FAULTS
}

/* proves: ACI-262 ACI-268 ACI-269 */
static void permissions(void **state)
{
	struct rig *rig = *state;
	uint64_t bits, page, *leaf;

	rig_start(rig);
	bits = rig_leaf_bits(rig);
	page = rig_map(rig, VA, 1);
	rig_map(rig, VA + ACI_PAGE_SIZE, 1);
	leaf = rig_pte(rig, rig->root, VA, 0);
	*leaf = 0;
	expect_fault(rig, VA, desc_copy(VA, VA + ACI_PAGE_SIZE, 8));
	/* Made valid, then widened: neither needs an invalidation. */
	*leaf = htole64(page | (bits & ~ACI_PTE_WRITE));
	assert_int_equal(SUCCESS, rig_run(rig, &rig->queue, desc_copy(VA, VA + ACI_PAGE_SIZE, 8)));
	expect_fault(rig, VA, desc_copy(VA + ACI_PAGE_SIZE, VA, 8));
	*leaf = htole64(page | bits);
	assert_int_equal(SUCCESS, rig_run(rig, &rig->queue, desc_copy(VA + ACI_PAGE_SIZE, VA, 8)));
	*leaf = htole64(page | (bits & ~ACI_PTE_READ));
	invalidate_all(rig);
	expect_fault(rig, VA, desc_copy(VA, VA + ACI_PAGE_SIZE, 8));
	assert_int_equal(SUCCESS, rig_run(rig, &rig->queue, desc_copy(VA + ACI_PAGE_SIZE, VA, 8)));
}

/* proves: ACI-271 ACI-272 ACI-275 ACI-276 */
static void invalidation(void **state)
{
	struct rig *rig = *state;
	struct aci_inv_cmd cmd = { .opcode = ACI_INV_RANGE, .vm_id = htole16(1),
				   .va = htole64(VA), .bytes = htole64(ACI_PAGE_SIZE) };
	uint64_t one, two, *leaf;
	unsigned int irqs;

	rig_start(rig);
	one = rig_map(rig, VA, 1);
	two = rig_map(rig, VA + ACI_PAGE_SIZE, 1);
	leaf = rig_pte(rig, rig->root, VA, 0);
	for (unsigned int i = 1; i <= 100; i++) {
		uint64_t now = i & 1 ? two : one, other = i & 1 ? one : two;

		*leaf = htole64(now | rig_leaf_bits(rig));
		assert_true(rig_invalidate(rig, cmd) == 0);
		*(uint8_t *)rig_at(rig, other) = 0;
		assert_int_equal(SUCCESS, rig_run(rig, &rig->queue, desc_fill(VA, 1, i, 1)));
		assert_int_equal(i, *(uint8_t *)rig_at(rig, now));
		assert_int_equal(0, *(uint8_t *)rig_at(rig, other));
	}
	irqs = rig->irqs;
	cmd.flags = ACI_INV_F_INTERRUPT;
	assert_true(rig_invalidate(rig, cmd) == 0);
	cmd.flags = 0;
	cmd.vm_id = htole16(2);
	assert_true(rig_invalidate(rig, cmd) == (ACI_STATUS_INVALID_ID | 101ull << 16));
	assert_true(rig->irqs > irqs);
	/* Only the first error is kept. */
	cmd.vm_id = htole16(1);
	cmd.bytes = 0;
	assert_true(rig_invalidate(rig, cmd) == (ACI_STATUS_INVALID_ID | 101ull << 16));
	rig_disable(rig);
	rig_enable(rig);
	rig_create_vm(rig, 1, 0, rig->root);
	assert_true(rig_invalidate(rig, cmd) == ACI_STATUS_INVALID_FIELD);
}

/* proves: ACI-270 */
static void large_leaf_and_table_are_equal(void **state)
{
	const uint64_t va = 1ull << 40, bytes = 2ull << 20;
	struct rig *rig = *state;
	uint64_t base = RIG_DMA_BASE + 4 * bytes, bits, large, *entry, *table, at;
	uint8_t *mem;

	if (!(rig->cap & ACI_CAP_LEAF_2M))
		skip();
	rig_start(rig);
	bits = rig_leaf_bits(rig);
	mem = rig_at(rig, base);
	entry = rig_pte(rig, rig->root, va, 1);
	large = htole64(base | bits);
	at = rig_page(rig);
	table = rig_at(rig, at);
	for (unsigned int i = 0; i < ACI_PT_ENTRIES; i++)
		table[i] = htole64((base + i * ACI_PAGE_SIZE) | bits);
	*entry = large;
	for (unsigned int i = 1; i <= 200; i++) {
		/* Changed while the card works on it; a card may refuse more than 1 MiB. */
		rig_push(rig, &rig->queue, desc_fill(va, bytes / 2, i, 1));
		rig_push(rig, &rig->queue, desc_fill(va + bytes / 2, bytes / 2, i, 1));
		__atomic_store_n(entry, i & 1 ? htole64(at | ACI_PTE_VALID) : large,
				 __ATOMIC_RELEASE);
		assert_int_equal(SUCCESS, rig_stopped(rig, &rig->queue));
		assert_int_equal((uint8_t)i, mem[0]);
		assert_int_equal((uint8_t)i, mem[bytes - 1]);
	}
}

/* proves: ACI-016 ACI-095 ACI-122 ACI-368 */
static void card_memory(void **state)
{
	struct rig *rig = *state;
	struct aci_admin_cmd scrub = { .opcode = ACI_ADMIN_SCRUB };
	const uint64_t card_bits = ACI_PTE_VALID | ACI_PTE_LEAF | ACI_PTE_READ | ACI_PTE_WRITE |
				   ACI_PTE_CARD;
	uint64_t bytes = rig_read64(rig, ACI_REG_MEM_BYTES), page;

	if (!bytes)
		skip();
	rig_start(rig);
	page = rig_map(rig, VA, 1);
	*rig_pte(rig, rig->root, VA + ACI_PAGE_SIZE, 0) =
		htole64((bytes - ACI_PAGE_SIZE) | card_bits);
	assert_int_equal(SUCCESS,
			 rig_run(rig, &rig->queue, desc_fill(VA + ACI_PAGE_SIZE, ACI_PAGE_SIZE,
				 0x5c, 1)));
	assert_int_equal(SUCCESS,
			 rig_run(rig, &rig->queue, desc_copy(VA + ACI_PAGE_SIZE, VA, 4096)));
	assert_int_equal(0x5c, ((uint8_t *)rig_at(rig, page))[4095]);
	scrub.scrub.addr = htole64(bytes - ACI_PAGE_SIZE);
	scrub.scrub.bytes = htole64(ACI_PAGE_SIZE);
	assert_int_equal(SUCCESS, rig_admin(rig, scrub, NULL));
	assert_int_equal(SUCCESS,
			 rig_run(rig, &rig->queue, desc_copy(VA + ACI_PAGE_SIZE, VA, 4096)));
	assert_int_equal(0, ((uint8_t *)rig_at(rig, page))[4095]);

	assert_int_equal(SUCCESS,
			 rig_run(rig, &rig->queue, desc_fill(VA + ACI_PAGE_SIZE, ACI_PAGE_SIZE,
				 0x5d, 1)));
	rig_card_ops.function_reset(rig->card);
	rig_start(rig);
	memset(rig_at(rig, page), 0xa5, ACI_PAGE_SIZE);
	assert_int_equal(SUCCESS,
			 rig_run(rig, &rig->queue, desc_copy(VA + ACI_PAGE_SIZE, VA, 4096)));
	assert_int_equal(0, ((uint8_t *)rig_at(rig, page))[0]);
	assert_int_equal(0, ((uint8_t *)rig_at(rig, page))[4095]);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		CARD_TEST(wrong_entries_fault),
		CARD_TEST(permissions),
		CARD_TEST(invalidation),
		CARD_TEST(large_leaf_and_table_are_equal),
		CARD_TEST(card_memory),
	};

	return cmocka_run_group_tests_name("mmu", tests, NULL, NULL);
}
