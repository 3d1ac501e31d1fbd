// SPDX-License-Identifier: MIT
/* Which failure is a loss, and which job may run again after it. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <aci/aci_status.h>
#include <drm/aci_accel.h>

#include "lib/retry.h"

static void test_classify(void **state)
{
	const uint32_t guilty = DRM_ACI_QUEUE_GUILTY, innocent = DRM_ACI_QUEUE_INNOCENT;
	const struct {
		int error;
		uint32_t status, flags;
		enum accel_loss loss;
	} cases[] = {
		{ 0, 0, 0, ACCEL_LOSS_NONE },
		{ -ENODEV, 0, 0, ACCEL_LOSS_CARD },
		{ -ENODEV, ACI_STATUS_PAGE_FAULT, guilty, ACCEL_LOSS_CARD },
		{ -ECANCELED, 0, innocent, ACCEL_LOSS_WORK },
		{ -ECANCELED, ACI_STATUS_CARD_RESET, 0, ACCEL_LOSS_WORK },
		/* As the in-process card tells it of a user queue. */
		{ -ECANCELED, ACI_STATUS_CARD_RESET, guilty, ACCEL_LOSS_WORK },
		{ -ETIMEDOUT, ACI_STATUS_WATCHDOG, guilty, ACCEL_LOSS_NONE },
		{ -ETIMEDOUT, ACI_STATUS_WATCHDOG, guilty | innocent, ACCEL_LOSS_NONE },
		{ -EFAULT, ACI_STATUS_PAGE_FAULT, guilty, ACCEL_LOSS_NONE },
		{ -ETIMEDOUT, ACI_STATUS_QUEUE_RESET, guilty, ACCEL_LOSS_NONE },
		{ -EINVAL, ACI_STATUS_PROG_SHAPE, guilty, ACCEL_LOSS_NONE },
		{ -ECANCELED, 0, DRM_ACI_QUEUE_BANNED, ACCEL_LOSS_NONE },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (retry_classify(cases[i].error, cases[i].status, cases[i].flags) !=
		    cases[i].loss)
			fail_msg("case %zu", i);
}

static enum retry_verdict judge(bool accumulates, bool idempotent, bool restorable,
				enum accel_loss loss, uint32_t left)
{
	const struct retry_job job = { accumulates, idempotent, restorable };

	return retry_judge(&job, loss, left);
}

static void test_judge(void **state)
{
	(void)state;
	/* Its own failure stays what it is. */
	assert_int_equal(judge(false, false, true, ACCEL_LOSS_NONE, 9), RETRY_FAIL);
	assert_int_equal(judge(true, false, false, ACCEL_LOSS_NONE, 9), RETRY_FAIL);

	assert_int_equal(judge(false, false, true, ACCEL_LOSS_WORK, 1), RETRY_AGAIN);
	assert_int_equal(judge(false, false, true, ACCEL_LOSS_MEMORY, 1), RETRY_AGAIN);
	assert_int_equal(judge(false, false, true, ACCEL_LOSS_CARD, 1), RETRY_AGAIN);
	assert_int_equal(judge(false, false, true, ACCEL_LOSS_CARD, 0), RETRY_FAIL);

	/* Memory that nobody can bring back matters only once it is lost. */
	assert_int_equal(judge(false, false, false, ACCEL_LOSS_WORK, 1), RETRY_AGAIN);
	assert_int_equal(judge(false, false, false, ACCEL_LOSS_MEMORY, 1), RETRY_STATE_LOST);
	assert_int_equal(judge(false, true, false, ACCEL_LOSS_CARD, 1), RETRY_STATE_LOST);

	assert_int_equal(judge(true, false, true, ACCEL_LOSS_WORK, 1), RETRY_STATE_LOST);
	assert_int_equal(judge(true, false, true, ACCEL_LOSS_WORK, 0), RETRY_STATE_LOST);
	assert_int_equal(judge(true, true, true, ACCEL_LOSS_WORK, 1), RETRY_AGAIN);
	assert_int_equal(judge(true, true, true, ACCEL_LOSS_CARD, 1), RETRY_AGAIN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_classify),
		cmocka_unit_test(test_judge),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
