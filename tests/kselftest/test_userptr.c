// SPDX-License-Identifier: GPL-2.0
/* Memory of the process as a BO: what it is good for, who pays for it. */
#include <fcntl.h>
#include <grp.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>

#include "aci_userptr_fixture.h"

#define HUGE		MIB(2)
#define NOBODY		65534

/* The card copies the first half over the second; the process sees it. */
static int copy_halves(struct aci_ctx *ctx, void *memory, __u64 va, __u64 bytes)
{
	int err;

	data_fill(memory, bytes / 2, bytes);
	memset((char *)memory + bytes / 2, 0, bytes / 2);
	err = aci_run_one(ctx, desc_copy(va, va + bytes / 2, bytes / 2));
	if (err)
		return err;
	return data_check((char *)memory + bytes / 2, bytes / 2, bytes) == -1 ? 0 : -EBADMSG;
}

TEST_F(userptr, anonymous)
{
	void *memory = map_anonymous(BYTES);
	__u64 va;

	ASSERT_NE(MAP_FAILED, memory);
	ASSERT_OK(userptr_bind(&self->ctx, memory, BYTES, false, &va));
	EXPECT_OK(copy_halves(&self->ctx, memory, va, BYTES));
}

TEST_F(userptr, anonymous_shared)
{
	void *memory = map_memory(BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1);
	__u64 va;

	ASSERT_NE(MAP_FAILED, memory);
	ASSERT_OK(userptr_bind(&self->ctx, memory, BYTES, false, &va));
	EXPECT_OK(copy_halves(&self->ctx, memory, va, BYTES));
}

TEST_F(userptr, memfd_seen_by_read)
{
	static char data[BYTES];
	char *memory;
	int fd = memfd_map(BYTES, &memory);
	__u64 va;

	ASSERT_LE(0, fd);
	ASSERT_OK(userptr_bind(&self->ctx, memory, BYTES, false, &va));
	EXPECT_OK(copy_halves(&self->ctx, memory, va, BYTES));
	/* The file is the same memory, also without the mapping. */
	ASSERT_OK(munmap(memory, BYTES));
	ASSERT_OK(aci_run_one(&self->ctx, desc_fill(va, BYTES, 0x3c, 1)));
	ASSERT_EQ(BYTES, pread(fd, data, BYTES, 0));
	EXPECT_TRUE(data_is(data, BYTES, 0x3c));
	close(fd);
}

TEST_F(userptr, hugetlb)
{
	void *memory;
	__u64 va;

	ASSERT_OK(file_write("/proc/sys/vm/nr_hugepages", "4"));
	memory = map_memory(HUGE * 2, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1);
	ASSERT_NE(MAP_FAILED, memory)
		TH_LOG("no huge pages");
	ASSERT_OK(userptr_bind(&self->ctx, memory, HUGE * 2, false, &va));
	EXPECT_OK(copy_halves(&self->ctx, memory, va, HUGE * 2));
	aci_ctx_fini(&self->ctx);
	ASSERT_OK(munmap(memory, HUGE * 2));
	EXPECT_OK(file_write("/proc/sys/vm/nr_hugepages", "0"));
}

/* Static variables lie in a private mapping of the program's file. */
TEST_F(userptr, private_writable_mapping_of_a_file)
{
	static char variable[BYTES + ACI_TEST_PAGE] = { 1 };
	char *memory = (char *)(((uintptr_t)variable + ACI_TEST_PAGE - 1) & ~(ACI_TEST_PAGE - 1));
	__u64 va;

	ASSERT_OK(userptr_bind(&self->ctx, memory, BYTES, false, &va));
	EXPECT_OK(copy_halves(&self->ctx, memory, va, BYTES));
}

TEST_F(userptr, many_mappings_are_one_bo)
{
	char *memory = map_anonymous(BYTES);
	int fd = memfd_create("userptr", MFD_CLOEXEC);
	__u64 va;

	ASSERT_NE(MAP_FAILED, memory);
	ASSERT_OK(ftruncate(fd, KIB(16)));
	ASSERT_NE(MAP_FAILED, mmap(memory + KIB(64), KIB(16), PROT_READ | PROT_WRITE,
				   MAP_SHARED | MAP_FIXED, fd, 0));
	ASSERT_OK(userptr_bind(&self->ctx, memory, BYTES, false, &va));
	EXPECT_OK(copy_halves(&self->ctx, memory, va, BYTES));
	close(fd);
}

