// SPDX-License-Identifier: GPL-2.0
/* Host memory: which files and mappings are taken, and what is refused. */
#include <sys/mount.h>
#include <sys/stat.h>

#include "aci_userptr_fixture.h"

#define RAMFS		"/run/aci-userptr"

/* --- Files of file systems: ramfs keeps pages in the page cache as a disk's does. --- */

FIXTURE(userptr_file) {
	struct aci_ctx ctx;
	int file;
	int file_readonly;
};

FIXTURE_SETUP(userptr_file)
{
	static char data[BYTES];

	ASSERT_OK(aci_ctx_init(&self->ctx, 0, ACI_ENGINE_CLASS_COPY, 0));
	mkdir(RAMFS, 0700);
	ASSERT_OK(mount("ramfs", RAMFS, "ramfs", 0, NULL));
	self->file = open(RAMFS "/weights", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	ASSERT_LE(0, self->file);
	data_fill(data, BYTES, 9);
	ASSERT_EQ(BYTES, write(self->file, data, BYTES));
	self->file_readonly = open(RAMFS "/weights", O_RDONLY | O_CLOEXEC);
	ASSERT_LE(0, self->file_readonly);
}

FIXTURE_TEARDOWN(userptr_file)
{
	close(self->file);
	close(self->file_readonly);
	umount2(RAMFS, MNT_DETACH);
	aci_ctx_fini(&self->ctx);
}

TEST_F(userptr_file, shared_readonly_is_taken)
{
	void *memory = map_memory(BYTES, PROT_READ, MAP_SHARED, self->file_readonly);
	struct aci_buf check;
	__u64 va;

	ASSERT_NE(MAP_FAILED, memory);
	ASSERT_OK(userptr_bind(&self->ctx, memory, BYTES, true, &va));
	ASSERT_OK(aci_buf_init(&self->ctx, &check, BYTES, DRM_ACI_PLACEMENT_HOST, 0));
	ASSERT_OK(aci_run_one(&self->ctx, desc_copy(va, check.va, BYTES)));
	EXPECT_EQ(-1, data_check(check.map, BYTES, 9));
	/* It is the page cache itself: a write shows. */
	ASSERT_EQ(1, pwrite(self->file, "!", 1, BYTES / 2));
	ASSERT_OK(aci_run_one(&self->ctx, desc_copy(va, check.va, BYTES)));
	EXPECT_EQ('!', ((char *)check.map)[BYTES / 2]);
	/* Cutting the file does not take the pages from the card. */
	ASSERT_OK(ftruncate(self->file, 0));
	EXPECT_OK(aci_run_one(&self->ctx, desc_copy(va, check.va, BYTES)));
}

/* The program itself, from the disk of this machine. */
TEST_F(userptr_file, program_is_taken)
{
	int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	static char data[KIB(32)];
	struct aci_buf check;
	void *memory;
	__u64 va;

	ASSERT_EQ(sizeof(data), read(file, data, sizeof(data)));
	memory = map_memory(sizeof(data), PROT_READ, MAP_SHARED, file);
	close(file);
	if (memory == MAP_FAILED)
		SKIP(return, "this file system has no shared mappings");
	ASSERT_OK(userptr_bind(&self->ctx, memory, sizeof(data), true, &va));
	ASSERT_OK(aci_buf_init(&self->ctx, &check, sizeof(data), DRM_ACI_PLACEMENT_HOST, 0));
	ASSERT_OK(aci_run_one(&self->ctx, desc_copy(va, check.va, sizeof(data))));
	EXPECT_OK(memcmp(check.map, data, sizeof(data)));
}

TEST_F(userptr_file, writable_pin_is_refused)
{
	void *memory = map_memory(BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, self->file);
	__u32 handle;

	ASSERT_NE(MAP_FAILED, memory);
	EXPECT_EQ(-EOPNOTSUPP, userptr_create(self->ctx.fd, memory, BYTES, 0, &handle));
}

TEST_F(userptr_file, writable_mapping_is_refused)
{
	void *memory = map_memory(BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, self->file);
	__u32 handle;

	ASSERT_NE(MAP_FAILED, memory);
	EXPECT_EQ(-EOPNOTSUPP, userptr_create(self->ctx.fd, memory, BYTES,
					      DRM_ACI_USERPTR_READONLY, &handle));
}

/* mprotect() could make it writable. */
TEST_F(userptr_file, mapping_of_a_writable_file_is_refused)
{
	void *memory = map_memory(BYTES, PROT_READ, MAP_SHARED, self->file);
	__u32 handle;

	ASSERT_NE(MAP_FAILED, memory);
	EXPECT_EQ(-EOPNOTSUPP, userptr_create(self->ctx.fd, memory, BYTES,
					      DRM_ACI_USERPTR_READONLY, &handle));
}

TEST_F(userptr_file, private_readonly_is_refused)
{
	void *memory = map_memory(BYTES, PROT_READ, MAP_PRIVATE, self->file_readonly);
	__u32 handle;

	ASSERT_NE(MAP_FAILED, memory);
	EXPECT_EQ(-EOPNOTSUPP, userptr_create(self->ctx.fd, memory, BYTES,
					      DRM_ACI_USERPTR_READONLY, &handle));
}

TEST_F(userptr_file, private_writable_leaves_the_file_alone)
{
	void *memory = map_memory(BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE,
				  self->file_readonly);
	static char data[BYTES];
	__u64 va;

	ASSERT_NE(MAP_FAILED, memory);
	ASSERT_OK(userptr_bind(&self->ctx, memory, BYTES, false, &va));
	ASSERT_OK(aci_run_one(&self->ctx, desc_fill(va, BYTES, 0x44, 1)));
	EXPECT_TRUE(data_is(memory, BYTES, 0x44));
	ASSERT_EQ(BYTES, pread(self->file, data, BYTES, 0));
	EXPECT_EQ(-1, data_check(data, BYTES, 9));
}

TEST_F(userptr_file, beyond_the_end_of_the_file)
{
	void *memory = map_memory(BYTES * 2, PROT_READ, MAP_SHARED, self->file_readonly);
	__u32 handle;

	ASSERT_NE(MAP_FAILED, memory);
	EXPECT_EQ(-EFAULT, userptr_create(self->ctx.fd, memory, BYTES * 2,
					  DRM_ACI_USERPTR_READONLY, &handle));
	EXPECT_EQ(0, pinned_kib());
}

/* --- Refusals --- */

TEST_F(userptr, device_memory_is_refused)
{
	struct aci_buf host, card;
	__u32 handle;

	ASSERT_OK(aci_buf_init(&self->ctx, &host, BYTES, DRM_ACI_PLACEMENT_HOST, 0));
	ASSERT_OK(aci_buf_init(&self->ctx, &card, BYTES, DRM_ACI_PLACEMENT_CARD,
			       DRM_ACI_BO_CPU_ACCESS));
	memset(host.map, 0, BYTES);
	EXPECT_EQ(-EOPNOTSUPP, userptr_create(self->ctx.fd, host.map, BYTES, 0, &handle));
	EXPECT_EQ(-EOPNOTSUPP, userptr_create(self->ctx.fd, card.map, BYTES, 0, &handle));
	EXPECT_EQ(-EOPNOTSUPP, userptr_create(self->ctx.fd, card.map, BYTES,
					      DRM_ACI_USERPTR_READONLY, &handle));
}

TEST_F(userptr, device_memory_in_the_middle_is_refused)
{
	char *memory = map_anonymous(BYTES);
	struct aci_buf card;
	struct drm_aci_bo_mmap_offset request = { 0 };
	__u32 handle;

	ASSERT_OK(aci_buf_init(&self->ctx, &card, KIB(64), DRM_ACI_PLACEMENT_CARD,
			       DRM_ACI_BO_CPU_ACCESS));
	request.handle = card.handle;
	ASSERT_OK(aci_ioctl(self->ctx.fd, DRM_IOCTL_ACI_BO_MMAP_OFFSET, &request));
	ASSERT_NE(MAP_FAILED, mmap(memory + KIB(64), KIB(64), PROT_READ | PROT_WRITE,
				   MAP_SHARED | MAP_FIXED, self->ctx.fd, (off_t)request.offset));
	EXPECT_EQ(-EOPNOTSUPP, userptr_create(self->ctx.fd, memory, BYTES, 0, &handle));
	EXPECT_EQ(0, pinned_kib());
}

TEST_F(userptr, memory_without_the_right_is_refused)
{
	void *memory = map_anonymous(BYTES);
	__u32 handle;

	ASSERT_NE(MAP_FAILED, memory);
	ASSERT_OK(mprotect(memory, BYTES, PROT_READ));
	EXPECT_EQ(-EFAULT, userptr_create(self->ctx.fd, memory, BYTES, 0, &handle));
	ASSERT_OK(mprotect(memory, BYTES, PROT_NONE));
	EXPECT_EQ(-EFAULT, userptr_create(self->ctx.fd, memory, BYTES, 0, &handle));
	EXPECT_EQ(-EFAULT, userptr_create(self->ctx.fd, memory, BYTES,
					  DRM_ACI_USERPTR_READONLY, &handle));
}

TEST_F(userptr, hole_is_refused)
{
	char *memory;
	int fd = memfd_map(MIB(32), &memory);
	__u32 handle;

	ASSERT_LE(0, fd);
	/* What was pinned before the hole is found is let go. */
	ASSERT_OK(munmap(memory + MIB(24), KIB(4)));
	EXPECT_EQ(-EFAULT, userptr_create(self->ctx.fd, memory, MIB(32), 0, &handle));
	EXPECT_EQ(0, pinned_kib());
	ASSERT_OK(munmap(memory, MIB(32)));
	EXPECT_EQ(-EFAULT, userptr_create(self->ctx.fd, memory, KIB(4), 0, &handle));
	EXPECT_TRUE(memfd_is_free(fd));
	close(fd);
}

FIXTURE(userptr_refuse) {
	struct aci_ctx ctx;
};

FIXTURE_VARIANT(userptr_refuse) {
	struct drm_aci_bo_create_userptr create;
	int error;
};

FIXTURE_VARIANT_ADD(userptr_refuse, size_zero) {
	{ .addr = KIB(64), .size = 0 }, -EINVAL
};
FIXTURE_VARIANT_ADD(userptr_refuse, size_unaligned) {
	{ .addr = KIB(64), .size = 100 }, -EINVAL
};
FIXTURE_VARIANT_ADD(userptr_refuse, address_unaligned) {
	{ .addr = KIB(64) + 8, .size = KIB(4) }, -EINVAL
};
FIXTURE_VARIANT_ADD(userptr_refuse, end_overflows) {
	{ .addr = -KIB(64), .size = KIB(128) }, -EINVAL
};
FIXTURE_VARIANT_ADD(userptr_refuse, size_huge) {
	{ .addr = KIB(64), .size = 1ull << 62 }, -EINVAL
};
FIXTURE_VARIANT_ADD(userptr_refuse, flag_unknown) {
	{ .addr = KIB(64), .size = KIB(4), .flags = 2 }, -EINVAL
};
FIXTURE_VARIANT_ADD(userptr_refuse, null) {
	{ .addr = 0, .size = KIB(4) }, -EFAULT
};
FIXTURE_VARIANT_ADD(userptr_refuse, kernel_address) {
	{ .addr = -MIB(2), .size = KIB(4) }, -EFAULT
};

FIXTURE_SETUP(userptr_refuse)
{
	ASSERT_OK(aci_ctx_init(&self->ctx, 0, ACI_ENGINE_CLASS_COPY, 0));
}

FIXTURE_TEARDOWN(userptr_refuse)
{
	aci_ctx_fini(&self->ctx);
}

TEST_F(userptr_refuse, refused)
{
	struct drm_aci_bo_create_userptr create = variant->create;

	EXPECT_EQ(variant->error,
		  aci_ioctl(self->ctx.fd, DRM_IOCTL_ACI_BO_CREATE_USERPTR, &create));
	EXPECT_EQ(0, create.handle);
	EXPECT_EQ(0, pinned_kib());
}

TEST_HARNESS_MAIN
