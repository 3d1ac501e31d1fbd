// SPDX-License-Identifier: GPL-2.0
/* What descriptors do: COPY, COPY_STRIDED, FILL, TIMESTAMP, SIGNAL, NOP, a small EXEC. */
#include <aci/aci_tcs.h>

#include "aci_harness.h"

/* COPY between all placements. */
FIXTURE(copy) {
	struct aci_ctx ctx;
};

FIXTURE_VARIANT(copy) {
	__u32 from;
	__u32 to;
};

FIXTURE_VARIANT_ADD(copy, host_to_host) {
	DRM_ACI_PLACEMENT_HOST, DRM_ACI_PLACEMENT_HOST
};
FIXTURE_VARIANT_ADD(copy, host_to_card) {
	DRM_ACI_PLACEMENT_HOST, DRM_ACI_PLACEMENT_CARD
};
FIXTURE_VARIANT_ADD(copy, card_to_host) {
	DRM_ACI_PLACEMENT_CARD, DRM_ACI_PLACEMENT_HOST
};
FIXTURE_VARIANT_ADD(copy, card_to_card) {
	DRM_ACI_PLACEMENT_CARD, DRM_ACI_PLACEMENT_CARD
};

FIXTURE_SETUP(copy)
{
	ASSERT_OK(aci_ctx_init(&self->ctx, 0, ACI_ENGINE_CLASS_COPY, 0));
}

FIXTURE_TEARDOWN(copy)
{
	aci_ctx_fini(&self->ctx);
}

static int copy_buf(struct aci_ctx *ctx, struct aci_buf *buf, __u64 bytes, __u32 placement)
{
	return aci_buf_init(ctx, buf, bytes, placement,
			    placement == DRM_ACI_PLACEMENT_CARD ? DRM_ACI_BO_CPU_ACCESS : 0);
}

TEST_F(copy, sizes_and_alignments)
{
	static const __u64 sizes[] = {
		1, 2, 3, 7, 8, 63, 64, 65, 511, 4095, 4096, 4097, 8191, 12289, 65536, 100003,
	};
	static const __u64 shifts[] = { 0, 1, 3, 8, 63, 4095 };
	const __u64 space = KIB(128);
	struct aci_buf from, to;
	unsigned int i, s, d;

	ASSERT_OK(copy_buf(&self->ctx, &from, space, variant->from));
	ASSERT_OK(copy_buf(&self->ctx, &to, space, variant->to));
	data_fill(from.map, space, 7);
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		for (s = 0; s < ARRAY_SIZE(shifts); s++) {
			__u8 *at;

			d = (s * 5 + i) % ARRAY_SIZE(shifts);
			at = (__u8 *)to.map + shifts[d];
			memset(to.map, 0xa5, shifts[d] + sizes[i] + 64);
			ASSERT_OK(aci_run_one(&self->ctx, desc_copy(from.va + shifts[s],
								   to.va + shifts[d], sizes[i])));
			ASSERT_EQ(0, memcmp(at, (__u8 *)from.map + shifts[s], sizes[i]));
			/* Not a byte before or after. */
			ASSERT_TRUE(data_is(to.map, shifts[d], 0xa5));
			ASSERT_TRUE(data_is(at + sizes[i], 64, 0xa5));
		}
	}
}

/* 64 MiB, through a window where the card memory's aperture is smaller. */
TEST_F(copy, large)
{
	const __u64 bytes = MIB(64);
	struct aci_buf from, to, window;
	__u64 at;

	ASSERT_OK(aci_buf_init(&self->ctx, &from, bytes, variant->from, 0));
	ASSERT_OK(aci_buf_init(&self->ctx, &to, bytes, variant->to, 0));
	ASSERT_OK(aci_buf_init(&self->ctx, &window, MIB(8), DRM_ACI_PLACEMENT_HOST, 0));
	for (at = 0; at < bytes; at += window.bytes) {
		data_fill(window.map, window.bytes, at + 1);
		ASSERT_OK(aci_run_one(&self->ctx, desc_copy(window.va, from.va + at,
							   window.bytes)));
	}
	ASSERT_OK(aci_run_one(&self->ctx, desc_copy(from.va, to.va, bytes)));
	for (at = 0; at < bytes; at += window.bytes) {
		memset(window.map, 0, window.bytes);
		ASSERT_OK(aci_run_one(&self->ctx, desc_copy(to.va + at, window.va,
							   window.bytes)));
		ASSERT_EQ(-1, data_check(window.map, window.bytes, at + 1));
	}
}

