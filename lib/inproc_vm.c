// SPDX-License-Identifier: MIT
/* The in-process transport: address spaces, page tables, invalidation. */
#include <stdlib.h>

#include "error.h"
#include "inproc.h"

#define INV_SHIFT	4u
#define INV_ENTRIES	(1u << INV_SHIFT)
#define INV_MARGIN_MS	5000u

/** struct inproc_table - one page of entries; children mirror the card's tree for the CPU */
struct inproc_table {
	struct inproc_dma dma;
	struct inproc_table **children;		/* NULL at level 0 */
};

struct inproc_vm {
	struct inproc_table *root;
};

/* --- Tables ----------------------------------------------------------------------- */

static void table_free(struct inproc_card *card, struct inproc_table *table)
{
	if (!table)
		return;
	if (table->children)
		for (unsigned int i = 0; i < ACI_PT_ENTRIES; i++)
			table_free(card, table->children[i]);
	free(table->children);
	inproc_dma_free(card, &table->dma);
	free(table);
}

static struct inproc_table *table_create(struct inproc_card *card, int level)
{
	struct inproc_table *table = calloc(1, sizeof(*table));

	if (!table)
		return NULL;
	if (level)
		table->children = calloc(ACI_PT_ENTRIES, sizeof(*table->children));
	if ((level && !table->children) || inproc_dma_alloc(card, PAGE_BYTES, &table->dma)) {
		table_free(card, table);
		return NULL;
	}
	return table;
}

static __le64 *table_entry(struct inproc_table *table, uint64_t va, int level)
{
	return (__le64 *)table->dma.cpu + ACI_PT_INDEX(va, level);
}

/* The table that holds the entries of @level for @va; missing ones are made if @make. */
static struct inproc_table *table_walk(struct inproc_card *card, struct inproc_vm *vm, uint64_t va,
				       int level, bool make)
{
	struct inproc_table *table = vm->root;

	for (int at = ACI_PT_LEVELS - 1; at > level; at--) {
		struct inproc_table **child = &table->children[ACI_PT_INDEX(va, at)];

		if (!*child) {
			if (!make)
				return NULL;
			*child = table_create(card, at - 1);
			if (!*child)
				return NULL;
			shared_write64(table_entry(table, va, at),
				       (*child)->dma.address | ACI_PTE_VALID);
		}
		table = *child;
	}
	return table;
}

/* A 2 MiB leaf fits, and no table stands in its place (one may be left from earlier mappings). */
static bool table_takes_leaf_2m(struct inproc_card *card, struct inproc_vm *vm, uint64_t va,
				uint64_t address, uint64_t bytes)
{
	struct inproc_table *table;

	if (!(card->cap & ACI_CAP_LEAF_2M) || bytes < LEAF_BYTES ||
	    (va | address) & (LEAF_BYTES - 1))
		return false;
	table = table_walk(card, vm, va, ACI_LEAF_2M_LEVEL, false);
	return !table || !table->children[ACI_PT_INDEX(va, ACI_LEAF_2M_LEVEL)];
}

/* Clear [va, va + bytes), whatever the size of its leaves: they were made by one vm_map(). */
static void table_clear(struct inproc_card *card, struct inproc_vm *vm, uint64_t va, uint64_t bytes)
{
	uint64_t end = va + bytes;

	while (va < end) {
		struct inproc_table *table = table_walk(card, vm, va, ACI_LEAF_2M_LEVEL, false);
		struct inproc_table *low;

		if (!table) {
			va = (va | ((1ull << ACI_PT_SHIFT(ACI_LEAF_2M_LEVEL + 1)) - 1)) + 1;
			continue;
		}
		low = table->children[ACI_PT_INDEX(va, ACI_LEAF_2M_LEVEL)];
		if (!low) {
			shared_write64(table_entry(table, va, ACI_LEAF_2M_LEVEL), 0);
			va = (va | (LEAF_BYTES - 1)) + 1;
			continue;
		}
		shared_write64(table_entry(low, va, 0), 0);
		va += PAGE_BYTES;
	}
}

