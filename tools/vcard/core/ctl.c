// SPDX-License-Identifier: MIT
/* Commands of the control socket: fault injection and statistics. */

#include <errno.h>
#include <string.h>

#include "reply.h"
#include "vcard.h"

#define WORDS_MAX	8

static int usage(struct reply *reply, const char *text)
{
	reply_put(reply, "error usage: %s", text);
	return -EINVAL;
}

/* --- Faults: those of the table in fault.c are tried first --- */

static int ctl_faults(struct vcard *card, char **words, struct reply *reply)
{
	if (words[1])
		return usage(reply, "faults");
	reply_put(reply, "ok ");
	fault_put_list(card, reply);
	return 0;
}

static int ctl_clear(struct vcard *card, char **words, struct reply *reply)
{
	if (words[1])
		return usage(reply, "clear");
	for (unsigned int id = 0; id < FAULT_COUNT; id++) {
		/* A card that was pulled out is plugged in again by "restore". */
		if (id != FAULT_REMOVE)
			fault_clear(card, (enum fault_id)id);
	}
	return reply_accept(reply);
}

static int ctl_seed(struct vcard *card, char **words, struct reply *reply)
{
	uint64_t seed;

	if (!words[1] || words[2] || !parse_number(words[1], UINT64_MAX, &seed))
		return usage(reply, "seed N");
	fault_seed(card, seed);
	return reply_accept(reply);
}

static int ctl_log(struct vcard *card, char **words, struct reply *reply)
{
	static const char *const levels[] = { "error", "warning", "info", "debug" };

	for (size_t i = 0; words[1] && !words[2] && i < ARRAY_SIZE(levels); i++) {
		if (!strcmp(words[1], levels[i])) {
			atomic_store(&card->log_level, (int)i);
			return reply_accept(reply);
		}
	}
	return usage(reply, "log error|warning|info|debug");
}

/* --- Facts --- */

static int ctl_info(struct vcard *card, char **words, struct reply *reply)
{
	const struct vcard_config *config = &card->config;

	if (words[1])
		return usage(reply, "info");
	pthread_mutex_lock(&card->lock);
	reply_put(reply, "ok {\"model\":\"%s\",\"serial\":\"%s\",\"firmware\":\"%s\",\"profile\":\"%s\","
	    "\"memory_bytes\":%llu,\"aperture_bytes\":%llu,\"queues\":%u,\"vms\":%u,\"vectors\":%u,"
	    "\"copy_engines\":%u,\"compute_engines\":%u}",
	    config->model, config->serial, card->firmware.versions[card->firmware.active],
	    config->base_profile ? "base" : "full", (unsigned long long)config->mem_bytes,
	    (unsigned long long)config->aperture_bytes, config->queues, config->vms,
	    config->vectors, config->copy_engines, config->compute_engines);
	pthread_mutex_unlock(&card->lock);
	return 0;
}

static void put_engines(struct vcard *card, struct reply *reply)
{
	reply_put(reply, ",\"engines\":[");
	for (unsigned int i = 0; i < card->sched.engine_count; i++) {
		struct engine *engine = &card->sched.engines[i];

		reply_put(reply, "%s{\"class\":\"%s\",\"index\":%u,\"queue\":%d,\"busy_ns\":%llu,"
		    "\"jobs\":%llu,\"operations\":%llu,\"macs\":%llu,\"bytes\":%llu,"
		    "\"preemptions\":%llu,\"preempt_late\":%llu,\"preempt_max_ns\":%llu,"
		    "\"preempt_cpu_max_ns\":%llu}",
		    i ? "," : "", engine->class ? "compute" : "copy", engine->index,
		    engine->queue ? engine->queue->id : -1, (unsigned long long)engine->busy_ns,
		    (unsigned long long)atomic_load(&engine->descriptors),
		    (unsigned long long)atomic_load(&engine->operations),
		    (unsigned long long)atomic_load(&engine->macs),
		    (unsigned long long)atomic_load(&engine->bytes),
		    (unsigned long long)engine->preemptions,
		    (unsigned long long)engine->preempt_late,
		    (unsigned long long)engine->preempt_max_ns,
		    (unsigned long long)engine->preempt_cpu_max_ns);
	}
	reply_put(reply, "]");
}

