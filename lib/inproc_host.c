// SPDX-License-Identifier: MIT
/*
 * The in-process transport: which memory of the process may be registered. The
 * card runs in this process, so that an access to memory that is not there
 * would end it; and what the kernel driver refuses is refused here too.
 *
 * Locking: none. Another thread may unmap memory at any time, here as there.
 */
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>

#include <linux/magic.h>

#include "error.h"
#include "inproc.h"

struct host_area {
	uint64_t start, end;
	char mode[5];			/* "rwxp", "s": shared */
	uint64_t inode;			/* 0: anonymous */
	char path[PATH_MAX];		/* "": anonymous */
};

static bool area_parse(const char *line, struct host_area *area)
{
	area->path[0] = '\0';
	return sscanf(line, "%" SCNx64 "-%" SCNx64 " %4s %*s %*s %" SCNu64 " %4095[^\n]",
		      &area->start, &area->end, area->mode, &area->inode, area->path) >= 4;
}

static bool area_is_shmem(const struct host_area *area)
{
	struct statfs fs;

	/* Without a path, or by the file system of the path. */
	if (!strncmp(area->path, "/memfd:", 7) || !strncmp(area->path, "/SYSV", 5) ||
	    !strncmp(area->path, "/dev/zero", 9) || !strncmp(area->path, "/anon_hugepage", 14))
		return true;
	return !statfs(area->path, &fs) &&
	       (fs.f_type == TMPFS_MAGIC || fs.f_type == HUGETLBFS_MAGIC);
}

/* A file that others may write to, or that this process may, is not ours to read for long. */
static int area_check(const struct host_area *area, bool readonly)
{
	if (area->mode[0] != 'r' || (!readonly && area->mode[1] != 'w'))
		return -EFAULT;
	if (!area->inode || area_is_shmem(area))
		return 0;
	return readonly && area->mode[3] == 's' && area->mode[1] != 'w' ? 0 : -EOPNOTSUPP;
}

static int host_check_areas(FILE *maps, uint64_t at, uint64_t end, bool readonly)
{
	struct host_area area;
	char *line = NULL;
	size_t room = 0;
	int ret = 0;

	while (!ret && at < end && getline(&line, &room, maps) > 0) {
		if (!area_parse(line, &area) || area.end <= at)
			continue;
		if (area.start > at)
			break;
		ret = area_check(&area, readonly);
		at = area.end;
	}
	free(line);
	return ret ? ret : at < end ? -EFAULT : 0;
}

int inproc_host_check(const void *address, uint64_t bytes, bool readonly)
{
	uint64_t start = (uintptr_t)address;
	FILE *maps = fopen("/proc/self/maps", "re");
	int ret;

	if (!maps)
		return error_set(-EIO, "inproc: /proc/self/maps: %s", strerror(errno));
	ret = host_check_areas(maps, start, start + bytes, readonly);
	fclose(maps);
	return ret;
}
