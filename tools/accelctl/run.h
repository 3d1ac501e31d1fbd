/* SPDX-License-Identifier: MIT */
/*
 * accelctl run: what its files share. run.c drives, run_data.c brings arrays
 * and model together, run_report.c prints. Single-threaded.
 */
#ifndef ACCELCTL_RUN_H
#define ACCELCTL_RUN_H

#include "device.h"
#include "npy.h"

/** struct run_tensor - an input or output of the model, and its file */
struct run_tensor {
	struct accel_tensor_info info;
	const char *file;		/* NULL: an output that is not kept */
	struct npy_array array;		/* inputs */
	struct npy_writer writer;	/* outputs with a file */
	bool open;			/* the writer is */
	void *slice;			/* elements of one job */
	bool batched;			/* its first dimension is the model's batch */
};

struct run {
	const struct arguments *arguments;
	const char *model_path;
	struct accel_device *device;
	struct accel_context *context;
	struct accel_stream *stream;
	struct accel_model *model;
	struct accel_device_info device_info;
	struct accel_model_stats model_stats;
	struct run_tensor *inputs, *outputs;
	const void **input_slices;	/* arguments of accel_model_run() */
	void **output_slices;
	uint32_t input_count, output_count;

	uint64_t batch;			/* rows of a job */
	uint64_t rows;			/* rows of the arrays; 0: the model has no batch, or there is one job */
	uint64_t slices;		/* jobs for all rows once */
	uint64_t repeat;

	uint64_t jobs_done;
	double seconds;
	float *job_ms;			/* samples, at most RUN_SAMPLES_MAX */
	uint64_t sample_count, sample_step;
	struct accel_stream_stats before, after;
};

#define RUN_SAMPLES_MAX		1000000

/* run_data.c: STATUS_*, with a message printed */
int run_read_files(struct run *run);
int run_match(struct run *run);
int run_open_outputs(struct run *run);
void run_load_slice(struct run *run, uint64_t slice);
int run_store_slice(struct run *run, uint64_t slice);
int run_close_outputs(struct run *run, bool keep);
void run_free_data(struct run *run);

/* run_report.c */
void run_report(struct run *run);

/** status_from_load_error() - of loading or saving a model */
int status_from_load_error(int error);

#endif
