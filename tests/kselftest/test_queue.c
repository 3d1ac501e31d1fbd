// SPDX-License-Identifier: GPL-2.0
/* QUEUE_CREATE, QUEUE_DESTROY: what is accepted, what is refused, what destruction does. */
#include "aci_harness.h"

FIXTURE_CTX(queue, ACI_ENGINE_CLASS_COPY)

TEST_F(queue, all_ring_sizes_run_jobs)
{
	struct drm_aci_query_device device;
	struct aci_desc desc = desc_nop();
	__u32 entries, queue;

	ASSERT_OK(aci_query(self->ctx.fd, DRM_ACI_QUERY_DEVICE, 0, &device, sizeof(device)));
	for (entries = 64; entries <= device.ring_entries_max; entries *= 2) {
		ASSERT_OK(aci_queue_create(self->ctx.fd, self->ctx.vm, ACI_ENGINE_CLASS_COPY,
					   entries, 0, &queue));
		EXPECT_NE(0, queue);
		EXPECT_OK(aci_run(self->ctx.fd, queue, &desc, 1));
		ASSERT_OK(aci_queue_destroy(self->ctx.fd, queue));
	}
}

TEST_F(queue, all_classes_and_priorities_run_jobs)
{
	struct drm_aci_query_device device;
	struct aci_desc desc = desc_nop();
	struct drm_aci_queue_create create;
	__u32 engine_class, priority;

	ASSERT_OK(aci_query(self->ctx.fd, DRM_ACI_QUERY_DEVICE, 0, &device, sizeof(device)));
	for (engine_class = 0; engine_class < device.engine_classes; engine_class++) {
		for (priority = 0; priority < device.priorities; priority++) {
			create = (struct drm_aci_queue_create){
				.vm_id = self->ctx.vm, .engine_class = engine_class,
				.priority = priority, .ring_entries = 64, .timeout_ms = 600000,
			};
			ASSERT_OK(aci_ioctl(self->ctx.fd, DRM_IOCTL_ACI_QUEUE_CREATE, &create));
			EXPECT_OK(aci_run(self->ctx.fd, create.queue_id, &desc, 1));
		}
	}
}

TEST_F(queue, destroyed_queue_is_unknown)
{
	struct drm_aci_query_queue state;
	struct aci_desc desc = desc_nop();

	ASSERT_OK(aci_queue_destroy(self->ctx.fd, self->ctx.queue));
	EXPECT_EQ(-ENOENT, aci_queue_destroy(self->ctx.fd, self->ctx.queue));
	EXPECT_EQ(-ENOENT, aci_submit(self->ctx.fd, self->ctx.queue, &desc, 1, NULL, 0));
	EXPECT_EQ(-ENOENT, aci_query(self->ctx.fd, DRM_ACI_QUERY_QUEUE, self->ctx.queue, &state,
				     sizeof(state)));
}

/* The job waits for a fence that the test never opens. */
TEST_F(queue, destroy_cancels_waiting_job)
{
	struct drm_aci_sync syncs[2] = { { 0 }, { .flags = DRM_ACI_SYNC_SIGNAL } };
	struct aci_desc desc;
	struct aci_gate gate;
	struct aci_buf buf;

	ASSERT_OK(aci_buf_init(&self->ctx, &buf, KIB(4), DRM_ACI_PLACEMENT_HOST, 0));
	ASSERT_OK(aci_gate_init(&gate));
	ASSERT_OK(aci_gate_syncobj(&gate, self->ctx.fd, &syncs[0].handle));
	ASSERT_OK(aci_sync_new(self->ctx.fd, &syncs[1].handle));
	desc = desc_fill(buf.va, KIB(4), 0xff, 1);
	ASSERT_OK(aci_submit(self->ctx.fd, self->ctx.queue, &desc, 1, syncs, 2));
	ASSERT_OK(aci_queue_destroy(self->ctx.fd, self->ctx.queue));
	EXPECT_EQ(-ECANCELED, aci_sync_result(self->ctx.fd, syncs[1].handle, 0));
	ASSERT_OK(aci_gate_open(&gate));
	EXPECT_TRUE(data_is(buf.map, KIB(4), 0));
	aci_gate_fini(&gate);
}

