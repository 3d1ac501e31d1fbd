/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the tests of registered host memory share: how to get memory of each
 * kind, to register and to bind it, and to see who has it pinned. One program
 * includes it once; nothing here is for more than one thread.
 */
#ifndef ACI_USERPTR_FIXTURE_H
#define ACI_USERPTR_FIXTURE_H

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#include "aci_harness.h"

#define BYTES		KIB(256)

FIXTURE_CTX(userptr, ACI_ENGINE_CLASS_COPY)

static inline int userptr_create(int fd, const void *addr, __u64 bytes, __u32 flags, __u32 *handle)
{
	struct drm_aci_bo_create_userptr create = {
		.addr = USER_PTR(addr), .size = bytes, .flags = flags,
	};
	int err = aci_ioctl(fd, DRM_IOCTL_ACI_BO_CREATE_USERPTR, &create);

	*handle = create.handle;
	return err;
}

/* Register and bind. Return: 0 and *va, or an error. */
static inline int userptr_bind(struct aci_ctx *ctx, const void *addr, __u64 bytes, bool readonly,
			__u64 *va)
{
	__u32 handle;
	int err = userptr_create(ctx->fd, addr, bytes, readonly ? DRM_ACI_USERPTR_READONLY : 0,
				 &handle);

	if (err)
		return err;
	*va = aci_ctx_take_va(ctx, bytes);
	err = aci_bind(ctx->fd, ctx->vm, handle, 0, *va, bytes,
		       readonly ? DRM_ACI_BIND_READONLY : 0);
	/* The mapping holds it. */
	aci_bo_close(ctx->fd, handle);
	return err;
}

static inline void *map_memory(__u64 bytes, int prot, int flags, int fd)
{
	return mmap(NULL, bytes, prot, flags, fd, 0);
}

static inline void *map_anonymous(__u64 bytes)
{
	return map_memory(bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
}

/* Value of a line "NAME: VALUE" or "NAME VALUE" of a file of the kernel. Return: -1 without it */
static inline long long proc_value(const char *path, const char *name)
{
	long long value = -1;
	char line[256];
	FILE *file = fopen(path, "r");
	size_t length = strlen(name);

	while (file && fgets(line, sizeof(line), file)) {
		if (strncmp(line, name, length) || !strchr(": \t", line[length]))
			continue;
		value = strtoll(line + length + 1, NULL, 10);
		break;
	}
	if (file)
		fclose(file);
	return value;
}

static inline long long pinned_kib(void)
{
	return proc_value("/proc/self/status", "VmPin");
}

/* Memory whose pins can be seen: see memfd_is_free(). Return: fd, or -1 */
static inline int memfd_map(__u64 bytes, char **memory)
{
	int fd = memfd_create("userptr", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0 || ftruncate(fd, (off_t)bytes))
		return -1;
	*memory = map_memory(bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd);
	return *memory == MAP_FAILED ? -1 : fd;
}

/* Once it is unmapped: the kernel seals it unless someone holds one of its pages. */
static inline bool memfd_is_free(int fd)
{
	return !fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE);
}

#endif /* ACI_USERPTR_FIXTURE_H */
