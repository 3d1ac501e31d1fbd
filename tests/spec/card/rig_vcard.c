// SPDX-License-Identifier: MIT
/* The virtual card behind the rig; of the base profile if RIG_BASE_PROFILE is set. */

#include <stdlib.h>

#include "../../../tools/vcard/core/card.h"
#include "rig.h"

struct rig_vcard {
	struct rig *rig;
	struct vcard *card;
	struct vcard_window doorbells;
	unsigned int stride_shift;
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

static void *create(struct rig *rig)
{
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
	config.base_profile = getenv("RIG_BASE_PROFILE");
	if (config.base_profile) {
		config.queues = 1;
		config.vms = 1;
		config.vectors = 1;
		config.compute_engines = 0;
	}
	if (vcard_create(&config, &ops, self, &self->card)) {
		free(self);
		return NULL;
	}
	vcard_get_doorbells(self->card, &self->doorbells);
	self->stride_shift = ACI_ADDRESSING_DB_SHIFT((uint32_t)
			vcard_reg_read(self->card, ACI_REG_ADDRESSING, 4));
	vcard_set_bus_master(self->card, true);
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
	return vcard_reg_read(((struct rig_vcard *)card)->card, offset, size);
}

static void reg_write(void *card, uint32_t offset, uint64_t value, unsigned int size)
{
	vcard_reg_write(((struct rig_vcard *)card)->card, offset, value, size);
}

static void doorbell(void *card, unsigned int queue, uint32_t value)
{
	struct rig_vcard *self = card;
	char *page = (char *)self->doorbells.map + ((size_t)queue << self->stride_shift);

	__atomic_store_n((uint32_t *)page, value, __ATOMIC_RELEASE);
}

static void kick(void *card, unsigned int queue)
{
	vcard_kick(((struct rig_vcard *)card)->card, queue);
}

/* The host sets Bus Master Enable anew, as after a real one. */
static void function_reset(void *card)
{
	struct rig_vcard *self = card;

	vcard_function_reset(self->card);
	vcard_set_bus_master(self->card, true);
}

const struct rig_card_ops rig_card_ops = {
	.create = create,
	.destroy = destroy,
	.reg_read = reg_read,
	.reg_write = reg_write,
	.doorbell = doorbell,
	.kick = kick,
	.function_reset = function_reset,
};
