// SPDX-License-Identifier: GPL-2.0
/*
 * Card memory on another card, peer to peer.
 *
 * For a guest whose cards sit below one PCIe switch, with a kernel that has
 * CONFIG_PCI_P2PDMA: see tests/vm/suites. What the refusals are is a matter of
 * test_dmabuf. Data does not flow on this rig: QEMU does not give a vfio-user
 * server another device's BAR. So the addresses are looked at, and a job that
 * uses them may fault.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "aci_harness.h"

#define BYTES		MIB(4)
#define DRIVER		"/sys/bus/pci/drivers/aci"
#define INSTANCE	"/sys/kernel/tracing/instances/aci-p2p"

enum { EXPORTER, IMPORTER };

FIXTURE(p2p) {
	struct aci_ctx ctx[2];
	struct aci_card where[2];
	struct aci_buf buf;		/* of the exporter */
	int fd;
	__u32 handle;			/* of the importer */
	__u64 va;
};

static int bind_more(FIXTURE_DATA(p2p) *self, __u64 offset, __u64 va, __u64 bytes)
{
	return aci_bind(self->ctx[IMPORTER].fd, self->ctx[IMPORTER].vm, self->handle, offset, va,
			bytes, 0);
}

FIXTURE_SETUP(p2p)
{
	unsigned int i;

	ASSERT_OK(mkdir(INSTANCE, 0700));
	ASSERT_OK(file_write(INSTANCE "/events/aci/aci_export_map/enable", "1"));
	ASSERT_OK(file_write(INSTANCE "/events/aci/aci_import_revoke/enable", "1"));
	for (i = 0; i < 2; i++) {
		ASSERT_OK(aci_card_find(i, &self->where[i]));
		ASSERT_OK(aci_ctx_init(&self->ctx[i], i, ACI_ENGINE_CLASS_COPY, 0));
	}
	ASSERT_OK(aci_buf_init(&self->ctx[EXPORTER], &self->buf, BYTES, DRM_ACI_PLACEMENT_CARD,
			       DRM_ACI_BO_CPU_ACCESS));
	self->fd = aci_bo_export(self->ctx[EXPORTER].fd, self->buf.handle, DRM_RDWR);
	ASSERT_LE(0, self->fd);
	ASSERT_OK(aci_bo_import(self->ctx[IMPORTER].fd, self->fd, &self->handle));
	self->va = aci_ctx_take_va(&self->ctx[IMPORTER], BYTES);
	ASSERT_OK(bind_more(self, 0, self->va, BYTES));
}

FIXTURE_TEARDOWN(p2p)
{
	close(self->fd);
	aci_ctx_fini(&self->ctx[IMPORTER]);
	aci_ctx_fini(&self->ctx[EXPORTER]);
	file_write(INSTANCE "/events/aci/enable", "0");
	rmdir(INSTANCE);
}

/* The next event @name from @file with its fields behind it; false without one. */
static bool next_event(FILE *file, const char *name, char *line, size_t bytes)
{
	while (fgets(line, (int)bytes, file))
		if (line[0] != '#' && strstr(line, name))
			return true;
	return false;
}

static unsigned long long event_field(const char *line, const char *key)
{
	const char *at = strstr(line, key);

	return at ? strtoull(at + strlen(key), NULL, 0) : ~0ull;
}

/* Bytes that page tables lost when the importer was told; -1: it was not. */
static long long revoked_bytes(void)
{
	FILE *file = fopen(INSTANCE "/trace", "r");
	long long cleared = -1;
	char line[1024];

	while (file && next_event(file, "aci_import_revoke:", line, sizeof(line)))
		cleared = (long long)event_field(line, " cleared=");
	if (file)
		fclose(file);
	return cleared;
}

/* The exporter revokes some time after its reset: no fence tells. */
static long long await_revoked(void)
{
	__u64 end = now_ns() + (__u64)aci_wait_ns();
	long long cleared;

	while ((cleared = revoked_bytes()) < 0 && now_ns() < end)
		usleep(10000);
	return cleared;
}

/* Which of the card's BARs is its memory: the large one that is prefetchable. */
static bool bar_holds(const struct aci_card *card, unsigned long long start,
		      unsigned long long bytes)
{
	unsigned long long first, last, flags;
	char path[320], line[128];
	bool held = false;
	FILE *file;

	snprintf(path, sizeof(path), "%s/resource", card->sysfs);
	file = fopen(path, "r");
	while (file && !held && fgets(line, sizeof(line), file))
		held = sscanf(line, "%llx %llx %llx", &first, &last, &flags) == 3 &&
		       flags & 0x2000 && start >= first && start + bytes - 1 <= last;
	if (file)
		fclose(file);
	return held;
}

