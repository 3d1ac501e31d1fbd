// SPDX-License-Identifier: MIT
#include "error.h"
#include "retry_run.h"
#include "stream.h"

int retry_check(const struct accel_retry *retry)
{
	if (!retry)
		return 0;
	if (retry->device_count && !retry->devices)
		return error_set(-EINVAL, "devices must not be NULL");
	for (uint32_t i = 0; i < retry->device_count; i++)
		if (!retry->devices[i])
			return error_set(-EINVAL, "device %u must not be NULL", i);
	return 0;
}

/* Its own card first: it may be back, and has been chosen by the caller. */
static int retry_restore(struct accel_context *context, const struct accel_retry *retry)
{
	int ret = context_restore(context, context->device);

	for (uint32_t i = 0; ret && i < retry->device_count; i++)
		if (retry->devices[i] != context->device)
			ret = context_restore(context, retry->devices[i]);
	return ret;
}

static int retry_end(int error, enum retry_verdict verdict)
{
	if (verdict == RETRY_STATE_LOST)
		return error_prefix(-ENOTRECOVERABLE, "state lost: the job overwrites what it "
				    "reads, or reads what card memory held; first it failed: ");
	return error;
}

int retry_run(const struct retry_work *work, const struct accel_retry *retry)
{
	struct accel_context *context = work->stream->context;
	uint32_t left = retry ? retry->attempts : 0;
	struct retry_job facts;
	bool known = false;

	for (;; left--) {
		enum retry_verdict verdict;
		enum accel_loss loss;
		int error = work->run(work), ret;

		if (!error || !retry)
			return error;
		loss = context_find_loss(context);
		if (loss == ACCEL_LOSS_NONE)
			return error;
		ret = known ? 0 : work->facts(work, &facts);
		if (ret)
			return ret;
		known = true;
		verdict = retry_judge(&facts, loss, left);
		if (verdict != RETRY_AGAIN)
			return retry_end(error, verdict);
		ret = retry_restore(context, retry);
		if (ret)
			return ret;
	}
}
