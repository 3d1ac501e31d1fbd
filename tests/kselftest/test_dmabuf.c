// SPDX-License-Identifier: GPL-2.0
/* dma-bufs of other drivers on the card, and of the card elsewhere: also when one side goes away. */
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <linux/dma-heap.h>
#include <linux/udmabuf.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "aci_harness.h"

#define BYTES		MIB(1)
#define DRIVER		"/sys/bus/pci/drivers/aci"

/* Import and bind. The mapping holds the memory. */
static int import_bind(struct aci_ctx *ctx, int dma_buf, __u64 bytes, __u32 flags, __u64 *va)
{
	__u32 handle;
	int err = aci_bo_import(ctx->fd, dma_buf, &handle);

	if (err)
		return err;
	*va = aci_ctx_take_va(ctx, bytes);
	err = aci_bind(ctx->fd, ctx->vm, handle, 0, *va, bytes, flags);
	aci_bo_close(ctx->fd, handle);
	return err;
}

/* --- Makers of dma-bufs; each returns an fd or an error --- */

static int make_udmabuf(struct aci_gate *gate)
{
	struct udmabuf_create create = { .flags = UDMABUF_FLAGS_CLOEXEC, .size = BYTES };
	int device = open("/dev/udmabuf", O_RDWR | O_CLOEXEC), ret;

	create.memfd = memfd_create("dmabuf", MFD_ALLOW_SEALING | MFD_CLOEXEC);
	if (device < 0 || ftruncate(create.memfd, BYTES) ||
	    fcntl(create.memfd, F_ADD_SEALS, F_SEAL_SHRINK))
		return -errno;
	ret = ioctl(device, UDMABUF_CREATE, &create);
	if (ret < 0)
		ret = -errno;
	close(create.memfd);
	close(device);
	return ret;
}

static int make_heap(struct aci_gate *gate)
{
	struct dma_heap_allocation_data data = { .len = BYTES, .fd_flags = O_RDWR | O_CLOEXEC };
	int device = open("/dev/dma_heap/system", O_RDONLY | O_CLOEXEC), err;

	if (device < 0)
		return -errno;
	err = ioctl(device, DMA_HEAP_IOCTL_ALLOC, &data) ? -errno : 0;
	close(device);
	return err ? err : (int)data.fd;
}

static int make_vgem(struct aci_gate *gate)
{
	struct drm_mode_create_dumb dumb = { .width = BYTES / 4 / 256, .height = 256, .bpp = 32 };
	int err = aci_ioctl(gate->vgem, DRM_IOCTL_MODE_CREATE_DUMB, &dumb);

	return err ? err : aci_bo_export(gate->vgem, dumb.handle, DRM_RDWR);
}

static int make_second_card(struct aci_gate *gate)
{
	int fd = aci_open(1), ret;
	__u32 handle;

	if (fd < 0)
		return fd;
	ret = aci_bo_create(fd, BYTES, DRM_ACI_PLACEMENT_HOST, 0, &handle);
	if (!ret)
		ret = aci_bo_export(fd, handle, DRM_RDWR);
	/* The dma-buf outlives the file of its exporter. */
	close(fd);
	return ret;
}

FIXTURE(dmabuf) {
	struct aci_ctx ctx;
	struct aci_gate gate;
	int fd;
	void *map;
};

FIXTURE_VARIANT(dmabuf) {
	int (*make)(struct aci_gate *gate);
};

FIXTURE_VARIANT_ADD(dmabuf, udmabuf) { make_udmabuf };
FIXTURE_VARIANT_ADD(dmabuf, system_heap) { make_heap };
FIXTURE_VARIANT_ADD(dmabuf, vgem) { make_vgem };
FIXTURE_VARIANT_ADD(dmabuf, second_card) { make_second_card };

FIXTURE_SETUP(dmabuf)
{
	ASSERT_OK(aci_ctx_init(&self->ctx, 0, ACI_ENGINE_CLASS_COPY, 0));
	ASSERT_OK(aci_gate_init(&self->gate));
	self->fd = variant->make(&self->gate);
	ASSERT_LE(0, self->fd)
		TH_LOG("cannot make a dma-buf: %d", self->fd);
	self->map = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, self->fd, 0);
	ASSERT_NE(MAP_FAILED, self->map);
}

FIXTURE_TEARDOWN(dmabuf)
{
	aci_ctx_fini(&self->ctx);
	munmap(self->map, BYTES);
	close(self->fd);
	aci_gate_fini(&self->gate);
}

static int cpu_access(int fd, __u64 flags)
{
	struct dma_buf_sync sync = { .flags = flags };

	return ioctl(fd, DMA_BUF_IOCTL_SYNC, &sync) ? -errno : 0;
}

