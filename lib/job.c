// SPDX-License-Identifier: MIT
/* Jobs: upload, run, download, as one piece of work that is run again if it was lost. */
#include "error.h"
#include "flow.h"
#include "program.h"
#include "retry_run.h"
#include "stream.h"

static int job_enqueue(const struct accel_job *job, struct accel_stream *stream)
{
	int ret = 0;

	for (uint32_t i = 0; i < job->upload_count && !ret; i++)
		ret = accel_stream_upload(stream, job->uploads[i].buffer, job->uploads[i].offset,
					  job->uploads[i].memory, job->uploads[i].bytes);
	if (!ret)
		ret = accel_stream_exec(stream, job->program, job->arguments,
					job->argument_count);
	for (uint32_t i = 0; i < job->download_count && !ret; i++)
		ret = accel_stream_download(stream, job->downloads[i].memory,
					    job->downloads[i].buffer, job->downloads[i].offset,
					    job->downloads[i].bytes);
	return ret;
}

/* Also if not all was queued: nothing of it may write to the caller's memory after this. */
static int job_run(const struct retry_work *work)
{
	int error = job_enqueue(work->data, work->stream), ret;

	if (!error)
		return accel_stream_synchronize(work->stream, ACCEL_WAIT_FOREVER);
	ret = accel_stream_synchronize(work->stream, ACCEL_WAIT_FOREVER);
	return ret ? ret : error;
}

static int job_facts(const struct retry_work *work, struct retry_job *facts)
{
	return flow_of_job(work->data, facts);
}

static int job_check(const struct accel_job *job)
{
	if (!job->program || (job->upload_count && !job->uploads) ||
	    (job->argument_count && !job->arguments) || (job->download_count && !job->downloads))
		return error_set(-EINVAL, "program, uploads, arguments and downloads must not be "
				 "NULL");
	if (job->flags & ~(uint32_t)ACCEL_JOB_IDEMPOTENT)
		return error_set(-EINVAL, "unknown job flags 0x%x", job->flags);
	return 0;
}

int accel_stream_run(struct accel_stream *stream, const struct accel_job *job,
		     const struct accel_retry *retry)
{
	struct retry_work work = {
		.run = job_run, .facts = job_facts, .data = job, .stream = stream,
	};
	int ret;

	if (!stream || !job)
		return error_set(-EINVAL, "stream and job must not be NULL");
	ret = job_check(job);
	if (!ret)
		ret = retry_check(retry);
	return ret ? ret : retry_run(&work, retry);
}
