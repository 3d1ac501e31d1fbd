// SPDX-License-Identifier: GPL-2.0
/*
 * The module and the device come and go under load. Runs last: what fails
 * here may leave the machine without a driver.
 */
#include <fcntl.h>
#include <signal.h>
#include <sys/syscall.h>

#include "aci_harness.h"

#define DRIVER	"/sys/bus/pci/drivers/aci"

static int module_remove(void)
{
	return syscall(SYS_delete_module, "aci", O_NONBLOCK) ? -errno : 0;
}

static int module_insert(void)
{
	return system("modprobe aci") ? -ENOEXEC : 0;
}

/* What the last close left to the kernel's own threads needs a moment; no event tells. */
static int module_remove_soon(void)
{
	__u64 end = now_ns() + aci_wait_ns();
	int err;

	do {
		err = module_remove();
	} while ((err == -EAGAIN || err == -EBUSY) && now_ns() < end);
	return err;
}

FIXTURE(module) {
	unsigned int cards;
	struct aci_card card;
};

FIXTURE_SETUP(module)
{
	self->cards = aci_card_count();
	ASSERT_LT(0, self->cards);
	ASSERT_OK(aci_card_find(0, &self->card));
}

FIXTURE_TEARDOWN(module)
{
	/* For the next test, whatever this one left behind. */
	if (!aci_card_count()) {
		file_write(DRIVER "/bind", self->card.pci);
		module_insert();
	}
}

static int run_a_job(void)
{
	struct aci_ctx ctx;
	struct aci_buf host, card;
	int err;

	err = aci_ctx_init(&ctx, 0, ACI_ENGINE_CLASS_COPY, 0);
	if (err)
		return err;
	err = aci_buf_init(&ctx, &host, KIB(64), DRM_ACI_PLACEMENT_HOST, 0);
	if (!err)
		err = aci_buf_init(&ctx, &card, KIB(64), DRM_ACI_PLACEMENT_CARD, 0);
	if (!err)
		err = aci_run_one(&ctx, desc_fill(card.va, KIB(64), 0x15, 1));
	if (!err)
		err = aci_run_one(&ctx, desc_copy(card.va, host.va, KIB(64)));
	if (!err && !data_is(host.map, KIB(64), 0x15))
		err = -EILSEQ;
	if (host.map)
		munmap(host.map, host.bytes);
	aci_ctx_fini(&ctx);
	return err;
}

TEST_F(module, removed_and_inserted)
{
	unsigned int round;

	for (round = 0; round < 5; round++) {
		ASSERT_OK(module_remove_soon());
		ASSERT_EQ(0, aci_card_count());
		ASSERT_OK(module_insert());
		ASSERT_EQ(self->cards, aci_card_count());
		ASSERT_OK(run_a_job());
	}
}

TEST_F(module, open_file_holds_it)
{
	int fd = aci_open(0);

	ASSERT_LE(0, fd);
	EXPECT_EQ(-EAGAIN, module_remove());
	close(fd);
	EXPECT_OK(module_remove_soon());
	EXPECT_OK(module_insert());
}

TEST_F(module, mapping_holds_it)
{
	struct aci_ctx ctx;
	struct aci_buf buf;

	ASSERT_OK(aci_ctx_init(&ctx, 0, ACI_ENGINE_CLASS_COPY, 0));
	ASSERT_OK(aci_buf_init(&ctx, &buf, KIB(64), DRM_ACI_PLACEMENT_CARD,
			       DRM_ACI_BO_CPU_ACCESS));
	aci_ctx_fini(&ctx);
	EXPECT_EQ(-EAGAIN, module_remove());
	*(volatile char *)buf.map = 1;
	ASSERT_OK(munmap(buf.map, buf.bytes));
	EXPECT_OK(module_remove_soon());
	EXPECT_OK(module_insert());
}

/* Fences outlive their file, and their code must not go before them. */
TEST_F(module, unsignalled_sync_file_holds_it)
{
	struct drm_aci_sync syncs[2] = { { 0 }, { .flags = DRM_ACI_SYNC_SIGNAL } };
	struct aci_desc nop = desc_nop();
	struct aci_gate gate;
	struct aci_ctx ctx;
	int sync_file;

	ASSERT_OK(aci_gate_init(&gate));
	ASSERT_OK(aci_ctx_init(&ctx, 0, ACI_ENGINE_CLASS_COPY, 0));
	ASSERT_OK(aci_gate_syncobj(&gate, ctx.fd, &syncs[0].handle));
	ASSERT_OK(aci_sync_new(ctx.fd, &syncs[1].handle));
	ASSERT_OK(aci_submit(ctx.fd, ctx.queue, &nop, 1, syncs, 2));
	sync_file = aci_sync_export(ctx.fd, syncs[1].handle);
	ASSERT_LE(0, sync_file);
	aci_ctx_fini(&ctx);
	EXPECT_EQ(-ECANCELED, aci_sync_file_result(sync_file));
	/* Its name and its state are the module's code. */
	EXPECT_EQ(-EAGAIN, module_remove());
	EXPECT_EQ(-ECANCELED, aci_sync_file_status(sync_file));
	close(sync_file);
	aci_gate_fini(&gate);
	EXPECT_OK(module_remove_soon());
	EXPECT_OK(module_insert());
	EXPECT_OK(run_a_job());
}

