// SPDX-License-Identifier: MIT
/* Life of requests and batches: whatever the policy, each request ends exactly once. */
#include <stdlib.h>

#include "isched_private.h"

#define QUEUE_LIMIT_DEFAULT	100000u
#define QUEUE_LIMIT_MAX		(1u << 20)
#define AGEING_DEFAULT_NS	UINT64_C(1000000000)

/* --- Batches and actions ---------------------------------------------------------- */

struct isched_batch *isched_get_batch(struct isched *sched, uint32_t card, uint32_t model)
{
	struct isched_batch *batch = TAILQ_FIRST(&sched->free_batches);

	if (batch)
		TAILQ_REMOVE(&sched->free_batches, batch, link);
	else
		batch = malloc(sizeof(*batch));
	if (!batch)
		return NULL;
	*batch = (struct isched_batch){
		.card = card, .model = model, .best_effort = true, .oldest_ns = UINT64_MAX,
	};
	TAILQ_INIT(&batch->requests);
	return batch;
}

void isched_put_batch(struct isched *sched, struct isched_batch *batch)
{
	TAILQ_INSERT_HEAD(&sched->free_batches, batch, link);
}

void isched_batch_add(struct isched_batch *batch, struct isched_request *request)
{
	TAILQ_INSERT_TAIL(&batch->requests, request, link);
	request->batch = batch;
	batch->count++;
	if (request->deadline_ns != ISCHED_NEVER)
		batch->best_effort = false;
	if (request->arrival_ns < batch->oldest_ns)
		batch->oldest_ns = request->arrival_ns;
}

struct isched_action *isched_next_action(struct isched *sched)
{
	struct isched_action *action = TAILQ_FIRST(&sched->actions);

	if (!action)
		return NULL;
	TAILQ_REMOVE(&sched->actions, action, link);
	if (action->kind == ISCHED_LOAD)
		isched_seat(sched, action->card, action->model)->load_queued = false;
	if (action->kind == ISCHED_UNLOAD)
		isched_seat(sched, action->card, action->model)->unload_queued = false;
	return action;
}

/* --- Ends ------------------------------------------------------------------------- */

static void count_end(struct isched_stats *stats, const struct isched_request *request)
{
	if (request->result == -ECANCELED)
		stats->cancelled++;
	else if (request->result == -ETIME)
		stats->timed_out++;
	else if (request->result)
		stats->ended_badly++;
	else if (request->end_ns > request->deadline_ns)
		stats->ended_late++;
	else
		stats->ended_well++;
}

static void request_end(struct isched *sched, struct isched_request *request, int result,
			uint64_t now_ns)
{
	request->state = ISCHED_ENDED;
	request->result = result;
	request->end_ns = now_ns;
	request->batch = NULL;
	request->action = (struct isched_action){ .kind = ISCHED_END, .request = request };
	TAILQ_INSERT_TAIL(&sched->actions, &request->action, link);
	count_end(&sched->stats, request);
}

static bool has_timeout(const struct isched_request *request)
{
	return request->timeout_ns != ISCHED_NEVER && !request->timed_out;
}

static void leave_pending(struct isched *sched, struct isched_request *request)
{
	if (has_timeout(request))
		isched_tree_remove(&sched->timeouts, &request->timeout);
	sched->pending--;
	sched->models[request->model]->pending--;
}

void isched_end_pending(struct isched *sched, struct isched_request *request, int result,
		       uint64_t now_ns)
{
	leave_pending(sched, request);
	request_end(sched, request, result, now_ns);
}

/* --- Starts ----------------------------------------------------------------------- */

static void request_start(struct isched *sched, struct isched_request *request, uint64_t now_ns)
{
	uint64_t wait_ns = now_ns - request->arrival_ns;

	leave_pending(sched, request);
	request->state = ISCHED_RUNNING;
	request->start_ns = now_ns;
	if (request->deadline_ns == ISCHED_NEVER && !request->attempts &&
	    wait_ns > sched->stats.wait_max_ns)
		sched->stats.wait_max_ns = wait_ns;
	request->attempts++;
}

static void batch_start(struct isched *sched, struct isched_batch *batch, uint64_t now_ns)
{
	struct isched_card *card = &sched->cards[batch->card];
	struct isched_seat *seat = isched_seat(sched, batch->card, batch->model);
	struct isched_request *request;

	batch->cost_ns = isched_predict_ns(sched, batch->card, batch->model, batch->count);
	if (seat->load_queued)
		batch->cost_ns += isched_time_bound_ns(&sched->models[batch->model]->load);
	TAILQ_FOREACH(request, &batch->requests, link)
		request_start(sched, request, now_ns);
	card->busy_until_ns = isched_base_ns(card, now_ns) + batch->cost_ns;
	card->depth++;
	TAILQ_INSERT_TAIL(&card->running, batch, link);
	seat->running++;
	seat->used_ns = now_ns;
	batch->action = (struct isched_action){
		.kind = ISCHED_START, .card = batch->card, .model = batch->model, .batch = batch,
	};
	TAILQ_INSERT_TAIL(&sched->actions, &batch->action, link);
	sched->stats.batches++;
}

