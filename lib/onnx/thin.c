// SPDX-License-Identifier: MIT
/*
 * A model without its weights: protobuf-c copies the bytes of every field, so
 * large raw_data of initializers is left out of what it unpacks, and pointed at
 * where it lies in the file. The wire format was checked before.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../error.h"
#include "onnx.h"

#define LARGE_BYTES	(64u << 10)

/* Field numbers of onnx.proto. */
#define MODEL_GRAPH		7
#define GRAPH_INITIALIZER	5
#define TENSOR_RAW_DATA		9

#define WIRE_VARINT	0
#define WIRE_64		1
#define WIRE_BYTES	2

struct field {
	uint32_t number;
	uint32_t wire;
	const uint8_t *start;		/* of the tag */
	const uint8_t *data;		/* WIRE_BYTES: its bytes, up to end */
	const uint8_t *end;
};

static uint64_t take_varint(const uint8_t **at)
{
	uint64_t value = 0;
	unsigned int shift = 0;

	do {
		if (shift < 64)
			value |= (uint64_t)(**at & 0x7f) << shift;
		shift += 7;
	} while (*(*at)++ & 0x80);
	return value;
}

static void take_field(const uint8_t **at, struct field *field)
{
	uint64_t tag, length;

	field->start = *at;
	tag = take_varint(at);
	field->number = (uint32_t)(tag >> 3);
	field->wire = tag & 7;
	if (field->wire == WIRE_VARINT) {
		take_varint(at);
	} else if (field->wire == WIRE_BYTES) {
		length = take_varint(at);
		field->data = *at;
		*at += length;
	} else {
		*at += field->wire == WIRE_64 ? 8 : 4;
	}
	field->end = *at;
}

static uint8_t *put_varint(uint8_t *to, uint64_t value)
{
	for (; value >= 0x80; value >>= 7)
		*to++ = (uint8_t)value | 0x80;
	*to++ = (uint8_t)value;
	return to;
}

static uint8_t *put_bytes(uint8_t *to, const uint8_t *data, size_t bytes)
{
	memcpy(to, data, bytes);
	return to + bytes;
}

/* Where a message has moved to: its length has to be known before it is written. */
static uint8_t *close_message(uint8_t *start, uint8_t *end, uint32_t number)
{
	uint8_t head[20], *head_end;
	size_t bytes = (size_t)(end - start);

	head_end = put_varint(head, (uint64_t)number << 3 | WIRE_BYTES);
	head_end = put_varint(head_end, bytes);
	memmove(start + (head_end - head), start, bytes);
	memcpy(start, head, (size_t)(head_end - head));
	return start + (head_end - head) + bytes;
}

/* The last raw_data of a tensor counts, as it does for protobuf. */
static uint8_t *thin_tensor(uint8_t *to, const struct field *message, struct onnx_raw *raw)
{
	const uint8_t *at = message->data;
	struct field field;

	*raw = (struct onnx_raw) { 0 };
	while (at < message->end) {
		take_field(&at, &field);
		if (field.number == TENSOR_RAW_DATA && field.wire == WIRE_BYTES) {
			bool large = field.end - field.data >= LARGE_BYTES;

			*raw = (struct onnx_raw) {
				.data = large ? field.data : NULL,
				.bytes = large ? (size_t)(field.end - field.data) : 0,
			};
			if (large)
				continue;
		}
		to = put_bytes(to, field.start, (size_t)(field.end - field.start));
	}
	return to;
}

static uint8_t *thin_graph(uint8_t *to, const struct field *message, struct onnx_thin *thin)
{
	const uint8_t *at = message->data;
	struct field field;

	while (at < message->end) {
		take_field(&at, &field);
		if (field.number == GRAPH_INITIALIZER && field.wire == WIRE_BYTES)
			to = close_message(to, thin_tensor(to, &field, &thin->raws[thin->raw_count++]),
					   GRAPH_INITIALIZER);
		else
			to = put_bytes(to, field.start, (size_t)(field.end - field.start));
	}
	return to;
}

/* What is counted is 2 bytes of the file at least, and what is kept never longer than there. */
static void count_graph(const struct field *message, struct onnx_thin *thin, size_t *kept)
{
	const uint8_t *at = message->data, *inner;
	struct field field, part;

	while (at < message->end) {
		take_field(&at, &field);
		if (field.number != GRAPH_INITIALIZER || field.wire != WIRE_BYTES)
			continue;
		thin->raw_count++;
		for (inner = field.data; inner < field.end;) {
			take_field(&inner, &part);
			if (part.number == TENSOR_RAW_DATA && part.wire == WIRE_BYTES &&
			    part.end - part.data >= LARGE_BYTES)
				*kept -= (size_t)(part.end - part.start);
		}
	}
}

static int thin_alloc(struct onnx_thin *thin, const uint8_t *data, size_t bytes)
{
	const uint8_t *at = data;
	struct field field;
	size_t kept = bytes;

	while (at < data + bytes) {
		take_field(&at, &field);
		if (field.number == MODEL_GRAPH && field.wire == WIRE_BYTES)
			count_graph(&field, thin, &kept);
	}
	/* A message may be written before its head: room for one that is not minimal here. */
	thin->data = malloc(kept + 32);
	thin->raws = calloc(thin->raw_count + 1, sizeof(*thin->raws));
	thin->raw_count = 0;
	return thin->data && thin->raws ? 0 : error_set(-ENOMEM, "no memory for %zu bytes", kept);
}

int onnx_thin_make(struct onnx_thin *thin, const uint8_t *data, size_t bytes)
{
	const uint8_t *at = data;
	struct field field;
	uint8_t *to;
	int err = thin_alloc(thin, data, bytes);

	if (err)
		return err;
	for (to = thin->data; at < data + bytes;) {
		take_field(&at, &field);
		if (field.number == MODEL_GRAPH && field.wire == WIRE_BYTES)
			to = close_message(to, thin_graph(to, &field, thin), MODEL_GRAPH);
		else
			to = put_bytes(to, field.start, (size_t)(field.end - field.start));
	}
	thin->bytes = (size_t)(to - thin->data);
	return 0;
}

void onnx_thin_fill(const struct onnx_thin *thin, Onnx__ModelProto *model)
{
	for (size_t i = 0; model->graph && i < model->graph->n_initializer && i < thin->raw_count; i++) {
		Onnx__TensorProto *tensor = model->graph->initializer[i];

		if (!thin->raws[i].data)
			continue;
		/* An earlier, smaller one was unpacked. */
		free(tensor->raw_data.data);
		tensor->has_raw_data = 1;
		tensor->raw_data.data = (uint8_t *)(uintptr_t)thin->raws[i].data;
		tensor->raw_data.len = thin->raws[i].bytes;
	}
}

void onnx_thin_drop(const struct onnx_thin *thin, Onnx__ModelProto *model)
{
	for (size_t i = 0; model && model->graph && i < model->graph->n_initializer && i < thin->raw_count;
	     i++) {
		if (!thin->raws[i].data)
			continue;
		model->graph->initializer[i]->raw_data.data = NULL;
		model->graph->initializer[i]->raw_data.len = 0;
	}
}
