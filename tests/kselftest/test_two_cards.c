// SPDX-License-Identifier: GPL-2.0
/* Two cards in one machine. */
#include "aci_harness.h"

FIXTURE(two_cards) {
	struct aci_ctx ctx[2];
	struct aci_buf host[2];
	struct aci_buf card[2];
};

FIXTURE_SETUP(two_cards)
{
	unsigned int i;

	self->ctx[0].fd = self->ctx[1].fd = -1;
	if (aci_card_count() < 2)
		SKIP(return, "needs two cards");
	for (i = 0; i < 2; i++) {
		ASSERT_OK(aci_ctx_init(&self->ctx[i], i, ACI_ENGINE_CLASS_COPY, 0));
		ASSERT_OK(aci_buf_init(&self->ctx[i], &self->host[i], MIB(8),
				       DRM_ACI_PLACEMENT_HOST, 0));
		ASSERT_OK(aci_buf_init(&self->ctx[i], &self->card[i], MIB(4),
				       DRM_ACI_PLACEMENT_CARD, 0));
	}
}

FIXTURE_TEARDOWN(two_cards)
{
	aci_ctx_fini(&self->ctx[0]);
	aci_ctx_fini(&self->ctx[1]);
}

TEST_F(two_cards, are_distinct)
{
	struct aci_identify_card identify[2];
	struct aci_card card[2];
	unsigned int i;

	for (i = 0; i < 2; i++) {
		ASSERT_OK(aci_query(self->ctx[i].fd, DRM_ACI_QUERY_IDENTIFY_CARD, 0, &identify[i],
				    sizeof(identify[i])));
		ASSERT_OK(aci_card_find(i, &card[i]));
	}
	EXPECT_NE(0, strncmp(identify[0].serial, identify[1].serial, sizeof(identify[0].serial)));
	EXPECT_STRNE(card[0].pci, card[1].pci);
	EXPECT_STRNE(card[0].node, card[1].node);
}

TEST_F(two_cards, work_at_once)
{
	struct aci_desc descs[2];
	unsigned int i, round;
	__u32 outs[2];

	for (round = 0; round < 20; round++) {
		for (i = 0; i < 2; i++) {
			data_fill(self->host[i].map, MIB(4), round * 2 + i);
			memset((char *)self->host[i].map + MIB(4), 0, MIB(4));
			descs[0] = desc_copy(self->host[i].va, self->card[i].va, MIB(4));
			descs[1] = desc_copy(self->card[i].va, self->host[i].va + MIB(4), MIB(4));
			ASSERT_OK(aci_submit_out(self->ctx[i].fd, self->ctx[i].queue, descs, 2,
						 &outs[i]));
		}
		for (i = 0; i < 2; i++) {
			ASSERT_OK(aci_sync_result(self->ctx[i].fd, outs[i], 0));
			aci_sync_free(self->ctx[i].fd, outs[i]);
			ASSERT_EQ(-1, data_check((char *)self->host[i].map + MIB(4), MIB(4),
						 round * 2 + i));
		}
	}
}

TEST_F(two_cards, memory_is_counted_apart)
{
	struct drm_aci_query_device before[2], after[2];
	__u32 handle;
	unsigned int i;

	for (i = 0; i < 2; i++)
		ASSERT_OK(aci_query(self->ctx[i].fd, DRM_ACI_QUERY_DEVICE, 0, &before[i],
				    sizeof(before[i])));
	ASSERT_OK(aci_bo_create(self->ctx[0].fd, MIB(4), DRM_ACI_PLACEMENT_CARD, 0, &handle));
	for (i = 0; i < 2; i++)
		ASSERT_OK(aci_query(self->ctx[i].fd, DRM_ACI_QUERY_DEVICE, 0, &after[i],
				    sizeof(after[i])));
	EXPECT_EQ(before[0].card_memory_free_bytes - MIB(4), after[0].card_memory_free_bytes);
	EXPECT_EQ(before[1].card_memory_free_bytes, after[1].card_memory_free_bytes);
}

/* Handles of one card's file are unknown in the other's. */
TEST_F(two_cards, handles_do_not_cross)
{
	__u64 va = aci_ctx_take_va(&self->ctx[1], KIB(64));
	__u32 handle = 0, i;

	for (i = 0; i < 8; i++)
		ASSERT_OK(aci_bo_create(self->ctx[0].fd, KIB(64), DRM_ACI_PLACEMENT_HOST, 0,
					&handle));
	EXPECT_EQ(-ENOENT, aci_bind(self->ctx[1].fd, self->ctx[1].vm, handle, 0, va, KIB(64), 0));
	EXPECT_NE(0, aci_bo_close(self->ctx[1].fd, handle));
}

/* A fence of one card is a dependency of the other's job. */
TEST_F(two_cards, fences_cross)
{
	struct aci_desc descs[32], nop = desc_nop();
	struct drm_aci_sync in = { 0 };
	unsigned int i;
	__u32 first, second;
	int sync_file;

	for (i = 0; i < 32; i++)
		descs[i] = desc_fill(self->card[0].va, MIB(4), i, 1);
	ASSERT_OK(aci_submit_out(self->ctx[0].fd, self->ctx[0].queue, descs, 32, &first));
	sync_file = aci_sync_export(self->ctx[0].fd, first);
	ASSERT_LE(0, sync_file);
	ASSERT_OK(aci_sync_new(self->ctx[1].fd, &in.handle));
	ASSERT_OK(aci_sync_import(self->ctx[1].fd, in.handle, sync_file));
	ASSERT_OK(aci_submit(self->ctx[1].fd, self->ctx[1].queue, &nop, 1, &in, 1));
	ASSERT_OK(aci_submit_out(self->ctx[1].fd, self->ctx[1].queue, &nop, 1, &second));
	ASSERT_OK(aci_sync_result(self->ctx[1].fd, second, 0));
	/* The second has ended, so the first has. */
	EXPECT_EQ(1, aci_sync_file_status(sync_file));
	close(sync_file);
}

TEST_HARNESS_MAIN
