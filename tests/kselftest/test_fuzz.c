// SPDX-License-Identifier: GPL-2.0
/*
 * A hostile user: calls that are valid, nearly valid and nonsense, on objects
 * that are in use; jobs whose descriptors and command buffers are garbage.
 * Nothing may break for those who behave, no reply may tell what is none of the
 * caller's business, and all of it must be gone with the file. That the kernel
 * has nothing to say about it is checked by whoever reads its log.
 *
 * ACI_FUZZ_CALLS and ACI_FUZZ_SEED in the environment make it longer, and other.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#include <aci/aci_tcs.h>

#include "aci_harness.h"
#include "aci_fuzz.h"

#define CALLS		40000
#define CALLS_A_FILE	2000	/* then a new file, as the old one has lost its queues */
#define BYTES_MAX	MIB(1)	/* of a BO: the end of memory is not what is looked for */
#define BOS		8
#define VMS		3
#define QUEUES		4
#define SYNCOBJS	4

/* What the file has; 0: no such object. */
static struct {
	__u32 vms[VMS];
	__u32 queues[QUEUES];
	__u32 bos[BOS];
	__u32 syncobjs[SYNCOBJS];
	int dmabuf;
	__u64 va;
} own;

static __u32 pick(struct fuzz *fuzz, const __u32 *ids, unsigned int count)
{
	unsigned int first = fuzz_below(fuzz, count), i;

	for (i = 0; i < count; i++)
		if (ids[(first + i) % count])
			return ids[(first + i) % count];
	return 0;
}

#define PICK(kind)	pick(fuzz, own.kind, ARRAY_SIZE(own.kind))

static void forget(__u32 *ids, unsigned int count, __u32 id)
{
	unsigned int i;

	for (i = 0; i < count; i++)
		if (ids[i] == id)
			ids[i] = 0;
}

/* Returns an id that has to make place, or 0. */
static __u32 note(struct fuzz *fuzz, __u32 *ids, unsigned int count, __u32 id)
{
	unsigned int i;
	__u32 old;

	for (i = 0; i < count && ids[i]; i++)
		;
	if (i == count)
		i = fuzz_below(fuzz, count);
	old = ids[i];
	ids[i] = id;
	return old;
}

#define NOTE(kind, id)		note(fuzz, own.kind, ARRAY_SIZE(own.kind), id)
#define FORGET(kind, id)	forget(own.kind, ARRAY_SIZE(own.kind), id)

static __u64 some_va(struct fuzz *fuzz)
{
	return own.va + fuzz_below(fuzz, 64) * KIB(64);
}

static void fill_syncs(struct fuzz *fuzz, struct drm_aci_array *array, size_t at)
{
	struct drm_aci_sync *syncs = (void *)(fuzz->memory + at);
	unsigned int i;

	array->stride = sizeof(*syncs);
	array->count = own.syncobjs[0] ? fuzz_below(fuzz, 3) : 0;
	array->ptr = array->count ? USER_PTR(syncs) : 0;
	for (i = 0; i < array->count; i++) {
		syncs[i] = (struct drm_aci_sync){
			/* Most have no fence to wait for. */
			.flags = fuzz_below(fuzz, 4) ? DRM_ACI_SYNC_SIGNAL : 0,
			.handle = PICK(syncobjs),
		};
		if (!fuzz_below(fuzz, 3)) {
			syncs[i].flags |= DRM_ACI_SYNC_TIMELINE;
			syncs[i].point = 1 + fuzz_below(fuzz, 100);
		}
	}
}

/* --- The calls --- */

static void fill_query(struct fuzz *fuzz, void *arg)
{
	struct drm_aci_query *query = arg;

	query->type = fuzz_below(fuzz, DRM_ACI_QUERY_VM + 1);
	query->size = fuzz_below(fuzz, 1024);
	query->ptr = USER_PTR(fuzz->memory);
	if (query->type == DRM_ACI_QUERY_QUEUE)
		query->index = PICK(queues);
	if (query->type == DRM_ACI_QUERY_VM)
		query->index = PICK(vms);
}

static void fill_vm_create(struct fuzz *fuzz, void *arg)
{
}