TEST_F(copy, strided)
{
	const __u64 rows = 37, row_bytes = 53, src_stride = 129, dst_stride = 61;
	struct aci_desc desc = {
		.opcode = ACI_OP_COPY_STRIDED,
		.copy_strided = { .src_stride = src_stride, .dst_stride = dst_stride,
				  .row_bytes = row_bytes, .rows = rows },
	};
	struct aci_buf from, to;
	__u64 row;

	ASSERT_OK(copy_buf(&self->ctx, &from, KIB(8), variant->from));
	ASSERT_OK(copy_buf(&self->ctx, &to, KIB(8), variant->to));
	data_fill(from.map, KIB(8), 8);
	memset(to.map, 0xa5, KIB(8));
	desc.copy_strided.src = from.va + 5;
	desc.copy_strided.dst = to.va + 3;
	ASSERT_OK(aci_run_one(&self->ctx, desc));
	for (row = 0; row < rows; row++) {
		__u8 *dst = (__u8 *)to.map + 3 + row * dst_stride;

		ASSERT_EQ(0, memcmp(dst, (__u8 *)from.map + 5 + row * src_stride, row_bytes));
		ASSERT_TRUE(data_is(dst + row_bytes, dst_stride - row_bytes, 0xa5));
	}
	EXPECT_TRUE(data_is(to.map, 3, 0xa5));
}

FIXTURE_CTX(jobs, ACI_ENGINE_CLASS_COPY)

/* Host pages in an order that no allocator gives. */
TEST_F(jobs, copy_between_scattered_pages)
{
	enum { PAGES = 256 };
	__u64 from_va = aci_ctx_take_va(&self->ctx, PAGES * KIB(4));
	__u64 to_va = aci_ctx_take_va(&self->ctx, PAGES * KIB(4));
	__u32 from, to;
	void *from_map, *to_map;
	unsigned int i;

	ASSERT_OK(aci_bo_create(self->ctx.fd, PAGES * KIB(4), DRM_ACI_PLACEMENT_HOST, 0, &from));
	ASSERT_OK(aci_bo_create(self->ctx.fd, PAGES * KIB(4), DRM_ACI_PLACEMENT_HOST, 0, &to));
	ASSERT_OK(aci_bo_map(self->ctx.fd, from, PAGES * KIB(4), &from_map));
	ASSERT_OK(aci_bo_map(self->ctx.fd, to, PAGES * KIB(4), &to_map));
	for (i = 0; i < PAGES; i++) {
		ASSERT_OK(aci_bind(self->ctx.fd, self->ctx.vm, from, KIB(4) * (i * 37 % PAGES),
				   from_va + KIB(4) * i, KIB(4), 0));
		ASSERT_OK(aci_bind(self->ctx.fd, self->ctx.vm, to, KIB(4) * (i * 101 % PAGES),
				   to_va + KIB(4) * i, KIB(4), 0));
	}
	data_fill(from_map, PAGES * KIB(4), 9);
	/* Off by an odd number: every page of the source meets two of the target. */
	ASSERT_OK(aci_run_one(&self->ctx, desc_copy(from_va, to_va, PAGES * KIB(4) - 1)));
	for (i = 0; i < PAGES - 1; i++)
		ASSERT_EQ(0, memcmp((char *)to_map + KIB(4) * (i * 101 % PAGES),
				    (char *)from_map + KIB(4) * (i * 37 % PAGES), KIB(4)));
	ASSERT_OK(aci_run_one(&self->ctx, desc_copy(from_va + 1001, to_va, KIB(4) * 2)));
	EXPECT_EQ(0, memcmp(to_map, (char *)from_map + 1001, KIB(4) - 1001));
	EXPECT_EQ(0, memcmp((char *)to_map + KIB(4) - 1001, (char *)from_map + KIB(4) * 37, 1001));
}

