// SPDX-License-Identifier: GPL-2.0
/* VM_CREATE, VM_DESTROY, VM_BIND: what maps, what is refused, what faults. */
#include "aci_harness.h"

FIXTURE(bind) {
	struct aci_ctx ctx;
	struct aci_buf host;	/* scratch: the card copies here what it can see */
	__u32 a;		/* two BOs of 4 MiB, not mapped to the VM */
	__u32 b;
	__u8 *map_a;
	__u8 *map_b;
	__u64 va;		/* 16 MiB of free addresses, 2 MiB aligned */
};

FIXTURE_SETUP(bind)
{
	void *map;

	ASSERT_OK(aci_ctx_init(&self->ctx, 0, ACI_ENGINE_CLASS_COPY, 0));
	ASSERT_OK(aci_buf_init(&self->ctx, &self->host, MIB(4), DRM_ACI_PLACEMENT_HOST, 0));
	ASSERT_OK(aci_bo_create(self->ctx.fd, MIB(4), DRM_ACI_PLACEMENT_HOST, 0, &self->a));
	ASSERT_OK(aci_bo_map(self->ctx.fd, self->a, MIB(4), &map));
	self->map_a = map;
	ASSERT_OK(aci_bo_create(self->ctx.fd, MIB(4), DRM_ACI_PLACEMENT_HOST, 0, &self->b));
	ASSERT_OK(aci_bo_map(self->ctx.fd, self->b, MIB(4), &map));
	self->map_b = map;
	memset(self->map_a, 0xaa, MIB(4));
	memset(self->map_b, 0xbb, MIB(4));
	self->va = aci_ctx_take_va(&self->ctx, MIB(16));
}

FIXTURE_TEARDOWN(bind)
{
	aci_ctx_fini(&self->ctx);
}

static int bind_a(FIXTURE_DATA(bind) *self, __u64 offset, __u64 va, __u64 bytes)
{
	return aci_bind(self->ctx.fd, self->ctx.vm, self->a, offset, va, bytes, 0);
}

static int bind_b(FIXTURE_DATA(bind) *self, __u64 offset, __u64 va, __u64 bytes)
{
	return aci_bind(self->ctx.fd, self->ctx.vm, self->b, offset, va, bytes, 0);
}

/* Whether the card reads @value in the whole range. Return: 1, 0, or the job's error. */
static int card_sees(FIXTURE_DATA(bind) *self, __u64 va, __u64 bytes, __u8 value)
{
	int err;

	memset(self->host.map, ~value, bytes);
	err = aci_run_one(&self->ctx, desc_copy(va, self->host.va, bytes));
	return err ? err : data_is(self->host.map, bytes, value);
}

/*
 * The job fails with a page fault, and the queue's state says where. On a
 * queue of its own: queues that fail again and again are banned.
 */
static bool card_faults_at(FIXTURE_DATA(bind) *self, struct aci_desc desc, __u64 va)
{
	struct drm_aci_query_queue state = { 0 };
	__u32 queue;
	int err;

	if (aci_queue_create(self->ctx.fd, self->ctx.vm, ACI_ENGINE_CLASS_COPY, 64, 0, &queue))
		return false;
	err = aci_run(self->ctx.fd, queue, &desc, 1);
	if (aci_query(self->ctx.fd, DRM_ACI_QUERY_QUEUE, queue, &state, sizeof(state)) ||
	    aci_queue_destroy(self->ctx.fd, queue))
		return false;
	return err == ACI_JOB_FAULT && state.error == ACI_STATUS_PAGE_FAULT &&
	       (state.error_info & ~(ACI_TEST_PAGE - 1)) == va &&
	       (state.flags & DRM_ACI_QUEUE_GUILTY);
}

static bool read_faults(FIXTURE_DATA(bind) *self, __u64 va)
{
	return card_faults_at(self, desc_copy(va, self->host.va, KIB(4)), va);
}

TEST_F(bind, map_at_offset)
{
	data_fill(self->map_a, MIB(4), 1);
	ASSERT_OK(bind_a(self, KIB(12), self->va, KIB(8)));
	ASSERT_OK(aci_run_one(&self->ctx, desc_copy(self->va, self->host.va, KIB(8))));
	EXPECT_EQ(0, memcmp(self->host.map, self->map_a + KIB(12), KIB(8)));
	EXPECT_TRUE(read_faults(self, self->va + KIB(8)));
}

TEST_F(bind, map_at_first_and_last_address)
{
	struct drm_aci_query_device device;

	ASSERT_OK(aci_query(self->ctx.fd, DRM_ACI_QUERY_DEVICE, 0, &device, sizeof(device)));
	ASSERT_OK(bind_a(self, 0, device.va_start, KIB(4)));
	EXPECT_EQ(1, card_sees(self, device.va_start, KIB(4), 0xaa));
	ASSERT_OK(bind_b(self, 0, device.va_end - KIB(4), KIB(4)));
	EXPECT_EQ(1, card_sees(self, device.va_end - KIB(4), KIB(4), 0xbb));
}