static void done_vm_create(struct fuzz *fuzz, const void *before, const void *after)
{
	const struct drm_aci_vm_create *create = after;
	__u32 old = NOTE(vms, create->vm_id);

	/* It stays if it has queues, to the end of the file. */
	if (old)
		aci_vm_destroy(fuzz->fd, old);
}

static void fill_vm_destroy(struct fuzz *fuzz, void *arg)
{
	((struct drm_aci_vm_destroy *)arg)->vm_id = PICK(vms);
}

static void done_vm_destroy(struct fuzz *fuzz, const void *before, const void *after)
{
	FORGET(vms, ((const struct drm_aci_vm_destroy *)before)->vm_id);
}

static void fill_vm_bind(struct fuzz *fuzz, void *arg)
{
	struct drm_aci_vm_bind *bind = arg;
	struct drm_aci_bind_op *ops = (void *)fuzz->memory;
	unsigned int i;

	bind->vm_id = PICK(vms);
	bind->ops.stride = sizeof(*ops);
	bind->ops.count = 1 + fuzz_below(fuzz, 4);
	bind->ops.ptr = USER_PTR(ops);
	for (i = 0; i < bind->ops.count; i++) {
		ops[i] = (struct drm_aci_bind_op){
			.op = fuzz_below(fuzz, 2) ? DRM_ACI_BIND_UNMAP : DRM_ACI_BIND_MAP,
			.va = some_va(fuzz), .size = (1 + fuzz_below(fuzz, 16)) * KIB(4),
		};
		if (ops[i].op == DRM_ACI_BIND_MAP) {
			ops[i].flags = fuzz_below(fuzz, 2) ? DRM_ACI_BIND_READONLY : 0;
			ops[i].handle = PICK(bos);
		}
	}
	if (fuzz_below(fuzz, 2)) {
		bind->flags = DRM_ACI_VM_BIND_ASYNC;
		fill_syncs(fuzz, &bind->syncs, 1024);
	}
}

static void fill_bo_create(struct fuzz *fuzz, void *arg)
{
	struct drm_aci_bo_create *create = arg;

	create->size = 1 + fuzz_below(fuzz, BYTES_MAX);
	create->placement = fuzz_below(fuzz, 2);
	create->cache = create->placement == DRM_ACI_PLACEMENT_CARD ?
			DRM_ACI_CACHE_WRITE_COMBINED : fuzz_below(fuzz, 2);
	create->flags = fuzz_below(fuzz, 2) ? DRM_ACI_BO_CPU_ACCESS : 0;
}

static void tame_bo_create(void *arg)
{
	struct drm_aci_bo_create *create = arg;

	/* More than there is fails, and uses nothing. */
	if (create->size > BYTES_MAX && create->size < 1ull << 44)
		create->size = BYTES_MAX;
}

static void note_bo(struct fuzz *fuzz, __u32 handle)
{
	__u32 old = NOTE(bos, handle);

	if (old)
		aci_bo_close(fuzz->fd, old);
}

static void done_bo_create(struct fuzz *fuzz, const void *before, const void *after)
{
	note_bo(fuzz, ((const struct drm_aci_bo_create *)after)->handle);
}

static void fill_bo_userptr(struct fuzz *fuzz, void *arg)
{
	struct drm_aci_bo_create_userptr *create = arg;

	create->addr = USER_PTR(fuzz->memory) + KIB(8) + fuzz_below(fuzz, 3) * KIB(4);
	create->size = (1 + fuzz_below(fuzz, 3)) * KIB(4);
	create->flags = fuzz_below(fuzz, 2) ? DRM_ACI_USERPTR_READONLY : 0;
}

static void done_bo_userptr(struct fuzz *fuzz, const void *before, const void *after)
{
	note_bo(fuzz, ((const struct drm_aci_bo_create_userptr *)after)->handle);
}

static void fill_bo_mmap_offset(struct fuzz *fuzz, void *arg)
{
	((struct drm_aci_bo_mmap_offset *)arg)->handle = PICK(bos);
}

