// SPDX-License-Identifier: MIT
/* The in-process transport: power-on, facts, interrupts, and the table of functions. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "error.h"
#include "inproc.h"

#define INPROC_VA_START		(1ull << 20)
#define INPROC_VA_END		(1ull << ACI_VA_BITS)
#define INPROC_BUS_START	(1ull << 20)

/* --- Options: "memory=64M,queues=8,profile=base" ---------------------------------- */

static int option_number(const char *text, uint64_t *value)
{
	char *end;
	int shift = 0;

	errno = 0;
	*value = strtoull(text, &end, 0);
	if (end == text || errno || *text == '-')
		return -EINVAL;
	if (*end == 'K' || *end == 'k')
		shift = 10;
	else if (*end == 'M' || *end == 'm')
		shift = 20;
	else if (*end == 'G' || *end == 'g')
		shift = 30;
	if (end[shift ? 1 : 0] || *value > UINT64_MAX >> shift)
		return -EINVAL;
	*value <<= shift;
	return 0;
}

/* The largest power of two that is not above @bytes. */
static uint64_t power_of_two_below(uint64_t bytes)
{
	return bytes ? 1ull << (63 - __builtin_clzll(bytes)) : 0;
}

static int option_apply(struct vcard_config *config, const char *key, const char *value)
{
	uint64_t number = 0;
	int bad = option_number(value, &number);

	if (!strcmp(key, "serial") && strlen(value) < sizeof(config->serial)) {
		strcpy(config->serial, value);
		return 0;
	}
	if (!strcmp(key, "profile")) {
		config->base_profile = !strcmp(value, "base");
		return config->base_profile || !strcmp(value, "full") ? 0 : -EINVAL;
	}
	if (bad)
		return -EINVAL;
	if (!strcmp(key, "memory")) {
		config->mem_bytes = number;
		if (config->aperture_bytes > number)
			config->aperture_bytes = power_of_two_below(number);
	} else if (!strcmp(key, "aperture")) {
		config->aperture_bytes = number;
	} else if (number > UINT32_MAX) {
		return -EINVAL;
	} else if (!strcmp(key, "queues")) {
		config->queues = (uint32_t)number;
	} else if (!strcmp(key, "vms")) {
		config->vms = (uint32_t)number;
	} else if (!strcmp(key, "vectors")) {
		config->vectors = (uint32_t)number;
	} else if (!strcmp(key, "copy")) {
		config->copy_engines = (uint32_t)number;
	} else if (!strcmp(key, "compute")) {
		config->compute_engines = (uint32_t)number;
	} else {
		return -EINVAL;
	}
	return 0;
}

static int options_parse(struct vcard_config *config, const char *options)
{
	char *copy = strdup(options), *rest = copy, *part;
	int ret = 0;

	if (!copy)
		return error_set(-ENOMEM, "out of memory");
	while (!ret && (part = strsep(&rest, ","))) {
		char *value = strchr(part, '=');

		if (!*part)
			continue;
		if (value)
			*value++ = '\0';
		if (!value || option_apply(config, part, value))
			ret = error_set(
				-EINVAL,
				"inproc: bad option \"%s\"; known are memory, aperture, queues, "
				"vms, vectors, copy, compute (numbers), serial, profile=base",
				part);
	}
	free(copy);
	/* The base profile is one of everything; what it leaves no choice about follows from it. */
	if (config->base_profile) {
		config->queues = config->vms = config->vectors = 1;
		config->compute_engines = 0;
	}
	return ret;
}

/* --- Interrupts ------------------------------------------------------------------- */

static void inproc_raise_irq(void *opaque, unsigned int vector)
{
	struct inproc_card *card = opaque;

	(void)vector;	/* all of them are looked at: a mini driver has few */
	pthread_mutex_lock(&card->irq_lock);
	card->irqs++;
	pthread_cond_broadcast(&card->irq_cond);
	pthread_mutex_unlock(&card->irq_lock);
}

static void inproc_log(void *opaque, enum vcard_log_level level, const char *line)
{
	(void)opaque;
	if (level == VCARD_LOG_ERROR || secure_getenv("ACCEL_INPROC_LOG"))
		fprintf(stderr, "inproc: %s\n", line);
}

static const struct vcard_ops inproc_vcard_ops = { .raise_irq = inproc_raise_irq,
						   .log = inproc_log };

int inproc_irq_wait(struct inproc_card *card, bool (*done)(void *argument), void *argument,
		    uint64_t deadline_ns)
{
	struct timespec until = {
		.tv_sec = (time_t)(deadline_ns / 1000000000u),
		.tv_nsec = (long)(deadline_ns % 1000000000u),
	};
	int ret = 0;

	pthread_mutex_lock(&card->irq_lock);
	while (!done(argument)) {
		if (ret) {
			pthread_mutex_unlock(&card->irq_lock);
			return -ETIME;
		}
		ret = pthread_cond_timedwait(&card->irq_cond, &card->irq_lock, &until);
	}
	pthread_mutex_unlock(&card->irq_lock);
	return 0;
}

