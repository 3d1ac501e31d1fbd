// SPDX-License-Identifier: GPL-2.0
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "aci_test.h"

#define CARDS_MAX	16

static int node_number(const struct dirent *entry)
{
	int number;

	return sscanf(entry->d_name, "accel%d", &number) == 1 ? number : -1;
}

static bool driver_is_aci(int number, char *device, size_t bytes)
{
	char link[PATH_MAX], path[PATH_MAX];
	ssize_t length;

	snprintf(path, sizeof(path), "/sys/class/accel/accel%d/device", number);
	if (!realpath(path, link) || strlen(link) >= bytes)
		return false;
	strcpy(device, link);
	snprintf(path, sizeof(path), "/sys/class/accel/accel%d/device/driver", number);
	length = readlink(path, link, sizeof(link) - 1);
	if (length < 0)
		return false;
	link[length] = '\0';
	return !strcmp(strrchr(link, '/') ? strrchr(link, '/') + 1 : link, "aci");
}

static int compare_cards(const void *a, const void *b)
{
	return strcmp(((const struct aci_card *)a)->pci, ((const struct aci_card *)b)->pci);
}

/* By address: the number of a node changes when the card is bound anew. */
static unsigned int cards_list(struct aci_card *cards)
{
	DIR *dir = opendir("/sys/class/accel");
	unsigned int count = 0;
	struct dirent *entry;

	if (!dir)
		return 0;
	while ((entry = readdir(dir)) && count < CARDS_MAX) {
		struct aci_card *card = &cards[count];
		int number = node_number(entry);

		if (number < 0 || !driver_is_aci(number, card->sysfs, sizeof(card->sysfs)))
			continue;
		snprintf(card->node, sizeof(card->node), "/dev/accel/accel%d", number);
		snprintf(card->pci, sizeof(card->pci), "%.31s", strrchr(card->sysfs, '/') + 1);
		count++;
	}
	closedir(dir);
	qsort(cards, count, sizeof(*cards), compare_cards);
	return count;
}

unsigned int aci_card_count(void)
{
	struct aci_card cards[CARDS_MAX];

	return cards_list(cards);
}

int aci_card_find(unsigned int index, struct aci_card *card)
{
	struct aci_card cards[CARDS_MAX];

	if (index >= cards_list(cards))
		return -ENODEV;
	*card = cards[index];
	return 0;
}

int aci_open(unsigned int index)
{
	struct aci_card card;
	int fd, err;

	err = aci_card_find(index, &card);
	if (err)
		return err;
	fd = open(card.node, O_RDWR | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int aci_ioctl(int fd, unsigned long request, void *arg)
{
	int ret;

	do {
		ret = ioctl(fd, request, arg);
	} while (ret < 0 && errno == EINTR);
	return ret < 0 ? -errno : 0;
}

int aci_query(int fd, __u32 type, __u32 index, void *data, __u32 bytes)
{
	struct drm_aci_query query = {
		.type = type, .size = bytes, .index = index, .ptr = USER_PTR(data),
	};

	return aci_ioctl(fd, DRM_IOCTL_ACI_QUERY, &query);
}

int aci_vm_create(int fd, __u32 *vm_id)
{
	struct drm_aci_vm_create create = { .mode = DRM_ACI_VM_FENCE };
	int err = aci_ioctl(fd, DRM_IOCTL_ACI_VM_CREATE, &create);

	*vm_id = create.vm_id;
	return err;
}

int aci_vm_destroy(int fd, __u32 vm_id)
{
	struct drm_aci_vm_destroy destroy = { .vm_id = vm_id };

	return aci_ioctl(fd, DRM_IOCTL_ACI_VM_DESTROY, &destroy);
}

int aci_bo_create(int fd, __u64 bytes, __u32 placement, __u32 flags, __u32 *handle)
{
	struct drm_aci_bo_create create = {
		.size = bytes, .placement = placement, .flags = flags,
		.cache = placement == DRM_ACI_PLACEMENT_CARD ?
			DRM_ACI_CACHE_WRITE_COMBINED : DRM_ACI_CACHE_WRITE_BACK,
	};
	int err = aci_ioctl(fd, DRM_IOCTL_ACI_BO_CREATE, &create);

	*handle = create.handle;
	return err;
}

int aci_bo_close(int fd, __u32 handle)
{
	struct drm_gem_close gem_close = { .handle = handle };

	return aci_ioctl(fd, DRM_IOCTL_GEM_CLOSE, &gem_close);
}

int aci_bo_map(int fd, __u32 handle, __u64 bytes, void **map)
{
	struct drm_aci_bo_mmap_offset request = { .handle = handle };
	int err = aci_ioctl(fd, DRM_IOCTL_ACI_BO_MMAP_OFFSET, &request);

	if (err)
		return err;
	*map = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)request.offset);
	if (*map == MAP_FAILED) {
		*map = NULL;
		return -errno;
	}
	return 0;
}

int aci_bo_export(int fd, __u32 handle, __u32 flags)
{
	struct drm_prime_handle prime = { .handle = handle, .flags = DRM_CLOEXEC | flags };
	int err = aci_ioctl(fd, DRM_IOCTL_PRIME_HANDLE_TO_FD, &prime);

	return err ? err : prime.fd;
}

