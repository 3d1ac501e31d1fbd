// SPDX-License-Identifier: MIT
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "skip_list.h"

struct entry {
	struct entry *next;
	bool used;
	char name[128];
	char reason[256];
};

static struct entry *entries;

bool skip_list_read(const char *path)
{
	FILE *file = fopen(path, "r");
	char line[512];
	bool good = file;

	while (file && good && fgets(line, sizeof(line), file)) {
		struct entry *entry;

		if (line[0] == '#' || line[0] == '\n')
			continue;
		entry = calloc(1, sizeof(*entry));
		good = entry && sscanf(line, "%127s %255[^\n]", entry->name, entry->reason) == 2;
		if (entry) {
			entry->next = entries;
			entries = entry;
		}
	}
	if (file)
		fclose(file);
	return good;
}

const char *skip_list_reason(const char *name)
{
	for (struct entry *entry = entries; entry; entry = entry->next) {
		if (strcmp(entry->name, name))
			continue;
		entry->used = true;
		return entry->reason;
	}
	return NULL;
}

const char *skip_list_next_unused(void)
{
	for (struct entry *entry = entries; entry; entry = entry->next) {
		if (entry->used)
			continue;
		entry->used = true;
		return entry->name;
	}
	return NULL;
}
