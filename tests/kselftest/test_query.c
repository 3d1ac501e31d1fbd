// SPDX-License-Identifier: GPL-2.0
/* DRM_IOCTL_ACI_QUERY: facts, sizes, refusals; DRM_IOCTL_VERSION. */
#include <aci/aci_tcs.h>

#include "aci_harness.h"

FIXTURE_CTX(query, ACI_ENGINE_CLASS_COPY)

TEST_F(query, version)
{
	char name[16] = "";
	struct drm_version version = { .name = name, .name_len = sizeof(name) - 1 };

	ASSERT_OK(aci_ioctl(self->ctx.fd, DRM_IOCTL_VERSION, &version));
	EXPECT_STREQ("aci", name);
	EXPECT_EQ(DRM_ACI_DRIVER_MAJOR, version.version_major);
	EXPECT_LE(DRM_ACI_DRIVER_MINOR, version.version_minor);
}

TEST_F(query, device)
{
	struct drm_aci_query_device device;

	memset(&device, 0xa5, sizeof(device));
	ASSERT_OK(aci_query(self->ctx.fd, DRM_ACI_QUERY_DEVICE, 0, &device, sizeof(device)));
	EXPECT_EQ(0, device.flags & DRM_ACI_DEVICE_WEDGED);
	EXPECT_EQ(ACI_VERSION_MAJOR, device.aci_version >> 16);
	EXPECT_LT(0, device.timestamp_hz);
	EXPECT_LE(device.card_memory_free_bytes, device.card_memory_bytes);
	EXPECT_LE(device.aperture_bytes, device.card_memory_bytes);
	EXPECT_EQ(0, device.card_memory_bytes % ACI_TEST_PAGE);
	EXPECT_LT(device.va_start, device.va_end);
	EXPECT_LE(device.va_end, 1ull << 48);
	EXPECT_LE(1, device.engine_classes);
	EXPECT_LE(1, device.priorities);
	EXPECT_LE(64, device.ring_entries_max);
	EXPECT_EQ(0, device.ring_entries_max & (device.ring_entries_max - 1));
	EXPECT_LE(1, device.queues_max);
	EXPECT_LE(1, device.vms_max);
	EXPECT_EQ(0, device.pad);
}

TEST_F(query, identify_card)
{
	struct aci_identify_card card;

	memset(&card, 0xa5, sizeof(card));
	ASSERT_OK(aci_query(self->ctx.fd, DRM_ACI_QUERY_IDENTIFY_CARD, 0, &card, sizeof(card)));
	EXPECT_NE(0, card.serial[0]);
	EXPECT_NE(0, card.model[0]);
	EXPECT_EQ(0, card.serial[sizeof(card.serial) - 1]);
	EXPECT_EQ(0, card.reserved1[486]);
}

TEST_F(query, identify_engines)
{
	struct drm_aci_query_device device;
	struct aci_identify_engine engine;
	__u32 i;

	ASSERT_OK(aci_query(self->ctx.fd, DRM_ACI_QUERY_DEVICE, 0, &device, sizeof(device)));
	for (i = 0; i < device.engine_classes; i++) {
		ASSERT_OK(aci_query(self->ctx.fd, DRM_ACI_QUERY_IDENTIFY_ENGINE, i, &engine,
				    sizeof(engine)));
		EXPECT_NE(0, engine.name[0]);
		EXPECT_LE(1, engine.count);
		EXPECT_NE(0, engine.opcodes & (1ull << ACI_OP_NOP));
		EXPECT_EQ(i == ACI_ENGINE_CLASS_COMPUTE,
			  !!(engine.opcodes & (1ull << ACI_OP_EXEC)));
	}
}

TEST_F(query, identify_set)
{
	static const __u8 uuid[16] = ACI_TCS_UUID_BYTES;
	struct drm_aci_query_device device;
	struct aci_identify_card card;
	struct aci_identify_set set;
	bool found = false;
	__u32 i;

	ASSERT_OK(aci_query(self->ctx.fd, DRM_ACI_QUERY_DEVICE, 0, &device, sizeof(device)));
	ASSERT_OK(aci_query(self->ctx.fd, DRM_ACI_QUERY_IDENTIFY_CARD, 0, &card, sizeof(card)));
	for (i = 0; i < card.set_count; i++) {
		ASSERT_OK(aci_query(self->ctx.fd, DRM_ACI_QUERY_IDENTIFY_SET, i, &set,
				    sizeof(set)));
		found |= !memcmp(set.uuid, uuid, sizeof(uuid));
		EXPECT_LE(set.op_count, ACI_IDENTIFY_SET_OPS);
	}
	EXPECT_EQ(!!(device.cap & ACI_CAP_TCS), found);
}

