// SPDX-License-Identifier: GPL-2.0
/*
 * Asynchronous VM_BIND that does not get to its end: synchronous calls behind it,
 * signals, LONG_RUNNING VMs that wait in the call, objects and processes that end.
 */
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/wait.h>

#include "aci_bind_fixture.h"

/* A synchronous call of another thread. */
struct sync_call {
	int fd;
	__u32 flags;
	__u32 vm;
	struct drm_aci_bind_op op;
	struct drm_aci_sync sync;	/* waited for, if there is a handle */
	bool once;			/* do not repeat it after a signal */
	int done_fd;			/* eventfd */
	int err;
	__u32 done;
};

static void *sync_call_run(void *arg)
{
	struct sync_call *call = arg;
	struct drm_aci_vm_bind args = bind_args(call->vm, call->flags, &call->op, 1, &call->sync,
						!!call->sync.handle);

	if (call->once)
		call->err = ioctl(call->fd, DRM_IOCTL_ACI_VM_BIND, &args) ? -errno : 0;
	else
		call->err = aci_ioctl(call->fd, DRM_IOCTL_ACI_VM_BIND, &args);
	call->done = args.done;
	eventfd_write(call->done_fd, 1);
	return NULL;
}

static int sync_call_start(struct sync_call *call, pthread_t *thread)
{
	call->done_fd = eventfd(0, EFD_CLOEXEC);
	return -pthread_create(thread, NULL, sync_call_run, call);
}

static bool sync_call_ended(struct sync_call *call, int timeout_ms)
{
	struct pollfd poll_fd = { .fd = call->done_fd, .events = POLLIN };

	return poll(&poll_fd, 1, timeout_ms) == 1;
}

TEST_F(bind_async, sync_queues_behind_async)
{
	struct sync_call call = {
		.fd = self->ctx.fd, .vm = self->ctx.vm,
		.op = map_op(self->b, 0, self->va, KIB(4)),
	};
	pthread_t thread;
	__u32 out;

	ASSERT_OK(bind_gated(self, map_op(self->a, 0, self->va, KIB(64)), &out));
	ASSERT_OK(sync_call_start(&call, &thread));
	EXPECT_FALSE(sync_call_ended(&call, A_WHILE_MS));
	EXPECT_TRUE(faults(self, self->va));
	ASSERT_OK(aci_gate_open(&self->gate));
	EXPECT_TRUE(sync_call_ended(&call, (int)(aci_wait_ns() / 1000000)));
	ASSERT_OK(pthread_join(thread, NULL));
	EXPECT_OK(call.err);
	EXPECT_OK(aci_sync_wait(self->ctx.fd, out, 0, 0));
	EXPECT_EQ(1, card_sees(self, self->va, KIB(4), 0xbb));
	EXPECT_EQ(1, card_sees(self, self->va + KIB(4), KIB(60), 0xaa));
}

static void ignore_signal(int signal)
{
}

/* Interrupts the thread until its call has ended. */
static void interrupt(struct sync_call *call, pthread_t thread)
{
	struct sigaction action = { .sa_handler = ignore_signal };	/* no SA_RESTART */

	sigaction(SIGUSR1, &action, NULL);
	do
		pthread_kill(thread, SIGUSR1);
	while (!sync_call_ended(call, 10));
	pthread_join(thread, NULL);
}

TEST_F(bind_async, interrupted_sync_has_done_nothing)
{
	__u64 before = mapped_bytes(self->ctx.fd, self->ctx.vm);
	struct sync_call call = {
		.fd = self->ctx.fd, .vm = self->ctx.vm, .once = true,
		.op = map_op(self->b, 0, self->va + MIB(2), KIB(4)),
	};
	pthread_t thread;
	__u32 out;

	ASSERT_OK(bind_gated(self, map_op(self->a, 0, self->va, KIB(64)), &out));
	ASSERT_OK(sync_call_start(&call, &thread));
	EXPECT_FALSE(sync_call_ended(&call, A_WHILE_MS));
	interrupt(&call, thread);
	EXPECT_EQ(-EINTR, call.err);
	EXPECT_EQ(0, call.done);
	EXPECT_EQ(before + KIB(64), mapped_bytes(self->ctx.fd, self->ctx.vm));
	ASSERT_OK(aci_gate_open(&self->gate));
	EXPECT_OK(aci_sync_result(self->ctx.fd, out, 0));
}

