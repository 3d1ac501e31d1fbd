// SPDX-License-Identifier: MIT
/*
 * A batch as commands: its requests' inputs are gathered in the workspace by the
 * card, one program runs on them, its outputs are scattered.
 *
 * Three streams let a batch be uploaded while the one before it is computed and
 * the one before that is downloaded. With nothing else on the card one stream is
 * quicker, as nothing is waited for in between.
 */
#include "error.h"
#include "scheduler.h"
#include "stream.h"

/** struct part - requests that one program runs */
struct part {
	struct scheduler_card *card;
	struct scheduler_slot *slot;
	struct accel_model *model;
	struct accel_request *first;
	uint32_t count;
	struct accel_stream *up, *run, *down;
	bool is_direct;
};

static struct accel_request *batch_first(const struct isched_batch *batch)
{
	return to_request(TAILQ_FIRST(&batch->requests));
}

/* --- Memory ----------------------------------------------------------------------- */

/* Grows with the largest batch that came; its slot is free. */
static int slot_reserve(struct scheduler_card *card, struct scheduler_slot *slot, uint64_t bytes)
{
	enum accel_placement placement = card->free_bytes == UINT64_MAX ? ACCEL_MEMORY_HOST
									: ACCEL_MEMORY_CARD;

	if (!bytes || (slot->workspace && accel_buffer_bytes(slot->workspace) >= bytes))
		return 0;
	accel_buffer_destroy(slot->workspace);
	slot->workspace = NULL;
	return accel_buffer_create(card->context, bytes, placement, 0, &slot->workspace);
}

static int part_prepare(struct part *part)
{
	const struct isched_batch *batch = part->slot->batch;
	int ret = seat_get_model(part->card, batch->model, part->count, &part->model);

	return ret ? ret : slot_reserve(part->card, part->slot,
					part->model->stats.workspace_bytes);
}

int batch_prepare(struct scheduler_card *card, struct scheduler_slot *slot)
{
	struct part part = { .card = card, .slot = slot, .count = slot->batch->count };

	return part_prepare(&part);
}

/* --- Transfers -------------------------------------------------------------------- */

static struct accel_buffer *tensor_buffer(const struct part *part, const struct request_tensor *tensor)
{
	return tensor->region ? tensor->region->buffers[part->card->index] : NULL;
}

static int check_reach(const struct part *part, const struct request_tensor *tensor)
{
	if (tensor_address(tensor))
		return 0;
	return error_set(-EOPNOTSUPP, "%s does not reach the dma-buf, and the CPU cannot map it",
			 part->card->device->info.name);
}

static int move_in(const struct part *part, const struct request_tensor *tensor, uint64_t offset)
{
	struct accel_buffer *workspace = part->slot->workspace;
	struct accel_buffer *buffer = tensor_buffer(part, tensor);
	int ret;

	if (buffer)
		return accel_stream_copy(part->up, workspace->address + offset,
					 buffer->address + tensor->offset, tensor->bytes);
	ret = check_reach(part, tensor);
	return ret ? ret : accel_stream_upload(part->up, workspace, offset, tensor_address(tensor),
					       tensor->bytes);
}

static int move_out(const struct part *part, const struct request_tensor *tensor, uint64_t offset)
{
	struct accel_buffer *workspace = part->slot->workspace;
	struct accel_buffer *buffer = tensor_buffer(part, tensor);
	int ret;

	if (buffer)
		return accel_stream_copy(part->down, buffer->address + tensor->offset,
					 workspace->address + offset, tensor->bytes);
	ret = check_reach(part, tensor);
	return ret ? ret : accel_stream_download(part->down, tensor_address(tensor), workspace,
						 offset, tensor->bytes);
}

static struct accel_request *next_request(const struct accel_request *request)
{
	return to_request(TAILQ_NEXT(&request->core, link));
}

static int part_gather(const struct part *part)
{
	const struct accel_model *model = part->model;
	const struct accel_request *request = part->first;
	int ret = 0;

	for (uint32_t n = 0; n < part->count && !ret; n++, request = next_request(request))
		for (uint32_t i = 0; i < model->input_count && !ret; i++)
			ret = move_in(part, &request->tensors[i], model->inputs[i].offset +
				      n * request->tensors[i].bytes);
	return ret;
}

