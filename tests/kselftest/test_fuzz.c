// SPDX-License-Identifier: GPL-2.0
/*
 * Random ioctls of the driver's own: members are taken from a pool of valid
 * ids, borders and nonsense. Nothing may break for those who behave; that the
 * kernel says nothing about it is checked by whoever reads its log.
 */
#include "aci_harness.h"

#define ROUNDS		40
#define CALLS		400
#define BYTES_MAX	MIB(1)	/* of a BO: the fuzzer shall not meet the end of memory */

struct fuzz {
	__u64 random;
	struct aci_ctx ctx;
	__u32 handle;
	__u32 syncobj;
	__u8 *memory;		/* what pointers point to */
	__u64 bytes;
	unsigned int successes;
};

static __u64 pick_u64(struct fuzz *fuzz)
{
	const __u64 pool[] = {
		0, 1, 2, 3, 4, 7, 8, 24, 32, 48, 63, 64, 65, 128, 4095, 4096, 8192, 65536,
		0x7fffffff, 0x80000000, 0xffffffff, 1ull << 32, 1ull << 47, 1ull << 48,
		1ull << 63, ~0ull, ~0ull << 12, fuzz->ctx.vm, fuzz->ctx.queue, fuzz->handle,
		fuzz->syncobj, fuzz->ctx.next_va, fuzz->ctx.next_va + 4096,
		USER_PTR(fuzz->memory), USER_PTR(fuzz->memory) + 4096,
		USER_PTR(fuzz->memory) + fuzz->bytes - 64, 0xffffffff81000000ull,
	};

	if (!(data_random(&fuzz->random) % 16))
		return data_random(&fuzz->random);
	return pool[data_random(&fuzz->random) % ARRAY_SIZE(pool)];
}

static void fill_words(struct fuzz *fuzz, void *data, size_t bytes)
{
	size_t i;

	for (i = 0; i < bytes / 4; i++)
		((__u32 *)data)[i] = (__u32)pick_u64(fuzz);
	/* Half of all pairs of words are one long value. */
	for (i = 0; i < bytes / 8; i++)
		if (data_random(&fuzz->random) & 1)
			((__u64 *)data)[i] = pick_u64(fuzz);
}

/* Mostly well-formed, or nearly every call would end at its first check. */
static void sane_array(struct fuzz *fuzz, struct drm_aci_array *array, __u32 stride)
{
	if (!(data_random(&fuzz->random) % 4))
		return;
	array->stride = stride;
	array->count = data_random(&fuzz->random) % 4;
	array->ptr = array->count ? USER_PTR(fuzz->memory) : 0;
}

static void call_vm_bind(struct fuzz *fuzz, struct drm_aci_vm_bind *bind)
{
	struct drm_aci_bind_op *ops = (void *)fuzz->memory;
	unsigned int i;

	bind->vm_id = fuzz->ctx.vm;
	bind->flags = bind->pad = 0;
	memset(&bind->syncs, 0, sizeof(bind->syncs));
	sane_array(fuzz, &bind->ops, sizeof(*ops));
	for (i = 0; i < 4; i++) {
		ops[i].op &= 1;
		ops[i].flags &= 1;
		ops[i].pad = 0;
		ops[i].handle = ops[i].op == DRM_ACI_BIND_MAP ? fuzz->handle : 0;
		ops[i].va = fuzz->ctx.next_va + data_random(&fuzz->random) % 1024 * KIB(4);
		ops[i].size = data_random(&fuzz->random) % 16 * KIB(4);
	}
}

static void call_submit(struct fuzz *fuzz, struct drm_aci_submit *submit)
{
	struct drm_aci_job *jobs = (void *)fuzz->memory;
	struct aci_desc *descs = (void *)(fuzz->memory + 4096);
	unsigned int i;

	submit->queue_id = fuzz->ctx.queue;
	submit->flags &= DRM_ACI_SUBMIT_WAIT;
	submit->status = 0;
	sane_array(fuzz, &submit->jobs, sizeof(*jobs));
	for (i = 0; i < 4; i++) {
		jobs[i].flags = 0;
		jobs[i].desc_count = data_random(&fuzz->random) % 65;
		jobs[i].descs = USER_PTR(descs);
		jobs[i].signal &= 3;
		jobs[i].pad = 0;
		if (data_random(&fuzz->random) & 3)
			memset(&jobs[i].syncs, 0, sizeof(jobs[i].syncs));
	}
	for (i = 0; i < 64; i++)
		descs[i].opcode %= 9;
}

