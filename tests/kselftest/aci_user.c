// SPDX-License-Identifier: GPL-2.0
/* User queues for the kernel tests. */
#include <stdatomic.h>
#include <sys/mman.h>
#include <unistd.h>

#include "aci_user.h"

#define BAD_OPCODE	0xee

int uctx_init(struct aci_ctx *ctx, unsigned int card)
{
	struct drm_aci_vm_create create = { .mode = DRM_ACI_VM_LONG_RUNNING };
	int err = aci_ctx_open(ctx, card);

	if (err)
		return err;
	err = aci_ioctl(ctx->fd, DRM_IOCTL_ACI_VM_CREATE, &create);
	if (err)
		aci_ctx_fini(ctx);
	ctx->vm = create.vm_id;
	return err;
}

int uq_describe(struct uq *uq, struct aci_ctx *ctx, __u32 engine_class, __u32 entries,
		struct drm_aci_queue_create *create)
{
	__u64 ring_bytes = (__u64)entries * ACI_DESC_BYTES;
	int err;

	memset(uq, 0, sizeof(*uq));
	uq->fd = ctx->fd;
	uq->entries = entries;
	uq->bytes = ring_bytes + ACI_TEST_PAGE;
	err = aci_bo_create(ctx->fd, uq->bytes, DRM_ACI_PLACEMENT_HOST, 0, &uq->handle);
	if (!err)
		err = aci_bo_map(ctx->fd, uq->handle, uq->bytes, &uq->map);
	if (err)
		return err;
	uq->ring = uq->map;
	uq->page = (void *)((char *)uq->map + ring_bytes);
	*create = (struct drm_aci_queue_create){
		.vm_id = ctx->vm, .engine_class = engine_class, .priority = ACI_PRIORITY_NORMAL,
		.ring_entries = entries, .ring_handle = uq->handle,
		.user_page_handle = uq->handle, .user_page_offset = ring_bytes,
	};
	return 0;
}

int uq_map_page(int fd, __u64 offset, volatile __u32 **page)
{
	void *map = mmap(NULL, ACI_TEST_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
			 (off_t)offset);

	*page = map == MAP_FAILED ? NULL : map;
	return map == MAP_FAILED ? -errno : 0;
}

int uq_create(struct uq *uq, struct drm_aci_queue_create *create)
{
	int err = aci_ioctl(uq->fd, DRM_IOCTL_ACI_QUEUE_CREATE, create);

	if (err)
		return err;
	uq->id = create->queue_id;
	uq->doorbell_offset = create->doorbell_offset;
	uq->kick_offset = create->kick_offset;
	err = uq_map_page(uq->fd, uq->doorbell_offset, &uq->doorbell);
	if (!err && uq->kick_offset)
		err = uq_map_page(uq->fd, uq->kick_offset, &uq->kick);
	return err;
}

int uq_init(struct uq *uq, struct aci_ctx *ctx, __u32 engine_class, __u32 timeout_ms)
{
	struct drm_aci_queue_create create;
	int err = uq_describe(uq, ctx, engine_class, UQ_ENTRIES, &create);

	create.timeout_ms = timeout_ms;
	return err ? err : uq_create(uq, &create);
}

int uq_destroy(struct uq *uq)
{
	return aci_queue_destroy(uq->fd, uq->id);
}

void uq_unmap(struct uq *uq)
{
	if (uq->doorbell)
		munmap((void *)uq->doorbell, ACI_TEST_PAGE);
	if (uq->kick)
		munmap((void *)uq->kick, ACI_TEST_PAGE);
	if (uq->map)
		munmap(uq->map, uq->bytes);
	uq->doorbell = NULL;
	uq->kick = NULL;
	uq->map = NULL;
}

void uq_put(struct uq *uq, struct aci_desc desc)
{
	uq->ring[uq->tail++ & (uq->entries - 1)] = desc;
}

void uq_ring(struct uq *uq)
{
	*uq->doorbell = (__u32)uq->tail;
	if (uq->kick)
		*uq->kick = 0;
	uq->kicks++;
}

void uq_tell(struct uq *uq)
{
	__u64 old = uq->told;

	uq->told = uq->tail;
	atomic_thread_fence(memory_order_release);
	uq->page->tail = uq->tail;
	atomic_thread_fence(memory_order_seq_cst);
	if (aci_queue_need_ring(uq->page->event_index, old, uq->tail))
		uq_ring(uq);
}

__u64 uq_push(struct uq *uq, struct aci_desc desc)
{
	uq_put(uq, desc);
	uq_tell(uq);
	return uq->tail;
}

int uq_wait_until(struct uq *uq, __u64 count, __s64 until_ns, __u64 *completed)
{
	struct drm_aci_queue_wait wait = {
		.queue_id = uq->id, .count = count, .timeout_ns = until_ns,
	};
	int err = aci_ioctl(uq->fd, DRM_IOCTL_ACI_QUEUE_WAIT, &wait);

	if (completed)
		*completed = wait.completed;
	return err;
}

int uq_wait(struct uq *uq, __u64 count)
{
	return uq_wait_until(uq, count, (__s64)now_ns() + aci_wait_ns(), NULL);
}

int uq_run(struct uq *uq, struct aci_desc desc)
{
	return uq_wait(uq, uq_push(uq, desc));
}

int uq_resume(struct uq *uq, __u64 index)
{
	struct drm_aci_queue_resume resume = { .queue_id = uq->id, .index = index };

	return aci_ioctl(uq->fd, DRM_IOCTL_ACI_QUEUE_RESUME, &resume);
}

int uq_eventfd(struct uq *uq, int eventfd, __u64 count)
{
	struct drm_aci_queue_eventfd event = {
		.queue_id = uq->id, .fd = eventfd, .count = count,
	};

	return aci_ioctl(uq->fd, DRM_IOCTL_ACI_QUEUE_EVENTFD, &event);
}

int uq_state(struct uq *uq, struct drm_aci_query_queue *state)
{
	return aci_query(uq->fd, DRM_ACI_QUERY_QUEUE, uq->id, state, sizeof(*state));
}

static void *sleep_on_queue(void *data)
{
	struct uq_sleeper *sleeper = data;

	sleeper->err = uq_wait_until(sleeper->uq, sleeper->count, INT64_MAX, NULL);
	return NULL;
}

int uq_sleeper_start(struct uq_sleeper *sleeper, struct uq *uq, __u64 count)
{
	sleeper->uq = uq;
	sleeper->count = count;
	return -pthread_create(&sleeper->thread, NULL, sleep_on_queue, sleeper);
}

int uq_sleeper_end(struct uq_sleeper *sleeper)
{
	int err = -pthread_join(sleeper->thread, NULL);

	return err ? err : sleeper->err;
}

struct aci_desc desc_bad(void)
{
	return (struct aci_desc){ .opcode = BAD_OPCODE };
}

struct aci_desc desc_gate(const struct aci_buf *buf, unsigned int index, __u64 value)
{
	return desc_wait(buf->va + index * 8, value, 0);
}

void gate_open(const struct aci_buf *buf, unsigned int index, __u64 value)
{
	((volatile __u64 *)buf->map)[index] = value;
}
