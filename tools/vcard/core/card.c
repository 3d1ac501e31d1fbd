// SPDX-License-Identifier: MIT

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <aci/aci_queue.h>

#include "vcard.h"

#define MIB	(1ull << 20)

void vcard_config_init(struct vcard_config *config)
{
	*config = (struct vcard_config){
		.mem_bytes = 256 * MIB,
		.aperture_bytes = 256 * MIB,
		.queues = 64,
		.vms = 64,
		.vectors = 8,
		.copy_engines = 1,
		.compute_engines = 1,
		.serial = "VC00000001",
		.model = "ACI virtual card",
		.log_level = VCARD_LOG_WARNING,
	};
}

static bool is_text(const char *text, size_t room)
{
	size_t length = strnlen(text, room);

	for (size_t i = 0; i < length; i++) {
		if (text[i] < ' ' || text[i] > '~')
			return false;
	}
	return length < room;
}

static bool config_is_valid(const struct vcard_config *config)
{
	bool base = config->base_profile;

	if (config->mem_bytes % ACI_PAGE_SIZE || config->mem_bytes > 1ull << 44 ||
	    config->aperture_bytes > config->mem_bytes ||
	    config->aperture_bytes & (config->aperture_bytes - 1) ||
	    config->aperture_bytes % ACI_PAGE_SIZE)
		return false;
	if (!config->queues || config->queues > (base ? 1 : 1024) || !config->vms ||
	    config->vms > (base ? 1 : 65535) || !config->vectors ||
	    config->vectors > (base ? 1 : VECTORS_MAX))
		return false;
	if (!config->copy_engines || config->copy_engines > 64 ||
	    config->compute_engines > (base ? 0 : 64))
		return false;
	return is_text(config->serial, sizeof(config->serial)) &&
	       is_text(config->model, sizeof(config->model));
}

/* @spare: more bytes that are mapped, but not part of the window. */
static int window_create(struct vcard_window *window, const char *name, uint64_t bytes,
			 uint64_t spare)
{
	window->fd = memfd_create(name, MFD_CLOEXEC);
	if (window->fd < 0)
		return -errno;
	window->bytes = bytes;
	bytes += spare;
	if (ftruncate(window->fd, (off_t)bytes))
		return -errno;
	window->map = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, window->fd, 0);
	if (window->map == MAP_FAILED) {
		window->map = NULL;
		return -errno;
	}
	return 0;
}

static void window_destroy(struct vcard_window *window, uint64_t spare)
{
	if (window->map)
		munmap(window->map, window->bytes + spare);
	if (window->fd >= 0)
		close(window->fd);
}

bool memory_zero(struct vcard *card, uint64_t offset, uint64_t bytes)
{
	/* Gives the pages back; every mapping reads zeros at once. */
	return !fallocate(card->memory.fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			  (off_t)offset, (off_t)bytes);
}

void card_log(struct vcard *card, enum vcard_log_level level, const char *format, ...)
{
	char line[256];
	va_list args;

	if ((int)level > atomic_load(&card->log_level) || !card->ops->log)
		return;
	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	card->ops->log(card->opaque, level, line);
}

struct vm *vm_find(struct vcard *card, unsigned int id)
{
	return id && id <= card->config.vms ? card->vms[id] : NULL;
}

static uint64_t spare_bytes(const struct vcard_config *config)
{
	return (uint64_t)(config->copy_engines + config->compute_engines) * SPARE_BYTES;
}

uint64_t memory_spare(const struct engine *engine)
{
	const struct vcard *card = engine->card;

	return card->memory.bytes + (uint64_t)(engine - card->sched.engines) * SPARE_BYTES;
}

static int allocate(struct vcard *card)
{
	const struct vcard_config *config = &card->config;
	int err;

	card->vms = calloc(config->vms + 1, sizeof(struct vm *));
	card->queues = calloc(config->queues, sizeof(*card->queues));
	if (!card->vms || !card->queues)
		return -ENOMEM;
	for (unsigned int i = 0; i < config->queues; i++) {
		card->queues[i].card = card;
		card->queues[i].id = (uint16_t)i;
	}
	err = window_create(&card->memory, "aci-memory", config->mem_bytes,
			    spare_bytes(config));
	if (!err)
		err = window_create(&card->doorbells, "aci-doorbells",
				    (uint64_t)config->queues << DB_SHIFT, 0);
	return err;
}

static int start_threads(struct vcard *card)
{
	int err = sched_start(card);

	if (!err)
		err = poll_start(card);
	if (!err)
		err = admin_start(card);
	if (!err)
		err = inval_start(card);
	if (!err)
		err = control_start(card);
	return err;
}

static void init_lock(pthread_mutex_t *lock)
{
	pthread_mutexattr_t attr;

	pthread_mutexattr_init(&attr);
#ifdef PTHREAD_MUTEX_ADAPTIVE_NP
	pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_ADAPTIVE_NP);
#endif
	pthread_mutex_init(lock, &attr);
	pthread_mutexattr_destroy(&attr);
}

int vcard_create(const struct vcard_config *config, const struct vcard_ops *ops, void *opaque,
		 struct vcard **out)
{
	struct vcard *card;
	int err;

	if (!config_is_valid(config))
		return -EINVAL;
	card = calloc(1, sizeof(*card));
	if (!card)
		return -ENOMEM;
	card->config = *config;
	card->ops = ops;
	card->opaque = opaque;
	card->memory.fd = -1;
	card->doorbells.fd = -1;
	atomic_store(&card->log_level, config->log_level);
	init_lock(&card->lock);
	fault_init(&card->faults);
	notify_init(card);
	admin_init(card);
	inval_init(card);
	control_init(card);
	firmware_init(&card->firmware);
	health_init(card);
	err = dma_map_init(&card->dma);
	if (!err)
		err = sched_init(card);
	if (!err)
		err = allocate(card);
	regs_init(card);
	if (!err)
		err = start_threads(card);
	if (err) {
		vcard_destroy(card);
		return err;
	}
	*out = card;
	return 0;
}

void vcard_destroy(struct vcard *card)
{
	control_stop(card);
	inval_stop(card);
	admin_stop(card);
	poll_stop(card);
	sched_stop(card);
	window_destroy(&card->doorbells, 0);
	window_destroy(&card->memory, spare_bytes(&card->config));
	free(card->queues);
	free(card->vms);
	sched_destroy(card);
	dma_map_destroy(&card->dma);
	firmware_destroy(&card->firmware);
	regs_destroy(card);
	control_destroy(card);
	inval_destroy(card);
	admin_destroy(card);
	notify_destroy(card);
	fault_destroy(&card->faults);
	pthread_mutex_destroy(&card->lock);
	free(card);
}

int vcard_dma_map(struct vcard *card, uint64_t iova, uint64_t bytes, void *host, unsigned int prot)
{
	return dma_map_add(&card->dma, iova, bytes, host, prot);
}

int vcard_dma_unmap(struct vcard *card, uint64_t iova, uint64_t bytes)
{
	return dma_map_remove(&card->dma, iova, bytes);
}

void vcard_get_aperture(struct vcard *card, struct vcard_window *window)
{
	*window = card->memory;
	window->bytes = card->config.aperture_bytes;
}

void vcard_get_doorbells(struct vcard *card, struct vcard_window *window)
{
	*window = card->doorbells;
}
