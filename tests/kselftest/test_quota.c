// SPDX-License-Identifier: GPL-2.0
/* What one user may have of a card. */
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "aci_harness.h"
#include "aci_user.h"

#define ALICE		65533
#define BOB		65534
#define PARAMETERS	"/sys/module/aci/parameters/"
#define MANY		1024

FIXTURE(quota) {
	int fd;			/* opened as root: the node's mode is not the subject */
	struct drm_aci_query_device device;
};

FIXTURE_SETUP(quota)
{
	self->fd = aci_open(0);
	ASSERT_LE(0, self->fd);
	ASSERT_OK(aci_query(self->fd, DRM_ACI_QUERY_DEVICE, 0, &self->device,
			    sizeof(self->device)));
}

FIXTURE_TEARDOWN(quota)
{
	/* As root: a test that becomes someone else runs in a child. */
	close(self->fd);
	file_write(PARAMETERS "user_queues", "0");
	file_write(PARAMETERS "user_vms", "0");
	file_write(PARAMETERS "user_pinned_mib", "0");
}

static int become(uid_t uid)
{
	return setgroups(0, NULL) || setgid(uid) || setuid(uid) ? -errno : 0;
}

struct share {
	__u32 count;
	int err;		/* of the one too many */
};

/* Take until it is refused. The objects stay. */
static struct share take_vms(int fd)
{
	struct share share = { 0 };
	__u32 vm;

	while (share.count < MANY && !(share.err = aci_vm_create(fd, &vm)))
		share.count++;
	return share;
}

static struct share take_queues(int fd)
{
	struct share share = { 0 };
	__u32 vm, queue;

	share.err = aci_vm_create(fd, &vm);
	while (!share.err && share.count < MANY &&
	       !(share.err = aci_queue_create(fd, vm, ACI_ENGINE_CLASS_COPY, 64, 0, &queue)))
		share.count++;
	return share;
}

static int pin(int fd, void *memory, __u64 bytes, __u32 *handle)
{
	struct drm_aci_bo_create_userptr create = { .addr = USER_PTR(memory), .size = bytes };
	int err = aci_ioctl(fd, DRM_IOCTL_ACI_BO_CREATE_USERPTR, &create);

	*handle = create.handle;
	return err;
}

static struct share take_pins(int fd)
{
	void *memory = mmap(NULL, MIB(1), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			    -1, 0);
	struct share share = { 0 };
	__u32 handle;

	while (share.count < MANY && !(share.err = pin(fd, memory, MIB(1), &handle)))
		share.count++;
	return share;
}

/* Host memory counts from the first bind on, which makes its pages stay. */
static struct share take_host_binds(int fd)
{
	struct share share = { 0 };
	__u32 vm, handle, spare, i;

	share.err = aci_vm_create(fd, &vm);
	for (i = 0; !share.err && i < 10; i++)
		share.err = aci_bo_create(fd, MIB(1), DRM_ACI_PLACEMENT_HOST, 0, &spare);
	while (!share.err && share.count < MANY) {
		share.err = aci_bo_create(fd, MIB(1), DRM_ACI_PLACEMENT_HOST, 0, &handle);
		share.err = share.err ?: aci_bind(fd, vm, handle, 0, MIB(16) + MIB(2) * share.count,
						  MIB(1), 0);
		/* Once more costs nothing more. */
		share.err = share.err ?: aci_bind(fd, vm, handle, 0, MIB(2048), MIB(1), 0);
		share.count += !share.err;
	}
	return share;
}

struct holder {
	pid_t pid;
	int go;			/* a byte here, and it ends */
};

static void let_go(const struct holder *holder)
{
	int status;

	/* Its file is closed before it can be waited for. */
	if (write(holder->go, "g", 1) == 1)
		waitpid(holder->pid, &status, 0);
	close(holder->go);
}

/* A user with a file of its own, which takes what it gets and keeps it until let_go(). */
static struct share user_takes(uid_t uid, struct share (*take)(int fd), struct holder *holder)
{
	struct share share = { .err = -EPIPE };
	int fd = aci_open(0), told[2], held[2];

	if (pipe(told) || pipe(held))
		return share;
	holder->pid = fork();
	if (!holder->pid) {
		char byte;

		share.err = become(uid);
		if (!share.err)
			share = take(fd);
		if (write(told[1], &share, sizeof(share)) == sizeof(share))
			read(held[0], &byte, 1);
		_exit(0);
	}
	close(fd);
	close(told[1]);
	close(held[0]);
	if (read(told[0], &share, sizeof(share)) != sizeof(share))
		share.err = -EPIPE;
	close(told[0]);
	holder->go = held[1];
	return share;
}

static void expect_share(struct __test_metadata *_metadata, struct share share, __u32 count)
{
	EXPECT_EQ(-EDQUOT, share.err);
	EXPECT_EQ(count, share.count);
}

TEST_F(quota, half_of_the_queues)
{
	struct share share;
	struct holder alice, bob;

	share = user_takes(ALICE, take_queues, &alice);
	expect_share(_metadata, share, self->device.queues_max / 2);
	/* The other half is someone else's. */
	share = user_takes(BOB, take_queues, &bob);
	expect_share(_metadata, share, self->device.queues_max / 2);
	let_go(&alice);
	let_go(&bob);
}

TEST_F(quota, half_of_the_vms)
{
	struct share share;
	struct holder alice;

	share = user_takes(ALICE, take_vms, &alice);
	expect_share(_metadata, share, self->device.vms_max / 2);
	let_go(&alice);
}