TEST_F(bind, one_bo_at_two_addresses)
{
	ASSERT_OK(bind_a(self, 0, self->va, KIB(8)));
	ASSERT_OK(bind_a(self, 0, self->va + MIB(8), KIB(8)));
	ASSERT_OK(aci_run_one(&self->ctx, desc_fill(self->va, KIB(8), 0x11, 1)));
	EXPECT_EQ(1, card_sees(self, self->va + MIB(8), KIB(8), 0x11));
}

TEST_F(bind, unmapped_address_faults)
{
	EXPECT_TRUE(read_faults(self, self->va));
	EXPECT_TRUE(card_faults_at(self, desc_fill(self->va, KIB(4), 0, 1), self->va));
}

TEST_F(bind, queue_works_after_fault)
{
	ASSERT_EQ(ACI_JOB_FAULT, card_sees(self, self->va, KIB(4), 0xaa));
	ASSERT_OK(bind_a(self, 0, self->va, KIB(4)));
	EXPECT_EQ(1, card_sees(self, self->va, KIB(4), 0xaa));
}

TEST_F(bind, unmap_whole)
{
	ASSERT_OK(bind_a(self, 0, self->va, MIB(4)));
	ASSERT_EQ(1, card_sees(self, self->va, MIB(4), 0xaa));
	ASSERT_OK(aci_unbind(self->ctx.fd, self->ctx.vm, self->va, MIB(4)));
	EXPECT_TRUE(read_faults(self, self->va));
	EXPECT_TRUE(read_faults(self, self->va + MIB(4) - KIB(4)));
}

TEST_F(bind, unmap_of_nothing)
{
	EXPECT_OK(aci_unbind(self->ctx.fd, self->ctx.vm, self->va, MIB(16)));
}

TEST_F(bind, unmap_of_more_than_mapped)
{
	ASSERT_OK(bind_a(self, 0, self->va + KIB(16), KIB(16)));
	ASSERT_OK(aci_unbind(self->ctx.fd, self->ctx.vm, self->va, MIB(4)));
	EXPECT_TRUE(read_faults(self, self->va + KIB(16)));
}

TEST_F(bind, unmap_middle_splits)
{
	ASSERT_OK(bind_a(self, 0, self->va, KIB(64)));
	ASSERT_OK(aci_unbind(self->ctx.fd, self->ctx.vm, self->va + KIB(16), KIB(32)));
	EXPECT_EQ(1, card_sees(self, self->va, KIB(16), 0xaa));
	EXPECT_TRUE(read_faults(self, self->va + KIB(16)));
	EXPECT_TRUE(read_faults(self, self->va + KIB(44)));
	EXPECT_EQ(1, card_sees(self, self->va + KIB(48), KIB(16), 0xaa));
}

TEST_F(bind, unmap_middle_keeps_offsets)
{
	data_fill(self->map_a, MIB(4), 2);
	ASSERT_OK(bind_a(self, 0, self->va, KIB(64)));
	ASSERT_OK(aci_unbind(self->ctx.fd, self->ctx.vm, self->va + KIB(4), KIB(4)));
	ASSERT_OK(aci_run_one(&self->ctx, desc_copy(self->va + KIB(8), self->host.va, KIB(56))));
	EXPECT_EQ(0, memcmp(self->host.map, self->map_a + KIB(8), KIB(56)));
}

TEST_F(bind, map_replaces_whole)
{
	ASSERT_OK(bind_a(self, 0, self->va, KIB(64)));
	ASSERT_OK(bind_b(self, 0, self->va, KIB(64)));
	EXPECT_EQ(1, card_sees(self, self->va, KIB(64), 0xbb));
}

TEST_F(bind, map_replaces_middle)
{
	ASSERT_OK(bind_a(self, 0, self->va, KIB(64)));
	ASSERT_OK(bind_b(self, KIB(4), self->va + KIB(16), KIB(16)));
	EXPECT_EQ(1, card_sees(self, self->va, KIB(16), 0xaa));
	EXPECT_EQ(1, card_sees(self, self->va + KIB(16), KIB(16), 0xbb));
	EXPECT_EQ(1, card_sees(self, self->va + KIB(32), KIB(32), 0xaa));
}

