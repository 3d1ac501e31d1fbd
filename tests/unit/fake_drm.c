// SPDX-License-Identifier: MIT
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <aci/aci_admin.h>
#include <aci/aci_queue.h>
#include <aci/aci_regs.h>
#include <aci/aci_tcs.h>
#include <drm/aci_accel.h>

#include "fake_drm.h"

#define BO_ROOM		(8u << 20)	/* of the file, for each BO */
#define BINDS_MAX	64
#define DOORBELL_AT	(63 * (uint64_t)BO_ROOM)	/* page of the file; the kick page follows */

struct fake_drm fake;

static struct { uint64_t va, size; uint32_t handle; } binds[BINDS_MAX];
static uint32_t next_id;
static unsigned int pending, interrupted;

void fake_drm_start(void)
{
	fake = (struct fake_drm) { .name = "aci", .fd = -1, .fail_at = -1 };
	strcpy(fake.node, "/tmp/lib_drm.XXXXXX");
	close(mkstemp(fake.node));
	if (truncate(fake.node, 64 * (off_t)BO_ROOM))
		abort();
	memset(binds, 0, sizeof(binds));
	next_id = pending = interrupted = 0;
}

void fake_drm_stop(void)
{
	unlink(fake.node);
}

static void *at_handle(uint32_t handle)
{
	static char *map;

	if (map)
		munmap(map, 64 * (size_t)BO_ROOM);
	map = mmap(NULL, 64 * (size_t)BO_ROOM, PROT_READ | PROT_WRITE, MAP_SHARED, fake.fd, 0);
	return map == MAP_FAILED ? NULL : map + (handle % 64) * (size_t)BO_ROOM;
}

static void *at_va(uint64_t va)
{
	for (int i = 0; i < BINDS_MAX; i++)
		if (binds[i].size && va >= binds[i].va && va < binds[i].va + binds[i].size)
			return (char *)at_handle(binds[i].handle) + (va - binds[i].va);
	return NULL;
}

static int do_version(struct drm_version *version)
{
	version->version_major = fake.major;
	version->version_minor = fake.minor;
	if (version->name && version->name_len >= strlen(fake.name))
		memcpy(version->name, fake.name, strlen(fake.name));
	version->name_len = strlen(fake.name);
	version->date_len = version->desc_len = 0;
	return 0;
}

static int fill_query(struct drm_aci_query *query, void *data, uint32_t bytes)
{
	uint32_t known = fake.short_query && fake.short_query < bytes ? fake.short_query : bytes;

	memset((void *)(uintptr_t)query->ptr, 0, query->size);
	memcpy((void *)(uintptr_t)query->ptr, data, known < query->size ? known : query->size);
	query->size = known;
	return 0;
}

static int do_query(struct drm_aci_query *query)
{
	static const uint8_t uuid[16] = ACI_TCS_UUID_BYTES;
	struct drm_aci_query_device device = {
		.card_memory_bytes = 1 << 30,
		.card_memory_free_bytes = 1 << 20,
		.va_start = 1 << 20,
		.va_end = 1ull << 47,
		.engine_classes = 2,
		.priorities = 3,
		.ring_entries_max = 1024,
		.cap = fake.minor >= 2 ? ACI_CAP_USER_QUEUES | ACI_CAP_WAIT : 0,
	};
	struct drm_aci_query_queue queue = {
		.state = fake.stopped ? ACI_QUEUE_STATE_ERROR : ACI_QUEUE_STATE_RUNNING,
		.flags = fake.queue_flags, .error = fake.error, .error_count = fake.error_count,
		.error_index = fake.error_index, .error_info = fake.error_info,
		.jobs_completed = fake.jobs_completed, .completed = fake.descs_completed,
	};
	struct aci_identify_card card = { .serial = "SN",
					  .model = "fake",
					  .set_count = htole32(1) };
	struct aci_identify_engine engine = { .count = htole32(1), .opcodes = htole64(0xff) };
	struct aci_identify_set set = { .op_count = htole32(0xffffffff) };

	memcpy(set.uuid, uuid, sizeof(uuid));
	switch (query->type) {
	case DRM_ACI_QUERY_DEVICE:
		return fill_query(query, &device, sizeof(device));
	case DRM_ACI_QUERY_IDENTIFY_CARD:
		return fill_query(query, &card, sizeof(card));
	case DRM_ACI_QUERY_IDENTIFY_ENGINE:
		return fill_query(query, &engine, sizeof(engine));
	case DRM_ACI_QUERY_IDENTIFY_SET:
		return fill_query(query, &set, sizeof(set));
	case DRM_ACI_QUERY_QUEUE:
		return fill_query(query, &queue, sizeof(queue));
	}
	return EINVAL;
}

