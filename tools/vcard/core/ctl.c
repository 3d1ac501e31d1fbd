// SPDX-License-Identifier: MIT
/* Commands of the control socket: fault injection and statistics. */

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vcard.h"

#define WORDS_MAX	6

struct reply {
	char *at;
	size_t room;
	size_t used;
};

static void put(struct reply *reply, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void put(struct reply *reply, const char *format, ...)
{
	va_list args;
	int length;

	va_start(args, format);
	length = vsnprintf(reply->at + reply->used, reply->room - reply->used, format, args);
	va_end(args);
	if (length > 0)
		reply->used = MIN(reply->used + (size_t)length, reply->room - 1);
}

static int refuse(struct reply *reply, const char *why)
{
	put(reply, "error %s", why);
	return -EINVAL;
}

static int accept_command(struct reply *reply)
{
	put(reply, "ok");
	return 0;
}

static bool parse_number(const char *text, unsigned long max, unsigned int *value)
{
	unsigned long number;
	char *end;

	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	number = strtoul(text, &end, 10);
	if (errno || *end || number > max)
		return false;
	*value = (unsigned int)number;
	return true;
}

/* "queue=N" of an existing queue */
static struct queue *parse_queue(struct vcard *card, const char *word)
{
	unsigned int id;

	if (strncmp(word, "queue=", 6) || !parse_number(word + 6, UINT16_MAX, &id))
		return NULL;
	return queue_find(card, id);
}

/* --- hang next|queue=N|queue=new [COUNT] --- */

static int ctl_hang(struct vcard *card, char **words, struct reply *reply)
{
	_Atomic unsigned int *armed = &card->sched.hang_next;
	unsigned int count = 1;

	if (!words[1] || (words[2] && (!parse_number(words[2], 1000000, &count) || words[3])))
		return refuse(reply, "usage: hang next|queue=N|queue=new [COUNT]");
	if (!strcmp(words[1], "queue=new")) {
		armed = &card->sched.hang_new;
	} else if (strcmp(words[1], "next")) {
		struct queue *queue = parse_queue(card, words[1]);

		if (!queue)
			return refuse(reply, "no such queue");
		armed = &queue->hang_armed;
	}
	atomic_store(armed, count);
	return accept_command(reply);
}

/* --- corrupt next [queue=N] --- */

static int ctl_corrupt(struct vcard *card, char **words, struct reply *reply)
{
	struct queue *queue;

	if (!words[1] || strcmp(words[1], "next") || (words[2] && words[3]))
		return refuse(reply, "usage: corrupt next [queue=N]");
	if (!words[2]) {
		atomic_store(&card->sched.corrupt_next, 1);
		return accept_command(reply);
	}
	queue = parse_queue(card, words[2]);
	if (!queue)
		return refuse(reply, "no such queue");
	atomic_store(&queue->corrupt_armed, 1);
	return accept_command(reply);
}

/* --- fail scrub|selftest [COUNT] --- */

static int ctl_fail(struct vcard *card, char **words, struct reply *reply)
{
	unsigned int count = 1;

	if (!words[1] || (words[2] && (!parse_number(words[2], 1000000, &count) || words[3])))
		return refuse(reply, "usage: fail scrub|selftest [COUNT]");
	if (!strcmp(words[1], "scrub"))
		atomic_store(&card->fail_scrub, count);
	else if (!strcmp(words[1], "selftest"))
		atomic_store(&card->fail_self_test, count);
	else
		return refuse(reply, "usage: fail scrub|selftest [COUNT]");
	return accept_command(reply);
}

static int ctl_irq(struct vcard *card, char **words, struct reply *reply)
{
	unsigned int count;

	if (!words[1] || strncmp(words[1], "drop=", 5) || words[2] ||
	    !parse_number(words[1] + 5, 1000000000, &count))
		return refuse(reply, "usage: irq drop=N");
	atomic_store(&card->irq_drop, count);
	return accept_command(reply);
}

static int ctl_heartbeat(struct vcard *card, char **words, struct reply *reply)
{
	bool stop = words[1] && !strcmp(words[1], "stop");

	if (!words[1] || words[2] || (!stop && strcmp(words[1], "start")))
		return refuse(reply, "usage: heartbeat stop|start");
	atomic_store(&card->admin.heartbeat_stopped, stop);
	return accept_command(reply);
}

static int ctl_log(struct vcard *card, char **words, struct reply *reply)
{
	static const char *const levels[] = { "error", "warning", "info", "debug" };

	for (size_t i = 0; words[1] && !words[2] && i < ARRAY_SIZE(levels); i++) {
		if (!strcmp(words[1], levels[i])) {
			atomic_store(&card->log_level, (int)i);
			return accept_command(reply);
		}
	}
	return refuse(reply, "usage: log error|warning|info|debug");
}

/* --- Facts --- */

static int ctl_info(struct vcard *card, char **words, struct reply *reply)
{
	const struct vcard_config *config = &card->config;

	if (words[1])
		return refuse(reply, "usage: info");
	put(reply, "ok {\"model\":\"%s\",\"serial\":\"%s\",\"firmware\":\"%s\",\"profile\":\"%s\","
	    "\"memory_bytes\":%llu,\"aperture_bytes\":%llu,\"queues\":%u,\"vms\":%u,\"vectors\":%u,"
	    "\"copy_engines\":%u,\"compute_engines\":%u}",
	    config->model, config->serial, card->firmware.versions[card->firmware.active],
	    config->base_profile ? "base" : "full", (unsigned long long)config->mem_bytes,
	    (unsigned long long)config->aperture_bytes, config->queues, config->vms,
	    config->vectors, config->copy_engines, config->compute_engines);
	return 0;
}

static void put_engines(struct vcard *card, struct reply *reply)
{
	put(reply, ",\"engines\":[");
	for (unsigned int i = 0; i < card->sched.engine_count; i++) {
		struct engine *engine = &card->sched.engines[i];

		put(reply, "%s{\"class\":\"%s\",\"index\":%u,\"queue\":%d,\"busy_ns\":%llu,"
		    "\"jobs\":%llu,\"operations\":%llu,\"macs\":%llu,\"bytes\":%llu}",
		    i ? "," : "", engine->class ? "compute" : "copy", engine->index,
		    engine->queue ? engine->queue->id : -1, (unsigned long long)engine->busy_ns,
		    (unsigned long long)atomic_load(&engine->descriptors),
		    (unsigned long long)atomic_load(&engine->operations),
		    (unsigned long long)atomic_load(&engine->macs),
		    (unsigned long long)atomic_load(&engine->bytes));
	}
	put(reply, "]");
}

static void put_queues(struct vcard *card, struct reply *reply)
{
	static const char *const schedules[] = { "idle", "ready", "busy", "waiting" };
	const char *comma = "";

	put(reply, ",\"queues\":[");
	for (unsigned int id = 0; id < card->config.queues; id++) {
		struct queue *queue = &card->queues[id];

		if (queue->state == ACI_QUEUE_STATE_NONE)
			continue;
		/* A reader prefers a shorter list to broken JSON. */
		if (reply->room - reply->used < 512)
			break;
		put(reply, "%s{\"id\":%u,\"vm\":%u,\"state\":%u,\"error\":%u,\"schedule\":\"%s\","
		    "\"jobs\":%llu,\"macs\":%llu,\"bytes\":%llu,\"active_ns\":%llu}",
		    comma, id, queue->vm->id, queue->state, queue->error,
		    schedules[queue->schedule],
		    (unsigned long long)atomic_load(&queue->jobs),
		    (unsigned long long)atomic_load(&queue->macs),
		    (unsigned long long)atomic_load(&queue->bytes),
		    (unsigned long long)queue_active_ns(queue, time_now_ns()));
		comma = ",";
	}
	put(reply, "]");
}

static int ctl_stats(struct vcard *card, char **words, struct reply *reply)
{
	if (words[1])
		return refuse(reply, "usage: stats");
	put(reply, "ok {\"irqs\":%llu,\"irqs_dropped\":%llu,\"kicks\":%llu,\"poller_sleeps\":%llu,"
	    "\"dma_maps\":%zu,\"generation\":%u",
	    (unsigned long long)atomic_load(&card->irqs),
	    (unsigned long long)atomic_load(&card->irqs_dropped),
	    (unsigned long long)atomic_load(&card->poller.kicks),
	    (unsigned long long)atomic_load(&card->poller.sleeps), dma_map_count(&card->dma),
	    ACI_RESET_GENERATION((uint32_t)vcard_reg_read(card, ACI_REG_RESET_STATUS, 4)));
	put_engines(card, reply);
	put_queues(card, reply);
	put(reply, "}");
	return 0;
}

static int ctl_help(struct vcard *card, char **words, struct reply *reply);

static const struct ctl_command {
	const char *name;
	const char *usage;
	int (*run)(struct vcard *card, char **words, struct reply *reply);
} commands[] = {
	{ "hang", "hang next|queue=N|queue=new [COUNT]", ctl_hang },
	{ "corrupt", "corrupt next [queue=N]", ctl_corrupt },
	{ "fail", "fail scrub|selftest [COUNT]", ctl_fail },
	{ "irq", "irq drop=N", ctl_irq },
	{ "heartbeat", "heartbeat stop|start", ctl_heartbeat },
	{ "stats", "stats", ctl_stats },
	{ "info", "info", ctl_info },
	{ "log", "log error|warning|info|debug", ctl_log },
	{ "help", "help", ctl_help },
};

static int ctl_help(struct vcard *card, char **words, struct reply *reply)
{
	if (words[1])
		return refuse(reply, "usage: help");
	put(reply, "ok ");
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		put(reply, "%s%s", i ? "; " : "", commands[i].usage);
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

	if (!reply_bytes)
		return -EINVAL;
	reply_text[0] = '\0';
	if (strlen(line) >= sizeof(copy))
		return refuse(&reply, "line too long");
	strcpy(copy, line);
	if (!split(copy, words))
		return refuse(&reply, "no command; try \"help\"");
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		int err;

		if (strcmp(words[0], commands[i].name))
			continue;
		pthread_mutex_lock(&card->lock);
		err = commands[i].run(card, words, &reply);
		pthread_mutex_unlock(&card->lock);
		return err;
	}
	return refuse(&reply, "unknown command; try \"help\"");
}
