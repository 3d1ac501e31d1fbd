// SPDX-License-Identifier: MIT
/* Device MMU and DMA map: what a table entry permits, what is cached, who waits for whom. */

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "vcard_rig.h"

#define VA	0x123456000000ull
#define BYTES	(1u << 20)

struct fixture {
	struct rig *rig;
	struct rig_queue queue;
	uint64_t host;
	uint8_t *mem;
};

static void prepare(struct fixture *f, struct rig *rig)
{
	memset(f, 0, sizeof(*f));
	f->rig = rig;
	f->host = rig_alloc(rig, BYTES);
	f->mem = rig_at(rig, f->host);
	rig_create_vm(rig, 1, 0);
	rig_queue_create(rig, &f->queue, 0, 1, NULL);
}

static void fill(struct fixture *f, uint64_t va, uint8_t value)
{
	struct aci_desc desc = desc_fill(va, 64, value, 1);

	rig_submit(&f->queue, &desc);
	rig_wait_completed(&f->queue, f->queue.tail);
}

static void expect_fault(struct fixture *f, uint64_t va)
{
	struct aci_desc desc = desc_fill(va, 64, 0xee, 1);

	rig_expect_error(&f->queue, &desc, ACI_STATUS_PAGE_FAULT, va);
}

/* Each entry that breaks a rule of the tables is a fault, at the leaf and above. */
static void test_bad_entries(void **state)
{
	struct rig *rig = *state;
	struct fixture f;
	uint64_t good, *pte;

	prepare(&f, rig);
	rig_map(rig, 1, VA, f.host, 4096, PTE_SYSTEM_RW);
	fill(&f, VA, 1);
	assert_int_equal(f.mem[0], 1);
#define BAD(level, value) \
	do { \
		pte = rig_pte(rig, 1, VA, level); \
		good = *pte; \
		*pte = value; \
		rig_invalidate(rig, ACI_INV_VM, 1, 0, 0); \
		expect_fault(&f, VA); \
		*pte = good; \
	} while (0)
	BAD(0, good & ~ACI_PTE_VALID);
	BAD(0, good & ~ACI_PTE_WRITE);
	BAD(0, good & ~ACI_PTE_LEAF);
	BAD(0, good | 1ull << 5);
	BAD(0, good | 1ull << 6);
	BAD(0, good | 1ull << 8);
	BAD(0, good | 1ull << 63);
	BAD(0, good | ACI_PTE_CARD);
	BAD(0, (good & ~ACI_PTE_SNOOP) | ACI_PTE_CARD);
	BAD(0, (good & ~ACI_PTE_ADDR_MASK) | 0x1000);
	BAD(0, (good & ~(ACI_PTE_ADDR_MASK | ACI_PTE_SNOOP)) | ACI_PTE_CARD | 16u << 20);
	for (unsigned int level = 1; level < ACI_PT_LEVELS; level++) {
		BAD(level, 0);
		BAD(level, good | ACI_PTE_READ);
		BAD(level, good | ACI_PTE_WRITE);
		BAD(level, good | ACI_PTE_CARD);
		BAD(level, good | ACI_PTE_SNOOP);
		BAD(level, good | 1ull << 52);
		BAD(level, (good & ~ACI_PTE_ADDR_MASK) | 0x5000);
	}
	for (unsigned int level = 2; level < ACI_PT_LEVELS; level++)
		BAD(level, f.host | PTE_SYSTEM_RW | ACI_PTE_LEAF | ACI_PTE_VALID);
	/* A 2 MiB leaf that is not aligned. */
	BAD(1, f.host | PTE_SYSTEM_RW | ACI_PTE_LEAF | ACI_PTE_VALID | 0x1000);
#undef BAD
	rig_invalidate(rig, ACI_INV_VM, 1, 0, 0);
	assert_int_equal(f.mem[0], 1);
	fill(&f, VA, 2);
	assert_int_equal(f.mem[0], 2);
}

#define PAGES		300u		/* more than a chunk of COPY has */
#define SHUFFLED(page)	((page) * 77 % PAGES * 4096)

