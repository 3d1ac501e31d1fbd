/* SPDX-License-Identifier: MIT */
/* What commands share: opening a card, and telling why something failed. Single-threaded. */
#ifndef ACCELCTL_DEVICE_H
#define ACCELCTL_DEVICE_H

#include <accel/accel.h>

#include "command.h"

/** device_open() - the card that --device names, else the default one. STATUS_*, with a message printed. */
int device_open(const struct arguments *arguments, struct accel_device **device);

/** device_is_named() - is @name, as a user gives it, that of the card? */
bool device_is_named(const struct accel_device_info *info, const char *name);
/** device_find() - the card @name, without opening it. STATUS_*, with a message printed */
int device_find(const struct arguments *arguments, const char *name, struct accel_device_info *info);

/** report_failure() - message to standard error, and as JSON with --json. Return: @status */
int report_failure(const struct arguments *arguments, int status, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/** status_from_error() - exit status for how work on a card ended */
int status_from_error(int error);

/** device_is_stale() - does what the driver tells of a card say nothing about now? */
bool device_is_stale(const char *name);

/** device_json() - object "device" with what @info knows */
void device_json(const char *key, const struct accel_device_info *info);
void device_json_facts(const struct accel_device_info *info);

#endif