TEST_F(jobs, copy_across_placements_in_one_range)
{
	__u64 va = aci_ctx_take_va(&self->ctx, KIB(16));
	struct aci_buf from, check;
	__u32 host, card;

	/* Host, card, host, card page: one contiguous range to the job. */
	ASSERT_OK(aci_buf_init(&self->ctx, &from, KIB(16), DRM_ACI_PLACEMENT_HOST, 0));
	ASSERT_OK(aci_buf_init(&self->ctx, &check, KIB(16), DRM_ACI_PLACEMENT_HOST, 0));
	ASSERT_OK(aci_bo_create(self->ctx.fd, KIB(8), DRM_ACI_PLACEMENT_HOST, 0, &host));
	ASSERT_OK(aci_bo_create(self->ctx.fd, KIB(8), DRM_ACI_PLACEMENT_CARD, 0, &card));
	ASSERT_OK(aci_bind(self->ctx.fd, self->ctx.vm, host, 0, va, KIB(4), 0));
	ASSERT_OK(aci_bind(self->ctx.fd, self->ctx.vm, card, 0, va + KIB(4), KIB(4), 0));
	ASSERT_OK(aci_bind(self->ctx.fd, self->ctx.vm, host, KIB(4), va + KIB(8), KIB(4), 0));
	ASSERT_OK(aci_bind(self->ctx.fd, self->ctx.vm, card, KIB(4), va + KIB(12), KIB(4), 0));
	data_fill(from.map, KIB(16), 10);
	ASSERT_OK(aci_run_one(&self->ctx, desc_copy(from.va, va, KIB(16))));
	ASSERT_OK(aci_run_one(&self->ctx, desc_copy(va, check.va, KIB(16))));
	EXPECT_EQ(-1, data_check(check.map, KIB(16), 10));
}

TEST_F(jobs, copy_stops_at_a_hole)
{
	struct aci_buf from, to;
	struct drm_aci_query_queue queue;

	ASSERT_OK(aci_buf_init(&self->ctx, &from, KIB(16), DRM_ACI_PLACEMENT_HOST, 0));
	ASSERT_OK(aci_buf_init(&self->ctx, &to, KIB(16), DRM_ACI_PLACEMENT_HOST, 0));
	ASSERT_OK(aci_unbind(self->ctx.fd, self->ctx.vm, to.va + KIB(8), KIB(4)));
	data_fill(from.map, KIB(16), 11);
	EXPECT_EQ(ACI_JOB_FAULT, aci_run_one(&self->ctx, desc_copy(from.va, to.va, KIB(16))));
	ASSERT_OK(aci_query(self->ctx.fd, DRM_ACI_QUERY_QUEUE, self->ctx.queue, &queue,
			    sizeof(queue)));
	EXPECT_EQ(to.va + KIB(8), queue.error_info & ~0xfffull);
	/* The page behind the hole's address is still the BO's own: nothing got there. */
	EXPECT_TRUE(data_is((char *)to.map + KIB(8), KIB(4), 0));
}

TEST_F(jobs, fill_patterns)
{
	static const __u32 widths[] = { 1, 2, 4, 8 };
	static const __u64 counts[] = { 1, 2, 3, 63, 512, 1025, 4099 };
	const __u64 pattern = 0x8877665544332211ull;
	struct aci_buf buf;
	unsigned int w, c;

	ASSERT_OK(aci_buf_init(&self->ctx, &buf, KIB(64), DRM_ACI_PLACEMENT_HOST, 0));
	for (w = 0; w < ARRAY_SIZE(widths); w++) {
		for (c = 0; c < ARRAY_SIZE(counts); c++) {
			__u64 bytes = counts[c] * widths[w], i;
			__u8 *at = (__u8 *)buf.map + 16;

			memset(buf.map, 0xa5, KIB(64));
			ASSERT_OK(aci_run_one(&self->ctx, desc_fill(buf.va + 16, bytes, pattern,
								    widths[w])));
			for (i = 0; i < bytes; i++)
				ASSERT_EQ((__u8)(pattern >> (8 * (i % widths[w]))), at[i]);
			ASSERT_TRUE(data_is(buf.map, 16, 0xa5));
			ASSERT_TRUE(data_is(at + bytes, 64, 0xa5));
		}
	}
}

TEST_F(jobs, fill_card_memory)
{
	struct aci_buf card, host;

	ASSERT_OK(aci_buf_init(&self->ctx, &card, MIB(16), DRM_ACI_PLACEMENT_CARD, 0));
	ASSERT_OK(aci_buf_init(&self->ctx, &host, MIB(16), DRM_ACI_PLACEMENT_HOST, 0));
	ASSERT_OK(aci_run_one(&self->ctx, desc_fill(card.va, MIB(16), 0x6b, 1)));
	ASSERT_OK(aci_run_one(&self->ctx, desc_copy(card.va, host.va, MIB(16))));
	EXPECT_TRUE(data_is(host.map, MIB(16), 0x6b));
}

