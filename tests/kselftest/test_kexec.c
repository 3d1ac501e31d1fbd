// SPDX-License-Identifier: GPL-2.0
/*
 * The next kernel finds a card that the one before left at work (R26):
 *
 *	test_kexec orderly	it was restarted by kexec: shutdown() has stopped the card
 *	test_kexec crash	it crashed: the card has its queues still, and works on them as
 *				far as the next kernel leaves it bus mastering, until probe()
 *				stops it. Wants "crashkernel=" in the guest.
 *
 * The first time the program puts the card to work and restarts the kernel. In the
 * next one, which it tells by "test.kexec" on the command line, it looks at the card,
 * loads the driver and is a usual test.
 */
#include <fcntl.h>
#include <glob.h>
#include <linux/kexec.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/reboot.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "aci_harness.h"
#include "aci_user.h"

#define FOLLOWER	" test.kexec"
#define RELEASES	"build/kernels/*/release"
/* So much that the card is at it for longer than a kernel takes to boot. */
#define COPY_BYTES	MIB(32)
#define ENTRIES		16384u

static bool crashed;

/* --- The first kernel --- */

/* The folder that the running kernel was unpacked to. */
static int find_kernel(char *folder, size_t bytes)
{
	struct utsname running;
	char release[128];
	glob_t found;
	int err = -ENOENT;
	size_t i;

	if (uname(&running) || glob(RELEASES, 0, NULL, &found))
		return -ENOENT;
	for (i = 0; i < found.gl_pathc && err; i++) {
		if (file_read(found.gl_pathv[i], release, sizeof(release)) < 0 ||
		    strcmp(release, running.release))
			continue;
		snprintf(folder, bytes, "%.*s", (int)(strrchr(found.gl_pathv[i], '/') -
						      found.gl_pathv[i]), found.gl_pathv[i]);
		err = 0;
	}
	globfree(&found);
	return err;
}

/* The same as now, but the test loads the driver, and knows that it is its turn. */
static int make_command_line(char *line, size_t bytes)
{
	char *at;

	if (file_read("/proc/cmdline", line, bytes - 64) < 0)
		return -errno;
	at = strstr(line, "rig.ko=");
	if (!at)
		return -ENOENT;
	memcpy(at, "new.ko=", 7);
	at = strstr(line, "crashkernel=");
	if (at)
		memcpy(at, "test.", 5);
	strcat(line, FOLLOWER);
	/* One processor, as a dump kernel has: it cannot start the others. */
	if (crashed)
		strcat(line, " nr_cpus=1");
	return 0;
}

static int load_kernel(void)
{
	char folder[256], path[512], line[4096];
	int kernel, initrd, err;

	err = find_kernel(folder, sizeof(folder));
	err = err ?: make_command_line(line, sizeof(line));
	if (err)
		return err;
	snprintf(path, sizeof(path), "%s/vmlinuz", folder);
	kernel = open(path, O_RDONLY | O_CLOEXEC);
	snprintf(path, sizeof(path), "build/cache/initramfs-%s", strrchr(folder, '/') + 1);
	initrd = open(path, O_RDONLY | O_CLOEXEC);
	if (kernel < 0 || initrd < 0)
		return -errno;
	if (syscall(SYS_kexec_file_load, kernel, initrd, strlen(line) + 1, line,
		    crashed ? KEXEC_FILE_ON_CRASH : 0))
		return -errno;
	return 0;
}