TEST_F(bind, map_replaces_several)
{
	ASSERT_OK(bind_a(self, 0, self->va, KIB(16)));
	ASSERT_OK(bind_a(self, 0, self->va + KIB(32), KIB(16)));
	ASSERT_OK(bind_b(self, 0, self->va + KIB(8), KIB(32)));
	EXPECT_EQ(1, card_sees(self, self->va, KIB(8), 0xaa));
	EXPECT_EQ(1, card_sees(self, self->va + KIB(8), KIB(32), 0xbb));
	EXPECT_EQ(1, card_sees(self, self->va + KIB(40), KIB(8), 0xaa));
}

TEST_F(bind, large_leaf_split_by_unmap)
{
	__u32 card;

	ASSERT_OK(aci_bo_create(self->ctx.fd, MIB(4), DRM_ACI_PLACEMENT_CARD, 0, &card));
	ASSERT_OK(aci_bind(self->ctx.fd, self->ctx.vm, card, 0, self->va, MIB(4), 0));
	ASSERT_OK(aci_run_one(&self->ctx, desc_fill(self->va, MIB(4), 0xcc, 1)));
	ASSERT_OK(aci_unbind(self->ctx.fd, self->ctx.vm, self->va + MIB(1), KIB(4)));
	EXPECT_EQ(1, card_sees(self, self->va, MIB(1), 0xcc));
	EXPECT_TRUE(read_faults(self, self->va + MIB(1)));
	EXPECT_EQ(1, card_sees(self, self->va + MIB(1) + KIB(4), MIB(3) - KIB(4), 0xcc));
	/* A hole that is filled again shows the other memory, its surroundings the old. */
	ASSERT_OK(bind_b(self, 0, self->va + MIB(1), KIB(4)));
	EXPECT_EQ(1, card_sees(self, self->va + MIB(1), KIB(4), 0xbb));
	EXPECT_EQ(1, card_sees(self, self->va + MIB(1) + KIB(4), KIB(4), 0xcc));
}

TEST_F(bind, small_leaves_replaced_by_large)
{
	__u32 card;

	ASSERT_OK(bind_a(self, 0, self->va, MIB(2)));
	ASSERT_EQ(1, card_sees(self, self->va, MIB(2), 0xaa));
	ASSERT_OK(aci_bo_create(self->ctx.fd, MIB(2), DRM_ACI_PLACEMENT_CARD, 0, &card));
	ASSERT_OK(aci_bind(self->ctx.fd, self->ctx.vm, card, 0, self->va, MIB(2), 0));
	EXPECT_EQ(1, card_sees(self, self->va, MIB(2), 0));
	EXPECT_TRUE(data_is(self->map_a, MIB(2), 0xaa));
}

TEST_F(bind, large_but_misaligned)
{
	ASSERT_OK(bind_a(self, KIB(4), self->va + KIB(8), MIB(4) - KIB(4)));
	EXPECT_EQ(1, card_sees(self, self->va + KIB(8), MIB(4) - KIB(4), 0xaa));
	EXPECT_TRUE(read_faults(self, self->va + KIB(4)));
	EXPECT_TRUE(read_faults(self, self->va + MIB(4) + KIB(4)));
}

TEST_F(bind, readonly_can_be_read)
{
	ASSERT_OK(aci_bind(self->ctx.fd, self->ctx.vm, self->a, 0, self->va, KIB(64),
			   DRM_ACI_BIND_READONLY));
	EXPECT_EQ(1, card_sees(self, self->va, KIB(64), 0xaa));
}

TEST_F(bind, readonly_write_faults)
{
	ASSERT_OK(aci_bind(self->ctx.fd, self->ctx.vm, self->a, 0, self->va, KIB(64),
			   DRM_ACI_BIND_READONLY));
	EXPECT_TRUE(card_faults_at(self, desc_fill(self->va, KIB(4), 0, 1), self->va));
	EXPECT_TRUE(card_faults_at(self, desc_copy(self->host.va, self->va + KIB(8), KIB(4)),
				   self->va + KIB(8)));
	EXPECT_TRUE(data_is(self->map_a, KIB(64), 0xaa));
}

TEST_F(bind, readonly_survives_split)
{
	ASSERT_OK(aci_bind(self->ctx.fd, self->ctx.vm, self->a, 0, self->va, KIB(64),
			   DRM_ACI_BIND_READONLY));
	ASSERT_OK(aci_unbind(self->ctx.fd, self->ctx.vm, self->va + KIB(16), KIB(4)));
	EXPECT_TRUE(card_faults_at(self, desc_fill(self->va + KIB(20), KIB(4), 0, 1),
				   self->va + KIB(20)));
	EXPECT_TRUE(data_is(self->map_a, KIB(64), 0xaa));
}