TEST_F(quota, processes_and_files_of_a_user_together)
{
	struct share share;
	struct holder first, second, bob;

	ASSERT_OK(file_write(PARAMETERS "user_vms", "3"));
	share = user_takes(ALICE, take_vms, &first);
	expect_share(_metadata, share, 3);
	share = user_takes(ALICE, take_vms, &second);
	expect_share(_metadata, share, 0);
	share = user_takes(BOB, take_vms, &bob);
	expect_share(_metadata, share, 3);
	let_go(&first);
	let_go(&second);
	let_go(&bob);
}

TEST_F(quota, what_is_gone_does_not_count)
{
	struct holder hold;
	struct share share;
	unsigned int i;

	ASSERT_OK(file_write(PARAMETERS "user_queues", "2"));
	for (i = 0; i < 3; i++) {
		share = user_takes(ALICE, take_queues, &hold);
		expect_share(_metadata, share, 2);
		let_go(&hold);
	}
}

TEST_F(quota, destroyed_does_not_count)
{
	__u32 vm, queue, none, i;

	ASSERT_OK(file_write(PARAMETERS "user_queues", "1"));
	ASSERT_OK(file_write(PARAMETERS "user_vms", "1"));
	ASSERT_OK(become(ALICE));
	for (i = 0; i < 4; i++) {
		ASSERT_OK(aci_vm_create(self->fd, &vm));
		ASSERT_OK(aci_queue_create(self->fd, vm, ACI_ENGINE_CLASS_COPY, 64, 0, &queue));
		EXPECT_EQ(-EDQUOT, aci_queue_create(self->fd, vm, ACI_ENGINE_CLASS_COPY, 64, 0,
						    &none));
		ASSERT_OK(aci_queue_destroy(self->fd, queue));
		ASSERT_OK(aci_vm_destroy(self->fd, vm));
	}
}

/* The limit of the user is found before that of the process, and in spite of it. */
TEST_F(quota, pinned_memory)
{
	struct rlimit limit = { .rlim_cur = RLIM_INFINITY, .rlim_max = RLIM_INFINITY };
	struct share share;
	__u32 handle;
	struct holder hold;
	void *memory;

	ASSERT_OK(file_write(PARAMETERS "user_pinned_mib", "5"));
	ASSERT_OK(setrlimit(RLIMIT_MEMLOCK, &limit));
	share = user_takes(ALICE, take_pins, &hold);
	expect_share(_metadata, share, 5);
	let_go(&hold);
	memory = mmap(NULL, MIB(4), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_OK(become(BOB));
	ASSERT_OK(pin(self->fd, memory, MIB(4), &handle));
	EXPECT_OK(aci_bo_close(self->fd, handle));
	EXPECT_OK(pin(self->fd, memory, MIB(4), &handle));
}

TEST_F(quota, host_memory)
{
	struct share share;
	struct holder hold;
	unsigned int i;

	ASSERT_OK(file_write(PARAMETERS "user_pinned_mib", "5"));
	for (i = 0; i < 2; i++) {
		share = user_takes(ALICE, take_host_binds, &hold);
		expect_share(_metadata, share, 5);
		let_go(&hold);
	}
}

/* Both kinds on one account, and what is closed and unmapped is off it. */
TEST_F(quota, host_memory_and_pins_together)
{
	void *memory = mmap(NULL, MIB(4), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			    -1, 0);
	__u32 vm, handle, pinned;

	ASSERT_OK(file_write(PARAMETERS "user_pinned_mib", "5"));
	ASSERT_OK(become(BOB));
	ASSERT_OK(aci_vm_create(self->fd, &vm));
	ASSERT_OK(aci_bo_create(self->fd, MIB(2), DRM_ACI_PLACEMENT_HOST, 0, &handle));
	ASSERT_OK(aci_bind(self->fd, vm, handle, 0, MIB(16), MIB(2), 0));
	EXPECT_EQ(-EDQUOT, pin(self->fd, memory, MIB(4), &pinned));
	EXPECT_OK(aci_unbind(self->fd, vm, MIB(16), MIB(2)));
	EXPECT_EQ(-EDQUOT, pin(self->fd, memory, MIB(4), &pinned));
	EXPECT_OK(aci_bo_close(self->fd, handle));
	EXPECT_OK(pin(self->fd, memory, MIB(4), &pinned));
}

/* The rings of user queues are host memory, too. */
TEST_F(quota, rings)
{
	struct drm_aci_queue_create create;
	struct aci_ctx ctx;
	struct uq uq;

	ASSERT_OK(file_write(PARAMETERS "user_pinned_mib", "1"));
	/* As root: the node's mode is not the subject. */
	ASSERT_OK(uctx_init(&ctx, 0));
	ASSERT_OK(become(ALICE));
	ASSERT_OK(uq_describe(&uq, &ctx, ACI_ENGINE_CLASS_COPY, KIB(32), &create));
	EXPECT_EQ(-EDQUOT, uq_create(&uq, &create));
	ASSERT_OK(uq_init(&uq, &ctx, ACI_ENGINE_CLASS_COPY, UQ_TIMEOUT_MS));
	EXPECT_OK(uq_run(&uq, desc_nop()));
	uq_unmap(&uq);
	aci_ctx_fini(&ctx);
}

TEST_F(quota, not_for_the_privileged)
{
	struct share share;

	ASSERT_OK(file_write(PARAMETERS "user_vms", "1"));
	share = take_vms(self->fd);
	EXPECT_EQ(-ENOSPC, share.err);
	EXPECT_LT(self->device.vms_max / 2, share.count);
}

TEST_HARNESS_MAIN