/* Entries that were invalid are never cached, so a new mapping needs no invalidation. */
static int table_fill(struct inproc_card *card, struct inproc_vm *vm, uint64_t va, uint64_t address,
		      uint64_t bytes, uint64_t flags)
{
	while (bytes) {
		bool large = table_takes_leaf_2m(card, vm, va, address, bytes);
		int level = large ? ACI_LEAF_2M_LEVEL : 0;
		uint64_t step = large ? LEAF_BYTES : PAGE_BYTES;
		struct inproc_table *table = table_walk(card, vm, va, level, true);

		if (!table)
			return error_set(-ENOMEM, "out of memory for page tables");
		shared_write64(table_entry(table, va, level),
			       address | flags | ACI_PTE_VALID | ACI_PTE_LEAF);
		va += step;
		address += step;
		bytes -= step;
	}
	return 0;
}

/* --- Invalidation ----------------------------------------------------------------- */

static bool invalidation_is_done(void *argument)
{
	struct inproc_invalidation *inv = argument;
	struct aci_inv_record *record = inv->record.cpu;

	return shared_read64(&record->completed) >= inv->issued;
}

/* With vm_lock held. When it returns, the card does not reach the range any more. */
static void inproc_invalidate(struct inproc_card *card, uint32_t vm_id, uint64_t va, uint64_t bytes)
{
	struct inproc_invalidation *inv = &card->invalidation;
	struct aci_inv_record *record = inv->record.cpu;
	struct aci_inv_cmd *cmd = (struct aci_inv_cmd *)inv->sq.cpu + inv->tail % INV_ENTRIES;
	uint64_t bound_ms = inproc_reg32(card, ACI_REG_T_INVALIDATE_MS) + INV_MARGIN_MS;

	if (inproc_is_wedged(card))
		return;
	*cmd = (struct aci_inv_cmd) {
		.opcode = ACI_INV_RANGE,
		.flags = ACI_INV_F_INTERRUPT,
		.vm_id = htole16((uint16_t)vm_id),
		.va = htole64(va),
		.bytes = htole64(bytes),
	};
	inv->tail++;
	inv->issued++;
	vcard_reg_write(card->vcard, ACI_REG_INV_SQ_TAIL, inv->tail, 4);
	if (inproc_irq_wait(card, invalidation_is_done, inv, deadline_after(bound_ms * 1000000ull)))
		inproc_wedge(card, "an invalidation timed out");
	else if (shared_read64(&record->error))
		inproc_wedge(card, "an invalidation failed");
}

int inproc_vm_init(struct inproc_card *card)
{
	struct inproc_invalidation *inv = &card->invalidation;
	int ret = inproc_dma_alloc(card, INV_ENTRIES * sizeof(struct aci_inv_cmd), &inv->sq);

	if (!ret)
		ret = inproc_dma_alloc(card, sizeof(struct aci_inv_record), &inv->record);
	if (ret)
		return ret;
	card->vms = calloc(card->vms_max, sizeof(*card->vms));
	if (!card->vms)
		return error_set(-ENOMEM, "out of memory");
	vcard_reg_write(card->vcard, ACI_REG_INV_SQ_BASE, inv->sq.address, 8);
	vcard_reg_write(card->vcard, ACI_REG_INV_RECORD_BASE, inv->record.address, 8);
	vcard_reg_write(card->vcard, ACI_REG_INV_SHIFT, INV_SHIFT, 4);
	return 0;
}

void inproc_vm_fini(struct inproc_card *card)
{
	inproc_dma_free(card, &card->invalidation.sq);
	inproc_dma_free(card, &card->invalidation.record);
}

/* --- VMs -------------------------------------------------------------------------- */

/* With vm_lock held. Return: id, 0: all are in use. */
static uint32_t inproc_vm_take_id(struct inproc_card *card, struct inproc_vm *vm)
{
	for (uint32_t i = 0; i < card->vms_max; i++) {
		if (!card->vms[i]) {
			card->vms[i] = vm;
			return i + 1;
		}
	}
	return 0;
}

static void inproc_vm_forget(struct inproc_card *card, uint32_t vm_id)
{
	pthread_mutex_lock(&card->vm_lock);
	card->vms[vm_id - 1] = NULL;
	pthread_mutex_unlock(&card->vm_lock);
}

