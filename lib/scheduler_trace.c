// SPDX-License-Identifier: MIT
/* What a scheduler does, told to a tool: by its own clock, and by the clocks of the cards. */
#include <endian.h>

#include "error.h"
#include "scheduler.h"

/* The card's clock is read between two of the host's: of so many the closest pair counts. */
#define CLOCK_TRIES	8

static void trace_emit(struct accel_scheduler *scheduler, const struct accel_trace_event *event)
{
	void (*trace)(void *opaque, const struct accel_trace_event *event) =
		__atomic_load_n(&scheduler->trace, __ATOMIC_ACQUIRE);

	if (trace)
		trace(scheduler->trace_opaque, event);
}

int accel_scheduler_trace(struct accel_scheduler *scheduler,
			  void (*event)(void *opaque, const struct accel_trace_event *event),
			  void *opaque)
{
	int ret = scheduler_check(scheduler);
	bool busy;

	if (ret)
		return ret;
	scheduler_lock(scheduler);
	busy = scheduler->live;
	if (!busy) {
		scheduler->trace_opaque = opaque;
		__atomic_store_n(&scheduler->trace, event, __ATOMIC_RELEASE);
	}
	pthread_mutex_unlock(&scheduler->lock);
	return busy ? error_set(-EBUSY, "there are requests: set the trace before the first one")
		    : 0;
}

/* --- Events of the host's clock --------------------------------------------------- */

void trace_request(const struct accel_request *request)
{
	struct accel_trace_event event = {
		.kind = ACCEL_TRACE_REQUEST, .card = request->card,
		.begin_ns = request->submit_ns, .end_ns = request->core.end_ns, .id = request->id,
		.batch = request->batch_id, .count = 1, .result = request->core.result,
		.service = request->service, .client = request->client,
	};

	trace_emit(request->scheduler, &event);
}

static const struct accel_service *find_service(struct accel_scheduler *scheduler, uint32_t model)
{
	const struct accel_service *service;

	if (model == UINT32_MAX)
		return NULL;
	scheduler_lock(scheduler);
	service = scheduler->services[model];
	pthread_mutex_unlock(&scheduler->lock);
	return service;
}

void trace_span(struct scheduler_card *card, enum accel_trace_kind kind, uint32_t model,
		uint64_t begin_ns, int result)
{
	struct accel_trace_event event = {
		.kind = kind, .card = card->index, .begin_ns = begin_ns, .end_ns = clock_now_ns(),
		.result = result, .service = find_service(card->scheduler, model),
	};

	trace_emit(card->scheduler, &event);
}

/* --- The card's clock ------------------------------------------------------------- */

static uint64_t card_ns(const struct scheduler_card *card, uint64_t stamp)
{
	uint64_t hz = card->device->facts.timestamp_hz;

	return hz ? (uint64_t)((unsigned __int128)stamp * 1000000000u / hz) : 0;
}

static int read_clock(struct scheduler_card *card, struct scheduler_slot *slot,
		      const uint64_t *stamps, uint64_t *width_ns)
{
	struct accel_stream *stream = card->streams[SCHEDULER_RUN];
	uint64_t before_ns = clock_now_ns(), after_ns;
	int ret = accel_stream_timestamp(stream, accel_buffer_address(slot->stamps));

	if (!ret)
		ret = accel_stream_synchronize(stream, ACCEL_WAIT_FOREVER);
	if (ret)
		return ret;
	after_ns = clock_now_ns();
	if (after_ns - before_ns >= *width_ns)
		return 0;
	*width_ns = after_ns - before_ns;
	card->clock_offset_ns = (int64_t)(before_ns + *width_ns / 2 -
					  card_ns(card, le64toh(stamps[0])));
	return 0;
}

static int make_stamps(struct scheduler_card *card, struct scheduler_slot *slot)
{
	return accel_buffer_create(card->context, SCHEDULER_STAMPS * sizeof(uint64_t),
				   ACCEL_MEMORY_HOST, 0, &slot->stamps);
}

static const uint64_t *map_stamps(const struct scheduler_slot *slot)
{
	void *map;

	return accel_buffer_map(slot->stamps, &map) ? NULL : map;
}

/* Without them a batch is traced as a whole only: nothing fails for it. */
void trace_prepare(struct scheduler_card *card, struct scheduler_slot *slot)
{
	uint64_t width_ns = UINT64_MAX;
	const uint64_t *stamps;

	if (slot->stamps || make_stamps(card, slot))
		return;
	stamps = map_stamps(slot);
	if (!stamps || card->has_clock || !STAILQ_EMPTY(&card->running))
		return;
	for (int i = 0; i < CLOCK_TRIES; i++)
		if (read_clock(card, slot, stamps, &width_ns))
			return;
	card->has_clock = true;
}

static void trace_phases(struct scheduler_card *card, const struct scheduler_slot *slot,
			 const struct accel_trace_event *batch)
{
	static const struct {
		enum accel_trace_kind kind;
		uint32_t begin, end;
	} phases[] = {
		{ ACCEL_TRACE_UPLOAD, SCHEDULER_STAMP_BEGIN, SCHEDULER_STAMP_UPLOADED },
		{ ACCEL_TRACE_COMPUTE, SCHEDULER_STAMP_COMPUTE, SCHEDULER_STAMP_COMPUTED },
		{ ACCEL_TRACE_DOWNLOAD, SCHEDULER_STAMP_DOWNLOAD, SCHEDULER_STAMP_DONE },
	};
	const uint64_t *stamps = map_stamps(slot);

	for (uint32_t i = 0; stamps && i < 3; i++) {
		struct accel_trace_event event = *batch;

		event.kind = phases[i].kind;
		event.begin_ns = card_ns(card, le64toh(stamps[phases[i].begin])) +
				 (uint64_t)card->clock_offset_ns;
		event.end_ns = card_ns(card, le64toh(stamps[phases[i].end])) +
			       (uint64_t)card->clock_offset_ns;
		trace_emit(card->scheduler, &event);
	}
}

void trace_batch(struct scheduler_card *card, const struct scheduler_slot *slot, int result)
{
	struct accel_trace_event event = {
		.kind = ACCEL_TRACE_BATCH, .card = card->index, .begin_ns = slot->submit_ns,
		.end_ns = clock_now_ns(), .id = slot->id, .count = slot->batch->count,
		.result = result, .service = find_service(card->scheduler, slot->batch->model),
	};

	trace_emit(card->scheduler, &event);
	if (!result && slot->stamps && card->has_clock)
		trace_phases(card, slot, &event);
}