/* Whatever the pieces of both sides are, and wherever a table ends. */
static void test_copy_of_scattered_pages(void **state)
{
	const uint64_t src = VA + (2u << 20) - 40 * 4096, dst = VA + (16u << 20);
	const uint64_t bytes = (PAGES - 2) * 4096;
	struct rig *rig = *state;
	struct aci_desc desc = desc_copy(src + 13, dst + 4095, bytes);
	uint64_t from, to, good, *pte;
	struct fixture f;
	uint8_t *in, *out;

	prepare(&f, rig);
	from = rig_alloc(rig, PAGES * 4096);
	to = rig_alloc(rig, PAGES * 4096);
	in = rig_at(rig, from);
	out = rig_at(rig, to);
	for (uint64_t i = 0; i < PAGES * 4096; i++)
		in[i] = (uint8_t)(i * 131 >> 3);
	for (uint64_t page = 0; page < PAGES; page++) {
		rig_map(rig, 1, src + page * 4096, from + SHUFFLED(page), 4096, PTE_SYSTEM_RO);
		rig_map(rig, 1, dst + page * 4096, to + SHUFFLED(page + 1), 4096, PTE_SYSTEM_RW);
	}
	rig_submit(&f.queue, &desc);
	rig_wait_completed(&f.queue, f.queue.tail);
	for (uint64_t i = 0; i < bytes; i++) {
		uint64_t s = i + 13, d = i + 4095;

		assert_int_equal(out[SHUFFLED(d / 4096 + 1) + d % 4096],
				 in[SHUFFLED(s / 4096) + s % 4096]);
	}

	/* The first address that faults, on either side, at a page that follows others. */
	pte = rig_pte(rig, 1, src + 100 * 4096, 0);
	good = *pte;
	*pte = good & ~ACI_PTE_READ;
	rig_invalidate(rig, ACI_INV_VM, 1, 0, 0);
	rig_expect_error(&f.queue, &desc, ACI_STATUS_PAGE_FAULT, src + 100 * 4096);
	*pte = good;
	pte = rig_pte(rig, 1, dst + 200 * 4096, 0);
	*pte |= 1ull << 5;
	rig_invalidate(rig, ACI_INV_VM, 1, 0, 0);
	rig_expect_error(&f.queue, &desc, ACI_STATUS_PAGE_FAULT, dst + 200 * 4096);
}

static void test_invalid_is_not_cached(void **state)
{
	struct rig *rig = *state;
	struct fixture f;

	prepare(&f, rig);
	expect_fault(&f, VA);
	/* No invalidation between. */
	rig_map(rig, 1, VA, f.host, 4096, PTE_SYSTEM_RO);
	expect_fault(&f, VA);
	rig_map(rig, 1, VA, f.host, 4096, PTE_SYSTEM_RW);
	fill(&f, VA, 3);
	assert_int_equal(f.mem[0], 3);
}

/* A changed entry is in force behind its invalidation, for both kinds of it. */
static void test_stale_translation(void **state)
{
	struct rig *rig = *state;
	struct fixture f;

	prepare(&f, rig);
	for (unsigned int i = 0; i < 200; i++) {
		uint64_t page = i % 2 * 4096ull;
		uint8_t value = (uint8_t)(i + 1);

		rig_map(rig, 1, VA, f.host + page, 4096, PTE_SYSTEM_RW);
		assert_int_equal(rig_invalidate(rig, i % 3 ? ACI_INV_RANGE : ACI_INV_VM, 1,
						i % 3 ? VA : 0, i % 3 ? 4096 : 0), 0);
		fill(&f, VA, value);
		assert_int_equal(f.mem[page], value);
		assert_int_not_equal(f.mem[4096 - page], value);
	}
	*rig_pte(rig, 1, VA, 0) = 0;
	assert_int_equal(rig_invalidate(rig, ACI_INV_RANGE, 1, VA, 4096), 0);
	expect_fault(&f, VA);
}

