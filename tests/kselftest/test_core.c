// SPDX-License-Identifier: GPL-2.0
/*
 * Around the driver's own ioctls: calls of the DRM core that must not be
 * reached on an accel node, permissions, fdinfo, sysfs.
 */
#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <sys/stat.h>

#include "aci_harness.h"

#define NOBODY	65534

/* 32-bit callers: int 0x80 enters the compat system calls from a 64-bit process. */
#define COMPAT_NR_GETPID	20
#define COMPAT_NR_IOCTL		54

static long compat_syscall(long nr, long a, long b, long c)
{
	long ret = nr;

#ifdef __x86_64__
	asm volatile("int $0x80" : "+a"(ret) : "b"(a), "c"(b), "d"(c)
		     : "memory", "r8", "r9", "r10", "r11");
#else
	ret = -ENOSYS;
#endif
	return (int)ret;
}

static bool compat_works(void)
{
	int status;
	pid_t child = fork();

	if (!child)
		_exit(compat_syscall(COMPAT_NR_GETPID, 0, 0, 0) == getpid() ? 0 : 1);
	return waitpid(child, &status, 0) == child && !status;
}

/* Calls of the DRM core. */
FIXTURE(core) {
	struct aci_ctx ctx;
};

FIXTURE_VARIANT(core) {
	bool nobody;
};

FIXTURE_VARIANT_ADD(core, root) { false };
FIXTURE_VARIANT_ADD(core, nobody) { true };

FIXTURE_SETUP(core)
{
	ASSERT_OK(aci_ctx_init(&self->ctx, 0, ACI_ENGINE_CLASS_COPY, 0));
	if (variant->nobody) {
		ASSERT_OK(setgroups(0, NULL));
		ASSERT_OK(setgid(NOBODY));
		ASSERT_OK(setuid(NOBODY));
	}
}

FIXTURE_TEARDOWN(core)
{
	aci_ctx_fini(&self->ctx);
}

/* On stock kernels the first two dereference NULL on an accel node. */
static const unsigned long refused_calls[] = {
	DRM_IOCTL_GET_UNIQUE, DRM_IOCTL_GET_MAGIC, DRM_IOCTL_IRQ_BUSID, DRM_IOCTL_SET_VERSION,
	DRM_IOCTL_SET_UNIQUE, DRM_IOCTL_AUTH_MAGIC, DRM_IOCTL_SET_MASTER, DRM_IOCTL_DROP_MASTER,
	DRM_IOCTL_MODE_GETRESOURCES, DRM_IOCTL_MODE_CREATE_DUMB, DRM_IOCTL_MODE_ADDFB,
	DRM_IOCTL_MODE_CREATE_LEASE, DRM_IOCTL_MODE_LIST_LESSEES, DRM_IOCTL_GET_MAP,
	DRM_IOCTL_ADD_CTX, DRM_IOCTL_LOCK, DRM_IOCTL_WAIT_VBLANK,
};

static bool is_refusal(long err)
{
	return err == -ENOTTY || err == -EACCES;
}

TEST_F(core, refused)
{
	unsigned int i;
	__u8 arg[256];

	for (i = 0; i < ARRAY_SIZE(refused_calls); i++) {
		memset(arg, 0, sizeof(arg));
		EXPECT_TRUE(is_refusal(aci_ioctl(self->ctx.fd, refused_calls[i], arg)))
			TH_LOG("ioctl nr %#lx", refused_calls[i] & 0xff);
	}
	EXPECT_OK(aci_run_one(&self->ctx, desc_nop()));
}

TEST_F(core, refused_for_32_bit)
{
	unsigned int i;
	__u8 *arg;

	if (!compat_works())
		SKIP(return, "kernel without 32-bit system calls");
	arg = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT,
		   -1, 0);
	ASSERT_NE(MAP_FAILED, arg);
	for (i = 0; i < ARRAY_SIZE(refused_calls); i++) {
		/* The size field as 32-bit callers have it: 8 bytes for GET_UNIQUE. */
		unsigned long cmd = refused_calls[i] == DRM_IOCTL_GET_UNIQUE ?
			(unsigned long)DRM_IOWR(0x01, __u64) : refused_calls[i];

		memset(arg, 0, 4096);
		EXPECT_TRUE(is_refusal(compat_syscall(COMPAT_NR_IOCTL, self->ctx.fd, (long)cmd,
						      (long)arg)))
			TH_LOG("ioctl nr %#lx", cmd & 0xff);
	}
	EXPECT_OK(aci_run_one(&self->ctx, desc_nop()));
}

