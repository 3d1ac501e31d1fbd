// SPDX-License-Identifier: GPL-2.0
/* BO_CREATE, BO_MMAP_OFFSET, mmap: zeroed memory, sizes, full card memory, refusals. */
#include "aci_harness.h"

#define BO_LIST_MAX	4096

FIXTURE_CTX(bo, ACI_ENGINE_CLASS_COPY)

TEST_F(bo, host_memory_is_zero)
{
	struct aci_buf buf;

	ASSERT_OK(aci_buf_init(&self->ctx, &buf, MIB(4), DRM_ACI_PLACEMENT_HOST, 0));
	EXPECT_TRUE(data_is(buf.map, MIB(4), 0));
}

TEST_F(bo, card_memory_is_zero_to_cpu)
{
	struct aci_buf buf;

	ASSERT_OK(aci_buf_init(&self->ctx, &buf, MIB(4), DRM_ACI_PLACEMENT_CARD,
			       DRM_ACI_BO_CPU_ACCESS));
	EXPECT_TRUE(data_is(buf.map, MIB(4), 0));
}

TEST_F(bo, card_memory_is_zero_to_card)
{
	struct aci_buf card, host;

	ASSERT_OK(aci_buf_init(&self->ctx, &card, MIB(4), DRM_ACI_PLACEMENT_CARD, 0));
	ASSERT_OK(aci_buf_init(&self->ctx, &host, MIB(4), DRM_ACI_PLACEMENT_HOST, 0));
	memset(host.map, 0xa5, MIB(4));
	ASSERT_OK(aci_run_one(&self->ctx, desc_copy(card.va, host.va, MIB(4))));
	EXPECT_TRUE(data_is(host.map, MIB(4), 0));
}

TEST_F(bo, size_is_rounded_up)
{
	static const __u64 sizes[] = { 1, 4095, 4096, 4097, 65535, 1048577 };
	struct drm_aci_bo_create create;
	unsigned int i, placement;

	for (placement = DRM_ACI_PLACEMENT_HOST; placement <= DRM_ACI_PLACEMENT_CARD; placement++) {
		for (i = 0; i < ARRAY_SIZE(sizes); i++) {
			create = (struct drm_aci_bo_create){
				.size = sizes[i], .placement = placement,
				.cache = DRM_ACI_CACHE_WRITE_COMBINED,
			};
			ASSERT_OK(aci_ioctl(self->ctx.fd, DRM_IOCTL_ACI_BO_CREATE, &create));
			EXPECT_LE(sizes[i], create.size);
			EXPECT_EQ(0, create.size % ACI_TEST_PAGE);
			EXPECT_GT(sizes[i] + ACI_TEST_PAGE, create.size);
			EXPECT_NE(0, create.handle);
			ASSERT_OK(aci_bo_close(self->ctx.fd, create.handle));
		}
	}
}

TEST_F(bo, write_combined_host_works)
{
	struct drm_aci_bo_create create = {
		.size = KIB(64), .placement = DRM_ACI_PLACEMENT_HOST,
		.cache = DRM_ACI_CACHE_WRITE_COMBINED,
	};
	__u64 va = aci_ctx_take_va(&self->ctx, KIB(64));
	void *map;

	ASSERT_OK(aci_ioctl(self->ctx.fd, DRM_IOCTL_ACI_BO_CREATE, &create));
	ASSERT_OK(aci_bo_map(self->ctx.fd, create.handle, KIB(64), &map));
	ASSERT_OK(aci_bind(self->ctx.fd, self->ctx.vm, create.handle, 0, va, KIB(64), 0));
	data_fill(map, KIB(32), 1);
	ASSERT_OK(aci_run_one(&self->ctx, desc_copy(va, va + KIB(32), KIB(32))));
	EXPECT_EQ(-1, data_check((char *)map + KIB(32), KIB(32), 1));
}

TEST_F(bo, cpu_writes_reach_card_memory)
{
	struct aci_buf card, host;

	ASSERT_OK(aci_buf_init(&self->ctx, &card, MIB(1), DRM_ACI_PLACEMENT_CARD,
			       DRM_ACI_BO_CPU_ACCESS));
	ASSERT_OK(aci_buf_init(&self->ctx, &host, MIB(1), DRM_ACI_PLACEMENT_HOST, 0));
	data_fill(card.map, MIB(1), 2);
	ASSERT_OK(aci_run_one(&self->ctx, desc_copy(card.va, host.va, MIB(1))));
	EXPECT_EQ(-1, data_check(host.map, MIB(1), 2));
	data_fill(host.map, MIB(1), 3);
	ASSERT_OK(aci_run_one(&self->ctx, desc_copy(host.va, card.va, MIB(1))));
	EXPECT_EQ(-1, data_check(card.map, MIB(1), 3));
}