static int do_bind(struct drm_aci_vm_bind *bind)
{
	struct drm_aci_bind_op *op = (void *)(uintptr_t)bind->ops.ptr;

	if (bind->ops.count != 1 || bind->ops.stride != sizeof(*op) || op->va % 4096 ||
	    op->size % 4096)
		return EINVAL;
	for (int i = 0; i < BINDS_MAX; i++) {
		if (op->op == DRM_ACI_BIND_MAP && !binds[i].size) {
			binds[i].va = op->va;
			binds[i].size = op->size;
			binds[i].handle = op->handle;
			fake.mappings++;
			fake.bind_flags = op->flags;
			return 0;
		}
		if (op->op == DRM_ACI_BIND_UNMAP && binds[i].size == op->size &&
		    binds[i].va == op->va) {
			binds[i].size = 0;
			fake.mappings--;
			return 0;
		}
	}
	return EINVAL;
}

static int do_bo_create(struct drm_aci_bo_create *create)
{
	if (create->size > BO_ROOM)
		return ENOSPC;
	create->handle = ++next_id;
	fake.bo_flags = create->flags;
	fake.bo_cache = create->cache;
	fake.bos++;
	return 0;
}

/* One dma-buf at a time: a file that is known by its inode. */
static struct { ino_t inode; uint32_t handle; } exported;

static int do_export(struct drm_prime_handle *prime)
{
	struct stat stat_;
	int fd = memfd_create("dma-buf", prime->flags & DRM_CLOEXEC ? MFD_CLOEXEC : 0);

	if (fd < 0 || ftruncate(fd, 12288) || fstat(fd, &stat_))
		abort();
	exported.inode = stat_.st_ino;
	exported.handle = prime->handle;
	prime->fd = fd;
	return 0;
}

static int do_import(struct drm_prime_handle *prime)
{
	struct stat stat_;

	if (fstat(prime->fd, &stat_))
		return EBADF;
	if (stat_.st_ino != exported.inode)
		return EINVAL;
	prime->handle = exported.handle;
	return 0;
}

static void run_desc(const struct aci_desc *desc)
{
	void *dst, *src;

	fake.descs_completed++;
	if (desc->opcode == ACI_OP_COPY) {
		uint64_t bytes = le64toh(desc->copy.bytes);
		void *middle = malloc(bytes);

		src = at_va(le64toh(desc->copy.src));
		if (src && middle) {
			memcpy(middle, src, bytes);
			dst = at_va(le64toh(desc->copy.dst));
			if (dst)
				memcpy(dst, middle, bytes);
		}
		free(middle);
	} else if (desc->opcode == ACI_OP_FILL) {
		dst = at_va(le64toh(desc->fill.dst));
		if (dst)
			memset(dst, (int)le64toh(desc->fill.pattern), le64toh(desc->fill.bytes));
	}
}

static int do_submit(struct drm_aci_submit *submit)
{
	struct drm_aci_job *job = (void *)(uintptr_t)submit->jobs.ptr;
	struct drm_aci_sync *syncs = (void *)(uintptr_t)job->syncs.ptr;

	if (submit->jobs.count != 1 || submit->jobs.stride != sizeof(*job))
		return EINVAL;
	if (fake.pending_max && pending >= fake.pending_max) {
		fake.again++;
		return EAGAIN;
	}
	pending++;
	fake.submits++;
	fake.sync_count = job->syncs.count;
	for (unsigned int i = 0; i < job->syncs.count && i < 4; i++) {
		fake.sync_flags[i] = syncs[i].flags;
		fake.sync_points[i] = syncs[i].point;
	}
	for (uint32_t i = 0; i < job->desc_count; i++)
		run_desc((struct aci_desc *)(uintptr_t)job->descs + i);
	if (!fake.error_count)
		fake.jobs_completed++;
	submit->accepted = 1;
	return 0;
}

/* --- User queues: run by whoever waits -------------------------------------------- */

static struct { uint32_t handle, entries; uint64_t page_offset, completed; } user;

static struct aci_queue_user_page *user_page(void)
{
	return (struct aci_queue_user_page *)((char *)at_handle(user.handle) + user.page_offset);
}

static int do_queue_create(struct drm_aci_queue_create *queue)
{
	queue->queue_id = ++next_id;
	fake.queue_priority = queue->priority;
	fake.queue_timeout_ms = queue->timeout_ms;
	fake.queues++;
	if (!queue->ring_handle)
		return 0;
	if (queue->ring_handle != queue->user_page_handle || queue->ring_offset)
		return EINVAL;
	queue->doorbell_offset = DOORBELL_AT;
	queue->kick_offset = DOORBELL_AT + 4096;
	user.handle = queue->ring_handle;
	user.entries = queue->ring_entries;
	user.page_offset = queue->user_page_offset;
	user.completed = 0;
	return 0;
}

