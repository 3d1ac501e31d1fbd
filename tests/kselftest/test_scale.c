// SPDX-License-Identifier: GPL-2.0
/*
 * Many of everything: cards, VMs, queues, mappings, BOs.
 *
 * For a guest of its own, with cards that have the VMs and queues for it: see
 * tests/vm/suites. What it costs is a matter of the benchmarks.
 */
#include "aci_harness.h"

enum { CARDS = 8, VMS = 1000, QUEUES = 1024, MAPPINGS = 100000, BOS = 10000, OPS = 1000 };

static int bind_ops(struct aci_ctx *ctx, struct drm_aci_bind_op *ops, __u32 count)
{
	struct drm_aci_vm_bind args = {
		.vm_id = ctx->vm,
		.ops = { .stride = sizeof(*ops), .count = count, .ptr = USER_PTR(ops) },
	};
	int err = aci_ioctl(ctx->fd, DRM_IOCTL_ACI_VM_BIND, &args);

	return !err && args.done != count ? -EPROTO : err;
}

/* All cards are there, and work at the same time. */
TEST(cards)
{
	struct aci_ctx ctx[CARDS];
	struct aci_buf buf[CARDS];
	__u32 out[CARDS];
	unsigned int i, count = aci_card_count();

	ASSERT_EQ(CARDS, count);
	for (i = 0; i < count; i++) {
		ASSERT_OK(aci_ctx_init(&ctx[i], i, ACI_ENGINE_CLASS_COPY, 0));
		ASSERT_OK(aci_buf_init(&ctx[i], &buf[i], MIB(1), DRM_ACI_PLACEMENT_HOST, 0));
	}
	for (i = 0; i < count; i++) {
		struct aci_desc desc = desc_fill(buf[i].va, MIB(1), i + 1, 1);

		ASSERT_OK(aci_submit_out(ctx[i].fd, ctx[i].queue, &desc, 1, &out[i]));
	}
	for (i = 0; i < count; i++) {
		EXPECT_OK(aci_sync_result(ctx[i].fd, out[i], 0));
		EXPECT_TRUE(data_is(buf[i].map, MIB(1), i + 1));
		aci_ctx_fini(&ctx[i]);
	}
}

FIXTURE_CTX(scale, ACI_ENGINE_CLASS_COPY);

/* Each has its own memory at the same address. */
TEST_F(scale, vms)
{
	static __u32 vms[VMS];
	__u64 va = aci_ctx_take_va(&self->ctx, KIB(4));
	__u32 handle, queue;
	__u64 *map;
	unsigned int i;
	void *p;

	ASSERT_LE(VMS, aci_device_state(self->ctx.fd).vms_max);
	ASSERT_OK(aci_bo_create(self->ctx.fd, KIB(4) * VMS, DRM_ACI_PLACEMENT_HOST, 0, &handle));
	ASSERT_OK(aci_bo_map(self->ctx.fd, handle, KIB(4) * VMS, &p));
	map = p;
	/* The fixture has one. */
	for (i = 1; i < VMS; i++) {
		ASSERT_OK(aci_vm_create(self->ctx.fd, &vms[i]));
		ASSERT_OK(aci_bind(self->ctx.fd, vms[i], handle, KIB(4) * i, va, KIB(4), 0));
	}
	for (i = 1; i < VMS; i += 37) {
		struct aci_desc desc = desc_fill(va, KIB(4), i, 8);

		ASSERT_OK(aci_queue_create(self->ctx.fd, vms[i], ACI_ENGINE_CLASS_COPY, 64, 0,
					   &queue));
		ASSERT_OK(aci_run(self->ctx.fd, queue, &desc, 1));
		ASSERT_OK(aci_queue_destroy(self->ctx.fd, queue));
	}
	for (i = 1; i < VMS; i++)
		ASSERT_EQ(i % 37 == 1 ? i : 0, map[i * KIB(4) / sizeof(*map)]);
	for (i = 1; i < VMS; i++)
		ASSERT_OK(aci_vm_destroy(self->ctx.fd, vms[i]));
	ASSERT_OK(munmap(map, KIB(4) * VMS));
}

TEST_F(scale, queues)
{
	static __u32 queues[QUEUES];
	struct drm_aci_sync out = { .flags = DRM_ACI_SYNC_SIGNAL };
	struct aci_buf buf;
	unsigned int i;
	__u32 extra;

	ASSERT_EQ(QUEUES, aci_device_state(self->ctx.fd).queues_max);
	ASSERT_OK(aci_buf_init(&self->ctx, &buf, QUEUES * 8, DRM_ACI_PLACEMENT_HOST, 0));
	queues[0] = self->ctx.queue;
	for (i = 1; i < QUEUES; i++)
		ASSERT_OK(aci_queue_create(self->ctx.fd, self->ctx.vm, i % 2 ?
					   ACI_ENGINE_CLASS_COMPUTE : ACI_ENGINE_CLASS_COPY, 64, 0,
					   &queues[i]));
	EXPECT_EQ(-ENOSPC, aci_queue_create(self->ctx.fd, self->ctx.vm, ACI_ENGINE_CLASS_COPY, 64,
					    0, &extra));
	for (i = 0; i < QUEUES; i++) {
		struct aci_desc desc = desc_fill(buf.va + i * 8, 8, i + 1, 8);
		int round;

		for (round = 0; round < 4; round++)
			ASSERT_OK(aci_submit(self->ctx.fd, queues[i], &desc, 1, NULL, 0));
	}
	for (i = 0; i < QUEUES; i++) {
		struct aci_desc nop = desc_nop();

		ASSERT_OK(aci_sync_new(self->ctx.fd, &out.handle));
		ASSERT_OK(aci_submit(self->ctx.fd, queues[i], &nop, 1, &out, 1));
		ASSERT_OK(aci_sync_result(self->ctx.fd, out.handle, 0));
		ASSERT_EQ(i + 1, ((__u64 *)buf.map)[i]);
		aci_sync_free(self->ctx.fd, out.handle);
	}
	for (i = 0; i < QUEUES; i++)
		ASSERT_OK(aci_queue_destroy(self->ctx.fd, queues[i]));
}