/* After unmap returns, no job reaches the memory, whatever the card cached. */
TEST_F(bind, no_access_after_unmap)
{
	int round;

	for (round = 0; round < 50; round++) {
		ASSERT_OK(bind_a(self, 0, self->va, KIB(64)));
		ASSERT_OK(aci_run_one(&self->ctx, desc_fill(self->va, KIB(64), 0x11, 1)));
		ASSERT_OK(aci_unbind(self->ctx.fd, self->ctx.vm, self->va, KIB(64)));
		memset(self->map_a, 0xaa, KIB(64));
		ASSERT_OK(bind_b(self, 0, self->va, KIB(64)));
		ASSERT_OK(aci_run_one(&self->ctx, desc_fill(self->va, KIB(64), 0x22, 1)));
		ASSERT_TRUE(data_is(self->map_a, KIB(64), 0xaa));
		ASSERT_TRUE(data_is(self->map_b, KIB(64), 0x22));
		ASSERT_OK(aci_unbind(self->ctx.fd, self->ctx.vm, self->va, KIB(64)));
	}
	EXPECT_TRUE(card_faults_at(self, desc_fill(self->va, KIB(64), 0x33, 1), self->va));
	EXPECT_TRUE(data_is(self->map_a, KIB(64), 0xaa));
	EXPECT_TRUE(data_is(self->map_b, KIB(64), 0x22));
}

/* A job in flight meets its memory unmapped: it ends, with a fault or before it. */
TEST_F(bind, unmap_under_running_job)
{
	struct aci_desc descs[ACI_CTX_RING_ENTRIES];
	unsigned int i;
	__u32 out;
	int err;

	for (i = 0; i < ARRAY_SIZE(descs); i++)
		descs[i] = desc_fill(self->va, MIB(4), 0x4444444444444444ull, 8);
	ASSERT_OK(bind_a(self, 0, self->va, MIB(4)));
	ASSERT_OK(aci_submit_out(self->ctx.fd, self->ctx.queue, descs, ARRAY_SIZE(descs), &out));
	ASSERT_OK(aci_unbind(self->ctx.fd, self->ctx.vm, self->va, MIB(4)));
	memset(self->map_a, 0x55, MIB(4));
	err = aci_sync_result(self->ctx.fd, out, 0);
	EXPECT_TRUE(err == 0 || err == ACI_JOB_FAULT);
	EXPECT_TRUE(data_is(self->map_a, MIB(4), 0x55));
}

TEST_F(bind, closed_bo_stays_mapped)
{
	struct drm_aci_query_vm vm;

	ASSERT_OK(bind_a(self, 0, self->va, KIB(64)));
	ASSERT_OK(aci_bo_close(self->ctx.fd, self->a));
	EXPECT_EQ(1, card_sees(self, self->va, KIB(64), 0xaa));
	ASSERT_OK(aci_unbind(self->ctx.fd, self->ctx.vm, self->va, KIB(64)));
	EXPECT_TRUE(read_faults(self, self->va));
	ASSERT_OK(aci_query(self->ctx.fd, DRM_ACI_QUERY_VM, self->ctx.vm, &vm, sizeof(vm)));
	EXPECT_EQ(self->host.bytes, vm.mapped_bytes);
}

TEST_F(bind, closed_card_bo_freed_by_unmap)
{
	struct drm_aci_query_device before, after;
	__u32 card;

	ASSERT_OK(aci_query(self->ctx.fd, DRM_ACI_QUERY_DEVICE, 0, &before, sizeof(before)));
	ASSERT_OK(aci_bo_create(self->ctx.fd, MIB(4), DRM_ACI_PLACEMENT_CARD, 0, &card));
	ASSERT_OK(aci_bind(self->ctx.fd, self->ctx.vm, card, 0, self->va, MIB(4), 0));
	ASSERT_OK(aci_bo_close(self->ctx.fd, card));
	ASSERT_OK(aci_query(self->ctx.fd, DRM_ACI_QUERY_DEVICE, 0, &after, sizeof(after)));
	EXPECT_EQ(before.card_memory_free_bytes - MIB(4), after.card_memory_free_bytes);
	ASSERT_OK(aci_unbind(self->ctx.fd, self->ctx.vm, self->va, MIB(4)));
	ASSERT_OK(aci_query(self->ctx.fd, DRM_ACI_QUERY_DEVICE, 0, &after, sizeof(after)));
	EXPECT_EQ(before.card_memory_free_bytes, after.card_memory_free_bytes);
}