/* Jobs on the ring: each ends, done or cancelled, in order, and none runs later. */
TEST_F(queue, destroy_ends_running_jobs)
{
	__u32 outs[32];
	struct aci_desc desc;
	struct aci_buf buf;
	bool cancelled = false;
	unsigned int i;
	int err;

	ASSERT_OK(aci_buf_init(&self->ctx, &buf, MIB(8), DRM_ACI_PLACEMENT_HOST, 0));
	desc = desc_fill(buf.va, MIB(8), 0xff, 1);
	for (i = 0; i < ARRAY_SIZE(outs); i++)
		ASSERT_OK(aci_submit_out(self->ctx.fd, self->ctx.queue, &desc, 1, &outs[i]));
	ASSERT_OK(aci_queue_destroy(self->ctx.fd, self->ctx.queue));
	memset(buf.map, 0, MIB(8));
	for (i = 0; i < ARRAY_SIZE(outs); i++) {
		err = aci_sync_result(self->ctx.fd, outs[i], 0);
		EXPECT_TRUE(err == 0 || err == -ECANCELED);
		EXPECT_FALSE(cancelled && err == 0);
		cancelled |= err != 0;
	}
	EXPECT_TRUE(data_is(buf.map, MIB(8), 0));
}

TEST_F(queue, ids_come_back)
{
	struct drm_aci_query_device device;
	__u32 queue, i;

	ASSERT_OK(aci_query(self->ctx.fd, DRM_ACI_QUERY_DEVICE, 0, &device, sizeof(device)));
	for (i = 0; i < 2 * device.queues_max && i < 256; i++) {
		ASSERT_OK(aci_queue_create(self->ctx.fd, self->ctx.vm, ACI_ENGINE_CLASS_COPY, 64, 0,
					   &queue));
		ASSERT_OK(aci_queue_destroy(self->ctx.fd, queue));
	}
}

/* Queues are a resource of the card: they run out with an error and come back. */
TEST_F(queue, queues_run_out_and_come_back)
{
	struct drm_aci_query_device device;
	struct aci_desc desc = desc_nop();
	__u32 queue = 0, count = 1;
	int err = 0;

	ASSERT_OK(aci_query(self->ctx.fd, DRM_ACI_QUERY_DEVICE, 0, &device, sizeof(device)));
	while (count <= device.queues_max) {
		__u32 next;

		err = aci_queue_create(self->ctx.fd, self->ctx.vm, ACI_ENGINE_CLASS_COPY, 64, 0,
				       &next);
		if (err)
			break;
		queue = next;
		count++;
	}
	EXPECT_EQ(-ENOSPC, err);
	EXPECT_EQ(device.queues_max, count);
	ASSERT_NE(0, queue);
	EXPECT_OK(aci_run(self->ctx.fd, queue, &desc, 1));
	ASSERT_OK(aci_queue_destroy(self->ctx.fd, queue));
	EXPECT_OK(aci_queue_create(self->ctx.fd, self->ctx.vm, ACI_ENGINE_CLASS_COPY, 64, 0,
				   &queue));
}

TEST_F(queue, destroy_refusals)
{
	struct drm_aci_queue_destroy destroy = { .queue_id = 0 };

	EXPECT_EQ(-ENOENT, aci_ioctl(self->ctx.fd, DRM_IOCTL_ACI_QUEUE_DESTROY, &destroy));
	destroy.queue_id = 0x7fffffff;
	EXPECT_EQ(-ENOENT, aci_ioctl(self->ctx.fd, DRM_IOCTL_ACI_QUEUE_DESTROY, &destroy));
	destroy = (struct drm_aci_queue_destroy){ .queue_id = self->ctx.queue, .pad = 1 };
	EXPECT_EQ(-EINVAL, aci_ioctl(self->ctx.fd, DRM_IOCTL_ACI_QUEUE_DESTROY, &destroy));
	EXPECT_OK(aci_run_one(&self->ctx, desc_nop()));
}

/* Its queues are user queues, which need a ring. */
TEST_F(queue, refused_in_long_running_vm)
{
	struct drm_aci_vm_create vm = { .mode = DRM_ACI_VM_LONG_RUNNING };
	__u32 queue;

	ASSERT_OK(aci_ioctl(self->ctx.fd, DRM_IOCTL_ACI_VM_CREATE, &vm));
	EXPECT_EQ(-ENOENT, aci_queue_create(self->ctx.fd, vm.vm_id, ACI_ENGINE_CLASS_COPY, 64, 0,
					    &queue));
}

