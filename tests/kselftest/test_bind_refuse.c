// SPDX-License-Identifier: GPL-2.0
/* Asynchronous VM_BIND: a good request with one thing wrong. */
#include "aci_bind_fixture.h"

struct async_request {
	struct drm_aci_vm_bind bind;
	struct drm_aci_bind_op op;
	struct {
		struct drm_aci_sync sync;
		__u64 tail;
	} syncs[2];			/* one in, one out */
	__u32 unset;			/* a syncobj without a fence */
};

FIXTURE(async_refuse) {
	struct aci_ctx ctx;
	struct async_request request;
};

FIXTURE_VARIANT(async_refuse) {
	void (*spoil)(struct async_request *request);
	int error;
};

#define ASYNC_REFUSE(name, code, error)							\
	static void async_spoil_##name(struct async_request *r) { code; }		\
	FIXTURE_VARIANT_ADD(async_refuse, name) { async_spoil_##name, error }

ASYNC_REFUSE(flag_unknown, r->bind.flags |= 2, -EINVAL);
ASYNC_REFUSE(pad, r->bind.pad = 1, -EINVAL);
ASYNC_REFUSE(syncs_without_async, r->bind.flags = 0, -EINVAL);
ASYNC_REFUSE(no_operations_without_async, r->bind.flags = 0; r->bind.syncs.count = 0;
	     r->bind.syncs.ptr = 0; r->bind.ops.count = 0; r->bind.ops.ptr = 0, -EINVAL);
ASYNC_REFUSE(operation, r->op.size = 0, -EINVAL);
ASYNC_REFUSE(in_without_fence, r->syncs[0].sync.handle = r->unset, -EINVAL);
ASYNC_REFUSE(in_unknown, r->syncs[0].sync.handle = 0x7fffffff, -ENOENT);
ASYNC_REFUSE(in_zero, r->syncs[0].sync.handle = 0, -ENOENT);
ASYNC_REFUSE(in_point_of_binary, r->syncs[0].sync.point = 1, -EINVAL);
ASYNC_REFUSE(in_flag_unknown, r->syncs[0].sync.flags = 4, -EINVAL);
ASYNC_REFUSE(out_unknown, r->syncs[1].sync.handle = 0x7fffffff, -ENOENT);
ASYNC_REFUSE(out_point_of_binary, r->syncs[1].sync.point = 1, -EINVAL);
ASYNC_REFUSE(out_point_zero, r->syncs[1].sync.flags |= TIMELINE, -EINVAL);
ASYNC_REFUSE(syncs_bad_pointer, r->bind.syncs.ptr = 8, -EFAULT);
ASYNC_REFUSE(syncs_stride_small, r->bind.syncs.stride = sizeof(struct drm_aci_sync) - 4, -EINVAL);
ASYNC_REFUSE(syncs_stride_zero, r->bind.syncs.stride = 0, -EINVAL);
ASYNC_REFUSE(syncs_tail, r->syncs[1].tail = 1, -E2BIG);
ASYNC_REFUSE(syncs_pointer_without_count, r->bind.syncs.count = 0, -EINVAL);
ASYNC_REFUSE(syncs_too_many, r->bind.syncs.count = 1025, -EINVAL);
ASYNC_REFUSE(syncs_huge_count, r->bind.syncs.count = ~0u, -EINVAL);
ASYNC_REFUSE(ops_pointer_without_count, r->bind.ops.count = 0, -EINVAL);

FIXTURE_SETUP(async_refuse)
{
	struct async_request *request = &self->request;
	struct aci_desc nop = desc_nop();
	__u32 handle;

	ASSERT_OK(aci_ctx_init(&self->ctx, 0, ACI_ENGINE_CLASS_COPY, 0));
	ASSERT_OK(aci_bo_create(self->ctx.fd, KIB(64), DRM_ACI_PLACEMENT_HOST, 0, &handle));
	ASSERT_OK(aci_submit_out(self->ctx.fd, self->ctx.queue, &nop, 1,
				 &request->syncs[0].sync.handle));
	request->syncs[1].sync.flags = SIGNAL;
	ASSERT_OK(aci_sync_new(self->ctx.fd, &request->syncs[1].sync.handle));
	ASSERT_OK(aci_sync_new(self->ctx.fd, &request->unset));
	request->op = map_op(handle, 0, aci_ctx_take_va(&self->ctx, KIB(64)), KIB(64));
	request->bind = bind_args(self->ctx.vm, ASYNC, &request->op, 1, &request->syncs[0].sync, 2);
	request->bind.syncs.stride = sizeof(request->syncs[0]);
}

FIXTURE_TEARDOWN(async_refuse)
{
	aci_ctx_fini(&self->ctx);
}

TEST_F(async_refuse, refused)
{
	struct async_request good = self->request;

	variant->spoil(&self->request);
	EXPECT_EQ(variant->error, aci_ioctl(self->ctx.fd, DRM_IOCTL_ACI_VM_BIND,
					    &self->request.bind));
	EXPECT_EQ(0, self->request.bind.done);
	EXPECT_EQ(0, mapped_bytes(self->ctx.fd, self->ctx.vm));
	/* No syncobj was touched. */
	EXPECT_EQ(-EINVAL, aci_sync_export(self->ctx.fd, good.syncs[1].sync.handle));
	/* It was only the spoilt field. */
	good.bind.ops.ptr = USER_PTR(&good.op);
	good.bind.syncs.ptr = USER_PTR(good.syncs);
	ASSERT_OK(aci_ioctl(self->ctx.fd, DRM_IOCTL_ACI_VM_BIND, &good.bind));
	EXPECT_OK(aci_sync_result(self->ctx.fd, good.syncs[1].sync.handle, 0));
}

TEST_HARNESS_MAIN
