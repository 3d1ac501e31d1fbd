// SPDX-License-Identifier: GPL-2.0
/* Card memory: scrubbed before anyone gets it and in nobody's time, full, in pieces, behind a small BAR. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "aci_harness.h"

#define BO_LIST_MAX	8192
#define SCRUB_DELAY	"admin delay opcode=88 ms=1500"
#define DRIVER		"/sys/bus/pci/drivers/aci"

FIXTURE(vram) {
	struct aci_ctx ctx;
	struct aci_card where;
};

/* An attribute of the card in sysfs. */
static __u64 card_value(const struct aci_card *card, const char *name)
{
	char path[400], text[64] = "";

	snprintf(path, sizeof(path), "%s/aci/%s", card->sysfs, name);
	file_read(path, text, sizeof(text));
	return strtoull(text, NULL, 10);
}

/* No event tells that all is clean: look until it is. */
static bool becomes_clean(const struct aci_card *card)
{
	__u64 end = now_ns() + aci_wait_ns();

	while (card_value(card, "card_memory_dirty_bytes"))
		if (now_ns() > end)
			return false;
	return true;
}

FIXTURE_SETUP(vram)
{
	ASSERT_OK(aci_card_find(0, &self->where));
	ASSERT_OK(aci_ctx_init(&self->ctx, 0, ACI_ENGINE_CLASS_COPY, 0));
	ASSERT_TRUE(becomes_clean(&self->where));
}

FIXTURE_TEARDOWN(vram)
{
	card_ctl("admin delay opcode=88 ms=1 0", NULL, 0);
	card_ctl("fail scrub 0", NULL, 0);
	aci_ctx_fini(&self->ctx);
}

static int card_create(int fd, __u64 bytes, __u32 flags, struct drm_aci_bo_create *create)
{
	*create = (struct drm_aci_bo_create){
		.size = bytes, .placement = DRM_ACI_PLACEMENT_CARD,
		.cache = DRM_ACI_CACHE_WRITE_COMBINED, .flags = flags,
	};
	return aci_ioctl(fd, DRM_IOCTL_ACI_BO_CREATE, create);
}

/* Take all there is in ever smaller pieces. Return: number of handles, or an error */
static int take_all(int fd, __u64 largest, __u32 flags, __u32 *handles, __u64 *taken)
{
	struct drm_aci_bo_create create;
	int count = 0, err;
	__u64 bytes;

	*taken = 0;
	for (bytes = largest; bytes >= KIB(4); bytes /= 2) {
		while (count < BO_LIST_MAX) {
			err = card_create(fd, bytes, flags, &create);
			if (err == -ENOSPC)
				break;
			if (err)
				return err;
			handles[count++] = create.handle;
			*taken += bytes;
		}
	}
	return count;
}

/* All that the card reads from a BO is zero. @host has MIB(4). */
static bool bo_is_zero(struct aci_ctx *ctx, __u32 handle, __u64 bytes, struct aci_buf *host)
{
	__u64 va = aci_ctx_take_va(ctx, bytes), at, part;

	if (aci_bind(ctx->fd, ctx->vm, handle, 0, va, bytes, 0))
		return false;
	for (at = 0; at < bytes; at += part) {
		part = bytes - at < MIB(4) ? bytes - at : MIB(4);
		memset(host->map, 0xa5, part);
		if (aci_run_one(ctx, desc_copy(va + at, host->va, part)) ||
		    !data_is(host->map, part, 0))
			return false;
	}
	return !aci_unbind(ctx->fd, ctx->vm, va, bytes);
}

/* --- Scrubbing in the background --- */

TEST_F(vram, clean_after_probe)
{
	EXPECT_EQ(0, card_value(&self->where, "card_memory_quarantined_bytes"));
	EXPECT_EQ(aci_device_state(self->ctx.fd).card_memory_bytes,
		  card_value(&self->where, "card_memory_bytes"));
}

/* The freed block is still being scrubbed when the next one is handed out. */
TEST_F(vram, allocation_does_not_wait_for_a_scrub)
{
	struct drm_aci_bo_create create;

	ASSERT_OK(card_create(self->ctx.fd, MIB(8), 0, &create));
	ASSERT_OK(card_ctl(SCRUB_DELAY, NULL, 0));
	ASSERT_OK(aci_bo_close(self->ctx.fd, create.handle));
	EXPECT_EQ(MIB(8), card_value(&self->where, "card_memory_dirty_bytes"));
	ASSERT_OK(card_create(self->ctx.fd, MIB(8), 0, &create));
	EXPECT_EQ(MIB(8), card_value(&self->where, "card_memory_dirty_bytes"));
	EXPECT_TRUE(becomes_clean(&self->where));
}

