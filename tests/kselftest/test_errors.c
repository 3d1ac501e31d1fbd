// SPDX-License-Identifier: GPL-2.0
/* Wrong descriptors: each ends its own job with an error and a reason, and nothing else. */
#include "aci_harness.h"

FIXTURE(desc_error) {
	struct aci_ctx ctx;
	struct aci_buf buf;
};

FIXTURE_VARIANT(desc_error) {
	struct aci_desc desc;	/* addresses below 64 KiB count from the buffer's */
	__u32 status;
};

#define FAR	(1ull << 46)	/* nothing is mapped there */

FIXTURE_VARIANT_ADD(desc_error, flags) {
	{ .opcode = ACI_OP_NOP, .flags = 1 }, ACI_STATUS_DESC_FIELD
};
FIXTURE_VARIANT_ADD(desc_error, reserved0) {
	{ .opcode = ACI_OP_NOP, .reserved0 = 1 }, ACI_STATUS_DESC_FIELD
};
FIXTURE_VARIANT_ADD(desc_error, reserved1) {
	{ .opcode = ACI_OP_NOP, .reserved1 = 1 }, ACI_STATUS_DESC_FIELD
};
FIXTURE_VARIANT_ADD(desc_error, nop_body) {
	{ .opcode = ACI_OP_NOP, .body = { [6] = 1 } }, ACI_STATUS_DESC_FIELD
};
FIXTURE_VARIANT_ADD(desc_error, copy_of_nothing) {
	{ .opcode = ACI_OP_COPY, .copy = { .src = 0, .dst = 4096, .bytes = 0 } },
	ACI_STATUS_DESC_FIELD
};
FIXTURE_VARIANT_ADD(desc_error, copy_overlaps) {
	{ .opcode = ACI_OP_COPY, .copy = { .src = 0, .dst = 100, .bytes = 200 } },
	ACI_STATUS_DESC_FIELD
};
FIXTURE_VARIANT_ADD(desc_error, copy_onto_itself) {
	{ .opcode = ACI_OP_COPY, .copy = { .src = 0, .dst = 0, .bytes = 1 } },
	ACI_STATUS_DESC_FIELD
};
FIXTURE_VARIANT_ADD(desc_error, copy_reserved) {
	{ .opcode = ACI_OP_COPY, .copy = { .src = 0, .dst = 4096, .bytes = 1,
					   .reserved = { 0, 0, 0, 1 } } },
	ACI_STATUS_DESC_FIELD
};
FIXTURE_VARIANT_ADD(desc_error, copy_wraps_addresses) {
	{ .opcode = ACI_OP_COPY, .copy = { .src = ~0ull - 100, .dst = 0, .bytes = 200 } }, 0
};
FIXTURE_VARIANT_ADD(desc_error, copy_huge) {
	{ .opcode = ACI_OP_COPY, .copy = { .src = 0, .dst = FAR, .bytes = ~0ull } }, 0
};
FIXTURE_VARIANT_ADD(desc_error, copy_from_nowhere) {
	{ .opcode = ACI_OP_COPY, .copy = { .src = FAR, .dst = 0, .bytes = 8 } },
	ACI_STATUS_PAGE_FAULT
};
FIXTURE_VARIANT_ADD(desc_error, copy_past_48_bits) {
	{ .opcode = ACI_OP_COPY, .copy = { .src = 1ull << 48, .dst = 0, .bytes = 8 } }, 0
};
FIXTURE_VARIANT_ADD(desc_error, strided_no_rows) {
	{ .opcode = ACI_OP_COPY_STRIDED,
	  .copy_strided = { .src = 0, .dst = 4096, .src_stride = 8, .dst_stride = 8,
			    .row_bytes = 8, .rows = 0 } },
	ACI_STATUS_DESC_FIELD
};
FIXTURE_VARIANT_ADD(desc_error, strided_empty_rows) {
	{ .opcode = ACI_OP_COPY_STRIDED,
	  .copy_strided = { .src = 0, .dst = 4096, .src_stride = 8, .dst_stride = 8,
			    .row_bytes = 0, .rows = 2 } },
	ACI_STATUS_DESC_FIELD
};
FIXTURE_VARIANT_ADD(desc_error, strided_rows_overlap) {
	{ .opcode = ACI_OP_COPY_STRIDED,
	  .copy_strided = { .src = 0, .dst = 4096, .src_stride = 8, .dst_stride = 7,
			    .row_bytes = 8, .rows = 2 } },
	ACI_STATUS_DESC_FIELD
};
FIXTURE_VARIANT_ADD(desc_error, strided_overflow) {
	{ .opcode = ACI_OP_COPY_STRIDED,
	  .copy_strided = { .src = 0, .dst = 4096, .src_stride = 1ull << 63,
			    .dst_stride = 1ull << 63, .row_bytes = 8, .rows = 1ull << 62 } }, 0
};
FIXTURE_VARIANT_ADD(desc_error, strided_reserved) {
	{ .opcode = ACI_OP_COPY_STRIDED,
	  .copy_strided = { .src = 0, .dst = 4096, .src_stride = 8, .dst_stride = 8,
			    .row_bytes = 8, .rows = 2, .reserved = 1 } },
	ACI_STATUS_DESC_FIELD
};
FIXTURE_VARIANT_ADD(desc_error, fill_of_nothing) {
	{ .opcode = ACI_OP_FILL, .fill = { .dst = 0, .bytes = 0, .pattern_bytes = 1 } },
	ACI_STATUS_DESC_FIELD
};
FIXTURE_VARIANT_ADD(desc_error, fill_width) {
	{ .opcode = ACI_OP_FILL, .fill = { .dst = 0, .bytes = 12, .pattern_bytes = 3 } },
	ACI_STATUS_DESC_FIELD
};
FIXTURE_VARIANT_ADD(desc_error, fill_width_zero) {
	{ .opcode = ACI_OP_FILL, .fill = { .dst = 0, .bytes = 16, .pattern_bytes = 0 } },
	ACI_STATUS_DESC_FIELD
};
FIXTURE_VARIANT_ADD(desc_error, fill_no_multiple) {
	{ .opcode = ACI_OP_FILL, .fill = { .dst = 0, .bytes = 12, .pattern_bytes = 8 } },
	ACI_STATUS_DESC_FIELD
};
FIXTURE_VARIANT_ADD(desc_error, fill_reserved) {
	{ .opcode = ACI_OP_FILL, .fill = { .dst = 0, .bytes = 16, .pattern_bytes = 8,
					   .reserved0 = 1 } },
	ACI_STATUS_DESC_FIELD
};
FIXTURE_VARIANT_ADD(desc_error, signal_misaligned) {
	{ .opcode = ACI_OP_SIGNAL, .signal = { .addr = 4, .value = 1 } }, ACI_STATUS_DESC_FIELD
};
FIXTURE_VARIANT_ADD(desc_error, signal_reserved) {
	{ .opcode = ACI_OP_SIGNAL, .signal = { .addr = 8, .value = 1, .reserved = { 1 } } },
	ACI_STATUS_DESC_FIELD
};
FIXTURE_VARIANT_ADD(desc_error, timestamp_misaligned) {
	{ .opcode = ACI_OP_TIMESTAMP, .timestamp = { .addr = 1 } }, ACI_STATUS_DESC_FIELD
};
FIXTURE_VARIANT_ADD(desc_error, timestamp_reserved) {
	{ .opcode = ACI_OP_TIMESTAMP, .timestamp = { .addr = 8, .reserved = { [5] = 1 } } },
	ACI_STATUS_DESC_FIELD
};
FIXTURE_VARIANT_ADD(desc_error, timestamp_nowhere) {
	{ .opcode = ACI_OP_TIMESTAMP, .timestamp = { .addr = FAR } }, ACI_STATUS_PAGE_FAULT
};
FIXTURE_VARIANT_ADD(desc_error, exec_on_copy_engine) {
	{ .opcode = ACI_OP_EXEC, .exec = { .program = 0, .program_bytes = 4096, .args = 0 } },
	ACI_STATUS_DESC_ENGINE
};