static void put_queues(struct vcard *card, struct reply *reply)
{
	static const char *const schedules[] = { "idle", "ready", "busy", "waiting" };
	const char *comma = "";

	reply_put(reply, ",\"queues\":[");
	for (unsigned int id = 0; id < card->config.queues; id++) {
		struct queue *queue = &card->queues[id];

		if (queue->state == ACI_QUEUE_STATE_NONE)
			continue;
		/* A reader prefers a shorter list to broken JSON. */
		if (reply->room - reply->used < 512)
			break;
		reply_put(reply, "%s{\"id\":%u,\"vm\":%u,\"state\":%u,\"error\":%u,\"schedule\":\"%s\","
		    "\"jobs\":%llu,\"macs\":%llu,\"bytes\":%llu,\"active_ns\":%llu}",
		    comma, id, queue->vm->id, queue->state, queue->error,
		    schedules[queue->schedule],
		    (unsigned long long)atomic_load(&queue->jobs),
		    (unsigned long long)atomic_load(&queue->macs),
		    (unsigned long long)atomic_load(&queue->bytes),
		    (unsigned long long)queue_active_ns(queue, time_now_ns()));
		comma = ",";
	}
	reply_put(reply, "]");
}

static int ctl_stats(struct vcard *card, char **words, struct reply *reply)
{
	if (words[1])
		return usage(reply, "stats");
	reply_put(reply, "ok {\"irqs\":%llu,\"irqs_dropped\":%llu,\"kicks\":%llu,\"poller_sleeps\":%llu,"
	    "\"dma_maps\":%zu,\"generation\":%u",
	    (unsigned long long)atomic_load(&card->irqs),
	    (unsigned long long)atomic_load(&card->irqs_dropped),
	    (unsigned long long)atomic_load(&card->poller.kicks),
	    (unsigned long long)atomic_load(&card->poller.sleeps), dma_map_count(&card->dma),
	    ACI_RESET_GENERATION((uint32_t)vcard_reg_read(card, ACI_REG_RESET_STATUS, 4)));
	pthread_mutex_lock(&card->lock);
	put_engines(card, reply);
	put_queues(card, reply);
	pthread_mutex_unlock(&card->lock);
	reply_put(reply, "}");
	return 0;
}

static int ctl_help(struct vcard *card, char **words, struct reply *reply);

static const struct ctl_command {
	const char *name;
	const char *usage;
	int (*run)(struct vcard *card, char **words, struct reply *reply);
} commands[] = {
	{ "faults", "faults", ctl_faults },
	{ "clear", "clear", ctl_clear },
	{ "seed", "seed N", ctl_seed },
	{ "stats", "stats", ctl_stats },
	{ "info", "info", ctl_info },
	{ "log", "log error|warning|info|debug", ctl_log },
	{ "help", "help [FAULT]", ctl_help },
};

static int ctl_help(struct vcard *card, char **words, struct reply *reply)
{
	(void)card;
	if (words[1] && (words[2] || !fault_put_help(reply, words[1])))
		return usage(reply, "help [FAULT]");
	if (words[1])
		return 0;
	reply_put(reply, "ok ");
	fault_put_usage(reply);
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		reply_put(reply, "; %s", commands[i].usage);
	return 0;
}

/* Return: false if there are too many words or the line is too long. */
static bool split(char *copy, char *words[WORDS_MAX + 1])
{
	size_t count = 0;
	char *save;

	for (char *word = strtok_r(copy, " \t\r\n", &save); word;
	     word = strtok_r(NULL, " \t\r\n", &save)) {
		if (count == WORDS_MAX)
			return false;
		words[count++] = word;
	}
	words[count] = NULL;
	return count;
}

int vcard_ctl(struct vcard *card, const char *line, char *reply_text, size_t reply_bytes)
{
	struct reply reply = { .at = reply_text, .room = reply_bytes };
	char *words[WORDS_MAX + 1] = { NULL };
	char copy[256];
	int err;

	if (!reply_bytes)
		return -EINVAL;
	reply_text[0] = '\0';
	if (strlen(line) >= sizeof(copy))
		return reply_refuse(&reply, "line too long");
	strcpy(copy, line);
	if (!split(copy, words))
		return reply_refuse(&reply, "no command; try \"help\"");
	if (fault_command(card, words, &reply, &err))
		return err;
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		if (!strcmp(words[0], commands[i].name))
			return commands[i].run(card, words, &reply);
	}
	return reply_refuse(&reply, "unknown command; try \"help\"");
}