/* Nothing else is left: the allocation has it scrubbed, or waits for the scrub. */
TEST_F(vram, allocation_of_dirty_memory)
{
	static __u32 handles[BO_LIST_MAX];
	struct drm_aci_bo_create create;
	struct aci_buf host;
	__u64 taken, va;
	int count;

	ASSERT_OK(aci_buf_init(&self->ctx, &host, MIB(4), DRM_ACI_PLACEMENT_HOST, 0));
	count = take_all(self->ctx.fd, MIB(4), 0, handles, &taken);
	ASSERT_LT(2, count);
	va = aci_ctx_take_va(&self->ctx, MIB(4));
	ASSERT_OK(aci_bind(self->ctx.fd, self->ctx.vm, handles[1], 0, va, MIB(4), 0));
	ASSERT_OK(aci_run_one(&self->ctx, desc_fill(va, MIB(4), 0x77, 1)));
	ASSERT_OK(aci_unbind(self->ctx.fd, self->ctx.vm, va, MIB(4)));
	ASSERT_OK(card_ctl(SCRUB_DELAY, NULL, 0));
	ASSERT_OK(aci_bo_close(self->ctx.fd, handles[1]));
	ASSERT_OK(card_create(self->ctx.fd, MIB(4), 0, &create));
	EXPECT_EQ(0, create.available_bytes);
	EXPECT_TRUE(bo_is_zero(&self->ctx, create.handle, MIB(4), &host));
}

struct recycler {
	int err;
	unsigned int dirty;	/* BOs that were not zero */
	__u64 seed;
};

/* Allocates, looks, soils, frees, over and over. */
static void *recycle(void *arg)
{
	struct recycler *recycler = arg;
	struct drm_aci_bo_create create;
	int fd = aci_open(0);
	unsigned int i;
	void *map;

	for (i = 0; i < 100 && !recycler->err; i++) {
		__u64 bytes = KIB(4) << data_random(&recycler->seed) % 9;

		recycler->err = card_create(fd, bytes, DRM_ACI_BO_CPU_ACCESS, &create);
		if (!recycler->err)
			recycler->err = aci_bo_map(fd, create.handle, bytes, &map);
		if (recycler->err)
			break;
		recycler->dirty += !data_is(map, bytes, 0);
		memset(map, 0x5e, bytes);
		munmap(map, bytes);
		recycler->err = aci_bo_close(fd, create.handle);
	}
	close(fd);
	return NULL;
}

TEST_F(vram, memory_that_changes_hands_is_zero)
{
	struct recycler recyclers[3] = { { .seed = 1 }, { .seed = 2 }, { .seed = 3 } };
	pthread_t threads[3];
	unsigned int i;

	for (i = 0; i < 3; i++)
		ASSERT_OK(pthread_create(&threads[i], NULL, recycle, &recyclers[i]));
	for (i = 0; i < 3; i++) {
		pthread_join(threads[i], NULL);
		EXPECT_EQ(0, recyclers[i].err);
		EXPECT_EQ(0, recyclers[i].dirty);
	}
}

/* What is freed while nobody allocates becomes clean as well. */
TEST_F(vram, all_becomes_clean)
{
	static __u32 handles[BO_LIST_MAX];
	__u64 before = aci_device_state(self->ctx.fd).card_memory_free_bytes, taken;
	int i, count;

	count = take_all(self->ctx.fd, MIB(16), 0, handles, &taken);
	ASSERT_LT(0, count);
	EXPECT_EQ(before, taken);
	for (i = 0; i < count; i++)
		ASSERT_OK(aci_bo_close(self->ctx.fd, handles[i]));
	EXPECT_EQ(before, aci_device_state(self->ctx.fd).card_memory_free_bytes);
	EXPECT_TRUE(becomes_clean(&self->where));
	EXPECT_EQ(before, aci_device_state(self->ctx.fd).card_memory_free_bytes);
}

static int bind_anew(const struct aci_card *card)
{
	int err = file_write(DRIVER "/unbind", card->pci);

	return err ? err : file_write(DRIVER "/bind", card->pci);
}

