// SPDX-License-Identifier: MIT
/* The virtual card behind the rig: its core and its PCI function. */

#include <linux/pci_regs.h>
#include <stdlib.h>

#include "../../../tools/vcard/transport/pci.h"
#include "rig.h"

struct rig_vcard {
	struct rig *rig;
	struct vcard *card;
	struct pci_function pci;
};

static void raise_irq(void *opaque, unsigned int vector)
{
	struct rig_vcard *self = opaque;

	rig_raise(self->rig, vector);
}

static void drop_line(void *opaque, enum vcard_log_level level, const char *line)
{
	(void)opaque;
	(void)level;
	(void)line;
}

static const struct vcard_ops ops = { .raise_irq = raise_irq, .log = drop_line };

static void bus_master(void *card, bool on)
{
	struct rig_vcard *self = card;
	const uint8_t command = PCI_COMMAND_MEMORY | (on ? PCI_COMMAND_MASTER : 0);

	pci_config_write(&self->pci, PCI_COMMAND, &command, sizeof(command));
}

static void *create(struct rig *rig, bool base)
{
	static const struct pci_ids ids = { 0x1234, 0x5678 };
	struct rig_vcard *self = calloc(1, sizeof(*self));
	struct vcard_config config;

	if (!self)
		return NULL;
	self->rig = rig;
	vcard_config_init(&config);
	config.mem_bytes = 16 << 20;
	config.aperture_bytes = 1 << 20;
	config.queues = 4;
	config.vms = 2;
	config.vectors = 2;
	config.base_profile = base;
	if (base) {
		config.mem_bytes = 0;
		config.aperture_bytes = 0;
		config.queues = 1;
		config.vms = 1;
		config.vectors = 1;
		config.compute_engines = 0;
	}
	if (vcard_create(&config, &ops, self, &self->card)) {
		free(self);
		return NULL;
	}
	pci_init(&self->pci, self->card, &ids, config.serial, config.vectors);
	bus_master(self, true);
	if (vcard_dma_map(self->card, RIG_DMA_BASE, RIG_DMA_BYTES, rig->mem,
			  VCARD_DMA_READ | VCARD_DMA_WRITE)) {
		vcard_destroy(self->card);
		free(self);
		return NULL;
	}
	return self;
}

static void destroy(void *card)
{
	struct rig_vcard *self = card;

	vcard_destroy(self->card);
	free(self);
}

static uint64_t reg_read(void *card, uint32_t offset, unsigned int size)
{
	uint64_t value = 0;

	assert_true(pci_bar_read(&((struct rig_vcard *)card)->pci, PCI_BAR_REGS, offset, &value,
				 size));
	return le64toh(value);
}

static void reg_write(void *card, uint32_t offset, uint64_t value, unsigned int size)
{
	const uint64_t data = htole64(value);

	assert_true(pci_bar_write(&((struct rig_vcard *)card)->pci, PCI_BAR_REGS, offset, &data,
				  size));
}

static void config_read(void *card, uint32_t offset, void *data, uint32_t bytes)
{
	pci_config_read(&((struct rig_vcard *)card)->pci, offset, data, bytes);
}

static void config_write(void *card, uint32_t offset, const void *data, uint32_t bytes)
{
	pci_config_write(&((struct rig_vcard *)card)->pci, offset, data, bytes);
}

static void memory_read(void *card, uint64_t offset, void *data, uint32_t bytes)
{
	assert_true(pci_bar_read(&((struct rig_vcard *)card)->pci, PCI_BAR_MEMORY, offset, data,
				 bytes));
}

static void memory_write(void *card, uint64_t offset, const void *data, uint32_t bytes)
{
	assert_true(pci_bar_write(&((struct rig_vcard *)card)->pci, PCI_BAR_MEMORY, offset, data,
				  bytes));
}

static void doorbell_write(void *card, uint64_t offset, uint64_t value, unsigned int size)
{
	const uint64_t data = htole64(value);

	assert_true(pci_bar_write(&((struct rig_vcard *)card)->pci, PCI_BAR_DOORBELLS, offset,
				  &data, size));
}

/* The host sets Bus Master Enable anew, as after a real one. */
static void function_reset(void *card)
{
	pci_reset(&((struct rig_vcard *)card)->pci, ACI_RESET_FLR);
	bus_master(card, true);
}

const struct rig_card_ops rig_card_ops = {
	.create = create,
	.destroy = destroy,
	.reg_read = reg_read,
	.reg_write = reg_write,
	.config_read = config_read,
	.config_write = config_write,
	.memory_read = memory_read,
	.memory_write = memory_write,
	.doorbell_write = doorbell_write,
	.bus_master = bus_master,
	.function_reset = function_reset,
};