TEST_F(bo, mapping_outlives_handle)
{
	__u32 handle;
	void *map;

	ASSERT_OK(aci_bo_create(self->ctx.fd, KIB(64), DRM_ACI_PLACEMENT_CARD,
				DRM_ACI_BO_CPU_ACCESS, &handle));
	ASSERT_OK(aci_bo_map(self->ctx.fd, handle, KIB(64), &map));
	data_fill(map, KIB(64), 4);
	ASSERT_OK(aci_bo_close(self->ctx.fd, handle));
	EXPECT_EQ(-1, data_check(map, KIB(64), 4));
	ASSERT_OK(munmap(map, KIB(64)));
}

TEST_F(bo, mmap_checks_length)
{
	struct drm_aci_bo_mmap_offset request = { 0 };
	void *map;

	ASSERT_OK(aci_bo_create(self->ctx.fd, KIB(16), DRM_ACI_PLACEMENT_HOST, 0,
				&request.handle));
	ASSERT_OK(aci_ioctl(self->ctx.fd, DRM_IOCTL_ACI_BO_MMAP_OFFSET, &request));
	map = mmap(NULL, KIB(20), PROT_READ, MAP_SHARED, self->ctx.fd, (off_t)request.offset);
	EXPECT_EQ(MAP_FAILED, map);
	map = mmap(NULL, KIB(4), PROT_READ, MAP_SHARED, self->ctx.fd, (off_t)request.offset);
	EXPECT_NE(MAP_FAILED, map);
}

TEST_F(bo, mmap_refuses_other_file)
{
	struct drm_aci_bo_mmap_offset request = { 0 };
	int other = aci_open(0);

	ASSERT_LE(0, other);
	ASSERT_OK(aci_bo_create(self->ctx.fd, KIB(16), DRM_ACI_PLACEMENT_HOST, 0,
				&request.handle));
	ASSERT_OK(aci_ioctl(self->ctx.fd, DRM_IOCTL_ACI_BO_MMAP_OFFSET, &request));
	EXPECT_EQ(MAP_FAILED, mmap(NULL, KIB(16), PROT_READ, MAP_SHARED, other,
				   (off_t)request.offset));
	EXPECT_EQ(EACCES, errno);
}

TEST_F(bo, mmap_refuses_without_cpu_access)
{
	struct drm_aci_bo_mmap_offset request = { 0 };

	ASSERT_OK(aci_bo_create(self->ctx.fd, KIB(16), DRM_ACI_PLACEMENT_CARD, 0,
				&request.handle));
	EXPECT_EQ(-EACCES, aci_ioctl(self->ctx.fd, DRM_IOCTL_ACI_BO_MMAP_OFFSET, &request));
}

TEST_F(bo, mmap_refuses_bad_arguments)
{
	struct drm_aci_bo_mmap_offset request = { .handle = 0 };
	__u32 handle;

	EXPECT_EQ(-ENOENT, aci_ioctl(self->ctx.fd, DRM_IOCTL_ACI_BO_MMAP_OFFSET, &request));
	request.handle = 0x7fffffff;
	EXPECT_EQ(-ENOENT, aci_ioctl(self->ctx.fd, DRM_IOCTL_ACI_BO_MMAP_OFFSET, &request));
	ASSERT_OK(aci_bo_create(self->ctx.fd, KIB(4), DRM_ACI_PLACEMENT_HOST, 0, &handle));
	request.handle = handle;
	request.pad = 1;
	EXPECT_EQ(-EINVAL, aci_ioctl(self->ctx.fd, DRM_IOCTL_ACI_BO_MMAP_OFFSET, &request));
	request.pad = 0;
	ASSERT_OK(aci_bo_close(self->ctx.fd, handle));
	EXPECT_EQ(-ENOENT, aci_ioctl(self->ctx.fd, DRM_IOCTL_ACI_BO_MMAP_OFFSET, &request));
}

/* Takes all card memory in ever smaller pieces. Return: number of handles, or the error. */
static int card_take_all(int fd, __u32 *handles, __u64 *taken)
{
	__u64 bytes;
	int count = 0, err;

	*taken = 0;
	for (bytes = MIB(64); bytes >= KIB(4); bytes /= 2) {
		while (count < BO_LIST_MAX) {
			err = aci_bo_create(fd, bytes, DRM_ACI_PLACEMENT_CARD, 0, &handles[count]);
			if (err == -ENOSPC)
				break;
			if (err)
				return err;
			count++;
			*taken += bytes;
		}
	}
	return count;
}