/* A command buffer that gets behind the first checks, and nonsense from there on. */
static void write_program(struct fuzz *fuzz, void *page)
{
	struct aci_tcs_header header = {
		.magic = ACI_TCS_MAGIC, .version = ACI_TCS_VERSION_MAJOR << 16 | ACI_TCS_VERSION_MINOR,
		.program_bytes = 4096,
		.tensor_count = 1 + fuzz_below(fuzz, 4), .op_count = 1 + fuzz_below(fuzz, 4),
		.arg_count = fuzz_below(fuzz, 4), .tensors_offset = sizeof(header),
		.ops_offset = 2048, .workspace_slot = ACI_TCS_NONE,
	};
	__u64 words[512];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(words); i++)
		words[i] = fuzz_below(fuzz, 4) ? fuzz_below(fuzz, 16) : fuzz_value(fuzz);
	memcpy(words, &header, sizeof(header));
	memcpy(page, words, sizeof(words));
}

static void done_bo_mmap_offset(struct fuzz *fuzz, const void *before, const void *after)
{
	const struct drm_aci_bo_mmap_offset *offset = after;
	char *map = mmap(NULL, KIB(4), PROT_READ | PROT_WRITE, MAP_SHARED, fuzz->fd,
			 (off_t)offset->offset);

	if (map == MAP_FAILED)
		return;
	write_program(fuzz, map);
	munmap(map, KIB(4));
}

static void fill_queue_create(struct fuzz *fuzz, void *arg)
{
	struct drm_aci_queue_create *create = arg;

	create->vm_id = PICK(vms);
	create->engine_class = fuzz_below(fuzz, 2);
	create->priority = fuzz_below(fuzz, 3);
	create->ring_entries = 64 << fuzz_below(fuzz, 3);
	create->timeout_ms = 1000;
}

static void done_queue_create(struct fuzz *fuzz, const void *before, const void *after)
{
	__u32 old = NOTE(queues, ((const struct drm_aci_queue_create *)after)->queue_id);

	if (old)
		aci_queue_destroy(fuzz->fd, old);
}

static void fill_queue_destroy(struct fuzz *fuzz, void *arg)
{
	((struct drm_aci_queue_destroy *)arg)->queue_id = PICK(queues);
}

static void done_queue_destroy(struct fuzz *fuzz, const void *before, const void *after)
{
	FORGET(queues, ((const struct drm_aci_queue_destroy *)before)->queue_id);
}

/* Addresses are somewhere in what may be mapped; a program is whatever is there. */
static struct aci_desc some_desc(struct fuzz *fuzz)
{
	struct aci_desc desc = { 0 };
	__u64 *words = (void *)&desc;
	unsigned int i;

	switch (fuzz_below(fuzz, 16)) {
	case 0:
		for (i = 0; i < 8; i++)
			words[i] = fuzz_value(fuzz);
		desc.opcode = fuzz_below(fuzz, ACI_OP_TIMESTAMP + 2);
		return desc;
	case 1:
		desc.opcode = ACI_OP_EXEC;
		desc.exec.program = some_va(fuzz);
		desc.exec.program_bytes = fuzz_below(fuzz, 4096);
		desc.exec.args = some_va(fuzz);
		desc.exec.arg_count = fuzz_below(fuzz, 8);
		return desc;
	case 2:
		return desc_copy(some_va(fuzz), some_va(fuzz), 1 + fuzz_below(fuzz, KIB(64)));
	case 3:
		return desc_fill(some_va(fuzz), 8 * (1 + fuzz_below(fuzz, 512)),
				 fuzz_value(fuzz), 8);
	case 4:
		return desc_timestamp(some_va(fuzz));
	case 5:
		return desc_signal(some_va(fuzz), fuzz_value(fuzz));
	default:
		return desc_nop();
	}
}

static void fill_submit(struct fuzz *fuzz, void *arg)
{
	struct drm_aci_submit *submit = arg;
	struct drm_aci_job *jobs = (void *)fuzz->memory;
	struct aci_desc *descs = (void *)(fuzz->memory + KIB(4));
	unsigned int i;

	submit->queue_id = PICK(queues);
	submit->flags = fuzz_below(fuzz, 4) ? 0 : DRM_ACI_SUBMIT_WAIT;
	submit->jobs.stride = sizeof(*jobs);
	submit->jobs.count = 1 + fuzz_below(fuzz, 3);
	submit->jobs.ptr = USER_PTR(jobs);
	for (i = 0; i < submit->jobs.count; i++) {
		jobs[i] = (struct drm_aci_job){
			.desc_count = 1 + fuzz_below(fuzz, 16), .descs = USER_PTR(descs),
		};
		fill_syncs(fuzz, &jobs[i].syncs, 1024 + i * 256);
	}
	for (i = 0; i < 16; i++)
		descs[i] = some_desc(fuzz);
}

