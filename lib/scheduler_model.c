// SPDX-License-Identifier: MIT
/* Services: what a model is, found without a card's memory; and its programs on cards. */
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "scheduler.h"

/* --- Options, copied -------------------------------------------------------------- */

static int check_sizes(const struct accel_service_options *options)
{
	uint32_t last = 0;

	if (options->batch_max > ACCEL_BATCH_MAX)
		return error_set(-EINVAL, "batch_max is %u at most, not %u", ACCEL_BATCH_MAX,
				 options->batch_max);
	for (uint32_t i = 0; i < 8 && options->preferred[i]; i++) {
		if (options->preferred[i] <= last || options->preferred[i] > options->batch_max)
			return error_set(-EINVAL, "preferred sizes are ascending and %u (batch_max) "
					 "at most", options->batch_max);
		last = options->preferred[i];
	}
	return 0;
}

static int check_options(const struct accel_scheduler *scheduler,
			 const struct accel_service_options *options)
{
	uint64_t all = scheduler->card_count == 64 ? UINT64_MAX
						   : (UINT64_C(1) << scheduler->card_count) - 1;

	if (options->flags)
		return error_set(-EINVAL, "unknown service flags 0x%x", options->flags);
	if (!options->path == !options->build)
		return error_set(-EINVAL, "a service is made of a path or of build: one of them");
	if (options->dim_count && (!options->dims || !options->path))
		return error_set(-EINVAL, "dims are for a path, and not NULL");
	for (uint32_t i = 0; i < options->dim_count; i++)
		if (!options->dims[i].name)
			return error_set(-EINVAL, "dimension %u has no name", i);
	if (options->cards & ~all)
		return error_set(-EINVAL, "cards 0x%llx: the scheduler has %u",
				 (unsigned long long)options->cards, scheduler->card_count);
	if (options->delay_ns > ISCHED_SPAN_MAX_NS ||
	    options->threshold_timeout_ns > ISCHED_SPAN_MAX_NS ||
	    options->first_ns > ISCHED_SPAN_MAX_NS / 128 ||
	    options->next_ns > ISCHED_SPAN_MAX_NS / 128)
		return error_set(-EINVAL, "a time of the service is too long");
	return check_sizes(options);
}

static void options_free(struct accel_service_options *options)
{
	for (uint32_t i = 0; options->dims && i < options->dim_count; i++)
		free((char *)(uintptr_t)options->dims[i].name);
	free((void *)(uintptr_t)options->dims);
	free((char *)(uintptr_t)options->path);
}

static int options_copy(struct accel_service_options *to, const struct accel_service_options *from)
{
	struct accel_onnx_dimension *dims;

	*to = *from;
	to->path = NULL;
	to->dims = dims = calloc(from->dim_count + 1, sizeof(*dims));
	if (!dims)
		return error_set(-ENOMEM, "out of memory");
	for (uint32_t i = 0; i < from->dim_count; i++) {
		dims[i] = (struct accel_onnx_dimension) { strdup(from->dims[i].name),
							  from->dims[i].size };
		if (!dims[i].name)
			return error_set(-ENOMEM, "out of memory");
	}
	if (from->path) {
		to->path = strdup(from->path);
		if (!to->path)
			return error_set(-ENOMEM, "out of memory");
	}
	if (!to->batch_max)
		to->batch_max = 1;
	return 0;
}

/* --- Compiling -------------------------------------------------------------------- */

static int build_model(const struct accel_service *service, struct scheduler_card *card,
		       uint32_t batch, const struct model_options *options,
		       struct accel_model **model)
{
	struct accel_graph *graph = NULL;
	int ret;

	/* Unless it sets another one by calling the library. */
	error_set(-EINVAL, "the graph could not be built for batches of %u", batch);
	ret = service->options.build(service->options.opaque, card->device, batch, &graph);

	if (!ret && !graph)
		ret = error_set(-EINVAL, "build made no graph");
	if (!ret)
		ret = model_compile(graph, card->context, options, model);
	accel_graph_destroy(graph);
	return ret;
}

static int service_compile(const struct accel_service *service, struct scheduler_card *card,
			   uint32_t batch, const struct model_options *options,
			   struct accel_model **model)
{
	if (!service->options.path)
		return build_model(service, card, batch, options, model);
	return model_load_onnx(card->context, service->options.path, batch, service->options.dims,
			       service->options.dim_count, options, model);
}

