// SPDX-License-Identifier: MIT
/*
 * How long batches take: per card, model and size a moving mean and a moving
 * mean deviation. Sizes that were never run follow from the nearest that was.
 */
#include "isched_private.h"

#define GUESS_NS		UINT64_C(1000000)
#define WEIGHT_SHIFT		4	/* a sample counts 1/16, the first ones more */
/* Of a normal distribution, mean + 4 mean absolute deviations is exceeded by 1 in 1400. */
#define BOUND_DEVIATIONS	4
/* Of a sum of many, each counts for half of one more: a plan gets safer the longer it is. */
#define PLAN_DEVIATIONS_HALVES	1
/* So many batches in a row at twice their time: the card has become slower. */
#define SLOW_STREAK		3
#define RATIO_ONE		16u
/* So many samples of a size move those that were never run. */
#define GUESS_SAMPLES		64u
/* What was learned is doubted after so many times itself without a sample. */
#define STALE_TIMES		64u

static uint64_t guess_ns(const struct isched_seat *seat, uint32_t count)
{
	return seat->guess_first_ns + (count - 1) * seat->guess_next_ns;
}

void isched_time_guess(struct isched_seat *seat, const struct isched_model_options *options)
{
	seat->guess_first_ns = options->first_ns ? options->first_ns : GUESS_NS;
	seat->guess_next_ns = options->first_ns ? options->next_ns : GUESS_NS;
	for (uint32_t n = 1; n <= ISCHED_BATCH_MAX; n++)
		seat->times[n].mean_ns = guess_ns(seat, n);
}

void isched_time_learn(struct isched_time *time, uint64_t sample_ns)
{
	uint64_t off_ns;

	if (sample_ns > ISCHED_SPAN_MAX_NS)
		sample_ns = ISCHED_SPAN_MAX_NS;
	off_ns = sample_ns > time->mean_ns ? sample_ns - time->mean_ns : time->mean_ns - sample_ns;
	if (!time->samples) {
		time->mean_ns = sample_ns;
		time->deviation_ns = sample_ns / 16;
	} else {
		uint32_t shift = time->samples < (1u << WEIGHT_SHIFT)
					 ? 32 - (uint32_t)__builtin_clz(time->samples)
					 : WEIGHT_SHIFT;

		time->mean_ns += (uint64_t)((int64_t)(sample_ns - time->mean_ns) >> shift);
		time->deviation_ns += (uint64_t)((int64_t)(off_ns - time->deviation_ns) >> shift);
	}
	if (time->samples < UINT32_MAX)
		time->samples++;
}

uint64_t isched_time_bound_ns(const struct isched_time *time)
{
	return time->mean_ns + BOUND_DEVIATIONS * time->deviation_ns;
}

uint64_t isched_predict_ns(const struct isched *sched, uint32_t card, uint32_t model,
			   uint32_t count)
{
	const struct isched_time *time = &isched_seat(sched, card, model)->times[count];

	return time->mean_ns + PLAN_DEVIATIONS_HALVES * time->deviation_ns / 2;
}

/*
 * Sizes that were never run are as far from the guess as the one that was, and follow it while it
 * is still learned; later they would move too little to be worth it.
 */
static void scale_guesses(struct isched_seat *seat, uint32_t count)
{
	const struct isched_time *known = &seat->times[count];
	uint64_t spread = known->mean_ns / (known->deviation_ns + 1) + 1;

	if (known->samples > GUESS_SAMPLES || !seat->guess_first_ns)
		return;
	for (uint32_t n = 1; n <= ISCHED_BATCH_MAX; n++) {
		unsigned __int128 scaled = (unsigned __int128)guess_ns(seat, n) * known->mean_ns;

		if (seat->times[n].samples)
			continue;
		scaled /= guess_ns(seat, count);
		seat->times[n].mean_ns = scaled > ISCHED_SPAN_MAX_NS ? ISCHED_SPAN_MAX_NS
								    : (uint64_t)scaled;
		seat->times[n].deviation_ns = seat->times[n].mean_ns / spread;
	}
}

static void bound_time(struct isched_time *time, uint64_t mean_ns, uint64_t deviation_ns)
{
	if (time->mean_ns <= mean_ns)
		return;
	time->mean_ns = mean_ns;
	time->deviation_ns = deviation_ns;
}

/*
 * A part of a batch takes no longer than all of it, and several no longer than one after the other.
 * So a size that is run corrects those that were last run, or scaled, in a bad time.
 */
