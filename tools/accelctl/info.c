// SPDX-License-Identifier: MIT
/* accelctl info: from sysfs and PCI config space, no card is opened. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "device.h"
#include "json.h"
#include "pci.h"
#include "sysfs.h"

#define TELEMETRY_BYTES	4096	/* of a sysfs file */

/* --- Telemetry: lines "key value" of the driver, age_ms among them ------------------- */

typedef void (*each_fn)(const char *key, const char *value);

static void for_each_line(char *text, each_fn each)
{
	char *state, *line, *value;

	for (line = strtok_r(text, "\n", &state); line; line = strtok_r(NULL, "\n", &state)) {
		value = strchr(line, ' ');
		if (!value || value == line || !value[1])
			continue;
		*value++ = 0;
		each(line, value);
	}
}

static void value_json(const char *key, const char *value)
{
	int64_t number;

	if (sysfs_parse_int(value, &number))
		json_int(key, number);
	else
		json_string(key, value);
}

static void value_text(const char *key, const char *value)
{
	printf("  %-22s %s\n", key, value);
}

static void show_telemetry(const char *address, bool as_json)
{
	char text[TELEMETRY_BYTES + 1];

	if (!sysfs_read_pci(address, "aci/telemetry", text, sizeof(text)) || !*text)
		return;
	if (as_json)
		json_open_object("telemetry");
	else
		printf(" telemetry\n");
	for_each_line(text, as_json ? value_json : value_text);
	if (as_json)
		json_close_object();
}

/* --- hwmon: temp1_input and the like ---------------------------------------------------- */

static int is_measurement(const struct dirent *entry)
{
	size_t length = strlen(entry->d_name);
	bool sensor = !strncmp(entry->d_name, "temp", 4) || !strncmp(entry->d_name, "power", 5) ||
		      !strncmp(entry->d_name, "freq", 4) || !strncmp(entry->d_name, "in", 2) ||
		      !strncmp(entry->d_name, "curr", 4) || !strncmp(entry->d_name, "energy", 6);

	return sensor && length > 6 && !strcmp(entry->d_name + length - 6, "_input");
}