TEST_F(jobs, timestamps_rise)
{
	struct drm_aci_query_device device;
	struct aci_desc descs[3];
	struct aci_buf buf;
	__u64 *stamp, start, spent;

	ASSERT_OK(aci_query(self->ctx.fd, DRM_ACI_QUERY_DEVICE, 0, &device, sizeof(device)));
	ASSERT_OK(aci_buf_init(&self->ctx, &buf, MIB(4), DRM_ACI_PLACEMENT_HOST, 0));
	stamp = buf.map;
	descs[0] = desc_timestamp(buf.va);
	descs[1] = desc_fill(buf.va + KIB(4), MIB(4) - KIB(4), 1, 1);
	descs[2] = desc_timestamp(buf.va + 8);
	start = now_ns();
	ASSERT_OK(aci_run(self->ctx.fd, self->ctx.queue, descs, 3));
	spent = now_ns() - start;
	EXPECT_NE(0, stamp[0]);
	EXPECT_LT(stamp[0], stamp[1]);
	/* Its unit: what the card saw is no more than what the host saw, twice for slack. */
	EXPECT_LE((stamp[1] - stamp[0]) * (1000000000.0 / device.timestamp_hz), 2.0 * spent);
	EXPECT_EQ(0, stamp[2]);
}

TEST_F(jobs, signal_writes_value)
{
	struct aci_desc descs[2];
	struct aci_buf buf;
	__u64 *value;

	ASSERT_OK(aci_buf_init(&self->ctx, &buf, KIB(4), DRM_ACI_PLACEMENT_HOST, 0));
	value = buf.map;
	descs[0] = desc_signal(buf.va + 8, 0x1122334455667788ull);
	descs[1] = desc_signal(buf.va + 24, ~0ull);
	ASSERT_OK(aci_run(self->ctx.fd, self->ctx.queue, descs, 2));
	EXPECT_EQ(0, value[0]);
	EXPECT_EQ(0x1122334455667788ull, value[1]);
	EXPECT_EQ(0, value[2]);
	EXPECT_EQ(~0ull, value[3]);
	EXPECT_EQ(0, value[4]);
}

/* All earlier writes of the queue are visible before the fence is. */
TEST_F(jobs, data_is_there_when_the_fence_is)
{
	struct aci_buf buf;
	__u64 i;

	ASSERT_OK(aci_buf_init(&self->ctx, &buf, KIB(64), DRM_ACI_PLACEMENT_HOST, 0));
	for (i = 1; i <= 500; i++) {
		ASSERT_OK(aci_run_one(&self->ctx, desc_fill(buf.va, KIB(64), i, 8)));
		ASSERT_EQ(i, ((volatile __u64 *)buf.map)[KIB(64) / 8 - 1]);
		ASSERT_EQ(i, ((volatile __u64 *)buf.map)[0]);
	}
}

/* A program: out = in0 + in1, f32. */
FIXTURE(exec) {
	struct aci_ctx ctx;
	struct aci_buf buf;
};

FIXTURE_SETUP(exec)
{
	struct drm_aci_query_device device;
	int fd = aci_open(0);

	ASSERT_LE(0, fd);
	ASSERT_OK(aci_query(fd, DRM_ACI_QUERY_DEVICE, 0, &device, sizeof(device)));
	close(fd);
	if (!(device.cap & ACI_CAP_TCS))
		SKIP(return, "card without the tensor command set");
	ASSERT_OK(aci_ctx_init(&self->ctx, 0, ACI_ENGINE_CLASS_COMPUTE, 0));
	ASSERT_OK(aci_buf_init(&self->ctx, &self->buf, KIB(64), DRM_ACI_PLACEMENT_HOST, 0));
}

FIXTURE_TEARDOWN(exec)
{
	aci_ctx_fini(&self->ctx);
}

#define ADD_ELEMENTS	100
#define ADD_ARGS_AT	KIB(16)
#define ADD_DATA_AT	KIB(20)

struct add_program {
	struct aci_tcs_header header;
	struct aci_tcs_tensor tensors[3] __attribute__((aligned(16)));
	struct aci_tcs_op ops[1] __attribute__((aligned(16)));
};

/* Program, arguments and data in one buffer. Return: the EXEC that runs it. */
static struct aci_desc add_build(struct aci_buf *buf, struct add_program **out)
{
	struct add_program *program = buf->map;
	struct aci_arg *args = (void *)((char *)buf->map + ADD_ARGS_AT);
	float *data = (void *)((char *)buf->map + ADD_DATA_AT);
	unsigned int i;

