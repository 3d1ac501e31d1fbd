// SPDX-License-Identifier: MIT
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sysfs.h"

const char *sysfs_root_path(void)
{
	const char *root = getenv("ACCEL_SYSFS_ROOT");

	return root && *root ? root : "/sys";
}

bool sysfs_pci_path(char *path, size_t bytes, const char *address, const char *file)
{
	int length = snprintf(path, bytes, "%s/bus/pci/devices/%s/%s", sysfs_root_path(), address, file);

	return length > 0 && (size_t)length < bytes;
}

bool sysfs_read(const char *path, char *text, size_t bytes)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	size_t used = 0;
	ssize_t count;

	if (fd < 0)
		return false;
	do {
		count = read(fd, text + used, bytes - 1 - used);
		if (count > 0)
			used += count;
	} while (count > 0 || (count < 0 && errno == EINTR));
	close(fd);
	if (count < 0)
		return false;
	text[used] = 0;
	if (used && text[used - 1] == '\n')
		text[used - 1] = 0;
	return true;
}

bool sysfs_read_pci(const char *address, const char *file, char *text, size_t bytes)
{
	char path[512];

	return sysfs_pci_path(path, sizeof(path), address, file) && sysfs_read(path, text, bytes);
}

int sysfs_write_pci(const char *address, const char *file, const char *text)
{
	size_t bytes = strlen(text);
	char path[512];
	ssize_t count;
	int fd, err;

	if (!sysfs_pci_path(path, sizeof(path), address, file))
		return -ENAMETOOLONG;
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	count = write(fd, text, bytes);
	err = count < 0 ? -errno : (size_t)count == bytes ? 0 : -EIO;
	close(fd);
	return err;
}

bool sysfs_parse_int(const char *text, int64_t *value)
{
	char *end;

	errno = 0;
	*value = strtoll(text, &end, 0);
	return end != text && !*end && !errno;
}
