/* SPDX-License-Identifier: MIT */
/*
 * Firmware slots. An image is a header and a payload that the virtual card
 * does not execute; its version becomes visible after the next reset.
 *
 * Locking: card->lock. What is staged changes only with admin.step_lock besides.
 */
#ifndef VCARD_CORE_FIRMWARE_H
#define VCARD_CORE_FIRMWARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FIRMWARE_SLOTS		4	/* slot 0 is the factory's and read-only */
#define FIRMWARE_IMAGE_MAX	(1024 * 1024)
#define FIRMWARE_MAGIC		0x57464341u	/* "ACFW" */
#define FIRMWARE_FACTORY	"1.0.0"

/* Little-endian. */
struct firmware_header {
	uint32_t magic;
	uint32_t bytes;		/* of the whole image, header included */
	uint32_t checksum;	/* CRC-32 (IEEE 802.3) of the image with this field 0 */
	uint32_t reserved;
	char version[32];	/* NUL-terminated printable ASCII without quote and backslash */
};

struct firmware {
	char versions[FIRMWARE_SLOTS][32];
	uint32_t active;
	uint32_t next;
	uint8_t *staged;	/* FIRMWARE_IMAGE_MAX bytes once a download began */
	size_t staged_bytes;
};

void firmware_init(struct firmware *firmware);
void firmware_destroy(struct firmware *firmware);
/** firmware_store() - Return: ACI_STATUS_* */
unsigned int firmware_store(struct firmware *firmware, uint64_t offset, const void *data,
			    size_t bytes);
/** firmware_check() - is what was downloaded an image? Takes milliseconds: without card->lock. */
bool firmware_check(const struct firmware *firmware);
/**
 * firmware_commit() - keep what was downloaded in @slot
 * @valid: firmware_check() said so
 *
 * Without a download: select what @slot holds. Return: ACI_STATUS_*
 */
unsigned int firmware_commit(struct firmware *firmware, uint32_t slot, bool valid);
/** firmware_activate() - a reset happened */
void firmware_activate(struct firmware *firmware);

/** firmware_make() - an image of @bytes with a right header. Return: 0 or -EINVAL */
int firmware_make(const char *version, void *image, size_t bytes);

#endif