TEST_F(dmabuf, card_reads_and_writes_it)
{
	__u64 va;

	ASSERT_OK(import_bind(&self->ctx, self->fd, BYTES, 0, &va));
	ASSERT_OK(cpu_access(self->fd, DMA_BUF_SYNC_START | DMA_BUF_SYNC_RW));
	data_fill(self->map, BYTES / 2, 1);
	ASSERT_OK(cpu_access(self->fd, DMA_BUF_SYNC_END | DMA_BUF_SYNC_RW));
	ASSERT_OK(aci_run_one(&self->ctx, desc_copy(va, va + BYTES / 2, BYTES / 2)));
	ASSERT_OK(cpu_access(self->fd, DMA_BUF_SYNC_START | DMA_BUF_SYNC_READ));
	EXPECT_EQ(-1, data_check((char *)self->map + BYTES / 2, BYTES / 2, 1));
	ASSERT_OK(cpu_access(self->fd, DMA_BUF_SYNC_END | DMA_BUF_SYNC_READ));
}

TEST_F(dmabuf, imported_twice_is_one_handle)
{
	int other = aci_open(0);
	__u32 first, second;

	ASSERT_OK(aci_bo_import(self->ctx.fd, self->fd, &first));
	ASSERT_OK(aci_bo_import(self->ctx.fd, self->fd, &second));
	EXPECT_EQ(first, second);
	ASSERT_OK(aci_bo_import(other, self->fd, &second));
	ASSERT_OK(aci_bo_close(self->ctx.fd, first));
	ASSERT_OK(aci_bo_import(self->ctx.fd, self->fd, &first));
	close(other);
}

TEST_F(dmabuf, exported_again_is_the_same)
{
	struct stat before, after;
	__u32 handle;
	int fd;

	ASSERT_OK(aci_bo_import(self->ctx.fd, self->fd, &handle));
	fd = aci_bo_export(self->ctx.fd, handle, DRM_RDWR);
	ASSERT_LE(0, fd);
	ASSERT_OK(fstat(self->fd, &before));
	ASSERT_OK(fstat(fd, &after));
	EXPECT_EQ(before.st_ino, after.st_ino);
	close(fd);
}

TEST_F(dmabuf, outlives_its_fd)
{
	struct aci_buf check;
	__u64 va;

	data_fill(self->map, BYTES, 2);
	ASSERT_OK(import_bind(&self->ctx, self->fd, BYTES, 0, &va));
	ASSERT_OK(munmap(self->map, BYTES));
	close(self->fd);
	ASSERT_OK(aci_buf_init(&self->ctx, &check, BYTES, DRM_ACI_PLACEMENT_HOST, 0));
	ASSERT_OK(aci_run_one(&self->ctx, desc_copy(va, check.va, BYTES)));
	EXPECT_EQ(-1, data_check(check.map, BYTES, 2));
}

TEST_F(dmabuf, has_no_mmap_offset)
{
	struct drm_aci_bo_mmap_offset request = { 0 };

	ASSERT_OK(aci_bo_import(self->ctx.fd, self->fd, &request.handle));
	EXPECT_EQ(-EACCES, aci_ioctl(self->ctx.fd, DRM_IOCTL_ACI_BO_MMAP_OFFSET, &request));
}

TEST_F(dmabuf, bind_stays_inside)
{
	__u64 va = aci_ctx_take_va(&self->ctx, BYTES * 2);
	__u32 handle;

	ASSERT_OK(aci_bo_import(self->ctx.fd, self->fd, &handle));
	EXPECT_EQ(-EINVAL, aci_bind(self->ctx.fd, self->ctx.vm, handle, 0, va, BYTES + KIB(4), 0));
	EXPECT_EQ(-EINVAL, aci_bind(self->ctx.fd, self->ctx.vm, handle, BYTES, va, KIB(4), 0));
	EXPECT_OK(aci_bind(self->ctx.fd, self->ctx.vm, handle, BYTES - KIB(4), va, KIB(4), 0));
}

static int unbind(unsigned int card, struct aci_card *where)
{
	int err = aci_card_find(card, where);

	return err ? err : file_write(DRIVER "/unbind", where->pci);
}