TEST_F(bind, vms_are_separate)
{
	__u32 vm, queue;
	struct aci_desc desc;

	ASSERT_OK(aci_vm_create(self->ctx.fd, &vm));
	ASSERT_NE(self->ctx.vm, vm);
	ASSERT_OK(aci_queue_create(self->ctx.fd, vm, ACI_ENGINE_CLASS_COPY, 64, 0, &queue));
	ASSERT_OK(aci_bind(self->ctx.fd, vm, self->b, 0, self->va, KIB(64), 0));
	ASSERT_OK(bind_a(self, 0, self->va, KIB(64)));
	desc = desc_fill(self->va, KIB(64), 0x77, 1);
	ASSERT_OK(aci_run(self->ctx.fd, queue, &desc, 1));
	EXPECT_TRUE(data_is(self->map_b, KIB(64), 0x77));
	EXPECT_TRUE(data_is(self->map_a, KIB(64), 0xaa));
	desc = desc_fill(self->host.va, KIB(4), 0, 1);
	EXPECT_EQ(ACI_JOB_FAULT, aci_run(self->ctx.fd, queue, &desc, 1));
}

TEST_F(bind, vm_destroy_busy_then_fine)
{
	EXPECT_EQ(-EBUSY, aci_vm_destroy(self->ctx.fd, self->ctx.vm));
	EXPECT_OK(aci_run_one(&self->ctx, desc_nop()));
	ASSERT_OK(aci_queue_destroy(self->ctx.fd, self->ctx.queue));
	EXPECT_OK(aci_vm_destroy(self->ctx.fd, self->ctx.vm));
	EXPECT_EQ(-ENOENT, aci_vm_destroy(self->ctx.fd, self->ctx.vm));
	EXPECT_EQ(-ENOENT, bind_a(self, 0, self->va, KIB(4)));
}

/* Arrays of operations. */
static int bind_array(FIXTURE_DATA(bind) *self, struct drm_aci_bind_op *ops, __u32 count,
		      __u32 *done)
{
	struct drm_aci_vm_bind bind = {
		.vm_id = self->ctx.vm,
		.ops = { .stride = sizeof(*ops), .count = count, .ptr = USER_PTR(ops) },
		.done = 0xdead,
	};
	int err = aci_ioctl(self->ctx.fd, DRM_IOCTL_ACI_VM_BIND, &bind);

	*done = bind.done;
	return err;
}

TEST_F(bind, operations_run_in_order)
{
	struct drm_aci_bind_op ops[] = {
		{ .op = DRM_ACI_BIND_MAP, .handle = self->a, .va = self->va, .size = KIB(64) },
		{ .op = DRM_ACI_BIND_MAP, .handle = self->b, .va = self->va + KIB(32),
		  .size = KIB(16) },
		{ .op = DRM_ACI_BIND_UNMAP, .va = self->va + KIB(40), .size = KIB(4) },
	};
	__u32 done;

	ASSERT_OK(bind_array(self, ops, 3, &done));
	EXPECT_EQ(3, done);
	EXPECT_EQ(1, card_sees(self, self->va, KIB(32), 0xaa));
	EXPECT_EQ(1, card_sees(self, self->va + KIB(32), KIB(8), 0xbb));
	EXPECT_TRUE(read_faults(self, self->va + KIB(40)));
	EXPECT_EQ(1, card_sees(self, self->va + KIB(44), KIB(4), 0xbb));
}

TEST_F(bind, failure_in_the_middle)
{
	struct drm_aci_bind_op ops[] = {
		{ .op = DRM_ACI_BIND_MAP, .handle = self->a, .va = self->va, .size = KIB(4) },
		{ .op = DRM_ACI_BIND_MAP, .handle = self->a, .va = self->va + MIB(2),
		  .size = KIB(4) },
		{ .op = DRM_ACI_BIND_MAP, .handle = 0x7ffffff, .va = self->va + MIB(4),
		  .size = KIB(4) },
		{ .op = DRM_ACI_BIND_MAP, .handle = self->a, .va = self->va + MIB(6),
		  .size = KIB(4) },
	};
	__u32 done;

	EXPECT_EQ(-ENOENT, bind_array(self, ops, 4, &done));
	EXPECT_EQ(2, done);
	EXPECT_EQ(1, card_sees(self, self->va, KIB(4), 0xaa));
	EXPECT_EQ(1, card_sees(self, self->va + MIB(2), KIB(4), 0xaa));
	EXPECT_TRUE(read_faults(self, self->va + MIB(4)));
	EXPECT_TRUE(read_faults(self, self->va + MIB(6)));
}

TEST_F(bind, many_operations)
{
	static struct drm_aci_bind_op ops[1024];
	unsigned int i;
	__u32 done;

	/* Reversed pages: physically scattered. */
	for (i = 0; i < 1024; i++)
		ops[i] = (struct drm_aci_bind_op){
			.op = DRM_ACI_BIND_MAP, .handle = self->a,
			.offset = KIB(4) * (1023 - i), .va = self->va + KIB(4) * i,
			.size = KIB(4),
		};
	data_fill(self->map_a, MIB(4), 3);
	ASSERT_OK(bind_array(self, ops, 1024, &done));
	ASSERT_EQ(1024, done);
	ASSERT_OK(aci_run_one(&self->ctx, desc_copy(self->va, self->host.va, MIB(4))));
	for (i = 0; i < 1024; i++)
		ASSERT_EQ(0, memcmp((char *)self->host.map + KIB(4) * i,
				    self->map_a + KIB(4) * (1023 - i), KIB(4)));
}

