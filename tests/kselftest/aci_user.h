/* SPDX-License-Identifier: GPL-2.0 */
/*
 * User queues for the kernel tests: a queue whose ring, user page, doorbell and kick
 * page are mapped here, and its producer by the rules of Documentation/aci/queues.rst.
 *
 * Conventions: see aci_test.h.
 */
#ifndef ACI_USER_H
#define ACI_USER_H

#include <pthread.h>

#include "aci_test.h"

#define UQ_ENTRIES	64
/* The card stops a queue of a test that hangs within this engine time. */
#define UQ_TIMEOUT_MS	300

struct uq {
	int fd;
	__u32 id;
	__u32 entries;
	__u32 handle;		/* of ring and, behind it, user page */
	__u64 bytes;
	void *map;
	struct aci_desc *ring;
	volatile struct aci_queue_user_page *page;
	volatile __u32 *doorbell;
	volatile __u32 *kick;	/* NULL without */
	__u64 doorbell_offset;
	__u64 kick_offset;
	__u64 tail;
	__u64 told;		/* what the card was told of it */
	__u64 kicks;		/* doorbells rung */
};

/** uctx_init() - file and LONG_RUNNING VM, no queue. Release: aci_ctx_fini() */
int uctx_init(struct aci_ctx *ctx, unsigned int card);

/** uq_describe() - what uq_init() asks for; BO and mapping are in @uq */
int uq_describe(struct uq *uq, struct aci_ctx *ctx, __u32 engine_class, __u32 entries,
		struct drm_aci_queue_create *create);
/** uq_create() - create what is described, map its pages */
int uq_create(struct uq *uq, struct drm_aci_queue_create *create);
int uq_init(struct uq *uq, struct aci_ctx *ctx, __u32 engine_class, __u32 timeout_ms);
int uq_destroy(struct uq *uq);
/** uq_unmap() - give up doorbell, kick, ring and user page */
void uq_unmap(struct uq *uq);
/** uq_map_page() - map a doorbell or kick page. Return: 0 and *page */
int uq_map_page(int fd, __u64 offset, volatile __u32 **page);

/** uq_put() - write a descriptor at the tail; the card is not told */
void uq_put(struct uq *uq, struct aci_desc desc);
/** uq_tell() - publish what was put, ring by the rules */
void uq_tell(struct uq *uq);
/** uq_ring() - ring in any case */
void uq_ring(struct uq *uq);
/** uq_push() - put and tell. Return: the count that says it is done */
__u64 uq_push(struct uq *uq, struct aci_desc desc);

/** uq_wait_until() - QUEUE_WAIT with an absolute time; @completed may be NULL */
int uq_wait_until(struct uq *uq, __u64 count, __s64 until_ns, __u64 *completed);
/** uq_wait() - with the time limit of a wait on this machine */
int uq_wait(struct uq *uq, __u64 count);
/** uq_run() - push and wait */
int uq_run(struct uq *uq, struct aci_desc desc);
int uq_resume(struct uq *uq, __u64 index);
int uq_eventfd(struct uq *uq, int eventfd, __u64 count);
int uq_state(struct uq *uq, struct drm_aci_query_queue *state);

/** struct uq_sleeper - a thread that waits without a time limit */
struct uq_sleeper {
	struct uq *uq;
	__u64 count;
	int err;
	pthread_t thread;
};

int uq_sleeper_start(struct uq_sleeper *sleeper, struct uq *uq, __u64 count);
/** uq_sleeper_end() - wait for the thread. Return: how its wait ended */
int uq_sleeper_end(struct uq_sleeper *sleeper);

/** desc_bad() - no card has this opcode */
struct aci_desc desc_bad(void);
/** desc_gate() - blocks until word @index of the buffer is @value */
struct aci_desc desc_gate(const struct aci_buf *buf, unsigned int index, __u64 value);
/** gate_open() - let it go on */
void gate_open(const struct aci_buf *buf, unsigned int index, __u64 value);

/* The fixture of tests of one user queue: file, VM, a buffer of host memory, the queue. */
#define FIXTURE_UQ(name)								\
	FIXTURE(name) {									\
		struct aci_ctx ctx;							\
		struct aci_buf buf;							\
		struct uq uq;								\
	};										\
	FIXTURE_SETUP(name)								\
	{										\
		ASSERT_OK(uctx_init(&self->ctx, 0));					\
		ASSERT_OK(aci_buf_init(&self->ctx, &self->buf, KIB(64),			\
				       DRM_ACI_PLACEMENT_HOST, 0));			\
		ASSERT_OK(uq_init(&self->uq, &self->ctx, ACI_ENGINE_CLASS_COPY,		\
				  UQ_TIMEOUT_MS));					\
	}										\
	FIXTURE_TEARDOWN(name)								\
	{										\
		uq_unmap(&self->uq);							\
		aci_ctx_fini(&self->ctx);						\
	}

#endif /* ACI_USER_H */