FIXTURE_SETUP(desc_error)
{
	ASSERT_OK(aci_ctx_init(&self->ctx, 0, ACI_ENGINE_CLASS_COPY, 0));
	ASSERT_OK(aci_buf_init(&self->ctx, &self->buf, KIB(64), DRM_ACI_PLACEMENT_HOST, 0));
}

FIXTURE_TEARDOWN(desc_error)
{
	aci_ctx_fini(&self->ctx);
}

static __u64 based(__u64 addr, const struct aci_buf *buf)
{
	return addr < KIB(64) ? addr + buf->va : addr;
}

/* The variants are constants: put the addresses in. */
static struct aci_desc relocate(struct aci_desc desc, const struct aci_buf *buf)
{
	switch (desc.opcode) {
	case ACI_OP_COPY:
	case ACI_OP_COPY_STRIDED:
		desc.copy.dst = based(desc.copy.dst, buf);
		desc.copy.src = based(desc.copy.src, buf);
		break;
	case ACI_OP_FILL:
	case ACI_OP_SIGNAL:
	case ACI_OP_TIMESTAMP:
	case ACI_OP_EXEC:
		desc.body[0] = based(desc.body[0], buf);
		break;
	}
	return desc;
}

TEST_F(desc_error, ends_only_its_job)
{
	struct aci_desc bad[3] = { desc_nop(), relocate(variant->desc, &self->buf), desc_nop() };
	struct aci_desc good = desc_fill(self->buf.va + KIB(32), KIB(4), 0x3c, 1);
	struct drm_aci_query_queue queue;
	__u32 outs[3];
	int err;

	/* A good job before, the bad one, a good one behind: all on the ring at once. */
	bad[2] = desc_fill(self->buf.va + KIB(48), KIB(4), 0x99, 1);
	ASSERT_OK(aci_submit_out(self->ctx.fd, self->ctx.queue, &good, 1, &outs[0]));
	err = aci_submit_out(self->ctx.fd, self->ctx.queue, bad, 3, &outs[1]);
	ASSERT_EQ(0, err);
	good.fill.dst += KIB(4);
	ASSERT_OK(aci_submit_out(self->ctx.fd, self->ctx.queue, &good, 1, &outs[2]));

	EXPECT_OK(aci_sync_result(self->ctx.fd, outs[0], 0));
	err = aci_sync_result(self->ctx.fd, outs[1], 0);
	EXPECT_GT(0, err);
	EXPECT_NE(-ETIME, err);
	if (variant->status == ACI_STATUS_PAGE_FAULT) {
		EXPECT_EQ(ACI_JOB_FAULT, err);
	}
	EXPECT_OK(aci_sync_result(self->ctx.fd, outs[2], 0));
	EXPECT_TRUE(data_is((char *)self->buf.map + KIB(32), KIB(8), 0x3c));
	/* Nothing of the bad job runs past its error. */
	EXPECT_TRUE(data_is((char *)self->buf.map + KIB(48), KIB(4), 0));

	ASSERT_OK(aci_query(self->ctx.fd, DRM_ACI_QUERY_QUEUE, self->ctx.queue, &queue,
			    sizeof(queue)));
	EXPECT_EQ(DRM_ACI_QUEUE_GUILTY, queue.flags);
	EXPECT_EQ(1, queue.error_count);
	EXPECT_EQ(2, queue.error_index);
	EXPECT_NE(0, queue.error);
	if (variant->status) {
		EXPECT_EQ(variant->status, queue.error);
	}
	EXPECT_EQ(2, queue.jobs_completed);
	EXPECT_EQ(ACI_QUEUE_STATE_RUNNING, queue.state);
}

