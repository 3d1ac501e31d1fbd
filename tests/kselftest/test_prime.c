// SPDX-License-Identifier: GPL-2.0
/* Memory shared by dma-buf between files of the card. */
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <sys/ioctl.h>

#include "aci_harness.h"

FIXTURE(prime) {
	struct aci_ctx ctx;
	struct aci_ctx other;
};

FIXTURE_SETUP(prime)
{
	ASSERT_OK(aci_ctx_init(&self->ctx, 0, ACI_ENGINE_CLASS_COPY, 0));
	ASSERT_OK(aci_ctx_init(&self->other, 0, ACI_ENGINE_CLASS_COPY, 0));
}

FIXTURE_TEARDOWN(prime)
{
	aci_ctx_fini(&self->ctx);
	aci_ctx_fini(&self->other);
}

TEST_F(prime, host_memory_between_files)
{
	struct aci_buf buf, check;
	__u32 handle;
	__u64 va;
	int dma_buf;

	ASSERT_OK(aci_buf_init(&self->ctx, &buf, KIB(64), DRM_ACI_PLACEMENT_HOST, 0));
	dma_buf = aci_bo_export(self->ctx.fd, buf.handle, DRM_RDWR);
	ASSERT_LE(0, dma_buf);
	ASSERT_OK(aci_bo_import(self->other.fd, dma_buf, &handle));
	close(dma_buf);
	va = aci_ctx_take_va(&self->other, KIB(64));
	ASSERT_OK(aci_bind(self->other.fd, self->other.vm, handle, 0, va, KIB(64), 0));
	ASSERT_OK(aci_run_one(&self->other, desc_fill(va, KIB(64), 0x71, 1)));
	EXPECT_TRUE(data_is(buf.map, KIB(64), 0x71));

	/* The exporter's file ends, the memory does not. */
	ASSERT_OK(munmap(buf.map, buf.bytes));
	aci_ctx_fini(&self->ctx);
	ASSERT_OK(aci_buf_init(&self->other, &check, KIB(64), DRM_ACI_PLACEMENT_HOST, 0));
	ASSERT_OK(aci_run_one(&self->other, desc_copy(va, check.va, KIB(64))));
	EXPECT_TRUE(data_is(check.map, KIB(64), 0x71));
}

TEST_F(prime, card_memory_between_files)
{
	struct drm_aci_query_device before, after;
	struct aci_buf buf, check;
	__u32 handle;
	__u64 va;
	int dma_buf;

	ASSERT_OK(aci_query(self->other.fd, DRM_ACI_QUERY_DEVICE, 0, &before, sizeof(before)));
	ASSERT_OK(aci_buf_init(&self->ctx, &buf, KIB(64), DRM_ACI_PLACEMENT_CARD, 0));
	ASSERT_OK(aci_run_one(&self->ctx, desc_fill(buf.va, KIB(64), 0x72, 1)));
	dma_buf = aci_bo_export(self->ctx.fd, buf.handle, DRM_RDWR);
	ASSERT_LE(0, dma_buf);
	ASSERT_OK(aci_bo_import(self->other.fd, dma_buf, &handle));
	close(dma_buf);
	aci_ctx_fini(&self->ctx);
	va = aci_ctx_take_va(&self->other, KIB(64));
	ASSERT_OK(aci_bind(self->other.fd, self->other.vm, handle, 0, va, KIB(64), 0));
	ASSERT_OK(aci_buf_init(&self->other, &check, KIB(64), DRM_ACI_PLACEMENT_HOST, 0));
	ASSERT_OK(aci_run_one(&self->other, desc_copy(va, check.va, KIB(64))));
	EXPECT_TRUE(data_is(check.map, KIB(64), 0x72));
	/* The last of the two lets go. */
	ASSERT_OK(aci_unbind(self->other.fd, self->other.vm, va, KIB(64)));
	ASSERT_OK(aci_bo_close(self->other.fd, handle));
	ASSERT_OK(aci_query(self->other.fd, DRM_ACI_QUERY_DEVICE, 0, &after, sizeof(after)));
	EXPECT_EQ(before.card_memory_free_bytes, after.card_memory_free_bytes);
}

/* What has no CPU access does not get it by the dma-buf. */
TEST_F(prime, card_memory_is_not_mapped_through_the_dma_buf)
{
	struct aci_buf buf;
	int dma_buf;

	ASSERT_OK(aci_buf_init(&self->ctx, &buf, KIB(64), DRM_ACI_PLACEMENT_CARD, 0));
	dma_buf = aci_bo_export(self->ctx.fd, buf.handle, DRM_RDWR);
	ASSERT_LE(0, dma_buf);
	EXPECT_EQ(MAP_FAILED, mmap(NULL, KIB(64), PROT_READ, MAP_SHARED, dma_buf, 0));
	close(dma_buf);
}

TEST_F(prime, import_twice_is_one_handle)
{
	__u32 handle, again;
	struct aci_buf buf;
	int dma_buf;

	ASSERT_OK(aci_buf_init(&self->ctx, &buf, KIB(64), DRM_ACI_PLACEMENT_HOST, 0));
	dma_buf = aci_bo_export(self->ctx.fd, buf.handle, DRM_RDWR);
	ASSERT_LE(0, dma_buf);
	ASSERT_OK(aci_bo_import(self->ctx.fd, dma_buf, &again));
	EXPECT_EQ(buf.handle, again);
	ASSERT_OK(aci_bo_import(self->other.fd, dma_buf, &handle));
	ASSERT_OK(aci_bo_import(self->other.fd, dma_buf, &again));
	EXPECT_EQ(handle, again);
	close(dma_buf);
}

TEST_F(prime, import_refusals)
{
	__u32 handle;
	int pipe_fds[2];

	ASSERT_OK(pipe(pipe_fds));
	EXPECT_GT(0, aci_bo_import(self->ctx.fd, -1, &handle));
	EXPECT_GT(0, aci_bo_import(self->ctx.fd, pipe_fds[0], &handle));
	EXPECT_GT(0, aci_bo_export(self->ctx.fd, 0, DRM_RDWR));
	EXPECT_GT(0, aci_bo_export(self->ctx.fd, 0x7fffffff, DRM_RDWR));
}

TEST_HARNESS_MAIN
