// SPDX-License-Identifier: GPL-2.0
/*
 * Every allocation, every copy from or to user memory, and every call of a function
 * that may fail for another reason fails once, in every ioctl and in probe: the
 * first, the second, ... until a call gets through without meeting a failure. A call that fails must say so, leave nothing
 * behind, and work when it is made again. (What it leaks, kmemleak tells the
 * suite at its end.)
 *
 * Needs a kernel with fault injection: skipped on Debian's.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "aci_harness.h"
#include "aci_user.h"

#define DRIVER		"/sys/bus/pci/drivers/aci"
#define DEBUGFS		"/sys/kernel/debug"
#define CALLS_MAX	5000
#define BYTES		KIB(256)

/* --- The kernel's side: /proc/thread-self/fail-nth --- */

static const struct {
	const char *path, *value;
} settings[] = {
	/* Allocations that may sleep are the ones of interest. */
	{ DEBUGFS "/failslab/ignore-gfp-wait", "N" },
	{ DEBUGFS "/fail_page_alloc/ignore-gfp-wait", "N" },
	{ DEBUGFS "/fail_page_alloc/ignore-gfp-highmem", "N" },
	{ DEBUGFS "/fail_page_alloc/min-order", "0" },
	{ DEBUGFS "/failslab/verbose", "0" },
	{ DEBUGFS "/fail_page_alloc/verbose", "0" },
	{ DEBUGFS "/fail_usercopy/verbose", "0" },
	{ DEBUGFS "/fail_function/verbose", "0" },
};

/* Those of inject/aci_inject.c; what they return is the error below, or NULL. */
#define FUNCTION_ERROR	EIO

static const struct {
	const char *name;
	bool is_null;
} functions[] = {
	{ "dma_alloc_attrs", true },
	{ "dmam_alloc_attrs", true },
	{ "pci_store_saved_state", true },
	{ "devm_request_threaded_irq" },
	{ "dma_map_sgtable" },
	{ "dma_set_coherent_mask" },
	{ "dma_set_mask" },
	{ "drm_dev_register" },
	{ "drm_gem_create_mmap_offset" },
	{ "drm_gem_handle_create" },
	{ "drm_gem_shmem_get_pages_sgt" },
	{ "drm_gpuvm_sm_map" },
	{ "drm_syncobj_find_fence" },
	{ "eventfd_ctx_fdget" },
	{ "pci_alloc_irq_vectors" },
	{ "pci_save_state" },
	{ "pcim_enable_device" },
	{ "pcim_iomap_region" },
	{ "pin_user_pages" },
	{ "register_pm_notifier" },
};

static int injection_load(void)
{
	const char *ko = getenv("ACI_KO"), *slash = ko ? strrchr(ko, '/') : NULL;
	char path[256];
	int fd, err = 0;

	if (!slash)
		return -ENOENT;
	snprintf(path, sizeof(path), "%.*s/aci_inject.ko", (int)(slash - ko), ko);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (syscall(SYS_finit_module, fd, "", 0) && errno != EEXIST)
		err = -errno;
	close(fd);
	return err;
}

static int injection_add_functions(void)
{
	char path[128], text[32];
	unsigned int i;
	int err;

	err = injection_load();
	for (i = 0; !err && i < ARRAY_SIZE(functions); i++) {
		snprintf(path, sizeof(path), DEBUGFS "/fail_function/%s/retval",
			 functions[i].name);
		if (access(path, F_OK))
			err = file_write(DEBUGFS "/fail_function/inject", functions[i].name);
		snprintf(text, sizeof(text), "%#llx",
			 functions[i].is_null ? 0 : (unsigned long long)-FUNCTION_ERROR);
		err = err ?: file_write(path, text);
	}
	return err;
}

/*
 * The DRM core drops a device that it could not make: failures there are for its
 * authors. All up to the next symbol is the function.
 */
