// SPDX-License-Identifier: MIT
/* Memory that all cards of a scheduler reach, and tensors in it. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "error.h"
#include "scheduler.h"

/* --- Buffers of a region, by the threads of cards ------------------------------------ */

static int region_make_buffer(struct scheduler_card *card, struct accel_region *region)
{
	struct accel_buffer **buffer = &region->buffers[card->index];

	if (*buffer)
		return 0;
	if (region->fd >= 0)
		return accel_buffer_import_dmabuf(card->context, region->fd, buffer);
	return accel_buffer_register_host(card->context, region->address, region->bytes,
					  region->flags, buffer);
}

static int call_make(struct scheduler_card *card, void *data)
{
	return card->gone ? error_set(-ENODEV, "%s is gone", card->device->info.name)
			  : region_make_buffer(card, data);
}

static int call_drop(struct scheduler_card *card, void *data)
{
	struct accel_region *region = data;

	accel_buffer_destroy(region->buffers[card->index]);
	region->buffers[card->index] = NULL;
	return 0;
}

/* One that is pinned stays in the list, so that the walk goes on from there. */
static void for_each_region(struct scheduler_card *card,
			    void (*act)(struct scheduler_card *card, struct accel_region *region))
{
	struct accel_scheduler *scheduler = card->scheduler;
	struct accel_region *region;

	scheduler_lock(scheduler);
	region = SLIST_FIRST(&scheduler->regions);
	while (region) {
		region->pins++;
		pthread_mutex_unlock(&scheduler->lock);
		act(card, region);
		scheduler_lock(scheduler);
		if (!--region->pins)
			pthread_cond_broadcast(&scheduler->cond);
		region = SLIST_NEXT(region, link);
	}
	pthread_mutex_unlock(&scheduler->lock);
}

static void drop_import(struct scheduler_card *card, struct accel_region *region)
{
	if (region->fd >= 0)
		call_drop(card, region);
}

void region_drop_imports(struct scheduler_card *card)
{
	for_each_region(card, drop_import);
}

/* What fails stays away: the CPU copies then, or requests that need it fail and say so. */
static void add_missing(struct scheduler_card *card, struct accel_region *region)
{
	region_make_buffer(card, region);
}

void region_add_missing(struct scheduler_card *card)
{
	for_each_region(card, add_missing);
}

static void forget(struct scheduler_card *card, struct accel_region *region)
{
	call_drop(card, region);
}

void region_forget(struct scheduler_card *card)
{
	for_each_region(card, forget);
}

/* --- Regions ---------------------------------------------------------------------- */

void region_free(struct accel_region *region)
{
	if (region->fd >= 0) {
		if (region->address)
			munmap(region->address, region->bytes);
		close(region->fd);
	}
	free(region);
}

static struct accel_region *region_new(struct accel_scheduler *scheduler)
{
	struct accel_region *region = calloc(1, sizeof(*region) + scheduler->card_count *
						sizeof(region->buffers[0]));

	if (region) {
		region->scheduler = scheduler;
		region->fd = -1;
	}
	return region;
}

/* Return: how many cards reach it, or the first error; -ENODEV does not count if others do. */
static int region_make(struct accel_region *region, bool needs_all)
{
	struct accel_scheduler *scheduler = region->scheduler;
	int error = 0, made = 0;

	scheduler_lock(scheduler);
	SLIST_INSERT_HEAD(&scheduler->regions, region, link);
	pthread_mutex_unlock(&scheduler->lock);
	for (uint32_t i = 0; i < scheduler->card_count; i++) {
		int ret = card_call(&scheduler->cards[i], call_make, region);

		made += !ret;
		if (!ret)
			continue;
		if (needs_all && ret != -ENODEV)
			return ret;
		if (!error || error == -ENODEV)
			error = ret;
	}
	return made ? made : error;
}

static int region_publish(struct accel_region *region, bool needs_all, struct accel_region **out)
{
	int ret = region_make(region, needs_all);

	if (ret > 0 && !region->address && (uint32_t)ret < region->scheduler->card_count)
		ret = error_set(-EOPNOTSUPP, "only %d of %u cards take the dma-buf, and the CPU "
				"cannot map it to copy for the others", ret,
				region->scheduler->card_count);
	if (ret <= 0) {
		char *text = strdup(accel_last_error());

		accel_region_destroy(region);
		if (text)
			error_set(ret, "%s", text);
		free(text);
		return ret;
	}
	*out = region;
	return 0;
}

int accel_scheduler_register_host(struct accel_scheduler *scheduler, void *address, uint64_t bytes,
				  uint32_t flags, struct accel_region **out)
{
	struct accel_region *region;
	int ret = scheduler_check(scheduler);

	if (ret)
		return ret;
	if (!address || !bytes || !out)
		return error_set(-EINVAL, "address, bytes and region must not be 0");
	*out = NULL;
	region = region_new(scheduler);
	if (!region)
		return error_set(-ENOMEM, "out of memory");
	region->address = address;
	region->bytes = bytes;
	region->flags = flags;
	return region_publish(region, true, out);
}

