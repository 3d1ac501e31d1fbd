// SPDX-License-Identifier: MIT
/* Memory fences: words, and the thread that releases those of failed streams. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "barrier.h"
#include "context.h"
#include "error.h"
#include "fence.h"

/* One word in a cache line: CPU and card write different ones at the same time. */
#define WORD_BYTES	64u
#define PAGE_WORDS	(PAGE_BYTES / WORD_BYTES)

/* More points than a stream can have in years. */
#define FENCE_SPAN	(1ull << 48)

struct fence_page {
	SLIST_ENTRY(fence_page) link;
	struct accel_buffer *buffer;
	char *map;
	bool used[PAGE_WORDS];
};

static __le64 *fence_word(const struct fence_page *page, uint32_t index)
{
	return (__le64 *)(page->map + index * WORD_BYTES);
}

bool fence_is_reached(const struct fence *fence, uint64_t point)
{
	return shared_read64(fence_word(fence->page, fence->index)) >= fence->base + point;
}

/* With pool->lock held. The queue does not write the word any more. */
static void fence_release(struct fence *fence)
{
	if (fence->released)
		return;
	fence->released = true;
	shared_write64(fence_word(fence->page, fence->index), fence->base + FENCE_SPAN);
}

/* --- Words ------------------------------------------------------------------------ */

static struct fence_page *fence_page_make(struct fence_pool *pool)
{
	struct fence_page *page = calloc(1, sizeof(*page));
	void *map;

	if (!page) {
		error_set(-ENOMEM, "out of memory");
		return NULL;
	}
	if (accel_buffer_create(pool->context, PAGE_BYTES, ACCEL_MEMORY_HOST, 0, &page->buffer)) {
		free(page);
		return NULL;
	}
	if (accel_buffer_map(page->buffer, &map)) {
		accel_buffer_destroy(page->buffer);
		free(page);
		return NULL;
	}
	/* It is part of the context, not a user of it. */
	context_put(pool->context);
	page->map = map;
	return page;
}

static void fence_page_free(struct fence_pool *pool, struct fence_page *page)
{
	context_get(pool->context);
	accel_buffer_destroy(page->buffer);
	free(page);
}

/* A word that is used up (65,000 streams had it) is left alone. */
static bool fence_take(struct fence_page *page, struct fence *fence)
{
	for (uint32_t i = 0; i < PAGE_WORDS; i++) {
		uint64_t base = shared_read64(fence_word(page, i));

		if (page->used[i] || base > UINT64_MAX - 2 * FENCE_SPAN)
			continue;
		page->used[i] = true;
		*fence = (struct fence) {
			.page = page,
			.index = i,
			.address = accel_buffer_address(page->buffer) + i * WORD_BYTES,
			.base = base,
			.watch_fd = -1,
		};
		return true;
	}
	return false;
}

int fence_get(struct fence_pool *pool, struct fence *fence)
{
	struct fence_page *page;
	int ret = 0;

	if (fence->page)
		return 0;
	pthread_mutex_lock(&pool->lock);
	SLIST_FOREACH(page, &pool->pages, link)
		if (fence_take(page, fence))
			break;
	if (!page) {
		page = fence_page_make(pool);
		if (page) {
			SLIST_INSERT_HEAD(&pool->pages, page, link);
			fence_take(page, fence);
		} else {
			ret = -ENOMEM;
		}
	}
	pthread_mutex_unlock(&pool->lock);
	return ret;
}

void fence_put(struct fence_pool *pool, struct fence *fence)
{
	if (!fence->page)
		return;
	pthread_mutex_lock(&pool->lock);
	if (fence->watch_fd >= 0) {
		LIST_REMOVE(fence, link);
		epoll_ctl(pool->epoll_fd, EPOLL_CTL_DEL, fence->watch_fd, NULL);
		close(fence->watch_fd);
	}
	fence_release(fence);
	fence->page->used[fence->index] = false;
	fence->page = NULL;
	pthread_mutex_unlock(&pool->lock);
}

/* --- Watch ------------------------------------------------------------------------ */

