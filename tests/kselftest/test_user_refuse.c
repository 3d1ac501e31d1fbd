// SPDX-License-Identifier: GPL-2.0
/* QUEUE_CREATE of user queues refused: a good request with one thing wrong. */
#include <sys/mman.h>

#include "aci_harness.h"
#include "aci_user.h"

FIXTURE(user_queue_refuse) {
	struct aci_ctx ctx;
	struct uq uq;
	struct drm_aci_queue_create create;
};

enum spoil_what {
	SPOIL_FLAGS, SPOIL_PAD, SPOIL_ENTRIES_ODD, SPOIL_ENTRIES_SMALL, SPOIL_ENTRIES_LARGE,
	SPOIL_TIMEOUT, SPOIL_CLASS, SPOIL_PRIORITY, SPOIL_VM, SPOIL_RING_HANDLE,
	SPOIL_PAGE_HANDLE, SPOIL_OTHERS_HANDLE, SPOIL_RING_OFFSET_ODD, SPOIL_PAGE_OFFSET_ODD,
	SPOIL_RING_PAST_END, SPOIL_PAGE_PAST_END, SPOIL_RING_WRAPS, SPOIL_PAGE_WRAPS,
	SPOIL_RING_TOO_SMALL, SPOIL_PAGE_IN_RING, SPOIL_CARD_RING, SPOIL_CARD_PAGE,
	SPOIL_USERPTR_RING, SPOIL_FENCE_VM, SPOIL_FENCE_VM_PAGE, SPOIL_FENCE_VM_RING_OFFSET,
	SPOIL_FENCE_VM_PAGE_OFFSET,
};

FIXTURE_VARIANT(user_queue_refuse) {
	enum spoil_what what;
	int err;
};

#define REFUSE(name, what_, err_)							\
	FIXTURE_VARIANT_ADD(user_queue_refuse, name) { .what = what_, .err = err_ }

REFUSE(flags, SPOIL_FLAGS, -EINVAL);
REFUSE(pad, SPOIL_PAD, -EINVAL);
REFUSE(entries_odd, SPOIL_ENTRIES_ODD, -EINVAL);
REFUSE(entries_small, SPOIL_ENTRIES_SMALL, -EINVAL);
REFUSE(entries_large, SPOIL_ENTRIES_LARGE, -EINVAL);
REFUSE(timeout, SPOIL_TIMEOUT, -EINVAL);
REFUSE(engine_class, SPOIL_CLASS, -EINVAL);
REFUSE(priority, SPOIL_PRIORITY, -EINVAL);
REFUSE(vm, SPOIL_VM, -ENOENT);
REFUSE(ring_handle, SPOIL_RING_HANDLE, -ENOENT);
REFUSE(user_page_handle, SPOIL_PAGE_HANDLE, -ENOENT);
REFUSE(handle_of_other_file, SPOIL_OTHERS_HANDLE, -ENOENT);
REFUSE(ring_offset_odd, SPOIL_RING_OFFSET_ODD, -EINVAL);
REFUSE(user_page_offset_odd, SPOIL_PAGE_OFFSET_ODD, -EINVAL);
REFUSE(ring_past_end, SPOIL_RING_PAST_END, -EINVAL);
REFUSE(user_page_past_end, SPOIL_PAGE_PAST_END, -EINVAL);
REFUSE(ring_wraps, SPOIL_RING_WRAPS, -EINVAL);
REFUSE(user_page_wraps, SPOIL_PAGE_WRAPS, -EINVAL);
REFUSE(ring_too_small, SPOIL_RING_TOO_SMALL, -EINVAL);
REFUSE(user_page_in_ring, SPOIL_PAGE_IN_RING, -EINVAL);
REFUSE(card_ring, SPOIL_CARD_RING, -EINVAL);
REFUSE(card_user_page, SPOIL_CARD_PAGE, -EINVAL);
REFUSE(userptr_ring, SPOIL_USERPTR_RING, -EINVAL);
REFUSE(fence_vm_ring, SPOIL_FENCE_VM, -EINVAL);
REFUSE(fence_vm_user_page, SPOIL_FENCE_VM_PAGE, -EINVAL);
REFUSE(fence_vm_ring_offset, SPOIL_FENCE_VM_RING_OFFSET, -EINVAL);
REFUSE(fence_vm_user_page_offset, SPOIL_FENCE_VM_PAGE_OFFSET, -EINVAL);

FIXTURE_SETUP(user_queue_refuse)
{
	ASSERT_OK(uctx_init(&self->ctx, 0));
	/* Two pages of ring, so that the user page can lie in the second. */
	ASSERT_OK(uq_describe(&self->uq, &self->ctx, ACI_ENGINE_CLASS_COPY, 128, &self->create));
}

FIXTURE_TEARDOWN(user_queue_refuse)
{
	uq_unmap(&self->uq);
	aci_ctx_fini(&self->ctx);
}