int inproc_vm_create(struct transport *transport, bool user_queues, uint32_t *vm_id)
{
	struct inproc_card *card = to_inproc(transport);
	struct aci_admin_cmd cmd = { .opcode = ACI_ADMIN_CREATE_VM };
	struct inproc_vm *vm = calloc(1, sizeof(*vm));
	uint32_t id = 0;
	int ret;

	if (!vm)
		return error_set(-ENOMEM, "out of memory");
	vm->root = table_create(card, ACI_PT_LEVELS - 1);
	if (!vm->root) {
		free(vm);
		return error_set(-ENOMEM, "out of memory for page tables");
	}
	pthread_mutex_lock(&card->vm_lock);
	id = inproc_vm_take_id(card, vm);
	pthread_mutex_unlock(&card->vm_lock);
	if (!id) {
		ret = error_set(-ENOSPC, "the card has %u address spaces, all are in use",
				card->vms_max);
		goto err_free;
	}
	cmd.create_vm.vm_id = htole16((uint16_t)id);
	/* As the kernel's FENCE VMs: jobs of kernel queues wait for each other in the driver. */
	cmd.create_vm.flags = htole16(user_queues ? 0 : ACI_VM_F_NO_WAIT);
	cmd.create_vm.root = htole64(vm->root->dma.address);
	ret = inproc_admin_call(card, &cmd, inproc_reg32(card, ACI_REG_T_ADMIN_MS), NULL);
	if (ret)
		goto err_forget;
	*vm_id = id;
	return 0;

err_forget:
	inproc_vm_forget(card, id);
err_free:
	table_free(card, vm->root);
	free(vm);
	return ret;
}

void inproc_vm_destroy(struct transport *transport, uint32_t vm_id)
{
	struct inproc_card *card = to_inproc(transport);
	struct inproc_vm *vm = card->vms[vm_id - 1];
	struct aci_admin_cmd cmd = {
		.opcode = ACI_ADMIN_DELETE_VM,
		.vm = { .vm_id = htole16((uint16_t)vm_id) },
	};

	if (inproc_admin_call(card, &cmd, inproc_reg32(card, ACI_REG_T_ADMIN_MS), NULL))
		inproc_wedge(card, "a VM cannot be deleted");
	inproc_vm_forget(card, vm_id);
	table_free(card, vm->root);
	free(vm);
}

/* This driver resets no card: it gives it up, and with that all that it held. */
int inproc_vm_query(struct transport *transport, uint32_t vm_id, struct drm_aci_query_vm *state)
{
	struct inproc_card *card = to_inproc(transport);

	(void)vm_id;
	if (inproc_is_wedged(card))
		return inproc_error_wedged();
	*state = (struct drm_aci_query_vm) { .reset_generation = card->generation };
	return 0;
}

int inproc_vm_map(struct transport *transport, uint32_t vm_id, struct transport_bo *base,
		  uint64_t va, bool readonly)
{
	struct inproc_card *card = to_inproc(transport);
	struct inproc_bo *bo = (struct inproc_bo *)base;
	uint64_t flags = ACI_PTE_READ | (readonly ? 0 : ACI_PTE_WRITE);
	uint64_t address = bo->card_memory ? bo->address : bo->dma.address;
	int ret;

	if (bo->card_memory)
		flags |= ACI_PTE_CARD;
	else if (card->cap & ACI_CAP_SNOOP)
		flags |= ACI_PTE_SNOOP;
	pthread_mutex_lock(&card->vm_lock);
	ret = table_fill(card, card->vms[vm_id - 1], va, address, base->bytes, flags);
	if (ret) {
		table_clear(card, card->vms[vm_id - 1], va, base->bytes);
		inproc_invalidate(card, vm_id, va, base->bytes);
	}
	pthread_mutex_unlock(&card->vm_lock);
	return ret;
}

void inproc_vm_unmap(struct transport *transport, uint32_t vm_id, struct transport_bo *bo,
		     uint64_t va)
{
	struct inproc_card *card = to_inproc(transport);

	pthread_mutex_lock(&card->vm_lock);
	table_clear(card, card->vms[vm_id - 1], va, bo->bytes);
	inproc_invalidate(card, vm_id, va, bo->bytes);
	pthread_mutex_unlock(&card->vm_lock);
}