TEST_F(module, signalled_sync_file_holds_it)
{
	struct aci_desc nop = desc_nop();
	struct aci_ctx ctx;
	int sync_file;
	__u32 out;

	ASSERT_OK(aci_ctx_init(&ctx, 0, ACI_ENGINE_CLASS_COPY, 0));
	ASSERT_OK(aci_submit_out(ctx.fd, ctx.queue, &nop, 1, &out));
	sync_file = aci_sync_export(ctx.fd, out);
	ASSERT_LE(0, sync_file);
	ASSERT_OK(aci_sync_file_result(sync_file));
	aci_ctx_fini(&ctx);
	EXPECT_EQ(-EAGAIN, module_remove());
	EXPECT_EQ(1, aci_sync_file_status(sync_file));
	close(sync_file);
	EXPECT_OK(module_remove_soon());
	EXPECT_OK(module_insert());
}

static int unbind(FIXTURE_DATA(module) *self)
{
	return file_write(DRIVER "/unbind", self->card.pci);
}

static int rebind(FIXTURE_DATA(module) *self)
{
	return file_write(DRIVER "/bind", self->card.pci);
}

TEST_F(module, unbound_and_bound_idle)
{
	unsigned int round;

	for (round = 0; round < 3; round++) {
		ASSERT_OK(unbind(self));
		EXPECT_EQ(self->cards - 1, aci_card_count());
		ASSERT_OK(rebind(self));
		ASSERT_EQ(self->cards, aci_card_count());
		ASSERT_OK(run_a_job());
	}
}

/* Everything at once: jobs that run, jobs that wait, memory that is mapped. */
TEST_F(module, unbound_at_work)
{
	struct drm_aci_sync syncs[2] = { { 0 }, { .flags = DRM_ACI_SYNC_SIGNAL } };
	struct drm_aci_bo_mmap_offset offset;
	struct drm_aci_query_device device;
	struct aci_buf host, card, late;
	struct aci_desc descs[64];
	struct aci_gate gate;
	struct aci_ctx ctx;
	unsigned int i;
	__u32 running, handle;
	int err;

	ASSERT_OK(aci_gate_init(&gate));
	ASSERT_OK(aci_ctx_init(&ctx, 0, ACI_ENGINE_CLASS_COPY, 0));
	ASSERT_OK(aci_buf_init(&ctx, &host, MIB(4), DRM_ACI_PLACEMENT_HOST, 0));
	ASSERT_OK(aci_buf_init(&ctx, &card, MIB(4), DRM_ACI_PLACEMENT_CARD,
			       DRM_ACI_BO_CPU_ACCESS));
	ASSERT_OK(aci_buf_init(&ctx, &late, MIB(1), DRM_ACI_PLACEMENT_CARD,
			       DRM_ACI_BO_CPU_ACCESS));
	memset(host.map, 0x51, MIB(4));
	memset(card.map, 0x52, MIB(4));
	for (i = 0; i < 64; i++)
		descs[i] = desc_fill(i & 1 ? host.va : card.va, MIB(4), i, 1);
	ASSERT_OK(aci_gate_syncobj(&gate, ctx.fd, &syncs[0].handle));
	ASSERT_OK(aci_sync_new(ctx.fd, &syncs[1].handle));
	ASSERT_OK(aci_submit_out(ctx.fd, ctx.queue, descs, 64, &running));
	ASSERT_OK(aci_submit(ctx.fd, ctx.queue, descs, 1, syncs, 2));

	ASSERT_OK(unbind(self));

	/* Fences: what did not run ends with ENODEV. */
	err = aci_sync_result(ctx.fd, running, 0);
	EXPECT_TRUE(err == 0 || err == -ENODEV);
	EXPECT_EQ(-ENODEV, aci_sync_result(ctx.fd, syncs[1].handle, 0));
	/* Memory: touched before or never, host or card, nothing kills us. */
	memset(host.map, 0x53, MIB(4));
	EXPECT_TRUE(data_is(host.map, MIB(4), 0x53));
	for (i = 0; i < MIB(4); i += KIB(4))
		((volatile char *)card.map)[i] = ((volatile char *)card.map)[i] + 1;
	for (i = 0; i < MIB(1); i += KIB(4))
		((volatile char *)late.map)[i] = 1;
	/* Calls. */
	EXPECT_EQ(-ENODEV, aci_query(ctx.fd, DRM_ACI_QUERY_DEVICE, 0, &device, sizeof(device)));
	EXPECT_EQ(-ENODEV, aci_submit(ctx.fd, ctx.queue, descs, 1, NULL, 0));
	EXPECT_EQ(-ENODEV, aci_bo_create(ctx.fd, KIB(4), DRM_ACI_PLACEMENT_HOST, 0, &handle));
	EXPECT_EQ(-ENODEV, aci_bind(ctx.fd, ctx.vm, host.handle, 0, host.va, MIB(4), 0));
	EXPECT_EQ(-ENODEV, aci_queue_destroy(ctx.fd, ctx.queue));
	EXPECT_EQ(-ENODEV, aci_vm_create(ctx.fd, &handle));
	offset = (struct drm_aci_bo_mmap_offset){ .handle = card.handle };
	EXPECT_EQ(-ENODEV, aci_ioctl(ctx.fd, DRM_IOCTL_ACI_BO_MMAP_OFFSET, &offset));
	EXPECT_EQ(self->cards - 1, aci_card_count());

	/* A new device next to the old one's file. */
	ASSERT_OK(rebind(self));
	ASSERT_EQ(self->cards, aci_card_count());
	EXPECT_OK(run_a_job());
	EXPECT_EQ(-ENODEV, aci_submit(ctx.fd, ctx.queue, descs, 1, NULL, 0));

	ASSERT_OK(munmap(host.map, host.bytes));
	ASSERT_OK(munmap(card.map, card.bytes));
	ASSERT_OK(munmap(late.map, late.bytes));
	aci_ctx_fini(&ctx);
	aci_gate_fini(&gate);
	EXPECT_OK(run_a_job());
	/* Nothing of the old device is left that would hold the module. */
	EXPECT_OK(module_remove_soon());
	EXPECT_OK(module_insert());
}