TEST_F(userptr, bind_at_an_offset)
{
	char *memory = map_anonymous(BYTES);
	__u64 va = aci_ctx_take_va(&self->ctx, BYTES);
	__u32 handle;

	ASSERT_NE(MAP_FAILED, memory);
	memset(memory, 0x11, BYTES);
	ASSERT_OK(userptr_create(self->ctx.fd, memory, BYTES, 0, &handle));
	ASSERT_OK(aci_bind(self->ctx.fd, self->ctx.vm, handle, KIB(8), va, KIB(16), 0));
	EXPECT_EQ(-EINVAL, aci_bind(self->ctx.fd, self->ctx.vm, handle, KIB(8), va, BYTES, 0));
	ASSERT_OK(aci_run_one(&self->ctx, desc_fill(va, KIB(16), 0x22, 1)));
	EXPECT_TRUE(data_is(memory, KIB(8), 0x11));
	EXPECT_TRUE(data_is(memory + KIB(8), KIB(16), 0x22));
	EXPECT_TRUE(data_is(memory + KIB(24), BYTES - KIB(24), 0x11));
}

/* Larger than what is pinned at once, from memory that was never touched. */
TEST_F(userptr, large)
{
	__u64 bytes = MIB(64);
	char *memory = map_anonymous(bytes);
	__u64 va;

	ASSERT_NE(MAP_FAILED, memory);
	ASSERT_OK(userptr_bind(&self->ctx, memory, bytes, false, &va));
	ASSERT_OK(aci_run_one(&self->ctx, desc_fill(va, bytes, 0x5b, 1)));
	EXPECT_TRUE(data_is(memory, bytes, 0x5b));
}

TEST_F(userptr, outlives_its_mapping)
{
	void *memory = map_anonymous(BYTES);
	struct aci_buf check;
	__u64 va;

	ASSERT_NE(MAP_FAILED, memory);
	data_fill(memory, BYTES, 7);
	ASSERT_OK(userptr_bind(&self->ctx, memory, BYTES, false, &va));
	ASSERT_OK(munmap(memory, BYTES));
	ASSERT_OK(aci_buf_init(&self->ctx, &check, BYTES, DRM_ACI_PLACEMENT_HOST, 0));
	ASSERT_OK(aci_run_one(&self->ctx, desc_copy(va, check.va, BYTES)));
	EXPECT_EQ(-1, data_check(check.map, BYTES, 7));
}

/* The pages stay the parent's, whoever writes first. */
TEST_F(userptr, fork_leaves_pages_to_parent)
{
	char *memory = map_anonymous(BYTES);
	int status;
	pid_t child;
	__u64 va;

	ASSERT_NE(MAP_FAILED, memory);
	memset(memory, 1, BYTES);
	ASSERT_OK(userptr_bind(&self->ctx, memory, BYTES, false, &va));
	child = fork();
	ASSERT_LE(0, child);
	if (!child) {
		memset(memory, 2, BYTES);
		_exit(0);
	}
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_OK(copy_halves(&self->ctx, memory, va, BYTES));
}

TEST_F(userptr, readonly_is_read)
{
	void *memory = map_anonymous(BYTES);
	struct aci_buf check;
	__u64 va;

	ASSERT_NE(MAP_FAILED, memory);
	data_fill(memory, BYTES, 8);
	ASSERT_OK(mprotect(memory, BYTES, PROT_READ));
	ASSERT_OK(userptr_bind(&self->ctx, memory, BYTES, true, &va));
	ASSERT_OK(aci_buf_init(&self->ctx, &check, BYTES, DRM_ACI_PLACEMENT_HOST, 0));
	ASSERT_OK(aci_run_one(&self->ctx, desc_copy(va, check.va, BYTES)));
	EXPECT_EQ(-1, data_check(check.map, BYTES, 8));
	EXPECT_EQ(ACI_JOB_FAULT, aci_run_one(&self->ctx, desc_fill(va, BYTES, 0, 1)));
	EXPECT_EQ(-1, data_check(memory, BYTES, 8));
}

TEST_F(userptr, readonly_is_not_bound_writable)
{
	__u64 va = aci_ctx_take_va(&self->ctx, BYTES);
	void *memory = map_anonymous(BYTES);
	__u32 handle;

	ASSERT_NE(MAP_FAILED, memory);
	ASSERT_OK(userptr_create(self->ctx.fd, memory, BYTES, DRM_ACI_USERPTR_READONLY, &handle));
	EXPECT_EQ(-EACCES, aci_bind(self->ctx.fd, self->ctx.vm, handle, 0, va, BYTES, 0));
	EXPECT_OK(aci_bind(self->ctx.fd, self->ctx.vm, handle, 0, va, BYTES,
			   DRM_ACI_BIND_READONLY));
}

