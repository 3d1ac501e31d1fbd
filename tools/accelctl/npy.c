// SPDX-License-Identifier: MIT
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "npy.h"

#define MAGIC		"\x93NUMPY"
#define MAGIC_BYTES	6
#define PREFIX_BYTES	12	/* magic, version, header length of versions 2 and 3 */
#define HEADER_MAX	65536
#define HEADER_ALIGN	64

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "elements are used in place");

static const struct {
	const char *descr;
	const char *name;
	enum accel_type type;
} types[] = {
	{ "<f4", "float32", ACCEL_F32 },
	{ "<f2", "float16", ACCEL_F16 },
	{ "|i1", "int8", ACCEL_I8 },
	{ "|u1", "uint8", ACCEL_U8 },
	{ "<i4", "int32", ACCEL_I32 },
	{ "<i8", "int64", ACCEL_I64 },
	{ "|b1", "bool", ACCEL_BOOL },
};

#define TYPE_COUNT	(sizeof(types) / sizeof(types[0]))

const char *npy_type_name(enum accel_type type)
{
	for (size_t i = 0; i < TYPE_COUNT; i++)
		if (types[i].type == type)
			return types[i].name;
	return "unknown";
}

static int refuse(const char *path, const char *what)
{
	fprintf(stderr, "accelctl: %s: %s\n", path, what);
	return -EINVAL;
}

static int refuse_errno(const char *path, int error)
{
	fprintf(stderr, "accelctl: %s: %s\n", path, strerror(error));
	return -error;
}

/* --- Header: a Python dictionary literal with three keys ------------------------- */

struct text {
	const char *at;
	const char *end;
};

static void skip_space(struct text *text)
{
	while (text->at < text->end && (*text->at == ' ' || *text->at == '\n' || *text->at == '\t'))
		text->at++;
}

static bool take(struct text *text, char wanted)
{
	skip_space(text);
	if (text->at == text->end || *text->at != wanted)
		return false;
	text->at++;
	return true;
}

static bool take_word(struct text *text, const char *word)
{
	size_t length = strlen(word);

	skip_space(text);
	if ((size_t)(text->end - text->at) < length || memcmp(text->at, word, length))
		return false;
	text->at += length;
	return true;
}

/* A quoted string without escapes. */
static bool take_string(struct text *text, char *value, size_t bytes)
{
	size_t length = 0;
	char quote;

	skip_space(text);
	if (text->at == text->end || (*text->at != '\'' && *text->at != '"'))
		return false;
	for (quote = *text->at++; text->at < text->end && *text->at != quote; text->at++) {
		if (length + 1 >= bytes || *text->at == '\\')
			return false;
		value[length++] = *text->at;
	}
	value[length] = 0;
	return take(text, quote);
}

static bool take_number(struct text *text, uint64_t *value)
{
	const char *start;

	skip_space(text);
	*value = 0;
	for (start = text->at; text->at < text->end && *text->at >= '0' && *text->at <= '9'; text->at++)
		if (__builtin_mul_overflow(*value, 10, value) ||
		    __builtin_add_overflow(*value, *text->at - '0', value))
			return false;
	return text->at > start;
}

static bool take_shape(struct text *text, struct npy_array *array)
{
	array->rank = 0;
	if (!take(text, '('))
		return false;
	while (!take(text, ')')) {
		if (array->rank == NPY_RANK_MAX || !take_number(text, &array->shape[array->rank++]))
			return false;
		if (!take(text, ','))
			return take(text, ')');
	}
	return true;
}

static int set_type(const char *path, const char *descr, struct npy_array *array)
{
	for (size_t i = 0; i < TYPE_COUNT; i++) {
		const char *known = types[i].descr;

		/* Byte order means nothing for one byte. */
		if (strcmp(descr, known) && !(known[0] == '|' && strlen(descr) == 3 && !strcmp(descr + 1, known + 1)))
			continue;
		array->type = types[i].type;
		return 0;
	}
	fprintf(stderr, "accelctl: %s: element type '%s' is not supported\n", path, descr);
	return -EINVAL;
}

static int parse_header(const char *path, const char *header, size_t bytes, struct npy_array *array)
{
	struct text text = { header, header + bytes };
	bool has_descr = false, has_order = false, has_shape = false, fortran = false;
	char key[32], descr[32];

	if (!take(&text, '{'))
		return refuse(path, "broken header: no dictionary");
	while (!take(&text, '}')) {
		if (!take_string(&text, key, sizeof(key)) || !take(&text, ':'))
			return refuse(path, "broken header: no key");
		if (!strcmp(key, "descr"))
			has_descr = take_string(&text, descr, sizeof(descr));
		else if (!strcmp(key, "fortran_order"))
			has_order = (fortran = take_word(&text, "True")) || take_word(&text, "False");
		else if (!strcmp(key, "shape"))
			has_shape = take_shape(&text, array);
		else
			return refuse(path, "broken header: unknown key");
		if (!take(&text, ',') && (text.at == text.end || *text.at != '}'))
			return refuse(path, "broken header: a value cannot be read");
	}
	if (!has_descr || !has_order || !has_shape)
		return refuse(path, "broken header: descr, fortran_order or shape is missing or cannot be read");
	if (fortran && array->rank > 1)
		return refuse(path, "Fortran order is not supported; save it with numpy.ascontiguousarray()");
	return set_type(path, descr, array);
}

static int set_bytes(const char *path, struct npy_array *array)
{
	array->bytes = accel_type_bytes(array->type);
	for (uint32_t i = 0; i < array->rank; i++)
		if (__builtin_mul_overflow(array->bytes, array->shape[i], &array->bytes))
			return refuse(path, "the size of the array overflows");
	return 0;
}