	memset(program, 0, sizeof(*program));
	program->header = (struct aci_tcs_header){
		.magic = ACI_TCS_MAGIC,
		.version = ACI_TCS_VERSION_MAJOR << 16 | ACI_TCS_VERSION_MINOR,
		.program_bytes = sizeof(*program), .tensor_count = 3, .op_count = 1,
		.arg_count = 3, .tensors_offset = offsetof(struct add_program, tensors),
		.ops_offset = offsetof(struct add_program, ops),
		.workspace_slot = ACI_TCS_NONE,
	};
	for (i = 0; i < 3; i++) {
		program->tensors[i] = (struct aci_tcs_tensor){
			.type = ACI_TCS_TYPE_F32, .rank = 1, .slot = i,
			.offset_slot = ACI_TCS_NONE,
			.shape = { ADD_ELEMENTS }, .stride = { 1 },
		};
		args[i].value = buf->va + ADD_DATA_AT + i * KIB(4);
		args[i].bytes = ADD_ELEMENTS * sizeof(float);
	}
	program->ops[0] = (struct aci_tcs_op){
		.opcode = ACI_TCS_OP_BINARY, .function = ACI_TCS_BINARY_ADD,
		.in = { 0, 1, ACI_TCS_NONE, ACI_TCS_NONE, ACI_TCS_NONE, ACI_TCS_NONE },
		.out = { 2, ACI_TCS_NONE },
	};
	for (i = 0; i < ADD_ELEMENTS; i++) {
		data[i] = i * 0.5f;
		data[KIB(1) + i] = 1000.0f - i;
	}
	*out = program;
	return (struct aci_desc){
		.opcode = ACI_OP_EXEC,
		.exec = { .program = buf->va, .program_bytes = sizeof(*program), .arg_count = 3,
			  .args = buf->va + ADD_ARGS_AT, .set = 0 },
	};
}

TEST_F(exec, add)
{
	struct drm_aci_query_queue queue;
	struct add_program *program;
	struct aci_desc desc = add_build(&self->buf, &program);
	const float *sum = (void *)((char *)self->buf.map + ADD_DATA_AT + KIB(8));
	unsigned int i;

	ASSERT_OK(aci_run_one(&self->ctx, desc));
	for (i = 0; i < ADD_ELEMENTS; i++)
		ASSERT_EQ(i * 0.5f + (1000.0f - i), sum[i]);
	EXPECT_EQ(0, sum[ADD_ELEMENTS]);
	ASSERT_OK(aci_query(self->ctx.fd, DRM_ACI_QUERY_QUEUE, self->ctx.queue, &queue,
			    sizeof(queue)));
	EXPECT_LE(3 * ADD_ELEMENTS * sizeof(float), queue.bytes);
}

TEST_F(exec, broken_magic)
{
	struct drm_aci_query_queue queue;
	struct add_program *program;
	struct aci_desc desc = add_build(&self->buf, &program);

	program->header.magic ^= 1;
	EXPECT_GT(0, aci_run_one(&self->ctx, desc));
	ASSERT_OK(aci_query(self->ctx.fd, DRM_ACI_QUERY_QUEUE, self->ctx.queue, &queue,
			    sizeof(queue)));
	EXPECT_EQ(ACI_STATUS_PROG_HEADER, queue.error);
	EXPECT_EQ(0, queue.error_index);
	program->header.magic ^= 1;
	EXPECT_OK(aci_run_one(&self->ctx, desc));
}

TEST_F(exec, tensor_past_its_argument)
{
	struct drm_aci_query_queue queue;
	struct add_program *program;
	struct aci_desc desc = add_build(&self->buf, &program);
	__u8 *sum = (__u8 *)self->buf.map + ADD_DATA_AT + KIB(8);

	program->tensors[2].shape[0] = program->tensors[1].shape[0] =
		program->tensors[0].shape[0] = ADD_ELEMENTS + 1;
	EXPECT_GT(0, aci_run_one(&self->ctx, desc));
	ASSERT_OK(aci_query(self->ctx.fd, DRM_ACI_QUERY_QUEUE, self->ctx.queue, &queue,
			    sizeof(queue)));
	EXPECT_EQ(ACI_STATUS_PROG_BOUNDS, queue.error);
	EXPECT_TRUE(data_is(sum, KIB(4), 0));
}

TEST_F(exec, program_not_mapped)
{
	struct drm_aci_query_queue queue;
	struct add_program *program;
	struct aci_desc desc = add_build(&self->buf, &program);

	desc.exec.program = aci_ctx_take_va(&self->ctx, KIB(64));
	EXPECT_EQ(ACI_JOB_FAULT, aci_run_one(&self->ctx, desc));
	ASSERT_OK(aci_query(self->ctx.fd, DRM_ACI_QUERY_QUEUE, self->ctx.queue, &queue,
			    sizeof(queue)));
	EXPECT_EQ(ACI_STATUS_PAGE_FAULT, queue.error);
	EXPECT_EQ(desc.exec.program, queue.error_info & ~0xfffull);
}

TEST_HARNESS_MAIN
