// SPDX-License-Identifier: MIT
/* What no driver can go below: the system call, and the DRM core's share of an ioctl. */
#include "bench.h"

#include <sys/syscall.h>
#include <unistd.h>
#include <xf86drm.h>

#define CALLS	10000

void bench_floor(void)
{
	struct drm_get_cap cap = { .capability = DRM_CAP_SYNCOBJ };
	int fd = bench_open_card(0);
	unsigned int i;

	bench_check(fd >= 0, "/dev/accel");
	bench_begin();
	for (i = 0; i < CALLS; i++)
		syscall(SYS_getppid);
	bench_end(CALLS, "getppid");
	bench_begin();
	for (i = 0; i < CALLS; i++)
		drmIoctl(fd, DRM_IOCTL_GET_CAP, &cap);
	bench_end(CALLS, "empty DRM ioctl");
	drmClose(fd);
}
