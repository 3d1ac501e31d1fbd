/* SPDX-License-Identifier: MIT */
/*
 * The virtual card's core: a whole ACI card in software, without a transport.
 *
 * accel-vcard puts a vfio-user server in front of it, libaccel's inproc
 * transport links it into the process. All functions may be called from any
 * thread; none waits for a job. Guest-controlled input never aborts the
 * process: it ends in an ACI status.
 */
#ifndef VCARD_CORE_CARD_H
#define VCARD_CORE_CARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct vcard;

enum vcard_log_level { VCARD_LOG_ERROR, VCARD_LOG_WARNING, VCARD_LOG_INFO, VCARD_LOG_DEBUG };

/** struct vcard_config - what the card is. vcard_config_init() sets the defaults. */
struct vcard_config {
	uint64_t mem_bytes;		/* card memory, page multiple; 0: none */
	uint64_t aperture_bytes;	/* <= mem_bytes, power of two */
	uint32_t queues;		/* 1..1024 */
	uint32_t vms;			/* 1..65535 */
	uint32_t vectors;		/* 1..64 */
	uint32_t copy_engines;		/* threads */
	uint32_t compute_engines;	/* threads; 0 with base_profile */
	bool base_profile;		/* one vector, queue and VM, 4 KiB leaves, no user queues, no TCS */
	char serial[32];
	char model[64];
	enum vcard_log_level log_level;
};

/** struct vcard_ops - what the card needs from its transport. Called from any thread of the card. */
struct vcard_ops {
	/** @raise_irq: send MSI-X @vector. Must not block and must not call back into the card. */
	void (*raise_irq)(void *opaque, unsigned int vector);
	/** @log: one line without newline */
	void (*log)(void *opaque, enum vcard_log_level level, const char *line);
};

void vcard_config_init(struct vcard_config *config);

/**
 * vcard_create() - power on a card
 *
 * Return: 0, or -EINVAL for a configuration out of range, -ENOMEM, or the
 * error of thread or memfd creation.
 */
int vcard_create(const struct vcard_config *config, const struct vcard_ops *ops, void *opaque,
		 struct vcard **out);
/** vcard_destroy() - stop all engines, wait for them, free. No other call may be in progress. */
void vcard_destroy(struct vcard *card);

#define VCARD_DMA_READ	(1u << 0)
#define VCARD_DMA_WRITE	(1u << 1)

/**
 * vcard_dma_map() - let the card reach host memory
 * @iova: bus address, page aligned
 * @bytes: page multiple
 * @host: where it is in this process; stays valid until unmapped
 *
 * Return: 0, -EINVAL, -EEXIST for an overlap, -ENOMEM.
 */
int vcard_dma_map(struct vcard *card, uint64_t iova, uint64_t bytes, void *host, unsigned int prot);
/**
 * vcard_dma_unmap() - take it away
 *
 * Returns when no access of the card through the range is in flight; every
 * later one fails. All mappings inside the range go; one that crosses its
 * border is -EINVAL.
 */
int vcard_dma_unmap(struct vcard *card, uint64_t iova, uint64_t bytes);

/** Bus mastering: while off the card makes no DMA; returns when none is in flight. Off at power-on. */
void vcard_set_bus_master(struct vcard *card, bool on);

/** Register BAR. @size: 4 or 8, @offset aligned to it; anything else reads all ones and writes nothing. */
uint64_t vcard_reg_read(struct vcard *card, uint64_t offset, unsigned int size);
void vcard_reg_write(struct vcard *card, uint64_t offset, uint64_t value, unsigned int size);

/** The page that wakes the card for queue @queue was written. */
void vcard_kick(struct vcard *card, unsigned int queue);

/**
 * vcard_reset() - Function Level Reset or bus reset
 * @level: ACI_RESET_FLR or ACI_RESET_BUS
 *
 * Scrubs all memory, returns when done (bounded by T_FLR_MS). Return: false if
 * it had no effect: the card is not there, or a fault was injected.
 */
bool vcard_reset(struct vcard *card, unsigned int level);
/** vcard_leave_d3hot() - Return: whether the card has lost power meanwhile */
bool vcard_leave_d3hot(struct vcard *card);
/** vcard_power_on() - off and on again; also what was removed is there again */
void vcard_power_on(struct vcard *card);
/** vcard_is_absent() - removed, or dead after a reset: all reads give all ones */
bool vcard_is_absent(struct vcard *card);

/** Memory behind a BAR: a memfd that stays the card's, its mapping in this process, its size. */
struct vcard_window {
	int fd;
	void *map;
	uint64_t bytes;
};

void vcard_get_aperture(struct vcard *card, struct vcard_window *window);
void vcard_get_doorbells(struct vcard *card, struct vcard_window *window);

/**
 * vcard_ctl() - one command of the control socket
 * @line: e.g. "hang queue=3", see accel-vcard(1)
 * @reply: gets one line, "ok ..." or "error ..."
 *
 * Return: 0 for ok, -EINVAL for an unknown or wrong command.
 */
int vcard_ctl(struct vcard *card, const char *line, char *reply, size_t reply_bytes);

#endif
