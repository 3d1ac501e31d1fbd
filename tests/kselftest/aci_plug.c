// SPDX-License-Identifier: GPL-2.0
/* Cards that come and go, and what a process has when they do. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "aci_plug.h"

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#define HUNG_MS		600000
#define LOAD_BYTES	KIB(64)

int plug_out(const struct aci_card *card)
{
	char path[300];

	snprintf(path, sizeof(path), "%s/remove", card->sysfs);
	return file_write(path, "1");
}

int plug_in(unsigned int cards)
{
	int err = file_write("/sys/bus/pci/rescan", "1");

	return err ? err : aci_card_count() >= cards ? 0 : -ENODEV;
}

int plug_check(unsigned int index)
{
	struct aci_buf host, card;
	struct aci_ctx ctx;
	int err;

	err = aci_ctx_init(&ctx, index, ACI_ENGINE_CLASS_COPY, 0);
	if (err)
		return err;
	err = aci_buf_init(&ctx, &host, LOAD_BYTES, DRM_ACI_PLACEMENT_HOST, 0);
	if (!err)
		err = aci_buf_init(&ctx, &card, LOAD_BYTES, DRM_ACI_PLACEMENT_CARD, 0);
	if (!err)
		err = aci_run_one(&ctx, desc_fill(card.va, LOAD_BYTES, 0x15, 1));
	if (!err)
		err = aci_run_one(&ctx, desc_copy(card.va, host.va, LOAD_BYTES));
	if (!err && !data_is(host.map, LOAD_BYTES, 0x15))
		err = -EILSEQ;
	if (host.map)
		munmap(host.map, host.bytes);
	aci_ctx_fini(&ctx);
	return err;
}

/* --- A bit of everything --- */

static void *wait_for_job(void *data)
{
	struct plug_work *work = data;

	work->waiter_err = aci_sync_wait(work->ctx.fd, work->waiting_handle, 0, aci_wait_ns());
	return NULL;
}

static int start_job(struct plug_work *work, bool hung)
{
	struct aci_desc descs[ACI_CTX_RING_ENTRIES];
	__u32 out;
	int err;

	for (unsigned int i = 0; i < ARRAY_SIZE(descs); i++)
		descs[i] = desc_fill(i & 1 ? work->host.va : work->card.va, work->host.bytes, i, 1);
	if (hung) {
		err = card_ctl("hang next", NULL, 0);
		if (err)
			return err;
	}
	err = aci_submit_out(work->ctx.fd, work->ctx.queue, descs, hung ? 1 : ARRAY_SIZE(descs),
			     &out);
	if (err)
		return err;
	work->running = aci_sync_export(work->ctx.fd, out);
	return work->running < 0 ? work->running : 0;
}

static int start_waiting_job(struct plug_work *work)
{
	struct drm_aci_sync syncs[2] = { { 0 }, { .flags = DRM_ACI_SYNC_SIGNAL } };
	struct aci_desc nop = desc_nop();
	int err;

	err = aci_gate_syncobj(&work->gate, work->ctx.fd, &syncs[0].handle);
	if (!err)
		err = aci_sync_new(work->ctx.fd, &syncs[1].handle);
	if (!err)
		err = aci_submit(work->ctx.fd, work->ctx.queue, &nop, 1, syncs, 2);
	if (err)
		return err;
	work->waiting_handle = syncs[1].handle;
	work->waiting = aci_sync_export(work->ctx.fd, syncs[1].handle);
	if (work->waiting < 0)
		return work->waiting;
	return -pthread_create(&work->waiter, NULL, wait_for_job, work);
}

static int start_bind(struct plug_work *work)
{
	struct drm_aci_sync syncs[2] = { { 0 }, { .flags = DRM_ACI_SYNC_SIGNAL } };
	struct drm_aci_bind_op op = {
		.op = DRM_ACI_BIND_MAP, .handle = work->host.handle, .size = work->host.bytes,
		.va = aci_ctx_take_va(&work->ctx, work->host.bytes),
	};
	int err;

	err = aci_gate_syncobj(&work->gate, work->ctx.fd, &syncs[0].handle);
	if (!err)
		err = aci_sync_new(work->ctx.fd, &syncs[1].handle);
	if (!err)
		err = aci_bind_async(work->ctx.fd, work->ctx.vm, &op, 1, syncs, 2);
	if (err)
		return err;
	work->binding = aci_sync_export(work->ctx.fd, syncs[1].handle);
	return work->binding < 0 ? work->binding : 0;
}