FIXTURE_CTX(errors, ACI_ENGINE_CLASS_COPY)

/*
 * Opcodes on which a fence must not depend: the host may refuse them when they
 * are submitted, or else the card does when they are executed.
 */
static bool is_refused(struct aci_ctx *ctx, struct aci_desc desc, __u32 status)
{
	struct drm_aci_query_queue state = { 0 };
	int err = aci_run_one(ctx, desc);

	if (aci_query(ctx->fd, DRM_ACI_QUERY_QUEUE, ctx->queue, &state, sizeof(state)))
		return false;
	if (!state.error_count)
		return err == -EINVAL && !state.submitted;
	return err < 0 && err != -ETIME && state.error == status;
}

TEST_F(errors, wait_is_refused_in_fence_vm)
{
	struct aci_buf buf;

	ASSERT_OK(aci_buf_init(&self->ctx, &buf, KIB(4), DRM_ACI_PLACEMENT_HOST, 0));
	/* It would be done at once. */
	EXPECT_TRUE(is_refused(&self->ctx, desc_wait(buf.va, 0, 0), ACI_STATUS_WAIT_REFUSED));
	EXPECT_OK(aci_run_one(&self->ctx, desc_nop()));
}

TEST_F(errors, opcode_unknown)
{
	struct aci_desc desc = { .opcode = ACI_OP_TIMESTAMP + 1 };

	EXPECT_TRUE(is_refused(&self->ctx, desc, ACI_STATUS_DESC_OPCODE));
	EXPECT_OK(aci_run_one(&self->ctx, desc_nop()));
}

TEST_F(errors, opcode_highest)
{
	struct aci_desc desc = { .opcode = 0xff };

	EXPECT_TRUE(is_refused(&self->ctx, desc, ACI_STATUS_DESC_OPCODE));
	EXPECT_OK(aci_run_one(&self->ctx, desc_nop()));
}

