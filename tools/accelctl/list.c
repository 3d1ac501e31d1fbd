// SPDX-License-Identifier: MIT
/* accelctl list: from sysfs, no card is opened. */
#include <stdio.h>

#include "device.h"
#include "json.h"

static void print_table(const struct accel_device_info *list, size_t count)
{
	char state[sizeof(list->state) + sizeof(", stale")];

	if (!count) {
		fprintf(stderr, "no cards found\n");
		return;
	}
	printf("%-14s %-16s %-18s %s\n", "DEVICE", "STATE", "NODE", "CARD");
	for (size_t i = 0; i < count; i++) {
		snprintf(state, sizeof(state), "%s%s", list[i].state[0] ? list[i].state : "-",
			 device_is_stale(list[i].name) ? ", stale" : "");
		printf("%-14s %-16s %-18s %s%s%s\n", list[i].name, state,
		       list[i].node[0] ? list[i].node : "-", list[i].vendor,
		       list[i].vendor[0] ? " " : "", list[i].model);
	}
}

static void print_json(const struct accel_device_info *list, size_t count)
{
	json_start("list");
	json_open_array("devices");
	for (size_t i = 0; i < count; i++)
		device_json(NULL, &list[i]);
	json_close_array();
	json_finish();
}

int command_list(const struct arguments *arguments)
{
	struct accel_device_info *list;
	size_t count;

	if (accel_device_list(&list, &count))
		return report_failure(arguments, STATUS_FAILED, "%s", accel_last_error());
	if (arguments_has(arguments, "json"))
		print_json(list, count);
	else
		print_table(list, count);
	accel_device_list_free(list);
	return STATUS_OK;
}