/* The new owner of the card's memory finds nothing of the old one's. */
TEST_F(module, memory_is_zero_after_rebinding)
{
	struct aci_ctx ctx;
	struct aci_buf host, card;
	struct drm_aci_query_device device;
	__u64 bytes;

	ASSERT_OK(aci_ctx_init(&ctx, 0, ACI_ENGINE_CLASS_COPY, 0));
	ASSERT_OK(aci_query(ctx.fd, DRM_ACI_QUERY_DEVICE, 0, &device, sizeof(device)));
	for (bytes = MIB(64); aci_buf_init(&ctx, &card, bytes, DRM_ACI_PLACEMENT_CARD, 0);)
		bytes /= 2;
	ASSERT_OK(aci_run_one(&ctx, desc_fill(card.va, bytes, 0x5ec2e7, 8)));
	/* Not freed: the unbinding finds it in use. */
	ASSERT_OK(unbind(self));
	aci_ctx_fini(&ctx);
	ASSERT_OK(rebind(self));
	ASSERT_OK(aci_ctx_init(&ctx, 0, ACI_ENGINE_CLASS_COPY, 0));
	ASSERT_OK(aci_buf_init(&ctx, &host, bytes, DRM_ACI_PLACEMENT_HOST, 0));
	ASSERT_OK(aci_buf_init(&ctx, &card, bytes, DRM_ACI_PLACEMENT_CARD, 0));
	memset(host.map, 0xff, bytes);
	ASSERT_OK(aci_run_one(&ctx, desc_copy(card.va, host.va, bytes)));
	EXPECT_TRUE(data_is(host.map, bytes, 0));
	aci_ctx_fini(&ctx);
}

/* Unbinding while another process submits as fast as it can. */
TEST_F(module, unbound_under_load)
{
	unsigned int round;
	int ready[2], status;
	pid_t child;
	char c;

	for (round = 0; round < 3; round++) {
		ASSERT_OK(pipe(ready));
		child = fork();
		ASSERT_LE(0, child);
		if (!child) {
			struct aci_ctx ctx;
			struct aci_desc nop = desc_nop();
			int err;

			if (aci_ctx_init(&ctx, 0, ACI_ENGINE_CLASS_COPY, 0) ||
			    write(ready[1], "r", 1) != 1)
				_exit(1);
			do {
				err = aci_run(ctx.fd, ctx.queue, &nop, 1);
			} while (!err);
			_exit(err == -ENODEV ? 0 : 2);
		}
		close(ready[1]);
		ASSERT_EQ(1, read(ready[0], &c, 1));
		ASSERT_OK(unbind(self));
		ASSERT_EQ(child, waitpid(child, &status, 0));
		EXPECT_EQ(0, status);
		close(ready[0]);
		ASSERT_OK(rebind(self));
		ASSERT_OK(run_a_job());
	}
}

TEST_HARNESS_MAIN