/* In a LONG_RUNNING VM no fence of the driver waits for one of user space. */
TEST_F(bind_async, long_running_waits_in_the_call)
{
	struct drm_aci_vm_create vm = { .mode = DRM_ACI_VM_LONG_RUNNING };
	struct sync_call call = {
		.fd = self->ctx.fd, .flags = ASYNC, .op = map_op(self->a, 0, self->va, KIB(64)),
		.sync.handle = self->gate_syncobj,
	};
	pthread_t thread;

	ASSERT_OK(aci_ioctl(self->ctx.fd, DRM_IOCTL_ACI_VM_CREATE, &vm));
	call.vm = vm.vm_id;
	ASSERT_OK(sync_call_start(&call, &thread));
	EXPECT_FALSE(sync_call_ended(&call, A_WHILE_MS));
	EXPECT_EQ(0, mapped_bytes(self->ctx.fd, vm.vm_id));
	ASSERT_OK(aci_gate_open(&self->gate));
	EXPECT_TRUE(sync_call_ended(&call, (int)(aci_wait_ns() / 1000000)));
	ASSERT_OK(pthread_join(thread, NULL));
	EXPECT_OK(call.err);
	EXPECT_EQ(1, call.done);
	EXPECT_EQ(KIB(64), mapped_bytes(self->ctx.fd, vm.vm_id));
}

TEST_F(bind_async, long_running_interrupted)
{
	struct drm_aci_vm_create vm = { .mode = DRM_ACI_VM_LONG_RUNNING };
	struct sync_call call = {
		.fd = self->ctx.fd, .flags = ASYNC, .op = map_op(self->a, 0, self->va, KIB(64)),
		.sync.handle = self->gate_syncobj, .once = true,
	};
	pthread_t thread;

	ASSERT_OK(aci_ioctl(self->ctx.fd, DRM_IOCTL_ACI_VM_CREATE, &vm));
	call.vm = vm.vm_id;
	ASSERT_OK(sync_call_start(&call, &thread));
	EXPECT_FALSE(sync_call_ended(&call, A_WHILE_MS));
	interrupt(&call, thread);
	EXPECT_EQ(-EINTR, call.err);
	EXPECT_EQ(0, call.done);
	EXPECT_EQ(0, mapped_bytes(self->ctx.fd, vm.vm_id));
	EXPECT_OK(aci_vm_destroy(self->ctx.fd, vm.vm_id));
}

TEST_F(bind_async, long_running_out_fence)
{
	struct drm_aci_vm_create vm = { .mode = DRM_ACI_VM_LONG_RUNNING };
	struct drm_aci_bind_op op = map_op(self->a, 0, self->va, KIB(64));
	struct drm_aci_sync out = { .flags = SIGNAL };
	struct drm_aci_vm_bind args;

	ASSERT_OK(aci_ioctl(self->ctx.fd, DRM_IOCTL_ACI_VM_CREATE, &vm));
	ASSERT_OK(aci_sync_new(self->ctx.fd, &out.handle));
	args = bind_args(vm.vm_id, ASYNC, &op, 1, &out, 1);
	ASSERT_OK(aci_ioctl(self->ctx.fd, DRM_IOCTL_ACI_VM_BIND, &args));
	EXPECT_OK(aci_sync_result(self->ctx.fd, out.handle, 0));
}

/* --- Ends of objects while binds are pending whose fence does not come --- */

TEST_F(bind_async, vm_destroy_cancels)
{
	__u64 before = aci_card_free_bytes(self->ctx.fd);
	__u32 card, out, vm = self->ctx.vm;
	int sync_file;

	ASSERT_OK(aci_bo_create(self->ctx.fd, MIB(4), DRM_ACI_PLACEMENT_CARD, 0, &card));
	ASSERT_OK(aci_bind(self->ctx.fd, vm, card, 0, self->va, MIB(4), 0));
	/* One bind that unmaps it, one that maps it again. */
	ASSERT_OK(bind_gated(self, unmap_op(self->va, MIB(2)), &out));
	ASSERT_OK(bind_gated(self, map_op(card, 0, self->va + MIB(4), MIB(4)), &out));
	ASSERT_OK(aci_bo_close(self->ctx.fd, card));
	sync_file = aci_sync_export(self->ctx.fd, out);
	ASSERT_LE(0, sync_file);
	EXPECT_EQ(-EBUSY, aci_vm_destroy(self->ctx.fd, vm));
	EXPECT_EQ(0, aci_sync_file_status(sync_file));
	ASSERT_OK(aci_queue_destroy(self->ctx.fd, self->ctx.queue));
	EXPECT_EQ(0, aci_sync_file_status(sync_file));
	ASSERT_OK(aci_vm_destroy(self->ctx.fd, vm));
	EXPECT_EQ(-ECANCELED, aci_sync_file_status(sync_file));
	EXPECT_EQ(before, aci_card_free_bytes(self->ctx.fd));
	ASSERT_OK(aci_gate_open(&self->gate));
	close(sync_file);
}