/* It is out of use until the device is bound anew. */
TEST_F(vram, memory_that_cannot_be_scrubbed_is_not_used)
{
	__u64 before = aci_device_state(self->ctx.fd).card_memory_free_bytes, taken;
	static __u32 handles[BO_LIST_MAX];
	struct drm_aci_bo_create create;

	ASSERT_OK(card_create(self->ctx.fd, MIB(1), 0, &create));
	ASSERT_OK(card_ctl("fail scrub", NULL, 0));
	ASSERT_OK(aci_bo_close(self->ctx.fd, create.handle));
	EXPECT_TRUE(becomes_clean(&self->where));
	EXPECT_EQ(before - MIB(1), aci_device_state(self->ctx.fd).card_memory_free_bytes);
	EXPECT_EQ(MIB(1), card_value(&self->where, "card_memory_quarantined_bytes"));
	/* All the rest can be had, and that one not. */
	ASSERT_LT(0, take_all(self->ctx.fd, MIB(64), 0, handles, &taken));
	EXPECT_EQ(before - MIB(1), taken);
	/* A new probe scrubs anew. */
	aci_ctx_fini(&self->ctx);
	ASSERT_OK(bind_anew(&self->where));
	ASSERT_OK(aci_ctx_init(&self->ctx, 0, ACI_ENGINE_CLASS_COPY, 0));
	EXPECT_EQ(aci_device_state(self->ctx.fd).card_memory_bytes,
		  aci_device_state(self->ctx.fd).card_memory_free_bytes);
	EXPECT_EQ(0, card_value(&self->where, "card_memory_quarantined_bytes"));
}

/* The allocation that finds it goes on with other memory, as long as there is some. */
TEST_F(vram, failed_scrub_under_an_allocation)
{
	static __u32 handles[BO_LIST_MAX];
	struct drm_aci_bo_create create;
	__u64 taken;
	int count;

	count = take_all(self->ctx.fd, MIB(4), 0, handles, &taken);
	ASSERT_LT(4, count);
	ASSERT_OK(card_ctl("fail scrub", NULL, 0));
	ASSERT_OK(aci_bo_close(self->ctx.fd, handles[1]));
	ASSERT_OK(aci_bo_close(self->ctx.fd, handles[3]));
	EXPECT_OK(card_create(self->ctx.fd, MIB(4), 0, &create));
	EXPECT_EQ(-ENOSPC, card_create(self->ctx.fd, MIB(4), 0, &create));
	EXPECT_EQ(0, create.available_bytes);
	aci_ctx_fini(&self->ctx);
	ASSERT_OK(bind_anew(&self->where));
	ASSERT_OK(aci_ctx_init(&self->ctx, 0, ACI_ENGINE_CLASS_COPY, 0));
}

/* A scrub without an answer: the card is reset, and the memory is scrubbed again. */
TEST_F(vram, scrub_without_an_answer)
{
	struct drm_aci_query_device before = aci_device_state(self->ctx.fd);
	__u64 end = now_ns() + aci_wait_ns();
	struct drm_aci_bo_create create;

	ASSERT_OK(card_create(self->ctx.fd, MIB(1), 0, &create));
	expect_begin("vram", 1, "^aci [0-9a-f:.]+: .*card reset: admin command timed out$");
	ASSERT_OK(card_ctl("admin timeout opcode=88", NULL, 0));
	ASSERT_OK(aci_bo_close(self->ctx.fd, create.handle));
	/* What the card still has is not free before. */
	while (aci_device_state(self->ctx.fd).card_memory_free_bytes != before.card_memory_free_bytes ||
	       aci_device_state(self->ctx.fd).reset_generation == before.reset_generation) {
		ASSERT_GT(end, now_ns());
	}
	expect_end("vram");
	EXPECT_TRUE(becomes_clean(&self->where));
	EXPECT_OK(aci_run_one(&self->ctx, desc_nop()));
}

/* --- Full, and in pieces --- */

TEST_F(vram, enospc_tells_what_is_left)
{
	__u64 free_bytes = aci_device_state(self->ctx.fd).card_memory_free_bytes;
	struct drm_aci_bo_create create;

	EXPECT_EQ(-ENOSPC, card_create(self->ctx.fd, free_bytes + KIB(4), 0, &create));
	EXPECT_EQ(free_bytes, create.available_bytes);
	ASSERT_OK(card_create(self->ctx.fd, MIB(3), 0, &create));
	EXPECT_EQ(free_bytes - MIB(3), create.available_bytes);
	EXPECT_EQ(-ENOSPC, card_create(self->ctx.fd, free_bytes, 0, &create));
	EXPECT_EQ(free_bytes - MIB(3), create.available_bytes);
}