TEST_F(userptr, has_no_mmap_offset)
{
	struct drm_aci_bo_mmap_offset request = { 0 };
	void *memory = map_anonymous(BYTES);

	ASSERT_NE(MAP_FAILED, memory);
	ASSERT_OK(userptr_create(self->ctx.fd, memory, BYTES, 0, &request.handle));
	EXPECT_EQ(-EACCES, aci_ioctl(self->ctx.fd, DRM_IOCTL_ACI_BO_MMAP_OFFSET, &request));
}

TEST_F(userptr, is_not_exported)
{
	struct drm_prime_handle prime = { .flags = DRM_CLOEXEC | DRM_RDWR };
	void *memory = map_anonymous(BYTES);

	ASSERT_NE(MAP_FAILED, memory);
	ASSERT_OK(userptr_create(self->ctx.fd, memory, BYTES, 0, &prime.handle));
	EXPECT_EQ(-EOPNOTSUPP, aci_ioctl(self->ctx.fd, DRM_IOCTL_PRIME_HANDLE_TO_FD, &prime));
}

TEST_F(userptr, is_in_fdinfo)
{
	void *memory = map_anonymous(BYTES);
	long long before;
	char path[64];
	__u32 handle;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", self->ctx.fd);
	before = proc_value(path, "drm-total-system");
	ASSERT_LE(0, before);
	ASSERT_NE(MAP_FAILED, memory);
	ASSERT_OK(userptr_create(self->ctx.fd, memory, BYTES, 0, &handle));
	EXPECT_EQ(before + (long long)BYTES / 1024, proc_value(path, "drm-total-system"));
	EXPECT_EQ((long long)BYTES / 1024, proc_value(path, "drm-resident-system"));
}

/* --- Who pays --- */

TEST_F(userptr, pins_are_counted_until_the_last_reference)
{
	__u64 va = aci_ctx_take_va(&self->ctx, BYTES);
	char *memory;
	int fd = memfd_map(BYTES, &memory);
	__u32 handle;

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, pinned_kib());
	ASSERT_OK(userptr_create(self->ctx.fd, memory, BYTES, 0, &handle));
	EXPECT_EQ((long long)BYTES / 1024, pinned_kib());
	ASSERT_OK(aci_bind(self->ctx.fd, self->ctx.vm, handle, 0, va, BYTES, 0));
	ASSERT_OK(aci_bo_close(self->ctx.fd, handle));
	ASSERT_OK(munmap(memory, BYTES));
	EXPECT_EQ((long long)BYTES / 1024, pinned_kib());
	EXPECT_FALSE(memfd_is_free(fd));
	ASSERT_OK(aci_unbind(self->ctx.fd, self->ctx.vm, va, BYTES));
	EXPECT_EQ(0, pinned_kib());
	EXPECT_TRUE(memfd_is_free(fd));
	close(fd);
}

TEST_F(userptr, close_lets_go)
{
	char *memory;
	int fd = memfd_map(BYTES, &memory);
	__u32 handle;
	__u64 va;

	ASSERT_LE(0, fd);
	ASSERT_OK(userptr_create(self->ctx.fd, memory, BYTES, 0, &handle));
	ASSERT_OK(userptr_bind(&self->ctx, memory, BYTES, false, &va));
	EXPECT_EQ(2 * (long long)BYTES / 1024, pinned_kib());
	aci_ctx_fini(&self->ctx);
	ASSERT_OK(munmap(memory, BYTES));
	EXPECT_EQ(0, pinned_kib());
	EXPECT_TRUE(memfd_is_free(fd));
	close(fd);
}

/* Killed with the memory in use by a long job. */
static void work_until_killed(int ready, const void *memory)
{
	struct aci_desc descs[32];
	struct aci_ctx ctx;
	unsigned int i;
	__u32 out;
	__u64 va;

	if (aci_ctx_init(&ctx, 0, ACI_ENGINE_CLASS_COPY, 0) ||
	    userptr_bind(&ctx, memory, MIB(8), false, &va))
		_exit(1);
	for (i = 0; i < 32; i++)
		descs[i] = desc_fill(va, MIB(8), i, 1);
	if (aci_submit_out(ctx.fd, ctx.queue, descs, 32, &out) || write(ready, "r", 1) != 1)
		_exit(1);
	for (;;)
		pause();
}

