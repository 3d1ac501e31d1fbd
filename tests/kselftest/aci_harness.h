/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The kernel's test harness with time limits for emulated machines, and a few
 * words that our tests use often. To be included once, by a test program.
 */
#ifndef ACI_HARNESS_H
#define ACI_HARNESS_H

#include "kselftest_harness.h"
#include "aci_test.h"

/* Seconds on a machine that is as slow as aci_slowness() says at least. */
#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT	300

static inline void aci_scale_timeouts(void)
{
	struct __fixture_metadata *fixture;
	struct __test_metadata *test;

	for (fixture = __fixture_list; fixture; fixture = fixture->next)
		for (test = fixture->tests; test; test = test->next)
			test->timeout = test->timeout * aci_slowness() / ACI_SLOWNESS_LEAST;
}

#undef TEST_HARNESS_MAIN
#define TEST_HARNESS_MAIN			\
	int main(int argc, char **argv)		\
	{					\
		aci_scale_timeouts();		\
		return test_harness_run(argc, argv); \
	}

#define ASSERT_OK(call)		ASSERT_EQ(0, call)
#define EXPECT_OK(call)		EXPECT_EQ(0, call)

/* The fixture of most tests: file, VM, a queue on the copy engine. */
#define FIXTURE_CTX(name, engine_class)							\
	FIXTURE(name) {									\
		struct aci_ctx ctx;							\
	};										\
	FIXTURE_SETUP(name)								\
	{										\
		ASSERT_OK(aci_ctx_init(&self->ctx, 0, engine_class, 0));		\
	}										\
	FIXTURE_TEARDOWN(name)								\
	{										\
		aci_ctx_fini(&self->ctx);						\
	}

#endif /* ACI_HARNESS_H */