static void bound_others(struct isched_seat *seat, uint32_t count)
{
	const struct isched_time known = seat->times[count];

	for (uint32_t n = 1; n < count; n++)
		bound_time(&seat->times[n], known.mean_ns, known.deviation_ns);
	for (uint32_t n = count + 1; n <= ISCHED_BATCH_MAX; n++) {
		uint32_t runs = (n + count - 1) / count;

		bound_time(&seat->times[n], runs * known.mean_ns, runs * known.deviation_ns);
	}
}

static void scale_card(struct isched *sched, struct isched_card *card)
{
	for (uint32_t i = 0; i < sched->model_count; i++) {
		for (uint32_t n = 1; n <= ISCHED_BATCH_MAX; n++) {
			struct isched_time *time = &card->seats[i]->times[n];

			time->mean_ns = time->mean_ns * card->slow_ratio / RATIO_ONE;
			if (time->mean_ns > ISCHED_SPAN_MAX_NS)
				time->mean_ns = ISCHED_SPAN_MAX_NS;
		}
	}
}

/* The mean follows slowly; tenfold times are believed at the third in a row. */
static bool learn_slowness(struct isched *sched, struct isched_card *card, uint64_t predicted_ns,
			   uint64_t exec_ns)
{
	uint64_t ratio = predicted_ns ? exec_ns / (predicted_ns / RATIO_ONE + 1) : 0;

	if (ratio < 2 * RATIO_ONE) {
		card->slow_streak = 0;
		return false;
	}
	if (ratio > 1024 * RATIO_ONE)
		ratio = 1024 * RATIO_ONE;
	if (!card->slow_streak || ratio < card->slow_ratio)
		card->slow_ratio = ratio;
	if (++card->slow_streak < SLOW_STREAK)
		return false;
	card->slow_streak = 0;
	scale_card(sched, card);
	return true;
}

bool isched_learn_exec(struct isched *sched, const struct isched_batch *batch, uint64_t exec_ns)
{
	struct isched_card *card = &sched->cards[batch->card];
	struct isched_seat *seat = isched_seat(sched, batch->card, batch->model);
	struct isched_time *time = &seat->times[batch->count];
	uint64_t before_ns = time->mean_ns;
	bool known = time->samples;

	if (exec_ns > ISCHED_SPAN_MAX_NS)
		exec_ns = ISCHED_SPAN_MAX_NS;
	if (known && learn_slowness(sched, card, before_ns, exec_ns))
		return true;
	/* While a streak lasts it is not known yet whether these count. */
	if (known && card->slow_streak)
		return false;
	isched_time_learn(time, exec_ns);
	scale_guesses(seat, batch->count);
	bound_others(seat, batch->count);
	if (batch->count > seat->largest)
		seat->largest = batch->count;
	if (!seat->best_ns || seat->times[1].mean_ns < seat->best_ns)
		seat->best_ns = seat->times[1].mean_ns;
	return false;
}

/*
 * Who refuses everything learns nothing: after a slow time that would be for ever. So an idle card
 * that refuses, and was twice as fast or steady once, forgets until it takes one and knows.
 */
void isched_learn_doubt(struct isched *sched, uint32_t card, uint32_t model, uint64_t now_ns)
{
	struct isched_seat *seat = isched_seat(sched, card, model);
	uint64_t mean_ns = seat->times[1].mean_ns;

	if ((mean_ns < 2 * seat->best_ns && seat->times[1].deviation_ns < mean_ns / 2) ||
	    now_ns < seat->used_ns + STALE_TIMES * mean_ns ||
	    now_ns < seat->doubted_ns + STALE_TIMES * mean_ns / 8)
		return;
	seat->doubted_ns = now_ns;
	for (uint32_t n = 1; n <= ISCHED_BATCH_MAX; n++) {
		seat->times[n].mean_ns -= seat->times[n].mean_ns / 8;
		seat->times[n].deviation_ns -= seat->times[n].deviation_ns / 4;
	}
}

uint64_t isched_margin_ns(const struct isched *sched, uint32_t model)
{
	for (uint32_t i = 0; i < sched->options.cards; i++) {
		const struct isched_seat *seat = isched_seat(sched, i, model);

		/* Of sizes that were never run nothing is known. */
		if (isched_can_run(sched, i, model))
			return BOUND_DEVIATIONS * seat->times[seat->largest].deviation_ns;
	}
	return 0;
}