static void card_note_idle(struct isched *sched, uint32_t index)
{
	const struct isched_card *card = &sched->cards[index];
	uint64_t bit = UINT64_C(1) << index;

	if (card->up && card->depth < sched->options.depth)
		sched->idle_cards |= bit;
	else
		sched->idle_cards &= ~bit;
}

static void card_dispatch(struct isched *sched, uint32_t index, uint64_t now_ns)
{
	struct isched_batch *batch;

	while (sched->idle_cards & (UINT64_C(1) << index)) {
		batch = sched->policy->pick(sched, index, now_ns);
		if (!batch)
			return;
		batch_start(sched, batch, now_ns);
		card_note_idle(sched, index);
	}
}

static void dispatch(struct isched *sched, uint64_t now_ns)
{
	uint64_t idle = sched->pending ? sched->idle_cards : 0;

	sched->hold_until_ns = ISCHED_NEVER;
	for (; idle; idle &= idle - 1)
		card_dispatch(sched, (uint32_t)__builtin_ctzll(idle), now_ns);
}

/* --- Events ----------------------------------------------------------------------- */

static int check_request(const struct isched *sched, const struct isched_request *request)
{
	if (request->model >= sched->model_count || request->client >= sched->client_count ||
	    (unsigned int)request->priority >= ISCHED_PRIORITIES ||
	    request->deadline_ns > ISCHED_NEVER || request->timeout_ns > ISCHED_NEVER)
		return -EINVAL;
	if (sched->pending >= sched->options.queue_limit)
		return -EAGAIN;
	return 0;
}

static int check_cards(const struct isched *sched, uint32_t model)
{
	for (uint32_t i = 0; i < sched->options.cards; i++)
		if (isched_can_run(sched, i, model) &&
		    isched_load_cost_ns(sched, i, model) != ISCHED_NEVER)
			return 0;
	return -ENODEV;
}

static int enter_pending(struct isched *sched, struct isched_request *request, uint64_t now_ns)
{
	int ret = check_cards(sched, request->model);

	request->state = ISCHED_PENDING;
	request->batch = NULL;
	if (!ret)
		ret = sched->policy->add(sched, request, now_ns);
	if (ret)
		return ret;
	request->admitted = true;
	sched->pending++;
	sched->models[request->model]->pending++;
	if (has_timeout(request))
		isched_tree_insert(&sched->timeouts, &request->timeout,
				  (int64_t)request->timeout_ns, 0);
	return 0;
}

int isched_submit(struct isched *sched, struct isched_request *request, uint64_t now_ns)
{
	const uint32_t limit = request->model < sched->model_count
				       ? sched->models[request->model]->options.queue_limit : 0;
	int ret;

	sched->stats.submitted++;
	ret = check_request(sched, request);
	/* BATCHING has its limit by priority, in its own queues. */
	if (!ret && limit && sched->policy != &isched_policy_batching &&
	    sched->models[request->model]->pending >= limit)
		ret = -EAGAIN;
	if (!ret) {
		request->verdict = 0;
		request->attempts = 0;
		request->timed_out = false;
		request->admitted = false;
		request->arrival_ns = now_ns;
		ret = enter_pending(sched, request, now_ns);
	}
	if (ret) {
		request->state = ISCHED_IDLE;
		sched->stats.refused_deadline += ret == -EBUSY;
		sched->stats.refused_full += ret == -EAGAIN;
		return ret;
	}
	if (sched->idle_cards)
		dispatch(sched, now_ns);
	return 0;
}

bool isched_cancel(struct isched *sched, struct isched_request *request, int error, uint64_t now_ns)
{
	switch (request->state) {
	case ISCHED_PENDING:
		sched->policy->remove(sched, request, now_ns);
		isched_end_pending(sched, request, error, now_ns);
		return true;
	case ISCHED_RUNNING:
		if (!request->verdict)
			request->verdict = error;
		return true;
	default:
		return false;
	}
}