static int injection_spare(const char *function)
{
	static const char *const kinds[] = { "failslab", "fail_page_alloc" };
	unsigned long long address, start = 0, end = 0;
	char line[512], name[256], path[128], text[32];
	FILE *symbols = fopen("/proc/kallsyms", "re");
	unsigned int i;
	int err = 0;

	if (!symbols)
		return -errno;
	while (fgets(line, sizeof(line), symbols)) {
		if (sscanf(line, "%llx %*c %255s", &address, name) != 2)
			continue;
		if (!strcmp(name, function))
			start = address;
		else if (start && address > start && (!end || address < end))
			end = address;
	}
	fclose(symbols);
	if (!end)
		return -ENOENT;
	for (i = 0; !err && i < ARRAY_SIZE(kinds); i++) {
		snprintf(path, sizeof(path), DEBUGFS "/%s/reject-start", kinds[i]);
		snprintf(text, sizeof(text), "%#llx", start);
		err = file_write(path, text);
		snprintf(path, sizeof(path), DEBUGFS "/%s/reject-end", kinds[i]);
		snprintf(text, sizeof(text), "%#llx", end);
		err = err ?: file_write(path, text);
	}
	return err;
}

static int injection_init(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(settings); i++)
		if (file_write(settings[i].path, settings[i].value))
			return -ENOENT;
	return open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
}

/* The write that disarms may itself meet the failure, which is then over. */
static void injection_arm(int fail_nth, unsigned int nth)
{
	char text[16];
	int length = snprintf(text, sizeof(text), "%u", nth);

	if (pwrite(fail_nth, text, length, 0) != length &&
	    pwrite(fail_nth, text, length, 0) != length)
		abort();
}

/* Whether the failure was met. Reading the rest may itself meet it, then it was not. */
static bool injection_disarm(int fail_nth)
{
	char text[16] = "";
	bool read_failed = pread(fail_nth, text, sizeof(text) - 1, 0) < 0;
	bool met = !read_failed && !atoi(text);

	injection_arm(fail_nth, 0);
	return met;
}

/* --- What is called --- */

struct scene {
	struct aci_card where;
	struct aci_ctx ctx;
	struct aci_buf buf;
	struct aci_buf card;
	__u32 handle;
	__u32 id;
	__u32 syncs[3];		/* in, out, timeline */
	int fd;
	void *map;
	struct aci_ctx user;	/* LONG_RUNNING */
	struct uq uq;
	struct drm_aci_queue_create create;
	/* What the next call gets, which does not tell it if the copy to the caller fails. */
	__u32 next_handle;
	int next_fd;
};

struct act {
	/* before and after, without failures; either may be missing */
	int (*prepare)(struct scene *scene);
	void (*undo)(struct scene *scene);
	int (*call)(struct scene *scene);
};

static int call_open(struct scene *scene)
{
	scene->fd = open(scene->where.node, O_RDWR | O_CLOEXEC);
	return scene->fd < 0 ? -errno : 0;
}

static void undo_close(struct scene *scene)
{
	close(scene->fd);
}

static int query(struct scene *scene, __u32 type, __u32 index, size_t bytes)
{
	char data[4096];

	return aci_query(scene->ctx.fd, type, index, data, bytes);
}

static int call_query(struct scene *scene)
{
	int err = query(scene, DRM_ACI_QUERY_DEVICE, 0, sizeof(struct drm_aci_query_device));

	if (!err)
		err = query(scene, DRM_ACI_QUERY_IDENTIFY_CARD, 0,
			    sizeof(struct aci_identify_card));
	if (!err)
		err = query(scene, DRM_ACI_QUERY_IDENTIFY_ENGINE, 0,
			    sizeof(struct aci_identify_engine));
	if (!err)
		err = query(scene, DRM_ACI_QUERY_QUEUE, scene->ctx.queue,
			    sizeof(struct drm_aci_query_queue));
	if (!err)
		err = query(scene, DRM_ACI_QUERY_VM, scene->ctx.vm,
			    sizeof(struct drm_aci_query_vm));
	return err;
}

static int call_vm_create(struct scene *scene)
{
	return aci_vm_create(scene->ctx.fd, &scene->id);
}