/* Of other kinds of memory there may be no map. */
static int import_fd(struct accel_region *region, int fd)
{
	off_t bytes = lseek(fd, 0, SEEK_END);
	void *map;

	if (bytes <= 0)
		return error_set(-EINVAL, "file descriptor %d is not a dma-buf", fd);
	region->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (region->fd < 0)
		return error_set(-errno, "dma-buf: %s", strerror(errno));
	region->bytes = (uint64_t)bytes;
	map = mmap(NULL, region->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, region->fd, 0);
	region->address = map == MAP_FAILED ? NULL : map;
	return 0;
}

int accel_scheduler_import_dmabuf(struct accel_scheduler *scheduler, int fd,
				  struct accel_region **out)
{
	struct accel_region *region;
	int ret = scheduler_check(scheduler);

	if (ret)
		return ret;
	if (!out)
		return error_set(-EINVAL, "region must not be NULL");
	*out = NULL;
	region = region_new(scheduler);
	if (!region)
		return error_set(-ENOMEM, "out of memory");
	ret = import_fd(region, fd);
	if (ret) {
		region_free(region);
		return ret;
	}
	return region_publish(region, false, out);
}

int accel_region_destroy(struct accel_region *region)
{
	struct accel_scheduler *scheduler;
	bool busy;
	int ret;

	if (!region)
		return 0;
	scheduler = region->scheduler;
	ret = scheduler_check(scheduler);
	if (ret)
		return ret;
	scheduler_lock(scheduler);
	while (region->pins)
		pthread_cond_wait(&scheduler->cond, &scheduler->lock);
	busy = region->users;
	if (!busy)
		SLIST_REMOVE(&scheduler->regions, region, accel_region, link);
	pthread_mutex_unlock(&scheduler->lock);
	if (busy)
		return error_set(-EBUSY, "requests that have not ended use the memory");
	for (uint32_t i = 0; i < scheduler->card_count; i++)
		card_call(&scheduler->cards[i], call_drop, region);
	region_free(region);
	return 0;
}

/* --- Tensors ---------------------------------------------------------------------- */

/* "f32 [1, 3, 224, 224]" */
static const char *shape_text(char *text, size_t bytes, enum accel_type type, uint32_t rank,
			      const uint64_t *shape)
{
	size_t at = (size_t)snprintf(text, bytes, "%s [", tcs_type_name(type));

	for (uint32_t i = 0; i < rank && i < ACCEL_RANK_MAX && at < bytes; i++)
		at += (size_t)snprintf(text + at, bytes - at, "%s%llu", i ? ", " : "",
				       (unsigned long long)shape[i]);
	if (at < bytes)
		snprintf(text + at, bytes - at, "]");
	return text;
}

static int check_shape(const struct accel_tensor *tensor, const struct accel_tensor_info *info,
		       const char *what)
{
	char expected[256], came[256];

	if (tensor->type == info->type && tensor->rank == info->rank &&
	    !memcmp(tensor->shape, info->shape, info->rank * sizeof(info->shape[0])))
		return 0;
	return error_set(-EINVAL, "%s \"%s\": expected %s, got %s", what, info->name,
			 shape_text(expected, sizeof(expected), info->type, info->rank,
				    info->shape),
			 shape_text(came, sizeof(came), tensor->type, tensor->rank,
				    tensor->shape));
}

static int check_place(const struct accel_scheduler *scheduler, const struct accel_tensor *tensor,
		       const struct accel_tensor_info *info, bool is_output)
{
	const struct accel_region *region = tensor->region;
	const char *what = is_output ? "output" : "input";

	if (!region)
		return tensor->data || !tensor->bytes
			       ? 0 : error_set(-EINVAL, "%s \"%s\" has no memory", what, info->name);
	if (region->scheduler != scheduler)
		return error_set(-EINVAL, "%s \"%s\": the region is of another scheduler", what,
				 info->name);
	if (tensor->offset > region->bytes || tensor->bytes > region->bytes - tensor->offset)
		return error_set(-EINVAL, "%s \"%s\": %llu bytes at %llu are not inside the region "
				 "of %llu bytes", what, info->name,
				 (unsigned long long)tensor->bytes,
				 (unsigned long long)tensor->offset,
				 (unsigned long long)region->bytes);
	if (is_output && region->flags & ACCEL_BUFFER_READONLY)
		return error_set(-EINVAL, "output \"%s\": the region is read-only", info->name);
	return 0;
}

int tensor_check(const struct accel_scheduler *scheduler, const struct accel_tensor *tensor,
		 const struct accel_tensor_info *info, bool is_output)
{
	const char *what = is_output ? "output" : "input";
	int ret = tensor->type ? check_shape(tensor, info, what) : 0;

	if (ret)
		return ret;
	if (tensor->bytes != info->bytes)
		return error_set(-EINVAL, "%s \"%s\": expected %llu bytes, got %llu", what,
				 info->name, (unsigned long long)info->bytes,
				 (unsigned long long)tensor->bytes);
	return check_place(scheduler, tensor, info, is_output);
}

void *tensor_address(const struct request_tensor *tensor)
{
	if (!tensor->region)
		return tensor->data;
	return tensor->region->address ? (char *)tensor->region->address + tensor->offset : NULL;
}
