// SPDX-License-Identifier: GPL-2.0
/*
 * Device coredumps: a failed job leaves one that says why, for the administrator
 * alone and with nothing of others in it.
 */
#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "aci_harness.h"
#include "aci_user.h"

#define DUMPS		"/sys/class/devcoredump"
#define TIMEOUT_MS	300
#define BAD_VA		MIB(768)
#define SECRET		0x5ec2e75ec2e75ec2ull
#define RESET_MESSAGE	"^aci [0-9a-f:.]+: .*card reset: .*$"

FIXTURE(coredump) {
	struct aci_ctx ctx;
	struct aci_buf buf;
	struct aci_card where;
	int events;
	char path[PATH_MAX];
	char text[32768];
};

/* The dump of card 0, if there is one. */
static bool find_dump(FIXTURE_DATA(coredump) *self)
{
	char link[PATH_MAX], target[PATH_MAX];
	struct dirent *entry;
	bool found = false;
	DIR *dir;

	dir = opendir(DUMPS);
	while (dir && !found && (entry = readdir(dir))) {
		snprintf(link, sizeof(link), DUMPS "/%s/failing_device", entry->d_name);
		found = realpath(link, target) && !strcmp(target, self->where.sysfs);
		if (found)
			snprintf(self->path, sizeof(self->path), DUMPS "/%.255s/data",
				 entry->d_name);
	}
	if (dir)
		closedir(dir);
	return found;
}

/* The kernel does it a little later, and tells. */
static bool drop_dump(FIXTURE_DATA(coredump) *self)
{
	if (!find_dump(self))
		return true;
	if (file_write(self->path, "0"))
		return false;
	while (find_dump(self))
		if (!uevents_have(self->events, "SUBSYSTEM=devcoredump"))
			return false;
	return true;
}

