// SPDX-License-Identifier: MIT

#include <errno.h>
#include <limits.h>
#include <string.h>

#include <aci/aci_admin.h>
#include <aci/aci_status.h>

#include "reply.h"
#include "vcard.h"

/* --- The table --- */

enum {
	/* whom it is for */
	P_QUEUE = 1 << 0, P_CLASS = 1 << 1, P_VECTOR = 1 << 2, P_OPCODE = 1 << 3, P_LEVEL = 1 << 4,
	P_FIELD = 1 << 5,
	/* its value, one at most */
	P_MS = 1 << 6, P_US = 1 << 7, P_STATUS = 1 << 8, P_BY = 1 << 9, P_CELSIUS = 1 << 10,
	P_ADDRESS = 1 << 11, P_PLACE = 1 << 14,
	/* how often */
	P_COUNT = 1 << 12, P_TIMES = 1 << 13,
	P_NEEDED = P_LEVEL | P_MS | P_US | P_CELSIUS | P_ADDRESS,
};

#define OFTEN	(P_COUNT | P_TIMES)

static const struct param {
	unsigned int bit;
	const char *name;
	const char *usage;
	const char *const *words;	/* for 0, 1, 2, ...; else numbers up to max */
	uint64_t max;
} params[] = {
	{ P_QUEUE, "queue", "next|queue=N|queue=new", NULL, UINT16_MAX },
	{ P_CLASS, "class", "class=copy|compute",
	  (const char *const[]){ "copy", "compute", NULL }, 0 },
	{ P_VECTOR, "vector", "vector=N", NULL, VECTORS_MAX - 1 },
	{ P_OPCODE, "opcode", "opcode=N", NULL, UINT8_MAX },
	{ P_LEVEL, "level", "level=queue|card|flr|bus",
	  (const char *const[]){ "", "queue", "engine", "card", "flr", "bus", NULL }, 0 },
	{ P_FIELD, "field", "field=fetched|started|completed",
	  (const char *const[]){ "fetched", "started", "completed", NULL }, 0 },
	{ P_MS, "ms", "ms=N", NULL, 3600000 },
	{ P_US, "us", "us=N", NULL, 100000 },
	{ P_STATUS, "status", "status=N", NULL, UINT16_MAX },
	{ P_BY, "by", "by=N", NULL, UINT64_MAX },
	{ P_CELSIUS, "celsius", "celsius=N", NULL, 500 },
	{ P_ADDRESS, "address", "address=N", NULL, UINT64_MAX },
	{ P_PLACE, "place", "place=registers|replies|completions|invalidations|notifications|events|"
	  "records|pages",
	  (const char *const[]){ "registers", "replies", "completions", "invalidations",
				 "notifications", "events", "records", "pages", NULL }, 0 },
};

static int act_ecc_corrected(struct vcard *card, const struct fault_arm *arm, struct reply *reply);
static int act_temperature(struct vcard *card, const struct fault_arm *arm, struct reply *reply);
static int act_dma_write(struct vcard *card, const struct fault_arm *arm, struct reply *reply);
static int act_remove(struct vcard *card, const struct fault_arm *arm, struct reply *reply);
static int act_restore(struct vcard *card, const struct fault_arm *arm, struct reply *reply);

enum keeping { COUNTS, LASTS, AT_ONCE, ENDS };