TEST_F(bind_async, queue_destroy_leaves_binds_alone)
{
	__u32 out;

	ASSERT_OK(bind_gated(self, map_op(self->a, 0, self->va, KIB(64)), &out));
	ASSERT_OK(aci_queue_destroy(self->ctx.fd, self->ctx.queue));
	ASSERT_OK(aci_gate_open(&self->gate));
	EXPECT_OK(aci_sync_result(self->ctx.fd, out, 0));
	EXPECT_EQ(1, card_sees(self, self->va, KIB(64), 0xaa));
}

/* A job that waits for a bind that waits for the queue's VM to go: cancelled in turn. */
TEST_F(bind_async, close_cancels)
{
	struct drm_aci_sync syncs[2] = { { 0 }, { .flags = SIGNAL } };
	struct aci_desc nop = desc_nop();
	int bind_file, job_file, watch;
	__u64 before;
	__u32 card;

	watch = aci_open(0);
	ASSERT_LE(0, watch);
	before = aci_card_free_bytes(watch);
	ASSERT_OK(aci_bo_create(self->ctx.fd, MIB(4), DRM_ACI_PLACEMENT_CARD, 0, &card));
	ASSERT_OK(bind_gated(self, map_op(card, 0, self->va, MIB(4)), &syncs[0].handle));
	ASSERT_OK(aci_sync_new(self->ctx.fd, &syncs[1].handle));
	ASSERT_OK(aci_submit(self->ctx.fd, self->ctx.queue, &nop, 1, syncs, 2));
	bind_file = aci_sync_export(self->ctx.fd, syncs[0].handle);
	job_file = aci_sync_export(self->ctx.fd, syncs[1].handle);
	ASSERT_LE(0, bind_file);
	ASSERT_LE(0, job_file);
	ASSERT_OK(munmap(self->host.map, self->host.bytes));
	ASSERT_OK(munmap(self->map_a, MIB(4)));
	ASSERT_OK(munmap(self->map_b, MIB(4)));
	aci_ctx_fini(&self->ctx);
	EXPECT_EQ(-ECANCELED, aci_sync_file_result(bind_file));
	EXPECT_EQ(-ECANCELED, aci_sync_file_result(job_file));
	EXPECT_TRUE(aci_card_memory_is_back(watch, before));
	ASSERT_OK(aci_gate_open(&self->gate));
	close(watch);
}

/* The process dies in a synchronous bind behind one whose fence does not come. */
TEST_F(bind_async, kill_cancels)
{
	__u64 before = aci_card_free_bytes(self->ctx.fd);
	int pipe_fd[2], status, sync_file = self->gate.sync_file;
	char byte;
	pid_t pid;

	ASSERT_OK(pipe(pipe_fd));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		struct drm_aci_bind_op op;
		struct drm_aci_sync in = { 0 };
		struct drm_aci_vm_bind args;
		struct aci_ctx ctx;
		__u32 card;

		if (aci_ctx_init(&ctx, 0, ACI_ENGINE_CLASS_COPY, 0) ||
		    aci_bo_create(ctx.fd, MIB(4), DRM_ACI_PLACEMENT_CARD, 0, &card) ||
		    aci_sync_new(ctx.fd, &in.handle) ||
		    aci_sync_import(ctx.fd, in.handle, sync_file))
			_exit(1);
		op = map_op(card, 0, ctx.next_va, MIB(4));
		args = bind_args(ctx.vm, ASYNC, &op, 1, &in, 1);
		if (aci_ioctl(ctx.fd, DRM_IOCTL_ACI_VM_BIND, &args) ||
		    write(pipe_fd[1], "", 1) != 1)
			_exit(1);
		aci_unbind(ctx.fd, ctx.vm, ctx.next_va, MIB(4));
		_exit(2);
	}
	ASSERT_EQ(1, read(pipe_fd[0], &byte, 1));
	EXPECT_EQ(before - MIB(4), aci_card_free_bytes(self->ctx.fd));
	ASSERT_OK(kill(pid, SIGKILL));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_TRUE(WIFSIGNALED(status));
	EXPECT_TRUE(aci_card_memory_is_back(self->ctx.fd, before));
	ASSERT_OK(aci_gate_open(&self->gate));
}

TEST_HARNESS_MAIN