static int read_text(FIXTURE_DATA(coredump) *self)
{
	size_t bytes = 0;
	ssize_t got;
	int fd;

	fd = open(self->path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	do {
		got = read(fd, self->text + bytes, sizeof(self->text) - 1 - bytes);
		bytes += got > 0 ? (size_t)got : 0;
	} while (got > 0);
	close(fd);
	self->text[bytes] = '\0';
	return got < 0 ? -EIO : 0;
}

/* Wait for a dump, and read all of it. */
static int read_dump(FIXTURE_DATA(coredump) *self)
{
	while (!find_dump(self))
		if (!uevents_have(self->events, "SUBSYSTEM=devcoredump"))
			return -ENOENT;
	return read_text(self);
}

static bool dump_has(FIXTURE_DATA(coredump) *self, const char *format, ...)
{
	char wanted[256];
	va_list args;

	va_start(args, format);
	vsnprintf(wanted, sizeof(wanted), format, args);
	va_end(args);
	return strstr(self->text, wanted);
}

/* Addresses of the kernel begin with 16 bits of ones. */
static bool dump_has_kernel_address(FIXTURE_DATA(coredump) *self)
{
	const char *at = self->text;

	for (; (at = strstr(at, "ffff")); at += 4) {
		unsigned int digits = 0;

		if (at > self->text && isxdigit((unsigned char)at[-1]))
			continue;
		while (isxdigit((unsigned char)at[digits]))
			digits++;
		if (digits == 16)
			return true;
	}
	return false;
}

FIXTURE_SETUP(coredump)
{
	ASSERT_OK(aci_card_find(0, &self->where));
	self->events = uevents_open();
	ASSERT_LE(0, self->events);
	ASSERT_TRUE(drop_dump(self));
	ASSERT_OK(aci_ctx_init(&self->ctx, 0, ACI_ENGINE_CLASS_COPY, TIMEOUT_MS));
	ASSERT_OK(aci_buf_init(&self->ctx, &self->buf, KIB(64), DRM_ACI_PLACEMENT_HOST, 0));
}

FIXTURE_TEARDOWN(coredump)
{
	card_ctl("clear", NULL, 0);
	close(self->events);
	aci_ctx_fini(&self->ctx);
}

TEST_F(coredump, page_fault)
{
	struct aci_desc descs[3] = { desc_nop(), desc_fill(BAD_VA, 64, 1, 8), desc_nop() };

	ASSERT_EQ(-EFAULT, aci_run(self->ctx.fd, self->ctx.queue, descs, 3));
	ASSERT_OK(read_dump(self));
	EXPECT_TRUE(dump_has(self, "aci coredump version 1\ntime: "));
	EXPECT_TRUE(dump_has(self, "\ndevice: %s\n", self->where.pci));
	EXPECT_TRUE(dump_has(self, "serial VCARD0,"));
	EXPECT_TRUE(dump_has(self, "\nstatus: 0x0108 (page fault)\nindex: 1\ninfo: %#llx\n",
			     BAD_VA));
	EXPECT_TRUE(dump_has(self, "\nkind: kernel\n"));
	EXPECT_TRUE(dump_has(self, "\nprocess: %d test_coredump\n", getpid()));
	EXPECT_TRUE(dump_has(self, "\n[record]\n"));
	EXPECT_TRUE(dump_has(self, "\nerror_index: 1\nerror_info: %#llx\n", BAD_VA));
	EXPECT_TRUE(dump_has(self, "\n[registers]\nMAGIC: 0x30494341\n"));
	EXPECT_TRUE(dump_has(self, "\n1 failed: opcode 0x%02x flags 0x00", ACI_OP_FILL));
	EXPECT_TRUE(dump_has(self, "\n2: opcode 0x%02x ", ACI_OP_NOP));
	/* The way ends where nothing is mapped. */
	EXPECT_TRUE(dump_has(self, "\n[page tables]\nlevel 3 entry 0: table\n"));
	EXPECT_TRUE(dump_has(self, "entry %u: not valid\n",
			     (unsigned int)(BAD_VA >> 21 & 511)));
	EXPECT_FALSE(dump_has_kernel_address(self));
}

/* The page is there, and not to be written. */
static void check_readonly(struct __test_metadata *_metadata, FIXTURE_DATA(coredump) *self,
			   const struct aci_buf *buf, __u64 bytes)
{
	__u64 va = aci_ctx_take_va(&self->ctx, bytes);

	ASSERT_OK(aci_bind(self->ctx.fd, self->ctx.vm, buf->handle, 0, va, bytes,
			   DRM_ACI_BIND_READONLY));
	ASSERT_EQ(-EFAULT, aci_run_one(&self->ctx, desc_fill(va, 64, 1, 8)));
	ASSERT_OK(read_dump(self));
}

TEST_F(coredump, readonly_host_page)
{
	check_readonly(_metadata, self, &self->buf, KIB(64));
	EXPECT_TRUE(dump_has(self, "\nlevel 0 entry 0: 4 KiB, read, host memory\n"));
	EXPECT_FALSE(dump_has_kernel_address(self));
}

TEST_F(coredump, readonly_card_leaf)
{
	struct aci_buf card;

	ASSERT_OK(aci_buf_init(&self->ctx, &card, MIB(4), DRM_ACI_PLACEMENT_CARD, 0));
	check_readonly(_metadata, self, &card, MIB(4));
	EXPECT_TRUE(dump_has(self, ": 2 MiB, read, card memory 0x"));
}

TEST_F(coredump, hung_job)
{
	struct aci_desc nop = desc_nop();

	ASSERT_OK(card_ctl("hang next", NULL, 0));
	ASSERT_EQ(-ETIMEDOUT, aci_run(self->ctx.fd, self->ctx.queue, &nop, 1));
	ASSERT_OK(read_dump(self));
	/* The card's last word: it was told to suspend the queue. */
	EXPECT_TRUE(dump_has(self, "\nstatus: 0x0109 (did not give up its engine)\nindex: 0\n"));
	EXPECT_TRUE(dump_has(self, "\ntimeout_ms: %u\n", TIMEOUT_MS));
	EXPECT_TRUE(dump_has(self, "\nstarted: 1\ncompleted: 0\n"));
	EXPECT_TRUE(dump_has(self, "\n0 failed: opcode"));
	EXPECT_FALSE(dump_has(self, "[page tables]"));
}

/* The queue that made a reset of the card necessary is the guilty one. */
TEST_F(coredump, queue_that_led_to_a_card_reset)
{
	struct aci_desc nop = desc_nop();

	ASSERT_OK(card_ctl("reset fail level=queue", NULL, 0));
	ASSERT_OK(card_ctl("hang next", NULL, 0));
	expect_begin("coredump.reset", 1, RESET_MESSAGE);
	ASSERT_EQ(-ETIMEDOUT, aci_run(self->ctx.fd, self->ctx.queue, &nop, 1));
	expect_end("coredump.reset");
	ASSERT_OK(read_dump(self));
	EXPECT_TRUE(dump_has(self, "\nstatus: 0x0109 (did not give up its engine)\n"));
}

TEST_F(coredump, user_queue)
{
	struct aci_ctx ctx;
	struct uq uq;

	ASSERT_OK(uctx_init(&ctx, 0));
	ASSERT_OK(uq_init(&uq, &ctx, ACI_ENGINE_CLASS_COPY, 0));
	ASSERT_OK(uq_run(&uq, desc_nop()));
	ASSERT_EQ(-EIO, uq_run(&uq, desc_fill(BAD_VA, 64, SECRET, 8)));
	ASSERT_OK(read_dump(self));
	EXPECT_TRUE(dump_has(self, "\nkind: user\n"));
	EXPECT_TRUE(dump_has(self, "\nstatus: 0x0108 (page fault)\nindex: 1\ninfo: %#llx\n",
			     BAD_VA));
	EXPECT_TRUE(dump_has(self, "\n[page tables]\n"));
	/* Its ring is memory of the process. */
	EXPECT_FALSE(dump_has(self, "[ring]"));
	EXPECT_FALSE(dump_has(self, "%llx", SECRET));
	uq_unmap(&uq);
	aci_ctx_fini(&ctx);
}

TEST_F(coredump, nothing_of_others)
{
	struct aci_desc secrets[16];
	struct aci_ctx other;
	struct aci_buf buf;

	ASSERT_OK(aci_ctx_init(&other, 0, ACI_ENGINE_CLASS_COPY, 0));
	ASSERT_OK(aci_buf_init(&other, &buf, KIB(64), DRM_ACI_PLACEMENT_HOST, 0));
	for (unsigned int i = 0; i < ARRAY_SIZE(secrets); i++)
		secrets[i] = desc_fill(buf.va, 64, SECRET, 8);
	ASSERT_OK(aci_run(other.fd, other.queue, secrets, ARRAY_SIZE(secrets)));
	ASSERT_EQ(-EFAULT, aci_run_one(&self->ctx, desc_fill(BAD_VA, 64, 1, 8)));
	ASSERT_OK(read_dump(self));
	EXPECT_FALSE(dump_has(self, "%llx", SECRET));
	EXPECT_FALSE(dump_has_kernel_address(self));
	aci_ctx_fini(&other);
}

/* The first failure is the interesting one: it stays until somebody has looked. */
TEST_F(coredump, first_one_stays)
{
	ASSERT_EQ(-EFAULT, aci_run_one(&self->ctx, desc_fill(BAD_VA, 64, 1, 8)));
	ASSERT_OK(read_dump(self));
	ASSERT_EQ(-EFAULT, aci_run_one(&self->ctx, desc_fill(BAD_VA + MIB(2), 64, 1, 8)));
	ASSERT_TRUE(find_dump(self));
	ASSERT_OK(read_text(self));
	EXPECT_TRUE(dump_has(self, "\ninfo: %#llx\n", BAD_VA));
	ASSERT_TRUE(drop_dump(self));
	ASSERT_EQ(-EFAULT, aci_run_one(&self->ctx, desc_fill(BAD_VA + MIB(2), 64, 1, 8)));
	ASSERT_OK(read_dump(self));
	EXPECT_TRUE(dump_has(self, "\ninfo: %#llx\n", BAD_VA + MIB(2)));
}

/* A process may have any name: it does not make lines of its own. */
TEST_F(coredump, name_of_a_process)
{
	pid_t child;
	int status;

	child = fork();
	ASSERT_LE(0, child);
	if (!child) {
		struct aci_ctx ctx;

		if (file_write("/proc/self/comm", "a\nstatus: 0\n") ||
		    aci_ctx_init(&ctx, 0, ACI_ENGINE_CLASS_COPY, 0))
			_exit(1);
		_exit(aci_run_one(&ctx, desc_fill(BAD_VA, 64, 1, 8)) != -EFAULT);
	}
	ASSERT_EQ(child, waitpid(child, &status, 0));
	ASSERT_EQ(0, status);
	ASSERT_OK(read_dump(self));
	EXPECT_TRUE(dump_has(self, "\nprocess: %d a\\nstatus: 0\\n\n", child));
}

TEST_F(coredump, for_the_administrator_only)
{
	pid_t child;
	int status;

	ASSERT_EQ(-EFAULT, aci_run_one(&self->ctx, desc_fill(BAD_VA, 64, 1, 8)));
	ASSERT_OK(read_dump(self));
	child = fork();
	ASSERT_LE(0, child);
	if (!child) {
		if (setgid(65534) || setuid(65534))
			_exit(2);
		_exit(open(self->path, O_RDONLY) >= 0 || errno != EACCES);
	}
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_EQ(0, status);
}

/* The dump of a card that goes stays for whoever asks what happened. */
TEST_F(coredump, outlives_the_device)
{
	struct drm_aci_query_device device;

	ASSERT_EQ(-EFAULT, aci_run_one(&self->ctx, desc_fill(BAD_VA, 64, 1, 8)));
	ASSERT_OK(file_write("/sys/bus/pci/drivers/aci/unbind", self->where.pci));
	EXPECT_EQ(-ENODEV, aci_query(self->ctx.fd, DRM_ACI_QUERY_DEVICE, 0, &device,
				     sizeof(device)));
	EXPECT_OK(read_dump(self));
	EXPECT_TRUE(dump_has(self, "\ninfo: %#llx\n", BAD_VA));
	ASSERT_OK(file_write("/sys/bus/pci/drivers/aci/bind", self->where.pci));
}

TEST_HARNESS_MAIN