TEST_F(userptr, kill_lets_go)
{
	__u64 end = now_ns() + aci_wait_ns();
	int ready[2], status;
	char byte, *memory;
	int fd = memfd_map(MIB(8), &memory);
	pid_t child;

	ASSERT_LE(0, fd);
	ASSERT_OK(pipe(ready));
	child = fork();
	ASSERT_LE(0, child);
	if (!child)
		work_until_killed(ready[1], memory);
	close(ready[1]);
	ASSERT_EQ(1, read(ready[0], &byte, 1));
	ASSERT_OK(munmap(memory, MIB(8)));
	ASSERT_OK(kill(child, SIGKILL));
	ASSERT_EQ(child, waitpid(child, &status, 0));
	/* No event tells that a file is gone for good: look until it is. */
	while (!memfd_is_free(fd) && now_ns() < end)
		;
	EXPECT_TRUE(memfd_is_free(fd));
	close(fd);
}

static int become_nobody(void)
{
	return setgroups(0, NULL) || setgid(NOBODY) || setuid(NOBODY) ? -errno : 0;
}

TEST_F(userptr, memlock_limit_holds)
{
	struct rlimit limit = { .rlim_cur = MIB(1), .rlim_max = MIB(1) };
	char *memory = map_anonymous(MIB(2));
	__u32 first, second;

	ASSERT_NE(MAP_FAILED, memory);
	ASSERT_OK(setrlimit(RLIMIT_MEMLOCK, &limit));
	ASSERT_OK(become_nobody());
	EXPECT_EQ(-ENOMEM, userptr_create(self->ctx.fd, memory, MIB(1) + KIB(4), 0, &first));
	ASSERT_OK(userptr_create(self->ctx.fd, memory, MIB(1), 0, &first));
	EXPECT_EQ(-ENOMEM, userptr_create(self->ctx.fd, memory + MIB(1), KIB(4), 0, &second));
	/* The same page again counts again. */
	EXPECT_EQ(-ENOMEM, userptr_create(self->ctx.fd, memory, KIB(4), 0, &second));
	EXPECT_EQ(1024, pinned_kib());
	ASSERT_OK(aci_bo_close(self->ctx.fd, first));
	EXPECT_EQ(0, pinned_kib());
	EXPECT_OK(userptr_create(self->ctx.fd, memory + MIB(1), KIB(4), 0, &second));
}

TEST_F(userptr, memlock_limit_is_not_for_the_privileged)
{
	struct rlimit limit = { .rlim_cur = 0, .rlim_max = 0 };
	void *memory = map_anonymous(BYTES);
	__u32 handle;

	ASSERT_NE(MAP_FAILED, memory);
	ASSERT_OK(setrlimit(RLIMIT_MEMLOCK, &limit));
	EXPECT_OK(userptr_create(self->ctx.fd, memory, BYTES, 0, &handle));
}

/* --- Mappings that change under the call --- */

struct flipper {
	char *memory;
	int memfd;
	int fd;
	off_t offset;		/* of device memory */
	volatile bool stop;
};

static void *flip(void *arg)
{
	struct flipper *flipper = arg;

	while (!flipper->stop) {
		mmap(flipper->memory, BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
		     flipper->fd, flipper->offset);
		munmap(flipper->memory + KIB(64), KIB(64));
		mmap(flipper->memory, BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
		     flipper->memfd, 0);
	}
	return NULL;
}

TEST_F(userptr, mapping_replaced_meanwhile)
{
	struct drm_aci_bo_mmap_offset request = { 0 };
	struct flipper flipper = { .fd = self->ctx.fd };
	unsigned int i, taken = 0;
	pthread_t thread;
	__u32 handle;
	int err;

	flipper.memfd = memfd_map(BYTES, &flipper.memory);
	ASSERT_LE(0, flipper.memfd);
	ASSERT_OK(aci_bo_create(self->ctx.fd, BYTES, DRM_ACI_PLACEMENT_CARD,
				DRM_ACI_BO_CPU_ACCESS, &request.handle));
	ASSERT_OK(aci_ioctl(self->ctx.fd, DRM_IOCTL_ACI_BO_MMAP_OFFSET, &request));
	flipper.offset = (off_t)request.offset;
	ASSERT_OK(pthread_create(&thread, NULL, flip, &flipper));
	for (i = 0; i < 300; i++) {
		err = userptr_create(self->ctx.fd, flipper.memory, BYTES, 0, &handle);
		EXPECT_TRUE(!err || err == -EFAULT || err == -EOPNOTSUPP)
			TH_LOG("error %d", err);
		if (!err) {
			taken++;
			EXPECT_OK(aci_bo_close(self->ctx.fd, handle));
		}
	}
	flipper.stop = true;
	pthread_join(thread, NULL);
	TH_LOG("%u of %u taken", taken, i);
	ASSERT_OK(munmap(flipper.memory, BYTES));
	EXPECT_EQ(0, pinned_kib());
	EXPECT_TRUE(memfd_is_free(flipper.memfd));
	close(flipper.memfd);
}

TEST_HARNESS_MAIN
