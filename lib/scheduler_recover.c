// SPDX-License-Identifier: MIT
/*
 * Batches that failed, and cards that were lost. Whose fault it is decides: what
 * failed by itself ends with its error, those behind it in the streams are run
 * again for nothing, and what was lost with a reset or the card is run again as
 * far as retry_judge() and the request allow.
 */
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "flow.h"
#include "retry.h"
#include "scheduler.h"

#define RESTORES_MAX	3	/* in a row: the card may be reset again meanwhile */

/* --- Failures of a batch's own ---------------------------------------------------- */

static int renew_streams(struct scheduler_card *card)
{
	card_drop_streams(card);
	return card_make_streams(card);
}

/* It was not its turn yet: this attempt does not count. */
void card_give_back(struct scheduler_card *card, struct scheduler_slot *slot, int error)
{
	struct isched_request *core;

	scheduler_lock(card->scheduler);
	TAILQ_FOREACH(core, &slot->batch->requests, link)
		core->retries++;
	pthread_mutex_unlock(&card->scheduler->lock);
	card_batch_done(card, slot, error, true, 0);
}

static void end_one(struct scheduler_card *card, struct accel_request *request, int error)
{
	request_set_text(request, error);
	scheduler_lock(card->scheduler);
	isched_cancel(card->scheduler->core, &request->core, error, clock_now_ns());
	scheduler_unlock(card->scheduler);
}

/*
 * One of several requests is to blame: each is run alone, so that the others get what they asked
 * for. Return: how that ended, 0: all have an end.
 */
static int run_one_by_one(struct scheduler_card *card, struct scheduler_slot *slot)
{
	struct isched_request *core;

	TAILQ_FOREACH(core, &slot->batch->requests, link) {
		enum accel_loss loss;
		int ret = batch_run_alone(card, slot, to_request(core));

		if (!ret)
			continue;
		end_one(card, to_request(core), ret);
		if (accel_context_get_loss(card->context, &loss) || loss != ACCEL_LOSS_NONE)
			return ret;
		ret = renew_streams(card);
		if (ret)
			return ret;
	}
	return 0;
}

/* What hangs would hang again, and a program that no card takes fails for each of them. */
static bool is_worth_one_by_one(const struct scheduler_slot *slot, int error)
{
	return slot->batch->count > 1 && error != -ETIMEDOUT && error != -ENODEV;
}

/* --- Losses ----------------------------------------------------------------------- */

static bool tensors_overlap(const struct request_tensor *a, const struct request_tensor *b)
{
	void *x = tensor_address(a), *y = tensor_address(b);

	if (a->region && a->region == b->region)
		return a->offset < b->offset + b->bytes && b->offset < a->offset + a->bytes;
	return x && y && flow_overlaps(x, a->bytes, y, b->bytes);
}

static struct retry_job find_facts(const struct accel_request *request)
{
	uint32_t inputs = request->service->info.input_count;
	uint32_t outputs = request->service->info.output_count;
	struct retry_job facts = {
		.idempotent = request->flags & ACCEL_REQUEST_IDEMPOTENT, .restorable = true,
	};

	for (uint32_t i = 0; i < inputs; i++) {
		const struct request_tensor *input = &request->tensors[i];

		/* It may have been the lost card's memory. */
		if (input->region && input->region->fd >= 0)
			facts.restorable = false;
		for (uint32_t o = 0; o < outputs; o++)
			facts.accumulates |= tensors_overlap(input, &request->tensors[inputs + o]);
	}
	return facts;
}

/* Those that may not run again, though they would, are told why. */
static void judge(struct scheduler_card *card, struct scheduler_slot *slot, enum accel_loss loss)
{
	struct isched_request *core;

	TAILQ_FOREACH(core, &slot->batch->requests, link) {
		struct retry_job facts = find_facts(to_request(core));

		if (!core->retries || retry_judge(&facts, loss, 1) != RETRY_STATE_LOST)
			continue;
		scheduler_lock(card->scheduler);
		isched_cancel(card->scheduler->core, core, -ENOTRECOVERABLE, clock_now_ns());
		scheduler_unlock(card->scheduler);
	}
}

static bool others_work(const struct scheduler_card *card)
{
	struct accel_scheduler *scheduler = card->scheduler;
	bool works = false;

	scheduler_lock(scheduler);
	for (uint32_t i = 0; i < scheduler->card_count; i++)
		works |= i != card->index && scheduler->cards[i].works;
	pthread_mutex_unlock(&scheduler->lock);
	return works;
}

static void tell_down(struct scheduler_card *card)
{
	struct accel_scheduler *scheduler = card->scheduler;

	scheduler_lock(scheduler);
	card->works = false;
	isched_card_down(scheduler->core, card->index, clock_now_ns());
	scheduler_unlock(scheduler);
}

static void tell_up(struct scheduler_card *card)
{
	struct accel_scheduler *scheduler = card->scheduler;

	scheduler_lock(scheduler);
	card->works = true;
	/* Models came back with the context, and what could not be loaded is tried again. */
	isched_card_up(scheduler->core, card->index, true, clock_now_ns());
	scheduler_unlock(scheduler);
}

static int restore_once(struct scheduler_card *card)
{
	enum accel_loss loss;
	int ret = accel_context_get_loss(card->context, &loss);

	if (!ret && loss == ACCEL_LOSS_CARD)
		region_drop_imports(card);
	if (!ret)
		ret = accel_context_restore(card->context, NULL);
	return ret ? ret : card_make_streams(card);
}

