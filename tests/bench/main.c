// SPDX-License-Identifier: MIT
/*
 * usage: aci_bench [TOPIC...]
 *
 * Guest side of `make bench`: runs the topics (all) in order and prints where
 * the text of aci.ko lies, for report.py.
 */
#include "bench.h"

#include <dirent.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

static const struct topic {
	const char *name;
	void (*run)(void);
} topics[] = {
	{ "floor", bench_floor },
	{ "kernel_queue", bench_kernel_queue },
	{ "user_queue", bench_user_queue },
	{ "nvme", bench_nvme },
	{ "memory", bench_memory },
	{ "latency", bench_latency },
	{ "slope_bos", bench_slope_bos },
	{ "slope_queues", bench_slope_queues },
	{ "slope_vms", bench_slope_vms },
	{ "slope_mappings", bench_slope_mappings },
	{ "slope_pieces", bench_slope_pieces },
	{ "scheduler", bench_scheduler },
};

static void print_sections(void)
{
	DIR *dir = opendir("/sys/module/aci/sections");
	struct dirent *entry;
	char path[300], value[64];
	FILE *file;

	bench_check(dir, "/sys/module/aci/sections");
	while ((entry = readdir(dir))) {
		if (strncmp(entry->d_name, ".text", 5))
			continue;
		snprintf(path, sizeof(path), "/sys/module/aci/sections/%s", entry->d_name);
		file = fopen(path, "r");
		if (file && fgets(value, sizeof(value), file))
			printf("section %s %s", entry->d_name, value);
		if (file)
			fclose(file);
	}
	closedir(dir);
}

static bool is_wanted(const char *name, char **wanted)
{
	if (!*wanted)
		return true;
	while (*wanted)
		if (!strcmp(*wanted++, name))
			return true;
	return false;
}

int main(int argc, char **argv)
{
	cpu_set_t cpus;
	size_t i;

	(void)argc;
	/* As fio does it for its peers: a process that wanders measures the scheduler. */
	CPU_ZERO(&cpus);
	CPU_SET(1, &cpus);
	bench_check(!sched_setaffinity(0, sizeof(cpus), &cpus), "sched_setaffinity");
	for (i = 0; i < sizeof(topics) / sizeof(topics[0]); i++)
		if (is_wanted(topics[i].name, argv + 1))
			topics[i].run();
	print_sections();
	return 0;
}