/* What the importer gets are addresses of the exporter's BAR, for all of the BO. */
TEST_F(p2p, addresses_are_of_the_bar)
{
	FILE *file = fopen(INSTANCE "/trace", "r");
	char line[1024], dev[64], importer[64];
	unsigned long long total = 0;

	ASSERT_NE(NULL, file);
	snprintf(dev, sizeof(dev), " dev=%s ", self->where[EXPORTER].pci);
	snprintf(importer, sizeof(importer), " importer=%s ", self->where[IMPORTER].pci);
	while (next_event(file, "aci_export_map:", line, sizeof(line))) {
		unsigned long long bytes = event_field(line, " bytes=");

		EXPECT_NE(NULL, strstr(line, dev));
		EXPECT_NE(NULL, strstr(line, importer));
		EXPECT_TRUE(bar_holds(&self->where[EXPORTER], event_field(line, " dma="), bytes))
			TH_LOG("%s", line);
		total += bytes;
	}
	fclose(file);
	EXPECT_EQ(BYTES, total);
}

/* With a way for data, they are right; without one, the queue faults and the rest goes on. */
TEST_F(p2p, job)
{
	int err;

	data_fill(self->buf.map, BYTES / 2, 1);
	err = aci_run_one(&self->ctx[IMPORTER], desc_copy(self->va, self->va + BYTES / 2,
							  BYTES / 2));
	if (err) {
		EXPECT_EQ(ACI_JOB_FAULT, err);
	} else {
		EXPECT_EQ(-1, data_check((char *)self->buf.map + BYTES / 2, BYTES / 2, 1));
	}
	EXPECT_OK(aci_run_one(&self->ctx[IMPORTER], desc_nop()));
	EXPECT_OK(aci_run_one(&self->ctx[EXPORTER], desc_fill(self->buf.va, BYTES, 0x44, 1)));
	EXPECT_TRUE(data_is(self->buf.map, BYTES, 0x44));
}

TEST_F(p2p, card_that_exports_gets_its_own_bo)
{
	__u32 handle;

	ASSERT_OK(aci_bo_import(self->ctx[EXPORTER].fd, self->fd, &handle));
	EXPECT_EQ(self->buf.handle, handle);
}

static void expect_revoked(struct __test_metadata *_metadata, FIXTURE_DATA(p2p) *self)
{
	__u64 va = aci_ctx_take_va(&self->ctx[IMPORTER], BYTES);

	EXPECT_EQ(-ENODEV, bind_more(self, 0, va, KIB(4)));
	EXPECT_EQ(ACI_JOB_FAULT, aci_run_one(&self->ctx[IMPORTER],
					     desc_fill(self->va, KIB(4), 1, 1)));
	EXPECT_OK(aci_run_one(&self->ctx[IMPORTER], desc_nop()));
}

/*
 * Pieces of all kinds: a second place, a large leaf cut in two, a place that
 * something else has by now and must keep.
 */
TEST_F(p2p, reset_of_the_exporter_revokes)
{
	__u64 second = aci_ctx_take_va(&self->ctx[IMPORTER], BYTES);
	struct aci_buf host;

	ASSERT_OK(aci_buf_init(&self->ctx[IMPORTER], &host, KIB(64), DRM_ACI_PLACEMENT_HOST, 0));
	ASSERT_OK(bind_more(self, KIB(4), second, KIB(64)));
	ASSERT_OK(aci_unbind(self->ctx[IMPORTER].fd, self->ctx[IMPORTER].vm,
			     self->va + KIB(256), KIB(128)));
	ASSERT_OK(aci_bind(self->ctx[IMPORTER].fd, self->ctx[IMPORTER].vm, host.handle, 0,
			   self->va + KIB(256), KIB(64), 0));
	ASSERT_OK(card_reset(&self->where[EXPORTER], "p2p.reset"));
	EXPECT_EQ(BYTES - KIB(128) + KIB(64), await_revoked());
	expect_revoked(_metadata, self);
	EXPECT_OK(aci_run_one(&self->ctx[IMPORTER],
			      desc_fill(self->va + KIB(256), KIB(64), 0x77, 1)));
	EXPECT_TRUE(data_is(host.map, KIB(64), 0x77));

	/* What is left of it can be taken away, and the memory imported anew. */
	EXPECT_OK(aci_unbind(self->ctx[IMPORTER].fd, self->ctx[IMPORTER].vm, self->va, BYTES));
	EXPECT_OK(aci_unbind(self->ctx[IMPORTER].fd, self->ctx[IMPORTER].vm, second, KIB(64)));
	EXPECT_OK(aci_bo_close(self->ctx[IMPORTER].fd, self->handle));
	ASSERT_OK(aci_bo_import(self->ctx[IMPORTER].fd, self->fd, &self->handle));
	EXPECT_OK(bind_more(self, 0, self->va, BYTES));
}