static int call_vm_destroy(struct scene *scene)
{
	return aci_vm_destroy(scene->ctx.fd, scene->id);
}

static void undo_vm_destroy(struct scene *scene)
{
	call_vm_destroy(scene);
}

/* A VM that has tables and a mapping when it goes. */
static int prepare_full_vm(struct scene *scene)
{
	return call_vm_create(scene) ?:
		aci_bind(scene->ctx.fd, scene->id, scene->buf.handle, 0, scene->buf.va, BYTES, 0);
}

static int bo_result(struct scene *scene, int err)
{
	if (err == -EFAULT && scene->next_handle)
		aci_bo_close(scene->ctx.fd, scene->next_handle);
	return err;
}

static int call_bo_host(struct scene *scene)
{
	return bo_result(scene, aci_bo_create(scene->ctx.fd, BYTES, DRM_ACI_PLACEMENT_HOST, 0,
					      &scene->handle));
}

static int call_bo_card(struct scene *scene)
{
	return bo_result(scene, aci_bo_create(scene->ctx.fd, BYTES, DRM_ACI_PLACEMENT_CARD,
					      DRM_ACI_BO_CPU_ACCESS, &scene->handle));
}

static int call_bo_close(struct scene *scene)
{
	return aci_bo_close(scene->ctx.fd, scene->handle);
}

/* The DRM core hands out the lowest number. */
static int prepare_handle(struct scene *scene)
{
	int err = call_bo_host(scene);

	scene->next_handle = scene->handle;
	return err ?: call_bo_close(scene);
}

static void undo_bo(struct scene *scene)
{
	call_bo_close(scene);
}

static int call_userptr(struct scene *scene)
{
	struct drm_aci_bo_create_userptr create = { .addr = USER_PTR(scene->map), .size = BYTES };
	int err = aci_ioctl(scene->ctx.fd, DRM_IOCTL_ACI_BO_CREATE_USERPTR, &create);

	scene->handle = create.handle;
	return bo_result(scene, err);
}

