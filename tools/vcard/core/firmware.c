// SPDX-License-Identifier: MIT

#include <ctype.h>
#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <aci/aci_status.h>

#include "firmware.h"
#include "util.h"

void firmware_init(struct firmware *firmware)
{
	strcpy(firmware->versions[0], FIRMWARE_FACTORY);
}

void firmware_destroy(struct firmware *firmware)
{
	free(firmware->staged);
}

/* CRC-32 of the image as if its checksum field were 0; half a byte at a time. */
static uint32_t image_checksum(const uint8_t *image, size_t bytes)
{
	static const uint32_t table[16] = {
		0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4, 0x4db26158,
		0x5005713c, 0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c, 0x9b64c2b0, 0x86d3d2d4,
		0xa00ae278, 0xbdbdf21c,
	};
	const size_t field = offsetof(struct firmware_header, checksum);
	uint32_t crc = 0xffffffffu;

	for (size_t i = 0; i < bytes; i++) {
		crc ^= i - field < sizeof(uint32_t) ? 0 : image[i];
		crc = crc >> 4 ^ table[crc & 15];
		crc = crc >> 4 ^ table[crc & 15];
	}
	return ~crc;
}

static bool version_is_valid(const char *version, size_t room)
{
	size_t length = strnlen(version, room);

	if (!length || length == room)
		return false;
	for (size_t i = 0; i < length; i++) {
		/* It is shown inside quotes. */
		if (!isgraph((unsigned char)version[i]) || version[i] == '"' || version[i] == '\\')
			return false;
	}
	return true;
}

unsigned int firmware_store(struct firmware *firmware, uint64_t offset, const void *data,
			    size_t bytes)
{
	/* In order, and from 0 again at any time. */
	if (offset % 4 || (offset && offset != firmware->staged_bytes))
		return ACI_STATUS_INVALID_FIELD;
	if (!range_fits(offset, bytes, FIRMWARE_IMAGE_MAX))
		return ACI_STATUS_NO_RESOURCES;
	if (!firmware->staged) {
		firmware->staged = malloc(FIRMWARE_IMAGE_MAX);
		if (!firmware->staged)
			return ACI_STATUS_NO_RESOURCES;
	}
	memcpy(firmware->staged + offset, data, bytes);
	firmware->staged_bytes = offset + bytes;
	return ACI_STATUS_SUCCESS;
}

static bool image_is_valid(const uint8_t *image, size_t room)
{
	struct firmware_header header;

	if (!image || room < sizeof(header))
		return false;
	memcpy(&header, image, sizeof(header));
	if (le32toh(header.magic) != FIRMWARE_MAGIC || header.reserved)
		return false;
	/* The download comes in words; the image may end before it. */
	if (le32toh(header.bytes) < sizeof(header) || le32toh(header.bytes) > room ||
	    room - le32toh(header.bytes) >= 4)
		return false;
	return version_is_valid(header.version, sizeof(header.version)) &&
	       image_checksum(image, le32toh(header.bytes)) == le32toh(header.checksum);
}

bool firmware_check(const struct firmware *firmware)
{
	return firmware->staged_bytes && image_is_valid(firmware->staged, firmware->staged_bytes);
}

unsigned int firmware_commit(struct firmware *firmware, uint32_t slot, bool valid)
{
	struct firmware_header header;

	if (slot >= FIRMWARE_SLOTS || (!slot && firmware->staged_bytes))
		return ACI_STATUS_INVALID_FIELD;
	if (!firmware->staged_bytes) {
		if (!firmware->versions[slot][0])
			return ACI_STATUS_INVALID_STATE;
		firmware->next = slot;
		return ACI_STATUS_SUCCESS;
	}
	if (!valid)
		return ACI_STATUS_FIRMWARE_INVALID;
	memcpy(&header, firmware->staged, sizeof(header));
	memset(firmware->versions[slot], 0, sizeof(firmware->versions[slot]));
	strcpy(firmware->versions[slot], header.version);
	firmware->next = slot;
	firmware->staged_bytes = 0;
	return ACI_STATUS_SUCCESS;
}

void firmware_activate(struct firmware *firmware)
{
	firmware->active = firmware->next;
	firmware->staged_bytes = 0;
}

int firmware_make(const char *version, void *image, size_t bytes)
{
	struct firmware_header header = {
		.magic = htole32(FIRMWARE_MAGIC),
		.bytes = htole32((uint32_t)bytes),
	};

	if (bytes < sizeof(header) || bytes > FIRMWARE_IMAGE_MAX ||
	    !version_is_valid(version, sizeof(header.version)))
		return -EINVAL;
	strcpy(header.version, version);
	memcpy(image, &header, sizeof(header));
	header.checksum = htole32(image_checksum(image, bytes));
	memcpy(image, &header, sizeof(header));
	return 0;
}