/* Its time goes on from the first submission: deadline and timeout are absolute. */
static bool request_retry(struct isched *sched, struct isched_request *request, uint64_t now_ns)
{
	if (request->attempts > request->retries || request->timeout_ns <= now_ns)
		return false;
	if (enter_pending(sched, request, now_ns))
		return false;
	sched->stats.retries++;
	return true;
}

static void batch_release(struct isched *sched, struct isched_batch *batch, int result,
			  bool may_retry, uint64_t now_ns)
{
	struct isched_request *request;

	while ((request = TAILQ_FIRST(&batch->requests))) {
		TAILQ_REMOVE(&batch->requests, request, link);
		if (request->verdict)
			request_end(sched, request, request->verdict, now_ns);
		else if (!result || !may_retry || !request_retry(sched, request, now_ns))
			request_end(sched, request, result, now_ns);
	}
}

/* What still runs begins now, one after the other. */
static void card_predict(struct isched_card *card, uint64_t now_ns)
{
	struct isched_batch *batch;

	card->busy_until_ns = now_ns;
	TAILQ_FOREACH(batch, &card->running, link)
		card->busy_until_ns += batch->cost_ns;
}

void isched_batch_done(struct isched *sched, struct isched_batch *batch, int result, bool may_retry,
		      uint64_t exec_ns, uint64_t now_ns)
{
	struct isched_card *card = &sched->cards[batch->card];
	bool slower = !result && exec_ns && isched_learn_exec(sched, batch, exec_ns);
	uint32_t index = batch->card;

	TAILQ_REMOVE(&card->running, batch, link);
	card->depth--;
	isched_seat(sched, batch->card, batch->model)->running--;
	isched_seat(sched, batch->card, batch->model)->loading = false;
	card_predict(card, now_ns);
	card_note_idle(sched, index);
	batch_release(sched, batch, result, may_retry, now_ns);
	isched_put_batch(sched, batch);
	if (slower && sched->policy->replan)
		sched->policy->replan(sched, index, now_ns);
	dispatch(sched, now_ns);
}

static void expire(struct isched *sched, uint64_t now_ns)
{
	struct isched_node *node;

	while ((node = isched_tree_first(&sched->timeouts)) && (uint64_t)node->key <= now_ns) {
		struct isched_request *request =
			ISCHED_CONTAINER(node, struct isched_request, timeout);

		if (sched->policy->keep_expired && sched->policy->keep_expired(sched, request)) {
			isched_tree_remove(&sched->timeouts, node);
			request->timed_out = true;
		} else {
			isched_cancel(sched, request, -ETIME, now_ns);
		}
	}
}

void isched_tick(struct isched *sched, uint64_t now_ns)
{
	expire(sched, now_ns);
	dispatch(sched, now_ns);
}

uint64_t isched_next_wake_ns(const struct isched *sched)
{
	const struct isched_node *first = isched_tree_first(&sched->timeouts);
	uint64_t wake_ns = sched->hold_until_ns;

	if (first && (uint64_t)first->key < wake_ns)
		wake_ns = (uint64_t)first->key;
	if (sched->policy->wake_ns && sched->idle_cards && sched->pending) {
		uint64_t policy_ns = sched->policy->wake_ns(sched);

		if (policy_ns < wake_ns)
			wake_ns = policy_ns;
	}
	return wake_ns;
}

/* --- Cards ------------------------------------------------------------------------ */

static void end_queue(struct isched *sched, struct isched_requests *queue, uint32_t model,
		      uint64_t now_ns)
{
	struct isched_request *request, *next;

	for (request = TAILQ_FIRST(queue); request; request = next) {
		next = TAILQ_NEXT(request, link);
		if (request->model == model)
			isched_cancel(sched, request, -ENODEV, now_ns);
	}
}

/*
 * Those that no card could run must not wait for ever. In plans there are none: replan() has
 * seen to that.
 */
static void end_homeless(struct isched *sched, uint64_t now_ns)
{
	for (uint32_t i = 0; i < sched->model_count; i++) {
		if (!check_cards(sched, i))
			continue;
		end_queue(sched, &sched->fifo, i, now_ns);
		for (int p = 0; p < ISCHED_PRIORITIES; p++) {
			end_queue(sched, &sched->models[i]->queues[p], i, now_ns);
			end_queue(sched, &sched->models[i]->delayed[p], i, now_ns);
		}
	}
}

static void capacity_lost(struct isched *sched, uint32_t card, uint64_t now_ns)
{
	if (sched->policy->replan)
		sched->policy->replan(sched, card, now_ns);
	end_homeless(sched, now_ns);
	dispatch(sched, now_ns);
}

