// SPDX-License-Identifier: GPL-2.0
/* Faults of the card, injected into the virtual card: resets, lost interrupts, bad memory. */
#include "aci_harness.h"

#define LONG_MS		600000
#define SHORT_MS	1000
#define DRIVER		"/sys/bus/pci/drivers/aci"
#define WEDGED_MESSAGES	\
	"^aci [0-9a-f:.]+: .*(card reset: no heartbeat|card reset failed .*|wedged: .*)$"
#define INVAL_MESSAGE	"^aci [0-9a-f:.]+: .*card reset: invalidation timed out$"

FIXTURE(faults) {
	struct aci_ctx ctx;
	struct aci_buf host;
	struct aci_buf card;
	struct aci_card where;
	__u64 generation;
};

FIXTURE_SETUP(faults)
{
	ASSERT_OK(aci_card_find(0, &self->where));
	ASSERT_OK(aci_ctx_init(&self->ctx, 0, ACI_ENGINE_CLASS_COPY, 0));
	ASSERT_OK(aci_buf_init(&self->ctx, &self->host, KIB(64), DRM_ACI_PLACEMENT_HOST, 0));
	ASSERT_OK(aci_buf_init(&self->ctx, &self->card, KIB(64), DRM_ACI_PLACEMENT_CARD, 0));
	self->generation = aci_device_state(self->ctx.fd).reset_generation;
}

FIXTURE_TEARDOWN(faults)
{
	card_ctl("heartbeat start", NULL, 0);
	aci_ctx_fini(&self->ctx);
}

/* Card memory is intact, or it is zero and the VM says so. */
TEST_F(faults, reset_keeps_objects)
{
	struct drm_aci_query_vm vm;
	bool lost;

	data_fill(self->host.map, KIB(64), 1);
	ASSERT_OK(aci_run_one(&self->ctx, desc_copy(self->host.va, self->card.va, KIB(64))));
	ASSERT_OK(card_reset(&self->where, "faults.reset_keeps_objects"));
	EXPECT_EQ(self->generation + 1, aci_device_state(self->ctx.fd).reset_generation);
	ASSERT_OK(aci_query(self->ctx.fd, DRM_ACI_QUERY_VM, self->ctx.vm, &vm, sizeof(vm)));
	lost = vm.flags & DRM_ACI_VM_LOST;
	EXPECT_EQ(self->generation + 1, vm.reset_generation);
	memset(self->host.map, 0xff, KIB(64));
	ASSERT_OK(aci_run_one(&self->ctx, desc_copy(self->card.va, self->host.va, KIB(64))));
	if (lost) {
		EXPECT_TRUE(data_is(self->host.map, KIB(64), 0));
	} else {
		EXPECT_EQ(-1, data_check(self->host.map, KIB(64), 1));
	}
}

TEST_F(faults, queue_is_the_same_after_reset)
{
	struct drm_aci_query_queue before, after;

	ASSERT_OK(aci_run_one(&self->ctx, desc_fill(self->host.va, KIB(64), 1, 1)));
	ASSERT_OK(aci_query(self->ctx.fd, DRM_ACI_QUERY_QUEUE, self->ctx.queue, &before,
			    sizeof(before)));
	ASSERT_OK(card_reset(&self->where, "faults.queue_is_the_same"));
	ASSERT_OK(aci_run_one(&self->ctx, desc_fill(self->host.va, KIB(64), 2, 1)));
	EXPECT_TRUE(data_is(self->host.map, KIB(64), 2));
	ASSERT_OK(aci_query(self->ctx.fd, DRM_ACI_QUERY_QUEUE, self->ctx.queue, &after,
			    sizeof(after)));
	EXPECT_EQ(0, after.flags);
	EXPECT_EQ(0, after.error_count);
	EXPECT_EQ(before.submitted + 1, after.submitted);
	EXPECT_EQ(before.completed + 1, after.completed);
	EXPECT_EQ(before.jobs_completed + 1, after.jobs_completed);
	EXPECT_LT(before.bytes, after.bytes);
	EXPECT_LE(before.active_ns, after.active_ns);
}

