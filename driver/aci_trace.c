// SPDX-License-Identifier: GPL-2.0
/*
 * Tracepoints: the one place where they are made.
 */

#ifndef __CHECKER__
#define CREATE_TRACE_POINTS
#include "aci_trace.h"
#endif
