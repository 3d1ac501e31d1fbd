/* SPDX-License-Identifier: MIT */
/* Assertions about libaccel's results that show its words. After cmocka.h; no state, no locks. */
#ifndef LIB_ASSERT_H
#define LIB_ASSERT_H

#include <string.h>

#include <accel/accel.h>

/* A call that must succeed; a failure shows the library's words. */
#define must(call) do {									\
	int must_ret = (call);								\
	if (must_ret)									\
		fail_msg("%s = %d: %s", #call, must_ret, accel_last_error());		\
} while (0)

#define assert_ret(expected, call) do {							\
	int have = (call), want = (expected);						\
	if (have != want)								\
		fail_msg("%s = %d, not %d: %s", #call, have, want, accel_last_error());	\
} while (0)

#define assert_text(part) do {								\
	if (!strstr(accel_last_error(), part))						\
		fail_msg("\"%s\" does not say \"%s\"", accel_last_error(), part);	\
} while (0)

#endif
