/* SPDX-License-Identifier: MIT */
/* accelctl operators MODEL: would a card run each node of it? Single-threaded. */
#ifndef ACCELCTL_OPERATORS_H
#define ACCELCTL_OPERATORS_H

#include "command.h"

/** query_model() - of the first operand. STATUS_FILE also: a node cannot be run */
int query_model(const struct arguments *arguments);

#endif