static int start_fence_part(struct plug_work *work, bool hung)
{
	int err;

	err = aci_gate_init(&work->gate);
	if (!err)
		err = aci_ctx_init(&work->ctx, 0, ACI_ENGINE_CLASS_COPY, hung ? HUNG_MS : 0);
	if (!err)
		err = aci_buf_init(&work->ctx, &work->host, MIB(4), DRM_ACI_PLACEMENT_HOST, 0);
	if (!err)
		err = aci_buf_init(&work->ctx, &work->card, MIB(4), DRM_ACI_PLACEMENT_CARD,
				   DRM_ACI_BO_CPU_ACCESS);
	if (!err)
		err = aci_buf_init(&work->ctx, &work->late, MIB(1), DRM_ACI_PLACEMENT_CARD,
				   DRM_ACI_BO_CPU_ACCESS);
	if (err)
		return err;
	memset(work->host.map, 0x51, work->host.bytes);
	memset(work->card.map, 0x52, work->card.bytes);
	err = start_job(work, hung);
	if (!err)
		err = start_waiting_job(work);
	return err ? err : start_bind(work);
}

static int start_user_part(struct plug_work *work)
{
	__u64 blocked;
	int err;

	err = uctx_init(&work->lctx, 0);
	if (!err)
		err = aci_buf_init(&work->lctx, &work->lbuf, KIB(64), DRM_ACI_PLACEMENT_HOST, 0);
	if (!err)
		err = uq_init(&work->uq, &work->lctx, ACI_ENGINE_CLASS_COPY, 0);
	if (!err)
		err = uq_run(&work->uq, desc_nop());
	if (err)
		return err;
	blocked = uq_push(&work->uq, desc_gate(&work->lbuf, 0, 1));
	work->eventfd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (work->eventfd < 0)
		return -errno;
	err = uq_eventfd(&work->uq, work->eventfd, blocked);
	return err ? err : uq_sleeper_start(&work->sleeper, &work->uq, blocked);
}

int plug_work_start(struct plug_work *work, bool hung)
{
	int err;

	memset(work, 0, sizeof(*work));
	/* The user queue first: its engine may hang afterwards. */
	err = start_user_part(work);
	return err ? err : start_fence_part(work, hung);
}

void plug_work_unmap(struct plug_work *work)
{
	munmap(work->host.map, work->host.bytes);
	munmap(work->card.map, work->card.bytes);
	munmap(work->late.map, work->late.bytes);
	munmap(work->lbuf.map, work->lbuf.bytes);
	uq_unmap(&work->uq);
}

void plug_work_end(struct plug_work *work)
{
	close(work->running);
	close(work->waiting);
	close(work->binding);
	close(work->eventfd);
	aci_ctx_fini(&work->ctx);
	aci_ctx_fini(&work->lctx);
	aci_gate_fini(&work->gate);
}

/* --- Loads --- */

struct load {
	struct aci_ctx ctx;
	struct aci_card where;
	struct aci_buf host;
	struct uq uq;
	__u64 va;
	__u8 value;
};

static int jobs_init(struct load *load)
{
	int err = aci_ctx_init(&load->ctx, 0, ACI_ENGINE_CLASS_COPY, 0);

	return err ? err : aci_buf_init(&load->ctx, &load->host, LOAD_BYTES,
					DRM_ACI_PLACEMENT_HOST, 0);
}

static int jobs_round(struct load *load)
{
	int err = aci_run_one(&load->ctx, desc_fill(load->host.va, LOAD_BYTES, ++load->value, 1));

	return err ? err : data_is(load->host.map, LOAD_BYTES, load->value) ? 0 : -EBADMSG;
}