TEST_F(query, queue_of_new_queue)
{
	struct drm_aci_query_queue queue;

	memset(&queue, 0xa5, sizeof(queue));
	ASSERT_OK(aci_query(self->ctx.fd, DRM_ACI_QUERY_QUEUE, self->ctx.queue, &queue,
			    sizeof(queue)));
	EXPECT_EQ(0, queue.flags);
	EXPECT_EQ(ACI_QUEUE_STATE_RUNNING, queue.state);
	EXPECT_EQ(0, queue.submitted);
	EXPECT_EQ(0, queue.completed);
	EXPECT_EQ(0, queue.error);
	EXPECT_EQ(0, queue.error_count);
	EXPECT_EQ(0, queue.jobs_completed);
}

TEST_F(query, queue_counts_jobs)
{
	struct aci_desc descs[3] = { desc_nop(), desc_nop(), desc_nop() };
	struct drm_aci_query_queue queue;

	ASSERT_OK(aci_run(self->ctx.fd, self->ctx.queue, descs, 3));
	ASSERT_OK(aci_run(self->ctx.fd, self->ctx.queue, descs, 2));
	ASSERT_OK(aci_query(self->ctx.fd, DRM_ACI_QUERY_QUEUE, self->ctx.queue, &queue,
			    sizeof(queue)));
	EXPECT_EQ(5, queue.submitted);
	EXPECT_EQ(5, queue.completed);
	EXPECT_EQ(2, queue.jobs_completed);
	EXPECT_EQ(0, queue.error_count);
}

TEST_F(query, vm_counts_mappings)
{
	struct drm_aci_query_device device;
	struct drm_aci_query_vm vm;
	struct aci_buf buf;

	memset(&vm, 0xa5, sizeof(vm));
	ASSERT_OK(aci_query(self->ctx.fd, DRM_ACI_QUERY_DEVICE, 0, &device, sizeof(device)));
	ASSERT_OK(aci_query(self->ctx.fd, DRM_ACI_QUERY_VM, self->ctx.vm, &vm, sizeof(vm)));
	EXPECT_EQ(0, vm.flags);
	EXPECT_EQ(0, vm.pad);
	EXPECT_EQ(0, vm.mapped_bytes);
	EXPECT_EQ(device.reset_generation, vm.reset_generation);

	ASSERT_OK(aci_buf_init(&self->ctx, &buf, KIB(64), DRM_ACI_PLACEMENT_HOST, 0));
	ASSERT_OK(aci_query(self->ctx.fd, DRM_ACI_QUERY_VM, self->ctx.vm, &vm, sizeof(vm)));
	EXPECT_EQ(KIB(64), vm.mapped_bytes);
	ASSERT_OK(aci_unbind(self->ctx.fd, self->ctx.vm, buf.va + KIB(4), KIB(8)));
	ASSERT_OK(aci_query(self->ctx.fd, DRM_ACI_QUERY_VM, self->ctx.vm, &vm, sizeof(vm)));
	EXPECT_EQ(KIB(56), vm.mapped_bytes);
}

/* Sizes: one variant per type. */
FIXTURE(query_size) {
	struct aci_ctx ctx;
};

FIXTURE_VARIANT(query_size) {
	__u32 type;
	__u32 bytes;
};

FIXTURE_VARIANT_ADD(query_size, device) {
	DRM_ACI_QUERY_DEVICE, sizeof(struct drm_aci_query_device)
};
FIXTURE_VARIANT_ADD(query_size, identify_card) {
	DRM_ACI_QUERY_IDENTIFY_CARD, sizeof(struct aci_identify_card)
};
FIXTURE_VARIANT_ADD(query_size, identify_engine) {
	DRM_ACI_QUERY_IDENTIFY_ENGINE, sizeof(struct aci_identify_engine)
};
FIXTURE_VARIANT_ADD(query_size, identify_set) {
	DRM_ACI_QUERY_IDENTIFY_SET, sizeof(struct aci_identify_set)
};
FIXTURE_VARIANT_ADD(query_size, queue) {
	DRM_ACI_QUERY_QUEUE, sizeof(struct drm_aci_query_queue)
};
FIXTURE_VARIANT_ADD(query_size, vm) {
	DRM_ACI_QUERY_VM, sizeof(struct drm_aci_query_vm)
};

FIXTURE_SETUP(query_size)
{
	ASSERT_OK(aci_ctx_init(&self->ctx, 0, ACI_ENGINE_CLASS_COPY, 0));
}

FIXTURE_TEARDOWN(query_size)
{
	aci_ctx_fini(&self->ctx);
}

static struct drm_aci_query size_query(const struct aci_ctx *ctx, __u32 type)
{
	struct drm_aci_query query = { .type = type };

	if (type == DRM_ACI_QUERY_QUEUE)
		query.index = ctx->queue;
	if (type == DRM_ACI_QUERY_VM)
		query.index = ctx->vm;
	return query;
}

TEST_F(query_size, zero_asks_for_size)
{
	struct drm_aci_query query = size_query(&self->ctx, variant->type);

	ASSERT_OK(aci_ioctl(self->ctx.fd, DRM_IOCTL_ACI_QUERY, &query));
	EXPECT_LE(variant->bytes, query.size);
}