/* --- What it is ------------------------------------------------------------------- */

static bool port_grows(const struct model_port *one, const struct model_port *many, uint32_t count)
{
	const struct accel_tensor_info *a = &one->info, *b = &many->info;

	return a->type == b->type && a->rank == b->rank && a->rank && b->bytes == a->bytes * count &&
	       b->shape[0] == a->shape[0] * count &&
	       !memcmp(a->shape + 1, b->shape + 1, (a->rank - 1) * sizeof(a->shape[0]));
}

static bool can_batch(const struct accel_model *one, const struct accel_model *many, uint32_t count)
{
	if (one->input_count != many->input_count || one->output_count != many->output_count)
		return false;
	for (uint32_t i = 0; i < one->input_count; i++)
		if (!port_grows(&one->inputs[i], &many->inputs[i], count))
			return false;
	for (uint32_t i = 0; i < one->output_count; i++)
		if (!port_grows(&one->outputs[i], &many->outputs[i], count))
			return false;
	return true;
}

static uint64_t program_bytes(const struct accel_program *program)
{
	uint64_t bytes = sizeof(struct aci_tcs_header) +
			 program->op_count * sizeof(*program->ops) +
			 program->tensor_count * sizeof(*program->tensors);

	return (bytes + PAGE_BYTES - 1) & ~(uint64_t)(PAGE_BYTES - 1);
}

static uint64_t constant_bytes(const struct accel_model *model)
{
	return (model->stats.constant_bytes + PAGE_BYTES - 1) & ~(uint64_t)(PAGE_BYTES - 1);
}

static void note_one(struct accel_service *service, const struct accel_model *one)
{
	service->info = (struct accel_service_info) {
		.input_count = one->input_count, .output_count = one->output_count, .batch_max = 1,
		.memory_bytes = constant_bytes(one) + program_bytes(one->program),
		.workspace_bytes = one->stats.workspace_bytes, .macs = one->stats.macs,
	};
}

/* Programs of all sizes may be there at once; their constants are the same ones, if they can be. */
static void note_many(struct accel_service *service, const struct accel_model *one,
		      const struct accel_model *many)
{
	struct accel_service_info *info = &service->info;
	uint32_t sizes = service->options.batch_max;

	info->batch_max = sizes;
	if (many->stats.workspace_bytes > info->workspace_bytes)
		info->workspace_bytes = many->stats.workspace_bytes;
	info->memory_bytes += (sizes - 1) * program_bytes(many->program);
	if (one->stats.constant_bytes != many->stats.constant_bytes)
		info->memory_bytes += (sizes - 1) * constant_bytes(many);
}

static int service_find_facts(struct scheduler_card *card, void *data)
{
	const struct model_options options = { .facts_only = true };
	struct accel_service *service = data;
	uint32_t batch_max = service->options.batch_max;
	struct accel_model *many;
	int ret;

	if (card->gone)
		return error_set(-ENODEV, "%s is gone", card->device->info.name);
	ret = service_compile(service, card, 1, &options, &service->facts);
	if (ret)
		return ret;
	note_one(service, service->facts);
	if (batch_max == 1)
		return 0;
	ret = service_compile(service, card, batch_max, &options, &many);
	if (ret)
		return error_prefix(ret, "for batches of %u: ", batch_max);
	if (can_batch(service->facts, many, batch_max))
		note_many(service, service->facts, many);
	accel_model_destroy(many);
	return 0;
}

static bool may_run(const struct accel_service *service, uint32_t card)
{
	return !service->options.cards || service->options.cards >> card & 1;
}

/* By the first of its cards that is there. */
static int find_facts(struct accel_scheduler *scheduler, struct accel_service *service)
{
	int ret = error_set(-ENODEV, "no card that may run the model works");

	for (uint32_t i = 0; i < scheduler->card_count && ret == -ENODEV; i++)
		if (may_run(service, i))
			ret = card_call(&scheduler->cards[i], service_find_facts, service);
	return ret;
}

