/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the tests of asynchronous VM_BIND share: the fixture, with two BOs to map
 * and a fence that comes when the test says so, and how to bind and to look.
 * One program includes it once; nothing here is for more than one thread.
 */
#ifndef ACI_BIND_FIXTURE_H
#define ACI_BIND_FIXTURE_H

#include "aci_harness.h"

#define SIGNAL		DRM_ACI_SYNC_SIGNAL
#define TIMELINE	DRM_ACI_SYNC_TIMELINE
#define ASYNC		DRM_ACI_VM_BIND_ASYNC
/* Long enough for what goes wrong to have gone wrong. */
#define A_WHILE_NS	100000000
#define A_WHILE_MS	100

FIXTURE(bind_async) {
	struct aci_ctx ctx;
	struct aci_buf host;	/* scratch: the card copies here what it can see */
	struct aci_gate gate;
	__u32 gate_syncobj;
	__u32 a;		/* two BOs of 4 MiB, not mapped to the VM */
	__u32 b;
	__u8 *map_a;
	__u8 *map_b;
	__u64 va;		/* 16 MiB of free addresses, 2 MiB aligned */
};

FIXTURE_SETUP(bind_async)
{
	void *map;

	self->gate.vgem = self->gate.sync_file = -1;
	ASSERT_OK(aci_ctx_init(&self->ctx, 0, ACI_ENGINE_CLASS_COPY, 0));
	ASSERT_OK(aci_buf_init(&self->ctx, &self->host, MIB(4), DRM_ACI_PLACEMENT_HOST, 0));
	ASSERT_OK(aci_bo_create(self->ctx.fd, MIB(4), DRM_ACI_PLACEMENT_HOST, 0, &self->a));
	ASSERT_OK(aci_bo_map(self->ctx.fd, self->a, MIB(4), &map));
	self->map_a = map;
	ASSERT_OK(aci_bo_create(self->ctx.fd, MIB(4), DRM_ACI_PLACEMENT_HOST, 0, &self->b));
	ASSERT_OK(aci_bo_map(self->ctx.fd, self->b, MIB(4), &map));
	self->map_b = map;
	memset(self->map_a, 0xaa, MIB(4));
	memset(self->map_b, 0xbb, MIB(4));
	self->va = aci_ctx_take_va(&self->ctx, MIB(16));
	ASSERT_OK(aci_gate_init(&self->gate));
	ASSERT_OK(aci_gate_syncobj(&self->gate, self->ctx.fd, &self->gate_syncobj));
}

FIXTURE_TEARDOWN(bind_async)
{
	aci_gate_fini(&self->gate);
	aci_ctx_fini(&self->ctx);
}

static inline struct drm_aci_bind_op map_op(__u32 handle, __u64 offset, __u64 va, __u64 bytes)
{
	return (struct drm_aci_bind_op){
		.op = DRM_ACI_BIND_MAP, .handle = handle, .offset = offset, .va = va, .size = bytes,
	};
}

static inline struct drm_aci_bind_op unmap_op(__u64 va, __u64 bytes)
{
	return (struct drm_aci_bind_op){ .op = DRM_ACI_BIND_UNMAP, .va = va, .size = bytes };
}

static inline struct drm_aci_vm_bind bind_args(__u32 vm, __u32 flags,
					       struct drm_aci_bind_op *ops, __u32 count,
					       struct drm_aci_sync *syncs, __u32 sync_count)
{
	return (struct drm_aci_vm_bind){
		.vm_id = vm, .flags = flags,
		.ops = { .stride = sizeof(*ops), .count = count,
			 .ptr = count ? USER_PTR(ops) : 0 },
		.syncs = { .stride = sizeof(*syncs), .count = sync_count,
			   .ptr = sync_count ? USER_PTR(syncs) : 0 },
	};
}

static inline int bind_async(FIXTURE_DATA(bind_async) *self, struct drm_aci_bind_op *ops,
			     __u32 count, struct drm_aci_sync *syncs, __u32 sync_count)
{
	return aci_bind_async(self->ctx.fd, self->ctx.vm, ops, count, syncs, sync_count);
}

/* One operation behind the gate; *out gets a new syncobj with its fence. */
static inline int bind_gated(FIXTURE_DATA(bind_async) *self, struct drm_aci_bind_op op, __u32 *out)
{
	struct drm_aci_sync syncs[2] = { { .handle = self->gate_syncobj }, { .flags = SIGNAL } };
	int err = aci_sync_new(self->ctx.fd, &syncs[1].handle);

	*out = syncs[1].handle;
	return err ? err : bind_async(self, &op, 1, syncs, 2);
}

/* On a queue of its own: queues that fail again and again are banned. */
static inline int run_alone(FIXTURE_DATA(bind_async) *self, struct aci_desc desc)
{
	__u32 queue;
	int err = aci_queue_create(self->ctx.fd, self->ctx.vm, ACI_ENGINE_CLASS_COPY, 64, 0,
				   &queue);

	if (err)
		return err;
	err = aci_run(self->ctx.fd, queue, &desc, 1);
	aci_queue_destroy(self->ctx.fd, queue);
	return err;
}

/* Whether the card reads @value in the whole range. Return: 1, 0, or the job's error. */
static inline int card_sees(FIXTURE_DATA(bind_async) *self, __u64 va, __u64 bytes, __u8 value)
{
	int err;

	memset(self->host.map, ~value, bytes);
	err = run_alone(self, desc_copy(va, self->host.va, bytes));
	return err ? err : data_is(self->host.map, bytes, value);
}

static inline bool faults(FIXTURE_DATA(bind_async) *self, __u64 va)
{
	return run_alone(self, desc_copy(va, self->host.va, KIB(4))) == ACI_JOB_FAULT;
}

static inline bool is_pending(FIXTURE_DATA(bind_async) *self, __u32 syncobj)
{
	return aci_sync_wait(self->ctx.fd, syncobj, 0, A_WHILE_NS) == -ETIME;
}

static inline __u64 mapped_bytes(int fd, __u32 vm_id)
{
	struct drm_aci_query_vm vm = { 0 };

	return aci_query(fd, DRM_ACI_QUERY_VM, vm_id, &vm, sizeof(vm)) ? ~0ull : vm.mapped_bytes;
}

#endif /* ACI_BIND_FIXTURE_H */