/* --- Files ---------------------------------------------------------------------------- */

static int read_all(const char *path, int fd, void *data, uint64_t bytes)
{
	uint64_t done = 0;

	while (done < bytes) {
		ssize_t count = read(fd, (char *)data + done, bytes - done);

		if (count < 0 && errno == EINTR)
			continue;
		if (count < 0)
			return refuse_errno(path, errno);
		if (!count)
			return refuse(path, "the file is cut off");
		done += count;
	}
	return 0;
}

static int read_header(const char *path, int fd, struct npy_array *array, uint64_t *offset)
{
	unsigned char prefix[PREFIX_BYTES];
	size_t prefix_bytes, bytes;
	char *header;
	int err;

	err = read_all(path, fd, prefix, MAGIC_BYTES + 4);
	if (err)
		return err;
	if (memcmp(prefix, MAGIC, MAGIC_BYTES))
		return refuse(path, "not a .npy file");
	if (prefix[6] < 1 || prefix[6] > 3)
		return refuse(path, "unknown version of the .npy format");
	prefix_bytes = prefix[6] == 1 ? 10 : 12;
	err = read_all(path, fd, prefix + 10, prefix_bytes - 10);
	if (err)
		return err;
	bytes = prefix[8] | (size_t)prefix[9] << 8;
	if (prefix[6] > 1)
		bytes |= (size_t)prefix[10] << 16 | (size_t)prefix[11] << 24;
	if (bytes > HEADER_MAX)
		return refuse(path, "the header is too long");
	header = malloc(bytes + 1);
	if (!header)
		return refuse_errno(path, ENOMEM);
	err = read_all(path, fd, header, bytes);
	if (!err)
		err = parse_header(path, header, bytes, array);
	free(header);
	*offset = prefix_bytes + bytes;
	return err;
}

/* The file's size is checked before memory is taken for its array. */
static int read_array(const char *path, int fd, struct npy_array *array)
{
	struct stat stat;
	uint64_t offset;
	int err;

	if (fstat(fd, &stat))
		return refuse_errno(path, errno);
	if (!S_ISREG(stat.st_mode))
		return refuse(path, "not a regular file");
	err = read_header(path, fd, array, &offset);
	if (!err)
		err = set_bytes(path, array);
	if (err)
		return err;
	if ((uint64_t)stat.st_size < offset || (uint64_t)stat.st_size - offset < array->bytes)
		return refuse(path, "the file is cut off");
	if ((uint64_t)stat.st_size - offset > array->bytes)
		return refuse(path, "the file goes on behind its array");
	array->data = malloc(array->bytes ? array->bytes : 1);
	if (!array->data)
		return refuse_errno(path, ENOMEM);
	return read_all(path, fd, array->data, array->bytes);
}

/* NumPy takes any non-zero byte as true; a card takes 0 and 1. */
static void normalise_bools(struct npy_array *array)
{
	uint8_t *data = array->data;

	for (uint64_t i = 0; array->type == ACCEL_BOOL && i < array->bytes; i++)
		data[i] = data[i] != 0;
}

int npy_read(const char *path, struct npy_array *array)
{
	int fd, err;

	*array = (struct npy_array){ 0 };
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return refuse_errno(path, errno);
	err = read_array(path, fd, array);
	close(fd);
	if (err)
		npy_free(array);
	else
		normalise_bools(array);
	return err;
}

void npy_free(struct npy_array *array)
{
	free(array->data);
	array->data = NULL;
}

int npy_write_data(struct npy_writer *writer, const void *data, uint64_t bytes)
{
	uint64_t done = 0;

	while (done < bytes) {
		ssize_t count = write(writer->fd, (const char *)data + done, bytes - done);

		if (count < 0 && errno == EINTR)
			continue;
		if (count < 0)
			return refuse_errno(writer->path, errno);
		done += count;
	}
	return 0;
}

static const char *type_descr(enum accel_type type)
{
	for (size_t i = 0; i < TYPE_COUNT; i++)
		if (types[i].type == type)
			return types[i].descr;
	return NULL;
}

/* Version 1: magic, version, u16 length, dictionary padded with spaces to a multiple of 64. */
int npy_write_start(struct npy_writer *writer, const char *path, enum accel_type type, uint32_t rank,
		    const uint64_t *shape)
{
	char header[512] = MAGIC "\x01";
	size_t used = MAGIC_BYTES + 4, bytes;
	const char *descr = type_descr(type);
	int err;

	writer->path = path;
	writer->fd = -1;
	if (!descr)
		return refuse(path, "cannot hold elements of this type");
	used += sprintf(header + used, "{'descr': '%s', 'fortran_order': False, 'shape': (", descr);
	for (uint32_t i = 0; i < rank; i++)
		used += sprintf(header + used, "%llu,%s", (unsigned long long)shape[i], i + 1 < rank ? " " : "");
	used += sprintf(header + used, "), }");
	bytes = (used + 1 + HEADER_ALIGN - 1) / HEADER_ALIGN * HEADER_ALIGN;
	memset(header + used, ' ', bytes - used);
	header[bytes - 1] = '\n';
	header[8] = (bytes - MAGIC_BYTES - 4) & 0xff;
	header[9] = (bytes - MAGIC_BYTES - 4) >> 8;
	writer->fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (writer->fd < 0)
		return refuse_errno(path, errno);
	err = npy_write_data(writer, header, bytes);
	if (err)
		npy_write_finish(writer);
	return err;
}

int npy_write_finish(struct npy_writer *writer)
{
	int err = close(writer->fd) ? errno : 0;

	writer->fd = -1;
	return err ? refuse_errno(writer->path, err) : 0;
}