static void test_large_leaf(void **state)
{
	struct rig *rig = *state;
	struct fixture f;
	struct aci_desc copy;
	uint8_t *card = rig->aperture.map;
	uint64_t large = 0x40000000, *pte, table;

	prepare(&f, rig);
	pte = rig_pte(rig, 1, large, 1);
	*pte = (2u << 20) | PTE_CARD_RW | ACI_PTE_LEAF | ACI_PTE_VALID;
	fill(&f, large + (2u << 20) - 64, 0x21);
	assert_int_equal(card[(4u << 20) - 1], 0x21);
	/* Past its end is the next entry. */
	copy = desc_copy(large + (2u << 20) - 64, large + 1, 65);
	rig_expect_error(&f.queue, &copy, ACI_STATUS_PAGE_FAULT, large + (2u << 20));
	/* An equal table in its place, at any time. */
	table = rig_alloc(rig, 4096);
	for (uint64_t i = 0; i < 512; i++)
		((uint64_t *)rig_at(rig, table))[i] = ((2u << 20) + i * 4096) | PTE_CARD_RW |
						      ACI_PTE_LEAF | ACI_PTE_VALID;
	__atomic_store_n(pte, table | ACI_PTE_VALID, __ATOMIC_RELEASE);
	fill(&f, large, 0x22);
	assert_int_equal(rig_invalidate(rig, ACI_INV_RANGE, 1, large + 4096, 4096), 0);
	fill(&f, large + 4096, 0x23);
	assert_int_equal(card[2u << 20], 0x22);
	assert_int_equal(card[(2u << 20) + 4096], 0x23);
	/* Only the range is dropped, but from the large leaf all that overlaps it. */
	((uint64_t *)rig_at(rig, table))[7] = 0;
	assert_int_equal(rig_invalidate(rig, ACI_INV_RANGE, 1, large + 7 * 4096, 4096), 0);
	expect_fault(&f, large + 7 * 4096);
	fill(&f, large + 8 * 4096, 1);
}

/* VMs share nothing. */
static void test_isolation(void **state)
{
	struct rig *rig = *state;
	struct rig_queue other;
	struct fixture f;
	struct aci_desc desc = desc_fill(VA, 64, 9, 1);

	prepare(&f, rig);
	rig_map(rig, 1, VA, f.host, 4096, PTE_SYSTEM_RW);
	fill(&f, VA, 1);
	rig_create_vm(rig, 2, 0);
	rig_queue_create(rig, &other, 1, 2, NULL);
	rig_expect_error(&other, &desc, ACI_STATUS_PAGE_FAULT, VA);
	rig_map(rig, 2, VA, f.host + 4096, 4096, PTE_SYSTEM_RW);
	rig_submit(&other, &desc);
	rig_wait_completed(&other, other.tail);
	assert_int_equal(f.mem[0], 1);
	assert_int_equal(f.mem[4096], 9);
	/* A new VM with an old id has nothing of it. */
	assert_int_equal(rig_queue_command(&other, ACI_ADMIN_DELETE_QUEUE, 0), 0);
	assert_int_equal(rig_delete_vm(rig, 2), 0);
	rig_create_vm(rig, 2, 0);
	rig_queue_create(rig, &other, 1, 2, NULL);
	rig_expect_error(&other, &desc, ACI_STATUS_PAGE_FAULT, VA);
}

static void test_invalidation_errors(void **state)
{
	struct rig *rig = *state;
	struct rig_queue queue;

	rig_create_vm(rig, 1, 0);
	rig_queue_create(rig, &queue, 0, 1, NULL);
	assert_int_equal(rig_invalidate(rig, ACI_INV_VM, 1, 0, 0), 0);
	/* The first error stays, with its index. */
	assert_int_equal(rig_invalidate(rig, ACI_INV_RANGE, 2, 0, 4096),
			 ACI_STATUS_INVALID_ID | 1u << 16);
	assert_int_equal(rig_invalidate(rig, 9, 1, 0, 0), ACI_STATUS_INVALID_ID | 1u << 16);
	rig_write32(rig, ACI_REG_CTRL, 0);
	while (rig_read32(rig, ACI_REG_STATUS) & ACI_STATUS_REG_READY)
		;
	rig_enable(rig);
	assert_int_equal(rig_invalidate(rig, ACI_INV_RANGE, 1, 1, 4096), ACI_STATUS_INVALID_FIELD);
}

/* A hung job does not hold an invalidation up, nor a DMA unmap. */
static void test_hang_holds_nothing(void **state)
{
	struct rig *rig = *state;
	struct aci_desc nop = desc_nop();
	struct fixture f;
	uint64_t begin_ns;

	prepare(&f, rig);
	rig_map(rig, 1, VA, f.host, 4096, PTE_SYSTEM_RW);
	fill(&f, VA, 1);
	rig_ctl(rig, "hang next");
	rig_submit(&f.queue, &nop);
	rig_wait_started(&f.queue, f.queue.tail);
	begin_ns = rig_now_ns();
	assert_int_equal(rig_invalidate(rig, ACI_INV_VM, 1, 0, 0), 0);
	assert_true(rig_now_ns() - begin_ns <
		    rig_read32(rig, ACI_REG_T_INVALIDATE_MS) * 1000000ull);
	assert_int_equal(vcard_dma_map(rig->card, 0x1000, 4096, f.mem, VCARD_DMA_READ), 0);
	assert_int_equal(vcard_dma_unmap(rig->card, 0x1000, 4096), 0);
}

