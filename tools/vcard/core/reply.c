// SPDX-License-Identifier: MIT

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "reply.h"
#include "util.h"

void reply_put(struct reply *reply, const char *format, ...)
{
	va_list args;
	int length;

	va_start(args, format);
	length = vsnprintf(reply->at + reply->used, reply->room - reply->used, format, args);
	va_end(args);
	if (length > 0)
		reply->used = MIN(reply->used + (size_t)length, reply->room - 1);
}

int reply_refuse(struct reply *reply, const char *why)
{
	reply_put(reply, "error %s", why);
	return -EINVAL;
}

int reply_accept(struct reply *reply)
{
	reply_put(reply, "ok");
	return 0;
}

bool parse_number(const char *text, uint64_t max, uint64_t *value)
{
	bool hexadecimal = text[0] == '0' && text[1] == 'x';
	const char *digits = hexadecimal ? text + 2 : text;
	unsigned long long number;
	char *end;

	/* strtoull() takes signs and blanks; we do not. */
	if (!((*digits >= '0' && *digits <= '9') ||
	      (hexadecimal && ((*digits | 32) >= 'a' && (*digits | 32) <= 'f'))))
		return false;
	errno = 0;
	number = strtoull(digits, &end, hexadecimal ? 16 : 10);
	if (errno || *end || number > max)
		return false;
	*value = number;
	return true;
}