static const struct spec {
	const char *group;
	const char *action;		/* NULL: the group's name says all */
	unsigned int params;
	enum keeping keeping;
	uint64_t value;			/* default of its parameter; ENDS: the fault that it ends */
	int (*act)(struct vcard *card, const struct fault_arm *arm, struct reply *reply);
	const char *help;
} specs[] = {
	[FAULT_HANG] = { "hang", NULL, P_QUEUE | OFTEN, COUNTS, 0, NULL,
		"Descriptors that start hang: they use engine time and make no progress, until a "
		"reset, the watchdog or PREEMPT_TIMEOUT." },
	[FAULT_CORRUPT] = { "corrupt", NULL, P_QUEUE | OFTEN, COUNTS, 0, NULL,
		"Invert the first element of the result of an operation of a program." },
	[FAULT_ENGINE_HANG] = { "engine", "hang", P_CLASS | OFTEN, COUNTS, 0, NULL,
		"An engine hangs in the descriptor that it starts and lets go only for a reset of "
		"the card or more: RESET_QUEUE and DELETE_QUEUE time out." },
	[FAULT_FIRMWARE_HANG] = { "firmware", "hang", 0, LASTS, 0, NULL,
		"The firmware hangs until a reset of the card or more: no heartbeat, no admin "
		"command. Engines and invalidations go on." },
	[FAULT_HEARTBEAT_STOP] = { "heartbeat", "stop", 0, LASTS, 0, NULL,
		"Stop the heartbeat alone." },
	[FAULT_SLOW] = { "slow", NULL, P_US, LASTS, 0, NULL,
		"Every descriptor, and every tile of one, takes this much longer." },
	[FAULT_IRQ_DROP] = { "irq", "drop", P_VECTOR | OFTEN, COUNTS, 0, NULL,
		"Do not send interrupts." },
	[FAULT_IRQ_DUPLICATE] = { "irq", "duplicate", P_VECTOR | OFTEN, COUNTS, 0, NULL,
		"Send interrupts twice." },
	[FAULT_IRQ_DELAY] = { "irq", "delay", P_VECTOR | P_MS | OFTEN, COUNTS, 0, NULL,
		"Send interrupts later." },
	[FAULT_COMPLETION_LOSE] = { "completion", "lose", P_QUEUE | OFTEN, COUNTS, 0, NULL,
		"Do not say that a descriptor is complete: neither completed nor a notification is "
		"written for it. The next completion of the queue tells of both." },
	[FAULT_COUNT_AHEAD] = { "count", "ahead", P_QUEUE | P_FIELD | P_BY | OFTEN, COUNTS, 1, NULL,
		"Write a count of the control record too high (default: completed, by 1)." },
	[FAULT_COUNT_BACK] = { "count", "back", P_QUEUE | P_FIELD | P_BY | OFTEN, COUNTS, 1, NULL,
		"Write a count of the control record too low: it goes backwards." },
	[FAULT_EVENT_LOSE] = { "event", "lose", OFTEN, COUNTS, 0, NULL,
		"Do not post events." },
	[FAULT_EVENT_CORRUPT] = { "event", "corrupt", OFTEN, COUNTS, 0, NULL,
		"Post events of random contents; only the phase is right." },
	[FAULT_NOTIFY_LOSE] = { "notify", "lose", P_QUEUE | OFTEN, COUNTS, 0, NULL,
		"Do not post notifications, although the card takes them for posted." },
	[FAULT_NOTIFY_CORRUPT] = { "notify", "corrupt", P_QUEUE | OFTEN, COUNTS, 0, NULL,
		"Post notifications that name a random queue." },
	[FAULT_ADMIN_TIMEOUT] = { "admin", "timeout", P_OPCODE | OFTEN, COUNTS, 0, NULL,
		"Never execute nor complete an admin command; ABORT gets rid of it." },
	[FAULT_ADMIN_LOSE] = { "admin", "lose", P_OPCODE | OFTEN, COUNTS, 0, NULL,
		"Execute an admin command and lose its completion." },
	[FAULT_ADMIN_FAIL] = { "admin", "fail", P_OPCODE | P_STATUS | OFTEN, COUNTS,
		ACI_STATUS_INTERNAL, NULL,
		"Complete an admin command with this status (default INTERNAL), not executed." },
	[FAULT_ADMIN_DELAY] = { "admin", "delay", P_OPCODE | P_MS | OFTEN, COUNTS, 0, NULL,
		"Execute an admin command later." },
	[FAULT_ADMIN_CORRUPT] = { "admin", "corrupt", P_OPCODE | OFTEN, COUNTS, 0, NULL,
		"Complete an admin command with a random id and result." },
	[FAULT_INVAL_TIMEOUT] = { "invalidation", "timeout", OFTEN, COUNTS, 0, NULL,
		"Never complete an invalidation, nor those behind it, until a disable or reset." },
	[FAULT_INVAL_FAIL] = { "invalidation", "fail", P_STATUS | OFTEN, COUNTS,
		ACI_STATUS_INTERNAL, NULL,
		"Fail an invalidation with this status (default INTERNAL)." },
	[FAULT_INVAL_DELAY] = { "invalidation", "delay", P_MS | OFTEN, COUNTS, 0, NULL,
		"Begin an invalidation later." },
	[FAULT_INVAL_SKIP] = { "invalidation", "skip", OFTEN, COUNTS, 0, NULL,
		"Complete an invalidation without dropping translations: what is unmapped then is "
		"still accessed." },
	[FAULT_SCRUB] = { "fail", "scrub", OFTEN, COUNTS, 0, NULL,
		"Fail SCRUB commands." },
	[FAULT_SELF_TEST] = { "fail", "selftest", OFTEN, COUNTS, 0, NULL,
		"Fail SELF_TEST commands." },
	[FAULT_ECC_CORRECTED] = { "ecc", "corrected", P_COUNT, AT_ONCE, 0, act_ecc_corrected,
		"Count corrected memory errors." },
	[FAULT_ECC_UNCORRECTED] = { "ecc", "uncorrected", P_QUEUE | P_ADDRESS | OFTEN, COUNTS, 0,
		NULL,
		"A descriptor that starts meets an uncorrectable memory error at this address: "
		"its queue halts, the health log counts and warns." },
	[FAULT_TEMPERATURE] = { "temperature", NULL, P_CELSIUS, LASTS, 0, act_temperature,
		"Hold the board at a temperature. Above the limit the card throttles and warns." },
	[FAULT_DMA_WRITE] = { "dma", "write", P_ADDRESS, AT_ONCE, 0, act_dma_write,
		"Write 8 bytes of 0xff to a bus address, as a stray DMA does; an error means that "
		"nothing is mapped there." },
	[FAULT_RESET_FAIL] = { "reset", "fail", P_LEVEL | OFTEN, COUNTS, 0, NULL,
		"A reset of this level fails: RESET_QUEUE with INTERNAL, the reset register with "
		"FAILED, a Function Level or bus reset without any effect." },
	[FAULT_RESET_HANG] = { "reset", "hang", P_LEVEL | OFTEN, COUNTS, 0, NULL,
		"A reset of this level does not end: RESET_QUEUE never completes, the reset register "
		"stays BUSY, after a Function Level or bus reset the card answers only all ones "
		"until a bus reset works." },
	[FAULT_REMOVE] = { "remove", NULL, 0, LASTS, 0, act_remove,
		"Surprise removal: all reads give all ones, writes are lost, no DMA." },
	[FAULT_POWER_LOSE] = { "power", "lose", OFTEN, COUNTS, 0, NULL,
		"Lose power in D3hot, as in a system that sleeps: in D0 again, the card is in its "
		"power-on state and has lost its memory." },
	[FAULT_DEFY] = { "defy", NULL, P_PLACE | OFTEN, COUNTS, 0, NULL,
		"Be hostile: change words at random that the card writes for the host or answers "
		"reads of registers with, and do all else as told." },
	{ "heartbeat", "start", 0, ENDS, FAULT_HEARTBEAT_STOP, NULL,
		"Start the heartbeat again." },
	{ "restore", NULL, 0, ENDS, FAULT_REMOVE, act_restore,
		"Plug the removed card in again, in its power-on state." },
};

