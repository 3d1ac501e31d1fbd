/* SPDX-License-Identifier: MIT */
/*
 * The text behind accel_last_error(): one buffer per thread, no locks.
 *
 * The function that finds the fault sets the text, callers pass the code on.
 */
#ifndef LIB_ERROR_H
#define LIB_ERROR_H

#include <errno.h>
#include <stdint.h>

/** error_set() - note what was wrong and what to do. Return: @error, a negative errno. */
int error_set(int error, const char *format, ...) __attribute__((format(printf, 2, 3)));

/** error_prefix() - put words in front of the present text. Return: @error. */
int error_prefix(int error, const char *format, ...) __attribute__((format(printf, 2, 3)));

/** error_from_status() - the errno that stands for an ACI_STATUS_* of a stopped queue */
int error_from_status(uint32_t status);

#endif
