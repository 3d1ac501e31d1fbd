/* SPDX-License-Identifier: MIT */
/* The checked-in list of cases that the importer refuses: lines "case reason". Single-threaded. */
#ifndef TESTS_ONNX_SKIP_LIST_H
#define TESTS_ONNX_SKIP_LIST_H

#include <stdbool.h>

/** skip_list_read() - false: the file cannot be read or has a broken line */
bool skip_list_read(const char *path);
/** skip_list_reason() - why @name is refused; NULL: it must pass */
const char *skip_list_reason(const char *name);
/** skip_list_next_unused() - names that were never asked for, one by one; NULL: no more */
const char *skip_list_next_unused(void);

#endif
