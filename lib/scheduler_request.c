// SPDX-License-Identifier: MIT
/* Clients and their requests: from submission to the one end. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "error.h"
#include "scheduler.h"

/* --- Clients ---------------------------------------------------------------------- */

/* A place in the core that another client has left, or a new one. Locked. */
static int client_take_place(struct accel_scheduler *scheduler, uint32_t weight)
{
	const struct accel_client *client;
	uint32_t count = 0;

	if (scheduler->free_place_count) {
		uint32_t index = scheduler->free_places[--scheduler->free_place_count];

		isched_set_weight(scheduler->core, index, weight);
		return (int)index;
	}
	TAILQ_FOREACH(client, &scheduler->clients, link)
		count++;
	if (count >= scheduler->free_place_room) {
		uint32_t room = count * 2 + 16;
		uint32_t *places = reallocarray(scheduler->free_places, room, sizeof(*places));

		if (!places)
			return -ENOMEM;
		scheduler->free_places = places;
		scheduler->free_place_room = room;
	}
	return isched_add_client(scheduler->core, weight);
}

int accel_client_create(struct accel_scheduler *scheduler, uint32_t weight,
			struct accel_client **out)
{
	struct accel_client *client;
	int ret = scheduler_check(scheduler);

	if (ret)
		return ret;
	if (!out)
		return error_set(-EINVAL, "client must not be NULL");
	*out = NULL;
	if (!weight || weight > SCHEDULER_WEIGHT_MAX)
		return error_set(-EINVAL, "a client's weight is 1 to %u, not %u",
				 SCHEDULER_WEIGHT_MAX, weight);
	client = calloc(1, sizeof(*client));
	if (!client)
		return error_set(-ENOMEM, "out of memory");
	client->scheduler = scheduler;
	TAILQ_INIT(&client->requests);
	scheduler_lock(scheduler);
	ret = client_take_place(scheduler, weight);
	if (ret >= 0) {
		client->index = (uint32_t)ret;
		TAILQ_INSERT_TAIL(&scheduler->clients, client, link);
	}
	pthread_mutex_unlock(&scheduler->lock);
	if (ret < 0) {
		free(client);
		return error_set(ret, "out of memory");
	}
	*out = client;
	return 0;
}

void scheduler_free_client(struct accel_client *client)
{
	struct accel_scheduler *scheduler = client->scheduler;

	if (!client->closed || client->live)
		return;
	isched_set_weight(scheduler->core, client->index, 0);
	scheduler->free_places[scheduler->free_place_count++] = client->index;
	TAILQ_REMOVE(&scheduler->clients, client, link);
	free(client);
}

static void cancel_client(struct accel_client *client, uint64_t now_ns)
{
	struct accel_request *request;

	TAILQ_FOREACH(request, &client->requests, link)
		isched_cancel(client->scheduler->core, &request->core, -ECANCELED, now_ns);
}

void scheduler_cancel_all(struct accel_scheduler *scheduler, struct accel_client *client)
{
	uint64_t now_ns = clock_now_ns();
	struct accel_client *each;

	if (client) {
		cancel_client(client, now_ns);
		return;
	}
	TAILQ_FOREACH(each, &scheduler->clients, link)
		cancel_client(each, now_ns);
}

void accel_client_destroy(struct accel_client *client)
{
	struct accel_scheduler *scheduler;

	if (!client || !*client->scheduler->mark)
		return;
	scheduler = client->scheduler;
	scheduler_lock(scheduler);
	client->closed = true;
	scheduler_cancel_all(scheduler, client);
	scheduler_free_client(client);
	scheduler_unlock(scheduler);
}

/* --- Ends ------------------------------------------------------------------------- */

static void request_unref(struct accel_request *request)
{
	if (__atomic_sub_fetch(&request->refs, 1, __ATOMIC_ACQ_REL))
		return;
	for (uint32_t i = 0; i < request->fd_count; i++)
		close(request->fds[i]);
	free(request->fds);
	free(request->text);
	pthread_mutex_destroy(&request->lock);
	pthread_cond_destroy(&request->cond);
	scheduler_unref(request->scheduler);
	free(request);
}

void request_set_text(struct accel_request *request, int error)
{
	free(request->text);
	request->text = strdup(accel_last_error());
	request->text_error = error;
}