TEST_F(bo, card_memory_full_and_recovered)
{
	__u64 before = aci_card_free_bytes(self->ctx.fd), taken;
	__u32 handles[BO_LIST_MAX], handle;
	int i, count;

	ASSERT_LT(0, before);
	count = card_take_all(self->ctx.fd, handles, &taken);
	ASSERT_LT(0, count);
	ASSERT_GT(BO_LIST_MAX, count);
	EXPECT_EQ(before, taken);
	EXPECT_EQ(0, aci_card_free_bytes(self->ctx.fd));
	EXPECT_EQ(-ENOSPC, aci_bo_create(self->ctx.fd, 1, DRM_ACI_PLACEMENT_CARD, 0, &handle));
	/* Host memory and jobs do not depend on it. */
	EXPECT_OK(aci_bo_create(self->ctx.fd, KIB(4), DRM_ACI_PLACEMENT_HOST, 0, &handle));
	EXPECT_OK(aci_run_one(&self->ctx, desc_nop()));
	for (i = 0; i < count; i++)
		ASSERT_OK(aci_bo_close(self->ctx.fd, handles[i]));
	EXPECT_EQ(before, aci_card_free_bytes(self->ctx.fd));
	EXPECT_OK(aci_bo_create(self->ctx.fd, MIB(1), DRM_ACI_PLACEMENT_CARD, 0, &handle));
}

TEST_F(bo, card_larger_than_memory)
{
	struct drm_aci_query_device device;
	__u32 handle;

	ASSERT_OK(aci_query(self->ctx.fd, DRM_ACI_QUERY_DEVICE, 0, &device, sizeof(device)));
	EXPECT_EQ(-ENOSPC, aci_bo_create(self->ctx.fd, device.card_memory_bytes + 1,
					 DRM_ACI_PLACEMENT_CARD, 0, &handle));
	EXPECT_EQ(device.card_memory_free_bytes, aci_card_free_bytes(self->ctx.fd));
}

/* Runs in a process of its own: all memory of the card gets a pattern. Return: 0 or an errno. */
static int soil_card(void)
{
	__u32 handles[BO_LIST_MAX];
	struct aci_ctx ctx;
	__u64 taken, va;
	int i, count;

	if (aci_ctx_init(&ctx, 0, ACI_ENGINE_CLASS_COPY, 0))
		return 1;
	count = card_take_all(ctx.fd, handles, &taken);
	for (i = 0; i < count; i++) {
		__u64 bytes = MIB(64);

		/* The BO's size is found by what can be mapped. */
		va = aci_ctx_take_va(&ctx, MIB(64));
		while (bytes && aci_bind(ctx.fd, ctx.vm, handles[i], 0, va, bytes, 0))
			bytes /= 2;
		if (aci_run_one(&ctx, desc_fill(va, bytes, 0x5ec2e75ec2e75ec2ull, 8)))
			return 2;
		taken -= bytes;
	}
	/* Ends without cleaning up: freeing is the driver's work. */
	return count > 0 && !taken ? 0 : 3;
}

/* Every byte of the card's free memory in the eyes of a new owner. */
TEST_F(bo, freed_card_memory_is_zero_to_next_owner)
{
	__u64 before, taken, va, bytes, at, seen = 0;
	__u32 handles[BO_LIST_MAX];
	struct aci_buf host;
	int status, i, count;
	pid_t child;

	before = aci_card_free_bytes(self->ctx.fd);
	child = fork();
	ASSERT_LE(0, child);
	if (!child)
		_exit(soil_card());
	ASSERT_EQ(child, waitpid(child, &status, 0));
	ASSERT_EQ(0, status);
	ASSERT_EQ(before, aci_card_free_bytes(self->ctx.fd));

	ASSERT_OK(aci_buf_init(&self->ctx, &host, MIB(4), DRM_ACI_PLACEMENT_HOST, 0));
	count = card_take_all(self->ctx.fd, handles, &taken);
	ASSERT_LT(0, count);
	ASSERT_EQ(before, taken);
	for (i = 0; i < count; i++) {
		va = aci_ctx_take_va(&self->ctx, MIB(64));
		for (bytes = MIB(64); bytes; bytes /= 2)
			if (!aci_bind(self->ctx.fd, self->ctx.vm, handles[i], 0, va, bytes, 0))
				break;
		for (at = 0; at < bytes; at += MIB(4)) {
			__u64 part = bytes - at < MIB(4) ? bytes - at : MIB(4);

			memset(host.map, 0xa5, KIB(4));
			ASSERT_OK(aci_run_one(&self->ctx, desc_copy(va + at, host.va, part)));
			ASSERT_TRUE(data_is(host.map, part, 0));
			seen += part;
		}
	}
	EXPECT_EQ(before, seen);
}