int inproc_error_wedged(void)
{
	return error_set(-ENODEV, "inproc: the card is gone: close it and open it again");
}

void inproc_wedge(struct inproc_card *card, const char *why)
{
	if (__atomic_exchange_n(&card->wedged, true, __ATOMIC_ACQ_REL))
		return;
	fprintf(stderr, "inproc: card given up: %s\n", why);
	/* From here on no DMA is in flight, so all memory may be freed. */
	vcard_set_bus_master(card->vcard, false);
	inproc_raise_irq(card, 0);
}

/* --- Power on and off ------------------------------------------------------------- */

static int inproc_read_facts(struct inproc_card *card)
{
	uint32_t value;

	if (inproc_reg32(card, ACI_REG_MAGIC) != ACI_MAGIC)
		return error_set(-ENODEV, "inproc: not an ACI card");
	card->version = inproc_reg32(card, ACI_REG_VERSION);
	if (card->version >> 16 != ACI_VERSION_MAJOR)
		return error_set(-ENOTSUP, "inproc: card interface version %u is not known",
				 card->version >> 16);
	card->cap = inproc_reg64(card, ACI_REG_CAP);
	value = inproc_reg32(card, ACI_REG_ADDRESSING);
	card->dma_bits = ACI_ADDRESSING_DMA_BITS(value);
	card->db_shift = ACI_ADDRESSING_DB_SHIFT(value);
	value = inproc_reg32(card, ACI_REG_QUEUES);
	card->queues_max = value & 0xffff;
	card->vectors = value >> 16;
	value = inproc_reg32(card, ACI_REG_VMS);
	card->vms_max = value & 0xffff;
	card->engine_classes = value >> 16 & 0xff;
	card->priorities = value >> 24;
	value = inproc_reg32(card, ACI_REG_RINGS);
	card->ring_shift_max = value & 0xff;
	card->mem_bytes = inproc_reg64(card, ACI_REG_MEM_BYTES);
	card->generation = ACI_RESET_GENERATION(inproc_reg32(card, ACI_REG_RESET_STATUS));
	if (card->dma_bits < 32 || card->dma_bits > 64 || card->db_shift < ACI_DB_SHIFT_MIN ||
	    card->db_shift > 32 || card->ring_shift_max < 6 || card->ring_shift_max > 15 ||
	    !card->queues_max || !card->vms_max || !card->vectors)
		return error_set(-EPROTO, "inproc: capability registers are out of range");
	return 0;
}

static bool inproc_is_settled(void *argument)
{
	struct inproc_card *card = argument;

	return inproc_reg32(card, ACI_REG_STATUS) & (ACI_STATUS_REG_READY | ACI_STATUS_REG_FATAL);
}

/* READY raises no interrupt: look at it every 100 us, within the bound that the card states. */
static int inproc_enable(struct inproc_card *card)
{
	uint64_t deadline = deadline_after(inproc_reg32(card, ACI_REG_T_READY_MS) * 1000000ull);

	vcard_reg_write(card->vcard, ACI_REG_CTRL, ACI_CTRL_ENABLE, 4);
	while (!inproc_is_settled(card)) {
		if (clock_now_ns() > deadline)
			return error_set(-ENODEV, "inproc: the card does not become ready");
		nanosleep(&(struct timespec){ .tv_nsec = 100000 }, NULL);
	}
	if (inproc_reg32(card, ACI_REG_STATUS) & ACI_STATUS_REG_FATAL)
		return error_set(-ENODEV, "inproc: the card refuses its rings");
	return 0;
}

static int inproc_read_identify(struct inproc_card *card)
{
	struct aci_identify_card page;
	int ret = card->base.ops->identify(&card->base, DRM_ACI_QUERY_IDENTIFY_CARD, 0, &page);

	if (!ret)
		card->scrub_bytes_max = le64toh(page.scrub_bytes_max) & ~(uint64_t)(PAGE_BYTES - 1);
	return ret;
}

static int inproc_start(struct inproc_card *card, const struct vcard_config *config)
{
	uint64_t bus_end;
	int ret = vcard_create(config, &inproc_vcard_ops, card, &card->vcard);

	if (ret)
		return error_set(ret, "inproc: no virtual card with these options: %s",
				 strerror(-ret));
	vcard_get_aperture(card->vcard, &card->aperture);
	vcard_get_doorbells(card->vcard, &card->doorbells);
	ret = inproc_read_facts(card);
	if (ret)
		return ret;
	/* 47 bits are plenty, and stay clear of overflow in address arithmetic. */
	bus_end = 1ull << (card->dma_bits < 47 ? card->dma_bits : 47);
	if (va_init(&card->bus, INPROC_BUS_START, bus_end) ||
	    va_init(&card->memory, 0, card->mem_bytes))
		return error_set(-ENOMEM, "out of memory");
	vcard_set_bus_master(card->vcard, true);
	ret = inproc_admin_init(card);
	if (!ret)
		ret = inproc_vm_init(card);
	if (!ret)
		ret = inproc_service_init(card);
	if (!ret)
		ret = inproc_enable(card);
	if (!ret)
		ret = inproc_service_start(card);
	if (!ret)
		ret = inproc_read_identify(card);
	return ret;
}