static int check_memory(const struct accel_scheduler *scheduler,
			const struct accel_service *service)
{
	const struct accel_service_info *info = &service->info;
	uint32_t depth = scheduler->options.depth;
	uint64_t needed = info->memory_bytes + depth * info->workspace_bytes, most = 0;

	for (uint32_t i = 0; i < scheduler->card_count; i++)
		if (may_run(service, i) && scheduler->cards[i].free_bytes > most)
			most = scheduler->cards[i].free_bytes;
	if (needed <= most)
		return 0;
	return error_set(-ENOSPC, "the model needs %llu bytes of card memory (%llu for weights and "
			 "programs, %llu of workspace for each of %u batches at once), its largest "
			 "card has %llu: %llu are missing; a smaller batch_max or depth needs less",
			 (unsigned long long)needed, (unsigned long long)info->memory_bytes,
			 (unsigned long long)info->workspace_bytes, depth, (unsigned long long)most,
			 (unsigned long long)(needed - most));
}

/* --- Into the core ---------------------------------------------------------------- */

static struct isched_model_options core_options(const struct accel_service *service,
						uint64_t load_ns)
{
	const struct accel_service_options *options = &service->options;
	struct isched_model_options core = {
		.batch_max = service->info.batch_max, .delay_ns = options->delay_ns,
		.queue_limit = options->queue_limit, .memory_bytes = service->info.memory_bytes,
		.load_ns = load_ns, .first_ns = options->first_ns, .next_ns = options->next_ns,
		.threshold = options->threshold,
		.threshold_timeout_ns = options->threshold_timeout_ns,
	};

	/* Those that cannot be run together have no sizes to prefer. */
	if (service->info.batch_max > 1)
		memcpy(core.preferred, options->preferred, sizeof(core.preferred));
	return core;
}

static int enter_core(struct accel_scheduler *scheduler, struct accel_service *service,
		      const struct isched_model_options *core)
{
	struct accel_service **services;
	int ret = 0;

	services = reallocarray(scheduler->services, scheduler->service_count + 1,
				sizeof(*services));
	if (!services)
		return -ENOMEM;
	scheduler->services = services;
	for (uint32_t i = 0; i < scheduler->card_count && !ret; i++)
		ret = card_reserve(&scheduler->cards[i]);
	if (!ret)
		ret = isched_add_model(scheduler->core, core);
	if (ret < 0)
		return ret;
	service->index = (uint32_t)ret;
	services[scheduler->service_count++] = service;
	if (service->info.workspace_bytes > scheduler->workspace_bytes)
		scheduler->workspace_bytes = service->info.workspace_bytes;
	scheduler_budget(scheduler);
	for (uint32_t i = 0; i < scheduler->card_count; i++)
		isched_bind_model(scheduler->core, service->index, i, may_run(service, i));
	return 0;
}

static int service_enter(struct accel_scheduler *scheduler, struct accel_service *service,
			 uint64_t found_ns)
{
	/* A guess until it was loaded once: what was done now twice, and a gigabyte per second. */
	uint64_t load_ns = 2 * found_ns + service->info.memory_bytes;
	struct isched_model_options core = core_options(service, load_ns < ISCHED_SPAN_MAX_NS
								 ? load_ns : ISCHED_SPAN_MAX_NS);
	int ret;

	scheduler_lock(scheduler);
	ret = scheduler->closing ? -ECANCELED : enter_core(scheduler, service, &core);
	scheduler_unlock(scheduler);
	return ret ? error_set(ret, "the model cannot be added: %s", strerror(-ret)) : 0;
}

void service_free(struct accel_service *service)
{
	if (!service)
		return;
	accel_model_destroy(service->facts);
	options_free(&service->options);
	free(service);
}

int accel_scheduler_add_model(struct accel_scheduler *scheduler,
			      const struct accel_service_options *options,
			      struct accel_service **out)
{
	struct accel_service *service;
	uint64_t start_ns;
	int ret = scheduler_check(scheduler);

	if (ret)
		return ret;
	if (!options || !out)
		return error_set(-EINVAL, "options and service must not be NULL");
	*out = NULL;
	ret = check_options(scheduler, options);
	if (ret)
		return ret;
	service = calloc(1, sizeof(*service));
	if (!service)
		return error_set(-ENOMEM, "out of memory");
	service->scheduler = scheduler;
	ret = options_copy(&service->options, options);
	start_ns = clock_now_ns();
	if (!ret)
		ret = find_facts(scheduler, service);
	if (!ret)
		ret = check_memory(scheduler, service);
	if (!ret)
		ret = service_enter(scheduler, service, clock_now_ns() - start_ns);
	if (ret) {
		service_free(service);
		return ret;
	}
	*out = service;
	return 0;
}

int accel_service_get_info(const struct accel_service *service, struct accel_service_info *info)
{
	if (!service || !info)
		return error_set(-EINVAL, "service and info must not be NULL");
	*info = service->info;
	return 0;
}