static void fill_gem_close(struct fuzz *fuzz, void *arg)
{
	((struct drm_gem_close *)arg)->handle = PICK(bos);
}

static void done_gem_close(struct fuzz *fuzz, const void *before, const void *after)
{
	FORGET(bos, ((const struct drm_gem_close *)before)->handle);
}

static void fill_export(struct fuzz *fuzz, void *arg)
{
	struct drm_prime_handle *prime = arg;

	prime->handle = PICK(bos);
	prime->flags = DRM_CLOEXEC | DRM_RDWR;
}

static void done_export(struct fuzz *fuzz, const void *before, const void *after)
{
	int fd = ((const struct drm_prime_handle *)after)->fd;

	/* With a shorter structure it is what we wrote there: none of ours to close. */
	if (fd <= fuzz->fd)
		return;
	if (own.dmabuf >= 0)
		close(own.dmabuf);
	own.dmabuf = fd;
}

static void fill_import(struct fuzz *fuzz, void *arg)
{
	((struct drm_prime_handle *)arg)->fd = own.dmabuf;
}

static void done_import(struct fuzz *fuzz, const void *before, const void *after)
{
	__u32 handle = ((const struct drm_prime_handle *)after)->handle;
	unsigned int i;

	/* It may be one that the file has already: one handle, to be closed once. */
	for (i = 0; i < BOS; i++)
		if (own.bos[i] == handle)
			return;
	note_bo(fuzz, handle);
}

static void fill_syncobj_create(struct fuzz *fuzz, void *arg)
{
	((struct drm_syncobj_create *)arg)->flags =
		fuzz_below(fuzz, 2) ? DRM_SYNCOBJ_CREATE_SIGNALED : 0;
}

static void done_syncobj_create(struct fuzz *fuzz, const void *before, const void *after)
{
	__u32 old = NOTE(syncobjs, ((const struct drm_syncobj_create *)after)->handle);

	if (old)
		aci_sync_free(fuzz->fd, old);
}

static const struct fuzz_call calls[] = {
	{ "QUERY", DRM_IOCTL_ACI_QUERY, fill_query, NULL, NULL, 4 },
	{ "VM_CREATE", DRM_IOCTL_ACI_VM_CREATE, fill_vm_create, NULL, done_vm_create, 3 },
	{ "VM_DESTROY", DRM_IOCTL_ACI_VM_DESTROY, fill_vm_destroy, NULL, done_vm_destroy, 5 },
	{ "VM_BIND", DRM_IOCTL_ACI_VM_BIND, fill_vm_bind, NULL, NULL, 12 },
	{ "BO_CREATE", DRM_IOCTL_ACI_BO_CREATE, fill_bo_create, tame_bo_create, done_bo_create, 5 },
	{ "BO_MMAP_OFFSET", DRM_IOCTL_ACI_BO_MMAP_OFFSET, fill_bo_mmap_offset, NULL,
	  done_bo_mmap_offset, 4 },
	{ "BO_CREATE_USERPTR", DRM_IOCTL_ACI_BO_CREATE_USERPTR, fill_bo_userptr, NULL,
	  done_bo_userptr, 3 },
	{ "QUEUE_CREATE", DRM_IOCTL_ACI_QUEUE_CREATE, fill_queue_create, NULL, done_queue_create,
	  5 },
	{ "QUEUE_DESTROY", DRM_IOCTL_ACI_QUEUE_DESTROY, fill_queue_destroy, NULL,
	  done_queue_destroy, 4 },
	{ "SUBMIT", DRM_IOCTL_ACI_SUBMIT, fill_submit, NULL, NULL, 20 },
	{ "GEM_CLOSE", DRM_IOCTL_GEM_CLOSE, fill_gem_close, NULL, done_gem_close, 3 },
	{ "PRIME_HANDLE_TO_FD", DRM_IOCTL_PRIME_HANDLE_TO_FD, fill_export, NULL, done_export, 4 },
	{ "PRIME_FD_TO_HANDLE", DRM_IOCTL_PRIME_FD_TO_HANDLE, fill_import, NULL, done_import, 4 },
	{ "SYNCOBJ_CREATE", DRM_IOCTL_SYNCOBJ_CREATE, fill_syncobj_create, NULL,
	  done_syncobj_create, 2 },
};

