// SPDX-License-Identifier: GPL-2.0
/*
 * Every kind of fault that the driver can meet, again and again: a fault counts
 * only when the card took it and the driver saw it, by what it did or said. After
 * each one a job moves data through the card's memory, and every job that was ever
 * submitted has completed or failed with a reason.
 *
 * ACI_FAULTS: how many of each kind; ACI_FAULTS_SEED: of what is random about them.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "aci_harness.h"

#define FAULTS		1
#define BYTES		KIB(64)
#define TIMEOUT_MS	200
#define FAR_VA		(1ull << 46)	/* nothing is mapped there */
#define SPARE_VA	(1ull << 40)	/* for mappings that come and go */
#define DELAY_MS	"20"
#define DRIVER		"/sys/bus/pci/drivers/aci"
#define MESSAGES	"^aci [0-9a-f:.]+: .*card reset: .*$"

FIXTURE(fault_kind) {
	struct aci_card where;
	struct aci_ctx ctx;
	struct aci_buf host;
	struct aci_buf card;
	__u64 random;
	/* Of all jobs since the queue was made. */
	__u64 completed;
	__u64 failed;
};

/* What meets the fault. Returns an error, which is compared with the expected one. */
typedef int (*act_fn)(FIXTURE_DATA(fault_kind) *self);

/* What must be different when the driver saw it. */
enum sign {
	SIGN_RESULT,		/* no more than the result of the act */
	SIGN_RESET,		/* the card was reset */
	SIGN_GUILTY,		/* the queue has one more failure to its name */
	SIGN_QUARANTINE,	/* memory is not used any more */
	SIGN_CORRECTED,		/* the driver's telemetry counts it */
	SIGN_HOT,
};

FIXTURE_VARIANT(fault_kind) {
	const char *arm;	/* command of the virtual card's control channel */
	const char *name;	/* as the card counts it; NULL: as @arm; "": not at all */
	const char *undo;	/* NULL: it is over by itself */
	act_fn act;
	int result;
	enum sign sign;
};

/* --- What meets a fault --- */

static int run_job(FIXTURE_DATA(fault_kind) *self, const struct aci_desc *descs, __u32 count)
{
	int err = aci_run(self->ctx.fd, self->ctx.queue, descs, count);

	if (err)
		self->failed++;
	else
		self->completed++;
	return err;
}

/* A job whose result is looked at. */
static int act_job(FIXTURE_DATA(fault_kind) *self)
{
	__u8 value = (__u8)data_random(&self->random);
	struct aci_desc descs[] = {
		desc_fill(self->card.va, BYTES, value, 1),
		desc_copy(self->card.va, self->host.va, BYTES),
	};
	int err;

	memset(self->host.map, (__u8)~value, BYTES);
	err = run_job(self, descs, 2);
	return err ?: data_is(self->host.map, BYTES, value) ? 0 : -EBADMSG;
}

/* The card posts no other entry for a queue whose entry was not taken. */
static int act_new_queue(FIXTURE_DATA(fault_kind) *self)
{
	struct aci_desc nop = desc_nop();
	__u32 queue;
	int err;

	err = aci_queue_create(self->ctx.fd, self->ctx.vm, ACI_ENGINE_CLASS_COPY, 64, TIMEOUT_MS,
			       &queue);
	if (err)
		return err;
	err = aci_run(self->ctx.fd, queue, &nop, 1);
	return aci_queue_destroy(self->ctx.fd, queue) ?: err;
}

/* The next completion of a queue tells of one that was lost. */
static int act_two_jobs(FIXTURE_DATA(fault_kind) *self)
{
	struct aci_desc desc = desc_fill(self->host.va, 8, 1, 8);
	__u32 out;
	int err;

	err = aci_submit_out(self->ctx.fd, self->ctx.queue, &desc, 1, &out);
	if (err)
		return err;
	err = act_job(self);
	err = err ?: aci_sync_result(self->ctx.fd, out, 0);
	aci_sync_free(self->ctx.fd, out);
	self->completed += !err;
	return err;
}

/* A job that ends with an error by itself, which the card tells by an event. */
static int act_bad_job(FIXTURE_DATA(fault_kind) *self)
{
	struct aci_desc desc = desc_fill(FAR_VA, 8, 1, 8);

	return run_job(self, &desc, 1);
}

