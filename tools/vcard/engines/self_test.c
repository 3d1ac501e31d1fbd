// SPDX-License-Identifier: MIT
/*
 * SELF_TEST: what an engine does for jobs, done on spare memory that no host
 * sees: patterns, FILL, COPY and, on a compute engine, a small product, through
 * a private VM whose translations the MMU has to honour and to refuse.
 */

#include <stdlib.h>
#include <string.h>

#include <aci/aci_mmu.h>
#include <aci/aci_status.h>
#include <aci/aci_tcs.h>

#include "../core/vcard.h"
#include "ops.h"

#define PAGES		(SPARE_BYTES / ACI_PAGE_SIZE)
#define VA		0x10000000ull
#define VA_READ_ONLY	(VA + PAGES * ACI_PAGE_SIZE)	/* the first page again */
#define VA_NOTHING	(VA_READ_ONLY + ACI_PAGE_SIZE)
#define PTE_WRITABLE	(ACI_PTE_VALID | ACI_PTE_LEAF | ACI_PTE_CARD | ACI_PTE_READ | ACI_PTE_WRITE)
#define SIZE		16		/* of the product */

struct bench {
	struct engine_job job;
	struct queue queue;
	uint8_t *memory;
};

/* An address where no table can be: what the TLB does not hold faults. */
static struct vm *make_vm(struct engine *engine)
{
	struct vm *vm = vm_create(engine->card, 0, 0, UINT64_MAX & ACI_PTE_ADDR_MASK);
	uint64_t spare = memory_spare(engine);

	if (!vm)
		return NULL;
	for (uint64_t page = 0; page < PAGES; page++)
		vm_pin_page(vm, VA + page * ACI_PAGE_SIZE,
			    (spare + page * ACI_PAGE_SIZE) | PTE_WRITABLE);
	vm_pin_page(vm, VA_READ_ONLY, spare | (PTE_WRITABLE & ~ACI_PTE_WRITE));
	return vm;
}

/* To its end, however often somebody else wants the engine: this takes microseconds. */
static bool run(struct bench *bench, op_run operation, const struct aci_desc *desc,
		unsigned int status)
{
	struct op_error error = { 0 };
	enum op_end end;

	memset(&bench->queue.position, 0, sizeof(bench->queue.position));
	do
		end = operation(&bench->job, desc, &error);
	while (end == OP_PREEMPTED);
	queue_drop_descriptor(&bench->queue);
	return status ? end == OP_FAILED && error.status == status : end == OP_DONE;
}

/* --- Memory --- */

static bool holds(volatile uint64_t *words, size_t count, uint64_t pattern, uint64_t step)
{
	for (size_t i = 0; i < count; i++)
		words[i] = pattern + i * step;
	for (size_t i = 0; i < count; i++) {
		if (words[i] != pattern + i * step)
			return false;
	}
	return true;
}

static bool test_memory(struct bench *bench)
{
	static const uint64_t patterns[] = {
		0, UINT64_MAX, 0x5555555555555555, 0xaaaaaaaaaaaaaaaa,
	};
	volatile uint64_t *words = (volatile uint64_t *)bench->memory;
	size_t count = SPARE_BYTES / sizeof(*words);

	for (size_t i = 0; i < ARRAY_SIZE(patterns); i++) {
		if (!holds(words, count, patterns[i], 0))
			return false;
	}
	/* Each word its own: two addresses that lead to one place differ. */
	return holds(words, count, 1, 0x0101010101010101);
}

/* --- FILL, COPY and the MMU --- */

static struct aci_desc fill(uint64_t va, uint64_t bytes, uint64_t pattern)
{
	struct aci_desc desc = { .opcode = ACI_OP_FILL };

	desc.fill.dst = htole64(va);
	desc.fill.bytes = htole64(bytes);
	desc.fill.pattern = htole64(pattern);
	desc.fill.pattern_bytes = htole32(sizeof(pattern));
	return desc;
}

static struct aci_desc copy(uint64_t src, uint64_t dst, uint64_t bytes)
{
	struct aci_desc desc = { .opcode = ACI_OP_COPY };

	desc.copy.src = htole64(src);
	desc.copy.dst = htole64(dst);
	desc.copy.bytes = htole64(bytes);
	return desc;
}

static bool test_copy(struct bench *bench)
{
	const uint64_t pattern = 0x0123456789abcdef, half = SPARE_BYTES / 2;
	struct aci_desc desc = fill(VA, half, pattern);
	uint64_t word;

	if (!run(bench, op_fill, &desc, 0))
		return false;
	desc = copy(VA, VA + half, half);
	if (!run(bench, op_copy, &desc, 0))
		return false;
	for (uint64_t at = 0; at < SPARE_BYTES; at += sizeof(word)) {
		memcpy(&word, bench->memory + at, sizeof(word));
		if (le64toh(word) != pattern)
			return false;
	}
	return true;
}

