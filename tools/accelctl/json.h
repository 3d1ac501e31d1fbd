/* SPDX-License-Identifier: MIT */
/*
 * JSON on standard output, written as it comes. Every document of accelctl
 * starts with "schema_version" and "command"; schemas: Documentation/accelctl-json/.
 * What is not known is left out, never replaced by a special value.
 *
 * Single-threaded; one document at a time.
 */
#ifndef ACCELCTL_JSON_H
#define ACCELCTL_JSON_H

#include <stdbool.h>
#include <stdint.h>

#define JSON_SCHEMA_VERSION	1

void json_start(const char *command);
void json_finish(void);

/* Inside an array @key is NULL. */
void json_open_object(const char *key);
void json_open_array(const char *key);
void json_close_object(void);
void json_close_array(void);
void json_string(const char *key, const char *value);
/** json_text() - json_string(), left out if @value is empty */
void json_text(const char *key, const char *value);
void json_uint(const char *key, uint64_t value);
void json_int(const char *key, int64_t value);
void json_bool(const char *key, bool value);
/** json_real() - left out if not finite */
void json_real(const char *key, double value);
void json_shape(const char *key, uint32_t rank, const uint64_t *shape);

#endif
