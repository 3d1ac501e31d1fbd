// SPDX-License-Identifier: MIT
/*
 * Checks the protobuf wire format of a model before protobuf-c unpacks it:
 * protobuf-c recurses without a limit, and tells neither what was wrong nor
 * where.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "../error.h"
#include "onnx.h"

#define DEPTH_MAX	32	/* a tensor in an attribute of a node is at depth 4 */
#define PATH_BYTES	160

struct message {
	const struct message *parent;
	const char *name;	/* of the field that holds it; NULL: the file */
	const ProtobufCMessageDescriptor *type;
	uint32_t depth;
};

struct reader {
	const uint8_t *start;
	const uint8_t *at;
	const uint8_t *end;
};

static void write_path(const struct message *message, char *path, size_t bytes)
{
	if (!message->parent) {
		snprintf(path, bytes, "model");
		return;
	}
	write_path(message->parent, path, bytes);
	snprintf(path + strlen(path), bytes - strlen(path), ".%s", message->name);
}

static int refuse(const struct reader *reader, const struct message *message, const char *what)
{
	char path[PATH_BYTES];

	write_path(message, path, sizeof(path));
	return error_set(-EINVAL, "byte %zu (%s): %s", (size_t)(reader->at - reader->start), path, what);
}

static bool read_varint(struct reader *reader, uint64_t *value)
{
	uint64_t result = 0;

	for (unsigned int shift = 0; shift < 70 && reader->at < reader->end; shift += 7) {
		uint8_t byte = *reader->at++;

		if (shift < 64)
			result |= (uint64_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80)) {
			*value = result;
			return true;
		}
	}
	return false;
}

static int check_message(struct reader *reader, const struct message *message);

static int check_field(struct reader *reader, const struct message *message, uint32_t number)
{
	const ProtobufCFieldDescriptor *field =
		protobuf_c_message_descriptor_get_field(message->type, number);
	struct message inner = { .parent = message, .depth = message->depth + 1 };
	struct reader part = *reader;
	uint64_t length;

	if (!read_varint(reader, &length))
		return refuse(reader, message, "length is cut off or too long");
	if (length > (uint64_t)(reader->end - reader->at))
		return refuse(reader, message, "field is longer than what is left of the file");
	part.at = reader->at;
	part.end = reader->at + length;
	reader->at = part.end;
	if (!field || field->type != PROTOBUF_C_TYPE_MESSAGE)
		return 0;
	if (inner.depth > DEPTH_MAX)
		return refuse(reader, message, "messages are nested too deeply");
	inner.name = field->name;
	inner.type = field->descriptor;
	return check_message(&part, &inner);
}

static int check_message(struct reader *reader, const struct message *message)
{
	while (reader->at < reader->end) {
		const struct reader field = *reader;	/* errors name where it starts */
		uint64_t tag, value;
		size_t skip = 0;
		int err;

		if (!read_varint(reader, &tag) || tag >> 3 == 0 || tag >> 3 > 0x1fffffff)
			return refuse(&field, message, "no valid field tag");
		switch (tag & 7) {
		case 0:
			if (!read_varint(reader, &value))
				return refuse(&field, message, "number is cut off or too long");
			break;
		case 1:
			skip = 8;
			break;
		case 2:
			err = check_field(reader, message, tag >> 3);
			if (err)
				return err;
			break;
		case 5:
			skip = 4;
			break;
		default:
			return refuse(&field, message, "unknown wire type");
		}
		if (skip > (size_t)(reader->end - reader->at))
			return refuse(&field, message, "field is cut off");
		reader->at += skip;
	}
	return 0;
}

/* The text of an error names the byte and the fields around it. */
int onnx_wire_check(const uint8_t *data, size_t bytes, const ProtobufCMessageDescriptor *type)
{
	struct reader reader = { .start = data, .at = data, .end = data + bytes };
	struct message message = { .type = type };

	return check_message(&reader, &message);
}
