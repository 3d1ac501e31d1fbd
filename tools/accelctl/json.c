// SPDX-License-Identifier: MIT
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "json.h"

static unsigned int depth;
static bool first;

static void indent(void)
{
	putchar('\n');
	for (unsigned int i = 0; i < depth; i++)
		fputs("  ", stdout);
}

/* Bytes of the UTF-8 character at @text, 0: not well-formed. */
static size_t character_bytes(const unsigned char *text)
{
	size_t bytes = text[0] < 0x80 ? 1 : text[0] >= 0xc2 && text[0] < 0xe0 ? 2 :
		       text[0] >= 0xe0 && text[0] < 0xf0 ? 3 : text[0] >= 0xf0 && text[0] < 0xf5 ? 4 : 0;

	for (size_t i = 1; i < bytes; i++)
		if ((text[i] & 0xc0) != 0x80)
			return 0;
	if ((text[0] == 0xe0 && text[1] < 0xa0) || (text[0] == 0xed && text[1] > 0x9f) ||
	    (text[0] == 0xf0 && text[1] < 0x90) || (text[0] == 0xf4 && text[1] > 0x8f))
		return 0;
	return bytes;
}

/* Names come from files and cards: what is no UTF-8 becomes U+FFFD. */
static void write_string(const char *value)
{
	const unsigned char *text = (const unsigned char *)value;

	putchar('"');
	while (*text) {
		size_t bytes = character_bytes(text);

		if (!bytes) {
			fputs("\\ufffd", stdout);
			bytes = 1;
		} else if (*text == '"' || *text == '\\') {
			printf("\\%c", *text);
		} else if (*text < 0x20 || *text == 0x7f) {
			printf("\\u%04x", *text);
		} else {
			fwrite(text, 1, bytes, stdout);
		}
		text += bytes;
	}
	putchar('"');
}

static void begin(const char *key)
{
	if (!first)
		putchar(',');
	first = false;
	if (depth)
		indent();
	if (key) {
		write_string(key);
		fputs(": ", stdout);
	}
}

static void open_level(const char *key, char bracket)
{
	begin(key);
	putchar(bracket);
	depth++;
	first = true;
}

static void close_level(char bracket)
{
	depth--;
	if (!first)
		indent();
	putchar(bracket);
	first = false;
}

void json_open_object(const char *key)
{
	open_level(key, '{');
}

void json_open_array(const char *key)
{
	open_level(key, '[');
}

void json_close_object(void)
{
	close_level('}');
}

void json_close_array(void)
{
	close_level(']');
}

void json_string(const char *key, const char *value)
{
	begin(key);
	write_string(value);
}

void json_text(const char *key, const char *value)
{
	if (*value)
		json_string(key, value);
}

void json_uint(const char *key, uint64_t value)
{
	begin(key);
	printf("%llu", (unsigned long long)value);
}

void json_int(const char *key, int64_t value)
{
	begin(key);
	printf("%lld", (long long)value);
}

void json_bool(const char *key, bool value)
{
	begin(key);
	fputs(value ? "true" : "false", stdout);
}

void json_real(const char *key, double value)
{
	if (!isfinite(value))
		return;
	begin(key);
	printf("%.9g", value);
}

void json_shape(const char *key, uint32_t rank, const uint64_t *shape)
{
	begin(key);
	putchar('[');
	for (uint32_t i = 0; i < rank; i++)
		printf("%s%llu", i ? ", " : "", (unsigned long long)shape[i]);
	putchar(']');
}

void json_start(const char *command)
{
	depth = 0;
	first = true;
	json_open_object(NULL);
	json_uint("schema_version", JSON_SCHEMA_VERSION);
	json_string("command", command);
}

void json_finish(void)
{
	while (depth)
		json_close_object();
	putchar('\n');
}