/* Our own structures have one layout: a 32-bit caller gets the same answer. */
TEST_F(core, own_calls_work_for_32_bit)
{
	struct drm_aci_query_device device;
	struct drm_aci_query *query;

	if (!compat_works())
		SKIP(return, "kernel without 32-bit system calls");
	query = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT,
		     -1, 0);
	ASSERT_NE(MAP_FAILED, query);
	query->type = DRM_ACI_QUERY_DEVICE;
	query->size = sizeof(device);
	query->ptr = USER_PTR(query + 1);
	ASSERT_EQ(0, compat_syscall(COMPAT_NR_IOCTL, self->ctx.fd, (long)DRM_IOCTL_ACI_QUERY,
				    (long)query));
	ASSERT_OK(aci_query(self->ctx.fd, DRM_ACI_QUERY_DEVICE, 0, &device, sizeof(device)));
	EXPECT_EQ(0, memcmp(&device, query + 1, sizeof(device)));
}

TEST_F(core, unknown_calls)
{
	unsigned int nr;
	__u8 arg[256] = { 0 };

	/* The rest of the driver's own range. */
	for (nr = DRM_COMMAND_BASE + DRM_ACI_SUBMIT + 1; nr < DRM_COMMAND_END; nr++)
		EXPECT_GT(0, aci_ioctl(self->ctx.fd, DRM_IOWR(nr, __u64), arg));
	EXPECT_EQ(-ENOTTY, aci_ioctl(self->ctx.fd, _IOWR('x', 0, __u64), arg));
	EXPECT_OK(aci_run_one(&self->ctx, desc_nop()));
}

/* A short structure is extended by zeros, a long one keeps its start. */
TEST_F(core, sizes_of_structures)
{
	struct { struct drm_aci_vm_create create; __u64 tail[2]; } longer = { 0 };

	EXPECT_OK(aci_ioctl(self->ctx.fd, DRM_IOWR(DRM_COMMAND_BASE + DRM_ACI_VM_CREATE,
						   __typeof__(longer)), &longer));
	EXPECT_NE(0, longer.create.vm_id);
	EXPECT_OK(aci_vm_destroy(self->ctx.fd, longer.create.vm_id));
	/* Eight bytes of QUEUE_DESTROY's own; four lack the padding only. */
	EXPECT_OK(aci_ioctl(self->ctx.fd, DRM_IOW(DRM_COMMAND_BASE + DRM_ACI_QUEUE_DESTROY, __u32),
			    &self->ctx.queue));
}

TEST_F(core, bad_argument_pointer)
{
	unsigned int nr;

	for (nr = DRM_ACI_QUERY; nr <= DRM_ACI_SUBMIT; nr++)
		EXPECT_EQ(-EFAULT, aci_ioctl(self->ctx.fd,
					     DRM_IOWR(DRM_COMMAND_BASE + nr, struct drm_aci_query),
					     (void *)8));
}

/* Who may do what. */
FIXTURE(permission) {
	struct aci_card card;
	mode_t mode;
};

FIXTURE_SETUP(permission)
{
	struct stat stat_buf;

	ASSERT_OK(aci_card_find(0, &self->card));
	ASSERT_OK(stat(self->card.node, &stat_buf));
	self->mode = stat_buf.st_mode & 07777;
}

FIXTURE_TEARDOWN(permission)
{
	chmod(self->card.node, self->mode);
}

static int as_nobody(int (*work)(void))
{
	int status;
	pid_t child = fork();

	if (!child) {
		if (setgroups(0, NULL) || setgid(NOBODY) || setuid(NOBODY))
			_exit(90);
		_exit(work());
	}
	return waitpid(child, &status, 0) == child && WIFEXITED(status) ?
		WEXITSTATUS(status) : -1;
}

