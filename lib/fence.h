/* SPDX-License-Identifier: MIT */
/*
 * Memory fences: how streams with user queues wait for each other.
 *
 * A stream has a 64-bit word in host memory that its SIGNAL descriptors raise to
 * base + point, and that WAIT descriptors of other streams look at. Words are
 * never lowered, and live as long as the context: a WAIT may look at the word of
 * a stream that is gone. When a stream ends or fails its word is raised past all
 * of its points, so that nobody waits for ever; the next owner goes on from there.
 * A thread sees to it for streams that fail while others wait for them: the
 * transport tells it by an eventfd when a queue stops.
 *
 * Locking: pool->lock covers pages, words and what is watched. It is taken under
 * a stream's lock, and nothing is called under it but the transport.
 */
#ifndef LIB_FENCE_H
#define LIB_FENCE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include <linux/types.h>

struct accel_context;
struct transport_queue;
struct fence_page;

/** struct fence - the word of a stream; all zero: it has none */
struct fence {
	struct fence_page *page;
	uint32_t index;
	uint64_t address;		/* on the card */
	uint64_t base;			/* value of point 0 */
	bool released;			/* raised past all points */
	int watch_fd;			/* eventfd in the watch, -1: not watched */
	LIST_ENTRY(fence) link;		/* in pool->watched */
};

struct fence_pool {
	struct accel_context *context;
	pthread_mutex_t lock;
	SLIST_HEAD(, fence_page) pages;
	LIST_HEAD(, fence) watched;
	pthread_t thread;
	bool has_thread;
	int epoll_fd;			/* -1: never needed */
	int stop_fd;
};

void fence_pool_init(struct fence_pool *pool, struct accel_context *context);
/** fence_pool_fini() - all fences are put */
void fence_pool_fini(struct fence_pool *pool);

/** fence_pool_restore() - no stream has a fence; the memory may be elsewhere */
int fence_pool_restore(struct fence_pool *pool);

/** fence_get() - a word for a stream, unless it has one */
int fence_get(struct fence_pool *pool, struct fence *fence);
/** fence_put() - the queue is gone; whoever waits for it goes on */
void fence_put(struct fence_pool *pool, struct fence *fence);
/** fence_watch() - others wait from now on: if @queue stops they go on */
int fence_watch(struct fence_pool *pool, struct fence *fence, struct transport_queue *queue);
/** fence_is_reached() - nobody needs to wait for @point */
bool fence_is_reached(const struct fence *fence, uint64_t point);

#endif