int accel_service_get_input(const struct accel_service *service, uint32_t index,
			    struct accel_tensor_info *info)
{
	return service ? accel_model_get_input(service->facts, index, info)
		       : error_set(-EINVAL, "service must not be NULL");
}

int accel_service_get_output(const struct accel_service *service, uint32_t index,
			     struct accel_tensor_info *info)
{
	return service ? accel_model_get_output(service->facts, index, info)
		       : error_set(-EINVAL, "service must not be NULL");
}

/* --- On a card -------------------------------------------------------------------- */

static struct accel_service *find_service(struct accel_scheduler *scheduler, uint32_t model)
{
	struct accel_service *service;

	scheduler_lock(scheduler);
	service = scheduler->services[model];
	pthread_mutex_unlock(&scheduler->lock);
	return service;
}

static struct scheduler_seat *seat_get(struct scheduler_card *card, uint32_t model)
{
	struct scheduler_seat **seats;

	if (model >= card->seat_count) {
		seats = reallocarray(card->seats, model + 1, sizeof(*seats));
		if (!seats)
			return NULL;
		memset(seats + card->seat_count, 0,
		       (model + 1 - card->seat_count) * sizeof(*seats));
		card->seats = seats;
		card->seat_count = model + 1;
	}
	if (!card->seats[model]) {
		card->seats[model] = calloc(1, sizeof(*card->seats[model]));
		if (card->seats[model])
			card->seats[model]->service = find_service(card->scheduler, model);
	}
	return card->seats[model];
}

int seat_get_model(struct scheduler_card *card, uint32_t model, uint32_t count,
		   struct accel_model **out)
{
	struct scheduler_seat *seat = seat_get(card, model);
	struct model_options options = { .flags = ACCEL_MODEL_KEEP_WEIGHTS, .no_workspace = true };
	int ret = 0;

	if (!seat)
		return error_set(-ENOMEM, "out of memory");
	options.like = seat->models[1];
	if (!seat->models[count])
		ret = service_compile(seat->service, card, count, &options, &seat->models[count]);
	*out = seat->models[count];
	return ret;
}

/* Its sizes that are to be expected: others are compiled when they come first. */
int seat_load(struct scheduler_card *card, uint32_t model)
{
	struct scheduler_seat *seat = seat_get(card, model);
	struct accel_model *ignored;
	uint32_t batch_max;
	int ret;

	if (!seat)
		return error_set(-ENOMEM, "out of memory");
	seat->error = 0;
	batch_max = seat->service->info.batch_max;
	ret = seat_get_model(card, model, 1, &ignored);
	for (int i = 0; i < 8 && seat->service->options.preferred[i] && !ret; i++)
		if (seat->service->options.preferred[i] <= batch_max)
			ret = seat_get_model(card, model, seat->service->options.preferred[i],
					     &ignored);
	if (!ret)
		ret = seat_get_model(card, model, batch_max, &ignored);
	if (!ret)
		return 0;
	free(seat->text);
	seat->text = strdup(accel_last_error());
	seat_unload(card, model);
	seat->error = ret;
	return ret;
}

bool seat_note_run(struct scheduler_card *card, uint32_t model, uint32_t count)
{
	return card->seats[model]->runs[count]++;
}

int seat_get_error(struct scheduler_card *card, uint32_t model)
{
	const struct scheduler_seat *seat = seat_get(card, model);

	if (!seat)
		return error_set(-ENOMEM, "out of memory");
	if (!seat->error)
		return 0;
	return error_set(seat->error, "the model could not be loaded to %s: %s",
			 card->device->info.name, seat->text ? seat->text : "");
}

/* [1] goes last: the others use its constants. */
void seat_unload(struct scheduler_card *card, uint32_t model)
{
	struct scheduler_seat *seat = model < card->seat_count ? card->seats[model] : NULL;

	for (uint32_t n = ACCEL_BATCH_MAX; seat && n; n--) {
		accel_model_destroy(seat->models[n]);
		seat->models[n] = NULL;
		seat->runs[n] = 0;
	}
}

void seat_fini(struct scheduler_card *card)
{
	for (uint32_t i = 0; i < card->seat_count; i++) {
		seat_unload(card, i);
		if (card->seats[i])
			free(card->seats[i]->text);
		free(card->seats[i]);
	}
	free(card->seats);
}
