/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the kernel tests share: cards, objects, jobs, fences, the control
 * channel of the virtual card, announcements of expected kernel messages.
 *
 * Functions return 0 (or what their comment says) or a negative errno and
 * print nothing, so that a test can assert success as well as a refusal.
 * Locking: none; an object belongs to one thread.
 */
#ifndef ACI_TEST_H
#define ACI_TEST_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/types.h>

#include <drm/aci_accel.h>
#include <aci/aci_admin.h>
#include <aci/aci_queue.h>
#include <aci/aci_regs.h>
#include <aci/aci_status.h>

#define ACI_TEST_PAGE		4096ull
/* What the fence of a job says whose descriptor met an address without a mapping. */
#define ACI_JOB_FAULT		(-EFAULT)
#define KIB(n)			((__u64)(n) << 10)
#define MIB(n)			((__u64)(n) << 20)
#define USER_PTR(p)		((__u64)(uintptr_t)(p))

/* --- Cards --- */

/** struct aci_card - where a card is */
struct aci_card {
	char node[64];		/* /dev/accel/accelN */
	char sysfs[256];	/* of the PCI device, resolved */
	char pci[32];		/* 0000:01:00.0 */
};

/** aci_card_count() - cards bound to the driver "aci" */
unsigned int aci_card_count(void);
/**
 * aci_card_find() - card @index by PCI address, as card_ctl() numbers them
 *
 * Return: 0, -ENODEV without it.
 */
int aci_card_find(unsigned int index, struct aci_card *card);
/** aci_open() - open card @index. Return: fd */
int aci_open(unsigned int index);
/** aci_ioctl() - ioctl that only retries EINTR */
int aci_ioctl(int fd, unsigned long request, void *arg);

/* --- Objects: one ioctl each --- */

int aci_query(int fd, __u32 type, __u32 index, void *data, __u32 bytes);
int aci_vm_create(int fd, __u32 *vm_id);
int aci_vm_destroy(int fd, __u32 vm_id);
/** aci_bo_create() - cache mode follows the placement */
int aci_bo_create(int fd, __u64 bytes, __u32 placement, __u32 flags, __u32 *handle);
int aci_bo_close(int fd, __u32 handle);
/** aci_bo_map() - Return: 0 and *map */
int aci_bo_map(int fd, __u32 handle, __u64 bytes, void **map);
/** aci_bo_export() - @flags: 0 or DRM_RDWR. Return: dma-buf fd or an error */
int aci_bo_export(int fd, __u32 handle, __u32 flags);
/** aci_bo_import() - Return: 0 and *handle */
int aci_bo_import(int fd, int dma_buf, __u32 *handle);
int aci_bind(int fd, __u32 vm_id, __u32 handle, __u64 offset, __u64 va, __u64 bytes, __u32 flags);
int aci_unbind(int fd, __u32 vm_id, __u64 va, __u64 bytes);
/** aci_bind_async() - with DRM_ACI_VM_BIND_ASYNC */
int aci_bind_async(int fd, __u32 vm_id, const struct drm_aci_bind_op *ops, __u32 count,
		   const struct drm_aci_sync *syncs, __u32 sync_count);
int aci_queue_create(int fd, __u32 vm_id, __u32 engine_class, __u32 ring_entries,
		     __u32 timeout_ms, __u32 *queue_id);
int aci_queue_destroy(int fd, __u32 queue_id);

/* --- A usual set: file, VM, queue; buffers mapped in both address spaces --- */

#define ACI_CTX_RING_ENTRIES	64

struct aci_ctx {
	int fd;
	__u32 vm;
	__u32 queue;
	__u64 next_va;
};

int aci_ctx_init(struct aci_ctx *ctx, unsigned int card, __u32 engine_class, __u32 timeout_ms);
/** aci_ctx_open() - what a context has before its VM: the file, and where its addresses begin */
int aci_ctx_open(struct aci_ctx *ctx, unsigned int card);
/**
 * aci_await_card_memory() - look until so much card memory is free, or the time of a wait is over
 *
 * No event tells that another file is gone for good. @device gets the last look.
 */
int aci_await_card_memory(int fd, __u64 free_bytes, struct drm_aci_query_device *device);
/** aci_card_memory_is_back() - the same, and whether so much was free */
bool aci_card_memory_is_back(int fd, __u64 free_bytes);
/** aci_device_state() - what DRM_ACI_QUERY_DEVICE tells; zeroes if it fails */
struct drm_aci_query_device aci_device_state(int fd);
__u64 aci_card_free_bytes(int fd);
void aci_ctx_fini(struct aci_ctx *ctx);
/** aci_ctx_take_va() - unused, 2 MiB aligned addresses with a hole behind them */
__u64 aci_ctx_take_va(struct aci_ctx *ctx, __u64 bytes);

struct aci_buf {
	__u32 handle;
	__u32 placement;
	__u64 bytes;
	__u64 va;
	void *map;		/* NULL without CPU access */
};

int aci_buf_init(struct aci_ctx *ctx, struct aci_buf *buf, __u64 bytes, __u32 placement,
		 __u32 flags);
void aci_buf_fini(struct aci_ctx *ctx, struct aci_buf *buf);

/* --- Descriptors --- */

struct aci_desc desc_nop(void);
struct aci_desc desc_copy(__u64 src, __u64 dst, __u64 bytes);
struct aci_desc desc_fill(__u64 dst, __u64 bytes, __u64 pattern, __u32 pattern_bytes);
struct aci_desc desc_signal(__u64 addr, __u64 value);
struct aci_desc desc_wait(__u64 addr, __u64 value, __u64 timeout_ns);
struct aci_desc desc_timestamp(__u64 addr);