/* A job that waits for a fence never saw the card: the reset is nothing to it. */
TEST_F(faults, waiting_job_survives_reset)
{
	struct drm_aci_sync syncs[2] = { { 0 }, { .flags = DRM_ACI_SYNC_SIGNAL } };
	struct aci_desc desc = desc_fill(self->host.va, KIB(64), 0x21, 1);
	struct aci_gate gate;

	ASSERT_OK(aci_gate_init(&gate));
	ASSERT_OK(aci_gate_syncobj(&gate, self->ctx.fd, &syncs[0].handle));
	ASSERT_OK(aci_sync_new(self->ctx.fd, &syncs[1].handle));
	ASSERT_OK(aci_submit(self->ctx.fd, self->ctx.queue, &desc, 1, syncs, 2));
	ASSERT_OK(card_reset(&self->where, "faults.waiting_job"));
	aci_gate_open(&gate);
	EXPECT_OK(aci_sync_result(self->ctx.fd, syncs[1].handle, 0));
	EXPECT_TRUE(data_is(self->host.map, KIB(64), 0x21));
	aci_gate_fini(&gate);
}

/* What was started is lost and says so; what never started is done afterwards. */
TEST_F(faults, started_job_is_lost_others_run)
{
	struct aci_desc nop = desc_nop(), desc;
	struct drm_aci_query_queue state;
	__u32 queue, started, behind[4];
	__u64 end = now_ns() + aci_wait_ns();
	unsigned int i;

	/* It is in no hurry, and the reset is not its fault. */
	ASSERT_OK(aci_queue_create(self->ctx.fd, self->ctx.vm, ACI_ENGINE_CLASS_COPY, 64, LONG_MS,
				   &queue));
	ASSERT_OK(card_ctl("hang next", NULL, 0));
	ASSERT_OK(aci_submit_out(self->ctx.fd, queue, &nop, 1, &started));
	while (!card_engine_busy("copy"))
		ASSERT_GT(end, now_ns());
	for (i = 0; i < 4; i++) {
		desc = desc_fill(self->host.va + i * 8, 8, i + 1, 8);
		ASSERT_OK(aci_submit_out(self->ctx.fd, queue, &desc, 1, &behind[i]));
	}
	ASSERT_OK(card_reset(&self->where, "faults.started_job"));
	EXPECT_EQ(-ECANCELED, aci_sync_result(self->ctx.fd, started, 0));
	for (i = 0; i < 4; i++) {
		EXPECT_OK(aci_sync_result(self->ctx.fd, behind[i], 0));
		EXPECT_EQ(i + 1, ((__u64 *)self->host.map)[i]);
	}
	ASSERT_OK(aci_query(self->ctx.fd, DRM_ACI_QUERY_QUEUE, queue, &state, sizeof(state)));
	EXPECT_EQ(DRM_ACI_QUEUE_INNOCENT, state.flags);
	ASSERT_OK(aci_query(self->ctx.fd, DRM_ACI_QUERY_QUEUE, self->ctx.queue, &state,
			    sizeof(state)));
	EXPECT_EQ(0, state.flags);
}

/* Mappings of the CPU are good across a reset that keeps memory. */
TEST_F(faults, cpu_mapping_survives_reset)
{
	struct drm_aci_query_vm vm;
	struct aci_buf buf;

	ASSERT_OK(aci_buf_init(&self->ctx, &buf, KIB(64), DRM_ACI_PLACEMENT_CARD,
			       DRM_ACI_BO_CPU_ACCESS));
	data_fill(buf.map, KIB(64), 3);
	ASSERT_OK(card_reset(&self->where, "faults.cpu_mapping"));
	ASSERT_OK(aci_query(self->ctx.fd, DRM_ACI_QUERY_VM, self->ctx.vm, &vm, sizeof(vm)));
	if (!(vm.flags & DRM_ACI_VM_LOST)) {
		EXPECT_EQ(-1, data_check(buf.map, KIB(64), 3));
	}
	ASSERT_OK(aci_run_one(&self->ctx, desc_fill(buf.va, KIB(64), 0x37, 1)));
	EXPECT_TRUE(data_is(buf.map, KIB(64), 0x37));
}

/* A change of the host buffer's mapping, or another one, behind a gate. */
static int bind_gated(FIXTURE_DATA(faults) *self, struct aci_gate *gate, __u32 op, __u64 va,
		      __u32 *out)
{
	struct drm_aci_bind_op bind_op = {
		.op = op, .va = va, .size = KIB(64),
		.handle = op == DRM_ACI_BIND_MAP ? self->host.handle : 0,
	};
	struct drm_aci_sync syncs[2] = { { 0 }, { .flags = DRM_ACI_SYNC_SIGNAL } };
	int err;

	err = aci_gate_init(gate);
	if (!err)
		err = aci_gate_syncobj(gate, self->ctx.fd, &syncs[0].handle);
	if (!err)
		err = aci_sync_new(self->ctx.fd, &syncs[1].handle);
	if (!err)
		err = aci_bind_async(self->ctx.fd, self->ctx.vm, &bind_op, 1, syncs, 2);
	*out = syncs[1].handle;
	return err;
}