static int is_visible(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static void show_sensors(const char *folder, bool as_json)
{
	struct dirent **entries;
	char path[1100], text[64];
	int count = scandir(folder, &entries, is_measurement, alphasort);

	for (int i = 0; i < count; i++) {
		snprintf(path, sizeof(path), "%s/%s", folder, entries[i]->d_name);
		if (sysfs_read(path, text, sizeof(text)))
			(as_json ? value_json : value_text)(entries[i]->d_name, text);
		free(entries[i]);
	}
	if (count >= 0)
		free(entries);
}

static void show_hwmon(const char *address, bool as_json)
{
	char folder[512], path[800];
	struct dirent **entries;
	int count;

	if (!sysfs_pci_path(folder, sizeof(folder), address, "hwmon"))
		return;
	count = scandir(folder, &entries, is_visible, alphasort);
	if (count <= 0)
		return;
	if (as_json)
		json_open_object("hwmon");
	else
		printf(" hwmon\n");
	for (int i = 0; i < count; i++) {
		snprintf(path, sizeof(path), "%s/%s", folder, entries[i]->d_name);
		if (!i)		/* a card has one */
			show_sensors(path, as_json);
		free(entries[i]);
	}
	free(entries);
	if (as_json)
		json_close_object();
}

/* --- PCI --------------------------------------------------------------------------------- */

static bool is_downtrained(const struct pci_facts *facts)
{
	return facts->link.gts < facts->link_max.gts || facts->link.width < facts->link_max.width;
}

static void link_json(const char *key, const struct pci_link *link)
{
	if (!link->known)
		return;
	json_open_object(key);
	json_real("gts", link->gts);
	json_uint("width", link->width);
	json_close_object();
}

static void counter_json(const char *key, const struct pci_counter *counter)
{
	if (counter->known)
		json_uint(key, counter->value);
}

static void pci_json(const struct pci_facts *facts)
{
	char id[8];

	json_open_object("pci");
	snprintf(id, sizeof(id), "%04x", facts->vendor_id);
	json_string("vendor_id", id);
	snprintf(id, sizeof(id), "%04x", facts->device_id);
	json_string("device_id", id);
	json_text("vendor", facts->vendor);
	json_text("device", facts->device);
	json_text("power_state", facts->power_state);
	link_json("link", &facts->link);
	link_json("link_max", &facts->link_max);
	if (facts->link.known && facts->link_max.known)
		json_bool("link_downtrained", is_downtrained(facts));
	if (facts->aer_known)
		json_bool("aer", facts->aer);
	counter_json("aer_correctable", &facts->aer_correctable);
	counter_json("aer_nonfatal", &facts->aer_nonfatal);
	counter_json("aer_fatal", &facts->aer_fatal);
	if (facts->numa_node >= 0)
		json_int("numa_node", facts->numa_node);
	json_close_object();
}

static void counter_text(const char *name, const struct pci_counter *counter)
{
	if (counter->known)
		printf("  %-22s %llu\n", name, (unsigned long long)counter->value);
}

static void pci_text(const struct pci_facts *facts)
{
	printf(" PCI\n  %-22s %04x:%04x%s%s%s%s\n", "id", facts->vendor_id, facts->device_id,
	       facts->vendor[0] ? " " : "", facts->vendor, facts->device[0] ? " " : "", facts->device);
	if (facts->power_state[0])
		printf("  %-22s %s\n", "power state", facts->power_state);
	if (facts->link.known)
		printf("  %-22s %g GT/s x%u", "link", facts->link.gts, facts->link.width);
	if (facts->link.known && facts->link_max.known && is_downtrained(facts))
		printf(" (downtrained: the card can do %g GT/s x%u)", facts->link_max.gts, facts->link_max.width);
	if (facts->link.known)
		printf("\n");
	if (facts->aer_known)
		printf("  %-22s %s\n", "error reporting (AER)", facts->aer ? "yes" : "no");
	counter_text("correctable errors", &facts->aer_correctable);
	counter_text("non-fatal errors", &facts->aer_nonfatal);
	counter_text("fatal errors", &facts->aer_fatal);
	if (facts->numa_node >= 0)
		printf("  %-22s %d\n", "NUMA node", facts->numa_node);
}

/* --- The command ---------------------------------------------------------------------------- */

static void fact(const char *name, const char *value)
{
	if (*value)
		printf("  %-22s %s\n", name, value);
}

static void card_text(const struct accel_device_info *info)
{
	printf("%s\n", info->name);
	fact("vendor", info->vendor);
	fact("model", info->model);
	fact("serial", info->serial);
	fact("firmware", info->firmware);
	fact("node", info->node);
	fact("state", info->state);
	if (device_is_stale(info->name))
		fact("telemetry", "stale: the card does not answer the driver");
	if (info->aci_version)
		printf("  %-22s %u.%u\n", "ACI version", info->aci_version >> 16, info->aci_version & 0xffff);
	if (info->memory_bytes)
		printf("  %-22s %llu MiB\n", "memory", (unsigned long long)(info->memory_bytes >> 20));
}

static void show(const struct accel_device_info *info, bool as_json)
{
	struct pci_facts facts;
	char message[256];
	bool found = pci_get_facts(info->name, &facts, message, sizeof(message));

	if (as_json) {
		json_open_object(NULL);
		device_json_facts(info);
		if (found)
			pci_json(&facts);
	} else {
		card_text(info);
		if (found)
			pci_text(&facts);
		else
			printf(" PCI\n  %s\n", message);
	}
	show_telemetry(info->name, as_json);
	show_hwmon(info->name, as_json);
	if (as_json)
		json_close_object();
}

const struct option_spec info_options[] = { { 0 } };

int command_info(const struct arguments *arguments)
{
	const char *name = arguments->operand_count ? arguments->operands[0] : NULL;
	bool as_json = arguments_has(arguments, "json"), found = false;
	struct accel_device_info *list;
	size_t count;

	if (accel_device_list(&list, &count))
		return report_failure(arguments, STATUS_FAILED, "%s", accel_last_error());
	for (size_t i = 0; i < count; i++) {
		if (name && !device_is_named(&list[i], name))
			continue;
		if (!found && as_json) {
			json_start("info");
			json_open_array("devices");
		}
		found = true;
		show(&list[i], as_json);
	}
	if (found && as_json) {
		json_close_array();
		json_finish();
	}
	accel_device_list_free(list);
	if (found)
		return STATUS_OK;
	return name ? report_failure(arguments, STATUS_NO_DEVICE, "no card '%s'", name) :
		      report_failure(arguments, STATUS_NO_DEVICE, "no cards found");
}