static int act_vm(FIXTURE_DATA(fault_kind) *self)
{
	__u32 vm;

	return aci_vm_create(self->ctx.fd, &vm) ?: aci_vm_destroy(self->ctx.fd, vm);
}

static int act_unbind(FIXTURE_DATA(fault_kind) *self)
{
	int err;

	err = aci_bind(self->ctx.fd, self->ctx.vm, self->host.handle, 0, SPARE_VA, BYTES, 0);
	/* Translated, so that there is something to invalidate. */
	if (!err) {
		struct aci_desc desc = desc_fill(SPARE_VA, 8, 1, 8);

		err = run_job(self, &desc, 1);
	}
	return err ?: aci_unbind(self->ctx.fd, self->ctx.vm, SPARE_VA, BYTES);
}

/* What was in use is scrubbed before others get it. */
static int act_free_memory(FIXTURE_DATA(fault_kind) *self)
{
	__u32 handle;

	return aci_bo_create(self->ctx.fd, BYTES, DRM_ACI_PLACEMENT_CARD, 0, &handle) ?:
	       aci_bo_close(self->ctx.fd, handle);
}

/* It comes by itself. */
static int act_nothing(FIXTURE_DATA(fault_kind) *self)
{
	return 0;
}

/* After the reset the firmware has to live, or the card is given up. */
static int act_revive(FIXTURE_DATA(fault_kind) *self)
{
	if (!card_reaches_state(&self->where, "resetting"))
		return -ETIME;
	return card_ctl("heartbeat start", NULL, 0);
}

/* A card reset that goes wrong needs a reason to be made. */
static int act_hang_firmware(FIXTURE_DATA(fault_kind) *self)
{
	return card_ctl("firmware hang", NULL, 0);
}

static int act_hang_job(FIXTURE_DATA(fault_kind) *self)
{
	struct aci_desc nop = desc_nop();

	return card_ctl("hang next", NULL, 0) ?: run_job(self, &nop, 1);
}

/* --- The kinds --- */

#define KIND(id, ...)	FIXTURE_VARIANT_ADD(fault_kind, id) { __VA_ARGS__ }

KIND(hang, .arm = "hang next", .name = "hang", .act = act_job, .result = -ETIMEDOUT,
     .sign = SIGN_GUILTY);
KIND(engine_hang, .arm = "engine hang class=copy", .name = "engine hang", .act = act_job,
     .result = -ETIMEDOUT, .sign = SIGN_RESET);
KIND(firmware_hang, .arm = "firmware hang", .name = "", .act = act_nothing, .sign = SIGN_RESET);
KIND(heartbeat_stop, .arm = "heartbeat stop", .name = "", .act = act_revive, .sign = SIGN_RESET);
KIND(slow, .arm = "slow us=1000", .name = "", .undo = "clear", .act = act_job);
KIND(irq_drop, .arm = "irq drop=1", .name = "irq drop", .act = act_job);
KIND(irq_duplicate, .arm = "irq duplicate", .act = act_job);
KIND(irq_delay, .arm = "irq delay ms=" DELAY_MS, .name = "irq delay", .act = act_job);
KIND(completion_lose, .arm = "completion lose", .act = act_two_jobs);
/* A queue that is suspended has exact counts again. */
KIND(count_ahead, .arm = "count ahead field=completed by=100000 after=1", .name = "count ahead",
     .act = act_job, .sign = SIGN_RESET);
KIND(count_back, .arm = "count back field=completed by=100000 after=1", .name = "count back",
     .act = act_job, .sign = SIGN_RESET);
KIND(event_lose, .arm = "event lose", .act = act_bad_job, .result = ACI_JOB_FAULT,
     .sign = SIGN_GUILTY);
KIND(event_corrupt, .arm = "event corrupt", .act = act_bad_job, .result = ACI_JOB_FAULT,
     .sign = SIGN_GUILTY);
KIND(notify_lose, .arm = "notify lose", .act = act_new_queue);
KIND(notify_corrupt, .arm = "notify corrupt", .act = act_new_queue);
KIND(admin_timeout, .arm = "admin timeout opcode=16", .name = "admin timeout", .act = act_vm,
     .result = -ETIMEDOUT, .sign = SIGN_RESET);