static int work_open(void)
{
	int fd = aci_open(0);

	return fd < 0 ? -fd : 0;
}

static int work_job(void)
{
	struct aci_ctx ctx;
	struct aci_buf host, card;

	if (aci_ctx_init(&ctx, 0, ACI_ENGINE_CLASS_COPY, 0))
		return 1;
	if (aci_buf_init(&ctx, &host, KIB(64), DRM_ACI_PLACEMENT_HOST, 0) ||
	    aci_buf_init(&ctx, &card, KIB(32), DRM_ACI_PLACEMENT_CARD, 0))
		return 2;
	data_fill(host.map, KIB(32), 1);
	if (aci_run_one(&ctx, desc_copy(host.va, card.va, KIB(32))) ||
	    aci_run_one(&ctx, desc_copy(card.va, host.va + KIB(32), KIB(32))))
		return 3;
	return data_check((char *)host.map + KIB(32), KIB(32), 1) == -1 ? 0 : 4;
}

/* Return: 0 if HIGH is refused with EPERM and all below works. */
static int work_priorities(void)
{
	struct drm_aci_queue_create create = { .ring_entries = 64 };
	int fd = aci_open(0), err;

	if (fd < 0 || aci_vm_create(fd, &create.vm_id))
		return 1;
	for (create.priority = 0; create.priority <= ACI_PRIORITY_MAX; create.priority++) {
		err = aci_ioctl(fd, DRM_IOCTL_ACI_QUEUE_CREATE, &create);
		if (err != (create.priority == ACI_PRIORITY_MAX ? -EPERM : 0))
			return 2 + create.priority;
	}
	return 0;
}

TEST_F(permission, node_is_not_open_to_all)
{
	EXPECT_EQ(0, self->mode & 0002);
	ASSERT_OK(chmod(self->card.node, 0600));
	EXPECT_EQ(EACCES, as_nobody(work_open));
}

TEST_F(permission, nobody_runs_jobs_on_an_open_node)
{
	ASSERT_OK(chmod(self->card.node, 0666));
	EXPECT_EQ(0, as_nobody(work_job));
}

TEST_F(permission, highest_priority_needs_cap_sys_nice)
{
	struct drm_aci_query_device device;
	int fd = aci_open(0);

	ASSERT_OK(aci_query(fd, DRM_ACI_QUERY_DEVICE, 0, &device, sizeof(device)));
	close(fd);
	if (device.priorities <= ACI_PRIORITY_MAX)
		SKIP(return, "card with fewer priorities");
	ASSERT_OK(chmod(self->card.node, 0666));
	EXPECT_EQ(0, as_nobody(work_priorities));
}

/* What tools read. */
FIXTURE_CTX(telemetry, ACI_ENGINE_CLASS_COPY)

/* Return: the text after "KEY:" and blanks, or NULL. */
static const char *fdinfo_find(const char *text, const char *key, char *value, size_t bytes)
{
	const char *line = text;
	size_t length = strlen(key);

	while (line) {
		if (!strncmp(line, key, length) && line[length] == ':') {
			snprintf(value, bytes, "%s", line + length + 1 +
				 strspn(line + length + 1, " \t"));
			value[strcspn(value, "\n")] = '\0';
			return value;
		}
		line = strchr(line, '\n');
		line = line ? line + 1 : NULL;
	}
	return NULL;
}

static ssize_t fdinfo_read(int fd, char *text, size_t bytes)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	return file_read(path, text, bytes);
}