/*
 * Memory is changed under running copies: what an invalidation or an unmap has
 * returned for is written by nobody any more.
 */
static void test_unmap_in_flight(void **state)
{
	struct rig *rig = *state;
	struct fixture f;
	uint64_t iova = 0x7000000000ull;
	uint8_t *page = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			     0);

	prepare(&f, rig);
	rig_map(rig, 1, VA, iova, BYTES, PTE_SYSTEM_RW);
	for (unsigned int i = 0; i < 100; i++) {
		struct aci_desc desc = desc_fill(VA, BYTES, 0x5a, 1);
		bool by_invalidation = i % 2;

		assert_int_equal(vcard_dma_map(rig->card, iova, BYTES, page,
					       VCARD_DMA_READ | VCARD_DMA_WRITE), 0);
		rig_submit(&f.queue, &desc);
		rig_wait_started(&f.queue, f.queue.tail);
		if (by_invalidation) {
			*rig_pte(rig, 1, VA, 3) &= ~ACI_PTE_VALID;
			assert_int_equal(rig_invalidate(rig, ACI_INV_RANGE, 1, VA, BYTES), 0);
		} else {
			assert_int_equal(vcard_dma_unmap(rig->card, iova, BYTES), 0);
			/* The address goes back to the system at once. */
			assert_int_equal(mprotect(page, BYTES, PROT_NONE), 0);
			assert_int_equal(mprotect(page, BYTES, PROT_READ | PROT_WRITE), 0);
		}
		memset(page, 0, BYTES);
		while (__atomic_load_n(&f.queue.record->completed, __ATOMIC_ACQUIRE) <
			       f.queue.tail &&
		       __atomic_load_n(&f.queue.record->state, __ATOMIC_ACQUIRE) !=
			       ACI_QUEUE_STATE_ERROR)
			;
		for (size_t at = 0; at < BYTES; at += 64)
			assert_int_equal(page[at], 0);
		if (by_invalidation) {
			*rig_pte(rig, 1, VA, 3) |= ACI_PTE_VALID;
			assert_int_equal(vcard_dma_unmap(rig->card, iova, BYTES), 0);
		}
		assert_int_equal(rig_queue_command(&f.queue, ACI_ADMIN_RESET_QUEUE, f.queue.tail),
				 0);
	}
	munmap(page, BYTES);
}

static void test_dma_map_rules(void **state)
{
	struct rig *rig = *state;
	uint8_t *page = rig_at(rig, rig_alloc(rig, 3 * 4096));
	unsigned int rw = VCARD_DMA_READ | VCARD_DMA_WRITE;

	assert_int_equal(vcard_dma_map(rig->card, 0x1000, 0, page, rw), -EINVAL);
	assert_int_equal(vcard_dma_map(rig->card, 0x1001, 4096, page, rw), -EINVAL);
	assert_int_equal(vcard_dma_map(rig->card, 0x1000, 100, page, rw), -EINVAL);
	assert_int_equal(vcard_dma_map(rig->card, 0x1000, 4096, page, 8), -EINVAL);
	assert_int_equal(vcard_dma_map(rig->card, UINT64_MAX - 4095, 8192, page, rw), -EINVAL);
	assert_int_equal(vcard_dma_map(rig->card, 0x1000, 8192, page, rw), 0);
	assert_int_equal(vcard_dma_map(rig->card, 0x2000, 4096, page, rw), -EEXIST);
	assert_int_equal(vcard_dma_map(rig->card, 0x0000, 8192, page, rw), -EEXIST);
	assert_int_equal(vcard_dma_map(rig->card, 0x3000, 4096, page, rw), 0);
	assert_int_equal(vcard_dma_unmap(rig->card, 0x2000, 4096), -EINVAL);
	assert_int_equal(vcard_dma_unmap(rig->card, 0x2000, 8192), -EINVAL);
	assert_int_equal(vcard_dma_unmap(rig->card, 0x0000, 0x10000), 0);
	assert_int_equal(vcard_dma_unmap(rig->card, 0x0000, 0x10000), 0);
	assert_int_equal(vcard_dma_unmap(rig->card, UINT64_MAX, 2), -EINVAL);
	/* QEMU does so when the machine is reset behind an IOMMU. */
	assert_int_equal(vcard_dma_unmap(rig->card, 0x10000, -UINT64_C(0x10000)), 0);
}