/* Behind good descriptors of the same job, too. */
TEST_F(errors, wait_at_the_end_of_a_job)
{
	struct aci_desc descs[ACI_CTX_RING_ENTRIES];
	struct aci_buf buf;
	unsigned int i;
	int err;

	ASSERT_OK(aci_buf_init(&self->ctx, &buf, KIB(4), DRM_ACI_PLACEMENT_HOST, 0));
	for (i = 0; i < ARRAY_SIZE(descs); i++)
		descs[i] = desc_nop();
	descs[ARRAY_SIZE(descs) - 1] = desc_wait(buf.va, 0, 0);
	err = aci_run(self->ctx.fd, self->ctx.queue, descs, ARRAY_SIZE(descs));
	EXPECT_GT(0, err);
	EXPECT_NE(-ETIME, err);
}

/* Other queues of the same VM and of other files do not notice. */
TEST_F(errors, other_queues_go_on)
{
	struct drm_aci_query_queue state;
	struct aci_desc bad = { .opcode = ACI_OP_NOP, .flags = 1 }, good;
	struct aci_ctx other;
	struct aci_buf buf, other_buf;
	__u32 queue, out, i;

	ASSERT_OK(aci_queue_create(self->ctx.fd, self->ctx.vm, ACI_ENGINE_CLASS_COPY, 64, 0,
				   &queue));
	ASSERT_OK(aci_ctx_init(&other, 0, ACI_ENGINE_CLASS_COPY, 0));
	ASSERT_OK(aci_buf_init(&self->ctx, &buf, KIB(4), DRM_ACI_PLACEMENT_HOST, 0));
	ASSERT_OK(aci_buf_init(&other, &other_buf, KIB(4), DRM_ACI_PLACEMENT_HOST, 0));
	for (i = 1; i <= 2; i++) {
		ASSERT_OK(aci_submit_out(self->ctx.fd, self->ctx.queue, &bad, 1, &out));
		good = desc_fill(buf.va, KIB(4), i, 1);
		ASSERT_OK(aci_run(self->ctx.fd, queue, &good, 1));
		EXPECT_TRUE(data_is(buf.map, KIB(4), i));
		ASSERT_OK(aci_run_one(&other, desc_fill(other_buf.va, KIB(4), i, 1)));
		EXPECT_TRUE(data_is(other_buf.map, KIB(4), i));
		EXPECT_GT(0, aci_sync_result(self->ctx.fd, out, 0));
	}
	ASSERT_OK(aci_query(self->ctx.fd, DRM_ACI_QUERY_QUEUE, queue, &state, sizeof(state)));
	EXPECT_EQ(0, state.flags);
	EXPECT_EQ(0, state.error_count);
	ASSERT_OK(aci_query(other.fd, DRM_ACI_QUERY_QUEUE, other.queue, &state, sizeof(state)));
	EXPECT_EQ(0, state.flags);
	EXPECT_EQ(2, state.jobs_completed);
	aci_ctx_fini(&other);
}

TEST_F(errors, repeated_failures_ban_the_queue)
{
	struct aci_desc bad = { .opcode = ACI_OP_NOP, .flags = 1 }, nop = desc_nop();
	struct drm_aci_query_queue state;
	__u32 queue, i;
	int err = 0;

	/* No number is promised, but one must exist. */
	for (i = 0; i < 1000 && err != -ECANCELED; i++) {
		__u32 out;

		err = aci_submit_out(self->ctx.fd, self->ctx.queue, &bad, 1, &out);
		if (err)
			break;
		err = aci_sync_result(self->ctx.fd, out, 0);
		ASSERT_NE(0, err);
		aci_sync_free(self->ctx.fd, out);
	}
	EXPECT_LT(1, i);
	EXPECT_EQ(-ECANCELED, aci_submit(self->ctx.fd, self->ctx.queue, &nop, 1, NULL, 0));
	ASSERT_OK(aci_query(self->ctx.fd, DRM_ACI_QUERY_QUEUE, self->ctx.queue, &state,
			    sizeof(state)));
	EXPECT_TRUE(state.flags & DRM_ACI_QUEUE_BANNED);
	EXPECT_TRUE(state.flags & DRM_ACI_QUEUE_GUILTY);
	/* A new queue of the same VM is as good as any. */
	ASSERT_OK(aci_queue_create(self->ctx.fd, self->ctx.vm, ACI_ENGINE_CLASS_COPY, 64, 0,
				   &queue));
	EXPECT_OK(aci_run(self->ctx.fd, queue, &nop, 1));
	EXPECT_OK(aci_queue_destroy(self->ctx.fd, self->ctx.queue));
}

TEST_HARNESS_MAIN