TEST_F(faults, waiting_bind_survives_reset)
{
	__u64 va = aci_ctx_take_va(&self->ctx, KIB(64));
	struct aci_gate gate;
	__u32 out;

	ASSERT_OK(bind_gated(self, &gate, DRM_ACI_BIND_MAP, va, &out));
	ASSERT_OK(card_reset(&self->where, "faults.waiting_bind"));
	EXPECT_EQ(-ETIME, aci_sync_wait(self->ctx.fd, out, 0, 1000000));
	ASSERT_OK(aci_gate_open(&gate));
	ASSERT_OK(aci_sync_result(self->ctx.fd, out, 0));
	ASSERT_OK(aci_run_one(&self->ctx, desc_fill(va, KIB(64), 0x61, 1)));
	EXPECT_TRUE(data_is(self->host.map, KIB(64), 0x61));
	aci_gate_fini(&gate);
}

/* The reset that follows has the effect of the invalidation that did not end. */
TEST_F(faults, lost_invalidation_of_a_waiting_bind)
{
	struct aci_gate gate;
	__u32 out;

	ASSERT_OK(bind_gated(self, &gate, DRM_ACI_BIND_UNMAP, self->host.va, &out));
	expect_begin("faults.lost_invalidation_async", 1, INVAL_MESSAGE);
	ASSERT_OK(card_ctl("invalidation timeout", NULL, 0));
	ASSERT_OK(aci_gate_open(&gate));
	EXPECT_OK(aci_sync_result(self->ctx.fd, out, 0));
	expect_end("faults.lost_invalidation_async");
	EXPECT_EQ(self->generation + 1, aci_device_state(self->ctx.fd).reset_generation);
	EXPECT_EQ(ACI_JOB_FAULT, aci_run_one(&self->ctx, desc_fill(self->host.va, 8, 0, 8)));
	aci_gate_fini(&gate);
}

TEST_F(faults, lost_invalidation_in_the_call)
{
	expect_begin("faults.lost_invalidation", 1, INVAL_MESSAGE);
	ASSERT_OK(card_ctl("invalidation timeout", NULL, 0));
	EXPECT_OK(aci_unbind(self->ctx.fd, self->ctx.vm, self->host.va, KIB(64)));
	expect_end("faults.lost_invalidation");
	EXPECT_EQ(self->generation + 1, aci_device_state(self->ctx.fd).reset_generation);
	EXPECT_EQ(ACI_JOB_FAULT, aci_run_one(&self->ctx, desc_fill(self->host.va, 8, 0, 8)));
}

static int bind_anew(FIXTURE_DATA(faults) *self)
{
	int err = file_write(DRIVER "/unbind", self->where.pci);

	return err ? err : file_write(DRIVER "/bind", self->where.pci);
}