void request_release(struct accel_request *request)
{
	uint32_t count = request->service->info.input_count + request->service->info.output_count;

	for (uint32_t i = 0; i < count; i++)
		if (request->tensors[i].region)
			request->tensors[i].region->users--;
}

static void request_publish(struct accel_request *request)
{
	uint64_t one = 1;

	pthread_mutex_lock(&request->lock);
	request->has_ended = true;
	request->result = request->core.result;
	for (uint32_t i = 0; i < request->fd_count; i++)
		while (write(request->fds[i], &one, sizeof(one)) < 0 && errno == EINTR)
			;
	pthread_cond_broadcast(&request->cond);
	pthread_mutex_unlock(&request->lock);
}

/* Without locks: whoever wakes up may destroy his handle at once. */
static void request_tell(struct accel_request *request)
{
	if (scheduler_is_traced(request->scheduler))
		trace_request(request);
	request_publish(request);
	if (request->done)
		request->done(request->opaque, request, request->result);
}

/* Locked. */
static void requests_leave(struct accel_scheduler *scheduler, struct scheduler_requests *requests)
{
	struct accel_request *request;

	STAILQ_FOREACH(request, requests, ended_link) {
		struct accel_client *client = request->client;

		TAILQ_REMOVE(&client->requests, request, link);
		client->live--;
		scheduler_free_client(client);
		scheduler->live--;
	}
	if (!scheduler->live)
		pthread_cond_broadcast(&scheduler->cond);
}

/* They leave last: the scheduler is not destroyed before that, and so not during a callback. */
void requests_end(struct accel_scheduler *scheduler, struct scheduler_requests *requests)
{
	struct accel_request *request;

	STAILQ_FOREACH(request, requests, ended_link)
		request_tell(request);
	scheduler_lock(scheduler);
	requests_leave(scheduler, requests);
	pthread_mutex_unlock(&scheduler->lock);
	while ((request = STAILQ_FIRST(requests))) {
		STAILQ_REMOVE_HEAD(requests, ended_link);
		request_unref(request);
	}
}

static const char *result_text(int result)
{
	switch (result) {
	case -ECANCELED:
		return "the request was cancelled, or lost with a reset and not to be run again";
	case -ETIME:
		return "the request's time was over, or its deadline could not be kept any more";
	case -ENODEV:
		return "no card is left that could run the request";
	case -ENOTRECOVERABLE:
		return "state lost: the request overwrites what it reads, or reads what card "
		       "memory held";
	default:
		return strerror(-result);
	}
}

/* --- Submission ------------------------------------------------------------------- */

static int check_tensors(const struct accel_service *service,
			 const struct accel_request_options *options)
{
	const struct accel_model *facts = service->facts;
	int ret = 0;

	if ((facts->input_count && !options->inputs) || (facts->output_count && !options->outputs))
		return error_set(-EINVAL, "inputs and outputs must not be NULL");
	for (uint32_t i = 0; i < facts->input_count && !ret; i++)
		ret = tensor_check(service->scheduler, &options->inputs[i], &facts->inputs[i].info,
				   false);
	for (uint32_t i = 0; i < facts->output_count && !ret; i++)
		ret = tensor_check(service->scheduler, &options->outputs[i],
				   &facts->outputs[i].info, true);
	return ret;
}

static int check_options(const struct accel_client *client,
			 const struct accel_request_options *options, bool has_handle)
{
	if (!client || !options)
		return error_set(-EINVAL, "client and options must not be NULL");
	if (!*client->scheduler->mark)
		return process_error();
	if (!options->service || options->service->scheduler != client->scheduler)
		return error_set(-EINVAL, "service and client are not of the same scheduler");
	if (options->priority < ACCEL_PRIORITY_LOW || options->priority > ACCEL_PRIORITY_HIGH)
		return error_set(-EINVAL, "unknown priority %d", (int)options->priority);
	if (options->flags & ~(uint32_t)ACCEL_REQUEST_IDEMPOTENT)
		return error_set(-EINVAL, "unknown request flags 0x%x", options->flags);
	if (!has_handle && !options->done)
		return error_set(-EINVAL, "a request without handle needs a callback");
	return check_tensors(options->service, options);
}