/* The card goes away with the memory mapped: the memory stays, and can be freed. */
TEST_F(dmabuf, importer_goes_away)
{
	struct aci_card where;
	__u32 handle;
	__u64 va;

	ASSERT_OK(import_bind(&self->ctx, self->fd, BYTES, 0, &va));
	ASSERT_OK(aci_bo_import(self->ctx.fd, self->fd, &handle));
	ASSERT_OK(aci_run_one(&self->ctx, desc_fill(va, BYTES, 0x31, 1)));
	ASSERT_OK(unbind(0, &where));
	EXPECT_EQ(-ENODEV, aci_run_one(&self->ctx, desc_nop()));
	EXPECT_TRUE(data_is(self->map, BYTES, 0x31));
	memset(self->map, 0x32, BYTES);
	ASSERT_OK(file_write(DRIVER "/bind", where.pci));
	/* Of the old device and of the new one. */
	aci_ctx_fini(&self->ctx);
	ASSERT_OK(aci_ctx_init(&self->ctx, 0, ACI_ENGINE_CLASS_COPY, 0));
	ASSERT_OK(import_bind(&self->ctx, self->fd, BYTES, 0, &va));
	EXPECT_OK(aci_run_one(&self->ctx, desc_fill(va, BYTES, 0x33, 1)));
	EXPECT_TRUE(data_is(self->map, BYTES, 0x33));
}

/* --- Between two cards --- */

FIXTURE(dmabuf_cards) {
	struct aci_ctx ctx[2];
	struct aci_buf host;
};

FIXTURE_SETUP(dmabuf_cards)
{
	self->ctx[0].fd = self->ctx[1].fd = -1;
	if (aci_card_count() < 2)
		SKIP(return, "needs two cards");
	ASSERT_OK(aci_ctx_init(&self->ctx[0], 0, ACI_ENGINE_CLASS_COPY, 0));
	ASSERT_OK(aci_ctx_init(&self->ctx[1], 1, ACI_ENGINE_CLASS_COPY, 0));
	ASSERT_OK(aci_buf_init(&self->ctx[1], &self->host, BYTES, DRM_ACI_PLACEMENT_HOST, 0));
}

FIXTURE_TEARDOWN(dmabuf_cards)
{
	aci_ctx_fini(&self->ctx[0]);
	aci_ctx_fini(&self->ctx[1]);
}

/* Both see the same memory; the second waits for the first by the dma-buf. */
TEST_F(dmabuf_cards, jobs_on_both)
{
	struct dma_buf_import_sync_file write = { .flags = DMA_BUF_SYNC_WRITE };
	struct dma_buf_export_sync_file read = { .flags = DMA_BUF_SYNC_READ };
	int fd = aci_bo_export(self->ctx[1].fd, self->host.handle, DRM_RDWR);
	struct drm_aci_sync syncs[2] = { { 0 }, { .flags = DRM_ACI_SYNC_SIGNAL } };
	struct aci_desc desc;
	__u32 out;
	__u64 va;

	ASSERT_LE(0, fd);
	ASSERT_OK(import_bind(&self->ctx[0], fd, BYTES, 0, &va));
	desc = desc_fill(self->host.va, BYTES / 2, 0x61, 1);
	ASSERT_OK(aci_submit_out(self->ctx[1].fd, self->ctx[1].queue, &desc, 1, &out));
	write.fd = aci_sync_export(self->ctx[1].fd, out);
	ASSERT_LE(0, write.fd);
	ASSERT_OK(ioctl(fd, DMA_BUF_IOCTL_IMPORT_SYNC_FILE, &write));
	ASSERT_OK(ioctl(fd, DMA_BUF_IOCTL_EXPORT_SYNC_FILE, &read));
	ASSERT_OK(aci_sync_new(self->ctx[0].fd, &syncs[0].handle));
	ASSERT_OK(aci_sync_new(self->ctx[0].fd, &syncs[1].handle));
	ASSERT_OK(aci_sync_import(self->ctx[0].fd, syncs[0].handle, read.fd));
	desc = desc_copy(va, va + BYTES / 2, BYTES / 2);
	ASSERT_OK(aci_submit(self->ctx[0].fd, self->ctx[0].queue, &desc, 1, syncs, 2));
	ASSERT_OK(aci_sync_result(self->ctx[0].fd, syncs[1].handle, 0));
	EXPECT_TRUE(data_is(self->host.map, BYTES, 0x61));
	close(write.fd);
	close(read.fd);
	close(fd);
}

/*
 * Cards below different root ports of a host bridge that the kernel does not
 * know do not reach each other. Who looks for the reason finds it in the log.
 */
TEST_F(dmabuf_cards, card_memory_without_a_path)
{
	struct aci_card importer;
	struct aci_buf card;
	char reason[128];
	__u32 handle;
	int fd;

	ASSERT_OK(aci_card_find(0, &importer));
	ASSERT_OK(aci_buf_init(&self->ctx[1], &card, BYTES, DRM_ACI_PLACEMENT_CARD,
			       DRM_ACI_BO_CPU_ACCESS));
	fd = aci_bo_export(self->ctx[1].fd, card.handle, DRM_RDWR);
	ASSERT_LE(0, fd);
	ASSERT_OK(drm_debug_begin());
	EXPECT_EQ(-EOPNOTSUPP, aci_bo_import(self->ctx[0].fd, fd, &handle));
	snprintf(reason, sizeof(reason), "no peer-to-peer access for %s: %s", importer.pci,
		 kernel_has_symbol("pci_p2pdma_distance_many") ?
		 "no PCI path between the devices is known to work" :
		 "the kernel has no CONFIG_PCI_P2PDMA");
	EXPECT_TRUE(drm_debug_end(reason))
		TH_LOG("not in the log: %s", reason);
	close(fd);
}