/* Streams first: they hold commands that nobody wants any more. */
static bool card_restore(struct scheduler_card *card)
{
	int ret = -ENODEV;

	for (int i = 0; i < RESTORES_MAX && ret; i++) {
		card_drop_streams(card);
		ret = restore_once(card);
	}
	card->gone = ret;
	card->has_clock = false;
	if (!ret)
		region_add_missing(card);
	return !ret;
}

bool card_try_restore(struct scheduler_card *card)
{
	if (!card_restore(card))
		return false;
	tell_up(card);
	return true;
}

/* --- Who failed ------------------------------------------------------------------- */

/** struct failure - what there is to be cleaned up */
struct failure {
	int error;
	char *text;			/* of it; NULL: no memory */
	struct scheduler_slot *guilty;	/* failed first; NULL: none, only the card did */
	struct scheduler_slots behind;	/* did not come to their end */
	struct scheduler_slot *fresh;	/* had not started; NULL: none */
};

static void note_failure(struct failure *failure, struct scheduler_slot *slot, int error)
{
	free(failure->text);
	failure->text = strdup(accel_last_error());
	failure->guilty = slot;
	failure->error = error;
}

/* Older ones that end well do so; the first that does not is the one that counts. */
static void find_failure(struct scheduler_card *card, struct failure *failure)
{
	struct scheduler_slot *slot;

	STAILQ_INIT(&failure->behind);
	while ((slot = STAILQ_FIRST(&card->running))) {
		int ret = batch_wait(slot, ACCEL_WAIT_FOREVER);

		STAILQ_REMOVE_HEAD(&card->running, link);
		if (ret) {
			note_failure(failure, slot, ret);
			break;
		}
		card_batch_good(card, slot);
	}
	STAILQ_CONCAT(&failure->behind, &card->running);
	if (!failure->guilty) {
		failure->guilty = failure->fresh;
		failure->fresh = NULL;
	}
}

static struct scheduler_slot *take_behind(struct failure *failure)
{
	struct scheduler_slot *slot = STAILQ_FIRST(&failure->behind);

	if (slot)
		STAILQ_REMOVE_HEAD(&failure->behind, link);
	return slot;
}

static int failure_text(const struct failure *failure)
{
	return error_set(failure->error, "%s", failure->text ? failure->text : "");
}

/* --- What to do about it ---------------------------------------------------------- */

/* Return: false: and now the card is lost. */
static bool recover_own(struct scheduler_card *card, struct failure *failure)
{
	struct scheduler_slot *slot = failure->guilty;
	int ret = renew_streams(card);

	if (ret)
		return false;
	if (slot && is_worth_one_by_one(slot, failure->error)) {
		ret = run_one_by_one(card, slot);
		if (ret) {
			note_failure(failure, slot, ret);
			return false;
		}
		card_batch_done(card, slot, 0, false, 0);
	} else if (slot) {
		card_batch_done(card, slot, failure_text(failure), false, 0);
	}
	failure->guilty = NULL;
	error_set(-ECANCELED, "the work before it failed, and there was no time to run it again");
	while ((slot = take_behind(failure)))
		card_give_back(card, slot, -ECANCELED);
	if (failure->fresh)
		card_give_back(card, failure->fresh, -ECANCELED);
	return true;
}

static void end_lost(struct scheduler_card *card, struct failure *failure, enum accel_loss loss)
{
	struct scheduler_slot *slot = failure->guilty;

	for (; slot; slot = take_behind(failure)) {
		judge(card, slot, loss);
		card_batch_done(card, slot, failure_text(failure), true, 0);
	}
	failure_text(failure);
	if (failure->fresh)
		card_give_back(card, failure->fresh, failure->error);
}

static void note_loss(struct scheduler_card *card)
{
	scheduler_lock(card->scheduler);
	card->losses++;
	pthread_mutex_unlock(&card->scheduler->lock);
}

/*
 * With other cards the work goes there at once. Without, what waits would end if the core knew that
 * the card is away: it is told only if that stays so.
 */
static void recover_loss(struct scheduler_card *card, struct failure *failure, enum accel_loss loss)
{
	uint64_t begin_ns = clock_now_ns();
	bool others = others_work(card), works = false;

	note_loss(card);
	if (!others)
		works = card_restore(card);
	if (!works)
		tell_down(card);
	end_lost(card, failure, loss);
	if (others)
		works = card_restore(card);
	if (works)
		tell_up(card);
	if (scheduler_is_traced(card->scheduler))
		trace_span(card, ACCEL_TRACE_LOSS, UINT32_MAX, begin_ns, works ? 0 : -ENODEV);
}

void card_recover(struct scheduler_card *card, struct scheduler_slot *fresh, int error)
{
	struct failure failure = { .error = error, .fresh = fresh };
	enum accel_loss loss;

	failure.text = strdup(accel_last_error());
	find_failure(card, &failure);
	if (accel_context_get_loss(card->context, &loss))
		loss = ACCEL_LOSS_CARD;
	if (loss == ACCEL_LOSS_NONE && !recover_own(card, &failure)) {
		if (accel_context_get_loss(card->context, &loss) || loss == ACCEL_LOSS_NONE)
			loss = ACCEL_LOSS_CARD;
	}
	if (loss != ACCEL_LOSS_NONE)
		recover_loss(card, &failure, loss);
	free(failure.text);
}

bool card_check_loss(struct scheduler_card *card)
{
	enum accel_loss loss;
	int error = -ENODEV;

	if (accel_context_get_loss(card->context, &loss) || loss == ACCEL_LOSS_NONE)
		return false;
	card_recover(card, NULL, error);
	return !card->gone;
}