static uint64_t absolute_ns(uint64_t now_ns, uint64_t span_ns)
{
	return !span_ns || span_ns > ISCHED_SPAN_MAX_NS ? ISCHED_NEVER : now_ns + span_ns;
}

static void copy_tensors(struct request_tensor *to, const struct accel_tensor *from, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		to[i] = (struct request_tensor) { .region = from[i].region,
						  .bytes = from[i].bytes };
		if (from[i].region)
			to[i].offset = from[i].offset;
		else
			to[i].data = from[i].data;
	}
}

static struct accel_request *request_new(struct accel_client *client,
					 const struct accel_request_options *options)
{
	const struct accel_service *service = options->service;
	uint32_t inputs = service->info.input_count, outputs = service->info.output_count;
	struct accel_request *request =
		calloc(1, sizeof(*request) + (inputs + outputs) * sizeof(request->tensors[0]));
	pthread_condattr_t monotonic;

	if (!request)
		return NULL;
	request->core.model = service->index;
	request->core.client = client->index;
	request->core.priority = (enum isched_priority)options->priority;
	request->core.retries = options->retries;
	request->scheduler = client->scheduler;
	request->client = client;
	request->service = options->service;
	request->done = options->done;
	request->opaque = options->opaque;
	request->flags = options->flags;
	request->refs = 2;
	/* From now, which the core's time is not before the lock. */
	request->core.deadline_ns = options->deadline_ns;
	request->core.timeout_ns = options->timeout_ns;
	copy_tensors(request->tensors, options->inputs, inputs);
	copy_tensors(request->tensors + inputs, options->outputs, outputs);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&request->cond, &monotonic);
	pthread_condattr_destroy(&monotonic);
	pthread_mutex_init(&request->lock, NULL);
	__atomic_fetch_add(&client->scheduler->refs, 1, __ATOMIC_RELAXED);
	return request;
}

/* Before the core sees it: it may end at once. Locked. */
static void request_enter(struct accel_request *request)
{
	struct accel_client *client = request->client;
	uint32_t count = request->service->info.input_count + request->service->info.output_count;

	for (uint32_t i = 0; i < count; i++)
		if (request->tensors[i].region)
			request->tensors[i].region->users++;
	request->id = ++request->scheduler->request_ids;
	request->submit_ns = clock_now_ns();
	request->core.deadline_ns = absolute_ns(request->submit_ns, request->core.deadline_ns);
	request->core.timeout_ns = absolute_ns(request->submit_ns, request->core.timeout_ns);
	TAILQ_INSERT_TAIL(&client->requests, request, link);
	client->live++;
	request->scheduler->live++;
}

static void request_withdraw(struct accel_request *request)
{
	request_release(request);
	TAILQ_REMOVE(&request->client->requests, request, link);
	request->client->live--;
	request->scheduler->live--;
}

static int refusal_text(const struct accel_request *request, int error)
{
	switch (error) {
	case -EBUSY:
		return error_set(error, "refused: the deadline of %llu us cannot be met",
				 (unsigned long long)(request->core.deadline_ns -
						      request->submit_ns) / 1000);
	case -EAGAIN:
		return error_set(error, "refused: the queue is full; wait for a request to end");
	case -ENODEV:
		return error_set(error, "refused: no card that works can run the model");
	case -ECANCELED:
		return error_set(error, "the scheduler or the client is being destroyed");
	default:
		return error_set(error, "the request cannot be taken: %s", strerror(-error));
	}
}

static int request_submit(struct accel_request *request)
{
	struct accel_scheduler *scheduler = request->scheduler;
	int ret = -ECANCELED;

	scheduler_lock(scheduler);
	if (!scheduler->closing && !request->client->closed) {
		request_enter(request);
		ret = isched_submit(scheduler->core, &request->core, request->submit_ns);
		if (ret)
			request_withdraw(request);
	}
	scheduler_unlock(scheduler);
	return ret ? refusal_text(request, ret) : 0;
}

int accel_request_submit(struct accel_client *client, const struct accel_request_options *options,
			 struct accel_request **out)
{
	struct accel_request *request;
	int ret;

	if (out)
		*out = NULL;
	ret = check_options(client, options, out);
	if (ret)
		return ret;
	request = request_new(client, options);
	if (!request)
		return error_set(-ENOMEM, "out of memory");
	if (out)
		*out = request;
	ret = request_submit(request);
	if (ret) {
		/* Both references are still ours. */
		if (out)
			*out = NULL;
		request_unref(request);
		request_unref(request);
	} else if (!out) {
		request_unref(request);
	}
	return ret;
}