KIND(admin_lose, .arm = "admin lose opcode=16", .name = "admin lose", .act = act_vm,
     .result = -ETIMEDOUT, .sign = SIGN_RESET);
KIND(admin_fail, .arm = "admin fail opcode=16", .name = "admin fail", .act = act_vm,
     .result = -EIO);
KIND(admin_delay, .arm = "admin delay ms=" DELAY_MS, .name = "admin delay", .act = act_vm);
KIND(admin_corrupt, .arm = "admin corrupt opcode=16", .name = "admin corrupt", .act = act_vm,
     .result = -EAGAIN, .sign = SIGN_RESET);
KIND(invalidation_timeout, .arm = "invalidation timeout", .act = act_unbind,
     .sign = SIGN_RESET);
KIND(invalidation_fail, .arm = "invalidation fail", .act = act_unbind, .sign = SIGN_RESET);
KIND(invalidation_delay, .arm = "invalidation delay ms=" DELAY_MS,
     .name = "invalidation delay", .act = act_unbind);
KIND(ecc_corrected, .arm = "ecc corrected 1", .name = "", .act = act_nothing,
     .sign = SIGN_CORRECTED);
KIND(ecc_uncorrected, .arm = "ecc uncorrected", .act = act_job, .result = -EIO,
     .sign = SIGN_GUILTY);
KIND(scrub_fails, .arm = "fail scrub", .act = act_free_memory, .sign = SIGN_QUARANTINE);
KIND(temperature, .arm = "temperature celsius=120", .name = "", .undo = "clear",
     .act = act_nothing, .sign = SIGN_HOT);
KIND(queue_reset_fails, .arm = "reset fail level=queue", .name = "reset fail",
     .act = act_hang_job, .result = -ETIMEDOUT, .sign = SIGN_RESET);
KIND(queue_reset_hangs, .arm = "reset hang level=queue", .name = "reset hang",
     .act = act_hang_job, .result = -ETIMEDOUT, .sign = SIGN_RESET);
KIND(card_reset_fails, .arm = "reset fail level=card", .name = "reset fail",
     .act = act_hang_firmware, .sign = SIGN_RESET);
KIND(card_reset_hangs, .arm = "reset hang level=card", .name = "reset hang",
     .act = act_hang_firmware, .sign = SIGN_RESET);

/* --- The test --- */

FIXTURE_SETUP(fault_kind)
{
	ASSERT_OK(aci_card_find(0, &self->where));
	ASSERT_OK(aci_ctx_init(&self->ctx, 0, ACI_ENGINE_CLASS_COPY, TIMEOUT_MS));
	ASSERT_OK(aci_buf_init(&self->ctx, &self->host, BYTES, DRM_ACI_PLACEMENT_HOST, 0));
	ASSERT_OK(aci_buf_init(&self->ctx, &self->card, BYTES, DRM_ACI_PLACEMENT_CARD, 0));
	self->random = env_count("ACI_FAULTS_SEED", 1);
}

FIXTURE_TEARDOWN(fault_kind)
{
	char path[320], state[64] = "";

	card_ctl("clear", NULL, 0);
	card_ctl("heartbeat start", NULL, 0);
	aci_ctx_fini(&self->ctx);
	/* For the next test: if the driver gave the card up, or some of its memory. */
	snprintf(path, sizeof(path), "%s/aci/state", self->where.sysfs);
	if (variant->sign == SIGN_QUARANTINE ||
	    (file_read(path, state, sizeof(state)) > 0 && !strcmp(state, "wedged"))) {
		file_write(DRIVER "/unbind", self->where.pci);
		file_write(DRIVER "/bind", self->where.pci);
	}
}

/* How often the card took faults of the kind; 0 without a name for it. */
static unsigned int faults_taken(const char *name)
{
	static char reply[1 << 16];
	char key[64];
	const char *at;

	snprintf(key, sizeof(key), "\"%s\":", name);
	if (!*name || card_ctl("faults", reply, sizeof(reply)))
		return 0;
	at = strstr(reply, key);
	return at ? (unsigned int)strtoul(at + strlen(key), NULL, 10) : 0;
}

/* A value of the driver's last sample. */
static long long telemetry_value(FIXTURE_DATA(fault_kind) *self, const char *key)
{
	char path[320], text[4096], line[64];
	const char *at;

	snprintf(path, sizeof(path), "%s/aci/telemetry", self->where.sysfs);
	snprintf(line, sizeof(line), "\n%s ", key);
	if (file_read(path, text, sizeof(text)) <= 0)
		return -1;
	at = strstr(text, line);
	return at ? strtoll(at + strlen(line), NULL, 10) : -1;
}