void isched_model_loaded(struct isched *sched, uint32_t card, uint32_t model, bool ok,
			uint64_t load_ns, uint64_t now_ns)
{
	struct isched_seat *seat = isched_seat(sched, card, model);

	seat->loading = false;
	if (ok) {
		isched_time_learn(&sched->models[model]->load, load_ns);
		return;
	}
	if (seat->loaded)
		sched->cards[card].memory_used -= sched->models[model]->options.memory_bytes;
	seat->loaded = false;
	seat->failed = true;
	capacity_lost(sched, card, now_ns);
}


void isched_card_down(struct isched *sched, uint32_t index, uint64_t now_ns)
{
	struct isched_card *card = &sched->cards[index];

	if (!card->up)
		return;
	card->up = false;
	card_note_idle(sched, index);
	capacity_lost(sched, index, now_ns);
}

void isched_card_up(struct isched *sched, uint32_t index, bool memory_kept, uint64_t now_ns)
{
	struct isched_card *card = &sched->cards[index];

	for (uint32_t i = 0; i < sched->model_count; i++) {
		card->seats[i]->failed = false;
		if (!memory_kept)
			card->seats[i]->loaded = false;
	}
	if (!memory_kept)
		card->memory_used = 0;
	card->up = true;
	card->slow_streak = 0;
	card_predict(card, now_ns);
	card_note_idle(sched, index);
	dispatch(sched, now_ns);
}

/* --- Creation --------------------------------------------------------------------- */

static const struct isched_policy_ops *const policies[] = {
	[ISCHED_POLICY_DEADLINE] = &isched_policy_deadline,
	[ISCHED_POLICY_FIFO] = &isched_policy_fifo,
	[ISCHED_POLICY_BATCHING] = &isched_policy_batching,
	[ISCHED_POLICY_PRIORITY] = &isched_policy_priority,
};

static int check_options(const struct isched_options *options)
{
	if ((unsigned int)options->policy >= sizeof(policies) / sizeof(policies[0]) ||
	    !options->cards || options->cards > ISCHED_CARDS_MAX ||
	    options->queue_limit > QUEUE_LIMIT_MAX || options->ageing_ns > ISCHED_SPAN_MAX_NS)
		return -EINVAL;
	for (int p = 0; p < ISCHED_PRIORITIES; p++)
		if (options->reserve_permille[p] > 1000)
			return -EINVAL;
	return 0;
}

static void isched_init(struct isched *sched, const struct isched_options *options)
{
	sched->options = *options;
	if (!sched->options.depth)
		sched->options.depth = 1;
	if (!sched->options.queue_limit)
		sched->options.queue_limit = QUEUE_LIMIT_DEFAULT;
	if (!sched->options.ageing_ns)
		sched->options.ageing_ns = AGEING_DEFAULT_NS;
	sched->policy = policies[options->policy];
	sched->timeouts = ISCHED_TREE_INIT_PLAIN;
	sched->active = ISCHED_TREE_INIT_PLAIN;
	sched->hold_until_ns = ISCHED_NEVER;
	TAILQ_INIT(&sched->actions);
	TAILQ_INIT(&sched->free_batches);
	TAILQ_INIT(&sched->fifo);
	for (uint32_t i = 0; i < options->cards; i++) {
		sched->cards[i].up = true;
		sched->cards[i].memory_bytes = UINT64_MAX;
		sched->cards[i].plan = ISCHED_TREE_INIT;
		TAILQ_INIT(&sched->cards[i].running);
		card_note_idle(sched, i);
	}
}

int isched_create(const struct isched_options *options, struct isched **out)
{
	struct isched *sched;
	int ret = check_options(options);

	*out = NULL;
	if (ret)
		return ret;
	sched = calloc(1, sizeof(*sched));
	if (!sched)
		return -ENOMEM;
	sched->cards = calloc(options->cards, sizeof(*sched->cards));
	if (!sched->cards) {
		free(sched);
		return -ENOMEM;
	}
	isched_init(sched, options);
	*out = sched;
	return 0;
}

static void free_batches(struct isched_batches *batches)
{
	struct isched_batch *batch;

	while ((batch = TAILQ_FIRST(batches))) {
		TAILQ_REMOVE(batches, batch, link);
		free(batch);
	}
}

static void card_fini(struct isched *sched, struct isched_card *card)
{
	struct isched_node *node;

	while ((node = isched_tree_first(&card->plan))) {
		isched_tree_remove(&card->plan, node);
		free(ISCHED_CONTAINER(node, struct isched_batch, plan));
	}
	free_batches(&card->running);
	for (uint32_t i = 0; i < sched->model_count; i++)
		free(card->seats[i]);
	free(card->seats);
}

