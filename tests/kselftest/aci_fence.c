// SPDX-License-Identifier: GPL-2.0
/* Jobs, syncobjs, sync files, and fences that a test opens by hand. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <drm/drm.h>
#include <drm/drm_mode.h>
#include <drm/vgem_drm.h>
#include <linux/dma-buf.h>
#include <linux/sync_file.h>

#include "aci_test.h"

/* Seconds that an event may take on bare metal, and how much slower an emulated machine is. */
#define WAIT_S			10
#define SLOW_MOST		30
/* A page mapped, touched and unmapped: what it takes where a factor of 1 is enough. */
#define SLOW_PAGES		256
#define SLOW_PAGE_NS		8000

__u64 now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (__u64)now.tv_sec * 1000000000ull + (__u64)now.tv_nsec;
}

/* A kernel that checks each access, and a host that is busy, are slow at the same things. */
static unsigned int measure_slowness(void)
{
	__u64 start = now_ns(), factor;
	unsigned int i;

	for (i = 0; i < SLOW_PAGES; i++) {
		volatile char *page = mmap(NULL, ACI_TEST_PAGE, PROT_READ | PROT_WRITE,
					   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (page == MAP_FAILED)
			break;
		*page = 1;
		munmap((void *)page, ACI_TEST_PAGE);
	}
	factor = (now_ns() - start) / (SLOW_PAGES * SLOW_PAGE_NS);
	return factor < ACI_SLOWNESS_LEAST ? ACI_SLOWNESS_LEAST : factor > SLOW_MOST ? SLOW_MOST : factor;
}

unsigned int aci_slowness(void)
{
	static unsigned int factor;

	if (!factor)
		factor = env_count("ACI_TEST_SLOW", 0) ?: measure_slowness();
	return factor;
}

__s64 aci_wait_ns(void)
{
	return aci_slowness() * WAIT_S * 1000000000ll;
}

int aci_submit(int fd, __u32 queue, const struct aci_desc *descs, __u32 count,
	       const struct drm_aci_sync *syncs, __u32 sync_count)
{
	struct drm_aci_job job = {
		.desc_count = count, .descs = USER_PTR(descs),
		.syncs = { .stride = sizeof(*syncs), .count = sync_count,
			   .ptr = sync_count ? USER_PTR(syncs) : 0 },
	};
	struct drm_aci_submit submit = {
		.queue_id = queue,
		.jobs = { .stride = sizeof(job), .count = 1, .ptr = USER_PTR(&job) },
	};
	int err = aci_ioctl(fd, DRM_IOCTL_ACI_SUBMIT, &submit);

	if (!err && submit.accepted != 1)
		return -EPROTO;
	return err;
}

int aci_submit_out(int fd, __u32 queue, const struct aci_desc *descs, __u32 count, __u32 *out)
{
	struct drm_aci_sync sync = { .flags = DRM_ACI_SYNC_SIGNAL };
	int err = aci_sync_new(fd, &sync.handle);

	if (err)
		return err;
	err = aci_submit(fd, queue, descs, count, &sync, 1);
	if (err)
		aci_sync_free(fd, sync.handle);
	else
		*out = sync.handle;
	return err;
}

int aci_run(int fd, __u32 queue, const struct aci_desc *descs, __u32 count)
{
	__u32 out;
	int err = aci_submit_out(fd, queue, descs, count, &out);

	if (err)
		return err;
	err = aci_sync_result(fd, out, 0);
	aci_sync_free(fd, out);
	return err;
}

int aci_run_one(struct aci_ctx *ctx, struct aci_desc desc)
{
	return aci_run(ctx->fd, ctx->queue, &desc, 1);
}

int aci_sync_new(int fd, __u32 *handle)
{
	struct drm_syncobj_create create = { 0 };
	int err = aci_ioctl(fd, DRM_IOCTL_SYNCOBJ_CREATE, &create);

	*handle = create.handle;
	return err;
}

void aci_sync_free(int fd, __u32 handle)
{
	struct drm_syncobj_destroy destroy = { .handle = handle };

	aci_ioctl(fd, DRM_IOCTL_SYNCOBJ_DESTROY, &destroy);
}

int aci_sync_wait(int fd, __u32 handle, __u64 point, __s64 timeout_ns)
{
	struct drm_syncobj_timeline_wait wait = {
		.handles = USER_PTR(&handle), .points = USER_PTR(&point), .count_handles = 1,
		.timeout_nsec = timeout_ns ? (__s64)now_ns() + timeout_ns : 0,
		.flags = DRM_SYNCOBJ_WAIT_FLAGS_WAIT_FOR_SUBMIT,
	};

	return aci_ioctl(fd, DRM_IOCTL_SYNCOBJ_TIMELINE_WAIT, &wait);
}

int aci_sync_export(int fd, __u32 handle)
{
	struct drm_syncobj_handle export = {
		.handle = handle, .fd = -1,
		.flags = DRM_SYNCOBJ_HANDLE_TO_FD_FLAGS_EXPORT_SYNC_FILE,
	};
	int err = aci_ioctl(fd, DRM_IOCTL_SYNCOBJ_HANDLE_TO_FD, &export);

	return err ? err : export.fd;
}

int aci_sync_import(int fd, __u32 handle, int sync_file)
{
	struct drm_syncobj_handle import = {
		.handle = handle, .fd = sync_file,
		.flags = DRM_SYNCOBJ_FD_TO_HANDLE_FLAGS_IMPORT_SYNC_FILE,
	};

	return aci_ioctl(fd, DRM_IOCTL_SYNCOBJ_FD_TO_HANDLE, &import);
}

int aci_sync_file_status(int sync_file)
{
	struct sync_file_info info = { 0 };
	int err = aci_ioctl(sync_file, SYNC_IOC_FILE_INFO, &info);

	return err ? err : info.status;
}

int aci_sync_file_result(int sync_file)
{
	struct pollfd poll_fd = { .fd = sync_file, .events = POLLIN };
	int status;

	if (poll(&poll_fd, 1, (int)(aci_wait_ns() / 1000000)) != 1)
		return -ETIME;
	status = aci_sync_file_status(sync_file);
	return status == 1 ? 0 : status ? status : -EPROTO;
}

/* The fence of a timeline point can only be looked at through a binary syncobj. */
static int point_export(int fd, __u32 handle, __u64 point)
{
	struct drm_syncobj_transfer transfer = { .src_handle = handle, .src_point = point };
	int err;

	err = aci_sync_new(fd, &transfer.dst_handle);
	if (err)
		return err;
	err = aci_ioctl(fd, DRM_IOCTL_SYNCOBJ_TRANSFER, &transfer);
	if (!err)
		err = aci_sync_export(fd, transfer.dst_handle);
	aci_sync_free(fd, transfer.dst_handle);
	return err;
}

int aci_sync_result(int fd, __u32 handle, __u64 point)
{
	int sync_file, err;

	err = aci_sync_wait(fd, handle, point, aci_wait_ns());
	if (err)
		return err;
	sync_file = point ? point_export(fd, handle, point) : aci_sync_export(fd, handle);
	if (sync_file < 0)
		return sync_file;
	err = aci_sync_file_result(sync_file);
	close(sync_file);
	return err;
}

static int vgem_open(void)
{
	char path[32], name[16];
	struct drm_version version;
	int i, fd;

	for (i = 0; i < 16; i++) {
		snprintf(path, sizeof(path), "/dev/dri/card%d", i);
		fd = open(path, O_RDWR | O_CLOEXEC);
		if (fd < 0)
			continue;
		memset(&version, 0, sizeof(version));
		memset(name, 0, sizeof(name));
		version.name = name;
		version.name_len = sizeof(name) - 1;
		if (!aci_ioctl(fd, DRM_IOCTL_VERSION, &version) && !strcmp(name, "vgem"))
			return fd;
		close(fd);
	}
	return -ENODEV;
}

static int gate_attach(struct aci_gate *gate)
{
	struct drm_mode_create_dumb dumb = { .width = 1024, .height = 1, .bpp = 32 };
	struct drm_prime_handle prime = { .flags = DRM_CLOEXEC | DRM_RDWR };
	struct dma_buf_export_sync_file export = { .flags = DMA_BUF_SYNC_RW, .fd = -1 };
	struct drm_vgem_fence_attach attach = { .flags = VGEM_FENCE_WRITE };
	int err;

	err = aci_ioctl(gate->vgem, DRM_IOCTL_MODE_CREATE_DUMB, &dumb);
	if (err)
		return err;
	prime.handle = attach.handle = dumb.handle;
	err = aci_ioctl(gate->vgem, DRM_IOCTL_VGEM_FENCE_ATTACH, &attach);
	if (!err)
		err = aci_ioctl(gate->vgem, DRM_IOCTL_PRIME_HANDLE_TO_FD, &prime);
	if (err)
		return err;
	err = aci_ioctl(prime.fd, DMA_BUF_IOCTL_EXPORT_SYNC_FILE, &export);
	close(prime.fd);
	gate->fence = attach.out_fence;
	gate->sync_file = export.fd;
	return err;
}

int aci_gate_init(struct aci_gate *gate)
{
	int err;

	gate->sync_file = -1;
	gate->vgem = vgem_open();
	if (gate->vgem < 0)
		return gate->vgem;
	err = gate_attach(gate);
	if (err)
		aci_gate_fini(gate);
	return err;
}

int aci_gate_open(struct aci_gate *gate)
{
	struct drm_vgem_fence_signal signal = { .fence = gate->fence };

	return aci_ioctl(gate->vgem, DRM_IOCTL_VGEM_FENCE_SIGNAL, &signal);
}

void aci_gate_fini(struct aci_gate *gate)
{
	if (gate->sync_file >= 0)
		close(gate->sync_file);
	if (gate->vgem >= 0)
		close(gate->vgem);
	gate->sync_file = gate->vgem = -1;
}

int aci_gate_syncobj(struct aci_gate *gate, int fd, __u32 *handle)
{
	int err = aci_sync_new(fd, handle);

	if (err)
		return err;
	err = aci_sync_import(fd, *handle, gate->sync_file);
	if (err)
		aci_sync_free(fd, *handle);
	return err;
}