static int do_queue_wait(struct drm_aci_queue_wait *wait)
{
	uint64_t tail = le64toh(user_page()->tail);

	fake.waits++;
	while (!fake.stopped && user.completed < tail) {
		struct aci_desc desc = ((struct aci_desc *)at_handle(user.handle))[
			user.completed % user.entries];

		run_desc(&desc);
		user_page()->completed = htole64(++user.completed);
	}
	wait->completed = user.completed;
	if (user.completed >= wait->count)
		return 0;
	return fake.stopped ? EIO : ETIME;
}

static int do_userptr(struct drm_aci_bo_create_userptr *create)
{
	fake.userptr = create->addr;
	fake.userptr_bytes = create->size;
	fake.userptr_flags = create->flags;
	create->handle = ++next_id;
	fake.bos++;
	return 0;
}

static int do_eventfd(struct drm_syncobj_eventfd *notify)
{
	return eventfd_write(notify->fd, 1) ? errno : 0;
}

static int serve(unsigned long request, void *argument)
{
	switch (request) {
	case DRM_IOCTL_VERSION:
		return do_version(argument);
	case DRM_IOCTL_GET_CAP:
		((struct drm_get_cap *)argument)->value = !fake.no_timeline;
		return 0;
	case DRM_IOCTL_ACI_QUERY:
		return do_query(argument);
	case DRM_IOCTL_ACI_VM_CREATE:
		fake.vm_mode = ((struct drm_aci_vm_create *)argument)->mode;
		((struct drm_aci_vm_create *)argument)->vm_id = ++next_id;
		fake.vms++;
		return 0;
	case DRM_IOCTL_ACI_VM_DESTROY:
		fake.vms--;
		return 0;
	case DRM_IOCTL_ACI_VM_BIND:
		return do_bind(argument);
	case DRM_IOCTL_ACI_BO_CREATE:
		return do_bo_create(argument);
	case DRM_IOCTL_ACI_BO_MMAP_OFFSET:
		((struct drm_aci_bo_mmap_offset *)argument)->offset =
			((struct drm_aci_bo_mmap_offset *)argument)->handle % 64 *
			(uint64_t)BO_ROOM;
		return 0;
	case DRM_IOCTL_PRIME_HANDLE_TO_FD:
		return do_export(argument);
	case DRM_IOCTL_PRIME_FD_TO_HANDLE:
		return do_import(argument);
	case DRM_IOCTL_GEM_CLOSE:
		fake.bos--;
		return 0;
	case DRM_IOCTL_ACI_QUEUE_CREATE:
		return do_queue_create(argument);
	case DRM_IOCTL_ACI_QUEUE_WAIT:
		return do_queue_wait(argument);
	case DRM_IOCTL_ACI_QUEUE_EVENTFD:
		return eventfd_write(((struct drm_aci_queue_eventfd *)argument)->fd, 1) ? errno : 0;
	case DRM_IOCTL_ACI_BO_CREATE_USERPTR:
		return do_userptr(argument);
	case DRM_IOCTL_ACI_QUEUE_DESTROY:
		fake.queues--;
		return 0;
	case DRM_IOCTL_ACI_SUBMIT:
		return do_submit(argument);
	case DRM_IOCTL_SYNCOBJ_CREATE:
		((struct drm_syncobj_create *)argument)->handle = ++next_id;
		fake.syncobjs++;
		return 0;
	case DRM_IOCTL_SYNCOBJ_DESTROY:
		fake.syncobjs--;
		return 0;
	case DRM_IOCTL_SYNCOBJ_TIMELINE_WAIT:
		fake.waits++;
		pending -= pending > 0;
		return 0;
	case DRM_IOCTL_SYNCOBJ_EVENTFD:
		return do_eventfd(argument);
	}
	return ENOTTY;
}

static int fake_ioctl(unsigned long request, void *argument)
{
	if (fake.interrupts && interrupted++ < fake.interrupts)
		return EINTR;
	interrupted = 0;
	if (fake.calls++ == fake.fail_at)
		return EIO;
	if (request == fake.fail_request && !fake.fail_after--) {
		fake.fail_after = 0;
		return fake.fail_error;
	}
	return serve(request, argument);
}

/* --- In place of the C library's -------------------------------------------------- */

int ioctl(int fd, unsigned long request, ...)
{
	void *argument;
	va_list args;
	int error;

	va_start(args, request);
	argument = va_arg(args, void *);
	va_end(args);
	if (fd != fake.fd)
		return (int)syscall(SYS_ioctl, fd, request, argument);
	error = fake_ioctl(request, argument);
	if (error)
		errno = error;
	return error ? -1 : 0;
}

int open(const char *path, int flags, ...)
{
	int fd;

	if (strcmp(path, fake.node))
		return (int)syscall(SYS_openat, AT_FDCWD, path, flags, 0600);
	if (fake.open_error) {
		errno = fake.open_error;
		return -1;
	}
	fd = (int)syscall(SYS_openat, AT_FDCWD, path, flags, 0600);
	fake.fd = fd;
	return fd;
}
