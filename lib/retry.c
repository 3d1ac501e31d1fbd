// SPDX-License-Identifier: MIT
#include <errno.h>

#include <aci/aci_status.h>
#include <drm/aci_accel.h>

#include "retry.h"

enum accel_loss retry_classify(int error, uint32_t status, uint32_t queue_flags)
{
	if (error == -ENODEV)
		return ACCEL_LOSS_CARD;
	/* What hung or broke a rule would do so again, also if the card was reset for it. */
	if (queue_flags & DRM_ACI_QUEUE_GUILTY && status != ACI_STATUS_CARD_RESET)
		return ACCEL_LOSS_NONE;
	if (queue_flags & DRM_ACI_QUEUE_INNOCENT || status == ACI_STATUS_CARD_RESET)
		return ACCEL_LOSS_WORK;
	return ACCEL_LOSS_NONE;
}

/* A job that may have run half: what it reads must be what it read the first time. */
static bool job_is_repeatable(const struct retry_job *job, enum accel_loss loss)
{
	if (job->accumulates && !job->idempotent)
		return false;
	return loss == ACCEL_LOSS_WORK || job->restorable;
}

enum retry_verdict retry_judge(const struct retry_job *job, enum accel_loss loss,
			       uint32_t attempts_left)
{
	if (loss == ACCEL_LOSS_NONE)
		return RETRY_FAIL;
	if (!job_is_repeatable(job, loss))
		return RETRY_STATE_LOST;
	return attempts_left ? RETRY_AGAIN : RETRY_FAIL;
}