static long long attribute_value(FIXTURE_DATA(fault_kind) *self, const char *name)
{
	char path[320], text[64];

	snprintf(path, sizeof(path), "%s/aci/%s", self->where.sysfs, name);
	return file_read(path, text, sizeof(text)) > 0 ? strtoll(text, NULL, 10) : -1;
}

static struct drm_aci_query_queue queue_state(FIXTURE_DATA(fault_kind) *self)
{
	struct drm_aci_query_queue state = { 0 };

	aci_query(self->ctx.fd, DRM_ACI_QUERY_QUEUE, self->ctx.queue, &state, sizeof(state));
	return state;
}

struct signs {
	__u64 generation;
	__u32 errors;
	long long quarantined;
	long long corrected;
};

static struct signs look(FIXTURE_DATA(fault_kind) *self)
{
	return (struct signs){
		.generation = aci_device_state(self->ctx.fd).reset_generation,
		.errors = queue_state(self).error_count,
		.quarantined = attribute_value(self, "card_memory_quarantined_bytes"),
		.corrected = telemetry_value(self, "ecc_corrected"),
	};
}

static bool is_seen(FIXTURE_DATA(fault_kind) *self, enum sign sign, const struct signs *before)
{
	struct signs now = look(self);

	switch (sign) {
	case SIGN_RESULT:
		return true;
	case SIGN_RESET:
		return now.generation > before->generation;
	case SIGN_GUILTY:
		return now.errors == before->errors + 1 && now.generation == before->generation;
	case SIGN_QUARANTINE:
		return now.quarantined > before->quarantined;
	case SIGN_CORRECTED:
		return now.corrected > before->corrected;
	case SIGN_HOT:
		return telemetry_value(self, "temperature_mc") >= 120000;
	}
	return false;
}

/* The driver may come to it a little later: it samples, and resets in a worker. */
static bool will_be_seen(FIXTURE_DATA(fault_kind) *self, enum sign sign,
			 const struct signs *before)
{
	__u64 end = now_ns() + aci_wait_ns();

	while (!is_seen(self, sign, before))
		if (now_ns() > end)
			return false;
	return true;
}

static void check_accounts(struct __test_metadata *_metadata, FIXTURE_DATA(fault_kind) *self)
{
	struct drm_aci_query_queue state = queue_state(self);

	EXPECT_EQ(self->completed, state.jobs_completed);
	EXPECT_FALSE(state.flags & DRM_ACI_QUEUE_BANNED);
	EXPECT_EQ(0, aci_device_state(self->ctx.fd).flags);
}

TEST_F_TIMEOUT(fault_kind, is_survived, 3600)
{
	unsigned int i, count = env_count("ACI_FAULTS", FAULTS), taken, seen = 0;
	const char *name = variant->name ?: variant->arm;
	struct signs before;
	int err;

	expect_some("fault_kinds", 4 * count, MESSAGES);
	ASSERT_OK(act_job(self));
	for (i = 0; i < count; i++) {
		before = look(self);
		taken = faults_taken(name);
		ASSERT_OK(card_ctl(variant->arm, NULL, 0));
		err = variant->act(self);
		ASSERT_EQ(variant->result, err)
			TH_LOG("fault %u of %u", i, count);
		ASSERT_TRUE(will_be_seen(self, variant->sign, &before))
			TH_LOG("fault %u of %u", i, count);
		if (*name)
			ASSERT_LT(taken, faults_taken(name));
		seen++;
		if (variant->undo)
			ASSERT_OK(card_ctl(variant->undo, NULL, 0));
		ASSERT_TRUE(card_reaches_state(&self->where, "ok"));
		/* What is left of it must not meet the next one. */
		ASSERT_OK(act_job(self))
			TH_LOG("after fault %u of %u", i, count);
	}
	expect_end("fault_kinds");
	check_accounts(_metadata, self);
	TH_LOG("%u faults, %llu jobs completed, %llu failed", seen,
	       (unsigned long long)self->completed, (unsigned long long)self->failed);
}

TEST_HARNESS_MAIN