int aci_bo_import(int fd, int dma_buf, __u32 *handle)
{
	struct drm_prime_handle prime = { .fd = dma_buf };
	int err = aci_ioctl(fd, DRM_IOCTL_PRIME_FD_TO_HANDLE, &prime);

	*handle = prime.handle;
	return err;
}

static int bind_one(int fd, __u32 vm_id, struct drm_aci_bind_op *op)
{
	struct drm_aci_vm_bind bind = {
		.vm_id = vm_id,
		.ops = { .stride = sizeof(*op), .count = 1, .ptr = USER_PTR(op) },
	};

	return aci_ioctl(fd, DRM_IOCTL_ACI_VM_BIND, &bind);
}

int aci_bind(int fd, __u32 vm_id, __u32 handle, __u64 offset, __u64 va, __u64 bytes, __u32 flags)
{
	struct drm_aci_bind_op op = {
		.op = DRM_ACI_BIND_MAP, .flags = flags, .handle = handle,
		.offset = offset, .va = va, .size = bytes,
	};

	return bind_one(fd, vm_id, &op);
}

int aci_unbind(int fd, __u32 vm_id, __u64 va, __u64 bytes)
{
	struct drm_aci_bind_op op = { .op = DRM_ACI_BIND_UNMAP, .va = va, .size = bytes };

	return bind_one(fd, vm_id, &op);
}

int aci_bind_async(int fd, __u32 vm_id, const struct drm_aci_bind_op *ops, __u32 count,
		   const struct drm_aci_sync *syncs, __u32 sync_count)
{
	struct drm_aci_vm_bind args = {
		.vm_id = vm_id, .flags = DRM_ACI_VM_BIND_ASYNC,
		.ops = { .stride = sizeof(*ops), .count = count,
			 .ptr = count ? USER_PTR(ops) : 0 },
		.syncs = { .stride = sizeof(*syncs), .count = sync_count,
			   .ptr = sync_count ? USER_PTR(syncs) : 0 },
	};
	int err = aci_ioctl(fd, DRM_IOCTL_ACI_VM_BIND, &args);

	return !err && args.done != count ? -EPROTO : err;
}

int aci_queue_create(int fd, __u32 vm_id, __u32 engine_class, __u32 ring_entries,
		     __u32 timeout_ms, __u32 *queue_id)
{
	struct drm_aci_queue_create create = {
		.vm_id = vm_id, .engine_class = engine_class, .priority = ACI_PRIORITY_NORMAL,
		.ring_entries = ring_entries, .timeout_ms = timeout_ms,
	};
	int err = aci_ioctl(fd, DRM_IOCTL_ACI_QUEUE_CREATE, &create);

	*queue_id = create.queue_id;
	return err;
}

int aci_queue_destroy(int fd, __u32 queue_id)
{
	struct drm_aci_queue_destroy destroy = { .queue_id = queue_id };

	return aci_ioctl(fd, DRM_IOCTL_ACI_QUEUE_DESTROY, &destroy);
}

int aci_await_card_memory(int fd, __u64 free_bytes, struct drm_aci_query_device *device)
{
	__u64 end = now_ns() + aci_wait_ns();
	int err;

	do {
		err = aci_query(fd, DRM_ACI_QUERY_DEVICE, 0, device, sizeof(*device));
	} while (!err && device->card_memory_free_bytes != free_bytes && now_ns() < end);
	return err;
}

bool aci_card_memory_is_back(int fd, __u64 free_bytes)
{
	struct drm_aci_query_device device;

	return !aci_await_card_memory(fd, free_bytes, &device) &&
	       device.card_memory_free_bytes == free_bytes;
}

struct drm_aci_query_device aci_device_state(int fd)
{
	struct drm_aci_query_device device = { 0 };

	aci_query(fd, DRM_ACI_QUERY_DEVICE, 0, &device, sizeof(device));
	return device;
}

__u64 aci_card_free_bytes(int fd)
{
	return aci_device_state(fd).card_memory_free_bytes;
}

int aci_ctx_open(struct aci_ctx *ctx, unsigned int card)
{
	struct drm_aci_query_device device = { 0 };
	int err;

	memset(ctx, 0, sizeof(*ctx));
	ctx->fd = aci_open(card);
	if (ctx->fd < 0)
		return ctx->fd;
	err = aci_query(ctx->fd, DRM_ACI_QUERY_DEVICE, 0, &device, sizeof(device));
	if (err)
		aci_ctx_fini(ctx);
	ctx->next_va = (device.va_start + MIB(16)) & ~(MIB(2) - 1);
	return err;
}

int aci_ctx_init(struct aci_ctx *ctx, unsigned int card, __u32 engine_class, __u32 timeout_ms)
{
	int err = aci_ctx_open(ctx, card);

	if (err)
		return err;
	err = aci_vm_create(ctx->fd, &ctx->vm);
	if (!err)
		err = aci_queue_create(ctx->fd, ctx->vm, engine_class, ACI_CTX_RING_ENTRIES,
				       timeout_ms, &ctx->queue);
	if (err)
		aci_ctx_fini(ctx);
	return err;
}

