// SPDX-License-Identifier: MIT
/* accelctl reset: resets a card, and tells whether it works afterwards. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "device.h"
#include "json.h"
#include "sysfs.h"

#define CHECK_BYTES	4096
#define CHECK_WAIT_NS	30000000000ll

enum reset_level { LEVEL_CARD, LEVEL_FLR, LEVEL_BUS, LEVELS };

static const char *const level_names[LEVELS] = { "card", "flr", "bus" };

struct reset {
	const struct arguments *arguments;
	struct accel_device_info info;
	enum reset_level level;
	int64_t generation;	/* of the driver, afterwards */
	double took_ms;
};

const struct option_spec reset_options[] = {
	{ "level", 'l', "LEVEL", "card (default), flr or bus" },
	{ 0 },
};

static double now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1e3 + now.tv_nsec * 1e-6;
}

static int write_attribute(const struct reset *reset, const char *file, const char *text)
{
	return sysfs_write_pci(reset->info.name, file, text);
}

/* By the PCI core, whose choice among its methods is put back afterwards. */
static int reset_by_pci(const struct reset *reset)
{
	char methods[128];
	int err, restore_err;

	if (!sysfs_read_pci(reset->info.name, "reset_method", methods, sizeof(methods)))
		return -EOPNOTSUPP;
	err = write_attribute(reset, "reset_method", level_names[reset->level]);
	/* A method that this card or its port does not have. */
	if (err)
		return err == -EINVAL ? -EOPNOTSUPP : err;
	err = write_attribute(reset, "reset", "1");
	restore_err = write_attribute(reset, "reset_method", methods);
	return err ? err : restore_err;
}

static bool read_generation(const struct reset *reset, int64_t *generation)
{
	char text[32];

	return sysfs_read_pci(reset->info.name, "aci/reset_generation", text, sizeof(text)) &&
	       sysfs_parse_int(text, generation);
}

/* A fill and its way back to the host. */
static int run_job(struct accel_context *context)
{
	struct accel_stream_options options = { .engine = ACCEL_ENGINE_COPY,
						.priority = ACCEL_PRIORITY_NORMAL };
	struct accel_buffer *buffer = NULL;
	struct accel_stream *stream = NULL;
	uint8_t found[CHECK_BYTES] = { 0 };
	int err;

	err = accel_stream_create(context, &options, &stream);
	if (!err)
		err = accel_buffer_create(context, CHECK_BYTES, ACCEL_MEMORY_CARD, 0, &buffer);
	if (!err)
		err = accel_stream_fill(stream, accel_buffer_address(buffer), CHECK_BYTES, 0x5a, 1);
	if (!err)
		err = accel_stream_download(stream, found, buffer, 0, CHECK_BYTES);
	if (!err)
		err = accel_stream_synchronize(stream, CHECK_WAIT_NS);
	for (size_t i = 0; i < CHECK_BYTES && !err; i++)
		err = found[i] == 0x5a ? 0 : -EBADMSG;
	accel_buffer_destroy(buffer);
	accel_stream_destroy(stream);
	return err;
}

static int check_card(const struct reset *reset)
{
	struct accel_context *context = NULL;
	struct accel_device *device = NULL;
	int err;

	err = accel_device_open(reset->info.name, &device);
	if (!err)
		err = accel_context_create(device, &context);
	if (!err)
		err = run_job(context);
	if (err == -EBADMSG)
		report_failure(reset->arguments, STATUS_FAILED, "%s was reset and computes wrong results",
			       reset->info.name);
	else if (err)
		report_failure(reset->arguments, STATUS_FAILED, "%s was reset and runs no job: %s",
			       reset->info.name, accel_last_error());
	accel_context_destroy(context);
	accel_device_close(device);
	return err ? STATUS_FAILED : STATUS_OK;
}

static int report_error(const struct reset *reset, int err)
{
	const char *name = reset->info.name, *level = level_names[reset->level];

	switch (err) {
	case -EACCES:
	case -EPERM:
		return report_failure(reset->arguments, STATUS_NO_DEVICE,
				      "%s: permission denied: only root may reset a card", name);
	case -EOPNOTSUPP:
		return report_failure(reset->arguments, STATUS_FAILED, "%s has no reset of level %s",
				      name, level);
	default:
		return report_failure(reset->arguments, STATUS_FAILED, "%s: reset of level %s failed: %s",
				      name, level, strerror(-err));
	}
}

static int reset_and_check(struct reset *reset)
{
	int64_t before;
	char state[32] = "gone";
	double start;
	int err;

	if (!read_generation(reset, &before))
		return report_failure(reset->arguments, STATUS_NO_DEVICE, "%s: the driver does not run it",
				      reset->info.name);
	start = now_ms();
	err = reset->level == LEVEL_CARD ? write_attribute(reset, "aci/reset", "card") :
					   reset_by_pci(reset);
	reset->took_ms = now_ms() - start;
	if (err)
		return report_error(reset, err);
	if (!sysfs_read_pci(reset->info.name, "aci/state", state, sizeof(state)) || strcmp(state, "ok"))
		return report_failure(reset->arguments, STATUS_FAILED,
				      "%s does not work after the reset: it is %s", reset->info.name,
				      state);
	if (!read_generation(reset, &reset->generation) || reset->generation == before)
		return report_failure(reset->arguments, STATUS_FAILED, "%s was not reset",
				      reset->info.name);
	return check_card(reset);
}

static void print_result(const struct reset *reset)
{
	if (!arguments_has(reset->arguments, "json")) {
		printf("%s: reset of level %s in %.0f ms, number %lld since the driver was bound; a job runs\n",
		       reset->info.name, level_names[reset->level], reset->took_ms,
		       (long long)reset->generation);
		return;
	}
	json_start("reset");
	device_json("device", &reset->info);
	json_string("level", level_names[reset->level]);
	json_uint("reset_generation", (uint64_t)reset->generation);
	json_real("ms", reset->took_ms);
	json_finish();
}

static bool parse_level(const struct arguments *arguments, enum reset_level *level)
{
	const char *name = arguments_get(arguments, "level", level_names[LEVEL_CARD]);

	for (*level = LEVEL_CARD; *level < LEVELS; (*level)++)
		if (!strcmp(name, level_names[*level]))
			return true;
	return false;
}

int command_reset(const struct arguments *arguments)
{
	struct reset reset = { .arguments = arguments };
	int status;

	if (!parse_level(arguments, &reset.level))
		return usage_error(arguments, "--level is card, flr or bus");
	status = device_find(arguments, arguments->operands[0], &reset.info);
	if (!status)
		status = reset_and_check(&reset);
	if (!status)
		print_result(&reset);
	return status;
}
