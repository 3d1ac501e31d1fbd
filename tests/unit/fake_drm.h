/* SPDX-License-Identifier: MIT */
/*
 * A kernel driver in this process, for the error paths of the kernel transport.
 * The node is a temporary file; ioctl() and open() of the program are replaced,
 * so that libdrm's calls end here too. Jobs are done at submission.
 */
#ifndef TESTS_UNIT_FAKE_DRM_H
#define TESTS_UNIT_FAKE_DRM_H

#include <stdbool.h>
#include <stdint.h>

/** struct fake_drm - what tests set and look at; reset by fake_drm_start() */
struct fake_drm {
	char node[64];
	int fd;				/* of the node, -1: not open */

	/* settings */
	const char *name;		/* of the driver */
	int major;
	int minor;			/* 2: with user queues, which the card has then too */
	bool no_timeline;
	int open_error;			/* errno of the next open() */
	unsigned int interrupts;	/* so many EINTR before each call is served */
	unsigned int short_query;	/* bytes that this kernel knows of each query; 0: all */
	unsigned int pending_max;	/* jobs before EAGAIN; 0: no limit. A wait frees one */
	unsigned long fail_request;	/* this request fails ... */
	int fail_error;			/* ... with this errno ... */
	unsigned int fail_after;	/* ... after so many good ones */
	bool stopped;			/* user queues do not get on */
	int fail_at;			/* the call with this number fails with EIO; -1: none */

	/* what happened */
	int calls;
	unsigned int waits, submits, again;
	unsigned int bos, vms, queues, syncobjs, mappings;	/* alive */
	uint32_t vm_mode, bo_flags, bo_cache, queue_priority, queue_timeout_ms;
	uint32_t sync_flags[4];
	uint64_t sync_points[4];
	unsigned int sync_count;	/* of the last job */
	uint64_t userptr, userptr_bytes;	/* of the last one */
	uint32_t userptr_flags, bind_flags;

	/* how jobs end: the queue's record */
	uint32_t queue_flags, error, error_count;
	uint64_t error_index, error_info, jobs_completed, descs_completed;
};

extern struct fake_drm fake;

void fake_drm_start(void);
void fake_drm_stop(void);

#endif