TEST_F(query_size, short_buffer_gets_start)
{
	struct drm_aci_query query = size_query(&self->ctx, variant->type);
	__u8 whole[8192], part[16];

	query.size = sizeof(whole);
	query.ptr = USER_PTR(whole);
	ASSERT_OK(aci_ioctl(self->ctx.fd, DRM_IOCTL_ACI_QUERY, &query));
	memset(part, 0xa5, sizeof(part));
	query.size = 8;
	query.ptr = USER_PTR(part);
	ASSERT_OK(aci_ioctl(self->ctx.fd, DRM_IOCTL_ACI_QUERY, &query));
	EXPECT_LE(variant->bytes, query.size);
	EXPECT_EQ(0, memcmp(whole, part, 8));
	EXPECT_TRUE(data_is(part + 8, 8, 0xa5));
}

TEST_F(query_size, long_buffer_gets_zero_tail)
{
	struct drm_aci_query query = size_query(&self->ctx, variant->type);
	__u8 whole[8192 + 16];

	memset(whole, 0xa5, sizeof(whole));
	query.size = 8192;
	query.ptr = USER_PTR(whole);
	ASSERT_OK(aci_ioctl(self->ctx.fd, DRM_IOCTL_ACI_QUERY, &query));
	ASSERT_LE(variant->bytes, query.size);
	ASSERT_LT(query.size, 8192);
	EXPECT_TRUE(data_is(whole + query.size, 8192 - query.size, 0));
	EXPECT_TRUE(data_is(whole + 8192, 16, 0xa5));
}

TEST_F(query_size, bad_pointer)
{
	struct drm_aci_query query = size_query(&self->ctx, variant->type);

	query.size = variant->bytes;
	query.ptr = 8;
	EXPECT_EQ(-EFAULT, aci_ioctl(self->ctx.fd, DRM_IOCTL_ACI_QUERY, &query));
}

/* Refusals. */
FIXTURE(query_refuse) {
	struct aci_ctx ctx;
};

FIXTURE_VARIANT(query_refuse) {
	struct drm_aci_query query;
	int error;
};

FIXTURE_VARIANT_ADD(query_refuse, unknown_type) {
	{ .type = 6 }, -EINVAL
};
FIXTURE_VARIANT_ADD(query_refuse, huge_type) {
	{ .type = ~0u }, -EINVAL
};
FIXTURE_VARIANT_ADD(query_refuse, pad) {
	{ .type = DRM_ACI_QUERY_DEVICE, .pad = 1 }, -EINVAL
};
FIXTURE_VARIANT_ADD(query_refuse, index_of_device) {
	{ .type = DRM_ACI_QUERY_DEVICE, .index = 1 }, -EINVAL
};
FIXTURE_VARIANT_ADD(query_refuse, index_of_card) {
	{ .type = DRM_ACI_QUERY_IDENTIFY_CARD, .index = 1 }, -EINVAL
};
FIXTURE_VARIANT_ADD(query_refuse, queue_zero) {
	{ .type = DRM_ACI_QUERY_QUEUE, .index = 0 }, -ENOENT
};
FIXTURE_VARIANT_ADD(query_refuse, queue_unknown) {
	{ .type = DRM_ACI_QUERY_QUEUE, .index = 0x7fffffff }, -ENOENT
};
FIXTURE_VARIANT_ADD(query_refuse, vm_zero) {
	{ .type = DRM_ACI_QUERY_VM, .index = 0 }, -ENOENT
};
FIXTURE_VARIANT_ADD(query_refuse, vm_unknown) {
	{ .type = DRM_ACI_QUERY_VM, .index = ~0u }, -ENOENT
};
FIXTURE_VARIANT_ADD(query_refuse, engine_unknown) {
	{ .type = DRM_ACI_QUERY_IDENTIFY_ENGINE, .index = 255 }, -ENOENT
};
FIXTURE_VARIANT_ADD(query_refuse, engine_huge) {
	{ .type = DRM_ACI_QUERY_IDENTIFY_ENGINE, .index = ~0u }, -ENOENT
};
FIXTURE_VARIANT_ADD(query_refuse, set_unknown) {
	{ .type = DRM_ACI_QUERY_IDENTIFY_SET, .index = 0x10000 }, -ENOENT
};

FIXTURE_SETUP(query_refuse)
{
	ASSERT_OK(aci_ctx_init(&self->ctx, 0, ACI_ENGINE_CLASS_COPY, 0));
}

FIXTURE_TEARDOWN(query_refuse)
{
	aci_ctx_fini(&self->ctx);
}

TEST_F(query_refuse, refused)
{
	struct drm_aci_query query = variant->query;
	__u8 data[8192];

	query.size = sizeof(data);
	query.ptr = USER_PTR(data);
	memset(data, 0xa5, sizeof(data));
	EXPECT_EQ(variant->error, aci_ioctl(self->ctx.fd, DRM_IOCTL_ACI_QUERY, &query));
	EXPECT_TRUE(data_is(data, sizeof(data), 0xa5));
}

TEST_HARNESS_MAIN