void aci_ctx_fini(struct aci_ctx *ctx)
{
	if (ctx->fd >= 0)
		close(ctx->fd);
	ctx->fd = -1;
}

__u64 aci_ctx_take_va(struct aci_ctx *ctx, __u64 bytes)
{
	__u64 va = ctx->next_va;

	ctx->next_va += ((bytes + MIB(2) - 1) & ~(MIB(2) - 1)) + MIB(2);
	return va;
}

int aci_buf_init(struct aci_ctx *ctx, struct aci_buf *buf, __u64 bytes, __u32 placement,
		 __u32 flags)
{
	int err;

	memset(buf, 0, sizeof(*buf));
	bytes = (bytes + ACI_TEST_PAGE - 1) & ~(ACI_TEST_PAGE - 1);
	err = aci_bo_create(ctx->fd, bytes, placement, flags, &buf->handle);
	if (err)
		return err;
	buf->placement = placement;
	buf->bytes = bytes;
	if (placement == DRM_ACI_PLACEMENT_HOST || (flags & DRM_ACI_BO_CPU_ACCESS))
		err = aci_bo_map(ctx->fd, buf->handle, bytes, &buf->map);
	if (!err) {
		buf->va = aci_ctx_take_va(ctx, bytes);
		err = aci_bind(ctx->fd, ctx->vm, buf->handle, 0, buf->va, bytes, 0);
	}
	if (err)
		aci_buf_fini(ctx, buf);
	return err;
}

void aci_buf_fini(struct aci_ctx *ctx, struct aci_buf *buf)
{
	if (buf->map)
		munmap(buf->map, buf->bytes);
	if (buf->va)
		aci_unbind(ctx->fd, ctx->vm, buf->va, buf->bytes);
	if (buf->handle)
		aci_bo_close(ctx->fd, buf->handle);
	memset(buf, 0, sizeof(*buf));
}

struct aci_desc desc_nop(void)
{
	return (struct aci_desc){ .opcode = ACI_OP_NOP };
}

struct aci_desc desc_copy(__u64 src, __u64 dst, __u64 bytes)
{
	return (struct aci_desc){
		.opcode = ACI_OP_COPY, .copy = { .src = src, .dst = dst, .bytes = bytes },
	};
}

struct aci_desc desc_fill(__u64 dst, __u64 bytes, __u64 pattern, __u32 pattern_bytes)
{
	return (struct aci_desc){
		.opcode = ACI_OP_FILL,
		.fill = { .dst = dst, .bytes = bytes, .pattern = pattern,
			  .pattern_bytes = pattern_bytes },
	};
}

struct aci_desc desc_signal(__u64 addr, __u64 value)
{
	return (struct aci_desc){
		.opcode = ACI_OP_SIGNAL, .signal = { .addr = addr, .value = value },
	};
}

struct aci_desc desc_wait(__u64 addr, __u64 value, __u64 timeout_ns)
{
	return (struct aci_desc){
		.opcode = ACI_OP_WAIT,
		.wait = { .addr = addr, .value = value, .timeout_ns = timeout_ns },
	};
}

struct aci_desc desc_timestamp(__u64 addr)
{
	return (struct aci_desc){ .opcode = ACI_OP_TIMESTAMP, .timestamp = { .addr = addr } };
}

/* Bytes of word i of a stream: a mixer, so that a shifted copy never matches. */
static __u64 data_word(__u64 seed, __u64 i)
{
	__u64 z = (seed + i + 1) * 0x9e3779b97f4a7c15ull;

	z = (z ^ (z >> 29)) * 0xbf58476d1ce4e5b9ull;
	return z ^ (z >> 32);
}

void data_fill(void *data, size_t bytes, __u64 seed)
{
	unsigned char *p = data;
	size_t i, words = bytes / 8;
	__u64 word;

	for (i = 0; i < words; i++) {
		word = data_word(seed, i);
		memcpy(p + i * 8, &word, 8);
	}
	word = data_word(seed, words);
	memcpy(p + words * 8, &word, bytes % 8);
}

ssize_t data_check(const void *data, size_t bytes, __u64 seed)
{
	const unsigned char *p = data;
	size_t i, n, k;
	__u64 word;

	for (i = 0; i < bytes; i += 8) {
		word = data_word(seed, i / 8);
		n = bytes - i < 8 ? bytes - i : 8;
		if (!memcmp(p + i, &word, n))
			continue;
		for (k = 0; k < n && p[i + k] == ((unsigned char *)&word)[k]; k++)
			;
		return (ssize_t)(i + k);
	}
	return -1;
}

bool data_is(const void *data, size_t bytes, __u8 value)
{
	const __u8 *p = data;

	return !bytes || (p[0] == value && !memcmp(p, p + 1, bytes - 1));
}

__u64 data_random(__u64 *state)
{
	*state += 0x9e3779b97f4a7c15ull;
	return data_word(*state, 0);
}