/* A handle that another file has and this one, with its single BO, has not. */
static int others_handle(__u32 *handle)
{
	int fd = aci_open(0), err = 0;
	unsigned int i;

	if (fd < 0)
		return fd;
	for (i = 0; i < 4 && !err; i++)
		err = aci_bo_create(fd, KIB(16), DRM_ACI_PLACEMENT_HOST, 0, handle);
	return err;
}

static int spoil(struct aci_ctx *ctx, struct drm_aci_queue_create *create, enum spoil_what what)
{
	struct drm_aci_bo_create_userptr userptr = { .size = 4 * ACI_TEST_PAGE };
	void *memory;

	switch (what) {
	case SPOIL_FLAGS:
		create->flags = 1;
		break;
	case SPOIL_PAD:
		create->pad = 1;
		break;
	case SPOIL_ENTRIES_ODD:
		create->ring_entries = 96;
		break;
	case SPOIL_ENTRIES_SMALL:
		create->ring_entries = 32;
		break;
	case SPOIL_ENTRIES_LARGE:
		create->ring_entries = 1u << 16;
		break;
	case SPOIL_TIMEOUT:
		create->timeout_ms = 600001;
		break;
	case SPOIL_CLASS:
		create->engine_class = 99;
		break;
	case SPOIL_PRIORITY:
		create->priority = 99;
		break;
	case SPOIL_VM:
		create->vm_id = 999;
		break;
	case SPOIL_RING_HANDLE:
		create->ring_handle = 999;
		break;
	case SPOIL_PAGE_HANDLE:
		create->user_page_handle = 0;
		break;
	case SPOIL_OTHERS_HANDLE:
		return others_handle(&create->ring_handle);
	case SPOIL_RING_OFFSET_ODD:
		create->ring_offset = 64;
		break;
	case SPOIL_PAGE_OFFSET_ODD:
		create->user_page_offset += 8;
		break;
	case SPOIL_RING_PAST_END:
		create->ring_offset = 2 * ACI_TEST_PAGE;
		break;
	case SPOIL_PAGE_PAST_END:
		create->user_page_offset += ACI_TEST_PAGE;
		break;
	case SPOIL_RING_WRAPS:
		create->ring_offset = -ACI_TEST_PAGE;
		break;
	case SPOIL_PAGE_WRAPS:
		create->user_page_offset = -ACI_TEST_PAGE;
		break;
	case SPOIL_RING_TOO_SMALL:
		create->ring_entries = 256;
		break;
	case SPOIL_PAGE_IN_RING:
		create->user_page_offset = ACI_TEST_PAGE;
		break;
	case SPOIL_CARD_RING:
		return aci_bo_create(ctx->fd, KIB(64), DRM_ACI_PLACEMENT_CARD,
				     DRM_ACI_BO_CPU_ACCESS, &create->ring_handle);
	case SPOIL_CARD_PAGE:
		return aci_bo_create(ctx->fd, KIB(64), DRM_ACI_PLACEMENT_CARD,
				     DRM_ACI_BO_CPU_ACCESS, &create->user_page_handle);
	case SPOIL_USERPTR_RING:
		memory = mmap(NULL, userptr.size, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		userptr.addr = USER_PTR(memory);
		if (aci_ioctl(ctx->fd, DRM_IOCTL_ACI_BO_CREATE_USERPTR, &userptr))
			return -1;
		create->ring_handle = userptr.handle;
		break;
	case SPOIL_FENCE_VM:
		return aci_vm_create(ctx->fd, &create->vm_id);
	case SPOIL_FENCE_VM_PAGE:
		create->ring_handle = 0;
		create->user_page_offset = 0;
		return aci_vm_create(ctx->fd, &create->vm_id);
	case SPOIL_FENCE_VM_RING_OFFSET:
		create->ring_handle = 0;
		create->user_page_handle = 0;
		create->user_page_offset = 0;
		create->ring_offset = ACI_TEST_PAGE;
		return aci_vm_create(ctx->fd, &create->vm_id);
	case SPOIL_FENCE_VM_PAGE_OFFSET:
		create->ring_handle = 0;
		create->user_page_handle = 0;
		return aci_vm_create(ctx->fd, &create->vm_id);
	}
	return 0;
}

TEST_F(user_queue_refuse, create)
{
	struct drm_aci_queue_create bad = self->create;

	ASSERT_OK(spoil(&self->ctx, &bad, variant->what));
	EXPECT_EQ(variant->err, aci_ioctl(self->ctx.fd, DRM_IOCTL_ACI_QUEUE_CREATE, &bad));
	/* The rest of it was good. */
	ASSERT_OK(uq_create(&self->uq, &self->create));
	EXPECT_OK(uq_run(&self->uq, desc_nop()));
}

TEST_HARNESS_MAIN