/* --- What the caller does with it ------------------------------------------------- */

static int check_request(const struct accel_request *request)
{
	if (!request)
		return error_set(-EINVAL, "the request must not be NULL");
	return *request->scheduler->mark ? 0 : process_error();
}

static int request_result(struct accel_request *request)
{
	if (!request->result)
		return 0;
	return error_set(request->result, "%s",
			 request->text && request->text_error == request->result
				 ? request->text : result_text(request->result));
}

int accel_request_wait(struct accel_request *request, uint64_t timeout_ns)
{
	uint64_t deadline_ns = deadline_after(timeout_ns);
	struct timespec until = {
		.tv_sec = (time_t)(deadline_ns / 1000000000u),
		.tv_nsec = (long)(deadline_ns % 1000000000u),
	};
	int ret = check_request(request), wait = 0;

	if (ret)
		return ret;
	pthread_mutex_lock(&request->lock);
	while (!request->has_ended && !wait)
		wait = pthread_cond_timedwait(&request->cond, &request->lock, &until);
	ret = request->has_ended ? request_result(request)
				 : error_set(-EAGAIN, "the request has not ended yet");
	pthread_mutex_unlock(&request->lock);
	return ret;
}

int accel_request_cancel(struct accel_request *request)
{
	struct accel_scheduler *scheduler;
	bool cancelled;
	int ret = check_request(request);

	if (ret)
		return ret;
	scheduler = request->scheduler;
	scheduler_lock(scheduler);
	/* Once it has ended the core may be gone, too. */
	cancelled = request->core.state != ISCHED_ENDED &&
		    isched_cancel(scheduler->core, &request->core, -ECANCELED, clock_now_ns());
	if (cancelled)
		scheduler_unlock(scheduler);
	else
		pthread_mutex_unlock(&scheduler->lock);
	return cancelled ? 0 : error_set(-EALREADY, "the request has ended before");
}

/* Locked by request->lock. */
static int request_add_fd(struct accel_request *request, int fd)
{
	int copy, *fds;

	fds = reallocarray(request->fds, request->fd_count + 1, sizeof(*fds));
	if (!fds)
		return error_set(-ENOMEM, "out of memory");
	request->fds = fds;
	/* The caller may close its own before the request ends. */
	copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (copy < 0)
		return error_set(-errno, "eventfd: %s", strerror(errno));
	fds[request->fd_count++] = copy;
	return 0;
}

int accel_request_get_fd(struct accel_request *request, int *out)
{
	int fd, ret = check_request(request);

	if (ret)
		return ret;
	if (!out)
		return error_set(-EINVAL, "fd must not be NULL");
	*out = -1;
	fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (fd < 0)
		return error_set(-errno, "eventfd: %s", strerror(errno));
	pthread_mutex_lock(&request->lock);
	if (!request->has_ended)
		ret = request_add_fd(request, fd);
	else if (eventfd_write(fd, 1))
		ret = error_set(-errno, "eventfd: %s", strerror(errno));
	pthread_mutex_unlock(&request->lock);
	if (ret) {
		close(fd);
		return ret;
	}
	*out = fd;
	return 0;
}

int accel_request_get_info(struct accel_request *request, struct accel_request_info *info)
{
	int ret = check_request(request);

	if (ret)
		return ret;
	if (!info)
		return error_set(-EINVAL, "info must not be NULL");
	scheduler_lock(request->scheduler);
	*info = (struct accel_request_info) {
		.submit_ns = request->submit_ns, .start_ns = request->core.start_ns,
		.attempts = request->core.attempts, .card = request->card,
		.batch = request->batch_count,
	};
	pthread_mutex_unlock(&request->scheduler->lock);
	pthread_mutex_lock(&request->lock);
	info->has_ended = request->has_ended;
	if (info->has_ended) {
		info->result = request->result;
		info->end_ns = request->core.end_ns;
	}
	pthread_mutex_unlock(&request->lock);
	return 0;
}

void accel_request_destroy(struct accel_request *request)
{
	if (request && *request->scheduler->mark)
		request_unref(request);
}
