/* SPDX-License-Identifier: MIT */
/*
 * The one-line answer to a control command, in a buffer of the caller.
 *
 * Locking: none; one thread at a time.
 */
#ifndef VCARD_CORE_REPLY_H
#define VCARD_CORE_REPLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct reply {
	char *at;
	size_t room;
	size_t used;
};

/** reply_put() - append; what does not fit is cut off */
void reply_put(struct reply *reply, const char *format, ...) __attribute__((format(printf, 2, 3)));
/** reply_refuse() - "error @why". Return: -EINVAL */
int reply_refuse(struct reply *reply, const char *why);
/** reply_accept() - "ok". Return: 0 */
int reply_accept(struct reply *reply);

/** parse_number() - decimal or 0x..., no sign, no blanks, up to @max */
bool parse_number(const char *text, uint64_t max, uint64_t *value);

#endif