/* A fence may have been put since the event came: only what is in the list is touched. */
static void watch_release(struct fence_pool *pool, int fd)
{
	struct fence *fence;

	pthread_mutex_lock(&pool->lock);
	LIST_FOREACH(fence, &pool->watched, link) {
		uint64_t count;

		if (fence->watch_fd != fd)
			continue;
		/* The number may be that of a later watch: it has to have fired. */
		if (read(fd, &count, sizeof(count)) == sizeof(count))
			fence_release(fence);
		break;
	}
	pthread_mutex_unlock(&pool->lock);
}

static void *watch_thread(void *argument)
{
	struct fence_pool *pool = argument;
	struct epoll_event event;

	for (;;) {
		int count = epoll_wait(pool->epoll_fd, &event, 1, -1);

		if (count < 0 && errno != EINTR)
			return NULL;
		if (count < 1)
			continue;
		if (event.data.fd == pool->stop_fd)
			return NULL;
		watch_release(pool, event.data.fd);
	}
}

static int watch_add(struct fence_pool *pool, int fd)
{
	struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };

	return epoll_ctl(pool->epoll_fd, EPOLL_CTL_ADD, fd, &event);
}

/* Signals are for the threads of the program. */
static int watch_start_thread(struct fence_pool *pool)
{
	sigset_t all, before;
	int ret;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	ret = pthread_create(&pool->thread, NULL, watch_thread, pool);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pool->has_thread = !ret;
	return ret;
}

static void watch_close(struct fence_pool *pool)
{
	if (pool->epoll_fd >= 0)
		close(pool->epoll_fd);
	if (pool->stop_fd >= 0)
		close(pool->stop_fd);
	pool->epoll_fd = pool->stop_fd = -1;
}

/* With pool->lock held. */
static int watch_start(struct fence_pool *pool)
{
	if (pool->has_thread)
		return 0;
	pool->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	pool->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (pool->epoll_fd >= 0 && pool->stop_fd >= 0 && !watch_add(pool, pool->stop_fd) &&
	    !watch_start_thread(pool))
		return 0;
	watch_close(pool);
	return error_set(-EAGAIN, "no thread to watch streams that others wait for");
}

int fence_watch(struct fence_pool *pool, struct fence *fence, struct transport_queue *queue)
{
	int fd, ret;

	pthread_mutex_lock(&pool->lock);
	ret = fence->watch_fd >= 0 ? 0 : watch_start(pool);
	if (ret || fence->watch_fd >= 0)
		goto out;
	fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	ret = fd < 0 ? error_set(-errno, "eventfd: %s", strerror(errno))
		     : queue->ops->notify_fd(queue, FENCE_SPAN, fd);
	if (!ret && watch_add(pool, fd))
		ret = error_set(-errno, "epoll: %s", strerror(errno));
	if (ret) {
		if (fd >= 0)
			close(fd);
		goto out;
	}
	fence->watch_fd = fd;
	LIST_INSERT_HEAD(&pool->watched, fence, link);
out:
	pthread_mutex_unlock(&pool->lock);
	return ret;
}

/* --- Pool ------------------------------------------------------------------------- */

void fence_pool_init(struct fence_pool *pool, struct accel_context *context)
{
	pool->context = context;
	pthread_mutex_init(&pool->lock, NULL);
	SLIST_INIT(&pool->pages);
	LIST_INIT(&pool->watched);
	pool->epoll_fd = pool->stop_fd = -1;
}

int fence_pool_restore(struct fence_pool *pool)
{
	struct fence_page *page;
	int ret = 0;

	pthread_mutex_lock(&pool->lock);
	SLIST_FOREACH(page, &pool->pages, link) {
		void *map;

		ret = accel_buffer_map(page->buffer, &map);
		if (ret)
			break;
		page->map = map;
	}
	pthread_mutex_unlock(&pool->lock);
	return ret;
}

void fence_pool_fini(struct fence_pool *pool)
{
	struct fence_page *page;

	if (pool->has_thread) {
		eventfd_write(pool->stop_fd, 1);
		pthread_join(pool->thread, NULL);
	}
	watch_close(pool);
	while ((page = SLIST_FIRST(&pool->pages))) {
		SLIST_REMOVE_HEAD(&pool->pages, link);
		fence_page_free(pool, page);
	}
	pthread_mutex_destroy(&pool->lock);
}