static int put_to_work(void)
{
	struct drm_aci_queue_create create = { 0 };
	struct aci_buf from, to, card;
	struct aci_ctx ctx;
	struct uq uq = { 0 };
	unsigned int i;
	int err;

	err = uctx_init(&ctx, 0);
	err = err ?: aci_buf_init(&ctx, &from, COPY_BYTES, DRM_ACI_PLACEMENT_HOST, 0);
	err = err ?: aci_buf_init(&ctx, &to, COPY_BYTES, DRM_ACI_PLACEMENT_HOST, 0);
	err = err ?: aci_buf_init(&ctx, &card, MIB(64), DRM_ACI_PLACEMENT_CARD,
				  DRM_ACI_BO_CPU_ACCESS);
	err = err ?: uq_describe(&uq, &ctx, ACI_ENGINE_CLASS_COPY, ENTRIES, &create);
	create.timeout_ms = 600000;
	err = err ?: uq_create(&uq, &create);
	if (err)
		return err;
	data_fill(from.map, COPY_BYTES, 3);
	data_fill(card.map, MIB(64), 5);
	for (i = 0; i < ENTRIES - 1; i++)
		uq_put(&uq, desc_copy(from.va, to.va, COPY_BYTES));
	uq_tell(&uq);
	return uq_wait(&uq, 1);
}

/* Does not come back. */
static int leave_kernel(void)
{
	int err = load_kernel();

	err = err ?: put_to_work();
	if (!err && crashed)
		file_write("/proc/sysrq-trigger", "c");
	else if (!err && reboot(RB_KEXEC))
		err = -errno;
	printf("Bail out! the next kernel does not start: %s\n", strerror(-err));
	return 1;
}

/* --- The next one --- */

static int load_driver(void)
{
	char line[4096], command[1024];
	const char *ko;

	if (file_read("/proc/cmdline", line, sizeof(line)) < 0)
		return -errno;
	ko = strstr(line, "new.ko=");
	if (!ko)
		return -ENOENT;
	ko += strlen("new.ko=");
	snprintf(command, sizeof(command),
		 "modprobe -a $(modinfo -F depends %1$.*2$s | tr , ' ') && insmod %1$.*2$s", ko,
		 (int)strcspn(ko, " "));
	return system(command) ? -EIO : 0;
}

static bool memory_is_zero(struct aci_ctx *ctx)
{
	__u64 bytes = aci_card_free_bytes(ctx->fd);
	struct aci_buf buf;
	bool zero;

	if (aci_buf_init(ctx, &buf, bytes, DRM_ACI_PLACEMENT_CARD, DRM_ACI_BO_CPU_ACCESS))
		return false;
	zero = data_is(buf.map, bytes, 0);
	aci_buf_fini(ctx, &buf);
	return zero;
}

/* Whether the card knows a queue. */
static bool card_has_queue(void)
{
	static char reply[1 << 16];

	return !card_ctl("stats", reply, sizeof(reply)) && strstr(reply, "\"queues\":[{");
}

TEST(card_is_stopped_and_works)
{
	struct aci_ctx ctx;
	struct aci_card card;
	char path[320], text[32];

	EXPECT_FALSE(!crashed && card_engine_busy("copy"));
	ASSERT_EQ(crashed, card_has_queue());
	ASSERT_OK(load_driver());
	EXPECT_FALSE(card_engine_busy("copy"));
	EXPECT_FALSE(card_has_queue());
	ASSERT_OK(aci_card_find(0, &card));
	snprintf(path, sizeof(path), "%s/aci/state", card.sysfs);
	ASSERT_LT(0, file_read(path, text, sizeof(text)));
	EXPECT_STREQ("ok", text);
	ASSERT_OK(aci_ctx_init(&ctx, 0, ACI_ENGINE_CLASS_COPY, 0));
	EXPECT_TRUE(memory_is_zero(&ctx));
	EXPECT_OK(aci_run_one(&ctx, desc_nop()));
	aci_ctx_fini(&ctx);
}

int main(int argc, char **argv)
{
	char line[4096];

	if (argc != 2 || (strcmp(argv[1], "orderly") && strcmp(argv[1], "crash"))) {
		fprintf(stderr, "usage: %s orderly|crash\n", argv[0]);
		return 2;
	}
	crashed = !strcmp(argv[1], "crash");
	if (file_read("/proc/cmdline", line, sizeof(line)) < 0)
		return 1;
	if (!strstr(line, FOLLOWER))
		return leave_kernel();
	return test_harness_run(1, argv);
}