/* Every second piece is free: a BO of all of them works. */
TEST_F(vram, bo_of_fragments)
{
	static __u32 handles[BO_LIST_MAX];
	struct drm_aci_bo_create create;
	struct aci_buf host;
	__u64 taken, free_bytes = 0, va;
	int i, count;

	ASSERT_OK(aci_buf_init(&self->ctx, &host, MIB(4), DRM_ACI_PLACEMENT_HOST, 0));
	count = take_all(self->ctx.fd, KIB(64), 0, handles, &taken);
	ASSERT_LT(256, count);
	for (i = 0; i < 512; i += 2) {
		ASSERT_OK(aci_bo_close(self->ctx.fd, handles[i]));
		free_bytes += KIB(64);
	}
	EXPECT_EQ(free_bytes, aci_device_state(self->ctx.fd).card_memory_free_bytes);
	ASSERT_OK(card_create(self->ctx.fd, free_bytes, 0, &create));
	EXPECT_EQ(0, create.available_bytes);
	EXPECT_TRUE(bo_is_zero(&self->ctx, create.handle, free_bytes, &host));
	va = aci_ctx_take_va(&self->ctx, free_bytes);
	ASSERT_OK(aci_bind(self->ctx.fd, self->ctx.vm, create.handle, 0, va, free_bytes, 0));
	data_fill(host.map, MIB(4), 21);
	ASSERT_OK(aci_run_one(&self->ctx, desc_copy(host.va, va + KIB(32), MIB(4))));
	memset(host.map, 0, MIB(4));
	ASSERT_OK(aci_run_one(&self->ctx, desc_copy(va + KIB(32), host.va, MIB(4))));
	EXPECT_EQ(-1, data_check(host.map, MIB(4), 21));
}

/* --- A BAR that shows a part of the memory only --- */

FIXTURE(vram_bar) {
	struct aci_ctx ctx;
	struct drm_aci_query_device device;
};

FIXTURE_SETUP(vram_bar)
{
	unsigned int i;

	self->ctx.fd = -1;
	for (i = 0; i < aci_card_count(); i++) {
		ASSERT_OK(aci_ctx_init(&self->ctx, i, ACI_ENGINE_CLASS_COPY, 0));
		self->device = aci_device_state(self->ctx.fd);
		if (self->device.aperture_bytes &&
		    self->device.aperture_bytes < self->device.card_memory_bytes)
			return;
		aci_ctx_fini(&self->ctx);
		self->ctx.fd = -1;
	}
	SKIP(return, "needs a card with a small aperture");
}

FIXTURE_TEARDOWN(vram_bar)
{
	aci_ctx_fini(&self->ctx);
}

TEST_F(vram_bar, visible_memory_ends)
{
	static __u32 handles[BO_LIST_MAX];
	struct drm_aci_bo_create create;
	__u64 taken;
	int i, count;

	count = take_all(self->ctx.fd, MIB(8), DRM_ACI_BO_CPU_ACCESS, handles, &taken);
	ASSERT_LT(0, count);
	EXPECT_EQ(self->device.aperture_bytes, taken);
	EXPECT_EQ(-ENOSPC, card_create(self->ctx.fd, KIB(4), DRM_ACI_BO_CPU_ACCESS, &create));
	EXPECT_EQ(0, create.available_bytes);
	/* The rest is not affected. */
	EXPECT_OK(card_create(self->ctx.fd, MIB(8), 0, &create));
	EXPECT_EQ(self->device.card_memory_bytes - taken - MIB(8), create.available_bytes);
	for (i = 0; i < count; i++) {
		void *map;

		ASSERT_OK(aci_bo_map(self->ctx.fd, handles[i], KIB(4), &map));
		ASSERT_TRUE(data_is(map, KIB(4), 0));
		memset(map, 0x42, KIB(4));
		ASSERT_OK(munmap(map, KIB(4)));
	}
}

/* Memory that the CPU does not need stays away from where it could. */
TEST_F(vram_bar, invisible_memory_comes_from_behind_it)
{
	__u64 behind = self->device.card_memory_bytes - self->device.aperture_bytes;
	struct drm_aci_bo_create create;

	ASSERT_OK(card_create(self->ctx.fd, behind, 0, &create));
	EXPECT_OK(card_create(self->ctx.fd, self->device.aperture_bytes, DRM_ACI_BO_CPU_ACCESS,
			      &create));
	EXPECT_EQ(0, create.available_bytes);
}

/* But is taken from there when nothing else is left. */
TEST_F(vram_bar, invisible_memory_spills_into_it)
{
	static __u32 handles[BO_LIST_MAX];
	struct drm_aci_bo_create create;
	__u64 taken;

	ASSERT_LT(0, take_all(self->ctx.fd, MIB(16), 0, handles, &taken));
	EXPECT_EQ(self->device.card_memory_bytes, taken);
	EXPECT_EQ(-ENOSPC, card_create(self->ctx.fd, KIB(4), DRM_ACI_BO_CPU_ACCESS, &create));
	EXPECT_EQ(0, create.available_bytes);
}

TEST_F(vram_bar, too_large_for_it)
{
	struct drm_aci_bo_create create;

	EXPECT_EQ(-ENOSPC, card_create(self->ctx.fd, self->device.aperture_bytes + KIB(4),
				       DRM_ACI_BO_CPU_ACCESS, &create));
	EXPECT_EQ(self->device.aperture_bytes, create.available_bytes);
	EXPECT_OK(card_create(self->ctx.fd, self->device.aperture_bytes + KIB(4), 0, &create));
}

TEST_HARNESS_MAIN