/* The count alone is wrong: what it reaches past the array is not there. */
TEST_F(bind, huge_count)
{
	long page = sysconf(_SC_PAGESIZE);
	char *map = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			 -1, 0);
	struct drm_aci_bind_op *op = (void *)(map + page - sizeof(*op));
	__u32 done;
	int err;

	ASSERT_NE(MAP_FAILED, (void *)map);
	ASSERT_OK(munmap(map + page, page));
	*op = (struct drm_aci_bind_op){
		.op = DRM_ACI_BIND_MAP, .handle = self->a, .va = self->va, .size = KIB(4),
	};
	err = bind_array(self, op, ~0u, &done);
	EXPECT_TRUE(err == -EFAULT || err == -EINVAL || err == -E2BIG);
	ASSERT_GE(1, done);
	if (done) {
		EXPECT_EQ(1, card_sees(self, self->va, KIB(4), 0xaa));
	} else {
		EXPECT_TRUE(read_faults(self, self->va));
	}
}

TEST_F(bind, longer_stride_with_zero_tail)
{
	struct {
		struct drm_aci_bind_op op;
		__u64 tail[3];
	} ops[2] = {
		{ { .op = DRM_ACI_BIND_MAP, .handle = self->a, .va = self->va, .size = KIB(4) } },
		{ { .op = DRM_ACI_BIND_MAP, .handle = self->b, .va = self->va + KIB(4),
		    .size = KIB(4) } },
	};
	struct drm_aci_vm_bind bind = {
		.vm_id = self->ctx.vm,
		.ops = { .stride = sizeof(ops[0]), .count = 2, .ptr = USER_PTR(ops) },
	};

	ASSERT_OK(aci_ioctl(self->ctx.fd, DRM_IOCTL_ACI_VM_BIND, &bind));
	EXPECT_EQ(2, bind.done);
	EXPECT_EQ(1, card_sees(self, self->va, KIB(4), 0xaa));
	EXPECT_EQ(1, card_sees(self, self->va + KIB(4), KIB(4), 0xbb));
}

/* Refusals: a good request with one thing wrong. */
struct bind_request {
	struct drm_aci_vm_bind bind;
	struct {
		struct drm_aci_bind_op op;
		__u64 tail[2];
	} ops[1];
	struct drm_aci_sync sync;
	__u64 va_start;
	__u64 va_end;
	__u32 other_vm;		/* of another file */
	__u32 other_handle;	/* of another file, not valid here */
};

FIXTURE(bind_refuse) {
	struct aci_ctx ctx;
	struct aci_ctx other;
	struct bind_request request;
};

FIXTURE_VARIANT(bind_refuse) {
	void (*spoil)(struct bind_request *request);
	int error;
	int or_error;
};