TEST_F(telemetry, fdinfo)
{
	char text[4096], value[128];
	unsigned long long before, after;
	struct aci_card card;
	struct aci_buf buf;
	unsigned int i;

	ASSERT_OK(aci_card_find(0, &card));
	ASSERT_LT(0, fdinfo_read(self->ctx.fd, text, sizeof(text)));
	ASSERT_NE(NULL, fdinfo_find(text, "drm-driver", value, sizeof(value)));
	EXPECT_STREQ("aci", value);
	ASSERT_NE(NULL, fdinfo_find(text, "drm-pdev", value, sizeof(value)));
	EXPECT_STREQ(card.pci, value);
	ASSERT_NE(NULL, fdinfo_find(text, "drm-client-id", value, sizeof(value)));
	EXPECT_LT(0, strtoull(value, NULL, 10));
	ASSERT_NE(NULL, fdinfo_find(text, "drm-engine-copy", value, sizeof(value)));
	EXPECT_NE(NULL, strstr(value, " ns"));
	before = strtoull(value, NULL, 10);

	ASSERT_OK(aci_buf_init(&self->ctx, &buf, MIB(4), DRM_ACI_PLACEMENT_HOST, 0));
	for (i = 0; i < 20; i++)
		ASSERT_OK(aci_run_one(&self->ctx, desc_fill(buf.va, MIB(4), i, 1)));
	ASSERT_LT(0, fdinfo_read(self->ctx.fd, text, sizeof(text)));
	ASSERT_NE(NULL, fdinfo_find(text, "drm-engine-copy", value, sizeof(value)));
	after = strtoull(value, NULL, 10);
	EXPECT_LT(before, after);
	/* It does not fall when the queue that did the work is gone. */
	ASSERT_OK(aci_queue_destroy(self->ctx.fd, self->ctx.queue));
	ASSERT_LT(0, fdinfo_read(self->ctx.fd, text, sizeof(text)));
	ASSERT_NE(NULL, fdinfo_find(text, "drm-engine-copy", value, sizeof(value)));
	EXPECT_LE(after, strtoull(value, NULL, 10));
}

TEST_F(telemetry, fdinfo_of_idle_file_stays)
{
	struct aci_ctx idle;
	struct aci_buf buf;
	char text[4096], value[128];
	unsigned long long before;

	ASSERT_OK(aci_ctx_init(&idle, 0, ACI_ENGINE_CLASS_COPY, 0));
	ASSERT_LT(0, fdinfo_read(idle.fd, text, sizeof(text)));
	ASSERT_NE(NULL, fdinfo_find(text, "drm-engine-copy", value, sizeof(value)));
	before = strtoull(value, NULL, 10);
	ASSERT_OK(aci_buf_init(&self->ctx, &buf, MIB(4), DRM_ACI_PLACEMENT_HOST, 0));
	ASSERT_OK(aci_run_one(&self->ctx, desc_fill(buf.va, MIB(4), 1, 1)));
	ASSERT_LT(0, fdinfo_read(idle.fd, text, sizeof(text)));
	ASSERT_NE(NULL, fdinfo_find(text, "drm-engine-copy", value, sizeof(value)));
	EXPECT_EQ(before, strtoull(value, NULL, 10));
	aci_ctx_fini(&idle);
}

/* Every attribute that says it is readable is, and says something. */
TEST_F(telemetry, sysfs_attributes)
{
	char path[PATH_MAX], text[4096];
	struct dirent *entry;
	struct aci_card card;
	struct stat stat_buf;
	unsigned int count = 0;
	DIR *dir;

	ASSERT_OK(aci_card_find(0, &card));
	snprintf(path, sizeof(path), "%s/aci", card.sysfs);
	dir = opendir(path);
	ASSERT_NE(NULL, dir);
	while ((entry = readdir(dir))) {
		snprintf(path, sizeof(path), "%s/aci/%s", card.sysfs, entry->d_name);
		if (stat(path, &stat_buf) || !S_ISREG(stat_buf.st_mode) ||
		    !(stat_buf.st_mode & 0400))
			continue;
		EXPECT_LT(0, file_read(path, text, sizeof(text)))
			TH_LOG("%s", path);
		count++;
	}
	closedir(dir);
	EXPECT_LE(5, count);
}

TEST_F(telemetry, sysfs_serial_is_identify_serial)
{
	struct aci_identify_card identify;
	char path[PATH_MAX], text[256];
	struct aci_card card;

	ASSERT_OK(aci_card_find(0, &card));
	ASSERT_OK(aci_query(self->ctx.fd, DRM_ACI_QUERY_IDENTIFY_CARD, 0, &identify,
			    sizeof(identify)));
	snprintf(path, sizeof(path), "%s/aci/serial", card.sysfs);
	ASSERT_LT(0, file_read(path, text, sizeof(text)));
	EXPECT_STREQ(identify.serial, text);
}

TEST_HARNESS_MAIN