static int user_init(struct load *load)
{
	int err = uctx_init(&load->ctx, 0);

	if (!err)
		err = aci_buf_init(&load->ctx, &load->host, LOAD_BYTES, DRM_ACI_PLACEMENT_HOST, 0);
	return err ? err : uq_init(&load->uq, &load->ctx, ACI_ENGINE_CLASS_COPY, 0);
}

static int user_round(struct load *load)
{
	int err = uq_run(&load->uq, desc_fill(load->host.va, LOAD_BYTES, ++load->value, 1));

	return err ? err : data_is(load->host.map, LOAD_BYTES, load->value) ? 0 : -EBADMSG;
}

static int binds_init(struct load *load)
{
	int err = jobs_init(load);

	load->va = aci_ctx_take_va(&load->ctx, LOAD_BYTES);
	return err;
}

static int binds_round(struct load *load)
{
	struct drm_aci_bind_op ops[2] = {
		{ .op = DRM_ACI_BIND_MAP, .handle = load->host.handle, .va = load->va,
		  .size = LOAD_BYTES },
		{ .op = DRM_ACI_BIND_UNMAP, .va = load->va, .size = LOAD_BYTES },
	};
	struct drm_aci_sync sync = { .flags = DRM_ACI_SYNC_SIGNAL };
	int err;

	err = aci_sync_new(load->ctx.fd, &sync.handle);
	if (!err)
		err = aci_bind_async(load->ctx.fd, load->ctx.vm, ops, 2, &sync, 1);
	if (!err)
		err = aci_sync_result(load->ctx.fd, sync.handle, 0);
	aci_sync_free(load->ctx.fd, sync.handle);
	return err;
}

/* New memory each time, some of it only touched once the card may be gone. */
static int memory_round(struct load *load)
{
	bool in_host = ++load->value & 1;
	struct aci_buf buf;
	int err;

	err = aci_buf_init(&load->ctx, &buf, LOAD_BYTES,
			   in_host ? DRM_ACI_PLACEMENT_HOST : DRM_ACI_PLACEMENT_CARD,
			   in_host ? 0 : DRM_ACI_BO_CPU_ACCESS);
	if (err)
		return err;
	memset(buf.map, load->value, buf.bytes);
	aci_buf_fini(&load->ctx, &buf);
	return 0;
}

static int files_init(struct load *load)
{
	load->ctx.fd = -1;
	return aci_card_find(0, &load->where);
}

/* Not by index, which would be that of another card. */
static int files_round(struct load *load)
{
	__u32 vm;
	int err;

	load->ctx.fd = open(load->where.node, O_RDWR | O_CLOEXEC);
	/* The node goes with the card. */
	if (load->ctx.fd < 0)
		return errno == ENOENT || errno == ENXIO ? -ENODEV : -errno;
	err = aci_vm_create(load->ctx.fd, &vm);
	aci_ctx_fini(&load->ctx);
	return err;
}

static const struct {
	int (*init)(struct load *load);
	int (*round)(struct load *load);
} loads[PLUG_LOADS] = {
	[PLUG_LOAD_JOBS] = { jobs_init, jobs_round },
	[PLUG_LOAD_USER_QUEUE] = { user_init, user_round },
	[PLUG_LOAD_BINDS] = { binds_init, binds_round },
	[PLUG_LOAD_MEMORY] = { jobs_init, memory_round },
	[PLUG_LOAD_FILES] = { files_init, files_round },
};

int plug_load_run(enum plug_load kind, struct plug_progress *progress)
{
	struct load load = { 0 };
	int err;

	err = loads[kind].init(&load);
	__atomic_fetch_add(&progress->ready, 1, __ATOMIC_RELEASE);
	while (!err) {
		err = loads[kind].round(&load);
		/* The driver may still wait for the card, or try to revive it. */
		if (err == -EAGAIN || err == -ETIMEDOUT)
			err = 0;
		__atomic_fetch_add(&progress->rounds, 1, __ATOMIC_RELAXED);
	}
	return err == -ENODEV ? 0 : err;
}