void isched_destroy(struct isched *sched)
{
	if (!sched)
		return;
	for (uint32_t i = 0; i < sched->options.cards; i++)
		card_fini(sched, &sched->cards[i]);
	free_batches(&sched->free_batches);
	for (uint32_t i = 0; i < sched->model_count; i++)
		free(sched->models[i]);
	for (uint32_t i = 0; i < sched->client_count; i++)
		free(sched->clients[i]);
	free(sched->models);
	free(sched->clients);
	free(sched->cards);
	free(sched);
}

static int check_model(const struct isched_model_options *options)
{
	uint32_t last = 0;

	if (options->batch_max > ISCHED_BATCH_MAX || options->delay_ns > ISCHED_SPAN_MAX_NS ||
	    options->threshold_timeout_ns > ISCHED_SPAN_MAX_NS ||
	    options->load_ns > ISCHED_SPAN_MAX_NS || options->first_ns > ISCHED_SPAN_MAX_NS / 128 ||
	    options->next_ns > ISCHED_SPAN_MAX_NS / 128)
		return -EINVAL;
	for (uint32_t i = 0; i < ISCHED_SIZES_MAX && options->preferred[i]; i++) {
		if (options->preferred[i] <= last || options->preferred[i] > options->batch_max)
			return -EINVAL;
		last = options->preferred[i];
	}
	return 0;
}

static void model_init(struct isched_model *model, const struct isched_model_options *options)
{
	model->options = *options;
	if (!model->options.batch_max)
		model->options.batch_max = 1;
	if (!model->options.preferred[0])
		model->options.preferred[0] = model->options.batch_max;
	if (!model->options.threshold)
		model->options.threshold = 1;
	model->load.mean_ns = options->load_ns;
	for (int p = 0; p < ISCHED_PRIORITIES; p++) {
		TAILQ_INIT(&model->queues[p]);
		TAILQ_INIT(&model->delayed[p]);
	}
}

static int add_seats(struct isched *sched, const struct isched_model *model)
{
	for (uint32_t i = 0; i < sched->options.cards; i++) {
		struct isched_card *card = &sched->cards[i];
		struct isched_seat **seats =
			reallocarray(card->seats, sched->model_count + 1, sizeof(*seats));

		if (!seats)
			return -ENOMEM;
		card->seats = seats;
		seats[sched->model_count] = calloc(1, sizeof(**seats));
		if (!seats[sched->model_count]) {
			/* What the cards before have is unreachable: it goes now. */
			while (i--)
				free(sched->cards[i].seats[sched->model_count]);
			return -ENOMEM;
		}
		TAILQ_INIT(&seats[sched->model_count]->planned);
		isched_time_guess(seats[sched->model_count], &model->options);
	}
	return 0;
}

int isched_add_model(struct isched *sched, const struct isched_model_options *options)
{
	struct isched_model **models, *model;
	int ret = check_model(options);

	if (ret)
		return ret;
	models = reallocarray(sched->models, sched->model_count + 1, sizeof(*models));
	if (!models)
		return -ENOMEM;
	sched->models = models;
	model = calloc(1, sizeof(*model));
	if (!model)
		return -ENOMEM;
	model_init(model, options);
	ret = add_seats(sched, model);
	if (ret) {
		free(model);
		return ret;
	}
	models[sched->model_count] = model;
	return (int)sched->model_count++;
}

void isched_bind_model(struct isched *sched, uint32_t model, uint32_t card, bool bound)
{
	isched_seat(sched, card, model)->bound = bound;
}

int isched_add_client(struct isched *sched, uint32_t weight)
{
	struct isched_client **clients =
		reallocarray(sched->clients, sched->client_count + 1, sizeof(*clients));
	struct isched_client *client;

	if (!clients)
		return -ENOMEM;
	sched->clients = clients;
	if (!weight)
		return -EINVAL;
	client = calloc(1, sizeof(*client));
	if (!client)
		return -ENOMEM;
	client->weight = weight;
	TAILQ_INIT(&client->fair);
	sched->weight_sum += weight;
	clients[sched->client_count] = client;
	return (int)sched->client_count++;
}

void isched_set_weight(struct isched *sched, uint32_t client, uint32_t weight)
{
	sched->weight_sum += weight;
	sched->weight_sum -= sched->clients[client]->weight;
	sched->clients[client]->weight = weight;
}

void isched_set_memory(struct isched *sched, uint32_t card, uint64_t bytes)
{
	sched->cards[card].memory_bytes = bytes;
}

struct isched_stats isched_get_stats(const struct isched *sched)
{
	return sched->stats;
}

uint32_t isched_pending(const struct isched *sched)
{
	return sched->pending;
}