static void call_one(struct fuzz *fuzz)
{
	unsigned int nr = data_random(&fuzz->random) % (DRM_ACI_SUBMIT + 1);
	union {
		__u64 raw[16];
		struct drm_aci_bo_create bo;
		struct drm_aci_vm_bind bind;
		struct drm_aci_submit submit;
	} arg = { 0 };
	size_t bytes = data_random(&fuzz->random) % 8 ? 64 : sizeof(arg);
	bool tidy = data_random(&fuzz->random) & 1;

	fill_words(fuzz, fuzz->memory, 8192);
	fill_words(fuzz, &arg, sizeof(arg));
	if (nr == DRM_ACI_BO_CREATE && arg.bo.size > BYTES_MAX)
		arg.bo.size = BYTES_MAX;
	if (nr == DRM_ACI_VM_BIND && tidy)
		call_vm_bind(fuzz, &arg.bind);
	if (nr == DRM_ACI_SUBMIT && tidy)
		call_submit(fuzz, &arg.submit);
	/* Losing queue or VM to a lucky guess makes the rest of the round dull. */
	if ((nr == DRM_ACI_QUEUE_DESTROY || nr == DRM_ACI_VM_DESTROY) &&
	    data_random(&fuzz->random) % 32)
		return;
	if (!aci_ioctl(fuzz->ctx.fd, _IOC(_IOC_READ | _IOC_WRITE, DRM_IOCTL_BASE,
					  DRM_COMMAND_BASE + nr, bytes), &arg))
		fuzz->successes++;
}

FIXTURE(fuzz) {
	struct aci_ctx witness;		/* another file, which must not notice */
	struct aci_buf buf;
	struct fuzz fuzz;
};

FIXTURE_VARIANT(fuzz) {
	__u64 seed;
};

FIXTURE_VARIANT_ADD(fuzz, seed_1) { 1 };
FIXTURE_VARIANT_ADD(fuzz, seed_2) { 2 };
FIXTURE_VARIANT_ADD(fuzz, seed_3) { 3 };

FIXTURE_SETUP(fuzz)
{
	self->fuzz.ctx.fd = -1;
	self->fuzz.random = variant->seed;
	self->fuzz.bytes = KIB(64);
	self->fuzz.memory = mmap(NULL, self->fuzz.bytes, PROT_READ | PROT_WRITE,
				 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, (void *)self->fuzz.memory);
	ASSERT_OK(aci_ctx_init(&self->witness, 0, ACI_ENGINE_CLASS_COPY, 0));
	ASSERT_OK(aci_buf_init(&self->witness, &self->buf, KIB(64), DRM_ACI_PLACEMENT_CARD,
			       DRM_ACI_BO_CPU_ACCESS));
}

FIXTURE_TEARDOWN(fuzz)
{
	aci_ctx_fini(&self->fuzz.ctx);
	aci_ctx_fini(&self->witness);
}

TEST_F(fuzz, others_do_not_notice)
{
	struct drm_aci_query_device before, after;
	struct fuzz *fuzz = &self->fuzz;
	unsigned int round, call;
	__u64 end;

	ASSERT_OK(aci_query(self->witness.fd, DRM_ACI_QUERY_DEVICE, 0, &before, sizeof(before)));
	for (round = 0; round < ROUNDS; round++) {
		ASSERT_OK(aci_ctx_init(&fuzz->ctx, 0, round & 1, 0));
		ASSERT_OK(aci_bo_create(fuzz->ctx.fd, KIB(256), DRM_ACI_PLACEMENT_HOST, 0,
					&fuzz->handle));
		ASSERT_OK(aci_sync_new(fuzz->ctx.fd, &fuzz->syncobj));
		for (call = 0; call < CALLS; call++)
			call_one(fuzz);
		ASSERT_OK(aci_run_one(&self->witness, desc_fill(self->buf.va, KIB(64), round, 1)));
		ASSERT_TRUE(data_is(self->buf.map, KIB(64), round));
		aci_ctx_fini(&fuzz->ctx);
	}
	/* It got behind the first checks. */
	EXPECT_LT(ROUNDS * CALLS / 50, fuzz->successes);
	/* No event tells that a file is gone for good: look until it is. */
	end = now_ns() + aci_wait_ns();
	do {
		ASSERT_OK(aci_query(self->witness.fd, DRM_ACI_QUERY_DEVICE, 0, &after,
				    sizeof(after)));
	} while (after.card_memory_free_bytes != before.card_memory_free_bytes && now_ns() < end);
	EXPECT_EQ(before.card_memory_free_bytes, after.card_memory_free_bytes);
	EXPECT_EQ(before.reset_generation, after.reset_generation);
}

TEST_HARNESS_MAIN