/* Refusals: a good request with one thing wrong. */
FIXTURE(queue_refuse) {
	struct aci_ctx ctx;
	struct aci_ctx other;
};

FIXTURE_VARIANT(queue_refuse) {
	void (*spoil)(struct drm_aci_queue_create *create, __u32 other_vm, __u32 entries_max);
	int error;
};

#define QUEUE_REFUSE(name, code, err)							\
	static void queue_spoil_##name(struct drm_aci_queue_create *c,			\
				       __u32 other_vm, __u32 entries_max) { code; }	\
	FIXTURE_VARIANT_ADD(queue_refuse, name) { queue_spoil_##name, err }

QUEUE_REFUSE(vm_zero, c->vm_id = 0, -ENOENT);
QUEUE_REFUSE(vm_unknown, c->vm_id = ~0u, -ENOENT);
QUEUE_REFUSE(vm_of_other_file, c->vm_id = other_vm, -ENOENT);
QUEUE_REFUSE(class_unknown, c->engine_class = 8, -EINVAL);
QUEUE_REFUSE(class_huge, c->engine_class = ~0u, -EINVAL);
QUEUE_REFUSE(priority_unknown, c->priority = ACI_PRIORITY_MAX + 1, -EINVAL);
QUEUE_REFUSE(priority_huge, c->priority = ~0u, -EINVAL);
QUEUE_REFUSE(entries_zero, c->ring_entries = 0, -EINVAL);
QUEUE_REFUSE(entries_one, c->ring_entries = 1, -EINVAL);
QUEUE_REFUSE(entries_small, c->ring_entries = 32, -EINVAL);
QUEUE_REFUSE(entries_odd, c->ring_entries = 65, -EINVAL);
QUEUE_REFUSE(entries_no_power, c->ring_entries = 96, -EINVAL);
QUEUE_REFUSE(entries_large, c->ring_entries = 2 * entries_max, -EINVAL);
QUEUE_REFUSE(entries_huge, c->ring_entries = 1u << 31, -EINVAL);
QUEUE_REFUSE(timeout_large, c->timeout_ms = 600001, -EINVAL);
QUEUE_REFUSE(timeout_huge, c->timeout_ms = ~0u, -EINVAL);
QUEUE_REFUSE(flags, c->flags = 1, -EINVAL);
QUEUE_REFUSE(flags_highest, c->flags = 1u << 31, -EINVAL);
QUEUE_REFUSE(pad, c->pad = 1, -EINVAL);

FIXTURE_SETUP(queue_refuse)
{
	ASSERT_OK(aci_ctx_init(&self->ctx, 0, ACI_ENGINE_CLASS_COPY, 0));
	ASSERT_OK(aci_ctx_init(&self->other, 0, ACI_ENGINE_CLASS_COPY, 0));
	ASSERT_OK(aci_vm_create(self->other.fd, &self->other.vm));
	ASSERT_NE(self->ctx.vm, self->other.vm);
}

FIXTURE_TEARDOWN(queue_refuse)
{
	aci_ctx_fini(&self->ctx);
	aci_ctx_fini(&self->other);
}

TEST_F(queue_refuse, refused)
{
	struct drm_aci_query_device device;
	struct drm_aci_queue_create create = {
		.vm_id = self->ctx.vm, .engine_class = ACI_ENGINE_CLASS_COPY,
		.priority = ACI_PRIORITY_NORMAL, .ring_entries = 64,
	};
	struct drm_aci_queue_create good = create;

	ASSERT_OK(aci_query(self->ctx.fd, DRM_ACI_QUERY_DEVICE, 0, &device, sizeof(device)));
	variant->spoil(&create, self->other.vm, device.ring_entries_max);
	EXPECT_EQ(variant->error, aci_ioctl(self->ctx.fd, DRM_IOCTL_ACI_QUEUE_CREATE, &create));
	EXPECT_OK(aci_ioctl(self->ctx.fd, DRM_IOCTL_ACI_QUEUE_CREATE, &good));
}

TEST_HARNESS_MAIN