static int part_scatter(const struct part *part)
{
	const struct accel_model *model = part->model;
	const struct accel_request *request = part->first;
	int ret = 0;

	for (uint32_t n = 0; n < part->count && !ret; n++, request = next_request(request))
		for (uint32_t o = 0; o < model->output_count && !ret; o++) {
			const struct request_tensor *tensor =
				&request->tensors[model->input_count + o];

			ret = move_out(part, tensor, model->outputs[o].offset + n * tensor->bytes);
		}
	return ret;
}

/* --- Commands --------------------------------------------------------------------- */

static int part_stamp(const struct part *part, struct accel_stream *stream, uint32_t which)
{
	if (!part->slot->stamps)
		return 0;
	return accel_stream_timestamp(stream, accel_buffer_address(part->slot->stamps) +
				      which * sizeof(uint64_t));
}

static int hand_over(struct accel_stream *from, struct accel_event *event, struct accel_stream *to)
{
	int ret = accel_stream_record(from, event);

	return ret ? ret : accel_stream_wait_event(to, event);
}

static int part_upload(const struct part *part)
{
	int ret = part_stamp(part, part->up, SCHEDULER_STAMP_BEGIN);

	if (!ret)
		ret = part_gather(part);
	if (!ret)
		ret = part_stamp(part, part->up, SCHEDULER_STAMP_UPLOADED);
	if (!ret && !part->is_direct)
		ret = hand_over(part->up, part->slot->uploaded, part->run);
	return ret;
}

static int part_compute(const struct part *part)
{
	struct accel_model *model = part->model;
	int ret = part_stamp(part, part->run, SCHEDULER_STAMP_COMPUTE);

	/* Copied by the call: other slots use the model with their workspace. */
	model->arguments[MODEL_SLOT_WORKSPACE].buffer = part->slot->workspace;
	if (!ret && model->program->op_count)
		ret = accel_stream_exec(part->run, model->program, model->arguments,
					model->argument_count);
	if (!ret)
		ret = part_stamp(part, part->run, SCHEDULER_STAMP_COMPUTED);
	if (!ret && !part->is_direct)
		ret = hand_over(part->run, part->slot->computed, part->down);
	return ret;
}

static int part_download(const struct part *part)
{
	int ret = part_stamp(part, part->down, SCHEDULER_STAMP_DOWNLOAD);

	if (!ret)
		ret = part_scatter(part);
	if (!ret)
		ret = part_stamp(part, part->down, SCHEDULER_STAMP_DONE);
	return ret ? ret : accel_stream_record(part->down, part->slot->done);
}

static int part_enqueue(struct part *part)
{
	struct accel_stream **streams = part->card->streams;
	int ret = part_prepare(part);

	part->run = streams[SCHEDULER_RUN];
	part->up = part->is_direct ? part->run : streams[SCHEDULER_UP];
	part->down = part->is_direct ? part->run : streams[SCHEDULER_DOWN];
	if (!ret)
		ret = part_upload(part);
	if (!ret)
		ret = part_compute(part);
	return ret ? ret : part_download(part);
}

int batch_enqueue(struct scheduler_card *card, struct scheduler_slot *slot)
{
	struct part part = {
		.card = card, .slot = slot, .first = batch_first(slot->batch),
		.count = slot->batch->count,
		.is_direct = STAILQ_EMPTY(&card->running) ||
			     card->streams[SCHEDULER_UP] == card->streams[SCHEDULER_RUN],
	};
	int ret = part_enqueue(&part);

	slot->is_direct = part.is_direct;
	return ret ? ret : event_notify_fd(slot->done, card->wake_fd);
}

int batch_run_alone(struct scheduler_card *card, struct scheduler_slot *slot,
		    struct accel_request *request)
{
	struct part part = {
		.card = card, .slot = slot, .first = request, .count = 1, .is_direct = true,
	};
	int ret = part_enqueue(&part);

	slot->is_direct = true;
	return ret ? ret : batch_wait(slot, ACCEL_WAIT_FOREVER);
}

/* A stream that failed lets go those that wait for it: each of them is asked. */
int batch_wait(struct scheduler_slot *slot, uint64_t timeout_ns)
{
	int ret = accel_event_wait(slot->done, timeout_ns);

	if (ret == -ETIME)
		return -EAGAIN;
	if (slot->is_direct)
		return ret;
	if (!ret)
		ret = accel_event_wait(slot->computed, ACCEL_WAIT_FOREVER);
	return ret ? ret : accel_event_wait(slot->uploaded, ACCEL_WAIT_FOREVER);
}