/* --- Tens of thousands of small mappings, coming and going under load --- */

#define CHURN_PAGES	40000u
#define CHURN_IOVA	0x9000000000ull

struct churn {
	struct rig *rig;
	uint8_t *page;
	_Atomic bool stop;
	unsigned int rounds;
};

static uint64_t churn_iova(uint32_t i)
{
	/* Scattered: neighbours in time are not neighbours in the table. */
	return CHURN_IOVA + (i * 7919ull % CHURN_PAGES) * 8192;
}

static void *churn_run(void *arg)
{
	struct churn *churn = arg;

	while (!atomic_load(&churn->stop)) {
		for (uint32_t i = 0; i < 2000; i++)
			vcard_dma_unmap(churn->rig->card, churn_iova(i), 4096);
		for (uint32_t i = 0; i < 2000; i++)
			vcard_dma_map(churn->rig->card, churn_iova(i), 4096, churn->page,
				      VCARD_DMA_READ | VCARD_DMA_WRITE);
		churn->rounds++;
	}
	return NULL;
}

static void test_dma_churn(void **state)
{
	struct rig *rig = *state;
	struct churn churn = { .rig = rig };
	uint64_t host, *data;
	struct fixture f;
	pthread_t thread;

	prepare(&f, rig);
	churn.page = rig_at(rig, rig_alloc(rig, 4096));
	for (uint32_t i = 0; i < CHURN_PAGES; i++)
		assert_int_equal(vcard_dma_map(rig->card, churn_iova(i), 4096, churn.page,
					       VCARD_DMA_READ | VCARD_DMA_WRITE), 0);
	/* A buffer whose pages lie in mappings of their own, between the others. */
	host = rig_alloc(rig, 128 * 4096);
	data = rig_at(rig, host);
	for (uint64_t i = 0; i < 128; i++) {
		uint64_t iova = CHURN_IOVA + i * 8192 + 4096;

		assert_int_equal(vcard_dma_map(rig->card, iova, 4096,
					       (uint8_t *)data + (i ^ 1) * 4096,
					       VCARD_DMA_READ | VCARD_DMA_WRITE), 0);
		rig_map(rig, 1, VA + i * 4096, iova, 4096, PTE_SYSTEM_RW);
	}
	rig_map(rig, 1, VA + (1u << 30), 0, BYTES, PTE_CARD_RW);
	assert_int_equal(pthread_create(&thread, NULL, churn_run, &churn), 0);
	for (uint64_t round = 0; round < 200; round++) {
		struct aci_desc in = desc_copy(VA, VA + (1u << 30), 128 * 4096);
		struct aci_desc out = desc_copy(VA + (1u << 30), VA, 128 * 4096);

		for (uint64_t i = 0; i < 128 * 512; i += 61)
			data[i] = round * 1000003 + i;
		rig_submit(&f.queue, &in);
		rig_submit(&f.queue, &out);
		rig_wait_completed(&f.queue, f.queue.tail);
		for (uint64_t i = 0; i < 128 * 512; i += 61)
			assert_int_equal(data[i], round * 1000003 + i);
	}
	atomic_store(&churn.stop, true);
	pthread_join(thread, NULL);
	assert_true(churn.rounds > 0);
	assert_int_equal(f.queue.record->error, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		rig_test(test_bad_entries),
		rig_test(test_copy_of_scattered_pages),
		rig_test(test_invalid_is_not_cached),
		rig_test(test_stale_translation),
		rig_test(test_large_leaf),
		rig_test(test_isolation),
		rig_test(test_invalidation_errors),
		rig_test(test_hang_holds_nothing),
		rig_test(test_unmap_in_flight),
		rig_test(test_dma_map_rules),
		rig_test(test_dma_churn),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
