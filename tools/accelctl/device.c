// SPDX-License-Identifier: MIT
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "device.h"
#include "json.h"
#include "sysfs.h"

#define TELEMETRY_BYTES	4096	/* of a sysfs file */

static const char *const status_names[] = {
	[STATUS_OK] = "ok", [STATUS_FAILED] = "failed", [STATUS_USAGE] = "usage",
	[STATUS_NO_DEVICE] = "no-device", [STATUS_JOB] = "job", [STATUS_FILE] = "file",
};

int report_failure(const struct arguments *arguments, int status, const char *format, ...)
{
	char text[1024];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	fprintf(stderr, "accelctl %s: %s\n", arguments->command->name, text);
	if (arguments_has(arguments, "json")) {
		json_start(arguments->command->name);
		json_open_object("error");
		json_string("code", status_names[status]);
		json_string("message", text);
		json_finish();
	}
	return status;
}

int device_open(const struct arguments *arguments, struct accel_device **device)
{
	int err = accel_device_open(arguments_get(arguments, "device", NULL), device);

	if (err)
		return report_failure(arguments, STATUS_NO_DEVICE, "%s", accel_last_error());
	return STATUS_OK;
}

bool device_is_named(const struct accel_device_info *info, const char *name)
{
	if (!strcmp(info->name, name) || (info->node[0] && !strcmp(info->node, name)))
		return true;
	return !strncmp(name, "serial:", 7) && info->serial[0] && !strcmp(info->serial, name + 7);
}

int device_find(const struct arguments *arguments, const char *name, struct accel_device_info *info)
{
	struct accel_device_info *list;
	bool found = false;
	size_t count;

	if (accel_device_list(&list, &count))
		return report_failure(arguments, STATUS_FAILED, "%s", accel_last_error());
	for (size_t i = 0; i < count && !found; i++) {
		found = device_is_named(&list[i], name);
		if (found)
			*info = list[i];
	}
	accel_device_list_free(list);
	return found ? STATUS_OK : report_failure(arguments, STATUS_NO_DEVICE, "no card '%s'", name);
}

int status_from_error(int error)
{
	switch (error) {
	case -ENODEV:
		return STATUS_NO_DEVICE;
	case -ETIMEDOUT:
	case -EFAULT:
	case -EINVAL:
	case -ECANCELED:
	case -EIO:
	case -ETIME:
		return STATUS_JOB;
	default:
		return STATUS_FAILED;
	}
}

bool device_is_stale(const char *name)
{
	char text[TELEMETRY_BYTES + 1];

	return sysfs_read_pci(name, "aci/telemetry", text, sizeof(text)) &&
	       strstr(text, "\nstale 1");
}

/* Facts that an unopened card does not tell are 0 and left out. */
void device_json_facts(const struct accel_device_info *info)
{
	json_string("name", info->name);
	json_text("serial", info->serial);
	json_text("vendor", info->vendor);
	json_text("model", info->model);
	json_text("firmware", info->firmware);
	json_text("node", info->node);
	json_text("state", info->state);
	if (device_is_stale(info->name))
		json_bool("stale", true);
	json_string("transport", info->transport == ACCEL_TRANSPORT_INPROC ? "inproc" : "drm");
	if (info->aci_version) {
		json_open_object("aci_version");
		json_uint("major", info->aci_version >> 16);
		json_uint("minor", info->aci_version & 0xffff);
		json_close_object();
	}
	if (info->memory_bytes)
		json_uint("memory_bytes", info->memory_bytes);
}

void device_json(const char *key, const struct accel_device_info *info)
{
	json_open_object(key);
	device_json_facts(info);
	json_close_object();
}