/* --- Jobs and fences --- */

/** aci_submit() - one job */
int aci_submit(int fd, __u32 queue, const struct aci_desc *descs, __u32 count,
	       const struct drm_aci_sync *syncs, __u32 sync_count);
/** aci_submit_out() - one job that signals the new syncobj *out */
int aci_submit_out(int fd, __u32 queue, const struct aci_desc *descs, __u32 count, __u32 *out);
/** aci_run() - submit one job and wait. Return: its fence's error */
int aci_run(int fd, __u32 queue, const struct aci_desc *descs, __u32 count);
int aci_run_one(struct aci_ctx *ctx, struct aci_desc desc);

int aci_sync_new(int fd, __u32 *handle);
void aci_sync_free(int fd, __u32 handle);
#define ACI_SLOWNESS_LEAST	3
/**
 * aci_slowness() - how often slower than bare metal this machine is, at least 3
 *
 * Measured once in a process; ACI_TEST_SLOW in the environment sets it.
 */
unsigned int aci_slowness(void);
/** aci_wait_ns() - what a wait for an event may take on this machine */
__s64 aci_wait_ns(void);
/** aci_sync_wait() - @point 0: binary. Return: -ETIME after @timeout_ns */
int aci_sync_wait(int fd, __u32 handle, __u64 point, __s64 timeout_ns);
/** aci_sync_result() - wait, then the fence's error. -ETIME: did not end */
int aci_sync_result(int fd, __u32 handle, __u64 point);
/** aci_sync_export() - Return: sync_file fd */
int aci_sync_export(int fd, __u32 handle);
int aci_sync_import(int fd, __u32 handle, int sync_file);
/** aci_sync_file_status() - Return: 1 signalled, 0 not yet, or the error */
int aci_sync_file_status(int sync_file);
/** aci_sync_file_result() - wait, then the error. -ETIME: did not end */
int aci_sync_file_result(int sync_file);

/** struct aci_gate - a fence of another driver (vgem) that a test opens by hand */
struct aci_gate {
	int vgem;
	__u32 fence;
	int sync_file;
};

/** aci_gate_init() - Return: -ENODEV without vgem. The fence ends by itself after 10 s. */
int aci_gate_init(struct aci_gate *gate);
int aci_gate_open(struct aci_gate *gate);
void aci_gate_fini(struct aci_gate *gate);
/** aci_gate_syncobj() - a new syncobj of @fd that holds the gate's fence */
int aci_gate_syncobj(struct aci_gate *gate, int fd, __u32 *handle);

/* --- Data --- */

/** data_fill() - bytes that depend on @seed and on their position */
void data_fill(void *data, size_t bytes, __u64 seed);
/** data_check() - Return: index of the first wrong byte, or -1 */
ssize_t data_check(const void *data, size_t bytes, __u64 seed);
/** data_is() - Return: whether all bytes are @value */
bool data_is(const void *data, size_t bytes, __u8 value);
__u64 data_random(__u64 *state);

/* --- Surroundings --- */

/** card_ctl() - one command to the control channel of card 0; @reply may be NULL */
int card_ctl(const char *command, char *reply, size_t reply_bytes);
/** card_engine_busy() - whether an engine of the class ("copy", "compute") runs a queue now */
bool card_engine_busy(const char *engine_class);
/** card_reaches_state() - whether sysfs says so within the time of a wait */
bool card_reaches_state(const struct aci_card *card, const char *state);
/** card_reset() - card 0 seems dead until the driver resets it; then its heart beats again */
int card_reset(const struct aci_card *card, const char *test);
/** uevents_open() - a socket that gets the kernel's events from now on */
int uevents_open(void);
/** uevents_have() - wait for an event that has @string, as "ACTION=add" */
bool uevents_have(int fd, const char *string);
/** expect_begin() - announce @count kernel messages at warning level that match @regex */
void expect_begin(const char *test, unsigned int count, const char *regex);
/** expect_some() - announce any number of them up to @max, where it is not the test's matter */
void expect_some(const char *test, unsigned int max, const char *regex);
void expect_end(const char *test);
/**
 * system_sleep() - sleep to a level of /sys/power/pm_test, and wake up
 *
 * The card loses power meanwhile, but in "freezer".
 */
int system_sleep(const char *level, const char *state);
/** system_sleep_powered() - the same, and the card keeps its power */
int system_sleep_powered(const char *level, const char *state);
/**
 * system_sleep_until_alarm() - really sleep, until the clock of the machine wakes it
 * @seconds: from now; long enough that the system sleeps by then, or nothing wakes it
 */
int system_sleep_until_alarm(const char *state, unsigned int seconds);
/** power_was_lost() - whether it did, since the last card_ctl("clear") */
bool power_was_lost(void);
/** drm_debug_begin() - debug messages of DRM drivers go to the kernel log from here on */
int drm_debug_begin(void);
/** drm_debug_end() - no more. Return: whether one since then contains @text */
bool drm_debug_end(const char *text);
/** kernel_has_symbol() - whether the kernel itself, not a module, has a function */
bool kernel_has_symbol(const char *name);
/** file_read() - NUL-terminated start of a small file, trailing newline cut. Return: length */
ssize_t file_read(const char *path, char *text, size_t bytes);
int file_write(const char *path, const char *text);
/** env_count() - a number from the environment, @otherwise if it is not set */
unsigned int env_count(const char *name, unsigned int otherwise);
__u64 now_ns(void);

#endif /* ACI_TEST_H */