TEST_F(bo, freed_aperture_memory_is_zero_to_next_owner)
{
	__u32 handle;
	void *map;
	int round;

	/* The same block comes back sooner or later; what comes back is zero. */
	for (round = 0; round < 16; round++) {
		ASSERT_OK(aci_bo_create(self->ctx.fd, MIB(1), DRM_ACI_PLACEMENT_CARD,
					DRM_ACI_BO_CPU_ACCESS, &handle));
		ASSERT_OK(aci_bo_map(self->ctx.fd, handle, MIB(1), &map));
		ASSERT_TRUE(data_is(map, MIB(1), 0));
		memset(map, 0x5e, MIB(1));
		ASSERT_OK(munmap(map, MIB(1)));
		ASSERT_OK(aci_bo_close(self->ctx.fd, handle));
	}
}

/* More than any machine has: lazily made or refused, but no page array of that size is tried. */
TEST_F(bo, absurd_host_bo)
{
	__u64 va = aci_ctx_take_va(&self->ctx, KIB(4));
	__u32 handle;
	int err = aci_bo_create(self->ctx.fd, 1ull << 41, DRM_ACI_PLACEMENT_HOST, 0, &handle);

	if (!err) {
		err = aci_bind(self->ctx.fd, self->ctx.vm, handle, 0, va, KIB(4), 0);
		ASSERT_OK(aci_bo_close(self->ctx.fd, handle));
	}
	EXPECT_TRUE(err == -ENOMEM || err == -EINVAL)
		TH_LOG("error %d", err);
	EXPECT_OK(aci_run_one(&self->ctx, desc_nop()));
}

FIXTURE(bo_refuse) {
	struct aci_ctx ctx;
};

FIXTURE_VARIANT(bo_refuse) {
	struct drm_aci_bo_create create;
	int error;
	int or_error;		/* where the header leaves a choice */
};

FIXTURE_VARIANT_ADD(bo_refuse, size_zero) {
	{ .size = 0 }, -EINVAL
};
FIXTURE_VARIANT_ADD(bo_refuse, size_zero_on_card) {
	{ .size = 0, .placement = DRM_ACI_PLACEMENT_CARD,
	  .cache = DRM_ACI_CACHE_WRITE_COMBINED }, -EINVAL
};
FIXTURE_VARIANT_ADD(bo_refuse, size_overflows_rounding) {
	{ .size = ~0ull }, -EINVAL, -ENOMEM
};
FIXTURE_VARIANT_ADD(bo_refuse, size_overflows_rounding_on_card) {
	{ .size = ~0ull - 4094, .placement = DRM_ACI_PLACEMENT_CARD,
	  .cache = DRM_ACI_CACHE_WRITE_COMBINED }, -EINVAL, -ENOSPC
};
FIXTURE_VARIANT_ADD(bo_refuse, size_huge) {
	{ .size = 1ull << 62 }, -EINVAL, -ENOMEM
};
FIXTURE_VARIANT_ADD(bo_refuse, size_huge_on_card) {
	{ .size = 1ull << 62, .placement = DRM_ACI_PLACEMENT_CARD,
	  .cache = DRM_ACI_CACHE_WRITE_COMBINED }, -ENOSPC, -EINVAL
};
FIXTURE_VARIANT_ADD(bo_refuse, placement_unknown) {
	{ .size = KIB(4), .placement = 2 }, -EINVAL
};
FIXTURE_VARIANT_ADD(bo_refuse, cache_unknown) {
	{ .size = KIB(4), .cache = 2 }, -EINVAL
};
FIXTURE_VARIANT_ADD(bo_refuse, write_back_on_card) {
	{ .size = KIB(4), .placement = DRM_ACI_PLACEMENT_CARD,
	  .cache = DRM_ACI_CACHE_WRITE_BACK }, -EINVAL
};
FIXTURE_VARIANT_ADD(bo_refuse, flag_unknown) {
	{ .size = KIB(4), .flags = 2 }, -EINVAL
};
FIXTURE_VARIANT_ADD(bo_refuse, flag_highest) {
	{ .size = KIB(4), .placement = DRM_ACI_PLACEMENT_CARD,
	  .cache = DRM_ACI_CACHE_WRITE_COMBINED, .flags = 1u << 31 }, -EINVAL
};

FIXTURE_SETUP(bo_refuse)
{
	ASSERT_OK(aci_ctx_init(&self->ctx, 0, ACI_ENGINE_CLASS_COPY, 0));
}

FIXTURE_TEARDOWN(bo_refuse)
{
	aci_ctx_fini(&self->ctx);
}

TEST_F(bo_refuse, refused)
{
	struct drm_aci_bo_create create = variant->create;
	__u64 before = aci_card_free_bytes(self->ctx.fd);
	int err = aci_ioctl(self->ctx.fd, DRM_IOCTL_ACI_BO_CREATE, &create);

	if (variant->or_error && err == variant->or_error)
		err = variant->error;
	EXPECT_EQ(variant->error, err);
	EXPECT_EQ(before, aci_card_free_bytes(self->ctx.fd));
}

TEST_HARNESS_MAIN