static void inproc_close(struct transport *transport)
{
	struct inproc_card *card = to_inproc(transport);

	if (card->vcard) {
		inproc_service_fini(card);
		vcard_reg_write(card->vcard, ACI_REG_CTRL, 0, 4);
		vcard_set_bus_master(card->vcard, false);
		inproc_vm_fini(card);
		inproc_admin_fini(card);
		inproc_dma_free(card, &card->notify);
		inproc_dma_free(card, &card->events);
		vcard_destroy(card->vcard);
	}
	va_fini(&card->bus);
	va_fini(&card->memory);
	pthread_mutex_destroy(&card->irq_lock);
	pthread_mutex_destroy(&card->memory_lock);
	pthread_mutex_destroy(&card->admin_lock);
	pthread_mutex_destroy(&card->vm_lock);
	pthread_mutex_destroy(&card->queue_lock);
	pthread_cond_destroy(&card->irq_cond);
	free(card->queues);
	free(card->vms);
	free(card);
}

static int inproc_query_device(struct transport *transport, struct drm_aci_query_device *facts)
{
	struct inproc_card *card = to_inproc(transport);

	*facts = (struct drm_aci_query_device) {
		.flags = inproc_is_wedged(card) ? DRM_ACI_DEVICE_WEDGED : 0,
		.aci_version = card->version,
		.cap = card->cap,
		.reset_generation = card->generation,
		.card_memory_bytes = card->mem_bytes,
		.aperture_bytes = card->aperture.bytes,
		.timestamp_hz = inproc_reg64(card, ACI_REG_TIMESTAMP_HZ),
		.va_start = INPROC_VA_START,
		.va_end = INPROC_VA_END,
		.engine_classes = card->engine_classes,
		.priorities = card->priorities,
		.ring_entries_max = 1u << card->ring_shift_max,
		.queues_max = card->queues_max,
		.vms_max = card->vms_max,
	};
	pthread_mutex_lock(&card->memory_lock);
	facts->card_memory_free_bytes = card->memory.free_bytes;
	pthread_mutex_unlock(&card->memory_lock);
	return 0;
}

static int inproc_identify(struct transport *transport, uint32_t type, uint32_t index, void *page)
{
	struct inproc_card *card = to_inproc(transport);
	struct aci_admin_cmd cmd = {
		.opcode = ACI_ADMIN_IDENTIFY,
		.identify = { .index = htole32(index) },
	};

	switch (type) {
	case DRM_ACI_QUERY_IDENTIFY_CARD:
		cmd.identify.what = htole32(ACI_IDENTIFY_CARD);
		break;
	case DRM_ACI_QUERY_IDENTIFY_ENGINE:
		cmd.identify.what = htole32(ACI_IDENTIFY_ENGINE);
		break;
	default:
		cmd.identify.what = htole32(ACI_IDENTIFY_SET);
		break;
	}
	return inproc_admin_call(card, &cmd, inproc_reg32(card, ACI_REG_T_ADMIN_MS), page);
}

static const struct transport_ops inproc_ops = {
	.kind = ACCEL_TRANSPORT_INPROC,
	.close = inproc_close,
	.query_device = inproc_query_device,
	.identify = inproc_identify,
	.vm_create = inproc_vm_create,
	.vm_destroy = inproc_vm_destroy,
	.vm_query = inproc_vm_query,
	.vm_map = inproc_vm_map,
	.vm_unmap = inproc_vm_unmap,
	.bo_create = inproc_bo_create,
	.bo_register = inproc_bo_register,
	.bo_map = inproc_bo_map,
	.bo_destroy = inproc_bo_destroy,
	.queue_create = inproc_queue_create,
	.user_queue_create = inproc_user_queue_create,
};

static void inproc_init_locks(struct inproc_card *card)
{
	pthread_condattr_t monotonic;

	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&card->irq_cond, &monotonic);
	pthread_condattr_destroy(&monotonic);
	pthread_mutex_init(&card->irq_lock, NULL);
	pthread_mutex_init(&card->memory_lock, NULL);
	pthread_mutex_init(&card->admin_lock, NULL);
	pthread_mutex_init(&card->vm_lock, NULL);
	pthread_mutex_init(&card->queue_lock, NULL);
}

int transport_inproc_open(const char *options, struct transport **out)
{
	struct vcard_config config;
	struct inproc_card *card;
	int ret;

	vcard_config_init(&config);
	ret = options_parse(&config, options);
	if (ret)
		return ret;
	card = calloc(1, sizeof(*card));
	if (!card)
		return error_set(-ENOMEM, "out of memory");
	card->base.ops = &inproc_ops;
	card->base.has_user_queues = true;
	inproc_init_locks(card);
	ret = inproc_start(card, &config);
	if (ret) {
		inproc_close(&card->base);
		return ret;
	}
	*out = &card->base;
	return 0;
}