/* No reset revives the card: everybody is told, nobody waits, and binding helps. */
TEST_F(faults, card_that_stays_dead_is_wedged)
{
	struct drm_aci_sync syncs[2] = { { 0 }, { .flags = DRM_ACI_SYNC_SIGNAL } };
	struct drm_aci_query_queue state;
	struct aci_gate gate, bind_gate;
	struct aci_desc nop = desc_nop();
	struct aci_buf buf;
	__u32 handle, bind;
	int events, err;

	events = uevents_open();
	ASSERT_LE(0, events);
	ASSERT_OK(aci_buf_init(&self->ctx, &buf, KIB(64), DRM_ACI_PLACEMENT_CARD,
			       DRM_ACI_BO_CPU_ACCESS));
	memset(buf.map, 1, KIB(64));
	ASSERT_OK(bind_gated(self, &bind_gate, DRM_ACI_BIND_UNMAP, self->host.va, &bind));
	ASSERT_OK(aci_gate_init(&gate));
	ASSERT_OK(aci_gate_syncobj(&gate, self->ctx.fd, &syncs[0].handle));
	ASSERT_OK(aci_sync_new(self->ctx.fd, &syncs[1].handle));
	expect_begin("faults.wedged", 3, WEDGED_MESSAGES);
	ASSERT_OK(card_ctl("heartbeat stop", NULL, 0));
	ASSERT_OK(aci_submit(self->ctx.fd, self->ctx.queue, &nop, 1, syncs, 2));
	EXPECT_TRUE(card_reaches_state(&self->where, "wedged"));
	expect_end("faults.wedged");
	EXPECT_TRUE(uevents_have(events, "WEDGED=rebind"));
	close(events);
	ASSERT_OK(card_ctl("heartbeat start", NULL, 0));

	EXPECT_EQ(DRM_ACI_DEVICE_WEDGED, aci_device_state(self->ctx.fd).flags);
	EXPECT_OK(aci_query(self->ctx.fd, DRM_ACI_QUERY_QUEUE, self->ctx.queue, &state,
			    sizeof(state)));
	EXPECT_EQ(-ENODEV, aci_submit(self->ctx.fd, self->ctx.queue, &nop, 1, NULL, 0));
	EXPECT_EQ(-ENODEV, aci_bo_create(self->ctx.fd, KIB(4), DRM_ACI_PLACEMENT_CARD, 0, &handle));
	EXPECT_EQ(-ENODEV, aci_unbind(self->ctx.fd, self->ctx.vm, buf.va, KIB(64)));
	EXPECT_EQ(-ENODEV, aci_vm_create(self->ctx.fd, &handle));
	EXPECT_EQ(-ENODEV, aci_sync_result(self->ctx.fd, syncs[1].handle, 0));
	/* Or the gate went by itself, after 10 s: then what was mapped is not any more. */
	err = aci_sync_result(self->ctx.fd, bind, 0);
	EXPECT_TRUE(err == -ENODEV || (!err && aci_sync_file_status(bind_gate.sync_file)));
	aci_gate_fini(&bind_gate);
	/* No SIGBUS. */
	((volatile char *)buf.map)[0] = 2;
	ASSERT_OK(munmap(buf.map, buf.bytes));
	aci_gate_fini(&gate);

	aci_ctx_fini(&self->ctx);
	ASSERT_OK(bind_anew(self));
	ASSERT_OK(aci_ctx_init(&self->ctx, 0, ACI_ENGINE_CLASS_COPY, 0));
	EXPECT_OK(aci_run_one(&self->ctx, desc_nop()));
	EXPECT_EQ(0, aci_device_state(self->ctx.fd).flags);
}

TEST_F(faults, removal_ends_waiting_binds)
{
	struct aci_gate gate;
	int sync_file;
	__u32 out;

	ASSERT_OK(bind_gated(self, &gate, DRM_ACI_BIND_UNMAP, self->host.va, &out));
	sync_file = aci_sync_export(self->ctx.fd, out);
	ASSERT_LE(0, sync_file);
	ASSERT_OK(file_write(DRIVER "/unbind", self->where.pci));
	EXPECT_EQ(-ENODEV, aci_sync_file_status(sync_file));
	ASSERT_OK(aci_gate_open(&gate));
	aci_gate_fini(&gate);
	aci_ctx_fini(&self->ctx);
	ASSERT_OK(file_write(DRIVER "/bind", self->where.pci));
	ASSERT_OK(aci_ctx_init(&self->ctx, 0, ACI_ENGINE_CLASS_COPY, 0));
	EXPECT_OK(aci_run_one(&self->ctx, desc_nop()));
	close(sync_file);
}

/* A job whose interrupt never comes ends all the same, and without an error. */
TEST_F(faults, lost_interrupts)
{
	struct drm_aci_query_queue state;
	struct aci_desc nop = desc_nop();
	unsigned int i;
	__u64 start;
	__u32 queue;

	ASSERT_OK(aci_queue_create(self->ctx.fd, self->ctx.vm, ACI_ENGINE_CLASS_COPY, 64, SHORT_MS,
				   &queue));
	for (i = 1; i <= 3; i++) {
		struct aci_desc desc = desc_fill(self->host.va, KIB(64), i, 1);

		ASSERT_OK(card_ctl("irq drop=1", NULL, 0));
		ASSERT_OK(aci_run(self->ctx.fd, queue, &desc, 1));
		EXPECT_TRUE(data_is(self->host.map, KIB(64), i));
	}
	ASSERT_OK(card_ctl("irq drop=0", NULL, 0));
	/* The entry of a lost interrupt does not keep the next ones away. */
	start = now_ns();
	ASSERT_OK(aci_run(self->ctx.fd, queue, &nop, 1));
	EXPECT_GT(SHORT_MS * 1000000ull, now_ns() - start);
	ASSERT_OK(aci_query(self->ctx.fd, DRM_ACI_QUERY_QUEUE, queue, &state, sizeof(state)));
	EXPECT_EQ(0, state.flags);
	EXPECT_EQ(4, state.jobs_completed);
	EXPECT_EQ(self->generation, aci_device_state(self->ctx.fd).reset_generation);
}

TEST_HARNESS_MAIN