/* --- The test --- */

FIXTURE(fuzz) {
	struct aci_ctx witness;		/* another file, which must not notice */
	struct aci_buf buf;
	struct fuzz fuzz;
};

FIXTURE_SETUP(fuzz)
{
	const char *seed = getenv("ACI_FUZZ_SEED");

	ASSERT_OK(aci_ctx_init(&self->witness, 0, ACI_ENGINE_CLASS_COPY, 0));
	ASSERT_OK(aci_buf_init(&self->witness, &self->buf, KIB(64), DRM_ACI_PLACEMENT_CARD,
			       DRM_ACI_BO_CPU_ACCESS));
	ASSERT_OK(fuzz_init(&self->fuzz, -1, seed ? strtoull(seed, NULL, 0) : 1, calls,
			    ARRAY_SIZE(calls)));
}

FIXTURE_TEARDOWN(fuzz)
{
	fuzz_fini(&self->fuzz);
	aci_ctx_fini(&self->witness);
}

static int file_open(struct fuzz *fuzz)
{
	memset(&own, 0, sizeof(own));
	own.dmabuf = -1;
	own.va = MIB(64);
	fuzz->fd = aci_open(0);
	fuzz->values[0] = USER_PTR(fuzz->memory);
	fuzz->values[1] = USER_PTR(fuzz->memory) + KIB(4);
	fuzz->values[2] = own.va;
	fuzz->values[3] = own.va + KIB(64);
	fuzz->values[4] = 0xffffffff81000000ull;
	fuzz->value_count = 5;
	return fuzz->fd < 0 ? fuzz->fd : 0;
}

/*
 * And all that were opened since: a caller with a shorter structure is not told
 * the number of the dma-buf that he got.
 */
static void file_close(struct fuzz *fuzz)
{
	close_range(fuzz->fd, ~0u, 0);
}

TEST_F_TIMEOUT(fuzz, others_do_not_notice, 3600)
{
	unsigned int total = env_count("ACI_FUZZ_CALLS", CALLS);
	struct drm_aci_query_device before, after;
	struct fuzz *fuzz = &self->fuzz;
	unsigned int call, i, successes = 0;

	ASSERT_OK(aci_query(self->witness.fd, DRM_ACI_QUERY_DEVICE, 0, &before, sizeof(before)));
	for (call = 0; call < total; call++) {
		if (!(call % CALLS_A_FILE)) {
			if (call)
				file_close(fuzz);
			ASSERT_OK(file_open(fuzz));
			ASSERT_OK(aci_run_one(&self->witness,
					      desc_fill(self->buf.va, KIB(64), call >> 8, 1)));
			ASSERT_TRUE(data_is(self->buf.map, KIB(64), call >> 8));
		}
		ASSERT_NE(-ENODEV, fuzz_call(fuzz));
	}
	file_close(fuzz);

	for (i = 0; i < ARRAY_SIZE(calls); i++) {
		TH_LOG("%s: %u of %u", calls[i].name, fuzz->counts[i].successes,
		       fuzz->counts[i].calls);
		successes += fuzz->counts[i].successes;
		EXPECT_LE(total / 100, fuzz->counts[i].successes);
	}
	TH_LOG("%u of %u calls succeed%s", successes, total,
	       fuzz->seen ? "" : ", not guided by coverage");
	if (fuzz->seen)
		TH_LOG("%u places of the driver reached", fuzz->reached);
	EXPECT_LE(total * 3 / 10, successes);
	EXPECT_EQ(0, fuzz->leaks);
	ASSERT_OK(aci_await_card_memory(self->witness.fd, before.card_memory_free_bytes, &after));
	EXPECT_EQ(before.card_memory_free_bytes, after.card_memory_free_bytes);
	EXPECT_EQ(before.reset_generation, after.reset_generation);
}

TEST_HARNESS_MAIN