/* A bind that was planned before is executed after, and maps nothing. */
TEST_F(p2p, planned_bind_is_revoked)
{
	__u64 va = aci_ctx_take_va(&self->ctx[IMPORTER], BYTES);
	struct drm_aci_bind_op op = {
		.op = DRM_ACI_BIND_MAP, .handle = self->handle, .va = va, .size = BYTES,
	};
	struct drm_aci_sync syncs[2] = { { 0 }, { .flags = DRM_ACI_SYNC_SIGNAL } };
	struct aci_gate gate;

	ASSERT_OK(aci_gate_init(&gate));
	ASSERT_OK(aci_gate_syncobj(&gate, self->ctx[IMPORTER].fd, &syncs[0].handle));
	ASSERT_OK(aci_sync_new(self->ctx[IMPORTER].fd, &syncs[1].handle));
	ASSERT_OK(aci_bind_async(self->ctx[IMPORTER].fd, self->ctx[IMPORTER].vm, &op, 1, syncs,
				 2));
	ASSERT_OK(card_reset(&self->where[EXPORTER], "p2p.planned"));
	EXPECT_EQ(BYTES, await_revoked());
	ASSERT_OK(aci_gate_open(&gate));
	EXPECT_OK(aci_sync_result(self->ctx[IMPORTER].fd, syncs[1].handle, 0));
	EXPECT_EQ(ACI_JOB_FAULT, aci_run_one(&self->ctx[IMPORTER], desc_fill(va, KIB(4), 1, 1)));
	EXPECT_OK(aci_unbind(self->ctx[IMPORTER].fd, self->ctx[IMPORTER].vm, va, BYTES));
	aci_gate_fini(&gate);
}

/* When the exporter is gone, nobody has addresses of its BAR any more. */
TEST_F(p2p, exporter_goes_away)
{
	__u32 handle;

	ASSERT_OK(file_write(DRIVER "/unbind", self->where[EXPORTER].pci));
	EXPECT_EQ(BYTES, revoked_bytes());
	expect_revoked(_metadata, self);
	EXPECT_OK(aci_bo_close(self->ctx[IMPORTER].fd, self->handle));
	EXPECT_OK(aci_unbind(self->ctx[IMPORTER].fd, self->ctx[IMPORTER].vm, self->va, BYTES));
	EXPECT_EQ(-ENODEV, aci_bo_import(self->ctx[IMPORTER].fd, self->fd, &handle));
	aci_ctx_fini(&self->ctx[EXPORTER]);
	ASSERT_OK(file_write(DRIVER "/bind", self->where[EXPORTER].pci));
}

/* The card that uses the memory goes: what it had is free, and the exporter never noticed. */
TEST_F(p2p, importer_goes_away)
{
	__u64 free_bytes = aci_card_free_bytes(self->ctx[EXPORTER].fd);

	ASSERT_OK(file_write(DRIVER "/unbind", self->where[IMPORTER].pci));
	EXPECT_EQ(-1, revoked_bytes());
	EXPECT_OK(aci_run_one(&self->ctx[EXPORTER], desc_fill(self->buf.va, BYTES, 0x21, 1)));
	EXPECT_TRUE(data_is(self->buf.map, BYTES, 0x21));
	aci_ctx_fini(&self->ctx[IMPORTER]);
	ASSERT_OK(file_write(DRIVER "/bind", self->where[IMPORTER].pci));
	close(self->fd);
	self->fd = -1;
	aci_buf_fini(&self->ctx[EXPORTER], &self->buf);
	EXPECT_TRUE(aci_card_memory_is_back(self->ctx[EXPORTER].fd, free_bytes + BYTES));
}

TEST_HARNESS_MAIN