/* Out of the CPU's reach is out of the other card's. */
TEST_F(dmabuf_cards, card_memory_outside_the_aperture)
{
	struct drm_aci_query_device device = aci_device_state(self->ctx[1].fd);
	struct aci_buf card;
	__u32 handle;
	int fd;

	ASSERT_LT(device.aperture_bytes, device.card_memory_bytes);
	ASSERT_OK(aci_buf_init(&self->ctx[1], &card, BYTES, DRM_ACI_PLACEMENT_CARD, 0));
	fd = aci_bo_export(self->ctx[1].fd, card.handle, DRM_RDWR);
	ASSERT_LE(0, fd);
	ASSERT_OK(drm_debug_begin());
	EXPECT_EQ(-EOPNOTSUPP, aci_bo_import(self->ctx[0].fd, fd, &handle));
	EXPECT_TRUE(drm_debug_end("the BO is not in the aperture"));
	close(fd);
}

/* A driver that wants struct pages gets no memory that has none. */
TEST_F(dmabuf_cards, card_memory_for_a_driver_with_pages)
{
	struct aci_gate gate;
	struct aci_buf card;
	__u32 handle;
	int fd;

	ASSERT_OK(aci_gate_init(&gate));
	ASSERT_OK(aci_buf_init(&self->ctx[1], &card, BYTES, DRM_ACI_PLACEMENT_CARD,
			       DRM_ACI_BO_CPU_ACCESS));
	fd = aci_bo_export(self->ctx[1].fd, card.handle, DRM_RDWR);
	ASSERT_LE(0, fd);
	ASSERT_OK(drm_debug_begin());
	EXPECT_EQ(-EOPNOTSUPP, aci_bo_import(gate.vgem, fd, &handle));
	EXPECT_TRUE(drm_debug_end("it takes memory with struct pages only"));
	close(fd);
	aci_gate_fini(&gate);
}

/* An fd that cannot be written is not written by the card. */
TEST_F(dmabuf_cards, readonly)
{
	int fd = aci_bo_export(self->ctx[1].fd, self->host.handle, 0);
	struct aci_buf check;
	__u64 va;

	ASSERT_LE(0, fd);
	data_fill(self->host.map, BYTES, 3);
	EXPECT_EQ(-EACCES, import_bind(&self->ctx[0], fd, BYTES, 0, &va));
	ASSERT_OK(import_bind(&self->ctx[0], fd, BYTES, DRM_ACI_BIND_READONLY, &va));
	ASSERT_OK(aci_buf_init(&self->ctx[0], &check, BYTES, DRM_ACI_PLACEMENT_HOST, 0));
	ASSERT_OK(aci_run_one(&self->ctx[0], desc_copy(va, check.va, BYTES)));
	EXPECT_EQ(-1, data_check(check.map, BYTES, 3));
	EXPECT_EQ(ACI_JOB_FAULT, aci_run_one(&self->ctx[0], desc_fill(va, BYTES, 0, 1)));
	EXPECT_EQ(-1, data_check(self->host.map, BYTES, 3));
	close(fd);
}

/* The memory is the host's: it goes on without the card that exported it. */
TEST_F(dmabuf_cards, exporter_goes_away)
{
	int fd = aci_bo_export(self->ctx[1].fd, self->host.handle, DRM_RDWR);
	struct aci_card where;
	__u64 va;
	void *map;

	ASSERT_LE(0, fd);
	ASSERT_OK(import_bind(&self->ctx[0], fd, BYTES, 0, &va));
	ASSERT_OK(unbind(1, &where));
	ASSERT_OK(aci_run_one(&self->ctx[0], desc_fill(va, BYTES, 0x51, 1)));
	map = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	ASSERT_NE(MAP_FAILED, map);
	EXPECT_TRUE(data_is(map, BYTES, 0x51));
	ASSERT_OK(munmap(self->host.map, BYTES));
	aci_ctx_fini(&self->ctx[1]);
	ASSERT_OK(file_write(DRIVER "/bind", where.pci));
	EXPECT_OK(aci_run_one(&self->ctx[0], desc_fill(va, BYTES, 0x52, 1)));
	EXPECT_TRUE(data_is(map, BYTES, 0x52));
	ASSERT_OK(munmap(map, BYTES));
	close(fd);
}

TEST_HARNESS_MAIN