/* Page @i of a sparse range shows page i % PAGES of a BO. */
TEST_F(scale, mappings)
{
	enum { PAGES = 1024 };
	static struct drm_aci_bind_op ops[OPS];
	struct drm_aci_query_vm vm;
	struct aci_buf buf, seen;
	__u64 va = 1ull << 40;
	unsigned int i, k;
	__u64 seed = 1;

	ASSERT_OK(aci_buf_init(&self->ctx, &buf, KIB(4) * PAGES, DRM_ACI_PLACEMENT_HOST, 0));
	ASSERT_OK(aci_buf_init(&self->ctx, &seen, KIB(4), DRM_ACI_PLACEMENT_HOST, 0));
	for (i = 0; i < PAGES; i++)
		((__u64 *)buf.map)[i * KIB(4) / 8] = i;
	for (i = 0; i < MAPPINGS; i += OPS) {
		for (k = 0; k < OPS; k++)
			ops[k] = (struct drm_aci_bind_op){
				.op = DRM_ACI_BIND_MAP, .handle = buf.handle,
				.offset = KIB(4) * ((i + k) % PAGES),
				.va = va + KIB(8) * (i + k), .size = KIB(4),
			};
		ASSERT_OK(bind_ops(&self->ctx, ops, OPS));
	}
	ASSERT_OK(aci_query(self->ctx.fd, DRM_ACI_QUERY_VM, self->ctx.vm, &vm, sizeof(vm)));
	EXPECT_EQ(buf.bytes + seen.bytes + KIB(4) * MAPPINGS, vm.mapped_bytes);
	for (i = 0; i < 100; i++) {
		k = data_random(&seed) % MAPPINGS;
		ASSERT_OK(aci_run_one(&self->ctx, desc_copy(va + KIB(8) * k, seen.va, 8)));
		ASSERT_EQ(k % PAGES, *(__u64 *)seen.map);
	}
	/* A tenth of them one by one, in random order and some twice, then half at once. */
	for (i = 0; i < MAPPINGS / 10; i += OPS) {
		for (k = 0; k < OPS; k++)
			ops[k] = (struct drm_aci_bind_op){
				.op = DRM_ACI_BIND_UNMAP, .size = KIB(4),
				.va = va + KIB(8) * (data_random(&seed) % MAPPINGS),
			};
		ASSERT_OK(bind_ops(&self->ctx, ops, OPS));
	}
	ASSERT_OK(aci_unbind(self->ctx.fd, self->ctx.vm, va, KIB(8) * MAPPINGS / 2));
	ASSERT_OK(aci_query(self->ctx.fd, DRM_ACI_QUERY_VM, self->ctx.vm, &vm, sizeof(vm)));
	EXPECT_GE(buf.bytes + seen.bytes + KIB(4) * MAPPINGS / 2, vm.mapped_bytes);
	/* The rest goes with the file. */
}

TEST_F(scale, bos)
{
	static __u32 handles[BOS];
	__u64 before = aci_device_state(self->ctx.fd).card_memory_free_bytes;
	__u64 va = aci_ctx_take_va(&self->ctx, KIB(4) * BOS);
	struct aci_buf seen;
	unsigned int i;

	for (i = 0; i < BOS; i++) {
		ASSERT_OK(aci_bo_create(self->ctx.fd, KIB(4), i % 4 ? DRM_ACI_PLACEMENT_HOST :
					DRM_ACI_PLACEMENT_CARD, 0, &handles[i]));
		ASSERT_OK(aci_bind(self->ctx.fd, self->ctx.vm, handles[i], 0, va + KIB(4) * i,
				   KIB(4), 0));
	}
	EXPECT_EQ(before - KIB(4) * BOS / 4, aci_device_state(self->ctx.fd).card_memory_free_bytes);
	ASSERT_OK(aci_buf_init(&self->ctx, &seen, KIB(4) * BOS, DRM_ACI_PLACEMENT_HOST, 0));
	ASSERT_OK(aci_run_one(&self->ctx, desc_fill(va, KIB(4) * BOS, 0x5a, 1)));
	ASSERT_OK(aci_run_one(&self->ctx, desc_copy(va, seen.va, KIB(4) * BOS)));
	EXPECT_TRUE(data_is(seen.map, KIB(4) * BOS, 0x5a));
	for (i = 0; i < BOS; i++)
		ASSERT_OK(aci_bo_close(self->ctx.fd, handles[i]));
	ASSERT_OK(aci_unbind(self->ctx.fd, self->ctx.vm, va, KIB(4) * BOS));
	EXPECT_EQ(before, aci_device_state(self->ctx.fd).card_memory_free_bytes);
}

TEST_HARNESS_MAIN