static int prepare_memory(struct scene *scene)
{
	int err = prepare_handle(scene);

	if (err)
		return err;
	scene->map = mmap(NULL, BYTES, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	return scene->map == MAP_FAILED ? -errno : 0;
}

static void undo_memory(struct scene *scene)
{
	undo_bo(scene);
	munmap(scene->map, BYTES);
}

static int call_bo_map(struct scene *scene)
{
	return aci_bo_map(scene->ctx.fd, scene->handle, BYTES, &scene->map);
}

static void undo_bo_map(struct scene *scene)
{
	if (scene->map)
		munmap(scene->map, BYTES);
	scene->map = NULL;
	undo_bo(scene);
}

static int call_bind(struct scene *scene)
{
	return aci_bind(scene->ctx.fd, scene->ctx.vm, scene->buf.handle, 0,
			scene->ctx.next_va, BYTES, 0);
}

static void undo_bind(struct scene *scene)
{
	aci_unbind(scene->ctx.fd, scene->ctx.vm, scene->ctx.next_va, BYTES);
}

/* A hole in the middle: two remaps and an unmap. */
static int call_unbind(struct scene *scene)
{
	return aci_unbind(scene->ctx.fd, scene->ctx.vm, scene->ctx.next_va + KIB(64), KIB(64));
}

/* Several operations in one call, queued; each failure has a place to stop. */
static int call_bind_async(struct scene *scene)
{
	struct drm_aci_bind_op ops[3] = {
		{ .op = DRM_ACI_BIND_MAP, .handle = scene->buf.handle,
		  .va = scene->ctx.next_va, .size = BYTES },
		{ .op = DRM_ACI_BIND_UNMAP, .va = scene->ctx.next_va + KIB(64), .size = KIB(64) },
		{ .op = DRM_ACI_BIND_MAP, .flags = DRM_ACI_BIND_READONLY,
		  .handle = scene->card.handle, .va = scene->ctx.next_va + KIB(96),
		  .size = KIB(64) },
	};
	struct drm_aci_sync syncs[2] = {
		{ .handle = scene->syncs[0] },
		{ .flags = DRM_ACI_SYNC_SIGNAL, .handle = scene->syncs[1] },
	};
	struct drm_aci_vm_bind bind = {
		.vm_id = scene->ctx.vm, .flags = DRM_ACI_VM_BIND_ASYNC,
		.ops = { sizeof(ops[0]), 3, USER_PTR(ops) },
		.syncs = { sizeof(syncs[0]), 2, USER_PTR(syncs) },
	};

	return aci_ioctl(scene->ctx.fd, DRM_IOCTL_ACI_VM_BIND, &bind);
}

static int prepare_syncs(struct scene *scene)
{
	struct drm_syncobj_array signal = {
		.handles = USER_PTR(&scene->syncs[0]), .count_handles = 1,
	};
	int err = 0, i;

	for (i = 0; !err && i < 3; i++)
		err = aci_sync_new(scene->ctx.fd, &scene->syncs[i]);
	return err ?: aci_ioctl(scene->ctx.fd, DRM_IOCTL_SYNCOBJ_SIGNAL, &signal);
}

static void undo_syncs(struct scene *scene)
{
	int i;

	for (i = 0; i < 3; i++)
		aci_sync_free(scene->ctx.fd, scene->syncs[i]);
}

static void undo_bind_async(struct scene *scene)
{
	undo_bind(scene);
	undo_syncs(scene);
}

static int call_queue_create(struct scene *scene)
{
	return aci_queue_create(scene->ctx.fd, scene->ctx.vm, ACI_ENGINE_CLASS_COPY, 64, 0,
				&scene->id);
}

static int call_queue_destroy(struct scene *scene)
{
	return aci_queue_destroy(scene->ctx.fd, scene->id);
}

static void undo_queue(struct scene *scene)
{
	call_queue_destroy(scene);
}

/* Two jobs; more descriptors than fit beside a job; binary and timeline out. */
static int call_submit(struct scene *scene)
{
	struct aci_desc descs[40];
	struct drm_aci_sync syncs[3] = {
		{ .handle = scene->syncs[0] },
		{ .flags = DRM_ACI_SYNC_SIGNAL, .handle = scene->syncs[1] },
		{ .flags = DRM_ACI_SYNC_SIGNAL | DRM_ACI_SYNC_TIMELINE,
		  .handle = scene->syncs[2], .point = 1 },
	};
	struct drm_aci_job jobs[2] = {
		{ .desc_count = 1, .descs = USER_PTR(descs) },
		{ .desc_count = ARRAY_SIZE(descs), .descs = USER_PTR(descs),
		  .syncs = { sizeof(syncs[0]), 3, USER_PTR(syncs) } },
	};
	struct drm_aci_submit submit = {
		.queue_id = scene->ctx.queue, .jobs = { sizeof(jobs[0]), 2, USER_PTR(jobs) },
	};
	unsigned int i;
	int err;

	for (i = 0; i < ARRAY_SIZE(descs); i++)
		descs[i] = desc_fill(scene->card.va, BYTES, i, 1);
	err = aci_ioctl(scene->ctx.fd, DRM_IOCTL_ACI_SUBMIT, &submit);
	/* All or nothing per job. */
	if (err && submit.accepted > 1)
		return -EPROTO;
	return err;
}

static void undo_submit(struct scene *scene)
{
	aci_sync_result(scene->ctx.fd, scene->syncs[1], 0);
	undo_syncs(scene);
}

static int call_export(struct scene *scene)
{
	struct drm_prime_handle prime = { .handle = scene->handle, .flags = DRM_CLOEXEC | DRM_RDWR };
	int err = aci_ioctl(scene->ctx.fd, DRM_IOCTL_PRIME_HANDLE_TO_FD, &prime);

	scene->fd = prime.fd;
	if (err == -EFAULT)
		close(scene->next_fd);
	return err;
}

static int note_next_fd(struct scene *scene)
{
	scene->next_fd = dup(scene->ctx.fd);
	return close(scene->next_fd) ? -errno : 0;
}

static int prepare_export_host(struct scene *scene)
{
	return call_bo_host(scene) ?: note_next_fd(scene);
}

static int prepare_export_card(struct scene *scene)
{
	return call_bo_card(scene) ?: note_next_fd(scene);
}

static void undo_export(struct scene *scene)
{
	close(scene->fd);
	undo_bo(scene);
}

static int prepare_import(struct scene *scene)
{
	return prepare_export_host(scene) ?: call_export(scene);
}

/* Into a second file, where it is a BO of its own. */
static int call_import(struct scene *scene)
{
	struct drm_prime_handle prime = { .fd = scene->fd };
	int err = aci_ioctl(scene->ctx.fd, DRM_IOCTL_PRIME_FD_TO_HANDLE, &prime);

	scene->id = prime.handle;
	return err;
}

/* A ring of the process, which the driver finds and pins. */
static int prepare_user_vm(struct scene *scene)
{
	int err = uctx_init(&scene->user, 0);

	return err ?: uq_describe(&scene->uq, &scene->user, ACI_ENGINE_CLASS_COPY, 64,
				  &scene->create);
}

static int call_user_queue(struct scene *scene)
{
	return uq_create(&scene->uq, &scene->create);
}

static void undo_user_vm(struct scene *scene)
{
	uq_unmap(&scene->uq);
	aci_ctx_fini(&scene->user);
}

/* One that stopped for a descriptor that is none. */
static int prepare_stopped_queue(struct scene *scene)
{
	int err = prepare_user_vm(scene);

	err = err ?: call_user_queue(scene);
	if (!err)
		uq_push(&scene->uq, desc_bad());
	return err ?: uq_wait(&scene->uq, 1) == -EIO ? 0 : -EPROTO;
}

static int call_resume(struct scene *scene)
{
	return uq_resume(&scene->uq, 1);
}

static int prepare_eventfd(struct scene *scene)
{
	int err = prepare_user_vm(scene);

	err = err ?: call_user_queue(scene);
	scene->fd = eventfd(0, EFD_CLOEXEC);
	return err ?: scene->fd < 0 ? -errno : 0;
}

/* Two of them, for those that are reached and those that wait. */
static int call_eventfd(struct scene *scene)
{
	return uq_eventfd(&scene->uq, scene->fd, 0) ?: uq_eventfd(&scene->uq, scene->fd, 1000);
}

static void undo_eventfd(struct scene *scene)
{
	close(scene->fd);
	undo_user_vm(scene);
}

/* The set of the scene, made anew: open, VM, queue, BO, mmap, bind, close. */
static int call_everything(struct scene *scene)
{
	struct aci_ctx ctx = { .next_va = scene->ctx.next_va };
	struct aci_buf buf;
	int err;

	ctx.fd = open(scene->where.node, O_RDWR | O_CLOEXEC);
	if (ctx.fd < 0)
		return -errno;
	err = aci_vm_create(ctx.fd, &ctx.vm);
	if (!err)
		err = aci_queue_create(ctx.fd, ctx.vm, ACI_ENGINE_CLASS_COPY, 64, 0, &ctx.queue);
	if (!err)
		err = aci_buf_init(&ctx, &buf, BYTES, DRM_ACI_PLACEMENT_CARD, DRM_ACI_BO_CPU_ACCESS);
	if (!err)
		aci_buf_fini(&ctx, &buf);
	aci_ctx_fini(&ctx);
	return err;
}

/* --- The test: one variant per call --- */

FIXTURE(fault) {
	int fail_nth;
	struct scene scene;
	__u64 free_bytes;
	unsigned int fds;
};

FIXTURE_VARIANT(fault) {
	struct act act;
};

#define ACT(name, ...)	FIXTURE_VARIANT_ADD(fault, name) { .act = { __VA_ARGS__ } }

ACT(open, .call = call_open, .undo = undo_close);
ACT(query, .call = call_query);
ACT(vm_create, .call = call_vm_create, .undo = undo_vm_destroy);
ACT(vm_destroy, .prepare = prepare_full_vm, .call = call_vm_destroy);
ACT(bo_host, .prepare = prepare_handle, .call = call_bo_host, .undo = undo_bo);
ACT(bo_card, .prepare = prepare_handle, .call = call_bo_card, .undo = undo_bo);
ACT(bo_userptr, .prepare = prepare_memory, .call = call_userptr, .undo = undo_memory);
ACT(bo_close, .prepare = call_bo_card, .call = call_bo_close);
ACT(map_host, .prepare = call_bo_host, .call = call_bo_map, .undo = undo_bo_map);
ACT(map_card, .prepare = call_bo_card, .call = call_bo_map, .undo = undo_bo_map);
ACT(bind, .call = call_bind, .undo = undo_bind);
ACT(unbind, .prepare = call_bind, .call = call_unbind, .undo = undo_bind);
ACT(bind_async, .prepare = prepare_syncs, .call = call_bind_async, .undo = undo_bind_async);
ACT(queue_create, .call = call_queue_create, .undo = undo_queue);
ACT(queue_destroy, .prepare = call_queue_create, .call = call_queue_destroy);
ACT(submit, .prepare = prepare_syncs, .call = call_submit, .undo = undo_submit);
ACT(export_host, .prepare = prepare_export_host, .call = call_export, .undo = undo_export);
ACT(export_card, .prepare = prepare_export_card, .call = call_export, .undo = undo_export);
ACT(import, .prepare = prepare_import, .call = call_import, .undo = undo_export);
ACT(user_queue, .prepare = prepare_user_vm, .call = call_user_queue, .undo = undo_user_vm);
ACT(resume, .prepare = prepare_stopped_queue, .call = call_resume, .undo = undo_user_vm);
ACT(eventfd, .prepare = prepare_eventfd, .call = call_eventfd, .undo = undo_eventfd);
ACT(everything, .call = call_everything);

static unsigned int fds_count(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned int count = 0;

	while (dir && readdir(dir))
		count++;
	if (dir)
		closedir(dir);
	return count;
}

FIXTURE_SETUP(fault)
{
	struct scene *scene = &self->scene;

	self->fail_nth = injection_init();
	if (self->fail_nth < 0)
		SKIP(return, "no fault injection in this kernel");
	ASSERT_OK(injection_add_functions());
	ASSERT_OK(aci_card_find(0, &scene->where));
	ASSERT_OK(aci_ctx_init(&scene->ctx, 0, ACI_ENGINE_CLASS_COPY, 0));
	ASSERT_OK(aci_buf_init(&scene->ctx, &scene->buf, BYTES, DRM_ACI_PLACEMENT_HOST, 0));
	ASSERT_OK(aci_buf_init(&scene->ctx, &scene->card, BYTES, DRM_ACI_PLACEMENT_CARD,
			       DRM_ACI_BO_CPU_ACCESS));
	self->free_bytes = aci_card_free_bytes(scene->ctx.fd);
	self->fds = fds_count();
}

FIXTURE_TEARDOWN(fault)
{
	if (self->fail_nth >= 0)
		aci_ctx_fini(&self->scene.ctx);
}

static bool is_injected_error(int err)
{
	return err == -ENOMEM || err == -EFAULT || err == -FUNCTION_ERROR;
}

TEST_F(fault, each_one)
{
	const struct act *act = &variant->act;
	struct scene *scene = &self->scene;
	unsigned int nth, failures = 0;
	struct drm_aci_query_device device;
	bool met;
	int err;

	for (nth = 1; nth < CALLS_MAX; nth++) {
		if (act->prepare)
			ASSERT_OK(act->prepare(scene));
		injection_arm(self->fail_nth, nth);
		err = act->call(scene);
		met = injection_disarm(self->fail_nth);
		if (err) {
			if (!met || !is_injected_error(err))
				TH_LOG("failure %u: %s", nth, strerror(-err));
			ASSERT_TRUE(met);
			ASSERT_TRUE(is_injected_error(err));
			failures++;
			ASSERT_OK(act->call(scene));
		}
		if (act->undo)
			act->undo(scene);
		if (!met)
			break;
	}
	TH_LOG("%u failures injected, %u reported", nth - 1, failures);
	ASSERT_GT(CALLS_MAX, nth);
	EXPECT_LT(0, failures);
	EXPECT_EQ(self->fds, fds_count());
	ASSERT_OK(aci_await_card_memory(scene->ctx.fd, self->free_bytes, &device));
	EXPECT_EQ(self->free_bytes, device.card_memory_free_bytes);
	EXPECT_OK(aci_run_one(&scene->ctx, desc_fill(scene->card.va, BYTES, 0x42, 1)));
	EXPECT_TRUE(data_is(scene->card.map, BYTES, 0x42));
}

/* --- Probe --- */

FIXTURE(fault_probe) {
	int fail_nth;
	struct aci_card card;
};

FIXTURE_SETUP(fault_probe)
{
	self->fail_nth = injection_init();
	if (self->fail_nth < 0)
		SKIP(return, "no fault injection in this kernel");
	ASSERT_OK(injection_add_functions());
	ASSERT_OK(aci_card_find(0, &self->card));
}

FIXTURE_TEARDOWN(fault_probe)
{
	if (self->fail_nth >= 0)
		file_write(DRIVER "/bind", self->card.pci);
}

/* Messages of the kernel about a failed probe; which of them comes depends on the place. */
static const char *const probe_messages[] = {
	"^aci [0-9a-f:.]*: probe with driver aci failed with error -[0-9]+$",
	"^\\[drm:drm_dev_init\\] \\*ERROR\\* .*$",
	"^ioremap memtype_reserve failed -[0-9]+$",
	"^aci [0-9a-f:.]*: BAR [0-9]: can't reserve .*$",
};

/* The PCI core says EBUSY or EINVAL of whatever keeps it from claiming or mapping a BAR. */
static bool is_probe_error(int err)
{
	return is_injected_error(err) || err == -EBUSY || err == -EINVAL;
}

TEST_F_TIMEOUT(fault_probe, each_one, 1800)
{
	unsigned int nth, i, failures = 0;
	struct aci_ctx ctx;
	bool met = true;
	int err, fd;

	ASSERT_OK(injection_spare("drm_sysfs_minor_alloc"));
	ASSERT_OK(file_write(DRIVER "/unbind", self->card.pci));
	fd = open(DRIVER "/bind", O_WRONLY | O_CLOEXEC);
	ASSERT_LE(0, fd);
	for (i = 0; i < ARRAY_SIZE(probe_messages); i++)
		expect_some("fault_probe", CALLS_MAX, probe_messages[i]);
	for (nth = 1; met && nth < CALLS_MAX; nth++) {
		injection_arm(self->fail_nth, nth);
		err = pwrite(fd, self->card.pci, strlen(self->card.pci), 0) < 0 ? -errno : 0;
		met = injection_disarm(self->fail_nth);
		if (err) {
			if (!met || !is_probe_error(err))
				TH_LOG("failure %u: %s", nth, strerror(-err));
			ASSERT_TRUE(met);
			ASSERT_TRUE(is_probe_error(err));
			failures++;
			continue;
		}
		/* Bound in spite of it: what failed can be done without. */
		ASSERT_OK(aci_ctx_init(&ctx, 0, ACI_ENGINE_CLASS_COPY, 0));
		ASSERT_OK(aci_run_one(&ctx, desc_nop()));
		aci_ctx_fini(&ctx);
		ASSERT_OK(file_write(DRIVER "/unbind", self->card.pci));
	}
	expect_end("fault_probe");
	close(fd);
	TH_LOG("%u failures injected, %u reported", nth - 2, failures);
	EXPECT_FALSE(met);
	EXPECT_LT(20, failures);
	ASSERT_OK(file_write(DRIVER "/bind", self->card.pci));
	ASSERT_OK(aci_ctx_init(&ctx, 0, ACI_ENGINE_CLASS_COPY, 0));
	EXPECT_OK(aci_run_one(&ctx, desc_nop()));
	aci_ctx_fini(&ctx);
}

TEST_HARNESS_MAIN