static bool test_mmu(struct bench *bench)
{
	struct aci_desc to_nothing = fill(VA_NOTHING, 8, 1), to_read_only = fill(VA_READ_ONLY, 8, 1);
	struct aci_desc from_read_only = copy(VA_READ_ONLY, VA + ACI_PAGE_SIZE, 8);
	struct aci_desc dropped = fill(VA + ACI_PAGE_SIZE, 8, 1);

	if (!run(bench, op_fill, &to_nothing, ACI_STATUS_PAGE_FAULT) ||
	    !run(bench, op_fill, &to_read_only, ACI_STATUS_PAGE_FAULT) ||
	    !run(bench, op_copy, &from_read_only, 0))
		return false;
	vm_invalidate(bench->queue.vm, VA, ACI_PAGE_SIZE);
	if (!run(bench, op_fill, &dropped, 0))
		return false;
	vm_invalidate(bench->queue.vm, 0, 1ull << ACI_VA_BITS);
	return run(bench, op_fill, &dropped, ACI_STATUS_PAGE_FAULT);
}

/* --- A product of whole numbers, which is exact --- */

struct product {
	struct aci_tcs_header header;
	struct aci_tcs_tensor tensors[3];
	struct aci_tcs_op op;
	struct aci_arg args[3];
	float data[3][SIZE * SIZE];
};

static void fill_product(struct product *product)
{
	memset(product, 0, sizeof(*product));
	product->header = (struct aci_tcs_header){
		.magic = htole32(ACI_TCS_MAGIC),
		.version = htole32(ACI_TCS_VERSION_MAJOR << 16 | ACI_TCS_VERSION_MINOR),
		.program_bytes = htole32(offsetof(struct product, args)),
		.tensor_count = htole32(3), .op_count = htole32(1), .arg_count = htole32(3),
		.tensors_offset = htole32(offsetof(struct product, tensors)),
		.ops_offset = htole32(offsetof(struct product, op)),
		.workspace_slot = htole16(ACI_TCS_NONE),
	};
	for (uint16_t i = 0; i < 3; i++) {
		product->tensors[i] = (struct aci_tcs_tensor){
			.type = ACI_TCS_TYPE_F32, .rank = 2, .slot = htole16(i),
			.offset_slot = htole16(ACI_TCS_NONE),
			.shape = { htole64(SIZE), htole64(SIZE) },
			.stride = { htole64(SIZE), htole64(1) },
		};
		product->args[i] = (struct aci_arg){
			.value = htole64(VA + offsetof(struct product, data[i])),
			.bytes = htole64(sizeof(product->data[i])),
		};
	}
	product->op.opcode = htole16(ACI_TCS_OP_MATMUL);
	memset(product->op.in, 0xff, sizeof(product->op.in));
	memset(product->op.out, 0xff, sizeof(product->op.out));
	product->op.in[0] = htole16(0);
	product->op.in[1] = htole16(1);
	product->op.out[0] = htole16(2);
	for (int i = 0; i < SIZE * SIZE; i++) {
		product->data[0][i] = (float)(i % 7 - 3);
		product->data[1][i] = (float)(i % 5 - 2);
	}
}

static bool product_is_right(const struct product *product)
{
	for (int row = 0; row < SIZE; row++) {
		for (int col = 0; col < SIZE; col++) {
			float sum = 0;

			for (int k = 0; k < SIZE; k++)
				sum += product->data[0][row * SIZE + k] *
				       product->data[1][k * SIZE + col];
			if (product->data[2][row * SIZE + col] != sum)
				return false;
		}
	}
	return true;
}

static bool test_compute(struct bench *bench)
{
	struct product *product = (struct product *)bench->memory;
	struct aci_desc desc = { .opcode = ACI_OP_EXEC };

	_Static_assert(sizeof(*product) <= SPARE_BYTES, "it has to fit");
	_Static_assert(!(offsetof(struct product, args) % 16), "an argument table is aligned");
	fill_product(product);
	desc.exec.program = htole64(VA);
	desc.exec.program_bytes = product->header.program_bytes;
	desc.exec.arg_count = product->header.arg_count;
	desc.exec.args = htole64(VA + offsetof(struct product, args));
	return run(bench, op_exec, &desc, 0) && product_is_right(product);
}

bool engine_self_test(struct engine *engine)
{
	struct bench *bench = calloc(1, sizeof(*bench));
	bool good = false;

	if (!bench)
		return false;
	bench->job = (struct engine_job){ .card = engine->card, .engine = engine,
					  .queue = &bench->queue };
	bench->memory = (uint8_t *)engine->card->memory.map + memory_spare(engine);
	bench->queue.card = engine->card;
	bench->queue.id = UINT16_MAX;
	bench->queue.vm = make_vm(engine);
	if (bench->queue.vm) {
		good = test_memory(bench) && test_copy(bench) &&
		       (engine->class != ACI_ENGINE_CLASS_COMPUTE || test_compute(bench)) &&
		       test_mmu(bench);
		vm_put(bench->queue.vm);
	}
	/* Nothing of it stays. */
	memset(bench->memory, 0, SPARE_BYTES);
	free(bench);
	return good;
}