#define BIND_REFUSE(name, code, ...)							\
	static void bind_spoil_##name(struct bind_request *r) { code; }		\
	FIXTURE_VARIANT_ADD(bind_refuse, name) { bind_spoil_##name, __VA_ARGS__ }

BIND_REFUSE(vm_zero, r->bind.vm_id = 0, -ENOENT);
BIND_REFUSE(vm_unknown, r->bind.vm_id = 0x7fffffff, -ENOENT);
BIND_REFUSE(vm_of_other_file, r->bind.vm_id = r->other_vm, -ENOENT);
BIND_REFUSE(flags, r->bind.flags = 2, -EINVAL);
BIND_REFUSE(flags_highest, r->bind.flags = 1u << 31, -EINVAL);
BIND_REFUSE(pad, r->bind.pad = 1, -EINVAL);
BIND_REFUSE(syncs, r->bind.syncs.stride = sizeof(r->sync); r->bind.syncs.count = 1;
	    r->bind.syncs.ptr = USER_PTR(&r->sync), -EINVAL);
BIND_REFUSE(ops_bad_pointer, r->bind.ops.ptr = 8, -EFAULT);
BIND_REFUSE(ops_null_pointer, r->bind.ops.ptr = 0, -EFAULT, -EINVAL);
BIND_REFUSE(ops_kernel_pointer, r->bind.ops.ptr = 0xffffffff81000000ull, -EFAULT);
BIND_REFUSE(ops_stride_zero, r->bind.ops.stride = 0, -EINVAL);
BIND_REFUSE(ops_stride_small, r->bind.ops.stride = sizeof(struct drm_aci_bind_op) - 8, -EINVAL);
BIND_REFUSE(ops_stride_large_tail, r->bind.ops.stride = sizeof(r->ops[0]); r->ops[0].tail[1] = 1,
	    -E2BIG);
BIND_REFUSE(ops_stride_huge, r->bind.ops.stride = ~0u, -E2BIG, -EINVAL);
BIND_REFUSE(op_unknown, r->ops[0].op.op = 2, -EINVAL);
BIND_REFUSE(op_flag_unknown, r->ops[0].op.flags = 2, -EINVAL);
BIND_REFUSE(op_pad, r->ops[0].op.pad = 1, -EINVAL);
BIND_REFUSE(handle_zero, r->ops[0].op.handle = 0, -ENOENT);
BIND_REFUSE(handle_unknown, r->ops[0].op.handle = 0x7fffffff, -ENOENT);
BIND_REFUSE(handle_of_other_file, r->ops[0].op.handle = r->other_handle, -ENOENT);
BIND_REFUSE(offset_misaligned, r->ops[0].op.offset = 1, -EINVAL);
BIND_REFUSE(offset_half_page, r->ops[0].op.offset = 2048; r->ops[0].op.size = KIB(4), -EINVAL);
BIND_REFUSE(va_misaligned, r->ops[0].op.va |= 8, -EINVAL);
BIND_REFUSE(size_misaligned, r->ops[0].op.size = KIB(4) + 1, -EINVAL);
BIND_REFUSE(size_zero, r->ops[0].op.size = 0, -EINVAL);
BIND_REFUSE(size_past_bo, r->ops[0].op.size += KIB(4), -EINVAL);
BIND_REFUSE(offset_past_bo, r->ops[0].op.offset = KIB(64), -EINVAL);
BIND_REFUSE(offset_overflow, r->ops[0].op.offset = ~0ull & ~0xfffull, -EINVAL);
BIND_REFUSE(size_overflow, r->ops[0].op.size = ~0ull & ~0xfffull, -EINVAL);
BIND_REFUSE(va_overflow, r->ops[0].op.va = ~0ull & ~0xfffull, -EINVAL);
BIND_REFUSE(va_past_end, r->ops[0].op.va = r->va_end, -EINVAL);
BIND_REFUSE(va_crosses_end, r->ops[0].op.va = r->va_end - KIB(4), -EINVAL);
BIND_REFUSE(va_before_start, r->ops[0].op.va = r->va_start - KIB(4), -EINVAL);
BIND_REFUSE(unmap_with_handle, r->ops[0].op.op = DRM_ACI_BIND_UNMAP, -EINVAL);
BIND_REFUSE(unmap_with_offset, r->ops[0].op.op = DRM_ACI_BIND_UNMAP; r->ops[0].op.handle = 0;
	    r->ops[0].op.offset = KIB(4), -EINVAL);
BIND_REFUSE(unmap_with_readonly, r->ops[0].op.op = DRM_ACI_BIND_UNMAP; r->ops[0].op.handle = 0;
	    r->ops[0].op.flags = DRM_ACI_BIND_READONLY, -EINVAL);
BIND_REFUSE(unmap_misaligned, r->ops[0].op.op = DRM_ACI_BIND_UNMAP; r->ops[0].op.handle = 0;
	    r->ops[0].op.va += 1, -EINVAL);
BIND_REFUSE(unmap_size_zero, r->ops[0].op.op = DRM_ACI_BIND_UNMAP; r->ops[0].op.handle = 0;
	    r->ops[0].op.size = 0, -EINVAL);
BIND_REFUSE(unmap_overflow, r->ops[0].op.op = DRM_ACI_BIND_UNMAP; r->ops[0].op.handle = 0;
	    r->ops[0].op.size = ~0ull & ~0xfffull, -EINVAL);
BIND_REFUSE(unmap_crosses_end, r->ops[0].op.op = DRM_ACI_BIND_UNMAP; r->ops[0].op.handle = 0;
	    r->ops[0].op.va = r->va_end - KIB(4), -EINVAL);

FIXTURE_SETUP(bind_refuse)
{
	struct bind_request *request = &self->request;
	struct drm_aci_query_device device;
	__u32 handle, i;

	ASSERT_OK(aci_ctx_init(&self->ctx, 0, ACI_ENGINE_CLASS_COPY, 0));
	ASSERT_OK(aci_ctx_init(&self->other, 0, ACI_ENGINE_CLASS_COPY, 0));
	ASSERT_OK(aci_query(self->ctx.fd, DRM_ACI_QUERY_DEVICE, 0, &device, sizeof(device)));
	request->va_start = device.va_start;
	request->va_end = device.va_end;
	/* An id that exists in the other file and not in this one. */
	for (i = 0; i < 3; i++) {
		ASSERT_OK(aci_vm_create(self->other.fd, &request->other_vm));
		ASSERT_OK(aci_bo_create(self->other.fd, KIB(64), DRM_ACI_PLACEMENT_HOST, 0,
					&request->other_handle));
	}
	ASSERT_NE(self->ctx.vm, request->other_vm);
	ASSERT_OK(aci_bo_create(self->ctx.fd, KIB(64), DRM_ACI_PLACEMENT_HOST, 0, &handle));
	ASSERT_NE(handle, request->other_handle);
	request->ops[0].op = (struct drm_aci_bind_op){
		.op = DRM_ACI_BIND_MAP, .handle = handle, .size = KIB(64),
		.va = aci_ctx_take_va(&self->ctx, KIB(64)),
	};
	request->bind = (struct drm_aci_vm_bind){
		.vm_id = self->ctx.vm,
		.ops = { .stride = sizeof(struct drm_aci_bind_op), .count = 1,
			 .ptr = USER_PTR(request->ops) },
	};
}

FIXTURE_TEARDOWN(bind_refuse)
{
	aci_ctx_fini(&self->ctx);
	aci_ctx_fini(&self->other);
}

TEST_F(bind_refuse, refused)
{
	struct bind_request good = self->request;
	struct drm_aci_query_vm vm;
	int err;

	variant->spoil(&self->request);
	self->request.bind.done = 0;
	err = aci_ioctl(self->ctx.fd, DRM_IOCTL_ACI_VM_BIND, &self->request.bind);
	if (variant->or_error && err == variant->or_error)
		err = variant->error;
	EXPECT_EQ(variant->error, err);
	EXPECT_EQ(0, self->request.bind.done);
	ASSERT_OK(aci_query(self->ctx.fd, DRM_ACI_QUERY_VM, self->ctx.vm, &vm, sizeof(vm)));
	EXPECT_EQ(0, vm.mapped_bytes);
	/* It was only the spoilt field. */
	good.bind.ops.ptr = USER_PTR(good.ops);
	EXPECT_OK(aci_ioctl(self->ctx.fd, DRM_IOCTL_ACI_VM_BIND, &good.bind));
}

TEST_F(bind, vm_create_refusals)
{
	struct drm_aci_vm_create create = { .mode = 2 };

	EXPECT_EQ(-EINVAL, aci_ioctl(self->ctx.fd, DRM_IOCTL_ACI_VM_CREATE, &create));
	create = (struct drm_aci_vm_create){ .flags = 1 };
	EXPECT_EQ(-EINVAL, aci_ioctl(self->ctx.fd, DRM_IOCTL_ACI_VM_CREATE, &create));
	create = (struct drm_aci_vm_create){ .pad = 1 };
	EXPECT_EQ(-EINVAL, aci_ioctl(self->ctx.fd, DRM_IOCTL_ACI_VM_CREATE, &create));
}

TEST_F(bind, vm_destroy_refusals)
{
	struct drm_aci_vm_destroy destroy = { .vm_id = 0 };
	__u32 vm;

	EXPECT_EQ(-ENOENT, aci_ioctl(self->ctx.fd, DRM_IOCTL_ACI_VM_DESTROY, &destroy));
	destroy.vm_id = 0x7fffffff;
	EXPECT_EQ(-ENOENT, aci_ioctl(self->ctx.fd, DRM_IOCTL_ACI_VM_DESTROY, &destroy));
	ASSERT_OK(aci_vm_create(self->ctx.fd, &vm));
	destroy = (struct drm_aci_vm_destroy){ .vm_id = vm, .pad = 1 };
	EXPECT_EQ(-EINVAL, aci_ioctl(self->ctx.fd, DRM_IOCTL_ACI_VM_DESTROY, &destroy));
	EXPECT_OK(aci_vm_destroy(self->ctx.fd, vm));
}

/* VM ids are a resource of the card: they run out with an error and come back. */
TEST_F(bind, vms_run_out_and_come_back)
{
	struct drm_aci_query_device device;
	__u32 vm, last = 0, count = 0;
	int err = 0;

	ASSERT_OK(aci_query(self->ctx.fd, DRM_ACI_QUERY_DEVICE, 0, &device, sizeof(device)));
	while (count <= device.vms_max && !(err = aci_vm_create(self->ctx.fd, &vm))) {
		last = vm;
		count++;
	}
	EXPECT_EQ(device.vms_max - 1, count);
	EXPECT_EQ(-ENOSPC, err);
	if (last) {
		EXPECT_OK(aci_vm_destroy(self->ctx.fd, last));
		EXPECT_OK(aci_vm_create(self->ctx.fd, &vm));
	}
}

TEST_HARNESS_MAIN
