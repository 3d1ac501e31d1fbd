// SPDX-License-Identifier: MIT
#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "error.h"
#include "sysfs.h"

static const char *sysfs_root;

void sysfs_set_root(const char *root)
{
	sysfs_root = root;
}

static const char *sysfs_get_root(void)
{
	const char *root = sysfs_root ? sysfs_root : secure_getenv("ACCEL_SYSFS_ROOT");

	return root && *root ? root : "/sys";
}

/* A missing or unreadable attribute is not an error: the text stays empty. */
static void sysfs_read_text(int card, const char *attribute, char *text, size_t bytes)
{
	int fd = openat(card, attribute, O_RDONLY | O_CLOEXEC);
	ssize_t got;

	text[0] = '\0';
	if (fd < 0)
		return;
	do
		got = read(fd, text, bytes - 1);
	while (got < 0 && errno == EINTR);
	close(fd);
	text[got > 0 ? got : 0] = '\0';
	text[strcspn(text, "\n")] = '\0';
	for (char *c = text; *c; c++)
		if (!isprint((unsigned char)*c))
			*c = '?';
	for (size_t end = strlen(text); end && text[end - 1] == ' '; end--)
		text[end - 1] = '\0';
}

static uint64_t sysfs_read_number(int card, const char *attribute)
{
	char text[32];

	sysfs_read_text(card, attribute, text, sizeof(text));
	return strtoull(text, NULL, 0);
}

static uint32_t sysfs_read_version(int card)
{
	unsigned int major, minor;
	char text[32];

	sysfs_read_text(card, "aci/aci_version", text, sizeof(text));
	if (sscanf(text, "%u.%u", &major, &minor) != 2 || major > 0xffff || minor > 0xffff)
		return 0;
	return major << 16 | minor;
}

/* Last part of the path that link @name points to. */
static bool sysfs_read_link(int dir, const char *name, char *text, size_t bytes)
{
	char target[PATH_MAX];
	ssize_t length = readlinkat(dir, name, target, sizeof(target) - 1);
	const char *base;

	if (length <= 0)
		return false;
	target[length] = '\0';
	base = strrchr(target, '/');
	base = base ? base + 1 : target;
	return (size_t)snprintf(text, bytes, "%s", base) < bytes;
}

static bool sysfs_read_card(int class, const char *entry, struct accel_device_info *info)
{
	char path[NAME_MAX + 8], driver[32];
	int card;

	memset(info, 0, sizeof(*info));
	snprintf(path, sizeof(path), "%s/device", entry);
	if (!sysfs_read_link(class, path, info->name, sizeof(info->name)))
		return false;
	card = openat(class, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (card < 0)
		return false;
	if (!sysfs_read_link(card, "driver", driver, sizeof(driver)) || strcmp(driver, "aci")) {
		close(card);
		return false;
	}
	snprintf(info->node, sizeof(info->node), "/dev/accel/%.20s", entry);
	info->transport = ACCEL_TRANSPORT_DRM;
	sysfs_read_text(card, "aci/serial", info->serial, sizeof(info->serial));
	sysfs_read_text(card, "aci/vendor_name", info->vendor, sizeof(info->vendor));
	sysfs_read_text(card, "aci/model", info->model, sizeof(info->model));
	sysfs_read_text(card, "aci/firmware_version", info->firmware, sizeof(info->firmware));
	sysfs_read_text(card, "aci/state", info->state, sizeof(info->state));
	info->aci_version = sysfs_read_version(card);
	info->reset_generation = sysfs_read_number(card, "aci/reset_generation");
	info->memory_bytes = sysfs_read_number(card, "aci/card_memory_bytes");
	info->memory_free_bytes = sysfs_read_number(card, "aci/card_memory_free_bytes");
	close(card);
	return true;
}

static int sysfs_compare(const void *a, const void *b)
{
	const struct accel_device_info *x = a, *y = b;

	return strcmp(x->name, y->name);
}

static int sysfs_append(struct accel_device_info **list, size_t count,
			const struct accel_device_info *info)
{
	struct accel_device_info *grown = reallocarray(*list, count + 1, sizeof(*grown));

	if (!grown)
		return error_set(-ENOMEM, "out of memory");
	grown[count] = *info;
	*list = grown;
	return 0;
}

int sysfs_list(struct accel_device_info **list, size_t *count)
{
	struct accel_device_info info;
	char path[PATH_MAX];
	struct dirent *entry;
	DIR *class;
	int ret = 0;

	*list = NULL;
	*count = 0;
	if ((size_t)snprintf(path, sizeof(path), "%s/class/accel", sysfs_get_root()) >=
	    sizeof(path))
		return error_set(-ENAMETOOLONG, "the path in ACCEL_SYSFS_ROOT is too long");
	class = opendir(path);
	if (!class) {
		/* No accel class: no driver was ever loaded, so there are no cards. */
		if (errno == ENOENT)
			return 0;
		return error_set(-errno, "%s: %s", path, strerror(errno));
	}
	while (!ret && (entry = readdir(class))) {
		if (strncmp(entry->d_name, "accel", 5) || !isdigit((unsigned char)entry->d_name[5]))
			continue;
		if (!sysfs_read_card(dirfd(class), entry->d_name, &info))
			continue;
		ret = sysfs_append(list, *count, &info);
		if (!ret)
			(*count)++;
	}
	closedir(class);
	if (ret) {
		free(*list);
		*list = NULL;
		*count = 0;
	} else if (*count) {
		qsort(*list, *count, sizeof(**list), sysfs_compare);
	}
	return ret;
}