const char *fault_name(unsigned int index)
{
	static _Thread_local char name[32];

	if (index >= ARRAY_SIZE(specs))
		return NULL;
	snprintf(name, sizeof(name), "%s%s%s", specs[index].group, specs[index].action ? " " : "",
		 specs[index].action ? specs[index].action : "");
	return name;
}

/* --- Taking --- */

void fault_init(struct faults *faults)
{
	pthread_mutex_init(&faults->lock, NULL);
}

void fault_destroy(struct faults *faults)
{
	pthread_mutex_destroy(&faults->lock);
}

/* splitmix64 (faults->lock) */
static uint64_t next_random(struct faults *faults)
{
	uint64_t z = faults->random += 0x9e3779b97f4a7c15ull;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

static void remove_arm(struct faults *faults, unsigned int at)
{
	atomic_fetch_sub(&faults->armed[faults->arms[at].id], 1);
	memmove(&faults->arms[at], &faults->arms[at + 1],
		(--faults->count - at) * sizeof(*faults->arms));
}

/* Return: whether this opportunity is the one. */
static bool use_arm(struct faults *faults, unsigned int at, struct fault *fault)
{
	struct fault_arm *arm = &faults->arms[at];

	if (arm->after) {
		arm->after--;
		return false;
	}
	if (arm->chance < 1000 && next_random(faults) % 1000 >= arm->chance)
		return false;
	if (fault)
		*fault = (struct fault){ .value = arm->value, .random = next_random(faults) };
	atomic_fetch_add(&faults->taken[arm->id], 1);
	if (arm->left != UINT_MAX && !--arm->left)
		remove_arm(faults, at);
	return true;
}

bool fault_take_field(struct vcard *card, enum fault_id id, int target, int field,
		      struct fault *fault)
{
	struct faults *faults = &card->faults;
	bool taken = false;

	if (!atomic_load_explicit(&faults->armed[id], memory_order_relaxed))
		return false;
	pthread_mutex_lock(&faults->lock);
	for (unsigned int i = 0; i < faults->count && !taken; i++) {
		const struct fault_arm *arm = &faults->arms[i];

		if (arm->id == id && (arm->target == FAULT_ANY || arm->target == target) &&
		    (arm->field == FAULT_ANY || arm->field == field)) {
			taken = use_arm(faults, i, fault);
			break;
		}
	}
	pthread_mutex_unlock(&faults->lock);
	return taken;
}

bool fault_take(struct vcard *card, enum fault_id id, int target, struct fault *fault)
{
	return fault_take_field(card, id, target, FAULT_ANY, fault);
}

/* All kinds of wrong: a bit, a neighbour, an extreme, anything. */
static uint64_t defy(uint64_t value, uint64_t random)
{
	switch (random % 8) {
	case 0:
		return 0;
	case 1:
		return UINT64_MAX;
	case 2:
		return value + 1;
	case 3:
		return value - 1;
	case 4:
		return value ^ 1ull << (random >> 8 & 63);
	case 5:
		return value ^ random << 32;
	case 6:
		return value | 1ull << 63;
	default:
		return random >> 3;
	}
}

uint64_t fault_defy64(struct vcard *card, enum fault_place place, uint64_t value)
{
	struct fault fault;

	if (!fault_take_field(card, FAULT_DEFY, FAULT_ANY, place, &fault))
		return value;
	return defy(value, fault.random);
}

void fault_defy(struct vcard *card, enum fault_place place, void *data, uint64_t bytes)
{
	struct fault fault;
	uint64_t value;

	if (bytes < sizeof(value) ||
	    !fault_take_field(card, FAULT_DEFY, FAULT_ANY, place, &fault))
		return;
	for (uint64_t word = 0; word <= fault.random >> 62; word++) {
		uint64_t offset = (fault.random >> 8 * word) % (bytes / sizeof(value)) *
				  sizeof(value);

		memcpy(&value, (uint8_t *)data + offset, sizeof(value));
		value = defy(value, fault.random >> word);
		memcpy((uint8_t *)data + offset, &value, sizeof(value));
	}
}

bool fault_look(struct vcard *card, enum fault_id id, uint64_t *value)
{
	struct faults *faults = &card->faults;
	bool armed = atomic_load_explicit(&faults->armed[id], memory_order_relaxed);

	if (!armed || !value)
		return armed;
	armed = false;
	pthread_mutex_lock(&faults->lock);
	for (unsigned int i = 0; i < faults->count; i++) {
		if (faults->arms[i].id == id) {
			*value = faults->arms[i].value;
			armed = true;
		}
	}
	pthread_mutex_unlock(&faults->lock);
	return armed;
}

void fault_clear(struct vcard *card, enum fault_id id)
{
	struct faults *faults = &card->faults;

	pthread_mutex_lock(&faults->lock);
	for (unsigned int i = faults->count; i-- > 0;) {
		if (faults->arms[i].id == id)
			remove_arm(faults, i);
	}
	pthread_mutex_unlock(&faults->lock);
}

static bool is_for_queue(enum fault_id id)
{
	return specs[id].params & P_QUEUE;
}

void fault_queue_created(struct vcard *card, unsigned int queue_id)
{
	struct faults *faults = &card->faults;

	pthread_mutex_lock(&faults->lock);
	for (unsigned int i = faults->count; i-- > 0;) {
		struct fault_arm *arm = &faults->arms[i];

		if (!is_for_queue(arm->id))
			continue;
		if (arm->target == (int)queue_id)
			remove_arm(faults, i);
		else if (arm->target == FAULT_NEW)
			arm->target = (int)queue_id;
	}
	pthread_mutex_unlock(&faults->lock);
}

/* Instead of an older one of the same kind and target; left 0 only takes that away. */
static bool add_arm(struct faults *faults, const struct fault_arm *arm)
{
	bool added = true;

	pthread_mutex_lock(&faults->lock);
	for (unsigned int i = faults->count; i-- > 0;) {
		const struct fault_arm *old = &faults->arms[i];

		if (old->id == arm->id && old->target == arm->target && old->field == arm->field)
			remove_arm(faults, i);
	}
	if (arm->left) {
		added = faults->count < FAULT_ARMS_MAX;
		if (added) {
			faults->arms[faults->count++] = *arm;
			atomic_fetch_add(&faults->armed[arm->id], 1);
		}
	}
	pthread_mutex_unlock(&faults->lock);
	return added;
}

/* --- Faults that act at once --- */

static int act_ecc_corrected(struct vcard *card, const struct fault_arm *arm, struct reply *reply)
{
	pthread_mutex_lock(&card->lock);
	health_count_ecc(card, arm->left, 0);
	pthread_mutex_unlock(&card->lock);
	return reply_accept(reply);
}

static int act_temperature(struct vcard *card, const struct fault_arm *arm, struct reply *reply)
{
	pthread_mutex_lock(&card->lock);
	health_set_temperature(card, (double)arm->value);
	pthread_mutex_unlock(&card->lock);
	return reply_accept(reply);
}

static int act_dma_write(struct vcard *card, const struct fault_arm *arm, struct reply *reply)
{
	if (!dma_store64(&card->dma, arm->value, UINT64_MAX))
		return reply_refuse(reply, "nothing is mapped there");
	return reply_accept(reply);
}

static int act_remove(struct vcard *card, const struct fault_arm *arm, struct reply *reply)
{
	(void)arm;
	card_remove(card);
	return reply_accept(reply);
}

static int act_restore(struct vcard *card, const struct fault_arm *arm, struct reply *reply)
{
	(void)arm;
	vcard_power_on(card);
	return reply_accept(reply);
}

/* --- Parser --- */

static bool parse_param(const struct param *param, const char *text, uint64_t *value)
{
	if (!param->words)
		return parse_number(text, param->max, value);
	for (*value = 0; param->words[*value]; ++*value) {
		if (*text && !strcmp(text, param->words[*value]))
			return true;
	}
	return false;
}

static const struct param *find_param(const char *word, unsigned int allowed)
{
	size_t length = strcspn(word, "=");

	for (size_t i = 0; i < ARRAY_SIZE(params); i++) {
		if (params[i].bit & allowed && word[length] &&
		    strlen(params[i].name) == length && !strncmp(params[i].name, word, length))
			return &params[i];
	}
	return NULL;
}

static bool queue_exists(struct vcard *card, uint64_t id)
{
	bool exists;

	pthread_mutex_lock(&card->lock);
	exists = queue_find(card, (unsigned int)id);
	pthread_mutex_unlock(&card->lock);
	return exists;
}

/* Return: what is wrong, or NULL. */
static const char *set_queue(struct vcard *card, const char *text, struct fault_arm *arm)
{
	uint64_t id;

	if (!strcmp(text, "new")) {
		arm->target = FAULT_NEW;
		return NULL;
	}
	if (!parse_number(text, UINT16_MAX, &id) || !queue_exists(card, id))
		return "no such queue";
	arm->target = (int)id;
	return NULL;
}

static const char *set_param(struct vcard *card, const struct param *param, const char *text,
			     struct fault_arm *arm)
{
	uint64_t value;

	if (param->bit == P_QUEUE)
		return set_queue(card, text, arm);
	if (!parse_param(param, text, &value))
		return "a parameter has no such value";
	if (param->bit & (P_CLASS | P_VECTOR | P_OPCODE | P_LEVEL))
		arm->target = (int)value;
	else if (param->bit & (P_FIELD | P_PLACE))
		arm->field = (int)value;
	else
		arm->value = value;
	return NULL;
}

/* One word after the name. @given: what was said already. */
static const char *parse_word(struct vcard *card, const struct spec *spec, const char *word,
			      struct fault_arm *arm, unsigned int *given)
{
	const struct param *param = find_param(word, spec->params);
	unsigned int bit = param ? param->bit : 0;
	const char *wrong = NULL;
	uint64_t number;

	if (param) {
		wrong = set_param(card, param, strchr(word, '=') + 1, arm);
	} else if (spec->params & P_COUNT && parse_number(word, 1000000000, &number)) {
		bit = P_COUNT;
		arm->left = (unsigned int)number;
	} else if (spec->params & P_TIMES && !strncmp(word, "after=", 6) &&
		   parse_number(word + 6, 1000000000, &number)) {
		arm->after = (unsigned int)number;
	} else if (spec->params & P_TIMES && !strncmp(word, "chance=", 7) &&
		   parse_number(word + 7, 1000, &number)) {
		arm->chance = (unsigned int)number;
	} else if (spec->params & P_QUEUE && !strcmp(word, "next")) {
		*given |= P_QUEUE;
		return NULL;
	} else {
		return "unknown parameter";
	}
	if (!wrong && bit != P_QUEUE && *given & bit)
		wrong = "a parameter is given twice";
	*given |= bit;
	return wrong;
}

static void put_params(struct reply *reply, const struct spec *spec)
{
	for (size_t i = 0; i < ARRAY_SIZE(params); i++) {
		bool needed = params[i].bit & P_NEEDED;

		/* Without an action the target is what the sentence is about. */
		needed |= params[i].bit == P_QUEUE && !spec->action;
		if (params[i].bit & spec->params)
			reply_put(reply, needed ? " %s" : " [%s]", params[i].usage);
	}
	if (spec->params & P_COUNT)
		reply_put(reply, " [COUNT]");
	if (spec->params & P_TIMES)
		reply_put(reply, " [after=N] [chance=PERMILLE]");
}

static void put_usage(struct reply *reply, const struct spec *spec)
{
	reply_put(reply, "%s%s%s", spec->group, spec->action ? " " : "",
		  spec->action ? spec->action : "");
	put_params(reply, spec);
}

static int refuse_usage(struct reply *reply, const struct spec *spec, const char *why)
{
	reply_put(reply, "error %s; usage: ", why);
	put_usage(reply, spec);
	return -EINVAL;
}

static int arm_fault(struct vcard *card, const struct spec *spec, const struct fault_arm *arm,
		     struct reply *reply)
{
	if (spec->keeping == ENDS)
		fault_clear(card, (enum fault_id)spec->value);
	else if (spec->keeping != AT_ONCE && !add_arm(&card->faults, arm))
		return reply_refuse(reply, "too many faults are armed");
	if (spec->keeping == AT_ONCE)
		atomic_fetch_add(&card->faults.taken[arm->id], 1);
	return spec->act ? spec->act(card, arm, reply) : reply_accept(reply);
}

/* @words: what follows the name */
static int run_spec(struct vcard *card, const struct spec *spec, char **words, struct reply *reply)
{
	struct fault_arm arm = {
		.id = (enum fault_id)(spec - specs), .target = FAULT_ANY,
		.field = spec->params & P_FIELD ? FAULT_FIELD_COMPLETED : FAULT_ANY,
		.value = spec->value, .left = spec->keeping == LASTS ? UINT_MAX : 1, .chance = 1000,
	};
	unsigned int given = 0, needed = spec->params & P_NEEDED;

	if (spec->action && strchr(*words, '=')) {
		uint64_t count;

		/* "irq drop=3" */
		if (!(spec->params & P_COUNT) ||
		    !parse_number(strchr(*words, '=') + 1, 1000000000, &count))
			return refuse_usage(reply, spec, "wrong count");
		arm.left = (unsigned int)count;
		given |= P_COUNT;
	}
	for (words += !!spec->action; *words; words++) {
		const char *wrong = parse_word(card, spec, *words, &arm, &given);

		if (wrong)
			return refuse_usage(reply, spec, wrong);
	}
	if (!spec->action)
		needed |= spec->params & P_QUEUE;
	/* An address of an ECC error may be left out. */
	if (arm.id == FAULT_ECC_UNCORRECTED)
		needed = 0;
	if (needed & ~given)
		return refuse_usage(reply, spec, "a parameter is missing");
	return arm_fault(card, spec, &arm, reply);
}

static bool names_action(const struct spec *spec, const char *word)
{
	size_t length;

	if (!spec->action)
		return true;
	if (!word)
		return false;
	length = strcspn(word, "=");
	return strlen(spec->action) == length && !strncmp(spec->action, word, length);
}

bool fault_command(struct vcard *card, char **words, struct reply *reply, int *err)
{
	bool known = false;

	for (size_t i = 0; i < ARRAY_SIZE(specs); i++) {
		if (strcmp(words[0], specs[i].group))
			continue;
		known = true;
		if (names_action(&specs[i], words[1])) {
			*err = run_spec(card, &specs[i], words + 1, reply);
			return true;
		}
	}
	if (known)
		*err = reply_refuse(reply, "no such fault; try \"help\" and this word");
	return known;
}

/* --- What the table says --- */

void fault_put_usage(struct reply *reply)
{
	for (size_t i = 0; i < ARRAY_SIZE(specs); i++) {
		reply_put(reply, i ? "; " : "");
		put_usage(reply, &specs[i]);
	}
}

bool fault_put_help(struct reply *reply, const char *name)
{
	bool found = false;

	for (size_t i = 0; i < ARRAY_SIZE(specs); i++) {
		if (strcmp(name, specs[i].group))
			continue;
		reply_put(reply, found ? " | " : "ok ");
		put_usage(reply, &specs[i]);
		reply_put(reply, ": %s", specs[i].help);
		found = true;
	}
	return found;
}

int fault_print_help(FILE *file)
{
	for (size_t i = 0; i < ARRAY_SIZE(specs); i++) {
		char usage[256];
		struct reply reply = { .at = usage, .room = sizeof(usage) };

		put_usage(&reply, &specs[i]);
		if (fprintf(file, "%s\n    %s\n", usage, specs[i].help) < 0)
			return -EIO;
	}
	return fflush(file) ? -EIO : 0;
}

void fault_put_list(struct vcard *card, struct reply *reply)
{
	struct faults *faults = &card->faults;
	const char *comma = "";

	reply_put(reply, "{\"taken\":{");
	for (unsigned int id = 0; id < FAULT_COUNT; id++) {
		unsigned int taken = atomic_load(&faults->taken[id]);

		if (!taken)
			continue;
		reply_put(reply, "%s\"%s\":%u", comma, fault_name(id), taken);
		comma = ",";
	}
	reply_put(reply, "},\"armed\":[");
	pthread_mutex_lock(&faults->lock);
	for (unsigned int i = 0; i < faults->count; i++) {
		const struct fault_arm *arm = &faults->arms[i];

		reply_put(reply, "%s{\"fault\":\"%s\",\"target\":%d,\"value\":%llu,\"after\":%u,"
			  "\"chance\":%u", i ? "," : "", fault_name(arm->id), arm->target,
			  (unsigned long long)arm->value, arm->after, arm->chance);
		if (arm->left != UINT_MAX)
			reply_put(reply, ",\"left\":%u", arm->left);
		reply_put(reply, "}");
	}
	pthread_mutex_unlock(&faults->lock);
	reply_put(reply, "]}");
}

void fault_seed(struct vcard *card, uint64_t seed)
{
	pthread_mutex_lock(&card->faults.lock);
	card->faults.random = seed;
	pthread_mutex_unlock(&card->faults.lock);
}
